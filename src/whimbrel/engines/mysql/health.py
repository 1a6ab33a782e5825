"""How a MySQL or MariaDB server is: its queues, its undo history, and its lag as a replica.

A primary does not know how far its replicas are behind: each has to be asked itself. What other
users do is hidden from those without PROCESS; where the server counts it for everybody, that is
asked instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Final, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from whimbrel.engines import base, signs

if TYPE_CHECKING:
    import pymysql

_MAY_SEE_ALL: Final = """
SELECT count(*) FROM information_schema.user_privileges
 WHERE privilege_type = 'PROCESS'
   AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
"""
_THREADS: Final = """
SELECT id FROM information_schema.processlist
 WHERE command NOT IN ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')
"""
_RUNNING: Final = "Threads_running"
_ROW_LOCK_WAITS: Final = "Innodb_row_lock_current_waits"
_HISTORY_STATUS: Final = "Innodb_history_list_length"
_HISTORY_METRIC: Final = """
SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'
"""
# Refreshed by the server only when nobody has asked for 0.1 s.
_ROW_WAITERS: Final = """
SELECT p.id FROM information_schema.innodb_trx t
  JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
 WHERE t.trx_state = 'LOCK WAIT' AND (p.db = DATABASE() OR p.db IS NULL)
"""
# Named locks are the application's own affair.
_TABLE_WAITERS: Final = """
SELECT id FROM information_schema.processlist
 WHERE (state LIKE 'Waiting for%metadata lock' OR state LIKE 'Waiting for table%lock')
   AND (db = DATABASE() OR db IS NULL)
"""
_OLDEST: Final = """
SELECT TIMESTAMPDIFF(SECOND, MIN(trx_started), NOW()) FROM information_schema.innodb_trx
"""
# Every server knows one of them: MariaDB, MySQL, older ones.
_REPLICA_STATUS: Final = ("SHOW ALL REPLICAS STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
# ER_PARSE_ERROR.
_NOT_UNDERSTOOD: Final = 1064

# The server does not tell our own sessions from others of the same user: we remember them.
_ours: Final[WeakKeyDictionary[base.Session, int]] = WeakKeyDictionary()
_door: Final = Lock()


def remember(session: base.Session) -> None:
    """Count this session as one of ours: it is not load that batches have to wait for."""
    driver = cast("pymysql.Connection", session.connection.connection.driver_connection)
    with _door:
        _ours[session] = int(driver.thread_id())


class MysqlHealth(base.Health):
    """What a server tells, whichever of the two it is."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        remember(session)

    def read(self) -> list[base.Reading]:
        return [
            *signs.ask(self._session, signs.LOCK_QUEUE, self._lock_queue),
            *signs.ask(self._session, signs.ACTIVE_SESSIONS, self._sessions),
            *signs.ask(self._session, signs.UNDO_HISTORY, self._history),
        ]

    def lag(self) -> base.Reading:
        return signs.ask(self._session, signs.REPLICA_LAG, self._replayed)[0]

    # --- as a primary -----------------------------------------------------------------------

    def _lock_queue(self) -> list[base.Reading]:
        """Return who waits for rows or tables."""
        ours = self._our_ids()
        tables = self._ids(_TABLE_WAITERS)
        if self._sees_all():
            waiting = len((tables | self._ids(_ROW_WAITERS)) - ours)
            return [base.Reading(name=signs.LOCK_QUEUE, value=waiting, unit="sessions")]
        # Waits for rows are counted for everybody, also in other databases, also ours: too
        # many rather than too few. Waits for tables are seen of this user alone.
        counted = self._status(_ROW_LOCK_WAITS)
        if counted is None:
            return [signs.unreadable(signs.LOCK_QUEUE, _grant("how many sessions wait"))]
        waiting = int(counted) + len(tables - ours)
        return [base.Reading(name=signs.LOCK_QUEUE, value=waiting, unit="sessions")]

    def _sessions(self) -> list[base.Reading]:
        running = self._status(_RUNNING)
        if running is None:
            return [signs.unreadable(signs.ACTIVE_SESSIONS, "the server does not count them")]
        # Our own sessions are of our own user, whose threads are always shown.
        ours = len(self._ids(_THREADS) & self._our_ids())
        value = max(0, int(running) - ours)
        return [base.Reading(name=signs.ACTIVE_SESSIONS, value=value, unit="sessions")]

    def _history(self) -> list[base.Reading]:
        length = self._status(_HISTORY_STATUS)
        sees_all = self._sees_all()
        if length is None and sees_all:
            rows = self._session.fetch(_HISTORY_METRIC)
            length = str(rows[0][0]) if rows else None
        if length is None:
            return [signs.unreadable(signs.UNDO_HISTORY, _grant("how long it is"))]
        found = [base.Reading(name=signs.UNDO_HISTORY, value=int(length), unit="entries")]
        if sees_all:
            oldest = self._session.fetch(_OLDEST)[0][0]
            age = float(str(oldest or 0))
            found.append(base.Reading(name=signs.OLDEST_TRANSACTION, value=age, unit="s"))
        return found

    def _sees_all(self) -> bool:
        return bool(self._session.fetch(_MAY_SEE_ALL)[0][0])

    def _status(self, name: str) -> str | None:
        rows = self._session.fetch(f"SHOW GLOBAL STATUS LIKE '{name}'")
        return str(rows[0][1]) if rows else None

    def _ids(self, sql: str) -> set[int]:
        return {int(str(row[0])) for row in self._session.fetch(sql)}

    def _our_ids(self) -> set[int]:
        with _door:
            return {id for session, id in _ours.items() if session.url == self._session.url}

    # --- as a replica -----------------------------------------------------------------------

    def _replayed(self) -> list[base.Reading]:
        channels = self._channels()
        if not channels:
            return [signs.unreadable(signs.REPLICA_LAG, "this server is not a replica")]
        slowest = 0.0
        for status in channels:
            # The threads are called after slaves or replicas, the server master or source.
            told = {
                key.replace("Slave", "Replica").replace("Master", "Source"): value
                for key, value in status.items()
            }
            seconds = told.get("Seconds_Behind_Source")
            # One that has lost its primary has replayed all that it knows of, and knows little.
            if seconds is None or told.get("Replica_IO_Running") != "Yes":
                return [signs.unreadable(signs.REPLICA_LAG, _stopped(told))]
            slowest = max(slowest, float(str(seconds)))
        return [base.Reading(name=signs.REPLICA_LAG, value=slowest, unit="s")]

    def _channels(self) -> list[Mapping[str, object]]:
        for attempt, sql in enumerate(_REPLICA_STATUS, start=1):
            try:
                rows = self._session.connection.exec_driver_sql(sql).mappings().all()
            except sa.exc.DBAPIError as error:
                code = getattr(error.orig, "args", (None,))[0]
                if code != _NOT_UNDERSTOOD or attempt == len(_REPLICA_STATUS):
                    raise
            else:
                return [{str(key): value for key, value in row.items()} for row in rows]
        return []


def _grant(what: str) -> str:
    return f"this user may not see {what}:  GRANT PROCESS ON *.* TO …"


def _stopped(status: Mapping[str, object]) -> str:
    words = status.get("Last_SQL_Error") or status.get("Last_IO_Error")
    return f"its replication does not run{f': {words}' if words else ''}"
