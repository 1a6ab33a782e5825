"""Thirty-six questions that tools for comparing databases get wrong, and more of that sort.

Each case is a table of a hundred rows; in one row a value is planted. The sides are equal, or they
differ in that row and nowhere else. `tests/pairs/test_battery.py` asks Whimbrel, `bench/battery.py`
others. The first 36 are those in which reladiff and data-diff were measured to fail or to hold.

An engine that cannot hold a case's value at all says why; such a pair is counted, not run. Where
only the source cannot hold what the target can, the sides change places.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tests import databases
from tests.pairs import writing
from tests.pairs.writing import KINDS, Sql, Value

ROWS: Final = 100
PLANTED: Final = 50
# How rows are named: by a number, by a text, by nothing.
KEYS: Final = ("number", "text", "none")

Types = Mapping[str, str]
Row = tuple[Value, ...]


def types(sqlite: str, postgresql: str | None = None, mariadb: str | None = None) -> Types:
    """Return the type of a column in each engine."""
    return {
        "sqlite": sqlite,
        "postgresql": postgresql or sqlite.lower(),
        "mariadb": mariadb or sqlite.lower(),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side of a case holds: columns by name, what is in usual rows, what is planted.

    `planted` None leaves the row out. `cannot` says why an engine cannot hold it.
    """

    columns: Mapping[str, Types]
    usual: Callable[[int], Row]
    planted: Mapping[str, Row] | None
    cannot: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question. `names` are the columns that differ, none where the sides are equal.

    `keys` are the ways in which rows are named; `text_keys` are those of the planted row.
    `apart` are engines that keep equal values as different ones of their own: between two
    databases of such an engine they do differ.
    """

    title: str
    left: Side
    right: Side
    equal: bool
    names: tuple[str, ...] = ()
    keys: tuple[str, ...] = KEYS
    text_keys: tuple[str, str] | None = None
    apart: frozenset[str] = frozenset()

    def equal_between(self, source: str, target: str) -> bool:
        """Return whether the sides are equal, held by these engines."""
        return self.equal and not (source == target and source in self.apart)

    def sides(self, source: str, target: str) -> tuple[Side, Side] | str:
        """Return what each engine holds, or why it cannot."""
        if source not in self.left.cannot and target not in self.right.cannot:
            return self.left, self.right
        if source not in self.right.cannot and target not in self.left.cannot:
            return self.right, self.left
        return self.left.cannot.get(source) or self.right.cannot[target]


# --- how cases are said ---------------------------------------------------------------------

TEXT: Final = types("VARCHAR(80)")
LONG_TEXT: Final = types("TEXT", "text", "longtext")
INTEGER: Final = types("INTEGER", "integer", "int")
BIGINT: Final = types("BIGINT")
UNSIGNED: Final = types("DECIMAL_TEXT(20, 0)", "numeric(20, 0)", "bigint unsigned")
DOUBLE: Final = types("DOUBLE", "double precision", "double")
BLOB: Final = types("BLOB", "bytea", "blob")
BINARY_16: Final = types("BINARY(16)", "bytea", "binary(16)")
DATE: Final = types("DATE")
TIME: Final = types("TIME", "time(6)", "time(6)")
DATETIME: Final = types("DATETIME", "timestamp(6)", "datetime(6)")
INSTANT: Final = types("TIMESTAMPTZ", "timestamptz", "timestamp(6)")
JSON: Final = types("JSON", "jsonb", "json")
JSON_TEXT: Final = types("JSON_TEXT", "json", "json")
UUID: Final = types("UUID", "uuid", "uuid")
CHAR_36: Final = types("CHAR(36)")
BOOLEAN: Final = types("BOOLEAN", "boolean", "tinyint(1)")

MOOD: Final = types("VARCHAR(8)", "mood", "enum('sad', 'ok', 'happy')")
# What has to be there before the tables.
BEFORE: Final[Mapping[str, str]] = {"postgresql": "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')"}


def _decimal(digits: int, scale: int) -> Types:
    # Of more than 15 digits SQLite's numbers lose some.
    word = "DECIMAL" if digits <= 15 else "DECIMAL_TEXT"
    return types(
        f"{word}({digits}, {scale})", f"numeric({digits}, {scale})", f"decimal({digits}, {scale})"
    )


def _side(
    column: Types,
    planted: Value | Mapping[str, Value],
    usual: Callable[[int], Value],
    cannot: Types,
) -> Side:
    by_kind = planted if isinstance(planted, Mapping) else dict.fromkeys(KINDS, planted)
    return Side(
        columns={"v": column},
        usual=lambda number: (usual(number),),
        planted={kind: (by_kind.get(kind),) for kind in KINDS},
        cannot=cannot,
    )


def _case(
    title: str,
    column: Types | tuple[Types, Types],
    left: Value | Mapping[str, Value],
    right: Value | Mapping[str, Value],
    usual: Callable[[int], Value] | tuple[Callable[[int], Value], Callable[[int], Value]],
    cannot_left: Mapping[str, str],
    cannot_right: Mapping[str, str],
    *,
    equal: bool,
    apart: frozenset[str] = frozenset(),
) -> Case:
    columns = column if isinstance(column, tuple) else (column, column)
    usuals = usual if isinstance(usual, tuple) else (usual, usual)
    return Case(
        title=title,
        left=_side(columns[0], left, usuals[0], cannot_left),
        right=_side(columns[1], right, usuals[1], cannot_right),
        equal=equal,
        names=("v",) if apart or not equal else (),
        apart=apart,
    )


_NONE: Final[Mapping[str, str]] = {}


def _usual_for(value: Value | Mapping[str, Value]) -> Callable[[int], Value]:
    """Return what is in the rows around a value: others of its sort."""
    if isinstance(value, Mapping):
        value = next((one for one in value.values() if one is not None), None)
    match value:
        case bool():
            return lambda number: number % 2 == 0
        case int():
            return lambda number: number
        case float():
            return lambda number: number / 8
        case Decimal():
            return lambda number: Decimal(number)
        case bytes():
            return lambda number: number.to_bytes(16, "big")
        case dt.datetime():
            zone = value.tzinfo
            return lambda number: dt.datetime(2024, 2, 1, 12, 0, number % 60, tzinfo=zone)
        case dt.date():
            return lambda number: dt.date(2024, 1, 1) + dt.timedelta(days=number)
        case dt.time():
            return lambda number: dt.time(number % 24, number % 60)
        case uuid.UUID():
            return lambda number: uuid.UUID(int=number)
        case _:
            return lambda number: f"row {number}"


def differ(
    title: str,
    column: Types | tuple[Types, Types],
    left: Value | Mapping[str, Value],
    right: Value | Mapping[str, Value],
    *,
    usual: Callable[[int], Value]
    | tuple[Callable[[int], Value], Callable[[int], Value]]
    | None = None,
    cannot_left: Mapping[str, str] = _NONE,
    cannot_right: Mapping[str, str] = _NONE,
) -> Case:
    """Return a case whose sides differ in one value."""
    around = usual or _usual_for(left if left is not None else right)
    return _case(title, column, left, right, around, cannot_left, cannot_right, equal=False)


def same(
    title: str,
    column: Types | tuple[Types, Types],
    left: Value | Mapping[str, Value],
    right: Value | Mapping[str, Value] | None = None,
    *,
    usual: Callable[[int], Value]
    | tuple[Callable[[int], Value], Callable[[int], Value]]
    | None = None,
    cannot_left: Mapping[str, str] = _NONE,
    cannot_right: Mapping[str, str] = _NONE,
    apart: Sequence[str] = (),
) -> Case:
    """Return a case whose sides are equal, though they may be written differently."""
    other = left if right is None else right
    around = usual or (_usual_for(left), _usual_for(other))
    return _case(
        title,
        column,
        left,
        other,
        around,
        cannot_left,
        cannot_right,
        equal=True,
        apart=frozenset(apart),
    )


def columns(
    title: str, left: Sequence[Value], right: Sequence[Value], *, equal: bool = False
) -> Case:
    """Return a case of several columns of text."""
    names = "abcdef"[: len(left)]
    found = dict.fromkeys(names, TEXT)

    def side(row: Sequence[Value]) -> Side:
        return Side(
            columns=found,
            usual=lambda number: tuple(f"{name}{number}" for name in names),
            planted=dict.fromkeys(KINDS, tuple(row)),
        )

    changed = tuple(
        name for name, one, other in zip(names, left, right, strict=True) if one != other
    )
    return Case(title=title, left=side(left), right=side(right), equal=equal, names=changed)


def keyed(title: str, left: str, right: str) -> Case:
    """Return a case of keys of text: the planted row has one key here and another one there."""
    side = Side(
        columns={"v": INTEGER},
        usual=lambda number: (number,),
        planted=dict.fromkeys(KINDS, (7,)),
    )
    equal = left == right
    return Case(
        title=title, left=side, right=side, equal=equal, keys=("text",), text_keys=(left, right)
    )


def alone(title: str) -> Case:
    """Return a case of a row that only the left side has."""
    left = _side(INTEGER, 7, lambda number: number, _NONE)
    right = Side(columns=left.columns, usual=left.usual, planted=None)
    return Case(title=title, left=left, right=right, equal=False)


# --- the cases ------------------------------------------------------------------------------

_NO_NAN: Final = {"sqlite": "SQLite keeps NaN as NULL", "mariadb": "MariaDB has no NaN"}
_NO_INFINITY: Final = {"mariadb": "MariaDB has no Infinity"}
_NO_MINUS_ZERO: Final = {
    "sqlite": "SQLite keeps -0.0 as 0.0 in columns of numbers",
    "mariadb": "MariaDB keeps -0.0 as 0.0",
}
_NO_BOOLEAN: Final = {"mariadb": "MariaDB's booleans are numbers"}
_NO_LONG_TIME: Final = {"postgresql": "PostgreSQL's times end with the day"}
_NO_NUL: Final = {"postgresql": "PostgreSQL's texts hold no NUL"}
_UUID: Final = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
_AT: Final = dt.datetime(2024, 2, 29, 23, 59, 59, 400_000)
_EAST: Final = dt.timezone(dt.timedelta(hours=5, minutes=30))
_FORTY: Final = Decimal("1234567890123456789012345678901234567890")

THE_36: Final[tuple[Case, ...]] = (
    columns("two columns, a bar in one or the other", ("x|y", "z"), ("x", "y|z")),
    differ("NULL and the text <null>", TEXT, None, "<null>"),
    differ("0.1 + 0.2 and 0.3", DOUBLE, 0.1 + 0.2, 0.3),
    differ("1e-20 and 2e-20", DOUBLE, 1e-20, 2e-20),
    differ(
        "decimals lost in a smaller type",
        (_decimal(20, 10), _decimal(20, 4)),
        Decimal("1.00001"),
        Decimal("1.0000"),
    ),
    differ(
        "microseconds lost in a smaller type",
        (DATETIME, types("DATETIME", "timestamp(0)", "datetime")),
        _AT,
        _AT.replace(microsecond=0),
    ),
    differ("two emoji", TEXT, "party 🎉", "party 🎊"),
    differ("two blobs", BLOB, b"\x00\xff\x80\x81", b"\x00\xff\x80\x82"),
    differ("two UUIDs as 16 bytes", BINARY_16, b"\x80" * 16, b"\x80" * 15 + b"\x81"),
    differ(
        "two documents with another emoji",
        JSON,
        '{"a": "🎉"}',
        '{"a": "🎊"}',
        usual=lambda n: f'{{"a": {n}}}',
    ),
    differ("an empty text and NULL", TEXT, "", None),
    differ("NaN and NULL", DOUBLE, math.nan, None, cannot_left=_NO_NAN),
    differ("a blank at the end", TEXT, "Ann", "Ann "),
    differ("upper and lower case", TEXT, "Ann", "ann"),
    differ("é in one character or in two", TEXT, "caf\u00e9", "cafe\u0301"),
    differ(
        "true and 2",
        (BOOLEAN, types("BOOLEAN", "smallint", "tinyint")),
        True,
        2,
        usual=(lambda n: n % 2 == 0, lambda n: int(n % 2 == 0)),
    ),
    differ("an integer and the next", INTEGER, 2_147_483_646, 2_147_483_647),
    differ("unsigned integers of 64 bits", UNSIGNED, 2**64 - 1, 2**64 - 2),
    differ("-0.0 and 0.0", DOUBLE, -0.0, 0.0, cannot_left=_NO_MINUS_ZERO),
    keyed("keys of text in another case", "Row 050 Ä", "row 050 ä"),
    same("an emoji", TEXT, "party 🎉"),
    same("bytes", BLOB, bytes(range(256)) * 2),
    same("a time", TIME, dt.time(12, 0, 1, 500_000)),
    same("a date", DATE, dt.date(2024, 2, 29)),
    same(
        "a UUID and its text in upper case",
        (UUID, CHAR_36),
        _UUID,
        str(_UUID).upper(),
        usual=(lambda n: uuid.UUID(int=n), lambda n: str(uuid.UUID(int=n)).upper()),
    ),
    same(
        "a UUID and its 16 bytes",
        (UUID, BINARY_16),
        _UUID,
        _UUID.bytes,
        usual=(lambda n: uuid.UUID(int=n), lambda n: uuid.UUID(int=n).bytes),
    ),
    same("1e300", DOUBLE, 1e300),
    same("a decimal of 40 digits", _decimal(40, 0), _FORTY),
    same("a word of an enumeration and a text", (MOOD, TEXT), "happy", usual=lambda n: "ok"),
    keyed("a key of text", "Straße ½ 🎉", "Straße ½ 🎉"),
    same(
        "true and 1",
        (BOOLEAN, types("INTEGER", "integer", "int")),
        True,
        1,
        usual=(lambda n: n % 2 == 0, lambda n: int(n % 2 == 0)),
    ),
    same("the smallest integer of 64 bits", BIGINT, -(2**63)),
    same("the largest unsigned integer of 64 bits", UNSIGNED, 2**64 - 1),
    same("microseconds", DATETIME, _AT),
    same(
        "a moment in two time zones",
        INSTANT,
        _AT.replace(tzinfo=dt.UTC),
        _AT.replace(tzinfo=dt.UTC).astimezone(_EAST),
        usual=lambda n: dt.datetime(2024, 2, 1, 12, 0, n % 60, tzinfo=dt.UTC),
        # It has no type for it: what it keeps are two texts.
        apart=["sqlite"],
    ),
    same(
        "a document, written differently",
        (JSON, JSON_TEXT),
        '{"b": [1, 2.50], "a": "é"}',
        '{ "a":"\\u00e9","b":[1,2.5] }',
        usual=lambda n: f'{{"a": {n}}}',
    ),
)

_YEAR: Final = types("YEAR", "smallint", "year")
_CHAR: Final = types("CHAR(12)", "char(12)", "char(12)")
_REAL: Final = types("FLOAT", "real", "float")


def _document(number: int) -> str:
    return f'{{"a": {number}}}'


def _documents(title: str, left: str, right: str, *, equal: bool = False) -> Case:
    if equal:
        return same(title, JSON_TEXT, left, right, usual=_document)
    return differ(title, JSON_TEXT, left, right, usual=_document)


MORE: Final[tuple[Case, ...]] = (
    # --- rows
    alone("a row that is only on one side"),
    columns("the values of two columns changed places", ("x", "y"), ("y", "x")),
    columns("a text that looks like a row's encoding", ("1:x|1:y", "z"), ("1:x", "1:y|1:z")),
    columns("a length moved from one column to the next", ("ab", "c"), ("a", "bc")),
    columns("NULL in one column or in the other", (None, "x"), ("x", None)),
    columns("NULL and empty texts", (None, "", None), ("", None, "")),
    columns("three columns that are equal", ("|", None, ":"), ("|", None, ":"), equal=True),
    keyed("keys with and without a blank at the end", "row 050 ", "row 050"),
    keyed("keys that a collation takes for one", "Straße 050", "Strasse 050"),
    keyed("a key in one character or in two", "caf\u00e9 050", "cafe\u0301 050"),
    # --- texts
    differ("the words NULL and NULL itself", TEXT, "NULL", None),
    differ("\\N and NULL", TEXT, "\\N", None),
    differ("a blank and an empty text", TEXT, " ", ""),
    differ("a tab and a blank", TEXT, "a\tb", "a b"),
    differ("ends of lines", TEXT, "a\r\nb", "a\nb"),
    differ("a backslash and two", TEXT, "a\\b", "a\\\\b"),
    differ("ß and ss", TEXT, "Straße", "Strasse"),
    differ("i without a dot", TEXT, "ılık", "ilik"),
    differ("Æ and AE", TEXT, "Ægir", "AEgir"),
    differ("digits of full width", TEXT, "１２", "12"),
    differ("Greek and Latin A", TEXT, "Α", "A"),
    differ("a joiner without width", TEXT, "a\u200db", "ab"),
    differ("a mark of direction", TEXT, "\u200fשלום", "שלום"),
    differ("a byte order mark", TEXT, "\ufeffa", "a"),
    differ("the replacement character and a question mark", TEXT, "\ufffd", "?"),
    differ("an emoji and a question mark", TEXT, "🎉", "?"),
    differ("the tone of an emoji", TEXT, "👍🏽", "👍🏾"),
    differ("a zero in front", TEXT, "007", "07"),
    differ("NUL inside a text", TEXT, "a\0b", "a\0c", cannot_left=_NO_NUL, cannot_right=_NO_NUL),
    differ("NUL behind a text", TEXT, "a\0", "a", cannot_left=_NO_NUL),
    differ("the last character of 100,000", LONG_TEXT, "ä" * 99_999 + "x", "ä" * 99_999 + "y"),
    same("100,000 characters", LONG_TEXT, "ä🎉" * 50_000),
    differ("a text that looks like a mark of another type", TEXT, "!t61", "a"),
    same("a CHAR and a text without its blanks", (_CHAR, TEXT), "ab"),
    differ("texts in CHAR", _CHAR, "ab", "aB"),
    # --- numbers
    differ("two neighbouring doubles", DOUBLE, 1.0, math.nextafter(1.0, 2)),
    differ("the two smallest doubles", DOUBLE, 5e-324, 1e-323),
    differ("the two largest doubles", DOUBLE, 1.7976931348623157e308, 1.7976931348623155e308),
    differ("1e22 and the next double", DOUBLE, 1e22, math.nextafter(1e22, math.inf)),
    differ(
        "Infinity and the largest double",
        DOUBLE,
        math.inf,
        1.7976931348623157e308,
        cannot_left=_NO_INFINITY,
    ),
    differ(
        "Infinity and -Infinity",
        DOUBLE,
        math.inf,
        -math.inf,
        cannot_left=_NO_INFINITY,
        cannot_right=_NO_INFINITY,
    ),
    differ("0.1 in four bytes and in eight", (_REAL, DOUBLE), 0.10000000149011612, 0.1),
    same("a number of four bytes and the same in eight", (_REAL, DOUBLE), 0.10000000149011612),
    same("0.1", DOUBLE, 0.1),
    same("a double without digits behind the point", DOUBLE, 1e15),
    differ(
        "the last of 38 digits",
        _decimal(38, 10),
        Decimal("1234567890123456789012345678.0000000001"),
        Decimal("1234567890123456789012345678.0000000002"),
    ),
    differ(
        "the last of 65 digits",
        _decimal(65, 30),
        Decimal("9" * 35 + "." + "9" * 30),
        Decimal("9" * 35 + "." + "9" * 29 + "8"),
    ),
    same("a decimal with another scale", (_decimal(12, 2), _decimal(20, 10)), Decimal("-0.50")),
    same("a decimal and an integer", (_decimal(12, 2), INTEGER), Decimal("-7.00"), -7),
    same("an integer and its text", (INTEGER, TEXT), -7, "-7", usual=(lambda n: n, str)),
    differ(
        "a text that begins like a number", (INTEGER, TEXT), 12, "12abc", usual=(lambda n: n, str)
    ),
    differ("0 and a word", (INTEGER, TEXT), 0, "abc", usual=(lambda n: n, str)),
    differ("an integer of 54 bits and the next", BIGINT, 2**53, 2**53 + 1),
    differ("signed and unsigned ends", (BIGINT, UNSIGNED), -1, 2**64 - 1),
    differ("false and NULL", BOOLEAN, False, None),
    same(
        "a word for true",
        (BOOLEAN, TEXT),
        True,
        "true",
        usual=(lambda n: n % 2 == 0, lambda n: str(n % 2 == 0).lower()),
        cannot_left=_NO_BOOLEAN,
    ),
    same(
        "bits and their number",
        (types("INTEGER", "bit(16)", "bit(16)"), INTEGER),
        {
            "sqlite": 0xA5F0,
            "postgresql": Sql("B'1010010111110000'"),
            "mariadb": Sql("b'1010010111110000'"),
        },
        0xA5F0,
        usual=(lambda n: None, lambda n: None),
    ),
    differ(
        "one bit",
        types("DECIMAL_TEXT(20, 0)", "bit(64)", "bit(64)"),
        {"sqlite": 2**63, "postgresql": Sql(f"B'1{'0' * 63}'"), "mariadb": Sql(f"b'1{'0' * 63}'")},
        {
            "sqlite": 2**63 + 1,
            "postgresql": Sql(f"B'1{'0' * 62}1'"),
            "mariadb": Sql(f"b'1{'0' * 62}1'"),
        },
        usual=lambda n: None,
    ),
    differ("a year", _YEAR, 2024, 2025, usual=lambda n: 1970 + n),
    # --- moments
    differ("a microsecond", DATETIME, _AT, _AT.replace(microsecond=400_001)),
    differ(
        "a microsecond of the day", TIME, dt.time(23, 59, 59, 999_999), dt.time(23, 59, 59, 999_998)
    ),
    differ(
        "midnight at either end of the day",
        TIME,
        Sql("'24:00:00'"),
        Sql("'00:00:00'"),
        usual=lambda n: dt.time(n % 24),
    ),
    differ("a date and NULL", DATE, dt.date(9999, 12, 31), None),
    same("the first day of years with four digits", DATE, dt.date(1000, 1, 1)),
    differ("leap days", DATE, dt.date(2024, 2, 29), dt.date(2024, 3, 1)),
    same(
        "a date and midnight of it",
        (DATE, DATETIME),
        dt.date(2024, 2, 29),
        dt.datetime(2024, 2, 29),
        usual=(lambda n: dt.date(2024, 1, 1), lambda n: dt.datetime(2024, 1, 1)),
    ),
    differ(
        "a date and noon of it",
        (DATE, DATETIME),
        dt.date(2024, 2, 29),
        dt.datetime(2024, 2, 29, 12),
        usual=(lambda n: dt.date(2024, 1, 1), lambda n: dt.datetime(2024, 1, 1)),
    ),
    differ(
        "a date without a day and NULL",
        DATE,
        Sql("'0000-00-00'"),
        None,
        usual=lambda n: dt.date(2024, 1, 1),
        cannot_left={"postgresql": "PostgreSQL's dates all exist"},
    ),
    differ(
        "the end of all days and the last one",
        DATE,
        Sql("'infinity'"),
        dt.date(9999, 12, 31),
        usual=lambda n: dt.date(2024, 1, 1),
        cannot_left={"mariadb": "MariaDB's dates end in 9999"},
    ),
    differ(
        "the same clocks in two time zones",
        INSTANT,
        _AT.replace(tzinfo=dt.UTC),
        _AT.replace(tzinfo=_EAST),
        usual=lambda n: _AT.replace(tzinfo=dt.UTC),
    ),
    differ(
        "the hour that a summer ends with",
        INSTANT,
        dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC),
        dt.datetime(2024, 10, 27, 1, 30, tzinfo=dt.UTC),
    ),
    differ(
        "a time beyond a day",
        types("TIME"),
        Sql("'838:59:59'"),
        Sql("'838:59:58'"),
        usual=lambda n: Sql("'12:00:00'"),
        cannot_left=_NO_LONG_TIME,
        cannot_right=_NO_LONG_TIME,
    ),
    # --- bytes
    differ("no bytes and NULL", BLOB, b"", None),
    differ("a zero byte at the end", BLOB, b"a\x00", b"a"),
    differ(
        "bytes and the text of their digits",
        (BLOB, TEXT),
        b"\x61\x62",
        "6162",
        usual=(lambda n: b"%d" % n, lambda n: f"{n}"),
    ),
    differ("a UUID and the next", UUID, _UUID, uuid.UUID(int=_UUID.int + 1)),
    same(
        "a UUID without hyphens",
        (UUID, TEXT),
        _UUID,
        _UUID.hex,
        usual=(lambda n: uuid.UUID(int=n), lambda n: uuid.UUID(int=n).hex),
    ),
    differ("words of an enumeration", MOOD, "sad", "happy", usual=lambda n: "ok"),
    differ(
        "members of a set",
        types("TEXT", "text", "set('a', 'b', 'c')"),
        "a,b",
        "a,c",
        usual=lambda n: "a",
    ),
    same(
        "a set and its text",
        (types("TEXT", "text", "set('a', 'b', 'c')"), TEXT),
        "a,c",
        usual=lambda n: "b",
    ),
    same(
        "an array and a document",
        (types("JSON", "integer[]", "json"), JSON),
        {"sqlite": "[1, null, -3]", "postgresql": "{1,NULL,-3}", "mariadb": "[1, null, -3]"},
        "[1,null,-3]",
        usual=lambda n: None,
    ),
    differ(
        "arrays in another order",
        types("JSON", "integer[]", "json"),
        {"sqlite": "[1, 2]", "postgresql": "{1,2}", "mariadb": "[1, 2]"},
        {"sqlite": "[2, 1]", "postgresql": "{2,1}", "mariadb": "[2, 1]"},
        usual=lambda n: None,
    ),
    same(
        "an address and its text",
        (types("TEXT", "inet", "varchar(60)"), TEXT),
        "10.0.0.1",
        usual=lambda n: f"10.0.{n}.1",
    ),
    # --- documents
    _documents("the null of a document and NULL", "null", "[null]"),
    differ("a document of null, and none", JSON_TEXT, "null", None, usual=_document),
    _documents("1 and the text 1", '{"a": 1}', '{"a": "1"}'),
    _documents("true and 1 in a document", '{"a": true}', '{"a": 1}'),
    _documents("an empty list and an empty object", '{"a": []}', '{"a": {}}'),
    _documents("lists in another order", "[1, 2]", "[2, 1]"),
    _documents("a member of null and none", '{"a": null}', "{}"),
    _documents(
        "digits beyond a double", '{"a": 0.1}', '{"a": 0.1000000000000000055511151231257827}'
    ),
    _documents("numbers beyond all doubles", '{"a": 1e400}', '{"a": 1e401}'),
    _documents("1.0 and 1", '{"a": 1.0}', '{"a": 1}', equal=True),
    _documents("1e2 and 100", '{"a": 1e2}', '{"a": 100}', equal=True),
    _documents(
        "members in another order",
        '{"a": 1, "b": {"c": 2, "d": 3}}',
        '{"b": {"d": 3, "c": 2}, "a": 1}',
        equal=True,
    ),
    _documents(
        "characters by their numbers", '{"a": "é🎉"}', '{"a": "\\u00e9\\ud83c\\udf89"}', equal=True
    ),
    _documents("blanks in a text", '{"a": "x"}', '{"a": "x "}'),
    _documents(
        "blanks between", '{"a":[1,{"b":2}]}', '{ "a" : [ 1 , { "b" : 2 } ] }\n', equal=True
    ),
    _documents("a member that comes twice", '{"a": 1, "a": 2}', '{"a": 2}', equal=True),
)


# --- putting them into databases ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A case as it lies in two databases: one table with the same name in both."""

    case: Case
    key: str
    table: str

    @property
    def key_name(self) -> str | None:
        """Return the column that names a row, None if there is none."""
        return None if self.key == "none" else "k"


