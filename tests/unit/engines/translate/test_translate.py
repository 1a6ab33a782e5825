"""How names, types, strings and placeholders go into a translation."""

from __future__ import annotations

import subprocess
import sys

import pytest

from whimbrel import errors, tables
from whimbrel.engines import base, sqltext, translate
from whimbrel.engines.translate import kinds
from whimbrel.engines.translate.kinds import Kind


class OneTable(base.Catalog):
    """A catalog with one table, spelled with care."""

    def tables(self) -> list[str]:
        return ["People"]

    def find(self, name: str) -> tables.Table | None:
        if name != "People":
            return None
        columns = (
            tables.FoundColumn(name="Id", type="INTEGER", null=False),
            tables.FoundColumn(name="fullName", type="VARCHAR(20)", null=True),
            tables.FoundColumn(name="active", type="boolean", null=True),
            tables.FoundColumn(name="seen", type="timestamp without time zone", null=True),
        )
        return tables.Table(name="People", columns=columns)

    def texts(self) -> dict[str, str]:
        return {}


NAMES = translate.CatalogNames(OneTable())


def to_postgres(sql: str) -> str:
    return translate.translate(sql, read="mysql", write="postgres", names=NAMES).sql


def to_sqlite(sql: str) -> str:
    return translate.translate(sql, read="mysql", write="sqlite", names=NAMES).sql


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT ID, FULLNAME FROM people", 'SELECT "Id", "fullName" FROM "People"'),
        ("SELECT p.`id` FROM `PEOPLE` AS p", 'SELECT "p"."Id" FROM "People" AS "p"'),
        ("SELECT people.id FROM People", 'SELECT "People"."Id" FROM "People"'),
        ("SELECT other FROM elsewhere", 'SELECT "other" FROM "elsewhere"'),
        ("SELECT id FROM (SELECT 1 AS ID) AS x", 'SELECT "ID" FROM (SELECT 1 AS "ID") AS "x"'),
        ('SELECT `a"b` FROM t', 'SELECT "a""b" FROM "t"'),
        (
            "WITH People AS (SELECT 1 AS id) SELECT id FROM people",
            'WITH "People" AS (SELECT 1 AS "id") SELECT "id" FROM "People"',
        ),
        (
            "UPDATE people SET FullName = '' WHERE id IN (SELECT id FROM x)",
            'UPDATE "People" SET "fullName" = \'\' WHERE "Id" IN (SELECT "id" FROM "x")',
        ),
    ],
)
def test_names_are_quoted_and_spelled_as_the_database_has_them(sql, expected):
    assert expected == to_postgres(sql)


def test_postgresql_folds_names_that_are_not_quoted():
    sql = 'SELECT Foo, "Foo" FROM Bar'

    assert (
        "SELECT `foo`, `Foo` FROM `bar`"
        == translate.translate(sql, read="postgres", write="sqlite").sql
    )


def test_on_sqlite_a_name_that_does_not_exist_is_never_read_as_a_text():
    # SQLite takes "nme" for the text 'nme'; `nme` is an error.
    assert "SELECT `nme` FROM `People`" == to_sqlite("SELECT nme FROM people")


def test_a_catalog_knows_names_types_and_nulls():
    assert "People" == NAMES.table("PEOPLE")
    assert NAMES.table("nobody") is None
    assert "fullName" == NAMES.column("People", "fullname")
    assert NAMES.column("People", "x") is None
    assert "VARCHAR(20)" == NAMES.type("People", "fullName")
    assert [False, True, True] == [NAMES.nullable("People", c) for c in ("Id", "active", "x")]


# --- types ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("character varying(100)", Kind.TEXT),
        ("VARCHAR(20)", Kind.TEXT),
        ("enum('a','b')", Kind.TEXT),
        ("int unsigned", Kind.INTEGER),
        ("tinyint(1)", Kind.INTEGER),
        ("numeric(12, 2)", Kind.DECIMAL),
        ("double precision", Kind.DOUBLE),
        ("boolean", Kind.BOOLEAN),
        ("timestamp with time zone", Kind.DATETIME),
        ("bytea", Kind.BINARY),
        ("jsonb", Kind.JSON),
        ("integer[]", Kind.OTHER),
        ("uuid", Kind.OTHER),
        ("", None),
    ],
)
def test_a_column_s_kind_is_read_from_its_type(sql, kind):
    assert kind is kinds.of_type(sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id FROM people WHERE active = 1", '"active" = TRUE'),
        ("SELECT id FROM people WHERE active IN (0, 1)", '"active" IN (FALSE, TRUE)'),
        ("SELECT COALESCE(active, 0) FROM people", 'COALESCE("active", FALSE)'),
        ("UPDATE people SET active = 0", '"active" = FALSE'),
        ("UPDATE people SET active = id > 1", '"active" = "Id" > 1'),
        ("UPDATE people SET active = IF(id > 1, 1, 0)", "THEN TRUE ELSE FALSE END"),
        ("INSERT INTO people (id, active) VALUES (1, 1)", "VALUES (1, TRUE)"),
        ("INSERT INTO people (active) SELECT 1", "SELECT TRUE"),
        ("SELECT SUM(active = 1) FROM people", 'SUM(CAST("active" = TRUE AS INTEGER))'),
        ("SELECT id FROM people WHERE id", 'WHERE "Id" <> 0'),
        ("SELECT CONCAT(id, active) FROM people", 'CAST(CAST("active" AS INTEGER) AS TEXT)'),
    ],
)
def test_on_postgresql_booleans_are_booleans(sql, expected):
    assert expected in to_postgres(sql)


