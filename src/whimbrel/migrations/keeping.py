"""Decide what of a migration is kept so that it can be given back, for how long, and where.

Where it lies is the work of `stores`, that it is listed of the journal, giving it back that of
the operations that `undo` puts together.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from whimbrel import clock as clocks
from whimbrel import errors, tables, words
from whimbrel.engines import base
from whimbrel.engines import ddl as ddls
from whimbrel.journal import kept
from whimbrel.migrations import along, stores
from whimbrel.migrations import made as made_
from whimbrel.migrations import operations as ops
from whimbrel.migrations.operations import look_up
from whimbrel.rows import keys, work

FOR_EVER: Final = "for ever"
NEVER: Final = "never"
DEFAULT: Final = "30 days"
_DAY: Final = 86400


class Desk(Protocol):
    """What is asked of a desk here."""

    @property
    def session(self) -> base.Session: ...
    @property
    def catalog(self) -> base.Catalog: ...
    @property
    def engine(self) -> base.Engine: ...
    @property
    def ddl(self) -> base.Ddl: ...
    @property
    def migration(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def clock(self) -> clocks.Clock: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """How long something is kept: not at all, for so long, or (None) for ever."""

    on: bool
    span: dt.timedelta | None = None

    @property
    def words(self) -> str:
        """How long, as people say it."""
        if self.span is None:
            return FOR_EVER.removeprefix("for ")
        whole = self.span.total_seconds() / _DAY
        if whole == int(whole):
            return words.count(int(whole), "day")
        return words.duration(self.span.total_seconds())

    def until(self, now: dt.datetime) -> str | None:
        """Return the end of it, as the journal writes times."""
        return None if self.span is None else clocks.stamp(now + self.span)


def read(said: ops.Keep, otherwise: Time) -> Time:
    """Read what a step, a migration or the configuration says; raise UsageError."""
    if said is None:
        return otherwise
    if isinstance(said, bool):
        return dataclasses.replace(otherwise, on=said)
    if said == NEVER:
        return Time(on=False)
    if said == FOR_EVER:
        return Time(on=True)
    try:
        return Time(on=True, span=words.read_span(said))
    except ValueError as error:
        raise errors.UsageError(
            str(error), remedy=f'write:  keep="{DEFAULT}", keep="{FOR_EVER}" or keep=False'
        ) from None


class Keeper:
    """Keeps what one migration overwrites or removes on its way up.

    `values` says that overwritten values are kept where nobody says anything: the migration is
    taken back by what its steps are, and has nothing else to get them from.
    """

    def __init__(self, time: Time, *, said: ops.Keep, values: bool) -> None:
        self._time = read(said, time)
        self._said = said
        self._values = values
        self._made = made_.Made()

    def see(self, operation: ops.Operation) -> None:
        """Follow what the migration makes: what is written there goes away with it."""
        self._made.see(operation)

    def time(self, operation: ops.Operation, catalog: base.Catalog, engine: base.Engine) -> Time:
        """Return how long what an operation overwrites or removes is kept; `on` says whether."""
        never = Time(on=False)
        if isinstance(operation, ops.RowsOperation):
            return self._time_of_rows(operation, catalog, engine)
        if not isinstance(operation, ops.RemoveColumn | ops.DropTable | ops.ChangeColumn):
            return never
        time = read(operation.keep, self._time)
        table = catalog.find(operation.table)
        if not time.on or table is None or self._made.has_table(operation.table):
            return never
        if isinstance(operation, ops.ChangeColumn):
            return time if self._loses(operation, table, engine, engine.ddl(catalog)) else never
        if isinstance(operation, ops.DropTable):
            return time if _stands_alone(table, catalog) else never
        if operation.refill is not None or self._made.has_column(operation.table, operation.column):
            return never
        key = ops.way_through(table, engine).key
        kept_ = (
            table.has(operation.column)
            and table.column(operation.column).generated is None
            and key.columns
            and not key.address
            and operation.column not in key.columns
        )
        return time if kept_ else never

    def _loses(
        self, operation: ops.ChangeColumn, table: tables.Table, engine: base.Engine, ddl: base.Ddl
    ) -> bool:
        """Whether a change of a column's type may lose values, which can be kept by a key."""
        name = operation.column.name
        if not (operation.accept_loss and table.has(name)):
            return False
        if self._made.has_column(operation.table, name):
            return False
        old = table.column(name)
        if ddl.same_type(old.type, ddl.changed(table, operation.column).type):
            return False
        key = ops.way_through(table, engine).key
        by_key = bool(key.columns) and not key.address and name not in key.columns
        return by_key and old.generated is None and not old.auto_increment

    def _time_of_rows(
        self, operation: ops.RowsOperation, catalog: base.Catalog, engine: base.Engine
    ) -> Time:
        never = Time(on=False)
        if not _overwrites(operation) or self._made.holds(operation):
            return never
        if isinstance(operation, ops.Backfill) and operation.backwards:
            return never  # it says itself what brings the values back
        deletes = isinstance(operation, ops.DeleteRows)
        time = read(operation.keep, self._time)
        if operation.keep is None and self._said is None and not (self._values or deletes):
            return never
        if not time.on:
            return never
        table = catalog.find(operation.walked)
        if table is None:
            return never
        if deletes:
            # Asked for, it is kept if it turns out that nothing goes along.
            asked = operation.keep is not None and _found_by_key(table, engine)
            because = along.reach(operation.walked, catalog, engine).because
            return never if because and not asked else time
        key = ops.way_through(table, engine).key
        return time if key.columns and not key.address else never

    # --- rows ---------------------------------------------------------------------------------

    def rows(
        self,
        operation: ops.RowsOperation,
        made: work.Work,
        catalog: base.Catalog,
        *,
        run: int,
        position: int,
    ) -> work.Work:
        """Return a step in batches so that it keeps what it overwrites or deletes."""
        store = store_of_rows(operation, made, stores.name(run, position))
        keeps: work.Keeps = stores.KeepsValues(store=store, way=made.way)
        if isinstance(operation, ops.DeleteRows):
            engine = made.way.engine
            reach = along.reach(operation.walked, catalog, engine, name=store.was)
            store = dataclasses.replace(store, along=reach.kept)
            keeps = stores.KeepsRows(
                store=store, way=made.way, guards=reach.guards, because=reach.because
            )
        return dataclasses.replace(made, keeps=keeps)


