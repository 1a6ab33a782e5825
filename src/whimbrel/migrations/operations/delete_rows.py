"""Delete rows, in batches."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import work


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRows(rows.RowsOperation):
    """delete_rows(table, where=…)"""

    table: str
    where: str | None = None

    @property
    def walked(self) -> str:
        return self.table

    def describe(self) -> str:
        where = f" where {' '.join(self.where.split())}" if self.where else ""
        return f"delete rows of {self.table}{where}"

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        table = speech.catalog.table(self.table)
        sql = speech.say(f"DELETE FROM {speech.quote(self.table)}{rows.having(self.where)}")
        way = rows.way_through(table, speech.engine)
        return work.Statement(
            table=table, way=way, where=rows.spoken(speech, self.table, self.where), sql=sql
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (made.shown(),)
