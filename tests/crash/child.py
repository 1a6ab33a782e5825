"""A runner in a process of its own, which kills itself at a chosen event.

Processes are forked from a clean server that has Whimbrel loaded, so that a hundred kills cost
a hundred forks and not a hundred imports.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whimbrel import errors, events
from whimbrel.engines import registry
from whimbrel.migrations import project as projects

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tests.crash.child", *(f"whimbrel.engines.{name}.engine" for name in registry.names())]
)
_SECONDS = 60
_TRIES = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """How the child ended: by SIGKILL, or having finished before the event came."""

    by_signal: bool


def _work(
    folder: Path, url: str, direction: str, kill_at: int, migrations: int | None = None
) -> None:
    count = 0

    def tell(event: events.Event) -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    opened = projects.open_project(folder=folder, database=url, tell=tell)
    if direction == "up":
        when_free(lambda: opened.up(count=migrations))
    else:
        when_free(opened.down)


def when_free(action: Callable[[], object]) -> None:
    """Call what needs the lock; a server holds it until it has noticed that a client is dead.

    That is as long as it takes to finish the statement of the killed client.
    """
    for _ in range(_TRIES):
        try:
            action()
        except errors.LockHeld:
            time.sleep(0.05)
        else:
            return
    action()


def run(folder: Path, url: str, *, migrations: int | None = None) -> None:
    """Run `up` in a child that lives: what it imports does not stay in this process."""
    process = _CONTEXT.Process(target=_work, args=(folder, url, "up", 0, migrations))
    process.start()
    process.join(_SECONDS)
    assert process.exitcode == 0, f"the runner ended with {process.exitcode}"


def run_and_die(folder: Path, url: str, *, direction: str = "up", kill_at: int) -> Killed:
    """Run `up` or `down` in a child that kills itself when it tells event number `kill_at`."""
    process = _CONTEXT.Process(target=_work, args=(folder, url, direction, kill_at))
    process.start()
    process.join(_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"the runner still works after {_SECONDS} s")
    if process.exitcode == -signal.SIGKILL:
        return Killed(by_signal=True)
    assert process.exitcode == 0, f"the runner ended with {process.exitcode}"
    return Killed(by_signal=False)


def start(folder: Path, url: str, direction: str = "up") -> multiprocessing.process.BaseProcess:
    """Start `up` or `down` in a child and leave it running."""
    process = _CONTEXT.Process(target=_work, args=(folder, url, direction, 0))
    process.start()
    return process
