"""What a part of a table has to show to stand for all of it, and which rows show it.

Of each column: NULL, the least and the most, the longest, nothing at all, what is not ASCII, values
that are none of the column's type, dates that are none, values at the border of a constraint, and
every value where there are few. Rows come in any order, and the same ones are chosen: of several
that show the same, the one with the lowest rank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from whimbrel import tables
from whimbrel.engines import codec, forms
from whimbrel.engines.forms import Family
from whimbrel.rehearsal import keyed

# A column with more values than these is no enumeration.
MOST_VALUES: Final = 64
# Nor is one in which a value is not there so often, on the whole.
ROWS_A_VALUE: Final = 4

_NUMBERS: Final[Mapping[Family, Callable[[bytes], int | float | Decimal]]] = {
    Family.INTEGER: int,
    Family.DECIMAL: lambda text: Decimal(text.decode("ascii")),
    Family.FLOAT: float,
}
_MOMENTS: Final = frozenset({Family.DATE, Family.DATETIME, Family.INSTANT, Family.TIME})
_WORDS: Final = frozenset({Family.TEXT, Family.JSON, Family.UUID, Family.OTHER})
# What the letter before a value says, where a column holds values of any type.
_LETTERS: Final = {"i": "a whole number", "r": "a real number", "t": "a text", "b": "bytes"}
_OWN_LETTERS: Final[Mapping[Family, str]] = {
    Family.INTEGER: "i",
    Family.BOOLEAN: "i",
    Family.DECIMAL: "ir",
    Family.FLOAT: "ir",
    Family.BINARY: "b",
}
_LITERAL: Final = re.compile(r"'((?:[^']|'')*)'|(?<![\w.'\"`])(-?\d+(?:\.\d+)?)(?![\w.'\"`])")
_NO_DATE: Final = re.compile(rb"\d{4}-(?:00-\d\d|\d\d-00)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Something that a row shows: what, of which column, and the row's key."""

    column: str
    what: str
    key: keyed.Key


@dataclass(slots=True)
class _Best:
    measure: object
    rank: bytes
    key: keyed.Key


class Coverage:
    """Watches the rows of one table go by, and keeps those that show something."""

    def __init__(self, shape: keyed.Keyed) -> None:
        self._shape = shape
        edges = borders(shape.table)
        alone = {columns[0] for columns in _uniques(shape.table) if len(columns) == 1}
        self._columns = [
            _Column(value.column, value.form, edges.get(value.column.name, frozenset()),
                    unique=value.column.name in alone, counted=shape.counts(place))
            for place, value in enumerate(shape.values[: len(shape.table.columns)])
        ]  # fmt: skip

    def take(self, rows: Sequence[codec.Texts], ranks: Sequence[bytes]) -> None:
        """Look at some rows."""
        # The lowest rank last: it is the one that stays in a dictionary.
        order = sorted(range(len(rows)), key=ranks.__getitem__, reverse=True)
        for column, texts in zip(self._columns, zip(*rows, strict=True), strict=False):
            best = dict(zip((texts[at] for at in order), order, strict=True))
            column.take(best, ranks, lambda at: self._shape.of(rows[at]))

    def shown(self, rows: int) -> list[Shown]:
        """Return what there is to show in so many rows, each with the row that does."""
        return [one for column in self._columns for one in column.shown(rows)]


