"""What tests of profilers share: a table of odd names, a session on a snapshot, values by trouble.

What a profiler has to say of them is said by the tests themselves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests import databases
from whimbrel import tables
from whimbrel.engines import base, profiling, registry
from whimbrel.engines.portable import Facts, Question

TABLE = "odd \"t' %s ?"
COLUMN = 'va%l "ue? {0}'


@contextlib.contextmanager
def profiled(database: databases.Database) -> Iterator[tuple[base.Session, profiling.SqlProfiler]]:
    """Open a session inside a snapshot, as a transfer has it."""
    session = registry.open_session(database.url, read_only=True)
    try:
        session.engine.codec(session).prepare()
        session.engine.snapshot(session)
        profiler = session.engine.profiler(session)
        assert isinstance(profiler, profiling.SqlProfiler)
        yield session, profiler
    finally:
        session.close()


def table_of(session: base.Session, name: str = TABLE) -> tables.Table:
    return session.engine.catalog(session).table(name)


def quoted(database: databases.Database, name: str) -> str:
    mark = "`" if database.kind in ("mariadb", "mysql") else '"'
    return mark + name.replace(mark, mark * 2) + mark


def lax(raw: databases.Raw) -> None:
    if raw.database.kind in ("mariadb", "mysql"):
        raw.execute("SET sql_mode = ''")


def fill(raw: databases.Raw, type_: str, values: Sequence[str]) -> None:
    """Make the table with one value a row, numbered from 1."""
    lax(raw)
    table, column = (quoted(raw.database, name) for name in (TABLE, COLUMN))
    charset = " CHARACTER SET utf8mb4" if raw.database.kind in ("mariadb", "mysql") else ""
    raw.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, {column} {type_}){charset}")
    for number, value in enumerate(values, start=1):
        raw.execute(f"INSERT INTO {table} VALUES ({number}, {value})")


def ids(facts: Facts, question: Question) -> list[str]:
    return [key[0] for key, _ in facts.keys.get(question, ())]


# --- values by their trouble ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Literals of one type: those that have a trouble, those that do not."""

    engine: str
    type: str
    question: Question
    bad: tuple[str, ...]
    good: tuple[str, ...]
    options: str = ""


def texts(*values: str) -> tuple[str, ...]:
    return tuple("'" + value.replace("'", "''") + "'" for value in values)


def case(
    engine: str, type_: str, question: Question, bad: Sequence[str], good: Sequence[str]
) -> Case:
    return Case(engine=engine, type=type_, question=question, bad=(*bad,), good=(*good,))


