"""The verbs of a migration as SQL text, as far as engines with a full ALTER TABLE agree.

Text is made here and not by a library, because an ALTER has to restate what it does not mean
to change (collation, comment, ON UPDATE, inline CHECK …), which the libraries leave out; the
page docs/explanation/ddl.md has the story. The engines' folders hold types and what differs.
"""

from __future__ import annotations

import abc
import datetime as dt
import decimal
import json
import math
import uuid
from collections.abc import Sequence

from whimbrel import errors, tables
from whimbrel.engines import base, sqltext


class TextDdl(base.Ddl):
    """Verbs for engines whose ALTER TABLE can do everything."""

    @abc.abstractmethod
    def type(self, column: tables.Column) -> str:
        """Return the engine's type of a column."""

    @abc.abstractmethod
    def definition(self, column: tables.Column, *, table: str) -> str:
        """Return what follows the name of a new column."""

    # --- words ------------------------------------------------------------------------------

    def quote(self, name: str) -> str:
        return self.engine.quote(name)

    def quoted(self, names: Sequence[str]) -> str:
        return ", ".join(self.quote(name) for name in names)

    def text_literal(self, text: str) -> str:
        if "\x00" in text:
            raise errors.RefusedError(
                "a text in SQL cannot hold the character NUL", remedy="leave it out"
            )
        return "'" + text.replace("'", "''") + "'"

    def bytes_literal(self, value: bytes) -> str:
        return f"x'{value.hex()}'"

    def boolean_literal(self, value: bool) -> str:
        return "TRUE" if value else "FALSE"

    def literal(self, value: object) -> str:
        """Return a value as SQL; raise UsageError for a type that has no SQL."""
        if isinstance(value, tables.Sql):
            return value.text
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return self.boolean_literal(value)
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise errors.UsageError(f"{value} cannot be written as SQL on every engine")
            return repr(value)
        if isinstance(value, decimal.Decimal):
            return format(value, "f")
        if isinstance(value, bytes | bytearray):
            return self.bytes_literal(bytes(value))
        if isinstance(value, dt.datetime):
            return self.text_literal(value.isoformat(sep=" "))
        if isinstance(value, dt.date | dt.time):
            return self.text_literal(value.isoformat())
        if isinstance(value, uuid.UUID):
            return self.text_literal(str(value))
        if isinstance(value, dict | list):
            return self.text_literal(json.dumps(value, ensure_ascii=False))
        if isinstance(value, str):
            return self.text_literal(value)
        raise errors.UsageError(
            f"a default of the type {type(value).__name__} cannot be written as SQL",
            remedy='give an SQL expression:  default=whimbrel.sql("…")',
        )

    # --- constraints ------------------------------------------------------------------------

    def foreign_key_text(self, table: str, key: tables.ForeignKey) -> str:
        name = key.name or tables.constraint_name("fk", table, key.columns)
        text = (
            f"CONSTRAINT {self.quote(name)} FOREIGN KEY ({self.quoted(key.columns)}) "
            f"REFERENCES {self.quote(key.ref_table)} ({self.quoted(key.ref_columns)})"
        )
        if key.full:
            text += " MATCH FULL"
        if key.on_delete:
            text += f" ON DELETE {key.on_delete}"
        if key.on_update:
            text += f" ON UPDATE {key.on_update}"
        return text

    def unique_text(self, table: str, unique: tables.Unique) -> str:
        name = unique.name or tables.constraint_name("uq", table, unique.columns)
        return f"CONSTRAINT {self.quote(name)} UNIQUE ({self.quoted(unique.columns)})"

    def check_text(self, check: tables.Check) -> str:
        name = f"CONSTRAINT {self.quote(check.name)} " if check.name else ""
        return f"{name}CHECK ({check.sql})"

    def enum_check(self, table: str, column: tables.Column) -> tables.Check:
        """Return the check that keeps an enum to its values where the engine has no enum."""
        values = ", ".join(self.text_literal(value) for value in column.values)
        return tables.Check(
            name=tables.constraint_name("en", table, [column.name]),
            sql=f"{self.quote(column.name)} IN ({values})",
        )

    # --- tables -----------------------------------------------------------------------------

    def create_table(self, new: tables.NewTable) -> tuple[base.Statement, ...]:
        parts = [f"{self.quote(c.name)} {self.definition(c, table=new.name)}" for c in new.columns]
        if new.primary_key:
            parts.append(f"PRIMARY KEY ({self.quoted(new.primary_key)})")
        parts += [
            self.unique_text(new.name, tables.Unique(name=None, columns=(c.name,)))
            for c in new.columns
            if c.unique
        ]
        parts += [self.unique_text(new.name, unique) for unique in new.uniques]
        parts += [self.check_text(check) for check in new.checks]
        parts += [self.foreign_key_text(new.name, key) for key in new.foreign_keys]
        body = ",\n  ".join(parts)
        sql = f"CREATE TABLE {self.quote(new.name)} (\n  {body}\n){self.table_options(new)}"
        return (base.Statement(sql=sql), *self.after_create(new))

    def table_options(self, new: tables.NewTable) -> str:
        return ""

    def after_create(self, new: tables.NewTable) -> tuple[base.Statement, ...]:
        return ()

    def drop_table(self, table: tables.Table) -> tuple[base.Statement, ...]:
        return (self.alter_statement(f"DROP TABLE {self.quote(table.name)}", table),)

    def rename_table(self, table: tables.Table, to: str) -> tuple[base.Statement, ...]:
        return (self.alter(table, f"RENAME TO {self.quote(to)}"),)

    # --- columns ----------------------------------------------------------------------------

    def add_column(self, table: tables.Table, column: tables.Column) -> tuple[base.Statement, ...]:
        actions = [
            f"ADD COLUMN {self.quote(column.name)} {self.definition(column, table=table.name)}"
        ]
        if column.primary_key:
            raise errors.BadColumn(
                column.name,
                why="a primary key cannot be added with a column",
                remedy="make a new table with the key, copy the rows, rename",
            )
        if column.unique:
            unique = tables.Unique(name=None, columns=(column.name,))
            actions.append(f"ADD {self.unique_text(table.name, unique)}")
        return (self.alter(table, *actions), *self.after_add(table, column))

    def after_add(self, table: tables.Table, column: tables.Column) -> tuple[base.Statement, ...]:
        return ()

    def rename_column(self, table: tables.Table, old: str, new: str) -> tuple[base.Statement, ...]:
        return (self.alter(table, f"RENAME COLUMN {self.quote(old)} TO {self.quote(new)}"),)

    def remove_column(self, table: tables.Table, column: str) -> tuple[base.Statement, ...]:
        alone, shared = uses(table, column)
        if shared:
            raise errors.ColumnInUse(table.name, column, used_by=shared)
        actions = [*self.drop_actions(alone), f"DROP COLUMN {self.quote(column)}"]
        return (self.alter(table, *actions),)

    def drop_actions(self, parts: Sequence[Part]) -> list[str]:
        """Return what has to be dropped in the same ALTER, before the column."""
        return []

    # --- indexes and constraints ------------------------------------------------------------

    def index_columns(self, index: tables.Index) -> str:
        columns = []
        for position, column in enumerate(index.columns):
            if isinstance(column, tables.Sql):
                text = f"({column.text})"
            else:
                text = self.quote(column)
                if index.lengths and index.lengths[position]:
                    text += self.index_prefix(index, index.lengths[position] or 0)
            if index.descending and index.descending[position]:
                text += " DESC"
            columns.append(text)
        return ", ".join(columns)

    def index_prefix(self, index: tables.Index, length: int) -> str:
        raise errors.RefusedError(
            f"{self.engine.title} has no index on the first {length} characters of a column",
            remedy="index the whole column, or an expression",
        )

    def create_index(
        self, table: tables.Table, index: tables.Index, *, concurrently: bool = False
    ) -> tuple[base.Statement, ...]:
        unique = "UNIQUE " if index.unique else ""
        sql = (
            f"CREATE {unique}INDEX {self.quote(index.name)} "
            f"ON {self.quote(table.name)} ({self.index_columns(index)})"
        )
        if index.where:
            sql += self.index_where(index.where)
        return (self.alter_statement(sql, table),)

    def index_where(self, condition: str) -> str:
        return f" WHERE {condition}"

    def add_foreign_key(
        self, table: tables.Table, key: tables.ForeignKey
    ) -> tuple[base.Statement, ...]:
        return (self.alter(table, f"ADD {self.foreign_key_text(table.name, key)}"),)

    def add_check(self, table: tables.Table, check: tables.Check) -> tuple[base.Statement, ...]:
        return (self.alter(table, f"ADD {self.check_text(check)}"),)

    def add_unique(self, table: tables.Table, unique: tables.Unique) -> tuple[base.Statement, ...]:
        return (self.alter(table, f"ADD {self.unique_text(table.name, unique)}"),)

    # --- statements -------------------------------------------------------------------------

    def alter(self, table: tables.Table, *actions: str) -> base.Statement:
        """Return one ALTER TABLE with all actions, so that it happens whole or not at all."""
        joined = ",\n  ".join(actions)
        gap = "\n  " if len(actions) > 1 else " "
        return self.alter_statement(f"ALTER TABLE {self.quote(table.name)}{gap}{joined}", table)

    def alter_statement(self, sql: str, table: tables.Table) -> base.Statement:
        return base.Statement(sql=sql, lock=self.lock_words(table.name))

    def lock_words(self, table: str) -> str:
        """Return whom a change of this table blocks while it runs."""
        return ""


