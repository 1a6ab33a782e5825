"""How a PostgreSQL server is: its replicas, its queues, and the log that it cannot let go.

What other users do is hidden from those without the role pg_monitor. A sign that is hidden is
unreadable, never zero.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from whimbrel.engines import base, signs

_MONITOR: Final = "this user may not see it:  GRANT pg_monitor TO …"
# So many moments are remembered to tell how old a position in the log is.
_MOMENTS: Final = 4096

# A backup and a receiver of log files never replay anything.
_REPLICAS: Final = """
SELECT pid, application_name, host(client_addr), state,
       replay_lsn - '0/0'::pg_lsn, extract(epoch FROM replay_lag)
  FROM pg_stat_replication
 WHERE state IS NULL OR (state <> 'backup' AND (replay_lsn IS NOT NULL OR state <> 'streaming'))
 ORDER BY application_name, client_addr, pid
"""
_HERE: Final = """
SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, extract(epoch FROM clock_timestamp())
"""

# Our own sessions: of the same user, from the same place, under the same name.
_OURS: Final = """
  (a.usename = current_user
   AND a.application_name = current_setting('application_name')
   AND a.client_addr IS NOT DISTINCT FROM inet_client_addr())
"""
# Locks are shown to everybody, what a session waits for is not.
_LOCK_QUEUE: Final = f"""
SELECT count(DISTINCT l.pid)
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE NOT l.granted AND a.datname = current_database() AND NOT {_OURS}
"""
_SESSIONS: Final = f"""
SELECT count(*) FILTER (WHERE a.state = 'active'),
       count(*) FILTER (WHERE a.state IS NULL AND a.usename <> current_user),
       max(extract(epoch FROM clock_timestamp() - a.xact_start))
  FROM pg_stat_activity a
 WHERE (a.backend_type = 'client backend' OR a.backend_type IS NULL)
   AND a.pid <> pg_backend_pid() AND NOT {_OURS}
"""

_SLOTS: Final = """
SELECT slot_name, pg_current_wal_lsn() - restart_lsn
  FROM pg_replication_slots
 WHERE restart_lsn IS NOT NULL
 ORDER BY 2 DESC
 LIMIT 1
"""
_ARCHIVER: Final = """
SELECT current_setting('archive_mode') <> 'off', last_archived_wal, failed_count,
       pg_current_wal_lsn() - '0/0'::pg_lsn, pg_size_bytes(current_setting('wal_segment_size'))
  FROM pg_stat_archiver
"""
_SEGMENT: Final = re.compile(r"[0-9A-F]{8}([0-9A-F]{8})([0-9A-F]{8})")

_REPLAYED: Final = """
SELECT pg_is_in_recovery(),
       pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn(),
       extract(epoch FROM clock_timestamp()),
       extract(epoch FROM pg_last_xact_replay_timestamp()),
       EXISTS (SELECT FROM pg_stat_wal_receiver)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """Where the log stood at some time, by the server's own clock."""

    seconds: float
    position: float


