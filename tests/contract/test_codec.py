"""The same value is the same text on every server, and no other value is.

Texts are compared with those that Python makes of the same values; SQLite, whose columns hold
values of any type, has a file of its own.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import struct
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest

from tests import codecs, databases
from whimbrel.engines import codec
from whimbrel.engines.forms import Family, Form

OpenRaw = Callable[[databases.Database], databases.Raw]
UTC = dt.UTC


@pytest.fixture
def side(database: databases.Database) -> Iterator[codecs.Side]:
    """A prepared session on an empty database."""
    made = codecs.opened(database)
    yield made
    made.session.close()


# --- what Python makes of the values ------------------------------------------------------------


def moment_text(value: dt.datetime) -> str:
    """Write a moment, in UTC where it has a zone."""
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return cut(plain.isoformat(" "))


def cut(text: str) -> str:
    """Take zeros off the end of a fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_text(value: Decimal) -> str:
    """Write a decimal without zeros that say nothing."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A column on each engine, its values as Python has them, and how their texts are made."""

    id: str
    postgresql: str
    mysql: str
    family: Family
    values: Sequence[object]
    text: Callable[[object], str] = str
    form: Form | None = None

    def type(self, kind: str) -> str:
        """Return the type on an engine."""
        return self.postgresql if kind == "postgresql" else self.mysql

    def texts(self) -> list[bytes | None]:
        """Return what the codec has to write."""
        return [None if v is None else self.text(v).encode() for v in self.values]


