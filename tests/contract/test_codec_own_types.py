"""Types that one engine has alone, and values that only one engine keeps, are written exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import codecs, databases
from whimbrel.engines import codec
from whimbrel.engines.forms import Family, Form

OpenRaw = Callable[[databases.Database], databases.Raw]

POSTGRESQL = [
    ("integer[]", "{1,NULL,3}", "[1,null,3]"),
    ("integer[]", "{}", "[]"),
    ("integer[]", "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
    ("integer[]", "[2:3]={1,2}", "[2:3]={1,2}"),
    ("text[]", '{a,"b c","d\\"e",NULL,"NULL",""}', '["a","b c","d\\"e",null,"NULL",""]'),
    ("double precision[]", "{0.1,-0,1e300}", "[0.1,-0,1e+300]"),
    ("bytea[]", '{"\\\\x00ff"}', '["\\\\x00ff"]'),
    ("timestamptz[]", '{"2024-01-01 00:00:00+01"}', '["2023-12-31T23:00:00+00:00"]'),
    ("json[]", '{"null",NULL}', '{"null",NULL}'),
    ("json", '{"a": 1, "a": "\\u0000"}', '{"a": 1, "a": "\\u0000"}'),
    ("jsonb", '{"b": [1.0, true], "a": null}', '{"a": null, "b": [1.0, true]}'),
    ("jsonb", "null", "null"),
    ("bit varying(70)", "101", "101"),
    ("bit(70)", "1" * 70, "1" * 70),
    ("name", "Ä b", "Ä b"),
    ('"char"', "x", "x"),
    ("interval", "1 mon -2 days 03:00:00.5", "1 mon -2 days +03:00:00.5"),
    ("int4range", "[1,5)", "[1,5)"),
    ("inet", "10.0.0.1/8", "10.0.0.1/8"),
    ("timetz", "10:00:00+02", "10:00:00+02"),
    ("tsvector", "'a' 'b'", "'a' 'b'"),
    ("pair", '(1,"a b")', '(1,"a b")'),
    ("money", "$1.50", "1.50"),
    ("oid", "4294967295", "4294967295"),
    ("numeric", "NaN", "NaN"),
    ("numeric", "-Infinity", "-Infinity"),
    ("numeric", "100.5", "100.5"),
    ("numeric(5,-2)", "12345", "12300"),
    ("double precision", "-0", "-0"),
    ("double precision", "NaN", "NaN"),
    ("double precision", "-Infinity", "-Infinity"),
    ("real", "-0", "-0"),
    ("date", "infinity", "infinity"),
    ("date", "0044-03-15 BC", "0044-03-15 BC"),
    ("date", "5874897-12-31", "5874897-12-31"),
    ("time", "24:00:00", "24:00:00"),
    ("timestamp", "-infinity", "-infinity"),
    ("timestamp", "294276-12-31 23:59:59.999999", "294276-12-31 23:59:59.999999"),
    ("timestamp", "0044-03-15 10:00:00 BC", "0044-03-15 10:00:00 BC"),
    ("timestamptz", "infinity", "infinity"),
    ("timestamptz", "0001-01-01 00:00:00+00", "0001-01-01 00:00:00"),
    ("timestamptz", "4713-01-01 00:00:00+00 BC", "4713-01-01 00:00:00 BC"),
    ("colour", "deep 'red'", "deep 'red'"),
    ("positive", "5.10", "5.10"),
    ("short", "ab", "ab"),
    ("numbers", "{1,2}", "[1,2]"),
]
MYSQL = [
    ("enum('a','it''s','é')", "it's", "it's", Form(family=Family.TEXT)),
    ("set('a','b','c')", "c,a", "a,c", Form(family=Family.TEXT)),
    ("set('a','b\"q','é')", "é,a", '["a", "é"]', Form(family=Family.JSON)),
    ("set('a','b\"q','é')", 'b"q', '["b\\"q"]', Form(family=Family.JSON)),
    ("set('a','b')", "", "[]", Form(family=Family.JSON)),
    ("double(10,2)", "1.5", "1.5", Form(family=Family.FLOAT)),
    ("decimal(10,2) zerofill", "1.5", "1.50", Form(family=Family.DECIMAL, scale=2)),
    ("float(7,3) unsigned zerofill", "1.5", "1.5", Form(family=Family.FLOAT)),
    ("bigint(20) zerofill", "5", "5", Form(family=Family.DECIMAL)),
    ("year", "0000", "0", Form(family=Family.INTEGER)),
    ("time", "-838:59:59", "-838:59:59", Form(family=Family.TIME)),
    ("time(3)", "100:00:00.120", "100:00:00.12", Form(family=Family.TIME)),
    ("date", "0000-00-00", "0000-00-00", Form(family=Family.DATE)),
    ("date", "2024-00-00", "2024-00-00", Form(family=Family.DATE)),
    ("date", "2024-00-00", "2024-00-00 00:00:00", Form(family=Family.INSTANT)),
    ("datetime(3)", "0000-00-00", "0000-00-00 00:00:00", Form(family=Family.DATETIME)),
    ("timestamp(2) NULL", "0000-00-00", "0000-00-00 00:00:00", Form(family=Family.INSTANT)),
    ("datetime(6)", "0999-01-01 10:00:10.5", "0999-01-01 10:00:10.5", None),
    ("binary(16)", "0123456789abcdef", b"0123456789abcdef".hex(), Form(family=Family.UUID)),
    ("varbinary(20)", "0123", "!b30313233", Form(family=Family.UUID)),
    ("char(32)", "F" * 32, "f" * 32, Form(family=Family.UUID)),
    ("json", '{"a": "🦜"}', '{"a": "🦜"}', Form(family=Family.JSON, long=True)),
    ("mediumtext", "é", "é", Form(family=Family.TEXT, long=True)),
    ("char(5) CHARACTER SET latin1", "é ", "é", Form(family=Family.TEXT, padded=True)),
    ("varchar(5) CHARACTER SET cp1251", "ж ", "ж", Form(family=Family.TEXT, padded=True)),
    ("varchar(9) CHARACTER SET ucs2", "é|ж", "é|ж", Form(family=Family.TEXT)),
]


@pytest.fixture
def side(database: databases.Database) -> Iterator[codecs.Side]:
    """A prepared session on an empty database."""
    made = codecs.opened(database)
    yield made
    made.session.close()


@codecs.POSTGRESQL
@pytest.mark.parametrize(("type_", "value", "text"), POSTGRESQL)
def test_a_type_of_postgresql_is_written_and_read_again(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, type_: str, value: str, text: str
) -> None:
    raw(database).execute("CREATE TYPE colour AS ENUM ('red', 'deep ''red''')")
    raw(database).execute("CREATE TYPE pair AS (a int, b text)")
    raw(database).execute("CREATE DOMAIN positive AS numeric(10,2) CHECK (VALUE > 0)")
    raw(database).execute("CREATE DOMAIN short AS character(5)")
    raw(database).execute("CREATE DOMAIN numbers AS int[]")
    codecs.create(raw(database), "t", f"v {type_}, w {type_} NOT NULL")
    raw(database).execute("INSERT INTO t VALUES (NULL, %s)", (value,))
    scan = side.scan("t")
    form = scan.values[1].form

    given = side.codec.given(scan.values[0].column, form)
    side.session.execute(f"UPDATE t SET v = {given}", [text])
    side.session.commit()

    assert side.codec.rows(scan) == [(text.encode(), text.encode())]
    assert raw(database).value("SELECT count(*) FROM t WHERE v::text = w::text") == 1
    assert side.codec.total(scan) == codec.summed(
        [codec.hashed([(form, text.encode()), (form, text.encode())])]
    )


@codecs.MYSQL
@pytest.mark.parametrize(("type_", "value", "text", "shape"), MYSQL)
def test_a_type_of_mysql_is_written_and_read_again(
    side: codecs.Side,
    database: databases.Database,
    raw: OpenRaw,
    type_: str,
    value: str,
    text: str,
    shape: Form | None,
) -> None:
    raw(database).execute("SET sql_mode = ''")
    raw(database).execute("SET time_zone = '+00:00'")
    codecs.create(raw(database), "t", f"v {type_}, w {type_}")
    raw(database).execute("INSERT INTO t VALUES (NULL, %s)", (value,))
    scan = side.scan("t", [shape, shape] if shape else None)
    form = scan.values[1].form
    side.session.execute("SET sql_mode = ''")

    given = side.codec.given(scan.values[0].column, form)
    side.session.execute(f"UPDATE t SET v = {given}", [text])
    side.session.commit()

    assert side.codec.rows(scan) == [(text.encode(), text.encode())]
    assert side.codec.total(scan) == codec.summed(
        [codec.hashed([(form, text.encode()), (form, text.encode())])]
    )
    # The capitals of a UUID's digits say nothing, nor do blanks at the end where one side pads.
    if type_ != "char(32)" and not form.padded:
        assert raw(database).value("SELECT HEX(v) = HEX(w) FROM t") == 1


@codecs.MYSQL
def test_a_point_is_written_with_its_reference_system(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    codecs.create(raw(database), "t", "v point, w point NOT NULL")
    raw(database).execute("INSERT INTO t VALUES (NULL, ST_GeomFromText('POINT(1 2)', 4326))")
    scan = side.scan("t")
    text = str(raw(database).value("SELECT LOWER(HEX(w)) FROM t"))
    assert scan.values[1].form == Form(family=Family.OTHER, own="mysql point")

    given = side.codec.given(scan.values[0].column, scan.values[1].form)
    side.session.execute(f"UPDATE t SET v = {given}", [text])

    assert side.codec.rows(scan) == [(text.encode(), text.encode())]
