"""How many rows of each table are wanted, without any database."""

from __future__ import annotations

import random

import pytest

from whimbrel import errors
from whimbrel.rehearsal import choosing, subset


def test_rows_are_spread_by_size_with_a_few_of_every_table():
    shares = choosing.Wish(rows=1_000).shares({"large": 100_000, "small": 100, "tiny": 2})

    assert 1_000 == sum(shares.values())
    assert {"large": 992, "small": 6, "tiny": 2} == shares


def test_a_percentage_is_rounded_up_table_by_table():
    shares = choosing.Wish(percent=1).shares({"large": 100_000, "small": 120, "empty": 0})

    assert {"large": 1_000, "small": 2, "empty": 0} == shares


def test_no_more_is_wanted_than_there_is():
    assert {"a": 3, "b": 4} == choosing.Wish(rows=1_000).shares({"a": 3, "b": 4})
    assert {"a": 3} == choosing.Wish(percent=100).shares({"a": 3})


@pytest.mark.parametrize("seed", range(50))
def test_shares_add_up_and_fit(seed):
    chance = random.Random(seed)
    counts = {f"t{at}": chance.randint(0, 10 ** chance.randint(0, 6)) for at in range(9)}
    wanted = chance.randint(1, 10_000)

    shares = choosing.Wish(rows=wanted).shares(counts)

    assert min(wanted, sum(counts.values())) == sum(shares.values())
    assert all(0 <= shares[name] <= count for name, count in counts.items())


@pytest.mark.parametrize(
    "size", [{}, {"rows": 5, "percent": 1}, {"rows": 0}, {"percent": 0}, {"percent": 101}]
)
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(errors.UsageError):
        subset.wish_of(**size)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"table": "a", "columns": ["b"], "ref_table": "c"},
        {"table": "a", "columns": [], "ref_table": "c", "ref_columns": ["d"]},
        {"table": "a", "columns": ["b"], "ref_table": "c", "ref_columns": ["d"], "on": 1},
        {"table": "a", "columns": 5, "ref_table": "c", "ref_columns": ["d"]},
    ],
)
def test_a_reference_that_is_none_is_refused(said):
    with pytest.raises(errors.UsageError, match="this is no reference"):
        subset.references_of([said])


def test_one_column_of_a_reference_needs_no_list():
    said = {"table": "log", "columns": "who", "ref_table": "people", "ref_columns": "id"}

    (found,) = subset.references_of([said])

    assert (("who",), ("id",), True) == (found.columns, found.ref_columns, found.virtual)
