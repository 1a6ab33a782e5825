"""A database is used after it was moved: keys, references, counters and views do their work.

What the source has is read by SQLAlchemy's inspector; what the target does is asked of the target.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import psycopg
import pymysql
import sqlalchemy as sa

from tests import databases
from tests.pairs.test_sample_editions import level, read

REFUSED: Final = (sqlite3.IntegrityError, psycopg.IntegrityError, pymysql.IntegrityError)
_DRIVERS: Final = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}
_NAMES_A_KEY: Final = ("UNIQUE constraint failed", "duplicate key", "Duplicate entry")
_NAMES_AN_ORPHAN: Final = ("FOREIGN KEY constraint failed", "foreign key constraint")


@dataclass(slots=True)
class Worked:
    """How many of what were tried, and did what they should."""

    primary_keys: int = 0
    uniques: int = 0
    foreign_keys: int = 0
    indexes: int = 0
    counters: int = 0
    views: int = 0

    def __str__(self) -> str:
        found = dataclasses.asdict(self)
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.items())


def engine(database: databases.Database) -> sa.Engine:
    """Return SQLAlchemy's own engine, without ours."""
    scheme, rest = database.url.split("://", 1)
    return sa.create_engine(f"{_DRIVERS.get(scheme, scheme)}://{rest}", poolclass=sa.pool.NullPool)


