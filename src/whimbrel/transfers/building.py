"""Sessions of the target that make indexes of tables that are full, beside the copying of others.

What is made, and how that is noted, is said by `course`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final, Generic, TypeVar

import sqlalchemy as sa

from whimbrel import errors
from whimbrel.engines import base
from whimbrel.transfers import lanes

_LOOK_SECONDS: Final = 0.5
_Item = TypeVar("_Item")


def _locked(session: base.Session, error: Exception) -> bool:
    """Whether somebody else held what was needed."""
    cause = error.__cause__ if isinstance(error, errors.WhimbrelError) else error
    return cause is not None and session.engine.fault(cause) is base.Fault.LOCKED


class Builders(Generic[_Item]):
    """Sessions of the target that make indexes while other tables are still being filled.

    Where only one can work at a time, it stays in its thread and ends with its table.
    """

    def __init__(self, open_session: lanes.OpenSession, jobs: int, *, retries: int) -> None:
        self._keep = jobs > 1
        self._open = open_session
        self._retries = retries
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(jobs, "whimbrel-indexes")
        self._given: list[Future[None]] = []
        # Sessions that are not at work, for the next table.
        self._free: queue.SimpleQueue[base.Session] = queue.SimpleQueue()

    def give(self, steps: Sequence[_Item], build: Callable[[base.Session, _Item], None]) -> None:
        """Let the steps of one table be done one after the other, beside those of others."""
        if steps:
            self._given.append(self._pool.submit(self._do, list(steps), build))

    def _do(self, steps: list[_Item], build: Callable[[base.Session, _Item], None]) -> None:
        session, tries = self._session(), 1
        try:
            for step in steps:
                while True:
                    try:
                        build(session, step)
                        break
                    except (errors.WhimbrelError, sa.exc.SQLAlchemyError) as error:
                        if tries > self._retries or self._ended.is_set():
                            raise
                        if session.gone:
                            session, tries = self._anew(session, tries)
                        elif _locked(session, error):
                            # Keys of a table and of its parts, made at once, may wait for each
                            # other; the server takes one of them back.
                            self._ended.wait(lanes.backoff(tries))
                            tries += 1
                        else:
                            raise
        except BaseException:
            lanes.close(session)
            raise
        if self._keep:
            self._free.put(session)
        else:
            session.close()

    def _session(self) -> base.Session:
        try:
            while True:
                free = self._free.get_nowait()
                if not free.gone:
                    return free
                lanes.close(free)
        except queue.Empty:
            return self._opened()

    def _opened(self) -> base.Session:
        session = self._open()
        session.engine.make_room(session)
        return session

    def _anew(self, lost: base.Session, tries: int) -> tuple[base.Session, int]:
        """Open a session in place of one that was lost."""
        lost.close()
        while True:
            self._ended.wait(lanes.backoff(tries))
            tries += 1
            try:
                return self._opened(), tries
            except errors.DatabaseUnavailable:
                if tries > self._retries or self._ended.is_set():
                    raise

    def finish(self, breathe: Callable[[], None]) -> None:
        """Wait for all of it; raise the first failure."""
        while True:
            done, left = wait(self._given, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            breathe()
            for future in done:
                self._given.remove(future)
                future.result()
            if not left:
                return

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        while not self._free.empty():
            lanes.close(self._free.get_nowait())