def test_a_column_that_is_never_null_is_sorted_by_its_index():
    assert 'ORDER BY "Id", "fullName" NULLS FIRST' in to_postgres(
        "SELECT id FROM people ORDER BY id, fullname"
    )
    assert 'ORDER BY "b"."Id" NULLS FIRST' in to_postgres(
        "SELECT b.id FROM people AS a LEFT JOIN people AS b ON a.id = b.id ORDER BY b.id"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM people WHERE fullname = 5",
        "SELECT id FROM people WHERE id = '5 apples'",
        "SELECT id FROM people WHERE id BETWEEN 'a' AND 'b'",
        "SELECT GREATEST(id, fullname) FROM people",
        "SELECT fullname + 1 FROM people",
        "SELECT seen + 1 FROM people",
        "SELECT SUM(fullname) FROM people",
    ],
)
@pytest.mark.parametrize("write", ["postgres", "sqlite"])
def test_types_that_engines_convert_differently_are_not_mixed(write, sql):
    with pytest.raises(errors.SqlNotTranslatable):
        translate.translate(sql, read="mysql", write=write, names=NAMES)


def test_a_number_in_quotes_is_a_number_beside_a_number():
    assert "`Id` = '5'" in to_sqlite("SELECT id FROM people WHERE id = '5'")


def test_moments_are_compared_as_moments_on_sqlite():
    assert "whimbrel_moment(`seen`) >= whimbrel_moment('2020-01-01')" in to_sqlite(
        "SELECT id FROM people WHERE seen >= '2020-01-01'"
    )


# --- strings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "write", "written", "expected"),
    [
        ("mysql", "postgres", r"'a\'b\\c\n'", "'a''b\\c\n'"),
        ("mysql", "sqlite", "\"dou\"\"ble\" 'it''s'", "'dou\"bleit''s'"),
        ("mysql", "postgres", r"'50\% \_ \q'", r"'50\% \_ q'"),
        ("mysql", "sqlite", "N'x'", "'x'"),
        ("postgres", "mysql", r"E'tab\t\\ \u00e9'", "'tab\t\\\\ é'"),
        ("postgres", "mysql", r"'back\slash'", r"'back\\slash'"),
        ("postgres", "sqlite", "$q$it's$q$", "'it''s'"),
        ("sqlite", "mysql", r"'a\b'", r"'a\\b'"),
    ],
)
def test_a_string_says_the_same_in_the_other_dialect(read, write, written, expected):
    assert (
        f"SELECT {expected}" == translate.translate(f"SELECT {written}", read=read, write=write).sql
    )


@pytest.mark.parametrize("write", ["postgres", "sqlite"])
def test_a_nul_in_a_text_is_refused_where_no_text_can_hold_it(write):
    with pytest.raises(errors.SqlNotTranslatable, match="a text with a NUL"):
        translate.translate(r"SELECT 'a\0b'", read="mysql", write=write)


# --- placeholders -----------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["?, ?", "%s, %s", ":1, :2"])
def test_positions_become_numbers_so_that_they_may_move(written):
    first, second = written.split(", ")
    sql = f"SELECT LOCATE({first}, fullname), {second} FROM people"

    assert 'STRPOS(LOWER("fullName"), LOWER(:1)), :2' in to_postgres(sql)


def test_names_of_placeholders_stay():
    assert "SELECT `Id` FROM `People` WHERE `Id` = :a OR `Id` = :b" == to_sqlite(
        "SELECT id FROM people WHERE id = :a OR id = %(b)s -- :no"
    )


def test_a_translation_can_be_bound_though_a_place_is_used_twice():
    found = translate.translate(
        "SELECT LEFT(fullname, ?) FROM people", read="mysql", write="postgres", names=NAMES
    )

    assert (
        'SELECT LEFT("fullName", CASE WHEN %(p1)s < 0 THEN 0 ELSE %(p1)s END) FROM "People"',
        {"p1": 3},
    ) == sqltext.bind(found.sql, [3], "postgres", "pyformat")


# --- the rest ---------------------------------------------------------------------------------


def test_a_view_on_sqlite_must_not_need_our_functions():
    sql = "CREATE VIEW v AS SELECT UPPER(fullname) AS n FROM people"

    assert 'UPPER("fullName")' in to_postgres(sql)
    with pytest.raises(errors.SqlNotTranslatable, match="this view"):
        to_sqlite(sql)


def test_a_table_with_a_column_called_rowid_is_not_addressed_by_it():
    class Trap(translate.CatalogNames):
        def column(self, table: str, name: str) -> str | None:
            return "rowid" if name == "rowid" else super().column(table, name)

    with pytest.raises(errors.SqlNotTranslatable, match="a column rowid"):
        translate.translate(
            "DELETE FROM people LIMIT 1", read="mysql", write="sqlite", names=Trap(OneTable())
        )


def test_the_functions_a_translation_needs_are_named():
    found = translate.translate(
        "SELECT SUBSTRING_INDEX(UPPER(a), ' ', 1) FROM t", read="mysql", write="sqlite"
    )

    assert {"whimbrel_substring_index", "whimbrel_upper"} == found.functions


def test_sqlglot_is_loaded_by_the_first_translation_only():
    code = (
        "import sys; from whimbrel.engines import translate; "
        "translate.translate('SELECT 1', read='mysql', write='mariadb'); "
        "sys.exit('sqlglot' in sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
