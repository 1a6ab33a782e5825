"""Rows leave and enter SQLite, whatever is in them: what is kept is what was there, or refused."""

from __future__ import annotations

import contextlib
import math
import random
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import databases, sqlitefiles
from tests.sqlitefiles import BROKEN, COLUMNS, NASTY, Broken, Open
from whimbrel.engines import base, blocks, bulk, codec, forms, registry, transport
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.transport import Format

NewDatabase = Callable[[str], databases.Database]

# All of these are values of their column's family.
SOUND: dict[str, tuple[object, ...]] = {
    "i": (0, -7, 2**63 - 1, -(2**63)),
    "b": (0, 1),
    # The smallest whole number of 64 bits stays a float if it was one.
    "d": (0, 1.5, -47210.4, 17, 2**62, 123456789012.34, -(2.0**63)),
    "dt": ("1.5", "12345678901234567890.12345678901234567891", "-0.5", "7"),
    "f": (0.1, -0.0, 0.0, 1e300, 5e-324, float("inf"), -1.5, 1e15, 3.0),
    "t": ("", "a\tb\\\nc\r", "é漢🦜", "007", "\\N", "it's", "a\x00b", "x" * 5_000),
    "c": ("ab", "  ", "5"),
    "x": (b"", b"\x00\xff", bytes(range(256))),
    "day": ("2024-02-29", "0000-00-00", "12024-01-01"),
    "clock": ("23:59:59.5", "-838:59:59", "00:00:00"),
    "at": ("2024-02-29 23:59:59.5", "2024-02-29 00:00:00"),
    "moment": ("2024-02-29 23:59:59.5", "1969-12-31 23:59:59"),
    "j": ('{"a": [1, "\\u00e9", null]}', "[]", "true"),
    "jt": ('{"a": 1.10}', "12345678901234567890", "1.10"),
    "u": ("6f9619ff-8b86-d011-b42d-00c04fc964ff",),
}


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open sessions that write; they are closed afterwards."""
    with contextlib.ExitStack() as stack:
        yield sqlitefiles.opening(stack)


# --- values ------------------------------------------------------------------------------------


def test_values_of_every_type_in_every_column_are_the_same_bit_by_bit(
    tmp_path: Path, opened: Open
) -> None:
    width = len(sqlitefiles.names_of(sqlitefiles.make_file(tmp_path / "w.db", COLUMNS))) - 1
    source, target, one, two = sqlitefiles.pair(
        tmp_path, COLUMNS, opened, sqlitefiles.nasty_rows(width)
    )

    count = sqlitefiles.move(
        source, target, sqlitefiles.cargo_of(source, typed=True), Format.VALUES, block_bytes=5_000
    )

    assert count == len(NASTY) + len(BROKEN)
    assert sqlitefiles.stored(two) == sqlitefiles.stored(one)


def test_values_of_utf_16_are_the_same_too(tmp_path: Path, opened: Open) -> None:
    columns = "id INTEGER PRIMARY KEY, a TEXT, b BLOB, c NUMERIC"
    one = sqlitefiles.make_file(tmp_path / "one.db", columns, encoding="UTF-16le")
    two = sqlitefiles.make_file(tmp_path / "two.db", columns, encoding="UTF-16be")
    sqlitefiles.fill(one, sqlitefiles.nasty_rows(3, broken=False))
    source, target = opened(one), opened(two)
    source.begin()

    sqlitefiles.move(source, target, sqlitefiles.cargo_of(source, typed=True), Format.VALUES)

    with (
        contextlib.closing(sqlite3.connect(one)) as a,
        contextlib.closing(sqlite3.connect(two)) as b,
    ):
        read = "SELECT *, typeof(a), typeof(b), typeof(c) FROM t ORDER BY id"
        assert b.execute(read).fetchall() == a.execute(read).fetchall()


def test_a_text_that_is_no_utf_8_is_refused_by_a_file_of_utf_16(
    tmp_path: Path, opened: Open
) -> None:
    one = sqlitefiles.make_file(tmp_path / "one.db", "a TEXT")
    two = sqlitefiles.make_file(tmp_path / "two.db", "a TEXT", encoding="UTF-16le")
    sqlitefiles.fill(one, [(Broken(b"a\xe4"),)])
    source, target = opened(one), opened(two)
    source.begin()

    with pytest.raises(sa.exc.DataError, match="no UTF-8"):
        sqlitefiles.move(source, target, sqlitefiles.cargo_of(source, typed=True), Format.VALUES)


@pytest.mark.parametrize("seed", range(6))
def test_a_column_of_another_affinity_keeps_a_value_or_refuses_it(
    tmp_path: Path, opened: Open, seed: int
) -> None:
    shuffled = random.Random(seed)
    kinds = ("INT", "REAL", "NUMERIC", "TEXT", "BLOB", "DATE", "")
    source_kind, target_kind = shuffled.choice(kinds), shuffled.choice(kinds)
    one = sqlitefiles.make_file(tmp_path / "one.db", f"id INTEGER PRIMARY KEY, a {source_kind}")
    two = sqlitefiles.make_file(tmp_path / "two.db", f"id INTEGER PRIMARY KEY, a {target_kind}")
    values = [*NASTY, *map(Broken, BROKEN), *_random_values(shuffled)]
    sqlitefiles.fill(one, list(enumerate(values)))
    source, target = opened(one), opened(two)
    source.begin()
    cargo = sqlitefiles.cargo_of(source, typed=True)
    kept = []

    for at in range(len(values)):
        single = transport.Cargo(
            source=cargo.source, carried=cargo.carried, where="id = ?", params=(at,)
        )
        try:
            sqlitefiles.move(source, target, single, Format.VALUES)
        except sa.exc.DataError:
            target.rollback()
        else:
            kept.append(at)

    was = {row[1]: row for row in sqlitefiles.stored(one)}
    assert {row[1]: row for row in sqlitefiles.stored(two)} == {at: was[at] for at in kept}
    assert len(kept) > 5
    # All at once they are the same as each of them.
    target.execute("DELETE FROM t")
    target.commit()
    where = f"id IN ({', '.join(map(str, kept))})"
    together = transport.Cargo(source=cargo.source, carried=cargo.carried, where=where)
    assert sqlitefiles.move(source, target, together, Format.VALUES) == len(kept)
    assert {row[1]: row for row in sqlitefiles.stored(two)} == {at: was[at] for at in kept}


def _random_values(shuffled: random.Random) -> list[object]:
    letters = "0123456789.eE+- \n\x00axN"
    found: list[object] = []
    for _ in range(100):
        found.append("".join(shuffled.choices(letters, k=shuffled.randrange(6))))
        found.append(shuffled.randrange(-(2**63), 2**63) >> shuffled.randrange(63))
        value = struct.unpack(">d", shuffled.randbytes(8))[0]
        found.append(0.0 if math.isnan(value) else value)
        found.append(round(shuffled.random() * 1e4, shuffled.randrange(4)))
    return found


def test_a_value_of_another_type_is_refused_where_an_affinity_would_change_it(
    tmp_path: Path, opened: Open
) -> None:
    one = sqlitefiles.make_file(tmp_path / "one.db", "a")
    two = sqlitefiles.make_file(tmp_path / "two.db", "a TEXT")
    sqlitefiles.fill(one, [(5,)])
    source, target = opened(one), opened(two)
    source.begin()

    with pytest.raises(sa.exc.DataError, match="would change it"):
        sqlitefiles.move(source, target, sqlitefiles.cargo_of(source, typed=True), Format.VALUES)


# --- blocks of text ----------------------------------------------------------------------------


@pytest.mark.parametrize("family", [f for f in Family if f is not Family.OTHER])
def test_blocks_say_what_the_texts_say_and_refuse_what_is_odd(
    tmp_path: Path, opened: Open, family: Family
) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", "id INTEGER PRIMARY KEY, a, x BLOB")
    sqlitefiles.fill(file, [(at, v, v) for at, v in enumerate((*NASTY, *map(Broken, BROKEN)))])
    session = opened(file)
    session.begin()
    unloader = session.engine.unloader(session)
    cargo = sqlitefiles.cargo_of(session)
    said = refused = 0

    for column in ("a", "x"):
        (found,) = sqlitefiles.only(cargo, column).carried
        value = codec.Value(
            sql=found.value.sql, column=found.value.column, form=Form(family=family)
        )
        one = transport.Carried(value=value, column=found.column)
        for at in range(len(NASTY) + len(BROKEN)):
            single = transport.Cargo(source=cargo.source, carried=(one,), where=f"id = {at}")
            (((text,),),) = unloader.texts(single)
            if forms.odd(value.form, text):
                for format in (Format.COPY, Format.TUPLES):
                    with pytest.raises(bulk.Unstorable, match="is no"):
                        list(unloader.blocks(single, format))
                refused += 1
                continue
            (lines,) = unloader.blocks(single, Format.COPY)
            (tuples,) = unloader.blocks(single, Format.TUPLES)
            assert lines.data == blocks.field(one, text) + b"\n"
            assert tuples.data == b"(" + blocks.item(one, text) + b")"
            said += 1

    assert said > 2
    assert refused > 2


def test_many_rows_at_once_are_written_as_each_of_them(tmp_path: Path, opened: Open) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", COLUMNS)
    shuffled = random.Random(5)
    names = sqlitefiles.names_of(file)
    rows = [
        (at, *(shuffled.choice((None, *SOUND.get(name, ("a", "b\t", "'")))) for name in names[1:]))
        for at in range(3_000)
    ]
    sqlitefiles.fill(file, rows)
    session = opened(file)
    session.begin()
    unloader, cargo = session.engine.unloader(session), sqlitefiles.cargo_of(session)

    lines = b"".join(block.data for block in unloader.blocks(cargo, Format.COPY))  # type: ignore[misc]
    tuples = b",".join(block.data for block in unloader.blocks(cargo, Format.TUPLES))  # type: ignore[misc]

    texts = [row for some in unloader.texts(cargo) for row in some]
    assert lines == blocks.copied(cargo.carried, texts).data
    assert tuples == blocks.tupled(cargo.carried, texts).data


def test_sound_values_go_through_copy_and_come_out_equal(tmp_path: Path, opened: Open) -> None:
    columns = ", ".join(
        part
        for part in COLUMNS.replace("(10, 2)", "").replace("(60, 20)", "").split(", ")
        if part.split()[0] in ("id", *SOUND)
    )
    most = max(map(len, SOUND.values()))
    rows = [
        (at, *(None if at % 7 == 3 else SOUND[name][at % len(SOUND[name])] for name in SOUND))
        for at in range(7 * most)
    ]
    source, target, one, two = sqlitefiles.pair(tmp_path, columns, opened, rows)

    count = sqlitefiles.move(
        source, target, sqlitefiles.cargo_of(source), Format.COPY, block_bytes=3_000
    )

    assert count == len(rows)
    assert sqlitefiles.stored(two) == sqlitefiles.stored(one)
    assert _sum(target) == _sum(source)


def _sum(session: base.Session, table: str = "t") -> codec.Sum:
    coder = session.engine.codec(session)
    values = tuple(one.value for one in sqlitefiles.cargo_of(session, table).carried)
    return coder.total(codec.Scan(table=table, values=values))


def test_bytes_that_are_no_utf_8_pass_through_copy(tmp_path: Path, opened: Open) -> None:
    rows = [(at, Broken(text)) for at, text in enumerate(BROKEN[:4])]
    source, target, one, two = sqlitefiles.pair(
        tmp_path, "id INTEGER PRIMARY KEY, a TEXT", opened, rows
    )

    sqlitefiles.move(source, target, sqlitefiles.cargo_of(source), Format.COPY)

    assert sqlitefiles.stored(two) == sqlitefiles.stored(one)


# --- there and back ----------------------------------------------------------------------------

# The same table on servers; what they call it.
SERVERS = {
    "postgresql": "id bigint PRIMARY KEY; i bigint; b boolean; d numeric; dt numeric(60, 20); "
    "f double precision; t text; c varchar(5); x bytea; day date; at timestamp; "
    "moment timestamptz; j json; u uuid",
    "mariadb": "id bigint PRIMARY KEY; i bigint; b tinyint(1); d decimal(30, 10); "
    "dt decimal(60, 20); f double; t longtext; c varchar(5); x longblob; day date; "
    "at datetime(6); moment datetime(6); j json; u uuid",
}
# What servers do not keep: NUL in a text, days that do not exist or have five digits, infinity.
NOT_THERE = ("a\x00b", "0000-00-00", "12024-01-01", float("inf"))


@pytest.mark.parametrize("engine_id", SERVERS)
def test_rows_come_back_from_a_server_as_they_were(
    tmp_path: Path, opened: Open, new_database: NewDatabase, engine_id: str
) -> None:
    kinds = dict(part.split(" ", 1) for part in SERVERS[engine_id].split("; "))
    names = [name for name in SOUND if name in kinds]
    columns = ", ".join(
        part
        for part in COLUMNS.replace("(10, 2)", "").replace("(60, 20)", "").split(", ")
        if part.split()[0] in kinds
    )
    values = {name: [v for v in SOUND[name] if v not in NOT_THERE] for name in names}
    rows = [
        (at, *(None if at % 7 == 3 else values[n][at % len(values[n])] for n in names))
        for at in range(7 * 6)
    ]
    source, target, one, two = sqlitefiles.pair(tmp_path, columns, opened, rows)
    with contextlib.closing(registry.open_session(new_database(engine_id).url)) as server:
        server.engine.codec(server).prepare()
        ends = ", ".join(f"{server.engine.quote(name)} {kind}" for name, kind in kinds.items())
        server.execute(f"CREATE TABLE {server.engine.quote('t')} ({ends})")
        server.commit()
        server.engine.loader(server).prepare()

        _carry(source, server)
        _carry(server, target)

    # 1.5 comes back with all zeros that a server's column has: the same number.
    assert _sum(target) == _sum(source)
    at = 2 * (1 + names.index("dt")) + 1
    assert [row[:at] + row[at + 1 :] for row in sqlitefiles.stored(two)] == [
        row[:at] + row[at + 1 :] for row in sqlitefiles.stored(one)
    ]


def _carry(source: base.Session, target: base.Session) -> None:
    """Copy a table as a transfer does, in the form that both sides have in common."""
    here, there = (one.engine.catalog(one).table("t") for one in (source, target))
    own, other = source.engine.codec(source), target.engine.codec(target)
    carried = []
    for column in here.columns:
        into = there.column(column.name)
        form = forms.meet(own.form(here, column), other.form(there, into), what=column.name)
        sql = source.engine.beside_parameters(source.engine.quote(column.name))
        value = codec.Value(sql=sql, column=column, form=form)
        carried.append(transport.Carried(value=value, column=into))
    cargo = transport.Cargo(
        source=source.engine.beside_parameters(source.engine.quote("t")), carried=tuple(carried)
    )
    unloader, loader = source.engine.unloader(source), target.engine.loader(target)
    format = transport.agreed(unloader, loader)
    assert loader.load(there, carried, unloader.blocks(cargo, format), format) == 42
    target.commit()


# --- reading -----------------------------------------------------------------------------------


def test_a_text_that_is_no_utf_8_in_the_middle_costs_no_row(tmp_path: Path, opened: Open) -> None:
    rows: list[tuple[object, ...]] = [(at, f"row {at}") for at in range(5_000)]
    rows[3_333] = (3_333, Broken(b"\xe4"))
    source, _, _, _ = sqlitefiles.pair(tmp_path, "id INTEGER PRIMARY KEY, a TEXT", opened, rows)

    found = [
        row
        for block in source.engine.unloader(source).blocks(
            sqlitefiles.cargo_of(source), Format.VALUES
        )
        for row in block.data
    ]

    assert [row[0] for row in found] == list(range(5_000))  # type: ignore[index]
    assert found[3_333] == (3_333, "\udce4")


def test_blocks_are_about_as_large_as_asked_for(tmp_path: Path, opened: Open) -> None:
    rows = [(at, "x" * (at % 100)) for at in range(2_000)]
    rows[1_000] = (1_000, "y" * 50_000)
    source, _, _, _ = sqlitefiles.pair(tmp_path, "id INTEGER PRIMARY KEY, a TEXT", opened, rows)
    unloader, cargo = source.engine.unloader(source), sqlitefiles.cargo_of(source)

    for format in (Format.COPY, Format.TUPLES):
        found = list(unloader.blocks(cargo, format, block_bytes=2_000))

        sizes = [len(block.data) for block in found]
        assert sum(block.rows for block in found) == 2_000
        assert sorted(sizes)[-1] > 50_000
        assert sorted(sizes)[-2] <= 2_000
        assert [block.rows for block in found if len(block.data) > 2_000] == [1]


def test_texts_come_in_order_some_at_a_time(tmp_path: Path, opened: Open) -> None:
    rows = [(at, -at) for at in range(3_000)]
    source, _, _, _ = sqlitefiles.pair(tmp_path, "id INTEGER PRIMARY KEY, a INT", opened, rows)
    cargo = sqlitefiles.cargo_of(source)
    ordered = transport.Cargo(
        source=cargo.source, carried=cargo.carried[1:], where="id >= ?", params=(500,), order="a"
    )

    found = list(source.engine.unloader(source).texts(ordered, rows=100))

    assert max(map(len, found)) <= 100
    assert [row for some in found for row in some] == [
        (b"%d" % -at,) for at in range(2_999, 499, -1)
    ]


def test_values_of_20_megabytes_pass_in_both_formats(tmp_path: Path, opened: Open) -> None:
    large: list[tuple[object, ...]] = [
        (1, "é\n" * 7_000_000),
        (2, b"\x00\\" * 10_000_000),
        (3, "s"),
    ]
    source, target, one, two = sqlitefiles.pair(
        tmp_path, "id INTEGER PRIMARY KEY, a", opened, large
    )

    sqlitefiles.move(source, target, sqlitefiles.cargo_of(source, typed=True), Format.VALUES)

    assert sqlitefiles.stored(two) == sqlitefiles.stored(one)
    found = source.engine.unloader(source).blocks(
        sqlitefiles.only(sqlitefiles.cargo_of(source), "a", where="id <> 2"), Format.COPY
    )
    assert [block.rows for block in found] == [1, 1]


def test_a_session_that_has_no_transaction_is_read_all_the_same(
    tmp_path: Path, opened: Open
) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", "a TEXT")
    sqlitefiles.fill(file, [("a",), (Broken(b"\xe4"),), ("b",)])
    session = opened(file)

    found = list(session.engine.unloader(session).texts(sqlitefiles.cargo_of(session)))

    assert sorted(row for some in found for row in some) == [(b"a",), (b"b",), (b"\xe4",)]


# --- one moment --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_nobody_commits_while_sessions_begin(tmp_path: Path, opened: Open, mode: str) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", "a INT")
    with contextlib.closing(sqlite3.connect(file)) as raw:
        raw.execute(f"PRAGMA journal_mode = {mode}")
    sessions = [registry.open_session(f"sqlite:///{file}", read_only=True) for _ in range(3)]
    other = sqlite3.connect(file, timeout=0, isolation_level=None)

    with contextlib.ExitStack() as stack:
        stack.callback(other.close)
        for session in sessions:
            stack.callback(session.close)
        with sessions[0].engine.standstill(sessions[0]) as nobody_writes:
            first = sessions[1].engine.snapshot(sessions[1])
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO t VALUES (1)")
            second = sessions[2].engine.snapshot(sessions[2])

        assert nobody_writes
        assert second.position == first.position
        if mode == "wal":
            other.execute("INSERT INTO t VALUES (1)")
        assert [s.fetch("SELECT count(*) FROM t")[0][0] for s in sessions[1:]] == [0, 0]


def test_a_standstill_that_cannot_be_had_is_told(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", "a INT")
    session = opened(file)
    monkeypatch.setattr("whimbrel.engines.sqlite.standstill.PATIENCE_SECONDS", 0.05)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with session.engine.standstill(session) as nobody_writes:
            pass

    assert not nobody_writes
