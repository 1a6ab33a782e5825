"""SQL of the user's own on SQLite: what loses rows in silence, what needs no transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests import conftest
from whimbrel import errors
from whimbrel.migrations import project as projects

FAMILY = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY,
                    parent_id INT REFERENCES parent (id) ON DELETE CASCADE);
INSERT INTO parent VALUES (1, 'a'), (2, 'b');
INSERT INTO child VALUES (1, 1), (2, 2);
"""
# SQLite's own procedure, as people write it by hand.
BY_HAND = (
    'self.execute("CREATE TABLE parent2 (id INTEGER PRIMARY KEY, name VARCHAR(9) NOT NULL)")',
    'self.execute("INSERT INTO parent2 SELECT * FROM parent")',
    'self.execute("DROP TABLE parent")',
    'self.execute("ALTER TABLE parent2 RENAME TO parent")',
)


def pending(
    project: conftest.ProjectFolder,
    tmp_path: Path,
    script: str,
    *lines: str,
    transactional: bool = True,
) -> tuple[projects.Project, Path]:
    """Return a project with a database made by a script and one pending migration."""
    file = tmp_path / "own.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)
    body = "".join(f"        {line}\n" for line in lines)
    project.migration(
        "20260101_000000_own",
        "from whimbrel import Migration\n\n\nclass Own(Migration):\n"
        f"    transactional = {None if transactional else False}\n\n"
        f"    def up(self):\n{body}",
    )
    return projects.open_project(folder=project.path, database=f"sqlite:///{file}"), file


