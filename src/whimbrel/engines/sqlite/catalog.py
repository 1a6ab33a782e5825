"""What an SQLite database contains: the pragmas, and what only its own texts say.

The texts are read with `text`. Reading goes by the driver's connection, so that it neither
opens a transaction nor waits for one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from whimbrel import tables as shapes
from whimbrel.engines import base
from whimbrel.engines.sqlite import text, tokens

# What the modules of virtual tables append to the names of the tables they keep.
_SHADOWS: Final = {
    "FTS3": ("content", "segdir", "segments", "docsize", "stat"),
    "FTS4": ("content", "segdir", "segments", "docsize", "stat"),
    "FTS5": ("data", "idx", "content", "docsize", "config"),
    "RTREE": ("node", "parent", "rowid"),
    "RTREE_I32": ("node", "parent", "rowid"),
    "GEOPOLY": ("node", "parent", "rowid"),
}
# Columns of PRAGMA table_xinfo, and what its last one says of a column.
_NAME, _TYPE, _NOT_NULL, _DEFAULT, _KEY, _HIDDEN = 1, 2, 3, 4, 5, 6
_OF_VIRTUAL_TABLE = 1
# Columns of PRAGMA index_xinfo.
_COLUMN, _COLUMN_NAME, _DESCENDING, _IS_KEY = 1, 2, 3, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A row of sqlite_master; `sql` is None for what SQLite makes by itself."""

    type: str
    name: str
    table: str
    sql: str | None

    @property
    def is_ours(self) -> bool:
        return any(tokens.fold(n).startswith(base.OUR_PREFIX) for n in (self.name, self.table))

    @property
    def is_internal(self) -> bool:
        return tokens.fold(self.name).startswith("sqlite_")

    @property
    def is_virtual(self) -> bool:
        return self.type == "table" and bool(self.module)

    @property
    def module(self) -> str:
        """Return the module of a virtual table in upper case, '' for any other object."""
        if not (self.sql or "").upper().startswith("CREATE VIRTUAL TABLE"):
            return ""
        words = [t.word for t in tokens.read(self.sql or "") if t.means]
        return words[words.index("USING") + 1] if "USING" in words else ""


