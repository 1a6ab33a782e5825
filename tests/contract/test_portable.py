"""Types of every engine go into types of every other one that hold their values as they are."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import psycopg
import pymysql
import pytest

from tests import codecs, databases
from whimbrel import errors, tables
from whimbrel.engines import forms, portable
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Domain, Facts, Meaning, Offer, Question
from whimbrel.schema import losses

OpenRaw = Callable[[databases.Database], databases.Raw]
NewDatabase = Callable[[str], databases.Database]

DRIVER_ERRORS = (psycopg.Error, pymysql.Error, sqlite3.Error)

# A type, values of it as they are written in its own SQL.
POSTGRESQL: list[tuple[str, Sequence[str]]] = [
    ("smallint", ("-32768", "32767")),
    ("integer", ("-2147483648", "2147483647")),
    ("bigint", ("-9223372036854775808", "9223372036854775807")),
    ("oid", ("0", "4294967295")),
    ("numeric", ("0.1", "-12345678901234567890123456789012345.5", "1e-30")),
    ("numeric(12,2)", ("-9999999999.99", "0.10")),
    ("numeric(65,30)", ("12345678901234567890123456789012345.123456789012345678901234567890",)),
    ("numeric(5,-2)", ("12300", "-9999900")),
    ("numeric(3,5)", ("0.00999",)),
    ("numeric(80,40)", ("1234567890123456789012345678901234567890.1234567890123456789",)),
    ("real", ("0.1", "-3.4028235e38", "1.4e-45", "-0")),
    ("double precision", ("0.1", "-1.7976931348623157e308", "2.2250738585072014e-308")),
    ("boolean", ("true", "false")),
    ("text", ("''", "' a '", "'Ä🦜\\'", "'%s'")),
    ("varchar(3)", ("'äöü'", "'   '")),
    ("varchar(2000)", ("repeat('ä', 2000)",)),
    ("varchar(20000)", ("repeat('🦜', 20000)",)),
    ("varchar(5000000)", ("'x'",)),
    ("char(5)", ("'ab'", "''")),
    ("char(300)", ("'ab'",)),
    ('"char"', ("'x'",)),
    ("name", ("'some_name'",)),
    ("bit(1)", ("B'1'", "B'0'")),
    ("bit(8)", ("B'10101010'",)),
    ("bit(64)", (f"B'{'1' * 64}'", f"B'{'0' * 64}'")),
    ("bit(70)", (f"B'{'10' * 35}'",)),
    ("bit varying(9)", ("B'101'", "B''")),
    ("bytea", ("'\\x'", "'\\x00ff27'")),
    ("date", ("'0001-01-01'", "'9999-12-31'")),
    ("time", ("'00:00'", "'23:59:59.999999'", "'24:00'")),
    ("time(0)", ("'23:59:59'",)),
    ("timestamp", ("'0001-01-01'", "'9999-12-31 23:59:59.999999'")),
    ("timestamp(3)", ("'2024-02-29 12:00:00.123'",)),
    ("timestamptz", ("'1969-12-31 23:00:00+00'", "'2039-01-01 12:00:00.5+02'")),
    ("timetz", ("'10:00:00.25+02'",)),
    ("interval", ("'1 mon -2 days 03:00:00.5'",)),
    ("json", ("""'{"a": 1, "a": 2}'""", "'1.10'")),
    ("jsonb", ("""'{"b": [1.0, true], "a": null}'""", "'12345678901234567890'", "'null'")),
    ("uuid", ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'")),
    ("inet", ("'10.0.0.1/8'", "'::1'")),
    ("cidr", ("'10.0.0.0/8'",)),
    ("macaddr", ("'08:00:2b:01:02:03'",)),
    ("int4range", ("'[1,5)'", "'empty'")),
    ("tstzrange", ("'[2024-01-01 00:00+00,)'",)),
    ("int4multirange", ("'{[1,2),[5,6)}'",)),
    ("integer[]", ("'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'")),
    ("text[]", ("""'{a,"b c","ä\\"e",NULL}'""",)),
    ("numeric(10,2)[]", ("'{1.10,2}'",)),
    ("inet[]", ("'{10.0.0.1}'",)),
    ("point", ("'(1.5,2)'",)),
    ("tsvector", ("'''a'' ''b'''",)),
    ("money", ("'12.50'",)),
    ("colour", ("'red'", "'deep ''red'''", "'x\\y'")),
    ("pair", ("'(1,\"a b\")'",)),
    ("positive", ("5.10",)),
    ("short", ("'ab'",)),
    ("numbers", ("'{1,2}'",)),
]
MYSQL: list[tuple[str, Sequence[str]]] = [
    ("tinyint", ("-128", "127")),
    ("tinyint unsigned", ("0", "255")),
    ("smallint unsigned", ("65535",)),
    ("mediumint", ("-8388608", "8388607")),
    ("mediumint unsigned", ("16777215",)),
    ("int(5) unsigned zerofill", ("7", "4294967295")),
    ("bigint", ("-9223372036854775808", "9223372036854775807")),
    ("year", ("1901", "2155", "0000")),
    ("bit(1)", ("b'0'", "b'1'")),
    ("bit(7)", ("b'1111111'",)),
    ("bit(64)", (f"b'{'1' * 64}'", "0")),
    ("decimal(65,30)", ("-12345678901234567890123456789012345.123456789012345678901234567890",)),
    ("decimal(10,2) unsigned", ("99999999.99",)),
    ("float", ("0.1", "-3.40282e38", "1e-38")),
    ("float(7,3)", ("1234.567",)),
    ("double", ("0.1", "-1.7976931348623157e308", "-0e0")),
    ("char(5)", ("'ab'", "''")),
    ("char(5) CHARACTER SET latin1", ("'äöü'",)),
    ("varchar(3) COLLATE utf8mb4_bin", ("'äöü'", "' a '")),
    ("varchar(3) COLLATE utf8mb4_general_ci", ("'Ä🦜a'",)),
    ("tinytext", ("'a'",)),
    ("text", ("REPEAT('x', 65535)",)),
    ("longtext", ("REPEAT('x', 70000)",)),
    ("binary(3)", ("'a'",)),
    ("varbinary(10)", ("x'00ff27'", "''")),
    ("blob", ("x'00'",)),
    ("date", ("'0001-01-01'", "'9999-12-31'")),
    ("time", ("'00:00:00'", "'23:59:59'")),
    ("time(6)", ("'23:59:59.999999'",)),
    ("datetime", ("'0001-01-01'", "'9999-12-31 23:59:59'")),
    ("datetime(6)", ("'9999-12-31 23:59:59.999999'",)),
    ("timestamp(3) NULL", ("'2024-02-29 12:00:00.123'", "'1970-01-02 00:00:01'")),
    ("json", ("""'{"b": [1.0, true], "a": "ä"}'""", "'1.10'")),
    ("enum('a','it''s','b\\\\c','')", ("'a'", "'it''s'", "'b\\\\c'", "''")),
    ("set('a','b c','d''e')", ("''", "'a,d''e'")),
    ("point", ("ST_GeomFromText('POINT(1 2)')",)),
]
MARIADB: list[tuple[str, Sequence[str]]] = [
    ("uuid", ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'")),
    ("inet4", ("'10.0.0.1'",)),
    ("inet6", ("'::ffff:10.0.0.1'",)),
]
SQLITE: list[tuple[str, Sequence[str]]] = [
    ("INTEGER", ("-9223372036854775808", "9223372036854775807")),
    ("SMALLINT", ("7",)),
    ("REAL", ("0.1", "-1.7976931348623157e308", "5e-324")),
    ("DECIMAL(10,2)", ("12345678.25", "'-0.10'")),
    ("DECIMAL_TEXT(30,10)", ("'12345678901234567890.0123456789'",)),
    ("NUMERIC", ("0.1", "9223372036854775807")),
    ("BOOLEAN", ("0", "1")),
    ("TEXT", ("''", "' Ä🦜'", "'007'")),
    ("VARCHAR(40)", ("'x'",)),
    ("NVARCHAR(3)", ("'äöü'",)),
    ("CHAR(5)", ("'ab '",)),
    ("TEXT COLLATE NOCASE", ("'Aa'",)),
    ("", ("'a'", "'b'")),
    ("BLOB", ("x'00ff'", "x''")),
    ("DATE", ("'2024-02-29'",)),
    ("TIME", ("'23:59:59.5'", "'10:00'")),
    ("DATETIME", ("'2024-02-29 12:00:00'", "'2024-02-29T12:00'", "'2024-02-29'")),
    ("TIMESTAMPTZ", ("'2024-02-29 12:00:00+02:00'", "'2024-02-29T12:00:00Z'")),
    ("JSON_TEXT", ("""'{"a": [1.10]}'""",)),
    ("UUID", ("'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'", "x'00112233445566778899aabbccddeeff'")),
]
SOURCES = {
    "postgresql": POSTGRESQL,
    "mariadb": [*MYSQL, *MARIADB],
    "sqlite": SQLITE,
}
MADE = (
    "CREATE TYPE colour AS ENUM ('red', 'deep ''red''', 'x\\y', 'blank ')",
    # MariaDB's catalog would have ? for it, and take ? for a word.
    "CREATE TYPE party AS ENUM ('a', '🎉')",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0)",
    "CREATE DOMAIN short AS character(5)",
    "CREATE DOMAIN numbers AS int[]",
)
PAIRS = [
    pytest.param(source, target, marks=pytest.mark.server, id=f"{source}-{target}")
    for source in SOURCES
    for target in SOURCES
]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a pair."""

    database: databases.Database
    raw: databases.Raw
    side: codecs.Side

    @property
    def converter(self) -> portable.Converter:
        return self.side.session.engine.converter(self.side.session)

    def found(self, table: str) -> tables.Table:
        return self.side.session.engine.catalog(self.side.session).table(table)

    def facts(self, table: str, column: str, asked: frozenset[Question]) -> Facts:
        """Return what the values of a column are, and leave no transaction open."""
        profiler = self.side.session.engine.profiler(self.side.session)
        try:
            return profiler.facts(self.found(table), {column: asked})[column]
        finally:
            self.side.session.rollback()


