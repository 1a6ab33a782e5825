"""Copies of an SQLite database: its pages by SQLite's own online backup, and files put in place.

The backup is read in the transaction that is open, so that it is of one moment whoever writes
meanwhile. A restore is made in a file beside the target. Where there was none it gets the target's
name when it is whole; into a database that is there its pages are written in one transaction, so
that others who have it open see all of it or nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import backups
from whimbrel.engines.sqlite import catalog, files, inventory, lock
from whimbrel.engines.sqlite import session as sessions

_FILE: Final = "database.sqlite"
# How the database notes what it is about to write.
_MODE: Final = "journal_mode"
_LOGGED: Final = "wal"
_SIDE_FILES: Final = ("", "-journal", "-wal", "-shm")


class SqliteBackups(backups.Backups):
    """Copies of one file."""

    way = "SQLite's online backup"

    def __init__(self, session: sessions.SqliteSession) -> None:
        self._session = session

    # --- the own way ------------------------------------------------------------------------

    def tool(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def dump(self, folder: Path, *, begin: backups.Begin, jobs: int) -> backups.Dumped:
        begin()
        file = folder / _FILE
        try:
            with closing(sqlite3.connect(file, isolation_level=None)) as copy:
                # It is not there yet for anybody, and is brought to the disk as a whole later.
                copy.execute("PRAGMA journal_mode = OFF")
                copy.execute("PRAGMA synchronous = OFF")
                self._session.driver.backup(copy)
        except sqlite3.Error as error:
            raise backups.ToolFailed(str(error)) from error
        with _opened(file) as copy:
            # Without a log the copy is one file, which can be carried anywhere.
            copy.execute("PRAGMA journal_mode = DELETE")
        mode = str(self._session.driver.execute("PRAGMA journal_mode").fetchone()[0])
        (folder / _MODE).write_text(mode, encoding="ascii")
        return backups.Dumped(files=(_FILE, _MODE), tool=self.tool(), exact=True)

    def look(self, folder: Path, files: Sequence[str]) -> str:
        with _opened(folder / _FILE, mode="ro") as copy:
            wrong = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(5)")]
        if wrong != ["ok"]:
            raise backups.ToolFailed("; ".join(wrong))
        return "SQLite has checked every page of the copy (integrity_check)"

    def readable(self, folder: Path, files: Sequence[str]) -> sa.URL | None:
        return sa.URL.create("sqlite", database=str(folder / _FILE))

    def refill(
        self,
        folder: Path,
        files: Sequence[str],
        url: sa.URL,
        *,
        drops: Sequence[backups.Drop],
        owners: bool,
    ) -> None:
        with _opened(folder / _FILE, mode="ro") as copy, _opened(_file(url), mode="rwc") as site:
            site.execute("PRAGMA synchronous = OFF")
            copy.backup(site)
            # Who held the lock when the copy was made is not here.
            site.execute(f"DROP TABLE IF EXISTS {lock.TABLE}")
            if (folder / _MODE).read_text(encoding="ascii") == _LOGGED:
                site.execute("PRAGMA journal_mode = WAL")

    # --- the ground -------------------------------------------------------------------------

    def size(self) -> int:
        driver = self._session.driver
        pages, size = (
            int(driver.execute(f"PRAGMA {word}").fetchone()[0])
            for word in ("page_count", "page_size")
        )
        return pages * size

    def drops(self, *, whole: bool) -> list[backups.Drop]:
        """Return what there is; nothing of it is dropped one by one here."""
        rows = self._session.driver.execute(
            "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "AND type IN ('table', 'view') ORDER BY type, name"
        )
        return [
            backups.Drop(what=f"{kind} {name}", sql="")
            for kind, name in rows
            if name not in backups.PASSING
        ]

    def own(self) -> tuple[catalog.SqliteCatalog, inventory.SqliteInventory]:
        found = catalog.SqliteCatalog(self._session.driver)
        found.hides = False
        return found, inventory.SqliteInventory(self._session, hides=False)


class SqliteSite(backups.Site):
    """A file beside the target."""

    apart = True

    @contextmanager
    def url(self) -> Iterator[sa.URL]:
        target = _file(self._target)
        if not target.parent.is_dir():
            raise errors.DatabaseUnavailable(
                database=str(self._target),
                cause=f"the folder {target.parent} does not exist",
                remedy=f"mkdir -p {target.parent}",
            )
        _sweep(target)
        beside = target.with_name(f".{target.name}.restoring-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            yield self._target.set(database=str(beside))
            with _said():
                backups.synced(beside)
                self._placed(beside, target)
        finally:
            _removed(beside)

    def _placed(self, made: Path, target: Path) -> None:
        """Put a database in its place: by its name, or page by page where there is one."""
        if not target.exists():
            try:
                # Not a rename, which would throw away what somebody made there meanwhile.
                os.link(made, target)
            except FileExistsError:
                raise backups.ToolFailed(f"somebody has made {target} meanwhile") from None
            except OSError:
                made.replace(target)  # a file system without links
            backups.synced(target.parent)
            return
        with _opened(made, mode="ro") as copy, _opened(target, mode="rw") as old:
            size = copy.execute("PRAGMA page_size").fetchone()[0]
            if old.execute("PRAGMA page_size").fetchone()[0] != size:
                # A log cannot hold pages of another size; alone with the file, it may go.
                old.execute("PRAGMA journal_mode = DELETE")
            copy.backup(old)


def _file(url: sa.URL) -> Path:
    file = files.path_of(url)
    if file is None:
        raise errors.UsageError(
            "a database in memory cannot be backed up or restored", remedy="name a file"
        )
    return file


@contextmanager
def _opened(file: Path, *, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    with _said():
        connection = files.connect(file, mode=mode)
    try:
        with _said():
            yield connection
    finally:
        connection.close()


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise backups.ToolFailed(str(error)) from error
    except OSError as error:
        raise backups.ToolFailed(f"{error.filename or ''}: {error.strerror or error}") from error


def _sweep(target: Path) -> None:
    """Remove what killed restores of this target have left beside it."""
    head = f".{target.name}.restoring-"
    for left in list(target.parent.iterdir()):
        if not left.name.startswith(head):
            continue
        pid = left.name.removeprefix(head).partition("-")[0]
        if not (pid.isdigit() and backups.lives(int(pid))):
            with contextlib.suppress(OSError):
                left.unlink()


def _removed(file: Path) -> None:
    for suffix in _SIDE_FILES:
        with contextlib.suppress(OSError):
            Path(f"{file}{suffix}").unlink()
