"""How an engine puts aside what a migration removes, so that it can come back: its own part of it.

What is kept for how long, and when it comes back, is the work of migrations.
"""

from __future__ import annotations

from collections.abc import Sequence

from whimbrel import tables as shapes
from whimbrel.engines.catalogs import Statement


class Aside:
    """The statements that differ; what is left as it is here needs nothing."""

    def held(
        self, table: str, others: Sequence[str]
    ) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        """Return what lets nobody write to a table, and what lets them again.

        `others` are tables that are written meanwhile. Engines where a transaction sees to both
        have nothing to say.
        """
        return (), ()

    def keeps_as_copy(self) -> bool:
        """Whether a dropped table is kept as a copy of its rows, and made again from its text."""
        return False

    def keep_table(self, table: shapes.Table, store: str) -> tuple[Statement, ...]:
        """Drop a table by giving it another name, so that it neither holds others nor names."""
        raise NotImplementedError

    def attached_texts(self, table: str) -> list[str]:
        """Return the texts of what goes with a table that is kept as a copy, but its indexes."""
        return []

    def return_table(self, table: shapes.Table, store: str) -> tuple[Statement, ...]:
        """Bring a dropped table back; `table` is as it was, foreign keys come later."""
        raise NotImplementedError
