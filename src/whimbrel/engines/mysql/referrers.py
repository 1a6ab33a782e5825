"""Foreign keys of other tables to one that changes its place with another one.

When a table gets another name they go with it. So they are made to refer to the other table just
before, in one ALTER of each referring table that reads no rows: the mirror has every row that
they refer to. Its triggers then do to the other table what is done to the one that is in use,
and with it what such a key does: refuse, go along, or become NULL. A key has another name
meanwhile, since the server wants names to be unique and a table's old and new keys count both.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from whimbrel.engines import base, mirroring, mirrors
from whimbrel.engines.mysql import session as sessions
from whimbrel.engines.mysql import waiting

# What is put behind the name of a key that refers to the new table.
MARK: Final = "_whimbrel"
_LONGEST_NAME: Final = 64
_KEYS: Final = """
SELECT c.table_name, c.constraint_name, c.referenced_table_name, c.delete_rule, c.update_rule,
       c.constraint_schema = DATABASE(), c.constraint_schema
  FROM information_schema.referential_constraints c
 WHERE c.unique_constraint_schema = DATABASE() AND c.referenced_table_name IN (%s, %s, %s)
   AND NOT (c.constraint_schema = DATABASE() AND c.table_name IN (%s, %s, %s))
 ORDER BY 1, 2
"""
_COLUMNS: Final = """
SELECT column_name, referenced_column_name FROM information_schema.key_column_usage
 WHERE constraint_schema = %s AND table_name = %s AND constraint_name = %s
 ORDER BY ordinal_position
