"""Tables of PostgreSQL that nobody can write to: one trigger for each, for statements."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from whimbrel.engines import base, fences

# Triggers that are fired also for those who only repeat what has happened elsewhere.
_FIRED: Final = """
SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%s)
  AND t.tgenabled IN ('A', 'R') AND NOT starts_with(t.tgname, %s)
ORDER BY 2, 1
"""


class PostgresFence(fences.Fence):
    """Triggers that raise, whatever session_replication_role says."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._quote = session.engine.quote

    def shut(self, name: str, table: str) -> None:
        session, quote = self._session, self._quote
        if table in self.shuts(name):
            session.rollback()
            return
        session.rollback()
        session.begin()
        function = quote(f"{fences.STEM}_{name}")
        session.execute(
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$whimbrel$ BEGIN IF coalesce(current_setting('{fences.PASS}', true), '') <> "
            f"'{name}' THEN RAISE EXCEPTION '{fences.SAYS}' USING ERRCODE = "
            "'read_only_sql_transaction'; END IF; RETURN NULL; END $whimbrel$"
        )
        trigger = quote(f"{fences.STEM}_{name}")
        session.execute(
            f"CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE "
            f"ON {quote(table)} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
        session.execute(f"ALTER TABLE {quote(table)} ENABLE ALWAYS TRIGGER {trigger}")
        session.commit()

    def open(self, name: str) -> None:
        session, quote = self._session, self._quote
        session.rollback()
        for table in self.shuts(name):
            session.begin()
            session.execute(
                f"DROP TRIGGER IF EXISTS {quote(f'{fences.STEM}_{name}')} ON {quote(table)}"
            )
            session.commit()
        session.begin()
        session.execute(f"DROP FUNCTION IF EXISTS {quote(f'{fences.STEM}_{name}')}()")
        session.commit()

    def shuts(self, name: str) -> list[str]:
        return [
            str(table)
            for (table,) in self._session.fetch(
                "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "WHERE t.tgname = %s AND c.relnamespace = current_schema()::regnamespace "
                "ORDER BY 1",
                (f"{fences.STEM}_{name}",),
            )
        ]

    @contextlib.contextmanager
    def passing(self, name: str) -> Iterator[None]:
        # Both end with the transaction.
        self._session.execute("SET LOCAL session_replication_role = replica")
        self._session.execute(f"SELECT set_config('{fences.PASS}', '{name}', true)")
        yield

    def acting(self, names: Sequence[str]) -> list[str]:
        session = self._session
        session.rollback()
        found = [
            f"the trigger {str(trigger)!r} of {str(table)!r} is fired whatever the session says"
            for trigger, table in session.fetch(_FIRED, (list(names), base.OUR_PREFIX))
        ]
        try:
            session.begin()
            session.execute("SET LOCAL session_replication_role = replica")
        except sa.exc.DBAPIError as error:
            why = session.engine.cause(error)
            found.append(f"foreign keys and triggers cannot rest for this role: {why}")
        session.rollback()
        return found

    def without(self, table: str, trigger: str) -> str:
        return f"DROP TRIGGER IF EXISTS {self._quote(trigger)} ON {self._quote(table)}"
