"""Do what a plan says, step by step, so that it can be killed anywhere and gone on with.

Every step has its place in the journal of the target. Where the engine commits a change of schema
together with our note, it is; where it does not, the note says "about to", and who comes later
asks the catalog. Rows go chunk by chunk (`rows.copier`, `lanes`).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, inventory
from whimbrel.journal import chunks, journal, parts
from whimbrel.proof import sides
from whimbrel.rows import changed, copier, keys
from whimbrel.schema import convert
from whimbrel.transfers import building, cargo, lanes, moved, numbering
from whimbrel.transfers import plan as planning

_LOOK_SECONDS: Final = 0.5
_TITLE: Final = 250
# So much of a statement stands in a message.
_LINES: Final = 20
# What is done when rows come or go, or holds a copy of them.
_ACTS: Final = frozenset({"trigger", "rule", "materialized view", "event"})


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
        self.not_made: list[convert.NotConverted] = []

    def _tell(self, event: events.Event) -> None:
        with self._telling:
            self._listener(event)

    # --- all of it ----------------------------------------------------------------------------

    def go(self) -> None:
        """Do what is left; raise what stopped it."""
        steps = list(self._steps())
        titles = {step.position: step.title for step in steps}
        for position, row in self._recorded.items():
            # What was dropped is not dropped again, and not in the plan of who goes on.
            if position > 0 and titles.get(position) != row.step:
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
        for phase in () if self._options.live else ("keys", "counters", "last"):
            for step in by_phase.get(phase, []):
                self._perform(self._target, step)

    def _steps(self) -> Iterator[_Step]:
        for position, (_, step) in enumerate(self._listed(), start=1 - len(self._plan.drops)):
            if isinstance(step, convert.Action):
                of = f" of {step.table}" if step.table not in ("", step.name) else ""
                title = f"{step.kind} {step.name}{of}"
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
        if row is not None and row.status == "done" and row.noted is not None:
            # The server refused it; whoever goes on may have seen to that.
            journal.Journal(session, self._clock).forget_step(self._run, step.position)
            session.commit()
            del self._recorded[step.position]
            row = None
        # A counter is set anew by whoever goes on: there may be more rows now.
        if row is not None and row.status == "done" and step.counting is None:
            return
        started = self._clock.seconds()
        notes = journal.Journal(session, self._clock)
        statements = list(self._statements(session, step))
        try:
            alone = any(one.alone for one in statements)
            if session.engine.can.transactional_ddl and not alone:
                dropping = step.action is not None and step.action.kind == "drop"
                # Nothing else refers to what goes, but its tables may to each other, in a circle.
                if dropping:
                    session.engine.begin_migration(session, rebuilds=True)
                session.begin()
                session.engine.before_ddl(session)
                self._send(session, statements)
                self._noted(notes, step)
                session.commit()
                if dropping:
                    session.engine.end_migration(session)
            else:
                self._by_itself(session, notes, step, statements, alone=alone)
        except sa.exc.SQLAlchemyError as error:
            if not session.gone:
                session.rollback()
                if step.position in self._recorded and self._there(session, step):
                    # What a killed attempt had sent was still under way.
                    self._noted(notes, step)
                    session.commit()
                    return
                if step.action is not None and step.action.optional:
                    self._leave_out(session, notes, step, error)
                    return
            raise errors.TransferFailed(
                f"the target refused a step: {step.title}",
                database=session.url,
                object=_beginning(statements[0].sql) if statements else None,
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
        self._recall(session, step)
        self._noted(notes, step, noted=json.dumps({"refused": why}))
        session.commit()
        if step.action is not None:
            self.not_made.append(convert.refused(step.action, why))
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
            if self._there(session, step):
                self._noted(notes, step)
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

    def _there(self, session: base.Session, step: _Step) -> bool:
        """Whether a step has happened, as the catalog says."""
        found = step.action is not None and step.action.present(session.engine.catalog(session))
        session.rollback()
        return found

    def _recall(self, session: base.Session, step: _Step) -> None:
        """Look what the journal says of a step now."""
        row = journal.Journal(session, self._clock).step(self._run, step.position)
        if row is not None:
            self._recorded[step.position] = row
        session.rollback()

    def _noted(self, notes: journal.Journal, step: _Step, *, noted: str | None = None) -> None:
        """Write that a step is done, or with `noted` why it was left."""
        if step.position in self._recorded:
            notes.finish_step(
                self._run, step.position, rows_changed=None, seconds=None, noted=noted
            )
        else:
            notes.write_steps([self._note(step, "done", noted=noted)])

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

    def _note(
        self, step: _Step, status: str, *, kind: str = "schema", noted: str | None = None
    ) -> journal.StepRow:
        return journal.StepRow(
            run=self._run,
            position=step.position,
            kind=kind,
            status=status,
            step=step.title,
            fingerprint=hashlib.sha256(step.title.encode()).hexdigest(),
            noted=noted,
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
        builders = building.Builders[_Step](
            self._open, self._options.jobs if several else 1, retries=self._options.retries
        )
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
        return lanes.prepared(self._open)

    def _copied(
        self,
        crew: lanes.Lanes,
        steps: Sequence[_Step],
        following: dict[str, list[_Step]],
        builders: building.Builders[_Step],
    ) -> None:
        held = [self._begun(step) for step in steps if step.flow is not None]
        self._refresh(held)
        numbering.number(self._side, [one.bound for one in held], self._open)
        works = [self._work(step, one) for step, one in zip(steps, held, strict=True)]
        self._see_rejects()
        room = max(0, self._options.max_rejects)
        working: dict[Future[copier.Done], _Work] = {}
        waiting: list[_Work] = []
        full = _Full(crew=crew, works=works, following=following, builders=builders)
        try:
            # Where foreign keys are there already, who is referred to comes first.
            for level in sorted({work.level for work in works}):
                for work in works:
                    if work.level == level:
                        submit = self._submitter(crew, work)
                        for task in work.tasks(room):
                            working[submit(task)] = work
                        if not work.left:
                            waiting.append(work)
                self._awaited(working, waiting, full)
        except BaseException:
            # Chunks that are under way are finished, and no others begun.
            crew.stop.set()
            self._side.drop()
            wait([future for future in working if not future.cancel()])
            raise

    def _submitter(
        self, crew: lanes.Lanes, work: _Work
    ) -> Callable[[copier.Task], Future[copier.Done]]:
        """Return who copies the chunks of a flow.

        Where others read moments of their own, what they have copied has to be compared.
        """
        if self._elsewhere is None:
            return crew.submit
        same = self._side.snapshot.token is not None
        return self._elsewhere if same or work.held.comparable else crew.submit

    def _awaited(
        self, working: dict[Future[copier.Done], _Work], waiting: list[_Work], full: _Full
    ) -> None:
        """Wait for all chunks that are under way, and see to tables as they are full.

        Where only one session can write, the main one keeps still while chunks are: it would wait
        for them, and they for it. The lock is kept fresh by itself there.
        """
        several = self._target.engine.can.parallel_writers
        while working or waiting:
            if working:
                done, _ = wait(working, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    work = working.pop(future)
                    self._came(work, future.result())
                    if not work.left:
                        waiting.append(work)
            if several or not working:
                self._breathe()
                while waiting:
                    self._ended(waiting.pop(0), full)

    def _breathe(self) -> None:
        """See that the run still holds its lock; nobody else uses the main session meanwhile."""
        self._lock.check()
        self._target.rollback()

    def _begun(self, step: _Step) -> moved.Held:
        """Return a flow bound to both databases, cut in chunks if that is new."""
        planned = step.flow
        if planned is None:
            raise errors.WhimbrelError(f"step {step.position} has no rows")
        target = cargo.target_of(self._target, planned.flow.target)
        self._target.rollback()
        # An earlier attempt may have chosen the types by other values than there are now.
        looked = not self._recorded
        bound = self._side.run(lambda seat: cargo.bind(seat, planned, target, looked=looked))
        known = self._ledger.read(step.position)
        if not known:
            ranges = self._side.run(
                lambda seat: cargo.chunks(seat, bound, rows=planned.rows, options=self._options)
            )
            self._ledger.write(step.position, [(one.lower, one.upper) for one in ranges])
            self._notes.write_steps([self._note(step, "started", kind="rows")])
            self._lock.check()
            self._target.commit()
        self._target.rollback()
        engine = self._side.run(lambda seat: seat.engine)
        table = planned.flow.table
        way = keys.Walkway(engine, table, bound.walked) if table else None
        return moved.Held(position=step.position, bound=bound, way=way)

    def _work(self, step: _Step, held: moved.Held) -> _Work:
        """Return what is left of a flow."""
        known = self._ledger.read(step.position)
        self._target.rollback()
        bound, flow = held.bound, held.bound.planned.flow
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
        filled.dropped = sum(row.rows_dropped for row in done)
        filled.size = sum(row.bytes for row in done)
        filled.chunks = len(known)
        self._tell(events.TableCutInChunks(table=flow.name, chunks=len(known), done=filled.before))
        open_ = [row for row in known if row.status != parts.State.DONE.value]
        return _Work(
            step=step, held=held, rows=open_, run=self._run, filled=filled,
            left=len(open_), since=self._clock.seconds(), target=flow.target,
            cleansed={row.part: tuple(changed.load(row.cleansed)) for row in done},
        )  # fmt: skip

    def _came(self, work: _Work, done: copier.Done) -> None:
        filled = work.filled
        work.left -= 1
        filled.rows += done.written
        filled.read += done.read
        filled.rejected += done.rejected
        filled.dropped += done.dropped
        filled.size += done.size
        work.cleansed[done.chunk] = done.cleansed
        self._tell(
            events.ChunkCopied(
                table=filled.name, chunk=done.chunk, rows=done.written, rejected=done.rejected,
                size=done.size, seconds=done.seconds,
            )
        )  # fmt: skip
        self._see_rejects()

    def _see_rejects(self) -> None:
        """See that no more rows were put aside than may be, by earlier attempts neither."""
        rejected = sum(one.rejected for one in self.filled.values())
        if rejected > max(0, self._options.max_rejects):
            raise errors.TransferFailed(
                f"{rejected:,} rows could not be written, and --max-rejects is "
                f"{self._options.max_rejects:,}",
                database=self._target.url,
                left="they are kept with their values and reasons; the rest is not copied yet",
                cause="see them:  whimbrel rejects list",
            )

    def _ended(self, work: _Work, full: _Full) -> None:
        """See to a table when all flows into it have ended."""
        works = [one for one in full.works if one.target == work.target]
        work.ended = True
        if not all(one.ended for one in works):
            return
        self._again_if_moved(works, full.crew)
        for one in works:
            self._noted_full(one)
        if self._target.engine.can.parallel_writers:
            full.builders.give(full.following.pop(work.target, []), self._build)

    def _noted_full(self, work: _Work) -> None:
        filled = work.filled
        filled.cleansed = changed.together(*(work.cleansed[at] for at in sorted(work.cleansed)))
        seconds = filled.seconds = self._clock.seconds() - work.since
        self._notes.finish_step(
            self._run, work.step.position, rows_changed=filled.rows, seconds=seconds
        )
        self._lock.check()
        self._target.commit()
        self._tell(
            events.TableCopied(
                table=filled.name, rows=filled.rows, rejected=filled.rejected, seconds=seconds
            )
        )

    def _build(self, session: base.Session, step: _Step) -> None:
        # It may be asked for again by a new session, when the one before was lost in a commit.
        self._recall(session, step)
        self._perform(session, step)

    # --- a source that was written to meanwhile -------------------------------------------------

    def _commit(self) -> None:
        self._lock.check()
        self._target.commit()

    @property
    def _moved(self) -> moved.Moved:
        return moved.Moved(self._side, self._target, self._ledger, self._commit)

    def _refresh(self, held: Sequence[moved.Held]) -> None:
        """Take back what earlier attempts have copied and is not so in the source any more.

        Before anything is copied: rows of now and of before could be one too many in a key.
        """
        by_target: dict[str, list[moved.Held]] = {}
        for one in held:
            by_target.setdefault(one.bound.target.name, []).append(one)
        for flows in by_target.values():
            wrong = self._moved.wrong(flows)
            if wrong:
                self._free_rows(flows[0].bound.target.name)
                self._clear(flows, wrong)

    def _clear(self, flows: Sequence[moved.Held], wrong: moved.Wrong) -> None:
        chunks_ = sum(len(rows) for rows in wrong.values())
        name = flows[0].bound.target.name
        session = self._prepared()
        try:
            self._moved.clear(flows, wrong, session, self._run)
        finally:
            session.close()
        noun = "1 chunk" if chunks_ == 1 else f"{chunks_:,} chunks"
        self._tell(
            events.Noticed(
                what=f"{noun} of {name!r} will be copied again: the source was written to since "
                "they were copied"
            )
        )

    def _free_rows(self, table: str) -> None:
        """Take back what would be in the way of deleting rows; it is made again at its turn."""
        steps = {step.position: step for step in self._steps()}
        for position in sorted(self._recorded, reverse=True):
            action = steps[position].action if position in steps else None
            if action is None:
                continue
            if action.kind in _ACTS and self._recorded[position].status == "done":
                raise errors.TransferHalfDone(
                    f"rows of {table}",
                    database=self._target.url,
                    why=f"the source was written to since they were copied, and {action.kind} "
                    f"{action.name} is in the target already, which copying again would set off",
                )
            if action.kind == "foreign key" and self._target.engine.can.transactional_ddl:
                if not action.repeatable:  # else it only looks
                    self._unbind(action)
                self._notes.forget_step(self._run, position)
                self._commit()
                del self._recorded[position]
        self._see_referrers(table)

    def _see_referrers(self, table: str) -> None:
        """See that rows can be deleted without others going along."""
        engine = self._target.engine
        if engine.loader(self._target).keys_rest:
            return
        catalog = engine.catalog(self._target)
        found = [catalog.table(name) for name in catalog.tables()]
        self._target.rollback()
        for one in found:
            for key in one.foreign_keys:
                if key.ref_table == table:
                    raise errors.TransferHalfDone(
                        f"rows of {table}",
                        database=self._target.url,
                        why="the source was written to since they were copied, and "
                        f"{key.name or 'a foreign key'} of {one.name}, which is not ours, refers "
                        "to them",
                    )

    def _unbind(self, action: convert.Action) -> None:
        """Drop a foreign key; it may be one that only has to be validated."""
        catalog = self._target.engine.catalog(self._target)
        table = catalog.find(action.table)
        names = {name.casefold() for name in action.names or (action.name,)}
        self._target.begin()
        for key in table.foreign_keys if table is not None else ():
            if table is not None and (key.name or "").casefold() in names:
                self._send(
                    self._target,
                    self._target.engine.ddl(catalog).remove_constraint(table, key),
                )

    def _again_if_moved(self, works: Sequence[_Work], crew: lanes.Lanes) -> None:
        """Copy once more what others have copied of another moment, and differs from ours."""
        held = [work.held for work in works]
        wrong = self._moved.wrong(held)
        if not wrong:
            return
        self._clear(held, wrong)
        room = max(0, self._options.max_rejects)
        for work in works:
            rows = wrong.get(work.step.position, [])
            for row in rows:
                work.filled.rows -= row.rows_written
                work.filled.read -= row.rows_read
                work.filled.rejected -= row.rows_rejected
                work.filled.dropped -= row.rows_dropped
                work.filled.size -= row.bytes
            work.left += len(rows)
            for future in [crew.submit(work.task(row, room)) for row in rows]:
                self._came(work, future.result())


def _beginning(sql: str) -> str:
    """Return a statement, or its first lines: the others are in the plan."""
    lines = sql.splitlines()
    if len(lines) <= _LINES:
        return sql
    return "\n".join([*lines[:_LINES], f"… and {len(lines) - _LINES:,} lines more"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Full:
    """What is done with tables that are full."""

    crew: lanes.Lanes
    works: Sequence[_Work]
    following: dict[str, list[_Step]]
    builders: building.Builders[_Step]


@dataclass(kw_only=True)
class _Work:
    """What is left of one flow."""

    step: _Step
    held: moved.Held
    rows: list[parts.PartRow]
    run: int
    filled: Filled
    left: int
    since: float
    target: str
    cleansed: dict[int, tuple[changed.Cleansed, ...]]
    ended: bool = False

    @property
    def level(self) -> int:
        """When it is its turn."""
        return self.held.bound.planned.level

    def tasks(self, room: int) -> Iterator[copier.Task]:
        for row in self.rows:
            yield self.task(row, room)

    def task(self, row: parts.PartRow, room: int) -> copier.Task:
        return self.held.bound.task(
            self.held.way,
            keys.Range(lower=row.lower, upper=row.upper),
            run=self.run,
            position=self.step.position,
            chunk=row.part,
            room=room,
        )
