"""Hand a table out batch by batch, to the migration's own loop."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import work


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches(rows.RowsOperation):
    """for batch in batches(table, where=…)"""

    table: str
    where: str | None = None

    @property
    def walked(self) -> str:
        return self.table

    @property
    def parallel(self) -> bool:
        return False

    def describe(self) -> str:
        where = f" where {' '.join(self.where.split())}" if self.where else ""
        return f"batches of {self.table}{where}"

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        table = speech.catalog.table(self.table)
        return work.Reading(
            table=table,
            way=rows.way_through(table, speech.engine),
            where=rows.spoken(speech, self.table, self.where),
            max_bytes=config.batch_bytes,
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (f"SELECT * FROM {made.way.engine.quote(self.table)} WHERE {made.shown()}",)
