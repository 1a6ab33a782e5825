"""Changes of SQLite's tables by triggers.

One writer at a time: the order of changes is that of their commits. REPLACE removes rows that are
in the way of a unique key without a word, unless the application asks for more: what it would
remove is told before it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from whimbrel.engines import captures, triggered
from whimbrel.tables import Table


class SqliteCapture(triggered.TriggerCapture):
    """Triggers in the file itself, whoever writes to it."""

    mark_type = "INTEGER"
    age = "(julianday('now') - min(at)) * 86400.0"

    def _make(self, change: str, one: captures.Followed) -> Sequence[str]:
        # Without types: a value is kept as the table itself keeps it.
        keys = ", ".join(f"k{at}" for at in range(1, len(one.key) + 1))
        return (
            (
                f"CREATE TABLE {self._engine.quote(change)} (id INTEGER PRIMARY KEY AUTOINCREMENT, "
                f"{keys}, at REAL NOT NULL DEFAULT (julianday('now')))"
            ),
        )

    def _install(self, name: str, tables_: Mapping[int, captures.Followed]) -> None:
        session = self._session
        session.rollback()
        session.begin()
        there = set(self._ours(name))
        for number, one in tables_.items():
            for trigger, sql in self._wanted(f"{triggered.STEM}_{name}_{number}", one):
                if trigger not in there:
                    session.execute(sql)
        session.commit()

    def _wanted(self, stem: str, one: captures.Followed) -> Iterator[tuple[str, str]]:
        quote = self._engine.quote
        change, table = quote(stem), quote(one.table.name)
        columns = ", ".join(f"k{at}" for at in range(1, len(one.key) + 1))
        new, old = (
            f"INSERT INTO {change} ({columns}) VALUES "
            f"({', '.join(f'{row}.{quote(column)}' for column in one.key)});"
            for row in ("NEW", "OLD")
        )
        same = " AND ".join(
            f"NEW.{quote(column)} IS OLD.{quote(column)} COLLATE BINARY AND "
            f"typeof(NEW.{quote(column)}) = typeof(OLD.{quote(column)})"
            for column in one.key
        )
        moved = (
            f"INSERT INTO {change} ({columns}) SELECT "
            + ", ".join(f"NEW.{quote(column)}" for column in one.key)
            + f" WHERE NOT ({same});"
        )
        for word, event, body in (
            ("i", "AFTER INSERT", new),
            ("d", "AFTER DELETE", old),
            ("u", "AFTER UPDATE", f"{old} {moved}"),
        ):
            yield _trigger(quote(f"{stem}_{word}"), event, table, body, f"{stem}_{word}")
        itself = " AND ".join(f"t.{quote(column)} IS OLD.{quote(column)}" for column in one.key)
        for word, event, but in (
            ("b", "BEFORE INSERT", ""),
            ("c", "BEFORE UPDATE", f" AND NOT ({itself})"),
        ):
            replaced = self._replaced(one, change, columns, but)
            if replaced:
                yield _trigger(quote(f"{stem}_{word}"), event, table, replaced, f"{stem}_{word}")

    def _replaced(self, one: captures.Followed, change: str, columns: str, but: str) -> str:
        """Return what tells of rows that have the same values in a unique key."""
        quote = self._engine.quote
        table = quote(one.table.name)
        keys = ", ".join(f"t.{quote(column)}" for column in one.key)
        said = []
        for unique in _uniques(one.table):
            if self._is_number(one.table, unique):
                continue  # who comes has the same key
            alike = " AND ".join(f"t.{quote(column)} = NEW.{quote(column)}" for column in unique)
            there = f"SELECT {keys} FROM {table} AS t WHERE {alike}{but}"
            said.append(f"INSERT INTO {change} ({columns}) {there};")
        return " ".join(dict.fromkeys(said))

    def _is_number(self, table: Table, columns: Sequence[str]) -> bool:
        """Whether this is the number that every row has."""
        return (
            tuple(columns) == table.primary_key
            and len(columns) == 1
            and table.column(columns[0]).type.upper() == "INTEGER"
        )

    def _ours(self, name: str) -> list[str]:
        stem = f"{triggered.STEM}_{name}_"
        return [
            str(trigger)
            for (trigger,) in self._session.fetch(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            )
            if str(trigger).startswith(stem)
        ]

    def _uninstall(self, name: str, watched: Sequence[triggered.Watched]) -> None:
        session = self._session
        session.begin()
        for one in watched:
            stem = f"{triggered.STEM}_{name}_{one.number}_"
            for trigger in self._ours(name):
                if trigger.startswith(stem):
                    session.execute(f"DROP TRIGGER IF EXISTS {self._engine.quote(trigger)}")
        session.commit()

    def _signs(self, name: str, names: Sequence[str]) -> dict[str, triggered.Sign]:
        session = self._session
        session.rollback()
        found: dict[str, triggered.Sign] = {}
        with session.looking():
            stem = f"{triggered.STEM}_{name}_"
            triggers: dict[str, list[str]] = {}
            for trigger, table in session.fetch(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
            ):
                if str(trigger).startswith(stem):
                    triggers.setdefault(str(table).casefold(), []).append(str(trigger))
            for one in names:
                columns = [
                    [str(row[1]), str(row[2]), "NOT NULL" if row[3] else "", str(row[6] or "")]
                    for row in session.fetch(f"PRAGMA table_xinfo({self._engine.quote(one)})")
                ]
                found[one] = {
                    "columns": columns,
                    "triggers": triggers.get(one.casefold(), []),
                }
        return found

    def _first(self, change: str, limit: int) -> str:
        name = self._engine.quote(change)
        return f"id IN (SELECT id FROM {name} ORDER BY id LIMIT {limit:d})"

    def _forget(self, change: str, marks: Sequence[str]) -> str:
        return f"DELETE FROM {change} WHERE id IN ({', '.join(marks)})"

    def _own(self, tables_: Sequence[captures.Followed]) -> Iterator[captures.Obstacle]:
        for one in tables_:
            odd = [
                index.name
                for index in one.table.indexes
                if index.unique and not all(isinstance(part, str) for part in index.columns)
            ]
            if odd:
                yield captures.Obstacle(
                    what=f"{odd[0]!r} of {one.table.name!r} is a unique key of an expression: "
                    "rows that REPLACE removes for it would not be noticed",
                    remedy=f"drop it until the cutover, or leave the table out:  "
                    f"--exclude {one.table.name}",
                    object=one.table.name,
                )


def _uniques(table: Table) -> Iterator[tuple[str, ...]]:
    if table.primary_key:
        yield table.primary_key
    for unique in table.uniques:
        yield unique.columns
    for index in table.indexes:
        if index.unique:
            yield tuple(part for part in index.columns if isinstance(part, str))


def _trigger(name: str, event: str, table: str, body: str, plain: str) -> tuple[str, str]:
    return plain, f"CREATE TRIGGER {name} {event} ON {table} FOR EACH ROW BEGIN {body} END"