def planted(cases: Sequence[Case]) -> Iterator[Planted]:
    """Yield every case with every way to name its rows."""
    for number, case in enumerate(cases, 1):
        for key in case.keys:
            yield Planted(case=case, key=key, table=f"c{number:03}_{key}")


def text_key(number: int) -> str:
    """Return the key of a row as a text that collations do not order by its bytes."""
    return f"{'aÄbßC zZé🎉'[number % 9]} row {number:03}"


def load(raw: databases.Raw, one: Planted, side: Side, *, place: int) -> None:
    """Make the table of a case on one side; `place` is 0 for the left of the case."""
    kind = raw.database.kind
    names = {name: of[kind] for name, of in side.columns.items()}
    if one.key == "text":
        # Of several keys that a collation takes for one, each side has only one.
        all_columns = {"k": TEXT[kind], **names}
    else:
        all_columns = {"k": INTEGER[kind], **names}
    writing.create(raw, one.table, all_columns, key=() if one.key == "none" else ("k",))
    rows = []
    for number in range(1, ROWS + 1):
        if number != PLANTED:
            values: Row | None = side.usual(number)
        else:
            values = None if side.planted is None else side.planted[kind]
        if values is not None:
            rows.append((_key(one, number, place), *values))
    writing.insert(raw, one.table, list(all_columns), rows)


def _key(one: Planted, number: int, place: int) -> Value:
    if one.key != "text":
        return number
    if number == PLANTED and one.case.text_keys is not None:
        return one.case.text_keys[place]
    return text_key(number)
