"""PostgreSQL: DDL and data in one transaction, advisory locks, psycopg 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import cast

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import tables as shapes
from whimbrel.engines import backups as contract_backups
from whimbrel.engines import base, connect, levels, portable, transport
from whimbrel.engines import building as builders
from whimbrel.engines import captures as contract_captures
from whimbrel.engines import codec as codecs
from whimbrel.engines import fences as contract_fences
from whimbrel.engines import inventory as inventories
from whimbrel.engines import judge as judges
from whimbrel.engines import mirrors as mirroring
from whimbrel.engines import phrases as contract
from whimbrel.engines import scratch as contract_scratch
from whimbrel.engines import tolls as contract_tolls
from whimbrel.engines import weights as weighing
from whimbrel.engines.postgresql import (
    backup,
    building,
    bulk,
    capture,
    catalog,
    codec,
    ddl,
    faults,
    fence,
    health,
    inventory,
    load,
    lock,
    log_capture,
    mirror,
    profile,
    scratch,
    snapshots,
    tolls,
    unload,
    weights,
)
from whimbrel.engines.postgresql import judge as judging
from whimbrel.engines.postgresql import phrases as said
from whimbrel.engines.postgresql import portable as converting
from whimbrel.engines.postgresql import session as sessions

# A DDL statement that waits for its lock makes everyone behind it wait too.
LOCK_WAIT_SECONDS = 10
# For sorting while an index is made; with the server's 64 MB a key of 3 million rows goes by disk.
BUILD_MEMORY_KB = 256 * 1024
# SET CONSTRAINTS means every constraint of a name, so all of them have to be deferrable.
_DEFERRED = """
SELECT format('%I.%I', n.nspname, c.conname)
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
 GROUP BY n.nspname, c.conname
HAVING bool_or(c.condeferred) AND bool_and(c.condeferrable)
"""
# Indexes and constraints that are more than their definition says, or that others stand on.
_PECULIAR = """
SELECT c.relname
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = to_regclass(%s)
   AND (NOT i.indisvalid OR i.indisreplident OR i.indisclustered OR c.relispartition
        OR c.reltablespace <> 0 OR obj_description(c.oid, 'pg_class') IS NOT NULL
        OR EXISTS (SELECT FROM pg_constraint k
                    WHERE k.conindid = c.oid
                      AND (k.contype IN ('x', 'f')
                           OR (k.contype = 'u' AND (k.condeferrable OR c.reloptions IS NOT NULL
                               OR i.indnatts <> i.indnkeyatts
                               OR to_jsonb(i) ->> 'indnullsnotdistinct' = 'true')))))
UNION
SELECT k.conname
  FROM pg_constraint k
 WHERE k.conrelid = to_regclass(%s)
   AND (NOT k.convalidated OR k.coninhcount > 0 OR to_jsonb(k) ->> 'conenforced' = 'false'
        OR obj_description(k.oid, 'pg_constraint') IS NOT NULL
        OR (k.contype = 'c' AND k.connoinherit)
        OR (k.contype = 'f' AND (k.confmatchtype <> 's' OR (k.condeferrable AND NOT k.condeferred)
                                 OR to_jsonb(k) ->> 'confdelsetcols' IS NOT NULL)))
