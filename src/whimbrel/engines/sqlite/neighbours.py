"""Notice other programs at a file, and leave it to them between two batches.

SQLite has no queue: who finds the file locked sleeps, looks again (after a while only every
100 ms), and gives up when its patience ends, often after 5 s. So nobody tells us that somebody
waits, and a moment between two batches that is shorter is missed. Who does get in and writes is
noticed; then batches are short, and there is room between any two of them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Final

from whimbrel.engines import base

# A little longer than the longest sleep of who waits for the file.
OPEN_SECONDS: Final = 0.105
# So often the file is left alone for that long even if nobody has been noticed.
EVERY_SECONDS: Final = 3.0
# Who has written may write again for so long.
NOTICED_SECONDS: Final = 60.0
# Beside others: how long a batch should take at most, and which part of it is left to them.
AT_MOST: Final = 0.1
SHARE: Final = 0.25
LEAST_SECONDS: Final = 0.02


class Neighbours:
    """What is known of others who write to the file of one connection."""

    def __init__(
        self, driver: sqlite3.Connection, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._driver = driver
        self._seconds = seconds
        self._version: int | None = None
        self._noticed_at: float | None = None
        self._open_at = seconds()

    def look(self) -> None:
        """Take what has been written until now for known; only what comes later is noticed."""
        try:
            self._version = self._read()
        except sqlite3.OperationalError:
            self._version = None  # somebody is at it; the next look tells

    def forget(self) -> None:
        """Do not take what has been written until now for the work of others.

        For what we wrote ourselves through another connection; safe to call from any thread.
        """
        self._version = None

    def breath(self, seconds: float) -> base.Breath:
        """Return how to go on after a batch that has just let go of the file."""
        now = self._seconds()
        if self._somebody_wrote():
            self._noticed_at = now
        if now - self._open_at > EVERY_SECONDS:
            self._open_at = now + OPEN_SECONDS
            pause = OPEN_SECONDS
        else:
            pause = 0.0
        if self._noticed_at is None or now - self._noticed_at > NOTICED_SECONDS:
            return base.Breath(pause=pause)
        return base.Breath(
            pause=max(pause, seconds * SHARE, LEAST_SECONDS),
            at_most=AT_MOST,
        )

    def _somebody_wrote(self) -> bool:
        before = self._version
        try:
            # Another number when another connection has committed since it was asked last.
            self._version = self._read()
        except sqlite3.OperationalError:
            return True  # somebody is at it right now
        return before is not None and self._version != before

    def _read(self) -> int:
        return int(self._driver.execute("PRAGMA data_version").fetchone()[0])
