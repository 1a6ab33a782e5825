"""What SQLite itself may write of its rows: only what is proven, and then the same letters.

The declared types of the tables here are put in afterwards, so that values of any type stand in
any column, as they were given.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import sqlitefiles
from tests.sqlitefiles import Broken
from whimbrel import tables
from whimbrel.engines import base, bulk, profiling, registry, transport
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Facts, Plain, Question
from whimbrel.engines.sqlite import glance, printing, profile
from whimbrel.engines.transport import Format

TYPES = {
    "INTEGER": Family.INTEGER,
    "BOOLEAN": Family.BOOLEAN,
    "DECIMAL(15, 2)": Family.DECIMAL,
    "DOUBLE": Family.FLOAT,
    "VARCHAR(9)": Family.TEXT,
    "DATE": Family.DATE,
    "DATETIME": Family.DATETIME,
    "TIMESTAMPTZ": Family.INSTANT,
}
#: What can be proven; a double is not written by SQLite with all its digits.
PROVEN = sorted(set(TYPES) - {"DOUBLE"})

PROPER: dict[str, st.SearchStrategy[object]] = {
    "INTEGER": st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 3)),
    "BOOLEAN": st.integers(0, 1),
    "DECIMAL(15, 2)": st.one_of(
        st.integers(-(10**9), 10**9),
        st.integers(-(10**11), 10**11).map(lambda n: n / 100),
        st.integers(-(10**6), 10**6).map(lambda n: n / 10_000),
        st.sampled_from([0.0, 0.04, 0.07, 0.1, 0.5, 100.0, 1e5, 1_000_000, 0.0001, 99999.99]),
    ),
    "DOUBLE": st.floats(-1e14, 1e14),
    "VARCHAR(9)": st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
        st.sampled_from(["", " ", "\\N", "\\", "\t", "a\nb", "\r", "it's", "%d", "é漢🦜", "NULL"]),
    ),
    "DATE": st.dates().map(str),
    "DATETIME": st.datetimes().map(lambda at: at.isoformat(" ", "seconds")),
    "TIMESTAMPTZ": st.datetimes().map(lambda at: at.isoformat(" ", "seconds")),
}
_ANY = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.binary(max_size=12),
    st.sampled_from([one for one in sqlitefiles.NASTY if one is not None]),
    st.sampled_from([Broken(one) for one in sqlitefiles.BROKEN]),
)

# Of each type values that are not what it says, or not written by SQLite as they are carried.
_NUMBERS_ODD = ("", "abc", "5", b"5", float("inf"), Broken(b"\xff"))
_DAYS_ODD = (
    *("", "2024-02-30", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-01-00"),
    *("2024-04-31", "2024-01-32", "0000-01-01", "2024-1-1", "02024-01-01", "10000-01-01"),
    *("infinity", "2024/01/01", "2024-01-01 ", " 2024-01-0", "2024-01-0\n", "٢٠٢٤-01-01"),
    *(20240101, 2024.5, b"2024-01-01", b"2024-01-01 10:00:00", Broken(b"2024-01-0\xff")),
)
ODD: dict[str, tuple[object, ...]] = {
    "INTEGER": (*_NUMBERS_ODD, 5.0, -0.0, 1.5, 1e300),
    "BOOLEAN": (*_NUMBERS_ODD, 1.0, 0.5),
    "DECIMAL(15, 2)": (
        *(*_NUMBERS_ODD, 0.00001, 0.12345, 0.1 + 0.2, 1e15, -1e300, 5e-324, 2**60),
        *(1234567890123.25, 1 / 3),
    ),
    "VARCHAR(9)": ("a\0b", "\0", b"", b"abc", 5, 1.5, *map(Broken, sqlitefiles.BROKEN)),
    "DATE": (*_DAYS_ODD, "2024-01-01 10:00:00"),
    "DATETIME": (
        *(*_DAYS_ODD, "2024-01-01", "2024-01-01T10:00:00", "2024-01-01 24:00:00"),
        *("2024-01-01 10:60:00", "2024-01-01 10:00:60", "2024-01-01 10:00", "2024-01-01 1:00:000"),
        *("2024-01-01 10:00:00.5", "2024-01-01 10:00:00Z", "2024-01-01 30:00:00"),
        "2024-01-01 10:00:00+02:00",
    ),
}
ODD["TIMESTAMPTZ"] = ODD["DATETIME"]
ODDITIES = [(type_, value) for type_, values in ODD.items() for value in values]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few rows be many pages, so that what is believed of them changes on the way."""
    monkeypatch.setattr(glance, "_FIRST_ROWS", 2)
    monkeypatch.setattr(glance, "_PAGE_ROWS", 4)


