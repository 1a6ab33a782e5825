"""Whether texts are days and moments, thousands of them looked at together.

The texts are lines of the same width, so that what stands at one place of each is a slice. Two
digits become one number by adding the bytes of two slices, all at once, as one large number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _table(known: Mapping[int, int], other: int) -> bytes:
    return bytes(known.get(code, other) for code in range(256))


_NIL: Final = ord("0")
# Two digits become one number: tens, as these say, and units, as the letters they are.
_OF_MONTH: Final = _table({_NIL: 0, _NIL + 1: 16}, 64)
_OF_DAY: Final = _table({_NIL: 0, _NIL + 1: 16, _NIL + 2: 32, _NIL + 3: 48}, 160)
_OF_HOUR: Final = _table({_NIL: 0, _NIL + 1: 0, _NIL + 2: 16}, 64)
_HOURS: Final = bytes([*range(_NIL, _NIL + 10), *range(_NIL + 16, _NIL + 20)])
_LONG: Final = 0
_SHORT: Final = 4
_FEBRUARY: Final = 8
_NONE: Final = 64


def _number(tens: int, units: int) -> int:
    return 16 * tens + _NIL + units


_MONTHS: Final = _table(
    {
        _number(*divmod(month, 10)): _FEBRUARY
        if month == 2
        else _SHORT
        if month in (4, 6, 9, 11)
        else _LONG
        for month in range(1, 13)
    },
    _NONE,
)
_DAYS: Final = _table(
    {_number(*divmod(day, 10)): max(0, day - 28) for day in range(1, 32)}, 2 * _NONE
)
# A month with 31 days has all of them, one with 30 not the last, February none of the last three.
_REAL: Final = bytes([_LONG, _LONG + 1, _LONG + 2, _LONG + 3, _SHORT, _SHORT + 1, _SHORT + 2])
_REAL_EVERYWHERE: Final = _REAL + bytes([_FEBRUARY])
_LEAP_DAY: Final = _FEBRUARY + 1


def are_days(lines: bytes, count: int) -> bool:
    """Whether so many lines are days that exist, as 2024-02-29, from the year 1 to 9999."""
    return len(lines) == 11 * count and _days(lines, 11)


def are_moments(lines: bytes, count: int) -> bool:
    """Whether so many lines are moments that exist, as 2024-02-29 23:59:59."""
    if len(lines) != 20 * count or not _days(lines, 20):
        return False
    hours = _added(lines[11::20].translate(_OF_HOUR), lines[12::20])
    return (
        lines[10::20] == b" " * count
        and lines[13::20] == lines[16::20] == b":" * count
        and not hours.translate(None, _HOURS)
        and not (lines[14::20] + lines[17::20]).translate(None, b"012345")
        and all(lines[at::20].isdigit() for at in (12, 15, 18))
    )


def _days(lines: bytes, width: int) -> bool:
    """Whether all lines are so long, with their end, and begin with a day that exists."""
    count = len(lines) // width
    if lines[width - 1 :: width] != b"\n" * count:
        return False
    if lines[4::width] != b"-" * count or lines[7::width] != b"-" * count:
        return False
    if not all(lines[at::width].isdigit() for at in (0, 1, 2, 3, 6, 9)):
        return False
    if lines.startswith(b"0000") or b"\n0000" in lines:
        return False
    months = _added(lines[5::width].translate(_OF_MONTH), lines[6::width]).translate(_MONTHS)
    days = _added(lines[8::width].translate(_OF_DAY), lines[9::width]).translate(_DAYS)
    sorts = _added(months, days)
    left = sorts.translate(None, _REAL_EVERYWHERE)
    if left.strip(bytes([_LEAP_DAY])):
        return False
    at = -1
    for _ in left:
        at = sorts.index(_LEAP_DAY, at + 1)
        year = int(lines[width * at : width * at + 4])
        if year % 4 or (year % 100 == 0 and year % 400):
            return False
    return True


def _added(some: bytes, others: bytes) -> bytes:
    """Return the sums of bytes, none of which is more than 255."""
    total = int.from_bytes(some, "big") + int.from_bytes(others, "big")
    return total.to_bytes(len(some), "big")
