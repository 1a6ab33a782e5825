"""The queries that write down each object of PostgreSQL's current schema that is no table.

Every query gives the columns of `Found`. Where the server's own functions name the schema of an
object (`pg_get_functiondef`, `pg_get_triggerdef`), `local` takes it out, so that the text makes
the object in whatever schema is the current one there. What belongs to a table is in `attached`,
what is only named in `named`, the table itself in `tabletext`.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Found(NamedTuple):
    """One row: which catalog, which object of it, and what is said of it.

    `qualified` is the name with schema that stands once in `sql`, behind `marker`, and `bare` what
    has to stand there.
    """

    classid: int
    oid: int
    name: str
    table: str | None
    sql: str
    then: list[str]
    body: str
    comment: str | None
    marker: str
    qualified: str
    bare: str


def local(found: Found) -> str:
    """Return the text of an object without the name of its schema."""
    if not found.qualified:
        return found.sql
    start = found.sql.index(found.marker) + len(found.marker)
    head, tail = found.sql[:start], found.sql[start:]
    return head + tail.replace(found.qualified, found.bare, 1)


# The objects of these are looked for; {here} is its oid.
HERE: Final = "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
OURS: Final = "starts_with({name}, 'whimbrel_')"


def free(catalog: str, oid: str, kinds: str = "'e'") -> str:
    """Return the condition that an object belongs to no extension, with which it comes."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '{catalog}'::regclass"
        f" AND x.objid = {oid} AND x.deptype IN ({kinds}))"
    )


# A range brings its own constructors.
FREE_ROUTINE: Final = free("pg_proc", "p.oid", "'e', 'i'")


def comment_on(what: str, name: str, comment: str) -> str:
    """Return the array of no or one statement that gives an object its comment."""
    return (
        f"CASE WHEN {comment} IS NULL THEN '{{}}'::text[] "
        f"ELSE ARRAY['COMMENT ON {what} ' || {name} || ' IS ' || quote_literal({comment})] END"
    )


def query(
    *,
    catalog: str,
    oid: str,
    name: str,
    sql: str,
    rest: str,
    table: str = "NULL",
    then: str = "'{}'::text[]",
    body: str = "''",
    comment: str = "NULL",
    local: tuple[str, str, str] = ("''", "''", "''"),
) -> str:
    marker, qualified, bare = local
    return (
        f"SELECT '{catalog}'::regclass::oid::int8, {oid}::int8, {name}, {table}, {sql}, {then}, "
        f"{body}, {comment}, {marker}, {qualified}, {bare} {rest}"
    )


EXTENSIONS = query(
    catalog="pg_extension",
    oid="e.oid",
    name="e.extname",
    sql="""format('CREATE EXTENSION IF NOT EXISTS %I', e.extname)
           || CASE WHEN n.nspname IN ('pg_catalog', current_schema()) THEN ''
                   ELSE format(' WITH SCHEMA %I', n.nspname) END""",
    rest="""FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
            WHERE e.extname <> 'plpgsql' ORDER BY e.oid""",
)
# Columns of pg_collation have changed their names, so they are asked for as keys.
COLLATIONS = query(
    catalog="pg_collation",
    oid="c.oid",
    name="c.collname",
    sql="""format('CREATE COLLATION %I (PROVIDER = %s%s%s)', c.collname,
              CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
              CASE WHEN c.collprovider = 'c'
                   THEN format(', LC_COLLATE = %L, LC_CTYPE = %L', c.collcollate, c.collctype)
                   ELSE format(', LOCALE = %L', coalesce(to_jsonb(c) ->> 'colllocale',
                               to_jsonb(c) ->> 'colliculocale', c.collcollate)) END
              || coalesce(', RULES = ' || quote_literal(to_jsonb(c) ->> 'collicurules'), ''),
              CASE WHEN c.collisdeterministic THEN '' ELSE ', DETERMINISTIC = false' END)""",
    then=comment_on(
        "COLLATION", "quote_ident(c.collname)", "obj_description(c.oid, 'pg_collation')"
    ),
    comment="obj_description(c.oid, 'pg_collation')",
    rest=f"FROM pg_collation c WHERE c.collnamespace = {HERE} "
    f"AND {free('pg_collation', 'c.oid')} ORDER BY c.oid",
)


def _collate(collation: str, usual: str) -> str:
    return (
        f"CASE WHEN {collation} NOT IN (0, {usual}) "
        f"THEN ' COLLATE ' || {collation}::regcollation ELSE '' END"
    )


