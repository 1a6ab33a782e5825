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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.pairs import sorts
from tests.pairs.writing import Sql, Value

# --- moments --------------------------------------------------------------------------------

_MICROS: Final = (0, 0, 1, 10, 500_000, 999_999, 123_456)


def _any_moment(chance: sorts.Chance, first: int = 1, last: int = 9999) -> dt.datetime:
    year = chance.choice((first, last, 1582, 1900, 1969, 1970, 2000, 2024, 2038))
    if not first <= year <= last:
        year = chance.randint(first, last)
    day = dt.datetime(year, 1, 1) + dt.timedelta(days=chance.randrange(365))
    clock = chance.choice((0, 86_399, chance.randrange(86_400)))
    return day + dt.timedelta(seconds=clock, microseconds=chance.choice(_MICROS))


def _clock_text(at: dt.time | dt.datetime, chance: sorts.Chance) -> str:
    text = f"{at.hour:02}:{at.minute:02}:{at.second:02}"
    if at.microsecond:
        fraction = f"{at.microsecond:06}"
        return f"{text}.{chance.choice((fraction, fraction.rstrip('0')))}"
    return chance.choice((text, f"{text}.0", f"{text}.000000"))


def _moment_text(value: Value, chance: sorts.Chance) -> Value:
    if not isinstance(value, dt.datetime):
        raise TypeError("a moment is meant")
    return f"{value.date().isoformat()}{chance.choice(' T')}{_clock_text(value, chance)}"


def _zoned_text(value: Value, chance: sorts.Chance) -> Value:
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


def _midnight(value: Value, chance: sorts.Chance) -> Value:
    if not isinstance(value, dt.date):
        raise TypeError("a date is meant")
    return dt.datetime(value.year, value.month, value.day)


def _iso(value: Value, chance: sorts.Chance) -> Value:
    return value.isoformat() if isinstance(value, dt.date) else value


DATE: Final = sorts.Sort(
    name="date",
    draw=lambda chance: _any_moment(chance).date(),
    carriers={
        "sqlite": [
            sorts.any_value(type="DATE"),
            sorts.Carrier(type="TEXT", write=_iso, loose=True),
            sorts.Carrier(type="DATETIME", write=_midnight),
        ],
        "postgresql": [
            sorts.any_value(type="date"),
            sorts.Carrier(type="text", write=_iso, loose=True),
            sorts.Carrier(type="timestamp", write=_midnight),
        ],
        "mariadb": [
            sorts.any_value(type="date", holds=_since(1000)),
            sorts.Carrier(type="varchar(20)", write=_iso, loose=True),
            sorts.Carrier(type="datetime(3)", write=_midnight, holds=_since(1000)),
        ],
    },
)


def _clock_of(value: Value, chance: sorts.Chance) -> Value:
    if not isinstance(value, dt.time):
        raise TypeError("a time is meant")
    return _clock_text(value, chance)


TIME: Final = sorts.Sort(
    name="time",
    draw=lambda chance: _any_moment(chance).time(),
    carriers={
        "sqlite": [
            sorts.Carrier(type="TIME", write=_clock_of),
            sorts.Carrier(type="TEXT", write=_clock_of, loose=True),
        ],
        "postgresql": [
            sorts.Carrier(type="time", write=_clock_of),
            sorts.Carrier(type="text", write=_clock_of, loose=True),
        ],
        "mariadb": [
            sorts.Carrier(type="time(6)", write=_clock_of),
            sorts.Carrier(type="varchar(20)", write=_clock_of, loose=True),
        ],
    },
)
DATETIME: Final = sorts.Sort(
    name="datetime",
    draw=_any_moment,
    carriers={
        "sqlite": [
            sorts.Carrier(type="DATETIME", write=_moment_text),
            sorts.Carrier(type="TIMESTAMP", write=_moment_text),
            sorts.Carrier(type="TEXT", write=_moment_text, loose=True),
        ],
        "postgresql": [
            sorts.Carrier(type="timestamp", write=_moment_text),
            sorts.Carrier(type="timestamp(6)", write=_moment_text),
            sorts.Carrier(type="text", write=_moment_text, loose=True),
        ],
        "mariadb": [
            sorts.Carrier(type="datetime(6)", write=_moment_text, holds=_since(1000)),
            sorts.Carrier(type="varchar(30)", write=_moment_text, loose=True),
        ],
    },
)


