"""A contestant in a process of its own, so that its memory and its time are its own.

`run` starts a module of this folder; the module calls `tell` with what it did. The time counts
from the first call into the contestant's library to the end of the last: connecting is in it,
importing is not.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parent.parent
_STATUS: Final = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One timing; the memory of a contestant that is a server's statement is not ours to tell."""

    seconds: float
    peak_bytes: int | None = None


class Failed(Exception):
    """A contestant did not come to its end; the text is what it said."""


def run(module: str, *arguments: object) -> Measured:
    """Run a module in a new process and return what it measured."""
    command = [sys.executable, "-m", f"bench.{module}", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as complaints:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=complaints, text=True, check=False
        )
        if done.returncode:
            raise Failed(f"bench.{module}: {_end(complaints) or done.stdout}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _end(file: IO[str]) -> str:
    """Return the last words of a file; a library may have logged every statement before them."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
    return file.read().strip()


def tell(work: Callable[[], object]) -> None:
    """Do the work of this process, and print how long it took and how much memory it had."""
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak_bytes": _peak_bytes()}))


def _peak_bytes() -> int:
    if _STATUS.exists():
        # What getrusage says begins with the memory of the process that started this one.
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
