"""Copy chunks in other processes, on this machine or on others.

Whatever is a `concurrent.futures.Executor` will do: threads, processes, a Dask cluster. Each worker
keeps a session on both databases for as long as it gets chunks of the same run, and a few seconds
more: nobody has to tell it that the run has ended. Where the source
can hand its moment to others, they all read that; elsewhere each reads a moment of its own, and the
ledger notes which, so that chunks of another moment are compared with the source at the end
(`course`). A chunk that was given to a worker who died is given to another one; the ledger keeps it
from being there twice.

A password that whimbrel.toml takes from the environment is not sent: the worker reads it from its
own. One that stands in a URL travels with the chunks.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base, portable
from whimbrel.proof import sides
from whimbrel.rows import copier
from whimbrel.transfers import lanes, reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A chunk for somebody elsewhere: what to copy, and how to reach both databases.

    `attempt` is the same in all orders of one attempt at one transfer, and in no others. `moment`
    is the ledger's name of the moment that `token` leads to.
    """

    attempt: str
    task: copier.Task
    source: lanes.OpenSession
    target: lanes.OpenSession
    token: str | None
    moment: str
    retries: int
    name: str


# So long sessions wait for another chunk: they keep a moment of the source from passing.
_IDLE_SECONDS: Final = 5.0


def submitter(
    executor: Executor,
    side: sides.Side,
    source: lanes.OpenSession,
    target: lanes.OpenSession,
    *,
    retries: int,
    name: str,
) -> _Submitter:
    """Return what gives chunks to an executor; `name` is what the target is called."""
    return _Submitter(executor, side, source, target, retries, name)


class _Submitter:
    def __init__(
        self,
        executor: Executor,
        side: sides.Side,
        source: lanes.OpenSession,
        target: lanes.OpenSession,
        retries: int,
        name: str,
    ) -> None:
        self._executor = executor
        self._attempt = secrets.token_hex(16)
        self._name = name
        self._token = side.snapshot.token
        self._moment = lanes.moment_of(side.snapshot.position)
        self._source = source
        self._target = target
        self._retries = retries

    def __call__(self, task: copier.Task) -> Future[copier.Done]:
        order = Order(
            attempt=self._attempt,
            task=task,
            source=self._source,
            target=self._target,
            token=self._token,
            moment=self._moment,
            retries=self._retries,
            name=self._name,
        )
        return _Given(self._executor, order)


class _Given(Future[copier.Done]):
    """What comes of a chunk, whoever copies it in the end: who disappears costs it, no more."""

    def __init__(self, executor: Executor, order: Order) -> None:
        super().__init__()
        self._executor = executor
        self._order = order
        self._tries = 0
        self._inner: Future[copier.Done] | None = None
        self._give()

    def _give(self) -> None:
        self._tries += 1
        try:
            inner = self._inner = self._executor.submit(work, self._order)
        except (BrokenExecutor, RuntimeError) as error:
            self._set(error, disappeared=True)
            return
        inner.add_done_callback(self._came)

    def _came(self, inner: Future[copier.Done]) -> None:
        if self.done():
            return
        error = CancelledError() if inner.cancelled() else inner.exception()
        if error is None:
            self.set_result(inner.result())
        elif _disappeared(error) and self._tries <= self._order.retries:
            # In a thread of its own: whoever told us has to go on telling others.
            threading.Thread(target=self._later, name="whimbrel-again", daemon=True).start()
        else:
            self._set(error)

    def _later(self) -> None:
        time.sleep(lanes.backoff(self._tries))
        if not self.done():
            self._give()

    def _set(self, error: BaseException, *, disappeared: bool = False) -> None:
        if not disappeared and not _disappeared(error):
            self.set_exception(error)
            return
        said = errors.TransferFailed(
            "the workers that copy rows have disappeared",
            database=self._order.name,
            object=f"chunk {self._order.task.chunk} of {self._order.task.flow!r}",
            left="the chunks that are copied stay, with their notes",
            cause=" ".join(f"{type(error).__name__}: {error}".split()),
        )
        said.__cause__ = error
        self.set_exception(said)

    def cancel(self) -> bool:
        """Give it to nobody any more; False if somebody is at it."""
        inner = self._inner
        if inner is not None and not inner.done() and not inner.cancel():
            return False
        return super().cancel()


def _disappeared(error: BaseException) -> bool:
    """Whether not the chunk has failed, but who was to copy it."""
    foreign = type(error).__module__.partition(".")[0] in {"distributed", "dask"}
    return foreign or isinstance(error, BrokenExecutor | CancelledError)


