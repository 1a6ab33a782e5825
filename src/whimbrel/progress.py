"""Fold events into what all faces show: how far each migration is, how fast, and how long.

Pure arithmetic, apart from drawing: a state and an event give the next state. What is not
known is None and never a guess: a migration may decide its steps while it runs, and how long
its remaining steps will take nobody can tell from those that are done.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from whimbrel import events

State = Literal["waiting", "running", "done", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationProgress:
    """How far one migration is.

    `rows` are those that its steps changed as far as the server said so, in this run;
    `models_read` and `models_written` those that went through models.
    """

    migration: str
    state: State = "waiting"
    steps: int | None = None
    steps_done: int = 0
    steps_skipped: int = 0
    position: int | None = None
    step: str | None = None
    rows: int | None = None
    rows_seconds: float = 0.0
    models_read: int | None = None
    models_written: int | None = None
    started_at: float | None = None
    seconds: float | None = None
    resumable: bool | None = None

    @property
    def fraction(self) -> float | None:
        """Share of the steps done, or None while their number is unknown or was too low."""
        if self.state == "done":
            return 1.0
        if not self.steps or self.steps_done > self.steps:
            return None
        return self.steps_done / self.steps

    @property
    def rate(self) -> float | None:
        """Rows per second of the steps that changed rows, or None before the first one."""
        if not self.rows or self.rows_seconds <= 0:
            return None
        return self.rows / self.rows_seconds

    def elapsed(self, at: float) -> float | None:
        """Return the seconds it took, or has taken so far; None before it began."""
        if self.seconds is not None:
            return self.seconds
        return None if self.started_at is None else max(0.0, at - self.started_at)

    def models_rate(self, at: float) -> float | None:
        """Return rows written through models per second, or None before the first one."""
        elapsed = self.elapsed(at)
        return self.models_written / elapsed if self.models_written and elapsed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `waiting_for` says what it waits for, None while it works."""

    direction: str | None = None
    database: str | None = None
    migrations: tuple[MigrationProgress, ...] = ()
    waiting_for: str | None = None
    started_at: float | None = None
    seconds: float | None = None

    @property
    def done(self) -> int:
        """Return how many migrations are through."""
        return sum(migration.state == "done" for migration in self.migrations)

    @property
    def current(self) -> MigrationProgress | None:
        """Return the migration at work, None between two of them."""
        return next((m for m in self.migrations if m.state == "running"), None)

    @property
    def position(self) -> int | None:
        """Return which one of the migrations is at work, counted from 1."""
        places = enumerate(self.migrations, start=1)
        return next((place for place, m in places if m.state == "running"), None)

    @property
    def rows(self) -> int | None:
        """Return the rows that all steps changed, None while nothing is known of any."""
        known = [m.rows for m in self.migrations if m.rows is not None]
        return sum(known) if known else None

    def elapsed(self, at: float) -> float | None:
        """Return the seconds the run took, or has taken so far; None before it began."""
        if self.seconds is not None:
            return self.seconds
        return None if self.started_at is None else max(0.0, at - self.started_at)

    def of(self, migration: str) -> MigrationProgress:
        """Return one migration's progress; a fresh one for a name not seen before."""
        found = (m for m in self.migrations if m.migration == migration)
        return next(found, MigrationProgress(migration=migration))


NOTHING: Final = Progress()


def fold(told: Iterable[tuple[float, events.Event]], start: Progress = NOTHING) -> Progress:
    """Return the state after all events, each with the moment at which it was told."""
    return functools.reduce(lambda state, pair: advance(state, pair[1], at=pair[0]), told, start)


def advance(state: Progress, event: events.Event, *, at: float) -> Progress:
    """Return the state after one event, told at a moment of a clock that never goes back.

    An event that says nothing about progress leaves the state as it is.
    """
    match event:
        case events.Waiting():
            return replace(state, waiting_for=event.reason)
        case events.RunStarted():
            return Progress(
                direction=event.direction,
                database=event.database,
                migrations=tuple(MigrationProgress(migration=name) for name in event.migrations),
                started_at=at,
            )
        case events.RunDone():
            return replace(state, seconds=event.seconds, waiting_for=None)
        case (
            events.MigrationStarted()
            | events.StepStarted()
            | events.StepDone()
            | events.ModelRows()
            | events.MigrationDone()
            | events.MigrationStopped()
        ):
            changed = _changed(state.of(event.migration), event, at)
            return replace(_with(state, changed), waiting_for=None)
        case _:
            return replace(state, waiting_for=None)


# --- one migration --------------------------------------------------------------------------

_OfMigration = (
    events.MigrationStarted
    | events.StepStarted
    | events.StepDone
    | events.ModelRows
    | events.MigrationDone
    | events.MigrationStopped
)


def _changed(before: MigrationProgress, event: _OfMigration, at: float) -> MigrationProgress:
    match event:
        case events.MigrationStarted():
            return MigrationProgress(
                migration=event.migration, state="running", steps=event.steps, started_at=at
            )
        case events.StepStarted():
            return replace(before, position=event.position, step=event.step)
        case events.StepDone():
            return _step_done(before, event)
        case events.ModelRows():
            return replace(before, models_read=event.read, models_written=event.written)
        case events.MigrationDone():
            return replace(
                before, state="done", step=None, steps=event.steps, seconds=event.seconds
            )
        case events.MigrationStopped():
            elapsed = before.elapsed(at)
            return replace(before, state="stopped", seconds=elapsed, resumable=event.resumable)


def _step_done(before: MigrationProgress, event: events.StepDone) -> MigrationProgress:
    after = replace(
        before,
        position=event.position,
        step=None,
        steps_done=before.steps_done + 1,
        steps_skipped=before.steps_skipped + event.skipped,
    )
    # A skipped step did its rows in an earlier run; a negative number is a driver's "unknown".
    if event.skipped or event.rows is None or event.rows < 0:
        return after
    return replace(
        after,
        rows=(before.rows or 0) + event.rows,
        rows_seconds=before.rows_seconds + event.seconds,
    )


def _with(state: Progress, changed: MigrationProgress) -> Progress:
    names = [m.migration for m in state.migrations]
    if changed.migration not in names:
        return replace(state, migrations=(*state.migrations, changed))
    place = names.index(changed.migration)
    others = state.migrations
    return replace(state, migrations=(*others[:place], changed, *others[place + 1 :]))
