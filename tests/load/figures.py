"""How long statements took: all of them, and those around a moment."""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The latencies of some statements, in seconds."""

    count: int
    p50: float
    p99: float
    longest: float

    def __str__(self) -> str:
        p50, p99, longest = (f"{1e3 * one:.1f}" for one in (self.p50, self.p99, self.longest))
        return f"{self.count:,} statements, p50 {p50} ms, p99 {p99} ms, longest {longest} ms"


def of(seconds: Sequence[float]) -> Figures:
    """Return the figures of these statements."""
    ordered = sorted(seconds) or [0.0]
    last = len(ordered) - 1
    return Figures(
        count=len(seconds),
        p50=ordered[last // 2],
        p99=ordered[int(last * 0.99)],
        longest=ordered[-1],
    )


@dataclass(slots=True)
class Times:
    """When statements were due (on the monotonic clock) and how long after that they were done."""

    began: array[float]
    took: array[float]

    @classmethod
    def empty(cls) -> Times:
        """Return one without statements."""
        return cls(array("d"), array("d"))

    def add(self, began: float, took: float) -> None:
        """Take in a statement."""
        self.began.append(began)
        self.took.append(took)

    def within(self, begin: float, end: float) -> Figures:
        """Return the figures of statements that were at work at some moment between these."""
        # Whoever waited through all of it began long before.
        last = bisect.bisect_right(self.began, end)
        return of([self.took[n] for n in range(last) if self.began[n] + self.took[n] >= begin])

    def all(self) -> Figures:
        """Return the figures of all statements."""
        return of(self.took)


def joined(all_: Iterable[Times]) -> Times:
    """Return the statements of several connections, in the order in which they began."""
    both = sorted(pair for one in all_ for pair in zip(one.began, one.took, strict=True))
    return Times(array("d", [began for began, _ in both]), array("d", [took for _, took in both]))
