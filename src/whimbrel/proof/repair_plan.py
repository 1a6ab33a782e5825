"""Say what a repair would do, table by table, and what it cannot do and why; change nothing.

Doing it is the work of `repair`, its SQL that of `repair_rows`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors, tables, words
from whimbrel.engines import base, forms
from whimbrel.proof import findings
from whimbrel.proof import verify as verifying

# What happens to rows that refer to one that goes, when it is more than a refusal.
_LOSSY: Final = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})
_ON_UPDATE: Final = "on update"

INSERT: Final = findings.Kind.ONLY_SOURCE
UPDATE: Final = findings.Kind.CHANGED
DELETE: Final = findings.Kind.ONLY_TARGET
WORDS: Final[Mapping[findings.Kind, str]] = {INSERT: "insert", UPDATE: "update", DELETE: "delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What will not be repaired: how many rows (or a table, or columns) of a table, and why."""

    table: str
    what: str
    rows: int
    why: str

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {"table": self.table, "what": self.what, "rows": self.rows, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What will be done to one table of the target."""

    table: str
    target: str
    inserts: int
    updates: int
    deletes: int

    @property
    def rows(self) -> int:
        """Return how many rows will be changed."""
        return self.inserts + self.updates + self.deletes

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "table": self.table,
            "target": self.target,
            "inserts": self.inserts,
            "updates": self.updates,
            "deletes": self.deletes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """What a repair will do: tables in the order of inserts and updates; deletes go backwards."""

    database: str
    tables: tuple[TablePlan, ...]
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Return how many rows will be changed."""
        return sum(table.rows for table in self.tables)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "database": self.database,
            "rows": self.rows,
            "tables": [table.as_json() for table in self.tables],
            "refused": [one.as_json() for one in self.refused],
            "warnings": list(self.warnings),
        }


# --- one table ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key of another table (or the same) to this one."""

    table: str
    key: tables.ForeignKey

    @property
    def lossy(self) -> bool:
        """Whether deleting a row deletes or changes those that refer to it."""
        return self.key.on_delete in _LOSSY


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One pair of tables as a repair sees it.

    `place` is where its differences are in the spool. `written` are places of columns that can be
    written, `refused` says why rows of a kind are left. `parkable` are places in unique keys,
    `loose` those in nullable foreign keys that are part of a circle. `alone` tables cannot take
    changes back: they are changed row by row.
    """

    place: int
    pair: findings.TablePair
    written: tuple[int, ...]
    refused: Mapping[findings.Kind, str]
    children: tuple[Reference, ...]
    unique: bool
    parkable: frozenset[int] = frozenset()
    loose: frozenset[int] = frozenset()
    rest: tuple[str, ...] = ()
    alone: bool = False
    triggers: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the name of the pair."""
        return self.pair.title

    @property
    def counting(self) -> str | None:
        """Return the column that counts by itself, if we write into it."""
        for place in self.written:
            if self.pair.columns[place].target.column.auto_increment:
                return self.pair.columns[place].target_name
        return None

    def why_not(self, found: findings.Difference) -> str | None:
        """Return why a row is left as it is, None if it can be repaired."""
        if found.moving:
            return "it was another one at each look: compare again when it is quiet"
        why = self.refused.get(found.kind)
        if why is not None or found.kind is DELETE or found.source is None:
            return why
        places: Iterable[int] = self.written
        if found.kind is UPDATE and self.pair.key:
            places = [place for place in found.columns if place in self.written]
            if not places:
                return "only columns differ that the target computes itself"
        for place in places:
            one, text = self.pair.columns[place], found.source[place]
            if forms.odd(one.form, text) or not _is_text(text):
                return (
                    f"the source has in {one.source_name} what is no "
                    f"{one.form.family.value}: {one.shown(text)}"
                )
        return None


def _is_text(text: bytes | None) -> bool:
    try:
        return text is None or text.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


# --- all tables -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The target as it is: its tables, who refers to whom, and what fires."""

    known: Mapping[str, tables.Table]
    children: Mapping[str, tuple[Reference, ...]]
    order: Mapping[str, int]
    circles: Mapping[str, frozenset[str]]
    triggers: Mapping[str, tuple[str, ...]]
    alone: frozenset[str]
    defers: bool


def ground(session: base.Session, *, defers: bool) -> Ground:
    """Read the target's tables and their foreign keys."""
    catalog = session.engine.catalog(session)
    known = {name: catalog.table(name) for name in catalog.tables()}
    spelled = {name.casefold(): name for name in known}
    children: dict[str, list[Reference]] = {name: [] for name in known}
    parents: dict[str, set[str]] = {name: set() for name in known}
    for name, table in known.items():
        for key in table.foreign_keys:
            parent = key.ref_table if key.ref_table in known else None
            parent = parent or spelled.get(key.ref_table.casefold())
            if parent is not None:
                children[parent].append(Reference(table=name, key=key))
                parents[name].add(parent)
    order = _order(parents)
    return Ground(
        known=known,
        children={name: tuple(found) for name, found in children.items()},
        order={name: place for place, name in enumerate(order)},
        circles=_circles(parents),
        triggers={name: tuple(catalog.triggers(name)) for name in known},
        alone=session.engine.without_transactions(session),
        defers=defers,
    )


