"""PostgreSQL: DDL and data in one transaction, advisory locks, psycopg 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base, connect
from whimbrel.engines.postgresql import catalog, ddl, lock

# A DDL statement that waits for its lock makes everyone behind it wait too.
LOCK_WAIT_SECONDS = 10
# SET CONSTRAINTS means every constraint of a name, so all of them have to be deferrable.
_DEFERRED = """
SELECT format('%I.%I', n.nspname, c.conname)
  FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
 GROUP BY n.nspname, c.conname
HAVING bool_or(c.condeferred) AND bool_and(c.condeferrable)
"""
# SQLSTATE read_only_sql_transaction.
_READ_ONLY = "25006"


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
        failure_ends_transaction=True,
        models=("Postgres",),
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
        session = base.Session(
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

    def lock(self, session: base.Session, clock: clocks.Clock) -> base.RunLock:
        return lock.AdvisoryLock(session)

    def identity(self, session: base.Session) -> tuple[object, ...]:
        row = session.fetch(
            "SELECT current_database(), pg_postmaster_start_time()::text, current_setting('port')"
        )[0]
        return (self.name, *row)

    def sa_dialect(self) -> sa.Dialect:
        from sqlalchemy.dialects import postgresql

        return postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call, no-any-return, unused-ignore]

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

    def last_insert_id(self, session: base.Session) -> int | None:
        return None

    def rebuilds(self, statements: Sequence[base.Statement]) -> bool:
        return False

    def would_write(self, error: BaseException) -> bool:
        return getattr(getattr(error, "orig", None), "sqlstate", None) == _READ_ONLY


def _remedy(cause: str) -> str:
    lowered = cause.lower()
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
