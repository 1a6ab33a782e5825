"""Read the messages of pgoutput, the output plugin that every PostgreSQL server has.

Protocol version 1: whole transactions, in the order of their commits, values as texts. Which
slot they come from, and what follows from them, is the work of `log_capture`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

# Microseconds of 1970-01-01 before 2000-01-01, from which the server counts.
_EPOCH: Final = 946_684_800_000_000
_KEY: Final = 1
_CASCADE = 1
_RESTART = 2


class Unchanged(Enum):
    """The value is large, was not changed, and was not sent."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
Value = bytes | None | Unchanged
Row = tuple[Value, ...]


class Malformed(ValueError):
    """These bytes are no message that we know: nothing may be skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """A transaction, which was committed at `when` (seconds since 1970)."""

    final: int
    when: float
    xid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The end of a transaction; what comes next begins at `end`."""

    at: int
    end: int
    when: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a relation; `key` says that it is of its replica identity."""

    name: str
    type: int
    modifier: int
    key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table as it was when the changes behind this message were made."""

    oid: int
    schema: str
    name: str
    identity: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A new row."""

    relation: int
    new: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A changed row; `old` is there if its key changed, or if all of it is its identity."""

    relation: int
    old: Row | None
    new: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """A row that is gone, as far as its identity says."""

    relation: int
    old: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """Tables that were emptied in one statement."""

    relations: tuple[int, ...]
    cascade: bool
    restart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A message that says nothing about rows: a type's name, an origin."""

    kind: str


Message = Begin | Commit | Relation | Insert | Update | Delete | Truncate | Aside


def parse(data: bytes) -> Message:
    """Return what a message says, or raise Malformed."""
    reader = _Reader(data)
    try:
        message = _parse(reader)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Malformed(f"a message ends too early: {data[:40]!r}") from error
    if reader.at != len(data):
        raise Malformed(f"a message is longer than it says: {data[:40]!r}")
    return message


def _parse(reader: _Reader) -> Message:
    match reader.letter():
        case "I":
            relation = reader.number("I")
            _expect(reader, "N")
            return Insert(relation=relation, new=reader.row())
        case "U":
            relation, old = reader.number("I"), None
            kind = reader.letter()
            if kind in "KO":
                old, kind = reader.row(), reader.letter()
            if kind != "N":
                raise Malformed(f"an update with {kind!r} where its new row has to be")
            return Update(relation=relation, old=old, new=reader.row())
        case "D":
            relation, kind = reader.number("I"), reader.letter()
            if kind not in "KO":
                raise Malformed(f"a delete with {kind!r} where its old row has to be")
            return Delete(relation=relation, old=reader.row())
        case "B":
            final, when, xid = reader.numbers("QqI")
            return Begin(final=final, when=_seconds(when), xid=xid)
        case "C":
            _, at, end, when = reader.numbers("BQQq")
            return Commit(at=at, end=end, when=_seconds(when))
        case "R":
            return _relation(reader)
        case "T":
            count, flags = reader.numbers("IB")
            return Truncate(
                relations=tuple(reader.number("I") for _ in range(count)),
                cascade=bool(flags & _CASCADE),
                restart=bool(flags & _RESTART),
            )
        case "Y":
            reader.number("I")
            reader.text()
            reader.text()
            return Aside(kind="type")
        case "O":
            reader.number("Q")
            reader.text()
            return Aside(kind="origin")
        case other:
            raise Malformed(f"a message of the unknown kind {other!r}")


def _relation(reader: _Reader) -> Relation:
    oid = reader.number("I")
    schema, name = reader.text(), reader.text()
    identity, count = reader.letter(), reader.number("H")
    columns = []
    for _ in range(count):
        flags = reader.number("B")
        column, (type_, modifier) = reader.text(), reader.numbers("Ii")
        columns.append(Column(name=column, type=type_, modifier=modifier, key=bool(flags & _KEY)))
    return Relation(
        # An empty name is that of the schema of everything built in.
        oid=oid,
        schema=schema or "pg_catalog",
        name=name,
        identity=identity,
        columns=tuple(columns),
    )


def _expect(reader: _Reader, letter: str) -> None:
    found = reader.letter()
    if found != letter:
        raise Malformed(f"{found!r} stands where {letter!r} has to be")


def _seconds(microseconds: int) -> float:
    return (microseconds + _EPOCH) / 1_000_000


class _Reader:
    """Bytes, and how far they are read."""

    __slots__ = ("_data", "at")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def letter(self) -> str:
        self.at += 1
        return chr(self._data[self.at - 1])

    def number(self, kind: str) -> int:
        return self.numbers(kind)[0]

    def numbers(self, kinds: str) -> tuple[int, ...]:
        found: tuple[int, ...] = struct.unpack_from(f">{kinds}", self._data, self.at)
        self.at += struct.calcsize(f">{kinds}")
        return found

    def text(self) -> str:
        end = self._data.find(b"\0", self.at)
        if end < 0:
            raise Malformed("a name has no end")
        text, self.at = self._data[self.at : end].decode(), end + 1
        return text

    def row(self) -> Row:
        data, count = self._data, self.number("H")
        values: list[Value] = []
        for _ in range(count):
            kind, self.at = data[self.at], self.at + 1
            if kind == 0x74:  # t
                (length,) = struct.unpack_from(">I", data, self.at)
                start = self.at + 4
                self.at = start + length
                if self.at > len(data):
                    raise Malformed("a value is longer than its message")
                values.append(data[start : self.at])
            elif kind == 0x6E:  # n
                values.append(None)
            elif kind == 0x75:  # u
                values.append(UNCHANGED)
            else:
                raise Malformed(f"a value of the unknown kind {chr(kind)!r}")
        return tuple(values)
