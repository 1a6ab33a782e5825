"""Other tools that move tables, as Debian packages them: run, timed, their memory watched."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench import child, places

PGLOADER: Final = "pgloader"
PGCOPYDB: Final = "pgcopydb"
_LOOK_SECONDS: Final = 0.05


def missing(tool: str) -> str | None:
    """Return why a tool cannot be measured, None if it can."""
    return None if shutil.which(tool) else f"{tool} is not installed:  apt install {tool}"


def pgloader(source: str, target: str) -> child.Measured:
    """Let pgloader move the table, with four workers as in its own documentation."""
    kind = "sqlite" if source.startswith("sqlite") else "mysql"
    fitting = "LIKE" if kind == "sqlite" else "MATCHING"
    read = source.replace("mariadb://", "mysql://")
    wishes = "include drop, create tables, create indexes, reset sequences, workers = 4"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "move.load"
        script.write_text(
            f"LOAD DATABASE FROM {read} INTO {target}\n WITH {wishes}, concurrency = 2\n"
            f" INCLUDING ONLY TABLE NAMES {fitting} '{places.TABLE}';\n",
            encoding="utf-8",
        )
        return _timed(["pgloader", "--root-dir", folder, str(script)])


def pgcopydb(source: str, target: str, programs: Path) -> child.Measured:
    """Let pgcopydb clone the table; `programs` has the server's own pg_dump."""
    with tempfile.TemporaryDirectory() as folder:
        filters = Path(folder) / "filters.ini"
        filters.write_text(f"[include-only-table]\npublic.{places.TABLE}\n", encoding="utf-8")
        command = ["pgcopydb", "clone", "--source", source, "--target", target]
        command += ["--dir", f"{folder}/work", "--filters", str(filters), "--no-owner"]
        command += ["--table-jobs", "2", "--index-jobs", "2", "--skip-large-objects"]
        path = f"{programs}:{os.environ['PATH']}"
        return _timed(command, env={**os.environ, "PATH": path})


def libpq(url: str) -> str:
    """Return a URL as other tools read it, without what only SQLAlchemy knows."""
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc}{parts.path}"


def _timed(command: list[str], env: dict[str, str] | None = None) -> child.Measured:
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=env)
        peak = _Peak(process.pid)
        process.wait()
        seconds = time.perf_counter() - began
        memory = peak.end()
        if process.returncode:
            said.seek(0)
            raise child.Failed(f"{command[0]}: {said.read()[-2000:]}")
    return child.Measured(seconds=seconds, peak_bytes=memory)


class _Peak(threading.Thread):
    """Watches how much memory a process and those it starts have at once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._most = 0
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._most = max(self._most, sum(map(_resident, _family(self._pid))))

    def end(self) -> int:
        self._ended.set()
        self.join()
        return self._most


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
