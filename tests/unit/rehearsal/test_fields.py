"""Lines of a portable backup are read as the texts they were written of, and summed up alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel import tables
from whimbrel.engines import blocks, codec, forms, transport
from whimbrel.engines.forms import Family
from whimbrel.rehearsal import fields


def carried(form: forms.Form, *, type_: str = "text") -> transport.Carried:
    column = tables.FoundColumn(name="c", type=type_, null=True)
    return transport.Carried(value=codec.Value(sql='"c"', column=column, form=form), column=column)


COLUMNS = (
    carried(forms.Form(family=Family.TEXT)),
    carried(forms.Form(family=Family.TEXT, long=True)),
    carried(forms.Form(family=Family.BINARY)),
    carried(forms.Form(family=Family.INTEGER)),
    carried(forms.Form(family=Family.UUID)),
    carried(forms.Form(family=Family.JSON, typed=True)),
)
# What begins with it stands for an odd value, which is never carried as a text.
TEXTS = st.text().map(str.encode)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | st.binary().map(lambda data: data.hex().encode()),
        st.none() | st.integers().map(lambda number: b"%d" % number),
        st.none() | st.uuids().map(lambda one: one.hex.encode()),
        st.none() | TEXTS.map(lambda text: b"t:" + text),
    )
)


@given(ROWS)
def test_texts_come_back_from_their_lines(rows):
    block = blocks.copied(COLUMNS, rows)

    found = [row for some in fields.texts(COLUMNS, block.data) for row in some]

    assert rows == found


@given(ROWS)
def test_the_sum_of_lines_is_that_of_the_rows(rows):
    plain = [one.value.form for one in COLUMNS]
    expected = codec.summed([codec.hashed(list(zip(plain, row, strict=True))) for row in rows])

    found = fields.summed(COLUMNS, [blocks.copied(COLUMNS, rows)])

    assert (expected.rows, str(expected)) == (found.rows, str(found))


@given(ROWS, st.integers(min_value=1, max_value=50))
def test_a_file_is_read_in_any_pieces(rows, size):
    data = blocks.copied(COLUMNS, rows).data
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    found = list(fields.whole(pieces))

    assert data == b"".join(block.data for block in found)
    assert len(rows) == sum(block.rows for block in found)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"1\t2\n", "a line has not 1 fields"), (b"1\n1\t2\n", "a line has not 1 fields")],
)
def test_a_line_with_other_fields_is_refused(data, said):
    with pytest.raises(ValueError, match=said):
        list(fields.texts(COLUMNS[:1], data))


def test_a_file_that_ends_within_a_line_is_refused():
    with pytest.raises(ValueError, match="in the middle of a line"):
        list(fields.whole([b"1\n2"]))


def test_rows_without_columns_are_counted():
    assert 3 == fields.summed((), fields.whole([b"\n\n\n"])).rows
