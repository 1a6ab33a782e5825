"""Reading and writing many rows at once: every value comes back, and every failure has a name."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests import databases, engines
from whimbrel.engines import base, registry

OpenRaw = Callable[[databases.Database], databases.Raw]
Fault = base.Fault
BUDGET = 50_000_000

# Texts that a format between us and the server could take for something else.
TEXTS = (
    "",
    " ",
    "NULL",
    "\\N",
    "a\tb",
    "a\nb\r\nc",
    "a\\b\\\\c",
    'it\'s "quoted"',
    "%s %% %(name)s ? :name",
    "\x08\x0b\x0c\x1a\x7f",
    "Ünïcödé 漢字",
    "🦜🏳️‍🌈",
    "\u2028\ufeff",
    "x" * 100_000,
)
NOTHING = None


@pytest.fixture
def session(database: databases.Database) -> Iterator[base.Session]:
    """A session as batches use it."""
    opened = registry.open_session(database.url)
    yield opened
    opened.close()


def mark(session: base.Session) -> str:
    """Return the driver's mark for a parameter."""
    return "?" if session.engine.paramstyle == "qmark" else "%s"


def make(session: base.Session, columns: str, *, name: str = "t") -> None:
    """Create a table and commit."""
    options = " CHARACTER SET utf8mb4" if session.engine.dialect == "mysql" else ""
    session.execute(f"CREATE TABLE {name} ({columns}){options}")
    session.commit()


def insert(
    session: base.Session, columns: tuple[str, ...], rows: list[base.Row], *, name: str = "t"
) -> int:
    """Insert by the way under test."""
    table = session.engine.catalog(session).table(name)
    return session.engine.bulk(session).insert(table, columns, rows)


def update(
    session: base.Session, key: tuple[str, ...], columns: tuple[str, ...], rows: list[base.Row]
) -> int:
    """Update by the way under test."""
    table = session.engine.catalog(session).table("t")
    return session.engine.bulk(session).update(table, key, columns, rows)


def read(session: base.Session, sql: str, *params: object, max_bytes: int = BUDGET) -> base.Fetched:
    """Read by the way under test."""
    return session.engine.bulk(session).read(sql, params, max_bytes=max_bytes)


def fault_of(session: base.Session, work: Callable[[], object]) -> Fault:
    """Return what kind of failure `work` runs into, and take its transaction back."""
    with pytest.raises(sa.exc.SQLAlchemyError) as caught:
        work()
    session.rollback()
    return session.engine.fault(caught.value)


# --- values ------------------------------------------------------------------------------------


def test_nasty_texts_come_back_after_insert_and_update(
    session: base.Session, database: databases.Database, raw: OpenRaw
) -> None:
    big = "LONGTEXT" if session.engine.dialect == "mysql" else "TEXT"
    make(session, f"id INTEGER PRIMARY KEY, a {big}, b {big}")
    rows = [(n, text, NOTHING) for n, text in enumerate(TEXTS)]

    inserted = insert(session, ("id", "a", "b"), rows)
    fetched = read(session, "SELECT id, a, b FROM t ORDER BY id")
    updated = update(session, ("id",), ("b",), [(row[0], row[1]) for row in fetched.rows])
    session.commit()

    assert (len(TEXTS), len(TEXTS)) == (inserted, updated)
    assert rows == fetched.rows
    found = raw(database).execute("SELECT a, b FROM t ORDER BY id")
    assert [(text, text) for text in TEXTS] == found


