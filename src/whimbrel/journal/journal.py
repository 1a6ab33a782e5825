"""Read and write the journal: which migrations are applied, which runs there were, each step.

Nothing here commits: the note and what it notes have to be committed together, by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel.engines import base
from whimbrel.journal import restoring, tables

# A result is cut in pieces well below any server's limit for one packet.
PIECE_CHARACTERS: Final = 1_000_000


class Status(StrEnum):
    """Where a run is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    TAKEN_BACK = "taken back"


NEXT: Final[Mapping[Status, frozenset[Status]]] = {
    # running -> interrupted: the lock is free though the run never ended; it was killed.
    # running -> failed: an error or a person stopped it.
    Status.RUNNING: frozenset({Status.DONE, Status.FAILED, Status.INTERRUPTED}),
    # failed, interrupted -> running: `whimbrel up` (or down) again, from the last step.
    # failed, interrupted -> taken back: `whimbrel down` undid the finished steps.
    Status.FAILED: frozenset({Status.RUNNING, Status.TAKEN_BACK}),
    Status.INTERRUPTED: frozenset({Status.RUNNING, Status.TAKEN_BACK}),
    Status.DONE: frozenset(),
    Status.TAKEN_BACK: frozenset(),
}


class Applied(StrEnum):
    """What the database has of a migration."""

    APPLIED = "applied"
    BASELINE = "baseline"  # declared, not run
    HALF_UP = "half up"
    HALF_DOWN = "half down"
    GOING_LIVE = "going live"  # a live change on its way
    LIVE = "live"  # both shapes are there, and it can be taken back


