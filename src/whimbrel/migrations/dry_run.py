"""Do what `up` would do, in one transaction, take all of it back, and report what was seen.

Everything really happens: the statements are sent, constraints and triggers act, functions are
called. What cannot be taken back is refused before it is sent. The journal learns nothing of it.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events, words
from whimbrel.engines import base, leftovers, sqltext
from whimbrel.journal import journal, parts
from whimbrel.migrations import batched, guests, loader, runner, samples, validation, whole
from whimbrel.migrations import desk as desks
from whimbrel.migrations import dry_report as report
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.rows import loop, walker, work, workers

AGAIN: Final = "whimbrel up --dry-run"
_COPY: Final = (
    "try it on a copy: restore a backup into another database, then run it there:\n"
    "whimbrel up --database URL-OF-THE-COPY"
)
_FIRST_REJECTS: Final = 3
_MOST_REASONS: Final = 50
_MOST_KEYS: Final = 100
# Values in the words of servers: what is left tells one reason from another.
_VALUES: Final = re.compile(
    r"(?<=key )'[^']*'|(?<=column )'[^']*'"  # names; they stay
    r"|('(?:[^']|'')*'|: \"[^\"]*\"|=\([^)]*\)|contains \(.*\)|(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]))"
)
# Settings that outlive the session, or do something at once.
_AT_ONCE: Final = frozenset({"GLOBAL", "PERSIST", "PERSIST_ONLY"})
_COMMANDS: Final = frozenset({"KILL", "STOP", "CHANGE", "PURGE", "CACHE", "BINLOG"})


# --- the desk -------------------------------------------------------------------------------


class _Reasons:
    """Rejects of one step, counted by reason."""

    def __init__(self) -> None:
        self.keys: list[parts.Key] = []
        self._groups: dict[str, tuple[str, list[int], list[parts.Reject]]] = {}

    def add(self, rejects: Sequence[parts.Reject]) -> None:
        """Count rows; the first ones are kept."""
        for reject in rejects:
            if len(self.keys) < _MOST_KEYS:
                self.keys.append(reject.key)
            kind = _VALUES.sub(lambda found: "…" if found[1] else found[0], reject.reason)
            if kind not in self._groups and len(self._groups) >= _MOST_REASONS:
                kind = "other reasons"
            reason = kind if kind == "other reasons" else reject.reason
            _, count, first = self._groups.setdefault(kind, (reason, [0], []))
            count[0] += 1
            if len(first) < _FIRST_REJECTS:
                first.append(reject)

    def counted(self) -> tuple[report.Rejected, ...]:
        """Return the reasons, the most frequent first."""
        found = [
            report.Rejected(reason=reason, rows=count[0], first=tuple(first))
            for reason, count, first in self._groups.values()
        ]
        return tuple(sorted(found, key=lambda one: -one.rows))


class _Unwritten(parts.Parts):
    """Takes rejects for the report; the journal gets none, and need not be there."""

    def __init__(self, session: base.Session, reasons: _Reasons) -> None:
        super().__init__(session, run=0)
        self._reasons = reasons

    def reject(self, position: int, part: int, first: int, rejects: Sequence[parts.Reject]) -> None:
        self._reasons.add(rejects)


@dataclass(slots=True, kw_only=True)
class _Rows:
    """What is known of a step in batches: the rows before it, and how it went."""

    allowed: int
    total: int | None
    reasons: _Reasons
    courses: list[walker.Course] = field(default_factory=list)

    @property
    def read(self) -> int:
        return sum(course.read for course in self.courses)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step(workers.Step):
    """A step whose rejects are counted, and stop nothing."""

    rows: _Rows

    def notes(self, session: base.Session) -> parts.Parts:
        return _Unwritten(session, self.rows.reasons)

    def course(self, session: base.Session | None) -> walker.Course:
        course = workers.Step.course(self, session)
        self.rows.courses.append(course)
        return course


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What was seen of a step, or of several that are shown as one (equal `fold`)."""

    fold: object
    samples: list[samples.Sample] = field(default_factory=list)
    note: str = ""


