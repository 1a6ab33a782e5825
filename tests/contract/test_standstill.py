"""Several sessions begin at one moment where the engine cannot hand it from one to the other."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests import databases, engines
from whimbrel.engines import base, registry
from whimbrel.engines.mysql import snapshots
from whimbrel.proof import sides

OpenRaw = Callable[[databases.Database], databases.Raw]


def _by_commits(session: base.Session) -> AbstractContextManager[bool]:
    return session.engine.standstill(session)


def _by_a_lock(session: base.Session) -> AbstractContextManager[bool]:
    return snapshots.standstill(session, snapshots.FLUSH)


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize("standstill", [_by_commits, _by_a_lock])
def test_sessions_that_begin_in_a_standstill_see_one_moment(
    database: databases.Database,
    raw: OpenRaw,
    standstill: Callable[[base.Session], AbstractContextManager[bool]],
) -> None:
    for number in range(3):
        raw(database).execute(f"CREATE TABLE t{number} (id int PRIMARY KEY AUTO_INCREMENT)")
    keeper, *readers = (registry.open_session(database.url) for _ in range(4))

    with _writing(database) as written:
        for _ in range(15):
            with standstill(keeper) as still:
                for reader in readers:
                    reader.engine.snapshot(reader)
                    time.sleep(0.01)
            seen = [
                [reader.fetch(f"SELECT count(*) FROM t{number}")[0][0] for number in range(3)]
                for reader in readers
            ]
            for reader in readers:
                reader.rollback()

            assert still
            assert seen[0] == seen[1] == seen[2]
            assert len(set(seen[0])) == 1
            before = len(written)
            _wait(lambda before=before: len(written) > before)  # type: ignore[misc]
    for session in (keeper, *readers):
        session.close()


@engines.only("mariadb", "mysql")
def test_sessions_that_begin_without_one_may_see_several_moments(
    database: databases.Database, raw: OpenRaw
) -> None:
    """What the test above would see if a standstill did nothing."""
    raw(database).execute("CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT)")
    one, other = (registry.open_session(database.url) for _ in range(2))

    one.engine.snapshot(one)
    raw(database).execute("INSERT INTO t VALUES ()")
    other.engine.snapshot(other)

    seen = [session.fetch("SELECT count(*) FROM t")[0][0] for session in (one, other)]
    assert seen == [0, 1]
    one.close()
    other.close()


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize("still", [True, False])
def test_sessions_of_one_moment_call_it_by_one_name(
    database: databases.Database, monkeypatch: pytest.MonkeyPatch, still: bool
) -> None:
    """A busy server's position moves on also while nobody commits: nothing is read again for it."""
    numbers = itertools.count()
    monkeypatch.setattr(snapshots, "position", lambda _: str(next(numbers)))
    if not still:
        monkeypatch.setattr(snapshots, "_stopped", lambda *_: None)
    side = sides.Side(lambda: registry.open_session(database.url), seats=3, together=True)
    try:
        barrier = threading.Barrier(3, timeout=30)

        def told(seat: sides.Seat) -> str:
            barrier.wait()  # so that each of them tells
            return seat.snapshot.position

        names = {one.result() for one in [side.submit(told) for _ in range(3)]}
    finally:
        side.close()

    assert len(names) == (1 if still else 3)
    assert bool(side.notes) is not still


@contextmanager
def _writing(database: databases.Database) -> Iterator[list[int]]:
    """Let two others write three tables in each transaction meanwhile; none of them may fail."""
    stop = threading.Event()
    written: list[int] = []
    writers = [threading.Thread(target=_write, args=(database, stop, written)) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        yield written
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def _wait(happened: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("nobody has written for ten seconds")


def _write(database: databases.Database, stop: threading.Event, written: list[int]) -> None:
    with databases.Raw(database) as raw:
        while not stop.is_set():
            raw.execute("BEGIN")
            for number in range(3):
                raw.execute(f"INSERT INTO t{number} VALUES ()")
            raw.execute("COMMIT")
            written.append(1)


@engines.only("mariadb", "mysql")
def test_without_the_right_there_is_no_standstill_and_nothing_is_held(
    database: databases.Database, raw: OpenRaw
) -> None:
    admin = raw(database)
    admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
    user = f"u_{database.name}"
    admin.execute(f"CREATE USER {user}@'%' IDENTIFIED BY 'pw'")
    admin.execute(f"GRANT SELECT, LOCK TABLES ON {database.name}.* TO {user}@'%'")
    session = registry.open_session(re.sub(r"//[^@]*@", f"//{user}:pw@", database.url))

    with session.engine.standstill(session) as still:
        admin.execute("INSERT INTO t VALUES (1)")
    session.close()
    admin.execute(f"DROP USER {user}@'%'")

    assert not still
    assert admin.value("SELECT count(*) FROM t") == 1


@engines.only("mariadb", "mysql")
def test_a_standstill_ends_when_what_is_inside_fails(
    database: databases.Database, raw: OpenRaw
) -> None:
    admin = raw(database)
    admin.execute("CREATE TABLE t (id int PRIMARY KEY)")
    session = registry.open_session(database.url)

    with pytest.raises(KeyError), session.engine.standstill(session):
        raise KeyError("inside")
    admin.execute("INSERT INTO t VALUES (1)")

    assert admin.value("SELECT count(*) FROM t") == 1
    session.close()


@engines.only("mariadb", "mysql")
def test_nobody_waits_for_a_standstill_longer_than_a_few_seconds(
    database: databases.Database, raw: OpenRaw
) -> None:
    admin = raw(database)
    session, busy = (registry.open_session(database.url) for _ in range(2))
    began = time.monotonic()

    with busy.engine.standstill(busy) as first, session.engine.standstill(session) as second:
        took = time.monotonic() - began
    with session.engine.standstill(session) as third:
        pass

    assert (first, second, third) == (True, False, True)
    assert took < 8
    assert admin.value("SELECT 1") == 1
    session.close()
    busy.close()
