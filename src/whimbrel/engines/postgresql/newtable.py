"""The new table of a mirror on PostgreSQL: as the new shape says, and with the old one's rights.

Names of indexes are names of the whole schema. One that is still the old table's gets a name of
ours, and what it is to be called is kept in its comment until the exchange.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final, cast

from whimbrel import tables
from whimbrel.engines import base, mirroring, mirrors

# The comment of an index that is called otherwise for now; what follows is its other name.
MARK: Final = "whimbrel name: "
_FACTS: Final = """
SELECT c.relpersistence::text, c.reloptions::text[], pg_get_userbyid(c.relowner)::text,
       c.relreplident::text, c.relowner <> quote_ident(current_user)::regrole
  FROM pg_class c WHERE c.oid = to_regclass(%s)
"""
_IDENTITY: Final = """
SELECT attname::text, attidentity::text FROM pg_attribute
 WHERE attrelid = to_regclass(%s) AND attidentity <> '' AND NOT attisdropped
"""
_NAMES: Final = """
SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace
"""
# Rights on the table, and on its columns as far as the new one has them.
_RIGHTS: Final = """
SELECT a.privilege_type, '' , coalesce(r.rolname::text, ''), a.is_grantable
  FROM pg_class c CROSS JOIN aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
 WHERE c.oid = to_regclass(%s) AND a.grantee <> c.relowner
