"""Walk through a page: every command of its consoles is run, and has to show what stands there.

Times, rates, names of reports and seals are other ones each time, and count as the same.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from whimbrel.cli import app

ROOT: Final = Path(__file__).resolve().parents[2]
_CONSOLE: Final = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_VOLATILE: Final = (
    (re.compile(r"\b[\d.,]+ (?:ms|s|min)\b"), "TIME"),
    (re.compile(r"\b[\d,]+ rows/s"), "RATE"),
    (re.compile(r"\b(reports/)\S+"), r"\1FILE"),
    (re.compile(r"\bseal \S+"), "seal SEAL"),
    (re.compile(r"\b(PostgreSQL|SQLite|MariaDB) \d+\.[\w.-]+"), r"\1 VERSION"),
    (re.compile(r" {2,}"), "  "),
)


@dataclass(slots=True)
class Walk:
    """Where the reader of a page is: a folder, and what databases are called on the page."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    # What stands in our URLs, and what in those of the page.
    said: dict[str, str]

    def go(self, page: Path, *, rewrite: bool) -> list[str]:
        """Run all commands of a page; return them."""
        text = page.read_text(encoding="utf-8")
        commands: list[str] = []
        fresh = text
        for console in _CONSOLE.findall(text):
            told = []
            for command, expected in _parts(console):
                commands.append(command)
                shown = self._run(command)
                if rewrite:
                    told.append(
                        f"$ {command}\n{expected if same(expected) == same(shown) else shown}"
                    )
                else:
                    assert (command, same(expected)) == (command, same(shown))
            if rewrite:
                fresh = fresh.replace(console, "".join(told), 1)
        if rewrite:
            page.write_text(fresh, encoding="utf-8")
        return commands

    def _run(self, command: str) -> str:
        self.capsys.readouterr()
        line, _, file = command.partition(" < ")
        program, *words = shlex.split(line)
        if program == "cp":
            shutil.copytree(ROOT / words[1], self.folder / words[2])
        elif program == "cd":
            self.folder /= words[0]
            self.monkeypatch.chdir(self.folder)
        elif program == "rm":
            (self.folder / words[0]).unlink()
        elif program == "sqlite3":
            said = (self.folder / file).read_text(encoding="utf-8") if file else words[1]
            return _sqlite(self.folder / words[0], said, script=bool(file))
        elif program == "whimbrel":
            app.main(words)
        else:
            raise ValueError(f"a page tells people to run {program}")
        out, err = self.capsys.readouterr()
        shown = out + err
        for ours, theirs in self.said.items():
            shown = shown.replace(ours, theirs)
        return "".join(f"{one.rstrip()}\n" for one in shown.splitlines())


def same(shown: str) -> str:
    """Return a text without what is another one each time."""
    for pattern, word in _VOLATILE:
        shown = pattern.sub(word, shown)
    return shown


def _parts(console: str) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console, each with what it shows."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def _sqlite(file: Path, sql: str, *, script: bool) -> str:
    """Do what SQLite's own shell does."""
    with closing(sqlite3.connect(file)) as connection:
        if script:
            connection.executescript(sql)
            return ""
        rows = connection.execute(sql).fetchall()
        connection.commit()
    return "".join(
        "|".join("" if value is None else str(value) for value in row) + "\n" for row in rows
    )