"""
_OWN: Final = """
SELECT constraint_name FROM information_schema.referential_constraints
 WHERE constraint_schema = DATABASE() AND table_name = %s
 ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A foreign key of another table."""

    table: str
    name: str
    to: str
    columns: tuple[str, ...]
    refers: tuple[str, ...]
    actions: str
    here: bool


class Referrers:
    """Finds such keys, and lets them refer to another table."""

    def __init__(self, session: base.Session, locks: waiting.Locks) -> None:
        self._session = session
        self._mysql = sessions.ours(session)
        self._locks = locks

    def all(self, shape: mirrors.Shape) -> list[Key]:
        """Return the foreign keys of other tables to any table of a shape."""
        own = (shape.old.name, shape.new.name, shape.parked)
        found = []
        for table, name, to, delete, update, here, schema in self._ask(_KEYS, *own, *own):
            pairs = self._ask(_COLUMNS, str(schema), str(table), str(name))
            found.append(
                Key(
                    table=str(table),
                    name=str(name),
                    to=str(to),
                    columns=tuple(str(pair[0]) for pair in pairs),
                    refers=tuple(str(pair[1]) for pair in pairs),
                    actions=_action("DELETE", str(delete)) + _action("UPDATE", str(update)),
                    here=bool(here),
                )
            )
        return found

    def unfit(self, shape: mirrors.Shape, up: mirroring.Way) -> Iterator[tuple[Key, str]]:
        """Return the keys that could not refer to the new table, and why not."""
        for key in self.all(shape):
            if not key.here:
                yield key, "it is in another database"
                continue
            if len(key.name) + len(MARK) > _LONGEST_NAME:
                yield key, "its name is too long to get another one for a time"
            for column in key.refers:
                if not up.target.has(column) or up.copies(column) != column:
                    yield key, f"{column} is not the same there"
                elif up.source.column(column).type != up.target.column(column).type:
                    yield key, f"{column} has another type there"
            if not _indexed(shape, key.refers):
                yield key, f"there is no index on ({', '.join(key.refers)}) there"

    @contextmanager
    def moved(self, shape: mirrors.Shape, table: str, to: str, *, seconds: float) -> Iterator[None]:
        """Let the keys refer to another table; what fails inside of the block takes it back."""
        forth = to == shape.new.name
        try:
            for key in self.all(shape):
                if key.to == table:
                    self._refer(key, to, marked=forth, seconds=seconds)
            yield
        except mirrors.Busy:
            # Where even that has to wait, they refer to the mirrored rows until the next attempt.
            with contextlib.suppress(mirrors.Busy):
                for key in self.all(shape):
                    if key.to == to:
                        self._refer(key, table, marked=not forth, seconds=seconds)
            raise

    def settle(self, shape: mirrors.Shape, *, seconds: float) -> None:
        """Give the keys their names again, and let them refer to the table that is in use."""
        for key in self.all(shape):
            if key.here and key.name.endswith(MARK):
                self._refer(key, shape.old.name, marked=False, seconds=seconds)

    def name_own(self, shape: mirrors.Shape, *, seconds: float) -> None:
        """Give the foreign keys of the new table the names that the old one's had.

        Those of the parked table go: nobody keeps its rows in step any more, and what they refer
        to could not be removed.
        """
        now = self._session.engine.catalog(self._session).find(shape.old.name)
        quote = self._session.engine.quote
        # A catalog does not show tables whose names are ours, and the parked one's mostly is.
        if named := [str(row[0]) for row in self._ask(_OWN, shape.parked)]:
            gone = ", ".join(f"DROP FOREIGN KEY {quote(name)}" for name in named)
            sql = f"ALTER TABLE {quote(shape.parked)} {gone}"
            self._locks.send(sql, [shape.parked], seconds=seconds)
        given = re.compile(rf"{re.escape(shape.old.name)}_ibfk_\d+")
        for key in shape.new.foreign_keys if now else ():
            to = shape.old.name if key.ref_table == shape.new.name else key.ref_table
            for found in now.foreign_keys if now else ():
                same = (found.columns, found.ref_table) == (key.columns, to)
                if not same or not key.name or key.name == found.name or given.fullmatch(key.name):
                    continue
                columns, refers = (
                    ", ".join(map(quote, names)) for names in (found.columns, found.ref_columns)
                )
                actions = _action("DELETE", found.on_delete or "RESTRICT")
                actions += _action("UPDATE", found.on_update or "RESTRICT")
                sql = (
                    f"ALTER TABLE {quote(shape.old.name)} "
                    f"DROP FOREIGN KEY {quote(found.name or '')}, "
                    f"ADD CONSTRAINT {quote(key.name)} FOREIGN KEY ({columns}) "
                    f"REFERENCES {quote(found.ref_table)} ({refers}){actions}, "
                    "ALGORITHM=INPLACE, LOCK=NONE"
                )
                self._unchecked(sql, [shape.old.name, found.ref_table], seconds=seconds)

    def _refer(self, key: Key, to: str, *, marked: bool, seconds: float) -> None:
        quote = self._session.engine.quote
        bare = key.name.removesuffix(MARK)
        columns, refers = (", ".join(map(quote, names)) for names in (key.columns, key.refers))
        sql = (
            f"ALTER TABLE {quote(key.table)} DROP FOREIGN KEY {quote(key.name)}, "
            f"ADD CONSTRAINT {quote(bare + MARK if marked else bare)} FOREIGN KEY ({columns}) "
            f"REFERENCES {quote(to)} ({refers}){key.actions}, ALGORITHM=INPLACE, LOCK=NONE"
        )
        if key.name == (bare + MARK if marked else bare) and key.to == to:
            return
        self._unchecked(sql, [key.table, key.to, to], seconds=seconds)

    def _unchecked(self, sql: str, names: list[str], *, seconds: float) -> None:
        """Send what makes a foreign key of which it is known that it holds."""
        before = self._mysql.send("SELECT @@foreign_key_checks")[0][0]
        self._mysql.send("SET SESSION foreign_key_checks = 0")
        try:
            self._locks.send(sql, names, seconds=seconds)
        finally:
            if not self._session.gone:
                self._mysql.send(f"SET SESSION foreign_key_checks = {before}")

    def _ask(self, sql: str, *params: str) -> list[base.Row]:
        with self._mysql.driver.cursor() as cursor:
            cursor.execute(sql, params)
            return [tuple(row) for row in cursor.fetchall()]


def _action(event: str, rule: str) -> str:
    """Return what a key does; said aloud, refusing becomes another word for it."""
    return "" if rule == "RESTRICT" else f" ON {event} {rule}"


def _indexed(shape: mirrors.Shape, columns: tuple[str, ...]) -> bool:
    """Whether an index of the new table begins with these columns."""
    new = shape.new
    listed = [new.primary_key, *(unique.columns for unique in new.uniques)]
    listed += [tuple(map(str, index.columns)) for index in new.indexes]
    return any(tuple(one[: len(columns)]) == columns for one in listed)
