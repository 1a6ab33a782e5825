"""Portable types as the engine declares them, and the values that they would change."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.engines.sqlite import driving
from whimbrel.engines.sqlite import types

DECLARED = [
    ("string", {}, "VARCHAR(255)"),
    ("string", {"length": 20}, "VARCHAR(20)"),
    ("text", {}, "TEXT"),
    ("integer", {}, "INTEGER"),
    ("smallint", {}, "SMALLINT"),
    ("bigint", {}, "BIGINT"),
    ("bigint", {"auto_increment": True}, "INTEGER"),
    ("decimal", {"precision": 15, "scale": 4}, "DECIMAL(15, 4)"),
    ("decimal", {"precision": 16, "scale": 4}, "DECIMAL_TEXT(16, 4)"),
    ("decimal", {"precision": 8}, "DECIMAL(8, 0)"),
    ("decimal", {}, "DECIMAL_TEXT"),
    ("float", {}, "FLOAT"),
    ("double", {}, "DOUBLE"),
    ("boolean", {}, "BOOLEAN"),
    ("date", {}, "DATE"),
    ("time", {"precision": 3}, "TIME"),
    ("datetime", {}, "DATETIME"),
    ("timestamp", {}, "TIMESTAMP"),
    ("json", {}, "JSON_TEXT"),
    ("binary", {"length": 10}, "BLOB"),
    ("uuid", {}, "CHAR(36)"),
    ("enum", {"values": ("a", "long one")}, "VARCHAR(8)"),
]


@pytest.mark.parametrize(("type_", "options", "declared"), DECLARED)
def test_a_portable_type_is_declared(type_: str, options: dict[str, object], declared: str) -> None:
    assert declared == types.declare(driving.column("c", type_, **options))


@pytest.mark.parametrize(("type_", "options", "declared"), DECLARED)
def test_the_affinity_of_a_type_is_the_one_that_the_engine_gives_it(
    type_: str, options: dict[str, object], declared: str
) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (a {declared})")
        connection.execute("CREATE TABLE u AS SELECT a FROM t")
        (row,) = connection.execute("PRAGMA table_info(u)").fetchall()

    # How CREATE TABLE AS names the affinities of the columns that it selects.
    named = {"INT": "INTEGER", "NUM": "NUMERIC", "": "BLOB"}
    assert named.get(row[2], row[2]) == types.affinity(declared).value


@pytest.mark.parametrize(("type_", "options", "_declared"), DECLARED)
def test_every_type_has_its_word_in_a_strict_table(
    type_: str, options: dict[str, object], _declared: str
) -> None:
    declared = types.declare(driving.column("c", type_, **options), strict=True)

    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (c {declared}) STRICT")


@pytest.mark.parametrize(
    "value",
    [Decimal("0.1"), Decimal("12345678901.2345"), Decimal("-99999999999.9999"), Decimal("1.1000")],
)
def test_a_decimal_of_fifteen_digits_comes_back_exact(value: Decimal) -> None:
    declared = types.declare(driving.column("c", "decimal", precision=15, scale=4))

    assert value == Decimal(str(stored(str(value), declared)))


@pytest.mark.parametrize(
    "value", ["12345678901234567890.123456", "1.10", "-0.00000000000000000001"]
)
def test_a_wide_decimal_and_a_json_document_come_back_to_the_letter(value: str) -> None:
    assert value == stored(value, types.declare(driving.column("c", "decimal", precision=30)))
    assert value == stored(value, types.declare(driving.column("c", "json")))


def stored(value: object, declared: str) -> object:
    """Put a value into a column and take it out again."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (c {declared})")
        connection.execute("INSERT INTO t VALUES (?)", [value])
        return connection.execute("SELECT c FROM t").fetchone()[0]


def holds(condition: str | None, value: object) -> bool:
    """Ask a condition about a value in a column without a type."""
    if condition is None:
        return False
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute('CREATE TABLE t ("c" COLLATE NOCASE)')
        connection.execute("INSERT INTO t VALUES (?)", [value])
        return bool(connection.execute(f"SELECT {condition} FROM t").fetchone()[0])


def came_back(value: object, again: object) -> bool:
    """Whether a value is the same: a number by its value, a text by its letters.

    A text that became a number may have lost zeros at its end, and nothing else.
    """
    if isinstance(value, str) and not isinstance(again, str):
        plain = value.rstrip("0").rstrip(".") if "." in value else value
        digits = len(plain.lstrip("-").replace(".", "").lstrip("0"))
        number = Decimal(repr(again))
        return digits <= 18 and plain == format(number.normalize(), "f")
    if isinstance(again, str) and isinstance(value, int | float):
        return Decimal(again) == Decimal(repr(value)) if "n" not in again.lower() else False
    return value == again


