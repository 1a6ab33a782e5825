"""Rows that were put aside: list them, show them, write them after all.

A row is written again from the very texts in which it was carried, under the constraints of its
table, and read again before it is committed. It is one transaction with the note that it is there,
so that nothing is written twice, whoever tries.
"""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, tables
from whimbrel.engines import base, codec, forms
from whimbrel.journal import journal, rejects
from whimbrel.rows import kept
from whimbrel.transfers import cargo, door

_WORD: Final = forms.Form(family=forms.Family.TEXT)
# In these, equal values may have unequal texts.
_LOOSE: Final = frozenset({forms.Family.JSON, forms.Family.FLOAT, forms.Family.OTHER})
_SHOWN: Final = 60


class Wrong(Exception):
    """A row is not written; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which rejects are meant; nothing said means all.

    `table` is the name under which `list` has them, `only` are ids (`318.2.1.4`).
    """

    run: int | None = None
    table: str | None = None
    only: tuple[str, ...] = ()

    def places(self) -> tuple[rejects.Place, ...]:
        """Return what the ids mean; raise UsageError."""
        found = []
        for text in self.only:
            place = rejects.read_id(text)
            if place is None:
                raise errors.UsageError(
                    f"{text!r} is no row that was put aside",
                    remedy="name it by its id, such as 318.2.1.4:  whimbrel rejects show DATABASE",
                )
            found.append(place)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How many rows were put aside, by run, table and reason."""

    database: str
    counts: tuple[rejects.Count, ...]

    @property
    def rows(self) -> int:
        """Return how many there are."""
        return sum(one.rows for one in self.counts)

    @property
    def waiting(self) -> int:
        """Return how many were not written since, and can be."""
        return sum(one.rows - one.replayed for one in self.counts if one.anew is None)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "database": self.database,
            "rows": self.rows,
            "waiting": self.waiting,
            "rejects": [dataclasses.asdict(one) for one in self.counts],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A row that was not written, and why not."""

    kept: rejects.Kept
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of writing rows after all."""

    database: str
    written: tuple[rejects.Kept, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all of them are written."""
        return not self.left

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "database": self.database,
            "written": [one.id for one in self.written],
            "left": [
                {"reject": one.kept.id, "table": one.kept.reject.table, "why": one.why}
                for one in self.left
            ],
        }


def as_json(one: rejects.Kept) -> dict[str, object]:
    """Return a row that was put aside as plain values."""
    reject = one.reject
    return {
        "reject": one.id,
        "run": one.run,
        "table": reject.table,
        "key": [_plain(value) for value in reject.key],
        "reason": reject.reason,
        "rule": reject.rule,
        "rejected_at": one.rejected_at,
        "replayed_at": one.replayed_at,
        "values": {name: _plain(value) for name, value in reject.row.items()},
    }


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | bool) else str(value)


# --- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """The rejects of one open database; read inside of `reading`."""

    session: base.Session

    def listing(self, choice: Choice) -> Listing:
        """Return how many there are."""
        found = self._rejects()
        counts = found.counts(run=choice.run, table=choice.table) if found is not None else []
        return Listing(database=self.session.url, counts=tuple(counts))

    def read(self, choice: Choice, *, limit: int | None = None) -> Iterator[rejects.Kept]:
        """Yield the rows, in the order in which they were put aside."""
        found = self._rejects()
        if found is None:
            return
        places = found.places(run=choice.run, table=choice.table, only=choice.places())
        yield from found.read(places[:limit])

    def _rejects(self) -> rejects.Rejects | None:
        if not journal.Journal(self.session).exists():
            return None
        return rejects.Rejects(self.session)


@contextlib.contextmanager
def reading(database: str, *, folder: Path | str | None = None) -> Iterator[Reader]:
    """Open a database to read its rejects; raise UnknownDatabase, BadUrl, DatabaseUnavailable."""
    session = door.opened(_database(database, folder), read_only=True)
    try:
        with session.looking():
            yield Reader(session=session)
    finally:
        session.close()


def _database(named: str, folder: Path | str | None) -> configs.DatabaseConfig:
    return door.database(named, configs.load(Path(folder) if folder is not None else None))


# --- writing them after all -------------------------------------------------------------------