def _stands_alone(table: tables.Table, catalog: base.Catalog) -> bool:
    """Whether a table is one by itself: nobody refers to it, and it has no partitions or heirs."""
    heirs = catalog.heirs()
    if table.name in heirs or any(parent == table.name for parent, _ in heirs.values()):
        return False
    if table.sql is not None and table.sql.lstrip()[:14].upper() == "CREATE VIRTUAL":
        return False
    return not any(
        key.ref_table == table.name
        for other in filter(None, map(catalog.find, catalog.tables()))
        if other.name != table.name
        for key in other.foreign_keys
    )


def _found_by_key(table: tables.Table, engine: base.Engine) -> bool:
    key = ops.way_through(table, engine).key
    return bool(key.columns) and not key.address


def _overwrites(operation: ops.RowsOperation) -> bool:
    if isinstance(operation, ops.Transform):
        return operation.in_place
    return isinstance(operation, ops.Backfill | ops.ConvertValues | ops.DeleteRows)


def store_of_rows(operation: ops.RowsOperation, made: work.Work, name: str) -> stores.Store:
    """Return where a step in batches keeps what it overwrites or deletes."""
    names = operation.columns_written
    deletes = isinstance(operation, ops.DeleteRows)
    if names is not None:
        # The server sets these with them.
        also = [c.name for c in made.table.columns if stores.follows(c) and c.name not in names]
        names = (*names, *also)
    else:
        names = tuple(column.name for column in made.table.columns if column.generated is None)
        if not deletes:
            names = tuple(name_ for name_ in names if name_ not in made.way.key.columns)
    return stores.of_table(made.table, made.way.key, name, columns=names, both=not deletes)