HALF: Final = frozenset({Applied.HALF_UP, Applied.HALF_DOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRow:
    """A migration that this database has."""

    id: str
    sequence: int
    status: str
    fingerprint: str
    applied_at: str
    applied_by: str
    run: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One execution of one migration; times as the journal writes them, duration in seconds."""

    id: int
    migration: str
    direction: str
    status: str
    by_steps: bool
    attempts: int
    started_at: str
    finished_at: str | None
    seconds: float | None
    steps: int | None
    who: str
    host: str
    pid: int
    command: str
    fingerprint: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of a run."""

    run: int
    position: int
    kind: str
    status: str
    step: str
    fingerprint: str
    noted: str | None
    rows_changed: int | None
    started_at: str
    seconds: float | None


class Journal:
    """The journal of one session's database."""

    def __init__(self, session: base.Session, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self.session = session
        self._connection = session.connection
        self._clock = clock

    # --- the tables themselves ----------------------------------------------------------------

    def exists(self) -> bool:
        """Whether this database has a journal; raise JournalTooNew for one we cannot read.

        Raises RestoreUnfinished where there is only a part of a backup.
        """
        restoring.check(self.session)
        if not sa.inspect(self._connection).has_table(tables.JOURNAL.name):
            return False
        version = self._connection.execute(sa.select(tables.JOURNAL.c.version)).scalar()
        if version is not None and version > tables.VERSION:
            raise errors.JournalTooNew(
                found=version, known=tables.VERSION, database=self.session.url
            )
        return version is not None

    def ensure(self) -> None:
        """Create the journal where there is none, bring an older one up to date; commit that."""
        if self.exists() and self._version() == tables.VERSION:
            self.session.commit()
            return
        # From version 1 to 2 only tables were added, from 2 to 3 columns of the rejects, from 3 to
        # 4 columns of the parts, from 4 to 5 and from 5 to 6 tables.
        tables.METADATA.create_all(self._connection, checkfirst=True)
        self._add_columns()
        if self._version() is None:
            self._connection.execute(sa.insert(tables.JOURNAL).values(id=1, version=tables.VERSION))
        self._connection.execute(sa.update(tables.JOURNAL).values(version=tables.VERSION))
        self.session.commit()

    def _add_columns(self) -> None:
        """Add the columns that tables of an older journal lack; all of them take NULL."""
        prepare = self._connection.dialect.identifier_preparer
        for table in (tables.REJECTS, tables.PARTS):
            known = {
                column["name"] for column in sa.inspect(self._connection).get_columns(table.name)
            }
            for column in table.columns:
                if column.name not in known:
                    type_ = column.type.compile(dialect=self._connection.dialect)
                    self.session.execute(
                        f"ALTER TABLE {prepare.quote(table.name)} "
                        f"ADD COLUMN {prepare.quote(column.name)} {type_}"
                    )

    def _version(self) -> int | None:
        return self._connection.execute(sa.select(tables.JOURNAL.c.version)).scalar()

    # --- migrations ---------------------------------------------------------------------------

    def migrations(self) -> list[MigrationRow]:
        """Return what this database has, in the order of application."""
        query = sa.select(tables.MIGRATIONS).order_by(tables.MIGRATIONS.c.sequence)
        return [MigrationRow(**row._mapping) for row in self._connection.execute(query)]

    def put_migration(
        self, id_: str, *, status: Applied, fingerprint: str, who: str, run: int | None
    ) -> None:
        """Write that this database has a migration, or that its status changed."""
        columns = tables.MIGRATIONS.c
        known = self._connection.execute(
            sa.select(columns.sequence).where(columns.id == id_)
        ).scalar()
        values: dict[str, object] = {
            "status": status.value,
            "fingerprint": fingerprint,
            "run": run,
            "applied_at": clocks.stamp(self._clock.now()),
            "applied_by": who,
        }
        if known is not None:
            self._connection.execute(
                sa.update(tables.MIGRATIONS).where(columns.id == id_).values(**values)
            )
            return
        top = self._connection.execute(sa.select(sa.func.max(columns.sequence))).scalar() or 0
        self._connection.execute(
            sa.insert(tables.MIGRATIONS).values(id=id_, sequence=top + 1, **values)
        )

    def set_status(self, id_: str, status: Applied, *, run: int | None) -> None:
        """Write that a migration's status changed; when and by whom it was applied stays."""
        self._connection.execute(
            sa.update(tables.MIGRATIONS)
            .where(tables.MIGRATIONS.c.id == id_)
            .values(status=status.value, run=run)
        )

    def accept_fingerprint(self, id_: str, fingerprint: str) -> None:
        """Write that an applied file now looks like this, by a person's word."""
        self._connection.execute(
            sa.update(tables.MIGRATIONS)
            .where(tables.MIGRATIONS.c.id == id_)
            .values(fingerprint=fingerprint)
        )

    def remove_migration(self, id_: str) -> None:
        """Write that this database no longer has a migration."""
        self._connection.execute(sa.delete(tables.MIGRATIONS).where(tables.MIGRATIONS.c.id == id_))

    # --- runs ---------------------------------------------------------------------------------

    def runs(self, *, limit: int | None = None) -> list[RunRow]:
        """Return the runs, the newest first."""
        query = sa.select(tables.RUNS).order_by(tables.RUNS.c.id.desc()).limit(limit)
        return [RunRow(**row._mapping) for row in self._connection.execute(query)]

    def run(self, id_: int) -> RunRow | None:
        """Return one run."""
        query = sa.select(tables.RUNS).where(tables.RUNS.c.id == id_)
        row = self._connection.execute(query).first()
        return None if row is None else RunRow(**row._mapping)

    def begin_run(
        self,
        migration: str,
        *,
        direction: str,
        by_steps: bool,
        holder: base.Holder,
        fingerprint: str,
    ) -> int:
        """Write that a run begins; return its number."""
        given = self._connection.execute(
            sa.insert(tables.RUNS).values(
                migration=migration,
                direction=direction,
                status=Status.RUNNING.value,
                by_steps=by_steps,
                attempts=1,
                started_at=clocks.stamp(self._clock.now()),
                who=holder.who,
                host=holder.host,
                pid=holder.pid,
                command=holder.command,
                fingerprint=fingerprint,
            )
        ).inserted_primary_key
        if given is None:
            raise errors.WhimbrelError("the database gave no number to a new run")
        return int(given[0])

    def resume_run(self, run: RunRow, *, holder: base.Holder) -> None:
        """Write that a run goes on; what was asked of it before holds no more."""
        self._connection.execute(sa.delete(tables.CONTROLS).where(tables.CONTROLS.c.run == run.id))
        self._move(
            run,
            Status.RUNNING,
            attempts=run.attempts + 1,
            who=holder.who,
            host=holder.host,
            pid=holder.pid,
            finished_at=None,
            error=None,
        )

    def forget_run(self, id_: int) -> None:
        """Take back the note of a run of which nothing stays."""
        self._connection.execute(sa.delete(tables.RUNS).where(tables.RUNS.c.id == id_))

    def end_run(
        self,
        id_: int,
        status: Status,
        *,
        seconds: float | None = None,
        steps: int | None = None,
        error: str | None = None,
    ) -> None:
        """Write how a run ended."""
        run = self.run(id_)
        if run is None:
            raise errors.WhimbrelError(f"run {id_} is not in the journal")
        self._move(
            run,
            status,
            finished_at=clocks.stamp(self._clock.now()),
            seconds=seconds,
            steps=steps,
            error=error,
        )

    def _move(self, run: RunRow, to: Status, **values: object) -> None:
        if to not in NEXT[Status(run.status)]:
            raise errors.WhimbrelError(f"run {run.id} is {run.status} and cannot become {to}")
        self._connection.execute(
            sa.update(tables.RUNS)
            .where(tables.RUNS.c.id == run.id)
            .values(status=to.value, **values)
        )

    def interrupt_dead_runs(self) -> list[RunRow]:
        """Write that runs which never ended were interrupted; the run lock must be held."""
        query = sa.select(tables.RUNS).where(tables.RUNS.c.status == Status.RUNNING.value)
        dead = [RunRow(**row._mapping) for row in self._connection.execute(query)]
        for run in dead:
            self._move(run, Status.INTERRUPTED)
        return dead

    # --- steps --------------------------------------------------------------------------------

    def steps(self, run: int) -> list[StepRow]:
        """Return the steps of a run, in order."""
        query = (
            sa.select(tables.STEPS)
            .where(tables.STEPS.c.run == run)
            .order_by(tables.STEPS.c.position)
        )
        return [StepRow(**row._mapping) for row in self._connection.execute(query)]

    def step(self, run: int, position: int) -> StepRow | None:
        """Return one step of a run, if it has been noted."""
        columns = tables.STEPS.c
        query = sa.select(tables.STEPS).where(columns.run == run, columns.position == position)
        row = self._connection.execute(query).first()
        return None if row is None else StepRow(**row._mapping)

    def write_steps(self, rows: Sequence[StepRow]) -> None:
        """Write steps that are new."""
        if rows:
            self._connection.execute(sa.insert(tables.STEPS), [_values(row) for row in rows])

    def finish_step(
        self,
        run: int,
        position: int,
        *,
        rows_changed: int | None,
        seconds: float | None,
        noted: str | None = None,
    ) -> None:
        """Write that a step, which was about to happen, is done; what was `noted` before stays."""
        also = {} if noted is None else {"noted": noted}
        self._connection.execute(
            sa.update(tables.STEPS)
            .where(tables.STEPS.c.run == run, tables.STEPS.c.position == position)
            .values(status="done", rows_changed=rows_changed, seconds=seconds, **also)
        )

    def forget_step(self, run: int, position: int) -> None:
        """Take back the note that a step was about to happen: it did not."""
        self._connection.execute(
            sa.delete(tables.STEPS).where(
                tables.STEPS.c.run == run, tables.STEPS.c.position == position
            )
        )

    # --- results ------------------------------------------------------------------------------

    def write_results(self, run: int, results: Mapping[int, str]) -> None:
        """Keep what steps answered, by position."""
        pieces: list[dict[str, object]] = [
            {
                "run": run,
                "position": position,
                "piece": start // PIECE_CHARACTERS,
                "data": text[start : start + PIECE_CHARACTERS],
            }
            for position, text in results.items()
            for start in range(0, max(len(text), 1), PIECE_CHARACTERS)
        ]
        if pieces:
            self._connection.execute(sa.insert(tables.RESULTS), pieces)

    def result(self, run: int, position: int) -> str | None:
        """Return what a step answered, or None if it was not kept."""
        query = (
            sa.select(tables.RESULTS.c.data)
            .where(tables.RESULTS.c.run == run, tables.RESULTS.c.position == position)
            .order_by(tables.RESULTS.c.piece)
        )
        pieces = [str(row[0]) for row in self._connection.execute(query)]
        return "".join(pieces) if pieces else None

    def forget_results(self, run: int) -> None:
        """Delete the answers of a run that will not be resumed; fold statements of models.

        What stays is what a person reads: one step for each kind of statement of models.
        """
        steps = tables.STEPS.c
        self._connection.execute(sa.delete(tables.RESULTS).where(tables.RESULTS.c.run == run))
        self._connection.execute(
            sa.update(tables.STEPS)
            .where(steps.run == run, steps.kind.in_(["query", "data"]))
            .values(noted=None)
        )
        of_models = (steps.run == run, steps.kind == "model")
        first = sa.func.min(steps.position).label("position")
        folded = self._connection.execute(
            sa.select(
                first,
                steps.step,
                sa.func.min(steps.fingerprint).label("fingerprint"),
                sa.func.sum(steps.rows_changed).label("rows_changed"),
                sa.func.min(steps.started_at).label("started_at"),
            )
            .where(*of_models)
            .group_by(steps.step)
            .order_by(first)
        ).all()
        self._connection.execute(sa.delete(tables.STEPS).where(*of_models))
        self.write_steps(
            [
                StepRow(
                    run=run,
                    kind="model",
                    status="done",
                    noted=None,
                    seconds=None,
                    position=row.position,
                    step=row.step,
                    fingerprint=row.fingerprint,
                    rows_changed=None if row.rows_changed is None else int(row.rows_changed),
                    started_at=row.started_at,
                )
                for row in folded
            ]
        )


def _values(row: StepRow) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in tables.STEPS.columns}
