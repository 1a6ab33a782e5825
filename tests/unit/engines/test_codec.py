from __future__ import annotations

import itertools

from whimbrel.engines import codec
from whimbrel.engines.forms import Family, Form

TEXT = Form(family=Family.TEXT)
INTEGER = Form(family=Family.INTEGER)


def test_no_two_rows_have_one_text() -> None:
    texts: list[bytes | None] = [None, b"", b"|", b"-", b"0:", b"1:a", b"a", b"a|1:b", b"NULL"]
    rows = list(itertools.product(texts, repeat=3))

    encoded = {codec.encode([(TEXT, text) for text in row]) for row in rows}

    assert len(rows) == len(encoded)


def test_numbers_stand_bare_between_texts() -> None:
    row = [(INTEGER, b"7"), (TEXT, "é|".encode()), (INTEGER, None), (TEXT, b"")]

    assert "7|3:é||".encode() + b"|0:" == codec.encode(row)


def test_a_long_value_enters_by_its_hash() -> None:
    long = Form(family=Family.TEXT, long=True)

    assert b"900150983cd24fb0d6963f7d28e17f72|" == codec.encode([(long, b"abc"), (long, None)])


def test_the_sum_does_not_depend_on_order() -> None:
    hashes = [codec.hashed([(TEXT, text)]) for text in (b"a", b"b", b"b")]

    assert codec.summed(hashes) == codec.summed(hashes[::-1])
    assert codec.summed(hashes) != codec.summed([hashes[0], hashes[1]])
    assert codec.summed(hashes) == codec.summed(hashes[:1]) + codec.summed(hashes[1:])
    assert codec.summed(hashes[:1]) == codec.summed(hashes) - codec.summed(hashes[1:])
