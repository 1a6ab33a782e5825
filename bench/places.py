"""The databases of the benchmarks: started, loaded, and put back before each timing.

Every engine keeps its promises here (it waits for the disk at each commit) and has enough memory
for the tables. What each contestant finds is the same: a fresh copy of the table, its statistics
up to date, nothing left to write from what came before.
"""

from __future__ import annotations

import abc
import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pymysql

from bench import lines
from tests import servers

KEPT: Final = "lineitem_kept"
TABLE: Final = "lineitem"
ROOT: Final = Path(__file__).resolve().parent.parent
ENGINES: Final = ("sqlite", "postgresql", "mariadb")

# The same for all contestants: durable, and large enough to work in memory.
SETTINGS: Final = {
    "postgresql": (
        "shared_buffers=1GB",
        "max_wal_size=4GB",
        "autovacuum=on",
        "synchronous_commit=on",
    ),
    "mariadb": (
        "--innodb-buffer-pool-size=2G",
        "--innodb-log-file-size=1G",
        "--innodb-flush-log-at-trx-commit=1",
        "--local-infile=1",
    ),
}

# What a MariaDB server has still to write or to clear away, and how much of it is nothing.
_UNSETTLED: Final = {"Innodb_buffer_pool_pages_dirty": 100, "Innodb_history_list_length": 100}
_SETTLE_SECONDS: Final = 120


