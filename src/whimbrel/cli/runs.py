"""`whimbrel runs` and `show`: the runs of a database, and one of them with its batches.

What is known of a run is read by `migrations/runs.py`; here it is drawn, once or again and again.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from whimbrel import clock as clocks
from whimbrel import words
from whimbrel.cli import common, history, output, stop
from whimbrel.journal import journal, parts
from whimbrel.migrations import project as projects
from whimbrel.migrations import runs

if TYPE_CHECKING:
    from rich.live import Live

LOOK_SECONDS: Final = 1.0
# Where no terminal is, a line so often is enough.
LINE_SECONDS: Final = 5.0
# A run of models may have thousands of steps; the last ones are what people look for.
STEPS_SHOWN: Final = 50
_KILLED: Final = "running, but nobody is at work on it"
_DEAD: Final = f"{_KILLED}: its process has ended; go on:  "

Line = list[output.Part]


# --- the list -----------------------------------------------------------------------------------


def show_all(call: common.Call, *, limit: int) -> int:
    """Write the last runs with their rows, and say so if there are older ones."""
    project = call.project("runs")
    found = project.runs(limit=limit + 1)
    shown, more = found[:limit], len(found) > limit
    out = call.out
    if out.json:
        listed = [_state_json(state) for state in shown]
        out.document({"database": project.url, "runs": listed, "more": more})
        return 0
    out.line((project.url, "bold"))
    if not found:
        out.line("nothing was run here yet")
        return 0
    out.table([_cells(state) for state in shown], indent="  ")
    if more:
        out.line(f"there are older ones:  whimbrel runs --limit {limit * 5}")
    return 0


def _state_json(state: runs.RunState) -> dict[str, object]:
    run = dataclasses.asdict(state.run)
    return {**run, "alive": state.alive, "rows": dataclasses.asdict(state.sums)}


def _cells(state: runs.RunState) -> list[output.Part]:
    run, added = state.run, state.sums
    took = words.duration(run.seconds) if run.seconds is not None else ""
    rows = words.count(added.changed, "row") if added.changed is not None else ""
    if run.status != journal.Status.DONE and added.read is not None:
        rows = f"{words.count(added.read, 'row')} read"
    told: output.Part = ""
    if added.rejected:
        told = (f"{added.rejected:,} rejected", "yellow")
    if state.alive is False:
        told = (f"nobody is at work on it: go on:  {_again(run)}", "bold yellow")
    elif state.alive and added.waiting:
        told = (f"waiting: {added.waiting}", "yellow")
    status = (f"{run.status}{_tries(run)}", history.STYLES.get(journal.Status(run.status), ""))
    return [
        (str(run.id), "dim"),
        history.moment(run.started_at),
        run.direction,
        status,
        run.migration,
        rows,
        took,
        told,
    ]


def _again(run: journal.RunRow) -> str:
    """Return the command that goes on with a run."""
    return run.command if run.direction == "transfer" else "whimbrel up"


def _tries(run: journal.RunRow) -> str:
    return f", try {run.attempts}" if run.attempts > 1 else ""


# --- one run ------------------------------------------------------------------------------------


def show(call: common.Call, number: int | None, *, follow: bool, rejects: bool) -> int:
    """Write one run with its steps; with `follow` again and again until it ends."""
    project = call.project("show")
    limit = None if rejects else 0
    if follow:
        return _follow(call, project, number, limit)
    view = project.run(number, rejects=limit)
    if call.out.json:
        call.out.document(as_json(view, project.url))
    else:
        for line in drawn(view, project.url):
            call.out.line(*line)
    return 0


def _follow(
    call: common.Call, project: projects.Project, number: int | None, rejects: int | None
) -> int:
    """Look at a run until it ends; Ctrl-C ends only the looking."""
    view = project.run(number)
    display = _Following(call.out, project.url, project.clock)
    try:
        with display.drawing():
            while view.working:
                display.show(view)
                project.clock.sleep(LOOK_SECONDS)
                view = project.run(view.run.id)
    except KeyboardInterrupt:
        if not call.out.json:
            call.out.line(f"only the looking has ended: run {view.run.id} goes on")
        return stop.EXIT_CODE
    if rejects is None:
        view = project.run(view.run.id, rejects=rejects)
    display.end(view)
    return 0


class _Following:
    """Shows a run that goes on: drawn on a terminal, in lines on a pipe, as JSON for programs."""

    def __init__(self, out: output.Output, url: str, clock: clocks.Clock) -> None:
        self._out = out
        self._url = url
        self._clock = clock
        self._live: Live | None = None
        self._line_at: float | None = None

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw inside the block, and take away what was drawn at its end."""
        if not self._out.fancy:
            yield
            return
        from rich.live import Live

        with Live(console=self._out.console, transient=True, auto_refresh=False) as self._live:
            yield

    def show(self, view: runs.RunView) -> None:
        """Show how far it is now."""
        if self._out.json:
            self._out.event(as_json(view, self._url))
            return
        if self._live is not None:
            self._live.update(output.styled(drawn(view, self._url)), refresh=True)
            return
        now = self._clock.seconds()
        if self._line_at is None or now - self._line_at >= LINE_SECONDS:
            self._line_at = now
            self._out.line(in_a_line(view))

    def end(self, view: runs.RunView) -> None:
        """Show how it ended, wholly."""
        if self._out.json:
            self._out.event(as_json(view, self._url))
            return
        for line in drawn(view, self._url):
            self._out.line(*line)