def made(
    file: Path, type_: str, values: Sequence[object], *, ids: Sequence[int] = (), null: bool = True
) -> Path:
    """Make a file of a table with one value a row, none of them changed by the column."""
    file.unlink(missing_ok=True)
    numbers = ids or range(1, len(values) + 1)
    with contextlib.closing(sqlite3.connect(file)) as raw, raw:
        raw.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB, w BLOB)")
        for number, value in zip(numbers, values, strict=True):
            mark = "CAST(? AS TEXT)" if isinstance(value, Broken) else "?"
            one = bytes(value) if isinstance(value, Broken) else value
            raw.execute(f"INSERT INTO t VALUES (?, {mark}, {mark})", (number, one, one))
        rule = "" if null else " NOT NULL"
        sql = f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {type_}{rule}, w {type_}{rule})"
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("UPDATE sqlite_master SET sql = ? WHERE name = 't'", (sql,))
    return file


@contextlib.contextmanager
def looking(file: Path) -> Iterator[tuple[base.Session, profile.SqliteProfiler, tables.Table]]:
    """Open a session inside a snapshot, as a transfer has it."""
    session = registry.open_session(f"sqlite:///{file}", read_only=True)
    try:
        session.engine.codec(session).prepare()
        session.begin()
        profiler = session.engine.profiler(session)
        assert isinstance(profiler, profile.SqliteProfiler)
        yield session, profiler, session.engine.catalog(session).table("t")
    finally:
        session.close()


def answered(type_: str) -> frozenset[Question]:
    return glance.ANSWERED[TYPES[type_]]


def carefully(
    profiler: profile.SqliteProfiler, table: tables.Table, asked: frozenset[Question], where: str
) -> Facts:
    """Return the facts as they are found without a glance."""
    return profiling.SqlProfiler.facts(
        profiler, table, {"v": asked}, where=where, key=("id",)
    )["v"]  # fmt: skip


def written(session: base.Session, cargo: transport.Cargo, format: Format) -> bytes:
    blocks = session.engine.unloader(session).blocks(cargo, format, block_bytes=300)
    between = b"," if format is Format.TUPLES else b""
    return between.join(bytes(block.data) for block in blocks)  # type: ignore[arg-type]


def proven(cargo: transport.Cargo, plain: Plain | None) -> transport.Cargo:
    key, *others = cargo.carried
    return dataclasses.replace(
        cargo,
        carried=(
            dataclasses.replace(key, plain=Plain()),
            *(dataclasses.replace(one, plain=plain) for one in others),
        ),
    )


VALUES = st.sampled_from(sorted(TYPES)).flatmap(
    lambda type_: st.tuples(
        st.just(type_),
        st.lists(st.one_of(PROPER[type_], PROPER[type_], st.none()), max_size=24),
        st.lists(_ANY, max_size=1),
    )
)
_SETTINGS = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_SETTINGS
@example(case=("DECIMAL(15, 2)", [0.04, 7, 1000000, 0.0001, 100.0], []))
@example(case=("VARCHAR(9)", ["a", "it's", "\t\\", None], []))
@example(case=("INTEGER", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, None, -(2**63), 2**63 - 1], []))
@given(case=VALUES)
def test_a_glance_finds_the_same_facts_and_what_it_calls_plain_is_written_the_same(
    tmp_path: Path, case: tuple[str, list[object], list[object]]
) -> None:
    type_, values, odd = case
    file = made(tmp_path / "one.db", type_, [*values, *odd])

    with looking(file) as (session, profiler, table):
        asked = answered(type_)
        found = profiler.facts(table, {"v": asked}, key=("id",))["v"]
        careful = carefully(profiler, table, asked, "")

        assert careful == found
        if found.plain is not None:
            assert type_ in PROVEN
            cargo = sqlitefiles.cargo_of(session)
            for format in (Format.COPY, Format.TUPLES):
                assert written(session, cargo, format) == written(
                    session, proven(cargo, found.plain), format
                )


