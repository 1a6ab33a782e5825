"""`whimbrel up` and `down`: run migrations, show how it goes, and say what was done."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from whimbrel import clock as clocks
from whimbrel import events, progress, words
from whimbrel.cli import before, common, live, report, status, stop
from whimbrel.migrations import project as projects
from whimbrel.rehearsal import forecast
from whimbrel.reports import recording, rehearsal

# Not all rows are where they should be, and a script that goes on has to know it.
REJECTED: Final = 1

_Run = Callable[[projects.Project], projects.Outcome]


def up(
    call: common.Call,
    *,
    count: int | None,
    to: str | None,
    out_of_order: bool,
    rows: Mapping[str, object],
    report_file: Path | None = None,
    no_report: bool = False,
    backup: bool | None = None,
) -> int:
    """Apply pending migrations; `rows` goes before the settings for batches.

    With `backup` one is made before anything is changed, None is as whimbrel.toml says.
    """

    def run(project: projects.Project) -> projects.Outcome:
        with (
            _reported(call, project, file=report_file, wanted=not no_report),
            _foreseen(call, project),
        ):
            return project.up(count=count, to=to, out_of_order=out_of_order)

    saved = before.saved(call, wanted=backup)
    if saved is None:
        return _run(call, "up", rows, run)
    with before.way_back(saved):
        return _run(call, "up", rows, run, behind=saved.name)


def down(
    call: common.Call,
    *,
    count: int | None,
    to: str | None,
    conflicts: str,
    rows: Mapping[str, object],
) -> int:
    """Take applied migrations back; `rows` goes before the settings for batches."""

    def run(project: projects.Project) -> projects.Outcome:
        return project.down(count=count, to=to, conflicts=conflicts)

    return _run(call, "down", rows, run)


def _run(
    call: common.Call,
    direction: str,
    rows: Mapping[str, object],
    run: _Run,
    *,
    behind: str | None = None,
) -> int:
    """Run migrations; `behind` is the backup that was made before."""
    display = live.Display(call.out, call.stop)

    def tell(event: events.Event) -> None:
        if call.out.json:
            call.out.event(as_json(event))
        display(event)

    project = call.project(direction, tell)
    if behind is not None:
        project.command = f"behind the backup {behind}: {project.command}"
    if rows:
        project.database = dataclasses.replace(
            project.database, rows=project.database.rows.having(rows)
        )
    try:
        with display:
            outcome = run(project)
    except KeyboardInterrupt:
        raise _stopped(display.state, direction, project.url) from None
    except SystemExit as error:
        ended = common.ended_by_migration(error)
        stopped = [m for m in display.state.migrations if m.state == "stopped"]
        ended.exit_code = 3 if any(m.resumable for m in stopped) else ended.exit_code
        raise ended from error
    rejected = _rejected(project, display.state)
    if call.out.json:
        call.out.event(
            {
                "result": "done",
                "direction": direction,
                "database": project.url,
                "migrations": list(outcome.done),
                "seconds": round(outcome.seconds, 6),
                "rows": display.state.rows,
                "rejected": sum(rejected.values()),
            }
        )
    elif outcome.done:
        call.out.tell(live.summary(display.state, direction, outcome.seconds))
    else:
        call.out.tell(_nothing(project, direction))
    if not call.out.json:
        for number, count in rejected.items():
            said = f"{words.count(count, 'row')} rejected; see them:"
            call.out.warn(f"{said}  whimbrel show {number} --rejects")
    return REJECTED if rejected else 0


@contextlib.contextmanager
def _foreseen(call: common.Call, project: projects.Project) -> Iterator[None]:
    """Have the journal keep what was expected of each step beside how long it took."""
    measured = rehearsal.measured(project.config.reports.directory, database=project.url)
    keeping = forecast.Keeping(project, rehearsed=measured)
    with keeping:
        yield
    if keeping.problem and not call.out.json:
        call.out.warn(f"the forecast was not kept: {keeping.problem}")


@contextlib.contextmanager
def _reported(
    call: common.Call, project: projects.Project, *, file: Path | None, wanted: bool
) -> Iterator[None]:
    """Have a report written of what is done in the block, and say where it is."""
    recorded = recording.Recording(project, file=file, wanted=wanted)
    try:
        with recorded:
            yield
    finally:
        found = recorded.report.as_json() if recorded.report is not None and call.out.json else {}
        changes = found.get("live_changes")
        for one in changes if isinstance(changes, list) else []:
            at = clocks.stamp(clocks.SYSTEM.now())
            call.out.event({"event": "live-change", "at": at, **one})
        report.told(call.out, recorded.written, recorded.problem)


def as_json(event: events.Event) -> dict[str, object]:
    """Return an event as plain values: its name, the moment, its facts."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(event).__name__).lower()
    return {
        "event": name,
        "at": clocks.stamp(clocks.SYSTEM.now()),
        **dataclasses.asdict(event),
    }


def _rejected(project: projects.Project, state: progress.Progress) -> dict[int, int]:
    """Return the rows that were rejected by the number of their run, also in earlier attempts."""
    told = {m.migration: m.rejected for m in state.migrations if m.rejected or m.resumed_at}
    if not told:
        return {}
    newest = {found.run.migration: found for found in reversed(project.runs())}
    found = [(newest[name], rejected) for name, rejected in told.items() if name in newest]
    counted = {one.run.id: max(one.sums.rejected, rejected) for one, rejected in found}
    return {run: rejected for run, rejected in counted.items() if rejected}


def _nothing(project: projects.Project, direction: str) -> str:
    states = project.status()
    count = status.applied(states)
    if not states:
        return "nothing to do: there are no migrations yet; make one:  whimbrel new NAME"
    if count == 0:
        return f"nothing to do{'' if direction == 'up' else ': no migration is applied'}"
    applied = f"{words.count(count, 'migration')} {'is' if count == 1 else 'are'} applied"
    return f"nothing to do: {applied}"


def _stopped(state: progress.Progress, direction: str, database: str) -> stop.Stopped:
    """Say what a stopped run leaves behind."""
    again = f"go on:  whimbrel {direction}"
    stopped = next((m for m in state.migrations if m.state in {"stopped", "running"}), None)
    if stopped is None and not state.done:
        return stop.Stopped(database=database, left="nothing was changed", remedy=again)
    if stopped is None:
        return stop.Stopped(
            database=database, left=f"{_stay(state.done, 'migration')} done", remedy=again
        )
    if stopped.state == "stopped" and not stopped.resumable:
        left = f"nothing of {stopped.migration} stays: the whole migration was taken back"
    elif stopped.batching is not None and stopped.batching.done:
        rows = words.count(stopped.batching.done, "row")
        left = f"{_stay(stopped.steps_done, 'step', f' of {stopped.migration}')} applied, and of \
step {stopped.batching.position} {rows}"
    elif stopped.steps_done:
        left = f"{_stay(stopped.steps_done, 'step', f' of {stopped.migration}')} applied"
        if direction == "up":
            again += "\nor take the finished steps back:  whimbrel down"
    else:
        left = f"what was not committed of {stopped.migration} is taken back"
    if state.done:
        left += f"\n{_stay(state.done, 'migration', ' before it')} done"
    return stop.Stopped(
        where=stopped.migration,
        database=database,
        left=left,
        remedy=again,
    )


def _stay(count: int, noun: str, which: str = "") -> str:
    return f"{words.count(count, noun)}{which} {'stays' if count == 1 else 'stay'}"