"""
# SQLSTATE read_only_sql_transaction.
_READ_ONLY = "25006"
# What the planner guesses; it knows how large the table is by now. It gives an empty table rows.
_EMPTY = "SELECT NOT EXISTS (SELECT FROM {table})"
_PLAN = "EXPLAIN (FORMAT JSON) SELECT FROM {table}"


class PostgresEngine(base.Engine):
    """What PostgreSQL can do, and its factories."""

    name = "postgresql"
    title = "PostgreSQL"
    dialect = "postgres"
    paramstyle = "pyformat"
    url_example = "postgresql://user:password@host/database"
    can = base.Capabilities(
        transactional_ddl=True,
        concurrent_index=True,
        lock_limits=True,
        failure_ends_transaction=True,
        models=("Postgres",),
        # An UPDATE gives a row another ctid, so that it could be met twice, or never.
        row_address=None,
        # It is compared as a float of eight bytes.
        no_keys=frozenset({"real"}),
    )

    def open(self, url: sa.URL, *, read_only: bool = False) -> base.Session:
        connect.require("psycopg", extra="postgresql", needed_for=self.title)
        driver_url = url.set(drivername="postgresql+psycopg")
        connection = connect.connect(
            self,
            driver_url,
            arguments={
                "application_name": url.query.get("application_name", "whimbrel"),
                "connect_timeout": int(
                    str(url.query.get("connect_timeout", connect.CONNECT_SECONDS))
                ),
            },
            remedy=_remedy,
        )
        session = sessions.PostgresSession(
            self,
            connection,
            url=connect.shown(url, self.name),
            read_only=read_only,
        )
        session.execute(f"SET lock_timeout = '{LOCK_WAIT_SECONDS}s'")
        here = session.fetch("SELECT current_schema()")[0][0]
        if here is not None:
            # A migration may SET search_path; our own tables stay where they were found.
            connection.execution_options(schema_translate_map={None: str(here)})
        if read_only:
            session.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        session.commit()
        return session

    def catalog(self, session: base.Session) -> base.Catalog:
        return catalog.PostgresCatalog(session)

    def planned(self, session: base.Session) -> base.Planned:
        return base.Overlay(self.catalog(session))

    def ddl(self, catalog: base.Catalog) -> base.Ddl:
        return ddl.PostgresDdl(self, catalog)

    @property
    def phrases(self) -> contract.Phrases:
        return said.PostgresPhrases(self.quote)

    @property
    def judge(self) -> judges.Judge:
        return judging.PostgresJudge(self.quote)

    def stay(
        self,
        session: base.Session,
        table: shapes.Table,
        referrers: Sequence[shapes.ForeignKey],
        *,
        constraints: bool,
    ) -> frozenset[str]:
        rows = session.fetch(_PECULIAR, [self.quote(table.name)] * 2)
        return frozenset(str(row[0]) for row in rows)

    def lock(self, session: base.Session, clock: clocks.Clock) -> base.RunLock:
        return lock.AdvisoryLock(session)

    def identity(self, session: base.Session) -> tuple[object, ...]:
        row = session.fetch(
            "SELECT current_database(), pg_postmaster_start_time()::text, current_setting('port')"
        )[0]
        return (self.name, *row)

    def place(self, session: base.Session) -> tuple[object, ...]:
        row = session.fetch("SELECT current_database(), current_setting('port')")[0]
        return (self.name, *row)

    def durable(self, session: base.Session) -> None:
        session.execute("SET SESSION synchronous_commit = 'on'")
        session.commit()

    def sa_dialect(self) -> sa.Dialect:
        from sqlalchemy.dialects import postgresql

        return postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call, no-any-return, unused-ignore]

    def bulk(self, session: base.Session) -> base.Bulk:
        return bulk.PostgresBulk(sessions.ours(session))

    def builder(self, session: base.Session | None = None) -> builders.Builder:
        version = () if session is None else session.connection.dialect.server_version_info or ()
        return building.PostgresBuilder(self.title, self.quote, tuple(map(int, version)))

    def health(self, session: base.Session) -> base.Health:
        return health.PostgresHealth(session)

    def codec(self, session: base.Session) -> codecs.Codec:
        return codec.PostgresCodec(sessions.ours(session))

    def converter(self, session: base.Session) -> portable.Converter:
        return converting.PostgresConverter(session)

    def inventory(self, session: base.Session) -> inventories.Inventory:
        return inventory.PostgresInventory(session)

    def tolls(self, session: base.Session) -> contract_tolls.Tolls:
        return tolls.PostgresTolls(session)

    def backups(self, session: base.Session, url: sa.URL) -> contract_backups.Backups:
        return backup.PostgresBackups(sessions.ours(session))

    def scratches(self, at: sa.URL, source: sa.URL) -> contract_scratch.Scratches:
        return scratch.PostgresScratches(self, at, source)

    def capture(self, session: base.Session, how: str) -> contract_captures.Capture | None:
        if how == contract_captures.LOG:
            return log_capture.LogCapture(session)
        return capture.PostgresCapture(session) if how == contract_captures.TRIGGERS else None

    def fence(self, session: base.Session) -> contract_fences.Fence:
        return fence.PostgresFence(session)

    def weights(self, session: base.Session) -> weighing.Weights:
        return weights.PostgresWeights(session)

    def mirror(self, session: base.Session) -> mirroring.Mirror:
        return mirror.PostgresMirror(session)

    def unloader(self, session: base.Session) -> transport.Unloader:
        return unload.PostgresUnloader(sessions.ours(session))

    def loader(self, session: base.Session) -> transport.Loader:
        return load.PostgresLoader(sessions.ours(session))

    def profiler(self, session: base.Session) -> portable.Profiler:
        return profile.PostgresProfiler(sessions.ours(session))

    def snapshot(self, session: base.Session, token: str | None = None) -> base.Snapshot:
        return snapshots.snapshot(session, token)

    def position(self, session: base.Session) -> str:
        return snapshots.position(session)

    def fault(self, error: BaseException) -> base.Fault:
        return faults.fault(error)

    def limited(self, session: base.Session, seconds: float | None) -> AbstractContextManager[None]:
        return sessions.ours(session).limited(seconds)

    def own_rows(self, table: str) -> str:
        quoted = self.quote(table).replace("'", "''")
        return f"tableoid = '{quoted}'::regclass"

    def statistics(self, table: str) -> str | None:
        return f"ANALYZE {self.quote(table)}"

    def estimate(self, session: base.Session, table: str) -> int | None:
        """Return the planner's guess: rows per page at the last ANALYZE, times the pages of now.

        Before the first ANALYZE the planner takes the widths of the columns instead.
        """
        name = self.quote(table)
        if session.fetch(_EMPTY.format(table=name))[0][0]:
            return 0
        plan = cast(
            "list[dict[str, dict[str, int]]]", session.fetch(_PLAN.format(table=name))[0][0]
        )
        return plan[0]["Plan"]["Plan Rows"]

    def isolate(self, session: base.Session, level: str | None) -> None:
        wanted = levels.checked(level or levels.BATCHES, known=levels.SERVERS, title=self.title)
        if wanted == levels.DEFAULT:
            wanted = session.connection.default_isolation_level or levels.BATCHES
        session.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {wanted}")
        session.commit()

    def make_room(self, session: base.Session) -> None:
        """Raise maintenance_work_mem to 256 MB where it is less."""
        session.execute(
            f"SELECT set_config(name, '{BUILD_MEMORY_KB}kB', false) FROM pg_settings "
            f"WHERE name = 'maintenance_work_mem' AND setting::bigint < {BUILD_MEMORY_KB}"
        )
        session.commit()

    def interrupt(self, session: base.Session) -> None:
        if not session.gone:
            sessions.ours(session).driver.cancel_safe(timeout=connect.CONNECT_SECONDS)

    def lock_limit(self, session: base.Session, seconds: float | None) -> None:
        milliseconds = round((LOCK_WAIT_SECONDS if seconds is None else seconds) * 1000)
        session.execute(f"SET lock_timeout = '{milliseconds}ms'")

    def patience(self, session: base.Session, seconds: float | None) -> None:
        milliseconds = round((LOCK_WAIT_SECONDS if seconds is None else seconds) * 1000)
        session.execute(f"SET lock_timeout = '{milliseconds}ms'")
        session.commit()

    def before_ddl(self, session: base.Session) -> None:
        # Deferred constraints leave "pending trigger events" that ALTER TABLE refuses.
        session.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Checked by now; what comes after the DDL is deferred again, as the tables say.
        names = [str(row[0]) for row in session.fetch(_DEFERRED)]
        if names:
            session.execute(f"SET CONSTRAINTS {', '.join(names)} DEFERRED")

    def after_models(self, session: base.Session, explicit: Mapping[str, str]) -> None:
        for table, column in sorted(explicit.items()):
            name = self.quote(table)
            key = self.quote(column)
            # Only forward: a counter that is ahead already stays where it is.
            session.execute(
                f"""
                SELECT setval(s.name, greatest(m.top, 1), m.top IS NOT NULL)
                  FROM (SELECT pg_get_serial_sequence(%s, %s) AS name) AS s,
                       (SELECT max({key}) AS top FROM {name}) AS m
                 WHERE s.name IS NOT NULL
                   AND m.top > coalesce(pg_sequence_last_value(s.name::regclass), 0)
                """,
                [name, column],
            )

    override_identity = " OVERRIDING SYSTEM VALUE"

    def delete_copies(self, table: str, condition: str, count: int) -> str:
        # Within one statement a ctid is an address: nobody else's UPDATE can move these rows.
        name = self.beside_parameters(self.quote(table))
        return (
            f"DELETE FROM {name} WHERE ctid = ANY(ARRAY("
            f"SELECT ctid FROM {name} WHERE {condition} LIMIT {count} FOR UPDATE))"
        )

    def defer_foreign_keys(self, session: base.Session) -> bool:
        session.execute("SET CONSTRAINTS ALL DEFERRED")
        return True

    def last_insert_id(self, session: base.Session) -> int | None:
        return None

    def rebuilds(self, statements: Sequence[base.Statement]) -> bool:
        return False

    def would_write(self, error: BaseException) -> bool:
        return getattr(getattr(error, "orig", None), "sqlstate", None) == _READ_ONLY


def _remedy(cause: str) -> str:
    lowered = cause.lower()
    if "too many clients" in lowered or "connection slots" in lowered:
        return "wait until others have left, or use fewer connections:  --workers 1"
    if "password authentication failed" in lowered or "no password supplied" in lowered:
        return "correct the user or the password in the URL"
    if "does not exist" in lowered and "database" in lowered:
        return "create the database first:  createdb NAME"
    if "does not exist" in lowered and "role" in lowered:
        return "correct the user in the URL, or create it:  createuser NAME"
    if "could not translate host name" in lowered or "resolve host" in lowered:
        return "correct the host in the URL"
    if "refused" in lowered or "timeout" in lowered or "no such file" in lowered:
        return "start the server, or correct host and port in the URL"
    return "correct the URL, or ask who runs the server"


ENGINE = PostgresEngine()
