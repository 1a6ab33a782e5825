"""What MySQL and MariaDB say to compare values exactly, and to convert them by their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import phrases
from whimbrel.engines.mysql import types

_TEXTS: Final = ("varchar", "char", "text", "tinytext", "mediumtext", "longtext", "enum", "set")
_LONG: Final = ("text", "mediumtext", "longtext", "blob", "mediumblob", "longblob", "json")
_BINARY: Final = (
    "binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob", "bit", "geometry",
    "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection",
)  # fmt: skip

# A decimal has at most 65 digits, 30 of them behind the point.
_INTEGER: Final = "^[+-]?0*[0-9]{1,19}$"
_DECIMAL: Final = "^[+-]?(0*[0-9]{1,35}[.]?[0-9]{0,30}|[.][0-9]{1,30})$"
_FLOAT: Final = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$"
_DAY: Final = "[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}"
_TIME: Final = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,%d})?)?"
_UUID: Final = "-".join(f"[0-9a-fA-F]{{{digits}}}" for digits in phrases.UUID_DIGITS)
_MICROSECONDS: Final = 6
_FLOAT_DIGITS: Final = 200
_WIDEST: Final = "DECIMAL(65, 30)"
_REALS: Final = "1e-37 AND 3.4e38"
# What a TIMESTAMP holds, but for a day at both ends, whatever the zone.
_MOMENTS: Final = "'1970-01-02' AND '2038-01-18'"


def first_word(type_: str) -> str:
    """Return `varchar` of `varchar(20)`."""
    return type_.lower().split("(", 1)[0].split(" ", 1)[0]


class MysqlPhrases(phrases.Phrases):
    """By way of bytes, which no collation reads, and of SHA-256."""

    def fingerprint(self, columns: Sequence[tables.FoundColumn], table: str) -> str:
        values = [self._bytes(column, self.column(table, column.name)) for column in columns]
        # Its length before each value, so that no two rows run together to the same one.
        parts = ", ".join(
            f"IF({value} IS NULL, '-', CONCAT(OCTET_LENGTH({value}), ':', {value}))"
            for value in values
        )
        return f"UNHEX(SHA2(CONCAT({parts}), 256))"

    def _bytes(self, column: tables.FoundColumn, value: str) -> str:
        word = first_word(column.type)
        if word in _LONG:
            # As long as it may be, it is no longer part of a text that gets too long.
            return f"SHA2(CAST({value} AS BINARY), 256)"
        if word in _TEXTS:
            return f"CAST({value} AS BINARY)"
        if word in _BINARY:
            return f"HEX({value})"
        if word == "float":
            return f"CAST({value} * 1e0 AS CHAR)"  # alone it would come with six digits
        if word == "timestamp":
            return f"CAST(UNIX_TIMESTAMP({value}) AS CHAR)"  # an hour comes twice a year
        return f"CAST({value} AS CHAR)"

    def same(self, column: tables.FoundColumn, one: str, other: str) -> str:
        word = first_word(column.type)
        if word not in _TEXTS:
            return f"({one}) <=> ({other})"
        sides = (f"CAST(CONVERT(({side}) USING utf8mb4) AS BINARY)" for side in (one, other))
        return " <=> ".join(sides)

    def conversion(
        self, value: str, found: tables.FoundColumn, wanted: tables.Column
    ) -> phrases.Conversion | None:
        word = first_word(found.type)
        if word in _BINARY:
            return None
        text = f"({value})" if word in _TEXTS else f"CAST(({value}) AS CHAR)"
        if word == "float":
            text = f"CAST(({value}) * 1e0 AS CHAR)"
        trimmed = f"TRIM({text})"
        valid = self._valid(text, trimmed, wanted)
        if valid is None:
            return None
        cast = types.plain(wanted)
        if wanted.type == "boolean":
            converted = f"LOWER({trimmed}) IN ({phrases.texts(phrases.YES)})"
        elif cast is not None:
            converted = f"CAST({trimmed} AS {cast})"
        else:
            converted = trimmed if wanted.type == "uuid" else text
        return phrases.Conversion(valid=valid, value=converted)

    def _valid(self, text: str, trimmed: str, wanted: tables.Column) -> str | None:
        match wanted.type:
            case "integer" | "smallint" | "bigint":
                least, most = phrases.INTEGER_LIMITS[wanted.type]
                inside = f"CAST({trimmed} AS DECIMAL(65, 0)) BETWEEN {least} AND {most}"
                return _when(_is(trimmed, _INTEGER), inside)
            case "decimal":
                return _when(_is(trimmed, _DECIMAL), _fits(trimmed, wanted))
            case "float" | "double":
                shape = f"{_is(trimmed, _FLOAT)} AND CHAR_LENGTH({trimmed}) <= {_FLOAT_DIGITS}"
                if types.render(wanted) != "FLOAT":
                    return f"({shape})"
                number = f"ABS(CAST({trimmed} AS DOUBLE))"
                return _when(shape, f"({number} = 0 OR {number} BETWEEN {_REALS})")
            case "boolean":
                known = phrases.texts((*phrases.YES, *phrases.NO))
                return f"LOWER({trimmed}) IN ({known})"
            case "date":
                return _when(_is(trimmed, f"^{_DAY}$"), _is_day(trimmed))
            case "time":
                return _is(trimmed, f"^{_time(wanted)}$")
            case "datetime" | "timestamp":
                shape = _is(trimmed, f"^{_DAY}([ T]{_time(wanted)})?$")
                if wanted.type == "datetime":
                    return _when(shape, _is_day(trimmed))
                inside = f"LEFT({trimmed}, 10) BETWEEN {_MOMENTS}"
                return _when(shape, f"({_is_day(trimmed)} AND {inside})")
            case "json":
                return f"JSON_VALID({text})"
            case "uuid":
                return _is(trimmed, f"^{_UUID}$")
            case "string":
                limit = types.render(wanted).partition("(")[2].rstrip(")")
                return f"CHAR_LENGTH({text}) <= {limit}"
            case "enum":
                known = phrases.texts(wanted.values)
                return f"CAST({text} AS BINARY) IN ({known})"
            case "text":
                return "TRUE"
            case _:
                return None


def _is(text: str, pattern: str) -> str:
    """Whether all of a text is like this: `$` would also stand before a line's end."""
    return f"({text} REGEXP '{pattern}' AND LOCATE(CHAR(10), {text}) = 0)"


