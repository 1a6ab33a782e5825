"""`whimbrel rehearse`: try pending migrations on a copy, and say whether they are ready."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from whimbrel import config as configs
from whimbrel import errors, events, words
from whimbrel.cli import common, live, output, report
from whimbrel.rehearsal import forecast, watching
from whimbrel.rehearsal import rehearse as rehearsing
from whimbrel.reports import rehearsal as reported
from whimbrel.reports import store

# Something speaks against it, and a script that goes on has to know it.
NOT_READY: Final = 1
_LOCKS_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said on the command line."""

    count: int | None = None
    to: str | None = None
    out_of_order: bool = False
    scratch: str | None = None
    rows: int | None = None
    percent: float | None = None
    seed: int = 0
    keep: bool = False
    report: Path | None = None
    no_report: bool = False


def clean(call: common.Call, *, scratch: str | None) -> int:
    """Drop what killed rehearsals have left."""
    dropped = rehearsing.clean(call.project("rehearse"), at=scratch)
    if call.out.json:
        call.out.document({"dropped": dropped})
        return 0
    for name in dropped:
        call.out.line(("dropped", "yellow"), f"  {name}")
    if not dropped:
        call.out.line("nothing to drop: no rehearsal was killed here")
    return 0


def run(call: common.Call, asked: Asked) -> int:
    """Rehearse, write the report, show what came of it."""
    display = live.Display(call.out, call.stop)
    project = call.project("rehearse", _Quiet(call, display))
    place = store.place(project.config, wanted=not asked.no_report, file=asked.report)
    options = rehearsing.Options(
        count=asked.count,
        to=asked.to,
        out_of_order=asked.out_of_order,
        at=asked.scratch,
        rows=asked.rows,
        percent=asked.percent,
        seed=asked.seed,
        keep=asked.keep,
    )
    with display:
        done = rehearsing.of_project(project, options)
    measured = forecast.measured(done)
    project.tell = events.nobody
    expected = (
        forecast.forecast(project, done.plan, rehearsed=measured)
        if done.plan.migrations and done.plan.problem is None
        else None
    )
    written, problem = _written(place, done, expected)
    if call.out.json:
        call.out.document(
            {
                **reported.content(done, command="whimbrel rehearse"),
                "forecast": expected.as_json() if expected is not None else None,
                "report": written.as_json() if written is not None else None,
                "report_problem": problem.as_json() if problem is not None else None,
            }
        )
    else:
        show(call.out, done, expected)
        report.told(call.out, written, problem)
    return 0 if done.ready else NOT_READY


def _written(
    place: store.Place | None,
    done: rehearsing.Rehearsal,
    expected: forecast.Forecast | None,
) -> tuple[store.Written | None, errors.ReportNotWritten | None]:
    if place is None or not done.plan.migrations:
        return None, None
    try:
        return reported.write(place, done, expected, command="whimbrel rehearse"), None
    except errors.ReportNotWritten as problem:
        return None, problem


class _Quiet:
    """Passes on what a run on the copy tells, but not the copying itself."""

    def __init__(self, call: common.Call, display: live.Display) -> None:
        self._call = call
        self._display = display

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        if isinstance(event, _COPYING):
            if isinstance(event, events.TransferStarted):
                self._call.out.tell(("  making a copy …", "dim"))
            return
        self._display(event)


_COPYING: Final = (
    events.TransferStarted, events.SchemaChanged, events.TableCutInChunks, events.ChunkCopied,
    events.TableCopied, events.TransferDone, events.VerifyStarted, events.RowsCompared,
    events.LookedAgain, events.TableVerified, events.VerifyDone, events.Noticed,
)  # fmt: skip


# --- what came of it ------------------------------------------------------------------------


def show(
    out: output.Output, done: rehearsing.Rehearsal, expected: forecast.Forecast | None
) -> None:
    """Write what was done on the copy, what it means for real, and the verdict."""
    out.line((configs.masked(done.database), "bold"), f"  {done.engine} {done.version}")
    for name in done.swept:
        out.line(("dropped", "yellow"), f"  {name}, which a killed rehearsal had left")
    if not done.plan.migrations:
        out.line("nothing to rehearse: no migration is pending")
        return
    if done.rows is not None:
        took = words.duration(done.copy_seconds)
        part = "" if done.whole else ", not all there are"
        out.line(f"  copy of {words.count(done.rows, 'row')}{part}, made in {took}")
    out.table([_phase(one) for one in done.phases], indent="  ")
    _show_locks(out, done)
    for one in done.notes:
        out.line(("note", "dim"), f"  {one}")
    if expected is not None and done.ready:
        _show_forecast(out, expected)
    for said in done.verdict.but:
        out.line(("but", "yellow"), f"  {said}")
    for said in done.verdict.against:
        out.line(("against", "bold red"), f"  {said}")
    if done.kept:
        out.line(("kept", "dim"), f"  {done.kept}")
    count = words.count(len(done.plan.migrations), "migration")
    style = "bold green" if done.ready else "bold red"
    out.line((done.verdict.word, style), f": {count}, rehearsed in {words.duration(done.seconds)}; "
             "the original was only read")  # fmt: skip


def _phase(phase: rehearsing.Phase) -> list[output.Part]:
    ended: output.Part = ("stopped", "red") if phase.error is not None else ("done", "green")
    steps = words.count(len(phase.steps), "step")
    slowest = max(phase.steps, key=lambda one: one.seconds, default=None)
    told = "" if slowest is None or len(phase.steps) < 2 else _slowest(slowest)
    return [phase.name, ended, steps, words.duration(phase.seconds), (told, "dim")]


def _slowest(step: watching.Step) -> str:
    return f"longest: {words.squeezed(step.what, 50)}, {words.duration(step.seconds)}"


def _show_locks(out: output.Output, done: rehearsing.Rehearsal) -> None:
    up = done.phase(rehearsing.UP)
    if up is None:
        return
    if not done.locks_seen:
        out.line(("locks", "dim"), "  this server does not say which are held; see:  whimbrel plan")
        return
    held = {
        (lock.table, lock.mode, lock.waits): one.what
        for one in reversed(up.steps)
        for lock in one.locks
        if lock.waits
    }
    for (table, mode, waits), what in list(held.items())[:_LOCKS_SHOWN]:
        said = f"  {table}: {mode}, {waits} would wait ({words.squeezed(what, 50)})"
        out.line(("lock", "yellow"), said)


def _show_forecast(out: output.Output, expected: forecast.Forecast) -> None:
    if expected.total is not None:
        out.line(("for real", "bold"), f"  about {expected.total}")
    if expected.window is not None:
        out.line(("window", "bold"), f"  {expected.waits} wait for about {expected.window}")
    else:
        out.line(("window", "bold"), "  nobody has to wait for longer than a batch")
    if unknown := expected.unknown:
        said = words.count(len(unknown), "step")
        out.line(("not known", "yellow"), f"  how long {said} takes: {unknown[0].what}")
