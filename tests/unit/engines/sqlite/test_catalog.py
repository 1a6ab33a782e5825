"""What the catalog says of tables that others have written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from whimbrel import tables
from whimbrel.engines.sqlite import catalog

Reads = Callable[[str], catalog.SqliteCatalog]


@pytest.fixture
def reads() -> Iterator[Reads]:
    """Read a schema in memory."""
    with closing(sqlite3.connect(":memory:")) as connection:

        def read(script: str) -> catalog.SqliteCatalog:
            connection.executescript(script)
            return catalog.SqliteCatalog(connection)

        yield read


def test_a_table_is_found_in_any_letters_and_named_as_it_is(reads: Reads) -> None:
    found = reads('CREATE TABLE "Order Details" (Id INTEGER PRIMARY KEY)')

    assert ["Order Details"] == found.tables()
    assert "Order Details" == found.table("ORDER details").name
    assert found.find("orders") is None


def test_columns_are_described_in_the_engines_own_words(reads: Reads) -> None:
    table = reads(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "a VARCHAR(20) COLLATE NOCASE NOT NULL DEFAULT 'x' /* why */, "
        "g INT GENERATED ALWAYS AS (id * 2) STORED, v AS (id + 1), d DEFAULT (1 + 2))"
    ).table("t")

    id_, a, g, v, d = table.columns
    assert ("id", "INTEGER", False, True) == (id_.name, id_.type, id_.null, id_.auto_increment)
    assert ("VARCHAR(20)", False, "'x'", "why", "NOCASE") == (
        a.type,
        a.null,
        a.default,
        a.comment,
        a.collation,
    )
    assert "VARCHAR(20) COLLATE NOCASE NOT NULL DEFAULT 'x' /* why */" == a.definition
    assert ("id * 2", True) == (g.generated, g.stored)
    assert ("id + 1", False, "") == (v.generated, v.stored, v.type)
    assert ("1 + 2", True) == (d.default, d.null)
    assert ("id",) == table.primary_key


def test_constraints_are_found_with_and_without_names(reads: Reads) -> None:
    table = reads(
        "CREATE TABLE p (x INT, y INT, PRIMARY KEY (x, y));"
        "CREATE TABLE t (a INT UNIQUE, b INT CONSTRAINT positive CHECK (b > 0), C TEXT, "
        "CONSTRAINT k PRIMARY KEY (b, a), CONSTRAINT u UNIQUE (c, A), CHECK (a < b), "
        "CONSTRAINT f FOREIGN KEY (A, b) REFERENCES p ON DELETE CASCADE "
        "DEFERRABLE INITIALLY DEFERRED)"
    ).table("t")

    assert ("k", ("b", "a")) == (table.primary_key_name, table.primary_key)
    assert (
        tables.Unique(name=None, columns=("a",)),
        tables.Unique(name="u", columns=("C", "a")),
    ) == table.uniques
    assert (
        tables.Check(name="positive", sql="b > 0"),
        tables.Check(name=None, sql="a < b"),
    ) == table.checks
    assert (
        tables.ForeignKey(
            name="f",
            columns=("a", "b"),
            ref_table="p",
            ref_columns=("x", "y"),
            on_delete="CASCADE",
            deferrable=True,
        ),
    ) == table.foreign_keys


def test_a_deferrable_that_stands_apart_belongs_to_the_key_before_it(reads: Reads) -> None:
    table = reads(
        "CREATE TABLE t (a INT REFERENCES t (a) NOT NULL DEFERRABLE INITIALLY DEFERRED, "
        "b INT REFERENCES t (a) DEFERRABLE)"
    ).table("t")

    assert [True, False] == [key.deferrable for key in table.foreign_keys]


def test_indexes_of_every_kind_are_described(reads: Reads) -> None:
    table = reads(
        "CREATE TABLE t (a, b, c UNIQUE);"
        "CREATE UNIQUE INDEX one ON t (a DESC, [b] COLLATE NOCASE);"
        "CREATE INDEX two ON t (lower(a || ','), b) WHERE c IS NOT NULL;"
    ).table("t")

    one, two = table.indexes
    assert ("one", ("a", "b"), True, (True, False), None) == (
        one.name,
        one.columns,
        one.unique,
        one.descending,
        one.where,
    )
    assert (tables.Sql("lower(a || ',')"), "b") == two.columns
    assert (False, (), "c IS NOT NULL") == (two.unique, two.descending, two.where)
    assert "CREATE INDEX two ON t (lower(a || ','), b) WHERE c IS NOT NULL" == two.sql


def test_our_own_tables_and_the_engines_are_not_listed(reads: Reads) -> None:
    found = reads(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);"
        "CREATE TABLE whimbrel_runs (id INT); CREATE INDEX i ON whimbrel_runs (id);"
        "CREATE TABLE Whimbrel_Lock (id INT); ANALYZE;"
    )

    assert ["t"] == found.tables()
    assert ["t"] == list(found.texts())
    assert found.find("whimbrel_runs") is None
    assert found.find("sqlite_sequence") is None


def test_texts_know_a_trigger_that_is_called_like_a_table(reads: Reads) -> None:
    found = reads(
        "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t;"
        "CREATE TRIGGER t AFTER INSERT ON t BEGIN SELECT 1; END;"
    ).texts()

    assert {"t", "v", "t (trigger)"} == set(found)


def test_the_signature_changes_with_every_change_and_with_none_else(reads: Reads) -> None:
    found = reads("CREATE TABLE t (a /* one */); CREATE TABLE u (x);")
    before = found.signature()

    found.connection.execute("INSERT INTO u VALUES (1)")
    same = found.signature()
    found.connection.execute("CREATE TABLE whimbrel_x (a)")
    ours = found.signature()
    found.connection.execute("ALTER TABLE u RENAME COLUMN x TO y")

    assert before == same == ours
    assert before != found.signature()


@pytest.fixture
def has_fts5() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE t USING fts5(a)")
        except sqlite3.OperationalError:
            pytest.skip("this SQLite was built without FTS5")


@pytest.mark.usefixtures("has_fts5")
def test_a_virtual_table_is_listed_and_its_own_tables_are_not(reads: Reads) -> None:
    found = reads("CREATE VIRTUAL TABLE search USING fts5(title, body); CREATE TABLE t (a);")

    assert ["search", "t"] == found.tables()
    assert ["rowid", "title", "body"] == [c.name for c in found.table("search").columns]
    assert ("rowid",) == found.table("search").primary_key


def test_a_virtual_table_whose_module_is_missing_is_listed_without_columns(reads: Reads) -> None:
    found = reads(
        "PRAGMA writable_schema = ON;"
        "INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, "
        "'CREATE VIRTUAL TABLE v USING missing(a)');"
        "PRAGMA writable_schema = RESET;"
    )

    assert ["v"] == found.tables()
    assert () == found.table("v").columns
