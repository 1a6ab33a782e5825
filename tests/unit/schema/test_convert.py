"""What becomes of tables on another engine, without any server."""

from __future__ import annotations

import pytest

from tests import converting
from whimbrel import tables
from whimbrel.engines import building, portable, registry
from whimbrel.engines.forms import Family
from whimbrel.engines.inventory import Kind, TableText, Thing
from whimbrel.schema import convert, keys, same

TYPES = {"int": Family.INTEGER, "bigint": Family.INTEGER, "text": Family.TEXT}


def column(name: str, type_: str = "int", **more: object) -> tables.FoundColumn:
    return tables.FoundColumn(name=name, type=type_, **{"null": True, **more})  # type: ignore[arg-type]


def table(name: str, *columns: tables.FoundColumn, **more: object) -> tables.Table:
    return tables.Table(name=name, columns=columns, **more)  # type: ignore[arg-type]


def wanted(source: tables.Table, target: str | None = None, *names: str) -> convert.Wanted:
    chosen = names or tuple(c.name for c in source.columns)
    columns = tuple(convert.WantedColumn(name=name, source=name) for name in chosen)
    return convert.Wanted(source=source, target=target or source.name, columns=columns)


def offers(*all_: convert.Wanted, **types: str) -> dict[tuple[str, str], portable.Offer]:
    return {
        (one.target, c.name): portable.Offer(
            type=(type_ := types.get(f"{one.target}_{c.name}", "int")), family=TYPES[type_]
        )
        for one in all_
        for c in one.columns
    }


def converted(
    *asked: convert.Wanted,
    to: str = "postgresql",
    source: str = "mysql",
    things: tuple[Thing, ...] = (),
    builder: building.Builder | None = None,
    **types: str,
) -> convert.Schema:
    return convert.convert(
        asked,
        source=registry.by_name(source),
        target=registry.by_name(to),
        meanings={},
        offers=offers(*asked, **types),
        things=things,
        builder=builder,
    )


def key(name: str, column_: str, table_: str, ref: str = "id") -> tables.ForeignKey:
    return tables.ForeignKey(name=name, columns=(column_,), ref_table=table_, ref_columns=(ref,))


def lost(schema: convert.Schema) -> set[tuple[str, str]]:
    return {(one.kind, one.name) for one in schema.not_converted}


def test_a_plan_is_the_same_each_time():
    one = wanted(table("b", column("id"), primary_key=("id",)))
    two = wanted(table("a", column("id"), primary_key=("id",)))

    assert converted(one, two) == converted(two, one)
    assert ["a", "b"] == [made.source for made in converted(one, two).tables]


def test_tables_may_refer_to_each_other_in_a_circle():
    one = table("one", column("id"), column("two"), primary_key=("id",),
                foreign_keys=(key("f1", "two", "two"),))  # fmt: skip
    two = table("two", column("id"), column("one"), primary_key=("id",),
                foreign_keys=(key("f2", "one", "one"),))  # fmt: skip

    schema = converted(wanted(one), wanted(two))

    assert ["f1", "f2"] == [a.name for made in schema.tables for a in made.foreign_keys]
    assert set() == lost(schema)


def test_a_foreign_key_into_a_table_that_becomes_two_is_listed():
    parent = table("p", column("id"), column("x"), primary_key=("id",))
    child = table("c", column("p"), foreign_keys=(key("f", "p", "p"),))

    schema = converted(wanted(parent, "p1", "id"), wanted(parent, "p2", "id", "x"), wanted(child))

    assert {("foreign key", "f")} == lost(schema)


def test_a_foreign_key_to_what_is_no_key_there_is_listed():
    parent = table("p", column("id"), indexes=(tables.Index(name="i", columns=("id",)),))
    child = table("c", column("p"), foreign_keys=(key("f", "p", "p"),))

    assert {("foreign key", "f")} == lost(converted(wanted(parent), wanted(child)))


def test_types_are_handed_down_a_chain_of_references():
    one = table("one", column("id"), primary_key=("id",))
    two = table("two", column("id"), primary_key=("id",), foreign_keys=(key("f", "id", "one"),))
    three = table("three", column("id"), foreign_keys=(key("g", "id", "two"),))
    asked = [wanted(three), wanted(two), wanted(one)]
    given = offers(*asked, one_id="bigint")

    found, losses = keys.agreed(asked, given, registry.by_name("mysql").builder())

    assert {"bigint"} == {offer.type for offer in found.values()}
    assert {"two", "three"} == {loss.table for loss in losses}


def test_a_type_that_the_user_named_stays_and_its_foreign_key_is_listed():
    one = table("one", column("id"), primary_key=("id",))
    two = table("two", column("one"), foreign_keys=(key("f", "one", "one"),))
    named = convert.Wanted(
        source=two,
        target="two",
        columns=(convert.WantedColumn(name="one", source="one", type="int"),),
    )

    schema = converted(wanted(one), named, to="mysql", source="sqlite", one_id="bigint")

    assert {("foreign key", "f")} == lost(schema)


def test_an_index_of_a_column_that_is_left_out_is_listed():
    source = table("t", column("a"), column("b"), primary_key=("a",),
                   indexes=(tables.Index(name="i", columns=("a", "b")),),
                   uniques=(tables.Unique(name="u", columns=("b",)),))  # fmt: skip

    schema = converted(wanted(source, "t", "a"))

    assert {("index", "i"), ("unique", "u")} == lost(schema)
    assert ("a",) == schema.tables[0].target.primary_key


