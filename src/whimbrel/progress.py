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

# The rate is that of so many batches: some seconds, and what was before is forgotten.
RECENT_BATCHES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsProgress:
    """How far a step in batches is.

    `total` is about how many rows its table has; `before` were read in earlier attempts, `read`,
    `written` and `rejected` count this one. `size` is the rows of the next batch of whichever
    worker told last. `recent` has when the latest batches ended, and the rows read until then.
    """

    position: int
    table: str
    total: int | None = None
    before: int = 0
    workers: int = 1
    read: int = 0
    written: int = 0
    rejected: int = 0
    batches: int = 0
    size: int | None = None
    recent: tuple[tuple[float, int], ...] = ()

    @property
    def done(self) -> int:
        """Return the rows that were read in all attempts."""
        return self.before + self.read

    @property
    def fraction(self) -> float | None:
        """Share of the rows done, or None while their number is unknown or was too low."""
        if not self.total or self.done > self.total:
            return None
        return self.done / self.total

    @property
    def rate(self) -> float | None:
        """Rows read per second over the latest batches of all workers, the waits among them.

        These are the last RECENT_BATCHES, or all since the step began; None before the first.
        """
        if not self.batches:
            return None
        (since, before), (until, after) = self.recent[0], self.recent[-1]
        return (after - before) / (until - since) if until > since else None

    @property
    def left(self) -> float | None:
        """Seconds until all rows are done if it goes on as fast, or None if nobody can tell."""
        if self.fraction is None or self.total is None or not self.rate:
            return None
        return (self.total - self.done) / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationProgress:
    """How far one migration is.

    `rows` are those that its steps changed as far as the server said so, in this run;
    `models_read` and `models_written` those that went through models. `batching` is the step in
    batches at work, None between two of them; `rejected` counts the rows put aside in this run,
    `resumed_at` the steps that an earlier one had begun.
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
    batching: RowsProgress | None = None
    rejected: int = 0
    resumed_at: int = 0
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

    @property
    def rejected(self) -> int:
        """Return the rows that all steps in batches put aside."""
        return sum(m.rejected for m in self.migrations)

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
            | events.RowsStarted()
            | events.BatchDone()
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
    | events.RowsStarted
    | events.BatchDone
    | events.StepDone
    | events.ModelRows
    | events.MigrationDone
    | events.MigrationStopped
)


def _changed(before: MigrationProgress, event: _OfMigration, at: float) -> MigrationProgress:
    match event:
        case events.MigrationStarted():
            return MigrationProgress(
                migration=event.migration,
                state="running",
                steps=event.steps,
                resumed_at=event.resumed_at,
                started_at=at,
            )
        case events.StepStarted():
            return replace(before, position=event.position, step=event.step, batching=None)
        case events.RowsStarted():
            return replace(before, batching=_rows_started(event, at))
        case events.BatchDone():
            return _batch_done(before, event, at)
        case events.StepDone():
            return _step_done(before, event)
        case events.ModelRows():
            return replace(before, models_read=event.read, models_written=event.written)
        case events.MigrationDone():
            return replace(
                before,
                state="done",
                step=None,
                batching=None,
                steps=event.steps,
                seconds=event.seconds,
            )
        case events.MigrationStopped():
            elapsed = before.elapsed(at)
            return replace(before, state="stopped", seconds=elapsed, resumable=event.resumable)


def _step_done(before: MigrationProgress, event: events.StepDone) -> MigrationProgress:
    after = replace(
        before,
        position=event.position,
        step=None,
        batching=None,
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


def _rows_started(event: events.RowsStarted, at: float) -> RowsProgress:
    return RowsProgress(
        position=event.position,
        table=event.table,
        total=event.total,
        before=event.done,
        workers=event.workers,
        recent=((at, 0),),
    )


def _batch_done(before: MigrationProgress, event: events.BatchDone, at: float) -> MigrationProgress:
    rows = before.batching
    after = replace(before, rejected=before.rejected + event.rejected)
    if rows is None:  # a loop of the migration's own, of which nothing was announced
        rows = RowsProgress(position=event.position, table="", recent=((at - event.seconds, 0),))
    read = rows.read + event.read
    return replace(
        after,
        batching=replace(
            rows,
            read=read,
            written=rows.written + event.written,
            rejected=rows.rejected + event.rejected,
            batches=rows.batches + 1,
            size=event.size,
            recent=(*rows.recent, (at, read))[-RECENT_BATCHES - 1 :],
        ),
    )


def _with(state: Progress, changed: MigrationProgress) -> Progress:
    names = [m.migration for m in state.migrations]
    if changed.migration not in names:
        return replace(state, migrations=(*state.migrations, changed))
    place = names.index(changed.migration)
    others = state.migrations
    return replace(state, migrations=(*others[:place], changed, *others[place + 1 :]))


# --- a comparison ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProgress:
    """How far the comparison of one table is; `total` is about how many rows it has."""

    table: str
    rows: int = 0
    total: int = 0

    @property
    def fraction(self) -> float | None:
        """Share of the rows done, or None while their number is unknown or was too low."""
        if not self.total or self.rows > self.total:
            return None
        return self.rows / self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyProgress:
    """How far a comparison of two databases is."""

    tables: int = 0
    tables_done: int = 0
    tables_equal: int = 0
    rows: int = 0
    differences: int = 0
    at_work: tuple[TableProgress, ...] = ()
    started_at: float | None = None
    seconds: float | None = None

    def rate(self, at: float) -> float:
        """Return rows per second since it began, 0 before."""
        if self.started_at is None:
            return 0.0
        elapsed = self.seconds if self.seconds is not None else at - self.started_at
        return self.rows / elapsed if elapsed > 0 else 0.0


NOT_COMPARED: Final = VerifyProgress()


def compared(state: VerifyProgress, event: events.Event, *, at: float) -> VerifyProgress:
    """Return the state of a comparison after one event; others leave it as it is."""
    match event:
        case events.VerifyStarted():
            return VerifyProgress(tables=len(event.tables), started_at=at)
        case events.RowsCompared():
            before = next((t for t in state.at_work if t.table == event.table), None)
            one = before or TableProgress(table=event.table)
            one = replace(one, rows=one.rows + event.rows, total=event.total)
            others = tuple(t for t in state.at_work if t.table != event.table)
            return replace(state, rows=state.rows + event.rows, at_work=(*others, one))
        case events.TableVerified():
            return replace(
                state,
                tables_done=state.tables_done + 1,
                tables_equal=state.tables_equal + (event.outcome == "equal"),
                differences=state.differences + event.differences,
                at_work=tuple(t for t in state.at_work if t.table != event.table),
            )
        case events.VerifyDone():
            return replace(state, seconds=event.seconds, at_work=())
        case _:
            return state


# --- a transfer -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedTable:
    """How far the copying of one table is.

    `total` is about how many rows it has, None if nobody knows; `before` were copied in earlier
    attempts, `rows` in this one. `chunks` is how many there are in all, `chunks_done` how many
    of them were copied in this attempt.
    """

    table: str
    total: int | None = None
    before: int = 0
    rows: int = 0
    rejected: int = 0
    chunks: int | None = None
    chunks_done: int = 0
    state: State = "waiting"

    @property
    def done(self) -> int:
        """Return the rows that are in the target, from all attempts."""
        return self.before + self.rows

    @property
    def fraction(self) -> float | None:
        """Share of the rows done, or None while their number is unknown or was too low."""
        if self.state == "done":
            return 1.0
        if not self.total or self.done > self.total:
            return None
        return self.done / self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyProgress:
    """How far a transfer is; `made` counts what was made of the schema, `making` says the last.

    `recent` has when the latest chunks ended, and the rows copied until then.
    """

    tables: tuple[CopiedTable, ...] = ()
    resumed: bool = False
    size: int = 0
    made: int = 0
    making: str | None = None
    waiting_for: str | None = None
    started_at: float | None = None
    seconds: float | None = None
    recent: tuple[tuple[float, int], ...] = ()

    @property
    def tables_done(self) -> int:
        """Return how many tables have all their rows."""
        return sum(one.state == "done" for one in self.tables)

    @property
    def at_work(self) -> tuple[CopiedTable, ...]:
        """Return the tables that are being copied."""
        return tuple(one for one in self.tables if one.state == "running" and one.chunks_done)

    @property
    def before(self) -> int:
        """Return the rows that were copied in earlier attempts."""
        return sum(one.before for one in self.tables)

    @property
    def rows(self) -> int:
        """Return the rows that were copied in this attempt."""
        return sum(one.rows for one in self.tables)

    @property
    def done(self) -> int:
        """Return the rows that are in the target, from all attempts."""
        return sum(one.done for one in self.tables)

    @property
    def rejected(self) -> int:
        """Return the rows that were put aside in this attempt."""
        return sum(one.rejected for one in self.tables)

    @property
    def total(self) -> int | None:
        """Return about how many rows there are, None while that of any table is unknown."""
        totals = [
            max(one.done, one.total or 0) if one.state != "done" else one.done
            for one in self.tables
        ]
        known = all(one.total is not None or one.state == "done" for one in self.tables)
        return sum(totals) if known and totals else None

    @property
    def fraction(self) -> float | None:
        """Share of the rows done, or None while their number is unknown."""
        return self.done / self.total if self.total else None

    @property
    def rate(self) -> float | None:
        """Rows copied per second over the latest chunks of all tables; None before the first."""
        if len(self.recent) < 2:
            return None
        (since, before), (until, after) = self.recent[0], self.recent[-1]
        return (after - before) / (until - since) if until > since else None

    @property
    def left(self) -> float | None:
        """Seconds until all rows are copied if it goes on as fast, None if nobody can tell."""
        if self.total is None or not self.rate:
            return None
        return (self.total - self.done) / self.rate

    def of(self, table: str) -> CopiedTable:
        """Return one table's progress; a fresh one for a name not seen before."""
        found = (one for one in self.tables if one.table == table)
        return next(found, CopiedTable(table=table))