# --- for people ---------------------------------------------------------------------------------


def in_a_line(view: runs.RunView) -> str:
    """Say in a line how far a run is."""
    step = view.current
    head = f"run {view.run.id}"
    if step is None:
        done = sum(step.done for step in view.steps)
        return f"{head} · {words.count(done, 'step')} done"
    told = " · ".join(_how_far(step))
    waiting = f" · waiting: {step.waiting}" if step.waiting else ""
    return f"{head} · step {step.step.position} · {told}{waiting}"


def drawn(view: runs.RunView, url: str) -> list[Line]:
    """Return the lines of a run: who runs it, its steps, its parts, its rejects."""
    run = view.run
    style = history.STYLES.get(journal.Status(run.status), "")
    state: output.Part = (f"{run.status}{_tries(run)}", style)
    if view.alive is False:
        state = (f"{_DEAD}{_again(run)}", "bold yellow")
    lines: list[Line] = [
        [(f"run {run.id}", "bold"), f" · {run.direction} ", (run.migration, "bold"), " · ", state],
        ["  ", (url, "dim")],
        ["  ", (_who(run), "dim")],
    ]
    if asked := _asked(view):
        lines.append(["  ", (asked, "yellow")])
    if view.working and not run.by_steps:
        lines.append(["  ", ("one transaction: its steps are seen when it is done", "dim")])
    lines += _steps(view)
    if run.error:
        lines += [["  ", (line, "red")] for line in run.error.splitlines()]
    if view.rejects:
        lines += _rejects(view.rejects)
    elif view.rejected:
        said = f"{words.count(view.rejected, 'row')} rejected; see them:"
        lines.append([(f"  {said}  whimbrel show {run.id} --rejects", "yellow")])
    return lines


def _who(run: journal.RunRow) -> str:
    took = f", took {words.duration(run.seconds)}" if run.seconds is not None else ""
    where = f"{run.who}@{run.host} (pid {run.pid})"
    return f"{run.command}, by {where}, started {history.moment(run.started_at)}{took}"


def _asked(view: runs.RunView) -> str:
    control = view.control
    if not control.asked_at:
        return ""
    said = {
        parts.Asked.GO_ON: "go on",
        parts.Asked.PAUSE: "pause",
        parts.Asked.CANCEL: "cancel",
    }[control.asked]
    pace = control.max_rows_per_second
    if pace is not None:
        said += f", at most {pace:,.10g} rows/s" if pace else ", without a limit of rows/s"
    return f"asked: {said}, by {control.asked_by}, {history.moment(control.asked_at)}"


def _expected(step: runs.StepState) -> str:
    """Return what had been expected, where that was more than a moment."""
    found = step.expected
    if found is None or found.likely is None or found.most is None or found.most < 1:
        return ""
    return f"expected {words.duration(found.likely)}"


def _steps(view: runs.RunView) -> list[Line]:
    shown = view.steps[-STEPS_SHOWN:]
    hidden = len(view.steps) - len(shown)
    lines: list[Line] = []
    if hidden:
        lines.append([(f"  … {words.count(hidden, 'step')} before these", "dim")])
    rows = [_step_cells(step) for step in shown]
    for step, line in zip(shown, output.columns(rows, indent="  "), strict=True):
        lines.append(line)
        if step.parts and not step.done:
            lines += _batches(view, step)
    return lines


