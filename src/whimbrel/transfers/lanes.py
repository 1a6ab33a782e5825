"""Who copies chunks: sessions of this process, or workers anywhere else.

A chunk that fails because a connection is lost, or somebody else holds what it needs, is tried
again after a while; whether it had been committed after all, the ledger says. Whoever was given a
chunk and disappears costs that chunk and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base
from whimbrel.proof import sides
from whimbrel.rows import copier

_LONGEST_WAIT: Final = 15.0
AGAIN: Final = frozenset({base.Fault.GONE, base.Fault.LOCKED, base.Fault.TIMEOUT})

OpenSession = Callable[[], base.Session]


class Stopped(Exception):
    """Somebody asked to stop before a chunk was begun."""


def moment_of(position: str) -> str:
    """Return a moment of a database as the ledger keeps it."""
    return hashlib.sha256(position.encode()).hexdigest()[:32]


def backoff(tries: int) -> float:
    """Return how many seconds to wait before the next attempt: full jitter, doubling."""
    return random.uniform(0.05, min(0.1 * 2**tries, _LONGEST_WAIT))


class Lanes:
    """Sessions of the source, each with one of the target beside it in the same thread."""

    def __init__(
        self,
        side: sides.Side,
        open_target: OpenSession,
        *,
        retries: int,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._side = side
        self._open = open_target
        self._retries = retries
        self._tell = tell
        self._clock = clock
        self._mine = threading.local()
        self._alone = threading.Lock()
        self.stop = threading.Event()

    def submit(self, task: copier.Task) -> Future[copier.Done]:
        """Let the next free lane copy a chunk."""
        answer: Future[copier.Done] = Future()
        # It ends with what came of it, also after somebody has asked to stop.
        answer.set_running_or_notify_cancel()
        self._give(task, answer, tries=1)
        return answer

    def _give(self, task: copier.Task, answer: Future[copier.Done], *, tries: int) -> None:
        given = self._side.submit(lambda seat: self._copy(seat, task, tries))
        given.add_done_callback(lambda future: self._came(future, task, answer, tries))

    def _came(
        self,
        future: Future[copier.Done | _Again],
        task: copier.Task,
        answer: Future[copier.Done],
        tries: int,
    ) -> None:
        if future.cancelled():
            answer.set_exception(Stopped())
            return
        error = future.exception()
        if error is None:
            came = future.result()
            if not isinstance(came, _Again):
                answer.set_result(came)
                return
            if came.tries <= self._retries and not self.stop.is_set():
                self._give(task, answer, tries=came.tries)
                return
            error = came.error
        elif self._reopened(error) and tries <= self._retries and not self.stop.is_set():
            # The session could not be opened anew: in a thread of its own, or it would hold up
            # whoever told us.
            def later() -> None:
                self.stop.wait(backoff(tries))
                self._give(task, answer, tries=tries + 1)

            threading.Thread(target=later, name="whimbrel-again", daemon=True).start()
            return
        answer.set_exception(error)

    def _reopened(self, error: BaseException) -> bool:
        return isinstance(error, errors.DatabaseUnavailable)

    # --- in the thread of a seat ---------------------------------------------------------------

    def _copy(self, seat: sides.Seat, task: copier.Task, tries: int) -> copier.Done | _Again:
        while True:
            if self.stop.is_set():
                raise Stopped
            try:
                ends = self._ends(seat)
                with self._turn(ends):
                    return copier.copy(ends, task, tries=tries, clock=self._clock)
            except copier.SourceFailed as failed:
                cause = failed.__cause__ or failed
                # A transaction that has failed reads nothing more: its session is opened anew.
                if not seat.session.gone:
                    seat.session.connection.invalidate()
                if seat.engine.fault(cause) not in AGAIN:
                    raise read_failed(seat.session, cause) from cause
                self._wait(f"the source was lost ({seat.engine.cause(cause)})", tries)
                return _Again(read_failed(seat.session, cause), tries + 1)
            except errors.DatabaseUnavailable as error:
                # The target cannot be opened just now.
                if tries > self._retries:
                    raise
                self._wait(error.what, tries)
            except errors.WhimbrelError:
                raise
            except Exception as error:  # drivers raise classes of their own
                target: base.Session | None = getattr(self._mine, "target", None)
                if target is None:
                    raise
                engine, fault = target.engine, self._fault(target, error)
                if fault is base.Fault.GONE:
                    self._drop()
                if fault not in AGAIN or tries > self._retries:
                    raise write_failed(target, error, task) from error
                self._wait(f"the target: {engine.cause(error)}", tries)
            tries += 1

    def _turn(self, ends: copier.Ends) -> AbstractContextManager[object]:
        """Let one lane write at a time where only one session can."""
        return contextlib.nullcontext() if ends.target.engine.can.parallel_writers else self._alone

    def _wait(self, why: str, tries: int) -> None:
        self._tell(events.Waiting(reason=f"trying again: {why}"))
        self.stop.wait(backoff(tries))

    def _ends(self, seat: sides.Seat) -> copier.Ends:
        target: base.Session | None = getattr(self._mine, "target", None)
        if target is None or target.gone:
            target = self._mine.target = self._open()
            self._mine.ends = None
        ends: copier.Ends | None = getattr(self._mine, "ends", None)
        if ends is None or ends.source is not seat.session:
            if self._side.moved:
                raise moment_lost(seat.session.url)
            shared = self._side.snapshot
            same = seat.snapshot.token is not None and seat.snapshot.token == shared.token
            position = shared.position if same else seat.snapshot.position
            ends = copier.Ends.of(seat.session, target, moment=moment_of(position))
            self._mine.ends = ends
        return ends

    def _drop(self) -> None:
        target: base.Session | None = getattr(self._mine, "target", None)
        if target is not None:
            close(target)
        self._mine.target = self._mine.ends = None

    def _fault(self, target: base.Session, error: Exception) -> base.Fault:
        return base.Fault.GONE if target.gone else target.engine.fault(error)

    # --- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """End the sessions of the target, each in its thread; no work may be under way."""
        self._side.each(self._drop)


class _Again:
    """A chunk has to be given to another session."""

    def __init__(self, error: Exception, tries: int) -> None:
        self.error = error
        self.tries = tries


def close(session: base.Session) -> None:
    """End a session, whether it is still there or not."""
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        session.close()


def prepared(open_session: OpenSession) -> base.Session:
    """Open a session that loads rows; one that is lost at once could not be opened."""
    session = open_session()
    try:
        session.engine.loader(session).prepare()
    except BaseException as error:
        gone = session.gone or session.engine.fault(error) is base.Fault.GONE
        close(session)
        if not gone or not isinstance(error, Exception):
            raise
        raise errors.DatabaseUnavailable(
            database=session.url,
            cause=session.engine.cause(error),
            remedy="run the same command again: it goes on where it stopped",
        ) from error
    return session


def read_failed(session: base.Session, cause: BaseException) -> errors.WhimbrelError:
    """Return that a chunk could not be read."""
    return errors.TransferFailed(
        "the source was not read to the end",
        database=session.url,
        left="the chunks that are copied stay, with their notes",
        cause=session.engine.cause(cause),
    )


def moment_lost(url: str) -> errors.WhimbrelError:
    """Return that no session reads the moment any more which was copied."""
    return errors.TransferFailed(
        "the source's sessions were lost, and with them the moment that was copied",
        database=url,
        left="the chunks that are copied stay, with their notes",
        cause="it was written to since, and cannot be read as it was",
    )


def write_failed(
    session: base.Session, error: Exception, task: copier.Task
) -> errors.WhimbrelError:
    """Return that a chunk could not be written."""
    return errors.TransferFailed(
        f"rows of {task.flow!r} could not be written",
        database=session.url,
        object=f"table {task.table.name!r}, chunk {task.chunk}",
        left="the chunks that are copied stay, with their notes; nothing of this one does",
        cause=session.engine.cause(error),
    )