def _types(sql: str, where: str, joins: str = "", what: str = "TYPE") -> str:
    return query(
        catalog="pg_type",
        oid="t.oid",
        name="t.typname",
        sql=sql,
        then=comment_on(what, "quote_ident(t.typname)", "obj_description(t.oid, 'pg_type')"),
        comment="obj_description(t.oid, 'pg_type')",
        rest=f"FROM pg_type t {joins} WHERE t.typnamespace = {HERE} AND {where} "
        f"AND {free('pg_type', 't.oid')} ORDER BY t.oid",
    )


ENUMS = _types(
    """format('CREATE TYPE %I AS ENUM (%s)', t.typname, (
           SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
             FROM pg_enum e WHERE e.enumtypid = t.oid))""",
    "t.typtype = 'e'",
)
COMPOSITES = _types(
    f"""format('CREATE TYPE %I AS (%s)', t.typname, (
           SELECT string_agg(format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                             {_collate("a.attcollation", "u.typcollation")}), ', '
                             ORDER BY a.attnum)
             FROM pg_attribute a JOIN pg_type u ON u.oid = a.atttypid
            WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))""",
    "t.typtype = 'c' AND r.relkind = 'c'",
    "JOIN pg_class r ON r.oid = t.typrelid",
)
# One with a canonical function is circular (each needs the other), and needs code in C.
RANGES = _types(
    """CASE WHEN r.rngcanonical <> 0 THEN '' ELSE
        format('CREATE TYPE %I AS RANGE (SUBTYPE = %s', t.typname, format_type(r.rngsubtype, NULL))
        || CASE WHEN o.opcdefault THEN ''
                ELSE format(', SUBTYPE_OPCLASS = %I', o.opcname) END
        || CASE WHEN r.rngcollation NOT IN (0, s.typcollation)
                THEN ', COLLATION = ' || r.rngcollation::regcollation ELSE '' END
        || CASE WHEN r.rngsubdiff = 0 THEN '' ELSE ', SUBTYPE_DIFF = ' || r.rngsubdiff END
        || format(', MULTIRANGE_TYPE_NAME = %I)', m.typname) END""",
    "t.typtype = 'r'",
    """JOIN pg_range r ON r.rngtypid = t.oid JOIN pg_type s ON s.oid = r.rngsubtype
       JOIN pg_type m ON m.oid = r.rngmultitypid JOIN pg_opclass o ON o.oid = r.rngsubopc""",
)
# Types written in C, and shells: named, not made.
BASE_TYPES = _types(
    "''",
    "t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)",
)
# A check that old values need not meet cannot be a part of CREATE DOMAIN.
DOMAINS = query(
    catalog="pg_type",
    oid="t.oid",
    name="t.typname",
    sql=f"""format('CREATE DOMAIN %I AS %s', t.typname, format_type(t.typbasetype, t.typtypmod))
        || {_collate("t.typcollation", "b.typcollation")}
        || coalesce(' DEFAULT ' || pg_get_expr(t.typdefaultbin, 0), '')
        || CASE WHEN t.typnotnull THEN coalesce((
               SELECT format(' CONSTRAINT %I', k.conname) FROM pg_constraint k
                WHERE k.contypid = t.oid AND k.contype = 'n'), '') || ' NOT NULL' ELSE '' END
        || coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', k.conname,
                            pg_get_constraintdef(k.oid)), '' ORDER BY k.conname)
                       FROM pg_constraint k
                      WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated), '')""",
    then=f"""array(SELECT format('ALTER DOMAIN %I ADD CONSTRAINT %I %s', t.typname, k.conname,
                                 pg_get_constraintdef(k.oid))
                     FROM pg_constraint k
                    WHERE k.contypid = t.oid AND k.contype = 'c' AND NOT k.convalidated)
             || {
        comment_on("DOMAIN", "quote_ident(t.typname)", "obj_description(t.oid, 'pg_type')")
    }
             || array(SELECT format('COMMENT ON CONSTRAINT %I ON DOMAIN %I IS %L', k.conname,
                                    t.typname, obj_description(k.oid, 'pg_constraint'))
                        FROM pg_constraint k
                       WHERE k.contypid = t.oid
                         AND obj_description(k.oid, 'pg_constraint') IS NOT NULL)""",
    comment="obj_description(t.oid, 'pg_type')",
    rest=f"""FROM pg_type t JOIN pg_type b ON b.oid = t.typbasetype
            WHERE t.typnamespace = {HERE} AND t.typtype = 'd' AND {free("pg_type", "t.oid")}
            ORDER BY t.oid""",
)
_KIND = "CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END"
_AGGREGATE = """
format('CREATE AGGREGATE %I(%s) (%s)', p.proname,
    coalesce(nullif(pg_get_function_arguments(p.oid), ''), '*'),
    concat_ws(', ', 'SFUNC = ' || g.aggtransfn,
        'STYPE = ' || format_type(g.aggtranstype, NULL),
        'SSPACE = ' || nullif(g.aggtransspace, 0),
        'FINALFUNC = ' || nullif(g.aggfinalfn::oid, 0)::regproc,
        CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
        CASE WHEN g.aggfinalfn <> 0 THEN 'FINALFUNC_MODIFY = ' || CASE g.aggfinalmodify
             WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
        'COMBINEFUNC = ' || nullif(g.aggcombinefn::oid, 0)::regproc,
        'SERIALFUNC = ' || nullif(g.aggserialfn::oid, 0)::regproc,
        'DESERIALFUNC = ' || nullif(g.aggdeserialfn::oid, 0)::regproc,
        'INITCOND = ' || quote_literal(g.agginitval),
        'MSFUNC = ' || nullif(g.aggmtransfn::oid, 0)::regproc,
        'MINVFUNC = ' || nullif(g.aggminvtransfn::oid, 0)::regproc,
        'MSTYPE = ' || format_type(nullif(g.aggmtranstype, 0), NULL),
        'MSSPACE = ' || nullif(g.aggmtransspace, 0),
        'MFINALFUNC = ' || nullif(g.aggmfinalfn::oid, 0)::regproc,
        CASE WHEN g.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,
        'MINITCOND = ' || quote_literal(g.aggminitval),
        'SORTOP = ' || (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname) FROM pg_operator o
                          JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = g.aggsortop),
        CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED'
        END,
        CASE WHEN g.aggkind = 'h' THEN 'HYPOTHETICAL' END))
"""
ROUTINES = query(
    catalog="pg_proc",
    oid="p.oid",
    name="p.oid::regprocedure::text",
    sql=f"""CASE WHEN p.prokind <> 'a' THEN
               replace(left(pg_get_functiondef(p.oid), 17), 'OR REPLACE ', '')
               || substr(pg_get_functiondef(p.oid), 18) ELSE (
               SELECT {_AGGREGATE} FROM pg_aggregate g WHERE g.aggfnoid = p.oid) END""",
    then=comment_on(
        f"' || {_KIND} || '", "p.oid::regprocedure", "obj_description(p.oid, 'pg_proc')"
    ),
    comment="obj_description(p.oid, 'pg_proc')",
    local=(
        "'CREATE '",
        "CASE WHEN p.prokind = 'a' THEN '' ELSE format('%I.%I(', n.nspname, p.proname) END",
        "format('%I(', p.proname)",
    ),
    rest=f"""FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.oid = {HERE} AND {FREE_ROUTINE}
              AND NOT {OURS.format(name="p.proname")} ORDER BY p.prokind = 'a', p.oid""",
)


