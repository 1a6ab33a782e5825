"""The queries that write down what belongs to a table or view of PostgreSQL, as in `objects`."""

from __future__ import annotations

from typing import Final

from whimbrel.engines.postgresql import objects

EVERYWHERE: Final = (
    f"c.relnamespace = {objects.HERE} AND NOT {objects.OURS.format(name='c.relname')}"
    f" AND {objects.free('pg_class', 'c.oid')}"
)
_OF_TABLE = "JOIN pg_class c ON c.oid = {oid} JOIN pg_namespace n ON n.oid = c.relnamespace"
_LOCAL = ("format('%I.%I', n.nspname, c.relname)", "quote_ident(c.relname)")


def _state(what: str, value: str, name: str) -> str:
    """Return the array of no or one statement that puts a trigger or rule into its state."""
    return f"""
    CASE WHEN {value} = 'O' THEN '{{}}'::text[] ELSE ARRAY[
        format('ALTER TABLE %I %s {what} %I', c.relname,
               CASE {value} WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                            ELSE 'ENABLE ALWAYS' END, {name})] END"""


def _on_table(what: str, name: str, comment: str) -> str:
    return objects.comment_on(
        what, f"format('%I ON %I', {name}, c.relname)", f"obj_description({comment})"
    )


def scoped(query: str, scope: str) -> str:
    """Return a query about objects of tables with the condition on the table, `c`."""
    return query.replace("{scope}", scope)


# Those that a partition has of its parent are made with the parent's.
TRIGGERS: Final = objects.query(
    catalog="pg_trigger",
    oid="t.oid",
    name="t.tgname",
    table="c.relname",
    sql="pg_get_triggerdef(t.oid)",
    then=_state("TRIGGER", "t.tgenabled", "t.tgname")
    + " || "
    + _on_table("TRIGGER", "t.tgname", "t.oid, 'pg_trigger'"),
    comment="obj_description(t.oid, 'pg_trigger')",
    local=("' TRIGGER ' || quote_ident(t.tgname)", *_LOCAL),
    rest=f"""FROM pg_trigger t {_OF_TABLE.format(oid="t.tgrelid")}
            WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {{scope}} ORDER BY t.oid""",
)
RULES: Final = objects.query(
    catalog="pg_rewrite",
    oid="r.oid",
    name="r.rulename",
    table="c.relname",
    sql="rtrim(pg_get_ruledef(r.oid), ';')",
    then=_state("RULE", "r.ev_enabled", "r.rulename")
    + " || "
    + _on_table("RULE", "r.rulename", "r.oid, 'pg_rewrite'"),
    comment="obj_description(r.oid, 'pg_rewrite')",
    local=("'CREATE RULE ' || quote_ident(r.rulename) || ' AS'", *_LOCAL),
    rest=f"""FROM pg_rewrite r {_OF_TABLE.format(oid="r.ev_class")}
            WHERE r.rulename <> '_RETURN' AND {{scope}} ORDER BY r.oid""",
)
POLICIES: Final = objects.query(
    catalog="pg_policy",
    oid="p.oid",
    name="p.polname",
    table="c.relname",
    sql="""format('CREATE POLICY %I ON %I AS %s FOR %s TO %s%s%s', p.polname, c.relname,
              CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
              CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                            WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
              (SELECT string_agg(CASE WHEN o = 0 THEN 'PUBLIC' ELSE o::regrole::text END, ', ')
                 FROM unnest(p.polroles) AS x(o)),
              ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
              ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')""",
    then=_on_table("POLICY", "p.polname", "p.oid, 'pg_policy'"),
    comment="obj_description(p.oid, 'pg_policy')",
    rest=f"FROM pg_policy p {_OF_TABLE.format(oid='p.polrelid')} WHERE {{scope}} ORDER BY p.oid",
)
# Indexes that are more than a tree of columns.
INDEXES = objects.query(
    catalog="pg_class",
    oid="x.oid",
    name="x.relname",
    table="c.relname",
    sql=f"CASE WHEN i.indisvalid OR x.relkind = 'I' THEN {objects.INDEX} ELSE '' END",
    comment="obj_description(x.oid, 'pg_class')",
    rest=f"""FROM pg_index i {_OF_TABLE.format(oid="i.indrelid")}
             JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
            WHERE {EVERYWHERE} AND c.relkind IN ('r', 'p')
              AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid
                                 AND k.contype IN ('p', 'u', 'x'))
              AND (m.amname <> 'btree' OR i.indnatts <> i.indnkeyatts
                   OR NOT (i.indisvalid OR x.relkind = 'I')
                   OR to_jsonb(i) ->> 'indnullsnotdistinct' = 'true'
                   OR EXISTS (SELECT FROM unnest(i.indclass::oid[]) AS u(o)
                                JOIN pg_opclass p ON p.oid = u.o WHERE NOT p.opcdefault))
            ORDER BY x.oid""",
)
CONSTRAINTS = objects.query(
    catalog="pg_constraint",
    oid="k.oid",
    name="k.conname",
    table="c.relname",
    sql="""format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname,
                  pg_get_constraintdef(k.oid))""",
    comment="obj_description(k.oid, 'pg_constraint')",
    rest=f"""FROM pg_constraint k {_OF_TABLE.format(oid="k.conrelid")}
             LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u')
            WHERE {EVERYWHERE} AND k.conparentid = 0 AND c.relkind IN ('r', 'p')
              AND (k.contype = 'x' OR NOT k.convalidated
                   OR to_jsonb(k) ->> 'conperiod' = 'true'
                   OR to_jsonb(k) ->> 'conenforced' = 'false'
                   OR (k.contype = 'c' AND k.connoinherit)
                   OR (k.contype = 'f' AND (k.confmatchtype <> 's'
                                            OR to_jsonb(k) ->> 'confdelsetcols' IS NOT NULL))
                   OR (k.contype IN ('p', 'u')
                       AND (k.condeferrable OR i.indnatts <> i.indnkeyatts
                            OR to_jsonb(i) ->> 'indnullsnotdistinct' = 'true')))
            ORDER BY k.oid""",
)
PARTITIONED = objects.query(
    catalog="pg_partitioned_table",
    oid="c.oid",
    name="'PARTITION BY ' || pg_get_partkeydef(c.oid)",
    table="c.relname",
    sql="''",
    rest=f"FROM pg_class c WHERE {EVERYWHERE} AND c.relkind = 'p' ORDER BY c.oid",
)
CHILDREN = objects.query(
    catalog="pg_inherits",
    oid="c.oid",
    name="c.relname",
    table="p.relname",
    sql="""CASE WHEN c.relispartition
           THEN format('ALTER TABLE ONLY %I ATTACH PARTITION %I %s', p.relname, c.relname,
                       pg_get_expr(c.relpartbound, c.oid))
           ELSE format('ALTER TABLE %I INHERIT %I', c.relname, p.relname) END""",
    rest=f"""FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
             JOIN pg_class p ON p.oid = h.inhparent
            WHERE {EVERYWHERE} AND c.relkind IN ('r', 'p', 'f') ORDER BY c.oid, h.inhseqno""",
)


