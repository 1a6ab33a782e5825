"""What rows are kept for what they show, without any database."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Sequence

import pytest

from whimbrel import tables
from whimbrel.engines import codec, forms
from whimbrel.engines.forms import Family
from whimbrel.rehearsal import coverage, keyed


def shape(
    family: Family,
    type_: str = "x",
    *,
    typed: bool = False,
    checks: Sequence[str] = (),
    unique: bool = False,
) -> keyed.Keyed:
    """Return a table of a key and one column."""
    columns = (
        tables.FoundColumn(name="id", type="int", null=False),
        tables.FoundColumn(name="c", type=type_, null=True),
    )
    table = tables.Table(
        name="t",
        columns=columns,
        primary_key=("id",),
        checks=tuple(tables.Check(name=None, sql=sql) for sql in checks),
        uniques=(tables.Unique(name=None, columns=("c",)),) if unique else (),
    )
    of = (forms.Form(family=Family.INTEGER), forms.Form(family=family, typed=typed))
    values = tuple(
        codec.Value(sql=one.name, column=one, form=form)
        for one, form in zip(columns, of, strict=True)
    )
    return keyed.Keyed(table=table, values=values, names=("id", "c"), key=(0,))


def shown(
    made: keyed.Keyed, texts: Sequence[str | bytes | None], *, at_once: int = 3, order: int = 0
) -> dict[str, int]:
    """Return, by what is shown of the column, the place of the row that shows it."""
    rows: list[codec.Texts] = [
        (b"%d" % place, text.encode() if isinstance(text, str) else text)
        for place, text in enumerate(texts)
    ]
    random.Random(order).shuffle(rows)
    ranks = [hashlib.md5(row[0] or b"", usedforsecurity=False).digest() for row in rows]
    watched = coverage.Coverage(made)
    for start in range(0, len(rows), at_once):
        watched.take(rows[start : start + at_once], ranks[start : start + at_once])
    return {
        one.what: int(one.key[0] or b"") for one in watched.shown(len(rows)) if one.column == "c"
    }


def test_the_least_and_the_most_of_numbers_are_those_of_numbers():
    found = shown(shape(Family.INTEGER), ["5", "-20", "100", "9", None, "-3"])

    assert {"least": 1, "most": 2, "NULL": 4} == found


def test_numbers_that_are_none_do_not_hide_the_others():
    found = shown(shape(Family.FLOAT), ["1.5", "NaN", "Infinity", "-2", "!t61"])

    assert {
        "least": 3,
        "most": 2,
        "not a number": 1,
        "a value that is none of its type": 4,
    } == found


def test_texts_are_shown_empty_long_and_beyond_ascii():
    found = shown(shape(Family.TEXT), ["b", "", "a" * 30, "ü", "😀", " c", "zz"])

    assert 1 == found["empty"] == found["least"]
    assert 2 == found["longest"]
    assert 4 == found["beyond the basic characters"] == found["most"]
    assert found["not ASCII"] in (3, 4)
    assert 5 == found["blanks at its ends"]


def test_the_longest_is_measured_in_characters():
    found = shown(shape(Family.TEXT), ["😀" * 4, "a" * 9, "é" * 8])

    assert 1 == found["longest"]


def test_every_value_of_a_few_is_shown():
    texts = ["new", "paid", "sent", "new"] * 10

    found = shown(shape(Family.TEXT), texts)

    assert {"value new", "value paid", "value sent"} <= found.keys()
    assert {"paid", "sent"} == {texts[found[f"value {one}"]] for one in ("paid", "sent")}


@pytest.mark.parametrize(
    ("texts", "unique"),
    [
        ([str(number) for number in range(500)] * 5, False),  # too many to be an enumeration
        (["a", "b", "c", "d"], False),  # each is there once
        (["a", "b", "c", "d"] * 4, True),  # a constraint says that each is there once
    ],
)
def test_values_that_stand_for_nothing_else_are_not_shown(texts, unique):
    found = shown(shape(Family.TEXT, unique=unique), texts)

    assert [] == [what for what in found if what.startswith("value")]


def test_an_enumeration_is_shown_however_few_rows_there_are():
    found = shown(shape(Family.TEXT, "enum('a','b')"), ["a", "b"])

    assert {"value a", "value b"} <= found.keys()


def test_values_at_the_border_of_a_constraint_are_shown():
    made = shape(Family.INTEGER, checks=["c > 0 AND c <= 150"])

    found = shown(made, ["1", "75", "150", "149", "80"])

    assert {"border 1": 0, "border 150": 2, "border 149": 3} == {
        what: place for what, place in found.items() if what.startswith("border")
    }


def test_dates_that_are_none_are_shown():
    found = shown(shape(Family.DATE), ["2024-02-29", "0000-00-00", "2024-00-10"])

    assert found["no date"] in (1, 2)
    assert (1, 0) == (found["least"], found["most"])


def test_what_is_of_another_type_is_shown_where_columns_take_any():
    found = shown(shape(Family.INTEGER, typed=True), ["i:5", "t:five", "r:5.5", "i:-1", "b:00ff"])

    assert (3, 2) == (found["least"], found["most"]) or (3, 0) == (found["least"], found["most"])
    assert {"a text": 1, "bytes": 4}.items() <= found.items()


@pytest.mark.parametrize("seed", range(25))
def test_the_same_rows_are_kept_however_they_come(seed):
    chance = random.Random(seed)
    texts = [chance.choice((None, "", "a", "ü", str(chance.randint(0, 99)))) for _ in range(200)]
    made = shape(Family.TEXT, checks=["c IN ('a', '7')"])

    found = [
        shown(made, texts, at_once=at_once, order=order)
        for at_once, order in itertools.product((1, 7, 200), (0, 1, 2))
    ]

    assert all(one == found[0] for one in found)
    for what, place in found[0].items():
        if what.startswith("value "):
            assert texts[place] == what.removeprefix("value ")
