"""Rows of SQLite, whatever is in them: their texts, their sums, one moment of them."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests import databases
from whimbrel import errors
from whimbrel.engines import base, codec, forms, registry
from whimbrel.engines.forms import Family, Form

NewDatabase = Callable[[str], databases.Database]
OpenSession = Callable[[Path], base.Session]

# One column of each kind, and one that takes what it is given.
COLUMNS = (
    "id INTEGER PRIMARY KEY, i INT, b BOOLEAN, d DECIMAL(10, 2), f DOUBLE, t TEXT, c CHAR(5), "
    "x BLOB, day DATE, clock TIME, at DATETIME, moment TIMESTAMPTZ, j JSON, u UUID, anything"
)
NASTY: tuple[object, ...] = (
    None,
    0,
    -1,
    2**63 - 1,
    0.1,
    -0.0,
    1e300,
    float("inf"),
    "",
    "|",
    "a|b",
    "NULL",
    "a\x00b",
    "é漢🦜",
    " 5 ",
    "007",
    "1e5",
    "2024-02-29",
    "2024-02-29 23:59:59.500",
    "2024-02-29T23:59:59+02:00",
    "0000-00-00",
    "[1, 2]",
    "6F9619FF-8B86-D011-B42D-00C04FC964FF",
    "x" * 100_000,
    b"",
    b"\x00\xff",
    bytes(range(16)),
)
# Texts that are no UTF-8 are put in as bytes that are called a text.
BROKEN = (b"a\xe4b", b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xffb00")


@pytest.fixture
def open_session() -> Iterator[OpenSession]:
    """Open sessions that only read, as proofs do; they are closed afterwards."""
    with contextlib.ExitStack() as stack:

        def make(file: Path) -> base.Session:
            session = registry.open_session(f"sqlite:///{file}", read_only=True)
            stack.callback(session.close)
            return session

        yield make


def fill(file: Path, *, encoding: str = "UTF-8", broken: bool = True) -> None:
    """Make a table with every nasty value in every column."""
    with contextlib.closing(sqlite3.connect(file)) as raw, raw:
        raw.execute(f"PRAGMA encoding = '{encoding}'")
        raw.execute(f"CREATE TABLE t ({COLUMNS})")
        width = len(COLUMNS.split(", ")) - 2  # the comma of DECIMAL, and the key
        for value in NASTY:
            raw.execute(f"INSERT INTO t VALUES (NULL{', ?' * width})", (value,) * width)
        for value in BROKEN if broken else ():
            raw.execute(
                f"INSERT INTO t VALUES (NULL{', CAST(? AS TEXT)' * width})", (value,) * width
            )


def scan(
    session: base.Session,
    table: str = "t",
    *,
    typed: bool = False,
    key: tuple[int, ...] = (0,),
    where: str = "",
    params: tuple[object, ...] = (),
    change: Callable[[Form], Form] = lambda form: form,
) -> codec.Scan:
    """Return a scan of all columns, in the forms of their own types."""
    found = session.engine.catalog(session).table(table)
    values = []
    for column in found.columns:
        form = Form(family=coder(session).form(found, column).family, typed=typed)
        values.append(
            codec.Value(sql=session.engine.quote(column.name), column=column, form=change(form))
        )
    return codec.Scan(table=table, values=tuple(values), key=key, where=where, params=params)


def coder(session: base.Session) -> codec.Codec:
    """Return the codec of a session, ready."""
    made = session.engine.codec(session)
    made.prepare()
    return made


def summed(read: codec.Scan, rows: Sequence[codec.Texts]) -> codec.Sum:
    """Return the sum as the encoding in Python says."""
    read_forms = [value.form for value in read.values]
    return codec.summed([codec.hashed(list(zip(read_forms, row, strict=True))) for row in rows])


def key_hash(read: codec.Scan, row: codec.Texts) -> str:
    """Return the hash of a row's key as the encoding in Python says."""
    places = read.key or range(len(row))
    return codec.hashed([(read.values[place].form, row[place]) for place in places])


