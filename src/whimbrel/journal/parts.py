"""Read and write what the journal keeps of steps that are cut in batches.

Their parts with checkpoint and counters, their batches, the rows they rejected, and what people
ask of a run while it works. Nothing here commits: a checkpoint is worth something only in the
transaction of its rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel.engines import base
from whimbrel.journal import tables, values

Key = tuple[object, ...]


class State(StrEnum):
    """Where a part is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"


class Asked(StrEnum):
    """What a person asks of a run."""

    GO_ON = "go on"
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part of a step: `lower` is excluded, `upper` included; None is the table's own end.

    `owner` is the attempt that works on it; `rows_read` and the other counters are sums over
    its batches, `seconds` their time, `size` the rows of the last one. Of the chunks of transfers
    alone: `rows_dropped` by rules that were told to, `bytes` that were sent, and in `cleansed`, as
    text, what rules changed.
    """

    run: int
    position: int
    part: int
    owner: str
    status: str
    lower: Key | None
    upper: Key | None
    reached: Key | None
    rows_read: int = 0
    rows_written: int = 0
    rows_rejected: int = 0
    batches: int = 0
    retries: int = 0
    size: int | None = None
    seconds: float = 0.0
    waiting: str | None = None
    updated_at: str = ""
    rows_dropped: int = 0
    bytes: int = 0
    cleansed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One batch that is done; `tries` counts the attempts it took, `seconds` the last one."""

    part: int
    number: int
    reached: Key | None
    rows_read: int
    rows_written: int
    rows_rejected: int
    tries: int
    seconds: float
    finished_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that could not be changed or moved, with its values as they were.

    `again` is what is needed to write it after all, as plain values; None where it cannot be.
    """

    table: str
    key: Key
    reason: str
    row: dict[str, object]
    rule: str | None = None
    again: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What was asked of a run, by whom and when (as the journal writes times)."""

    asked: Asked = Asked.GO_ON
    max_rows_per_second: float | None = None
    asked_by: str = ""
    asked_at: str = ""


