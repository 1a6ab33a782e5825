"""What a column's default says, in words of no engine.

Reading one from SQL is the work of `translate`; writing it for a column that of the engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum


class Sort(Enum):
    """How a constant was written."""

    NUMBER = "number"
    TEXT = "text"
    BYTES = "bytes"  # as hexadecimal digits
    BITS = "bits"  # as digits 0 and 1
    BOOLEAN = "boolean"  # as 1 or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One value, always the same."""

    sort: Sort
    text: str

    @property
    def number(self) -> Decimal | None:
        """Return the value as a number, None if it is none."""
        if self.sort is Sort.BYTES:
            return None
        if self.sort is Sort.BITS:
            return Decimal(int(self.text, 2))
        try:
            found = Decimal(self.text.strip())
        except InvalidOperation:
            return None
        return found if found.is_finite() else None


class Part(Enum):
    """What of the present moment is meant."""

    MOMENT = "moment"
    DAY = "day"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The present moment; `utc` says that it is told in UTC, not in the session's zone."""

    part: Part
    utc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUuid:
    """A UUID that nobody else has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The next value of a sequence."""

    sequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """Any other expression, in SQL."""

    sql: str


Default = Constant | Now | NewUuid | Counted | Formula
