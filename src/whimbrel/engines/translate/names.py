"""How names of tables and columns are really spelled, and of what type columns are.

SQL written for an engine that ignores the case of names has to be written with the real
spelling for one that does not, because every name is quoted in a translation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from whimbrel import tables
    from whimbrel.engines import base


class Names(Protocol):
    """What translating asks about the database that the translation is for."""

    def table(self, name: str) -> str | None:
        """Return the real spelling of a table's or view's name, or None if there is none."""

    def column(self, table: str, name: str) -> str | None:
        """Return the real spelling of a column's name, or None; `table` is spelled really."""

    def type(self, table: str, column: str) -> str | None:
        """Return the SQL type of a column as the catalog says it, or None."""

    def nullable(self, table: str, column: str) -> bool:
        """Whether a column may hold NULL; True if that is not known."""


class NoNames:
    """Nothing is known: names stay as they are written, and no column has a known type."""

    def table(self, name: str) -> str | None:
        return None

    def column(self, table: str, name: str) -> str | None:
        return None

    def type(self, table: str, column: str) -> str | None:
        return None

    def nullable(self, table: str, column: str) -> bool:
        return True


class CatalogNames:
    """What a catalog (the real one, or that of a plan) says."""

    def __init__(self, catalog: base.Catalog) -> None:
        self._catalog = catalog
        self._found: dict[str, tables.Table | None] = {}

    def table(self, name: str) -> str | None:
        if self._catalog.find(name) is not None:
            return name
        return same(name, self._catalog.tables())

    def column(self, table: str, name: str) -> str | None:
        found = self._table(table)
        return None if found is None else same(name, (c.name for c in found.columns))

    def type(self, table: str, column: str) -> str | None:
        found = self._table(table)
        if found is None or not found.has(column):
            return None
        return found.column(column).type

    def nullable(self, table: str, column: str) -> bool:
        found = self._table(table)
        if found is None or not found.has(column):
            return True
        return found.column(column).null

    def _table(self, name: str) -> tables.Table | None:
        if name not in self._found:
            self._found[name] = self._catalog.find(name)
        return self._found[name]


def same(name: str, known: Iterable[str]) -> str | None:
    """Return the name among `known`: exactly so, else the only one that differs in case alone."""
    alike = [other for other in known if other.lower() == name.lower()]
    if name in alike:
        return name
    return alike[0] if len(alike) == 1 else None
