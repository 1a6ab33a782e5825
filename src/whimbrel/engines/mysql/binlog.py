"""Read the binary log of a MySQL or MariaDB server, as its replicas do.

A stream gives events as they are in the log: where groups (transactions) begin and end, statements
that are logged as text, and rows. Of rows only the columns that are asked for are read; all other
values are passed over by their lengths. An event that could hold rows and is not understood is an
error: nothing is passed over in silence. What follows from the events is the work of
`log_capture`, what the bytes of values mean that of `logged`.

The stream is PyMySQL's connection, after the command by which replicas ask for the log.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

_DUMP: Final = 0x12  # COM_BINLOG_DUMP
_NON_BLOCK: Final = 1
_HEADER: Final = 19
_CRC: Final = 4
_ARTIFICIAL: Final = 0x20
_FILE_HEAD: Final = 4
LAST_PLACE: Final = 2**32 - 1

# Kinds of events.
_QUERY, _STOP, _ROTATE, _FORMAT, _XID, _TABLE_MAP = 2, 3, 4, 15, 16, 19
_ROWS: Final = {23: "insert", 24: "update", 25: "delete", 30: "insert", 31: "update", 32: "delete"}
_SECOND: Final = frozenset({30, 31, 32, 169, 170, 171})
_GTID, _ANONYMOUS, _XA_PREPARE, _MARIADB_GTID = 33, 34, 38, 162
_COMPRESSED: Final = {
    166: "insert",
    167: "update",
    168: "delete",
    169: "insert",
    170: "update",
    171: "delete",
}
_QUERY_COMPRESSED: Final = 165
# What says nothing about rows: numbers and texts for statements, lists of positions, heartbeats.
_ASIDE: Final = frozenset({3, 5, 13, 14, 27, 28, 29, 35, 36, 37, 41, 160, 161, 163, 164})


class Unreadable(ValueError):
    """These bytes are not understood; whoever went on could lose changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in the log, at which a stream can begin."""

    file: str
    at: int

    def __str__(self) -> str:
        return f"{self.file}:{self.at}"

    @property
    def order(self) -> tuple[int, int]:
        """Return what places are ordered by."""
        return int(self.file.rpartition(".")[2]), self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A group begins; what came before it is whole."""

    gtid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A group has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A group has ended that is not committed yet: XA PREPARE, with what names it."""

    format: int
    gtrid: bytes
    bqual: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A statement that is logged as text, and the database it was said in."""

    database: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """What the columns of a table are for the rows that follow: types, and their metadata."""

    database: str
    table: str
    types: bytes
    meta: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of one event: `kind` is insert, update or delete; `body` what their values are in."""

    kind: str
    map: Map
    body: bytes
    at: int
    columns: int
    before: bytes
    after: bytes


Thing = Begun | Ended | Prepared | Said | Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What an event says, when it was logged, and the place behind it."""

    thing: Thing
    when: int
    behind: Place


