"""How an engine says what restructuring asks of values: are they the same, do they convert.

Expressions only, in the engine's own SQL. When they are asked is the work of migrations; which
type is called what that of the engines' types.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables

# What people write for yes and no, in lower case.
YES: Final = ("1", "true", "t", "yes", "y", "on")
NO: Final = ("0", "false", "f", "no", "n", "off")

INTEGER_LIMITS: Final = {
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
}
UUID_DIGITS: Final = (8, 4, 4, 4, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How a value becomes one of another type: `valid` is true where `value` may be asked for.

    Neither is NULL unless the value is.
    """

    valid: str
    value: str


class Phrases(abc.ABC):
    """Expressions over values; `quote` writes a name."""

    def __init__(self, quote: Callable[[str], str]) -> None:
        self.quote = quote

    @abc.abstractmethod
    def fingerprint(self, columns: Sequence[tables.FoundColumn], table: str) -> str:
        """Return what is equal for rows with exactly the same values, byte by byte, and no others.

        It is never NULL, NULL is a value like any other, and no collation has a say in it.
        """

    @abc.abstractmethod
    def same(self, column: tables.FoundColumn, one: str, other: str) -> str:
        """Return a condition: `other`, kept in such a column, is exactly what `one` is.

        `one` comes from the column, `other` is any expression; NULL is the same as NULL.
        """

    @abc.abstractmethod
    def conversion(
        self, value: str, found: tables.FoundColumn, wanted: tables.Column
    ) -> Conversion | None:
        """Return how a column's value becomes one of another type; None if nobody can say.

        Values go by their text: blanks around it, a plus sign and leading zeros do not matter; a
        number that would be rounded, a day that does not exist, a text that is too long do.
        """

    def assigned(self, value: str, wanted: tables.Column) -> str:
        """Return an expression as it can be given to a column, whatever its own type is."""
        return value

    def column(self, table: str, name: str) -> str:
        """Return a column with its table in front."""
        return f"{self.quote(table)}.{self.quote(name)}"


def texts(values: Sequence[str]) -> str:
    """Return plain words as a list of SQL texts."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
