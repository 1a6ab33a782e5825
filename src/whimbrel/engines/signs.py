"""The signs of a server's health, and how one is asked for without leaving a trace.

What is asked differs from engine to engine: engines/*/health.py. How much of a sign is too much
is said by the configuration and judged where rows are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base

# What a Reading is called. One reading per replica, whose name is the detail.
REPLICA_LAG: Final = "replica lag"
LOCK_QUEUE: Final = "lock queue"
ACTIVE_SESSIONS: Final = "active sessions"
LOG_GROWTH: Final = "log growth"
UNDO_HISTORY: Final = "undo history"
# Nothing waits for this one; it tells why another sign is as it is.
OLDEST_TRANSACTION: Final = "oldest transaction"


def unreadable(name: str, why: str) -> base.Reading:
    """Return the reading of a sign that cannot be read."""
    return base.Reading(name=name, value=None, detail=why)


def ask(
    session: base.Session, name: str, question: Callable[[], list[base.Reading]]
) -> list[base.Reading]:
    """Return the answer to one question; if it fails, one reading without a value.

    The session's transaction is afterwards what it was before, open or not.
    """
    try:
        with _aside(session):
            return question()
    except (sa.exc.SQLAlchemyError, errors.WhimbrelError) as error:
        return [unreadable(name, cause(session, error))]


def cause(session: base.Session, error: BaseException) -> str:
    """Return why a question failed, on one line."""
    if isinstance(error, errors.WhimbrelError):
        return error.cause or error.what
    return session.engine.cause(error)


@contextmanager
def _aside(session: base.Session) -> Iterator[None]:
    if not session.in_transaction:
        try:
            yield
        finally:
            session.rollback()
        return
    # Where a failure ends the transaction, it must end no more than this question.
    nested = session.connection.begin_nested()
    try:
        yield
    finally:
        nested.rollback()
