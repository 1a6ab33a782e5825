"""What SQLite says to compare values exactly, and to convert them by their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import phrases
from whimbrel.engines.sqlite import types

_DAY: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_LONGEST_INTEGER: Final = len(str(2**63))


class SqlitePhrases(phrases.Phrases):
    """A value is its type and its digits or bytes, whatever its column is declared as."""

    def fingerprint(self, columns: Sequence[tables.FoundColumn], table: str) -> str:
        # No part holds a bar, so that no two rows run together to the same text.
        return " || '|' || ".join(_written(self.column(table, c.name)) for c in columns)

    def same(self, column: tables.FoundColumn, one: str, other: str) -> str:
        return f"({one}) COLLATE BINARY IS ({other})"

    def conversion(
        self, value: str, found: tables.FoundColumn, wanted: tables.Column
    ) -> phrases.Conversion | None:
        # Fifteen digits of a float are not all of it.
        text = (
            f"(CASE typeof({value}) WHEN 'real' THEN printf('%!.17g', {value}) "
            f"ELSE CAST({value} AS TEXT) END)"
        )
        if types.affinity(found.type) is not types.Affinity.REAL:
            text = f"CAST({value} AS TEXT)"
        trimmed = f"trim({text})"
        valid = self._valid(value, text, trimmed, wanted)
        if valid is None:
            return None
        plain = f"CASE WHEN typeof({value}) = 'blob' THEN 0 ELSE {valid} END"
        return phrases.Conversion(valid=plain, value=self._value(text, trimmed, wanted))

    def _value(self, text: str, trimmed: str, wanted: tables.Column) -> str:
        match wanted.type:
            case "integer" | "smallint" | "bigint":
                return f"CAST({trimmed} AS INTEGER)"
            case "float" | "double":
                return f"CAST({trimmed} AS REAL)"
            case "boolean":
                return f"(lower({trimmed}) IN ({phrases.texts(phrases.YES)}))"
            case "decimal":
                return _plain_number(trimmed)
            case "date" | "time" | "datetime" | "timestamp" | "uuid":
                return trimmed
            case _:
                return text

    def _valid(self, value: str, text: str, trimmed: str, wanted: tables.Column) -> str | None:
        match wanted.type:
            case "integer" | "smallint" | "bigint":
                return _is_integer(trimmed)
            case "decimal":
                return _is_decimal(trimmed, wanted)
            case "float" | "double":
                # The comparison reads the text as a number only if all of it is one.
                number = f"CAST({trimmed} AS NUMERIC) = {trimmed}"
                return f"({number} AND {trimmed} NOT GLOB '*[^0-9eE.+-]*')"
            case "boolean":
                return f"lower({trimmed}) IN ({phrases.texts((*phrases.YES, *phrases.NO))})"
            case "date" | "datetime" | "timestamp":
                day = f"{trimmed} GLOB '{_DAY}*' AND {trimmed} > '0001'"
                return f"({day} AND NOT ({types.misfits(wanted, trimmed)}))"
            case "time" | "uuid":
                return f"NOT ({types.misfits(wanted, trimmed)})"
            case "json" | "enum" | "string":
                return f"NOT ({types.misfits(wanted, text)})"
            case "text":
                return "1"
            case _:
                return None


def _written(value: str) -> str:
    return (
        f"CASE typeof({value}) WHEN 'null' THEN '-' WHEN 'integer' THEN 'i' || {value} "
        f"WHEN 'real' THEN 'r' || printf('%!.17g', {value}) "
        f"WHEN 'text' THEN 't' || hex({value}) ELSE 'b' || hex({value}) END"
    )


def _unsigned(text: str) -> str:
    return f"(CASE WHEN substr({text}, 1, 1) IN ('+', '-') THEN substr({text}, 2) ELSE {text} END)"


def _is_integer(text: str) -> str:
    digits = _unsigned(text)
    short = f"ltrim({digits}, '0')"
    most = _LONGEST_INTEGER
    return (
        f"({digits} <> '' AND {digits} NOT GLOB '*[^0-9]*' AND (length({short}) < {most} "
        f"OR (length({short}) = {most} AND {short} <= '{2**63 - 1}')))"
    )


def _is_decimal(text: str, wanted: tables.Column) -> str:
    number = _unsigned(text)
    shape = (
        f"{number} GLOB '*[0-9]*' AND {number} NOT GLOB '*[^0-9.]*' AND {number} NOT GLOB '*.*.*'"
    )
    if wanted.precision is None:
        return f"({shape})"
    scale = wanted.scale or 0
    point = f"instr({number}, '.')"
    before = f"CASE {point} WHEN 0 THEN {number} ELSE substr({number}, 1, {point} - 1) END"
    after = f"CASE {point} WHEN 0 THEN '' ELSE rtrim(substr({number}, {point} + 1), '0') END"
    return (
        f"({shape} AND length(ltrim({before}, '0')) <= {wanted.precision - scale} "
        f"AND length({after}) <= {scale})"
    )


def _plain_number(text: str) -> str:
    """Write a decimal as everybody reads it: +7, 007, .5 and 5. are 7, 7, 0.5 and 5."""
    sign = f"CASE substr({text}, 1, 1) WHEN '-' THEN '-' ELSE '' END"
    short = f"ltrim({_unsigned(text)}, '0')"
    whole = f"CASE WHEN {short} = '' OR {short} LIKE '.%' THEN '0' ELSE '' END"
    point = f"CASE WHEN {text} LIKE '%.' THEN rtrim({short}, '.') ELSE {short} END"
    return f"({sign} || {whole} || {point})"
