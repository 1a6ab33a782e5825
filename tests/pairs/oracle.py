"""Read tables by the plain drivers and say what their values mean; nothing of Whimbrel is used."""

from __future__ import annotations

import datetime as dt
import json
import re
import struct
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from tests import databases


@dataclass(frozen=True, slots=True)
class Meant:
    """What a value is: a sort and what it comes to; equal ones are the same value."""

    sort: str
    value: Hashable
    raw: str | bytes | int | float = b""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Meant):
            return NotImplemented
        return (self.sort, self.value) == (other.sort, other.value)

    def __hash__(self) -> int:
        return hash((self.sort, self.value))


Raw = str | bytes | int | float | None


# --- reading --------------------------------------------------------------------------------


def type_of(raw: databases.Raw, table: str, column: str = "v") -> str:
    """Return a column's type as the server calls it."""
    match raw.database.kind:
        case "sqlite":
            raw.connection.text_factory = str
            found = raw.execute(f"PRAGMA table_info({quote('sqlite', table)})")
            return next(str(row[2]) for row in found if row[1] == column)
        case "postgresql":
            sql = (
                # Of a domain the type beneath it.
                "SELECT CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod) "
                "ELSE format_type(atttypid, atttypmod) END "
                "FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
                "WHERE attrelid = %s::regclass AND attname = %s"
            )
            return str(raw.value(sql, (quote("postgresql", table), column)))
        case _:
            sql = (
                "SELECT column_type FROM information_schema.columns "
                "WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s"
            )
            type_ = str(raw.value(sql, (table, column)))
            if type_ == "longtext" and _is_document(raw, table, column):
                return "json"
            return type_


def _is_document(raw: databases.Raw, table: str, column: str) -> bool:
    sql = (
        "SELECT COUNT(*) FROM information_schema.check_constraints WHERE constraint_schema = "
        "DATABASE() AND table_name = %s AND check_clause = %s"
    )
    return bool(raw.value(sql, (table, f"json_valid({quote('mariadb', column)})")))


def table(raw: databases.Raw, name: str, columns: Sequence[str]) -> list[dict[str, Meant | None]]:
    """Return all rows of a table, as what their values mean."""
    kind = raw.database.kind
    types = [type_of(raw, name, column) for column in columns]
    quoted = [quote(kind, column) for column in columns]
    if kind == "sqlite":
        raw.connection.text_factory = bytes
        asked = ", ".join(f"{one}, typeof({one})" for one in quoted)
    else:
        asked = ", ".join(
            _expression(kind, type_, one) for type_, one in zip(types, quoted, strict=True)
        )
    found = []
    for row in raw.execute(f"SELECT {asked} FROM {quote(kind, name)}"):
        values = map(_stored, row[::2], row[1::2]) if kind == "sqlite" else row
        means = (meant(kind, *one) for one in zip(types, values, strict=True))
        found.append(dict(zip(columns, means, strict=True)))
    return found


def quote(kind: str, name: str) -> str:
    """Return a name as it stands in SQL."""
    mark = "`" if kind == "mariadb" else '"'
    return mark + name.replace(mark, mark * 2) + mark


_WORDS: Final = ("char", "text", "enum", "set", "varchar", "inet4", "inet6")
_BYTES: Final = ("binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob")
_NUMBERS: Final = (
    *("DECIMAL_TEXT", "NUMERIC", "DECIMAL", "MONEY", "INTEGER", "TINYINT", "BIGINT", "YEAR"),
    *("REAL", "DOUBLE", "FLOAT"),
)
TRUE: Final = ("t", "true", "y", "yes", "on", "1")
FALSE: Final = ("f", "false", "n", "no", "off", "0")
_SHAPES: Final = ("point", "geometry", "polygon", "linestring")


