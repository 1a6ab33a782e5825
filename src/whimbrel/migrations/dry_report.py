"""What a dry run saw, as values: per step rows, rejects, samples, time; and what did not come back.

Doing it is the work of `dry_run.py`, drawing it that of the faces.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from whimbrel import errors, events
from whimbrel.journal import parts
from whimbrel.migrations import samples
from whimbrel.proof import rules

# --- events ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(events.Event):
    """A dry run is about to begin; its locks are held until it ends.

    `rows` is about how many rows its steps in batches work through, None if nobody knows.
    """

    rows: int | None
    sample: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried(events.Event):
    """A migration has been tried to its end."""

    migration: str
    seconds: float
    steps: int


# --- what is reported -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Rows that could not be changed or moved, for one reason; the first of them in full."""

    reason: str
    rows: int
    first: tuple[parts.Reject, ...]

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        first = [
            {"table": one.table, "key": [*map(_plain, one.key)], "row": _plain(one.row),
             "reason": one.reason}
            for one in self.first
        ]  # fmt: skip
        return {"reason": self.reason, "rows": self.rows, "first": first}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a step would do with the whole table, guessed from the rows that were tried."""

    rows_read: int
    rows_written: int
    seconds: float

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "rows_read": self.rows_read,
            "rows_written": self.rows_written,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, or the same statement several `times`.

    `rows` is how many were written, `read` how many a step in batches worked through (None
    where that means nothing); `max_rejects` how many `up` would put aside before it stops.
    """

    position: int
    times: int
    kind: str
    words: str
    rows: int | None
    read: int | None
    seconds: float | None
    rejected: tuple[Rejected, ...] = ()
    max_rejects: int = 0
    samples: tuple[samples.Sample, ...] = ()
    estimate: Estimate | None = None
    note: str = ""

    @property
    def rows_rejected(self) -> int:
        """How many rows were put aside."""
        return sum(one.rows for one in self.rejected)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "position": self.position,
            "times": self.times,
            "kind": self.kind,
            "step": self.words,
            "rows": self.rows,
            "rows_read": self.read,
            "rows_rejected": self.rows_rejected,
            "max_rejects": self.max_rejects,
            "seconds": None if self.seconds is None else round(self.seconds, 6),
            "rejected": [one.as_json() for one in self.rejected],
            "samples": [_plain(dataclasses.asdict(sample)) for sample in self.samples],
            "estimate_for_the_whole_table": self.estimate.as_json() if self.estimate else None,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One migration as far as it came; `problem` says why it came no further.

    `rules` is how its own rules turned out, `note` what a reader has to know of it.
    """

    id: str
    doc: str
    steps: tuple[Step, ...]
    seconds: float
    problem: errors.WhimbrelError | None = None
    failed_step: str = ""
    rules: tuple[rules.Outcome, ...] = ()
    note: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "migration": self.id,
            "doc": self.doc,
            "seconds": round(self.seconds, 6),
            "steps": [step.as_json() for step in self.steps],
            "rules": [one.as_json() for one in self.rules],
            "note": self.note,
            "failed_step": self.failed_step or None,
            "problem": self.problem.as_json() if self.problem else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A counter that went on, and was not set back: others may have been given numbers."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a dry run saw. Nothing of it stayed, but what `moved` and `alarms` say.

    `notes` are what a reader has to know about it, `alarms` what went wrong with taking back.
    """

    database: str
    engine: str
    migrations: tuple[Trial, ...]
    not_reached: tuple[str, ...]
    seconds: float
    sample: int | None
    moved: tuple[Moved, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()

    @property
    def problem(self) -> errors.WhimbrelError | None:
        """What stopped it, or None."""
        return next((trial.problem for trial in self.migrations if trial.problem), None)

    @property
    def rejected(self) -> int:
        """How many rows were put aside, in all."""
        return sum(step.rows_rejected for trial in self.migrations for step in trial.steps)

    @property
    def exit_code(self) -> int:
        """0 if everything would work, 1 if something was refused, failed or rejected."""
        return int(self.problem is not None or bool(self.rejected) or bool(self.alarms))

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values, nothing shortened."""
        return {
            "dry_run": True,
            "database": self.database,
            "engine": self.engine,
            "seconds": round(self.seconds, 6),
            "sample": self.sample,
            "migrations": [trial.as_json() for trial in self.migrations],
            "not_reached": list(self.not_reached),
            "rows_rejected": self.rejected,
            "counters_moved": [dataclasses.asdict(one) for one in self.moved],
            "notes": list(self.notes),
            "alarms": list(self.alarms),
            "exit_code": self.exit_code,
        }


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"0x{bytes(value).hex()}"
    return value
