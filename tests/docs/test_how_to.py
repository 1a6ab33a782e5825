"""What the pages tell people to write is run, word for word, on every engine."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests import conftest, databases
from whimbrel import errors
from whimbrel.migrations import project as projects

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# Most pages begin with a table that is there.
CUSTOMERS = """
from whimbrel import Migration


class CreateCustomer(Migration):
    def up(self):
        self.create_table("customer", [
            self.column("id", "integer", primary_key=True),
            self.column("full_name", "string", length=200),
        ])
        for id_, name in ((1, "Ada Lovelace"), (2, "Grace Hopper"), (3, "Plato")):
            self.execute("INSERT INTO customer (id, full_name) VALUES (?, ?)", [id_, name])

    def down(self):
        self.drop_table("customer")
"""


def code(page: str, part: str) -> str:
    """Return the first block of Python on a page that holds some text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return next(block for block in FENCE.findall(text) if part in block)


def body(lines: str, head: str = "") -> str:
    """Return a migration whose up() consists of these lines."""
    return (
        "from whimbrel import Migration\n\n\nclass Piece(Migration):\n"
        f"{textwrap.indent(head, '    ')}\n    def up(self):\n{textwrap.indent(lines, ' ' * 8)}"
    )


def opened(project: conftest.ProjectFolder, database: databases.Database) -> projects.Project:
    return projects.open_project(folder=project.path, database=database.url)


@pytest.fixture
def customers(project, database):
    """A project whose first migration has made three customers."""
    project.migration("20260101_000000_create_customer", CUSTOMERS)
    opened(project, database).up()
    return project


def test_the_readme_s_migration_goes_up_and_down(customers, database, raw):
    customers.migration("20260102_000000_split_names", code("README.md", "class SplitNames"))

    opened(customers, database).up()
    split = raw(database).execute("SELECT first_name, last_name FROM customer ORDER BY id")
    opened(customers, database).down()

    assert [("Ada", "Lovelace"), ("Grace", "Hopper"), ("Plato", "")] == split
    assert 3 == len(raw(database).execute("SELECT id, full_name FROM customer"))


@pytest.mark.parametrize("part", ["class AddEmail", "class SplitNames"])
def test_the_ways_back_go_back(part, customers, database, raw):
    before = raw(database).execute("SELECT * FROM customer ORDER BY id")
    customers.migration("20260102_000000_a", code("docs/how-to/go-back.md", part))
    project = opened(customers, database)

    project.up()
    widened = raw(database).execute("SELECT * FROM customer ORDER BY id")
    project.down()

    assert before != widened
    assert before == raw(database).execute("SELECT * FROM customer ORDER BY id")


def test_parameters_are_filled_in_each_of_the_four_ways(project, database, raw):
    page = "docs/how-to/raw-sql.md"
    made = (
        'self.create_table("city", [self.column("id", "integer"), self.column("name", "text")])\n'
    )
    change = code(page, "(:1, :2)")
    insert = next(line for line in change.splitlines() if "INSERT" in line)
    rest = change.replace(insert, "")
    project.migration("20260101_000000_a", body(f"{made}{insert}\n{rest}"))

    opened(project, database).up()

    assert [(7, "Köln")] == raw(database).execute("SELECT id, name FROM city")


def test_a_column_is_filled_in_batches(project, database, raw):
    columns = ", ".join(
        f'self.column("{name}", "integer")' for name in ("id", "net", "tax", "total")
    )
    rows = (
        'for i in (1, 4_999, 5_000, 12_000):\n    self.execute("INSERT INTO orders (id, net, tax) \
VALUES (?, ?, ?)", [i, i, 1])'
    )
    project.migration(
        "20260101_000000_a", body(f'self.create_table("orders", [{columns}])\n{rows}')
    )
    backfill = code("docs/how-to/raw-sql.md", "class Total")
    project.migration("20260102_000000_b", backfill)

    outcome = opened(project, database).up()

    assert 2 == len(outcome.done)
    assert [] == raw(database).execute("SELECT id FROM orders WHERE total <> net + 1")
    assert 4 == len(raw(database).execute("SELECT id FROM orders WHERE total IS NOT NULL"))


