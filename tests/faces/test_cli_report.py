"""`whimbrel report`, and the reports that `up` writes: where, told how, and what if not."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from tests.faces.shell import command, python
from whimbrel.cli import app
from whimbrel.reports import seal

NAME = "20260101_000000_fill"
FILL = """\
from whimbrel import Migration


class Fill(Migration):
    def up(self):
        self.execute("UPDATE person SET name = 'Zoë' WHERE id = 1")
        MORE
"""
LINE = re.compile(r"report: (reports/\d{8}_\d{6}_up_run_1\.html) · seal ([0-9a-f]{64})")


@pytest.fixture
def shop(project, monkeypatch):
    """A project with a database of two people, and a migration that names one of them anew."""
    with sqlite3.connect(project.path / "shop.db") as database:
        database.execute("CREATE TABLE person (id integer PRIMARY KEY, name text)")
        database.execute("INSERT INTO person VALUES (1, 'Ann'), (2, NULL)")
    database.close()
    project.config('[databases.main]\nurl = "sqlite:///shop.db"\n')
    project.migration(NAME, FILL.replace("MORE", "pass"))
    monkeypatch.chdir(project.path)
    return project


def told(capsys):
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_up_says_in_one_line_where_the_report_is_and_its_seal(shop, capsys):
    code = app.main(["up"])

    (line,) = [line for line in told(capsys).splitlines() if line.startswith("report: ")]
    file, sealed = LINE.fullmatch(line).groups()
    assert 0 == code
    assert sealed == seal.check(Path(file).read_bytes()).seal
    assert Path(file).with_suffix(".json").exists()


def test_up_tells_programs_where_the_report_is(shop, capsys):
    app.main(["up", "--json"])

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (written,) = [event for event in events if event.get("event") == "report-written"]
    found = seal.check(Path(written["json"]).read_bytes())
    assert written["seal"] == found.seal
    assert Path(written["html"]).exists()
    assert "done" == events[-1]["result"]


@pytest.mark.parametrize("how", ["option", "setting"])
def test_up_writes_none_where_none_is_wanted(shop, capsys, how):
    if how == "setting":
        with (shop.path / "whimbrel.toml").open("a", encoding="utf-8") as file:
            file.write("[reports]\nwrite = false\n")

    app.main(["up", "--no-report"] if how == "option" else ["up"])

    assert "report" not in told(capsys)
    assert not Path("reports").exists()


def test_up_writes_to_the_file_that_is_named(shop, capsys):
    app.main(["up", "--report", "mine.html"])

    assert "report: mine.html · seal " in told(capsys)
    assert seal.check(Path("mine.html").read_bytes()).intact
    assert not Path("reports").exists()


def test_a_file_that_exists_is_refused_before_anything_is_changed(shop, capsys):
    Path("mine.html").write_text("mine", encoding="utf-8")

    code = app.main(["up", "--report", "mine.html"])

    assert 1 == code
    assert "nothing was changed" in told(capsys)
    with sqlite3.connect("shop.db") as database:
        assert [("Ann",)] == database.execute("SELECT name FROM person WHERE id = 1").fetchall()
    database.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--report", "a.html", "--no-report"],
        ["up", "--report", "a.html", "--dry-run"],
        ["up", "--report", "a.pdf"],
    ],
)
def test_options_that_make_no_sense_together_are_wrong_usage(shop, capsys, arguments):
    assert 2 == app.main(arguments)
    assert "report" in told(capsys)


def test_a_report_that_cannot_be_written_is_told_and_fails_nothing(shop, capsys):
    Path("reports").write_text("a file", encoding="utf-8")

    code = app.main(["up"])

    captured = capsys.readouterr()
    assert 0 == code
    assert "applied 1 migration" in captured.out
    assert captured.err.startswith("the report could not be written\n")
    assert "[report-not-written]" in captured.err


def test_a_report_that_cannot_be_written_is_told_to_programs(shop, capsys):
    Path("reports").write_text("a file", encoding="utf-8")

    code = app.main(["up", "--json"])

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (lost,) = [event for event in events if event.get("event") == "report-not-written"]
    assert 0 == code
    assert "report-not-written" == lost["error"]
    assert "done" == events[-1]["result"]


def test_a_migration_that_fails_has_its_report_all_the_same(shop, capsys):
    shop.migration(NAME, FILL.replace("MORE", "raise ValueError('no')"))

    code = app.main(["up"])

    said = told(capsys)
    (entry,) = Path("reports").glob("*.json")
    assert 1 == code
    assert "report: reports/" in said
    assert "Failed" == json.loads(entry.read_text())["report"]["verdict"]["word"]


def test_a_migration_that_is_stopped_has_its_report_all_the_same(shop):
    stop = (
        "if self.execute('SELECT name FROM person WHERE id = 1') == [('Zoë',)]:\n"
        "            raise KeyboardInterrupt"
    )
    shop.migration(NAME, FILL.replace("MORE", stop))

    done = command("up", cwd=shop.path)

    (entry,) = (shop.path / "reports").glob("*.json")
    assert 130 == done.returncode
    assert "report: reports/" in done.stdout
    assert json.loads(entry.read_text())["report"]["stopped"]


def test_reports_are_listed_the_newest_first(shop, capsys):
    app.main(["up"])
    capsys.readouterr()

    code = app.main(["report"])

    line = told(capsys)
    assert 0 == code
    assert re.search(
        r"UTC  whimbrel up  Done: 1 migration applied  reports/\S+_up_run_1\.html", line
    )


def test_reports_are_listed_for_programs(shop, capsys):
    app.main(["up"])
    capsys.readouterr()

    app.main(["report", "--json"])

    listed = json.loads(capsys.readouterr().out)
    (one,) = listed["reports"]
    assert ("whimbrel up", "Done: 1 migration applied", False) == (
        one["command"], one["verdict"], listed["more"],
    )  # fmt: skip


def test_where_there_are_none_that_is_said(shop, capsys):
    assert 0 == app.main(["report"])
    assert "there are no reports in reports/ yet\n" == capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["html", "json"])
def test_an_intact_report_is_called_so(shop, capsys, suffix):
    app.main(["up"])
    (file,) = Path("reports").glob(f"*.{suffix}")
    capsys.readouterr()

    code = app.main(["report", "--check", str(file)])

    said = capsys.readouterr().out
    assert 0 == code
    assert said.startswith(f"intact  {file}\n  seal  {seal.check(file.read_bytes()).seal}\n")


@pytest.mark.parametrize(
    ("suffix", "was", "now", "cause"),
    [
        ("html", "rows changed", "rows kept", "its page is not the one that was sealed"),
        ("json", '"rows": 1', '"rows": 0', "its data is not what was sealed"),
    ],
)
def test_a_report_that_was_edited_is_found(shop, capsys, suffix, was, now, cause):
    app.main(["up"])
    (file,) = Path("reports").glob(f"*.{suffix}")
    file.write_text(file.read_text("utf-8").replace(was, now, 1), encoding="utf-8")
    capsys.readouterr()

    code = app.main(["report", "--check", str(file)])

    said = told(capsys)
    assert 1 == code
    assert cause in said
    assert "[report-changed]" in said


def test_a_file_without_a_seal_is_no_report(shop, capsys):
    code = app.main(["report", "--check", "whimbrel.toml"])

    assert 1 == code
    assert "this file has no seal of a report" in told(capsys)


def test_a_file_that_is_not_there_is_wrong_usage(shop, capsys):
    assert 2 == app.main(["report", "--check", "nowhere.html"])
    assert "nowhere.html cannot be read" in told(capsys)


def test_a_check_is_told_to_programs(shop, capsys):
    app.main(["up", "--report", "mine.json"])
    capsys.readouterr()

    app.main(["report", "--check", "mine.json", "--json"])

    assert {
        "file": "mine.json",
        "intact": True,
        "seal": seal.check(Path("mine.json").read_bytes()).seal,
    } == json.loads(capsys.readouterr().out)


def test_nothing_that_draws_is_loaded_where_nothing_is_drawn(shop):
    code = (
        "import sys; from whimbrel.cli import app; app.main(sys.argv[1:]); "
        "sys.exit('jinja2' in sys.modules)"
    )

    for arguments in (["up", "--no-report"], ["report"], ["report", "--check", "whimbrel.toml"]):
        assert 0 == python("-c", code, *arguments, cwd=shop.path).returncode, arguments


def test_a_quiet_run_still_says_that_a_report_was_lost(shop, capsys):
    Path("reports").write_text("a file", encoding="utf-8")

    app.main(["up", "--quiet"])

    captured = capsys.readouterr()
    assert "" == captured.out
    assert "the report could not be written" in captured.err
