"""Rename a column."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base

_Keyed = TypeVar("_Keyed", tables.Unique, tables.ForeignKey)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameColumn(base.Operation):
    """rename_column(table, old, new)"""

    table: str
    column: str
    to: str

    def describe(self) -> str:
        return f"rename column {self.table}.{self.column} to {self.to}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        found.column(self.column)
        if found.has(self.to):
            raise errors.ColumnExists(self.table, self.to)
        return ddl.rename_column(found, self.column, self.to)

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        table = catalog.table(self.table)
        return table.has(self.to) and not table.has(self.column)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        columns = tuple(
            dataclasses.replace(c, name=self.to) if c.name == self.column else c
            for c in found.columns
        )
        planned.put(
            self.table,
            found.replace(
                columns=columns,
                primary_key=tuple(self._new(c) for c in found.primary_key),
                uniques=self._parts(found.uniques),
                indexes=tuple(self._index(index) for index in found.indexes),
                foreign_keys=self._parts(found.foreign_keys),
            ),
        )

    def _new(self, column: str) -> str:
        return self.to if column == self.column else column

    def _parts(self, parts: tuple[_Keyed, ...]) -> tuple[_Keyed, ...]:
        return tuple(
            dataclasses.replace(part, columns=tuple(self._new(c) for c in part.columns))
            for part in parts
        )

    def _index(self, index: tables.Index) -> tables.Index:
        columns = (self._new(c) if isinstance(c, str) else c for c in index.columns)
        return dataclasses.replace(index, columns=tuple(columns))
