"""Which objects of PostgreSQL need which others, as the server itself keeps it in pg_depend."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from whimbrel.engines import base
from whimbrel.engines.postgresql import objects

# Which catalog rows speak for an object: a view's query is a rule, a default has a row of its
# own. Keys and indexes do not speak for their table: they are made when it is full.
_DEPENDENTS: Final = f"""
    SELECT 'pg_class'::regclass AS classid, c.oid, 'pg_class'::regclass AS of_class, c.oid AS of_oid
      FROM pg_class c WHERE c.relnamespace = {objects.HERE} AND c.relkind <> 'c'
    UNION ALL
    SELECT 'pg_rewrite', r.oid, CASE WHEN r.rulename = '_RETURN' THEN 'pg_class'::regclass
           ELSE 'pg_rewrite' END, CASE WHEN r.rulename = '_RETURN' THEN r.ev_class ELSE r.oid END
      FROM pg_rewrite r
    UNION ALL
    SELECT 'pg_attrdef', d.oid, 'pg_class', d.adrelid FROM pg_attrdef d
    UNION ALL
    SELECT 'pg_constraint', k.oid, 'pg_class', k.conrelid FROM pg_constraint k
     WHERE k.conrelid <> 0 AND k.contype IN ('c', 'n')
    UNION ALL
    SELECT 'pg_constraint', k.oid, 'pg_type', k.contypid FROM pg_constraint k WHERE k.contypid <> 0
    UNION ALL
    SELECT 'pg_class', t.typrelid, 'pg_type', t.oid FROM pg_type t
     WHERE t.typnamespace = {objects.HERE} AND t.typtype = 'c'
    UNION ALL
    SELECT DISTINCT o.classid, o.objid, o.classid, o.objid FROM pg_depend o
     WHERE o.classid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_collation'::regclass,
                         'pg_extension'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
                         'pg_constraint'::regclass, 'pg_event_trigger'::regclass)
"""
#: (class, oid, name of what it needs), for what is of the current schema or an extension.
_NEEDS: Final = f"""
WITH refs AS (
    SELECT DISTINCT o.of_class::oid::int8 AS of_class, o.of_oid::int8 AS of_oid,
           d.refclassid AS class,
           CASE WHEN d.refclassid = 'pg_type'::regclass THEN coalesce(
                (SELECT t.typelem FROM pg_type t
                  WHERE t.oid = d.refobjid AND t.typcategory = 'A' AND t.typelem <> 0),
                (SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = d.refobjid),
                d.refobjid) ELSE d.refobjid END AS oid
      FROM ({_DEPENDENTS}) o JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.oid
     WHERE d.deptype NOT IN ('e', 'x') AND d.refobjid >= 16384 AND {{only}}
), named AS (
    SELECT of_class, of_oid, coalesce(
        (SELECT e.extname::text FROM pg_depend x JOIN pg_extension e ON e.oid = x.refobjid
          WHERE x.classid = refs.class AND x.objid = refs.oid AND x.deptype = 'e'
            AND x.refclassid = 'pg_extension'::regclass LIMIT 1),
        CASE refs.class
        WHEN 'pg_class'::regclass THEN (
            SELECT coalesce(w.relname, x.relname, c.relname)::text FROM pg_class c
              LEFT JOIN LATERAL ({objects.OWNER.format(oid="c.oid")}) d ON true
              LEFT JOIN pg_class w ON w.oid = d.refobjid
              LEFT JOIN pg_index i ON i.indexrelid = c.oid
              LEFT JOIN pg_class x ON x.oid = i.indrelid
             WHERE c.oid = refs.oid AND c.relnamespace = {objects.HERE} LIMIT 1)
        WHEN 'pg_type'::regclass THEN (
            SELECT coalesce(c.relname, t.typname)::text FROM pg_type t
              LEFT JOIN pg_class c ON c.oid = t.typrelid
             WHERE t.oid = refs.oid AND t.typnamespace = {objects.HERE})
        WHEN 'pg_proc'::regclass THEN (
            SELECT p.oid::regprocedure::text FROM pg_proc p
             WHERE p.oid = refs.oid AND p.pronamespace = {objects.HERE})
        WHEN 'pg_collation'::regclass THEN (
            SELECT c.collname::text FROM pg_collation c
             WHERE c.oid = refs.oid AND c.collnamespace = {objects.HERE})
        WHEN 'pg_constraint'::regclass THEN (
            SELECT c.relname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
             WHERE k.oid = refs.oid AND c.relnamespace = {objects.HERE})
        WHEN 'pg_extension'::regclass THEN (
            SELECT e.extname::text FROM pg_extension e WHERE e.oid = refs.oid)
        END) AS name
      FROM refs
)
SELECT DISTINCT of_class, of_oid, name FROM named WHERE name IS NOT NULL ORDER BY 1, 2, 3
"""


def of_all(session: base.Session) -> dict[tuple[int, int], list[str]]:
    """Return the names of what each object needs, by its catalog and its number there."""
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for classid, oid, name in session.fetch(_NEEDS.replace("{only}", "true")):
        found[int(str(classid)), int(str(oid))].append(str(name))
    return found


def of_table(session: base.Session, oid: int) -> list[str]:
    """Return the names of what a table needs to be made."""
    only = f"o.of_class = 'pg_class'::regclass AND o.of_oid = {oid}"
    return [str(row[2]) for row in session.fetch(_NEEDS.replace("{only}", only))]
