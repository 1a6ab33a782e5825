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
    safely: bool = False

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The constraint's name."""

    def before(self, catalog: engines.Catalog) -> dict[str, object]:
        table = catalog.find(self.table)
        return {"there": True} if table is not None and self.name in _names(table) else {}

    def leftovers(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.find(self.table)
        if not self.safely or found is None or self.name not in ddl.catalog.unproven(self.table):
            return ()
        indexes = [i for i in found.indexes if i.name == self.name]
        every: tuple[tables.ForeignKey | tables.Check, ...] = (*found.foreign_keys, *found.checks)
        parts = [part for part in every if part.name == self.name]
        return tuple(
            statement
            for group in (
                *(ddl.remove_constraint(found, part) for part in parts),
                *(ddl.remove_index(found, index, concurrently=True) for index in indexes),
            )
            for statement in group
        )

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        table = catalog.table(self.table)
        if self.name in catalog.unproven(self.table):
            return False
        return self.name in _names(table)


def _names(table: tables.Table) -> set[str]:
    """Return the names of what a table has, as far as a constraint could have them."""
    parts: tuple[remove_constraint.Constraint | tables.Index, ...] = (
        *table.foreign_keys,
        *table.checks,
        *table.uniques,
        *table.indexes,
    )
    return {part.name for part in parts if part.name}


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
        if self.safely and (made := self.beside(ddl)) is not None:
            return made
        return ddl.add_foreign_key(found, self.key)

    def beside(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...] | None:
        return ddl.unchecked(ddl.catalog.table(self.table), self.key)

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
        if self.safely and (made := self.beside(ddl)) is not None:
            return made
        return ddl.add_check(ddl.catalog.table(self.table), self.check)

    def beside(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...] | None:
        return ddl.unchecked(ddl.catalog.table(self.table), self.check)

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
        if self.safely and (made := self.beside(ddl)) is not None:
            return made
        return ddl.add_unique(found, self.unique)

    def beside(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...] | None:
        found = ddl.catalog.table(self.table)
        made = ddl.unique_beside(found, self.unique)
        return ddl.insist(ddl.add_unique(found, self.unique)) if made is None else made

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        planned.put(self.table, found.replace(uniques=(*found.uniques, self.unique)))
