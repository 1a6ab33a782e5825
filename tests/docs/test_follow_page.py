"""The page about moving with seconds of downtime is run, from MariaDB to PostgreSQL."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import databases
from tests import following as staged
from tests.faces import shell

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "move-with-seconds-of-downtime.md").read_text(encoding="utf-8")


def test_the_page_moves_a_database(
    new_database: Callable[[str], databases.Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = new_database("mariadb"), new_database("postgresql")
    (tmp_path / "whimbrel.toml").write_text(
        f'[databases.old]\nurl = "{old.url}"\n\n[databases.new]\nurl = "{new.url}"\n'
    )
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    with databases.Raw(old) as raw, databases.Raw(new) as there:
        staged.prepared(raw)

        first = shell.command("transfer", "old", "new", "--since-last", cwd=tmp_path)
        raw.execute("DELETE FROM parent WHERE id = 1")
        second = shell.command("transfer", "old", "new", "--since-last", cwd=tmp_path)
        raw.execute("UPDATE parent SET v = 'later' WHERE id = 2")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, "page", "exec"), {})

        assert first.returncode == 0 and "up to date: 0 changes" in first.stdout
        assert second.returncode == 0 and "up to date: 2 changes" in second.stdout
        assert re.fullmatch(
            r"1 changes since the last time, 0 left\nnobody could write for \d+\.\d s\n",
            said.getvalue(),
        )
        assert staged.seen(there) == staged.seen(raw)


def test_each_option_of_the_cutover_that_the_page_says_is_there() -> None:
    said = re.findall(r"--[a-z-]+", " ".join(re.findall(r"whimbrel cutover [^`]*", PAGE)))

    shown = shell.command("cutover", "--help", cwd=ROOT).stdout

    assert said and all(option in shown for option in said)
