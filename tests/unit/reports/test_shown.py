"""Values as a report shows them: nothing is invisible, long ones say how long they are."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from whimbrel.reports import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("NULL", "NULL"),
        ("", ""),
        (True, "true"),
        (7, "7"),
        (Decimal("1.10"), "1.10"),
        (b"\x00\xff", "00ff"),
        (dt.datetime(2024, 2, 29, 23, 59), "2024-02-29 23:59:00"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        ({"a": ["ä", None]}, '{"a": ["ä", null]}'),
    ],
)
def test_a_value_is_shown_as_people_write_it(value, text):
    assert text == shown.of(value).text


def test_null_is_not_the_text_that_says_so():
    assert shown.of(None).null
    assert not shown.of("NULL").null
    assert shown.of(" null ").like_null
    assert not shown.of("nullable").like_null


def test_a_long_text_is_cut_and_says_how_long_it_is():
    found = shown.of("x" * 10_000)

    assert (shown.MOST_CHARACTERS, 10_000, 0) == (len(found.text), found.length, found.start)


def test_two_long_texts_are_cut_where_they_differ():
    one, other = "a" * 5_000 + "b" * 5_000, "a" * 5_000 + "c" * 5_000

    first, second, note = shown.pair(one, other)

    assert first.start == second.start
    assert "ab" in first.text
    assert "ac" in second.text
    assert "the first character that differs is number 5,001" == note


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("caf\u00e9", "cafe\u0301", "from character 4 on: U+00E9 and U+0065 U+0301"),
        ("Ann", "Ann ", "from character 4 on: the end and U+0020"),
        ("Ann", "An\u200bn", "from character 3 on: U+006E and U+200B U+006E"),
        ("Ann", "Bob", ""),
        ("Ann", None, ""),
    ],
)
def test_texts_that_look_alike_are_told_apart_by_their_characters(one, other, said):
    assert said == shown.pair(one, other)[2]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("plain text, Zoë, 東京, 👩‍👩‍👧, مرحبا", []),
        (" a  b ", ["·", "·"]),
        ("a\tb\nc\rd", ["⇥", "⏎", "␍"]),
        ("\x00\x07\x7f", ["␀", "␇", "␡"]),
        ("Ann\u202eeba", ["U+202E"]),
        ("a\u00a0b\u3000c", ["U+00A0", "U+3000"]),
        ("a\u200db", ["U+200D"]),
        ("\ufeffa\u200b", ["U+FEFF", "U+200B"]),
        ("a\ud800", ["U+D800"]),
        ("\U000e0041", ["U+E0041"]),
    ],
)
def test_what_cannot_be_seen_gets_a_mark(text, marks):
    assert marks == [piece.mark for piece in shown.pieces(text) if piece.mark]


def test_the_pieces_are_the_text():
    text = " a\tb\u202ec\n "

    assert text == "".join(piece.text for piece in shown.pieces(text))