# --- texts and sums -------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("key", [(0,), (5, 1), ()])
def test_sums_buckets_and_streams_say_the_same(
    tmp_path: Path,
    open_session: OpenSession,
    encoding: str,
    typed: bool,
    long: bool,
    key: tuple[int, ...],
) -> None:
    fill(tmp_path / "a.db", encoding=encoding, broken=encoding == "UTF-8")
    session = open_session(tmp_path / "a.db")
    read = scan(
        session,
        typed=typed,
        key=key,
        change=lambda form: Form(family=form.family, typed=form.typed, long=long),
    )
    ours = coder(session)

    rows = ours.rows(read)
    total = ours.total(read)
    buckets = ours.buckets(read, 2)
    streamed = list(ours.stream(read))
    some = sorted(buckets)[::3]
    chosen = list(ours.stream(read, digits=2, only=some))

    assert len(NASTY) + (len(BROKEN) if encoding == "UTF-8" else 0) == total.rows == len(rows)
    assert summed(read, rows) == total
    assert sum(buckets.values(), codec.Sum()) == total
    by_bucket = {
        bucket: summed(read, [row for row in rows if int(key_hash(read, row)[:2], 16) == bucket])
        for bucket in buckets
    }
    assert by_bucket == buckets
    assert sorted((key_hash(read, row), row) for row in rows) == sorted(streamed)
    hashes = [hash_ for hash_, _ in streamed]
    assert sorted(hashes) == hashes
    assert [hash_ for hash_ in hashes if int(hash_[:2], 16) in some] == [h for h, _ in chosen]


def test_texts_come_out_as_the_bytes_that_are_in_the_file(
    tmp_path: Path, open_session: OpenSession
) -> None:
    fill(tmp_path / "a.db")
    session = open_session(tmp_path / "a.db")

    rows = coder(session).rows(scan(session, typed=True))

    texts = {row[-1] for row in rows}
    # The text that begins with 0xFF is told from bytes by its letter here.
    assert {b"t:" + text for text in BROKEN} <= texts
    assert {b"t:a\x00b", b"t:|", b"t:", b"b:", b"b:00ff", b"i:0", b"r:-0", b"r:1e300"} <= texts
    assert None in texts


def test_rows_that_differ_in_one_value_have_different_sums(
    tmp_path: Path, open_session: OpenSession
) -> None:
    values = [v for v in NASTY if v is not None]
    seen: dict[codec.Sum, object] = {}
    for number, value in enumerate([None, *values]):
        file = tmp_path / f"{number}.db"
        with contextlib.closing(sqlite3.connect(file)) as raw, raw:
            raw.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, one, two)")
            raw.execute("INSERT INTO t VALUES (1, ?, 'same')", (value,))
        session = open_session(file)

        total = coder(session).total(scan(session, typed=True))

        assert total not in seen
        seen[total] = value


def test_no_value_runs_into_the_next(tmp_path: Path, open_session: OpenSession) -> None:
    pairs = [("x|y", "z"), ("x", "y|z"), ("", None), (None, ""), ("1:a", ""), ("", "1:a")]
    totals = set()
    for number, pair in enumerate(pairs):
        file = tmp_path / f"{number}.db"
        with contextlib.closing(sqlite3.connect(file)) as raw, raw:
            raw.execute("CREATE TABLE t (a TEXT, b TEXT)")
            raw.execute("INSERT INTO t VALUES (?, ?)", pair)
        session = open_session(file)
        totals.add(coder(session).total(scan(session, key=())))

    assert len(pairs) == len(totals)


