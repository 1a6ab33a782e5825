"""The map of a report: every table is on it once, none on another, however many there are."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rehearsal.test_drawing import SHOP, table
from whimbrel.reports import tablemap
from whimbrel.schema import dependencies

SVG = "{http://www.w3.org/2000/svg}"


def apart(boxes: tuple[tablemap.Box, ...]) -> bool:
    return all(
        one.x + one.width <= other.x or other.x + other.width <= one.x
        or one.y + 28 <= other.y or other.y + 28 <= one.y
        for one, other in itertools.combinations(boxes, 2)
    )  # fmt: skip


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60),
    st.integers(1, 31),
)
def test_every_table_has_a_place_of_its_own(pairs, count):
    needs = {f"t{at}": set() for at in range(count)}
    for one, other in pairs:
        if one < count and other < count:
            needs[f"t{one}"].add(f"t{other}")
    graph = dependencies.graph([table(name, *sorted(others)) for name, others in needs.items()])

    drawn = tablemap.draw(graph)

    assert sorted(needs) == sorted(box.name for box in drawn.boxes)
    assert apart(drawn.boxes)
    assert all(box.x + box.width <= drawn.width for box in drawn.boxes)
    assert all(box.y + 28 <= drawn.height for box in drawn.boxes)
    root = parsed(drawn.svg)
    assert count == len([g for g in root.iter(f"{SVG}g") if g.get("data-name")])


def test_what_is_needed_stands_to_the_left():
    chain = dependencies.graph([table("a"), table("b", "a"), table("c", "b", "a")])

    places = {box.name: box.x for box in tablemap.draw(chain).boxes}

    assert places["a"] < places["b"] < places["c"]


def test_circles_views_and_odd_names_are_drawn():
    root = parsed(tablemap.draw(SHOP, tones={"alone": "hard"}, links={"far": "#x"}).svg)

    nodes = {g.get("data-name"): (g.get("class") or "") for g in root.iter(f"{SVG}g")}
    assert "node table circular" == nodes["team"] == nodes["person"]
    assert "node view" == nodes["who"]
    assert "node table hard" == nodes["alone"]
    assert 'odd "name"' in nodes
    lines = {
        (p.get("data-from"), p.get("data-to")): p.get("class") for p in root.iter(f"{SVG}path")
    }
    assert "line circular optional" == lines["team", "person"]
    assert "line circular" == lines["person", "team"]
    assert "line reads" == lines["who", "team"]


def test_a_long_level_is_broken_into_several_columns():
    wide = dependencies.graph([table("a"), *(table(f"b{at}", "a") for at in range(100))])

    drawn = tablemap.draw(wide)

    assert drawn.height < 40 * 40
    assert apart(drawn.boxes)


def test_tables_that_nothing_is_tied_to_stand_below():
    graph = dependencies.graph([table("a"), table("b", "a"), table("x"), table("y")])

    places = {box.name: box.y for box in tablemap.draw(graph).boxes}

    assert min(places["x"], places["y"]) > max(places["a"], places["b"])