def test_a_step_may_be_put_in_before_the_one_that_failed(customers, database, raw):
    page = code("docs/how-to/recover-a-half-done-migration.md", "4: was 3")
    lines = page.splitlines()
    new = next(at for at, line in enumerate(lines) if "3: new" in line)
    first = "\n".join(lines[:new] + lines[new + 2 :])
    first, then = (text.replace(" = full_name", " = NULL") for text in (first, page))
    customers.migration("20260102_000000_a", body(first, "transactional = False\n"))

    with pytest.raises(errors.MigrationFailed) as failed:
        opened(customers, database).up()
    half = opened(customers, database).status()[1]
    customers.migration("20260102_000000_a", body(then, "transactional = False\n"))
    opened(customers, database).up()

    assert ("nulls-in-not-null", 3) == (failed.value.slug, failed.value.exit_code)
    assert ("half up", 2) == (half.state, half.steps_done)
    assert 3 == len(raw(database).execute("SELECT id FROM customer WHERE last_name = ''"))


def test_an_existing_database_is_adopted(project, database, raw):
    schema = code("docs/how-to/adopt-an-existing-database.md", "self.create_table")
    raw(database).execute("CREATE TABLE customer (id integer PRIMARY KEY, full_name varchar(200))")
    file = project.migration("20260101_000000_initial_schema", schema)

    opened(project, database).baseline(to="initial_schema")
    project.migration("20260102_000000_email", code("docs/how-to/go-back.md", "class AddEmail"))
    opened(project, database).up()
    states = [state.state for state in opened(project, database).status()]
    opened(project, database).down()
    kept = file.read_text()
    file.unlink()
    opened(project, database).accept("20260101_000000_initial_schema")
    file.write_text(kept)

    assert ["baseline", "applied"] == states
    assert ["pending", "pending"] == [s.state for s in opened(project, database).status()]


def test_a_branch_is_run_alone_and_joined(customers, database):
    branch = code("docs/how-to/branches-and-merge.md", "depends_on")
    branch = branch.replace("20260120", "x").replace(
        "20261120_090000_create_user", "20260101_000000_create_customer"
    )
    customers.migration("20260102_000000_add_city", branch)
    customers.migration(
        "20260103_000000_add_email",
        branch.replace("AddCity", "AddEmail").replace('"city"', '"email"'),
    )
    project = opened(customers, database)

    with pytest.raises(errors.ManyHeads):
        project.plan()
    done = project.up(to="add_city").done

    assert ("20260102_000000_add_city",) == done
    assert "pending" == project.status()[2].state


def test_sql_of_mysql_runs_on_every_engine(customers, database, raw):
    customers.migration(
        "20260102_000000_a", code("docs/how-to/sql-of-another-dialect.md", "class SplitNames")
    )

    opened(customers, database).up()

    names = raw(database).execute("SELECT first_name FROM customer ORDER BY id")
    assert [("Ada",), ("Grace",), ("Plato",)] == names


def test_what_is_decided_on_a_count_ends_the_plan(customers, database):
    page = code("docs/how-to/read-a-plan.md", "nobody knows yet")
    added = 'self.add_column("customer", "active", "integer")\n'
    customers.migration("20260102_000000_a", body(added + page))

    plan = opened(customers, database).plan()

    assert "decides what follows" in plan.migrations[0].undecided
    assert plan.problem is None


def test_the_verbs_page_s_first_migration_goes_up_and_down(project, database):
    project.migration("20260101_000000_a", code("docs/reference/verbs.md", "class CreateArticle"))

    done = opened(project, database).up().done
    back = opened(project, database).down().done

    assert done == back == ("20260101_000000_a",)


def test_the_program_of_the_python_page_runs(customers, database, monkeypatch, capsys):
    monkeypatch.chdir(customers.path)
    customers.migration("20260102_000000_a", code("README.md", "class SplitNames"))
    page = "docs/reference/python.md"
    program = code(page, "project.plan()").replace("sqlite:///app.db", database.url)

    exec(program, {})

    told = capsys.readouterr().out
    assert "add column customer.first_name" in told
    assert "applied" == opened(customers, database).status()[1].state
