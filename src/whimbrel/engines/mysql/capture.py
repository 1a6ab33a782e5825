"""Changes of tables of MySQL and MariaDB by triggers, one for each kind of statement.

What foreign keys cascade to fires no triggers here: whoever refers to a row by such a key is told
of by the triggers of that row's own table, before it happens, while the children can still be
found. TRUNCATE fires none either, but gives a table another place in its engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from whimbrel import tables as shapes
from whimbrel.engines import base, captures, triggered

_COLUMNS: Final = """
SELECT table_name, column_name, column_type, is_nullable, coalesce(collation_name, ''),
       extra LIKE '%%GENERATED%%'
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN ({marks})
ORDER BY table_name, ordinal_position
"""
_TRIGGERS: Final = """
SELECT event_object_table, trigger_name FROM information_schema.triggers
WHERE trigger_schema = DATABASE() AND event_object_schema = DATABASE()
  AND LEFT(trigger_name, CHAR_LENGTH(%s)) = %s
ORDER BY 1, 2
"""
# Another number after a TRUNCATE; MariaDB and MySQL call them differently, and ask for PROCESS.
_PLACES: Final = tuple(
    f"SELECT name, table_id FROM information_schema.{catalog} "
    "WHERE LEFT(name, CHAR_LENGTH(DATABASE()) + 1) = CONCAT(DATABASE(), '/')"
    for catalog in ("innodb_sys_tables", "innodb_tables")
)
_TIMES: Final = (
    "SELECT table_name, create_time FROM information_schema.tables WHERE table_schema = DATABASE()"
)
_PLAIN: Final = re.compile(r"[a-z0-9_$]+", re.IGNORECASE | re.ASCII)
_MOVES: Final = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


class MysqlCapture(triggered.TriggerCapture):
    """Triggers that write the keys of rows, and of those that keys cascade to."""

    age = "TIMESTAMPDIFF(MICROSECOND, min(at), CURRENT_TIMESTAMP(3)) / 1000000"

    def __init__(self, session: base.Session) -> None:
        super().__init__(session)
        self._places: str | None = None

    def _make(self, change: str, one: captures.Followed) -> Sequence[str]:
        quote = self._engine.quote
        name, last = quote(change), len(one.key)
        keys = ", ".join(f"{quote(name)} AS k{at}" for at, name in enumerate(one.key, start=1))
        # NULL is what stands for a whole table.
        columns = ", ".join(f"k{at}" for at in range(1, last + 1))
        return (
            (
                f"CREATE TABLE {name} (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, "
                "at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) ENGINE = InnoDB "
                f"AS SELECT {keys} FROM {quote(one.table.name)} LIMIT 0"
            ),
            f"ALTER TABLE {name} COMMENT = 'keys of rows that have changed: {columns}'",
        )

    # --- triggers -------------------------------------------------------------------------------

    def _install(self, name: str, tables_: Mapping[int, captures.Followed]) -> None:
        session = self._session
        wanted = dict(self._wanted(name, tables_))
        there = {trigger for _, trigger in self._ours(name)}
        session.rollback()
        for trigger, sql in wanted.items():
            if trigger not in there:
                session.execute(sql)
        for trigger in sorted(there - set(wanted)):
            session.execute(f"DROP TRIGGER IF EXISTS {self._engine.quote(trigger)}")
        session.commit()

    def _wanted(
        self, name: str, tables_: Mapping[int, captures.Followed]
    ) -> Iterator[tuple[str, str]]:
        quote = self._engine.quote
        for number, one in tables_.items():
            stem = f"{triggered.STEM}_{name}_{number}"
            change, table = quote(stem), quote(one.table.name)
            columns = ", ".join(f"k{at}" for at in range(1, len(one.key) + 1))
            new, old = (
                f"INSERT INTO {change} ({columns}) VALUES "
                f"({', '.join(f'{row}.{quote(column)}' for column in one.key)})"
                for row in ("NEW", "OLD")
            )
            same = " AND ".join(
                f"CAST(NEW.{quote(column)} AS BINARY) <=> CAST(OLD.{quote(column)} AS BINARY)"
                for column in one.key
            )
            for word, event, body in (
                ("i", "INSERT", new),
                ("d", "DELETE", old),
                ("u", "UPDATE", f"BEGIN {old}; IF NOT ({same}) THEN {new}; END IF; END"),
            ):
                yield (
                    f"{stem}_{word}",
                    (
                        f"CREATE TRIGGER {quote(f'{stem}_{word}')} AFTER {event} ON {table} "
                        f"FOR EACH ROW {body}"
                    ),
                )
        yield from self._cascading(name, tables_)

    def _cascading(
        self, name: str, tables_: Mapping[int, captures.Followed]
    ) -> Iterator[tuple[str, str]]:
        """Yield triggers of parents, which tell of the rows that a key takes along."""
        quote = self._engine.quote
        numbers = {one.table.name: number for number, one in tables_.items()}
        followed = {one.table.name: one for one in tables_.values()}
        every = self._every()
        parents = sorted(
            {key.ref_table for table in every.values() for key in table.foreign_keys if _acts(key)}
        )
        for place, parent in enumerate(parents):
            for event, word in (("DELETE", "e"), ("UPDATE", "c")):
                said = []
                for chain in _chains(every, parent, event):
                    child = chain[-1].table
                    if child not in followed:
                        continue
                    said += _told(quote, chain, followed[child], numbers[child], name, event=event)
                if said:
                    trigger = f"{triggered.STEM}_{name}_p{place}{word}"
                    body = " ".join(f"{one};" for one in dict.fromkeys(said))
                    yield (
                        trigger,
                        (
                            f"CREATE TRIGGER {quote(trigger)} BEFORE {event} ON {quote(parent)} "
                            f"FOR EACH ROW BEGIN {body} END"
                        ),
                    )

    def _every(self) -> dict[str, shapes.Table]:
        found = self._engine.catalog(self._session).every()
        self._session.rollback()
        return dict(found)

    def _ours(self, name: str) -> list[tuple[str, str]]:
        stem = f"{triggered.STEM}_{name}_"
        return [
            (str(table), str(trigger))
            for table, trigger in self._session.fetch(_TRIGGERS, (stem, stem))
        ]

    def _uninstall(self, name: str, watched: Sequence[triggered.Watched]) -> None:
        session = self._session
        numbers = {str(one.number) for one in watched}
        stem = f"{triggered.STEM}_{name}_"
        for _, trigger in self._ours(name):
            number = trigger.removeprefix(stem).partition("_")[0]
            # Those of parents may write into any of the tables; they are made anew.
            if number in numbers or number.startswith("p"):
                session.execute(f"DROP TRIGGER IF EXISTS {self._engine.quote(trigger)}")
        session.commit()

    # --- what is there --------------------------------------------------------------------------

    def _signs(self, name: str, names: Sequence[str]) -> dict[str, triggered.Sign]:
        if not names:
            return {}
        columns: dict[str, list[list[object]]] = {}
        marks = ", ".join(["%s"] * len(names))
        for table, column, type_, null, collation, generated in self._session.fetch(
            _COLUMNS.format(marks=marks), tuple(names)
        ):
            words = "" if null == "YES" else "NOT NULL"
            made = "generated" if int(str(generated)) else ""
            columns.setdefault(str(table), []).append(
                [str(column), str(type_), words, str(collation), made]
            )
        triggers: dict[str, list[str]] = {}
        for table, trigger in self._ours(name):
            triggers.setdefault(table, []).append(trigger)
        places = self._placed(names)
        return {
            one: {
                "columns": columns.get(one, []),
                "triggers": triggers.get(one, []),
                "place": places.get(one),
            }
            for one in names
        }

    def _placed(self, names: Sequence[str]) -> dict[str, str]:
        """Return what is another text after a TRUNCATE, by table."""
        session = self._session
        found: dict[str, str] = {}
        for sql in (self._places,) if self._places is not None else _PLACES:
            try:
                rows = session.fetch(sql)
            except sa.exc.DBAPIError:
                if session.gone:
                    raise
                session.rollback()
                continue
            self._places = sql
            found = {_file(str(name)): str(place) for name, place in rows}
            break
        if not all(_PLAIN.fullmatch(name) for name in names) or not found:
            # By the second alone; odd names are written in another way there.
            times = {str(name): str(time) for name, time in session.fetch(_TIMES)}
            found = {name: found.get(name) or times.get(name, "") for name in names}
        return found

    def _first(self, change: str, limit: int) -> str:
        name = self._engine.beside_parameters(self._engine.quote(change))
        return (
            "id <= (SELECT max(id) FROM "
            f"(SELECT id FROM {name} ORDER BY id LIMIT {limit:d}) AS whimbrel_first)"
        )

    def _forget(self, change: str, marks: Sequence[str]) -> str:
        return f"DELETE FROM {change} WHERE id IN ({', '.join(marks)})"

    # --- what cannot be noticed -----------------------------------------------------------------

    def _own(self, tables_: Sequence[captures.Followed]) -> Iterator[captures.Obstacle]:
        session = self._session
        outside = self._engine.without_transactions(session)
        for one in tables_:
            if one.table.name.casefold() in outside:
                yield captures.Obstacle(
                    what=f"{one.table.name!r} has no transactions: what is taken back stays",
                    remedy=f"ALTER TABLE {self._engine.quote(one.table.name)} ENGINE = InnoDB\n"
                    f"or leave it out:  --exclude {one.table.name}",
                    object=one.table.name,
                )
        logs, trusts = session.fetch("SELECT @@log_bin, @@log_bin_trust_function_creators")[0]
        if int(str(logs)) and not int(str(trusts)):
            grants = " ".join(str(row[0]).upper() for row in session.fetch("SHOW GRANTS"))
            if "ALL PRIVILEGES ON *.*" not in grants and "SUPER" not in grants:
                yield captures.Obstacle(
                    what="the server writes a binary log, and lets only SUPER make triggers",
                    remedy="SET GLOBAL log_bin_trust_function_creators = 1\n"
                    "or follow by the log:  --capture log",
                )
        every = self._every()
        names = {one.table.name for one in tables_}
        for parent in every:
            for event in ("DELETE", "UPDATE"):
                for chain in _chains(every, parent, event):
                    if chain[-1].table in names and _circles(chain):
                        yield captures.Obstacle(
                            what=f"{chain[-1].key.name or 'a foreign key'} of "
                            f"{chain[-1].table!r} cascades in a circle, and cascades fire no "
                            "triggers here",
                            remedy="let the key be RESTRICT, and let the application do it\n"
                            f"or leave the table out:  --exclude {chain[-1].table}",
                            object=chain[-1].table,
                        )
        session.rollback()


def _file(name: str) -> str:
    """Return a table by the name that its engine has of it."""
    return name.rpartition("/")[2]


def _acts(key: shapes.ForeignKey) -> bool:
    return key.on_delete in _MOVES or key.on_update in _MOVES


class _Link:
    """A foreign key by which a change of its parent changes a child."""

    def __init__(self, table: str, key: shapes.ForeignKey) -> None:
        self.table = table
        self.key = key


def _chains(
    every: Mapping[str, shapes.Table], parent: str, event: str
) -> Iterator[tuple[_Link, ...]]:
    """Yield the ways that a change of a parent's row goes, a circle to where it closes."""
    waiting: list[tuple[tuple[_Link, ...], str, str]] = [((), parent, event)]
    while waiting:
        so_far, table, what = waiting.pop()
        for name, found in every.items():
            for key in found.foreign_keys:
                action = key.on_delete if what == "DELETE" else key.on_update
                if key.ref_table != table or action not in _MOVES:
                    continue
                chain = (*so_far, _Link(name, key))
                yield chain
                if not _circles((*chain,), parent):
                    then = "DELETE" if what == "DELETE" and action == "CASCADE" else "UPDATE"
                    waiting.append((chain, name, then))


