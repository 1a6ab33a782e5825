"""Columns of values written as the fields of blocks: lines of COPY, tuples of an INSERT.

The texts of values are those of `texts`, by which they are compared too; what stands around them
is said by `blocks`. Whole columns of some rows are written at once, and one call puts a row
together, which is what makes it fast. Columns of which the profiler has proven that SQLite writes
them just so are read as it has written them (`printing`), neighbours at once. Measured with
lineitem of TPC-H, 17 columns, in nanoseconds a row of processor time:

    rows fetched and nothing done with them                                      1,860
    COPY as it is written here, every value looked at                            3,900
    lines by SQL, texts with || between                                          2,720
    lines by one call of printf(), which cuts texts at a NUL                     1,610
    the same, decimals with as many digits as the longest has                    1,460
    the same, a page of rows as one value                                        1,360
    Python's csv writer, no value looked at                                      4,100

To ask for the type of every value while a line is written takes as long as to write it, and
nothing of what is odd may be written before all is known: so it is asked before, once. A page of
rows as one value needs the keys at which pages end. Two threads are no faster than one with any
of these: SQLite waits for its own locks.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from whimbrel.engines import blocks, bulk, forms, transport
from whimbrel.engines.forms import Family
from whimbrel.engines.sqlite import declared, printing, texts

# What the byte 0xFF is in a text: where any text is a proper value, it marks what is none.
MARK: Final = "\udcff"
_OPEN: Final = frozenset({Family.TEXT, Family.JSON, Family.OTHER})
_WHOLE: Final = frozenset({Family.INTEGER, Family.BOOLEAN})
# What is never odd in columns of these families, beside NULL.
_NUMBERS: Final[Mapping[Family, frozenset[type]]] = {
    Family.INTEGER: frozenset({int, type(None)}),
    Family.BOOLEAN: frozenset({int, type(None)}),
    Family.DECIMAL: frozenset({int, float, type(None)}),
    Family.FLOAT: frozenset({float, type(None)}),
}
# Days come again and again; these many are remembered.
_REMEMBERED: Final = 1 << 14
_DAY: Final = texts.one(forms.Form(family=Family.DATE))
_known_days: Final[set[str]] = set()

# How values stand in a row (as % reads it), and the values.
_Field = tuple[str, Sequence[object]]


class Written:
    """Neighbouring columns that SQLite itself has written, as they stand in a row."""

    def __init__(
        self, carried: Sequence[transport.Carried], format: transport.Format, *, whole: bool
    ) -> None:
        self.sql = printing.line(carried, format, whole=whole)
        #: Whether it is a whole row, with what stands before and behind it.
        self.whole = whole

    def write(self, values: Sequence[texts.Stored]) -> _Field:
        """Return them as they are."""
        return "%s", values


class Column:
    """One column on its way, as it is written in a format."""

    whole = False

    def __init__(self, carried: transport.Carried, format: transport.Format) -> None:
        self._carried = carried
        self.sql = carried.value.sql
        self._form = carried.value.form
        self._words = words(carried)
        self._copy = format is transport.Format.COPY
        self._bytes = blocks.as_bytes(carried) and not self._form.typed
        self._anything = self._form.typed or self._form.family in _OPEN
        family = self._form.family
        self._plain = not self._form.typed and self._form.scale is None
        self._around = self._brackets(family)
        self._never_odd = _NUMBERS.get(family, frozenset()) if self._plain else frozenset()
        self._null = "\\N" if self._copy else "NULL"

    def _brackets(self, family: Family) -> tuple[str, str]:
        if self._copy:
            return ("\\\\x", "") if self._bytes else ("", "")
        if self._bytes:
            return "x'", "'"
        return ("", "") if family in _WHOLE and not self._form.typed else ("'", "'")

    def write(self, values: Sequence[texts.Stored]) -> _Field:
        """Return values as they stand in rows; raise Unstorable for one that is odd."""
        kinds = set(map(type, values))
        before, behind = self._around
        if self._as_they_are(kinds, values):
            return f"{before}%s{behind}" if str in kinds else f"{before}%d{behind}", values
        found = texts.column(self._form, values, words=self._words)
        nulls = type(None) in kinds
        there = [text for text in found if text is not None] if nulls else found
        numbers = kinds <= self._never_odd
        change = None if numbers else self._changes(there)  # type: ignore[arg-type]
        if nulls:
            null = self._null
            if change is None:
                change = _unchanged
            return "%s", [
                null if text is None else f"{before}{change(text)}{behind}" for text in found
            ]
        return f"{before}%s{behind}", found if change is None else [*map(change, there)]  # type: ignore[arg-type]

    def _as_they_are(self, kinds: set[type], values: Sequence[texts.Stored]) -> bool:
        """Whether values are texts and numbers that are written as Python writes them."""
        if not self._plain:
            return False
        match self._form.family:
            case Family.INTEGER | Family.BOOLEAN | Family.DECIMAL:
                return kinds == {int}
            case Family.DATE:
                return kinds == {str} and _all_days(set(values))  # type: ignore[arg-type]
            case _:
                return False

    def _changes(self, there: Sequence[str]) -> Callable[[str], str] | None:
        """Return what has to be done to each text, if anything; raise Unstorable."""
        joined = "\n".join(there)
        mark = MARK if self._form.family in _OPEN or self._form.family is Family.BINARY else "!"
        if mark in joined and not self._form.typed and any(t.startswith(mark) for t in there):
            raise odd(self._carried)
        if self._anything:
            if not self._copy:
                return _doubled if "'" in joined else None
            special = "\\" in joined or "\t" in joined or "\r" in joined
            return _escaped if special or joined.count("\n") >= len(there) else None
        if self._form.family is Family.UUID and not self._bytes:
            return _dashed
        return None


def odd(carried: transport.Carried) -> bulk.Unstorable:
    """Return the refusal of a value that is none of the family in which it is carried."""
    return bulk.Unstorable(
        f"a value for {carried.column.name!r} is no {carried.value.form.family.value}: "
        "the column would keep something else"
    )


def words(carried: transport.Carried) -> bool:
    """Whether the column that is read is one of texts, and not of bytes."""
    return declared.family(carried.value.column.type) is not Family.BINARY


def columns(
    carried: Sequence[transport.Carried], format: transport.Format
) -> list[Column | Written]:
    """Return what is to be read of a row: columns, or several at once, written by SQLite."""
    found: list[Column | Written] = []
    for ready, some in itertools.groupby(carried, printing.can):
        group = list(some)
        if ready and len(group) > 1:
            found.append(Written(group, format, whole=len(group) == len(carried)))
        else:
            found += [Column(one, format) for one in group]
    return found


def lines(
    columns: Sequence[Column | Written],
    rows: Sequence[tuple[texts.Stored, ...]],
    format: transport.Format,
) -> list[str]:
    """Return some rows, each as a line of COPY or as a tuple."""
    copy = format is transport.Format.COPY
    if not columns:
        return ["\n" if copy else "()"] * len(rows)
    if columns[0].whole:
        return [line for (line,) in rows]  # type: ignore[misc]
    codes: list[str] = []
    written: list[Sequence[object]] = []
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        code, fields = column.write(values)
        codes.append(code)
        written.append(fields)
    shape = "\t".join(codes) + "\n" if copy else f"({','.join(codes)})"
    return [*map(shape.__mod__, zip(*written, strict=True))]


def _unchanged(text: str) -> str:
    return text


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _doubled(text: str) -> str:
    return text.replace("'", "''")


def _dashed(text: str) -> str:
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _all_days(found: set[str]) -> bool:
    """Whether all these texts are days, written as they are compared."""
    new = found - _known_days
    if not new:
        return True
    if any(_DAY(text) != text for text in new):
        return False
    if len(_known_days) + len(new) > _REMEMBERED:
        _known_days.clear()
    _known_days.update(new)
    return True
