"""`whimbrel history`: the runs of a database, the newest first."""

from __future__ import annotations

import dataclasses
from typing import Final

from whimbrel import words
from whimbrel.cli import common, output
from whimbrel.journal import journal

STYLES: Final = {
    journal.Status.DONE: "green",
    journal.Status.RUNNING: "bold",
    journal.Status.FAILED: "red",
    journal.Status.INTERRUPTED: "yellow",
    journal.Status.TAKEN_BACK: "yellow",
}


def show(call: common.Call, *, limit: int) -> int:
    """Write the last runs, and say so if there are older ones."""
    project = call.project("history")
    runs = project.history(limit=limit + 1)
    shown, more = runs[:limit], len(runs) > limit
    out = call.out
    if out.json:
        out.document(
            {
                "database": project.url,
                "runs": [dataclasses.asdict(run) for run in shown],
                "more": more,
            }
        )
        return 0
    out.line((project.url, "bold"))
    if not runs:
        out.line("nothing was run here yet")
        return 0
    out.table([_cells(run) for run in shown], indent="  ")
    if more:
        out.line(f"there are older ones:  whimbrel history --limit {limit * 5}")
    return 0


def _cells(run: journal.RunRow) -> list[output.Part]:
    took = words.duration(run.seconds) if run.seconds is not None else ""
    steps = words.count(run.steps, "step") if run.steps is not None else ""
    tries = f", try {run.attempts}" if run.attempts > 1 else ""
    first_line = (run.error or "").strip().split("\n")[0]
    return [
        (str(run.id), "dim"),
        moment(run.started_at),
        run.direction,
        (f"{run.status}{tries}", STYLES.get(journal.Status(run.status), "")),
        run.migration,
        steps,
        took,
        (f"{run.who}@{run.host}", "dim"),
        output.clipped(first_line, 100),
    ]


def moment(stamp: str) -> str:
    """Write a moment of the journal to the minute, in UTC."""
    return f"{stamp[:16].replace('T', ' ')} UTC"
