"""Copy chunks in other processes, on this machine or on others.

Whatever is a `concurrent.futures.Executor` will do: threads, processes, a Dask cluster. Each worker
keeps a session on both databases for as long as it gets chunks of the same run. Where the source
can hand its moment to others, they all read that; elsewhere each reads a moment of its own, and the
ledger notes which, so that chunks of another moment are compared with the source at the end
(`course`). A chunk that was given to a worker who died is given to another one; the ledger keeps it
from being there twice.

A password that whimbrel.toml takes from the environment is not sent: the worker reads it from its
own. One that stands in a URL travels with the chunks.
"""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base
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


@dataclass(slots=True)
class _Held:
    run: tuple[int, str]
    ends: copier.Ends


_mine = threading.local()


def submitter(
    executor: Executor,
    side: sides.Side,
    source: lanes.OpenSession,
    target: lanes.OpenSession,
    *,
    retries: int,
) -> _Submitter:
    """Return what gives chunks to an executor."""
    return _Submitter(executor, side, source, target, retries)


class _Submitter:
    def __init__(
        self,
        executor: Executor,
        side: sides.Side,
        source: lanes.OpenSession,
        target: lanes.OpenSession,
        retries: int,
    ) -> None:
        self._executor = executor
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
        )
        return self._executor.submit(work, order)


def work(order: Order) -> copier.Done:
    """Copy a chunk here; raise TransferFailed, RowFailed, DatabaseUnavailable."""
    tries = 1
    while True:
        try:
            ends = _ends(order)
        except errors.DatabaseUnavailable:
            if tries > order.retries:
                raise
        else:
            try:
                return copier.copy(ends, order.task, tries=tries)
            except errors.WhimbrelError:
                raise
            except Exception as error:
                _forget()
                if not _may_pass(ends, error) or tries > order.retries:
                    raise _said(ends, error, order) from error
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


def _ends(order: Order) -> copier.Ends:
    """Return the sessions that this thread holds for a run, opened if it holds none."""
    key = (order.task.run, order.moment)
    held: _Held | None = getattr(_mine, "held", None)
    if held is not None and held.run == key:
        ends = held.ends
        if not ends.source.gone and not ends.target.gone:
            return ends
    _forget()
    source = order.source()
    try:
        source.engine.codec(source).prepare()
        moment = _moment(order, source)
        target = order.target()
    except BaseException:
        source.close()
        raise
    try:
        target.engine.loader(target).prepare()
    except BaseException:
        source.close()
        target.close()
        raise
    ends = copier.Ends.of(source, target, moment=moment)
    _mine.held = _Held(key, ends)
    return ends


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
    if held is None:
        return
    for session in (held.ends.source, held.ends.target):
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            session.close()
