"""The order in which what an inventory lists can be made."""

from __future__ import annotations

from whimbrel.engines import inventory
from whimbrel.engines.inventory import Kind, TableText, Thing


def thing(kind: Kind, name: str, *needs: str, table: str | None = None) -> Thing:
    return Thing(kind=kind, name=name, sql=f"make {name}", needs=needs, table=table)


def arranged(**needs: tuple[str, ...]) -> list[str]:
    return inventory.arranged((name, needed, name) for name, needed in needs.items())


def test_what_is_needed_comes_first_and_the_rest_keeps_its_order() -> None:
    found = arranged(z=("m",), b=(), a=("z", "c"), c=(), m=("c",))

    assert ["c", "m", "z", "b", "a"] == found


def test_a_circle_is_cut_where_it_is_entered() -> None:
    found = arranged(a=("b",), b=("c",), c=("a",), d=("d", "nowhere"))

    assert ["c", "b", "a", "d"] == found


def test_names_that_two_things_have_are_both_waited_for() -> None:
    found = inventory.arranged([("v", ("f",), 1), ("f", (), 2), ("f", (), 3)])

    assert [2, 3, 1] == found


def test_views_and_what_needs_them_wait_for_the_tables() -> None:
    things = [
        thing(Kind.VIEW, "v", "t"),
        thing(Kind.ROUTINE, "of view", "v"),
        thing(Kind.ROUTINE, "of table", "t"),
        thing(Kind.TYPE, "mood"),
        thing(Kind.TRIGGER, "instead", "v", table="v"),
        thing(Kind.TRIGGER, "of t", "t", table="t"),
        thing(Kind.TRIGGER, "of a table that stays", "x", table="x"),
        Thing(kind=Kind.PRIVILEGE, name="only named"),
    ]
    texts = {"t": TableText(create=("make t",), needs=("mood", "f")), "u": TableText(create=())}

    early, late = inventory.parted(things, texts)

    assert ["mood", "t", "of table", "u"] == [name for name, _ in early]
    assert ["v", "of view", "instead"] == [name for name, _ in late]
    assert ("make t",) == dict(early)["t"]


def test_a_view_that_a_table_needs_is_made_before_it() -> None:
    things = [thing(Kind.VIEW, "v"), thing(Kind.ROUTINE, "f", "v"), thing(Kind.VIEW, "w")]

    early, late = inventory.parted(things, {"t": TableText(create=("make t",), needs=("f",))})

    assert ["v", "f", "t"] == [name for name, _ in early]
    assert ["w"] == [name for name, _ in late]


def test_statements_are_those_around_it_too_and_none_where_nothing_makes_it() -> None:
    whole = Thing(kind=Kind.EVENT, name="e", sql="b", first=("a",), then=("c", "d"))
    named = Thing(kind=Kind.OTHER, name="o", then=("c",))

    assert ("a", "b", "c", "d") == whole.statements
    assert () == named.statements
