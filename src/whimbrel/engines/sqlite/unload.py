"""Rows leave SQLite: fetched as they are, some at a time, and written in Python.

What is written of a value is said by `texts` and `fields`. Nothing is asked of SQLite but the
rows, so that a column may hold values of any type. Columns that are proven to be plain come as
fields that SQLite has written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from whimbrel.engines import blocks, bulk, codec, transport
from whimbrel.engines.sqlite import fields, texts

if TYPE_CHECKING:
    from whimbrel.engines.sqlite import session as sessions

_Row = tuple[texts.Stored, ...]
_Factory = Callable[[bytes], str]

# More would outgrow the processor's caches, and keep the collector of garbage busy.
_CHUNK_ROWS: Final = 250
# Rows that are large are not held in such numbers.
_CHUNK_BYTES: Final = 2**20
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
        columns = fields.columns(cargo.carried, format)
        values = [one.sql for one in columns]
        joint = between.decode()
        for rows in self._chunks(cargo, values):
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
        for rows in self._chunks(cargo, _values(cargo)):
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
        for some in self._chunks(cargo, _values(cargo), most=rows):
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

    def _chunks(
        self, cargo: transport.Cargo, values: Sequence[str], *, most: int = _CHUNK_ROWS
    ) -> Iterator[list[_Row]]:
        """Yield rows, some at a time; others use the connection in between.

        The driver itself makes texts of bytes, which is the fastest, until it meets some that
        are no UTF-8. Then the same statement is begun again, and what was read is passed over:
        the transaction is open, so that it gives the same rows in the same order.
        """
        most = min(most, _CHUNK_ROWS)
        query = _query(cargo, values)
        factory: _Factory = str if self._driver.in_transaction else texts.read
        cursor = self._begun(query, cargo, factory)
        done, size = 0, 1
        try:
            while True:
                rows = self._fetched(cursor, size, factory)
                if rows is None:
                    cursor.close()
                    factory = texts.read
                    cursor = self._begun(query, cargo, factory)
                    self._pass_over(cursor, done)
                    continue
                if not rows:
                    return
                yield rows
                done += len(rows)
                size = max(1, min(4 * size, most, _CHUNK_BYTES // _row_bytes(rows)))
        finally:
            cursor.close()

    def _begun(self, query: str, cargo: transport.Cargo, factory: _Factory) -> sqlite3.Cursor:
        with self._reading(factory):
            return self._driver.execute(query, cargo.params)

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


def _values(cargo: transport.Cargo) -> list[str]:
    return [one.value.sql for one in cargo.carried]


def _query(cargo: transport.Cargo, each: Sequence[str]) -> str:
    values = ", ".join(f"({one})" for one in each) or "NULL"
    where = f" WHERE ({cargo.where})" if cargo.where else ""
    order = f" ORDER BY {cargo.order}" if cargo.order else ""
    return f"SELECT {values} FROM {cargo.source}{where}{order}"


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
