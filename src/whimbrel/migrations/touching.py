"""Which tables a planned step touches, who waits for it meanwhile, and how much it goes through.

What each kind of change costs on a server is said by `engines/tolls`; how long it takes is for
`rehearsal/forecast` to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from whimbrel import errors
from whimbrel.engines import tolls
from whimbrel.migrations import operations as ops
from whimbrel.migrations.checks import changes
from whimbrel.migrations.checks import watch as watching

WRITERS = "writers"
READERS_AND_WRITERS = "readers and writers"
_ORDER = ("", WRITERS, READERS_AND_WRITERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What a step touches: tables by the names they have then, who waits, and the work.

    `waits` is "" if nobody does (or nobody could: the table is new), else "writers" or "readers
    and writers".
    """

    tables: tuple[str, ...] = ()
    waits: str = ""
    work: tolls.Work = tolls.Work.NOTHING


def of_rows(operation: ops.RowsOperation) -> tuple[str, ...]:
    """Return the tables of a step in batches: the one it writes before the one it walks."""
    if isinstance(operation, ops.Batches):
        return (operation.walked,)
    return tuple(dict.fromkeys((operation.written, operation.walked)))


def touch(
    operation: ops.Operation,
    seen: Sequence[watching.Sighting],
    costs: tolls.Tolls | None,
    *,
    dialect: str,
) -> Touch:
    """Return what a step touches; `seen` are its changes, `costs` is None if nobody asks."""
    names: dict[str, None] = {}
    if isinstance(operation, ops.Execute):
        names |= dict.fromkeys(_named(operation.sent, dialect))
    else:
        for attribute in ("table", "to"):
            value = getattr(operation, attribute, None)
            name = getattr(value, "name", value)
            renamed = attribute == "to" and not isinstance(operation, ops.RenameTable)
            if isinstance(name, str) and not renamed:
                names[name] = None
    names |= {one.table: None for one in seen if one.table}
    waits, work = "", tolls.Work.NOTHING
    for one in seen:
        toll = _toll(one, costs) if costs is not None else None
        if toll is not None and one.real:
            waits = max(waits, toll.waits, key=_ORDER.index)
        if toll is not None:
            work = max(work, toll.work)
        if one.rebuilds:
            work = tolls.Work.WRITE
    return Touch(tables=tuple(names), waits=waits, work=work)


def _named(sql: str, dialect: str) -> Iterator[str]:
    try:
        trees = sqlglot.parse(sql, read=dialect)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return
    for tree in trees:
        if tree is not None:
            yield from (table.name for table in tree.find_all(exp.Table) if table.name)


def _toll(seen: watching.Sighting, costs: tolls.Tolls) -> tolls.Toll | None:
    """Return what one change costs, None if nobody knows."""
    try:
        return _asked(seen, costs)
    except errors.WhimbrelError:
        return None  # what cannot be is refused elsewhere, with a better word


def _asked(seen: watching.Sighting, costs: tolls.Tolls) -> tolls.Toll | None:
    change = seen.change
    match change:
        case changes.CreateIndex():
            return costs.create_index(change.table, change.index, concurrently=change.concurrently)
        case changes.DropIndex():
            return costs.drop_index(change.table, change.name, concurrently=change.concurrently)
        case changes.AddColumn():
            return costs.add_column(change.table, change.column)
        case changes.Retype() if seen.found is not None:
            return costs.change_type(seen.found, change.column, change.type)
        case changes.SetNotNull() if seen.found is not None:
            return costs.set_not_null(seen.found, change.column)
        case changes.AddForeignKey():
            return costs.add_foreign_key(change.table, change.key, checked=change.checked)
        case changes.AddCheck():
            return costs.add_check(change.table, change.check, checked=change.checked)
        case changes.AddUnique():
            return costs.add_unique(change.table, change.unique, by_index=change.by_index)
        case changes.AddPrimaryKey():
            return costs.add_primary_key(change.table, change.columns)
        case (
            changes.RenameTable() | changes.DropTable() | changes.RenameColumn()
            | changes.DropColumn() | changes.Truncate()
        ):  # fmt: skip
            return tolls.Toll(lock="", waits=costs.renames_wait(), work=tolls.Work.NOTHING)
        case changes.WriteRows() if change.sql:
            # One statement holds the rows that it writes until its transaction ends.
            return tolls.Toll(lock="", waits=WRITERS, work=tolls.Work.WRITE)
        case changes.Other():
            return costs.other(change.words)
    return None
