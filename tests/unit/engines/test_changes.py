"""Which column a value goes to, read from the text of a statement."""

from __future__ import annotations

import pytest

from whimbrel.engines import changes


def test_an_insert_says_which_column_takes_which_value():
    change = changes.read(
        'INSERT INTO "app"."book" ("title", "pages") VALUES (?, ?), (lower(?), ?) '
        'RETURNING "id", upper("title") AS loud'
    )

    assert ("INSERT", ("app", "book"), ("title", "pages")) == (
        change.verb,
        change.table,
        change.columns,
    )
    assert ((0, 1), (None, 3)) == change.cells
    assert {0: "title", 1: "pages", 3: "pages"} == change.targets
    assert ("id", "loud") == change.returning
    assert 2 == change.rows


def test_an_update_says_which_column_takes_which_value():
    change = changes.read(
        "WITH old AS (SELECT %s) UPDATE `t` SET `a` = CASE WHEN `id` = %s THEN %s END, "
        "`t`.`b` = coalesce(%s, 0) WHERE `id` IN (%s, %s, %s)"
    )

    assert {1: "a", 2: "a", 3: "b"} == change.targets
    assert ("UPDATE", ("t",), 3) == (change.verb, change.table, change.rows)


@pytest.mark.parametrize(
    ("sql", "table", "rows"),
    [
        ("DELETE FROM person", ("person",), 1),
        ('DELETE FROM "Order ""x"" Details" WHERE id = ?', ('Order "x" Details',), 1),
        ("delete from a.b where id in (?, ?) and x = ?", ("a", "b"), 2),
        ("INSERT OR REPLACE INTO [odd name] (a) VALUES (?)", ("odd name",), 1),
        ("REPLACE t (a) VALUES (%s), (%s)", ("t",), 2),
        ("INSERT INTO t DEFAULT VALUES RETURNING *", ("t",), 1),
        ("INSERT INTO t (a) SELECT a FROM u WHERE b IN (?, ?)", ("t",), 1),
    ],
)
def test_a_change_says_its_table_and_how_many_rows_it_names(sql, table, rows):
    change = changes.read(sql, "sqlite" if "[" in sql else None)

    assert (table, rows) == (change.table, change.rows)


def test_values_without_a_list_of_columns_go_to_the_tables_own():
    change = changes.read("INSERT INTO t VALUES (?, 'x', ?)")

    assert {} == change.targets
    assert {0: "a", 1: "c"} == change.places(("a", "b", "c"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t WHERE a = ?",
        "",
        "-- INSERT INTO t VALUES (1)",
        "SELECT 'INSERT INTO t VALUES (1)'",
        "SELECT (SELECT 1) FROM t FOR UPDATE OF t",
    ],
)
def test_what_changes_no_rows_has_no_shape(sql):
    if "FOR UPDATE" in sql:
        # A word that means something else here: there is no SET and no table to be found.
        assert {} == changes.read(sql).targets
        return
    assert changes.Change() == changes.read(sql)
