"""Read what people write about a comparison: `orders=invoices`, `orders: *, total=price * n`.

What it means for real tables is the work of `pairs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from whimbrel import errors
from whimbrel.engines import forms

_PAIRS: Final = {"(": ")", "[": "]"}
_QUOTES: Final = "'\"`"


def tables(said: Iterable[str]) -> dict[str, str]:
    """Read `a` and `a=b`, several with commas between them."""
    found: dict[str, str] = {}
    for text in said:
        for one in split(text, ","):
            source, target = _sides(one)
            if source in found:
                raise errors.UsageError(f"the table {source!r} is named twice")
            found[source] = target
    return found


def columns(said: Iterable[str], *, table: str | None = None) -> dict[str, dict[str, str]]:
    """Read `table: a, b=c, d=x + y, *`; without a table's name they are those of `table`."""
    found: dict[str, dict[str, str]] = {}
    for text in said:
        name, rest = of_table(text, table, option="--columns", example="orders: id, total=price*n")
        for one in split(rest, ","):
            source, target = _sides(one)
            found.setdefault(name, {})[source] = target
    return found


def keys(said: Iterable[str], *, table: str | None = None) -> dict[str, tuple[str, ...]]:
    """Read `table: a, b`."""
    found = {}
    for text in said:
        name, rest = of_table(text, table, option="--key", example="orders: id")
        found[name] = tuple(split(rest, ","))
    return found


def wheres(
    source: Iterable[str], target: Iterable[str], *, table: str | None = None
) -> dict[str, tuple[str, str]]:
    """Read `table: condition` for both sides; one that is given once holds for both."""
    ours = dict(of_table(t, table, option="--where", example="orders: id > 5") for t in source)
    theirs = dict(
        of_table(t, table, option="--where-target", example="orders: id > 5") for t in target
    )
    names = dict.fromkeys((*ours, *theirs))
    return {name: (ours.get(name, ""), theirs.get(name, ours.get(name, ""))) for name in names}


def tolerances(
    said: Iterable[str], *, table: str | None = None
) -> dict[str, dict[str, forms.Tolerance]]:
    """Read `table.column=0.01` and `table.column=0.1%`."""
    found: dict[str, dict[str, forms.Tolerance]] = {}
    for text in said:
        name, _, amount = text.rpartition("=")
        of, _, column = name.rpartition(".")
        owner = of.strip() or table
        if not owner or not column.strip():
            raise errors.UsageError(
                f"{text!r} is no tolerance", remedy="write:  --tolerance orders.price=0.01"
            )
        found.setdefault(owner, {})[column.strip()] = tolerance(amount)
    return found


def tolerance(said: str | float | Decimal | forms.Tolerance) -> forms.Tolerance:
    """Read `0.01` (absolute) or `0.1%` (relative)."""
    if isinstance(said, forms.Tolerance):
        return said
    text = str(said).strip()
    relative = text.endswith("%")
    try:
        amount = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise errors.UsageError(
            f"{text!r} is no tolerance",
            remedy="write a number of the column's own unit, or a share:  0.01   0.1%",
        )
    if relative:
        return forms.Tolerance(relative=amount / 100)
    return forms.Tolerance(absolute=amount)


def sample(text: str) -> float:
    """Read `5%` as a share, `10000` as a number of rows."""
    plain = text.strip().replace("_", "").replace(",", "")
    try:
        if plain.endswith("%"):
            share = float(plain[:-1]) / 100
            if 0 < share < 1:
                return share
        elif int(plain) >= 1:
            return float(int(plain))
    except ValueError:
        pass
    raise errors.UsageError(
        f"{text!r} is no sample", remedy="write a share or a number of rows:  5%   10000"
    )


def either(
    said: Sequence[str] | Mapping[str, str] | None,
) -> dict[str, str]:
    """Return names as they were given in Python: a list, or a mapping from source to target."""
    if said is None:
        return {}
    if isinstance(said, Mapping):
        return dict(said)
    if isinstance(said, str):
        return tables([said])
    return tables(said)


def of_table(text: str, table: str | None, *, option: str, example: str) -> tuple[str, str]:
    """Return the table that a text begins with, or `table`, and the rest."""
    head, colon, rest = text.partition(":")
    # `a::text` and `'x:y'` are part of an expression.
    if colon and not rest.startswith(":") and not any(mark in head for mark in "'\"(=,"):
        return head.strip(), rest.strip()
    if table is None:
        raise errors.UsageError(
            f"{option} does not say for which table", remedy=f"write:  {option} {example!r}"
        )
    return table, text.strip()


def _sides(text: str) -> tuple[str, str]:
    """Return what stands on both sides of the first equals sign that is alone."""
    for at in _outside(text):
        alone = text[at] == "=" and (at == 0 or text[at - 1] not in "<>!=:")
        if alone and text[at + 1 : at + 2] != "=":
            source, target = text[:at].strip(), text[at + 1 :].strip()
            if not source or not target:
                raise errors.UsageError(
                    f"{text!r} names one side only", remedy="write:  SOURCE=TARGET"
                )
            return source, target
    return text.strip(), text.strip()


def split(text: str, mark: str) -> list[str]:
    """Cut a text at a mark that stands outside of parentheses and quotes."""
    cuts = [at for at in _outside(text) if text[at] == mark]
    bounds = [-1, *cuts, len(text)]
    parts = [text[a + 1 : b].strip() for a, b in itertools.pairwise(bounds)]
    return [part for part in parts if part]


def _outside(text: str) -> Iterator[int]:
    """Yield the places outside of parentheses and quotes."""
    closing: list[str] = []
    quote = ""
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES:
            quote = letter
        elif letter in _PAIRS:
            closing.append(_PAIRS[letter])
        elif closing:
            if letter == closing[-1]:
                closing.pop()
        else:
            yield at
