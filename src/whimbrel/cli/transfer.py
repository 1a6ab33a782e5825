"""`whimbrel transfer`: move one database into another, show how it goes and what came of it."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events, progress, words
from whimbrel.cli import common, copying, live, output, report, stop, verify
from whimbrel.proof import findings, wishes
from whimbrel.reports import recording, store
from whimbrel.reports import transfer as reported
from whimbrel.transfers import cluster as clusters
from whimbrel.transfers import compared as comparing
from whimbrel.transfers import course, door, helpers
from whimbrel.transfers import transfer as transferring

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

# Not everything is where it should be, and a script that goes on has to know it.
NOT_ALL: Final = 1
HALF_WAY: Final = 3
# Where no terminal is, a line so often.
LINE_SECONDS: Final = 10.0
# What a person reads through; all of it is in the report.
_SHOWN: Final = 8
_WHERE: Final = re.compile(r"\s*([^=:]+?)\s*[=:]\s*(\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line."""

    source: str
    target: str
    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()
    where: Sequence[str] = ()
    rules: str | None = None
    jobs: int = 2
    processes: int | None = None
    cluster: str | None = None
    schema_only: bool = False
    data_only: bool = False
    verify: bool = True
    existing: str = "refuse"
    max_rejects: int = 0
    dry_run: bool = False
    sql: bool = False
    verbose: bool = False
    report: Path | None = None
    no_report: bool = False

    @property
    def command(self) -> str:
        """Return the command as it is noted; its URLs have no passwords."""
        ends = (configs.hidden(one) for one in (self.source, self.target))
        return f"whimbrel transfer {' '.join(ends)}"


def wheres(said: Iterable[str]) -> dict[str, str]:
    """Return conditions by table, each of them written as TABLE=CONDITION."""
    found: dict[str, str] = {}
    for text in said:
        read = _WHERE.fullmatch(text)
        if read is None:
            raise errors.UsageError(
                f"--where {text!r} does not say for which table, or which rows",
                remedy="--where 'orders=placed >= 2020'",
            )
        if read[1] in found:
            raise errors.UsageError(
                f"--where has two conditions for {read[1]!r}", remedy="join them with AND"
            )
        found[read[1]] = read[2]
    return found


def run(call: common.Call, asked: Asked) -> int:
    """Do it, or with a dry run only show the plan."""
    if asked.sql and not asked.dry_run:
        raise errors.UsageError(
            "--sql is for a dry run", remedy="add  --dry-run  to see the statements"
        )
    request = request_of(call, asked)
    known = configs.load(call.folder).transfers
    if known and asked.rules is None:
        names = "   ".join(f"--rules {name}" for name in known)
        call.out.tell(("note", "dim"), f"  by no rules; there are:  {names}")
    if asked.dry_run:
        planned = transferring.plan(request)
        copying.show_plan(call.out, planned, sql=asked.sql, verbose=asked.verbose)
        return NOT_ALL if planned.refused else 0
    place = store.place(configs.load(call.folder), wanted=not asked.no_report, file=asked.report)
    speed = reported.Speed()
    with _elsewhere(asked) as executor:
        done = _moved(call, dataclasses.replace(request, executor=executor), speed)
    written, problem = _reported(done, asked, place, speed)
    if call.out.json:
        call.out.document(
            {
                **done.as_json(),
                "report": written.as_json() if written is not None else None,
                "report_problem": problem.as_json() if problem is not None else None,
            }
        )
    else:
        show(call.out, done, target=configs.hidden(asked.target), verbose=asked.verbose)
        report.told(call.out, written, problem)
    if done.verification is not None:
        done.verification.close()
    return 0 if done.ok else NOT_ALL


@contextlib.contextmanager
def _elsewhere(asked: Asked) -> Iterator[Executor | None]:
    """Have those who copy chunks elsewhere inside the block, None if it is done in here."""
    if asked.cluster is not None:
        with clusters.executor(asked.cluster) as executor:
            yield executor
        return
    if asked.processes is None:
        yield None
        return
    crew = helpers.Helpers(asked.processes)
    try:
        yield crew
    finally:
        crew.shutdown(cancel_futures=True)


