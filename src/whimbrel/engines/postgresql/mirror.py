"""Mirrors on PostgreSQL: triggers that keep two shapes in step, and the exchange of two tables.

DDL is part of a transaction here, so nothing is committed: what a caller notes beside it is
committed, or taken back, with it. Which text the triggers have is in `mirrored`, what moves with
a table's name in `exchange`, why something cannot be mirrored in `hindrances`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from whimbrel.engines import base, mirroring, mirrors
from whimbrel.engines.postgresql import exchange, hindrances, mirrored, newtable

# Whoever only reads does not stand in the way of a trigger.
_WRITING: Final = ("AccessShareLock", "RowShareLock")
_HOLDERS: Final = """
SELECT l.pid, a.usename::text, a.application_name, a.backend_type,
       coalesce(max(extract(epoch FROM clock_timestamp()
                            - coalesce(a.xact_start, a.query_start))), 0)::float8,
       coalesce(max(a.query), '')
  FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY(%s::regclass[])
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND l.pid IS DISTINCT FROM pg_backend_pid() AND NOT l.mode = ANY(%s)
 GROUP BY 1, 2, 3, 4
 ORDER BY 5 DESC
"""
# Who has a snapshot although no statement is at work reads one moment of the database: to him the
# rows of a table that came later than that would not be there.
_ELDERS: Final = """
SELECT a.pid, a.usename::text, a.application_name, a.backend_type,
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8, a.query
  FROM pg_stat_activity a
 WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
   AND a.backend_xmin IS NOT NULL AND a.state = 'idle in transaction'
 ORDER BY 5 DESC
"""
_THERE: Final = """
SELECT 'trigger', t.tgname::text FROM pg_trigger t
 WHERE NOT t.tgisinternal AND t.tgname = ANY(%s) AND t.tgenabled = 'A'
   AND t.tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
UNION ALL
SELECT 'function', p.proname::text FROM pg_proc p
 WHERE p.pronamespace = current_schema()::regnamespace AND p.proname = ANY(%s)
"""
_OWN_TRIGGERS: Final = """
SELECT c.relname::text, t.tgname::text
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE NOT t.tgisinternal AND t.tgname = ANY(%s)
   AND c.relnamespace = current_schema()::regnamespace
