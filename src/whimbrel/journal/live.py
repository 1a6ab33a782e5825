"""Read and write the list of live changes that are open: how far each is, and what it is made of.

What the facts mean is known to `online`. Nothing here commits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base
from whimbrel.journal import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """One live change; times as the journal writes them.

    `phase` is the last one that is done, since `since`; `doing` is "complete" or "revert" once one
    of them was begun. `identity` is what the server said of the table when triggers were made.
    """

    migration: str
    run: int
    table_name: str
    phase: str
    doing: str | None
    began_at: str
    since: str
    identity: str | None
    facts: Mapping[str, object]


class Live:
    """The live changes of one session's database."""

    def __init__(self, session: base.Session, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self._session = session
        self._connection = session.connection
        self._clock = clock

    def exists(self) -> bool:
        """Whether this database has such a list: an older journal has none."""
        return sa.inspect(self._connection).has_table(tables.LIVE.name)

    def read(self) -> list[LiveRow]:
        """Return all that are open, the oldest first."""
        columns = tables.LIVE.c
        query = sa.select(tables.LIVE).order_by(columns.began_at, columns.migration)
        found = self._connection.execute(query).mappings()
        return [LiveRow(**{**row, "facts": json.loads(row["facts"])}) for row in found]

    def find(self, migration: str) -> LiveRow | None:
        """Return that of a migration, if it is open."""
        return next((row for row in self.read() if row.migration == migration), None)

    def open(
        self, migration: str, *, run: int, table: str, phase: str, facts: Mapping[str, object]
    ) -> None:
        """Write that a live change begins."""
        now = clocks.stamp(self._clock.now())
        self._connection.execute(
            sa.insert(tables.LIVE).values(
                migration=migration, run=run, table_name=table, phase=phase, began_at=now,
                since=now, facts=json.dumps(facts, ensure_ascii=False),
            )
        )  # fmt: skip

    def reach(self, migration: str, phase: str, *, run: int) -> None:
        """Write that a phase is done."""
        self._set(migration, phase=phase, run=run, since=clocks.stamp(self._clock.now()))

    def begin(self, migration: str, doing: str, *, run: int) -> None:
        """Write that the last part was begun: nothing else may happen before it is through."""
        self._set(migration, doing=doing, run=run)

    def identify(self, migration: str, identity: str | None) -> None:
        """Write what the server says of the table now."""
        self._set(migration, identity=identity)

    def close(self, migration: str) -> None:
        """Write that a live change is open no more."""
        self._connection.execute(sa.delete(tables.LIVE).where(tables.LIVE.c.migration == migration))

    def _set(self, migration: str, **values: object) -> None:
        self._connection.execute(
            sa.update(tables.LIVE).where(tables.LIVE.c.migration == migration).values(**values)
        )
