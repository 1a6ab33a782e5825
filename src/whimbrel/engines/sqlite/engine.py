"""SQLite: one file, one writer; DDL and rows in one transaction."""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy import event, pool
from sqlalchemy.dialects import sqlite as dialects
from sqlalchemy.dialects.sqlite import base as dialect_base

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel import tables as shapes
from whimbrel.engines import backups as contract_backups
from whimbrel.engines import base, levels, portable, transport
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
from whimbrel.engines.sqlite import (
    backup,
    building,
    bulk,
    capture,
    catalog,
    codec,
    ddl,
    faults,
    fence,
    files,
    functions,
    health,
    inventory,
    load,
    lock,
    mirror,
    profile,
    rebuild,
    replica,
    scratch,
    sizes,
    snapshots,
    standstill,
    tokens,
    tolls,
    unload,
    weights,
)
from whimbrel.engines.sqlite import judge as judging
from whimbrel.engines.sqlite import phrases as said
from whimbrel.engines.sqlite import portable as converting
from whimbrel.engines.sqlite import session as sessions

_FIRST_ROWS: Final = 5
_LEVELS: Final = ("SERIALIZABLE",)
_SETTINGS: Final = (
    "legacy_alter_table",
    "ignore_check_constraints",
    "recursive_triggers",
    "reverse_unordered_selects",
    "query_only",
    "writable_schema",
)


class _Preparer(dialect_base.SQLiteIdentifierPreparer):
    """Quotes every name."""

    def quote(self, ident: str, force: object = None) -> str:
        return self.quote_identifier(ident)


@functools.cache
def _dialect() -> sa.Dialect:
    made = dialects.dialect(paramstyle="named")
    made.identifier_preparer = _Preparer(made)
    return cast("sa.Dialect", made)


