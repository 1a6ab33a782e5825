"""MySQL: every DDL statement commits by itself; named locks; PyMySQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel import tables as shapes
from whimbrel.engines import backups as contract_backups
from whimbrel.engines import base, connect, levels, portable, sqltext, transport
from whimbrel.engines import building as builders
from whimbrel.engines import captures as contract_captures
from whimbrel.engines import codec as codecs
from whimbrel.engines import fences as contract_fences
from whimbrel.engines import inventory as inventories
from whimbrel.engines import judge as judges
from whimbrel.engines import mirrors as contract_mirrors
from whimbrel.engines import phrases as contract
from whimbrel.engines import scratch as contract_scratch
from whimbrel.engines import tolls as contract_tolls
from whimbrel.engines import weights as weighing
from whimbrel.engines.mysql import (
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
    wire,
)
from whimbrel.engines.mysql import judge as judging
from whimbrel.engines.mysql import phrases as said
from whimbrel.engines.mysql import portable as converting
from whimbrel.engines.mysql import session as sessions

# How long a statement waits for another session's metadata or row locks.
LOCK_WAIT_SECONDS = 10
# What the server must never do in silence: clip, round a date to zero, change the engine.
_LAST_ID = "last insert id"
# ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION.
_READ_ONLY = 1792
# What these hold is not taken back by a rollback.
_WITHOUT_TRANSACTIONS = """
SELECT t.table_name FROM information_schema.tables t
  JOIN information_schema.engines e ON e.engine = t.engine
 WHERE t.table_schema = DATABASE() AND e.transactions <> 'YES'
