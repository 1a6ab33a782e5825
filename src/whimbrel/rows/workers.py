"""Do one step in batches: prepare its parts, walk them by one worker or several, add it up.

The only place where threads are started for rows. Every worker has a session of its own; what
keeps two of them from doing a row twice is the checkpoint of their part, not this code.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.config import DatabaseConfig
from whimbrel.engines import base, levels
from whimbrel.journal import parts
from whimbrel.pacing import RowsConfig
from whimbrel.rows import keys, memory, pace, throttle, walker, work

OpenSession = Callable[[], base.Session]

_WATCH_SECONDS: Final = 0.2
_LOCK_CHECK_SECONDS: Final = 1.0
# So long a batch waits for a row of somebody else; its own rows are kept from others meanwhile.
_LOCK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How steps in batches are to be done here.

    `open_session` gives another session on the same database, `replicas` are those that must not
    fall behind, `sample` bounds the rows of a step.
    """

    config: RowsConfig
    open_session: OpenSession | None = None
    replicas: Sequence[DatabaseConfig] = ()
    told: set[str] = field(default_factory=set, compare=False)
    sample: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a step did, in all its attempts; seconds are those of its batches."""

    read: int
    written: int
    rejected: int
    batches: int
    retries: int
    seconds: float

    @classmethod
    def of(cls, rows: Sequence[parts.PartRow]) -> Totals:
        """Add up the parts of a step."""
        return cls(
            read=sum(row.rows_read for row in rows),
            written=sum(row.rows_written for row in rows),
            rejected=sum(row.rows_rejected for row in rows),
            batches=sum(row.batches for row in rows),
            retries=sum(row.retries for row in rows),
            seconds=sum(row.seconds for row in rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that is done in batches."""

    migration: str
    run: int
    position: int
    task: work.Work
    max_rejects: int
    setting: Setting
    workers: int
    tell: events.Listener
    clock: clocks.Clock

    def ranges(self, session: base.Session) -> list[keys.Range]:
        """Return the ranges of a new step, cut where the table is now."""
        count = self.workers * keys.PARTS_PER_WORKER if self.workers > 1 else 1
        return self.task.way.parts(session, count)

    def notes(self, session: base.Session) -> parts.Parts:
        """Return where rejects are noted that are put aside inside the open transaction."""
        return parts.Parts(session, self.run, self.clock)

    def inside(self, session: base.Session) -> Totals:
        """Do all of it inside the open transaction."""
        course = self.course(None)
        self.tell_start(session, [], workers=1)
        done = []
        notes = self.notes(session)
        with self.task.ready(session):
            for number, range_ in enumerate(self.ranges(session), start=1):
                part = parts.PartRow(
                    run=self.run, position=self.position, part=number, owner="",
                    status=parts.State.PENDING.value, lower=range_.lower, upper=range_.upper,
                    reached=range_.lower,
                )  # fmt: skip
                scope = walker.Inside(session, notes)
                done.append(self._walker(part, scope, course).walk())
        return Totals.of(done)

    def committed(
        self,
        session: base.Session,
        owner: str,
        lock_check: Callable[[], None],
        *,
        fresh: bool = False,
    ) -> Totals:
        """Do what is left of it, each batch committed with its checkpoint.

        `owner` names this attempt; parts of an earlier one are taken over from it, `fresh` ones
        have been written by this one.
        """
        notes = parts.Parts(session, self.run, self.clock)
        if not fresh:
            notes.take_over(self.position, owner)
            session.commit()
        rows = notes.read(self.position)
        session.commit()
        waiting = [row for row in rows if row.status != parts.State.DONE.value]
        self.tell_start(session, rows, workers=self._workers(waiting))
        if waiting:
            course = self.course(session)
            course.rejected = sum(row.rows_rejected for row in rows)
            self._tell_notes(course)
            try:
                with self.task.ready(session):
                    if self._workers(waiting) == 1:
                        self._alone(session, waiting, course, lock_check)
                    else:
                        self._together(waiting, course, lock_check)
            finally:
                if course.throttle is not None:
                    course.throttle.close()
        rows = notes.read(self.position)
        session.commit()
        return Totals.of(rows)

    # --- one worker ---------------------------------------------------------------------------

    def _alone(
        self,
        session: base.Session,
        waiting: Sequence[parts.PartRow],
        course: walker.Course,
        lock_check: Callable[[], None],
    ) -> None:
        notes = parts.Parts(session, self.run, self.clock)
        self._prepare(session)
        try:
            for part in waiting:
                self._walker(part, walker.Committed(session, notes, lock_check), course).walk()
        finally:
            if not session.gone:
                session.rollback()
                session.engine.isolate(session, levels.DEFAULT)
                session.engine.patience(session, None)

    # --- several ------------------------------------------------------------------------------

    def _together(
        self,
        waiting: Sequence[parts.PartRow],
        course: walker.Course,
        lock_check: Callable[[], None],
    ) -> None:
        todo: queue.SimpleQueue[parts.PartRow] = queue.SimpleQueue()
        for part in waiting:
            todo.put(part)
        failures: list[BaseException] = []
        threads = [
            threading.Thread(
                target=self._work, args=(todo, course, failures), name=f"whimbrel worker {number}"
            )
            for number in range(1, self._workers(waiting) + 1)
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch(threads, lock_check)
        except BaseException:
            course.stop.set()
            raise
        finally:
            for thread in threads:
                thread.join()
        real = [error for error in failures if not isinstance(error, walker.Stopped)]
        if real:
            raise real[0]

    def _watch(self, threads: Sequence[threading.Thread], lock_check: Callable[[], None]) -> None:
        checked = self.clock.seconds()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(_WATCH_SECONDS / len(threads))
            if self.clock.seconds() - checked > _LOCK_CHECK_SECONDS:
                lock_check()
                checked = self.clock.seconds()

    def _work(
        self,
        todo: queue.SimpleQueue[parts.PartRow],
        course: walker.Course,
        failures: list[BaseException],
    ) -> None:
        try:
            session = self._open()
            try:
                notes = parts.Parts(session, self.run, self.clock)
                while True:
                    try:
                        part = todo.get_nowait()
                    except queue.Empty:
                        return
                    self._walker(part, walker.Committed(session, notes), course).walk()
            finally:
                session.close()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the workers were started
            failures.append(error)
            course.stop.set()

    def _open(self) -> base.Session:
        if self.setting.open_session is None:
            raise errors.WhimbrelError("nothing here opens sessions for workers")
        session = self.setting.open_session()
        self._prepare(session)
        return session

    def _prepare(self, session: base.Session) -> None:
        """Let a session's transactions be as batches need them."""
        session.engine.isolate(session, self.setting.config.isolation or None)
        session.engine.patience(session, _LOCK_SECONDS)

    # --- both ---------------------------------------------------------------------------------

    def _workers(self, waiting: Sequence[parts.PartRow]) -> int:
        if self.setting.open_session is None:
            return 1
        return max(1, min(self.workers, len(waiting)))

    def course(self, session: base.Session | None) -> walker.Course:
        """Return what its walkers share; without a session no sign of health is looked at."""
        config = self.setting.config
        return walker.Course(
            migration=self.migration,
            run=self.run,
            position=self.position,
            config=config,
            max_rejects=self.max_rejects,
            rate=pace.Rate(config.max_rows_per_second),
            throttle=None if session is None else self._throttle(session),
            watch=memory.Watch(config.max_memory) if config.max_memory else None,
            sample=self.setting.sample,
            tell=self.tell,
            clock=self.clock,
        )

    def _throttle(self, session: base.Session) -> throttle.Throttle:
        several = self.workers > 1 and self.setting.open_session is not None
        return throttle.of(
            self.setting.config,
            session,
            clock=self.clock,
            replicas=self.setting.replicas,
            # One session is used by one thread at a time.
            open_session=self.setting.open_session if several else None,
        )

    def _walker(
        self, part: parts.PartRow, scope: walker.Scope, course: walker.Course
    ) -> walker.Walker:
        config = self.setting.config
        if self.task.beside:
            config = pace.beside(config)
        sizer = pace.Sizer(config, rate=course.rate, first=part.size)
        return walker.Walker(self.task, part, scope, course, sizer)

    def _tell_notes(self, course: walker.Course) -> None:
        """Tell once of signs of health that are not looked at."""
        if course.throttle is None:
            return
        course.throttle.hold()
        for note in course.throttle.notes:
            if note not in self.setting.told:
                self.setting.told.add(note)
                self.tell(events.Noticed(what=note))

    def tell_start(
        self, session: base.Session, rows: Sequence[parts.PartRow], *, workers: int
    ) -> None:
        """Tell that work on the table begins, or goes on behind what is done already."""
        self.tell(
            events.RowsStarted(
                migration=self.migration,
                position=self.position,
                table=self.task.table.name,
                total=session.engine.estimate(session, self.task.table.name),
                done=sum(row.rows_read for row in rows),
                workers=workers,
            )
        )
