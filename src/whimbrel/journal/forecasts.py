"""Read and write what was expected of steps, beside how long they really took.

Nothing here commits. What a forecast is made of is the work of `rehearsal/forecast`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from whimbrel.engines import base
from whimbrel.journal import tables

# The newest say most of the server and the volumes of now.
_MOST_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step of a run: its kind, at which volume, what was expected, and its real seconds.

    What was expected is None where nobody knew.
    """

    run: int
    position: int
    kind: str
    volume: int | None
    least: float | None
    likely: float | None
    most: float | None
    basis: str
    seconds: float


def read(session: base.Session, *, run: int | None = None) -> list[Row]:
    """Return what was kept, the newest first; nothing where the journal does not have it yet."""
    table = tables.FORECASTS
    if not sa.inspect(session.connection).has_table(table.name):
        session.rollback()
        return []
    query = sa.select(table).order_by(table.c.run.desc(), table.c.position).limit(_MOST_ROWS)
    if run is not None:
        query = query.where(table.c.run == run)
    found = [Row(**row._mapping) for row in session.connection.execute(query)]
    session.rollback()
    return found


def write(session: base.Session, rows: Sequence[Row]) -> None:
    """Write rows, in place of what was there of the same steps."""
    table = tables.FORECASTS
    for row in rows:
        session.connection.execute(
            sa.delete(table).where(table.c.run == row.run, table.c.position == row.position)
        )
    if rows:
        session.connection.execute(sa.insert(table), [dataclasses.asdict(row) for row in rows])
