"""Scratch databases of MySQL and MariaDB: beside the source, with its character set."""

from __future__ import annotations

import contextlib
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, connect, scratch

_LIKE: Final = "SELECT @@character_set_database, @@collation_database"
_NAMES: Final = """
SELECT schema_name FROM information_schema.schemata
 WHERE LEFT(schema_name, %s) = %s ORDER BY schema_name
"""
_INSIDE: Final = "SELECT id FROM information_schema.processlist WHERE db = %s"
_SIZE: Final = """
SELECT SUM(data_length + index_length) FROM information_schema.tables
 WHERE table_schema = DATABASE()
"""
# The one is a plugin of MariaDB's, the other MySQL's own; a server may have neither.
_LOCKS: Final = (
    """
SELECT DISTINCT table_name, lock_mode FROM information_schema.metadata_lock_info
 WHERE table_schema = %s AND lock_type = 'Table metadata lock' AND thread_id <> CONNECTION_ID()
""",
    """
SELECT DISTINCT object_name, lock_type FROM performance_schema.metadata_locks
 WHERE object_schema = %s AND object_type = 'TABLE' AND lock_status = 'GRANTED'
""",
)
_WAITS: Final = {
    "EXCLUSIVE": scratch.READERS_AND_WRITERS,
    "SHARED_NO_READ_WRITE": scratch.READERS_AND_WRITERS,
    "SHARED_NO_WRITE": scratch.WRITERS,
    "SHARED_READ_ONLY": scratch.WRITERS,
}


class MysqlScratches(scratch.Scratches):
    """Databases of one server; who is in one when it is dropped is sent away first."""

    def __init__(self, engine: base.Engine, at: sa.URL, source: sa.URL) -> None:
        self._engine = engine
        self._at = at
        self._source = source
        self._home: base.Session | None = None
        self._asks: str | None = _LOCKS[0]

    @property
    def place(self) -> str:
        return connect.shown(self._at, self._engine.name)

    def _session(self) -> base.Session:
        if self._home is None:
            self._home = self._engine.open(self._at)
        return self._home

    def make(self, name: str) -> None:
        with contextlib.closing(self._engine.open(self._source, read_only=True)) as session:
            charset, collation = session.fetch(_LIKE)[0]
        home = self._session()
        home.execute(
            f"CREATE DATABASE {self._engine.quote(name)} "
            f"CHARACTER SET {charset} COLLATE {collation}"
        )
        home.commit()

    def url(self, name: str) -> sa.URL:
        return self._at.set(database=name)

    def names(self) -> list[str]:
        home = self._session()
        found = home.fetch(_NAMES, [len(scratch.PREFIX), scratch.PREFIX])
        home.rollback()
        return [str(row[0]) for row in found]

    def busy(self, name: str) -> bool:
        return bool(self._inside(name))

    def _inside(self, name: str) -> list[int]:
        home = self._session()
        found = [int(str(row[0])) for row in home.fetch(_INSIDE, [name])]
        home.rollback()
        return found

    def drop(self, name: str) -> None:
        if not name.startswith(scratch.PREFIX):
            raise errors.WhimbrelError(f"{name!r} is no scratch database")
        home = self._session()
        home.rollback()
        for connection in self._inside(name):
            # It may have ended by itself meanwhile.
            with contextlib.suppress(sa.exc.DBAPIError):
                home.execute(f"KILL {connection}")
        home.rollback()
        home.execute(f"DROP DATABASE IF EXISTS {self._engine.quote(name)}")
        home.commit()

    def size(self) -> int | None:
        with contextlib.closing(self._engine.open(self._source, read_only=True)) as session:
            found = session.fetch(_SIZE)[0][0]
        return None if found is None else int(str(found))

    def locks(self, name: str) -> list[scratch.Held] | None:
        home = self._session()
        while self._asks is not None:
            try:
                found = home.fetch(self._asks, [name])
            except sa.exc.DBAPIError:
                at = _LOCKS.index(self._asks) + 1
                self._asks = _LOCKS[at] if at < len(_LOCKS) else None
                continue
            finally:
                home.rollback()
            if not found and self._asks == _LOCKS[1] and not self._instrumented(home):
                self._asks = None
                continue
            return [
                scratch.Held(table=str(table), mode=str(mode), waits=_waits(str(mode)))
                for table, mode in found
                if not str(table).startswith(base.OUR_PREFIX)
            ]
        return None

    def _instrumented(self, session: base.Session) -> bool:
        """Whether the server notes the locks that it could tell of."""
        try:
            found = session.fetch(
                "SELECT COUNT(*) FROM performance_schema.setup_instruments "
                "WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES'"
            )
        except sa.exc.DBAPIError:
            return False
        finally:
            session.rollback()
        return bool(found[0][0])

    def close(self) -> None:
        home, self._home = self._home, None
        if home is not None:
            home.close()


def _waits(mode: str) -> str:
    return _WAITS.get(mode.upper().removeprefix("MDL_"), "")
