"""`Migration`: what users subclass. Each verb builds an operation and hands it to a desk.

Which desk decides what happens: one records for a plan, one sends inside a transaction, one
commits step by step. A migration does not know which it talks to.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from whimbrel import errors, tables
from whimbrel.migrations import operations as ops
from whimbrel.migrations import restructure, row_verbs
from whimbrel.migrations.expansions import common
from whimbrel.proof import rulebook

if TYPE_CHECKING:
    from whimbrel.migrations import desk

Names = str | Sequence[str]
IndexColumns = str | tables.Sql | Sequence[str | tables.Sql]


class Migration(row_verbs.RowVerbs, restructure.Restructuring):
    """A change of schema and data, with `up()` and optional `down()`, or with `change()`.

    `depends_on` names migrations that come before this one; without it, every file with an
    earlier name does. `transactional = False` commits each step by itself where the engine
    could hold all of them in one transaction. `sql_dialect` says what raw SQL is written in.
    `accepts` gives checks that may find something, each with the reason (see `accept`).
    `keep` says whether, or for how long ("90 days"), what is overwritten or removed is kept.
    `online = True` makes it a live change: old and new code work on the table at the same time.
    """

    depends_on: ClassVar[Sequence[str] | None] = None
    transactional: ClassVar[bool | None] = None
    sql_dialect: ClassVar[str | None] = None
    accepts: ClassVar[Mapping[str, str]] = {}
    keep: ClassVar[bool | str | None] = None
    online: ClassVar[bool] = False

    def __init__(self, desk: desk.Desk) -> None:
        self._desk = desk

    @property
    def engine(self) -> str:
        """The name of the database's engine, for SQL that cannot be written for all."""
        return self._desk.engine.name

    @property
    def expect(self) -> rulebook.Rulebook:
        """What validate_before() and validate_after() write their rules with."""
        return self._desk.expect

    # --- tables -----------------------------------------------------------------------------

    def create_table(
        self,
        name: str,
        columns: Sequence[tables.Column],
        *,
        primary_key: Names | None = None,
        comment: str | None = None,
    ) -> None:
        """Create a table. A composite key is given here, or by primary_key on several columns."""
        common.not_ours(name)
        key = _names(primary_key) if primary_key else ()
        key = key or tuple(column.name for column in columns if column.primary_key)
        seen = [column.name for column in columns]
        for column in columns:
            if seen.count(column.name) > 1:
                raise errors.BadColumn(
                    column.name, why="the table has it twice", remedy="leave one of them out"
                )
        for name_ in key:
            if name_ not in seen:
                raise errors.ColumnNotFound(name, name_, known=seen)
        # What belongs to a key is never NULL; engines differ in what they make of silence.
        parts = tuple(_in_key(column) if column.name in key else column for column in columns)
        new = tables.NewTable(name=name, columns=parts, primary_key=key, comment=comment)
        self._desk.perform(ops.CreateTable(table=new))

    def drop_table(self, name: str, *, keep: ops.Keep = None) -> None:
        """Drop a table with its rows; it is kept out of sight, `keep` says whether or how long."""
        self._desk.perform(ops.DropTable(table=name, keep=keep))

    def rename_table(self, old: str, new: str) -> None:
        """Rename a table."""
        common.not_ours(new)
        self._desk.perform(ops.RenameTable(table=old, to=new))

    # --- columns ----------------------------------------------------------------------------

    def column(
        self,
        name: str,
        type: str,
        *,
        length: int | None = None,
        precision: int | None = None,
        scale: int | None = None,
        values: Sequence[str] = (),
        null: bool | None = None,
        default: object = tables.UNSET,
        primary_key: bool = False,
        auto_increment: bool = False,
        unique: bool = False,
        comment: str | None = None,
        collation: str | None = None,
        generated: str | tables.Sql | None = None,
        stored: bool = True,
    ) -> tables.Column:
        """Describe a column, for create_table. Raises UnknownType, BadColumn."""
        return tables.Column(
            name=name,
            type=type,
            length=length,
            precision=precision,
            scale=scale,
            values=tuple(values),
            null=null,
            default=default,
            primary_key=primary_key,
            auto_increment=auto_increment,
            unique=unique,
            comment=comment,
            collation=collation,
            generated=generated.text if isinstance(generated, tables.Sql) else generated,
            stored=stored,
        )

    def add_column(self, table: str, name: str, type: str, **options: object) -> None:
        """Add a column; the options are those of `column`."""
        self._desk.perform(ops.AddColumn(table=table, column=self._column(name, type, options)))

    def change_column(
        self,
        table: str,
        name: str,
        type: str,
        *,
        accept_loss: bool = False,
        keep: ops.Keep = None,
        **options: object,
    ) -> None:
        """Change a column's type and whatever else is said; the rest stays as it is.

        Values that would not come back unchanged are refused, unless `accept_loss`. They are kept
        then; `keep` says whether, or for how long.
        """
        column = self._column(name, type, options)
        self._desk.perform(
            ops.ChangeColumn(table=table, column=column, accept_loss=accept_loss, keep=keep)
        )

    def rename_column(self, table: str, old: str, new: str) -> None:
        """Rename a column."""
        self._desk.perform(ops.RenameColumn(table=table, column=old, to=new))

    def remove_column(
        self,
        table: str,
        name: str,
        type: str | None = None,
        *,
        keep: ops.Keep = None,
        refill: str | None = None,
        **options: object,
    ) -> None:
        """Remove a column. Its values are kept; `keep` says whether, or for how long.

        Where they are not, change() can bring back the (empty) column if its type is given.
        `refill` is an SQL expression over the other columns that brings its values back.
        """
        was = self._column(name, type, options) if type else None
        self._desk.perform(
            ops.RemoveColumn(table=table, column=name, was=was, keep=keep, refill=refill)
        )

    def _column(self, name: str, type: str, options: Mapping[str, object]) -> tables.Column:
        try:
            return self.column(name, type, **options)  # type: ignore[arg-type]
        except TypeError as error:
            raise errors.BadColumn(
                name,
                why=str(error).replace("Migration.column() ", ""),
                remedy="the options are: length, precision, scale, values, null, default, "
                "primary_key, auto_increment,\nunique, comment, collation, generated, stored",
            ) from None

    # --- indexes ----------------------------------------------------------------------------

    def create_index(
        self,
        table: str,
        columns: IndexColumns,
        *,
        unique: bool = False,
        name: str | None = None,
        where: str | None = None,
        length: int | Sequence[int | None] | None = None,
        descending: bool | Sequence[bool] = False,
        concurrently: bool = False,
    ) -> None:
        """Create an index on columns (or `whimbrel.sql` expressions).

        `where` makes it partial, `length` indexes so many characters of a text, where the
        engine can. `concurrently` does not block writers, where the engine can; it needs
        `transactional = False`.
        """
        parts = _index_columns(columns)
        texts = [part if isinstance(part, str) else _digest(part.text) for part in parts]
        index = tables.Index(
            name=name or tables.constraint_name("ix", table, texts),
            columns=parts,
            unique=unique,
            where=where,
            lengths=_spread(length, len(parts)) if length is not None else (),
            descending=_spread(descending, len(parts)) if descending else (),
        )
        self._desk.perform(ops.CreateIndex(table=table, index=index, concurrently=concurrently))

    add_index = create_index

    def remove_index(
        self,
        table: str,
        columns: IndexColumns | None = None,
        *,
        name: str | None = None,
        concurrently: bool = False,
    ) -> None:
        """Remove the index on exactly these columns, or the one with this name."""
        if columns is None and name is None:
            raise errors.UsageError(
                "remove_index needs the columns or the name of the index",
                remedy=f'self.remove_index("{table}", ["…"])',
            )
        self._desk.perform(
            ops.RemoveIndex(
                table=table,
                name=name,
                columns=_index_columns(columns) if columns is not None else (),
                concurrently=concurrently,
            )
        )

    # --- constraints ------------------------------------------------------------------------

    def add_foreign_key(
        self,
        table: str,
        columns: Names,
        ref_table: str,
        ref_columns: Names,
        *,
        on_delete: str | None = None,
        on_update: str | None = None,
        name: str | None = None,
        deferrable: bool = False,
    ) -> None:
        """Let columns refer to a key of another table."""
        here, there = _names(columns), _names(ref_columns)
        if len(here) != len(there):
            raise errors.UsageError(
                f"a foreign key needs as many columns on both sides: "
                f"{len(here)} and {len(there)} were given",
                remedy="give both lists the same length",
            )
        key = tables.ForeignKey(
            name=name or tables.constraint_name("fk", table, here),
            columns=here,
            ref_table=ref_table,
            ref_columns=there,
            on_delete=common.action(on_delete),
            on_update=common.action(on_update),
            deferrable=deferrable,
        )
        self._desk.perform(ops.AddForeignKey(table=table, key=key))

    def remove_foreign_key(
        self, table: str, columns: Names | None = None, *, name: str | None = None
    ) -> None:
        """Remove the foreign key on these columns, or the one with this name."""
        here = _names(columns) if columns is not None else ()
        if not here and name is None:
            raise errors.UsageError(
                "remove_foreign_key needs the columns or the name of the key",
                remedy=f'self.remove_foreign_key("{table}", "…")',
            )
        self._desk.perform(ops.RemoveConstraint(table=table, name=name, columns=here))

    def add_check(self, table: str, condition: str, *, name: str | None = None) -> None:
        """Let only rows in that fulfil a condition."""
        check = tables.Check(
            name=name or tables.constraint_name("ck", table, [_digest(condition)]), sql=condition
        )
        self._desk.perform(ops.AddCheck(table=table, check=check))

    def add_unique(self, table: str, columns: Names, *, name: str | None = None) -> None:
        """Let only rows in that differ in these columns."""
        here = _names(columns)
        unique = tables.Unique(name=name or tables.constraint_name("uq", table, here), columns=here)
        self._desk.perform(ops.AddUnique(table=table, unique=unique))

    def remove_constraint(self, table: str, name: str) -> None:
        """Remove a foreign key, check or unique constraint by its name."""
        self._desk.perform(ops.RemoveConstraint(table=table, name=name))

    # --- checks -----------------------------------------------------------------------------

    def accept(self, check: str, *, reason: str) -> None:
        """Go on though a check finds something; the reason stands in plan and history."""
        from whimbrel.migrations.checks import checker  # heavy, and seldom needed

        if not checker.known(check):
            raise errors.UsageError(
                f"there is no check {check!r}",
                object=f"checks: {', '.join(checker.slugs())}",
                remedy="take the name that stands in brackets in the message",
            )
        if not reason.strip():
            raise errors.UsageError(
                f"accept({check!r}) needs the reason for which it is fine here",
                remedy=f'self.accept("{check}", reason="…")',
            )
        self._desk.perform(ops.Accept(check=check, reason=" ".join(reason.split())))

    # --- SQL --------------------------------------------------------------------------------

    def execute(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] | None = None,
        *,
        dialect: str | None = None,
        reverse: str | None = None,
    ) -> list[tuple[object, ...]]:
        """Send one SQL statement; return the rows of a query, the number of rows of a change.

        `params` fill `?` or `%s` (a sequence) or `:name` (a mapping). `dialect` says what this
        statement is written in; `reverse` is the SQL that takes it back, for change().
        Raises SqlNotTranslatable, BadParameters.
        """
        operation = self._desk.prepare(sql, params, dialect=dialect, reverse=reverse)
        # Typed as rows, since a query is where the type matters; a change gives an int.
        return cast("list[tuple[object, ...]]", self._desk.perform(operation))


def _in_key(column: tables.Column) -> tables.Column:
    if column.null:
        raise errors.BadColumn(
            column.name, why="a part of the primary key cannot be NULL", remedy="leave null out"
        )
    return dataclasses.replace(column, null=False)


def _names(value: Names) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _index_columns(value: IndexColumns) -> tuple[str | tables.Sql, ...]:
    return (value,) if isinstance(value, str | tables.Sql) else tuple(value)


def _spread(value: object, times: int) -> tuple:  # type: ignore[type-arg]
    return tuple(value) if isinstance(value, list | tuple) else (value,) * times


def _digest(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:8]
