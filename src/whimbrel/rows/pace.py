"""How large the next batch is, and how soon it may begin: arithmetic only.

What a server says of itself is judged by `throttle`; whoever moves the rows measures and waits.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from whimbrel import pacing
from whimbrel.engines import base

# A batch grows at most so much, however fast the one before it was.
_MOST_GROWTH = 2.0
# Growth goes not all of the way, so that it also settles where twice the rows take four times
# as long: the whole way up and down again would swing for ever.
_CAUTION = 0.7
# Rows that become larger are believed at once, rows that become smaller by and by.
_FORGETTING = 0.2
# What memory allowed once is tried again, slowly.
_RECOVERY = 1.05
# What a statement costs before its first row is not made less by fewer rows. Two batches tell it
# if one is so much larger; fewer rows help no longer if time goes with less than their root.
_APART = 1.5
_ROOT = 0.5
_DAY_MINUTES = 24 * 60
# Beside an application: how long a batch takes at most, which part of that is left to others after
# it, and how many rows the first one has, of which nobody knows how long they take. Measured by
# bench.online: batches of 50 ms with pauses of 25 ms were no quicker on SQLite, and there the
# slowest hundredth of an application's statements waited four times as long.
_BESIDE_SECONDS = 0.02
_BESIDE_SHARE = 1.0
_BESIDE_ROWS = 500


def beside(settings: pacing.RowsConfig) -> pacing.RowsConfig:
    """Return the settings for batches on a table on which an application is at work.

    A time or a size that somebody has configured holds.
    """
    first, target = settings.first_rows, settings.target_seconds
    if "first_rows" not in settings.configured:
        first = min(first, _BESIDE_ROWS)
    if "target_seconds" not in settings.configured:
        target = min(target, _BESIDE_SECONDS)
    return dataclasses.replace(settings, first_rows=first, target_seconds=target)


def pause(breath: base.Breath, seconds: float) -> float:
    """Return how long to leave an application alone after a batch that took so many seconds."""
    return max(breath.pause, seconds * _BESIDE_SHARE)


class Rate:
    """At most so many rows per second, over all workers together; it may change meanwhile.

    Time that was not used is not saved up: after a pause comes one batch, not all of them.
    """

    def __init__(self, limit: float | None = None) -> None:
        self._limit = limit
        self._free_at = -math.inf
        self._door = threading.Lock()

    @property
    def limit(self) -> float | None:
        """Return the rows per second that are allowed; None is no limit."""
        return self._limit

    def set(self, limit: float | None) -> None:
        """Allow another number of rows per second from the next batch on."""
        with self._door:
            self._limit = limit
            if limit is None:
                self._free_at = -math.inf

    def spend(self, rows: int, now: float) -> float:
        """Count rows that were just moved; return how many seconds the next ones have to wait."""
        with self._door:
            if self._limit is None:
                return 0.0
            share = rows / self._limit
            # The time that a batch itself took counts, but no more than one batch's worth.
            self._free_at = max(self._free_at, now - share) + share
            return max(0.0, self._free_at - now)


class Sizer:
    """The number of rows in a worker's next batch, from what its batches have taken so far."""

    def __init__(
        self, settings: pacing.RowsConfig, rate: Rate | None = None, *, first: int | None = None
    ) -> None:
        self._target = self._configured = settings.target_seconds
        self._batch_bytes = settings.batch_bytes
        self._largest = settings.largest_rows
        self._rate = rate or Rate()
        # A resumed part goes on with the size that it had.
        self._size = max(1, min(first or settings.first_rows, settings.largest_rows))
        self._row_bytes = 0.0
        # The batch before, rows and seconds; and the most rows that were tried first or took no
        # longer than they should.
        self._last: tuple[int, float] | None = None
        self._proven = self._size
        # What memory allows; None while it has not been short.
        self._room: float | None = None

    @property
    def rows(self) -> int:
        """Return how many rows the next batch should have, at least one."""
        limits: list[float] = [self._size, self._largest]
        if self._room is not None:
            limits.append(self._room)
        if self._row_bytes:
            limits.append(self._batch_bytes / self._row_bytes)
        if self._rate.limit is not None:
            # One batch is at most a second of what is allowed.
            limits.append(self._rate.limit)
        return max(1, int(min(limits)))

    def aim(self, at_most: float | None) -> None:
        """Let batches take so many seconds at most from now on, None as many as configured."""
        self._target = self._configured if at_most is None else min(self._configured, at_most)

    def done(self, rows: int, seconds: float) -> None:
        """Learn from a batch that has committed: how many rows it had, how long it took.

        One that took too long is followed by a smaller one, as long as smaller ones are quicker:
        on a server that has much to do every statement is slow, also that of a single row.
        """
        if rows <= 0:
            return
        before, self._last = self._last, (rows, seconds)
        if self._room is not None:
            self._room *= _RECOVERY
        if seconds > self._target:
            if before is not None and _no_quicker(before, (rows, seconds)):
                self._size = max(1, min(self._proven, 2 * max(rows, before[0])))
                return
            fits = rows * self._target / seconds
            self._size = max(1, min(self._size, int(fits)))
            return
        self._proven = max(self._proven, rows)
        if rows * 2 < self._size:
            return  # the end of a range, or cut short: it tells nothing of a whole batch
        room = self._target / seconds if seconds > 0 else math.inf
        grown = rows * min(_MOST_GROWTH, room**_CAUTION)
        self._size = min(self._largest, max(self._size, round(grown)))

    def bytes_seen(self, rows: int, size: int) -> None:
        """Learn how many bytes rows have, so that a batch stays below its limit."""
        if rows <= 0:
            return
        now = size / rows
        kept = self._row_bytes + (now - self._row_bytes) * _FORGETTING
        self._row_bytes = max(now, kept)

    def failed(self, rows: int | None = None, *, to: int | None = None) -> int:
        """Halve a batch of so many rows that has failed, or take `to`; return the next one's."""
        half = (self.rows if rows is None else rows) // 2
        self._size = max(1, half if to is None else to)
        return self.rows

    def smaller(self) -> int:
        """Halve batches because memory is short, for longer than a failure would."""
        self._room = max(1.0, self.rows / 2)
        return self.rows


