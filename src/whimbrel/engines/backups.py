"""What an engine does for copies of a whole database: its own way, and the ground for restores.

The own way is what the engine or its programs make by themselves, with more in it than anybody
else could know of (a copy of the file's pages, a dump of the server's). The portable way, which
needs no program, is the work of `rehearsal`; both restore through what is said here: what a target
holds already, how it is emptied, where something can be made that is not the target yet.

Programs of servers are given their passwords by the environment or a file that is removed, never
on their command lines, which everybody on the machine can read.
"""

from __future__ import annotations

import abc
import contextlib
import gzip
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import sqlalchemy as sa

from whimbrel.engines import catalogs, inventory

#: Notes that this database is being restored and holds only a part; gone when it holds all.
MARKER: Final = "whimbrel_restoring"
#: Tables of ours that belong to a moment and not to a database.
PASSING: Final = frozenset({MARKER, "whimbrel_lock", "whimbrel_load"})

_PART_BYTES: Final = 2**20
_SAID_CHARACTERS: Final = 2_000
_VERSION_SECONDS: Final = 20
_STOP_SECONDS: Final = 10
_BEGIN_SECONDS: Final = 5


class ToolFailed(Exception):
    """A program of the server's did not do its work; the text is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumped:
    """What a dump by the engine's own way has left: names of files in its folder.

    `exact` says that it holds the very moment that the session reads, so that what is read there
    has to be in it.
    """

    files: tuple[str, ...]
    tool: str
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Something that a target holds, in words, and the statement that drops it."""

    what: str
    sql: str


# Begins the moment that a session reads; returns its position, and its token if it has one.
Begin = Callable[[], tuple[str, str | None]]


class Backups(abc.ABC):
    """Backups and restores of the database of one session, whose URL has its password in it."""

    #: What its own way makes, as people call it.
    way: str
    #: What a dump is in bytes for each byte of the database, at most about.
    shrinks: float = 1.0

    # --- the own way ------------------------------------------------------------------------

    @abc.abstractmethod
    def tool(self) -> str:
        """Return what would make a dump, with its version; raise BackupToolMissing."""

    @abc.abstractmethod
    def dump(self, folder: Path, *, begin: Begin, jobs: int) -> Dumped:
        """Write the database into an empty folder, at best of the moment that the session reads.

        `begin` begins that moment, when it is time. Raises ToolFailed.
        """

    @abc.abstractmethod
    def look(self, folder: Path, files: Sequence[str]) -> str:
        """Look whether a dump is whole, without restoring it; say in words what was looked at.

        Raises ToolFailed if it is not.
        """

    def readable(self, folder: Path, files: Sequence[str]) -> sa.URL | None:
        """Return the URL by which a dump can be read as the database it is, None if it cannot."""
        return None

    @abc.abstractmethod
    def refill(
        self,
        folder: Path,
        files: Sequence[str],
        url: sa.URL,
        *,
        drops: Sequence[Drop],
        owners: bool,
    ) -> None:
        """Make of a dump what it was made of, behind these drops; raise ToolFailed.

        Without `owners` everything belongs to whoever restores. Where the engine takes back
        changes of schema, all of it happens or nothing.
        """

    # --- the ground -------------------------------------------------------------------------

    @abc.abstractmethod
    def size(self) -> int:
        """Return about how many bytes the database takes."""

    @abc.abstractmethod
    def drops(self, *, whole: bool) -> list[Drop]:
        """Return everything that the database holds, in an order in which it can be dropped.

        With `whole` also what lies outside of the session's own schema, if there is such.
        """

    def outside(self) -> str:
        """Return what tells whether drops have taken anything along that lies outside of these."""
        return ""

    @abc.abstractmethod
    def own(self) -> tuple[catalogs.Catalog, inventory.Inventory]:
        """Return a catalog and an inventory that know tables of ours by their names, too."""

    def at_ease(self) -> None:
        """Set what drops depend on for the session; no transaction is open."""


