"""One connection of the application at work: operations of every kind, each noted when answered.

A connection writes its own rows and adds to those of all. What it touches of others it touches
last in a transaction, so that the application's own statements never wait for each other in a
circle: a deadlock is somebody else's doing.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.load import drivers, figures, scenes
from tests.load.ledger import SPAN, Ledger, Row

# How often each operation is done, in a hundred or so.
MIX: Final[Mapping[str, int]] = {
    "insert": 12,
    "insert_some": 4,
    "update": 22,
    "update_some": 4,
    "empty_value": 3,
    "note": 8,
    "delete": 8,
    "delete_some": 2,
    "move": 6,
    "exchange": 4,
    "upsert": 8,
    "replace": 3,
    "add": 10,
    "several": 5,
    "savepoint": 4,
    "rollback": 4,
    "clash": 2,
    "cascade": 3,
    "badge": 2,
    "read": 4,
}
# The same without what takes several statements.
SIMPLE: Final[Mapping[str, int]] = {
    "insert": 15,
    "update": 50,
    "note": 15,
    "delete": 10,
    "read": 10,
}
# Who writes.
OLD, NEW = AGES = ("old", "new")
# What a database says that is being left for another one: the application ends there.
STOPPED: Final = "writes are stopped"
# So many rows of its own a connection keeps, more or less.
_ROWS: Final = 120
_AGAIN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A statement of the application that failed, and must not have."""

    at: float
    operation: str
    sql: str
    error: str

    def __str__(self) -> str:
        return f"{self.at:.2f} {self.operation}: {self.error}   {self.sql[:160]}"


@dataclass(slots=True, kw_only=True)
class Told:
    """What a connection has to tell at the end."""

    ledger: Ledger
    failures: list[Failure] = field(default_factory=list)
    times: figures.Times = field(default_factory=figures.Times.empty)
    # Whether the database lets nobody write any more, as it said itself.
    shut: bool = False
    # Updates and deletes that said to have found other rows than there are.
    surprises: list[str] = field(default_factory=list)