class SqliteCatalog(base.Catalog):
    """The schema as one connection sees it, in its own transaction or outside of one."""

    # Whether tables of ours are passed over; a backup has them as well.
    hides = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    # --- the contract -----------------------------------------------------------------------

    def tables(self) -> list[str]:
        everything = self.objects()
        shadows = shadow_tables(everything)
        return sorted(
            o.name for o in everything if o.type == "table" and tokens.fold(o.name) not in shadows
        )

    def find(self, name: str) -> shapes.Table | None:
        found = self.object(name)
        if found is None or (found.is_ours and self.hides) or found.is_internal:
            return None
        return self._found(found, self.attached(found.name, "index"))

    def every(self) -> dict[str, shapes.Table]:
        everything = self.objects()
        shadows = shadow_tables(everything)
        indexes: dict[str, list[Object]] = {}
        for o in everything:
            if o.type == "index":
                indexes.setdefault(tokens.fold(o.table), []).append(o)
        found = [
            self._found(o, indexes.get(tokens.fold(o.name), ()))
            for o in everything
            if o.type == "table" and tokens.fold(o.name) not in shadows
        ]
        return {table.name: table for table in sorted(found, key=lambda table: table.name)}

    def _found(self, found: Object, indexes: Sequence[Object]) -> shapes.Table:
        if found.is_virtual:
            return self._virtual(found)
        try:
            read = text.parse(found.sql or "")
        except text.NotUnderstoodError:
            return shapes.Table(name=found.name, columns=self._bare(found.name), sql=found.sql)
        return self._table(found, read, indexes)

    def texts(self) -> dict[str, str]:
        """Return what each object says; its layout does not count (see `tokens.canonical`)."""
        found: dict[str, str] = {}
        for o in self.objects():
            # Triggers have a name space of their own.
            name = f"{o.name} (trigger)" if o.type == "trigger" and o.name in found else o.name
            found[name] = tokens.canonical(o.sql or "")
        return found

    def triggers(self, table: str) -> list[str]:
        return sorted(o.name for o in self.attached(table, "trigger"))

    # --- what the rest of this room needs ---------------------------------------------------

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[base.Row]:
        """Return the rows of a query."""
        cursor = self.connection.execute(sql, tuple(params))
        try:
            return [tuple(row) for row in cursor]
        finally:
            cursor.close()

    def objects(self, *, ours: bool = False) -> list[Object]:
        """Return everything that has a text, in the order in which it was made."""
        rows = self.rows(
            "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL "
            "ORDER BY rowid"
        )
        found = [
            Object(type=str(r[0]), name=str(r[1]), table=str(r[2]), sql=str(r[3])) for r in rows
        ]
        return [o for o in found if not o.is_internal and (ours or not o.is_ours)]

    def object(self, name: str) -> Object | None:
        """Return the table of this name; letter case does not matter."""
        rows = self.rows(
            "SELECT type, name, tbl_name, sql FROM sqlite_master "
            "WHERE type = 'table' AND name = ? COLLATE NOCASE",
            [name],
        )
        if not rows:
            return None
        type_, spelled, table, sql = rows[0]
        return Object(type=str(type_), name=str(spelled), table=str(table), sql=str(sql))

    def has(self, table: str) -> bool:
        """Whether a table exists, internal ones included."""
        return self.object(table) is not None

    def shadowed(self, table: str) -> bool:
        """Whether a temporary table or view has this name, which then means that one."""
        return bool(
            self.rows("SELECT 1 FROM sqlite_temp_master WHERE name = ? COLLATE NOCASE", [table])
        )

    def attached(self, table: str, type_: str) -> list[Object]:
        """Return the indexes or triggers of a table, in the order in which they were made."""
        return [o for o in self.objects() if o.type == type_ and tokens.same(o.table, table)]

    def columns(self, table: str) -> list[base.Row]:
        """Return PRAGMA table_xinfo, without the hidden columns of virtual tables."""
        rows = self.rows(f"PRAGMA main.table_xinfo({tokens.quote(table)})")
        return [row for row in rows if row[_HIDDEN] != _OF_VIRTUAL_TABLE]

    def children(self, table: str) -> list[tuple[str, shapes.ForeignKey]]:
        """Return the foreign keys of all tables that refer to this one, with their table."""
        return [
            (o.name, key)
            for o in self.objects()
            if o.type == "table" and not o.is_virtual
            for key in self._foreign_keys(o)
            if tokens.same(key.ref_table, table)
        ]

    # --- one table --------------------------------------------------------------------------

    def _virtual(self, found: Object) -> shapes.Table:
        """Return a virtual table; one for searching says by its rowid what it has found."""
        columns = self._bare(found.name)
        key: tuple[str, ...] = ()
        if found.module.startswith("FTS") and not any(
            tokens.same(column.name, "rowid") for column in columns
        ):
            rowid = shapes.FoundColumn(name="rowid", type="INTEGER", null=False)
            columns, key = (rowid, *columns), ("rowid",)
        return shapes.Table(name=found.name, columns=columns, primary_key=key, sql=found.sql)

    def _table(
        self, found: Object, read: text.TableText, indexes: Sequence[Object]
    ) -> shapes.Table:
        rows = self.columns(found.name)
        keys = sorted((row for row in rows if row[_KEY]), key=lambda row: int(str(row[_KEY])))
        key_clause = next((c for _, c in read.clauses(text.Rule.PRIMARY_KEY)), None)
        return shapes.Table(
            name=found.name,
            columns=tuple(_column(row, read) for row in rows),
            primary_key=tuple(str(row[_NAME]) for row in keys),
            primary_key_name=key_clause.name if key_clause else None,
            uniques=tuple(
                shapes.Unique(name=c.name, columns=_spelled(c.columns, rows))
                for _, c in read.clauses(text.Rule.UNIQUE)
            ),
            indexes=tuple(self._indexes(found.name, indexes)),
            foreign_keys=tuple(self._foreign_keys(found)),
            checks=tuple(
                shapes.Check(name=c.name, sql=c.value or "")
                for _, c in read.clauses(text.Rule.CHECK)
            ),
            comment=read.comment,
            sql=found.sql,
        )

    def _bare(self, table: str) -> tuple[shapes.FoundColumn, ...]:
        """Return the columns of a table whose text says nothing about them."""
        try:
            rows = self.columns(table)
        except sqlite3.OperationalError:  # its module is not loaded
            return ()
        return tuple(
            shapes.FoundColumn(
                name=str(row[_NAME]), type=str(row[_TYPE] or ""), null=not row[_NOT_NULL]
            )
            for row in rows
        )

    def _indexes(self, table: str, own: Sequence[Object]) -> Iterable[shapes.Index]:
        listed = {
            str(row[1]): row for row in self.rows(f"PRAGMA main.index_list({tokens.quote(table)})")
        }
        for o in own:
            read = text.parse_index(o.sql or "")
            keys = [
                row
                for row in self.rows(f"PRAGMA main.index_xinfo({tokens.quote(o.name)})")
                if row[_IS_KEY]
            ]
            yield shapes.Index(
                name=o.name,
                columns=tuple(
                    shapes.Sql(part) if row[_COLUMN_NAME] is None else str(row[_COLUMN_NAME])
                    for row, part in zip(keys, read.parts, strict=True)
                ),
                unique=bool(listed[o.name][2]),
                where=read.where,
                descending=tuple(bool(row[_DESCENDING]) for row in keys)
                if any(row[_DESCENDING] for row in keys)
                else (),
                sql=o.sql,
            )

    def _foreign_keys(self, found: Object) -> list[shapes.ForeignKey]:
        try:
            read = text.parse(found.sql or "")
        except text.NotUnderstoodError:
            return []
        # Of a column, DEFERRABLE may stand apart; SQLite gives it to the key before it.
        apart = {
            column.name: clause.deferred
            for column, clause in read.clauses(text.Rule.DEFERRABLE)
            if column is not None
        }
        keys = []
        for column, clause in read.clauses(text.Rule.REFERENCES):
            deferred = clause.deferred
            if column is not None and column.name in apart:
                deferred = apart[column.name]
            keys.append(
                shapes.ForeignKey(
                    name=clause.name,
                    columns=_spelled(clause.columns, self.columns(found.name)),
                    ref_table=clause.ref_table,
                    ref_columns=clause.ref_columns or self._key_of(clause.ref_table),
                    on_delete=clause.on_delete,
                    on_update=clause.on_update,
                    deferrable=deferred,
                )
            )
        return keys

    def _key_of(self, table: str) -> tuple[str, ...]:
        keys = [row for row in self.columns(table) if row[_KEY]]
        return tuple(str(r[_NAME]) for r in sorted(keys, key=lambda row: int(str(row[_KEY]))))


