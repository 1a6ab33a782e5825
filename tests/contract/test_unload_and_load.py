"""Rows leave one database and enter another as they are.

Every claim is made twice: by the codecs' sums, with whose texts rows move, and by what the plain
drivers read, which share nothing with them. What is refused is in `test_loading_refuses`.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import pytest

from tests import databases, moving

OpenRaw = Callable[[databases.Database], databases.Raw]
pytestmark = pytest.mark.server


@pytest.fixture
def open_ends(
    new_database: Callable[[str], databases.Database],
    raw: Callable[[databases.Database], databases.Raw],
) -> Iterator[moving.OpenEnds]:
    """Make two databases: `open_ends("postgresql", "mariadb")`."""
    with moving.ends(new_database, raw) as make:
        yield make


# --- values that both engines keep -------------------------------------------------------------

PORTABLE: Final = {
    "postgresql": """
        CREATE TABLE nasty (
            id bigint PRIMARY KEY, words text, short varchar(60), bytes bytea,
            number double precision, money numeric(65,30), day date, clock time(6),
            moment timestamp(6), instant timestamptz(6), doc json, guid uuid, flag boolean,
            small smallint)""",
    "mariadb": """
        CREATE TABLE nasty (
            id bigint PRIMARY KEY, words longtext, short varchar(60), bytes longblob,
            number double, money decimal(65,30), day date, clock time(6),
            moment datetime(6), instant timestamp(6) NULL, doc json, guid uuid, flag tinyint(1),
            small smallint)""",
}
WORDS: Final = (
    "", " ", "plain", "it's ''quoted''", "'", "''", "'),('", "back\\slash", "\\", "\\\\", "\\n\\t",
    "\\N", "\\.", "\\x41", "tab\there", "line\nfeed\r\n", "\n", "\r", "\b\f\v", "\\b\b\\\f\\\\\v",
    "\x01\x1f\x7f", "emoji \U0001f600 é 漢字 \U0010ffff", "NULL", "null", " blanks ", "%s %% %(x)s",
    "x'00'", "{1,2}", "--", "/* */", ";", "\u2028\ufeff\u200b", "(", ")", "a,b", '"', "`",
    "$1 :x ?",
)  # fmt: skip
BYTES: Final = (b"", b"\0", bytes(range(256)), b"'\\\n\t", b"\xff" * 300)
NUMBERS: Final = (
    0.0, 0.1, -0.1, 1.0, 1 / 3, 5e-324, -5e-324, 1.7976931348623157e308, 2.2250738585072014e-308,
    1e15, 1e16, 123456789012345680.0, 1e-5, 1e-15, -1e-16, 9007199254740993.0, 1e22, 1e23,
)  # fmt: skip
MONEY: Final = tuple(
    map(
        Decimal,
        (
            "0", "1.5", "-1.50", "1e-30", "-1e-30",
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "-99999999999999999999999999999999999.999999999999999999999999999999",
        ),
    )
)  # fmt: skip
DAYS: Final = (dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2024, 2, 29), dt.date(1582, 10, 10))
CLOCKS: Final = (dt.time(0), dt.time(23, 59, 59, 999999), dt.time(12, 0, 0, 500000))
MOMENTS: Final = (
    dt.datetime(1000, 1, 1, 0, 0, 0, 1),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    dt.datetime(2024, 3, 31, 2, 30),
    dt.datetime(2024, 1, 1, 1, 1, 1, 120000),
)
INSTANTS: Final = (
    dt.datetime(1970, 1, 1, 0, 0, 1),
    dt.datetime(2038, 1, 19, 3, 14, 7, 999999),
    dt.datetime(2024, 10, 27, 1, 30),
)
DOCUMENTS: Final = (
    '{}', '[]', 'null', '"text"', '{"a": [1, 2.50, "x\\n\\\\ \'q\'", null, true]}',
    '{"k\\u00e9y": "\\ud83d\\ude00"}', "12345678901234567890.123456789",
)  # fmt: skip
GUIDS: Final = (
    uuid.UUID(int=0),
    uuid.UUID(int=2**128 - 1),
    uuid.UUID(int=0x1234567890ABCDEF << 40),
)
COLUMNS: Final = (
    WORDS, [word for word in WORDS if word.strip(" ") == word], BYTES, NUMBERS, MONEY, DAYS, CLOCKS,
    MOMENTS, INSTANTS, DOCUMENTS, GUIDS, (True, False), (-32768, 32767, 0),
)  # fmt: skip


def _portable_rows() -> list[tuple[object, ...]]:
    longest = max(map(len, COLUMNS))
    rows: list[tuple[object, ...]] = [
        (number, *(values[number % len(values)] for values in COLUMNS)) for number in range(longest)
    ]
    nothing = (None,) * len(COLUMNS)
    singles = [
        (longest + at, *nothing[:at], values[0], *nothing[at + 1 :])
        for at, values in enumerate(COLUMNS)
    ]
    return [*rows, *singles, (-(2**63), *nothing), (2**63 - 1, *nothing)]


def _seen(raw: databases.Raw, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    """Return all rows by the plain driver, in Python's own values."""
    rows = raw.execute(f"SELECT {columns} FROM {table} ORDER BY 1")
    return [tuple(map(_value, row)) for row in rows]