class _Column:
    def __init__(
        self,
        column: tables.FoundColumn,
        form: forms.Form,
        edges: frozenset[str],
        *,
        unique: bool,
        counted: bool,
    ) -> None:
        self._name = column.name
        self._form = form
        self._edges = edges
        self._counted = counted
        self._best: dict[str, _Best] = {}
        # Of a column in which no value is there twice, none stands for others.
        self._values: dict[bytes, _Best] | None = None if unique else {}
        self._named = form.family is Family.BOOLEAN or column.type.lower().startswith("enum")

    def shown(self, rows: int) -> Iterator[Shown]:
        for what, best in self._best.items():
            yield Shown(column=self._name, what=what, key=best.key)
        values = self._values or {}
        if self._named or ROWS_A_VALUE * len(values) <= rows:
            for text in sorted(values):
                said = keyed.plain(text).decode("utf-8", "replace")
                yield Shown(column=self._name, what=f"value {said}", key=values[text].key)

    def take(
        self,
        best: dict[bytes | None, int],
        ranks: Sequence[bytes],
        key_of: Callable[[int], keyed.Key],
    ) -> None:
        null = best.pop(None, None)
        if null is not None:
            self._offer("NULL", None, ranks[null], null, key_of)
        found: dict[bytes, int] = best  # type: ignore[assignment]
        if self._values is not None:
            for text, at in found.items():
                known = self._values.get(text)
                if known is None or ranks[at] < known.rank:
                    self._values[text] = _Best(None, ranks[at], key_of(at))
            if len(self._values) > MOST_VALUES and not self._named:
                self._values = None
        for what, measure, at in self._features(found):
            self._offer(what, measure, ranks[at], at, key_of)

    def _offer(
        self,
        what: str,
        measure: object,
        rank: bytes,
        at: int,
        key_of: Callable[[int], keyed.Key],
    ) -> None:
        """Keep a row that shows something more than what is kept, or as much at a lower rank."""
        known = self._best.get(what)
        if known is not None:
            if known.measure == measure:
                if rank >= known.rank:
                    return
            elif not _beyond(what, measure, known.measure):
                return
        self._best[what] = _Best(measure, rank, key_of(at))

    def _features(self, found: dict[bytes, int]) -> Iterator[tuple[str, object, int]]:
        if self._counted:
            yield from _extremes(found, int, "no bytes")
            return
        odd = {text: at for text, at in found.items() if _odd(text, self._form)}
        for text, at in odd.items():
            yield "a value that is none of its type", None, at
            found.pop(text)
        if not self._form.typed:
            yield from self._of_family(self._form.family, found, "")
            return
        by_letter: dict[str, dict[bytes, int]] = {}
        numbers: dict[bytes, int] = {}
        for text, at in found.items():
            by_letter.setdefault(text[:1].decode(), {})[text[2:]] = at
        for letter, several in by_letter.items():
            before = ""
            if letter not in _OWN_LETTERS.get(self._form.family, "t"):
                before = f"{_LETTERS.get(letter, letter)}: "
                for at in several.values():
                    yield before[:-2], None, at
            family = {"i": Family.INTEGER, "r": Family.FLOAT, "b": Family.BINARY}.get(letter)
            if family is None:
                family = self._form.family if self._form.family in _MOMENTS else Family.TEXT
            if before == "" and family in _NUMBERS:
                # Whole and real numbers of one column are measured together.
                numbers |= several
            else:
                yield from self._of_family(family, several, before)
        yield from self._of_family(Family.DECIMAL, numbers, "")

    def _of_family(
        self, family: Family, found: dict[bytes, int], before: str
    ) -> Iterator[tuple[str, object, int]]:
        if not found:
            return
        for edge in self._edges:
            at = found.get(edge.encode())
            if at is not None:
                yield f"{before}border {edge}", None, at
        if family in _NUMBERS:
            for what, measure, at in _extremes(found, _NUMBERS[family], ""):
                yield f"{before}{what}", measure, at
        elif family in _MOMENTS:
            yield f"{before}least", min(found), found[min(found)]
            yield f"{before}most", max(found), found[max(found)]
            for text, at in found.items():
                if _NO_DATE.match(text):
                    yield f"{before}no date", None, at
        elif family in _WORDS or family is Family.BINARY:
            for what, measure, at in _words(found):
                yield f"{before}{what}", measure, at


def _extremes(
    found: Mapping[bytes, int], number: Callable[[bytes], object], nothing: str
) -> Iterator[tuple[str, object, int]]:
    measured: list[tuple[object, int]] = []
    for text, at in found.items():
        try:
            value = number(text)
        except (ValueError, ArithmeticError):
            yield "no number", None, at
            continue
        if value != value:
            yield "not a number", None, at
            continue
        measured.append((value, at))
    if not measured:
        return
    least = min(measured, key=lambda one: one[0])  # type: ignore[arg-type,return-value]
    most = max(measured, key=lambda one: one[0])  # type: ignore[arg-type,return-value]
    yield "least", least[0], least[1]
    yield "most", most[0], most[1]
    if nothing and least[0] == 0:
        yield nothing, None, least[1]


def _words(found: Mapping[bytes, int]) -> Iterator[tuple[str, object, int]]:
    yield "least", min(found), found[min(found)]
    yield "most", max(found), found[max(found)]
    if b"" in found:
        yield "empty", None, found[b""]
    if b"".join(found).isascii():
        length = max(map(len, found))
        for text, at in found.items():
            if len(text) == length:
                yield "longest", length, at
    else:
        for text, at in found.items():
            if not text.isascii():
                yield "not ASCII", None, at
                yield "longest", len(text.decode("utf-8", "replace")), at
                if max(text) >= 0xF0:
                    yield "beyond the basic characters", None, at
            else:
                yield "longest", len(text), at
    for text, at in found.items():
        if text[:1] == b" " or text[-1:] == b" ":
            yield "blanks at its ends", None, at


def _beyond(what: str, new: object, known: object) -> bool:
    if what.endswith("least"):
        return bool(new < known)  # type: ignore[operator]
    return bool(new > known)  # type: ignore[operator]


def _odd(text: bytes, form: forms.Form) -> bool:
    return text[:1] == b"\xff" or (
        text[:1] == b"!" and not form.typed and form.family not in _WORDS
    )


def _uniques(table: tables.Table) -> Iterator[tuple[str, ...]]:
    if table.primary_key:
        yield table.primary_key
    for unique in table.uniques:
        yield unique.columns
    for index in table.indexes:
        if index.unique and index.where is None:
            yield tuple(str(part) for part in index.columns)


def borders(table: tables.Table) -> dict[str, frozenset[str]]:
    """Return, by column, the values that its check constraints speak of, and those beside them."""
    found: dict[str, set[str]] = {}
    for check in table.checks:
        literals = set(_literals(check.sql))
        if not literals:
            continue
        words = {word.lower() for word in re.findall(r"[^\W\d]\w*", check.sql)}
        for column in table.columns:
            if {word.lower() for word in re.findall(r"\w+", column.name)} <= words:
                found.setdefault(column.name, set()).update(literals)
    return {name: frozenset(several) for name, several in found.items()}


def _literals(sql: str) -> Iterable[str]:
    for match in _LITERAL.finditer(sql):
        text, number = match.groups()
        if number is None:
            yield text.replace("''", "'")
            continue
        yield number
        if "." not in number:
            yield str(int(number) - 1)
            yield str(int(number) + 1)