DAYS = (dt.date(1, 1, 1), dt.date(1600, 2, 29), dt.date(2024, 2, 29), dt.date(9999, 12, 31))
MOMENTS = (
    dt.datetime(1000, 1, 1),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
    dt.datetime(2024, 2, 29, 12, 0, 0, 500000),
    dt.datetime(2024, 2, 29, 12, 0, 10),
    dt.datetime(2024, 3, 31, 2, 30, 0, 1),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
)
FLOATS = (
    0.0,
    0.1 + 0.2,
    0.3,
    1e-20,
    2e-20,
    1e300,
    -1.5e-300,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    1e15,
    999999999999999.9,
    1e-15,
    9.999999999999999e-16,
    1e-4,
    9.9e-5,
    -123456.789,
    2**53 + 0.0,
    100.0,
    1e22,
)
CASES = (
    Case(
        id="smallint",
        postgresql="smallint",
        mysql="smallint",
        family=Family.INTEGER,
        values=(0, -1, 32767, -32768, None),
    ),
    Case(
        id="bigint",
        postgresql="bigint",
        mysql="bigint",
        family=Family.INTEGER,
        values=(0, -(2**63), 2**63 - 1, 10, 100, None),
    ),
    Case(
        id="unsigned",
        postgresql="numeric(20)",
        mysql="bigint unsigned",
        family=Family.DECIMAL,
        values=(0, 2**64 - 1, 2**63, 10, None),
    ),
    Case(
        id="zerofill",
        postgresql="integer",
        mysql="int(8) unsigned zerofill",
        family=Family.INTEGER,
        values=(0, 42, 10**9, None),
    ),
    Case(
        id="year",
        postgresql="integer",
        mysql="year",
        family=Family.INTEGER,
        values=(0, 1901, 2024, 2155, None),
    ),
    Case(
        id="bits",
        postgresql="bit(11)",
        mysql="bit(11)",
        family=Family.INTEGER,
        values=(0, 1, 2047, None),
    ),
    Case(
        id="bits64",
        postgresql="bit(64)",
        mysql="bit(64)",
        family=Family.INTEGER,
        values=(0, 1, 2**63, 2**64 - 1, None),
    ),
    Case(
        id="boolean",
        postgresql="boolean",
        mysql="tinyint(1)",
        family=Family.INTEGER,
        values=(True, False, None),
        text=lambda value: str(int(bool(value))),
    ),
    Case(
        id="decimal",
        postgresql="numeric(12,3)",
        mysql="decimal(12,3)",
        family=Family.DECIMAL,
        form=Form(family=Family.DECIMAL, scale=3),
        values=(Decimal("0"), Decimal("-1.5"), Decimal("100"), Decimal("999999999.999"), None),
        text=lambda value: format(Decimal(str(value)), ".3f"),
    ),
    Case(
        id="decimals",
        postgresql="numeric",
        mysql="decimal(65,30)",
        family=Family.DECIMAL,
        values=(
            Decimal("0"),
            Decimal("-0.5"),
            Decimal("100"),
            Decimal("12345678901234567890123456789012345.123456789012345678901234567891"),
            Decimal("-0.000000000000000000000000000001"),
            Decimal("1.000000000000000000000000000001"),
            None,
        ),
        text=lambda value: plain_text(Decimal(str(value))),
    ),
    Case(
        id="decimal_scales",
        postgresql="numeric(20,10)",
        mysql="decimal(20,4)",
        family=Family.DECIMAL,
        values=(Decimal("1.0001"), Decimal("-20"), Decimal("0.1"), Decimal("0"), None),
        text=lambda value: plain_text(Decimal(str(value))),
    ),
    Case(
        id="wide",
        postgresql="numeric(40)",
        mysql="decimal(40)",
        family=Family.DECIMAL,
        form=Form(family=Family.DECIMAL, scale=0),
        values=(10**39, -(10**39), 1234567890123456789012345678901234567890, 0, 10, None),
    ),
    Case(
        id="double",
        postgresql="double precision",
        mysql="double",
        family=Family.FLOAT,
        values=(*FLOATS, *(-value for value in FLOATS[1:]), None),
        text=lambda value: codecs.float_text(float(str(value))),
    ),
    Case(
        id="real",
        postgresql="real",
        mysql="float",
        family=Family.FLOAT,
        values=tuple(
            struct.unpack("f", struct.pack("f", value))[0]
            for value in (0.0, 0.1, -1.5, 16777217.0, 3.4e38, 1.2e-38, 1e-44, 1e15, 33.3)
        ),
        text=lambda value: codecs.float_text(float(str(value))),
    ),
    Case(
        id="text",
        postgresql="text",
        mysql="text",
        family=Family.TEXT,
        values=(*codecs.NASTY_TEXTS, None),
    ),
    Case(
        id="varchar",
        postgresql="varchar(6000)",
        mysql="varchar(6000)",
        family=Family.TEXT,
        values=(*codecs.NASTY_TEXTS, None),
    ),
    Case(
        id="latin",
        postgresql="text",
        mysql="varchar(50) CHARACTER SET latin1",
        family=Family.TEXT,
        values=("", "é", "ß|ü", "a ", None),
    ),
    Case(
        id="utf16",
        postgresql="text",
        mysql="varchar(50) CHARACTER SET utf16",
        family=Family.TEXT,
        values=("", "é🦜", " ", None),
    ),
    Case(
        id="folding",
        postgresql="text",
        mysql="varchar(50) COLLATE utf8mb4_unicode_ci",
        family=Family.TEXT,
        values=("a", "A", "á", "a ", "ß", "ss", "🦜", "🦉", None),
    ),
    Case(
        id="char",
        postgresql="character(10)",
        mysql="char(10)",
        family=Family.TEXT,
        form=Form(family=Family.TEXT, padded=True),
        values=("", "a  ", "é🦜", " a", "ten letter", "ééééééééé ", "\t", None),
        text=lambda value: str(value).rstrip(" "),
    ),
    Case(
        id="long_char",
        postgresql="character(40)",
        mysql="char(40)",
        family=Family.TEXT,
        form=Form(family=Family.TEXT, padded=True),
        values=("", "a  ", "🦜" * 40, "é" * 39, "b" * 40, "b" * 39, None),
        text=lambda value: str(value).rstrip(" "),
    ),
    Case(
        id="very_long_char",
        postgresql="character(200)",
        mysql="char(200)",
        family=Family.TEXT,
        form=Form(family=Family.TEXT, padded=True),
        values=("", "a  ", "🦜" * 200, "é" * 39, "b" * 200, None),
        text=lambda value: str(value).rstrip(" "),
    ),
    Case(
        id="padded_one_side",
        postgresql="text",
        mysql="char(10)",
        family=Family.TEXT,
        form=Form(family=Family.TEXT, padded=True),
        values=("", "a", "é🦜", " a", None),
    ),
    Case(
        id="long_text",
        postgresql="text",
        mysql="longtext",
        family=Family.TEXT,
        form=Form(family=Family.TEXT, long=True),
        values=(*codecs.NASTY_TEXTS, "y" * 200_000, None),
    ),
    Case(
        id="binary",
        postgresql="bytea",
        mysql="varbinary(300)",
        family=Family.BINARY,
        values=(b"", b"\0", bytes(range(256)), b"\xff\xfe", b"a ", b"a", None),
        text=lambda value: bytes(value).hex(),  # type: ignore[call-overload]
    ),
    Case(
        id="blob",
        postgresql="bytea",
        mysql="longblob",
        family=Family.BINARY,
        form=Form(family=Family.BINARY, long=True),
        values=(b"", b"\0", bytes(range(256)) * 1_000, None),
        text=lambda value: bytes(value).hex(),  # type: ignore[call-overload]
    ),
    Case(
        id="fixed_binary",
        postgresql="bytea",
        mysql="binary(4)",
        family=Family.BINARY,
        values=(b"abcd", b"a\0\0\0", b"\0\0\0\0", b"a   ", None),
        text=lambda value: bytes(value).hex(),  # type: ignore[call-overload]
    ),
    Case(
        id="date",
        postgresql="date",
        mysql="date",
        family=Family.DATE,
        values=(*DAYS, None),
        text=lambda value: value.isoformat(),  # type: ignore[attr-defined]
    ),
    Case(
        id="time",
        postgresql="time(6)",
        mysql="time(6)",
        family=Family.TIME,
        values=(dt.time(), dt.time(23, 59, 59, 999999), dt.time(12, 0, 10, 500000), None),
        text=lambda value: cut(value.isoformat()),  # type: ignore[attr-defined]
    ),
    Case(
        id="whole_time",
        postgresql="time",
        mysql="time",
        family=Family.TIME,
        values=(dt.time(), dt.time(23, 59, 50), dt.time(10, 0, 0), None),
        text=lambda value: value.isoformat(),  # type: ignore[attr-defined]
    ),
    Case(
        id="datetime",
        postgresql="timestamp",
        mysql="datetime(6)",
        family=Family.DATETIME,
        values=(*MOMENTS, None),
        text=lambda value: moment_text(value),  # type: ignore[arg-type]
    ),
    Case(
        id="whole_datetime",
        postgresql="timestamp(0)",
        mysql="datetime",
        family=Family.DATETIME,
        values=(dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 10, 20, 30), None),
        text=lambda value: moment_text(value),  # type: ignore[arg-type]
    ),
    Case(
        id="instant",
        postgresql="timestamp with time zone",
        mysql="timestamp(6) NULL",
        family=Family.INSTANT,
        values=(
            dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
            dt.datetime(2024, 3, 31, 1, 30, 0, 120000, tzinfo=UTC),
            dt.datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
            dt.datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
            dt.datetime(2038, 1, 19, 3, 14, 7, 999999, tzinfo=UTC),
            None,
        ),
        text=lambda value: moment_text(value),  # type: ignore[arg-type]
    ),
    Case(
        id="date_and_moment",
        postgresql="date",
        mysql="datetime(6)",
        family=Family.DATETIME,
        values=(*DAYS[1:], None),
        text=lambda value: f"{value} 00:00:00",
    ),
    Case(
        id="moment_and_date",
        postgresql="timestamp",
        mysql="date",
        family=Family.DATETIME,
        values=(*DAYS[1:], None),
        text=lambda value: f"{value} 00:00:00",
    ),
    Case(
        id="uuid",
        postgresql="uuid",
        mysql="char(36)",
        family=Family.UUID,
        values=(uuid.UUID(int=0), uuid.UUID("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"), None),
        text=lambda value: value.hex,  # type: ignore[attr-defined]
    ),
    Case(
        id="integer_and_float",
        postgresql="double precision",
        mysql="bigint",
        family=Family.DECIMAL,
        values=(0, 5, -7, 2**53, 10**15, 123456789012345680, None),
    ),
    Case(
        id="decimal_and_float",
        postgresql="numeric(60,30)",
        mysql="double",
        family=Family.DECIMAL,
        values=(
            Decimal("0.1"),
            Decimal("-1.5"),
            Decimal("1e22"),
            Decimal("1.5e-20"),
            Decimal("123456789012345680000"),
            Decimal("0"),
            None,
        ),
        text=lambda value: plain_text(Decimal(str(value))),
    ),
)


