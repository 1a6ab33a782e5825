"""Copy rows of one table into another, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whimbrel import errors
from whimbrel.engines import base as engines
from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import work


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRows(rows.RowsOperation):
    """copy_rows(source, target, {column: expression}, where=…)

    With `distinct`, equal rows of a batch become one; `alone` keeps it to one worker.
    """

    source: str
    target: str
    columns: Mapping[str, str]
    where: str | None = None
    distinct: bool = False
    alone: bool = False

    @property
    def walked(self) -> str:
        return self.source

    @property
    def written(self) -> str:
        return self.target

    @property
    def parallel(self) -> bool:
        return not self.alone

    def describe(self) -> str:
        where = f" where {' '.join(self.where.split())}" if self.where else ""
        return f"copy rows of {self.source} into {self.target}{where}"

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        source, target = speech.catalog.table(self.source), speech.catalog.table(self.target)
        rows.only_columns(target, self.columns)
        if source.name == target.name:
            raise errors.UsageError(
                f"rows of {self.source!r} cannot be copied into the table itself: they would be "
                "met again",
                remedy="copy them into another table first",
            )
        columns = ", ".join(map(speech.quote, self.columns))
        values = ", ".join(map(rows.bracketed, self.columns.values()))
        sql = speech.say(
            f"INSERT INTO {speech.quote(self.target)} ({columns}) "
            f"SELECT {'DISTINCT ' if self.distinct else ''}{values} "
            f"FROM {speech.quote(self.source)}{rows.having(self.where)}"
        )
        return work.Statement(
            table=source,
            way=rows.way_through(source, speech.engine),
            where=rows.spoken(speech, self.source, self.where),
            sql=sql,
            tells=not self.distinct,
            explicit=bool(rows.counting(target, self.columns)),
        )

    def preview(self, made: work.Work) -> tuple[str, ...]:
        return (made.shown(),)

    def explicit_keys(self, catalog: engines.Catalog) -> Mapping[str, str]:
        return rows.counting(catalog.table(self.target), self.columns)
