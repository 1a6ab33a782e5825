"""Functions that SQLite lacks, for translated SQL and for SQL that people write themselves.

Two families are registered on a connection:

* `whimbrel_…` is what translated statements call. Each does exactly what the function of MySQL
  or PostgreSQL does that it stands for, except that what MySQL reads with a warning (a text that
  is no number, a date that does not exist) stops the statement.
* Plain names (`SUBSTRING_INDEX`, `CONCAT`, `MD5`, `REGEXP`, …) are for SQL that is written for
  SQLite. Where newer versions of SQLite have a function of that name (`CONCAT`, `CONCAT_WS`), ours
  does what theirs does, and is only registered where theirs is missing.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final

from whimbrel.engines.sqlite import dates, sums
from whimbrel.engines.sqlite.values import Value, number, text, whole

_Function = Callable[..., Value]

_LONGEST_INTEGER: Final = 2**63
# The digits of a number that a REAL keeps for sure.
_EXACT_DIGITS: Final = 15
_MOST_DIGITS: Final = Context(prec=100)


class _Last(threading.local):
    cause: str | None = None


_last = _Last()


def take_cause() -> str | None:
    """Return why a function of ours stopped a statement of this thread, once.

    The driver itself says no more than "user-defined function raised exception".
    """
    cause, _last.cause = _last.cause, None
    return cause


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    name: str
    arguments: int
    call: _Function
    deterministic: bool


_FUNCTIONS: Final[dict[str, _Made]] = {}


def _function(
    *names: str, arguments: int, deterministic: bool = True, nulls: bool = False
) -> Callable[[_Function], _Function]:
    """Declare a function; unless it asks for `nulls`, NULL in gives NULL out."""

    def declare(call: _Function) -> _Function:
        @functools.wraps(call)
        def guarded(*args: Value) -> Value:
            if not nulls and None in args:
                return None
            try:
                return call(*args)
            except (ValueError, ArithmeticError) as error:
                _last.cause = str(error)
                raise

        for name in names:
            _FUNCTIONS[name] = _Made(
                name=name, arguments=arguments, call=guarded, deterministic=deterministic
            )
        return guarded

    return declare


def register(connection: sqlite3.Connection, names: Collection[str] | None = None) -> None:
    """Make the functions known to a connection: those named, or all of them."""
    for made in _FUNCTIONS.values():
        if names is not None and made.name not in names:
            continue
        if made.name in _THEIRS and sqlite3.sqlite_version_info >= _THEIRS[made.name]:
            continue
        connection.create_function(
            made.name, made.arguments, made.call, deterministic=made.deterministic
        )
    if names is None or "whimbrel_group_concat" in names:
        # typeshed knows aggregates of whole numbers only.
        connection.create_aggregate("whimbrel_group_concat", -1, _GroupConcat)  # type: ignore[arg-type]
    if names is None or "whimbrel_sum" in names:
        connection.create_aggregate("whimbrel_sum", 1, _Sum)  # type: ignore[arg-type]


def known() -> frozenset[str]:
    """Return the names of all functions that `register` knows."""
    return frozenset(_FUNCTIONS) | {"whimbrel_group_concat", "whimbrel_sum"}


def _remember(cause: str) -> None:
    _last.cause = cause


class _Sum(sums.Sum):
    tell = staticmethod(_remember)


# Functions that SQLite has by itself from these versions on.
_THEIRS: Final = {"concat": (3, 44, 0), "concat_ws": (3, 44, 0)}

# --- texts -------------------------------------------------------------------------------------


@_function("whimbrel_upper", arguments=1)
def _upper(value: Value) -> str:
    return _each(text(value), str.upper)


@_function("whimbrel_lower", arguments=1)
def _lower(value: Value) -> str:
    return _each(text(value), str.lower)


def _each(value: str, change: Callable[[str], str]) -> str:
    """Change letters one by one: no engine makes two letters of one (ß) as Python does."""
    if value.isascii():
        return change(value)
    pairs = ((letter, change(letter)) for letter in value)
    return "".join(new if len(new) == 1 else _SINGLE.get(new, old) for old, new in pairs)


# İ is the one letter that engines make small and whose small form is two characters here.
_SINGLE: Final = {"i̇": "i"}


@_function("whimbrel_substring_index", "substring_index", arguments=3)
def _substring_index(value: Value, delimiter: Value, count: Value) -> str:
    mark, wanted = text(delimiter), whole(count)
    if not mark or not wanted:
        return ""
    parts = text(value).split(mark)
    return mark.join(parts[:wanted] if wanted > 0 else parts[wanted:])


@_function("whimbrel_split_part", arguments=3)
def _split_part(value: Value, delimiter: Value, position: Value) -> str:
    parts, place = text(value).split(text(delimiter)), whole(position)
    if abs(place) > len(parts):
        return ""
    return parts[place - 1 if place > 0 else place]


@_function("whimbrel_lpad", "lpad", arguments=3)
def _lpad(value: Value, size: Value, fill: Value) -> str:
    shown, length = text(value), whole(size)
    return _filling(fill, length - len(shown)) + shown[:length]


@_function("whimbrel_rpad", "rpad", arguments=3)
def _rpad(value: Value, size: Value, fill: Value) -> str:
    shown, length = text(value), whole(size)
    return shown[:length] + _filling(fill, length - len(shown))


def _filling(fill: Value, missing: int) -> str:
    piece = text(fill)
    if missing <= 0 or not piece:
        return ""
    return (piece * (missing // len(piece) + 1))[:missing]


@_function("whimbrel_length", arguments=1)
def _length(value: Value) -> int:
    return len(text(value))


@_function("whimbrel_reverse", "reverse", arguments=1)
def _reverse(value: Value) -> str:
    return text(value)[::-1]


@_function("repeat", arguments=2)
def _repeat(value: Value, count: Value) -> str:
    return text(value) * max(whole(count), 0)


@_function("concat", arguments=-1, nulls=True)
def _concat(*values: Value) -> str:
    return "".join(text(value) for value in values if value is not None)


@_function("concat_ws", arguments=-1, nulls=True)
def _concat_ws(separator: Value, *values: Value) -> str | None:
    if separator is None:
        return None
    return text(separator).join(text(value) for value in values if value is not None)


@_function("whimbrel_find_in_set", arguments=2)
def _find_in_set(value: Value, items: Value) -> int:
    sought = text(value)
    listed = text(items).split(",") if text(items) else []
    return listed.index(sought) + 1 if sought in listed else 0


# --- regular expressions -------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str, exact: bool) -> re.Pattern[str]:
    return re.compile(pattern, 0 if exact else re.IGNORECASE)


@_function("whimbrel_regexp", arguments=3)
def _regexp(pattern: Value, value: Value, exact: Value) -> int:
    return int(_compiled(text(pattern), bool(exact)).search(text(value)) is not None)


@_function("regexp", arguments=2)
def _regexp_operator(pattern: Value, value: Value) -> int:
    return int(_compiled(text(pattern), True).search(text(value)) is not None)


@_function("whimbrel_regexp_replace", arguments=3)
def _regexp_replace(value: Value, pattern: Value, new: Value) -> str:
    replacement = text(new)
    return _compiled(text(pattern), False).sub(lambda match: replacement, text(value))


# --- hashes --------------------------------------------------------------------------------------


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else text(value).encode()


@_function("whimbrel_md5", "md5", arguments=1)
def _md5(value: Value) -> str:
    return hashlib.md5(_bytes(value), usedforsecurity=False).hexdigest()


@_function("whimbrel_sha1", "sha1", arguments=1)
def _sha1(value: Value) -> str:
    return hashlib.sha1(_bytes(value), usedforsecurity=False).hexdigest()


@_function("whimbrel_sha2", "sha2", arguments=2)
def _sha2(value: Value, bits: Value) -> str | None:
    size = whole(bits) or 256
    if size not in (224, 256, 384, 512):
        return None
    return hashlib.new(f"sha{size}", _bytes(value)).hexdigest()


# --- numbers -------------------------------------------------------------------------------------


def _given(value: Decimal) -> Value:
    """Return a number as SQLite keeps it best: whole, as a REAL, or as a text with all digits."""
    if value == value.to_integral_value() and abs(value) < _LONGEST_INTEGER:
        return int(value)
    if len(value.normalize().as_tuple().digits) <= _EXACT_DIGITS:
        return float(value)
    return format(value, "f")


def _at(value: Value, places: Value, rounding: str) -> Value:
    with localcontext(_MOST_DIGITS):
        step = Decimal(1).scaleb(-whole(places))
        rounded = (number(value) / step).to_integral_value(rounding) * step
        return float(rounded) if isinstance(value, float) and whole(places) > 0 else _given(rounded)


@_function("whimbrel_round", arguments=2)
def _round(value: Value, places: Value) -> Value:
    return _at(value, places, ROUND_HALF_UP)


@_function("whimbrel_truncate", arguments=2)
def _truncate(value: Value, places: Value) -> Value:
    return _at(value, places, ROUND_DOWN)


@_function("whimbrel_floor", arguments=1)
def _floor(value: Value) -> Value:
    return _given(Decimal(math.floor(number(value))))


@_function("whimbrel_ceil", arguments=1)
def _ceil(value: Value) -> Value:
    return _given(Decimal(math.ceil(number(value))))


@_function("whimbrel_mod", arguments=2)
def _mod(value: Value, by: Value) -> Value:
    with localcontext(_MOST_DIGITS):
        return _given(number(value) % number(by)) if number(by) else None


@_function("whimbrel_div", arguments=2)
def _div(value: Value, by: Value) -> Value:
    with localcontext(_MOST_DIGITS):
        return _given(number(value) // number(by)) if number(by) else None


@_function("whimbrel_power", arguments=2)
def _power(value: Value, exponent: Value) -> float:
    return math.pow(number(value), number(exponent))


@_function("whimbrel_integer", arguments=2)
def _integer(value: Value, is_double: Value) -> int:
    # MySQL cuts a text, rounds halves of decimals away from zero and those of doubles to even.
    halves = ROUND_HALF_EVEN if is_double else ROUND_HALF_UP
    rounded = int(number(value).to_integral_value(ROUND_DOWN if isinstance(value, str) else halves))
    if not -_LONGEST_INTEGER <= rounded < _LONGEST_INTEGER:
        raise ValueError(f"{value!r} is too long for an integer")
    return rounded


@_function("whimbrel_decimal", arguments=3)
def _decimal(value: Value, precision: Value, scale: Value) -> Value:
    with localcontext(_MOST_DIGITS):
        step = Decimal(1).scaleb(-whole(scale))
        rounded = (number(value) / step).to_integral_value(ROUND_HALF_UP) * step
    if abs(rounded) >= Decimal(10) ** (whole(precision) - whole(scale)):
        raise ValueError(f"{value!r} does not fit DECIMAL({whole(precision)}, {whole(scale)})")
    return _given(rounded)


@_function("whimbrel_double", arguments=1)
def _double(value: Value) -> float:
    return float(number(value))


@_function("whimbrel_stop", arguments=1)
def _stop(why: Value) -> Value:
    raise ValueError(text(why))


# --- dates ---------------------------------------------------------------------------------------

_function("whimbrel_date", arguments=1)(dates.day)
_function("whimbrel_datetime", arguments=2)(dates.datetime_)
_function("whimbrel_moment", arguments=1)(dates.moment)
_function("whimbrel_date_part", arguments=2)(dates.part)
_function("whimbrel_last_day", arguments=1)(dates.last_day)
_function("whimbrel_date_format", arguments=2)(dates.formatted)
_function("whimbrel_str_to_date", arguments=2)(dates.read)
_function("whimbrel_date_add", arguments=3)(dates.moved)
_function("whimbrel_datediff", arguments=2)(dates.days_between)
_function("whimbrel_timestampdiff", arguments=3)(dates.units_between)
# These depend on the time zone of the machine, which may change.
_function("whimbrel_unix_timestamp", arguments=1, deterministic=False)(dates.unix_timestamp)
_function("whimbrel_from_unixtime", arguments=1, deterministic=False)(dates.from_unixtime)


# --- groups --------------------------------------------------------------------------------------


class _GroupConcat:
    """GROUP_CONCAT(value, separator, distinct, key, direction, key, direction, …).

    A direction is 1 for descending, plus 2 where NULL is the largest value instead of the least.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[Value, ...]] = []
        self._separator = ","
        self._distinct = False

    def step(self, value: Value, separator: Value, distinct: Value, *order: Value) -> None:
        """Take one row."""
        self._separator, self._distinct = text(separator), bool(distinct)
        if value is not None:
            self._rows.append((value, *order))

    def finalize(self) -> str | None:
        """Return the values of all rows, in their order."""
        rows = self._rows
        if not rows:
            return None
        for place in range(len(rows[0]) - 2, 0, -2):
            direction = whole(rows[0][place + 1])
            nulls = 9 if direction & 2 else 0
            keys = [_sortable(row[place], nulls) for row in rows]
            # Sorting positions keeps equal rows in their order, backwards as well.
            ranked = sorted(range(len(rows)), key=keys.__getitem__, reverse=bool(direction & 1))
            rows = [rows[index] for index in ranked]
        values: Iterable[Value] = (row[0] for row in rows)
        if self._distinct:
            values = dict.fromkeys(values)
        return self._separator.join(text(value) for value in values)


def _sortable(value: Value, nulls: int) -> tuple[int, int | float | bytes]:
    """Return what sorts as in SQLite: NULL, numbers, texts by their bytes, bytes."""
    if value is None:
        return nulls, 0
    if isinstance(value, str):
        return 2, value.encode()
    return (3, value) if isinstance(value, bytes) else (1, value)
