"""How large MySQL and MariaDB say that tables and indexes are, and which indexes were read.

Reads are counted by the performance schema, or by `userstat` on MariaDB; where neither is on, or
this user may not see it, nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from whimbrel.engines import base, weights

_TABLES: Final = """
SELECT table_name, data_length, index_length FROM information_schema.tables
 WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
"""
_INDEXES: Final = """
SELECT DISTINCT table_name, index_name FROM information_schema.statistics
 WHERE table_schema = DATABASE() ORDER BY table_name, index_name
"""
_SIZES: Final = """
SELECT table_name, index_name, stat_value * @@innodb_page_size FROM mysql.innodb_index_stats
 WHERE database_name = DATABASE() AND stat_name = 'size'
"""
_COUNTED: Final = "SELECT @@performance_schema"
_READS: Final = """
SELECT object_name, index_name, count_fetch
  FROM performance_schema.table_io_waits_summary_by_index_usage
 WHERE object_schema = DATABASE() AND index_name IS NOT NULL
"""
_USER_STATISTICS: Final = "SHOW GLOBAL VARIABLES LIKE 'userstat'"
_USER_READS: Final = """
SELECT table_name, index_name, rows_read FROM information_schema.index_statistics
 WHERE table_schema = DATABASE()
"""
_UP: Final = "SHOW GLOBAL STATUS LIKE 'Uptime'"


class MysqlWeights(weights.Weights):
    """Reads information_schema, and what the server counts where it does."""

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def tables(self) -> Mapping[str, weights.Weight]:
        return {
            str(name): weights.Weight(rows=_whole(rows), indexes=_whole(indexes))
            for name, rows, indexes in self._session.fetch(_TABLES)
        }

    def indexes(self) -> list[weights.Use]:
        sizes = {(str(t), str(i)): _whole(size) for t, i, size in self._allowed(_SIZES)}
        reads = self._reads()
        return [
            weights.Use(
                table=str(table),
                index=str(index),
                size=sizes.get((str(table), str(index))),
                # What was never read does not stand among what is counted.
                reads=None if reads is None else reads.get((str(table), str(index)), 0),
            )
            for table, index in self._session.fetch(_INDEXES)
        ]

    def since(self) -> str:
        if self._reads() is None:
            return ""
        seconds = int(str(self._session.fetch(_UP)[0][1]))
        return f"the server's start, {seconds // 86_400} days ago" if seconds >= 86_400 else (
            f"the server's start, {seconds // 3_600} hours ago"
        )  # fmt: skip

    def _reads(self) -> dict[tuple[str, str], int] | None:
        if self._session.fetch(_COUNTED)[0][0]:
            found = self._allowed(_READS)
            if found:
                return {(str(t), str(i)): int(str(reads)) for t, i, reads in found}
        said = self._session.fetch(_USER_STATISTICS)
        if said and said[0][1] == "ON":
            rows = self._allowed(_USER_READS)
            return {(str(t), str(i)): int(str(reads)) for t, i, reads in rows}
        return None

    def _allowed(self, query: str) -> list[base.Row]:
        """Return the rows of a query, none where this user may not ask."""
        try:
            return self._session.fetch(query)
        except sa.exc.DBAPIError:
            if self._session.gone:
                raise
            return []


def _whole(value: object) -> int | None:
    return None if value is None else int(str(value))
