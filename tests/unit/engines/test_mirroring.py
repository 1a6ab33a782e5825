"""Expressions over a row, and what the mirrors of all engines decide alike."""

from __future__ import annotations

import dataclasses

import pytest

from whimbrel import tables
from whimbrel.engines import mirroring, mirrors

COLUMNS = ("id", "name", "Größe", "date")


def quote(name: str) -> str:
    return f'"{name}"'


def over(sql: str, dialect: str = "postgres") -> str:
    return mirroring.over(sql, columns=COLUMNS, row="NEW", quote=quote, dialect=dialect)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("name", 'NEW."name"'),
        ("NAME || 'name'", "NEW.\"name\" || 'name'"),
        ('"Größe"', 'NEW."Größe"'),
        ("name::varchar(3) /* name */", 'NEW."name"::varchar(3) /* name */'),
        ("extract(year FROM date)", 'extract(year FROM NEW."date")'),
        ("CAST(name AS date)", 'CAST(NEW."name" AS date)'),
        ("coalesce(name, current_user)", 'coalesce(NEW."name", current_user)'),
        ("'🐦' || name", "'🐦' || NEW.\"name\""),
        ("1", "1"),
    ],
)
def test_a_row_is_set_before_each_column_and_nothing_else_changes(said: str, expected: str) -> None:
    assert expected == over(said)


def test_names_are_read_as_each_dialect_quotes_them() -> None:
    assert over("[name] || `id`", "sqlite") == 'NEW."name" || NEW."id"'
    assert over('concat(`name`, "name")', "mysql") == 'concat(NEW."name", "name")'


@pytest.mark.parametrize(
    "said", ["(SELECT name)", "max(name)", "row_number() OVER ()", "people.name", "name ||", ""]
)
def test_what_is_not_about_one_row_is_refused(said: str) -> None:
    with pytest.raises(mirroring.NotUnderstood):
        over(said)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("now()", "now"),
        ("name || random()", "random"),
        ("datetime('now')", "'now'"),
        ("CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
        ("upper(name)", None),
        ("known", None),
    ],
)
def test_what_gives_another_value_each_time_is_noticed(said: str, what: str | None) -> None:
    assert what == mirroring.unsteady(said)


@pytest.mark.parametrize(
    ("said", "column"),
    [
        ("id", "id"),
        (' "id" ', "id"),
        ("(id)", "id"),
        ('( ("id") )', "id"),
        ("(id) + 1", None),
        ("-(id)", None),
        ("id::text", None),
        ("coalesce(id)", None),
        ("id + id", None),
        ("(1)", None),
    ],
)
def test_a_column_in_parentheses_is_that_column(said: str, column: str | None) -> None:
    assert column == mirroring.plain(said, columns=["id", "name"], dialect="postgres")


def test_a_query_is_shown_without_its_values() -> None:
    query = "UPDATE t SET a = 'it''s secret', b1 = 4711, c = $$x$$ WHERE d = 'cut off in the"

    assert mirroring.masked(query) == "UPDATE t SET a = …, b1 = …, c = … WHERE d = …"


def table(name: str, /, **types: str) -> tables.Table:
    return tables.Table(
        name=name,
        columns=tuple(
            tables.FoundColumn(name=column, type=type_, null=column != "id")
            for column, type_ in types.items()
        ),
        primary_key=("id",),
    )


def shape(new: tables.Table, /, **up: str) -> mirrors.Shape:
    return mirrors.Shape(
        mode=mirrors.Mode.TABLE,
        old=table("old", id="integer", name="text"),
        new=new,
        key=(("id", "id"),),
        up={"id": "id", "name": "name", **up},
        down={"id": "id", "name": "name"},
        parked="parked",
    )


def test_a_copy_of_the_same_type_cannot_fail() -> None:
    made = shape(table("new", id="integer", name="text"))

    way = mirroring.forward(made, dialect="postgres", quote=quote)

    assert not mirroring.may_fail(way)


@pytest.mark.parametrize(
    "changes",
    [
        {"uniques": (tables.Unique(name="u", columns=("name",)),)},
        {"checks": (tables.Check(name="c", sql="name <> ''"),)},
        {"columns": table("new", id="integer", name="varchar(3)").columns},
        {
            "columns": tuple(
                dataclasses.replace(c, null=False)
                for c in table("new", id="integer", name="text").columns
            )
        },
    ],
)
def test_a_rule_of_the_other_table_can_refuse(changes: dict[str, object]) -> None:
    made = shape(table("new", id="integer", name="text").replace(**changes))

    way = mirroring.forward(made, dialect="postgres", quote=quote)

    assert mirroring.may_fail(way)


def test_a_condition_on_the_key_is_one_on_the_other_table_too() -> None:
    made = shape(table("new", id="integer", name="text"))
    way = mirroring.forward(made, dialect="postgres", quote=quote)

    assert way.keys_only("id > 4 AND ID <= 9") == '"id" > 4 AND "id" <= 9'
    assert way.keys_only("id > 4 AND name = 'x'") is None


def test_foreign_keys_are_paired_through_what_columns_become() -> None:
    key = tables.ForeignKey(
        name="k", columns=("name",), ref_table="towns", ref_columns=("name",), on_delete="CASCADE"
    )
    old = table("old", id="integer", name="text").replace(foreign_keys=(key,))
    other = dataclasses.replace(key, columns=("town",))
    new = table("new", id="integer", town="text").replace(foreign_keys=(other,))
    made = dataclasses.replace(
        shape(new), old=old, up={"id": "id", "town": "name"}, down={"id": "id", "name": "town"}
    )
    way = mirroring.forward(made, dialect="postgres", quote=quote)

    assert mirroring.unpaired_foreign_keys(made, way) == []

    lone = dataclasses.replace(made, new=new.replace(foreign_keys=()))
    assert [k.columns for _, _, k in mirroring.unpaired_foreign_keys(lone, way)] == [("name",)]
