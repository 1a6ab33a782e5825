"""Drop a table."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTable(base.Operation):
    """drop_table(name)"""

    table: str

    def describe(self) -> str:
        return f"drop table {self.table}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        return ddl.drop_table(ddl.catalog.table(self.table))

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        return catalog.find(self.table) is None

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        planned.put(self.table, None)
