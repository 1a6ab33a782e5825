"""What batches ask of a session on SQLite: limits beside Ctrl-C, and guesses of rows."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from whimbrel.engines import base, registry

_LONG = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000)
SELECT max(i) FROM n
"""
_ROWS = 20_000


@pytest.fixture
def session(tmp_path: Path) -> Iterator[base.Session]:
    opened = registry.open_session(f"sqlite:///{tmp_path / 'app.db'}")
    yield opened
    opened.close()


def fill(session: base.Session, sql: str, *, first: int = 1, step: int = 1) -> None:
    """Create the table `t` and give it rows."""
    session.execute(sql)
    table = session.engine.catalog(session).table("t")
    rows = [(first + n * step, "x") for n in range(_ROWS)]
    session.engine.bulk(session).insert(table, ("id", "a"), rows)
    session.commit()


@pytest.mark.parametrize("limit", [None, 60.0])
@pytest.mark.parametrize("way", ["execute", "bulk"])
def test_ctrl_c_ends_a_long_statement_with_a_limit_and_without(
    session: base.Session, limit: float | None, way: str
) -> None:
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()

    with pytest.raises(KeyboardInterrupt), session.engine.limited(session, limit):
        if way == "execute":
            session.execute(_LONG)
        else:
            session.engine.bulk(session).read(_LONG, (), max_bytes=1)
    timer.join()
    session.rollback()

    assert [(1,)] == session.fetch("SELECT 1")


def test_a_change_that_takes_too_long_takes_its_transaction_back(session: base.Session) -> None:
    fill(session, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    session.begin()
    session.execute("UPDATE t SET a = 'before' WHERE id = 1")

    with (
        pytest.raises(sa.exc.OperationalError) as caught,
        session.engine.limited(session, 0.1),
    ):
        session.execute(f"UPDATE t SET a = ({_LONG})")
    session.rollback()

    assert base.Fault.TIMEOUT is session.engine.fault(caught.value)
    assert [("x", _ROWS)] == session.fetch("SELECT min(a), count(*) FROM t WHERE a = 'x'")


def test_many_rows_that_take_too_long_are_stopped_too(session: base.Session) -> None:
    session.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    session.execute("CREATE TABLE log (n)")
    session.execute(
        "CREATE TRIGGER slow AFTER INSERT ON t BEGIN INSERT INTO log SELECT count(*) FROM "
        "pragma_function_list a, pragma_function_list b, pragma_function_list c; END"
    )
    session.commit()
    table = session.engine.catalog(session).table("t")

    with pytest.raises(sa.exc.DBAPIError) as caught, session.engine.limited(session, 0.2):
        session.engine.bulk(session).insert(table, ("id",), [(n,) for n in range(1000)])
    session.rollback()

    assert base.Fault.TIMEOUT is session.engine.fault(caught.value)
    assert [(0,)] == session.fetch("SELECT count(*) FROM t")


def test_rows_are_guessed_by_the_distance_of_their_rowids(session: base.Session) -> None:
    fill(session, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", first=1_000_000)

    assert _ROWS == session.engine.estimate(session, "t")


@pytest.mark.parametrize("step", [2, 50, 1_000_000_000])
def test_sparse_rowids_are_seen_in_what_lies_between_them(session: base.Session, step: int) -> None:
    fill(session, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", step=step)

    guess = session.engine.estimate(session, "t")

    assert guess == pytest.approx(_ROWS, rel=0.02)


def test_a_hole_in_the_rowids_is_seen(session: base.Session) -> None:
    fill(session, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    session.execute("INSERT INTO t VALUES (1000000000, 'far away')")
    session.commit()

    guess = session.engine.estimate(session, "t")

    assert guess is not None
    assert _ROWS / 2 <= guess <= 4 * _ROWS


def test_rows_without_a_rowid_are_unknown_until_analyze_counted_them(
    session: base.Session,
) -> None:
    fill(session, "CREATE TABLE t (id INTEGER PRIMARY KEY, a) WITHOUT ROWID")
    guess = session.engine.estimate(session, "t")
    session.execute("ANALYZE")
    session.commit()

    assert guess is None
    assert _ROWS == session.engine.estimate(session, "t")


def test_a_small_table_is_counted(session: base.Session) -> None:
    session.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
    session.execute("INSERT INTO t VALUES (1, 'a'), (900000000, 'b')")
    session.commit()

    assert 2 == session.engine.estimate(session, "t")
