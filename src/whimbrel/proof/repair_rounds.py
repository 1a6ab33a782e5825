"""Put differences right in chunks, round after round: inserts, updates, deletes.

New rows come parents first, deleted ones go children first, so that foreign keys hold in between.
A chunk that fails is halved until the rows that fail by themselves are left, as long as these are
few; they wait for the next round, when what stood in their way may be gone. What still waits when
nothing moves any more is the work of `repair_knots`. A plan comes from `repair_plan`, statements
from `repair_rows`.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base
from whimbrel.proof import findings, repair_log, repair_order, repair_plan, repair_rows

Difference = findings.Difference
Scope = repair_plan.Scope

# Problems that are kept per table; all others are in the log.
MOST_PROBLEMS: Final = 100
_MOST_ROUNDS: Final = 4
# Another round is worth it if this one has changed more than such a part of what is left.
_WORTHWHILE: Final = 10
# One row that fails takes about nine.
_MOST_HALVINGS: Final = 50
_MOST_TRIES: Final = 6
_PAUSE_SECONDS: Final = 0.2
# What a driver raises, or lets through, when the database does not take something.
FAILURES: Final = (sa.exc.SQLAlchemyError, OverflowError, UnicodeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A row that stays different, and why."""

    table: str
    key: dict[str, str | None]
    action: str
    why: str

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {"table": self.table, "key": self.key, "action": self.action, "why": self.why}


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has become of the rows of one table so far.

    `done` counts by kind what was changed. `settled` rows were right by themselves by then,
    `moved` ones had other values than had been seen; `failed` ones the database did not take, and
    `refused` ones were never tried.
    """

    done: Counter[findings.Kind] = field(default_factory=Counter)
    settled: int = 0
    moved: int = 0
    failed: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Return how many rows stay different."""
        return self.moved + self.failed + self.refused

    def begin_again(self) -> None:
        """Forget what was left: it is looked at once more."""
        self.settled = self.moved = self.failed = self.refused = 0
        self.problems.clear()


@dataclass(slots=True, kw_only=True)
class Yard:
    """What all steps of a repair share: the session that holds the lock, and where to write."""

    session: base.Session
    lock: base.RunLock
    log: repair_log.Log
    tell: events.Listener
    clock: clocks.Clock
    tallies: dict[str, Tally]

    def tally(self, scope: Scope) -> Tally:
        """Return the tally of a table."""
        return self.tallies.setdefault(scope.title, Tally())

    def leave(self, scope: Scope, one: Difference, why: str, *, moved: bool = False) -> None:
        """Note that a row stays as it is."""
        tally = self.tally(scope)
        if moved:
            tally.moved += 1
        else:
            tally.failed += 1
        self._note(scope, one, why)

    def refuse(self, scope: Scope, one: Difference, why: str) -> None:
        """Note that a row is not even tried."""
        self.tally(scope).refused += 1
        self._note(scope, one, why)

    def _note(self, scope: Scope, one: Difference, why: str) -> None:
        self.log.left(scope.pair, one, why)
        tally = self.tally(scope)
        if len(tally.problems) < MOST_PROBLEMS:
            tally.problems.append(
                Problem(
                    table=scope.title,
                    key=_key(scope, one),
                    action=repair_plan.WORDS[one.kind],
                    why=why,
                )
            )

    def done(self, scope: Scope, rows: Sequence[Difference]) -> None:
        """Note that rows are changed, and committed."""
        if not rows:
            return
        kind = rows[0].kind
        self.tally(scope).done[kind] += len(rows)
        self.tell(
            events.RowsRepaired(table=scope.title, action=repair_plan.WORDS[kind], rows=len(rows))
        )

    def take_back(self, mark: int) -> None:
        """Take back what is not committed, in the database and in the log."""
        self.log.back(mark)
        if not self.session.gone:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                self.session.rollback()


def _key(scope: Scope, one: Difference) -> dict[str, str | None]:
    pair = scope.pair
    if pair.key:
        return {
            pair.columns[place].target_name: pair.columns[place].shown(text)
            for place, text in zip(pair.key, one.key, strict=True)
        }
    texts = one.source if one.source is not None else one.target
    return {
        column.target_name: column.shown(text)
        for column, text in zip(pair.columns, texts or (), strict=False)
    }


# --- rounds ---------------------------------------------------------------------------------


def steps(scopes: Sequence[Scope]) -> list[tuple[findings.Kind, Scope]]:
    """Return what is done to which table in a safe order."""
    return [
        *((repair_plan.INSERT, scope) for scope in scopes),
        *((repair_plan.UPDATE, scope) for scope in scopes),
        *((repair_plan.DELETE, scope) for scope in reversed(scopes)),
    ]