class Place(abc.ABC):
    """One database with the lines in it, and a plain connection that commits at once."""

    engine: str
    title: str
    url: str
    # The types of a key of one number, and of a document.
    key = "bigint"
    json = "json"

    @abc.abstractmethod
    def execute(self, sql: str) -> int:
        """Run a statement; return how many rows it changed."""

    @abc.abstractmethod
    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Return the rows of a query."""

    @abc.abstractmethod
    def load(self, rows: int) -> None:
        """Keep a table of so many lines, from which each timing gets its copy."""

    @abc.abstractmethod
    def settle(self, *tables: str) -> None:
        """Bring statistics up to date, and write what is still to be written."""

    def fresh(self) -> None:
        """Put the table of the lines back as it was loaded, and take away all others."""
        self._drop(self._tables() - {KEPT})
        self.execute(lines.table(TABLE, key=self.key))
        names = ", ".join(lines.NAMES)
        self.execute(f"INSERT INTO {TABLE} ({names}) SELECT {names} FROM {KEPT} ORDER BY id")
        self.settle(TABLE)

    def emptied(self) -> None:
        """Take away all tables but that of the lines, which nobody has changed."""
        self._drop(self._tables() - {KEPT, TABLE})

    def leave(self) -> None:
        """Let go of the database, for somebody who works on it alone."""

    def value(self, sql: str) -> object:
        """Return the one value of a query."""
        return self.rows(sql)[0][0]

    def close(self) -> None:
        """End the connection."""

    @abc.abstractmethod
    def _tables(self) -> set[str]:
        """Return the names of all tables."""

    def _drop(self, names: set[str]) -> None:
        """Drop tables, all at once: one may refer to another."""
        if names:
            self.execute(f"DROP TABLE {', '.join(sorted(names))}")


class Sqlite(Place):
    """A file; the copy of a table is a copy of the file."""

    engine = "sqlite"
    title = f"SQLite {sqlite3.sqlite_version}"
    key = "integer"  # as every table that has a key of one number, else it is an index beside it

    def __init__(self, folder: Path) -> None:
        self._kept, self._file = folder / "kept.db", folder / "work.db"
        self.url = f"sqlite:///{self._file}"
        self._connection: sqlite3.Connection | None = None

    def execute(self, sql: str) -> int:
        return self._open().execute(sql).rowcount

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self._open().execute(sql).fetchall()

    def load(self, rows: int) -> None:
        self._kept.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(self._kept, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            connection.execute(lines.table(TABLE, key=self.key))
            marks = ", ".join("?" * len(lines.NAMES))
            connection.executemany(
                f"INSERT INTO {TABLE} ({', '.join(lines.NAMES)}) VALUES ({marks})",
                (line[:-1].split("|") for line in lines.read(rows)),
            )
            connection.execute("COMMIT")
            connection.execute("ANALYZE")

    def fresh(self) -> None:
        self.close()
        for leftover in self._file.parent.glob(f"{self._file.name}*"):
            leftover.unlink()
        shutil.copyfile(self._kept, self._file)
        self.settle()

    def emptied(self) -> None:
        self.fresh()

    def settle(self, *tables: str) -> None:
        # A copied file is still on its way to the disk.
        os.sync()

    def leave(self) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._file, isolation_level=None, timeout=10)
        return self._connection

    def _tables(self) -> set[str]:
        return {str(name) for (name,) in self.rows("SELECT name FROM sqlite_schema")}


class Postgresql(Place):
    """A database of a server."""

    engine = "postgresql"

    def __init__(self, server: servers.Server) -> None:
        self.url = server.url
        self.title = f"PostgreSQL {server.version.split()[0]}"
        self._connection = servers.connect(server.url)

    def execute(self, sql: str) -> int:
        return self._connection.execute(sql).rowcount

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self._connection.execute(sql).fetchall()

    def load(self, rows: int) -> None:
        self.execute(f"DROP TABLE IF EXISTS {KEPT}")
        self.execute(lines.table(KEPT, key=self.key))
        into = f"COPY {KEPT} ({', '.join(lines.NAMES)}) FROM STDIN (DELIMITER '|')"
        with self._connection.cursor() as cursor, cursor.copy(into) as copy:
            for line in lines.read(rows):
                copy.write(line)
        self.settle(KEPT)

    def settle(self, *tables: str) -> None:
        for table in tables:
            self.execute(f"VACUUM (FREEZE, ANALYZE) {table}")
        self.execute("CHECKPOINT")

    def close(self) -> None:
        self._connection.close()

    def _tables(self) -> set[str]:
        asked = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        return {str(name) for (name,) in self.rows(asked)}


class Mariadb(Place):
    """A database of a server."""

    engine = "mariadb"

    def __init__(self, server: servers.Server) -> None:
        self.url = server.database_url("bench")
        self.title = f"MariaDB {server.version.split('-')[0]}"
        with (
            contextlib.closing(servers.connect(server.url)) as admin,
            admin.cursor() as cursor,
        ):
            cursor.execute("CREATE DATABASE bench CHARACTER SET utf8mb4")
        self._connection = servers.connect(self.url)

    def execute(self, sql: str) -> int:
        with self._connection.cursor() as cursor:
            return int(cursor.execute(sql))

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def load(self, rows: int) -> None:
        self.execute(f"DROP TABLE IF EXISTS {KEPT}")
        self.execute(lines.table(KEPT, key=self.key))
        with tempfile.TemporaryDirectory() as folder:
            pipe = Path(folder) / "lines.tbl"
            with pipe.open("w", encoding="ascii") as file:
                file.writelines(lines.read(rows))
            with contextlib.closing(loader(self.url)) as sender, sender.cursor() as cursor:
                cursor.execute(
                    f"LOAD DATA LOCAL INFILE '{pipe}' INTO TABLE {KEPT} CHARACTER SET ascii "
                    f"FIELDS TERMINATED BY '|' ({', '.join(lines.NAMES)})"
                )
        self.settle(KEPT)

    def settle(self, *tables: str) -> None:
        for table in tables:
            self.rows(f"ANALYZE TABLE {table}")
        # Written at once, not at the leisure of a server that minds its disk.
        eager = {"innodb_io_capacity": 20_000, "innodb_max_dirty_pages_pct": 0}
        before = {name: self.value(f"SELECT @@{name}") for name in eager}
        for name, value in eager.items():
            self.execute(f"SET GLOBAL {name} = {value}")
        until = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < until and any(
            int(str(self.rows(f"SHOW GLOBAL STATUS LIKE '{status}'")[0][1])) > few
            for status, few in _UNSETTLED.items()
        ):
            time.sleep(0.1)
        for name, old in before.items():
            self.execute(f"SET GLOBAL {name} = {old}")

    def close(self) -> None:
        self._connection.close()

    def _tables(self) -> set[str]:
        return {str(name) for (name,) in self.rows("SHOW TABLES")}


def loader(url: str) -> pymysql.Connection:
    """Open a connection that may send a file; only loading needs it."""
    connection = servers.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@port, DATABASE()")
        port, database = cursor.fetchone()
    connection.close()
    return pymysql.connect(
        host="127.0.0.1",
        port=port,
        user="whimbrel",
        password="whimbrel",
        database=database,
        local_infile=True,
        autocommit=True,
    )


@contextmanager
def opened(engine: str) -> Iterator[Place]:
    """Have an engine's database inside the block; raises servers.Unavailable."""
    with contextlib.ExitStack() as stack:
        if engine == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="whimbrel-bench-"))
            place: Place = Sqlite(Path(folder))
        else:
            server = stack.enter_context(
                servers.running(engine, durable=True, settings=SETTINGS[engine])
            )
            place = Postgresql(server) if engine == "postgresql" else Mariadb(server)
        stack.callback(place.close)
        yield place


def plain(place: Place) -> sqlite3.Connection | psycopg.Connection | pymysql.Connection:
    """Open another connection by the plain driver, as a contestant without us would."""
    if place.engine == "sqlite":
        return sqlite3.connect(place.url.removeprefix("sqlite:///"), isolation_level=None)
    return servers.connect(place.url)
