"""The application's database, and how its old and its new code say the same rows.

Every scene has the same tables; what differs is where the value of a person stands before and
after the change: in a column of another name, in two columns, in a column of another type, or
in a table of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests import databases
from tests.load.ledger import SPAN, Ledger, Row

RENAME, SPLIT, TYPE, TABLE = "rename", "split", "type", "table"
KINDS: Final = (RENAME, SPLIT, TYPE, TABLE)
# Rows to which every connection adds.
SHARED: Final = 5
BESIDE: Final = "address"

Values = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How code of one age says the value of a person.

    `columns` are in the table of persons, or in `address` if `beside`.
    """

    columns: tuple[str, ...]
    say: Callable[[str | None], Values]
    hear: Callable[[Values], str | None]
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One kind of change, on one engine."""

    name: str
    kind: str
    old: Speech
    new: Speech
    was: str
    migration: str
    # Whether others refer to persons, and whether persons go with their team.
    badges: bool = True
    cascades: bool = True

    @property
    def prepares(self) -> bool:
        """Whether the driver may prepare statements: what is prepared has the types of before."""
        return self.name != TYPE

    def speech(self, age: str) -> Speech:
        """Return how old or new code speaks."""
        return self.old if age == "old" else self.new

    def value(self, worker: int, number: int) -> str:
        """Return a value that nobody else writes."""
        if self.name == TYPE:
            return str(worker * 10_000_000 + number)
        return f"w{worker}n{number} ö{number % 7}😀"

    def create(self, raw: databases.Raw) -> None:
        """Make the tables, as old code knows them."""
        kind = self.kind
        key = "INTEGER" if kind == "sqlite" else "bigint NOT NULL"
        later = " DEFERRABLE INITIALLY IMMEDIATE" if kind == "postgresql" else ""
        cascade = " ON DELETE CASCADE" if self.cascades else ""
        raw.execute("CREATE TABLE team (id int NOT NULL PRIMARY KEY, label varchar(40))")
        raw.execute(
            f"CREATE TABLE person (id {key} PRIMARY KEY, owner int NOT NULL, ver int NOT NULL, "
            f"slot int NOT NULL, note varchar(80), team_id int, tally bigint NOT NULL DEFAULT 0, "
            f"{self.was}, CONSTRAINT one_slot UNIQUE (owner, slot){later}, CONSTRAINT of_team "
            f"FOREIGN KEY (team_id) REFERENCES team (id){cascade})"
        )
        raw.execute("CREATE INDEX by_team ON person (team_id)")
        if self.badges:
            raw.execute(
                f"CREATE TABLE badge (person_id {key} PRIMARY KEY, CONSTRAINT of_person "
                "FOREIGN KEY (person_id) REFERENCES person (id) "
                "ON DELETE CASCADE ON UPDATE CASCADE)"
            )

    def fill(self, raw: databases.Raw, *, connections: int, each: int, idle: int = 0) -> Ledger:
        """Make rows of every connection, and some that nobody writes; return what is there."""
        ledger = Ledger()
        for owner in range(connections + 2):
            count = SHARED if owner == 0 else idle if owner == connections + 1 else each
            for n in range(1, count + 1):
                note = None if n % 3 else f"note {n}"
                row = Row(owner * SPAN + n, 1, self.value(owner, n), n, note)
                ledger.rows[row.id] = row
        rows = iter(ledger.rows.values())
        columns = ", ".join(self.old.columns)
        while some := list(itertools.islice(rows, 500)):
            said = [
                f"({r.id}, {r.id // SPAN}, 1, {r.slot}, {_literal(r.note)}, "
                f"{', '.join(map(_literal, self.old.say(r.value)))})"
                for r in some
            ]
            into = f"person (id, owner, ver, slot, note, {columns})"
            raw.execute(f"INSERT INTO {into} VALUES {', '.join(said)}")
        # As a table that has been there for a while: else updates of few rows read all of them.
        raw.execute("ANALYZE TABLE person" if self.kind == "mariadb" else "ANALYZE person")
        return ledger

    def found(
        self, raw: databases.Raw, age: str, *, table: str = "person", beside: str = BESIDE
    ) -> dict[int, Row]:
        """Return the rows as code of that age reads them."""
        speech = self.speech(age)
        columns = "p.id, p.ver, p.slot, p.note, p.team_id, p.tally"
        join = f" LEFT JOIN {beside} a ON a.person_id = p.id" if speech.beside else ""
        mine = ", ".join(f"{'a' if speech.beside else 'p'}.{name}" for name in speech.columns)
        badges = set()
        if self.badges:
            badges = {id_ for (id_,) in raw.execute("SELECT person_id FROM badge")}
        rows = raw.execute(f"SELECT {columns}, {mine} FROM {table} p{join}")
        found: dict[int, Row] = {}
        for id_, ver, slot, note, team, tally, *said in rows:
            value = speech.hear(tuple(said))
            badge = id_ in badges
            row: Any = Row(id_, ver, value, slot, note, team, tally, badge)  # type: ignore[arg-type]
            found[row.id] = row
        return found

    def strays(self, raw: databases.Raw) -> list[object]:
        """Return what refers to a person that is not there."""
        asked = ["badge"] if self.badges else []
        asked += [BESIDE] if self.new.beside and has_table(raw, BESIDE) else []
        return [
            (table, *row)
            for table in asked
            for row in raw.execute(
                f"SELECT person_id FROM {table} WHERE person_id NOT IN (SELECT id FROM person)"
            )
        ]


def has_table(raw: databases.Raw, name: str) -> bool:
    """Whether there is a table of this name."""
    query = "SELECT table_name FROM information_schema.tables WHERE table_name = %s"
    if raw.database.kind == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?"
    return bool(raw.execute(query, (name,)))


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else f"'{value}'"


# --- what the value is --------------------------------------------------------------------------


def _whole(value: str | None) -> Values:
    return (value,)


def _of_whole(said: Values) -> str | None:
    return None if said[0] is None else str(said[0])


def _parts(value: str | None) -> Values:
    return (None, None) if value is None else tuple(value.split(" ", 1))


def _of_parts(said: Values) -> str | None:
    return None if said[0] is None and said[1] is None else f"{said[0]} {said[1]}"


def _number(value: str | None) -> Values:
    return (None if value is None else int(value),)


_NAME: Final = "name varchar(80)"
SPLITS: Final[Mapping[str, tuple[str, str, str]]] = {
    "sqlite": (
        "substr(name, 1, instr(name, ' ') - 1)",
        "substr(name, instr(name, ' ') + 1)",
        "given || ' ' || family",
    ),
    "postgresql": (
        "split_part(name, ' ', 1)",
        "substr(name, strpos(name, ' ') + 1)",
        "given || ' ' || family",
    ),
    "mariadb": (
        "SUBSTRING_INDEX(name, ' ', 1)",
        "SUBSTRING(name, LOCATE(' ', name) + 1)",
        "CONCAT(given, ' ', family)",
    ),
}

_RENAME: Final = """
    def change(self):
        self.rename_column("person", "name", "full_name")
