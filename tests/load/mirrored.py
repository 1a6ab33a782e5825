"""A live change by the engine's mirror alone, without the runner: for tests of the mirror itself.

Each step waits for its lock as the runner does: for a short time, and then again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Final

from tests import databases
from tests.load import scenes
from whimbrel import tables
from whimbrel.engines import base, mirrors

SECONDS: Final = 0.2
_PATIENCE: Final = 20.0
_BATCH: Final = 100
PARKED: Final = "person_was"

_CASTS: Final[Mapping[str, tuple[str, str]]] = {
    "sqlite": ("CAST(amount AS INTEGER)", "CAST(amount AS TEXT)"),
    "postgresql": ("CAST(amount AS bigint)", "CAST(amount AS varchar(20))"),
    "mariadb": ("CAST(amount AS SIGNED)", "CAST(amount AS CHAR(20))"),
}


class Change:
    """One live change of the application's tables, step by step."""

    def __init__(self, scene: scenes.Scene, raw: databases.Raw, session: base.Session) -> None:
        self.scene, self.raw, self.session = scene, raw, session
        self.mirror = session.engine.mirror(session)
        self.busy = 0
        self.shape: mirrors.Shape = self._expanded()
        # When the last exchange was tried, and how long that lasted.
        self.exchanged: tuple[float, float] = (0.0, 0.0)

    # --- shapes -------------------------------------------------------------------------------

    def _table(self, name: str) -> tables.Table:
        found = self.session.engine.catalog(self.session).table(name)
        self._release()
        return found

    def _release(self) -> None:
        if self.session.in_transaction:
            self.session.rollback()

    def _expanded(self) -> mirrors.Shape:
        key = (("id", "id"),)
        if self.scene.name in (scenes.RENAME, scenes.SPLIT):
            for column in self.scene.new.columns:
                self._ddl(f"ALTER TABLE person ADD COLUMN {column} varchar(80)")
            both = self._table("person")
            up, down = {"full_name": "name"}, {"name": "full_name"}
            if self.scene.name == scenes.SPLIT:
                given, family, merge = scenes.SPLITS[self.scene.kind]
                up, down = {"given": given, "family": family}, {"name": merge}
            return mirrors.Shape(
                mode=mirrors.Mode.COLUMNS, old=both, new=both, key=key, up=up, down=down
            )
        old = self._table("person")
        if self.scene.name == scenes.TYPE:
            new = self._changed(old)
            up = {column.name: column.name for column in new.columns}
            down = dict(up)
            up["amount"], down["amount"] = _CASTS[self.scene.kind]
            return mirrors.Shape(
                mode=mirrors.Mode.TABLE,
                old=old,
                new=new,
                key=key,
                up=up,
                down=down,
                parked=PARKED,
            )
        kind = "INTEGER" if self.scene.kind == "sqlite" else "bigint NOT NULL"
        self._ddl(
            f"CREATE TABLE {scenes.BESIDE} (person_id {kind} PRIMARY KEY, "
            "street varchar(80), city varchar(80))"
        )
        same = {column: column for column in self.scene.old.columns}
        return mirrors.Shape(
            mode=mirrors.Mode.BESIDE,
            old=old,
            new=self._table(scenes.BESIDE),
            key=(("id", "person_id"),),
            up=same,
            down=same,
        )

    def _changed(self, old: tables.Table) -> tables.Table:
        """Return the table with its amounts as numbers."""
        engine = self.session.engine
        ddl = engine.ddl(engine.catalog(self.session))
        column = ddl.changed(old, tables.Column(name="amount", type="bigint"))
        self._release()
        columns = tuple(column if one.name == "amount" else one for one in old.columns)
        return dataclasses.replace(old, name="person_new", columns=columns, sql=None)

    def _ddl(self, sql: str) -> None:
        self.patiently(lambda: self.raw.execute(sql))

    # --- steps --------------------------------------------------------------------------------

    def patiently(self, step: Callable[[], object]) -> None:
        """Do something that needs a lock, again and again until it has it."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                step()
                # Nothing commits by itself where the engine can wait.
                self.session.commit()
                return
            except mirrors.Busy:
                self._release()
                self.busy += 1
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def create(self) -> None:
        """Make the new table, where the mirror does that."""
        if self.shape.mode is not mirrors.Mode.TABLE:
            return
        for statement in self.mirror.create(self.shape):
            self.session.execute(statement.sql)
        self.session.commit()
        self.shape = dataclasses.replace(self.shape, new=self._table(self.shape.new.name))

    def install(self) -> None:
        """Make the triggers."""
        self.patiently(lambda: self.mirror.install(self.shape, seconds=SECONDS))

    def fill(self) -> None:
        """Fill the new shape, batch by batch."""
        ids = [id_ for (id_,) in self.session.fetch("SELECT id FROM person ORDER BY id")]
        self._release()
        starts = [None, *ids[_BATCH::_BATCH]]
        # In a circle of locks we give up before the server ends it at the application's cost.
        self.session.engine.patience(self.session, SECONDS)
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            parts = [f"id >= {start}"] if start is not None else []
            parts += [f"id < {end}"] if end is not None else []
            self.fill_range(" AND ".join(parts) or "1 = 1")
        self.session.engine.patience(self.session, None)

    def fill_range(self, condition: str) -> None:
        """Fill the new shape of some rows; a deadlock of which we are the victim is tried again."""
        for _ in range(50):
            try:
                with self.mirror.unmirrored():
                    self.session.execute(self.mirror.fill(self.shape, condition))
                    self.session.commit()
                return
            except Exception as error:
                self._release()
                if self.session.engine.fault(error) is not base.Fault.LOCKED:
                    raise
                self.busy += 1
        raise AssertionError("a range cannot be filled")

    def tables(self) -> dict[str, dict[str, str]]:
        """Return, for code of each age, which table has what it thinks is there."""
        if self.shape.mode is not mirrors.Mode.TABLE:
            return {"old": {}, "new": {}}
        swapped = self.mirror.swapped(self.shape)
        self._release()
        other = PARKED if swapped else self.shape.new.name
        old, new = (other, "person") if swapped else ("person", other)
        return {"old": {"table": old}, "new": {"table": new}}

    def astray(self) -> list[tuple[object, ...]]:
        """Return the keys of rows whose shapes differ."""
        found = list(self.session.fetch(self.mirror.astray(self.shape, "1 = 1")))
        self._release()
        return found

    def settle(self) -> int:
        """Fill again what is astray, until nothing is; return how many rows that were."""
        filled = 0
        while found := self.astray():
            filled += len(found)
            assert filled < 10_000, f"rows that cannot be made equal: {found[:5]}"
            self.fill_range(f"id IN ({', '.join(str(key[0]) for key in found[:500])})")
        return filled

    def swap(self) -> None:
        """Exchange the tables."""
        self._exchange(lambda: self.mirror.swap(self.shape, seconds=SECONDS))

    def unswap(self) -> None:
        """Exchange them back."""
        self._exchange(lambda: self.mirror.unswap(self.shape, seconds=SECONDS))

    def _exchange(self, step: Callable[[], None]) -> None:
        def timed() -> None:
            began = time.monotonic()
            try:
                step()
                self.session.commit()
            finally:
                self.exchanged = (began, time.monotonic())

        if self.shape.mode is mirrors.Mode.TABLE:
            self.patiently(timed)

    def remove(self) -> None:
        """Remove the triggers."""
        self.patiently(lambda: self.mirror.remove(self.shape, seconds=SECONDS))

    def drop(self) -> None:
        """Drop the new table, where there is one."""
        if self.shape.mode is not mirrors.Mode.COLUMNS:
            self._ddl(f"DROP TABLE {self.shape.new.name}")


def left(raw: databases.Raw) -> list[tuple[object, ...]]:
    """Return triggers, functions and tables of ours that are in the database."""
    queries = {
        "sqlite": [
            "SELECT name FROM sqlite_master WHERE type = 'trigger'",
            "SELECT name FROM sqlite_master WHERE name LIKE '%whimbrel%'",
        ],
        "postgresql": [
            "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal",
            """SELECT proname::text FROM pg_proc
                WHERE pronamespace NOT IN ('pg_catalog'::regnamespace,
                                           'information_schema'::regnamespace)""",
            """SELECT relname::text FROM pg_class
                WHERE relname LIKE '%whimbrel%' AND relkind IN ('r', 'S', 'v')""",
        ],
        "mariadb": [
            """SELECT trigger_name FROM information_schema.triggers
                WHERE trigger_schema = DATABASE()""",
            """SELECT routine_name FROM information_schema.routines
                WHERE routine_schema = DATABASE()""",
            """SELECT event_name FROM information_schema.events
                WHERE event_schema = DATABASE()""",
            """SELECT table_name FROM information_schema.tables
                WHERE table_schema = DATABASE() AND table_name LIKE '%whimbrel%'""",
        ],
    }
    return [row for query in queries[raw.database.kind] for row in raw.execute(query)]


def circle(raw: databases.Raw) -> str:
    """Return what the server says of the last deadlock, where it says something."""
    if raw.database.kind != "mariadb":
        return ""
    said = str(raw.execute("SHOW ENGINE INNODB STATUS")[0][2])
    return said.partition("LATEST DETECTED DEADLOCK")[2].partition("\nTRANSACTIONS\n")[0]