@pytest.fixture
def end(new_database: NewDatabase, raw: OpenRaw) -> Iterator[Callable[[str], End]]:
    """Make an end of an engine, whose types of its own are there."""
    with contextlib.ExitStack() as stack:

        def make(engine_id: str) -> End:
            database = new_database(engine_id)
            side = codecs.opened(database)
            stack.callback(side.session.close)
            if database.kind == "postgresql":
                for statement in MADE:
                    raw(database).execute(statement)
            return End(database=database, raw=raw(database), side=side)

        yield make


def made(raw: databases.Raw, column: str) -> None:
    """Make the table t with one column."""
    options = " CHARACTER SET utf8mb4" if raw.database.kind in ("mariadb", "mysql") else ""
    raw.execute(f"CREATE TABLE t ({column}){options}")


def create(target: End, offer: Offer) -> None:
    """Make the table t with one column as it is offered."""
    for _, statement in offer.creates:
        target.raw.execute(statement)
    quote = target.side.session.engine.quote
    column = f"{quote('v')} {offer.type}"
    if offer.collation:
        collation = offer.collation
        column += f" COLLATE {quote(collation) if target.database.kind != 'mariadb' else collation}"
    for check in offer.checks:
        column += f" CHECK ({check.replace('{column}', quote('v'))})"
    made(target.raw, column)