def replay(
    database: str,
    *,
    run: int | None = None,
    table: str | None = None,
    only: Sequence[str] = (),
    values: Mapping[str, str | None] | None = None,
    as_read: bool = False,
    folder: Path | str | None = None,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Replayed:
    """Write rows that a transfer put aside into their tables, each in a transaction of its own.

    `values` are texts (None: NULL) for columns of the target, in place of those that were kept.
    Rows that a rule refused are only written with `as_read`: as they were read, with no rule
    applied. What cannot be written stays among the rejects. Those of a table that a later transfer
    has filled anew are left alone: it has copied them, or put them aside once more.

    Raises LockHeld, TransferFailed, UsageError, UnknownDatabase, BadUrl, DatabaseUnavailable.
    """
    choice = Choice(run=run, table=table, only=tuple(only))
    wanted = choice.places()
    session = door.opened(_database(database, folder), read_only=False)
    try:
        notes = journal.Journal(session, clock)
        there = notes.exists()
        session.rollback()
        if not there:
            return Replayed(database=session.url)
        with _locked(session, clock) as lock:
            notes.ensure()
            found = rejects.Rejects(session, clock)
            places = found.places(run=run, table=table, only=wanted, waiting=not wanted)
            rows = list(found.read(places))
            session.rollback()
            return _Replay(session, found, lock, values or {}, as_read=as_read).all_of(rows)
    finally:
        session.close()


@contextlib.contextmanager
def _locked(session: base.Session, clock: clocks.Clock) -> Iterator[base.RunLock]:
    lock = session.engine.lock(session, clock)
    lock.acquire(
        base.Holder(
            run=secrets.token_hex(8),
            who=_user(),
            host=socket.gethostname(),
            pid=os.getpid(),
            command="whimbrel rejects replay",
            started_at=clocks.stamp(clock.now()),
        )
    )
    try:
        yield lock
    finally:
        # A session that is gone has freed the lock itself.
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            session.rollback()
            lock.release()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """A value for a column of the target: how it is compared there, and its text."""

    value: codec.Value
    text: bytes | None


@dataclass(slots=True)
class _Replay:
    session: base.Session
    found: rejects.Rejects
    lock: base.RunLock
    values: Mapping[str, str | None]
    _: dataclasses.KW_ONLY
    as_read: bool
    _targets: dict[str, cargo.Target] = field(default_factory=dict)

    def all_of(self, rows: Sequence[rejects.Kept]) -> Replayed:
        """Write rows one by one."""
        self.session.engine.codec(self.session).prepare()
        self.session.commit()
        written: list[rejects.Kept] = []
        left: list[Left] = []
        for one in rows:
            try:
                if self._write(one):
                    written.append(one)
            except Wrong as wrong:
                left.append(Left(kept=one, why=str(wrong)))
            except sa.exc.DBAPIError as error:
                cause = self.session.engine.cause(error)
                if self.session.gone:
                    raise _ended(self.session, cause, len(written)) from error
                left.append(Left(kept=one, why=cause))
            finally:
                if not self.session.gone:
                    self.session.rollback()
        return Replayed(database=self.session.url, written=tuple(written), left=tuple(left))

    def _write(self, one: rejects.Kept) -> bool:
        if one.replayed_at is not None:
            raise Wrong(f"it was written already, at {one.replayed_at}")
        later = self.found.filled_anew(one.place[0], one.place[1])
        self.session.rollback()
        if later is not None:
            raise Wrong(f"run {later} has filled its table anew since")
        if one.reject.again is None:
            raise Wrong("it was put aside by a migration, not by a transfer")
        row = kept.load(one.reject.again)
        if row.as_read and not self.as_read:
            raise Wrong(
                f"a rule refused it ({one.reject.rule or one.reject.reason}), and no rule is "
                "applied again: to write it as it was read, add  --as-read"
            )
        target = self._target(row.table)
        given = list(self._given(target, row))
        self.session.begin()
        if not self.found.claim(one.place):
            return False  # somebody else was faster
        self._insert(target.table, given)
        self._check(target.table, given)
        self.lock.check()
        self.session.commit()
        return True

    def _target(self, name: str) -> cargo.Target:
        if name not in self._targets:
            try:
                self._targets[name] = cargo.target_of(self.session, name)
            except errors.TableNotFound as gone:
                raise Wrong(f"its table {name!r} does not exist any more") from gone
            finally:
                self.session.rollback()
        return self._targets[name]

    # --- values -------------------------------------------------------------------------------

    def _given(self, target: cargo.Target, row: kept.Row) -> Iterator[_Given]:
        """Yield what is written into each column; raise Wrong, UsageError."""
        table = target.table
        known = [column.name for column in table.columns]
        for name in self.values:
            if name not in known:
                raise errors.ColumnNotFound(table.name, name, known=known)
        cells = {cell.column: cell for cell in row.cells}
        for column in table.columns:
            if column.generated is not None:
                continue
            form = target.forms[column.name]
            if column.name in self.values:
                text = self.values[column.name]
                yield self._value(column, _WORD, form, None if text is None else text.encode())
            elif column.name in cells:
                cell = cells.pop(column.name)
                yield self._value(column, cell.form, form, cell.text, type_=cell.type)
        lost = [name for name in cells if name not in known]
        if lost and not row.as_read:
            raise Wrong(f"its table has no column {lost[0]!r} any more")

    def _value(
        self,
        column: tables.FoundColumn,
        carried: forms.Form,
        own: forms.Form,
        text: bytes | None,
        *,
        type_: str = "",
    ) -> _Given:
        form = carried
        if carried.family is not forms.Family.OTHER or type_ != column.type:
            try:
                form = forms.meet(carried, own, what=column.name)
            except errors.NotComparable as error:
                raise Wrong(f"the column {column.name!r} is another one by now") from error
            form = dataclasses.replace(form, padded=False, notes=())
        if carried.typed and not form.typed and text is not None:
            text = text[2:]  # without the letter of its own type
        if forms.odd(form, text):
            raise Wrong(
                f"the column {column.name!r} has no room for {forms.shown(form, text)!r}: give it "
                f"another value:  --set {column.name}=…"
            )
        sql = self.session.engine.beside_parameters(self.session.engine.quote(column.name))
        return _Given(value=codec.Value(sql=sql, column=column, form=form), text=text)

    # --- writing, looking ---------------------------------------------------------------------

    def _insert(self, table: tables.Table, given: Sequence[_Given]) -> None:
        engine = self.session.engine
        coder = engine.codec(self.session)
        name = engine.beside_parameters(engine.quote(table.name))
        columns = ", ".join(one.value.sql for one in given)
        makes = ", ".join(
            f"CAST({engine.placeholder} AS {one.value.column.type})"
            if one.value.form.family is forms.Family.OTHER
            else coder.given(one.value.column, one.value.form)
            for one in given
        )
        params = tuple(
            None if one.text is None else one.text.decode("utf-8", "surrogateescape")
            for one in given
        )
        taken = self.session.execute(
            f"INSERT INTO {name} ({columns}){engine.override_identity} VALUES ({makes})", params
        )
        if taken.changed != 1:
            raise Wrong(f"the database took {taken.changed:,} rows for one: is it a trigger?")
        for one in given:
            if one.value.column.auto_increment and one.text is not None:
                # In the same transaction: nobody must be given a number that is taken.
                engine.after_models(self.session, {table.name: one.value.column.name})

    def _check(self, table: tables.Table, given: Sequence[_Given]) -> None:
        """Raise Wrong unless the row is there with the values that it was given."""
        named = {one.value.column.name: one for one in given}
        key = [named[name] for name in table.primary_key if name in named]
        if len(key) != len(table.primary_key) or any(one.text is None for one in key):
            key = []
        wanted = key or [one for one in given if one.value.form.family not in _LOOSE]
        seen = [one for one in given if one.value.form.family is not forms.Family.OTHER]
        conditions, params = [], []
        coder = self.session.engine.codec(self.session)
        for one in wanted:
            if one.text is None:
                conditions.append(f"{one.value.sql} IS NULL")
            else:
                mark = self.session.engine.placeholder
                conditions.append(f"{coder.octets(one.value)} = {mark}")
                params.append(one.text)
        if not conditions or not seen:
            return
        scan = codec.Scan(
            table=table.name,
            values=tuple(one.value for one in seen),
            where=" AND ".join(conditions),
            params=tuple(params),
        )
        found = coder.rows(scan)
        if not found:
            raise Wrong("the database keeps other values than it was given")
        if not key:
            return
        for one, text in zip(seen, found[0], strict=True):
            form = one.value.form
            if not forms.same(form, one.text, text):
                raise Wrong(
                    f"the column {one.value.column.name!r} does not keep "
                    f"{_shown(form, one.text)}: it made {_shown(form, text)} of it"
                )


def _shown(form: forms.Form, text: bytes | None) -> str:
    said = forms.shown(form, text)
    if said is None:
        return "NULL"
    return repr(said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…")


def _ended(session: base.Session, cause: str, written: int) -> errors.TransferFailed:
    return errors.TransferFailed(
        "the rows that were put aside were not written to the end",
        database=session.url,
        left=f"{written:,} of them are written, with their notes; the others wait as before",
        cause=cause,
    )