class Rounds:
    """Goes through the differences of all tables until nothing moves any more."""

    def __init__(
        self,
        yard: Yard,
        scopes: Sequence[Scope],
        writers: dict[int, repair_rows.Writer],
    ) -> None:
        self._yard = yard
        self._scopes = scopes
        self._writers = writers
        # Tables where a kind of change cannot work at all, and why.
        self._broken: dict[tuple[int, findings.Kind], str] = {}
        self._halvings = _MOST_HALVINGS

    def run(self, spool: findings.Spool) -> findings.Spool:
        """Put right what can be; return what is left, which has to be closed."""
        before, waiting = spool, findings.Spool()
        try:
            for number in range(_MOST_ROUNDS):
                moved = sum(
                    self._step(kind, scope, before, waiting, first=number == 0)
                    for kind, scope in steps(self._scopes)
                )
                if before is not spool:
                    before.close()
                left = sum(waiting.count(scope.place) for scope in self._scopes)
                # Where little moves, rows hold each other in more than one way.
                if moved * _WORTHWHILE <= left or number == _MOST_ROUNDS - 1:
                    break
                before, waiting = waiting, findings.Spool()
        except BaseException:
            waiting.close()
            if before is not spool:
                before.close()
            raise
        return waiting

    def _step(
        self,
        kind: findings.Kind,
        scope: Scope,
        todo: findings.Spool,
        waiting: findings.Spool,
        *,
        first: bool,
    ) -> int:
        """Do one kind of change to one table; return how many rows were changed."""
        own = repair_order.own_key(scope)
        few = todo.count(scope.place) <= repair_order.MOST_ROWS
        if own is None or kind is repair_plan.UPDATE or not few:
            return self._pass(kind, scope, todo, waiting, first=first)
        with contextlib.closing(repair_order.in_order(scope, own, kind, todo)) as ordered:
            return self._pass(kind, scope, ordered, waiting, first=first)

    def _pass(
        self,
        kind: findings.Kind,
        scope: Scope,
        todo: findings.Spool,
        waiting: findings.Spool,
        *,
        first: bool,
    ) -> int:
        found: Iterable[Difference] = todo.read(scope.place, kind=kind)
        if first:
            found = (one for one in found if self._meant(scope, one))
        moved, self._halvings = 0, _MOST_HALVINGS
        for chunk in repair_rows.chunks(scope, found):
            why = self._broken.get((scope.place, kind))
            if why is not None:
                for one in chunk:
                    self._yard.leave(scope, one, why)
                continue
            moved += _Chunk(self, self._yard, scope, waiting).run(chunk)
        return moved

    def _meant(self, scope: Scope, one: Difference) -> bool:
        why = scope.why_not(one)
        if why is not None:
            self._yard.refuse(scope, one, why)
        return why is None

    def worth_halving(self) -> bool:
        """Whether to look for the rows that make a statement fail; many are left for later."""
        self._halvings -= 1
        return self._halvings >= 0

    def writer(self, scope: Scope) -> repair_rows.Writer:
        """Return what writes to a table."""
        return self._writers[scope.place]

    def broken(self, scope: Scope, kind: findings.Kind, why: str) -> None:
        """Note that no row of a table can be changed in this way."""
        self._broken[scope.place, kind] = why


