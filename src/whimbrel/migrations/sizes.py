"""About how many rows tables have while a plan is made: counted where they exist, else carried.

Counting stops one above what is small, so that it costs little on a large table.
"""

from __future__ import annotations

import sqlalchemy as sa

from whimbrel.engines import base
from whimbrel.migrations import operations as ops
from whimbrel.pacing import RowsConfig
from whimbrel.rows import work


class Sizes:
    """Rows by table, as far as a plan knows them; None is unknown."""

    def __init__(self, session: base.Session, config: RowsConfig) -> None:
        self._session = session
        self._limit = config.small_table
        self._planned: dict[str, int | None] = {}

    def of(self, made: work.Work) -> int | None:
        """Return about how many rows the table of a step will have when the step comes."""
        name = made.table.name
        if name in self._planned:
            return self._planned[name]
        try:
            counted = made.way.at_most(self._session, self._limit)
        except sa.exc.DBAPIError:
            self._session.rollback()
            return None  # it is there under another name, or will be made by raw SQL
        if counted > self._limit:
            counted = max(counted, self._session.engine.estimate(self._session, name) or 0)
        self._planned[name] = counted
        return counted

    def of_table(self, name: str) -> int | None:
        """Return about how many rows a table will have, as far as that is known."""
        if name in self._planned:
            return self._planned[name]
        quoted = self._session.engine.quote(name)
        try:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {self._limit + 1}) AS few"
            counted = int(str(self._session.fetch(sql)[0][0]))
        except sa.exc.DBAPIError:
            self._session.rollback()
            return None
        if counted > self._limit:
            counted = max(counted, self._session.engine.estimate(self._session, name) or 0)
        return counted

    def is_large(self, rows: int | None) -> bool:
        """Whether so many rows are too many for one transaction; unknown is not."""
        return rows is not None and rows > self._limit

    def follow(self, operation: ops.Operation, rows: int | None = None) -> None:
        """Remember what a planned step makes of the tables; `rows` are those it walks."""
        match operation:
            case ops.CreateTable():
                self._planned[operation.table.name] = 0
            case ops.RenameTable():
                if operation.table in self._planned:
                    self._planned[operation.to] = self._planned.pop(operation.table)
            case ops.CopyRows() | ops.Transform():
                self._add(operation.written, rows, same=operation.written == operation.walked)
            case ops.Execute():
                for name in self._planned:
                    if name.casefold() in operation.sent.casefold():
                        self._planned[name] = None

    def _add(self, table: str, rows: int | None, *, same: bool) -> None:
        if same:
            return
        before = self._planned.get(table)
        if table in self._planned:
            self._planned[table] = None if before is None or rows is None else before + rows