def offered(source: End, target: End, *, key: bool = False) -> tuple[Meaning, Offer]:
    """Return what is offered for the column of the source's table, as its values are."""
    table = source.found("t")
    meaning = source.converter.meaning(table, table.columns[0])
    first = target.converter.offer(meaning, Facts(rows=0), table="t", column="v", key=key)
    needs = target.converter.needs(meaning, key=key)
    asked = losses.asked(meaning, first.domain, needs=needs)
    facts = source.facts("t", "v", asked) if asked else Facts(rows=1)
    offer = target.converter.offer(meaning, facts, table="t", column="v", key=key)
    assert losses.unanswered(meaning, offer.domain, facts) == set()
    assert losses.unfit(offer.domain, facts) == set()
    target.side.session.rollback()
    source.side.session.rollback()
    return meaning, offer


def carry(source: End, target: End) -> tuple[forms.Form, list[bytes | None], list[bytes | None]]:
    """Carry the rows by their texts; return the texts of both sides."""
    ends = [one.side.scan("t") for one in (source, target)]
    form = forms.meet(ends[0].values[0].form, ends[1].values[0].form, what="v")
    carried = dataclasses.replace(form, padded=False)
    scans = [
        dataclasses.replace(scan, values=(dataclasses.replace(scan.values[0], form=carried),))
        for scan in ends
    ]
    rows = [row[0] for row in source.side.codec.rows(scans[0])]
    source.side.session.rollback()
    given = target.side.codec.given(ends[1].values[0].column, carried)
    name = target.side.session.engine.quote("t")
    for text in rows:
        value = None if text is None else text.decode()
        target.side.session.execute(f"INSERT INTO {name} VALUES ({given})", [value])
    target.side.session.commit()
    found = [row[0] for row in target.side.codec.rows(scans[1])]
    target.side.session.rollback()
    return form, rows, found


