"""without_indexes: secondary indexes dropped before a block and built again after it.

Which they were is looked up once and kept by the journal: a resumed run cannot ask the catalog,
where they are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from whimbrel import tables
from whimbrel.migrations import operations as ops
from whimbrel.migrations.expansions import common
from whimbrel.migrations.operations import look_up

if TYPE_CHECKING:
    from whimbrel.migrations import desk as desks


@contextmanager
def without(desk: desks.Desk, table: str, *, constraints: bool) -> Iterator[None]:
    """Drop, let the block run, build again. A block that fails leaves them for the next run."""
    facts = common.look(desk, table, constraints=constraints)
    keys, others = _constraints(facts) if constraints else ([], [])
    served = {key.name for key in keys}
    indexes = [
        index
        for index in facts.table.indexes
        if index.valid
        and index.name not in facts.stay
        and index.name not in served  # a server may make it, and drop it, with the key
        and (constraints or not index.unique)
    ]
    # Foreign keys first: as long as they are there, their index may have to stay.
    for key in keys:
        desk.perform(ops.RemoveConstraint(table=table, name=key.name, columns=key.columns, was=key))
    for index in indexes:
        desk.perform(ops.RemoveIndex(table=table, name=index.name, was=index))
    for part in others:
        desk.perform(ops.RemoveConstraint(table=table, name=part.name, was=part))
    outer = desk.missing.get(table, [])
    missing = [str(part.name) for part in (*indexes, *others, *keys)]
    desk.missing[table] = [*outer, *missing]
    yield
    for index in indexes:
        desk.perform(ops.CreateIndex(table=table, index=index))
        desk.missing[table].remove(index.name)
    for part in others:
        _add(desk, table, part)
    for key in keys:
        _add(desk, table, key)
    if not desk.missing[table]:
        del desk.missing[table]


def _constraints(
    facts: look_up.Facts,
) -> tuple[list[tables.ForeignKey], list[tables.Unique | tables.Check]]:
    def may_go(part: tables.ForeignKey | tables.Unique | tables.Check) -> bool:
        return part.name is not None and part.name not in facts.stay

    keys = [key for key in facts.table.foreign_keys if may_go(key)]
    every: list[tables.Unique | tables.Check] = [*facts.table.uniques, *facts.table.checks]
    others = [part for part in every if may_go(part)]
    return keys, others


def _add(
    desk: desks.Desk, table: str, part: tables.ForeignKey | tables.Unique | tables.Check
) -> None:
    match part:
        case tables.ForeignKey():
            desk.perform(ops.AddForeignKey(table=table, key=part))
        case tables.Unique():
            desk.perform(ops.AddUnique(table=table, unique=part))
        case tables.Check():
            desk.perform(ops.AddCheck(table=table, check=part))
    desk.missing[table].remove(str(part.name))
