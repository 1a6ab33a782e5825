"""Look at a row on both sides until it is clear whether they differ, or are only being written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from whimbrel import clock as clocks
from whimbrel.online import metrics

# How often a row is read, and how long to wait before it is read again.
_LOOKS: Final = 4
_PAUSE_SECONDS: Final = 0.05


class Verdict(Enum):
    """What was found of a row."""

    EQUAL = "equal"
    DIFFERENT = "different"
    # Something of it still waits in the outbox, or it is being written all the time.
    BEHIND = "behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a row saw: what should be on the other side, and what is."""

    key: str
    expected: Mapping[str, Any] | None
    found: Mapping[str, Any] | None
    waits: bool = False

    @property
    def different(self) -> tuple[str, ...]:
        """The fields that differ; none if the row is on one side alone."""
        if self.expected is None or self.found is None:
            return ()
        return tuple(
            name for name, value in self.expected.items() if not _same(value, self.found[name])
        )

    @property
    def equal(self) -> bool:
        """Whether the other side is as it should be."""
        if self.expected is None or self.found is None:
            return self.expected is None and self.found is None
        return not self.different

    def mismatch(self, *, show_values: bool) -> metrics.Mismatch:
        """Return what is to be kept of it."""
        fields: dict[str, tuple[object, object] | None] = {}
        for name in self.different:
            shown = show_values and self.expected is not None and self.found is not None
            values = (self.expected, self.found) if shown else None
            fields[name] = _pair(values, name)
        missing = (self.expected is None) != (self.found is None)
        return metrics.Mismatch(key=self.key, missing=missing, fields=fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a comparison of both sides found, and what was done about it.

    `behind` rows were being written, or wait in the outbox. `left` differ still.
    """

    pair: str
    leads: str
    rows: int
    different: int
    missing: int
    extra: int
    behind: int
    repaired: int
    left: int
    examples: tuple[metrics.Mismatch, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs any more."""
        return self.left == 0

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "pair": self.pair,
            "leads": self.leads,
            "rows": self.rows,
            "different": self.different,
            "missing": self.missing,
            "extra": self.extra,
            "behind": self.behind,
            "repaired": self.repaired,
            "left": self.left,
            "equal": self.equal,
            "examples": [
                {"key": one.key, "missing": one.missing, "fields": list(one.fields)}
                for one in self.examples
            ],
        }


def settle(
    look: Callable[[], Look], *, clock: clocks.Clock, looks: int = _LOOKS
) -> tuple[Verdict, Look]:
    """Look until it is clear: a difference is one if it is the same twice, and nothing waits."""
    last = look()
    for _ in range(looks - 1):
        if last.equal:
            return Verdict.EQUAL, last
        clock.sleep(_PAUSE_SECONDS)
        again = look()
        if not again.waits and (again.expected, again.found) == (last.expected, last.found):
            return (Verdict.EQUAL if again.equal else Verdict.DIFFERENT), again
        last = again
    return (Verdict.EQUAL if last.equal else Verdict.BEHIND), last


def _pair(
    values: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None] | None, name: str
) -> tuple[object, object] | None:
    if values is None or values[0] is None or values[1] is None:
        return None
    return values[0][name], values[1][name]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return _in_utc(one) == _in_utc(other)
    # A number that is none is equal to itself here, and 1 is not True.
    return (one == other or (one != one and other != other)) and (
        isinstance(one, bool) == isinstance(other, bool)
    )


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
