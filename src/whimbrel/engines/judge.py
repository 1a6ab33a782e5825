"""How an engine says what rules ask of values: are they equal, inside of bounds, of this shape.

Conditions and expressions only, in the engine's own SQL. A parameter stands as MARK in the text;
whoever sends it puts the driver's own placeholder there. Which rules there are, and what follows
from an answer, is the work of `proof`.
"""

from __future__ import annotations

import abc
import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from whimbrel import tables

# No SQL that anybody can send holds it.
MARK: Final = "\0"

Bound = Decimal | dt.date | dt.datetime | dt.time


class Kind(Enum):
    """What a column's values are, as far as rules ask."""

    NUMBER = "numbers"
    TRUTH = "yes or no"
    DATE = "dates"
    MOMENT = "dates with a time"
    INSTANT = "moments in a time zone"
    TIME = "times of day"
    TEXT = "texts"
    BINARY = "bytes"
    OTHER = "values of a type of its own"
    ANY = "values of any type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A piece of SQL, with one MARK for each of its parameters."""

    sql: str
    params: tuple[object, ...] = ()


class Unfit(Exception):
    """A rule does not fit a column; the text says why."""


class Judge(abc.ABC):
    """Says conditions that are true for values that offend; NULL never does.

    `column` is what the catalog says, `value` the SQL that reads it.
    """

    # What a TEXT is also read as.
    reads_texts = False

    def __init__(self, quote: Callable[[str], str]) -> None:
        self.quote = quote

    @abc.abstractmethod
    def kind(self, column: tables.FoundColumn) -> Kind:
        """Return what the values of a column are."""

    @abc.abstractmethod
    def exact(self, column: tables.FoundColumn, value: str) -> str:
        """Return what is equal for equal values and no others, whatever the collation."""

    @abc.abstractmethod
    def text(self, column: tables.FoundColumn, value: str) -> str:
        """Return the text of a value, compared character by character."""

    @abc.abstractmethod
    def folded(self, column: tables.FoundColumn, value: str) -> str:
        """Return the same as `text`, in small letters as far as the database knows them."""

    @abc.abstractmethod
    def total(self, value: str) -> str:
        """Return the sum of an expression over rows; it does not depend on their order."""

    def outside(
        self,
        column: tables.FoundColumn,
        value: str,
        least: Bound | None,
        most: Bound | None,
    ) -> Asked:
        """Return when a value is not between two bounds, which belong to it; raise Unfit."""
        kind = self.kind(column)
        bounds = [None if bound is None else fitted(kind, bound) for bound in (least, most)]
        return self._outside(column, kind, value, bounds[0], bounds[1])

    @abc.abstractmethod
    def _outside(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: Bound | None,
        most: Bound | None,
    ) -> Asked: ...

    def misshapen(
        self, column: tables.FoundColumn, value: str, least: int | None, most: int | None
    ) -> Asked:
        """Return when a text has too few or too many characters, or bytes; raise Unfit."""
        kind = self.kind(column)
        if kind not in {Kind.TEXT, Kind.BINARY, Kind.OTHER, Kind.ANY}:
            raise Unfit(f"it holds {kind.value}, which have no length")
        return self._misshapen(column, kind, value, least, most)

    @abc.abstractmethod
    def _misshapen(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: int | None,
        most: int | None,
    ) -> Asked: ...

    def unlike(self, column: tables.FoundColumn, value: str, pattern: str) -> Asked:
        """Return when a text does not match a regular expression; raise Unfit."""
        kind = self.kind(column)
        if kind not in {Kind.TEXT, Kind.OTHER, Kind.ANY}:
            raise Unfit(f"it holds {kind.value}, and a regular expression is about texts")
        return self._unlike(column, value, pieces(pattern))

    @abc.abstractmethod
    def _unlike(self, column: tables.FoundColumn, value: str, pattern: Sequence[str]) -> Asked: ...

    def none_of(self, column: tables.FoundColumn, value: str, allowed: Sequence[object]) -> Asked:
        """Return when a value is none of those allowed; raise Unfit."""
        kind = self.kind(column)
        marks = ", ".join(MARK for _ in allowed)
        if all(isinstance(one, str) for one in allowed):
            return Asked(sql=f"{self.text(column, value)} NOT IN ({marks})", params=tuple(allowed))
        given: list[object] = []
        for one in allowed:
            if isinstance(one, bool) and kind in {Kind.TRUTH, Kind.NUMBER, Kind.ANY}:
                given.append(one if kind is Kind.TRUTH else int(one))
            elif isinstance(one, int | float | Decimal | dt.date | dt.time):
                number = isinstance(one, int | float | Decimal)
                if number and kind is Kind.TRUTH and one in (0, 1):
                    given.append(bool(one))
                    continue
                bound = Decimal(str(one)) if number else one
                given.append(self._sent(fitted(kind, bound)))  # type: ignore[arg-type]
            else:
                raise Unfit(f"it holds {kind.value}, and {one!r} is none")
        return Asked(sql=f"{self.exact(column, value)} NOT IN ({marks})", params=tuple(given))

    def _sent(self, bound: Bound) -> object:
        """Return a bound as the driver takes it."""
        return bound


