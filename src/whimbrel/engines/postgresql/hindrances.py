"""Why two shapes could not be kept in step, or could not be exchanged, on PostgreSQL.

Everything that hangs on a table is looked for in pg_depend; what `exchange` does not know how to
move is named, rather than left on a table that has lost its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from whimbrel.engines import base, mirroring, mirrors

_TABLE: Final = """
SELECT c.relkind::text, c.relpersistence::text, c.relrowsecurity, c.relispartition,
       EXISTS (SELECT FROM pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent)),
       EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = c.oid),
       EXISTS (SELECT FROM pg_publication_tables p
                WHERE p.schemaname = current_schema() AND p.tablename = c.relname),
       c.relreplident::text = 'i',
       pg_has_role(c.relowner, 'USAGE'),
       c.reloftype <> 0
  FROM pg_class c WHERE c.oid = to_regclass(%s)
"""
_LATE_KEY: Final = """
SELECT k.conname::text FROM pg_constraint k
 WHERE k.conrelid = to_regclass(%s) AND k.contype = 'p' AND k.condeferrable
"""
_ALWAYS: Final = """
SELECT attname::text FROM pg_attribute
 WHERE attrelid = to_regclass(%s) AND attidentity = 'a' AND NOT attisdropped
"""
_EXCLUSIONS: Final = """
SELECT k.conname::text FROM pg_constraint k
 WHERE k.conrelid = to_regclass(%s) AND k.contype = 'x'
"""
# Everything that stands on the table, its columns or the type of its rows, but its own parts and
# what the exchange moves: keys, defaults, counters, triggers, plain views, foreign keys of others.
_HANGING: Final = """
SELECT DISTINCT d.classid::regclass::text, pg_describe_object(d.classid, d.objid, 0)
  FROM pg_depend d
  JOIN pg_class c ON c.oid = to_regclass(%s)
 WHERE d.deptype IN ('n', 'a')
   AND ((d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)
        OR (d.refclassid = 'pg_type'::regclass
            AND d.refobjid IN (c.reltype, (SELECT typarray FROM pg_type WHERE oid = c.reltype))))
   AND NOT (d.classid = 'pg_constraint'::regclass
            AND EXISTS (SELECT FROM pg_constraint k JOIN pg_class o ON o.oid = k.conrelid
                         WHERE k.oid = d.objid AND k.contype <> 'x'
                           AND o.relnamespace = c.relnamespace))
   AND NOT (d.classid = 'pg_attrdef'::regclass
            AND EXISTS (SELECT FROM pg_attrdef a WHERE a.oid = d.objid AND a.adrelid = c.oid))
   AND NOT (d.classid = 'pg_class'::regclass
            AND EXISTS (SELECT FROM pg_class x WHERE x.oid = d.objid
                           AND x.relkind IN ('i', 'S', 't')))
   AND d.classid <> 'pg_trigger'::regclass
   AND NOT (d.classid = 'pg_rewrite'::regclass
            AND EXISTS (SELECT FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class
                         WHERE r.oid = d.objid AND v.relkind = 'v' AND r.rulename = '_RETURN'))
   AND NOT (d.classid = 'pg_proc'::regclass AND EXISTS (
            SELECT FROM pg_proc p WHERE p.oid = d.objid AND starts_with(p.proname, 'whimbrel_')))
 ORDER BY 2
"""
_READ_BY_VIEWS: Final = """
SELECT DISTINCT v.relname::text, a.attname::text
  FROM pg_depend d
  JOIN pg_rewrite r ON r.oid = d.objid
  JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjid = to_regclass(%s) AND d.refobjsubid > 0
 ORDER BY 1, 2
"""
_REFERRED_TO: Final = """
SELECT c.relname::text, k.conname::text, a.attname::text
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = ANY(k.confkey)
 WHERE k.contype = 'f' AND k.confrelid = to_regclass(%s) AND k.conrelid <> k.confrelid
 ORDER BY 1, 2, 3
"""
_USERS_TRIGGERS: Final = """
SELECT t.tgname::text, p.prosrc, pg_get_triggerdef(t.oid)
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
 WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal AND t.tgname !~ '^~?whimbrel_'
 ORDER BY 1
