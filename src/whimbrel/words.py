"""Numbers, durations, sizes and counts as people write them."""

from __future__ import annotations

import datetime as dt
import re

_MINUTE = 60
_HOUR = 3600
_DAY = 86400

_KILO = 1024
_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_SPANS = {"minute": _MINUTE, "hour": _HOUR, "day": _DAY, "week": 7 * _DAY, "year": 365 * _DAY}
_SPAN = re.compile(rf"(\d{{1,6}}(?:\.\d+)?)\s*({'|'.join(_SPANS)})s?", re.IGNORECASE | re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:bytes?|([KMGT])i?B)", re.IGNORECASE | re.ASCII)


def count(number: int, noun: str) -> str:
    """Write a number with its noun: '1 row', '2,500 rows'."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def squeezed(text: str, most: int) -> str:
    """Write a text on one line, and no longer than so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


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


def size(number: float) -> str:
    """Write bytes as '512 bytes', '1.5 KB', '16 MB'; a KB has 1024 bytes."""
    unit = 0
    while unit < len(_UNITS) - 1 and round(number, 0 if unit == 0 else 1) >= _KILO:
        number /= _KILO
        unit += 1
    text = f"{number:,.0f}" if unit == 0 or number >= 100 else f"{number:,.1f}".removesuffix(".0")
    return f"{text} {_UNITS[unit]}"


def read_size(text: str) -> int:
    """Read '512 MB' or '1.5GB' as bytes; raise ValueError for anything else."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size in bytes")
    power = "KMGT".index(found[2].upper()) + 1 if found[2] else 0
    return round(float(found[1]) * (1 << 10 * power))


def read_span(text: str) -> dt.timedelta:
    """Read '30 days', '12 hours' or '2 weeks'; raise ValueError for anything else."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a time such as '30 days'")
    return dt.timedelta(seconds=float(found[1]) * _SPANS[found[2].lower()])
