"""A pair of sides that are written to together: its settings, its outbox, and their delivery.

What a side is (a model, a function) and how writes of it are noticed is said in `model_pair.py`
and `function_pair.py`; the front door is `dual_write.py`.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import datetime as dt
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import owners
from whimbrel.online import comparing, metrics, outbox, switch

INLINE: Final = "inline"
BACKGROUND: Final = "background"
ELSEWHERE: Final = "elsewhere"

# Notes of what was delivered are kept for longer than any process could have been stopped.
_KEEP_NOTES: Final = dt.timedelta(days=1)
# After the second side could not be reached nobody waits for it again at once.
_UNREACHABLE_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the outbox is delivered.

    A key is taken for `lease_seconds`: after that, whoever took it is believed to be dead. A row
    that the other side refuses is tried `tries` times, with waits that double up to
    `longest_wait_seconds`; then it is given up, kept, and shown. While the other side cannot be
    reached, nothing is counted as a try.
    """

    deliver: str = INLINE
    tries: int = 10
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 300.0
    lease_seconds: float = 30.0
    rows_at_once: int = 100
    every_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.deliver not in (INLINE, BACKGROUND, ELSEWHERE):
            raise errors.UsageError(
                f"deliver={self.deliver!r} is no way to deliver",
                remedy='deliver="inline" (after each commit), "background" (in a thread), or\n'
                '"elsewhere" (by  whimbrel outbox deliver)',
            )
        if self.tries < 1 or self.lease_seconds <= 0 or self.rows_at_once < 1:
            raise errors.UsageError(
                "tries, lease_seconds and rows_at_once are larger than nothing",
                remedy="leave them out: what holds then is right for most",
            )

    def wait(self, tries: int) -> float:
        """Return how long to wait after so many failures, never quite the same."""
        longest = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** min(tries, 40))
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a delivery did: rows that are out of the outbox, and those that are not.

    `overtaken` were there already, or something newer was. `stopped` says why it did not go on.
    """

    rows: int = 0
    overtaken: int = 0
    failed: int = 0
    dead: int = 0
    stopped: str | None = None

    def __add__(self, more: Delivered) -> Delivered:
        return Delivered(
            rows=self.rows + more.rows,
            overtaken=self.overtaken + more.overtaken,
            failed=self.failed + more.failed,
            dead=self.dead + more.dead,
            stopped=more.stopped or self.stopped,
        )

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return dataclasses.asdict(self)


class Unreachable(Exception):
    """The side that is written to cannot be reached; no row is to blame."""


class Pair(abc.ABC):
    """Two sides, called old and new; one leads and is written to by the application."""

    def __init__(
        self,
        name: str,
        *,
        same_database: bool,
        options: Options,
        tell: events.Listener,
        clock: clocks.Clock,
        keep_mismatches: int = 20,
    ) -> None:
        self.name = name
        self.same_database = same_database
        self.options = options
        self.metrics = metrics.Metrics(keep_mismatches=keep_mismatches)
        self._tell = tell
        self._clock = clock
        # One thread of this process delivers at a time; others would only wait for the same keys.
        self._delivering = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._not_before = 0.0

    # --- what a kind of pair says ---------------------------------------------------------------

    @abc.abstractmethod
    def hands(self, side: str) -> AbstractContextManager[owners.Hand]:
        """Open a connection to the database of a side that is not the application's.

        Raises Unreachable if there is none.
        """

    @abc.abstractmethod
    def bring(
        self, lead: owners.Hand, follow: owners.Hand, head: outbox.Waiting
    ) -> tuple[int, bool]:
        """Write to the second side what a row of the outbox is about, and take it out.

        Returns how many rows are out, and whether something was written.
        """

    @abc.abstractmethod
    def check_way(self, leads: str) -> None:
        """Raise if that side cannot lead."""

    def before_leading(self, side: str) -> None:
        """Make a side, which has everything now, ready for new rows."""
        return

    def close(self) -> None:
        """Stop the thread, and let writes be what they were before."""
        self.stop()

    # --- before the first write -----------------------------------------------------------------

    def prepare(self) -> None:
        """Make our tables in both databases, and write the pair down in them."""
        try:
            self._prepared()
        except Exception:  # noqa: BLE001 - drivers raise classes of their own
            # Processes that start at once may make the same table; then it is there now.
            self._clock.sleep(_AGAIN_SECONDS)
            self._prepared()

    def _prepared(self) -> None:
        leads = switch.OLD
        for side in self._sides():
            with self.hands(side) as hand:
                with hand.whole():
                    outbox.create(hand)
                with hand.whole():
                    switch.enter(hand, self.name, leads=leads, clock=self._clock)
                    leads = self._leads(hand) if side == switch.OLD else leads

    def settled(self, hand: owners.Hand, side: str) -> switch.Settings:
        """Return what holds for a write to a side, or raise DualWriteRefused."""
        settings = switch.read(hand, self.name)
        if settings is None:
            raise errors.DualWriteRefused(
                f"the dual write {self.name!r} is not prepared in this database",
                why="its settings and its outbox are not there",
                remedy="once, with the right to make tables:\n"
                f"whimbrel outbox prepare MODULE:{self.name}",
            )
        if settings.leads != side:
            raise errors.DualWriteRefused(
                f"the {side} side of {self.name!r} is not written to by itself",
                why="who leads is being changed at this moment"
                if settings.leads == switch.NOBODY
                else f"the {settings.leads} side leads, and what it has would be written over this",
                remedy=f"write to the {switch.NEW if side == switch.OLD else switch.OLD} side, or "
                f"let this one lead:  whimbrel outbox lead MODULE:{self.name} {side}",
            )
        return settings

    # --- settings -------------------------------------------------------------------------------

    def off(self) -> None:
        """Write to the leading side alone from now on; the outbox keeps what the other needs."""
        self._switch(switch.OFF)

    def on(self) -> None:
        """Write to both sides again; what is in the outbox is delivered first."""
        self._switch(switch.ON)
        if self.options.deliver == INLINE:
            self.deliver()
        self._wake.set()

    def _switch(self, value: str) -> None:
        for side in self._sides():
            with self.hands(side) as hand, hand.whole():
                switch.write(hand, self.name, value, self._clock)

    @property
    def leads(self) -> str:
        """Which side leads now."""
        with self.hands(switch.OLD) as hand, hand.looking():
            return self._leads(hand)

    def lead(self, side: str) -> None:
        """Let a side lead: nobody may write while the outbox is emptied, for a moment.

        Raises DualWriteRefused, with everything as it was, if it cannot be emptied.
        """
        if side not in (switch.OLD, switch.NEW):
            raise errors.UsageError(f"{side!r} is no side", remedy="old or new")
        before = self.leads
        if before == side:
            return
        self.check_way(side)
        with self.hands(switch.OLD) as hand, hand.looking():
            settings = switch.read(hand, self.name, lock=False)
        if settings is None or not settings.writes:
            raise errors.DualWriteRefused(
                f"the second side of {self.name!r} is switched off",
                why="it is not in step, and cannot lead",
                remedy=f"switch it on first:  whimbrel outbox on {self.name}",
            )
        self.deliver()  # as much as can be before anybody has to wait
        self._lead(switch.NOBODY)
        try:
            self.deliver()
            left = [one for one in self.status() if one.pending or one.dead]
            if left:
                raise errors.DualWriteRefused(
                    f"{left[0].pending + left[0].dead:,} writes to the other side of "
                    f"{self.name!r} are not delivered",
                    why=self.metrics.snapshot().last_error or "they are waiting for their turn",
                    remedy="see which:  whimbrel outbox status",
                )
            self.before_leading(side)
        except BaseException:
            self._lead(before)
            raise
        self._lead(side)

    def _lead(self, side: str) -> None:
        for each in self._sides():
            with self.hands(each) as hand, hand.whole():
                switch.lead(hand, self.name, side, self._clock)

    def _leads(self, hand: owners.Hand) -> str:
        settings = switch.read(hand, self.name, lock=False)
        return switch.OLD if settings is None else settings.leads

    def _sides(self) -> tuple[str, ...]:
        return (switch.OLD,) if self.same_database else (switch.OLD, switch.NEW)

    # --- the outbox -----------------------------------------------------------------------------

    def status(self) -> list[outbox.Status]:
        """Say what is in the outbox."""
        found: list[outbox.Status] = []
        for side in self._sides():
            with self.hands(side) as hand, hand.looking():
                found += [one for one in outbox.statuses(hand) if one.pair == self.name]
        return found

    def dead_letters(self, limit: int = 100) -> list[outbox.Waiting]:
        """Return what was given up, with the reasons."""
        found: list[outbox.Waiting] = []
        for side in self._sides():
            with self.hands(side) as hand, hand.looking():
                found += outbox.dead(hand, pair=self.name, limit=limit)
        return found[:limit]

    def retry(self, *ids: int) -> int:
        """Let what was given up (all of it, or these) be tried again; return how many."""
        count = 0
        for side in self._sides():
            with self.hands(side) as hand, hand.whole():
                count += outbox.retry(hand, pair=self.name, ids=ids, clock=self._clock)
        self._not_before = 0.0
        self._wake.set()
        return count

    def reconcile(
        self,
        *,
        repair: bool = False,
        databases: tuple[str, str] | None = None,
        expressions: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> comparing.Reconciled:
        """Compare both sides, and repair the second one if asked to; for models alone.

        With `databases` (names or URLs of the old and the new one) they are compared inside the
        databases; what functions of the mapping make is said in SQL of the leading side then, by
        field. Without, rows are read and put through the mapping.
        """
        raise errors.UsageError(
            f"{self.name!r} is of functions, and what they write to is not known",
            remedy="compare the tables:  whimbrel verify OLD NEW --columns …",
        )

    def soon(self) -> None:
        """Deliver what was written just now, as the options say; never fail."""
        if self.options.deliver == INLINE:
            if self._clock.seconds() >= self._not_before:
                # Whoever delivers already may have looked before this was there: wait for him.
                self._delivered_safely()
        elif self.options.deliver == BACKGROUND:
            self.start()
            self._wake.set()

    def deliver(self, limit: int | None = None) -> Delivered:
        """Write to the second side what is due in the outbox, in order for each key.

        Several processes may do so at once. What fails is tried again later and raises nothing.
        """
        with self._delivering:
            done = Delivered()
            try:
                for side in self._sides():
                    done += self._deliver_from(side, limit)
            except Unreachable as error:
                self._not_before = self._clock.seconds() + _UNREACHABLE_SECONDS
                self.metrics.failed("unreachable", str(error))
                done += Delivered(stopped=str(error))
            return done

    def _deliver_from(self, at: str, limit: int | None) -> Delivered:
        done = Delivered()
        # In one database either side may have led when the rows were written.
        for side in (switch.OLD, switch.NEW) if self.same_database else (at,):
            with self.hands(at) as lead:
                with lead.looking():
                    settings = switch.read(lead, self.name, lock=False)
                if settings is None or not settings.writes:
                    return done + Delivered(stopped="it is switched off" if settings else None)
                done += self._deliver_side(lead, side, limit)
        return done

    def _deliver_side(self, lead: owners.Hand, side: str, limit: int | None) -> Delivered:
        done = Delivered()
        other = switch.NEW if side == switch.OLD else switch.OLD
        with contextlib.ExitStack() as stack:
            follow: owners.Hand | None = None
            while limit is None or done.rows < limit:
                with lead.looking():
                    heads = outbox.heads(
                        lead,
                        pair=self.name,
                        side=side,
                        limit=self.options.rows_at_once,
                        clock=self._clock,
                    )
                if not heads:
                    break
                if follow is None:
                    follow = lead
                    if not self.same_database:
                        follow = stack.enter_context(self.hands(other))
                turn = Delivered()
                for head in heads:
                    turn += self._deliver_key(lead, follow, head)
                done += turn
                if not turn.rows:
                    break  # others have taken them, or they failed
            if follow is not None and not self.same_database:
                with follow.whole():
                    before = self._clock.now() - _KEEP_NOTES
                    outbox.forget_delivered(follow, pair=self.name, before=before)
        return done

    def _deliver_key(
        self, lead: owners.Hand, follow: owners.Hand, head: outbox.Waiting
    ) -> Delivered:
        with lead.whole():
            seconds = self.options.lease_seconds
            taken = outbox.claim(lead, head, seconds=seconds, clock=self._clock)
        if not taken:
            return Delivered()
        started = self._clock.seconds()
        try:
            rows, written = self.bring(lead, follow, head)
        except Exception as error:  # noqa: BLE001 - mappings and functions are foreign code
            return self._failed(lead, follow, head, error)
        lag = (self._clock.now() - clocks.read_stamp(head.written_at)).total_seconds()
        took = self._clock.seconds() - started
        self.metrics.delivered(rows=rows, seconds=took, lag=lag)
        if not written:
            self.metrics.count("overtaken", rows)
        self._tell(
            events.OutboxDelivered(
                pair=self.name, key=head.key, rows=rows, seconds=took, lag=max(lag, 0.0)
            )
        )
        return Delivered(rows=rows, overtaken=0 if written else rows)

    def _failed(
        self, lead: owners.Hand, follow: owners.Hand, head: outbox.Waiting, error: Exception
    ) -> Delivered:
        cause = f"{type(error).__name__}: {follow.engine.cause(error)}"
        gone = not self.is_there(follow)
        dead = not gone and head.tries + 1 >= self.options.tries
        with lead.whole():
            outbox.failed(
                lead,
                head,
                error=cause,
                wait=self.options.wait(head.tries),
                dead=dead,
                counted=not gone,
                clock=self._clock,
            )
        if gone:
            raise Unreachable(cause) from error
        self.metrics.failed("failures", cause)
        if dead:
            self.metrics.count("dead")
        self._tell(
            events.OutboxFailed(
                pair=self.name, key=head.key, tries=head.tries + 1, dead=dead, cause=cause
            )
        )
        return Delivered(failed=1, dead=1 if dead else 0)

    @abc.abstractmethod
    def is_there(self, hand: owners.Hand) -> bool:
        """Say whether a connection of ours still has its server."""

    def _delivered_safely(self) -> None:
        try:
            self.deliver()
        except Exception as error:  # noqa: BLE001 - what was committed stays, and stays in the outbox
            self._not_before = self._clock.seconds() + _UNREACHABLE_SECONDS
            self.metrics.failed("unreachable", f"{type(error).__name__}: {error}")

    def _differs(self, show_values: bool, look: comparing.Look) -> None:
        found = look.mismatch(show_values=show_values)
        self.metrics.differs(found)
        self._tell(
            events.ShadowDiffered(
                pair=self.name, key=look.key, missing=found.missing, fields=tuple(found.fields)
            )
        )

    # --- the thread -----------------------------------------------------------------------------

    def start(self) -> None:
        """Deliver in a thread of this process until `stop`."""
        with _starting:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping = False
            self._thread = threading.Thread(
                target=self._go_on, name=f"whimbrel-outbox-{self.name}", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the thread, after the row it is at."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopping = True
            self._wake.set()
            thread.join()

    def _go_on(self) -> None:
        while not self._stopping:
            self._wake.wait(self.options.every_seconds)
            self._wake.clear()
            if not self._stopping:
                self._delivered_safely()

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        started = self._clock.seconds()
        try:
            yield
        finally:
            self.metrics.wrote(self._clock.seconds() - started)


# Threads that begin at once start one thread.
_starting: Final = threading.Lock()