class Worker:
    """A connection; `ages` says at each moment who writes: old code, new code, or both."""

    def __init__(
        self,
        scene: scenes.Scene,
        url: str,
        number: int,
        rows: Sequence[Row],
        *,
        mix: Mapping[str, int] = MIX,
        seed: int = 0,
        rate: float | None = None,
    ) -> None:
        self.told = Told(ledger=Ledger(rows={row.id: row for row in rows}))
        self.done = 0
        self.seen = 0
        self._scene, self._url, self._number = scene, url, number
        self._chance = random.Random(f"{seed} {number}")
        self._rate = rate
        self._ids = itertools.count(number * SPAN + len(rows) + 1)
        self._slots = itertools.count(len(rows) + 1)
        self._serials = itertools.count(1)
        self._line: drivers.Line | None = None
        self._begun = False
        self._due: float | None = None
        self._after: dict[int, Row | None] = {}
        self._added: dict[int, int] = {}
        self._sql = ""
        self._statements = {age: scenes.Statements(scene, age) for age in AGES}
        self._s = self._statements[OLD]
        able: dict[str, Callable[[], None]] = {name: getattr(self, f"_{name}") for name in mix}
        if scene.kind == "postgresql":
            able.pop("replace", None)
        if not scene.badges:
            able.pop("badge", None)
        if not scene.cascades:
            able.pop("cascade", None)
        self._operations = list(able.values())
        self._names = list(able)
        self._weights = list(itertools.accumulate(mix[name] for name in able))

    # --- the loop -----------------------------------------------------------------------------

    def work(self, end: threading.Event, orders: Callable[[], tuple[int, Sequence[str]]]) -> None:
        """Do one operation after the other until the end, or at a fixed rate."""
        with contextlib.suppress(drivers.Gone):  # or when it is needed
            self._line = self._connected()
        due = time.monotonic() + self._chance.random() / (self._rate or 1e9)
        while not end.is_set():
            self.seen, ages = orders()
            if not ages or self.told.shut:  # a rest
                end.wait(0.005)
                due = time.monotonic()
                continue
            if self._rate:
                if end.wait(max(0.0, due - time.monotonic())):
                    break
                self._due, due = due, due + 1 / self._rate
            self._once(ages)
        if self._line is not None:
            self._line.close()

    def _once(self, ages: Sequence[str]) -> None:
        self._s = self._statements[ages[0] if len(ages) == 1 else self._chance.choice(ages)]
        [name] = self._chance.choices(self._names, cum_weights=self._weights)
        operation = self._operations[self._names.index(name)]
        self._after, self._added, self._begun, self._sql = {}, {}, False, ""
        try:
            if self._line is None:
                self._line = self._connected()
            operation()
        except drivers.Gone:
            self._lost(name)
        except drivers.Refused as no:
            if STOPPED in str(no):
                self.told.shut = True
                self._undo()
                return
            failure = Failure(at=time.monotonic(), operation=name, sql=self._sql, error=str(no))
            self.told.failures.append(failure)
            self._undo()
        else:
            self.told.ledger.note(name, self._after, self._added)
            self.done += 1

    def _connected(self) -> drivers.Line:
        until = time.monotonic() + _AGAIN_SECONDS
        while True:
            try:
                return drivers.opened(self._url, prepares=self._scene.prepares)
            except drivers.Gone:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def _lost(self, name: str) -> None:
        if self._line is not None:
            self._line.close()
        self._line = None
        # Before its COMMIT was sent, a transaction has not happened.
        if self._sql and (not self._begun or self._sql == "COMMIT"):
            self.told.ledger.doubt(name, self._after, self._added)

    def _undo(self) -> None:
        if self._begun and self._line is not None:
            try:
                self._line.send("ROLLBACK")
            except (drivers.Gone, drivers.Refused):
                self._line.close()
                self._line = None

    # --- statements ---------------------------------------------------------------------------

    def _send(self, sql: str, values: Sequence[object] = (), *, rows: int | None = None) -> None:
        self._sql = sql
        began = time.monotonic()
        due, self._due = self._due or began, None
        touched = self._line.send(sql, values)  # type: ignore[union-attr]
        self.told.times.add(due, time.monotonic() - due)
        if rows is not None and touched != rows:
            self.told.surprises.append(f"{touched} rows, not {rows}: {sql} {tuple(values)}")

    @contextlib.contextmanager
    def _transaction(self, *, commit: bool = True) -> Iterator[None]:
        self._send(self._line.begin)  # type: ignore[union-attr]
        self._begun = True
        yield
        self._send("COMMIT" if commit else "ROLLBACK")
        self._begun = False

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """Have a transaction if what is said takes two statements, and none is open."""
        if self._s.put and not self._begun:
            with self._transaction():
                yield
        else:
            yield

    def _now(self, id_: int) -> Row:
        row = self._after.get(id_, self.told.ledger.rows.get(id_))
        if row is None:
            raise KeyError(id_)
        return row

    def _some(self, most: int = 1) -> list[int]:
        """Return some of our own rows; new ones are made if there are none."""
        mine = self.told.ledger.rows
        if len(mine) < 5:
            return []
        # The dictionary's order follows what was written last: any of them will do.
        keys = list(mine)
        return self._chance.sample(keys, min(most, len(keys)))

    def _value(self) -> str | None:
        return self._scene.value(self._number, 1_000 + next(self._serials))

    def _new(self, **more: object) -> Row:
        row = Row(next(self._ids), 1, self._value(), next(self._slots))
        return row._replace(**more) if more else row  # type: ignore[arg-type]

    # --- what is done to rows -----------------------------------------------------------------

    def _create(self, *rows: Row) -> None:
        with self._together():
            values = [one for row in rows for one in self._s.values(row)]
            sql = self._s.insert if len(rows) == 1 else self._s.inserts(len(rows))
            self._after.update({row.id: row for row in rows})
            self._send(sql, values, rows=len(rows))
            for row in rows:
                if self._s.put and row.value is not None:
                    self._send(self._s.put, (row.id, *self._s.speech.say(row.value)))

    def _write(self, id_: int, value: str | None) -> None:
        with self._together():
            row = self._now(id_)
            self._after[id_] = row._replace(ver=row.ver + 1, value=value)
            self._send(self._s.update, (*self._s.said(value), id_), rows=1)
            self._say(id_, value)

    def _say(self, id_: int, value: str | None) -> None:
        if self._s.put:
            self._send(self._s.set, (id_, *self._s.speech.say(value)))

    def _remove(self, *ids: int) -> None:
        with self._together():
            self._after.update(dict.fromkeys(ids))
            if self._s.put:
                for id_ in ids:
                    self._send(self._s.take, (id_,))
            places = ", ".join("?" * len(ids))
            where = "= ?" if len(ids) == 1 else f"IN ({places})"
            self._send(f"DELETE FROM person WHERE id {where}", ids, rows=len(ids))

    # --- operations ---------------------------------------------------------------------------

    def _insert(self) -> None:
        if len(self.told.ledger.rows) > 2 * _ROWS:
            return self._delete()
        value = None if self._chance.random() < 0.1 else self._value()
        return self._create(self._new(value=value))

    def _insert_some(self) -> None:
        if len(self.told.ledger.rows) > 2 * _ROWS:
            return self._delete_some()
        return self._create(self._new(), self._new(note="several"), self._new(value=None))

    def _update(self) -> None:
        for id_ in self._some():
            self._write(id_, self._value())

    def _update_some(self) -> None:
        ids = self._some(4)
        if ids:
            for id_ in ids:
                row = self._now(id_)
                self._after[id_] = row._replace(ver=row.ver + 1, tally=row.tally + 3)
            places = ", ".join("?" * len(ids))
            sql = f"UPDATE person SET tally = tally + 3, ver = ver + 1 WHERE id IN ({places})"
            self._send(sql, ids, rows=len(ids))

    def _empty_value(self) -> None:
        for id_ in self._some():
            self._write(id_, None)

    def _note(self) -> None:
        for id_ in self._some():
            row = self._now(id_)
            note = None if row.note else f"note {next(self._serials)}"
            self._after[id_] = row._replace(ver=row.ver + 1, note=note)
            sql = "UPDATE person SET note = ?, ver = ver + 1 WHERE id = ?"
            self._send(sql, (note, id_), rows=1)

    def _delete(self) -> None:
        if len(self.told.ledger.rows) > 20:
            self._remove(*self._some())
        else:
            self._create(self._new())

    def _delete_some(self) -> None:
        ids = self._some(4)
        if len(self.told.ledger.rows) > 20:
            self._remove(*ids)

    def _move(self) -> None:
        """Give a row another key; in half of the cases one that a deleted row had."""
        for id_ in self._some():
            with self._together():
                row, key = self._now(id_), next(self._ids)
                gone = self.told.ledger.gone
                if gone and self._chance.random() < 0.5:
                    key = gone.pop()
                self._after[id_] = None
                self._after[key] = row._replace(id=key, ver=row.ver + 1)
                sql = "UPDATE person SET id = ?, ver = ver + 1 WHERE id = ?"
                self._send(sql, (key, id_), rows=1)
                if self._s.put:
                    self._send(self._s.move, (key, id_))

    def _exchange(self) -> None:
        """Exchange what is unique between two rows, in one statement where that is possible."""
        ids = self._some(2)
        if len(ids) < 2:
            return
        one, other = map(self._now, ids)
        at_once = self._scene.kind == "postgresql"
        extra = 1 if at_once else 2
        self._after[one.id] = one._replace(ver=one.ver + extra, slot=other.slot)
        self._after[other.id] = other._replace(ver=other.ver + 1, slot=one.slot)
        if at_once:
            self._send(
                "UPDATE person SET slot = CASE id WHEN ? THEN ?::int ELSE ?::int END, "
                "ver = ver + 1 WHERE id IN (?, ?)",
                (one.id, other.slot, one.slot, one.id, other.id),
                rows=2,
            )
            return
        sql = "UPDATE person SET slot = ?, ver = ver + 1 WHERE id = ?"
        with self._transaction():
            self._send(sql, (-one.slot, one.id), rows=1)
            self._send(sql, (one.slot, other.id), rows=1)
            self._send(sql, (other.slot, one.id), rows=1)

    def _upsert(self) -> None:
        ids = self._some()
        if not ids or self._chance.random() < 0.4:
            row = self._new()
            self._after[row.id] = row
        else:
            row = self._now(ids[0])._replace(value=self._value())
            self._after[row.id] = row._replace(ver=row.ver + 1)
        with self._together():
            self._send(self._s.upsert, self._s.values(row))
            self._say(row.id, row.value)

    def _replace(self) -> None:
        """Replace a row by its key, or by what else is unique of it: then that row is gone."""
        ids = self._some()
        if not ids:
            return
        old = self._now(ids[0])
        row = Row(old.id, 1, self._value(), old.slot, "replaced")
        if self._chance.random() < 0.4:
            row = row._replace(id=next(self._ids))
            self._after[old.id] = None
        self._after[row.id] = row
        with self._together():
            self._send(self._s.replace, self._s.values(row))
            if self._s.put and row.id != old.id:
                self._send(self._s.take, (old.id,))
            self._say(row.id, row.value)

    def _add(self) -> None:
        id_, delta = self._chance.randint(1, scenes.SHARED), self._chance.randint(1, 1_000_000)
        self._added[id_] = delta
        sql = "UPDATE person SET tally = tally + ?, ver = ver + 1 WHERE id = ?"
        self._send(sql, (delta, id_), rows=1)

    def _several(self) -> None:
        ids = self._some(3)
        if len(ids) < 3:
            return
        with self._transaction():
            self._write(ids[0], self._value())
            self._create(self._new())
            self._remove(ids[1])
            self._write(ids[0], self._value())
            self._write(ids[2], self._value())
            self._add()

    def _savepoint(self) -> None:
        ids = self._some(2)
        if len(ids) < 2:
            return
        with self._transaction():
            self._write(ids[0], self._value())
            self._send("SAVEPOINT here")
            kept = dict(self._after)
            self._write(ids[0], self._value())
            self._remove(ids[1])
            self._create(self._new())
            self._send("ROLLBACK TO SAVEPOINT here")
            self._after = kept
            self._create(self._new())

    def _rollback(self) -> None:
        ids = self._some(2)
        if len(ids) < 2:
            return
        with self._transaction(commit=False):
            self._write(ids[0], self._value())
            self._remove(ids[1])
            self._create(self._new())
        self._after = {}

    def _clash(self) -> None:
        """Insert two rows of which one is there already: nothing of it may be done."""
        ids = self._some()
        if not ids or self._s.put:
            return
        rows = (self._new(), self._now(ids[0]))
        try:
            values = [one for row in rows for one in self._s.values(row)]
            self._send(self._s.inserts(2), values)
        except drivers.Refused as no:
            if not no.clash:
                raise
        else:
            self.told.surprises.append(f"a key that is there was inserted: {rows[1]}")

    def _cascade(self) -> None:
        """Make a team with two persons, which all go when it goes."""
        team, rows = self._number * SPAN + next(self._serials), (self._new(), self._new())
        rows = tuple(row._replace(team=team) for row in rows)
        with self._transaction():
            self._send("INSERT INTO team (id, label) VALUES (?, 'short')", (team,))
            self._create(*rows)
            if self._chance.random() < 0.5:
                self._write(rows[0].id, self._value())
        if self._chance.random() < 0.9:
            self.told.ledger.note("team", self._after, {})
            self._after = {row.id: None for row in rows}
            with self._together():
                if self._s.put:  # no key refers from there to persons: nothing else takes them
                    for row in rows:
                        self._send(self._s.take, (row.id,))
                self._send("DELETE FROM team WHERE id = ?", (team,), rows=1)

    def _badge(self) -> None:
        for id_ in self._some():
            row = self._now(id_)
            self._after[id_] = row._replace(badge=not row.badge)
            if row.badge:
                self._send("DELETE FROM badge WHERE person_id = ?", (id_,), rows=1)
            else:
                self._send("INSERT INTO badge (person_id) VALUES (?)", (id_,), rows=1)

    def _read(self) -> None:
        for id_ in self._some():
            self._sql = self._s.read
            began = time.monotonic()
            due, self._due = self._due or began, None
            found = self._line.ask(self._s.read, (id_,))  # type: ignore[union-attr]
            self.told.times.add(due, time.monotonic() - due)
            if len(found) != 1:
                self.told.surprises.append(f"a row that is there was not found: {id_}")
            elif not self._s.put:
                value = self._s.speech.hear(tuple(found[0]))
                if value != self._now(id_).value:
                    self.told.surprises.append(f"read {value!r}, not {self._now(id_)}")
