"""Say why the log of a PostgreSQL server cannot be followed, before anything is made.

What is made, and how it is read, is the work of `log_capture`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import errors
from whimbrel.engines import base, captures

_TABLES: Final = """
SELECT t.name, c.oid::bigint, c.relkind::text, c.relpersistence::text,
       pg_has_role(c.relowner, 'USAGE'),
       (SELECT string_agg(format('%%I %%s%%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                 CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END),
                          ', ' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
                WHERE r.prrelid = c.oid AND p.pubname = %s),
       ARRAY(SELECT relid::oid::bigint FROM pg_partition_tree(c.oid) WHERE isleaf ORDER BY 1)
  FROM unnest(%s::text[], %s::text[]) AS t (name, quoted)
  LEFT JOIN pg_class c ON c.oid = to_regclass(t.quoted)
"""
# What names a row in the log, for a table and for each of its partitions.
_IDENTITIES: Final = """
SELECT l.oid::regclass::text, c.relreplident::text,
       ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a
                 ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
              WHERE i.indrelid = c.oid
                AND CASE c.relreplident WHEN 'd' THEN i.indisprimary
                                        WHEN 'i' THEN i.indisreplident ELSE false END)
  FROM (SELECT to_regclass(%s)::oid AS oid
         UNION SELECT relid::oid FROM pg_partition_tree(to_regclass(%s)) WHERE isleaf) AS l
  JOIN pg_class c ON c.oid = l.oid
 WHERE c.relkind <> 'p'
"""
_SERVER: Final = """
SELECT current_setting('wal_level'), pg_is_in_recovery(),
       has_database_privilege(current_database(), 'CREATE'),
       (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user)
       OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN ('rds_replication', 'rds_superuser')
                                           AND pg_has_role(r.oid, 'MEMBER')),
       current_setting('max_replication_slots')::int,
       (SELECT count(*) FROM pg_replication_slots), current_user::text, current_database()::text
"""


class Needs:
    """Asks the server of a session, its user's rights, and the tables."""

    def __init__(self, session: base.Session) -> None:
        self._session = session

    def obstacles(self, tables_: Sequence[captures.Followed]) -> list[captures.Obstacle]:
        """Return everything that is in the way."""
        return [*self._of_server(), *self._of_tables(tables_)]

    def _of_server(self) -> list[captures.Obstacle]:
        level, standby, creates, replicates, most, slots, user, database = self._ask(_SERVER)[0]
        found = []
        if standby:
            found.append(
                captures.Obstacle(
                    what="this server is a standby, on which no publication can be made",
                    remedy="name its primary as the source",
                )
            )
        if level != "logical":
            found.append(
                captures.Obstacle(
                    what=f"the server's log does not say which rows change: wal_level is {level}",
                    remedy="ALTER SYSTEM SET wal_level = 'logical';  and restart the server, "
                    "or follow by triggers:  --capture triggers",
                )
            )
        if not replicates:
            found.append(
                captures.Obstacle(
                    what=f"the user {user} may not read the log",
                    remedy=f"ALTER ROLE {self._quoted(user)} REPLICATION;",
                )
            )
        if not creates:
            found.append(
                captures.Obstacle(
                    what=f"the user {user} may not make a publication in this database",
                    remedy=f"GRANT CREATE ON DATABASE {self._quoted(database)} "
                    f"TO {self._quoted(user)};",
                )
            )
        if int(str(slots)) >= int(str(most)) and not self._has_slots_of_ours():
            found.append(
                captures.Obstacle(
                    what=f"all {most} replication slots of the server are taken",
                    remedy="drop one that nobody reads (SELECT * FROM pg_replication_slots;), "
                    "or raise max_replication_slots and restart the server",
                )
            )
        return found

    def _has_slots_of_ours(self) -> bool:
        return bool(
            self._ask(
                "SELECT 1 FROM pg_replication_slots "
                "WHERE slot_name LIKE 'whimbrel\\_%' AND database = current_database()"
            )
        )

    def _of_tables(self, tables_: Sequence[captures.Followed]) -> list[captures.Obstacle]:
        found = []
        rows = {
            str(row[0]): row[1:]
            for row in look_up(self._session, [f.table.name for f in tables_], "")
        }
        for followed in tables_:
            name = followed.table.name
            oid, kind, persistence, owns, *_ = rows[name]
            if oid is None:
                raise errors.TableNotFound(name, known=[])
            quoted = self._quoted(name)
            if not followed.key:
                found.append(
                    captures.Obstacle(
                        what=f"no key names the rows of {name}",
                        remedy=f"give it one:  ALTER TABLE {quoted} ADD PRIMARY KEY (…);",
                        object=name,
                    )
                )
            if persistence != "p" or kind not in ("r", "p"):
                found.append(
                    captures.Obstacle(
                        what=f"changes of {name} are not in the server's log",
                        remedy=f"ALTER TABLE {quoted} SET LOGGED;  if it is unlogged, "
                        "or leave it out",
                        object=name,
                    )
                )
                continue
            if not owns:
                found.append(
                    captures.Obstacle(
                        what=f"only the owner of {name} may publish its changes",
                        remedy=f"connect as its owner, or:  GRANT its owner TO the user "
                        f"(\\d {quoted} says who it is)",
                        object=name,
                    )
                )
            found += self._of_identity(followed)
        return found

    def _of_identity(self, followed: captures.Followed) -> list[captures.Obstacle]:
        name, quoted = followed.table.name, self._quoted(followed.table.name)
        found = []
        for table, identity, columns in self._ask(_IDENTITIES, [quoted, quoted]):
            if identity == "f" or set(followed.key) <= set(strings(columns)):
                continue
            remedy = f"ALTER TABLE {table} REPLICA IDENTITY "
            if set(followed.key) == set(followed.table.primary_key):
                remedy += "DEFAULT;"
            else:
                remedy += "USING INDEX …;  with the unique index of that key, or FULL"
            found.append(
                captures.Obstacle(
                    what=f"the log does not name the rows of {table} by "
                    f"{', '.join(followed.key)}: that is not its replica identity",
                    remedy=remedy,
                    object=name,
                )
            )
        return found

    def _ask(self, sql: str, params: Sequence[object] = ()) -> list[base.Row]:
        return self._session.fetch(sql, list(params) or None)

    def _quoted(self, name: object) -> str:
        return self._session.engine.quote(str(name))


def look_up(session: base.Session, names: Sequence[str], publication: str) -> list[base.Row]:
    """Return what tables are, in the order of the columns that `_TABLES` says."""
    quoted = [session.engine.quote(name) for name in names]
    return session.fetch(_TABLES, [publication, list(names), quoted])


def strings(value: object) -> list[str]:
    """Return an array as texts."""
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else []