def _step_cells(step: runs.StepState) -> list[output.Part]:
    row = step.step
    took = words.duration(row.seconds) if row.seconds is not None else ""
    rows = words.count(row.rows_changed, "row") if row.rows_changed is not None else ""
    return [
        (f"{row.position:>3}", "dim"),
        (row.status, "green" if step.done else "bold"),
        output.clipped(row.step, 60),
        rows,
        (took, "dim"),
        (_expected(step), "dim"),
        (f"{step.rejected:,} rejected" if step.done and step.rejected else "", "yellow"),
    ]


def _batches(view: runs.RunView, step: runs.StepState) -> list[Line]:
    prefix = " " * 7
    lines: list[Line] = [[prefix, " · ".join(_how_far(step))]]
    if view.working and step.waiting:
        lines.append([prefix, (f"waiting: {step.waiting}", "yellow")])
    titles: list[list[output.Part]] = [
        [(title, "dim") for title in ("part", "", "read", "written", "rejected", "batches",
                                      "last one", "retries", "reached", "end")]
    ]  # fmt: skip
    cells: list[list[output.Part]] = [
        [
            str(part.part),
            part.status,
            f"{part.rows_read:,}",
            f"{part.rows_written:,}",
            f"{part.rows_rejected:,}",
            f"{part.batches:,}",
            words.count(part.size, "row") if part.size is not None else "",
            f"{part.retries:,}",
            _key(part.reached),
            _key(part.upper),
        ]
        for part in step.parts
    ]
    return lines + output.columns(titles + cells, indent=prefix)


def _how_far(step: runs.StepState) -> Iterator[str]:
    if step.fraction is not None:
        yield f"about {min(int(step.fraction * 100), 99)}%"
    yield f"{words.count(step.read, 'row')} read, {step.written:,} written"
    if step.rejected:
        yield f"{step.rejected:,} rejected"
    if step.rate is not None and not step.waiting:
        yield f"{step.rate:,.0f} rows/s"
        if step.seconds_left is not None:
            yield f"about {words.duration(step.seconds_left)} left"


def _key(key: parts.Key | None) -> str:
    if key is None:
        return ""
    return output.clipped(", ".join(str(value) for value in key), 40)


def _rejects(rejects: tuple[parts.Reject, ...]) -> list[Line]:
    lines: list[Line] = [[(f"  {words.count(len(rejects), 'row')} rejected", "bold")]]
    for reject in rejects:
        key = ", ".join(str(value) for value in reject.key)
        row = ", ".join(f"{name} = {value!r}" for name, value in reject.row.items())
        lines.append(["  ", (f"{reject.table} {key}", "bold"), f"  {reject.reason}"])
        lines.append(["    ", (row, "dim")])
    return lines


# --- for programs -------------------------------------------------------------------------------


def as_json(view: runs.RunView, url: str) -> dict[str, object]:
    """Return a run as plain values."""
    return {
        "database": url,
        "run": dataclasses.asdict(view.run),
        "alive": view.alive,
        "control": dataclasses.asdict(view.control),
        "steps": [_step_json(step) for step in view.steps],
        "rejected": view.rejected,
        "rejects": [_reject_json(reject) for reject in view.rejects],
    }


def _reject_json(reject: parts.Reject) -> dict[str, object]:
    row = dataclasses.asdict(reject)
    del row["again"]  # what Whimbrel needs to write it again
    return row


def _step_json(step: runs.StepState) -> dict[str, object]:
    row = dataclasses.asdict(step.step)
    del row["noted"]  # what Whimbrel needs to resume, in no form that stays
    found = step.expected
    row["expected"] = None if found is None or found.likely is None else {
        "least": found.least, "likely": found.likely, "most": found.most, "basis": found.basis
    }  # fmt: skip
    if not step.parts:
        return row
    return {
        **row,
        "rows": {
            "read": step.read,
            "written": step.written,
            "rejected": step.rejected,
            "rows_per_second": step.rate,
            "rows_left": step.rows_left,
            "seconds_left": step.seconds_left,
            "waiting": step.waiting,
            "parts": [_part_json(part) for part in step.parts],
        },
    }


def _part_json(part: parts.PartRow) -> Mapping[str, object]:
    row = dataclasses.asdict(part)
    for name in ("run", "position", "owner"):
        del row[name]
    return row
