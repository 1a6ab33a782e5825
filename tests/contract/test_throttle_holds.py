"""A whole `whimbrel up` is held back by a replica that lags, and goes on when it has caught up."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests import conftest, replicas, servers

pytestmark = [pytest.mark.server, pytest.mark.slow]

SRC = conftest.ROOT / "src"
ROWS = 60_000
# The backfill would take 6 s, so that it is under way when the replica stops to replay.
ROWS_A_SECOND = 10_000
MIGRATION = """
from whimbrel import Migration


class Fill(Migration):
    def up(self):
        self.backfill("number", {"n": "n + 1000"})
"""
CONFIG = """
[databases.main]
url = "{primary}"

[databases.second]
url = "{replica}"

[rows]
small_table = 1000
largest_rows = 2000
max_rows_per_second = {rate}
max_lag = 1.0
check_seconds = 0.2
"""
WAYS = {"the primary tells": "", "the replica is asked": 'replicas = ["second"]\n'}


@pytest.fixture(scope="module")
def pair() -> Iterator[replicas.Pair]:
    try:
        with replicas.running() as running:
            yield running
    except servers.Unavailable as no:
        pytest.skip(str(no))


@pytest.fixture
def primary(pair: replicas.Pair) -> Iterator[psycopg.Connection]:
    with contextlib.closing(servers.connect(pair.primary.url)) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("CREATE TABLE number (id int PRIMARY KEY, n int NOT NULL)")
        connection.execute(f"INSERT INTO number SELECT i, i FROM generate_series(1, {ROWS}) AS i")
        connection.execute("DROP ROLE IF EXISTS sees_no_replicas")
        connection.execute("CREATE ROLE sees_no_replicas LOGIN")
        connection.execute("ALTER SCHEMA public OWNER TO sees_no_replicas")
        connection.execute("ALTER TABLE number OWNER TO sees_no_replicas")
        pair.catch_up()
        yield connection


@contextlib.contextmanager
def whimbrel_up(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `whimbrel up` inside the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "whimbrel", "up", "--database", "main"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SRC), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(wanted: Callable[[], object], process: subprocess.Popen[str]) -> object:
    """Ask again and again until the answer is true, as long as the process works."""
    end = time.monotonic() + 15
    while not (found := wanted()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "it has not come to that"
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_run_stands_still_while_a_replica_lags(
    pair: replicas.Pair, primary: psycopg.Connection, project: conftest.ProjectFolder, way: str
) -> None:
    url, named = pair.primary.url, f"replica {replicas.NAME} at 127.0.0.1"
    if WAYS[way]:
        # Whose primary does not tell: so it is the replica's own word that counts.
        url, named = url.replace("whimbrel@", "sees_no_replicas@"), "replica second"
    project.migration("20260101_000000_fill", MIGRATION)
    project.config(
        CONFIG.format(primary=url, replica=pair.replica.url, rate=ROWS_A_SECOND) + WAYS[way]
    )

    def counters() -> tuple[object, ...]:
        return primary.execute(
            "SELECT sum(rows_read), sum(batches), max(updated_at) FROM whimbrel_parts"
        ).fetchone()

    def waiting() -> str | None:
        return primary.execute("SELECT max(waiting) FROM whimbrel_parts").fetchone()[0]

    def started() -> bool:
        made = primary.execute("SELECT to_regclass('whimbrel_parts')").fetchone()[0]
        return bool(made and counters()[0])

    with whimbrel_up(project.path) as process:
        try:
            until(started, process)
            pair.pause()
            until(lambda: "behind" in (waiting() or ""), process)
            reason, held = waiting(), [counters()]
            changed = primary.execute("SELECT count(*) FROM number WHERE n > id").fetchone()
            for _ in range(10):
                time.sleep(0.2)
                held.append(counters())
            changed_after = primary.execute("SELECT count(*) FROM number WHERE n > id").fetchone()
        finally:
            pair.resume()
        said, _ = process.communicate(timeout=30)

    assert reason is not None
    assert reason.startswith(f"{named} is ")
    assert reason.endswith(" behind, the limit is 1 s")
    assert 1 == len(set(held))
    assert 0 < held[0][0] < ROWS
    assert (held[0][0],) == changed == changed_after
    assert 0 == process.returncode, said
    assert "behind, the limit is 1 s" in said
    assert (ROWS, 0) == primary.execute(
        "SELECT count(*), count(*) FILTER (WHERE n <> id + 1000) FROM number"
    ).fetchone()
    assert (ROWS, None) == (counters()[0], waiting())
