"""What operations that work through the rows of a table have in common."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from whimbrel import errors, tables
from whimbrel.engines import base as engines
from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import base
from whimbrel.pacing import RowsConfig
from whimbrel.rows import keys, work


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOperation(base.Operation):
    """A step that is cut in batches where its table is large.

    `max_rejects` and `workers` are what the verb says, None for what the configuration says.
    """

    max_rejects: int | None = None
    workers: int | None = None
    keep: base.Keep = None

    @property
    def kind(self) -> base.Kind:
        return base.Kind.ROWS

    def content(self) -> str:
        # How it is done may change between two attempts: a row that fails may be allowed to.
        same = dataclasses.replace(self, max_rejects=None, workers=None)
        return super(RowsOperation, same).content()

    @property
    @abc.abstractmethod
    def walked(self) -> str:
        """The table whose rows are worked through."""

    @property
    def written(self) -> str:
        """The table whose rows are changed."""
        return self.walked

    @property
    def columns_written(self) -> tuple[str, ...] | None:
        """The columns that are changed, None for whole rows."""
        return None

    @property
    def parallel(self) -> bool:
        """Whether several workers may do it at once."""
        return True

    @abc.abstractmethod
    def task(self, speech: speeches.Speech, config: RowsConfig) -> work.Work:
        """Return what is to be done with ranges of the table; raise RefusedError, NoKey."""

    @abc.abstractmethod
    def preview(self, made: work.Work) -> tuple[str, ...]:
        """Return the statements of one batch, for people."""

    def explicit_keys(self, catalog: engines.Catalog) -> Mapping[str, str]:
        """Return counting columns that are given values, by table: their counters move on."""
        return {}

    def statements(self, ddl: engines.Ddl) -> tuple[engines.Statement, ...]:
        """Return nothing: what is sent depends on the rows, and `task` says it."""
        return ()


def way_through(table: tables.Table, engine: engines.Engine) -> keys.Walkway:
    """Return how a table is walked."""
    return keys.Walkway(engine, table.name, keys.choose(table, engine))


def only_columns(table: tables.Table, columns: Mapping[str, object]) -> None:
    """Raise for names that are no columns of a table, or that the server computes."""
    if not columns:
        raise errors.UsageError(
            f"no column of {table.name!r} is named",
            remedy='give at least one:  {"column": "SQL expression"}',
        )
    for name in columns:
        if table.column(name).generated is not None:
            raise errors.RefusedError(
                f"{table.name}.{name} is computed by the server and cannot be written",
                remedy="leave it out; it follows the columns it is made of",
            )


def bracketed(text: str) -> str:
    """Return an expression in parentheses, which a comment at its end does not swallow."""
    return f"({text}\n)" if "--" in text or "#" in text else f"({text})"


def having(where: str | None) -> str:
    """Return what stands behind a table's name for its WHERE text."""
    return f" WHERE {bracketed(where)}" if where else ""


def spoken(speech: speeches.Speech, table: str, where: str | None) -> str | None:
    """Return a WHERE text in the engine's own dialect."""
    if where is None or speech.read == speech.engine.dialect:
        return where
    query = speech.say(f"SELECT 1 FROM {speech.quote(table)} WHERE {bracketed(where)} AND 1 = 1")
    return query.split(" WHERE ", 1)[1]


def spoken_value(speech: speeches.Speech, table: str, text: str) -> str:
    """Return an expression over a table in the engine's own dialect, in parentheses."""
    if speech.read == speech.engine.dialect:
        return bracketed(text)
    query = speech.say(f"SELECT {bracketed(text)} AS whimbrel_value FROM {speech.quote(table)}")
    return query.removeprefix("SELECT ").rsplit(" AS ", 1)[0]


def counting(table: tables.Table, columns: Mapping[str, object]) -> Mapping[str, str]:
    """Return the counting column of a table if it is among those that are written."""
    named = [column.name for column in table.columns if column.auto_increment]
    return {table.name: name for name in named if name in columns}  # noqa: B035 - one at most
