"""Fill columns of existing rows, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whimbrel import errors
from whimbrel.engines import sqltext
from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import work


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill(rows.RowsOperation):
    """backfill(table, {column: expression}, where=…)

    With `native` the expressions, not the condition, are in the engine's own dialect.
    """

    table: str
    columns: Mapping[str, str]
    where: str | None = None
    backwards: Mapping[str, str] | None = None
    native: bool = False

    @property
    def walked(self) -> str:
        return self.table

    @property
    def columns_written(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def describe(self) -> str:
        where = f" where {' '.join(self.where.split())}" if self.where else ""
        return f"backfill {self.table}.{', '.join(self.columns)}{where}"

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        table = speech.catalog.table(self.table)
        rows.only_columns(table, self.columns)
        way = rows.way_through(table, speech.engine)
        for name in self.columns:
            if name in way.key.columns:
                raise errors.RefusedError(
                    f"{self.table}.{name} is the key by which the table is walked",
                    remedy="change a key by one statement:  self.execute(…)",
                )
        names = list(self.columns)
        if not speech.engine.can.simultaneous_assignment:
            read = speech.engine.dialect if self.native else speech.read
            names = _read_before_written(self.columns, read, speech.engine.title)
        where = rows.spoken(speech, self.table, self.where)
        quote = speech.engine.quote if self.native else speech.quote
        changes = ", ".join(
            f"{quote(name)} = {rows.bracketed(self.columns[name])}" for name in names
        )
        sql = f"UPDATE {quote(self.table)} SET {changes}"
        if self.native:
            sql += rows.having(where)
        else:
            sql = speech.say(f"{sql}{rows.having(self.where)}")
        return work.Statement(table=table, way=way, where=where, sql=sql)

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (made.shown(),)


def _read_before_written(columns: Mapping[str, str], dialect: str, engine: str) -> list[str]:
    """Return the columns so that each is read by the others before it is written.

    Raises RefusedError for columns that are made of each other.
    """
    reads = {
        name: {t.text.strip('`"').casefold() for t in sqltext.significant(text, dialect)}
        for name, text in columns.items()
    }
    ordered: list[str] = []
    left = list(columns)
    while left:
        free = [
            name
            for name in left
            if not any(name.casefold() in reads[other] for other in left if other != name)
        ]
        if not free:
            raise errors.RefusedError(
                f"{errors.names(left)} are made of each other, and {engine} writes one before it "
                "reads the other",
                remedy="keep one of them in a new column first, by a backfill of its own",
            )
        ordered.extend(free)
        left = [name for name in left if name not in free]
    return ordered
