"""The graph of what refers to what, without any database."""

from __future__ import annotations

import itertools
import random

import pytest

from whimbrel import tables
from whimbrel.engines import inventory
from whimbrel.schema import dependencies


def table(name: str, *refers: str, null: bool = True, **more: object) -> tables.Table:
    """Return a table with a key, and a column for each table that it refers to."""
    columns = [tables.FoundColumn(name="id", type="int", null=False)]
    columns += [tables.FoundColumn(name=f"{to}_id", type="int", null=null) for to in refers]
    keys = [
        tables.ForeignKey(name=None, columns=(f"{to}_id",), ref_table=to, ref_columns=("id",))
        for to in refers
    ]
    return tables.Table(
        name=name,
        columns=tuple(columns),
        primary_key=("id",),
        foreign_keys=tuple(keys),
        **more,  # type: ignore[arg-type]
    )


def view(name: str, *needs: str) -> inventory.Thing:
    return inventory.Thing(kind=inventory.Kind.VIEW, name=name, needs=needs)


def test_tables_come_behind_those_that_they_refer_to():
    graph = dependencies.graph(
        [table("lines", "orders"), table("orders", "people"), table("people")]
    )

    assert (("people",), ("orders",), ("lines",)) == graph.levels
    assert ("people", "orders", "lines") == graph.load_order
    assert () == graph.cycles


def test_a_circle_is_named_by_a_way_around_it():
    graph = dependencies.graph(
        [table("a", "b"), table("b", "c"), table("c", "a", null=False), table("d", "a")]
    )

    (cycle,) = graph.cycles

    assert ("a", "b", "c") == cycle.tables
    assert "a -> b -> c -> a" == str(cycle)
    assert ["a", "b"] == [one.table for one in cycle.optional]
    assert (("a", "b", "c"), ("d",)) == graph.levels


def test_a_table_that_refers_to_itself_is_a_circle_of_one():
    graph = dependencies.graph([table("people", "people")])

    assert ["people -> people"] == [str(cycle) for cycle in graph.cycles]
    assert frozenset() == graph.needs("people")
    assert (("people",),) == graph.levels


def test_references_are_found_from_both_ends():
    graph = dependencies.graph(
        [table("orders", "people"), table("bills", "people"), table("people")]
    )

    assert {"orders", "bills"} == graph.needed_by("people")
    assert {"people"} == graph.needs("orders")
    assert ["bills (people_id) -> people (id)", "orders (people_id) -> people (id)"] == sorted(
        map(str, graph.to("people"))
    )


def test_a_key_that_names_no_columns_means_the_primary_key():
    key = tables.ForeignKey(name=None, columns=("id",), ref_table="PEOPLE", ref_columns=())
    child = table("child").replace(foreign_keys=(key,))

    (reference,) = dependencies.graph([child, table("people")]).references

    assert ("people", ("id",)) == (reference.ref_table, reference.ref_columns)
    assert not reference.optional


def test_what_leads_out_of_the_graph_is_kept_apart():
    graph = dependencies.graph([table("orders", "elsewhere")])

    assert () == graph.references
    assert ["elsewhere"] == [one.ref_table for one in graph.outside]
    assert ("orders",) == graph.load_order


def test_a_reference_that_somebody_says_is_one_like_the_others():
    said = dependencies.Reference(
        table="log", columns=("who",), ref_table="people", ref_columns=("id",), virtual=True
    )

    graph = dependencies.graph([table("log"), table("people")], virtual=[said])

    assert (said,) == graph.of("log")
    assert ("people", "log") == graph.load_order


def test_tables_without_references_are_alone():
    graph = dependencies.graph([table("a"), table("b", "c"), table("c")])

    assert ("a",) == graph.alone


def test_views_name_the_tables_and_views_that_they_read():
    things = [view("busy", "Orders", "nowhere"), view("busiest", "busy", "people")]

    graph = dependencies.graph([table("orders"), table("people")], things)

    assert {"busy": ("orders",), "busiest": ("busy", "people")} == {
        one.name: one.reads for one in graph.views
    }


def test_what_is_known_of_a_view_counts_more_than_what_the_catalog_says():
    graph = dependencies.graph(
        [table("orders"), table("people")], [view("v", "orders")], reads={"v": {"people"}}
    )

    assert ("people",) == graph.views[0].reads


def test_a_chain_of_thousands_has_as_many_levels():
    names = [f"t{number:05}" for number in range(5_000)]
    chain = [table(a, b) for a, b in itertools.pairwise(names)] + [table(names[-1])]

    assert tuple(reversed(names)) == dependencies.graph(chain).load_order


@pytest.mark.parametrize("seed", range(40))
def test_circles_are_those_that_trying_every_way_finds(seed):
    chance = random.Random(seed)
    names = [f"t{number}" for number in range(chance.randint(1, 8))]
    graph = dependencies.graph(
        [table(name, *{*chance.choices(names, k=chance.randint(0, 2))}) for name in names]
    )

    reach = {name: {*graph.needs(name)} for name in names}
    for _ in names:
        reach = {name: to.union(*(reach[one] for one in to)) for name, to in reach.items()}
    expected = {
        frozenset({b for b in names if b in reach[a] and a in reach[b]} | {a})
        for a in names
        if a in reach[a] or any(one.itself for one in graph.of(a))
    }
    assert expected == {frozenset(cycle.tables) for cycle in graph.cycles}
    place = {name: level for level, several in enumerate(graph.levels) for name in several}
    for name in names:
        for need in graph.needs(name):
            together = any({name, need} <= {*cycle.tables} for cycle in graph.cycles)
            assert (place[need] == place[name]) if together else (place[need] < place[name])
