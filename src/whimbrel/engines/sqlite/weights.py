"""How large tables and indexes are in an SQLite file that is small enough to be looked through.

SQLite counts no reads. Its own table of pages (`dbstat`) reads the whole file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from whimbrel.engines import weights
from whimbrel.engines.sqlite import catalog, tokens

_MOST_BYTES: Final = 512 * 2**20
_PAGES: Final = "SELECT name, sum(pgsize) FROM dbstat('main', 1) GROUP BY name"


class SqliteWeights(weights.Weights):
    """Adds up pages, where SQLite was built so that it tells them."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver

    def tables(self) -> Mapping[str, weights.Weight]:
        pages = self._pages()
        if pages is None:
            return {}
        found: dict[str, list[int]] = {}
        for type_, name, table in self._driver.execute(
            "SELECT type, name, tbl_name FROM sqlite_master WHERE type IN ('table', 'index')"
        ):
            sizes = found.setdefault(tokens.fold(str(table)), [0, 0])
            sizes[type_ == "index"] += pages.get(str(name), 0)
        names = catalog.SqliteCatalog(self._driver).tables()
        known = {name: found.get(tokens.fold(name), [0, 0]) for name in names}
        return {
            name: weights.Weight(rows=rows, indexes=indexes)
            for name, (rows, indexes) in known.items()
        }

    def indexes(self) -> list[weights.Use]:
        pages = self._pages() or {}
        return [
            weights.Use(table=str(table), index=str(name), size=pages.get(str(name)))
            for name, table in self._driver.execute(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' "
                "ORDER BY tbl_name, name"
            )
        ]

    def _pages(self) -> dict[str, int] | None:
        (count,) = self._driver.execute("PRAGMA main.page_count").fetchone()
        (size,) = self._driver.execute("PRAGMA main.page_size").fetchone()
        if int(count) * int(size) > _MOST_BYTES:
            return None
        try:
            return {str(name): int(pages) for name, pages in self._driver.execute(_PAGES)}
        except sqlite3.OperationalError:  # it was built without
            return None
