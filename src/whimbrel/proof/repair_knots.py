"""Untie what rows hold each other in: swapped unique values, circles of foreign keys.

All rows that still wait are changed in one transaction, so that nobody sees it half done. Unique
values that stand in somebody's way are parked first (NULL, or a value that nobody has), foreign
keys are checked at the end where the engine can do that, and are NULL in between where it cannot.
A row that fails all the same is left out and everything is tried again without it. Constraints
are never switched off.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.proof import findings, repair_plan, repair_rounds, repair_rows

Difference = findings.Difference
Scope = repair_plan.Scope

_MOST_TRIES: Final = 12
_SAVEPOINT: Final = "whimbrel_repair"
_PAUSE_SECONDS: Final = 0.2
_WORTHWHILE: Final = 10

# A row that waits: its number among those of its table and kind.
_Row = tuple[int, Difference]
_Group = tuple[int, findings.Kind]
_Why = dict[int, str]


class Knots:
    """Changes all rows that wait in one transaction."""

    def __init__(
        self,
        yard: repair_rounds.Yard,
        scopes: Sequence[Scope],
        writers: dict[int, repair_rows.Writer],
        waiting: findings.Spool,
    ) -> None:
        self._yard = yard
        self._scopes = [scope for scope in scopes if waiting.count(scope.place)]
        self._writers = writers
        self._waiting = waiting
        self._left: dict[_Group, _Why] = {}

    def untie(self) -> int:
        """Change what can be changed; return how many rows."""
        if not self._scopes:
            return 0
        changed, later = 0, True
        for attempt in range(_MOST_TRIES):
            mark = self._yard.log.mark()
            one = _Attempt(self, self._yard, self._left)
            try:
                self._yard.session.begin()
                held = one.run(later=later)
                if not held:
                    changed = self._commit(one)
                    break
                for group, rows in held.items():
                    self._left.setdefault(group, {}).update(rows)
                self._yard.take_back(mark)
            except (*repair_rounds.FAILURES, errors.DatabaseUnavailable) as error:
                self._yard.take_back(mark)
                later = self._after(error, attempt, later=later)
            except BaseException:
                self._yard.take_back(mark)
                raise
        else:
            self._give_up()
        for (place, kind), rows in self._left.items():
            scope = next(scope for scope in self._scopes if scope.place == place)
            left = (row for row in self.rows(scope, kind) if row[0] in rows)
            for chunk in _chunks(scope, left):
                self._leave(scope, chunk, rows)
        return changed

    def _leave(self, scope: Scope, rows: Sequence[_Row], why: _Why) -> None:
        """Note rows that could not be changed; some may have been changed by others."""
        there: repair_rows.Seen = {}
        ask = scope.unique and bool(scope.pair.key)
        if ask:
            try:
                self._yard.session.begin()
                there = self.writer(scope).now([one for _, one in rows])
            finally:
                self._yard.session.rollback()
        for number, one in rows:
            found = there.get(one.key, [])
            moved = self.writer(scope).moved(one, found) if ask and found else None
            if moved == "":
                self._yard.tally(scope).settled += 1
            else:
                self._yard.leave(scope, one, moved or why[number], moved=moved is not None)

    def _after(self, error: BaseException, attempt: int, *, later: bool) -> bool:
        """Return whether foreign keys shall wait at the next attempt, or raise."""
        engine, session = self._yard.session.engine, self._yard.session
        fault = engine.fault(error)
        failed = errors.RepairFailed(database=session.url, cause=engine.cause(error))
        if fault is base.Fault.DATA and later:
            return False  # the commit failed: checked at once, it shows whose fault it is
        if session.gone or fault is not base.Fault.LOCKED or attempt == _MOST_TRIES - 1:
            raise failed from error
        self._yard.clock.sleep(_PAUSE_SECONDS * (attempt + 1))
        return later

    def _commit(self, one: _Attempt) -> int:
        for scope, found in one.changed():
            self._yard.log.changed(scope.pair, found)
        self._yard.log.flush()
        self._yard.lock.check()
        self._yard.session.commit()
        count = 0
        for scope in self._scopes:
            for kind in findings.Kind:
                rows = [
                    found
                    for number, found in self.rows(scope, kind)
                    if number in one.done.get((scope.place, kind), ())
                ]
                self._yard.done(scope, rows)
                count += len(rows)
        return count

    def _give_up(self) -> None:
        for scope, kind in itertools.product(self._scopes, findings.Kind):
            left = self._left.setdefault((scope.place, kind), {})
            for number, _ in self.rows(scope, kind):
                left.setdefault(number, "rows that hold each other could not be untied")

    @property
    def scopes(self) -> Sequence[Scope]:
        """The tables with rows that wait."""
        return self._scopes

    def rows(self, scope: Scope, kind: findings.Kind) -> Iterator[_Row]:
        """Yield the rows that wait with their numbers."""
        return enumerate(self._waiting.read(scope.place, kind=kind))

    def writer(self, scope: Scope) -> repair_rows.Writer:
        """Return what writes to a table."""
        return self._writers[scope.place]


class _Attempt:
    """One try in one transaction."""

    def __init__(self, knots: Knots, yard: repair_rounds.Yard, left: dict[_Group, _Why]) -> None:
        self.done: dict[_Group, set[int]] = {}
        self._knots = knots
        self._yard = yard
        self._left = left
        self._why: dict[_Group, _Why] = {}
        self._parked: dict[_Group, set[int]] = {}
        self._reborn: dict[_Group, set[int]] = {}
        # Of rows that came with NULL in a foreign key: what is set when the others are there.
        self._open: dict[int, list[Difference]] = {}
        self._relaxed = False

    def run(self, *, later: bool) -> dict[_Group, _Why]:
        """Change everything; return the rows that cannot be, none of which may stay."""
        if later:
            self._yard.session.engine.defer_foreign_keys(self._yard.session)
        for scope in self._knots.scopes:
            for kind in (repair_plan.UPDATE, repair_plan.DELETE):
                self._park(scope, kind)
        while True:
            moved = sum(
                self._step(scope, kind) for kind, scope in repair_rounds.steps(self._knots.scopes)
            )
            pending = sum(1 for _ in self._pending())
            if not pending and not any(self._open.values()):
                return {}
            if not moved and self._relaxed:
                break
            # One generation after the other would take too long.
            self._relaxed = self._relaxed or moved * _WORTHWHILE <= pending
        return self._held()

    def changed(self) -> Iterator[tuple[Scope, Difference]]:
        """Yield what was changed."""
        for scope, kind in itertools.product(self._knots.scopes, findings.Kind):
            done = self.done.get((scope.place, kind), set())
            for number, found in self._knots.rows(scope, kind):
                if number in done:
                    yield scope, found

    # --- what is still to be done -------------------------------------------------------------

    def _todo(self, scope: Scope, kind: findings.Kind) -> Iterator[_Row]:
        group = scope.place, kind
        over = self.done.get(group, set()) | self._left.get(group, {}).keys()
        return (
            (number, one) for number, one in self._knots.rows(scope, kind) if number not in over
        )

    def _pending(self) -> Iterator[_Row]:
        for scope, kind in itertools.product(self._knots.scopes, findings.Kind):
            yield from self._todo(scope, kind)

    def _held(self) -> dict[_Group, _Why]:
        held: dict[_Group, _Why] = {}
        for scope, kind in itertools.product(self._knots.scopes, findings.Kind):
            group = scope.place, kind
            known = self._why.get(group, {})
            for number, _ in self._todo(scope, kind):
                why = known.get(number, "rows of other tables stand in its way")
                held.setdefault(group, {})[number] = why
            if kind is repair_plan.INSERT and self._open.get(scope.place):
                keys = {one.key for one in self._open[scope.place]}
                for number, one in self._knots.rows(scope, kind):
                    if one.key in keys:
                        held.setdefault(group, {})[number] = "what it refers to is not there"
        return held

    # --- making room --------------------------------------------------------------------------

    def _park(self, scope: Scope, kind: findings.Kind) -> None:
        writer, group = self._knots.writer(scope), (scope.place, kind)
        rows = (row for row in self._todo(scope, kind) if writer.parked(row[1]))
        for chunk in _chunks(scope, rows):
            failed = self._try(writer.park, chunk)
            parked = {number for number, _ in chunk} - failed.keys()
            self._parked.setdefault(group, set()).update(parked)
            if kind is not repair_plan.UPDATE or scope.rest:
                continue
            for number, one in chunk:
                if number in failed and not self._try(self._remove(scope), [(number, one)]):
                    self._reborn.setdefault(group, set()).add(number)

    def _remove(self, scope: Scope) -> Callable[[Sequence[Difference]], object]:
        """Return what deletes rows that nobody refers to, to insert them again."""
        writer = self._knots.writer(scope)

        def remove(rows: Sequence[Difference]) -> None:
            if writer.referred(rows):
                raise repair_rows.Missed("other rows refer to it")
            writer.delete(rows)

        return remove

    # --- one step -----------------------------------------------------------------------------

    def _step(self, scope: Scope, kind: findings.Kind) -> int:
        group = scope.place, kind
        moved = 0
        for chunk in _chunks(scope, self._todo(scope, kind)):
            parked, reborn = self._parked.get(group, set()), self._reborn.get(group, set())
            for parts in (
                [row for row in chunk if row[0] in reborn],
                [row for row in chunk if row[0] in parked],
                [row for row in chunk if row[0] not in parked and row[0] not in reborn],
            ):
                if parts:
                    action = self._action(
                        scope, kind, again=parts[0][0] in reborn, free=parts[0][0] in parked
                    )
                    moved += self._changed(group, parts, self._try(action, parts))
        if kind is repair_plan.INSERT and self._relaxed and scope.loose:
            moved += self._loosely(scope)
        if kind is repair_plan.UPDATE:
            moved += self._close(scope)
        return moved

    def _changed(self, group: _Group, rows: Sequence[_Row], failed: _Why) -> int:
        self._why.setdefault(group, {}).update(failed)
        done = {number for number, _ in rows} - failed.keys()
        self.done.setdefault(group, set()).update(done)
        return len(done)

    def _action(
        self, scope: Scope, kind: findings.Kind, *, again: bool, free: bool
    ) -> Callable[[Sequence[Difference]], object]:
        writer = self._knots.writer(scope)
        out = scope.parkable if free else frozenset[int]()

        def insert(rows: Sequence[Difference]) -> None:
            writer.insert(rows)
            writer.check(rows)

        def update(rows: Sequence[Difference]) -> None:
            if not writer.pair.key:
                writer.replace(rows)
                return
            writer.update(rows, free=out)
            writer.check(rows)

        def delete(rows: Sequence[Difference]) -> None:
            referred = writer.referred(rows)
            if referred:
                child = next(iter(referred.values()))
                raise repair_rows.Missed(
                    f"rows of {child.table} refer to it, and would not stay as they are "
                    f"(ON DELETE {child.key.on_delete or 'NO ACTION'})"
                )
            writer.delete(rows, free=out | scope.loose if free else ())

        if kind is repair_plan.INSERT or again:
            return insert
        return update if kind is repair_plan.UPDATE else delete

    def _loosely(self, scope: Scope) -> int:
        """Insert rows with NULL in the foreign keys of a circle."""
        writer, group = self._knots.writer(scope), (scope.place, repair_plan.INSERT)
        moved = 0

        def insert(rows: Sequence[Difference]) -> None:
            writer.insert(rows, without=scope.loose)
            writer.check(rows, without=scope.loose)

        for chunk in _chunks(scope, self._todo(scope, repair_plan.INSERT)):
            failed = self._try(insert, chunk)
            moved += self._changed(group, chunk, failed)
            for number, one in chunk:
                if number not in failed:
                    self._open.setdefault(scope.place, []).extend(_opened(scope, one))
        return moved

    def _close(self, scope: Scope) -> int:
        """Set the foreign keys that came as NULL."""
        writer = self._knots.writer(scope)
        rows = list(enumerate(self._open.get(scope.place, ())))

        def update(some: Sequence[Difference]) -> None:
            writer.update(some)
            writer.check(some)

        moved, left = 0, []
        for chunk in _chunks(scope, iter(rows)):
            failed = self._try(update, chunk)
            left += [one for number, one in chunk if number in failed]
            moved += len(chunk) - len(failed)
        self._open[scope.place] = left
        return moved

    # --- trying -------------------------------------------------------------------------------

    def _try(self, action: Callable[[Sequence[Difference]], object], rows: Sequence[_Row]) -> _Why:
        """Do something to rows; return those to which it cannot be done, with the reason."""
        session = self._yard.session
        session.execute(f"SAVEPOINT {_SAVEPOINT}")
        try:
            action([one for _, one in rows])
        except (repair_rows.Missed, repair_rows.Kept) as no:
            why = str(no)
        except repair_rounds.FAILURES as error:
            if session.engine.fault(error) not in (base.Fault.DATA, base.Fault.OTHER):
                raise
            why = session.engine.cause(error)
        else:
            session.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}")
            return {}
        session.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        session.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        if len(rows) == 1:
            return {rows[0][0]: why}
        middle = len(rows) // 2
        return self._try(action, rows[:middle]) | self._try(action, rows[middle:])


def _opened(scope: Scope, one: Difference) -> list[Difference]:
    """Return what has to be set of a row that came with NULLs."""
    source = one.source or ()
    places = tuple(sorted(place for place in scope.loose if source[place] is not None))
    if not places:
        return []
    came = tuple(None if place in scope.loose else text for place, text in enumerate(source))
    return [
        Difference(
            kind=repair_plan.UPDATE, key=one.key, source=one.source, target=came, columns=places
        )
    ]


def _chunks(scope: Scope, rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    """Yield rows with their numbers in portions that fit into a statement."""
    numbers: list[int] = []

    def found() -> Iterator[Difference]:
        for number, one in rows:
            numbers.append(number)
            yield one

    for chunk in repair_rows.chunks(scope, found()):
        mine, numbers[: len(chunk)] = numbers[: len(chunk)], []
        yield list(zip(mine, chunk, strict=True))
