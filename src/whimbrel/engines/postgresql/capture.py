"""Changes of PostgreSQL's tables by triggers: one function for each table, always enabled.

The tables of changes have no counter: an application that asks lastval() must not get one of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from whimbrel.engines import captures, triggered

_COLUMNS: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%s)
ORDER BY c.relname, a.attnum
"""
_TRIGGERS: Final = """
SELECT c.relname, t.tgname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND starts_with(t.tgname, %s)
  AND t.tgenabled = 'A'
ORDER BY 1, 2
"""
_PARTITIONS: Final = """
SELECT p.relid::regclass::text
FROM pg_partition_tree(%s::regclass) p WHERE p.level > 0
"""


class PostgresCapture(triggered.TriggerCapture):
    """Triggers that are fired whatever session_replication_role says."""

    # Where the row is, which is fast, and a word that no other row has, which is safe.
    mark = "ctid::text || ' ' || id::text"
    mark_type = "text"
    age = "extract(epoch FROM clock_timestamp() - min(at))"

    def _make(self, change: str, one: captures.Followed) -> Sequence[str]:
        quote = self._engine.quote
        keys = ", ".join(f"{quote(name)} AS k{at}" for at, name in enumerate(one.key, start=1))
        name = quote(change)
        return (
            f"CREATE TABLE {name} AS SELECT {keys} FROM {quote(one.table.name)} WITH NO DATA",
            (
                f"ALTER TABLE {name} ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(), "
                "ADD COLUMN at timestamptz NOT NULL DEFAULT clock_timestamp()"
            ),
        )

    def _install(self, name: str, tables_: Mapping[int, captures.Followed]) -> None:
        session, quote = self._session, self._engine.quote
        schema = quote(str(session.fetch("SELECT current_schema()")[0][0]))
        session.rollback()
        for number, one in tables_.items():
            stem = f"{triggered.STEM}_{name}_{number}"
            session.begin()
            function = f"{schema}.{quote(stem)}"
            session.execute(_function(function, f"{schema}.{quote(stem)}", list(one.key), quote))
            for table, trigger in [
                (quote(one.table.name), f"{stem}_rows"),
                *self._emptying(one, stem),
            ]:
                enabled = self._enabled(trigger, table)
                if enabled is None:
                    each = trigger.endswith("_rows")
                    session.execute(
                        f"CREATE TRIGGER {quote(trigger)} AFTER "
                        f"{'INSERT OR UPDATE OR DELETE' if each else 'TRUNCATE'} ON {table} "
                        f"FOR EACH {'ROW' if each else 'STATEMENT'} EXECUTE FUNCTION {function}()"
                    )
                if enabled != "A":
                    session.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quote(trigger)}")
            session.commit()

    def _emptying(self, one: captures.Followed, stem: str) -> list[tuple[str, str]]:
        """Return tables that can be emptied: a partition of its own accord, too."""
        found = [(self._engine.quote(one.table.name), f"{stem}_empty")]
        parts = self._session.fetch(_PARTITIONS, (self._engine.quote(one.table.name),))
        return found + [(str(row[0]), f"{stem}_empty") for row in parts]

    def _enabled(self, trigger: str, table: str) -> str | None:
        """Return how a trigger of a table is enabled, None if it is not there."""
        found = self._session.fetch(
            "SELECT tgenabled::text FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass",
            (trigger, table),
        )
        return str(found[0][0]) if found else None

    def _uninstall(self, name: str, watched: Sequence[triggered.Watched]) -> None:
        session, quote = self._session, self._engine.quote
        for one in watched:
            stem = f"{triggered.STEM}_{name}_{one.number}"
            session.begin()
            for trigger, table in session.fetch(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger "
                "WHERE tgname IN (%s, %s) AND tgparentid = 0",
                (f"{stem}_rows", f"{stem}_empty"),
            ):
                session.execute(f"DROP TRIGGER {quote(str(trigger))} ON {table}")
            session.execute(f"DROP FUNCTION IF EXISTS {quote(stem)}()")
            session.commit()

    def _signs(self, name: str, names: Sequence[str]) -> dict[str, triggered.Sign]:
        found: dict[str, triggered.Sign] = {}
        columns: dict[str, list[list[object]]] = {}
        for table, column, type_, required, generated in self._session.fetch(
            _COLUMNS, (list(names),)
        ):
            words = "NOT NULL" if required else ""
            made = "generated" if str(generated) not in ("", "\0") else ""
            columns.setdefault(str(table), []).append([str(column), str(type_), words, made])
        triggers: dict[str, list[str]] = {}
        for table, trigger in self._session.fetch(_TRIGGERS, (f"{triggered.STEM}_{name}_",)):
            triggers.setdefault(str(table), []).append(str(trigger))
        for one in names:
            found[one] = {"columns": columns.get(one, []), "triggers": triggers.get(one, [])}
        return found

    def _first(self, change: str, limit: int) -> str:
        name = self._engine.beside_parameters(self._engine.quote(change))
        return f"ctid = ANY(ARRAY(SELECT ctid FROM {name} LIMIT {limit:d}))"

    def _forget(self, change: str, marks: Sequence[str]) -> str:
        places = ", ".join(f"'{mark.split(' ')[0]}'::tid" for mark in marks)
        ids = ", ".join(f"'{mark.split(' ')[1]}'::uuid" for mark in marks)
        return f"DELETE FROM {change} WHERE ctid = ANY(ARRAY[{places}]) AND id IN ({ids})"

    def _own(self, tables_: Sequence[captures.Followed]) -> Iterator[captures.Obstacle]:
        for one in tables_:
            row = self._session.fetch(
                "SELECT pg_has_role(relowner, 'USAGE') OR has_table_privilege(oid, 'TRIGGER'), "
                "relkind FROM pg_class WHERE oid = %s::regclass",
                (self._engine.quote(one.table.name),),
            )
            if row and not row[0][0]:
                yield captures.Obstacle(
                    what=f"triggers cannot be made on {one.table.name!r} by this user",
                    remedy=f"let its owner say:  GRANT TRIGGER ON {one.table.name} TO …\n"
                    "or follow by the log:  --capture log",
                    object=one.table.name,
                )
            if row and str(row[0][1]) == "f":
                yield captures.Obstacle(
                    what=f"{one.table.name!r} is a foreign table: its rows change elsewhere",
                    remedy=f"leave it out:  --exclude {one.table.name}",
                    object=one.table.name,
                )
        self._session.rollback()


def _function(function: str, change: str, key: Sequence[str], quote: object) -> str:
    """Return the function of a table: its triggers' one, whoever writes."""
    name = quote if callable(quote) else str
    columns = ", ".join(f"k{at}" for at in range(1, len(key) + 1))
    new, old = (", ".join(f"{row}.{name(one)}" for one in key) for row in ("NEW", "OLD"))
    moved = " OR ".join(
        f"NEW.{name(one)}::text IS DISTINCT FROM OLD.{name(one)}::text" for one in key
    )
    return f"""
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $whimbrel$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO {change} DEFAULT VALUES;
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO {change} ({columns}) VALUES ({new});
  ELSE
    INSERT INTO {change} ({columns}) VALUES ({old});
    IF TG_OP = 'UPDATE' THEN
      IF {moved} THEN
        INSERT INTO {change} ({columns}) VALUES ({new});
      END IF;
    END IF;
  END IF;
  RETURN NULL;
END
$whimbrel$"""