def sequence(name: str, alias: str) -> str:
    """Return the expression that writes CREATE SEQUENCE from a row of pg_sequence."""
    return f"""'SEQUENCE ' || {name} || {sequence_options(alias, "' AS ' || seqtypid::regtype")}"""


def sequence_options(alias: str, first: str = "''") -> str:
    """Return the expression of a sequence's options."""
    return (
        f"{first.replace('seqtypid', alias + '.seqtypid')} || format(' INCREMENT BY %s MINVALUE %s "
        f"MAXVALUE %s START WITH %s CACHE %s%s', {alias}.seqincrement, {alias}.seqmin, "
        f"{alias}.seqmax, {alias}.seqstart, {alias}.seqcache, "
        f"CASE WHEN {alias}.seqcycle THEN ' CYCLE' ELSE '' END)"
    )


# The column that a sequence belongs to, if any.
OWNER: Final = (
    "SELECT d.refobjid, d.refobjsubid, d.deptype FROM pg_depend d"
    " WHERE d.classid = 'pg_class'::regclass AND d.objid = {oid}"
    " AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')"
)
SEQUENCES = query(
    catalog="pg_class",
    oid="c.oid",
    name="c.relname",
    sql="'CREATE ' || CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED ' ELSE '' END || "
    + sequence("quote_ident(c.relname)", "s"),
    then=comment_on("SEQUENCE", "quote_ident(c.relname)", "obj_description(c.oid, 'pg_class')"),
    comment="obj_description(c.oid, 'pg_class')",
    rest=f"""FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
            WHERE c.relnamespace = {HERE} AND NOT {OURS.format(name="c.relname")}
              AND {free("pg_class", "c.oid")} AND NOT EXISTS ({OWNER.format(oid="c.oid")})
            ORDER BY c.oid""",
)


def options(array: str, prefix: str = "") -> str:
    """Return the expression that writes storage parameters, NULL without any."""
    return (
        f"(SELECT string_agg(format('{prefix}%s = %L', option_name, option_value), ', ') "
        f"FROM pg_options_to_table({array}))"
    )


