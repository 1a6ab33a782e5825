"""One runner per database: a lease in a row, because no lock of SQLite outlives a transaction.

The row names its holder and when that gave its last sign of life. It is free for others when
the holder's process has gone, or has been silent for LEASE_SECONDS. A holder that was only slow
finds that out in `check`, inside its transaction, and commits nothing.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, words
from whimbrel.engines import base
from whimbrel.engines.sqlite import files
from whimbrel.engines.sqlite import session as sessions

LEASE_SECONDS: Final = 30.0
HEARTBEAT_SECONDS: Final = 5.0
# A holder needs the write lock for a moment at every sign of life.
_WAIT_SECONDS: Final = 2.0
# A sign of life does not wait for readers: while it waited, new ones would wait for it.
_BEAT_SECONDS: Final = 0.2

TABLE: Final = f"{base.OUR_PREFIX}lock"
_CREATE: Final = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  token TEXT NOT NULL,
  run TEXT NOT NULL,
  who TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  command TEXT NOT NULL,
  started_at TEXT NOT NULL,
  place TEXT NOT NULL,
  process TEXT NOT NULL,
  heartbeat_at TEXT NOT NULL
)"""
_TAKE: Final = f"""
INSERT OR REPLACE INTO {TABLE}
       (id, token, run, who, host, pid, command, started_at, place, process, heartbeat_at)
VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_READ: Final = f"""
SELECT token, run, who, host, pid, command, started_at, place, process, heartbeat_at
  FROM {TABLE}
 WHERE id = 1"""
_BEAT: Final = f"UPDATE {TABLE} SET heartbeat_at = ? WHERE id = 1 AND token = ?"
_FREE: Final = f"DELETE FROM {TABLE} WHERE id = 1 AND token = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The row: who holds the lease, and how to find out whether that still lives."""

    token: str
    holder: base.Holder
    place: str
    process: str
    heartbeat_at: datetime


class NoLock(base.RunLock):
    """A database in memory belongs to one connection alone."""

    def acquire(self, holder: base.Holder) -> None:
        """Nobody else can be there."""

    def check(self) -> None:
        """Nobody else can have come."""

    def release(self) -> None:
        """Nobody waits."""

    def held_by(self) -> str | None:
        """Nobody else can be there."""
        return None


