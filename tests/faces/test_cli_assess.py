"""`whimbrel assess` as people and programs call it: words, JSON, texts to pass on, the report."""

from __future__ import annotations

import json
import sqlite3
import tomllib

import pytest

from whimbrel.cli import app
from whimbrel.reports import seal

SHOP = """
CREATE TABLE team (id INTEGER PRIMARY KEY, lead INTEGER REFERENCES person (id));
CREATE TABLE person (id INTEGER PRIMARY KEY, team INTEGER NOT NULL REFERENCES team (id), born DATE);
CREATE TABLE note (said TEXT);
CREATE VIEW who AS SELECT id FROM person;
INSERT INTO team (id) VALUES (1);
INSERT INTO person VALUES (1, 1, '2020-01-31'), (2, 1, 'yesterday'), (3, 9, NULL);
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    connection = sqlite3.connect("shop.db")
    connection.executescript(SHOP)
    connection.close()
    return "sqlite:///shop.db"


def test_what_matters_comes_first(shop, capsys):
    code = app.main(["assess", shop])

    lines = capsys.readouterr().out.splitlines()
    assert 0 == code
    assert "sqlite:///shop.db" == lines[0]
    assert "  3 tables, 6 columns, 2 foreign keys, 1 view, 4 rows" in lines[2]
    assert "medium  3 tables" in lines
    assert any(one.startswith("dirty  1 value of person.born is no date") for one in lines)
    assert any(one.startswith("dirty  1 row of person refers to") for one in lines)
    assert any(one.startswith("circle  person -> team -> person") for one in lines)
    assert "no key  note" in lines
    assert lines[-1].startswith("dirty in places: 2 findings in 1 table (looked for ")
    assert len(lines) < 25


def test_with_a_target_what_would_be_refused_is_said(shop, capsys):
    code = app.main(["assess", shop, "--to", "sqlite", "--verbose"])

    told = capsys.readouterr().out
    assert 0 == code
    assert "sqlite:///shop.db  →  " in told
    assert "refused  1 row of person refers to a row of team that is not there" in told
    assert "to be decided: " in told


def test_programs_get_one_document(shop, capsys):
    code = app.main(["assess", shop, "--json"])

    found = json.loads(capsys.readouterr().out)
    assert 0 == code
    assert ["note", "person", "team"] == [one["name"] for one in found["tables"]]
    assert [{"tables": ["person", "team"], "way": "person -> team -> person"}] == (
        found["dependencies"]["cycles"]
    )
    assert {"no date", "orphan"} == {one["what"] for one in found["findings"]}
    assert found["report"] is None


@pytest.mark.parametrize(
    ("option", "begins"), [("--dot", "digraph database {"), ("--mermaid", "flowchart BT")]
)
def test_the_map_alone_is_a_text_for_other_programs(shop, capsys, option, begins):
    code = app.main(["assess", shop, option])

    told = capsys.readouterr().out
    assert 0 == code
    assert told.startswith(begins)
    assert all(name in told for name in ("team", "person", "note", "who"))


def test_the_rules_alone_are_toml(shop, capsys):
    code = app.main(["assess", shop, "--rules"])

    rules = tomllib.loads(capsys.readouterr().out)["validate"]
    assert 0 == code
    assert {"team_id_unique", "person_id_unique", "team_lead_refers"} <= rules.keys()
    assert "person_team_refers" not in rules


def test_the_report_is_sealed_and_has_every_table(shop, capsys, tmp_path):
    code = app.main(["assess", shop, "--report", "shop.html"])

    data = (tmp_path / "shop.html").read_bytes()
    found = seal.check(data)
    assert (0, True) == (code, found.intact)
    assert ("assessment", "Dirty in places") == (
        found.report["kind"], found.report["verdict"]["word"],
    )  # fmt: skip
    for name in ("team", "person", "note", "who"):
        assert f'data-name="{name}"'.encode() in data
    assert f"seal {found.seal}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ["--report", "a.html", "--no-report"],
        ["--dot", "--mermaid"],
        ["--dot", "--json"],
        ["--rules", "--report", "a.html"],
        ["--rules", "--no-values"],
        ["--report", "a.pdf"],
        ["--to", "sqlite:///shop.db"],
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(shop, capsys, options, tmp_path):
    code = app.main(["assess", shop, *options])

    assert 2 == code
    assert [tmp_path / "shop.db"] == sorted(tmp_path.iterdir())


def test_names_of_the_database_are_text_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    connection = sqlite3.connect("odd.db")
    connection.execute('CREATE TABLE "<script>alert(1)</script>" ("a&b" TEXT)')
    connection.execute('CREATE TABLE "x\x1b[31m" (a)')
    connection.close()

    code = app.main(["assess", "sqlite:///odd.db", "--report", "odd.html"])

    page = (tmp_path / "odd.html").read_text("utf-8")
    assert 0 == code
    assert "<script>alert(1)" not in page
    assert seal.check(page.encode()).intact
