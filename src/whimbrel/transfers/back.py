"""Follow the new side back into the old one after a cutover, so that there is a way back.

What changes on the new side is noted before anybody can write to it; that it is followed is written
into the old side's journal as if its rows had been copied: they are equal at that moment. From then
on it is the same thing in the other direction (`follow`, `cutover`), but that the old side's tables
have their foreign keys, their triggers, and a fence of ours, which lets only us through.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from typing import Final, cast

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, captures, mirrors
from whimbrel.journal import journal
from whimbrel.proof import sides
from whimbrel.transfers import applying, follow, planner, reading, standing
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

_LOCK_SECONDS: Final = 1.0
_LOCK_TRIES: Final = 30
_SHOWN: Final = 8


class Back:
    """The way back of one cutover. `request` has both databases the other way round.

    `fence` is the name by which writes to the old side are stopped.
    """

    def __init__(
        self,
        request: follow.Request,
        fence: str,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._request = request
        self._fence = fence
        self._tell = tell
        self._clock = clock

    # --- before anything ------------------------------------------------------------------------

    def possible(self, forward: Sequence[planning.PlannedFlow]) -> None:
        """See that rows can go back the way they came; raise CannotFollow with nothing changed."""
        reasons = [why for one in forward for why in _one_way(one)]
        if not reasons:
            with self._planned() as (seat, old, planned, _):
                came = {one.flow.target for one in forward}
                also = [one.flow.name for one in planned if one.flow.name not in came]
                if also:
                    reasons.append(f"the new side has tables that were not followed: {_few(also)}")
                reasons += [one.what for one in applying.unfit(planned)]
                there = sorted({one.flow.target for one in planned if one.flow.target in came})
                if not reasons:
                    reasons += old.engine.fence(old).acting(there)
                    reasons += self._bound(seat, old, planned)
            if not reasons:
                with self._capturing() as capture:
                    found = capture.obstacles(applying.followed(planned))
                reasons += [one.what for one in found]
        if reasons:
            raise errors.CannotFollow(
                reasons[:_SHOWN],
                database=self._request.transfer.name.removeprefix("from "),
                remedy="see to these, or cut over without --reverse",
            )

    def _bound(
        self, seat: sides.Seat, old: base.Session, planned: Sequence[planning.PlannedFlow]
    ) -> Iterator[str]:
        for at, one in enumerate(planned):
            try:
                applying.bind(seat, old, one, position=at)
            except errors.CannotFollow as error:
                yield from error.reasons
            except errors.WhimbrelError as error:
                yield f"{one.flow.name}: {error.what}"

    @contextlib.contextmanager
    def _planned(
        self,
    ) -> Iterator[tuple[sides.Seat, base.Session, list[planning.PlannedFlow], str]]:
        """Give both sides as they are, what would go back, and its fingerprint."""
        request = self._request.transfer
        with (
            applying.seated(request.source()) as seat,
            contextlib.closing(request.target()) as old,
            seat.session.looking(),
        ):
            source = reading.read(seat)
            flows = request.resolve(source)
            side = cast("sides.Side", follow.Here(seat))
            planned = planner.Planner(side, old, flows, source, request.options).bare()
            old.rollback()
            yield seat, old, planned, standing.fingerprint(source, planned)

    @contextlib.contextmanager
    def _capturing(self) -> Iterator[captures.Capture]:
        session = self._request.capture()
        try:
            yield follow.capture_of(session, self._request.how)
        finally:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                session.close()

    # --- in the standstill ----------------------------------------------------------------------

    def begin(self) -> None:
        """Note what changes on the new side from now on, and write into the old one's journal."""
        request = self._request.transfer
        with self._planned() as (_, _, planned, mark):
            tables_ = applying.followed(planned)
        with transferring.held(request, self._clock) as (old, lock, holder):
            known, notes = standing.Stand(old, self._clock), journal.Journal(old, self._clock)
            found = known.find()
            if found is not None and (found.fingerprint != mark or found.back != self._fence):
                raise errors.TransferHalfDone(
                    "following", database=old.url, why="it follows another database already"
                )
            if found is None:
                found = known.begin(
                    request.name[:200],
                    name=standing.capture_name(old, mark),
                    how=self._request.how,
                    fingerprint=mark,
                    holder=holder,
                    back=self._fence,
                )
                lock.check()
                old.commit()
            self._capture(found.name, tables_)
            if found.transfer is None:
                own = {one.table.name for one in tables_}
                counters = [
                    planning.Counting(
                        table=one.table, column=one.column, next=one.next,
                        sequence=one.sequence, increment=one.increment,
                    )
                    for one in old.engine.inventory(old).counters()
                    if one.table in own
                ]  # fmt: skip
                # Both sides are equal: a transfer that has nothing to copy.
                run = notes.begin_run(
                    request.name[:200],
                    direction=transferring.DIRECTION,
                    by_steps=True,
                    holder=holder,
                    fingerprint=mark,
                )
                notes.end_run(run, journal.Status.DONE)
                known.equal(known.begun(found), run, counters)
            known.pause(found)
            lock.check()
            old.commit()

    def _capture(self, name: str, tables_: Sequence[captures.Followed]) -> None:
        tries = 0
        while True:
            try:
                with self._capturing() as capture:
                    # Its foreign keys are there by now: whom they take along has to be known.
                    found = capture.obstacles(tables_)
                    if found:
                        raise errors.CannotFollow(
                            [one.what for one in found],
                            database=self._request.transfer.name.removeprefix("from "),
                            remedy="see to these, or cut over without --reverse",
                        )
                    capture.start(name, tables_, seconds=_LOCK_SECONDS)
                return
            except mirrors.Busy as busy:
                tries += 1
                if tries >= _LOCK_TRIES:
                    raise
                who = "; ".join(one.who for one in busy.blockers) or "another transaction"
                self._tell(events.Waiting(reason=f"a lock of the new side, held by {who}"))
                self._clock.sleep(random.uniform(0.05, 0.3))


def _one_way(one: planning.PlannedFlow) -> Iterator[str]:
    """Yield why rows of a flow cannot go back."""
    flow, table = one.flow, one.source
    if table is None:
        yield f"{flow.name!r} comes of a query: its rows have no way back"
        return
    if flow.where and not flow.own_rows:
        yield f"only some rows of {table.name!r} are in {flow.target!r}"
    if flow.change is not None:
        yield f"rules make other values of rows of {table.name!r}"
    plain = {column.name for column in one.columns if column.plain == column.name}
    other = [column.name for column in one.columns if column.plain != column.name]
    left = [c.name for c in table.columns if c.generated is None and c.name not in plain]
    if table.name != flow.target:
        yield f"{table.name!r} is {flow.target!r} on the new side"
    elif other or left:
        yield f"{table.name!r} has other columns on the new side: {_few([*other, *left])}"


def _few(names: Sequence[str]) -> str:
    return errors.names(list(dict.fromkeys(names)))
