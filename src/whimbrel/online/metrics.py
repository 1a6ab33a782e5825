"""What dual writes and shadow reads count, for whoever watches them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# As many as are kept to say how long something takes.
_KEPT_SECONDS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A row that a shadow read found to be another one on the other side.

    `fields` has what was expected and what was there; None in place of values if they are not
    to be shown, and no fields at all where the row was `missing`.
    """

    key: str
    missing: bool
    fields: Mapping[str, tuple[object, object] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What has been counted in this process up to now.

    `both` were written to both sides in one transaction, `queued` through the outbox, `off` while
    the switch was off. `lag` is the age in seconds of what was delivered last when it was.
    """

    both: int = 0
    queued: int = 0
    off: int = 0
    delivered: int = 0
    overtaken: int = 0
    failures: int = 0
    dead: int = 0
    unreachable: int = 0
    reads: int = 0
    compared: int = 0
    mismatches: int = 0
    behind: int = 0
    shadow_errors: int = 0
    shadow_dropped: int = 0
    lag: float = 0.0
    write_seconds: tuple[float, ...] = ()
    delivery_seconds: tuple[float, ...] = ()
    first_mismatches: tuple[Mismatch, ...] = ()
    last_error: str | None = None

    def percentile(self, share: float, *, deliveries: bool = False) -> float | None:
        """Return how long that share of the last writes (or deliveries) took at most."""
        seconds = sorted(self.delivery_seconds if deliveries else self.write_seconds)
        if not seconds:
            return None
        return seconds[min(len(seconds) - 1, int(share * len(seconds)))]


class Metrics:
    """Counts, from several threads."""

    def __init__(self, *, keep_mismatches: int = 20) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._writes: deque[float] = deque(maxlen=_KEPT_SECONDS)
        self._deliveries: deque[float] = deque(maxlen=_KEPT_SECONDS)
        self._mismatches: list[Mismatch] = []
        self._keep = keep_mismatches
        self._lag = 0.0
        self._last_error: str | None = None

    def count(self, name: str, by: int = 1) -> None:
        """Add to one of the counts of a Snapshot."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + by

    def wrote(self, seconds: float) -> None:
        """Note how much longer a write took because of the second side."""
        with self._lock:
            self._writes.append(seconds)

    def delivered(self, *, rows: int, seconds: float, lag: float) -> None:
        """Note a delivery of so many rows of the outbox."""
        with self._lock:
            self._counts["delivered"] = self._counts.get("delivered", 0) + rows
            self._deliveries.append(seconds)
            self._lag = lag

    def failed(self, name: str, error: str) -> None:
        """Count a failure, and keep the last one's words."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + 1
            self._last_error = error

    def differs(self, found: Mismatch) -> None:
        """Count a mismatch, and keep it if it is among the first."""
        with self._lock:
            self._counts["mismatches"] = self._counts.get("mismatches", 0) + 1
            if len(self._mismatches) < self._keep:
                self._mismatches.append(found)

    def snapshot(self) -> Snapshot:
        """Return what has been counted."""
        with self._lock:
            return Snapshot(
                **self._counts,
                lag=self._lag,
                write_seconds=tuple(self._writes),
                delivery_seconds=tuple(self._deliveries),
                first_mismatches=tuple(self._mismatches),
                last_error=self._last_error,
            )
