"""Add a foreign key, a check or a unique constraint."""

from __future__ import annotations

import abc
from dataclasses import dataclass

from whimbrel import tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base, remove_constraint


@dataclass(frozen=True, slots=True, kw_only=True)
class AddConstraint(base.Operation):
    """What the three have in common: they are known by their name."""

    table: str

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The constraint's name."""

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        table = catalog.table(self.table)
        parts: tuple[remove_constraint.Constraint | tables.Index, ...] = (
            *table.foreign_keys,
            *table.checks,
            *table.uniques,
            *table.indexes,
        )
        return any(part.name == self.name for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddForeignKey(AddConstraint):
    """add_foreign_key(table, column, ref_table, ref_column, …)"""

    key: tables.ForeignKey

    @property
    def name(self) -> str:
        return self.key.name or ""

    def describe(self) -> str:
        here = ", ".join(self.key.columns)
        there = ", ".join(self.key.ref_columns)
        return f"add foreign key {self.table} ({here}) → {self.key.ref_table} ({there})"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        referred = ddl.catalog.table(self.key.ref_table)
        for column in self.key.columns:
            found.column(column)
        for column in self.key.ref_columns:
            referred.column(column)
        return ddl.add_foreign_key(found, self.key)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        planned.put(self.table, found.replace(foreign_keys=(*found.foreign_keys, self.key)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheck(AddConstraint):
    """add_check(table, condition, …)"""

    check: tables.Check

    @property
    def name(self) -> str:
        return self.check.name or ""

    def describe(self) -> str:
        return f"add check {self.name} to {self.table}: {self.check.sql}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        return ddl.add_check(ddl.catalog.table(self.table), self.check)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        planned.put(self.table, found.replace(checks=(*found.checks, self.check)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUnique(AddConstraint):
    """add_unique(table, columns, …)"""

    unique: tables.Unique

    @property
    def name(self) -> str:
        return self.unique.name or ""

    def describe(self) -> str:
        return (
            f"add unique constraint {self.name} on {self.table} ({', '.join(self.unique.columns)})"
        )

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        for column in self.unique.columns:
            found.column(column)
        return ddl.add_unique(found, self.unique)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        planned.put(self.table, found.replace(uniques=(*found.uniques, self.unique)))
