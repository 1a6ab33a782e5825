"""When two values of a column are the very same: by their characters, digits and bytes.

`=` and `<=>` go by the collation ('a' = 'A'), and compare a text with a number as floats: neither
says that nothing was lost.
"""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = re.compile(r"[a-z]+")
_TEXTS: Final = frozenset({"char", "varchar", "text", "tinytext", "mediumtext", "longtext"})
_CHOICES: Final = frozenset({"enum", "set"})
_BYTES: Final = frozenset({"binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob"})
_EXACT: Final = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric"}
)
# What holds every number that a decimal or an integer can be changed into without loss.
_WIDEST: Final = "DECIMAL(65, 30)"


def word(type_: str) -> str:
    """Return `varchar` of `VARCHAR(20) …`."""
    found = _WORD.match(type_.strip().lower())
    return found[0] if found else ""


def is_text(type_: str) -> bool:
    """Whether values of a type have characters."""
    return word(type_) in _TEXTS | _CHOICES


def is_long(type_: str) -> bool:
    """Whether values of a type are kept beside their row."""
    return word(type_).endswith(("text", "blob", "json"))


def same(one: str, two: str, type_: str, *, copy: bool = False) -> str:
    """Return the condition that a value of a column of a type is what another expression says.

    `copy` says that the other one is a value of the same type.
    """
    kind = word(type_)
    if kind in _TEXTS or kind in _CHOICES:
        return f"{_characters(one)} <=> {_characters(two)}"
    if kind in _BYTES:
        return f"CAST({one} AS BINARY) <=> CAST({two} AS BINARY)"
    if kind == "json" and not copy:
        return f"CAST({one} AS JSON) <=> CAST({two} AS JSON)"
    if kind in _EXACT and not copy:
        return f"{one} <=> CAST({two} AS {_WIDEST})"
    if kind == "bit":
        return f"{one} + 0 <=> {two} + 0"
    return f"{one} <=> {two}"


def _characters(value: str) -> str:
    return f"CAST(CONVERT({value} USING utf8mb4) AS BINARY)"
