"""The plain drivers behind one face, with as little between as can be."""

from __future__ import annotations

import abc
import contextlib
import sqlite3
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

# Whoever waits longer than this for a lock has failed, as a user would say.
PATIENCE: Final = 20

_GONE_MYSQL: Final = frozenset(
    {0, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014}
)
_GONE_POSTGRESQL: Final = ("57P", "08")


class Refused(Exception):
    """The server has said no; nothing of the statement is done, and the connection lives."""

    def __init__(self, error: BaseException, *, clash: bool) -> None:
        super().__init__(f"{type(error).__name__}: {error}".splitlines()[0])
        self.clash = clash


class Gone(Exception):
    """The connection has ended: nobody knows whether the last statement was done."""


class Line(abc.ABC):
    """A connection. Statements have `?` for each value and no other question mark."""

    begin = "BEGIN"

    @abc.abstractmethod
    def send(self, sql: str, values: Sequence[object] = ()) -> int:
        """Execute a statement; return how many rows it has touched."""

    @abc.abstractmethod
    def ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Execute a query; return its rows."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the connection, whatever it is doing."""


def opened(url: str, *, prepares: bool = True) -> Line:
    """Connect, or raise Gone; `prepares` lets the driver prepare statements where it does so."""
    kind = urlsplit(url).scheme
    if kind == "sqlite":
        return SqliteLine(url)
    return PostgresqlLine(url, prepares=prepares) if kind == "postgresql" else MysqlLine(url)


class SqliteLine(Line):
    """SQLite, as Python's own driver; transactions begin with the right to write."""

    begin = "BEGIN IMMEDIATE"

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(
            url.removeprefix("sqlite:///"),
            isolation_level=None,
            timeout=PATIENCE,
            check_same_thread=False,
            cached_statements=500,
        )
        self._connection.execute("PRAGMA foreign_keys = ON")

    def send(self, sql: str, values: Sequence[object] = ()) -> int:
        try:
            return self._connection.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise Refused(error, clash=isinstance(error, sqlite3.IntegrityError)) from error

    def ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise Refused(error, clash=False) from error

    def close(self) -> None:
        self._connection.close()


class _Server(Line):
    """What both drivers of servers have in common."""

    _errors: tuple[type[BaseException], ...]

    def __init__(self, url: str) -> None:
        self._texts: dict[str, str] = {}
        try:
            self._connection: Any = self._connect(url)
        except self._errors as error:
            raise Gone(str(error)) from error
        self._cursor: Any = self._connection.cursor()

    @abc.abstractmethod
    def _connect(self, url: str) -> object: ...

    @abc.abstractmethod
    def _judged(self, error: BaseException) -> Exception: ...

    def send(self, sql: str, values: Sequence[object] = ()) -> int:
        try:
            self._cursor.execute(self._text(sql), values or None)
        except self._errors as error:
            raise self._judged(error) from error
        return int(self._cursor.rowcount)

    def ask(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.send(sql, values)
        try:
            return list(self._cursor.fetchall())
        except self._errors as error:
            raise self._judged(error) from error

    def _text(self, sql: str) -> str:
        if sql not in self._texts:
            self._texts[sql] = sql.replace("?", "%s")
        return self._texts[sql]

    def close(self) -> None:
        with contextlib.suppress(*self._errors, OSError):
            self._connection.close()


class PostgresqlLine(_Server):
    """PostgreSQL by psycopg, which prepares what is sent several times."""

    _errors = (psycopg.Error,)

    def __init__(self, url: str, *, prepares: bool) -> None:
        super().__init__(url)
        if not prepares:
            self._connection.prepare_threshold = None

    def _connect(self, url: str) -> object:
        return psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="shop")

    def _judged(self, error: BaseException) -> Exception:
        state = getattr(error, "sqlstate", None)
        # A statement that was cancelled has 57014, and its connection lives.
        ended = (state or "08").startswith(_GONE_POSTGRESQL) and state != "57014"
        if self._connection.broken or ended:
            return Gone(str(error))
        return Refused(error, clash=isinstance(error, psycopg.IntegrityError))


class MysqlLine(_Server):
    """MariaDB and MySQL by PyMySQL."""

    _errors = (pymysql.Error, OSError)

    def _connect(self, url: str) -> object:
        parts = urlsplit(url)
        return pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=parts.path.lstrip("/"),
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=10,
            # Rows that were found count, not those that are different afterwards.
            client_flag=pymysql.constants.CLIENT.FOUND_ROWS,
        )

    def _judged(self, error: BaseException) -> Exception:
        code = error.args[0] if error.args else 0
        if isinstance(error, pymysql.err.InterfaceError | OSError) or code in _GONE_MYSQL:
            return Gone(str(error))
        return Refused(error, clash=code == 1062)