"""
_TYPE: Final = """
    def up(self):
        self.change_column("person", "amount", "bigint")

    def down(self):
        self.change_column("person", "amount", "string", length=20)
"""
_SPLIT: Final = """
    def change(self):
        self.split_column(
            "person",
            "name",
            {{
                "given": (self.column("given", "string", length=80), "{given}"),
                "family": (self.column("family", "string", length=80), "{family}"),
            }},
            merge="{merge}",
            was=self.column("name", "string", length=80),
        )
"""
_TABLE: Final = """
    def up(self):
        self.create_table(
            "address",
            [
                self.column("person_id", "{key}", primary_key=True),
                self.column("street", "string", length=80),
                self.column("city", "string", length=80),
            ],
        )
        self.copy_rows(
            "person",
            "address",
            {{"person_id": "id", "street": "street", "city": "city"}},
        )
        self.remove_column("person", "street")
        self.remove_column("person", "city")
"""


# MariaDB: who refers to a table goes with the old one; cascades fire no triggers.
_REFUSED: Final[Mapping[tuple[str, str], Mapping[str, bool]]] = {
    (TYPE, "mariadb"): {"badges": False},
    (TABLE, "mariadb"): {"cascades": False},
}


def scene(
    name: str, kind: str, *, badges: bool | None = None, cascades: bool | None = None
) -> Scene:
    """Return the scene of a kind of change on a kind of engine, with what is not refused there."""
    refused = _REFUSED.get((name, kind), {})
    badges = refused.get("badges", True) if badges is None else badges
    cascades = refused.get("cascades", True) if cascades is None else cascades
    one = Speech(columns=("name",), say=_whole, hear=_of_whole)
    old, new, was, body = {
        RENAME: (
            one,
            Speech(columns=("full_name",), say=_whole, hear=_of_whole),
            _NAME,
            _RENAME,
        ),
        SPLIT: (
            one,
            Speech(columns=("given", "family"), say=_parts, hear=_of_parts),
            _NAME,
            _SPLIT.format(**dict(zip(("given", "family", "merge"), SPLITS[kind], strict=True))),
        ),
        TYPE: (
            Speech(columns=("amount",), say=_whole, hear=_of_whole),
            Speech(columns=("amount",), say=_number, hear=_of_whole),
            "amount varchar(20)",
            _TYPE,
        ),
        TABLE: (
            Speech(columns=("street", "city"), say=_parts, hear=_of_parts),
            Speech(columns=("street", "city"), say=_parts, hear=_of_parts, beside=True),
            "street varchar(80), city varchar(80)",
            _TABLE.format(key="integer" if kind == "sqlite" else "bigint"),
        ),
    }[name]
    migration = (
        "from whimbrel import Migration\n\n\nclass Change(Migration):\n    online = True\n" + body
    )
    return Scene(
        name=name,
        kind=kind,
        old=old,
        new=new,
        was=was,
        migration=migration,
        badges=badges,
        cascades=cascades,
    )


# --- the statements -----------------------------------------------------------------------------


class Statements:
    """The SQL by which code of one age writes persons, as texts with `?` for each value."""

    def __init__(self, scene: Scene, age: str) -> None:
        self.speech = speech = scene.speech(age)
        mine = () if speech.beside else speech.columns
        self._columns = ("id", "owner", "ver", "slot", "note", "team_id", *mine)
        self._places = ", ".join("?" * len(self._columns))
        self.insert = self.inserts(1)
        sets = "".join(f", {name} = ?" for name in mine)
        self.update = f"UPDATE person SET ver = ver + 1{sets} WHERE id = ?"
        new, here = ("excluded.{}", "person.") if scene.kind != "mariadb" else ("VALUES({})", "")
        assigned = ", ".join(f"{name} = {new.format(name)}" for name in mine)
        head = (
            "ON DUPLICATE KEY UPDATE"
            if scene.kind == "mariadb"
            else "ON CONFLICT (id) DO UPDATE SET"
        )
        comma = ", " if assigned else ""
        self.upsert = f"{self.insert} {head} ver = {here}ver + 1{comma}{assigned}"
        self.replace = self.insert.replace("INSERT", "REPLACE", 1)
        read = ", ".join(mine or ("ver",))
        self.read = f"SELECT {read} FROM person WHERE id = ?"
        # The table beside: nothing where there is none.
        self.put = ""
        if speech.beside:
            columns = ", ".join(("person_id", *speech.columns))
            places = ", ".join("?" * (len(speech.columns) + 1))
            self.put = f"INSERT INTO {BESIDE} ({columns}) VALUES ({places})"
            assigned = ", ".join(f"{name} = {new.format(name)}" for name in speech.columns)
            head = head.replace("(id)", "(person_id)")
            self.set = f"{self.put} {head} {assigned}"
            self.take = f"DELETE FROM {BESIDE} WHERE person_id = ?"
            self.move = f"UPDATE {BESIDE} SET person_id = ? WHERE person_id = ?"

    def inserts(self, count: int) -> str:
        """Return the statement that inserts several rows."""
        places = ", ".join([f"({self._places})"] * count)
        return f"INSERT INTO person ({', '.join(self._columns)}) VALUES {places}"

    def values(self, row: Row) -> Values:
        """Return the values of a row to insert."""
        first = (row.id, row.id // SPAN, row.ver, row.slot, row.note, row.team)
        return first if self.speech.beside else (*first, *self.speech.say(row.value))

    def said(self, value: str | None) -> Values:
        """Return the values of an update, before its key."""
        return () if self.speech.beside else self.speech.say(value)