def _when(shape: str, then: str) -> str:
    """Ask the second only where the first holds: it would fail on anything else."""
    return f"CASE WHEN {shape} THEN {then} ELSE FALSE END"


def _fits(text: str, wanted: tables.Column) -> str:
    if wanted.precision is None:
        return "TRUE"
    scale = wanted.scale or 0
    number = f"CAST({text} AS {_WIDEST})"
    return (
        f"({number} = ROUND({number}, {scale}) "
        f"AND ABS({number}) < CAST('1{'0' * (wanted.precision - scale)}' AS DECIMAL(65, 0)))"
    )


def _time(wanted: tables.Column) -> str:
    digits = _MICROSECONDS if wanted.precision is None else wanted.precision
    # Without digits of the second there is no point either.
    return _TIME % digits if digits else _TIME.replace("([.][0-9]{1,%d})?", "")


def _is_day(text: str) -> str:
    """Whether the day of a date exists; its month is known to."""
    first = f"CONCAT(LEFT({text}, 8), '01')"
    day = f"CAST(SUBSTRING({text}, 9, 2) AS UNSIGNED)"
    return (
        f"CASE WHEN LEFT({text}, 4) > '0000' "
        f"THEN {day} BETWEEN 1 AND DAY(LAST_DAY({first})) ELSE FALSE END"
    )
