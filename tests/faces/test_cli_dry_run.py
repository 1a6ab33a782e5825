"""`whimbrel up --dry-run`: what people and programs read of it, and how it ends."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests import engines
from tests.faces.shell import command, on_terminal
from whimbrel.cli import app
from whimbrel.cli import dry_run as drawing

ROOT = Path(__file__).resolve().parents[2]
MAKE = '''\
from whimbrel import Migration


class MakeCity(Migration):
    """Make the table of cities."""

    def up(self):
        self.create_table("city", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=100),
            self.column("people", "integer"),
        ])
        self.create_table("town", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=100, null=False),
        ])
        for n in range(1, 41):
            name = None if n in (3, 5) else f"city {n} " + "long " * 12
            self.execute("INSERT INTO city (id, name) VALUES (?, ?)", [n, name])
'''
FILL = '''\
from whimbrel import Migration


class FillCity(Migration):
    """Fill what is empty."""

    def up(self):
        self.backfill("city", {{"people": "id * 1000"}})
        {rest}
'''
COPY = 'self.copy_rows("city", "town", ["id", "name"])'
WAIT = """import time
        if self.execute("SELECT count(*) FROM city WHERE people IS NOT NULL")[0][0] > 0:
            for n in range(600):
                self.execute("SELECT ?", [n])
                time.sleep(0.1)
