"""Carry a migration out inside one transaction: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import sqltext
from whimbrel.journal import journal
from whimbrel.migrations import desk as desks
from whimbrel.migrations import guests
from whimbrel.migrations import operations as ops

_TELL_EVERY = 100


class WholeDesk(desks.Desk):
    """Sends at once; the notes of all steps are written just before the commit."""

    def __init__(self, *args: Any, run: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run = run
        self.rows: list[journal.StepRow] = []
        self.models_written = 0
        self.models_read = 0
        self._shapes: dict[str, int] = {}

    def perform(self, operation: ops.Operation) -> object:
        self.end_models()
        self.position += 1
        words = operation.describe()
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        started_at, started = clocks.stamp(self.clock.now()), self.clock.seconds()
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
    ) -> None:
        self.rows.append(
            journal.StepRow(
                run=self.run,
                position=self.position,
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
