"""Functions that are registered on SQLite connections."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from whimbrel.engines.sqlite import functions


@pytest.fixture
def connection():
    with contextlib.closing(sqlite3.connect(":memory:")) as opened:
        functions.register(opened)
        yield opened


def value(connection, expression, *params):
    return connection.execute(f"SELECT {expression}", params).fetchone()[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("whimbrel_upper('straße ŉ ı é ÿ я')", "STRAßE ŉ I É Ÿ Я"),
        ("whimbrel_lower('ÀÉİ ΑΣ Я')", "àéi ας я".replace("ς", "σ")),
        ("whimbrel_upper(12.0)", "12"),
        ("SUBSTRING_INDEX('a.b.c', '.', 2)", "a.b"),
        ("SUBSTRING_INDEX('a.b.c', '.', -1)", "c"),
        ("SUBSTRING_INDEX('a.b.c', '.', 0)", ""),
        ("SUBSTRING_INDEX('a.b.c', '', 1)", ""),
        ("SUBSTRING_INDEX('a.b.c', 'x', -1)", "a.b.c"),
        ("SUBSTRING_INDEX('aaaaa', 'aa', -2)", "aaa"),
        ("SUBSTRING_INDEX(NULL, '.', 1)", None),
        ("SUBSTRING_INDEX('a', NULL, 1)", None),
        ("whimbrel_split_part('a,b', ',', 2)", "b"),
        ("whimbrel_split_part('a,b', ',', -3)", ""),
        ("LPAD('a', 5, 'xyz')", "xyzxa"),
        ("LPAD('abc', 2, 'x')", "ab"),
        ("RPAD('a', 5, 'xyz')", "axyzx"),
        ("REVERSE('aé😀')", "😀éa"),
        ("REPEAT('ab', 2) || REPEAT('x', -1)", "abab"),
        ("CONCAT('a', NULL, 1.0, 2)", "a" + "1.0" * (sqlite3.sqlite_version_info >= (3, 44))
         + "1" * (sqlite3.sqlite_version_info < (3, 44)) + "2"),
        ("CONCAT_WS(',', 'a', NULL, 'b')", "a,b"),
        ("CONCAT_WS(NULL, 'a')", None),
        ("'abc' REGEXP 'b.'", 1),
        ("'ABC' REGEXP 'b'", 0),
        ("whimbrel_regexp('b', 'ABC', 0)", 1),
        ("whimbrel_find_in_set('b', 'a,b')", 2),
        ("whimbrel_find_in_set('', '')", 0),
        ("MD5('é')", "66ddcd97cfdeabb2f6fb8a999b4bc76f"),
        ("SHA1('é')", "bf15be717ac1b080b4f1c456692825891ff5073d"),
        ("SHA2('x', 100)", None),
        ("LENGTH(SHA2('x', 0))", 64),
        ("whimbrel_round(2.5, 0)", 3),
        ("whimbrel_round(0.285, 2)", 0.29),
        ("whimbrel_round(123, -1)", 120),
        ("whimbrel_round('1.005', 2)", 1.01),
        ("whimbrel_truncate(-1.999, 2)", -1.99),
        ("whimbrel_floor(-1.5)", -2),
        ("whimbrel_ceil(-1.5)", -1),
        ("whimbrel_mod(5.5, 2)", 1.5),
        ("whimbrel_mod(-7, 3)", -1),
        ("whimbrel_mod(1, 0)", None),
        ("whimbrel_div(-5, 2)", -2),
        ("whimbrel_integer(2.7, 0)", 3),
        ("whimbrel_integer(2.5, 1)", 2),
        ("whimbrel_integer(' 12.9 ', 0)", 12),
        ("whimbrel_decimal('1.555', 10, 2)", 1.56),
        ("whimbrel_decimal('12345678901234567890.12', 30, 2)", "12345678901234567890.12"),
        ("whimbrel_date('2020-1-2 3:4')", "2020-01-02"),
        ("whimbrel_date_add('2020-01-31', 1, 'month')", "2020-02-29"),
        ("whimbrel_date_add('2020-01-31', 1, 'hour')", "2020-01-31 01:00:00"),
        ("whimbrel_date_add('2020-01-31 00:00:00.000', 1, 'day')", "2020-02-01 00:00:00.000"),
        ("whimbrel_date_add('2020-03-31', -1, 'quarter')", "2019-12-31"),
        (("whimbrel_date_format('2020-01-05 13:04:05.000123', "
         "'%Y %y %m %c %d %e %D %H %k %h %I %l %i %s %S %f %p %r %T')"),
         "2020 20 01 1 05 5 5th 13 13 01 01 1 04 05 05 000123 PM 01:04:05 PM 13:04:05"),
        ("whimbrel_date_format('2020-01-05', '%M %b %W %a %w %j %U %u %V %v %X %x %% %z q %')",
         "January Jan Sunday Sun 0 005 01 01 01 01 2020 2020 % z q %"),
        ("whimbrel_date_format('2021-01-01', '%U %u %V %X %v %x')", "00 00 52 2020 53 2020"),
        ("whimbrel_str_to_date('1/2/2020', '%d/%m/%Y')", "2020-02-01"),
        ("whimbrel_str_to_date('1 Feb 69 1:02:03', '%e %b %y %T')", "2069-02-01 01:02:03"),
        ("whimbrel_datediff('2020-03-01 01:00', '2020-02-28 23:00')", 2),
        ("whimbrel_timestampdiff('month', '2020-03-30', '2020-01-31')", -1),
        ("whimbrel_timestampdiff('day', '2020-01-02 10:00', '2020-01-01 12:00')", 0),
        ("whimbrel_last_day('2020-02-03')", "2020-02-29"),
        ("whimbrel_from_unixtime(-1)", None),
        ("whimbrel_unix_timestamp('1960-01-01')", None),
    ],
)  # fmt: skip
def test_a_function_gives_what_mysql_and_postgresql_give(connection, expression, expected):
    assert expected == value(connection, expression)


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("whimbrel_integer('12abc', 0)", "'12abc' is not a number"),
        ("whimbrel_integer('', 0)", "'' is not a number"),
        ("whimbrel_integer(1e30, 0)", "too long for an integer"),
        ("whimbrel_decimal(123456, 5, 2)", "does not fit DECIMAL(5, 2)"),
        ("whimbrel_date('2020-02-31')", "'2020-02-31' is not a date"),
        ("whimbrel_date('0000-00-00')", "is not a date"),
        ("whimbrel_date(20200101)", "is not a date"),
        ("whimbrel_date('2020-01-01T00:00:00Z')", "is not a date"),
        ("whimbrel_date_add('9999-12-31', 1, 'month')", "is no date"),
        ("whimbrel_str_to_date('1/2/2020x', '%d/%m/%Y')", "is no date of the format '%d/%m/%Y'"),
        ("whimbrel_str_to_date('30/02/2020', '%d/%m/%Y')", "is not a date"),
        ("whimbrel_stop('division by zero')", "division by zero"),
        ("whimbrel_power(-1, 0.5)", "math domain error"),
    ],
)
def test_what_mysql_would_only_warn_of_stops_the_statement(connection, expression, cause):
    with pytest.raises(sqlite3.OperationalError):
        value(connection, expression)

    assert cause in (functions.take_cause() or "")
    assert functions.take_cause() is None


@pytest.mark.parametrize("name", sorted(functions.known() - {"concat", "concat_ws"}))
def test_null_in_is_null_out(connection, name):
    counts = range(1, 6)
    for count in counts:
        with contextlib.suppress(sqlite3.OperationalError):
            assert value(connection, f"{name}({', '.join(['NULL'] * count)})") is None
            return

    pytest.fail(f"{name} takes none of {list(counts)} arguments")


def test_values_of_a_group_are_joined_in_order(connection):
    connection.execute("CREATE TABLE t (a, b)")
    connection.executemany(
        "INSERT INTO t VALUES (?, ?)", [("x", 2), ("y", None), (None, 1), ("x", 3), (1.0, 2)]
    )

    def joined(arguments: str) -> object:
        return connection.execute(f"SELECT whimbrel_group_concat({arguments}) FROM t").fetchone()[0]

    assert "y,x,1,x" == joined("a, ',', 0, b, 0")
    assert "x;1;x;y" == joined("a, ';', 0, b, 1, a, 0")
    assert "x,x,1,y" == joined("a, ',', 0, b, 1, a, 1")
    assert "x,1,x,y" == joined("a, ',', 0, b, 2, a, 1")
    assert "y,x,1" == joined("a, ',', 1, b, 0")
    assert joined("NULL, ',', 0") is None


def test_only_the_functions_that_are_asked_for_are_registered():
    with contextlib.closing(sqlite3.connect(":memory:")) as opened:
        functions.register(opened, {"whimbrel_reverse"})

        assert "ba" == value(opened, "whimbrel_reverse('ab')")
        with pytest.raises(sqlite3.OperationalError, match="no such function"):
            value(opened, "whimbrel_upper('a')")


def test_an_index_may_use_a_function_because_it_is_deterministic(connection):
    connection.execute("CREATE TABLE t (a)")

    connection.execute("CREATE INDEX i ON t (whimbrel_upper(a))")

    with pytest.raises(sqlite3.OperationalError, match="non-deterministic"):
        connection.execute("CREATE INDEX j ON t (whimbrel_unix_timestamp(a))")
