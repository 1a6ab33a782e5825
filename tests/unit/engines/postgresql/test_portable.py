"""What PostgreSQL's built-in types mean, as format_type() writes them, and what it offers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Facts, Meaning, Question
from whimbrel.engines.postgresql import engine, portable, session

MEANINGS = [
    ("smallint", {"family": Family.INTEGER, "bits": 16}),
    ("bigint", {"family": Family.INTEGER, "bits": 64}),
    ("oid", {"family": Family.INTEGER, "bits": 32, "unsigned": True}),
    ("numeric", {"family": Family.DECIMAL, "precision": None, "scale": None}),
    ("numeric(12,2)", {"family": Family.DECIMAL, "precision": 12, "scale": 2}),
    ("numeric(5,-2)", {"family": Family.DECIMAL, "precision": 5, "scale": -2}),
    ("real", {"family": Family.FLOAT, "single": True}),
    ("double precision", {"family": Family.FLOAT, "single": False}),
    ("boolean", {"family": Family.BOOLEAN}),
    ("text", {"family": Family.TEXT, "length": None}),
    ("character varying", {"family": Family.TEXT, "length": None}),
    ("character varying(40)", {"family": Family.TEXT, "length": 40, "fixed": False}),
    ("character(5)", {"family": Family.TEXT, "length": 5, "fixed": True}),
    ("bpchar", {"family": Family.TEXT, "length": None, "fixed": True}),
    ('"char"', {"family": Family.TEXT, "own": '"char"'}),
    ("name", {"family": Family.TEXT, "length": 63}),
    ("bit(1)", {"family": Family.INTEGER, "bits": 1, "unsigned": True, "own": "bit"}),
    ("bit(64)", {"family": Family.INTEGER, "bits": 64, "unsigned": True}),
    ("bit(65)", {"family": Family.TEXT, "length": 65}),
    ("bit varying(9)", {"family": Family.TEXT, "length": 9, "own": "bit varying"}),
    ("bytea", {"family": Family.BINARY, "length": None}),
    ("date", {"family": Family.DATE}),
    ("time(3) without time zone", {"family": Family.TIME, "fraction": 3}),
    ("time with time zone", {"family": Family.OTHER, "own": "time with time zone"}),
    ("timestamp without time zone", {"family": Family.DATETIME, "fraction": 6}),
    ("timestamp(0) with time zone", {"family": Family.INSTANT, "fraction": 0}),
    ("interval", {"family": Family.OTHER, "own": "interval"}),
    ("interval year to month", {"family": Family.OTHER}),
    ("interval(3)", {"family": Family.OTHER, "own": "interval"}),
    ("json", {"family": Family.JSON, "own": "json"}),
    ("jsonb", {"family": Family.JSON, "own": "jsonb"}),
    ("uuid", {"family": Family.UUID}),
    ("inet", {"family": Family.OTHER, "own": "inet"}),
    ("int4range", {"family": Family.OTHER, "own": "int4range"}),
    ("point", {"family": Family.OTHER, "own": "point"}),
    ("tsvector", {"family": Family.OTHER, "own": "tsvector"}),
    ("xml", {"family": Family.OTHER, "own": "xml"}),
    ("money", {"family": Family.OTHER, "own": "money"}),
]


class Session(session.PostgresSession):
    """A session that nothing is asked of, but which version the server has."""

    version = 160000

    def __init__(self) -> None:
        self.engine = engine.ENGINE

    @property
    def driver(self) -> object:  # type: ignore[override]
        return SimpleNamespace(info=SimpleNamespace(server_version=self.version))


def meaning(family: Family, **facts: object) -> Meaning:
    """Return a meaning of another engine's."""
    return Meaning(family=family, engine="other", **facts)  # type: ignore[arg-type]


def offered(means: Meaning, facts: Facts | None = None, *, key: bool = False) -> str:
    converter = portable.PostgresConverter(Session())
    facts = Facts(rows=0) if facts is None else facts
    return converter.offer(means, facts, table="t", column="v", key=key).type


@pytest.mark.parametrize(("type_", "expected"), MEANINGS)
def test_a_builtin_type_means_what_it_is(type_: str, expected: dict[str, object]) -> None:
    found = portable.builtin(type_)

    assert found is not None
    assert {name: getattr(found, name) for name in expected} == expected
    assert (found.engine, found.type) == ("postgresql", type_)


@pytest.mark.parametrize("type_", ["integer[]", "colour", "public.citext", "my type", ""])
def test_what_is_not_built_in_has_to_be_asked(type_: str) -> None:
    assert portable.builtin(type_) is None


