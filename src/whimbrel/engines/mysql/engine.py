"""MySQL: every DDL statement commits by itself; named locks; PyMySQL."""

from __future__ import annotations

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base, connect
from whimbrel.engines.mysql import catalog, ddl, lock

# How long a statement waits for another session's metadata or row locks.
LOCK_WAIT_SECONDS = 10
# What the server must never do in silence: clip, round a date to zero, change the engine.
_STRICT = "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO"


class MysqlEngine(base.Engine):
    """What MySQL can do, and its factories."""

    name = "mysql"
    title = "MySQL"
    dialect = "mysql"
    paramstyle = "format"
    url_example = "mysql://user:password@host/database"
    can = base.Capabilities(
        transactional_ddl=False,
        session_lock=True,
        models=("MySQL", "MariaDB"),
    )

    def open(self, url: sa.URL, *, read_only: bool = False) -> base.Session:
        connect.require("pymysql", extra="mysql", needed_for=self.title)
        driver_url = url.set(
            drivername="mysql+pymysql",
            query={"charset": "utf8mb4", **url.query},
        )
        connection = connect.connect(
            self, driver_url, arguments={"connect_timeout": connect.CONNECT_SECONDS}, remedy=_remedy
        )
        session = base.Session(
            self,
            connection,
            url=url.set(drivername=self.name).render_as_string(hide_password=True),
            read_only=read_only,
        )
        # The server's modes stay; what would lose data in silence is refused beside them.
        session.execute(f"SET SESSION sql_mode = CONCAT_WS(',', @@sql_mode, '{_STRICT}')")
        session.execute(
            f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}, "
            f"innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}, "
            "group_concat_max_len = 1073741824"
        )
        if read_only:
            session.execute("SET SESSION TRANSACTION READ ONLY")
        session.commit()
        return session

    def answered_by(self, session: base.Session) -> str:
        version = str(session.fetch("SELECT VERSION()")[0][0])
        session.commit()
        return "mariadb" if "mariadb" in version.lower() else "mysql"

    def catalog(self, session: base.Session) -> base.Catalog:
        return catalog.MysqlCatalog(session)

    def planned(self, session: base.Session) -> base.Planned:
        return base.Overlay(self.catalog(session))

    def ddl(self, catalog: base.Catalog) -> base.Ddl:
        return ddl.MysqlDdl(self, catalog)

    def lock(self, session: base.Session, clock: clocks.Clock) -> base.RunLock:
        return lock.NamedLock(session)

    def identity(self, session: base.Session) -> tuple[object, ...]:
        row = session.fetch("SELECT DATABASE(), @@hostname, @@port, @@socket, @@datadir")[0]
        return ("mysql", *row)

    def sa_dialect(self) -> sa.Dialect:
        from sqlalchemy.dialects import mysql

        return mysql.dialect(paramstyle="named")  # type: ignore[no-untyped-call, no-any-return, unused-ignore]

    def last_insert_id(self, session: base.Session) -> int | None:
        return int(str(session.fetch("SELECT LAST_INSERT_ID()")[0][0])) or None


def _remedy(cause: str) -> str:
    lowered = cause.lower()
    if "access denied" in lowered and "to database" in lowered:
        return "grant the user this database, or correct the URL"
    if "access denied" in lowered:
        return "correct the user or the password in the URL"
    if "unknown database" in lowered:
        return "create the database first:  CREATE DATABASE name CHARACTER SET utf8mb4"
    if "can't connect" in lowered or "timed out" in lowered:
        return "start the server, or correct host and port in the URL"
    return "correct the URL, or ask who runs the server"


ENGINE = MysqlEngine()
