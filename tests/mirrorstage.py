"""A stage for mirrors: a table, its new shape, and an application that writes by a plain driver."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pymysql
import sqlalchemy as sa

from tests import databases
from whimbrel import tables
from whimbrel.engines import base, mirrors, registry

SECONDS: Final = 2.0
# What drivers raise when a server refuses a statement.
ERRORS: Final = (sqlite3.Error, psycopg.Error, pymysql.Error)
# The same where SQLAlchemy stands between.
FAILURES: Final = (sa.exc.DBAPIError, sqlite3.Error)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What engines say differently."""

    text: str
    to_text: str
    to_number: str
    upsert: str


_SERVER = Words(
    text="VARCHAR(40)",
    to_text="CAST({} AS CHAR)",
    to_number="CAST({} AS SIGNED)",
    upsert="INSERT INTO people ({columns}) VALUES {values} ON DUPLICATE KEY UPDATE "
    "name = VALUES(name), amount = VALUES(amount)",
)
_CONFLICT = (
    "INSERT INTO people ({columns}) VALUES {values} ON CONFLICT (id) DO UPDATE SET "
    "name = excluded.name, amount = excluded.amount"
)
WORDS: Final = {
    "postgresql": Words(
        text="varchar(40)",
        to_text="CAST({} AS varchar(40))",
        to_number="CAST({} AS integer)",
        upsert=_CONFLICT,
    ),
    "sqlite": Words(
        text="VARCHAR(40)",
        to_text="CAST({} AS TEXT)",
        to_number="CAST({} AS INTEGER)",
        upsert=_CONFLICT,
    ),
    "mariadb": _SERVER,
    "mysql": _SERVER,
}


