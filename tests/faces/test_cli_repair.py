"""`whimbrel verify --repair`: what it shows, what it writes, and how it ends."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faces import shell


@pytest.fixture
def shops(tmp_path: Path) -> tuple[str, str]:
    """Two databases that differ in one row of each kind."""
    rows = {"old": "(1,'a'), (2,'b'), (3,'c')", "new": "(1,'a'), (2,'B'), (4,'d')"}
    for name, values in rows.items():
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
            connection.execute(f"INSERT INTO t VALUES {values}")
            connection.commit()
    return f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"


def rows_of(url: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return connection.execute("SELECT * FROM t ORDER BY id").fetchall()


def test_a_plan_is_shown_and_nothing_is_written(shops: tuple[str, str], tmp_path: Path) -> None:
    old, new = shops

    shown = shell.command("verify", old, new, "--no-report", "--repair", "plan", cwd=tmp_path)

    assert shown.returncode == 1, shown.stderr
    assert "1 to insert, 1 to update, 1 to delete" in shown.stdout
    assert "a repair would change 3 rows of 1 table" in shown.stdout
    assert rows_of(new) == [(1, "a"), (2, "B"), (4, "d")]


def test_a_repair_is_done_shown_and_logged(shops: tuple[str, str], tmp_path: Path) -> None:
    old, new = shops
    log = tmp_path / "changes.jsonl"

    shown = shell.command(
        *("verify", old, new, "--no-report", "--repair", "apply", "--repair-log", str(log)),
        cwd=tmp_path,
    )

    assert shown.returncode == 0, shown.stderr
    assert "1 inserted, 1 updated, 1 deleted" in shown.stdout
    assert "equal after 3 rows changed" in shown.stdout
    assert rows_of(new) == rows_of(old)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {
        "table": "t",
        "key": {"id": "2"},
        "action": "update",
        "column": "v",
        "before": "B",
        "after": "b",
    } in lines
    assert len(lines) == 5


def test_the_same_as_json(shops: tuple[str, str], tmp_path: Path) -> None:
    old, new = shops

    planned = shell.command(
        *("verify", old, new, "--no-report", "--json", "--repair", "plan"), cwd=tmp_path
    )
    done = shell.command(
        *("verify", old, new, "--no-report", "--json", "--repair", "apply"), cwd=tmp_path
    )

    assert (planned.returncode, done.returncode) == (1, 0)
    plan = json.loads(planned.stdout)["repair"]["plan"]
    assert plan["tables"] == [
        {"table": "t", "target": "t", "inserts": 1, "updates": 1, "deletes": 1}
    ]
    document = json.loads(done.stdout)
    assert document["equal"] is False
    assert document["repair"]["equal"] is True
    assert document["repair"]["after"]["differences"] == 0


def test_on_a_terminal(shops: tuple[str, str], tmp_path: Path) -> None:
    shown = shell.on_terminal("verify", *shops, "--no-report", "--repair", "apply", cwd=tmp_path)

    assert shown.code == 0
    assert "equal after 3 rows changed" in shown.text


@pytest.mark.parametrize(
    ("options", "code", "slug"),
    [
        (("--repair", "maybe"), 2, "usage-error"),
        (("--repair-log", "x.jsonl"), 2, "usage-error"),
        (("--repair", "apply", "--repair-log", "no/where.jsonl"), 2, "usage-error"),
        (("--repair", "apply", "--sample", "10%"), 1, "repair-refused"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    options: tuple[str, ...], code: int, slug: str, shops: tuple[str, str], tmp_path: Path
) -> None:
    shown = shell.command("verify", *shops, "--no-report", *options, cwd=tmp_path)

    assert shown.returncode == code
    assert f"[{slug}]" in shown.stderr
    assert rows_of(shops[1]) == [(1, "a"), (2, "B"), (4, "d")]