def _order(parents: Mapping[str, set[str]]) -> list[str]:
    """Return tables with those that they refer to before them, as far as there is such an order."""
    done: dict[str, None] = {}
    waiting = dict.fromkeys(sorted(parents))
    while waiting:
        ready = [name for name in waiting if parents[name] - {name} <= done.keys()]
        # In a circle somebody has to be first: who waits for the fewest.
        ready = ready or [min(waiting, key=lambda name: len(parents[name] - done.keys()))]
        for name in ready:
            done[name] = None
            del waiting[name]
    return list(done)


def _circles(parents: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    """Return of each table those that it refers to and that lead back to it, itself included."""
    reach = {name: _reached(name, parents) for name in parents}
    return {
        name: frozenset(other for other in reach[name] if name in reach[other]) for name in parents
    }


def _reached(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(parents[name])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += parents[one]
    return found


def scopes(verification: verifying.Verification, land: Ground) -> list[Scope]:
    """Return what differs and can be repaired at all, in the order of inserts.

    Raises RepairRefused for a comparison that says too little.
    """
    _check(verification)
    found = [
        _scope(place, result.pair, land)
        for place, result in enumerate(verification.tables)
        if result.pair is not None and result.counts.differences
    ]
    return sorted(found, key=lambda one: land.order.get(one.pair.target.name, 0))


def _check(verification: verifying.Verification) -> None:
    sampled = [table.name for table in verification.tables if table.sample is not None]
    if sampled:
        raise errors.RepairRefused(
            "only a sample of the rows was compared",
            object=f"tables: {errors.names(sampled)}",
            remedy="compare all rows: leave the sample out",
        )


def _scope(place: int, pair: findings.TablePair, land: Ground) -> Scope:
    table = land.known.get(pair.target.name, pair.target)
    expressions = [one.target_name for one in pair.columns if not table.has(one.target_name)]
    written = tuple(
        at
        for at, one in enumerate(pair.columns)
        if table.has(one.target_name) and table.column(one.target_name).generated is None
    )
    compared = {one.target_name for one in pair.columns}
    rest = tuple(
        column.name
        for column in table.columns
        if column.name not in compared and column.generated is None
    )
    refused: dict[findings.Kind, str] = {}
    if expressions:
        why = f"the target's side is an expression, which cannot be written: {expressions[0]}"
        refused = dict.fromkeys((INSERT, UPDATE, DELETE), why)
    else:
        refused |= _inserts_refused(pair, table, rest)
        if not pair.key and rest:
            why = (
                "without a key its rows cannot be told apart by columns that were not compared: "
                f"{errors.names(rest)}"
            )
            refused |= {DELETE: why, UPDATE: why}
    uniques = _unique_keys(table)
    key = {pair.columns[at].target_name for at in pair.key}
    children = land.children.get(table.name, ())
    # What others follow must not have another value even for a moment.
    followed = {
        name for one in children if one.key.on_update in _LOSSY for name in one.key.ref_columns
    }
    parkable = {
        at
        for at in written
        if at not in pair.key
        and any(pair.columns[at].target_name in names for names in uniques)
        and pair.columns[at].target_name not in followed
    }
    circle = land.circles.get(table.name, frozenset())
    loose = {
        at
        for at in written
        if at not in pair.key
        and pair.columns[at].target.column.null
        and any(
            pair.columns[at].target_name in one.columns and one.ref_table in circle
            for one in table.foreign_keys
        )
    }
    return Scope(
        place=place,
        pair=pair,
        written=written,
        refused=refused,
        children=children,
        unique=bool(key) and any(set(names) <= key for names in uniques),
        parkable=frozenset(parkable),
        loose=frozenset(loose),
        rest=rest,
        alone=table.name.casefold() in land.alone,
        triggers=land.triggers.get(table.name, ()),
    )


def _inserts_refused(
    pair: findings.TablePair, table: tables.Table, rest: Sequence[str]
) -> dict[findings.Kind, str]:
    unsaid = [name for name in rest if name not in pair.lone_target]
    if unsaid:
        return {
            INSERT: "not all columns were compared, and new rows would lack "
            f"{errors.names(unsaid)}: compare all of them, by * or by their names"
        }
    lacking = [
        name
        for name in rest
        if (column := table.column(name)).default is None
        and not column.null
        and not column.auto_increment
        and not (table.primary_key == (name,) and column.type.upper() == "INTEGER")
    ]
    if lacking:
        return {
            INSERT: "columns that only the target has are NOT NULL and have no default: "
            f"{errors.names(lacking)}"
        }
    return {}


def _unique_keys(table: tables.Table) -> list[tuple[str, ...]]:
    found = [table.primary_key] if table.primary_key else []
    found += [unique.columns for unique in table.uniques]
    found += [
        tuple(str(column) for column in index.columns if isinstance(column, str))
        for index in table.indexes
        if index.unique
    ]
    return found


# --- a plan ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    rows: Counter[findings.Kind] = field(default_factory=Counter)
    refused: Counter[tuple[findings.Kind, str]] = field(default_factory=Counter)


def made(verification: verifying.Verification, land: Ground, chosen: Sequence[Scope]) -> RepairPlan:
    """Return what a repair will do; all differences are looked at once."""
    planned: list[TablePlan] = []
    refused = _not_rows(verification)
    warnings: list[str] = []
    for scope in chosen:
        tally = _Tally()
        for found in verification.spool.read(scope.place):
            why = scope.why_not(found)
            if why is None:
                tally.rows[found.kind] += 1
            else:
                tally.refused[found.kind, why] += 1
        refused += [
            Refusal(table=scope.title, what=f"{WORDS[kind]}s", rows=rows, why=why)
            for (kind, why), rows in _first(tally.refused)
        ]
        one = TablePlan(
            table=scope.title,
            target=scope.pair.target.name,
            inserts=tally.rows[INSERT],
            updates=tally.rows[UPDATE],
            deletes=tally.rows[DELETE],
        )
        if one.rows:
            planned.append(one)
            warnings += _warnings(scope, one, land)
    return RepairPlan(
        database=verification.target.url,
        tables=tuple(planned),
        refused=tuple(refused),
        warnings=tuple(dict.fromkeys(warnings)),
    )


# Reasons that name a value are as many as there are values.
_MOST_REASONS: Final = 20


def _first(
    refused: Counter[tuple[findings.Kind, str]],
) -> list[tuple[tuple[findings.Kind, str], int]]:
    """Return the most frequent reasons, the others of a kind as one."""
    found = refused.most_common()
    shown, others = found[:_MOST_REASONS], Counter[findings.Kind]()
    for (kind, _), rows in found[_MOST_REASONS:]:
        others[kind] += rows
    return shown + [((kind, "for other reasons like these"), n) for kind, n in others.items()]


def _not_rows(verification: verifying.Verification) -> list[Refusal]:
    """Return what differs between the databases and is no row."""
    found = []
    for result in verification.tables:
        pair = result.pair
        if pair is None:
            here = result.outcome is findings.Outcome.ONLY_SOURCE
            side, other = ("source", "target") if here else ("target", "source")
            rows = result.source.rows if here else result.target.rows
            why = f"the {other} has no such table: a repair changes rows, never the schema"
            found.append(
                Refusal(table=result.name, what=f"table of the {side}", rows=rows, why=why)
            )
            continue
        for names, side in ((pair.lone_source, "source"), (pair.lone_target, "target")):
            if names:
                why = f"only the {side} has them: a repair changes rows, never the schema"
                what = f"columns {', '.join(names)}"
                found.append(Refusal(table=result.name, what=what, rows=0, why=why))
        found += [
            Refusal(table=result.name, what=f"columns {one}", rows=0, why="they were not compared")
            for one in map(str, pair.incomparable)
        ]
    return found


def _warnings(scope: Scope, one: TablePlan, land: Ground) -> list[str]:
    name = scope.pair.target.name
    found = []
    if scope.triggers:
        found.append(
            f"{name}: {words.count(len(scope.triggers), 'trigger')} will fire: "
            f"{errors.names(scope.triggers)}"
        )
    for child in scope.children:
        if one.deletes and child.lossy:
            found.append(
                f"{name}: rows that {child.table} still refers to are not deleted, "
                f"because that would change {child.table} ({child.key.on_delete})"
            )
        names = {scope.pair.columns[at].target_name for at in scope.written}
        if one.updates and child.key.on_update in _LOSSY and names & {*child.key.ref_columns}:
            found.append(
                f"{name}: where {', '.join(child.key.ref_columns)} changes, rows of "
                f"{child.table} change with it (ON UPDATE {child.key.on_update})"
            )
    if scope.alone:
        found.append(
            f"{name}: its changes cannot be taken back, because its storage engine has no "
            "transactions; it is changed row by row"
        )
    if one.inserts and land.circles.get(name) and not land.defers:
        circle = ", ".join(sorted(land.circles[name]))
        found.append(
            f"{name}: its foreign keys are part of a circle ({circle}), and here they cannot be "
            "checked later: where nothing else helps, new rows get NULL there first"
        )
    if not scope.pair.key:
        found.append(f"{name}: it has no key, its rows are found by all their values")
    return found


def renewed(table: tables.Table) -> frozenset[str]:
    """Return columns that the server sets by itself whenever a row is changed."""
    return frozenset(
        column.name
        for column in table.columns
        if _ON_UPDATE in (column.definition or "").lower() and column.generated is None
    )