def _table_options(name: str, sql: str, rest: str) -> str:
    return objects.query(
        catalog="pg_class", oid="c.oid", name=name, table="c.relname", sql=sql, rest=rest
    )


TABLE_OPTIONS = " UNION ALL ".join(
    _table_options(name, sql, f"{join} WHERE {EVERYWHERE} AND c.relkind IN ('r', 'p') AND {where}")
    for name, sql, join, where in (
        (
            "'UNLOGGED'",
            "format('ALTER TABLE %I SET UNLOGGED', c.relname)",
            "FROM pg_class c",
            "c.relpersistence = 'u'",
        ),
        (
            "o.option_name || ' = ' || o.option_value",
            "format('ALTER TABLE %I SET (%s = %L)', c.relname, o.option_name, o.option_value)",
            "FROM pg_class c CROSS JOIN pg_options_to_table(c.reloptions) o",
            "true",
        ),
        (
            "'toast.' || o.option_name || ' = ' || o.option_value",
            """format('ALTER TABLE %I SET (toast.%s = %L)', c.relname, o.option_name,
                      o.option_value)""",
            """FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid
               CROSS JOIN pg_options_to_table(t.reloptions) o""",
            "true",
        ),
        (
            "'another STORAGE or COMPRESSION of ' || a.attname",
            "''",
            """FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
               JOIN pg_type t ON t.oid = a.atttypid""",
            "(a.attstorage <> t.typstorage OR a.attcompression <> '')",
        ),
        (
            "'TABLESPACE ' || s.spcname",
            "''",
            "FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace",
            "true",
        ),
        (
            "'USING ' || m.amname",
            "''",
            "FROM pg_class c JOIN pg_am m ON m.oid = c.relam",
            "m.amname <> 'heap'",
        ),
        (
            "'ROW LEVEL SECURITY' || CASE WHEN c.relforcerowsecurity THEN ', FORCED' ELSE '' END",
            "format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', c.relname)",
            "FROM pg_class c",
            "c.relrowsecurity",
        ),
        (
            """'REPLICA IDENTITY ' || CASE c.relreplident WHEN 'f' THEN 'FULL'
               WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX' END""",
            "''",
            "FROM pg_class c",
            "c.relreplident <> 'd'",
        ),
        (
            "'STATISTICS ' || s.stxname",
            "''",
            "FROM pg_class c JOIN pg_statistic_ext s ON s.stxrelid = c.oid",
            "true",
        ),
    )
)
