"""What PostgreSQL says to ask values for rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines import judge
from whimbrel.engines.judge import MARK, Asked, Bound, Kind

_NUMBERS: Final = frozenset({"smallint", "integer", "bigint", "numeric", "real"})
_TEXTS: Final = frozenset({"text", "character", '"char"', "name", "citext", "bpchar"})
_WITH_NAN: Final = ("numeric", "real", "double precision")
_KINDS: Final = {
    "boolean": Kind.TRUTH,
    "date": Kind.DATE,
    "bytea": Kind.BINARY,
    "double precision": Kind.NUMBER,
    "timestamp without time zone": Kind.MOMENT,
    "timestamp with time zone": Kind.INSTANT,
    "time without time zone": Kind.TIME,
}


class PostgresJudge(judge.Judge):
    """By the column's own type; texts by the collation that compares bytes."""

    def kind(self, column: tables.FoundColumn) -> Kind:
        if column.type.endswith("[]"):
            return Kind.OTHER
        bare = column.type
        if "(" in bare:
            head, _, rest = bare.partition("(")
            bare = f"{head}{rest.partition(')')[2]}"
        bare = bare.strip()
        if bare in _KINDS:
            return _KINDS[bare]
        word = bare.split(" ")[0]
        if word in _TEXTS:
            return Kind.TEXT
        return Kind.NUMBER if bare in _NUMBERS else Kind.OTHER

    def exact(self, column: tables.FoundColumn, value: str) -> str:
        if self.kind(column) in {Kind.TEXT, Kind.OTHER}:
            return self.text(column, value)
        return value

    def text(self, column: tables.FoundColumn, value: str) -> str:
        return f'({value})::text COLLATE "C"'

    def folded(self, column: tables.FoundColumn, value: str) -> str:
        return f'lower(({value})::text) COLLATE "C"'

    def total(self, value: str) -> str:
        return f"sum(({value})::numeric)"

    def _outside(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: Bound | None,
        most: Bound | None,
    ) -> Asked:
        asked = judge.beyond(value, least, most)
        if kind is Kind.NUMBER and column.type.startswith(_WITH_NAN):
            # NaN is larger than everything, and between nothing.
            return Asked(sql=f"({asked.sql} OR {value} = 'NaN')", params=asked.params)
        return asked

    def _misshapen(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: int | None,
        most: int | None,
    ) -> Asked:
        size = f"octet_length({value})" if kind is Kind.BINARY else f"char_length(({value})::text)"
        return judge.beyond(size, least, most)

    def _unlike(self, column: tables.FoundColumn, value: str, pattern: Sequence[str]) -> Asked:
        written = "".join(r"\Z" if piece == judge.END else piece for piece in pattern)
        return Asked(sql=f"{self.text(column, value)} !~ {MARK}", params=(written,))
