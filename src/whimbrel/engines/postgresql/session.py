"""A session on PostgreSQL, which gives its transactions time limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from whimbrel.engines import base

if TYPE_CHECKING:
    import psycopg

# The value of now, then (the targets of a SELECT are computed in their order) the new one.
_LIMIT = """
SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, %s)
"""


class PostgresSession(base.Session):
    """A session that gives each of its transactions the time limit that holds meanwhile."""

    def __init__(
        self, engine: base.Engine, connection: sa.Connection, *, url: str, read_only: bool
    ) -> None:
        super().__init__(engine, connection, url=url, read_only=read_only)
        self._seconds: float | None = None
        # The transaction that has our limit, and which one it had before.
        self._limited: sa.RootTransaction | None = None
        self._before = ""

    @property
    def driver(self) -> psycopg.Connection:
        """The driver's connection, for what SQLAlchemy would make slow."""
        return cast("psycopg.Connection", self.connection.connection.driver_connection)

    def begin(self) -> None:
        if self.connection.in_transaction():
            return
        super().begin()
        self._limit()

    def execute(self, sql: str, params: base.Params = None) -> base.Result:
        if self._seconds is not None:
            self.begin()
        return super().execute(sql, params)

    @contextmanager
    def outside_transaction(self) -> Iterator[None]:
        try:
            with super().outside_transaction():
                try:
                    yield
                finally:
                    self._unlimit()
        finally:
            if not self.gone:
                # SQLAlchemy would name a level in each BEGIN, over the one that `isolate` set.
                self.driver.isolation_level = None

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Give the open transaction, and those that begin inside the block, a time limit."""
        outer, self._seconds = self._seconds, seconds
        self._limit()
        try:
            yield
        finally:
            self._seconds = outer
            self._limit()

    def _limit(self) -> None:
        """Let the limit be what it has to be now, as far as a transaction is open."""
        if self._seconds is None:
            self._unlimit()
        elif self._takes_settings():
            milliseconds = max(1, round(self._seconds * 1000))
            before = self._set(f"{milliseconds}ms")
            if self._limited is not self.connection.get_transaction():
                self._limited, self._before = self.connection.get_transaction(), before

    def _unlimit(self) -> None:
        limited, self._limited = self._limited, None
        if limited is None or not self._takes_settings():
            return
        if limited is self.connection.get_transaction():
            self._set(self._before)

    def _takes_settings(self) -> bool:
        """Whether a transaction is open in which nothing has failed."""
        if self.gone or not self.connection.in_transaction():
            return False
        status = self.driver.info.transaction_status
        return status in (status.IDLE, status.INTRANS)

    def _set(self, limit: str) -> str:
        # Statements that commit by themselves would lose a local setting at once.
        local = not self.driver.autocommit
        rows = super().execute(_LIMIT, [limit, local]).rows or [("0",)]
        return str(rows[0][0])


def ours(session: base.Session) -> PostgresSession:
    """Return the session as what it is, or raise TypeError."""
    if not isinstance(session, PostgresSession):
        raise TypeError(f"not a session of this engine: {session!r}")
    return session
