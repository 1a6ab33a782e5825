"""One runner per database: a session advisory lock, which dies with its session."""

from __future__ import annotations

import hashlib

from whimbrel import errors
from whimbrel.engines import base, holder

# The same 63-bit key for every Whimbrel; advisory locks are local to a database.
KEY = int.from_bytes(hashlib.sha256(b"whimbrel run lock").digest()[:8], "big") >> 1

# A key of 64 bits is shown in two halves; 1 says that it was not given as two.
_HELD = f"""
SELECT 1
  FROM pg_locks
 WHERE locktype = 'advisory' AND granted AND objsubid = 1
   AND classid::bigint = {KEY >> 32} AND objid::bigint = {KEY & 0xFFFFFFFF}
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class AdvisoryLock(base.RunLock):
    """pg_try_advisory_lock on the session that does the work.

    Because it is the same session, the lock outlives a killed client for as long as the
    server is still executing its last statement.
    """

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._held = False

    def acquire(self, holder_: base.Holder) -> None:
        rows = self._session.fetch(f"SELECT pg_try_advisory_lock({KEY})")
        self._session.commit()
        if not rows[0][0]:
            raise errors.LockHeld(
                holder.read(self._session),
                database=self._session.url,
                note="it is freed by the server as soon as that session ends",
            )
        self._held = True
        holder.write(self._session, holder_)

    def check(self) -> None:
        """A lost session cannot commit, so holding the session is holding the lock."""

    def release(self) -> None:
        if not self._held or self._session.gone:
            return
        self._held = False
        self._session.rollback()
        holder.erase(self._session)
        self._session.fetch(f"SELECT pg_advisory_unlock({KEY})")
        self._session.commit()

    def held_by(self) -> str | None:
        rows = self._session.fetch(_HELD)
        self._session.rollback()
        return holder.read(self._session) if rows else None
