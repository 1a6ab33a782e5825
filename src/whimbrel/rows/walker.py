"""Walk one part of a table batch by batch: each committed with its checkpoint, none done twice.

What is done with the rows is `work`'s, how many `pace`'s, when to wait `throttle`'s. Here it is
decided what follows when a batch fails: a lock is waited for, anything else is halved until the
one row is found that cannot be done.
"""

from __future__ import annotations

import abc
import dataclasses
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base
from whimbrel.journal import parts
from whimbrel.pacing import RowsConfig
from whimbrel.rows import keys, memory, pace, throttle, work

# How often a walker that waits looks whether it may go on.
LOOK_SECONDS: Final = 0.2
# How often what people ask is read from the journal while waiting.
ASK_SECONDS: Final = 1.0
_LONGEST_LOCK_WAIT: Final = 2.0
# So often a batch of one row may fail without a row that could have failed.
_MISSES: Final = 3


class Scope(abc.ABC):
    """What holds a batch together: a transaction with its checkpoint, or a savepoint."""

    # Whether a batch that failed can be taken back alone and tried again.
    again = True

    def __init__(self, session: base.Session) -> None:
        self.session = session

    @abc.abstractmethod
    def begin(self) -> None:
        """Open the batch."""

    @abc.abstractmethod
    def commit(
        self,
        part: parts.PartRow,
        batch: parts.BatchRow,
        rejects: Sequence[parts.Reject],
        *,
        done: bool,
    ) -> parts.PartRow:
        """Keep the batch, with its checkpoint; return the part after it."""

    @abc.abstractmethod
    def undo(self) -> None:
        """Take the open batch back."""

    def asked(self) -> parts.Control:
        """Return what people ask of the run."""
        return parts.Control()

    def waiting(self, part: parts.PartRow, reason: str | None) -> None:
        """Let who looks from elsewhere see what is waited for."""

    def breath(self, seconds: float) -> base.Breath:
        """Return how to go on after a batch that kept others out for so many seconds."""
        return base.Breath()