class _Chunk:
    """Rows of one statement: put right in one transaction, or in ever smaller ones."""

    def __init__(self, rounds: Rounds, yard: Yard, scope: Scope, waiting: findings.Spool) -> None:
        self._rounds = rounds
        self._yard = yard
        self._scope = scope
        self._waiting = waiting
        self._writer = rounds.writer(scope)

    def run(self, rows: Sequence[Difference], *, slow: bool = False, known: bool = False) -> int:
        """Return how many rows were changed; `known` ones are as they were seen, just now."""
        if not rows:
            return 0
        try:
            return self._patiently(lambda: self._commit(rows, slow=slow))
        except repair_rows.Missed as miss:
            if not known and self._scope.pair.key:
                return self._sorted(rows)
            if len(rows) == 1:
                self._yard.leave(self._scope, rows[0], str(miss), moved=True)
                return 0
        except repair_rows.Kept as kept:
            if len(rows) == 1:
                self._yard.leave(self._scope, rows[0], str(kept))
                return 0
        except FAILURES as error:
            fault, why = self._fault(error)
            if fault is base.Fault.OTHER:
                self._rounds.broken(self._scope, rows[0].kind, why)
                for one in rows:
                    self._yard.leave(self._scope, one, why)
                return 0
            if len(rows) == 1:
                return self._alone(rows[0], why, known=known)
            if not self._scope.alone and not self._rounds.worth_halving():
                self._waiting.add(self._scope.place, rows)
                return 0
        middle = len(rows) // 2
        return self.run(rows[:middle], slow=slow, known=known) + self.run(
            rows[middle:], slow=slow, known=known
        )

    def _fault(self, error: BaseException) -> tuple[base.Fault, str]:
        engine = self._yard.session.engine
        return engine.fault(error), engine.cause(error)

    def _patiently(self, work: Callable[[], int]) -> int:
        """Do some work again as long as somebody else stands in its way, but not for ever."""
        for attempt in range(_MOST_TRIES):
            try:
                return work()
            except (*FAILURES, errors.DatabaseUnavailable) as error:
                fault, why = self._fault(error)
                if fault in (base.Fault.DATA, base.Fault.OTHER):
                    raise
                if fault is base.Fault.GONE and self._yard.session.gone:
                    raise errors.RepairFailed(database=self._yard.session.url, cause=why) from error
                if attempt == _MOST_TRIES - 1:
                    raise errors.RepairFailed(database=self._yard.session.url, cause=why) from error
            self._yard.clock.sleep(_PAUSE_SECONDS * 2**attempt)
        return 0

    def _commit(self, rows: Sequence[Difference], *, slow: bool) -> int:
        """Change rows, look whether they are right, and commit that."""
        yard, mark = self._yard, self._yard.log.mark()
        held: list[Difference] = []
        try:
            yard.session.begin()
            if rows[0].kind is repair_plan.DELETE:
                referred = self._writer.referred(rows, slow=slow)
                held = [one for one in rows if one.key in referred]
                rows = [one for one in rows if one.key not in referred]
            if rows:
                write(self._writer, rows, slow=slow)
            for one in rows:
                yard.log.changed(self._scope.pair, one)
            yard.log.flush()
            yard.lock.check()
            yard.session.commit()
        except BaseException:
            yard.take_back(mark)
            raise
        yard.done(self._scope, rows)
        self._waiting.add(self._scope.place, held)
        return len(rows)

    # --- rows that are not as they were seen --------------------------------------------------

    def _sorted(self, rows: Sequence[Difference]) -> int:
        """Look at rows of which some have changed, and change those that have not."""
        there = self._look(rows, slow=False)
        lost = [one for one in rows if one.key not in there]
        far = self._look(lost, slow=True) if lost else {}
        ready: dict[bool, list[Difference]] = {False: [], True: []}
        for one in rows:
            found = there.get(one.key) or far.get(one.key) or []
            why = self._writer.moved(one, found)
            if why is None:
                ready[one.key not in there].append(one)
            elif why:
                self._yard.leave(self._scope, one, why, moved=True)
            else:
                self._yard.tally(self._scope).settled += 1
        return sum(self.run(some, slow=slow, known=True) for slow, some in ready.items())

    def _look(self, rows: Sequence[Difference], *, slow: bool) -> repair_rows.Seen:
        try:
            self._yard.session.begin()
            return self._writer.now(rows, slow=slow)
        finally:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                self._yard.session.rollback()

    def _alone(self, one: Difference, why: str, *, known: bool) -> int:
        """A row that the database does not take by itself: it may do so later."""
        if one.kind is repair_plan.INSERT and self._scope.unique and not known:
            there = self._look([one], slow=False).get(one.key)
            if there:
                moved = self._writer.moved(one, there)
                if moved:
                    self._yard.leave(self._scope, one, moved, moved=True)
                else:
                    self._yard.tally(self._scope).settled += 1
                return 0
        if self._scope.alone:
            self._yard.leave(self._scope, one, why)
            return 0
        self._waiting.add(self._scope.place, [one])
        return 0


def write(writer: repair_rows.Writer, rows: Sequence[Difference], *, slow: bool = False) -> None:
    """Write rows of one kind, and look whether they are as they should be."""
    match rows[0].kind:
        case repair_plan.INSERT:
            writer.insert(rows)
            writer.check(rows, slow=slow)
        case repair_plan.DELETE:
            writer.delete(rows, slow=slow)
        case _ if writer.pair.key:
            writer.update(rows, slow=slow)
            writer.check(rows, slow=slow)
        case _:
            writer.replace(rows)
