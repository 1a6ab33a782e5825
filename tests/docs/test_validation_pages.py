"""What the pages on validation say is what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from tests.docs import test_how_to as how_to
from whimbrel import errors
from whimbrel.migrations import project as projects
from whimbrel.proof import rulebook, rules

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs/reference/validation-rules.md").read_text(encoding="utf-8")
PAGE = "docs/how-to/validate-data.md"


@pytest.mark.parametrize("check", list(rules.Check))
def test_every_rule_has_its_section_with_all_its_options(check):
    section = REFERENCE.partition(f"### {check}\n")[2].partition("\n#")[0]
    wanted = inspect.signature(getattr(rulebook.Rulebook, check)).parameters
    named = [name for name in wanted if name not in ("self", "options")]

    assert f"`{check}(" in section
    assert [] == [name for name in named if not re.search(rf"\b{name}\b", section)]


def test_a_method_and_a_section_of_the_configuration_take_the_same():
    other = {"columns": "column", "values": "values"}
    for check in rules.Check:
        wanted = inspect.signature(getattr(rulebook.Rulebook, check)).parameters
        named = {name for name in wanted if name not in ("self", "options")}
        known = set(rulebook.known(check)) - {"name", "severity", "message", "limit", "where"}

        assert named == {other.get(one, one) if one not in named else one for one in known}


def test_the_migration_of_the_page_runs(project, database, raw):
    raw(database).execute(
        "CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, total numeric(12, 2), "
        "country varchar(2))"
    )
    raw(database).execute("INSERT INTO orders VALUES (1, 10.50, 'US'), (2, 1, 'DE')")
    project.migration("20260101_000000_add_currency", how_to.code(PAGE, "class AddCurrency"))
    opened = projects.open_project(folder=project.path, database=database.url)

    outcome = opened.up()

    assert 7 == len(outcome.rules)
    assert all(one.passed for one in outcome.rules)

    opened.down()
    raw(database).execute("UPDATE orders SET country = 'XX' WHERE id = 2")
    with pytest.raises(errors.ValidationFailed, match="orders of no country"):
        opened.up()


def test_the_program_of_the_page_runs(tmp_path, monkeypatch, capsys):
    import sqlite3

    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("shop.db") as shop:
        shop.execute("CREATE TABLE users (id integer PRIMARY KEY, email text)")
    shop.close()

    exec(how_to.code(PAGE, "whimbrel.Rulebook"), {})

    assert "users has 0 rows" in capsys.readouterr().out