def _no_quicker(one: tuple[int, float], other: tuple[int, float]) -> bool:
    """Whether of two batches of different sizes the smaller one was hardly quicker."""
    (few, quick), (many, slow) = sorted((one, other))
    if many < _APART * few or quick <= 0:
        return False
    return slow < quick * math.pow(many / few, _ROOT)


class Hours:
    """The times of day in which rows may be moved, in one time zone; none means always."""

    def __init__(self, windows: Sequence[pacing.Window], timezone: str = "") -> None:
        self._windows = tuple(windows)
        # None is the time of this machine.
        self._zone: tzinfo | None = zoneinfo.ZoneInfo(timezone) if timezone else None

    def __str__(self) -> str:
        return ", ".join(str(window) for window in self._windows)

    def opens(self, now: datetime) -> datetime | None:
        """Return when rows may be moved again, in the zone of these hours; None is now."""
        if not self._windows:
            return None
        today = now.astimezone(self._zone).date()
        later = []
        # Yesterday's may not be over yet; in a week every one has begun once.
        for day in (today + timedelta(days=offset) for offset in range(-1, 9)):
            for window in self._windows:
                if day.weekday() not in window.days:
                    continue
                over_midnight = _DAY_MINUTES if window.end <= window.start else 0
                begins = self._at(day, window.start)
                if begins <= now < self._at(day, window.end + over_midnight):
                    return None
                if begins > now:
                    later.append(begins)
        return min(later).astimezone(self._zone)

    def wait(self, now: datetime) -> timedelta | None:
        """Return how long to wait until rows may be moved; None is not at all."""
        opens = self.opens(now)
        return None if opens is None else opens.astimezone(UTC) - now.astimezone(UTC)

    def _at(self, day: date, minutes: int) -> datetime:
        """Return that minute of that day; a clock that is set forward skips some of them."""
        days, rest = divmod(minutes, _DAY_MINUTES)
        wall = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60))
        return (wall if self._zone is None else wall.replace(tzinfo=self._zone)).astimezone(UTC)
