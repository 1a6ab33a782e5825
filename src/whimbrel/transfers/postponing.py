"""Make in the target what has waited for the cutover, and take it back where that fails.

Foreign keys would refuse rows that come in any order, triggers would act on them: they are made
when nothing comes any more. What was made is noted, so that it can be taken back, and the following
goes on as before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, inventory
from whimbrel.journal import journal
from whimbrel.schema import convert
from whimbrel.transfers import plan as planning

# What is done when rows come, or go along with others.
_UNDONE: Final = frozenset({"foreign key", "trigger"})
_FIRST: Final = 1_000
_TITLE: Final = 250


class Postponing:
    """Works on one session of the target, under the run of a cutover."""

    def __init__(
        self, target: base.Session, run: int, clock: clocks.Clock, tell: events.Listener
    ) -> None:
        self._target = target
        self._run = run
        self._clock = clock
        self._tell = tell
        self._notes = journal.Journal(target, clock)

    def make(self, actions: Iterable[convert.Action]) -> None:
        """Make what is not there yet; raise TransferFailed for what the server refuses."""
        for action in actions:
            self._make(action)

    def _make(self, action: convert.Action) -> None:
        target = self._target
        if action.present(target.engine.catalog(target)):
            target.rollback()
            return
        target.rollback()
        if action.kind in _UNDONE:
            # Before: what cannot be taken back with its note is looked for in the catalog.
            self._note(action)
            target.commit()
        alone = any(one.alone for one in action.statements)
        try:
            if alone:
                with target.outside_transaction():
                    self._send(action)
            else:
                target.begin()
                target.engine.before_ddl(target)
                self._send(action)
                target.commit()
        except sa.exc.SQLAlchemyError as error:
            if not target.gone:
                target.rollback()
            why = target.engine.cause(error)
            if not action.optional or target.gone:
                raise errors.TransferFailed(
                    f"the target refused: {action.kind} {action.name}",
                    database=target.url,
                    left="what was done before stays, with its notes",
                    cause=why,
                ) from error
            self._tell(
                events.Noticed(what=f"{action.kind} {action.name} is not in the target: {why}")
            )

    def _send(self, action: convert.Action) -> None:
        target = self._target
        for statement in action.statements:
            result = target.execute(statement.sql)
            if statement.must_be is not None:
                answer = result.rows[0][0] if result.rows else None
                if answer != statement.must_be:
                    raise errors.TransferFailed(
                        statement.otherwise or f"{statement.sql} gave {answer!r}",
                        database=target.url,
                        left="what was done before stays, with its notes",
                        cause="rows of the source that break a rule which it does not enforce",
                    )

    def count(self, counters: Sequence[planning.Counting]) -> None:
        """Let columns count on behind all that is there."""
        target, engine = self._target, self._target.engine
        for one in counters:
            behind = one.next
            if one.column is not None:
                name, table = engine.quote(one.column), engine.quote(one.table)
                (row,) = target.fetch(f"SELECT max({name}) FROM {table}")
                most = int(str(row[0])) + one.increment if row[0] is not None else 1
                behind = max(behind or 1, most)
            if behind is None:
                target.rollback()
                continue
            counter = inventory.Counter(
                table=one.table or None,
                column=one.column,
                next=behind,
                sequence=one.sequence,
                increment=one.increment,
            )
            sql = engine.inventory(target).set_counter(counter)
            target.rollback()
            if sql:
                target.begin()
                target.execute(sql)
                target.commit()

    # --- taking back ------------------------------------------------------------------------------

    def _note(self, action: convert.Action) -> None:
        steps = self._notes.steps(self._run)
        position = max([_FIRST, *(step.position + 1 for step in steps)])
        title = f"{action.kind} {action.name} of {action.table}"[:_TITLE]
        if any(step.step == title for step in steps):
            return
        facts = {"kind": action.kind, "table": action.table, "names": [action.name, *action.names]}
        self._notes.write_steps(
            [
                journal.StepRow(
                    run=self._run,
                    position=position,
                    kind="schema",
                    status="started",
                    step=title,
                    fingerprint=hashlib.sha256(title.encode()).hexdigest(),
                    noted=json.dumps(facts),
                    rows_changed=None,
                    started_at=clocks.stamp(self._clock.now()),
                    seconds=None,
                )
            ]
        )

    def take_back(self) -> None:
        """Remove the foreign keys and triggers that this run has made."""
        target = self._target
        target.rollback()
        for step in reversed(self._notes.steps(self._run)):
            if step.position < _FIRST or step.noted is None:
                continue
            facts = json.loads(step.noted)
            table = target.engine.catalog(target).find(str(facts["table"]))
            names = {str(one).casefold() for one in facts["names"]}
            sql: list[str] = []
            if table is not None and facts["kind"] == "foreign key":
                for key in table.foreign_keys:
                    if (key.name or "").casefold() in names:
                        ddl = target.engine.ddl(target.engine.catalog(target))
                        sql += [one.sql for one in ddl.remove_constraint(table, key)]
            elif table is not None:
                there = target.engine.catalog(target).triggers(table.name)
                fence = target.engine.fence(target)
                sql += [
                    fence.without(table.name, name) for name in there if name.casefold() in names
                ]
            target.rollback()
            target.begin()
            for one in sql:
                target.execute(one)
            self._notes.forget_step(self._run, step.position)
            target.commit()
