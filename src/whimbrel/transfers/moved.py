"""What earlier attempts have copied, held against the moment of the source that is read now.

Each chunk says of which moment its rows are. Where nothing was written to the source since, both
moments are the same. Else the chunk is compared by its fingerprint, and what differs is deleted
together with its note, to be copied once more (`course`).

Chunks are told from each other in the target by the numbers of their key. A table without such a
key is compared, and copied again, as a whole; so is one whose rows are changed on their way, or
come of several flows, which cannot be compared at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whimbrel.engines import base, codec, transport
from whimbrel.journal import chunks, parts
from whimbrel.proof import sides
from whimbrel.rows import keys
from whimbrel.transfers import cargo, lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A flow whose chunks are in the ledger, and by what its table is walked."""

    position: int
    bound: cargo.Bound
    way: keys.Walkway | None

    @property
    def comparable(self) -> bool:
        """Whether the target has the same rows as the source."""
        flow = self.bound.planned.flow
        return self.bound.change is None and flow.table is not None and bool(self.bound.read)

    @property
    def key_there(self) -> str | None:
        """The target's column of the key that is walked, if it is a whole number there, too."""
        if self.way is None or not self.bound.walked.integer:
            return None
        for column in self.bound.planned.columns:
            if (column.plain,) == self.bound.walked.columns:
                found = self.bound.target.column(column.name)
                return column.name if keys.is_integer(found.type) else None
        return None


Wrong = dict[int, list[parts.PartRow]]


class Moved:
    """Compares what is copied with the moment that a side reads, on one session of the target."""

    def __init__(
        self,
        side: sides.Side,
        target: base.Session,
        ledger: chunks.Chunks,
        commit: Callable[[], None],
    ) -> None:
        self._side = side
        self._target = target
        self._ledger = ledger
        self._commit = commit

    def wrong(self, flows: Sequence[Held]) -> Wrong:
        """Return what has to be copied again, by position; `flows` are all that enter one table.

        Chunks that are right although their moment is another one are noted as such.
        """
        now = lanes.moment_of(self._side.snapshot.position)
        done = {
            one.position: [
                row
                for row in self._ledger.read(one.position)
                if row.status == parts.State.DONE.value
            ]
            for one in flows
        }
        self._target.rollback()
        stale = [row for rows in done.values() for row in rows if row.owner != now]
        if not stale:
            return {}
        if len(flows) > 1 or not flows[0].comparable:
            return {position: rows for position, rows in done.items() if rows}
        (one,) = flows
        if one.key_there is None:
            wrong = [] if self._equal(one, done[one.position]) else done[one.position]
        else:
            wrong = [row for row in stale if not self._equal(one, [row])]
        bad = {row.part for row in wrong}
        for row in stale:
            if row.part not in bad:
                self._ledger.confirm(one.position, row.part, now)
        self._commit()
        return {one.position: wrong} if wrong else {}

    def _equal(self, one: Held, rows: Sequence[parts.PartRow]) -> bool:
        """Whether the rows of chunks are the same on both sides: one, or all that are copied."""
        bound, engine = one.bound, self._target.engine
        here = []
        for range_ in _joined(rows):
            some = bound.cargo(one.way, range_)
            scan = codec.Scan(
                table=str(bound.planned.flow.table),
                values=tuple(carried.value for carried in some.carried),
                where=some.where,
                params=some.params,
            )
            here.append(self._side.submit(lambda seat, scan=scan: seat.codec.total(scan)))  # type: ignore[misc]
        where, params = self._where_there(one, None if one.key_there is None else rows[0])
        coder = engine.codec(self._target)
        for carried in bound.read:
            coder.form(bound.target, carried.column)
        self._target.rollback()
        there = coder.total(
            codec.Scan(
                table=bound.target.name,
                values=tuple(self._value_there(carried) for carried in bound.read),
                where=where,
                params=params,
            )
        )
        self._target.rollback()
        return sum((future.result() for future in here), codec.Sum()) == there

    def _value_there(self, one: transport.Carried) -> codec.Value:
        engine = self._target.engine
        sql = engine.beside_parameters(engine.quote(one.column.name))
        return codec.Value(sql=sql, column=one.column, form=one.value.form)

    def _where_there(self, one: Held, row: parts.PartRow | None) -> tuple[str, tuple[object, ...]]:
        """Return what is true of the rows of a chunk in the target, or (None) of all rows."""
        engine, name = self._target.engine, one.bound.target.name
        own = ""
        if one.bound.planned.flow.own_rows:
            own = engine.beside_parameters(engine.own_rows(name))
        if one.key_there is None or row is None:
            return own, ()
        way = keys.Walkway(engine, name, keys.Key(columns=(one.key_there,), integer=True))
        inside = way.condition(keys.Range(lower=row.lower, upper=row.upper))
        return (f"({own}) AND {inside.sql}" if own else inside.sql), tuple(inside.params)

    def clear(self, flows: Sequence[Held], wrong: Wrong, session: base.Session, run: int) -> None:
        """Delete what has to be copied again with its notes, by a session that loads rows."""
        ledger = chunks.Chunks(session, run)
        every = [(one, row) for one in flows for row in wrong.get(one.position, [])]
        apart = len(flows) == 1 and flows[0].comparable and flows[0].key_there is not None
        for some in [[one] for one in every] if apart else [every]:
            self._commit()
            session.begin()
            one, row = some[0]
            where, params = self._where_there(one, row if apart else None)
            name = session.engine.quote(one.bound.target.name)
            if params:
                name = session.engine.beside_parameters(name)
            condition = f" WHERE {where}" if where else ""
            session.execute(f"DELETE FROM {name}{condition}", params or None)
            for one, row in some:
                ledger.open_again(one.position, row.part)
            session.commit()


def _joined(rows: Sequence[parts.PartRow]) -> list[keys.Range]:
    """Return the ranges of chunks, those that follow each other as one."""
    found: list[keys.Range] = []
    for row in rows:
        if found and row.lower is not None and found[-1].upper == row.lower:
            found[-1] = keys.Range(lower=found[-1].lower, upper=row.upper)
        else:
            found.append(keys.Range(lower=row.lower, upper=row.upper))
    return found