@dataclass(slots=True)
class Use:
    """One database that was moved into another one."""

    source: databases.Raw
    target: databases.Raw
    # (kind, name) of what is not on the target, as the plan says it.
    lost: frozenset[tuple[str, str]]
    # Views that are known to mean something else there, which a note says.
    unlike: frozenset[str] = frozenset()
    done: Worked = field(default_factory=Worked)

    def all(self, tables: Sequence[str]) -> Worked:
        """Try everything on these tables and the views."""
        if self.target.database.kind == "sqlite":
            self.target.execute("PRAGMA foreign_keys = ON")
        with (
            engine(self.source.database).connect() as here,
            engine(self.target.database).connect() as there,
        ):
            self._tables(tables, sa.inspect(here), sa.inspect(there))
        return self.done

    def _tables(self, tables: Sequence[str], here: sa.Inspector, there: sa.Inspector) -> None:
        counting_columns = {}
        for table in tables:
            self._keys(table, here, there)
            self._foreign_keys(table, here, there)
            self._indexes(table, here, there)
            counting_columns[table] = self._counting(table, here)
        self._views(here, there)
        names = {table: [c["name"] for c in here.get_columns(table) if "computed" not in c]
                 for table in tables}  # fmt: skip
        # No reader may stand in the way of what writes.
        here.bind.rollback()  # type: ignore[union-attr]
        there.bind.rollback()  # type: ignore[union-attr]
        for table, column in counting_columns.items():
            if column is not None:
                self._counts(table, column, names[table])

    # --- keys ---------------------------------------------------------------------------------

    def _keys(self, table: str, here: sa.Inspector, there: sa.Inspector) -> None:
        key = here.get_pk_constraint(table)["constrained_columns"]
        same(f"key of {table}", key, there.get_pk_constraint(table)["constrained_columns"])
        uniques = unique_columns(here, table, self.lost)
        same(f"unique in {table}", uniques, uniques & unique_columns(there, table, frozenset()))
        if key and self._count(table):
            self._is_refused(_NAMES_A_KEY, self._again(table, there))
            self.done.primary_keys += 1
        for columns in uniques:
            if self._twice(table, sorted(columns)):
                self.done.uniques += 1

    def _again(self, table: str, there: sa.Inspector) -> str:
        """Return a statement that adds a row which is there already."""
        names = self._writable(table, there)
        forced = " OVERRIDING SYSTEM VALUE" if self.target.database.kind == "postgresql" else ""
        name = self._quote(table)
        return f"INSERT INTO {name} ({names}){forced} SELECT {names} FROM {name} LIMIT 1"

    def _writable(self, table: str, there: sa.Inspector, *, without: str = "") -> str:
        columns = [
            one["name"]
            for one in there.get_columns(table)
            if "computed" not in one and one["name"] != without
        ]
        return ", ".join(map(self._quote, columns))

    def _twice(self, table: str, columns: Sequence[str]) -> bool:
        """Give a row the values of another one in columns of a unique key; False without two."""
        names = [self._quote(one) for one in columns]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
        rows = self.target.execute(
            f"SELECT {', '.join(names)} FROM {self._quote(table)} WHERE {whole}"
            f" ORDER BY {', '.join(names)} LIMIT 2"
        )
        if len(rows) < 2:
            return False
        # Only what differs: a part of it may be a key that others refer to.
        differing = [at for at, name in enumerate(names) if rows[0][at] != rows[1][at]]
        sets = ", ".join(f"{names[at]} = %s" for at in differing)
        where = " AND ".join(f"{name} = %s" for name in names)
        values = [*(rows[0][at] for at in differing), *rows[1]]
        self._is_refused(
            _NAMES_A_KEY, f"UPDATE {self._quote(table)} SET {sets} WHERE {where}", values
        )
        return True

    # --- references ---------------------------------------------------------------------------

    def _foreign_keys(self, table: str, here: sa.Inspector, there: sa.Inspector) -> None:
        expected = {
            (columns, *rest, None if self._is_lost(name, "delete") else delete,
             None if self._is_lost(name, "update") else update)
            for name, columns, *rest, delete, update in map(named, here.get_foreign_keys(table))
        }  # fmt: skip
        same(f"references of {table}", expected, set(map(spoken, there.get_foreign_keys(table))))
        for columns, _, _, _, _ in expected:
            name = self._quote(columns[0])
            rows = self.target.execute(
                f"SELECT {name} FROM {self._quote(table)} WHERE {name} IS NOT NULL LIMIT 1"
            )
            if not rows:
                continue
            nowhere = "?!" if isinstance(rows[0][0], str) else 32_000
            if isinstance(rows[0][0], int) and self._is_tiny(table, columns[0], there):
                nowhere = 111
            sql = f"UPDATE {self._quote(table)} SET {name} = %s WHERE {name} = %s"
            self._is_refused(_NAMES_AN_ORPHAN, sql, [nowhere, rows[0][0]])
            self.done.foreign_keys += 1

    def _is_lost(self, name: object, event: str) -> bool:
        """Whether what a foreign key does then is not on the target."""
        return any(
            kind.startswith(f"foreign key on {event}") and of == name for kind, of in self.lost
        )

    def _is_tiny(self, table: str, column: str, there: sa.Inspector) -> bool:
        found = next(one for one in there.get_columns(table) if one["name"] == column)
        return "TINYINT" in str(found["type"])

    def _is_refused(self, words: Sequence[str], sql: str, params: Sequence[object] = ()) -> None:
        if self.target.database.kind == "sqlite":
            sql = sql.replace("%s", "?")
        try:
            self.target.execute(sql, params)
        except REFUSED as error:
            assert any(word in str(error) for word in words), (sql, error)
        else:
            raise AssertionError(f"it was let in: {sql} {params}")

    # --- indexes ------------------------------------------------------------------------------

    def _indexes(self, table: str, here: sa.Inspector, there: sa.Inspector) -> None:
        expected = indexed(here, table, self.lost)
        found = indexed(there, table, frozenset())
        # A unique key or the primary key is an index, too.
        same(f"indexes of {table}", expected, expected & (found | keyed(there, table)))
        self.done.indexes += len(expected)

    # --- views --------------------------------------------------------------------------------

    def _views(self, here: sa.Inspector, there: sa.Inspector) -> None:
        expected = {one for one in here.get_view_names() if ("view", one) not in self.lost}
        same("views", expected, set(there.get_view_names()))
        for view in sorted(expected - self.unlike):
            if not self._is_whole(view):
                continue
            columns = [one["name"] for one in there.get_columns(view)]
            ours, theirs = read(self.source, view, columns), read(self.target, view, columns)
            same(f"rows of {view}", {}, differing(listed(ours), listed(theirs), digits=6))
            self.done.views += 1

    def _is_whole(self, view: str) -> bool:
        """Whether the source itself can read a view; SQLite lets anything be said in one."""
        if self.source.database.kind != "sqlite":
            return True
        try:
            self.source.execute(f'SELECT * FROM "{view}" LIMIT 1')
        except sqlite3.OperationalError as error:
            assert "no such function" in str(error)
            return False
        return True

    # --- counting -----------------------------------------------------------------------------

    def _counting(self, table: str, here: sa.Inspector) -> str | None:
        """Return the column that counts, if a copy of a row would be let in without it."""
        column = counting(here, table, self.source.database.kind)
        if column is None or ("counting column", column) in self.lost or not self._count(table):
            return None
        return None if unique_columns(here, table, frozenset()) else column

    def _counts(self, table: str, column: str, names: Sequence[str]) -> None:
        names = [one for one in names if one != column]
        given = []
        for raw in (self.source, self.target):
            raw.execute("BEGIN")
            mark = "`" if raw.database.kind == "mariadb" else '"'
            quoted = ", ".join(f"{mark}{one}{mark}" for one in names)
            asked = f"FROM {mark}{table}{mark} ORDER BY {mark}{column}{mark}"
            raw.execute(
                f"INSERT INTO {mark}{table}{mark} ({quoted}) SELECT {quoted} {asked} LIMIT 1"
            )
            given.append(raw.value(f"SELECT {mark}{column}{mark} {asked} DESC LIMIT 1"))
            raw.execute("ROLLBACK")
        same(f"next number of {table}", given[0], given[1])
        self.done.counters += 1

    # --- words --------------------------------------------------------------------------------

    def _count(self, table: str) -> int:
        return int(str(self.target.value(f"SELECT count(*) FROM {self._quote(table)}")))

    def _quote(self, name: str) -> str:
        mark = "`" if self.target.database.kind == "mariadb" else '"'
        return f"{mark}{name}{mark}"


