"""Bring rows that have changed in the source into the target, once, in one transaction.

All rows with the keys of a round are deleted, then what the source has by now of them is written:
so rounds may come twice or late, and rows may exchange unique values. What decides whether a row is
meant is the text of its key, byte by byte, whatever a collation thinks is the same.

What notices changes, and when a round is made, is said by `follow`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import errors
from whimbrel import tables as shapes
from whimbrel.engines import base, captures, codec, forms
from whimbrel.journal import parts
from whimbrel.journal import tables as noted
from whimbrel.journal import values as written
from whimbrel.proof import sides
from whimbrel.rows import copier, keys
from whimbrel.transfers import cargo
from whimbrel.transfers import plan as planning

# Keys of one statement.
_KEYS: Final = 400
# So often a row that the target refuses is tried again before that counts.
TRIES: Final = 5
# So many rows that were refused are tried again in a round.
_WAITING: Final = 200
# A rejected row that may still find its place counts towards no limit.
_ROOM: Final = 10_000_000
# The part of a step that has the rows put aside by rounds: chunks begin with 1.
_PART: Final = 0
_LOOSE: Final = frozenset({forms.Family.TEXT, forms.Family.FLOAT, forms.Family.OTHER})

Key = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyColumn:
    """A column of a key: on both sides, and the form of its texts on either."""

    source: shapes.FoundColumn
    own: forms.Form
    target: shapes.FoundColumn
    carried: forms.Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A flow whose changes are brought, and by which columns its rows are known."""

    bound: cargo.Bound
    table: str
    key: tuple[KeyColumn, ...]
    position: int


@dataclass(kw_only=True)
class Round:
    """What came of a round."""

    keys: int = 0
    deleted: int = 0
    written: int = 0
    rejected: int = 0


# --- which flows can be followed ----------------------------------------------------------------


def key_of(table: shapes.Table) -> tuple[str, ...]:
    """Return the columns that name a row of a table for good; nothing if none do."""
    if table.primary_key:
        return table.primary_key
    required = {column.name for column in table.columns if not column.null}
    for unique in table.uniques:
        if set(unique.columns) <= required:
            return unique.columns
    for index in table.indexes:
        columns = tuple(part for part in index.columns if isinstance(part, str))
        whole = len(columns) == len(index.columns) and index.where is None
        if index.unique and whole and not any(index.lengths) and set(columns) <= required:
            return columns
    return ()


def unfit(flows: Sequence[planning.PlannedFlow]) -> Iterator[captures.Obstacle]:
    """Yield why flows cannot be followed, as far as that can be said without the target."""
    into = [one.flow.target for one in flows]
    for one in flows:
        flow, table = one.flow, one.source
        if table is None:
            yield captures.Obstacle(
                what=f"{flow.name!r} comes of a query: which of its rows a change touches nobody "
                "knows",
                remedy=f"leave it out:  --exclude {flow.target}   and fill it after the cutover",
                object=flow.name,
            )
            continue
        if into.count(flow.target) > 1:
            yield captures.Obstacle(
                what=f"several flows enter {flow.target!r}: whose a row is cannot be told there",
                remedy="let each have a table of its own, and join them after the cutover",
                object=flow.name,
            )
        plain = {column.plain: column.name for column in one.columns if column.plain is not None}
        key = key_of(table)
        lost = [name for name in key if name not in plain]
        if lost:
            yield captures.Obstacle(
                what=f"{lost[0]!r}, by which rows of {table.name!r} are known, is not carried",
                remedy=f"let the column go along to {flow.target!r}",
                object=flow.name,
            )
        touched = [
            name
            for name in key
            if name in plain and flow.change is not None and not flow.change.keeps(plain[name])
        ]
        if touched:
            yield captures.Obstacle(
                what=f"rules make other values of {touched[0]!r}, by which rows of "
                f"{table.name!r} are known",
                remedy="leave the keys as they are until the cutover",
                object=flow.name,
            )


