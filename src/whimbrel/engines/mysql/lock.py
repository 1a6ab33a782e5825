"""One runner per database: GET_LOCK, which dies with its session."""

from __future__ import annotations

import hashlib

from whimbrel import errors
from whimbrel.engines import base, holder


class NamedLock(base.RunLock):
    """GET_LOCK on the session that does the work.

    Because it is the same session, the lock outlives a killed client for as long as the
    server is still executing its last statement: no second runner sees a half-done ALTER.
    """

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._name = ""

    def acquire(self, holder_: base.Holder) -> None:
        name = self._name_here()
        rows = self._session.fetch("SELECT GET_LOCK(%s, 0)", [name])
        self._session.commit()
        if rows[0][0] != 1:
            raise errors.LockHeld(
                holder.read(self._session),
                database=self._session.url,
                note="it is freed by the server as soon as that session ends",
            )
        self._name = name
        holder.write(self._session, holder_)

    def check(self) -> None:
        """A lost session cannot commit, so holding the session is holding the lock."""

    def release(self) -> None:
        if not self._name or self._session.gone:
            return
        self._session.rollback()
        holder.erase(self._session)
        self._session.fetch("SELECT RELEASE_LOCK(%s)", [self._name])
        self._session.commit()
        self._name = ""

    def held_by(self) -> str | None:
        rows = self._session.fetch("SELECT IS_USED_LOCK(%s)", [self._name_here()])
        self._session.rollback()
        return None if rows[0][0] is None else holder.read(self._session)

    def _name_here(self) -> str:
        # Names are global to the server and at most 64 characters long.
        database = str(self._session.fetch("SELECT DATABASE()")[0][0])
        return "whimbrel:" + hashlib.sha256(database.encode()).hexdigest()[:40]
