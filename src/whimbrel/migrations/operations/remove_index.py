"""Remove an index, by its name or by its columns."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations.operations import base


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveIndex(base.Operation):
    """remove_index(table, columns) or remove_index(table, name=…); `was` it, if known"""

    table: str
    name: str | None = None
    columns: tuple[str | tables.Sql, ...] = ()
    concurrently: bool = False
    was: tables.Index | None = None

    def describe(self) -> str:
        columns = ", ".join(c if isinstance(c, str) else c.text for c in self.columns)
        return f"remove index {self.name or f'on {self.table} ({columns})'}"

    def find(self, table: tables.Table) -> tables.Index:
        """Return the index that is meant; raise ObjectNotFound, RefusedError if several are."""
        if self.name is not None:
            hits = [i for i in table.indexes if i.name == self.name]
        else:
            hits = [i for i in table.indexes if i.columns == self.columns]
        if not hits:
            known = [f"{i.name} ({', '.join(map(str, i.columns))})" for i in table.indexes]
            wanted = self.name or f"on ({', '.join(map(str, self.columns))})"
            raise errors.ObjectNotFound("index", wanted, table=self.table, known=known)
        if len(hits) > 1:
            raise errors.RefusedError(
                f"{len(hits)} indexes of {self.table} have exactly these columns",
                object=errors.names(i.name for i in hits),
                remedy=f'say which:  self.remove_index("{self.table}", name="{hits[0].name}")',
            )
        return hits[0]

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        concurrently = self.concurrently and ddl.engine.can.concurrent_index
        return ddl.remove_index(found, self.find(found), concurrently=concurrently)

    def before(self, catalog: engines.Catalog) -> dict[str, object]:
        return {"index": tables.part_to_json(self.find(catalog.table(self.table)))}

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        index = tables.part_from_json(before["index"])  # type: ignore[arg-type]
        return all(i.name != index.name for i in catalog.table(self.table).indexes)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        gone = self.find(found)
        planned.put(self.table, found.replace(indexes=tuple(i for i in found.indexes if i != gone)))
