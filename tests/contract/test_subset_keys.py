"""Rows of a subset are found again by keys of every type, in partitions, and without any key."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import whimbrel
from tests import databases, engines
from whimbrel.engines import registry
from whimbrel.proof import sides
from whimbrel.rehearsal import keyed

OpenRaw = Callable[[databases.Database], databases.Raw]

# The type of a key, and SQL for the values of it.
KEYS = {
    "sqlite": {
        "text": ["''", "'a'", "'it''s'", "'漢字'", "'😀'", "'a' || char(10)", "'%s %% ?'", "'\\x'"],
        "any": ["1", "'1'", "1.5", "x'31'", "''", "x''", "-7", "1e300", "'5.0'"],
        "blob": ["x''", "x'00ff'", "x'27'"],
        "real": ["0.1", "1e-300", "-5.5", "1.4548098900505698e-301", "9007199254740993.0"],
        "integer": ["-9223372036854775808", "0", "9223372036854775807"],
    },
    "postgresql": {
        "text": ["''", "'a'", "'it''s'", "'漢字'", "'😀'", "E'a\\n'", "'%s %% ?'", "E'\\\\x'"],
        "varchar(9)": ["'A'", "'a'", "' a '"],
        "char(5)": ["'a'", "'abcde'"],
        "uuid": [
            "'00000000-0000-0000-0000-00000000000a'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        ],
        "date": ["'2024-02-29'", "'infinity'", "'0044-03-15 BC'", "'12024-01-01'"],
        "timestamp": ["'2024-02-29 23:59:59.123456'", "'1970-01-01'"],
        "timestamptz": ["'2024-02-29 23:59:59.5+02'", "'1970-01-01 00:00:00Z'"],
        "numeric": ["0", "1.50", "-12345678901234567890.123", "'NaN'"],
        "double precision": ["0.1", "1e300", "-0.0", "'NaN'", "'Infinity'"],
        "boolean": ["true", "false"],
        "bytea": ["''", "'\\x00ff27'"],
        "bigint": ["-9223372036854775808", "0", "9223372036854775807"],
        "time": ["'23:59:59.5'", "'00:00'"],
        "inet": ["'10.0.0.1'", "'fe80::1'"],
        "integer[]": ["'{1,2}'", "'{}'"],
        "interval": ["'1 mon'", "'5 days'"],
    },
    "mariadb": {
        "varchar(40)": ["''", "'a'", "'it''s'", "'漢字'", "'😀'", "'a\\n'", "'%s %% ?'", "'\\\\x'"],
        "varchar(9) COLLATE utf8mb4_bin": ["'A'", "'a'", "' a'"],
        "char(5)": ["'a'", "'abcde'"],
        "uuid": [
            "'00000000-0000-0000-0000-00000000000a'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        ],
        "date": ["'2024-02-29'", "'1000-01-01'"],
        "datetime(6)": ["'2024-02-29 23:59:59.123456'", "'1970-01-01'"],
        "decimal(30,3)": ["0", "1.5", "-12345678901234567890.123"],
        "double": ["0.1", "1e300", "-5.5"],
        "varbinary(9)": ["''", "x'00ff27'"],
        "bigint unsigned": ["0", "18446744073709551615"],
        "time(2)": ["'23:59:59.5'", "'-800:00:00'"],
        "enum('a','b')": ["'a'", "'b'"],
        "year": ["1999", "2024"],
        "bit(9)": ["b'101'", "b'0'"],
    },
}
KEYS["mysql"] = {name: of for name, of in KEYS["mariadb"].items() if name != "uuid"}


def find(database: databases.Database, table: str) -> list[tuple[int, list[keyed.Key]]]:
    """Look each row of a table up by its own key; return how many keys there are, and what came."""
    side = sides.Side(lambda: registry.open_session(database.url, read_only=True))

    def look(seat: sides.Seat) -> list[tuple[int, list[keyed.Key]]]:
        shape = keyed.keyed(seat, seat.engine.catalog(seat.session).table(table))
        keys = [shape.of(row) for rows in shape.texts(seat) for row in rows]
        alone = [(1, shape.found(seat, shape.condition(seat, [key]))) for key in keys]
        return [*alone, (len(keys), shape.found(seat, shape.condition(seat, keys)))]

    try:
        return side.run(look)
    finally:
        side.abandon()


def test_rows_are_found_by_keys_of_every_type(database, raw):
    own = raw(database)
    for number, (type_, values) in enumerate(KEYS[database.kind].items()):
        type_ = "" if type_ == "any" else type_
        own.execute(f"CREATE TABLE k{number} (k {type_} NOT NULL PRIMARY KEY, n integer)")
        for at, value in enumerate(values):
            own.execute(f"INSERT INTO k{number} VALUES ({value}, {at})")

        found = find(database, f"k{number}")

        assert len(values) + 1 == len(found)
        assert [] == [one for one in found if one[0] != len(one[1])], type_


def test_rows_are_found_by_keys_of_several_columns(database, raw):
    own = raw(database)
    for number, (type_, values) in enumerate(KEYS[database.kind].items()):
        type_ = "" if type_ == "any" else type_
        own.execute(
            f"CREATE TABLE k{number} (a integer NOT NULL, k {type_} NOT NULL, PRIMARY KEY (k, a))"
        )
        for at, value in enumerate(values):
            own.execute(f"INSERT INTO k{number} VALUES ({at}, {value})")

        found = find(database, f"k{number}")

        assert [] == [one for one in found if one[0] != len(one[1])], type_


@engines.without("sqlite")
def test_rows_without_a_key_are_found_by_all_that_they_have(database, raw):
    own = raw(database)
    for number, (type_, values) in enumerate(KEYS[database.kind].items()):
        own.execute(f"CREATE TABLE k{number} (k {type_}, n integer)")
        for at, value in enumerate([*values, "NULL"]):
            own.execute(f"INSERT INTO k{number} VALUES ({value}, {at if at else 'NULL'})")

        found = find(database, f"k{number}")

        assert [] == [one for one in found if one[0] != len(one[1])], type_


@engines.only("postgresql", "postgresql18")
@pytest.mark.parametrize("to", ["the same", "sqlite"])
def test_rows_of_partitions_are_those_of_their_table(to, database, new_database, raw):
    own = raw(database)
    own.execute("CREATE TABLE kinds (id integer PRIMARY KEY)")
    own.execute("INSERT INTO kinds SELECT * FROM generate_series(1, 50)")
    own.execute(
        "CREATE TABLE parts (id integer, kind integer REFERENCES kinds, PRIMARY KEY (id)) "
        "PARTITION BY RANGE (id)"
    )
    own.execute("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (500)")
    own.execute("CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (500) TO (1000)")
    own.execute("INSERT INTO parts SELECT n, n % 25 + 1 FROM generate_series(0, 999) AS n")
    own.execute("CREATE TABLE lines (id integer PRIMARY KEY, part integer REFERENCES parts)")
    own.execute("INSERT INTO lines SELECT n, n % 1000 FROM generate_series(1, 3000) AS n")
    target = new_database(database.engine_id if to == "the same" else "sqlite")

    done = whimbrel.subset(database.url, target.url, percent=4, seed=7)

    there = raw(target)
    assert done.ok
    lost = there.value("SELECT count(*) FROM lines WHERE part NOT IN (SELECT id FROM parts)")
    assert 0 == lost
    by_name = {one.table: one for one in done.choice.tables}
    assert by_name["parts"].rows == there.value("SELECT count(*) FROM parts") < 250
    assert ["kinds", "lines", "parts"] == sorted(by_name)


@engines.only("postgresql")
def test_rows_of_heirs_are_rows_of_their_own(database, new_database, raw):
    own, target = raw(database), new_database("postgresql")
    own.execute("CREATE TABLE place (id integer PRIMARY KEY, name text)")
    own.execute("CREATE TABLE town (mayor text, PRIMARY KEY (id)) INHERITS (place)")
    own.execute("INSERT INTO place SELECT n, 'p' FROM generate_series(1, 400) AS n")
    own.execute("INSERT INTO town SELECT n, 't', 'm' FROM generate_series(1, 400) AS n")

    done = whimbrel.subset(database.url, target.url, percent=5, seed=7)

    assert done.ok
    assert {"place": 20, "town": 20} == {one.table: one.rows for one in done.choice.tables}
    assert 20 == raw(target).value("SELECT count(*) FROM ONLY place")
    assert 20 == raw(target).value("SELECT count(*) FROM town")


@engines.only("postgresql", "mariadb")
def test_a_circle_of_keys_that_take_no_null_is_closed(database, new_database, raw):
    own, target = raw(database), new_database(database.engine_id)
    own.execute("CREATE TABLE a (id integer PRIMARY KEY, b integer NOT NULL)")
    own.execute("CREATE TABLE b (id integer PRIMARY KEY, a integer NOT NULL)")
    for number in range(300):
        own.execute("INSERT INTO a VALUES (%s, %s)", (number, (number * 7 + 1) % 300))
        own.execute("INSERT INTO b VALUES (%s, %s)", (number, number))
    late = " DEFERRABLE INITIALLY DEFERRED" if database.kind == "postgresql" else ""
    own.execute(f"ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id){late}")
    own.execute(f"ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a (id){late}")

    done = whimbrel.subset(database.url, target.url, rows=20, seed=7)

    there = raw(target)
    assert done.ok
    assert 0 == there.value("SELECT count(*) FROM a WHERE b NOT IN (SELECT id FROM b)")
    assert 0 == there.value("SELECT count(*) FROM b WHERE a NOT IN (SELECT id FROM a)")
    assert "a -> b -> a" == str(done.choice.graph.cycles[0])


def test_keys_that_differ_in_case_alone_are_found_as_the_database_compares_them(
    database, new_database, raw
):
    own, target = raw(database), new_database(database.engine_id)
    nocase = " COLLATE NOCASE" if database.kind == "sqlite" else ""
    own.execute(f"CREATE TABLE codes (code varchar(20){nocase} NOT NULL PRIMARY KEY)")
    own.execute(
        "CREATE TABLE uses (id integer NOT NULL PRIMARY KEY, code varchar(20), "
        "FOREIGN KEY (code) REFERENCES codes (code))"
    )
    place = "?" if database.kind == "sqlite" else "%s"
    folds = database.kind != "postgresql"
    for number in range(300):
        own.execute(f"INSERT INTO codes VALUES ({place})", (f"Code{number}",))
        code = f"CODE{number}" if folds else f"Code{number}"
        own.execute(f"INSERT INTO uses VALUES ({place}, {place})", (number, code))

    done = whimbrel.subset(database.url, target.url, percent=5, seed=7)

    assert done.ok
    joined = "SELECT count(*) FROM uses JOIN codes ON codes.code = uses.code"
    assert raw(target).value("SELECT count(*) FROM uses") == raw(target).value(joined) >= 15