@pytest.mark.parametrize(("source_id", "target_id"), PAIRS)
def test_what_is_offered_holds_the_values_as_they_are(
    end: Callable[[str], End], source_id: str, target_id: str
) -> None:
    source, target = end(source_id), end(target_id)
    wrong = []

    for type_, values in SOURCES[source_id]:
        made(source.raw, f"v {type_}")
        for value in values:
            source.raw.execute(f"INSERT INTO t VALUES ({value})")
        source.raw.execute("INSERT INTO t VALUES (NULL)")
        said = f"{type_}"
        try:
            _, offer = offered(source, target)
            said += f" → {offer.type}"
            create(target, offer)
            form, before, after = carry(source, target)
            # Counted rather than sorted by how they print: a set prints in an order of its own.
            meant = Counter(forms.meaning(form, text) for text in before)
            if meant != Counter(forms.meaning(form, text) for text in after):
                wrong.append(f"{said}: {before} became {after}")
            if any(forms.odd(form, text) for text in before):
                wrong.append(f"{said}: {before} is odd")
        except Exception as error:  # noqa: BLE001 - all of them are shown at once
            wrong.append(f"{said}: {error}")
            target.side.session.rollback()
            source.side.session.rollback()
        for one in (source, target):
            one.raw.execute("DROP TABLE IF EXISTS t")
            if one is target and one.database.kind == "postgresql":
                one.raw.execute("DROP TYPE IF EXISTS enum_t_v")

    assert not wrong, "\n".join(wrong)


# --- what values decide -----------------------------------------------------------------------

BY_VALUES = [
    ("mariadb", "tinyint(1)", ("0", "1"), "postgresql", "boolean"),
    ("mariadb", "tinyint(1)", ("0", "2"), "postgresql", "smallint"),
    ("mariadb", "tinyint(1)", ("0", "1"), "sqlite", "BOOLEAN"),
    ("mariadb", "tinyint(1)", ("-1",), "sqlite", "TINYINT"),
    ("mariadb", "bigint unsigned", ("0", "9223372036854775807"), "postgresql", "bigint"),
    ("mariadb", "bigint unsigned", ("18446744073709551615",), "postgresql", "numeric(20,0)"),
    ("mariadb", "bigint unsigned", ("9223372036854775807",), "sqlite", "BIGINT"),
    ("mariadb", "bigint unsigned", ("9223372036854775808",), "sqlite", "DECIMAL_TEXT(20, 0)"),
    ("mariadb", "bit(64)", (f"b'{'1' * 64}'",), "postgresql", "numeric(20,0)"),
    ("mariadb", "time(1)", ("'23:59:59.9'",), "postgresql", "time(1)"),
    ("mariadb", "time(1)", ("'-838:59:59'", "'24:00'"), "postgresql", "text"),
    ("mariadb", "json", ("""'{"a": "b"}'""",), "postgresql", "jsonb"),
    ("mariadb", "json", ("""'{"a": "\\\\u0000"}'""",), "postgresql", "json"),
    ("postgresql", "numeric", (f"{'9' * 35}.{'9' * 30}",), "mariadb", "decimal(65,30)"),
    ("postgresql", "numeric", ("9" * 60 + ".5",), "mariadb", "decimal(65,5)"),
    ("postgresql", "numeric", ("9" * 66,), "mariadb", "longtext"),
    ("postgresql", "numeric", ("1e-31",), "mariadb", "longtext"),
    ("postgresql", "numeric(80,40)", ("1.5",), "mariadb", "decimal(65,30)"),
    ("sqlite", "INTEGER", ("1", "2.5"), "postgresql", "double precision"),
    ("sqlite", "INTEGER", ("9007199254740993", "2.5"), "postgresql", "numeric"),
    ("sqlite", "INTEGER", ("1e300",), "postgresql", "double precision"),
    ("sqlite", "INTEGER", ("1e300",), "mariadb", "double"),
    ("sqlite", "INTEGER", ("1", "2.5"), "mariadb", "double"),
    ("sqlite", "TINYINT", ("300",), "postgresql", "bigint"),
    ("sqlite", "BOOLEAN", ("0", "1", "'true'"), "postgresql", "boolean"),
    ("sqlite", "BOOLEAN", ("0", "2"), "postgresql", "bigint"),
    ("sqlite", "DECIMAL(10,2)", ("0.30000000000000004",), "postgresql", "numeric"),
    ("sqlite", "DECIMAL(10,2)", ("123456789",), "mariadb", "decimal(65,30)"),
    ("sqlite", "NUMERIC", ("1e300", "0.1"), "mariadb", "double"),
    ("sqlite", "NUMERIC", ("1e300", "9007199254740993"), "mariadb", "longtext"),
    ("mariadb", "bigint unsigned", ("NULL",), "postgresql", "bigint"),
    ("mariadb", "bigint unsigned", ("NULL",), "sqlite", "BIGINT"),
    ("sqlite", "VARCHAR(3)", ("'long'",), "postgresql", "text"),
    ("sqlite", "STRING", ("'a'", "5"), "postgresql", "text"),
    ("sqlite", "", ("5",), "postgresql", "bigint"),
    ("sqlite", "", ("5",), "mariadb", "bigint"),
    ("sqlite", "", ("5", "0.5"), "postgresql", "double precision"),
    ("sqlite", "", ("5", "'a'"), "postgresql", "text"),
    ("sqlite", "", ("0.5", "-1e300"), "mariadb", "double"),
    ("sqlite", "", ("9007199254740993", "0.5"), "mariadb", "decimal(65,30)"),
    ("sqlite", "DATE", ("'2024-02-29'", "'2024-02-29 10:00'"), "postgresql", "timestamp"),
    ("sqlite", "DATE", ("'2024-02-29'", "'2024-02-29 10:00'"), "mariadb", "datetime(6)"),
    ("sqlite", "DATETIME", ("'2024-02-29 10:00 +02:00'",), "postgresql", "timestamptz"),
    ("sqlite", "JSON_TEXT", ("""'"\\u0000"'""",), "postgresql", "json"),
    ("sqlite", "JSON_TEXT", ("""'"\\ud800"'""",), "postgresql", "json"),
]


