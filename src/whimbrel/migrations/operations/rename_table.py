"""Rename a table."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import errors
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameTable(base.Operation):
    """rename_table(old, new)"""

    table: str
    to: str

    def describe(self) -> str:
        return f"rename table {self.table} to {self.to}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        taken = ddl.catalog.find(self.to)
        if taken is not None and taken.name != found.name:
            raise errors.TableExists(self.to)
        return ddl.rename_table(found, self.to)

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        names = catalog.tables()
        return self.to in names and self.table not in names

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.find(self.table)
        if found is not None:
            planned.put(self.table, None)
            planned.put(self.to, found.replace(name=self.to))