def _column(row: base.Row, read: text.TableText) -> shapes.FoundColumn:
    name = str(row[_NAME])
    written = read.find(name)
    if written is None:
        raise text.NotUnderstoodError(f"column {name!r} is not in the text of {read.name!r}")
    collate = written.clause(text.Rule.COLLATE)
    generated = written.clause(text.Rule.GENERATED)
    counts = [
        clause
        for _, clause in read.clauses(text.Rule.PRIMARY_KEY)
        if clause.auto_increment and tokens.same(clause.columns[0], name)
    ]
    return shapes.FoundColumn(
        name=name,
        type=str(row[_TYPE] or ""),
        null=not row[_NOT_NULL] and name != read.rowid_alias,
        default=None if row[_DEFAULT] is None else str(row[_DEFAULT]),
        auto_increment=bool(counts),
        comment=written.comment,
        collation=collate.value if collate else None,
        generated=generated.value if generated else None,
        stored=generated.stored if generated else True,
        definition=read.sql[written.definition_start : written.definition_end],
    )


def _spelled(names: Sequence[str], rows: Sequence[base.Row]) -> tuple[str, ...]:
    """Return names of columns as the columns spell them."""
    spelling = {tokens.fold(str(row[_NAME])): str(row[_NAME]) for row in rows}
    return tuple(spelling.get(tokens.fold(name), name) for name in names)


def shadow_tables(everything: Sequence[Object]) -> frozenset[str]:
    """Return the tables that virtual tables keep their data in, folded."""
    return frozenset(
        tokens.fold(f"{o.name}_{suffix}")
        for o in everything
        if o.is_virtual
        for suffix in _SHADOWS.get(o.module, ())
    )
