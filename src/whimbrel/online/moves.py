"""What a live change does, move by move, on its way there, to its end, and back.

A move is a value; who makes it is the desk. The way there is always the same list for the same
change, so that a resumed run finds its place by counting.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from whimbrel import tables
from whimbrel.engines import base, mirrors
from whimbrel.migrations import live
from whimbrel.migrations import operations as ops
from whimbrel.online import change as changes
from whimbrel.online import steps

EXPANDED, MIRRORED, BACKFILLED, VERIFIED, SWAPPED = live.PHASES
NEW = "new"  # begun, and nothing done
COMPLETE, REVERTED = "complete", "reverted"
ORDER = {phase: place for place, phase in enumerate((NEW, *live.PHASES))}


class Kind(StrEnum):
    """What is done in a move."""

    OPERATION = "operation"  # one verb, as in any migration
    CREATE = "create"  # the new table
    INSTALL = "install"  # triggers
    VERIFY = "verify"
    SWAP = "swap"
    UNSWAP = "unswap"
    REMOVE = "remove"  # triggers, and in the same transaction the operations
    ASIDE = "aside"  # the old table gets a name of ours
    DROP = "drop"  # the new table


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move: the phase that it belongs to, and what is done."""

    phase: str
    kind: Kind
    words: str
    operations: tuple[ops.Operation, ...] = ()


def _one(phase: str, operation: ops.Operation) -> Move:
    return Move(
        phase=phase, kind=Kind.OPERATION, words=operation.describe(), operations=(operation,)
    )


def forward(change: changes.Change) -> list[Move]:
    """Return the way to the open window."""
    return list(_forward(change))


def _forward(change: changes.Change) -> Iterator[Move]:
    shape, table = change.shape, change.table
    in_place = change.mode is mirrors.Mode.COLUMNS
    if in_place:
        for column in change.added:
            opened = changes.opened(column, shape.up)
            yield _one(EXPANDED, ops.AddColumn(table=table, column=tables.like(opened)))
    else:
        yield Move(phase=EXPANDED, kind=Kind.CREATE, words=f"create the new table {shape.new.name}")
    if change.mirrored:
        words = f"keep both shapes of {table} in step by triggers"
        yield Move(phase=MIRRORED, kind=Kind.INSTALL, words=words)
    if shape.up:
        yield _one(BACKFILLED, steps.Fill(table=table, shape=shape))
    for made in change.made:
        if made.early:
            yield _one(VERIFIED, steps.adding(table, made.part))
    if change.mirrored:
        words = f"compare both shapes of every row of {table}"
        yield Move(phase=VERIFIED, kind=Kind.VERIFY, words=words)
    if change.mode is mirrors.Mode.TABLE:
        words = f"give the new table the name {table}"
        yield Move(phase=SWAPPED, kind=Kind.SWAP, words=words)


def contract(change: changes.Change, ddl: base.Ddl) -> list[Move]:
    """Return the way from the open window to the end."""
    can = ddl.engine.can
    if change.mode is mirrors.Mode.TABLE:
        return [
            Move(phase=COMPLETE, kind=Kind.REMOVE, words="remove the triggers"),
            Move(phase=COMPLETE, kind=Kind.ASIDE, words=f"put the old table {change.table} aside"),
        ]
    table = change.table
    moves = [_one(COMPLETE, one) for one in finishing(change)]
    last: list[ops.Operation] = [steps.removing(table, part) for part in change.gone]
    for name in change.removed:
        refill = change.shape.down.get(name)
        last.append(
            ops.RemoveColumn(
                table=table, column=name, refill=refill, native=True, keep=change.kept.get(name)
            )
        )
    for one in change.made:
        if one.part.name == one.name:
            continue
        if ddl.rename_part(change.after, one.part, one.name) is not None:
            last.append(steps.RenamePart(table=table, part=one.part, to=one.name))
            continue
        # Both are there for a moment, so that nothing comes in that neither would let in.
        last.append(steps.adding(table, dataclasses.replace(one.part, name=one.name)))
        last.append(steps.removing(table, one.part))
    if not change.mirrored:
        return [*moves, *(_one(COMPLETE, one) for one in last)]
    return [*moves, *_removing(change, last, can, COMPLETE, before=_relaxed(change, can))]


def finishing(change: changes.Change) -> list[ops.Operation]:
    """Return what is asked of the new shape only when old code has gone."""
    done: list[ops.Operation] = [
        steps.FinishColumn(table=change.table, column=column)
        for column in change.added
        if changes.opened(column, change.shape.up) != column
    ]
    return done + [steps.adding(change.table, made.part) for made in change.made if not made.early]


def backward(change: changes.Change, catalog: base.Catalog, can: base.Capabilities) -> list[Move]:
    """Return the way back, from whatever is there."""
    if change.mode is not mirrors.Mode.COLUMNS:
        return list(_back_to_table(change))
    table = catalog.table(change.table)
    there = {part.name for part in changes.parts(table)}
    last: list[ops.Operation] = [
        steps.removing(change.table, made.part) for made in change.made if made.part.name in there
    ]
    last += [
        ops.RemoveColumn(table=change.table, column=column.name, keep=False)
        for column in reversed(change.added)
        if table.has(column.name)
    ]
    if not change.mirrored:
        return [_one(REVERTED, one) for one in last]
    return _removing(change, last, can, REVERTED)


def _back_to_table(change: changes.Change) -> Iterator[Move]:
    if change.mode is mirrors.Mode.TABLE:
        words = f"give the old table its name {change.table} back"
        yield Move(phase=REVERTED, kind=Kind.UNSWAP, words=words)
    yield Move(phase=REVERTED, kind=Kind.REMOVE, words="remove the triggers")
    words = f"remove the new table {change.shape.new.name}"
    yield Move(phase=REVERTED, kind=Kind.DROP, words=words)


def _removing(
    change: changes.Change,
    last: list[ops.Operation],
    can: base.Capabilities,
    phase: str,
    *,
    before: list[ops.Operation] | None = None,
) -> list[Move]:
    """Remove the triggers and one of the shapes, in one instant where the engine can."""
    words = "remove the triggers"
    if can.transactional_ddl:
        words = "; ".join((words, *(one.describe() for one in last)))
        return [Move(phase=phase, kind=Kind.REMOVE, words=words, operations=tuple(last))]
    return [
        *(_one(phase, one) for one in before or ()),
        Move(phase=phase, kind=Kind.REMOVE, words=words),
        *(_one(phase, one) for one in last),
    ]


def _relaxed(change: changes.Change, can: base.Capabilities) -> list[ops.Operation]:
    """Let new code insert rows also in the moment without triggers, before the columns go."""
    found = [change.before.column(name) for name in change.removed]
    return [
        steps.FinishColumn(table=change.table, column=dataclasses.replace(column, null=True))
        for column in found
        if not column.null and column.default is None
    ]
