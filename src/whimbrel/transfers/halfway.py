"""A cutover that was begun and not ended: find it, and take it back.

What was made in the target for the application goes again, and writes to the source are allowed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import base, fences
from whimbrel.journal import journal
from whimbrel.transfers import postponing, standing
from whimbrel.transfers import transfer as transferring

DIRECTION: Final = "cutover"
FOLLOW_BACK: Final = "follow back"
SWITCH: Final = "switch"
STEPS: Final = (
    "catch up", "stop writes", "last changes", "foreign keys", "counters", "compare", "the rest",
    FOLLOW_BACK, SWITCH, "end",
)  # fmt: skip
_LOCK_SECONDS: Final = 1.0


def half(notes: journal.Journal) -> journal.RunRow | None:
    """Return the cutover that was begun last, if it was not ended."""
    over = (journal.Status.DONE, journal.Status.TAKEN_BACK)
    for run in notes.runs():
        ended = journal.Status(run.status) in over
        if run.direction == DIRECTION:
            return None if ended else run
        if run.direction == standing.DIRECTION and ended:
            return None
    return None


@contextlib.contextmanager
def fenced(open_source: Callable[[], base.Session]) -> Iterator[fences.Fence]:
    """Give what stops writes to the source, on a session of its own."""
    session = open_source()
    try:
        session.engine.lock_limit(session, _LOCK_SECONDS)
        session.commit()
        yield session.engine.fence(session)
    finally:
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            session.close()


def forget_back(
    open_old: Callable[[], base.Session],
    open_new: Callable[[], base.Session],
    fence: str,
    clock: clocks.Clock,
) -> None:
    """Do not follow the new side back into the old one, as far as that was begun."""
    with contextlib.closing(open_old()) as old, contextlib.closing(open_new()) as new:
        known = standing.Stand(old, clock)
        found = known.find() if journal.Journal(old, clock).exists() else None
        old.rollback()
        if found is None or found.back != fence:
            return
        capture = new.engine.capture(new, found.how)
        if capture is not None:
            capture.stop(found.name, seconds=_LOCK_SECONDS)
        known.end(found, taken_back=True)
        old.commit()


def take_back(
    request: transferring.Request,
    open_source: Callable[[], base.Session],
    *,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> bool:
    """Take back a cutover that was begun and not ended; return whether there was one.

    Raises CutoverFailed if its switch had begun already.
    """
    with contextlib.closing(request.target()) as look:
        notes = journal.Journal(look, clock)
        found = half(notes) if notes.exists() else None
        look.rollback()
    if found is None:
        return False
    with (
        transferring.said(request),
        transferring.held(request, clock) as (target, _, _),
    ):
        notes = journal.Journal(target, clock)
        found = half(notes)
        stand = standing.Stand(target, clock).find()
        target.rollback()
        if found is None or stand is None:
            return False
        step = notes.step(found.id, STEPS.index(SWITCH) + 1)
        target.rollback()
        if step is not None:
            raise errors.CutoverFailed(
                SWITCH,
                database=target.url,
                left="writes to the source stay stopped: the switch had begun",
                cause="what the switch command has done nobody but its writer knows",
                remedy="go on:  whimbrel cutover SOURCE TARGET, with the same options",
            )
        begun = notes.step(found.id, STEPS.index(FOLLOW_BACK) + 1) is not None
        target.rollback()
        if begun:
            forget_back(open_source, request.target, stand.name, clock)
        postponing.Postponing(target, found.id, clock, tell).take_back()
        with fenced(open_source) as fence:
            fence.open(stand.name)
        notes.end_run(found.id, journal.Status.TAKEN_BACK)
        target.commit()
        return True