def request_of(call: common.Call, asked: Asked) -> transferring.Request:
    """Return the transfer that was asked for."""
    options = door.options_of(
        jobs=asked.jobs,
        schema_only=asked.schema_only,
        data_only=asked.data_only,
        verify=asked.verify,
        existing=asked.existing,
        max_rejects=asked.max_rejects,
    )
    return door.request(
        asked.source,
        asked.target,
        tables=[name for text in asked.tables for name in wishes.split(text, ",")],
        exclude=[name for text in asked.exclude for name in wishes.split(text, ",")],
        where=wheres(asked.where),
        rules=asked.rules,
        options=options,
        folder=call.folder,
        command=asked.command,
        look=asked.dry_run,
    )


def _moved(
    call: common.Call, request: transferring.Request, also: events.Listener
) -> transferring.Transfer:
    """Make the transfer while it is shown; say what a stop or a failure leaves."""
    display = Display(call.out, call.stop)

    def tell(event: events.Event) -> None:
        also(event)
        display(event)

    try:
        with display:
            return transferring.transfer(request, tell=tell)
    except KeyboardInterrupt:
        raise _stopped(display.state) from None
    except errors.RowFailed as failed:
        # What was copied before it stays: it is half done, and can go on.
        failed.exit_code = HALF_WAY
        failed.left = _left(display.state)
        raise


def _stopped(state: progress.CopyProgress) -> stop.Stopped:
    begun = state.started_at is not None
    return stop.Stopped(
        left=_left(state) if begun else "nothing was changed",
        remedy="go on where it stopped: run the same command again"
        if begun
        else "run the same command again",
    )


def _left(state: progress.CopyProgress) -> str:
    of = words.count(len(state.tables), "table")
    return (
        f"{words.count(state.done, 'row')} in the target, {state.tables_done:,} of {of} whole; "
        "each chunk with its note"
    )


def _reported(
    done: transferring.Transfer,
    asked: Asked,
    place: store.Place | None,
    speed: reported.Speed,
) -> tuple[store.Written | None, errors.ReportNotWritten | None]:
    """Write the report, if there is a place for it; that it cannot be written changes nothing."""
    if place is None:
        return None, None
    made = reported.from_transfer(done, command=asked.command, throughput=speed.throughput)
    try:
        return recording.write(place, made, run=done.run), None
    except errors.ReportNotWritten as problem:
        return None, problem


# --- while it runs --------------------------------------------------------------------------