class PostgresHealth(base.Health):
    """What a server tells; it remembers what it has read, to tell for how long it is so."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._moments: deque[_Moment] = deque(maxlen=_MOMENTS)
        self._level_at: float | None = None

    def read(self) -> list[base.Reading]:
        return [
            *signs.ask(self._session, signs.REPLICA_LAG, self._replicas),
            *signs.ask(self._session, signs.LOCK_QUEUE, self._lock_queue),
            *signs.ask(self._session, signs.ACTIVE_SESSIONS, self._sessions),
            *signs.ask(self._session, signs.LOG_GROWTH, self._log),
        ]

    def lag(self) -> base.Reading:
        return signs.ask(self._session, signs.REPLICA_LAG, self._replayed)[0]

    # --- as a primary -----------------------------------------------------------------------

    def _replicas(self) -> list[base.Reading]:
        here, now = (_number(value) for value in self._session.fetch(_HERE)[0])
        rows = self._session.fetch(_REPLICAS)
        self._moments.append(_Moment(seconds=now, position=here))
        same_name: Counter[str] = Counter()
        found = []
        for _, application, address, state, replayed, reported in rows:
            name = f"replica {application}" + (f" at {address}" if address else "")
            same_name[name] += 1
            if same_name[name] > 1:
                name += f" #{same_name[name]}"
            if state is None:
                found.append(signs.unreadable(signs.REPLICA_LAG, f"{name}: {_MONITOR}"))
            elif state != "streaming":
                found.append(signs.unreadable(signs.REPLICA_LAG, f"{name} is not streaming yet"))
            else:
                # The server measures more finely, but not before a replica has once kept up;
                # and it says for a while how slow one was that has nothing left to do.
                position = _number(replayed)
                value = max(_number(reported or 0), self._age(position, now))
                if position >= here:
                    value = 0.0
                found.append(
                    base.Reading(name=signs.REPLICA_LAG, value=value, unit="s", detail=name)
                )
        return found

    def _age(self, replayed: float, now: float) -> float:
        """Return for how long the log has been further than this, as far as we have seen."""
        return next((now - m.seconds for m in self._moments if m.position > replayed), 0.0)

    def _lock_queue(self) -> list[base.Reading]:
        waiting = _number(self._session.fetch(_LOCK_QUEUE)[0][0])
        return [base.Reading(name=signs.LOCK_QUEUE, value=waiting, unit="sessions")]

    def _sessions(self) -> list[base.Reading]:
        active, hidden, oldest = self._session.fetch(_SESSIONS)[0]
        if hidden:
            return [signs.unreadable(signs.ACTIVE_SESSIONS, _MONITOR)]
        return [
            base.Reading(name=signs.ACTIVE_SESSIONS, value=_number(active), unit="sessions"),
            base.Reading(name=signs.OLDEST_TRANSACTION, value=_number(oldest or 0), unit="s"),
        ]

    def _log(self) -> list[base.Reading]:
        """Return what is kept of the log because a slot or the archive has not had it yet."""
        kept, whose = 0.0, "of the log that is kept"
        for slot, size in self._session.fetch(_SLOTS):
            kept, whose = max(0.0, _number(size)), f"of the log kept for replication slot {slot}"
        archives, last, failures, here, segment = self._session.fetch(_ARCHIVER)[0]
        if archives:
            found = _SEGMENT.match(str(last or ""))
            if found is None and failures:
                return [signs.unreadable(signs.LOG_GROWTH, "the log has never been archived")]
            if found is not None:
                archived = (int(found[1], 16) << 32) + (int(found[2], 16) + 1) * int(str(segment))
                waiting = max(0.0, _number(here) - archived)
                if waiting > kept:
                    kept, whose = waiting, "of the log not archived yet"
        return [base.Reading(name=signs.LOG_GROWTH, value=kept, unit="bytes", detail=whose)]

    # --- as a replica -----------------------------------------------------------------------

    def _replayed(self) -> list[base.Reading]:
        replica, behind, now, replayed_at, receives = self._session.fetch(_REPLAYED)[0]
        if not replica:
            return [signs.unreadable(signs.REPLICA_LAG, "this server is not a replica")]
        # Without its primary a replica has replayed all that it knows of, and knows little.
        if not receives:
            return [signs.unreadable(signs.REPLICA_LAG, "it has no connection to its primary")]
        moment = _number(now)
        if behind is None or _number(behind) <= 0:
            self._level_at = moment
            return [base.Reading(name=signs.REPLICA_LAG, value=0.0, unit="s")]
        known = [t for t in (self._level_at, replayed_at) if t is not None]
        if not known:
            why = "it has replayed no transaction since it was started"
            return [signs.unreadable(signs.REPLICA_LAG, why)]
        # The last transaction may be old because nobody wrote, not because we are late.
        seconds = max(0.0, moment - max(_number(t) for t in known))
        return [base.Reading(name=signs.REPLICA_LAG, value=seconds, unit="s")]


def _number(value: object) -> float:
    return float(str(value))
