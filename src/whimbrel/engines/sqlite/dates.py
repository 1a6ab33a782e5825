"""Dates as SQLite keeps them, as texts: read strictly, and calculated with as MySQL does.

A text that is no date raises ValueError, which stops the statement it stands in.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from whimbrel.engines.sqlite.values import Value, number, text, whole
from whimbrel.engines.translate import formats

_ISO: Final = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?\s*"
)
_DAY_UNITS: Final = frozenset({"year", "quarter", "month", "week", "day"})
_MONTHS: Final[Mapping[str, int]] = {"year": 12, "quarter": 3, "month": 1}
_SECONDS: Final[Mapping[str, int]] = {
    "week": 604800,
    "day": 86400,
    "hour": 3600,
    "minute": 60,
    "second": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A date that was read, and how much of it was written."""

    at: dt.datetime
    has_time: bool
    digits: int

    def show(self, at: dt.datetime) -> str:
        """Write another moment the way this one was written."""
        if not self.has_time:
            return at.strftime("%Y-%m-%d").zfill(10)
        digits = self.digits or (6 if at.microsecond else 0)
        fraction = f".{at.microsecond:06}"[: digits + 1] if digits else ""
        return f"{_seconds(at)}{fraction}"


def _seconds(at: dt.datetime) -> str:
    return f"{at.year:04}-{at.month:02}-{at.day:02} {at.hour:02}:{at.minute:02}:{at.second:02}"


def _read(value: Value) -> _Read:
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a date: write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction = match[7] or ""
    try:
        at = dt.datetime(year, month, day, hour, minute, second, int(fraction[:6].ljust(6, "0")))
    except ValueError as error:
        raise ValueError(f"{value!r} is not a date: {error}") from None
    return _Read(at=at, has_time=match[4] is not None, digits=min(len(fraction), 6))


def day(value: Value) -> str:
    """Return the date of a moment."""
    return _read(value).at.date().isoformat()


def datetime_(value: Value, digits: Value) -> str:
    """Return a moment with so many digits of a second, zeros at their end left out."""
    at = _read(value).at
    fraction = f"{at.microsecond:06}"[: whole(digits)].rstrip("0")
    return _seconds(at) + (f".{fraction}" if fraction else "")


def moment(value: Value) -> str:
    """Return a moment in one spelling, for comparing."""
    at = _read(value).at
    return f"{_seconds(at)}.{at.microsecond:06}"


def part(unit: Value, value: Value) -> int:
    """Return one part of a moment."""
    return _PARTS[text(unit)](_read(value).at)


_PARTS: Final[Mapping[str, Callable[[dt.datetime], int]]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: (at.month + 2) // 3,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "dayofyear": lambda at: at.timetuple().tm_yday,
    "dayofweek": lambda at: at.isoweekday() % 7 + 1,
    "weekday": lambda at: at.weekday(),
    "isoweek": lambda at: at.isocalendar().week,
}


def last_day(value: Value) -> str:
    """Return the last day of a date's month."""
    at = _read(value).at
    return at.date().replace(day=calendar.monthrange(at.year, at.month)[1]).isoformat()


# --- formats -------------------------------------------------------------------------------------

_MONTH_NAMES: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_DAY_NAMES: Final = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)


def formatted(value: Value, format: Value) -> str:
    """Return a moment as DATE_FORMAT() writes it."""
    at = _read(value).at
    return "".join(
        _CODES[piece](at) if sort == "code" else piece
        for sort, piece in formats.pieces(text(format))
    )


def _hour12(at: dt.datetime) -> int:
    return at.hour % 12 or 12


def _ordinal(at: dt.datetime) -> str:
    teen = 10 < at.day < 14
    return f"{at.day}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(at.day % 10, 'th')}"


def _week_from_sunday(at: dt.datetime) -> int:
    return (at.timetuple().tm_yday + 6 - at.isoweekday() % 7) // 7


def _week_from_monday(at: dt.datetime) -> int:
    """Return the week of the year, 0 to 53; the first one has four days of it or more."""
    first = at.replace(month=1, day=1).weekday()
    week = (at.timetuple().tm_yday - 1 + first) // 7
    return week + 1 if first <= 3 else week


def _sunday_week(at: dt.datetime) -> tuple[int, int]:
    """Return year and week, 1 to 53, of weeks that begin on Sundays."""
    week = _week_from_sunday(at)
    if week:
        return at.year, week
    return at.year - 1, _week_from_sunday(at.replace(year=at.year - 1, month=12, day=31))


