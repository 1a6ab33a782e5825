"""The desk of a live change: each move is committed with its note, and waits for nobody long.

Verbs are carried out as in any migration that goes step by step; what mirrors do is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from whimbrel import events
from whimbrel.engines import base
from whimbrel.journal import journal
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.migrations import safely, stepwise
from whimbrel.online import patience


class LiveDesk(stepwise.StepDesk):
    """Carries out the moves of one live change."""

    def __init__(self, *args: Any, patience: patience.Patience, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patience = patience
        self.safe = True
        self._at_once = False

    def _sent(
        self, operation: ops.Operation, statement: base.Statement, params: desks.Params
    ) -> base.Result:
        """Send one statement; one that keeps others out gets its lock soon, or steps back."""

        def send() -> base.Result:
            return self.session.execute(statement.sql, params)

        ddl = operation.kind is ops.Kind.DDL and statement.must_be is None
        held = statement.lock.endswith("for a moment") if statement.alone else True
        if self._at_once or not (ddl and held and self.engine.can.lock_limits):
            if self._at_once or not statement.alone:
                return send()
            with self.session.outside_transaction():
                return send()
        seconds = self.patience.config.lock_seconds
        return self.patience.insist(
            lambda: safely.once(self.session, send, alone=statement.alone, seconds=seconds),
            operation.describe(),
            listening=False,
        )

    def act(self, words: str, do: Callable[[], None], *, proves: bool = False) -> None:
        """Do what is no verb, committed with its note; it may have been done before.

        What `proves` by itself that no row refers to nothing is not proved again: everybody waits.
        """
        self.position += 1
        row = self.recorded.get(self.position)
        if row is not None and row.status == "done":
            self._told(words, 0.0, skipped=True)
            return
        if row is None:
            self._rows.append(self._noted(words))
            self.flush()
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        started, position = self.clock.seconds(), self.position
        self.patience.insist(lambda: self._once(do, position, started, proves), words)
        self.finished += 1
        self.position = position
        self._told(words, self.clock.seconds() - started)

    def _once(self, do: Callable[[], None], position: int, started: float, proves: bool) -> None:
        """Make one attempt: everything in one transaction, where the engine can."""
        self.session.rollback()
        self.position = position
        self.engine.begin_migration(self.session, rebuilds=True)
        self._at_once = True
        try:
            self.engine.before_ddl(self.session)
            do()
            if not proves:
                self.engine.before_commit(self.session)
            seconds = self.clock.seconds() - started
            self.notes.finish_step(self.run, position, rows_changed=None, seconds=seconds)
            self.lock.check()
            self.session.commit()
        finally:
            self._at_once = False
            if not self.session.gone:
                self.session.rollback()
                self.engine.end_migration(self.session)

    def together(self, operations: Sequence[ops.Operation]) -> None:
        """Carry verbs out inside of the transaction that is open, keeping what they remove."""
        for operation in operations:
            self.position += 1
            if self.keeping is not None:
                self.keeping.see(operation)
                operation = self.keeping.schema(operation)
                self.keeping.list_schema(operation)
            self.send(operation, operation.statements(self.ddl))

    def _noted(self, words: str) -> journal.StepRow:
        return self._row(
            kind=ops.Kind.DDL,
            status="about to",
            words=words,
            content=words,
            noted=None,
            rows=None,
        )

    def _told(self, words: str, seconds: float, *, skipped: bool = False) -> None:
        self.tell(
            events.StepDone(
                migration=self.migration,
                position=self.position,
                step=words,
                rows=None,
                seconds=seconds,
                skipped=skipped,
            )
        )
