"""Which rows of a database stand for all of it: a share of each table, and all that belongs to it.

Chosen are rows that show what there is (`coverage`), then those with the lowest ranks, which depend
on the seed and their keys alone, until each table has its share; and whatever these refer to
(`closure`). Nothing else is in it. How the rows go into another database is the work of transfers.
"""

from __future__ import annotations

import dataclasses
import functools
import heapq
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors, tables
from whimbrel.proof import sides
from whimbrel.rehearsal import closure, coverage, keyed
from whimbrel.schema import dependencies
from whimbrel.transfers import flows, reading

# So many rows a table has at least, if it has them.
LEAST_ROWS: Final = 5
# Rows of the lowest ranks are looked through when there are so many times more than wanted.
_TRIMMED: Final = 4
# In so many steps tables come to their shares, until there are as many rows in all as wanted.
_STEPS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How much is wanted: so many rows in all, or so many of a hundred of each table."""

    rows: int | None = None
    percent: float | None = None
    seed: int = 0
    references: tuple[dependencies.Reference, ...] = ()

    def shares(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return how many rows of each table are wanted, of so many that there are."""
        if self.percent is not None:
            part = self.percent / 100
            return {name: min(count, math.ceil(count * part)) for name, count in counts.items()}
        wanted = self.rows or 0
        least = {name: min(count, LEAST_ROWS) for name, count in counts.items()}
        left = wanted - sum(least.values())
        rest = {name: counts[name] - least[name] for name in counts}
        if left <= 0:
            return _spread(least, wanted)
        more = _spread(rest, left)
        return {name: least[name] + more[name] for name in counts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was chosen of one table, of how many rows.

    `shown` are what `covering` rows show; `sampled` were chosen by their rank, and `needed` are
    there because others refer to them. `astray` are those of them that refer to nothing there is.
    """

    table: str
    of: int
    covering: int = 0
    sampled: int = 0
    needed: int = 0
    astray: int = 0
    shown: tuple[coverage.Shown, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows are in the subset."""
        return self.covering + self.sampled + self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen of all tables, and the keys: None is every row.

    `chosen` are those that were chosen themselves, for what they show or by their rank; `keys`
    also those that are needed by these.
    """

    tables: tuple[Chosen, ...]
    keys: Mapping[str, tuple[keyed.Key, ...] | None] = field(repr=False)
    chosen: Mapping[str, tuple[keyed.Key, ...] | None] = field(repr=False)
    graph: dependencies.Graph

    @property
    def rows(self) -> int:
        """How many rows are in the subset."""
        return sum(one.rows for one in self.tables)

    def without_values(self, hidden: Collection[tuple[str, str]]) -> Choice:
        """Return the same without the values that rows of some columns, by table, show."""
        found = []
        for table in self.tables:
            shown = tuple(
                dataclasses.replace(one, what="one of few values")
                if (table.table, one.column) in hidden and one.what.startswith("value ")
                else one
                for one in table.shown
            )
            found.append(dataclasses.replace(table, shown=shown))
        return dataclasses.replace(self, tables=tuple(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What was seen of one table: rows that show something, and those of the lowest ranks."""

    shown: tuple[coverage.Shown, ...]
    lowest: tuple[keyed.Key, ...]


class Chooser:
    """Chooses rows of one source at one moment."""

    def __init__(self, side: sides.Side, source: reading.Source, wish: Wish) -> None:
        self._side = side
        self._source = source
        self._wish = wish

    def choose(self, names: Sequence[str]) -> tuple[Choice, dict[str, keyed.Keyed]]:
        """Return what is chosen of some tables, and how their rows are found."""
        shapes = {
            name: self._side.run(functools.partial(self._shape, table=self._source.table(name)))
            for name in sorted(names)
            if self._root(name) == name
        }
        graph = self._graph(names)
        counts = {name: self._side.submit(_counter(shape)) for name, shape in shapes.items()}
        there = {name: future.result() for name, future in counts.items()}
        shares = self._wish.shares(there)
        closed = closure.Closure(self._side, shapes, graph.references)
        looked = self._look(shapes, there, shares)
        covering: dict[str, tuple[keyed.Key, ...]] = {}
        for name in shapes:
            if shares[name] >= there[name]:
                closed.add_whole(name, there[name])
            else:
                closed.add(name, [one.key for one in looked[name].shown])
            covering[name] = tuple(closed.rows[name])
        closed.close()
        sampled = self._fill(graph, closed, looked, shares)
        found = []
        for name in shapes:
            whole = name in closed.whole
            rows = there[name] if whole else len(closed.rows[name])
            mine = rows if whole else len(sampled[name])
            found.append(
                Chosen(
                    table=name,
                    of=there[name],
                    covering=len(covering[name]),
                    sampled=mine,
                    needed=rows - mine - len(covering[name]),
                    astray=closed.astray(name),
                    shown=looked[name].shown if name in looked else (),
                )
            )
        sets = (closed.rows, {name: (*covering[name], *sampled[name]) for name in shapes})
        keys, chosen = (
            {
                name: None if name in closed.whole else tuple(sorted(rows[name], key=_sorting))
                for name in shapes
            }
            for rows in sets
        )
        return Choice(tables=tuple(found), keys=keys, chosen=chosen, graph=graph), shapes

    def _fill(
        self,
        graph: dependencies.Graph,
        closed: closure.Closure,
        looked: Mapping[str, _Looked],
        shares: Mapping[str, int],
    ) -> dict[str, list[keyed.Key]]:
        """Add rows by their rank until every table has its share; return those.

        Those that others refer to come last: what these have brought along counts. Where so many
        rows in all are wanted, all tables come nearer to their shares step by step until there are.
        """
        sampled: dict[str, list[keyed.Key]] = {name: [] for name in closed.rows}
        order = [name for name in reversed(graph.load_order) if name in looked]
        limit = self._wish.rows
        steps = 1 if limit is None else _STEPS
        for step in range(0 if limit is not None else 1, steps + 1):
            for name in order:
                if limit is not None and step and closed.count >= limit:
                    return sampled
                known, share = closed.rows[name], math.ceil(shares[name] * step / steps)
                share = max(share, min(LEAST_ROWS, shares[name]))
                free = (key for key in looked[name].lowest if key not in known)
                new = list(itertools.islice(free, max(0, share - len(known))))
                sampled[name] += new
                closed.add(name, new)
                closed.close()
        return sampled

    def _look(
        self,
        shapes: Mapping[str, keyed.Keyed],
        counts: Mapping[str, int],
        shares: Mapping[str, int],
    ) -> dict[str, _Looked]:
        begun = {
            name: self._side.submit(
                functools.partial(_looked, shape=shape, seed=self._wish.seed, wanted=shares[name])
            )
            for name, shape in shapes.items()
            if shares[name] < counts[name]
        }
        return {name: future.result() for name, future in begun.items()}

    # --- what there is --------------------------------------------------------------------------

    def _root(self, name: str) -> str:
        """Return the table that a partition's rows are rows of, or the table itself."""
        while name in self._source.heirs and self._source.heirs[name][1]:
            name = self._source.heirs[name][0]
        return name

    def _shape(self, seat: sides.Seat, *, table: tables.Table) -> keyed.Keyed:
        others = any(
            parent == table.name and not partition
            for parent, partition in self._source.heirs.values()
        )
        own = seat.engine.own_rows(table.name) if others else ""
        return keyed.keyed(seat, table, own=own)

    def _graph(self, names: Sequence[str]) -> dependencies.Graph:
        found = [self._source.table(name) for name in names if self._root(name) == name]
        for one in self._wish.references:
            _check(one, self._source)
        moved = [
            table.replace(
                foreign_keys=tuple(
                    dataclasses.replace(key, ref_table=self._root(key.ref_table))
                    for key in table.foreign_keys
                )
            )
            for table in found
        ]
        return dependencies.graph(moved, virtual=self._wish.references)


def _check(one: dependencies.Reference, source: reading.Source) -> None:
    """See that a reference that somebody has said can be one."""
    for name, columns in ((one.table, one.columns), (one.ref_table, one.ref_columns)):
        table = source.table(name)
        for column in columns:
            table.column(column)
    if len(one.columns) != len(one.ref_columns) or not one.columns:
        raise errors.UsageError(
            f"the reference {one} does not name as many columns on both sides",
            remedy='columns = ["a", "b"]  and  ref_columns = ["c", "d"]',
        )


def restricted(
    side: sides.Side,
    source: reading.Source,
    going: Sequence[flows.Flow],
    choice: Choice,
    shapes: Mapping[str, keyed.Keyed],
) -> list[flows.Flow]:
    """Return the flows with the rows that were chosen, in the order of their keys."""
    rows = {one.table: one.rows for one in choice.tables}
    found = []
    for flow in going:
        name = flow.table or ""
        while name not in shapes and name in source.heirs:
            name = source.heirs[name][0]
        shape = shapes.get(name)
        if shape is None:
            found.append(flow)
            continue
        keys = choice.keys[name]
        # Its own rows alone are taken by the transfer itself.
        plain = dataclasses.replace(shape, own="")
        condition = side.run(functools.partial(plain.condition, wanted=keys))
        order = "" if name != flow.table and shape.address else plain.order()
        said = f"{rows[name]:,} rows that were chosen" if condition else ""
        found.append(
            dataclasses.replace(flow, where=condition, order=order, rows=rows[name], said=said)
        )
    return found


def _counter(shape: keyed.Keyed) -> sides.Work[int]:
    def count(seat: sides.Seat) -> int:
        where = f" WHERE {shape.own}" if shape.own else ""
        (row,) = seat.session.fetch(f"SELECT count(*) FROM {seat.engine.quote(shape.name)}{where}")
        return int(str(row[0]))

    return count


def _looked(seat: sides.Seat, *, shape: keyed.Keyed, seed: int, wanted: int) -> _Looked:
    """Look at every row of a table once."""
    ranking = keyed.Ranking(shape, seed)
    watched = coverage.Coverage(shape)
    lowest: dict[keyed.Key, bytes] = {}
    limit = b"\xff" * 17
    count = 0
    for rows in shape.texts(seat):
        ranks = [ranking.of(row) for row in rows]
        watched.take(rows, ranks)
        count += len(rows)
        for row, rank in zip(rows, ranks, strict=True):
            if rank < limit:
                lowest[shape.of(row)] = rank
        if len(lowest) > _TRIMMED * wanted + 1_000:
            lowest = dict(_smallest(lowest, wanted))
            limit = max(lowest.values(), default=b"")
    chosen = tuple(key for key, _ in _smallest(lowest, wanted))
    return _Looked(shown=tuple(watched.shown(count)), lowest=chosen)


def _smallest(found: Mapping[keyed.Key, bytes], count: int) -> list[tuple[keyed.Key, bytes]]:
    return heapq.nsmallest(count, found.items(), key=lambda one: (one[1], _sorting(one[0])))


def _sorting(key: keyed.Key) -> tuple[tuple[bool, bytes], ...]:
    return tuple((text is not None, text or b"") for text in key)


def _spread(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    """Share a number out by size: rounded down, what is left to the largest remainders."""
    total = sum(sizes.values())
    if wanted >= total:
        return dict(sizes)
    shares = {name: size * wanted // total for name, size in sizes.items()}
    left = wanted - sum(shares.values())
    by_rest = sorted(sizes, key=lambda name: (-(sizes[name] * wanted % total), name))
    for name in by_rest[:left]:
        shares[name] += 1
    return shares
