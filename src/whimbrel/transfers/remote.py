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

import threading
import time
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass, field
from typing import Final

from whimbrel import errors, tables
from whimbrel.engines import base, portable
from whimbrel.proof import sides
from whimbrel.rows import copier
from whimbrel.transfers import lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A chunk for somebody elsewhere: what to copy, and how to reach both databases.

    `moment` is the ledger's name of the moment that `token` leads to.
    """

    task: copier.Task
    source: lanes.OpenSession
    target: lanes.OpenSession
    token: str | None
    moment: str
    retries: int
    name: str


# So long sessions wait for another chunk: they keep a moment of the source from passing.
_IDLE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class _Held:
    run: tuple[int, str]
    ends: copier.Ends
    used: float = 0.0
    busy: threading.Lock = field(default_factory=threading.Lock)


_mine = threading.local()
_all: set[_Held] = set()
_door = threading.Lock()


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
        self._name = name
        self._token = side.snapshot.token
        self._moment = lanes.moment_of(side.snapshot.position)
        self._source = source
        self._target = target
        self._retries = retries

    def __call__(self, task: copier.Task) -> Future[copier.Done]:
        order = Order(
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
    tries = 1
    while True:
        held: _Held | None = None
        try:
            held = _held(order)
            with held.busy:
                try:
                    return copier.copy(held.ends, order.task, tries=tries)
                finally:
                    held.used = time.monotonic()
        except errors.DatabaseUnavailable:
            # Not there just now, or somebody else is writing where only one can.
            if tries > order.retries:
                raise
        except errors.WhimbrelError:
            raise
        except Exception as error:  # drivers raise classes of their own
            _forget()
            if tries > order.retries or (held is not None and not _may_pass(held.ends, error)):
                if held is None:
                    raise
                raise _said(held.ends, error, order) from error
        time.sleep(lanes.backoff(tries))
        tries += 1


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


def _held(order: Order) -> _Held:
    """Return the sessions that this thread holds for a run, opened if it holds none."""
    key = (order.task.run, order.moment)
    held: _Held | None = getattr(_mine, "held", None)
    if held is not None and held.run == key:
        held.used = time.monotonic()
        ends = held.ends
        if not ends.source.gone and not ends.target.gone:
            return held
    _forget()
    source = order.source()
    try:
        source.engine.codec(source).prepare()
        moment = _moment(order, source)
        target = lanes.prepared(order.target)
    except BaseException:
        lanes.close(source)
        raise
    ends = copier.Ends.of(source, target, moment=moment)
    held = _mine.held = _Held(key, ends, used=time.monotonic())
    with _door:
        _all.add(held)
        if len(_all) == 1:
            threading.Thread(target=_watch, name="whimbrel-idle", daemon=True).start()
    return held


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


def _forget() -> None:
    held: _Held | None = getattr(_mine, "held", None)
    _mine.held = None
    if held is not None:
        with _door:
            _all.discard(held)
        _close(held)


def _close(held: _Held) -> None:
    for session in (held.ends.source, held.ends.target):
        lanes.close(session)


def _watch() -> None:
    """Close sessions that nobody uses any more."""
    while True:
        time.sleep(_LOOK_SECONDS)
        with _door:
            late = time.monotonic() - _IDLE_SECONDS
            for held in [one for one in _all if one.used < late]:
                if held.busy.acquire(blocking=False):
                    _all.discard(held)
                    # Its lock is kept: whoever comes for it finds it gone.
                    _close(held)
                    held.busy.release()
            if not _all:
                return


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
        return session.engine.profiler(session).facts(table, asked, where=where, key=key)
    finally:
        session.close()
