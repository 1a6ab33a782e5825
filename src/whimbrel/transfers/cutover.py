"""Let the target of what is followed take over: steps that are named, timed and can be repeated.

    catch up → stop writes → last changes → keys → counters → compare → the rest → switch → end

Until the switch whatever fails is taken back: keys and triggers of the target go, writes are
allowed again, and the following can go on. What a switch command has done nobody but its writer
knows: from there it only goes on, by the same command.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, fences
from whimbrel.journal import journal, parts
from whimbrel.proof import differ
from whimbrel.proof import verify as verifying
from whimbrel.schema import convert
from whimbrel.transfers import back as returning
from whimbrel.transfers import compared as comparing
from whimbrel.transfers import course, follow, halfway, lanes, postponing, standing
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

_SWITCH: Final = halfway.SWITCH
_STEPS: Final = halfway.STEPS
_FOLLOW_BACK: Final = halfway.FOLLOW_BACK
_LOCK_SECONDS: Final = 1.0
_LOCK_TRIES: Final = 30
_QUIET_SECONDS: Final = 0.2
_HANDOVER_SECONDS: Final = 60.0
_SAID: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How it is to be done.

    `stop_writes` and `switch` are commands of a shell; without the first, triggers refuse whatever
    is written to the followed tables. `start_writes` undoes the first where the cutover fails.
    With `reverse` the new side is followed back into the old one from then on.
    """

    stop_writes: str = ""
    start_writes: str = ""
    switch: str = ""
    verify: bool = True
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step, and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOver:
    """What came of it; `standstill` is how long nobody could write."""

    run: int
    steps: tuple[Step, ...]
    standstill: float
    seconds: float
    changes: int
    reverse: bool = False
    verification: verifying.Verification | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        found = self.verification
        return {
            "ok": True,
            "run": self.run,
            "standstill_seconds": round(self.standstill, 3),
            "seconds": round(self.seconds, 3),
            "changes": self.changes,
            "followed_back": self.reverse,
            "steps": [{"step": one.name, "seconds": round(one.seconds, 3)} for one in self.steps],
            "equal": None if found is None else found.equal,
            "verification": None if found is None else found.as_json(),
        }


