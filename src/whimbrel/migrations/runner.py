"""Run migrations, one after the other, under the lock: whole where the engine can, else by steps.

What to run is the project's to say, what each will do the plan's; the desks send.
"""

from __future__ import annotations

import traceback

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import config, errors, events, words
from whimbrel.engines import base
from whimbrel.journal import journal, kept, parts
from whimbrel.migrations import (
    batched,
    guests,
    keeping,
    loader,
    planning,
    stepwise,
    undo,
    validation,
    whole,
)
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.proof import rules
from whimbrel.rows import workers

UP, DOWN, TAKE_BACK = "up", "down", "take back"
# The last run of a live change.
COMPLETE = "complete"


def runs_whole(file: loader.MigrationFile, engine: base.Engine) -> bool:
    """Whether a migration is one transaction on this engine."""
    return engine.can.transactional_ddl and file.cls.transactional is not False


def perform(
    file: loader.MigrationFile,
    direction: str,
    desk: desks.Desk,
    given: keeping.Given | None = None,
) -> None:
    """Call the migration's own method with a desk; change() is reversed for down.

    `given` is what the way up has kept.
    """
    migration = file.cls(desk)
    if direction == UP:
        for check, reason in file.cls.accepts.items():
            migration.accept(check, reason=reason)
    if not loader.defines(file.cls, "change"):
        getattr(migration, direction)()
        desk.refuse_missing()
        return
    change = migration.change  # type: ignore[attr-defined]
    if direction == UP:
        change()
        desk.refuse_missing()
        return
    recorder = planning.RecordDesk(
        desk.session,
        catalog=desk.engine.planned(desk.session),
        migration=desk.migration,
        sql_dialect=desk.sql_dialect,
        path=str(file.path),
        outer=desk,
    )
    with guests.models_on(desk.session, recorder, planning=True):
        file.cls(recorder).change()  # type: ignore[attr-defined]
    done: list[undo.Noted] = [(operation, None) for operation in recorder.operations]
    for operation in undo.reversed_operations(done, desk, given):
        desk.perform(operation)


def keeper(file: loader.MigrationFile, time: keeping.Time) -> keeping.Keeper:
    """Return what decides what a migration keeps; `time` is how long things are kept here."""
    values = loader.defines(file.cls, "change")
    return keeping.Keeper(time, said=file.cls.keep, values=values)


def last_up(notes: journal.Journal, migration: str) -> int | None:
    """Return the number of the run that applied a migration."""
    for run in notes.runs():
        applied = run.direction in {UP, COMPLETE} and run.status == journal.Status.DONE
        if run.migration == migration and applied:
            return run.id
    return None


def can_go_down(file: loader.MigrationFile) -> bool:
    """Whether a migration says how it is taken back."""
    return loader.defines(file.cls, "down") or loader.defines(file.cls, "change")


