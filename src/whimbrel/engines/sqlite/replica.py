"""An empty private copy of a schema: statements are tried on it, and plans follow on it.

Made in memory from the texts of the real database, without its rows. SQLite itself says what a
statement does, which views and triggers it breaks, and who reads a column; nothing of that has
to be guessed from their text. The real database is never touched.
"""

from __future__ import annotations

import re
import sqlite3
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite as dialects

from whimbrel import tables as shapes
from whimbrel.engines import base
from whimbrel.engines.sqlite import catalog, functions, text, tokens

_DDL: Final = frozenset({"CREATE", "ALTER", "DROP"})
_UNKNOWN_COLLATION: Final = re.compile(r"no such collation sequence: (.+)")
_UNKNOWN_FUNCTION: Final = re.compile(r"(?:no such|unknown) function: ([^()]+)")
_READ, _UPDATE = sqlite3.SQLITE_READ, sqlite3.SQLITE_UPDATE

# What is asked of every table and view: (its name, the verb) -> SQLite's complaint, or ''.
Health = Mapping[tuple[str, str], str]


class Replica:
    """The schema of a catalog in a database of its own."""

    def __init__(self, source: catalog.SqliteCatalog) -> None:
        # Without a cache, every probe is compiled anew and the authorizer sees all of it.
        self.connection = sqlite3.connect(
            ":memory:", isolation_level=None, cached_statements=0, check_same_thread=False
        )
        functions.register(self.connection)
        # What SQLAlchemy gives to every connection: REGEXP, floor.
        dialects.dialect(dbapi=sqlite3).on_connect()(cast("Any", self.connection))
        self.catalog = catalog.SqliteCatalog(self.connection)
        # Objects that cannot be made here, with SQLite's reason.
        self.unknown: dict[str, str] = {}
        # SQLite's complaints about what we then stood in for.
        self.supplied: list[str] = []
        if isinstance(source, PlannedCatalog):
            self._copy(source)
            return
        objects = source.objects(ours=True)
        # Virtual tables first: they make their shadow tables themselves.
        for o in sorted(objects, key=lambda o: not o.is_virtual):
            self._replay(o)
        if source.has("sqlite_stat1"):
            self.connection.execute("ANALYZE")

    def close(self) -> None:
        """Forget the copy."""
        self.connection.close()

    def __enter__(self) -> Replica:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- making it --------------------------------------------------------------------------

    def _replay(self, o: catalog.Object) -> None:
        if o.type == "table" and self.catalog.has(o.name):
            return
        for _ in range(100):
            try:
                self.connection.execute(o.sql or "")
            except sqlite3.Error as error:
                if not self._supply(str(error)):
                    self.unknown[tokens.fold(o.name)] = str(error)
                    return
            else:
                return

    def _copy(self, source: PlannedCatalog) -> None:
        """Take over another copy, which is faster than making it from its texts again."""
        for complaint in source.replica.supplied:
            self._supply(complaint)
        source.connection.backup(self.connection)
        self.unknown.update(source.replica.unknown)

    def _supply(self, complaint: str) -> bool:
        """Stand in for a collation or function that only the application has."""
        self.supplied.append(complaint)
        if match := _UNKNOWN_COLLATION.search(complaint):
            self.connection.create_collation(match[1], lambda a, b: (a > b) - (a < b))
            return True
        if match := _UNKNOWN_FUNCTION.search(complaint):
            self.connection.create_function(match[1], -1, lambda *_: None, deterministic=True)
            return True
        return False

    # --- using it ---------------------------------------------------------------------------

    def run(self, statements: Sequence[base.Statement]) -> None:
        """Send what changes the schema; questions, rows and other settings have no meaning here.

        Raises sqlalchemy's error around SQLite's, as sending it to the real database would.
        """
        for statement in statements:
            if statement.must_be is not None or not _is_schema(statement.sql):
                continue
            try:
                self.connection.execute(statement.sql)
            except sqlite3.Error as error:
                raise sa.exc.OperationalError(statement.sql, None, error) from error

    def health(self) -> Health:
        """Compile every verb on every table and view, which compiles all that it sets off."""
        # Only with foreign keys on, their actions are compiled too.
        self.connection.execute("PRAGMA foreign_keys = ON")
        try:
            return self._compile_all()
        finally:
            self.connection.execute("PRAGMA foreign_keys = OFF")

    def readers(self, table: str, column: str) -> list[str]:
        """Return the views and triggers that read or set a column."""
        wanted = (tokens.fold(table), tokens.fold(column))
        users: set[str] = set()

        def note(
            action: int, first: str | None, second: str | None, _: str | None, by: str | None
        ) -> int:
            seen = (tokens.fold(first or ""), tokens.fold(second or ""))
            if action in (_READ, _UPDATE) and by is not None and seen == wanted:
                users.add(tokens.fold(by))
            return sqlite3.SQLITE_OK

        self.connection.set_authorizer(note)
        try:
            # With foreign keys off: their own reading would count as that of a trigger around it.
            self._compile_all()
        finally:
            self.connection.set_authorizer(None)
        texts = [o for o in self.catalog.objects() if o.type in ("view", "trigger")]
        if not any(_says(o, column) for o in texts):
            # Only SELECT * reads it. That goes on without it, or the trial shows that it breaks.
            return []
        return [
            f"{o.type} {o.name}"
            for o in texts
            if tokens.fold(o.name) in users or _names(o, table, column)
        ]

    def _probes(self) -> Iterator[tuple[str, str, str]]:
        everything = self.catalog.objects()
        shadows = catalog.shadow_tables(everything)
        for o in everything:
            if o.type not in ("table", "view") or tokens.fold(o.name) in shadows:
                continue
            name = tokens.quote(o.name)
            yield o.name, "SELECT", f"SELECT * FROM {name}"
            yield o.name, "INSERT", f"INSERT INTO {name} DEFAULT VALUES"
            yield o.name, "DELETE", f"DELETE FROM {name}"
            try:
                columns = self.catalog.columns(o.name)
            except sqlite3.Error:  # a broken view has none
                continue
            sets = [tokens.quote(str(row[1])) for row in columns if not row[6]]
            settings = ", ".join(f"{column} = {column}" for column in sets)
            yield o.name, "UPDATE", f"UPDATE {name} SET {settings}"

    def _compile_all(self) -> Health:
        found = {(name, verb): self._compile(sql) for name, verb, sql in self._probes()}
        for o in self.catalog.objects():
            if o.is_virtual:
                # Its module asks the tables that it stands on only when rows are fetched.
                asked = self._send(f"SELECT * FROM {tokens.quote(o.name)}")
                found[o.name, "SELECT"] = found.get((o.name, "SELECT")) or asked
        return found

    def _compile(self, sql: str) -> str:
        return self._send(f"EXPLAIN {sql}")

    def _send(self, sql: str) -> str:
        try:
            self.connection.execute(sql).close()
        except sqlite3.Error as error:
            return str(error)
        return ""


