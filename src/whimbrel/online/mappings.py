"""What a row of one side is on the other: fields by name, or by functions, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whimbrel import errors

# The values of a row by the names of its fields.
Values = Mapping[str, Any]
# Another field's name; a function of the row; None leaves the field out.
Source = str | Callable[[Values], Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """How the fields of one side are made of the other's."""

    sources: Mapping[str, str | Callable[[Values], Any]]
    # Fields that tell rows apart -> the other side's.
    key: Mapping[str, str]

    def values(self, row: Values) -> dict[str, Any]:
        """Return the values of the other side's row."""
        return {
            name: row[source] if isinstance(source, str) else source(row)
            for name, source in self.sources.items()
        }

    def key_of(self, key: Values) -> dict[str, Any]:
        """Return the other side's key."""
        return {mine: key[theirs] for mine, theirs in self.key.items()}


def made(
    said: Mapping[str, Source],
    *,
    fields: Sequence[str],
    source_fields: Sequence[str],
    required: Sequence[str],
    key: Mapping[str, str],
    what: str,
) -> Direction:
    """Return a direction; raise BadMapping for one that cannot be right.

    `fields` are those that are written, `source_fields` those that are read. What is not said is
    taken from the field of the same name, if there is one.
    """
    unknown = [name for name in said if name not in fields]
    unknown += [one for one in said.values() if isinstance(one, str) and one not in source_fields]
    if unknown:
        raise errors.BadMapping(
            f"{what} names fields that there are not: {errors.names(unknown)}",
            remedy=f"written are: {errors.names(fields)}\nread are: {errors.names(source_fields)}",
        )
    sources: dict[str, str | Callable[[Values], Any]] = {
        name: name for name in fields if name in source_fields and name not in said
    }
    sources.update({name: source for name, source in said.items() if source is not None})
    sources.update(key)
    missing = [name for name in required if name not in sources]
    if missing:
        raise errors.BadMapping(
            f"{what} does not say what these fields are made of: {errors.names(missing)}",
            remedy='name a field or give a function:  {"full_name": lambda row: row["name"]}',
        )
    return Direction(sources=sources, key=key)


def inverted(
    said: Mapping[str, Source], *, fields: Sequence[str], others: Sequence[str]
) -> dict[str, Source]:
    """Return what follows for the way back from names alone."""
    return {
        source: name
        for name, source in said.items()
        if isinstance(source, str) and source in fields and name in others
    }