class Committed(Scope):
    """Each batch is a transaction, with its checkpoint in the journal."""

    def __init__(
        self,
        session: base.Session,
        notes: parts.Parts,
        lock_check: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(session)
        self._notes = notes
        self._lock_check = lock_check
        self._asked = parts.Control()

    def begin(self) -> None:
        self.session.begin()

    def commit(
        self,
        part: parts.PartRow,
        batch: parts.BatchRow,
        rejects: Sequence[parts.Reject],
        *,
        done: bool,
    ) -> parts.PartRow:
        after = self._notes.advance(part, batch, done=done)
        self._notes.reject(part.position, part.part, part.rows_rejected + 1, rejects)
        if self._lock_check is not None:
            self._lock_check()
        self.session.commit()
        return after

    def undo(self) -> None:
        if not self.session.gone:
            self.session.rollback()

    def asked(self) -> parts.Control:
        self.session.rollback()  # what was only read on the way here
        try:
            with self.session.looking():
                self._asked = self._notes.control()
        except sa.exc.DBAPIError as error:
            # Somebody keeps even readers out: the next batch will meet him, too.
            if self.session.engine.fault(error) is not base.Fault.LOCKED:
                raise
        return self._asked

    def waiting(self, part: parts.PartRow, reason: str | None) -> None:
        try:
            self._notes.wait(part, reason)
            self.session.commit()
        except (sa.exc.DBAPIError, errors.DatabaseUnavailable) as error:
            self.undo()
            if self.session.engine.fault(error) is not base.Fault.LOCKED:
                raise

    def breath(self, seconds: float) -> base.Breath:
        return self.session.engine.breath(self.session, seconds)


class Inside(Scope):
    """Each batch is a savepoint of the migration's own transaction; only rejects are noted.

    What waited for a lock or took too long may have ended that transaction, so it is not tried
    again, and no time is set.
    """

    again = False

    def __init__(self, session: base.Session, notes: parts.Parts) -> None:
        super().__init__(session)
        self._notes = notes

    def begin(self) -> None:
        self._nested = self.session.connection.begin_nested()

    def commit(
        self,
        part: parts.PartRow,
        batch: parts.BatchRow,
        rejects: Sequence[parts.Reject],
        *,
        done: bool,
    ) -> parts.PartRow:
        self._notes.reject(part.position, part.part, part.rows_rejected + 1, rejects)
        self._nested.commit()
        state = parts.State.DONE if done else parts.State.RUNNING
        return dataclasses.replace(
            part,
            status=state.value,
            reached=batch.reached if batch.reached is not None else part.reached,
            rows_read=part.rows_read + batch.rows_read,
            rows_written=part.rows_written + batch.rows_written,
            rows_rejected=part.rows_rejected + batch.rows_rejected,
            batches=part.batches + 1,
            retries=part.retries + batch.tries - 1,
            seconds=part.seconds + batch.seconds,
        )

    def undo(self) -> None:
        if not self.session.gone and self._nested.is_active:
            self._nested.rollback()


@dataclass(kw_only=True)
class Course:
    """What the walkers of one step share."""

    migration: str
    run: int
    position: int
    config: RowsConfig
    max_rejects: int
    rate: pace.Rate
    throttle: throttle.Throttle | None = None
    watch: memory.Watch | None = None
    sample: int | None = None  # a dry run stops after so many rows
    rejected: int = 0
    read: int = 0
    tell: events.Listener = events.nobody
    clock: clocks.Clock = clocks.SYSTEM
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, event: events.Event) -> None:
        """Tell an event; listeners need not expect two threads at once."""
        with self._lock:
            self.tell(event)

    def reserve(self, rejects: Sequence[parts.Reject]) -> None:
        """Count rejects that are about to be committed; raise RowFailed for one too many."""
        with self._lock:
            if rejects and self.rejected + len(rejects) > self.max_rejects:
                raise self.failed(rejects[max(0, self.max_rejects - self.rejected)])
            self.rejected += len(rejects)

    def release(self, rejects: Sequence[parts.Reject]) -> None:
        """Take back what was counted: the batch was not committed."""
        with self._lock:
            self.rejected -= len(rejects)

    def count(self, read: int) -> None:
        """Count rows of a batch that is committed."""
        with self._lock:
            self.read += read

    def failed(self, reject: parts.Reject) -> errors.RowFailed:
        """Return the error for a row that cannot be done and may not be rejected."""
        return errors.RowFailed(
            reject.table,
            key=_shown(reject.key, reject.row),
            cause=reject.reason,
            rejected=self.rejected,
            max_rejects=self.max_rejects,
        )


class Stopped(Exception):
    """Another worker of the step failed, or the run was cancelled."""


