"""transform() with helper processes, workers, large rows and many; and when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests import staging
from tests.crash import child
from whimbrel import errors

modes = pytest.mark.parametrize("config", ["", staging.BATCHES], ids=["inside", "in batches"])


@pytest.fixture
def stage(project, database, raw):
    return staging.Stage(project, database, raw(database))


def returns_dict(row):
    return row


# --- helpers and workers ------------------------------------------------------------------------


def with_pid(row):
    return {**row, "name": str(os.getpid())}


@modes
@pytest.mark.parametrize("in_place", [False, True])
def test_helper_processes_do_the_work_and_leave_the_connection_alone(stage, config, in_place):
    stage.people(200)
    stage.project.config(config.replace("8", "80"))
    target = "person" if in_place else "copy"

    def call(migration):
        written = migration.transform("person", target, with_pid, processes=2)
        return written, migration.execute("SELECT count(*) FROM person")

    written, after = stage.up(call)

    assert (200, [(200,)]) == (written, after)
    pids = {int(name) for (name,) in stage.rows(f"SELECT name FROM {target}")}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 4  # two, and two more if the run began anew step by step


def test_helper_processes_may_be_configured(stage):
    stage.people(30)
    stage.project.config("[rows]\nprocesses = 1\n")

    stage.transform("person", "copy", with_pid)

    assert [] == stage.rows(f"SELECT * FROM copy WHERE name = '{os.getpid()}'")


def test_rows_that_fail_in_a_helper_are_rejected_as_in_this_process(stage):
    stage.people(30)
    stage.project.config(staging.BATCHES)

    def some(row):
        if row["id"] % 10 == 0:
            raise LookupError(f"nobody knows {row['id']}")
        return row

    assert 27 == stage.transform("person", "copy", some, max_rejects=3, processes=2)
    assert [(n, f"p{n}") for n in (10, 20, 30)] == [
        (reject.key[0], reject.row["name"]) for reject in stage.rejects()
    ]


def test_a_helper_has_no_database(stage):
    stage.people(3)

    def call(migration):
        execute = migration.execute  # kept from before
        return migration.transform(
            "person", "copy", lambda row: execute("DELETE FROM person"), processes=1
        )

    with pytest.raises(errors.WhimbrelError, match=r"verb|no database"):
        stage.up(call)

    assert 3 == stage.raw.value("SELECT count(*) FROM person")


@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("in_place", [False, True])
def test_several_workers_put_each_row_through_once(stage, processes, in_place):
    stage.people(300)
    stage.project.config(staging.BATCHES)
    target = "person" if in_place else "copy"

    written = stage.transform(
        "person",
        target,
        lambda row: {**row, "age": row["age"] + 1000},
        workers=3,
        processes=processes,
    )

    assert 300 == written
    assert [(300, 300 * 1000 + 300 * 301 // 2)] == stage.rows(
        f"SELECT count(*), sum(age) FROM {target}"
    )


def test_workers_stop_with_the_row_that_failed(stage):
    stage.people(300)
    stage.project.config(staging.BATCHES)

    def fail(row):
        if row["id"] == 150:
            raise LookupError("in the middle")
        return row

    with pytest.raises(errors.WhimbrelError, match="LookupError: in the middle"):
        stage.transform("person", "copy", fail, workers=3)

    assert [] == stage.rows("SELECT * FROM copy WHERE id = 150")


# --- memory -------------------------------------------------------------------------------------


@modes
def test_rows_of_megabytes_go_in_small_batches(stage, config):
    kind = {"sqlite": "text", "postgresql": "text", "mysql": "longtext"}[stage.kind]
    for table in ("heavy", "copy"):
        stage.raw.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, body {kind})")
    mark = "?" if stage.kind == "sqlite" else "%s"
    for number in range(12):
        stage.raw.execute(f"INSERT INTO heavy VALUES ({mark}, {mark})", (number, "x" * 2_000_000))
    stage.project.config(config.replace("[rows]", '[rows]\nbatch_bytes = "4 MB"') or "")

    assert 12 == stage.transform("heavy", "copy", returns_dict)
    assert [(12, 24_000_000)] == stage.rows("SELECT count(*), sum(length(body)) FROM copy")


WALK = """
import sys
from pathlib import Path
from whimbrel.migrations import project

