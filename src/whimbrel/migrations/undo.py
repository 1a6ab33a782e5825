"""Take operations back: those of change(), and the finished steps of a half-done migration.

A change of rows has no reverse of its own. It needs none when all that it wrote goes away with
a table or column that the same migration made; otherwise we refuse, and say which step it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.journal import journal, kept
from whimbrel.migrations import desk as desks
from whimbrel.migrations import keeping, stores
from whimbrel.migrations import made as made_
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.migrations.operations import look_up, reversal

Noted = tuple[ops.Operation, dict[str, object] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refill(ops.Backfill):
    """Brings back the values of one column; `after` is what it could not be before."""

    after: ops.Operation | None = None


def reversed_operations(
    done: Sequence[Noted], desk: desks.Desk, given: keeping.Given | None = None
) -> list[ops.Operation]:
    """Return what takes a list of operations back, last first; raise Irreversible.

    `done` pairs each operation with what the journal noted before it (None: it never ran);
    `given` is what they had kept.
    """
    made = made_.Made()
    reverses: list[list[ops.Operation]] = []
    for operation, before in done:
        row = given.take(operation) if given is not None else None
        if given is not None and row is not None:
            reverses.append(_give_back(row, given.policy))
        else:
            reverses.append(_reverse(operation, before, made, desk))
        made.see(operation)
    operations = [operation for group in reversed(reverses) for operation in group]
    return _refilled_together(_knowing_later(operations))


def refuse_conflicts(operations: Sequence[ops.Operation], session: base.Session) -> None:
    """Raise UndoConflicts, before anything is given back, for values that were changed since."""
    for operation in operations:
        if isinstance(operation, ops.Returning):
            operation.refuse_conflicts(session)


def _give_back(row: kept.KeptRow, policy: str) -> list[ops.Operation]:
    """Return what takes an operation back that kept what it overwrote or removed."""
    store = stores.Store.read(row)
    if row.kind == kept.Kind.VALUES:
        back_: list[ops.Operation] = [ops.GiveBack(store=store, policy=policy)]
        was = row.facts.get("column")
        if was is None:
            return back_
        column = tables.part_from_json(cast("Mapping[str, object]", was))
        if not isinstance(column, tables.FoundColumn):
            raise errors.WhimbrelError(f"the note of what {store.was} keeps is damaged")
        return [ops.RestoreColumn(table=store.table, column=column), *back_]
    if row.kind == kept.Kind.ROWS:
        # Parents before children; what was only changed there comes last.
        every = [store, *(one.store for one in store.along)]
        return [
            ops.GiveBack(store=one, policy=policy) if one.now
            else ops.GiveRows(store=one, policy=policy)
            for one in every
        ]  # fmt: skip
    if row.kind == kept.Kind.COLUMN:
        return _column_back(store, row, policy)
    facts = cast("Mapping[str, object]", row.facts["table"])
    table = look_up.from_json(facts).replace(
        sql=row.facts["sql"], primary_key_name=row.facts["primary_key_name"]
    )
    texts = tuple(cast("list[str]", row.facts["texts"]))
    back: list[ops.Operation] = [ops.GiveTable(table=table, store=store.was, texts=texts)]
    if row.facts["sql"] is None:
        back += [ops.AddForeignKey(table=table.name, key=key) for key in table.foreign_keys]
    return back


def _column_back(store: stores.Store, row: kept.KeptRow, policy: str) -> list[ops.Operation]:
    """Add a column again, fill it, and only then ask of it what was asked of it."""
    (column,) = store.values
    parts = cast("list[Mapping[str, object]]", row.facts["parts"])
    back: list[ops.Operation] = [
        ops.AddColumn(table=store.table, column=tables.like(column, null=True)),
        ops.GiveBack(store=store, policy=policy),
    ]
    if not column.null:
        back.append(ops.RestoreColumn(table=store.table, column=column))
    for part in map(tables.part_from_json, parts):
        match part:
            case tables.Index():
                back.append(ops.CreateIndex(table=store.table, index=part))
            case tables.Unique():
                back.append(ops.AddUnique(table=store.table, unique=part))
            case tables.ForeignKey():
                back.append(ops.AddForeignKey(table=store.table, key=part))
            case tables.Check():
                back.append(ops.AddCheck(table=store.table, check=part))
    return back


def _knowing_later(operations: Sequence[ops.Operation]) -> list[ops.Operation]:
    """Tell what gives something back what is given back to the same table before it."""
    done: list[ops.Operation] = []
    for operation in operations:
        if isinstance(operation, ops.Returning):
            later = tuple(
                other.store
                for other in done
                if isinstance(other, ops.GiveBack) and other.walked == operation.walked
            )
            operation = dataclasses.replace(operation, later=later)
        done.append(operation)
    return done


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
    made = made_.Made()
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
    operation: ops.Operation, before: dict[str, object] | None, made: made_.Made, desk: desks.Desk
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
    operation: ops.RowsOperation, before: dict[str, object] | None, made: made_.Made
) -> list[ops.Operation]:
    if made.holds(operation):
        return []
    half = bool(before and before.get("half"))
    if half:
        raise errors.Irreversible(operation.describe(), why="it stopped half-way", remedy=_FINISH)
    return [reversal.reverse(operation, before)]


def take_back_plan(id_: str, doc: str, recorded: Sequence[journal.StepRow]) -> plans.MigrationPlan:
    """Return the plan for taking back what is done of a half-done migration."""
    steps = [
        plans.PlannedStep(
            position=number,
            kind=row.kind,
            words=f"take back: {row.step}",
            statements=(),
            lock="",
            reversible=False,
        )
        for number, row in enumerate(reversed(recorded), start=1)
        if row.kind not in {"query", "session"}
    ]
    return plans.MigrationPlan(
        id=id_,
        direction="down",
        doc=doc,
        whole=False,
        rebuilds=False,
        reversible=False,
        steps=tuple(steps),
        undecided="the catalog is asked about the step that was interrupted",
    )
