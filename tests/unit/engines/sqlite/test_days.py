"""Days and moments, many at once: the same as one after the other."""

from __future__ import annotations

import datetime as dt

from hypothesis import example, given
from hypothesis import strategies as st

from whimbrel.engines.sqlite import days

EVERY = [
    f"{year:04d}-{month:02d}-{day:02d}"
    for year in (1, 4, 100, 400, 1900, 2000, 2023, 2024, 9999)
    for month in range(14)
    for day in range(34)
]


def is_day(text: str) -> bool:
    try:
        return text.isascii() and str(dt.date.fromisoformat(text)) == text
    except ValueError:
        return False


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def test_a_day_is_one_that_the_calendar_has() -> None:
    found = [text for text in EVERY if days.are_days(lines("2024-01-01", text, "1999-12-31"), 3)]

    assert [text for text in EVERY if is_day(text)] == found


def test_leap_days_are_looked_at_each() -> None:
    leap = [f"{year}-02-29" for year in range(1904, 2024, 4)]

    assert days.are_days(lines(*leap), len(leap))
    assert not days.are_days(lines(*leap, "1900-02-29", *leap), 2 * len(leap) + 1)


@given(st.lists(st.text("0129-\n: ", max_size=12), min_size=1, max_size=4))
@example(["2024-01-0", "12024-01-02"])
@example(["2024-01-01\n2024-01-02"])
def test_what_is_joined_is_not_taken_for_days_that_it_is_not(texts: list[str]) -> None:
    assert days.are_days(lines(*texts), len(texts)) == all(map(is_day, texts))


@given(st.lists(st.datetimes(), min_size=1, max_size=5), st.integers(0, 18), st.characters())
def test_a_moment_with_one_letter_changed_is_read_as_alone(
    moments: list[dt.datetime], place: int, letter: str
) -> None:
    texts = [one.isoformat(" ", "seconds") for one in moments]
    changed = texts[0][:place] + letter + texts[0][place + 1 :]

    assert days.are_moments(lines(*texts), len(texts))
    assert days.are_moments(lines(*texts[1:], changed), len(texts)) == is_moment(changed)


def is_moment(text: str) -> bool:
    try:
        found = dt.datetime.fromisoformat(text).isoformat(" ", "seconds")
    except ValueError:
        return False
    return text.isascii() and found == text


def test_times_of_day_are_looked_at() -> None:
    for clock in ("24:00:00", "23:60:00", "23:59:60", "29:00:00", "30:00:00", "1:000:00"):
        assert not days.are_moments(lines(f"2024-01-01 {clock}"), 1)
    assert days.are_moments(lines("2024-01-01 23:59:59", "2024-01-01 00:00:00"), 2)