def store_of_schema(
    operation: ops.RemoveColumn | ops.DropTable | ops.ChangeColumn,
    table: tables.Table,
    desk: Desk,
    name: str,
) -> stores.Store:
    """Return where a column or a table is kept that is removed, or values that a type loses."""
    if isinstance(operation, ops.ChangeColumn):
        key = ops.way_through(table, desk.engine).key
        column = table.column(operation.column.name).name
        store = stores.of_table(table, key, name, columns=[column], both=True)
        return dataclasses.replace(store, retyped=desk.ddl.changed(table, operation.column))
    if isinstance(operation, ops.RemoveColumn):
        key = ops.way_through(table, desk.engine).key
        return stores.of_table(table, key, name, columns=[operation.column], both=False)
    columns = [column.name for column in table.columns if column.generated is None]
    nothing = keys.Key(columns=())
    return stores.of_table(
        table, nothing, name, columns=columns if desk.ddl.keeps_as_copy() else (), both=False
    )


def listed(
    store: stores.Store,
    *,
    kind: kept.Kind,
    operation: ops.Operation,
    migration: str,
    run: int,
    position: int,
    time: Time,
    clock: clocks.Clock,
    facts: dict[str, object] | None = None,
) -> kept.KeptRow:
    """Return what the journal lists of it."""
    now = clock.now()
    return kept.KeptRow(
        store=store.was,
        run=run,
        position=position,
        migration=migration,
        kind=kind.value,
        table_name=store.table,
        fingerprint=ops.fingerprint(operation.content()),
        facts={"store": store.as_json(), **(facts or {})},
        kept_at=clocks.stamp(now),
        keep_until=time.until(now),
    )