"""
_COUNTED: Final = "SELECT EXISTS (SELECT FROM pg_statistic WHERE starelid = to_regclass(%s))"
# What a text of a value depends on, so that it does not depend on who writes.
_SETTINGS: Final = ("TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output")
_REPLACES_TRIGGERS: Final = (14,)
# How long a lock on a second table is waited for, while nobody gets at the first one.
_NEXT_SECONDS: Final = 0.05
_LEAST_SECONDS: Final = 0.005


class PostgresMirror(mirrors.Mirror):
    """The mirrors of one session."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._quote = session.engine.quote
        # Whether the open transaction is one that we have begun.
        self._fresh = False

    # --- before -----------------------------------------------------------------------------------

    def obstacles(self, shape: mirrors.Shape) -> list[mirrors.Obstacle]:
        found = mirroring.common_obstacles(shape, dialect="postgres", quote=self._quote)
        return [*found, *hindrances.Hindrances(self._session, shape).find()]

    def create(self, shape: mirrors.Shape) -> tuple[base.Statement, ...]:
        if shape.mode is mirrors.Mode.COLUMNS:
            return ()
        return newtable.statements(self._session, shape)

    # --- triggers ---------------------------------------------------------------------------------

    def described(self, shape: mirrors.Shape) -> list[str]:
        return [
            " ".join(trigger.sql.removeprefix("CREATE TRIGGER ").split())
            for trigger in self._texts(shape).triggers()
        ]

    def install(self, shape: mirrors.Shape, *, seconds: float) -> None:
        with self._taken_back():
            self._install(shape, seconds)

    def _install(self, shape: mirrors.Shape, seconds: float) -> None:
        texts = self._texts(shape)
        tables = self._tables(texts)
        replaces = self._version >= _REPLACES_TRIGGERS
        mode = "SHARE ROW EXCLUSIVE" if replaces else "ACCESS EXCLUSIVE"
        with self._alone(tables, mode, seconds):
            for sql in texts.functions().values():
                self._session.execute(sql)
            self._try(texts)
            there = self._own(texts)
            for trigger in texts.triggers():
                sql = trigger.sql
                if replaces:
                    sql = sql.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1)
                elif (trigger.table, trigger.name) in there:
                    self._drop(trigger.table, trigger.name)
                self._session.execute(sql)
                # Also for who has set session_replication_role.
                self._session.execute(
                    f"ALTER TABLE {texts.relation(trigger.table)} "
                    f"ENABLE ALWAYS TRIGGER {self._quote(trigger.name)}"
                )

    def remove(self, shape: mirrors.Shape, *, seconds: float) -> None:
        with self._taken_back():
            self._remove(shape, seconds)

    def _remove(self, shape: mirrors.Shape, seconds: float) -> None:
        texts = self._texts(shape)
        there = self._own(texts)
        swapped = self.swapped(shape)
        # Statements begin at the table that has the name.
        named = sorted({table for table, _ in there}, key=lambda t: (t != shape.old.name, t))
        with self._alone(named, "ACCESS EXCLUSIVE", seconds):
            for table, name in there:
                self._drop(table, name)
            functions = texts.functions()
            have = self._session.fetch(_THERE, [[], list(functions)])
            for _, function in sorted(have, key=str):
                self._session.execute(f"DROP FUNCTION {texts.relation(str(function))}")
            if swapped:
                exchange.forget(self._session, shape)

    def _drop(self, table: str, name: str) -> None:
        self._session.execute(f"DROP TRIGGER {self._quote(name)} ON {self._quote(table)}")

    def presence(self, shape: mirrors.Shape) -> mirrors.Presence:
        texts = self._texts(shape)
        triggers = [trigger.name for trigger in texts.triggers()]
        functions = list(texts.functions())
        found = len(self._session.fetch(_THERE, [triggers, functions]))
        if not found:
            # One that is switched off is still there.
            return mirrors.Presence.PART if self._own(texts) else mirrors.Presence.NONE
        whole = found == len(triggers) + len(functions)
        return mirrors.Presence.WHOLE if whole else mirrors.Presence.PART

    @contextmanager
    def unmirrored(self) -> Iterator[None]:
        # Within an open transaction it ends with that; otherwise it holds for those that follow.
        local = self._session.in_transaction
        self._say("off", local=local)
        try:
            yield
        finally:
            if not self._session.gone and self._usable():
                self._say("", local=local and self._session.in_transaction)

    def _say(self, value: str, *, local: bool) -> None:
        self._session.fetch(f"SELECT set_config('{mirrored.EVERYTHING}', %s, %s)", [value, local])
        if not local:
            self._session.commit()

    def _usable(self) -> bool:
        """Whether a statement can be sent: not in a transaction in which one has failed."""
        from whimbrel.engines.postgresql import session as sessions

        status = sessions.ours(self._session).driver.info.transaction_status
        return status in (status.IDLE, status.INTRANS)

    # --- rows -------------------------------------------------------------------------------------

    def fill(self, shape: mirrors.Shape, condition: str) -> str:
        return self._texts(shape).fill(condition)

    def astray(self, shape: mirrors.Shape, condition: str) -> str:
        return self._texts(shape).astray(condition)

    def lossy(self, shape: mirrors.Shape) -> str:
        return self._texts(shape).lossy()

    # --- the exchange -----------------------------------------------------------------------------

    def swap(self, shape: mirrors.Shape, *, seconds: float) -> None:
        with self._taken_back():
            if shape.mode is mirrors.Mode.TABLE and not self.swapped(shape):
                self._count_rows(shape.new.name)
                self._exchange(shape, seconds, back=False)

    def unswap(self, shape: mirrors.Shape, *, seconds: float) -> None:
        with self._taken_back():
            if shape.mode is mirrors.Mode.TABLE and self.swapped(shape):
                self._count_rows(shape.parked)
                self._exchange(shape, seconds, back=True)

    def _exchange(self, shape: mirrors.Shape, seconds: float, *, back: bool) -> None:
        elders = [b for b in self._blockers(_ELDERS, ()) if b.seconds > seconds]
        if elders:
            raise mirrors.Busy(elders)
        before = self._texts(shape, swapped=back)
        around = exchange.referring(self._session, before.old, before.new)
        other = before.old if before.new == shape.old.name else before.new
        with self._alone([shape.old.name, other, *around], "ACCESS EXCLUSIVE", seconds):
            exchange.exchange(self._session, shape, back=back)
            # The same functions, with the names that the tables have now.
            for sql in self._texts(shape, swapped=not back).functions().values():
                self._session.execute(sql)

    def _count_rows(self, table: str) -> None:
        """Let the planner know a table before everybody asks for it, unless it does already."""
        name = self._quote(table)
        if not self._session.fetch(_COUNTED, [name])[0][0]:
            self._session.execute(f"ANALYZE (SKIP_LOCKED) {name}")
            if self._fresh:
                # So that the next try does not count once more; nothing else is in it.
                self._session.commit()

    def swapped(self, shape: mirrors.Shape) -> bool:
        if shape.mode is not mirrors.Mode.TABLE or not shape.parked:
            return False
        names = [self._quote(shape.parked), self._quote(shape.new.name)]
        parked, waiting = self._session.fetch(
            "SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL", names
        )[0]
        return bool(parked) and not waiting

    # --- locks ------------------------------------------------------------------------------------

    def blockers(self, table: str) -> list[mirrors.Blocker]:
        return self._holders([table], ())

    def _holders(self, tables: Sequence[str], harmless: Sequence[str]) -> list[mirrors.Blocker]:
        names = [self._quote(table) for table in tables]
        return self._blockers(_HOLDERS, [names, list(harmless)])

    def _blockers(self, sql: str, params: Sequence[object]) -> list[mirrors.Blocker]:
        found = []
        rows = self._session.fetch(sql, params or None)
        for pid, user, application, kind, seconds, query in rows:
            if pid is None:
                who = "a prepared transaction"
            else:
                who = f"pid {pid}, {user or kind}" + (f", {application}" if application else "")
            found.append(
                mirrors.Blocker(
                    who=who, seconds=float(str(seconds)), what=mirroring.masked(str(query or ""))
                )
            )
        return found

    @contextmanager
    def _taken_back(self) -> Iterator[None]:
        """Leave no transaction open that we have begun if the block fails."""
        self._fresh = not self._session.in_transaction
        try:
            yield
        except BaseException:
            if self._fresh and not self._session.gone:
                self._session.rollback()
            raise
        finally:
            self._fresh = False

    @contextmanager
    def _alone(self, tables: Sequence[str], mode: str, seconds: float) -> Iterator[None]:
        """Hold a lock on tables inside the block, or raise Busy; what fails changes nothing.

        Whoever has held a lock for longer than we would wait is not even waited for.
        """
        session = self._session
        harmless = () if mode == "ACCESS EXCLUSIVE" else _WRITING
        long = [b for b in self._holders(tables, harmless) if b.seconds > seconds]
        if long:
            raise mirrors.Busy(long)
        session.begin()
        before = str(session.fetch("SELECT current_setting('lock_timeout')")[0][0])
        session.execute("SAVEPOINT whimbrel_mirror")
        try:
            # Who has the first one comes to the others next, so that nobody should be at them for
            # long; if somebody is, he may wait for us. All waits together have the time of one:
            # everybody else stands behind the first lock meanwhile.
            patience, until = seconds, time.monotonic() + seconds
            for table in dict.fromkeys(tables):
                self._limit(f"{max(1, round(patience * 1000))}ms")
                session.execute(f"LOCK TABLE {self._quote(table)} IN {mode} MODE")
                left = max(_LEAST_SECONDS, until - time.monotonic())
                patience = min(_NEXT_SECONDS, left)
            yield
            self._limit(before)
            session.execute("RELEASE SAVEPOINT whimbrel_mirror")
        except BaseException as error:
            if not session.gone:
                session.execute("ROLLBACK TO SAVEPOINT whimbrel_mirror")
                session.execute("RELEASE SAVEPOINT whimbrel_mirror")
            if isinstance(error, sa.exc.DBAPIError) and (
                session.engine.fault(error) is base.Fault.LOCKED
            ):
                raise mirrors.Busy(self._holders(tables, harmless)) from None
            raise

    def _limit(self, value: str) -> None:
        self._session.fetch("SELECT set_config('lock_timeout', %s, true)", [value])

    # --- texts ------------------------------------------------------------------------------------

    def _texts(self, shape: mirrors.Shape, *, swapped: bool | None = None) -> mirrored.Texts:
        names = ", ".join(f"current_setting('{name}')" for name in _SETTINGS)
        schema, path, *values = self._session.fetch(
            "SELECT current_schema(), (SELECT string_agg(quote_ident(s), ', ') "
            f"FROM unnest(current_schemas(false)) AS x(s)), {names}"
        )[0]
        settings = {"search_path": f"{path}, pg_temp"}
        made = mirrored.Texts(
            shape,
            quote=self._quote,
            schema=str(schema),
            settings=settings,
            swapped=self.swapped(shape) if swapped is None else swapped,
        )
        ways = (made.up, made.down)
        if not all(way.copies(column) for way in ways for column in way.written):
            for name, value in zip(_SETTINGS, values, strict=True):
                settings[name] = "'" + str(value).replace("'", "''") + "'"
        return made

    def _tables(self, texts: mirrored.Texts) -> list[str]:
        found = dict.fromkeys((texts.old, texts.new))
        return sorted(found, key=lambda table: table != texts.shape.old.name)

    def _own(self, texts: mirrored.Texts) -> list[tuple[str, str]]:
        names = [trigger.name for trigger in texts.triggers()]
        rows = self._session.fetch(_OWN_TRIGGERS, [names])
        return [(str(table), str(name)) for table, name in rows]

    def _try(self, texts: mirrored.Texts) -> None:
        """Let every expression be read once, so that no statement of others meets a bad one."""
        for part, table in (("up", texts.old), ("down", texts.new)):
            self._session.fetch(f"SELECT {texts.said(part, f'NULL::{texts.relation(table)}')}")

    @property
    def _version(self) -> tuple[int, ...]:
        return tuple(map(int, self._session.connection.dialect.server_version_info or ()))