VALUES = st.one_of(
    st.none(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.integers(min_value=-3, max_value=3),
    st.floats(allow_nan=False),
    st.binary(max_size=3),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.from_regex(r"\A[ +-]?0{0,2}[0-9]{0,20}(\.[0-9]{0,4}0{0,2})?(e[0-9])?\Z"),
    st.sampled_from(["", "abc", "ABC", "Inf", "nan", "0x10", "1_000", "true", "{}", "½", "2024"]),
    st.dates().map(str),
    st.datetimes().map(str),
)


@settings(max_examples=400, deadline=None)
@example(1.4548098900505698e-301, ("text", {}, "TEXT"))
@given(VALUES, st.sampled_from(DECLARED))
def test_no_value_that_would_come_back_different_goes_unseen(
    value: object, type_: tuple[str, dict[str, object], str]
) -> None:
    name, options, declared = type_
    column = driving.column("c", name, **options)

    again = stored(value, declared)

    if not came_back(value, again):
        assert holds(types.misfits(column, '"c"'), value)
        assert holds(types.altered(declared, '"c"'), value)


FITS = {
    "integer": [0, -5, 2**63 - 1, 5.0, "42", "-7"],
    "string": ["", "abc", 5, 1.5, "007"],
    "double": [1, 0.1 + 0.2, "1.50", "1.5e-07", math.inf],
    "boolean": [0, 1, "0", "1", 1.0],
    "date": ["2024-02-29"],
    "time": ["10:30", "10:30:05", "10:30:05.123"],
    "datetime": ["2024-02-29", "2024-02-29 10:30", "2024-02-29T10:30:05.123456"],
    "timestamp": ["2024-02-29 10:30:05+02:00", "2024-02-29T10:30:05.1Z"],
    "json": ["{}", "1.10", "12345678901234567890", 5],
    "uuid": ["6f9619ff-8b86-d011-b42d-00c04fc964ff"],
    "binary": [b"\x00", "text", 5],
}
MISFITS = {
    "integer": ["abc", "", "1.0", 1.5, b"\x01", "+7", "1_000"],
    "string": [b"\x00", 0.1 + 0.2, "x" * 256],
    "double": ["abc", "", "1e5", b"", 2**53 + 1],
    "boolean": ["true", 2, "yes", ""],
    "date": ["2024-02-30", "2024", 20240101, "01.02.2024", "0000-00-00", "2024-02-29 10:00"],
    "time": ["25:00", "10:30:05 or so", 5, "2024-02-29"],
    "datetime": ["2024-02-30 10:00:00", "2024-02-29 25:00", 1700000000, "now"],
    "timestamp": ["2024-02-29 10:30:05 later", "now"],
    "json": ["{", "", "abc", b"{}"],
    "uuid": ["6f9619ff8b86d011b42d00c04fc964ff", "x" * 36, b"0123456789abcdef"],
}


@pytest.mark.parametrize(
    ("type_", "value"), [(type_, value) for type_, values in FITS.items() for value in values]
)
def test_a_value_fits(type_: str, value: object) -> None:
    assert not holds(types.misfits(driving.column("c", type_), '"c"'), value)


@pytest.mark.parametrize(
    ("type_", "value"), [(type_, value) for type_, values in MISFITS.items() for value in values]
)
def test_a_value_does_not_fit(type_: str, value: object) -> None:
    assert holds(types.misfits(driving.column("c", type_), '"c"'), value)


@pytest.mark.parametrize("precision", [6, 30])
@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("19.90", True),
        ("1.5000", True),
        (1.25, True),
        (9999, True),
        ("-0.5", True),
        ("1.234", False),
        (1.234, False),
        ("abc", False),
        ("1e2", False),
    ],
)
def test_a_decimal_has_to_fit_its_declared_size(precision: int, value: object, fits: bool) -> None:
    column = driving.column("c", "decimal", precision=precision, scale=2)

    assert fits == (not holds(types.misfits(column, '"c"'), value))


@pytest.mark.parametrize("value", ["12345", 12345, 12345.5, "12345.5", -10000])
def test_a_decimal_may_not_be_too_large(value: object) -> None:
    column = driving.column("c", "decimal", precision=6, scale=2)

    assert holds(types.misfits(column, '"c"'), value)


def test_an_enum_takes_its_own_values_in_their_own_letters() -> None:
    condition = types.misfits(driving.column("c", "enum", values=("new", "it's")), '"c"')

    assert [False, False, False, True, True] == [
        holds(condition, value) for value in ("new", "it's", None, "NEW", 5)
    ]


def test_a_type_is_the_same_in_other_letters_and_blanks() -> None:
    assert types.same("decimal( 10,2)", "DECIMAL(10, 2)")
    assert not types.same("INT", "INTEGER")
