"""`whimbrel validate` as a shell sees it: lines, JSON, exit codes."""

from __future__ import annotations

import json
import sqlite3

import pytest

from tests.faces.shell import command

CONFIG = """
[databases.main]
url = "sqlite:///shop.db"

[databases.other]
url = "sqlite:///other.db"

[validate.emails_are_there]
check = "not_null"
table = "users"
columns = ["email"]
databases = ["main"]

[validate.emails_differ]
check = "unique"
table = "users"
column = "email"
severity = "warning"
message = "the new login takes no two"
databases = ["main"]

[validate.points]
check = "between"
table = "users"
column = "points"
least = 0
databases = ["main"]
"""
SHOWN = """\
✗ emails_are_there
    users.email is never NULL
    1 of 3 rows is NULL in users.email
    id 3  email NULL
! emails_differ  (a warning)
    users.email is unique
    the new login takes no two: 1 value of users.email comes more than once, in 2 rows
    id 1  email 'a'
    id 2  email 'a'
✓ points
1 of 3 rules does not hold
"""


@pytest.fixture
def shop(project):
    """A project with a database in which one rule fails and one warns."""
    project.config(CONFIG)
    with sqlite3.connect(project.path / "shop.db") as shop:
        shop.execute("CREATE TABLE users (id integer PRIMARY KEY, email text, points integer)")
        shop.execute("INSERT INTO users VALUES (1, 'a', 0), (2, 'a', 1), (3, NULL, 2)")
    shop.close()
    return project


def without_times(text):
    """Return lines without how long each rule took."""
    lines = []
    for line in text.splitlines():
        cut = line.split("  ", 1)[0] if line[:1] == "✓" else line
        if cut.endswith(" ms") and "  " in cut:
            cut = cut.rpartition("  ")[0]
        lines.append(cut.partition(" (")[0] if "hold" in cut else cut)
    return "".join(f"{line}\n" for line in lines)


def test_each_rule_is_shown_with_what_offends(shop):
    ran = command("validate", "main", cwd=shop.path)

    assert (1, "") == (ran.returncode, ran.stderr)
    assert without_times(ran.stdout) == SHOWN


def test_a_warning_alone_is_no_failure(shop):
    ran = command("validate", "-d", "main", "--only", "emails_differ", cwd=shop.path)

    assert 0 == ran.returncode
    assert "1 rule, 1 warning" in ran.stdout


def test_json_has_all_of_it(shop):
    ran = command("validate", "main", "--json", "--limit", "1", cwd=shop.path)

    found = json.loads(ran.stdout)
    assert (1, 1, False) == (ran.returncode, found["exit_code"], found["passed"])
    assert [False, False, True] == [rule["passed"] for rule in found["rules"]]
    assert [{"id": 1, "email": "a"}] == found["rules"][1]["first"]
    assert 2 == found["rules"][1]["offending"]


def test_rules_that_hold(shop):
    ran = command("validate", "main", "--only", "points", cwd=shop.path)

    assert 0 == ran.returncode
    assert "1 rule holds" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["main", "--only", "point"], "did you mean:  points"),
        (["other"], "there are no rules to ask of 'other'"),
        (["nowhere"], "no database is called 'nowhere'"),
        (["main", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage(arguments, words, shop):
    ran = command("validate", *arguments, cwd=shop.path)

    assert 2 == ran.returncode
    assert words in ran.stderr


def test_without_rules_it_is_shown_how_to_write_one(tmp_path):
    ran = command("validate", "sqlite:///a.db", cwd=tmp_path)

    assert 2 == ran.returncode
    assert "[validate.emails_are_there]" in ran.stderr
    assert 'check = "not_null"' in ran.stderr


def test_a_wrong_rule_stops_every_command_with_its_line(shop):
    shop.config(CONFIG.replace('"between"', '"betwen"'))

    ran = command("status", "-d", "main", cwd=shop.path)

    assert 2 == ran.returncode
    assert "whimbrel.toml:23" in ran.stderr
    assert "did you mean:  between" in ran.stderr


MIGRATION = """
from whimbrel import Migration


class Piece(Migration):
    def validate_before(self):
        self.expect.rows("users", exactly=3)

    def up(self):
        self.add_column("users", "note", "text")

    def validate_after(self):
        self.expect.not_null("users", "email", name="mails")
"""


@pytest.mark.parametrize("how", [["plan"], ["plan", "--sql"], ["up", "--dry-run"], ["up"]])
def test_the_rules_of_a_migration_are_shown(how, shop):
    shop.migration("20260101_000000_piece", MIGRATION)

    ran = command(*how, "-d", "main", cwd=shop.path)

    before = ran.stdout.index("users has exactly 3 rows")
    step = ran.stdout.index("add column users.note")
    after = ran.stdout.index("mails", step)
    assert before < step < after
    assert ("does not hold" in ran.stderr) is (how[0] == "up")
    assert int(how[0] == "up") == ran.returncode


def test_the_events_of_rules_are_lines_of_json(shop):
    shop.migration("20260101_000000_piece", MIGRATION)

    ran = command("up", "-d", "main", "--json", cwd=shop.path)

    told = [json.loads(line) for line in ran.stdout.splitlines()]
    asked = [one["outcome"] for one in told if one.get("event") == "rule-checked"]
    assert [("before", True), ("after", False)] == [(o["when"], o["passed"]) for o in asked]
    assert "validation-failed" == told[-1]["error"]
