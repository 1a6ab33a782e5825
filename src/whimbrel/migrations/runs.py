"""Look at the runs of a database, and ask something of the one that is at work, from elsewhere.

A run is asked through the journal: what is written there it reads before its next batch, and
while it waits about once a second. Doing what is asked is the work of `rows.walker`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, words
from whimbrel.engines import base
from whimbrel.journal import forecasts, journal, parts, sums

# Who has one writer alone lets others in only between two batches, and that is a short moment.
TRY_SECONDS: Final = 20.0
TRY_EVERY_SECONDS: Final = 0.001
# The rate is that of so many batches.
RECENT_BATCHES: Final = 40

_Answer = TypeVar("_Answer")
OpenSession = Callable[[], base.Session]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """One run, as `whimbrel runs` lists it.

    `alive` says whether somebody is at work on it; None for one that has ended, where nobody
    has to be asked.
    """

    run: journal.RunRow
    sums: sums.RunSums
    alive: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step of a run, with its parts if it was cut in batches.

    `rate` is rows read per second over the latest batches of all workers, the waits between
    them included. `rows_left` is about how many rows are left, judged by how far the keys are
    from their end; None where the key is not one whole number. `expected` is how long it was
    expected to take, once it is done.
    """

    step: journal.StepRow
    parts: tuple[parts.PartRow, ...] = ()
    rate: float | None = None
    rows_left: int | None = None
    expected: forecasts.Row | None = None

    @property
    def read(self) -> int:
        """Return the rows read in all parts."""
        return sum(part.rows_read for part in self.parts)

    @property
    def written(self) -> int:
        """Return the rows written in all parts."""
        return sum(part.rows_written for part in self.parts)

    @property
    def rejected(self) -> int:
        """Return the rows put aside in all parts."""
        return sum(part.rows_rejected for part in self.parts)

    @property
    def done(self) -> bool:
        """Whether it is done."""
        return self.step.status == "done"

    @property
    def waiting(self) -> str | None:
        """Return what one of its parts waits for, None while all work."""
        return next((part.waiting for part in self.parts if part.waiting), None)

    @property
    def fraction(self) -> float | None:
        """Share of the rows done, as far as `rows_left` is known."""
        if self.rows_left is None or not self.read:
            return None
        return self.read / (self.read + self.rows_left)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all rows are done if it goes on as fast, or None if nobody can tell."""
        return None if self.rows_left is None or not self.rate else self.rows_left / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run with its steps, what is asked of it, and the first of the rows it rejected."""

    run: journal.RunRow
    alive: bool | None
    steps: tuple[StepState, ...]
    control: parts.Control
    rejected: int
    rejects: tuple[parts.Reject, ...] = ()

    @property
    def current(self) -> StepState | None:
        """Return the step in batches at work, None if there is none."""
        return next((step for step in self.steps if step.parts and not step.done), None)

    @property
    def working(self) -> bool:
        """Whether it runs and somebody is at work on it."""
        return bool(self.alive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was asked of which run; `in_batches` says whether it will read that soon."""

    run: journal.RunRow
    control: parts.Control
    in_batches: bool


# --- looking ----------------------------------------------------------------------------------


def overview(session: base.Session, clock: clocks.Clock, *, limit: int | None) -> list[RunState]:
    """Return the runs, the newest first."""
    notes = journal.Journal(session, clock)
    if not notes.exists():
        return []
    rows = notes.runs(limit=limit)
    added = sums.of_runs(session, [row.id for row in rows])
    alive = _alive(session, clock)
    return [
        RunState(
            run=row,
            sums=added.get(row.id, sums.RunSums()),
            alive=alive if row.status == journal.Status.RUNNING else None,
        )
        for row in rows
    ]


def view(
    session: base.Session, clock: clocks.Clock, number: int | None, *, rejects: int | None
) -> RunView:
    """Return one run; without a number the one that runs, or else the last one.

    `rejects` is how many of the rejected rows to read at most, None for all.
    """
    notes = journal.Journal(session, clock)
    row = _find(session, clock, number)
    if row is None and notes.exists():
        row = next(iter(notes.runs(limit=1)), None)
    if row is None:
        raise errors.UsageError("nothing was run here yet", remedy="whimbrel up")
    kept = sums.kept(session)
    known = parts.Parts(session, row.id, clock)
    running = row.status == journal.Status.RUNNING
    foreseen = {one.position: one for one in forecasts.read(session, run=row.id)}
    steps = tuple(
        dataclasses.replace(
            _step(session, known, step, kept=kept), expected=foreseen.get(step.position)
        )
        for step in notes.steps(row.id)
    )
    return RunView(
        run=row,
        alive=_alive(session, clock) if running else None,
        steps=steps,
        control=known.control() if kept and running else parts.Control(),
        rejected=sums.rejects(session, [row.id]).get(row.id, 0) if kept else 0,
        rejects=tuple(known.rejects(limit=rejects)) if kept and rejects != 0 else (),
    )


def _step(
    session: base.Session, known: parts.Parts, step: journal.StepRow, *, kept: bool
) -> StepState:
    found = tuple(known.read(step.position)) if kept and step.kind == "rows" else ()
    if not found or step.status == "done":
        return StepState(step=step, parts=found)
    recent = sums.latest(session, step.run, step.position, count=RECENT_BATCHES)
    return StepState(
        step=step, parts=found, rate=_rate(recent), rows_left=_rows_left(found, recent)
    )


def _rate(recent: Sequence[parts.BatchRow]) -> float | None:
    """Return rows per second between the end of the first of these batches and the last."""
    if len(recent) < 2:
        return None
    since, until = (clocks.read_stamp(recent[at].finished_at) for at in (0, -1))
    seconds = (until - since).total_seconds()
    rows = sum(batch.rows_read for batch in recent[1:])
    return rows / seconds if seconds > 0 else None


def _rows_left(found: Sequence[parts.PartRow], recent: Sequence[parts.BatchRow]) -> int | None:
    """Return about how many rows are left, if as many come to a key as in the latest batches."""
    keys = 0
    for part in found:
        if part.status == parts.State.DONE.value:
            continue
        reached, upper = _whole(part.reached), _whole(part.upper)
        if reached is None or upper is None:
            return None
        keys += max(0, upper - reached)
    walked = rows = 0
    ordered = sorted(recent, key=lambda batch: (batch.part, batch.number))
    for before, after in itertools.pairwise(ordered):
        start, end = _whole(before.reached), _whole(after.reached)
        follows = (before.part, before.number + 1) == (after.part, after.number)
        if follows and start is not None and end is not None:
            walked += end - start
            rows += after.rows_read
    if not keys:
        return 0
    return round(keys * rows / walked) if walked > 0 else None


def _whole(key: parts.Key | None) -> int | None:
    if key is None or len(key) != 1 or not isinstance(key[0], int):
        return None
    return key[0]


def _alive(session: base.Session, clock: clocks.Clock) -> bool:
    """Whether somebody holds the run lock; a killed run stays "running" until the next one."""
    return session.engine.lock(session, clock).held_by() is not None


def _find(session: base.Session, clock: clocks.Clock, number: int | None) -> journal.RunRow | None:
    """Return the run that is meant, None if none was named and none is running."""
    notes = journal.Journal(session, clock)
    if number is not None:
        found = notes.run(number) if notes.exists() else None
        if found is None:
            raise errors.UsageError(f"there is no run {number}", remedy="see them:  whimbrel runs")
        return found
    running = [
        row
        for row in (notes.runs() if notes.exists() else [])
        if row.status == journal.Status.RUNNING
    ]
    if len(running) > 1:
        raise errors.UsageError(
            f"{len(running)} runs are running: {errors.names(str(row.id) for row in running)}",
            remedy="name one of them by its number; see:  whimbrel runs",
        )
    return running[0] if running else None


# --- asking -----------------------------------------------------------------------------------


def ask(
    look: OpenSession,
    write: OpenSession,
    number: int | None,
    *,
    asked: parts.Asked | None,
    max_rows_per_second: float | None,
    by: str,
    clock: clocks.Clock,
) -> Answer:
    """Write into the journal what a person asks of a run; None leaves what was asked before.

    `look` opens a session that only reads, `write` one that may write. Raises RefusedError for
    a run that could not do it, UsageError for one that is not there.
    """
    found = patient(look, lambda session: _asked_of(session, clock, number), clock)
    run = found.run

    def write_it(session: base.Session) -> parts.Control | None:
        session.begin()
        row = journal.Journal(session, clock).run(run.id)
        if row is None or row.status != journal.Status.RUNNING:
            return None
        known = parts.Parts(session, run.id, clock)
        before = known.control()
        pace = before.max_rows_per_second if max_rows_per_second is None else max_rows_per_second
        control = parts.Control(
            asked=before.asked if asked is None else asked, max_rows_per_second=pace, asked_by=by
        )
        known.ask(control)
        session.commit()
        return control

    control = patient(write, write_it, clock)
    if control is None:
        raise _ended(run)
    return Answer(run=run, control=control, in_batches=found.current is not None)


def _asked_of(session: base.Session, clock: clocks.Clock, number: int | None) -> RunView:
    """Return the run that is asked; raise RefusedError if it cannot do anything about it."""
    row = _find(session, clock, number)
    if row is None:
        raise errors.RefusedError(
            "no run is running, so there is nothing to ask",
            database=session.url,
            remedy="see what was run:  whimbrel runs",
        )
    found = view(session, clock, row.id, rejects=0)
    if found.alive is None:
        raise _ended(row)
    if not found.alive:
        raise errors.RefusedError(
            f"nobody is at work on run {row.id}: its process has ended without a word",
            database=session.url,
            object=_described(row),
            left=_left(found),
            remedy="go on where it stopped:  whimbrel up"
            if row.direction == "up"
            else "go on where it stopped:  whimbrel down",
        )
    if not row.by_steps:
        raise errors.RefusedError(
            f"run {row.id} is one transaction, and does not look at what is asked of it",
            database=session.url,
            object=_described(row),
            left="nothing of it is seen by others before its end",
            remedy="stop it where it runs, by Ctrl-C: all of it is taken back\n"
            f"or from here:  kill -INT {row.pid}   on {row.host}",
        )
    return found


def _ended(row: journal.RunRow) -> errors.RefusedError:
    return errors.RefusedError(
        f"run {row.id} is not running: it is {row.status}"
        if row.status != journal.Status.RUNNING
        else f"run {row.id} has just ended",
        object=_described(row),
        remedy=f"see what became of it:  whimbrel show {row.id}",
    )


def _described(row: journal.RunRow) -> str:
    started = f"{row.started_at[:16].replace('T', ' ')} UTC"
    return (
        f"{row.direction} {row.migration}, {row.command} by {row.who}@{row.host} (pid {row.pid}), "
        f"started {started}"
    )


def _left(found: RunView) -> str:
    done = sum(step.done for step in found.steps)
    current = found.current
    rows = f", and {words.count(current.read, 'row')} of the next one" if current else ""
    return f"{words.count(done, 'step')} done{rows}; it is safe to resume"


# --- in between batches -----------------------------------------------------------------------


def patient(
    open_session: OpenSession,
    action: Callable[[base.Session], _Answer],
    clock: clocks.Clock,
) -> _Answer:
    """Do a short thing in a session, again and again while others hold what it needs.

    Raises RefusedError if that was not to be for TRY_SECONDS, or for what the database says.
    """
    session = open_session()
    try:
        session.engine.hurry(session)
        until = clock.seconds() + TRY_SECONDS
        while True:
            try:
                return action(session)
            except Exception as error:  # drivers raise classes of their own
                # Two who ask for the first time at the same moment: the second one comes later.
                met = isinstance(error, sa.exc.IntegrityError)
                if not met and session.engine.fault(error) is not base.Fault.LOCKED:
                    if isinstance(error, sa.exc.DBAPIError):
                        raise _no_journal(error, session) from error
                    raise
                if clock.seconds() >= until:
                    raise _no_room(error, session) from error
            finally:
                if not session.gone:
                    session.rollback()
            clock.sleep(TRY_EVERY_SECONDS)
    finally:
        session.close()


def _no_room(error: Exception, session: base.Session) -> errors.RefusedError:
    return errors.RefusedError(
        f"others were writing to the database all the time for {TRY_SECONDS:.0f} s",
        database=session.url,
        left="nothing was changed",
        cause=session.engine.cause(error),
        remedy="try again; there is more room between batches with a pace:  "
        "whimbrel up --max-rows-per-second N",
    )


def _no_journal(error: Exception, session: base.Session) -> errors.RefusedError:
    return errors.RefusedError(
        "the database does not let Whimbrel into its journal",
        database=session.url,
        left="nothing was changed",
        cause=session.engine.cause(error),
        remedy="let this user read and write the tables whimbrel_…",
    )
