"""An exact sum for SQLite, whose own adds up floats, in an order that changes, and skips words."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal

from whimbrel.engines.sqlite.values import Value, number

# Digits enough for every number that is not out of all proportion.
_DIGITS = Context(prec=200)


class Sum:
    """whimbrel_sum(value): by the digits that are shown, 0.1 and 0.2 are 0.3."""

    # What tells why it stopped; the driver says no more than that it did.
    tell: Callable[[str], None]

    def __init__(self) -> None:
        self._whole = 0
        self._rest: Decimal | None = None
        self._any = False

    def step(self, value: Value) -> None:
        """Take one row."""
        if value is None:
            return
        self._any = True
        if isinstance(value, int):
            self._whole += value
            return
        try:
            found = number(value)
        except ValueError as error:
            type(self).tell(str(error))
            raise
        self._rest = found if self._rest is None else _DIGITS.add(self._rest, found)

    def finalize(self) -> str | None:
        """Return the sum as a text with all digits, None if there was no value."""
        if not self._any:
            return None
        if self._rest is None:
            return str(self._whole)
        return format(_DIGITS.add(self._rest, Decimal(self._whole)), "f")