class Stream:
    """The events from a place on to the end that the log has now."""

    def __init__(self, connection: Any, place: Place, *, server_id: int) -> None:
        self._connection = connection
        self._file, self._at = place.file, place.at
        self._maps: dict[int, Map] = {}
        # By the format of each file; unknown before it is read.
        self._crc = 0
        self._statement = False
        self._request(place, server_id)

    @property
    def place(self) -> Place:
        """Return where the stream is."""
        return Place(file=self._file, at=self._at)

    def _request(self, place: Place, server_id: int) -> None:
        connection = self._connection
        with connection.cursor() as cursor:
            # What we can understand: events as they are, with the sums that files have.
            cursor.execute("SET @master_binlog_checksum = @@global.binlog_checksum")
            cursor.execute("SET @source_binlog_checksum = @@global.binlog_checksum")
            cursor.execute("SET @mariadb_slave_capability = 4")
        request = struct.pack("<IHI", place.at, _NON_BLOCK, server_id) + place.file.encode()
        connection._execute_command(_DUMP, request)

    def events(self) -> Iterator[Event]:
        """Yield what the log has; raise the driver's error or Unreadable."""
        while True:
            packet = self._connection._read_packet()
            if packet.is_eof_packet():
                return
            data = packet.get_all_data()
            found = self._event(data[1:])
            if found is not None:
                yield found

    def _event(self, data: bytes) -> Event | None:
        when, kind, _, _, behind, flags = struct.unpack_from("<IBIIIH", data)
        if kind == _FORMAT:
            # Its sum is always there; the byte before says whether those of others are.
            self._crc = _CRC if data[-_CRC - 1] == 1 else 0
            if behind and not flags & _ARTIFICIAL and self._at <= _FILE_HEAD:
                self._at = behind
            return None
        body = data[_HEADER : len(data) - self._crc]
        if kind == _ROTATE:
            # The first comes before the format: whether it has a sum is said by the sum alone.
            summed = zlib.crc32(data[:-_CRC]) == int.from_bytes(data[-_CRC:], "little")
            body = data[_HEADER : len(data) - (_CRC if summed else 0)]
            (at,) = struct.unpack_from("<Q", body)
            self._rotate(body[8:].decode(), at)
            return None
        if flags & _ARTIFICIAL or not behind:
            return None
        # The place has 32 bits, a file with one large transaction may have more. Not all events
        # are sent, so that their sizes say nothing.
        whole = self._at & ~LAST_PLACE | behind
        self._at = whole if whole >= self._at else whole + LAST_PLACE + 1
        thing = self._thing(kind, body)
        if thing is None:
            return None
        return Event(thing=thing, when=when, behind=self.place)

    def _rotate(self, file: str, at: int) -> None:
        if file != self._file:
            # Numbers of tables are given anew after a start, which begins a file.
            self._maps.clear()
            self._file, self._at = file, max(at, _FILE_HEAD)

    def _thing(self, kind: int, body: bytes) -> Thing | None:
        if kind in _ROWS or kind in _COMPRESSED:
            return self._rows(kind, body)
        if kind == _TABLE_MAP:
            number, found = _map(body)
            self._maps[number] = found
            return None
        if kind == _XID:
            return Ended()
        if kind in (_QUERY, _QUERY_COMPRESSED):
            return _said(body, compressed=kind == _QUERY_COMPRESSED)
        if kind == _MARIADB_GTID:
            number, domain = struct.unpack_from("<QI", body)
            return Begun(gtid=f"{domain}-{number}")
        if kind == _GTID:
            (number,) = struct.unpack_from("<q", body, 17)
            source = body[1:17].hex()
            parts = source[:8], source[8:12], source[12:16], source[16:20], source[20:]
            return Begun(gtid=f"{'-'.join(parts)}:{number}")
        if kind == _ANONYMOUS:
            return Begun()
        if kind == _XA_PREPARE:
            once, format_, first, second = struct.unpack_from("<BIII", body)
            if once:
                return Ended()
            names = body[13 : 13 + first + second]
            return Prepared(format=format_, gtrid=names[:first], bqual=names[first:])
        if kind in _ASIDE:
            return None
        raise Unreadable(f"the binary log has an event of kind {kind}, which we do not know")

    def _rows(self, kind: int, body: bytes) -> Rows | None:
        number = int.from_bytes(body[:6], "little")
        at = 8
        if kind in _SECOND:
            (extra,) = struct.unpack_from("<H", body, at)
            at += extra
        if number == 0xFFFFFF and number not in self._maps:
            return None  # the end of a statement, without rows
        found = self._maps.get(number)
        if found is None:
            raise Unreadable("the binary log has rows of a table that it has not named")
        columns, at = _length(body, at)
        width = (columns + 7) // 8
        what = _ROWS.get(kind) or _COMPRESSED[kind]
        first = body[at : at + width]
        at += width
        second = first
        if what == "update":
            second = body[at : at + width]
            at += width
        if kind in _COMPRESSED:
            body, at = _unpacked(body, at), 0
        return Rows(
            kind=what, map=found, body=body, at=at, columns=columns, before=first, after=second
        )


