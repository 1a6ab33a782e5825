"""Which table a statement changes, and which of its columns: said only where it is plain."""

from __future__ import annotations

import pytest

from whimbrel.reports import measure

ALL = None


@pytest.mark.parametrize(
    ("sql", "table", "columns"),
    [
        ('UPDATE "person" SET "first" = (substr(a, 1)), last = 2 WHERE x = 1', "person",
         ("first", "last")),
        ("UPDATE person SET a = b, c = (SELECT max(d) FROM e WHERE e.f = 1)", "person", ("a", "c")),
        ("update or ignore person set a = 1", "person", ("a",)),
        ('UPDATE "odd ""name" SET "a=b" = 1', 'odd "name', ("a=b",)),
        ("UPDATE ONLY person SET a = 1", "person", ("a",)),
        ("UPDATE person AS p SET p.a = 1", "person", ALL),
        ("UPDATE person SET (a, b) = (1, 2)", "person", ALL),
        ("INSERT INTO person (a) VALUES (1)", "person", ALL),
        ("INSERT OR REPLACE INTO person SELECT * FROM other", "person", ALL),
        ("REPLACE INTO person VALUES (1)", "person", ALL),
        ("DELETE FROM person WHERE a = 1", "person", ()),
    ],
)  # fmt: skip
def test_a_statement_names_its_table_and_the_columns_it_sets(sql, table, columns):
    assert measure.Written(table=table, columns=columns) == measure.target(sql, "sqlite")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM person",
        "WITH a AS (SELECT 1) UPDATE person SET a = 1",
        "UPDATE other.person SET a = 1",
        "INSERT INTO other.person VALUES (1)",
        "CREATE TABLE person (a int)",
        "",
        "UPDATE",
    ],
)
def test_a_statement_that_does_not_say_it_plainly_is_left_out(sql):
    assert measure.target(sql, "sqlite") is None


@pytest.mark.parametrize(
    ("type_", "has"),
    [
        ("varchar(40)", True),
        ("TEXT", True),
        ("", True),
        ("enum('a','b')", True),
        ("varbinary(16)", False),
        ("bytea", False),
        ("INTEGER", False),
        ("jsonb", False),
    ],
)
def test_only_texts_have_lengths(type_, has):
    assert has == measure._has_lengths(type_)
