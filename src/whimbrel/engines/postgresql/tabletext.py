"""The texts that make one PostgreSQL table again: the server's own words, for its own kind.

Left out are the tablespace, the owner and all rights. A partition is made as a table of its own,
so that its columns keep their order, and attached at once; the keys and indexes that it has of
its parent are made together with the parent's, leaves first, so that all keep their names (the
parent's statement finds and attaches them). A sequence that belongs to a column is made with its
table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from whimbrel import errors
from whimbrel.engines import base, inventory
from whimbrel.engines.postgresql import attached, needs, objects

_OID = f"""
SELECT c.oid::int8 FROM pg_class c
 WHERE c.relname = %s AND c.relkind IN ('r', 'p') AND c.relnamespace = {objects.HERE}
"""
_TABLE = f"""
SELECT quote_ident(c.relname), c.relkind = 'p', c.relpersistence = 'u', c.relispartition,
       concat_ws(', ', {objects.options("c.reloptions")},
                 {objects.options("o.reloptions", "toast.")}),
       CASE WHEN m.amname <> 'heap' THEN quote_ident(m.amname) END,
       pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
       c.relrowsecurity, c.relforcerowsecurity, c.relreplident::text,
       nullif(c.reloftype, 0)::regtype::text, obj_description(c.oid, 'pg_class'),
       array(SELECT h.inhparent::regclass::text FROM pg_inherits h
              WHERE h.inhrelid = c.oid ORDER BY h.inhseqno),
       array(SELECT quote_ident(a.attname) FROM pg_inherits h
               JOIN pg_attribute a ON a.attrelid = h.inhparent AND a.attnum > 0
              WHERE h.inhrelid = c.oid AND NOT a.attisdropped ORDER BY h.inhseqno, a.attnum),
       current_setting('server_version_num')::int
  FROM pg_class c LEFT JOIN pg_am m ON m.oid = c.relam
  LEFT JOIN pg_class o ON o.oid = c.reltoastrelid
 WHERE c.oid = :oid
"""
# A partition of version 17 and later has its parent's identity.
_COLUMNS = f"""
SELECT quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN a.attcollation::regcollation::text
       END,
       a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text,
       CASE WHEN a.attidentity <> '' AND s.oid IS NOT NULL
            THEN format('GENERATED %s AS IDENTITY (SEQUENCE NAME %I%s)',
                        CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
                        s.relname, {objects.sequence_options("q")}) END,
       CASE WHEN a.attstorage <> t.typstorage THEN
            CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'
                              ELSE 'EXTENDED' END END,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
       nullif(a.attstattarget, -1)::int, {objects.options("a.attoptions")},
       a.attislocal, a.attinhcount > 0,
       (SELECT string_agg(pg_get_expr(f.adbin, f.adrelid), ' ')
          FROM pg_inherits h JOIN pg_attribute b ON b.attrelid = h.inhparent
                                                AND b.attname = a.attname
          JOIN pg_attrdef f ON f.adrelid = b.attrelid AND f.adnum = b.attnum
         WHERE h.inhrelid = a.attrelid),
       col_description(a.attrelid, a.attnum),
       (SELECT quote_ident(k.conname) FROM pg_constraint k
         WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
           AND k.convalidated),
       (SELECT k.connoinherit FROM pg_constraint k
         WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
           AND k.convalidated),
       EXISTS (SELECT FROM pg_constraint k
                WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
                  AND NOT k.convalidated),
       coalesce((SELECT k.conislocal FROM pg_constraint k
                  WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]),
                a.attislocal OR NOT EXISTS (
                   SELECT FROM pg_inherits h JOIN pg_attribute b
                     ON b.attrelid = h.inhparent AND b.attname = a.attname
                    WHERE h.inhrelid = a.attrelid AND b.attnotnull))
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_depend w ON w.refclassid = 'pg_class'::regclass AND w.refobjid = a.attrelid
                       AND w.refobjsubid = a.attnum AND w.classid = 'pg_class'::regclass
                       AND w.deptype = 'i' AND a.attidentity <> ''
  LEFT JOIN pg_class s ON s.oid = w.objid AND s.relkind = 'S'
  LEFT JOIN pg_sequence q ON q.seqrelid = s.oid
 WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""
