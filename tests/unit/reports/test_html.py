"""The page of a report: complete, self-contained, and nothing in it that a database said runs."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tests.unit.reports import samples
from whimbrel.reports import html, recording

VOID = {"meta", "br", "wbr", "rect", "line", "circle", "path", "input", "hr", "img", "link"}


class Page(HTMLParser):
    """Elements with their attributes, and whether each is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"{tag} at {self.getpos()}, open: {self.open[-3:]}")
            return
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", params=samples.ALL)
def page(request):
    return Page(recording.sealed(samples.ALL[request.param]).html)


def test_every_element_is_closed(page):
    assert [] == page.wrong
    assert [] == page.open


def test_names_inside_the_page_are_given_once_and_links_lead_to_them(page):
    names = [given["id"] for _, given in page.found if "id" in given]
    links = [given["href"] for tag, given in page.found if tag == "a"]

    assert len(names) == len(set(names))
    assert [] == [link for link in links if link.removeprefix("#") not in names]


def test_nothing_is_loaded_from_anywhere(page):
    asked = [
        (tag, name, value)
        for tag, given in page.found
        for name, value in given.items()
        if name in {"src", "srcset", "action", "data", "poster", "style", "xlink:href"}
        or name.startswith("on")
        or (name == "href" and not value.startswith("#"))
    ]

    assert [] == asked
    assert not {"link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.found}


def test_the_policy_of_the_page_allows_its_own_style_and_script_alone():
    text = html.render(samples.EQUAL)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)

    def hashed(body):
        return base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()

    assert policy.replace("&#39;", "'").split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{hashed(style)}'",
        f"script-src 'sha256-{hashed(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_what_a_database_said_is_text():
    text = recording.sealed(samples.DIFFERENT).html
    visible = Page(text)

    assert 2 == text.count("<script")
    assert "alert(&#34;x&#34;)" in text
    assert "{{ 7*7 }}" in visible.text
    assert "49" not in visible.text.split("7*7")[0][-10:]


def test_null_the_text_null_and_the_empty_text_are_told_apart():
    text = recording.sealed(samples.DIFFERENT).html

    assert '<span class="null">NULL</span>' in text
    assert '<bdi class="value">NULL</bdi> <span class="hint">(the text)</span>' in text
    assert '<span class="hint">empty text</span>' in text


def test_a_long_value_is_cut_and_its_length_told():
    text = recording.sealed(samples.DIFFERENT).html

    assert "… 10,000 characters in all" in text
    assert len(text) < 200_000


@pytest.mark.parametrize("name", samples.ALL)
def test_the_verdict_comes_first_with_its_numbers(name):
    report = samples.ALL[name]

    text = Page(recording.sealed(report).html).text

    verdict = report.verdict
    start = text[: text.index("Command")]
    assert verdict.word in start
    assert verdict.says in start
    assert all(f"{one.number:,}" in start for one in verdict.figures)


def test_a_table_has_its_counts_fingerprints_and_rules():
    text = Page(recording.sealed(samples.DIFFERENT).html).text

    for said in (
        "120,400",
        "120,399",
        samples.CUSTOMER.fingerprint_source,
        "By column: name = full_name 7, balance 2",
        "±0.005",
        "what has no time zone is read as UTC",
        "Columns only in target: search_name",
        "the target has no such table",
        "one exported snapshot, read by 2 sessions",
        "microseconds become milliseconds",
        "&#39;0000-00-00&#39; becomes NULL".replace("&#39;", "'"),
        "12 orphans",
        "id 99, 107, 108",
    ):
        assert said in text


def test_half_a_character_in_a_name_does_not_break_the_page():
    import dataclasses

    odd = dataclasses.replace(samples.EQUAL, title="a\ud800b", by="x\udfff@y")

    sealed = recording.sealed(odd)

    assert b"a\\ud800b" in sealed.html.encode("utf-8")


def test_a_page_without_anything_can_be_drawn():
    from whimbrel.reports import report as reports

    nothing = reports.Report(
        kind=reports.Kind.MIGRATION,
        title="Migration of main",
        command="whimbrel up",
        whimbrel="0.1.0",
        started_at="2026-05-04T09:12:00.000000Z",
        milliseconds=0,
        by="ana@web-3",
    )

    assert [] == Page(recording.sealed(nothing).html).wrong