class Site:
    """Where a restore is made: servers have no other place than the target itself."""

    #: Whether it is made beside the target, and is nobody's until it is whole.
    apart = False

    def __init__(self, target: sa.URL) -> None:
        self._target = target

    @contextmanager
    def url(self) -> Iterator[sa.URL]:
        """Give the place inside the block; at its end what was made is the target."""
        yield self._target


# --- programs ----------------------------------------------------------------------------------


def found(*names: str) -> str | None:
    """Return the first of these programs that is on the PATH."""
    return next((path for path in map(shutil.which, names) if path), None)


def version_of(program: str) -> str:
    """Return what a program says of its version; raise ToolFailed."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, timeout=_VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolFailed(f"{program} --version: {error}") from error
    return said.stdout.decode("utf-8", "replace").strip()


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def ran(command: Sequence[str], *, env: Mapping[str, str]) -> bytes:
    """Run a program to its end and return what it wrote; raise ToolFailed."""
    with _running(command, env=env, stdout=subprocess.PIPE) as process:
        out = process.stdout.read() if process.stdout is not None else b""
    return out


def to_file(
    command: Sequence[str],
    file: Path,
    *,
    env: Mapping[str, str],
    packed: bool,
    begun: Callable[[bool], None] | None = None,
) -> None:
    """Run a program and keep what it writes, packed by gzip or as it is; raise ToolFailed.

    `begun` is called when it has begun to write, or (with False) has not after some seconds.
    """
    with file.open("wb") as raw, _running(command, env=env, stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise ToolFailed(f"{command[0]} gives nothing")
        if begun is not None:
            begun(bool(select.select([process.stdout], (), (), _BEGIN_SECONDS)[0]))
        if not packed:
            shutil.copyfileobj(process.stdout, raw, _PART_BYTES)
            return
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=4, mtime=0) as out:
            shutil.copyfileobj(process.stdout, out, _PART_BYTES)


def fed(command: Sequence[str], parts: Iterable[bytes], *, env: Mapping[str, str]) -> None:
    """Run a program and give it these bytes; raise ToolFailed.

    If the parts end in an error, so does the program, before their end.
    """
    with _running(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        if process.stdin is None:
            raise ToolFailed(f"{command[0]} takes nothing")
        try:
            for part in parts:
                process.stdin.write(part)
            process.stdin.close()
        except BrokenPipeError:
            # It has ended already, and says itself why.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def written(command: Sequence[str], *, env: Mapping[str, str]) -> Generator[bytes, None, None]:
    """Run a program and yield what it writes, as it comes; raise ToolFailed at its end."""
    with _running(command, env=env, stdout=subprocess.PIPE) as process:
        if process.stdout is not None:
            while part := process.stdout.read(_PART_BYTES):
                yield part


@contextmanager
def _running(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    stdout: int,
    stdin: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program beside the block, end it with the block, and see how it ended."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                list(command), env=dict(env), stdin=stdin, stdout=stdout, stderr=said
            )
        except OSError as error:
            raise ToolFailed(f"{command[0]}: {error.strerror or error}") from error
        try:
            yield process
            if process.stdout is not None:
                process.stdout.close()
            code = process.wait()
        except BaseException:
            _ended(process)
            raise
        if code != 0:
            raise ToolFailed(_said(said) or f"{Path(command[0]).name} ended with status {code}")


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End a program at once: what it should do is not wanted any more."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)


def _said(file: IO[bytes]) -> str:
    file.seek(0)
    text = file.read().decode("utf-8", "replace").strip()
    return text if len(text) <= _SAID_CHARACTERS else f"…{text[-_SAID_CHARACTERS:]}"


def unpacked(file: Path) -> Iterator[bytes]:
    """Yield what a file packed by gzip holds; raise ToolFailed if it is broken."""
    try:
        with gzip.open(file, "rb") as content:
            while part := content.read(_PART_BYTES):
                yield part
    except (OSError, EOFError) as error:
        raise ToolFailed(f"{file.name}: {error}") from error


# --- files -------------------------------------------------------------------------------------


def lives(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is somebody else's
    return True


def synced(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    flags = os.O_RDONLY
    try:
        handle = os.open(path, flags)
    except PermissionError:
        return  # folders cannot be opened on every system
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