NOT_COPIED: Final = CopyProgress()


def copied(state: CopyProgress, event: events.Event, *, at: float) -> CopyProgress:
    """Return the state of a transfer after one event; others leave it as it is."""
    match event:
        case events.Waiting():
            return replace(state, waiting_for=event.reason)
        case events.TransferStarted():
            return CopyProgress(
                tables=tuple(CopiedTable(table=name, total=rows) for name, rows in event.tables),
                resumed=event.resumed,
                started_at=at,
            )
        case events.SchemaChanged():
            said = f"{event.kind} {event.name}"
            return replace(state, made=state.made + 1, making=said, waiting_for=None)
        case events.TableCutInChunks():
            one = replace(
                state.of(event.table), chunks=event.chunks, before=event.done, state="running"
            )
            recent = state.recent or ((at, 0),)
            return replace(_with_table(state, one), recent=recent, waiting_for=None)
        case events.ChunkCopied():
            return _chunk_copied(state, event, at)
        case events.TableCopied():
            before = state.of(event.table)
            one = replace(before, rows=max(0, event.rows - before.before), state="done")
            return replace(_with_table(state, one), waiting_for=None)
        case events.TransferDone():
            return replace(state, seconds=event.seconds, waiting_for=None)
        case _:
            return state


def _chunk_copied(state: CopyProgress, event: events.ChunkCopied, at: float) -> CopyProgress:
    before = state.of(event.table)
    one = replace(
        before,
        rows=before.rows + event.rows,
        rejected=before.rejected + event.rejected,
        chunks_done=before.chunks_done + 1,
        state="running",
    )
    after = replace(_with_table(state, one), size=state.size + event.size, waiting_for=None)
    # A chunk may have been begun before anything was told.
    recent = state.recent or ((at - event.seconds, 0),)
    return replace(after, recent=(*recent, (at, after.rows))[-RECENT_BATCHES - 1 :])


def _with_table(state: CopyProgress, changed: CopiedTable) -> CopyProgress:
    names = [one.table for one in state.tables]
    if changed.table not in names:
        return replace(state, tables=(*state.tables, changed))
    place = names.index(changed.table)
    return replace(state, tables=(*state.tables[:place], changed, *state.tables[place + 1 :]))
