"""What the values of a column are meant to be, by the words of its declared type.

SQLite reads no more from those words than an affinity; people read much more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from whimbrel import tables
from whimbrel.engines.forms import Family
from whimbrel.engines.sqlite import tokens, types

_WORDS: Final[Mapping[str, Family]] = {
    **dict.fromkeys(("BOOL", "BOOLEAN"), Family.BOOLEAN),
    **dict.fromkeys(
        ("DECIMAL", "NUMERIC", "DEC", "NUMBER", "MONEY", "SMALLMONEY", "DECIMAL_TEXT"),
        Family.DECIMAL,
    ),
    **dict.fromkeys(("BINARY", "VARBINARY", "BYTEA", "IMAGE", "RAW"), Family.BINARY),
    "DATE": Family.DATE,
    **dict.fromkeys(("TIME", "TIME WITHOUT TIME ZONE"), Family.TIME),
    **dict.fromkeys(
        ("DATETIME", "DATETIME2", "SMALLDATETIME", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"),
        Family.DATETIME,
    ),
    **dict.fromkeys(
        (
            *("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"),
            *("DATETIMETZ", "DATETIME WITH TIME ZONE", "DATETIMEOFFSET"),
        ),
        Family.INSTANT,
    ),
    **dict.fromkeys(("JSON", "JSONB", "JSON_TEXT"), Family.JSON),
    **dict.fromkeys(("UUID", "GUID", "UNIQUEIDENTIFIER"), Family.UUID),
    "YEAR": Family.INTEGER,
    # Words that only look as if they said INT, or that have no affinity of their own.
    **dict.fromkeys(
        (
            *("INTERVAL", "POINT", "MULTIPOINT", "STRING", "ENUM", "SET", "XML", "INET", "CIDR"),
            *("TIMETZ", "TIME WITH TIME ZONE"),
        ),
        Family.TEXT,
    ),
}
_BY_AFFINITY: Final[Mapping[types.Affinity, Family]] = {
    types.Affinity.INTEGER: Family.INTEGER,
    types.Affinity.TEXT: Family.TEXT,
    types.Affinity.BLOB: Family.BINARY,
    types.Affinity.REAL: Family.FLOAT,
    types.Affinity.NUMERIC: Family.DECIMAL,
}
# Names that a row has besides those of its columns.
_ALSO: Final = frozenset({"rowid", "oid", "_rowid_", "main"})
_SIZE: Final = re.compile(r"\([^)]*\)")


def family(declared: str) -> Family:
    """Return what a declared type says; without a type it is text, in its widest sense."""
    words = " ".join(_SIZE.sub(" ", declared).upper().split())
    if words in ("", "ANY"):
        return Family.TEXT
    return _WORDS.get(words) or _BY_AFFINITY[types.affinity(declared)]


def kept(declared: str) -> str:
    """Return in one word how a column keeps values: its affinity, or how it keeps UUIDs."""
    if family(declared) is Family.BINARY:
        return types.Affinity.BLOB.value
    if re.search(r"\(\s*32\s*\)", declared):
        return "TEXT32"
    return types.affinity(declared).value


# --- expressions ----------------------------------------------------------------------------


def cast_type(expression: Sequence[tokens.Token]) -> str:
    """Return the type of `CAST(… AS type)`, '' for every other expression."""
    words = [token.word for token in expression]
    if words[:2] != ["CAST", "("] or words[-1] != ")":
        return ""
    depth, place = 0, 0
    for index, word in enumerate(words):
        depth += (word == "(") - (word == ")")
        if depth == 0 and 0 < index < len(words) - 1:
            return ""  # it goes on behind the CAST
        if depth == 1 and word == "AS":
            place = index
    return " ".join(token.text for token in expression[place + 1 : -1])


def unusable(table: tables.Table, expression: str) -> str:
    """Return why an expression cannot stand in a list of columns, '' if it can."""
    known = {tokens.fold(name) for name in (table.name, *(c.name for c in table.columns))} | _ALSO
    depth = 0
    for token in tokens.read(expression):
        depth += (token.word == "(") - (token.word == ")")
        if depth < 0:
            return "a bracket is closed that was not opened"
        if token.sort is tokens.Sort.COMMENT or token.word in (";", "?"):
            return f"it has {token.text!r} in it"
        # SQLite takes a misspelled "name" for a text.
        if token.text.startswith('"') and tokens.fold(tokens.unquoted(token.text)) not in known:
            return f"no such column: {token.text}"
        if depth == 0 and token.word == ",":
            return "it is more than one"
    return "a bracket is not closed" if depth else ""
