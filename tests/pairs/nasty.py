"""Small tables with nasty values: equal on both sides, though written differently.

A value is drawn once and carried to both sides by columns that can hold it: a decimal as DECIMAL,
with another scale, as text with zeros that say nothing, as a double that has the same digits; a
moment in any time zone; a document with its members in another order. Columns and ways to write
are drawn with a seed, so that a table that fails can be made again.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import random
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from tests.pairs.wide import DOUBLES, WORDS
from tests.pairs.writing import Sql, Value

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


def _plain(value: Value, chance: Chance) -> Value:
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


def _string(chance: Chance) -> str:
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


def _collated(type_: str, charset: str, collation: str) -> str:
    return f"{type_} CHARACTER SET {charset} COLLATE {collation}"


_ANY: Final = functools.partial(Carrier, write=_plain)
TEXT: Final = Sort(
    name="text",
    draw=_string,
    carriers={
        "sqlite": [_ANY(type=one) for one in ("TEXT", "VARCHAR(250)", "", "CLOB", "NVARCHAR(9)")],
        "postgresql": [
            _ANY(type="text", holds=_no_nul),
            _ANY(type="varchar(250)", holds=_no_nul),
            _ANY(type='text COLLATE "C"', holds=_no_nul),
            _ANY(type='varchar COLLATE "POSIX"', holds=_no_nul),
        ],
        "mariadb": [
            _ANY(type="varchar(250)"),
            _ANY(type="text"),
            _ANY(type="mediumtext"),
            _ANY(type="longtext"),
            _ANY(type=_collated("varchar(250)", "utf8mb4", "utf8mb4_bin")),
            _ANY(type=_collated("varchar(250)", "utf8mb4", "utf8mb4_unicode_ci")),
            _ANY(type=_collated("varchar(250)", "utf8mb4", "utf8mb4_nopad_bin")),
            _ANY(type=_collated("varchar(250)", "utf16", "utf16_general_ci")),
            _ANY(
                type=_collated("varchar(250)", "utf8mb3", "utf8mb3_turkish_ci"),
                holds=_in_three_bytes,
            ),
            _ANY(type=_collated("varchar(250)", "ucs2", "ucs2_general_ci"), holds=_in_three_bytes),
            _ANY(type=_collated("text", "latin1", "latin1_german2_ci"), holds=_latin),
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
    draw=_string,
    carriers={
        "sqlite": [_ANY(type="CHAR(44)", holds=_bare)],
        "postgresql": [Carrier(type="char(44)", write=_blanks, holds=_bare)],
        "mariadb": [
            Carrier(type="char(44)", write=_blanks, holds=_bare),
            Carrier(
                type=_collated("char(44)", "utf8mb4", "utf8mb4_bin"), write=_blanks, holds=_bare
            ),
        ],
    },
)

# --- numbers --------------------------------------------------------------------------------


def _within(low: int, high: int) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, int) and low <= value <= high


def _integer(chance: Chance) -> int:
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
    draw=_integer,
    carriers={
        "sqlite": [
            _ANY(type="INTEGER", holds=_within(-(2**63), 2**63 - 1)),
            _ANY(type="BIGINT", holds=_within(-(2**63), 2**63 - 1)),
            _ANY(type="UNSIGNED BIG INT", holds=_within(0, 2**63 - 1)),
            Carrier(type="DECIMAL_TEXT(20, 0)", write=_as_decimal),
            Carrier(type="TEXT", write=_digits, loose=True),
        ],
        "postgresql": [
            _ANY(type="smallint", holds=_within(-(2**15), 2**15 - 1)),
            _ANY(type="integer", holds=_within(-(2**31), 2**31 - 1)),
            _ANY(type="bigint", holds=_within(-(2**63), 2**63 - 1)),
            _ANY(type="numeric(20, 0)"),
            _ANY(type="numeric(30, 5)"),
            _ANY(type="numeric"),
            Carrier(type="varchar(90)", write=_digits, loose=True),
        ],
        "mariadb": [
            _ANY(type="tinyint", holds=_within(-128, 127)),
            _ANY(type="mediumint unsigned", holds=_within(0, 2**24 - 1)),
            _ANY(type="int", holds=_within(-(2**31), 2**31 - 1)),
            _ANY(type="int(10) unsigned zerofill", holds=_within(0, 2**32 - 1)),
            _ANY(type="bigint", holds=_within(-(2**63), 2**63 - 1)),
            _ANY(type="bigint unsigned", holds=_within(0, 2**64 - 1)),
            _ANY(type="decimal(20,0)"),
            _ANY(type="decimal(30,5)"),
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
            _ANY(type="boolean"),
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
        "postgresql": [_ANY(type="boolean"), Carrier(type="text", write=_true, loose=True)],
        "mariadb": [Carrier(type="varchar(9)", write=_true, loose=True)],
    },
)

_EXACT: Final = Context(prec=200)


def _decimal(chance: Chance) -> Decimal:
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
    draw=_decimal,
    carriers={
        "sqlite": [
            _ANY(type="DECIMAL_TEXT(38, 10)"),
            _ANY(type="DECIMAL_TEXT"),
            _ANY(type="NUMERIC(15, 5)", holds=_is_double),
            _ANY(type="DECIMAL", holds=_is_double),
            Carrier(type="DOUBLE", write=_as_float, holds=_is_double),
            Carrier(type="TEXT", write=_decimal_text, loose=True),
        ],
        "postgresql": [
            _ANY(type="numeric"),
            _ANY(type="numeric(60, 20)"),
            _ANY(type="numeric(12, 2)", holds=_fits(12, 2)),
            Carrier(type="double precision", write=_as_float, holds=_is_double),
            Carrier(type="text", write=_decimal_text, loose=True),
        ],
        "mariadb": [
            _ANY(type="decimal(65, 20)"),
            _ANY(type="decimal(38, 10)", holds=_fits(38, 10)),
            _ANY(type="decimal(12, 2)", holds=_fits(12, 2)),
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
            _ANY(type="DOUBLE", holds=_not_nan),
            _ANY(type="REAL", holds=_not_nan),
            Carrier(type="TEXT", write=_float_text, loose=True),
        ],
        "postgresql": [
            _ANY(type="double precision"),
            _ANY(type="real", holds=_is_single),
            Carrier(type="text", write=_float_text, loose=True),
        ],
        "mariadb": [
            _ANY(type="double", holds=_finite),
            _ANY(type="float", holds=_is_single),
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
        "sqlite": [_ANY(type="BLOB"), _ANY(type="BINARY(16)"), _ANY(type="VARBINARY(200)")],
        "postgresql": [_ANY(type="bytea")],
        "mariadb": [
            _ANY(type="blob"),
            _ANY(type="longblob"),
            _ANY(type="varbinary(200)"),
            _ANY(type="binary(16)", holds=_size(16, 16)),
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

# --- moments --------------------------------------------------------------------------------

_MICROS: Final = (0, 0, 1, 10, 500_000, 999_999, 123_456)


def _any_moment(chance: Chance, first: int = 1, last: int = 9999) -> dt.datetime:
    year = chance.choice((first, last, 1582, 1900, 1969, 1970, 2000, 2024, 2038))
    if not first <= year <= last:
        year = chance.randint(first, last)
    day = dt.datetime(year, 1, 1) + dt.timedelta(days=chance.randrange(365))
    clock = chance.choice((0, 86_399, chance.randrange(86_400)))
    return day + dt.timedelta(seconds=clock, microseconds=chance.choice(_MICROS))


def _clock_text(at: dt.time | dt.datetime, chance: Chance) -> str:
    text = f"{at.hour:02}:{at.minute:02}:{at.second:02}"
    if at.microsecond:
        fraction = f"{at.microsecond:06}"
        return f"{text}.{chance.choice((fraction, fraction.rstrip('0')))}"
    return chance.choice((text, f"{text}.0", f"{text}.000000"))


def _moment_text(value: Value, chance: Chance) -> Value:
    if not isinstance(value, dt.datetime):
        raise TypeError("a moment is meant")
    return f"{value.date().isoformat()}{chance.choice(' T')}{_clock_text(value, chance)}"


def _zoned_text(value: Value, chance: Chance) -> Value:
    """Write a moment of UTC in any time zone."""
    if not isinstance(value, dt.datetime):
        raise TypeError("a moment is meant")
    minutes = chance.choice((0, 0, 60, -300, 330, 345, -570, 840, -720))
    with_zone = value + dt.timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    zone = f"{sign}{hours:02}:{rest:02}"
    if not minutes:
        zone = chance.choice(("Z", "+00:00", "+00"))
    return f"{_moment_text(with_zone, chance)}{zone}"


def _since(year: int, last: int = 9999) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, dt.date) and year <= value.year <= last


def _midnight(value: Value, chance: Chance) -> Value:
    if not isinstance(value, dt.date):
        raise TypeError("a date is meant")
    return dt.datetime(value.year, value.month, value.day)


def _iso(value: Value, chance: Chance) -> Value:
    return value.isoformat() if isinstance(value, dt.date) else value


DATE: Final = Sort(
    name="date",
    draw=lambda chance: _any_moment(chance).date(),
    carriers={
        "sqlite": [
            _ANY(type="DATE"),
            Carrier(type="TEXT", write=_iso, loose=True),
            Carrier(type="DATETIME", write=_midnight),
        ],
        "postgresql": [
            _ANY(type="date"),
            Carrier(type="text", write=_iso, loose=True),
            Carrier(type="timestamp", write=_midnight),
        ],
        "mariadb": [
            _ANY(type="date", holds=_since(1000)),
            Carrier(type="varchar(20)", write=_iso, loose=True),
            Carrier(type="datetime(3)", write=_midnight, holds=_since(1000)),
        ],
    },
)


def _clock_of(value: Value, chance: Chance) -> Value:
    if not isinstance(value, dt.time):
        raise TypeError("a time is meant")
    return _clock_text(value, chance)


TIME: Final = Sort(
    name="time",
    draw=lambda chance: _any_moment(chance).time(),
    carriers={
        "sqlite": [
            Carrier(type="TIME", write=_clock_of),
            Carrier(type="TEXT", write=_clock_of, loose=True),
        ],
        "postgresql": [
            Carrier(type="time", write=_clock_of),
            Carrier(type="text", write=_clock_of, loose=True),
        ],
        "mariadb": [
            Carrier(type="time(6)", write=_clock_of),
            Carrier(type="varchar(20)", write=_clock_of, loose=True),
        ],
    },
)
DATETIME: Final = Sort(
    name="datetime",
    draw=_any_moment,
    carriers={
        "sqlite": [
            Carrier(type="DATETIME", write=_moment_text),
            Carrier(type="TIMESTAMP", write=_moment_text),
            Carrier(type="TEXT", write=_moment_text, loose=True),
        ],
        "postgresql": [
            Carrier(type="timestamp", write=_moment_text),
            Carrier(type="timestamp(6)", write=_moment_text),
            Carrier(type="text", write=_moment_text, loose=True),
        ],
        "mariadb": [
            Carrier(type="datetime(6)", write=_moment_text, holds=_since(1000)),
            Carrier(type="varchar(30)", write=_moment_text, loose=True),
        ],
    },
)


INSTANT: Final = Sort(
    name="instant",
    draw=lambda chance: _any_moment(chance, 1000, 9998) + dt.timedelta(days=2),
    carriers={
        "sqlite": [
            Carrier(type="TIMESTAMPTZ", write=_zoned_text),
            Carrier(type="TIMESTAMP WITH TIME ZONE", write=_zoned_text),
            Carrier(type="TEXT", write=_zoned_text, loose=True),
            # Without a zone it is read as UTC.
            Carrier(type="DATETIME", write=_moment_text, loose=True),
        ],
        "postgresql": [
            Carrier(type="timestamptz", write=_zoned_text),
            Carrier(type="text", write=_zoned_text, loose=True),
            Carrier(type="timestamp", write=_moment_text, loose=True),
        ],
        "mariadb": [
            Carrier(type="timestamp(6)", write=_moment_text, holds=_since(1971, 2037)),
            Carrier(type="varchar(40)", write=_zoned_text, loose=True),
            Carrier(type="datetime(6)", write=_moment_text, loose=True),
        ],
    },
)

# --- documents ------------------------------------------------------------------------------


def _document(chance: Chance, depth: int = 0) -> object:
    if depth and (depth > 3 or chance.random() < 0.6):
        return chance.choice(
            (None, True, False, 0, _integer(chance), _decimal(chance), _unnulled(chance), "")
        )
    if chance.random() < 0.5:
        return [_document(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {_unnulled(chance): _document(chance, depth + 1) for _ in range(chance.randrange(5))}


def _unnulled(chance: Chance) -> str:
    return _string(chance).replace("\0", "")


def dumped(value: object, chance: Chance) -> str:
    """Write a document in one of many ways."""
    blank = chance.choice(("", " ", "\n  ", "\t"))
    match value:
        case dict():
            members = list(value.items())
            chance.shuffle(members)
            inner = f",{blank}".join(
                f"{_dumped_text(key, chance)}{blank}:{dumped(one, chance)}" for key, one in members
            )
            return f"{{{blank}{inner}{blank}}}"
        case list():
            return f"[{blank}{f',{blank}'.join(dumped(one, chance) for one in value)}{blank}]"
        case str():
            return _dumped_text(value, chance)
        case bool() | None:
            return json.dumps(value)
        case _:
            return _dumped_number(Decimal(str(value)), chance)


def _dumped_text(text: str, chance: Chance) -> str:
    written = json.dumps(text, ensure_ascii=chance.random() < 0.5)
    return written.replace("/", "\\/") if chance.random() < 0.2 else written


def _dumped_number(number: Decimal, chance: Chance) -> str:
    text = f"{number:f}"
    match chance.randrange(4):
        case 0:
            return text + "00" if "." in text else text + ".0"
        case 1:
            return f"{text}e0"
        case 2:
            return f"{text}E+00"
        case _:
            return text


def _json(value: Value, chance: Chance) -> Value:
    return dumped(json.loads(str(value), parse_float=Decimal, parse_int=Decimal), chance)


JSON: Final = Sort(
    name="json",
    draw=lambda chance: dumped(_document(chance), chance),
    carriers={
        "sqlite": [
            Carrier(type="JSON_TEXT", write=_json),
            Carrier(type="JSON", write=_json),
            Carrier(type="JSONB", write=_json),
            Carrier(type="TEXT", write=_json, loose=True),
        ],
        "postgresql": [
            Carrier(type="json", write=_json),
            Carrier(type="jsonb", write=_json),
            Carrier(type="text", write=_json, loose=True),
        ],
        "mariadb": [
            Carrier(type="json", write=_json),
            Carrier(type="longtext", write=_json, loose=True),
        ],
    },
)

# --- what only some engines have --------------------------------------------------------------

_MOODS: Final = ("a", "B", "ç d", "it's", "🎉")
BEFORE: Final = {
    "postgresql": "CREATE TYPE mood AS ENUM ('a', 'B', 'ç d', 'it''s', '🎉'); "
    "CREATE DOMAIN amount AS numeric(12, 2) CHECK (VALUE > -1e9); "
    "CREATE DOMAIN word AS varchar(250)"
}
_ENUM: Final = "enum('a', 'B', 'ç d', 'it''s', '🎉') CHARACTER SET utf8mb4"
ENUM: Final = Sort(
    name="enum",
    draw=lambda chance: chance.choice(_MOODS),
    carriers={
        "sqlite": [_ANY(type="VARCHAR(9)")],
        "postgresql": [_ANY(type="mood"), _ANY(type="text"), _ANY(type="word")],
        "mariadb": [_ANY(type=_ENUM), _ANY(type="varchar(9)")],
    },
)


def _bit_literal(size: int) -> Callable[[Value, Chance], Value]:
    return lambda value, chance: Sql(f"B'{int(str(value)):0{size}b}'")


BITS: Final = Sort(
    name="bits",
    draw=lambda chance: chance.choice((0, 1, 0xFFFF, chance.getrandbits(16))),
    carriers={
        "sqlite": [_ANY(type="INTEGER"), _ANY(type="BIGINT")],
        "postgresql": [Carrier(type="bit(16)", write=_bit_literal(16)), _ANY(type="integer")],
        "mariadb": [_ANY(type="bit(16)"), _ANY(type="bit(20)"), _ANY(type="smallint unsigned")],
    },
)
YEAR: Final = Sort(
    name="year",
    draw=lambda chance: chance.choice((1901, 2155, 2000, 0, chance.randint(1901, 2155))),
    carriers={
        "sqlite": [_ANY(type="YEAR"), _ANY(type="INTEGER")],
        "postgresql": [_ANY(type="smallint")],
        "mariadb": [_ANY(type="year"), _ANY(type="smallint")],
    },
)


def _array(chance: Chance) -> str:
    numbers = [chance.choice((None, chance.randrange(-99, 99))) for _ in range(chance.randrange(5))]
    return json.dumps(numbers)


def _words(chance: Chance) -> str:
    words = [chance.choice((None, _unnulled(chance))) for _ in range(chance.randrange(4))]
    return json.dumps(words)


def _array_literal(value: Value, chance: Chance) -> Value:
    parts = []
    for one in json.loads(str(value)):
        if one is None:
            parts.append("NULL")
        elif isinstance(one, str):
            escaped = one.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{escaped}"')
        else:
            parts.append(str(one))
    return "{" + ", ".join(parts) + "}"


def _arrays(name: str, draw: Callable[[Chance], str], type_: str) -> Sort:
    return Sort(
        name=name,
        draw=draw,
        carriers={
            "sqlite": [Carrier(type="JSON_TEXT", write=_json)],
            "postgresql": [
                Carrier(type=type_, write=_array_literal),
                Carrier(type="jsonb", write=_json),
            ],
            "mariadb": [Carrier(type="json", write=_json)],
        },
    )


# Types that only PostgreSQL has: several ways to write one value.
_ITS_OWN: Final[Sequence[tuple[str, Sequence[str]]]] = (
    ("interval", ("90 minutes", "01:30:00", "1.5 hours")),
    ("interval", ("1 year 2 months -3 days", "14 months -3 days")),
    ("inet", ("10.0.0.1", "10.0.0.1/32")),
    ("inet", ("::1", "0:0::1/128")),
    ("cidr", ("10.1.0.0/16", "10.1/16")),
    ("macaddr", ("08:00:2b:01:02:03", "08002b:010203")),
    ("int4range", ("[1,4]", "[1,5)", "(0,5)")),
    ("numrange", ("[1.0,2]", "[1.0, 2]")),
    ("tstzrange", ("[2024-01-01 00:00+00,)", "[2024-01-01 05:30+05:30,)")),
    ("point", ("(1,2)", "1, 2")),
    ("bit varying(9)", ("101",)),
    ("tsvector", ("a:1 b:2", "b:2 a:1")),
    ("money", ("$1.50", "1.5")),
    ("timetz", ("12:00:00+02", "12:00+02:00")),
    ("date", ("0044-03-15 BC",)),
    ("date", ("infinity",)),
    ("date", ("5874897-12-31",)),
    ("timestamp", ("294276-12-31 23:59:59.999999",)),
    ("timestamptz", ("-infinity",)),
    ("numeric", ("NaN",)),
    ("numeric", ("1e300", f"1{'0' * 300}")),
    ("numeric(5, -2)", ("12300", "12345")),
    ("double precision", ("-0", "-0.0")),
    ("amount", ("1.50", "1.5")),
    ("bit(70)", ("1" * 70,)),
)


def _own_literal(value: Value, chance: Chance) -> Value:
    return chance.choice(str(value).split(";"))


OWN: Final = tuple(
    Sort(
        name=type_,
        draw=functools.partial(lambda one, chance: one, ";".join(ways)),
        carriers={"postgresql": [Carrier(type=type_, write=_own_literal)]},
    )
    for type_, ways in _ITS_OWN
)

SORTS: Final = (
    *(TEXT, TEXT, PADDED, INTEGER, BOOLEAN, WORD_FOR_BOOLEAN, DECIMAL, DECIMAL, FLOAT, FLOAT),
    *(BINARY, UUID, DATE, TIME, DATETIME, INSTANT, JSON, JSON, ENUM, BITS, YEAR),
    _arrays("array of numbers", _array, "integer[]"),
    _arrays("array of words", _words, "text[]"),
)

# --- tables ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An equal table: per side its columns by name and type, and its rows; in different orders."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Mapping[str, str], Mapping[str, str]]
    rows: tuple[Sequence[Sequence[Value]], Sequence[Sequence[Value]]]


def table(name: str, source: str, target: str, chance: Chance) -> Table:
    """Draw a table for two engines."""
    key = _key_sorts(chance)
    others = [_sort(source, target, chance) for _ in range(chance.randrange(1, 6))]
    count = chance.randrange(0, 21)
    columns: list[tuple[str, str, str]] = []
    values: list[list[tuple[Value, Value]]] = []
    for place, sort in enumerate((*key, *others)):
        is_key = place < len(key)
        ends = _carriers(sort, source, target, chance)
        columns.append((f"k{place}" if is_key else f"v{place}", ends[0].type, ends[1].type))
        # SQLite has no types for it: what counts between two of them is what is kept.
        kept = source == target == "sqlite" and sort is not JSON
        drawn = [_drawn(sort, ends, chance) for _ in range(count * 3 if is_key else count)]
        if is_key:
            drawn = list(dict.fromkeys(drawn))
        elif chance.random() < 0.8:
            share = chance.choice((0.1, 0.5, 1.0))
            drawn = [None if chance.random() < share * 0.5 else one for one in drawn]
        values.append([_written(one, ends, kept, chance) for one in drawn])
    rows = list(zip(*values, strict=False))[:count]
    sides = [[tuple(cell[side] for cell in row) for row in rows] for side in (0, 1)]
    chance.shuffle(sides[1])
    return Table(
        name=name,
        key=tuple(name for name, _, _ in columns[: len(key)]),
        columns=(
            {name: type_ for name, type_, _ in columns},
            {name: type_ for name, _, type_ in columns},
        ),
        rows=(sides[0], sides[1]),
    )


def _number(chance: Chance) -> int:
    return chance.choice((-1, 1)) * chance.getrandbits(chance.choice((8, 31, 63)))


def _word(chance: Chance) -> str:
    # Different, too, where a collation compares.
    return f"{_unnulled(chance)[:40]}{chance.getrandbits(60)}"


_KEY_NUMBER: Final = Sort(
    name="number",
    draw=_number,
    carriers={
        "sqlite": [_ANY(type="BIGINT"), _ANY(type="INTEGER")],
        "postgresql": [_ANY(type="bigint"), _ANY(type="numeric(30, 0)")],
        "mariadb": [_ANY(type="bigint"), _ANY(type="decimal(30, 0)")],
    },
)
_KEY_WORD: Final = Sort(
    name="word",
    draw=_word,
    carriers={
        "sqlite": [_ANY(type="VARCHAR(90)"), _ANY(type="TEXT")],
        "postgresql": [_ANY(type="varchar(90)"), _ANY(type="text")],
        "mariadb": [
            _ANY(type="varchar(90)"),
            _ANY(type=_collated("varchar(90)", "utf8mb4", "utf8mb4_nopad_bin")),
        ],
    },
)
_KEY_UUID: Final = Sort(
    name="uuid",
    draw=UUID.draw,
    carriers={kind: carriers[:2] for kind, carriers in UUID.carriers.items()}
    | {"sqlite": [UUID.carriers["sqlite"][0], UUID.carriers["sqlite"][2]]},
)


def _key_sorts(chance: Chance) -> tuple[Sort, ...]:
    return chance.choice(
        (
            (_KEY_NUMBER,),
            (_KEY_NUMBER, _KEY_NUMBER),
            (_KEY_WORD,),
            (_KEY_UUID,),
            (_KEY_NUMBER, _KEY_WORD),
            (),
        )
    )


def _sort(source: str, target: str, chance: Chance) -> Sort:
    if source == target == "postgresql" and chance.random() < 0.3:
        return chance.choice(OWN)
    return chance.choice(SORTS)


def _carriers(sort: Sort, source: str, target: str, chance: Chance) -> tuple[Carrier, Carrier]:
    """Draw what carries a column on both sides, so that one of them says what it is."""
    while True:
        one = chance.choice(sort.carriers[source])
        other = chance.choice(sort.carriers[target])
        if not (one.loose and other.loose):
            return one, other
        if all(carrier.loose for carrier in sort.carriers[source] + sort.carriers[target]):  # type: ignore[operator]
            # A word is what it is where no side knows better.
            still = Carrier(type=one.type, write=lambda value, chance: str(value), holds=one.holds)
            return still, Carrier(type=other.type, write=still.write, holds=other.holds)


def _drawn(sort: Sort, ends: tuple[Carrier, Carrier], chance: Chance) -> Value:
    for _ in range(50):
        value = sort.draw(chance)
        if all(end.holds(value) for end in ends):
            return value
    return None


def _written(
    value: Value, ends: tuple[Carrier, Carrier], kept: bool, chance: Chance
) -> tuple[Value, Value]:
    if value is None:
        return None, None
    if kept and ends[0].write is ends[1].write:
        written = ends[0].write(value, chance)
        return written, written
    return ends[0].write(value, chance), ends[1].write(value, chance)
