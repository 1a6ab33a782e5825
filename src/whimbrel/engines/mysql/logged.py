"""Turn the bytes of keys in the binary log into the texts that the codec writes.

Only types that can be turned exactly; a table whose key has another one is refused before the
beginning. Texts of other character sets are turned by the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines.mysql import binlog, texts

_INTEGERS: Final = {
    "tinyint": 1,
    "smallint": 2,
    "mediumint": 3,
    "int": 4,
    "integer": 4,
    "bigint": 8,
}
_TEXTS: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BINARY: Final = frozenset({"varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_UTF8: Final = ("utf8mb4_", "utf8mb3_", "utf8_", "ascii_")
_MEMBER: Final = re.compile(r"'((?:[^']|'')*)'")

Turn = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a column's bytes become a text; with a `charset` the server has to do it."""

    turn: Turn
    charset: str = ""


def reading(table: tables.Table, column: tables.FoundColumn) -> Reading | None:
    """Return how a column's values are read, or None if they cannot be read exactly."""
    kind = texts.kind(table, column)
    unsigned = "unsigned" in column.type.lower() or kind.zerofill
    name = kind.name
    if name in _INTEGERS:
        return Reading(turn=_integer(signed=not unsigned))
    if name in _TEXTS:
        collation = column.collation or ""
        if collation.startswith(_UTF8):
            return Reading(turn=bytes)
        return Reading(turn=bytes, charset=collation.partition("_")[0])
    if name in _BINARY:
        return Reading(turn=_hex)
    if name == "binary":
        # Zeros at the end are not logged.
        return Reading(turn=_padded(kind.numbers[0] if kind.numbers else 1))
    if name == "uuid":
        return Reading(turn=_padded(16))
    if name == "year":
        return Reading(turn=lambda data: b"%d" % (data[0] + 1900 if data[0] else 0))
    if name == "bit":
        return Reading(turn=lambda data: b"%d" % int.from_bytes(data, "big"))
    if name == "decimal":
        precision = kind.numbers[0] if kind.numbers else 10
        scale = kind.numbers[1] if len(kind.numbers) > 1 else 0
        return Reading(turn=_decimal(precision, scale))
    fraction = kind.numbers[0] if kind.numbers else 0
    if name == "date":
        return Reading(turn=_date)
    if name == "datetime":
        return Reading(turn=_datetime(fraction))
    if name == "timestamp":
        return Reading(turn=_timestamp(fraction))
    if name == "enum":
        members = _MEMBER.findall(column.type)
        if any(ord(letter) > 127 or letter == "\\" for one in members for letter in one):
            return None
        return Reading(turn=_enum([one.replace("''", "'") for one in members]))
    return None


def _integer(*, signed: bool) -> Turn:
    return lambda data: b"%d" % int.from_bytes(data, "little", signed=signed)


def _hex(data: bytes) -> bytes:
    return data.hex().encode()


def _padded(length: int) -> Turn:
    return lambda data: data.ljust(length, b"\0").hex().encode()


def _enum(members: list[str]) -> Turn:
    def turn(data: bytes) -> bytes:
        number = int.from_bytes(data, "little")
        # 0 is the empty text, which is what a value that was none had become.
        return members[number - 1].encode() if number else b""

    return turn


def _date(data: bytes) -> bytes:
    value = int.from_bytes(data, "little")
    return b"%04d-%02d-%02d" % (value >> 9, value >> 5 & 15, value & 31)


def _fraction(data: bytes, digits: int) -> bytes:
    """Return the point and what is behind it, without zeros at the end."""
    if not digits:
        return b""
    size = (digits + 1) // 2
    value = int.from_bytes(data[:size], "big")
    text = (b"%0*d" % (size * 2, value)).rstrip(b"0")
    return b"." + text if text else b""


def _datetime(digits: int) -> Turn:
    def turn(data: bytes) -> bytes:
        value = int.from_bytes(data[:5], "big") - 0x8000000000
        day, time = value >> 17, value & 0x1FFFF
        month, year = day >> 5, 0
        year, month = divmod(month, 13)
        return b"%04d-%02d-%02d %02d:%02d:%02d" % (
            year, month, day & 31, time >> 12, time >> 6 & 63, time & 63,
        ) + _fraction(data[5:], digits)  # fmt: skip

    return turn


def _timestamp(digits: int) -> Turn:
    def turn(data: bytes) -> bytes:
        seconds = int.from_bytes(data[:4], "big")
        fraction = _fraction(data[4:], digits)
        if not seconds and not fraction:
            return b"0000-00-00 00:00:00"
        return _moment(seconds) + fraction

    return turn


def _moment(seconds: int) -> bytes:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S").encode()


def _decimal(precision: int, scale: int) -> Turn:
    whole = precision - scale
    sizes = [*_groups(whole, front=True), *_groups(scale, front=False)]

    def turn(data: bytes) -> bytes:
        first = data[0]
        negative = not first & 0x80
        plain = bytes([first ^ 0x80]) + data[1:]
        if negative:
            plain = bytes(byte ^ 0xFF for byte in plain)
        digits, at = "", 0
        for size, count in sizes:
            digits += f"{int.from_bytes(plain[at : at + size], 'big'):0{count}d}"
            at += size
        front, rest = digits[:whole].lstrip("0") or "0", digits[whole:]
        zero = not front.strip("0") and not rest.strip("0")
        text = f"{'-' if negative and not zero else ''}{front}{'.' + rest if rest else ''}"
        return text.encode()

    return turn


def _groups(digits: int, *, front: bool) -> list[tuple[int, int]]:
    """Return sizes in bytes and in digits: nine at a time, the odd ones outside."""
    full = [(4, 9)] * (digits // 9)
    odd = digits % 9
    if not odd:
        return full
    some = [(binlog.decimal_size(odd, 0), odd)]
    return some + full if front else full + some
