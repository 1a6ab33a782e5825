"""Checks, indexes and views as servers show them are written for another engine, or refused."""

from __future__ import annotations

import pytest

from whimbrel import errors
from whimbrel.engines import translate

TYPES = {
    "name": "varchar(20)", "state": "text", "price": "decimal(10,2)", "count": "integer",
    "flag": "boolean", "born": "date", "made": "timestamp",
}  # fmt: skip


class Known:
    """One table `t` with columns of each sort, and another one `u`."""

    def table(self, name):
        return name if name in ("t", "u") else None

    def column(self, table, name):
        found = name.lower()
        return found if found in TYPES else None

    def type(self, table, column):
        return TYPES.get(column)

    def nullable(self, table, column):
        return True


def check(sql: str, read: str, write: str) -> str:
    return translate.expression(
        sql, read=read, write=write, table="t", names=Known(), condition=True
    ).sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("(state)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])",
         "`state` IN ('a', 'b')"),
        ("state <> ALL (ARRAY['a'::text])", "`state` NOT IN ('a')"),
        ("price > (0)::numeric", "`price` > 0"),
        ("price >= (-1)::numeric", "`price` >= (-1)"),
        ("count = ANY (ARRAY[1, 2])", "`count` IN (1, 2)"),
        ("length((name)::text) > 1", "CHAR_LENGTH(`name`) > 1"),
        ("born > '2020-01-31'::date", "`born` > '2020-01-31'"),
        ("made >= '2020-01-31 00:00:00'::timestamp without time zone",
         "`made` >= '2020-01-31 00:00:00'"),
        ("flag", "`flag`"),
        ('"name" IS NOT NULL AND (count)::numeric < price',
         "`name` IS NOT NULL AND `count` < `price`"),
    ],
)  # fmt: skip
def test_what_postgresql_shows_is_said_plainly(sql, expected):
    assert expected == check(sql, "postgres", "mysql")


@pytest.mark.parametrize(
    ("sql", "read", "write", "expected"),
    [
        ("`flag`", "mysql", "postgres", '"flag"'),
        ("`count` > 0 and `name` <> ''", "mysql", "postgres", '"count" > 0 AND "name" <> \'\''),
        ("count", "sqlite", "postgres", '"count" <> 0'),
        ("NAME = 'x' OR flag = 1", "sqlite", "postgres", '"name" = \'x\' OR "flag" = TRUE'),
    ],
)
def test_conditions_are_conditions_there(sql, read, write, expected):
    assert expected == check(sql, read, write)


@pytest.mark.parametrize(
    ("sql", "read", "write"),
    [
        ("(count)::numeric / (2)::numeric > 1", "postgres", "mysql"),
        ("name = ANY (string_to_array('a,b', ','))", "postgres", "mysql"),
        ("x = '{}'::text[]", "postgres", "sqlite"),
        ("count > (SELECT 1)", "sqlite", "postgres"),
        ("count > 1, flag", "sqlite", "postgres"),
        ("count > 1 FROM u", "sqlite", "postgres"),
        ("my_own_function(count)", "sqlite", "postgres"),
    ],
)
def test_what_has_no_rule_is_refused(sql, read, write):
    with pytest.raises((errors.SqlNotTranslatable, errors.SqlNotUnderstood)):
        check(sql, read, write)


def test_a_value_goes_into_a_column_as_its_type_has_it():
    written = translate.expression(
        "count > 1", read="mysql", write="postgres", table="t", names=Known(), into="boolean"
    )

    assert '"count" > 1' == written.sql


def test_a_view_of_joins_in_parentheses_is_written_from_left_to_right():
    query = (
        "SELECT `shop`.`t`.`name` AS `name` FROM ((`shop`.`t` join `shop`.`u` "
        "on(`shop`.`u`.`count` = `shop`.`t`.`count`)) left join `shop`.`t` `x` "
        "on(`x`.`count` = `shop`.`u`.`count`))"
    )

    written = translate.view(
        "v", query, read="mysql", write="sqlite", names=Known(), database="shop"
    )

    assert (
        "CREATE VIEW `v` AS SELECT `t`.`name` AS `name` FROM `t` "
        "INNER JOIN `u` ON (`u`.`count` = `t`.`count`) "
        "LEFT JOIN `t` AS `x` ON (`x`.`count` = `u`.`count`)"
    ) == written.sql


def test_a_view_of_another_database_is_refused():
    with pytest.raises(errors.SqlNotTranslatable):
        translate.view(
            "v",
            "SELECT `name` FROM `other`.`t`",
            read="mysql",
            write="sqlite",
            names=Known(),
            database="shop",
        )


def test_a_view_that_needs_functions_of_ours_is_refused():
    with pytest.raises(errors.SqlNotTranslatable, match="view"):
        translate.view(
            "v", "SELECT lower(name) AS n FROM t", read="postgres", write="sqlite", names=Known()
        )


def test_sources_are_the_tables_that_a_query_reads():
    query = (
        "WITH a AS (SELECT * FROM t) SELECT * FROM a JOIN u ON true WHERE EXISTS (SELECT 1 FROM w)"
    )

    assert {"t", "u", "w"} == translate.sources(query, read="postgres")
