"""What MySQL's types mean, as the catalog writes them, and what MySQL and MariaDB offer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.engines.forms import Family
from whimbrel.engines.mariadb import engine as mariadb_engine
from whimbrel.engines.mariadb import portable as mariadb
from whimbrel.engines.mysql import engine, portable, session
from whimbrel.engines.portable import Facts, Meaning, Offer, Question

MEANINGS = [
    ("tinyint(4)", {"family": Family.INTEGER, "bits": 8, "unsigned": False, "own": ""}),
    ("tinyint(1)", {"family": Family.INTEGER, "bits": 8, "own": "tinyint(1)"}),
    ("tinyint(1) unsigned", {"family": Family.INTEGER, "unsigned": True, "own": ""}),
    ("smallint(6)", {"family": Family.INTEGER, "bits": 16}),
    ("mediumint(8) unsigned", {"family": Family.INTEGER, "bits": 24, "unsigned": True}),
    ("int(10) unsigned zerofill", {"family": Family.INTEGER, "bits": 32, "unsigned": True}),
    ("int zerofill", {"family": Family.INTEGER, "unsigned": True}),
    ("bigint", {"family": Family.INTEGER, "bits": 64, "unsigned": False}),
    ("year(4)", {"family": Family.INTEGER, "bits": 16, "own": "year"}),
    ("bit(7)", {"family": Family.INTEGER, "bits": 7, "unsigned": True, "own": "bit"}),
    ("decimal(10,0)", {"family": Family.DECIMAL, "precision": 10, "scale": 0}),
    ("decimal(65,30) unsigned", {"family": Family.DECIMAL, "scale": 30, "unsigned": True}),
    ("float", {"family": Family.FLOAT, "single": True}),
    ("float(7,3)", {"family": Family.FLOAT, "single": True}),
    ("double(10,2) unsigned", {"family": Family.FLOAT, "single": False, "unsigned": True}),
    ("char(5)", {"family": Family.TEXT, "length": 5, "fixed": True}),
    ("varchar(40)", {"family": Family.TEXT, "length": 40, "fixed": False}),
    ("longtext", {"family": Family.TEXT, "length": None}),
    ("binary(16)", {"family": Family.BINARY, "length": 16, "fixed": True}),
    ("varbinary(255)", {"family": Family.BINARY, "length": 255, "fixed": False}),
    ("blob", {"family": Family.BINARY, "length": 65_535}),
    ("longblob", {"family": Family.BINARY, "length": 2**32 - 1}),
    ("date", {"family": Family.DATE}),
    ("time", {"family": Family.TIME, "fraction": 0}),
    ("datetime(6)", {"family": Family.DATETIME, "fraction": 6}),
    ("timestamp(3)", {"family": Family.INSTANT, "fraction": 3}),
    ("json", {"family": Family.JSON}),
    ("uuid", {"family": Family.UUID}),
    ("inet6", {"family": Family.OTHER, "own": "inet6"}),
    ("multipolygon", {"family": Family.OTHER, "own": "multipolygon"}),
    ("vector(3)", {"family": Family.OTHER, "own": "vector"}),
    ("enum('a','it''s','b\\\\c','x,y','','ü','n\\nl')", {
        "family": Family.TEXT,
        "many": False,
        "values": ("a", "it's", "b\\c", "x,y", "", "ü", "n\nl"),
    }),
    ("set('a','b c')", {"family": Family.TEXT, "many": True, "values": ("a", "b c")}),
]  # fmt: skip
OURS = {"utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_0900_bin", "utf8mb4_0900_as_ci"}
THEIRS = {"utf8mb4_bin", "utf8mb4_nopad_bin", "utf8mb4_uca1400_nopad_as_ci"}


class Session(session.MysqlSession):
    """A session that is only asked for settings."""

    def __init__(
        self, made: base.Engine, *, version: str, collations: set[str], mode: str = "STRICT"
    ) -> None:
        self.engine = made
        self._version = version
        self._collations = collations
        self._mode = mode

    def send(self, sql: str) -> list[base.Row]:
        if "VERSION()" in sql:
            return [(self._version,)]
        if "sql_mode" in sql:
            return [(self._mode,)]
        if "COUNT(*)" in sql:
            return [(1,)]
        return [(name,) for name in sorted(self._collations)]


def mysql_converter(mode: str = "STRICT") -> portable.MysqlConverter:
    made = Session(engine.ENGINE, version="8.4.0", collations=OURS, mode=mode)
    return portable.MysqlConverter(made)


def mariadb_converter(version: str = "10.11.19-MariaDB") -> mariadb.MariadbConverter:
    made = Session(mariadb_engine.ENGINE, version=version, collations=THEIRS)
    return mariadb.MariadbConverter(made)


def meaning(family: Family, **facts: object) -> Meaning:
    """Return a meaning of another engine's."""
    return Meaning(family=family, engine="other", **facts)  # type: ignore[arg-type]