class Keeping:
    """What a desk asks: shall this be kept, and then, that it is."""

    def __init__(self, desk: Desk, keeper: Keeper, *, run: int) -> None:
        self._desk = desk
        self._keeper = keeper
        self._run = run

    def see(self, operation: ops.Operation) -> None:
        """Follow what the migration makes; called once for each step, also for finished ones."""
        self._keeper.see(operation)

    def rows(self, operation: ops.RowsOperation, made: work.Work, *, fresh: bool) -> work.Work:
        """Return a step in batches so that it keeps, where it shall; `fresh` makes the tables.

        Nothing is committed: the tables and their entry go with the step's own note.
        """
        desk = self._desk
        if not fresh:
            name_ = stores.name(self._run, desk.position)
            known = kept.Kept(desk.session, desk.clock).read(self._run)
            if not any(row.store == name_ for row in known):
                return made
            return self._rows(operation, made)
        time = self._keeper.time(operation, desk.catalog, desk.engine)
        if not time.on:
            return made
        return self._rows(operation, made)

    def _rows(self, operation: ops.RowsOperation, made: work.Work) -> work.Work:
        desk = self._desk
        return self._keeper.rows(
            operation, made, desk.catalog, run=self._run, position=desk.position
        )

    def schema(self, operation: ops.Operation) -> ops.Operation:
        """Return a change of the schema so that it keeps what it removes, where it shall."""
        desk = self._desk
        if not isinstance(operation, ops.RemoveColumn | ops.DropTable | ops.ChangeColumn):
            return operation
        time = self._keeper.time(operation, desk.catalog, desk.engine)
        if not time.on:
            return operation
        table = desk.catalog.table(operation.table)
        store = store_of_schema(operation, table, desk, stores.name(self._run, desk.position))
        return dataclasses.replace(operation, kept=store)

    def list_schema(self, operation: ops.Operation) -> None:
        """List what such a change keeps; committed with its note, and before anything is sent."""
        if not isinstance(operation, ops.RemoveColumn | ops.DropTable | ops.ChangeColumn):
            return
        if operation.kept is None:
            return
        desk = self._desk
        table = desk.catalog.table(operation.table)
        facts: dict[str, object] = {}
        if isinstance(operation, ops.DropTable):
            kind = kept.Kind.TABLE
            copied = desk.ddl.keeps_as_copy()
            facts["table"] = look_up.as_json(table)
            facts["primary_key_name"] = table.primary_key_name
            # A copy has only the rows: the table is made again from its text, with its triggers.
            facts["sql"] = table.sql if copied else None
            facts["texts"] = desk.ddl.attached_texts(table.name) if copied else []
        elif isinstance(operation, ops.ChangeColumn):
            kind = kept.Kind.VALUES
            facts["column"] = tables.part_to_json(table.column(operation.column.name))
        else:
            kind = kept.Kind.COLUMN
            alone, _ = ddls.uses(table, operation.column)
            facts["parts"] = [tables.part_to_json(part) for part in alone]
        kept.Kept(desk.session, desk.clock).write(
            listed(
                operation.kept,
                kind=kind,
                operation=operation,
                migration=desk.migration,
                run=self._run,
                position=desk.position,
                time=self._keeper.time(operation, desk.catalog, desk.engine),
                clock=desk.clock,
                facts=facts,
            )
        )

    def forget(self) -> None:
        """Take back that the step keeps something: it did not happen."""
        name_ = stores.name(self._run, self._desk.position)
        kept.Kept(self._desk.session, self._desk.clock).forget(name_)

    def make(self, operation: ops.RowsOperation, made: work.Work) -> None:
        """Make the tables of a step that has just begun, and list them."""
        if made.keeps is None:
            return
        desk = self._desk
        store = made.keeps.store  # type: ignore[attr-defined]
        time = self._keeper.time(operation, desk.catalog, desk.engine)
        self._create(store)
        deletes = isinstance(operation, ops.DeleteRows)
        kept.Kept(desk.session, desk.clock).write(
            listed(
                store,
                kind=kept.Kind.ROWS if deletes else kept.Kind.VALUES,
                operation=operation,
                migration=desk.migration,
                run=self._run,
                position=desk.position,
                time=time,
                clock=desk.clock,
            )
        )

    def _create(self, store: stores.Store) -> None:
        self._desk.engine.before_ddl(self._desk.session)
        for statement in store.creating(self._desk.ddl):
            self._desk.session.execute(statement.sql)


# --- giving back --------------------------------------------------------------------------------


class Given:
    """What a run of up kept, handed out to the operations that kept it."""

    def __init__(self, rows: Sequence[kept.KeptRow], *, policy: str) -> None:
        self._left = list(rows)
        self.policy = policy
        self.taken: list[kept.KeptRow] = []

    def take(self, operation: ops.Operation) -> kept.KeptRow | None:
        """Return what an operation kept, or None; raise Irreversible if it is there no more."""
        fingerprint = ops.fingerprint(operation.content())
        for row in self._left:
            if row.fingerprint == fingerprint:
                self._left.remove(row)
                break
        else:
            return None
        if row.gone_at is not None:
            raise errors.Irreversible(
                operation.describe(),
                why=f"what was kept of it was {row.gone_by} on {row.gone_at[:10]}",
                remedy="restore a backup, or write down() so that it does without",
            )
        self.taken.append(row)
        return row


def given(session: base.Session, run: int | None, *, policy: str, clock: clocks.Clock) -> Given:
    """Return what a run kept, as far as the journal knows."""
    notes = kept.Kept(session, clock)
    rows = notes.read(run) if run is not None and notes.exists() else []
    return Given(rows, policy=policy)


def drop(session: base.Session, rows: Sequence[kept.KeptRow]) -> None:
    """Drop the tables of what is kept no more; what a kill leaves of them, prune removes."""
    for row in rows:
        for name_ in stores.Store.read(row).names:
            session.execute(f"DROP TABLE IF EXISTS {session.engine.quote(name_)}")
    session.commit()
