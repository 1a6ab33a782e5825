"""The pages about transfers and rejects: what they tell people to write is run, word for word."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests import conftest
from whimbrel.cli import app

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

SOURCE = """
PRAGMA ignore_check_constraints = on;
CREATE TABLE orders (id integer PRIMARY KEY, total numeric CHECK (total >= 0), note text,
                     placed timestamp);
INSERT INTO orders VALUES (1, 10, 'fine', '2024-02-29 10:00:00'), (20417, -3, NULL, NULL);
"""


def blocks(page: str, language: str) -> list[str]:
    text = (HOW_TO / page).read_text("utf-8")
    return [body for name, body in FENCE.findall(text) if name == language]


@pytest.fixture
def shop(
    project: conftest.ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> conftest.ProjectFolder:
    """A project with databases that are called as on the pages, and the rules of the page."""
    connection = sqlite3.connect(project.path / "old.db")
    connection.executescript(SOURCE)
    connection.close()
    (rules,) = [text for text in blocks("transfer.md", "toml") if "[transfers" in text]
    databases = "".join(f'[databases.{n}]\nurl = "sqlite:///{n}.db"\n' for n in ("old", "new"))
    project.config(databases + rules)
    monkeypatch.chdir(project.path)
    return project


def look(project: conftest.ProjectFolder, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(project.path / "new.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_the_program_of_the_page_about_transfers_runs(shop, capsys):
    (program,) = blocks("transfer.md", "python")

    exec(program, {})

    assert "orders 1 " in capsys.readouterr().out
    assert [(1,)] == look(shop, "SELECT id FROM orders")


def test_the_program_of_the_page_about_rejects_runs(shop, capsys):
    app.main(["transfer", "old", "new", "--max-rejects", "1", "--no-report"])
    capsys.readouterr()
    (program,) = blocks("rejects.md", "python")

    exec(program, {})

    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("1.2.1.1 ('20417',) CHECK constraint failed")
    assert "1 []" == told[-1]
    assert [(20417, 0, None)] == look(shop, "SELECT id, total, note FROM orders WHERE id > 1")


def test_the_commands_of_the_page_about_transfers_do_what_it_says(shop, capsys):
    dry = app.main(["transfer", "old", "new", "--rules", "shop", "--dry-run"])
    there = (shop.path / "new.db").exists()
    refused = app.main(["transfer", "old", "new", "--rules", "shop"])
    done = app.main(["transfer", "old", "new", "--rules", "shop", "--max-rejects", "100"])

    assert (0, False, 3, 1) == (dry, there, refused, done), capsys.readouterr().err
    assert 1 == len(list((shop.path / "reports").glob("*.html")))
