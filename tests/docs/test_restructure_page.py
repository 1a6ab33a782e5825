"""The migrations of the page about restructuring run, word for word, on every engine."""

from __future__ import annotations

import pytest

from tests.docs import test_how_to

PAGE = "docs/how-to/restructure-tables.md"
TABLES = (
    test_how_to.CUSTOMERS.split("class ", maxsplit=1)[0]
    + """
class Tables(Migration):
    def up(self):
        self.create_table("customer", [
            self.column("id", "integer", primary_key=True),
            self.column("full_name", "string", length=200),
            self.column("city", "string", length=50),
            self.column("country", "string", length=2),
        ])
        self.create_table("payment", [
            self.column("id", "integer", primary_key=True),
            self.column("amount", "string"),
            self.column("paid", "string"),
            self.column("paid_on", "string"),
        ])
        self.create_table("orders", [
            self.column("id", "integer", primary_key=True),
            self.column("net", "integer"),
            self.column("tax", "integer"),
            self.column("total", "integer"),
        ])
        self.create_index("orders", "total")
        for id_, name, city in ((1, "Ada Lovelace", "London"), (2, "Plato", "Athens"),
                                (3, "Anna of Köln", "Köln"), (4, None, "London")):
            self.execute("INSERT INTO customer VALUES (?, ?, ?, 'EU')", [id_, name, city])
        self.execute("INSERT INTO payment VALUES (1, '1.50', 'yes', '31.12.1999')")
        self.execute("INSERT INTO payment VALUES (2, '.5', 'who knows', 'never')")
        self.execute("INSERT INTO orders VALUES (1, 2, 3, NULL)")
"""
)


@pytest.fixture
def filled(project, database):
    project.migration("20260101_000000_tables", TABLES)
    test_how_to.opened(project, database).up()
    return project


@pytest.mark.parametrize(
    "part", ["class CustomerStatus", "class SplitNames", "class ExtractCities"]
)
def test_they_go_up_and_down_and_leave_every_value(part, filled, database, raw):
    columns = "id, full_name, city, country"
    select = f"SELECT {columns} FROM customer ORDER BY id"
    before = raw(database).execute(select)
    filled.migration("20260102_000000_it", test_how_to.code(PAGE, part))
    project = test_how_to.opened(filled, database)

    project.up()
    project.down()

    assert before == raw(database).execute(select)


def test_values_are_filled_split_and_extracted_as_the_page_says(filled, database, raw):
    for number, part in enumerate(("CustomerStatus", "SplitNames", "ExtractCities"), start=2):
        filled.migration(f"2026010{number}_000000_it", test_how_to.code(PAGE, f"class {part}"))

    test_how_to.opened(filled, database).up()

    found = raw(database).execute(
        "SELECT c.id, status, first_name, last_name, city FROM customer c JOIN place p "
        "ON p.id = c.place_id ORDER BY c.id"
    )
    expected = [
        (1, "ACTIVE", "Ada", "Lovelace", "London"),
        (2, "ACTIVE", "Plato", "", "Athens"),
        (3, "active", "Anna", "of Köln", "Köln"),
        (4, "active", None, None, "London"),
    ]
    assert expected == found
    assert 3 == raw(database).value("SELECT count(*) FROM place")


def test_texts_are_converted_as_the_page_says(filled, database, raw):
    filled.migration("20260102_000000_it", test_how_to.code(PAGE, "class NumericAmounts"))

    test_how_to.opened(filled, database).up()

    found = raw(database).execute("SELECT amount, paid, paid_on FROM payment ORDER BY id")
    shown = [(f"{amount:.2f}", bool(paid), str(day)) for amount, paid, day in found]
    assert [("1.50", True, "1999-12-31"), ("0.50", False, "None")] == shown


def test_a_column_is_filled_without_its_indexes(filled, database, raw):
    filled.migration("20260102_000000_it", test_how_to.code(PAGE, "class Recount"))

    test_how_to.opened(filled, database).up()

    assert [(5,)] == raw(database).execute("SELECT total FROM orders")
