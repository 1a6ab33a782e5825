"""Listen to a run on a scratch copy: how long each step takes, and which locks it really holds."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import events
from whimbrel.engines import scratch
from whimbrel.migrations import project as projects
from whimbrel.proof import rules

# Whoever waits less than this does not notice it.
LOOK_EVERY_SECONDS: Final = 0.02
_FEW_BATCHES: Final = 6

Locks = Callable[[], list[scratch.Held] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step as it went; `read` is how many rows it worked through, where it says so.

    `longest` is the longest of its batches, for which others may have waited, `slope` the seconds
    that each more row took in the second half of its batches; `locks` are those that were seen
    while it was at work.
    """

    migration: str
    position: int
    what: str
    seconds: float
    kind: str = ""
    rows: int | None = None
    read: int | None = None
    batches: int = 0
    longest: float = 0.0
    workers: int = 1
    slope: float | None = None
    locks: tuple[scratch.Held, ...] = ()
    done: bool = True


@dataclass(slots=True)
class _Doing:
    migration: str
    position: int
    what: str
    began: float
    read: int = 0
    batches: int = 0
    longest: float = 0.0
    workers: int = 1
    points: list[tuple[float, int]] = dataclasses.field(default_factory=list)
    locks: dict[scratch.Held, None] = dataclasses.field(default_factory=dict)
    seconds: float | None = None
    rows: int | None = None


class Log:
    """Passes events on and notes them; with `locks` it also looks at the locks, all the time."""

    def __init__(self, tell: events.Listener, *, locks: Locks | None, clock: clocks.Clock) -> None:
        self._tell = tell
        self._locks = locks
        self._clock = clock
        self._doing: list[_Doing] = []
        self._rules: list[rules.Outcome] = []
        self._migrations: dict[str, None] = {}
        self._over = threading.Event()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._locks is not None:
            self._thread = threading.Thread(
                target=self._look_on, name="whimbrel-locks", daemon=True
            )
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def migrations(self) -> tuple[str, ...]:
        """Return which migrations were begun."""
        return tuple(self._migrations)

    @property
    def rules(self) -> tuple[rules.Outcome, ...]:
        """Return how rules turned out."""
        return tuple(self._rules)

    # --- listening ----------------------------------------------------------------------------

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        match event:
            case events.MigrationStarted():
                self._migrations[event.migration] = None
            case events.StepStarted():
                self._doing.append(
                    _Doing(
                        migration=event.migration,
                        position=event.position,
                        what=event.step,
                        began=self._clock.seconds(),
                    )
                )
            case events.RowsStarted():
                if (one := self._at(event.migration, event.position)) is not None:
                    one.workers = event.workers
            case events.BatchDone():
                if (one := self._at(event.migration, event.position)) is not None:
                    one.read += event.read
                    one.batches += 1
                    one.longest = max(one.longest, event.seconds)
                    one.points.append((self._clock.seconds(), one.read))
            case events.StatementDone():
                # Inside a transaction all that was locked is locked still.
                self._look()
            case events.StepDone():
                self._look()
                if (one := self._at(event.migration, event.position)) is not None:
                    one.seconds, one.rows = event.seconds, event.rows
            case events.TooLarge():
                # Nothing of it stays; all of its steps come again.
                self._doing = [one for one in self._doing if one.migration != event.migration]
            case rules.RuleChecked():
                self._rules.append(event.outcome)
            case _:
                pass
        self._tell(event)

    def _at(self, migration: str, position: int) -> _Doing | None:
        for one in reversed(self._doing):
            if (one.migration, one.position) == (migration, position):
                return one
        return None

    # --- looking ------------------------------------------------------------------------------

    def _look_on(self) -> None:
        while not self._over.wait(LOOK_EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        """Note which locks are held now, for the step that is at work."""
        look = self._locks
        if look is None or not self._doing:
            return
        with self._looking:
            at_work = self._doing[-1]
            try:
                held = look()
            except sa.exc.SQLAlchemyError:
                held = None
            if held is None:
                self._locks = None
                return
            known = {lock for one in self._doing[:-1] for lock in one.locks}
            for lock in held:
                # In a transaction locks stay: each is that of the step which took it.
                if lock not in known:
                    at_work.locks[lock] = None

    def steps(self, stage: projects.Project, *, run: bool) -> tuple[Step, ...]:
        """Return the steps as they went; those of loops with the same words are one."""
        kinds = _kinds(stage, self.migrations) if run else {}
        now = self._clock.seconds()
        return tuple(
            Step(
                migration=one.migration,
                position=one.position,
                what=one.what,
                seconds=one.seconds if one.seconds is not None else now - one.began,
                kind=kinds.get((one.migration, one.position), ""),
                rows=one.rows,
                read=one.read or None,
                batches=one.batches,
                longest=one.longest,
                workers=one.workers,
                slope=_slope(one.points),
                locks=tuple(one.locks),
                done=one.seconds is not None,
            )
            for one in self._doing
        )


def _slope(points: list[tuple[float, int]]) -> float | None:
    """Return seconds for each row over the second half of the rows; None for a few batches.

    Batches begin small and grow: the first half says little about many more rows.
    """
    if len(points) < _FEW_BATCHES:
        return None
    half = next(at for at, (_, read) in enumerate(points) if read * 2 >= points[-1][1])
    (since, before), (until, after) = points[half], points[-1]
    return (until - since) / (after - before) if after > before else None


def _kinds(stage: projects.Project, migrations: tuple[str, ...]) -> dict[tuple[str, int], str]:
    """Return of each step what kind of work it is, as the journal of the copy has it."""
    found: dict[tuple[str, int], str] = {}
    seen: set[str] = set()
    for run in stage.history():
        if run.migration in migrations and run.migration not in seen:
            seen.add(run.migration)
            for step in stage.run(run.id).steps:
                found[run.migration, step.step.position] = step.step.kind
    return found
