"""One moment of a database stays as it was, and its position tells when it has passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from tests import codecs, databases
from whimbrel import errors
from whimbrel.engines import registry

OpenRaw = Callable[[databases.Database], databases.Raw]


@pytest.fixture
def side(database: databases.Database) -> Iterator[codecs.Side]:
    """A prepared session on an empty database."""
    made = codecs.opened(database)
    yield made
    made.session.close()


@codecs.SERVERS
def test_a_snapshot_stays_as_it_was(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "id int")
    raw(database).execute("INSERT INTO t VALUES (1)")
    scan = side.scan("t")
    side.session.rollback()

    snapshot = side.session.engine.snapshot(side.session)
    raw(database).execute("INSERT INTO t VALUES (2)")

    assert side.codec.total(scan).rows == 1
    assert side.session.in_transaction
    assert side.session.engine.position(side.session) != snapshot.position
    with pytest.raises(sa.exc.DBAPIError):
        side.session.execute("INSERT INTO t VALUES (3)")
    side.session.rollback()
    assert not side.session.in_transaction
    assert side.codec.total(scan).rows == 2
    side.session.execute("INSERT INTO t VALUES (3)")
    side.session.commit()


@codecs.SERVERS
def test_a_snapshot_is_not_taken_inside_a_transaction(side: codecs.Side) -> None:
    side.session.begin()

    with pytest.raises(errors.RefusedError, match="a transaction is open"):
        side.session.engine.snapshot(side.session)


@codecs.POSTGRESQL
def test_sessions_can_share_a_moment(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "id int")
    scan = side.scan("t")
    side.session.rollback()
    snapshot = side.session.engine.snapshot(side.session)
    raw(database).execute("INSERT INTO t VALUES (2)")
    other = registry.open_session(database.url, read_only=True)
    try:
        again = other.engine.snapshot(other, snapshot.token)

        assert other.engine.codec(other).total(scan).rows == 0
        assert again.token == snapshot.token
        other.rollback()
        side.session.rollback()
        with pytest.raises(errors.RefusedError, match="cannot be read here"):
            other.engine.snapshot(other, snapshot.token)
        assert not other.in_transaction
    finally:
        other.close()


@codecs.MYSQL
def test_a_moment_cannot_be_shared_where_the_server_does_not(side: codecs.Side) -> None:
    assert side.session.engine.snapshot(side.session).token is None
    side.session.rollback()

    with pytest.raises(errors.RefusedError, match="cannot give the moment"):
        side.session.engine.snapshot(side.session, "token")


@codecs.SERVERS
def test_a_position_changes_with_every_commit(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    """Also with those to tables that the server writes no log of."""
    unlogged = "CREATE UNLOGGED TABLE u (id int)"
    if database.kind != "postgresql":
        unlogged = "CREATE TABLE u (id int) ENGINE=MyISAM"
    codecs.create(raw(database), "t", "id int")
    raw(database).execute(unlogged)
    changes = (
        "INSERT INTO t VALUES (1)",
        "INSERT INTO u VALUES (1)",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO u VALUES (1)",
        "UPDATE t SET id = 2",
        "UPDATE u SET id = 2",
        "DELETE FROM t",
        "DELETE FROM u",
    )
    seen = []

    for change in changes:
        raw(database).execute(change)
        seen.append(side.session.engine.position(side.session))
        side.session.rollback()

    assert len(set(seen)) == len(changes)


@codecs.SERVERS
def test_a_position_is_another_once_an_open_transaction_commits(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "id int")
    raw(database).execute("BEGIN")
    raw(database).execute("INSERT INTO t VALUES (1)")

    before = side.session.engine.position(side.session)
    raw(database).execute("COMMIT")

    assert side.session.engine.position(side.session) != before


@codecs.SERVERS
def test_settings_outlive_transactions_of_a_session_that_only_reads(
    database: databases.Database, raw: OpenRaw
) -> None:
    type_, ours, away = "timestamp", "time_zone = '+00:00'", "time_zone = '+05:30'"
    if database.kind == "postgresql":
        type_, ours, away = "timestamptz", "TimeZone = 'UTC'", "TimeZone = 'Asia/Kolkata'"
    codecs.create(raw(database), "t", f"v {type_}")
    raw(database).execute(f"SET {ours}")
    raw(database).execute("INSERT INTO t VALUES ('2024-01-01 00:00:00')")
    session = registry.open_session(database.url, read_only=True)
    try:
        session.execute(f"SET {away}")
        session.commit()
        made = session.engine.codec(session)
        made.prepare()
        scan = codecs.Side(session=session, codec=made, kind=database.kind).scan("t")
        session.rollback()

        assert made.rows(scan) == [(b"2024-01-01 00:00:00",)]
    finally:
        session.close()
