"""The lease: who gets it, who keeps it, who loses it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.engines.sqlite import driving
from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel.engines import base
from whimbrel.engines.sqlite import lock
from whimbrel.engines.sqlite.engine import ENGINE

ROOT = Path(__file__).resolve().parents[4]


class OwnClock(clocks.Clock):
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")


@pytest.fixture
def session(path: Path) -> Iterator[base.Session]:
    with driving.session(path) as opened:
        yield opened


def holder(pid: int | None = None, *, run: str = "r1") -> base.Holder:
    return base.Holder(
        run=run,
        who="ana",
        host="web-3",
        pid=pid or os.getpid(),
        command="whimbrel up",
        started_at="2026-11-23T10:00:00.000000Z",
    )


def lease(
    session: base.Session, path: Path, clock: clocks.Clock | None = None, *, every: float = 60.0
) -> lock.Lease:
    return lock.Lease(session, path, clock or OwnClock(), every=every)


def held(path: Path) -> list[tuple[object, ...]]:
    return driving.query(path, "SELECT run, who, pid, heartbeat_at FROM whimbrel_lock")


def test_the_first_one_gets_it_and_the_second_is_told_who_has_it(
    session: base.Session, path: Path
) -> None:
    clock = OwnClock()
    first = lease(session, path, clock)
    first.acquire(holder())
    clock.moment += timedelta(seconds=12)

    with driving.session(path) as other, pytest.raises(errors.LockHeld) as refused:
        lease(other, path, clock).acquire(holder(run="r2"))

    assert f"whimbrel up, by ana@web-3 (pid {os.getpid()})" in (refused.value.object or "")
    assert "its last sign of life was 12.0 s ago" in (refused.value.remedy or "")
    assert session.url == refused.value.database
    first.release()


def test_a_lease_that_is_given_back_is_free_and_leaves_no_thread(
    session: base.Session, path: Path
) -> None:
    threads = threading.active_count()
    first = lease(session, path)

    first.acquire(holder())
    during = threading.active_count()
    first.release()
    first.release()
    second = lease(session, path)
    second.acquire(holder(run="r2"))
    second.release()

    assert threads + 1 == during
    assert threads == threading.active_count()
    assert [] == held(path)


def test_a_lease_is_kept_through_the_transactions_of_its_holder(
    session: base.Session, path: Path
) -> None:
    clock = OwnClock()
    ours = lease(session, path, clock)
    ours.acquire(holder())

    session.begin()
    session.execute("INSERT INTO t VALUES (1)")
    clock.moment += timedelta(seconds=5)
    ours.check()
    session.commit()

    assert [("r1", "ana", os.getpid(), "2026-11-23T10:00:05.000000Z")] == held(path)
    ours.release()


def test_a_check_outside_of_a_transaction_leaves_none_open(
    session: base.Session, path: Path
) -> None:
    ours = lease(session, path)
    ours.acquire(holder())

    ours.check()

    assert not session.in_transaction
    ours.release()


def test_a_silent_holder_loses_its_lease_and_cannot_commit(
    session: base.Session, path: Path
) -> None:
    clock = OwnClock()
    slow = lease(session, path, clock)
    slow.acquire(holder())
    clock.moment += timedelta(seconds=lock.LEASE_SECONDS + 1)

    with driving.session(path) as other:
        quick = lease(other, path, clock)
        quick.acquire(holder(run="r2"))
        session.begin()
        session.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(errors.LockLost):
            slow.check()
        slow.release()

        assert not session.in_transaction
        assert [] == driving.query(path, "SELECT a FROM t")
        assert ["r2"] == [row[0] for row in held(path)]
        quick.release()


def test_a_lease_whose_table_is_gone_is_lost(session: base.Session, path: Path) -> None:
    ours = lease(session, path)
    ours.acquire(holder())
    driving.query(path, "DROP TABLE whimbrel_lock")

    with pytest.raises(errors.LockLost):
        ours.check()

    session.rollback()
    ours.release()


def test_a_holder_that_has_gone_is_followed_at_once(session: base.Session, path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with driving.session(path) as other:
        dead = lease(other, path)
        dead.acquire(holder(pid=child.pid))

        ours = lease(session, path)
        ours.acquire(holder(run="r2"))

        assert ["r2"] == [row[0] for row in held(path)]
        ours.release()
        dead.release()


def test_a_process_that_got_the_number_of_the_holder_is_not_the_holder(
    session: base.Session, path: Path
) -> None:
    with driving.session(path) as other:
        dead = lease(other, path)
        dead.acquire(holder())
        driving.query(path, "UPDATE whimbrel_lock SET process = '1'")

        ours = lease(session, path)
        ours.acquire(holder(run="r2"))

        assert ["r2"] == [row[0] for row in held(path)]
        ours.release()
        dead.release()


def test_of_a_holder_elsewhere_only_signs_of_life_are_believed(
    session: base.Session, path: Path
) -> None:
    clock = OwnClock()
    with driving.session(path) as other:
        theirs = lease(other, path, clock)
        theirs.acquire(holder(pid=2**22 + 1))
        driving.query(path, "UPDATE whimbrel_lock SET place = 'another machine'")
        ours = lease(session, path, clock)

        with pytest.raises(errors.LockHeld):
            ours.acquire(holder(run="r2"))
        clock.moment += timedelta(seconds=lock.LEASE_SECONDS + 1)
        ours.acquire(holder(run="r2"))

        assert ["r2"] == [row[0] for row in held(path)]
        ours.release()
        theirs.release()


def test_a_holder_in_the_middle_of_a_transaction_is_named_too(
    session: base.Session, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_WAIT_SECONDS", 0.01)
    first = lease(session, path)
    first.acquire(holder())
    session.begin()

    with driving.session(path) as other, pytest.raises(errors.LockHeld) as refused:
        lease(other, path).acquire(holder(run="r2"))

    assert "by ana@web-3" in (refused.value.object or "")
    assert "a transaction is open" in (refused.value.remedy or "")
    session.rollback()
    first.release()


def test_another_program_that_writes_is_told_of(
    session: base.Session, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_WAIT_SECONDS", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(errors.LockHeld) as refused:
            lease(session, path).acquire(holder())

    assert "a program that is writing" in (refused.value.object or "")


def test_signs_of_life_are_given_by_themselves_and_wait_for_a_transaction(
    session: base.Session, path: Path
) -> None:
    clock = OwnClock()
    ours = lease(session, path, clock, every=0.02)
    ours.acquire(holder())
    session.begin()
    clock.moment += timedelta(seconds=20)
    time.sleep(0.1)

    during = held(path)[0][-1]
    session.commit()
    for _ in range(200):
        if held(path)[0][-1] != during:
            break
        time.sleep(0.02)

    assert "2026-11-23T10:00:00.000000Z" == during
    assert "2026-11-23T10:00:20.000000Z" == held(path)[0][-1]
    ours.release()


def test_the_lock_is_not_taken_inside_a_transaction(session: base.Session, path: Path) -> None:
    session.begin()

    with pytest.raises(errors.RefusedError, match="outside of a transaction"):
        lease(session, path).acquire(holder())


def test_a_lease_is_given_back_when_the_session_is_closed_already(path: Path) -> None:
    with driving.session(path) as opened:
        ours = lease(opened, path)
        ours.acquire(holder())

    ours.release()

    assert [] == held(path)


def test_a_database_in_memory_needs_no_lock() -> None:
    opened = ENGINE.open(sa.URL.create("sqlite"))
    ours = ENGINE.lock(opened, clocks.SYSTEM)

    ours.acquire(holder())
    ours.check()
    ours.release()

    assert [] == ENGINE.catalog(opened).tables()
    assert [] == opened.fetch("SELECT name FROM sqlite_master")
    opened.close()


CHILD = """
import os, sys, time
import sqlalchemy as sa
from whimbrel import clock
from whimbrel.engines import base
from whimbrel.engines.sqlite.engine import ENGINE

session = ENGINE.open(sa.URL.create("sqlite", database=sys.argv[1]))
lock = ENGINE.lock(session, clock.SYSTEM)
lock.acquire(base.Holder(run="child", who="bob", host="here", pid=os.getpid(),
                         command="whimbrel up", started_at="now"))
print("held", flush=True)
time.sleep(60)
"""


def test_two_processes_and_the_second_follows_when_the_first_is_killed(
    session: base.Session, path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], env=environment, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert b"held\n" == child.stdout.readline()
        ours = ENGINE.lock(session, clocks.SYSTEM)

        with pytest.raises(errors.LockHeld) as refused:
            ours.acquire(holder())
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    ours.acquire(holder())

    assert f"by bob@here (pid {child.pid})" in (refused.value.object or "")
    assert ["r1"] == [row[0] for row in held(path)]
    ours.release()