project.open_project(folder=sys.argv[1], database=sys.argv[2]).up()
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
"""
COPY = """
from whimbrel import Migration


class Copy(Migration):
    def up(self):
        self.transform("source", "target", lambda row: {**row, "body": row["body"][::-1]})
"""


def peak(stage: staging.Stage, rows: int, size: int) -> int:
    """Return the most memory (KB) of a process that transforms so many rows of so many bytes."""
    kind = {"sqlite": "text", "postgresql": "text", "mysql": "longtext"}[stage.kind]
    for table in ("source", "target"):
        stage.raw.execute(f"DROP TABLE IF EXISTS {table}")
        stage.raw.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, body {kind})")
    digits = "0123456789"
    filled = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
    body = {"sqlite": f"substr(hex(zeroblob({size})), 1, {size})"}.get(
        stage.kind, f"repeat('{digits}', {size // 10})"
    )
    if stage.kind == "mysql":
        stage.raw.execute(f"SET SESSION max_recursive_iterations = {rows + 1}")
        stage.raw.execute(f"INSERT INTO source {filled} SELECT i, {body} FROM n")
    else:
        stage.raw.execute(f"{filled} INSERT INTO source SELECT i, {body} FROM n")
    for file in stage.project.migrations.glob("*.py"):
        file.unlink()
    stage.project.migration("20260101_000000_copy", COPY)
    command = [sys.executable, "-c", WALK, str(stage.project.path), stage.database.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    assert [(rows, rows * size)] == [
        tuple(map(int, row)) for row in stage.rows("SELECT count(*), sum(length(body)) FROM target")
    ]
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_memory_is_the_same_for_ten_times_as_many_rows(stage, new_database, raw):
    stage.project.config("[rows]\nlargest_rows = 10_000\n")
    few = peak(stage, 50_000, 100)
    other = new_database(stage.database.engine_id)
    many = peak(staging.Stage(stage.project, other, raw(other)), 500_000, 100)

    assert many < few * 1.15 + 4_000


def test_memory_is_bounded_by_the_bytes_of_a_batch(stage):
    stage.project.config('[rows]\nsmall_table = 10\nbatch_bytes = "16 MB"\n')

    most = peak(stage, 60, 5_000_000)

    # The program itself has 80 MB; a batch is there as received, as read, as made, as it is sent.
    assert most < 80_000 + 8 * 16_000


# --- killed ---------------------------------------------------------------------------------------

UP = """
import sys
from whimbrel.migrations import project

project.open_project(folder=sys.argv[1], database=sys.argv[2]).up()
"""
SLOW = """
import os
import time
from pathlib import Path
from whimbrel import Migration


class Slow(Migration):
    def up(self):
        self.transform("person", "copy", work, processes=2)
        self.transform("person", "person", older, processes=2)


def work(row):
    Path({pids!r}, str(os.getpid())).touch()
    time.sleep(0.002)
    return row


def older(row):
    time.sleep(0.002)
    return {{"age": row["age"] + 1}}
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_run_leaves_no_helper_and_goes_on_with_every_row_once(stage, tmp_path):
    stage.people(400)
    pids = tmp_path / "pids"
    pids.mkdir()
    stage.project.config("[rows]\nsmall_table = 10\nfirst_rows = 10\nlargest_rows = 20\n")
    stage.project.migration("20260101_000000_slow", SLOW.format(pids=str(pids)))
    command = [sys.executable, "-c", UP, str(stage.project.path), stage.database.url]
    kills = 0

    for delay in (0.9, 1.1, 1.3, 1.0, 1.2):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            try:
                run.wait(delay)
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
                kills += 1
    until = time.monotonic() + 5
    while (left := [p for p in pids.iterdir() if is_alive(int(p.name))]) and (
        time.monotonic() < until
    ):
        time.sleep(0.05)
    child.when_free(stage.again)

    assert kills
    assert [] == left
    assert [(400, 400 * 401 // 2)] == stage.rows("SELECT count(*), sum(age) FROM copy")
    assert [(400, 400 * 401 // 2 + 400)] == stage.rows("SELECT count(*), sum(age) FROM person")
