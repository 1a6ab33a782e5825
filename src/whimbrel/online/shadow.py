"""Shadow reads: a share of what the application reads is compared with the other side.

The application's own read pays for a throw of dice and a place in a queue. All else is done in a
thread with connections of its own; what goes wrong there is counted, and nobody hears of it.
"""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable
from typing import Final

from whimbrel import errors
from whimbrel.online import comparing, metrics

# As many reads wait to be compared; more are dropped, and counted.
_WAITING: Final = 1_000

Job = Callable[[], tuple[comparing.Verdict, comparing.Look]]
Found = Callable[[comparing.Look], None]


class Shadow:
    """Compares some of what is read, in a thread that ends with the process."""

    def __init__(self, counts: metrics.Metrics, *, rate: float, found: Found) -> None:
        if not 0 <= rate <= 1:
            raise errors.UsageError(
                f"{rate} is no share of reads", remedy="from 0 (none) to 1 (all):  rate=0.01"
            )
        self.rate = rate
        self._metrics = counts
        self._found = found
        self._dice = random.Random()
        self._jobs: queue.Queue[Job | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._go_on, name="whimbrel-shadow", daemon=True)
        self._thread.start()

    def chosen(self) -> bool:
        """Say whether a read is to be compared."""
        return self._dice.random() < self.rate

    def offer(self, job: Job) -> None:
        """Let a read be compared, if there is room for it."""
        self._metrics.count("reads")
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self._metrics.count("shadow_dropped")

    def finish(self) -> None:
        """Wait until all that was offered has been compared."""
        self._jobs.join()

    def stop(self) -> None:
        """End the thread after what it is at; what waits is forgotten."""
        self.rate = 0.0
        while True:
            try:
                self._jobs.get_nowait()
                self._jobs.task_done()
            except queue.Empty:
                break
        self._jobs.put(None)
        self._thread.join()

    def _go_on(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._compare(job)
            except Exception as error:  # noqa: BLE001 - the application must not hear of it
                self._metrics.failed("shadow_errors", f"{type(error).__name__}: {error}")
            finally:
                self._jobs.task_done()
        self._jobs.task_done()

    def _compare(self, job: Job) -> None:
        verdict, look = job()
        self._metrics.count("compared")
        if verdict is comparing.Verdict.BEHIND:
            self._metrics.count("behind")
        elif verdict is comparing.Verdict.DIFFERENT:
            self._found(look)
