"""A session on MySQL or MariaDB: its isolation, and time limits where the server has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import sqlalchemy as sa

from whimbrel.engines import base

_QUOTED: Final = re.compile(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`", re.DOTALL)
_STRAY: Final = re.compile("[\udc80-\udcff]")
_ESCAPES: Final = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}


class MysqlSession(base.Session):
    """A session that keeps the isolation that `isolate` gave it."""

    def __init__(
        self, engine: base.Engine, connection: sa.Connection, *, url: str, read_only: bool
    ) -> None:
        super().__init__(engine, connection, url=url, read_only=read_only)
        self.level: str | None = None
        self._seconds: float | None = None
        self._before = "0"

    @property
    def driver(self) -> Any:
        """The driver's connection, for what must not open a transaction."""
        return self.connection.connection.driver_connection

    @contextmanager
    def outside_transaction(self) -> Iterator[None]:
        try:
            with super().outside_transaction():
                yield
        finally:
            # SQLAlchemy has put back the level that the session had at first.
            if self.level is not None and not self.gone:
                self.isolate(self.level)

    def isolate(self, level: str) -> None:
        """Set the level of later transactions; in an open one it holds from the next on."""
        self.level = level
        self.send(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Let statements inside the block take so long at most; MariaDB alone knows how."""
        outer, self._seconds = self._seconds, seconds
        if outer is None and seconds is not None:
            self._before = str(self.send("SELECT @@max_statement_time")[0][0])
        self._limit(outer)
        try:
            yield
        except BaseException:
            self._seconds = outer
            with suppress(self.connection.dialect.loaded_dbapi.Error):
                # The session may be gone; what failed inside says more about it.
                self._limit(seconds)
            raise
        self._seconds = outer
        self._limit(seconds)

    def _limit(self, before: float | None) -> None:
        if self.gone or self._seconds == before:
            return
        limit = self._before if self._seconds is None else f"{self._seconds:.6f}"
        self.send(f"SET max_statement_time = {limit}")

    def send(self, sql: str) -> list[base.Row]:
        """Send a statement about the session itself, for which no transaction begins."""
        with self.driver.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]


def ours(session: base.Session) -> MysqlSession:
    """Return the session as what it is, or raise TypeError."""
    if not isinstance(session, MysqlSession):
        raise TypeError(f"not a session of this engine: {session!r}")
    return session


def shown(session: base.Session, sql: str) -> base.Row:
    """Return the row of a SHOW CREATE, in which a default may be bytes that are no UTF-8.

    Whatever the column's type, the server writes them as they are: here they stand as x'…'.
    """
    driver = ours(session).driver
    before, driver.use_unicode = driver.use_unicode, False
    try:
        (row,) = session.fetch(sql)
    finally:
        driver.use_unicode = before
    return tuple(_read(value) if isinstance(value, bytes) else value for value in row)


def _read(value: bytes) -> str:
    text = value.decode("utf-8", "surrogateescape")
    return _QUOTED.sub(_in_digits, text) if _STRAY.search(text) else text


def _in_digits(found: re.Match[str]) -> str:
    if not _STRAY.search(found[0]):
        return found[0]
    text = found[0][1:-1].replace("''", "'")
    text = re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[1]), text, flags=re.DOTALL)
    return f"x'{text.encode('utf-8', 'surrogateescape').hex()}'"