_CODES: Final[Mapping[str, Callable[[dt.datetime], str]]] = {
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "m": lambda at: f"{at.month:02}",
    "c": lambda at: str(at.month),
    "d": lambda at: f"{at.day:02}",
    "e": lambda at: str(at.day),
    "D": _ordinal,
    "H": lambda at: f"{at.hour:02}",
    "k": lambda at: str(at.hour),
    "h": lambda at: f"{_hour12(at):02}",
    "I": lambda at: f"{_hour12(at):02}",
    "l": lambda at: str(_hour12(at)),
    "i": lambda at: f"{at.minute:02}",
    "s": lambda at: f"{at.second:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.microsecond:06}",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "r": lambda at: f"{_hour12(at):02}:{at.minute:02}:{at.second:02} {_CODES['p'](at)}",
    "T": lambda at: f"{at.hour:02}:{at.minute:02}:{at.second:02}",
    "M": lambda at: _MONTH_NAMES[at.month - 1],
    "b": lambda at: _MONTH_NAMES[at.month - 1][:3],
    "W": lambda at: _DAY_NAMES[at.weekday()],
    "a": lambda at: _DAY_NAMES[at.weekday()][:3],
    "w": lambda at: str(at.isoweekday() % 7),
    "j": lambda at: f"{at.timetuple().tm_yday:03}",
    "U": lambda at: f"{_week_from_sunday(at):02}",
    "u": lambda at: f"{_week_from_monday(at):02}",
    "V": lambda at: f"{_sunday_week(at)[1]:02}",
    "X": lambda at: f"{_sunday_week(at)[0]:04}",
    "v": lambda at: f"{at.isocalendar().week:02}",
    "x": lambda at: f"{at.isocalendar().year:04}",
}


def read(value: Value, format: Value) -> str:
    """Return the date that a text of a format says, as STR_TO_DATE() does."""
    shape = text(format)
    looks: list[str] = []
    codes: list[str] = []
    for sort, piece in formats.pieces(shape):
        if sort == "text":
            looks.append(re.escape(piece))
            continue
        codes += "His" if piece == "T" else piece
        looks.append(formats.looks_like(piece))
    match = re.fullmatch(rf"\s*{''.join(looks)}", text(value), re.ASCII)
    if match is None:
        raise ValueError(f"{value!r} is no date of the format {shape!r}")
    found = dict(zip(codes, match.groups(), strict=True))
    return _of_parts(found, value, has_time=formats.has_time(shape))


def _of_parts(found: Mapping[str, str], value: Value, *, has_time: bool) -> str:
    def get(*codes: str) -> int:
        return next((int(found[code]) for code in codes if code in found), 0)

    year = get("Y")
    if "y" in found:
        year = get("y") + (2000 if get("y") < 70 else 1900)
    try:
        at = dt.datetime(
            year, _month(found, value), get("d", "e"), get("H", "k"), get("i"), get("s", "S")
        )
    except ValueError as error:
        raise ValueError(f"{value!r} is not a date: {error}") from None
    return _seconds(at) if has_time else at.date().isoformat()


def _month(found: Mapping[str, str], value: Value) -> int:
    name = (found.get("M") or found.get("b") or "").lower()
    if not name:
        return int(found.get("m") or found.get("c") or 0)
    names = [month.lower() if "M" in found else month[:3].lower() for month in _MONTH_NAMES]
    if name not in names:
        raise ValueError(f"{value!r} has no English month in it")
    return names.index(name) + 1


# --- calculating ---------------------------------------------------------------------------------


def moved(value: Value, amount: Value, unit: Value) -> str:
    """Return a date so many units later, written as it was, or as a moment if it has to be."""
    found, count, name = _read(value), whole(amount), text(unit)
    if name in _MONTHS:
        at = _months_later(found.at, count * _MONTHS[name])
    else:
        at = found.at + dt.timedelta(seconds=count * _SECONDS[name])
    if name not in _DAY_UNITS and not found.has_time:
        return _seconds(at)
    return found.show(at)


def _months_later(at: dt.datetime, months: int) -> dt.datetime:
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise ValueError(f"{at} and {months} months is no date")
    last = calendar.monthrange(year, month + 1)[1]
    return at.replace(year=year, month=month + 1, day=min(at.day, last))


def days_between(end: Value, start: Value) -> int:
    """Return the days from one date to another."""
    return (_read(end).at.date() - _read(start).at.date()).days


def units_between(unit: Value, start: Value, end: Value) -> int:
    """Return the whole units from one moment to another."""
    name, first, last = text(unit), _read(start).at, _read(end).at
    if name in _SECONDS:
        return _towards_zero((last - first) // dt.timedelta(microseconds=1), _SECONDS[name] * 10**6)
    months = (last.year - first.year) * 12 + last.month - first.month
    rest = [(at.day, at.time()) for at in (first, last)]
    if last >= first and rest[1] < rest[0]:
        months -= 1
    elif last < first and rest[1] > rest[0]:
        months += 1
    return _towards_zero(months, _MONTHS[name])


def _towards_zero(value: int, by: int) -> int:
    return value // by if value >= 0 else -(-value // by)


# --- seconds since 1970, in the time zone of this machine -----------------------------------------


def unix_timestamp(value: Value) -> Value:
    """Return the seconds since 1970 of a moment, or NULL before that."""
    at = _read(value).at
    seconds = int(at.replace(microsecond=0).timestamp())
    if seconds < 0:
        return None
    return seconds + at.microsecond / 1e6 if at.microsecond else seconds


def from_unixtime(value: Value) -> str | None:
    """Return the moment so many seconds after 1970, or NULL for a negative number."""
    seconds = number(value)
    if seconds < 0:
        return None
    at = dt.datetime.fromtimestamp(int(seconds))
    micros = int((seconds - int(seconds)) * 10**6)
    return _seconds(at) + (f".{micros:06}" if micros else "")
