"""How SQLite makes a table for rows: with its keys from the start, for they cannot be added.

Indexes follow the rows. Foreign keys are not looked at while rows are copied; whether they hold is
asked when all tables are full.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from whimbrel import tables
from whimbrel.engines import building, defaults
from whimbrel.engines.building import CannotSay, Said, Step
from whimbrel.engines.defaults import Part
from whimbrel.engines.forms import Family
from whimbrel.engines.sqlite import text as texts
from whimbrel.engines.sqlite import types

_NUMBERS: Final = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT, Family.BOOLEAN})
_NOW: Final = {
    Family.DATETIME: ("CURRENT_TIMESTAMP", (Part.MOMENT,)),
    Family.INSTANT: ("CURRENT_TIMESTAMP", (Part.MOMENT,)),
    Family.DATE: ("CURRENT_DATE", (Part.MOMENT, Part.DAY)),
    Family.TIME: ("CURRENT_TIME", (Part.MOMENT, Part.TIME)),
}
# Version 4, as RFC 9562 has it.
_UUID: Final = (
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || "
    "substr(hex(randomblob(2)), 2) || '-' || substr('89AB', 1 + (random() & 3), 1) || "
    "substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
)


class SqliteBuilder(building.Builder):
    """Names of tables and indexes are those of one file, whatever the case of their letters."""

    folds_tables = True
    folds_columns = True
    index_names = "database"
    indexes_beside_tables = True
    reserved_prefix = "sqlite_"

    # --- what its own tables say ----------------------------------------------------------------

    def counting(self, table: tables.Table) -> frozenset[str]:
        try:
            alias = texts.parse(table.sql or "").rowid_alias
        except texts.NotUnderstoodError:
            alias = None
        return super().counting(table) | ({alias} if alias else set())

    # --- what can be said -----------------------------------------------------------------------

    def cannot_count(self, table: tables.Table, column: tables.FoundColumn) -> str | None:
        if table.primary_key != (column.name,):
            return "only the one column of a primary key counts by itself here"
        if types.affinity(column.type) is not types.Affinity.INTEGER:
            return f"a column of the type {column.type} cannot count by itself"
        return None

    def counting_type(self, table: tables.Table, column: tables.FoundColumn) -> str:
        return "INTEGER"  # under any other name, the column would not be the rowid

    def compares(self, type_: str, family: Family) -> bool:
        return family not in _NUMBERS or types.affinity(type_) is not types.Affinity.TEXT

    def fit_index(self, table: tables.Table, index: tables.Index) -> building.Fitted:
        columns: list[str | tables.Sql] = []
        notes: list[str] = []
        for at, column in enumerate(index.columns):
            length = index.lengths[at] if index.lengths else None
            if isinstance(column, tables.Sql) or length is None:
                columns.append(column)
            elif index.unique:
                columns.append(tables.Sql(f"substr({self.quote(column)}, 1, {length})"))
                notes.append(f"it is on an expression, the first {length} of {column}")
            else:
                columns.append(column)
                notes.append(f"it is on the whole of {column}, not on the first {length}")
        made = tables.Index(
            name=index.name,
            columns=tuple(columns),
            unique=index.unique,
            where=index.where,
            descending=index.descending if any(index.descending) else (),
        )
        return building.Fitted(part=made, notes=tuple(notes))

    def fit_foreign_key(self, table: tables.Table, key: tables.ForeignKey) -> building.Fitted:
        if not key.full or len(key.columns) == 1:
            return building.Fitted(part=dataclasses.replace(key, full=False))
        return building.Fitted(
            part=dataclasses.replace(key, full=False),
            lost=(("match full", "it is read and not kept to; some of the columns may be NULL"),),
        )

    # --- statements -----------------------------------------------------------------------------

    def create(self, table: tables.Table) -> tuple[str, ...]:
        counting = next((c.name for c in table.columns if c.auto_increment), None)
        parts = [f"{self.quote(c.name)} {self._definition(c)}" for c in table.columns]
        if table.primary_key and counting is None:
            name = table.primary_key_name
            named = f"CONSTRAINT {self.quote(name)} " if name else ""
            parts.append(f"{named}PRIMARY KEY ({self.quoted(table.primary_key)})")
        parts += [self.unique_text(unique) for unique in table.uniques]
        parts += [self.check_text(check) for check in table.checks]
        parts += [self.foreign_key_text(key) for key in table.foreign_keys]
        body = ",\n  ".join(parts)
        comment = f" {texts.comment(table.comment)}" if table.comment else ""
        sql = f"CREATE TABLE {self.quote(table.name)}{comment} (\n  {body}\n)"
        return (sql,)

    def _definition(self, column: tables.FoundColumn) -> str:
        parts = [column.type] if column.type else []
        if column.collation:
            parts.append(f"COLLATE {self.quote(column.collation)}")
        if column.generated is not None:
            kind = "STORED" if column.stored else "VIRTUAL"
            parts.append(f"GENERATED ALWAYS AS ({column.generated}) {kind}")
        if not column.null:
            parts.append("NOT NULL")
        if column.default is not None:
            parts.append(f"DEFAULT {column.default}")
        if column.auto_increment:
            parts.append("PRIMARY KEY AUTOINCREMENT")
        if column.comment:
            parts.append(texts.comment(column.comment))
        return " ".join(parts)

    def later(self, table: tables.Table) -> tuple[Step, ...]:
        return tuple(
            Step(
                kind="index",
                names=(index.name,),
                statements=(self.index_text(table.name, index),),
            )
            for index in table.indexes
        )

    def foreign_keys(self, table: tables.Table) -> tuple[Step, ...]:
        return ()

    def validate(self, table: tables.Table) -> tuple[Step, ...]:
        if not table.foreign_keys:
            return ()
        step = Step(
            kind="foreign key",
            names=tuple(key.name or "" for key in table.foreign_keys),
            statements=(f"SELECT count(*) FROM pragma_foreign_key_check({self.text(table.name)})",),
            otherwise=f"rows of {table.name} refer to rows that are not there",
        )
        return (step,)

    def touching(self, table: str, column: str) -> str:
        name, of, what = (self.quote(one) for one in (f"touch_{table}", table, column))
        return (
            f"CREATE TRIGGER {name} AFTER UPDATE ON {of} FOR EACH ROW\n"
            f"WHEN NEW.{what} IS OLD.{what} BEGIN\n"
            f"UPDATE {of} SET {what} = CURRENT_TIMESTAMP WHERE rowid = NEW.rowid; END"
        )

    # --- words ----------------------------------------------------------------------------------

    def boolean(self, value: bool, column: building.Column) -> str:
        return str(int(value))

    def number(self, text: str, column: building.Column) -> str:
        # In a column of texts a number would lose its last zeros.
        is_text = types.affinity(column.type) is types.Affinity.TEXT
        return f"'{text}'" if is_text else text

    def now(self, now: defaults.Now, column: building.Column) -> Said:
        word, parts = _NOW.get(column.family, ("", ()))
        if now.part not in parts:
            raise CannotSay(f"the present moment is written in another way in a {column.type}")
        in_utc = now.utc or column.instant
        return Said(sql=word, note="" if in_utc else "the present moment is told in UTC there")

    def new_uuid(self, column: building.Column) -> Said:
        # With hyphens it looks like no number; 36 characters are also a UUID's usual size.
        holds = types.affinity(column.type) in (types.Affinity.TEXT, types.Affinity.NUMERIC)
        if not holds or "32" in column.type:
            raise CannotSay(f"a {column.type} holds no UUID as a text")
        return Said(sql=_UUID)
