"""The time; nothing else in the house asks the system for it.

Tests replace `Clock` to own the time; the rest of the house takes one as a parameter.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Tell the time of day (UTC), seconds that only grow, and wait."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def seconds(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


SYSTEM = Clock()


def stamp(moment: datetime) -> str:
    """Write a moment as the journal stores it: ISO 8601, UTC, microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_stamp(text: str) -> datetime:
    """Read what `stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
