from __future__ import annotations

from decimal import Decimal

import pytest

from whimbrel import errors
from whimbrel.engines import forms
from whimbrel.engines.forms import Family, Form, Tolerance

TEXT = Form(family=Family.TEXT)
INTEGER = Form(family=Family.INTEGER)
FLOAT = Form(family=Family.FLOAT)
JSON = Form(family=Family.JSON)
MONEY = Form(family=Family.DECIMAL, scale=2)
INTERVAL = Form(family=Family.OTHER, own="postgresql interval")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (INTEGER, INTEGER, Family.INTEGER),
        (INTEGER, Form(family=Family.BOOLEAN), Family.INTEGER),
        (INTEGER, FLOAT, Family.DECIMAL),
        (MONEY, FLOAT, Family.DECIMAL),
        (Form(family=Family.DATE), Form(family=Family.DATETIME), Family.DATETIME),
        (Form(family=Family.DATETIME), Form(family=Family.INSTANT), Family.INSTANT),
        (Form(family=Family.BINARY), Form(family=Family.UUID), Family.UUID),
        (TEXT, INTEGER, Family.INTEGER),
        (TEXT, JSON, Family.JSON),
        (TEXT, INTERVAL, Family.TEXT),
        (INTERVAL, INTERVAL, Family.OTHER),
    ],
)
def test_two_columns_are_compared_in_what_they_have_in_common(
    one: Form, other: Form, expected: Family
) -> None:
    there = forms.meet(one, other, what="a and b")
    back = forms.meet(other, one, what="b and a")

    assert (expected, expected) == (there.family, back.family)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Form(family=Family.BINARY), INTEGER),
        (Form(family=Family.DATE), INTEGER),
        (JSON, INTEGER),
        (INTERVAL, Form(family=Family.OTHER, own="mysql geometry")),
        (INTERVAL, INTEGER),
        (Form(family=Family.TIME), Form(family=Family.DATE)),
    ],
)
def test_what_has_no_form_in_common_is_refused(one: Form, other: Form) -> None:
    with pytest.raises(errors.NotComparable, match="a and b"):
        forms.meet(one, other, what="a and b")


def test_a_scale_is_kept_only_where_both_sides_have_it() -> None:
    same = forms.meet(MONEY, MONEY, what="")
    other = forms.meet(MONEY, Form(family=Family.DECIMAL, scale=4), what="")

    assert (2, None) == (same.scale, other.scale)


def test_what_a_report_has_to_state_is_noted() -> None:
    zoned = forms.meet(Form(family=Family.DATETIME), Form(family=Family.INSTANT), what="")
    padded = forms.meet(Form(family=Family.TEXT, padded=True), TEXT, what="")

    assert "what has no time zone is read as UTC" in zoned.notes
    assert padded.padded
    assert any("blanks at the end" in note for note in padded.notes)
    assert forms.meet(TEXT, TEXT, what="").notes == ()


def test_columns_of_any_type_are_typed_only_among_themselves() -> None:
    loose = Form(family=Family.INTEGER, typed=True)

    assert forms.meet(loose, loose, what="").typed
    assert not forms.meet(loose, INTEGER, what="").typed
    assert not forms.meet(loose, Form(family=Family.TEXT, typed=True), what="").typed


@pytest.mark.parametrize(
    ("form", "one", "other"),
    [
        (FLOAT, b"1e+23", b"9.999999999999999e22"),
        (FLOAT, b"5", b"5.0"),
        (MONEY, b"1.50", b"1.5"),
        (INTEGER, b"7", b"07"),
        (JSON, b'{"a": 1, "b": [true, null]}', b'{"b":[true,null],"a":1.0}'),
        (JSON, b'"\\u00e9"', '"é"'.encode()),
        (JSON, b"1e2", b"100"),
        (Form(family=Family.FLOAT, typed=True), b"r:1e23", b"r:9.999999999999999e22"),
    ],
)
def test_texts_of_one_value_are_the_same(form: Form, one: bytes, other: bytes) -> None:
    assert forms.same(form, one, other)
    assert forms.same(form, other, one)


@pytest.mark.parametrize(
    ("form", "one", "other"),
    [
        (FLOAT, b"0", b"-0"),
        (FLOAT, b"0.30000000000000004", b"0.3"),
        (FLOAT, b"NaN", b"0"),
        (FLOAT, b"!t616263", b"0"),
        (MONEY, b"1.50", b"1.51"),
        (MONEY, b"NaN", b"Infinity"),
        (TEXT, b"a", b"A"),
        (TEXT, b"a", b"a "),
        (TEXT, b"", None),
        (TEXT, "\u00e9".encode(), "e\u0301".encode()),
        (JSON, b"true", b"1"),
        (JSON, b"[1, 2]", b"[2, 1]"),
        (JSON, b'{"a": false}', b'{"a": 0}'),
        (JSON, b"0.1", b"0.10000000000000001"),
        (JSON, b"no json", b"no  json"),
        (JSON, b"[NaN]", b"[ NaN]"),
        (JSON, b"null", None),
        (Form(family=Family.INTEGER, typed=True), b"i:5", b"t:5"),
        (Form(family=Family.DECIMAL, typed=True), b"i:5", b"r:5"),
    ],
)
def test_texts_of_other_values_differ(form: Form, one: bytes, other: bytes | None) -> None:
    assert not forms.same(form, one, other)
    assert not forms.same(form, other, one)


def test_a_tolerance_counts_only_where_it_is_declared() -> None:
    near = Tolerance(absolute=Decimal("0.01"))

    assert not forms.same(FLOAT, b"1.001", b"1.002")
    assert forms.same(FLOAT, b"1.001", b"1.002", near)
    assert not forms.same(FLOAT, b"1.001", b"1.02", near)
    assert not forms.same(FLOAT, b"NaN", b"1", near)
    assert not forms.same(FLOAT, None, b"0", near)
    assert forms.same(FLOAT, b"1000", b"1001", Tolerance(relative=Decimal("0.001")))


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (TEXT, None, None),
        (TEXT, b"abc", "abc"),
        (TEXT, b"!t00", "!t00"),
        (TEXT, b"\xffb00ff", "00ff (binary)"),
        (INTEGER, b"!t" + b"one".hex().encode(), "one (text)"),
        (Form(family=Family.INTEGER, typed=True), b"i:5", "5"),
    ],
)
def test_texts_are_shown_as_people_read_them(
    form: Form, text: bytes | None, expected: str | None
) -> None:
    assert expected == forms.shown(form, text)
