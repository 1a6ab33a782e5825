"""Do what a plan says, step by step, so that it can be killed anywhere and gone on with.

Every step has its place in the journal of the target. Where the engine commits a change of schema
together with our note, it is; where it does not, the note says "about to", and who comes later
asks the catalog. Rows go chunk by chunk (`rows.copier`, `lanes`).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, codec, inventory, transport
from whimbrel.journal import chunks, journal, parts
from whimbrel.proof import sides
from whimbrel.rows import changed, copier, keys
from whimbrel.schema import convert
from whimbrel.transfers import cargo, lanes, numbering
from whimbrel.transfers import plan as planning

_LOOK_SECONDS: Final = 0.5
_TITLE: Final = 250


@dataclass(kw_only=True)
class Filled:
    """What came of one flow."""

    name: str
    source: str
    target: str
    rows: int = 0
    read: int = 0
    rejected: int = 0
    dropped: int = 0
    before: int = 0
    size: int = 0
    chunks: int = 0
    seconds: float = 0.0
    cleansed: dict[tuple[str, str], changed.Cleansed] = field(default_factory=dict)
    carried: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    position: int
    title: str
    action: convert.Action | None = None
    flow: planning.PlannedFlow | None = None
    counting: planning.Counting | None = None


class Course:
    """One attempt at a transfer, under the lock of the target."""

    def __init__(
        self,
        plan: planning.TransferPlan,
        *,
        side: sides.Side,
        target: base.Session,
        open_target: lanes.OpenSession,
        lock: base.RunLock,
        run: int,
        tell: events.Listener,
        clock: clocks.Clock,
        submit: Callable[[copier.Task], Future[copier.Done]] | None = None,
    ) -> None:
        self._plan = plan
        self._options = plan.options
        self._side = side
        self._target = target
        self._open = open_target
        self._lock = lock
        self._run = run
        self._clock = clock
        self._telling = threading.Lock()
        self._listener = tell
        self._notes = journal.Journal(target, clock)
        self._ledger = chunks.Chunks(target, run, clock)
        self._recorded = {row.position: row for row in self._notes.steps(run)}
        target.commit()
        self._elsewhere = submit
        self.filled: dict[str, Filled] = {}
        self.left_out: list[tuple[str, str]] = []

    def _tell(self, event: events.Event) -> None:
        with self._telling:
            self._listener(event)

    # --- all of it ----------------------------------------------------------------------------

    def go(self) -> None:
        """Do what is left; raise what stopped it."""
        steps = list(self._steps())
        titles = {step.position: step.title for step in steps}
        for position, row in self._recorded.items():
            if titles.get(position) != row.step:
                raise errors.TransferHalfDone(
                    row.step,
                    database=self._target.url,
                    why="the plan is another one now: the source's schema or its values have "
                    "changed, or the options",
                )
        by_phase: dict[str, list[_Step]] = {}
        for step, phase in zip(steps, self._phases(), strict=True):
            by_phase.setdefault(phase, []).append(step)
        for step in by_phase.get("before", []):
            self._perform(self._target, step)
        self._rows(by_phase.get("rows", []), by_phase.get("after", []))
        for phase in ("keys", "counters", "last"):
            for step in by_phase.get(phase, []):
                self._perform(self._target, step)

    def _steps(self) -> Iterator[_Step]:
        for position, (_, step) in enumerate(self._listed(), start=1):
            if isinstance(step, convert.Action):
                title = f"{step.kind} {step.name}" + (f" of {step.table}" if step.table else "")
                yield _Step(position=position, title=title[:_TITLE], action=step)
            elif isinstance(step, planning.PlannedFlow):
                title = f"rows of {step.flow.name}"
                yield _Step(position=position, title=title[:_TITLE], flow=step)
            else:
                title = f"counter {step.sequence or ''} {step.table}.{step.column}"
                yield _Step(position=position, title=title[:_TITLE], counting=step)

    def _phases(self) -> list[str]:
        return [phase for phase, _ in self._listed()]

    def _listed(
        self,
    ) -> Iterator[tuple[str, convert.Action | planning.PlannedFlow | planning.Counting]]:
        plan, made = self._plan, self._plan.schema.tables
        for action in plan.drops:
            yield "before", action
        for action in plan.schema.before:
            yield "before", action
        for table in made:
            for action in table.before:
                yield "before", action
        if self._options.data:
            for flow in sorted(plan.flows, key=lambda one: one.flow.name):
                yield "rows", flow
        for table in made:
            for action in table.after:
                yield "after", action
        for table in made:
            for action in table.foreign_keys:
                yield "keys", action
        for table in made:
            for action in table.validate:
                yield "keys", action
        if self._options.data:
            for counting in plan.counters:
                yield "counters", counting
        for action in plan.schema.last:
            yield "last", action

    # --- one change of schema -----------------------------------------------------------------

    def _perform(self, session: base.Session, step: _Step) -> None:
        row = self._recorded.get(step.position)
        if row is not None and row.status == "done":
            return
        started = self._clock.seconds()
        notes = journal.Journal(session, self._clock)
        statements = list(self._statements(session, step))
        try:
            alone = any(one.alone for one in statements)
            if session.engine.can.transactional_ddl and not alone:
                session.begin()
                session.engine.before_ddl(session)
                self._send(session, statements)
                notes.write_steps([self._note(step, "done")])
                session.commit()
            else:
                self._by_itself(session, notes, step, statements, alone=alone)
        except sa.exc.SQLAlchemyError as error:
            if not session.gone:
                session.rollback()
                if step.action is not None and step.action.optional:
                    self._leave_out(session, notes, step, error)
                    return
            raise errors.TransferFailed(
                f"the target refused a step: {step.title}",
                database=session.url,
                object=statements[0].sql if statements else None,
                left="what was done before stays, with its notes",
                cause=session.engine.cause(error),
            ) from error
        action = step.action
        self._tell(
            events.SchemaChanged(
                kind=action.kind if action is not None else "counter",
                table=action.table if action is not None else None,
                name=action.name if action is not None else step.title,
                seconds=self._clock.seconds() - started,
            )
        )

    def _leave_out(
        self, session: base.Session, notes: journal.Journal, step: _Step, error: Exception
    ) -> None:
        """Go on without what the server refused and nothing else needs."""
        why = session.engine.cause(error)
        if step.position in {row.position for row in notes.steps(self._run)}:
            notes.finish_step(self._run, step.position, rows_changed=None, seconds=None)
        else:
            notes.write_steps([self._note(step, "done")])
        session.commit()
        self.left_out.append((step.title, why))
        self._tell(events.Noticed(what=f"{step.title} is not in the target: {why}"))

    def _by_itself(
        self,
        session: base.Session,
        notes: journal.Journal,
        step: _Step,
        statements: Sequence[base.Statement],
        *,
        alone: bool,
    ) -> None:
        """Do what commits by itself: a note before, one after, and the catalog between."""
        if step.position in self._recorded:
            there = step.action is not None and step.action.present(session.engine.catalog(session))
            session.rollback()
            if there:
                notes.finish_step(self._run, step.position, rows_changed=None, seconds=None)
                session.commit()
                return
        else:
            notes.write_steps([self._note(step, "started")])
            session.commit()
        if alone:
            with session.outside_transaction():
                self._send(session, statements)
        else:
            self._send(session, statements)
        notes.finish_step(self._run, step.position, rows_changed=None, seconds=None)
        session.commit()

    def _send(self, session: base.Session, statements: Sequence[base.Statement]) -> None:
        for statement in statements:
            result = session.execute(statement.sql)
            if statement.must_be is not None:
                answer = result.rows[0][0] if result.rows else None
                if answer != statement.must_be:
                    raise errors.TransferFailed(
                        statement.otherwise or f"{statement.sql} gave {answer!r}",
                        database=session.url,
                        left="what was done before stays, with its notes",
                        cause="rows of the source that break a rule which it does not enforce",
                    )

    def _statements(self, session: base.Session, step: _Step) -> Iterator[base.Statement]:
        if step.action is not None:
            yield from step.action.statements
        elif step.counting is not None:
            text = self._counted(session, step.counting)
            session.rollback()
            if text:
                yield base.Statement(sql=text)

    def _counted(self, session: base.Session, counting: planning.Counting) -> str:
        """Return what lets a column count on behind all that is there."""
        engine = session.engine
        behind = counting.next
        if counting.column is not None:
            name, table = engine.quote(counting.column), engine.quote(counting.table)
            (row,) = session.fetch(f"SELECT max({name}) FROM {table}")
            most = int(str(row[0])) + counting.increment if row[0] is not None else 1
            behind = max(behind or 1, most)
        if behind is None:
            return ""
        return engine.inventory(session).set_counter(
            inventory.Counter(
                table=counting.table or None,
                column=counting.column,
                next=behind,
                sequence=counting.sequence,
                increment=counting.increment,
            )
        )

    def _note(self, step: _Step, status: str, *, kind: str = "schema") -> journal.StepRow:
        return journal.StepRow(
            run=self._run,
            position=step.position,
            kind=kind,
            status=status,
            step=step.title,
            fingerprint=hashlib.sha256(step.title.encode()).hexdigest(),
            noted=None,
            rows_changed=None,
            started_at=clocks.stamp(self._clock.now()),
            seconds=None,
        )

    # --- rows ---------------------------------------------------------------------------------

    def _rows(self, steps: Sequence[_Step], after: Sequence[_Step]) -> None:
        order = {id(one): at for at, one in enumerate(self._plan.flows)}
        steps = sorted(steps, key=lambda step: order[id(step.flow)])
        following: dict[str, list[_Step]] = {}
        for step in after:
            table = step.action.table if step.action is not None else None
            following.setdefault(table or "", []).append(step)
        crew = lanes.Lanes(
            self._side,
            self._prepared,
            retries=self._options.retries,
            tell=self._tell,
            clock=self._clock,
        )
        several = self._target.engine.can.parallel_writers
        builders = _Builders(self._open, self._options.jobs if several else 1)
        try:
            self._copied(crew, steps, following, builders)
            for left in following.values():
                builders.give(left, self._build)
            builders.finish(self._breathe)
        except BaseException:
            crew.stop.set()
            self._side.drop()
            raise
        finally:
            builders.close()
            crew.close()

    def _prepared(self) -> base.Session:
        session = self._open()
        try:
            session.engine.loader(session).prepare()
        except BaseException:
            session.close()
            raise
        return session

    def _copied(
        self,
        crew: lanes.Lanes,
        steps: Sequence[_Step],
        following: dict[str, list[_Step]],
        builders: _Builders,
    ) -> None:
        submit = self._elsewhere or crew.submit
        working: dict[Future[copier.Done], _Work] = {}
        queue = [self._begun(step) for step in steps if step.flow is not None]
        numbering.number(self._side, [work.bound for work in queue], self._open)
        left_in: dict[str, int] = {}
        for work in queue:
            left_in[work.target] = left_in.get(work.target, 0) + 1
        room = max(0, self._options.max_rejects)
        # Where foreign keys are there already, who is referred to comes first.
        for level in sorted({work.level for work in queue}):
            for work in queue:
                if work.level == level:
                    for task in work.tasks(room):
                        working[submit(task)] = work
                    if not work.left:
                        self._ended(work, left_in, following, builders)
            self._awaited(working, crew.stop, left_in, following, builders)

    def _awaited(
        self,
        working: dict[Future[copier.Done], _Work],
        stop: threading.Event,
        left_in: dict[str, int],
        following: dict[str, list[_Step]],
        builders: _Builders,
    ) -> None:
        """Wait for all chunks that are under way, and see to tables as they are full."""
        try:
            while working:
                done, _ = wait(working, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                self._breathe()
                for future in done:
                    work = working.pop(future)
                    self._came(work, future.result())
                    if not work.left:
                        self._ended(work, left_in, following, builders)
        except BaseException:
            # Chunks that are under way are finished, and no others begun.
            stop.set()
            self._side.drop()
            wait([future for future in working if not future.cancel()])
            raise

    def _breathe(self) -> None:
        """See that the run still holds its lock; nobody else uses the main session meanwhile."""
        self._lock.check()
        self._target.rollback()

    def _begun(self, step: _Step) -> _Work:
        """Return what is left of a flow, cut in chunks if that is new."""
        planned = step.flow
        if planned is None:
            raise errors.WhimbrelError(f"step {step.position} has no rows")
        target = cargo.target_of(self._target, planned.flow.target)
        self._target.rollback()
        bound = self._side.run(lambda seat: cargo.bind(seat, planned, target))
        known = self._ledger.read(step.position)
        if not known:
            ranges = self._side.run(
                lambda seat: cargo.chunks(seat, bound, rows=planned.rows, options=self._options)
            )
            self._ledger.write(step.position, [(one.lower, one.upper) for one in ranges])
            self._notes.write_steps([self._note(step, "started", kind="rows")])
            self._lock.check()
            self._target.commit()
            known = self._ledger.read(step.position)
        self._target.rollback()
        engine = self._side.run(lambda seat: seat.engine)
        flow = planned.flow
        way = keys.Walkway(engine, flow.table, bound.walked) if flow.table else None
        filled = Filled(name=flow.name, source=flow.table or flow.name, target=flow.target)
        filled.carried = tuple(
            (one.column.name, one.value.form.family.value, one.column.type) for one in bound.written
        )
        self.filled[flow.name] = filled
        done = [row for row in known if row.status == parts.State.DONE.value]
        filled.before = sum(row.rows_written for row in done)
        filled.rows = filled.before
        filled.read = sum(row.rows_read for row in done)
        filled.rejected = sum(row.rows_rejected for row in done)
        filled.chunks = len(known)
        self._tell(events.TableCutInChunks(table=flow.name, chunks=len(known), done=filled.before))
        open_ = [row for row in known if row.status != parts.State.DONE.value]
        return _Work(
            step=step, bound=bound, way=way, rows=open_, run=self._run, filled=filled,
            left=len(open_), since=self._clock.seconds(), target=flow.target, done=done,
        )  # fmt: skip

    def _came(self, work: _Work, done: copier.Done) -> None:
        filled = work.filled
        work.left -= 1
        filled.rows += done.written
        filled.read += done.read
        filled.rejected += done.rejected
        filled.dropped += done.dropped
        filled.size += done.size
        for one in done.cleansed:
            known = filled.cleansed.get((one.column, one.rule))
            if known is not None:
                one = changed.Cleansed(
                    column=one.column,
                    rule=one.rule,
                    values=known.values + one.values,
                    samples=(known.samples + one.samples)[: changed.SAMPLES],
                )
            filled.cleansed[one.column, one.rule] = one
        self._tell(
            events.ChunkCopied(
                table=filled.name, chunk=done.chunk, rows=done.written, rejected=done.rejected,
                size=done.size, seconds=done.seconds,
            )
        )  # fmt: skip
        rejected = sum(one.rejected for one in self.filled.values())
        if rejected > self._options.max_rejects:
            raise errors.TransferFailed(
                f"{rejected:,} rows could not be written, and --max-rejects is "
                f"{self._options.max_rejects:,}",
                database=self._target.url,
                left="they are kept with their values and reasons; the rest is not copied yet",
                cause="see them:  whimbrel rejects list",
            )

    def _ended(
        self,
        work: _Work,
        left_in: dict[str, int],
        following: dict[str, list[_Step]],
        builders: _Builders,
    ) -> None:
        filled, position = work.filled, work.step.position
        self._again_if_moved(work)
        seconds = self._clock.seconds() - work.since
        filled.seconds = seconds
        row = self._recorded.get(position)
        if row is None or row.status != "done":
            self._notes.finish_step(self._run, position, rows_changed=filled.rows, seconds=seconds)
            self._lock.check()
            self._target.commit()
        self._tell(
            events.TableCopied(
                table=filled.name, rows=filled.rows, rejected=filled.rejected, seconds=seconds
            )
        )
        left_in[work.target] -= 1
        if not left_in[work.target] and self._target.engine.can.parallel_writers:
            builders.give(following.pop(work.target, []), self._build)

    def _build(self, session: base.Session, step: _Step) -> None:
        self._perform(session, step)

    # --- a source that was written to meanwhile -------------------------------------------------

    def _again_if_moved(self, work: _Work) -> None:
        """See that chunks of an earlier moment are those of the one that is read now.

        An earlier attempt read another moment, and so did a session that was lost. Where nothing
        was written to the source since, both are the same; else every such chunk is compared by
        its fingerprint, and copied once more if it differs.
        """
        now = lanes.moment_of(self._side.snapshot.position)
        stale = [
            row
            for row in self._ledger.read(work.step.position)
            if row.owner != now and row.status == parts.State.DONE.value
        ]
        self._target.rollback()
        if not stale:
            return
        bound = work.bound
        flow = bound.planned.flow
        exact = work.way is not None and bound.walked.integer and self._same_key(bound)
        if flow.change is not None or flow.table is None or not (exact or len(stale) == 1):
            if self._whole_equal(work):
                self._confirm(work, stale, now)
                return
            raise errors.TransferHalfDone(
                f"rows of {flow.name}",
                database=self._target.url,
                why="the source was written to since an earlier attempt, and the rows of this "
                "table cannot be told from each other by ranges of a whole number",
            )
        for row in stale:
            range_ = keys.Range(lower=row.lower, upper=row.upper)
            if self._equal(work, range_):
                self._confirm(work, [row], now)
            else:
                self._copy_again(work, row, range_)

    def _same_key(self, bound: cargo.Bound) -> bool:
        """Whether the key that is walked is a whole number on both sides, too."""
        name = self._key_there(bound)
        return name is not None and keys.is_integer(bound.target.column(name).type)

    def _key_there(self, bound: cargo.Bound) -> str | None:
        for column in bound.planned.columns:
            if (column.plain,) == bound.walked.columns:
                return column.name
        return None

    def _confirm(self, work: _Work, rows: Sequence[parts.PartRow], moment: str) -> None:
        for row in rows:
            self._ledger.confirm(work.step.position, row.part, moment)
        self._lock.check()
        self._target.commit()

    def _whole_equal(self, work: _Work) -> bool:
        return work.bound.planned.flow.change is None and self._equal(work, keys.Range())

    def _equal(self, work: _Work, range_: keys.Range) -> bool:
        """Whether the rows of a range are the same on both sides, by their fingerprints."""
        bound, flow = work.bound, work.bound.planned.flow
        if flow.table is None or not bound.read:
            return False
        here = bound.cargo(work.way, range_)
        scan = codec.Scan(
            table=flow.table,
            values=tuple(one.value for one in here.carried),
            where=here.where,
            params=here.params,
        )
        there = codec.Scan(
            table=bound.target.name,
            values=tuple(self._value_there(one) for one in here.carried),
            where=self._where_there(bound, range_)[0],
            params=self._where_there(bound, range_)[1],
        )
        source = self._side.submit(lambda seat: seat.codec.total(scan))
        engine = self._target.engine
        coder = engine.codec(self._target)
        for one in bound.read:
            coder.form(bound.target, one.column)
        self._target.rollback()
        found = coder.total(there)
        self._target.rollback()
        return source.result() == found

    def _value_there(self, one: transport.Carried) -> codec.Value:
        engine = self._target.engine
        sql = engine.beside_parameters(engine.quote(one.column.name))
        return codec.Value(sql=sql, column=one.column, form=one.value.form)

    def _where_there(
        self, bound: cargo.Bound, range_: keys.Range
    ) -> tuple[str, tuple[object, ...]]:
        name = self._key_there(bound)
        if range_ == keys.Range() or name is None:
            return "", ()
        way = keys.Walkway(
            self._target.engine, bound.target.name, keys.Key(columns=(name,), integer=True)
        )
        condition = way.condition(range_)
        return condition.sql, tuple(condition.params)

    def _copy_again(self, work: _Work, row: parts.PartRow, range_: keys.Range) -> None:
        """Delete the rows of a chunk with its note, then copy it anew."""
        where, params = self._where_there(work.bound, range_)
        table = self._target.engine.beside_parameters(
            self._target.engine.quote(work.bound.target.name)
        )
        condition = f" WHERE {where}" if where else ""
        self._target.begin()
        deleted = self._target.execute(f"DELETE FROM {table}{condition}", params or None)
        self._ledger.open_again(work.step.position, row.part)
        self._lock.check()
        self._target.commit()
        self._tell(
            events.Noticed(
                what=f"chunk {row.part} of {work.filled.name!r} is copied again: the source was "
                "written to since it was copied"
            )
        )
        work.filled.rows -= max(deleted.changed, 0)
        work.filled.read -= row.rows_read
        work.filled.rejected -= row.rows_rejected
        crew = lanes.Lanes(
            self._side, self._prepared, retries=self._options.retries, tell=self._tell,
            clock=self._clock,
        )  # fmt: skip
        try:
            task = work.task(row, self._options.max_rejects)
            work.left += 1
            self._came(work, crew.submit(task).result())
        finally:
            crew.close()


@dataclass(kw_only=True)
class _Work:
    """What is left of one flow."""

    step: _Step
    bound: cargo.Bound
    way: keys.Walkway | None
    rows: list[parts.PartRow]
    done: list[parts.PartRow]
    run: int
    filled: Filled
    left: int
    since: float
    target: str

    @property
    def level(self) -> int:
        """When it is its turn."""
        return self.bound.planned.level

    def tasks(self, room: int) -> Iterator[copier.Task]:
        for row in self.rows:
            yield self.task(row, room)

    def task(self, row: parts.PartRow, room: int) -> copier.Task:
        return self.bound.task(
            self.way,
            keys.Range(lower=row.lower, upper=row.upper),
            run=self.run,
            position=self.step.position,
            chunk=row.part,
            room=room,
        )


class _Builders:
    """Sessions of the target that make indexes while other tables are still being filled."""

    def __init__(self, open_session: lanes.OpenSession, jobs: int) -> None:
        self._open = open_session
        self._pool = ThreadPoolExecutor(jobs, "whimbrel-indexes")
        self._given: list[Future[None]] = []

    def give(self, steps: Sequence[_Step], build: Callable[[base.Session, _Step], None]) -> None:
        """Let the steps of one table be done one after the other, beside those of others."""
        if steps:
            self._given.append(self._pool.submit(self._do, list(steps), build))

    def _do(self, steps: list[_Step], build: Callable[[base.Session, _Step], None]) -> None:
        session = self._open()
        try:
            for step in steps:
                build(session, step)
        finally:
            session.close()

    def finish(self, breathe: Callable[[], None]) -> None:
        """Wait for all of it; raise the first failure."""
        while True:
            done, left = wait(self._given, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            breathe()
            for future in done:
                self._given.remove(future)
                future.result()
            if not left:
                return

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._pool.shutdown(wait=True, cancel_futures=True)
