"""A table with every type, the same rows in each engine, and the smallest change to each value.

The values of row `i` are known without asking any database: each column has a pool of nasty and
of random values, and `i` chooses. Pools have lengths without a common divisor, so that no two rows
are alike. `change` gives a value that is really another one, by as little as its type can tell.
"""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import json
import math
import random
import struct
import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.pairs import writing
from tests.pairs.writing import KINDS, Sql, Value

SEED: Final = 20260101
# A row where something differs is looked at again as JSON; so many are written unlike each other.
UNLIKE_ROWS: Final = 500

Change = Callable[[Value, random.Random], Value]
Write = Callable[[str, Value], Value]


def _as_it_is(kind: str, value: Value) -> Value:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its type by engine, how values come about, change, and are written."""

    name: str
    types: Mapping[str, str]
    draw: Callable[[random.Random], Value]
    change: Change
    nasty: Sequence[Value] = ()
    write: Write = _as_it_is
    null: bool = True
    pool: int = 997

    def values(self) -> list[Value]:
        """Return the pool of values."""
        chance = random.Random(f"{SEED} {self.name}")
        found: list[Value] = [*self.nasty]
        if self.null:
            found += [None] * (self.pool // 20)
        found += [self.draw(chance) for _ in range(self.pool - len(found))]
        chance.shuffle(found)
        return found

    def another(self, value: Value, chance: random.Random) -> Value:
        """Return another value; now and then that is NULL."""
        if value is None:
            return self.draw(chance)
        if self.null and chance.random() < 0.1:
            return None
        changed = self.change(value, chance)
        if changed == value and not isinstance(value, float):
            raise AssertionError(f"{self.name}: {value!r} was not changed")
        return changed


def _types(sqlite: str, postgresql: str, mariadb: str) -> Mapping[str, str]:
    return dict(zip(KINDS, (sqlite, postgresql, mariadb), strict=True))


# --- numbers --------------------------------------------------------------------------------


def _integers(name: str, low: int, high: int, *types: str, pool: int) -> Column:
    def change(value: Value, chance: random.Random) -> Value:
        number = int(str(value))
        near = [one for one in (number - 1, number + 1) if low <= one <= high]
        return chance.choice(near)

    return Column(
        name=name,
        types=_types(*types),
        draw=lambda chance: chance.randint(low, high),
        change=change,
        nasty=(low, high, *(one for one in (0, 1) if low <= one), low + 1, high - 1),
        pool=pool,
    )


def _decimals(name: str, digits: int, scale: int, *types: str, pool: int) -> Column:
    unit = Decimal(1).scaleb(-scale)
    most = 10**digits - 1

    def number(chance: random.Random) -> Decimal:
        figures = chance.randint(-most, most) // 10 ** chance.randrange(digits)
        return _scaled(figures, scale)

    def change(value: Value, chance: random.Random) -> Value:
        at = int(Decimal(str(value)).scaleb(scale, _WIDE_CONTEXT))
        near = [one for one in (at - 1, at + 1) if abs(one) <= most]
        return _scaled(chance.choice(near), scale)

    return Column(
        name=name,
        types=_types(*types),
        draw=number,
        change=change,
        nasty=(_scaled(most, scale), _scaled(-most, scale), _scaled(0, scale), unit, -unit),
        pool=pool,
    )


_WIDE_CONTEXT: Final = decimal.Context(prec=200)


def _scaled(figures: int, scale: int) -> Decimal:
    return Decimal(figures).scaleb(-scale, _WIDE_CONTEXT)


def _double(chance: random.Random) -> float:
    while True:
        (number,) = struct.unpack(">d", chance.randbytes(8))
        if math.isfinite(number) and number != 0:
            return float(number)


def _next_double(value: Value, chance: random.Random) -> Value:
    number = float(str(value))
    for towards in chance.sample([math.inf, -math.inf], 2):
        near = math.nextafter(number, towards)
        # -0.0 is not kept everywhere, nor is what lies beyond the largest.
        if math.isfinite(near) and near != 0:
            return near
    raise AssertionError(f"{number!r} has no neighbours")


def _single(chance: random.Random) -> float:
    while True:
        (number,) = struct.unpack(">f", chance.randbytes(4))
        if math.isfinite(number) and number != 0:
            return float(number)


def _next_single(value: Value, chance: random.Random) -> Value:
    (bits,) = struct.unpack(">i", struct.pack(">f", float(str(value))))
    for step in chance.sample([-1, 1], 2):
        near = struct.unpack(">f", struct.pack(">i", bits + step))[0] if bits else 2.0**-149
        if math.isfinite(near) and near != 0:
            return float(near)
    raise AssertionError(f"{value!r} has no neighbours")


# --- texts ----------------------------------------------------------------------------------

WORDS: Final = (
    "",
    " ",
    "a|b",
    "1:a|1:b",
    "NULL",
    "<null>",
    "\\N",
    "'; DROP TABLE x; --",
    "\"quoted\" `and` 'quoted'",
    "100 % of %s and ? and :x",
    "back\\slash\\\\",
    "tab\tnew\nline\r\nend",
    "Straße",
    "caf\u00e9",
    "cafe\u0301",
    "İstanbul ılık",
    "Ｆｕｌｌ　ｗｉｄｔｈ",
    "שלום \u200fRTL\u202e",
    "مرحبا",
    "नमस्ते",
    "漢字かな",
    "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈",
    "🎉🎊",
    "\u200b\ufeff\u2028",
    "\U0010ffff\ufffd",
    "!t61",
    "i:1",
    "007",
    "1e5",
    "2024-01-01",
    "true",
    "{}",
)
_ALPHABET: Final = "aAbBzZéÉßäñçøœжЖΩω漢字🎉🎊👍 _-'\"\\|:%\t01289"


def _text(chance: random.Random, most: int) -> str:
    length = chance.choice((1, 3, 8, most // 2, most))
    return "".join(chance.choices(_ALPHABET, k=length)).rstrip(" ")[:most]


def _change_text(value: Value, chance: random.Random, *, most: int, padded: bool = False) -> Value:
    text = str(value)
    ways = [_swap_case, _another_mark, _last_character, _first_character]
    if not padded:
        ways += [_blank_at_the_end, _empty, _invisible]
    chance.shuffle(ways)
    for way in ways:
        changed = way(text)
        # What would only be blanks at the end of a CHAR does not count there.
        if padded:
            changed = changed.rstrip(" ")
        if changed != text and len(changed) <= most:
            return changed
    return "x" if text != "x" else "y"


def _swap_case(text: str) -> str:
    for at, letter in enumerate(text):
        other = letter.swapcase()
        if other != letter and len(other) == 1:
            return text[:at] + other + text[at + 1 :]
    return text


def _another_mark(text: str) -> str:
    for form in ("NFD", "NFC"):
        other = unicodedata.normalize(form, text)
        if other != text:
            return other
    return text


def _last_character(text: str) -> str:
    return text[:-1] + ("y" if text.endswith("x") else "x")


def _first_character(text: str) -> str:
    return ("🎊" if text.startswith("🎉") else "🎉") + text[1:]


def _blank_at_the_end(text: str) -> str:
    return text[:-1] if text.endswith(" ") else text + " "


def _empty(text: str) -> str:
    return ""


def _invisible(text: str) -> str:
    return text + "\u200b"


def _texts(name: str, most: int, *types: str, pool: int, padded: bool = False) -> Column:
    words = [word for word in WORDS if len(word) <= most]
    if padded:
        words = [word.rstrip(" ") for word in words]
    return Column(
        name=name,
        types=_types(*types),
        draw=lambda chance: _text(chance, most),
        change=functools.partial(_change_text, most=most, padded=padded),
        nasty=words,
        pool=pool,
    )


# --- bytes ----------------------------------------------------------------------------------


def _bytes(name: str, low: int, high: int, *types: str, pool: int) -> Column:
    def change(value: Value, chance: random.Random) -> Value:
        if not isinstance(value, bytes):
            raise TypeError("bytes are meant")
        if low < high and chance.random() < 0.3:
            return value[:-1] if value and len(value) == high else value + b"\0"
        if not value:
            return b"\0"
        at = chance.randrange(len(value))
        flipped = value[at] ^ (1 << chance.randrange(8))
        return value[:at] + bytes([flipped]) + value[at + 1 :]

    return Column(
        name=name,
        types=_types(*types),
        draw=lambda chance: chance.randbytes(chance.randint(low, high)),
        change=change,
        nasty=(bytes(low), b"\xff" * high, b"\x80" * high, b"|" * high),
        pool=pool,
    )


# --- moments --------------------------------------------------------------------------------

_TICK: Final = dt.timedelta(microseconds=1)


def _moved(step: dt.timedelta) -> Change:
    def change(value: Value, chance: random.Random) -> Value:
        if isinstance(value, dt.time):
            at = dt.datetime.combine(dt.date(2000, 1, 1), value)
            return (at + (step if value < dt.time(12) else -step)).time()
        if not isinstance(value, dt.date):
            raise TypeError("a moment is meant")
        return value + step if chance.random() < 0.5 and value.year < 9999 else value - step

    return change


def _moment(chance: random.Random, first: dt.datetime, last: dt.datetime) -> dt.datetime:
    seconds = int((last - first).total_seconds())
    micro = chance.choice((0, 100_000, 1, 999_999, chance.randrange(10**6)))
    return first + dt.timedelta(seconds=chance.randrange(seconds), microseconds=micro)


_FIRST: Final = dt.datetime(1000, 1, 2)
_LAST: Final = dt.datetime(9999, 12, 30)
# What MariaDB's TIMESTAMP holds.
_EPOCH: Final = dt.datetime(1970, 1, 2, tzinfo=dt.UTC)
_DOOM: Final = dt.datetime(2038, 1, 18, tzinfo=dt.UTC)


# --- documents ------------------------------------------------------------------------------


def dumped(value: object) -> str:
    """Write a document as PostgreSQL's jsonb does, so that equal ones have equal texts."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
        return "{" + ", ".join(f"{dumped(key)}: {dumped(one)}" for key, one in members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _document(chance: random.Random) -> str:
    made = {
        "id": chance.randrange(10**6),
        "name": chance.choice([word for word in WORDS if "\\" not in word]),
        "flags": [chance.random() < 0.5, None, chance.randrange(-9, 9)],
        "deep": {"a": {"b": [chance.randrange(100), {"c": "x"}]}},
    }
    return dumped(made)


def _change_document(value: Value, chance: random.Random) -> Value:
    made = json.loads(str(value))
    if not isinstance(made, dict):
        return dumped({"was": made})
    match chance.randrange(8):
        case 0:
            made["id"] = made.get("id", 0) + 1
        case 1:
            made["id"] = str(made.get("id"))
        case 2:
            made["flags"] = [0, *made.get("flags", [1, 2, "x"])]
        case 3:
            made["new"] = None
        case 4:
            made.setdefault("deep", {})["a"] = {"b": []}
        case 5:
            made["name"] = f"{made.get('name', '')} "
        case 6:
            made["flags"] = {}
        case _:
            made["name"] = str(made.get("name", "")).swapcase() + "Ω"
    return dumped(made)


def unlike(text: str) -> str:
    """Write a document in another way: members in another order, characters by numbers."""
    made = json.loads(text)
    if isinstance(made, dict):
        made = dict(reversed(made.items()))
    return json.dumps(made, ensure_ascii=True, indent=1)


# --- bits, sets, lists ----------------------------------------------------------------------


def _bits(name: str, size: int, sqlite: str, *, pool: int) -> Column:
    def write(kind: str, value: Value) -> Value:
        if value is None or kind != "postgresql":
            return value
        return Sql(f"B'{int(str(value)):0{size}b}'")

    return Column(
        name=name,
        types=_types(sqlite, f"bit({size})", f"bit({size})"),
        draw=lambda chance: chance.getrandbits(size),
        change=lambda value, chance: int(str(value)) ^ (1 << chance.randrange(size)),
        nasty=(0, 1, 2**size - 1, 2 ** (size - 1)),
        write=write,
        pool=pool,
    )


_MEMBERS: Final = ("a", "b", "c", "d e", "é")


def _set(chance: random.Random) -> str:
    return ",".join(one for one in _MEMBERS if chance.random() < 0.5)


def _change_set(value: Value, chance: random.Random) -> Value:
    there = set(str(value).split(",")) - {""}
    there ^= {chance.choice(_MEMBERS)}
    return ",".join(one for one in _MEMBERS if one in there)


def _write_array(kind: str, value: Value) -> Value:
    if value is None or kind != "postgresql":
        return value
    return "{" + str(value)[1:-1].replace("null", "NULL") + "}"


def _array(chance: random.Random) -> str:
    numbers = [chance.choice((chance.randrange(-99, 99), None)) for _ in range(chance.randrange(5))]
    return json.dumps(numbers, separators=(",", ":"))


def _change_array(value: Value, chance: random.Random) -> Value:
    numbers = json.loads(str(value))
    if not numbers or chance.random() < 0.3:
        return json.dumps([*numbers, 0], separators=(",", ":"))
    at = chance.randrange(len(numbers))
    numbers[at] = None if numbers[at] is not None and chance.random() < 0.3 else 100
    return json.dumps(numbers, separators=(",", ":"))


def _interval(chance: random.Random) -> str:
    days = chance.randrange(1, 400)
    clock = dt.time(chance.randrange(24), chance.randrange(60), chance.randrange(1, 60))
    return f"{days} day{'s' if days > 1 else ''} {clock.isoformat()}"


def _change_interval(value: Value, chance: random.Random) -> Value:
    days, word, clock = str(value).split(" ")
    if chance.random() < 0.5:
        return f"{int(days) + 2} days {clock}"
    return f"{days} {word} {clock}.000001" if "." not in clock else f"{days} {word} {clock[:8]}"


def _address(chance: random.Random) -> str:
    return ".".join(str(chance.randrange(256)) for _ in range(4))


def _change_address(value: Value, chance: random.Random) -> Value:
    *rest, last = str(value).split(".")
    return ".".join((*rest, str(int(last) ^ 1)))


def _write_uuid_bytes(kind: str, value: Value) -> Value:
    return value.bytes if isinstance(value, uuid.UUID) and kind != "postgresql" else value


def _uuid(chance: random.Random) -> uuid.UUID:
    # MariaDB's type refuses bits that are no UUID's.
    return uuid.UUID(int=chance.getrandbits(128), version=4)


def _change_uuid(value: Value, chance: random.Random) -> Value:
    if not isinstance(value, uuid.UUID):
        raise TypeError("a UUID is meant")
    at = chance.choice((chance.randrange(62), chance.randrange(80, 128)))
    return uuid.UUID(int=value.int ^ (1 << at))


MOODS: Final = ("sad", "ok", "happy", "Happy!", "ünglück")
BEFORE: Final = {
    "postgresql": f"CREATE TYPE feeling AS ENUM ({', '.join(repr(one) for one in MOODS)})"
}


def _other(*known: str) -> Change:
    def change(value: Value, chance: random.Random) -> Value:
        return chance.choice([one for one in known if one != value])

    return change


# --- all columns ----------------------------------------------------------------------------

_ENUM: Final = f"enum({', '.join(repr(one) for one in MOODS)})"
_SET: Final = f"set({', '.join(repr(one) for one in _MEMBERS)})"
_UUIDS: Final = (uuid.UUID(int=0), uuid.UUID("ffffffff-ffff-4fff-bfff-ffffffffffff"))

DOUBLES: Final = (
    *(0.1, 0.3, 0.1 + 0.2, 1 / 3, 2.5, 100.0, 1e-4, 1e-5, 1e-15, 1e15, 1e16, 1e22),
    *(123456789012345680.0, -9007199254740992.0, 5e-324, 2.2250738585072014e-308),
    *(1.7976931348623157e308, -1.7976931348623157e308),
)
DAYS: Final = (
    *(dt.date(1000, 1, 2), dt.date(1582, 10, 10), dt.date(1900, 2, 28)),
    *(dt.date(2024, 2, 29), dt.date(9999, 12, 30)),
)

COLUMNS: Final[tuple[Column, ...]] = (
    _integers("i8", -128, 127, "TINYINT", "smallint", "tinyint", pool=241),
    _integers("i16", -(2**15), 2**15 - 1, "SMALLINT", "smallint", "smallint", pool=983),
    _integers("i24", -(2**23), 2**23 - 1, "MEDIUMINT", "integer", "mediumint", pool=991),
    _integers("i32", -(2**31), 2**31 - 1, "INTEGER", "integer", "int", pool=997),
    _integers("i64", -(2**63), 2**63 - 1, "BIGINT", "bigint", "bigint", pool=1009),
    _integers("u8", 0, 255, "INTEGER", "smallint", "tinyint unsigned", pool=251),
    _integers("u32", 0, 2**32 - 1, "INTEGER", "bigint", "int unsigned", pool=1013),
    _integers(
        "u64", 0, 2**64 - 1, "DECIMAL_TEXT(20, 0)", "numeric(20, 0)", "bigint unsigned", pool=1019
    ),
    Column(
        name="flag",
        types=_types("BOOLEAN", "boolean", "tinyint(1)"),
        draw=lambda chance: chance.random() < 0.5,
        change=lambda value, chance: not value,
        pool=53,
    ),
    _decimals("money", 12, 2, "DECIMAL(12, 2)", "numeric(12, 2)", "decimal(12, 2)", pool=1021),
    _decimals(
        "exact", 38, 10, "DECIMAL_TEXT(38, 10)", "numeric(38, 10)", "decimal(38, 10)", pool=1031
    ),
    _decimals("scales", 30, 15, "DECIMAL_TEXT", "numeric", "decimal(38, 18)", pool=1033),
    Column(
        name="f32",
        types=_types("FLOAT", "real", "float"),
        draw=_single,
        change=_next_single,
        nasty=(0.10000000149011612, 1.0, -1.0, 16777216.0, 2.0**-149, 3.4028234663852886e38),
        pool=1039,
    ),
    Column(
        name="f64",
        types=_types("DOUBLE", "double precision", "double"),
        draw=_double,
        change=_next_double,
        nasty=DOUBLES,
        pool=1049,
    ),
    Column(
        name="near",
        types=_types("REAL", "double precision", "double"),
        draw=lambda chance: round(chance.uniform(-1e6, 1e6), chance.randrange(12)) or 1.5,
        change=_next_double,
        pool=1051,
    ),
    _texts("fixed", 12, "CHAR(12)", "char(12)", "char(12)", pool=557, padded=True),
    _texts("word", 40, "VARCHAR(40)", "varchar(40)", "varchar(40)", pool=1061),
    _texts("words", 200, "TEXT", "text", "text", pool=563),
    _texts("tale", 400, "TEXT", "text", "longtext", pool=211),
    _bytes("b8", 8, 8, "BLOB", "bytea", "binary(8)", pool=1063),
    _bytes("vb", 0, 40, "BLOB", "bytea", "varbinary(40)", pool=1069),
    _bytes("blob", 0, 120, "BLOB", "bytea", "longblob", pool=223),
    Column(
        name="day",
        types=_types("DATE", "date", "date"),
        draw=lambda chance: _moment(chance, _FIRST, _LAST).date(),
        change=_moved(dt.timedelta(days=1)),
        nasty=DAYS,
        pool=1087,
    ),
    Column(
        name="clock",
        types=_types("TIME", "time(6)", "time(6)"),
        draw=lambda chance: _moment(chance, _FIRST, _LAST).time(),
        change=_moved(_TICK),
        nasty=(dt.time(0), dt.time(23, 59, 59, 999_999), dt.time(12), dt.time(0, 0, 0, 1)),
        pool=1091,
    ),
    Column(
        name="at",
        types=_types("DATETIME", "timestamp(6)", "datetime(6)"),
        draw=lambda chance: _moment(chance, _FIRST, _LAST),
        change=_moved(_TICK),
        nasty=(_FIRST, _LAST, dt.datetime(1969, 12, 31, 23, 59, 59, 999_999)),
        pool=1093,
    ),
    Column(
        name="at_second",
        types=_types("DATETIME", "timestamp(0)", "datetime"),
        draw=lambda chance: _moment(chance, _FIRST, _LAST).replace(microsecond=0),
        change=_moved(dt.timedelta(seconds=1)),
        pool=1097,
    ),
    Column(
        name="instant",
        types=_types("TIMESTAMPTZ", "timestamptz(6)", "timestamp(6)"),
        draw=lambda chance: _moment(chance, _EPOCH, _DOOM),
        change=_moved(_TICK),
        nasty=(_EPOCH, _DOOM),
        pool=1103,
    ),
    Column(
        name="doc",
        types=_types("JSON", "jsonb", "json"),
        draw=_document,
        change=_change_document,
        nasty=("{}", "[]", '{"a": null}', "[[], {}]"),
        pool=569,
    ),
    Column(
        name="doc_text",
        types=_types("JSON_TEXT", "json", "json"),
        draw=_document,
        change=_change_document,
        nasty=("null", "true", "0", '""', '"x"', "[1, 2]"),
        pool=571,
    ),
    Column(
        name="uid",
        types=_types("CHAR(36)", "uuid", "uuid"),
        draw=_uuid,
        change=_change_uuid,
        nasty=_UUIDS,
        pool=1109,
    ),
    Column(
        name="uid16",
        types=_types("BINARY(16)", "uuid", "binary(16)"),
        draw=_uuid,
        change=_change_uuid,
        nasty=_UUIDS,
        write=_write_uuid_bytes,
        pool=1117,
    ),
    Column(
        name="mood",
        types=_types("VARCHAR(8)", "feeling", _ENUM),
        draw=lambda chance: chance.choice(MOODS),
        change=_other(*MOODS),
        pool=59,
    ),
    Column(
        name="some",
        types=_types("TEXT", "text", _SET),
        draw=_set,
        change=_change_set,
        nasty=("", "a,b,c,d e,é"),
        pool=61,
    ),
    Column(
        name="numbers",
        types=_types("JSON", "integer[]", "json"),
        draw=_array,
        change=_change_array,
        nasty=("[]", "[null]", "[-1,null,2147483647]"),
        write=_write_array,
        pool=577,
    ),
    _bits("bits", 12, "INTEGER", pool=587),
    _bits("bits64", 64, "DECIMAL_TEXT(20, 0)", pool=593),
    _integers("year", 1901, 2155, "YEAR", "smallint", "year", pool=257),
    Column(
        name="span",
        types=_types("TEXT", "interval", "varchar(60)"),
        draw=_interval,
        change=_change_interval,
        pool=599,
    ),
    Column(
        name="address",
        types=_types("TEXT", "inet", "varchar(60)"),
        draw=_address,
        change=_change_address,
        nasty=("0.0.0.0", "255.255.255.255"),
        pool=601,
    ),
)


class Rows:
    """The rows of the wide table, by their numbers from 1."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pools = {column.name: column.values() for column in COLUMNS}
        self._written: dict[str, list[list[Value]]] = {}

    def value(self, number: int, name: str) -> Value:
        """Return what a row holds, before it is written for an engine."""
        pool = self._pools[name]
        return pool[number % len(pool)]

    def row(self, kind: str, number: int) -> list[Value]:
        """Return all values of a row, as an engine takes them."""
        if kind not in self._written:
            self._written[kind] = [
                [_ready(kind, column.write(kind, value)) for value in self._pools[column.name]]
                for column in COLUMNS
            ]
        return [pool[number % len(pool)] for pool in self._written[kind]]


def _ready(kind: str, value: Value) -> Value:
    # Each value is written once, however many rows hold it.
    return value if kind == "sqlite" else Sql(writing.literal(kind, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One way to name the rows: columns of a key by name, their types and their values."""

    name: str
    key: Mapping[str, tuple[Mapping[str, str], Callable[[int], Value]]]
    primary: bool = True

    def cells(self, number: int) -> dict[str, Value]:
        """Return the key of a row, as a condition finds it."""
        return {name: value(number) for name, (_, value) in self.key.items()}

    def named(self, number: int) -> tuple[str, ...]:
        """Return the key of a row, by the texts in which it is compared."""
        return tuple(
            value.hex if isinstance(value, uuid.UUID) else str(value)
            for value in self.cells(number).values()
        )


def _text_key(number: int) -> Value:
    # No order of a collation is that of its bytes.
    return f"{_ALPHABET[number * 7 % 20]}{number * 7919 % 1_000_003:x} é{number}"


def _uuid_key(number: int) -> Value:
    return uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128, version=4)


_BIGINT: Final = _types("BIGINT", "bigint", "bigint")
TABLES: Final = (
    Table(name="by_number", key={"k": (_BIGINT, lambda number: number * 3 - 50)}),
    Table(
        name="by_text",
        key={"k": (_types("VARCHAR(60)", "varchar(60)", "varchar(60)"), _text_key)},
    ),
    Table(
        name="by_two",
        key={
            "k1": (_BIGINT, lambda number: number // 100),
            "k2": (_types("CHAR(36)", "uuid", "uuid"), _uuid_key),
        },
    ),
    Table(name="no_key", key={"k": (_BIGINT, lambda number: number)}, primary=False),
)