class Runner:
    """Runs migrations on one session, whose lock is held and whose journal exists."""

    def __init__(
        self,
        session: base.Session,
        *,
        holder: base.Holder,
        lock: base.RunLock,
        sql_dialect: str | None,
        tell: events.Listener,
        clock: clocks.Clock,
        setting: workers.Setting,
        keep: keeping.Time,
        conflicts: str = ops.REFUSE,
        safe: bool = False,
    ) -> None:
        self.safe = safe
        self.setting = setting
        self.keep = keep
        self.conflicts = conflicts
        self.session = session
        self.engine = session.engine
        self.notes = journal.Journal(session, clock)
        self.holder = holder
        self.lock = lock
        self.sql_dialect = sql_dialect
        self.tell = tell
        self.clock = clock
        self.outcomes: list[rules.Outcome] = []

    def run(
        self, file: loader.MigrationFile, direction: str, plan: plans.MigrationPlan | None
    ) -> None:
        """Run one migration in one direction; raise MigrationFailed or what refused it."""
        started = self.clock.seconds()
        whole_ = runs_whole(file, self.engine) and (plan is None or plan.whole)
        begun = self._unfinished(file.id, direction) is not None
        validator = self._validator(file) if direction == UP else None
        if validator is not None and not begun:
            self._before(file, validator)
        if whole_ and not begun:
            try:
                steps = self._whole(file, direction, plan, validator)
            except batched.TooLarge as found:
                # Nothing of it stays. Seen only now: other tables had to be filled first.
                self.tell(events.TooLarge(migration=file.id, table=found.table))
                steps = self._by_steps(file, direction, plan, validator)
        else:
            steps = self._by_steps(file, direction, plan, validator)
        if validator is not None:
            self.outcomes += validator.outcomes
        self.tell(
            events.MigrationDone(
                migration=file.id,
                direction=direction,
                seconds=self.clock.seconds() - started,
                steps=steps,
            )
        )

    # --- rules --------------------------------------------------------------------------------

    def _validator(self, file: loader.MigrationFile) -> validation.Validator:
        return validation.Validator(
            file, self.session, sql_dialect=self.sql_dialect, tell=self.tell, clock=self.clock
        )

    def _before(self, file: loader.MigrationFile, validator: validation.Validator) -> None:
        """Ask what has to hold before anything is noted or locked."""
        self.session.commit()
        try:
            with self.session.looking():
                validator.before()
        except errors.WhimbrelError as error:
            validation.refused(error, file, database=self.session.url)
            raise

    # --- one transaction ----------------------------------------------------------------------

    def _whole(
        self,
        file: loader.MigrationFile,
        direction: str,
        plan: plans.MigrationPlan | None,
        validator: validation.Validator | None,
    ) -> int:
        run = self._begin(file, direction, by_steps=False, plan=plan)
        started = self.clock.seconds()
        large = file.cls.transactional is True
        desk = whole.WholeDesk(self.session, run=run, large=large, **self._desk_options(file))
        desk.safe = self.safe
        given = self._kept(file, direction, desk, run)
        self.session.rollback()
        # Undecided: a rebuild may still come, and cannot be prepared for later.
        rebuilds = plan is None or plan.rebuilds or plan.undecided is not None
        try:
            self.engine.begin_migration(self.session, rebuilds=rebuilds)
            measured = validator.measure() if validator is not None else {}
            with guests.models_on(self.session, desk) as guest:
                desk.guests = guest
                perform(file, direction, desk, given)
            desk.end()
            self.engine.after_models(self.session, guest.explicit_keys)
            if validator is not None:
                validator.after(measured)
            self.engine.before_commit(self.session)
            self.notes.write_steps(desk.rows)
            self._finish(file, direction, run, seconds=self.clock.seconds() - started,
                         steps=desk.position)  # fmt: skip
            self._given_back(given)
            self.lock.check()
            self.session.commit()
        except batched.TooLarge:
            self.session.rollback()
            self.engine.end_migration(self.session)
            self.notes.forget_run(run)
            self.session.commit()
            raise
        except BaseException as error:
            failed = self._wrap(error, file, direction, desk, whole_=True, plan=plan)
            self._record_failure(run, failed, desk.position)
            self.tell(
                events.MigrationStopped(migration=file.id, direction=direction, resumable=False)
            )
            if failed is error:
                raise
            raise failed from error
        self.engine.end_migration(self.session)
        self._drop(given)
        return desk.position

    # --- what is kept -------------------------------------------------------------------------

    def _kept(
        self, file: loader.MigrationFile, direction: str, desk: desks.Desk, run: int
    ) -> keeping.Given | None:
        """Let a desk keep on the way up; return what was kept, on the way down."""
        if direction == UP:
            desk.keeping = keeping.Keeping(desk, keeper(file, self.keep), run=run)
            return None
        up = last_up(self.notes, file.id)
        return keeping.given(self.session, up, policy=self.conflicts, clock=self.clock)

    def _given_back(self, given: keeping.Given | None) -> None:
        """Write, with the end of the run, what is kept no more."""
        if given is not None:
            stores = [row.store for row in given.taken]
            kept.Kept(self.session, self.clock).gone(stores, kept.GoneBy.GIVEN_BACK)

    def _drop(self, given: keeping.Given | None) -> None:
        if given is not None:
            keeping.drop(self.session, given.taken)

    # --- step by step -------------------------------------------------------------------------

    def _by_steps(
        self,
        file: loader.MigrationFile,
        direction: str,
        plan: plans.MigrationPlan | None,
        validator: validation.Validator | None,
    ) -> int:
        run = self._begin(file, direction, by_steps=True, plan=plan)
        started = self.clock.seconds()
        desk = stepwise.StepDesk(
            self.session, run=run, notes=self.notes, lock=self.lock, **self._desk_options(file)
        )
        desk.safe = self.safe and direction == UP
        given = self._kept(file, direction, desk, run)
        self.session.commit()
        try:
            measured: validation.Measured = {}
            if validator is not None:
                measured = validator.measured(self.notes, run, begun=bool(desk.recorded))
                self.lock.check()
                self.session.commit()
            with guests.models_on(self.session, desk) as guest:
                desk.guests = guest
                perform(file, direction, desk, given)
            desk.end()
            self.engine.after_models(self.session, guest.explicit_keys)
            if validator is not None:
                self.session.commit()
                with self.session.looking():
                    validator.after(measured)
            self._finish(file, direction, run, seconds=self.clock.seconds() - started,
                         steps=desk.position)  # fmt: skip
            self._given_back(given)
            self.lock.check()
            self.session.commit()
        except BaseException as error:
            failed = self._wrap(error, file, direction, desk, whole_=False, plan=plan)
            self._record_failure(run, failed, desk.position)
            self._forget_if_untouched(file, direction, run)
            self.tell(
                events.MigrationStopped(migration=file.id, direction=direction, resumable=True)
            )
            if failed is error:
                raise
            raise failed from error
        self._drop(given)
        return desk.position

    def _half(self, file: loader.MigrationFile, direction: str, run: int) -> None:
        if direction == UP:
            self.notes.put_migration(
                file.id,
                status=journal.Applied.HALF_UP,
                fingerprint=file.fingerprint,
                who=self.holder.who,
                run=run,
            )
        else:
            self.notes.set_status(file.id, journal.Applied.HALF_DOWN, run=run)

    def _forget_if_untouched(self, file: loader.MigrationFile, direction: str, run: int) -> None:
        """A run that failed before its first step left nothing half done."""
        if not self._alive() or self.notes.steps(run):
            return
        if direction == UP:
            self.notes.remove_migration(file.id)
        else:
            self.notes.set_status(file.id, journal.Applied.APPLIED, run=run)
        self.notes.forget_results(run)
        self.session.commit()

    def take_back(self, file: loader.MigrationFile, half: journal.MigrationRow) -> None:
        """Undo the finished steps of a half-done up; raise Irreversible if one has no way back."""
        if half.run is None:
            raise errors.WhimbrelError(f"{file.id} is half done, and its run is not known")
        collector = stepwise.CollectDesk(
            self.session,
            run=half.run,
            notes=self.notes,
            lock=self.lock,
            **self._desk_options(file),
        )
        try:
            with guests.models_on(self.session, collector, planning=True):
                perform(file, UP, collector)
        except stepwise.EndOfSteps:
            self.session.rollback()
        done: list[undo.Noted] = list(collector.collected)
        undo.refuse_unless_void(collector.model_statements, done, dialect=self.engine.dialect)
        given = keeping.given(self.session, half.run, policy=self.conflicts, clock=self.clock)
        operations = undo.reversed_operations(done, collector, given)
        if self._unfinished(file.id, TAKE_BACK) is None:
            undo.refuse_conflicts(operations, self.session)
        self.session.rollback()
        run = self._begin(file, TAKE_BACK, by_steps=True, plan=None)
        desk = stepwise.ReverseDesk(
            self.session, run=run, notes=self.notes, lock=self.lock, **self._desk_options(file)
        )
        started = self.clock.seconds()
        try:
            desk.perform_all(operations)
            desk.flush()
            up_run = self.notes.run(half.run)
            if up_run is not None and up_run.status != journal.Status.TAKEN_BACK:
                self.notes.end_run(half.run, journal.Status.TAKEN_BACK, steps=0)
            self.notes.forget_results(half.run)
            self.notes.end_run(
                run,
                journal.Status.DONE,
                seconds=self.clock.seconds() - started,
                steps=desk.position,
            )
            self.notes.remove_migration(file.id)
            self._given_back(given)
            self.lock.check()
            self.session.commit()
        except BaseException as error:
            failed = self._wrap(error, file, TAKE_BACK, desk, whole_=False, plan=None)
            self._record_failure(run, failed, desk.position)
            self.tell(events.MigrationStopped(migration=file.id, direction=DOWN, resumable=True))
            if failed is error:
                raise
            raise failed from error
        self._drop(given)
        self.tell(
            events.MigrationDone(
                migration=file.id,
                direction=DOWN,
                seconds=self.clock.seconds() - started,
                steps=desk.position,
            )
        )

    # --- the journal --------------------------------------------------------------------------

    def _desk_options(self, file: loader.MigrationFile) -> dict[str, object]:
        return {
            "catalog": self.engine.catalog(self.session),
            "migration": file.id,
            "sql_dialect": file.cls.sql_dialect or self.sql_dialect,
            "tell": self.tell,
            "clock": self.clock,
            "setting": self.setting,
        }

    def _begin(
        self,
        file: loader.MigrationFile,
        direction: str,
        *,
        by_steps: bool,
        plan: plans.MigrationPlan | None,
    ) -> int:
        earlier = self._unfinished(file.id, direction) if by_steps else None
        if earlier is not None:
            self.notes.resume_run(earlier, holder=self.holder)
            run = earlier.id
            resumed_at = sum(step.status == "done" for step in self.notes.steps(run))
        else:
            resumed_at = 0
            run = self.notes.begin_run(
                file.id,
                direction=direction,
                by_steps=by_steps,
                holder=self.holder,
                fingerprint=file.fingerprint,
            )
        if by_steps and direction != TAKE_BACK:
            self._half(file, direction, run)
        self.session.commit()
        self.tell(
            events.MigrationStarted(
                migration=file.id,
                direction=direction,
                steps=plan.count if plan is not None else None,
                resumed_at=resumed_at,
            )
        )
        return run

    def _unfinished(self, migration: str, direction: str) -> journal.RunRow | None:
        open_ = {journal.Status.FAILED, journal.Status.INTERRUPTED}
        for run in self.notes.runs():
            if run.migration == migration:
                same = run.by_steps and run.direction == direction and run.status in open_
                if same and self.notes.steps(run.id):
                    return run
                if direction != TAKE_BACK or run.direction == TAKE_BACK:
                    return None
        return None

    def _finish(
        self, file: loader.MigrationFile, direction: str, run: int, *, seconds: float, steps: int
    ) -> None:
        self.notes.end_run(run, journal.Status.DONE, seconds=seconds, steps=steps)
        self.notes.forget_results(run)
        if direction == UP:
            self.notes.put_migration(
                file.id,
                status=journal.Applied.APPLIED,
                fingerprint=file.fingerprint,
                who=self.holder.who,
                run=run,
            )
        else:
            self.notes.remove_migration(file.id)

    # --- failing ------------------------------------------------------------------------------

    def _alive(self) -> bool:
        return not self.session.gone

    def _record_failure(self, run: int, failed: BaseException, steps: int) -> None:
        """Leave nothing open, and write what happened, as far as there still is a session."""
        if not self._alive():
            return
        try:
            self.session.rollback()
            self.engine.end_migration(self.session)
            self.notes.end_run(
                run, journal.Status.FAILED, steps=steps, error=str(failed) or repr(failed)
            )
            self.session.commit()
        except sa.exc.DBAPIError:
            # The disk is full or the server went away: the run stays "running", and the next
            # one, which gets the lock, will call it interrupted. The first error is what counts.
            return

    def _wrap(
        self,
        error: BaseException,
        file: loader.MigrationFile,
        direction: str,
        desk: desks.Desk,
        *,
        whole_: bool,
        plan: plans.MigrationPlan | None,
    ) -> BaseException:
        """Return the error with where it happened, what is left, and what to do."""
        if isinstance(error, SystemExit):
            error = RuntimeError(f"the migration called sys.exit({error.code!r})").with_traceback(
                error.__traceback__
            )
        if not isinstance(error, Exception):
            return error  # a person stopped it; the rollback and the journal still follow
        if isinstance(error, errors.ValidationFailed) and not whole_:
            steps = self._done(desk)
            return validation.resumable(
                error, steps=steps, migration=file.id, database=self.session.url
            )
        place = where(error, file, direction)
        total = f" of {plan.count}" if plan is not None and plan.count else ""
        step = f" at step {desk.position}{total}" if desk.position else ""
        if whole_:
            left = f"nothing of {file.id} stays: {self.engine.title} took back the whole migration"
        else:
            done = self._done(desk)
            left = (
                f"{words.count(done, 'step')} before it stay applied, because each step "
                "commits by itself"
                if done
                else "nothing was changed"
            )
            if isinstance(desk, stepwise.StepDesk) and desk.half_done and self._alive():
                left += self._batches_done(desk)
            if desk.missing:
                left += f"\nmissing until the migration is finished or taken back: \
{desk.missing_words()}"
            if isinstance(desk, stepwise.StepDesk) and desk.in_doubt:
                left = f"{left if done else 'nothing before it'}; step {desk.position} itself \
may have happened, in part or whole"
        if isinstance(error, errors.WhimbrelError) and (whole_ or not desk.position):
            error.where = error.where or place
            error.database = error.database or self.session.url
            error.left = left
            return error
        if isinstance(error, errors.MigrationFailed):
            return error
        again = "whimbrel up" if direction == UP else "whimbrel down"
        remedy = f"correct the cause, then go on:  {again}"
        if not whole_ and direction == UP:
            remedy += "\nor take the finished steps back:  whimbrel down"
        if isinstance(error, errors.WhimbrelError):
            cause = f"{error.what} ({error.cause})" if error.cause else error.what
            if isinstance(error, errors.RunCancelled | errors.RowFailed):
                remedy = error.remedy or remedy  # it says all there is to do
            else:
                remedy = f"{error.remedy}\n{remedy}" if error.remedy else remedy
        else:
            cause = self._cause(error)
        return errors.MigrationFailed(
            f"migration {file.id} failed{step}",
            where=place,
            database=self.session.url,
            object=getattr(error, "object", None) or _statement(error),
            left=left,
            cause=cause,
            remedy=remedy,
            resumable=not whole_,
            slug=error.slug if isinstance(error, errors.WhimbrelError) else None,
        )

    def _batches_done(self, desk: stepwise.StepDesk) -> str:
        """Return what is done of the step in batches that failed, in words."""
        try:
            rows = parts.Parts(self.session, desk.run).read(desk.half_done)
        except sa.exc.DBAPIError:
            return ""
        totals = workers.Totals.of(rows)
        if not totals.batches:
            return ""
        return (
            f"\nand of step {desk.half_done} {words.count(totals.read, 'row')} in "
            f"{words.count(totals.batches, 'batch')}; the next run goes on behind them"
        )

    def _done(self, desk: desks.Desk) -> int:
        """Return how many steps of a run are committed, as far as that can be asked."""
        if not isinstance(desk, stepwise.StepDesk):
            return max(desk.position - 1, 0)
        if not self._alive():
            return desk.finished
        try:
            self.session.rollback()
            return sum(row.status == "done" for row in self.notes.steps(desk.run))
        except sa.exc.DBAPIError:
            return desk.finished

    def _cause(self, error: Exception) -> str:
        if isinstance(error, sa.exc.DBAPIError):
            return self.engine.cause(error)
        return f"{type(error).__name__}: {self.engine.cause(error)}"


def _statement(error: BaseException) -> str | None:
    if isinstance(error, sa.exc.DBAPIError) and error.statement:
        return " ".join(error.statement.split())[:300]
    return None


def where(error: BaseException, file: loader.MigrationFile, direction: str) -> str:
    """Return the migration, and the line of its file from which an error came."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(file.path)
    ]
    path = config.shown(file.path)
    return f"{file.id}.{direction}, {path}:{lines[-1]}" if lines else f"{file.id}, {path}"


def planning_failed(
    error: Exception,
    file: loader.MigrationFile,
    direction: str,
    session: base.Session,
    cause: str,
) -> errors.MigrationFailed:
    """Return what to say of a migration that fails before it has asked for any change."""
    return errors.MigrationFailed(
        f"migration {file.id} fails before it changes anything",
        where=where(error, file, direction),
        database=session.url,
        object=_statement(error),
        left="nothing was changed",
        cause=cause,
        remedy="correct the migration, then look at its plan:  whimbrel plan",
        resumable=False,
    )
