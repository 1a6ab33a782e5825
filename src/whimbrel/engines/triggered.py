"""Notice changed rows by triggers that write their keys into tables of ours beside them.

Each followed table has a table of changes with the columns of its key, of the same types: what is
told is the text that our own session makes of them, whatever the settings of whoever wrote. What
is read is forgotten by its own marks and by nothing else, so a transaction that is committed late
is simply read later; there is no watermark that it could be below. A row without a key says that
the whole table may have changed (TRUNCATE).

How triggers are written is said by the engines' folders.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from whimbrel import errors, tables
from whimbrel.engines import base, captures, codec, forms, mirrors

STEM: Final = f"{base.OUR_PREFIX}changes"
# So many marks are forgotten by one statement.
_FORGET: Final = 500
# What is counted exactly; more is more.
_SHOWN: Final = 4
Sign = dict[str, object]
# Understood by the engines that have such options, ignored by the others.
_OPTIONS: Any = base.TABLE_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A followed table, its number, and what it looked like when that began."""

    number: int
    table: str
    key: tuple[str, ...]
    sign: Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """How the changes of one table are read."""

    scan: codec.Scan
    watched: Watched


class TriggerCapture(captures.Capture):
    """The same on all engines: what is read, told, forgotten, and when it begins."""

    how = captures.TRIGGERS

    def __init__(self, session: base.Session) -> None:
        self._session = session
        self._engine = session.engine
        self._readers: dict[tuple[str, int], _Reader] = {}

    # --- what engines say -----------------------------------------------------------------------

    #: SQL of the tables' column that is a mark, and what it is.
    mark = "id"
    mark_type = "bigint"
    #: SQL for the seconds that have passed since a row was written.
    age: str

    @abc.abstractmethod
    def _make(self, change: str, one: captures.Followed) -> Sequence[str]:
        """Return what makes a table of changes."""

    @abc.abstractmethod
    def _install(self, name: str, tables_: Mapping[int, captures.Followed]) -> None:
        """Make the triggers of tables that are followed; each is committed by itself."""

    @abc.abstractmethod
    def _uninstall(self, name: str, watched: Sequence[Watched]) -> None:
        """Remove the triggers, also those that are not on the table any more."""

    @abc.abstractmethod
    def _signs(self, name: str, names: Sequence[str]) -> dict[str, Sign]:
        """Return what tables look like now: columns, our triggers on them, `place` of the rows."""

    @abc.abstractmethod
    def _first(self, change: str, limit: int) -> str:
        """Return the condition for about so many rows, the oldest."""

    @abc.abstractmethod
    def _forget(self, change: str, marks: Sequence[str]) -> str:
        """Return the statement that deletes rows by their marks."""

    @abc.abstractmethod
    def _own(self, tables_: Sequence[captures.Followed]) -> Iterator[captures.Obstacle]:
        """Yield what only this engine cannot notice."""

    # --- the contract ---------------------------------------------------------------------------

    def obstacles(self, tables_: Sequence[captures.Followed]) -> list[captures.Obstacle]:
        found = []
        for one in tables_:
            if not one.key:
                found.append(
                    captures.Obstacle(
                        what=f"{one.table.name!r} has no key by which its changes could be told",
                        remedy="give it a primary key, or leave it out:  --exclude "
                        f"{one.table.name}",
                        object=one.table.name,
                    )
                )
        found += self._own([one for one in tables_ if one.key])
        return found

    def start(self, name: str, tables_: Sequence[captures.Followed], *, seconds: float) -> None:
        session, engine = self._session, self._engine
        session.rollback()
        engine.isolate(session, None)
        self._make_state(name)
        before = {one.table: one for one in self._watched(name)}
        free = max((one.number for one in before.values()), default=0)
        going: dict[int, captures.Followed] = {}
        for one in tables_:
            known = before.pop(one.table.name, None)
            if known is None:
                free += 1
            going[known.number if known is not None else free] = one
        kept = {one.number: one for one in self._watched(name)}
        signs = self._signs(name, [one.table.name for one in tables_])
        session.rollback()
        engine.lock_limit(session, seconds)
        session.commit()
        try:
            if before:
                self._remove(name, list(before.values()))
            with self._unless_busy([one.table.name for one in tables_]):
                for number, one in going.items():
                    self._table(name, number, one, kept.get(number), signs[one.table.name])
                self._install(name, going)
        finally:
            if not session.gone:
                session.rollback()
                engine.lock_limit(session, None)
                session.commit()
        signs = self._signs(name, [one.table.name for one in tables_])
        session.rollback()
        session.begin()
        state = self._quote(f"{STEM}_{name}")
        mark = engine.placeholder
        for number, one in going.items():
            session.execute(f"DELETE FROM {state} WHERE n = {mark}", (number,))
            session.execute(
                f"INSERT INTO {state} (n, tab, keyed, sign) VALUES ({', '.join([mark] * 4)})",
                (number, one.table.name, json.dumps(one.key), json.dumps(signs[one.table.name])),
            )
        session.commit()
        self._readers.clear()

    def read(self, name: str, *, limit: int) -> captures.Changed:
        session = self._session
        session.rollback()
        watched = self._watched(name)
        if not watched:
            raise errors.CaptureLost(
                name, database=session.url, why="its tables are not there any more"
            )
        signs = self._signs(name, [one.table for one in watched])
        session.rollback()
        altered, emptied = {}, set()
        places: dict[str, object] = {}
        for one in watched:
            now = signs.get(one.table)
            why = _altered(one.sign, now)
            if why:
                altered[one.table] = why
            elif now is not None and now.get("place") != one.sign.get("place"):
                emptied.add(one.table)
                places[str(one.number)] = now.get("place")
        if altered:
            return captures.Changed(keys={}, upto="{}", altered=altered)
        keys: dict[str, list[tuple[bytes, ...]]] = {}
        marks: dict[str, list[str]] = {}
        left = limit
        for one in self._with_changes(name, watched):
            if left <= 0:
                break
            rows = self._rows(name, one, left)
            left -= len(rows)
            marks[str(one.number)] = [_word(row[0]) for row in rows]
            known: dict[tuple[bytes, ...], None] = {}
            for row in rows:
                key = tuple(text for text in row[1:] if text is not None)
                if len(key) == len(one.key):
                    known[key] = None
                else:
                    emptied.add(one.table)
            if known:
                keys[one.table] = list(known)
        return captures.Changed(
            keys=keys,
            upto=json.dumps({"marks": marks, "places": places}),
            emptied=frozenset(emptied),
            changes=sum(map(len, marks.values())),
        )

    def forget(self, name: str, upto: str) -> None:
        told = json.loads(upto)
        session = self._session
        session.rollback()
        session.begin()
        for number, marks in told.get("marks", {}).items():
            change = self._quote(f"{STEM}_{name}_{number}")
            for at in range(0, len(marks), _FORGET):
                session.execute(self._forget(change, marks[at : at + _FORGET]))
        for number, place in told.get("places", {}).items():
            for one in self._watched(name):
                if str(one.number) == number:
                    self._resign(name, one, {**one.sign, "place": place})
        session.commit()

    def lag(self, name: str) -> captures.Lag:
        session = self._session
        session.rollback()
        with session.looking():
            watched = self._watched(name)
            if not watched:
                return captures.Lag(changes=None, seconds=None)
            parts = " UNION ALL ".join(
                f"SELECT count(*) AS c, {self.age} AS s FROM "
                f"{self._quote(f'{STEM}_{name}_{one.number}')}"
                for one in watched
            )
            count, oldest = session.fetch(f"SELECT sum(c), max(s) FROM ({parts}) AS whimbrel_lag")[
                0
            ]
        changes = int(str(count or 0))
        seconds = max(0.0, float(str(oldest))) if oldest is not None else 0.0
        return captures.Lag(changes=changes, seconds=seconds if changes else 0.0)

    def stop(self, name: str, *, seconds: float) -> None:
        session = self._session
        session.rollback()
        self._engine.lock_limit(session, seconds)
        session.commit()
        try:
            self._remove(name, self._watched(name))
            session.begin()
            session.execute(f"DROP TABLE IF EXISTS {self._quote(f'{STEM}_{name}')}")
            session.commit()
        finally:
            if not session.gone:
                session.rollback()
                self._engine.lock_limit(session, None)
                session.commit()
        self._readers.clear()

    def presence(self, name: str) -> bool:
        self._session.rollback()
        found = bool(self._watched(name))
        self._session.rollback()
        return found

    # --- our own tables -------------------------------------------------------------------------

    def _quote(self, name: str) -> str:
        return self._engine.quote(name)

    def _has(self, name: str) -> bool:
        return sa.inspect(self._session.connection).has_table(name)

    def _make_state(self, name: str) -> None:
        session = self._session
        made = sa.Table(
            f"{STEM}_{name}",
            sa.MetaData(),
            sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("tab", base.LONG_TEXT, nullable=False),
            sa.Column("keyed", base.LONG_TEXT, nullable=False),
            sa.Column("sign", base.LONG_TEXT, nullable=False),
            **_OPTIONS,
        )
        session.begin()
        made.create(session.connection, checkfirst=True)
        session.commit()

    def _watched(self, name: str) -> list[Watched]:
        if not self._has(f"{STEM}_{name}"):
            return []
        state = self._quote(f"{STEM}_{name}")
        return [
            Watched(
                number=int(str(number)),
                table=str(table),
                key=tuple(json.loads(str(key))),
                sign=json.loads(str(sign)),
            )
            for number, table, key, sign in self._session.fetch(
                f"SELECT n, tab, keyed, sign FROM {state} ORDER BY n"
            )
        ]

    def _resign(self, name: str, one: Watched, sign: Sign) -> None:
        mark = self._engine.placeholder
        self._session.execute(
            f"UPDATE {self._quote(f'{STEM}_{name}')} SET sign = {mark} WHERE n = {mark}",
            (json.dumps(sign), one.number),
        )

    def _table(
        self, name: str, number: int, one: captures.Followed, before: Watched | None, now: Sign
    ) -> None:
        """Make the table of changes, unless it is there for a table that is as it was."""
        session, change = self._session, f"{STEM}_{name}_{number}"
        same = (
            before is not None
            and before.key == one.key
            and before.sign.get("columns") == now.get("columns")
        )
        if same and self._has(change):
            session.rollback()
            return
        session.rollback()
        session.begin()
        # Its triggers would write into what is not there.
        if self._has(change) and before is not None:
            self._uninstall(name, [before])
            session.begin()
        session.execute(f"DROP TABLE IF EXISTS {self._quote(change)}")
        for sql in self._make(change, one):
            session.execute(sql)
        session.commit()

    def _remove(self, name: str, watched: Sequence[Watched]) -> None:
        session = self._session
        with self._unless_busy([one.table for one in watched]):
            session.rollback()
            self._uninstall(name, watched)
            session.begin()
            for one in watched:
                session.execute(
                    f"DROP TABLE IF EXISTS {self._quote(f'{STEM}_{name}_{one.number}')}"
                )
                session.execute(
                    f"DELETE FROM {self._quote(f'{STEM}_{name}')} "
                    f"WHERE n = {self._engine.placeholder}",
                    (one.number,),
                )
            session.commit()

    @contextlib.contextmanager
    def _unless_busy(self, names: Sequence[str]) -> Iterator[None]:
        """Raise Busy, and name who it is, where a lock is not to be had in its time."""
        session = self._session
        try:
            yield
        except sa.exc.DBAPIError as error:
            fault = self._engine.fault(error)
            if fault not in (base.Fault.LOCKED, base.Fault.TIMEOUT):
                raise
            session.rollback()
            found: list[mirrors.Blocker] = []
            for name in names:
                # Who cannot say who holds a lock lets us try again all the same.
                with contextlib.suppress(NotImplementedError, sa.exc.DBAPIError):
                    found += self._engine.mirror(session).blockers(name)
            session.rollback()
            raise mirrors.Busy(found[:_SHOWN]) from error

    # --- reading --------------------------------------------------------------------------------

    def _with_changes(self, name: str, watched: Sequence[Watched]) -> list[Watched]:
        session = self._session
        parts = " UNION ALL ".join(
            f"SELECT {one.number} AS n WHERE EXISTS "
            f"(SELECT 1 FROM {self._quote(f'{STEM}_{name}_{one.number}')})"
            for one in watched
        )
        with session.looking():
            found = {int(str(row[0])) for row in session.fetch(parts)}
        return [one for one in watched if one.number in found]

    def _rows(self, name: str, one: Watched, limit: int) -> list[codec.Texts]:
        session = self._session
        coder = self._engine.codec(session)
        coder.prepare()
        session.rollback()
        with session.looking():
            place = (name, one.number)
            if place not in self._readers:
                self._readers[place] = self._reader(name, one, coder)
            reader = self._readers[place]
            scan = dataclasses.replace(reader.scan, where=self._first(reader.scan.table, limit))
            return coder.rows(scan)

    def _reader(self, name: str, one: Watched, coder: codec.Codec) -> _Reader:
        table = self._engine.catalog(self._session).table(one.table)
        change = f"{STEM}_{name}_{one.number}"
        marked = tables.FoundColumn(name="id", type=self.mark_type, null=False)
        own = [
            dataclasses.replace(
                table.column(column), name=f"k{at}", null=True, generated=None,
                default=None, auto_increment=False,
            )
            for at, column in enumerate(one.key, start=1)
        ]  # fmt: skip
        shaped = tables.Table(name=change, columns=(marked, *own))
        id_form = forms.Form(family=forms.Family.TEXT)
        values = [
            codec.Value(
                sql=self.mark,
                column=dataclasses.replace(marked, type=self.mark_type),
                form=id_form if self.mark != "id" else coder.form(shaped, marked),
            )
        ]
        for at, column in enumerate(own, start=1):
            # What the column is says its own table: it may be known by checks of that.
            form = coder.form(table, table.column(one.key[at - 1]))
            coder.form(shaped, column)
            values.append(
                codec.Value(
                    sql=self._engine.beside_parameters(self._quote(column.name)),
                    column=column,
                    form=dataclasses.replace(form, padded=False),
                )
            )
        return _Reader(scan=codec.Scan(table=change, values=tuple(values)), watched=one)


def _word(text: bytes | None) -> str:
    return (text or b"").decode().removeprefix("i:")


def _altered(before: Sign, now: Sign | None) -> str:
    """Return in words what is not as it was; nothing if all is."""
    if now is None or not now.get("columns"):
        return "the table is not there any more"
    said = []
    then = {str(one[0]): tuple(one) for one in _listed(before.get("columns"))}
    here = {str(one[0]): tuple(one) for one in _listed(now.get("columns"))}
    said += [f"the column {name!r} is new" for name in here if name not in then]
    said += [f"the column {name!r} is gone" for name in then if name not in here]
    said += [
        f"the column {name!r} was {_shown(then[name])} and is {_shown(one)}"
        for name, one in here.items()
        if name in then and then[name] != one
    ]
    missing = [
        name for name in _names(before.get("triggers")) if name not in _names(now.get("triggers"))
    ]
    if missing:
        said.append(f"our triggers on it are gone or disabled ({errors.names(missing)})")
    return "; ".join(said)


def _listed(value: object) -> list[list[object]]:
    return value if isinstance(value, list) else []


def _names(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _shown(column: Sequence[object]) -> str:
    return " ".join(str(one) for one in column[1:] if one not in ("", None))
