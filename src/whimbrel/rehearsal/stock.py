"""Read what a database contains: tables, what belongs to them, indexes that nobody may need.

Values are the work of `valued`; what follows from all of it for a transfer is said in `grading`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from whimbrel import tables
from whimbrel.engines import inventory, weights
from whimbrel.engines.inventory import Kind
from whimbrel.proof import sides
from whimbrel.rehearsal import assessment, valued
from whimbrel.rows import keys
from whimbrel.transfers import reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """How large tables are, how indexes are used, and since when that is counted."""

    tables: Mapping[str, weights.Weight]
    uses: tuple[weights.Use, ...]
    since: str


def weigh(seat: sides.Seat) -> Weighed:
    """Ask for sizes and uses in the transaction that is open."""
    scale = seat.engine.weights(seat.session)
    return Weighed(tables=scale.tables(), uses=tuple(scale.indexes()), since=scale.since())


def table(
    source: reading.Source,
    found: tables.Table,
    looked: valued.Looked,
    weighed: Weighed,
    things: Iterable[inventory.Thing],
) -> assessment.Table:
    """Return a table of the inventory; `things` are those that belong to it."""
    weight = weighed.tables.get(found.name, weights.Weight())
    exact = looked.whole and looked.rows is not None
    key = keys.choose(found, source.engine)
    return assessment.Table(
        name=found.name,
        columns=tuple(_column(found, one, looked) for one in found.columns),
        rows=looked.rows if exact else source.estimates.get(found.name),
        exact=exact,
        looked_at=looked.rows,
        size=weight.rows,
        index_size=weight.indexes,
        primary_key=found.primary_key,
        has_key=bool(key.columns) and not key.address,
        uniques=len(found.uniques),
        indexes=len(found.indexes),
        foreign_keys=len(found.foreign_keys),
        checks=len(found.checks),
        triggers=tuple(one.name for one in things if one.kind is Kind.TRIGGER),
        comment=found.comment,
        part_of=source.heirs.get(found.name, (None, False))[0],
    )


def _column(
    found: tables.Table, column: tables.FoundColumn, looked: valued.Looked
) -> assessment.Column:
    facts = looked.facts.get(column.name)
    meaning = looked.meanings[column.name]
    binary = meaning.family.value == "binary"
    return assessment.Column(
        name=column.name,
        type=column.type,
        family=meaning.family.value,
        null=column.null,
        key=column.name in found.primary_key,
        default=column.default,
        generated=column.generated is not None,
        nulls=facts.nulls if facts else None,
        least=f"{facts.least:f}" if facts and facts.least is not None else None,
        most=f"{facts.most:f}" if facts and facts.most is not None else None,
        longest=(facts.octets if binary else facts.characters) if facts else None,
        kinds=dict(facts.kinds) if facts and meaning.typed else {},
    )


def belonging(things: Iterable[inventory.Thing]) -> dict[str, list[inventory.Thing]]:
    """Return things by the table that they belong to."""
    found: dict[str, list[inventory.Thing]] = {}
    for one in things:
        if one.table is not None:
            found.setdefault(one.table, []).append(one)
    return found


def unused(found: Iterable[tables.Table], weighed: Weighed) -> Iterator[assessment.Index]:
    """Yield indexes that were never read since the server counts, or that another one contains.

    Keys are left out: they keep something from happening, read or not.
    """
    uses = {(one.table, one.index): one for one in weighed.uses}
    for one in found:
        for index in one.indexes:
            use = uses.get((one.name, index.name))
            size = use.size if use is not None else None
            wider = _wider(one, index)
            if index.unique:
                continue
            if wider is not None:
                why = f"{wider} begins with the same columns"
                yield assessment.Index(table=one.name, name=index.name, why=why, size=size)
            elif use is not None and use.reads == 0 and weighed.since:
                yield assessment.Index(
                    table=one.name, name=index.name, why="it was never read", size=size
                )


def _wider(table: tables.Table, index: tables.Index) -> str | None:
    """Return the name of what serves as well: a key or an index that begins with its columns."""
    mine = index.columns
    if index.where or index.method or index.extras or any(index.lengths):
        return None
    if any(isinstance(part, tables.Sql) for part in mine):
        return None
    if table.primary_key[: len(mine)] == mine:
        return "the primary key"
    for unique in table.uniques:
        if unique.columns[: len(mine)] == mine:
            return unique.name or "a unique key"
    for other in table.indexes:
        if other is index or other.where or other.method or any(other.lengths):
            continue
        longer = len(other.columns) > len(mine) or other.unique or other.name < index.name
        same_order = not (any(other.descending) or any(index.descending))
        if longer and same_order and other.columns[: len(mine)] == mine:
            return other.name
    return None
