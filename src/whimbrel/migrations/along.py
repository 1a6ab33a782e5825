"""Find which rows of other tables a deletion takes along or changes, and whether they can be kept.

Foreign keys do that: ON DELETE CASCADE, SET NULL, SET DEFAULT, over as many tables as there are.
Where the rows are kept is the work of `stores`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.migrations import operations as ops
from whimbrel.migrations import stores

_CASCADE: Final = "CASCADE"
_HARMLESS: Final = {None, "NO ACTION", "RESTRICT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The tables that a deletion from one table reaches: what is kept of each, parents first.

    `because` says why they cannot be kept, "" if they can. Then `guards` are the foreign keys by
    which a row may go along, and `instead` what lets none go.
    """

    tables: tuple[str, ...] = ()
    kept: tuple[stores.Along, ...] = ()
    because: str = ""
    guards: tuple[stores.Guard, ...] = ()
    instead: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The tables, as people read them; "" where the deletion reaches none."""
        return errors.names(self.tables) if self.tables else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """One foreign key by which a deletion goes on from `parent` to `child`."""

    child: str
    parent: str
    key: tables.ForeignKey

    @property
    def deletes(self) -> bool:
        return self.key.on_delete == _CASCADE


def reach(table: str, catalog: base.Catalog, engine: base.Engine, *, name: str = "") -> Reach:
    """Return what a deletion from a table reaches; `name` is that of the table's own store."""
    found = {one.name: one for one in filter(None, map(catalog.find, catalog.tables()))}
    root = catalog.table(table).name
    edges = list(_edges(found, catalog))
    if not any(edge.parent == root and _acts(edge) for edge in edges):
        return Reach()
    gone, changed = _gone(root, edges)
    reached = [e.child for e in edges if e.parent in gone and _acts(e)]
    names = tuple(dict.fromkeys(reached))
    because = _hindrance(root, gone, changed, edges, found, catalog, engine)
    if because:
        first = [edge for edge in edges if edge.parent == root and _acts(edge)]
        return Reach(
            tables=names,
            because=because,
            guards=tuple(
                stores.Guard(table=edge.child, link=_link(edge, name, found)) for edge in first
            ),
            instead=tuple(dict.fromkeys(map(_before, first))),
        )
    return Reach(tables=names, kept=tuple(_kept(root, gone, changed, edges, found, engine, name)))


def _edges(found: Mapping[str, tables.Table], catalog: base.Catalog) -> Iterator[_Edge]:
    for child in found.values():
        for key in child.foreign_keys:
            parent = catalog.find(key.ref_table)
            if parent is not None:
                yield _Edge(child=child.name, parent=parent.name, key=key)


def _acts(edge: _Edge) -> bool:
    return edge.key.on_delete not in _HARMLESS


def _gone(root: str, edges: list[_Edge]) -> tuple[list[str], list[_Edge]]:
    """Return the tables that lose rows, the first of them `root`, and what changes rows."""
    gone, changed = [root], []
    for parent in gone:  # grows meanwhile
        for edge in edges:
            if edge.parent != parent or not _acts(edge):
                continue
            if not edge.deletes:
                changed.append(edge)
            elif edge.child not in gone:
                gone.append(edge.child)
    return gone, changed


def _in_order(gone: list[str], edges: list[_Edge]) -> list[str] | None:
    """Return tables so that each comes after those it refers to; None if they refer in a circle."""
    inner = [e for e in edges if e.child in gone and e.parent in gone and not _own(e)]
    ordered: list[str] = []
    while len(ordered) < len(gone):
        ready = [
            name
            for name in gone
            if name not in ordered
            and all(edge.parent in ordered for edge in inner if edge.child == name)
        ]
        if not ready:
            return None
        ordered += ready
    return ordered


def _circle(gone: list[str], edges: list[_Edge]) -> list[str]:
    """Return the tables that refer to each other in a circle, in their order."""
    inner = [e for e in edges if e.child in gone and e.parent in gone and not _own(e)]
    left = list(gone)
    while True:
        among = [e for e in inner if e.child in left and e.parent in left]
        both = {e.child for e in among} & {e.parent for e in among}
        if len(both) == len(left):
            return left
        left = [name for name in left if name in both]


def _before(edge: _Edge) -> str:
    """Return the step that lets nothing go along by a foreign key."""
    if edge.deletes and edge.child != edge.parent:
        return f'self.delete_rows("{edge.child}", where="…")'
    columns = ", ".join(f'"{column}": "NULL"' for column in edge.key.columns)
    return f'self.backfill("{edge.child}", {{{columns}}}, where="…")'


def _own(edge: _Edge) -> bool:
    """Whether a table refers to itself, without anything coming of it."""
    return edge.child == edge.parent and not _acts(edge)


def _hindrance(
    root: str,
    gone: list[str],
    changed: list[_Edge],
    edges: list[_Edge],
    found: Mapping[str, tables.Table],
    catalog: base.Catalog,
    engine: base.Engine,
) -> str:
    """Return why not all of it can be kept, "" if it can."""
    circle = _circle(gone, edges)
    if circle:
        return (
            f"{circle[0]} refers to itself"
            if len(circle) == 1
            else f"{errors.names(circle)} refer to each other in a circle"
        )
    heirs = catalog.heirs()
    parents = {parent for parent, _ in heirs.values()}
    for name in dict.fromkeys([*gone, *(edge.child for edge in changed)]):
        if name in heirs or name in parents:
            return f"{name} has partitions or heirs"
        key = ops.way_through(found[name], engine).key
        if not key.columns or key.address:
            return f"{name} has no key by which its rows could be found again"
        for edge in changed:
            if edge.child == name and set(edge.key.columns) & set(key.columns):
                return f"a part of the key of {name} is changed"
    return ""


def _kept(
    root: str,
    gone: list[str],
    changed: list[_Edge],
    edges: list[_Edge],
    found: Mapping[str, tables.Table],
    engine: base.Engine,
    name: str,
) -> Iterator[stores.Along]:
    where = {root: name}
    number = 0
    for one in _in_order(gone, edges) or []:
        if one == root:
            continue
        number += 1
        where[one] = f"{name}_{number}"
        whole = tuple(c.name for c in found[one].columns if c.generated is None)
        into = [e for e in edges if e.child == one and e.parent in gone and e.deletes]
        yield stores.Along(
            store=_store(found[one], where[one], whole, engine, both=False),
            links=tuple(_link(edge, where[edge.parent], found) for edge in into),
        )
    for edge in changed:
        number += 1
        store = _store(found[edge.child], f"{name}_{number}", edge.key.columns, engine, both=True)
        yield stores.Along(store=store, links=(_link(edge, where[edge.parent], found),))


def _store(
    table: tables.Table, name: str, columns: tuple[str, ...], engine: base.Engine, *, both: bool
) -> stores.Store:
    key = ops.way_through(table, engine).key
    return stores.of_table(table, key, name, columns=columns, both=both)


def _link(edge: _Edge, parent: str, found: Mapping[str, tables.Table]) -> stores.Link:
    table = found[edge.parent]
    referred = edge.key.ref_columns or table.primary_key
    alike = all(
        found[edge.child].column(one).collation == table.column(other).collation
        for one, other in zip(edge.key.columns, referred, strict=True)
    )
    return stores.Link(parent=parent, columns=edge.key.columns, referred=referred, alike=alike)
