"""Take operations back: those of change(), and the finished steps of a half-done migration.

A change of rows has no reverse of its own. It needs none when all that it wrote goes away with
a table or column that the same migration made; otherwise we refuse, and say which step it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from whimbrel import errors
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.migrations.operations import reversal

Noted = tuple[ops.Operation, dict[str, object] | None]


def reversed_operations(done: Sequence[Noted], desk: desks.Desk) -> list[ops.Operation]:
    """Return what takes a list of operations back, last first; raise Irreversible.

    `done` pairs each operation with what the journal noted before it (None: it never ran).
    """
    made = _Made()
    reverses: list[list[ops.Operation]] = []
    for operation, before in done:
        reverses.append(_reverse(operation, before, made, desk))
        made.see(operation)
    return [operation for group in reversed(reverses) for operation in group]


def refuse_unless_void(statements: Sequence[str], done: Sequence[Noted], *, dialect: str) -> None:
    """Raise Irreversible unless what models wrote goes away with tables of the same migration."""
    made = _Made()
    for operation, _ in done:
        made.see(operation)
    for sql in dict.fromkeys(statements):
        if not made.holds_all_of(sql, dialect):
            raise errors.Irreversible(
                f"writing through models ({' '.join(sql.split())[:80]})",
                why="it changed rows of a table that was there before",
                remedy=_FINISH,
            )


_FINISH = "finish the migration instead:  whimbrel up\nand take it back whole, with its down()"


def _reverse(
    operation: ops.Operation, before: dict[str, object] | None, made: _Made, desk: desks.Desk
) -> list[ops.Operation]:
    if operation.kind in {ops.Kind.QUERY, ops.Kind.SESSION}:
        return []
    if isinstance(operation, ops.Execute):
        if operation.backwards:
            return [desk.prepare(operation.backwards, None, dialect=None, reverse=None)]
        if before is not None and operation.kind is ops.Kind.DATA:
            if made.holds_all_of(operation.sent, desk.engine.dialect):
                return []
            raise errors.Irreversible(
                f"execute({operation.describe()[:80]!r})",
                why="it changed rows that were there before",
                remedy=_FINISH,
            )
    return [reversal.reverse(operation, before)]


class _Made:
    """Tables and columns that a migration has made so far."""

    def __init__(self) -> None:
        self._tables: set[str] = set()
        self._columns: set[tuple[str, str]] = set()

    def see(self, operation: ops.Operation) -> None:
        """Remember what an operation makes."""
        if isinstance(operation, ops.CreateTable):
            self._tables.add(operation.table.name.casefold())
        elif isinstance(operation, ops.AddColumn):
            name = operation.column.name.casefold()
            self._columns.add((operation.table.casefold(), name))

    def holds_all_of(self, sql: str, dialect: str) -> bool:
        """Whether all that a statement writes lies in tables or columns made here."""
        try:
            tree = sqlglot.parse_one(sql, read=dialect)
        except sqlglot.errors.SqlglotError:
            return False  # not understood: then it is not ours to call void
        target = tree.this if isinstance(tree, exp.Insert | exp.Update | exp.Delete) else None
        if isinstance(target, exp.Schema):
            target = target.this
        if not isinstance(target, exp.Table) or target.args.get("joins"):
            return False
        table = target.name.casefold()
        if table in self._tables:
            return True
        if not isinstance(tree, exp.Update):
            return False
        return all(
            isinstance(part, exp.EQ)
            and isinstance(part.this, exp.Column)
            and (table, part.this.name.casefold()) in self._columns
            for part in tree.expressions
        )
