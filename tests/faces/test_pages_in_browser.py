"""The page for colleagues and the report of a rehearsal in a real browser, as their readers are."""

from __future__ import annotations

import pytest

from tests import browser
from tests.unit.reports import pages

pytestmark = [pytest.mark.browser]

WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("profile"), viewport=WIDE) as context:
        yield context


@pytest.fixture
def look(chromium, tmp_path):
    """Open a page at a width and with a scheme; keep a picture, and what it asks and says."""
    opened = []

    def open_(name, *, viewport=WIDE, scheme="light"):
        file = tmp_path / f"{name}.html"
        file.write_text(pages.page(name).html, encoding="utf-8")
        page = chromium.new_page()
        opened.append(page)
        page.heard = []
        for event in ("console", "pageerror", "dialog"):
            page.on(event, lambda said: page.heard.append(str(said)))
        page.on("request", lambda asked: page.heard.append(asked.url))
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        page.goto(file.as_uri())
        picture = tmp_path / f"{name}-{viewport['width']}-{scheme}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10_000
        return page

    yield open_
    for page in opened:
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", pages.PAGES)
def test_a_page_asks_nobody_complains_of_nothing_and_fits(look, name, viewport, scheme):
    page = look(name, viewport=viewport, scheme=scheme)

    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert [page.url] == page.heard
    assert wide <= room
    assert 1 == page.locator("h1").count()
    assert 0 == page.locator("main b, main i").count()  # names of tables are no HTML


def test_colleagues_read_when_how_long_who_waits_who_decides_and_how_we_go_back(look):
    text = look("plan", viewport=PHONE).inner_text("body")

    for said in (
        "Sunday 03:00 <UTC>",
        "Ana | ops",
        "Zoë",
        "it cannot be taken back",
        "nothing says what was there",
        "keeps about 40,000 rows",
        "Give orders a note; <i>all</i> of them.",
    ):
        assert said in text


def test_what_went_wrong_and_what_is_not_known_is_said(look):
    text = look("not-ready").inner_text("main")

    for said in ("is not unique", "not done", "<i>3</i> rows are not as before", "not known"):
        assert said in text


@pytest.mark.parametrize(("name", "word"), [("rehearsed", "Ready"), ("not-ready", "Not ready")])
def test_the_verdict_of_a_rehearsal_is_seen_without_scrolling(look, name, word):
    for viewport in (WIDE, PHONE):
        page = look(name, viewport=viewport)

        box = page.locator(".verdict").bounding_box()

        assert word in page.locator(".verdict").inner_text()
        assert box["y"] < viewport["height"] / 2
