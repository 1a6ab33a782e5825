"""The contract every engine fulfils: capabilities, sessions, catalog, DDL, the run lock.

The rest of the house asks these classes and never an engine's name. What is the same on all
engines is written here once, on SQLAlchemy; the folders beside this file hold what differs.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import sqlalchemy as sa
import sqlalchemy.dialects.mysql

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel import tables as shapes
from whimbrel.engines import aside, beside, building, portable, transport
from whimbrel.engines import backups as copies
from whimbrel.engines import captures as capturing
from whimbrel.engines import codec as codecs
from whimbrel.engines import fences as fencing
from whimbrel.engines import inventory as inventories
from whimbrel.engines import judge as judges
from whimbrel.engines import mirrors as mirroring
from whimbrel.engines import phrases as phrases_
from whimbrel.engines import scratch as scratches_
from whimbrel.engines import tolls as tolls_
from whimbrel.engines import weights as weighing
from whimbrel.engines.catalogs import Catalog as Catalog
from whimbrel.engines.catalogs import Overlay as Overlay
from whimbrel.engines.catalogs import Planned as Planned
from whimbrel.engines.catalogs import Statement as Statement

Row = tuple[object, ...]
Params = Sequence[object] | Mapping[str, object] | None

# Text without a limit worth naming; the plain type ends at 64 KB on one engine.
LONG_TEXT = sa.Text().with_variant(sa.dialects.mysql.LONGTEXT(), "mysql", "mariadb")

# How our own tables are made: transactional, every character, compared byte by byte.
TABLE_OPTIONS: Mapping[str, str] = {
    f"{name}_{option}": value
    for name in ("mysql", "mariadb")
    for option, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_bin"),
    )
}

# Every table of ours in a user's database begins so; catalogs do not list them.
OUR_PREFIX = "whimbrel_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can do. Ask these, never its name."""

    transactional_ddl: bool
    concurrent_index: bool = False
    failure_ends_transaction: bool = False
    models: tuple[str, ...] = ()
    # (a, b) > (1, 2) is answered from an index; where it is not, it is written out.
    row_values: bool = True
    # A statement that changes the schema can be given so long to get its lock, and then fails.
    lock_limits: bool = False
    # Several sessions can write at once.
    parallel_writers: bool = True
    # Several sessions of one process read faster than one.
    parallel_readers: bool = True
    # UPDATE … SET a = b, b = a reads the row as it was; elsewhere it goes from left to right.
    simultaneous_assignment: bool = True
    # Foreign keys hold for every row that is there, and no primary key is NULL.
    trusted_keys: bool = True
    # What tells the rows of a table without a key apart, if anything does.
    row_address: str | None = None
    # Types (first words, lower case) whose order or equality is not that of their comparison
    # with a value that was read: nothing to walk a table by.
    no_keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a statement gave: rows of a query, or the number of rows it changed (-1 unknown)."""

    rows: list[Row] | None
    changed: int
    last_id: int | None = None


class Fault(Enum):
    """What a failed statement ran into; what to do about it follows from that."""

    DATA = "data"  # a value or a constraint; other rows may be fine
    TIMEOUT = "timeout"  # it took longer than it was given
    LOCKED = "locked"  # a deadlock, a lock wait, a busy file: the same may work a moment later
    GONE = "gone"  # the session has ended
    OTHER = "other"  # wrong SQL, a missing right, a full disk: the same will fail again


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a server says of one sign of its health; `value` is None if it cannot be read.

    `detail` says what the value is about (which replica, which lock), or why there is none.
    """

    name: str
    value: float | None
    unit: str = ""
    detail: str = ""


