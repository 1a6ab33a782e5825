"""What SQLite's declared types mean, by affinity and by the names that people use."""

from __future__ import annotations

import pytest

from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Facts, Meaning, Offer, Question
from whimbrel.engines.sqlite import engine, portable

MEANINGS = [
    ("INTEGER", {"family": Family.INTEGER, "bits": 64}),
    ("INT", {"family": Family.INTEGER, "bits": 64}),
    ("smallint", {"family": Family.INTEGER, "bits": 16}),
    ("TINYINT(1)", {"family": Family.INTEGER, "bits": 8}),
    ("UNSIGNED BIG INT", {"family": Family.INTEGER, "bits": 64, "unsigned": False}),
    ("INT4 UNSIGNED", {"family": Family.INTEGER, "bits": 32, "unsigned": True}),
    ("REAL", {"family": Family.FLOAT, "single": False}),
    ("DOUBLE PRECISION", {"family": Family.FLOAT}),
    ("FLOAT", {"family": Family.FLOAT, "single": False}),
    ("DECIMAL(10,2)", {"family": Family.DECIMAL, "precision": 10, "scale": 2}),
    ("DECIMAL_TEXT(20, 5)", {"family": Family.DECIMAL, "precision": 20, "scale": 5}),
    ("NUMERIC", {"family": Family.DECIMAL, "precision": None}),
    ("BOOLEAN", {"family": Family.BOOLEAN}),
    ("NVARCHAR(40)", {"family": Family.TEXT, "length": 40}),
    ("VARYING CHARACTER(255)", {"family": Family.TEXT, "length": 255}),
    ("CHAR(5)", {"family": Family.TEXT, "length": 5, "fixed": False}),
    ("TEXT", {"family": Family.TEXT, "length": None, "own": ""}),
    ("CLOB", {"family": Family.TEXT}),
    ("", {"family": Family.TEXT, "own": "any"}),
    ("ANY", {"family": Family.TEXT, "own": "any"}),
    ("BLOB", {"family": Family.BINARY}),
    ("DATE", {"family": Family.DATE}),
    ("TIME", {"family": Family.TIME}),
    ("DATETIME", {"family": Family.DATETIME}),
    ("timestamp", {"family": Family.DATETIME}),
    ("TIMESTAMPTZ", {"family": Family.INSTANT}),
    ("JSON", {"family": Family.JSON}),
    ("UUID", {"family": Family.UUID}),
    ("FLOATING POINT", {"family": Family.INTEGER}),  # it has INT in it
    ("WHATEVER", {"family": Family.DECIMAL}),
]


def converter() -> portable.SqliteConverter:
    return portable.SqliteConverter(base.Session.__new__(base.Session))


def meaning(family: Family, **facts: object) -> Meaning:
    """Return a meaning of another engine's."""
    return Meaning(family=family, engine="other", **facts)  # type: ignore[arg-type]


def offered(means: Meaning, facts: Facts | None = None, *, key: bool = False) -> Offer:
    facts = Facts(rows=0) if facts is None else facts
    return converter().offer(means, facts, table="t", column="v", key=key)


@pytest.mark.parametrize(("type_", "expected"), MEANINGS)
def test_a_declared_type_means_what_it_says(type_: str, expected: dict[str, object]) -> None:
    found = portable.meant(type_)

    assert {name: getattr(found, name) for name in expected} == expected
    assert (found.engine, found.type) == (engine.ENGINE.name, type_)


@pytest.mark.parametrize(
    ("sql", "type_", "typed"),
    [
        ("CREATE TABLE t (v TEXT)", "TEXT", True),
        ("CREATE TABLE t (v TEXT) STRICT", "TEXT", False),
        ("CREATE TABLE t (v ANY) STRICT", "ANY", True),
        ("CREATE VIRTUAL TABLE t USING fts5(v)", "", True),
    ],
)
def test_only_a_strict_table_keeps_to_its_types(sql: str, type_: str, typed: bool) -> None:
    column = tables.FoundColumn(name="v", type=type_, null=True)

    found = converter().meaning(tables.Table(name="t", columns=(column,), sql=sql), column)

    assert found.typed is typed


