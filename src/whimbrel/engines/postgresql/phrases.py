"""What PostgreSQL says to compare values exactly, and to convert them by their text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import phrases
from whimbrel.engines.postgresql import types

# As text they depend on a setting; as sent they are their bits.
_BITS: Final = {"double precision": "float8send", "real": "float4send"}
_PLAIN_TEXTS: Final = ("text", "character varying")

_INTEGER: Final = r"'^[+-]?0*[0-9]{1,19}$'"
_DECIMAL: Final = r"'^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)$'"
_FLOAT: Final = r"'^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$'"
_DAY: Final = r"[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}"
_TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,%d})?)?"
_UUID: Final = "-".join(f"[0-9a-fA-F]{{{digits}}}" for digits in phrases.UUID_DIGITS)
_MICROSECONDS: Final = 6
_FLOAT_DIGITS: Final = 200
_REALS: Final = "1e-37 AND 3.4e38"


class PostgresPhrases(phrases.Phrases):
    """By way of text, which every type has, and of SHA-256."""

    def fingerprint(self, columns: Sequence[tables.FoundColumn], table: str) -> str:
        parts = [self._text(column, self.column(table, column.name)) for column in columns]
        # Its length before each text, so that no two rows run together to the same one.
        joined = " || ".join(
            f"coalesce(octet_length({part})::text || ':' || {part}, '-')" for part in parts
        )
        return f"sha256(convert_to({joined}, getdatabaseencoding()))"

    def _text(self, column: tables.FoundColumn, value: str) -> str:
        sent = _BITS.get(column.type)
        return f"encode({sent}({value}), 'hex')" if sent else f"{value}::text"

    def same(self, column: tables.FoundColumn, one: str, other: str) -> str:
        kept = f"({other})"
        if not column.type.startswith(_PLAIN_TEXTS):
            kept = f"({other})::{column.type}"
        texts = (self._text(column, f"({one})"), self._text(column, kept))
        return f'{texts[0]} COLLATE "C" IS NOT DISTINCT FROM {texts[1]} COLLATE "C"'

    def assigned(self, value: str, wanted: tables.Column) -> str:
        # A text that is too long is refused by an assignment, and cut by a cast.
        if wanted.type in {"string", "text", "enum"}:
            return f"{value}::text"
        return f"{value}::{types.render(wanted)}"

    def conversion(
        self, value: str, found: tables.FoundColumn, wanted: tables.Column
    ) -> phrases.Conversion | None:
        if found.type == "bytea" or found.type.endswith("[]"):
            return None
        text = f"({value})::text"
        trimmed = f"btrim({text})"
        valid = self._valid(text, trimmed, wanted)
        if valid is None:
            return None
        if wanted.type == "boolean":
            return phrases.Conversion(
                valid=valid, value=f"lower({trimmed}) IN ({phrases.texts(phrases.YES)})"
            )
        if wanted.type in {"string", "text", "enum"}:
            return phrases.Conversion(valid=valid, value=text)
        return phrases.Conversion(valid=valid, value=f"({trimmed})::{types.render(wanted)}")

    def _valid(self, text: str, trimmed: str, wanted: tables.Column) -> str | None:
        match wanted.type:
            case "integer" | "smallint" | "bigint":
                least, most = phrases.INTEGER_LIMITS[wanted.type]
                inside = f"({trimmed})::numeric BETWEEN {least} AND {most}"
                return _when(f"{trimmed} ~ {_INTEGER}", inside)
            case "decimal":
                return _when(f"{trimmed} ~ {_DECIMAL}", _fits(f"({trimmed})::numeric", wanted))
            case "float" | "double":
                shape = f"{trimmed} ~ {_FLOAT} AND length({trimmed}) <= {_FLOAT_DIGITS}"
                if types.render(wanted) != "REAL":
                    return f"({shape})"
                number = f"abs(({trimmed})::numeric)"
                return _when(shape, f"({number} = 0 OR {number} BETWEEN {_REALS})")
            case "boolean":
                known = phrases.texts((*phrases.YES, *phrases.NO))
                return f"lower({trimmed}) IN ({known})"
            case "date":
                return _when(f"{trimmed} ~ '^{_DAY}$'", _is_day(trimmed))
            case "time":
                return f"{trimmed} ~ '^{_time(wanted)}$'"
            case "datetime" | "timestamp":
                shape = f"{trimmed} ~ '^{_DAY}([ T]{_time(wanted)})?$'"
                return _when(shape, _is_day(trimmed))
            case "json":
                return f"pg_input_is_valid({text}, 'jsonb')"
            case "uuid":
                return f"{trimmed} ~ '^{_UUID}$'"
            case "string":
                limit = types.render(wanted).partition("(")[2].rstrip(")")
                return f"char_length({text}) <= {limit}"
            case "enum":
                return f"{text} IN ({phrases.texts(wanted.values)})"
            case "text":
                return "TRUE"
            case _:
                return None


def _when(shape: str, then: str) -> str:
    """Ask the second only where the first holds: it would fail on anything else."""
    return f"CASE WHEN {shape} THEN {then} ELSE FALSE END"


def _fits(number: str, wanted: tables.Column) -> str:
    if wanted.precision is None:
        return "TRUE"
    scale = wanted.scale or 0
    return f"({number} = round({number}, {scale}) AND abs({number}) < 1e{wanted.precision - scale})"


def _time(wanted: tables.Column) -> str:
    digits = _MICROSECONDS if wanted.precision is None else wanted.precision
    # Without digits of the second there is no point either.
    return _TIME % digits if digits else _TIME.replace("([.][0-9]{1,%d})?", "")


def _is_day(text: str) -> str:
    """Whether the day of a date exists; its month is known to."""
    year, month, day = (f"substr({text}, {at})::int" for at in ("1, 4", "6, 2", "9, 2"))
    last = f"(make_date({year}, {month}, 1) + interval '1 month' - interval '1 day')"
    return f"CASE WHEN {year} > 0 THEN {day} BETWEEN 1 AND extract(day FROM {last}) ELSE FALSE END"
