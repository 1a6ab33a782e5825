"""`whimbrel up` and `down`: run migrations, show how it goes, and say what was done."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from whimbrel import clock as clocks
from whimbrel import events, progress, words
from whimbrel.cli import common, live, status, stop
from whimbrel.migrations import project as projects

_Run = Callable[[projects.Project], projects.Outcome]


def up(call: common.Call, *, count: int | None, to: str | None, out_of_order: bool) -> int:
    """Apply pending migrations."""
    return _run(
        call, "up", lambda project: project.up(count=count, to=to, out_of_order=out_of_order)
    )


def down(call: common.Call, *, count: int | None, to: str | None) -> int:
    """Take applied migrations back."""
    return _run(call, "down", lambda project: project.down(count=count, to=to))


def _run(call: common.Call, direction: str, run: _Run) -> int:
    display = live.Display(call.out, call.stop)

    def tell(event: events.Event) -> None:
        if call.out.json:
            call.out.event(as_json(event))
        display(event)

    project = call.project(direction, tell)
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
    if call.out.json:
        call.out.event(
            {
                "result": "done",
                "direction": direction,
                "database": project.url,
                "migrations": list(outcome.done),
                "seconds": round(outcome.seconds, 6),
                "rows": display.state.rows,
            }
        )
    elif outcome.done:
        call.out.tell(live.summary(display.state, direction, outcome.seconds))
    else:
        call.out.tell(_nothing(project, direction))
    return 0


def as_json(event: events.Event) -> dict[str, object]:
    """Return an event as plain values: its name, the moment, its facts."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(event).__name__).lower()
    return {
        "event": name,
        "at": clocks.stamp(clocks.SYSTEM.now()),
        **dataclasses.asdict(event),
    }


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
