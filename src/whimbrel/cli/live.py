"""Show how `up` and `down` go on: a line for each finished step, and one for what is at work.

How far a run is comes from the one fold over its events (`progress.py`); here it is drawn. A
loop that does the same again and again gets a line at its beginning and one at its end; a step
in batches gets a line every few seconds where there is no terminal to draw on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final

from whimbrel import clock as clocks
from whimbrel import events, progress, words
from whimbrel.cli import output, stop, validate
from whimbrel.proof import rules

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

REFRESH_PER_SECOND: Final = 4
# Somebody who reads a log of a long loop sees so often that it is alive.
SIGN_OF_LIFE_SECONDS: Final = 30.0
# The same of a step in batches, whose end may be far.
BATCHES_SECONDS: Final = 10.0
_BAR_WIDTH: Final = 16
# At these moments the runner has nothing half said: what a driver swallowed is raised again.
_MAY_STOP: Final = (events.StepStarted, events.StepDone, events.BatchDone, events.ModelRows)
# Values in SQL: texts, and numbers that are no part of a name.
_NUMBER: Final = re.compile(r"\d[\d.,:]*")
_VALUE: Final = re.compile(r"'(?:[^']|'')*'|(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")


# What has become of a migration, by the direction in which it went.
_DONE: Final = {"up": "applied", "live": "as far as it was to go", "complete": "complete"}


@dataclass(slots=True)
class _Repeat:
    """Steps that do what an earlier one did, since the last line that said so."""

    position: int
    step: str
    times: int = 0
    skipped: int = 0
    rows: int | None = None
    seconds: float = 0.0


class Display:
    """Listens to a run and draws it; `state` is how far it is."""

    def __init__(
        self, out: output.Output, stopping: stop.Stop, clock: clocks.Clock = clocks.SYSTEM
    ) -> None:
        self.state = progress.NOTHING
        self._out = out
        self._stop = stopping
        self._clock = clock
        self._live: Live | None = None
        self._seen: set[str] = set()
        self._repeats: dict[str, _Repeat] = {}
        self._line_at = clock.seconds()
        self._step_at = clock.seconds()
        self._migration = ""
        self._waited_for: str | None = None
        self._batches_at = clock.seconds()

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        now = self._clock.seconds()
        self.state = progress.advance(self.state, event, at=now)
        if not self._out.silent:
            self._draw(event, now)
        if isinstance(event, _MAY_STOP):
            self._stop.check()

    def __enter__(self) -> Display:
        if self._out.fancy and not self._out.silent:
            from rich.live import Live

            self._live = Live(
                self,
                console=self._out.console,
                refresh_per_second=REFRESH_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._out.begin_drawing()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._out.end_drawing()
        if not self._out.silent:
            self._tell_repeats()

    # --- lines --------------------------------------------------------------------------------

    def _draw(self, event: events.Event, now: float) -> None:
        match event:
            case events.RunStarted() if event.migrations:
                count = words.count(len(event.migrations), "migration")
                self._line((event.direction, "bold"), f" · {count} · ", (event.database, "bold"))
            case events.MigrationStarted():
                self._migration = event.migration
                self._seen.clear()
                self._step_at = now
                again = f"  goes on after {words.count(event.resumed_at, 'step')}"
                self._line((event.migration, "bold"), (again, "yellow") if event.resumed_at else "")
            case events.StepStarted():
                self._step_at = now
            case rules.RuleChecked():
                self._checked(event)
            case events.StepDone():
                self._step_at = now
                self._step_done(event, now)
            case events.MigrationDone():
                self._migration_done(event)
            case events.MigrationStopped():
                self._tell_repeats()
                self._line("  ", ("stopped", "bold red"))
            case events.TooLarge():
                said = f"table {event.table} is too large for one transaction: it begins again"
                self._line("  ", (f"{said}, step by step", "yellow"))
            case events.Noticed():
                self._line("  ", (event.what, "yellow"))
            case events.RowsStarted():
                self._batches_at = now
            case events.BatchDone():
                self._batch_done(now)
            case events.Waiting():
                self._waiting(event.reason)
            case events.PhaseDone():
                self._tell_repeats()
                took = words.duration(event.seconds)
                self._line("  ", (f"{event.table} is {event.phase}", "green"), f" after {took}")
            case events.LockAwaited():
                self._waiting(_held(event))
            case _:
                pass
        if not isinstance(event, events.Waiting | events.BatchDone | events.LockAwaited):
            self._waited_for = None

    def _waiting(self, reason: str) -> None:
        """Tell what is waited for; between two batches only if it is something new.

        What a replica is behind changes all the time, and a line for each change is none.
        """
        current = self.state.current
        in_batches = current is not None and current.batching is not None
        kind = _NUMBER.sub("?", reason) if in_batches else reason
        if kind != self._waited_for:
            self._line("  ", (f"waiting: {reason}", "yellow"))
        self._waited_for = kind

    def _batch_done(self, now: float) -> None:
        current = self.state.current
        if now - self._batches_at < BATCHES_SECONDS or current is None:
            return
        self._batches_at, self._waited_for = now, None
        if self._live is None and current.batching is not None:
            place = self._place(current.batching.position)
            self._line(("  " + place, "dim"), f"  {in_batches(current.batching)}")

    def _checked(self, event: rules.RuleChecked) -> None:
        if event.migration != self._migration:
            # What has to hold before it is asked before it begins.
            self._migration = event.migration
            self._line((event.migration, "bold"), ("  its rules", "dim"))
        self._tell_repeats()
        self._line_at = self._clock.seconds()
        validate.draw(self._out, event.outcome, indent="  ")

    def _step_done(self, event: events.StepDone, now: float) -> None:
        kind = _VALUE.sub("?", event.step)
        if kind not in self._seen:
            self._tell_repeats()
            self._seen.add(kind)
            self._step_line(
                event.position, event.step, event.rows, event.seconds, skipped=event.skipped
            )
            return
        repeat = self._repeats.setdefault(kind, _Repeat(event.position, event.step))
        repeat.position, repeat.step = event.position, event.step
        repeat.times += 1
        repeat.skipped += event.skipped
        repeat.seconds += event.seconds
        if event.rows is not None and event.rows >= 0:
            repeat.rows = (repeat.rows or 0) + event.rows
        if now - self._line_at > SIGN_OF_LIFE_SECONDS:
            self._tell_repeats()

    def _migration_done(self, event: events.MigrationDone) -> None:
        self._tell_repeats()
        models = _models(self.state.of(event.migration))
        if models:
            self._line(f"  {models}")
        done = _DONE.get(event.direction, "taken back")
        self._line("  ", (done, "green"), f" in {words.duration(event.seconds)}")

    def _tell_repeats(self) -> None:
        repeats, self._repeats = self._repeats, {}
        for repeat in repeats.values():
            self._step_line(
                repeat.position,
                repeat.step,
                repeat.rows,
                repeat.seconds,
                times=repeat.times,
                skipped=repeat.skipped == repeat.times,
            )

    def _step_line(
        self,
        position: int,
        step: str,
        rows: int | None,
        seconds: float,
        *,
        times: int | None = None,
        skipped: bool = False,
    ) -> None:
        told = "" if rows is None or rows < 0 else words.count(rows, "row")
        took = "already done" if skipped else words.duration(seconds)
        place = self._place(position)
        again = f"the same × {times:,}: " if times else ""
        width = max(self._out.width - len(place) - 34, 20)
        said = output.clipped(again + step, width)
        self._line(
            ("  " + place, "dim"), f"  {said:<{width}}  {told:>14}", (f"  {took:>12}", "dim")
        )

    def _place(self, position: int) -> str:
        """Write which step it is, and of how many while that is known and right."""
        total = self.state.of(self._migration).steps
        if total is None or position > total:
            return f"{position:>3}"
        return f"{position:>{len(str(total))}}/{total}"

    def _line(self, *parts: output.Part) -> None:
        self._line_at = self._clock.seconds()
        self._out.tell(*parts)

    # --- the live line ------------------------------------------------------------------------

    def __rich__(self) -> Text:
        """Return what is at work, as one line that fits, each time that it is drawn."""
        from rich.text import Text

        told = self.now()
        return Text(f"  {output.clipped(told, self._out.console.width - 3)}", style="dim", end="")

    def now(self) -> str:
        """Say what is at work at this moment."""
        if self._stop.asked:
            return "stopping …  once more: at once, without an orderly end"
        at = self._clock.seconds()
        current = self.state.current
        if current is not None and current.batching is not None:
            return self._now_in_batches(current, current.batching)
        if self.state.waiting_for:
            return f"waiting: {self.state.waiting_for}"
        if current is None:
            waits = self.state.direction is None
            return f"planning … {whole_seconds(at - self._step_at)}" if waits else ""
        since = at - self._step_at
        models = _models(current, at=at)
        parts = []
        if len(self.state.migrations) > 1:
            parts.append(f"{self.state.position} of {len(self.state.migrations)}")
        if current.step is not None:
            place = self._place(current.position or 0).strip()
            parts.append(f"{place}  {output.clipped(current.step, 60)}")
        elif not models:
            parts.append("between two steps")
        parts.append(models)
        if since >= 1:
            parts.append(whole_seconds(since))
        return " · ".join(part for part in parts if part)

    def _now_in_batches(
        self, current: progress.MigrationProgress, rows: progress.RowsProgress
    ) -> str:
        """Say how far a step in batches is, the more important the further left."""
        place = self._place(rows.position).strip()
        parts = [f"{place}  {output.clipped(current.step or rows.table, 32)}"]
        if rows.fraction is not None:
            parts.append(bar(rows.fraction))
        parts.append(in_batches(rows, waiting=self.state.waiting_for))
        return " ".join(part for part in parts if part)


def _held(event: events.LockAwaited) -> str:
    """Say who holds a lock that is asked for again and again."""
    by = f", held by {event.blockers[0]}" if event.blockers else ""
    return f"the lock on {event.table}{by}"


def in_batches(rows: progress.RowsProgress, *, waiting: str | None = None) -> str:
    """Say how far a step in batches is: rows, how fast, how long, or what it waits for."""
    parts = [words.count(rows.done, "row")]
    if rows.fraction is not None:
        # Never 100 % before it is done.
        percent = min(int(rows.fraction * 100), 99)
        parts = [f"{percent}% of about {words.count(rows.total or 0, 'row')}"]
    if rows.rejected:
        parts.append(f"{rows.rejected:,} rejected")
    if waiting:
        parts.append(f"waiting: {waiting}")
    elif rows.rate is not None:
        parts.append(f"{rows.rate:,.0f} rows/s")
        if rows.left is not None:
            parts.append(f"{whole_seconds(rows.left)} left")
    if rows.size is not None:
        parts.append(f"batches of {rows.size:,}")
    if rows.workers > 1:
        parts.append(f"{rows.workers} workers")
    return " · ".join(parts)


def bar(fraction: float) -> str:
    """Draw a share as a bar."""
    full = int(fraction * _BAR_WIDTH)
    return "━" * full + "╌" * (_BAR_WIDTH - full)


def summary(state: progress.Progress, direction: str, seconds: float) -> str:
    """Say in one line what a run did."""
    done = "applied" if direction == "up" else "took back"
    rows = f" · {words.count(state.rows, 'row')} changed by SQL" if state.rows else ""
    written = sum(m.models_written or 0 for m in state.migrations)
    models = f" · {words.count(written, 'row')} written through models" if written else ""
    rejected = f" · {words.count(state.rejected, 'row')} rejected" if state.rejected else ""
    count = words.count(state.done, "migration")
    return f"{done} {count} in {words.duration(seconds)}{rows}{models}{rejected}"


def _models(of: progress.MigrationProgress, *, at: float | None = None) -> str:
    """Say how many rows went through models; how fast, only while they do."""
    if not of.models_written and not of.models_read:
        return ""
    parts = []
    if of.models_written:
        rate = of.models_rate(at) if at is not None else None
        fast = f" ({rate:,.0f} rows/s)" if rate else ""
        parts.append(f"{words.count(of.models_written, 'row')} written{fast}")
    if of.models_read:
        parts.append(f"{words.count(of.models_read, 'row')} read")
    return f"through models: {', '.join(parts)}"


def whole_seconds(seconds: float) -> str:
    """Write a time without fractions of a second: one that is counted down."""
    return words.duration(round(seconds)) if seconds >= 60 else f"{seconds:.0f} s"