def broken(before: Health, after: Health) -> list[str]:
    """Return what could be done before and cannot be done any more, with SQLite's reason."""
    return [
        f"{verb} on {name}: {after[name, verb]}"
        for (name, verb), complaint in before.items()
        if not complaint and after.get((name, verb))
    ]


def _is_schema(sql: str) -> bool:
    word = tokens.first_word(sql)
    return word in _DDL or (word == "PRAGMA" and "legacy_alter_table" in sql)


def _names(o: catalog.Object, table: str, column: str) -> bool:
    """Whether a trigger of the table waits for a change of the column."""
    if o.type != "trigger" or not tokens.same(o.table, table):
        return False
    return tokens.fold(column) in text.update_columns(o.sql or "")


def _says(o: catalog.Object, column: str) -> bool:
    """Whether a text may mean a column: by its name, or by NATURAL JOIN, which names nothing."""
    found = [token for token in tokens.read(o.sql or "") if token.means]
    return any(
        token.word == "NATURAL" or (token.text and tokens.same(tokens.unquoted(token.text), column))
        for token in found
    )


class PlannedCatalog(catalog.SqliteCatalog, base.Planned):
    """The schema as it will be after planned statements, which are really sent to a copy."""

    exact = True

    def __init__(self, real: catalog.SqliteCatalog) -> None:
        self.replica = Replica(real)
        weakref.finalize(self, self.replica.close)
        super().__init__(self.replica.connection)
        self._before = {(o.type, o.name): o for o in self.objects()}

    def put(self, name: str, table: shapes.Table | None) -> None:
        """Nothing is noted: `apply` has the same effect, and exactly."""

    def apply(self, statements: Sequence[base.Statement]) -> None:
        self.replica.run(statements)

    def touched(self) -> frozenset[str]:
        now = {(o.type, o.name): o for o in self.objects()}
        different = set(self._before.values()) ^ set(now.values())
        return frozenset(o.table for o in different)
