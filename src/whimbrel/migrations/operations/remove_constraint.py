"""Remove a foreign key, a check or a unique constraint."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base

Constraint = tables.ForeignKey | tables.Check | tables.Unique


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveConstraint(base.Operation):
    """remove_constraint(table, name); remove_foreign_key(table, columns); `was`, if known"""

    table: str
    name: str | None = None
    columns: tuple[str, ...] = ()
    was: Constraint | None = None

    def describe(self) -> str:
        if self.name is not None:
            return f"remove constraint {self.name} from {self.table}"
        return f"remove foreign key {self.table} ({', '.join(self.columns)})"

    def find(self, table: tables.Table) -> Constraint:
        """Return the constraint that is meant; raise ObjectNotFound."""
        every: tuple[Constraint, ...] = (*table.foreign_keys, *table.checks, *table.uniques)
        hits = [part for part in every if self.name is not None and part.name == self.name]
        if not hits and self.name is not None:
            # To some engines a unique constraint is a unique index.
            hits = [
                tables.Unique(name=index.name, columns=tuple(map(str, index.columns)))
                for index in table.indexes
                if index.unique and index.name == self.name
            ]
        if not hits and self.columns:
            # An engine that keeps no names of foreign keys still knows their columns.
            hits = [key for key in table.foreign_keys if key.columns == self.columns]
        if not hits:
            known = [str(part.name) for part in every if part.name]
            wanted = self.name or f"on ({', '.join(self.columns)})"
            raise errors.ObjectNotFound("constraint", wanted, table=self.table, known=known)
        return hits[0]

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        return ddl.remove_constraint(found, self.find(found))

    def before(self, catalog: engines.Catalog) -> dict[str, object]:
        return {"constraint": tables.part_to_json(self.find(catalog.table(self.table)))}

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        was = tables.part_from_json(before["constraint"])  # type: ignore[arg-type]
        table = catalog.table(self.table)
        every: tuple[Constraint | tables.Index, ...] = (
            *table.foreign_keys,
            *table.checks,
            *table.uniques,
            *table.indexes,
        )
        return all(part.name != was.name for part in every)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        gone = self.find(found)
        planned.put(
            self.table,
            found.replace(
                foreign_keys=tuple(k for k in found.foreign_keys if k != gone),
                checks=tuple(c for c in found.checks if c != gone),
                uniques=tuple(u for u in found.uniques if u != gone),
                indexes=tuple(i for i in found.indexes if i.name != gone.name),
            ),
        )
