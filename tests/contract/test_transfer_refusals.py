"""What a transfer will not do, and that nothing is written when it does not."""

from __future__ import annotations

import pytest

import whimbrel
from tests import conftest, databases
from whimbrel import errors


def test_a_database_is_not_moved_into_itself(
    database: databases.Database, raw: conftest.OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE item (id int PRIMARY KEY)")
    raw(database).execute("INSERT INTO item VALUES (1)")

    with pytest.raises(errors.UsageError, match="the same database"):
        whimbrel.transfer(database.url, database.url, existing="replace")

    assert raw(database).execute("SELECT id FROM item") == [(1,)]
    with pytest.raises(Exception, match="whimbrel_journal"):
        raw(database).execute("SELECT 1 FROM whimbrel_journal")


def test_tables_that_are_there_are_refused_and_stay(
    database: databases.Database, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    source = new_database("sqlite")
    raw(source).execute("CREATE TABLE item (id int PRIMARY KEY)")
    raw(database).execute("CREATE TABLE item (other int)")

    with pytest.raises(errors.TargetNotEmpty, match="item"):
        whimbrel.transfer(source.url, database.url)

    assert raw(database).execute("SELECT count(other) FROM item") == [(0,)]


def test_a_value_that_does_not_fit_is_named_before_a_row_moves(
    new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    source, target = new_database("sqlite"), new_database("postgresql")
    raw(source).execute("CREATE TABLE item (id INTEGER PRIMARY KEY, made DATE, n INTEGER)")
    raw(source).execute("INSERT INTO item VALUES (1, '2024-02-30', 7), (2, '2024-02-29', 'seven')")

    with pytest.raises(errors.TransferRefused) as refused:
        whimbrel.transfer(source.url, target.url)

    said = str(refused.value)
    assert "item.made" in said
    assert "item.n" in said
    assert "'seven" in said
    assert [] == raw(target).execute("SELECT 1 FROM pg_tables WHERE tablename = 'item'")
