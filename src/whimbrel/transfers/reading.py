"""What the source has that a transfer needs to know: read once, at the moment that is copied.

Everything here is asked through seats of the source (`proof.sides`), whose sessions only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors
from whimbrel import tables as shapes
from whimbrel.engines import base, inventory, portable, profiling
from whimbrel.proof import sides
from whimbrel.rows import keys

# A table with more rows is profiled by several sessions, each a range of its key.
LARGE_ROWS: Final = 200_000
# So many parts for those who read elsewhere.
HANDS: Final = 2

# Reads the facts of a part of a table in another process: a table, what is asked, a condition, the
# key; None if another moment is read there.
Elsewhere = Callable[
    [shapes.Table, Mapping[str, frozenset[portable.Question]], str, tuple[str, ...]],
    "Future[dict[str, portable.Facts] | None]",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the source's catalog says; `answered` is the engine that really answered."""

    answered: str
    engine: base.Engine
    tables: Mapping[str, shapes.Table]
    things: tuple[inventory.Thing, ...]
    counters: tuple[inventory.Counter, ...]
    estimates: Mapping[str, int | None]
    identity: tuple[object, ...]
    heirs: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    # What of the identity stays when a server is started again.
    place: tuple[object, ...] = ()

    def table(self, name: str) -> shapes.Table:
        """Return a table, or raise TableNotFound."""
        if name not in self.tables:
            raise errors.TableNotFound(name, known=list(self.tables))
        return self.tables[name]


def read(seat: sides.Seat) -> Source:
    """Read the catalog in the transaction that is open."""
    engine, session = seat.engine, seat.session
    catalog = engine.catalog(session)
    found = catalog.every()
    stock = engine.inventory(session)
    return Source(
        answered=engine.answered_by(session),
        engine=engine,
        tables=found,
        things=tuple(stock.things()),
        counters=tuple(stock.counters()),
        estimates={name: engine.estimate(session, name) for name in found},
        identity=engine.identity(session),
        heirs=catalog.heirs(),
        place=engine.place(session),
    )


def meanings(
    seat: sides.Seat, wanted: Iterable[tuple[shapes.Table, shapes.FoundColumn]]
) -> list[portable.Meaning]:
    """Return what the types of columns mean, in order."""
    converter = seat.engine.converter(seat.session)
    return [converter.meaning(table, column) for table, column in wanted]


def facts(
    side: sides.Side,
    table: shapes.Table,
    asked: Mapping[str, frozenset[portable.Question]],
    *,
    where: str = "",
    rows: int | None = None,
    elsewhere: Elsewhere | None = None,
) -> list[Future[dict[str, portable.Facts]]]:
    """Begin to read what the values of a table are; the parts are to be merged.

    A large table is read `elsewhere` where there is such, unless that reads another moment.
    """
    asked = {name: questions for name, questions in asked.items() if questions}
    if not asked:
        return []
    key = side.run(lambda seat: keys.choose(table, seat.engine))
    named = key.columns if not key.address else ()
    ranges: Sequence[keys.Range] = [keys.Range()]
    # Also a single table keeps all sessions busy.
    count = max(side.seats, HANDS if elsewhere is not None else 1)
    if count > 1 and key.integer and not where and (rows or 0) > LARGE_ROWS:
        ranges = side.run(lambda seat: _halves(seat, table, key, count))
    far = elsewhere if elsewhere is not None and len(ranges) > 1 else None

    def look(range_: keys.Range) -> Future[dict[str, portable.Facts]]:
        def work(seat: sides.Seat) -> dict[str, portable.Facts]:
            condition = _literal(seat, key, range_) if range_ != keys.Range() else where
            found = seat.engine.profiler(seat.session).facts(
                table, asked, where=condition, key=named
            )
            return pinned(seat.session, side.snapshot.position, found)

        if far is None:
            return side.submit(work)
        condition = side.run(lambda seat: _literal(seat, key, range_))
        return _else_here(far(table, asked, condition, named), side, work)

    return [look(one) for one in ranges]


def pinned(
    session: base.Session, position: str, found: dict[str, portable.Facts]
) -> dict[str, portable.Facts]:
    """Return facts with what is proven of a moment only if they are surely of that moment.

    They are if nobody has written to the database since; else a session may have begun behind a
    change that came just after its position had been read.
    """
    if not any(one.plain for one in found.values()):
        return found
    return found if session.engine.position(session) == position else profiling.unproven(found)


def _else_here(
    given: Future[dict[str, portable.Facts] | None],
    side: sides.Side,
    work: Callable[[sides.Seat], dict[str, portable.Facts]],
) -> Future[dict[str, portable.Facts]]:
    """Return what came from elsewhere, or, if that was another moment, what is read here."""
    answer: Future[dict[str, portable.Facts]] = Future()

    def here(future: Future[dict[str, portable.Facts]]) -> None:
        error = future.exception()
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(future.result())

    def came(future: Future[dict[str, portable.Facts] | None]) -> None:
        found = None if future.cancelled() or future.exception() else future.result()
        if found is not None:
            answer.set_result(found)
        else:
            side.submit(work).add_done_callback(here)

    given.add_done_callback(came)
    return answer


def merged(
    parts: Sequence[Future[dict[str, portable.Facts]]],
) -> dict[str, portable.Facts]:
    """Wait for the parts and add them up."""
    found = [part.result() for part in parts]
    names = {name for one in found for name in one}
    return {name: profiling.merged([one[name] for one in found if name in one]) for name in names}


def _halves(seat: sides.Seat, table: shapes.Table, key: keys.Key, count: int) -> list[keys.Range]:
    way = keys.Walkway(seat.engine, table.name, key)
    found = way.parts(seat.session, count)
    if len(found) < 2:
        return [keys.Range()]
    return [*found[:-1], keys.Range(lower=found[-1].lower)]


def _literal(seat: sides.Seat, key: keys.Key, range_: keys.Range) -> str:
    """Return the condition of a range of whole numbers, without parameters."""
    name = seat.engine.quote(key.columns[0])
    parts = []
    for values, compare in ((range_.lower, ">"), (range_.upper, "<=")):
        if values is not None:
            parts.append(f"{name} {compare} {int(str(values[0]))}")
    return " AND ".join(parts)
