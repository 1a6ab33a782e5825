"""Rows enter SQLite: what is stored is exactly what was said, or it is refused."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import sqlitefiles
from tests.sqlitefiles import COLUMNS, Open
from whimbrel import errors
from whimbrel.engines import bulk, codec, transport
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.transport import Format


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open sessions that write; they are closed afterwards."""
    with contextlib.ExitStack() as stack:
        yield sqlitefiles.opening(stack)


def load_texts(opened: Open, file: Path, family: Family, texts: Sequence[bytes | None]) -> int:
    """Write texts into the only column of the table, by way of `encoded`."""
    session = opened(file)
    loader = session.engine.loader(session)
    shape = session.engine.catalog(session).table("t")
    (column,) = shape.columns
    value = codec.Value(sql="x", column=column, form=Form(family=family))
    carried = [transport.Carried(value=value, column=column)]
    block = loader.encoded(carried, [(text,) for text in texts])
    count = loader.load(shape, carried, [block], loader.formats[0])
    session.commit()
    return count


@pytest.mark.parametrize(
    ("kind", "family", "text", "kept"),
    [
        ("INT", Family.INTEGER, b"9223372036854775807", 2**63 - 1),
        ("TEXT", Family.INTEGER, b"18446744073709551615", "18446744073709551615"),
        ("REAL", Family.INTEGER, b"9007199254740992", float(2**53)),
        ("NUMERIC", Family.DECIMAL, b"17", 17),
        ("NUMERIC", Family.DECIMAL, b"0.07", 0.07),
        ("NUMERIC", Family.DECIMAL, b"1.50", 1.5),
        ("NUMERIC", Family.DECIMAL, b"9223372036854775807", 2**63 - 1),
        ("NUMERIC", Family.DECIMAL, b"NaN", "NaN"),
        ("DECIMAL_TEXT(50)", Family.DECIMAL, b"123456789012345678.90", "123456789012345678.90"),
        ("", Family.FLOAT, b"-0", -0.0),
        ("REAL", Family.FLOAT, b"1e+20", 1e20),
        ("REAL", Family.FLOAT, b"5e-324", 5e-324),
        ("REAL", Family.FLOAT, b"-Infinity", float("-inf")),
        ("REAL", Family.FLOAT, b"0.30000000000000004", 0.1 + 0.2),
        ("TEXT", Family.FLOAT, b"0.30000000000000004", "0.30000000000000004"),
        ("INT", Family.FLOAT, b"5", 5),
        ("TEXT", Family.TEXT, b"007", "007"),
        ("", Family.TEXT, b"007", "007"),
        ("STRING", Family.TEXT, b"7", 7),
        ("TEXT", Family.TEXT, b"a\x00b", "a\x00b"),
        ("BLOB", Family.BINARY, b"00ff", b"\x00\xff"),
        ("TEXT", Family.BINARY, b"4161", "Aa"),
        ("BOOLEAN", Family.BOOLEAN, b"1", 1),
        ("DATE", Family.DATE, b"2024-02-29", "2024-02-29"),
        ("JSON", Family.JSON, b"1.10", 1.1),
        ("BLOB", Family.UUID, b"0" * 32, bytes(16)),
        ("CHAR(36)", Family.UUID, b"0" * 32, "00000000-0000-0000-0000-000000000000"),
        ("CHAR(32)", Family.UUID, b"0" * 32, "0" * 32),
        ("UUID", Family.UUID, b"0" * 32, "00000000-0000-0000-0000-000000000000"),
        ("INT", Family.INTEGER, None, None),
    ],
)
def test_a_text_is_kept_as_the_value_it_says(
    tmp_path: Path, opened: Open, kind: str, family: Family, text: bytes | None, kept: object
) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", f"a {kind}")

    load_texts(opened, file, family, [text])

    with contextlib.closing(sqlite3.connect(file)) as raw:
        ((value,),) = raw.execute("SELECT a FROM t").fetchall()
    assert (type(value), repr(value)) == (type(kept), repr(kept))


