"""Rules that read dates as people wrote them, and say what becomes of those that are none.

A date that can be read in two ways is refused, never guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from whimbrel.engines import forms
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.rows import values
from whimbrel.rows.cleansing import base, texts

_DATED: Final = frozenset({Family.DATE, Family.DATETIME, Family.INSTANT, Family.TEXT})
_MOMENT: Final = forms.Form(family=Family.DATETIME)
_PARTIAL: Final = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9.]+)?))?)?)?"
)
_DIRECTIVE: Final = re.compile(r"%(.)")
_CLOCKS: Final = frozenset("HIMSfpz")
_KNOWN: Final = frozenset("YymdHIMSfpzbBjaA%")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroDates(base.Rule):
    """Say what becomes of dates without a day, a month or a year: 0000-00-00, 2020-05-00, 2020-05.

    "null", "reject", or "first": the first day of the month, the first month of the year.
    """

    then: str = "null"

    name: ClassVar[str] = "zero_dates"
    main: ClassVar[str | None] = "then"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = {"then": base.one_of("null", "first", "reject")}
    families: ClassVar[frozenset[Family]] = _DATED

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.ZERO_DATE})

    def value(self, words: str, cell: base.Cell) -> str | None:
        found = _PARTIAL.fullmatch(words.strip())
        if found is None:
            return words
        year, month, day, clock = (part or "" for part in found.groups())
        if int(year) and int(month or 0) and int(day or 0):
            return words
        if self.then == "null":
            return None
        if self.then == "reject" or not int(year):
            raise base.Refusal("it is a date without a year" if not int(year) else
                               "it is a date without a day")  # fmt: skip
        month = month if int(month or 0) else "01"
        day = day if int(day or 0) and int(found[2] or 0) else "01"
        return f"{year}-{month}-{day}{' ' if clock else ''}{clock}"


def _formats(said: object) -> tuple[str, ...]:
    found = base.texts(said)
    for one in found:
        if one in ("epoch", "epoch_ms"):
            continue
        directives = _DIRECTIVE.findall(one)
        if unknown := [d for d in directives if d not in _KNOWN]:
            raise base.Unfit(f"has {one!r}, in which %{unknown[0]} is unknown")
        day = "j" in directives or ("d" in directives and {"m", "b", "B"} & set(directives))
        if not day or not {"Y", "y"} & set(directives):
            raise base.Unfit(f"has {one!r}, which does not say year, month and day")
    return found


def _pivot(said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or not 1000 <= said <= 9900:
        raise base.Unfit(f"has to be the first year of a hundred, like 1950, not {said!r}")
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Date(base.Rule):
    """Read dates written in one of some formats, as strptime names them.

    A value that two formats read as two dates is refused. Years of two digits need `pivot`, the
    first of the hundred years that are meant. `guess` lets dateutil try what no format reads;
    `day_first` says which of two small numbers is the day, without it such a date is refused.
    """

    formats: tuple[str, ...] = ()
    pivot: int | None = None
    guess: bool = False
    day_first: bool | None = None

    name: ClassVar[str] = "date"
    main: ClassVar[str | None] = "formats"
    takes: ClassVar[Mapping[str, base.Reader]] = base.refusing(
        formats=_formats, pivot=_pivot, guess=base.flag, day_first=base.flag
    )
    families: ClassVar[frozenset[Family]] = _DATED | {Family.INTEGER, Family.DECIMAL, Family.FLOAT}

    def __post_init__(self) -> None:
        for one in self.formats:
            if "y" in _DIRECTIVE.findall(one) and self.pivot is None:
                raise base.Unfit(
                    f"has {one!r} with a year of two digits; say which hundred years are meant, "
                    "with pivot = 1950", option="formats",
                )  # fmt: skip
        if self.day_first is not None and not self.guess:
            raise base.Unfit("is only for guess = true; formats say it themselves",
                             option="day_first")  # fmt: skip

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NOT_DATE, Question.NOT_MOMENT, Question.ZONED})

    def prepare(self) -> None:
        if self.guess:
            texts.module("dateutil.parser")

    def value(self, words: str, cell: base.Cell) -> str:
        if cell.proper and cell.form.family in _DATED:
            return words
        text = words.strip()
        if _is_iso(text):
            return text
        found = {moment for one in self.formats if (moment := self._read(text, one)) is not None}
        if len(found) == 1:
            return found.pop()
        if found:
            raise base.Refusal(f"it is {' or '.join(sorted(found))}, by which format is not clear")
        if self.guess:
            return self._guessed(text)
        raise base.Refusal("it is written in none of the formats")

    def _read(self, text: str, format_: str) -> str | None:
        if format_ in ("epoch", "epoch_ms"):
            return _of_epoch(text, thousandths=format_ == "epoch_ms")
        try:
            at = dt.datetime.strptime(text, format_)
        except (ValueError, OverflowError):
            return None
        directives = set(_DIRECTIVE.findall(format_))
        if "y" in directives and self.pivot is not None:
            year = at.year % 100
            full = self.pivot - self.pivot % 100 + year
            try:
                at = at.replace(year=full if full >= self.pivot else full + 100)
            except ValueError:
                return None  # the 29th of February of a year that has none
        if not directives & _CLOCKS:
            return at.date().isoformat()
        return values.text_of(at)

    def _guessed(self, text: str) -> str:
        ways = (True, False) if self.day_first is None else (self.day_first,)
        found = {_parsed(text, day_first=way) for way in ways}
        if len(found) > 1:
            raise base.Refusal(
                f"it is {' or '.join(sorted(found))}; which number is the day is not clear"
            )
        return found.pop()


def _is_iso(text: str) -> bool:
    if not re.match(r"[0-9]{4}-", text) or text.endswith("BC"):
        return False
    try:
        values.written(_MOMENT, text)
    except values.Misfit:
        return False
    return True


def _of_epoch(text: str, *, thousandths: bool) -> str | None:
    if not re.fullmatch(r"-?[0-9]{1,15}(?:\.0*)?", text):
        return None
    number = int(text.partition(".")[0])
    try:
        step = dt.timedelta(milliseconds=number) if thousandths else dt.timedelta(seconds=number)
        return values.text_of(dt.datetime(1970, 1, 1) + step)
    except OverflowError:
        return None


def _parsed(text: str, *, day_first: bool) -> str:
    parser: Any = texts.module("dateutil.parser")
    # What the text does not say is taken from `default`: with two of them it shows.
    defaults = (dt.datetime(2000, 1, 1), dt.datetime(2001, 2, 2))
    try:
        one, other = (parser.parse(text, dayfirst=day_first, default=d) for d in defaults)
    except Exception:  # noqa: BLE001 - it raises whatever happens inside; the text is no date
        raise base.Refusal("it cannot be read as a date") from None
    if one != other:
        raise base.Refusal("it does not say year, month and day")
    said: str = values.text_of(one)
    return said[:10] if one.tzinfo is None and not _has_clock(parser, text, day_first) else said


def _has_clock(parser: Any, text: str, day_first: bool) -> bool:
    default = dt.datetime(2000, 1, 1, 13, 7, 11, 123456)
    at: dt.datetime = parser.parse(text, dayfirst=day_first, default=default)
    return at.time() != default.time()


RULES: Final[tuple[type[base.Rule], ...]] = (ZeroDates, Date)
