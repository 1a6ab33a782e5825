"""Follow another database: copy it once, then bring whatever changes there, round by round.

    changes are noted in the source → its rows are copied at one moment → rounds

A round reads which rows have changed, brings them as they are by now (`applying`), commits that
with a note in the target's journal (`standing`), and only then lets the source forget them. So
whatever is killed in between, the same is brought once more, and comes out the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, captures, mirrors
from whimbrel.journal import journal, parts
from whimbrel.proof import sides
from whimbrel.rows import copier
from whimbrel.transfers import applying, halfway, lanes, planner, reading, standing
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

IDLE_SECONDS: Final = 0.2
# What a round should take; it has more rows or fewer, as that comes out.
_ROUND_SECONDS: Final = 1.0
_LEAST, _FIRST, _MOST = 200, 2_000, 50_000
_LAG_SECONDS: Final = 1.0
_FORGET_SECONDS: Final = 5.0
_LOCK_SECONDS: Final = 1.0
_LOCK_TRIES: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A transfer whose source is followed from then on, and who may write there.

    `until_level` ends it when all is brought that had changed by then. `reverse` is the
    same the other way round.
    """

    transfer: transferring.Request
    capture: Callable[[], base.Session]
    how: str = captures.TRIGGERS
    until_level: bool = False
    reverse: Request | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What came of it. `transfer` is what copied the rows, if that was now."""

    run: int
    how: str
    resumed: bool
    rounds: int
    changes: int
    deleted: int
    written: int
    rejected: int
    lag: captures.Lag
    seconds: float
    transfer: transferring.Transfer | None = None

    @property
    def ok(self) -> bool:
        """Whether everything arrived."""
        return not self.rejected and (self.transfer is None or self.transfer.equal is not False)

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "ok": self.ok,
            "run": self.run,
            "capture": self.how,
            "resumed": self.resumed,
            "rounds": self.rounds,
            "changes": self.changes,
            "deleted": self.deleted,
            "written": self.written,
            "rejected": self.rejected,
            "lag": {"changes": self.lag.changes, "seconds": self.lag.seconds},
            "seconds": round(self.seconds, 3),
            "transfer": None if self.transfer is None else self.transfer.as_json(),
        }


def follow(
    request: Request,
    *,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Followed:
    """Copy a database and follow it until somebody stops that, or until all is brought.

    Called again it goes on where it was. Raises CannotFollow with nothing changed, SourceAltered,
    CaptureLost, and whatever `transfer` raises.
    """
    since = clock.seconds()
    with transferring.said(request.transfer):
        if halfway.take_back(request.transfer, request.capture, tell=tell, clock=clock):
            tell(events.Noticed(what="a cutover that was begun and not ended is taken back"))
        begun = _Begin(request, tell, clock)
        stand, resumed, moved = begun.made()
        with Following.on(request, stand, tell=tell, clock=clock) as following:
            tell(
                events.FollowingStarted(
                    source=following.source_url,
                    target=following.target_url,
                    how=stand.how,
                    resumed=resumed,
                )
            )
            following.run(until_level=request.until_level)
            rejected = following.rejected()
            lag = following.lag()
            now = following.stand
        return Followed(
            run=now.run,
            how=now.how,
            resumed=resumed,
            rounds=now.rounds - stand.rounds,
            changes=now.changes - stand.changes,
            deleted=now.deleted - stand.deleted,
            written=now.written - stand.written,
            rejected=rejected,
            lag=lag,
            seconds=clock.seconds() - since,
            transfer=moved,
        )


# --- beginning ----------------------------------------------------------------------------------


class _Begin:
    """See that changes are noted and rows are copied, in that order, each once."""

    def __init__(self, request: Request, tell: events.Listener, clock: clocks.Clock) -> None:
        self._request = request
        self._tell = tell
        self._clock = clock

    def made(self) -> tuple[standing.Standing, bool, transferring.Transfer | None]:
        """Return how it stands, whether it was begun before, and what was copied now."""
        stand, tables_, resumed = self._stand()
        if not stand.begun:
            self._capture(stand, tables_)
            with self._held() as (target, _, _):
                known = standing.Stand(target, self._clock)
                stand = known.begun(stand)
                target.commit()
        with self._held() as (target, _, _):
            copied = standing.Stand(target, self._clock).copied(stand)
            target.rollback()
        moved = None
        if not copied:
            moved = self._copied(stand)
        with self._held() as (target, _, _):
            found = standing.Stand(target, self._clock).find()
            target.rollback()
        if found is None or found.run != stand.run:
            raise errors.LockLost(database=self._request.transfer.place)
        return found, resumed, moved

    def _held(
        self,
    ) -> contextlib.AbstractContextManager[tuple[base.Session, base.RunLock, base.Holder]]:
        return transferring.held(self._request.transfer, self._clock)

    def _stand(self) -> tuple[standing.Standing, list[captures.Followed], bool]:
        """Find how it stands, or write that it begins; raise CannotFollow."""
        request = self._request.transfer
        side = sides.Side(request.source, seats=1)
        try:
            source = side.run(reading.read)
            flows = request.resolve(source)
            with contextlib.closing(request.target()) as there:
                transferring.apart(source, there)
                planned = planner.Planner(side, there, flows, source, request.options).bare()
                known = journal.Journal(there, self._clock).exists()
                found = standing.Stand(there, self._clock).find() if known else None
                there.rollback()
        finally:
            side.abandon()
        mark = standing.fingerprint(source, planned)
        tables_ = applying.followed(planned)
        if found is None:
            # Before anything is written there, not even the journal's own tables.
            self._possible(planned, tables_)
        with self._held() as (target, lock, holder):
            stand = standing.Stand(target, self._clock)
            found = stand.find()
            target.rollback()
            if found is not None and self._goes_on(found, mark, target):
                stand.resume(found, holder)
                target.commit()
                return found, tables_, True
            if found is not None:
                self._possible(planned, tables_)
                stand.end(found, taken_back=True)
            found = stand.begin(
                request.name[:200],
                name=standing.capture_name(target, mark),
                how=self._request.how,
                fingerprint=mark,
                holder=holder,
            )
            lock.check()
            target.commit()
            return found, tables_, False

    def _goes_on(self, found: standing.Standing, mark: str, target: base.Session) -> bool:
        """Whether what was begun is what is asked for, and can go on."""
        anew = self._request.transfer.options.existing is planning.Existing.REPLACE
        if found.fingerprint != mark:
            if anew:
                return False
            self._see_altered(found)
            raise errors.TransferHalfDone(
                "following",
                database=target.url,
                why="another source is followed, or other tables, columns or rows of it",
            )
        if found.how != self._request.how:
            if anew:
                return False
            raise errors.TransferHalfDone(
                "following",
                database=target.url,
                why=f"its changes are noted by {found.how}:  --capture {found.how}",
            )
        if not found.begun or not anew:
            return True
        with self._capturing(found.how) as capture:
            # What is broken is begun anew, where tables may be replaced.
            return capture.presence(found.name) and not capture.read(found.name, limit=1).altered

    def _see_altered(self, found: standing.Standing) -> None:
        """Raise SourceAltered if that is why it is not what it was."""
        if not found.begun:
            return
        with self._capturing(found.how) as capture:
            if not capture.presence(found.name):
                return
            altered = capture.read(found.name, limit=1).altered
            if altered:
                raise errors.SourceAltered(
                    altered, database=self._request.transfer.name.removeprefix("from ")
                )

    @contextlib.contextmanager
    def _capturing(self, how: str) -> Iterator[captures.Capture]:
        session = self._request.capture()
        try:
            yield capture_of(session, how)
        finally:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                session.close()

    def _possible(
        self, planned: Sequence[planning.PlannedFlow], tables_: list[captures.Followed]
    ) -> None:
        """See that every change can be noticed and brought; raise CannotFollow."""
        with self._capturing(self._request.how) as capture:
            found = [*applying.unfit(planned), *capture.obstacles(tables_)]
        if found:
            remedies = dict.fromkeys(one.remedy for one in found if one.remedy)
            raise errors.CannotFollow(
                [one.what for one in found],
                database=self._request.transfer.name.removeprefix("from "),
                remedy="\n".join(list(remedies)[:8]),
            )

    def _capture(self, stand: standing.Standing, tables_: list[captures.Followed]) -> None:
        """Begin to note changes; who holds a table is waited for, with nobody behind us."""
        tries = 0
        while True:
            try:
                with self._capturing(stand.how) as capture:
                    capture.start(stand.name, tables_, seconds=_LOCK_SECONDS)
                return
            except mirrors.Busy as busy:
                tries += 1
                who = "; ".join(one.who for one in busy.blockers) or "another transaction"
                if tries >= _LOCK_TRIES:
                    raise errors.TransferFailed(
                        "changes of the source could not be noted: its tables are always in use",
                        database=self._request.transfer.name.removeprefix("from "),
                        left="what was begun stays, and the same command goes on",
                        cause=f"held by: {who}",
                    ) from busy
                self._tell(events.Waiting(reason=f"a lock of the source, held by {who}"))
                self._clock.sleep(random.uniform(0.2, 1.0))

    def _copied(self, stand: standing.Standing) -> transferring.Transfer:
        """Copy the rows at one moment, which is later than that since which changes are noted."""
        request = self._request.transfer

        def begun(target: base.Session, run: int, planned: planning.TransferPlan) -> None:
            known = standing.Stand(target, self._clock)
            known.copying(stand, run, planned)

        options = dataclasses.replace(request.options, live=True)
        try:
            return transferring.transfer(
                dataclasses.replace(request, options=options, begun=begun),
                tell=self._tell,
                clock=self._clock,
            )
        except errors.WhimbrelError:
            self._leave(stand)
            raise

    def _leave(self, stand: standing.Standing) -> None:
        """Note no changes for a transfer that was refused before it began."""
        with (
            contextlib.suppress(errors.WhimbrelError, sa.exc.SQLAlchemyError),
            self._held() as (target, _, _),
        ):
            known = standing.Stand(target, self._clock)
            found = known.find()
            target.rollback()
            if found is None or found.run != stand.run or found.transfer is not None:
                return
            with self._capturing(stand.how) as capture:
                capture.stop(stand.name, seconds=_LOCK_SECONDS)
            known.end(found, taken_back=True)
            target.commit()


def capture_of(session: base.Session, how: str) -> captures.Capture:
    """Return what notices changes on a session, or raise CannotFollow."""
    found = session.engine.capture(session, how)
    if found is None:
        raise errors.CannotFollow(
            [f"{session.engine.title} cannot tell changes by its {how}"],
            database=session.url,
            remedy=f"--capture {captures.TRIGGERS}",
        )
    return found


# --- rounds -------------------------------------------------------------------------------------


class Following:
    """Brings changes, round by round, under the lock of the target."""

    def __init__(
        self,
        request: Request,
        stand: standing.Standing,
        *,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self.stand = stand
        self._request = request
        self._tell = tell
        self._clock = clock
        self._limit = _FIRST
        self._lag_at = 0.0
        self._forgot_at = clock.seconds()
        self._rejected = 0
        # Whether the last round had all that had changed.
        self._level = False
        self._ends: _Ends | None = None

    @classmethod
    @contextlib.contextmanager
    def on(
        cls,
        request: Request,
        stand: standing.Standing,
        *,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> Iterator[Following]:
        """Open what is needed inside the block, and write how it ended."""
        made = cls(request, stand, tell=tell, clock=clock)
        made.open()
        try:
            yield made
        except BaseException as error:
            made.close(error)
            raise
        else:
            made.close(None)

    @property
    def source_url(self) -> str:
        """The source, as people read it."""
        return self.ends.source.session.url

    @property
    def target_url(self) -> str:
        """The target, as people read it."""
        return self.ends.target.url

    @property
    def ends(self) -> _Ends:
        """What is open now."""
        if self._ends is None:
            raise errors.LockLost(database=self._request.transfer.place)
        return self._ends

    def open(self) -> None:
        """Open both sides and take the lock; what was lost is opened anew."""
        self._ends = _opened(self._request, self.stand, self._clock)
        self.stand = self._ends.stand

    def close(self, error: BaseException | None) -> None:
        """Write how it ended, as far as that can be, and end the sessions."""
        if self._ends is None:
            return
        ends, self._ends = self._ends, None
        with contextlib.suppress(sa.exc.SQLAlchemyError, errors.WhimbrelError):
            if not ends.target.gone:
                ends.target.rollback()
                said = None
                if isinstance(error, errors.WhimbrelError):
                    said = error.what
                elif error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
                    said = type(error).__name__
                ends.known.pause(self.stand, error=said)
                ends.target.commit()
        ends.stack.close()

    def run(self, *, until_level: bool) -> None:
        """Bring changes until somebody asks to stop, or until all is brought that had changed."""
        tries = 1
        while True:
            try:
                changed = self.once()
                tries = 1
                if until_level and self._level and self.ends.applier.tired():
                    return
                if self._asked_to_stop():
                    return
                if not changed:
                    self.told_lag()
                    self._clock.sleep(IDLE_SECONDS)
            except Exception as error:  # noqa: BLE001 - drivers raise classes of their own
                self._again(error, tries)
                tries += 1

    def once(self) -> int:
        """Bring what has changed; return how many changes there were."""
        ends = self.ends
        since = self._clock.seconds()
        limit = self._limit
        self._level = True
        changed = ends.capture.read(self.stand.name, limit=limit)
        if changed.altered:
            raise errors.SourceAltered(changed.altered, database=self.source_url)
        if changed.nothing and ends.applier.tired():
            self._level = not changed.more
            self._let_go(changed.upto)
            return int(changed.more)
        level = changed.changes < limit and not changed.more
        stand = self._bring(changed, level=level)
        if not changed.nothing:
            ends.capture.forget(self.stand.name, changed.upto)
        seconds = self._clock.seconds() - since
        self._tell(
            events.ChangesApplied(
                changes=changed.changes,
                deleted=stand.deleted - self.stand.deleted,
                written=stand.written - self.stand.written,
                rejected=self._rejected,
                seconds=seconds,
            )
        )
        self.stand = stand
        self._level = level
        self._pace(limit, changed.changes, seconds)
        self._see_rejects()
        return max(changed.changes, 1 if changed.emptied else 0)

    def _let_go(self, upto: str) -> None:
        """Let the source forget what was of no concern, now and then: it may keep much for us."""
        now = self._clock.seconds()
        if now - self._forgot_at >= _FORGET_SECONDS:
            self._forgot_at = now
            self.ends.capture.forget(self.stand.name, upto)

    def _bring(self, changed: captures.Changed, *, level: bool) -> standing.Standing:
        """Write a round and its note, all or nothing."""
        ends = self.ends
        target, before = ends.target, dict(ends.applier.waiting)
        ends.applier.waiting = {name: dict(tried) for name, tried in before.items()}
        target.rollback()
        target.begin()
        try:
            with self._passing():
                came = ends.applier.bring(changed, level=level)
            stand = dataclasses.replace(
                self.stand,
                rounds=self.stand.rounds + 1,
                changes=self.stand.changes + changed.changes,
                deleted=self.stand.deleted + came.deleted,
                written=self.stand.written + came.written,
                waiting=applying.dump_waiting(ends.applier.waiting),
            )
            ends.known.count(stand)
            ends.lock.check()
            target.commit()
        except BaseException:
            ends.applier.waiting = before
            if not target.gone:
                target.rollback()
            raise
        self._rejected = came.rejected
        return stand

    def _passing(self) -> contextlib.AbstractContextManager[None]:
        """Pass the fence of a target that was left for the source."""
        if not self.stand.back:
            return contextlib.nullcontext()
        target = self.ends.target
        return target.engine.fence(target).passing(self.stand.back)

    def _pace(self, limit: int, changes: int, seconds: float) -> None:
        if changes >= limit and seconds < _ROUND_SECONDS / 2:
            self._limit = min(_MOST, limit * 2)
        elif seconds > _ROUND_SECONDS * 2:
            self._limit = max(_LEAST, limit // 2)

    def rejected(self) -> int:
        """Return how many rows are put aside, and not for the moment only."""
        ends = self.ends
        ends.target.rollback()
        count = applying.rejected(ends.target, ends.applier.run)
        ends.target.rollback()
        return max(0, count - ends.applier.patient())

    def _see_rejects(self) -> None:
        if not self.ends.applier.waiting:
            return
        count, most = self.rejected(), self._request.transfer.options.max_rejects
        if count > most:
            raise errors.TransferFailed(
                f"{count:,} rows could not be written, and --max-rejects is {most:,}",
                database=self.target_url,
                left="they are kept with their values and reasons; what changes is still noted",
                cause="see them:  whimbrel rejects list",
            )

    def lag(self) -> captures.Lag:
        """Return how far the target is behind."""
        return self.ends.capture.lag(self.stand.name)

    def told_lag(self) -> None:
        """Tell how far the target is behind, every second at most; see that the lock is ours."""
        now = self._clock.seconds()
        if now - self._lag_at < _LAG_SECONDS:
            return
        self._lag_at = now
        lag = self.lag()
        self._tell(events.FollowingLag(changes=lag.changes, seconds=lag.seconds))
        self.ends.lock.check()
        self.ends.target.rollback()

    def _asked_to_stop(self) -> bool:
        """Whether somebody wants the target for a cutover."""
        ends = self.ends
        asked = parts.Parts(ends.target, self.stand.run).control().asked
        ends.target.rollback()
        return asked is not parts.Asked.GO_ON

    def _again(self, error: Exception, tries: int) -> None:
        """Open anew what was lost; raise what is no matter of a connection."""
        lost = isinstance(error, copier.SourceFailed) or self._lost(error)
        if not lost or tries > self._request.transfer.options.retries * 3:
            raise error
        self._tell(events.Waiting(reason="trying again: a connection was lost"))
        self.close(error)
        while True:
            self._clock.sleep(lanes.backoff(min(tries, 6)))
            try:
                self.open()
                return
            except (errors.DatabaseUnavailable, errors.LockHeld, sa.exc.SQLAlchemyError) as again:
                tries += 1
                if tries > self._request.transfer.options.retries * 3:
                    raise again from error

    def _lost(self, error: Exception) -> bool:
        if isinstance(error, errors.DatabaseUnavailable):
            return True
        if self._ends is None:
            return False
        ends = self._ends
        if any(one.gone for one in (ends.target, ends.source.session, ends.noting)):
            return True
        if isinstance(error, errors.WhimbrelError):
            return isinstance(error, errors.ReadFailed) and error.gone
        return ends.target.engine.fault(error) in lanes.AGAIN or (
            ends.noting.engine.fault(error) in lanes.AGAIN
        )


@dataclass(frozen=True, kw_only=True)
class _Ends:
    """Both sides while they are open: who notes, who reads, who writes."""

    stack: contextlib.ExitStack
    noting: base.Session
    capture: captures.Capture
    source: sides.Seat
    target: base.Session
    lock: base.RunLock
    known: standing.Stand
    applier: applying.Applier
    stand: standing.Standing
    planned: tuple[planning.PlannedFlow, ...]
    read: reading.Source


def _opened(request: Request, stand: standing.Standing, clock: clocks.Clock) -> _Ends:
    with contextlib.ExitStack() as stack:
        noting = request.capture()
        stack.callback(_closed, noting)
        capture = capture_of(noting, stand.how)
        if not capture.presence(stand.name):
            raise errors.CaptureLost(
                stand.name, database=noting.url, why="what noted them is not there any more"
            )
        seat = stack.enter_context(applying.seated(request.transfer.source()))
        target, lock, holder = stack.enter_context(transferring.held(request.transfer, clock))
        target.engine.loader(target).prepare()
        target.rollback()
        target.engine.durable(target)
        known = standing.Stand(target, clock)
        found = known.find()
        if found is None or found.run != stand.run:
            raise errors.LockLost(database=target.url)
        known.resume(found, holder)
        target.commit()
        with seat.session.looking():
            source = reading.read(seat)
            flows = request.transfer.resolve(source)
            side = cast("sides.Side", Here(seat))
            made = planner.Planner(side, target, flows, source, request.transfer.options)
            planned = made.bare()
            if standing.fingerprint(source, planned) != stand.fingerprint:
                # Which columns those are, the capture says.
                _see_altered(capture, stand, noting)
            ways = [
                applying.bind(
                    seat,
                    target,
                    one,
                    position=known.position(found, one.flow.name, 100 + at),
                )
                for at, one in enumerate(planned)
            ]
        target.rollback()
        run = found.transfer if found.transfer is not None else found.run
        applier = applying.Applier(
            source=seat,
            target=target,
            ways=ways,
            run=run,
            waiting=applying.load_waiting(found.waiting),
        )
        return _Ends(
            stack=stack.pop_all(),
            noting=noting,
            capture=capture,
            source=seat,
            target=target,
            lock=lock,
            known=known,
            applier=applier,
            stand=found,
            planned=tuple(planned),
            read=source,
        )


class Here:
    """A side that is one session, used in this thread."""

    def __init__(self, seat: sides.Seat) -> None:
        self._seat = seat
        self.snapshot = seat.snapshot

    def run(self, work: Callable[[sides.Seat], object]) -> object:
        """Do some work."""
        return work(self._seat)


def _see_altered(capture: captures.Capture, stand: standing.Standing, noting: base.Session) -> None:
    changed = capture.read(stand.name, limit=1)
    raise errors.SourceAltered(
        changed.altered or {"the source": "it is not what it was"}, database=noting.url
    )


def _closed(session: base.Session) -> None:
    with contextlib.suppress(sa.exc.SQLAlchemyError):
        session.close()
