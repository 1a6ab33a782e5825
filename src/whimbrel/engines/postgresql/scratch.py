"""Scratch databases of PostgreSQL: made from template0, so that nobody has to leave the source."""

from __future__ import annotations

import contextlib
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, connect, scratch

_LIKE: Final = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype,
       coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
  FROM pg_database d WHERE datname = current_database()
"""
_SETTINGS: Final = """
SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
 WHERE d.datname = current_database() AND s.setrole = 0
"""
_PROVIDERS: Final = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
_NAMES: Final = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY datname"
_BUSY: Final = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = %s)"
# What a transaction has made itself is not seen from here; nobody can wait for it, either.
_LOCKS: Final = """
SELECT DISTINCT c.relname, l.mode
  FROM pg_locks l
  JOIN pg_class c ON c.oid = l.relation
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND c.relkind IN ('r', 'p', 'm') AND NOT starts_with(c.relname, 'whimbrel_')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
"""
_WAITS: Final = {
    "AccessExclusiveLock": scratch.READERS_AND_WRITERS,
    "ExclusiveLock": scratch.WRITERS,
    "ShareRowExclusiveLock": scratch.WRITERS,
    "ShareLock": scratch.WRITERS,
}


class PostgresScratches(scratch.Scratches):
    """Databases of one server, dropped with whoever is still in them."""

    def __init__(self, engine: base.Engine, at: sa.URL, source: sa.URL) -> None:
        self._engine = engine
        self._at = at
        self._source = source
        self._home: base.Session | None = None
        self._watching: dict[str, base.Session] = {}

    @property
    def place(self) -> str:
        return connect.shown(self._at, self._engine.name)

    def _session(self) -> base.Session:
        if self._home is None:
            self._home = self._engine.open(self._at)
        return self._home

    def make(self, name: str) -> None:
        with contextlib.closing(self._engine.open(self._source, read_only=True)) as session:
            encoding, collate, ctype, provider, locale = session.fetch(_LIKE)[0]
            settings = [str(row[0]) for row in session.fetch(_SETTINGS)]
            schema = session.fetch("SELECT current_schema()")[0][0]
        quote = self._engine.quote
        options = f"ENCODING {_text(encoding)} LC_COLLATE {_text(collate)} LC_CTYPE {_text(ctype)}"
        if str(provider) in _PROVIDERS:
            word, option = _PROVIDERS[str(provider)]
            options += f" LOCALE_PROVIDER {word} {option} {_text(locale)}"
        home = self._session()
        with home.outside_transaction():
            home.execute(f"CREATE DATABASE {quote(name)} TEMPLATE template0 {options}")
            for setting in settings:
                key, _, value = setting.partition("=")
                home.execute(f"ALTER DATABASE {quote(name)} SET {quote(key)} TO {_listed(value)}")
        if schema not in (None, "public"):
            with contextlib.closing(self._engine.open(self.url(name))) as made:
                made.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(str(schema))}")
                made.commit()

    def url(self, name: str) -> sa.URL:
        return self._at.set(database=name)

    def names(self) -> list[str]:
        home = self._session()
        found = [str(row[0]) for row in home.fetch(_NAMES, [scratch.PREFIX])]
        home.rollback()
        return found

    def busy(self, name: str) -> bool:
        home = self._session()
        found = bool(home.fetch(_BUSY, [name])[0][0])
        home.rollback()
        return found

    def drop(self, name: str) -> None:
        if not name.startswith(scratch.PREFIX):
            raise errors.WhimbrelError(f"{name!r} is no scratch database")
        self._leave(name)
        home = self._session()
        home.rollback()
        with home.outside_transaction():
            home.execute(f"DROP DATABASE IF EXISTS {self._engine.quote(name)} WITH (FORCE)")

    def size(self) -> int | None:
        with contextlib.closing(self._engine.open(self._source, read_only=True)) as session:
            return int(str(session.fetch("SELECT pg_database_size(current_database())")[0][0]))

    def locks(self, name: str) -> list[scratch.Held] | None:
        session = self._watching.get(name)
        if session is None:
            session = self._watching[name] = self._engine.open(self.url(name), read_only=True)
        found = session.fetch(_LOCKS)
        session.rollback()
        return [
            scratch.Held(table=str(table), mode=str(mode), waits=_WAITS.get(str(mode), ""))
            for table, mode in found
        ]

    def _leave(self, name: str) -> None:
        session = self._watching.pop(name, None)
        if session is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                session.close()

    def close(self) -> None:
        for name in list(self._watching):
            self._leave(name)
        home, self._home = self._home, None
        if home is not None:
            home.close()


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _listed(value: str) -> str:
    """Return a setting's value as it is written: a list stays one, of quoted names."""
    parts = [part.strip().strip('"') for part in value.split(",")]
    return ", ".join(_text(part) for part in parts)
