"""The settings for moving rows: how large batches are, and what they wait for.

Here is what may be said and what holds otherwise. Which file says it is the work of `config`,
what follows from it that of `rows`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from whimbrel import words

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 24 * 60

_HOURS: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:-[a-z]{3})?(?:\s*,\s*[a-z]{3}(?:-[a-z]{3})?)*)\s+)?"
    r"(?P<start>\d\d?:\d\d)\s*-\s*(?P<end>\d\d?:\d\d)",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time of day in which rows may be moved: '22:00-06:00', 'sat,sun 00:00-24:00'.

    `start` and `end` are minutes after midnight. One that ends before it starts ends on the
    next day; `days` (0 is Monday) are those on which it starts.
    """

    text: str
    days: frozenset[int]
    start: int
    end: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsConfig:
    """How rows are moved in one database: the section [rows]. None means without a limit.

    `configured` has the keys that somebody has written; the others are our own suggestions.
    """

    target_seconds: float = 0.5
    first_rows: int = 10_000
    largest_rows: int = 1_000_000
    batch_bytes: int = 16 * 1024**2
    small_table: int = 50_000
    max_rejects: int = 0
    workers: int = 1
    processes: int = 0
    statement_timeout: float | None = 10.0
    lock_retries: int = 20
    isolation: str = ""
    max_rows_per_second: float | None = None
    max_memory: int | None = None
    allowed_hours: tuple[Window, ...] = ()
    timezone: str = ""
    max_lag: float | None = 10.0
    # What they name may hold a password.
    replicas: tuple[str, ...] = field(default=(), repr=False)
    max_lock_queue: float | None = 5
    max_active_sessions: float | None = None
    max_log_growth: float | None = 2 * 1024**3
    max_history: float | None = 1_000_000
    probe: str = field(default="", repr=False)
    probe_command: str = field(default="", repr=False)
    check_seconds: float = 1.0
    grace_seconds: float = 30.0
    configured: frozenset[str] = frozenset()

    def having(self, said: Mapping[str, object]) -> RowsConfig:
        """Return this with what somebody has said, key by key."""
        changes: dict[str, Any] = dict(said)
        return dataclasses.replace(self, **changes, configured=self.configured | frozenset(said))


DEFAULTS: Final = RowsConfig()


class Unfit(ValueError):
    """A value that a key cannot have: what it has to be, and an example."""

    def __init__(self, wanted: str, example: str) -> None:
        self.wanted, self.example = wanted, example
        super().__init__(wanted)


def read(key: str, value: object) -> object:
    """Return the value of a key as RowsConfig has it; raise Unfit."""
    return _READERS[key](value)


