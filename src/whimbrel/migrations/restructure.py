"""The verbs that restructure tables: each is several operations, one step of the journal each.

So a plan shows them, a killed run goes on among them, and change() takes them back one by one.
How each is made of operations is in `expansions/`; here is what users say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

from whimbrel import errors, tables
from whimbrel.migrations import operations as ops
from whimbrel.migrations.expansions import (
    common,
    convert,
    extract,
    fold,
    reshape,
    set_aside,
)
from whimbrel.migrations.operations import rows

if TYPE_CHECKING:
    from whimbrel.migrations import desk

Names = str | Sequence[str]
Type = str | tables.Column


class Restructuring:
    """What a migration can do with the shape of its data.

    Expressions are SQL in the migration's `sql_dialect`, about the row at hand. `max_rejects`
    and `workers` mean what they mean for `backfill`.
    """

    _desk: desk.Desk

    def populate(
        self,
        table: str,
        column: str,
        value: object,
        *,
        where: str | None = None,
        overwrite: bool = False,
        max_rejects: int | None = None,
        workers: int | None = None,
    ) -> int:
        """Fill a column where it is NULL, everywhere with `overwrite`; return how many rows.

        `value` is a Python value, or an expression: `whimbrel.sql("…")`.
        """
        if value is None and not overwrite:
            raise errors.UsageError(
                f"{table}.{column} would be filled with NULL where it is NULL",
                remedy="set it to NULL everywhere:  overwrite=True",
            )
        condition = where
        if not overwrite:
            empty = f"{self._desk.speech().quote(column)} IS NULL"
            condition = f"{rows.bracketed(where)} AND {empty}" if where else empty
        written = isinstance(value, tables.Sql)
        operation = ops.Populate(
            table=table,
            columns={column: common.literal(self._desk, value)},
            value=value,
            where=condition,
            native=not written,
            max_rejects=max_rejects,
            workers=workers,
        )
        return cast("int", self._desk.perform(operation))

    def split_column(
        self,
        table: str,
        column: str,
        into: Mapping[str, tuple[Type, str]],
        *,
        keep: bool = False,
        merge: str | None = None,
        was: Type | None = None,
        accept_loss: bool = False,
        max_rejects: int | None = None,
        workers: int | None = None,
    ) -> int:
        """Make several columns of one; return how many rows were filled.

        `into` maps each new column to its type and the expression that fills it. The old one
        is removed, unless `keep`. `merge` is the expression that brings it back: a value that
        would come back different is refused, unless `accept_loss`. With `was`, its type, too,
        change() can go back.
        """
        gone = reshape.Gone(
            name=column, was=None if was is None else common.typed(column, was), refill=merge
        )
        return reshape.reshape(
            self._desk,
            table,
            _new(into),
            () if keep else (gone,),
            verb="split_column",
            accept_loss=accept_loss,
            max_rejects=max_rejects,
            workers=workers,
        )

    def merge_columns(
        self,
        table: str,
        columns: Names,
        into: str,
        expression: str,
        type: Type = "string",
        *,
        keep: bool = False,
        split: Mapping[str, tuple[Type, str]] | None = None,
        accept_loss: bool = False,
        max_rejects: int | None = None,
        workers: int | None = None,
        **options: object,
    ) -> int:
        """Make one column of several; return how many rows were filled.

        The old ones are removed, unless `keep`. `split` maps each of them to its type and the
        expression that brings it back: a value that would come back different is refused,
        unless `accept_loss`. With `split`, change() can go back.
        """
        back = dict(split or {})
        old = common.names(columns)
        unknown = [name for name in back if name not in old]
        if unknown:
            raise errors.UsageError(
                f"split brings back {errors.names(unknown)}, which is not merged",
                remedy=f"name columns of these:  {', '.join(old)}",
            )
        gone = [
            reshape.Gone(
                name=name,
                was=common.typed(name, back[name][0]) if name in back else None,
                refill=back[name][1] if name in back else None,
            )
            for name in old
        ]
        return reshape.reshape(
            self._desk,
            table,
            [reshape.New(column=common.typed(into, type, options), expression=expression)],
            () if keep else gone,
            verb="merge_columns",
            accept_loss=accept_loss,
            max_rejects=max_rejects,
            workers=workers,
        )

    def extract_table(
        self,
        source: str,
        columns: Names,
        *,
        into: str,
        foreign_key: str | None = None,
        key: str = "id",
        key_type: str = "integer",
        keep: bool = False,
        on_delete: str | None = None,
        workers: int | None = None,
    ) -> int:
        """Put columns in a table of their own, each distinct combination once; return how many.

        The new table gets a counting key, the source a foreign key to it. The old columns are
        removed, unless `keep`.
        """
        common.not_ours(into)
        return extract.extract(
            self._desk,
            source,
            common.names(columns),
            into,
            foreign_key=foreign_key or f"{into}_{key}",
            key=key,
            key_type=key_type,
            keep=keep,
            on_delete=common.action(on_delete),
            workers=workers,
        )

    def fold_table(
        self,
        target: str,
        source: str,
        columns: Sequence[str] | Mapping[str, str],
        *,
        foreign_key: Names | None = None,
        on: Mapping[str, str] | None = None,
        drop: bool = True,
        accept_loss: bool = False,
        workers: int | None = None,
    ) -> int:
        """Copy columns of a table to the rows that refer to it; return how many were filled.

        `columns` may map new names to those of the source. Rows find each other by
        `foreign_key`, columns of the target, or by `on`, target's columns to source's. The
        source, and the foreign key, are removed unless `drop` is False; what nobody refers to,
        or nobody asked for, would be lost with it and is refused, unless `accept_loss`.
        """
        if isinstance(columns, str):
            columns = [columns]
        named = columns if isinstance(columns, Mapping) else {name: name for name in columns}
        return fold.fold(
            self._desk,
            target,
            source,
            named,
            foreign_key=() if foreign_key is None else common.names(foreign_key),
            on=dict(on or {}),
            drop=drop,
            accept_loss=accept_loss,
            workers=workers,
        )

    def convert_column(
        self,
        table: str,
        column: str,
        type: Type,
        *,
        using: str | None = None,
        invalid: str = convert.REFUSE,
        instead: object = tables.UNSET,
        was: Type | None = None,
        reverse: str | None = None,
        max_rejects: int | None = None,
        workers: int | None = None,
        **options: object,
    ) -> int:
        """Give a column another type, each value converted; return how many rows were done.

        Values go by their text, or by `using`. For one that does not convert, `invalid` says
        "refuse", "null", or "reject"; or `instead` gives its value. `was`, the old type, and
        `reverse`, the expression that gives the old values, let change() go back.
        """
        rules = (convert.REFUSE, convert.NULL, convert.REJECT)
        given = instead is not tables.UNSET
        if invalid not in rules or (given and invalid != convert.REFUSE):
            raise errors.UsageError(
                f"{invalid!r} does not say what becomes of values that do not convert",
                remedy='use  invalid="refuse"  "null"  "reject",  or give a value:  instead=…',
            )
        rule = convert.Invalid(rule=invalid)
        if given:
            value = common.literal(self._desk, instead)
            rule = convert.Invalid(rule=convert.DEFAULT, instead=value)
        return convert.convert(
            self._desk,
            table,
            common.typed(column, type, options),
            using=using,
            invalid=rule,
            back=convert.WayBack(was=was, reverse=reverse),
            max_rejects=max_rejects,
            workers=workers,
        )

    def without_indexes(
        self, table: str, *, constraints: bool = False
    ) -> AbstractContextManager[None]:
        """Drop the secondary indexes of a table for a block, and build them again after it.

        Unique ones, foreign keys and checks stay, unless `constraints`.
        """
        return set_aside.without(self._desk, table, constraints=constraints)


def _new(into: Mapping[str, tuple[Type, str]]) -> list[reshape.New]:
    if not into:
        raise errors.UsageError(
            "split_column needs the new columns",
            remedy='{"first_name": ("string", "…"), "last_name": ("string", "…")}',
        )
    return [
        reshape.New(column=common.typed(name, type_), expression=text)
        for name, (type_, text) in into.items()
    ]
