"""Tables of SQLite that nobody can write to: three triggers for each, in the file itself."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from whimbrel.engines import base, fences

_EVENTS: Final = ("INSERT", "UPDATE", "DELETE")


class SqliteFence(fences.Fence):
    """Triggers that raise."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._quote = session.engine.quote

    def shut(self, name: str, table: str) -> None:
        session, quote = self._session, self._quote
        session.rollback()
        session.begin()
        mark = hashlib.sha256(table.encode()).hexdigest()[:10]
        # Who may write puts a row there, in a transaction in which it is gone at the end.
        passing = quote(f"{fences.STEM}_{name}")
        session.execute(f"CREATE TABLE IF NOT EXISTS {passing} (passing INTEGER)")
        for event in _EVENTS:
            trigger = f"{fences.STEM}_{name}_{mark}_{event[0].lower()}"
            session.execute(
                f"CREATE TRIGGER IF NOT EXISTS {quote(trigger)} BEFORE {event} ON {quote(table)} "
                f"FOR EACH ROW BEGIN SELECT RAISE(ABORT, '{fences.SAYS}') "
                f"WHERE NOT EXISTS (SELECT 1 FROM {passing}); END"
            )
        session.commit()

    def open(self, name: str) -> None:
        session = self._session
        session.rollback()
        session.begin()
        for _, trigger in self._found(name):
            session.execute(f"DROP TRIGGER IF EXISTS {self._quote(trigger)}")
        session.execute(f"DROP TABLE IF EXISTS {self._quote(f'{fences.STEM}_{name}')}")
        session.commit()

    def shuts(self, name: str) -> list[str]:
        session = self._session
        session.rollback()
        with session.looking():
            return list(dict.fromkeys(table for table, _ in self._found(name)))

    @contextlib.contextmanager
    def passing(self, name: str) -> Iterator[None]:
        session, table = self._session, self._quote(f"{fences.STEM}_{name}")
        there = session.fetch(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
            (f"{fences.STEM}_{name}",),
        )
        if there:
            session.execute(f"INSERT INTO {table} VALUES (1)")
        yield
        if there:
            # Where it fails the row is taken back with the transaction.
            session.execute(f"DELETE FROM {table}")

    def acting(self, names: Sequence[str]) -> list[str]:
        # Foreign keys rest with whoever loads; triggers never do here.
        found = []
        for table in names:
            for trigger in self._session.engine.catalog(self._session).triggers(table):
                if not trigger.startswith(base.OUR_PREFIX):
                    found.append(f"the trigger {trigger!r} of {table!r} cannot rest here")
        return found

    def without(self, table: str, trigger: str) -> str:
        return f"DROP TRIGGER IF EXISTS {self._quote(trigger)}"

    def _found(self, name: str) -> list[tuple[str, str]]:
        stem = f"{fences.STEM}_{name}_"
        return [
            (str(table), str(trigger))
            for table, trigger in self._session.fetch(
                "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1, 2"
            )
            if str(trigger).startswith(stem)
        ]