# --- bounds ---------------------------------------------------------------------------------


def fitted(kind: Kind, bound: Bound) -> Bound:
    """Return a bound as it is compared with a column of this kind, or raise Unfit.

    A date is its midnight; a moment without a zone is one of UTC where the column has zones.
    """
    if isinstance(bound, Decimal):
        if kind in {Kind.NUMBER, Kind.ANY}:
            return bound
    elif isinstance(bound, dt.time):
        if kind in {Kind.TIME, Kind.ANY}:
            return bound
    elif kind in {Kind.DATE, Kind.MOMENT, Kind.ANY}:
        if isinstance(bound, dt.datetime) and bound.tzinfo is not None:
            return bound.astimezone(dt.UTC).replace(tzinfo=None)
        return bound
    elif kind is Kind.INSTANT:
        moment = (
            bound
            if isinstance(bound, dt.datetime)
            else dt.datetime(bound.year, bound.month, bound.day)
        )
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
    raise Unfit(f"it holds {kind.value}, and {bound} is none")


def beyond(value: str, least: object | None, most: object | None) -> Asked:
    """Return when a value is below the one or above the other."""
    parts, params = [], []
    for bound, sign in ((least, "<"), (most, ">")):
        if bound is not None:
            parts.append(f"{value} {sign} {MARK}")
            params.append(bound)
    return Asked(sql=f"({' OR '.join(parts)})", params=tuple(params))


# --- regular expressions --------------------------------------------------------------------

_CLASSES: Final = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r\f"}
_SIGNS: Final = r".^$*+?()[]{}|\/-@#%&~:;,<>=!\"'` "
_SET: Final = re.compile(r"\[\^?(?:\\.|[^\]\[\\])+\]", re.DOTALL)
# Of sets, one engine can take away others.
_SET_SIGNS: Final = ("&&", "--", "||", "~~")
_COUNT: Final = re.compile(r"\{\d+(?:,\d*)?\}")
END: Final = "$"


def pieces(pattern: str) -> list[str]:
    """Cut a regular expression into pieces that mean the same to all engines, or raise Unfit.

    Classes are written out (\\d is 0 to 9), a dot is any character but the end of a line. Only
    `$` is left to the engine: here it means the very end.
    """
    found: list[str] = []
    at = 0
    while at < len(pattern):
        piece, size = _piece(pattern, at)
        counted = bool(found) and found[-1] not in {"(", "(?:", "|", "^"}
        again = bool(found) and (found[-1] in {"*", "+", "?"} or bool(_COUNT.match(found[-1])))
        if (piece in {"*", "+", "?"} or _COUNT.fullmatch(piece)) and (not counted or again):
            raise _unshared(pattern, at)
        found.append(piece)
        at += size
    try:
        re.compile("".join(found))
    except re.error as error:
        raise Unfit(f"the regular expression {pattern!r} is none: {error}") from None
    return found


def _piece(pattern: str, at: int) -> tuple[str, int]:
    letter = pattern[at]
    if letter == "\\":
        return _escape(pattern, at, inside=False), 2
    if letter == "[":
        match = _SET.match(pattern, at)
        if match is None or any(twice in match[0] for twice in _SET_SIGNS):
            raise _unshared(pattern, at)
        start = match.start()
        inside = re.sub(
            r"\\(.)",
            lambda found: _escape(pattern, start + found.start(), inside=True),
            match[0],
            flags=re.DOTALL,
        )
        return inside, len(match[0])
    if letter == "(":
        if pattern.startswith("(?", at):
            if pattern.startswith("(?:", at):
                return "(?:", 3
            raise _unshared(pattern, at)
        return "(", 1
    if letter == "{":
        match = _COUNT.match(pattern, at)
        if match is None:
            raise _unshared(pattern, at)
        return match[0], len(match[0])
    if letter == ".":
        return r"[^\n]", 1
    if letter in "]}":
        return f"\\{letter}", 1
    return letter, 1


def _escape(pattern: str, at: int, *, inside: bool) -> str:
    # The place in a set is that of its text, and so is the letter behind it.
    letter = pattern[at + 1]
    if letter in _CLASSES:
        return _CLASSES[letter] if inside else f"[{_CLASSES[letter]}]"
    if letter.lower() in _CLASSES and not inside:
        return f"[^{_CLASSES[letter.lower()]}]"
    if letter in "nrt":
        return f"\\{letter}"
    if letter in _SIGNS:
        return f"\\{letter}" if letter in r".^$*+?()[]{}|\/-" else letter
    raise _unshared(pattern, at)


def _unshared(pattern: str, at: int) -> Unfit:
    return Unfit(
        f"what stands at {pattern[at : at + 8]!r} in the regular expression {pattern!r} does not "
        "mean the same to all engines"
    )