class Walker:
    """Walks one part to its end."""

    def __init__(
        self,
        task: work.Work,
        part: parts.PartRow,
        scope: Scope,
        course: Course,
        sizer: pace.Sizer,
    ) -> None:
        self.task = task
        self.part = part
        self.scope = scope
        self.course = course
        self.sizer = sizer
        self._engine = scope.session.engine
        self._tries = 0
        self._lock_waits = 0
        self._not_before = 0.0
        self._why = _FAST
        self._paused_by = ""
        self._missed = 0

    def walk(self) -> parts.PartRow:
        """Do what is left of the part; raise RowFailed, RunCancelled, or what the server said."""
        while self.part.status != parts.State.DONE.value:
            self.wait_until_free()
            self._batch()
        return self.part

    # --- waiting ------------------------------------------------------------------------------

    def wait_until_free(self) -> None:
        """Wait for what holds batches back; raise RunCancelled, Stopped."""
        # A lock that is waited for has been told of where it was met.
        told, asked_at = "" if self._why == _FAST else self._why, -ASK_SECONDS
        began = self.course.clock.seconds()
        while True:
            if self.course.stop.is_set():
                raise Stopped
            now = self.course.clock.seconds()
            if now - asked_at >= ASK_SECONDS:
                self._obey(self.scope.asked())
                asked_at = now
            reason = self._reason(now)
            if reason is None:
                break
            if reason != told and (reason != _FAST or now - began > ASK_SECONDS):
                told = reason
                self.course.say(events.Waiting(reason=reason))
                self.scope.waiting(self.part, reason)
            self.course.clock.sleep(min(LOOK_SECONDS, max(self._not_before - now, 0.01)))
        if told and told != self._why:
            self.scope.waiting(self.part, None)

    def _reason(self, now: float) -> str | None:
        if self._paused_by:
            return f"paused by {self._paused_by}"
        held = self.course.throttle.hold() if self.course.throttle is not None else None
        if held is not None:
            self._not_before, self._why = now + LOOK_SECONDS, _FAST
            return held
        return self._why if now < self._not_before else None

    def _obey(self, control: parts.Control) -> None:
        if control.asked is parts.Asked.CANCEL:
            raise errors.RunCancelled(self.course.run, by=control.asked_by)
        self._paused_by = control.asked_by if control.asked is parts.Asked.PAUSE else ""
        if control.asked_at:
            asked = control.max_rows_per_second
            # 0 lifts the limit, nothing leaves what the configuration says.
            known = self.course.config.max_rows_per_second
            self.course.rate.set(known if asked is None else asked or None)

    # --- one batch ----------------------------------------------------------------------------

    def _batch(self) -> None:
        clock = self.course.clock
        rows = self.rows()
        self._tries += 1
        session = self.scope.session
        range_ = keys.Range(lower=self.part.reached, upper=self.part.upper)
        try:
            self.scope.begin()
            started = clock.seconds()
            with self._engine.limited(session, self._seconds()):
                done = self.task.run(session, range_, rows)
            self.keep(done, clock.seconds() - started)
        except Exception as error:  # noqa: BLE001 - drivers raise classes of their own
            self.scope.undo()
            self._after_failure(error, rows)

    def _seconds(self) -> float | None:
        return (self.course.config.statement_timeout or None) if self.scope.again else None

    def rows(self) -> int:
        """Return how many rows the next batch should have."""
        rows = self.sizer.rows
        if self.course.sample is not None:
            rows = min(rows, max(self.course.sample - self.course.read, 1))
        return rows

    def keep(self, done: work.Done, seconds: float) -> None:
        """Commit a batch with its checkpoint, learn from it, and tell of it."""
        sample = self.course.sample
        sampled = sample is not None and self.course.read + done.read >= sample
        batch = parts.BatchRow(
            part=self.part.part,
            number=self.part.batches + 1,
            reached=done.reached if done.reached is not None else self.part.upper,
            rows_read=done.read,
            rows_written=done.written,
            rows_rejected=len(done.rejects),
            tries=self._tries,
            seconds=seconds,
        )
        self.course.reserve(done.rejects)
        clock = self.course.clock
        ready = clock.seconds()
        try:
            self.part = self.scope.commit(
                self.part, batch, done.rejects, done=done.reached is None or sampled
            )
        except BaseException:
            self.course.release(done.rejects)
            raise
        self.course.count(done.read)
        self._tries = self._lock_waits = 0
        self._why = _FAST
        # As long as this others had to wait.
        seconds += clock.seconds() - ready
        breath = self.scope.breath(seconds)
        self.sizer.aim(breath.at_most)
        self.sizer.done(done.read, seconds)
        if done.size:
            self.sizer.bytes_seen(done.read, done.size)
        if self.course.watch is not None:
            self.course.watch.check(self.sizer)
        now = clock.seconds()
        rest = pace.pause(breath, seconds) if self.task.beside else breath.pause
        self._not_before = now + max(rest, self.course.rate.spend(done.read, now))
        self.course.say(
            events.BatchDone(
                migration=self.course.migration,
                position=self.course.position,
                part=self.part.part,
                read=done.read,
                written=done.written,
                rejected=len(done.rejects),
                seconds=seconds,
                size=self.sizer.rows,
            )
        )

    # --- failing ------------------------------------------------------------------------------

    def _after_failure(self, error: Exception, rows: int) -> None:
        fault = (
            base.Fault.DATA if isinstance(error, work.BatchFailed) else self._engine.fault(error)
        )
        if isinstance(error, errors.RowsOvertaken):
            fault = base.Fault.LOCKED
        if isinstance(error, errors.WhimbrelError) and fault is not base.Fault.LOCKED:
            raise error
        if fault is base.Fault.LOCKED and self.scope.again:
            self._wait_for_lock(error)
            return
        if fault not in {base.Fault.DATA, base.Fault.TIMEOUT}:
            raise error
        smaller = self._halved(rows)
        if smaller < rows:
            self.sizer.failed(rows, to=smaller)
            return
        self._reject_one(error)

    def _halved(self, rows: int) -> int:
        """Return half a batch, counted in rows that are really there; 1 for a single row."""
        smaller = rows // 2
        range_ = keys.Range(lower=self.part.reached, upper=self.part.upper)
        self.scope.begin()
        while smaller > 1:
            if self.task.way.boundary(self.scope.session, range_, smaller) is not None:
                break
            smaller //= 2
        self.scope.undo()
        return max(smaller, 1)

    def _wait_for_lock(self, error: Exception) -> None:
        self._lock_waits += 1
        if self._lock_waits > self.course.config.lock_retries:
            raise error
        # Full jitter: two that met do not meet again.
        longest = min(0.05 * 2**self._lock_waits, _LONGEST_LOCK_WAIT)
        self._not_before = self.course.clock.seconds() + random.uniform(0, longest)
        self._why = f"another session holds what this batch needs ({self._engine.cause(error)})"
        self.course.say(events.Waiting(reason=self._why))
        if self._engine.can.parallel_writers:
            self.scope.waiting(self.part, self._why)

    def _reject_one(self, error: Exception) -> None:
        """Put the next row aside; raise RowFailed if no more may be."""
        cause = str(error) if isinstance(error, work.BatchFailed) else self._engine.cause(error)
        range_ = keys.Range(lower=self.part.reached, upper=self.part.upper)
        if not self.task.way.key.columns:
            raise error  # no row of it can be named
        self._missed += 1
        if self._missed > _MISSES:
            raise error
        found, first = self._first(range_)
        if found is None or first is None:
            return  # it is not there any more, or no longer matters: then nothing failed
        reject = parts.Reject(table=self.task.table.name, key=found[0], reason=cause, row=found[1])
        self.scope.begin()
        try:
            done = work.Done(
                read=1,
                written=0,
                reached=None if first == self.part.upper else first,
                rejects=[reject],
            )
            self.keep(done, 0.0)
        except BaseException:
            self.scope.undo()
            raise
        self._missed = 0

    def _first(
        self, range_: keys.Range
    ) -> tuple[tuple[keys.Values, work.RowDict] | None, keys.Values | None]:
        """Return the first row of a range that matters, and the first key of all its rows."""
        session = self.scope.session
        self.scope.begin()
        first = self.task.way.boundary(session, range_, 1)
        alone = keys.Range(lower=range_.lower, upper=first)
        try:
            return self.task.one(session, alone), first
        except Exception as error:  # drivers raise classes of their own
            if self._engine.fault(error) is not base.Fault.DATA:
                raise
        finally:
            self.scope.undo()
        # The condition itself fails on this row.
        self.scope.begin()
        try:
            return dataclasses.replace(self.task, where=None).one(session, alone), first
        finally:
            self.scope.undo()


_FAST: Final = "the rows per second that are allowed"


def _shown(key: keys.Values, row: dict[str, object]) -> str:
    names = [name for name, value in row.items() if value in key][: len(key)]
    if len(names) == len(key):
        return ", ".join(f"{name} = {value!r}" for name, value in zip(names, key, strict=True))
    return ", ".join(repr(value) for value in key)
