"""Guess how many rows a table has, from what SQLite can say without reading it."""

from __future__ import annotations

import sqlite3
from typing import Final

from whimbrel.engines.sqlite import tokens

# So many rows are counted in about a millisecond.
_COUNTED: Final = 10_000
# At so many places so many rows are looked at.
_PLACES: Final = 16
_LOOKED_AT: Final = 250
# A row takes this much at least: two bytes of header, its key, and its place in the page.
_LEAST_BYTES: Final = 6
_STATISTICS: Final = """
SELECT max(CAST(substr(stat, 1, instr(stat || ' ', ' ') - 1) AS INTEGER))
  FROM sqlite_stat1 WHERE tbl = ? COLLATE NOCASE
"""


def estimate(driver: sqlite3.Connection, table: str) -> int | None:
    """Return about how many rows a table has.

    A small table is counted. Of a larger one a few places are looked at: how dense the rowids
    are there, of the whole span from the first to the last. Without rowids only ANALYZE can tell.
    """
    name = tokens.quote(table)
    few = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {_COUNTED + 1})"
    counted = int(driver.execute(few).fetchone()[0])
    if counted <= _COUNTED:
        return counted
    ends = _ends(driver, name)
    if ends is None:
        return _statistics(driver, table)
    return min(max(counted, _by_density(driver, name, *ends)), _room(driver))


def _by_density(driver: sqlite3.Connection, name: str, first: int, last: int) -> int:
    span = last - first + 1
    found = 0.0
    for place in range(_PLACES):
        start = first + span * place // _PLACES
        end, count = driver.execute(
            f"SELECT max(rowid), count(*) FROM (SELECT rowid FROM {name} "
            f"WHERE rowid >= ? ORDER BY rowid LIMIT {_LOOKED_AT})",
            (start,),
        ).fetchone()
        found += count / (end - start + 1) if count else 0.0
    return round(span * found / _PLACES)


def _statistics(driver: sqlite3.Connection, table: str) -> int | None:
    there = driver.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone()
    if there is None:
        return None
    found = driver.execute(_STATISTICS, (table,)).fetchone()[0]
    return None if found is None else int(found)


def _ends(driver: sqlite3.Connection, name: str) -> tuple[int, int] | None:
    try:
        # Each by itself, as only then it is looked up and not searched for.
        first, last = driver.execute(
            f"SELECT (SELECT min(rowid) FROM {name}), (SELECT max(rowid) FROM {name})"
        ).fetchone()
    except sqlite3.OperationalError:
        return None  # WITHOUT ROWID
    return None if first is None else (int(first), int(last))


def _room(driver: sqlite3.Connection) -> int:
    """Return how many rows fit into the file."""
    pages, size = (driver.execute(f"PRAGMA {word}").fetchone()[0] for word in _PAGES)
    return int(pages) * int(size) // _LEAST_BYTES


_PAGES: Final = ("page_count", "page_size")
