"""Tables of MySQL and MariaDB that nobody can write to: three triggers for each.

They do not hold up TRUNCATE, which fires none.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from whimbrel.engines import base, fences

_EVENTS: Final = ("INSERT", "UPDATE", "DELETE")
_PASS: Final = f"@`{fences.PASS}`"


class MysqlFence(fences.Fence):
    """Triggers that raise; each is committed by itself."""

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._quote = session.engine.quote

    def shut(self, name: str, table: str) -> None:
        session, quote = self._session, self._quote
        there = {trigger for _, trigger in self._found(name)}
        session.rollback()
        # Short, whatever the table is called.
        mark = hashlib.sha256(table.encode()).hexdigest()[:10]
        for event in _EVENTS:
            trigger = f"{fences.STEM}_{name}_{mark}_{event[0].lower()}"
            if trigger not in there:
                session.execute(
                    f"CREATE TRIGGER {quote(trigger)} BEFORE {event} ON {quote(table)} "
                    f"FOR EACH ROW BEGIN IF COALESCE({_PASS}, '') <> '{name}' THEN "
                    f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{fences.SAYS}'; END IF; END"
                )
        session.commit()

    def open(self, name: str) -> None:
        for _, trigger in self._found(name):
            self._session.execute(f"DROP TRIGGER IF EXISTS {self._quote(trigger)}")
        self._session.commit()

    def shuts(self, name: str) -> list[str]:
        found: dict[str, int] = {}
        for table, _ in self._found(name):
            found[table] = found.get(table, 0) + 1
        return [table for table, count in found.items() if count == len(_EVENTS)]

    @contextlib.contextmanager
    def passing(self, name: str) -> Iterator[None]:
        self._session.execute(f"SET {_PASS} = '{name}'")
        try:
            yield
        finally:
            if not self._session.gone:
                self._session.execute(f"SET {_PASS} = NULL")

    def acting(self, names: Sequence[str]) -> list[str]:
        # The checks of foreign keys rest with whoever loads; triggers never do here.
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
                "SELECT event_object_table, trigger_name FROM information_schema.triggers "
                "WHERE trigger_schema = DATABASE() AND LEFT(trigger_name, CHAR_LENGTH(%s)) = %s "
                "ORDER BY 1, 2",
                (stem, stem),
            )
        ]
