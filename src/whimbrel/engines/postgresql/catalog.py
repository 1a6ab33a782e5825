"""What PostgreSQL's catalog says of the tables in the current schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import sqlalchemy as sa
from sqlalchemy.engine import interfaces, reflection

from whimbrel import tables as shapes
from whimbrel.engines import base

_COLUMNS = """
SELECT a.attrelid::int8,
       a.attname,
       format_type(a.atttypid, a.atttypmod),
       NOT a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid),
       a.attidentity::text,
       a.attgenerated::text,
       col_description(a.attrelid, a.attnum),
       CASE WHEN a.attcollation <> t.typcollation THEN c.collname END
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_collation c ON c.oid = a.attcollation
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""
_TABLES = """
SELECT c.relname, c.oid
  FROM pg_class c
 WHERE c.relnamespace = current_schema()::regnamespace
   AND c.relkind IN ('r', 'p')
   AND NOT starts_with(c.relname, %s)
 ORDER BY c.relname
"""
_CONSTRAINTS = """
SELECT conrelid::int8, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE conrelid = ANY(%s::oid[]) AND contype = 'u'
"""
# What a plain index or unique constraint does not say.
_EXTRAS = re.compile(
    r"NULLS NOT DISTINCT|INCLUDE \([^)]*\)|DEFERRABLE(?: INITIALLY DEFERRED)?"
    r"|(?<! DESC )NULLS FIRST|(?<= DESC )NULLS LAST"
)
_HEIRS = """
SELECT c.relname, p.relname, c.relispartition
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
  JOIN pg_class p ON p.oid = i.inhparent
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
   AND p.relnamespace = c.relnamespace
"""
_TRIGGERS = """
SELECT t.tgname
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = %s
   AND NOT t.tgisinternal AND t.tgenabled <> 'D'
 ORDER BY t.tgname
"""
# Each object of the current schema with the text that the server itself gives it.
_TEXTS = """
WITH here AS (
    SELECT c.oid, c.relname, c.relkind FROM pg_class c
     WHERE c.relnamespace = current_schema()::regnamespace AND NOT starts_with(c.relname, %s)
)
SELECT 'column ' || h.relname || '.' || a.attname,
       concat_ws(' ', a.attnum - (SELECT count(*) FROM pg_attribute g
                                   WHERE g.attrelid = h.oid AND g.attisdropped
                                     AND g.attnum < a.attnum AND g.attnum > 0),
                 format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                 a.attgenerated, a.attcollation, pg_get_expr(d.adbin, d.adrelid),
                 col_description(a.attrelid, a.attnum))
  FROM here h
  JOIN pg_attribute a ON a.attrelid = h.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE h.relkind IN ('r', 'p')
UNION ALL
SELECT 'table ' || relname, concat_ws(' ', relkind, obj_description(oid)) FROM here
 WHERE relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'constraint ' || h.relname || '.' || c.conname,
       pg_get_constraintdef(c.oid) || c.convalidated
  FROM here h JOIN pg_constraint c ON c.conrelid = h.oid
UNION ALL
SELECT 'index ' || h.relname || '.' || i.indexrelid::regclass,
       pg_get_indexdef(i.indexrelid) || i.indisvalid
  FROM here h JOIN pg_index i ON i.indrelid = h.oid
UNION ALL
SELECT 'trigger ' || h.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
  FROM here h JOIN pg_trigger t ON t.tgrelid = h.oid AND NOT t.tgisinternal
UNION ALL
SELECT 'view ' || relname, pg_get_viewdef(oid) FROM here WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'sequence ' || relname, '' FROM here WHERE relkind = 'S'
UNION ALL
SELECT 'type ' || t.typname, concat_ws(' ', t.typtype, (
           SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
             FROM pg_enum e WHERE e.enumtypid = t.oid))
  FROM pg_type t
 WHERE t.typnamespace = current_schema()::regnamespace AND t.typtype IN ('e', 'd')
UNION ALL
SELECT 'routine ' || p.oid::regprocedure, md5(p.prosrc)
  FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
"""

# One that is not enforced keeps nothing out (conenforced is new in version 18).
_CHECKS = """
SELECT conrelid::int8, conname, pg_get_expr(conbin, conrelid, true) FROM pg_constraint k
 WHERE conrelid = ANY(%s::oid[]) AND contype = 'c'
   AND coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true' ORDER BY conrelid, conname
"""
_INDEXES = """
SELECT i.indrelid::int8,
       c.relname, i.indisunique, i.indisvalid, pg_get_expr(i.indpred, i.indrelid),
       pg_get_indexdef(i.indexrelid),
       array(SELECT CASE WHEN k > 0 THEN a.attname::text END
               FROM unnest(i.indkey::int[]) WITH ORDINALITY AS x(k, n)
               LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k
              WHERE n <= i.indnkeyatts ORDER BY n),
       array(SELECT pg_get_indexdef(i.indexrelid, n::int, true)
               FROM generate_series(1, i.indnkeyatts) AS n ORDER BY n),
       i.indoption::int[], m.amname,
       array(SELECT o.opcname::text
               FROM unnest(i.indclass::oid[]) AS x(class)
               JOIN pg_opclass o ON o.oid = class WHERE NOT o.opcdefault)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am m ON m.oid = c.relam
 WHERE i.indrelid = ANY(%s::oid[]) AND NOT i.indisprimary
 ORDER BY i.indrelid, c.relname
"""

# A unique index of its own may be one that is to become a constraint.
_UNPROVEN = """
SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%s) AND NOT convalidated
 UNION
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = to_regclass(%s) AND i.indisunique
   AND NOT EXISTS (SELECT FROM pg_constraint k
                    WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid)
"""


