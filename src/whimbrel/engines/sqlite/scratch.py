"""Scratch databases of SQLite: files beside the database, on the disk that it lies on."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import scratch
from whimbrel.engines.sqlite import files

_SUFFIX: Final = ".db"
# A journal that stays where a process was killed belongs to the file.
_SIDES: Final = ("", "-journal", "-wal", "-shm")


class SqliteScratches(scratch.Scratches):
    """Files in one folder; the copy is SQLite's own, page by page, of one moment."""

    def __init__(self, at: sa.URL, source: sa.URL) -> None:
        path = files.path_of(source)
        if path is None or not path.exists():
            raise errors.DatabaseUnavailable(
                database=source.render_as_string(),
                cause="a database in memory cannot be copied" if path is None else "no such file",
                remedy="name a file:  sqlite:///app.db",
            )
        self._source = path
        asked = files.path_of(at)
        # Another place is named by a folder; the database itself stands for its own.
        self._folder = asked if asked is not None and asked.is_dir() else path.parent
        self._scheme = source.drivername

    @property
    def place(self) -> str:
        return str(self._folder)

    def _file(self, name: str) -> Path:
        if not name.startswith(scratch.PREFIX):
            raise errors.WhimbrelError(f"{name!r} is no scratch database")
        return self._folder / f"{name}{_SUFFIX}"

    def make(self, name: str) -> None:
        with self._file(name).open("xb"):
            pass  # an empty file is an empty database

    def copy(self, name: str) -> bool:
        reading = files.connect(self._source, mode="ro")
        try:
            writing = files.connect(self._file(name), mode="rw")
            try:
                # A copy needs no protection from a loss of power: it is thrown away then.
                writing.execute("PRAGMA synchronous = OFF")
                reading.backup(writing)
            finally:
                writing.close()
        except sqlite3.Error as error:
            raise errors.DatabaseUnavailable(
                database=f"sqlite:///{self._source}",
                cause=str(error),
                remedy=files.remedy(str(error), self._source),
            ) from error
        finally:
            reading.close()
            files.tidy(self._source)
        return True

    def url(self, name: str) -> sa.URL:
        return sa.URL.create(self._scheme, database=str(self._file(name)))

    def names(self) -> list[str]:
        pattern = f"{scratch.PREFIX}*"
        found = {file.name.partition(_SUFFIX)[0] for file in self._folder.glob(pattern)}
        return sorted(found)

    def busy(self, name: str) -> bool:
        return False  # a file does not say who has it open

    def drop(self, name: str) -> None:
        file = self._file(name)
        for side in _SIDES:
            Path(f"{file}{side}").unlink(missing_ok=True)

    def size(self) -> int | None:
        with contextlib.suppress(OSError):
            return self._source.stat().st_size
        return None

    def room(self) -> int | None:
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self._folder).free
        return None

    def close(self) -> None:
        """Nothing is kept open."""