def _value(value: object) -> object:
    match value:
        case bool():
            return int(value)
        case dt.timedelta():
            return (dt.datetime.min + value).time()
        case dt.datetime() if value.tzinfo:
            return value.astimezone(dt.UTC).replace(tzinfo=None)
        case uuid.UUID():
            return str(value)
        case float():
            return value.hex()
        case _:
            return value


def _documents(raw: databases.Raw, table: str) -> list[object]:
    """Return documents as what their texts say: one of the drivers reads JSON by itself."""
    as_text = "doc::text" if raw.database.kind == "postgresql" else "doc"
    rows = raw.execute(f"SELECT {as_text} FROM {table} ORDER BY id")
    return [
        None if row[0] is None else json.loads(str(row[0]), parse_float=Decimal) for row in rows
    ]


@moving.every_way
def test_values_that_both_keep_arrive_as_they_were(
    open_ends: moving.OpenEnds, source_id: str, target_id: str, way: str
) -> None:
    ends = open_ends(source_id, target_id)
    ends.raw_source.execute(PORTABLE[source_id])
    ends.raw_target.execute(PORTABLE[target_id])
    rows = _portable_rows()
    moving.put(ends.raw_source, "nasty", rows)
    cargo, table = moving.bound(ends, "nasty")

    count = moving.moved(ends, cargo, table, way)

    assert count == len(rows)
    one, other = moving.summed(ends, cargo, table)
    assert one == other
    assert one.rows == len(rows)
    names = "id, words, short, bytes, number, money, day, clock, moment, instant, guid, flag, small"
    assert _seen(ends.raw_target, "nasty", names) == _seen(ends.raw_source, "nasty", names)
    assert _documents(ends.raw_target, "nasty") == _documents(ends.raw_source, "nasty")
    words = ends.raw_target.execute("SELECT id, words FROM nasty ORDER BY id")
    assert words == sorted(row[:2] for row in rows)


# --- values that one engine alone has ----------------------------------------------------------

