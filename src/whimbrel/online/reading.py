"""Read a live change from the operations of a migration: what each new column is made of.

The operations are recorded, none is done. Each column of the table that they leave is followed
back to the columns that are there now; where that cannot be said, or two shapes of a row could
not be kept in step, it is refused with what to do instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp

from whimbrel import errors, tables
from whimbrel.engines import base, mirrors
from whimbrel.engines import ddl as ddls
from whimbrel.migrations import desk as desks
from whimbrel.migrations import operations as ops
from whimbrel.migrations import planning
from whimbrel.migrations import speech as speeches
from whimbrel.migrations.operations import rows
from whimbrel.online import change as changes
from whimbrel.online import partings
from whimbrel.rows import keys, loop

_SPLIT = "make several migrations of it, one for each table, and take one after the other through"
_PLAIN = "leave out  online = True:  batches and indexes keep nobody out in any migration"


class Recorder(planning.RecordDesk):
    """Writes down what a migration asks for; questions to the catalog are answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, outer=self, **kwargs)

    def perform(self, operation: ops.Operation) -> object:
        if isinstance(operation, ops.LookUp):
            return desks.answer(operation, operation.result(self.session, self.catalog))
        return super().perform(operation)

    def batches(self, operation: ops.Batches) -> Iterator[loop.Batch]:
        raise refused(self.migration, f"{operation.describe()}: a loop of Python's own", _PLAIN)


def refused(migration: str, reason: str, remedy: str) -> errors.NotOnline:
    """Return the refusal of a migration for one reason."""
    return errors.NotOnline(migration, reasons=[reason], remedy=remedy)


def _asked(operations: Sequence[ops.Operation]) -> list[ops.Operation]:
    return [one for one in operations if not isinstance(one, ops.Accept | ops.Require)]


@dataclass(slots=True, kw_only=True)
class _Column:
    """What a column is made of: the one that it was, or an expression over the old table."""

    was: str | None = None
    text: str | None = None
    retyped: bool = False


