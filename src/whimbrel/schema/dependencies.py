"""What refers to what in a database: foreign keys between tables, and what views read.

The graph is a value: it says who needs whom, in which order tables can be filled, and which of them
refer to each other in a circle. Drawing it, or doing anything with rows, is others' work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines import inventory

_VIEWS: Final = frozenset({inventory.Kind.VIEW, inventory.Kind.MATERIALIZED_VIEW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Columns of one table that name a row of another, or of the same one.

    A `virtual` one is no foreign key of the database: somebody has said that it is meant.
    `optional` says that a row may do without: one of its columns takes NULL.
    """

    table: str
    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]
    name: str | None = None
    optional: bool = False
    deferrable: bool = False
    virtual: bool = False

    @property
    def itself(self) -> bool:
        """Whether it leads to the table that it is in."""
        return self.table == self.ref_table

    def __str__(self) -> str:
        own, other = ", ".join(self.columns), ", ".join(self.ref_columns)
        return f"{self.table} ({own}) -> {self.ref_table} ({other})"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view, and the tables and other views of the graph that it reads."""

    name: str
    reads: tuple[str, ...]
    materialized: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """Tables that need each other in a circle, and the references that lie within it.

    A single table is one if it refers to itself.
    """

    tables: tuple[str, ...]
    references: tuple[Reference, ...]

    @property
    def optional(self) -> tuple[Reference, ...]:
        """References that may be left empty until the other rows are there."""
        return tuple(one for one in self.references if one.optional)

    def __str__(self) -> str:
        """Return a way around the circle, as people follow it."""
        return " -> ".join(_way(self.tables, self.references))


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The tables of a database, what refers to what, and the views over them.

    `outside` are references to tables that are not among them.
    """

    tables: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    views: tuple[View, ...] = ()
    outside: tuple[Reference, ...] = ()

    def of(self, table: str) -> tuple[Reference, ...]:
        """Return what a table refers to."""
        return self._of.get(table, ())

    def to(self, table: str) -> tuple[Reference, ...]:
        """Return what refers to a table."""
        return self._to.get(table, ())

    def needs(self, table: str) -> frozenset[str]:
        """Return the tables that a table refers to, without itself."""
        return frozenset(one.ref_table for one in self.of(table)) - {table}

    def needed_by(self, table: str) -> frozenset[str]:
        """Return the tables that refer to a table, without itself."""
        return frozenset(one.table for one in self.to(table)) - {table}

    @property
    def alone(self) -> tuple[str, ...]:
        """Tables that refer to nothing and that nothing refers to."""
        return tuple(name for name in self.tables if not (self.of(name) or self.to(name)))

    @functools.cached_property
    def cycles(self) -> tuple[Cycle, ...]:
        """The circles: every largest group of tables that all lead to each other."""
        return tuple(
            Cycle(
                tables=group,
                references=tuple(
                    one for one in self.references if one.table in group and one.ref_table in group
                ),
            )
            for group in self._groups
            if len(group) > 1 or any(one.itself for one in self.of(group[0]))
        )

    @functools.cached_property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The tables by how deep what they refer to goes; those of a circle are on one level.

        Whatever a table needs is on an earlier level, but what is in a circle with it.
        """
        found: dict[str, int] = {}
        for group in self._groups:
            outer = {need for name in group for need in self.needs(name)} - {*group}
            level = max((found[name] + 1 for name in outer), default=0)
            found.update(dict.fromkeys(group, level))
        depth = max(found.values(), default=-1) + 1
        return tuple(
            tuple(name for name in self.tables if found[name] == level) for level in range(depth)
        )

    @functools.cached_property
    def load_order(self) -> tuple[str, ...]:
        """The tables so that each comes behind what it needs, as far as circles allow."""
        return tuple(name for level in self.levels for name in level)

    @functools.cached_property
    def _of(self) -> Mapping[str, tuple[Reference, ...]]:
        return _grouped(self.references, lambda one: one.table)

    @functools.cached_property
    def _to(self) -> Mapping[str, tuple[Reference, ...]]:
        return _grouped(self.references, lambda one: one.ref_table)

    @functools.cached_property
    def _groups(self) -> tuple[tuple[str, ...], ...]:
        """Groups of tables that lead to each other, each behind those that it needs."""
        return tuple(_components(self.tables, {name: self.needs(name) for name in self.tables}))


def graph(
    found: Iterable[tables.Table],
    things: Iterable[inventory.Thing] = (),
    *,
    reads: Mapping[str, Collection[str]] | None = None,
    virtual: Iterable[Reference] = (),
) -> Graph:
    """Return the graph of tables and views as a catalog and an inventory describe them.

    `reads` says what views read where somebody knows better than `Thing.needs`. Names are found
    as engines find them: exactly, or else whatever their case.
    """
    known = {table.name: table for table in found}
    names = _Names(known)
    inside: list[Reference] = []
    outside: list[Reference] = []
    for table in known.values():
        for key in table.foreign_keys:
            other = names.find(key.ref_table)
            reference = Reference(
                table=table.name,
                columns=key.columns,
                ref_table=other or key.ref_table,
                ref_columns=key.ref_columns or (known[other].primary_key if other else ()),
                name=key.name,
                optional=any(table.has(name) and table.column(name).null for name in key.columns),
                deferrable=key.deferrable,
            )
            (inside if other is not None else outside).append(reference)
    for one in virtual:
        (inside if {one.table, one.ref_table} <= known.keys() else outside).append(one)
    return Graph(
        tables=tuple(sorted(known)),
        references=tuple(dict.fromkeys(inside)),
        views=tuple(_views(names, things, reads or {})),
        outside=tuple(outside),
    )


def _views(
    names: _Names, things: Iterable[inventory.Thing], reads: Mapping[str, Collection[str]]
) -> Iterator[View]:
    views = [thing for thing in things if thing.kind in _VIEWS]
    known = _Names([*names.exact, *(view.name for view in views)])
    for view in sorted(views, key=lambda one: one.name):
        said = reads.get(view.name, view.needs)
        found = {known.find(name) for name in said} - {None, view.name}
        yield View(
            name=view.name,
            reads=tuple(sorted(name for name in found if name is not None)),
            materialized=view.kind is inventory.Kind.MATERIALIZED_VIEW,
        )


class _Names:
    """Finds names as they are written, or else whatever their case."""

    def __init__(self, names: Iterable[str]) -> None:
        self.exact = frozenset(names)
        self._folded: dict[str, str] = {}
        for name in sorted(self.exact):
            self._folded.setdefault(name.casefold(), name)

    def find(self, name: str) -> str | None:
        return name if name in self.exact else self._folded.get(name.casefold())


def _grouped(
    references: Iterable[Reference], by: Callable[[Reference], str]
) -> dict[str, tuple[Reference, ...]]:
    found: dict[str, list[Reference]] = {}
    for one in references:
        found.setdefault(by(one), []).append(one)
    return {name: tuple(several) for name, several in found.items()}


def _components(
    names: Sequence[str], needs: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, ...]]:
    """Yield groups of names that lead to each other, behind those that they need.

    Tarjan's way (SIAM J. Comput. 1, 1972), without recursion: chains may be thousands long.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()
    for start in names:
        if start in index:
            continue
        work = [(start, iter(sorted(needs[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        waiting.add(start)
        while work:
            name, left = work[-1]
            for need in left:
                if need not in index:
                    index[need] = low[need] = len(index)
                    stack.append(need)
                    waiting.add(need)
                    work.append((need, iter(sorted(needs[need]))))
                    break
                if need in waiting:
                    low[name] = min(low[name], index[need])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    group, stack[at:] = stack[at:], []
                    waiting.difference_update(group)
                    yield tuple(sorted(group))


def _way(names: Sequence[str], references: Sequence[Reference]) -> list[str]:
    """Return a shortest way from the first table back to it."""
    start = names[0]
    if len(names) == 1:
        return [start, start]
    references = [one for one in references if not one.itself]
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop(0)
        following = sorted({one.ref_table for one in references if one.table == way[-1]})
        if start in following:
            return [*way, start]
        ways += [[*way, name] for name in following if name not in seen]
        seen.update(following)
    return [*names, start]
