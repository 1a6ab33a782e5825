"""Take a live change through its phases, to its end, or back: `migrations.live.Conductor`.

Each move is committed with its note, and a phase is written down when its moves are done. Who
comes after a kill reads the phase, finds the run that was killed, and goes on at the same move;
what is done again comes out the same, because the catalog is asked first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from whimbrel import errors, events, pacing
from whimbrel.engines import base, mirrors
from whimbrel.journal import journal
from whimbrel.journal import live as notes
from whimbrel.migrations import guests, keeping, live, loader, runner
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.migrations import speech as speeches
from whimbrel.online import aside, moves, reading, shapes, showing
from whimbrel.online import change as changes
from whimbrel.online import desk as desks
from whimbrel.online import patience as waiting

COMPLETE, REVERT = live.COMPLETE, live.REVERT


class Conductor(live.Conductor):
    """Plans and does live changes."""

    # --- planning -----------------------------------------------------------------------------

    def plan(
        self,
        session: base.Session,
        file: loader.MigrationFile,
        planned: base.Planned,
        row: notes.LiveRow | None,
        *,
        sql_dialect: str | None,
        config: pacing.OnlineConfig,
        keep: keeping.Time,
        wish: live.Wish,
    ) -> plans.MigrationPlan | None:
        if row is None:
            made = read(session, planned, file, sql_dialect)
            if made is None:
                return None
            change = made
            refuse_obstacles(session, file.id, change)
            shapes.refuse_losses(session, change)
            reached = moves.NEW
        else:
            change, reached = changes.from_json(row.facts), row.phase
        return showing.plan(
            session, file, change, reached=reached, config=config, wish=wish,
            resumes=row is not None,
        )  # fmt: skip

    def plan_back(
        self,
        session: base.Session,
        file: loader.MigrationFile,
        row: notes.LiveRow,
        *,
        wish: live.Wish,
    ) -> plans.MigrationPlan:
        change = changes.from_json(row.facts)
        return showing.back(session, file, change)

    # --- doing --------------------------------------------------------------------------------

    def up(
        self,
        working: runner.Runner,
        file: loader.MigrationFile,
        config: pacing.OnlineConfig,
        wish: live.Wish,
    ) -> None:
        Work(working, file, config).up(wish)

    def complete(
        self, working: runner.Runner, file: loader.MigrationFile, config: pacing.OnlineConfig
    ) -> None:
        Work(working, file, config).complete()

    def revert(
        self,
        working: runner.Runner,
        file: loader.MigrationFile,
        config: pacing.OnlineConfig,
        wish: live.Wish,
    ) -> None:
        Work(working, file, config).revert(wish)


CONDUCTOR = Conductor()


def read(
    session: base.Session,
    planned: base.Planned,
    file: loader.MigrationFile,
    sql_dialect: str | None,
) -> changes.Change | None:
    """Return what a migration asks for as a live change; raise NotOnline, …

    None is for a table that is only planned: nobody can be at work on it.
    """
    for name in ("validate_before", "validate_after"):
        if loader.defines(file.cls, name):
            raise reading.refused(
                file.id,
                f"{name}() is asked around one run, and a live change is several",
                "put the rules into whimbrel.toml, under [validate.…]:  whimbrel validate",
            )
    recorder = reading.Recorder(
        session, catalog=planned, migration=file.id, sql_dialect=sql_dialect, path=str(file.path)
    )
    with guests.models_on(session, recorder, planning=True):
        runner.perform(file, runner.UP, recorder)
    speech = speeches.Speech(engine=session.engine, catalog=planned, read=recorder.speech().read)
    reader = reading.Reader(session, planned, migration=file.id, speech=speech)
    table = reader.table(recorder.operations)
    there = session.engine.catalog(session).find(table) is not None
    if planned.find(table) is not None and not there:
        return None
    change = reader.read(recorder.operations)
    session.rollback()
    return change


def refuse_obstacles(session: base.Session, migration: str, change: changes.Change) -> None:
    """Raise NotOnline for everything that this engine could not keep in step."""
    if not change.mirrored:
        return
    found = session.engine.mirror(session).obstacles(change.shape)
    session.rollback()
    if found:
        raise errors.NotOnline(
            migration,
            reasons=[one.what for one in found],
            remedy="\n".join(dict.fromkeys(one.remedy for one in found)),
        )


class Work:
    """One command's work on one live change."""

    def __init__(
        self, working: runner.Runner, file: loader.MigrationFile, config: pacing.OnlineConfig
    ) -> None:
        self.working = working
        self.file = file
        self.config = config
        self.session = working.session
        self.engine = working.engine
        self.notes = working.notes
        self.live = notes.Live(working.session, working.clock)
        self.clock = working.clock
        self.tell = working.tell
        self.run = 0
        self.verified = False
        self._started = self._took = 0.0

    # --- up -----------------------------------------------------------------------------------

    def up(self, wish: live.Wish) -> None:
        """Go on to the open window, or as far as it is wished, or to the end."""
        row = self.live.find(self.file.id)
        if row is not None and row.doing == COMPLETE and wish.complete:
            return self.complete()
        if row is not None and row.doing is not None:
            raise self._begun(row)
        if row is not None and row.phase == live.OPEN:
            return self.complete() if wish.complete else None
        if row is None:
            change = self._begin()
        else:
            change = changes.from_json(row.facts)
            self._resume(runner.UP)
        reached = moves.NEW if row is None else row.phase
        if reached == moves.VERIFIED:
            # Others have worked on the table since: what was true then is looked at again.
            reached = moves.BACKFILLED
        with self._running(runner.UP, change) as desk:
            self._forward(change, desk, reached, wish.until or live.OPEN)
            self._end_run()
            self.session.commit()
        self._done("live", desk)
        at_end = wish.until is None and (wish.complete or change.nothing_goes)
        if at_end:
            self.complete()

    def _begin(self) -> changes.Change:
        planned = self.engine.planned(self.session)
        change = read(
            self.session, planned, self.file, self.file.cls.sql_dialect or self.working.sql_dialect
        )
        if change is None:
            raise errors.WhimbrelError(f"the table of {self.file.id} is only planned")
        refuse_obstacles(self.session, self.file.id, change)
        shapes.refuse_losses(self.session, change)
        self._refuse_second(change)
        self.session.rollback()
        self.run = self._new_run(runner.UP)
        self.notes.put_migration(
            self.file.id,
            status=journal.Applied.GOING_LIVE,
            fingerprint=self.file.fingerprint,
            who=self.working.holder.who,
            run=self.run,
        )
        self.live.open(
            self.file.id,
            run=self.run,
            table=change.table,
            phase=moves.NEW,
            facts=changes.as_json(change),
        )
        self.session.commit()
        return change

    def _refuse_second(self, change: changes.Change) -> None:
        for row in self.live.read():
            if changes.from_json(row.facts).named(change.table):
                raise errors.LiveChangeOpen(self.file.id, table=change.table, live=row.migration)

    def _forward(
        self, change: changes.Change, desk: desks.LiveDesk, reached: str, until: str
    ) -> None:
        way = moves.forward(change)
        for phase in live.PHASES:
            if moves.ORDER[phase] <= moves.ORDER[reached]:
                continue
            started = self.clock.seconds()
            for number, move in enumerate(way):
                if move.phase == phase:
                    desk.position = number
                    self._make(move, change, desk)
            self.live.reach(self.file.id, phase, run=self.run)
            if phase == live.OPEN:
                self.notes.set_status(self.file.id, journal.Applied.LIVE, run=self.run)
            self.working.lock.check()
            self.session.commit()
            seconds = self.clock.seconds() - started
            self.tell(
                events.PhaseDone(
                    migration=self.file.id, table=change.table, phase=phase, seconds=seconds
                )
            )
            if phase == until:
                return

    # --- to the end, and back -----------------------------------------------------------------

    def complete(self) -> None:
        """Remove the old shape."""
        row = self._row()
        if row.doing == REVERT:
            raise self._begun(row)
        if row.phase != live.OPEN:
            raise errors.WrongPhase(
                self.file.id, phase=row.phase, wanted="be completed",
                remedy="take it as far as the exchange first:  whimbrel up",
            )  # fmt: skip
        change = changes.from_json(row.facts)
        self._resume(COMPLETE)
        with self._running(COMPLETE, change) as desk:
            desk.keeping = keeping.Keeping(
                desk, runner.keeper(self.file, self.working.keep), run=self.run
            )
            if row.doing is None:
                self._refuse_astray(change)
            way = moves.contract(change, self.engine.ddl(desk.catalog))
            for number, move in enumerate(way):
                desk.position = sum(1 + len(one.operations) for one in way[:number])
                if move.kind is moves.Kind.REMOVE and row.doing is None:
                    self.live.begin(self.file.id, COMPLETE, run=self.run)
                    self.session.commit()
                self._make(move, change, desk)
            self._end_run()
            self.live.close(self.file.id)
            self.notes.put_migration(
                self.file.id,
                status=journal.Applied.APPLIED,
                fingerprint=self.file.fingerprint,
                who=self.working.holder.who,
                run=self.run,
            )
            self.working.lock.check()
            self.session.commit()
        self._phase_done(change, "complete")
        self._done(COMPLETE, desk)

    def _refuse_astray(self, change: changes.Change) -> None:
        """Refuse to remove the old shape while a row of it is not in the new one."""
        if not change.mirrored or change.mode is mirrors.Mode.TABLE:
            return  # after the exchange the new table is what counts
        self._compare(change)

    def revert(self, wish: live.Wish) -> None:
        """Take everything of the new shape away."""
        row = self._row()
        if row.doing == COMPLETE:
            raise self._begun(row)
        change = changes.from_json(row.facts)
        self._resume(REVERT)
        with self._running(REVERT, change) as desk:
            if row.doing is None:
                self._refuse_loss(change, row, wish)
                self.live.begin(self.file.id, REVERT, run=self.run)
                self.session.commit()
            way = moves.backward(change, self.engine.catalog(self.session), self.engine.can)
            for number, move in enumerate(way):
                desk.position = 1000 * len(desk.recorded) + number * 10
                self._make(move, change, desk)
            self._end_run()
            self.live.close(self.file.id)
            self.notes.remove_migration(self.file.id)
            self._take_back_runs()
            self.working.lock.check()
            self.session.commit()
        self._phase_done(change, "reverted")
        self._done(REVERT, desk)

    def _refuse_loss(self, change: changes.Change, row: notes.LiveRow, wish: live.Wish) -> None:
        """Refuse, or keep, what new code has written and the old shape cannot say."""
        if not change.mirrored or moves.ORDER[row.phase] < moves.ORDER[moves.MIRRORED]:
            return
        if change.mode is mirrors.Mode.TABLE and not self._swapped(change):
            return  # nobody has written to the new table but the triggers
        filled = moves.ORDER[row.phase] >= moves.ORDER[moves.BACKFILLED]
        rows, first = shapes.lossy(self.session, change, filled=filled)
        self.session.commit()
        if not rows:
            return
        if not wish.accept_loss:
            raise errors.WouldLose(
                self.file.id, table=change.table, rows=rows, first=first,
                columns=shapes.losing(change),
            )  # fmt: skip
        store = aside.keep_rows(
            self.session, change, migration=self.file.id, run=self.run, clock=self.clock,
            time=self.working.keep, filled=filled,
        )  # fmt: skip
        self.tell(
            events.Noticed(
                what=f"what {rows:,} rows have in the new shape is kept in table {store}"
            )
        )

    def _swapped(self, change: changes.Change) -> bool:
        return self.engine.mirror(self.session).swapped(change.shape)

    # --- one move -----------------------------------------------------------------------------

    def _make(self, move: moves.Move, change: changes.Change, desk: desks.LiveDesk) -> None:
        shape, seconds = change.shape, self.config.lock_seconds
        mirror = self.engine.mirror(self.session)
        match move.kind:
            case moves.Kind.OPERATION:
                (operation,) = move.operations
                if not self._is_there(operation, desk):
                    desk.perform(operation)
                    desk.flush()
            case moves.Kind.CREATE:
                desk.act(move.words, lambda: self._create(change))
            case moves.Kind.INSTALL:

                def install() -> None:
                    mirror.install(shape, seconds=seconds)

                desk.act(move.words, install)
                self._identify(change)
            case moves.Kind.VERIFY:
                self._compare(change)
                self.verified = True
            case moves.Kind.SWAP:
                if not self.verified and not self._swapped(change):
                    self._compare(change)
                self._same_table(change)

                def swap() -> None:
                    if not mirror.swapped(shape):
                        mirror.swap(shape, seconds=seconds)

                desk.act(move.words, swap, proves=True)
            case moves.Kind.UNSWAP:

                def unswap() -> None:
                    if mirror.swapped(shape):
                        mirror.unswap(shape, seconds=seconds)

                desk.act(move.words, unswap, proves=True)
            case moves.Kind.REMOVE:

                def remove() -> None:
                    if mirror.presence(shape) is not mirrors.Presence.NONE:
                        mirror.remove(shape, seconds=seconds)
                    desk.together(move.operations)

                desk.act(move.words, remove)
            case moves.Kind.ASIDE:
                time = self.working.keep
                if self.config.keep is not None:
                    time = keeping.read(self.config.keep, time)
                position = desk.position + 1
                desk.act(
                    move.words,
                    lambda: aside.keep_table(
                        self.session, change.before, shape.parked, migration=self.file.id,
                        run=self.run, position=position, time=time, clock=self.clock,
                    ),
                )  # fmt: skip
            case moves.Kind.DROP:
                desk.act(move.words, lambda: self._drop(shape.new.name))

    def _is_there(self, operation: ops.Operation, desk: desks.LiveDesk) -> bool:
        """Whether an earlier run has done a verb; what this one did is known to the desk."""
        if desk.position + 1 in desk.recorded or isinstance(operation, ops.RowsOperation):
            return False
        if isinstance(operation, ops.RemoveIndex | ops.RemoveConstraint):
            table = desk.catalog.table(operation.table)
            return operation.name not in {part.name for part in changes.parts(table)}
        return operation.happened(desk.catalog, {}) is True

    def _create(self, change: changes.Change) -> None:
        # What an attempt of which the journal knows nothing has left is made anew.
        self._drop(change.shape.new.name)
        for statement in self.engine.mirror(self.session).create(change.shape):
            self.session.execute(statement.sql)

    def _drop(self, table: str) -> None:
        for sql in self.engine.drop_tables([table]):
            self.session.execute(sql)

    def _compare(self, change: changes.Change) -> None:
        shapes.verify(
            self.session,
            change,
            migration=self.file.id,
            config=self.working.setting.config,
            tell=self.tell,
            clock=self.clock,
        )

    def _identify(self, change: changes.Change) -> None:
        identity = self.engine.mirror(self.session).identity(change.table)
        if identity:
            self.live.identify(self.file.id, identity)
            self.session.commit()

    def _same_table(self, change: changes.Change) -> None:
        """Refuse to go on with a table that was emptied past its triggers."""
        known = self._row().identity
        if not known or self._swapped(change):
            return
        if known == self.engine.mirror(self.session).identity(change.table):
            return
        raise errors.RowsAstray(
            change.table,
            rows=0,
            first=[],
            why="the table was emptied or made anew since the triggers were made (TRUNCATE)",
            remedy="take the change back, and begin again:  whimbrel online revert",
        )

    # --- runs ---------------------------------------------------------------------------------

    def _row(self) -> notes.LiveRow:
        row = self.live.find(self.file.id)
        if row is None:
            known = [one.migration for one in self.live.read()]
            raise errors.NoLiveChange(self.file.id, known=known)
        return row

    def _begun(self, row: notes.LiveRow) -> errors.WrongPhase:
        doing = "being completed" if row.doing == COMPLETE else "being taken back"
        return errors.WrongPhase(
            self.file.id, phase=doing, wanted="do anything else",
            remedy=f"finish that first:  whimbrel online {row.doing} {self.file.id}",
        )  # fmt: skip

    def _new_run(self, direction: str) -> int:
        return self.notes.begin_run(
            self.file.id,
            direction=direction,
            by_steps=True,
            holder=self.working.holder,
            fingerprint=self.file.fingerprint,
        )

    def _resume(self, direction: str) -> None:
        """Go on with the run that was killed or failed, or begin another one."""
        open_ = {journal.Status.FAILED, journal.Status.INTERRUPTED}
        last = next((run for run in self.notes.runs() if run.migration == self.file.id), None)
        if last is not None and last.direction == direction and last.status in open_:
            self.notes.resume_run(last, holder=self.working.holder)
            self.run = last.id
        else:
            self.run = self._new_run(direction)
        self.session.commit()

    def _end_run(self) -> None:
        """Write that the run is through; the caller commits."""
        self._took = self.clock.seconds() - self._started
        steps = len(self.notes.steps(self.run))
        self.notes.end_run(self.run, journal.Status.DONE, seconds=self._took, steps=steps)
        self.notes.forget_results(self.run)
        self.working.lock.check()

    def _take_back_runs(self) -> None:
        """Write that runs which had stopped on the way will not go on."""
        open_ = {journal.Status.FAILED, journal.Status.INTERRUPTED}
        for run in self.notes.runs():
            if run.migration == self.file.id and run.status in open_:
                self.notes.end_run(run.id, journal.Status.TAKEN_BACK, steps=run.steps)

    def _done(self, direction: str, desk: desks.LiveDesk) -> None:
        self.tell(
            events.MigrationDone(
                migration=self.file.id,
                direction=direction,
                seconds=self._took,
                steps=desk.finished,
            )
        )

    @contextlib.contextmanager
    def _running(self, direction: str, change: changes.Change) -> Iterator[desks.LiveDesk]:
        """Hand out a desk for the run; write down what ended it."""
        self._started = self.clock.seconds()
        working = self.working
        desk = desks.LiveDesk(
            self.session,
            run=self.run,
            notes=self.notes,
            lock=working.lock,
            catalog=self.engine.catalog(self.session),
            migration=self.file.id,
            sql_dialect=self.file.cls.sql_dialect or working.sql_dialect,
            tell=self.tell,
            clock=self.clock,
            setting=working.setting,
            patience=waiting.Patience(
                self.session,
                migration=self.file.id,
                run=self.run,
                table=change.table,
                config=self.config,
                tell=self.tell,
                clock=self.clock,
            ),
        )
        self.tell(
            events.MigrationStarted(
                migration=self.file.id,
                direction="live" if direction == runner.UP else direction,
                steps=None,
                resumed_at=desk.finished,
            )
        )
        shape = change.shape
        self.tell(
            events.ShapesNamed(
                migration=self.file.id,
                table=change.table,
                mode=shape.mode.value,
                up=tuple(shape.up.items()),
                down=tuple(shape.down.items()),
            )
        )
        self.session.commit()
        try:
            yield desk
        except BaseException as error:
            failed = self._failed(error, direction, desk)
            self._record(failed)
            self.tell(
                events.MigrationStopped(migration=self.file.id, direction=direction, resumable=True)
            )
            if failed is error:
                raise
            raise failed from error

    def _record(self, failed: BaseException) -> None:
        """Write what happened, as far as there still is a session."""
        if self.session.gone:
            return
        try:
            self.session.rollback()
            self.engine.end_migration(self.session)
            steps = len(self.notes.steps(self.run))
            self.notes.end_run(
                self.run, journal.Status.FAILED, steps=steps, error=str(failed) or repr(failed)
            )
            row = self.live.find(self.file.id)
            if not steps and row is not None and self._untouched(row):
                self.live.close(self.file.id)
                self.notes.remove_migration(self.file.id)
            self.session.commit()
        except sa.exc.DBAPIError:
            return  # the next run, which gets the lock, calls it interrupted

    def _untouched(self, row: notes.LiveRow) -> bool:
        """Whether nothing was made yet, by the journal and by the catalog."""
        if row.phase != moves.NEW or row.doing is not None:
            return False
        change = changes.from_json(row.facts)
        table = self.engine.catalog(self.session).find(change.table)
        return table is not None and not any(table.has(column.name) for column in change.added)

    def _failed(self, error: BaseException, direction: str, desk: desks.LiveDesk) -> BaseException:
        """Return an error with where it happened and what to do."""
        if not isinstance(error, Exception):
            return error
        if isinstance(error, errors.WhimbrelError):
            error.where = error.where or runner.where(error, self.file, direction)
            error.database = error.database or self.session.url
            return error
        again = (
            "whimbrel up"
            if direction == runner.UP
            else f"whimbrel online {direction} \
{self.file.id}"
        )
        step = f" at step {desk.position}" if desk.position else ""
        return errors.MigrationFailed(
            f"the live change {self.file.id} failed{step}",
            where=runner.where(error, self.file, direction),
            database=self.session.url,
            left="what was done before stays, and the application works on with both shapes",
            cause=self.engine.cause(error),
            remedy=f"do away with the cause, then go on:  {again}\n"
            f"or take it back:  whimbrel online revert {self.file.id}",
            resumable=True,
        )

    def _phase_done(self, change: changes.Change, phase: str) -> None:
        self.tell(
            events.PhaseDone(
                migration=self.file.id,
                table=change.table,
                phase=phase,
                seconds=self.clock.seconds() - self._started,
            )
        )
