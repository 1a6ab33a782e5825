"""What profilers say of values: every question, with rows that have the trouble and rows without.

Each case is a type, values that have the trouble and values that do not; both are tried alone and
mixed with NULLs, in a table and a column with odd names.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests import databases, engines
from tests.profiles import CASES, COLUMN, READ, Case, fill, ids, profiled, table_of, texts
from whimbrel.engines import portable, profiling
from whimbrel.engines.portable import Facts, Question

NewDatabase = Callable[[str], databases.Database]
OpenRaw = Callable[[databases.Database], databases.Raw]


@pytest.mark.parametrize("one", CASES, ids=lambda c: f"{c.engine}-{c.type}-{c.question.name}")
def test_a_question_counts_the_values_that_have_the_trouble_and_no_others(
    one: Case, new_database: NewDatabase, raw: OpenRaw
) -> None:
    database = new_database(one.engine)
    nulls = () if "NOT NULL" in one.type else ("NULL",)
    values = [*nulls, *one.good, *one.bad, *nulls]
    fill(raw(database), one.type, values)
    first = len(nulls) + len(one.good) + 1

    with profiled(database) as (session, profiler):
        found = profiler.facts(table_of(session), {COLUMN: frozenset({one.question})}, key=("id",))[
            COLUMN
        ]

    bad = [str(first + at) for at in range(len(one.bad))]
    assert (len(values), {one.question: len(bad)}) == (found.rows, found.counts)
    assert bad[: portable.KEYS_KEPT] == ids(found, one.question)


@pytest.mark.parametrize("one", CASES, ids=lambda c: f"{c.engine}-{c.type}-{c.question.name}")
def test_a_single_value_that_has_the_trouble_is_enough(
    one: Case, new_database: NewDatabase, raw: OpenRaw
) -> None:
    database = new_database(one.engine)
    fill(raw(database), one.type, one.bad[:1])

    with profiled(database) as (session, profiler):
        found = profiler.facts(table_of(session), {COLUMN: frozenset({one.question})}, key=("id",))[
            COLUMN
        ]

    assert {one.question: len(one.bad[:1])} == found.counts


@pytest.mark.parametrize("asked", [Question.DIGITS, Question.INFINITE])
def test_the_smallest_whole_number_of_all_is_a_number_like_others(
    asked: Question, new_database: NewDatabase, raw: OpenRaw
) -> None:
    database = new_database("sqlite")
    fill(raw(database), "NUMERIC", [str(-(2**63)), "9e999", "1.25"])

    with profiled(database) as (session, profiler):
        found = profiler.facts(table_of(session), {COLUMN: frozenset({asked})})[COLUMN]

    assert found.least in (Decimal(-(2**63)), None)
    assert found.counts == ({Question.INFINITE: 1} if asked is Question.INFINITE else {})


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "sqlite"])
def test_all_questions_at_once_are_answered_as_each_alone(
    engine: str, new_database: NewDatabase, raw: OpenRaw
) -> None:
    database = new_database(engine)
    type_ = "TEXT"
    values = [value for _, bad, good in READ for value in texts(*bad, *good)] + ["NULL", "''"]
    fill(raw(database), type_, values)
    questions = frozenset(profiling.TROUBLES)

    with profiled(database) as (session, profiler):
        table = table_of(session)
        together = profiler.facts(table, {COLUMN: questions}, key=("id",))[COLUMN]
        alone = {
            one: profiler.facts(table, {COLUMN: frozenset({one})}, key=("id",))[COLUMN]
            for one in questions
        }

    assert {one: alone[one].counts[one] for one in questions} == together.counts
    assert {one: ids(alone[one], one) for one in questions} == {
        one: ids(together, one) for one in questions
    }


def test_an_empty_table_has_no_troubles_and_no_values(
    database: databases.Database, raw: OpenRaw
) -> None:
    fill(raw(database), "text", [])

    with profiled(database) as (session, profiler):
        found = profiler.facts(table_of(session), {COLUMN: frozenset(Question)})[COLUMN]

    assert (0, 0, {}) == (found.rows, sum(found.counts.values()), found.keys)
    assert (None, None, 0, 0) == (found.least, found.most, found.characters, found.octets)


def test_nothing_is_asked_of_no_columns(database: databases.Database, raw: OpenRaw) -> None:
    fill(raw(database), "text", ["'a'"])

    with profiled(database) as (session, profiler):
        table = table_of(session)
        assert {} == profiler.facts(table, {})
        assert Facts(rows=1) == profiler.facts(table, {COLUMN: frozenset()})[COLUMN]


@pytest.mark.parametrize(
    ("engine", "type_", "values", "least", "most", "before", "behind"),
    [
        (
            "postgresql",
            "numeric",
            ["1.50", "-12345.001", "'NaN'", "NULL"],
            "-12345.001",
            "1.5",
            5,
            3,
        ),
        ("postgresql", "numeric", ["'Infinity'", "100"], "100", "100", 3, 0),
        ("postgresql", "double precision", ["0.1", "1e20", "'-Infinity'"], "0.1", "1e20", 21, 1),
        ("postgresql", "bigint", ["-9223372036854775808", "5"], "-9223372036854775808", "5", 19, 0),
        (
            "postgresql",
            "bit(64)",
            ["B'1'::bit(64)"],
            "9223372036854775808",
            "9223372036854775808",
            19,
            0,
        ),
        ("postgresql", "text", ["'7'", "'-0.25'", "'x'", "'NaN'"], "-0.25", "7", 1, 2),
        ("postgresql", "boolean", ["true", "false"], "0", "1", 1, 0),
        ("mariadb", "decimal(65,30)", ["1.50", "-12345.001"], "-12345.001", "1.5", 5, 3),
        ("mariadb", "double", ["0.1", "1e20"], "0.1", "1e20", 21, 1),
        (
            "mariadb",
            "bigint unsigned",
            ["18446744073709551615", "0"],
            "0",
            "18446744073709551615",
            20,
            0,
        ),
        (
            "mariadb",
            "bit(64)",
            ["x'8000000000000000'"],
            "9223372036854775808",
            "9223372036854775808",
            19,
            0,
        ),
        ("mariadb", "year", ["2024", "1901"], "1901", "2024", 4, 0),
        ("mariadb", "int(6) zerofill", ["7"], "7", "7", 1, 0),
        ("mariadb", "text", ["'7'", "'-0.25'", "'x'", "'NaN'"], "-0.25", "7", 1, 2),
        ("sqlite", "DECIMAL(10,2)", ["1.5", "-12345.001", "NULL"], "-12345.001", "1.5", 5, 3),
        ("sqlite", "DECIMAL(10,2)", ["7", "'x'", "x'00'"], "7", "7", 1, 0),
        (
            "sqlite",
            "DECIMAL_TEXT",
            ["'12345678901234567890.125'"],
            "12345678901234567890.125",
            "12345678901234567890.125",
            20,
            3,
        ),
        ("sqlite", "DOUBLE", ["0.1", "1e20", "9e999"], "0.1", "1e20", 21, 1),
        ("sqlite", "INTEGER", ["9223372036854775807", "-1"], "-1", "9223372036854775807", 19, 0),
        ("sqlite", "TEXT", ["'7'", "'-0.25'", "'x'"], "-0.25", "7", 1, 2),
    ],
)
def test_numbers_are_measured_exactly(
    engine: str,
    type_: str,
    values: list[str],
    least: str,
    most: str,
    before: int,
    behind: int,
    new_database: NewDatabase,
    raw: OpenRaw,
) -> None:
    database = new_database(engine)
    fill(raw(database), type_, values)

    with profiled(database) as (session, profiler):
        asked = {COLUMN: frozenset({Question.RANGE, Question.DIGITS})}
        found = profiler.facts(table_of(session), asked)[COLUMN]

    assert (Decimal(least), Decimal(most)) == (found.least, found.most)
    assert (before, behind) == (found.digits_before, found.digits_behind)


@pytest.mark.parametrize(
    ("engine", "type_", "values", "characters", "octets"),
    [
        ("postgresql", "text", ["'é漢🦜'", "'abcd'", "NULL"], 4, 9),
        ("postgresql", "char(8)", ["'é'"], 1, 2),
        ("postgresql", "bytea", [r"'\x00ff'"], 2, 2),
        ("postgresql", "integer", ["-123"], 4, 4),
        ("postgresql", "jsonb", ["'{\"a\":1}'"], 8, 8),
        ("mariadb", "text", ["'é漢🦜'", "'abcd'", "NULL"], 4, 9),
        ("mariadb", "varchar(9) CHARACTER SET latin1", ["'éa'"], 2, 3),
        ("mariadb", "blob", ["x'00ff'"], 2, 2),
        ("mariadb", "enum('é','abc')", ["'é'"], 1, 2),
        ("mariadb", "datetime", ["'2020-01-01 10:00:00'"], 19, 19),
        ("sqlite", "TEXT", ["'é漢🦜'", "'abcd'", "NULL"], 4, 9),
        ("sqlite", "TEXT", ["'ab' || char(0) || 'cde'"], 6, 6),
        ("sqlite", "TEXT", ["'a'", "x'000102'"], 3, 3),
        ("sqlite", "", ["123456", "1.5"], 6, 6),
        ("sqlite", "BLOB", ["x'00ff'"], 2, 2),
    ],
)
@pytest.mark.parametrize("more", [frozenset(), frozenset({Question.KINDS, Question.NUL})])
def test_the_longest_is_measured_in_characters_and_in_bytes_of_utf8(
    engine: str,
    type_: str,
    values: list[str],
    characters: int,
    octets: int,
    more: frozenset[Question],
    new_database: NewDatabase,
    raw: OpenRaw,
) -> None:
    database = new_database(engine)
    fill(raw(database), type_, values)

    with profiled(database) as (session, profiler):
        asked = {COLUMN: frozenset({Question.LONGEST}) | more}
        found = profiler.facts(table_of(session), asked)[COLUMN]

    assert (characters, octets) == (found.characters, found.octets)


@pytest.mark.parametrize(
    ("engine", "type_", "values", "behind"),
    [
        ("postgresql", "timestamp", ["'2020-01-01 10:00:00.120'", "'2020-01-01'"], 2),
        ("postgresql", "time", ["'10:00:00.123456'"], 6),
        ("mariadb", "datetime(6)", ["'2020-01-01 10:00:00.120000'"], 2),
        ("mariadb", "time(3)", ["'10:00:00'"], 0),
        ("sqlite", "DATETIME", ["'2020-01-01 10:00:00.125'", "'x.1234'"], 3),
    ],
)
def test_digits_of_seconds_stand_behind_the_point(
    engine: str,
    type_: str,
    values: list[str],
    behind: int,
    new_database: NewDatabase,
    raw: OpenRaw,
) -> None:
    database = new_database(engine)
    fill(raw(database), type_, values)

    with profiled(database) as (session, profiler):
        found = profiler.facts(table_of(session), {COLUMN: frozenset({Question.DIGITS})})[COLUMN]

    assert (None, behind) == (found.digits_before, found.digits_behind)


@engines.only("sqlite")
def test_values_are_counted_by_what_they_really_are(
    database: databases.Database, raw: OpenRaw
) -> None:
    fill(raw(database), "TEXT", ["'a'", "'b'", "x'00'", "NULL"])

    with profiled(database) as (session, profiler):
        found = profiler.facts(table_of(session), {COLUMN: frozenset({Question.KINDS})})[COLUMN]

    assert ({"text": 2, "blob": 1}, 1) == (found.kinds, found.nulls)


def test_null_is_counted_with_its_keys(database: databases.Database, raw: OpenRaw) -> None:
    fill(raw(database), "text", ["'a'", *["NULL"] * 7])

    with profiled(database) as (session, profiler):
        asked = {COLUMN: frozenset({Question.NULL}), "id": frozenset({Question.NULL})}
        found = profiler.facts(table_of(session), asked, key=("id",))

    assert (7, 7, 8) == (
        found[COLUMN].nulls,
        found[COLUMN].counts[Question.NULL],
        found[COLUMN].rows,
    )
    assert ["2", "3", "4", "5", "6"] == ids(found[COLUMN], Question.NULL)
    assert (0, {}) == (found["id"].nulls, found["id"].keys)


def test_values_are_shown_as_people_read_them_on_one_short_line(
    database: databases.Database, raw: OpenRaw
) -> None:
    fill(raw(database), "text", [f"'line{chr(10)}two '", "'" + "x" * 5_000 + " '"])

    with profiled(database) as (session, profiler):
        asked = {COLUMN: frozenset({Question.TRAILING_BLANKS})}
        found = profiler.facts(table_of(session), asked)[COLUMN]

    shown = [value for _, value in found.keys[Question.TRAILING_BLANKS]]
    assert [(), ()] == [key for key, _ in found.keys[Question.TRAILING_BLANKS]]
    assert [True, True] == [one.startswith(("line\\x0atwo", "xxxx")) for one in sorted(shown)]
    assert max(map(len, shown)) <= 80


def test_a_condition_and_an_expression_are_asked_like_a_table_and_a_column(
    database: databases.Database, raw: OpenRaw
) -> None:
    fill(raw(database), "text", ["'-1'", "'2'", "'-3'"])

    with profiled(database) as (session, profiler):
        asked = {"id * -10": frozenset({Question.RANGE, Question.NEGATIVE})}
        found = profiler.facts(table_of(session), asked, where="id > 1", key=("id",))["id * -10"]

    assert (2, Decimal(-30), Decimal(-20)) == (found.rows, found.least, found.most)
    assert {Question.NEGATIVE: 2} == found.counts
    assert ["2", "3"] == ids(found, Question.NEGATIVE)


def test_parts_of_a_table_are_put_together_as_if_it_had_been_asked_at_once(
    database: databases.Database, raw: OpenRaw
) -> None:
    fill(raw(database), "text", ["'-1'", "'22 '", "NULL", "'x'", "'-4.25'", "'é '"])
    questions = frozenset(Question)

    with profiled(database) as (session, profiler):
        table = table_of(session)
        whole = profiler.facts(table, {COLUMN: questions}, key=("id",))[COLUMN]
        parts = [
            profiler.facts(table, {COLUMN: questions}, where=where, key=("id",))[COLUMN]
            for where in ("id <= 2", "id > 2 AND id <= 4", "id > 4")
        ]

    assert whole == profiling.merged(parts)


def test_many_columns_are_asked_in_several_queries(
    database: databases.Database, raw: OpenRaw
) -> None:
    names = [f"c{at}" for at in range(60)]
    plain = raw(database)
    plain.execute(f"CREATE TABLE wide ({', '.join(f'{name} varchar(20)' for name in names)})")
    plain.execute(
        f"INSERT INTO wide VALUES ({', '.join(chr(39) + name + ' ' + chr(39) for name in names)})"
    )
    questions = frozenset(
        {Question.RANGE, Question.LONGEST, Question.TRAILING_BLANKS, Question.NULL}
    )
    more = frozenset({Question.DIGITS, Question.NOT_NUMBER, Question.NOT_DATE})

    with profiled(database) as (session, profiler):
        table = table_of(session, "wide")
        found = profiler.facts(table, dict.fromkeys(names, questions | more))

    assert names == list(found)
    assert {(3, 1, 1, 1)} == {
        (
            min(one.characters or 0, 3),
            one.counts[Question.TRAILING_BLANKS],
            one.counts[Question.NOT_NUMBER],
            one.counts[Question.NOT_DATE],
        )
        for one in found.values()
    }


def test_nothing_is_written_and_the_transaction_stays_open(
    database: databases.Database, raw: OpenRaw
) -> None:
    fill(raw(database), "text", ["'a'"])

    with profiled(database) as (session, profiler):
        before = session.in_transaction
        profiler.facts(table_of(session), {COLUMN: frozenset(Question)}, key=("id",))

        assert (True, True) == (before, session.in_transaction)
