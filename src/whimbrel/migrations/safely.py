"""Do what a step asks for in a way that lets others work on the table meanwhile.

An index is built beside its writers, a constraint is added for new rows first and then proven of
the others, and no statement stands in front of others for long while it waits for its lock. What
each engine says for that is its own (engines/*/ddl.py); here is decided when.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base
from whimbrel.migrations import operations as ops
from whimbrel.migrations.checks import watch

# A statement that waits for its lock makes all who come after it wait: it gives up so soon, and
# tries again later.
LOCK_SECONDS: Final = 1.0
ATTEMPTS: Final = 8
_LONGEST_PAUSE: Final = 2.0

_Safe = ops.CreateIndex | ops.AddForeignKey | ops.AddCheck | ops.AddUnique | ops.ChangeColumn
_T = TypeVar("_T")


def rewritten(
    operation: ops.Operation, ddl: base.Ddl, *, large: Callable[[str], bool], fresh: bool
) -> ops.Operation:
    """Return an operation as it is done beside others, if its table is `large` and there is a way.

    A `fresh` one has not been begun: what has its name is not a half of it, but somebody else's.
    """
    if not isinstance(operation, _Safe) or ddl.catalog.find(operation.table) is None:
        return operation
    if isinstance(operation, ops.CreateIndex) and operation.concurrently:
        return operation
    if fresh and operation.before(ddl.catalog).get("there"):
        return operation
    if not large(operation.table) or operation.beside(ddl) is None:
        return operation
    return dataclasses.replace(operation, safely=True)


def begun(operation: ops.Operation, before: Mapping[str, object]) -> ops.Operation:
    """Return an interrupted operation, so that what it left beside others is known for its own."""
    if not isinstance(operation, _Safe) or before.get("there"):
        return operation
    return dataclasses.replace(operation, safely=True)


class Large:
    """Asks whether a table is large, and whether anything can be done beside its users."""

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def __call__(self, table: str) -> bool:
        name = self._session.engine.quote(table)
        rows = self._session.fetch(
            f"SELECT count(*) FROM (SELECT 1 AS one FROM {name} LIMIT {watch.LARGE}) AS first_rows"
        )
        if int(str(rows[0][0])) < watch.LARGE:
            return False
        return self._session.engine.tolls(self._session).beside(table)


def patiently(
    session: base.Session,
    send: Callable[[], _T],
    *,
    alone: bool,
    clock: clocks.Clock,
    chance: Callable[[], float] = random.random,
) -> _T:
    """Send a change of schema; where others hold the table, step back and try again.

    Between two attempts nobody waits behind us. Each pause is a random part of one twice as long
    as the last, so that several who wait do not meet again. The last attempt is as patient as the
    session was. `alone` sends it outside of a transaction.
    """
    attempt = _outside if alone else _inside
    for number in range(ATTEMPTS):
        try:
            return attempt(session, send, LOCK_SECONDS)
        except sa.exc.DBAPIError as error:
            if session.gone or session.engine.fault(error) is not base.Fault.LOCKED:
                raise
        clock.sleep(chance() * min(_LONGEST_PAUSE, 0.05 * 2**number))
    return attempt(session, send, None)


def once(session: base.Session, send: Callable[[], _T], *, alone: bool, seconds: float) -> _T:
    """Send a change of schema that waits so long for its lock, and fails then with that alone."""
    return (_outside if alone else _inside)(session, send, seconds)


def _outside(session: base.Session, send: Callable[[], _T], seconds: float | None) -> _T:
    with session.outside_transaction():
        session.engine.lock_limit(session, seconds)
        try:
            return send()
        finally:
            if not session.gone:
                session.engine.lock_limit(session, None)


def _inside(session: base.Session, send: Callable[[], _T], seconds: float | None) -> _T:
    engine = session.engine
    if not engine.can.transactional_ddl:
        engine.lock_limit(session, seconds)
        try:
            return send()
        finally:
            if not session.gone:
                engine.lock_limit(session, None)
    # A failure is taken back alone, so that the next attempt still has its transaction.
    session.begin()
    nested = session.connection.begin_nested()
    try:
        engine.lock_limit(session, seconds)
        done = send()
        engine.lock_limit(session, None)
    except BaseException:
        if nested.is_active and not session.gone:
            nested.rollback()
        raise
    nested.commit()
    return done
