"""MySQL's words for the verbs of a migration: always one statement, which is one commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from whimbrel import errors, tables
from whimbrel.engines import base, sqltext
from whimbrel.engines import ddl as common
from whimbrel.engines.mysql import columns, types

_TEXTUAL = frozenset({"string", "text", "enum"})
_TEXT_TYPES = ("varchar", "char", "text", "tinytext", "mediumtext", "longtext", "enum", "set")
_NUMBERS = frozenset({"integer", "smallint", "bigint", "decimal", "float", "double"})
_NUMBER_TYPES = (
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double",
)  # fmt: skip
_WHOLE_TYPES = ("tinyint", "smallint", "mediumint", "int", "bigint")
_TIME_OF_DAY = frozenset({"CURRENT_TIMESTAMP", "NOW", "LOCALTIMESTAMP", "LOCALTIME"})
_PLAIN_NUMBER = "'^-?(0|[1-9][0-9]*)([.][0-9]+)?$'"
_WIDEST = "DECIMAL(65, 30)"


class MysqlDdl(common.TextDdl):
    """One ALTER TABLE per verb: it happens whole or not at all, and commits by itself."""

    # A default on TEXT, BLOB and JSON has to be an expression in MySQL.
    expression_defaults = frozenset({"text", "binary", "json"})

    def type(self, column: tables.Column) -> str:
        return types.render(column)

    def raw(self, sql: str) -> tuple[base.Statement, ...]:
        words = [token.word for token in sqltext.significant(sql, self.engine.dialect)[:1]]
        if words == ["USE"]:
            raise errors.RefusedError(
                "a migration stays in its database",
                object=" ".join(sql.split())[:200],
                left="nothing was changed",
                remedy="write the other database before the table:  other.table\n"
                "or give that database migrations of its own",
            )
        return super().raw(sql)

    def text_literal(self, text: str) -> str:
        return super().text_literal(text).replace("\\", "\\\\")

    def wanted(self, column: tables.Column) -> columns.Definition:
        """Return a new column's definition in its clauses."""
        if column.like is not None:
            return self._restated(column.like, column.name)
        default = None
        if isinstance(column.default, tables.Sql):
            default = self.expression_default(column, column.default.text)
        elif column.default is not tables.UNSET and column.default is not None:
            default = self.literal(column.default)
            if column.type in self.expression_defaults:
                default = f"({default})"
        return columns.Definition(
            type=self.type(column),
            collation=self.collation(column.collation),
            null=column.nullable,
            default=default,
            auto_increment=column.auto_increment,
            comment=self.text_literal(column.comment) if column.comment else None,
            generated=f"({column.generated})" if column.generated is not None else None,
            stored=column.stored,
        )

    def _restated(self, column: tables.FoundColumn, name: str) -> columns.Definition:
        """Return a found column's definition for another name and, perhaps, another table."""
        now = columns.parse(column.definition or column.type)
        now.null = column.null
        if not now.null and (now.default or "").upper() == "NULL":
            now.default = None
        if column.collation and not now.collation:
            now.collation = column.collation  # unsaid, it would be that of the table
        if now.check:
            now.check = now.check.replace(self.quote(column.name), self.quote(name))
        return now

    def expression_default(self, column: tables.Column, text: str) -> str:
        """Return an expression as a default: in parentheses, but for the time of day.

        CURRENT_TIMESTAMP has to have the precision of its column.
        """
        if text.upper().rstrip("()") not in _TIME_OF_DAY:
            return text if text.startswith("(") else f"({text})"
        size = self.type(column).partition("(")[2]
        return f"CURRENT_TIMESTAMP({size}" if size else "CURRENT_TIMESTAMP"

    def collation(self, name: str | None) -> str | None:
        """Return a collation's name, which stands unquoted; refuse what is not a name."""
        if name is not None and not name.replace("_", "").isalnum():
            raise errors.UsageError(f"{name!r} is not the name of a collation")
        return name

    def definition(self, column: tables.Column, *, table: str) -> str:
        return self.wanted(column).render()

    def found(self, column: tables.Column, *, table: str) -> tables.FoundColumn:
        wanted = self.wanted(column)
        if column.like is not None:
            return dataclasses.replace(
                column.like, name=column.name, null=wanted.null, definition=wanted.render()
            )
        return tables.FoundColumn(
            name=column.name,
            type=wanted.type.lower(),
            null=wanted.null,
            default=wanted.default,
            auto_increment=wanted.auto_increment,
            comment=column.comment,
            collation=wanted.collation,
            generated=wanted.generated,
            stored=wanted.stored,
            definition=wanted.render(),
        )

    def table_options(self, new: tables.NewTable) -> str:
        comment = f" COMMENT={self.text_literal(new.comment)}" if new.comment else ""
        return f" ENGINE=InnoDB{comment}"

    def create_table(self, new: tables.NewTable) -> tuple[base.Statement, ...]:
        counting = [c.name for c in new.columns if c.auto_increment]
        if counting and counting[0] not in new.primary_key[:1]:
            raise errors.BadColumn(
                counting[0],
                why=f"{self.engine.title} lets only the first column of a key count by itself",
                remedy="make it the primary key",
            )
        return super().create_table(new)

    def rename_table(self, table: tables.Table, to: str) -> tuple[base.Statement, ...]:
        sql = f"RENAME TABLE {self.quote(table.name)} TO {self.quote(to)}"
        return (self.alter_statement(sql, table),)

    def held(
        self, table: str, others: Sequence[str]
    ) -> tuple[tuple[base.Statement, ...], tuple[base.Statement, ...]]:
        names = ", ".join(f"{self.quote(name)} WRITE" for name in (table, *others))
        lock = base.Statement(sql=f"LOCK TABLES {names}", lock=f"everybody at {table}")
        return (lock,), (base.Statement(sql="UNLOCK TABLES"),)

    def keep_table(self, table: tables.Table, store: str) -> tuple[base.Statement, ...]:
        actions = [f"DROP FOREIGN KEY {self.quote(k.name)}" for k in table.foreign_keys if k.name]
        return (self.alter(table, *actions, f"RENAME TO {self.quote(store)}"),)

    def return_table(self, table: tables.Table, store: str) -> tuple[base.Statement, ...]:
        return self.rename_table(table.replace(name=store), table.name)

    def change_column(
        self, table: tables.Table, column: tables.Column, *, accept_loss: bool = False
    ) -> tuple[base.Statement, ...]:
        if column.generated is not None or column.primary_key:
            raise errors.BadColumn(
                column.name,
                why="change_column does not make a column generated or a key",
                remedy="add a new column, copy the values, remove the old one, rename",
            )
        now = self.merged(table, column)
        actions = [f"MODIFY COLUMN {self.quote(column.name)} {now.render()}"]
        if column.unique:
            unique = tables.Unique(name=None, columns=(column.name,))
            actions.append(f"ADD {self.unique_text(table.name, unique)}")
        return (self.alter(table, *actions),)

    def changed(self, table: tables.Table, column: tables.Column) -> tables.FoundColumn:
        now = self.merged(table, column)
        return dataclasses.replace(
            super().changed(table, column), null=now.null, definition=now.render()
        )

    def merged(self, table: tables.Table, column: tables.Column) -> columns.Definition:
        """Return the column as it is, with what is said changed: MODIFY forgets the rest."""
        found = table.column(column.name)
        now = columns.parse(found.definition or found.type)
        wanted = self.wanted(column)
        now.type = wanted.type
        if column.type in _TEXTUAL:
            if wanted.collation:
                now.character_set, now.collation = None, wanted.collation
        else:
            now.character_set = now.collation = None
        if column.null is not None:
            now.null = column.null
        if column.default is not tables.UNSET:
            now.default = wanted.default
        if now.default is not None and now.default.upper() == "NULL":
            now.default = None
        if column.auto_increment:
            now.auto_increment, now.default = True, None
        if wanted.comment is not None:
            now.comment = wanted.comment
        if now.on_update and column.type not in {"datetime", "timestamp"}:
            now.on_update = None
        if self.json_check(column.name) == (now.check or "").replace(" ", "").lower():
            now.check = None
        return now

    def json_check(self, column: str) -> str | None:
        """Return the check that the server itself puts on a JSON column, if it does."""
        return None

    def restore_column(
        self, table: tables.Table, column: tables.FoundColumn
    ) -> tuple[base.Statement, ...]:
        text = columns.parse(column.definition or column.type).render()
        return (self.alter(table, f"MODIFY COLUMN {self.quote(column.name)} {text}"),)

    def drop_actions(self, parts: Sequence[common.Part]) -> list[str]:
        actions = []
        for part in parts:
            if isinstance(part, tables.ForeignKey):
                actions.append(f"DROP FOREIGN KEY {self.quote(part.name or '')}")
            if isinstance(part, tables.Check):
                actions.append(f"DROP {self.check_word} {self.quote(part.name or '')}")
        for part in parts:
            if isinstance(part, tables.Unique | tables.Index):
                actions.append(f"DROP INDEX {self.quote(part.name or '')}")
        return actions

    def index_prefix(self, index: tables.Index, length: int) -> str:
        return f"({length})"

    def index_where(self, condition: str) -> str:
        raise errors.RefusedError(
            f"{self.engine.title} has no partial index (where={condition!r})",
            remedy="index the whole column, or a generated column that is NULL elsewhere",
        )

    def create_index(
        self, table: tables.Table, index: tables.Index, *, concurrently: bool = False
    ) -> tuple[base.Statement, ...]:
        if index.sql is not None:
            # One that was there before: its text also has what `Index` cannot say.
            return (self.alter(table, f"ADD {index.sql}"),)
        return super().create_index(table, index)

    def remove_index(
        self, table: tables.Table, index: tables.Index, *, concurrently: bool = False
    ) -> tuple[base.Statement, ...]:
        return (self.alter(table, f"DROP INDEX {self.quote(index.name)}"),)

    def rename_part(
        self, table: tables.Table, part: common.Part, to: str
    ) -> tuple[base.Statement, ...] | None:
        if not isinstance(part, tables.Index | tables.Unique):
            return None
        old, new = self.quote(part.name or ""), self.quote(to)
        return (self.alter(table, f"RENAME INDEX {old} TO {new}"),)

    def foreign_key_text(self, table: str, key: tables.ForeignKey) -> str:
        if key.deferrable:
            raise errors.RefusedError(
                f"{self.engine.title} has no deferrable foreign keys",
                remedy="leave deferrable out",
            )
        return super().foreign_key_text(table, key)

    def remove_constraint(
        self,
        table: tables.Table,
        constraint: tables.ForeignKey | tables.Check | tables.Unique,
    ) -> tuple[base.Statement, ...]:
        name = self.quote(constraint.name or "")
        if isinstance(constraint, tables.ForeignKey):
            actions = [f"DROP FOREIGN KEY {name}"]
            # The server made an index of the same name with the key; it goes with it.
            actions += [f"DROP INDEX {name}" for i in table.indexes if i.name == constraint.name]
            return (self.alter(table, *actions),)
        if isinstance(constraint, tables.Unique):
            return (self.alter(table, f"DROP INDEX {name}"),)
        return (self.alter(table, f"DROP {self.check_word} {name}"),)

    check_word = "CHECK"

    def insist(self, statements: tuple[base.Statement, ...]) -> tuple[base.Statement, ...] | None:
        made = []
        for statement in statements:
            gap = " " if statement.sql.startswith("CREATE") else ", "
            words = gap.join(("ALGORITHM=INPLACE", "LOCK=NONE"))
            sql = f"{statement.sql}{gap}{words}"
            made.append(dataclasses.replace(statement, sql=sql, lock="nobody waits"))
        return tuple(made)

    def lock_words(self, table: str) -> str:
        return f"needs {table} for a moment; commits by itself"

    def lossy_values(self, table: tables.Table, column: tables.Column) -> str | None:
        found = table.column(column.name)
        cast = types.plain(column)
        if cast is None:
            return None  # strict mode refuses what does not fit
        name = self.quote(column.name)
        changed = f"CAST({name} AS {cast})"
        if found.type.startswith(_TEXT_TYPES):
            if column.type in _NUMBERS:
                same = (
                    f"{name} REGEXP {_PLAIN_NUMBER} "
                    f"AND CAST({name} AS {_WIDEST}) = CAST({changed} AS {_WIDEST})"
                )
            else:
                same = f"CAST({changed} AS CHAR) = {name}"
        elif found.type.startswith(_NUMBER_TYPES) and column.type in _NUMBERS:
            if found.type.startswith(_WHOLE_TYPES) and column.type in tables.INTEGER_TYPES:
                return None  # out of range is refused by strict mode
            same = f"{changed} <=> {name}"
        elif found.type.startswith(("datetime", "timestamp", "date", "time")):
            same = f"{changed} <=> {name}"
        else:
            return None
        return (
            f"SELECT CAST({name} AS CHAR) FROM {self.quote(table.name)} "
            f"WHERE {name} IS NOT NULL AND NOT coalesce({same}, FALSE)"
        )
