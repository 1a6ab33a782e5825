"""What is done with the rows of a range: one statement of the server, or a function of Python.

A task never commits and never decides how many rows it is given; that is the walker's work.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.journal import parts
from whimbrel.rows import keys

RowDict = dict[str, object]
Function = Callable[[Any], Any]

# What the address of a row is called, where that tells rows apart.
ADDRESS: Final = "whimbrel_address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a range: `reached` is the last key that is done, None for all of it."""

    read: int
    written: int
    reached: keys.Values | None
    size: int = 0  # bytes of what was read, 0 where Python did not see it
    rejects: Sequence[parts.Reject] = ()


class BatchFailed(Exception):
    """A function that takes whole batches failed; which row it was is found by halving."""


class Keeps(Protocol):
    """Keeps what a batch overwrites or deletes, in the batch's own transaction."""

    def before(self, session: base.Session, range_: keys.Range, where: str | None) -> int:
        """Keep the rows of a range as they are; return how many."""

    def after(self, session: base.Session, range_: keys.Range, changed: int, kept: int) -> None:
        """Keep what became of them; raise RowsOvertaken if others were changed, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(abc.ABC):
    """One way to work through `table`; `where` picks the rows that matter.

    `keeps` keeps what is overwritten or deleted, if anything does.
    """

    table: tables.Table
    way: keys.Walkway
    where: str | None = None
    keeps: Keeps | None = None

    @property
    def beside(self) -> bool:
        """Whether an application is at work on the table: batches are short, and leave it room."""
        return False

    def ready(self, session: base.Session) -> AbstractContextManager[None]:
        """Have there what the work needs, while it is done; before threads are started."""
        return contextlib.nullcontext()

    @abc.abstractmethod
    def run(self, session: base.Session, range_: keys.Range, rows: int) -> Done:
        """Do the next `rows` rows of a range, or fewer; the driver's errors pass through."""

    def one(self, session: base.Session, range_: keys.Range) -> tuple[keys.Values, RowDict] | None:
        """Return key and values of the first row of a range that matters."""
        fetched = self._fetch(session, range_, " LIMIT 1", where=self.where, max_bytes=1)
        if not fetched.rows:
            return None
        return self._key_of(fetched, fetched.rows[0]), self._dict_of(fetched, fetched.rows[0])

    def shown(self) -> str:
        """Return what picks the rows of one batch, as people read it in a plan."""
        return f"({self.where}) AND {self.way.shown()}" if self.where else self.way.shown()

    def _fetch(
        self,
        session: base.Session,
        range_: keys.Range,
        limit: str,
        *,
        where: str | None,
        max_bytes: int,
    ) -> base.Fetched:
        columns = self.way.engine.selected(self.table)
        if self.way.key.address:
            columns = f"{self.way.names} AS {ADDRESS}, {columns}"
        query = self.way.selection(columns, range_, where=where)
        return session.engine.bulk(session).read(
            query.sql + limit, query.params, max_bytes=max_bytes
        )

    def _key_of(self, fetched: base.Fetched, row: base.Row) -> keys.Values:
        names = (ADDRESS,) if self.way.key.address else self.way.key.columns
        return tuple(row[fetched.columns.index(name)] for name in names)

    def _read(
        self, session: base.Session, range_: keys.Range, rows: int, *, max_bytes: int
    ) -> tuple[base.Fetched, keys.Values | None, int]:
        """Return rows, the last key that is done with them (None: all), and how many were read."""
        if not self.way.key.columns:
            fetched = self._fetch(session, range_, "", where=self.where, max_bytes=max_bytes)
            if fetched.more:
                raise errors.NoKey(self.table.name, engine=self.way.engine.title)
            return fetched, None, len(fetched.rows)
        if self.where is None:
            fetched = self._fetch(
                session, range_, f" LIMIT {rows}", where=None, max_bytes=max_bytes
            )
            if fetched.more or len(fetched.rows) == rows:
                return fetched, self._key_of(fetched, fetched.rows[-1]), len(fetched.rows)
            return fetched, None, len(fetched.rows)
        # Rows that do not matter must not be searched for without end.
        cut = self.way.boundary(session, range_, rows)
        inside = keys.Range(lower=range_.lower, upper=cut or range_.upper)
        fetched = self._fetch(session, inside, "", where=self.where, max_bytes=max_bytes)
        if fetched.more:
            return fetched, self._key_of(fetched, fetched.rows[-1]), len(fetched.rows)
        read = rows if cut is not None else self.way.count(session, inside)
        return fetched, cut if cut != range_.upper else None, read

    def _dict_of(self, fetched: base.Fetched, row: base.Row) -> RowDict:
        made = dict(zip(fetched.columns, row, strict=True))
        made.pop(ADDRESS, None)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Work):
    """One statement of the server for each range, which is added between `sql` and `tail`.

    `tells` means that it changes one row for each that it reads, so that its count says both;
    `explicit` that it gives values to a counting column.

    All rows of the range are done by the database; Python sees a count.
    """

    sql: str
    tail: str = ""
    tells: bool = True
    explicit: bool = False

    def shown(self) -> str:
        return f"{self.sql}{self._joint}{self.way.shown()}{self.tail}"

    @property
    def _joint(self) -> str:
        return " AND " if self.where else " WHERE "

    def run(self, session: base.Session, range_: keys.Range, rows: int) -> Done:
        # With a condition, the rows that are changed do not tell how many were looked at.
        tells = self.tells and self.where is None
        cut = self.way.cut(session, range_, rows, counted=not tells)
        inside = keys.Range(lower=range_.lower, upper=cut.upper or range_.upper)
        sent = self.way.within(self.sql + self._joint, inside, self.tail)
        read = cut.rows
        if read is None and not tells:
            read = self.way.count(session, inside)
        kept = 0 if self.keeps is None else self.keeps.before(session, inside, self.where)
        with session.engine.as_given(session) if self.explicit else contextlib.nullcontext():
            changed = max(session.execute(sent.sql, sent.params or None).changed, 0)
        if self.keeps is not None:
            self.keeps.after(session, inside, changed, kept)
        if read is None:
            read = changed
            self.way.learn(cut, changed)
        return Done(read=read, written=changed, reached=cut.upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Work):
    """Rows are read, and whoever walks does the rest."""

    max_bytes: int = 16_000_000

    def run(self, session: base.Session, range_: keys.Range, rows: int) -> Done:
        raise errors.WhimbrelError("a reading does nothing by itself")

    def take(
        self, session: base.Session, range_: keys.Range, rows: int
    ) -> tuple[list[keys.Values], list[RowDict], keys.Values | None, int]:
        """Return keys and rows, the last key that is done with them, and how many were read."""
        fetched, reached, read = self._read(session, range_, rows, max_bytes=self.max_bytes)
        found = [self._key_of(fetched, row) for row in fetched.rows] if self.way.key.columns else []
        return found, [self._dict_of(fetched, row) for row in fetched.rows], reached, read
