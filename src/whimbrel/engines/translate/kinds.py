"""What sort of value an expression gives, as far as translating it depends on that.

None means "not known": columns whose type nobody told us, placeholders, NULL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final


class Kind(Enum):
    """Sorts of values that engines treat differently."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    BINARY = "binary"
    JSON = "json"
    OTHER = "other"


NUMBERS: Final = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE})
MOMENTS: Final = frozenset({Kind.DATE, Kind.DATETIME})

_WORDS: Final[Mapping[str, Kind]] = {
    word: kind
    for kind, words in {
        Kind.TEXT: "char character varchar nvarchar nchar text tinytext mediumtext longtext clob "
        "citext bpchar name enum string",
        Kind.INTEGER: "int integer smallint tinyint mediumint bigint int2 int4 int8 serial "
        "bigserial smallserial year",
        Kind.DECIMAL: "decimal numeric dec fixed",
        Kind.DOUBLE: "double float real float4 float8",
        Kind.BOOLEAN: "bool boolean",
        Kind.DATE: "date",
        Kind.DATETIME: "datetime timestamp timestamptz",
        Kind.TIME: "time timetz",
        Kind.BINARY: "binary varbinary blob tinyblob mediumblob longblob bytea",
        Kind.JSON: "json jsonb",
    }.items()
    for word in words.split()
}


def of_type(sql: str) -> Kind | None:
    """Return the kind of a column from its type as the catalog writes it."""
    text = sql.strip().lower()
    if text.endswith("[]"):
        return Kind.OTHER
    # MySQL has no boolean: this is how it spells one, and it behaves as a number there.
    match = re.match(r"[a-z_]\w*", text)
    if match is None:
        return None
    return _WORDS.get(match.group(), Kind.OTHER)
