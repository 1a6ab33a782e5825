"""Portable types as SQLite declares them, and which values such a declaration would change.

SQLite gives a value its own type; what a column declares is only an affinity, read from the
letters of its name. It decides which texts are turned into numbers, and there data is lost:

    INTEGER, NUMERIC   a text that looks like a number becomes one: '007' → 7, '1.10' → 1.1,
                       '1e5' → 100000; beyond 64 bits only 15 significant digits are kept
    REAL               the same, and integers become floats
    TEXT               numbers become text; a float keeps 15 digits
    BLOB               nothing is changed

So decimals of more than 15 digits and JSON documents (12345678901234567890, 1.10) are declared
by names with TEXT in them. DATE, TIME, DATETIME and TIMESTAMP have NUMERIC affinity under the
names that everybody uses: a date or time as text, ISO 8601, never looks like a number, and a
unix time stays a number, which a TEXT affinity would change. What is no date, as '2024', would
become a number; it is refused on the way in by `misfits`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from enum import Enum
from typing import Final

from whimbrel import tables

DEFAULT_LENGTH: Final = 255
# What a double keeps of every decimal number.
EXACT_DIGITS: Final = 15
# Every integer of 64 bits has fewer digits, or as many.
_INTEGER_DIGITS: Final = 19

_PLAIN: Final[Mapping[str, str]] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "smallint": "SMALLINT",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "datetime": "DATETIME",
    "timestamp": "TIMESTAMP",
    "json": "JSON_TEXT",
    "binary": "BLOB",
    "uuid": "CHAR(36)",
}


class Affinity(Enum):
    """What a column does to the values that are put into it."""

    INTEGER = "INTEGER"
    TEXT = "TEXT"
    BLOB = "BLOB"
    REAL = "REAL"
    NUMERIC = "NUMERIC"


# The only types of a STRICT table; ANY would keep a number that came as text a text.
_STRICT: Final[Mapping[Affinity, str]] = {
    Affinity.INTEGER: "INTEGER",
    Affinity.TEXT: "TEXT",
    Affinity.BLOB: "BLOB",
    Affinity.REAL: "REAL",
}
_STRICT_NUMERIC: Final[Mapping[str, str]] = {"decimal": "REAL", "boolean": "INTEGER"}


def affinity(declared: str) -> Affinity:
    """Return the affinity of a declared type, by SQLite's rules in their order."""
    name = declared.upper()
    if "INT" in name:
        return Affinity.INTEGER
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if "BLOB" in name or not name.strip() or name == "ANY":
        return Affinity.BLOB
    if any(part in name for part in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC


def declare(column: tables.Column, *, strict: bool = False, rowid: bool = False) -> str:
    """Return the type to declare; `rowid` says that the column is the table's own counter."""
    if rowid or column.auto_increment:
        return "INTEGER"
    if column.type == "string":
        declared = f"VARCHAR({column.length or DEFAULT_LENGTH})"
    elif column.type == "enum":
        declared = f"VARCHAR({max(len(value) for value in column.values)})"
    elif column.type == "decimal":
        declared = _decimal(column)
    else:
        declared = _PLAIN[column.type]
    if not strict:
        return declared
    kind = affinity(declared)
    if kind is Affinity.NUMERIC:
        return _STRICT_NUMERIC.get(column.type, "TEXT")
    return _STRICT[kind]


def _decimal(column: tables.Column) -> str:
    size = ""
    if column.precision is not None:
        size = f"({column.precision}, {column.scale or 0})"
    # NUMERIC affinity keeps 15 significant digits; text keeps all of them.
    exact = column.precision is not None and column.precision <= EXACT_DIGITS
    return f"DECIMAL{size}" if exact else f"DECIMAL_TEXT{size}"


def same(one: str, other: str) -> bool:
    """Whether two declared types are the same but for blanks and letter case."""
    return _squeezed(one) == _squeezed(other)


def _squeezed(declared: str) -> str:
    return re.sub(r"\s+", "", declared).upper()


# --- values that would not survive ----------------------------------------------------------


def altered(declared: str, value: str) -> str | None:
    """Return a condition, true for values that the affinity would bring back different."""
    text = f"CAST({value} AS TEXT)"
    match affinity(declared):
        case Affinity.BLOB:
            return None
        case Affinity.TEXT:
            return f"CASE typeof({value}) WHEN 'real' THEN {_no_round_trip(value)} ELSE 0 END"
        case Affinity.REAL:
            return (
                f"CASE typeof({value}) WHEN 'integer' THEN CAST({value} AS REAL) <> {value} "
                f"WHEN 'text' THEN {_looks_numeric(value)} AND NOT ({_same_float(text)}) "
                f"ELSE 0 END"
            )
        case kind:
            # Where only whole numbers are meant, '1.0' is more than a way to write 1.
            whole = kind is Affinity.INTEGER
            shown = _binary(f"CAST(CAST({text} AS NUMERIC) AS TEXT)")
            kept = f"{text} = {shown}" if whole else _same_number(text)
            return (
                f"CASE typeof({value}) WHEN 'text' THEN {_looks_numeric(value)} "
                f"AND NOT ({kept}) ELSE 0 END"
            )


def misfits(column: tables.Column, value: str) -> str | None:
    """Return a condition, true for values that are not of the column's portable type.

    It holds for all that `altered` holds for, and for what SQLite would keep but no reader of
    such a column expects: 'abc' as an integer, 'yesterday' as a date, 1.234 as decimal(10, 2).
    """
    text = f"CAST({value} AS TEXT)"
    match column.type:
        case "integer" | "smallint" | "bigint":
            arms = {
                "text": f"NOT ({_same_integer(text)})",
                "real": f"{value} <> CAST({value} AS INTEGER)",
            }
        case "decimal":
            arms = _decimal_misfits(column, value, text)
        case "float" | "double":
            arms = {
                "text": f"NOT ({_same_float(text)})",
                "integer": f"CAST({value} AS REAL) <> {value}",
            }
        case "boolean":
            number = f"{value} NOT IN (0, 1)"
            arms = {
                "text": f"{_binary(text)} NOT IN ('0', '1')",
                "integer": number,
                "real": number,
            }
        case "date" | "time" | "datetime" | "timestamp":
            wrong = _TIMES[column.type].format(v=_binary(text))
            arms = {"text": wrong, "integer": "1", "real": "1"}
        case "uuid":
            wrong = f"length({text}) <> 36 OR {text} GLOB '*[^0-9A-Fa-f-]*'"
            arms = {"text": wrong, "integer": "1", "real": "1"}
        case "json":
            arms = {"real": _no_round_trip(value)}
            if sqlite3.sqlite_version_info >= (3, 38):  # before, JSON could be left out
                arms["text"] = f"NOT json_valid({text})"
        case "enum":
            known = ", ".join("'" + v.replace("'", "''") + "'" for v in column.values)
            wrong = f"{_binary(text)} NOT IN ({known})"
            arms = {"text": wrong, "integer": wrong, "real": wrong}
        case "binary":
            return None  # nothing is converted: a text stays a text
        case _:
            arms = {"real": _no_round_trip(value)}
            if column.type == "string":
                arms["text"] = f"length({text}) > {column.length or DEFAULT_LENGTH}"
    arms["blob"] = "1"
    whens = " ".join(f"WHEN '{kind}' THEN {wrong}" for kind, wrong in arms.items())
    return f"CASE typeof({value}) {whens} ELSE 0 END"


def _decimal_misfits(column: tables.Column, value: str, text: str) -> dict[str, str]:
    is_text = affinity(declare(column)) is Affinity.TEXT
    arms = {"text": no_decimal(text) if is_text else f"NOT ({_same_number(text)})"}
    if is_text:
        arms["real"] = _no_round_trip(value)
    if column.precision is None:
        return arms
    places = column.scale or 0
    whole = column.precision - places
    point = f"instr({text}, '.')"
    before = f"CASE {point} WHEN 0 THEN {text} ELSE substr({text}, 1, {point} - 1) END"
    after = f"CASE {point} WHEN 0 THEN '' ELSE rtrim(substr({text}, {point} + 1), '0') END"
    arms["text"] += f" OR length(ltrim({before}, '-0')) > {whole} OR length({after}) > {places}"
    most = f"1{'0' * whole}"
    outside = f"{value} >= {most}.0 OR {value} <= -{most}.0"
    rounded = f"CAST(printf('%.{places}f', {value}) AS REAL) <> {value}"
    arms["real"] = " OR ".join(filter(None, [arms.get("real"), outside, rounded]))
    if whole < _INTEGER_DIGITS:
        arms["integer"] = f"{value} >= {most} OR {value} <= -{most}"
    return arms


# With '+0 days' the 30th of February becomes the 1st of March, and is seen. Behind the seconds
# stands anything that belongs to fractions and zones.
_TIMES: Final[Mapping[str, str]] = {
    "date": "date({v}, '+0 days') IS NOT {v}",
    "time": "strftime('%H:%M:%S', {v}) IS NOT substr({v} || ':00', 1, 8) "
    "OR substr({v}, 9) GLOB '*[^0-9.]*'",
} | dict.fromkeys(
    ("datetime", "timestamp"),
    "CASE WHEN length({v}) = 10 THEN date({v}, '+0 days') IS NOT {v} ELSE "
    "strftime('%Y-%m-%d %H:%M:%S', substr({v}, 1, 19), '+0 days') "
    "IS NOT replace(substr({v} || ':00', 1, 19), 'T', ' ') "
    "OR substr({v}, 20) GLOB '*[^0-9.:+Zz -]*' END",
)


def _binary(text: str) -> str:
    """Keep the column's own collation out of a comparison."""
    return f"({text} COLLATE BINARY)"


def _looks_numeric(value: str) -> str:
    # The comparison applies numeric affinity to the text, as storing it would.
    return f"CAST({value} AS NUMERIC) = {value}"


# Of texts below this, one in seventy is read as the number that it is not the text of; of others
# one in several thousand.
_READ_BY_LUCK = "1e-200"


def _no_round_trip(value: str) -> str:
    # The smallest numbers are not written with all their digits; SQLite reads them back by luck.
    few_digits = f"{value} <> 0 AND abs({value}) < {_READ_BY_LUCK}"
    return f"CAST(CAST({value} AS TEXT) AS REAL) <> {value} OR ({few_digits})"


def _same_integer(text: str) -> str:
    return f"{text} = {_binary(f'CAST(CAST({text} AS INTEGER) AS TEXT)')}"


def _same_number(text: str) -> str:
    return f"{_same_integer(text)} OR {_short(text, 'NUMERIC')}"


def _same_float(text: str) -> str:
    shown = _binary(f"CAST(CAST({text} AS REAL) AS TEXT)")
    return f"{text} = {shown} OR {_short(text, 'REAL')}"


def _short(text: str, kind: str) -> str:
    """A plain decimal number that a double keeps; only zeros at its end are not written down."""
    digits = f"length(ltrim(replace(ltrim({text}, '-'), '.', ''), '0'))"
    places = f"CASE instr({text}, '.') WHEN 0 THEN 0 ELSE length({text}) - instr({text}, '.') END"
    shown = _binary(f"printf('%.*f', {places}, CAST({text} AS {kind}))")
    return f"({digits} <= {EXACT_DIGITS} AND {text} = {shown})"


def no_decimal(text: str) -> str:
    """Return a condition, true for texts that are no plain decimal number."""
    return (
        f"({text} GLOB '*[^-0-9.]*' OR {text} GLOB '?*-*' OR {text} GLOB '*.*.*' "
        f"OR {text} NOT GLOB '*[0-9]*')"
    )