_SEQUENCES = f"""
SELECT CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END
       || {objects.sequence("quote_ident(c.relname)", "q")},
       format('ALTER SEQUENCE %I OWNED BY %s.%I', c.relname, d.refobjid::regclass, a.attname),
       quote_ident(c.relname), obj_description(c.oid, 'pg_class'), d.deptype = 'a'
  FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_sequence q ON q.seqrelid = c.oid
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjid = :oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
   AND c.relnamespace = {objects.HERE}
 ORDER BY c.oid
"""
# Those that a partition has of its parent are made with the parent's.
_CONSTRAINTS = """
SELECT quote_ident(k.conname), k.contype::text, pg_get_constraintdef(k.oid), k.convalidated,
       k.conislocal, obj_description(k.oid, 'pg_constraint')
  FROM pg_constraint k
 WHERE k.conrelid = :oid AND k.contype IN ('c', 'n', 'f') AND (k.conparentid = 0)
 ORDER BY k.contype, k.oid
"""
# Each index that is no partition of another one, behind all that are partitions of it.
_INDEXES = f"""
WITH RECURSIVE tree AS (
    SELECT i.indexrelid AS oid, i.indexrelid AS top, 0 AS level FROM pg_index i
     WHERE i.indrelid = :oid AND NOT EXISTS (
           SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
    UNION ALL
    SELECT h.inhrelid, t.top, t.level + 1
      FROM tree t JOIN pg_inherits h ON h.inhparent = t.oid
)
SELECT quote_ident(x.relname),
       CASE WHEN k.oid IS NULL THEN {objects.INDEX}
            ELSE format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname,
                        pg_get_constraintdef(k.oid)) END,
       CASE WHEN k.oid IS NOT NULL THEN {objects.options("x.reloptions")} END,
       array(SELECT format('ALTER INDEX %I ALTER COLUMN %s SET STATISTICS %s', x.relname,
                           a.attnum, a.attstattarget)
               FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0
              ORDER BY a.attnum)
  FROM tree t JOIN pg_index i ON i.indexrelid = t.oid
  JOIN pg_class x ON x.oid = t.oid JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_constraint k ON k.conindid = t.oid AND k.conrelid = c.oid
                           AND k.contype IN ('p', 'u', 'x')
 WHERE n.oid = {objects.HERE} AND (i.indisvalid OR x.relkind = 'I')
 ORDER BY NOT (SELECT p.indisprimary FROM pg_index p WHERE p.indexrelid = t.top), t.top,
          t.level DESC, t.oid
"""
_MARKS = """
SELECT quote_ident(x.relname), i.indisclustered, i.indisreplident,
       obj_description(x.oid, 'pg_class'), k.oid IS NOT NULL,
       quote_ident(k.conname), obj_description(k.oid, 'pg_constraint')
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
  LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
                           AND k.contype IN ('p', 'u', 'x')
 WHERE i.indrelid = :oid AND (i.indisvalid OR x.relkind = 'I') ORDER BY x.oid
"""
_STATISTICS = f"""
SELECT quote_ident(s.stxname),
       replace(left(pg_get_statisticsobjdef(s.oid), strpos(pg_get_statisticsobjdef(s.oid), ' ON ')),
               format(' %I.%I ', n.nspname, s.stxname), format(' %I ', s.stxname))
       || substr(pg_get_statisticsobjdef(s.oid),
                 strpos(pg_get_statisticsobjdef(s.oid), ' ON ') + 1),
       nullif(s.stxstattarget, -1)::int, obj_description(s.oid, 'pg_statistic_ext')
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
 WHERE s.stxrelid = :oid AND n.oid = {objects.HERE} ORDER BY s.oid
"""
_IDENTITIES_OF_PARTITIONS: Final = 170000

Pair = tuple[str, str]
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class _Table:
    """A row of _TABLE."""

    name: str
    partitioned: bool
    unlogged: bool
    partition: bool
    options: str
    method: str | None
    key: str | None
    bound: str | None
    row_security: bool
    forced: bool
    identity: str
    of_type: str | None
    comment: str | None
    parents: list[str]
    inherited: list[str]
    version: int


@dataclass(frozen=True, slots=True)
class _Column:
    """A row of _COLUMNS."""

    name: str
    type: str
    collation: str | None
    required: bool
    default: str | None
    generated: str
    identity: str | None
    storage: str | None
    compression: str | None
    statistics: int | None
    options: str | None
    own: bool
    inherited: bool
    parents_default: str | None
    comment: str | None
    required_name: str | None
    required_here_only: bool | None
    required_unproven: bool
    required_here: bool


