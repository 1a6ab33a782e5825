"""One moment of a PostgreSQL database for several sessions, and how far its log has got."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base

# Every transaction that changed something writes its commit to the log, also where its rows are
# not logged; a standby shows what it has replayed.
_POSITION: Final = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_insert_lsn() END::text
"""
_READ_ONE_MOMENT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_KIND: Final = "one moment of the whole database"


def snapshot(session: base.Session, token: str | None) -> base.Snapshot:
    """Open a transaction that reads one moment: its own, or that of the token."""
    if session.in_transaction:
        raise errors.RefusedError("a transaction is open where none may be")
    # Asked first: what is committed meanwhile must not hide behind an equal position.
    before = position(session)
    session.rollback()
    if token is not None:
        return _shared(session, token, before)
    _begin(session)
    try:
        (row,) = session.fetch("SELECT pg_export_snapshot()")
    except sa.exc.DBAPIError:
        if session.gone:
            raise
        # Old standbys have no moments to give.
        session.rollback()
        _begin(session)
        session.fetch("SELECT 1")
        return base.Snapshot(position=before, kind=f"{_KIND}, for this session alone")
    return base.Snapshot(position=before, kind=_KIND, token=str(row[0]))


def _shared(session: base.Session, token: str, before: str) -> base.Snapshot:
    _begin(session)
    try:
        session.execute(f"SET TRANSACTION SNAPSHOT '{token.replace(chr(39), '')}'")
        session.fetch("SELECT 1")
    except sa.exc.DBAPIError as error:
        session.rollback()
        raise errors.RefusedError(
            "the moment that another session reads cannot be read here",
            database=session.url,
            cause=session.engine.cause(error),
            remedy="keep the transaction of the first session open until all others have begun",
        ) from error
    return base.Snapshot(position=before, kind=_KIND, token=token)


def _begin(session: base.Session) -> None:
    # Not by the session's own way: a time limit would be a query before the level is set.
    session.connection.begin()
    session.connection.exec_driver_sql(_READ_ONE_MOMENT)


def position(session: base.Session) -> str:
    """Return how far the log has got."""
    return str(session.fetch(_POSITION)[0][0])
