"""SQLite writes its rows itself at the moment that was looked at, and at no other.

The source has a write-ahead log, so that somebody can write while it is copied.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import whimbrel
from tests import databases
from whimbrel import errors, events
from whimbrel.engines.sqlite import fields
from whimbrel.transfers import reading

NewDatabase = Callable[[str], databases.Database]
ROWS = 300


@pytest.fixture
def source(new_database: NewDatabase) -> databases.Database:
    database = new_database("sqlite")
    with contextlib.closing(connected(database)) as raw, raw:
        raw.execute("PRAGMA journal_mode = wal")
        raw.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT, d DECIMAL(9, 2), v TEXT, day DATE)"
        )
        raw.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?)",
            [
                (at, at * 7, at / 4, f"it's\t{at}\\", f"2024-02-{at % 29 + 1:02d}")
                for at in range(1, ROWS + 1)
            ],
        )
    return database


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many columns at once SQLite was let write itself, each time."""
    found: list[int] = []
    before = fields.Written.__init__

    def noting(self: fields.Written, carried: Sequence[Any], *args: Any, **more: Any) -> None:
        found.append(len(carried))
        before(self, carried, *args, **more)

    monkeypatch.setattr(fields.Written, "__init__", noting)
    return found


def connected(database: databases.Database) -> sqlite3.Connection:
    return sqlite3.connect(database.url.removeprefix("sqlite:///"))


def arrived(database: databases.Database) -> list[tuple[object, ...]]:
    with databases.Raw(database) as raw:
        return [
            (int(str(n)), str(d), str(v), str(day))
            for n, d, v, day in raw.execute("SELECT n, d, v, day FROM t ORDER BY id")
        ]


EXPECTED = [
    (at * 7, f"{at / 4:.2f}", f"it's\t{at}\\", f"2024-02-{at % 29 + 1:02d}")
    for at in range(1, ROWS + 1)
]


@pytest.mark.parametrize("target", ["postgresql", "mariadb"])
def test_whole_rows_are_written_by_sqlite_itself(
    source: databases.Database, new_database: NewDatabase, target: str, written: list[int]
) -> None:
    there = new_database(target)

    done = whimbrel.transfer(source.url, there.url, jobs=1, verify=True)

    assert done.ok and done.equal
    assert {5} == set(written)
    assert arrived(there) == EXPECTED


def test_who_writes_meanwhile_sets_us_back_to_the_careful_way(
    source: databases.Database, new_database: NewDatabase, written: list[int]
) -> None:
    there = new_database("postgresql")

    def write(event: events.Event) -> None:
        if isinstance(event, events.TableCutInChunks):
            with contextlib.closing(connected(source)) as raw, raw:
                raw.execute("UPDATE t SET n = 'abc' WHERE id = 5")

    done = whimbrel.transfer(source.url, there.url, jobs=1, verify=False, tell=write)

    assert done.ok
    assert [] == written
    assert arrived(there) == EXPECTED


def test_helpers_that_read_a_later_moment_believe_nothing(
    source: databases.Database, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = new_database("postgresql")
    monkeypatch.setattr(reading, "LARGE_ROWS", 100)

    def write(event: events.Event) -> None:
        if isinstance(event, events.TableCutInChunks):
            with contextlib.closing(connected(source)) as raw, raw:
                raw.execute("UPDATE t SET n = 'abc' WHERE id = 5")

    with pytest.raises(errors.RowFailed, match="is no integer"):
        whimbrel.transfer(source.url, there.url, jobs=2, verify=False, tell=write)


def test_helpers_copy_what_they_have_looked_at(
    source: databases.Database, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = new_database("postgresql")
    monkeypatch.setattr(reading, "LARGE_ROWS", 100)

    done = whimbrel.transfer(source.url, there.url, jobs=2, verify=True)

    assert done.ok and done.equal
    assert arrived(there) == EXPECTED
