"""Create a table."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable(base.Operation):
    """create_table(name, columns)"""

    table: tables.NewTable

    def describe(self) -> str:
        return f"create table {self.table.name}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        if ddl.catalog.find(self.table.name) is not None:
            raise errors.TableExists(self.table.name)
        return ddl.create_table(self.table)

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        return catalog.find(self.table.name) is not None

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        new = self.table
        planned.put(
            new.name,
            tables.Table(
                name=new.name,
                columns=tuple(ddl.found(c, table=new.name) for c in new.columns),
                primary_key=new.primary_key,
                uniques=tuple(
                    tables.Unique(
                        name=tables.constraint_name("uq", new.name, [c.name]), columns=(c.name,)
                    )
                    for c in new.columns
                    if c.unique
                )
                + new.uniques,
                indexes=new.indexes,
                foreign_keys=new.foreign_keys,
                checks=new.checks,
                comment=new.comment,
            ),
        )
