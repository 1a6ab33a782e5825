"""Remove what is kept for longer than it shall be, and the tables that a killed run left."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base
from whimbrel.journal import journal, kept
from whimbrel.migrations import stores

# A run that may still go on, forwards or back, needs what it has kept.
_OPEN: Final = {journal.Status.RUNNING, journal.Status.FAILED, journal.Status.INTERRUPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """One thing that was kept: what, since when; `removed`: it is not any more.

    `rows` are those of all tables that a deletion took along or changed, too; one that changed by
    two foreign keys counts for each.
    """

    store: str
    run: int
    migration: str
    kind: str
    table: str
    rows: int
    kept_at: str
    keep_until: str | None
    removed: bool

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


def prune(
    session: base.Session,
    *,
    older_than: dt.timedelta | None,
    run: int | None,
    only_look: bool,
    clock: clocks.Clock,
) -> list[Pruned]:
    """Return everything that is kept, the oldest first, and remove what is past its time.

    With `older_than` that is what is older, with `run` all of one run; with `only_look` nothing
    is removed. What a half-done run has kept stays.
    """
    notes = kept.Kept(session, clock)
    if not notes.exists():
        return []
    half = {row.id for row in journal.Journal(session, clock).runs() if row.status in _OPEN}
    half &= {
        row.run
        for row in journal.Journal(session, clock).migrations()
        if row.run is not None and row.status in journal.HALF
    }
    now = clock.now()
    found: list[Pruned] = []
    listed: set[str] = set()
    for row in notes.read():
        store = stores.Store.read(row)
        if row.gone_at is not None:
            continue  # its tables are dropped below, if they are still there
        listed.update(store.names)
        due = row.past(now, older_than=older_than) if run is None else row.run == run
        due = due and row.run not in half
        found.append(
            Pruned(
                store=row.store, run=row.run, migration=row.migration, kind=row.kind,
                table=row.table_name, rows=_rows(session, store), kept_at=row.kept_at,
                keep_until=row.keep_until, removed=due,
            )
        )  # fmt: skip
        if due:
            listed.difference_update(store.names)
    if not only_look:
        # The entry first: a table without one is removed by the next call.
        notes.gone([one.store for one in found if one.removed], kept.GoneBy.PRUNED)
        session.commit()
        for name in notes.stores():
            if name not in listed:
                session.execute(f"DROP TABLE IF EXISTS {session.engine.quote(name)}")
    session.commit()
    return found


def _rows(session: base.Session, store: stores.Store) -> int:
    along = sum(_rows(session, one.store) for one in store.along)
    return _count(session, store.was) + along


def _count(session: base.Session, store: str) -> int:
    if not sa.inspect(session.connection).has_table(store):
        return 0
    return int(str(session.fetch(f"SELECT count(*) FROM {session.engine.quote(store)}")[0][0]))
