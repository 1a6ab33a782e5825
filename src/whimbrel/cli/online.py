"""`whimbrel online`: how far live changes are; end them, take them back."""

from __future__ import annotations

from typing import Final

from whimbrel import errors
from whimbrel.cli import common, history, live, report
from whimbrel.online import door, looking
from whimbrel.reports import recording

STATUS, COMPLETE, REVERT = "status", "complete", "revert"
# Rows differ in both shapes, or going back would lose something.
DIFFERENCES: Final = 1


def run(call: common.Call, action: str, migration: str | None, *, accept_loss: bool) -> int:
    """Do what is asked of live changes."""
    if action not in {STATUS, COMPLETE, REVERT}:
        raise errors.UsageError(
            f"{action!r} is not what can be done with a live change",
            remedy="use one of: status, complete, revert",
        )
    if accept_loss and action != REVERT:
        raise errors.UsageError(
            "--accept-loss is for going back",
            remedy="whimbrel online revert MIGRATION --accept-loss",
        )
    if action == STATUS:
        return _status(call, migration)
    if migration is None:
        raise errors.UsageError(
            f"it was not said which live change to {action}",
            remedy=f"see them:  whimbrel online status\nthen:  whimbrel online {action} MIGRATION",
        )
    display = live.Display(call.out, call.stop)
    project = call.project(f"online {action}", display)
    recorded = recording.Recording(project)
    try:
        with display, recorded:
            if action == COMPLETE:
                done = project.complete(migration)
            else:
                done = project.revert(migration, accept_loss=accept_loss)
    finally:
        if not call.out.json:
            report.told(call.out, recorded.written, recorded.problem)
    if call.out.json:
        call.out.document({"migration": done, "done": action, **_recorded(recorded)})
        return 0
    said = "complete: the old shape is gone" if action == COMPLETE else "taken back"
    call.out.tell(f"{done} is {said}")
    return 0


def _recorded(recorded: recording.Recording) -> dict[str, object]:
    """Return what the report says of the live change, and where it is."""
    written, problem = recorded.written, recorded.problem
    found = recorded.report.as_json()["live_changes"] if recorded.report is not None else []
    return {
        "live_changes": found,
        "report": written.as_json() if written is not None else None,
        "report_problem": problem.as_json() if problem is not None else None,
    }


def _status(call: common.Call, migration: str | None) -> int:
    project = call.project("online status")
    states = door.of_project(project, migration)
    code = DIFFERENCES if any(one.astray for one in states) else 0
    if call.out.json:
        call.out.document(
            {"database": project.url, "live_changes": [one.as_json() for one in states]}
        )
        return code
    call.out.line((project.url, "bold"))
    if not states:
        call.out.line("no live change is open")
    for one in states:
        _draw(call, one)
    return code


def _draw(call: common.Call, one: looking.State) -> None:
    out = call.out
    phase = one.phase if one.doing is None else f"{one.doing} was begun"
    out.line((one.migration, "bold"), f"  {one.table}: {phase}, since {history.moment(one.since)}")
    if one.astray is not None:
        differ = "every row is the same in both shapes"
        if one.astray:
            differ = f"{one.astray:,} rows differ in the two shapes"
        out.line("  ", (differ, "bold red" if one.astray else "green"))
    if one.lossless is True:
        out.line("  ", ("going back loses nothing", "green"))
    elif one.lossless is False:
        said = f"going back would change or lose {one.lossy:,} rows, in {errors.names(one.columns)}"
        out.line("  ", (said, "bold yellow"))
        out.line(f"    first: {errors.names(one.first)}")
    for blocker in one.blockers:
        out.line("  ", (f"holds the table: {blocker}", "yellow"))
    out.line(f"  go on:  {one.to_do}")