class Health(abc.ABC):
    """How a server is, as far as it tells: what batches have to wait for."""

    @abc.abstractmethod
    def read(self) -> list[Reading]:
        """Return what can be read now; an unreadable sign is a reading without a value."""

    @abc.abstractmethod
    def lag(self) -> Reading:
        """Return how far this server, a replica, is behind, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a database, which a session reads until its transaction ends.

    `position` is how far the database had got (see `Engine.position`); `kind` says in words what
    is promised. Whoever has the `token` can read the same moment in a session of his own; without
    one, other sessions take moments of their own, a little later.
    """

    position: str
    kind: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breath:
    """What a database needs between two batches, for others who work on it.

    It is left alone for `pause` seconds; the next batch should take `at_most` so many seconds,
    None is as many as the settings say.
    """

    pause: float = 0.0
    at_most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Rows in the order of the query; `more` if it was cut because of their size in bytes."""

    columns: tuple[str, ...]
    rows: list[Row]
    more: bool


class Bulk(abc.ABC):
    """Reads and writes many rows at once, by the engine's fastest way that loses nothing."""

    @abc.abstractmethod
    def read(self, sql: str, params: Sequence[object], *, max_bytes: int) -> Fetched:
        """Return rows until they are about `max_bytes` large; at least one, if there is one."""

    @abc.abstractmethod
    def insert(self, table: shapes.Table, columns: Sequence[str], rows: Sequence[Row]) -> int:
        """Insert rows, all or (with the driver's error) none; return how many."""

    @abc.abstractmethod
    def update(
        self,
        table: shapes.Table,
        key: Sequence[str],
        columns: Sequence[str],
        rows: Sequence[Row],
    ) -> int:
        """Set `columns` of the rows with these keys; return how many rows were found.

        Each row holds the values of the key, then those of the columns.
        """


