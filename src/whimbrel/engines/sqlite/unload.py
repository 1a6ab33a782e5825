"""Rows leave SQLite: fetched as they are, some at a time, and written in Python.

What is written of a value is said by `texts` and `fields`. Nothing is asked of SQLite but the
rows, so that a column may hold values of any type.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from whimbrel.engines import blocks, bulk, codec, transport
from whimbrel.engines.sqlite import fields, rendered, texts

if TYPE_CHECKING:
    from whimbrel.engines.sqlite import session as sessions

_Row = tuple[texts.Stored, ...]
_Page = tuple[int, int, int | None, int | None, bytes | None]
_Factory = Callable[[bytes], str]

# More would outgrow the processor's caches, and keep the collector of garbage busy.
_CHUNK_ROWS: Final = 250
# Rows that are large are not held in such numbers.
_CHUNK_BYTES: Final = 2**20
_FIRST_PAGE_ROWS: Final = 16
# Below all that a rowid may be, so that no row is left out: it is compared as a float.
_FIRST_ROWID: Final = -1e19
# So many pages may be written twice before it counts.
_FORGIVEN: Final = 4
_SAMPLE: Final = 8
# What Python needs for a value beside its letters.
_VALUE_BYTES: Final = 40


class SqliteUnloader(transport.Unloader):
    """Reads the rows of one connection."""

    formats = (transport.Format.VALUES, transport.Format.COPY, transport.Format.TUPLES)

    def __init__(self, session: sessions.SqliteSession) -> None:
        self._session = session
        self._driver = session.driver

    def blocks(
        self,
        cargo: transport.Cargo,
        format: transport.Format,
        *,
        block_bytes: int = transport.BLOCK_BYTES,
    ) -> Iterator[transport.Block]:
        if format is transport.Format.VALUES:
            yield from self._values(cargo, block_bytes)
            return
        between = b"," if format is transport.Format.TUPLES else b""
        parts = self._parts(cargo, format, block_bytes, between)
        yield from blocks.gathered(parts, block_bytes=block_bytes, between=between)

    def _parts(
        self, cargo: transport.Cargo, format: transport.Format, block_bytes: int, between: bytes
    ) -> Iterator[tuple[bytes, int]]:
        """Yield some rows as they are written, and how many; no more than a block takes."""
        pages = None
        if format is transport.Format.COPY and self._driver.in_transaction:
            with self._reading(str):
                pages = rendered.plan(self._driver, cargo)
        if pages is None:
            yield from self._written(cargo, format, block_bytes, between)
        else:
            yield from self._paged(cargo, pages, block_bytes)

    def _paged(
        self, cargo: transport.Cargo, pages: rendered.Pages, block_bytes: int
    ) -> Iterator[tuple[bytes, int]]:
        """Yield pages that SQLite has written, in the order of rowids, for as long as it can."""
        # Nobody knows yet how large a row is.
        last: float = _FIRST_ROWID
        size, done, again = _FIRST_PAGE_ROWS, 0, 0
        while True:
            row = self._page(pages, (*cargo.params, last, size))
            if row is not None and row[0] == 0:
                return
            lines = None if row is None else pages.lines(row)
            if lines is not None and len(lines) > block_bytes:
                lines = None
            if row is None or again > _FORGIVEN + done // 4:
                rest = _beyond(cargo, pages, last)
                yield from self._written(rest, transport.Format.COPY, block_bytes, b"")
                return
            done += 1
            if lines is None:
                again += 1
                part = _beyond(cargo, pages, last, row[1])
                yield from self._written(part, transport.Format.COPY, block_bytes, b"")
            else:
                yield lines, row[0]
            last = row[1]
            each = len(row[4] or b"") // row[0] + 1
            size = max(1, min(4 * size, rendered.PAGE_BYTES // each, rendered.MOST_ROWS))

    def _page(self, pages: rendered.Pages, params: Sequence[object]) -> _Page | None:
        """Return what SQLite says of the next rows, None if they are too large for one value."""
        with self._reading(bytes):
            most = self._driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, rendered.MOST_BYTES)
            try:
                row: _Page = self._driver.execute(pages.sql, tuple(params)).fetchone()
            except sqlite3.DataError:
                return None  # string or blob too big
            finally:
                self._driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)
        return row

    def _written(
        self, cargo: transport.Cargo, format: transport.Format, block_bytes: int, between: bytes
    ) -> Iterator[tuple[bytes, int]]:
        """Yield the same for all rows, written here."""
        columns = [fields.Column(one, format) for one in cargo.carried]
        joint = between.decode()
        for rows in self._chunks(cargo):
            lines = fields.lines(columns, rows, format)
            data = texts.octets(joint.join(lines))
            if len(data) <= block_bytes:
                yield data, len(lines)
                continue
            del data
            for line in lines:
                yield texts.octets(line), 1

    def _values(self, cargo: transport.Cargo, block_bytes: int) -> Iterator[transport.Block]:
        """Yield rows as the driver gives them; bytes of a text that are no UTF-8 as surrogates."""
        pending: list[transport.Row] = []
        size = 0
        for rows in self._chunks(cargo):
            each = _row_bytes(rows)
            most = max(1, block_bytes // each)
            for start in range(0, len(rows), most):
                some = rows[start : start + most]
                if pending and size + each * len(some) > block_bytes:
                    yield transport.Block(data=pending, rows=len(pending))
                    pending, size = [], 0
                pending += some if cargo.carried else [()] * len(some)
                size += each * len(some)
        if pending:
            yield transport.Block(data=pending, rows=len(pending))

    def texts(self, cargo: transport.Cargo, *, rows: int = 1_000) -> Iterator[list[codec.Texts]]:
        found: list[codec.Texts] = []
        size = 0
        for some in self._chunks(cargo, most=rows):
            each = _row_bytes(some)
            if found and (
                len(found) + len(some) > rows or size + each * len(some) > transport.BLOCK_BYTES
            ):
                yield found
                found, size = [], 0
            found += _texts(cargo.carried, some)
            size += each * len(some)
        if found:
            yield found

    # --- reading ----------------------------------------------------------------------------

    def _chunks(self, cargo: transport.Cargo, *, most: int = _CHUNK_ROWS) -> Iterator[list[_Row]]:
        """Yield rows, some at a time; others use the connection in between.

        The driver itself makes texts of bytes, which is the fastest, until it meets some that
        are no UTF-8. Then the same statement is begun again, and what was read is passed over:
        the transaction is open, so that it gives the same rows in the same order.
        """
        most = min(most, _CHUNK_ROWS)
        factory: _Factory = str if self._driver.in_transaction else texts.read
        cursor = self._begun(cargo, factory)
        done, size = 0, 1
        try:
            while True:
                rows = self._fetched(cursor, size, factory)
                if rows is None:
                    cursor.close()
                    factory = texts.read
                    cursor = self._begun(cargo, factory)
                    self._pass_over(cursor, done)
                    continue
                if not rows:
                    return
                yield rows
                done += len(rows)
                size = max(1, min(4 * size, most, _CHUNK_BYTES // _row_bytes(rows)))
        finally:
            cursor.close()

    def _begun(self, cargo: transport.Cargo, factory: _Factory) -> sqlite3.Cursor:
        with self._reading(factory):
            return self._driver.execute(_query(cargo), cargo.params)

    def _fetched(self, cursor: sqlite3.Cursor, size: int, factory: _Factory) -> list[_Row] | None:
        """Return the next rows, None if the driver cannot make a text of some bytes."""
        with self._reading(factory):
            try:
                return cursor.fetchmany(size)
            except sqlite3.OperationalError as error:
                if factory is not str or not str(error).startswith("Could not decode"):
                    raise
                return None

    def _pass_over(self, cursor: sqlite3.Cursor, count: int) -> None:
        with self._reading(bytes):
            while count:
                count -= len(cursor.fetchmany(min(count, _CHUNK_ROWS)))

    @contextmanager
    def _reading(self, factory: Callable[[bytes], object]) -> Iterator[None]:
        before = self._driver.text_factory
        with bulk.driving(self._session), self._session.driving():
            self._driver.text_factory = factory
            try:
                yield
            finally:
                self._driver.text_factory = before


def _query(cargo: transport.Cargo) -> str:
    values = ", ".join(f"({one.value.sql})" for one in cargo.carried) or "NULL"
    where = f" WHERE ({cargo.where})" if cargo.where else ""
    order = f" ORDER BY {cargo.order}" if cargo.order else ""
    return f"SELECT {values} FROM {cargo.source}{where}{order}"


def _beyond(
    cargo: transport.Cargo, pages: rendered.Pages, last: float, to: int | None = None
) -> transport.Cargo:
    """Return the rows of a cargo beyond a rowid, up to another."""
    where = f"{pages.rowid} > ?" if to is None else f"{pages.rowid} > ? AND {pages.rowid} <= ?"
    return dataclasses.replace(
        cargo,
        where=f"({cargo.where}) AND {where}" if cargo.where else where,
        params=(*cargo.params, last) if to is None else (*cargo.params, last, to),
        order=pages.rowid,
    )


def _row_bytes(rows: Sequence[_Row]) -> int:
    """Return about how large a row is, by some of these."""
    sample = rows[:: max(1, len(rows) // _SAMPLE)]
    size = sum(len(v) for row in sample for v in row if isinstance(v, (str, bytes)))
    return size // len(sample) + _VALUE_BYTES * (len(rows[0]) + 1)


def _texts(carried: Sequence[transport.Carried], rows: Sequence[_Row]) -> Iterator[codec.Texts]:
    if not carried:
        return iter([()] * len(rows))
    columns = zip(*rows, strict=True)
    return zip(
        *(
            [
                None if text is None else texts.octets(text)
                for text in texts.column(one.value.form, values, words=fields.words(one))
            ]
            for one, values in zip(carried, columns, strict=True)
        ),
        strict=True,
    )
