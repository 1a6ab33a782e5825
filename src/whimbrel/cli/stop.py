"""Stop when a person or the system asks: once in order, the second time at once.

The first Ctrl-C (or SIGTERM) becomes a KeyboardInterrupt, so that what is open is taken back
and the journal written. The second one ends the process wherever it is, also inside a driver
that does not come back to Python: what the journal holds is enough to go on later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from whimbrel import errors

EXIT_CODE: Final = 130

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR: Final = b"\x1b[?25h\n"


class Stopped(errors.WhimbrelError):
    """A person or the system stopped a command."""

    slug = "stopped"
    exit_code = EXIT_CODE

    def __init__(
        self,
        *,
        where: str | None = None,
        database: str | None = None,
        left: str = "what was not committed is taken back",
        remedy: str = "see what is applied:  whimbrel status",
    ) -> None:
        super().__init__(
            "stopped before the end", where=where, database=database, left=left, remedy=remedy
        )


class Stop:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self._raised = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if somebody asked, also when a driver swallowed the first one."""
        if self.asked:
            self._raise()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal, in the main thread as soon as that is in Python."""
        self.asked = True
        if not self._raised:
            self._raise()

    def _raise(self) -> None:
        self._raised = True
        raise KeyboardInterrupt


@contextmanager
def watched() -> Iterator[Stop]:
    """Take SIGINT and SIGTERM for as long as the block lasts."""
    stop = Stop()
    # Only the main thread may; and what is ignored (nohup, a background job) stays ignored.
    taken = [s for s in _SIGNALS if signal.getsignal(s) not in {signal.SIG_IGN, None}]
    if threading.current_thread() is not threading.main_thread() or not taken:
        yield stop
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.signal(number, stop.handle) for number in taken}
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, stop), name="stop", daemon=True).start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)  # the thread reads the end of it, and ends


def _watch(reading: int, stop: Stop) -> None:
    """End the process at the second signal, even if the main thread never looks."""
    asked = 0
    with contextlib.closing(os.fdopen(reading, "rb", buffering=0)) as told:
        while numbers := told.read(1):
            asked += numbers[0] in _SIGNALS
            if asked:
                stop.asked = True
            if asked > 1:
                if sys.__stderr__ is not None and sys.__stderr__.isatty():
                    os.write(sys.__stderr__.fileno(), _SHOW_CURSOR)
                os._exit(EXIT_CODE)
