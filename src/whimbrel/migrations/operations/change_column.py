"""Change a column: what is said changes, what is not said stays."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations import stores
from whimbrel.migrations.operations import base

_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeColumn(base.Operation):
    """change_column(table, name, type, …)

    `kept` is where values are kept that would not come back.
    """

    table: str
    column: tables.Column
    accept_loss: bool = False
    safely: bool = False
    keep: base.Keep = None
    kept: stores.Store | None = None

    def describe(self) -> str:
        return f"change column {self.table}.{self.column.name}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        found.column(self.column.name)
        if self.safely and (made := self.beside(ddl)) is not None:
            return made
        changing = ddl.change_column(found, self.column, accept_loss=self.accept_loss)
        if self.kept is None:
            return changing
        hold, release = ddl.held(found.name, self.kept.names)
        return (*self.kept.creating(ddl), *hold, *self.kept.trying(ddl), *changing, *release)

    def beside(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...] | None:
        found = ddl.catalog.table(self.table)
        old, new = found.column(self.column.name), ddl.changed(found, self.column)
        same = ddl.same_type(old.type, new.type)
        only = self.column.default is tables.UNSET and not self.column.unique
        told = self.column.comment is None and self.column.collation is None
        if not (same and only and told and old.null and not new.null):
            return None
        return ddl.require_beside(found, self.column.name)

    def leftovers(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.find(self.table)
        if self.kept is not None:
            _, release = ddl.held(self.table, self.kept.names)
            return (*release, *self.kept.dropping(ddl))
        if not self.safely or found is None:
            return ()
        name = ddl.proof(found, self.column.name)
        parts = [check for check in found.checks if check.name == name]
        return tuple(s for part in parts for s in ddl.remove_constraint(found, part))

    def precheck(self, session: engines.Session, ddl: engines.Ddl) -> None:
        found = ddl.catalog.table(self.table)
        if self.kept is not None:
            self._refuse_no_way_back(session, ddl, self.kept)
        if self.column.null is False and found.column(self.column.name).null:
            self._refuse_nulls(session, found)
        query = None if self.accept_loss else ddl.lossy_values(found, self.column)
        if query is not None:
            values = session.fetch(f"SELECT count(*) FROM ({query}) AS lossy")[0][0]
            if values:
                rows = session.fetch(f"{query} LIMIT {_EXAMPLES}")
                raise errors.ValuesDoNotFit(
                    self.table,
                    self.column.name,
                    wanted=_words(self.column),
                    values=int(str(values)),
                    examples=[repr(row[-1]) for row in rows],
                )

    def _refuse_no_way_back(
        self, session: engines.Session, ddl: engines.Ddl, kept: stores.Store
    ) -> None:
        """Refuse to keep values where nothing makes the column what it was."""
        (old,) = kept.values
        if kept.retyped is None:
            return
        there = ddl.cast("NULL", kept.retyped.type)
        try:
            session.fetch(f"SELECT {ddl.cast(there, old.type)}")
        except sa.exc.DBAPIError as error:
            raise errors.RefusedError(
                f"{self.table}.{old.name} cannot be given back: nothing makes {old.type} of "
                f"{kept.retyped.type} again",
                left="nothing was changed",
                cause=session.engine.cause(error),
                remedy="do it without a way back:  self.change_column(…, keep=False)",
            ) from None

    def _refuse_nulls(self, session: engines.Session, found: tables.Table) -> None:
        quote = session.engine.quote
        name, table = quote(self.column.name), quote(self.table)
        nulls, rows = session.fetch(f"SELECT count(*) - count({name}), count(*) FROM {table}")[0]
        if not nulls:
            return
        keys: list[str] = []
        if found.primary_key:
            key = ", ".join(quote(column) for column in found.primary_key)
            first = session.fetch(
                f"SELECT {key} FROM {table} WHERE {name} IS NULL ORDER BY {key} LIMIT {_EXAMPLES}"
            )
            label = ", ".join(found.primary_key)
            keys = [f"{label} {', '.join(map(str, row))}" for row in first]
        raise errors.NullsPresent(
            self.table,
            self.column.name,
            nulls=int(str(nulls)),
            rows=int(str(rows)),
            first_keys=keys,
            update=f"UPDATE {table} SET {name} = … WHERE {name} IS NULL",
        )

    def before(self, catalog: engines.Catalog) -> dict[str, object]:
        found = catalog.table(self.table)
        return {
            "column": tables.part_to_json(found.column(self.column.name)),
            "uniques": [list(u.columns) for u in found.uniques],
        }

    def happened(self, catalog: engines.Catalog, before: base.Facts) -> bool | None:
        # Equal to what it was: not done, or nothing to do; doing it again is harmless.
        return self.before(catalog) != dict(before)

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        table = planned.table(self.table)
        old = table.column(self.column.name)
        changed = ddl.changed(table, self.column)
        columns = tuple(changed if c.name == old.name else c for c in table.columns)
        planned.put(self.table, table.replace(columns=columns))


def _words(column: tables.Column) -> str:
    size = column.length or (
        f"{column.precision}, {column.scale or 0}" if column.precision is not None else ""
    )
    return f"{column.type}({size})" if size else column.type