class SqliteEngine(base.Engine):
    """What SQLite can do, and its factories."""

    name = "sqlite"
    title = "SQLite"
    dialect = "sqlite"
    paramstyle = "qmark"
    url_example = "sqlite:///app.db"
    can = base.Capabilities(
        trusted_keys=False,
        transactional_ddl=True,
        models=("SQLite",),
        parallel_writers=False,
        # What is compared is written and hashed in Python, one thread at a time.
        parallel_readers=False,
        row_address="rowid",
    )

    # --- sessions ---------------------------------------------------------------------------

    def located(self, url: sa.URL, folder: Path) -> sa.URL:
        if url.database in (None, "", ":memory:") or Path(str(url.database)).is_absolute():
            return url
        file = folder / str(url.database)
        # Shown as short as it can be: from the current folder when it lies below it.
        here = Path.cwd()
        return url.set(database=str(file.relative_to(here) if file.is_relative_to(here) else file))

    def exists(self, url: sa.URL) -> bool:
        path = files.path_of(url)
        return path is None or path.exists()

    def open(self, url: sa.URL, *, read_only: bool = False) -> base.Session:
        path = files.path_of(url)
        shown = url.set(drivername=self.name).render_as_string(hide_password=True)
        # What reading leaves beside a file in WAL mode is taken away again.
        leaves = read_only and path is not None and path.exists() and not files.side_files(path)
        driver = files.open_checked(path, read_only=read_only, database=shown)
        made = sa.create_engine("sqlite://", creator=lambda: driver, poolclass=pool.NullPool)
        session = sessions.SqliteSession(
            self,
            made.connect(),
            url=shown,
            read_only=read_only,
            tidy=path if leaves else None,
        )

        @event.listens_for(made, "begin")
        def _begin(connection: sa.Connection) -> None:
            if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
                connection.exec_driver_sql("BEGIN" if session.only_reads else "BEGIN IMMEDIATE")

        return session

    def imagined(self) -> base.Session:
        return self.open(sa.URL.create(self.name))

    def identity(self, session: base.Session) -> tuple[object, ...]:
        file = files.file_of(_driver(session))
        return (self.name, os.path.realpath(file) if file else _driver(session))

    def durable(self, session: base.Session) -> None:
        _driver(session).execute("PRAGMA synchronous = FULL")

    def sa_dialect(self) -> sa.Dialect:
        return _dialect()

    def cause(self, error: BaseException) -> str:
        # The driver hides why a function of ours stopped a statement.
        return functions.take_cause() or super().cause(error)

    def quote(self, name: str) -> str:
        return tokens.quote(name)

    # --- factories --------------------------------------------------------------------------

    def catalog(self, session: base.Session) -> base.Catalog:
        return catalog.SqliteCatalog(_driver(session))

    def planned(self, session: base.Session) -> base.Planned:
        return replica.PlannedCatalog(catalog.SqliteCatalog(_driver(session)))

    def ddl(self, catalog: base.Catalog) -> base.Ddl:
        return ddl.SqliteDdl(self, catalog)

    @property
    def phrases(self) -> contract.Phrases:
        return said.SqlitePhrases(self.quote)

    @property
    def judge(self) -> judges.Judge:
        return judging.SqliteJudge(self.quote)

    def stay(
        self,
        session: base.Session,
        table: shapes.Table,
        referrers: Sequence[shapes.ForeignKey],
        *,
        constraints: bool,
    ) -> frozenset[str]:
        # Constraints are part of the table's own text: without them it would be another table.
        names = [unique.name for unique in table.uniques]
        names += [check.name for check in table.checks]
        names += [key.name for key in table.foreign_keys]
        needed = {key.ref_columns for key in referrers}
        names += [i.name for i in table.indexes if i.unique and i.columns in needed]
        return frozenset(filter(None, names))

    def lock(self, session: base.Session, clock: clocks.Clock) -> base.RunLock:
        file = files.file_of(_driver(session))
        return lock.NoLock() if file is None else lock.Lease(session, file, clock)

    def bulk(self, session: base.Session) -> base.Bulk:
        return bulk.SqliteBulk(sessions.ours(session))

    def builder(self, session: base.Session | None = None) -> builders.Builder:
        return building.SqliteBuilder(self.title, self.quote)

    def health(self, session: base.Session) -> base.Health:
        return health.SqliteHealth(session)

    # --- transfers --------------------------------------------------------------------------

    def tolls(self, session: base.Session) -> contract_tolls.Tolls:
        return tolls.SqliteTolls(session)

    def backups(self, session: base.Session, url: sa.URL) -> contract_backups.Backups:
        return backup.SqliteBackups(sessions.ours(session))

    def site(self, url: sa.URL) -> contract_backups.Site:
        return backup.SqliteSite(url)

    def scratches(self, at: sa.URL, source: sa.URL) -> contract_scratch.Scratches:
        return scratch.SqliteScratches(at, source)

    def capture(self, session: base.Session, how: str) -> contract_captures.Capture | None:
        return capture.SqliteCapture(session) if how == contract_captures.TRIGGERS else None

    def fence(self, session: base.Session) -> contract_fences.Fence:
        return fence.SqliteFence(session)

    def weights(self, session: base.Session) -> weighing.Weights:
        return weights.SqliteWeights(_driver(session))

    def mirror(self, session: base.Session) -> mirroring.Mirror:
        return mirror.SqliteMirror(session)

    def unloader(self, session: base.Session) -> transport.Unloader:
        return unload.SqliteUnloader(sessions.ours(session))

    def loader(self, session: base.Session) -> transport.Loader:
        return load.SqliteLoader(sessions.ours(session))

    @contextmanager
    def standstill(self, session: base.Session) -> Iterator[bool]:
        with standstill.standstill(sessions.ours(session)) as nobody_writes:
            yield nobody_writes

    # --- proof ------------------------------------------------------------------------------

    def codec(self, session: base.Session) -> codecs.Codec:
        return codec.SqliteCodec(sessions.ours(session))

    def converter(self, session: base.Session) -> portable.Converter:
        return converting.SqliteConverter(session)

    def inventory(self, session: base.Session) -> inventories.Inventory:
        return inventory.SqliteInventory(session)

    def profiler(self, session: base.Session) -> portable.Profiler:
        return profile.SqliteProfiler(sessions.ours(session))

    def snapshot(self, session: base.Session, token: str | None = None) -> base.Snapshot:
        return snapshots.take(sessions.ours(session), token)

    def position(self, session: base.Session) -> str:
        return snapshots.position(sessions.ours(session))

    # --- batches ----------------------------------------------------------------------------

    def fault(self, error: BaseException) -> base.Fault:
        return faults.fault(error)

    def limited(self, session: base.Session, seconds: float | None) -> AbstractContextManager[None]:
        """Let statements inside the block take so long at most; None is no limit.

        SQLite takes back the whole transaction with a statement that wrote, not only to its
        last savepoint.
        """
        return sessions.ours(session).limited(seconds)

    def estimate(self, session: base.Session, table: str) -> int | None:
        return sizes.estimate(_driver(session), table)

    def reachable(self, session: base.Session) -> bool:
        return files.file_of(_driver(session)) is not None

    def free_space(self, session: base.Session) -> int | None:
        file = files.file_of(_driver(session))
        return None if file is None else shutil.disk_usage(Path(file).parent).free

    def drop_tables(self, names: Sequence[str]) -> list[str]:
        return [f"DROP TABLE IF EXISTS {self.quote(name)}" for name in names]

    def hurry(self, session: base.Session) -> None:
        # SQLite's own waiting sleeps longer and longer, past the moments between two batches.
        _driver(session).execute("PRAGMA busy_timeout = 0")

    def breath(self, session: base.Session, seconds: float) -> base.Breath:
        return sessions.ours(session).neighbours.breath(seconds)

    def isolate(self, session: base.Session, level: str | None) -> None:
        """Do nothing: whoever writes is alone, and whoever reads sees one moment."""
        if level is not None:
            levels.checked(level, known=_LEVELS, title=self.title)

    def interrupt(self, session: base.Session) -> None:
        _driver(session).interrupt()

    # --- a migration ------------------------------------------------------------------------

    # Whoever writes is alone.
    row_lock = row_share = ""
    # No way to a server is saved by more, and large statements take long to be prepared.
    rows_at_once = 1

    def defer_foreign_keys(self, session: base.Session) -> bool:
        # It ends by itself with the transaction.
        _driver(session).execute("PRAGMA defer_foreign_keys = ON")
        return True

    def address_age(self, session: base.Session) -> str:
        # VACUUM gives rows new rowids where no column is one; it counts as a change of schema.
        return str(_driver(session).execute("PRAGMA schema_version").fetchone()[0])

    def rebuilds(self, statements: Sequence[base.Statement]) -> bool:
        return rebuild.is_rebuild(statements)

    def begin_migration(self, session: base.Session, *, rebuilds: bool) -> None:
        if rebuilds:
            if session.in_transaction:
                raise errors.RefusedError(
                    "a transaction is open already, and foreign keys cannot be switched off in it",
                    left="nothing was changed",
                    remedy="commit or roll back before the migration begins",
                )
            driver = _driver(session)
            driver.execute("PRAGMA foreign_keys = OFF")
            sessions.ours(session).violations = _violations(driver)
        session.begin()

    def before_commit(self, session: base.Session) -> None:
        before = sessions.ours(session).violations
        if before is None:
            return  # foreign keys were on: SQLite has refused what would break them
        new = _violations(_driver(session)) - before
        if new:
            raise errors.ForeignKeysBroken(_described(new))

    def end_migration(self, session: base.Session) -> None:
        driver = _driver(session)
        sessions.ours(session).violations = None
        driver.execute("PRAGMA foreign_keys = ON")
        # A migration's own settings end with it: the next one begins as if run alone.
        for setting in _SETTINGS:
            driver.execute(f"PRAGMA {setting} = OFF")

    def last_insert_id(self, session: base.Session) -> int | None:
        row = _driver(session).execute("SELECT last_insert_rowid()").fetchone()
        return int(row[0]) or None