def test_nocase_is_a_comparison_without_case() -> None:
    column = tables.FoundColumn(name="v", type="TEXT", null=True, collation="NOCASE")

    found = converter().meaning(tables.Table(name="t", columns=(column,)), column)

    assert found.insensitive


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        (meaning(Family.INTEGER, bits=8), "TINYINT"),
        (meaning(Family.INTEGER, bits=8, unsigned=True), "SMALLINT"),
        (meaning(Family.INTEGER, bits=32), "INTEGER"),
        (meaning(Family.INTEGER, bits=64), "BIGINT"),
        (meaning(Family.INTEGER, bits=1, unsigned=True, own="bit"), "BOOLEAN"),
        (meaning(Family.DECIMAL, precision=15, scale=2), "DECIMAL(15, 2)"),
        (meaning(Family.DECIMAL, precision=16, scale=2), "DECIMAL_TEXT(16, 2)"),
        (meaning(Family.DECIMAL, precision=15, scale=-2), "DECIMAL_TEXT(17, 0)"),
        (meaning(Family.DECIMAL), "DECIMAL_TEXT"),
        (meaning(Family.FLOAT), "DOUBLE"),
        (meaning(Family.FLOAT, single=True), "FLOAT"),
        (meaning(Family.TEXT), "TEXT"),
        (meaning(Family.TEXT, length=40), "VARCHAR(40)"),
        (meaning(Family.TEXT, length=5, fixed=True), "CHAR(5)"),
        (meaning(Family.TEXT, length=5, own="bit varying"), "TEXT"),
        (meaning(Family.BINARY, length=16), "BLOB"),
        (meaning(Family.INSTANT), "TIMESTAMPTZ"),
        (meaning(Family.JSON), "JSON_TEXT"),
        (meaning(Family.OTHER, own="interval"), "TEXT"),
    ],
)
def test_the_offered_type_keeps_values_as_they_are(means: Meaning, expected: str) -> None:
    assert offered(means).type == expected


def test_a_key_of_whole_numbers_can_be_the_number_of_the_row() -> None:
    assert offered(meaning(Family.INTEGER, bits=64), key=True).type == "INTEGER"


def test_what_nobody_looked_at_gets_room() -> None:
    means = meaning(Family.INTEGER, bits=64, unsigned=True)

    assert offered(means, Facts(rows=5)).type == "DECIMAL_TEXT(20, 0)"


def test_a_comparison_without_case_is_kept_for_latin_letters() -> None:
    offer = offered(meaning(Family.TEXT, insensitive=True))

    assert offer.collation == "NOCASE"
    assert any("A to Z" in note for note in offer.notes)


def test_notes_of_the_source_are_repeated() -> None:
    assert offered(meaning(Family.TEXT, notes=("a domain",))).notes[0] == "a domain"


@pytest.mark.parametrize(
    ("wish", "means", "before", "behind"),
    [
        ("DECIMAL(10,2)", meaning(Family.DECIMAL, precision=10, scale=2), 8, 2),
        ("NUMERIC", meaning(Family.DECIMAL, precision=30, scale=4), 11, 4),
        ("DECIMAL(9,2)", meaning(Family.DECIMAL), 7, 2),
    ],
)
def test_a_wish_for_floats_takes_as_many_digits_as_those_have(
    wish: str, means: Meaning, before: int, behind: int
) -> None:
    domain = converter().wished(wish, means).domain

    assert (domain.digits_before, domain.digits_behind) == (before, behind)


@pytest.mark.parametrize(
    ("wish", "means"),
    [
        ("NUMERIC", meaning(Family.DECIMAL)),
        ("DOUBLE", meaning(Family.DECIMAL)),
        ("DATE", meaning(Family.BINARY)),
        ("TEXT; DROP TABLE t", meaning(Family.TEXT)),
    ],
)
def test_a_wish_that_would_change_values_is_refused(wish: str, means: Meaning) -> None:
    with pytest.raises(errors.UsageError):
        converter().wished(wish, means)


def test_within_one_engine_the_type_itself_is_offered() -> None:
    means = portable.meant("VARCHAR( 3 )")

    assert converter().needs(means, key=True) == frozenset()
    assert offered(means).type == "VARCHAR( 3 )"


def test_columns_of_floats_have_no_sign_of_zero_and_those_of_integers_may_say_nan() -> None:
    assert Question.NEGATIVE_ZERO in portable.meant("DOUBLE").never
    assert Question.NAN not in portable.meant("INTEGER").never


def test_a_word_that_looks_like_the_columns_place_is_written_in_two_parts() -> None:
    offer = offered(meaning(Family.TEXT, values=("{column}", "a")))

    assert offer.checks == ("{column} IN ('{' || 'column}', 'a')",)


def test_a_sign_of_zero_and_no_number_have_no_room_in_a_float() -> None:
    assert offered(meaning(Family.FLOAT)).domain.refuses == {
        Question.NAN,
        Question.NEGATIVE_ZERO,
    }
