"""One side of a comparison: several sessions on one database that read the same moment.

Each session lives in a thread of its own, which opens, uses and closes it. What is read is up to
whoever gives them work.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Final, TypeVar

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base, codec

Result = TypeVar("Result")

_CLOSE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One session of a side, with its codec and the moment it reads."""

    session: base.Session
    codec: codec.Codec
    snapshot: base.Snapshot

    @property
    def engine(self) -> base.Engine:
        """The engine of the session."""
        return self.session.engine


Work = Callable[[Seat], Result]


@dataclass(slots=True)
class _Task:
    run: Callable[[Seat], object]
    future: Future[object]
    # Whether it is done by whatever thread, also by one whose session has ended.
    bare: bool = False


class _Retired(Exception):
    """A session has ended, and its moment cannot be had again; the others still read it."""


class Side:
    """Sessions on one database; work is done by whichever is free.

    `notes` says what the snapshots do not promise. With `together` the sessions begin at one moment
    also where an engine cannot hand it from one to the other, while nobody is let commit. With
    `lasting` a session that ends is opened anew before its next work, at the same moment. Where
    that cannot be, the others do its work; when the last one has ended, a later moment is read,
    and the side has `moved`.
    """

    def __init__(
        self,
        open_session: Callable[[], base.Session],
        *,
        seats: int = 1,
        together: bool = False,
        lasting: bool = False,
    ) -> None:
        self._open = open_session
        self._lasting = lasting
        self._closing = threading.Lock()
        self.moved = False
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._snapshots: list[base.Snapshot] = []
        self._sessions: list[base.Session] = []
        try:
            if together and seats > 1:
                with self._standstill() as still:
                    self._fill(seats, always=True, still=still)
            else:
                self._fill(seats, always=together)
        except BaseException:
            self.abandon()
            raise

    @contextlib.contextmanager
    def _standstill(self) -> Iterator[bool]:
        """Keep everybody from committing, for as long as sessions begin; say whether it is so."""
        keeper = self._open()
        try:
            with keeper.engine.standstill(keeper) as still:
                yield still
        finally:
            keeper.close()

    def _fill(self, seats: int, *, always: bool, still: bool = False) -> None:
        first = self._start(None)
        # While nobody commits all sessions read one moment, by one name: a server's position may
        # move on also where nothing is committed.
        moment = first.snapshot if still else None
        self.snapshot = first.snapshot
        more = seats - 1 if always or first.engine.can.parallel_readers else 0
        for _ in range(more):
            self._start(first.snapshot.token, moment)

    @property
    def seats(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the moments of the sessions do not promise, in words."""
        if len({snapshot.position for snapshot in self._snapshots}) <= 1:
            return ()
        if self.snapshot.token is not None:
            return ()
        return ("its sessions read moments a little apart, between which it was written to",)

    def _start(self, token: str | None, moment: base.Snapshot | None = None) -> Seat:
        """Start a thread with a session of its own; return when it is ready, or raise."""
        ready: Future[Seat] = Future()
        thread = threading.Thread(
            target=self._live, args=(ready, token, moment), name="whimbrel-proof", daemon=True
        )
        thread.start()
        self._threads.append(thread)
        seat = ready.result()
        self._snapshots.append(seat.snapshot)
        self._sessions.append(seat.session)
        return seat

    def _live(self, ready: Future[Seat], token: str | None, moment: base.Snapshot | None) -> None:
        try:
            session = self._open()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            ready.set_exception(error)
            return
        try:
            try:
                seat = _seated(session, token)
                if moment is not None:
                    snapshot = dataclasses.replace(seat.snapshot, position=moment.position)
                    seat = dataclasses.replace(seat, snapshot=snapshot)
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                ready.set_exception(error)
                return
            ready.set_result(seat)
            while (task := self._tasks.get()) is not None:
                if self._lasting and seat.session.gone and not task.bare:
                    try:
                        seat = self._seated_again(seat)
                    except _Retired:
                        self._tasks.put(task)
                        return
                    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                        if task.future.set_running_or_notify_cancel():
                            task.future.set_exception(error)
                        continue
                    session = seat.session
                _do(task, seat)
        finally:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                session.close()

    def _seated_again(self, before: Seat) -> Seat:
        """Open a session in place of one that has ended, at the moment of the others.

        Raises _Retired where that cannot be and there are others.
        """
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            before.session.close()
        session = self._open()
        try:
            try:
                seat = _seated(session, self.snapshot.token)
            except errors.RefusedError:
                # Who gave the moment is gone, too: a later one.
                session.close()
                session = self._open()
                seat = _seated(session, None)
            given = self.snapshot.token is not None and seat.snapshot.token == self.snapshot.token
            with self._closing:
                place = self._sessions.index(before.session)
                if given or seat.snapshot.position == self.snapshot.position:
                    self._sessions[place] = session
                    return seat
                if len(self._sessions) > 1:
                    del self._sessions[place]
                    raise _Retired
                self._sessions[place] = session
                self.moved = True
                return seat
        except BaseException:
            session.close()
            raise

    def submit(self, work: Work[Result]) -> Future[Result]:
        """Let the next free session do some work."""
        future: Future[Result] = Future()
        self._tasks.put(_Task(work, future))  # type: ignore[arg-type]
        return future

    def run(self, work: Work[Result]) -> Result:
        """Do some work and wait for it."""
        return self.submit(work).result()

    def each(self, work: Callable[[], None]) -> None:
        """Let every thread do something once, whether its session is there or not.

        No other work may be under way.
        """
        with self._closing:
            count = len(self._sessions)
        barrier = threading.Barrier(count, timeout=_CLOSE_SECONDS)

        def once(seat: Seat) -> None:
            work()
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait()  # so that nobody takes it twice

        given: list[Future[object]] = []
        for _ in range(count):
            future: Future[object] = Future()
            self._tasks.put(_Task(once, future, bare=True))
            given.append(future)
        for future in given:
            with contextlib.suppress(CancelledError):
                future.result()

    def now(self) -> str:
        """Return how far the database has got by now."""
        session = self._open()
        try:
            return session.engine.position(session)
        finally:
            session.close()

    def interrupt(self) -> None:
        """Drop what has not begun, and end the statements that are under way.

        Whoever waits for either gets an error.
        """
        self.drop()
        with self._closing:
            sessions = list(self._sessions)
        for session in sessions:
            session.engine.interrupt(session)

    def close(self) -> None:
        """End all sessions after the work that was given; wait for it."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)

    def abandon(self) -> None:
        """End all sessions; work that has not begun is dropped."""
        self.drop()
        self.close()

    def drop(self) -> None:
        """Drop what has not begun; whoever waits for it gets an error."""
        with contextlib.suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    task.future.cancel()


def _seated(session: base.Session, token: str | None) -> Seat:
    coder = session.engine.codec(session)
    coder.prepare()
    snapshot = session.engine.snapshot(session, token)
    return Seat(session=session, codec=coder, snapshot=snapshot)


def _do(task: _Task, seat: Seat) -> None:
    if not task.future.set_running_or_notify_cancel():
        return
    try:
        task.future.set_result(task.run(seat))
    except errors.WhimbrelError as error:
        if error.database is None:
            error.database = seat.session.url
        task.future.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
        task.future.set_exception(_said(error, seat))


def _said(error: BaseException, seat: Seat) -> BaseException:
    """Return a database's error in our words, with its own as the cause; others as they are."""
    session = seat.session
    kinds = (sa.exc.SQLAlchemyError, session.connection.dialect.loaded_dbapi.Error)
    if not isinstance(error, kinds):
        return error
    gone = session.gone or seat.engine.fault(error) is base.Fault.GONE
    said = errors.ReadFailed(database=session.url, cause=seat.engine.cause(error), gone=gone)
    said.__cause__ = error
    return said