OWN: Final = {
    "postgresql": (
        """CREATE TABLE own (
            id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, exact numeric, num numeric(10,2),
            dbl double precision, flt real, day date, moment timestamp, instant timestamptz,
            clock time, span interval, numbers int[], words text[], range int4range,
            address inet, bits bit(8), many bit(64), varying bit varying, doc jsonb, plain json,
            padded char(5), cash money, shape point, found tsvector, word mood,
            instants timestamptz[], stamp timestamp(3), name name,
            longer bit(70))""",
        (
            "'NaN', 'NaN', 'NaN', 'NaN', 'infinity', 'infinity', 'infinity', '24:00', "
            "'1 year 2 mons -3 days 04:05:06.789', '{1,NULL,-3}', "
            """'{"a,b",NULL,"NULL","q\\"x","back\\\\slash",""}', '[1,5)', '10.0.0.1/8', """
            "B'10000001', B'1111111111111111111111111111111111111111111111111111111111111111', "
            """B'101', '{"a": "\\\\ \\t"}', '{"z":1,  "a":2, "a":3}', 'ab', '-12.34', """
            """'(1.5,-2)', 'a:1 b:2', 'so so', '{"2024-01-01 12:00+02"}', """
            "'2024-01-01 00:00:00.123', 'n', repeat('1', 70)::bit(70)"
        ),
        (
            "1.5, -99999999.99, '-0', '-0', '0044-03-15 BC', '4713-01-01 00:00:00 BC', "
            "'0044-03-15 12:00:00.000001+00 BC', '00:00', '-178000000 years', '[2:3]={7,8}', '{}', "
            "'empty', '::1', B'00000000', 0::bigint::bit(64), "
            "'', 'null', '\"\\u0000\"', '', '0', '(0,0)', '', 'it''s', '{}', "
            "'2024-01-01', '', repeat('0', 70)::bit(70)"
        ),
        (
            "1e-300, 0.01, '-Infinity', 'Infinity', '-infinity', '-infinity', '-infinity', "
            "'23:59:59.999999', "
            "'0', '{{1,2},{3,4}}', '{{a},{b}}', '(,)', '192.168.0.0/16', B'11111111', "
            "(-9223372036854775807 - 1)::bit(64), B'0', '[]', '1e400', "
            "'é    ', '92233720368547758.07', '(1e300,0)', 'x', 'so so', '{NULL}', "
            "'294276-12-31 23:59:59.999', 'x', repeat('01', 35)::bit(70)"
        ),
        (
            "NULL, 1, 5e-324, 1e-45, '5874897-12-31', '294276-12-31 23:59:59.999999', "
            "'294276-12-31 23:59:59.999999+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
            "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"
        ),
    ),
    "mariadb": (
        """CREATE TABLE own (
            id int AUTO_INCREMENT PRIMARY KEY, big bigint unsigned, bits bit(64), some bit(8),
            day date, moment datetime, fine datetime(6), stamp timestamp NULL, clock time,
            finer time(6), year year, word enum('a','it''s','7',''), many set('a','b','c d'),
            shape geometry, padded char(5), flt float, exact decimal(65,30), filled int(6) zerofill,
            latin varchar(20) CHARACTER SET latin1, address inet6, fixed binary(4),
            words varchar(30) COLLATE utf8mb4_bin)""",
        (
            "18446744073709551615, 0xFFFFFFFFFFFFFFFF, "
            "255, '0000-00-00', '0000-00-00', '2024-00-00 00:00:00', 0, '838:59:59', "
            "'-838:59:59.999999', 2155, 'it''s', 'a,c d', ST_GeomFromText('POINT(1.5 -2)'), 'ab', "
            "3.4028234e38, 0.000000000000000000000000000001, 42, 'é€', '::1', x'00ff', 'NULL'"
        ),
        (
            "0, 0x8000000000000000, 0, '2024-02-00', "
            "'9999-12-31 23:59:59', '0000-00-00', '2038-01-19 03:14:07', '-00:00:01', '00:00:00', "
            "0, '', '', ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), '', 1e-38, -1, 999999, '', "
            "'::', x'', ''"
        ),
        ", ".join(["NULL"] * 21),
    ),
}
# Their texts, as the servers' own output functions write them.
BACK: Final = {
    "postgresql": "SELECT own::text FROM own ORDER BY id",
    "mariadb": "SELECT * FROM own ORDER BY id",
}


@pytest.mark.parametrize(
    ("kind", "way"), [(kind, way) for kind in moving.SERVERS for way in moving.ways_to(kind)]
)
def test_what_an_engine_alone_has_arrives_in_another_database_of_it(
    open_ends: moving.OpenEnds, kind: str, way: str
) -> None:
    ends = open_ends(kind, kind)
    ddl, *rows = OWN[kind]
    for raw in (ends.raw_source, ends.raw_target):
        if kind == "postgresql":
            raw.execute("CREATE TYPE mood AS ENUM ('so so', 'it''s')")
        raw.execute(ddl)
    if kind == "mariadb":
        ends.raw_source.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
    for number, row in enumerate(rows, start=1):
        values = row
        if kind == "postgresql":
            ends.raw_source.execute(
                f"INSERT INTO own OVERRIDING SYSTEM VALUE VALUES ({number}, {values})"
            )
        else:
            ends.raw_source.execute(f"INSERT INTO own VALUES ({number}, {values})")
    cargo, table = moving.bound(ends, "own", own=True)

    count = moving.moved(ends, cargo, table, way)

    assert count == len(rows)
    assert ends.raw_target.execute(BACK[kind]) == ends.raw_source.execute(BACK[kind])
    one, other = moving.summed(ends, cargo, table)
    assert one == other


