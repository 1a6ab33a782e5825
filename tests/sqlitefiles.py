"""What tests of rows on their way out of and into SQLite share: nasty values, files, cargoes.

What has to come of them is said by the tests themselves.
"""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from whimbrel.engines import base, codec, registry, transport
from whimbrel.engines.forms import Form
from whimbrel.engines.transport import Format

Open = Callable[[Path], base.Session]

# One column of each affinity and each family.
COLUMNS = (
    "id INTEGER PRIMARY KEY, i INT, b BOOLEAN, d DECIMAL(10, 2), dt DECIMAL_TEXT(60, 20), "
    "f DOUBLE, t TEXT, c CHAR(5), x BLOB, day DATE, clock TIME, at DATETIME, moment TIMESTAMPTZ, "
    "j JSON, jt JSON_TEXT, u UUID, s STRING, anything, n ANY"
)
NASTY: tuple[object, ...] = (
    None,
    *(0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
    *(0.0, -0.0, 0.1, 1.5, 5e-324, 1e15, 1e16, 1.5e300, 123456789012345680.0, 0.1 + 0.2),
    *(float("inf"), float("-inf"), 47210.4, 1e-05, -1e-15),
    *("", " ", "|", "NULL", "\\N", "\\", "\\\\x41", "\t", "\n", "\r\n", "a\nb\tc\\d", "a\n!b"),
    *("a\x00b", "\x00", "é漢🦜", "it's", "''", "%s %d %%", "!t61", "{}", "(1,'x')", ",", "ÿ"),
    *(" 5 ", "5", "-5", "007", "1.50", "1.5", "1e5", "+1", ".5", "5.", "1_0", "0x10", "nan"),
    *("NaN", "Infinity", "inf", "true", "12345678901234567890", "1" * 40, "٣"),
    *("2024-02-29", "2024-13-01", "0000-00-00", "2024", "infinity", "0044-03-15 BC"),
    *("23:59:59.500", "24:00:00", "10:00", "2024-02-29 23:59:59.500", "2024-02-29T23:59:59+02:00"),
    *("[1, 2]", "1.10", '{"a": 1}', "6F9619FF-8B86-D011-B42D-00C04FC964FF", "0" * 32),
    *("00000000000000000000000000001e12", "x" * 100_000, "\u2028\x85\x0b\x1c"),
    *(b"", b"\x00\xff", bytes(range(256)), bytes(16), b"text", b"5"),
)
# Texts that are no UTF-8 are put in as bytes that are called a text.
BROKEN = (b"a\xe4b", b"\xed\xa0\x80", b"\xc3", b"x\xff", b"\xffb00", b"\xff")


def opening(stack: contextlib.ExitStack) -> Open:
    """Return what opens sessions that write; they are closed with the stack."""

    def make(file: Path) -> base.Session:
        session = registry.open_session(f"sqlite:///{file}")
        stack.callback(session.close)
        return session

    return make


def make_file(file: Path, columns: str, *, encoding: str = "UTF-8", name: str = "t") -> Path:
    """Make a file with one empty table."""
    with contextlib.closing(sqlite3.connect(file)) as raw, raw:
        raw.execute(f"PRAGMA encoding = '{encoding}'")
        raw.execute(f'CREATE TABLE "{name}" ({columns})')
    return file


def names_of(file: Path) -> list[str]:
    """Return the columns of the table."""
    with contextlib.closing(sqlite3.connect(file)) as raw:
        return [str(row[1]) for row in raw.execute("PRAGMA table_info(t)")]


def fill(file: Path, rows: Sequence[Sequence[object]]) -> None:
    """Write rows by the plain driver; bytes behind "text:" are called a text."""
    with contextlib.closing(sqlite3.connect(file)) as raw, raw:
        for row in rows:
            marks = ", ".join("CAST(? AS TEXT)" if isinstance(v, Broken) else "?" for v in row)
            raw.execute(
                f"INSERT INTO t VALUES ({marks})",
                [bytes(v) if isinstance(v, Broken) else v for v in row],
            )


class Broken(bytes):
    """Bytes that are called a text."""


def nasty_rows(width: int, *, broken: bool = True) -> list[tuple[object, ...]]:
    """Return rows in which every nasty value is in every column."""
    values = (*NASTY, *map(Broken, BROKEN)) if broken else NASTY
    return [
        (at + 1, *(values[(at + shift) % len(values)] for shift in range(width)))
        for at in range(len(values))
    ]


def stored(file: Path, table: str = "t") -> list[tuple[object, ...]]:
    """Return what is stored, bit by bit: the type and the bytes of each value."""
    with contextlib.closing(sqlite3.connect(file)) as raw:
        raw.text_factory = bytes
        found = raw.execute(f'PRAGMA table_xinfo("{table}")').fetchall()
        names = ['"{}"'.format(row[1].decode().replace('"', '""')) for row in found]
        values = ", ".join(
            f"typeof({n}), CASE typeof({n}) WHEN 'text' THEN CAST({n} AS BLOB) ELSE {n} END"
            for n in names
        )
        return [
            tuple(struct.pack(">d", v) if isinstance(v, float) else v for v in row)
            for row in raw.execute(f'SELECT {values} FROM "{table}" ORDER BY 2')
        ]


def cargo_of(
    session: base.Session, table: str = "t", *, typed: bool = False, target: str | None = None
) -> transport.Cargo:
    """Return all rows of a table, each column carried in its own form."""
    shape = session.engine.catalog(session).table(table)
    coder = session.engine.codec(session)
    carried = tuple(
        transport.Carried(
            value=codec.Value(
                sql=session.engine.quote(column.name),
                column=column,
                form=coder.form(shape, column)
                if typed
                else Form(family=coder.form(shape, column).family),
            ),
            column=column,
        )
        for column in shape.columns
        if column.generated is None
    )
    return transport.Cargo(
        source=session.engine.quote(table),
        carried=carried,
        order=carried[0].value.sql if carried else "",
    )


def only(cargo: transport.Cargo, *names: str, where: str = "") -> transport.Cargo:
    """Return the same rows with these columns alone."""
    carried = tuple(one for one in cargo.carried if one.column.name in names)
    return transport.Cargo(source=cargo.source, carried=carried, order=cargo.order, where=where)


def move(
    source: base.Session,
    target: base.Session,
    cargo: transport.Cargo,
    format: Format,
    table: str = "t",
    *,
    block_bytes: int = transport.BLOCK_BYTES,
) -> int:
    """Copy rows from one session to the other and commit them."""
    shape = target.engine.catalog(target).table(table)
    found = source.engine.unloader(source).blocks(cargo, format, block_bytes=block_bytes)
    written = [
        transport.Carried(value=one.value, column=shape.column(one.column.name))
        for one in cargo.carried
    ]
    count = target.engine.loader(target).load(shape, written, found, format)
    target.commit()
    return count


def pair(
    tmp_path: Path, columns: str, opened: Open, rows: Sequence[Sequence[object]]
) -> tuple[base.Session, base.Session, Path, Path]:
    """Return a full and an empty database of the same table, and their files."""
    one, two = make_file(tmp_path / "one.db", columns), make_file(tmp_path / "two.db", columns)
    fill(one, rows)
    source, target = opened(one), opened(two)
    source.engine.snapshot(source)
    target.engine.loader(target).prepare()
    return source, target, one, two
