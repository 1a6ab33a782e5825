"""A report in a real browser: read on a phone, in the dark, by keyboard, on paper, offline."""

from __future__ import annotations

import dataclasses

import pytest

from tests import browser
from tests.unit.reports import samples
from whimbrel.reports import recording

pytestmark = [pytest.mark.browser]

WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("profile"), viewport=WIDE) as context:
        yield context


@dataclasses.dataclass
class Looked:
    """A page that was opened, with all that it asked for and complained about."""

    page: object
    asked: list[str]
    said: list[str]

    def count(self, selector):
        return self.page.locator(selector).count()

    def sees(self, selector):
        return self.page.locator(selector).first.is_visible()


@pytest.fixture
def look(chromium, tmp_path):
    """Open a report of the samples, at a width and with a scheme; keep a picture of it."""
    pages = []

    def open_(name, *, viewport=WIDE, scheme="light", script=True):
        file = tmp_path / f"{name}.html"
        text = recording.sealed(samples.ALL[name]).html
        # What a page without scripts is: the same one whose policy does not let it run.
        text = text if script else text.replace("script-src &#39;sha256-", "script-src &#39;x-")
        file.write_text(text, encoding="utf-8")
        page = chromium.new_page()
        pages.append(page)
        looked = Looked(page=page, asked=[], said=[])
        page.on("request", lambda request: looked.asked.append(request.url))
        page.on("console", lambda message: looked.said.append(message.text))
        page.on("pageerror", lambda error: looked.said.append(str(error)))
        page.on("dialog", lambda dialog: looked.said.append(dialog.message))
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        page.goto(file.as_uri())
        picture = tmp_path / f"{name}-{viewport['width']}-{scheme}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10_000
        return looked

    yield open_
    for page in pages:
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", samples.ALL)
def test_a_report_asks_nobody_complains_of_nothing_and_fits(look, name, viewport, scheme):
    looked = look(name, viewport=viewport, scheme=scheme)

    wide, room = looked.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert [] == looked.said
    assert [looked.page.url] == looked.asked
    assert wide <= room


def test_headings_tables_and_charts_are_there(look):
    looked = look("different")

    headings = looked.page.get_by_role("heading").all_inner_texts()
    assert "Comparison of shop and shop" == headings[0]
    for title in ("Tables", "Differences", "Rules", "Repairs", "How it was compared"):
        assert title in headings
    assert 1 == looked.count("h1")
    assert looked.sees("table[data-sortable]")
    assert 3 == looked.page.get_by_role("img").count()
    for chart in looked.page.get_by_role("img").all():
        box = chart.bounding_box()
        assert box["width"] > 400
        assert box["height"] > 40


def test_the_verdict_is_seen_without_scrolling(look):
    for viewport in (WIDE, PHONE):
        looked = look("different", viewport=viewport)

        box = looked.page.locator(".verdict").bounding_box()
        figures = looked.page.locator(".figures").bounding_box()

        assert "Different" in looked.page.locator(".verdict").inner_text()
        assert box["y"] + box["height"] < viewport["height"] / 2
        assert figures["y"] + figures["height"] < viewport["height"]


def _luminance(colour):
    channels = [int(part) / 255 for part in colour.strip("rgba()").split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", samples.ALL)
def test_text_stands_out_from_its_ground_in_the_light_and_in_the_dark(look, name, scheme):
    looked = look(name, scheme=scheme)

    ground, *colours = looked.page.evaluate(
        """() => [getComputedStyle(document.body).backgroundColor,
           ...['body', '.soft', '.facts dt', '.word', '.says', 'thead th', 'summary', 'footer',
               '.hint', '.error', '.tag']
             .map((s) => document.querySelector(s)).filter(Boolean)
             .map((one) => getComputedStyle(one).color)]"""
    )
    back = _luminance(ground)
    assert (back < 0.1) == (scheme == "dark")
    for colour in set(colours):
        light, dark = sorted((_luminance(colour), back), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour


def test_details_are_opened_and_tables_are_sorted_by_keyboard(look):
    looked = look("different")
    page = looked.page

    summary = page.locator("#chart-outcomes summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert looked.sees("#chart-outcomes details table")
    assert "120,388" in page.locator("#chart-outcomes details").inner_text()

    button = page.locator("#tables thead button", has_text="source rows")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert "descending" == page.locator("#tables th[aria-sort]").get_attribute("aria-sort")
    assert "order_line" == page.locator("#tables tbody th").first.inner_text()


def test_everything_that_can_be_used_is_reached_by_tab_and_seen_to_be(look):
    page = look("migrated").page

    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "((one) => [one.tagName, getComputedStyle(one).outlineStyle])(document.activeElement)"
        )
        if name == "BODY":
            break
        assert outline != "none"
        reached.add(name)

    assert {"A", "BUTTON", "SUMMARY", "DIV"} <= reached


def test_nasty_values_are_text(look):
    looked = look("different")
    text = looked.page.locator("#differences").inner_text()

    assert samples.NASTY.split("<!--")[0] in text
    assert samples.RTL in text
    assert "👩‍👩‍👧 Zoë 🏳️‍🌈" in text
    assert "U+202E" in text
    assert "10,000 characters in all" in text
    assert [] == looked.said
    assert 2 == looked.count("script")


def test_a_text_from_right_to_left_does_not_turn_its_neighbours_around(look):
    looked = look("different")

    sides = looked.page.evaluate(
        "[...document.querySelectorAll('bdi.value')].map((one) => "
        "getComputedStyle(one).unicodeBidi)"
    )

    assert {"isolate"} == set(sides)


def test_without_scripts_nothing_is_missing(look):
    looked = look("different", script=False)

    looked.page.locator("#chart-outcomes summary").click()

    assert 0 == looked.count("th button")
    assert looked.sees("#chart-outcomes details table")
    assert "source rows" in looked.page.locator("table[data-sortable] thead").inner_text()


def test_on_paper_everything_is_open_and_dark_is_light(look, tmp_path):
    looked = look("different", scheme="dark")
    looked.page.emulate_media(media="print", color_scheme="light")

    looked.page.pdf(path=tmp_path / "report.pdf", format="A4")

    closed = looked.count("details:not([open])")
    assert 0 == closed
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_kinds_are_told_apart_without_colour(look):
    looked = look("different")

    plain = looked.page.evaluate(
        """() => [...document.querySelectorAll('#chart-outcomes svg.chart g')]
           .filter((one) => one.querySelectorAll('rect').length === 1)
           .map((one) => one.querySelector('rect').getAttribute('class'))"""
    )

    # Only what is equal has no lines over its colour; every tag has a sign beside its word.
    assert {"k-equal"} == set(plain)
    signs = looked.page.evaluate(
        "[...document.querySelectorAll('.tag')].map((one) => "
        "getComputedStyle(one, '::before').content)"
    )
    assert all(sign not in ("none", "") for sign in signs)
