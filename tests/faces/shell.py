"""Run the command line as a shell would: piped, or on a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import whimbrel

SRC = Path(whimbrel.__file__).parents[1]
PATIENCE_SECONDS = 60

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def python(*arguments, cwd, env=None, **options):
    """Run Python as a user's shell would: no terminal, our package on the path."""
    environment = {**os.environ, "PYTHONPATH": str(SRC), "PYTHONUTF8": "1", **(env or {})}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        text=True,
        encoding="utf-8",
        check=False,
        **{"capture_output": True, **options},
    )


def command(*arguments, cwd, **options):
    """Run `whimbrel` with its output piped."""
    return python("-m", "whimbrel", *arguments, cwd=cwd, **options)


def bash(line, *, cwd):
    """Run a line of a shell, in which `whimbrel` is ours."""
    return subprocess.run(
        ["bash", "-c", line.replace("whimbrel", f"{sys.executable} -m whimbrel", 1)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What a terminal was sent, and how the command ended."""

    raw: str
    code: int

    @property
    def text(self) -> str:
        """Return it without escapes; what was drawn over is still there."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n").replace("\r", "\n")


def on_terminal(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    seen: Callable[[str], signal.Signals | None] = lambda _text: None,
) -> Shown:
    """Run `whimbrel` on a terminal; `seen` may answer what it shows with a signal, each time."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(cwd)
        os.environ.pop("NO_COLOR", None)
        os.environ.update(PYTHONPATH=str(SRC), TERM="xterm-256color", COLUMNS="100", **(env or {}))
        os.execv(sys.executable, [sys.executable, "-m", "whimbrel", *arguments])
    raw = b""
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while True:
            if time.monotonic() > until:
                os.kill(process, signal.SIGKILL)
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    new = os.read(terminal, 65536)
                except OSError:  # the other end is closed
                    break
                if not new:
                    break
                raw += new
            number = seen(raw.decode(errors="replace"))
            if number is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
    finally:
        os.close(terminal)
    _, status = os.waitpid(process, 0)
    return Shown(raw.decode(), os.waitstatus_to_exitcode(status))
