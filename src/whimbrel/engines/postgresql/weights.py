"""How large PostgreSQL says that tables and indexes are, and how often indexes were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from whimbrel.engines import base, weights

_TABLES: Final = """
SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid)
  FROM pg_class c
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
"""
_INDEXES: Final = """
SELECT relname, indexrelname, pg_relation_size(indexrelid), idx_scan
  FROM pg_stat_user_indexes WHERE schemaname = current_schema()
 ORDER BY relname, indexrelname
"""
_SINCE: Final = """
SELECT to_char(coalesce(stats_reset, pg_postmaster_start_time()) AT TIME ZONE 'UTC',
               'YYYY-MM-DD HH24:MI')
  FROM pg_stat_database WHERE datname = current_database()
"""


class PostgresWeights(weights.Weights):
    """Reads pg_class and the server's statistics."""

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def tables(self) -> Mapping[str, weights.Weight]:
        return {
            str(name): weights.Weight(rows=int(str(rows)), indexes=int(str(indexes)))
            for name, rows, indexes in self._session.fetch(_TABLES)
        }

    def indexes(self) -> list[weights.Use]:
        return [
            weights.Use(
                table=str(table),
                index=str(index),
                size=int(str(size)),
                reads=None if reads is None else int(str(reads)),
            )
            for table, index, size, reads in self._session.fetch(_INDEXES)
        ]

    def since(self) -> str:
        rows = self._session.fetch(_SINCE)
        return f"{rows[0][0]} UTC" if rows and rows[0][0] is not None else ""
