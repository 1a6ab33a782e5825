"""A session on SQLite: when its transactions begin, and what ends a long statement."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.engines.sqlite import faults, files, neighbours

# A row that refers to nothing: child table, its rowid, parent table.
Violation = tuple[str, object, str]


class SqliteSession(base.Session):
    """A session whose transactions begin when we say so, and with the right to write."""

    def __init__(
        self,
        engine: base.Engine,
        connection: sa.Connection,
        *,
        url: str,
        read_only: bool,
        tidy: Path | None,
    ) -> None:
        super().__init__(engine, connection, url=url, read_only=read_only)
        # Whether transactions begin without the right to write.
        self.only_reads = read_only
        self.neighbours = neighbours.Neighbours(self.driver)
        self.violations: Counter[Violation] | None = None
        self._seconds: float | None = None
        self._tidy = tidy
        self._deadline: float | None = None
        self._late = False
        self.driver.set_progress_handler(self._come_up, files.INSTRUCTIONS)

    @property
    def driver(self) -> sqlite3.Connection:
        """The driver's connection, for what must not open a transaction."""
        return cast("sqlite3.Connection", self.connection.connection.driver_connection)

    def execute(self, sql: str, params: base.Params = None) -> base.Result:
        with self.driving():
            return super().execute(sql, params)

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Run one statement in the block, by SQLAlchemy or the driver, and end it in time."""
        if self._seconds is not None:
            self._deadline = time.monotonic() + self._seconds
        self._late = False
        try:
            yield
        except (sa.exc.OperationalError, sqlite3.OperationalError) as error:
            if str(getattr(error, "orig", error)) != "interrupted":
                raise
            if self._late:
                late = sqlite3.OperationalError(faults.TIMED_OUT)
                raise sa.exc.OperationalError(None, None, late, hide_parameters=True) from None
            # A signal's handler has raised in the middle of it, which the driver does not pass on.
            raise KeyboardInterrupt from None
        finally:
            self._deadline = None

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Let each statement inside the block take so long at most."""
        before, self._seconds = self._seconds, seconds
        try:
            yield
        finally:
            self._seconds = before

    def _come_up(self) -> int:
        """Come back to Python in the middle of a long statement; another value than 0 ends it.

        Python runs the handlers of signals before this is called, so that Ctrl-C ends it too:
        what they raise stops the statement.
        """
        if self._deadline is None or time.monotonic() < self._deadline:
            return 0
        self._late = True
        return 1

    def begin(self) -> None:
        try:
            super().begin()
        except sa.exc.OperationalError as error:
            if "locked" not in str(error.orig):
                raise
            raise errors.DatabaseUnavailable(
                database=self.url,
                cause=f"{error.orig}: another program has been writing "
                f"for {files.BUSY_SECONDS:.0f} s",
                remedy="wait until it ends, then run the command again",
            ) from None

    def rollback(self) -> None:
        if self.connection.get_transaction() is not None:
            self.connection.rollback()
        if self.driver.in_transaction:
            self.driver.rollback()

    @contextmanager
    def looking(self) -> Iterator[None]:
        before, self.only_reads = self.only_reads, True
        try:
            with super().looking():
                yield
        finally:
            self.only_reads = before

    @contextmanager
    def outside_transaction(self) -> Iterator[None]:
        try:
            with super().outside_transaction():
                yield
        finally:
            # SQLAlchemy gives back the driver's default, which begins transactions by itself.
            self.driver.isolation_level = None

    def close(self) -> None:
        super().close()
        if self._tidy is not None:
            files.tidy(self._tidy)


def ours(session: base.Session) -> SqliteSession:
    """Return the session as what it is, or raise TypeError."""
    if not isinstance(session, SqliteSession):
        raise TypeError(f"not a session of this engine: {session!r}")
    return session