# --- other types on the other side --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A column that becomes another: SQL of the values there, what the plain driver reads here."""

    source: str
    target: str
    pair: tuple[str, str]
    given: Sequence[str]
    read: Sequence[object]
    # Documents are the same by what they say: their texts may not be.
    sums: bool = True


GUID: Final = "123e4567-e89b-12d3-a456-426655440000"
GUID_BYTES: Final = uuid.UUID(GUID).bytes
TURNS: Final = (
    Turn(
        source="uuid",
        target="binary(16)",
        pair=moving.TO_MARIADB,
        given=[f"'{GUID}'", "NULL"],
        read=[GUID_BYTES, None],
    ),
    Turn(
        source="uuid", target="char(36)", pair=moving.TO_MARIADB, given=[f"'{GUID}'"], read=[GUID]
    ),
    Turn(
        source="bit(8)", target="bit(8)", pair=moving.TO_MARIADB, given=["B'00110101'"], read=[b"5"]
    ),
    Turn(
        source="bit(64)",
        target="bigint unsigned",
        pair=moving.TO_MARIADB,
        given=["B'1' || repeat('0', 63)::bit(63)"],
        read=[2**63],
    ),
    Turn(source="int[]", target="json", pair=moving.TO_MARIADB, given=["'{1,2}'"], read=["[1,2]"]),
    Turn(
        source="real",
        target="double",
        pair=moving.TO_MARIADB,
        given=["0.1::real"],
        read=[0.10000000149011612],
    ),
    Turn(source="numeric", target="int", pair=moving.TO_MARIADB, given=["5.00"], read=[5]),
    Turn(
        source="text",
        target="enum('a','B')",
        pair=moving.TO_MARIADB,
        given=["'a'", "'B'"],
        read=["a", "B"],
    ),
    Turn(
        source="text",
        target="set('a','B','c d')",
        pair=moving.TO_MARIADB,
        given=["'a,c d'", "''"],
        read=["a,c d", ""],
    ),
    Turn(
        source="timestamp",
        target="datetime",
        pair=moving.TO_MARIADB,
        given=["'2024-01-01 10:00'"],
        read=[dt.datetime(2024, 1, 1, 10)],
    ),
    Turn(
        source="bytea",
        target="longtext",
        pair=moving.TO_MARIADB,
        given=["'\\xc3a927'"],
        read=["é'"],
    ),
    Turn(
        source="bytea",
        target="varchar(9) CHARACTER SET latin1",
        pair=moving.TO_MARIADB,
        given=["'\\xc3a927'"],
        read=["é'"],
    ),
    Turn(
        source="text",
        target="longblob",
        pair=moving.TO_MARIADB,
        given=["'é\\'"],
        read=["é\\".encode()],
    ),
    Turn(
        source="date",
        target="datetime(6)",
        pair=moving.TO_MARIADB,
        given=["'2024-01-01'"],
        read=[dt.datetime(2024, 1, 1)],
    ),
    Turn(
        source="double precision",
        target="longtext",
        pair=moving.TO_MARIADB,
        given=["1e20", "0.1"],
        read=["1e20", "0.1"],
    ),
    Turn(
        source="numeric", target="longtext", pair=moving.TO_MARIADB, given=["1.500"], read=["1.5"]
    ),
    Turn(
        source="boolean",
        target="bit(1)",
        pair=moving.TO_MARIADB,
        given=["true", "false"],
        read=[b"\x01", b"\x00"],
    ),
    Turn(
        source="jsonb",
        target="longtext",
        pair=moving.TO_MARIADB,
        given=["""'{"a": "q''\\\\"}'"""],
        read=["""{"a": "q'\\\\"}"""],
    ),
    Turn(
        source="inet",
        target="varchar(50)",
        pair=moving.TO_MARIADB,
        given=["'10.0.0.1/8'"],
        read=["10.0.0.1/8"],
    ),
    Turn(
        source="binary(16)",
        target="uuid",
        pair=moving.TO_POSTGRESQL,
        given=[f"x'{GUID_BYTES.hex()}'"],
        read=[uuid.UUID(GUID)],
    ),
    Turn(
        source="uuid",
        target="bytea",
        pair=moving.TO_POSTGRESQL,
        given=[f"'{GUID}'"],
        read=[GUID_BYTES],
    ),
    Turn(
        source="bit(8)",
        target="bit(8)",
        pair=moving.TO_POSTGRESQL,
        given=["255", "NULL"],
        read=["11111111", None],
    ),
    Turn(
        source="bit(64)",
        target="bit(64)",
        pair=moving.TO_POSTGRESQL,
        given=["18446744073709551615"],
        read=["1" * 64],
    ),
    Turn(
        source="bit(64)",
        target="numeric(20)",
        pair=moving.TO_POSTGRESQL,
        given=["18446744073709551615"],
        read=[Decimal(2**64 - 1)],
    ),
    Turn(
        source="bigint unsigned",
        target="numeric(20)",
        pair=moving.TO_POSTGRESQL,
        given=["18446744073709551615"],
        read=[Decimal(2**64 - 1)],
    ),
    Turn(
        source="tinyint(1)",
        target="boolean",
        pair=moving.TO_POSTGRESQL,
        given=["1", "0"],
        read=[True, False],
    ),
    Turn(
        source="float",
        target="real",
        pair=moving.TO_POSTGRESQL,
        given=["0.1"],
        read=[0.10000000149011612],
    ),
    Turn(
        source="float",
        target="double precision",
        pair=moving.TO_POSTGRESQL,
        given=["0.1"],
        read=[0.10000000149011612],
    ),
    Turn(
        source="decimal(10,4)",
        target="numeric(10,2)",
        pair=moving.TO_POSTGRESQL,
        given=["1.5"],
        read=[Decimal("1.50")],
    ),
    Turn(
        source="decimal(10,4)", target="integer", pair=moving.TO_POSTGRESQL, given=["15"], read=[15]
    ),
    Turn(
        source="datetime(6)",
        target="timestamp(3)",
        pair=moving.TO_POSTGRESQL,
        given=["'2024-01-01 00:00:00.123'"],
        read=[dt.datetime(2024, 1, 1, 0, 0, 0, 123000)],
    ),
    Turn(
        source="longtext",
        target="varchar(5)",
        pair=moving.TO_POSTGRESQL,
        given=["'12345'"],
        read=["12345"],
    ),
    Turn(
        source="longtext",
        target="bytea",
        pair=moving.TO_POSTGRESQL,
        given=["x'c3a95c'"],
        read=["é\\".encode()],
    ),
    Turn(
        source="longblob", target="text", pair=moving.TO_POSTGRESQL, given=["x'c3a9'"], read=["é"]
    ),
    Turn(
        source="set('a','b')",
        target="text[]",
        pair=moving.TO_POSTGRESQL,
        given=["'a,b'", "''"],
        read=[["a", "b"], []],
        sums=False,
    ),
    Turn(
        source="year",
        target="smallint",
        pair=moving.TO_POSTGRESQL,
        given=["2024", "0"],
        read=[2024, 0],
    ),
    Turn(
        source="longtext",
        target="double precision",
        pair=moving.TO_POSTGRESQL,
        given=["'1e20'"],
        read=[1e20],
    ),
    Turn(
        source="varchar(20)",
        target="timestamptz",
        pair=moving.TO_POSTGRESQL,
        given=["'2024-01-01 12:00'"],
        read=[dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)],
    ),
)


@pytest.mark.parametrize(
    ("turn", "way"),
    [
        pytest.param(turn, way, id=f"{turn.source} to {turn.target} of {turn.pair[1]}, {way}")
        for turn in TURNS
        for way in moving.ways_to(turn.pair[1])
    ],
)
def test_a_value_that_another_type_keeps_is_kept(
    open_ends: moving.OpenEnds, turn: Turn, way: str
) -> None:
    ends = open_ends(*turn.pair)
    ends.raw_source.execute(f"CREATE TABLE turn (id int PRIMARY KEY, v {turn.source})")
    ends.raw_target.execute(f"CREATE TABLE turn (id int PRIMARY KEY, v {turn.target})")
    for number, given in enumerate(turn.given):
        ends.raw_source.execute(f"INSERT INTO turn VALUES ({number}, {given})".replace("%", "%%"))
    cargo, table = moving.bound(ends, "turn")

    moving.moved(ends, cargo, table, way)

    read = "v" if turn.target != "real" else "v::float8"
    values = [row[0] for row in ends.raw_target.execute(f"SELECT {read} FROM turn ORDER BY id")]
    assert values == list(turn.read)
    if turn.sums:
        one, other = moving.summed(ends, cargo, table)
        assert one == other
