"""`whimbrel status`: each migration, and what the database has of it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Final

from whimbrel import words
from whimbrel.cli import common, history, output
from whimbrel.journal import journal
from whimbrel.migrations import project as projects

_STYLES: Final[dict[str, str]] = {
    journal.Applied.APPLIED: "green",
    journal.Applied.BASELINE: "green",
    journal.Applied.HALF_UP: "bold yellow",
    journal.Applied.HALF_DOWN: "bold yellow",
    journal.Applied.GOING_LIVE: "bold yellow",
    journal.Applied.LIVE: "yellow",
    projects.EDITED: "bold red",
    projects.MISSING: "bold red",
    projects.OUT_OF_ORDER: "bold yellow",
}
# What should not be so, and what to do about it.
_REMEDIES: Final[dict[str, str]] = {
    journal.Applied.HALF_UP: "go on:  whimbrel up   or take it back:  whimbrel down",
    journal.Applied.HALF_DOWN: "go on taking it back:  whimbrel down",
    projects.EDITED: "see:  whimbrel explain history-edited",
    projects.MISSING: "see:  whimbrel explain history-missing",
    projects.OUT_OF_ORDER: "see:  whimbrel explain out-of-order",
}
DIFFERENCES: Final = 1


def show(call: common.Call) -> int:
    """Write the list; the exit code says if files and history differ."""
    project = call.project("status")
    states = project.status()
    code = DIFFERENCES if any(state.state in _REMEDIES for state in states) else 0
    if call.out.json:
        call.out.document(
            {
                "database": project.url,
                "migrations": [dataclasses.asdict(state) for state in states],
            }
        )
        return code
    _draw(call.out, project.url, states)
    return code


def _draw(out: output.Output, url: str, states: Sequence[projects.State]) -> None:
    out.line((url, "bold"))
    if not states:
        out.line("there are no migrations yet; make one:  whimbrel new NAME")
        return
    out.table([_cells(state) for state in states], indent="  ")
    counts = Counter(state.state for state in states)
    out.line(", ".join(f"{number:,} {state}" for state, number in counts.items()))
    if {journal.Applied.GOING_LIVE, journal.Applied.LIVE} & counts.keys():
        out.line("live changes are open; see them:  whimbrel online status")
    for state, remedy in _REMEDIES.items():
        if state in counts:
            out.line((f"{state}: ", _STYLES[state]), remedy)


def _cells(state: projects.State) -> list[output.Part]:
    told: str = output.clipped(state.doc.partition("\n")[0], 60)
    if state.steps_done is not None:
        told = f"{words.count(state.steps_done, 'step')} done"
    by = ""
    if state.applied_at:
        by = f"{history.moment(state.applied_at)}, {state.applied_by}"
    return [(state.state, _STYLES.get(state.state, "")), state.id, by, (told, "dim")]


def applied(states: Sequence[projects.State]) -> int:
    """Return how many migrations the database has, as a whole."""
    not_there = {projects.PENDING, projects.OUT_OF_ORDER, *journal.HALF}
    return sum(state.state not in not_there for state in states)
