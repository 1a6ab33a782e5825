"""What a migration has made so far: what it writes there goes away with it, and needs no undo."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from whimbrel.migrations import operations as ops


class Made:
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

    def has_table(self, name: str) -> bool:
        """Whether a table was made here."""
        return name.casefold() in self._tables

    def has_column(self, table: str, column: str) -> bool:
        """Whether a column was added here."""
        return (table.casefold(), column.casefold()) in self._columns

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
