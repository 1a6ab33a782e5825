"""How an engine writes rows so that they can be compared with those of another: its codec.

The texts of values are those of `forms`. A row's text joins those of its values by bars:

    NULL              nothing at all
    a bare form       the text itself
    a long value      the MD5 of the text, 32 hexadecimal digits
    everything else   its length in bytes, a colon, the text

so that no two rows have the same one. A row's hash is the MD5 of that text in UTF-8. Two lanes of
60 bits each are the hexadecimal digits 1 to 15 and 17 to 31 of it; the sum of a set of rows is
their number and the sums of both lanes, which do not depend on any order. (Rivest, RFC 1321; MD5
is not there to stop a forger here, but to keep accidents 120 bits away.)

All of it is computed by the database. Which rows are asked for, and what follows from the sums, is
the work of `proof`.
"""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables
from whimbrel.engines import forms

LANES: Final = (slice(0, 15), slice(16, 31))
Texts = tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One compared column on one side: SQL that reads it, what it is here, how it is compared.

    The SQL is as it stands beside parameters.
    """

    sql: str
    column: tables.FoundColumn
    form: forms.Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Rows to be read and what of each: the values in the order of the encoding.

    `key` are places in `values` that name a row; without any it is the whole row. `where` is a
    condition in the driver's own style with its parameters, empty for all rows.
    """

    table: str
    values: tuple[Value, ...]
    key: tuple[int, ...] = ()
    where: str = ""
    params: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """How many rows, and the sums of both lanes of their hashes."""

    rows: int = 0
    high: int = 0
    low: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(
            rows=self.rows + other.rows, high=self.high + other.high, low=self.low + other.low
        )

    def __sub__(self, other: Sum) -> Sum:
        return Sum(
            rows=self.rows - other.rows, high=self.high - other.high, low=self.low - other.low
        )

    def __str__(self) -> str:
        """Return 120 bits as people compare them, the lanes modulo 2^60."""
        return f"{self.high % 2**60:015x}{self.low % 2**60:015x}"


NOTHING: Final = Sum()


class Codec(abc.ABC):
    """Writes the values of one session's database in forms, and sums up the hashes of rows."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Set what texts depend on: time zone UTC, how dates, floats and bytes are written."""

    # --- what columns are -------------------------------------------------------------------

    @abc.abstractmethod
    def form(self, table: tables.Table, column: tables.FoundColumn) -> forms.Form:
        """Return what the values of a column are."""

    @abc.abstractmethod
    def described(
        self, table: tables.Table, expression: str, *, query: str = ""
    ) -> tables.FoundColumn:
        """Return an expression over a table as if it were a column, `name` is the expression.

        With a `query` it is one over what that gives, and the table is only its name.

        Raises RefusedError if the database does not understand it.
        """

    # --- texts ------------------------------------------------------------------------------

    @abc.abstractmethod
    def text(self, value: Value) -> str:
        """Return SQL for the text of a value, NULL for NULL; names as beside parameters."""

    @abc.abstractmethod
    def given(self, column: tables.FoundColumn, form: forms.Form) -> str:
        """Return SQL with one placeholder that makes a column's value of its text again."""

    @abc.abstractmethod
    def literal(self, column: tables.FoundColumn, form: forms.Form, text: bytes | None) -> str:
        """Return SQL for a column's value of its text, to compare the column with.

        It stands where no parameters are, and does not keep an index from being used.
        """

    def bytes_literal(self, data: bytes) -> str:
        """Return SQL for bytes, as what `octets` gives is compared with them."""
        return f"x'{data.hex()}'"

    def among(
        self, columns: Sequence[tuple[str, tables.FoundColumn, forms.Form]], keys: Sequence[Texts]
    ) -> str:
        """Return a condition for the rows with these keys, as it stands without parameters.

        Each column is its SQL, what it is and the form of the texts; none of these is NULL.
        """
        rows = [
            ", ".join(
                self.literal(column, form, text)
                for (_, column, form), text in zip(columns, key, strict=True)
            )
            for key in keys
        ]
        if len(columns) == 1:
            return f"{columns[0][0]} IN ({', '.join(rows)})"
        names = ", ".join(name for name, _, _ in columns)
        return f"({names}) IN ({self._listed(rows)})"

    def _listed(self, rows: Sequence[str]) -> str:
        """Return rows of SQL as they stand in the parentheses behind IN."""
        return ", ".join(f"({row})" for row in rows)

    @abc.abstractmethod
    def octets(self, value: Value) -> str:
        """Return SQL for the bytes of a value's text, NULL for NULL.

        It equals bytes that are given as a parameter exactly when the text has these in UTF-8.
        """

    # --- rows -------------------------------------------------------------------------------

    @abc.abstractmethod
    def total(self, scan: Scan) -> Sum:
        """Return the sum over the rows of a scan; never leaves a row out in silence."""

    @abc.abstractmethod
    def buckets(self, scan: Scan, digits: int) -> dict[int, Sum]:
        """Return sums by bucket: the number in the first hexadecimal digits of the key's hash.

        The key's hash is the MD5 of the text of the key's values alone, made like a row's.
        """

    @abc.abstractmethod
    def rows(self, scan: Scan) -> list[Texts]:
        """Return the texts of all values of the rows, whatever their order."""

    @abc.abstractmethod
    def stream(
        self, scan: Scan, *, digits: int = 0, only: Collection[int] | None = None
    ) -> Iterator[tuple[str, Texts]]:
        """Yield rows ordered by the hash of their keys, each with it, in constant memory.

        With `only` the rows of these buckets, as `buckets` counts them with `digits`.
        """


# --- the same in Python ---------------------------------------------------------------------


def encode(values: Sequence[tuple[forms.Form, bytes | None]]) -> bytes:
    """Return the text of a row, as every codec writes it."""
    parts = []
    for form, text in values:
        if text is None:
            parts.append(b"")
        elif form.long:
            parts.append(hashlib.md5(text, usedforsecurity=False).hexdigest().encode())
        elif form.bare:
            parts.append(text)
        else:
            parts.append(b"%d:%s" % (len(text), text))
    return b"|".join(parts)


def hashed(values: Sequence[tuple[forms.Form, bytes | None]]) -> str:
    """Return the hash of a row, 32 hexadecimal digits."""
    return hashlib.md5(encode(values), usedforsecurity=False).hexdigest()


def summed(hashes: Sequence[str]) -> Sum:
    """Return the sum over hashes of rows."""
    high, low = LANES
    return Sum(
        rows=len(hashes),
        high=sum(int(one[high], 16) for one in hashes),
        low=sum(int(one[low], 16) for one in hashes),
    )
