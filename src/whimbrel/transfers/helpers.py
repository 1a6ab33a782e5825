"""Processes of this machine that copy chunks, for engines that are read in Python.

They are started anew and not forked: whatever this process has open stays its own, and they import
nothing of the program that called us. What they are asked and what they answer goes through their
standard input and output; a helper ends when its input does. One that dies is replaced, and what it
was at is given to its successor: a chunk can be copied by anybody, once.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import IO, Any, Final

_LENGTH: Final = 8
_LIVES: Final = 3
_END_SECONDS: Final = 30.0


@dataclass(slots=True)
class _Asked:
    request: bytes
    answer: Future[Any]


class Helpers(Executor):
    """So many processes, started when there is work for them."""

    def __init__(self, count: int) -> None:
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._keep, name="whimbrel-helper", daemon=True)
            for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let the next free helper call a function; raise what pickle does if it cannot be sent."""
        answer: Future[Any] = Future()
        self._asked.put(_Asked(pickle.dumps((fn, args, kwargs)), answer))
        return answer

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the helpers end behind what they are at."""
        while cancel_futures:
            try:
                left = self._asked.get_nowait()
            except queue.Empty:
                break
            if left is not None:
                left.answer.cancel()
        for _ in self._threads:
            self._asked.put(None)
        if wait:
            for thread in self._threads:
                thread.join(_END_SECONDS)

    # --- one helper, and the thread that speaks with it -------------------------------------------

    def _keep(self) -> None:
        process: subprocess.Popen[bytes] | None = None
        try:
            while (asked := self._asked.get()) is not None:
                if asked.answer.set_running_or_notify_cancel():
                    process = self._answered(process, asked)
        finally:
            if process is not None:
                _ended(process)

    def _answered(
        self, process: subprocess.Popen[bytes] | None, asked: _Asked
    ) -> subprocess.Popen[bytes] | None:
        for _ in range(_LIVES):
            if process is None:
                process = _started()
            try:
                _write(_pipe(process.stdin), asked.request)
                reply = _read(_pipe(process.stdout))
            except (OSError, EOFError):
                _ended(process)
                process = None
                continue
            worked, value = pickle.loads(reply)
            if worked:
                asked.answer.set_result(value)
            else:
                asked.answer.set_exception(value)
            return process
        asked.answer.set_exception(
            BrokenExecutor(f"{_LIVES} helper processes have died over the same chunk")
        )
        return process


def _started() -> subprocess.Popen[bytes]:
    places = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-m", "whimbrel.transfers.helpers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": places},
    )


def _ended(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # it died before it had read all of it
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(len(content).to_bytes(_LENGTH, "big"))
    pipe.write(content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    head = pipe.read(_LENGTH)
    if len(head) < _LENGTH:
        raise EOFError
    size = int.from_bytes(head, "big")
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content


# --- inside a helper ------------------------------------------------------------------------------


def serve() -> None:
    """Do what is asked until nothing more comes."""
    # A Ctrl-C is for the one who asks: he lets us finish what we are at.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints here must not stand among the answers
    while True:
        try:
            fn, args, kwargs = pickle.loads(_read(sys.stdin.buffer))
        except EOFError:
            return
        try:
            reply = (True, fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            reply = (False, error)
        _write(answers, pickle.dumps(reply))


if __name__ == "__main__":
    serve()
