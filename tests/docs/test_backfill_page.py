"""The migrations on the page about large tables do what it says, in batches, on every engine."""

from __future__ import annotations

import re
import sqlite3
import textwrap
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests import conftest, databases, engines
from whimbrel import errors
from whimbrel.migrations import project as projects

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "backfill-a-large-table.md"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# Fewer orders than on the page are as large as there.
LARGE = "[rows]\nsmall_table = 20\nfirst_rows = 10\nlargest_rows = 30\n"
ORDERS = 100
BAD = 77
REFUSED = (sqlite3.IntegrityError, psycopg.IntegrityError, pymysql.IntegrityError)
# What does not fit into ten digits; SQLite stores it all the same.
MUCH = "12345678.00"


def code(part: str) -> str:
    """Return the block of Python on the page that holds some text."""
    return next(block for block in FENCE.findall(PAGE.read_text("utf-8")) if part in block)


@pytest.fixture
def opened(project: conftest.ProjectFolder, database: databases.Database) -> projects.Project:
    """A project with the page's first migration and a table of orders."""
    project.config(LARGE)
    project.migration("20261123_090000_add_total", code("class AddTotal"))
    return projects.open_project(folder=project.path, database=database.url)


@pytest.fixture
def orders(raw, database: databases.Database) -> databases.Raw:
    """The table of the page, with orders that can all be done."""
    reader = raw(database)
    reader.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, price decimal(10, 2) NOT NULL, "
        "quantity int NOT NULL)"
    )
    values = ", ".join(f"({n}, {n}.50, {n % 5})" for n in range(1, ORDERS + 1))
    reader.execute(f"INSERT INTO orders (id, price, quantity) VALUES {values}")
    return reader


def differing(reader: databases.Raw) -> list[tuple[object, ...]]:
    return reader.execute(
        "SELECT id FROM orders WHERE total IS NULL OR total <> price * quantity ORDER BY id"
    )


def test_the_column_is_filled_in_batches_and_goes_again(opened, orders):
    plan = opened.plan()
    opened.up()
    filled = differing(orders)
    batches = orders.execute("SELECT rows_read FROM whimbrel_batches")
    opened.down()

    assert not plan.migrations[0].whole
    assert [] == filled
    assert ORDERS == sum(rows for (rows,) in batches)
    assert 3 < len(batches)
    assert ORDERS == len(orders.execute("SELECT id, price, quantity FROM orders"))


@engines.without("sqlite")
def test_a_row_that_cannot_be_done_stops_it_or_is_put_aside(project, database, opened, orders):
    orders.execute(f"UPDATE orders SET price = {MUCH}, quantity = 1000 WHERE id = {BAD}")
    first = code("class AddTotal")
    line = textwrap.indent(code("max_rejects=10"), " " * 8)
    allowed = re.sub(r"^ +self\.backfill.*\n", line, first, flags=re.MULTILINE)

    with pytest.raises(errors.MigrationFailed) as stopped:
        opened.up()
    project.migration("20261123_090000_add_total", allowed)
    again = projects.open_project(folder=project.path, database=database.url)
    again.up()

    assert f"id = {BAD}" in str(stopped.value)
    assert first != allowed
    assert [(BAD,)] == differing(orders)
    assert [(BAD,)] == [reject.key for reject in again.run(rejects=None).rejects]


def test_the_column_becomes_required_when_nothing_was_forgotten(project, database, opened, orders):
    opened.up()
    orders.execute(f"UPDATE orders SET total = NULL WHERE id = {BAD}")
    project.migration("20261130_090000_require_total", code("class RequireTotal"))
    whole = projects.open_project(folder=project.path, database=database.url)

    with pytest.raises((errors.NullsPresent, errors.MigrationFailed)) as refused:
        whole.up()
    orders.execute(f"UPDATE orders SET total = price * quantity WHERE id = {BAD}")
    whole.up()

    assert "nulls-in-not-null" == refused.value.slug
    assert f"1 of {ORDERS} rows are NULL" in str(refused.value)
    with pytest.raises(REFUSED, match=r"(?i)null"):
        orders.execute("INSERT INTO orders (id, price, quantity, total) VALUES (1000, 1, 1, NULL)")


def test_cities_are_made_searchable_by_a_function(project, database, raw):
    project.config(LARGE)
    raw(database).execute("CREATE TABLE city (id integer PRIMARY KEY, name varchar(100))")
    for number in range(1, 41):
        name = "São Paulo" if number % 2 else "ZÜRICH"
        raw(database).execute(f"INSERT INTO city (id, name) VALUES ({number}, '{name}')")
    project.migration("20260101_000000_a", code("class MakeCitiesSearchable"))

    projects.open_project(folder=project.path, database=database.url).up()

    found = raw(database).execute("SELECT search_form, count(*) FROM city GROUP BY search_form")
    assert {"sao paulo": 20, "zurich": 20} == dict(found)