@_SETTINGS
@given(case=VALUES)
def test_a_column_of_which_no_value_is_odd_is_plain(
    tmp_path: Path, case: tuple[str, list[object], list[object]]
) -> None:
    type_, values, _ = case
    short = [
        one
        for one in values
        if not (isinstance(one, float) and len(repr(one).replace(".", "").strip("-0")) > 12)
    ]
    file = made(tmp_path / "one.db", type_, short)

    with looking(file) as (_, profiler, table):
        (found,) = profiler.facts(table, {"v": frozenset()}).values()

    expected = bool(short) and type_ != "DOUBLE"
    assert (found.plain is not None) == expected or not short


@pytest.mark.parametrize(("type_", "odd"), ODDITIES, ids=repr)
@pytest.mark.parametrize("place", [0, 5, -1])
def test_one_odd_value_anywhere_is_enough(
    tmp_path: Path, type_: str, odd: object, place: int
) -> None:
    proper: dict[str, list[object]] = {
        "INTEGER": [1, 0, 7],
        "BOOLEAN": [0, 1, 1],
        "DECIMAL(15, 2)": [1.5, 0.25, 7],
        "VARCHAR(9)": ["a", "", "ab"],
        "DATE": ["2024-02-29", "1996-03-13", "2000-02-29"],
    }
    moments: list[object] = ["2024-02-29 23:59:59", "1996-03-13 00:00:00"]
    values = proper.get(type_, moments) * 4
    values.insert(place if place >= 0 else len(values), odd)
    file = made(tmp_path / "one.db", type_, values)

    with looking(file) as (_, profiler, table):
        asked = answered(type_)
        found = profiler.facts(table, {"v": asked}, key=("id",))["v"]

        assert found.plain is None
        assert carefully(profiler, table, asked, "") == found


@pytest.mark.parametrize("ids", [[-(2**63), -5, 0, 2**40, 2**63 - 1], [3, 1_000_000, 7, 9, 11]])
@pytest.mark.parametrize("where", ["", '"id" > -6 AND "id" <= 9', "v < 5", "id = 7 OR v IS NULL"])
def test_rows_wherever_they_are_numbered_are_seen_once(
    tmp_path: Path, ids: list[int], where: str
) -> None:
    file = made(tmp_path / "one.db", "INTEGER", [4, 5, 6, None, -1], ids=ids)

    with looking(file) as (_, profiler, table):
        asked = answered("INTEGER") - {Question.NULL, Question.NEGATIVE}
        (found,) = profiler.facts(table, {"v": asked}, where=where, key=("id",)).values()

        assert carefully(profiler, table, asked, where) == found
        assert found.plain is not None or not found.rows


@pytest.mark.parametrize("type_", ["INTEGER", "VARCHAR(9)", "DATE"])
def test_null_in_a_column_that_should_have_none_is_no_proof(tmp_path: Path, type_: str) -> None:
    value = {"INTEGER": 5, "VARCHAR(9)": "a", "DATE": "2024-01-01"}[type_]
    file = made(tmp_path / "one.db", type_, [value] * 9 + [None], null=False)

    with looking(file) as (_, profiler, table):
        (found,) = profiler.facts(table, {"v": answered(type_)}).values()

    assert found.plain is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("x" * 300, Plain()),
        ("x" * 3_000, None),
    ],
)
def test_what_is_larger_than_a_page_is_left_to_the_careful_way(
    tmp_path: Path, text: str, plain: Plain | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glance, "_PAGE_BYTES", 2_000)
    file = made(tmp_path / "one.db", "VARCHAR(9)", ["a", "b", *[text] * 20])

    with looking(file) as (session, profiler, table):
        asked = {"id": answered("INTEGER"), "v": answered("VARCHAR(9)") - {Question.NULL}}
        found = profiler.facts(table, asked)
        limit = session.driver.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)  # type: ignore[attr-defined]

    assert (Plain(), plain) == (found["id"].plain, found["v"].plain)
    assert (22, len(text), len(text)) == (
        found["v"].rows, found["v"].characters, found["v"].octets
    )  # fmt: skip
    assert limit > 10**6