class Lease(base.RunLock):
    """The row in whimbrel_lock, and the thread that keeps it fresh."""

    def __init__(
        self,
        session: base.Session,
        file: Path,
        clock: clocks.Clock,
        *,
        every: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._session = session
        self._file = file
        self._clock = clock
        self._every = every
        self._token = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # --- the contract -----------------------------------------------------------------------

    def acquire(self, holder: base.Holder) -> None:
        if self._session.in_transaction:
            raise errors.RefusedError("the lock is taken outside of a transaction")
        token = secrets.token_hex(16)
        # A connection of its own: what is waited for here is not the session's patience.
        connection = files.connect(self._file, mode="rw", timeout=_WAIT_SECONDS)
        try:
            self._take(connection, token, holder)
        finally:
            connection.close()
        self._token = token
        sessions.ours(self._session).neighbours.look()
        self._stop.clear()
        # A daemon: a runner that dies must not be kept alive by its own heartbeat.
        self._thread = threading.Thread(target=self._beat, name="whimbrel lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        sql, params = _BEAT, (clocks.stamp(self._clock.now()), self._token)
        open_ = self._session.in_transaction
        try:
            changed = self._session.execute(sql, params).changed
        except sa.exc.OperationalError as error:
            if "no such table" not in str(error.orig):
                raise
            changed = 0
        if changed != 1:
            raise errors.LockLost(database=self._session.url)
        if not open_:
            self._session.commit()

    def release(self) -> None:
        if not self._token:
            return
        token, self._token = self._token, ""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if not self._session.connection.closed:
            # What was not committed under the lock must not be committed without it.
            self._session.rollback()
        try:
            connection = files.connect(self._file, mode="rw")
        except sqlite3.Error:
            return  # the file is gone, and the lease with it
        try:
            connection.execute(_FREE, (token,))
        except sqlite3.Error:
            return  # somebody writes for long: our process ends, which frees it as well
        finally:
            connection.close()

    def held_by(self) -> str | None:
        # By the driver: our session would begin a transaction, and perhaps wait for it.
        driver = cast("sqlite3.Connection", self._session.connection.connection.driver_connection)
        held = _row(driver)
        return str(held.holder) if held is not None and self._lives(held) else None

    # --- taking it --------------------------------------------------------------------------

    def _take(self, connection: sqlite3.Connection, token: str, holder: base.Holder) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise self._unavailable(error) from None
            raise self._refusal(_read(connection), writing=True) from None
        try:
            connection.execute(_CREATE)
            held = _read(connection)
            if held is not None and self._lives(held):
                raise self._refusal(held, writing=False)
            now = clocks.stamp(self._clock.now())
            facts = (
                holder.run, holder.who, holder.host, holder.pid, holder.command, holder.started_at
            )  # fmt: skip
            process = _process(holder.pid) or ""
            connection.execute(_TAKE, (token, *facts, place(), process, now))
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise self._unavailable(error) from None
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _lives(self, held: _Held) -> bool:
        silent = self._clock.now() - held.heartbeat_at
        if silent > timedelta(seconds=LEASE_SECONDS):
            return False
        if held.place != place():
            return True  # another machine, or another container: only its signs of life count
        return _process(held.holder.pid) == held.process

    def _refusal(self, held: _Held | None, *, writing: bool) -> errors.LockHeld:
        if held is None:
            return errors.LockHeld(
                "a program that is writing to this database right now",
                database=self._session.url,
                note="SQLite does not say which program it is",
            )
        seconds = max((self._clock.now() - held.heartbeat_at).total_seconds(), 0.0)
        sign = f"its last sign of life was {words.duration(seconds)} ago"
        freed = f"when its process ends, or after {LEASE_SECONDS:.0f} s without a sign of life"
        if writing:
            sign += ", and a transaction is open, in which it can give none"
            freed = "when that ends, or its process"
        return errors.LockHeld(
            str(held.holder),
            database=self._session.url,
            note=f"{sign};\nthe lock is freed {freed}",
        )

    def _unavailable(self, error: sqlite3.Error) -> errors.DatabaseUnavailable:
        return errors.DatabaseUnavailable(
            database=self._session.url,
            cause=str(error),
            remedy=files.remedy(str(error), self._file),
        )

    # --- keeping it -------------------------------------------------------------------------

    def _beat(self) -> None:
        """Give a sign of life again and again, until told to stop or until the lease is lost."""
        connection: sqlite3.Connection | None = None
        token = self._token
        # Event.wait and not the clock's sleep: `release` must not wait for the next beat.
        while not self._stop.wait(self._every):
            try:
                if connection is None:
                    connection = files.connect(self._file, mode="rw", timeout=_BEAT_SECONDS)
                beat = connection.execute(_BEAT, (clocks.stamp(self._clock.now()), token))
                if beat.rowcount != 1:
                    break  # `check` will say so where it matters
                # Not the work of another program.
                sessions.ours(self._session).neighbours.forget()
            except sqlite3.Error:
                # Our own session holds the write lock, most likely, and then nobody can take
                # the lease either. It is tried again at the next beat.
                continue
        if connection is not None:
            connection.close()


def _read(connection: sqlite3.Connection) -> _Held | None:
    try:
        return _row(connection)
    except sqlite3.OperationalError:
        return None  # somebody is just committing


def _row(connection: sqlite3.Connection) -> _Held | None:
    try:
        row = connection.execute(_READ).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return None
    if row is None:
        return None
    return _Held(
        token=row[0],
        holder=base.Holder(
            run=row[1], who=row[2], host=row[3], pid=row[4], command=row[5], started_at=row[6]
        ),
        place=row[7],
        process=row[8],
        heartbeat_at=clocks.read_stamp(row[9]),
    )


_PROC: Final = ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid")


def place() -> str:
    """Return where process numbers mean the same: this machine since its start, its container."""
    found = [Path(file) for file in _PROC]
    try:
        parts = [str(f.readlink()) if f.is_symlink() else f.read_text().strip() for f in found]
    except OSError:
        return f"host {socket.gethostname()}"
    return "/".join(parts)


def _process(pid: int) -> str | None:
    """Return what tells a process of this machine from a later one of its number, None if gone."""
    if not Path(_PROC[0]).exists():
        return _exists(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold anything; the 22nd field is the start.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def _exists(pid: int) -> str | None:
    if os.name != "posix":
        return "unknown"  # only signs of life are believed
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it is there, and belongs to somebody else
    return "there"