def rows(file: Path, sql: str) -> Sequence[tuple[object, ...]]:
    """Ask by the plain driver."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def test_a_rebuild_by_hand_keeps_the_child_rows(
    project: conftest.ProjectFolder, tmp_path: Path
) -> None:
    opened, file = pending(project, tmp_path, FAMILY, *BY_HAND)

    opened.up()

    assert rows(file, "SELECT id, parent_id FROM child ORDER BY id") == [(1, 1), (2, 2)]
    assert rows(file, "SELECT name FROM parent ORDER BY id") == [("a",), ("b",)]


@pytest.mark.parametrize("sql", ["DROP TABLE parent", "drop table if exists main.[Parent] ;"])
def test_a_dropped_table_that_others_refer_to_takes_no_child_rows_with_it(
    project: conftest.ProjectFolder, tmp_path: Path, sql: str
) -> None:
    opened, file = pending(project, tmp_path, FAMILY, f'self.execute("{sql}")')

    with pytest.raises(errors.ForeignKeysBroken, match="child → parent: 2 rows"):
        opened.up()

    assert rows(file, "SELECT count(*) FROM child") == [(2,)]
    assert rows(file, "SELECT count(*) FROM parent") == [(2,)]


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA foreign_keys = OFF",
        "pragma main.foreign_keys(0)",
        "PRAGMA legacy_alter_table = ON",
    ],
)
def test_settings_that_have_no_effect_or_break_references_are_refused_when_planned(
    project: conftest.ProjectFolder, tmp_path: Path, sql: str
) -> None:
    opened, _ = pending(project, tmp_path, FAMILY, f'self.execute("{sql}")')

    plan = opened.plan()

    assert plan.problem is not None
    assert "does not set" in str(plan.problem)


def test_a_setting_ends_with_its_migration(project: conftest.ProjectFolder, tmp_path: Path) -> None:
    table = "CREATE TABLE t (a INT CHECK (a > 0));"
    opened, file = pending(
        project, tmp_path, table, 'self.execute("PRAGMA ignore_check_constraints = ON")'
    )
    project.migration(
        "20260102_000000_next",
        "from whimbrel import Migration\n\n\nclass Next(Migration):\n"
        '    def up(self):\n        self.execute("INSERT INTO t VALUES (-1)")\n',
    )

    with pytest.raises(errors.MigrationFailed, match="CHECK constraint failed"):
        opened.up()

    assert rows(file, "SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    "verb",
    [
        'self.add_column("parent", "age", "integer")',
        'self.remove_column("parent", "name")',
        'self.rename_column("parent", "name", "called")',
        'self.rename_table("parent", "people")',
        'self.create_index("parent", "name")',
        'self.change_column("parent", "name", "string", length=9)',
    ],
)
def test_a_verb_does_not_change_the_temporary_table_that_hides_its_table(
    project: conftest.ProjectFolder, tmp_path: Path, verb: str
) -> None:
    hide = 'self.execute("CREATE TEMP TABLE parent (id, name)")'
    opened, file = pending(project, tmp_path, FAMILY, hide, verb)
    before = rows(file, "SELECT sql FROM sqlite_master")

    with pytest.raises(errors.RefusedError, match="a temporary table parent hides"):
        opened.up()

    kept = "SELECT sql FROM sqlite_master WHERE name NOT LIKE '%whimbrel%'"
    assert rows(file, kept) == before


@pytest.mark.parametrize(
    ("sql", "asked", "answer"),
    [
        ("VACUUM", "SELECT count(*) FROM child", 2),
        ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal"),
    ],
)
def test_what_needs_no_transaction_runs_by_itself_and_is_refused_in_one(
    project: conftest.ProjectFolder, tmp_path: Path, sql: str, asked: str, answer: object
) -> None:
    opened, _ = pending(project, tmp_path, FAMILY, f'self.execute("{sql}")')

    plan = opened.plan()

    assert plan.problem is not None
    assert "cannot run inside a transaction" in str(plan.problem)

    opened, file = pending(project, tmp_path, "", f'self.execute("{sql}")', transactional=False)
    opened.up()

    assert rows(file, asked) == [(answer,)]


TEXTS = """
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, extra INT);
INSERT INTO note VALUES (1, 'hello world', 1);
CREATE VIRTUAL TABLE found USING fts5(body, content='note', content_rowid='id');
INSERT INTO found (found) VALUES ('rebuild');
"""


@pytest.mark.parametrize(
    "verb",
    [
        'self.rename_table("note", "notes")',
        'self.rename_column("note", "body", "text")',
        'self.remove_column("note", "body")',
        'self.drop_table("note")',
    ],
)
def test_a_full_text_index_does_not_lose_the_table_that_it_stands_on(
    project: conftest.ProjectFolder, tmp_path: Path, verb: str
) -> None:
    opened, file = pending(project, tmp_path, TEXTS, verb)

    with pytest.raises(errors.RefusedError, match="break what depends on it"):
        opened.up()

    assert rows(file, "SELECT body FROM found WHERE found MATCH 'hello'") == [("hello world",)]


@pytest.mark.parametrize(
    "verb",
    [
        'self.change_column("note", "body", "string", length=99, null=False)',
        'self.remove_column("note", "extra")',
    ],
)
def test_other_changes_beside_a_full_text_index_are_made(
    project: conftest.ProjectFolder, tmp_path: Path, verb: str
) -> None:
    opened, file = pending(project, tmp_path, TEXTS, verb)

    opened.up()

    assert rows(file, "SELECT body FROM found WHERE found MATCH 'hello'") == [("hello world",)]


@pytest.mark.parametrize(
    ("view", "goes"),
    [
        ("SELECT * FROM parent", True),
        ("SELECT id, name FROM parent", False),
        ('SELECT id, "name" FROM parent', False),
        ("SELECT * FROM parent NATURAL JOIN other", False),
        ("SELECT * FROM parent UNION SELECT * FROM other", False),
    ],
)
def test_a_column_goes_when_only_a_star_reads_it(
    project: conftest.ProjectFolder, tmp_path: Path, view: str, goes: bool
) -> None:
    script = f"{FAMILY} CREATE TABLE other (id INT, name TEXT); CREATE VIEW v AS {view};"
    opened, _ = pending(project, tmp_path, script, 'self.remove_column("parent", "name")')

    plan = opened.plan()

    assert (plan.problem is None) is goes
