"""What each engine can make of a part of a table, and how it says a default."""

from __future__ import annotations

import pytest

from whimbrel import tables
from whimbrel.engines import building, registry
from whimbrel.engines.building import CannotSay, Column
from whimbrel.engines.defaults import Constant, NewUuid, Now, Part, Sort
from whimbrel.engines.forms import Family


def builder(engine: str) -> building.Builder:
    return registry.by_name(engine).builder()


def table(**types: str) -> tables.Table:
    return tables.Table(
        name="t",
        columns=tuple(
            tables.FoundColumn(name=name, type=type_, null=True) for name, type_ in types.items()
        ),
    )


def index(*columns: str | tables.Sql, **more: object) -> tables.Index:
    return tables.Index(name="i", columns=columns, **more)  # type: ignore[arg-type]


def fitted(engine: str, on: tables.Table, asked: tables.Index) -> tables.Index:
    part = builder(engine).fit_index(on, asked).part
    assert isinstance(part, tables.Index)
    return part


# --- indexes ------------------------------------------------------------------------------------


def test_a_key_longer_than_innodb_has_is_cut_if_it_is_not_unique():
    long = table(a="varchar(500)", b="varchar(600)")

    found = builder("mysql").fit_index(long, index("a", "b"))

    assert isinstance(found.part, tables.Index)
    assert (255, 255) == found.part.lengths
    assert 2 == len(found.notes)


@pytest.mark.parametrize("type_", ["varchar(769)", "longtext", "blob", "geometry"])
def test_a_unique_key_is_never_cut(type_):
    with pytest.raises(CannotSay):
        builder("mysql").fit_index(table(a=type_), index("a", unique=True))
    with pytest.raises(CannotSay):
        builder("mysql").fit_primary_key(table(a=type_).replace(primary_key=("a",)))


def test_mariadb_keeps_unique_keys_of_any_length_but_no_such_primary_key():
    long = table(a="longtext")

    assert () == fitted("mariadb", long, index("a", unique=True)).lengths
    with pytest.raises(CannotSay):
        builder("mariadb").fit_primary_key(long.replace(primary_key=("a",)))


def test_characters_of_one_byte_leave_more_room():
    found = tables.FoundColumn(name="a", type="varchar(3000)", null=True, collation="latin1_bin")
    short = tables.Table(name="t", columns=(found,))

    assert () == fitted("mysql", short, index("a", unique=True)).lengths


def test_a_text_is_indexed_by_its_beginning():
    assert (255,) == fitted("mysql", table(a="longtext"), index("a")).lengths


def test_a_short_index_stays_as_it_is():
    asked = index("a", "b", descending=(True, False))

    assert asked == fitted("mysql", table(a="int", b="varchar(20)"), asked)


def test_a_partial_index_is_on_all_rows_only_if_it_is_not_unique():
    found = builder("mysql").fit_index(table(a="int"), index("a", where="a > 1"))

    assert isinstance(found.part, tables.Index)
    assert found.part.where is None
    assert found.notes
    with pytest.raises(CannotSay):
        builder("mysql").fit_index(table(a="int"), index("a", where="a > 1", unique=True))


def test_an_index_on_an_expression_is_had_where_the_engine_has_them():
    asked = index(tables.Sql("lower(a)"))

    assert asked.columns == fitted("mysql", table(a="varchar(5)"), asked).columns
    with pytest.raises(CannotSay):
        builder("mariadb").fit_index(table(a="varchar(5)"), asked)
    with pytest.raises(CannotSay):  # its result depends on settings
        builder("postgresql").fit_index(table(a="date"), index(tables.Sql("to_char(a, 'YYYY')")))


def test_a_beginning_becomes_an_expression_or_the_whole():
    asked = index("a", lengths=(10,))

    assert (tables.Sql('left("a", 10)'),) == fitted("postgresql", table(a="text"), asked).columns
    found = fitted("postgresql", table(a="bytea"), asked)
    assert (tables.Sql('substring("a" from 1 for 10)'),) == found.columns
    assert ("a",) == fitted("sqlite", table(a="TEXT"), asked).columns
    unique = index("a", lengths=(10,), unique=True)
    found = fitted("sqlite", table(a="TEXT"), unique)
    assert (tables.Sql('substr("a", 1, 10)'),) == found.columns


@pytest.mark.parametrize("type_", ["json", "xml", "point", "geometry(Point,4326)"])
def test_values_without_an_order_have_no_index(type_):
    with pytest.raises(CannotSay):
        builder("postgresql").fit_index(table(a=type_), index("a"))
    with pytest.raises(CannotSay):
        builder("postgresql").fit_unique(table(a=type_), tables.Unique(name="u", columns=("a",)))


