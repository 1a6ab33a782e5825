"""The report of a rehearsal: its verdict, its page, its JSON, sealed; and the last ones again.

A rehearsal leaves nothing in any database. What it measured stands in its report, and forecasts
read it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import whimbrel
from whimbrel import config, words
from whimbrel.rehearsal import forecast, rehearse, watching
from whimbrel.reports import plan, seal, store, verification
from whimbrel.reports import report as reports

# So many of the newest reports are looked through for a rehearsal.
_MOST_REPORTS: Final = 60


def verdict(done: rehearse.Rehearsal) -> reports.Verdict:
    """Return what all of it comes to."""
    count = len(done.plan.migrations)
    figures = [reports.Figure(label="migrations", number=count)]
    if done.rows is not None:
        figures.append(reports.Figure(label="rows in the copy", number=done.rows))
    figures += [
        reports.Figure(label="against it", number=len(done.verdict.against)),
        reports.Figure(label="to know", number=len(done.verdict.but)),
    ]
    if not count:
        tone, word, says = reports.Tone.WARNING, "Nothing to rehearse", "no migration is pending"
    elif done.verdict.against:
        tone, word, says = reports.Tone.BAD, "Not ready", done.verdict.against[0]
    elif done.verdict.but:
        tone, word, says = reports.Tone.WARNING, "Ready, but", done.verdict.but[0]
    else:
        tone, word = reports.Tone.GOOD, "Ready"
        says = f"{words.count(count, 'migration')} went up, down and up again"
    return reports.Verdict(tone=tone, word=word, says=says, figures=tuple(figures))


def content(done: rehearse.Rehearsal, *, command: str, by: str | None = None) -> dict[str, object]:
    """Return a rehearsal as plain values without fractions."""
    said = verdict(done)
    return {
        "kind": "rehearsal",
        "title": _title(done),
        "command": config.hidden(command),
        "whimbrel": whimbrel.__version__,
        "by": by or verification.whoever(),
        "started_at": done.started_at,
        "milliseconds": round(done.seconds * 1000),
        "database": config.masked(done.database),
        "engine": done.engine,
        "version": done.version,
        "place": done.place,
        "whole": done.whole,
        "rows": done.rows,
        "copied_in_milliseconds": round(done.copy_seconds * 1000),
        "position": done.position,
        "ready": done.ready,
        "against": list(done.verdict.against),
        "but": list(done.verdict.but),
        "migrations": [one.id for one in done.plan.migrations],
        "volumes": {
            name: {"copied": copied, "original": there}
            for name, (copied, there) in done.volumes.items()
        },
        "phases": [_phase(one) for one in done.phases],
        "lost": [one.as_json() for one in done.lost],
        "by_design": [one.as_json() for one in done.by_design],
        "unsteady": [one.as_json() for one in done.unsteady],
        "locks_seen": done.locks_seen,
        "measured": [one.as_json() for one in forecast.measured(done)],
        "swept": list(done.swept),
        "kept": done.kept or None,
        "notes": list(done.notes),
        "verdict": {
            "tone": said.tone.value,
            "word": said.word,
            "says": said.says,
            "figures": [{"label": one.label, "number": one.number} for one in said.figures],
        },
    }


def _title(done: rehearse.Rehearsal) -> str:
    return f"Rehearsal on a copy of {verification.name(done.database)}"


def _phase(phase: rehearse.Phase) -> dict[str, object]:
    return {
        "name": phase.name,
        "milliseconds": round(phase.seconds * 1000),
        "migrations": list(phase.migrations),
        "steps": [_step(one) for one in phase.steps],
        "rules": [
            {"rule": one.rule, "passed": one.passed, "severity": one.severity, "says": one.words}
            for one in phase.rules
        ],
        "rejected": [
            {
                "migration": one.migration,
                "rows": one.rows,
                "first": [{"table": r.table, "reason": r.reason} for r in one.examples],
            }
            for one in phase.rejected
        ],
        "error": phase.error.as_json() if phase.error is not None else None,
    }


def _step(step: watching.Step) -> dict[str, object]:
    return {
        "migration": step.migration,
        "position": step.position,
        "what": step.what,
        "milliseconds": round(step.seconds * 1000),
        "rows": step.rows,
        "read": step.read,
        "batches": step.batches,
        "longest_batch_milliseconds": round(step.longest * 1000),
        "locks": [{"table": one.table, "mode": one.mode, "waits": one.waits} for one in step.locks],
        "done": step.done,
    }


def sealed(
    done: rehearse.Rehearsal,
    expected: forecast.Forecast | None,
    *,
    command: str,
    by: str | None = None,
) -> seal.Sealed:
    """Draw a rehearsal and seal it; `expected` is what the full volume will take."""
    from whimbrel.reports import html  # loads Jinja2, which most commands never need

    values = content(done, command=command, by=by)
    page = html.page(
        "rehearsal.html.j2",
        done=done,
        values=values,
        verdict=verdict(done),
        expected=expected,
        duration=plan.duration(expected) if expected is not None else "",
        window=plan.window(expected) if expected is not None else "",
        locks=_locks(done),
    )
    return seal.seal(values, page)


def _locks(done: rehearse.Rehearsal) -> list[tuple[str, str, str, str]]:
    """Return the locks that others would have waited for: step, table, mode, who."""
    up = done.phase(rehearse.UP)
    return [
        (f"{one.migration}, {one.what}", held.table, held.mode, held.waits)
        for one in (up.steps if up is not None else ())
        for held in one.locks
        if held.waits
    ]


def write(
    to: store.Place,
    done: rehearse.Rehearsal,
    expected: forecast.Forecast | None,
    *,
    command: str,
) -> store.Written:
    """Draw, seal and write a rehearsal; raise ReportNotWritten."""
    made = sealed(done, expected, command=command)
    return store.write(to, made, started_at=done.started_at, command="whimbrel rehearse")


def measured(folder: Path, *, database: str) -> list[forecast.Measured]:
    """Return what the newest rehearsals on copies of a database measured, by its shown URL.

    Of each step the newest alone; a report that was edited is left out.
    """
    wanted = config.masked(database)
    found: dict[tuple[str, str, int], forecast.Measured] = {}
    for entry in store.last(folder, limit=_MOST_REPORTS):
        if not entry.command.startswith("whimbrel rehearse"):
            continue
        try:
            checked = seal.check(entry.file.read_bytes())
        except OSError:
            continue
        content_ = checked.report
        if not checked.intact or content_.get("kind") != "rehearsal":
            continue
        steps = content_.get("measured")
        if content_.get("database") != wanted or not isinstance(steps, list):
            continue
        for given in steps:
            one = forecast.Measured.read(given) if isinstance(given, Mapping) else None
            if one is not None:
                found.setdefault((one.migration, one.fingerprint, one.position), one)
    return list(found.values())
