"""Remove a column, and what stands on it alone."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import tables
from whimbrel.engines import base as engines
from whimbrel.engines.ddl import mentioned as ddl_words
from whimbrel.migrations import stores
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveColumn(base.Operation):
    """remove_column(table, name); with its type given too, its structure can be reversed.

    `kept` is where its values are kept. `refill` is an expression over what stays that brings its
    values back, `native` says that it is in the engine's own dialect.
    """

    table: str
    column: str
    was: tables.Column | None = None
    refill: str | None = None
    native: bool = False
    keep: base.Keep = None
    kept: stores.Store | None = None

    def describe(self) -> str:
        return f"remove column {self.table}.{self.column}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        removing = ddl.remove_column(found, found.column(self.column).name)
        if self.kept is None:
            return removing
        hold, release = ddl.held(found.name, self.kept.names)
        return (*self.kept.creating(ddl), *hold, self.kept.filling(ddl), *removing, *release)

    def leftovers(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        if self.kept is None:
            return ()
        _, release = ddl.held(self.table, self.kept.names)
        return (*release, *self.kept.dropping(ddl))

    def before(self, catalog: engines.Catalog) -> dict[str, object]:
        if self.refill is None:
            return {}
        return {"column": tables.part_to_json(catalog.table(self.table).column(self.column))}

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        return not catalog.table(self.table).has(self.column)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        gone = self.column
        planned.put(
            self.table,
            found.replace(
                columns=tuple(c for c in found.columns if c.name != gone),
                uniques=tuple(u for u in found.uniques if gone not in u.columns),
                indexes=tuple(i for i in found.indexes if gone not in i.columns),
                checks=tuple(c for c in found.checks if gone not in ddl_words(found, c.sql)),
                foreign_keys=tuple(k for k in found.foreign_keys if gone not in k.columns),
            ),
        )