# --- arranging ----------------------------------------------------------------------------------


def fill(raw: databases.Raw, case: Case) -> None:
    """Make the table of a case and give it the values by the plain driver."""
    codecs.create(raw, "t", f"id int NOT NULL, v {case.type(raw.database.kind)}")
    bits = raw.database.kind == "postgresql" and case.postgresql.startswith("bit")
    raw_sql = "INSERT INTO t VALUES (%s, %s)"
    if raw.database.kind == "postgresql":
        raw.execute("SET TimeZone = 'UTC'")
    else:
        raw.execute("SET time_zone = '+00:00'")
    for number, value in enumerate(case.values):
        if bits and value is not None:
            width = int(case.postgresql[4:-1])
            value = format(int(str(value)), f"0{width}b")
        elif isinstance(value, dt.datetime) and value.tzinfo and not bits:
            value = value if raw.database.kind == "postgresql" else value.replace(tzinfo=None)
        elif isinstance(value, uuid.UUID):
            value = str(value).upper()
        elif isinstance(value, float) and raw.database.kind == "postgresql":
            value = repr(value)
        raw.execute(raw_sql, (number, value))


def shaped(case: Case) -> Form:
    """Return the form in which a case is compared."""
    return case.form or Form(family=case.family)


# --- texts --------------------------------------------------------------------------------------