class Reader:
    """Follows the operations of one migration on a planned catalog."""

    def __init__(
        self,
        session: base.Session,
        planned: base.Planned,
        *,
        migration: str,
        speech: speeches.Speech,
    ) -> None:
        self.session = session
        self.engine = session.engine
        self.planned = planned
        self.ddl = session.engine.ddl(planned)
        self.migration = migration
        self.speech = speech
        self._columns: dict[str, _Column] = {}
        self._refills: dict[str, str] = {}
        self._kept: dict[str, bool | str | None] = {}
        self._losses: list[changes.Loss] = []
        self._renamed: dict[str, str] = {}
        self._created: tables.Table | None = None
        self._copied: ops.CopyRows | None = None

    # --- all of it ----------------------------------------------------------------------------

    def table(self, operations: Sequence[ops.Operation]) -> str:
        """Return the table that is changed; raise NotOnline."""
        return self._tables(_asked(operations))[0]

    def read(self, operations: Sequence[ops.Operation]) -> changes.Change:
        """Return the change; raise NotOnline, TableNotFound, ColumnNotFound, …"""
        wanted = _asked(operations)
        table, beside = self._tables(wanted)
        before = self.planned.table(table)
        self._columns = {
            column.name: _Column(was=column.name, text=self.engine.quote(column.name))
            for column in before.columns
            if column.generated is None
        }
        for operation in wanted:
            self._follow(operation, before, beside)
            statements = (
                () if isinstance(operation, ops.RowsOperation) else operation.statements(self.ddl)
            )
            operation.forward(self.planned, self.ddl)
            self.planned.apply(statements)
        key = keys.choose(before, self.engine)
        if not key.columns or key.address:
            raise refused(
                self.migration,
                f"table {table!r} has no key: nothing tells which row is which in both shapes",
                "give it a primary key in a migration before",
            )
        if beside is not None:
            return self._beside(before, self.planned.table(beside), key.columns)
        after = self.planned.table(table)
        if self._needs_table(before, after, key.columns):
            return self._of_table(before, after, key.columns)
        return self._in_place(before, after, key.columns)

    def _tables(self, operations: Sequence[ops.Operation]) -> tuple[str, str | None]:
        """Return the table that is changed, and one that is made beside it."""
        created = [one.table.name for one in operations if isinstance(one, ops.CreateTable)]
        named: dict[str, None] = {}
        for one in operations:
            for attribute in ("table", "source", "target", "walked"):
                value = getattr(one, attribute, None)
                name = value if isinstance(value, str) else getattr(value, "name", None)
                if isinstance(name, str):
                    named[name] = None
            if isinstance(one, ops.Execute):
                raise refused(
                    self.migration,
                    f"execute({one.describe()[:80]!r}): what raw SQL changes cannot be mirrored",
                    "say it by the verbs, or put it in a migration of its own",
                )
            if isinstance(one, ops.RenameTable | ops.DropTable):
                raise refused(
                    self.migration,
                    f"{one.describe()}: old and new code could not both work",
                    "put it in an ordinary migration, once no code uses the table",
                )
        old = [name for name in named if name not in created]
        if not old:
            raise refused(self.migration, "it changes no table that is there", _PLAIN)
        if len(old) > 1 or len(created) > 1:
            raise refused(
                self.migration,
                f"it changes more than one table: {errors.names(named)}",
                _SPLIT,
            )
        return old[0], created[0] if created else None

    # --- one operation ------------------------------------------------------------------------

    def _follow(self, operation: ops.Operation, before: tables.Table, beside: str | None) -> None:
        match operation:
            case ops.CreateTable():
                self._created = None
            case ops.CopyRows() if beside is not None and operation.target == beside:
                if operation.where is not None or operation.distinct:
                    raise self._no(
                        "copy_rows(where=…): only some rows would have a partner",
                        "copy all rows; those that are not wanted are deleted later",
                    )
                self._copied = operation
            case _ if beside is not None and getattr(operation, "table", None) == beside:
                pass  # indexes and constraints of the new table: the planned catalog has them
            case ops.AddColumn(column=column):
                self._add(column)
            case ops.Backfill():
                self._fill(operation, before)
            case ops.ConvertValues():
                self._convert(operation)
            case ops.RenameColumn(column=old, to=new):
                self._columns[new] = self._columns.pop(old, _Column())
                self._renamed[old] = new
            case ops.ChangeColumn():
                self._change(operation)
            case ops.RemoveColumn():
                self._remove(operation)
            case (
                ops.CreateIndex()
                | ops.AddCheck()
                | ops.AddForeignKey()
                | ops.AddUnique()
                | ops.RemoveIndex()
                | ops.RemoveConstraint()
            ):
                pass  # the planned catalog has them
            case _:
                raise self._no(
                    f"{operation.describe()[:200]}: both shapes of its rows could not be kept "
                    "in step",
                    "put it in an ordinary migration: its batches keep nobody out",
                )

    def _no(self, reason: str, remedy: str) -> errors.NotOnline:
        return refused(self.migration, reason, remedy)

    def _add(self, column: tables.Column) -> None:
        if column.auto_increment or column.generated is not None or column.primary_key:
            raise self._no(
                f"add_column {column.name}: the server gives its values, and has to write the "
                "whole table for it",
                "add it in an ordinary migration, when nobody works on the table",
            )
        self._columns[column.name] = _Column()

    def _fill(self, operation: ops.Backfill, before: tables.Table) -> None:
        native = operation.native
        for name, text in operation.columns.items():
            column = self._columns.get(name)
            if column is None or column.was is not None:
                raise self._no(
                    f"backfill {operation.table}.{name}: values that are there would be "
                    "overwritten, and old code would go on writing others",
                    "add a new column for them, and remove the old one",
                )
            said = text if native else rows.spoken_value(self.speech, operation.table, text)
            column.text = self._over_old(said, operation.table)
            if operation.where is not None and not self._only_new(operation.where):
                where = rows.spoken(self.speech, operation.table, operation.where) or ""
                condition = self._over_old(where, operation.table)
                column.text = f"CASE WHEN {condition} THEN {column.text} END"

    def _only_new(self, where: str) -> bool:
        """Whether a condition only says that a column is empty that is new."""
        try:
            tree = sqlglot.parse_one(where, read=self.speech.read)
        except sqlglot.errors.SqlglotError:
            return False
        if not isinstance(tree, exp.Is) or not isinstance(tree.this, exp.Column):
            return False
        column = self._columns.get(tree.this.name)
        return isinstance(tree.expression, exp.Null) and column is not None and column.was is None

    def _convert(self, operation: ops.ConvertValues) -> None:
        if operation.instead is None and operation.rejects and operation.max_rejects != 0:
            raise self._no(
                f"convert_column {operation.rule.column}: rows cannot be rejected while others "
                "write them",
                'say what becomes of values that do not convert:  invalid="null"  or  instead=…',
            )
        made = operation.rule.said(self.speech)
        old = operation.rule.old(self.speech)
        table, column = operation.walked, operation.rule.column
        text = (
            f"CASE WHEN {made.valid} THEN {made.value} WHEN {old} IS NULL THEN NULL "
            f"ELSE {operation.instead or 'NULL'} END"
        )
        self._columns[operation.into] = _Column(text=self._over_old(text, table))
        if operation.rejects:
            quote = self.engine.quote
            self._losses.append(
                changes.Loss(
                    column=column,
                    query=f"SELECT {quote(column)} FROM {quote(table)} "
                    f"WHERE {operation.rule.misfits(self.speech)}",
                )
            )

    def _change(self, operation: ops.ChangeColumn) -> None:
        name = operation.column.name
        column = self._columns.get(name)
        table = self.planned.table(operation.table)
        old = table.column(name)
        if column is None:
            raise self._no(
                f"change_column {name}: its values are made by the server",
                "change it in an ordinary migration",
            )
        new = self.ddl.changed(table, operation.column)
        if column.was is None:
            return  # a new column: it is made as it is in the end
        column.retyped = True
        if self.ddl.same_type(old.type, new.type):
            return
        column.text = self.ddl.cast(column.text or "NULL", new.type)
        self._refills[column.was] = self.ddl.cast(self.engine.quote(name), old.type)
        query = None
        if not operation.accept_loss:
            query = self.ddl.lossy_values(table, operation.column)
        if query is not None:
            self._losses.append(changes.Loss(column=column.was, query=query))

    def _remove(self, operation: ops.RemoveColumn) -> None:
        column = self._columns.pop(operation.column, _Column())
        if column.was is None:
            return
        self._kept[column.was] = operation.keep
        if operation.refill is None:
            return
        text = operation.refill
        if not operation.native:
            text = rows.spoken_value(self.speech, operation.table, text)
        self._refills[column.was] = self._bare(text, operation.table, {})

    # --- expressions --------------------------------------------------------------------------

    def _over_old(self, text: str, table: str) -> str:
        """Return an expression over the table at this step as one over the table as it was."""
        names: dict[str, str] = {}
        for name, column in self._columns.items():
            if column.was is not None and not column.retyped:
                names[name] = self.engine.quote(column.was)
            elif column.text is not None:
                names[name] = f"({column.text})"
        return self._bare(text, table, names, known=True)

    def _bare(self, text: str, table: str, names: Mapping[str, str], *, known: bool = False) -> str:
        """Return an expression with its columns' names bare, or replaced."""
        folded = {name.casefold(): said for name, said in names.items()}
        try:
            tree = sqlglot.parse_one(text, read=self.engine.dialect)
        except sqlglot.errors.SqlglotError as error:
            raise self._no(
                f"the expression is not understood: {' '.join(text.split())[:200]}",
                "write it in plainer SQL",
            ) from error
        if tree.find(exp.Query):
            raise self._no(
                f"a query inside of an expression cannot be mirrored: {text[:200]}",
                "use columns of the row at hand alone",
            )
        same = True
        for column in list(tree.find_all(exp.Column)):
            said = folded.get(column.name.casefold())
            if known and said is None:
                raise self._no(
                    f"the expression reads {column.name}, which is empty or not there: "
                    f"{text[:200]}",
                    "make it of columns that are there",
                )
            plain = self.engine.quote(column.name)
            if column.table and column.table.casefold() != table.casefold():
                raise self._no(
                    f"the expression reads another table: {text[:200]}",
                    "use columns of the row at hand alone",
                )
            if not column.table and said in {None, plain}:
                continue
            same = False
            made = sqlglot.parse_one(said or plain, read=self.engine.dialect)
            if column is tree:
                tree = made
            else:
                column.replace(made)
        return text if same else tree.sql(dialect=self.engine.dialect)

    # --- the three ways -----------------------------------------------------------------------

    def _needs_table(self, before: tables.Table, after: tables.Table, key: Sequence[str]) -> bool:
        """Whether the new shape cannot stand in the same rows."""
        for column in after.columns:
            made = self._columns.get(column.name, _Column(was=column.name))
            if before.has(column.name) and (made.was != column.name or made.retyped):
                return True
        return before.primary_key != after.primary_key or not all(map(after.has, key))

    def _was(self) -> dict[str, str]:
        """Return under which name each old column is there, if it is."""
        return {c.was: name for name, c in self._columns.items() if c.was is not None}

    def _pairs(self, key: Sequence[str]) -> tuple[tuple[str, str], ...]:
        there = self._was()
        gone = [name for name in key if name not in there]
        if gone:
            raise self._no(
                f"the key changes: {errors.names(gone)} would not be there any more",
                "keep the columns of the key; a new key is added beside it first",
            )
        return tuple((name, there[name]) for name in key)

    def _down(self, before: tables.Table, after: tables.Table) -> dict[str, str]:
        """Return what brings back each old column that is not there under its own name."""
        there, down = self._was(), {}
        for column in before.columns:
            if column.generated is not None:
                continue
            if column.name in self._refills:
                down[column.name] = self._refills[column.name]
            elif column.name in there:
                down[column.name] = self.engine.quote(there[column.name])
            elif not column.null and column.default is None and not column.auto_increment:
                raise self._no(
                    f"remove_column {column.name}: it is NOT NULL and has no default, so new code "
                    "could not insert rows while it is there",
                    'say what brings its values back:  remove_column(…, refill="…"), or merge=…\n'
                    "or let it be NULL, or give it a default, in a migration before",
                )
        for text in down.values():
            for column_ in sqlglot.parse_one(text, read=self.engine.dialect).find_all(exp.Column):
                after.column(column_.name)
        return down

    def _of_table(
        self, before: tables.Table, after: tables.Table, key: Sequence[str]
    ) -> changes.Change:
        name = tables.constraint_name(f"{base.OUR_PREFIX}new", before.name, ())
        up = {
            column.name: self._columns[column.name].text or ""
            for column in after.columns
            if column.generated is None and self._columns[column.name].text
        }
        shape = mirrors.Shape(
            mode=mirrors.Mode.TABLE,
            old=before,
            new=after.replace(name=name),
            key=self._pairs(key),
            up=up,
            down=self._down(before, after),
            parked=tables.constraint_name(f"{base.OUR_PREFIX}old", before.name, ()),
        )
        return changes.Change(shape=shape, before=before, after=after, losses=tuple(self._losses))

    def _in_place(
        self, before: tables.Table, after: tables.Table, key: Sequence[str]
    ) -> changes.Change:
        added = tuple(c for c in after.columns if not before.has(c.name))
        removed = tuple(c.name for c in before.columns if not after.has(c.name))
        for name in removed:
            self._refuse_uses(before, name)
        up = {c.name: text for c in added if (text := self._columns[c.name].text)}
        for column in added:
            if not column.null and column.name not in up and column.default is None:
                raise self._no(
                    f"add_column {column.name}: it is NOT NULL, and nothing says its value for "
                    "rows of old code",
                    "give it a default, or fill it:  self.backfill(…)",
                )
        down = {name: text for name, text in self._down(before, after).items() if name in removed}
        opened = tuple(changes.opened(column, up) for column in added)
        both = before.replace(columns=(*before.columns, *opened))
        made, gone = partings.compared(
            before, after, removed=removed, renamed=self._renamed,
            rename=lambda text: self._renamed_in(text, before.name),
        )  # fmt: skip
        shape = mirrors.Shape(
            mode=mirrors.Mode.COLUMNS,
            old=both,
            new=both,
            key=tuple((name, name) for name in key),
            up=up,
            down=down,
        )
        return changes.Change(
            shape=shape, before=before, after=after, added=added, removed=removed,
            made=made, gone=gone, kept={n: k for n, k in self._kept.items() if n in removed},
            losses=tuple(self._losses),
        )  # fmt: skip

    def _renamed_in(self, text: str, table: str) -> str:
        names = {old: self.engine.quote(new) for old, new in self._renamed.items()}
        return self._bare(text, table, names)

    def _refuse_uses(self, before: tables.Table, name: str) -> None:
        for column in before.columns:
            if column.generated is not None and name in ddls.mentioned(before, column.generated):
                raise self._no(
                    f"column {column.name} is made of {name} by the server",
                    "remove it in a migration before",
                )
        every = self.planned.every()
        for other in every.values():
            for one in other.foreign_keys:
                if one.ref_table == before.name and name in one.ref_columns:
                    raise self._no(
                        f"foreign key {one.name} of {other.name} refers to {name}",
                        "remove it in a migration before, and make it again after",
                    )

    def _beside(
        self, before: tables.Table, new: tables.Table, key: Sequence[str]
    ) -> changes.Change:
        copied, quote = self._copied, self.engine.quote
        if copied is None:
            raise self._no(
                f"table {new.name!r} is made, and nothing copies rows into it",
                f'self.copy_rows("{before.name}", "{new.name}", […])',
            )
        if [column.name for column in self.planned.table(before.name).columns] != [
            name for name in self._columns if self._columns[name].was == name
        ] and any(column.was is None for column in self._columns.values()):
            raise self._no("it adds columns to the table that is split, too", _SPLIT)
        up = {
            name: self._bare(
                rows.spoken_value(self.speech, before.name, text)
                if text != name or self.speech.read != self.engine.dialect
                else quote(name),
                before.name,
                {},
            )
            for name, text in copied.columns.items()
        }
        plain = {self._plain(text): name for name, text in up.items()}
        missing = [name for name in key if name not in plain]
        if missing or {plain.get(name) for name in key} != set(new.primary_key):
            raise self._no(
                f"rows of {before.name!r} and {new.name!r} do not have the same key",
                f"let the primary key of {new.name} be that of {before.name}, and copy it",
            )
        now = self.planned.table(before.name)
        removed = tuple(c.name for c in before.columns if not now.has(c.name))
        down = {}
        for name in removed:
            if name in plain:
                down[name] = quote(plain[name])
            elif name in self._refills:
                down[name] = self._refills[name]
            else:
                raise self._no(
                    f"{before.name}.{name} is removed and not copied",
                    f"copy it to {new.name}, or remove it in a migration of its own",
                )
            if not before.column(name).null and before.column(name).default is None:
                raise self._no(
                    f"{before.name}.{name} is NOT NULL and has no default: new code could not "
                    "insert rows while it is there",
                    "let it be NULL, or give it a default, in a migration before",
                )
        shape = mirrors.Shape(
            mode=mirrors.Mode.BESIDE,
            old=before,
            new=new,
            key=tuple((name, plain[name]) for name in key),
            up=up,
            down=down,
        )
        return changes.Change(
            shape=shape, before=before, after=new, removed=removed,
            kept=dict.fromkeys(removed, False),
        )  # fmt: skip

    def _plain(self, text: str) -> str:
        """Return the column that an expression is, "" if it is more than one."""
        tree = sqlglot.parse_one(text, read=self.engine.dialect)
        while isinstance(tree, exp.Paren):
            tree = tree.this
        return tree.name if isinstance(tree, exp.Column) else ""
