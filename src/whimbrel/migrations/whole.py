"""Carry a migration out inside one transaction: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import sqltext
from whimbrel.journal import journal, parts
from whimbrel.migrations import batched, guests
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.rows import loop, walker, work

_TELL_EVERY = 100


class WholeDesk(desks.Desk):
    """Sends at once; the notes of all steps are written just before the commit."""

    def __init__(self, *args: Any, run: int, large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run = run
        self._large = large  # a person said that one transaction may hold any table
        self._loop: batched.HandedOut | None = None
        self.rows: list[journal.StepRow] = []
        self.models_written = 0
        self.models_read = 0
        self._shapes: dict[str, int] = {}

    def perform(self, operation: ops.Operation) -> object:
        self._close_left_loop()
        try:
            return self._perform(operation)
        except BaseException:
            if self._loop is not None:
                self._loop.failed = True
            raise

    def _perform(self, operation: ops.Operation) -> object:
        self.end_models()
        self.position += 1
        if self.keeping is not None:
            self.keeping.see(operation)
        if isinstance(operation, ops.RowsOperation):
            return self._in_batches(operation)
        words = operation.describe()
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        started_at, started = clocks.stamp(self.clock.now()), self.clock.seconds()
        if self.keeping is not None:
            operation = self.keeping.schema(operation)
        statements = operation.statements(self.ddl)
        for statement in statements:
            if statement.alone:
                raise errors.UsageError(
                    f"{words} cannot run inside a transaction",
                    object=statement.sql,
                    remedy="put it in a migration of its own with:  transactional = False",
                )
        operation.precheck(self.session, self.ddl)
        if operation.kind is ops.Kind.DDL:
            self.engine.before_ddl(self.session)
        if self.keeping is not None:
            self.keeping.list_schema(operation)
        result = self.send(operation, statements)
        seconds = self.clock.seconds() - started
        rows = desks.changed(operation, result)
        self._note(operation.kind, words, operation.content(), rows, started_at, seconds)
        self.tell(
            events.StepDone(
                migration=self.migration,
                position=self.position,
                step=words,
                rows=rows,
                seconds=seconds,
            )
        )
        return desks.answer(operation, result)

    # --- batches ------------------------------------------------------------------------------

    def _in_batches(self, operation: ops.RowsOperation) -> int:
        words = operation.describe()
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        started_at, started = clocks.stamp(self.clock.now()), self.clock.seconds()
        made = self._small(operation)
        if self.keeping is not None:
            made = self.keeping.rows(operation, made, fresh=True)
            self.keeping.make(operation, made)
        totals = self.step(operation, made, run=self.run).inside(self.session)
        self.engine.after_models(self.session, operation.explicit_keys(self.catalog))
        self.notice(operation)
        self._finish(operation, self.position, totals.written, started_at, started)
        return totals.written

    def _small(self, operation: ops.RowsOperation) -> work.Work:
        made = self.task(operation)
        batched.refuse_uncuttable(made, self.session, self.setting.config)
        if not self._large and batched.is_large(made, self.session, self.setting.config):
            raise batched.TooLarge(operation.walked)
        return made

    def _finish(
        self,
        operation: ops.Operation,
        position: int,
        rows: int | None,
        started_at: str,
        started: float,
    ) -> None:
        seconds = self.clock.seconds() - started
        words, content = operation.describe(), operation.content()
        self._note(operation.kind, words, content, rows, started_at, seconds, position=position)
        self.tell(
            events.StepDone(
                migration=self.migration,
                position=position,
                step=words,
                rows=rows,
                seconds=seconds,
            )
        )

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        self._close_left_loop()
        self.end_models()
        self.position += 1
        words = operation.describe()
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        started_at, started = clocks.stamp(self.clock.now()), self.clock.seconds()
        made = self._small(operation)
        step, position = self.step(operation, made, run=self.run), self.position
        rows = [
            parts.PartRow(
                run=self.run, position=self.position, part=number, owner="",
                status=parts.State.PENDING.value, lower=range_.lower, upper=range_.upper,
                reached=range_.lower,
            )
            for number, range_ in enumerate(step.ranges(self.session), start=1)
        ]  # fmt: skip
        step.tell_start(self.session, [], workers=1)
        found = batched.loops(
            made,
            rows,
            walker.Inside(self.session, parts.Parts(self.session, self.run, self.clock)),
            step.course(None),
            self.setting.config,
        )
        self._loop = batched.HandedOut(
            found,
            lambda: self._finish(
                operation,
                position,
                sum(one.part.rows_written for one in found),
                started_at,
                started,
            ),
        )
        yield from self._loop
        self._loop = None

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        self._close_left_loop()
        self.end_models()
        noted, failed = len(self.rows), self._loop is not None and self._loop.failed
        nested = self.session.connection.begin_nested()
        try:
            yield
        except BaseException:
            if nested.is_active and not self.session.gone:
                nested.rollback()
            del self.rows[noted:]
            self._shapes.clear()
            if self._loop is not None:
                self._loop.failed = failed
            raise
        self.end_models()
        nested.commit()

    def _close_left_loop(self) -> None:
        if self._loop is not None and self._loop.left:
            left, self._loop = self._loop, None
            left.close()

    def end(self) -> None:
        """Note what waits to be noted."""
        self._close_left_loop()
        self.end_models()

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        got = send()
        if sqltext.kind(sql, self.engine.dialect) is sqltext.Kind.QUERY:
            self.models_read += len(got.rows)
        elif got.changed > 0:
            self.models_written += got.changed
            shape = sqltext.shape(sql, self.engine.dialect)
            self._shapes[shape] = self._shapes.get(shape, 0) + got.changed
            if self.models_written % _TELL_EVERY == 0:
                self._tell_models()
        return got

    def end_models(self) -> None:
        """Note what models wrote since the last step, as one step for each kind of statement."""
        shapes, self._shapes = self._shapes, {}
        for shape, rows in shapes.items():
            self.position += 1
            now = clocks.stamp(self.clock.now())
            self._note(ops.Kind.MODEL, f"through models: {shape}", shape, rows, now, None)
        if shapes:
            self._tell_models()

    def _tell_models(self) -> None:
        self.tell(
            events.ModelRows(
                migration=self.migration, written=self.models_written, read=self.models_read
            )
        )

    def _note(
        self,
        kind: ops.Kind,
        words: str,
        content: str,
        rows: int | None,
        started_at: str,
        seconds: float | None,
        *,
        position: int | None = None,
    ) -> None:
        self.rows.append(
            journal.StepRow(
                run=self.run,
                position=position or self.position,
                kind=kind.value,
                status="done",
                step=words,
                fingerprint=ops.fingerprint(content),
                noted=None,
                rows_changed=rows,
                started_at=started_at,
                seconds=seconds,
            )
        )