def rows(raw: databases.Raw, table: str, key: str = "k", column: str = "v") -> dict[object, Raw]:
    """Return the values of a column by their keys, as the engine itself writes them.

    Texts and bytes of servers come in hexadecimal, so that no driver decodes them.
    """
    kind = raw.database.kind
    quoted = [quote(kind, name) for name in (key, column, table)]
    asked = quoted[1]
    if kind == "sqlite":
        raw.connection.text_factory = bytes
        asked = f"{asked}, typeof({asked})"
    else:
        if kind == "mariadb":
            raw.execute("SET time_zone = '+00:00'")
        asked = _expression(kind, type_of(raw, table, column), asked)
    found = raw.execute(f"SELECT {quoted[0]}, {asked} FROM {quoted[2]}")
    if kind == "sqlite":
        return {row[0]: _stored(row[1], row[2]) for row in found}
    return {row[0]: row[1] for row in found}  # type: ignore[misc]


def _stored(value: object, sort: object) -> Raw:
    if isinstance(value, bytes):
        # A text and its bytes are two values.
        return value.decode("utf-8", "surrogateescape") if sort == b"text" else value
    return value  # type: ignore[return-value]


def _expression(kind: str, type_: str, name: str) -> str:
    bare = type_.split("(")[0].split(" ")[0]
    if kind == "postgresql":
        if type_ == "bytea":
            return f"encode({name}, 'hex')"
        if type_ in ("real", "boolean"):
            return f"{name}::{'float8' if type_ == 'real' else type_}::text"
        if type_.endswith("[]"):
            return f"encode(convert_to(to_json({name})::text, 'UTF8'), 'hex')"
        return (
            f"CASE WHEN {name} IS NOT NULL "
            f"THEN encode(convert_to(format('%s', {name}), 'UTF8'), 'hex') END"
        )
    if bare in _SHAPES:
        return f"HEX({name})"
    if bare in _BYTES:
        return f"HEX({name})"
    if bare == "float":
        return f"CAST({name} AS DOUBLE)"
    if bare == "double":
        return name
    if bare == "bit":
        return f"CAST({name} AS UNSIGNED)"
    return f"HEX(CONVERT({name} USING utf8mb4))"


# --- what it means --------------------------------------------------------------------------


def meant(kind: str, type_: str, raw: Raw) -> Meant | None:
    """Return what a value of a column means, as `rows` gives it; None is NULL."""
    if raw is None:
        return None
    match kind:
        case "postgresql":
            return _of_postgresql(type_, str(raw))
        case "mariadb":
            return _of_mariadb(type_, raw)
        case _:
            return _of_sqlite(type_, raw)


def _of_postgresql(type_: str, raw: str) -> Meant:
    bare = re.sub(r"\(.*?\)", "", type_)
    if bare == "bytea":
        return Meant("bytes", bytes.fromhex(raw))
    if bare == "real":
        return number(float(raw))
    if bare == "boolean":
        return Meant("boolean", raw == "true")
    text = bytes.fromhex(raw).decode()
    match bare:
        case "smallint" | "integer" | "bigint" | "numeric" | "oid":
            return number(Decimal(text))
        case "double precision":
            return number(float(text))
        case "bit" if int(type_.strip("bit()") or 1) <= 64:
            return number(Decimal(int(text, 2)))
        case "character":
            return Meant("text", text.rstrip(" "))
        case "date":
            return day(text) or Meant("text", text)
        case "time without time zone":
            return clock(text) or Meant("text", text)
        case "timestamp without time zone":
            return moment(text) or Meant("text", text)
        case "timestamp with time zone":
            return instant(text) or Meant("text", text)
        case "uuid":
            return uuid(text) or Meant("text", text)
        case _ if bare in ("json", "jsonb") or bare.endswith("[]"):
            return document(text) or Meant("text", text)
        case _:
            return Meant("text", text)


def _of_mariadb(type_: str, raw: Raw) -> Meant:
    bare = type_.split("(")[0].split(" ")[0]
    if isinstance(raw, float):
        return number(raw)
    if isinstance(raw, int):
        return number(Decimal(raw))
    octets = bytes.fromhex(str(raw))
    if bare in _BYTES:
        return Meant("bytes", octets)
    if bare in _SHAPES:
        return Meant("text", str(raw).lower())
    text = octets.decode("utf-8", "surrogateescape")
    match bare:
        case "date":
            return day(text) or Meant("text", text)
        case "time":
            return clock(text) or Meant("text", text)
        case "datetime":
            return moment(text) or Meant("text", text)
        case "timestamp":
            return instant(text + "+00") or Meant("text", text)
        case "json":
            return document(text) or Meant("text", text)
        case "uuid":
            return uuid(text) or Meant("text", text)
        case "char":
            return Meant("text", text.rstrip(" "))
        case _ if bare in _WORDS or bare.endswith("text"):
            return Meant("text", text)
        case _:
            return number(Decimal(text))


