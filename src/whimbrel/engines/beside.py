"""How an engine changes a large table while others work on it: its own part of it.

When that is done is decided by migrations.
"""

from __future__ import annotations

from whimbrel import tables as shapes
from whimbrel.engines.catalogs import Statement


class Beside:
    """The ways that there are; an engine without one leaves it at None."""

    def same_type(self, one: str, two: str) -> bool:
        """Whether two texts name the same type."""
        return one.lower() == two.lower()

    def unchecked(
        self, table: shapes.Table, part: shapes.ForeignKey | shapes.Check
    ) -> tuple[Statement, ...] | None:
        """Return what adds a constraint while others work: first for new rows, then for all.

        What an interrupted attempt has done of it is not done again. None where there is no way.
        """
        return None

    def unique_beside(
        self, table: shapes.Table, unique: shapes.Unique
    ) -> tuple[Statement, ...] | None:
        """Return what adds a unique constraint while others work, as `unchecked` does."""
        return None

    def require_beside(self, table: shapes.Table, column: str) -> tuple[Statement, ...] | None:
        """Return what makes a column NOT NULL while others work, as `unchecked` does."""
        return None

    def proof(self, table: shapes.Table, column: str) -> str:
        """Return the name of the check by which `require_beside` proves a column."""
        return shapes.constraint_name("nn", table.name, [column])

    def insist(self, statements: tuple[Statement, ...]) -> tuple[Statement, ...] | None:
        """Return statements so that the server refuses rather than keeps others out; or None."""
        return None

    def cast(self, value: str, type_: str) -> str:
        """Return a value so that it can be given to a column of a type that the catalog names.

        Engines whose columns convert what they are given have nothing to add.
        """
        return value

    def rename_part(
        self,
        table: shapes.Table,
        part: shapes.Index | shapes.Unique | shapes.ForeignKey | shapes.Check,
        to: str,
    ) -> tuple[Statement, ...] | None:
        """Return what gives an index or constraint another name at once; None if no such way."""
        return None
