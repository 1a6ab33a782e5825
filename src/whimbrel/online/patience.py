"""Ask for a lock again and again, each time for a moment, so that nobody waits behind us.

Pauses grow and are random, so that several who wait do not meet again. Who holds the lock is
told, and what a person asks of the run is heard.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events, pacing, words
from whimbrel.engines import base, mirrors
from whimbrel.journal import parts

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 3.0
_SHOWN: Final = 5

_T = TypeVar("_T")


class Patience:
    """How one run of a live change waits for its locks."""

    def __init__(
        self,
        session: base.Session,
        *,
        migration: str,
        run: int,
        table: str,
        config: pacing.OnlineConfig,
        tell: events.Listener,
        clock: clocks.Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.session = session
        self.config = config
        self._migration = migration
        self._run = run
        self._table = table
        self._tell = tell
        self._clock = clock
        self._chance = chance

    def insist(self, attempt: Callable[[], _T], what: str, *, listening: bool = True) -> _T:
        """Make an attempt until it gets its lock; raise LockNotHad, RunCancelled.

        An attempt leaves nothing open when it fails. Without `listening` nothing is read between
        two of them: a transaction of the caller's own is open.
        """
        began = self._clock.seconds()
        tries = 0
        while True:
            try:
                return attempt()
            except mirrors.Busy as busy:
                found: Sequence[mirrors.Blocker] = busy.blockers
            except sa.exc.DBAPIError as error:
                if self.session.gone:
                    raise
                if self.session.engine.fault(error) is not base.Fault.LOCKED:
                    raise
                found = ()
            tries += 1
            waited = self._clock.seconds() - began
            found = found or self._blockers()
            said = tuple(described(one) for one in found[:_SHOWN])
            if waited > self.config.swap_for:
                raise errors.LockNotHad(
                    what, table=self._table, waited=words.duration(waited), blockers=said
                )
            self._tell(
                events.LockAwaited(
                    migration=self._migration,
                    table=self._table,
                    tries=tries,
                    waited=waited,
                    blockers=said,
                )
            )
            if listening:
                self._listen()
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(tries, 10))
            self._clock.sleep((0.2 + 0.8 * self._chance()) * pause)

    def _blockers(self) -> Sequence[mirrors.Blocker]:
        try:
            return self.session.engine.mirror(self.session).blockers(self._table)
        except sa.exc.DBAPIError:
            return ()  # a right is missing: then nobody is named

    def _listen(self) -> None:
        """Obey what a person asks of the run."""
        notes = parts.Parts(self.session, self._run, self._clock)
        while True:
            self.session.rollback()
            asked = notes.control()
            self.session.rollback()
            if asked.asked is parts.Asked.CANCEL:
                raise errors.RunCancelled(self._run, by=asked.asked_by)
            if asked.asked is not parts.Asked.PAUSE:
                return
            self._tell(events.Waiting(reason=f"paused by {asked.asked_by}"))
            self._clock.sleep(1.0)


def described(blocker: mirrors.Blocker) -> str:
    """Return who holds a lock, in words."""
    what = f": {blocker.what}" if blocker.what else ""
    return f"{blocker.who}, for {words.duration(blocker.seconds)}{what}"
