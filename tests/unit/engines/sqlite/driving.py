"""Send the statements of verbs to a real file, as a runner does, and look at what is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.engines.sqlite import ddl as ddls
from whimbrel.engines.sqlite.engine import ENGINE

Verb = Callable[[ddls.SqliteDdl], tuple[base.Statement, ...]]


def make(path: Path, script: str) -> Path:
    """Write a database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


@contextmanager
def session(path: Path, *, read_only: bool = False) -> Iterator[base.Session]:
    """Open a session of ours on a file."""
    opened = ENGINE.open(sa.URL.create("sqlite", database=str(path)), read_only=read_only)
    try:
        yield opened
    finally:
        opened.close()


def speak(opened: base.Session) -> ddls.SqliteDdl:
    """Return the verbs that speak about a session's database."""
    ddl = ENGINE.ddl(ENGINE.catalog(opened))
    assert isinstance(ddl, ddls.SqliteDdl)
    return ddl


def send(opened: base.Session, statements: Sequence[base.Statement]) -> None:
    """Send statements one by one; a question that is answered wrong stops it."""
    for statement in statements:
        result = opened.execute(statement.sql)
        if statement.must_be is not None:
            answer = result.rows[0][0] if result.rows else None
            if answer != statement.must_be:
                raise errors.RefusedError(statement.otherwise)


def drive(path: Path, *verbs: Verb) -> list[base.Statement]:
    """Plan verbs on a planned catalog, then run them as one migration."""
    with session(path) as opened:
        planned = ENGINE.planned(opened)
        statements: list[base.Statement] = []
        for verb in verbs:
            ddl = ENGINE.ddl(planned)
            assert isinstance(ddl, ddls.SqliteDdl)
            made = verb(ddl)
            planned.apply(made)
            statements += made
        rebuilds = ENGINE.rebuilds(statements)
        try:
            ENGINE.begin_migration(opened, rebuilds=rebuilds)
            send(opened, statements)
            ENGINE.before_commit(opened)
            opened.commit()
        finally:
            opened.rollback()
            ENGINE.end_migration(opened)
        return statements


def change(table: str, name: str, type_: str, **options: object) -> Verb:
    """Return change_column."""
    return lambda ddl: ddl.change_column(ddl.catalog.table(table), column(name, type_, **options))


def column(name: str, type_: str, **options: object) -> tables.Column:
    """Return a column as a migration asks for it."""
    return tables.Column(name=name, type=type_, **options)  # type: ignore[arg-type]


def texts(path: Path) -> dict[str, str]:
    """Return every text of sqlite_master, to the letter."""
    found = query(path, "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {str(name): str(sql) for name, sql in found if "whimbrel_" not in str(name)}


def rows(path: Path, *, leave_out: frozenset[str] = frozenset()) -> dict[str, list[object]]:
    """Return every row of every table with the types of its values, and its rowid."""
    found: dict[str, list[object]] = {}
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'whimbrel%'"
        ).fetchall()
        for name, sql in names:
            info = connection.execute(f'PRAGMA table_xinfo("{_doubled(name)}")').fetchall()
            listed = [row[1] for row in info if row[1] not in leave_out]
            parts = [f'typeof("{_doubled(c)}"), "{_doubled(c)}"' for c in listed]
            if "WITHOUT ROWID" not in sql.upper() and "rowid" not in listed:
                parts.append("rowid")
            order = ", ".join(str(n) for n in range(1, 2 * len(listed) + 1))
            found[name] = connection.execute(
                f'SELECT {", ".join(parts)} FROM "{_doubled(name)}" ORDER BY {order}'
            ).fetchall()
    return found


def query(path: Path, sql: str, *params: object) -> list[tuple[object, ...]]:
    """Ask by the plain driver, with foreign keys on; what it changes is committed."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(sql, params).fetchall()


def _doubled(name: str) -> str:
    return name.replace('"', '""')
