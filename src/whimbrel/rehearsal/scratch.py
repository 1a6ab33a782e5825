"""A scratch copy of a database: made, marked with whose it is, and dropped however it ends.

The name of each says on which machine, by which process and when it was made. What a killed
process has left is dropped by whoever comes next; what belongs to one at work stays. How an
engine makes and drops them is said in `engines/*/scratch`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.engines import base, registry
from whimbrel.engines import scratch as scratches
from whimbrel.journal import journal
from whimbrel.transfers import door
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

# Of a process on another machine nobody here can say whether it lives: it may not yet have
# opened its first session.
STRANGER_SECONDS: Final = 600
# A copy is larger than what it is copied from while indexes are built.
ROOM_FACTOR: Final = 1.5
_NAME: Final = re.compile(
    rf"{scratches.PREFIX}([0-9a-f]{{8}})_(\d+)_(\d+)_([0-9a-f]+)_([0-9a-f]{{6}})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a scratch database is: a machine, a process on it (with its birth), and since when."""

    host: str
    pid: int
    born: int
    made_at: int

    @classmethod
    def me(cls, clock: clocks.Clock) -> Owner:
        """Return this process."""
        return cls(
            host=_host(),
            pid=os.getpid(),
            born=_born(os.getpid()) or 0,
            made_at=int(clock.now().timestamp()),
        )

    @classmethod
    def of(cls, name: str) -> Owner | None:
        """Return whose a database of this name is, None if it is not one of ours."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        return cls(host=found[1], pid=int(found[2]), born=int(found[3]), made_at=int(found[4], 16))

    def name(self) -> str:
        """Return a new name that says it."""
        token = secrets.token_hex(3)
        return f"{scratches.PREFIX}{self.host}_{self.pid}_{self.born}_{self.made_at:x}_{token}"

    def lives(self) -> bool | None:
        """Whether the process is there; None for one of another machine."""
        if self.host != _host():
            return None
        born = _born(self.pid)
        return born is not None and (not self.born or not born or born == self.born)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A scratch copy that is there.

    `whole` says that it has all rows. `notes` say in words what it lacks, `not_made` what the
    server did not take.
    """

    database: configs.DatabaseConfig
    name: str
    place: str
    rows: int | None
    seconds: float
    whole: bool
    position: str
    notes: tuple[str, ...]
    locks: Callable[[], list[scratches.Held] | None]


