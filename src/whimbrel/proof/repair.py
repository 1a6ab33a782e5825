"""Make the target of a comparison like its source: plan it, or do it and compare again.

What is done is listed row by row. Rows that have changed since they were compared are left, and
so is everything that cannot be done safely, each with its reason. Which rows can be repaired is
said by `repair_plan`, the work is done by `repair_rounds` and `repair_knots`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base
from whimbrel.proof import (
    findings,
    repair_knots,
    repair_log,
    repair_plan,
    repair_rounds,
    repair_rows,
)
from whimbrel.proof import verify as verifying

# A change of one table may change another (ON UPDATE CASCADE, a trigger): that is repaired too.
_MOST_PASSES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRepair:
    """What was done to one table, and what was left.

    `settled` rows were right by themselves by then; `changed_meanwhile` ones had other values
    than had been seen; `failed` ones the database did not take, `refused` ones were never tried.
    `problems` are the first of those that were left, all of them are in the log.
    """

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    settled: int = 0
    changed_meanwhile: int = 0
    failed: int = 0
    refused: int = 0
    problems: tuple[repair_rounds.Problem, ...] = ()

    @property
    def rows(self) -> int:
        """Return how many rows were changed."""
        return self.inserted + self.updated + self.deleted

    @property
    def left(self) -> int:
        """Return how many rows were left as they are."""
        return self.changed_meanwhile + self.failed + self.refused

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "table": self.table,
            "inserted": self.inserted,
            "updated": self.updated,
            "deleted": self.deleted,
            "settled": self.settled,
            "changed_meanwhile": self.changed_meanwhile,
            "failed": self.failed,
            "refused": self.refused,
            "problems": [one.as_json() for one in self.problems],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What a repair has done. `after` is the comparison of the tables it was about, afterwards.

    `equal` is said of everything that was compared at first.
    """

    plan: repair_plan.RepairPlan
    tables: tuple[TableRepair, ...]
    after: verifying.Verification | None
    equal: bool
    passes: int
    started_at: str
    seconds: float
    log: str | None = None

    @property
    def rows(self) -> int:
        """Return how many rows were changed."""
        return sum(table.rows for table in self.tables)

    @property
    def left(self) -> int:
        """Return how many rows were left as they are."""
        return sum(table.left for table in self.tables)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "equal": self.equal,
            "plan": self.plan.as_json(),
            "rows": self.rows,
            "left": self.left,
            "tables": [table.as_json() for table in self.tables],
            "passes": self.passes,
            "started_at": self.started_at,
            "seconds": round(self.seconds, 3),
            "log": self.log,
            "after": self.after.as_json() if self.after is not None else None,
        }


# --- planning -------------------------------------------------------------------------------


def plan(verification: verifying.Verification) -> repair_plan.RepairPlan:
    """Say what `repair` would do with a comparison that is not closed; change nothing.

    Raises RepairRefused for a comparison of a sample.
    """
    session = _origin(verification).target()
    try:
        land = _ground(session)
        scopes = repair_plan.scopes(verification, land)
        return repair_plan.made(verification, land, scopes)
    finally:
        session.close()


def _origin(verification: verifying.Verification) -> verifying.Origin:
    if verification.origin is None:
        raise errors.UsageError(
            "this comparison does not know its databases any more",
            remedy="repair what whimbrel.verify(…) has returned",
        )
    return verification.origin


def _ground(session: base.Session) -> repair_plan.Ground:
    session.begin()
    try:
        defers = session.engine.defer_foreign_keys(session)
        return repair_plan.ground(session, defers=defers)
    finally:
        session.rollback()


# --- doing it -------------------------------------------------------------------------------