class Parts:
    """The parts of one run, in the journal of one session's database."""

    def __init__(
        self, session: base.Session, run: int, clock: clocks.Clock = clocks.SYSTEM
    ) -> None:
        self.session = session
        self.run = run
        self._connection = session.connection
        self._clock = clock
        self._columns: list[sa.Column[object]] = []

    # --- parts --------------------------------------------------------------------------------

    def read(self, position: int) -> list[PartRow]:
        """Return the parts of a step, in order."""
        columns = tables.PARTS.c
        self._columns = self._columns or there(self._connection, tables.PARTS)
        query = (
            sa.select(*self._columns)
            .where(columns.run == self.run, columns.position == position)
            .order_by(columns.part)
        )
        return [_part(row) for row in self._connection.execute(query).mappings()]

    def write(
        self, position: int, parts: Sequence[tuple[Key | None, Key | None]], *, owner: str = ""
    ) -> None:
        """Write the parts of a new step, as pairs of lower and upper bound."""
        rows = [
            {
                "run": self.run, "position": position, "part": number, "owner": owner,
                "status": State.PENDING.value, "lower": _dump(lower), "upper": _dump(upper),
                "reached": _dump(lower), "rows_read": 0, "rows_written": 0, "rows_rejected": 0,
                "batches": 0, "retries": 0, "seconds": 0.0, "updated_at": self._now(),
            }
            for number, (lower, upper) in enumerate(parts, start=1)
        ]  # fmt: skip
        if rows:
            self._connection.execute(sa.insert(tables.PARTS), rows)

    def take_over(self, position: int, owner: str) -> None:
        """Write that this attempt works on a step now: whoever did before cannot commit any more.

        Has to be committed before the parts are read: it waits for a batch that is just being
        committed.
        """
        columns = tables.PARTS.c
        self._connection.execute(
            sa.update(tables.PARTS)
            .where(columns.run == self.run, columns.position == position)
            .values(owner=owner, waiting=None)
        )

    def advance(self, before: PartRow, batch: BatchRow, *, done: bool) -> PartRow:
        """Write a batch and its checkpoint; raise LockLost if the part belongs to another run."""
        after = dataclasses.replace(
            before,
            status=(State.DONE if done else State.RUNNING).value,
            reached=batch.reached if batch.reached is not None else before.reached,
            rows_read=before.rows_read + batch.rows_read,
            rows_written=before.rows_written + batch.rows_written,
            rows_rejected=before.rows_rejected + batch.rows_rejected,
            batches=before.batches + 1,
            retries=before.retries + batch.tries - 1,
            size=batch.rows_read,
            seconds=before.seconds + batch.seconds,
            waiting=None,
            updated_at=self._now(),
        )
        columns = tables.PARTS.c
        changed = self._connection.execute(
            sa.update(tables.PARTS)
            .where(
                columns.run == before.run,
                columns.position == before.position,
                columns.part == before.part,
                columns.owner == before.owner,
                columns.batches == before.batches,
            )
            .values(
                status=after.status,
                reached=_dump(after.reached),
                rows_read=after.rows_read,
                rows_written=after.rows_written,
                rows_rejected=after.rows_rejected,
                batches=after.batches,
                retries=after.retries,
                size=after.size,
                seconds=after.seconds,
                waiting=None,
                updated_at=after.updated_at,
            )
        ).rowcount
        if changed != 1:
            raise errors.LockLost(database=self.session.url)
        self._connection.execute(
            sa.insert(tables.BATCHES).values(
                run=before.run,
                position=before.position,
                part=before.part,
                number=after.batches,
                reached=_dump(batch.reached),
                rows_read=batch.rows_read,
                rows_written=batch.rows_written,
                rows_rejected=batch.rows_rejected,
                tries=batch.tries,
                seconds=batch.seconds,
                finished_at=after.updated_at,
            )
        )
        return after

    def wait(self, part: PartRow, reason: str | None) -> None:
        """Write what a part waits for, for who looks from elsewhere."""
        columns = tables.PARTS.c
        self._connection.execute(
            sa.update(tables.PARTS)
            .where(
                columns.run == part.run,
                columns.position == part.position,
                columns.part == part.part,
                columns.owner == part.owner,
            )
            .values(waiting=None if reason is None else reason[:255])
        )

    def batches(self, position: int) -> list[BatchRow]:
        """Return the batches of a step that are done, part by part."""
        columns = tables.BATCHES.c
        query = (
            sa.select(tables.BATCHES)
            .where(columns.run == self.run, columns.position == position)
            .order_by(columns.part, columns.number)
        )
        return [
            BatchRow(
                part=row.part, number=row.number, reached=_load(row.reached),
                rows_read=row.rows_read, rows_written=row.rows_written,
                rows_rejected=row.rows_rejected, tries=row.tries, seconds=row.seconds,
                finished_at=row.finished_at,
            )
            for row in self._connection.execute(query)
        ]  # fmt: skip

    # --- rejects ------------------------------------------------------------------------------

    def reject(self, position: int, part: int, first: int, rejects: Sequence[Reject]) -> None:
        """Keep rows that could not be changed or moved; `first` is the number of the first."""
        rows = [
            {
                "run": self.run, "position": position, "part": part, "number": number,
                "table_name": reject.table, "key": _dump(reject.key), "reason": reject.reason,
                "row": _dump_row(reject.row), "rejected_at": self._now(),
                "rule": None if reject.rule is None else reject.rule[:255],
                "again": None if reject.again is None else _dump_row(reject.again),
            }
            for number, reject in enumerate(rejects, start=first)
        ]  # fmt: skip
        if rows:
            self._connection.execute(sa.insert(tables.REJECTS), rows)

    def rejects(self, *, limit: int | None = None) -> list[Reject]:
        """Return the rows that this run rejected."""
        columns = tables.REJECTS.c
        query = (
            sa.select(*there(self._connection, tables.REJECTS))
            .where(columns.run == self.run)
            .order_by(columns.position, columns.part, columns.number)
            .limit(limit)
        )
        return [reject_of(row) for row in self._connection.execute(query).mappings()]

    # --- what people ask ----------------------------------------------------------------------

    def control(self) -> Control:
        """Return what is asked of the run now."""
        columns = tables.CONTROLS.c
        row = self._connection.execute(
            sa.select(tables.CONTROLS).where(columns.run == self.run)
        ).first()
        if row is None:
            return Control()
        return Control(
            asked=Asked(row.asked),
            max_rows_per_second=row.max_rows_per_second,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
        )

    def ask(self, control: Control) -> None:
        """Write what a person asks of the run."""
        columns = tables.CONTROLS.c
        known = {
            "asked": control.asked.value,
            "max_rows_per_second": control.max_rows_per_second,
            "asked_by": control.asked_by[:255],
            "asked_at": self._now(),
        }
        changed = self._connection.execute(
            sa.update(tables.CONTROLS).where(columns.run == self.run).values(**known)
        ).rowcount
        if not changed:
            self._connection.execute(sa.insert(tables.CONTROLS).values(run=self.run, **known))

    def _now(self) -> str:
        return clocks.stamp(self._clock.now())


def there(connection: sa.Connection, table: sa.Table) -> list[sa.Column[object]]:
    """Return the columns that a table of ours has: an older journal has fewer."""
    found = {one["name"] for one in sa.inspect(connection).get_columns(table.name)}
    return [column for column in table.columns if column.name in found]


def reject_of(known: sa.RowMapping) -> Reject:
    """Return a row of the table of rejects as a value."""
    again = known.get("again")
    return Reject(
        table=known["table_name"],
        key=_load(known["key"]) or (),
        reason=known["reason"],
        row=_load_row(known["row"]),
        rule=known.get("rule"),
        again=None if again is None else _load_row(again),
    )


def _part(row: sa.RowMapping) -> PartRow:
    known = dict(row)
    for name in ("lower", "upper", "reached"):
        known[name] = _load(known[name])
    for name in ("rows_dropped", "bytes"):
        known[name] = known.get(name) or 0  # nothing in those of older versions
    return PartRow(**known)


def _dump(key: Key | None) -> str | None:
    return None if key is None else values.dump(tuple(key))


def _load(text: str | None) -> Key | None:
    if text is None:
        return None
    key = values.load(text)
    return key if isinstance(key, tuple) else (key,)


def _dump_row(row: dict[str, object]) -> str:
    kept: dict[object, object] = {}
    for name, value in row.items():
        try:
            values.dump(value)
            kept[name] = value
        except errors.ValueNotStorable:
            # A type of the driver's own: what a person can read is better than nothing.
            kept[name] = str(value)
    return values.dump(kept)


def _load_row(text: str) -> dict[str, object]:
    row = values.load(text)
    return {str(name): value for name, value in row.items()} if isinstance(row, dict) else {}
