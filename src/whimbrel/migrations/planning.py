"""Make a plan: run a migration's own code against a desk that records instead of changing.

Queries see the real database, through a session that the engine itself keeps from writing.
Where what follows depends on a change that was not made, the plan ends with that sentence
instead of guessing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, Final, NoReturn

import sqlalchemy as sa

from whimbrel import errors, words
from whimbrel.engines import base, sqltext
from whimbrel.journal import journal
from whimbrel.migrations import along, failures, guests, keeping, kept_size, safely, sizes, touching
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.migrations.checks import watch as watching
from whimbrel.migrations.operations import reversal
from whimbrel.rows import keys, loop, work

# A loop that asks the same question so often waits for changes that a plan does not make.
SAME_QUESTIONS: Final = 200
# Model statements are folded; a plan need not walk through a million of them.
MODEL_STATEMENTS: Final = 5_000
# Of a loop over batches a plan sees the first rows.
_FIRST_ROWS: Final = 100


class Undecided(BaseException):
    """What follows is decided while running; not an Exception, so no migration catches it."""


def _undecided(*_: object, **__: object) -> NoReturn:
    raise Undecided("the number of rows that a change touches decides what follows")


class UnknownCount(int):
    """How many rows a change will touch: printable, but nothing may be decided on it."""

    def __new__(cls) -> UnknownCount:
        return super().__new__(cls, 0)

    def __repr__(self) -> str:
        return "?"

    def __str__(self) -> str:
        return "?"

    def __format__(self, spec: str) -> str:
        return "?"

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _undecided
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _undecided
    __floordiv__ = __truediv__ = __mod__ = __index__ = __int__ = _undecided
    __hash__ = int.__hash__


def _with(reached: along.Reach, keeps: plans.Keeps | None) -> str:
    if not reached.tables:
        return ""
    if keeps and reached.because:
        return f"refused if rows of {reached.words} go along: {reached.because}"
    return f"with rows of {reached.words}, which are {'kept, too' if keeps else 'not kept'}"


class UnknownRows(list[tuple[object, ...]]):
    """The rows that a change will return: nothing may be read from them."""

    def _unknown(self, *_: object) -> NoReturn:
        raise Undecided("the rows that a change returns decide what follows")

    __iter__ = __len__ = __bool__ = __getitem__ = __contains__ = __eq__ = _unknown


class PlanDesk(desks.Desk):
    """Records operations, follows them on a planned catalog, sends queries only."""

    def __init__(
        self,
        *args: Any,
        catalog: base.Planned,
        recorded: Sequence[journal.StepRow] = (),
        notes: journal.Journal | None = None,
        path: str = "",
        whole: bool = True,
        by_change: bool = False,
        watch: watching.Watch | None = None,
        safe: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, catalog=catalog, **kwargs)
        self.planned = catalog
        self.steps: list[plans.PlannedStep] = []
        self.statements: list[base.Statement] = []
        self.changed = False
        self.uncertain = ""
        self.whole = whole
        self._by_change = by_change
        self.watch = watch
        self.safe = safe
        self._open_savepoints = 0
        # A table whose users need not wait, because of which steps commit one by one: its name.
        self.beside = ""
        self._recorded = {row.position: row for row in recorded}
        self._notes = notes
        self._path = path
        self._asked: dict[str, int] = {}
        self._folds: dict[tuple[str, str], int] = {}
        self._model_statements = 0
        self._sizes = sizes.Sizes(self.session, self.setting.config)
        # A table that is too large for one transaction: its name.
        self.large = ""
        self._short_lived: errors.RefusedError | None = None
        # What decides what is kept, on the way up.
        self.keeper: keeping.Keeper | None = None

    # --- verbs --------------------------------------------------------------------------------

    def perform(self, operation: ops.Operation) -> object:
        self.position += 1
        if self.keeper is not None:
            self.keeper.see(operation)
        row = self._recorded.get(self.position)
        if row is not None and self._is_done(row, operation):
            self._add(operation, (), done=True)
            failures.again(row, self.session)
            return desks.recorded_answer(operation, row, self._notes)
        if operation.kind is ops.Kind.QUERY:
            return self._query(operation)
        if isinstance(operation, ops.RowsOperation):
            self._plan_rows(operation)
            return UnknownCount()
        if isinstance(operation, ops.Accept):
            self._accept(operation)
            return None
        self._sizes.follow(operation)
        try:
            desks.refuse_short_lived(operation, self.engine)
        except errors.RefusedError as error:
            if not self.whole:
                raise
            self._short_lived = error
        operation = self._safely(operation, fresh=row is None)
        statements = operation.statements(self.ddl)
        if self.whole and not self.beside and any(statement.alone for statement in statements):
            raise errors.UsageError(
                f"{operation.describe()} cannot run inside a transaction",
                remedy="put it in a migration of its own with:  transactional = False",
            )
        self._see(operation, statements)
        self._add(operation, statements)
        self.statements.extend(statements)
        if isinstance(operation, ops.Execute):
            self._follow_raw(operation, statements)
            return self._unknown_answer(operation)
        self.changed = True
        operation.forward(self.planned, self.ddl)
        self.planned.apply(statements)
        return None

    def _safely(self, operation: ops.Operation, *, fresh: bool) -> ops.Operation:
        """Plan a step so that others can go on with its table, where it will be done so."""
        watch = self.watch
        if not self.safe or watch is None or self._open_savepoints or self._short_lived:
            return operation
        made = safely.rewritten(operation, self.ddl, large=watch.large, fresh=fresh)
        if made is not operation:
            self.beside = self.beside or made.table  # type: ignore[attr-defined]
        return made

    def _see(self, operation: ops.Operation, statements: Sequence[base.Statement] = ()) -> None:
        """Let the checks look at a step, before its effect is planned."""
        if self.watch is not None:
            where = self._line()
            self.watch.see(operation, statements, self.ddl, position=self.position, where=where)

    def _accept(self, operation: ops.Accept) -> None:
        if self.watch is not None:
            self.watch.accepted[operation.check] = operation.reason
        self._add(operation, ())

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        self._open_savepoints += 1
        yield
        self._open_savepoints -= 1

    def go_by_steps(self) -> None:
        """Plan it step by step after all; raise RefusedError for what does not outlive a step."""
        self.whole = False
        if self._short_lived is not None:
            raise self._short_lived

    # --- batches ------------------------------------------------------------------------------

    def _plan_rows(self, operation: ops.RowsOperation) -> work.Work:
        made = self.task(operation)
        rows = self._sizes.of(made)
        if self._sizes.is_large(rows):
            self.large = self.large or operation.walked
            if not made.way.key.columns:
                raise errors.NoKey(operation.walked, engine=self.engine.title)
        self._see(operation)
        self._sizes.follow(operation, rows)
        keeps = self._keeps(operation, made, rows)
        if isinstance(operation, ops.Returning) and not self._recorded:
            self._refuse_conflicts(operation)
        self.changed = self.changed or not isinstance(operation, ops.Batches)
        because = "" if keeps else self._irreversible(operation)
        reached = self._reached(operation)
        if because and reached.because:
            because = f"it takes rows of {reached.words} along: {reached.because}"
        self.steps.append(
            plans.PlannedStep(
                position=self.position,
                kind=operation.kind.value,
                words=operation.describe(),
                statements=operation.preview(made),
                lock="",
                reversible=not because,
                irreversible_because=because,
                where=self._line(),
                note="; ".join(
                    filter(None, (self._how(made, rows, operation), _with(reached, keeps)))
                ),
                rows=rows,
                keeps=keeps,
                tables=(*touching.of_rows(operation), *reached.tables),
            )
        )
        return made

    def _keeps(
        self, operation: ops.RowsOperation, made: work.Work, rows: int | None
    ) -> plans.Keeps | None:
        """Return what a step will keep, and about how much that is."""
        if self.keeper is None:
            return None
        time = self.keeper.time(operation, self.planned, self.engine)
        if not time.on:
            return None
        store = keeping.store_of_rows(operation, made, "")
        size = kept_size.of_rows(self.session, store, made.where, rows, time=time.words)
        others = self._reached(operation).kept
        return kept_size.with_others(self.session, size, store, made.where, others)

    def _reached(self, operation: ops.RowsOperation) -> along.Reach:
        """Return what a deletion takes along in other tables."""
        if not isinstance(operation, ops.DeleteRows) or not self.planned.find(operation.table):
            return along.Reach()
        return along.reach(operation.table, self.planned, self.engine)

    def _refuse_conflicts(self, operation: ops.Returning) -> None:
        """Refuse what somebody changed since, as far as the tables are there under their names."""
        try:
            operation.refuse_conflicts(self.session)
        except sa.exc.DBAPIError:
            self.session.rollback()  # it comes back under this name by a step before

    def _how(self, made: work.Work, rows: int | None, operation: ops.RowsOperation) -> str:
        if rows is None:
            return "how many rows is seen while running"
        if not self._sizes.is_large(rows):
            return f"{words.count(rows, 'row')}"
        step = self.step(operation, made, run=0)
        by = f", {step.workers} workers" if step.workers > 1 else ""
        return f"about {words.count(rows, 'row')}, in batches by {made.way.key}{by}"

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        """Plan a loop by its first batch, read from the real table."""
        self.position += 1
        row = self._recorded.get(self.position)
        if row is not None and self._is_done(row, operation):
            self._add(operation, (), done=True)
            return
        made = self._plan_rows(operation)
        try:
            keys_, rows, _, _ = made.take(self.session, keys.Range(), _FIRST_ROWS)  # type: ignore[attr-defined]
        except sa.exc.DBAPIError:
            self.session.rollback()
            raise Undecided(f"what the loop over {operation.walked} finds") from None
        if rows:
            # What a loop does with its batches is not noted step by step, nor found as done.
            recorded, self._recorded = self._recorded, {}
            position, before = self.position, len(self.steps)
            yield loop.Batch(rows=rows, keys=[k[0] if len(k) == 1 else k for k in keys_])
            self._recorded = recorded
            # How often is seen while running: of the table only the first rows were handed out.
            self.steps[before:] = [
                dataclasses.replace(step, times=0, note="in each batch")
                for step in self.steps[before:]
            ]
            if not self.whole:
                self.position = position

    def _follow_raw(self, operation: ops.Execute, statements: Sequence[base.Statement]) -> None:
        if operation.kind is ops.Kind.SESSION:
            return
        self.changed = True
        if operation.kind is ops.Kind.DDL:
            try:
                self.planned.apply(statements)
            except sa.exc.DBAPIError as error:
                raise Undecided(f"the effect of {operation.describe()!r}: {error.orig}") from None
            if not self.planned.exact:
                self.uncertain = f"the SQL {operation.describe()[:60]!r} changes the schema"

    def _unknown_answer(self, operation: ops.Execute) -> object:
        words = {t.text.upper() for t in sqltext.significant(operation.sent, self.engine.dialect)}
        return UnknownRows() if "RETURNING" in words else UnknownCount()

    def _query(self, operation: ops.Operation) -> object:
        question = operation.content()
        self._asked[question] = self._asked.get(question, 0) + 1
        if self.changed and self._asked[question] > SAME_QUESTIONS:
            raise Undecided(
                f"a loop asks the same again until the data changes: {operation.describe()}"
            )
        self._see(operation)
        self._add(operation, operation.statements(self.ddl))
        try:
            result = self.send(operation, operation.statements(self.ddl))
        except sa.exc.DBAPIError as error:
            self.session.rollback()
            if self.engine.would_write(error):
                # A function that writes, or FOR UPDATE: what it answers is known while running.
                self.changed = True
                return UnknownRows()
            if self.changed or self.uncertain:
                cause = self.engine.cause(error)
                raise Undecided(f"{operation.describe()} ({cause})") from None
            raise
        return desks.answer(operation, result)

    # --- resuming -----------------------------------------------------------------------------

    def _is_done(self, row: journal.StepRow, operation: ops.Operation) -> bool:
        if row.fingerprint != ops.fingerprint(operation.content()):
            raise errors.StepChanged(
                self.migration, position=self.position, was=row.step, now=operation.describe()
            )
        if row.status == "done":
            return True
        if isinstance(operation, ops.RowsOperation):
            return False
        before = json.loads(row.noted or "{}").get("before", {})
        return bool(operation.happened(self.planned, before))

    # --- models -------------------------------------------------------------------------------

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        sort = sqltext.kind(sql, self.engine.dialect)
        if sort in {sqltext.Kind.TRANSACTION, sqltext.Kind.SESSION}:
            return guests.Answer(columns=None, rows=(), changed=0, last_id=None)
        self.position += 1
        row = self._recorded.get(self.position)
        if row is not None:
            self._add_model(sql, done=True)
            failures.again(row, self.session)
            return guests.answer_from_json(desks.recorded_text(row, self._notes) or "")
        self._add_model(sql)
        if self.watch is not None:
            self.watch.models(sql)
        if sort is sqltext.Kind.QUERY:
            return self._ask_model(sql, params, send)
        self.changed = True
        self._model_statements += 1
        if self._model_statements > MODEL_STATEMENTS:
            raise Undecided(f"how many rows beyond {MODEL_STATEMENTS:,} are written through models")
        return guests.planned_answer(sql, params)

    def _ask_model(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        question = f"{sql} {ops.canonical(params)}"
        self._asked[question] = self._asked.get(question, 0) + 1
        if self.changed and self._asked[question] > SAME_QUESTIONS:
            raise Undecided("a loop asks models the same again until the data changes")
        try:
            return send()
        except Exception as error:
            self.session.rollback()
            if self.changed:
                raise Undecided(f"what models read ({self.engine.cause(error)})") from None
            raise

    # --- steps --------------------------------------------------------------------------------

    def _add(
        self, operation: ops.Operation, statements: Sequence[base.Statement], *, done: bool = False
    ) -> None:
        where = self._line()
        if isinstance(operation, ops.Execute):
            shape = sqltext.shape(operation.sent, self.engine.dialect)
            if self._fold(where, shape):
                return
        because = ""
        nothing = operation.kind is ops.Kind.QUERY or isinstance(operation, ops.Accept)
        keeps = None if done else self._keeps_of_schema(operation)
        if not nothing and not done and keeps is None:
            because = self._irreversible(operation)
        touch = self._touch(operation) if not done else touching.Touch()
        self.steps.append(
            plans.PlannedStep(
                position=self.position,
                kind=operation.kind.value,
                words=operation.describe(),
                statements=tuple(statement.sql for statement in statements),
                lock="; ".join(dict.fromkeys(s.lock for s in statements if s.lock)),
                reversible=not because,
                irreversible_because=because,
                where=where,
                done=done,
                note="; ".join(operation.notes) if isinstance(operation, ops.Execute) else "",
                keeps=keeps,
                tables=touch.tables,
                waits=touch.waits,
                work=touch.work.words,
            )
        )

    def _keeps_of_schema(self, operation: ops.Operation) -> plans.Keeps | None:
        """Return what a change of the schema will keep of what it removes."""
        kinds = ops.RemoveColumn | ops.DropTable | ops.ChangeColumn
        if self.keeper is None or not isinstance(operation, kinds):
            return None
        time = self.keeper.time(operation, self.planned, self.engine)
        if not time.on:
            return None
        table = self.planned.table(operation.table)
        store = keeping.store_of_schema(operation, table, self, "")
        if isinstance(operation, ops.ChangeColumn):
            return kept_size.of_change(self.session, self.ddl, store, time=time.words)
        rows = self._sizes.of_table(operation.table)
        if not store.columns:
            return plans.Keeps(rows=rows, bytes=0, time=time.words)  # it gets another name
        return kept_size.of_rows(self.session, store, None, rows, time=time.words)

    def _touch(self, operation: ops.Operation) -> touching.Touch:
        """Return which tables a step touches, and who waits for it."""
        if operation.kind in {ops.Kind.QUERY, ops.Kind.SESSION}:
            return touching.Touch()
        watch = self.watch
        seen = [] if watch is None else [s for s in watch.sightings if s.position == self.position]
        costs = watch.tolls if watch is not None else None
        return touching.touch(operation, seen, costs, dialect=self.engine.dialect)

    def _add_model(self, sql: str, *, done: bool = False) -> None:
        shape = sqltext.shape(sql, self.engine.dialect)
        where = self._line()
        if self._fold(where, shape):
            return
        writes = sqltext.kind(sql, self.engine.dialect) is not sqltext.Kind.QUERY
        self.steps.append(
            plans.PlannedStep(
                position=self.position,
                kind=ops.Kind.MODEL.value,
                words=f"through models: {shape}",
                statements=(sql,),
                lock="",
                reversible=not writes,
                where=where,
                done=done,
                note="decided while running" if writes else "",
            )
        )

    def add_elsewhere(self, changes: Mapping[str, int]) -> None:
        """Add what models change in other databases, which this run cannot take back."""
        for table, times in changes.items():
            self.position += 1
            self.steps.append(
                plans.PlannedStep(
                    position=self.position,
                    kind=ops.Kind.MODEL.value,
                    words=f"through models, in another database: {table}",
                    statements=(),
                    lock="",
                    reversible=False,
                    irreversible_because="another database commits by itself",
                    times=times,
                    note="decided while running",
                )
            )

    def _fold(self, where: str, shape: str) -> bool:
        """Count a statement to the step that came from the same line, if there is one."""
        key = (where, shape)
        at = self._folds.get(key)
        if at is None:
            self._folds[key] = len(self.steps)
            return False
        step = self.steps[at]
        values_ = {name: getattr(step, name) for name in step.__slots__}
        self.steps[at] = plans.PlannedStep(**{**values_, "times": step.times + 1})
        return True

    def _irreversible(self, operation: ops.Operation) -> str:
        if isinstance(operation, ops.Execute) and operation.backwards:
            return ""
        try:
            # change() is reversed from its text alone, a half-done run with what was noted.
            before = None if self._by_change else operation.before(self.planned)
            reversal.reverse(operation, before)
        except errors.Irreversible as error:
            return error.what.rsplit(": ", 1)[-1]
        except errors.RefusedError:
            return ""  # what cannot be found is refused by its statements, with a better word
        return ""

    def _line(self) -> str:
        """Return file:line of the migration's own code that asks."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == self._path:
                return f"{self._path}:{frame.f_lineno}"
            frame = frame.f_back
        return ""


class RecordDesk(PlanDesk):
    """Records the operations of change(), so that they can be reversed on the desk `outer`."""

    recording = True

    def __init__(self, *args: Any, outer: desks.Desk, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outer = outer
        self.operations: list[ops.Operation] = []

    def perform(self, operation: ops.Operation) -> object:
        if isinstance(operation, ops.LookUp):
            # What it is made of changes on the way back: the run has to keep the answer.
            return self.outer.perform(operation)
        if operation.kind is ops.Kind.QUERY:
            return self._query(operation)
        self.operations.append(operation)
        self.changed = True
        raw = isinstance(operation, ops.Execute | ops.RowsOperation)
        return UnknownCount() if raw else None

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        raise errors.Irreversible(
            operation.describe(),
            why="what a loop does with its batches has no way back",
            remedy="write up() and down() instead of change()",
        )

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        if sqltext.kind(sql, self.engine.dialect) is sqltext.Kind.QUERY:
            return self._ask_model(sql, params, send)
        raise errors.Irreversible(
            "writing through models",
            why="nothing says what would take it back",
            remedy="write up() and down() instead of change()",
        )
