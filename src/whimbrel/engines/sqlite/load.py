"""Rows enter SQLite by one prepared statement, with values that their columns keep as they are.

Which value that is of a text is said by `intake`. Blocks of COPY are split here; most fields have
nothing to be unescaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from whimbrel import errors, tables
from whimbrel.engines import blocks as shapes
from whimbrel.engines import bulk, codec, transport
from whimbrel.engines.sqlite import intake, texts, tokens

if TYPE_CHECKING:
    from whimbrel.engines.sqlite import session as sessions

# Indexes of what is loaded are better not read from the file again and again.
_CACHE_KILOBYTES: Final = 32 * 1024
# More would outgrow the processor's caches.
_CHUNK_ROWS: Final = 250

_Columns = Sequence[Sequence[texts.Stored]]


class _Made(list[transport.Row]):
    """Rows that are as their columns keep them: nothing has to be looked at again."""


class SqliteLoader(transport.Loader):
    """Writes by one prepared statement."""

    formats = (transport.Format.VALUES, transport.Format.COPY)
    keys_rest = True

    def __init__(self, session: sessions.SqliteSession) -> None:
        self._session = session
        self._driver = session.driver

    def prepare(self) -> None:
        if self._driver.in_transaction:
            raise errors.RefusedError(
                "a transaction is open already, and foreign keys cannot be switched off in it",
                database=self._session.url,
            )
        for setting in ("foreign_keys", "ignore_check_constraints"):
            self._driver.execute(f"PRAGMA {setting} = OFF")
        self._driver.execute(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
        # With a log beside the file a power cut costs the last commits, and never breaks it.
        if self._driver.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            self._driver.execute("PRAGMA synchronous = NORMAL")

    def load(
        self,
        table: tables.Table,
        carried: Sequence[transport.Carried],
        blocks: Iterable[transport.Block],
        format: transport.Format,
    ) -> int:
        if format not in self.formats:
            raise ValueError(f"rows written as {format.value} are not read here")
        self._session.begin()
        if not carried:
            return self._empty_rows(table, sum(block.rows for block in blocks))
        strict = self._is_strict(table.name)
        columns = [intake.Column(one, strict=strict) for one in carried]
        target = tokens.quote(table.name)
        names = ", ".join(tokens.quote(one.column.name) for one in carried)
        # Whatever the table's own constraints say should be done: nothing is left out.
        insert = f"INSERT OR ABORT INTO {target} ({names}) VALUES "
        sent = taken = 0
        for block in blocks:
            with self._driving():
                taken += self._written(insert, columns, block)
            sent += block.rows
        return shapes.all_taken(sent, taken)

    def encoded(
        self, carried: Sequence[transport.Carried], rows: Sequence[codec.Texts]
    ) -> transport.Block:
        if not carried or not rows:
            return transport.Block(data=_Made([()] * len(rows)), rows=len(rows))
        # Of STRICT tables only ANY is kept in another way, which the more careful one suits too.
        columns = [intake.Column(one, strict=False) for one in carried]
        made = [
            column.of_texts([None if text is None else texts.read(text) for text in found])
            for column, found in zip(columns, zip(*rows, strict=True), strict=True)
        ]
        return transport.Block(data=_Made(zip(*made, strict=True)), rows=len(rows))

    # --- blocks -------------------------------------------------------------------------------

    def _written(
        self, insert: str, columns: Sequence[intake.Column], block: transport.Block
    ) -> int:
        if isinstance(block.data, bytes):
            return self._copied(insert, columns, block.data, block.rows)
        count = 0
        for start in range(0, len(block.data), _CHUNK_ROWS):
            rows = block.data[start : start + _CHUNK_ROWS]
            found: _Columns = list(zip(*rows, strict=True))
            if not isinstance(block.data, _Made):
                found = [c.of_values(v) for c, v in zip(columns, found, strict=True)]
            count += self._inserted(insert, found, broken=any(map(_is_broken, found)))
        return count

    def _copied(self, insert: str, columns: Sequence[intake.Column], data: bytes, rows: int) -> int:
        try:
            text, broken = data.decode(), False
        except UnicodeDecodeError:
            text, broken = texts.read(data), True
        escaped = b"\\" in data
        lines = text.split("\n")
        if lines.pop() or len(lines) != rows:
            raise bulk.Unstorable(f"a block of {rows:,} rows has {len(lines):,} whole lines")
        del text, data
        count = 0
        for start in range(0, rows, _CHUNK_ROWS):
            split = [line.split("\t") for line in lines[start : start + _CHUNK_ROWS]]
            if len(split[0]) != len(columns) or len(set(map(len, split))) != 1:
                raise bulk.Unstorable("a line has not as many fields as there are columns")
            made = [
                column.of_fields(fields, escaped=escaped)
                for column, fields in zip(columns, zip(*split, strict=True), strict=True)
            ]
            count += self._inserted(insert, made, broken=broken)
        return count

    # --- rows ---------------------------------------------------------------------------------

    def _inserted(self, insert: str, found: _Columns, *, broken: bool) -> int:
        rows = zip(*found, strict=True)
        try:
            if not broken:
                marks = ", ".join("?" * len(found))
                return self._driver.executemany(f"{insert}({marks})", rows).rowcount
            return sum(self._inserted_broken(insert, row) for row in rows)
        except OverflowError as error:
            raise bulk.Unstorable(str(error)) from error

    def _inserted_broken(self, insert: str, row: Sequence[texts.Stored]) -> int:
        """Write a row in which there may be texts that are no UTF-8, which the driver refuses."""
        marks, values = [], []
        for value in row:
            if isinstance(value, str) and _is_broken((value,)):
                if self._driver.execute("PRAGMA encoding").fetchone()[0] != "UTF-8":
                    raise bulk.refuse(value, "it is no UTF-8, and texts are kept in UTF-16 here")
                marks.append("CAST(? AS TEXT)")
                values.append(texts.octets(value))
            else:
                marks.append("?")
                values.append(value)  # type: ignore[arg-type]
        return self._driver.execute(f"{insert}({', '.join(marks)})", values).rowcount

    def _empty_rows(self, table: tables.Table, count: int) -> int:
        """Write rows of which nothing is given."""
        insert = f"INSERT OR ABORT INTO {tokens.quote(table.name)} DEFAULT VALUES"
        with self._driving():
            taken = sum(self._driver.execute(insert).rowcount for _ in range(count))
        return shapes.all_taken(count, taken)

    def _is_strict(self, table: str) -> bool:
        # Versions that have no such word in their list have no STRICT tables.
        rows = self._driver.execute(f"PRAGMA table_list({tokens.quote(table)})")
        names = [column[0] for column in rows.description or ()]
        return "strict" in names and any(row[names.index("strict")] for row in rows)

    @contextmanager
    def _driving(self) -> Iterator[None]:
        with bulk.driving(self._session), self._session.driving():
            yield


def _is_broken(values: Sequence[texts.Stored]) -> bool:
    """Whether there are texts that are no UTF-8."""
    found = "".join([value for value in values if value.__class__ is str])
    if found.isascii():
        return False
    try:
        found.encode()
    except UnicodeEncodeError:
        return True
    return False