@pytest.mark.server
@pytest.mark.parametrize(("source_id", "type_", "values", "target_id", "expected"), BY_VALUES)
def test_the_values_decide_which_type_is_offered(
    end: Callable[[str], End],
    source_id: str,
    type_: str,
    values: Sequence[str],
    target_id: str,
    expected: str,
) -> None:
    source, target = end(source_id), end(target_id)
    made(source.raw, f"v {type_}")
    for value in values:
        source.raw.execute(f"INSERT INTO t VALUES ({value})")

    _, offer = offered(source, target)
    create(target, offer)
    form, before, after = carry(source, target)

    assert offer.type == expected
    assert len(before) == len(values)
    assert Counter(forms.meaning(form, text) for text in before) == Counter(
        forms.meaning(form, text) for text in after
    )


KEYS = [
    ("postgresql", "text", ("'a'", "'A'", "'a '"), "varchar(255)"),
    ("postgresql", "text", ("repeat('ä', 256)",), "varchar(768)"),
    ("postgresql", "text", ("repeat('ä', 769)",), "longtext"),
    ("postgresql", "varchar(1000)", ("repeat('ä', 300)",), "varchar(768)"),
    ("postgresql", "varchar(768)", ("repeat('🦜', 768)",), "varchar(768)"),
    ("postgresql", "bytea", ("'\\x00'", "'\\x0000'"), "varbinary(255)"),
    ("postgresql", "bytea", ("decode(repeat('ff', 300), 'hex')",), "varbinary(3072)"),
    ("postgresql", "inet", ("'10.0.0.1'",), "varchar(50)"),
    ("postgresql", "int4range", ("'[1,2)'",), "varchar(255)"),
    ("postgresql", "uuid", ("'00000000-0000-0000-0000-000000000000'",), "uuid"),
    ("sqlite", "TEXT", ("'a'", "'A'", "'a '", "'ä'", "'a' || char(769)"), "varchar(255)"),
    ("sqlite", "BLOB", ("x'00'", "x''"), "varbinary(255)"),
]