def _of_sqlite(type_: str, raw: Raw) -> Meant:
    declared = re.sub(r"\(.*?\)", "", type_).strip().upper()
    if isinstance(raw, bytes):
        found = Meant("bytes", raw)
        return Meant("uuid", raw.hex()) if declared == "UUID" and len(raw) == 16 else found
    if isinstance(raw, int):
        if declared == "BOOLEAN" and raw in (0, 1):
            return Meant("boolean", bool(raw), raw)
        return number(Decimal(raw))
    if isinstance(raw, float):
        return number(raw)
    assert raw is not None
    plain = Meant("text", raw)
    match declared:
        case "DATE":
            return day(raw) or moment(raw) or instant(raw) or plain
        case "TIME":
            return clock(raw) or plain
        case "DATETIME" | "TIMESTAMP":
            return moment(raw) or instant(raw) or _as_moment(raw) or plain
        case "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE":
            # What names no zone is in UTC.
            found = moment(raw) or _as_moment(raw)
            return instant(raw) or (in_utc(found) if found else None) or plain
        case "JSON" | "JSON_TEXT" | "JSONB":
            return document(raw) or plain
        case "UUID":
            return uuid(raw) or plain
        case "BOOLEAN" if raw.lower() in TRUE or raw.lower() in FALSE:
            return Meant("boolean", raw.lower() in TRUE)
        case _ if declared in _NUMBERS:
            return read_number(raw) or plain
        case _:
            return plain


# --- sorts of values ------------------------------------------------------------------------

_DAY: Final = re.compile(r"(-?\d{4,7})-(\d\d)-(\d\d)( BC)?")
_CLOCK: Final = re.compile(r"(-?)(\d{1,3}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")
_ZONE: Final = re.compile(r"(Z|[+-]\d\d(?::?\d\d)?(?::\d\d)?)( BC)?$")
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ENDLESS: Final = ("infinity", "-infinity")


def number(value: Decimal | float) -> Meant:
    """Return a number; floats are told apart by their bits, beside decimals by their digits."""
    if isinstance(value, float):
        if value != value:
            return Meant("number", "NaN")
        if value in (float("inf"), float("-inf")):
            return Meant("number", "Infinity" if value > 0 else "-Infinity", value)
        if value == 0 and struct.pack(">d", value)[0]:
            return Meant("number", "-0", value)
        return Meant("number", Decimal(repr(value)), value)
    if not value.is_finite():
        return Meant("number", str(value).replace("sNaN", "NaN"))
    return Meant("number", value if value else Decimal(0))


def read_number(text: str) -> Meant | None:
    """Return the number that a text says."""
    if text in ("NaN", "Infinity", "-Infinity"):
        return Meant("number", text)
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return number(Decimal(text))
    except InvalidOperation:
        return None


def day(text: str) -> Meant | None:
    """Return a day, also one that no calendar has."""
    if text in _ENDLESS:
        return Meant("day", text)
    found = _DAY.fullmatch(text)
    if found is None or not 0 <= int(found[2]) <= 12 or not 0 <= int(found[3]) <= 31:
        return None
    year, month, of_month = int(found[1]), int(found[2]), int(found[3])
    if month and of_month and not _there(year, month, of_month, bc=bool(found[4])):
        return None
    return Meant("day", (f"-{found[1]}" if found[4] else found[1].zfill(4), found[2], found[3]))


