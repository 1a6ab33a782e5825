"""Keep what a live change would lose: the old table at its end, new values on the way back.

It is listed as what migrations keep, so that `whimbrel prune` removes it when its time is over.
"""

from __future__ import annotations

from whimbrel import clock as clocks
from whimbrel import tables
from whimbrel.engines import base, mirrors
from whimbrel.journal import kept
from whimbrel.migrations import keeping, stores
from whimbrel.online import change as changes
from whimbrel.online import ranges, shapes
from whimbrel.rows import keys

# Beside the places of a run's steps.
_LOST = 9_999


def keep_table(
    session: base.Session,
    table: tables.Table,
    parked: str,
    *,
    migration: str,
    run: int,
    position: int,
    time: keeping.Time,
    clock: clocks.Clock,
) -> None:
    """Give the old table a name under which it is kept for its time, or drop it."""
    engine = session.engine
    if not time.on:
        for sql in engine.drop_tables([parked]):
            session.execute(sql)
        return
    name = stores.name(run, position)
    store = stores.of_table(
        table, keys.Key(columns=()), name, columns=[c.name for c in table.columns], both=False
    )
    _list(session, store, kept.Kind.TABLE, migration, run, position, time, clock)
    # Its foreign keys and indexes have names of their own by now; what remains is the rows.
    for statement in engine.ddl(engine.catalog(session)).rename_table(
        table.replace(name=parked), name
    ):
        session.execute(statement.sql)


def keep_rows(
    session: base.Session,
    change: changes.Change,
    *,
    migration: str,
    run: int,
    time: keeping.Time,
    clock: clocks.Clock,
    filled: bool,
) -> str:
    """Keep the rows of the new shape that the old one cannot say; return the table they are in."""
    engine, shape = session.engine, change.shape
    source = change.after if shape.mode is mirrors.Mode.TABLE else shape.new
    new_key = [new for _, new in shape.key]
    columns = [column.name for column in source.columns if column.generated is None]
    integer = len(new_key) == 1 and keys.is_integer(source.column(new_key[0]).type)
    store = stores.of_table(
        source.replace(name=_now(change)),
        keys.Key(columns=tuple(new_key), integer=integer),
        stores.name(run, _LOST),
        columns=columns,
        both=False,
    )
    writer = ranges.writer(session)
    lost = session.fetch(shapes.lossy_keys(session, change, filled=filled))
    session.commit()
    session.begin()
    for statement in store.creating(writer):
        session.execute(statement.sql)
    names = store.named(engine)
    for start in range(0, len(lost), 200):
        where = ranges.these(writer, new_key, lost[start : start + 200])
        session.execute(
            f"INSERT INTO {engine.quote(store.was)} ({names}) SELECT {names} "
            f"FROM {engine.quote(store.table)} WHERE {where}"
        )
    _list(session, store, kept.Kind.ROWS, migration, run, _LOST, time, clock)
    session.commit()
    return store.was


def _now(change: changes.Change) -> str:
    """Return the name that the table of the new shape has after the exchange."""
    if change.mode is mirrors.Mode.TABLE:
        return change.table
    return change.shape.new.name


def _list(
    session: base.Session,
    store: stores.Store,
    kind: kept.Kind,
    migration: str,
    run: int,
    position: int,
    time: keeping.Time,
    clock: clocks.Clock,
) -> None:
    now = clock.now()
    kept.Kept(session, clock).write(
        kept.KeptRow(
            store=store.was,
            run=run,
            position=position,
            migration=migration,
            kind=kind.value,
            table_name=store.table,
            fingerprint="",
            facts={"store": store.as_json()},
            kept_at=clocks.stamp(now),
            keep_until=time.until(now),
        )
    )
