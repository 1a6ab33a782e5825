"""Change a column back to what the catalog had said of it before a change."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreColumn(base.Operation):
    """The reverse of change_column, from the journal's note."""

    table: str
    column: tables.FoundColumn

    def describe(self) -> str:
        return f"change column {self.table}.{self.column.name} back"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        return ddl.restore_column(ddl.catalog.table(self.table), self.column)

    def before(self, catalog: engines.Catalog) -> dict[str, object]:
        found = catalog.table(self.table).column(self.column.name)
        return {"column": tables.part_to_json(found)}

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        return self.before(catalog) != dict(before)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        columns = (self.column if c.name == self.column.name else c for c in found.columns)
        planned.put(self.table, found.replace(columns=tuple(columns)))
