"""Messages of pgoutput: each kind, and bytes that are none."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.engines.postgresql import pgoutput

UNCHANGED = pgoutput.UNCHANGED


def _row(*values: pgoutput.Value) -> bytes:
    data = struct.pack(">H", len(values))
    for value in values:
        if value is None:
            data += b"n"
        elif value is UNCHANGED:
            data += b"u"
        elif isinstance(value, bytes):
            data += b"t" + struct.pack(">I", len(value)) + value
    return data


def _samples() -> Iterator[tuple[bytes, pgoutput.Message]]:
    yield (
        b"B" + struct.pack(">QqI", 5, 0, 7),
        pgoutput.Begin(final=5, when=946684800.0, xid=7),
    )
    yield (
        b"C\0" + struct.pack(">QQq", 5, 9, 1_000_000),
        pgoutput.Commit(at=5, end=9, when=946684801.0),
    )
    columns = (
        pgoutput.Column(name="id", type=23, modifier=-1, key=True),
        pgoutput.Column(name="ä", type=25, modifier=4, key=False),
    )
    yield (
        b"R" + struct.pack(">I", 16384) + b"public\0t\0d" + struct.pack(">H", 2)
        + b"\1id\0" + struct.pack(">Ii", 23, -1) + b"\0" + "ä".encode() + b"\0"
        + struct.pack(">Ii", 25, 4),
        pgoutput.Relation(oid=16384, schema="public", name="t", identity="d", columns=columns),
    )  # fmt: skip
    number = struct.pack(">I", 16384)
    new = (b"1", None, UNCHANGED, b"")
    yield b"I" + number + b"N" + _row(*new), pgoutput.Insert(relation=16384, new=new)
    yield b"U" + number + b"N" + _row(*new), pgoutput.Update(relation=16384, old=None, new=new)
    for kind in (b"K", b"O"):
        yield (
            b"U" + number + kind + _row(b"0") + b"N" + _row(*new),
            pgoutput.Update(relation=16384, old=(b"0",), new=new),
        )
        yield b"D" + number + kind + _row(b"0"), pgoutput.Delete(relation=16384, old=(b"0",))
    yield (
        b"T" + struct.pack(">IBII", 2, 3, 1, 2),
        pgoutput.Truncate(relations=(1, 2), cascade=True, restart=True),
    )
    yield b"Y" + number + b"public\0mood\0", pgoutput.Aside(kind="type")
    yield b"O" + struct.pack(">Q", 1) + b"elsewhere\0", pgoutput.Aside(kind="origin")


@pytest.mark.parametrize(("data", "message"), list(_samples()))
def test_a_message_says_what_it_says(data: bytes, message: pgoutput.Message) -> None:
    assert pgoutput.parse(data) == message


@pytest.mark.parametrize("data", [data for data, _ in _samples()])
def test_a_message_that_is_cut_or_too_long_is_none(data: bytes) -> None:
    for end in range(len(data)):
        with pytest.raises(pgoutput.Malformed):
            pgoutput.parse(data[:end])
    with pytest.raises(pgoutput.Malformed):
        pgoutput.parse(data + b"\0")


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_other_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        pgoutput.parse(data)
    except pgoutput.Malformed as error:
        assert str(error)


@given(st.lists(st.one_of(st.none(), st.just(UNCHANGED), st.binary(max_size=20)), max_size=8))
@settings(max_examples=100, deadline=None)
def test_every_row_comes_back(values: list[pgoutput.Value]) -> None:
    data = b"I" + struct.pack(">I", 1) + b"N" + _row(*values)

    assert pgoutput.parse(data) == pgoutput.Insert(relation=1, new=tuple(values))
