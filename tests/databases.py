"""A fresh database for every test, and a way to look into it without going through whimbrel.

Servers are the work of `servers.py`; which engines a test runs on is said in `engines.py`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

import psycopg
import pymysql

from tests import engines, servers

Row = tuple[object, ...]

_numbers: Final = itertools.count(1)
_COPY: Final = re.compile(r"^(COPY .+? FROM stdin;)\n(.*?)^\\\.$\n?", re.I | re.M | re.S)
_DELIMITER: Final = re.compile(r"^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*$", re.I | re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An empty database of one engine, for one test.

    `secret_url` leads to the same database by a user who owns it and whose password is asked
    for (it needs quoting); it is None where there are no users, or where the server is not ours.
    """

    engine_id: str
    kind: str
    url: str
    secret_url: str | None = None

    @property
    def engine(self) -> engines.Engine:
        """Return what is known of its engine."""
        return engines.KNOWN[self.engine_id.removesuffix(servers.LOGGED)]

    @property
    def file(self) -> Path | None:
        """Return the file it lives in, where it is one."""
        return Path(self.url.removeprefix("sqlite:///")) if self.kind == "sqlite" else None

    @property
    def name(self) -> str:
        """Return its name in the server, or its file's name."""
        return self.url.rpartition("/")[2]


class Raw:
    """SQL by the plain driver, each statement committed at once: for arranging and claiming."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection = _connect(database)

    def execute(self, sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> list[Row]:
        """Send one statement, with parameters in the driver's style; return its rows."""
        with contextlib.closing(self.connection.cursor()) as cursor:
            if params:
                cursor.execute(sql, params)
            else:
                cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def value(self, sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> object:
        """Return the first value of the first row."""
        return self.execute(sql, params)[0][0]

    def script(self, sql: str) -> None:
        """Run many statements, as the engine's own client would run its dump.

        Understood are `DELIMITER` lines of MySQL dumps and `COPY … FROM stdin` blocks of
        PostgreSQL dumps; other commands of a client (`\\connect`) are not.
        """
        {
            "sqlite": _sqlite_script,
            "postgresql": _postgresql_script,
            "mariadb": _mysql_script,
            "mysql": _mysql_script,
        }[self.database.kind](self.connection, sql)

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def __enter__(self) -> Raw:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@contextlib.contextmanager
def fresh(engine_id: str, folder: Path) -> Iterator[Database]:
    """Make an empty database that is gone after the block, or raise servers.Unavailable."""
    name = f"wt_{os.getpid()}_{next(_numbers)}"
    if engine_id == "sqlite":
        file = folder / f"{name}.db"
        yield Database(engine_id="sqlite", kind="sqlite", url=f"sqlite:///{file}")
        for leftover in folder.glob(f"{name}.db*"):
            leftover.unlink()
        return
    server = servers.get(engine_id)
    ours = server.pid is not None
    _create(server, name, owner=servers.SECRET_USER if ours else None)
    try:
        yield Database(
            engine_id=engine_id,
            kind=server.kind,
            url=server.database_url(name),
            secret_url=server.database_url(name, secret=True) if ours else None,
        )
    finally:
        _drop(server, name)


# --- making and dropping, by one connection per server and process -----------------------------

_admins: Final[dict[str, psycopg.Connection | pymysql.Connection]] = {}


def close_admins() -> None:
    """End the connections that make and drop databases."""
    while _admins:
        _admins.popitem()[1].close()


def _admin(server: servers.Server) -> psycopg.Connection | pymysql.Connection:
    if server.url not in _admins:
        _admins[server.url] = servers.connect(server.url)
    return _admins[server.url]


def _create(server: servers.Server, name: str, *, owner: str | None) -> None:
    with contextlib.closing(_admin(server).cursor()) as cursor:
        if server.kind == "postgresql":
            # Copying files is four times as fast as writing them through the log; UTF8 and no
            # locale of the server's, so that every machine sorts alike.
            cursor.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy ENCODING 'UTF8'"
                + (f" OWNER {owner}" if owner else "")
            )
        else:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")


def _drop(server: servers.Server, name: str) -> None:
    """Drop a database even if the test has left connections open, with locks or without."""
    with contextlib.closing(_admin(server).cursor()) as cursor:
        if server.kind == "postgresql":
            if server.engine_id.endswith(servers.LOGGED):
                _drop_slots(cursor, name)
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            return
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
        for (connection,) in cursor.fetchall():
            with contextlib.suppress(pymysql.err.OperationalError):  # it ended by itself meanwhile
                cursor.execute(f"KILL {connection}")
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")


def _drop_slots(cursor: psycopg.Cursor, name: str) -> None:
    """End what reads the log of a database, and would keep it from being dropped."""
    cursor.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
    )
    cursor.execute(
        "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s", [name]
    )
    for slot, _ in cursor.fetchall():
        for _ in range(100):
            try:
                cursor.execute("SELECT pg_drop_replication_slot(%s)", [slot])
                break
            except psycopg.errors.ObjectInUse:
                time.sleep(0.05)  # its session is being ended


# --- the drivers -------------------------------------------------------------------------------


def _connect(
    database: Database,
) -> sqlite3.Connection | psycopg.Connection | pymysql.Connection:
    if database.file is not None:
        return sqlite3.connect(database.file, isolation_level=None, timeout=10)
    return servers.connect(database.url)


def _sqlite_script(connection: sqlite3.Connection, sql: str) -> None:
    connection.executescript(sql)


def _postgresql_script(connection: psycopg.Connection, sql: str) -> None:
    done = 0
    for block in _COPY.finditer(sql):
        _send(connection, sql[done : block.start()])
        with connection.cursor() as cursor, cursor.copy(block[1]) as copy:
            copy.write(block[2])
        done = block.end()
    _send(connection, sql[done:])


def _send(connection: psycopg.Connection, sql: str) -> None:
    # The simple protocol runs a text of many statements in one transaction; a dump's own BEGIN
    # and COMMIT work inside it as in psql.
    if sql.strip():
        connection.execute(sql)


def _mysql_script(connection: pymysql.Connection, sql: str) -> None:
    # [text, delimiter, text, delimiter, text …]; the first text ends its statements by ";".
    texts = _DELIMITER.split(sql)
    for delimiter, text in zip([";", *texts[1::2]], texts[::2], strict=True):
        parts = [text]
        if delimiter != ";":
            parts = re.split(rf"{re.escape(delimiter)}[ \t]*$", text, flags=re.M)
        for part in parts:
            _send_all(connection, part)


def _send_all(connection: pymysql.Connection, sql: str) -> None:
    if not re.sub(r"(?m)^\s*(--.*|#.*)?$", "", sql).strip():
        return
    with connection.cursor() as cursor:
        cursor.execute(sql)
        while cursor.nextset():
            pass