class Display:
    """Listens to a transfer: draws how far it is, or writes a line every few seconds.

    Events come from several threads, one at a time.
    """

    def __init__(
        self, out: output.Output, stopping: stop.Stop, clock: clocks.Clock = clocks.SYSTEM
    ) -> None:
        self.state = progress.NOT_COPIED
        self.compared = progress.NOT_COMPARED
        self._out = out
        self._stop = stopping
        self._clock = clock
        self._live: Live | None = None
        self._line_at = clock.seconds()
        self._planning_since = clock.seconds()
        self._waited_for: str | None = None

    def __enter__(self) -> Display:
        if self._out.fancy and not self._out.silent:
            from rich.live import Live

            self._live = Live(
                self,
                console=self._out.console,
                refresh_per_second=live.REFRESH_PER_SECOND,
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

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        now = self._clock.seconds()
        self.state = progress.copied(self.state, event, at=now)
        self.compared = progress.compared(self.compared, event, at=now)
        if not self._out.silent:
            self._tell(event, now)
        if threading.current_thread() is threading.main_thread():
            self._stop.check()  # also where a driver swallowed it

    def _tell(self, event: events.Event, now: float) -> None:
        match event:
            case events.TransferStarted(resumed=True):
                self._out.tell(("  goes on where it stopped", "yellow"))
            case events.Noticed():
                self._out.tell("  ", (event.what, "yellow"))
            case events.Waiting():
                if event.reason != self._waited_for:
                    self._out.tell("  ", (f"waiting: {event.reason}", "yellow"))
                self._waited_for = event.reason
                return
            case events.LookedAgain():
                self._out.tell(f"  {event.table}: looked again")
            case _:
                pass
        self._waited_for = None
        if self._live is None and now - self._line_at >= LINE_SECONDS:
            self._line_at = now
            self._out.tell(f"  {self.now()}")

    # --- the live lines -----------------------------------------------------------------------

    def __rich__(self) -> Text:
        """Return what is drawn."""
        width = self._out.console.width - 3
        lines: list[list[output.Part]] = [[(f"  {output.clipped(self.now(), width)}", "bold")]]
        if self.compared.started_at is None:
            for one in self.state.at_work[:_SHOWN]:
                lines.append([(f"    {output.clipped(_table(one), width)}", "dim")])
        return output.styled(lines)

    def now(self) -> str:
        """Say how far it is at this moment."""
        if self._stop.asked:
            return "stopping: the chunks under way are finished …  once more: at once"
        at = self._clock.seconds()
        if self.compared.started_at is not None and self.compared.seconds is None:
            return _comparing(self.compared, at)
        if self.state.started_at is None:
            return f"planning … {live.whole_seconds(at - self._planning_since)}"
        return _copying(self.state)


def _copying(state: progress.CopyProgress) -> str:
    of = f"{state.tables_done:,} of {words.count(len(state.tables), 'table')}"
    if state.waiting_for:
        return f"{of} · waiting: {state.waiting_for}"
    parts = [of]
    if state.fraction is not None:
        parts.append(live.bar(min(state.fraction, 1.0)))
        percent = min(int(state.fraction * 100), 99)
        parts.append(f"{percent}% of about {words.count(state.total or 0, 'row')}")
    else:
        parts.append(words.count(state.done, "row"))
    if state.rejected:
        parts.append(f"{state.rejected:,} rejected")
    if state.rate is not None:
        parts.append(f"{state.rate:,.0f} rows/s")
    if state.left:
        parts.append(f"{live.whole_seconds(state.left)} left")
    if state.making and state.tables and state.tables_done == len(state.tables):
        parts.append(state.making)
    return " · ".join(parts)


def _table(one: progress.CopiedTable) -> str:
    share = f"  {one.fraction:.0%}" if one.fraction is not None else ""
    again = f"  ({one.before:,} of them before)" if one.before else ""
    return f"{one.table}  {words.count(one.done, 'row')}{share}{again}"


def _comparing(state: progress.VerifyProgress, at: float) -> str:
    of = words.count(state.tables, "table")
    rows = words.count(state.rows, "row")
    return f"comparing · {state.tables_done:,} of {of} · {rows} · {state.rate(at):,.0f} rows/s"


# --- what came of it ------------------------------------------------------------------------


def show(
    out: output.Output, done: transferring.Transfer, *, target: str, verbose: bool = False
) -> None:
    """Write a line for each table, what is not as it was, and the verdict.

    `target` is what the target was called on the command line.
    """
    plan = done.plan
    out.line((plan.source.url, "bold"), "  →  ", (plan.target.url, "bold"))
    compared = done.compared
    out.table([_cells(one, compared.get(one.name)) for one in done.tables], indent="  ")
    _show_not_compared(out, list(compared.values()), verbose=verbose)
    if done.verification is not None:
        for table in done.verification.tables:
            if not table.equal:
                verify.show_differences(out, table)
    for one in done.tables:
        for rule in one.cleansed.values():
            count = words.count(rule.values, "value")
            out.line(f"  {one.name}.{rule.column}  {rule.rule}: {count} changed")
    copying.show_losses(out, plan, verbose=verbose)
    copying.show_not_converted(out, plan, most=None if verbose else _SHOWN)
    copying.show_notes(out, done.notes, most=None if verbose else _SHOWN)
    _show_not_made(out, done, verbose=verbose)
    for said in done.miscounted:
        out.line(("miscounted", "bold red"), f"  {said}")
    out.line(*_verdict(done))
    if done.rejected:
        noun = words.count(done.rejected, "row")
        said = f"{noun} put aside, with values and reasons:"
        out.line((said, "yellow"), f"  whimbrel rejects list {target}")


def _show_not_compared(
    out: output.Output, compared: Sequence[comparing.Compared], *, verbose: bool
) -> None:
    """Write which tables and columns were not held against the source, and why."""
    by_why: dict[str, list[str]] = {}
    for one in compared:
        if one.outcome is None and one.why != comparing.NOT_ASKED:
            by_why.setdefault(one.why, []).append(one.name)
    for why, names in by_why.items():
        said = errors.names(names, limit=len(names) if verbose else _SHOWN)
        out.line(("not compared", "yellow"), f"  {said}: {why}; they were counted")
    for one in compared:
        if one.left_out:
            said = errors.names(one.left_out, limit=len(one.left_out) if verbose else _SHOWN)
            out.line(("not compared", "yellow"), f"  {one.name}: {said}, which rules make")


def _show_not_made(out: output.Output, done: transferring.Transfer, *, verbose: bool) -> None:
    """Write what the target's server did not take."""
    for one in done.not_made:
        out.line(("not in the target", "bold red"), f"  {one.kind} {one.name}: {one.why}")
        if verbose and one.text:
            out.line(output.indented(f"{one.text.rstrip(';')};", "      "))
    if done.not_made and not verbose:
        said = "  the statements, to be corrected and sent by hand, are in the report"
        out.line((said, "dim"))


def _cells(one: course.Filled, compared: comparing.Compared | None) -> list[output.Part]:
    name = copying.named(one.name if one.name == one.target else f"{one.name} → {one.target}")
    outcome, style = "", "dim"
    if compared is not None and compared.outcome is not None:
        outcome = compared.outcome.value
        style = "green" if compared.outcome is findings.Outcome.EQUAL else "red"
        if compared.left_out and compared.outcome is findings.Outcome.EQUAL:
            outcome = f"equal but for {words.count(len(compared.left_out), 'column')}"
    elif compared is not None and compared.why != comparing.NOT_ASKED:
        outcome = "not compared"
    now = one.rows - one.before
    told = []
    if one.rejected:
        told.append(f"{one.rejected:,} rejected")
    if one.dropped:
        told.append(f"{one.dropped:,} left out by a rule")
    if one.before:
        told.append(f"{one.before:,} copied before")
    return [
        name,
        words.count(one.rows, "row"),
        (words.duration(one.seconds) if one.chunks else "", "dim"),
        (words.rate(now, one.seconds), "dim"),
        (outcome, style),
        (", ".join(told), "yellow"),
    ]


def _verdict(done: transferring.Transfer) -> list[output.Part]:
    tables = words.count(len(done.tables), "table")
    missing = words.count(len(done.not_made), "object") + " not in the target"
    if not done.plan.options.data:
        made = words.count(len(done.plan.schema.tables), "table")
        took = f"{made} made, without rows, in {words.duration(done.seconds)}"
        if done.not_made:
            return [("done, but not all", "bold yellow"), f": {missing}; {took}"]
        return [("done", "bold green"), f": {took}"]
    took = f"{tables}, {words.count(done.rows, 'row')} in {words.duration(done.seconds)}"
    now = sum(one.rows - one.before for one in done.tables)
    pace = words.rate(now, done.copy_seconds)
    took += f" (copied in {words.duration(done.copy_seconds)}{', ' + pace if pace else ''})"
    if done.miscounted:
        count = words.count(len(done.miscounted), "table")
        verb = "has" if len(done.miscounted) == 1 else "have"
        said = f": {count} {verb} other rows than were written; {took}"
        return [("not the same", "bold red"), said]
    if done.equal is False and done.verification is not None:
        differ = words.count(done.verification.differences, "row")
        rejected = ", rejected ones among them" if done.rejected else ""
        return [("not the same", "bold red"), f": {differ} differ{rejected}; {took}"]
    if done.rejected:
        also = f", {missing}" if done.not_made else ""
        said = f": {done.rejected:,} rejected{also}; {took}"
        return [("done, but not all", "bold yellow"), said]
    if done.not_made:
        return [("done, but not all", "bold yellow"), f": {missing}; {took}"]
    known = done.compared.values()
    compared = sum(one.outcome is not None for one in known)
    whole = sum(one.outcome is not None and not one.left_out for one in known)
    if done.equal is None:
        why = "" if any(one.why == comparing.NOT_ASKED for one in known) else (
            "rows could only be counted; "
        )  # fmt: skip
        return [("done, not compared", "bold yellow"), f": {why}{took}"]
    if whole < len(known):
        rest = f"{compared - whole:,} in part, {len(known) - compared:,} not"
        said = f": {words.count(whole, 'table')} whole, {rest}; {took}"
        return [("done, and equal where compared", "bold green"), said]
    return [("done, and equal", "bold green"), f": {took}"]
