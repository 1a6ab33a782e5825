"""What the target has already of what a transfer would make, and what has to go for it.

Only what the plan makes again is dropped: tables of the same name, and views, types, sequences and
routines of the same name. Whatever else needs one of these is named, and nothing is dropped.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from whimbrel import errors
from whimbrel.engines import base, inventory
from whimbrel.engines.inventory import Kind, Thing
from whimbrel.schema import convert

# They share their names with tables.
_LIKE_TABLES: Final = frozenset({Kind.VIEW, Kind.MATERIALIZED_VIEW, Kind.SEQUENCE})
_VIEWS: Final = frozenset({Kind.VIEW, Kind.MATERIALIZED_VIEW})


class Replacing:
    """Looks into the catalog of a target for what stands where a plan would make something."""

    def __init__(self, target: base.Session) -> None:
        self._target = target
        self._engine = target.engine
        self._catalog = target.engine.catalog(target)
        self._stock = target.engine.inventory(target)
        folds = target.engine.builder(target).folds_tables
        self._fold: Callable[[str], str] = str.casefold if folds else str

    @functools.cached_property
    def _tables(self) -> dict[str, str]:
        return {self._fold(name): name for name in self._catalog.tables()}

    @functools.cached_property
    def _things(self) -> list[Thing]:
        return self._stock.things()

    def tables(self, names: Iterable[str]) -> dict[str, str | None]:
        """Return what the target calls tables that are to be filled, None where it has none."""
        return {name: self._tables.get(self._fold(name)) for name in names}

    # --- what is in the way -------------------------------------------------------------------

    def things(self, names: Iterable[str], schema: convert.Schema) -> list[Thing]:
        """Return what beside tables has the name of what is to be made; raise TargetNotEmpty.

        A table that stands where a view is to be made is nothing that may be dropped.
        """
        making = list(_making(schema))
        alike = {self._fold(name) for name in names}
        alike |= {self._fold(one.name) for one in making if one.kind in _LIKE_TABLES}
        routines = {self._stock.drop(one) for one in making if one.kind is Kind.ROUTINE}
        others = {(one.kind, one.name) for one in making if one.kind is not Kind.ROUTINE}
        found = []
        for one in self._things:
            if one.table is not None or not self._stock.drop(one):
                continue
            if one.kind is Kind.ROUTINE:
                there = self._stock.drop(one) in routines
            elif one.kind in _LIKE_TABLES:
                there = self._fold(one.name) in alike
            else:
                there = (one.kind, one.name) in others
            if there:
                found.append(one)
        going = {self._fold(name) for name in names}
        taken = [
            self._tables[self._fold(one.name)]
            for one in making
            if one.kind in _LIKE_TABLES and self._fold(one.name) in self._tables.keys() - going
        ]
        if taken:
            raise errors.TargetNotEmpty(
                [f"table {name}" for name in taken],
                database=self._target.url,
                why="has tables where views would be made",
                remedy="rename these tables, or choose another target",
            )
        return found

    def drops(self, names: Iterable[str], schema: convert.Schema) -> tuple[convert.Action, ...]:
        """Return what drops what is there of tables and of all that the plan makes with them."""
        names = list(names)
        there = [name for name in self.tables(names).values() if name is not None]
        there += self._parts(there)
        things = self.things(names, schema)
        if not there and not things:
            return ()
        self._see_others(there, things)
        first = _needing(things, there)
        behind = [one for one in things if one not in first]
        sql = [
            *map(self._stock.drop, _reversed(first)),
            *(self._engine.drop_tables(there) if there else ()),
            *map(self._stock.drop, _reversed(behind)),
        ]
        told = (*there, *(f"{one.kind.value} {one.name}" for one in things))
        return (
            convert.Action(
                kind="drop",
                table=there[0] if there else "",
                name=errors.names(told),
                names=told,
                statements=tuple(base.Statement(sql=one) for one in sql),
                repeatable=True,
            ),
        )

    def _parts(self, going: Sequence[str]) -> list[str]:
        """Return partitions, which go with their tables."""
        heirs = self._catalog.heirs()
        found: list[str] = []
        parents = set(going)
        while more := [
            name
            for name, (parent, partition) in heirs.items()
            if partition and parent in parents and name not in parents
        ]:
            found += more
            parents |= set(more)
        return found

    def _see_others(self, going: Sequence[str], things: Sequence[Thing]) -> None:
        """See that nothing else needs what would be dropped; raise TargetNotEmpty."""
        gone = {*going, *(one.name for one in things)}
        others = [name for name in self._tables.values() if name not in going]
        needing = [
            f"table {name}"
            for name in others
            if any(key.ref_table in gone for key in self._catalog.table(name).foreign_keys)
        ]
        if any(one.kind not in _VIEWS for one in things):
            needing += [
                f"table {name}" for name in others if gone & set(self._stock.text(name).needs)
            ]
        needing += [
            f"{one.kind.value} {one.name}"
            for one in self._things
            if one not in things
            and one.table not in gone
            and gone & set(one.needs)
            and (one.kind not in _VIEWS or self._stock.holds)
        ]
        if needing:
            raise errors.TargetNotEmpty(
                list(dict.fromkeys(needing)),
                database=self._target.url,
                why="has things of its own that need what would be replaced",
                remedy="drop them first, if they may go; or choose another target",
            )


def _making(schema: convert.Schema) -> Iterator[Thing]:
    """Yield what is to be made beside tables and what belongs to these."""
    known = {kind.value: kind for kind in Kind}
    actions = [*schema.before, *(a for made in schema.tables for a in made.before), *schema.last]
    for action in actions:
        # What a catalog does not list, or is made only if it is not there, is in nobody's way.
        own = action.kind == Kind.TRIGGER.value and action.table != action.name
        if action.kind in known and not action.repeatable and not own:
            sql = "\n".join(statement.sql for statement in action.statements)
            yield Thing(kind=known[action.kind], name=action.name, sql=sql)


def _needing(things: Sequence[Thing], tables: Sequence[str]) -> list[Thing]:
    """Return things that need a table, or another thing that does."""
    gone = set(tables)
    found: list[Thing] = []
    while more := [one for one in things if one not in found and gone & set(one.needs)]:
        found += more
        gone |= {one.name for one in more}
    return [one for one in things if one in found]


def _reversed(things: Sequence[Thing]) -> list[Thing]:
    return inventory.arranged((one.name, one.needs, one) for one in things)[::-1]