def offered(
    converter: portable.MysqlConverter,
    means: Meaning,
    facts: Facts | None = None,
    *,
    key: bool = False,
) -> Offer:
    facts = Facts(rows=0) if facts is None else facts
    return converter.offer(means, facts, table="t", column="v", key=key)


@pytest.mark.parametrize(("type_", "expected"), MEANINGS)
def test_a_type_means_what_it_is(type_: str, expected: dict[str, object]) -> None:
    found = portable.meant(type_)

    assert {name: getattr(found, name) for name in expected} == expected
    assert found.type == type_


def test_a_long_text_with_a_check_for_json_means_json() -> None:
    column = tables.FoundColumn(
        name="v",
        type="longtext",
        null=True,
        collation="utf8mb4_bin",
        definition="longtext CHECK (json_valid(`v`))",
    )
    table = tables.Table(name="t", columns=(column,))

    found = mariadb_converter().meaning(table, column)

    assert (found.family, found.type, found.collation) == (Family.JSON, "json", None)
    assert Question.NOT_JSON in found.never
    assert Question.JSON_DIGITS not in found.never


def test_a_counter_is_no_boolean() -> None:
    column = tables.FoundColumn(name="v", type="tinyint(1)", null=False, auto_increment=True)

    found = mysql_converter().meaning(tables.Table(name="t", columns=(column,)), column)

    assert (found.own, found.bits) == ("", 8)


@pytest.mark.parametrize(
    ("collation", "expected"),
    [("utf8mb4_general_ci", True), ("utf8mb4_bin", False), ("utf8mb4_0900_as_cs", False)],
)
def test_the_collation_says_whether_case_counts(collation: str, expected: bool) -> None:
    column = tables.FoundColumn(name="v", type="varchar(9)", null=True, collation=collation)

    found = mysql_converter().meaning(tables.Table(name="t", columns=(column,)), column)

    assert found.insensitive is expected


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        (meaning(Family.INTEGER, bits=16), "smallint"),
        (meaning(Family.INTEGER, bits=32, unsigned=True), "int unsigned"),
        (meaning(Family.INTEGER, bits=64), "bigint"),
        (meaning(Family.INTEGER, bits=9, unsigned=True, own="bit"), "bit(9)"),
        (meaning(Family.DECIMAL, precision=12, scale=2), "decimal(12,2)"),
        (meaning(Family.DECIMAL, precision=5, scale=-2), "decimal(7,0)"),
        (meaning(Family.DECIMAL, precision=3, scale=5), "decimal(5,5)"),
        (meaning(Family.DECIMAL), "decimal(65,30)"),
        (meaning(Family.BOOLEAN), "tinyint(1)"),
        (meaning(Family.TEXT), "longtext"),
        (meaning(Family.TEXT, length=768), "varchar(768)"),
        (meaning(Family.TEXT, length=769), "text"),
        (meaning(Family.TEXT, length=16_383), "text"),
        (meaning(Family.TEXT, length=16_384), "mediumtext"),
        (meaning(Family.TEXT, length=255, fixed=True), "char(255)"),
        (meaning(Family.TEXT, length=256, fixed=True), "varchar(256)"),
        (meaning(Family.BINARY), "longblob"),
        (meaning(Family.DATETIME), "datetime(6)"),
        (meaning(Family.DATETIME, fraction=0), "datetime"),
        (meaning(Family.INSTANT, fraction=6), "datetime(6)"),
        (meaning(Family.TIME, fraction=3), "time(3)"),
        (meaning(Family.JSON), "json"),
        (meaning(Family.UUID), "char(36)"),
        (meaning(Family.OTHER, own="inet"), "varchar(50)"),
        (meaning(Family.OTHER, own="tsvector"), "longtext"),
        (meaning(Family.TEXT, values=("a", "it's")), "enum('a', 'it''s')"),
        (meaning(Family.TEXT, values=("a\\b",)), "enum(x'615c62')"),
        (meaning(Family.TEXT, values=("a ",)), "varchar(2)"),
    ],
)
def test_without_values_the_natural_type_is_offered(means: Meaning, expected: str) -> None:
    assert offered(mysql_converter(), means).type == expected


