"""The same `Migration`, and the same commands, under the name that ActiveRecord users know."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import whimbrel
from rhosocial.activerecord import migration
from whimbrel.migrations import loader


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the module as people do; our sources need not be installed for it."""
    sources = Path(whimbrel.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-m", "rhosocial.activerecord.migration", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(sources), "WHIMBREL_DATABASE_URL": "sqlite:///x.db"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_is_the_same_class():
    assert whimbrel.Migration is migration.Migration
    assert ["Migration"] == migration.__all__


@pytest.mark.parametrize("package", ["rhosocial", "rhosocial.activerecord"])
def test_the_packages_above_stay_open_for_others(package):
    spec = importlib.util.find_spec(package)

    assert spec is not None
    assert spec.origin is None


def test_create_writes_a_new_migration(tmp_path):
    result = run(tmp_path, "create", "add_users")

    (file,) = loader.load(tmp_path / "migrations", tmp_path)
    assert (0, "add_users") == (result.returncode, file.name), result.stderr


def test_up_status_and_down_do_what_whimbrel_does(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "a.py").write_text(
        "from rhosocial.activerecord.migration import Migration\n"
        "class A(Migration):\n"
        "    def change(self):\n"
        "        self.create_table('user', [self.column('id', 'integer', primary_key=True)])\n",
        encoding="utf-8",
    )

    codes = [run(tmp_path, *command).returncode for command in (["up", "1"], ["status"])]
    status = run(tmp_path, "status").stdout
    down = run(tmp_path, "down", "1").returncode

    assert [0, 0, 0] == [*codes, down]
    assert "applied" in status
    assert "pending" in run(tmp_path, "status").stdout


def test_wrong_usage_ends_with_two(tmp_path):
    assert 2 == run(tmp_path, "sideways").returncode
