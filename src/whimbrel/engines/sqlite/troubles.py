"""What can be wrong with one value of SQLite, asked of it in Python.

The profiler calls this for values that SQLite has found suspicious, and for questions that SQLite
cannot answer. Values are read in the words of `texts`, which is how they are carried.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from whimbrel.engines import profiling
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.portable import Question
from whimbrel.engines.sqlite import texts
from whimbrel.engines.sqlite.texts import Value

# Numbers come again and again; these many are remembered.
_REMEMBERED: Final = 1 << 14
_REAL_DAY: Final = re.compile(profiling.REAL_DAY)
_ZERO_DAY: Final = re.compile(profiling.ZERO_DAY)
_LATE_YEAR: Final = re.compile(profiling.LATE_YEAR)
_OUTSIDE_DAY: Final = re.compile(profiling.OUTSIDE_DAY)
_FINE: Final = re.compile(profiling.FINE)
_PAIR: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_WORDS: Final = ("NaN", *profiling.INFINITE)

_NUMERIC: Final = frozenset(
    {
        *(Question.NAN, Question.INFINITE, Question.NEGATIVE_ZERO, Question.NEGATIVE),
        *(Question.NOT_BOOLEAN, Question.NOT_NUMBER, Question.NOT_WHOLE),
        *(Question.NUL, Question.NOT_UTF8),
    }
)
_OF_TIME: Final = frozenset(
    {
        *(Question.ZERO_DATE, Question.BEFORE_CHRIST, Question.BEYOND_9999, Question.ZONED),
        *(Question.INFINITE_DATE, Question.FINE_FRACTION, Question.NOT_DATE, Question.NOT_MOMENT),
        *(Question.NOT_TIME, Question.TIME_BEYOND_DAY, Question.NUL, Question.NOT_UTF8),
    }
)
_EVERY: Final = profiling.TROUBLES - {Question.NULL, Question.STRAY_WORD}
#: What can be asked of the values of a column, by what the column is declared as.
CAN_BE: Final[Mapping[Family, frozenset[Question]]] = {
    **dict.fromkeys(profiling.NUMBERS, _NUMERIC),
    **dict.fromkeys(profiling.MOMENTS | {Family.TIME}, _OF_TIME),
    **dict.fromkeys((Family.TEXT, Family.JSON, Family.OTHER, Family.UUID), _EVERY),
    Family.BINARY: frozenset({Question.NUL, Question.NOT_UTF8, Question.NOT_UUID}),
}


#: What some texts hold at most: characters of ASCII, of Unicode, or also NUL or what is no UTF-8.
PLAIN: Final = 0
WIDE: Final = 1
BROKEN: Final = 2


def level(*octets: bytes | None) -> int:
    """Return what some texts hold at most, all of them looked at together."""
    try:
        joined = b" ".join(octets)  # type: ignore[arg-type]
    except TypeError:
        joined = b" ".join([one for one in octets if one is not None])
    if b"\0" in joined:
        return BROKEN
    if joined.isascii():
        return PLAIN
    try:
        joined.decode()
    except UnicodeDecodeError:
        return BROKEN
    return WIDE


class Troubles:
    """Answers about values as they come, for a database whose texts are encoded so."""

    def __init__(self, encoding: str) -> None:
        self._encoding = "" if encoding == "UTF-8" else encoding

    def has(self, question: str, family: str, kind: str, value: texts.Stored) -> bool:
        """Whether a value has this trouble in a column of this family."""
        if value is None:
            return False
        return _ASKED[Question[question]](self._read(kind, value), Family(family))

    def size(self, what: str, kind: str, value: texts.Stored) -> int | None:
        """Return the characters or bytes of a value as it is written."""
        if value is None:
            return None
        read = self._read(kind, value)
        if isinstance(read, bytes):
            return len(read)
        written = read if isinstance(read, str) else _written(read, Family.TEXT)
        return len(written) if what == "characters" else len(texts.octets(written))

    def _read(self, kind: str, value: Value) -> Value:
        if kind != "text" or not isinstance(value, bytes):
            return value
        if not self._encoding:
            return texts.read(value)
        whole = value[: len(value) & ~1].decode(self._encoding, "surrogatepass")
        return texts.read(whole.encode("utf-8", "surrogatepass"))


def alike(flags: str, text: bytes | None) -> bytes | None:
    """Return what is the same for texts that are taken for the same."""
    if text is None:
        return None
    padded, cased, accented = (flag == "1" for flag in flags)
    if not padded and cased and accented:
        return text
    words = texts.read(text)
    if padded:
        words = words.rstrip(" ")
    if not cased:
        words = words.casefold()
    if not accented:
        parts = unicodedata.normalize("NFKD", words)
        words = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return texts.octets(words)


def number(text: str | None) -> int | float | None:
    """Return a text of a number as SQLite computes with it, None for what is none."""
    if text is None or text.startswith("!") or text in _WORDS:
        return None
    exact = Decimal(text)
    whole = exact == exact.to_integral_value() and abs(exact) < 2**63
    return int(exact) if whole else float(exact)


class Digits:
    """Counts the most digits behind the point of any number."""

    def __init__(self) -> None:
        self._most = 0
        self._known: set[Value] = set()

    def step(self, value: texts.Stored) -> None:
        """Look at a value."""
        if value.__class__ is int or value in self._known or value is None:
            return
        text = repr(value) if value.__class__ is float else "e"
        if "e" in text or "n" in text:
            text = _written(value, Family.DECIMAL)
        if not text.startswith("!") and text not in _WORDS:
            behind = len(text.partition(".")[2])
            if behind > self._most and not text.endswith(".0"):
                self._most = behind
        if len(self._known) < _REMEMBERED:
            self._known.add(value)

    def finalize(self) -> int:
        """Return how many."""
        return self._most


class _Extreme:
    """Finds the least or the greatest of numbers that are written as texts."""

    def __init__(self) -> None:
        self._found: Decimal | None = None

    def step(self, text: str | None, /) -> None:
        """Look at a text."""
        if text is None or text.startswith("!") or text in _WORDS:
            return
        one = Decimal(text)
        if self._found is None or self._beats(one, self._found):
            self._found = one

    def _beats(self, one: Decimal, other: Decimal) -> bool:
        raise NotImplementedError

    def finalize(self) -> str | None:
        """Return it, None if there was no number."""
        return None if self._found is None else f"{self._found:f}"


class Least(_Extreme):
    """Finds the least."""

    def _beats(self, one: Decimal, other: Decimal) -> bool:
        return one < other


class Most(_Extreme):
    """Finds the greatest."""

    def _beats(self, one: Decimal, other: Decimal) -> bool:
        return one > other


# --- questions ------------------------------------------------------------------------------


def _written(value: Value, family: Family) -> str:
    return texts.one(Form(family=family))(value)


def _is_odd(value: Value, family: Family) -> bool:
    return _written(value, family).startswith("!")


def _nul(value: Value, family: Family) -> bool:
    if isinstance(value, str):
        return "\0" in value
    return isinstance(value, bytes) and family is Family.BINARY and b"\0" in value


def _not_utf8(value: Value, family: Family) -> bool:
    try:
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, bytes) and family is Family.BINARY:
            value.decode()
    except UnicodeError:
        return True
    return False


def _day(value: Value, family: Family) -> str:
    """Return a date, or a moment with its date, as it is carried; "!…" for what is none."""
    return _written(value, Family.DATE if family is Family.DATE else Family.INSTANT)


def _is_no_date(value: Value, family: Family) -> bool:
    if family in {Family.DATETIME, Family.INSTANT}:
        moment = _written(value, family)
        return not moment.endswith((" 00:00:00", " 00:00:00 BC")) or _is_unreal(moment)
    day = _written(value, Family.DATE)
    return day.startswith("!") or _is_unreal(day)


def _is_no_moment(value: Value, family: Family) -> bool:
    moment = _written(value, Family.INSTANT)
    return moment.startswith("!") or _is_unreal(moment)


def _is_unreal(text: str) -> bool:
    """Whether a day of which all parts are there does not exist."""
    if text.startswith("!") or text in profiling.ENDLESS:
        return False
    day = text.partition(" ")[0]
    return _ZERO_DAY.match(day) is None and _REAL_DAY.fullmatch(day) is None


def _is_zoned(value: Value, family: Family) -> bool:
    return not _is_odd(value, Family.INSTANT) and _is_odd(value, Family.DATETIME)


def _is_fine(value: Value, family: Family) -> bool:
    written = (_written(value, one) for one in (Family.INSTANT, Family.TIME))
    return any(not text.startswith("!") and _FINE.search(text) for text in written)


def _is_no_number(value: Value, family: Family) -> bool:
    return _is_odd(value, Family.FLOAT if family is Family.FLOAT else Family.DECIMAL)


def _is_not_whole(value: Value, family: Family) -> bool:
    text = _written(value, Family.DECIMAL)
    if text.startswith("!") or text in _WORDS:
        return False
    if family in {Family.DECIMAL, Family.FLOAT}:
        return "." in text
    return _is_odd(value, Family.INTEGER)


def _is_negative(value: Value, family: Family) -> bool:
    text = _written(value, Family.DECIMAL)
    return text.startswith("-")


def _document(value: Value) -> str | None:
    return None if isinstance(value, bytes) else _written(value, Family.JSON)


def _is_no_json(value: Value, family: Family) -> bool:
    text = _document(value)
    try:
        json.loads(text or "", parse_constant=_refuse)
    except (ValueError, RecursionError):
        return True
    return False


def _is_rounded_json(value: Value, family: Family) -> bool:
    """Whether a number in a document is neither a whole one of 64 bits nor exact as a double."""
    rounded: list[str] = []

    def whole(digits: str) -> int:
        if not -(2**63) <= int(digits) < 2**64 and Decimal(repr(float(digits))) != int(digits):
            rounded.append(digits)
        return 0

    def fraction(digits: str) -> float:
        if Decimal(repr(float(digits))) != Decimal(digits):
            rounded.append(digits)
        return 0.0

    try:
        json.loads(_document(value) or "", parse_int=whole, parse_float=fraction)
    except (ValueError, ArithmeticError, RecursionError):
        return bool(rounded)
    return bool(rounded)


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def _plain(value: Value) -> str:
    # A backslash that is itself escaped says nothing about what follows it.
    return (_document(value) or "").replace("\\\\", "--")


_ASKED: Final[Mapping[Question, Callable[[Value, Family], bool]]] = {
    Question.NUL: _nul,
    Question.NOT_UTF8: _not_utf8,
    Question.ZERO_DATE: lambda v, f: _ZERO_DAY.match(_day(v, f)) is not None,
    Question.BEFORE_CHRIST: lambda v, f: _day(v, f).endswith(" BC"),
    Question.BEYOND_9999: lambda v, f: _LATE_YEAR.match(_day(v, f)) is not None,
    Question.INFINITE_DATE: lambda v, f: _day(v, f) in profiling.ENDLESS,
    Question.TIME_BEYOND_DAY: lambda v, _: _OUTSIDE_DAY.match(_written(v, Family.TIME)) is not None,
    Question.FINE_FRACTION: _is_fine,
    Question.NAN: lambda v, _: _written(v, Family.FLOAT) == "NaN",
    Question.INFINITE: lambda v, _: _written(v, Family.DECIMAL) in profiling.INFINITE,
    Question.NEGATIVE_ZERO: lambda v, _: _written(v, Family.FLOAT) == "-0",
    Question.NEGATIVE: _is_negative,
    Question.NOT_BOOLEAN: lambda v, _: _written(v, Family.BOOLEAN) not in ("0", "1"),
    Question.NOT_NUMBER: _is_no_number,
    Question.NOT_WHOLE: _is_not_whole,
    Question.NOT_DATE: _is_no_date,
    Question.NOT_MOMENT: _is_no_moment,
    Question.NOT_TIME: lambda v, _: _is_odd(v, Family.TIME),
    Question.ZONED: _is_zoned,
    Question.NOT_UUID: lambda v, _: _is_odd(v, Family.UUID),
    Question.NOT_JSON: _is_no_json,
    Question.JSON_NUL: lambda v, _: "\\u0000" in _plain(v),
    Question.JSON_SURROGATE: lambda v, _: _HALF.search(_PAIR.sub("", _plain(v))) is not None,
    Question.JSON_DIGITS: _is_rounded_json,
    Question.TRAILING_BLANKS: lambda v, _: isinstance(v, str) and v.endswith(" "),
}