class PostgresCatalog(base.Catalog):
    """Reads pg_catalog for columns, and SQLAlchemy's inspector for keys and constraints."""

    # How names of tables begin that are ours; a backup has those as well.
    hidden = base.OUR_PREFIX

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def _oids(self) -> dict[str, int]:
        rows = self._session.fetch(_TABLES, [self.hidden])
        return {str(name): cast(int, oid) for name, oid in rows}

    def tables(self) -> list[str]:
        return sorted(self._oids())

    def unproven(self, table: str) -> frozenset[str]:
        name = self._session.engine.quote(table)
        return frozenset(str(row[0]) for row in self._session.fetch(_UNPROVEN, [name, name]))

    def find(self, name: str) -> shapes.Table | None:
        oid = self._oids().get(name)
        return None if oid is None else self._read({name: oid}, [name])[name]

    def every(self) -> dict[str, shapes.Table]:
        return self._read(self._oids(), None)

    def _read(self, oids: dict[str, int], names: list[str] | None) -> dict[str, shapes.Table]:
        """Return tables by their names, each kind of thing in one query; None is all of them."""
        inspector = sa.inspect(self._session.connection)
        kind, scope = reflection.ObjectKind.ANY, reflection.ObjectScope.ANY
        keys = inspector.get_multi_pk_constraint(filter_names=names, kind=kind, scope=scope)
        uniques = inspector.get_multi_unique_constraints(filter_names=names, kind=kind, scope=scope)
        foreign = inspector.get_multi_foreign_keys(filter_names=names, kind=kind, scope=scope)
        comments = inspector.get_multi_table_comment(filter_names=names, kind=kind, scope=scope)
        columns = self._by_table(_COLUMNS, oids)
        indexes = self._by_table(_INDEXES, oids)
        constraints = self._by_table(_CONSTRAINTS, oids)
        checks = self._by_table(_CHECKS, oids)
        found = {}
        for name, oid in oids.items():
            key, own = keys[None, name], uniques[None, name]
            extras = {str(one): tuple(_EXTRAS.findall(str(said)))
                      for one, said in constraints[oid]}  # fmt: skip
            found[name] = shapes.Table(
                name=name,
                columns=tuple(_column(row) for row in columns[oid]),
                primary_key=tuple(key["constrained_columns"]),
                primary_key_name=key["name"],
                uniques=tuple(
                    shapes.Unique(
                        name=u["name"],
                        columns=tuple(u["column_names"]),
                        extras=extras.get(str(u["name"]), ()),
                    )
                    for u in own
                ),
                indexes=_indexes(indexes[oid], {str(u["name"]) for u in own}),
                foreign_keys=tuple(_foreign_key(f) for f in foreign[None, name]),
                checks=tuple(
                    shapes.Check(name=str(check), sql=str(sql)) for check, sql in checks[oid]
                ),
                comment=comments[None, name]["text"],
            )
        return found

    def _by_table(self, query: str, oids: dict[str, int]) -> dict[int, list[base.Row]]:
        """Return what a query says of tables, by their numbers."""
        found: dict[int, list[base.Row]] = {oid: [] for oid in oids.values()}
        for oid, *row in self._session.fetch(query, [list(oids.values())]):
            found[cast(int, oid)].append(tuple(row))
        return found

    def heirs(self) -> dict[str, tuple[str, bool]]:
        return {
            str(child): (str(parent), bool(partition))
            for child, parent, partition in self._session.fetch(_HEIRS)
        }

    def triggers(self, table: str) -> list[str]:
        rows = self._session.fetch(_TRIGGERS, [table])
        return [str(row[0]) for row in rows]

    def texts(self) -> dict[str, str]:
        rows = self._session.fetch(_TEXTS, [base.OUR_PREFIX])
        return {str(name): str(text) for name, text in rows}


def _indexes(rows: Sequence[base.Row], uniques: set[str]) -> tuple[shapes.Index, ...]:
    found = []
    for name, unique, valid, where, sql, columns, texts, options, method, classes in rows:
        if str(name) in uniques:
            continue
        parts = zip(cast(list[str | None], columns), cast(list[str], texts), strict=True)
        orders = cast(list[int], options)
        found.append(
            shapes.Index(
                name=str(name),
                columns=tuple(column or shapes.Sql(text) for column, text in parts),
                unique=bool(unique),
                valid=bool(valid),
                where=None if where is None else str(where),
                descending=tuple(bool(one & 1) for one in orders)
                if any(one & 1 for one in orders)
                else (),
                sql=str(sql),
                method="" if method == "btree" else str(method),
                extras=(*map(str, _EXTRAS.findall(str(sql))), *cast(list[str], classes)),
            )
        )
    return tuple(found)


def _foreign_key(said: interfaces.ReflectedForeignKeyConstraint) -> shapes.ForeignKey:
    options = said.get("options", {})
    return shapes.ForeignKey(
        name=said["name"],
        columns=tuple(said["constrained_columns"]),
        ref_table=said["referred_table"],
        ref_columns=tuple(said["referred_columns"]),
        on_delete=options.get("ondelete"),
        on_update=options.get("onupdate"),
        deferrable=bool(options.get("deferrable")),
        immediate=bool(options.get("deferrable")) and options.get("initially") != "DEFERRED",
        full=options.get("match") == "FULL",
    )


def _column(row: base.Row) -> shapes.FoundColumn:
    name, type_, null, default, identity, generated, comment, collation = row
    return shapes.FoundColumn(
        name=str(name),
        type=str(type_),
        null=bool(null),
        default=None if default is None or generated else str(default),
        auto_increment=bool(identity) or str(default or "").startswith("nextval("),
        comment=None if comment is None else str(comment),
        collation=None if collation is None else str(collation),
        generated=str(default) if generated else None,
        stored=generated != "v",
    )