def _circles(chain: Sequence[_Link], parent: str | None = None) -> bool:
    """Whether a way comes back to a table where it has been."""
    tables = [parent or chain[0].key.ref_table, *(one.table for one in chain)]
    return len(set(tables)) < len(tables)


def _told(
    quote: object,
    chain: Sequence[_Link],
    one: captures.Followed,
    number: int,
    name: str,
    *,
    event: str,
) -> list[str]:
    """Return what writes the keys of the children of a row, before it changes."""
    q = quote if callable(quote) else str
    last = len(chain)
    columns = ", ".join(f"k{at}" for at in range(1, len(one.key) + 1))
    joins = f"{q(chain[-1].table)} AS c{last}"
    for at in range(last - 1, 0, -1):
        link = chain[at]
        on = " AND ".join(
            f"c{at + 1}.{q(mine)} = c{at}.{q(theirs)}"
            for mine, theirs in zip(link.key.columns, link.key.ref_columns, strict=True)
        )
        joins += f" JOIN {q(chain[at - 1].table)} AS c{at} ON {on}"
    first = chain[0].key
    where = " AND ".join(
        f"c1.{q(mine)} = OLD.{q(theirs)}"
        for mine, theirs in zip(first.columns, first.ref_columns, strict=True)
    )
    change = q(f"{triggered.STEM}_{name}_{number}")
    keys = ", ".join(f"c{last}.{q(column)}" for column in one.key)
    said = [f"INSERT INTO {change} ({columns}) SELECT {keys} FROM {joins} WHERE {where}"]
    if event == "UPDATE":
        # A key that goes along: the row will have another one.
        after = _afterwards(q, chain, one)
        if after is not None:
            said.append(
                f"INSERT INTO {change} ({columns}) SELECT {after} FROM {joins} WHERE {where}"
            )
        moved = " AND ".join(
            f"CAST(NEW.{q(column)} AS BINARY) <=> CAST(OLD.{q(column)} AS BINARY)"
            for column in first.ref_columns
        )
        said = [f"IF NOT ({moved}) THEN {'; '.join(said)}; END IF"]
    return said


def _afterwards(q: object, chain: Sequence[_Link], one: captures.Followed) -> str | None:
    """Return the key that a child will have when its parent's has gone along; None if the same."""
    name = q if callable(q) else str
    last = len(chain)
    # What each column will be, from the parent down.
    values: dict[str, str] = {
        mine: f"NEW.{name(theirs)}"
        for mine, theirs in zip(chain[0].key.columns, chain[0].key.ref_columns, strict=True)
    }
    for link in chain[1:]:
        values = {
            mine: values[theirs]
            for mine, theirs in zip(link.key.columns, link.key.ref_columns, strict=True)
            if theirs in values
        }
    if not set(values) & set(one.key) or any(link.key.on_update != "CASCADE" for link in chain):
        return None
    return ", ".join(values.get(column, f"c{last}.{name(column)}") for column in one.key)
