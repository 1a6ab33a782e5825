"""Add a column."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn(base.Operation):
    """add_column(table, name, type, …)"""

    table: str
    column: tables.Column

    def describe(self) -> str:
        return f"add column {self.table}.{self.column.name}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        if found.has(self.column.name):
            raise errors.ColumnExists(self.table, self.column.name)
        return ddl.add_column(found, self.column)

    def precheck(self, session: engines.Session, ddl: engines.Ddl) -> None:
        column = self.column
        filled = (
            (column.default is not tables.UNSET and column.default is not None)
            or column.auto_increment
            or column.generated is not None
        )
        if column.nullable or filled:
            return
        rows = session.fetch(f"SELECT count(*) FROM {session.engine.quote(self.table)}")
        count = int(str(rows[0][0]))
        if count:
            raise errors.NotNullWithoutDefault(self.table, column.name, rows=count)

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        return catalog.table(self.table).has(self.column.name)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        uniques = found.uniques
        if self.column.unique:
            name = tables.constraint_name("uq", self.table, [self.column.name])
            uniques += (tables.Unique(name=name, columns=(self.column.name,)),)
        columns = (*found.columns, ddl.found(self.column, table=self.table))
        planned.put(self.table, found.replace(columns=columns, uniques=uniques))
