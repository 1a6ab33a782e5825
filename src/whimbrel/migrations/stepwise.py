"""Carry a migration out step by step, each committed together with its note.

A run that is killed is started again from the top: steps that the journal calls done are not
sent again but answered from it; a step that was "about to" happen is decided by asking the
catalog. So the user's Python runs again, and its effects do not.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, sqltext
from whimbrel.journal import journal, values
from whimbrel.migrations import desk as desks
from whimbrel.migrations import guests
from whimbrel.migrations import operations as ops

# Statements of models are committed in groups: one commit each would cost most of the time.
MODEL_STATEMENTS_PER_COMMIT: Final = 500
# An answer up to this many characters is kept beside its step, a longer one in pieces.
_SHORT_ANSWER: Final = 4_000

_ABOUT_TO, _DONE = "about to", "done"


class StepDesk(desks.Desk):
    """Sends what the journal does not know as done, and commits each step with its note."""

    def __init__(
        self,
        *args: Any,
        run: int,
        notes: journal.Journal,
        lock: base.RunLock,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.run = run
        self.notes = notes
        self.lock = lock
        self.recorded = {row.position: row for row in notes.steps(run)}
        self.models_written = 0
        self.models_read = 0
        self._rows: list[journal.StepRow] = []
        self._results: dict[int, str] = {}
        # Steps known to be committed, for when there is no session left to ask.
        self.finished = sum(row.status == _DONE for row in self.recorded.values())
        self._in_doubt: set[int] = set()  # "about to" in the journal
        self._without_transactions: frozenset[str] | None = None

    # --- verbs --------------------------------------------------------------------------------

    def perform(self, operation: ops.Operation) -> object:
        if self.guests is not None and self.guests.open_savepoints:
            raise errors.ModelTransactionOpen(
                "a step commits by itself, and a model's transaction is open around it",
                remedy="end the model's transaction before the next verb of the migration",
            )
        self.position += 1
        words = operation.describe()
        row = self.recorded.get(self.position)
        desks.refuse_short_lived(operation, self.engine)
        if row is not None:
            self._recognise(row, words, operation.content())
            if row.status == _DONE or self._decide(row, operation):
                return self._replay(row, operation)
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        started = self.clock.seconds()
        try:
            result = self._send_by_kind(operation)
        except Exception as error:
            # Should the migration catch it and go on, a resumed run has to see it again.
            self._note_failure(operation.kind, words, operation.content(), error)
            raise
        rows = desks.changed(operation, result)
        self.tell(
            events.StepDone(
                migration=self.migration,
                position=self.position,
                step=words,
                rows=rows,
                seconds=self.clock.seconds() - started,
            )
        )
        return desks.answer(operation, result)

    def _send_by_kind(self, operation: ops.Operation) -> base.Result:
        if operation.kind in {ops.Kind.SESSION, ops.Kind.QUERY}:
            with self._kept_open():
                result = self.send(operation, operation.statements(self.ddl))
            kept = result if operation.kind is ops.Kind.QUERY else None
            self._note(operation, _DONE, answer=kept, sent=result)
            return result
        if operation.kind is ops.Kind.DATA and not (
            self._may_commit(operation)
            or any(statement.alone for statement in operation.statements(self.ddl))
        ):
            return self._change_rows(operation)
        self._without_transactions = None
        return self._change_schema(operation)

    @contextmanager
    def _kept_open(self) -> Iterator[None]:
        """Let a statement fail without ending the transaction of what waits to be committed."""
        if not self.engine.can.failure_ends_transaction:
            yield
            return
        with self.session.connection.begin_nested():
            yield

    def _may_commit(self, operation: ops.Operation) -> bool:
        """Whether a change may outlive a rollback, so that its note cannot go with it."""
        if not isinstance(operation, ops.Execute):
            return False
        if operation.may_commit_unseen or operation.kind is not ops.Kind.DATA:
            return operation.may_commit_unseen
        if self._without_transactions is None:
            self._without_transactions = self.engine.without_transactions(self.session)
        if not self._without_transactions:
            return False
        tokens = sqltext.significant(operation.sent, self.engine.dialect)
        names = {token.text.strip('`"').casefold() for token in tokens}
        return not names.isdisjoint(self._without_transactions)

    def _change_rows(self, operation: ops.Operation) -> base.Result:
        """Rows and note in one commit."""
        # What models wrote before is committed first: if this fails, it alone is taken back.
        self.flush()
        self.session.begin()
        try:
            result = self.send(operation, operation.statements(self.ddl))
        except Exception:
            if not self.session.connection.invalidated:
                self.session.rollback()
            raise
        self._note(
            operation, _DONE, answer=result, rows=desks.changed(operation, result), sent=result
        )
        self.flush()
        return result

    def _change_schema(self, operation: ops.Operation) -> base.Result:
        statements = operation.statements(self.ddl)
        operation.precheck(self.session, self.ddl)
        alone = any(statement.alone for statement in statements)
        if self.engine.can.transactional_ddl and not alone and not self._may_commit(operation):
            return self._change_schema_in_transaction(operation, statements)
        before = operation.before(self.catalog)
        self._note(operation, _ABOUT_TO, before=before)
        self.flush()
        self._in_doubt.add(self.position)
        started = self.clock.seconds()
        try:
            result = self.send(operation, statements)
        except Exception:
            # The server said no, so it did not happen. A lost session cannot say so: then the
            # note stays and the catalog is asked when the run is resumed.
            self._forget_if_alive(operation, before)
            raise
        self._in_doubt.discard(self.position)
        self.notes.finish_step(
            self.run,
            self.position,
            rows_changed=desks.changed(operation, result),
            seconds=self.clock.seconds() - started,
        )
        self.session.commit()
        self.finished += 1
        return result

    def _change_schema_in_transaction(
        self, operation: ops.Operation, statements: Sequence[base.Statement]
    ) -> base.Result:
        """Schema and note in one commit."""
        before = operation.before(self.catalog)
        self.flush()
        self.engine.begin_migration(self.session, rebuilds=self.engine.rebuilds(statements))
        try:
            self.engine.before_ddl(self.session)
            result = self.send(operation, statements)
            self.engine.before_commit(self.session)
            self._note(operation, _DONE, before=before)
            self.flush()
        finally:
            if not self.session.connection.invalidated:
                self.session.rollback()  # nothing is open any more, unless it failed
                self.engine.end_migration(self.session)
        return result

    def _forget_if_alive(self, operation: ops.Operation, before: dict[str, object]) -> None:
        if self.session.gone or self._may_commit(operation):
            return
        self.session.rollback()
        self.clear_away(operation)
        if isinstance(operation, ops.Execute) and operation.partly(self.catalog, before):
            return  # a part of it may have happened: a person has to look
        self.notes.forget_step(self.run, self.position)
        self._in_doubt.discard(self.position)
        self.session.commit()

    @property
    def in_doubt(self) -> bool:
        """Whether the current step may have happened, wholly or in part."""
        return self.position in self._in_doubt

    def clear_away(self, operation: ops.Operation) -> None:
        """Remove what a failed attempt left, such as an index that is not valid."""
        leftovers = operation.leftovers(self.ddl)
        self.session.rollback()
        if leftovers:
            with contextlib.suppress(sa.exc.DBAPIError):  # the first error is what counts
                self.send(operation, leftovers)

    # --- resuming -----------------------------------------------------------------------------

    def _recognise(self, row: journal.StepRow, words: str, content: str) -> None:
        if row.fingerprint != ops.fingerprint(content):
            raise errors.StepChanged(
                self.migration,
                position=self.position,
                was=row.step,
                now=words,
                taking_back=isinstance(self, CollectDesk),
            )

    def _decide(self, row: journal.StepRow, operation: ops.Operation) -> bool:
        """Ask the catalog whether a step that was about to happen did; write the answer down."""
        before = json.loads(row.noted or "{}").get("before", {})
        happened = operation.happened(self.catalog, before)
        if happened is None:
            raise errors.StepUnclear(
                self.migration,
                position=self.position,
                step=row.step,
                why="the statement may have committed inside the server, and the catalog "
                "does not show it",
            )
        if happened:
            self.notes.finish_step(self.run, self.position, rows_changed=None, seconds=None)
        else:
            self.notes.forget_step(self.run, self.position)
            del self.recorded[self.position]
        self.session.commit()
        return happened

    def _replay(self, row: journal.StepRow, operation: ops.Operation) -> object:
        self._raise_recorded_failure(row)
        facts = json.loads(row.noted or "{}").get("session")
        if operation.kind is ops.Kind.SESSION:
            # A setting died with the killed session, so it is made again.
            self.send(operation, operation.statements(self.ddl))
        if facts is not None:
            known = cast("dict[str, object]", values.load(facts))
            self.engine.restore_session_facts(self.session, known)
        self.tell(
            events.StepDone(
                migration=self.migration,
                position=self.position,
                step=row.step,
                rows=row.rows_changed,
                seconds=0.0,
                skipped=True,
            )
        )
        return desks.recorded_answer(operation, row, self.notes)

    # --- models -------------------------------------------------------------------------------

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        sort = sqltext.kind(sql, self.engine.dialect)
        if sort in {sqltext.Kind.TRANSACTION, sqltext.Kind.SESSION}:
            return send()
        self.position += 1
        content = f"Model({sqltext.normalise(sql, self.engine.dialect)}, {ops.canonical(params)})"
        row = self.recorded.get(self.position)
        if row is not None:
            self._recognise(row, f"through models: {sql}", content)
            self._raise_recorded_failure(row)
            got = guests.answer_from_json(desks.recorded_text(row, self.notes) or "")
        else:
            try:
                got = send()
            except Exception as error:
                self._note_failure(ops.Kind.MODEL, f"through models: {sql}", content, error)
                raise
            noted = self._answer(guests.answer_to_json(got))
            self._rows.append(
                self._row(
                    kind=ops.Kind.MODEL,
                    status=_DONE,
                    words=f"through models: {sql}",
                    content=content,
                    noted=json.dumps(noted),
                    rows=got.changed,
                )
            )
            inside = self.guests is not None and self.guests.open_savepoints
            if len(self._rows) >= MODEL_STATEMENTS_PER_COMMIT and not inside:
                self.flush()
        if sort is sqltext.Kind.QUERY:
            self.models_read += len(got.rows)
        else:
            self.models_written += max(got.changed, 0)
            if self.models_written % 100 == 0:
                self._tell_models()
        return got

    def _tell_models(self) -> None:
        self.tell(
            events.ModelRows(
                migration=self.migration, written=self.models_written, read=self.models_read
            )
        )

    # --- notes --------------------------------------------------------------------------------

    def _note(
        self,
        operation: ops.Operation,
        status: str,
        *,
        before: dict[str, object] | None = None,
        answer: base.Result | None = None,
        rows: int | None = None,
        sent: base.Result | None = None,
    ) -> None:
        noted: dict[str, object] = {}
        if isinstance(operation, ops.Execute) and sent is not None:
            facts = self.engine.session_facts(self.session, operation.sent, sent)
            if facts:
                noted["session"] = values.dump(facts)
        if before:
            noted["before"] = before
        if answer is not None and answer.rows is not None:
            noted |= self._answer(values.dump(answer.rows))
        self._rows.append(
            self._row(
                kind=operation.kind,
                status=status,
                words=operation.describe(),
                content=operation.content(),
                noted=json.dumps(noted) if noted else None,
                rows=rows,
            )
        )

    def _note_failure(self, kind: ops.Kind, words: str, content: str, error: Exception) -> None:
        self._rows = [row for row in self._rows if row.position != self.position]
        driver = getattr(error, "orig", None) or error
        arguments = [a for a in driver.args if isinstance(a, str | int)]
        failed = [type(driver).__module__, type(driver).__qualname__, arguments]
        self._rows.append(
            self._row(
                kind=kind,
                status=_DONE,
                words=words,
                content=content,
                noted=json.dumps({"failed": failed, **_facts(error)}),
                rows=None,
            )
        )

    def _raise_recorded_failure(self, row: journal.StepRow) -> None:
        """Raise again what the server said, which the migration had caught."""
        failed = json.loads(row.noted or "{}").get("failed")
        if failed is None:
            return
        module, name, arguments = failed
        error: Exception = RuntimeError(": ".join(map(str, [name, *arguments])))
        if module == errors.__name__:
            raise _refusal(name, json.loads(row.noted or "{}")["facts"])
        drivers = self.session.connection.dialect.loaded_dbapi.__name__.split(".")[0]
        if module.split(".")[0] == drivers:
            error = getattr(importlib.import_module(module), name)(*arguments)
        if row.kind == ops.Kind.MODEL.value or isinstance(error, RuntimeError):
            raise error
        raise sa.exc.DBAPIError.instance(
            row.step, None, error, self.session.connection.dialect.loaded_dbapi.Error
        )

    def _answer(self, text: str) -> dict[str, object]:
        if len(text) <= _SHORT_ANSWER:
            return {"answer": text}
        self._results[self.position] = text
        return {"pieces": True}

    def _row(
        self,
        *,
        kind: ops.Kind,
        status: str,
        words: str,
        content: str,
        noted: str | None,
        rows: int | None,
    ) -> journal.StepRow:
        return journal.StepRow(
            run=self.run,
            position=self.position,
            kind=kind.value,
            status=status,
            step=words,
            fingerprint=ops.fingerprint(content),
            noted=noted,
            rows_changed=rows,
            started_at=clocks.stamp(self.clock.now()),
            seconds=None,
        )

    def end(self) -> None:
        """Write what waits; raise StepChanged if steps were done that are not asked for now."""
        for position, row in self.recorded.items():
            if position > self.position:
                raise errors.StepChanged(
                    self.migration, position=position, was=row.step, now="nothing more"
                )
        self.flush()

    def flush(self) -> None:
        """Write the notes that wait, and commit them with the rows they note."""
        if self.guests is not None:
            self.guests.check()
        for row in self._rows:
            if row.position in self._in_doubt:  # failed, and the migration caught it
                self.notes.forget_step(self.run, row.position)
                self._in_doubt.discard(row.position)
        self.notes.write_steps(self._rows)
        self.notes.write_results(self.run, self._results)
        self.lock.check()
        self.session.commit()
        self.finished += sum(row.status == _DONE for row in self._rows)
        self._rows, self._results = [], {}


def _facts(error: Exception) -> dict[str, object]:
    if not isinstance(error, errors.WhimbrelError):
        return {}
    names = ("what", "where", "database", "object", "left", "cause", "remedy")
    return {"facts": {name: getattr(error, name) for name in names}}


def _refusal(name: str, facts: dict[str, str | None]) -> errors.WhimbrelError:
    """Return an error of ours as it was, without asking again for what its own class asks."""
    kind = getattr(errors, name, errors.RefusedError)
    error: errors.WhimbrelError = kind.__new__(kind)
    errors.WhimbrelError.__init__(error, **facts)  # type: ignore[arg-type]
    return error


class EndOfSteps(BaseException):
    """The journal knows no further steps; not an Exception, so that no migration catches it."""


class CollectDesk(StepDesk):
    """Walks through the finished steps of a half-done run, sending nothing, and collects them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.collected: list[tuple[ops.Operation, dict[str, object]]] = []
        self.model_statements: list[str] = []

    def perform(self, operation: ops.Operation) -> object:
        self.position += 1
        row = self.recorded.get(self.position)
        if row is None:
            raise EndOfSteps
        self._recognise(row, operation.describe(), operation.content())
        if row.status != _DONE and not self._decide(row, operation):
            self.clear_away(operation)
            raise EndOfSteps
        before = json.loads(row.noted or "{}").get("before", {})
        self.collected.append((operation, before))
        return desks.recorded_answer(operation, row, self.notes)

    def through(
        self, sql: str, params: desks.Params, send: Callable[[], guests.Answer]
    ) -> guests.Answer:
        sort = sqltext.kind(sql, self.engine.dialect)
        if sort in {sqltext.Kind.TRANSACTION, sqltext.Kind.SESSION}:
            return guests.Answer(columns=None, rows=(), changed=0, last_id=None)
        self.position += 1
        row = self.recorded.get(self.position)
        if row is None:
            raise EndOfSteps
        if sort is not sqltext.Kind.QUERY:
            self.model_statements.append(sql)
        return guests.answer_from_json(desks.recorded_text(row, self.notes) or "")


class ReverseDesk(StepDesk):
    """A step desk for operations that come from a list, not from a migration's methods."""

    def perform_all(self, operations: Sequence[ops.Operation]) -> None:
        """Carry out a list of operations."""
        for operation in operations:
            self.perform(operation)