def test_values_of_its_own_never_have_troubles_that_the_server_refuses() -> None:
    text, jsonb = portable.builtin("text"), portable.builtin("jsonb")

    assert text is not None and {Question.NUL, Question.NOT_UTF8} <= text.never
    assert jsonb is not None and {Question.JSON_NUL, Question.NOT_JSON} <= jsonb.never


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        (meaning(Family.INTEGER, bits=8), "smallint"),
        (meaning(Family.INTEGER, bits=8, unsigned=True), "smallint"),
        (meaning(Family.INTEGER, bits=16, unsigned=True), "integer"),
        (meaning(Family.INTEGER, bits=24), "integer"),
        (meaning(Family.INTEGER, bits=32, unsigned=True), "bigint"),
        (meaning(Family.INTEGER, bits=64), "bigint"),
        (meaning(Family.INTEGER, bits=64, unsigned=True), "bigint"),
        (meaning(Family.INTEGER, bits=1, unsigned=True, own="bit"), "boolean"),
        (meaning(Family.INTEGER, bits=63, unsigned=True, own="bit"), "bigint"),
        (meaning(Family.DECIMAL, precision=65, scale=30), "numeric(65,30)"),
        (meaning(Family.DECIMAL), "numeric"),
        (meaning(Family.FLOAT, single=True), "real"),
        (meaning(Family.FLOAT), "double precision"),
        (meaning(Family.TEXT, length=10), "varchar(10)"),
        (meaning(Family.TEXT, length=10, fixed=True), "char(10)"),
        (meaning(Family.TEXT, length=0), "varchar(1)"),
        (meaning(Family.TEXT, length=20_000_000), "text"),
        (meaning(Family.BINARY, length=16, fixed=True), "bytea"),
        (meaning(Family.TIME, fraction=0), "time(0)"),
        (meaning(Family.TIME, fraction=6), "time"),
        (meaning(Family.DATETIME, fraction=3), "timestamp(3)"),
        (meaning(Family.INSTANT), "timestamptz"),
        (meaning(Family.JSON), "jsonb"),
        (meaning(Family.OTHER, own="point"), "text"),
    ],
)
def test_without_values_the_natural_type_is_offered(means: Meaning, expected: str) -> None:
    assert offered(means) == expected


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        (meaning(Family.INTEGER, bits=64, unsigned=True), "numeric(20,0)"),
        (meaning(Family.INTEGER, bits=8, own="tinyint(1)"), "smallint"),
        (meaning(Family.DECIMAL, precision=5, scale=2, typed=True), "numeric"),
        (meaning(Family.TEXT, length=5, typed=True), "text"),
        (meaning(Family.INTEGER, bits=16, typed=True), "bigint"),
    ],
)
def test_values_that_nobody_looked_at_get_room(means: Meaning, expected: str) -> None:
    assert offered(means, Facts(rows=7)) == expected


def test_an_enumeration_becomes_a_type_named_after_its_column() -> None:
    words = ("a", "it's", "")
    converter = portable.PostgresConverter(Session())

    offer = converter.offer(
        meaning(Family.TEXT, values=words, insensitive=True),
        Facts(rows=0),
        table="orders",
        column="state",
        key=False,
    )

    assert offer.type == '"enum_orders_state"'
    assert offer.creates == (
        ("enum_orders_state", "CREATE TYPE \"enum_orders_state\" AS ENUM ('a', 'it''s', '')"),
    )
    assert offer.domain.refuses == {Question.STRAY_WORD, Question.NUL, Question.NOT_UTF8}
    assert "compares with case now" in offer.notes[0]


def test_words_that_no_label_holds_stand_in_a_text_with_a_check() -> None:
    converter = portable.PostgresConverter(Session())

    offer = converter.offer(
        meaning(Family.TEXT, values=("ä" * 32,)), Facts(rows=0), table="t", column="v", key=False
    )

    assert (offer.type, offer.creates) == ("text", ())
    assert offer.checks == (f"{{column}} IN ('{'ä' * 32}')",)


def test_a_word_that_looks_like_the_columns_place_is_written_in_two_parts() -> None:
    converter = portable.PostgresConverter(Session())
    means = meaning(Family.TEXT, values=("{column}", "a"), many=True)

    offer = converter.offer(means, Facts(rows=0), table="t", column="v", key=False)

    assert "ARRAY['{' || 'column}', 'a']" in offer.checks[0]


def test_a_document_is_kept_by_what_it_says() -> None:
    converter = portable.PostgresConverter(Session())

    offer = converter.offer(meaning(Family.JSON), Facts(rows=0), table="t", column="v", key=False)

    assert "the last of those with the same name" in offer.notes[0]


def test_an_older_server_keeps_no_endless_numbers_in_a_numeric() -> None:
    class Old(Session):
        version = 130000

    means = meaning(Family.DECIMAL)
    offers = [
        portable.PostgresConverter(one).offer(
            means, Facts(rows=0), table="t", column="v", key=False
        )
        for one in (Old(), Session())
    ]

    assert [Question.INFINITE in one.domain.refuses for one in offers] == [True, False]


def test_a_column_of_this_engine_is_offered_as_it_is_and_asks_nothing() -> None:
    converter = portable.PostgresConverter(Session())
    found = portable.builtin("timestamp(3) with time zone")
    assert found is not None

    assert converter.needs(found, key=True) == frozenset()
    assert offered(found) == "timestamp(3) with time zone"


def test_dates_of_a_year_zero_are_refused_where_there_can_be_some() -> None:
    converter = portable.PostgresConverter(Session())

    found = [
        converter.offer(
            Meaning(family=Family.DATE, engine=name),
            Facts(rows=0),
            table="t",
            column="v",
            key=False,
        ).domain.refuses
        for name in ("mysql", "sqlite")
    ]

    assert [Question.BEFORE_CHRIST in one for one in found] == [True, False]
    assert all(Question.ZERO_DATE in one for one in found)