def _driver(session: base.Session) -> sqlite3.Connection:
    return sessions.ours(session).driver


def _violations(driver: sqlite3.Connection) -> Counter[sessions.Violation]:
    """Return the rows that refer to nothing, table by table.

    A key that fits no unique key of its parent cannot be checked; it counts as one violation.
    """
    found: Counter[sessions.Violation] = Counter()
    for o in catalog.SqliteCatalog(driver).objects(ours=True):
        if o.type != "table" or o.is_virtual:
            continue
        try:
            rows = driver.execute(f"PRAGMA foreign_key_check({tokens.quote(o.name)})")
            found.update((str(row[0]), row[1], str(row[2])) for row in rows)
        except sqlite3.OperationalError as error:
            found[o.name, None, str(error)] += 1
    return found


def _described(new: Counter[sessions.Violation]) -> list[str]:
    pairs = Counter({(child, parent): 0 for child, _, parent in new})
    first: dict[tuple[str, str], list[str]] = {pair: [] for pair in pairs}
    for (child, rowid, parent), count in new.items():
        pairs[child, parent] += count
        if rowid is not None and len(first[child, parent]) < _FIRST_ROWS:
            first[child, parent].append(str(rowid))
    lines = []
    for (child, parent), count in pairs.items():
        rows = f", first rowid {', '.join(first[child, parent])}" if first[child, parent] else ""
        lines.append(f"{child} → {parent}: {count:,} {'row' if count == 1 else 'rows'}{rows}")
    return lines


ENGINE = SqliteEngine()