@pytest.mark.server
@pytest.mark.parametrize(("source_id", "type_", "values", "expected"), KEYS)
def test_a_key_gets_a_type_that_an_index_takes_and_is_as_unique_as_it_was(
    end: Callable[[str], End], source_id: str, type_: str, values: Sequence[str], expected: str
) -> None:
    source, target = end(source_id), end("mariadb")
    made(source.raw, f"v {type_} UNIQUE")
    for value in values:
        source.raw.execute(f"INSERT INTO t VALUES ({value})")

    _, offer = offered(source, target, key=True)
    create(target, offer)
    if expected != "longtext":
        target.raw.execute("CREATE UNIQUE INDEX i ON t (v)")
    _, before, after = carry(source, target)

    assert offer.type == expected
    assert sorted(map(repr, before)) == sorted(map(repr, after))


# --- what a type takes, and one step beyond ---------------------------------------------------

# A wish, and what it is wished for; a value that is kept, and one that must not be.
EDGES = [
    ("postgresql", "smallint", "bigint", "32767", "32768"),
    ("postgresql", "integer", "bigint", "-2147483648", "-2147483649"),
    ("postgresql", "bigint", "numeric", "9223372036854775807", "9223372036854775808"),
    ("postgresql", "numeric(5,2)", "numeric", "999.99", "1000.00"),
    ("postgresql", "numeric(5,2)", "numeric", "0.01", "0.001"),
    ("postgresql", "varchar(3)", "text", "'äöü'", "'äöüx'"),
    ("postgresql", "varchar(3)", "text", "'äöü'", "'äöü '"),
    ("postgresql", "time(0)", "time", "'10:00:01'", "'10:00:00.5'"),
    ("postgresql", "timestamptz(3)", "timestamptz", "'2024-01-01 00:00:00.001'", None),
    ("mariadb", "tinyint", "bigint", "-128", "-129"),
    ("mariadb", "int unsigned", "bigint", "4294967295", "4294967296"),
    ("mariadb", "int unsigned", "bigint", "0", "-1"),
    ("mariadb", "bigint unsigned", "numeric", "18446744073709551615", "18446744073709551616"),
    ("mariadb", "bit(3)", "bigint", "7", "8"),
    ("mariadb", "year", "bigint", "1901", "1900"),
    ("mariadb", "year", "bigint", "2155", "70"),
    ("mariadb", "decimal(5,2)", "numeric", "-999.99", "-1000"),
    ("mariadb", "decimal(5,2)", "numeric", "0.01", "0.001"),
    ("mariadb", "varchar(3)", "text", "'äöü'", "'äöü '"),
    ("mariadb", "tinytext", "text", "REPEAT('x', 255)", "REPEAT('x', 256)"),
    ("mariadb", "tinytext", "text", "REPEAT('ä', 127)", "REPEAT('ä', 128)"),
    ("mariadb", "varbinary(3)", "bytea", "x'000000'", "x'00000000'"),
    ("mariadb", "datetime", "timestamp", "'2024-01-01 00:00:01'", "'2024-01-01 00:00:00.5'"),
    ("sqlite", "BIGINT", "numeric", "9223372036854775807", "9223372036854775808"),
    ("sqlite", "DECIMAL(15,5)", "numeric(15,5)", "9999999999.99999", None),
]


def shown(target: End) -> object:
    """Return the only value, as text."""
    text = {"postgresql": "v::text", "mariadb": "CAST(v + 0 AS CHAR)", "sqlite": "v"}
    kind = target.database.kind
    types = target.found("t").columns[0].type
    numbers = ("int", "year", "bit", "decimal")
    sql = text[kind] if kind != "mariadb" or any(n in types for n in numbers) else "v"
    return target.raw.value(f"SELECT {sql} FROM t")


