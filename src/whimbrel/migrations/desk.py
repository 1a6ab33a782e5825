"""The contract between a migration and whatever carries its operations out, or records them."""

from __future__ import annotations

import abc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, cast

from whimbrel import clock as clocks
from whimbrel import errors, events, pacing
from whimbrel.engines import base, registry, sqltext
from whimbrel.journal import journal, values
from whimbrel.migrations import batched, guests, keeping, safely
from whimbrel.migrations import operations as ops
from whimbrel.migrations import speech as speeches
from whimbrel.proof import rulebook
from whimbrel.rows import loop, work, workers

_SETTING: Final = workers.Setting(config=pacing.DEFAULTS)

Params = Sequence[object] | Mapping[str, object] | None


class Desk(abc.ABC):
    """Takes a migration's operations one by one; `position` counts them from 1."""

    def __init__(
        self,
        session: base.Session,
        *,
        catalog: base.Catalog,
        migration: str,
        sql_dialect: str | None,
        tell: events.Listener = events.nobody,
        clock: clocks.Clock = clocks.SYSTEM,
        setting: workers.Setting = _SETTING,
    ) -> None:
        self.session = session
        self.setting = setting
        self.engine = session.engine
        self.catalog = catalog
        self.ddl = session.engine.ddl(catalog)
        self.migration = migration
        self.sql_dialect = sql_dialect
        self.tell = tell
        self.clock = clock
        self.position = 0
        self.guests: guests.Guests | None = None
        # Changes of schema are done so that others can work on large tables meanwhile.
        self.safe = False
        # Keeps what is overwritten or removed, on the way up.
        self.keeping: keeping.Keeping | None = None
        # By table: indexes and constraints that are dropped until a block of the migration ends.
        self.missing: dict[str, list[str]] = {}

    @abc.abstractmethod
    def perform(self, operation: ops.Operation) -> object:
        """Carry out or record one operation; return what its verb returns."""

    @abc.abstractmethod
    def through(self, sql: str, params: Params, send: Callable[[], guests.Answer]) -> guests.Answer:
        """Let one statement of a model through, or answer it from memory (guests.Port)."""

    @abc.abstractmethod
    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        """Hand out a table batch by batch."""

    @abc.abstractmethod
    def savepoint(self) -> AbstractContextManager[None]:
        """Take back what the block did if it ends with an error, and let that pass."""

    @property
    def expect(self) -> rulebook.Rulebook:
        """Where rules are written; raise UsageError where they are not asked."""
        raise errors.UsageError(
            "self.expect is for rules around a migration, not for its steps",
            remedy="write them in:  def validate_before(self):   or:  def validate_after(self):",
        )

    # It writes down what change() asks for, to take it back.
    recording = False

    def speech(self) -> speeches.Speech:
        """Return how the migration's SQL is said here."""
        return batched.speech(self.engine, self.catalog, self._dialect(self.sql_dialect))

    def task(self, operation: ops.RowsOperation) -> work.Work:
        """Return what a step in batches does; raise RefusedError when it cannot be right."""
        return operation.task(self.speech(), self.setting.config)

    def notice(self, operation: ops.RowsOperation) -> None:
        """Tell what a person should know of something that was given back."""
        if isinstance(operation, ops.Returning):
            for what in operation.notices(self.session):
                self.tell(events.Noticed(what=what))

    def refuse_missing(self) -> None:
        """Refuse to end while indexes are gone that without_indexes() has to make again."""
        if self.missing:
            raise errors.RefusedError(
                "the block of without_indexes() failed, and the migration went on as if it had not",
                object=self.missing_words(),
                remedy="let the error pass, so that the next run can finish the block",
            )

    def missing_words(self) -> str:
        """Return which indexes are gone for now."""
        return "; ".join(
            f"{errors.names(names)} of {table}" for table, names in self.missing.items() if names
        )

    def step(self, operation: ops.RowsOperation, made: work.Work, *, run: int) -> workers.Step:
        """Return the current step as one that is done in batches."""
        return batched.step(
            operation,
            made,
            setting=self.setting,
            engine=self.engine,
            migration=self.migration,
            run=run,
            position=self.position,
            tell=self.tell,
            clock=self.clock,
        )

    def prepare(
        self, sql: str, params: Params, *, dialect: str | None, reverse: str | None
    ) -> ops.Execute:
        """Return raw SQL as an operation, in the database's own dialect.

        Raises SqlNotTranslatable, SqlNotUnderstood, BadParameters, UsageError.
        """
        read = self._dialect(dialect or self.sql_dialect)
        text, values = sql, params
        notes: tuple[str, ...] = ()
        several = sqltext.statements(sql, read)
        if len(several) != 1:
            raise errors.UsageError(
                f"execute() takes one statement, and this text holds {len(several)}",
                object=" ".join(sql.split())[:200],
                remedy="call self.execute() once for each",
            )
        if read != self.engine.dialect:
            from whimbrel.engines import translate  # heavy, and most projects never need it

            if params is not None:
                text, values = sqltext.bind(sql, params, read, "named")
            translation = translate.translate(
                text,
                read=read,
                write=self.engine.dialect,
                names=translate.CatalogNames(self.catalog),
            )
            text, notes = translation.sql, translation.notes
        sort = sqltext.kind(text, self.engine.dialect)
        if sort is sqltext.Kind.TRANSACTION:
            raise errors.RefusedError(
                "a migration does not begin or end transactions itself",
                object=" ".join(sql.split())[:200],
                remedy="leave it out; or commit each step by itself:  transactional = False",
            )
        sent, sent_params = text, None
        if values is not None:
            sent, bound = sqltext.bind(text, values, self.engine.dialect, self.engine.paramstyle)
            sent_params = bound
        return ops.Execute(
            sql=sql, params=params, sent=sent, sent_params=sent_params, sort=sort,
            backwards=reverse,
            notes=notes,
        )  # fmt: skip

    def _dialect(self, asked: str | None) -> str:
        if asked is None:
            return self.engine.dialect
        if asked not in registry.DIALECTS:
            raise errors.UsageError(
                f"no SQL dialect is called {asked!r}",
                remedy=f"use one of: {', '.join(sorted(registry.DIALECTS))}",
            )
        return registry.DIALECTS[asked]

    def send(self, operation: ops.Operation, statements: Sequence[base.Statement]) -> base.Result:
        """Send an operation's statements; raise RefusedError when a question is answered no."""
        if isinstance(operation, ops.LookUp):
            return operation.result(self.session, self.catalog)
        result = base.Result(rows=None, changed=-1)
        params = operation.sent_params if isinstance(operation, ops.Execute) else None
        for statement in statements:
            self.tell(
                events.StatementSent(
                    migration=self.migration, position=self.position, sql=statement.sql
                )
            )
            result = self._sent(operation, statement, params)
            if statement.must_be is not None:
                answer = result.rows[0][0] if result.rows else None
                if answer != statement.must_be and isinstance(operation, ops.Require):
                    raise operation.refused(self.session, answer)
                if answer != statement.must_be:
                    raise errors.RefusedError(
                        statement.otherwise or f"{statement.sql} gave {answer!r}",
                        left="nothing of this step stays",
                        remedy="correct the data or the migration, then run it again",
                    )
            self.tell(
                events.StatementDone(
                    migration=self.migration, position=self.position, rows=result.changed
                )
            )
        return result

    def _sent(
        self, operation: ops.Operation, statement: base.Statement, params: Params
    ) -> base.Result:
        def send() -> base.Result:
            return self.session.execute(statement.sql, params)

        ddl = operation.kind is ops.Kind.DDL and statement.must_be is None
        # What nobody waits for may itself wait as long as it likes.
        held = statement.lock.endswith("for a moment") if statement.alone else True
        if self.safe and ddl and held and self.engine.can.lock_limits:
            return safely.patiently(self.session, send, alone=statement.alone, clock=self.clock)
        if not statement.alone:
            return send()
        with self.session.outside_transaction():
            return send()


