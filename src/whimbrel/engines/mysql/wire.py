"""What the driver does slowly or not at all, done on its own connection: packets of the protocol.

A packet has three bytes of length, one that counts, and so many bytes. The values of a result with
one column come one a packet; what LOAD DATA LOCAL reads is sent as packets. Reading by the driver
would cost five times as much, and it sends nothing but files, to whatever server asks for one:
here it is only answered what was asked by us, with what we have.
(Protocol: dev.mysql.com/doc/dev/mysql-server, "Text Resultset", "LOCAL INFILE Request".)
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

_READ_BYTES: Final = 2**18
_TAKEN_VALUES: Final = 4_000
_TAKEN_BYTES: Final = 2**20
_HEAD: Final = 4
# A packet of so many bytes goes on in the next one.
_FULL: Final = 2**24 - 1
# The first byte of a value: its length, or where the length stands; or what it is instead.
_NULL: Final = 0xFB
_TWO_BYTES: Final = 0xFC
_THREE_BYTES: Final = 0xFD
_EIGHT_BYTES: Final = 0xFE
_END: Final = 0xFE
_ERROR: Final = 0xFF
_LONGEST_END: Final = 9
_BEFORE: Final = {_TWO_BYTES: 3, _THREE_BYTES: 4, _EIGHT_BYTES: 9}


@dataclass(slots=True)
class Taken:
    """Values that came, and how many came as NULL."""

    values: list[bytes] = field(default_factory=list)
    nulls: int = 0


class Values:
    """The values of the query that the driver's connection has just sent, unbuffered."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._result = connection._result
        self._data = b""
        self._ended = False

    def take(self) -> Taken | None:
        """Return the next values, None behind the last; raise the driver's error."""
        if self._ended:
            return None
        taken, size = Taken(), 0
        data, values = self._data, taken.values
        while len(values) < _TAKEN_VALUES and size < _TAKEN_BYTES and not taken.nulls:
            at, end = 0, len(data)
            missing = 0
            while at + _HEAD < end:
                length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
                start = at + _HEAD
                behind = start + length
                if behind > end or length == _FULL:
                    missing = behind - end
                    break
                first = data[start]
                if first < _NULL:
                    values.append(data[start + 1 : behind])
                elif first == _TWO_BYTES:
                    values.append(data[start + 3 : behind])
                elif first == _NULL:
                    taken.nulls += 1
                elif first == _ERROR or (first == _END and length < _LONGEST_END):
                    self._end(data[start:behind])
                    return taken
                else:
                    values.append(data[start + _BEFORE[first] : behind])
                at = behind
            size += at
            data = data[at:]
            if data[:3] == b"\xff\xff\xff":
                value, data = self._joined(data)
                values.append(value)
                size += len(value)
            elif len(values) < _TAKEN_VALUES and size < _TAKEN_BYTES and not taken.nulls:
                data += self._read(missing)
        self._data = data
        return taken

    def close(self) -> None:
        """Take what is left off the wire, so that the connection can be used again."""
        while self.take() is not None:
            pass

    def _joined(self, data: bytes) -> tuple[bytes, bytes]:
        """Return a value that goes over several packets, and what came behind it."""
        parts: list[bytes] = []
        length = _FULL
        while length == _FULL:
            while len(data) < _HEAD:
                data += self._read(0)
            length = int.from_bytes(data[:3], "little")
            if len(data) < _HEAD + length:
                data += self._read(_HEAD + length - len(data), whole=True)
            parts.append(data[_HEAD : _HEAD + length])
            data = data[_HEAD + length :]
        value = b"".join(parts)
        return value[_BEFORE[value[0]] :], data

    def _read(self, missing: int, *, whole: bool = False) -> bytes:
        """Return what comes next; at least one byte, and all that is missing where it is much."""
        stream = self._connection._rfile
        try:
            if whole or missing > _READ_BYTES:
                data: bytes = stream.read(missing)
            else:
                data = stream.read1(_READ_BYTES)
        except BaseException as error:
            self._broken()
            if isinstance(error, OSError):
                raise _lost(str(error)) from error
            raise
        if not data or (whole and len(data) < missing):
            self._broken()
            raise _lost("the connection ended in the middle of a result")
        return data

    def _broken(self) -> None:
        # Nobody knows what would be read next.
        self._ended = True
        self._result.unbuffered_active = False
        self._connection._force_close()

    def _end(self, packet: bytes) -> None:
        from pymysql import err

        self._ended = True
        self._result.unbuffered_active = False
        self._result.connection = None
        if packet[0] == _ERROR:
            err.raise_mysql_exception(packet)
        self._connection.server_status = int.from_bytes(packet[3:5], "little")


def _lost(text: str) -> Exception:
    from pymysql import err
    from pymysql.constants import CR

    error: Exception = err.OperationalError(
        CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query ({text})"
    )
    return error


# --- LOAD DATA LOCAL ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the server says of what it has read."""

    rows: int
    warnings: int
    message: str


def offers(connection: Any) -> bool:
    """Whether the connection has told the server that it can send what LOAD DATA LOCAL reads."""
    from pymysql.constants import CLIENT

    return bool(connection.client_flag & CLIENT.LOCAL_FILES)


def flags() -> int:
    """Return what a connection tells the server: that it can, beside what the dialect tells.

    The driver itself goes on refusing to send files: for that it has a switch of its own.
    """
    from pymysql.constants import CLIENT

    return int(CLIENT.FOUND_ROWS | CLIENT.LOCAL_FILES)


def load(connection: Any, sql: str, parts: Iterable[bytes], *, packet_bytes: int) -> Loaded:
    """Send LOAD DATA LOCAL and what it reads; raise the driver's error.

    If there is no next part because of an error, the statement ends with what was sent before.
    """
    from pymysql import connections, err
    from pymysql.constants import COMMAND

    connection._execute_command(COMMAND.COM_QUERY, sql)
    packet = connection._read_packet()
    if not packet.is_load_local_packet():
        raise _lost("the server asked for nothing")
    writing = False
    try:
        for part in parts:
            for at in range(0, len(part), packet_bytes):
                writing = True
                connection.write_packet(part[at : at + packet_bytes])
                writing = False
    except BaseException:
        if writing:
            # A packet that ends in its middle: nobody knows what would be read next.
            connection._force_close()
        else:
            with suppress(err.Error):
                _ended(connection)
        raise
    packet = _ended(connection)
    result = connections.MySQLResult(connection)
    result._read_ok_packet(packet)
    connection.server_status = result.server_status
    return Loaded(
        rows=result.affected_rows,
        warnings=result.warning_count,
        message=bytes(result.message).decode("ascii", "replace"),
    )


def _ended(connection: Any) -> Any:
    """Say that nothing follows, and return what the server says."""
    connection.write_packet(b"")
    return connection._read_packet()
