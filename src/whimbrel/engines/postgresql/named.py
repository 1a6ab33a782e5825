"""The queries for what of a PostgreSQL database is only named: nothing here is made again."""

from __future__ import annotations

from whimbrel.engines.postgresql import attached, objects

_PLAIN_OBJECTS = (
    ("pg_operator", "oprnamespace"),
    ("pg_opclass", "opcnamespace"),
    ("pg_opfamily", "opfnamespace"),
    ("pg_conversion", "connamespace"),
    ("pg_ts_config", "cfgnamespace"),
    ("pg_ts_dict", "dictnamespace"),
    ("pg_ts_parser", "prsnamespace"),
    ("pg_ts_template", "tmplnamespace"),
    ("pg_cast", ""),
    ("pg_foreign_data_wrapper", ""),
    ("pg_foreign_server", ""),
    ("pg_publication", ""),
    ("pg_language", ""),
)
OTHERS = " UNION ALL ".join(
    objects.query(
        catalog=catalog,
        oid="o.oid",
        name=f"pg_describe_object('{catalog}'::regclass, o.oid, 0)",
        sql="''",
        rest=f"FROM {catalog} o WHERE o.oid >= 16384 AND "
        + objects.free(catalog, "o.oid", "'e', 'i'")
        + (f" AND o.{schema} = {objects.HERE}" if schema else "")
        # One of ours is there while another database follows this one.
        + (f" AND NOT {objects.OURS.format(name='o.pubname')}" if "publ" in catalog else ""),
    )
    for catalog, schema in _PLAIN_OBJECTS
)
FOREIGN_TABLES = objects.query(
    catalog="pg_class",
    oid="c.oid",
    name="'foreign table ' || c.relname",
    sql="''",
    rest=f"FROM pg_class c WHERE {attached.EVERYWHERE} AND c.relkind = 'f' ORDER BY c.oid",
)
SUBSCRIPTIONS = objects.query(
    catalog="pg_subscription",
    oid="s.oid",
    name="'subscription ' || s.subname",
    sql="''",
    rest="FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
    " WHERE d.datname = current_database() ORDER BY s.subname",
)
LARGE_OBJECTS = objects.query(
    catalog="pg_largeobject_metadata",
    oid="0",
    name="count(*) || ' large objects'",
    sql="''",
    rest="FROM pg_largeobject_metadata HAVING count(*) > 0",
)
SCHEMAS = objects.query(
    catalog="pg_namespace",
    oid="s.oid",
    name="""format('%s: %s tables, %s other objects', s.nspname,
        (SELECT count(*) FROM pg_class c
          WHERE c.relnamespace = s.oid AND c.relkind IN ('r', 'p')),
        (SELECT count(*) FROM pg_class c
          WHERE c.relnamespace = s.oid AND c.relkind IN ('v', 'm', 'S', 'f', 'c'))
        + (SELECT count(*) FROM pg_proc p WHERE p.pronamespace = s.oid))""",
    sql="''",
    rest=f"""FROM pg_namespace s
            WHERE s.oid <> {objects.HERE} AND s.nspname <> 'information_schema'
              AND NOT starts_with(s.nspname, 'pg_') AND {objects.free("pg_namespace", "s.oid")}
              AND (EXISTS (SELECT FROM pg_class c
                            WHERE c.relnamespace = s.oid AND {objects.free("pg_class", "c.oid")})
                   OR EXISTS (SELECT FROM pg_proc p
                               WHERE p.pronamespace = s.oid AND {objects.free("pg_proc", "p.oid")}))
            ORDER BY s.nspname""",
)
GRANTS = objects.query(
    catalog="pg_authid",
    oid="0",
    name="'rights on ' || string_agg(o.name, ', ' ORDER BY o.name)",
    sql="''",
    rest=f"""FROM (
        SELECT c.relname::text AS name FROM pg_class c
         WHERE {attached.EVERYWHERE} AND (c.relacl IS NOT NULL OR EXISTS (
               SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL))
        UNION ALL
        SELECT p.oid::regprocedure::text FROM pg_proc p
         WHERE p.pronamespace = {objects.HERE} AND p.proacl IS NOT NULL AND {objects.FREE_ROUTINE}
           AND NOT {objects.OURS.format(name="p.proname")}
        UNION ALL
        SELECT t.typname::text FROM pg_type t
         WHERE t.typnamespace = {objects.HERE} AND t.typacl IS NOT NULL
           AND {objects.free("pg_type", "t.oid")}
        UNION ALL
        SELECT 'new objects (default privileges)' FROM pg_default_acl
    ) o HAVING count(*) > 0""",
)
OWNERS = objects.query(
    catalog="pg_authid",
    oid="1",
    name="'owners other than ' || current_user || ': ' || string_agg(DISTINCT o.name, ', ')",
    sql="''",
    rest=f"""FROM (
        SELECT pg_get_userbyid(c.relowner)::text AS name FROM pg_class c
         WHERE {attached.EVERYWHERE} AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
           AND c.relowner <> quote_ident(current_user)::regrole
        UNION ALL
        SELECT pg_get_userbyid(p.proowner)::text FROM pg_proc p
         WHERE p.pronamespace = {objects.HERE} AND p.proowner <> quote_ident(current_user)::regrole
           AND {objects.FREE_ROUTINE} AND NOT {objects.OURS.format(name="p.proname")}
    ) o HAVING count(*) > 0""",
)