@pytest.mark.parametrize(
    ("kind", "family", "text"),
    [
        ("INT", Family.INTEGER, b"9223372036854775808"),
        ("REAL", Family.INTEGER, b"9007199254740993"),
        ("INT", Family.INTEGER, b"!t616263"),
        ("INT", Family.INTEGER, b"1_0"),
        ("INT", Family.INTEGER, b""),
        ("NUMERIC", Family.DECIMAL, b"0.12345678901234567890"),
        ("NUMERIC", Family.DECIMAL, b"18446744073709551615"),
        ("REAL", Family.DECIMAL, b"9007199254740993"),
        ("NUMERIC", Family.DECIMAL, b""),
        ("NUMERIC", Family.FLOAT, b"-0"),
        ("REAL", Family.FLOAT, b"-0"),
        ("REAL", Family.FLOAT, b"!t6e6f"),
        ("REAL", Family.FLOAT, b"1_0.5"),
        ("STRING", Family.TEXT, b"007"),
        ("STRING", Family.TEXT, b" 7"),
        ("INTERVAL", Family.TEXT, b"1e5"),
        ("TEXT", Family.TEXT, b"\xffb00"),
        ("BLOB", Family.BINARY, b"\xfft61"),
        ("BLOB", Family.BINARY, b"0g"),
        ("JSON", Family.JSON, b"12345678901234567890123"),
        ("DATE", Family.DATE, b"!i35"),
        ("DATE", Family.DATE, b"2024"),
        ("UUID(32)", Family.UUID, b"0" * 31 + b"1"),
    ],
)
def test_a_text_that_would_be_changed_is_refused(
    tmp_path: Path, opened: Open, kind: str, family: Family, text: bytes
) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", f"a {kind}")

    with pytest.raises((bulk.Unstorable, sa.exc.DataError)):
        load_texts(opened, file, family, [text])

    assert sqlitefiles.stored(file) == []


def test_the_same_is_refused_in_a_block_of_copy(tmp_path: Path, opened: Open) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", "a NUMERIC")
    session = opened(file)
    shape = session.engine.catalog(session).table("t")
    (column,) = shape.columns
    value = codec.Value(sql="x", column=column, form=Form(family=Family.DECIMAL))
    one = transport.Carried(value=value, column=column)
    block = transport.Block(data=b"1.5\n0.12345678901234567890\n", rows=2)

    with pytest.raises(sa.exc.DataError, match="would change it"):
        session.engine.loader(session).load(shape, [one], [block], Format.COPY)


@pytest.mark.parametrize("data", [b"1\n2", b"1\n", b"1\t2\n3\n", b"1\n2\n3\n", b""])
def test_a_block_that_is_not_whole_is_refused(tmp_path: Path, opened: Open, data: bytes) -> None:
    session = opened(sqlitefiles.make_file(tmp_path / "one.db", "a INT"))
    shape = session.engine.catalog(session).table("t")
    cargo = sqlitefiles.cargo_of(session)

    with pytest.raises(sa.exc.DataError, match=r"whole lines|fields"):
        session.engine.loader(session).load(
            shape, cargo.carried, [transport.Block(data=data, rows=2)], Format.COPY
        )


def test_fields_are_unescaped_once(tmp_path: Path, opened: Open) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", "a TEXT, b BLOB")
    session = opened(file)
    shape = session.engine.catalog(session).table("t")
    data = b"\\\\N\t\\N\n\\\\\\t\\t\\n\\r\\\\n\t\\\\x00ff\n\\N\t\\\\x\n"

    count = session.engine.loader(session).load(
        shape,
        sqlitefiles.cargo_of(session).carried,
        [transport.Block(data=data, rows=3)],
        Format.COPY,
    )
    session.commit()

    assert count == 3
    with contextlib.closing(sqlite3.connect(file)) as raw:
        assert raw.execute("SELECT a, b FROM t ORDER BY rowid").fetchall() == [
            ("\\N", None),
            ("\\\t\t\n\r\\n", b"\x00\xff"),
            (None, b""),
        ]


def test_a_row_that_the_table_itself_would_leave_out_is_not_lost_in_silence(
    tmp_path: Path, opened: Open
) -> None:
    columns = "a INT NOT NULL ON CONFLICT IGNORE UNIQUE ON CONFLICT REPLACE"
    session = opened(sqlitefiles.make_file(tmp_path / "one.db", columns))
    shape = session.engine.catalog(session).table("t")
    loader, carried = session.engine.loader(session), sqlitefiles.cargo_of(session).carried

    for data in (b"1\n1\n", b"2\n\\N\n"):
        with pytest.raises(sa.exc.IntegrityError):
            loader.load(shape, carried, [transport.Block(data=data, rows=2)], Format.COPY)
        session.rollback()


