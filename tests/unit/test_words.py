"""Numbers, durations and rates, as people write them."""

from __future__ import annotations

import pytest

from whimbrel import words


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (0, "row", "0 rows"),
        (1, "row", "1 row"),
        (2_500, "row", "2,500 rows"),
        (1, "query", "1 query"),
        (2, "query", "2 queries"),
        (2, "key", "2 keys"),
        (3, "day", "3 days"),
        (2, "index", "2 indexes"),
        (1_234_567, "step", "1,234,567 steps"),
    ],
)
def test_a_count_has_its_noun_in_the_right_number(number, noun, expected):
    assert expected == words.count(number, noun)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 ms"),
        (0.0003, "0.3 ms"),
        (0.0096, "10 ms"),
        (0.012, "12 ms"),
        (0.999, "999 ms"),
        (0.9996, "1.0 s"),
        (4.21, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (60, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3_599.6, "1 h 0 min"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d 0 h"),
        (86_400 * 3 + 3_600 * 4, "3 d 4 h"),
    ],
)
def test_a_duration_is_written_in_the_units_that_say_something(seconds, expected):
    assert expected == words.duration(seconds)


@pytest.mark.parametrize(
    ("rows", "seconds", "expected"),
    [
        (10_000, 2.0, "5,000 rows/s"),
        (0, 2.0, ""),
        (10, 0.0, ""),
    ],
)
def test_a_rate_is_written_once_it_is_known(rows, seconds, expected):
    assert expected == words.rate(rows, seconds)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1 KB"),
        (1536, "1.5 KB"),
        (16 * 1024**2, "16 MB"),
        (1024**2 - 1, "1 MB"),
        (613.4 * 1024**2, "613 MB"),
        (2.3 * 1024**3, "2.3 GB"),
        (5000 * 1024**4, "5,000 TB"),
    ],
)
def test_a_size_is_written_in_the_unit_that_is_read_most_easily(number, expected):
    assert expected == words.size(number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512 MB", 512 * 1024**2),
        (" 1.5GB ", 3 * 1024**3 // 2),
        ("16 mib", 16 * 1024**2),
        ("1 byte", 1),
        ("0 bytes", 0),
        ("2 TB", 2 * 1024**4),
    ],
)
def test_a_size_is_read_as_people_write_it(text, expected):
    assert expected == words.read_size(text)


@pytest.mark.parametrize("text", ["", "512", "MB", "-1 MB", "1 MB 2", "1 XB", "1,5 MB", "١ MB"])
def test_what_is_not_a_size_is_refused(text):
    with pytest.raises(ValueError, match="is not a size in bytes"):
        words.read_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30 days", 30 * 86400), ("1 day", 86400), ("2 Weeks", 14 * 86400), ("1.5 hours", 5400)],
)
def test_spans_of_time_are_read_as_people_write_them(text, seconds):
    assert seconds == words.read_span(text).total_seconds()


@pytest.mark.parametrize("text", ["", "30", "days", "-1 days", "3 months", "1e9 days"])
def test_what_is_no_span_of_time_is_refused(text):
    with pytest.raises(ValueError, match="is not a time"):
        words.read_span(text)