# --- counting columns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "keyed", "reason"),
    [
        ("postgresql", table(a="numeric(20)"), "numeric"),
        ("mysql", table(a="int"), "first column of a key"),
        ("mysql", table(a="decimal(20)").replace(primary_key=("a",)), "decimal"),
        ("sqlite", table(a="INTEGER", b="INTEGER").replace(primary_key=("a", "b")), "one column"),
        ("sqlite", table(a="DECIMAL_TEXT(20)").replace(primary_key=("a",)), "DECIMAL_TEXT"),
    ],
)
def test_not_every_column_counts(engine, keyed, reason):
    why = builder(engine).cannot_count(keyed, keyed.columns[0])

    assert why is not None
    assert reason in why


def test_a_column_that_leads_an_index_counts_and_the_index_is_there_from_the_start():
    count = tables.FoundColumn(name="a", type="int", null=False, auto_increment=True)
    keyed = tables.Table(name="t", columns=(count,), indexes=(index("a"),))

    assert builder("mysql").cannot_count(keyed, count) is None
    assert "KEY `i` (`a`)" in builder("mysql").create(keyed)[0]
    assert () == builder("mysql").later(keyed)


# --- foreign keys -------------------------------------------------------------------------------


def test_what_innodb_cannot_keep_of_a_foreign_key_is_named():
    key = tables.ForeignKey(
        name="f",
        columns=("a",),
        ref_table="u",
        ref_columns=("b",),
        on_delete="SET DEFAULT",
        deferrable=True,
    )

    found = builder("mysql").fit_foreign_key(table(a="int"), key)

    assert isinstance(found.part, tables.ForeignKey)
    assert (None, False) == (found.part.on_delete, found.part.deferrable)
    assert {"on delete set default", "deferrable"} == {what for what, _ in found.lost}


@pytest.mark.parametrize(
    ("engine", "child", "parent", "joins"),
    [
        ("mysql", "int", "int(11)", True),
        ("mysql", "int", "bigint", False),
        ("mysql", "int unsigned", "int", False),
        ("mysql", "varchar(10)", "varchar(20)", True),
        ("postgresql", "integer", "numeric(20)", True),
        ("postgresql", "integer", "text", False),
        ("postgresql", "varchar(10)", "text", True),
        ("sqlite", "SMALLINT", "INTEGER", True),
    ],
)
def test_both_ends_have_to_be_of_one_sort(engine, child, parent, joins):
    ends = (tables.FoundColumn(name="x", type=type_, null=True) for type_ in (child, parent))

    assert joins is builder(engine).joinable(*ends)


# --- defaults -----------------------------------------------------------------------------------


def said(engine: str, default: object, type_: str, family: Family, *, instant: bool = False) -> str:
    column = Column(type=type_, family=family, instant=instant)
    return builder(engine).default(default, column).sql  # type: ignore[arg-type]


def constant(sort: Sort, text: str) -> Constant:
    return Constant(sort=sort, text=text)


