"""The seal of a report: every edit of its data or of its page is found."""

from __future__ import annotations

import json
import random
import re

import pytest

from tests.unit.reports import samples
from whimbrel.reports import recording, seal


@pytest.fixture(scope="module")
def sealed():
    return recording.sealed(samples.DIFFERENT)


def test_a_report_is_intact_as_it_was_written(sealed):
    page, data = seal.check(sealed.html.encode()), seal.check(sealed.json.encode())

    assert (True, True) == (page.intact, data.intact)
    assert sealed.seal == page.seal == data.seal
    assert page.report == data.report == json.loads(sealed.json)["report"]


def test_the_same_report_has_the_same_seal(sealed):
    assert sealed == recording.sealed(samples.DIFFERENT)
    assert sealed.seal != recording.sealed(samples.EQUAL).seal


def test_the_seal_is_a_hash_that_anybody_can_make(sealed):
    import hashlib

    document = json.loads(sealed.json)
    del document["seal"]

    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert sealed.seal == hashlib.sha256(text.encode("ascii")).hexdigest()


def test_json_that_was_only_laid_out_anew_is_intact(sealed):
    again = json.dumps(json.loads(sealed.json), indent=4, ensure_ascii=False)

    assert seal.check(again.encode()).intact


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("<dd>826</dd>", "<dd>0</dd>"),
        (">Different<", ">Equal<"),
        ("only in source</th>", "only in target</th>"),
        ("</style>", ".bad { display: none }</style>"),
        ("default-src &#39;none&#39;", "default-src *"),
        ("</footer>", "<p>All is well.</p></footer>"),
        ("<main", "<!-- --><main"),
    ],
)
def test_an_edit_of_the_visible_page_is_found(sealed, was, now):
    edited = sealed.html.replace(was, now, 1)

    found = seal.check(edited.encode())

    assert edited != sealed.html
    assert ("its page is not the one that was sealed",) == found.wrong


@pytest.mark.parametrize("which", ["html", "json"])
def test_an_edit_of_the_data_is_found(sealed, which):
    text = getattr(sealed, which)
    edited = re.sub(r'("only_source": ?)3\b', r"\g<1>0", text, count=1)

    found = seal.check(edited.encode())

    assert edited != text
    assert "its data is not what was sealed" in found.wrong


def test_any_changed_character_of_a_page_is_found(sealed):
    chance, data = random.Random(4), sealed.html.encode()

    unseen = []
    for at in chance.sample(range(len(data)), 300):
        edited = bytearray(data)
        edited[at] ^= 1 << chance.randrange(7)
        if seal.check(bytes(edited)).intact:
            unseen.append(data[at - 20 : at + 20])

    assert [] == unseen


def test_a_seal_shown_where_it_was_not_is_found(sealed):
    edited = sealed.html.replace("</main>", f"<p>{sealed.seal}</p></main>")

    assert not seal.check(edited.encode()).intact


def test_a_hole_that_was_left_in_a_page_is_found(sealed):
    edited = sealed.html.replace(f"<code>{sealed.seal}</code>", f"<code>{seal.HOLE}</code>")

    assert not seal.check(edited.encode()).intact


def test_a_value_of_nothing_but_zeros_stays_what_it_is(sealed):
    assert f"{'00' * 100}</bdi>" in sealed.html


def test_who_edits_can_seal_anew_and_the_seal_tells(sealed):
    document = json.loads(sealed.json)
    document["report"]["tables"][0]["only_source"] = 0

    again = seal.seal(document["report"])

    assert seal.check(again.json.encode()).intact
    assert sealed.seal != again.seal


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"[]",
        b'{"format": "other"}',
        b'{"format": "whimbrel-report/1"}',
        b'{"format": "whimbrel-report/1", "report": {}}',
        b'{"format": "whimbrel-report/1", "report": {}, "seal": 7}',
        b'<html><script type="application/json" id="whimbrel-report">',
        b'<html><script type="application/json" id="whimbrel-report">{</script>',
        b"[" * 100_000,
    ],
)
def test_what_is_no_report_has_no_seal(data):
    found = seal.check(data)

    assert (None, False) == (found.seal, found.intact)
    assert found.wrong


def test_a_key_that_stands_twice_is_found(sealed):
    edited = sealed.json.replace('"seal":', '"page": "x",\n "seal":', 1)

    assert not seal.check(edited.encode()).intact


def test_fractions_are_refused():
    with pytest.raises(TypeError, match="fractions"):
        seal.seal({"seconds": [1.5]})
    assert (
        "its data is not what was sealed"
        in seal.check(
            b'{"format": "whimbrel-report/1", "page": null, "report": {"a": 1.5}, "seal": "x"}'
        ).wrong
    )