"""


class Hindrances:
    """What stands in the way of one mirror."""

    def __init__(self, session: base.Session, shape: mirrors.Shape) -> None:
        self._session = session
        self._shape = shape
        self._quote = session.engine.quote
        self._up = mirroring.forward(shape, dialect="postgres", quote=self._quote)
        self._table = self._quote(shape.old.name)

    def find(self) -> list[mirrors.Obstacle]:
        """Return all of them."""
        found = [*self._of_table(self._shape.old.name)]
        if self._shape.mode is mirrors.Mode.BESIDE:
            found += self._of_table(self._shape.new.name)
        found += self._key()
        found += self._expressions()
        found += self._identities()
        if self._shape.mode is mirrors.Mode.COLUMNS:
            found += self._in_one_row()
        if self._shape.mode is mirrors.Mode.TABLE:
            found += self._late_keys()
            found += self._hanging()
            found += self._views()
            found += self._referred_to()
            found += self._triggers()
        return found

    def _obstacle(self, what: str, remedy: str, object_: str = "") -> mirrors.Obstacle:
        return mirrors.Obstacle(
            slug="not-mirrored", what=what, remedy=remedy, object=object_ or self._shape.old.name
        )

    # --- the table --------------------------------------------------------------------------------

    def _of_table(self, table: str) -> Iterator[mirrors.Obstacle]:
        rows = self._session.fetch(_TABLE, [self._quote(table)])
        if not rows:
            return
        kind, persistence, policies, part, heirs, subscribed, published, by_index, ours, typed = (
            rows[0]
        )
        exchanged = self._shape.mode is mirrors.Mode.TABLE
        say = self._obstacle
        if not ours:
            yield say(
                f"only the owner of {table} may make triggers on it",
                "connect as its owner",
                table,
            )
        if kind != "r" or persistence == "t":
            yield say(
                f"{table} is partitioned, foreign or temporary, and no plain table",
                "change its parts one by one, or without online",
                table,
            )
        elif part or heirs:
            yield say(
                f"{table} shares its rows with others (inheritance, partitions)",
                "change it without online",
                table,
            )
        if subscribed:
            yield say(
                f"{table} is written by a subscription, which fires no triggers of statements",
                "make the change where the rows come from",
                table,
            )
        if policies and not self._exempt():
            yield say(
                f"{table} has row level security, which our triggers would be subject to",
                "connect as a superuser, or change it without online",
                table,
            )
        if not exchanged:
            return
        if policies:
            yield say(
                f"{table} has row level security, and its policies cannot be moved",
                "change it without online",
                table,
            )
        if published:
            yield say(
                f"{table} is published, and its subscribers know it by its number",
                "take it out of the publication first",
                table,
            )
        if by_index:
            yield say(
                f"rows of {table} are told apart by an index in its REPLICA IDENTITY",
                f"ALTER TABLE {self._quote(table)} REPLICA IDENTITY DEFAULT",
                table,
            )
        if typed:
            yield say(f"{table} is a table of a type", "change it without online", table)

    def _exempt(self) -> bool:
        rows = self._session.fetch(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        return bool(rows and rows[0][0])

    def _key(self) -> Iterator[mirrors.Obstacle]:
        if self._shape.mode is mirrors.Mode.COLUMNS:
            return
        for table, at in ((self._shape.old, 0), (self._shape.new, 1)):
            columns = {pair[at] for pair in self._shape.key}
            unique: list[set[object]] = [set(table.primary_key)]
            unique += [set(u.columns) for u in table.uniques]
            unique += [set(i.columns) for i in table.indexes if i.unique and not i.where]
            if columns and columns not in unique:
                yield self._obstacle(
                    f"({', '.join(sorted(columns))}) of {table.name} is no unique key",
                    "use the columns of a primary key",
                    table.name,
                )
            if any(table.has(c) and table.column(c).null for c in columns):
                yield self._obstacle(
                    f"the key of {table.name} may be NULL", "make it NOT NULL first", table.name
                )
        for (name,) in self._session.fetch(_LATE_KEY, [self._table]):
            yield self._obstacle(
                f"the primary key {name} of {self._shape.old.name} is deferrable",
                "make it again without DEFERRABLE",
            )

    def _identities(self) -> Iterator[mirrors.Obstacle]:
        """Return columns that no statement may set, and ours would have to."""
        key = {pair[0] for pair in self._shape.key}
        for (column,) in self._session.fetch(_ALWAYS, [self._table]):
            if column not in key:
                yield self._obstacle(
                    f"{column} is GENERATED ALWAYS AS IDENTITY and not the key: it cannot be set",
                    f"ALTER TABLE {self._table} ALTER {self._quote(str(column))} "
                    "SET GENERATED BY DEFAULT",
                    f"{self._shape.old.name}.{column}",
                )

    def _expressions(self) -> Iterator[mirrors.Obstacle]:
        """Let the server read each expression over the old table, which is there."""
        for column in self._up.values:
            try:
                said = self._up.expression(column, "o")
            except mirroring.NotUnderstood:
                continue  # named already
            self._session.begin()
            self._session.execute("SAVEPOINT whimbrel_look")
            try:
                self._session.fetch(f"SELECT {said} FROM {self._table} AS o WHERE false")
            except sa.exc.DBAPIError as error:
                cause = self._session.engine.cause(error)
                self._session.execute("ROLLBACK TO SAVEPOINT whimbrel_look")
                yield self._obstacle(
                    f"what {column} becomes cannot be computed: {cause}",
                    "correct the expression",
                    f"{self._shape.old.name}.{column}",
                )
            self._session.execute("RELEASE SAVEPOINT whimbrel_look")

    # --- both in one row --------------------------------------------------------------------------

    def _in_one_row(self) -> Iterator[mirrors.Obstacle]:
        table = self._shape.old
        down = mirroring.backward(self._shape, dialect="postgres", quote=self._quote)
        for way in (self._up, down):
            for name in sorted(_inputs(way)):
                column = table.column(name)
                if column.generated is not None:
                    yield self._obstacle(
                        f"{name} is computed by the server after our trigger has read it",
                        "write what it is computed of instead",
                        f"{table.name}.{name}",
                    )
        for name in (*self._up.values, *down.values):
            default = table.column(name).default
            if default and mirroring.unsteady(default) and not mirroring.is_moment(default):
                yield self._obstacle(
                    f"the default of {name} ({default}) is another one each time, so that nobody "
                    "can tell a value that was given from one that was not",
                    "add the column without the default, and set it when the change is complete",
                    f"{table.name}.{name}",
                )

    # --- what hangs on the name -------------------------------------------------------------------

    def _late_keys(self) -> Iterator[mirrors.Obstacle]:
        old = {key.columns for key in self._shape.old.foreign_keys if key.deferrable}
        for key in self._shape.new.foreign_keys:
            if key.deferrable and not key.immediate and key.columns not in old:
                yield self._obstacle(
                    f"the foreign key on ({', '.join(key.columns)}) is checked when others commit",
                    "add it in a migration of its own",
                )
        named = {unique.columns for unique in self._shape.old.uniques if unique.extras}
        for unique in self._shape.new.uniques:
            late = any("INITIALLY DEFERRED" in extra for extra in unique.extras)
            if late and unique.columns not in named:
                yield self._obstacle(
                    f"the unique key on ({', '.join(unique.columns)}) is checked "
                    "when others commit",
                    "add it in a migration of its own",
                )

    def _hanging(self) -> Iterator[mirrors.Obstacle]:
        for (name,) in self._session.fetch(_EXCLUSIONS, [self._table]):
            yield self._obstacle(
                f"{self._shape.old.name} has the exclusion constraint {name}, which nothing copies",
                "change it without online",
            )
        for kind, what in self._session.fetch(_HANGING, [self._table]):
            if kind == "pg_constraint" and "exclu" in str(what):
                continue
            yield self._obstacle(
                f"{what} hangs on {self._shape.old.name}, and would stay with the table that "
                "loses the name",
                "remove it in a migration before, and make it again after this one",
            )

    def _stays(self, column: str) -> bool:
        """Whether the new table has this column just as it is."""
        if column not in self._up.written or not self._shape.new.has(column):
            return False
        new, old = self._shape.new.column(column), self._shape.old.column(column)
        copied = self._up.copies(column) == column
        return copied and (new.type.lower(), new.collation) == (old.type.lower(), old.collation)

    def _views(self) -> Iterator[mirrors.Obstacle]:
        for view, column in self._session.fetch(_READ_BY_VIEWS, [self._table]):
            if not self._kept(str(column)):
                yield self._obstacle(
                    f"the view {view} reads {column}, which the new shape has otherwise",
                    f"DROP VIEW {self._quote(str(view))} in a migration before, make it after",
                )

    def _kept(self, column: str) -> bool:
        computed = self._shape.old.has(column) and self._shape.old.column(column).generated
        return (self._shape.new.has(column) and bool(computed)) or self._stays(column)

    def _referred_to(self) -> Iterator[mirrors.Obstacle]:
        new = self._shape.new
        for child, key, column in self._session.fetch(_REFERRED_TO, [self._table]):
            if not (new.has(str(column)) and self._up.copies(str(column)) == column):
                yield self._obstacle(
                    f"{child} refers to {column} by {key}, and the new shape has it otherwise",
                    f"remove {key} in a migration before, and add it again after",
                )

    def _triggers(self) -> Iterator[mirrors.Obstacle]:
        gone = [c.name for c in self._shape.old.columns if not self._shape.new.has(c.name)]
        for name, source, text in self._session.fetch(_USERS_TRIGGERS, [self._table]):
            for column in gone:
                word = re.compile(rf"(?<!\w){re.escape(column)}(?!\w)", re.IGNORECASE)
                if word.search(str(source)) or word.search(str(text).partition(" ON ")[0]):
                    yield self._obstacle(
                        f"the trigger {name} names {column}, which the new shape does not have",
                        f"remove the trigger {name} in a migration before, make it again after",
                    )


def _inputs(way: mirroring.Way) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for sql in way.values.values():
        try:
            found |= mirroring.reads(sql, columns=way.source_columns, dialect=way.dialect)
        except mirroring.NotUnderstood:
            continue
    return found
