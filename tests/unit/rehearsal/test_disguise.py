"""Masks: always the same for the same, never two for one, and nothing shows what was there."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.engines import forms
from whimbrel.rehearsal import disguise
from whimbrel.rows.cleansing import base

SECRET = b"the secret of these tests"
CELL = base.Cell(
    form=forms.Form(family=forms.Family.TEXT),
    into=forms.Form(family=forms.Family.TEXT),
    proper=False,
    row={},
    read={},
)


def mask(kind: str, **more: object) -> disguise.Mask:
    return disguise.Mask(kind=kind, secret=SECRET, **more)  # type: ignore[arg-type]


def masked(kind: str, words: str, **more: object) -> str | None:
    return mask(kind, **more).apply(words, CELL)


@pytest.mark.parametrize("kind", disguise.KINDS)
def test_the_same_value_has_the_same_mask_with_the_same_secret_alone(kind):
    words = {"date": "2024-02-29", "number": "123456"}.get(kind, "Anna 12-345 Berg")
    one = mask(kind, constant="x")

    assert one.apply(words, CELL) == mask(kind, constant="x").apply(words, CELL)
    if kind not in ("null", "constant"):
        other = dataclasses.replace(one, secret=b"another secret")
        assert words != one.apply(words, CELL) != other.apply(words, CELL)


@pytest.mark.parametrize("kind", disguise.KINDS)
def test_null_stays_null(kind):
    assert mask(kind).apply(None, CELL) is None


@pytest.mark.parametrize("kind", disguise.KINDS)
def test_the_secret_is_not_shown(kind):
    assert "secret of" not in repr(mask(kind)) + str(mask(kind))


@pytest.mark.parametrize(
    ("kind", "width", "letters"),
    [
        ("digits", 1, string.digits),
        ("digits", 3, string.digits),
        ("phone", 3, string.digits),
        ("text", 1, string.ascii_lowercase),
        ("text", 2, string.digits + "aB-"),
        ("number", 3, string.digits),
    ],
)
def test_a_mask_that_keeps_the_format_is_a_permutation(kind, width, letters):
    words = ["".join(one) for one in itertools.product(letters, repeat=width)]

    made = [masked(kind, one, unique=True) for one in words]

    assert len(words) == len(set(made))
    if kind != "number":
        classes = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
        for before, after in zip(words, made, strict=True):
            for one, other in zip(before, after or "", strict=True):
                same = next((some for some in classes if one in some), one)
                assert other in same


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text(alphabet="abcXYZ019 -é漢", max_size=70), min_size=2, max_size=2, unique=True)
)
def test_texts_that_differ_have_masks_that_differ_where_they_must(two):
    one, other = (masked("text", words, unique=True) for words in two)

    assert one != other


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=50))
def test_a_masked_text_has_as_many_characters(words):
    made = masked("text", words) or ""

    assert len(words) == len(made)
    assert not any(letter.isalpha() and not letter.isascii() for letter in made)


def test_an_iban_keeps_its_format():
    made = masked("text", "DE44 5001 0517 5407 3249 31") or ""

    assert [4, 4, 4, 4, 4, 2] == [len(part) for part in made.split()]
    assert made[:2].isalpha()
    assert made[2:].replace(" ", "").isdigit()


def test_a_telephone_number_keeps_its_country_and_signs():
    made = masked("phone", "+49 (0)30 901820") or ""

    assert made.startswith("+49 (")
    assert "+49 (0)30 901820" != made
    assert "".join(c for c in "+49 (0)30 901820" if not c.isdigit()) == "".join(
        c for c in made if not c.isdigit()
    )


def test_an_address_of_mail_leads_nowhere_and_fits():
    made = masked("email", "anna@bank.de", room=22) or ""

    assert made.endswith("@example.com")
    assert 22 == len(made)
    with pytest.raises(base.Refusal, match="no room"):
        masked("email", "anna@bank.de", room=15)


def test_names_and_addresses_fit_their_column():
    for kind, words in (("name", "Anna Maria Berg"), ("address", "Hauptstr. 5")):
        assert len(masked(kind, words, room=9) or "") <= 9


def test_ten_thousand_names_of_a_unique_column_are_ten_thousand():
    made = {masked("name", f"name {number}", unique=True) for number in range(10_000)}

    assert 10_000 == len(made)


@pytest.mark.parametrize("words", ["0", "7", "-12", "12345678901234567890", "3.50", "0.25"])
def test_a_number_keeps_its_digits_and_its_sign(words):
    made = masked("number", words) or ""

    assert len(words) == len(made)
    assert words.startswith("-") == made.startswith("-")
    assert words.find(".") == made.find(".")


def test_a_number_stays_within_its_type():
    made = [int(masked("number", str(number), limit=255) or "") for number in range(100, 256)]

    assert set(range(100, 256)) == set(made)


def test_a_number_stays_within_its_bounds():
    made = {int(masked("number", str(n), least=5, most=9) or "") for n in range(200)}
    moved = {
        int(masked("number", str(n), least=5, most=9, unique=True) or "") for n in range(5, 10)
    }

    assert {5, 6, 7, 8, 9} == made == moved


def test_dates_move_by_the_same_days_and_keep_their_time():
    days = ["2024-02-29", "2024-03-01 10:20:30.5", "1999-12-31"]

    made = [masked("date", day, days=30) or "" for day in days]

    moved = {
        dt.date.fromisoformat(before[:10]) - dt.date.fromisoformat(after[:10])
        for before, after in zip(days, made, strict=True)
    }
    assert 1 == len(moved)
    assert 0 < moved.pop().days <= 30
    assert made[1].endswith(" 10:20:30.5")


@pytest.mark.parametrize("words", ["0000-00-00", "yesterday", "0001-01-01"])
def test_a_date_that_is_none_is_refused(words):
    with pytest.raises(base.Refusal):
        masked("date", words)