def _there(year: int, month: int, of_month: int, *, bc: bool) -> bool:
    astronomical = 1 - year if bc else year
    leap = astronomical % 4 == 0 and (astronomical % 100 != 0 or astronomical % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return of_month <= lengths[month - 1]


def clock(text: str) -> Meant | None:
    """Return a time of day or a span, in billionths of a second."""
    found = _CLOCK.fullmatch(text)
    if found is None or int(found[3]) > 59 or int(found[4] or 0) > 59:
        return None
    seconds = int(found[2]) * 3600 + int(found[3]) * 60 + int(found[4] or 0)
    whole = seconds * 10**9 + int((found[5] or "").ljust(9, "0"))
    return Meant("clock", -whole if found[1] else whole)


def moment(text: str) -> Meant | None:
    """Return a day and a time of it, without a zone."""
    if text in _ENDLESS:
        return Meant("moment", text)
    era = " BC" if text.endswith(" BC") else ""
    first, _, second = text.removesuffix(" BC").replace("T", " ", 1).partition(" ")
    on, at = day(first + era), clock(second)
    if on is None or at is None or not isinstance(at.value, int) or len(second.split(":")[0]) != 2:
        return None
    if not 0 <= at.value < 24 * 3600 * 10**9:
        return None
    return Meant("moment", (on.value, at.value))


def _as_moment(text: str) -> Meant | None:
    """Return the beginning of a day."""
    found = day(text)
    if found is None or isinstance(found.value, str):
        return found and Meant("moment", found.value)
    return Meant("moment", (found.value, 0))


def instant(text: str) -> Meant | None:
    """Return a moment with a zone, in UTC."""
    if text in _ENDLESS:
        return Meant("instant", text)
    found = _ZONE.search(text)
    if found is None:
        return None
    plain = moment(text[: found.start()] + (found[2] or ""))
    if plain is None or isinstance(plain.value, str):
        return None
    zone = found[1]
    if zone == "Z":
        minutes = 0
    else:
        digits = zone[1:].replace(":", "")
        minutes = int(digits[:2]) * 60 + int(digits[2:4] or 0)
        minutes = -minutes if zone[0] == "-" else minutes
    return in_utc(plain, minutes)


def in_utc(plain: Meant, minutes: int = 0) -> Meant | None:
    """Return a moment of a zone that is so many minutes before UTC."""
    if isinstance(plain.value, str):
        return Meant("instant", plain.value)
    on, at = plain.value  # type: ignore[misc]
    if not minutes:
        return Meant("instant", (on, at))
    seconds, rest = divmod(at, 10**9)
    try:
        day_ = dt.datetime(int(on[0]), int(on[1]), int(on[2]))
        moved = day_ + dt.timedelta(seconds=seconds - minutes * 60)
    except (ValueError, OverflowError):
        return None
    whole = ((moved.hour * 60 + moved.minute) * 60 + moved.second) * 10**9 + rest
    return Meant("instant", ((f"{moved.year:04}", f"{moved.month:02}", f"{moved.day:02}"), whole))


def uuid(text: str) -> Meant | None:
    """Return a UUID."""
    digits = text.lower().replace("-", "")
    return Meant("uuid", digits) if re.fullmatch("[0-9a-f]{32}", digits) else None


def document(text: str) -> Meant | None:
    """Return a document; the order of members does not count, how often they come does."""
    try:
        return Meant("document", _document(text), text)
    except (ValueError, ArithmeticError):
        return None


def _document(text: str) -> Hashable:
    def bad(word: str) -> object:
        raise ValueError(word)

    def members(pairs: list[tuple[str, object]]) -> Hashable:
        return ("object", tuple(sorted(((key, value) for key, value in pairs), key=repr)))

    if "\0" in text:
        raise ValueError("NUL")
    return _tagged(
        json.loads(
            text,
            parse_int=Decimal,
            parse_float=Decimal,
            parse_constant=bad,
            object_pairs_hook=members,
        )
    )


def _tagged(value: object) -> Hashable:
    """Return a document in which true is not 1, and NULL is not a text."""
    match value:
        case bool():
            return ("boolean", value)
        case list():
            return ("list", tuple(_tagged(one) for one in value))
        case ("object", tuple() as pairs):
            return ("object", tuple((key, _tagged(one)) for key, one in pairs))
        case Decimal():
            return ("number", value)
        case _:
            return value  # type: ignore[return-value]


def last_only(text: str) -> Hashable:
    """Return a document of which the last of members with the same name is kept."""

    def members(pairs: list[tuple[str, object]]) -> Hashable:
        last = dict(pairs)
        return ("object", tuple(sorted(last.items(), key=repr)))

    return _tagged(
        json.loads(text, parse_int=Decimal, parse_float=Decimal, object_pairs_hook=members)
    )