UNION ALL
SELECT a.privilege_type, t.attname::text, coalesce(r.rolname::text, ''), a.is_grantable
  FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND NOT t.attisdropped
 CROSS JOIN aclexplode(t.attacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
 WHERE c.oid = to_regclass(%s)
 ORDER BY 1, 2, 3
"""


def statements(session: base.Session, shape: mirrors.Shape) -> tuple[base.Statement, ...]:
    """Return what makes the new table, as far as nothing waits for rows."""
    return tuple(base.Statement(sql=sql, reason=why) for sql, why in _Maker(session, shape).all())


def rights(session: base.Session, table: str, to: tables.Table) -> list[str]:
    """Return what gives a table the rights that another one has given."""
    quote = session.engine.quote
    found = []
    for right, column, role, grants in session.fetch(_RIGHTS, [quote(table)] * 2):
        if column and not to.has(str(column)):
            continue
        on = f" ({quote(str(column))})" if column else ""
        who = quote(str(role)) if role else "PUBLIC"
        more = " WITH GRANT OPTION" if grants else ""
        found.append(f"GRANT {right}{on} ON {quote(to.name)} TO {who}{more}")
    return found


class _Maker:
    def __init__(self, session: base.Session, shape: mirrors.Shape) -> None:
        self._session = session
        self._shape = shape
        self._quote = session.engine.quote
        self._table = shape.new
        self._taken = {str(row[0]) for row in session.fetch(_NAMES)}
        self._count = 0
        old = self._quote(shape.old.name)
        self._identity = {str(c): str(kind) for c, kind in session.fetch(_IDENTITY, [old])}

    def all(self) -> list[tuple[str, str]]:
        persistence, options, owner, identity, others = self._session.fetch(
            _FACTS, [self._quote(self._shape.old.name)]
        )[0]
        name = self._quote(self._table.name)
        body = ",\n  ".join(
            [*map(self._column, self._table.columns), *map(self._check, self._table.checks)]
        )
        kind = "UNLOGGED " if persistence == "u" else ""
        with_ = f" WITH ({', '.join(cast(list[str], options))})" if options else ""
        found = [(f"CREATE {kind}TABLE {name} (\n  {body}\n){with_}", "the new shape")]
        found += [(sql, "keys and indexes") for sql in self._keys()]
        found += [(sql, "rows have to go where others do") for sql in self._foreign_keys()]
        found += [(sql, "what people wrote about it") for sql in self._comments()]
        if identity in ("f", "n"):
            word = "FULL" if identity == "f" else "NOTHING"
            found.append((f"ALTER TABLE {name} REPLICA IDENTITY {word}", "as the old table"))
        if self._shape.mode is mirrors.Mode.TABLE:
            rights_ = rights(self._session, self._shape.old.name, self._table)
            found += [(sql, "rights of the old table") for sql in rights_]
        if others:
            found.append((f"ALTER TABLE {name} OWNER TO {self._quote(str(owner))}", "its owner"))
        return found

    def _column(self, column: tables.FoundColumn) -> str:
        parts = [self._quote(column.name), column.type]
        if column.collation:
            parts.append(f"COLLATE {self._quote(column.collation)}")
        if column.generated is not None:
            kind = "STORED" if column.stored else "VIRTUAL"
            parts.append(f"GENERATED ALWAYS AS ({column.generated}) {kind}")
        elif column.default is not None:
            # Of a sequence as well: both tables count by the same one.
            parts.append(f"DEFAULT {column.default}")
        elif column.auto_increment:
            always = self._identity.get(self._source(column.name)) == "a"
            parts.append(f"GENERATED {'ALWAYS' if always else 'BY DEFAULT'} AS IDENTITY")
        if not column.null:
            parts.append("NOT NULL")
        return " ".join(parts)

    def _source(self, column: str) -> str:
        way = mirroring.forward(self._shape, dialect="postgres", quote=self._quote)
        return way.copies(column) or column

    def _check(self, check: tables.Check) -> str:
        name = f"CONSTRAINT {self._quote(check.name)} " if check.name else ""
        return f"{name}CHECK ({check.sql})"

    def _named(self, name: str | None) -> tuple[str, list[str]]:
        """Return what an index is called for now, and what keeps its other name."""
        if name is None or name not in self._taken:
            return name or "", []
        for_now = name
        # A table that an earlier change has parked may still have some of ours.
        while for_now in self._taken:
            self._count += 1
            for_now = mirroring.name(self._shape, f"n{self._count}")
        self._taken.add(for_now)
        text = (MARK + name).replace("'", "''")
        return for_now, [f"COMMENT ON INDEX {self._quote(for_now)} IS '{text}'"]

    def _keys(self) -> list[str]:
        alter = f"ALTER TABLE {self._quote(self._table.name)} ADD"
        found = []
        if self._table.primary_key:
            name, kept = self._named(self._table.primary_key_name)
            said = f" CONSTRAINT {self._quote(name)}" if name else ""
            found += [f"{alter}{said} PRIMARY KEY ({self._list(self._table.primary_key)})", *kept]
        for unique in self._table.uniques:
            name, kept = self._named(unique.name)
            said = f" CONSTRAINT {self._quote(name)}" if name else ""
            found += [f"{alter}{said} UNIQUE{self._unique(unique)}", *kept]
        for index in self._table.indexes:
            name, kept = self._named(index.name)
            found += [self._index(index, name), *kept]
        return found

    def _unique(self, unique: tables.Unique) -> str:
        nulls = [e for e in unique.extras if e.startswith("NULLS")]
        rest = [e for e in unique.extras if not e.startswith("NULLS")]
        words = [*nulls, f"({self._list(unique.columns)})", *rest]
        return " " + " ".join(words)

    def _index(self, index: tables.Index, name: str) -> str:
        same = [
            i for i in self._shape.old.indexes
            if i.name == index.name and (i.columns, i.where) == (index.columns, index.where)
        ]  # fmt: skip
        if index.sql and same and " USING " in index.sql:
            # Its own text has what nothing else says: classes of operators, orders of NULL.
            unique = "UNIQUE " if index.unique else ""
            on = f"{self._quote(name)} ON {self._quote(self._table.name)}"
            return f"CREATE {unique}INDEX {on} USING {index.sql.split(' USING ', 1)[1]}"
        ddl = self._session.engine.ddl(self._session.engine.catalog(self._session))
        plain = dataclasses.replace(index, name=name, sql=None)
        return ddl.create_index(self._table, plain)[0].sql

    def _foreign_keys(self) -> list[str]:
        own = {self._shape.old.name, self._shape.new.name}
        ddl = self._session.engine.ddl(self._session.engine.catalog(self._session))
        found = []
        for key in self._table.foreign_keys:
            if self._shape.mode is mirrors.Mode.TABLE and key.ref_table in own:
                key = dataclasses.replace(key, ref_table=self._table.name)
            found += [statement.sql for statement in ddl.add_foreign_key(self._table, key)]
        return found

    def _comments(self) -> list[str]:
        return list(self._session.engine.builder(self._session).comments(self._table))

    def _list(self, columns: Sequence[str]) -> str:
        return ", ".join(map(self._quote, columns))