BACK = "CHAR(92)"
# Texts that are read as something else: the same words on every engine.
READ: Sequence[tuple[Question, Sequence[str], Sequence[str]]] = (
    (
        Question.ZERO_DATE,
        ["0000-00-00", "2020-00-10", "2020-05-00 10:00:00", "0000-05-05"],
        ["2020-05-10", "x", "2020-10-20", "20000-01-01", "0001-01-01"],
    ),
    (Question.BEFORE_CHRIST, ["0044-03-15 BC", "0044-03-15 10:00:00 BC"], ["0044-03-15", "BC"]),
    (Question.BEYOND_9999, ["10000-01-01", "12024-02-29 10:00:00"], ["9999-12-31", "infinity"]),
    (Question.INFINITE_DATE, ["infinity", "-infinity"], ["Infinity", "2020-01-01", "inf"]),
    (
        Question.TIME_BEYOND_DAY,
        ["-01:00:00", "24:00:00", "838:59:59", "99:00"],
        ["23:59:59.999999", "00:00", "x"],
    ),
    (
        Question.FINE_FRACTION,
        ["2020-01-01 10:00:00.1234567", "10:00:00.1234567"],
        [
            "2020-01-01 10:00:00.123456",
            "10:00:00.123456",
            "2020-01-01 10:00:00.1230000",
            "1.12345678",
        ],
    ),
    (
        Question.NOT_DATE,
        [
            "yesterday",
            "",
            "2020-02-30",
            "2021-02-29",
            "2020-1-1",
            "2020-04-31",
            "2020-01-01 10:00:00",
        ],
        ["2020-02-29", "2000-02-29", "0000-00-00", "infinity", "12024-02-29"],
    ),
    (
        Question.NOT_MOMENT,
        ["noon", "2020-02-30 10:00:00", "2020-01-01 25:00:00", "1900-02-29"],
        ["2020-01-01", "2020-01-01 10:00", "2020-01-01T10:00:00.5", "2020-01-01 10:00:00+02:00"],
    ),
    (
        Question.ZONED,
        ["2020-01-01 10:00:00+02:00", "2020-01-01T10:00:00Z"],
        ["2020-01-01 10:00:00", "2020-01-01", "Z"],
    ),
    (Question.NOT_TIME, ["noon", "10", "10:60:00"], ["10:00", "-10:00:00", "838:59:59.5"]),
    (
        Question.NOT_UUID,
        ["6f9619ff", "6f9619ff-8b86-d011-b42d-00c04fc964fg"],
        ["6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff8b86d011b42d00c04fc964ff"],
    ),
    (Question.NOT_NUMBER, ["", "abc", "1,5", "0x10", "1e"], ["1", "-1.50", "1e5", "NaN", ".5"]),
    (Question.NOT_WHOLE, ["1.5", "1.0", "1e5"], ["1", "-12", "abc", "NaN"]),
    (Question.NAN, ["NaN"], ["nan", "1", "Infinity"]),
    (Question.INFINITE, ["Infinity", "-Infinity"], ["NaN", "1", "infinity"]),
    (Question.NEGATIVE, ["-1", "-0.5"], ["0", "1", "-0", "x", "-x"]),
    (Question.NEGATIVE_ZERO, ["-0", "-0.0"], ["0", "-1", "x"]),
    (Question.NOT_BOOLEAN, ["2", "maybe", ""], ["0", "1", "yes", "FALSE", "T"]),
    (Question.TRAILING_BLANKS, ["a ", "  "], ["a", "", " a"]),
    (Question.NOT_JSON, ["{", "abc", "{'a': 1}", "01"], ["1", '"x"', '{"a": [true]}', "null"]),
)


def read_cases() -> Iterator[Case]:
    for engine, type_ in (("postgresql", "text"), ("mariadb", "text"), ("sqlite", "TEXT")):
        for question, bad, good in READ:
            yield case(engine, type_, question, texts(*bad), texts(*good))