class Stage:
    """A database with a session of ours, and the mirror on it."""

    def __init__(self, database: databases.Database, raw: databases.Raw) -> None:
        self.database = database
        self.words = WORDS[database.kind]
        self.app = raw
        if isinstance(raw.connection, psycopg.Connection):
            # A statement prepared before the exchange may not return another type after it; the
            # server refuses it then, as after any change of a type.
            raw.connection.prepare_threshold = None
        if database.kind == "sqlite":
            raw.execute("PRAGMA foreign_keys = ON")
        self.session = registry.open_session(database.url)
        self.engine = self.session.engine
        if database.kind == "sqlite":
            # What is written is read by this process alone: no test here cuts the power.
            raw.execute("PRAGMA synchronous = OFF")
            with self.session.outside_transaction():
                self.session.execute("PRAGMA synchronous = OFF")
        self.mirror = self.engine.mirror(self.session)

    def close(self) -> None:
        self.session.rollback()
        self.session.close()

    def table(self, name: str) -> tables.Table:
        """Return a table as the catalog has it."""
        try:
            return self.engine.catalog(self.session).table(name)
        finally:
            self.session.rollback()

    def send(self, statements: tuple[base.Statement, ...]) -> None:
        """Send statements, all in one transaction where the engine has that for them."""
        for statement in statements:
            self.session.execute(statement.sql)
        self.session.commit()

    def do(self, what: Callable[..., None], shape: mirrors.Shape) -> None:
        """Install, remove, swap or unswap, and commit."""
        what(shape, seconds=SECONDS)
        self.session.commit()
        self.engine.end_migration(self.session)

    def fill(self, shape: mirrors.Shape, condition: str = "1 = 1") -> None:
        with self.mirror.unmirrored():
            self.session.execute(self.mirror.fill(shape, condition))
            self.session.commit()

    def astray(self, shape: mirrors.Shape, condition: str = "1 = 1") -> list[Any]:
        return self._keys(self.mirror.astray(shape, condition))

    def lossy(self, shape: mirrors.Shape) -> list[Any]:
        return self._keys(self.mirror.lossy(shape))

    def _keys(self, sql: str) -> list[Any]:
        try:
            rows = self.session.fetch(sql)
        finally:
            self.session.rollback()
        return sorted(row[0] if len(row) == 1 else tuple(row) for row in rows)

    def rows(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """Return all rows, as the application sees them."""
        rows = self.app.execute(f"SELECT {columns} FROM {table}")
        return sorted((tuple(row) for row in rows), key=repr)

    @contextlib.contextmanager
    def mirrored(self, shape: mirrors.Shape) -> Iterator[None]:
        """Make the new table, and the triggers."""
        assert self.mirror.obstacles(shape) == []
        self.session.rollback()
        self.send(self.mirror.create(shape))
        self.do(self.mirror.install, shape)
        yield
        self.do(self.mirror.remove, shape)


def people(stage: Stage) -> mirrors.Shape:
    """Make a table of people in teams, whose amount is to become a text; return both shapes."""
    stage.app.execute("CREATE TABLE teams (id INTEGER NOT NULL PRIMARY KEY)")
    stage.app.execute("INSERT INTO teams VALUES (1), (2), (3), (4), (5), (6)")
    stage.app.execute(
        "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40), amount INTEGER, "
        "code INTEGER, team INTEGER, CONSTRAINT people_code UNIQUE (code), "
        "CONSTRAINT people_team FOREIGN KEY (team) REFERENCES teams (id) ON DELETE CASCADE)"
    )
    return changed(stage, "people", {"amount": stage.words.text})


def changed(stage: Stage, name: str, types: dict[str, str]) -> mirrors.Shape:
    """Return the shape in which columns of integers become texts, in a table of its own."""
    old = stage.table(name)
    columns = tuple(
        dataclasses.replace(c, type=types[c.name], definition=types[c.name])
        if c.name in types
        else c
        for c in old.columns
    )
    quote = stage.engine.quote
    copied = {c.name: quote(c.name) for c in columns if c.generated is None}
    up = {c: stage.words.to_text.format(sql) if c in types else sql for c, sql in copied.items()}
    down = {
        c: stage.words.to_number.format(sql) if c in types else sql for c, sql in copied.items()
    }
    return mirrors.Shape(
        mode=mirrors.Mode.TABLE,
        old=old,
        new=old.replace(name=f"{name}_new", columns=columns, sql=None),
        key=tuple((column, column) for column in old.primary_key),
        up=up,
        down=down,
        parked=f"{name}_old",
    )


Row = tuple[int, str | None, int | None, int | None, int | None]


class Workload:
    """Statements of an application on `people`, and what they have to leave behind."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.random = random.Random(seed)
        self.rows: dict[int, Row] = {}
        self.teams = [1, 2, 3, 4, 5, 6]
        self.texts = False
        self.next = 1
        self.kinds: list[Callable[[], str]] = [
            self.insert,
            self.insert,
            self.insert_many,
            self.update,
            self.update,
            self.update_many,
            self.nothing_known,
            self.delete,
            self.delete_many,
            self.change_key,
            self.swap_codes,
            self.upsert,
            self.back_to_savepoint,
            self.roll_back,
            self.drop_team,
        ]
        if stage.database.kind != "postgresql":
            self.kinds.append(self.replace)
        if stage.database.kind != "postgresql":
            self.kinds.append(self.ignore)

    def step(self) -> str:
        """Send one of them; return what it was."""
        return self.random.choice(self.kinds)()

    def check(self, shape: mirrors.Shape, *, swapped: bool, after: str) -> None:
        """Claim that both tables have what the statements should have left."""
        old, new = (shape.parked, shape.old.name) if swapped else (shape.old.name, shape.new.name)
        columns = "id, name, amount, code, team"
        numbers = sorted(self.rows.values(), key=repr)
        texts = sorted(
            ((i, n, None if a is None else str(a), c, t) for i, n, a, c, t in numbers), key=repr
        )
        assert numbers == self.stage.rows(old, columns), after
        assert texts == self.stage.rows(new, columns), after

    # --- statements -------------------------------------------------------------------------------

    def _send(self, sql: str) -> None:
        self.stage.app.execute(sql)

    def _new(self) -> Row:
        self.next += 1
        number = self.random.choice([None, self.next, 0, -self.next])
        team = self.random.choice([None, *self.teams])
        code = self.random.choice([None, self.next])
        return (self.next, f"n{self.next}", number, code, team)

    def _literal(self, value: object, *, amount: bool = False) -> str:
        if value is None:
            return "NULL"
        return f"'{value}'" if isinstance(value, str) or (amount and self.texts) else str(value)

    def _values(self, row: Row) -> str:
        return (
            "("
            + ", ".join(self._literal(value, amount=at == 2) for at, value in enumerate(row))
            + ")"
        )

    def _insert(self, rows: list[Row], verb: str = "INSERT") -> None:
        values = ", ".join(map(self._values, rows))
        self._send(f"{verb} INTO people (id, name, amount, code, team) VALUES {values}")

    def _some(self) -> int | None:
        return self.random.choice(sorted(self.rows)) if self.rows else None

    def insert(self) -> str:
        row = self._new()
        self._insert([row])
        self.rows[row[0]] = row
        return f"insert {row}"

    def insert_many(self) -> str:
        rows = [self._new() for _ in range(5)]
        self._insert(rows)
        self.rows.update({row[0]: row for row in rows})
        return f"insert {rows}"

    def update(self) -> str:
        key = self._some()
        if key is None:
            return "nothing"
        i, _, _, c, t = self.rows[key]
        number = self.random.randrange(100)
        self._send(
            f"UPDATE people SET name = 'u{number}', "
            f"amount = {self._literal(number, amount=True)} WHERE id = {key}"
        )
        self.rows[key] = (i, f"u{number}", number, c, t)
        return f"update {key}"

    def update_many(self) -> str:
        self._send("UPDATE people SET name = 'all' WHERE id > 3")
        self.rows = {
            key: (i, "all" if i > 3 else n, a, c, t) for key, (i, n, a, c, t) in self.rows.items()
        }
        return "update many"

    def nothing_known(self) -> str:
        key = self._some()
        if key is None:
            return "nothing"
        self._send(f"UPDATE people SET name = NULL, amount = NULL, code = NULL WHERE id = {key}")
        self.rows[key] = (key, None, None, None, self.rows[key][4])
        return f"set NULL {key}"

    def delete(self) -> str:
        key = self._some()
        if key is not None:
            self._send(f"DELETE FROM people WHERE id = {key}")
            del self.rows[key]
        return f"delete {key}"

    def delete_many(self) -> str:
        keys = self.random.sample(sorted(self.rows), min(3, len(self.rows)))
        self._send(f"DELETE FROM people WHERE id IN ({', '.join(map(str, [0, *keys]))})")
        for key in keys:
            del self.rows[key]
        return f"delete {keys}"

    def change_key(self) -> str:
        key = self._some()
        if key is None:
            return "nothing"
        self.next += 1
        self._send(f"UPDATE people SET id = {self.next} WHERE id = {key}")
        self.rows[self.next] = (self.next, *self.rows.pop(key)[1:])
        return f"key {key} to {self.next}"

    def swap_codes(self) -> str:
        coded = [key for key, row in self.rows.items() if row[3] is not None]
        if len(coded) < 2:
            return "nothing"
        one, two = self.random.sample(sorted(coded), 2)
        a, b = self.rows[one], self.rows[two]
        self._send("BEGIN")
        self._send(f"UPDATE people SET code = NULL WHERE id = {one}")
        self._send(f"UPDATE people SET code = {a[3]} WHERE id = {two}")
        self._send(f"UPDATE people SET code = {b[3]} WHERE id = {one}")
        self._send("COMMIT")
        self.rows[one] = (*a[:3], b[3], a[4])
        self.rows[two] = (*b[:3], a[3], b[4])
        return f"swap codes {one} {two}"

    def upsert(self) -> str:
        fresh = self._new()
        key = self._some()
        rows = [fresh]
        if key is not None:
            i, _, _, c, t = self.rows[key]
            rows.append((i, "again", 77, c, t))
        self._send(
            self.stage.words.upsert.format(
                columns="id, name, amount, code, team", values=", ".join(map(self._values, rows))
            )
        )
        self.rows.update({row[0]: row for row in rows})
        return f"upsert {rows}"

    def replace(self) -> str:
        """Put a row in the place of one with its key, and of another one with its code."""
        key = self._some()
        coded = [row for row in self.rows.values() if row[3] is not None]
        if key is None or not coded:
            return "nothing"
        victim = self.random.choice(sorted(coded))
        row: Row = (key, "replaced", 5, victim[3], None)
        self._insert([row], verb="REPLACE")
        self.rows.pop(victim[0], None)
        self.rows[key] = row
        return f"replace {row}"

    def ignore(self) -> str:
        """Insert a new row, and one that is there already, which is left out."""
        fresh, key = self._new(), self._some()
        rows = [fresh] if key is None else [(key, "ignored", 1, None, None), fresh]
        verb = "INSERT OR IGNORE" if self.stage.database.kind == "sqlite" else "INSERT IGNORE"
        self._insert(rows, verb=verb)
        self.rows[fresh[0]] = fresh
        return f"ignore {rows}"

    def back_to_savepoint(self) -> str:
        kept = dict(self.rows)
        self._send("BEGIN")
        first = self.insert()
        kept = dict(self.rows)
        self._send("SAVEPOINT s1")
        lost = [self.delete(), self.update(), self.insert_many(), self.change_key()]
        self._send("ROLLBACK TO SAVEPOINT s1")
        self.rows = kept
        last = self.update()
        self._send("COMMIT")
        return f"{first}, lost {lost}, {last}"

    def roll_back(self) -> str:
        kept = dict(self.rows)
        self._send("BEGIN")
        lost = [self.update(), self.delete(), self.insert()]
        self._send("ROLLBACK")
        self.rows = kept
        return f"lost {lost}"

    def drop_team(self) -> str:
        if len(self.teams) < 3:
            return "nothing"
        team = self.teams.pop()
        self._send(f"DELETE FROM teams WHERE id = {team}")
        self.rows = {key: row for key, row in self.rows.items() if row[4] != team}
        return f"team {team}"