class _Desk(whole.WholeDesk):
    """Does everything in the open transaction, large tables too, and sees what becomes of it."""

    def __init__(self, *args: Any, allowed: int, **kwargs: Any) -> None:
        super().__init__(*args, run=0, large=True, **kwargs)
        self.doing = ""
        self._next = 0
        self._allowed = allowed
        self._seen: dict[object, _Seen] = {}
        self._folds: dict[int, object] = {}
        self._batches: dict[int, _Rows] = {}
        self._without = self.engine.without_transactions(self.session)

    # --- verbs --------------------------------------------------------------------------------

    @property
    def at(self) -> int:
        """The step at work, or the last one that was."""
        return max(self.position, self._next)

    def perform(self, operation: ops.Operation) -> object:
        self.doing, self._next = operation.describe(), self.position + 1
        self._refuse(operation)
        fold = self._fold(operation)
        look = self._look(operation, fold)
        result = super().perform(operation)
        # Now the position is that of this step.
        self._folds[self.position] = fold = fold or self.position
        seen = self._seen.setdefault(fold, _Seen(fold=fold))
        rows = self._batches.get(self.position)
        seen.samples += look.after(rows.reasons.keys if rows else ())
        del seen.samples[samples.ROWS :]
        seen.note = seen.note or look.note
        self.doing = ""
        return result

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        self._refuse(operation)
        return super().batches(operation)

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        if sqltext.kind(sql, self.engine.dialect) is not sqltext.Kind.QUERY:
            self._refuse_without_transactions(sql)
        return super().through(sql, params, send)

    def step(self, operation: ops.RowsOperation, made: work.Work, *, run: int) -> workers.Step:
        step = super().step(operation, made, run=run)
        allowed = self._allowed if operation.max_rejects is None else operation.max_rejects
        rows = _Rows(allowed=allowed, total=self._more_than_sample(made), reasons=_Reasons())
        self._batches[self.position] = rows
        known = {one.name: getattr(step, one.name) for one in dataclasses.fields(workers.Step)}
        # All rejects are wanted, and one transaction has one worker.
        return _Step(**{**known, "max_rejects": sys.maxsize, "workers": 1}, rows=rows)

    def _more_than_sample(self, made: work.Work) -> int | None:
        """Return about how many rows a table has that has more than the sample; None for others."""
        sample = self.setting.sample
        if sample is None or made.way.at_most(self.session, sample) <= sample:
            return None
        return max(self.engine.estimate(self.session, made.table.name) or 0, sample + 1)

    # --- samples ------------------------------------------------------------------------------

    def _look(self, operation: ops.Operation, fold: object) -> samples.Look:
        if isinstance(operation, ops.RowsOperation):
            try:
                made = self.task(operation)
            except errors.WhimbrelError:
                return samples.Look()  # the step itself says it, in its own place
            speech = batched.speech(self.engine, self.catalog, self._dialect(self.sql_dialect))
            return samples.of_rows(self.session, operation, made, speech, limit=self.setting.sample)
        if isinstance(operation, ops.Execute) and operation.kind is ops.Kind.DATA:
            seen = self._seen.get(fold)
            if seen is None or (len(seen.samples) < samples.ROWS and not seen.note):
                return samples.of_statement(self.session, operation, self.catalog)
        return samples.Look()

    def _fold(self, operation: ops.Operation) -> object:
        """Return what is equal for steps that are shown as one; None for one that stands alone."""
        if isinstance(operation, ops.Execute) and operation.kind is not ops.Kind.DDL:
            return operation.kind.value, sqltext.shape(operation.sent, self.engine.dialect)
        return None

    # --- what was seen ------------------------------------------------------------------------

    @property
    def sampled(self) -> bool:
        """Whether a step worked on a part of its table only."""
        return any(map(self._is_partial, self._batches.values()))

    def _is_partial(self, rows: _Rows) -> bool:
        return rows.total is not None and rows.read <= (self.setting.sample or 0)

    def seen(self) -> tuple[report.Step, ...]:
        """Return the steps that were done, and not taken back by a savepoint of the migration."""
        folded: dict[object, list[journal.StepRow]] = {}
        for row in self.rows:
            alone = row.step if row.kind == ops.Kind.MODEL.value else row.position
            folded.setdefault(self._folds.get(row.position, alone), []).append(row)
        return tuple(self._step_of(fold, rows) for fold, rows in folded.items())

    def _step_of(self, fold: object, noted: Sequence[journal.StepRow]) -> report.Step:
        first = noted[0]
        seen = self._seen.get(fold) or _Seen(fold=fold)
        batches = self._batches.get(first.position)
        changed = [row.rows_changed for row in noted if row.rows_changed is not None]
        took = [row.seconds for row in noted if row.seconds is not None]
        step = report.Step(
            position=first.position,
            times=len(noted),
            kind=first.kind,
            words=first.step,
            rows=sum(changed) if changed else None,
            read=None if batches is None else batches.read,
            seconds=sum(took) if took else None,
            rejected=() if batches is None else batches.reasons.counted(),
            max_rejects=0 if batches is None else batches.allowed,
            samples=tuple(seen.samples),
            note=seen.note,
        )
        if batches is None or not self._is_partial(batches):
            return step
        return dataclasses.replace(step, estimate=_estimate(step, batches.total or 0))

    # --- refusing -----------------------------------------------------------------------------

    def _refuse(self, operation: ops.Operation) -> None:
        """Raise RefusedError for what could not be taken back."""
        if isinstance(operation, ops.RowsOperation):
            batched.refuse_without_transactions(operation, self.session)
            return
        can_undo = self.engine.can.transactional_ddl
        if operation.kind is ops.Kind.DDL and not can_undo:
            raise not_taken_back(self.engine, self.doing)
        if not isinstance(operation, ops.Execute):
            return
        if operation.may_commit_unseen and not can_undo:
            raise errors.RefusedError(
                "what is called here may commit inside the server, so it gets no dry run",
                object=self.doing,
                remedy=_COPY,
            )
        if operation.kind is ops.Kind.SESSION and self._acts_at_once(operation.sent):
            raise errors.RefusedError(
                "a setting of the whole server cannot be taken back, so it gets no dry run",
                object=self.doing,
                remedy=_COPY,
            )
        if operation.kind is ops.Kind.DATA:
            self._refuse_without_transactions(operation.sent)

    def _acts_at_once(self, sql: str) -> bool:
        found = sqltext.significant(sql, self.engine.dialect)
        texts = {token.text.upper().lstrip("@").partition(".")[0] for token in found}
        return found[0].word in _COMMANDS or not texts.isdisjoint(_AT_ONCE)

    def _refuse_without_transactions(self, sql: str) -> None:
        if not self._without:
            return
        found = sqltext.significant(sql, self.engine.dialect)
        names = {token.text.strip('`"').casefold() for token in found} & self._without
        if names:
            raise errors.RefusedError(
                f"table {min(names)!r} has no transactions, so what a dry run changes there "
                "would stay",
                object=" ".join(sql.split())[:300],
                remedy=_COPY,
            )