E = "E'{}'".format
UTF8 = "CONVERT(x'{}' USING utf8mb4)".format
ONE_BACKSLASH = "CONCAT('\"', CHAR(92), 'u{}\"')".format
POSTGRESQL = (
    case("postgresql", "double precision", Question.NAN, ["'NaN'"], ["1", "'Infinity'"]),
    case("postgresql", "numeric", Question.NAN, ["'NaN'"], ["1", "'Infinity'"]),
    case("postgresql", "numeric", Question.INFINITE, ["'-Infinity'"], ["1", "'NaN'"]),
    case("postgresql", "real", Question.INFINITE, ["'Infinity'"], ["1", "'NaN'"]),
    case("postgresql", "double precision", Question.NEGATIVE_ZERO, ["'-0'"], ["0", "-1", "1"]),
    case("postgresql", "double precision", Question.NOT_WHOLE, ["1.5"], ["1", "'NaN'", "1e300"]),
    case("postgresql", "numeric(5,2)", Question.NOT_WHOLE, ["1.5"], ["1", "'NaN'", "1.00"]),
    case("postgresql", "integer", Question.NEGATIVE, ["-1"], ["0", "1"]),
    case("postgresql", "smallint", Question.NOT_BOOLEAN, ["2", "-1"], ["0", "1"]),
    case("postgresql", "bit(3)", Question.NOT_BOOLEAN, ["B'010'"], ["B'000'", "B'001'"]),
    case(
        "postgresql",
        "date",
        Question.BEFORE_CHRIST,
        ["'0044-03-15 BC'"],
        ["'-infinity'", "'0001-01-01'"],
    ),
    case(
        "postgresql",
        "date",
        Question.BEYOND_9999,
        ["'10000-01-01'"],
        ["'9999-12-31'", "'infinity'"],
    ),
    case(
        "postgresql",
        "date",
        Question.INFINITE_DATE,
        ["'infinity'", "'-infinity'"],
        ["'2020-01-01'"],
    ),
    case(
        "postgresql",
        "timestamp",
        Question.BEFORE_CHRIST,
        ["'0044-03-15 10:00 BC'"],
        ["'-infinity'"],
    ),
    case(
        "postgresql",
        "timestamptz",
        Question.BEYOND_9999,
        ["'10000-01-01 00:00+00'"],
        ["'9999-12-31 23:59:59.9+00'", "'infinity'"],
    ),
    case("postgresql", "timestamptz", Question.INFINITE_DATE, ["'-infinity'"], ["'2020-01-01'"]),
    case(
        "postgresql",
        "timestamp",
        Question.NOT_DATE,
        ["'2020-01-01 00:00:01'"],
        ["'2020-01-01'", "'infinity'"],
    ),
    case("postgresql", "time", Question.TIME_BEYOND_DAY, ["'24:00:00'"], ["'23:59:59.999999'"]),
    case("postgresql", "bytea", Question.NUL, [r"'\x610062'", r"'\x00'"], [r"'\x61'", "''"]),
    case(
        "postgresql",
        "bytea",
        Question.NOT_UTF8,
        [r"'\xff'", r"'\xeda080'", r"'\xc3'", r"'\xc080'"],
        [r"'\xc3a9f09fa69c'", "''", r"'\x00'"],
    ),
    case(
        "postgresql",
        "bytea",
        Question.NOT_UUID,
        [r"'\x00'"],
        [r"'\x6f9619ff8b86d011b42d00c04fc964ff'"],
    ),
    case(
        "postgresql",
        "json",
        Question.JSON_NUL,
        [r"""'"a\u0000"'""", r"""'"\\\u0000"'"""],
        [r"""'"\\u0000"'""", "'1'", r"""'"\u0001"'"""],
    ),
    case(
        "postgresql",
        "json",
        Question.JSON_SURROGATE,
        [r"""'"\ud800"'""", r"""'"\ud83e\ud83e\udd9c"'""", r"""'"\udd9c"'"""],
        [r"""'"\ud83e\udd9c"'""", r"""'"\\ud800"'""", "'1'"],
    ),
    case(
        "postgresql",
        "jsonb",
        Question.JSON_DIGITS,
        ["'[0.12345678901234567890]'", "'1e400'", "'99999999999999999999'"],
        ["'[0.1, 9223372036854775807, 0.30000000000000004]'", """'"0.12345678901234567890"'"""],
    ),
)
MARIADB = (
    case(
        "mariadb",
        "date",
        Question.ZERO_DATE,
        ["'0000-00-00'", "'2020-00-00'", "'2020-05-00'", "'2020-00-05'", "'0000-05-05'"],
        ["'0001-01-01'", "'2020-02-29'", "'9999-12-31'"],
    ),
    case(
        "mariadb",
        "date NOT NULL",
        Question.ZERO_DATE,
        ["'0000-00-00'", "'2020-00-00'"],
        ["'2020-02-29'"],
    ),
    case(
        "mariadb",
        "datetime(6)",
        Question.ZERO_DATE,
        ["'0000-00-00 00:00:00'", "'2020-00-00 10:00:00'"],
        ["'2020-02-29 10:00:00'"],
    ),
    case(
        "mariadb",
        "timestamp NULL",
        Question.ZERO_DATE,
        ["'0000-00-00 00:00:00'"],
        ["'2020-02-29 10:00:00'"],
    ),
    case(
        "mariadb",
        "datetime",
        Question.NOT_DATE,
        ["'2020-02-29 00:00:01'"],
        ["'2020-02-29'", "'2020-02-28 00:00:00'"],
    ),
    case(
        "mariadb",
        "time(3)",
        Question.TIME_BEYOND_DAY,
        ["'-00:00:01'", "'24:00:00'", "'838:59:59'"],
        ["'23:59:59.999'", "'00:00:00'"],
    ),
    case(
        "mariadb",
        "varchar(20) CHARACTER SET utf8mb4",
        Question.NUL,
        ["x'610062'", "x'00'"],
        ["'ab'", "''", "'é'", "'0'"],
    ),
    case(
        "mariadb", "varchar(20) CHARACTER SET latin1", Question.NUL, ["x'E90062'"], ["x'E9'", "''"]
    ),
    case(
        "mariadb",
        "varchar(20) CHARACTER SET utf16",
        Question.NUL,
        [UTF8("610062")],
        ["'ab'", "'é'", "''"],
    ),
    case("mariadb", "longtext", Question.NUL, ["x'610062'"], ["'ab'", "''"]),
    case("mariadb", "char(5)", Question.NUL, ["x'610062'"], ["'ab'", "''"]),
    case(
        "mariadb",
        "varchar(20) CHARACTER SET utf8mb4",
        Question.NOT_UTF8,
        ["x'EDA080'", "x'61EDBFBF'"],
        ["'ab'", "'한'", "'é'", "''"],
    ),
    case("mariadb", "varbinary(20)", Question.NUL, ["x'610062'"], ["'ab'", "''"]),
    case(
        "mariadb",
        "blob",
        Question.NOT_UTF8,
        ["x'FF'", "x'EDA080'", "x'C3'"],
        ["x'C3A9'", "''", "x'F09FA69C'"],
    ),
    case("mariadb", "binary(3)", Question.NOT_UUID, ["'abc'"], []),
    case("mariadb", "binary(16)", Question.NOT_UUID, [], ["x'6f9619ff8b86d011b42d00c04fc964ff'"]),
    case("mariadb", "enum('a','','b')", Question.STRAY_WORD, ["0"], ["'a'", "''", "3"]),
    # The catalog shows ? for it.
    case(
        "mariadb",
        "enum('a','\U0001f99c') CHARACTER SET utf8mb4",
        Question.STRAY_WORD,
        ["'\U0001f99c'"],
        ["'a'"],
    ),
    case("mariadb", "int", Question.NEGATIVE, ["-1"], ["0", "1"]),
    case(
        "mariadb",
        "bigint unsigned",
        Question.NOT_BOOLEAN,
        ["18446744073709551615", "2"],
        ["0", "1"],
    ),
    case("mariadb", "bit(8)", Question.NOT_BOOLEAN, ["b'10'"], ["b'0'", "b'1'"]),
    case("mariadb", "decimal(5,2)", Question.NOT_WHOLE, ["1.5", "-0.01"], ["1", "0", "-3.00"]),
    case("mariadb", "double", Question.NOT_WHOLE, ["1.5"], ["1", "-1", "1e300"]),
    case("mariadb", "double", Question.NEGATIVE_ZERO, [], ["'-0'", "0", "-1", "1"]),
    case(
        "mariadb",
        "json",
        Question.JSON_NUL,
        [ONE_BACKSLASH("0000")],
        [f"CONCAT('\"', {BACK}, {BACK}, 'u0000\"')", "'1'", ONE_BACKSLASH("0001")],
    ),
    case(
        "mariadb",
        "longtext",
        Question.JSON_SURROGATE,
        [ONE_BACKSLASH("d800"), f"CONCAT('\"', {BACK}, 'udd9c', {BACK}, 'ud83e\"')"],
        [
            f"CONCAT('\"', {BACK}, 'ud83e', {BACK}, 'udd9c\"')",
            f"CONCAT('\"', {BACK}, {BACK}, 'ud800\"')",
            "'1'",
        ],
    ),
    case(
        "mariadb",
        "json",
        Question.NOT_JSON,
        ["'[1.]'", f"CONCAT('\"', {BACK}, 'x\"')"],
        [
            "'[1.5, -2e5]'",
            "x'5B0A315D'",
            '\'{"a b": "c."}\'',
            f"CONCAT('\"', {BACK}, {BACK}, 'x\"')",
        ],
    ),
    case("mariadb", "varchar(9)", Question.TRAILING_BLANKS, ["'a '"], ["'a'", "''"]),
)
SQLITE = (
    case("sqlite", "INTEGER", Question.NOT_NUMBER, ["'abc'", "x'31'", "''"], ["1", "1.5", "'2'"]),
    case("sqlite", "INTEGER", Question.NOT_WHOLE, ["1.5", "1e19"], ["1", "'2'", "'x'"]),
    case("sqlite", "BOOLEAN", Question.NOT_BOOLEAN, ["2", "'maybe'", "1.5"], ["0", "1", "'yes'"]),
    case("sqlite", "DECIMAL(10,2)", Question.NOT_NUMBER, ["'abc'", "x'31'"], ["1", "1.5", "'1e5'"]),
    case("sqlite", "DOUBLE", Question.INFINITE, ["9e999", "-9e999"], ["1", "'x'"]),
    case("sqlite", "DOUBLE", Question.NOT_NUMBER, ["'abc'", "x'31'"], ["1", "9e999"]),
    case("sqlite", "DOUBLE", Question.NAN, ["'NaN'"], ["1.5", "9e999"]),
    case("sqlite", "INTEGER", Question.NEGATIVE, ["-1", "-1.5"], ["0", "'x'"]),
    case(
        "sqlite",
        "DATE",
        Question.NOT_DATE,
        ["'2023-02-30'", "20200101", "'x'", "x'323032302d30312d3031'"],
        ["'2020-02-29'", "'0000-00-00'"],
    ),
    case(
        "sqlite",
        "DATE",
        Question.ZERO_DATE,
        ["'0000-00-00'", "'2020-05-00'", "'0000-01-01'"],
        ["'2020-02-29'", "'x'", "5"],
    ),
    case(
        "sqlite",
        "DATETIME",
        Question.NOT_MOMENT,
        ["'2023-02-30 10:00:00'", "1700000000", "'x'"],
        ["'2020-02-29'", "'2020-02-29 10:00:00.5'", "'2020-02-29T10:00Z'"],
    ),
    case(
        "sqlite",
        "DATETIME",
        Question.ZONED,
        ["'2020-02-29T10:00Z'", "'2020-02-29 10:00:00+02:00'"],
        ["'2020-02-29'", "'2020-02-29 10:00:00'"],
    ),
    case(
        "sqlite",
        "DATETIME",
        Question.NOT_DATE,
        ["'2020-02-29 10:00:00'", "'x'"],
        ["'2020-02-29'", "'2020-02-29 00:00:00'"],
    ),
    case(
        "sqlite",
        "TIME",
        Question.NOT_TIME,
        ["'noon'", "5", "x'31'"],
        ["'10:00'", "'10:00:00'", "'-10:00:00'"],
    ),
    case("sqlite", "TIME", Question.TIME_BEYOND_DAY, ["'-10:00:00'", "'24:00:00'"], ["'10:00'"]),
    case("sqlite", "TEXT", Question.NUL, ["'a' || char(0) || 'b'"], ["'ab'", "x'00'", "'é'", "''"]),
    case(
        "sqlite",
        "TEXT",
        Question.NOT_UTF8,
        ["CAST(x'61E462' AS TEXT)", "CAST(x'EDA080' AS TEXT)", "CAST(x'00FF' AS TEXT)"],
        ["'ab'", "'é'", "x'FF'"],
    ),
    case("sqlite", "TEXT", Question.NOT_TEXT, ["x'61'", "x''"], ["'a'", "''"]),
    case("sqlite", "BLOB", Question.NOT_BYTES, ["'a'", "1", "1.5"], ["x'61'", "x''"]),
    case("sqlite", "BLOB", Question.NOT_UTF8, ["x'FF'"], ["x'C3A9'", "x''"]),
    case("sqlite", "BLOB", Question.NUL, ["x'6100'"], ["x'C3A9'", "x''"]),
    case(
        "sqlite",
        "UUID",
        Question.NOT_UUID,
        ["'x'", "x'00'", "5"],
        ["'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "x'6f9619ff8b86d011b42d00c04fc964ff'"],
    ),
    case(
        "sqlite", "JSON_TEXT", Question.NOT_JSON, ["'{'", "x'31'", "'NaN'"], ["'1'", "'{\"a\": 1}'"]
    ),
    case(
        "sqlite", "JSON_TEXT", Question.JSON_NUL, [r"""'"\u0000"'"""], [r"""'"\\u0000"'""", "'1'"]
    ),
    case(
        "sqlite",
        "JSON_TEXT",
        Question.JSON_SURROGATE,
        [r"""'"\ud800"'"""],
        [r"""'"\ud83e\udd9c"'""", "'1'"],
    ),
    case(
        "sqlite",
        "JSON_TEXT",
        Question.JSON_DIGITS,
        ["'[0.12345678901234567890]'", "'99999999999999999999'"],
        ["'[0.1, 9223372036854775807]'", "'{'"],
    ),
)
CASES = (*read_cases(), *POSTGRESQL, *MARIADB, *SQLITE)
