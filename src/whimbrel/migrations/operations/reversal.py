"""What takes each operation back: the one place that knows the pairs.

`before` is what the journal noted before the operation ran; None when it never ran, as with
change(), which is reversed from its text alone.
"""

from __future__ import annotations

from functools import singledispatch
from typing import NoReturn, TypeVar

from whimbrel import errors, tables
from whimbrel.migrations.operations import base
from whimbrel.migrations.operations.add_column import AddColumn
from whimbrel.migrations.operations.add_constraint import (
    AddCheck,
    AddConstraint,
    AddForeignKey,
    AddUnique,
)
from whimbrel.migrations.operations.backfill import Backfill
from whimbrel.migrations.operations.change_column import ChangeColumn
from whimbrel.migrations.operations.create_index import CreateIndex
from whimbrel.migrations.operations.create_table import CreateTable
from whimbrel.migrations.operations.drop_table import DropTable
from whimbrel.migrations.operations.execute import Execute
from whimbrel.migrations.operations.remove_column import RemoveColumn
from whimbrel.migrations.operations.remove_constraint import RemoveConstraint
from whimbrel.migrations.operations.remove_index import RemoveIndex
from whimbrel.migrations.operations.rename_column import RenameColumn
from whimbrel.migrations.operations.rename_table import RenameTable
from whimbrel.migrations.operations.restore_column import RestoreColumn
from whimbrel.migrations.operations.rows import RowsOperation

_BY_HAND = "write up() and down() instead of change()"

_P = TypeVar("_P", bound=tables.Part)


@singledispatch
def reverse(operation: base.Operation, before: base.Facts | None) -> base.Operation:
    """Return what takes an operation back; raise Irreversible, naming it."""
    _refuse(operation, "there is nothing that would bring back what was there")


def _refuse(operation: base.Operation, why: str, remedy: str = _BY_HAND) -> NoReturn:
    raise errors.Irreversible(operation.describe(), why=why, remedy=remedy)


def _noted(
    operation: base.Operation, before: base.Facts | None, key: str, kind: type[_P], unsaid: str
) -> _P:
    """Return the part of a table that the journal noted before."""
    if before is None:
        _refuse(operation, f"change() does not say {unsaid}")
    part = tables.part_from_json(before[key])  # type: ignore[arg-type]
    if not isinstance(part, kind):
        _refuse(operation, "the journal's note of it is damaged")
    return part


@reverse.register
def _(operation: CreateTable, before: base.Facts | None) -> base.Operation:
    return DropTable(table=operation.table.name)


@reverse.register
def _(operation: DropTable, before: base.Facts | None) -> base.Operation:
    _refuse(
        operation,
        "its rows are gone",
        f"{_BY_HAND}, or rename the table and drop it in a later migration",
    )


@reverse.register
def _(operation: RenameTable, before: base.Facts | None) -> base.Operation:
    return RenameTable(table=operation.to, to=operation.table)


@reverse.register
def _(operation: AddColumn, before: base.Facts | None) -> base.Operation:
    return RemoveColumn(table=operation.table, column=operation.column.name)


@reverse.register
def _(operation: RemoveColumn, before: base.Facts | None) -> base.Operation:
    if operation.refill is not None and before is not None:
        found = _noted(operation, before, "column", tables.FoundColumn, "what it was")
        return AddColumn(table=operation.table, column=tables.like(found))
    if operation.was is not None and before is None:
        return AddColumn(table=operation.table, column=operation.was)
    if operation.refill is not None:
        _refuse(operation, "nothing says what it was", 'say its type:  was="string"')
    _refuse(
        operation,
        "its values are gone",
        f"{_BY_HAND}; or, if an empty column will do,\n"
        f'give its type:  self.remove_column("{operation.table}", "{operation.column}", "string")',
    )


@reverse.register
def _(operation: ChangeColumn, before: base.Facts | None) -> base.Operation:
    was = "what the column was before"
    column = _noted(operation, before, "column", tables.FoundColumn, was)
    return RestoreColumn(table=operation.table, column=column)


@reverse.register
def _(operation: RenameColumn, before: base.Facts | None) -> base.Operation:
    return RenameColumn(table=operation.table, column=operation.to, to=operation.column)


@reverse.register
def _(operation: CreateIndex, before: base.Facts | None) -> base.Operation:
    return RemoveIndex(
        table=operation.table,
        name=operation.index.name,
        columns=operation.index.columns,
        concurrently=operation.concurrently,
    )


@reverse.register
def _(operation: RemoveIndex, before: base.Facts | None) -> base.Operation:
    index = operation.was
    if index is None or before is not None:
        index = _noted(operation, before, "index", tables.Index, "what kind of index it was")
    return CreateIndex(table=operation.table, index=index, concurrently=operation.concurrently)


@reverse.register
def _(operation: AddConstraint, before: base.Facts | None) -> base.Operation:
    columns = operation.key.columns if isinstance(operation, AddForeignKey) else ()
    return RemoveConstraint(table=operation.table, name=operation.name, columns=columns)


@reverse.register
def _(operation: RemoveConstraint, before: base.Facts | None) -> base.Operation:
    was: tables.Part | None = operation.was
    if before is not None:
        was = tables.part_from_json(before["constraint"])  # type: ignore[arg-type]
    if was is None:
        _refuse(operation, "change() does not say what it was")
    if isinstance(was, tables.ForeignKey):
        return AddForeignKey(table=operation.table, key=was)
    if isinstance(was, tables.Check):
        return AddCheck(table=operation.table, check=was)
    if isinstance(was, tables.Unique):
        return AddUnique(table=operation.table, unique=was)
    _refuse(operation, "the journal's note of it is damaged")


@reverse.register
def _(operation: Backfill, before: base.Facts | None) -> base.Operation:
    if operation.backwards:
        return Backfill(
            table=operation.table,
            columns=operation.backwards,
            backwards=operation.columns,
            max_rejects=operation.max_rejects,
            workers=operation.workers,
        )
    _refuse(
        operation,
        "it changed values that were there before",
        "say what brings them back:  self.backfill(…, reverse={…})\nor write up() and down()",
    )


@reverse.register
def _(operation: RowsOperation, before: base.Facts | None) -> base.Operation:
    _refuse(operation, "it changed rows that were there before")


@reverse.register
def _(operation: Execute, before: base.Facts | None) -> base.Operation:
    if operation.kind in {base.Kind.QUERY, base.Kind.SESSION}:
        return operation
    raise errors.Irreversible(
        f"execute({operation.describe()[:80]!r})",
        why="SQL does not say what would take it back",
        remedy=f"give the way back:  self.execute(…, reverse=…)\nor {_BY_HAND}",
    )
