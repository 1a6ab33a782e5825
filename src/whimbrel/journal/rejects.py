"""Read the rows that runs have put aside, over all runs, and note which were written after all.

They are put aside by `parts`, in the transaction of their batch or chunk. Nothing here commits.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel.engines import base
from whimbrel.journal import parts, tables

Place = tuple[int, int, int, int]

_TRANSFER: Final = "transfer"

# What a server says of the one row that it refused, behind the reason that it has for many.
_OF_ONE: Final = re.compile(r"\s+(?:DETAIL|CONTEXT|HINT):.*", re.DOTALL)
_ROW_NUMBER: Final = re.compile(r"\s+at row \d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A row that was put aside: where in the journal, when, and whether it was written since."""

    place: Place
    reject: parts.Reject
    rejected_at: str
    replayed_at: str | None = None

    @property
    def id(self) -> str:
        """Return what people call it by: run, step, part and number."""
        return ".".join(map(str, self.place))

    @property
    def run(self) -> int:
        """Return the run that put it aside."""
        return self.place[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many rows of a table were put aside in a run for one reason, and written since.

    What a server said beside the reason of the single row is left out of it. `anew` is the later
    run that has filled the table again, None if there is none.
    """

    run: int
    table: str
    reason: str
    rule: str | None
    rows: int
    replayed: int
    anew: int | None = None


def read_id(text: str) -> Place | None:
    """Return the place that an id means, None for what is none."""
    found = text.split(".")
    if len(found) != 4 or not all(one.isdecimal() for one in found):
        return None
    run, position, part, number = map(int, found)
    return run, position, part, number


class Rejects:
    """The rows that were put aside, in the journal of one session's database."""

    def __init__(self, session: base.Session, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self._connection = session.connection
        self._clock = clock
        self._columns = parts.there(session.connection, tables.REJECTS)
        self._marks = len(self._columns) == len(tables.REJECTS.columns)

    def counts(self, *, run: int | None = None, table: str | None = None) -> list[Count]:
        """Return how many there are, the newest run first, the most common reason first."""
        columns = tables.REJECTS.c
        rule = columns.rule if self._marks else sa.null()
        replayed = sa.func.count(columns.replayed_at) if self._marks else sa.literal(0)
        groups = [columns.run, columns.table_name, columns.reason]
        number = sa.func.count()
        query = (
            sa.select(
                *groups,
                columns.position,
                rule.label("rule"),
                number.label("n"),
                replayed.label("replayed"),
            )
            .where(*self._where(run, table, ()))
            .group_by(*groups, columns.position, *([columns.rule] if self._marks else []))
            .order_by(columns.run.desc(), columns.table_name, columns.reason)
        )
        found: dict[tuple[int, str, str, str | None], Count] = {}
        rows = self._connection.execute(query).all()
        steps = {(int(row.run), int(row.position)) for row in rows}
        anew = {at: self.filled_anew(*at) for at in steps}
        for row in rows:
            reason = _ROW_NUMBER.sub("", _OF_ONE.sub("", row.reason))
            place = (int(row.run), row.table_name, reason, row.rule)
            known = found.get(place) or Count(
                run=place[0],
                table=place[1],
                reason=reason,
                rule=row.rule,
                rows=0,
                replayed=0,
                anew=anew[int(row.run), int(row.position)],
            )
            found[place] = dataclasses.replace(
                known, rows=known.rows + int(row.n), replayed=known.replayed + int(row.replayed)
            )
        return sorted(found.values(), key=lambda one: (-one.run, one.table, -one.rows))

    def places(
        self,
        *,
        run: int | None = None,
        table: str | None = None,
        only: Collection[Place] = (),
        waiting: bool = False,
    ) -> list[Place]:
        """Return where they are, the newest run first.

        `waiting` leaves out those that were written since, and those whose table a later run has
        filled anew.
        """
        columns = tables.REJECTS.c
        conditions = self._where(run, table, only)
        if waiting and self._marks:
            conditions.append(columns.replayed_at.is_(None))
        query = (
            sa.select(columns.run, columns.position, columns.part, columns.number)
            .where(*conditions)
            .order_by(columns.run.desc(), columns.position, columns.part, columns.number)
        )
        found = [
            (int(row.run), int(row.position), int(row.part), int(row.number))
            for row in self._connection.execute(query)
        ]
        if not waiting:
            return found
        anew = {at: self.filled_anew(*at) for at in {(one[0], one[1]) for one in found}}
        return [one for one in found if anew[one[0], one[1]] is None]

    def filled_anew(self, run: int, position: int) -> int | None:
        """Return the last transfer that has done a step again since, None if there is none.

        What an earlier one put aside has been copied by then, or put aside once more.
        """
        steps, runs = tables.STEPS.c, tables.RUNS.c
        title = self._connection.execute(
            sa.select(steps.step)
            .join(tables.RUNS, runs.id == steps.run)
            .where(steps.run == run, steps.position == position, runs.direction == _TRANSFER)
        ).scalar()
        if title is None:
            return None
        later = self._connection.execute(
            sa.select(sa.func.max(steps.run))
            .join(tables.RUNS, runs.id == steps.run)
            .where(steps.run > run, steps.step == title, runs.direction == _TRANSFER)
        ).scalar()
        return None if later is None else int(later)

    def read(self, places: Sequence[Place]) -> Iterator[Kept]:
        """Yield the rows of these places, in their order; what is gone is left out."""
        for place in places:
            query = sa.select(*self._columns).where(*_at(place))
            row = self._connection.execute(query).mappings().first()
            if row is not None:
                yield Kept(
                    place=place,
                    reject=parts.reject_of(row),
                    rejected_at=row["rejected_at"],
                    replayed_at=row.get("replayed_at"),
                )

    def claim(self, place: Place) -> bool:
        """Write that a row is written after all, unless somebody has; say whether it was us.

        Whoever writes the same row at this time waits here until we have committed.
        """
        changed = self._connection.execute(
            sa.update(tables.REJECTS)
            .where(*_at(place), tables.REJECTS.c.replayed_at.is_(None))
            .values(replayed_at=clocks.stamp(self._clock.now()))
        ).rowcount
        return changed == 1

    def _where(
        self, run: int | None, table: str | None, only: Collection[Place]
    ) -> list[sa.ColumnElement[bool]]:
        columns = tables.REJECTS.c
        found: list[sa.ColumnElement[bool]] = []
        if run is not None:
            found.append(columns.run == run)
        if table is not None:
            found.append(columns.table_name == table)
        if only:
            found.append(sa.or_(*(sa.and_(*_at(place)) for place in only)))
        return found


def _at(place: Place) -> tuple[sa.ColumnElement[bool], ...]:
    columns = tables.REJECTS.c
    run, position, part, number = place
    return (
        columns.run == run,
        columns.position == position,
        columns.part == part,
        columns.number == number,
    )
