"""How much memory this process has now, and what to do when it is more than it may have."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from whimbrel import errors, words
from whimbrel.rows import pace

_PAGES: Final = Path("/proc/self/statm")


def resident() -> int:
    """Return the bytes of memory that this process has; where that is not told, the most so far."""
    try:
        return int(_PAGES.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def give_back() -> None:
    """Collect garbage, and give the system what the allocator keeps for later."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Watch:
    """Keeps a process below its limit by making batches smaller; None is no limit."""

    def __init__(
        self,
        limit: int | None,
        *,
        resident: Callable[[], int] = resident,
        give_back: Callable[[], None] = give_back,
    ) -> None:
        self._limit = limit
        self._resident = resident
        self._give_back = give_back

    def over(self) -> bool:
        """Whether more memory is in use than may be, after a garbage collection."""
        if self._limit is None or self._resident() <= self._limit:
            return False
        self._give_back()
        return self._resident() > self._limit

    def check(self, sizer: pace.Sizer) -> None:
        """Make batches smaller while memory is short; raise MemoryExceeded when none can be."""
        if not self.over():
            return
        if sizer.rows == 1:
            raise errors.MemoryExceeded(
                used=words.size(self._resident()), limit=words.size(self._limit or 0)
            )
        sizer.smaller()