_COLUMN_COMMENTS = """
array(SELECT format('COMMENT ON COLUMN %I.%I IS %L', c.relname, a.attname,
                    col_description(c.oid, a.attnum))
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         AND col_description(c.oid, a.attnum) IS NOT NULL ORDER BY a.attnum)
"""
VIEWS = query(
    catalog="pg_class",
    oid="c.oid",
    name="c.relname",
    sql=f"""format('CREATE VIEW %I%s AS %s', c.relname,
                   coalesce(' WITH (' || {options("c.reloptions")} || ')', ''),
                   rtrim(pg_get_viewdef(c.oid), ';'))""",
    then=f"""array(SELECT format('ALTER VIEW %I ALTER COLUMN %I SET DEFAULT %s', c.relname,
                                 a.attname, pg_get_expr(d.adbin, d.adrelid))
                     FROM pg_attrdef d JOIN pg_attribute a
                       ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                    WHERE d.adrelid = c.oid ORDER BY a.attnum)
             || {comment_on("VIEW", "quote_ident(c.relname)", "obj_description(c.oid, 'pg_class')")}
             || {_COLUMN_COMMENTS}""",
    body="rtrim(pg_get_viewdef(c.oid), ';')",
    comment="obj_description(c.oid, 'pg_class')",
    rest=f"""FROM pg_class c WHERE c.relnamespace = {HERE} AND c.relkind = 'v'
              AND NOT {OURS.format(name="c.relname")} AND {free("pg_class", "c.oid")}
            ORDER BY c.oid""",
)
# An index as the server writes it, but for the schema of its table, and with its partitions.
INDEX: Final = (
    "replace(replace(left(pg_get_indexdef(i.indexrelid),"
    " strpos(pg_get_indexdef(i.indexrelid), ' USING ')), ' ON ONLY ', ' ON '),"
    " format(' %I.%I ', n.nspname, c.relname), format(' %I ', c.relname))"
    " || substr(pg_get_indexdef(i.indexrelid),"
    " strpos(pg_get_indexdef(i.indexrelid), ' USING ') + 1)"
)
MATERIALIZED_VIEWS = query(
    catalog="pg_class",
    oid="c.oid",
    name="c.relname",
    sql=f"""format('CREATE MATERIALIZED VIEW %I%s%s AS %s WITH %sDATA', c.relname,
                   CASE WHEN m.amname <> 'heap' THEN format(' USING %I', m.amname) ELSE '' END,
                   coalesce(' WITH (' || {options("c.reloptions")} || ')', ''),
                   rtrim(pg_get_viewdef(c.oid), ';'),
                   CASE WHEN c.relispopulated THEN '' ELSE 'NO ' END)""",
    then=f"""array(SELECT {INDEX} FROM pg_index i
                    WHERE i.indrelid = c.oid AND i.indisvalid ORDER BY i.indexrelid)
             || array(SELECT format('ALTER MATERIALIZED VIEW %I CLUSTER ON %I', c.relname,
                                    x.relname)
                        FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                       WHERE i.indrelid = c.oid AND i.indisclustered)
             || {
        comment_on(
            "MATERIALIZED VIEW", "quote_ident(c.relname)", "obj_description(c.oid, 'pg_class')"
        )
    }
             || {_COLUMN_COMMENTS}""",
    body="rtrim(pg_get_viewdef(c.oid), ';')",
    comment="obj_description(c.oid, 'pg_class')",
    rest=f"""FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_am m ON m.oid = c.relam
            WHERE n.oid = {HERE} AND c.relkind = 'm' AND NOT {OURS.format(name="c.relname")}
              AND {free("pg_class", "c.oid")} ORDER BY c.oid""",
)
EVENT_TRIGGERS = query(
    catalog="pg_event_trigger",
    oid="e.oid",
    name="e.evtname",
    sql="""format('CREATE EVENT TRIGGER %I ON %s%s EXECUTE FUNCTION %s()', e.evtname, e.evtevent,
              (SELECT ' WHEN TAG IN (' || string_agg(quote_literal(t), ', ') || ')'
                 FROM unnest(e.evttags) AS x(t)), e.evtfoid::regproc)""",
    then="""CASE WHEN e.evtenabled = 'O' THEN '{}'::text[] ELSE ARRAY[
        format('ALTER EVENT TRIGGER %I %s', e.evtname,
               CASE e.evtenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                                 ELSE 'ENABLE ALWAYS' END)] END""",
    rest=f"FROM pg_event_trigger e WHERE {free('pg_event_trigger', 'e.oid')} ORDER BY 2",
)