# --- events ------------------------------------------------------------------------------------


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of the protocol, and the place behind it."""
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def _unpacked(data: bytes, at: int) -> bytes:
    """Return what MariaDB has compressed: how, the length before, and the bytes."""
    head = data[at]
    if (head & 0x70) >> 4 != 0:
        raise Unreadable("the binary log is compressed in a way that we do not know")
    size = head & 0x07
    length = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    found = zlib.decompress(data[at + 1 + size :])
    if len(found) != length:
        raise Unreadable("a compressed event of the binary log is not as long as it says")
    return found


def _said(body: bytes, *, compressed: bool) -> Thing | None:
    _, _, name, _, status = struct.unpack_from("<IIBHH", body)
    at = 13 + status
    database = body[at : at + name].decode("utf-8", "replace")
    at += name + 1
    data = _unpacked(body, at) if compressed else body[at:]
    text = data.decode("utf-8", "replace").strip()
    word = text[:8].upper()
    if word == "BEGIN" or word.startswith("SAVEPOIN"):
        return None
    if word in ("COMMIT", "ROLLBACK"):
        return Ended()
    return Said(database=database, text=text)


def _map(body: bytes) -> tuple[int, Map]:
    number = int.from_bytes(body[:6], "little")
    at = 8
    names = []
    for _ in range(2):
        size = body[at]
        names.append(body[at + 1 : at + 1 + size].decode())
        at += size + 2
    columns, at = _length(body, at)
    types = bytearray(body[at : at + columns])
    at += columns
    size, at = _length(body, at)
    end = at + size
    meta = []
    for place, kind in enumerate(types):
        width = _META.get(kind, 0)
        value = body[at : at + width]
        at += width
        if kind in (_STRING, _VAR_STRING):
            # What it really is, mixed with the upper bits of its length.
            real, length = value
            if real & 0x30 != 0x30:
                length |= ((real & 0x30) ^ 0x30) << 4
                real |= 0x30
            types[place] = real
            meta.append(length)
        elif kind in (_DECIMAL, _BIT):
            meta.append(value[0] << 8 | value[1])
        else:
            meta.append(int.from_bytes(value, "little"))
    if at != end:
        raise Unreadable(f"{names[1]} has columns in the binary log that we do not know")
    return number, Map(database=names[0], table=names[1], types=bytes(types), meta=tuple(meta))


# --- values ------------------------------------------------------------------------------------

_VARCHAR, _BIT, _ENUM, _SET, _DECIMAL = 15, 16, 247, 248, 246
_VAR_STRING, _STRING = 253, 254
_FIXED: Final = {
    1: 1,  # TINYINT
    2: 2,  # SMALLINT
    3: 4,  # INT
    4: 4,  # FLOAT
    5: 8,  # DOUBLE
    6: 0,  # NULL
    7: 4,  # TIMESTAMP, as it was
    8: 8,  # BIGINT
    9: 3,  # MEDIUMINT
    10: 3,  # DATE
    11: 3,  # TIME, as it was
    12: 8,  # DATETIME, as it was
    13: 1,  # YEAR
    14: 3,  # DATE
}
_WITH_FRACTION: Final = {17: 4, 18: 5, 19: 3}
# Texts and everything large: the metadata is the size of the length before them.
_LARGE: Final = frozenset({140, 242, 245, 249, 250, 251, 252, 255})
_META: Final = {
    4: 1,
    5: 1,
    _VARCHAR: 2,
    _BIT: 2,
    17: 1,
    18: 1,
    19: 1,
    141: 2,
    **dict.fromkeys(_LARGE, 1),
    _DECIMAL: 2,
    _ENUM: 2,
    _SET: 2,
    _VAR_STRING: 2,
    _STRING: 2,
}
_DIGITS: Final = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def decimal_size(precision: int, scale: int) -> int:
    """Return how many bytes a DECIMAL takes."""
    whole = precision - scale
    return whole // 9 * 4 + _DIGITS[whole % 9] + scale // 9 * 4 + _DIGITS[scale % 9]


def _behind(data: bytes, at: int, kind: int, meta: int) -> tuple[int, int]:
    """Return where a value begins and ends."""
    size = _FIXED.get(kind)
    if size is not None:
        return at, at + size
    if kind in (_VARCHAR, 141):
        width = 1 if meta < 256 else 2
    elif kind in _LARGE:
        width = meta
    elif kind in (_STRING, _VAR_STRING):
        width = 1 if meta < 256 else 2
    elif kind in (_ENUM, _SET):
        return at, at + meta
    elif kind == _DECIMAL:
        return at, at + decimal_size(meta >> 8, meta & 0xFF)
    elif kind in _WITH_FRACTION:
        return at, at + _WITH_FRACTION[kind] + (meta + 1) // 2
    elif kind == _BIT:
        return at, at + (meta & 0xFF) + ((meta >> 8) > 0)
    else:
        raise Unreadable(f"the binary log has a value of type {kind}, which we do not know")
    start = at + width
    return start, start + int.from_bytes(data[at:start], "little")


Image = tuple[bytes | None, ...]


def images(rows: Rows, places: Sequence[int]) -> Iterator[tuple[Image | None, Image | None]]:
    """Yield each row before and after, as the bytes of these columns.

    A value that is not logged, because it is the one from before, is taken from there; None is
    NULL. Which of both there are says the kind of the event.
    """
    at, end = rows.at, len(rows.body)
    while at < end:
        before: Image | None = None
        after: Image | None = None
        if rows.kind != "insert":
            before, at = _image(rows, at, rows.before, places, None)
        if rows.kind != "delete":
            after, at = _image(rows, at, rows.after, places, before)
        yield before, after
    if at != end:
        raise Unreadable("an event of the binary log ends within a row")


def _image(
    rows: Rows, at: int, used: bytes, places: Sequence[int], before: Image | None
) -> tuple[Image, int]:
    data, found = rows.body, dict[int, bytes | None]()
    there = [place for place in range(rows.columns) if used[place >> 3] >> (place & 7) & 1]
    nulls = at
    at += (len(there) + 7) // 8
    wanted = set(places)
    types, meta = rows.map.types, rows.map.meta
    for number, place in enumerate(there):
        if data[nulls + (number >> 3)] >> (number & 7) & 1:
            if place in wanted:
                found[place] = None
            continue
        start, at = _behind(data, at, types[place], meta[place])
        if place in wanted:
            found[place] = data[start:at]
    if at > len(data):
        raise Unreadable("an event of the binary log ends within a value")
    values: list[bytes | None] = []
    for number, place in enumerate(places):
        if place not in found:
            if before is None:
                raise Unreadable(f"the binary log leaves out the key of {rows.map.table}")
            values.append(before[number])
        else:
            values.append(found[place])
    return tuple(values), at