def _read(row: base.Row, made: type[_Row]) -> _Row:
    names = [field.name for field in fields(made)]  # type: ignore[arg-type]
    return made(**dict(zip(names, row, strict=True)))


def text(session: base.Session, table: str) -> inventory.TableText:
    """Return the texts of a table of the current schema, or raise TableNotFound."""
    found = session.fetch(_OID, [table])
    if not found:
        raise errors.TableNotFound(table, known=session.engine.catalog(session).tables())
    return _Texts(session, table, int(str(found[0][0]))).read()


class _Texts:
    """Reads everything that is said of one table."""

    def __init__(self, session: base.Session, name: str, oid: int) -> None:
        self._session = session
        self._raw_name = name
        self._oid = oid
        self.table = _read(self._rows(_TABLE)[0], _Table)
        self.columns = [_read(row, _Column) for row in self._rows(_COLUMNS)]
        # (name, sort, text, proven, own, comment)
        self.constraints = self._rows(_CONSTRAINTS)

    def _rows(self, query: str) -> list[base.Row]:
        return self._session.fetch(query.replace(":oid", str(self._oid)))

    def read(self) -> inventory.TableText:
        """Return the texts."""
        name = self.table.name
        return inventory.TableText(
            create=tuple(self._create()),
            after=tuple(self._after()),
            foreign_keys=tuple(
                (str(row[0]), f"ALTER TABLE {name} ADD CONSTRAINT {row[0]} {row[2]}")
                for row in self.constraints
                if row[1] == "f"
            ),
            last=tuple(self._last()),
            needs=tuple(
                one for one in needs.of_table(self._session, self._oid) if one != self._raw_name
            ),
        )

    # --- create -----------------------------------------------------------------------------

    def _create(self) -> Iterator[str]:
        sequences = self._rows(_SEQUENCES)
        yield from (f"CREATE {row[0]}" for row in sequences if row[4])
        yield from self._table()
        yield from (str(row[1]) for row in sequences if row[4])
        for column in self.columns:
            yield from self._column_settings(column)

    def _table(self) -> Iterator[str]:
        table = self.table
        inherits = bool(table.parents) and not table.partition and self._in_order()
        columns = [c for c in self.columns if c.own or not inherits]
        parts = [self._column(column, inherits=inherits) for column in columns]
        parts += [
            f"CONSTRAINT {name} {said}"
            for name, sort, said, proven, own, _ in self.constraints
            if sort == "c" and proven and (own or not inherits)
        ]
        words = "CREATE UNLOGGED TABLE" if table.unlogged else "CREATE TABLE"
        sql = f"{words} {table.name} (" + ",".join(f"\n    {part}" for part in parts) + "\n)"
        if inherits:
            sql += f" INHERITS ({', '.join(table.parents)})"
        if table.partitioned:
            sql += f" PARTITION BY {table.key}"
        if table.method:
            sql += f" USING {table.method}"
        if table.options:
            sql += f" WITH ({table.options})"
        yield sql
        if inherits:
            yield from self._inherited()
        elif table.partition:
            yield (
                f"ALTER TABLE ONLY {table.parents[0]} ATTACH PARTITION {table.name} {table.bound}"
            )
        else:
            yield from (f"ALTER TABLE {table.name} INHERIT {one}" for one in table.parents)
        if table.of_type:
            yield f"ALTER TABLE {table.name} OF {table.of_type}"

    def _in_order(self) -> bool:
        """Whether INHERITS would give the columns the order that they have."""
        merged = list(dict.fromkeys(self.table.inherited))
        own = [column.name for column in self.columns if column.name not in merged]
        return [column.name for column in self.columns] == merged + own

    def _column(self, column: _Column, *, inherits: bool) -> str:
        parts = [column.name, column.type]
        if column.collation:
            parts.append(f"COLLATE {column.collation}")
        if column.generated:
            kind = "VIRTUAL" if column.generated == "v" else "STORED"
            parts.append(f"GENERATED ALWAYS AS ({column.default}) {kind}")
        elif column.identity and not self._identity_of_parent():
            parts.append(column.identity)
        elif column.default is not None:
            parts.append(f"DEFAULT {column.default}")
        if (
            column.required
            and not column.required_unproven
            and (column.required_here or not inherits)
        ):
            if column.required_name:
                parts.append(f"CONSTRAINT {column.required_name}")
            parts.append("NOT NULL")
            if column.required_here_only:
                parts.append("NO INHERIT")
        return " ".join(parts)

    def _identity_of_parent(self) -> bool:
        return self.table.partition and self.table.version >= _IDENTITIES_OF_PARTITIONS

    def _inherited(self) -> Iterator[str]:
        """Yield what columns that are not restated have beyond their parents'."""
        alter = f"ALTER TABLE ONLY {self.table.name}"
        for column in self.columns:
            if column.own:
                continue
            if column.default is not None and not column.generated:
                yield f"{alter} ALTER COLUMN {column.name} SET DEFAULT {column.default}"
            elif column.parents_default is not None and not column.generated:
                yield f"{alter} ALTER COLUMN {column.name} DROP DEFAULT"
            if column.required and column.required_here and not column.required_unproven:
                if column.required_name:
                    said = f"CONSTRAINT {column.required_name} NOT NULL {column.name}"
                    yield f"ALTER TABLE {self.table.name} ADD {said}"
                else:
                    yield f"{alter} ALTER COLUMN {column.name} SET NOT NULL"

    def _column_settings(self, column: _Column) -> Iterator[str]:
        alter = f"ALTER TABLE ONLY {self.table.name} ALTER COLUMN {column.name}"
        if column.storage:
            yield f"{alter} SET STORAGE {column.storage}"
        if column.compression:
            yield f"{alter} SET COMPRESSION {column.compression}"
        if column.statistics is not None:
            yield f"{alter} SET STATISTICS {column.statistics}"
        if column.options:
            yield f"{alter} SET ({column.options})"

    # --- after ------------------------------------------------------------------------------

    def _after(self) -> Iterator[Pair]:
        for name, sql, options, statistics in self._rows(_INDEXES):
            yield str(name), str(sql)
            if options:
                yield str(name), f"ALTER INDEX {name} SET ({options})"
            if isinstance(statistics, list):
                yield from ((str(name), str(one)) for one in statistics)
        for name, sort, said, proven, _, _ in self.constraints:
            # The rows that are there need not meet it; those that come would have to.
            if sort in ("c", "n") and not proven:
                yield str(name), f"ALTER TABLE {self.table.name} ADD CONSTRAINT {name} {said}"

    # --- last -------------------------------------------------------------------------------

    def _last(self) -> Iterator[Pair]:
        table = self.table
        for query in (attached.TRIGGERS, attached.RULES, attached.POLICIES):
            for row in self._session.fetch(attached.scoped(query, f"c.oid = {self._oid}")):
                found = objects.Found(*row)  # type: ignore[arg-type]
                yield found.name, objects.local(found)
                yield from ((found.name, one) for one in found.then)
        if table.row_security:
            yield "row level security", f"ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY"
        if table.forced:
            yield "row level security", f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY"
        yield from self._marks()
        for name, sql, target, comment in self._rows(_STATISTICS):
            yield str(name), str(sql)
            if target is not None:
                yield str(name), f"ALTER STATISTICS {name} SET STATISTICS {target}"
            yield from self._comment(f"STATISTICS {name}", comment)
        yield from self._comment(f"TABLE {table.name}", table.comment)
        for column in self.columns:
            yield from self._comment(f"COLUMN {table.name}.{column.name}", column.comment)
        for row in self._rows(_SEQUENCES):
            yield from self._comment(f"SEQUENCE {row[2]}", row[3])
        for row in self.constraints:
            yield from self._comment(f"CONSTRAINT {row[0]} ON {table.name}", row[5])

    def _marks(self) -> Iterator[Pair]:
        alter = f"ALTER TABLE {self.table.name}"
        for name, clustered, identity, comment, is_key, key, keys_comment in self._rows(_MARKS):
            if clustered:
                yield "cluster", f"{alter} CLUSTER ON {name}"
            if identity:
                yield "replica identity", f"{alter} REPLICA IDENTITY USING INDEX {name}"
            yield from self._comment(f"INDEX {name}", comment)
            if is_key:
                yield from self._comment(f"CONSTRAINT {key} ON {self.table.name}", keys_comment)
        whole = {"f": "FULL", "n": "NOTHING"}.get(self.table.identity)
        if whole:
            yield "replica identity", f"{alter} REPLICA IDENTITY {whole}"

    def _comment(self, what: str, comment: object) -> Iterator[Pair]:
        if comment is not None:
            said = str(comment).replace("'", "''")
            yield "comment", f"COMMENT ON {what} IS '{said}'"