"""


@pytest.fixture(autouse=True)
def _no_other_database(monkeypatch):
    monkeypatch.delenv("WHIMBREL_DATABASE_URL", raising=False)


@pytest.fixture
def cities(project, database):
    """A project with forty cities, and one pending migration to be written."""
    project.migration("20260101_000000_make_city", MAKE)
    project.config(f'[databases.main]\nurl = "{database.url}"\n')
    assert 0 == app.main(["up", "--quiet", "--project", str(project.path)])
    return project


def fill(cities, rest="pass"):
    """Write the pending migration; return the options that lead to the project."""
    cities.migration("20260102_000000_fill_city", FILL.format(rest=rest))
    return ["--project", str(cities.path)]


def test_a_dry_run_that_works_shows_steps_rows_and_samples(cities, capsys):
    where = fill(cities)
    capsys.readouterr()

    code = app.main(["up", "--dry-run", *where])

    shown = capsys.readouterr()
    assert (0, "") == (code, shown.err)
    lines = [re.sub(r"[\d.]+ m?s\b", "TIME", line).rstrip() for line in shown.out.splitlines()]
    assert lines[0].startswith("dry run · one transaction, about 40 rows: what it touches")
    assert lines[1].startswith("dry run · up · 1 migration · ")
    assert lines[3:] == [
        "20260102_000000_fill_city  Fill what is empty.",
        "  1  backfill city.people",
        "     40 rows read · 40 rows written · TIME",
        "       id 1  people: NULL → 1000",
        "       id 2  people: NULL → 2000",
        "       id 3  people: NULL → 3000",
        "",
        "nothing was changed: everything is taken back",
        "it would work (TIME); do it:  whimbrel up",
    ]


def test_rejects_make_the_exit_code_1_and_are_shown_with_their_reason(cities, capsys):
    where = fill(cities, COPY)
    capsys.readouterr()

    code = app.main(["up", "--dry-run", *where])

    shown = capsys.readouterr().out
    assert 1 == code
    assert "rejected 2 rows: " in shown
    assert "key 3; 5" in shown
    assert "up would stop here: max_rejects is 0" in shown
    assert "it would reject 2 rows" in shown


def test_long_values_are_cut_for_people_and_whole_for_programs(cities, capsys):
    where = fill(cities, COPY)
    capsys.readouterr()

    app.main(["up", "--dry-run", *where])
    people = capsys.readouterr().out
    code = app.main(["up", "--dry-run", "--json", *where])
    document = json.loads(capsys.readouterr().out)

    name = "city 1 " + "long " * 12
    assert name not in people and "city 1 long long" in people
    assert (1, 1, 2) == (code, document["exit_code"], document["rows_rejected"])
    copied = document["migrations"][0]["steps"][1]
    assert name == copied["samples"][0]["after"]["name"]
    assert [3] == copied["rejected"][0]["first"][0]["key"]


def test_a_sample_gives_an_estimate_and_calls_it_so(cities, capsys):
    where = fill(cities)
    capsys.readouterr()

    code = app.main(["up", "--dry-run", "--sample", "10", *where])

    shown = capsys.readouterr().out
    assert 0 == code
    assert "10 rows of each step in batches" in shown
    assert "10 rows read · 10 rows written" in shown
    assert "estimate for all of about" in shown
    assert "it would work with 10 rows of each step" in shown


def test_a_dry_run_that_fails_shows_the_step_and_ends_with_1(cities, capsys):
    where = fill(cities, 'self.execute("UPDATE city SET id = 1")')
    capsys.readouterr()

    code = app.main(["up", "--dry-run", *where])

    shown = capsys.readouterr()
    assert 1 == code
    assert "✗ 2: UPDATE city SET id = 1" in shown.out
    assert "nothing was changed: everything is taken back" in shown.out
    assert "it would not work" in shown.out
    assert "would fail at step 2 of 2" in shown.err


@engines.only("mariadb")
def test_what_cannot_be_taken_back_is_refused(cities, capsys):
    where = fill(cities, 'self.add_column("city", "more", "text")')
    capsys.readouterr()

    code = app.main(["up", "--dry-run", *where])

    shown = capsys.readouterr()
    assert (1, "") == (code, shown.out)
    assert "cannot take a change of the schema back" in shown.err
    assert "restore a backup into another database" in shown.err


def test_nothing_pending_is_nothing_to_do(cities, capsys):
    capsys.readouterr()

    code = app.main(["up", "--dry-run", "--project", str(cities.path)])

    assert 0 == code
    assert "nothing to do" in capsys.readouterr().out


def test_a_sample_without_a_dry_run_is_wrong_usage(tmp_path, capsys):
    code = app.main(["up", "--sample", "10", "--project", str(tmp_path)])

    assert 2 == code
    assert "--sample is for a dry run" in capsys.readouterr().err


@engines.only("sqlite", "postgresql")
def test_ctrl_c_takes_everything_back(cities, raw, database):
    fill(cities, WAIT)

    signals = [signal.SIGINT]

    def seen(text: str) -> signal.Signals | None:
        return signals.pop() if signals and "between two steps" in text else None

    shown = on_terminal("up", "--dry-run", cwd=cities.path, seen=seen)

    assert 130 == shown.code
    assert "the dry run has taken everything back" in shown.text
    assert 0 == raw(database).value("SELECT count(*) FROM city WHERE people IS NOT NULL")
    assert 0 == command("status", cwd=cities.path).returncode


@engines.only("sqlite")
def test_the_page_shows_what_is_shown(project, database, raw, capsys):
    page = (ROOT / "docs" / "how-to" / "dry-run.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(class .*?)```", page, re.DOTALL)[1]
    told = re.search(r"```text\n(20260102_000000_fill_cities.*?)```", page, re.DOTALL)[1]
    raw(database).script(
        "CREATE TABLE city (id integer PRIMARY KEY, name text, thousands integer, people integer);"
        "CREATE TABLE town (id integer PRIMARY KEY, name text NOT NULL);"
    )
    for n in range(1, 41):
        name = {1: "Hallstatt", 3: None, 5: None}.get(n, f"city {n}")
        values = [n, name, {1: 21, 2: 4}.get(n, 780)]
        raw(database).execute("INSERT INTO city (id, name, thousands) VALUES (?, ?, ?)", values)
    project.migration("20260102_000000_fill_cities", f"from whimbrel import Migration\n\n\n{code}")

    app.main(["up", "--dry-run", "--project", str(project.path), "--database", database.url])

    shown = re.sub(r"[\d.]+ m?s\b", "TIME", capsys.readouterr().out)
    lines = re.sub(r"[\d.]+ m?s\b", "TIME", told).splitlines()
    assert [] == [line for line in lines if "…" not in line and line not in shown.splitlines()]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "NULL"),
        ("it's", "'it's'"),
        (b"\x00\xff", "0x00ff"),
        (1.5, "1.5"),
        ("two\nlines", "'two lines'"),
        ("x" * 50, "'" + "x" * 38 + "…"),
    ],
)
def test_values_are_written_for_people(value, shown):
    assert shown == drawing._value(value)
