"""Create an index."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIndex(base.Operation):
    """create_index(table, columns, …), also called add_index"""

    table: str
    index: tables.Index
    concurrently: bool = False
    safely: bool = False

    def describe(self) -> str:
        unique = "unique index" if self.index.unique else "index"
        columns = ", ".join(c if isinstance(c, str) else c.text for c in self.index.columns)
        return f"create {unique} {self.index.name} on {self.table} ({columns})"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        for column in self.index.columns:
            if isinstance(column, str):
                found.column(column)
        if self.safely and (made := self.beside(ddl)) is not None:
            return made
        concurrently = self.concurrently and ddl.engine.can.concurrent_index
        return ddl.create_index(found, self.index, concurrently=concurrently)

    def beside(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...] | None:
        found = ddl.catalog.table(self.table)
        if ddl.engine.can.concurrent_index:
            return ddl.create_index(found, self.index, concurrently=True)
        return ddl.insist(ddl.create_index(found, self.index))

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        table = catalog.table(self.table)
        return any(i.name == self.index.name and i.valid for i in table.indexes) or any(
            u.name == self.index.name for u in table.uniques
        )

    def leftovers(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.find(self.table)
        broken = [i for i in found.indexes if i.name == self.index.name] if found else []
        return tuple(
            statement
            for index in broken
            if found is not None and not index.valid
            for statement in ddl.remove_index(found, index, concurrently=True)
        )

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        planned.put(self.table, found.replace(indexes=(*found.indexes, self.index)))
