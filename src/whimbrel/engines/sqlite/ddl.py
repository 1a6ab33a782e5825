"""The verbs of a migration on SQLite: its own ALTER TABLE where that is safe, else a rebuild.

Every change is tried on an empty private copy of the schema before it is returned: what SQLite
would refuse, and what would leave a view, a trigger or a foreign key that no longer works, is
refused while planning.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel import tables as shapes
from whimbrel.engines import base
from whimbrel.engines import ddl as common
from whimbrel.engines.sqlite import aside, catalog, raw, rebuild, replica, text, tokens, types

# Earlier versions have no DROP COLUMN, or one that could damage the file.
DROP_COLUMN_SINCE: Final = (3, 35, 5)
_MOMENTS: Final = frozenset({"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"})
_IN_LIST: Final = re.compile(r"\s*IN\s*\((?:\s*'(?:[^']|'')*'\s*,?)+\)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """What came of statements on the private copy."""

    error: str = ""
    statement: str = ""
    broken: tuple[str, ...] = ()
    sql: str = ""


class SqliteDdl(common.TextDdl):
    """What a verb says on SQLite."""

    def __init__(self, engine: base.Engine, source: base.Catalog) -> None:
        if not isinstance(source, catalog.SqliteCatalog):
            raise TypeError(f"not a catalog of this engine: {source!r}")
        super().__init__(engine, source)
        self.source = source

    # --- words ------------------------------------------------------------------------------

    def type(self, column: shapes.Column) -> str:
        return types.declare(column)

    def boolean_literal(self, value: bool) -> str:
        return "1" if value else "0"

    def foreign_key_text(self, table: str, key: shapes.ForeignKey) -> str:
        written = super().foreign_key_text(table, key)
        return f"{written} DEFERRABLE INITIALLY DEFERRED" if key.deferrable else written

    def definition(self, column: shapes.Column, *, table: str) -> str:
        return self._definition(column, table=table)

    def _definition(
        self, column: shapes.Column, *, table: str, strict: bool = False, keyed: bool = False
    ) -> str:
        if column.like is not None:
            return self._from_facts(column.like)
        parts = [types.declare(column, strict=strict)]
        if column.collation:
            parts.append(f"COLLATE {self.quote(column.collation)}")
        if column.generated is not None:
            parts.append(_generated(column))
        if not column.nullable:
            parts.append("NOT NULL")
        default = self._default(column)
        if default is not None:
            parts.append(f"DEFAULT {default}")
        if keyed:
            parts.append("PRIMARY KEY AUTOINCREMENT" if column.auto_increment else "PRIMARY KEY")
        if column.unique:
            parts.append(self._unique_clause(table, column.name))
        if column.type == "enum":
            parts.append(self.check_text(self.enum_check(table, column)))
        if column.comment:
            parts.append(self._comment(column.comment))
        return " ".join(parts)

    def _unique_clause(self, table: str, column: str) -> str:
        return f"CONSTRAINT {self.quote(shapes.constraint_name('uq', table, [column]))} UNIQUE"

    def _comment(self, words: str) -> str:
        self.text_literal(words)  # refuses what no SQL text can hold
        return text.comment(words)

    def _default(self, column: shapes.Column) -> str | None:
        """Return what stands behind DEFAULT, or None for no default."""
        value = column.default
        if value is shapes.UNSET or value is None:
            return None
        if isinstance(value, shapes.Sql):
            word = value.text.strip().upper()
            return word if word in _MOMENTS else f"({value.text})"
        literal = self.literal(value)
        is_text = types.affinity(types.declare(column)) is types.Affinity.TEXT
        if is_text and literal[0] not in "'x":
            return f"'{literal}'"  # as a number it would lose its last zeros
        return literal

    def found(self, column: shapes.Column, *, table: str) -> shapes.FoundColumn:
        if column.like is not None:
            facts = self._from_facts(column.like)
            return dataclasses.replace(column.like, name=column.name, definition=facts)
        strict = self._is_strict(table)
        default = self._default(column)
        if isinstance(column.default, shapes.Sql) and default is not None:
            default = default.removeprefix("(").removesuffix(")")
        return shapes.FoundColumn(
            name=column.name,
            type=types.declare(column, strict=strict),
            null=column.nullable,
            default=default,
            auto_increment=column.auto_increment,
            comment=column.comment or None,
            collation=column.collation,
            generated=column.generated,
            stored=column.stored,
            definition=self._definition(
                column, table=table, strict=strict, keyed=column.primary_key
            ),
        )

    def _is_strict(self, table: str) -> bool:
        found = self.source.object(table)
        return found is not None and not found.is_virtual and self._read(table).strict

    # --- SQL of the user's own --------------------------------------------------------------

    def raw(self, sql: str) -> tuple[base.Statement, ...]:
        return raw.statements(sql, self.source)

    # --- trying -----------------------------------------------------------------------------

    def _try(self, table: str, statements: Sequence[base.Statement]) -> _Trial:
        """Send statements to an empty copy of the schema."""
        with replica.Replica(self.source) as copy:
            unknown = copy.unknown.get(tokens.fold(table))
            if unknown is not None:
                return _Trial(error=unknown)
            before = copy.health()
            try:
                copy.run(statements)
            except sa.exc.OperationalError as error:
                return _Trial(error=str(error.orig), statement=error.statement or "")
            found = copy.catalog.object(table)
            return _Trial(
                broken=tuple(replica.broken(before, copy.health())),
                sql=found.sql or "" if found else "",
            )

    def _proven(
        self, table: str, statements: tuple[base.Statement, ...], trial: _Trial | None = None
    ) -> tuple[base.Statement, ...]:
        """Return the statements, or refuse what the copy showed to be wrong."""
        if self.source.shadowed(table):
            raise errors.RefusedError(
                f"a temporary table {table} hides the table of this name",
                left="nothing was changed",
                remedy="SQLite would change the temporary one: give that another name, "
                "or drop it before",
            )
        trial = trial or self._try(table, statements)
        if trial.error:
            raise errors.RefusedError(
                f"{self.engine.title} does not allow this change of {table}",
                object=" ".join(trial.statement.split())[:300] or None,
                left="nothing was changed",
                cause=trial.error,
                remedy="correct the migration; if it is a view or trigger that is broken, "
                "repair or drop that first",
            )
        if trial.broken:
            raise errors.RefusedError(
                f"this change of {table} would break what depends on it",
                object="\n".join(trial.broken),
                left="nothing was changed",
                remedy="change or drop that first, in the same migration, and make it again "
                'after:\nself.execute("DROP VIEW …")',
            )
        return statements

    def _rebuilt(
        self,
        table: str,
        sql: str,
        *,
        gone: frozenset[str] = frozenset(),
        questions: tuple[base.Statement, ...] = (),
    ) -> tuple[base.Statement, ...]:
        plan = rebuild.Rebuild(
            source=self.source, table=table, sql=sql, gone=gone, questions=questions
        )
        try:
            statements = plan.statements()
        except text.NotUnderstoodError as error:
            raise errors.RefusedError(
                f"the new text of {table} would not be a table: {error}",
                object=" ".join(sql.split())[-300:],
                left="nothing was changed",
                remedy="look at the SQL that the migration puts into it: quotes, parentheses, "
                "comments",
            ) from None
        trial = self._try(table, statements)
        if trial.error and " RENAME TO " in trial.statement:
            statements = plan.statements(by_copy=True)
            trial = self._try(table, statements)
        return self._proven(table, statements, trial)

    def _read(self, table: str) -> text.TableText:
        found = self.source.object(table)
        if found is None:
            raise errors.TableNotFound(table, known=self.source.tables())
        if found.is_virtual:
            raise errors.RebuildRefused(
                table,
                why=f"it is a virtual table, kept by the module {found.module.lower()}",
                remedy="use the module's own statements:  self.execute(…)",
            )
        try:
            return text.parse(found.sql or "")
        except text.NotUnderstoodError as error:
            raise errors.RebuildRefused(
                table,
                why=f"its text is not understood: {error}",
                remedy="make a table of that kind with self.execute, copy the rows, rename",
            ) from None

    def _column(self, read: text.TableText, name: str) -> text.ColumnText:
        found = read.find(name)
        if found is None:
            raise errors.ColumnNotFound(read.name, name, known=[c.name for c in read.columns])
        return found

    # --- tables -----------------------------------------------------------------------------

    def create_table(self, new: shapes.NewTable) -> tuple[base.Statement, ...]:
        keys = new.primary_key or tuple(c.name for c in new.columns if c.primary_key)
        parts = []
        for column in new.columns:
            single = keys == (column.name,)
            if column.auto_increment and not single:
                raise errors.BadColumn(
                    column.name,
                    why=f"on {self.engine.title} only the one column of a primary key counts",
                    remedy="make it the primary key, or leave auto_increment out",
                )
            key_column = column.name in keys and column.null is None
            shown = _with(column, null=False) if key_column else column
            parts.append(
                f"{self.quote(column.name)} {self._definition(shown, table=new.name, keyed=single)}"
            )
        if len(keys) > 1:
            parts.append(f"PRIMARY KEY ({self.quoted(keys)})")
        alone = {(c.name,) for c in new.columns if c.unique}
        parts += [self.unique_text(new.name, u) for u in new.uniques if u.columns not in alone]
        parts += [self.check_text(check) for check in new.checks]
        parts += [self.foreign_key_text(new.name, key) for key in new.foreign_keys]
        body = ",\n  ".join(parts)
        comment = f" {self._comment(new.comment)}" if new.comment else ""
        created = base.Statement(sql=f"CREATE TABLE {self.quote(new.name)}{comment} (\n  {body}\n)")
        made = shapes.Table(name=new.name, columns=())
        indexes = [s for i in new.indexes for s in super(SqliteDdl, self).create_index(made, i)]
        return self._proven(new.name, (created, *indexes))

    def drop_table(self, table: shapes.Table) -> tuple[base.Statement, ...]:
        children = [
            f"{key.name or 'foreign key'} of {child} ({', '.join(key.columns)})"
            for child, key in self.source.children(table.name)
            if not tokens.same(child, table.name)
        ]
        if children:
            # DROP TABLE deletes the rows first, which would fire their ON DELETE actions.
            raise errors.RefusedError(
                f"cannot drop table {table.name}: other tables refer to it",
                object="\n".join(children),
                left="nothing was changed",
                remedy="remove these foreign keys, or drop these tables, before it:\n"
                "self.remove_foreign_key(…)",
            )
        statement = base.Statement(sql=f"DROP TABLE {self.quote(table.name)}")
        return self._proven(table.name, (statement,))

    def keeps_as_copy(self) -> bool:
        return True

    def attached_texts(self, table: str) -> list[str]:
        return [o.sql for o in self.source.attached(table, "trigger") if o.sql]

    def return_table(self, table: shapes.Table, store: str) -> tuple[base.Statement, ...]:
        return aside.return_table(table, store, self.quote)

    def rename_table(self, table: shapes.Table, to: str) -> tuple[base.Statement, ...]:
        names = [table.name, to]
        if tokens.same(table.name, to):
            # The same name in other letters is taken, for SQLite.
            names.insert(1, f"{base.OUR_PREFIX}renamed_{to}")
        statements = tuple(
            base.Statement(
                sql=f"ALTER TABLE {self.quote(old)} RENAME TO {self.quote(new)}",
                reason="views, triggers and foreign keys follow the new name",
            )
            for old, new in itertools.pairwise(names)
        )
        return self._proven(table.name, statements)

    # --- columns ----------------------------------------------------------------------------

    def add_column(self, table: shapes.Table, column: shapes.Column) -> tuple[base.Statement, ...]:
        read = self._read(table.name)
        if column.primary_key or column.auto_increment:
            raise errors.BadColumn(
                column.name,
                why="a primary key cannot be added with a column",
                remedy="make a new table with the key, copy the rows, rename",
            )
        definition = self._definition(column, table=read.name, strict=read.strict)
        added = f"{self.quote(column.name)} {definition}"
        if _has_constant_value(column) and not column.unique:
            alter = f"ALTER TABLE {self.quote(read.name)} ADD COLUMN {added}"
            return self._proven(read.name, (base.Statement(sql=alter),))
        return self._rebuilt(read.name, text.inserted(read, added))

    def change_column(
        self, table: shapes.Table, column: shapes.Column, *, accept_loss: bool = False
    ) -> tuple[base.Statement, ...]:
        read = self._read(table.name)
        here = self._column(read, column.name)
        declared = self._declared(read, here, column)
        sql = text.edited(read.sql, list(self._edits(read, here, column, declared)))
        if sql == read.sql:
            return ()
        question = None if accept_loss else self._unaltered(read, here, declared)
        return self._rebuilt(read.name, sql, questions=(question,) if question else ())

    def restore_column(
        self, table: shapes.Table, column: shapes.FoundColumn
    ) -> tuple[base.Statement, ...]:
        read = self._read(table.name)
        here = self._column(read, column.name)
        definition = column.definition
        if definition is None:
            definition = self._from_facts(column)
        start = here.definition_start if definition else here.name_end
        gap = " " if definition and here.definition_end == here.name_end else ""
        edit = text.Edit(start, here.definition_end, gap + definition)
        sql = text.edited(read.sql, [edit])
        if sql == read.sql:
            return ()
        question = self._unaltered(read, here, column.type)
        return self._rebuilt(read.name, sql, questions=(question,) if question else ())

    def rename_column(self, table: shapes.Table, old: str, new: str) -> tuple[base.Statement, ...]:
        read = self._read(table.name)
        # Unquoted where that means the same: SQLite then leaves the user's style of quoting.
        to = new if tokens.is_plain(new) else self.quote(new)
        statement = base.Statement(
            sql=f"ALTER TABLE {self.quote(read.name)} "
            f"RENAME COLUMN {self.quote(self._column(read, old).name)} TO {to}",
            reason="indexes, views, triggers and foreign keys follow the new name",
        )
        return self._proven(read.name, (statement,))

    def remove_column(self, table: shapes.Table, column: str) -> tuple[base.Statement, ...]:
        read = self._read(table.name)
        here = self._column(read, column)
        uses = _Uses(self.source, read, here)
        if uses.shared:
            raise errors.ColumnInUse(read.name, here.name, used_by=uses.shared)
        if len(read.columns) == 1:
            raise errors.RebuildRefused(
                read.name, why="it has no other column", remedy="drop the table"
            )
        gone = [clause for clause in uses.alone if clause in read.constraints]
        sql = text.without(read, [here, *gone])
        if not gone and sqlite3.sqlite_version_info >= DROP_COLUMN_SINCE:
            statements = (
                *(base.Statement(sql=f"DROP INDEX {self.quote(i)}") for i in uses.indexes),
                base.Statement(
                    sql=f"ALTER TABLE {self.quote(read.name)} DROP COLUMN {self.quote(here.name)}"
                ),
            )
            trial = self._try(read.name, statements)
            # SQLite refuses UNIQUE and REFERENCES on the column, and may cut a comment wrongly.
            if not trial.error and tokens.canonical(trial.sql) == tokens.canonical(sql):
                return self._proven(read.name, statements, trial)
        return self._rebuilt(read.name, sql, gone=frozenset(uses.indexes))

    # --- what change_column edits -----------------------------------------------------------

    def _declared(self, read: text.TableText, here: text.ColumnText, column: shapes.Column) -> str:
        """Return the type to declare for a changed column."""
        is_rowid = tokens.same(read.rowid_alias or "", here.name)
        whole = column.type in shapes.INTEGER_TYPES
        if is_rowid and not whole and read.counts:
            raise errors.BadColumn(
                here.name,
                why=f"it counts by itself, and a {column.type} cannot",
                remedy="make a new table without auto_increment, copy the rows, rename",
            )
        # Any other word than INTEGER would take the rowid away from its column.
        return types.declare(column, strict=read.strict, rowid=is_rowid and whole)

    def _edits(
        self, read: text.TableText, here: text.ColumnText, column: shapes.Column, declared: str
    ) -> Iterator[text.Edit]:
        """Give the edits that make a column what is asked for; what is not said stays."""
        added: list[str] = []
        if not types.same(declared, here.type):
            if here.type or here.end > here.name_end:
                gap = "" if here.type else " "
                yield text.Edit(here.type_start, here.type_end, gap + declared)
            else:
                added.append(declared)
        if column.collation is not None:
            yield from self._set(
                read, here, text.Rule.COLLATE, f"COLLATE {self.quote(column.collation)}", added
            )
        yield from self._null(read, here, column, added)
        yield from self._changed_value(read, here, column, added)
        yield from self._key(read, here, column, added)
        if column.unique and not self._is_unique(read, here.name):
            added.append(self._unique_clause(read.name, here.name))
        yield from self._enum(read, here, column, added)
        if column.comment is not None:
            words = self._comment(column.comment) if column.comment else ""
            if here.comment is None:
                added.extend([words] if words else [])
            else:
                start = here.comment_start if words else here.end
                yield text.Edit(start, here.definition_end, words)
        if added:
            yield text.Edit(here.end, here.end, "".join(f" {part}" for part in added))

    def _set(
        self,
        read: text.TableText,
        here: text.ColumnText,
        rule: text.Rule,
        words: str,
        added: list[str],
    ) -> Iterator[text.Edit]:
        """Put words in the place of a clause, or behind the others if there is none."""
        clauses = [clause for clause in here.clauses if clause.rule is rule]
        if not clauses:
            added.append(words)
        for position, clause in enumerate(clauses):
            if position == 0:
                yield text.Edit(clause.start, clause.end, words)
            else:
                yield text.clause_edit(read, clause)

    def _null(
        self,
        read: text.TableText,
        here: text.ColumnText,
        column: shapes.Column,
        added: list[str],
    ) -> Iterator[text.Edit]:
        if column.null is None:
            return
        if column.null and here.name in self.source.table(read.name).primary_key:
            raise errors.BadColumn(
                here.name, why="a primary key cannot be NULL", remedy="leave null out"
            )
        unwanted = text.Rule.NOT_NULL if column.null else text.Rule.NULL
        for clause in here.clauses:
            if clause.rule is unwanted:
                yield text.clause_edit(read, clause)
        if not column.null and here.clause(text.Rule.NOT_NULL) is None:
            added.append("NOT NULL")

    def _changed_value(
        self,
        read: text.TableText,
        here: text.ColumnText,
        column: shapes.Column,
        added: list[str],
    ) -> Iterator[text.Edit]:
        """Edit what gives the column its value: DEFAULT or GENERATED."""
        generated = here.clause(text.Rule.GENERATED)
        if column.generated is not None:
            if generated is None:
                raise errors.RebuildRefused(
                    read.name,
                    why=f"the values of {here.name} would be replaced by computed ones",
                    remedy="remove the column and add a generated one",
                )
            yield text.Edit(generated.start, generated.end, _generated(column))
        if column.default is shapes.UNSET:
            return
        default = self._default(column)
        if default is not None:
            if generated is not None:
                raise errors.BadColumn(
                    here.name, why="a generated column takes no default", remedy="leave it out"
                )
            yield from self._set(read, here, text.Rule.DEFAULT, f"DEFAULT {default}", added)
            return
        for clause in here.clauses:
            if clause.rule is text.Rule.DEFAULT:
                yield text.clause_edit(read, clause)

    def _key(
        self,
        read: text.TableText,
        here: text.ColumnText,
        column: shapes.Column,
        added: list[str],
    ) -> Iterator[text.Edit]:
        keys = read.clauses(text.Rule.PRIMARY_KEY)
        ours = [(c, k) for c, k in keys if len(k.columns) == 1 and _is(k.columns[0], here.name)]
        if column.primary_key and keys and not ours:
            raise errors.RebuildRefused(
                read.name,
                why="it has another primary key",
                remedy="make a new table with the key, copy the rows, rename",
            )
        if column.primary_key and not keys:
            added.append("PRIMARY KEY AUTOINCREMENT" if column.auto_increment else "PRIMARY KEY")
        elif column.auto_increment:
            if not ours:
                raise errors.BadColumn(
                    here.name,
                    why=f"on {self.engine.title} only the one column of a primary key counts",
                    remedy="leave auto_increment out",
                )
            on_column, clause = ours[0]
            end = clause.end
            if on_column is None:  # PRIMARY KEY (id AUTOINCREMENT)
                end = clause.start + read.sql[clause.start : clause.end].index(")")
            if clause.auto_increment:
                return
            if end == here.end:
                added.insert(0, "AUTOINCREMENT")
            else:
                yield text.Edit(end, end, " AUTOINCREMENT")

    def _is_unique(self, read: text.TableText, column: str) -> bool:
        return any(
            len(clause.columns) == 1 and _is(clause.columns[0], column)
            for _, clause in read.clauses(text.Rule.UNIQUE)
        )

    def _enum(
        self,
        read: text.TableText,
        here: text.ColumnText,
        column: shapes.Column,
        added: list[str],
    ) -> Iterator[text.Edit]:
        """Replace the check that keeps an enum to its values."""
        old = [clause for clause in here.clauses if _is_enum_check(clause, here.name)]
        words = ""
        if column.type == "enum":
            words = self.check_text(self.enum_check(read.name, column))
        for position, clause in enumerate(old):
            if words and position == 0:
                yield text.Edit(clause.start, clause.end, words)
            else:
                yield text.clause_edit(read, clause)
        if words and not old:
            added.append(words)

    def _from_facts(self, column: shapes.FoundColumn) -> str:
        """Return a definition from what a catalog said, without the text it was read from."""
        parts = [column.type]
        if column.collation:
            parts.append(f"COLLATE {self.quote(column.collation)}")
        if column.generated is not None:
            kind = "STORED" if column.stored else "VIRTUAL"
            parts.append(f"GENERATED ALWAYS AS ({column.generated}) {kind}")
        if not column.null:
            parts.append("NOT NULL")
        if column.default is not None:
            parts.append(f"DEFAULT ({column.default})")
        if column.comment:
            parts.append(self._comment(column.comment))
        return " ".join(part for part in parts if part)

    # --- values -----------------------------------------------------------------------------

    def lossy_values(self, table: shapes.Table, column: shapes.Column) -> str | None:
        read = self._read(table.name)
        here = self._column(read, column.name)
        declared = self._declared(read, here, column)
        name = self.quote(here.name)
        enum = column.type == "enum"
        condition = types.misfits(column, name)
        if condition is None or (types.same(declared, here.type) and not enum):
            return None
        keys = self.source.table(read.name).primary_key
        shown = " || ', ' || ".join(f"CAST({self.quote(key)} AS TEXT)" for key in keys)
        if not keys:
            shown = text.rowid_word(read) or name
        return (
            f"SELECT {shown} AS row_key, CASE typeof({name}) WHEN 'blob' THEN quote({name}) "
            f"WHEN 'real' THEN printf('%!.17g', {name}) ELSE CAST({name} AS TEXT) END AS row_value "
            f"FROM {self.quote(read.name)} WHERE {condition}"
        )

    def _unaltered(
        self, read: text.TableText, here: text.ColumnText, declared: str
    ) -> base.Statement | None:
        """Ask that no value comes back different from a column of another type."""
        if types.same(declared, here.type) or here.clause(text.Rule.GENERATED):
            return None
        condition = types.altered(declared, self.quote(here.name))
        if condition is None or types.affinity(declared) is types.affinity(here.type):
            return None
        return base.Statement(
            sql=f"SELECT count(*) FROM {self.quote(read.name)} WHERE {condition}",
            reason=f"no value of {here.name} comes back different",
            must_be=0,
            otherwise=f"values of {read.name}.{here.name} would not come back unchanged "
            f"from a column declared {declared}",
        )

    # --- indexes and constraints ------------------------------------------------------------

    def create_index(
        self, table: shapes.Table, index: shapes.Index, *, concurrently: bool = False
    ) -> tuple[base.Statement, ...]:
        (statement,) = super().create_index(table, index)
        if index.sql is not None and _is(text.parse_index(index.sql).table, table.name):
            # One that was there before: its text also has what `Index` cannot say.
            statement = base.Statement(sql=index.sql)
        return self._proven(table.name, (statement,))

    def remove_index(
        self, table: shapes.Table, index: shapes.Index, *, concurrently: bool = False
    ) -> tuple[base.Statement, ...]:
        statement = base.Statement(sql=f"DROP INDEX {self.quote(index.name)}")
        return self._proven(table.name, (statement,))

    def add_foreign_key(
        self, table: shapes.Table, key: shapes.ForeignKey
    ) -> tuple[base.Statement, ...]:
        return self._appended(table.name, self.foreign_key_text(table.name, key))

    def add_check(self, table: shapes.Table, check: shapes.Check) -> tuple[base.Statement, ...]:
        return self._appended(table.name, self.check_text(check))

    def add_unique(self, table: shapes.Table, unique: shapes.Unique) -> tuple[base.Statement, ...]:
        return self._appended(table.name, self.unique_text(table.name, unique))

    def _appended(self, table: str, constraint: str) -> tuple[base.Statement, ...]:
        read = self._read(table)
        return self._rebuilt(read.name, text.appended(read, constraint))

    def remove_constraint(
        self,
        table: shapes.Table,
        constraint: shapes.ForeignKey | shapes.Check | shapes.Unique,
    ) -> tuple[base.Statement, ...]:
        read = self._read(table.name)
        clauses = read.clauses(_rule(constraint))
        hits = [(column, clause) for column, clause in clauses if _matches(clause, constraint)]
        if not hits:
            known = [c.name for r in text.Rule for _, c in read.clauses(r) if c.name]
            wanted = constraint.name or str(constraint)
            raise errors.ObjectNotFound("constraint", wanted, table=read.name, known=known)
        column, clause = hits[0]
        if column is None:
            return self._rebuilt(read.name, text.without(read, [clause]))
        edits = [text.clause_edit(read, clause)]
        if clause.rule is text.Rule.REFERENCES:
            apart = [c for c in column.clauses if c.rule is text.Rule.DEFERRABLE]
            edits += [text.clause_edit(read, c) for c in apart]
        return self._rebuilt(read.name, text.edited(read.sql, edits))


class _Uses:
    """What stands on a column: what goes with it, and what forbids to remove it."""

    def __init__(
        self, source: catalog.SqliteCatalog, read: text.TableText, here: text.ColumnText
    ) -> None:
        self.read, self.here = read, here
        self.alone: list[text.Clause] = []
        self.indexes: list[str] = []
        self.shared: list[str] = []
        self._column = tokens.fold(here.name)
        self._others = {tokens.fold(c.name) for c in read.columns} - {self._column}
        self._keys()
        self._expressions()
        for o in source.attached(read.name, "index"):
            self._index(o)
        for child, key in source.children(read.name):
            if any(_is(name, here.name) for name in key.ref_columns):
                listed = ", ".join(key.columns)
                self.shared.append(f"foreign key {key.name or ''} of {child} ({listed})")
        with replica.Replica(source) as copy:
            self.shared += copy.readers(read.name, here.name)

    def _keys(self) -> None:
        for rule in (text.Rule.PRIMARY_KEY, text.Rule.UNIQUE, text.Rule.REFERENCES):
            for _, clause in self.read.clauses(rule):
                if not any(_is(name, self.here.name) for name in clause.columns):
                    continue
                if rule is text.Rule.PRIMARY_KEY:
                    self.shared.append("the primary key")
                elif len(clause.columns) > 1:
                    self.shared.append(f"{rule.value} {clause.name or clause.columns}")
                else:
                    self.alone.append(clause)

    def _expressions(self) -> None:
        for rule in (text.Rule.CHECK, text.Rule.GENERATED):
            for column, clause in self.read.clauses(rule):
                names = tokens.names_in(clause.value or "")
                uses_others = bool(names & self._others)
                if column is self.here:
                    if rule is text.Rule.CHECK and uses_others:
                        self.shared.append(f"check {clause.value}")
                elif self._column in names:
                    if rule is text.Rule.CHECK and not uses_others:
                        self.alone.append(clause)
                    else:
                        of = f" of {column.name}" if column else ""
                        self.shared.append(f"{rule.value} {clause.value}{of}")

    def _index(self, o: catalog.Object) -> None:
        index = text.parse_index(o.sql or "")
        names = set().union(*(tokens.names_in(part) for part in (*index.parts, index.where or "")))
        if self._column not in names:
            return
        if names & self._others:
            self.shared.append(f"index {o.name}")
        else:
            self.indexes.append(o.name)


def _has_constant_value(column: shapes.Column) -> bool:
    """Whether ALTER TABLE can add the column to a table with rows."""
    if column.generated is not None:
        return not column.stored
    return not isinstance(column.default, shapes.Sql)


def _generated(column: shapes.Column) -> str:
    kind = "STORED" if column.stored else "VIRTUAL"
    return f"GENERATED ALWAYS AS ({column.generated}) {kind}"


def _with(column: shapes.Column, *, null: bool) -> shapes.Column:
    values = {name: getattr(column, name) for name in column.__slots__}
    return shapes.Column(**{**values, "null": null})


def _is(one: str, other: str) -> bool:
    return tokens.same(one, other)


def _is_enum_check(clause: text.Clause, column: str) -> bool:
    """Whether this is the check that we put on an enum; the table may have had another name."""
    if clause.rule is not text.Rule.CHECK or not (clause.name or "").startswith("en_"):
        return False
    first = next((t for t in tokens.read(clause.value or "") if t.means), None)
    if first is None or not _is(tokens.unquoted(first.text), column):
        return False
    return bool(_IN_LIST.fullmatch((clause.value or "")[first.end :]))


def _rule(constraint: shapes.ForeignKey | shapes.Check | shapes.Unique) -> text.Rule:
    if isinstance(constraint, shapes.ForeignKey):
        return text.Rule.REFERENCES
    return text.Rule.CHECK if isinstance(constraint, shapes.Check) else text.Rule.UNIQUE


def _matches(
    clause: text.Clause, constraint: shapes.ForeignKey | shapes.Check | shapes.Unique
) -> bool:
    if constraint.name is not None or clause.name is not None:
        return clause.name is not None and _is(clause.name, constraint.name or "")
    if isinstance(constraint, shapes.Check):
        return clause.value == constraint.sql
    same = [tokens.fold(c) for c in clause.columns] == [tokens.fold(c) for c in constraint.columns]
    if isinstance(constraint, shapes.ForeignKey):
        return same and _is(clause.ref_table, constraint.ref_table)
    return same
