"""Rows that go through a function of the user's: read, shaped by it, written in bulk.

What the function's result means is `shaping`'s work, where it runs that of `processes`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn

import sqlalchemy as sa

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.journal import parts
from whimbrel.rows import keys, processes, shaping, work

# So many rows are dicts at once, however large the batch.
_SLICE_ROWS: Final = 2_000
# A batch is cut finer for helpers: while one slice is written, others are worked on.
_SLICES_PER_HELPER: Final = 4
# How many rows are weighed to tell how large the others are, and what Python needs for each.
_WEIGHED_ROWS: Final = 50
_ROW_BYTES: Final = 64
_VALUE_BYTES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Through(work.Work):
    """Rows go through a function of the user's, and what it returns is written.

    With `in_place` the row that the function returns replaces the one it was given, found by its
    key; otherwise its rows are inserted into `target`. `batched` hands the function a list.
    `columns` are those that it gets, None for all. `source` and `made` say what a row is to the
    function and from it, dicts unless they say otherwise; `around` is entered while it may be
    called.
    """

    function: work.Function
    target: tables.Table
    in_place: bool = False
    batched: bool = False
    columns: tuple[str, ...] | None = None
    max_bytes: int = 16_000_000
    source: shaping.Form | None = None
    made: shaping.Form | None = None
    crew: processes.Crew = field(default_factory=processes.Crew, compare=False)
    around: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext

    @contextmanager
    def ready(self, session: base.Session) -> Iterator[None]:
        def forget() -> None:
            _kept.append(session.connection)  # its end would be told to the server
            session.connection = _Unreachable()  # type: ignore[assignment]

        with self.around(), self.crew.at_work(self.shaper.shape, first=forget):
            yield

    @property
    def shaper(self) -> shaping.Shaper:
        """What makes rows of rows."""
        source = self.source or shaping.Dicts(self.table)
        address = self.way.key.address
        key = (work.ADDRESS,) if address else self.way.key.columns
        if self.in_place:
            return shaping.Changes(
                function=self.function, table=self.table, source=source, key=key,
                batched=self.batched,
            )  # fmt: skip
        return shaping.Inserts(
            function=self.function, table=self.table, source=source, key=key,
            batched=self.batched, address=address, target=self.target,
            made=self.made or shaping.Dicts(self.target),
        )  # fmt: skip

    def run(self, session: base.Session, range_: keys.Range, rows: int) -> work.Done:
        fetched, reached, read = self._read(session, range_, rows, max_bytes=self.max_bytes)
        bulk, task = session.engine.bulk(session), self.shaper.shape
        inside = keys.Range(lower=range_.lower, upper=reached or range_.upper)
        kept = 0 if self.keeps is None else self.keeps.before(session, inside, self.where)
        step = self._step(len(fetched.rows))
        starts = range(0, len(fetched.rows), step)
        requests = ((fetched.columns, fetched.rows[at : at + step]) for at in starts)
        written = 0
        failed: list[tuple[int, str]] = []
        # Closed at once when something fails, for it holds helpers that the next try needs.
        with contextlib.closing(self.crew.each(task, requests)) as answers:
            for start, answer in zip(starts, answers, strict=False):
                for shaped in answer:
                    written += self._write(bulk, shaped)
                    failed += [(start + at, reason) for at, reason in shaped.failed]
        if self.keeps is not None:
            self.keeps.after(session, inside, written, kept)
        return work.Done(
            read=read,
            written=written,
            reached=reached,
            size=self._size(fetched, read),
            rejects=[self._reject(session, range_, fetched, *one) for one in failed],
        )

    # --- reading --------------------------------------------------------------------------------

    def _fetch(
        self,
        session: base.Session,
        range_: keys.Range,
        limit: str,
        *,
        where: str | None,
        max_bytes: int,
    ) -> base.Fetched:
        engine, key = self.way.engine, self.way.key
        beside = () if key.address else key.columns
        named = None if self.columns is None else list(dict.fromkeys([*beside, *self.columns]))
        columns = engine.selected(self.table, named)
        if key.address:
            columns = f"{self.way.names} AS {work.ADDRESS}, {columns}"
        query = self.way.selection(columns, range_, where=where)
        # What others changed between reading and writing would be lost.
        sql = query.sql + limit + (row_lock(engine) if self.in_place else "")
        return session.engine.bulk(session).read(sql, query.params, max_bytes=max_bytes)

    def one(
        self, session: base.Session, range_: keys.Range
    ) -> tuple[keys.Values, work.RowDict] | None:
        # A reject keeps the whole row.
        return work.Work.one(dataclasses.replace(self, columns=None), session, range_)

    def _step(self, rows: int) -> int:
        if self.crew.count:
            return max(1, min(_SLICE_ROWS, -(-rows // (self.crew.count * _SLICES_PER_HELPER))))
        return max(1, rows) if self.batched else _SLICE_ROWS

    def _size(self, fetched: base.Fetched, read: int) -> int:
        """Return about how large the rows are, from some of them."""
        count = len(fetched.rows)
        if not count:
            return 0
        some = fetched.rows[:: -(-count // _WEIGHED_ROWS)]
        weight = len(some) * (_ROW_BYTES + _VALUE_BYTES * len(fetched.columns))
        weight += sum(len(value) for row in some for value in row if isinstance(value, str | bytes))
        found = weight * count // len(some)
        # A batch that was cut because of its size has that size.
        return max(found, self.max_bytes) if fetched.more else found

    def _reject(
        self, session: base.Session, range_: keys.Range, fetched: base.Fetched, at: int, why: str
    ) -> parts.Reject:
        key = self._key_of(fetched, fetched.rows[at])
        values = self._dict_of(fetched, fetched.rows[at])
        if self.columns is not None:
            lower = self._key_of(fetched, fetched.rows[at - 1]) if at else range_.lower
            found = self.one(session, keys.Range(lower=lower, upper=key))
            values = values if found is None else found[1]
        return parts.Reject(table=self.table.name, key=key, reason=why, row=values)

    # --- writing --------------------------------------------------------------------------------

    def _write(self, bulk: base.Bulk, shaped: shaping.Shaped) -> int:
        written = 0
        for columns, rows in shaped.groups:
            if not self.in_place:
                written += bulk.insert(self.target, columns, rows)
                continue
            found = bulk.update(self.table, self.way.key.columns, columns, rows)
            if found != len(rows):
                raise errors.RefusedError(
                    f"{len(rows) - found:,} of {len(rows):,} rows of {self.table.name!r} were "
                    "not changed when they were written",
                    cause="a trigger or a rule of the table left them out, or they were deleted "
                    "while the function worked on them",
                    remedy="look at the triggers of the table; then run it again:  whimbrel up",
                )
            written += found
        return written


@functools.cache
def row_lock(engine: base.Engine) -> str:
    """Return what ends a query whose rows nobody else may change until the commit."""
    plain: sa.Select[tuple[object]] = sa.select(sa.literal_column("1"))
    # Others may still refer to the rows by foreign keys, where the engine can tell that apart.
    locking = engine.compile(plain.with_for_update(key_share=True))
    return f" {locking.removeprefix(engine.compile(plain)).strip()}".rstrip()


class _Unreachable:
    """Stands where a helper process would find a connection that is not its own."""

    def __getattr__(self, name: str) -> NoReturn:
        raise errors.RefusedError(
            "the function works in a helper process, which has no database",
            remedy="read before the step what it needs, and let it return what is to be written",
        )


_kept: Final[list[sa.Connection]] = []
