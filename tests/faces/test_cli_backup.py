"""`whimbrel backup`, `restore` and `up --backup` as people and scripts see them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import conftest
from whimbrel.cli import app
from whimbrel.rehearsal import backup as making
from whimbrel.rehearsal import manifest as manifests

BREAKS = '''
from whimbrel import Migration


class Breaks(Migration):
    """Change a row, then fail."""

    def up(self):
        self.execute("UPDATE t SET said = 'changed'")
        self.execute("INSERT INTO nowhere VALUES (1)")
'''
WORKS = BREAKS.replace('        self.execute("INSERT INTO nowhere VALUES (1)")\n', "")
CONFIG = '[databases.main]\nurl = "sqlite:///app.db"\n'


@pytest.fixture
def shop(project: conftest.ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose database has a table with a row."""
    project.config(CONFIG)
    monkeypatch.chdir(project.path)
    ask(project.path, "CREATE TABLE t (id integer PRIMARY KEY, said text)")
    ask(project.path, "INSERT INTO t VALUES (1, 'one')")
    return project.path


def ask(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "app.db", isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.main(list(arguments))
    told = capsys.readouterr()
    return code, told.out, told.err


def names() -> list[str]:
    return [one.name for one in making.kept()]


def test_a_backup_says_what_it_holds_and_how_to_go_back(shop, capsys):
    code, out, _ = call(capsys, "backup")

    (name,) = names()
    assert 0 == code
    assert f"backup {name}\n" in out
    assert "holds     1 row in 1 table" in out
    assert "checked   SQLite has checked every page of the copy" in out
    assert f"go back to it:  whimbrel restore {name} --existing replace" in out


def test_the_command_that_is_offered_goes_back(shop, capsys):
    call(capsys, "backup", "--way", "portable")
    ask(shop, "DELETE FROM t")

    code, out, _ = call(capsys, "restore", names()[0], "--existing", "replace")

    assert 0 == code
    assert "equal     rows and fingerprints of 1 table of 1" in out
    assert [(1, "one")] == ask(shop, "SELECT * FROM t")


def test_backups_are_listed_for_people_and_for_programs(shop, capsys):
    call(capsys, "backup")
    call(capsys, "backup", "--way", "portable")

    code, out, _ = call(capsys, "backup", "--list")
    _, said, _ = call(capsys, "backup", "--list", "--json")

    listed = json.loads(said)["backups"]
    assert 0 == code
    assert names() == [line.split()[0] for line in out.splitlines()]
    assert [("portable", 1), ("native", 1)] == [(one["way"], one["rows"]) for one in listed]


def test_a_broken_backup_is_listed_as_such(shop, capsys):
    call(capsys, "backup")
    (shop / "backups" / names()[0] / manifests.FILE).write_text("{}", encoding="utf-8")

    code, out, err = call(capsys, "backup", "--list")

    assert 1 == code
    assert "broken" in out
    assert "manifest.json was changed" in err


def test_without_backups_the_list_says_how_to_make_one(shop, capsys):
    assert (0, "there are no backups; make one:  whimbrel backup\n") == call(
        capsys, "backup", "--list"
    )[:2]


def test_old_backups_go_when_they_are_told_to(shop, capsys):
    for _ in range(3):
        call(capsys, "backup")
    newest, *older = names()

    _, would, _ = call(capsys, "backup", "--prune", "--keep", "1", "--dry-run")
    kept = names()
    _, did, _ = call(capsys, "backup", "--prune", "--keep", "1")

    assert {f"would go:  {name}" for name in older} == set(would.splitlines())
    assert [newest, *older] == kept
    assert {f"removed:  {name}" for name in older} == set(did.splitlines())
    assert [newest] == names()


def test_pruning_needs_to_know_how_many_stay(shop, capsys):
    code, _, err = call(capsys, "backup", "--prune")

    assert 2 == code
    assert "nobody has said how many backups are kept" in err


def test_the_configuration_says_how_many_stay(shop, capsys):
    (shop / "whimbrel.toml").write_text(f"{CONFIG}[backup]\nkeep = 2\n", encoding="utf-8")

    for _ in range(3):
        _, out, _ = call(capsys, "backup")

    assert "which is not kept any longer" in out
    assert 2 == len(names())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("keeep = 2", "unknown key 'keeep' in [backup]"),
        ("keep = 0", "backup.keep has to be a whole number of 1 or more"),
        ('way = "best"', 'backup.way has to be "native" or "portable"'),
        ('before_up = "yes"', "backup.before_up has to be true or false"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(shop, capsys, line, said):
    (shop / "whimbrel.toml").write_text(f"{CONFIG}[backup]\n{line}\n", encoding="utf-8")

    code, _, err = call(capsys, "backup")

    assert 2 == code
    assert said in err
    assert "whimbrel.toml:4" in err


# --- before up -----------------------------------------------------------------------------------


def migration(shop: Path, text: str) -> None:
    (shop / "migrations" / "20260101_000000_change.py").write_text(text, encoding="utf-8")


def test_a_run_that_fails_says_how_to_go_back_to_its_backup(shop, capsys):
    migration(shop, BREAKS)

    code, _, err = call(capsys, "up", "--backup", "--no-report")

    (name,) = names()
    assert 1 == code
    assert f"to go back to before it:  whimbrel restore {name} --existing replace" in err


def test_the_backup_of_a_run_is_named_in_its_history(shop, capsys):
    migration(shop, WORKS)

    code, _, _ = call(capsys, "up", "--backup", "--no-report")

    (name,) = names()
    assert 0 == code
    assert [(f"behind the backup {name}: whimbrel up",)] == ask(
        shop, "SELECT command FROM whimbrel_runs"
    )
    call(capsys, "restore", name, "--existing", "replace")
    assert [(1, "one")] == ask(shop, "SELECT * FROM t")


@pytest.mark.parametrize(
    ("setting", "option", "expected"),
    [("true", [], 1), ("true", ["--no-backup"], 0), ("false", [], 0), ("false", ["--backup"], 1)],
)
def test_the_configuration_decides_unless_an_option_does(shop, capsys, setting, option, expected):
    (shop / "whimbrel.toml").write_text(
        f"{CONFIG}[backup]\nbefore_up = {setting}\n", encoding="utf-8"
    )
    migration(shop, WORKS)

    call(capsys, "up", "--no-report", *option)

    assert expected == len(names())


def test_nothing_to_do_needs_no_backup(shop, capsys):
    code, _, _ = call(capsys, "up", "--backup")

    assert (0, []) == (code, names())


def test_without_a_backup_nothing_is_changed(shop, capsys, monkeypatch):
    monkeypatch.setattr("whimbrel.rehearsal.shelf.Shelf.free", lambda self: 0)
    migration(shop, WORKS)

    code, _, err = call(capsys, "up", "--backup")

    assert 1 == code
    assert "[backup-failed]" in err
    assert [(1, "one")] == ask(shop, "SELECT * FROM t")
