"""Put the rows of a table through a function of Python, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations import model_rows
from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import base, rows
from whimbrel.pacing import RowsConfig
from whimbrel.rows import processes, shaping, through, work


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform(rows.RowsOperation):
    """transform(source, target, function, batched=…)

    With the source as its target, rows are changed in place. Where a model was named,
    `source_model` or `target_model` is its class: the function is given or returns instances.
    `columns` are those that the function gets, None for all; `processes` None is what the
    configuration says.
    """

    source: str
    target: str
    function: work.Function
    source_model: Any = None
    target_model: Any = None
    batched: bool = False
    columns: tuple[str, ...] | None = None
    where: str | None = None
    processes: int | None = None

    @property
    def walked(self) -> str:
        return self.source

    @property
    def written(self) -> str:
        return self.target

    @property
    def in_place(self) -> bool:
        """Whether rows are changed where they are."""
        return self.source == self.target

    def describe(self) -> str:
        where = f" where {' '.join(self.where.split())}" if self.where else ""
        into = "in place" if self.in_place else f"into {self.target}"
        return f"transform {self.source} {into} by {self.name}(){where}"

    @property
    def name(self) -> str:
        """The function's name."""
        return shaping.name_of(self.function)

    def content(self) -> str:
        # A function has no text that stays the same; its name and the rest have to do.
        models = [model and model.__qualname__ for model in (self.source_model, self.target_model)]
        return (
            f"Transform({self.source}, {self.target}, {self.name}, {self.batched}, "
            f"{base.canonical(self.where)}, {self.columns}, {models})"
        )

    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        source, target = speech.catalog.table(self.source), speech.catalog.table(self.target)
        way = rows.way_through(source, speech.engine)
        if self.in_place and (way.key.address or not way.key.columns):
            raise errors.NoKey(self.source, engine=speech.engine.title)
        self._refuse_mixture()
        asked = config.processes if self.processes is None else self.processes
        return through.Through(
            table=source,
            way=way,
            where=self._where(speech),
            function=self.function,
            target=target,
            in_place=self.in_place,
            batched=self.batched,
            columns=self._columns(source),
            max_bytes=config.batch_bytes,
            source=self._form(self.source_model, source, speech.engine),
            made=self._form(self.target_model, target, speech.engine, saved=True),
            crew=processes.Crew(asked),
            around=model_rows.without_statements,
        )

    def _refuse_mixture(self) -> None:
        if self.in_place and self.source_model is not self.target_model:
            raise errors.UsageError(
                f"{self.source!r} is both the source and the target, named in two ways",
                remedy="name it the same way both times: the table, or one model",
            )

    def _columns(self, source: tables.Table) -> tuple[str, ...] | None:
        if self.columns is None:
            return None
        if self.source_model is not None:
            raise errors.UsageError(
                f"an instance of {self.source_model.__name__} has all its columns",
                remedy="leave columns out, or name the table as the source",
            )
        return tuple(source.column(name).name for name in self.columns)

    def _where(self, speech: speeches.Speech) -> str | None:
        own = rows.spoken(speech, self.source, self.where)
        if self.source_model is None:
            return own
        by_model = model_rows.where_of(self.source_model)
        if own is None or by_model is None:
            return own or by_model
        return f"{rows.bracketed(own)} AND ({by_model})"

    @staticmethod
    def _form(
        model: Any, table: tables.Table, engine: engines.Engine, *, saved: bool = False
    ) -> shaping.Form | None:
        if model is None:
            return None
        form = model_rows.Models(model, table, engine)
        if saved:
            form.refuse_unusual()
        return form

    def preview(self, made: work.Work) -> tuple[str, ...]:
        engine = made.way.engine
        names = "*" if self.columns is None else ", ".join(map(engine.quote, self.columns))
        read = f"SELECT {names} FROM {engine.quote(self.source)} WHERE {made.shown()}"
        if self.in_place:
            return (read, f"UPDATE {engine.quote(self.source)} SET … WHERE {made.way.names} = …")
        return (read, f"INSERT INTO {engine.quote(self.target)} …")

    def explicit_keys(self, catalog: engines.Catalog) -> Mapping[str, str]:
        if self.in_place:
            return {}
        target = catalog.table(self.target)
        return rows.counting(target, {column.name: None for column in target.columns})