class Session:
    """One open connection with its settings; it owns the transaction."""

    def __init__(
        self, engine: Engine, connection: sa.Connection, *, url: str, read_only: bool
    ) -> None:
        self.engine = engine
        self.connection = connection
        self.url = url
        self.read_only = read_only

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.connection.in_transaction()

    @property
    def gone(self) -> bool:
        """Whether the session has ended; it is never replaced, for its lock is gone too."""
        return self.connection.closed or self.connection.invalidated

    def execute(self, sql: str, params: Params = None) -> Result:
        """Send one statement; `params` are in the driver's own style. None sends it verbatim."""
        if params is None:
            cursor = self.connection.execution_options(no_parameters=True).exec_driver_sql(sql)
        else:
            bound = dict(params) if isinstance(params, Mapping) else tuple(params)
            cursor = self.connection.exec_driver_sql(sql, bound)
        if cursor.returns_rows:
            rows = [tuple(row) for row in cursor]
            return Result(rows=rows, changed=cursor.rowcount)
        last_id = getattr(cursor.context.cursor, "lastrowid", None)
        return Result(rows=None, changed=cursor.rowcount, last_id=last_id)

    def fetch(self, sql: str, params: Params = None) -> list[Row]:
        """Return the rows of a query."""
        return self.execute(sql, params).rows or []

    def begin(self) -> None:
        """Open a transaction, unless one is open already."""
        if not self.connection.in_transaction():
            self.connection.begin()

    def commit(self) -> None:
        """Commit what is open."""
        if self.connection.in_transaction():
            self.connection.commit()

    def rollback(self) -> None:
        """Take back what is open."""
        # Also a transaction whose COMMIT was refused, which is no longer active.
        if self.connection.get_transaction() is not None:
            self.connection.rollback()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Only read inside the block, and take no lock for it; no transaction may be open."""
        if self.connection.in_transaction():
            raise errors.RefusedError("a transaction is open where none may be")
        try:
            yield
        finally:
            if not self.gone:
                self.rollback()

    @contextmanager
    def outside_transaction(self) -> Iterator[None]:
        """Run the block with every statement committing by itself; no transaction may be open."""
        if self.connection.in_transaction():
            raise errors.RefusedError("a transaction is open where none may be")
        self.connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield
        finally:
            self.rollback()
            if not self.connection.invalidated:
                self.connection.execution_options(
                    isolation_level=self.connection.default_isolation_level or "READ COMMITTED"
                )

    def close(self) -> None:
        """End the session; what is not committed is lost."""
        self.connection.close()
        self.connection.engine.dispose()


class Ddl(aside.Aside, beside.Beside, abc.ABC):
    """How an engine says each verb of a migration, as statements; nothing is sent here.

    Tables come as the catalog found them (or as the plan will have made them), so that what a
    verb does not mention can be restated.
    """

    def __init__(self, engine: Engine, catalog: Catalog) -> None:
        self.engine = engine
        self.catalog = catalog

    @abc.abstractmethod
    def found(self, column: shapes.Column, *, table: str) -> shapes.FoundColumn:
        """Return how the catalog will describe this new column."""

    def changed(self, table: shapes.Table, column: shapes.Column) -> shapes.FoundColumn:
        """Return how the catalog will describe a column after change_column."""
        old, new = table.column(column.name), self.found(column, table=table.name)
        return dataclasses.replace(
            old,
            type=new.type,
            null=old.null if column.null is None else new.null,
            default=old.default if column.default is shapes.UNSET else new.default,
            auto_increment=old.auto_increment or new.auto_increment,
            comment=new.comment or old.comment,
            collation=new.collation or old.collation,
            definition=new.definition,
        )

    def raw(self, sql: str) -> tuple[Statement, ...]:
        """Return a user's own statement with what the engine has to know of it.

        Raises RefusedError for one that cannot do what it says inside a migration.
        """
        return (Statement(sql=sql),)

    @abc.abstractmethod
    def create_table(self, new: shapes.NewTable) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def drop_table(self, table: shapes.Table) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def rename_table(self, table: shapes.Table, to: str) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def add_column(self, table: shapes.Table, column: shapes.Column) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def change_column(
        self, table: shapes.Table, column: shapes.Column, *, accept_loss: bool = False
    ) -> tuple[Statement, ...]:
        """Change a column; with `accept_loss` nothing is asked about values that would change."""

    @abc.abstractmethod
    def restore_column(
        self, table: shapes.Table, column: shapes.FoundColumn
    ) -> tuple[Statement, ...]:
        """Change a column back to what the catalog had said of it."""

    @abc.abstractmethod
    def rename_column(self, table: shapes.Table, old: str, new: str) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def remove_column(self, table: shapes.Table, column: str) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def create_index(
        self, table: shapes.Table, index: shapes.Index, *, concurrently: bool = False
    ) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def remove_index(
        self, table: shapes.Table, index: shapes.Index, *, concurrently: bool = False
    ) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def add_foreign_key(
        self, table: shapes.Table, key: shapes.ForeignKey
    ) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def add_check(self, table: shapes.Table, check: shapes.Check) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def add_unique(self, table: shapes.Table, unique: shapes.Unique) -> tuple[Statement, ...]: ...

    @abc.abstractmethod
    def remove_constraint(
        self,
        table: shapes.Table,
        constraint: shapes.ForeignKey | shapes.Check | shapes.Unique,
    ) -> tuple[Statement, ...]: ...

    def lossy_values(self, table: shapes.Table, column: shapes.Column) -> str | None:
        """Return a query for values that would not survive change_column, or None if none can.

        The query gives the key (or the value) and the value as text, for rows whose value
        would come back different after the change.
        """
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who runs: written beside the lock, shown to whoever comes second."""

    run: str
    who: str
    host: str
    pid: int
    command: str
    started_at: str

    def __str__(self) -> str:
        return (
            f"{self.command}, by {self.who}@{self.host} (pid {self.pid}), started {self.started_at}"
        )


class RunLock(abc.ABC):
    """One runner per database."""

    @abc.abstractmethod
    def acquire(self, holder: Holder) -> None:
        """Take the lock at once, or raise LockHeld naming who has it."""

    @abc.abstractmethod
    def check(self) -> None:
        """Raise LockLost unless we still hold it; called inside the transaction, before commit."""

    @abc.abstractmethod
    def release(self) -> None:
        """Give the lock back."""

    @abc.abstractmethod
    def held_by(self) -> str | None:
        """Return in words who holds the lock, None if nobody does; only look, take nothing."""


