"""How long each table will take, by a sample of its rows moved the way a transfer moves them.

Rows are read by the unloader that a transfer reads by. Where there is a target they are written by
its loader, too, into a table that is gone afterwards, with the keys that it would get. The first
rows of a large table stand for the rest of it; small tables are measured some together.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, tables
from whimbrel.engines import base, codec, transport
from whimbrel.proof import sides
from whimbrel.rehearsal import assessment
from whimbrel.rows import keys
from whimbrel.schema import convert
from whimbrel.transfers import cargo
from whimbrel.transfers import plan as planning

#: Of a large table so many rows are measured.
SAMPLE_ROWS: Final = 20_000
#: So many rows make a table large.
LARGE_ROWS: Final = 10_000
# So many small tables stand for all of them, and so many large ones are measured one by one.
_MOST_SMALL: Final = 24
_MOST_LARGE: Final = 60
# As far as measured times lie apart from those of a quiet, or of a busy, hour.
_APART: Final = 1.4
_BLOCK_BYTES: Final = 2**18
# Not one of our own prefix: catalogs say nothing of those.
_NAME: Final = "assessed_by_whimbrel_"
_OURS: Final = re.compile(rf"{_NAME}[0-9a-f]{{12}}")

Open = Callable[[], base.Session]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A table to be measured; `planned` and `made` are there where it would be moved."""

    table: tables.Table
    rows: int | None
    planned: planning.PlannedFlow | None = None
    made: convert.MadeTable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Times of tables, and what could not be measured."""

    paces: tuple[assessment.Pace, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Time:
    """What measuring one table gave: rows, and seconds of moving them and of making keys."""

    rows: int
    seconds: float
    keys: float = 0.0
    moments: list[tuple[int, float]] = field(default_factory=list)

    def spread(self) -> tuple[float, float]:
        """Return how far the slowest and the fastest third lie from the mean, as factors."""
        if len(self.moments) < 6 or not self.seconds:
            return _APART, _APART
        third = len(self.moments) // 3
        rates = []
        for at in range(3):
            some = self.moments[at * third : (at + 1) * third]
            took = sum(seconds for _, seconds in some)
            rates.append(sum(rows for rows, _ in some) / took if took else 0.0)
        mean = self.rows / self.seconds
        slow, fast = min(rate for rate in rates), max(rates)
        return max(_APART, mean / slow if slow else _APART), max(_APART, fast / mean)


def measure(
    side: sides.Side,
    subjects: Sequence[Subject],
    *,
    writing: Open | None = None,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Measured:
    """Measure tables; with `writing` rows also go into a table of the target, and out of it.

    What was made there is gone afterwards; what a killed process has left there is dropped first.
    """
    return side.run(lambda seat: _Measuring(seat, writing, clock).all(subjects))


class _Measuring:
    def __init__(self, seat: sides.Seat, writing: Open | None, clock: clocks.Clock) -> None:
        self._seat = seat
        self._open = writing
        self._clock = clock
        self._notes: list[str] = []

    def all(self, subjects: Sequence[Subject]) -> Measured:
        with contextlib.ExitStack() as stack:
            target = self._target(stack)
            filled = [one for one in subjects if one.rows]
            large = [one for one in filled if (one.rows or 0) > LARGE_ROWS]
            large.sort(key=lambda one: -(one.rows or 0))
            small = [one for one in filled if (one.rows or 0) <= LARGE_ROWS]
            found: dict[str, assessment.Pace] = {}
            for one in large[:_MOST_LARGE]:
                time = self._moved(one, target)
                if time is not None and time.rows:
                    found[one.table.name] = _pace(one, time, written=target is not None)
            self._together(small, target, found)
            self._like(large[_MOST_LARGE:], found, written=target is not None)
            for one in subjects:
                if not one.rows and one.rows is not None:
                    found[one.table.name] = _nothing(one, written=target is not None)
            names = [one.table.name for one in subjects if one.table.name in found]
            return Measured(paces=tuple(found[name] for name in names), notes=tuple(self._notes))

    def _target(self, stack: contextlib.ExitStack) -> base.Session | None:
        """Open the target and see that nobody else works there; None if that cannot be."""
        if self._open is None:
            return None
        try:
            target = self._open()
            stack.callback(target.close)
            target.engine.loader(target).prepare()
            if not target.engine.can.transactional_ddl:
                lock = target.engine.lock(target, self._clock)
                lock.acquire(
                    base.Holder(
                        run=secrets.token_hex(8), who="", host="", pid=0,
                        command="whimbrel assess", started_at=clocks.stamp(self._clock.now()),
                    )
                )  # fmt: skip
                stack.callback(lock.release)
                _sweep(target)
        except (errors.WhimbrelError, sa.exc.SQLAlchemyError) as error:
            said = error.what if isinstance(error, errors.WhimbrelError) else str(error)
            self._notes.append(f"times are those of reading alone: {said.splitlines()[0]}")
            return None
        return target

    # --- one table ----------------------------------------------------------------------------

    def _moved(self, one: Subject, target: base.Session | None) -> _Time | None:
        """Move a sample of a table; None, with a note, for one that cannot be."""
        try:
            if target is None or one.planned is None or one.made is None:
                return self._read(one)
            return self._written(one, one.planned, one.made, target)
        except (errors.WhimbrelError, sa.exc.SQLAlchemyError) as error:
            self._failed(one, error, target)
        except Exception as error:
            # Drivers raise classes of their own, each with this one above it (PEP 249).
            if not any(kind.__name__ == "Error" for kind in type(error).__mro__):
                raise
            self._failed(one, error, target)
        return None

    def _failed(self, one: Subject, error: Exception, target: base.Session | None) -> None:
        if target is not None and not target.gone:
            target.rollback()
        said = error.what if isinstance(error, errors.WhimbrelError) else str(error)
        self._notes.append(f"{one.table.name!r} was not measured: {' '.join(said.split())[:200]}")

    def _read(self, one: Subject) -> _Time:
        engine, session = self._seat.engine, self._seat.session
        unloader = engine.unloader(session)
        carried = []
        for column in one.table.columns:
            form = dataclasses.replace(self._seat.codec.form(one.table, column), padded=False)
            sql = engine.beside_parameters(engine.quote(column.name))
            value = codec.Value(sql=sql, column=column, form=form)
            carried.append(transport.Carried(value=value, column=column))
        name = engine.beside_parameters(engine.quote(one.table.name))
        freight = transport.Cargo(source=name, carried=tuple(carried))
        time = _Time(rows=0, seconds=0.0)
        for _ in self._timed(time, unloader, self._few(freight), unloader.formats[0]):
            pass
        return time

    def _written(
        self,
        one: Subject,
        planned: planning.PlannedFlow,
        made: convert.MadeTable,
        target: base.Session,
    ) -> _Time:
        engine = target.engine
        name = f"{_NAME}{secrets.token_hex(6)}"
        builder = engine.builder(target)
        table = made.target.replace(name=name, foreign_keys=(), indexes=_renamed(made.target, name))
        table = table.replace(
            uniques=tuple(dataclasses.replace(u, name=f"{name}_u{at}")
                          for at, u in enumerate(table.uniques)),
            checks=tuple(dataclasses.replace(c, name=f"{name}_c{at}")
                         for at, c in enumerate(table.checks)),
            primary_key_name=f"{name}_p" if table.primary_key_name else None,
        )  # fmt: skip
        target.begin()
        try:
            for action in made.before:
                if action.kind == "type":
                    for statement in action.statements:
                        target.execute(statement.sql)
            for sql in builder.create(table):
                target.execute(sql)
            bound = cargo.bind(self._seat, planned, cargo.target_of(target, name), looked=True)
            unloader = self._seat.engine.unloader(self._seat.session)
            loader = engine.loader(target)
            how = transport.agreed(unloader, loader)
            freight = self._few(bound.cargo(None, keys.Range()))
            time = _Time(rows=0, seconds=0.0)
            since = self._clock.seconds()
            loader.load(bound.target, bound.written, self._timed(time, unloader, freight, how), how)
            time.seconds = self._clock.seconds() - since
            since = self._clock.seconds()
            for step in builder.later(table):
                for sql in step.statements:
                    target.execute(sql)
            time.keys = self._clock.seconds() - since
            return time
        finally:
            if not target.gone:
                target.rollback()
                if not engine.can.transactional_ddl:
                    _drop(target, name)

    def _timed(
        self,
        time: _Time,
        unloader: transport.Unloader,
        freight: transport.Cargo,
        how: transport.Format,
    ) -> Iterator[transport.Block]:
        """Yield blocks and note when each of them came."""
        last = self._clock.seconds()
        for block in unloader.blocks(freight, how, block_bytes=_BLOCK_BYTES):
            yield block
            now = self._clock.seconds()
            time.moments.append((block.rows, now - last))
            time.rows += block.rows
            time.seconds += now - last
            last = now

    def _few(self, freight: transport.Cargo) -> transport.Cargo:
        """Return the same for the first rows only."""
        own = [one.value.sql for one in freight.carried]
        names = ", ".join(dict.fromkeys(own)) or "1"
        where = f" WHERE {freight.where}" if freight.where else ""
        source = (
            f"(SELECT {names} FROM {freight.source}{where} LIMIT {SAMPLE_ROWS}) AS whimbrel_first"
        )
        return dataclasses.replace(freight, source=source, where="", order="")

    # --- many tables --------------------------------------------------------------------------

    def _together(
        self,
        small: Sequence[Subject],
        target: base.Session | None,
        found: dict[str, assessment.Pace],
    ) -> None:
        """Measure some small tables, which stand for all of them."""
        step = max(1, math.ceil(len(small) / _MOST_SMALL))
        rows = tables_ = 0
        seconds = 0.0
        for one in small[::step]:
            since = self._clock.seconds()
            time = self._moved(one, target)
            if time is not None:
                # Making a table takes longer than filling it.
                seconds += self._clock.seconds() - since
                rows += time.rows
                tables_ += 1
        if not tables_:
            return
        milliseconds = max(1, round(seconds * 1000))
        each = milliseconds / tables_
        for one in small:
            found[one.table.name] = assessment.Pace(
                table=one.table.name,
                rows=one.rows,
                rows_measured=rows,
                milliseconds_measured=milliseconds,
                written=target is not None,
                together=True,
                expected=max(1, round(each)),
                least=max(1, round(each / _APART)),
                most=math.ceil(each * _APART),
            )

    def _like(
        self, left: Sequence[Subject], found: dict[str, assessment.Pace], *, written: bool
    ) -> None:
        """Take for tables that were not measured the pace of the large ones that were."""
        known = [one for one in found.values() if not one.together and one.rows_measured]
        if not left or not known:
            return
        rows = sum(one.rows_measured for one in known)
        took = sum(one.milliseconds_measured for one in known)
        for one in left:
            expected = (one.rows or 0) * took / rows
            found[one.table.name] = assessment.Pace(
                table=one.table.name,
                rows=one.rows,
                rows_measured=rows,
                milliseconds_measured=took,
                written=written,
                together=True,
                expected=round(expected),
                least=round(expected / _APART**2),
                most=math.ceil(expected * _APART**2),
            )
        self._notes.append(
            f"the {len(left):,} smallest of the large tables have the pace of the others"
        )


def _pace(one: Subject, time: _Time, *, written: bool) -> assessment.Pace:
    rows = one.rows or time.rows
    moved = time.seconds / time.rows * rows
    keys = 0.0
    if time.keys and time.rows > 1:
        # Sorting takes longer, the more there is to be sorted.
        keys = time.keys * rows / time.rows * math.log(max(rows, 2)) / math.log(time.rows)
    slow, fast = time.spread()
    expected = (moved + keys) * 1000
    return assessment.Pace(
        table=one.table.name,
        rows=one.rows,
        rows_measured=time.rows,
        milliseconds_measured=max(1, round((time.seconds + time.keys) * 1000)),
        written=written,
        expected=round(expected),
        least=round(expected / fast),
        most=math.ceil(expected * slow),
    )


def _nothing(one: Subject, *, written: bool) -> assessment.Pace:
    return assessment.Pace(
        table=one.table.name, rows=0, rows_measured=0, milliseconds_measured=0,
        written=written, together=True, expected=0, least=0, most=0,
    )  # fmt: skip


def _renamed(table: tables.Table, name: str) -> tuple[tables.Index, ...]:
    return tuple(
        dataclasses.replace(index, name=f"{name}_i{at}") for at, index in enumerate(table.indexes)
    )


def _drop(target: base.Session, name: str) -> None:
    for sql in target.engine.drop_tables([name]):
        target.execute(sql)
    target.commit()


def _sweep(target: base.Session) -> None:
    """Drop what was left by a process that was killed; nobody else is here."""
    for name in sa.inspect(target.connection).get_table_names():
        if _OURS.fullmatch(name):
            _drop(target, name)
