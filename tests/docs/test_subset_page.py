"""The page about subsets: what it tells people to write is run, word for word."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from tests import conftest
from whimbrel.cli import app
from whimbrel.rehearsal import disguise, masking

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/make-a-subset.md").read_text("utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return [body for name, body in FENCE.findall(PAGE) if name == language]


@pytest.fixture
def shop(
    project: conftest.ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> conftest.ProjectFolder:
    """A project with the databases, references and masks of the page."""
    connection = sqlite3.connect(project.path / "shop.db")
    connection.executescript(
        "CREATE TABLE customer (id integer PRIMARY KEY, name varchar(40), email varchar(60) UNIQUE,"
        " phone varchar(20), born date, income integer, note text, "
        " friend integer REFERENCES customer (id));"
        "CREATE TABLE orders (id integer PRIMARY KEY, customer integer NOT NULL "
        " REFERENCES customer (id), iban varchar(34));"
        "CREATE TABLE log (id integer PRIMARY KEY, who text);"
    )
    for number in range(300):
        person = (
            number, f"Anna Berg{number}", f"anna{number}@bank.de", f"+49 30 12{number:04}",
            "1980-05-17", 30_000 + number, "private", number // 2,
        )  # fmt: skip
        connection.execute("INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?)", person)
    for number in range(3_000):
        order = (number, number % 300, f"DE44 {number:04}")
        connection.execute("INSERT INTO orders VALUES (?, ?, ?)", order)
        connection.execute("INSERT INTO log VALUES (?, ?)", (number, f"anna{number % 300}@bank.de"))
    connection.commit()
    connection.close()
    databases = "".join(f'[databases.{n}]\nurl = "sqlite:///{n}.db"\n' for n in ("shop", "small"))
    project.config(databases + "".join(blocks("toml")))
    monkeypatch.chdir(project.path)
    monkeypatch.setenv(masking.SECRET_VARIABLE, "a secret of this test")
    return project


def look(project: conftest.ProjectFolder, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(project.path / "small.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_the_program_of_the_page_runs(shop, capsys):
    (program,) = blocks("python")

    exec(program, {})

    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("customer ")
    # The seven of the page, and the log that refers to one of them.
    assert "True 8" == told[-1]


def test_the_commands_of_the_page_do_what_it_says(shop, capsys):
    dry = app.main(["subset", "shop", "small", "--rows", "1000", "--dry-run"])
    there = (shop.path / "small.db").exists()
    done = app.main(["subset", "shop", "small", "--rows", "1000", "--seed", "7"])
    told = capsys.readouterr()
    again = app.main(["subset", "shop", "small", "--percent", "1"])

    assert (0, False, 0, 1) == (dry, there, done, again), told.err
    assert "chosen: " in told.out
    assert "circle  customer -> customer" in told.out
    assert "masked  log.who  email  (as customer.email)" in told.out
    assert [(0,)] == look(shop, "SELECT count(*) FROM customer WHERE name LIKE '%Berg%'")
    lost = "SELECT count(*) FROM log WHERE who NOT IN (SELECT email FROM customer)"
    assert [(0,)] == look(shop, lost)
    assert [] == look(shop, "PRAGMA foreign_key_check")
    (report,) = (shop.path / "reports").glob("*.html")
    assert "anna" not in report.read_text("utf-8").lower()
    assert "a secret of" not in report.read_text("utf-8") + told.out


def test_what_was_chosen_is_json_for_programs(shop, capsys):
    code = app.main(
        ["--json", "subset", "shop", "small", "--rows", "1000", "--seed", "7", "--no-report"]
    )

    told = json.loads(capsys.readouterr().out)
    assert 0 == code
    assert (7, 1000) == (told["subset"]["seed"], told["subset"]["rows_wanted"])
    assert (
        told["rows"]
        == told["subset"]["rows"]
        == sum(one["covering"] + one["sampled"] + one["needed"] for one in told["subset"]["tables"])
    )


def test_masks_are_suggested_as_lines_for_the_settings(shop, capsys):
    code = app.main(["subset", "shop", "--suggest-masks"])

    told = capsys.readouterr().out.splitlines()
    assert (0, "[subset.masks]") == (code, told[0])
    assert any(line.startswith('"customer.email" = "email"') for line in told)
    assert any(line.startswith('"customer.phone" = "phone"') for line in told)
    assert not (shop.path / "small.db").exists()


def test_every_mask_is_in_the_table_of_the_page():
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)

    assert sorted(disguise.KINDS) == sorted(listed)
