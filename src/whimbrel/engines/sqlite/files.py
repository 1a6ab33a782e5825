"""Open the file of an SQLite database by the driver, and say in words what stands in the way.

Which settings a session has is the work of `engine`.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines.sqlite import functions

# How long a statement waits for another writer.
BUSY_SECONDS: Final = 5.0
# Changed pages that do not fit are written early, and then readers are kept out until the commit.
_CACHE_KILOBYTES: Final = 16 * 1024
# Generated columns, table_xinfo, legacy_alter_table, RETURNING.
OLDEST: Final = (3, 35, 0)
_EXAMPLES: Final = ("sqlite:///app.db", "sqlite:////var/lib/app/app.db", "sqlite://")
# So many instructions of SQLite's machine are some milliseconds.
INSTRUCTIONS: Final = 200_000
_SIDE_FILES: Final = ("-wal", "-shm")


def path_of(url: sa.URL) -> Path | None:
    """Return the file that a URL names, None for a database in memory; raise BadUrl."""
    shown = url.render_as_string(hide_password=True)
    if url.host or url.username or url.port:
        raise errors.BadUrl(
            shown, why="it names a server; a file is written with three slashes", known=_EXAMPLES
        )
    if url.query:
        raise errors.BadUrl(
            shown, why=f"it has options we do not know: {', '.join(url.query)}", known=_EXAMPLES
        )
    if url.database in (None, "", ":memory:"):
        return None
    return Path(os.path.abspath(str(url.database)))  # noqa: PTH100  resolve() follows links


def connect(
    path: Path | None, *, mode: str = "rwc", timeout: float = BUSY_SECONDS
) -> sqlite3.Connection:
    """Open a database; `mode` is ro, rw or rwc as in SQLite's file names, None is in memory."""
    if path is None:
        return sqlite3.connect(":memory:", isolation_level=None, timeout=timeout)
    # as_uri() writes ?, #, % and blanks so that they stay part of the name.
    uri = f"{path.as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)


def open_checked(path: Path | None, *, read_only: bool, database: str) -> sqlite3.Connection:
    """Open a database that can really be read, and written; raise DatabaseUnavailable."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise errors.DatabaseUnavailable(
            database=database,
            cause=f"this Python has SQLite {sqlite3.sqlite_version}, "
            f"and Whimbrel needs {'.'.join(map(str, OLDEST[:2]))} or later",
            remedy="use a Python that was built with a newer SQLite",
        )
    _check_place(path, database=database)
    if read_only and path is not None and not path.exists():
        path = None  # looking must not make a file
    connection = None
    try:
        if path is not None and read_only:
            _recover(path)
        elif path is not None:
            _check_writing(path)
        connection = connect(path, mode="ro" if read_only else "rwc")
        functions.register(connection)
        connection.execute("PRAGMA legacy_alter_table = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        # The first look into the file: whether it is a database at all.
        connection.execute("SELECT count(*) FROM sqlite_master").close()
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
    except (sqlite3.Error, PermissionError) as error:
        if connection is not None:
            connection.close()
        cause = str(error)
        raise errors.DatabaseUnavailable(
            database=database, cause=cause, remedy=remedy(cause, path)
        ) from None
    return connection


def _recover(path: Path) -> None:
    """Let SQLite take back what a killed writer left half done; who only reads may not do it."""
    looking = connect(path, mode="ro")
    try:
        looking.execute("SELECT count(*) FROM sqlite_master").close()
        return
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error):
            raise
    finally:
        looking.close()
    writing = connect(path, mode="rw")
    try:
        writing.execute("SELECT count(*) FROM sqlite_master").close()
    finally:
        writing.close()


def _check_place(path: Path | None, *, database: str) -> None:
    if path is None:
        return
    cause = remedy = ""
    if path.is_dir():
        cause, remedy = f"{path} is a folder", f"name a file in it:  sqlite:///{path}/app.db"
    elif not path.parent.exists():
        cause, remedy = f"the folder {path.parent} does not exist", f"mkdir -p {path.parent}"
    elif not path.parent.is_dir():
        cause, remedy = f"{path.parent} is not a folder", "correct the path in the URL"
    if cause:
        raise errors.DatabaseUnavailable(database=database, cause=cause, remedy=remedy)


def _check_writing(path: Path) -> None:
    """Find out now that a file cannot be written, and not in the middle of a migration.

    SQLite opens such a file all the same, and complains at the first change.
    """
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"the file {path} is read-only")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"the folder {path.parent} is read-only, and a journal has to be in it"
        )


def remedy(cause: str, path: Path | None) -> str:
    if "readonly" in cause or "read-only" in cause:
        return f"make both writable:  chmod u+w '{path}' '{path.parent if path else ''}'"
    if "not a database" in cause:
        return "it is another kind of file, or encrypted: correct the path in the URL"
    if "malformed" in cause:
        return "the file is damaged: restore it from a backup, or try SQLite's own  .recover"
    if "locked" in cause:
        return "another program is using it: wait until it ends, then run the command again"
    if "full" in cause:
        return "make room on the disk, then run the command again"
    return f"see who may open it:  ls -l '{path}'"


def file_of(connection: sqlite3.Connection) -> Path | None:
    """Return the file behind an open connection, None for a database in memory."""
    rows = connection.execute("PRAGMA database_list").fetchall()
    name = next((str(row[2] or "") for row in rows if row[1] == "main"), "")
    return Path(name) if name else None


def side_files(path: Path) -> list[Path]:
    """Return the files that SQLite keeps beside one in WAL mode, as far as they are there."""
    found = [Path(f"{path}{suffix}") for suffix in _SIDE_FILES]
    return [file for file in found if file.exists()]


def tidy(path: Path) -> None:
    """Let SQLite remove the empty files that reading a WAL database has left beside it.

    A reader may make them but not remove them. The last connection that may write removes them
    when it closes; with an empty WAL it changes nothing else.
    """
    left = side_files(path)
    if any(file.name.endswith("-wal") and file.stat().st_size for file in left) or not left:
        return
    try:
        connection = connect(path, mode="rw", timeout=0)
    except sqlite3.Error:
        return  # nothing is wrong with files that stay
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").close()
    except sqlite3.Error:
        return
    finally:
        connection.close()
