"""The command line as such: help, options, errors, streams, exit codes. No database is needed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import whimbrel
from tests.faces.shell import bash, python
from whimbrel import errors
from whimbrel.cli import app
from whimbrel.migrations import project

COMMANDS = (
    "init",
    "new",
    "plan",
    "check",
    "up",
    "down",
    "prune",
    "status",
    "online",
    "history",
    "runs",
    "show",
    "pause",
    "resume",
    "cancel",
    "pace",
    "verify",
    "rehearse",
    "assess",
    "transfer",
    "cutover",
    "subset",
    "rejects",
    "outbox",
    "reconcile",
    "backup",
    "restore",
    "validate",
    "baseline",
    "accept",
    "resolve",
    "report",
    "explain",
)


def test_help_lists_every_command(capsys):
    code = app.main(["--help"])

    shown = capsys.readouterr().out
    listed = [
        line.split()[0] for line in shown.partition("Commands:\n")[2].splitlines()[: len(COMMANDS)]
    ]
    assert (0, list(COMMANDS)) == (code, listed)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_the_options_that_all_take(capsys, command):
    code = app.main([command, "-h"])

    shown = capsys.readouterr().out
    assert 0 == code
    for option in ("--database ALIAS|URL", "--project FOLDER", "--json", "--quiet"):
        assert option in shown


def test_help_loads_nothing_heavy(tmp_path):
    code = (
        "import sys; from whimbrel.cli import app; app.main(['--help']); "
        "heavy = {'sqlalchemy', 'sqlglot', 'alembic', 'rich', 'jinja2'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )

    done = python("-c", code, cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)


def test_without_a_command_the_help_is_shown_and_the_use_was_wrong(capsys):
    code = app.main([])

    assert 2 == code
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--version"], ["--version", "up"]])
def test_the_version_is_told(capsys, arguments):
    code = app.main(arguments)

    assert (0, f"whimbrel {whimbrel.__version__}\n") == (code, capsys.readouterr().out)


def test_the_version_is_told_to_programs(capsys):
    app.main(["--version", "--json"])

    assert {"version": whimbrel.__version__} == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["upp"], "no such command 'upp'"),
        (["up", "--nope"], "no such option: --nope"),
        (["up", "two"], "'N'"),
        (["up", "1", "2"], "unexpected extra argument"),
        (["new"], "missing argument 'NAME'"),
        (["accept"], "missing argument 'ID'"),
        (["resolve", "first", "1"], "it was not said whether the step happened"),
        (["plan", "sideways"], "a plan goes up or down, not 'sideways'"),
        (["plan", "--sql", "--json"], "--sql writes a script and --json a document"),
        (["history", "--limit", "0"], "--limit"),
        (["transfer", "a"], "missing argument 'ALIAS|URL'"),
        (["transfer", "a", "b", "--jobs", "0"], "--jobs"),
        (["transfer", "a", "b", "--sql"], "--sql is for a dry run"),
        (["transfer", "a", "b", "--report", "x.html", "--no-report"], "--report asks for a report"),
        (["subset", "a"], "a subset needs a target"),
        (["subset", "a", "b"], "a subset needs to know how large it is to be"),
        (["subset", "a", "b", "--rows", "5", "--percent", "1"], "in one way"),
        (["backup", "--keep", "5"], "are for --prune"),
        (["backup", "--list", "--prune"], "--list shows and --prune removes"),
        (["rejects", "eat", "sqlite:///a.db"], "'eat' is none of it"),
        (["rejects", "list", "sqlite:///a.db", "--set", "a=1"], "--set says nothing to"),
        (["status", "--database"], "requires an argument"),
    ],
)
def test_wrong_use_is_told_on_standard_error_with_exit_code_2(capsys, arguments, said):
    code = app.main(arguments)

    told = capsys.readouterr()
    assert 2 == code
    if "--json" in arguments:
        assert ("", "usage-error") == (told.err, json.loads(told.out)["error"])
        assert said in json.loads(told.out)["what"]
        return
    assert "" == told.out
    assert said in told.err.splitlines()[0]
    assert "[usage-error]" in told.err


def test_wrong_use_is_json_for_programs(capsys):
    code = app.main(["--json", "up", "--nope"])

    told = capsys.readouterr()
    assert (2, "") == (code, told.err)
    assert {
        "error": "usage-error",
        "what": "no such option: --nope (Possible options: --complete, --no-safe, --to)",
        "to_do": "see how it is used:  whimbrel up --help",
        "exit_code": 2,
    } == json.loads(told.out)


def test_what_stands_behind_two_dashes_is_no_option(capsys):
    code = app.main(["explain", "--", "--json"])

    assert 2 == code
    assert "there is no page called '--json'" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["before", "after"])
def test_common_options_stand_before_or_after_the_command(capsys, tmp_path, where):
    options = ["--project", str(tmp_path / "nowhere"), "--json", "-d", "main"]
    arguments = [*options, "status"] if where == "before" else ["status", *options]

    code = app.main(arguments)

    told = json.loads(capsys.readouterr().out)
    assert (2, f"there is no folder '{tmp_path}/nowhere'") == (code, told["what"])


def test_an_option_after_the_command_wins_over_one_before(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    app.main(["-d", "outer", "--json", "status", "-d", "inner"])

    assert "no database is called 'inner'" == json.loads(capsys.readouterr().out)["what"]


def test_an_error_is_told_in_its_own_words(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WHIMBREL_DATABASE_URL", raising=False)

    code = app.main(["status", "-d", "main"])

    told = capsys.readouterr()
    expected = errors.UnknownDatabase("main", known=[], config="--database")
    assert (2, "", f"{expected}\n") == (code, told.out, told.err)


def test_an_error_that_nobody_expected_is_short_and_says_what_to_report(capsys, monkeypatch):
    def broken(_call, _slug):
        raise KeyError("postgresql://ana:secret@db/shop")

    monkeypatch.setattr("whimbrel.cli.explain.show", broken)

    code = app.main(["explain"])

    told = capsys.readouterr().err
    assert 1 == code
    assert "something happened that Whimbrel did not expect" == told.splitlines()[0]
    assert "KeyError: 'postgresql://ana:***@db/shop'" in told
    assert f"whimbrel {whimbrel.__version__}, Python" in told
    assert "Traceback" not in told


def test_the_traceback_is_shown_when_it_is_asked_for_and_hides_passwords(capsys, monkeypatch):
    def broken(_call, _slug):
        raise KeyError("postgresql://ana:secret@db/shop")

    monkeypatch.setattr("whimbrel.cli.explain.show", broken)

    app.main(["explain", "--traceback"])

    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):")
    assert "secret" not in told


def test_a_reader_that_leaves_changes_nothing(tmp_path):
    done = bash("whimbrel explain | head -n 1; exit ${PIPESTATUS[0]}", cwd=tmp_path)

    assert (0, "", 1) == (done.returncode, done.stderr, len(done.stdout.splitlines()))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_cannot_be_written_is_told(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = python(
            "-m", "whimbrel", "explain", cwd=tmp_path, capture_output=False,
            stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip

    assert 1 == done.returncode
    assert "standard output could not be written: No space left on device\n" == done.stderr


def test_a_terminal_that_knows_few_letters_gets_escapes(tmp_path):
    shown = python(
        "-m", "whimbrel", "explain", "dependency-cycle", cwd=tmp_path,
        env={"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip

    assert (0, "") == (shown.returncode, shown.stderr)
    assert shown.stdout.isascii()


def test_closed_standard_output_is_no_reason_to_fail(tmp_path):
    done = bash("whimbrel explain >&-", cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(("flag", "done"), [("--done", True), ("--not-done", False)])
def test_resolve_passes_on_what_a_person_says_and_names_the_next_step(
    capsys, monkeypatch, flag, done
):
    said = []

    class Found:
        url = "postgresql://db1/shop"

        def resolve(self, migration, position, *, done):
            said.append((migration, position, done))
            return "step 3 of first: it happened"

    monkeypatch.setattr(project, "open_project", lambda **_: Found())

    code = app.main(["resolve", "first", "3", flag])

    expected = "step 3 of first: it happened\nnext:  whimbrel up   or:  whimbrel down\n"
    assert [("first", 3, done)] == said
    assert (0, expected) == (code, capsys.readouterr().out)
