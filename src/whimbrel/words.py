"""Numbers, durations and counts as people write them."""

from __future__ import annotations

_MINUTE = 60
_HOUR = 3600
_DAY = 86400


def count(number: int, noun: str) -> str:
    """Write a number with its noun: '1 row', '2,500 rows'."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Write several of a noun: keys, queries, indexes."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def duration(seconds: float) -> str:
    """Write seconds as '0.3 ms', '12 ms', '4.2 s', '3 min 20 s', '2 h 5 min', '3 d 4 h'."""
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def rate(rows: int, seconds: float) -> str:
    """Write rows per second, or nothing while it is not known."""
    return f"{rows / seconds:,.0f} rows/s" if seconds > 0 and rows else ""
