"""What is kept of a row that was put aside comes back as it was."""

from __future__ import annotations

import pytest

from whimbrel import errors, tables
from whimbrel.engines import codec, forms, transport
from whimbrel.journal import values
from whimbrel.rows import kept


def carried(name: str, form: forms.Form, *, type_: str = "text") -> transport.Carried:
    source = tables.FoundColumn(name=f"old_{name}", type=type_, null=True)
    target = tables.FoundColumn(name=name, type="x", null=True)
    return transport.Carried(
        value=codec.Value(sql=f'"old_{name}"', column=source, form=form), column=target
    )


FORMS = [
    forms.Form(family=forms.Family.TEXT),
    forms.Form(family=forms.Family.TEXT, padded=True, long=True),
    forms.Form(family=forms.Family.DECIMAL, scale=2),
    forms.Form(family=forms.Family.INTEGER, typed=True, stores="numeric"),
    forms.Form(family=forms.Family.OTHER, own="array"),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.family.value)
@pytest.mark.parametrize(
    "text", [None, b"", b"NULL", "Zoë\n\t\\N".encode(), b"\xfftff00", b"1.50", b"i:5"]
)
def test_a_value_comes_back_with_its_form_and_its_bytes(form, text):
    written = kept.dump("orders", [carried("total", form, type_="numeric(9, 2)")], (text,))

    row = kept.load(values.load(values.dump(written)))

    expected = kept.Cell(column="total", text=text, form=form, type="numeric(9, 2)")
    assert kept.Row(table="orders", cells=(expected,)) == row


def test_that_rules_were_not_applied_is_kept():
    written = kept.dump("orders", [carried("a", FORMS[0])], (b"x",), as_read=True)

    assert kept.load(written).as_read


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"table": "a"},
        {"table": "a", "columns": []},
        {"table": "a", "columns": {"b": {"text": "x", "type": "text"}}},
        {"table": "a", "columns": {"b": {"text": "x", "type": "text", "family": "colour"}}},
    ],
)
def test_what_is_no_kept_row_is_refused_by_name(wrong):
    with pytest.raises(errors.ValueNotReadable):
        kept.load(wrong)