def bind(
    seat: sides.Seat, target: base.Session, planned: planning.PlannedFlow, *, position: int
) -> Way:
    """Bind a flow to both databases as they are; raise CannotFollow."""
    there = cargo.target_of(target, planned.flow.target)
    target.rollback()
    bound = cargo.bind(seat, planned, there, looked=False)
    table = planned.source
    if table is None:
        raise errors.WhimbrelError(f"{planned.flow.name} has no table")
    carried = {one.column.name: one for one in bound.written}
    names = {one.plain: one.name for one in planned.columns if one.plain is not None}
    found = []
    for name in key_of(table):
        one = carried.get(names[name])
        column = table.column(name)
        own = dataclasses.replace(seat.codec.form(table, column), padded=False)
        form = one.value.form if one is not None else own
        same = own.family is form.family and (
            own.family is not forms.Family.DECIMAL or own.typed or own.scale == form.scale
        )
        if one is None or not same:
            raise errors.CannotFollow(
                [
                    (
                        f"{table.name}.{name} is {column.type}, and "
                        f"{there.table.column(names[name]).type} in the target: keys differ"
                    )
                ],
                database=target.url,
                remedy=f"let the column have a type that says the same in {planned.flow.target!r}",
            )
        found.append(KeyColumn(source=column, own=own, target=one.column, carried=form))
    return Way(bound=bound, table=table.name, key=tuple(found), position=position)


