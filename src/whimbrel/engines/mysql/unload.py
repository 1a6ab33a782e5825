"""Rows leave MySQL and MariaDB as one value of bytes each, which their own SQL writes.

The driver would make Python objects of every row, which costs five times as much as taking the
values off the wire as they are (see `wire`). A row whose text is larger than the server makes
(max_allowed_packet), or that has a text too large to be escaped there, comes as NULL; these rows
are asked for again at the end, each value by itself. What the text of a value is, is said in
`texts`; of what it depends on, `MysqlCodec.prepare` has been asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from whimbrel.engines import blocks, bulk, codec, transport
from whimbrel.engines.forms import Family
from whimbrel.engines.mysql import codec as codecs
from whimbrel.engines.mysql import wire

if TYPE_CHECKING:
    from whimbrel.engines.mysql import session as sessions

# How long the server waits for whoever takes rows more slowly than it writes them.
_PATIENCE_SECONDS: Final = 3_600
_BARE: Final = (Family.INTEGER, Family.BOOLEAN)
_OPEN: Final = (Family.TEXT, Family.JSON, Family.OTHER)
# As bytes in hexadecimal digits: whether a backslash escapes depends on sql_mode. One of them
# makes bytes of a whole CONCAT, which nobody converts.
_NULL: Final = "x'5C4E'"
_TAB: Final = "x'09'"
_LINE_FEED: Final = "x'0A'"
_BINARY: Final = "x'5C5C78'"
_ESCAPES: Final = (("5C", "5C5C"), ("09", "5C74"), ("0A", "5C6E"), ("0D", "5C72"))
_QUOTES: Final = (("27", "2727"),)
# Beyond this Python is faster.
_LARGE_BYTES: Final = 2**14
_CHARACTER_BYTES: Final = 4
_OPENED: Final = "x'28'"
_CLOSED: Final = "x'29'"
_COMMA: Final = "x'2C'"


class MysqlUnloader(transport.Unloader):
    """Reads rows off the wire."""

    formats = (transport.Format.COPY, transport.Format.TUPLES)

    def __init__(self, session: sessions.MysqlSession) -> None:
        self._session = session
        self._codec = codecs.MysqlCodec(session)
        self._patient = False

    # --- blocks ---------------------------------------------------------------------------------

    def blocks(
        self,
        cargo: transport.Cargo,
        format: transport.Format,
        *,
        block_bytes: int = transport.BLOCK_BYTES,
    ) -> Iterator[transport.Block]:
        if format is transport.Format.COPY:
            row, between, written = self._line(cargo.carried), b"", blocks.copied
        elif format is transport.Format.TUPLES:
            row, between, written = self._tuple(cargo.carried), b",", blocks.tupled
        else:
            raise ValueError(f"rows are not written as {format.value} here")
        if cargo.order and any(map(self._may_be_large, cargo.carried)):
            # Large rows would come last.
            parts = _written(written, cargo, self._texts(cargo, rows=blocks.JOINED_ROWS))
            yield from blocks.gathered(parts, block_bytes=block_bytes, between=between)
            return
        too_large: list[int] = []
        parts = self._parts(f"SELECT {row}", cargo, between, too_large)
        yield from blocks.gathered(parts, block_bytes=block_bytes, between=between)
        if too_large:
            found = self._texts(cargo, rows=blocks.JOINED_ROWS, only=f"({row}) IS NULL")
            count = 0
            for block in blocks.gathered(
                _written(written, cargo, found), block_bytes=block_bytes, between=between
            ):
                yield block
                count += block.rows
            blocks.all_taken(sum(too_large), count)

    def _parts(
        self, select: str, cargo: transport.Cargo, between: bytes, too_large: list[int]
    ) -> Iterator[tuple[bytes, int]]:
        import pymysql.cursors

        self._wait_for_us()
        self._session.begin()
        streaming = pymysql.cursors.SSCursor
        with bulk.driving(self._session), self._session.driver.cursor(streaming) as cursor:
            # Also with no parameters: what stands beside them is written for them.
            cursor.execute(_query(select, cargo), tuple(cargo.params))
            with closing(wire.Values(self._session.driver)) as values:
                while (found := values.take()) is not None:
                    if found.nulls:
                        too_large.append(found.nulls)
                    if found.values:
                        yield between.join(found.values), len(found.values)

    def _may_be_large(self, one: transport.Carried) -> bool:
        """Whether a value may be too large to be escaped by the server.

        What it replaces in a text it moves the rest of the text for, each time.
        """
        if one.value.form.family not in _OPEN or blocks.as_bytes(one):
            return False
        kind = self._codec.kind(one.value.column)
        if kind.name in ("varchar", "char", "enum", "set", "tinytext"):
            return bool(kind.numbers) and kind.numbers[0] > _LARGE_BYTES // _CHARACTER_BYTES
        return True

    def _escaped(self, one: transport.Carried, escapes: Sequence[tuple[str, str]]) -> str:
        """Return SQL for a text with its escapes, NULL if it is too large for that."""
        text = f"CAST({self._codec.piece(one.value)} AS BINARY)"
        for character, escape in escapes:
            text = f"REPLACE({text}, x'{character}', x'{escape}')"
        if self._may_be_large(one):
            return f"IF(LENGTH({one.value.sql}) > {_LARGE_BYTES}, NULL, {text})"
        return text

    def _wait_for_us(self) -> None:
        if not self._patient:
            self._session.send(f"SET SESSION net_write_timeout = {_PATIENCE_SECONDS}")
            self._patient = True

    def _line(self, carried: Sequence[transport.Carried]) -> str:
        if not carried:
            return _LINE_FEED
        return f"CONCAT({f', {_TAB}, '.join(map(self._field, carried))}, {_LINE_FEED})"

    def _field(self, one: transport.Carried) -> str:
        value = one.value
        if blocks.as_bytes(one):
            field = f"CONCAT({_BINARY}, {self._digits(one)})"
        elif value.form.family in _OPEN:
            field = self._escaped(one, _ESCAPES)
        else:
            field = self._plain(one)
        return f"IF({value.sql} IS NULL, {_NULL}, {field})" if value.column.null else field

    def _tuple(self, carried: Sequence[transport.Carried]) -> str:
        items = f", {_COMMA}, ".join(map(self._item, carried))
        return (
            f"CONCAT({_OPENED}, {items}, {_CLOSED})" if items else f"CONCAT({_OPENED}, {_CLOSED})"
        )

    def _item(self, one: transport.Carried) -> str:
        value = one.value
        if blocks.as_bytes(one):
            item = f"CONCAT(x'7827', {self._digits(one)}, x'27')"
        elif value.form.family in _BARE:
            item = self._plain(one)
            if self._codec.kind(value.column).form.family is Family.TEXT:
                # A word among numbers must not stand there as if it were a name.
                item = f"IF(LEFT({item}, 1) = '!', CONCAT(x'27', {item}, x'27'), {item})"
        elif value.form.family in _OPEN:
            item = f"CONCAT(x'27', {self._escaped(one, _QUOTES)}, x'27')"
        else:
            item = f"CONCAT(x'27', {self._plain(one)}, x'27')"
        return f"IF({value.sql} IS NULL, 'NULL', {item})" if value.column.null else item

    def _digits(self, one: transport.Carried) -> str:
        """Return SQL for bytes in hexadecimal digits."""
        own = self._codec.kind(one.value.column)
        if own.form.family is Family.TEXT:
            return self._codec.piece(one.value)
        return f"HEX({one.value.sql})"

    def _plain(self, one: transport.Carried) -> str:
        """Return SQL for a value that needs no escapes."""
        value = one.value
        own = self._codec.kind(value.column)
        if own.form.family is not value.form.family or own.zerofill:
            return self._codec.piece(value)
        if blocks.as_written(one):
            # A FLOAT alone would come with six digits, one with a number of digits with those.
            exact = own.form.family is Family.DECIMAL or (own.name == "double" and not own.numbers)
            return value.sql if exact else f"({value.sql} * 1e0)"
        if value.form.family is Family.UUID and own.name == "uuid":
            return value.sql
        return self._codec.piece(value)

    # --- texts ----------------------------------------------------------------------------------

    def texts(self, cargo: transport.Cargo, *, rows: int = 1_000) -> Iterator[list[codec.Texts]]:
        yield from self._texts(cargo, rows=rows)

    def _texts(
        self, cargo: transport.Cargo, *, rows: int, only: str = ""
    ) -> Iterator[list[codec.Texts]]:
        import pymysql.cursors

        raw = [self._is_raw(one) for one in cargo.carried]
        selected = [
            one.value.sql if is_raw else self._codec.octets(one.value)
            for one, is_raw in zip(cargo.carried, raw, strict=True)
        ]
        nulls = " + ".join(f"({one.value.sql} IS NULL)" for one in cargo.carried) or "0"
        query = _query(f"SELECT {', '.join([*selected, nulls])}", cargo, only)
        self._wait_for_us()
        self._session.begin()
        streaming = pymysql.cursors.SSCursor
        with bulk.driving(self._session), self._session.driver.cursor(streaming) as cursor:
            cursor.execute(query, tuple(cargo.params))
            for found in blocks.fetched(cursor.fetchmany, rows=rows):
                yield [self._checked(row, raw) for row in found]

    def _is_raw(self, one: transport.Carried) -> bool:
        """Whether a value comes as its bytes, whose digits would be twice as many."""
        own = self._codec.kind(one.value.column)
        family = one.value.form.family
        return own.form.family is Family.BINARY and family is Family.BINARY

    def _checked(self, row: Sequence[Any], raw: Sequence[bool]) -> codec.Texts:
        *found, nulls = row
        if found.count(None) != nulls:
            raise self._codec.lost("a value")
        if not any(raw):
            return tuple(found)
        return tuple(
            value.hex().encode() if is_raw and value is not None else value
            for value, is_raw in zip(found, raw, strict=True)
        )


def _query(select: str, cargo: transport.Cargo, only: str = "") -> str:
    conditions = [f"({one})" for one in (cargo.where, only) if one]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = f" ORDER BY {cargo.order}" if cargo.order else ""
    return f"{select} FROM {cargo.source}{where}{order}"


def _written(
    write: Callable[[Sequence[transport.Carried], Sequence[codec.Texts]], transport.Block],
    cargo: transport.Cargo,
    found: Iterable[Sequence[codec.Texts]],
) -> Iterator[tuple[bytes, int]]:
    """Yield what Python writes of texts, and how many rows it is."""
    for rows in found:
        yield blocks.sent(write(cargo.carried, rows)), len(rows)
