"""Rows leave PostgreSQL through COPY, whose fields or tuples its own SQL writes.

What the text of a value is, is said in `texts`. It is sent as UTF-8, whatever the session's
encoding is; of what else texts depend on, `PostgresCodec.prepare` has been asked before.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from whimbrel.engines import blocks, bulk, codec, transport
from whimbrel.engines.forms import Family
from whimbrel.engines.postgresql import codec as codecs

if TYPE_CHECKING:
    from psycopg import pq

    from whimbrel.engines.postgresql import session as sessions

_CURSOR: Final = "whimbrel_unload"
_PART_BYTES: Final = 2**20
# The server takes no more arguments of a function.
_MOST_ARGUMENTS: Final = 90
# A backslash of its own, whatever standard_conforming_strings is.
_BACKSLASH: Final = "chr(92)"
_BARE: Final = (Family.INTEGER, Family.BOOLEAN)
_OPEN: Final = (Family.TEXT, Family.JSON, Family.OTHER)
# What the server escapes although nobody else does. Backslashes are out of the way meanwhile, in
# the one character that no text here can hold.
_LETTERS: Final = ((b"\\b", b"\b"), (b"\\f", b"\f"), (b"\\v", b"\v"))
_ESCAPES: Final = (*_LETTERS, (b"\\t", b"\t"), (b"\\n", b"\n"), (b"\\r", b"\r"))


class PostgresUnloader(transport.Unloader):
    """Reads by COPY, and by a cursor of the server's where texts are wanted."""

    formats = (transport.Format.COPY, transport.Format.TUPLES)

    def __init__(self, session: sessions.PostgresSession) -> None:
        self._session = session
        self._codec = codecs.PostgresCodec(session)

    # --- blocks ---------------------------------------------------------------------------------

    def blocks(
        self,
        cargo: transport.Cargo,
        format: transport.Format,
        *,
        block_bytes: int = transport.BLOCK_BYTES,
    ) -> Iterator[transport.Block]:
        if format is transport.Format.COPY:
            lines = self._lines(self._fields(cargo.carried), cargo)
            parts = ((_normal(data), rows) for data, rows in lines)
            yield from blocks.gathered(parts, block_bytes=block_bytes)
        elif format is transport.Format.TUPLES:
            lines = self._lines(self._tuple(cargo.carried), cargo)
            parts = ((_unescaped(data), rows) for data, rows in lines)
            yield from blocks.gathered(parts, block_bytes=block_bytes, between=b",")
        else:
            raise ValueError(f"rows are not written as {format.value} here")

    def _lines(self, selected: str, cargo: transport.Cargo) -> Iterator[tuple[bytes, int]]:
        """Yield lines as COPY sends them, joined, and how many."""
        from psycopg import ClientCursor

        self._session.begin()
        driver = self._session.driver
        with bulk.driving(self._session), driver.cursor() as cursor:
            # COPY takes no parameters: they are written into it by the driver, for this server.
            query = ClientCursor(driver).mogrify(
                f"COPY ({_query(selected, cargo)}) TO STDOUT (ENCODING 'UTF8')", cargo.params
            )
            # Whoever stops reading in the middle keeps the transaction and its moment.
            with bulk.all_or_none(self._session, driver.execute), cursor.copy(query):
                yield from _received(driver.pgconn, driver.info.encoding)

    def _fields(self, carried: Sequence[transport.Carried]) -> str:
        return _apart(map(self._field, carried))

    def _field(self, one: transport.Carried) -> str:
        value = one.value
        own = self._codec.kind(value.column.type).form.family
        wanted = value.form.family
        if blocks.as_bytes(one):
            # In hexadecimal digits by itself.
            if own is Family.BINARY:
                return value.sql
            return f"{_BACKSLASH} || 'x' || ({self._codec.piece(value)})"
        if own is wanted and self._goes_as_it_is(one):
            return value.sql
        return self._piece(one)

    def _goes_as_it_is(self, one: transport.Carried) -> bool:
        """Whether the server writes such a value by itself as all others read it."""
        kind = self._codec.kind(one.value.column.type)
        match kind.form.family:
            case Family.UUID:
                return True
            case Family.JSON:
                return kind.element is None
            case Family.FLOAT | Family.DECIMAL:
                # A float of four bytes has fewer digits than it takes as one of eight.
                return kind.name != "real" and blocks.as_written(one)
            case _:
                return False

    def _piece(self, one: transport.Carried) -> str:
        value = one.value
        if value.form.family is Family.FLOAT and blocks.as_written(one):
            return f"({value.sql})::float8"
        if value.form.family is Family.UUID and not blocks.as_bytes(one):
            own = self._codec.kind(value.column.type).form.family
            return f"({value.sql})::text" if own is Family.UUID else self._codec.piece(value)
        return self._codec.piece(value)

    def _tuple(self, carried: Sequence[transport.Carried]) -> str:
        return f"concat('(', {_joined(list(map(self._item, carried)))}, ')')"

    def _item(self, one: transport.Carried) -> str:
        text = self._quoted(one)
        return f"coalesce({text}, 'NULL')" if one.value.column.null else text

    def _quoted(self, one: transport.Carried) -> str:
        value = one.value
        if blocks.as_bytes(one):
            own = self._codec.kind(value.column.type).form.family
            digits = self._codec.piece(value)
            if own is Family.BINARY:
                digits = f"encode({value.sql}, 'hex')"
            return f"'x''' || ({digits}) || ''''"
        piece = f"({self._piece(one)})"
        if value.form.family in _BARE:
            if self._codec.kind(value.column.type).form.family is not Family.TEXT:
                return f"{piece}::text"
            # A word among numbers must not stand there as if it were a name.
            quoted = f"'''' || {piece} || ''''"
            return f"CASE WHEN {piece} LIKE '!%%' THEN {quoted} ELSE {piece} END"
        if value.form.family in _OPEN:
            piece = f"replace({piece}::text, '''', '''''')"
        return f"'''' || {piece} || ''''"

    # --- texts ----------------------------------------------------------------------------------

    def texts(self, cargo: transport.Cargo, *, rows: int = 1_000) -> Iterator[list[codec.Texts]]:
        selected = _apart(self._codec.text(one.value) for one in cargo.carried)
        self._session.begin()
        with (
            bulk.driving(self._session),
            self._session.driver.cursor(_CURSOR, scrollable=False) as cursor,
        ):
            codecs.as_bytes(cursor)
            cursor.execute(_query(selected, cargo), cargo.params)
            for found in blocks.fetched(cursor.fetchmany, rows=rows):
                yield list(map(tuple, found))


