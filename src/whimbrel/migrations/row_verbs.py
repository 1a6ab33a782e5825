"""The verbs of a migration that work through rows, in batches where a table is large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NoReturn, cast

from whimbrel import errors
from whimbrel.migrations import model_rows
from whimbrel.migrations import operations as ops
from whimbrel.rows import loop, work

if TYPE_CHECKING:
    from whimbrel.migrations import desk

Expressions = Mapping[str, str]


class RowVerbs:
    """What a migration can do with the rows of large tables.

    SQL expressions are written in the migration's `sql_dialect`, about the row at hand. Each
    verb takes `max_rejects` (rows that may fail and be put aside, with their values) and
    `workers`; without them the section [rows] of whimbrel.toml holds.
    """

    _desk: desk.Desk

    def backfill(
        self,
        table: str,
        columns: Expressions,
        *,
        where: str | None = None,
        reverse: Expressions | None = None,
        max_rejects: int | None = None,
        workers: int | None = None,
        keep: ops.Keep = None,
    ) -> int:
        """Set columns of the rows of a table; return how many rows were changed.

        `reverse` says what brings the values before back, for change(). Without it they are kept
        for it; `keep` says whether, or for how long ("90 days").
        """
        return self._rows(
            ops.Backfill(
                table=table,
                columns=_texts(columns),
                where=where,
                backwards=_texts(reverse) if reverse is not None else None,
                max_rejects=max_rejects,
                workers=workers,
                keep=keep,
            )
        )

    def copy_rows(
        self,
        source: str,
        target: str,
        columns: Expressions | Sequence[str],
        *,
        where: str | None = None,
        max_rejects: int | None = None,
        workers: int | None = None,
    ) -> int:
        """Insert a row into `target` for each row of `source`; return how many.

        `columns` maps columns of the target to expressions over the source; a list names those
        that are called the same in both.
        """
        named = columns if isinstance(columns, Mapping) else {name: name for name in columns}
        return self._rows(
            ops.CopyRows(
                source=source,
                target=target,
                columns=_texts(named),
                where=where,
                max_rejects=max_rejects,
                workers=workers,
            )
        )

    def delete_rows(
        self,
        table: str,
        *,
        where: str | None = None,
        max_rejects: int | None = None,
        workers: int | None = None,
        keep: ops.Keep = None,
    ) -> int:
        """Delete rows of a table, all of them without `where`; return how many.

        They are kept, so that they can come back; `keep` says whether, or for how long.
        """
        return self._rows(
            ops.DeleteRows(
                table=table, where=where, max_rejects=max_rejects, workers=workers, keep=keep
            )
        )

    def transform(
        self,
        source: str | type,
        target: str | type,
        function: work.Function,
        *,
        batched: bool = False,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        max_rejects: int | None = None,
        workers: int | None = None,
        processes: int | None = None,
        keep: ops.Keep = None,
    ) -> int:
        """Put each row of `source` through a function and write what it returns to `target`.

        Source and target are tables or ActiveRecord models. The function gets a row as a dict
        (or an instance of the model) and returns one, several (a list, a generator), or None for
        no row; with `batched` it gets and returns lists. If source and target are the same, what
        it returns replaces the row it was given (None leaves it as it is). `columns` names those
        that it needs, `processes` has it run in so many helper processes; `keep` says whether, or
        for how long, values that are replaced are kept. Returns how many rows were written. The
        function may be called again for a row whose batch failed, and has no database.
        """
        operation = ops.Transform(
            source=_table(source),
            target=_table(target),
            function=function,
            source_model=model_rows.of(source),
            target_model=model_rows.of(target),
            batched=batched,
            columns=None if columns is None else _names(columns),
            where=where,
            max_rejects=max_rejects,
            workers=workers,
            processes=processes,
            keep=keep,
        )
        desk, self._desk = self._desk, cast("desk.Desk", _Busy(operation.name))
        try:
            return cast("int", desk.perform(operation))
        finally:
            self._desk = desk

    def batches(self, table: str, *, where: str | None = None) -> Iterator[loop.Batch]:
        """Hand out the rows of a table batch by batch, for a loop of the migration's own.

        What the loop does with a batch is committed together, exactly once; a resumed run goes
        on with the batch that was not finished.
        """
        return self._desk.batches(ops.Batches(table=table, where=where))

    def savepoint(self) -> AbstractContextManager[None]:
        """Take back what the block did if it ends with an error; the error passes on.

        Caught outside of the block, the migration goes on as if the block had not been there.
        """
        return self._desk.savepoint()

    def _rows(self, operation: ops.RowsOperation) -> int:
        return cast("int", self._desk.perform(operation))


class _Busy:
    """Stands at the desk while a function works on rows: it has no verbs."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __getattr__(self, name: str) -> NoReturn:
        raise errors.RefusedError(
            f"the function {self._function}() uses a verb of the migration, which is busy with "
            "the rows it returns",
            remedy="read what it needs before transform(), and let it return what is to be written",
        )


def _table(source: object) -> str:
    model = model_rows.of(source)
    return str(source) if model is None else model_rows.table_of(model)


def _names(columns: Sequence[str]) -> tuple[str, ...]:
    if isinstance(columns, str) or not columns:
        raise errors.UsageError(
            f"columns is {columns!r}, and has to be a list of names",
            remedy='columns=["id", "name"]; without it the function gets all of them',
        )
    return tuple(columns)


def _texts(columns: Expressions) -> dict[str, str]:
    for name, text in columns.items():
        if not isinstance(text, str):
            raise errors.UsageError(
                f"the value for column {name!r} is a {type(text).__name__}, not SQL",
                remedy=f'write it as SQL:  {{"{name}": "{text!r}"}}',
            )
    return dict(columns)