def read_window(text: str) -> Window:
    """Read '22:00-06:00' or 'mon-fri 22:00-06:00'; raise ValueError."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not like 22:00-06:00 or sat,sun 00:00-24:00")
    start, end = _minutes(found["start"]), _minutes(found["end"])
    if start in (end, _DAY_MINUTES):
        raise ValueError(f"{text!r} has no length; a whole day is 00:00-24:00")
    return Window(text=text.strip(), days=_days(found["days"]), start=start, end=end)


def _minutes(text: str) -> int:
    hours, minutes = (int(part) for part in text.split(":"))
    if minutes > 59 or hours * 60 + minutes > _DAY_MINUTES:
        raise ValueError(f"{text} is not a time of day")
    return hours * 60 + minutes


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(len(DAYS)))
    found: set[int] = set()
    for part in text.lower().split(","):
        names = part.strip().split("-")
        if unknown := [name for name in names if name not in DAYS]:
            raise ValueError(f"{unknown[0]!r} is not a day: {', '.join(DAYS)}")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        # fri-mon goes over the end of the week.
        found.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return frozenset(found)


# --- kinds of values ------------------------------------------------------------------------

_Reader = Callable[[object], object]


def _whole(example: int, *, least: int) -> _Reader:
    def read_whole(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        raise Unfit(f"a whole number of at least {least}", str(example))

    return read_whole


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _seconds(example: str, *, zero: bool) -> _Reader:
    def read_seconds(value: object) -> float:
        number = _number(value)
        if number is not None and (number > 0 or (zero and number == 0)):
            return number
        raise Unfit(f"a number of seconds{'' if zero else ' above 0'}", example)

    return read_seconds


def _limit(what: str, example: str, *, zero: bool = False) -> _Reader:
    """Return a reader for a limit that `false` takes away."""

    def read_limit(value: object) -> float | None:
        number = _number(value)
        if value is False:
            return None
        if number is not None and (number > 0 or (zero and number == 0)):
            return number
        above = "" if zero else " above 0"
        raise Unfit(f"{what}{above}, or false for no limit", example)

    return read_limit


def _timeout(value: object) -> float | None:
    """Read the seconds of a statement; 0 is what databases themselves call no limit."""
    limit = _limit("a number of seconds", "10.0", zero=True)(value)
    return float(str(limit)) or None if limit is not None else None


def _bytes(example: str, *, optional: bool) -> _Reader:
    def read_bytes(value: object) -> int | None:
        if optional and value is False:
            return None
        wanted = "a size such as 512 MB" + (", or false for no limit" if optional else "")
        try:
            size = words.read_size(value) if isinstance(value, str) else 0
        except ValueError:
            size = 0
        if size < 1:
            raise Unfit(wanted, example)
        return size

    return read_bytes


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("a text", '"…"')
    return value.strip()


def _timezone(value: object) -> str:
    name = _text(value)
    try:
        if name:
            zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise Unfit("the name of a time zone that this machine knows", '"Europe/Vienna"') from None
    return name


def _texts(value: object, wanted: str, example: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise Unfit(f"a list of {wanted}", example)
    return [text.strip() for text in value]


def _windows(value: object) -> tuple[Window, ...]:
    example = '["22:00-06:00", "sat,sun 00:00-24:00"]'
    windows = []
    for text in _texts(value, "times of day", example):
        try:
            windows.append(read_window(text))
        except ValueError as error:
            raise Unfit(f"a list of times of day, and {error}", example) from None
    return tuple(windows)


def _replicas(value: object) -> tuple[str, ...]:
    found = _texts(value, "names of databases, or URLs", '["replica"]')
    return tuple(dict.fromkeys(found))


_READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "target_seconds": _seconds("0.5", zero=False),
        "first_rows": _whole(10_000, least=1),
        "largest_rows": _whole(1_000_000, least=1),
        "batch_bytes": _bytes('"16 MB"', optional=False),
        "small_table": _whole(50_000, least=0),
        "max_rejects": _whole(0, least=0),
        "workers": _whole(4, least=1),
        "processes": _whole(2, least=0),
        "statement_timeout": _timeout,
        "lock_retries": _whole(20, least=0),
        "isolation": _text,
        "max_rows_per_second": _limit("a number of rows", "5000"),
        "max_memory": _bytes('"512 MB"', optional=True),
        "allowed_hours": _windows,
        "timezone": _timezone,
        "max_lag": _limit("a number of seconds", "10.0"),
        "replicas": _replicas,
        "max_lock_queue": _limit("a number of sessions", "5", zero=True),
        "max_active_sessions": _limit("a number of sessions", "25", zero=True),
        "max_log_growth": _bytes('"2 GB"', optional=True),
        "max_history": _limit("a number of entries", "1000000"),
        "probe": _text,
        "probe_command": _text,
        "check_seconds": _seconds("1.0", zero=False),
        "grace_seconds": _seconds("30.0", zero=True),
    }
)
KEYS: Final = tuple(sorted(_READERS))


# --- live changes ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineConfig:
    """How live changes wait for locks: the section [online].

    A lock is waited for `lock_seconds` at once, again and again for `swap_for` seconds in all.
    `keep` is how long an old table is kept after its change is complete, None is as [migrations]
    says.
    """

    lock_seconds: float = 0.2
    swap_for: float = 600.0
    keep: str | None = None


ONLINE: Final = OnlineConfig()


def read_online(key: str, value: object) -> object:
    """Return the value of a key as OnlineConfig has it; raise Unfit."""
    if key == "lock_seconds":
        return _seconds("0.2", zero=False)(value)
    if key == "swap_for":
        if isinstance(value, str):
            value = _span(value, '"10 minutes"').total_seconds()
        return _seconds('"10 minutes"', zero=False)(value)
    if value not in {"for ever", "never"}:
        _span(value, '"30 days"')
    return value


def _span(value: object, example: str) -> dt.timedelta:
    try:
        return words.read_span(str(value))
    except ValueError:
        raise Unfit("a time", example) from None