def cutover(
    request: follow.Request,
    wishes: Wishes,
    *,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> CutOver:
    """Let the target take over from the source that it follows.

    Whoever follows is asked to let go of the target. Raises NotFollowed, LockHeld,
    DatabaseUnavailable with nothing changed, and CutoverFailed, after which writes are allowed
    again unless it says otherwise.
    """
    with transferring.said(request.transfer):
        stand = _standing(request, tell, clock)
        with follow.Following.on(request, stand, tell=tell, clock=clock) as following:
            made = _Cutover(request, wishes, following, tell, clock)
            if wishes.reverse and made.back is not None:
                made.back.possible(following.ends.planned)
            return made.made()


def _standing(
    request: follow.Request, tell: events.Listener, clock: clocks.Clock
) -> standing.Standing:
    """Find what is followed; let whoever does it let go of the target."""
    with contextlib.closing(request.transfer.target()) as target:
        notes = journal.Journal(target, clock)
        there = notes.exists()
        stand = standing.Stand(target, clock).find() if there else None
        copied = stand is not None and standing.Stand(target, clock).copied(stand)
        target.rollback()
        if stand is None or not copied:
            raise errors.NotFollowed(
                database=target.url,
                why="it follows nothing"
                if stand is None
                else "its rows are not copied yet, so that there is nothing to go on from",
            )
        since = clock.seconds()
        while (who := target.engine.lock(target, clock).held_by()) is not None:
            target.rollback()
            if clock.seconds() - since > _HANDOVER_SECONDS:
                break  # taking the lock says who has it
            parts.Parts(target, stand.run).ask(
                parts.Control(asked=parts.Asked.CANCEL, asked_by="whimbrel cutover")
            )
            target.commit()
            tell(events.Waiting(reason=f"whoever follows lets go of the target: {who}"))
            clock.sleep(_QUIET_SECONDS)
        target.rollback()
        return stand


class _Cutover:
    """One attempt."""

    def __init__(
        self,
        request: follow.Request,
        wishes: Wishes,
        following: follow.Following,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._request = request
        self._wishes = wishes
        self._following = following
        self._tell = tell
        self._clock = clock
        self._done: list[Step] = []
        self._stopped_at: float | None = None
        self._started_at: float | None = None
        self._before = following.stand.changes
        self._name = following.stand.name
        self._run = 0
        self.back = (
            returning.Back(request.reverse, self._name, tell, clock)
            if request.reverse is not None
            else None
        )
        self._at = ""
        self._verification: verifying.Verification | None = None

    @property
    def _target(self) -> base.Session:
        return self._following.ends.target

    @property
    def _notes(self) -> journal.Journal:
        return journal.Journal(self._target, self._clock)

    def made(self) -> CutOver:
        """Do all of it, or take it back."""
        since = self._clock.seconds()
        self._begin()
        waiting = standing.Stand(self._target, self._clock).postponed(self._following.stand)
        self._target.rollback()
        switched = self._notes.step(self._run, _STEPS.index(_SWITCH) + 1) is not None
        self._target.rollback()
        making = postponing.Postponing(self._target, self._run, self._clock, self._tell)
        try:
            self._step("catch up", self._catch_up)
            self._stopped_at = self._clock.seconds()
            self._step("stop writes", self._stop_writes)
            self._step("last changes", self._last_changes)
            making = postponing.Postponing(self._target, self._run, self._clock, self._tell)
            self._step("foreign keys", lambda: making.make(waiting.keys))
            self._step("counters", lambda: making.count(self._counters(waiting.counters)))
            if self._wishes.verify:
                self._step("compare", self._compare)
            self._step("the rest", lambda: making.make(waiting.last))
            if self.back is not None and self._goes_back():
                self._step(_FOLLOW_BACK, self.back.begin)
        except BaseException as error:
            if switched:
                left = "writes to the source stay stopped: it was switched"
                raise self._failed(error, left) from error
            self._undo(error)
            raise
        try:
            self._step(_SWITCH, self._switch)
        except BaseException as error:
            raise self._failed(
                error, "writes to the source stay stopped; the target has everything"
            ) from error
        self._started_at = self._clock.seconds()
        self._step("end", self._end)
        standstill = self._started_at - self._stopped_at
        seconds = self._clock.seconds() - since
        self._tell(events.CutoverDone(standstill=standstill, seconds=seconds))
        return CutOver(
            run=self._run,
            steps=tuple(self._done),
            standstill=standstill,
            seconds=seconds,
            changes=self._following.stand.changes - self._before,
            reverse=any(one.name == _FOLLOW_BACK for one in self._done),
            verification=self._verification,
        )

    def _begin(self) -> None:
        notes = self._notes
        half = halfway.half(notes)
        following = notes.run(self._following.stand.run)
        if following is None:
            raise errors.LockLost(database=self._target.url)
        holder = base.Holder(
            run="", who=following.who, host=following.host, pid=following.pid,
            command=self._request.transfer.command, started_at=clocks.stamp(self._clock.now()),
        )  # fmt: skip
        if half is not None:
            if journal.Status(half.status) is not journal.Status.RUNNING:
                notes.resume_run(half, holder=holder)
            self._run = half.id
        else:
            self._run = notes.begin_run(
                self._request.transfer.name[:200],
                direction=halfway.DIRECTION,
                by_steps=True,
                holder=holder,
                fingerprint=self._following.stand.fingerprint,
            )
        self._target.commit()

    def _step(self, name: str, work: Callable[[], None]) -> None:
        self._at = name
        position, since = _STEPS.index(name) + 1, self._clock.seconds()
        if name in (_FOLLOW_BACK, _SWITCH):
            # Before: what is there in part has to be found.
            self._noted(position, name, "started", None)
        work()
        seconds = self._clock.seconds() - since
        self._done.append(Step(name=name, seconds=seconds))
        self._noted(position, name, "done", seconds)
        stopped = self._stopped_at is not None and self._started_at is None
        self._tell(events.CutoverStep(step=name, seconds=seconds, writes_stopped=stopped))

    def _noted(self, position: int, name: str, status: str, seconds: float | None) -> None:
        notes, target = self._notes, self._target
        target.rollback()
        if notes.step(self._run, position) is not None:
            if status == "done":
                notes.finish_step(self._run, position, rows_changed=None, seconds=seconds)
        else:
            notes.write_steps(
                [
                    journal.StepRow(
                        run=self._run,
                        position=position,
                        kind="cutover",
                        status=status,
                        step=name,
                        fingerprint=hashlib.sha256(name.encode()).hexdigest(),
                        noted=None,
                        rows_changed=None,
                        started_at=clocks.stamp(self._clock.now()),
                        seconds=seconds,
                    )
                ]
            )
        self._following.ends.lock.check()
        target.commit()

    # --- steps ------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Bring changes until a round has all there were."""
        self._following.run(until_level=True)

    def _stop_writes(self) -> None:
        if self._wishes.stop_writes:
            self._command(self._wishes.stop_writes)
            return
        with halfway.fenced(self._request.capture) as fence:
            for table in sorted({way.table for way in self._following.ends.applier.ways}):
                self._shut(fence, table)

    def _shut(self, fence: fences.Fence, table: str) -> None:
        tries = 0
        session = self._following.ends.noting
        while True:
            try:
                fence.shut(self._name, table)
                return
            except sa.exc.DBAPIError as error:
                tries += 1
                fault = session.engine.fault(error)
                if fault not in lanes.AGAIN or tries >= _LOCK_TRIES:
                    raise
                self._tell(events.Waiting(reason=f"a lock on {table!r} of the source"))
                # Others go on meanwhile: nobody has to stand behind us for long.
                self._clock.sleep(random.uniform(0.05, 0.3))

    def _last_changes(self) -> None:
        """Bring all there is, until there is nothing more."""
        quiet = 0
        while quiet < 2:
            if self._following.once() or not self._following.ends.applier.tired():
                quiet = 0
                continue
            quiet += 1
            self._clock.sleep(_QUIET_SECONDS if self._wishes.stop_writes else 0.0)

    def _counters(self, noted: Sequence[planning.Counting]) -> list[planning.Counting]:
        """Return what counts, behind all that the source has counted by now."""
        session = self._following.ends.source.session
        now = {
            (one.table or "", one.column): one
            for one in session.engine.inventory(session).counters()
            if one.table is not None
        }
        session.rollback()
        places = {
            (planned.flow.target, column.name): now.get((planned.flow.table or "", column.plain))
            for planned in self._following.ends.planned
            for column in planned.columns
        }
        made = []
        for one in noted:
            found = places.get((one.table, one.column or ""))
            if found is not None and one.increment > 0 and found.increment > 0:
                one = dataclasses.replace(one, next=max(one.next or 1, found.next))
            made.append(one)
        return made

    def _goes_back(self) -> bool:
        """Whether the new side is followed back, now or by an attempt before this one."""
        step = self._notes.step(self._run, _STEPS.index(_FOLLOW_BACK) + 1)
        self._target.rollback()
        return self._wishes.reverse or step is not None

    def _compare(self) -> None:
        ends, request = self._following.ends, self._request.transfer
        self._target.rollback()
        rejected = self._following.rejected()
        planned = planning.TransferPlan(
            source=_place(ends.source.session),
            target=_place(self._target),
            flows=ends.planned,
            schema=convert.Schema(tables=()),
            options=request.options,
        )
        ends.source.session.rollback()
        self._target.rollback()
        filled = {
            one.flow.name: course.Filled(
                name=one.flow.name, source=one.flow.table or "", target=one.flow.target,
                rejected=rejected,
            )
            for one in ends.planned
        }  # fmt: skip
        wanted = comparing.wanted(planned, filled)
        if not wanted.tables:
            return
        found = verifying.verify(
            request.source,
            request.target,
            wanted=wanted,
            options=differ.Options(jobs=request.options.jobs),
            tell=self._tell,
            clock=self._clock,
        )
        self._verification = found
        if not found.equal and found.differences > rejected:
            raise errors.TransferFailed(
                f"the target is not equal: {found.differences:,} rows differ",
                database=self._target.url,
                left="they were not repaired",
                cause="see them:  whimbrel verify SOURCE TARGET",
            )

    def _switch(self) -> None:
        name = self._following.stand.back
        if name:
            # Who comes back may write here again.
            self._target.rollback()
            self._target.engine.fence(self._target).open(name)
        if self._wishes.switch:
            self._command(self._wishes.switch)

    def _end(self) -> None:
        following = self._following
        with contextlib.suppress(sa.exc.DBAPIError):
            # What nobody writes to notices nothing; its triggers are no harm if they stay.
            following.ends.capture.stop(self._name, seconds=_LOCK_SECONDS)
        target = self._target
        target.rollback()
        following.ends.known.end(following.stand)
        self._notes.end_run(self._run, journal.Status.DONE)
        target.commit()

    def _command(self, command: str) -> None:
        """Run a command of the user's; raise TransferFailed if it fails."""
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[:_SAID]
            raise errors.TransferFailed(
                f"a command failed with exit code {done.returncode}",
                database=self._target.url,
                left="nothing else was done in this step",
                cause=f"{command}: {said}" if said else command,
            )

    # --- failing ----------------------------------------------------------------------------------

    def _undo(self, error: BaseException) -> None:
        """Take back what was done, and raise what is said of it."""
        left = "writes are allowed again, and the following can go on"
        try:
            if self._stopped_at is not None:
                making = postponing.Postponing(self._target, self._run, self._clock, self._tell)
                making.take_back()
                if self.back is not None and self._goes_back():
                    request = self._request
                    halfway.forget_back(
                        request.capture, request.transfer.target, self._name, self._clock
                    )
                with halfway.fenced(self._request.capture) as fence:
                    fence.open(self._name)
                if self._wishes.stop_writes and self._wishes.start_writes:
                    self._command(self._wishes.start_writes)
                elif self._wishes.stop_writes:
                    left = "writes are still stopped by your own command; start them again"
            self._target.rollback()
            self._notes.end_run(self._run, journal.Status.INTERRUPTED)
            run = self._notes.run(self._run)
            if run is not None:
                self._notes.end_run(self._run, journal.Status.TAKEN_BACK)
            self._target.commit()
        except (sa.exc.SQLAlchemyError, errors.WhimbrelError):
            left = "not all could be taken back:  whimbrel cutover SOURCE TARGET --abort"
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return
        raise self._failed(error, left) from error

    def _failed(self, error: BaseException, left: str) -> errors.WhimbrelError:
        cause = error.what if isinstance(error, errors.WhimbrelError) else ""
        if isinstance(error, errors.WhimbrelError) and error.cause:
            cause = f"{cause}: {error.cause}"
        if not cause:
            cause = self._target.engine.cause(error)
        return errors.CutoverFailed(
            self._at,
            database=self._target.url,
            left=left,
            cause=cause,
            remedy="see to the cause, then run the same command again",
        )


def _place(session: base.Session) -> planning.Place:
    engine = session.engine
    return planning.Place(
        url=session.url,
        engine=engine.answered_by(session),
        title=engine.title,
        version=engine.version(session),
    )
