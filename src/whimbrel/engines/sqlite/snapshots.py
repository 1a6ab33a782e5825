"""One moment of an SQLite database to read from, and how far it has got.

A file tells by its time and size that somebody wrote to it. We must not look into it ourselves:
closing a file gives up the locks that SQLite holds on it in this process.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, bulk
from whimbrel.engines.sqlite import files
from whimbrel.engines.sqlite import session as sessions

# File systems note times by the ticks of the machine, at most 10 ms apart.
_TICK_SECONDS: Final = 0.02
# A log is on its disk by then, and what is in it is seen.
_LOG_REST_SECONDS: Final = 0.1
_TRIES: Final = 5

_BESIDE_WRITERS: Final = "a snapshot: what others commit meanwhile is not seen, and nobody waits"
_BEFORE_WRITERS: Final = (
    "a read lock: nobody can commit until it ends, because the file has no write-ahead log"
)
_ALONE: Final = "a database in memory, which nobody else can reach"


def take(session: sessions.SqliteSession, token: str | None) -> base.Snapshot:
    """Open a transaction that only reads, and pin it to the moment of its first look."""
    if token is not None:
        raise errors.RefusedError(
            "the moment of another session cannot be read: SQLite hands out no snapshots",
            remedy="open a snapshot of its own, without a token",
        )
    if session.in_transaction or session.driver.in_transaction:
        raise errors.RefusedError("a transaction is open where none may be")
    before, session.only_reads = session.only_reads, True
    try:
        # Before the moment, so that whoever writes in between is seen later and not overlooked.
        at = position(session)
        session.begin()
        session.fetch("SELECT count(*) FROM sqlite_master")
    except sa.exc.OperationalError as error:
        session.rollback()
        if "locked" not in str(error.orig):
            raise
        raise errors.DatabaseUnavailable(
            database=session.url,
            cause=f"{error.orig}: another program has been writing for {files.BUSY_SECONDS:.0f} s",
            remedy="wait until it ends, then run the command again",
        ) from None
    except BaseException:
        session.rollback()
        raise
    finally:
        session.only_reads = before
    return base.Snapshot(position=at, kind=_kind(session.driver))


def _kind(driver: sqlite3.Connection) -> str:
    if files.file_of(driver) is None:
        return _ALONE
    mode = str(driver.execute("PRAGMA journal_mode").fetchone()[0])
    return _BESIDE_WRITERS if mode == "wal" else _BEFORE_WRITERS


def position(session: sessions.SqliteSession) -> str:
    """Return what the file and its log look like at rest; in memory, what has been done so far."""
    driver = session.driver
    file = files.file_of(driver)
    if file is None:
        versions = [driver.execute(f"PRAGMA {word}").fetchone()[0] for word in _VERSIONS]
        return "-".join(map(str, (driver.total_changes, *versions)))
    with bulk.driving(session), session.driving():
        return _at_rest(driver, file)


_VERSIONS: Final = ("schema_version", "user_version", "application_id")


def _at_rest(driver: sqlite3.Connection, file: Path) -> str:
    """Return time and size of a database's files.

    Who writes again within the same tick of the clock leaves the same time, so we wait until it
    is over. While somebody commits, the log is written before anybody sees what is in it, so we
    wait a little longer. A database that does not come to rest is at a new position each time.
    """
    for _ in range(_TRIES):
        found = _stamps(driver, file)
        age = time.time() - max(stamp.st_mtime for stamp in found)
        rest = _LOG_REST_SECONDS if len(found) > 1 else _TICK_SECONDS
        if not 0 <= age < rest:
            return "/".join(f"{s.st_ino:x}-{s.st_size:x}-{s.st_mtime_ns:x}" for s in found)
        time.sleep(rest - age)
    return f"{secrets.token_hex(8)} (being written to)"


def _stamps(driver: sqlite3.Connection, file: Path) -> list[os.stat_result]:
    """Look at the file, while nobody is in the middle of a commit to it, and at its log."""
    # Its rows are not fetched, so that SQLite keeps its lock on the file.
    cursor = driver.execute("SELECT 1 FROM sqlite_master UNION ALL SELECT 1")
    try:
        found = [file.stat()]
    finally:
        cursor.close()
    try:
        log = Path(f"{file}-wal").stat()
    except FileNotFoundError:
        return found
    # Whoever only reads may leave an empty one.
    return [*found, log] if log.st_size else found