def test_a_length_that_no_varchar_says_is_kept_by_a_check() -> None:
    offer = offered(mysql_converter(), meaning(Family.TEXT, length=2_000))

    assert offer.checks == ("char_length({column}) <= 2000",)
    assert offer.domain.octets == 65_535


@pytest.mark.parametrize(
    ("characters", "expected"), [(255, "varchar(255)"), (768, "varchar(768)"), (769, "longtext")]
)
def test_a_key_is_as_long_as_an_index_takes(characters: int, expected: str) -> None:
    converter = mysql_converter()
    means = meaning(Family.TEXT)

    offer = offered(converter, means, Facts(rows=1, characters=characters), key=True)

    assert Question.LONGEST in converter.needs(means, key=True)
    assert Question.LONGEST not in converter.needs(means, key=False)
    assert offer.type == expected


def test_texts_are_compared_by_their_bytes_unless_the_source_does_otherwise() -> None:
    sensitive, loose = meaning(Family.TEXT), meaning(Family.TEXT, insensitive=True)

    assert offered(mysql_converter(), sensitive).collation == "utf8mb4_0900_bin"
    assert offered(mariadb_converter(), sensitive).collation == "utf8mb4_nopad_bin"
    assert offered(mysql_converter(), loose).collation == "utf8mb4_0900_as_ci"
    assert offered(mariadb_converter(), loose).collation == "utf8mb4_uca1400_nopad_as_ci"


def test_a_server_without_such_a_collation_says_so() -> None:
    made = Session(engine.ENGINE, version="5.7.1", collations={"utf8mb4_bin"})

    offer = offered(portable.MysqlConverter(made), meaning(Family.TEXT))

    assert offer.collation == "utf8mb4_bin"
    assert offer.notes == ("blanks at the end do not count in comparisons",)


@pytest.mark.parametrize("type_", ["double", "float"])
def test_floats_have_no_sign_of_zero(type_: str) -> None:
    single = type_ == "float"

    offer = offered(mariadb_converter(), meaning(Family.FLOAT, single=single))

    assert (type_, {Question.NAN, Question.INFINITE, Question.NEGATIVE_ZERO}) == (
        offer.type,
        offer.domain.refuses,
    )


@pytest.mark.parametrize(
    ("family", "more"),
    [
        (Family.DECIMAL, set()),
        (Family.INTEGER, {Question.NOT_WHOLE, Question.NAN, Question.INFINITE}),
    ],
)
def test_a_number_that_is_a_text_is_still_no_word(family: Family, more: set[Question]) -> None:
    facts = Facts(
        rows=2,
        nulls=0,
        kinds={"integer": 1, "real": 1},
        least=Decimal(2**60),
        most=Decimal("1e300"),
        digits_before=301,
        digits_behind=0,
    )

    offer = offered(mariadb_converter(), meaning(family, typed=True), facts)

    assert offer.type == "longtext"
    assert {Question.NOT_NUMBER, *more} <= offer.domain.refuses


def test_a_word_that_looks_like_the_columns_place_is_written_in_digits() -> None:
    means = meaning(Family.TEXT, values=("{column}", "a"), many=True)

    offer = offered(mariadb_converter(), means)

    assert offer.checks == (f"{{column}} IN (x'{b'{column}'.hex()}', 'a')",)


def test_json_is_rounded_by_one_server_and_kept_by_the_other() -> None:
    means = meaning(Family.JSON)

    assert Question.JSON_DIGITS in offered(mysql_converter(), means).domain.refuses
    assert Question.JSON_DIGITS not in offered(mariadb_converter(), means).domain.refuses