def work(order: Order) -> copier.Done:
    """Copy a chunk here; raise TransferFailed, RowFailed, DatabaseUnavailable."""
    hand: _Hand | None = getattr(_mine, "hand", None)
    if hand is None:
        hand = _mine.hand = _Hand()
    return hand.give(order).result()


_mine = threading.local()


class _Hand:
    """A thread that holds sessions on both databases while there are chunks of one run.

    Sessions are used by the thread that has opened them and by no other, and nobody tells a worker
    that a run has ended. So each thread of a worker has one of these beside it, which ends by
    itself.
    """

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[Order, Future[copier.Done]]] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._lives = False
        self._run = ""
        self._ends: copier.Ends | None = None

    def give(self, order: Order) -> Future[copier.Done]:
        """Let a chunk be copied."""
        answer: Future[copier.Done] = Future()
        with self._door:
            self._asked.put((order, answer))
            if not self._lives:
                self._lives = True
                threading.Thread(target=self._live, name="whimbrel-chunks", daemon=True).start()
        return answer

    def _live(self) -> None:
        while True:
            try:
                order, answer = self._asked.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                self._forget()
                with self._door:
                    if self._asked.empty():
                        self._lives = False
                        return
                continue
            try:
                answer.set_result(self._copied(order))
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                answer.set_exception(error)

    def _copied(self, order: Order) -> copier.Done:
        tries = 1
        while True:
            ends: copier.Ends | None = None
            try:
                ends = self._both(order)
                return copier.copy(ends, order.task, tries=tries)
            except errors.DatabaseUnavailable:
                # Not there just now, or somebody else is writing where only one can.
                if tries > order.retries:
                    raise
            except errors.WhimbrelError:
                raise
            except Exception as error:  # drivers raise classes of their own
                self._forget()
                if tries > order.retries or (ends is not None and not _may_pass(ends, error)):
                    if ends is None:
                        raise
                    raise _said(ends, error, order) from error
            time.sleep(lanes.backoff(tries))
            tries += 1

    def _both(self, order: Order) -> copier.Ends:
        """Return sessions on both databases, opened if there are none for this run."""
        ends = self._ends
        mine = ends is not None and self._run == order.attempt
        if ends is not None and mine and not ends.source.gone and not ends.target.gone:
            return ends
        self._forget()
        source = order.source()
        try:
            source.engine.codec(source).prepare()
            moment = _moment(order, source)
            target = lanes.prepared(order.target)
        except BaseException:
            lanes.close(source)
            raise
        self._run, self._ends = order.attempt, copier.Ends.of(source, target, moment=moment)
        return self._ends

    def _forget(self) -> None:
        ends, self._ends = self._ends, None
        if ends is not None:
            lanes.close(ends.source)
            lanes.close(ends.target)


def _may_pass(ends: copier.Ends, error: Exception) -> bool:
    """Whether the same may work a moment later, with new sessions."""
    if isinstance(error, copier.SourceFailed):
        return ends.source.gone or ends.source.engine.fault(_cause(error)) in lanes.AGAIN
    return ends.target.gone or ends.target.engine.fault(error) in lanes.AGAIN


def _said(ends: copier.Ends, error: Exception, order: Order) -> errors.WhimbrelError:
    if isinstance(error, copier.SourceFailed):
        return lanes.read_failed(ends.source, _cause(error))
    return lanes.write_failed(ends.target, error, order.task)


def _cause(error: copier.SourceFailed) -> BaseException:
    return error.__cause__ or error


def _moment(order: Order, source: base.Session) -> str:
    """Read the moment of the run if it can be had, else one of our own; say which it is."""
    if order.token is not None:
        try:
            source.engine.snapshot(source, order.token)
        except errors.RefusedError:
            source.rollback()  # who gave it is gone
        else:
            return order.moment
    return lanes.moment_of(source.engine.snapshot(source).position)


def facts(
    source: lanes.OpenSession,
    position: str,
    table: tables.Table,
    asked: Mapping[str, frozenset[portable.Question]],
    where: str,
    key: tuple[str, ...],
) -> dict[str, portable.Facts] | None:
    """Return what the values of a part of a table are; None if another moment is read here."""
    session = source()
    try:
        session.engine.codec(session).prepare()
        if session.engine.snapshot(session).position != position:
            return None
        found = session.engine.profiler(session).facts(table, asked, where=where, key=key)
        return reading.pinned(session, position, found)
    finally:
        session.close()
