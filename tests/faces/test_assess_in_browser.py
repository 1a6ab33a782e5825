"""The report of an assessment in a real browser: the map is whole, marked, found, dragged."""

from __future__ import annotations

import sqlite3

import pytest

from tests import browser
from whimbrel.rehearsal import assess
from whimbrel.reports import assess as reported

pytestmark = [pytest.mark.browser]

TABLES = 100


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    size = {"width": 1200, "height": 900}
    with browser.opened(tmp_path_factory.mktemp("profile"), viewport=size) as context:
        yield context


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The report of a database of a hundred tables, with a circle and a self-reference."""
    folder = tmp_path_factory.mktemp("assessed")
    connection = sqlite3.connect(folder / "many.db")
    for at in range(TABLES - 2):
        needs = sorted({at // 2, at // 3} - {at})
        columns = ["id INTEGER PRIMARY KEY"]
        columns += [f"r{other} INTEGER REFERENCES table_number_{other:03} (id)" for other in needs]
        connection.execute(f"CREATE TABLE table_number_{at:03} ({', '.join(columns)})")
    connection.executescript(
        "CREATE TABLE team (id INTEGER PRIMARY KEY, lead INTEGER REFERENCES person (id));"
        "CREATE TABLE person (id INTEGER PRIMARY KEY, team INTEGER REFERENCES team (id),"
        " boss INTEGER REFERENCES person (id));"
        "CREATE VIEW who AS SELECT id FROM person; INSERT INTO person VALUES (1, 9, NULL);"
    )
    connection.close()
    found = assess.assess(f"sqlite:///{folder}/many.db", to="sqlite")
    page = folder / "many.html"
    page.write_text(reported.sealed(found, command="whimbrel assess many").html, encoding="utf-8")
    return page


@pytest.fixture
def page(chromium, file):
    page = chromium.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.said.append(request.url))
    page.goto(file.as_uri())
    yield page
    page.close()


def test_every_table_is_on_the_map_and_nobody_is_asked(page, file):
    names = page.eval_on_selector_all("#map .node", "nodes => nodes.map(n => n.dataset.name)")

    assert TABLES + 1 == len(names) == len(set(names))
    assert [file.as_uri()] == page.said


def test_no_name_lies_on_another_one_or_leaves_its_box(page):
    over = page.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll('#map .node')].map((node) => ({
            rect: node.querySelector('rect').getBBox(),
            text: node.querySelector('text').getBBox()}));
          const cross = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width
            && a.y < b.y + b.height && b.y < a.y + a.height;
          let found = 0;
          boxes.forEach((one, at) => {
            if (one.text.x + one.text.width > one.rect.x + one.rect.width) found += 1;
            boxes.slice(at + 1).forEach((other) => {
              if (cross(one.rect, other.rect)) found += 1;
            });
          });
          return found;
        }"""
    )
    size = page.evaluate(
        "parseFloat(getComputedStyle(document.querySelector('#map text')).fontSize)"
    )

    assert 0 == over
    assert size >= 12


def test_circles_are_marked_and_named(page):
    marked = page.eval_on_selector_all("#map .node.circular", "n => n.map(o => o.dataset.name)")
    lines = page.eval_on_selector_all(
        "#map .line.circular[data-from]", "n => n.map(o => [o.dataset.from, o.dataset.to])"
    )
    red = page.evaluate("getComputedStyle(document.querySelector('#map .line.circular')).stroke")
    plain = page.evaluate(
        "getComputedStyle(document.querySelector('#map .line:not(.circular)')).stroke"
    )

    assert ["person", "team"] == sorted(marked)
    assert [["person", "team"], ["team", "person"]] == sorted(lines)
    assert red != plain
    named = page.locator("#dependencies li").get_by_text("person -> team -> person")
    assert 1 == named.count()


def test_a_table_is_found_and_its_neighbours_with_it(page):
    page.get_by_label("Find a table").fill("table_number_040")

    found = page.locator("#map .node.found")
    frame, box = page.locator(".frame").bounding_box(), found.bounding_box()
    near = page.eval_on_selector_all("#map .node.near", "n => n.map(o => o.dataset.name)")
    assert "table_number_040" == found.get_attribute("data-name")
    assert frame["x"] <= box["x"] <= frame["x"] + frame["width"]
    assert frame["y"] <= box["y"] <= frame["y"] + frame["height"]
    assert {"table_number_020", "table_number_013", "table_number_080"} <= set(near)


def test_the_map_is_made_larger_fitted_and_dragged(page):
    def width():
        return page.locator("#map").bounding_box()["width"]

    before = width()
    page.get_by_role("button", name="larger").click()
    larger = width()
    page.get_by_role("button", name="all of it").click()
    fitted = width()
    assert before < larger
    assert fitted <= page.locator(".frame").bounding_box()["width"] + 1

    for _ in range(6):
        page.get_by_role("button", name="larger").click()
    page.evaluate("document.querySelector('.frame').scrollTo(0, 0)")
    frame = page.locator(".frame")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.mouse.move(box["x"] + 700, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 12, steps=3)
    page.mouse.up()
    assert page.evaluate("document.querySelector('.frame').scrollLeft") >= 250


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_the_page_fits_wide_and_narrow_in_the_light_and_in_the_dark(page, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})

    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room


def test_a_table_on_the_map_leads_to_its_part(page):
    page.locator('#map .node[data-name="person"] a').click()

    target = page.url.rpartition("#")[2]
    assert "person" in page.locator(f"#{target} summary").inner_text()
