"""One database into another: plan it, do it or go on with it, prove it.

The parts: `reading` and `plan` say what will be done, `course` does it, `proof` compares. Here they
are put together, under the lock of the target and one moment of the source.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import getpass
import os
import pickle
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, portable
from whimbrel.journal import chunks, journal, parts
from whimbrel.journal import rejects as putaside
from whimbrel.proof import differ, sides
from whimbrel.proof import verify as verifying
from whimbrel.rows import copier
from whimbrel.schema import convert
from whimbrel.transfers import compared as comparing
from whimbrel.transfers import course, flows, helpers, lanes, reading, remote
from whimbrel.transfers import plan as planning
from whimbrel.transfers import planner as planners

Open = Callable[[], base.Session]
Resolve = Callable[[reading.Source], Sequence[flows.Flow]]
Choose = Callable[[sides.Side, reading.Source, Sequence[flows.Flow]], Sequence[flows.Flow]]
Submit = Callable[[copier.Task], Future[copier.Done]]
Begun = Callable[[base.Session, int, planning.TransferPlan], None]

DIRECTION: Final = "transfer"
_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What came of a transfer.

    `position` and `kind` say which moment of the source was copied. `rejects` are the first of
    the rows that were put aside; all of them are in the target's journal. `reasons` counts all.
    `not_made` is what the target's server has refused and nothing else needs: a view, say.
    """

    plan: planning.TransferPlan
    tables: tuple[course.Filled, ...]
    run: int
    resumed: bool
    position: str
    kind: str
    started_at: str
    seconds: float
    copy_seconds: float
    rejects: tuple[parts.Reject, ...] = ()
    reasons: tuple[putaside.Count, ...] = ()
    notes: tuple[str, ...] = ()
    miscounted: tuple[str, ...] = ()
    not_made: tuple[convert.NotConverted, ...] = ()
    verification: verifying.Verification | None = field(default=None, repr=False)

    @property
    def rows(self) -> int:
        """Return how many rows are in the target because of it, in all attempts."""
        return sum(table.rows for table in self.tables)

    @property
    def rejected(self) -> int:
        """Return how many rows were put aside."""
        return sum(table.rejected for table in self.tables)

    @property
    def equal(self) -> bool | None:
        """Whether both sides are equal as far as they were compared; None if nothing was.

        What was compared is said by `compared`.
        """
        return None if self.verification is None else self.verification.equal

    @property
    def compared(self) -> dict[str, comparing.Compared]:
        """Return, by the name of each flow, what was held against the source, or why not."""
        results = None if self.verification is None else self.verification.tables
        if results is None and self.plan.options.verify:
            results = ()  # there was nothing that could be
        return comparing.of(self.plan, {one.name: one for one in self.tables}, results)

    @property
    def ok(self) -> bool:
        """Whether everything arrived, as far as it was looked at."""
        wrong = self.rejected or self.miscounted or self.not_made
        return not wrong and self.equal is not False

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        compared = self.compared
        return {
            "ok": self.ok,
            "run": self.run,
            "resumed": self.resumed,
            "snapshot": {"position": self.position, "kind": self.kind},
            "started_at": self.started_at,
            "seconds": round(self.seconds, 3),
            "copy_seconds": round(self.copy_seconds, 3),
            "rows": self.rows,
            "rejected": self.rejected,
            "rejects": [
                {"table": one.table, "reason": one.reason, "rule": one.rule, "rows": one.rows}
                for one in self.reasons
            ],
            "not_made": [
                {"kind": one.kind, "name": one.name, "why": one.why, "sql": one.text}
                for one in self.not_made
            ],
            "tables": [
                {
                    "name": one.name,
                    "source": one.source,
                    "target": one.target,
                    "compared": compared[one.name].as_json() if one.name in compared else None,
                    "rows": one.rows,
                    "read": one.read,
                    "rejected": one.rejected,
                    "dropped": one.dropped,
                    "copied_before": one.before,
                    "bytes": one.size,
                    "chunks": one.chunks,
                    "seconds": round(one.seconds, 3),
                    "cleansed": [
                        {
                            "column": each.column,
                            "rule": each.rule,
                            "values": each.values,
                            "samples": [list(sample) for sample in each.samples],
                        }
                        for each in one.cleansed.values()
                    ],
                }
                for one in self.tables
            ],
            "plan": self.plan.as_json(),
            "miscounted": list(self.miscounted),
            "notes": list(self.notes),
            "verification": None if self.verification is None else self.verification.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for: both databases, which rows go where, and how.

    `executor` copies chunks elsewhere than in sessions of this process. `choose` looks at the
    moment that is copied, and says which rows of the flows go. `begun` is called under the lock of
    the target before anything is made there; what it writes is committed.
    """

    source: Open
    target: Open
    resolve: Resolve
    options: planning.Options = field(default_factory=planning.Options)
    accepted: Mapping[str, Mapping[str, frozenset[portable.Question]]] = field(default_factory=dict)
    name: str = "a program's own"
    place: str = "the target"
    command: str = "whimbrel transfer"
    executor: Executor | None = None
    look: differ.Options | None = None
    choose: Choose | None = None
    begun: Begun | None = None


def plan(request: Request, *, tell: events.Listener = events.nobody) -> planning.TransferPlan:
    """Return what would be done; both databases are only read."""
    with _source(request) as side, contextlib.closing(request.target()) as target:
        source = side.run(reading.read)
        apart(source, target)
        with contextlib.ExitStack() as hands:
            look = _profiling(_crew(request, side, source, hands), request, side)
            found = _planner(request, side, target, source, look).plan()
        target.rollback()
        return found


def transfer(
    request: Request,
    *,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Transfer:
    """Make a transfer, or go on with the one that was begun by the same request.

    Raises TransferRefused for values that do not fit (nothing has moved then), TargetNotEmpty,
    TransferHalfDone, LockHeld; TransferFailed and RowFailed for what stopped it on its way.
    """
    started, since = clock.now(), clock.seconds()
    with said(request), contextlib.ExitStack() as stack:
        side = stack.enter_context(_source(request))
        tries = 1
        while True:
            attempt = _Attempt(request, side, tell, clock, again=tries > 1)
            try:
                done = attempt.made()
                break
            except Exception as error:  # drivers raise classes of their own
                if not (side.moved or attempt.lost(error)) or tries > request.options.retries:
                    raise
                tell(events.Waiting(reason="trying again: a connection was lost"))
                clock.sleep(lanes.backoff(tries))
                tries += 1
                if side.moved:
                    # Nobody reads the moment any more that was copied: all go on with a new one.
                    stack.close()
                    side = stack.enter_context(_source(request))
        done = dataclasses.replace(
            done, started_at=clocks.stamp(started), seconds=clock.seconds() - since
        )
    tell(
        events.TransferDone(
            rows=done.rows, rejected=done.rejected, equal=done.equal, seconds=done.seconds
        )
    )
    return done


@contextlib.contextmanager
def said(request: Request) -> Iterator[None]:
    """Say in our words what a driver says when a connection ends where nobody expected it."""
    try:
        yield
    except errors.WhimbrelError:
        raise
    except Exception as error:
        # Every driver calls the root of its errors so (PEP 249).
        driver = any(kind.__name__ == "Error" for kind in type(error).__mro__)
        if not driver and not isinstance(error, sa.exc.SQLAlchemyError):
            raise
        raise errors.TransferFailed(
            "the transfer stopped before its end",
            database=request.place,
            left="what is committed stays, with its notes",
            cause=" ".join(str(getattr(error, "orig", None) or error).split()),
        ) from error


class _Attempt:
    """One attempt, with one session on the target that holds the lock."""

    def __init__(
        self,
        request: Request,
        side: sides.Side,
        tell: events.Listener,
        clock: clocks.Clock,
        *,
        again: bool,
    ) -> None:
        self._request = request
        self._side = side
        self._tell = tell
        self._clock = clock
        self._again = again
        self._target: base.Session | None = None
        self._gone = False
        self._run: int | None = None

    def lost(self, error: Exception) -> bool:
        """Whether the target was lost, so that another attempt may go on."""
        if isinstance(error, errors.LockHeld | errors.DatabaseUnavailable):
            # The server may still think that we are there.
            return self._again
        if isinstance(error, errors.LockLost):
            return False
        if isinstance(error, errors.ReadFailed) and error.gone:
            return True  # either side may have been read; what was lost is opened anew
        target = self._target
        if target is None:
            return False
        if isinstance(error, errors.WhimbrelError):
            return self._gone
        return self._gone or target.engine.fault(error) is base.Fault.GONE

    @contextlib.contextmanager
    def _noticing(self, target: base.Session) -> Iterator[None]:
        """Notice whether the target was lost; whoever asks later finds it closed in any case."""
        self._target = target
        try:
            yield
        except BaseException as error:
            self._gone = target.gone
            if self._run is not None:
                _stopped(journal.Journal(target, self._clock), self._run, error)
            raise

    def made(self) -> Transfer:
        """Plan, do what is left, and prove it."""
        request, side, tell, clock = self._request, self._side, self._tell, self._clock
        since = clock.seconds()
        source = side.run(reading.read)
        # Before anything is written there, not even the journal's own tables, nor a file made.
        request.resolve(source)
        with contextlib.closing(request.target()) as there:
            apart(source, there)
        hands = contextlib.ExitStack()
        with held(request, clock) as (target, lock, holder), self._noticing(target), hands:
            notes = journal.Journal(target, clock)
            half = _half(notes)
            target.rollback()
            begun = half is not None and _has_begun(notes, half)
            replacing = request.options.existing is _REPLACE and not (self._again and begun)
            resuming = begun and not replacing
            crew = _crew(request, side, source, hands)
            look = _profiling(crew, request, side)
            planned = _planner(request, side, target, source, look).plan(resuming=resuming)
            target.rollback()
            if planned.refused:
                raise _refused(planned, resuming=resuming)
            run, resumed = _begin(notes, half, planned, request, holder, replacing=replacing)
            self._run = run
            if request.begun is not None:
                request.begun(target, run, planned)
                target.commit()
            tell(
                events.TransferStarted(
                    source=planned.source.url,
                    target=planned.target.url,
                    tables=tuple((one.flow.name, one.rows) for one in planned.flows),
                    resumed=resumed,
                )
            )
            did = course.Course(
                planned,
                side=side,
                target=target,
                open_target=request.target,
                lock=lock,
                run=run,
                tell=tell,
                clock=clock,
                submit=_elsewhere(request, side, planned, target, crew),
            )
            did.go()
            copied = clock.seconds() - since
            _analyzed(target, planned)
            verification, miscounted = None, list[str]()
            if request.options.verify and request.options.data:
                miscounted = _miscounted(target, planned, did.filled)
                verification = _verified(request, side, planned, did.filled, tell, clock)
                if side.moved and not (verification is None or verification.equal):
                    verification.close()
                    raise lanes.moment_lost(planned.source.url)
            rejects = tuple(parts.Parts(target, run, clock).rejects(limit=100))
            reasons = tuple(putaside.Rejects(target, clock).counts(run=run))
            notes.end_run(run, journal.Status.DONE, seconds=clock.seconds() - since, steps=None)
            lock.check()
            target.commit()
            return Transfer(
                plan=planned,
                tables=tuple(did.filled.values()),
                run=run,
                resumed=resumed,
                position=side.snapshot.position,
                kind=side.snapshot.kind,
                started_at="",
                seconds=0.0,
                copy_seconds=copied,
                rejects=rejects,
                reasons=reasons,
                notes=(*planned.notes, *side.notes),
                miscounted=tuple(miscounted),
                not_made=tuple(dict.fromkeys(did.not_made)),
                verification=verification,
            )


_REPLACE: Final = planning.Existing.REPLACE


def _planner(
    request: Request,
    side: sides.Side,
    target: base.Session,
    source: reading.Source,
    look: reading.Elsewhere | None,
) -> planners.Planner:
    going = request.resolve(source)
    if request.choose is not None:
        going = request.choose(side, source, going)
    return planners.Planner(side, target, going, source, request.options, look)


@contextlib.contextmanager
def _source(request: Request) -> Iterator[sides.Side]:
    side = sides.Side(request.source, seats=request.options.jobs, together=True, lasting=True)
    try:
        yield side
    except (KeyboardInterrupt, SystemExit):
        # Nobody waits for what is still being read.
        with contextlib.suppress(errors.WhimbrelError, sa.exc.SQLAlchemyError):
            side.interrupt()
        raise
    finally:
        side.abandon()


@contextlib.contextmanager
def held(
    request: Request, clock: clocks.Clock
) -> Iterator[tuple[base.Session, base.RunLock, base.Holder]]:
    """Open the target, take its lock, see to its journal."""
    session = request.target()
    try:
        session.engine.codec(session).prepare()
        session.commit()
        lock = session.engine.lock(session, clock)
        holder = base.Holder(
            run=secrets.token_hex(8),
            who=_user(),
            host=socket.gethostname(),
            pid=os.getpid(),
            command=request.command,
            started_at=clocks.stamp(clock.now()),
        )
        lock.acquire(holder)
        try:
            notes = journal.Journal(session, clock)
            notes.ensure()
            notes.interrupt_dead_runs()
            session.commit()
            yield session, lock, holder
        finally:
            # A session that is gone has freed the lock itself; what stopped us counts.
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                session.rollback()
                lock.release()
    finally:
        session.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def apart(source: reading.Source, target: base.Session) -> None:
    """Refuse to move a database into itself."""
    if source.identity == target.engine.identity(target):
        raise errors.UsageError(
            "the source and the target are the same database",
            remedy="name another target; nothing was written",
        )


def _half(notes: journal.Journal) -> journal.RunRow | None:
    """Return the transfer that was begun last, if it was not ended."""
    for run in notes.runs():
        if run.direction == DIRECTION:
            ended = journal.Status(run.status) in {journal.Status.DONE, journal.Status.TAKEN_BACK}
            return None if ended else run
    return None


def _has_begun(notes: journal.Journal, half: journal.RunRow) -> bool:
    """Whether anything was done that can be gone on with; what was only to be dropped is not."""
    steps = notes.steps(half.id)
    return any(step.position > 0 or step.status == "done" for step in steps)


def _begin(
    notes: journal.Journal,
    half: journal.RunRow | None,
    planned: planning.TransferPlan,
    request: Request,
    holder: base.Holder,
    *,
    replacing: bool,
) -> tuple[int, bool]:
    """Return the run to be done, and whether it was begun before."""
    if half is not None and replacing:
        notes.end_run(half.id, journal.Status.TAKEN_BACK)
        # Whoever copies for it somewhere finds no chunk to copy any more.
        chunks.Chunks(notes.session, half.id).forget()
        half = None
    if half is not None:
        if half.fingerprint != planned.fingerprint:
            raise errors.TransferHalfDone(
                half.migration,
                database=notes.session.url,
                why=f"it was begun at {half.started_at} by: {half.command}",
            )
        notes.resume_run(half, holder=holder)
        notes.session.commit()
        return half.id, True
    run = notes.begin_run(
        f"{request.name}"[:_NAME],
        direction=DIRECTION,
        by_steps=True,
        holder=holder,
        fingerprint=planned.fingerprint,
    )
    notes.session.commit()
    return run, False


def _stopped(notes: journal.Journal, run: int, error: BaseException) -> None:
    """Write how an attempt ended, as far as the session still can."""
    session = notes.session
    if session.gone:
        return
    said = error.what if isinstance(error, errors.WhimbrelError) else type(error).__name__
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        session.rollback()
        notes.end_run(run, journal.Status.FAILED, error=said)
        session.commit()


def _refused(planned: planning.TransferPlan, *, resuming: bool) -> errors.TransferRefused:
    remedies = list(dict.fromkeys(one.remedy for one in planned.refused if one.remedy))
    return errors.TransferRefused(
        [one.says for one in planned.refused],
        database=planned.target.url,
        remedy="\n".join(remedies[:8]),
        left="what an earlier attempt copied; nothing was written now"
        if resuming
        else "nothing was written to either database",
    )


def _analyzed(target: base.Session, planned: planning.TransferPlan) -> None:
    """Let the target know what it holds, or its first queries are planned badly."""
    for name in dict.fromkeys(one.flow.target for one in planned.flows):
        statement = target.engine.statistics(name)
        if statement:
            target.execute(statement)
            target.commit()


def _crew(
    request: Request, side: sides.Side, source: reading.Source, hands: contextlib.ExitStack
) -> helpers.Helpers | None:
    """Return helper processes where they are faster: large tables that are read in Python."""
    engine = source.engine
    large = max((rows or 0 for rows in source.estimates.values()), default=0)
    if request.options.jobs < 2 or large < reading.LARGE_ROWS or engine.can.parallel_readers:
        return None
    if request.executor is not None or not _can_be_sent(request.source, request.target):
        return None
    if not side.run(lambda seat: seat.engine.reachable(seat.session)):
        return None
    crew = helpers.Helpers(request.options.jobs)
    hands.callback(crew.shutdown, cancel_futures=True)
    for _ in range(request.options.jobs):
        crew.submit(os.getpid)  # they start while we look at the catalogs
    return crew


def _can_be_sent(*things: object) -> bool:
    try:
        pickle.dumps(things)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False  # a function that was made on the way
    return True


def _profiling(
    crew: helpers.Helpers | None, request: Request, side: sides.Side
) -> reading.Elsewhere | None:
    if crew is None:
        return None
    return functools.partial(crew.submit, remote.facts, request.source, side.snapshot.position)


def _elsewhere(
    request: Request,
    side: sides.Side,
    planned: planning.TransferPlan,
    target: base.Session,
    crew: helpers.Helpers | None,
) -> Submit | None:
    """Return who copies chunks elsewhere; helpers of ours where several sessions gain nothing."""
    executor = request.executor
    if executor is None and crew is not None and target.engine.can.parallel_writers:
        executor = crew if _can_be_sent([one.flow for one in planned.flows]) else None
    if executor is None:
        return None
    return remote.submitter(
        executor,
        side,
        request.source,
        request.target,
        retries=request.options.retries,
        name=target.url,
    )


def _verified(
    request: Request,
    side: sides.Side,
    planned: planning.TransferPlan,
    filled: Mapping[str, course.Filled],
    tell: events.Listener,
    clock: clocks.Clock,
) -> verifying.Verification | None:
    """Compare what is in the target now with the moment of the source that was copied."""
    wanted = comparing.wanted(planned, filled)
    if not wanted.tables:
        return None
    options = request.look or differ.Options(jobs=request.options.jobs)
    return verifying.verify(
        request.source,
        request.target,
        wanted=wanted,
        options=options,
        writing=request.target,
        source_side=side,
        tell=tell,
        clock=clock,
    )


def _miscounted(
    target: base.Session, planned: planning.TransferPlan, filled: Mapping[str, course.Filled]
) -> list[str]:
    """Return, in words, tables that do not have as many rows as were written into them."""
    found = []
    for name in dict.fromkeys(one.flow.target for one in planned.flows):
        expected = sum(one.rows for one in filled.values() if one.target == name)
        engine = target.engine
        heir = any(one.flow.own_rows and one.flow.target == name for one in planned.flows)
        own = f" WHERE {engine.own_rows(name)}" if heir and planned.same_engine else ""
        (row,) = target.fetch(f"SELECT count(*) FROM {engine.quote(name)}{own}")
        if int(str(row[0])) != expected:
            found.append(f"{name!r} has {int(str(row[0])):,} rows, and {expected:,} were written")
    target.rollback()
    return found