def test_a_uuid_is_a_type_of_newer_servers() -> None:
    means = meaning(Family.UUID)

    assert offered(mariadb_converter(), means).type == "uuid"
    assert offered(mariadb_converter("10.6.4-MariaDB"), means).type == "char(36)"


def test_dates_of_zero_are_refused_where_the_server_does() -> None:
    means = meaning(Family.DATE)
    strict = mysql_converter("NO_ZERO_IN_DATE,NO_ZERO_DATE")

    assert Question.ZERO_DATE in offered(strict, means).domain.refuses
    assert Question.ZERO_DATE not in offered(mysql_converter(), means).domain.refuses
    assert Question.BEFORE_CHRIST in offered(mysql_converter(), means).domain.refuses


def found(type_: str, converter: portable.MysqlConverter, collation: str | None = None) -> Meaning:
    column = tables.FoundColumn(name="v", type=type_, null=True, collation=collation)
    return converter.meaning(tables.Table(name="t", columns=(column,)), column)


@pytest.mark.parametrize("type_", ["tinyint(1)", "bit(3)", "enum('a','b')", "point", "text"])
def test_within_one_engine_the_type_itself_is_offered(type_: str) -> None:
    converter = mysql_converter()
    means = found(type_, converter)

    offer = offered(converter, means, Facts(rows=5))

    assert (offer.type, offer.family) == (type_, means.family)
    assert converter.needs(means, key=True) == frozenset()


@pytest.mark.parametrize(
    ("type_", "collation", "expected", "collated"),
    [
        ("int(11)", None, "int(11)", None),
        ("uuid", None, "char(36)", "utf8mb4_0900_bin"),
        ("inet6", None, "varchar(45)", "utf8mb4_0900_bin"),
        ("varchar(9)", "utf8mb4_general_ci", "varchar(9)", "utf8mb4_general_ci"),
        ("varchar(9)", "utf8mb4_uca1400_nopad_as_ci", "varchar(9)", "utf8mb4_0900_as_ci"),
        ("varchar(9)", "utf8mb4_nopad_bin", "varchar(9)", "utf8mb4_0900_bin"),
    ],
)
def test_what_the_related_server_lacks_is_offered_as_the_next_best(
    type_: str, collation: str | None, expected: str, collated: str | None
) -> None:
    means = found(type_, mariadb_converter(), collation)

    offer = offered(mysql_converter(), means)

    assert (offer.type, offer.collation) == (expected, collated)


def test_json_of_the_related_server_is_looked_at() -> None:
    column = tables.FoundColumn(
        name="v", type="longtext", null=True, definition="longtext CHECK (json_valid(`v`))"
    )
    means = mariadb_converter().meaning(tables.Table(name="t", columns=(column,)), column)

    offer = offered(mysql_converter(), means)

    assert offer.type == "json"
    assert Question.JSON_DIGITS in offer.domain.refuses


@pytest.mark.parametrize(
    ("wish", "family"),
    [
        ("INTEGER", Family.INTEGER),
        ("bool", Family.INTEGER),
        ("NUMERIC(12, 2)", Family.DECIMAL),
        ("double precision", Family.FLOAT),
        ("character varying(9)", Family.TEXT),
        ("enum('a','b')", Family.TEXT),
        ("bigint unsigned", Family.INTEGER),
    ],
)
def test_a_wish_is_read_in_the_words_that_people_use(wish: str, family: Family) -> None:
    offer = mysql_converter().wished(wish, meaning(Family.TEXT))

    assert (offer.type, offer.family) == (wish, family)


@pytest.mark.parametrize(
    ("wish", "means", "why"),
    [
        ("float", meaning(Family.FLOAT), "four bytes would round"),
        ("double", meaning(Family.DECIMAL), "more than 15 digits"),
        ("binary(16)", meaning(Family.BINARY, length=16), "would be filled up"),
        ("date", meaning(Family.BINARY), "could not be compared"),
        ("varchar", meaning(Family.TEXT), "no type"),
    ],
)
def test_a_wish_that_would_change_values_is_refused(wish: str, means: Meaning, why: str) -> None:
    with pytest.raises(errors.UsageError) as caught:
        mysql_converter().wished(wish, means)

    assert why in str(caught.value)