def test_a_condition_with_parameters_chooses_rows(
    tmp_path: Path, open_session: OpenSession
) -> None:
    fill(tmp_path / "a.db")
    session = open_session(tmp_path / "a.db")
    ours = coder(session)
    parts = [
        scan(session, where="id <= ?\n", params=(7,)),
        scan(session, where="(id > ? -- the rest\n)", params=(7,)),
    ]

    sums = [ours.total(part) for part in parts]

    assert ours.total(scan(session)) == sums[0] + sums[1]
    assert 7 == sums[0].rows
    assert 7 == len(list(ours.stream(parts[0])))
    assert 7 == len(list(ours.stream(parts[0], digits=1, only=range(16))))
    assert [] == list(ours.stream(parts[0], digits=1, only=[]))


def test_a_table_without_rows_and_a_scan_without_values(
    tmp_path: Path, open_session: OpenSession
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as raw, raw:
        raw.execute("CREATE TABLE t (a)")
        raw.execute("CREATE TABLE two (a)")
        raw.execute("INSERT INTO two VALUES (1), (2)")
    session = open_session(tmp_path / "a.db")
    ours, none = coder(session), codec.Scan(table="two", values=())

    assert codec.Sum() == ours.total(scan(session, key=()))
    assert {} == ours.buckets(scan(session, key=()), 3)
    assert [] == ours.rows(scan(session, key=()))
    assert summed(none, [(), ()]) == ours.total(none)
    assert [(), ()] == ours.rows(none)
    empty = hashlib.md5(b"", usedforsecurity=False).hexdigest()
    assert [(empty, ()), (empty, ())] == list(ours.stream(none))


def test_a_table_with_more_columns_than_a_function_takes(
    tmp_path: Path, open_session: OpenSession
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as raw, raw:
        raw.execute(f"CREATE TABLE t ({', '.join(f'c{n}' for n in range(300))})")
        raw.execute(f"INSERT INTO t VALUES ({', '.join('?' * 300)})", list(range(300)))
    session = open_session(tmp_path / "a.db")
    read = scan(session, key=())

    ((found, row),) = coder(session).stream(read)

    assert key_hash(read, row) == found


def test_large_values_are_not_gathered(tmp_path: Path, open_session: OpenSession) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as raw, raw:
        raw.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
        raw.executemany("INSERT INTO t VALUES (NULL, ?)", [("x" * 3_000_000,)] * 12)
    session = open_session(tmp_path / "a.db")
    read = scan(session)

    total = coder(session).total(read)

    text = b"x" * 3_000_000
    assert summed(read, [(str(id).encode(), text) for id in range(1, 13)]) == total


def test_whoever_uses_the_connection_between_two_rows_reads_as_ever(
    tmp_path: Path, open_session: OpenSession
) -> None:
    fill(tmp_path / "a.db")
    session = open_session(tmp_path / "a.db")
    read = scan(session)
    stream = coder(session).stream(read)
    next(stream)

    between = session.fetch("SELECT 'é'")
    again = coder(session).total(read)

    assert [("é",)] == between
    assert again.rows == 1 + len(list(stream))


# --- SQL ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("typed", [False, True])
def test_a_condition_on_a_text_finds_the_rows_that_have_it(
    tmp_path: Path, open_session: OpenSession, encoding: str, typed: bool
) -> None:
    fill(tmp_path / "a.db", encoding=encoding, broken=False)
    session = open_session(tmp_path / "a.db")
    ours, read = coder(session), scan(session, typed=typed)
    rows = ours.rows(read)
    for place, value in enumerate(read.values):
        for text in {row[place] for row in rows}:
            if text is None or b"\xff" in text or (b"\0" in text and encoding != "UTF-8"):
                continue
            found = scan(
                session,
                typed=typed,
                where=f"{ours.text(value)} IN (?)",
                params=(text.decode(),),
            )

            assert [row for row in rows if row[place] == text] == ours.rows(found)
        missing = scan(session, typed=typed, where=f"{ours.text(value)} IS NULL")
        assert [row for row in rows if row[place] is None] == ours.rows(missing)


@pytest.mark.parametrize("typed", [False, True])
def test_a_value_given_by_its_text_is_the_value(tmp_path: Path, typed: bool) -> None:
    fill(tmp_path / "a.db")
    session = registry.open_session(f"sqlite:///{tmp_path / 'a.db'}")
    ours, read = coder(session), scan(session, typed=typed)
    rows = ours.rows(read)
    givens = ", ".join(ours.given(value.column, value.form) for value in read.values)
    session.execute("DELETE FROM t")
    for row in rows:
        # A text that is no UTF-8 can only be a parameter as bytes.
        texts = tuple(None if text is None else _text_or_bytes(text) for text in row)
        session.execute(f"INSERT INTO t VALUES ({givens})", texts)

    again = ours.rows(read)

    session.rollback()
    session.close()
    assert sorted(rows, key=repr) == sorted(again, key=repr)


def _text_or_bytes(text: bytes) -> str | bytes:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


def test_an_expression_is_a_column_of_the_type_that_it_shows(
    tmp_path: Path, open_session: OpenSession
) -> None:
    fill(tmp_path / "a.db")
    session = open_session(tmp_path / "a.db")
    ours = coder(session)
    table = session.engine.catalog(session).table("t")

    found = {
        expression: ours.form(table, ours.described(table, expression)).family
        for expression in ("day", ' "AT" ', "CAST(t AS INTEGER)", "i + 1", "'day'")
    }

    assert {
        "day": Family.DATE,
        ' "AT" ': Family.DATETIME,
        "CAST(t AS INTEGER)": Family.INTEGER,
        "i + 1": Family.TEXT,
        "'day'": Family.TEXT,
    } == found


def test_the_values_of_expressions_are_compared(tmp_path: Path, open_session: OpenSession) -> None:
    fill(tmp_path / "a.db")
    session = open_session(tmp_path / "a.db")
    ours = coder(session)
    table = session.engine.catalog(session).table("t")
    column = ours.described(table, "id + 1")
    value = codec.Value(sql=column.name, column=column, form=Form(family=Family.INTEGER))

    rows = ours.rows(codec.Scan(table="t", values=(value,), where="id < 3"))

    assert [(b"2",), (b"3",)] == rows


@pytest.mark.parametrize(
    "expression",
    [
        "nmae",
        '"nmae"',
        "id +",
        "sum(id)",
        "count(*) OVER ()",
        "id, t",
        "(SELECT 1",
        "?",
        "id; DELETE FROM t",
        "",
        "unknown(id)",
    ],
)
def test_an_expression_that_cannot_be_read_row_by_row_is_refused(
    tmp_path: Path, open_session: OpenSession, expression: str
) -> None:
    fill(tmp_path / "a.db")
    session = open_session(tmp_path / "a.db")
    table = session.engine.catalog(session).table("t")

    with pytest.raises(errors.RefusedError) as refused:
        coder(session).described(table, expression)

    assert "cannot be compared" in str(refused.value)


# --- one moment -----------------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [True, False])
def test_a_snapshot_does_not_see_what_is_written_meanwhile(
    new_database: NewDatabase, read_only: bool
) -> None:
    database = new_database("sqlite")
    writer = databases.Raw(database)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (a INTEGER)")
    writer.execute("INSERT INTO t VALUES (1)")
    session = registry.open_session(database.url, read_only=read_only)

    taken = session.engine.snapshot(session)
    writer.execute("INSERT INTO t VALUES (2)")
    during = coder(session).total(scan(session, key=())).rows
    session.rollback()
    after = coder(session).total(scan(session, key=())).rows
    session.close()
    writer.close()

    assert (1, 2) == (during, after)
    assert taken.token is None
    assert "nobody waits" in taken.kind


def test_without_a_log_writers_wait_for_the_snapshot(new_database: NewDatabase) -> None:
    database = new_database("sqlite")
    writer = databases.Raw(database)
    writer.execute("CREATE TABLE t (a INTEGER)")
    writer.execute("PRAGMA busy_timeout = 0")
    session = registry.open_session(database.url)

    taken = session.engine.snapshot(session)

    assert "nobody can commit" in taken.kind
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        writer.execute("INSERT INTO t VALUES (2)")
    session.rollback()
    writer.execute("INSERT INTO t VALUES (2)")
    session.close()
    writer.close()


def test_a_snapshot_is_refused_where_it_could_not_be_one(new_database: NewDatabase) -> None:
    session = registry.open_session(new_database("sqlite").url)

    with pytest.raises(errors.RefusedError, match="hands out no snapshots"):
        session.engine.snapshot(session, "other")
    session.begin()
    with pytest.raises(errors.RefusedError, match="a transaction is open"):
        session.engine.snapshot(session)

    session.rollback()
    session.close()


def test_a_file_that_somebody_keeps_locked_is_said_so(new_database: NewDatabase) -> None:
    database = new_database("sqlite")
    writer = databases.Raw(database)
    writer.execute("CREATE TABLE t (a INTEGER)")
    session = registry.open_session(database.url)
    session.engine.hurry(session)
    writer.execute("BEGIN EXCLUSIVE")

    with pytest.raises(errors.DatabaseUnavailable, match="another program"):
        session.engine.snapshot(session)

    writer.execute("ROLLBACK")
    session.engine.snapshot(session)
    session.close()
    writer.close()


@pytest.mark.parametrize("mode", ["WAL", "DELETE", "TRUNCATE", "PERSIST"])
def test_the_position_is_another_one_after_every_change(
    new_database: NewDatabase, mode: str
) -> None:
    database = new_database("sqlite")
    writer = databases.Raw(database)
    writer.execute(f"PRAGMA journal_mode = {mode}")
    writer.execute("CREATE TABLE t (a INTEGER)")
    session = registry.open_session(database.url)

    def position() -> str:
        return session.engine.position(session)

    seen = [position()]
    for statement in (
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 2",
        "UPDATE t SET a = 3",
        "CREATE INDEX i ON t (a)",
        "DELETE FROM t",
    ):
        writer.execute(statement)
        seen.append(position())
    session.execute("INSERT INTO t VALUES (4)")
    session.commit()
    seen.append(position())
    session.close()
    writer.close()

    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_the_position_is_the_same_for_all_while_nobody_writes(
    new_database: NewDatabase, mode: str
) -> None:
    database = new_database("sqlite")
    with databases.Raw(database) as writer:
        writer.execute(f"PRAGMA journal_mode = {mode}")
        writer.execute("CREATE TABLE t (a INTEGER)")
    seen = set()
    for _ in range(3):
        session = registry.open_session(database.url, read_only=True)
        seen.add(session.engine.position(session))
        seen.add(session.engine.snapshot(session).position)
        coder(session).total(scan(session, key=()))
        session.rollback()
        seen.add(session.engine.position(session))
        session.close()

    assert 1 == len(seen)


def test_a_database_in_memory_has_moments_and_positions(tmp_path: Path) -> None:
    session = registry.open_session("sqlite://")
    session.execute("CREATE TABLE t (a)")
    session.commit()

    first = session.engine.snapshot(session)
    session.rollback()
    same = session.engine.position(session)
    session.execute("INSERT INTO t VALUES (1)")
    session.commit()
    other = session.engine.position(session)
    session.close()

    assert first.position == same
    assert same != other
    assert "in memory" in first.kind


def test_a_position_under_steady_writing_never_comes_twice(new_database: NewDatabase) -> None:
    database = new_database("sqlite")
    with databases.Raw(database) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("CREATE TABLE t (a INTEGER)")
    done, begun = threading.Event(), threading.Event()
    commits = 0

    def write() -> None:
        nonlocal commits
        with databases.Raw(database) as raw:
            while not done.wait(0.005):
                raw.execute("INSERT INTO t VALUES (1)")
                commits += 1
                begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    session = registry.open_session(database.url, read_only=True)
    assert begun.wait(30)

    seen: list[tuple[str, int, int]] = []
    for _ in range(3):
        before = commits
        seen.append((session.engine.position(session), before, commits))

    done.set()
    thread.join()
    session.close()
    # A busy machine may let the writer rest; the same position is for the same rows alone. One
    # commit may have been made and not been counted yet.
    for (one, _, after), (other, before, _) in itertools.combinations(seen, 2):
        assert one != other or before - after <= 1


# --- beside other engines -------------------------------------------------------------------

# Names, and how each engine declares a column of that kind.
KINDS: dict[str, tuple[str, str, str]] = {
    "id": ("INTEGER PRIMARY KEY", "bigint PRIMARY KEY", "bigint PRIMARY KEY"),
    "i": ("BIGINT", "bigint", "bigint"),
    "b": ("BOOLEAN", "boolean", "tinyint(1)"),
    "d": ("DECIMAL(12, 4)", "numeric(12, 4)", "decimal(12, 4)"),
    "dt": ("DECIMAL_TEXT(30, 10)", "numeric(30, 10)", "decimal(30, 10)"),
    "f": ("DOUBLE", "double precision", "double"),
    "t": ("TEXT", "text", "longtext"),
    "v": ("VARCHAR(50)", "varchar(50)", "varchar(50)"),
    "c": ("CHAR(10)", "char(10)", "char(10)"),
    "x": ("BLOB", "bytea", "longblob"),
    "day": ("DATE", "date", "date"),
    "clock": ("TIME", "time(6)", "time(6)"),
    "at": ("DATETIME", "timestamp(6)", "datetime(6)"),
    "moment": ("TIMESTAMPTZ", "timestamptz", "timestamp(6) NULL"),
    "j": ("JSON_TEXT", "json", "longtext"),
    "u": ("CHAR(36)", "uuid", "char(36)"),
}
# Values by column, then a row of NULL.
VALUES: dict[str, tuple[object, ...]] = {
    "i": (0, -1, 2**63 - 1, -(2**63), 5, 6, 7),
    "b": (False, True, True, False, True, False, True),
    "d": ("0", "-2.99", "12345678.1234", "100.5000", "0.0001", "99999999.9999", "5"),
    "dt": ("0", "-0.0000000001", "12345678901234567890.0123456789", "1", "0.5", "-1.5", "5"),
    "f": (0.0, 0.1, 1e300, 1.5e-20, 1e15, 1e-5, 0.1 + 0.2),
    "t": ("", "a|b", "🦜 ' \\ %s \t\n", " blank ", "x" * 5_000, "漢", "é"),
    "v": ("", "é漢", "NULL", "%", "y", "b ", " "),
    "c": ("", "a  b", "x", "10", "z", "é", "d"),
    "x": (b"", b"\x00\xff", bytes(range(256)), b"a", b"\n", b"\\x00", b"|"),
    "day": ("2024-02-29", "1970-01-01", "9999-12-31", "0001-01-01", *["2000-12-31"] * 3),
    "clock": ("00:00:00", "23:59:59.999999", "12:00:00.5", "01:02:03", *["10:00:00.120"] * 3),
    "at": (
        *("2024-02-29 00:00:00", "2024-02-29 23:59:59.500000", "1999-12-31 23:59:59"),
        *("1000-01-01 00:00:00.000001", "2024-01-01 10:00:00.120", "2024-01-01 10:00:00.000"),
        "9999-12-31 23:59:59.999999",
    ),
    "moment": (
        *("2024-02-29 00:00:00", "2024-02-29 23:59:59.000001", "2000-01-01 12:00:00"),
        *("2037-12-31 00:00:00", "2024-01-01 10:00:00.120", "1970-01-02 00:00:00"),
        "2024-01-01 10:00:00.500000",
    ),
    "j": ("[]", '{"a": [1, 2.50]}', '"é"', "null", "1", "{}", "true"),
    "u": (
        *("00000000-0000-0000-0000-000000000000", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        *("ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-00000000000a"),
        *("11111111-2222-3333-4444-555555555555", "01234567-89ab-cdef-0123-456789abcdef"),
        "abcdefab-cdef-abcd-efab-cdefabcdefab",
    ),
}
ROWS = [*zip(*VALUES.values(), strict=True), (None,) * len(VALUES)]


def arrange(database: databases.Database) -> None:
    """Make the same table with the same rows on whichever engine it is."""
    place = {"sqlite": 0, "postgresql": 1, "mariadb": 2, "mysql": 2}[database.kind]
    columns = ", ".join(f"{name} {types[place]}" for name, types in KINDS.items())
    marks = ", ".join(["?" if database.kind == "sqlite" else "%s"] * len(KINDS))
    with databases.Raw(database) as raw:
        for statement in _UTC[place]:
            raw.execute(statement)
        raw.execute(f"CREATE TABLE t ({columns}){_OPTIONS[place]}")
        for number, row in enumerate(ROWS):
            raw.execute(f"INSERT INTO t VALUES ({marks})", [number, *row])


_UTC = ((), ("SET TIME ZONE 'UTC'",), ("SET time_zone = '+00:00'",))
_OPTIONS = ("", "", " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")


def both(one: base.Session, other: base.Session, codecs: Sequence[codec.Codec]) -> list[codec.Scan]:
    """Return a scan for each of two sessions, in the forms that their columns have in common."""
    found = [session.engine.catalog(session).table("t") for session in (one, other)]
    scans: list[list[codec.Value]] = [[], []]
    for name in KINDS:
        columns = [table.column(name) for table in found]
        met = forms.meet(
            *(c.form(t, col) for c, t, col in zip(codecs, found, columns, strict=True)), what=name
        )
        for place, session in enumerate((one, other)):
            quoted = session.engine.beside_parameters(session.engine.quote(name))
            scans[place].append(codec.Value(sql=quoted, column=columns[place], form=met))
    return [codec.Scan(table="t", values=tuple(values), key=(0,)) for values in scans]


@pytest.mark.parametrize("engine_id", ["postgresql", "postgresql18", "mariadb"])
def test_equal_rows_have_equal_sums_on_another_engine(
    new_database: NewDatabase, engine_id: str
) -> None:
    ends = [new_database("sqlite"), new_database(engine_id)]
    for end in ends:
        arrange(end)
    sessions = [registry.open_session(end.url, read_only=True) for end in ends]
    codecs = [coder(session) for session in sessions]
    scans = both(sessions[0], sessions[1], codecs)

    rows = [sorted(c.rows(s), key=repr) for c, s in zip(codecs, scans, strict=True)]
    totals = [c.total(s) for c, s in zip(codecs, scans, strict=True)]
    buckets = [c.buckets(s, 1) for c, s in zip(codecs, scans, strict=True)]
    streams = [list(c.stream(s)) for c, s in zip(codecs, scans, strict=True)]

    for session in sessions:
        session.rollback()
        session.close()
    assert rows[0] == rows[1]
    assert len(ROWS) == totals[0].rows
    assert totals[0] == totals[1]
    assert buckets[0] == buckets[1]
    assert streams[0] == streams[1]


def test_equal_rows_in_two_files_have_equal_sums_in_any_order(
    tmp_path: Path, open_session: OpenSession
) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        numbers = list(range(5_000))
        random.Random(seed).shuffle(numbers)
        with contextlib.closing(sqlite3.connect(tmp_path / f"{name}.db")) as raw, raw:
            raw.execute("CREATE TABLE t (n INTEGER, t TEXT)")
            raw.executemany("INSERT INTO t VALUES (?, ?)", [(n, f"row {n}") for n in numbers])
    sessions = [open_session(tmp_path / f"{name}.db") for name in "ab"]

    totals = [coder(session).total(scan(session, key=())) for session in sessions]
    streams = [list(coder(session).stream(scan(session, key=()))) for session in sessions]

    assert totals[0] == totals[1]
    assert streams[0] == streams[1]