def _apart(columns: Iterable[str]) -> str:
    """Return columns by names of ours: ORDER BY would take a text for the column it is of."""
    return ", ".join(f'{sql} AS "whimbrel {at}"' for at, sql in enumerate(columns))


def _query(selected: str, cargo: transport.Cargo) -> str:
    where = f" WHERE ({cargo.where})" if cargo.where else ""
    order = f" ORDER BY {cargo.order}" if cargo.order else ""
    return f"SELECT {selected} FROM {cargo.source}{where}{order}"


def _joined(parts: Sequence[str]) -> str:
    """Return texts that are never NULL with commas between."""
    if len(parts) <= _MOST_ARGUMENTS:
        return f"concat_ws(',', {', '.join(parts)})" if parts else "''"
    some = [parts[at : at + _MOST_ARGUMENTS] for at in range(0, len(parts), _MOST_ARGUMENTS)]
    return _joined(list(map(_joined, some)))


def _received(pgconn: pq.abc.PGconn, encoding: str) -> Iterator[tuple[bytes, int]]:
    """Yield what COPY sends: a few thousand lines at a time, or about a megabyte.

    It comes line by line; the driver's own way of waiting for each costs twice as much.
    """
    lines: list[bytes] = []
    size = count = 0
    get, waited = pgconn.get_copy_data, [pgconn.socket]
    while True:
        length, data = get(1)
        if length > 0:
            lines.append(bytes(data))
            size += length
            if size >= _PART_BYTES or len(lines) >= blocks.JOINED_ROWS:
                yield b"".join(lines), len(lines)
                count += len(lines)
                lines, size = [], 0
        elif length == 0:
            select.select(waited, (), ())
            pgconn.consume_input()
        else:
            break
    if lines:
        yield b"".join(lines), len(lines)
    _ended(pgconn, encoding, count + len(lines))


def _ended(pgconn: pq.abc.PGconn, encoding: str, count: int) -> None:
    """Take the end of COPY off the wire: raise what went wrong, or if a line is missing."""
    import psycopg

    while (result := pgconn.get_result()) is not None:
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result, encoding=encoding)
        if result.command_tuples != count:
            raise psycopg.DataError(
                f"COPY has sent {result.command_tuples} rows, of which {count} were read"
            )


def _normal(lines: bytes) -> bytes:
    """Return lines in which only backslashes, tabs and line ends are escaped."""
    # Counting is quick, and mostly every backslash is that of a NULL; looking for two bytes stops
    # at each of them.
    if lines.count(b"\\") == lines.count(b"\\N"):
        return lines
    if not any(escape in lines for escape, _ in _LETTERS):
        return lines
    lines = lines.replace(b"\\\\", b"\0")
    for escape, character in _LETTERS:
        lines = lines.replace(escape, character)
    return lines.replace(b"\0", b"\\\\")


def _unescaped(lines: bytes) -> bytes:
    """Return lines of one text each as these texts, with commas between."""
    lines = lines[:-1].replace(b"\n", b",")
    if b"\\" not in lines:
        return lines
    lines = lines.replace(b"\\\\", b"\0")
    for escape, character in _ESCAPES:
        lines = lines.replace(escape, character)
    return lines.replace(b"\0", b"\\")
