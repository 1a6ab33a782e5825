"""A crew that runs a function: this process, or helpers that are forked from it.

A helper is a fork, so that any function works, also a lambda that knows half of the migration;
what it is asked and what it answers travels through a pipe. It has no database: whatever this
process has open, it leaves alone, and it ends without closing anything. It ends with this
process, however that ends.
"""

from __future__ import annotations

import contextlib
import contextvars
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any, Final, NoReturn

from whimbrel import errors

# What a helper is to do: it is given a request (arguments), and what it yields is the answer.
Task = Callable[..., Iterator[Any]]
Request = tuple[Any, ...]

_PATIENCE_SECONDS: Final = 1.0
_END: Final = object()


class Crew:
    """Runs a task in this process (`count` 0) or in so many helpers; threads may share it."""

    def __init__(self, count: int = 0) -> None:
        if count < 0:
            raise errors.UsageError(
                f"there cannot be {count} helper processes",
                remedy="processes=0 is none, processes=2 is two",
            )
        if count and not hasattr(os, "fork"):
            raise errors.RefusedError(
                "helper processes are forked from this one, which this system cannot do",
                remedy="leave processes out, in the verb and in [rows] of whimbrel.toml",
            )
        self.count = count
        self._helpers: list[_Helper] = []
        self._idle: deque[_Helper] = deque()
        self._users = 0
        self._door = threading.Lock()
        self._context: contextvars.Context | None = None

    @contextmanager
    def at_work(self, task: Task, *, first: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Have the helpers there for the block; each of them does `first` before anything else."""
        self._context = contextvars.copy_context()
        if not self.count:
            try:
                yield
            finally:
                self._context = None
            return
        reading, writing = os.pipe()
        try:
            for _ in range(self.count):
                self._helpers.append(
                    _fork(task, first, life=(reading, writing), others=self._helpers)
                )
            self._idle.extend(self._helpers)
            yield
        finally:
            os.close(writing)  # it is what they live by
            os.close(reading)
            helpers, self._helpers, self._context = self._helpers, [], None
            self._idle.clear()
            for helper in helpers:
                helper.end()

    def each(self, task: Task, requests: Iterable[Request]) -> Generator[Iterable[Any], None, None]:
        """Yield the answers to requests, in their order.

        `task` is that of `at_work`. What a helper answers is there at once; in this process it
        comes as it is made.
        """
        if not self._helpers:
            for request in requests:
                yield self._here(task, request)
            return
        with self._door:
            self._users += 1
        try:
            yield from self._shared(task, iter(requests))
        finally:
            with self._door:
                self._users -= 1

    def _here(self, task: Task, request: Request) -> Iterator[Any]:
        """Do it in this thread, in the context of the one that has started the work."""
        if self._context is None:
            yield from task(*request)
            return
        context = self._context.copy()
        answers = context.run(task, *request)
        while (answer := context.run(next, answers, _END)) is not _END:
            yield answer

    def _shared(self, task: Task, requests: Iterator[Request]) -> Iterator[Iterable[Any]]:
        under_way: deque[_Answer] = deque()
        more = True
        try:
            while True:
                more = more and self._hand_out(requests, under_way)
                if not under_way:
                    request = next(requests, None) if more else None
                    if request is None:
                        return
                    # All helpers are with other threads, which may wait for this one.
                    yield self._here(task, request)
                elif under_way[0].helper is None:
                    yield under_way.popleft().take()
                else:
                    self._collect(under_way)
        finally:
            while any(answer.helper is not None for answer in under_way):
                self._collect(under_way)

    def _hand_out(self, requests: Iterator[Request], under_way: deque[_Answer]) -> bool:
        """Give work to helpers that are free; return whether there is more."""
        while sum(answer.helper is not None for answer in under_way) < self._share():
            try:
                helper = self._idle.popleft()
            except IndexError:
                return True
            request = next(requests, None)
            if request is None:
                self._idle.append(helper)
                return False
            helper.ask(request)
            under_way.append(_Answer(helper))
        return True

    def _share(self) -> int:
        with self._door:
            return -(-self.count // max(self._users, 1))

    def _collect(self, under_way: Iterable[_Answer]) -> None:
        """Wait for a helper, and take the answers of all that are ready."""
        waiting = {answer.helper.wire: answer for answer in under_way if answer.helper is not None}
        for wire in connection.wait(list(waiting)):
            answer = waiting[wire]  # type: ignore[index]
            helper, answer.helper = answer.helper, None
            if helper is not None:
                answer.given = helper.answer()
                self._idle.append(helper)


class _Answer:
    """An answer that is awaited from a helper, or there."""

    def __init__(self, helper: _Helper) -> None:
        self.helper: _Helper | None = helper
        self.given: tuple[bool, Any] = (False, None)

    def take(self) -> Iterable[Any]:
        fine, value = self.given
        if fine:
            answer: Iterable[Any] = value
            return answer
        raise _rebuilt(value)


class _Helper:
    """A forked process, from the side of this one; it has one request at a time."""

    def __init__(self, pid: int, wire: connection.Connection[Any, Any]) -> None:
        self.pid = pid
        self.wire = wire

    def ask(self, request: Request) -> None:
        try:
            self.wire.send_bytes(pickle.dumps(request, pickle.HIGHEST_PROTOCOL))
        except OSError:
            self._gone()

    def answer(self) -> tuple[bool, Any]:
        try:
            data = self.wire.recv_bytes()
        except (EOFError, OSError):
            self._gone()
        answer: tuple[bool, Any] = pickle.loads(data)
        return answer

    def _gone(self) -> NoReturn:
        raise errors.RefusedError(
            f"a helper process ended while it worked ({_fate(self.pid)})",
            left="its batch was not written",
            remedy="if memory was short, use fewer:  processes=…\n"
            "without helpers an error is told in full:  processes=0",
        ) from None

    def end(self) -> None:
        """See that it has ended."""
        self.wire.close()
        until = time.monotonic() + _PATIENCE_SECONDS
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > until:
                    os.kill(self.pid, signal.SIGKILL)
                    os.waitpid(self.pid, 0)
                    return
                time.sleep(0.002)


def _fate(pid: int) -> str:
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return "nobody knows how"
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


# --- in the helper ------------------------------------------------------------------------------


def _fork(
    task: Task, first: Callable[[], None], *, life: tuple[int, int], others: list[_Helper]
) -> _Helper:
    ours, theirs = multiprocessing.Pipe()
    _flush()
    with warnings.catch_warnings():
        # From 3.12 on: "this process is multi-threaded". The helper uses nothing of the others.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        theirs.close()
        return _Helper(pid, ours)
    code = 1
    try:
        # What was garbage here stays so: its end could close a connection that is not ours.
        gc.freeze()
        os.close(life[1])
        for wire in (ours, *(other.wire for other in others)):
            wire.close()
        _serve(task, first, life[0], theirs)
        code = 0
    finally:
        os._exit(code)


def _serve(
    task: Task, first: Callable[[], None], life: int, wire: connection.Connection[Any, Any]
) -> None:
    # The terminal's Ctrl-C reaches every process; the one that started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    first()
    while True:
        try:
            request = pickle.loads(wire.recv_bytes())
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, list(task(*request))), pickle.HIGHEST_PROTOCOL)
        except BaseException as error:  # noqa: BLE001  (it is raised where it was asked for)
            answer = pickle.dumps((False, _portable(error)), pickle.HIGHEST_PROTOCOL)
        _flush()
        wire.send_bytes(answer)


def _end_with(life: int) -> None:
    """End this process when nobody holds the other end of the pipe any more."""
    os.read(life, 1)
    os._exit(1)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


# --- exceptions on their way --------------------------------------------------------------------


def _portable(error: BaseException) -> tuple[Any, ...]:
    """Return an exception as what `_rebuilt` can make it of, whatever its class wants."""
    kind, facts = type(error), dict(error.__dict__)
    for parts in ((kind, error.args, facts), (kind, error.args, {})):
        with contextlib.suppress(Exception):
            if str(_rebuilt(pickle.loads(pickle.dumps(parts)))) == str(error):
                return parts
    return RuntimeError, (f"{kind.__name__}: {error}",), {}


def _rebuilt(parts: tuple[Any, ...]) -> BaseException:
    kind, arguments, facts = parts
    error: BaseException = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(facts)
    return error