@pytest.mark.server
@pytest.mark.parametrize(("target_id", "wish", "source_type", "kept", "beyond"), EDGES)
def test_a_domain_ends_where_the_type_does(
    end: Callable[[str], End],
    target_id: str,
    wish: str,
    source_type: str,
    kept: str,
    beyond: str | None,
) -> None:
    source, target = end("postgresql"), end(target_id)
    made(source.raw, f"v {source_type}")
    table = source.found("t")
    meaning = source.converter.meaning(table, table.columns[0])
    target.side.session.rollback()

    offer = target.converter.wished(wish, meaning)
    target.side.session.rollback()
    made(target.raw, f"v {offer.type}")
    target.raw.execute(f"INSERT INTO t VALUES ({kept})")
    written = str(shown(target))
    outside = is_outside(offer.domain, beyond) if beyond else True

    assert not is_outside(offer.domain, kept)
    assert written.strip("'") == kept.strip("'") or "REPEAT" in kept or not kept[:1].isdigit()
    assert outside
    if beyond:
        target.raw.execute("DELETE FROM t")
        with contextlib.suppress(*DRIVER_ERRORS):
            target.raw.execute(f"INSERT INTO t VALUES ({beyond})")
            # What is not refused is changed: hence the domain.
            assert str(shown(target)) != beyond.strip("'")


def is_outside(domain: Domain, literal: str) -> bool:
    """Whether a value lies outside of a domain."""
    if literal.startswith("x'"):
        return domain.octets is not None and len(literal) // 2 - 1 > domain.octets
    text = literal.strip("'")
    repeated = re.fullmatch(r"REPEAT\('(.)', (\d+)\)", literal)
    if repeated:
        text = repeated[1] * int(repeated[2])
    seconds = re.fullmatch(r"[\d: -]*\d\d:\d\d(?:\.(\d+))?", text)
    if seconds:
        return domain.digits_behind is not None and len(seconds[1] or "") > domain.digits_behind
    if not re.fullmatch(r"-?[\d.]+", text):
        long = domain.characters is not None and len(text) > domain.characters
        return long or (domain.octets is not None and len(text.encode()) > domain.octets)
    whole, _, rest = text.lstrip("-").partition(".")
    return (
        (domain.least is not None and Decimal(text) < domain.least)
        or (domain.most is not None and Decimal(text) > domain.most)
        or (domain.digits_before is not None and len(whole.lstrip("0")) > domain.digits_before)
        or (domain.digits_behind is not None and len(rest) > domain.digits_behind)
    )


# What a type has no room for: a trouble, and a value that has it.
TROUBLES = [
    ("postgresql", "text", "TEXT", Question.NUL, "'a' || chr(0)"),
    ("postgresql", "jsonb", "JSON_TEXT", Question.JSON_NUL, """'"\\u0000"'"""),
    ("postgresql", "jsonb", "JSON_TEXT", Question.JSON_SURROGATE, """'"\\ud800"'"""),
    ("postgresql", "json", "JSON_TEXT", Question.NOT_JSON, "'{'"),
    ("postgresql", "date", "DATE", Question.ZERO_DATE, "'0000-00-00'"),
    ("postgresql", "date", "DATE", Question.NOT_DATE, "'yesterdays'"),
    ("postgresql", "timestamp", "DATETIME", Question.ZERO_DATE, "'2024-00-01'"),
    ("postgresql", "timestamp", "DATETIME", Question.FINE_FRACTION, "'2024-01-01 0:0:0.1234567'"),
    ("postgresql", "time", "TIME", Question.TIME_BEYOND_DAY, "'838:00'"),
    ("postgresql", "boolean", "BOOLEAN", Question.NOT_BOOLEAN, "'2'"),
    ("postgresql", "bigint", "INTEGER", Question.NOT_NUMBER, "'x'"),
    ("postgresql", "bigint", "INTEGER", Question.NOT_WHOLE, "2.5"),
    ("postgresql", "numeric(5,2)", "NUMERIC(5,2)", Question.INFINITE, "'Infinity'"),
    ("postgresql", "uuid", "UUID", Question.NOT_UUID, "'x'"),
    ("postgresql", "char(3)", "TEXT", Question.TRAILING_BLANKS, "'a '"),
    ("mariadb", "double", "DOUBLE", Question.NAN, "'NaN'"),
    ("mariadb", "double", "DOUBLE", Question.INFINITE, "1e400"),
    ("mariadb", "double", "", Question.NEGATIVE_ZERO, "-0e0"),
    ("mariadb", "date", "DATE", Question.BEFORE_CHRIST, "'0044-03-15 BC'"),
    ("mariadb", "date", "DATE", Question.BEYOND_9999, "'10000-01-01'"),
    ("mariadb", "datetime(6)", "DATETIME", Question.INFINITE_DATE, "'infinity'"),
    ("mariadb", "datetime(6)", "DATETIME", Question.FINE_FRACTION, "'2024-01-01 0:0:0.1234567'"),
    ("mariadb", "time(6)", "TIME", Question.FINE_FRACTION, "'10:00:00.1234567'"),
    ("mariadb", "json", "JSON_TEXT", Question.NOT_JSON, "'{'"),
    ("mariadb", "json", "JSON_TEXT", Question.JSON_SURROGATE, """'"\\\\ud800"'"""),
    ("mariadb", "longtext", "TEXT", Question.NOT_UTF8, "x'ff'"),
    ("mariadb", "char(3)", "TEXT", Question.TRAILING_BLANKS, "'a '"),
    ("mariadb", "uuid", "UUID", Question.NOT_UUID, "'x'"),
]