def same(what: str, expected: object, found: object) -> None:
    """Insist that two things are the same."""
    if expected != found:
        raise AssertionError(f"{what}:\n  expected {expected}\n  found    {found}")


# --- what an inspector says ----------------------------------------------------------------------


def spoken(key: sa.engine.interfaces.ReflectedForeignKeyConstraint) -> tuple[object, ...]:
    """Return what a foreign key says; what is not said is NO ACTION, which is RESTRICT here."""
    said = key.get("options", {})
    actions = (said.get(word) for word in ("ondelete", "onupdate"))
    delete, update = (None if one in ("NO ACTION", "RESTRICT") else one for one in actions)
    return (
        tuple(key["constrained_columns"]),
        key["referred_table"],
        tuple(key["referred_columns"]),
        delete,
        update,
    )


def named(key: sa.engine.interfaces.ReflectedForeignKeyConstraint) -> tuple[object, ...]:
    """Return the name of a foreign key and what it says."""
    return key["name"], *spoken(key)


def unique_columns(
    inspector: sa.Inspector, table: str, lost: frozenset[tuple[str, str]]
) -> set[frozenset[str]]:
    """Return the columns of unique keys, whatever they are called."""
    found = [one["column_names"] for one in inspector.get_unique_constraints(table)]
    found += [
        one["column_names"]
        for one in inspector.get_indexes(table)
        if one["unique"] and ("index", one["name"]) not in lost
    ]
    key = inspector.get_pk_constraint(table)["constrained_columns"]
    return {frozenset(map(str, one)) for one in found} - {frozenset(key)}


def indexed(
    inspector: sa.Inspector, table: str, lost: frozenset[tuple[str, str]]
) -> set[tuple[str | None, ...]]:
    """Return the columns of indexes in their order; an expression has none."""
    return {
        tuple(one["column_names"])
        for one in inspector.get_indexes(table)
        if ("index", str(one["name"])) not in lost
    }


def keyed(inspector: sa.Inspector, table: str) -> set[tuple[str | None, ...]]:
    """Return the columns of the keys in their order."""
    found = [inspector.get_pk_constraint(table)["constrained_columns"]]
    found += [one["column_names"] for one in inspector.get_unique_constraints(table)]
    return {tuple(one) for one in found}


def counting(inspector: sa.Inspector, table: str, kind: str) -> str | None:
    """Return the column that counts by itself."""
    for one in inspector.get_columns(table):
        if one.get("identity") or str(one.get("default") or "").startswith("nextval("):
            return one["name"]
        if kind == "mariadb" and one.get("autoincrement") is True:
            return one["name"]
    if kind == "sqlite":
        key = inspector.get_pk_constraint(table)["constrained_columns"]
        types = {one["name"]: str(one["type"]) for one in inspector.get_columns(table)}
        if len(key) == 1 and types[key[0]] == "INTEGER":
            return key[0]
    return None


# --- rows ----------------------------------------------------------------------------------------


def differing(
    ours: list[list[object]],
    theirs: list[list[object]],
    *,
    padded: bool = False,
    digits: int | None = None,
) -> dict[tuple[object, ...], int]:
    """Return the rows that only one side has, by how often (below 0: only theirs).

    An array is a document of the same values where there are no arrays. With `digits`, numbers
    that were computed count as equal to so many of them.
    """
    for at in range(len(ours[0]) if ours and theirs else 0):
        for rows, others in ((ours, theirs), (theirs, ours)):
            if any(isinstance(row[at], tuple) for row in others):
                for row in rows:
                    if isinstance(row[at], str) and row[at].startswith("["):
                        row[at] = tuple(json.loads(row[at]))
        level(ours, theirs, at, padded=padded, sets=True)
        if digits is not None:
            for row in (*ours, *theirs):
                if isinstance(row[at], Decimal):
                    row[at] = round(row[at], digits)
    left, right = Counter(map(tuple, ours)), Counter(map(tuple, theirs))
    left.subtract(right)
    return {row: count for row, count in left.items() if count}


def listed(rows: list[list[object]]) -> list[list[object]]:
    """Return rows whose lists of names are sorted: nobody has said in which order they come."""
    return [
        [", ".join(sorted(value.split(", "))) if isinstance(value, str) else value for value in row]
        for row in rows
    ]
