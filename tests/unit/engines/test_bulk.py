"""Cutting rows at a budget of bytes, and writing values for any engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import pytest

from whimbrel.engines import bulk

Row = tuple[object, ...]


def fetching(rows: Sequence[Row], asked: list[int]) -> Callable[[int], Sequence[Row]]:
    """Return a cursor's fetchmany over rows, which notes how many it was asked for."""
    left = list(rows)

    def fetch(count: int) -> Sequence[Row]:
        asked.append(count)
        part = left[:count]
        del left[:count]
        return part

    return fetch


def test_few_rows_are_asked_for_first_and_then_as_many_as_fit() -> None:
    asked: list[int] = []
    rows: list[Row] = [("x" * 1_000,)] * 1_000

    found, more = bulk.gather(fetching(rows, asked), max_bytes=500_000)

    assert more
    assert 440 <= len(found) <= 500
    assert [10, 40, 160] == asked[:3]
    assert sum(asked) <= len(found) + 2


def test_one_row_is_returned_however_large_it_is() -> None:
    rows: list[Row] = [(b"x" * 1_000_000,), (1,)]

    assert (rows[:1], True) == bulk.gather(fetching(rows, []), max_bytes=10)
    assert (rows[:1], False) == bulk.gather(fetching(rows[:1], []), max_bytes=10)
    assert ([], False) == bulk.gather(fetching([], []), max_bytes=10)


def test_lists_inside_rows_are_weighed_too() -> None:
    rows: list[Row] = [(["x" * 10_000] * 100,)] * 5

    found, more = bulk.gather(fetching(rows, []), max_bytes=1_500_000)

    assert (2, True) == (len(found), more)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.timedelta(), "00:00:00"),
        (dt.timedelta(days=1), "1 day"),
        (dt.timedelta(days=2, seconds=1), "2 days 00:00:01"),
        (dt.timedelta(milliseconds=-500), "-00:00:00.5"),
        (dt.timedelta(days=-1, seconds=-1), "-1 days -00:00:01"),
        (dt.timedelta(hours=23, microseconds=1), "23:00:00.000001"),
    ],
)
def test_days_and_time_of_a_span_have_the_same_sign(value: dt.timedelta, text: str) -> None:
    assert text == bulk.span(value)


def test_a_value_is_written_as_its_class_or_the_nearest_above_it() -> None:
    class Short(str):
        pass

    writes: dict[type, bulk.Write] = {str: str.upper, int: str, bool: repr}

    assert ["A", "B", "1", "True"] == bulk.by_kind(["a", Short("b"), 1, True], writes)
    with pytest.raises(bulk.Unstorable, match="a float cannot be stored"):
        bulk.by_kind([1, 1.5], writes)


@pytest.mark.parametrize("value", [{"a": float("nan")}, [object()], {1: {2, 3}}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(bulk.Unstorable, match="as JSON"):
        bulk.document(value)