class Engine(abc.ABC):
    """One engine: its facts, and the factories of everything that is written differently."""

    name: str
    title: str
    dialect: str  # sqlglot's name of its SQL
    can: Capabilities
    paramstyle: str
    url_example: str

    def located(self, url: sa.URL, folder: Path) -> sa.URL:
        """Return the URL with a relative file placed in `folder`; servers have none."""
        return url

    def exists(self, url: sa.URL) -> bool:
        """Whether there is such a database, as far as that can be said without opening it.

        What does not exist is made by `open` where an engine makes it at first use.
        """
        return True

    @abc.abstractmethod
    def open(self, url: sa.URL, *, read_only: bool = False) -> Session:
        """Open a session, or raise DatabaseUnavailable, MissingExtra.

        A read-only session cannot write even if asked to: the engine itself refuses.
        """

    def imagined(self) -> Session:
        """Return a session for plans alone: of an empty database that is nowhere.

        Raises UsageError where only a server can say what it takes.
        """
        raise errors.UsageError(
            f"only a server can say what {self.title} takes",
            remedy=f"name a database of it:  --to {self.url_example}",
        )

    def answered_by(self, session: Session) -> str:
        """Return the name of the engine that really answered, which the URL may not know."""
        return self.name

    @abc.abstractmethod
    def catalog(self, session: Session) -> Catalog:
        """Return the real catalog of the session's database."""

    @abc.abstractmethod
    def planned(self, session: Session) -> Planned:
        """Return a catalog for planning, which starts as the real one."""

    @abc.abstractmethod
    def ddl(self, catalog: Catalog) -> Ddl:
        """Return the verbs of this engine, speaking about `catalog`."""

    @property
    @abc.abstractmethod
    def phrases(self) -> phrases_.Phrases:
        """What this engine says to compare and convert values."""

    @property
    @abc.abstractmethod
    def judge(self) -> judges.Judge:
        """What this engine says to ask values for rules."""

    def stay(
        self,
        session: Session,
        table: shapes.Table,
        referrers: Sequence[shapes.ForeignKey],
        *,
        constraints: bool,
    ) -> frozenset[str]:
        """Return names of indexes and constraints that cannot be made again just as they are.

        `referrers` are foreign keys of other tables to this one; `constraints` says that the
        table's own foreign keys will be gone.
        """
        return frozenset()

    @abc.abstractmethod
    def lock(self, session: Session, clock: clocks.Clock) -> RunLock:
        """Return the lock of the session's database."""

    @abc.abstractmethod
    def identity(self, session: Session) -> tuple[object, ...]:
        """Return what the server says we are connected to, equal for equal databases."""

    def place(self, session: Session) -> tuple[object, ...]:
        """Return what of the identity stays when the server is started again."""
        return self.identity(session)

    def durable(self, session: Session) -> None:
        """Let every commit of a session be on its disk before it returns.

        For whoever forgets elsewhere what is committed here. Engines where it is so have nothing
        to do.
        """

    @abc.abstractmethod
    def sa_dialect(self) -> sa.Dialect:
        """Return a dialect for rendering text: quoted names, no doubled percent signs."""

    @abc.abstractmethod
    def bulk(self, session: Session) -> Bulk:
        """Return what reads and writes many rows at once on this session."""

    @abc.abstractmethod
    def health(self, session: Session) -> Health:
        """Return what reads how the server of this session is."""

    @abc.abstractmethod
    def codec(self, session: Session) -> codecs.Codec:
        """Return what writes rows of this session so that they can be compared."""

    @abc.abstractmethod
    def unloader(self, session: Session) -> transport.Unloader:
        """Return what reads rows of this session as blocks for another database."""

    @abc.abstractmethod
    def loader(self, session: Session) -> transport.Loader:
        """Return what writes blocks of rows on this session."""

    @abc.abstractmethod
    def converter(self, session: Session) -> portable.Converter:
        """Return what knows the types of this session's database."""

    @abc.abstractmethod
    def profiler(self, session: Session) -> portable.Profiler:
        """Return what reads what values there are."""

    @abc.abstractmethod
    def builder(self, session: Session | None = None) -> building.Builder:
        """Return how tables are made whole; without a session, on the oldest server there is."""

    @abc.abstractmethod
    def inventory(self, session: Session) -> inventories.Inventory:
        """Return what looks for everything that is no table."""

    @abc.abstractmethod
    def tolls(self, session: Session) -> tolls_.Tolls:
        """Return what changes of schema cost others on the server of a session."""

    @abc.abstractmethod
    def backups(self, session: Session, url: sa.URL) -> copies.Backups:
        """Return what makes backups of a session's database; its URL is with the password."""

    def site(self, url: sa.URL) -> copies.Site:
        """Return where a restore into a database is made."""
        return copies.Site(url)

    @abc.abstractmethod
    def scratches(self, at: sa.URL, source: sa.URL) -> scratches_.Scratches:
        """Return how databases like `source` are made to be thrown away, where `at` says."""

    @abc.abstractmethod
    def weights(self, session: Session) -> weighing.Weights:
        """Return what says how large tables and indexes are, and which nobody reads."""

    @abc.abstractmethod
    def mirror(self, session: Session) -> mirroring.Mirror:
        """Return what keeps two shapes of the same rows in step."""

    def capture(self, session: Session, how: str) -> capturing.Capture | None:
        """Return what notices changed rows by triggers or by the log; None if there is no way."""
        return None

    @abc.abstractmethod
    def fence(self, session: Session) -> fencing.Fence:
        """Return what lets nobody write to tables any more."""

    @contextmanager
    def standstill(self, session: Session) -> Iterator[bool]:
        """Let nobody commit inside the block, so that several sessions begin at one moment.

        For engines whose sessions cannot be given the moment of another. `session` is one of its
        own, which is used for nothing else; whether it worked is yielded (a missing right, a
        server too busy). At most a few seconds are waited for it.
        """
        yield False

    @abc.abstractmethod
    def snapshot(self, session: Session, token: str | None = None) -> Snapshot:
        """Open a transaction that only reads, and one moment of the database, until it ends.

        With the `token` of another session's snapshot it is the same moment.
        """

    @abc.abstractmethod
    def position(self, session: Session) -> str:
        """Return how far the database has got by now: another text if anything was written.

        It may also change without; it is never the same after a change that was committed.
        """

    @abc.abstractmethod
    def fault(self, error: BaseException) -> Fault:
        """Say what kind of failure a driver's or SQLAlchemy's exception is."""

    @abc.abstractmethod
    def limited(self, session: Session, seconds: float | None) -> AbstractContextManager[None]:
        """Let statements inside the block take so long at most; None is no limit.

        A statement that takes longer fails with Fault.TIMEOUT and leaves the session usable.
        """

    @abc.abstractmethod
    def estimate(self, session: Session, table: str) -> int | None:
        """Return about how many rows a table has, without reading them; None if unknown."""

    # What keeps rows that were read as they are until the transaction ends, behind a SELECT.
    row_lock = " FOR UPDATE"
    # The same, and others may read them so as well. Such a read sees what is committed by now, also
    # where the transaction reads an earlier moment otherwise.
    row_share = " FOR SHARE"
    # As many rows as a statement that writes should be about.
    rows_at_once = 500
    # What lets an INSERT give columns their values that the server would choose itself.
    override_identity = ""

    def delete_copies(self, table: str, condition: str, count: int) -> str:
        """Return a DELETE of exactly so many of the rows that meet a condition; any of them."""
        address, name = self.can.row_address, self.beside_parameters(self.quote(table))
        return (
            f"DELETE FROM {name} WHERE {address} IN "
            f"(SELECT {address} FROM {name} WHERE {condition} LIMIT {count})"
        )

    def defer_foreign_keys(self, session: Session) -> bool:
        """Let foreign keys be checked when the open transaction commits; say whether they are."""
        return False

    def version(self, session: Session) -> str:
        """Return the version of the server (or library) that answers."""
        info = session.connection.dialect.server_version_info or ()
        return ".".join(str(part) for part in info)

    def interrupt(self, session: Session) -> None:
        """End, from another thread, the statement that a session is at, as far as it can be."""

    def reachable(self, session: Session) -> bool:
        """Whether another process could open the database of a session."""
        return True

    def own_rows(self, table: str) -> str:
        """Return the condition that leaves out the rows of a table's heirs.

        Asked only of engines whose tables can have heirs.
        """
        raise NotImplementedError

    def free_space(self, session: Session) -> int | None:
        """Return how many bytes may still be written, None where the engine cannot tell."""
        return None

    def statistics(self, table: str) -> str | None:
        """Return the statement that lets an engine count what a table holds, for its planner."""
        return None

    def drop_tables(self, names: Sequence[str]) -> list[str]:
        """Return statements that drop tables which may refer to each other."""
        return [f"DROP TABLE IF EXISTS {', '.join(map(self.quote, names))}"]

    def hurry(self, session: Session) -> None:
        """Let statements of a session fail at once where others hold what they need.

        For whoever tries again and again by himself; engines whose readers and short writers
        never meet a long one have nothing to do.
        """

    def make_room(self, session: Session) -> None:
        """Let a session that makes indexes of large tables sort in memory, within reason."""

    def selected(self, table: shapes.Table, columns: Sequence[str] | None = None) -> str:
        """Return what a SELECT has to name to read columns exactly; None is all of them."""
        if columns is None:
            return f"{self.quote(table.name)}.*"
        return ", ".join(map(self.quote, columns))

    def as_given(self, session: Session) -> AbstractContextManager[None]:
        """Let explicit values of counting columns stay as they are, whatever they are."""
        return nullcontext()

    def lock_limit(self, session: Session, seconds: float | None) -> None:
        """Let statements, also of the open transaction, wait so long for a lock.

        None is as long as at first. Engines whose readers never wait have nothing to do.
        """

    def patience(self, session: Session, seconds: float | None) -> None:
        """Let later statements of a session wait so long for a lock; None is as long as at first.

        While a batch waits it keeps the locks that it has, and others wait for those. Engines
        where who waits for a lock has none yet have nothing to do.
        """

    def breath(self, session: Session, seconds: float) -> Breath:
        """Return how to go on after a batch that kept others out for so many seconds.

        Engines where others work beside a batch have nothing to do.
        """
        return Breath()

    def address_age(self, session: Session) -> str:
        """Return what stays the same for as long as rows keep their addresses."""
        return ""

    def isolate(self, session: Session, level: str | None) -> None:
        """Set the isolation of a session's later transactions; None is what suits batches.

        Raises UsageError for a level the engine does not have.
        """

    def rebuilds(self, statements: Sequence[Statement]) -> bool:
        """Whether these statements rebuild a table, which `begin_migration` has to know."""
        return False

    def begin_migration(self, session: Session, *, rebuilds: bool) -> None:
        """Open the transaction of a migration; `rebuilds` says if a table will be rebuilt."""
        session.begin()

    def before_ddl(self, session: Session) -> None:
        """Make the open transaction ready for a change of schema."""

    def before_commit(self, session: Session) -> None:
        """Check what has to hold before a migration may commit; raise RefusedError if not."""

    def end_migration(self, session: Session) -> None:
        """Put back the settings that `begin_migration` changed; no transaction is open."""

    def after_models(self, session: Session, explicit: Mapping[str, str]) -> None:
        """Repair counters after models wrote explicit keys; `explicit` maps table to column."""

    def last_insert_id(self, session: Session) -> int | None:
        """Return the key that the last INSERT of this session was given, if any."""
        return None

    def would_write(self, error: BaseException) -> bool:
        """Whether a read-only session refused a query because it writes or locks rows."""
        return False

    def without_transactions(self, session: Session) -> frozenset[str]:
        """Return the names, case folded, of tables whose changes cannot be taken back."""
        return frozenset()

    def session_facts(self, session: Session, sql: str, result: Result) -> dict[str, object]:
        """Return what later statements may read of this one from the session alone."""
        return {}

    def restore_session_facts(self, session: Session, facts: Mapping[str, object]) -> None:
        """Give a new session what `session_facts` had returned in the interrupted one."""

    def cause(self, error: BaseException) -> str:
        """Return the server's own words from a driver's exception, on one line."""
        original = getattr(error, "orig", None) or error
        return " ".join(str(original).split()) or type(original).__name__

    @property
    def placeholder(self) -> str:
        """What stands for a parameter in the driver's own style."""
        return "?" if self.paramstyle == "qmark" else "%s"

    def beside_parameters(self, sql: str) -> str:
        """Return SQL text as it has to be written in a statement that has parameters."""
        return sql if self.paramstyle == "qmark" else sql.replace("%", "%%")

    def quote(self, name: str) -> str:
        """Return the identifier quoted, always."""
        return self.sa_dialect().identifier_preparer.quote_identifier(name)

    def compile(self, element: sa.ClauseElement) -> str:
        """Render a construct as text with its values written in."""
        text = str(
            element.compile(dialect=self.sa_dialect(), compile_kwargs={"literal_binds": True})
        )
        return text.strip()