@codecs.SERVERS
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_texts_are_those_that_python_makes_of_the_same_values(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, case: Case
) -> None:
    fill(raw(database), case)
    scan = side.scan("t", [Form(family=Family.INTEGER), shaped(case)])

    found = codecs.by_number(side.codec.rows(scan))

    assert found == case.texts()


@codecs.SERVERS
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_sums_are_those_that_python_makes_of_the_texts(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, case: Case
) -> None:
    fill(raw(database), case)
    number = Form(family=Family.INTEGER)
    scan = side.scan("t", [number, shaped(case)], key=1)
    hashes = [
        codec.hashed([(number, b"%d" % at), (shaped(case), text)])
        for at, text in enumerate(case.texts())
    ]

    assert side.codec.total(scan) == codec.summed(hashes)
    buckets = side.codec.buckets(scan, 1)
    assert sum(buckets.values(), codec.Sum()) == codec.summed(hashes)
    for bucket, total in buckets.items():
        keys = [hashlib.md5(b"%d" % at).hexdigest() for at in range(len(hashes))]
        own = [one for key, one in zip(keys, hashes, strict=True) if int(key[0], 16) == bucket]
        assert total == codec.summed(own)


@codecs.SERVERS
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_text_gives_its_value_back(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, case: Case
) -> None:
    fill(raw(database), case)
    codecs.create(raw(database), "copy", f"id int NOT NULL, v {case.type(database.kind)}")
    scan = side.scan("t", [Form(family=Family.INTEGER), shaped(case)])
    table = side.session.engine.catalog(side.session).table("copy")
    given = side.codec.given(table.column("v"), shaped(case))

    for number, text in enumerate(case.texts()):
        params = [number, None if text is None else text.decode()]
        side.session.execute(f"INSERT INTO copy VALUES (%s, {given})", params)
    again = dataclasses.replace(scan, table="copy")

    assert codecs.by_number(side.codec.rows(again)) == case.texts()
    assert side.codec.total(again) == side.codec.total(scan)
    if case.family is not Family.UUID:  # the one that is a text was in capitals
        own = side.scan("t", key=1)
        assert side.codec.total(dataclasses.replace(own, table="copy")) == side.codec.total(own)


@codecs.SERVERS
def test_every_column_says_what_it_is(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    columns = ", ".join(f"c_{case.id} {case.type(database.kind)}" for case in CASES)
    codecs.create(raw(database), "t", columns)

    table = side.session.engine.catalog(side.session).table("t")
    own = {column.name[2:]: side.codec.form(table, column) for column in table.columns}

    unlike = {"boolean", "unsigned", "uuid", "integer_and_float", "decimal_and_float"}
    unlike |= {"date_and_moment", "moment_and_date"}
    assert {case.id: own[case.id].family for case in CASES if case.id not in unlike} == {
        case.id: case.family for case in CASES if case.id not in unlike
    }
    assert own["decimal"].scale == 3
    assert own["char"].padded and not own["text"].padded
    if database.kind != "postgresql":
        assert own["long_text"].long and own["blob"].long and not own["text"].long
