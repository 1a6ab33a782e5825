"""The page about dual writes: what it tells people to write is run, word for word."""

from __future__ import annotations

import logging
import re
import sqlite3
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/dual-write.md").read_text("utf-8")
FENCE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def look(file: str, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, table in (
        ("old.db", "user (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT)"),
        ("new.db", "person (id INTEGER PRIMARY KEY, first_name TEXT, last_name TEXT, email TEXT)"),
        ("shop.db", "orders (id INTEGER PRIMARY KEY, total REAL)"),
        ("shop.db", "invoice (number INTEGER PRIMARY KEY, cents INTEGER)"),
    ):
        look(file, f"CREATE TABLE {table}")
    before = logging.root.manager.disable
    names: dict[str, object] = {"__name__": "shop"}
    yield names
    names["users"].close()
    names["save"].close()
    names["engine"].dispose()
    for model in (names["User"], names["Person"]):
        model.__backend__.disconnect()
        # It logs once more when it is garbage, to a stream that is closed by then.
        model.__backend__.logger = logging.Logger("nobody", level=logging.CRITICAL)
    logging.disable(before)


def test_the_page_does_what_it_says(shop, capsys):
    blocks = FENCE.findall(PAGE)

    for block in blocks:
        exec(compile(block, "dual-write.md", "exec", dont_inherit=True), shop)
        if "users.off()" in block:
            both = look("new.db", "SELECT first_name, last_name FROM person ORDER BY id")

    old = look("old.db", "SELECT name FROM user ORDER BY id")
    new = look("new.db", "SELECT first_name || ' ' || last_name FROM person ORDER BY id")
    shown = capsys.readouterr().out
    assert 7 == len(blocks)
    assert [("Ada", "Lovelace"), ("Grace", "Hopper"), ("Barbara", "Liskov")] == both
    assert [
        ("Ada Lovelace",), ("Grace Hopper",), ("Barbara Liskov",), ("Mary Somerville",)
    ] == old == new  # fmt: skip
    assert "mismatches=0" in shown
    assert shown.endswith("0 0 0 True\n")
    assert [(1, 950)] == look("shop.db", "SELECT * FROM invoice")
    assert [(1, 9.5)] == look("shop.db", "SELECT * FROM orders")