"""
_STRICT = "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO"


class MysqlEngine(base.Engine):
    """What MySQL can do, and its factories."""

    name = "mysql"
    title = "MySQL"
    dialect = "mysql"
    paramstyle = "format"
    url_example = "mysql://user:password@host/database"
    row_share = " LOCK IN SHARE MODE"
    can = base.Capabilities(
        trusted_keys=False,
        transactional_ddl=False,
        lock_limits=True,
        models=("MySQL", "MariaDB"),
        # The optimizer takes no index for (a, b) > (1, 2).
        row_values=False,
        simultaneous_assignment=False,
        # Floats are shown shorter than they are; ENUM and SET are ordered by their numbers and
        # compared as texts; the same TIMESTAMP comes twice when clocks are put back.
        no_keys=frozenset({"float", "enum", "set", "bit", "timestamp"}),
    )

    def open(self, url: sa.URL, *, read_only: bool = False) -> base.Session:
        connect.require("pymysql", extra="mysql", needed_for=self.title)
        driver_url = url.set(
            drivername="mysql+pymysql",
            query={"charset": "utf8mb4", **url.query},
        )
        arguments: dict[str, object] = {
            "connect_timeout": connect.CONNECT_SECONDS,
            "conv": bulk.conversions(),
            # The dialect's own, which stands for changed rows that are counted as found; ours lets
            # LOAD DATA LOCAL read what we send, while the driver goes on sending no files.
            "client_flag": wire.flags(),
        }
        if url.password:
            # As bytes: the driver would write a text in Latin-1.
            arguments["password"] = str(url.password).encode()
        connection = connect.connect(self, driver_url, arguments=arguments, remedy=_remedy)
        session = sessions.MysqlSession(
            self,
            connection,
            url=connect.shown(url, self.name),
            read_only=read_only,
        )
        health.remember(session)
        # The server's modes stay; what would lose data in silence is refused beside them.
        session.execute(f"SET SESSION sql_mode = CONCAT_WS(',', @@sql_mode, '{_STRICT}')")
        session.execute(
            f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}, "
            f"innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}, "
            "group_concat_max_len = 1073741824"
        )
        self._no_silent_timestamps(session)
        if read_only:
            session.execute("SET SESSION TRANSACTION READ ONLY")
        session.commit()
        return session

    def _no_silent_timestamps(self, session: base.Session) -> None:
        """Keep old servers from giving a first TIMESTAMP an ON UPDATE that nobody asked for."""
        if session.fetch("SELECT @@explicit_defaults_for_timestamp")[0][0]:
            return
        try:
            session.execute("SET SESSION explicit_defaults_for_timestamp = ON")
        except sa.exc.DBAPIError:
            # Before MariaDB 10.6.9 only the server's own configuration can say it.
            session.rollback()

    def answered_by(self, session: base.Session) -> str:
        was = session.in_transaction
        version = str(session.fetch("SELECT VERSION()")[0][0])
        if not was:  # else there may be a moment that is still to be read
            session.commit()
        return "mariadb" if "mariadb" in version.lower() else "mysql"

    def catalog(self, session: base.Session) -> base.Catalog:
        return catalog.MysqlCatalog(session)

    def planned(self, session: base.Session) -> base.Planned:
        return base.Overlay(self.catalog(session))

    def ddl(self, catalog: base.Catalog) -> base.Ddl:
        return ddl.MysqlDdl(self, catalog)

    @property
    def phrases(self) -> contract.Phrases:
        return said.MysqlPhrases(self.quote)

    @property
    def judge(self) -> judges.Judge:
        return judging.MysqlJudge(self.quote)

    def stay(
        self,
        session: base.Session,
        table: shapes.Table,
        referrers: Sequence[shapes.ForeignKey],
        *,
        constraints: bool,
    ) -> frozenset[str]:
        # A foreign key needs an index on both sides, and so does a column that counts.
        needed = [key.ref_columns for key in referrers]
        needed += [(column.name,) for column in table.columns if column.auto_increment]
        if not constraints:
            needed += [key.columns for key in table.foreign_keys]
        needed += [key.ref_columns for key in table.foreign_keys if key.ref_table == table.name]
        every: list[shapes.Index | shapes.Unique] = [*table.indexes, *table.uniques]
        return frozenset(
            part.name
            for part in every
            if part.name and any(part.columns[: len(columns)] == columns for columns in needed)
        )

    def lock(self, session: base.Session, clock: clocks.Clock) -> base.RunLock:
        return lock.NamedLock(session)

    def identity(self, session: base.Session) -> tuple[object, ...]:
        row = session.fetch("SELECT DATABASE(), @@hostname, @@port, @@socket, @@datadir")[0]
        return ("mysql", *row)

    def bulk(self, session: base.Session) -> base.Bulk:
        return bulk.MysqlBulk(sessions.ours(session))

    def selected(self, table: shapes.Table, columns: Sequence[str] | None = None) -> str:
        """Return what reads columns exactly: a FLOAT alone would come with six digits."""
        floats = {c.name for c in table.columns if c.type.lower().startswith("float")}
        names = [column.name for column in table.columns] if columns is None else columns
        if floats.isdisjoint(names):
            return super().selected(table, columns)
        return ", ".join(
            f"{self.quote(name)} + 0e0 AS {self.quote(name)}"
            if name in floats
            else self.quote(name)
            for name in names
        )

    @contextmanager
    def as_given(self, session: base.Session) -> Iterator[None]:
        before = session.fetch("SELECT @@sql_mode")[0][0]
        mode = f"{before},NO_AUTO_VALUE_ON_ZERO"
        session.execute("SET SESSION sql_mode = %s", [mode])
        try:
            yield
        finally:
            if not session.gone:
                session.execute("SET SESSION sql_mode = %s", [before])

    def builder(self, session: base.Session | None = None) -> builders.Builder:
        return building.MysqlBuilder(self.title, self.quote, folds_tables=folds_tables(session))

    def health(self, session: base.Session) -> base.Health:
        return health.MysqlHealth(session)

    def codec(self, session: base.Session) -> codecs.Codec:
        return codec.MysqlCodec(sessions.ours(session))

    def converter(self, session: base.Session) -> portable.Converter:
        return converting.MysqlConverter(session)

    def inventory(self, session: base.Session) -> inventories.Inventory:
        return inventory.MysqlInventory(session)

    def profiler(self, session: base.Session) -> portable.Profiler:
        return profile.MysqlProfiler(sessions.ours(session))

    def tolls(self, session: base.Session) -> contract_tolls.Tolls:
        return tolls.MysqlTolls(session)

    def backups(self, session: base.Session, url: sa.URL) -> contract_backups.Backups:
        return backup.MysqlBackups(sessions.ours(session), url)

    def scratches(self, at: sa.URL, source: sa.URL) -> contract_scratch.Scratches:
        return scratch.MysqlScratches(self, at, source)

    def mirror(self, session: base.Session) -> contract_mirrors.Mirror:
        return mirror.MysqlMirror(session)

    def capture(self, session: base.Session, how: str) -> contract_captures.Capture | None:
        if how == contract_captures.LOG:
            return log_capture.LogCapture(session)
        return capture.MysqlCapture(session) if how == contract_captures.TRIGGERS else None

    def fence(self, session: base.Session) -> contract_fences.Fence:
        return fence.MysqlFence(session)

    def weights(self, session: base.Session) -> weighing.Weights:
        return weights.MysqlWeights(session)

    def unloader(self, session: base.Session) -> transport.Unloader:
        return unload.MysqlUnloader(sessions.ours(session))

    def loader(self, session: base.Session) -> transport.Loader:
        return load.MysqlLoader(sessions.ours(session))

    def drop_tables(self, names: Sequence[str]) -> list[str]:
        # Tables that refer to each other in a circle cannot go one by one, nor all at once.
        return [
            "SET @whimbrel_checks = @@SESSION.foreign_key_checks, foreign_key_checks = 0",
            *super().drop_tables(names),
            "SET SESSION foreign_key_checks = @whimbrel_checks",
        ]

    @contextmanager
    def standstill(self, session: base.Session) -> Iterator[bool]:
        with snapshots.standstill(session, snapshots.FLUSH) as still:
            yield still

    def snapshot(self, session: base.Session, token: str | None = None) -> base.Snapshot:
        return snapshots.snapshot(session, token)

    def position(self, session: base.Session) -> str:
        return snapshots.position(session)

    def fault(self, error: BaseException) -> base.Fault:
        return faults.fault(error)

    def limited(self, session: base.Session, seconds: float | None) -> AbstractContextManager[None]:
        """Do nothing: MySQL has a limit for SELECT alone, and none for what writes."""
        return nullcontext()

    def statistics(self, table: str) -> str | None:
        return f"ANALYZE TABLE {self.quote(table)}"

    def estimate(self, session: base.Session, table: str) -> int | None:
        """Return the storage engine's guess, as the optimizer is told it.

        For InnoDB it follows inserts and deletes, and comes from a sample of pages otherwise.
        """
        plan = session.connection.execution_options(no_parameters=True).exec_driver_sql(
            f"EXPLAIN SELECT 1 FROM {self.quote(table)}"
        )
        guesses = [row["rows"] for row in plan.mappings()]
        return None if None in guesses else int(guesses[0])

    def isolate(self, session: base.Session, level: str | None) -> None:
        """Set the isolation of later transactions; None is READ COMMITTED where it can be.

        With binlog_format=STATEMENT the server refuses to write under it; None then leaves the
        level as it is.
        """
        mysql = sessions.ours(session)
        wanted = levels.checked(level or levels.BATCHES, known=levels.SERVERS, title=self.title)
        if wanted == levels.DEFAULT:
            wanted = session.connection.default_isolation_level or "REPEATABLE READ"
        if wanted in levels.SERVERS[:2] and _logs_statements(mysql):
            if level is None:
                return
            raise errors.UsageError(
                f"{self.title} cannot write under {wanted.lower()} here",
                database=session.url,
                cause="the server logs statements (binlog_format=STATEMENT)",
                remedy="leave the isolation out, or let the server log rows: "
                "binlog_format=ROW or MIXED",
            )
        mysql.isolate(wanted)

    def interrupt(self, session: base.Session) -> None:
        if session.gone:
            return
        url = session.connection.engine.url
        thread = sessions.ours(session).driver.thread_id()
        with contextlib.closing(self.open(url.set(drivername=self.name))) as other:
            sessions.ours(other).send(f"KILL QUERY {int(thread)}")

    def lock_limit(self, session: base.Session, seconds: float | None) -> None:
        whole = max(1, round(LOCK_WAIT_SECONDS if seconds is None else seconds))
        sessions.ours(session).send(f"SET SESSION lock_wait_timeout = {whole}")

    def patience(self, session: base.Session, seconds: float | None) -> None:
        whole = max(1, round(LOCK_WAIT_SECONDS if seconds is None else seconds))
        sessions.ours(session).send(
            f"SET SESSION lock_wait_timeout = {whole}, innodb_lock_wait_timeout = {whole}"
        )

    def delete_copies(self, table: str, condition: str, count: int) -> str:
        name = self.beside_parameters(self.quote(table))
        return f"DELETE FROM {name} WHERE {condition} LIMIT {count}"

    def cause(self, error: BaseException) -> str:
        original = getattr(error, "orig", None) or error
        if len(original.args) == 2 and isinstance(original.args[0], int):
            code, text = original.args
            return f"({code}) {' '.join(str(text).split())}"
        return super().cause(error)

    def sa_dialect(self) -> sa.Dialect:
        from sqlalchemy.dialects import mysql

        return mysql.dialect(paramstyle="named")  # type: ignore[no-untyped-call, no-any-return, unused-ignore]

    def would_write(self, error: BaseException) -> bool:
        return _code(error) == _READ_ONLY

    def without_transactions(self, session: base.Session) -> frozenset[str]:
        rows = session.fetch(_WITHOUT_TRANSACTIONS)
        return frozenset(str(row[0]).casefold() for row in rows)

    def session_facts(
        self, session: base.Session, sql: str, result: base.Result
    ) -> dict[str, object]:
        facts: dict[str, object] = {}
        if result.last_id:
            facts[_LAST_ID] = self.last_insert_id(session)
        for name in _assigned(sql, self.dialect):
            facts[name] = session.fetch(f"SELECT {name}")[0][0]
        return facts

    def restore_session_facts(self, session: base.Session, facts: Mapping[str, object]) -> None:
        for name, value in facts.items():
            if name == _LAST_ID:
                session.execute("SELECT LAST_INSERT_ID(%s)", [value])
            else:
                session.execute(f"SET {name.replace('%', '%%')} = %s", [value])

    def last_insert_id(self, session: base.Session) -> int | None:
        return int(str(session.fetch("SELECT LAST_INSERT_ID()")[0][0])) or None


def _logs_statements(session: sessions.MysqlSession) -> bool:
    return session.send("SELECT @@log_bin AND @@binlog_format = 'STATEMENT'")[0][0] == 1


def folds_tables(session: base.Session | None) -> bool:
    """Whether the names of tables are one in all cases of letters, as servers choose."""
    if session is None:
        return False
    return bool(sessions.ours(session).send("SELECT @@lower_case_table_names")[0][0])


def _code(error: BaseException) -> object:
    arguments = getattr(getattr(error, "orig", None), "args", ())
    return arguments[0] if arguments else None


def _assigned(sql: str, dialect: str) -> list[str]:
    """Return the user variables that a statement may give a value."""
    if "@" not in sql:
        return []
    found = sqltext.significant(sql, dialect)
    words = {token.word for token in found}
    if not words & {":=", "INTO"} and found[0].word != "SET":
        return []
    names = (token.text for token in found if token.sort is sqltext.Sort.VARIABLE)
    return [name for name in dict.fromkeys(names) if not name.startswith("@@")]


def _remedy(cause: str) -> str:
    lowered = cause.lower()
    if "too many connections" in lowered:
        return "wait until others have left, or use fewer connections:  --workers 1"
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
