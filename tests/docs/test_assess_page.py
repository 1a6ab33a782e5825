"""The page about assessments: what it tells people to write is run."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from pathlib import Path

import pytest

from tests import conftest
from whimbrel.cli import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "assess-a-database.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def old(project: conftest.ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> conftest.ProjectFolder:
    connection = sqlite3.connect(project.path / "old.db")
    connection.executescript(
        "CREATE TABLE a (id integer PRIMARY KEY, born date, mail text);"
        "CREATE TABLE b (id integer PRIMARY KEY, a integer REFERENCES a (id));"
        "INSERT INTO a VALUES (1, '2020-02-31', 'x@example.org'); INSERT INTO b VALUES (1, 7);"
    )
    connection.close()
    sqlite3.connect(project.path / "new.db").close()
    project.config("".join(f'[databases.{n}]\nurl = "sqlite:///{n}.db"\n' for n in ("old", "new")))
    monkeypatch.chdir(project.path)
    return project


def test_the_program_of_the_page_runs(old, capsys):
    (program,) = [body for name, body in FENCE.findall(PAGE.read_text("utf-8")) if name == "python"]

    exec(program, {})

    told = capsys.readouterr().out
    assert "1 row of b refers to a row of a that is not there" in told
    assert "('a', 'b') []" in told


def test_the_commands_of_the_page_do_what_it_says(old, capsys):
    codes = [app.main(["assess", "old"]), app.main(["assess", "old", "--to", "new"])]

    assert [0, 0] == codes, capsys.readouterr().err
    assert 2 == len(list((old.path / "reports").glob("*.html")))


def test_the_rules_of_an_assessment_are_pasted_and_asked(old, capsys):
    app.main(["assess", "old", "--rules"])
    written = capsys.readouterr().out
    file = old.path / "whimbrel.toml"
    file.write_text(file.read_text() + written)

    asked = app.main(["validate", "old"])

    assert 0 == asked, capsys.readouterr()
    assert "# does not hold yet: 1 of 1 row" in written
    assert {"a_id_unique", "b_id_unique"} <= tomllib.loads(written)["validate"].keys()