def refuse_short_lived(operation: ops.Operation, engine: base.Engine) -> None:
    """Refuse a temporary table where steps commit one by one: a resumed run would not have it."""
    if not isinstance(operation, ops.Execute) or operation.kind is not ops.Kind.DDL:
        return
    words = [token.word for token in sqltext.significant(operation.sent, engine.dialect)[:5]]
    if words[:1] == ["CREATE"] and not {"TEMPORARY", "TEMP"}.isdisjoint(words):
        raise errors.RefusedError(
            "a temporary table ends with its session, and a migration that runs step by step "
            "may be finished in another one",
            object=operation.describe()[:200],
            remedy="use an ordinary table, and drop it at the end of the migration",
        )


def recorded_text(row: journal.StepRow, notes: journal.Journal | None) -> str | None:
    """Return what the journal kept of a step's answer, as text, or None if there was none."""
    noted = json.loads(row.noted or "{}")
    if "answer" in noted:
        return str(noted["answer"])
    if noted.get("pieces") and notes is not None:
        return notes.result(row.run, row.position)
    return None


def recorded_answer(
    operation: ops.Operation, row: journal.StepRow, notes: journal.Journal | None
) -> object:
    """Return what the verb of an operation returned when the step was done."""
    if isinstance(operation, ops.RowsOperation):
        return row.rows_changed or 0
    if not isinstance(operation, ops.Execute | ops.LookUp):
        return None
    text = recorded_text(row, notes)
    if text is None:
        return row.rows_changed or 0
    return [tuple(answered) for answered in cast("list[list[object]]", values.load(text))]


def answer(operation: ops.Operation, result: base.Result) -> object:
    """Return what the verb of an operation returns."""
    if not isinstance(operation, ops.Execute | ops.LookUp):
        return None
    return result.rows if result.rows is not None else max(result.changed, 0)


def changed(operation: ops.Operation, result: base.Result) -> int | None:
    """Return how many rows an operation changed, or None where that means nothing."""
    if operation.kind is not ops.Kind.DATA or isinstance(operation, ops.Require):
        return None
    if result.rows is not None:
        return len(result.rows)
    return result.changed if result.changed >= 0 else None
