"""A text is read as what the other side is where it is a writing of it, and only there."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Iterator

import pytest

from tests import codecs, databases
from whimbrel.engines.forms import Family, Form

OpenRaw = Callable[[databases.Database], databases.Raw]

# What each text is written as; None is none of the family.
READINGS: dict[Family, dict[str, str | None]] = {
    Family.INTEGER: {
        "5": "5",
        "+007": "7",
        "-0": "0",
        "-042": "-42",
        "9" * 60: "9" * 60,
        "": None,
        "-": None,
        "5.0": None,
        "5 ": None,
        "5\n": None,
        "٣": None,
        "0x1": None,
        "1e3": None,
    },
    Family.BOOLEAN: {
        "1": "1",
        "t": "1",
        "TRUE": "1",
        "Yes": "1",
        "on": "1",
        "0": "0",
        "f": "0",
        "oFF": "0",
        "no": "0",
        "2": "2",
        "truth": None,
        "": None,
        "t ": None,
    },
    Family.DECIMAL: {
        "5": "5",
        "005.500": "5.5",
        "+.5": "0.5",
        "5.": "5",
        "-0.00": "0",
        "-1.10": "-1.1",
        "100": "100",
        "1.5e3": "1500",
        "-15E-4": "-0.0015",
        "1.25e1": "12.5",
        "120e-1": "12",
        "0e5": "0",
        "1e22": "1" + "0" * 22,
        "12345678901234567890123456789012345678901234567890.5": (
            "12345678901234567890123456789012345678901234567890.5"
        ),
        "NaN": "NaN",
        "-Infinity": "-Infinity",
        "nan": None,
        ".": None,
        "": None,
        "1,5": None,
        "1.5\n": None,
        "1e": None,
        "--1": None,
    },
    Family.FLOAT: {
        "5": "5",
        "5.50": "5.5",
        "1e-5": "0.00001",
        "1E+300": "1e300",
        "0.1": "0.1",
        "0.1000000000000000055511151231257827": "0.1",
        "-0": "-0",
        "-0.0e3": "-0",
        "1e-400": "0",
        "-1e-400": "-0",
        "5e-324": "5e-324",
        "2e-324": "0",
        "3e-324": "5e-324",
        "1.7976931348623157e308": "1.7976931348623157e308",
        "1e309": None,
        "-1e999": None,
        "Infinity": "Infinity",
        "NaN": "NaN",
        "infinity": None,
        "abc": None,
        "": None,
        "1.5 ": None,
    },
    Family.DATE: {
        "2024-02-29": "2024-02-29",
        "0000-00-00": "0000-00-00",
        "10000-01-01": "10000-01-01",
        "0044-03-15 BC": "0044-03-15 BC",
        "infinity": "infinity",
        "Infinity": None,
        "2024-2-29": None,
        "2024-02-29 00:00:00": None,
        "2024-13-01": None,
        "2024-02-29\n": None,
        "": None,
    },
    Family.TIME: {
        "10:20:30": "10:20:30",
        "10:20": "10:20:00",
        "10:20:30.500": "10:20:30.5",
        "10:20:30.000": "10:20:30",
        "24:00:00": "24:00:00",
        "-838:59:59": "-838:59:59",
        "10:20:60": None,
        "1:20": None,
        "10:20:30 ": None,
    },
    Family.DATETIME: {
        "2024-02-29": "2024-02-29 00:00:00",
        "2024-02-29T10:20": "2024-02-29 10:20:00",
        "2024-02-29T10:20:30": "2024-02-29 10:20:30",
        "2024-02-29 10:20:30.1200": "2024-02-29 10:20:30.12",
        "2024-02-29 10:20:30.000": "2024-02-29 10:20:30",
        "2024-02-29 10:20:30.123456789": "2024-02-29 10:20:30.123456789",
        "0044-03-15 10:00:00 BC": "0044-03-15 10:00:00 BC",
        "0044-03-15 BC": "0044-03-15 00:00:00 BC",
        "infinity": "infinity",
        "2024-02-29t10:20:30": None,
        "2024-02-29 10:20:30Z": None,
        "2024-02-29 24:00:00": None,
        "yesterday": None,
        "": None,
    },
    Family.INSTANT: {
        "2024-02-29": "2024-02-29 00:00:00",
        "2024-02-29T10:20:30": "2024-02-29 10:20:30",
        "2024-02-29T10:20:30Z": "2024-02-29 10:20:30",
        "2024-02-29 10:20 Z": "2024-02-29 10:20:00",
        "2024-02-29T10:20:30.50z": "2024-02-29 10:20:30.5",
        "2024-02-29T10:20:30+00:00": "2024-02-29 10:20:30",
        "2024-03-01T01:20:30.5+05:30": "2024-02-29 19:50:30.5",
        "2023-12-31 23:59:59.999999999-08": "2024-01-01 07:59:59.999999999",
        "1800-01-01T10:20+0100": "1800-01-01 09:20:00",
        "2024-02-29 10:20:30 -00": "2024-02-29 10:20:30",
        "2023-02-29T10:20:30+01": None,
        "2024-02-29T10:20:30+1": None,
        "2024-02-29T10:20:30 CET": None,
        "": None,
    },
    Family.UUID: {
        "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6": "f81d4fae7dec11d0a76500a0c91e6bf6",
        "f81d4fae7dec11d0a76500a0c91e6bf6": "f81d4fae7dec11d0a76500a0c91e6bf6",
        "f81d4fae-7dec11d0a76500a0c91e6bf6": None,
        "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}": None,
        "f81d4fae7dec11d0a76500a0c91e6bf6\n": None,
        "": None,
    },
    Family.BINARY: {text: text.encode().hex() for text in codecs.NASTY_TEXTS},
    Family.JSON: {text: text for text in codecs.NASTY_TEXTS},
}


@pytest.fixture
def side(database: databases.Database) -> Iterator[codecs.Side]:
    """A prepared session on an empty database."""
    made = codecs.opened(database)
    yield made
    made.session.close()


def text_type(kind: str, *, folding: bool) -> str:
    """Return a type of texts; the servers of MySQL fold letters unless they are told otherwise."""
    if kind == "postgresql":
        return "varchar" if folding else "text"
    return "text" if folding else "text CHARACTER SET utf8mb3 COLLATE utf8mb3_bin"


@codecs.SERVERS
@pytest.mark.parametrize("family", READINGS, ids=lambda family: family.value)
@pytest.mark.parametrize("folding", [False, True], ids=["plain", "folding"])
def test_texts_are_read_as_what_the_other_side_is_or_as_none_of_it(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, family: Family, folding: bool
) -> None:
    readings = {
        text: read
        for text, read in READINGS[family].items()
        if folding or max(text, default="") <= "\uffff"
    }
    odd = {text: f"!t{text.encode().hex()}" for text in readings}
    wanted = {
        text: (odd[text] if read is None else read).encode() for text, read in readings.items()
    }
    type_ = text_type(database.kind, folding=folding)
    codecs.create(raw(database), "t", f"id int NOT NULL, v {type_}")
    for number, text in enumerate(readings):
        raw(database).execute("INSERT INTO t VALUES (%s, %s)", (number, text))
    scan = side.scan("t", [Form(family=Family.INTEGER), Form(family=family)])

    assert dict(zip(readings, codecs.by_number(side.codec.rows(scan)), strict=True)) == wanted

    given = side.codec.given(scan.values[1].column, Form(family=family))
    for number, text in enumerate(wanted.values()):
        sql = f"UPDATE t SET v = {given} WHERE id = %s"
        side.session.execute(sql, [text.decode(), number])
    again = dict(zip(readings, codecs.by_number(side.codec.rows(scan)), strict=True))
    assert again == wanted


@codecs.SERVERS
@pytest.mark.parametrize("family", READINGS, ids=lambda family: family.value)
def test_no_text_is_too_strange_to_be_read(
    side: codecs.Side, database: databases.Database, raw: OpenRaw, family: Family
) -> None:
    strange = [
        *codecs.NASTY_TEXTS,
        *(text for readings in READINGS.values() for text in readings),
        "9" * 5_000,
        "1" * 900 + "e999",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "0000-01-01T00:00:00+01",
        "2024-02-29T10:20:30.+01",
    ]
    codecs.create(raw(database), "t", "id int NOT NULL, v text")
    for number, text in enumerate(strange):
        raw(database).execute("INSERT INTO t VALUES (%s, %s)", (number, text))
    scan = side.scan("t", [Form(family=Family.INTEGER), Form(family=family)])

    assert None not in codecs.by_number(side.codec.rows(scan))
    assert side.codec.total(scan).rows == len(strange)


def random_floats() -> list[float]:
    """Return doubles of every size, short ones among them."""
    source = random.Random(20240229)
    values = [struct.unpack("<d", source.randbytes(8))[0] for _ in range(3_000)]
    values += [source.uniform(-1, 1) * 10 ** source.randint(-20, 20) for _ in range(2_000)]
    # Beyond 2^53 some short numbers lie halfway between two doubles.
    for _ in range(4_000):
        digits = source.randint(1, 10 ** source.randint(1, 17))
        values.append(float(f"{digits}e{source.randint(0, 30)}"))
    values += [float(f"{digit}e{power}") for digit in range(1, 10) for power in range(-30, 45)]
    values += [odd * 5.0**power * 2.0**power for odd in (3, 7, 11, 13) for power in range(20, 24)]
    return [value for value in values if math.isfinite(value)]


@codecs.SERVERS
def test_random_floats_are_written_as_python_writes_them(
    side: codecs.Side, database: databases.Database, raw: OpenRaw
) -> None:
    values = random_floats()
    codecs.create(raw(database), "t", "id int NOT NULL, v double precision NOT NULL")
    rows = [(number, repr(value)) for number, value in enumerate(values)]
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        marks = ", ".join(["(%s, %s)"] * len(some))
        raw(database).execute(f"INSERT INTO t VALUES {marks}", [v for row in some for v in row])
    scan = side.scan("t", [Form(family=Family.INTEGER), Form(family=Family.FLOAT)])

    found = codecs.by_number(side.codec.rows(scan))

    pairs = zip(values, found, strict=True)
    assert {v: text for v, text in pairs if text != codecs.float_text(v).encode()} == {}