Part = tables.Index | tables.Unique | tables.ForeignKey | tables.Check


def uses(table: tables.Table, column: str) -> tuple[list[Part], list[str]]:
    """Return what goes with a column that is removed, and what forbids removing it.

    An index, unique constraint or foreign key on this column alone goes with it. What it
    shares with other columns would change its meaning without a word, so it forbids.
    """
    alone: list[Part] = []
    shared: list[str] = []
    if column in table.primary_key:
        shared.append("the primary key")
    for unique in table.uniques:
        if column in unique.columns:
            if len(unique.columns) == 1:
                alone.append(unique)
            else:
                shared.append(f"unique constraint {unique.name}")
    for index in table.indexes:
        named = mentioned(table, index.where or "")
        for part in index.columns:
            named |= {part} if isinstance(part, str) else mentioned(table, part.text)
        if column in named:
            if named == {column}:
                alone.append(index)
            else:
                shared.append(f"index {index.name}")
    for key in table.foreign_keys:
        if column in key.columns:
            if len(key.columns) == 1:
                alone.append(key)
            else:
                shared.append(f"foreign key {key.name}")
    for check in table.checks:
        named = mentioned(table, check.sql)
        if column in named:
            if named == {column}:
                alone.append(check)
            else:
                shared.append(f"check {check.name}")
    shared += [
        f"generated column {other.name}"
        for other in table.columns
        if other.generated and other.name != column and column in mentioned(table, other.generated)
    ]
    return alone, shared


def mentioned(table: tables.Table, text: str) -> set[str]:
    """Return which columns of a table an expression speaks of; rather one too many."""
    words = {token.text.strip('"`[]').casefold() for token in sqltext.significant(text, None)}
    return {column.name for column in table.columns if column.name.casefold() in words}
