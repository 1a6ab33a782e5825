"""What a live change does to a table, beside the ordinary verbs: operations of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from whimbrel import tables
from whimbrel.engines import base as engines
from whimbrel.engines import mirrors
from whimbrel.migrations import operations as ops
from whimbrel.migrations import speech as speeches
from whimbrel.online import change as changes
from whimbrel.online import ranges
from whimbrel.pacing import RowsConfig
from whimbrel.rows import keys, work


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishColumn(ops.Operation):
    """Make a column what it is in the end: NOT NULL, once every row has a value."""

    table: str
    column: tables.FoundColumn

    def describe(self) -> str:
        what = "take NULL" if self.column.null else "NOT NULL"
        return f"make {self.table}.{self.column.name} {what}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        found.column(self.column.name)
        beside = None if self.column.null else ddl.require_beside(found, self.column.name)
        return beside or ddl.restore_column(found, self.column)

    def precheck(self, session: engines.Session, ddl: engines.Ddl) -> None:
        if not self.column.null:
            found = ddl.catalog.table(self.table)
            if found.column(self.column.name).null:
                plain = tables.Column(name=self.column.name, type="text", null=False)
                ops.ChangeColumn(table=self.table, column=plain, accept_loss=True).precheck(
                    session, ddl
                )

    def happened(self, catalog: engines.Catalog, before: Mapping[str, object]) -> bool | None:
        return catalog.table(self.table).column(self.column.name).null == self.column.null

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)
        columns = tuple(
            self.column if one.name == self.column.name else one for one in found.columns
        )
        planned.put(self.table, found.replace(columns=columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePart(ops.Operation):
    """Give an index or constraint the name that it has in the end."""

    table: str
    part: changes.Part
    to: str

    def describe(self) -> str:
        return f"rename {self.part.name} to {self.to}"

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        found = ddl.catalog.table(self.table)
        return ddl.rename_part(found, self.part, self.to) or ()

    def happened(self, catalog: engines.Catalog, before: Mapping[str, object]) -> bool | None:
        there = {part.name for part in changes.parts(catalog.table(self.table))}
        return self.to in there and self.part.name not in there

    def forward(self, planned: engines.Planned, ddl: engines.Ddl) -> None:
        found = planned.table(self.table)

        def new(part: changes.Part) -> changes.Part:
            return named(part, self.to) if part.name == self.part.name else part

        planned.put(
            self.table,
            found.replace(
                indexes=tuple(map(new, found.indexes)),
                uniques=tuple(map(new, found.uniques)),
                foreign_keys=tuple(map(new, found.foreign_keys)),
                checks=tuple(map(new, found.checks)),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(ops.RowsOperation):
    """Bring the new shape of the rows that are there up to date, in batches."""

    table: str
    shape: mirrors.Shape = field(repr=False)

    @property
    def walked(self) -> str:
        return self.table

    def describe(self) -> str:
        into = "its new columns"
        if self.shape.mode is not mirrors.Mode.COLUMNS:
            into = "the new table"
        return f"fill {into} from the rows of {self.table}"

    def content(self) -> str:
        return f"Fill({self.table}, {self.shape.tag})"

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        table = speech.catalog.table(self.table)
        return FillRange(
            table=table,
            way=ranges.way(table.name, self.shape, speech.engine, table),
            shape=self.shape,
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRange(work.Work):
    """One statement of the mirror for each range."""

    shape: mirrors.Shape

    @property
    def beside(self) -> bool:
        return True

    def run(self, session: engines.Session, range_: keys.Range, rows: int) -> work.Done:
        cut = self.way.cut(session, range_, rows, counted=True)
        inside = keys.Range(lower=range_.lower, upper=cut.upper or range_.upper)
        mirror = session.engine.mirror(session)
        condition = ranges.condition(ranges.writer(session), self.way.key.columns, inside)
        with mirror.unmirrored():
            changed = session.execute(mirror.fill(self.shape, condition)).changed
        read = cut.rows
        if read is None:
            read = self.way.count(session, inside)
        return work.Done(read=read, written=max(changed, 0), reached=cut.upper)


# --- parts ------------------------------------------------------------------------------------


def named(part: changes.Part, name: str) -> changes.Part:
    """Return a part under another name."""
    return dataclasses.replace(part, name=name)


def adding(table: str, part: changes.Part) -> ops.Operation:
    """Return the operation that makes an index or constraint."""
    match part:
        case tables.Index():
            return ops.CreateIndex(table=table, index=part)
        case tables.Unique():
            return ops.AddUnique(table=table, unique=part)
        case tables.ForeignKey():
            return ops.AddForeignKey(table=table, key=part)
        case tables.Check():
            return ops.AddCheck(table=table, check=part)


def removing(table: str, part: changes.Part) -> ops.Operation:
    """Return the operation that removes an index or constraint."""
    if isinstance(part, tables.Index):
        return ops.RemoveIndex(table=table, name=part.name, was=part)
    return ops.RemoveConstraint(table=table, name=part.name, was=part)
