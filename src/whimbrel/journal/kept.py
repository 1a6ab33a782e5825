"""Read and write the list of what is kept: which step overwrote or removed it, and where it lies.

The things themselves are in tables of ours beside it, which `migrations.keeping` makes and fills.
Nothing here commits.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base
from whimbrel.journal import tables


class Kind(StrEnum):
    """What is kept: values that were overwritten, rows deleted, a column or a table removed."""

    VALUES = "values"
    ROWS = "rows"
    COLUMN = "column"
    TABLE = "table"


class GoneBy(StrEnum):
    """Why something is not kept any more."""

    GIVEN_BACK = "given back"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """One thing that is kept in the table `store`; times as the journal writes them.

    `fingerprint` is that of the step, `facts` what else is needed to give it back. Without
    `keep_until` it is kept until somebody removes it; with `gone_at` it is there no more.
    """

    store: str
    run: int
    position: int
    migration: str
    kind: str
    table_name: str
    fingerprint: str
    facts: Mapping[str, object]
    kept_at: str
    keep_until: str | None
    gone_at: str | None = None
    gone_by: str | None = None

    def past(self, now: dt.datetime, *, older_than: dt.timedelta | None = None) -> bool:
        """Whether it may be removed: its time is over, or it is older than that."""
        if self.gone_at is not None:
            return False
        if older_than is not None:
            return clocks.read_stamp(self.kept_at) <= now - older_than
        return self.keep_until is not None and clocks.read_stamp(self.keep_until) <= now


class Kept:
    """The list of what is kept in one session's database."""

    def __init__(self, session: base.Session, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self._session = session
        self._connection = session.connection
        self._clock = clock

    def exists(self) -> bool:
        """Whether this database has such a list: an older journal has none."""
        return sa.inspect(self._connection).has_table(tables.KEPT.name)

    def read(self, run: int | None = None) -> list[KeptRow]:
        """Return what was kept, of one run or of all, the oldest first."""
        columns = tables.KEPT.c
        query = sa.select(tables.KEPT).order_by(columns.run, columns.position, columns.store)
        if run is not None:
            query = query.where(columns.run == run)
        found = self._connection.execute(query).mappings()
        return [KeptRow(**{**row, "facts": json.loads(row["facts"])}) for row in found]

    def write(self, row: KeptRow) -> None:
        """Write that something is kept from now on, instead of what an earlier attempt wrote."""
        self.forget(row.store)
        self._connection.execute(
            sa.insert(tables.KEPT).values(
                store=row.store, run=row.run, position=row.position, migration=row.migration,
                kind=row.kind, table_name=row.table_name, fingerprint=row.fingerprint,
                facts=json.dumps(row.facts, ensure_ascii=False), kept_at=row.kept_at,
                keep_until=row.keep_until,
            )
        )  # fmt: skip

    def forget(self, store: str) -> None:
        """Take back that something is kept: its step did not happen."""
        self._connection.execute(sa.delete(tables.KEPT).where(tables.KEPT.c.store == store))

    def gone(self, stores: Sequence[str], by: GoneBy) -> None:
        """Write that these are kept no more."""
        if stores:
            self._connection.execute(
                sa.update(tables.KEPT)
                .where(tables.KEPT.c.store.in_(stores), tables.KEPT.c.gone_at.is_(None))
                .values(gone_at=clocks.stamp(self._clock.now()), gone_by=by.value)
            )

    def stores(self) -> list[str]:
        """Return the tables of ours that hold something, also what a killed run has left."""
        found = sa.inspect(self._connection).get_table_names()
        return sorted(name for name in found if name.startswith(STORES))


# Every table that holds something begins so.
STORES = f"{base.OUR_PREFIX}undo_"