INSTANT: Final = sorts.Sort(
    name="instant",
    draw=lambda chance: _any_moment(chance, 1000, 9998) + dt.timedelta(days=2),
    carriers={
        "sqlite": [
            sorts.Carrier(type="TIMESTAMPTZ", write=_zoned_text),
            sorts.Carrier(type="TIMESTAMP WITH TIME ZONE", write=_zoned_text),
            sorts.Carrier(type="TEXT", write=_zoned_text, loose=True),
            # Without a zone it is read as UTC.
            sorts.Carrier(type="DATETIME", write=_moment_text, loose=True),
        ],
        "postgresql": [
            sorts.Carrier(type="timestamptz", write=_zoned_text),
            sorts.Carrier(type="text", write=_zoned_text, loose=True),
            sorts.Carrier(type="timestamp", write=_moment_text, loose=True),
        ],
        "mariadb": [
            sorts.Carrier(type="timestamp(6)", write=_moment_text, holds=_since(1971, 2037)),
            sorts.Carrier(type="varchar(40)", write=_zoned_text, loose=True),
            sorts.Carrier(type="datetime(6)", write=_moment_text, loose=True),
        ],
    },
)

# --- documents ------------------------------------------------------------------------------


def _document(chance: sorts.Chance, depth: int = 0) -> object:
    if depth and (depth > 3 or chance.random() < 0.6):
        return chance.choice(
            (
                None,
                True,
                False,
                0,
                sorts.integer(chance),
                sorts.decimal(chance),
                _unnulled(chance),
                "",
            )
        )
    if chance.random() < 0.5:
        return [_document(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {_unnulled(chance): _document(chance, depth + 1) for _ in range(chance.randrange(5))}


def _unnulled(chance: sorts.Chance) -> str:
    return sorts.string(chance).replace("\0", "")


def dumped(value: object, chance: sorts.Chance) -> str:
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


def _dumped_text(text: str, chance: sorts.Chance) -> str:
    written = json.dumps(text, ensure_ascii=chance.random() < 0.5)
    return written.replace("/", "\\/") if chance.random() < 0.2 else written


def _dumped_number(number: Decimal, chance: sorts.Chance) -> str:
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


def _json(value: Value, chance: sorts.Chance) -> Value:
    return dumped(json.loads(str(value), parse_float=Decimal, parse_int=Decimal), chance)


JSON: Final = sorts.Sort(
    name="json",
    draw=lambda chance: dumped(_document(chance), chance),
    carriers={
        "sqlite": [
            sorts.Carrier(type="JSON_TEXT", write=_json),
            sorts.Carrier(type="JSON", write=_json),
            sorts.Carrier(type="JSONB", write=_json),
            sorts.Carrier(type="TEXT", write=_json, loose=True),
        ],
        "postgresql": [
            sorts.Carrier(type="json", write=_json),
            sorts.Carrier(type="jsonb", write=_json),
            sorts.Carrier(type="text", write=_json, loose=True),
        ],
        "mariadb": [
            sorts.Carrier(type="json", write=_json),
            sorts.Carrier(type="longtext", write=_json, loose=True),
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
ENUM: Final = sorts.Sort(
    name="enum",
    draw=lambda chance: chance.choice(_MOODS),
    carriers={
        "sqlite": [sorts.any_value(type="VARCHAR(9)")],
        "postgresql": [
            sorts.any_value(type="mood"),
            sorts.any_value(type="text"),
            sorts.any_value(type="word"),
        ],
        "mariadb": [sorts.any_value(type=_ENUM), sorts.any_value(type="varchar(9)")],
    },
)


def _bit_literal(size: int) -> Callable[[Value, sorts.Chance], Value]:
    return lambda value, chance: Sql(f"B'{int(str(value)):0{size}b}'")


BITS: Final = sorts.Sort(
    name="bits",
    draw=lambda chance: chance.choice((0, 1, 0xFFFF, chance.getrandbits(16))),
    carriers={
        "sqlite": [sorts.any_value(type="INTEGER"), sorts.any_value(type="BIGINT")],
        "postgresql": [
            sorts.Carrier(type="bit(16)", write=_bit_literal(16)),
            sorts.any_value(type="integer"),
        ],
        "mariadb": [
            sorts.any_value(type="bit(16)"),
            sorts.any_value(type="bit(20)"),
            sorts.any_value(type="smallint unsigned"),
        ],
    },
)
YEAR: Final = sorts.Sort(
    name="year",
    draw=lambda chance: chance.choice((1901, 2155, 2000, 0, chance.randint(1901, 2155))),
    carriers={
        "sqlite": [sorts.any_value(type="YEAR"), sorts.any_value(type="INTEGER")],
        "postgresql": [sorts.any_value(type="smallint")],
        "mariadb": [sorts.any_value(type="year"), sorts.any_value(type="smallint")],
    },
)


def _array(chance: sorts.Chance) -> str:
    numbers = [chance.choice((None, chance.randrange(-99, 99))) for _ in range(chance.randrange(5))]
    return json.dumps(numbers)


def _words(chance: sorts.Chance) -> str:
    words = [chance.choice((None, _unnulled(chance))) for _ in range(chance.randrange(4))]
    return json.dumps(words)


def _array_literal(value: Value, chance: sorts.Chance) -> Value:
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


def _arrays(name: str, draw: Callable[[sorts.Chance], str], type_: str) -> sorts.Sort:
    return sorts.Sort(
        name=name,
        draw=draw,
        carriers={
            "sqlite": [sorts.Carrier(type="JSON_TEXT", write=_json)],
            "postgresql": [
                sorts.Carrier(type=type_, write=_array_literal),
                sorts.Carrier(type="jsonb", write=_json),
            ],
            "mariadb": [sorts.Carrier(type="json", write=_json)],
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


def _own_literal(value: Value, chance: sorts.Chance) -> Value:
    return chance.choice(str(value).split(";"))


OWN: Final = tuple(
    sorts.Sort(
        name=type_,
        draw=functools.partial(lambda one, chance: one, ";".join(ways)),
        carriers={"postgresql": [sorts.Carrier(type=type_, write=_own_literal)]},
    )
    for type_, ways in _ITS_OWN
)

SORTS: Final = (
    *(
        sorts.TEXT,
        sorts.TEXT,
        sorts.PADDED,
        sorts.INTEGER,
        sorts.BOOLEAN,
        sorts.WORD_FOR_BOOLEAN,
        sorts.DECIMAL,
        sorts.DECIMAL,
        sorts.FLOAT,
        sorts.FLOAT,
    ),
    *(sorts.BINARY, sorts.UUID, DATE, TIME, DATETIME, INSTANT, JSON, JSON, ENUM, BITS, YEAR),
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


def table(name: str, source: str, target: str, chance: sorts.Chance) -> Table:
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


def _number(chance: sorts.Chance) -> int:
    return chance.choice((-1, 1)) * chance.getrandbits(chance.choice((8, 31, 63)))


def _word(chance: sorts.Chance) -> str:
    # Different, too, where a collation compares.
    return f"{_unnulled(chance)[:40]}{chance.getrandbits(60)}"


_KEY_NUMBER: Final = sorts.Sort(
    name="number",
    draw=_number,
    carriers={
        "sqlite": [sorts.any_value(type="BIGINT"), sorts.any_value(type="INTEGER")],
        "postgresql": [sorts.any_value(type="bigint"), sorts.any_value(type="numeric(30, 0)")],
        "mariadb": [sorts.any_value(type="bigint"), sorts.any_value(type="decimal(30, 0)")],
    },
)
_KEY_WORD: Final = sorts.Sort(
    name="word",
    draw=_word,
    carriers={
        "sqlite": [sorts.any_value(type="VARCHAR(90)"), sorts.any_value(type="TEXT")],
        "postgresql": [sorts.any_value(type="varchar(90)"), sorts.any_value(type="text")],
        "mariadb": [
            sorts.any_value(type="varchar(90)"),
            sorts.any_value(type=sorts.collated("varchar(90)", "utf8mb4", "utf8mb4_nopad_bin")),
        ],
    },
)
_KEY_UUID: Final = sorts.Sort(
    name="uuid",
    draw=sorts.UUID.draw,
    carriers={kind: carriers[:2] for kind, carriers in sorts.UUID.carriers.items()}
    | {"sqlite": [sorts.UUID.carriers["sqlite"][0], sorts.UUID.carriers["sqlite"][2]]},
)


def _key_sorts(chance: sorts.Chance) -> tuple[sorts.Sort, ...]:
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


def _sort(source: str, target: str, chance: sorts.Chance) -> sorts.Sort:
    if source == target == "postgresql" and chance.random() < 0.3:
        return chance.choice(OWN)
    return chance.choice(SORTS)


def _carriers(
    sort: sorts.Sort, source: str, target: str, chance: sorts.Chance
) -> tuple[sorts.Carrier, sorts.Carrier]:
    """Draw what carries a column on both sides, so that one of them says what it is."""
    while True:
        one = chance.choice(sort.carriers[source])
        other = chance.choice(sort.carriers[target])
        if not (one.loose and other.loose):
            return one, other
        if all(carrier.loose for carrier in sort.carriers[source] + sort.carriers[target]):  # type: ignore[operator]
            # A word is what it is where no side knows better.
            still = sorts.Carrier(
                type=one.type, write=lambda value, chance: str(value), holds=one.holds
            )
            return still, sorts.Carrier(type=other.type, write=still.write, holds=other.holds)


def _drawn(
    sort: sorts.Sort, ends: tuple[sorts.Carrier, sorts.Carrier], chance: sorts.Chance
) -> Value:
    for _ in range(50):
        value = sort.draw(chance)
        if all(end.holds(value) for end in ends):
            return value
    return None


def _written(
    value: Value, ends: tuple[sorts.Carrier, sorts.Carrier], kept: bool, chance: sorts.Chance
) -> tuple[Value, Value]:
    if value is None:
        return None, None
    if kept and ends[0].write is ends[1].write:
        written = ends[0].write(value, chance)
        return written, written
    return ends[0].write(value, chance), ends[1].write(value, chance)
