"""The program of the page about rehearsals runs, and says what is wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.contract import test_rehearse as rehearsals
from tests.docs.test_how_to import code


def test_the_program_of_the_page_says_what_speaks_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop" / "migrations").mkdir(parents=True)
    (tmp_path / "shop" / "migrations" / "20260101_000000_m.py").write_text(
        rehearsals.HEAD
        + '\n    def up(self):\n        self.execute("INSERT INTO item VALUES (1)")\n'
    )
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE item (id integer PRIMARY KEY)")
        connection.execute("INSERT INTO item VALUES (1)")
    connection.close()
    monkeypatch.chdir(tmp_path)

    exec(code("docs/how-to/rehearse-a-migration.md", "whimbrel.rehearse("), {})

    assert "fails on the way up" in capsys.readouterr().out
