"""Sorts of nasty values, and what carries them in each engine: texts, numbers, bytes.

The others, and the tables made of them, are in `nasty`.
"""

from __future__ import annotations

import functools
import math
import random
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from tests.pairs.wide import DOUBLES, WORDS
from tests.pairs.writing import Value

Chance = random.Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A column of one engine that can carry values of a sort.

    `write` says how a value is written into it, and draws one of several ways if it may.
    `loose` carriers are texts, bytes or numbers that only the other side's type gives a meaning:
    two of them do not go together, unless they are of one type.
    """

    type: str
    write: Callable[[Value, Chance], Value]
    holds: Callable[[Value], bool] = lambda value: True
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """A sort of values: how they are drawn, and what carries them in each engine."""

    name: str
    draw: Callable[[Chance], Value]
    carriers: Mapping[str, Sequence[Carrier]]


def plain(value: Value, chance: Chance) -> Value:
    return value


# --- texts ----------------------------------------------------------------------------------

_MOST: Final = 250
_EXTRA: list[str] = []


def add_strings(strings: Sequence[str]) -> None:
    """Let more strings be drawn: a list of naughty ones, where there is one."""
    _EXTRA.extend(one for one in strings if len(one) <= _MOST and one not in _EXTRA)


_SCRIPTS: Final = (
    *((0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF)),
    *((0x900, 0x97F), (0x2000, 0x206F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xE000, 0xE0FF)),
    *((0xFB00, 0xFEFF), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (0xE0020, 0xE007F)),
)


def string(chance: Chance) -> str:
    match chance.randrange(5):
        case 0:
            return chance.choice(WORDS)
        case 1 if _EXTRA:
            return chance.choice(_EXTRA)
        case 2:
            return "".join(
                chance.choices(" \t\n\r|:\\'\"`%_!\x01\x1f\x7f0aA", k=chance.randrange(9))
            )
        case 3:
            return _unnul("".join(chr(chance.randrange(256)) for _ in range(chance.randrange(12))))
        case _:
            first, last = chance.choice(_SCRIPTS)
            letters = [chr(chance.randint(first, last)) for _ in range(chance.randrange(1, 30))]
            return "".join(letters)


def _unnul(text: str) -> str:
    # Half of these keep their NUL; PostgreSQL does not hold the others.
    return text if len(text) % 2 else text.replace("\0", "")


def _encodes(charset: str) -> Callable[[Value], bool]:
    def holds(value: Value) -> bool:
        try:
            return str(value).encode(charset).decode(charset) == value
        except UnicodeError:
            return False

    return holds


def _latin(value: Value) -> bool:
    # What MariaDB calls latin1 is Windows' own, with holes that are filled; these are the same.
    return all(ord(one) < 0x80 or 0xA0 <= ord(one) <= 0xFF for one in str(value))


def _in_three_bytes(value: Value) -> bool:
    return all(ord(one) <= 0xFFFF for one in str(value))


def _no_nul(value: Value) -> bool:
    return "\0" not in str(value)


def collated(type_: str, charset: str, collation: str) -> str:
    return f"{type_} CHARACTER SET {charset} COLLATE {collation}"


any_value: Final = functools.partial(Carrier, write=plain)
TEXT: Final = Sort(
    name="text",
    draw=string,
    carriers={
        "sqlite": [
            any_value(type=one) for one in ("TEXT", "VARCHAR(250)", "", "CLOB", "NVARCHAR(9)")
        ],
        "postgresql": [
            any_value(type="text", holds=_no_nul),
            any_value(type="varchar(250)", holds=_no_nul),
            any_value(type='text COLLATE "C"', holds=_no_nul),
            any_value(type='varchar COLLATE "POSIX"', holds=_no_nul),
        ],
        "mariadb": [
            any_value(type="varchar(250)"),
            any_value(type="text"),
            any_value(type="mediumtext"),
            any_value(type="longtext"),
            any_value(type=collated("varchar(250)", "utf8mb4", "utf8mb4_bin")),
            any_value(type=collated("varchar(250)", "utf8mb4", "utf8mb4_unicode_ci")),
            any_value(type=collated("varchar(250)", "utf8mb4", "utf8mb4_nopad_bin")),
            any_value(type=collated("varchar(250)", "utf16", "utf16_general_ci")),
            any_value(
                type=collated("varchar(250)", "utf8mb3", "utf8mb3_turkish_ci"),
                holds=_in_three_bytes,
            ),
            any_value(
                type=collated("varchar(250)", "ucs2", "ucs2_general_ci"), holds=_in_three_bytes
            ),
            any_value(type=collated("text", "latin1", "latin1_german2_ci"), holds=_latin),
        ],
    },
)


def _bare(value: Value) -> bool:
    return len(str(value)) <= 40 and not str(value).endswith(" ") and _no_nul(value)


def _blanks(value: Value, chance: Chance) -> Value:
    """Write more blanks at the end, which CHAR takes away."""
    return str(value) + " " * chance.randrange(1, 4)


PADDED: Final = Sort(
    name="padded text",
    draw=string,
    carriers={
        "sqlite": [any_value(type="CHAR(44)", holds=_bare)],
        "postgresql": [Carrier(type="char(44)", write=_blanks, holds=_bare)],
        "mariadb": [
            Carrier(type="char(44)", write=_blanks, holds=_bare),
            Carrier(
                type=collated("char(44)", "utf8mb4", "utf8mb4_bin"), write=_blanks, holds=_bare
            ),
        ],
    },
)

# --- numbers --------------------------------------------------------------------------------


def _within(low: int, high: int) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, int) and low <= value <= high


def integer(chance: Chance) -> int:
    bits = chance.choice((1, 7, 8, 15, 16, 24, 31, 32, 53, 54, 62, 63, 64))
    near = 2**bits + chance.choice((-2, -1, 0, 1))
    number = chance.choice((near, chance.getrandbits(bits)))
    return min(number, 2**64 - 1) if chance.random() < 0.5 else -min(number, 2**63)


def _digits(value: Value, chance: Chance) -> Value:
    """Write an integer as a text: a sign and zeros may be in front."""
    text = str(value)
    if chance.random() < 0.5:
        return text
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return f"{sign}{'0' * chance.randrange(4)}{digits}"


def _as_decimal(value: Value, chance: Chance) -> Value:
    return Decimal(str(value))


INTEGER: Final = Sort(
    name="integer",
    draw=integer,
    carriers={
        "sqlite": [
            any_value(type="INTEGER", holds=_within(-(2**63), 2**63 - 1)),
            any_value(type="BIGINT", holds=_within(-(2**63), 2**63 - 1)),
            any_value(type="UNSIGNED BIG INT", holds=_within(0, 2**63 - 1)),
            Carrier(type="DECIMAL_TEXT(20, 0)", write=_as_decimal),
            Carrier(type="TEXT", write=_digits, loose=True),
        ],
        "postgresql": [
            any_value(type="smallint", holds=_within(-(2**15), 2**15 - 1)),
            any_value(type="integer", holds=_within(-(2**31), 2**31 - 1)),
            any_value(type="bigint", holds=_within(-(2**63), 2**63 - 1)),
            any_value(type="numeric(20, 0)"),
            any_value(type="numeric(30, 5)"),
            any_value(type="numeric"),
            Carrier(type="varchar(90)", write=_digits, loose=True),
        ],
        "mariadb": [
            any_value(type="tinyint", holds=_within(-128, 127)),
            any_value(type="mediumint unsigned", holds=_within(0, 2**24 - 1)),
            any_value(type="int", holds=_within(-(2**31), 2**31 - 1)),
            any_value(type="int(10) unsigned zerofill", holds=_within(0, 2**32 - 1)),
            any_value(type="bigint", holds=_within(-(2**63), 2**63 - 1)),
            any_value(type="bigint unsigned", holds=_within(0, 2**64 - 1)),
            any_value(type="decimal(20,0)"),
            any_value(type="decimal(30,5)"),
            Carrier(type="varchar(90)", write=_digits, loose=True),
        ],
    },
)


def _true(value: Value, chance: Chance) -> Value:
    words = ("true", "TRUE", "t", "1", "True") if value else ("false", "FALSE", "f", "0", "False")
    return chance.choice(words)


def _number_of(value: Value, chance: Chance) -> Value:
    return int(bool(value))


BOOLEAN: Final = Sort(
    name="boolean",
    draw=lambda chance: chance.random() < 0.5,
    carriers={
        "sqlite": [
            Carrier(type="BOOLEAN", write=_number_of),
            Carrier(type="INTEGER", write=_number_of, loose=True),
        ],
        "postgresql": [
            any_value(type="boolean"),
            Carrier(type="smallint", write=_number_of, loose=True),
        ],
        "mariadb": [
            Carrier(type="tinyint(1)", write=_number_of),
            Carrier(type="bit(1)", write=_number_of),
        ],
    },
)
# Words for it are read as one only beside a boolean.
WORD_FOR_BOOLEAN: Final = Sort(
    name="word for a boolean",
    draw=BOOLEAN.draw,
    carriers={
        "sqlite": [
            Carrier(type="BOOLEAN", write=_number_of),
            Carrier(type="TEXT", write=_true, loose=True),
        ],
        "postgresql": [any_value(type="boolean"), Carrier(type="text", write=_true, loose=True)],
        "mariadb": [Carrier(type="varchar(9)", write=_true, loose=True)],
    },
)

_EXACT: Final = Context(prec=200)


def decimal(chance: Chance) -> Decimal:
    digits = chance.choice((1, 2, 9, 15, 17, 30, 38))
    figures = chance.choice((10**digits - 1, chance.randrange(10**digits), 0, 10 ** (digits - 1)))
    number = Decimal(figures).scaleb(-chance.randrange(min(digits, 20) + 1), _EXACT)
    return -number if chance.random() < 0.5 and number else number


def _fits(digits: int, scale: int) -> Callable[[Value], bool]:
    def holds(value: Value) -> bool:
        number = Decimal(str(value))
        exact = round(number.scaleb(scale, _EXACT)) == number.scaleb(scale, _EXACT)
        return exact and abs(number) < 10 ** (digits - scale)

    return holds


def _short_decimal(value: Value) -> bool:
    number = Decimal(str(value)).normalize(_EXACT)
    return len(number.as_tuple().digits) <= 15


def _decimal_text(value: Value, chance: Chance) -> Value:
    """Write a decimal as a text: with zeros, an exponent, without the zero before the point."""
    number = Decimal(str(value))
    text = f"{number:f}"
    match chance.randrange(4):
        case 0:
            return text
        case 1:
            return text + "000" if "." in text else text + ".00"
        case 2 if text.startswith("0."):
            return text[1:]
        case 2 if not text.startswith("-"):
            return f"00{text}"
        case _:
            return text


def _as_float(value: Value, chance: Chance) -> Value:
    return float(Decimal(str(value)))


def _is_double(value: Value) -> bool:
    number = Decimal(str(value))
    return _short_decimal(number) and Decimal(repr(float(number))) == number


DECIMAL: Final = Sort(
    name="decimal",
    draw=decimal,
    carriers={
        "sqlite": [
            any_value(type="DECIMAL_TEXT(38, 10)"),
            any_value(type="DECIMAL_TEXT"),
            any_value(type="NUMERIC(15, 5)", holds=_is_double),
            any_value(type="DECIMAL", holds=_is_double),
            Carrier(type="DOUBLE", write=_as_float, holds=_is_double),
            Carrier(type="TEXT", write=_decimal_text, loose=True),
        ],
        "postgresql": [
            any_value(type="numeric"),
            any_value(type="numeric(60, 20)"),
            any_value(type="numeric(12, 2)", holds=_fits(12, 2)),
            Carrier(type="double precision", write=_as_float, holds=_is_double),
            Carrier(type="text", write=_decimal_text, loose=True),
        ],
        "mariadb": [
            any_value(type="decimal(65, 20)"),
            any_value(type="decimal(38, 10)", holds=_fits(38, 10)),
            any_value(type="decimal(12, 2)", holds=_fits(12, 2)),
            Carrier(type="double", write=_as_float, holds=_is_double),
            Carrier(type="varchar(90)", write=_decimal_text, loose=True),
        ],
    },
)


def _float(chance: Chance) -> float:
    match chance.randrange(6):
        case 0:
            return chance.choice(DOUBLES)
        case 1:
            return float(struct.unpack(">f", chance.randbytes(4))[0])
        case 2:
            return 2.0 ** chance.uniform(-1074, 1023.9)
        case 3:
            return float(chance.randrange(10**17)) / 10 ** chance.randrange(20)
        case 4:
            return chance.choice((math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0, 1e23))
        case _:
            return float(struct.unpack(">d", chance.randbytes(8))[0])


def _finite(value: Value) -> bool:
    number = float(str(value))
    # No engine but PostgreSQL keeps the sign of nothing.
    return math.isfinite(number) and not (number == 0 and math.copysign(1, number) < 0)


def _not_nan(value: Value) -> bool:
    return _finite(value) or math.isinf(float(str(value)))


def _is_single(value: Value) -> bool:
    if not _finite(value):
        return False
    try:
        return bool(struct.unpack(">f", struct.pack(">f", value))[0] == value)
    except OverflowError:
        return False


def _float_text(value: Value, chance: Chance) -> Value:
    number = float(str(value))
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    ways = (repr(number), repr(number).upper(), f"{number:.17g}", f"{number:.20e}")
    return chance.choice(ways)


FLOAT: Final = Sort(
    name="float",
    draw=_float,
    carriers={
        "sqlite": [
            any_value(type="DOUBLE", holds=_not_nan),
            any_value(type="REAL", holds=_not_nan),
            Carrier(type="TEXT", write=_float_text, loose=True),
        ],
        "postgresql": [
            any_value(type="double precision"),
            any_value(type="real", holds=_is_single),
            Carrier(type="text", write=_float_text, loose=True),
        ],
        "mariadb": [
            any_value(type="double", holds=_finite),
            any_value(type="float", holds=_is_single),
            Carrier(type="varchar(90)", write=_float_text, loose=True),
        ],
    },
)

# --- bytes ----------------------------------------------------------------------------------


def _size(low: int, high: int) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, bytes) and low <= len(value) <= high


BINARY: Final = Sort(
    name="binary",
    draw=lambda chance: chance.choice(
        (b"", b"\0", b"|" * 9, chance.randbytes(16), chance.randbytes(chance.randrange(200)))
    ),
    carriers={
        "sqlite": [
            any_value(type="BLOB"),
            any_value(type="BINARY(16)"),
            any_value(type="VARBINARY(200)"),
        ],
        "postgresql": [any_value(type="bytea")],
        "mariadb": [
            any_value(type="blob"),
            any_value(type="longblob"),
            any_value(type="varbinary(200)"),
            any_value(type="binary(16)", holds=_size(16, 16)),
        ],
    },
)


def _uuid_text(value: Value, chance: Chance) -> Value:
    text = str(value)
    return chance.choice((text, text.upper(), text.replace("-", "")))


def _uuid_bytes(value: Value, chance: Chance) -> Value:
    return value.bytes if isinstance(value, uuid.UUID) else value


UUID: Final = Sort(
    name="uuid",
    draw=lambda chance: uuid.UUID(int=chance.getrandbits(128), version=4),
    carriers={
        "sqlite": [
            Carrier(type="UUID", write=_uuid_text),
            Carrier(type="CHAR(36)", write=_uuid_text, loose=True),
            Carrier(type="BLOB", write=_uuid_bytes, loose=True),
        ],
        "postgresql": [
            Carrier(type="uuid", write=_uuid_text),
            Carrier(type="bytea", write=_uuid_bytes, loose=True),
            Carrier(type="varchar(36)", write=_uuid_text, loose=True),
        ],
        "mariadb": [
            Carrier(type="uuid", write=_uuid_text),
            Carrier(type="binary(16)", write=_uuid_bytes, loose=True),
            Carrier(type="char(36)", write=_uuid_text, loose=True),
        ],
    },
)
