"""How a lock on tables is waited for: for less than a second, and never behind a long transaction.

Who waits for such a lock is waited for by everybody who comes after. So it is asked first who
holds it; then it is tried without a wait, and where nobody can be long at the table, it is waited
for. MariaDB has words for both; elsewhere a second session ends the statement that waits.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from whimbrel import clock as clocks
from whimbrel.engines import base, mirroring, mirrors
from whimbrel.engines.mysql import session as sessions

# A transaction of which it is known only that it is open is a long one after this time.
LONG_SECONDS: Final = 2
# For how many times the seconds of a wait a table is tried for before one stands in its queue.
_TRIES: Final = 2
_PAUSES: Final = (0.0005, 0.004)
# Interrupted, a lock wait, NOWAIT, max_statement_time, too long.
BUSY: Final = frozenset({1205, 1317, 1969, 3024, 3572})
_MAY_NOT: Final = frozenset({1227, 1142})

# MariaDB has it where a plugin is there, MySQL always: who holds the name of a table.
_PLUGIN: Final = """
SELECT count(*) FROM information_schema.plugins
 WHERE plugin_name = 'METADATA_LOCK_INFO' AND plugin_status = 'ACTIVE'
"""
_BY_PLUGIN: Final = """
SELECT DISTINCT thread_id FROM information_schema.metadata_lock_info
 WHERE table_schema = DATABASE() AND table_name IN ({names})
"""
_INSTRUMENTED: Final = """
SELECT count(*) FROM performance_schema.setup_instruments
 WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES' AND @@performance_schema
"""
_BY_SCHEMA: Final = """
SELECT DISTINCT t.processlist_id FROM performance_schema.metadata_locks m
  JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
 WHERE m.object_type = 'TABLE' AND m.lock_status = 'GRANTED'
   AND m.object_schema = DATABASE() AND m.object_name IN ({names})
"""
_OPEN: Final = """
SELECT p.id, p.user, p.host, p.info,
       GREATEST(TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), 0)
  FROM information_schema.innodb_trx t
  JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
 WHERE p.id <> CONNECTION_ID() AND (p.db = DATABASE() OR p.db IS NULL)
"""
_RUNNING: Final = """
SELECT id, user, host, info, time FROM information_schema.processlist
 WHERE id <> CONNECTION_ID() AND id IN ({ids})
"""


class Locks:
    """Who holds tables on the server of a session, and how one gets them."""

    def __init__(self, session: base.Session, *, names_limits: bool) -> None:
        self._session = session
        self._mysql = sessions.ours(session)
        self._names_limits = names_limits

    # --- who ------------------------------------------------------------------------------------

    def holders(self, names: list[str]) -> list[mirrors.Blocker] | None:
        """Return who holds one of these tables, the longest first; None if nobody can say."""
        ids = self._ids(names)
        if ids is None:
            return None
        found = {int(str(row[0])): row for row in self._transactions()}
        rest = ids - set(found)
        if rest:
            listed = ", ".join(map(str, sorted(rest)))
            for row in self._mysql.send(_RUNNING.format(ids=listed)):
                found[int(str(row[0]))] = row
        return _told(row for key, row in found.items() if key in ids)

    def transactions(self) -> list[mirrors.Blocker]:
        """Return the open transactions of others in this database, the longest first."""
        return _told(self._transactions())

    def _transactions(self) -> list[base.Row]:
        try:
            return self._mysql.send(_OPEN)
        except self._errors as error:
            if code(error) in _MAY_NOT:
                return []
            raise

    def _ids(self, names: list[str]) -> set[int] | None:
        listed = ", ".join(f"'{_escaped(name)}'" for name in names)
        own = int(self._mysql.driver.thread_id())
        for known, query in ((_PLUGIN, _BY_PLUGIN), (_INSTRUMENTED, _BY_SCHEMA)):
            try:
                if self._mysql.send(known)[0][0]:
                    rows = self._mysql.send(query.format(names=listed))
                    return {int(str(row[0])) for row in rows if row[0] is not None} - {own}
            except self._errors as error:
                if code(error) not in _MAY_NOT:
                    raise
        return None

    @property
    def _errors(self) -> type[Exception]:
        return self._session.connection.dialect.loaded_dbapi.Error

    # --- having ---------------------------------------------------------------------------------

    @contextmanager
    def alone_with(self, names: list[str], *, seconds: float) -> Iterator[None]:
        """Let nobody else at these tables inside the block, or raise Busy."""
        quote = self._session.engine.quote
        listed = ", ".join(f"{quote(name)} WRITE" for name in names)
        self.send(f"LOCK TABLES {listed}", names, seconds=seconds)
        try:
            yield
        finally:
            if not self._session.gone:
                self._mysql.send("UNLOCK TABLES")

    def send(self, sql: str, names: list[str], *, seconds: float) -> None:
        """Send a statement that needs these tables for itself, or raise Busy; it is done or not."""
        self._session.commit()
        holders = self.holders(names)
        if holders and holders[0].seconds >= max(LONG_SECONDS, seconds):
            raise mirrors.Busy(holders)
        unknown = holders is None and any(
            one.seconds >= max(LONG_SECONDS, seconds) for one in self.transactions()
        )
        try:
            if not self._names_limits:
                self._wait(sql, seconds=seconds)
            elif not self._try(sql, seconds=seconds if unknown else _TRIES * seconds):
                if unknown:
                    raise mirrors.Busy(self.transactions())
                self._wait(sql, seconds=seconds)
        except self._errors as error:
            if code(error) not in BUSY:
                raise
            said = self.holders(names)
            raise mirrors.Busy(self.transactions() if said is None else said) from error

    def _try(self, sql: str, *, seconds: float) -> bool:
        """Send a statement again and again for a time; it never stands in a queue.

        Who has read a table and goes on to write it, in one transaction, is in a deadlock with
        whoever waits for the table in between, and the server ends it at the cost of the former.
        Return whether it was had.
        """
        until = clocks.SYSTEM.seconds() + seconds
        while True:
            try:
                self._mysql.send(f"SET STATEMENT lock_wait_timeout = 0 FOR {sql}")
            except self._errors as error:
                if code(error) not in BUSY:
                    raise
                if clocks.SYSTEM.seconds() >= until:
                    return False
                clocks.SYSTEM.sleep(min(random.uniform(*_PAUSES), seconds))
            else:
                return True

    def _wait(self, sql: str, *, seconds: float) -> None:
        if self._names_limits:
            self._mysql.send(f"SET STATEMENT max_statement_time = {seconds:.6f} FOR {sql}")
            return
        timer = threading.Timer(seconds, self._session.engine.interrupt, [self._session])
        timer.start()
        try:
            self._mysql.send(sql)
        finally:
            timer.cancel()
            timer.join()


def code(error: BaseException) -> object:
    """Return the number of a driver's error."""
    arguments = getattr(error, "args", ())
    return arguments[0] if arguments else None


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "''")


def _told(rows: object) -> list[mirrors.Blocker]:
    found = []
    for id_, user, host, info, seconds in rows:  # type: ignore[attr-defined]
        doing = mirroring.masked(str(info)) if info else "a transaction that is open, and waits"
        found.append(
            mirrors.Blocker(
                who=f"{user}@{str(host).partition(':')[0]} (connection {id_})",
                seconds=float(str(seconds)),
                what=doing,
            )
        )
    return sorted(found, key=lambda one: -one.seconds)
