"""Tell failures of SQLite apart by its result codes, and by its words where a code says little."""

from __future__ import annotations

import sqlite3
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, faults

# What the driver says when a deadline has ended a statement; see `SqliteSession.driving`.
TIMED_OUT: Final = "the statement took longer than it may"
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DATA: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}
)
# All of these have the code that wrong SQL has too.
_DATA_WORDS: Final = (
    "malformed json",
    "json cannot hold blob values",
    "integer overflow",
    "user-defined function raised exception",
    "user-defined aggregate",
    "escape expression must be a single character",
    "like or glob pattern too complex",
)


def fault(error: BaseException) -> base.Fault:
    """Say what kind of failure an exception is."""
    if isinstance(error, errors.DatabaseUnavailable) and isinstance(
        error.__context__, sa.exc.OperationalError
    ):
        error = error.__context__  # no transaction could begin
    known = faults.common(error)
    if known is not None:
        return known
    original = faults.driver_error(error)
    if not isinstance(original, sqlite3.Error):
        return faults.common(original) or base.Fault.OTHER
    words = str(original).lower()
    if words == TIMED_OUT:
        return base.Fault.TIMEOUT
    code = (getattr(original, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _LOCKED or "database is locked" in words:
        return base.Fault.LOCKED
    if isinstance(original, (sqlite3.IntegrityError, sqlite3.DataError)) or code in _DATA:
        return base.Fault.DATA
    if "closed database" in words:
        return base.Fault.GONE
    if any(word in words for word in _DATA_WORDS):
        return base.Fault.DATA
    return base.Fault.OTHER
