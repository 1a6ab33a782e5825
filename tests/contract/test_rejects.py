"""Rows that a transfer put aside, on every engine: counted, shown, written after all, once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import whimbrel
from tests import databases, engines
from whimbrel import errors
from whimbrel.transfers import rejects

SOURCE = """
PRAGMA ignore_check_constraints = on;
CREATE TABLE shop (id integer PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE orders (
    id integer PRIMARY KEY AUTOINCREMENT,
    shop_id integer NOT NULL REFERENCES shop (id),
    n integer CONSTRAINT few CHECK (n < 5),
    total numeric(10, 2),
    note text,
    at timestamp,
    raw blob
);
INSERT INTO shop VALUES (1, 'here'), (2, 'there');
INSERT INTO orders VALUES
    (1, 1, 1, 1.5, 'fine', '2024-02-29 23:59:59', x'00ff'),
    (2, 1, 7, 2.25, 'Zoë ''\\ "', '2024-02-29 23:59:58', x'00fe'),
    (3, 2, 2, 3, NULL, NULL, NULL),
    (4, 2, 9, NULL, NULL, NULL, NULL);
"""


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A database of SQLite with two orders that break a check."""
    file = tmp_path / "source.db"
    connection = sqlite3.connect(file)
    connection.executescript(SOURCE)
    connection.close()
    return f"sqlite:///{file}"


@pytest.fixture
def moved(source: str, database: databases.Database) -> databases.Database:
    """The engine under test, with everything but the two."""
    whimbrel.transfer(source, database.url, max_rejects=5)
    return database


def written(database: databases.Database) -> list[bool]:
    """Return of each row whether it was written since."""
    with rejects.reading(database.url) as reader:
        return [one.replayed_at is not None for one in reader.read(rejects.Choice())]


def ids_of(database: databases.Database) -> list[str]:
    with rejects.reading(database.url) as reader:
        return [one.id for one in reader.read(rejects.Choice())]


def ids(raw: databases.Raw) -> list[int]:
    return [int(str(row[0])) for row in raw.execute("SELECT id FROM orders ORDER BY id")]


def test_they_are_counted_by_run_table_and_reason(moved):
    with rejects.reading(moved.url) as reader:
        found = reader.listing(rejects.Choice())
        none = reader.listing(rejects.Choice(table="shop"))

    (one,) = found.counts
    assert (1, "orders", 2, 0, None) == (one.run, one.table, one.rows, one.replayed, one.anew)
    assert (2, 2, 0) == (found.rows, found.waiting, none.rows)


def test_they_have_their_key_their_reason_and_their_values(moved):
    with rejects.reading(moved.url) as reader:
        first, second = reader.read(rejects.Choice())

    assert (("2",), ("4",)) == (first.reject.key, second.reject.key)
    assert "few" in first.reject.reason
    assert ("7", "Zoë '\\ \"", "00fe") == tuple(first.reject.row[n] for n in ("n", "note", "raw"))
    assert second.reject.row["note"] is None


def test_a_row_that_is_corrected_is_written_as_it_was_and_only_once(moved, raw):
    first = rejects.replay(moved.url, only=ids_of(moved)[:1], values={"n": "3"})
    again = rejects.replay(moved.url, only=ids_of(moved)[:1], values={"n": "3"})

    assert (1, ()) == (len(first.written), first.left)
    assert (0, 1) == (len(again.written), len(again.left))
    assert "it was written already" in again.left[0].why
    assert [1, 2, 3] == ids(raw(moved))
    row = raw(moved).execute("SELECT shop_id, n, note FROM orders WHERE id = 2")[0]
    assert (1, 3, "Zoë '\\ \"") == (int(str(row[0])), int(str(row[1])), row[2])
    assert 1 == len(raw(moved).execute("SELECT id FROM orders WHERE id = 2 AND total = 2.25"))
    assert [True, False] == written(moved)


def test_a_row_that_is_still_refused_stays_aside_with_the_new_reason(moved, raw):
    done = rejects.replay(moved.url)

    assert ((), 2) == (done.written, len(done.left))
    assert [1, 3] == ids(raw(moved))
    assert [False, False] == written(moved)


def test_null_is_a_value_that_can_be_given(moved, raw):
    done = rejects.replay(moved.url, values={"n": None})

    assert done.ok
    assert [1, 2, 3, 4] == ids(raw(moved))
    assert [(2,), (4,)] == raw(moved).execute("SELECT id FROM orders WHERE n IS NULL ORDER BY id")


def test_all_constraints_of_the_table_hold_for_them(moved, raw):
    raw(moved).execute("DELETE FROM orders WHERE shop_id = 2")
    raw(moved).execute("DELETE FROM shop WHERE id = 2")

    done = rejects.replay(moved.url, values={"n": "1"})

    assert [("2",)] == [one.reject.key for one in done.written]
    assert [("4",)] == [one.kept.reject.key for one in done.left]
    assert "foreign key" in done.left[0].why.lower()


def test_what_the_table_counts_by_itself_goes_on_behind_them(moved, raw):
    rejects.replay(moved.url, values={"n": "1"})

    raw(moved).execute("INSERT INTO orders (shop_id, n) VALUES (1, 1)")

    assert [1, 2, 3, 4, 5] == ids(raw(moved))


# SQLite keeps every digit in a numeric(10, 2).
@engines.without("sqlite")
def test_a_value_that_the_column_would_change_is_not_written(moved, raw):
    done = rejects.replay(moved.url, values={"n": "1", "total": "1.005"})

    assert ((), 2) == (done.written, len(done.left))
    assert [1, 3] == ids(raw(moved))


def test_a_later_transfer_makes_those_of_an_earlier_one_obsolete(moved, source, raw):
    whimbrel.transfer(source, moved.url, existing="replace", max_rejects=5)
    old = [one for one in ids_of(moved) if one.startswith("1.")]

    named = rejects.replay(moved.url, only=old, values={"n": "1"})
    done = rejects.replay(moved.url, values={"n": "1"})

    assert ((), 2) == (named.written, len(named.left))
    assert all("run 2 has filled its table anew" in one.why for one in named.left)
    assert {2} == {one.run for one in done.written}
    assert [1, 2, 3, 4] == ids(raw(moved))


def test_a_column_that_does_not_exist_is_named(moved):
    with pytest.raises(errors.ColumnNotFound, match="nn"):
        rejects.replay(moved.url, values={"nn": "1"})


def test_a_database_without_a_journal_has_none(database, raw):
    raw(database).execute("CREATE TABLE a (id integer PRIMARY KEY)")

    with rejects.reading(database.url) as reader:
        found = reader.listing(rejects.Choice())
    done = rejects.replay(database.url)

    assert ((), True) == (found.counts, done.ok)


@engines.only("postgresql")
def test_an_array_is_written_again_by_its_own_text(new_database, database, raw):
    source = new_database("postgresql")
    raw(source).execute("CREATE TABLE a (id int PRIMARY KEY, n int, tags text[])")
    raw(source).execute("INSERT INTO a VALUES (1, 9, ARRAY['x', 'a,\"b', NULL])")
    raw(database).execute("CREATE TABLE a (id int PRIMARY KEY, n int CHECK (n < 5), tags text[])")

    whimbrel.transfer(source.url, database.url, existing="fill", max_rejects=1)
    done = rejects.replay(database.url, values={"n": "4"})

    assert done.ok
    assert [(1, 4, ["x", 'a,"b', None])] == raw(database).execute("SELECT * FROM a")


def test_those_of_an_older_journal_can_be_read_and_are_left_alone(moved, raw):
    for column in ("rule", "again", "replayed_at"):
        raw(moved).execute(f"ALTER TABLE whimbrel_rejects DROP COLUMN {column}")
    raw(moved).execute("UPDATE whimbrel_journal SET version = 2")

    with rejects.reading(moved.url) as reader:
        counted = reader.listing(rejects.Choice())
        (first, _) = reader.read(rejects.Choice())
    done = rejects.replay(moved.url, values={"n": "1"})

    assert (2, 2, None) == (counted.rows, counted.waiting, first.reject.again)
    assert 2 == len(done.left)
    assert [1, 3] == ids(raw(moved))
