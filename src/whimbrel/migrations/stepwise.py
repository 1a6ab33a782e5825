"""Carry a migration out step by step, each committed together with its note.

A run that is killed is started again from the top: steps that the journal calls done are not
sent again but answered from it; a step that was "about to" happen is decided by asking the
catalog. So the user's Python runs again, and its effects do not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, sqltext
from whimbrel.journal import journal, parts, values
from whimbrel.migrations import batched, failures, guests, safely
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.rows import loop, walker, workers

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
        # Parts of a step in batches belong to one attempt; this is its name.
        self._owner = secrets.token_hex(16)
        self._loop: batched.HandedOut | None = None
        self.half_done = 0  # a step in batches that failed
        self._open_savepoints = 0

    # --- verbs --------------------------------------------------------------------------------

    def perform(self, operation: ops.Operation) -> object:
        if self.guests is not None and self.guests.open_savepoints:
            raise errors.ModelTransactionOpen(
                "a step commits by itself, and a model's transaction is open around it",
                remedy="end the model's transaction before the next verb of the migration",
            )
        self._close_left_loop()
        if self._loop is not None:
            return self._inside_batch(operation)
        self._refuse_after_half_done()
        self.position += 1
        words = operation.describe()
        row = self.recorded.get(self.position)
        if self.keeping is not None:
            self.keeping.see(operation)
        desks.refuse_short_lived(operation, self.engine)
        if row is not None:
            self._recognise(row, words, operation.content())
            if row.status == _DONE:
                return self._replay(row, operation)
        if isinstance(operation, ops.RowsOperation):
            return self._in_batches(operation)
        if row is not None and self._decide(row, operation):
            return self._replay(row, operation)
        if self.safe and not self._open_savepoints:
            large = safely.Large(self.session)
            operation = safely.rewritten(operation, self.ddl, large=large, fresh=row is None)
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        started = self.clock.seconds()
        if self.keeping is not None and not self._open_savepoints:
            operation = self.keeping.schema(operation)
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
        if self._open_savepoints:
            return self._in_savepoint(operation)
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

    # --- batches ------------------------------------------------------------------------------

    def _in_batches(self, operation: ops.RowsOperation) -> int:
        """Do a step in batches, or what an interrupted run left of it."""
        words, started = operation.describe(), self.clock.seconds()
        self.tell(events.StepStarted(migration=self.migration, position=self.position, step=words))
        made = self.task(operation)
        fresh = self.position not in self.recorded
        # Inside of a savepoint no table can be made that keeps anything, on some engines.
        if self.keeping is not None and not self._open_savepoints:
            made = self.keeping.rows(operation, made, fresh=fresh)
        step = self.step(operation, made, run=self.run)
        if self._open_savepoints:
            return self._small_in_savepoint(operation, step)
        if fresh:
            self._prepare(operation, step)
        else:
            self._refuse_new_addresses(step)
        self.half_done = self.position
        totals = step.committed(self.session, self._owner, self.lock.check, fresh=fresh)
        self.half_done = 0
        self.engine.after_models(self.session, operation.explicit_keys(self.catalog))
        self.notice(operation)
        self._finish_rows(operation, self.position, totals.written, started)
        return totals.written

    def _small_in_savepoint(self, operation: ops.RowsOperation, step: workers.Step) -> int:
        config = self.setting.config
        batched.refuse_without_transactions(operation, self.session)
        if batched.is_large(step.task, self.session, config):
            raise errors.RefusedError(
                f"table {operation.walked!r} is too large for a savepoint: it has more than "
                f"{config.small_table:,} rows",
                remedy="do this step before or after the block; by itself it commits each batch",
            )
        started = self.clock.seconds()
        totals = step.inside(self.session)
        self.engine.after_models(self.session, operation.explicit_keys(self.catalog))
        self._note(operation, _DONE, rows=totals.written)
        self.tell(
            events.StepDone(
                migration=self.migration,
                position=self.position,
                step=operation.describe(),
                rows=totals.written,
                seconds=self.clock.seconds() - started,
            )
        )
        return totals.written

    def _prepare(self, operation: ops.RowsOperation, step: workers.Step) -> None:
        """Write the step and its parts, whose upper end is that of now, in one commit."""
        batched.refuse_uncuttable(step.task, self.session, self.setting.config)
        batched.refuse_without_transactions(operation, self.session)
        self.flush()
        self.session.begin()
        if self.keeping is not None:
            self.keeping.make(operation, step.task)
        ranges = step.ranges(self.session)
        parts.Parts(self.session, self.run, self.clock).write(
            self.position,
            [(range_.lower, range_.upper) for range_ in ranges],
            owner=self._owner,
        )
        before: dict[str, object] = {}
        if step.task.way.key.address:
            before["addresses"] = self.engine.address_age(self.session)
        self._note(operation, _ABOUT_TO, before=before)
        self.flush()

    def _refuse_new_addresses(self, step: workers.Step) -> None:
        """Refuse to go on by addresses that rows may not have any more."""
        if not step.task.way.key.address:
            return
        noted = json.loads(self.recorded[self.position].noted or "{}").get("before", {})
        if noted.get("addresses") != self.engine.address_age(self.session):
            raise errors.RefusedError(
                f"the rows of {step.task.table.name!r} may have been renumbered since the run was "
                "interrupted: the schema was changed, or the file vacuumed",
                object=f"the table has no key, so its rows are found by {step.task.way.key}",
                remedy="take the finished steps back:  whimbrel down\n"
                "and give the table a key before you run it again",
            )

    def _finish_rows(
        self, operation: ops.RowsOperation, position: int, rows: int, started: float
    ) -> None:
        seconds = self.clock.seconds() - started
        self.notes.finish_step(self.run, position, rows_changed=rows, seconds=seconds)
        self.lock.check()
        self.session.commit()
        self.finished += 1
        self.tell(
            events.StepDone(
                migration=self.migration,
                position=position,
                step=operation.describe(),
                rows=rows,
                seconds=seconds,
            )
        )

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        self._close_left_loop()
        self._refuse_after_half_done()
        if self._open_savepoints:
            raise errors.RefusedError(
                "batches commit one by one, and a savepoint is open around them",
                remedy="open the savepoint inside of the loop",
            )
        if self._loop is not None:
            raise errors.UsageError(
                "batches inside of batches would be committed with the outer one",
                remedy="read the inner rows by self.execute(…)",
            )
        self.position += 1
        row = self.recorded.get(self.position)
        if row is not None:
            self._recognise(row, operation.describe(), operation.content())
            if row.status == _DONE:
                self._replay(row, operation)
                return
        started, position = self.clock.seconds(), self.position
        step = self.step(operation, self.task(operation), run=self.run)
        self.tell(
            events.StepStarted(
                migration=self.migration, position=position, step=operation.describe()
            )
        )
        if row is None:
            self._prepare(operation, step)
        else:
            self._refuse_new_addresses(step)
        notes = parts.Parts(self.session, self.run, self.clock)
        notes.take_over(position, self._owner)
        self.session.commit()
        rows = notes.read(position)
        step.tell_start(self.session, rows, workers=1)
        found = batched.loops(
            step.task,
            rows,
            walker.Committed(self.session, notes, self.lock.check),
            step.course(self.session),
            self.setting.config,
        )
        self.session.commit()
        self._loop = batched.HandedOut(
            found,
            lambda: self._finish_rows(
                operation, position, sum(one.part.rows_written for one in found), started
            ),
        )
        yield from self._loop
        self._loop = None

    def _close_left_loop(self) -> None:
        if self._loop is not None and self._loop.left:
            left, self._loop = self._loop, None
            left.close()

    def _inside_batch(self, operation: ops.Operation) -> object:
        """Send what a loop does with its batch: it is committed with the batch, and not noted."""
        if operation.kind not in {ops.Kind.DATA, ops.Kind.QUERY} or self._may_commit(operation):
            raise errors.RefusedError(
                f"{operation.describe()[:200]} cannot be part of a batch, which is one transaction",
                remedy="do it before or after the loop",
            )
        try:
            result = self.send(operation, operation.statements(self.ddl))
        except BaseException:
            if self._loop is not None:
                self._loop.failed = True
            raise
        return desks.answer(operation, result)

    def _refuse_after_half_done(self) -> None:
        if self.half_done:
            raise errors.RefusedError(
                f"step {self.half_done} stopped half-way, and the migration went on as if it "
                "had not",
                left="its finished batches stay",
                remedy="let the error pass, so that the next run continues at the batch",
            )

    # --- savepoints ---------------------------------------------------------------------------

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Commit the steps of the block together, with their notes, or none of them.

        Those that were taken back are noted as such: should the migration catch the error and go
        on, a resumed run has to come by the same error again.
        """
        self._close_left_loop()
        self._refuse_after_half_done()
        if not self._open_savepoints:
            self.flush()
            self.session.begin()
        noted, failed = len(self._rows), self._loop is not None and self._loop.failed
        nested = self.session.connection.begin_nested()
        self._open_savepoints += 1
        try:
            yield
        except BaseException:
            self._open_savepoints -= 1
            if nested.is_active and not self.session.gone:
                nested.rollback()
            self._rows[noted:] = [_taken_back(row) for row in self._rows[noted:]]
            if self._loop is not None:
                self._loop.failed = failed
            raise
        self._open_savepoints -= 1
        nested.commit()
        if not self._open_savepoints and self._loop is None:
            self.flush()

    def _in_savepoint(self, operation: ops.Operation) -> base.Result:
        """Send a change inside of a savepoint, where nothing may commit."""
        statements = operation.statements(self.ddl)
        commits = operation.kind is ops.Kind.DDL and not self.engine.can.transactional_ddl
        if (
            commits
            or self._may_commit(operation)
            or self.engine.rebuilds(statements)
            or any(statement.alone for statement in statements)
        ):
            raise errors.RefusedError(
                f"{operation.describe()[:200]} cannot be part of a savepoint: it commits, or needs "
                "a transaction of its own",
                remedy="do it before or after the block",
            )
        operation.precheck(self.session, self.ddl)
        if operation.kind is ops.Kind.DDL:
            self.engine.before_ddl(self.session)
        before = operation.before(self.catalog) if operation.kind is ops.Kind.DDL else None
        with self.session.connection.begin_nested():
            result = self.send(operation, statements)
        rows = desks.changed(operation, result)
        answer = result if operation.kind is ops.Kind.DATA else None
        self._note(operation, _DONE, before=before, answer=answer, rows=rows, sent=result)
        return result

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
        if self.keeping is not None:
            self.keeping.list_schema(operation)
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
            if self.keeping is not None:
                self.keeping.list_schema(operation)
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
        if self.keeping is not None:
            self.keeping.forget()
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
            if not self.session.gone:
                self.session.commit()

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
        failures.again(row, self.session)
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
        self._close_left_loop()
        if self._loop is not None:
            return send()
        self._refuse_after_half_done()
        self.position += 1
        content = f"Model({sqltext.normalise(sql, self.engine.dialect)}, {ops.canonical(params)})"
        row = self.recorded.get(self.position)
        if row is not None:
            self._recognise(row, f"through models: {sql}", content)
            failures.again(row, self.session)
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
        self._rows.append(
            self._row(
                kind=kind,
                status=_DONE,
                words=words,
                content=content,
                noted=json.dumps(failures.noted(error)),
                rows=None,
            )
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
        self._close_left_loop()
        self._refuse_after_half_done()
        for position, row in self.recorded.items():
            if position > self.position:
                raise errors.StepChanged(
                    self.migration, position=position, was=row.step, now="nothing more"
                )
        self.flush()

    def flush(self) -> None:
        """Write the notes that wait, and commit them with the rows they note."""
        if self._open_savepoints:
            return
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


def _taken_back(row: journal.StepRow) -> journal.StepRow:
    noted = json.loads(row.noted or "{}") | {"taken_back": True}
    return dataclasses.replace(row, noted=json.dumps(noted), rows_changed=None)


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
        if isinstance(operation, ops.RowsOperation):
            self.collected.append((operation, {"half": row.status != _DONE}))
            if row.status != _DONE:
                raise EndOfSteps
            return row.rows_changed or 0
        if row.status != _DONE and not self._decide(row, operation):
            before = json.loads(row.noted or "{}").get("before", {})
            self.clear_away(safely.begun(operation, before))
            raise EndOfSteps
        failures.again(row, self.session)
        noted = json.loads(row.noted or "{}")
        if not noted.get("taken_back"):
            self.collected.append((operation, noted.get("before", {})))
        return desks.recorded_answer(operation, row, self.notes)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        yield

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        """Collect a loop as one step; its rows are not handed out again."""
        self.perform(operation)
        yield from ()

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