# --- one round ----------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Applier:
    """Brings what has changed, on a session of each side; the target's loads rows."""

    source: sides.Seat
    target: base.Session
    ways: Sequence[Way]
    run: int
    # Rows that the target refused, by flow: how often each was tried.
    waiting: dict[str, dict[Key, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._level = True
        self._ends = copier.Ends.of(self.source.session, self.target, moment="")
        self._coder = self.target.engine.codec(self.target)
        # A codec may have to see a column before it is asked for its texts.
        for way in self.ways:
            for column in way.bound.target.columns:
                self._coder.form(way.bound.target, column)
        self.target.rollback()

    def bring(self, changed: captures.Changed, *, level: bool = True) -> Round:
        """Delete and write rows in the transaction of the target that is open.

        `level` says that nothing else had changed. Until it is, a row may be refused because of
        another one whose change comes in a later round: that is no try that counts.
        """
        self._level = level
        came = Round()
        found = {
            way.bound.planned.flow.name: self._concerned(way, changed)
            for way in self.ways
            if way.table in changed.keys or way.table in changed.emptied or self._owing(way)
        }
        ways = [way for way in self.ways if way.bound.planned.flow.name in found]
        # All that goes goes first: rows may have exchanged their unique values.
        for way in ways:
            concerned = found[way.bound.planned.flow.name]
            came.keys += len(concerned or ())
            came.deleted += self._delete(way, concerned)
            self._forget_rejects(way, concerned)
        self._begin_reading()
        try:
            for way in ways:
                concerned = found[way.bound.planned.flow.name]
                for some in [None] if concerned is None else _portions(concerned):
                    self._write(way, some, came)
        finally:
            if not self.source.session.gone:
                self.source.session.rollback()
        return came

    def tired(self) -> bool:
        """Whether no refused row is left that may still find its place."""
        return all(n >= TRIES for tried in self.waiting.values() for n in tried.values())

    def patient(self) -> int:
        """Return how many rows are put aside for the moment only."""
        return sum(n < TRIES for tried in self.waiting.values() for n in tried.values())

    def _owing(self, way: Way) -> bool:
        tried = self.waiting.get(way.bound.planned.flow.name, {})
        return any(n < TRIES for n in tried.values())

    def _concerned(self, way: Way, changed: captures.Changed) -> list[Key] | None:
        """Return the keys of a round, None for all there are."""
        if way.table in changed.emptied:
            self.waiting.pop(way.bound.planned.flow.name, None)
            return None
        again = list(self.waiting.get(way.bound.planned.flow.name, {}))[:_WAITING]
        return list(dict.fromkeys((*changed.keys.get(way.table, ()), *again)))

    # --- what goes --------------------------------------------------------------------------------

    def _delete(self, way: Way, concerned: Sequence[Key] | None) -> int:
        engine, name = self.target.engine, way.bound.target.name
        quoted = engine.quote(name)
        own = engine.own_rows(name) if way.bound.planned.flow.own_rows else ""
        if concerned is None:
            where = f" WHERE {own}" if own else ""
            return max(0, self.target.execute(f"DELETE FROM {quoted}{where}").changed)
        columns = [(engine.quote(one.target.name), one.target, one.carried) for one in way.key]
        count = 0
        for some in _portions(concerned):
            texts = [key for key in (self._carried(way, one) for one in some) if key is not None]
            if not texts:
                continue  # no column of the target could have such a key
            where = self._among(self._coder, engine, columns, texts)
            if own:
                where = f"{own} AND {where}"
            count += max(0, self.target.execute(f"DELETE FROM {quoted} WHERE {where}").changed)
        return count

    def _carried(self, way: Way, key: Key) -> Key | None:
        """Return the texts of a key as the target has them, None for one that it cannot have."""
        found = []
        for column, text in zip(way.key, key, strict=True):
            plain = text[2:] if column.own.typed and not column.carried.typed else text
            if forms.odd(column.carried, plain) or b"\xff" in plain:
                return None
            found.append(plain)
        return tuple(found)

    def _among(
        self,
        coder: codec.Codec,
        engine: base.Engine,
        columns: Sequence[tuple[str, shapes.FoundColumn, forms.Form]],
        texts: Sequence[Key],
    ) -> str:
        """Return the condition for rows with exactly these keys, as it is without parameters."""
        loose = [form.family in _LOOSE or form.typed for _, _, form in columns]
        near = [form.family is not forms.Family.FLOAT for _, _, form in columns]
        parts_ = []
        if all(near):
            parts_.append(f"({coder.among(columns, texts)})")
        if any(loose):
            made = [
                _bare(
                    engine,
                    coder.octets(
                        codec.Value(sql=engine.beside_parameters(sql), column=column, form=form)
                    ),
                )
                for sql, column, form in columns
            ]
            if len(columns) == 1:
                listed = ", ".join(coder.bytes_literal(key[0]) for key in texts)
                parts_.append(f"{made[0]} IN ({listed})")
            else:
                either = (
                    " AND ".join(
                        f"{one} = {coder.bytes_literal(text)}"
                        for one, text in zip(made, key, strict=True)
                    )
                    for key in texts
                )
                parts_.append("(" + " OR ".join(f"({one})" for one in either) + ")")
        return " AND ".join(parts_)

    # --- what comes -------------------------------------------------------------------------------

    def _begin_reading(self) -> None:
        """Read after the keys were told, and so what they are by now."""
        session = self.source.session
        session.rollback()
        session.begin()

    def _write(self, way: Way, some: Sequence[Key] | None, came: Round) -> None:
        seat, bound = self.source, way.bound
        goods = bound.cargo(None, keys.Range())
        if some is not None:
            columns = [(seat.engine.quote(c.source.name), c.source, c.own) for c in way.key]
            plain = [key for key in some if not any(b"\xff" in text for text in key)]
            if not plain:
                return
            among = seat.engine.beside_parameters(
                self._among(seat.codec, seat.engine, columns, plain)
            )
            where = f"({goods.where}) AND {among}" if goods.where else among
            goods = dataclasses.replace(goods, where=where)
        task = copier.Task(
            run=self.run,
            position=way.position,
            chunk=_PART,
            flow=bound.planned.flow.name,
            cargo=goods,
            table=bound.target,
            written=bound.written,
            key=bound.key,
            change=bound.change,
            room=_ROOM,
        )
        brought = copier.bring(self._ends, task)
        came.written += brought.written
        came.rejected += len(brought.rejects)
        self._put_aside(way, some, brought.rejects)

    # --- what is put aside ------------------------------------------------------------------------

    def _put_aside(
        self, way: Way, some: Sequence[Key] | None, rejects: Sequence[parts.Reject]
    ) -> None:
        name = way.bound.planned.flow.name
        if rejects:
            ledger = parts.Parts(self.target, self.run)
            columns = noted.REJECTS.c
            last = self.target.connection.execute(
                sa.select(sa.func.max(columns.number)).where(
                    columns.run == self.run,
                    columns.position == way.position,
                    columns.part == _PART,
                )
            ).scalar()
            ledger.reject(way.position, _PART, (last or 0) + 1, rejects)
        tried = self.waiting.setdefault(name, {})
        shown = {_dumped(reject.key) for reject in rejects}
        for key in some or ():
            if self._shown(way, key) in shown:
                tried[key] = min(TRIES, tried.get(key, 0) + self._level)
            else:
                tried.pop(key, None)
        if not tried:
            self.waiting.pop(name, None)

    def _forget_rejects(self, way: Way, concerned: Sequence[Key] | None) -> None:
        """What was put aside of these rows is decided anew."""
        columns = noted.REJECTS.c
        table = way.bound.planned.flow.name
        own = [columns.run == self.run, columns.table_name == table]
        connection = self.target.connection
        if concerned is None:
            connection.execute(sa.delete(noted.REJECTS).where(*own))
            return
        if connection.execute(sa.select(columns.number).where(*own).limit(1)).first() is None:
            return
        for some in _portions(concerned):
            keys_ = [self._shown(way, key) for key in some]
            connection.execute(sa.delete(noted.REJECTS).where(*own, columns.key.in_(keys_)))

    def _shown(self, way: Way, key: Key) -> str:
        """Return a key as rejects have it."""
        read = way.bound.read
        places = {one.value.column.name: at for at, one in enumerate(read)}
        said = {}
        for column, text in zip(way.key, key, strict=True):
            at = places.get(column.source.name)
            form = read[at].value.form if at is not None else column.own
            plain = text[2:] if column.own.typed and not form.typed else text
            said[column.source.name] = forms.shown(form, plain)
        names = [read[at].value.column.name for at in way.bound.key]
        return _dumped(tuple(said.get(name) for name in names))


def _dumped(key: tuple[object, ...]) -> str:
    return written.dump(tuple(key))


def _portions(found: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for at in range(0, len(found), _KEYS):
        yield found[at : at + _KEYS]


def _bare(engine: base.Engine, sql: str) -> str:
    """Return SQL as it is without parameters."""
    return sql if engine.paramstyle == "qmark" else sql.replace("%%", "%")


def rejected(session: base.Session, run: int) -> int:
    """Return how many rows of a run are put aside and were not written since."""
    columns = noted.REJECTS.c
    count = session.connection.execute(
        sa.select(sa.func.count()).where(columns.run == run, columns.replayed_at.is_(None))
    ).scalar()
    return int(count or 0)


def dump_waiting(waiting: Mapping[str, Mapping[Key, int]]) -> dict[str, list[list[str]]]:
    """Return refused rows as plain values, for the journal; the first of them."""
    return {
        name: [[text.hex() for text in key] for key in list(tried)[:_WAITING]]
        for name, tried in waiting.items()
    }


def load_waiting(said: object) -> dict[str, dict[Key, int]]:
    """Read what `dump_waiting` gave; each is tried anew."""
    found: dict[str, dict[Key, int]] = {}
    if isinstance(said, dict):
        for name, listed in said.items():
            found[str(name)] = dict.fromkeys(
                (tuple(bytes.fromhex(text) for text in key) for key in listed), 0
            )
    return found


def followed(planned: Iterable[planning.PlannedFlow]) -> list[captures.Followed]:
    """Return the tables that have to be noticed, each once."""
    found: dict[str, captures.Followed] = {}
    for one in planned:
        if one.source is not None:
            found[one.source.name] = captures.Followed(table=one.source, key=key_of(one.source))
    return list(found.values())


@contextlib.contextmanager
def seated(session: base.Session) -> Iterator[sides.Seat]:
    """Give a session of the source as what flows are bound to, and end it."""
    try:
        coder = session.engine.codec(session)
        coder.prepare()
        session.rollback()
        yield sides.Seat(
            session=session, codec=coder, snapshot=base.Snapshot(position="", kind="now")
        )
    finally:
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            session.close()
