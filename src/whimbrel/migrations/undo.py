"""Take operations back: those of change(), and the finished steps of a half-done migration.

A change of rows has no reverse of its own. It needs none when all that it wrote goes away with
a table or column that the same migration made; otherwise we refuse, and say which step it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from whimbrel import errors, tables
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.migrations.operations import reversal

Noted = tuple[ops.Operation, dict[str, object] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refill(ops.Backfill):
    """Brings back the values of one column; `after` is what it could not be before."""

    after: ops.Operation | None = None


def reversed_operations(done: Sequence[Noted], desk: desks.Desk) -> list[ops.Operation]:
    """Return what takes a list of operations back, last first; raise Irreversible.

    `done` pairs each operation with what the journal noted before it (None: it never ran).
    """
    made = _Made()
    reverses: list[list[ops.Operation]] = []
    for operation, before in done:
        reverses.append(_reverse(operation, before, made, desk))
        made.see(operation)
    return _refilled_together([operation for group in reversed(reverses) for operation in group])


def _refilled_together(operations: Sequence[ops.Operation]) -> list[ops.Operation]:
    """Let columns that come back one after the other be filled by one walk through the table."""
    done: list[ops.Operation] = []
    fills: list[Refill] = []

    def fill() -> None:
        for table in dict.fromkeys((one.table, one.native) for one in fills):
            same = [one for one in fills if (one.table, one.native) == table]
            columns = {name: text for one in same for name, text in one.columns.items()}
            done.append(ops.Backfill(table=table[0], columns=columns, native=table[1]))
        done.extend(one.after for one in fills if one.after is not None)
        fills.clear()

    for operation in operations:
        if isinstance(operation, Refill):
            fills.append(operation)
            continue
        if fills and not (
            isinstance(operation, ops.AddColumn) and operation.table == fills[-1].table
        ):
            fill()
        done.append(operation)
    fill()
    return done


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
    if operation.kind in {ops.Kind.QUERY, ops.Kind.SESSION} or made.voids(operation):
        return []
    if isinstance(operation, ops.Require):
        return []  # it changed nothing
    if isinstance(operation, ops.RemoveColumn) and operation.refill is not None:
        return _refill(operation, operation.refill, before)
    if isinstance(operation, ops.RowsOperation):
        return _reverse_rows(operation, before, made)
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


def _refill(
    operation: ops.RemoveColumn, text: str, before: dict[str, object] | None
) -> list[ops.Operation]:
    """Add a column again, fill it, and only then forbid what an empty one cannot keep."""
    added = reversal.reverse(operation, before)
    if not isinstance(added, ops.AddColumn):
        return [added]
    table, column = operation.table, added.column
    after: ops.Operation | None = None
    if not column.nullable and column.like is not None:
        after = ops.RestoreColumn(table=table, column=column.like)
        column = tables.like(column.like, name=column.name, null=True)
    elif not column.nullable:
        after = ops.ChangeColumn(table=table, column=dataclasses.replace(column, unique=False))
        column = dataclasses.replace(column, null=True)
    return [
        ops.AddColumn(table=table, column=column),
        Refill(table=table, columns={column.name: text}, native=operation.native, after=after),
    ]


def _reverse_rows(
    operation: ops.RowsOperation, before: dict[str, object] | None, made: _Made
) -> list[ops.Operation]:
    if made.holds(operation):
        return []
    half = bool(before and before.get("half"))
    if half:
        raise errors.Irreversible(operation.describe(), why="it stopped half-way", remedy=_FINISH)
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
        elif isinstance(operation, ops.RenameColumn):
            table = operation.table.casefold()
            if (table, operation.column.casefold()) in self._columns:
                self._columns.add((table, operation.to.casefold()))

    def voids(self, operation: ops.Operation) -> bool:
        """Whether a change, which has no reverse of its own, goes away with what was made here."""
        if isinstance(operation, ops.ChangeColumn):
            table, column = operation.table.casefold(), operation.column.name.casefold()
            return table in self._tables or (table, column) in self._columns
        if isinstance(operation, ops.RemoveColumn):
            # One that came with its table; what was added later is reversed there.
            table, column = operation.table.casefold(), operation.column.casefold()
            return table in self._tables and (table, column) not in self._columns
        return False

    def holds(self, operation: ops.RowsOperation) -> bool:
        """Whether all that a step in batches writes lies in tables or columns made here."""
        table = operation.written.casefold()
        if table in self._tables:
            return True
        columns = operation.columns_written
        return columns is not None and all(
            (table, column.casefold()) in self._columns for column in columns
        )

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