def test_values_that_every_engine_has_come_back_equal(session: base.Session) -> None:
    types = {
        "sqlite": "BIGINT, DOUBLE, BLOB, DATE, TIMESTAMP, BOOLEAN",
        "postgres": "BIGINT, DOUBLE PRECISION, BYTEA, DATE, TIMESTAMP, BOOLEAN",
        "mysql": "BIGINT, DOUBLE, LONGBLOB, DATE, DATETIME(6), BOOLEAN",
    }[session.engine.dialect].split(", ")
    names = ("big", "real_", "bytes_", "day", "moment", "flag")
    make(
        session,
        "id INTEGER PRIMARY KEY, " + ", ".join(map(" ".join, zip(names, types, strict=True))),
    )
    every_byte = bytes(range(256))
    values: list[base.Row] = [
        (2**63 - 1, 0.1 + 0.2, every_byte, dt.date(1, 1, 1), dt.datetime(9999, 12, 31), True),
        (-(2**63), 5e-324, b"", dt.date(2024, 2, 29), dt.datetime(2024, 1, 2, 3, 4, 5, 6), False),
        (0, -1.7976931348623157e308, b"\\x00'\"", dt.date.max, dt.datetime(1969, 7, 20), NOTHING),
        (NOTHING,) * 6,
    ]
    if session.engine.dialect == "sqlite":  # which has neither dates nor booleans
        values = [(*row[:3], *(_as_sqlite(value) for value in row[3:])) for row in values]
    rows = [(n, *row) for n, row in enumerate(values)]

    insert(session, ("id", *names), rows)
    fetched = read(session, "SELECT * FROM t ORDER BY id")
    update(session, ("id",), names, [(row[0], *rows[-1 - n][1:]) for n, row in enumerate(rows)])
    turned = read(session, "SELECT * FROM t ORDER BY id DESC")

    assert ("id", *names) == fetched.columns
    assert rows == fetched.rows
    assert [row[1:] for row in rows] == [row[1:] for row in turned.rows]


def _as_sqlite(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, dt.date) else value


