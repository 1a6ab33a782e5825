"""What SQLite says to ask values for rules: first of what type each one really is.

A column may hold anything. A value that is not of the kind that a rule asks about offends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from whimbrel import tables
from whimbrel.engines import judge
from whimbrel.engines.judge import MARK, Asked, Bound, Kind
from whimbrel.engines.sqlite import types

_INTEGERS = range(-(2**63), 2**63)


class SqliteJudge(judge.Judge):
    """By typeof() first; texts character by character."""

    def kind(self, column: tables.FoundColumn) -> Kind:
        name = column.type.upper()
        words = name.split("(")[0]
        if "DECIMAL" in words or "NUMERIC" in words:
            return Kind.NUMBER
        match types.affinity(name):
            case types.Affinity.TEXT:
                # Everybody keeps dates in such columns, and numbers, too.
                return Kind.ANY
            case types.Affinity.BLOB:
                return Kind.BINARY if "BLOB" in name else Kind.ANY
            case types.Affinity.INTEGER | types.Affinity.REAL:
                return Kind.NUMBER
            case _:
                return _NAMED.get(words.strip(), Kind.NUMBER)

    def exact(self, column: tables.FoundColumn, value: str) -> str:
        return f"{value} COLLATE BINARY"

    def text(self, column: tables.FoundColumn, value: str) -> str:
        # A blob is no text, and stays what it is.
        return (
            f"(CASE typeof({value}) WHEN 'blob' THEN {value} ELSE CAST({value} AS TEXT) END "
            "COLLATE BINARY)"
        )

    def folded(self, column: tables.FoundColumn, value: str) -> str:
        return (
            f"(CASE typeof({value}) WHEN 'text' THEN whimbrel_lower({value}) ELSE {value} END "
            "COLLATE BINARY)"
        )

    def total(self, value: str) -> str:
        return f"whimbrel_sum({value})"

    def _outside(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: Bound | None,
        most: Bound | None,
    ) -> Asked:
        given = least if least is not None else most
        if isinstance(given, Decimal):
            return _beyond_numbers(value, least, most)
        wanted = "datetime"
        if isinstance(given, dt.time):
            wanted = "time"
        wrong = types.misfits(tables.Column(name="c", type=wanted), value)
        day = f"julianday(CASE typeof({value}) WHEN 'text' THEN {value} END)"
        parts, params = [f"({wrong})"], []
        for bound, sign in ((least, "<"), (most, ">")):
            if bound is not None:
                parts.append(f"{day} {sign} julianday({MARK})")
                params.append(self._sent(bound))
        return Asked(sql=f"({' OR '.join(parts)})", params=tuple(params))

    def _misshapen(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: int | None,
        most: int | None,
    ) -> Asked:
        right = "blob" if kind is Kind.BINARY else "text"
        # SQLite counts as far as the first NUL.
        size = (
            f"CASE WHEN instr({value}, char(0)) THEN whimbrel_length({value}) "
            f"ELSE length({value}) END"
        )
        asked = judge.beyond(f"length({value})" if right == "blob" else f"({size})", least, most)
        return _when(value, {right: asked}, otherwise="1")

    def _unlike(self, column: tables.FoundColumn, value: str, pattern: Sequence[str]) -> Asked:
        written = "".join(r"\Z" if piece == judge.END else piece for piece in pattern)
        asked = Asked(sql=f"NOT whimbrel_regexp({MARK}, {value}, 1)", params=(written,))
        return _when(value, {"text": asked}, otherwise="1")

    def none_of(self, column: tables.FoundColumn, value: str, allowed: Sequence[object]) -> Asked:
        if all(isinstance(one, str) for one in allowed):
            marks = ", ".join(MARK for _ in allowed)
            sql = f"{self.exact(column, value)} NOT IN ({marks})"
            return Asked(sql=sql, params=tuple(allowed))
        return super().none_of(column, value, allowed)

    def _sent(self, bound: Bound) -> object:
        if isinstance(bound, Decimal):
            whole = bound == bound.to_integral_value() and int(bound) in _INTEGERS
            return int(bound) if whole else float(bound)
        if isinstance(bound, dt.datetime):
            return bound.isoformat(" ")
        return bound.isoformat()


_NAMED = {
    "DATE": Kind.DATE,
    "DATETIME": Kind.MOMENT,
    "TIMESTAMP": Kind.MOMENT,
    "TIME": Kind.TIME,
    "BOOLEAN": Kind.TRUTH,
    "BOOL": Kind.TRUTH,
}


def _when(value: str, arms: dict[str, Asked], *, otherwise: str) -> Asked:
    """Ask by what type a value really is; NULL never offends."""
    whens = " ".join(f"WHEN '{name}' THEN {arm.sql}" for name, arm in arms.items())
    params = tuple(param for arm in arms.values() for param in arm.params)
    sql = f"(CASE typeof({value}) WHEN 'null' THEN 0 {whens} ELSE {otherwise} END)"
    return Asked(sql=sql, params=params)


def _beyond_numbers(value: str, least: Bound | None, most: Bound | None) -> Asked:
    bounds = [_number(bound) for bound in (least, most)]
    number = judge.beyond(f"+{value}", *bounds)
    read = judge.beyond(f"CAST({value} AS NUMERIC)", *bounds)
    no_number = types.no_decimal(f"CAST({value} AS TEXT)")
    written = Asked(sql=f"({no_number} OR {read.sql})", params=read.params)
    return _when(value, {"integer": number, "real": number, "text": written}, otherwise="1")


def _number(bound: Bound | None) -> int | float | None:
    if not isinstance(bound, Decimal):
        return None
    whole = bound == bound.to_integral_value() and int(bound) in _INTEGERS
    return int(bound) if whole else float(bound)
