"""What MySQL and MariaDB say to ask values for rules: texts by way of bytes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from whimbrel import tables
from whimbrel.engines import judge
from whimbrel.engines.judge import MARK, Asked, Bound, Kind
from whimbrel.engines.mysql import phrases

_KINDS: Final = {
    **dict.fromkeys(
        ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric",
         "float", "double", "real", "year"),
        Kind.NUMBER,
    ),
    **dict.fromkeys(
        ("varchar", "char", "text", "tinytext", "mediumtext", "longtext", "enum", "set"),
        Kind.TEXT,
    ),
    **dict.fromkeys(
        ("binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob"), Kind.BINARY
    ),
    "date": Kind.DATE,
    "datetime": Kind.MOMENT,
    "timestamp": Kind.INSTANT,
    "time": Kind.TIME,
}  # fmt: skip
# Sorting, and with it grouping, reads no more than so many bytes of a value (max_sort_length).
_SORTED_BYTES: Final = 1024
_LONGEST_CHARACTER: Final = 4
_SIZE: Final = re.compile(r"\((\d+)\)")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class MysqlJudge(judge.Judge):
    """By the column's own type; a collation is never asked."""

    def kind(self, column: tables.FoundColumn) -> Kind:
        return _KINDS.get(phrases.first_word(column.type), Kind.OTHER)

    def exact(self, column: tables.FoundColumn, value: str) -> str:
        word, kind = phrases.first_word(column.type), self.kind(column)
        if word == "bit":
            return f"HEX({value})"
        if kind is Kind.INSTANT:
            return f"UNIX_TIMESTAMP({value})"  # an hour comes twice a year
        if kind is Kind.TEXT:
            return self._short(column, self.text(column, value), _LONGEST_CHARACTER)
        if kind is Kind.BINARY:
            return self._short(column, value, 1)
        if kind is Kind.OTHER:
            return f"UNHEX(SHA2({self.text(column, value)}, 256))"
        return value

    def _short(self, column: tables.FoundColumn, value: str, width: int) -> str:
        size = _SIZE.search(column.type)
        short = phrases.first_word(column.type) in {"enum", "char", "varchar", "varbinary"}
        if short and (size is None or int(size[1]) * width <= _SORTED_BYTES):
            return value
        return f"UNHEX(SHA2({value}, 256))"

    def text(self, column: tables.FoundColumn, value: str) -> str:
        if self.kind(column) is Kind.TEXT:
            return f"CAST(CONVERT({value} USING utf8mb4) AS BINARY)"
        if self.kind(column) is Kind.BINARY:
            return f"CAST(HEX({value}) AS BINARY)"
        return f"CAST(CONVERT(CAST({value} AS CHAR) USING utf8mb4) AS BINARY)"

    def folded(self, column: tables.FoundColumn, value: str) -> str:
        # Bytes have no small letters: the text is made small before it becomes bytes.
        small = f"CAST(LOWER(CONVERT({value} USING utf8mb4)) AS BINARY)"
        return f"UNHEX(SHA2({small}, 256))"

    def total(self, value: str) -> str:
        return f"SUM(CAST({value} AS DECIMAL(65, 30)))"

    def _outside(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: Bound | None,
        most: Bound | None,
    ) -> Asked:
        if kind is not Kind.INSTANT:
            return judge.beyond(value, least, most)
        # As the session's time zone shows it, it would depend on that.
        bounds = [_seconds(bound) for bound in (least, most)]
        return judge.beyond(f"UNIX_TIMESTAMP({value})", *bounds)

    def _misshapen(
        self,
        column: tables.FoundColumn,
        kind: Kind,
        value: str,
        least: int | None,
        most: int | None,
    ) -> Asked:
        size = f"OCTET_LENGTH({value})" if kind is Kind.BINARY else f"CHAR_LENGTH({value})"
        return judge.beyond(size, least, most)

    def _unlike(self, column: tables.FoundColumn, value: str, pattern: Sequence[str]) -> Asked:
        written = "".join(r"\z" if piece == judge.END else piece for piece in pattern)
        text = f"CONVERT(CAST({value} AS CHAR) USING utf8mb4) COLLATE utf8mb4_bin"
        if self.kind(column) is Kind.TEXT:
            text = f"CONVERT({value} USING utf8mb4) COLLATE utf8mb4_bin"
        return Asked(sql=f"{text} NOT REGEXP {MARK}", params=(written,))

    def _sent(self, bound: Bound) -> object:
        return _seconds(bound) if _is_aware(bound) else bound


def _is_aware(bound: Bound | None) -> bool:
    return isinstance(bound, dt.datetime) and bound.tzinfo is not None


def _seconds(bound: Bound | None) -> Decimal | None:
    if not isinstance(bound, dt.datetime):
        return None
    since = bound - _EPOCH
    return since.days * 86_400 + since.seconds + Decimal(since.microseconds) / 1_000_000