def _estimate(step: report.Step, total: int) -> report.Estimate | None:
    if not step.read:
        return None
    times = total / step.read
    return report.Estimate(
        rows_read=total,
        rows_written=round((step.rows or 0) * times),
        seconds=(step.seconds or 0.0) * times,
    )


def not_taken_back(
    engine: base.Engine, step: str, *, migration: str = "", where: str | None = None
) -> errors.RefusedError:
    """Return the refusal of a change of schema on an engine that cannot take it back."""
    of = f" of {migration}" if migration else ""
    return errors.RefusedError(
        f"{engine.title} cannot take a change of the schema back, so there is no dry run{of}",
        where=where,
        object=step,
        left="nothing was changed",
        remedy=_COPY,
    )


# --- the run --------------------------------------------------------------------------------


class DryRun:
    """Tries migrations on one session, whose lock is held; none of it stays."""

    def __init__(
        self,
        session: base.Session,
        *,
        setting: workers.Setting,
        sql_dialect: str | None,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self.session = session
        self.engine = session.engine
        self.sql_dialect = sql_dialect
        self.tell = tell
        self.clock = clock
        self.sample = setting.sample
        self._allowed = setting.config.max_rejects
        # One session, one transaction; its locks are held the longer the slower it is.
        config = dataclasses.replace(setting.config, max_rows_per_second=None, workers=1)
        self._setting = dataclasses.replace(setting, config=config, open_session=None)

    def run(
        self,
        files: Sequence[loader.MigrationFile],
        plan: plans.Plan,
        half_done: Sequence[str] = (),
    ) -> report.Report:
        """Try migrations one after the other; raise RefusedError for what gets no dry run.

        What fails on the way is in the report.
        """
        self._refuse(files, plan, half_done)
        before = leftovers.counters(self.session)
        self.session.rollback()
        self._tell_begin(files, plan)
        rebuilds = [self._rebuilds(plan.of(file.id)) for file in files]
        started = self.clock.seconds()
        trials: list[report.Trial] = []
        alarms: list[str] = []
        canary: sa.NestedTransaction | None = None
        try:
            self.engine.begin_migration(self.session, rebuilds=any(rebuilds))
            if not self.engine.can.transactional_ddl:
                canary = self.session.connection.begin_nested()
            broken = leftovers.broken_keys(self.session)
            for file in files:
                trials.append(self._try(file, plan.of(file.id), broken, trials))
                if trials[-1].problem is not None:
                    break
        finally:
            alarms += self._take_back(canary)
        return report.Report(
            database=self.session.url,
            engine=self.engine.title,
            migrations=tuple(trials),
            not_reached=tuple(file.id for file in files[len(trials) :]),
            seconds=self.clock.seconds() - started,
            sample=self.sample,
            moved=self._moved(before),
            notes=tuple(self._notes(rebuilds)),
            alarms=tuple(alarms),
        )

    def _try(
        self,
        file: loader.MigrationFile,
        plan: plans.MigrationPlan | None,
        broken: Mapping[tuple[str, str], int],
        earlier: Sequence[report.Trial],
    ) -> report.Trial:
        started = self.clock.seconds()
        self.tell(
            events.MigrationStarted(
                migration=file.id,
                direction=runner.UP,
                steps=plan.count if plan is not None else None,
                resumed_at=0,
            )
        )
        desk = _Desk(
            self.session,
            catalog=self.engine.catalog(self.session),
            migration=file.id,
            sql_dialect=file.cls.sql_dialect or self.sql_dialect,
            tell=self.tell,
            clock=self.clock,
            setting=self._setting,
            allowed=self._allowed,
        )
        problem: errors.WhimbrelError | None = None
        note = ""
        validator = validation.Validator(
            file, self.session, sql_dialect=self.sql_dialect, tell=self.tell, clock=self.clock
        )
        try:
            validator.before()
            measured = validator.measure()
            with guests.models_on(self.session, desk, planning=False, taken_back=True) as guest:
                desk.guests = guest
                runner.perform(file, runner.UP, desk)
            desk.end()
            self.engine.after_models(self.session, guest.explicit_keys)
            if desk.sampled and loader.defines(file.cls, validation.AFTER):
                note = "its rules after were not asked: steps worked on a sample of the rows"
            elif not desk.sampled:
                validator.after(measured)
            self._as_if_committed(broken)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the migration is foreign code
            sampled = desk.sampled or any(s.estimate for t in earlier for s in t.steps)
            problem = self._problem(error, file, desk, plan, sampled=bool(sampled))
        seconds = self.clock.seconds() - started
        self.tell(report.Tried(migration=file.id, seconds=seconds, steps=desk.position))
        failed = f"{desk.at}: {desk.doing}" if problem is not None and desk.doing else ""
        return report.Trial(
            id=file.id,
            doc=file.doc,
            steps=desk.seen(),
            seconds=seconds,
            problem=problem,
            failed_step=failed,
            rules=tuple(validator.outcomes),
            note=note,
        )

    def _as_if_committed(self, broken: Mapping[tuple[str, str], int]) -> None:
        """Let everything be checked that a commit would check; raise what it would."""
        # Deferred constraints act before a change of schema as they do before a commit.
        self.engine.before_ddl(self.session)
        self.engine.before_commit(self.session)
        now = leftovers.broken_keys(self.session)
        new = {pair: count - broken.get(pair, 0) for pair, count in now.items()}
        lines = [
            f"{child} → {parent}: {words.count(count, 'row')}"
            for (child, parent), count in new.items()
            if count > 0
        ]
        if lines:
            raise errors.ForeignKeysBroken(lines)

    # --- before and after ---------------------------------------------------------------------

    def _refuse(
        self,
        files: Sequence[loader.MigrationFile],
        plan: plans.Plan,
        half_done: Sequence[str],
    ) -> None:
        for file in files:
            if file.id in half_done:
                raise errors.RefusedError(
                    f"migration {file.id} is half done, and a dry run cannot begin in its middle",
                    database=self.session.url,
                    left="nothing was changed by this",
                    remedy="finish it:  whimbrel up   or take it back:  whimbrel down\n"
                    f"then:  {AGAIN}",
                )
            if file.cls.transactional is False:
                raise errors.RefusedError(
                    f"migration {file.id} says transactional = False: its steps are not meant for "
                    "one transaction, so there is no dry run of it",
                    database=self.session.url,
                    left="nothing was changed",
                    remedy=f"dry-run what comes before it:  {AGAIN} --to ID\n{_COPY}",
                )
            planned = plan.of(file.id)
            if planned is None or self.engine.can.transactional_ddl:
                continue
            for step in planned.steps:
                if step.kind == ops.Kind.DDL.value:
                    said = f"step {step.position}: {step.words}"
                    refused = not_taken_back(
                        self.engine, said, migration=file.id, where=step.where or None
                    )
                    refused.database = self.session.url
                    raise refused

    def _tell_begin(self, files: Sequence[loader.MigrationFile], plan: plans.Plan) -> None:
        counts = [
            step.rows
            for migration in plan.migrations
            for step in migration.steps
            if step.kind == ops.Kind.ROWS.value
        ]
        known = [count for count in counts if count is not None]
        names = tuple(file.id for file in files)
        database = self.session.url
        self.tell(events.RunStarted(direction=runner.UP, migrations=names, database=database))
        self.tell(
            report.Begun(rows=sum(known) if known or not counts else None, sample=self.sample)
        )

    def _rebuilds(self, plan: plans.MigrationPlan | None) -> bool:
        # As for `up`: undecided, a rebuild may still come, and cannot be prepared for later.
        return plan is None or plan.rebuilds or plan.undecided is not None

    def _take_back(self, canary: sa.NestedTransaction | None) -> list[str]:
        """Take everything back; return what went wrong with that."""
        if self.session.gone:
            return []  # the server takes back what a lost session had open
        alarms = []
        if canary is not None and canary.is_active:
            try:
                canary.rollback()
            except sa.exc.DBAPIError as error:
                alarms.append(
                    "the transaction had ended before the dry run did; what was done until then "
                    f"may have stayed ({self.engine.cause(error)})"
                )
        try:
            self.session.rollback()
        except sa.exc.DBAPIError:
            # A statement that was stopped may leave the line unusable: ending it takes all back.
            self.session.close()
            return alarms
        if said := leftovers.warning(self.session):
            alarms.append(f"perhaps by a trigger; the server says: {said}")
        self.engine.end_migration(self.session)
        return alarms

    def _moved(self, before: Mapping[str, int]) -> tuple[report.Moved, ...]:
        if self.session.gone:
            return ()
        now = leftovers.counters(self.session)
        return tuple(
            report.Moved(name=name, before=value, after=now[name])
            for name, value in sorted(before.items())
            if now.get(name, value) != value
        )

    def _notes(self, rebuilds: Sequence[bool]) -> Iterator[str]:
        if any(rebuilds) and not all(rebuilds):
            yield (
                "a table is (or may be) rebuilt, for which foreign keys are off in the whole "
                f"transaction: here {self.engine.title} did not act on them (ON DELETE CASCADE) "
                "in the other migrations either; up runs those with foreign keys on"
            )

    # --- failing ------------------------------------------------------------------------------

    def _problem(
        self,
        error: BaseException,
        file: loader.MigrationFile,
        desk: _Desk,
        plan: plans.MigrationPlan | None,
        *,
        sampled: bool,
    ) -> errors.WhimbrelError:
        """Return why a migration came no further."""
        place = runner.where(error, file, runner.UP)
        left = "nothing was changed: the dry run has taken everything back"
        hint = (
            f"\nor try it with all rows: steps before it worked on {self.sample or 0:,} rows only "
            "(--sample), which may be the reason"
            if sampled
            else ""
        )
        if isinstance(error, errors.WhimbrelError):
            error.where = error.where or place
            error.database = error.database or self.session.url
            error.object = error.object or (desk.doing or None)
            error.left = left
            error.remedy = f"{error.remedy or 'correct the migration'}{hint}"
            return error
        total = f" of {plan.count}" if plan is not None and plan.count else ""
        at = f" at step {desk.at}{total}" if desk.doing else ""
        if isinstance(error, SystemExit):
            cause = f"the migration called sys.exit({error.code!r})"
        elif isinstance(error, sa.exc.DBAPIError):
            cause = self.engine.cause(error)
        else:
            cause = f"{type(error).__name__}: {self.engine.cause(error)}"
        return errors.MigrationFailed(
            f"migration {file.id} would fail{at}",
            where=place,
            database=self.session.url,
            object=desk.doing or None,
            left=left,
            cause=cause,
            remedy=f"correct the cause, then try it again:  {AGAIN}{hint}",
            resumable=False,
        )