class Copies:
    """Makes scratch copies of one database, and drops what is left of others."""

    def __init__(
        self,
        source: configs.DatabaseConfig,
        *,
        at: str | None = None,
        tell: events.Listener = events.nobody,
        clock: clocks.Clock = clocks.SYSTEM,
    ) -> None:
        self.source = source
        self.tell = tell
        self.clock = clock
        engine, parsed = registry.parse(source.real_url())
        self._source_url = engine.located(parsed, source.folder)
        place = self._source_url
        if at is not None:
            other, place = registry.parse(at)
            place = other.located(place, Path.cwd())
            self._same(other, engine, at)
        with contextlib.closing(self.open_source()) as session:
            # Who answers may be another engine than the URL names.
            self.engine = session.engine
        self._scratches = self.engine.scratches(place, self._source_url)

    def _same(self, other: base.Engine, engine: base.Engine, at: str) -> None:
        if other.dialect != engine.dialect:
            raise errors.UsageError(
                f"a scratch copy of {engine.title} cannot be made on {other.title}",
                object=configs.masked(at),
                remedy=f"name a place like:  --scratch {engine.url_example}\nor leave it out",
            )

    def open_source(self) -> base.Session:
        """Open a session on the original, which cannot write."""
        return registry.open_session(
            self._source_url.render_as_string(hide_password=False), read_only=True
        )

    @property
    def place(self) -> str:
        """Where the copies lie."""
        return configs.masked(self._scratches.place)

    def close(self) -> None:
        """End the sessions that were opened."""
        self._scratches.close()

    # --- what others left ---------------------------------------------------------------------

    def sweep(self) -> list[str]:
        """Drop what dead processes have left; return the names."""
        with self._said("the scratch databases that others left cannot be dropped"):
            return [name for name in self._scratches.names() if self._dropped(name)]

    def _dropped(self, name: str) -> bool:
        owner = Owner.of(name)
        if owner is None or owner.lives():
            return False
        age = self.clock.now().timestamp() - owner.made_at
        stranger = owner.lives() is None
        if stranger and (age < STRANGER_SECONDS or self._scratches.busy(name)):
            return False
        self._scratches.drop(name)
        return True

    # --- ours ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def copied(
        self, *, choose: transferring.Choose | None = None, keep: bool = False
    ) -> Iterator[Scratch]:
        """Have a copy inside the block; afterwards it is gone, unless it is to be kept.

        `choose` says which rows are copied, None is all of them.
        """
        name = Owner.me(self.clock).name()
        if keep:
            # Nobody sweeps what does not say whose it is; the user drops it.
            name = f"{scratches.PREFIX}kept_{secrets.token_hex(4)}"
        if choose is None:
            self._room()
        done = False
        try:
            with self._said("a scratch database cannot be made"):
                self._scratches.make(name)
            yield self._filled(name, choose)
            done = True
        finally:
            if not (keep and done):
                self._drop(name)

    def _drop(self, name: str) -> None:
        try:
            self._scratches.drop(name)
        except Exception:  # noqa: BLE001 - drivers raise classes of their own
            # The session may have been lost with what went wrong: once more, with a new one.
            self._scratches.close()
            with self._said(f"the scratch database {name} could not be dropped"):
                self._scratches.drop(name)

    def _room(self) -> None:
        size, room = self._scratches.size(), self._scratches.room()
        if size is None or room is None or size * ROOM_FACTOR <= room:
            return
        from whimbrel import words

        raise errors.ScratchNotMade(
            "there is not enough room for a scratch copy",
            database=self.place,
            cause=f"it would take about {words.size(size * ROOM_FACTOR)}, and "
            f"{words.size(room)} are free",
            remedy="make room, or have it elsewhere:  --scratch URL",
        )

    def _filled(self, name: str, choose: transferring.Choose | None) -> Scratch:
        started = self.clock.seconds()
        database = dataclasses.replace(
            self.source,
            name=None,
            url=self._scratches.url(name).render_as_string(hide_password=False),
            where="the scratch copy",
            has_variables=False,
            replicas=(),
        )
        rows: int | None = None
        notes: list[str] = []
        with contextlib.closing(self.open_source()) as session:
            position = session.engine.position(session)
            session.rollback()
        with self._said("the scratch copy could not be filled"):
            if choose is not None or not self._scratches.copy(name):
                rows, notes, position = self._transferred(database, position, choose)
        return Scratch(
            database=database,
            name=name,
            place=self.place,
            rows=rows,
            seconds=self.clock.seconds() - started,
            whole=choose is None,
            position=position,
            notes=tuple(notes),
            locks=functools.partial(self._scratches.locks, name),
        )

    def _transferred(
        self,
        database: configs.DatabaseConfig,
        position: str,
        choose: transferring.Choose | None,
    ) -> tuple[int, list[str], str]:
        """Fill a copy by a transfer, and give it the original's history."""
        with contextlib.closing(self.open_source()) as session:
            empty = not session.engine.catalog(session).tables()
            notes = journal.Journal(session, self.clock)
            history = notes.migrations() if notes.exists() else []
        rows, said = 0, []
        if not empty:
            request = transferring.Request(
                source=self.open_source,
                target=functools.partial(door.opened, database, read_only=False, make=True),
                resolve=door.Picked().flows,
                options=planning.Options(),
                name="the original",
                place="the scratch copy",
                command="whimbrel rehearse",
                choose=choose,
            )
            done = transferring.transfer(request, tell=self.tell, clock=self.clock)
            rows, position = done.rows, done.position
            if done.verification is not None:
                done.verification.close()
            said = [f"not in the copy: {one.kind} {one.name}: {one.why}" for one in done.not_made]
            said += [
                f"not in the copy: {one.kind} {one.name}: {one.why}"
                for one in done.plan.not_converted
            ]
            if not done.ok and not done.not_made:
                said.append("the copy is not the same as the original in every row")
        with contextlib.closing(door.opened(database, read_only=False)) as target:
            there = journal.Journal(target, self.clock)
            there.ensure()
            for row in history:
                there.put_migration(
                    row.id,
                    status=journal.Applied(row.status),
                    fingerprint=row.fingerprint,
                    who=row.applied_by,
                    run=None,
                )
            target.commit()
        return rows, said, position

    @contextlib.contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Say a server's refusal in our words."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise errors.ScratchNotMade(
                what,
                database=self.place,
                cause=self.engine.cause(error),
                remedy="give this user the right to create databases, or name a server where\n"
                "it has it:  --scratch URL",
            ) from error
        except OSError as error:
            raise errors.ScratchNotMade(
                what,
                database=self.place,
                cause=error.strerror or str(error),
                remedy="give the right to write there, or have it elsewhere:  --scratch URL",
            ) from error


@functools.cache
def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _born(pid: int) -> int | None:
    """Return when a process began, as the system counts it; 0 if it does not say, None if gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        return 0
    else:
        fields = stat.rpartition(")")[2].split()
        # A zombie is dead: only its parent has not asked yet.
        return None if fields[0] == "Z" else int(fields[19])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0
