"""Drop a table."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.engines import base as engines
from whimbrel.migrations import stores
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTable(base.Operation):
    """drop_table(name); `kept` is where it is kept, with its rows."""

    table: str
    keep: base.Keep = None
    kept: stores.Store | None = None

    def describe(self) -> str:
        return f"drop table {self.table}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        if self.kept is None:
            return ddl.drop_table(found)
        if ddl.keeps_as_copy():
            dropping = ddl.drop_table(found)
            return (*self.kept.creating(ddl), self.kept.filling(ddl), *dropping)
        return ddl.keep_table(found, self.kept.was)

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        return catalog.find(self.table) is None

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        planned.put(self.table, None)
