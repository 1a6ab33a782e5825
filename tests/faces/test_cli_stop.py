"""Ctrl-C and SIGTERM: the first one in order, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from tests import engines
from tests.faces.shell import on_terminal
from whimbrel.cli import app, stop

NAME = "20260101_101500_slow"
# A plan walks through the migration as well: it must not wait, and leaves a mark that it did.
SLOW = """\
import time
from pathlib import Path

from whimbrel import Migration

PLANNED = Path(__file__).with_suffix(".planned")


class Slow(Migration):
    def up(self):
        self.create_table("a", [self.column("id", "integer", primary_key=True)])
        if not PLANNED.exists():
            PLANNED.touch()
        else:
            self.wait()
        self.create_table("b", [self.column("id", "integer", primary_key=True)])
        print("the second table is there")

    def wait(self):
        try:
            print("now", flush=True)
            time.sleep(30)
        except BaseException:
            WAIT

    def down(self):
        self.drop_table("b")
        self.drop_table("a")
"""
# One statement inside the driver, for longer than anybody waits.
BUSY = """\
from whimbrel import Migration


class Busy(Migration):
    def up(self):
        self.create_table("a", [self.column("id", "integer")])
        self.execute(
            "INSERT INTO a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 4000000000) SELECT count(*) FROM n"
        )
"""
WAIT = "raise"
DEAF = "time.sleep(30)"
SWALLOWING = "pass"


def once(mark, number):
    """Answer the first sight of a mark with a signal."""
    given = []

    def seen(text):
        if mark in text and not given:
            given.append(number)
            return number
        return None

    return seen


@pytest.fixture
def slow(project, database):
    """Write the slow migration; return its project."""

    def write(wait=WAIT):
        project.migration(NAME, SLOW.replace("WAIT", wait))
        project.config(f'[databases.main]\nurl = "{database.url}"\n')
        return project

    return write


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_what_can_go_on(slow, raw, database, number, monkeypatch, capsys):
    project = slow()
    shown = on_terminal("up", cwd=project.path, seen=once("now", number))
    project.migrations.joinpath(f"{NAME}.planned").unlink()
    monkeypatch.chdir(project.path)
    app.main(["status"])
    status = capsys.readouterr().out
    project.migration(NAME, SLOW.replace("WAIT", WAIT).replace("sleep(30)", "sleep(0)"))
    again = app.main(["up"])

    assert 130 == shown.code
    assert "stopped before the end" in shown.text
    assert "go on:  whimbrel up" in shown.text
    assert "the second table" not in shown.text
    if database.kind in {"sqlite", "postgresql"}:
        assert f"nothing of {NAME} stays" in shown.text
        assert "1 pending" in status
    else:
        assert f"1 step of {NAME} stays applied" in shown.text
        assert "1 half up" in status
    assert 0 == again
    assert [(0,)] == raw(database).execute("SELECT count(*) FROM b")


def test_the_second_signal_ends_at_once(slow, database):
    project = slow(DEAF)
    sent = []

    def seen(text):
        for mark in ("now", "stopping …"):
            if mark in text and mark not in sent:
                sent.append(mark)
                return signal.SIGINT
        return None

    started = time.monotonic()
    shown = on_terminal("up", cwd=project.path, seen=seen)

    assert (130, ["now", "stopping …"]) == (shown.code, sent)
    assert time.monotonic() - started < 15
    # The cursor, which the live line hides, is there again.
    assert shown.raw.rindex("\x1b[?25h") > shown.raw.rindex("\x1b[?25l")


@engines.only("sqlite")
def test_the_first_signal_ends_a_long_statement_in_order(project, database, raw):
    project.migration(NAME, BUSY)
    started = time.monotonic()
    shown = on_terminal(
        "up", "-d", database.url, cwd=project.path, seen=once("INSERT INTO a", signal.SIGINT)
    )

    assert 130 == shown.code
    assert time.monotonic() - started < 15
    assert "stopped before the end" in shown.text
    assert f"nothing of {NAME} stays" in shown.text
    assert [("failed",)] == raw(database).execute("SELECT status FROM whimbrel_runs")


def test_a_migration_cannot_swallow_the_wish_to_stop(slow):
    project = slow(SWALLOWING)

    shown = on_terminal("up", cwd=project.path, seen=once("now", signal.SIGINT))

    assert 130 == shown.code
    assert "the second table" not in shown.text


def test_other_commands_stop_as_well(monkeypatch, capsys):
    def interrupted(_call, _slug):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("whimbrel.cli.explain.show", interrupted)

    code = app.main(["explain", "--json"])

    assert 130 == code
    assert '"error": "stopped"' in capsys.readouterr().out


def test_an_error_that_a_driver_made_of_a_signal_is_a_stop(monkeypatch, capsys):
    def swallowed(_call, _slug):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise OSError("interrupted") from None

    monkeypatch.setattr("whimbrel.cli.explain.show", swallowed)

    assert 130 == app.main(["explain"])
    assert "stopped before the end" in capsys.readouterr().err


def test_handlers_are_as_they_were_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop.watched():
        during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert during != before


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop.watched():
            during = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert signal.SIG_IGN == during


def test_a_program_may_call_the_command_from_any_thread(capsys):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(app.main(["--version"])))
    thread.start()
    thread.join()

    assert [0] == codes
