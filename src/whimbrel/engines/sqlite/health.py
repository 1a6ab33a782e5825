"""How a SQLite file is: how much of its write-ahead log is not yet written back.

There is no server to ask, and no replica. That another program is writing shows itself when we
begin to write: whoever moves rows tries again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, cast

from whimbrel.engines import base, signs
from whimbrel.engines.sqlite import files

_HELD: Final = "of the write-ahead log that readers keep from being written back"


class SqliteHealth(base.Health):
    """What a file and its log tell; without a log (another journal mode) there is no sign."""

    def __init__(self, session: base.Session) -> None:
        self._driver = cast("sqlite3.Connection", session.connection.connection.driver_connection)
        self._read_only = session.read_only
        self._file = files.file_of(self._driver)

    def read(self) -> list[base.Reading]:
        if self._file is None:
            return []
        log = Path(f"{self._file}-wal")
        if not log.exists() or not log.stat().st_size:
            return [_growth(0)]
        if self._read_only:
            return [signs.unreadable(signs.LOG_GROWTH, "a session that only reads cannot tell it")]
        return [self._pending()]

    def lag(self) -> base.Reading:
        return signs.unreadable(signs.REPLICA_LAG, "SQLite has no replicas")

    def _pending(self) -> base.Reading:
        """Write back what can be written back, and return what is left.

        The size of the log's file tells nothing: it stays as large as it has ever been. Nor may
        we look into SQLite's own files, because closing one gives up SQLite's locks on it. A
        passive checkpoint waits for nobody; SQLite itself does it after every 1,000 pages.
        """
        if self._driver.in_transaction:
            return signs.unreadable(signs.LOG_GROWTH, "a transaction is open")
        try:
            _, pages, written = self._driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            page_size = self._driver.execute("PRAGMA page_size").fetchone()[0]
        except sqlite3.Error as error:
            return signs.unreadable(signs.LOG_GROWTH, str(error))
        if pages < 0:
            return signs.unreadable(signs.LOG_GROWTH, "another program is writing the log back")
        return _growth(max(0, pages - written) * int(page_size))


def _growth(size: int) -> base.Reading:
    return base.Reading(name=signs.LOG_GROWTH, value=size, unit="bytes", detail=_HELD)
