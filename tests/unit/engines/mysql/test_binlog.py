"""The binary log: places, and bytes that are not understood."""

from __future__ import annotations

import pytest

from whimbrel.engines.mysql import binlog


def test_places_are_ordered_by_the_numbers_of_their_files() -> None:
    places = [
        binlog.Place(file="log.1000000", at=4),
        binlog.Place(file="log.999999", at=900),
        binlog.Place(file="log.999999", at=1000),
    ]

    assert sorted(places, key=lambda place: place.order) == [places[1], places[2], places[0]]


@pytest.mark.parametrize(
    ("precision", "scale", "size"), [(10, 0, 5), (12, 4, 6), (65, 30, 30), (9, 9, 4), (1, 0, 1)]
)
def test_a_decimal_takes_four_bytes_for_nine_digits(precision: int, scale: int, size: int) -> None:
    assert binlog.decimal_size(precision, scale) == size


def _rows(
    body: bytes, *, kind: str = "insert", types: bytes = b"\x03", meta: tuple[int, ...] = (0,)
) -> binlog.Rows:
    columns = len(types)
    every = ((1 << columns) - 1).to_bytes((columns + 7) // 8, "little")
    found = binlog.Map(database="shop", table="t", types=types, meta=meta)
    return binlog.Rows(
        kind=kind, map=found, body=body, at=0, columns=columns, before=every, after=every
    )


def test_rows_have_an_image_before_and_one_after() -> None:
    one, two = b"\0" + (1).to_bytes(4, "little"), b"\0" + (2).to_bytes(4, "little")

    assert list(binlog.images(_rows(one + two), [0])) == [
        (None, (one[1:],)),
        (None, (two[1:],)),
    ]
    assert list(binlog.images(_rows(one + two, kind="update"), [0])) == [((one[1:],), (two[1:],))]
    assert list(binlog.images(_rows(one, kind="delete"), [0])) == [((one[1:],), None)]


def test_a_row_that_is_cut_is_not_a_row() -> None:
    with pytest.raises(binlog.Unreadable, match="within"):
        list(binlog.images(_rows(b"\0\1\0"), [0]))


def test_a_value_of_an_unknown_type_is_not_passed_over() -> None:
    with pytest.raises(binlog.Unreadable, match="type 99"):
        list(binlog.images(_rows(b"\0\0\0\0\0", types=b"\x63"), [0]))


def test_a_key_that_is_in_neither_image_is_not_guessed() -> None:
    rows = _rows(b"\0")
    without = binlog.Rows(
        kind="insert", map=rows.map, body=b"\0", at=0, columns=1, before=b"\0", after=b"\0"
    )

    with pytest.raises(binlog.Unreadable, match="leaves out the key"):
        list(binlog.images(without, [0]))
