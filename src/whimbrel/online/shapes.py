"""Compare both shapes of every row, range by range; say which rows going back would change.

A row that is found different is filled once more and looked at again: others write meanwhile. What
stays different cannot be made equal, and stops the change with its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import clock as clocks
from whimbrel import errors, events, pacing
from whimbrel.engines import base, mirrors
from whimbrel.engines import ddl as ddls
from whimbrel.online import change as changes
from whimbrel.online import ranges
from whimbrel.rows import keys, pace

_LOOKS: Final = 4
_PAUSE: Final = 0.1
_AT_ONCE: Final = 200
SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was compared: rows of the old shape, and how many were filled once more."""

    rows: int
    refilled: int


def walked(
    session: base.Session, change: changes.Change, sizer: pace.Sizer
) -> Iterator[tuple[keys.Range, int]]:
    """Give the ranges of the old shape's table, each with about how many rows it has."""
    shape = change.shape
    way = ranges.way(shape.old.name, shape, session.engine, shape.old)
    lower: keys.Values | None = None
    while True:
        rows = sizer.rows
        upper = way.boundary(session, keys.Range(lower=lower), rows)
        if upper is None or upper == lower:
            # Above the last key there may be rows that are in the new shape alone.
            rest = keys.Range(lower=lower)
            yield rest, way.count(session, rest)
            return
        yield keys.Range(lower=lower, upper=upper), rows
        lower = upper


def verify(
    session: base.Session,
    change: changes.Change,
    *,
    migration: str,
    config: pacing.RowsConfig,
    tell: events.Listener,
    clock: clocks.Clock,
    listen: Callable[[], None] = lambda: None,
) -> Compared:
    """Compare all rows; raise RowsAstray, ValuesDoNotFit. `listen` is called between two ranges."""
    refuse_losses(session, change)
    columns = [old for old, _ in change.shape.key]
    writer = ranges.writer(session)
    mirror = session.engine.mirror(session)
    total = refilled = 0
    left: list[keys.Values] = []
    sizer = pace.Sizer(pace.beside(config))
    for range_, count in walked(session, change, sizer):
        session.commit()
        listen()
        condition = ranges.condition(writer, columns, range_)
        began = clock.seconds()
        found: list[keys.Values] = session.fetch(mirror.astray(change.shape, condition))
        session.commit()
        took = clock.seconds() - began
        sizer.done(count, took)
        astray_ = len(found)
        if found:
            refilled += astray_
            found = _again(session, change, writer, found, clock)
            left.extend(found)
        total += count
        tell(
            events.ShapesCompared(
                migration=migration,
                table=change.table,
                rows=count,
                astray=astray_,
                left=len(found),
            )
        )
        clock.sleep(pace.pause(session.engine.breath(session, took), took))
    if left:
        raise astray(change, migration, left)
    return Compared(rows=total, refilled=refilled)


def _again(
    session: base.Session,
    change: changes.Change,
    writer: ddls.TextDdl,
    found: Sequence[keys.Values],
    clock: clocks.Clock,
) -> list[keys.Values]:
    """Fill rows once more and look at them again; return those that stay different."""
    columns = [old for old, _ in change.shape.key]
    mirror = session.engine.mirror(session)
    left = list(found)
    for look in range(_LOOKS):
        if look:
            clock.sleep(_PAUSE * look)
        still: list[keys.Values] = []
        for start in range(0, len(left), _AT_ONCE):
            condition = ranges.these(writer, columns, left[start : start + _AT_ONCE])
            session.begin()
            with mirror.unmirrored():
                session.execute(mirror.fill(change.shape, condition))
            session.commit()
            still += session.fetch(mirror.astray(change.shape, condition))
            session.commit()
        left = still
        if not left:
            break
    return left


def astray(
    change: changes.Change, migration: str, left: Sequence[keys.Values]
) -> errors.RowsAstray:
    """Return what to say of rows that are not the same in both shapes."""
    return errors.RowsAstray(
        change.table,
        rows=len(left),
        first=[shown(change, row) for row in left[:SHOWN]],
        why="the new shape cannot hold what they have: a type, a key or a condition forbids it",
        remedy="change these rows, then go on:  whimbrel up\n"
        f"or take the change back:  whimbrel online revert {migration}",
    )


def refuse_losses(session: base.Session, change: changes.Change) -> None:
    """Raise ValuesDoNotFit for values that the new shape would not keep as they are."""
    for loss in change.losses:
        count = session.fetch(f"SELECT count(*) FROM ({loss.query}) AS lossy")[0][0]
        if not count:
            continue
        found = session.fetch(f"{loss.query} LIMIT {SHOWN}")
        after = change.after
        wanted = after.column(loss.column).type if after.has(loss.column) else "the new type"
        raise errors.ValuesDoNotFit(
            change.table,
            loss.column,
            wanted=wanted,
            values=int(str(count)),
            examples=[repr(row[-1]) for row in found],
        )
    session.commit()


def count(session: base.Session, change: changes.Change) -> int:
    """Return how many rows differ in the two shapes, or would not be kept as they are."""
    query = session.engine.mirror(session).astray(change.shape, "1 = 1")
    queries = [query]
    if not session.engine.mirror(session).swapped(change.shape):
        queries += [loss.query for loss in change.losses]
    counts = [session.fetch(f"SELECT count(*) FROM ({one}) AS astray")[0][0] for one in queries]
    return max(int(str(count)) for count in counts)


def lossy_keys(session: base.Session, change: changes.Change, *, filled: bool) -> str:
    """Return a query for the keys of rows that going back would change or lose.

    Until all rows are `filled`, a new column that is as it was added says nothing of its row.
    """
    engine = session.engine
    query = engine.mirror(session).lossy(change.shape)
    if filled or change.mode is not mirrors.Mode.COLUMNS:
        return query
    columns = [old for old, _ in change.shape.key]
    keys_ = ", ".join(f"t.{engine.quote(name)}" for name in columns)
    same = " AND ".join(f"t.{engine.quote(n)} = l.{engine.quote(n)}" for n in columns)
    said = " OR ".join(
        f"t.{engine.quote(column.name)} IS NOT NULL"
        if column.default is None
        else f"t.{engine.quote(column.name)} <> {column.default}"
        for column in change.added
    )
    table = engine.quote(change.table)
    return f"SELECT {keys_} FROM {table} t JOIN ({query}) l ON {same} WHERE {said}"


def lossy(session: base.Session, change: changes.Change, *, filled: bool) -> tuple[int, list[str]]:
    """Return how many rows going back would change or lose, and the keys of the first."""
    query = lossy_keys(session, change, filled=filled)
    total = int(str(session.fetch(f"SELECT count(*) FROM ({query}) AS lossy")[0][0]))
    if not total:
        return 0, []
    found = session.fetch(f"SELECT * FROM ({query}) AS lossy LIMIT {SHOWN}")
    return total, [shown(change, row) for row in found]


def losing(change: changes.Change) -> list[str]:
    """Return the columns of the new shape that the old one may not be able to say."""
    if change.added:
        return [column.name for column in change.added]
    before = {column.name: column.type for column in change.before.columns}
    differ = [c.name for c in change.after.columns if before.get(c.name) != c.type]
    return differ or [column.name for column in change.after.columns]


def shown(change: changes.Change, row: Sequence[object]) -> str:
    """Return the key of a row, in words."""
    names = [old for old, _ in change.shape.key]
    return ", ".join(f"{name} {value!r}" for name, value in zip(names, row, strict=False))