def repair(
    verification: verifying.Verification,
    *,
    log: Path | str | None = None,
    command: str = "whimbrel.repair",
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Repaired:
    """Make the target like the source where they differ, then compare these tables again.

    `verification` must not be closed. Every change is written to the new file `log`, a line of
    JSON for each value. Nobody else may run a migration or a repair of the target meanwhile.

    Raises RepairRefused, LockHeld, LockLost, DatabaseUnavailable, UsageError; RepairFailed where
    it has to stop half-way.
    """
    origin = _origin(verification)
    if origin.writing is None:
        raise errors.UsageError(
            "the target of this comparison can only be read",
            remedy="repair what whimbrel.verify(…) has returned",
        )
    started, since = clock.now(), clock.seconds()
    file = Path(log) if log is not None else None
    first = plan(verification)
    with repair_log.Log(file) as out:
        done = _Repair(verification, origin, out, command=command, tell=tell, clock=clock)
        done.run(first)
    repaired = Repaired(
        plan=first,
        tables=done.results(),
        after=done.after,
        equal=done.equal,
        passes=done.passes,
        started_at=clocks.stamp(started),
        seconds=clock.seconds() - since,
        log=str(file) if file is not None else None,
    )
    tell(events.RepairDone(rows=repaired.rows, equal=repaired.equal, seconds=repaired.seconds))
    return repaired


class _Repair:
    """One repair: passes over the tables that differ, each followed by another look."""

    def __init__(
        self,
        verification: verifying.Verification,
        origin: verifying.Origin,
        log: repair_log.Log,
        *,
        command: str,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self.after: verifying.Verification | None = None
        self.passes = 0
        self._verification = verification
        self._origin = origin
        self._log = log
        self._command = command
        self._tell = tell
        self._clock = clock
        self._tallies: dict[str, repair_rounds.Tally] = {}

    @property
    def equal(self) -> bool:
        """Whether all that was compared at first is equal by now."""
        after = {one.name: one.equal for one in self.after.tables} if self.after else {}
        return all(after.get(one.name, one.equal) for one in self._verification.tables)

    def results(self) -> tuple[TableRepair, ...]:
        """Return what was done, table by table."""
        return tuple(_result(table, tally) for table, tally in self._tallies.items())

    def run(self, planned: repair_plan.RepairPlan) -> None:
        """Repair what was planned, and what turns out to follow from it."""
        if not self._verification.differences:
            return
        with self._working() as (session, lock):
            self._tell(
                events.RepairStarted(
                    database=session.url,
                    tables=tuple(table.table for table in planned.tables),
                    rows=planned.rows,
                )
            )
            current = self._verification
            while True:
                for tally in self._tallies.values():
                    tally.begin_again()
                changed = self._pass(session, lock, current)
                if current is not self._verification:
                    current.close()
                self.passes += 1
                if not changed:
                    break
                current = self.after = self._compared_again(session)
                left = sum(tally.left for tally in self._tallies.values())
                if current.differences <= left or self.passes == _MOST_PASSES:
                    break
            if self.after is not None:
                self.after.close()

    @contextlib.contextmanager
    def _working(self) -> Iterator[tuple[base.Session, base.RunLock]]:
        """Open a session that may write, and hold the lock of the target."""
        if self._origin.writing is None:
            raise errors.UsageError("the target of this comparison can only be read")
        session = self._origin.writing()
        try:
            session.engine.codec(session).prepare()
            session.engine.isolate(session, None)
            session.commit()
            lock = session.engine.lock(session, self._clock)
            lock.acquire(self._holder())
            try:
                yield session, lock
            finally:
                # A session that is gone has freed the lock itself; what stopped us counts.
                with contextlib.suppress(sa.exc.SQLAlchemyError):
                    session.rollback()
                    lock.release()
        finally:
            session.close()

    def _holder(self) -> base.Holder:
        return base.Holder(
            run=secrets.token_hex(8),
            who=_user(),
            host=socket.gethostname(),
            pid=os.getpid(),
            command=self._command,
            started_at=clocks.stamp(self._clock.now()),
        )

    def _pass(
        self, session: base.Session, lock: base.RunLock, current: verifying.Verification
    ) -> int:
        """Put right what differs in one comparison; return how many rows were changed."""
        scopes = repair_plan.scopes(current, _ground(session))
        coder = session.engine.codec(session)
        writers: dict[int, repair_rows.Writer] = {}
        for scope in scopes:
            # A codec may have to see a column before it is asked for its texts.
            for one in scope.pair.columns:
                coder.form(scope.pair.target, one.target.column)
            writers[scope.place] = repair_rows.Writer(session, coder, scope)
        session.rollback()
        yard = repair_rounds.Yard(
            session=session,
            lock=lock,
            log=self._log,
            tell=self._tell,
            clock=self._clock,
            tallies=self._tallies,
        )
        before = self._changed()
        with session.engine.as_given(session):
            session.commit()
            waiting = repair_rounds.Rounds(yard, scopes, writers).run(current.spool)
            try:
                repair_knots.Knots(yard, scopes, writers, waiting).untie()
            finally:
                waiting.close()
        session.commit()
        return self._changed() - before

    def _changed(self) -> int:
        return sum(sum(tally.done.values()) for tally in self._tallies.values())

    # --- looking again ------------------------------------------------------------------------

    def _compared_again(self, session: base.Session) -> verifying.Verification:
        names = self._concerned(_ground(session))
        tables = {
            one.pair.source.name: one.pair.target.name
            for one in self._verification.tables
            if one.pair is not None and one.pair.target.name in names
        }
        return verifying.verify(
            self._origin.source,
            self._origin.target,
            wanted=dataclasses.replace(self._origin.wanted, tables=tables, exclude=frozenset()),
            options=self._origin.options,
            writing=self._origin.writing,
            tell=self._tell,
            clock=self._clock,
        )

    def _concerned(self, land: repair_plan.Ground) -> frozenset[str]:
        """Return the tables that were repaired, and those that may have changed with them."""
        every = [one for one in self._verification.tables if one.pair is not None]
        names = {one.pair.target.name for one in every if one.pair and one.counts.differences}
        if any(land.triggers.get(name) for name in names):
            return frozenset(one.pair.target.name for one in every if one.pair)
        waiting = list(names)
        while waiting:
            for child in land.children.get(waiting.pop(), ()):
                if child.table not in names:
                    names.add(child.table)
                    waiting.append(child.table)
        return frozenset(names)


def _result(table: str, tally: repair_rounds.Tally) -> TableRepair:
    done: Mapping[findings.Kind, int] = tally.done
    problems: Sequence[repair_rounds.Problem] = tally.problems
    return TableRepair(
        table=table,
        inserted=done[repair_plan.INSERT],
        updated=done[repair_plan.UPDATE],
        deleted=done[repair_plan.DELETE],
        settled=tally.settled,
        changed_meanwhile=tally.moved,
        failed=tally.failed,
        refused=tally.refused,
        problems=tuple(problems),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"uid {os.getuid()}"