@pytest.mark.parametrize(
    ("columns", "encoding"),
    [
        ("id INTEGER PRIMARY KEY, v INTEGER", "UTF-16"),
        ("id INTEGER PRIMARY KEY, v INTEGER", "UTF-16le"),
        ("rowid TEXT, oid TEXT, _rowid_ TEXT, v INTEGER", "UTF-8"),
    ],
)
def test_a_table_that_cannot_be_walked_over_has_no_proofs(
    tmp_path: Path, columns: str, encoding: str
) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", f"{columns}\n", encoding=encoding)
    with contextlib.closing(sqlite3.connect(file)) as raw, raw:
        names = [row[1] for row in raw.execute("PRAGMA table_info(t)")]
        raw.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", [1] * len(names))

    with looking(file) as (_, profiler, table):
        (found,) = profiler.facts(table, {"v": answered("INTEGER")}).values()

    assert (1, None) == (found.rows, found.plain)


def test_a_hidden_number_may_have_another_name(tmp_path: Path) -> None:
    file = sqlitefiles.make_file(tmp_path / "one.db", "rowid TEXT, v INTEGER")
    sqlitefiles.fill(file, [("a", 1), ("b", 2), ("a", None)])

    with looking(file) as (_, profiler, table):
        found = profiler.facts(table, {"rowid": answered("VARCHAR(9)"), "v": frozenset()})

    assert (Plain(), Plain(nulls=True)) == (found["rowid"].plain, found["v"].plain)


def test_proofs_of_parts_cover_all_values_of_a_table() -> None:
    parts = [
        Facts(rows=5, plain=Plain(nulls=True, digits=3)),
        Facts(rows=0),
        Facts(rows=5, plain=Plain(special=True, digits=9)),
    ]

    assert Plain(nulls=True, special=True, digits=9) == profiling.merged(parts).plain
    assert profiling.merged([*parts, Facts(rows=1)]).plain is None


def test_columns_of_both_sorts_stand_in_their_places(tmp_path: Path) -> None:
    many = ", ".join(f"n{at} INTEGER, m{at} DECIMAL(9, 2)" for at in range(70))
    file = sqlitefiles.make_file(
        tmp_path / "one.db", f"id INTEGER PRIMARY KEY, a TEXT, f DOUBLE, b TEXT, {many}, x BLOB"
    )
    row = [f"it's\t{at}" if at % 2 else None for at in range(2)]
    numbers = [at / 4 if at % 2 else at for at in range(140)]
    sqlitefiles.fill(
        file, [(at, row[0], 0.1 + 0.2, row[1], *numbers, b"\x00'") for at in range(30)]
    )

    with looking(file) as (session, profiler, table):
        cargo = sqlitefiles.cargo_of(session)
        facts = profiler.facts(table, {one.column.name: frozenset() for one in cargo.carried[:-1]})
        carried = [
            dataclasses.replace(one, plain=facts[one.column.name].plain)
            for one in cargo.carried[:-1]
        ]
        plain = dataclasses.replace(cargo, carried=(*carried, cargo.carried[-1]))

        assert ["f"] == [one.column.name for one in carried if one.plain is None]
        for format in (Format.COPY, Format.TUPLES):
            assert written(session, cargo, format) == written(session, plain, format)


@pytest.mark.parametrize("family", [Family.TEXT, Family.DATETIME, Family.JSON, Family.FLOAT])
def test_a_proof_is_about_one_form_and_no_other(tmp_path: Path, family: Family) -> None:
    file = made(tmp_path / "one.db", "DATE", ["2024-01-01"])

    with looking(file) as (session, profiler, table):
        (found,) = profiler.facts(table, {"v": answered("DATE")}).values()
        carried = sqlitefiles.cargo_of(session).carried[1]
        form = dataclasses.replace(carried.value.form, family=family)
        value = dataclasses.replace(carried.value, form=form)

    assert printing.can(dataclasses.replace(carried, plain=found.plain))
    assert not printing.can(dataclasses.replace(carried, value=value, plain=found.plain))


def test_without_a_proof_an_odd_value_is_refused(tmp_path: Path) -> None:
    file = made(tmp_path / "one.db", "INTEGER", [1, "abc"])

    with looking(file) as (session, _, _table):
        cargo = sqlitefiles.cargo_of(session)
        proof = proven(cargo, Plain())

        assert transport.unproven(proof) == cargo
        with pytest.raises(bulk.Unstorable):
            written(session, transport.unproven(proof), Format.COPY)


def test_this_sqlite_writes_short_numbers_as_they_are_read() -> None:
    assert printing.writes_exactly()