def test_a_check_on_a_number_that_is_kept_as_a_text_is_listed():
    source = table("t", column("a"), checks=(tables.Check(name="c", sql="a > 1"),))
    asked = wanted(source)
    kept = portable.Offer(type="DECIMAL_TEXT(30, 2)", family=Family.DECIMAL)

    schema = convert.convert(
        [asked],
        source=registry.by_name("postgresql"),
        target=registry.by_name("sqlite"),
        meanings={},
        offers={("t", "a"): kept},
        things=(),
    )

    assert {("check", "c")} == lost(schema)
    assert "compared as one" in schema.not_converted[0].why


def test_a_computed_column_that_cannot_be_had_keeps_its_values():
    source = table("t", column("a"), column("b", generated="my_own(a)"))

    schema = converted(wanted(source))

    assert {("generated column", "b")} == lost(schema)
    assert schema.tables[0].target.column("b").generated is None


def test_things_that_are_no_tables_are_listed_once():
    things = (
        Thing(kind=Kind.TRIGGER, name="tr", table="t", sql="CREATE TRIGGER …"),
        Thing(kind=Kind.TRIGGER, name="other", table="not wanted", sql="…"),
        Thing(kind=Kind.ROUTINE, name="f", sql="CREATE FUNCTION …"),
        Thing(kind=Kind.INDEX, name="words", table="t", sql="…"),
    )
    words = tables.Index(name="words", columns=("a",), method="fulltext")

    schema = converted(wanted(table("t", column("a"), indexes=(words,))), things=things)

    assert [("index", "words"), ("trigger", "tr"), ("routine", "f")] == [
        (one.kind, one.name) for one in schema.not_converted
    ]


def test_views_come_behind_those_that_they_read_and_go_with_them():
    things = (
        Thing(kind=Kind.VIEW, name="two", body="SELECT a FROM one"),
        Thing(kind=Kind.VIEW, name="one", body="SELECT a FROM t"),
        Thing(kind=Kind.VIEW, name="gone", body="SELECT a FROM nowhere"),
        Thing(kind=Kind.VIEW, name="after", body="SELECT a FROM gone"),
    )

    schema = converted(wanted(table("t", column("a"))), things=things)

    assert ["one", "two"] == [action.name for action in schema.last]
    assert {("view", "gone"), ("view", "after")} == lost(schema)


def test_a_view_keeps_the_names_of_its_columns():
    source = table("t", column("a"))
    asked = convert.Wanted(
        source=source,
        target="t",
        columns=(convert.WantedColumn(name="renamed", source="a"),),
    )
    view = Thing(kind=Kind.VIEW, name="v", body="SELECT a FROM t")

    schema = converted(asked, things=(view,))

    assert 'CREATE VIEW "v" AS SELECT "renamed" AS "a" FROM "t"' == schema.last[0].statements[0].sql


class Catalog:
    """What a test says that there is."""

    def __init__(self, *there: tables.Table, texts: tuple[str, ...] = ()) -> None:
        self._there = {one.name: one for one in there}
        self._texts = dict.fromkeys(texts, "")

    def find(self, name):
        return self._there.get(name)

    def texts(self):
        return self._texts

    def triggers(self, table):
        return ["tr"]


@pytest.mark.parametrize(
    ("kind", "names", "present"),
    [
        ("table", ("t",), True),
        ("primary key", ("pk",), True),
        ("index", ("i",), True),
        ("index", ("broken",), False),
        ("unique", ("u",), True),
        ("foreign key", ("f",), True),
        ("foreign key", ("f", "g"), False),
        ("check", ("c",), False),
        ("trigger", ("tr",), True),
        ("view", ("v",), True),
        ("type", ("w",), False),
    ],
)
def test_an_action_asks_the_catalog_whether_it_happened(kind, names, present):
    there = table("t", column("a"), primary_key=("a",),
                  indexes=(tables.Index(name="i", columns=("a",)),
                           tables.Index(name="broken", columns=("a",), valid=False)),
                  uniques=(tables.Unique(name="u", columns=("a",)),),
                  foreign_keys=(key("f", "a", "t"),))  # fmt: skip
    action = convert.Action(kind=kind, table="t", name=names[0], names=names, statements=())

    assert present is action.present(Catalog(there, texts=("view v",)))
    assert False is convert.Action(
        kind=kind, table="t", name="f", statements=(), repeatable=True
    ).present(Catalog(there))


def test_the_texts_of_a_server_are_made_in_their_order():
    texts = {
        "child": TableText(
            create=("CREATE TABLE child",),
            after=(("i", "CREATE INDEX i"),),
            foreign_keys=(("f", "ALTER TABLE child"),),
            last=(("tr", "SET a = 1"), ("tr", "CREATE TRIGGER tr"), ("c", "COMMENT ON x")),
            needs=("parent", "mood"),
        ),
        "parent": TableText(create=("CREATE TABLE parent",)),
    }
    things = (
        Thing(kind=Kind.TYPE, name="mood", sql="CREATE TYPE mood"),
        Thing(kind=Kind.ROUTINE, name="f", sql="CREATE FUNCTION f"),
        Thing(kind=Kind.VIEW, name="v", sql="CREATE VIEW v"),
        Thing(kind=Kind.TRIGGER, name="tr", table="child", sql="CREATE TRIGGER tr"),
        Thing(kind=Kind.PRIVILEGE, name="rights"),
    )
    found = {name: table(name, column("a")) for name in texts}

    schema = same.copy_schema(texts, things, tables=found)

    assert [("type", "mood"), ("routine", "f"), ("table", "parent"), ("table", "child")] == [
        (action.kind, action.name) for made in schema.tables for action in made.before
    ]
    assert [("view", "v"), ("trigger", "tr"), ("comment", "c")] == [
        (action.kind, action.name) for action in schema.last
    ]
    assert 2 == len(schema.last[1].statements)
    optional = [action.name for action in converting.actions(schema) if action.optional]
    assert ["f", "v"] == optional
    assert {("privilege", "rights")} == lost(schema)
