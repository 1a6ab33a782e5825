"""Values as functions on SQLite get them: as texts and as exact numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

Value = int | float | str | bytes | None

_NUMBER: Final = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")


def text(value: Value) -> str:
    """Return a value as a text; whole doubles lose their `.0`, as in MySQL and PostgreSQL."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def number(value: Value) -> Decimal:
    """Return a value as an exact number, or raise ValueError if it is none."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value.strip())
    raise ValueError(f"{value!r} is not a number")


def whole(value: Value) -> int:
    """Return a value as a whole number, or raise ValueError if it is none."""
    exact = number(value)
    if exact != exact.to_integral_value():
        raise ValueError(f"{value!r} is not a whole number")
    return int(exact)
