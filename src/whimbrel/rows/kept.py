"""What is kept of a row that was put aside so that it can be written after all.

That is the text of every value in the form in which it was carried (`engines.forms`), by the name
of the column that it was to enter, as plain values for the journal. The journal also has the row as
people read it; that alone would not tell a number from its text, or NULL from the word.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import errors
from whimbrel.engines import codec, forms, transport

_PLAIN: Final = forms.Form(family=forms.Family.TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value on its way into a column: its text, its form, the type that it had."""

    column: str
    text: bytes | None
    form: forms.Form
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row on its way into a table; `as_read` says that rules have not been applied to it."""

    table: str
    cells: tuple[Cell, ...]
    as_read: bool = False


def dump(
    table: str,
    carried: Sequence[transport.Carried],
    row: codec.Texts,
    *,
    as_read: bool = False,
) -> dict[str, object]:
    """Return a row as plain values."""
    return {
        "table": table,
        "as_read": as_read,
        "columns": {
            one.column.name: {
                "text": None if text is None else text.decode("utf-8", "surrogateescape"),
                "type": one.value.column.type,
                **_form(one.value.form),
            }
            for one, text in zip(carried, row, strict=True)
        },
    }


def load(kept: Mapping[str, object]) -> Row:
    """Read what `dump` gave; raise ValueNotReadable."""
    try:
        columns = kept["columns"]
        if not isinstance(columns, dict):
            raise TypeError("columns are a table")
        return Row(
            table=str(kept["table"]),
            cells=tuple(_cell(str(name), said) for name, said in columns.items()),
            as_read=kept.get("as_read") is True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise errors.ValueNotReadable(
            str(dict(kept)), cause=f"{type(error).__name__}: {error}"
        ) from error


def _form(form: forms.Form) -> dict[str, object]:
    """Return what a form says beside its defaults."""
    said: dict[str, object] = {"family": form.family.value}
    for field in dataclasses.fields(form):
        value = getattr(form, field.name)
        if field.name not in ("family", "notes") and value != getattr(_PLAIN, field.name):
            said[field.name] = value
    return said


def _cell(name: str, said: Mapping[str, object]) -> Cell:
    text = said["text"]
    scale = said.get("scale")
    return Cell(
        column=name,
        text=None if text is None else str(text).encode("utf-8", "surrogateescape"),
        form=forms.Form(
            family=forms.Family(said["family"]),
            scale=scale if isinstance(scale, int) else None,
            padded=said.get("padded") is True,
            long=said.get("long") is True,
            typed=said.get("typed") is True,
            stores=str(said.get("stores", "")),
            own=str(said.get("own", "")),
        ),
        type=str(said["type"]),
    )
