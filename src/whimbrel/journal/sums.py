"""Add up what the journal keeps of batches, for people who look at runs.

What it takes to resume a run is the work of `parts`; here nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from whimbrel.engines import base
from whimbrel.journal import parts, tables, values


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSums:
    """The batches of one run: rows, and what one of its parts waits for; None without batches.

    `changed` is what its finished steps changed, in batches or not.
    """

    read: int | None = None
    written: int | None = None
    rejected: int = 0
    changed: int | None = None
    waiting: str | None = None
    updated_at: str | None = None


def kept(session: base.Session) -> bool:
    """Whether this journal knows of batches; one of an older version does not."""
    return sa.inspect(session.connection).has_table(tables.PARTS.name)


def of_runs(session: base.Session, runs: Sequence[int]) -> dict[int, RunSums]:
    """Return the sums of these runs."""
    steps, columns = tables.STEPS.c, tables.PARTS.c
    changed = session.connection.execute(
        sa.select(steps.run, sa.func.sum(steps.rows_changed).label("changed"))
        .where(steps.run.in_(runs))
        .group_by(steps.run)
    )
    found = {row.run: RunSums(changed=_whole(row.changed)) for row in changed}
    if not kept(session):
        return found
    batches = session.connection.execute(
        sa.select(
            columns.run,
            sa.func.sum(columns.rows_read).label("read"),
            sa.func.sum(columns.rows_written).label("written"),
            sa.func.max(columns.waiting).label("waiting"),
            sa.func.max(columns.updated_at).label("updated_at"),
        )
        .where(columns.run.in_(runs))
        .group_by(columns.run)
    )
    rejected = rejects(session, runs)
    for run, count in rejected.items():
        found[run] = replace(found.get(run, RunSums()), rejected=count)
    for row in batches:
        found[row.run] = replace(
            found.get(row.run, RunSums()),
            read=_whole(row.read),
            written=_whole(row.written),
            waiting=row.waiting,
            updated_at=row.updated_at,
        )
    return found


def rejects(session: base.Session, runs: Sequence[int]) -> dict[int, int]:
    """Return how many rows these runs rejected; a run that rejected none is left out."""
    columns = tables.REJECTS.c
    query = (
        sa.select(columns.run, sa.func.count().label("rows"))
        .where(columns.run.in_(runs))
        .group_by(columns.run)
    )
    return {row.run: int(row.rows) for row in session.connection.execute(query)}


def latest(session: base.Session, run: int, position: int, *, count: int) -> list[parts.BatchRow]:
    """Return the batches of a step that ended last, in the order of their end."""
    columns = tables.BATCHES.c
    query = (
        sa.select(tables.BATCHES)
        .where(columns.run == run, columns.position == position)
        .order_by(columns.finished_at.desc(), columns.part, columns.number.desc())
        .limit(count)
    )
    return [_batch(row) for row in session.connection.execute(query)][::-1]


def _batch(row: sa.Row[tuple[object, ...]]) -> parts.BatchRow:
    known = dict(row._mapping)
    reached = None if known["reached"] is None else values.load(str(known["reached"]))
    return parts.BatchRow(
        part=row.part,
        number=row.number,
        reached=reached if reached is None or isinstance(reached, tuple) else (reached,),
        rows_read=row.rows_read,
        rows_written=row.rows_written,
        rows_rejected=row.rows_rejected,
        tries=row.tries,
        seconds=row.seconds,
        finished_at=row.finished_at,
    )


def _whole(value: object) -> int | None:
    return None if value is None else int(str(value))