def test_a_row_that_a_trigger_leaves_out_is_counted(tmp_path: Path, opened: Open) -> None:
    session = opened(sqlitefiles.make_file(tmp_path / "one.db", "a INT"))
    session.execute(
        "CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.a = 2 BEGIN SELECT RAISE(IGNORE); END"
    )
    session.commit()
    shape = session.engine.catalog(session).table("t")
    block = transport.Block(data=b"1\n2\n3\n", rows=3)

    with pytest.raises(errors.RefusedError, match="of 3 rows the database took 2"):
        session.engine.loader(session).load(
            shape, sqlitefiles.cargo_of(session).carried, [block], Format.COPY
        )


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("without", "a TEXT, b INT, PRIMARY KEY (b, a)) WITHOUT ROWID --"),
        ("generated", "a TEXT, b INT, c AS (a || b), d INT AS (b + 1) STORED"),
        ('odd "name" ?', '"a ""b"" %s" TEXT, "b:c?1" INT'),
        ("select", '"from" TEXT, "where" INT'),
        ("strict", "a TEXT, b INT) STRICT --"),
        ("strict_any", "a ANY, b INT) STRICT --"),
    ],
)
@pytest.mark.parametrize("format", [Format.VALUES, Format.COPY])
def test_tables_of_every_sort_are_moved(
    tmp_path: Path, opened: Open, name: str, columns: str, format: Format
) -> None:
    quoted = name.replace('"', '""')
    one = sqlitefiles.make_file(tmp_path / "one.db", columns, name=quoted)
    two = sqlitefiles.make_file(tmp_path / "two.db", columns, name=quoted)
    with contextlib.closing(sqlite3.connect(one)) as raw, raw:
        raw.executemany(
            f'INSERT INTO "{quoted}" VALUES (?, ?)'
            if "AS" not in columns
            else f'INSERT INTO "{quoted}" (a, b) VALUES (?, ?)',
            [(f"{at}", at) for at in range(1_000)],
        )
    source, target = opened(one), opened(two)
    source.begin()

    sqlitefiles.move(
        source,
        target,
        sqlitefiles.cargo_of(source, name, typed=format is Format.VALUES),
        format,
        name,
    )

    assert sqlitefiles.stored(two, quoted) == sqlitefiles.stored(one, quoted)


@pytest.mark.parametrize("format", [Format.VALUES, Format.COPY])
def test_an_empty_table_is_no_block(tmp_path: Path, opened: Open, format: Format) -> None:
    source, target, _, two = sqlitefiles.pair(tmp_path, COLUMNS, opened, [])

    found = list(source.engine.unloader(source).blocks(sqlitefiles.cargo_of(source), format))

    assert found == []
    assert sqlitefiles.move(source, target, sqlitefiles.cargo_of(source), format) == 0
    assert sqlitefiles.stored(two) == []


@pytest.mark.parametrize("format", [Format.VALUES, Format.COPY])
def test_rows_of_which_nothing_is_carried_are_rows(
    tmp_path: Path, opened: Open, format: Format
) -> None:
    source, target, _, two = sqlitefiles.pair(tmp_path, "a INT DEFAULT 7", opened, [(1,), (2,)])
    nothing = transport.Cargo(source='"t"', carried=())

    assert sqlitefiles.move(source, target, nothing, format) == 2
    assert sqlitefiles.stored(two) == [(b"integer", 7)] * 2


def test_what_prepare_sets_keeps_a_crash_harmless(tmp_path: Path, opened: Open) -> None:
    session = opened(
        sqlitefiles.make_file(tmp_path / "one.db", "a INT REFERENCES gone (a), CHECK (a < 5)")
    )
    loader, shape = session.engine.loader(session), session.engine.catalog(session).table("t")
    session.commit()

    loader.prepare()

    block = transport.Block(data=b"1\n", rows=1)
    assert loader.load(shape, sqlitefiles.cargo_of(session).carried, [block], Format.COPY) == 1
    with pytest.raises(sa.exc.IntegrityError, match="CHECK"):
        block = transport.Block(data=b"6\n", rows=1)
        loader.load(shape, sqlitefiles.cargo_of(session).carried, [block], Format.COPY)
    (row,) = session.fetch("PRAGMA synchronous")
    assert row[0] != 0
    session.rollback()
    session.begin()
    with pytest.raises(errors.RefusedError, match="transaction is open"):
        loader.prepare()