@engines.only("postgresql", "postgresql18")
def test_every_kind_of_value_of_postgresql_comes_back(
    session: base.Session, database: databases.Database, raw: OpenRaw
) -> None:
    session.execute("CREATE TYPE mood AS ENUM ('sad', 'ok''ay')")
    session.execute("CREATE TYPE pair AS (a int, b text)")
    session.execute("CREATE DOMAIN document AS jsonb")
    session.execute("CREATE DOMAIN numbers AS int[]")
    cases = [
        ("numeric", ["123456789012345678901234567890.123456789", "NaN", "Infinity", "0.00"]),
        ("real", ["0.1", "NaN", "-Infinity", "3.4028235e38"]),
        ("jsonb", ['{"a": [1, null, "ü\\n"]}', '"text"', "null", "1.10", "true", "[]"]),
        ("json", ['{"b":1,  "a":2, "a":3}', '"{}"', "12345678901234567890.123456789"]),
        ("document", ['{"a": 1}', "[]"]),
        ("jsonb[]", ['{"{\\"a\\": 1}",null,"[]"}', "{}"]),
        ("int[]", ["{1,NULL,3}", "{}", "{{1,2},{3,4}}"]),
        ("numbers", ["{1,2}"]),
        ("text[]", ['{"a,b","c\\"d",NULL,"NULL","\\\\"," "}']),
        ("uuid", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
        ("timestamptz", ["2024-01-02 03:04:05.000006+00", "0001-01-01 00:00:00+00"]),
        ("time", ["23:59:59.999999"]),
        ("interval", ["1 mon -2 days", "36:00:00", "1 day", "-00:00:00.5", "-1 days -00:00:01"]),
        ("int4range", ["[1,5)", "empty", "(,)"]),
        ("tstzrange", ['["2024-01-01 00:00:00+00",)']),
        ("int4multirange", ["{[1,3),[5,7)}"]),
        ("inet", ["10.0.0.1/8", "::1"]),
        ("macaddr", ["08:00:2b:01:02:03"]),
        ("bit varying(9)", ["101"]),
        ("point", ["(1.5,-2)"]),
        ("tsvector", ["'a':1A 'b''c':2"]),
        ("money", ["$1,234.50"]),
        ("mood", ["ok'ay"]),
        ("mood[]", ["{sad,ok'ay}"]),
        ("pair", ['(1,"a,b")']),
        ('"char"', ["x"]),
        ("char(5)", ["ab   "]),
    ]
    for n, (type_, texts) in enumerate(cases):
        name = f"t{n}"
        make(session, f"id int PRIMARY KEY, a {type_}, b {type_}", name=name)
        for at, text in enumerate(texts):
            session.execute(f"INSERT INTO {name} VALUES (%s, %s::text::{type_}, NULL)", [at, text])
        table = session.engine.catalog(session).table(name)
        bulk = session.engine.bulk(session)

        fetched = read(session, f"SELECT id + 1000, a FROM {name} ORDER BY id")
        bulk.insert(table, ("id", "a"), fetched.rows)
        again = read(session, f"SELECT id, a FROM {name} ORDER BY id")
        bulk.update(table, ("id",), ("b",), again.rows)
        session.commit()

        found = raw(database).execute(
            f"SELECT a::text, b::text FROM {name} ORDER BY id >= 1000, id"
        )
        assert [row[0] for row in found[: len(texts)]] == [row[0] for row in found[len(texts) :]]
        assert [row[0] for row in found] == [row[1] for row in found], type_


@engines.only("mariadb", "mysql")
def test_every_kind_of_value_of_mariadb_comes_back(
    session: base.Session, database: databases.Database, raw: OpenRaw
) -> None:
    cases = [
        ("DECIMAL(65,30)", ["12345678901234567890123456789012345.123456789012345678901234567891"]),
        ("BIGINT UNSIGNED", ["18446744073709551615"]),
        ("YEAR", ["1999", "2155"]),
        ("TIME(6)", ["-838:59:59.000000", "838:59:58.999999", "-00:00:00.000001"]),
        ("TIMESTAMP(6) NULL", ["2024-01-02 03:04:05.000006"]),
        ("DATETIME NULL", ["2024-01-02 03:04:05"]),
        ("BIT(12)", [b"\x0a\xbc"]),
        ("ENUM('a','it''s')", ["it's"]),
        ("SET('a','b')", ["a,b", ""]),
        ("JSON", ['{"a": [1, null, "ü"]}', '"text"', "null", "1.10"]),
        ("CHAR(5)", ["ab"]),
        ("VARCHAR(20) CHARACTER SET latin1", ["ÄÖÜ"]),
        ("VARCHAR(20) COLLATE utf8mb4_bin", ["a", "A"]),
        ("VARBINARY(300)", [bytes(range(256)), b"it's\\"]),
        ("DOUBLE", ["1e308", "0.1"]),
    ]
    for n, (type_, texts) in enumerate(cases):
        name = f"t{n}"
        null = "" if "NULL" in type_ else " NULL"
        make(session, f"id INT PRIMARY KEY, a {type_}{null}, b {type_}{null}", name=name)
        for at, text in enumerate(texts):
            session.execute(f"INSERT INTO {name} VALUES (%s, %s, NULL)", [at, text])
        table = session.engine.catalog(session).table(name)
        bulk = session.engine.bulk(session)

        fetched = read(session, f"SELECT id + 1000, a FROM {name} ORDER BY id")
        bulk.insert(table, ("id", "a"), fetched.rows)
        again = read(session, f"SELECT id, a FROM {name} ORDER BY id")
        bulk.update(table, ("id",), ("b",), again.rows)
        session.commit()

        found = raw(database).execute(f"SELECT HEX(a), HEX(b) FROM {name} ORDER BY id")
        assert [row[0] for row in found[: len(texts)]] == [row[0] for row in found[len(texts) :]]
        assert [row[0] for row in found] == [row[1] for row in found], type_


def test_a_dict_and_a_list_are_written_as_json(
    session: base.Session, database: databases.Database, raw: OpenRaw
) -> None:
    make(session, "id INTEGER PRIMARY KEY, a JSON, b TEXT")
    document = {"name": 'ü"\\\n\t🦜', "list": [1, None, True, 1.5]}

    insert(
        session, ("id", "a", "b"), [(1, document, [1, "x"]), (2, [document], {}), (3, None, None)]
    )
    update(session, ("id",), ("a",), [(3, {"new": [{}]})])
    session.commit()

    text = "CAST(a AS text)" if database.kind == "postgresql" else "a"
    found = raw(database).execute(f"SELECT {text}, b FROM t ORDER BY id")
    loaded = [(json.loads(str(a)), b and json.loads(str(b))) for a, b in found]
    assert [(document, [1, "x"]), ([document], {}), ({"new": [{}]}, None)] == loaded


def test_exact_numbers_and_identifiers_keep_every_digit(session: base.Session) -> None:
    kind = "TEXT" if session.engine.dialect == "sqlite" else "DECIMAL(40,20)"
    make(session, f"id INTEGER PRIMARY KEY, n {kind}, u CHAR(36)")
    number, identifier = Decimal("12345678901234567890.12345678901234567890"), uuid.uuid4()

    insert(session, ("id", "n", "u"), [(1, number, identifier), (2, Decimal("-0.1"), None)])

    fetched = read(session, "SELECT n, u FROM t ORDER BY id")
    assert [number, Decimal("-0.1")] == [Decimal(str(row[0])) for row in fetched.rows]
    assert str(identifier) == fetched.rows[0][1]


@engines.only("sqlite")
def test_what_sqlite_would_change_in_silence_is_refused(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY, n NUMERIC, r REAL, x")
    inexact = Decimal("1234567890123456789.12")

    assert Fault.DATA is fault_of(session, lambda: insert(session, ("n",), [(inexact,)]))
    assert Fault.DATA is fault_of(session, lambda: insert(session, ("r",), [(math.nan,)]))
    assert Fault.DATA is fault_of(session, lambda: insert(session, ("x",), [(dt.timedelta(1),)]))
    assert Fault.DATA is fault_of(session, lambda: insert(session, ("x",), [(object(),)]))
    assert Fault.DATA is fault_of(session, lambda: insert(session, ("x",), [(2**63,)]))
    assert 1 == insert(session, ("id", "n", "r", "x"), [(1, Decimal("1.50"), 1.5, inexact)])
    assert [(1.5, 1.5, str(inexact))] == read(session, "SELECT n, r, x FROM t").rows


@engines.only("mariadb", "mysql")
def test_what_mariadb_would_change_in_silence_is_refused_or_kept(
    session: base.Session, database: databases.Database, raw: OpenRaw
) -> None:
    make(session, "id INT AUTO_INCREMENT PRIMARY KEY, d DATETIME(6), x DOUBLE")
    in_a_zone = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

    assert Fault.DATA is fault_of(session, lambda: insert(session, ("d",), [(in_a_zone,)]))
    assert Fault.DATA is fault_of(session, lambda: insert(session, ("x",), [(math.inf,)]))
    assert Fault.DATA is fault_of(session, lambda: insert(session, ("x",), [({1, 2},)]))
    before = session.fetch("SELECT @@sql_mode")
    insert(session, ("id", "x"), [(0, 1.0), (5, 2.0)])
    session.commit()
    assert before == session.fetch("SELECT @@sql_mode")
    assert [(0,), (5,)] == raw(database).execute("SELECT id FROM t ORDER BY id")


@engines.only("mariadb", "mysql")
def test_texts_come_back_where_a_backslash_is_a_letter(session: base.Session) -> None:
    make(session, "id INT PRIMARY KEY, a LONGTEXT, b LONGBLOB")
    session.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')")
    rows = [(n, text, text.encode()) for n, text in enumerate(TEXTS)]

    insert(session, ("id", "a", "b"), rows)

    assert rows == read(session, "SELECT * FROM t ORDER BY id").rows


@engines.only("postgresql", "postgresql18")
def test_a_zero_byte_in_a_text_fails_loudly(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY, a TEXT")

    assert Fault.DATA is fault_of(session, lambda: insert(session, ("id", "a"), [(1, "a\0b")]))
    assert Fault.DATA is fault_of(
        session, lambda: session.execute("INSERT INTO t VALUES (1, %s)", ["a\0b"])
    )
    assert 1 == insert(session, ("id", "a"), [(1, "ab")])


@engines.only("mariadb", "mysql")
def test_a_short_float_comes_back_with_every_digit(session: base.Session) -> None:
    make(session, "id INT PRIMARY KEY, f FLOAT")
    session.execute("INSERT INTO t VALUES (1, 16777217), (2, 0.1), (3, 1.23456789)")
    table = session.engine.catalog(session).table("t")
    before = session.fetch("SELECT f + 0e0 FROM t ORDER BY id")

    fetched = read(session, f"SELECT {session.engine.selected(table)} FROM t ORDER BY id")
    update(session, ("id",), ("f",), fetched.rows)

    assert before == session.fetch("SELECT f + 0e0 FROM t ORDER BY id")
    assert [(16777216.0,)] == before[:1]


@engines.only("mariadb", "mysql")
def test_dates_that_may_not_be_empty_can_be_updated(session: base.Session) -> None:
    make(
        session,
        "id INT PRIMARY KEY, a DATE NOT NULL, b TIMESTAMP NOT NULL, c DATETIME NOT NULL,"
        " d ENUM('x') NOT NULL, e POINT NOT NULL, f JSON NOT NULL",
    )
    session.execute("SET sql_mode = CONCAT(@@sql_mode, ',NO_ZERO_DATE,NO_ZERO_IN_DATE')")
    moment = "2024-01-02 03:04:05"
    session.execute(
        "INSERT INTO t VALUES (1, '2024-01-02', %s, %s, 'x', POINT(1, 2), '[]')", [moment, moment]
    )
    fetched = read(session, "SELECT * FROM t")

    found = update(session, ("id",), fetched.columns[1:], fetched.rows)

    assert 1 == found
    assert fetched.rows == read(session, "SELECT * FROM t").rows


# --- reading -----------------------------------------------------------------------------------


def test_reading_stops_when_the_budget_of_bytes_is_spent(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY, a TEXT")
    insert(session, ("id", "a"), [(n, "x" * 10_000) for n in range(100)])
    query = "SELECT id, a FROM t ORDER BY id"

    cut = read(session, query, max_bytes=200_000)
    one = read(session, query, max_bytes=1)
    whole = read(session, query)
    exactly = read(session, f"{query} LIMIT 1", max_bytes=1)

    assert (20, True) == (len(cut.rows), cut.more)
    assert list(range(20)) == [row[0] for row in cut.rows]
    assert (1, True) == (len(one.rows), one.more)
    assert (100, False) == (len(whole.rows), whole.more)
    assert (1, False) == (len(exactly.rows), exactly.more)
    assert 1 == len(session.fetch("SELECT 1"))


def test_reading_takes_parameters_and_leaves_percent_signs_alone(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY, a VARCHAR(20)")
    insert(session, ("id", "a"), [(1, "100%"), (2, "b")])

    by_text = read(session, "SELECT id FROM t WHERE a LIKE '1%'")
    by_value = read(session, f"SELECT id FROM t WHERE a = {mark(session)}", "100%")
    nothing = read(session, "SELECT id AS n FROM t WHERE id > 5")

    assert [(1,)] == by_text.rows == by_value.rows
    assert (("n",), [], False) == (nothing.columns, nothing.rows, nothing.more)


# --- transactions ------------------------------------------------------------------------------


def test_everything_can_be_taken_back_to_a_savepoint(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY, a VARCHAR(20)")
    insert(session, ("id", "a"), [(1, "one")])
    session.execute("SAVEPOINT mine")
    insert(session, ("id", "a"), [(2, "two"), (3, "three")])
    changed = update(session, ("id",), ("a",), [(1, "new"), (2, "new"), (9, "missing")])
    inside = read(session, "SELECT a FROM t ORDER BY id").rows
    session.execute("ROLLBACK TO SAVEPOINT mine")
    after = read(session, "SELECT a FROM t ORDER BY id").rows
    again = update(session, ("id",), ("a",), [(1, "again")])
    session.rollback()

    assert (2, 1) == (changed, again)
    assert [("new",), ("new",), ("three",)] == inside
    assert [("one",)] == after
    assert [] == session.fetch("SELECT * FROM t")


def test_rows_that_are_equal_already_count_as_found(session: base.Session) -> None:
    make(session, "a VARCHAR(20), b INTEGER, c VARCHAR(9), PRIMARY KEY (a, b)")
    insert(session, ("a", "b", "c"), [("x", 1, "same"), ("x", 2, "old"), ("y", 1, "old")])

    found = update(session, ("a", "b"), ("c",), [("x", 1, "same"), ("x", 2, "new"), ("z", 1, "no")])

    assert 2 == found
    rows = read(session, "SELECT c FROM t ORDER BY a, b").rows
    assert [("same",), ("new",), ("old",)] == rows


def test_an_empty_list_of_rows_does_nothing(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY, a VARCHAR(20)")

    assert 0 == insert(session, ("id", "a"), [])
    assert 0 == update(session, ("id",), ("a",), [])


@engines.without("postgresql")
def test_a_failed_insert_leaves_nothing_of_itself_and_the_rest_of_the_transaction(
    session: base.Session,
) -> None:
    make(session, "id INTEGER PRIMARY KEY, a VARCHAR(20)")
    insert(session, ("id", "a"), [(50_000, "before")])
    with pytest.raises(sa.exc.IntegrityError):
        insert(session, ("id", "a"), [(n, "x" * 20) for n in range(50_001)])
    session.commit()

    assert [(50_000, "before")] == session.fetch("SELECT * FROM t")


@engines.without("sqlite")
def test_a_table_of_odd_names_and_a_binary_key_can_be_updated(session: base.Session) -> None:
    engine = session.engine
    binary = "BYTEA" if engine.dialect == "postgres" else "VARBINARY(16)"
    names = ("a%b", "sel ect", "k0")
    quoted = [engine.quote(name) for name in names]
    kinds = (f"{binary} PRIMARY KEY", "INTEGER", "TIMESTAMP NOT NULL")
    columns = ", ".join(map(" ".join, zip(quoted, kinds, strict=True)))
    session.execute(f"CREATE TABLE t ({columns})")
    session.commit()
    moment = dt.datetime(2024, 1, 2, 3, 4, 5)

    insert(session, names, [(b"\x00\xff'", 1, moment), (b"\\", 2, moment)])
    found = update(session, names[:1], names[1:], [(b"\x00\xff'", 7, moment), (b"\\", 8, moment)])

    assert 2 == found
    assert [(7,), (8,)] == read(session, f"SELECT {quoted[1]} FROM t ORDER BY {quoted[1]}").rows


@engines.only("postgresql", "sqlite")
def test_rows_without_a_key_are_updated_by_their_address(session: base.Session) -> None:
    address = "ctid" if session.engine.dialect == "postgres" else session.engine.can.row_address
    make(session, "a VARCHAR(20)")
    insert(session, ("a",), [("one",), ("two",)])
    fetched = read(session, f"SELECT {address}, a FROM t ORDER BY a")

    found = update(session, (str(address),), ("a",), [(fetched.rows[1][0], "new")])

    assert 1 == found
    assert [("new",), ("one",)] == read(session, "SELECT a FROM t ORDER BY a").rows
