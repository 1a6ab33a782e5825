"""Others at a file: who is noticed, and how much room is left to them."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.engines.sqlite import driving
from whimbrel import clock as clocks
from whimbrel.engines import base
from whimbrel.engines.sqlite import lock, neighbours
from whimbrel.engines.sqlite.engine import ENGINE

HOLDER = base.Holder(
    run="r1",
    who="ana",
    host="web-3",
    pid=os.getpid(),
    command="whimbrel up",
    started_at="2026-11-23T10:00:00.000000Z",
)


class Seconds:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["delete", "wal"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA journal_mode = {request.param}")
    return file


@pytest.fixture
def ours(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


@pytest.fixture
def another(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


def write(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO t VALUES (1)")


def test_who_is_alone_goes_on_at_once(ours: sqlite3.Connection) -> None:
    seconds = Seconds()
    known = neighbours.Neighbours(ours, seconds=seconds)
    known.look()

    breaths = []
    for _ in range(4):
        write(ours)
        seconds.now += 0.5
        breaths.append(known.breath(0.5))

    assert [base.Breath()] * 4 == breaths


def test_the_file_is_left_alone_now_and_then_for_longer_than_who_waits_sleeps(
    ours: sqlite3.Connection,
) -> None:
    seconds = Seconds()
    known = neighbours.Neighbours(ours, seconds=seconds)

    pauses = []
    for _ in range(100):
        seconds.now += 0.5
        pauses.append(known.breath(0.5).pause)
        seconds.now += pauses[-1]

    assert {0.0, neighbours.OPEN_SECONDS} == set(pauses)
    assert neighbours.OPEN_SECONDS > 0.1
    # Once in three seconds and a batch, so that nobody who waits for five gives up.
    longest = max(len(run) for run in "".join("." if p else "x" for p in pauses).split("."))
    assert longest * 0.5 <= 3.0
    assert sum(pauses) / (100 * 0.5) < 0.04


def test_who_writes_is_noticed_and_given_room(
    ours: sqlite3.Connection, another: sqlite3.Connection
) -> None:
    seconds = Seconds()
    known = neighbours.Neighbours(ours, seconds=seconds)
    known.look()

    write(another)
    long, short = known.breath(0.5), known.breath(0.01)

    assert base.Breath(pause=0.125, at_most=neighbours.AT_MOST) == long
    assert base.Breath(pause=neighbours.LEAST_SECONDS, at_most=neighbours.AT_MOST) == short


def test_who_has_not_written_for_a_minute_is_forgotten(
    ours: sqlite3.Connection, another: sqlite3.Connection
) -> None:
    seconds = Seconds()
    known = neighbours.Neighbours(ours, seconds=seconds)
    known.look()
    write(another)
    known.breath(0.5)

    seconds.now += 59
    still = known.breath(0.5)
    seconds.now += 2
    no_longer = known.breath(0.5)

    assert neighbours.AT_MOST == still.at_most
    assert no_longer.at_most is None


def test_somebody_who_is_at_it_right_now_is_noticed(
    ours: sqlite3.Connection, another: sqlite3.Connection
) -> None:
    known = neighbours.Neighbours(ours, seconds=Seconds())
    known.look()

    another.execute("BEGIN EXCLUSIVE")
    write(another)
    during = known.breath(0.5)
    another.execute("COMMIT")
    after = known.breath(0.5)

    # In WAL mode nobody is kept from reading, so that it shows only afterwards.
    (mode,) = another.execute("PRAGMA journal_mode").fetchone()
    assert (None if mode == "wal" else neighbours.AT_MOST) == during.at_most
    assert neighbours.AT_MOST == after.at_most


def test_what_we_wrote_through_another_connection_is_not_the_work_of_others(
    ours: sqlite3.Connection, another: sqlite3.Connection
) -> None:
    known = neighbours.Neighbours(ours, seconds=Seconds())
    known.look()

    write(another)
    known.forget()
    after_ours = known.breath(0.5)
    write(another)
    after_theirs = known.breath(0.5)

    assert after_ours.at_most is None
    assert neighbours.AT_MOST == after_theirs.at_most


def test_our_own_signs_of_life_are_not_the_work_of_others(path: Path) -> None:
    def beat() -> object:
        return driving.query(path, "SELECT heartbeat_at FROM whimbrel_lock")

    with driving.session(path) as session:
        lease = lock.Lease(session, path, clocks.SYSTEM, every=0.3)
        lease.acquire(HOLDER)
        try:
            at_first = ENGINE.breath(session, 0.5)
            before, until = beat(), time.monotonic() + 10
            while beat() == before and time.monotonic() < until:
                time.sleep(0.01)
            beaten = beat() != before
            time.sleep(0.05)
            after_a_beat = ENGINE.breath(session, 0.5)
        finally:
            lease.release()

    assert beaten
    assert at_first.at_most is None
    assert after_a_beat.at_most is None


def test_looking_takes_no_lock_that_keeps_writers_out(path: Path) -> None:
    with (
        driving.session(path) as session,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as another,
    ):
        with session.looking():
            before = session.fetch("SELECT count(*) FROM t")
            another.execute("BEGIN IMMEDIATE")
            another.execute("ROLLBACK")
        session.begin()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            another.execute("BEGIN IMMEDIATE")
        session.rollback()

    assert [(0,)] == before
