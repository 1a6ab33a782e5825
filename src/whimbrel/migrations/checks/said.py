"""Read the verbs of a migration as changes. SQL of the user's own is read in `reading`."""

from __future__ import annotations

from collections.abc import Iterator

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.migrations import operations as ops
from whimbrel.migrations.checks import changes, reading


def changes_of(operation: ops.Operation, ddl: base.Ddl) -> tuple[changes.Change, ...]:
    """Return what an operation does to tables as they are planned before it."""
    if isinstance(operation, ops.Execute):
        return reading.changes_of(operation.sent, operation.sort, ddl.engine.dialect)
    try:
        return tuple(_changes(operation, ddl))
    except errors.WhimbrelError:
        return ()  # the verb itself refuses, with a better word


def _changes(operation: ops.Operation, ddl: base.Ddl) -> Iterator[changes.Change]:
    match operation:
        case ops.CreateTable():
            new = operation.table
            yield changes.CreateTable(
                table=new.name,
                columns=tuple(ddl.found(column, table=new.name) for column in new.columns),
                primary_key=bool(new.primary_key),
                foreign_keys=new.foreign_keys,
            )
        case ops.DropTable():
            yield changes.DropTable(table=operation.table)
        case ops.RenameTable():
            yield changes.RenameTable(table=operation.table, to=operation.to)
        case ops.AddColumn():
            yield changes.AddColumn(
                table=operation.table,
                column=ddl.found(operation.column, table=operation.table),
                unique=operation.column.unique,
            )
        case ops.RemoveColumn():
            yield changes.DropColumn(table=operation.table, column=operation.column)
        case ops.RenameColumn():
            yield changes.RenameColumn(
                table=operation.table, column=operation.column, to=operation.to
            )
        case ops.ChangeColumn():
            yield from _changed(operation, ddl)
        case ops.CreateIndex():
            asked = operation.concurrently or operation.safely
            concurrently = asked and ddl.engine.can.concurrent_index
            yield changes.CreateIndex(
                table=operation.table, index=operation.index, concurrently=concurrently
            )
        case ops.RemoveIndex():
            found = operation.find(ddl.catalog.table(operation.table))
            concurrently = operation.concurrently and ddl.engine.can.concurrent_index
            yield changes.DropIndex(
                table=operation.table, name=str(found.name), concurrently=concurrently
            )
        case ops.AddForeignKey():
            yield changes.AddForeignKey(
                table=operation.table, key=operation.key, beside=operation.safely
            )
        case ops.AddCheck():
            yield changes.AddCheck(
                table=operation.table, check=operation.check, beside=operation.safely
            )
        case ops.AddUnique():
            yield changes.AddUnique(
                table=operation.table, unique=operation.unique, by_index=operation.safely
            )
        case ops.RowsOperation():
            yield from _rows(operation)


def _changed(operation: ops.ChangeColumn, ddl: base.Ddl) -> Iterator[changes.Change]:
    table = ddl.catalog.table(operation.table)
    old, new = table.column(operation.column.name), ddl.changed(table, operation.column)
    if not ddl.same_type(old.type, new.type):
        lossy = None if operation.accept_loss else ddl.lossy_values(table, operation.column)
        yield changes.Retype(
            table=table.name, column=old.name, type=new.type, using=True, lossy=lossy or ""
        )
    if old.null and not new.null:
        yield changes.SetNotNull(table=table.name, column=old.name, beside=operation.safely)
    if operation.column.unique:
        yield changes.AddUnique(
            table=table.name,
            unique=tables.Unique(
                name=tables.constraint_name("uq", table.name, [old.name]), columns=(old.name,)
            ),
        )


def _rows(operation: ops.RowsOperation) -> Iterator[changes.Change]:
    yield changes.ReadRows(table=operation.walked)
    if isinstance(operation, ops.Batches):
        return
    verb = "DELETE" if isinstance(operation, ops.DeleteRows) else "UPDATE"
    asked = operation.keep not in {None, False, "never"}
    yield changes.WriteRows(table=operation.written, verb=verb, keep=asked)
