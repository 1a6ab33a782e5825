"""What the page about transform() tells people to write is run, on every engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import conftest, databases
from whimbrel.migrations import project as projects

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "transform-rows.md"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

CUSTOMERS = """
from whimbrel import Migration


class CreateCustomer(Migration):
    def up(self):
        self.create_table("customer", [
            self.column("id", "integer", primary_key=True),
            self.column("full_name", "string", length=200),
        ])
        for id_, name in ((1, "Ada  Lovelace "), (2, "Grace Hopper"), (3, "Plato")):
            self.execute("INSERT INTO customer (id, full_name) VALUES (?, ?)", [id_, name])

    def down(self):
        self.drop_table("customer")
"""


def code(part: str) -> str:
    """Return the first block of Python on the page that holds some text."""
    return next(block for block in FENCE.findall(PAGE.read_text("utf-8")) if part in block)


def up(project: conftest.ProjectFolder, database: databases.Database) -> None:
    projects.open_project(folder=project.path, database=database.url).up()


@pytest.fixture
def customers(project, database):
    project.migration("20260101_000000_create_customer", CUSTOMERS)
    up(project, database)
    return project


def test_names_are_split_into_another_table(customers, database, raw):
    customers.migration("20260102_000000_split_names", code("class SplitNames"))

    up(customers, database)

    assert [(1, "Ada", " Lovelace "), (2, "Grace", "Hopper"), (3, "Plato", None)] == raw(
        database
    ).execute("SELECT id, first_name, last_name FROM person ORDER BY id")


def test_names_are_tidied_in_place(customers, database, raw):
    customers.migration(
        "20260102_000000_tidy", "from whimbrel import Migration\n\n\n" + code("class TidyNames")
    )

    up(customers, database)

    assert [("Ada Lovelace",), ("Grace Hopper",), ("Plato",)] == raw(database).execute(
        "SELECT full_name FROM customer ORDER BY id"
    )