@pytest.mark.parametrize(
    ("engine", "default", "type_", "family", "expected"),
    [
        ("postgresql", constant(Sort.TEXT, "0"), "boolean", Family.BOOLEAN, "FALSE"),
        ("postgresql", constant(Sort.BITS, "1"), "boolean", Family.BOOLEAN, "TRUE"),
        ("mysql", constant(Sort.BOOLEAN, "1"), "tinyint(1)", Family.BOOLEAN, "1"),
        ("mysql", constant(Sort.BOOLEAN, "1"), "bit(1)", Family.BOOLEAN, "b'1'"),
        ("sqlite", constant(Sort.BOOLEAN, "0"), "BOOLEAN", Family.BOOLEAN, "0"),
        ("postgresql", constant(Sort.TEXT, "-1"), "integer", Family.INTEGER, "-1"),
        ("postgresql", constant(Sort.NUMBER, "1e3"), "integer", Family.INTEGER, "1000"),
        ("postgresql", constant(Sort.BITS, "101"), "smallint", Family.INTEGER, "5"),
        ("postgresql", constant(Sort.TEXT, "1.50"), "numeric", Family.DECIMAL, "1.50"),
        ("sqlite", constant(Sort.NUMBER, "1.50"), "DECIMAL_TEXT", Family.DECIMAL, "'1.50'"),
        ("postgresql", constant(Sort.NUMBER, "5"), "text", Family.TEXT, "'5'"),
        ("postgresql", constant(Sort.TEXT, "a\\b"), "text", Family.TEXT, "E'a\\\\b'"),
        ("mysql", constant(Sort.TEXT, "a\\'b"), "varchar(9)", Family.TEXT, "'a\\\\''b'"),
        ("mysql", constant(Sort.TEXT, "{}"), "json", Family.JSON, "('{}')"),
        ("mariadb", constant(Sort.TEXT, "{}"), "json", Family.JSON, "'{}'"),
        ("postgresql", constant(Sort.BYTES, "00ff"), "bytea", Family.BINARY, "'\\x00ff'::bytea"),
        ("sqlite", constant(Sort.TEXT, "ab"), "BLOB", Family.BINARY, "x'6162'"),
        ("mysql", constant(Sort.TEXT, "2020-02-29"), "date", Family.DATE, "'2020-02-29'"),
        ("mysql", Now(part=Part.MOMENT), "datetime(6)", Family.DATETIME, "CURRENT_TIMESTAMP(6)"),
        ("mysql", Now(part=Part.MOMENT), "datetime", Family.DATETIME, "CURRENT_TIMESTAMP"),
        ("mysql", Now(part=Part.MOMENT, utc=True), "datetime", Family.DATETIME,
         "(utc_timestamp())"),
        ("mysql", Now(part=Part.MOMENT, utc=True), "timestamp", Family.INSTANT,
         "CURRENT_TIMESTAMP"),
        ("mysql", Now(part=Part.MOMENT), "date", Family.DATE, "(curdate())"),
        ("postgresql", Now(part=Part.MOMENT), "timestamp", Family.DATETIME, "LOCALTIMESTAMP"),
        ("postgresql", Now(part=Part.MOMENT), "timestamptz", Family.INSTANT, "CURRENT_TIMESTAMP"),
        ("postgresql", Now(part=Part.MOMENT, utc=True), "timestamp", Family.DATETIME,
         "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')"),
        ("sqlite", Now(part=Part.MOMENT), "DATETIME", Family.DATETIME, "CURRENT_TIMESTAMP"),
        ("sqlite", Now(part=Part.TIME), "TIME", Family.TIME, "CURRENT_TIME"),
        ("postgresql", NewUuid(), "uuid", Family.UUID, "gen_random_uuid()"),
        ("mariadb", NewUuid(), "uuid", Family.UUID, "(uuid())"),
    ],
)  # fmt: skip
def test_a_default_is_of_the_type_of_its_column(engine, default, type_, family, expected):
    assert expected == said(engine, default, type_, family)


def test_a_moment_that_means_an_instant_is_told_in_utc_where_no_zone_is_kept():
    now = Now(part=Part.MOMENT)

    found = said("mysql", now, "datetime(6)", Family.DATETIME, instant=True)

    assert "(utc_timestamp(6))" == found


@pytest.mark.parametrize(
    ("default", "type_", "family"),
    [
        (constant(Sort.NUMBER, "2"), "boolean", Family.BOOLEAN),
        (constant(Sort.TEXT, "abc"), "integer", Family.INTEGER),
        (constant(Sort.NUMBER, "1.5"), "integer", Family.INTEGER),
        (constant(Sort.TEXT, "NaN"), "numeric", Family.DECIMAL),
        (constant(Sort.TEXT, "0000-00-00"), "date", Family.DATE),
        (constant(Sort.TEXT, "2020-00-10"), "date", Family.DATE),
        (constant(Sort.TEXT, "infinity"), "timestamp", Family.DATETIME),
        (constant(Sort.TEXT, "2020-01-01 10:00:00"), "date", Family.DATE),
        (constant(Sort.TEXT, "-01:00:00"), "time", Family.TIME),
        (constant(Sort.TEXT, "ä"), "bytea", Family.BINARY),
        (constant(Sort.BYTES, "00"), "text", Family.TEXT),
        (constant(Sort.TEXT, "a\0b"), "text", Family.TEXT),
        (constant(Sort.TEXT, "1 day"), "interval", Family.OTHER),
        (Now(part=Part.TIME), "date", Family.DATE),
        (Now(part=Part.MOMENT), "text", Family.TEXT),
        (NewUuid(), "bytea", Family.BINARY),
    ],
)
def test_a_default_that_would_mean_something_else_is_none(default, type_, family):
    with pytest.raises(CannotSay):
        said("postgresql", default, type_, family)


def test_a_literal_moment_without_a_zone_is_no_instant():
    at = constant(Sort.TEXT, "2020-01-01 00:00:00")

    with pytest.raises(CannotSay):
        said("postgresql", at, "timestamptz", Family.INSTANT, instant=True)
    zoned = constant(Sort.TEXT, "2020-01-01 00:00:00+00")
    found = said("postgresql", zoned, "timestamptz", Family.INSTANT, instant=True)
    assert "'2020-01-01 00:00:00+00'" == found
    found = said("mysql", zoned, "datetime", Family.DATETIME, instant=True)
    assert "'2020-01-01 00:00:00'" == found