@pytest.mark.server
@pytest.mark.parametrize(("target_id", "wish", "source_type", "trouble", "value"), TROUBLES)
def test_what_a_domain_refuses_is_not_kept_by_the_type(
    end: Callable[[str], End],
    target_id: str,
    wish: str,
    source_type: str,
    trouble: Question,
    value: str,
) -> None:
    source, target = end("sqlite"), end(target_id)
    made(source.raw, f"v {source_type}")
    table = source.found("t")
    meaning = source.converter.meaning(table, table.columns[0])

    offer = target.converter.wished(wish, meaning)
    target.side.session.rollback()
    made(target.raw, f"v {offer.type}")

    assert trouble in offer.domain.refuses
    with contextlib.suppress(*DRIVER_ERRORS):
        target.raw.execute(f"INSERT INTO t VALUES ({value})")
        assert str(shown(target)) != value.strip("'")


@pytest.mark.parametrize(
    ("type_", "value", "trouble"),
    [("DOUBLE", -0.0, Question.NEGATIVE_ZERO), ("DOUBLE", float("nan"), Question.NAN)],
)
def test_sqlite_keeps_no_sign_of_zero_and_no_nan(
    end: Callable[[str], End], type_: str, value: float, trouble: Question
) -> None:
    source, target = end("postgresql"), end("sqlite")
    made(source.raw, "v double precision")
    table = source.found("t")
    meaning = source.converter.meaning(table, table.columns[0])

    offer = target.converter.offer(meaning, Facts(rows=0), table="t", column="v", key=False)
    made(target.raw, f"v {offer.type}")
    target.raw.execute("INSERT INTO t VALUES (?)", [value])

    assert offer.type == type_
    assert trouble in offer.domain.refuses
    assert repr(target.raw.value("SELECT v FROM t")) != repr(value)


@pytest.mark.server
@pytest.mark.parametrize(
    ("source_id", "type_", "good", "bad"),
    [
        ("mariadb", "enum('a','it''s')", "it's", "b"),
        ("mariadb", "set('a','b','it''s')", "a,it's", "a,c"),
        ("mariadb", "set('a','b')", "", "ab"),
        ("postgresql", "colour", "deep 'red'", "RED"),
        ("postgresql", "party", "🎉", "?"),
    ],
)
@pytest.mark.parametrize("target_id", ["postgresql", "mariadb", "sqlite"])
def test_an_enumeration_keeps_its_words_and_takes_no_others(
    end: Callable[[str], End], source_id: str, type_: str, good: str, bad: str, target_id: str
) -> None:
    source, target = end(source_id), end(target_id)
    made(source.raw, f"v {type_}")
    place = "?" if target_id == "sqlite" else "%s"

    _, offer = offered(source, target)
    create(target, offer)
    target.raw.execute(f"INSERT INTO t VALUES ({place})", [good])

    assert target.raw.value("SELECT v FROM t") == good
    with pytest.raises(DRIVER_ERRORS):
        target.raw.execute(f"INSERT INTO t VALUES ({place})", [bad])


@pytest.mark.server
@pytest.mark.parametrize("engine_id", ["postgresql", "mariadb"])
@pytest.mark.parametrize(
    "type_", ["nonsense", "int; DROP TABLE t", "varchar(3", "int -- ", "varchar(x)"]
)
def test_a_type_that_is_none_is_refused(
    end: Callable[[str], End], engine_id: str, type_: str
) -> None:
    target = end(engine_id)
    meaning = Meaning(family=Family.TEXT, engine="other")

    with pytest.raises(errors.UsageError, match="there is no type"):
        target.converter.wished(type_, meaning)

    assert not target.side.session.in_transaction
