"""`runs`, `show`, `pause`, `resume`, `cancel`, `pace`: a run is watched and asked from outside.

The run is a `whimbrel up` in a process of its own. Where only the words matter there is none:
then a lock is held and a run is written as a runner would.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests import engines
from tests.faces.shell import SRC, on_terminal
from whimbrel import errors
from whimbrel.cli import app
from whimbrel.engines import base, registry
from whimbrel.journal import journal, parts
from whimbrel.migrations import project as projects
from whimbrel.migrations import runs

ROOT = Path(__file__).resolve().parents[2]
ROWS = 30_000
PATIENCE_SECONDS = 40
NAME = "20260101_000000_fill"
FILL = """\
from whimbrel import Migration


class Fill(Migration):
    def up(self):
        self.backfill("number", {"m": "m + n"}OPTIONS)
        self.execute("UPDATE number SET label = 'first' WHERE id = 1")

    def down(self):
        self.execute("UPDATE number SET m = 0")
"""
# Nothing else than the pace holds a batch back, and a pace of 2,000 leaves time to look.
CONFIG = """\
[databases.main]
url = "URL"

[rows]
small_table = 1000
first_rows = 200
max_rows_per_second = 2000
"""


@pytest.fixture
def numbers(project, database, raw, monkeypatch):
    """A project with a table of 30,000 numbers, to each of which `up` adds n once."""

    def make(options="", *, check="", rows=ROWS):
        connection = raw(database)
        connection.execute(
            f"CREATE TABLE number (id int NOT NULL PRIMARY KEY, n int, m int {check},"
            " label varchar(20))"
        )
        for first in range(1, rows + 1, 2_000):
            values = ", ".join(f"({n}, {n}, 0, NULL)" for n in range(first, first + 2_000))
            connection.execute(f"INSERT INTO number (id, n, m, label) VALUES {values}")
        project.migration(NAME, FILL.replace("OPTIONS", options))
        project.config(CONFIG.replace("URL", database.url))
        monkeypatch.chdir(project.path)
        return projects.open_project(folder=project.path)

    return make


@contextlib.contextmanager
def runner(project, *options):
    """Run `whimbrel up` in a process of its own, which does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "whimbrel", "up", *options],
        cwd=project.config.root,
        env={**os.environ, "PYTHONPATH": str(SRC), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()  # nothing happens to one that has ended


def until(true, child=None):
    """Wait until something is true of what is looked at; return what was seen."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        seen = true()
        if seen:
            return seen
        if child is not None and child.poll() is not None:
            raise AssertionError(f"the runner has ended: {child.communicate()[0]}")
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s")


def read_rows(project):
    """Return how many rows the run at work has read, 0 before it works through any."""
    try:
        step = project.run().current
    except errors.UsageError:  # there is no run yet
        return 0
    return step.read if step else 0


def is_paused(project):
    """Return the run at work if one of its parts waits because of a person, else None."""
    found = project.run()
    waiting = found.current.waiting if found.current else None
    return found if waiting and "paused by" in waiting else None


def sums(raw, database):
    return raw(database).execute("SELECT sum(m), sum(n), count(*) FROM number")[0]


# --- from another process ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_is_paused_resumed_paced_and_cancelled_from_outside(
    numbers, database, raw, capsys, workers
):
    project = numbers()
    with runner(project, "--workers", str(workers)) as child:
        until(lambda: read_rows(project) > 1_000, child)

        assert 0 == app.main(["pause"])
        paused = until(lambda: is_paused(project), child)
        time.sleep(2)  # a second worker may have one batch to do
        before = read_rows(project)
        time.sleep(1.5)
        standing = read_rows(project)
        capsys.readouterr()
        app.main(["show"])
        shown = capsys.readouterr().out

        assert 0 == app.main(["resume"])
        until(lambda: read_rows(project) > standing, child)
        assert 0 == app.main(["pace", "--max-rows-per-second", "300"])
        time.sleep(1.2)  # what each worker had begun, and its second of waiting
        slow_from = read_rows(project)
        time.sleep(2)
        paced = project.run()

        assert 0 == app.main(["cancel", str(paused.run.id)])
        told, _ = child.communicate(timeout=PATIENCE_SECONDS)
    cancelled = project.run()

    assert before == standing
    assert "waiting: paused by " in shown
    assert "asked: pause, by " in shown
    assert (parts.Asked.GO_ON, 300.0) == (paced.control.asked, paced.control.max_rows_per_second)
    # At the pace before it would have been 4,000.
    assert paced.current.read - slow_from < 1_500
    assert 3 == child.returncode, told
    assert f"run {paused.run.id} was cancelled by " in told
    assert ("failed", None) == (cancelled.run.status, cancelled.alive)
    assert 0 < cancelled.current.read < ROWS
    assert sums(raw, database)[0] < sums(raw, database)[1]

    assert 0 == app.main(["up", "--max-rows-per-second", "0"])

    total = ROWS * (ROWS + 1) // 2
    assert (total, total, ROWS) == sums(raw, database)
    assert (2, "done") == (project.run().run.attempts, project.run().run.status)


@pytest.mark.slow
def test_a_run_is_followed_until_it_ends(numbers, capsys):
    project = numbers()
    with runner(project, "--max-rows-per-second", "8000") as child:
        until(lambda: read_rows(project) > 0, child)
        code = app.main(["show", "--follow"])
        child.communicate(timeout=PATIENCE_SECONDS)

    lines = capsys.readouterr().out.splitlines()
    assert (0, 0) == (code, child.returncode)
    assert re.match(r"run 1 · step 1 · (about \d+% · )?[\d,]+ rows read, [\d,]+ written", lines[0])
    assert f"run 1 · up {NAME} · done" in lines
    assert any(re.search(r"1  done  backfill number.m +30,000 rows", line) for line in lines)


@pytest.mark.slow
@engines.only("sqlite")
def test_who_stops_looking_does_not_stop_the_run(numbers):
    project = numbers()
    sent = []

    def seen(text):
        if "rows/s" in text and not sent:
            sent.append(signal.SIGINT)
            return signal.SIGINT
        return None

    with runner(project) as child:
        until(lambda: read_rows(project) > 0, child)
        shown = on_terminal("show", "--follow", cwd=project.config.root, seen=seen)
        alive = child.poll() is None and project.run().alive

    assert alive
    assert 130 == shown.code
    assert "only the looking has ended: run 1 goes on" in shown.text


@pytest.mark.slow
def test_a_killed_run_is_seen_to_be_dead_and_cannot_be_asked(numbers, capsys):
    project = numbers()
    with runner(project) as child:
        until(lambda: read_rows(project) > 0, child)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        # A server frees the lock when it has noticed that its client is gone.
        dead = until(lambda: (found := project.run()).alive is False and found)
        listed = app.main(["runs"]), capsys.readouterr().out
        app.main(["show"])
        shown = capsys.readouterr().out
        refused = app.main(["pause"]), capsys.readouterr().err
    again = app.main(["up", "--max-rows-per-second", "0"])

    assert "running" == dead.run.status
    assert 0 == listed[0]
    assert "nobody is at work on it" in listed[1]
    assert "its process has ended; go on:  whimbrel up" in shown
    assert 1 == refused[0]
    assert "nobody is at work on run 1: its process has ended without a word" in refused[1]
    assert "it is safe to resume" in refused[1]
    assert (0, True) == (again, project.run().run.status == "done")


@pytest.mark.slow
def test_rejected_rows_are_shown_with_their_values(numbers, database, raw, capsys):
    project = numbers(", max_rejects=5", check="CHECK (m <> 4711)", rows=6_000)

    code = app.main(["up", "--max-rows-per-second", "0"])
    told = capsys.readouterr()
    app.main(["runs"])
    listed = capsys.readouterr().out
    app.main(["show"])
    shown = capsys.readouterr().out
    app.main(["show", "--rejects"])
    rejects = capsys.readouterr().out
    app.main(["show", "--rejects", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert 1 == code
    assert "1 row rejected; see them:  whimbrel show 1 --rejects" in told.err
    assert "1 row rejected" in told.out
    assert "1 rejected" in listed
    assert "1 row rejected; see them:  whimbrel show 1 --rejects" in shown
    assert "number 4711" in rejects
    assert "id = 4711, n = 4711, m = 0, label = None" in rejects
    assert (1, [4711]) == (document["rejected"], document["rejects"][0]["key"])
    assert {"id": 4711, "n": 4711, "m": 0, "label": None} == document["rejects"][0]["row"]
    assert "constraint" in document["rejects"][0]["reason"].lower()
    total = 6_000 * 6_001 // 2
    assert (total - 4_711, total, 6_000) == sums(raw, database)
    assert 1 == project.run().rejected


# --- a run without a runner -------------------------------------------------------------------

HOLDER = base.Holder(
    run="0123", who="ana", host="db1", pid=os.getpid(), command="whimbrel up", started_at="2026"
)


@pytest.fixture
def begun(project, database, monkeypatch):
    """Write a run into the journal as a runner does, and hold its lock until the test ends."""
    project.config(f'[databases.main]\nurl = "{database.url}"\n')
    monkeypatch.chdir(project.path)
    with contextlib.ExitStack() as stack:

        def make(*, by_steps=True, ranges=((None, (100,)),)):
            session = registry.open_session(database.url)
            stack.callback(session.close)
            lock = session.engine.lock(session, projects.clocks.SYSTEM)
            lock.acquire(HOLDER)
            stack.callback(lock.release)
            notes = journal.Journal(session)
            notes.ensure()
            run = notes.begin_run(
                NAME, direction="up", by_steps=by_steps, holder=HOLDER, fingerprint="f"
            )
            notes.write_steps(
                [
                    journal.StepRow(
                        run=run, position=1, kind="rows", status="about to", step="backfill t.c",
                        fingerprint="f", noted=None, rows_changed=None, seconds=None,
                        started_at="2026-01-01T00:00:00.000000Z",
                    )
                ]
            )  # fmt: skip
            parts.Parts(session, run).write(1, list(ranges))
            session.commit()
            return session, run, notes

        yield make


def control(session, run):
    found = parts.Parts(session, run).control()
    session.rollback()
    return found


def test_what_is_asked_is_kept_side_by_side(begun, capsys):
    session, run, _ = begun()

    app.main(["pace", "--max-rows-per-second", "2500"])
    app.main(["pause", str(run)])
    paused = control(session, run)
    app.main(["resume"])
    resumed = control(session, run)
    app.main(["pace", "--max-rows-per-second", "0"])
    lifted = control(session, run)
    app.main(["cancel"])
    cancelled = control(session, run)

    assert (parts.Asked.PAUSE, 2_500.0) == (paused.asked, paused.max_rows_per_second)
    assert (parts.Asked.GO_ON, 2_500.0) == (resumed.asked, resumed.max_rows_per_second)
    assert (parts.Asked.GO_ON, 0.0) == (lifted.asked, lifted.max_rows_per_second)
    assert parts.Asked.CANCEL is cancelled.asked
    assert re.fullmatch(r"\S+@\S+", cancelled.asked_by)
    assert [
        "run 1 does at most 2,500 rows per second, from its next batch on",
        "run 1 pauses before its next batch; go on:  whimbrel resume 1",
        "run 1 goes on",
        "run 1 goes without a limit, from its next batch on",
        "run 1 stops before its next batch, and what is done stays; go on later:  whimbrel up",
    ] == capsys.readouterr().out.splitlines()


def test_what_was_asked_before_does_not_hold_a_resumed_run(begun):
    session, run, notes = begun()
    app.main(["cancel"])
    notes.end_run(run, journal.Status.FAILED)
    notes.resume_run(notes.run(run), holder=HOLDER)
    session.commit()

    assert parts.Control() == control(session, run)


def test_what_is_asked_is_told_to_programs(begun, capsys):
    begun()

    app.main(["pause", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (1, "pause", None, True) == (
        told["run"], told["asked"], told["max_rows_per_second"], told["in_batches"]
    )  # fmt: skip


def test_a_run_between_two_steps_in_batches_says_when_it_looks(begun, capsys):
    session, run, notes = begun()
    notes.finish_step(run, 1, rows_changed=7, seconds=1.0)
    session.commit()

    app.main(["pause"])

    assert "no step in batches is at work now: it looks when the next one begins" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("command", ["pause", "resume", "cancel", "pace"])
def test_a_run_that_is_one_transaction_cannot_be_asked(begun, capsys, command):
    session, run, _ = begun(by_steps=False)
    pace = ["--max-rows-per-second", "5"] if command == "pace" else []

    code = app.main([command, *pace])

    told = capsys.readouterr().err
    assert 1 == code
    assert "run 1 is one transaction, and does not look at what is asked of it" in told
    assert f"kill -INT {HOLDER.pid}   on db1" in told
    assert parts.Control() == control(session, run)


def test_a_run_that_has_ended_cannot_be_asked(begun, capsys):
    session, run, notes = begun()
    notes.end_run(run, journal.Status.DONE, seconds=1.0, steps=1)
    session.commit()

    codes = app.main(["pause", "1"]), app.main(["pause"]), app.main(["pause", "99"])

    told = capsys.readouterr().err
    assert (1, 1, 2) == codes
    assert "run 1 is not running: it is done" in told
    assert "no run is running, so there is nothing to ask" in told
    assert "there is no run 99" in told


def test_with_two_dead_runs_one_has_to_be_named(begun, capsys):
    session, _, notes = begun()
    notes.begin_run("b", direction="up", by_steps=True, holder=HOLDER, fingerprint="f")
    session.commit()

    assert 2 == app.main(["pause"])
    assert "2 runs are running: 2, 1" in capsys.readouterr().err


def test_nothing_was_run_yet(project, database, monkeypatch, capsys):
    project.config(f'[databases.main]\nurl = "{database.url}"\n')
    monkeypatch.chdir(project.path)

    codes = app.main(["runs"]), app.main(["show"]), app.main(["pause"])

    told = capsys.readouterr()
    assert (0, 2, 1) == codes
    assert told.out.count("nothing was run here yet") + told.err.count("nothing was run") == 2


def test_the_share_done_is_told_by_the_keys(begun, capsys):
    session, run, _ = begun(ranges=[(None, (1_000,)), ((1_000,), (3_000,))])
    known = parts.Parts(session, run)
    known.take_over(1, "me")
    first, second = known.read(1)
    for number in range(1, 4):
        first = known.advance(first, batch(1, number, number * 100), done=False)
    second = known.advance(second, batch(2, 1, 1_100), done=False)
    session.commit()

    found = projects.open_project().run().current

    assert (400, 700 + 1_900) == (found.read, found.rows_left)
    assert 400 / 3_000 == found.fraction
    assert 0 == app.main(["show"])
    told = capsys.readouterr().out
    assert "about 13% · 400 rows read, 400 written" in told
    assert re.search(r"2 +running +100 +100 +0 +1 +100 rows +0 +1100 +3000", told)


@pytest.mark.parametrize("key", [("a", "z"), (1.5, 9.5), ((1, 2), (8, 9))])
def test_the_share_done_is_unknown_for_other_keys(begun, key):
    low, high = (k if isinstance(k, tuple) else (k,) for k in key)
    session, run, _ = begun(ranges=[(low, high)])
    known = parts.Parts(session, run)
    known.take_over(1, "me")
    session.commit()

    found = projects.open_project().run().current

    assert (None, None, None) == (found.rows_left, found.fraction, found.seconds_left)
    assert low == found.parts[0].reached


def batch(part, number, reached, *, rows=100):
    return parts.BatchRow(
        part=part, number=number, reached=(reached,), rows_read=rows, rows_written=rows,
        rows_rejected=0, tries=1, seconds=0.1,
    )  # fmt: skip


def test_runs_are_told_to_programs(begun, capsys):
    begun()

    app.main(["runs", "--json"])
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    app.main(["show", "--json"])
    shown = json.loads(capsys.readouterr().out)

    assert ("running", True, 0) == (listed["status"], listed["alive"], listed["rows"]["read"])
    assert (True, "go on") == (shown["alive"], shown["control"]["asked"])
    assert [[100]] == [part["upper"] for part in shown["steps"][0]["rows"]["parts"]]
    assert "noted" not in shown["steps"][0]


def test_the_program_of_the_page_pauses_and_slows_down(begun, capsys):
    session, run, _ = begun()
    page = (ROOT / "docs/how-to/watch-and-control-a-run.md").read_text(encoding="utf-8")
    program = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]

    exec(program, {})

    asked = control(session, run)
    assert (parts.Asked.GO_ON, 500.0) == (asked.asked, asked.max_rows_per_second)
    assert "0 None None\n" == capsys.readouterr().out


def test_looking_takes_no_lock_and_leaves_nothing(begun, database):
    session, run, _ = begun()
    other = registry.open_session(database.url, read_only=True)
    try:
        held = other.engine.lock(other, projects.clocks.SYSTEM).held_by()
    finally:
        other.close()

    session.engine.lock(session, projects.clocks.SYSTEM)
    assert held is not None
    assert "whimbrel up, by ana@db1" in held
    assert "running" == projects.open_project().run(run).run.status


def test_a_lock_that_nobody_holds_is_held_by_nobody(database):
    session = registry.open_session(database.url)
    try:
        assert session.engine.lock(session, projects.clocks.SYSTEM).held_by() is None
    finally:
        session.close()


# --- in between batches -----------------------------------------------------------------------


@engines.only("sqlite")
def test_a_run_that_writes_all_the_time_can_be_asked(begun, database):
    session, run, _ = begun()
    done = threading.Event()

    def write():
        connection = sqlite3.connect(database.file, isolation_level=None)
        connection.execute("CREATE TABLE t (n int)")
        while not done.is_set():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t VALUES (1)")
            time.sleep(0.2)
            connection.execute("COMMIT")
            # Without any room SQLite lets others pass by chance alone, on a busy machine never.
            time.sleep(0.01)
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        code = app.main(["pause"])
    finally:
        done.set()
        thread.join()

    assert 0 == code
    assert parts.Asked.PAUSE is control(session, run).asked


@engines.only("sqlite")
def test_a_database_that_is_never_free_is_told(begun, database, monkeypatch, capsys):
    begun()
    monkeypatch.setattr(runs, "TRY_SECONDS", 0.3)
    with contextlib.closing(sqlite3.connect(database.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        code = app.main(["pause"])

    told = capsys.readouterr().err
    assert 1 == code
    assert "others were writing to the database all the time for 0 s" in told
    assert "nothing was changed" in told


# --- the options of up --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "0"], "--workers has to be a whole number of at least 1, not '0'"),
        (["--workers", "two"], "--workers has to be a whole number of at least 1, not 'two'"),
        (
            ["--max-rows-per-second", "fast"],
            "--max-rows-per-second has to be a number of rows above 0, or false for no limit",
        ),
        (["--max-memory", "512"], "--max-memory has to be a size such as 512 MB"),
    ],
)
@pytest.mark.parametrize("command", ["up", "down"])
@engines.only("sqlite")
def test_settings_for_rows_are_refused_in_the_words_of_the_configuration(
    begun, capsys, command, options, said, database
):
    code = app.main([command, *options])

    assert 2 == code
    assert said in capsys.readouterr().err


@engines.only("sqlite")
def test_options_go_before_the_configuration(numbers, database, monkeypatch):
    numbers(rows=2_000)
    used = []
    monkeypatch.setattr(
        projects.Project, "up", lambda self, **_: used.append(self.database.rows) or 1 / 0
    )

    app.main(["up", "--max-rows-per-second", "0", "--workers", "3", "--max-memory", "512 MB"])

    (rows,) = used
    assert (None, 3, 512 * 1024**2, 1_000) == (
        rows.max_rows_per_second, rows.workers, rows.max_memory, rows.small_table
    )  # fmt: skip
    assert {"workers", "max_memory", "max_rows_per_second"} <= rows.configured


@pytest.mark.parametrize("words", [[], ["--max-rows-per-second", "much"]])
@engines.only("sqlite")
def test_a_pace_has_to_be_said_in_numbers(begun, capsys, words, database):
    begun()

    assert 2 == app.main(["pace", *words])
    assert "--max-rows-per-second 5000" in capsys.readouterr().err
