"""The report of an assessment: its verdict, its page with the map, its JSON, sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import whimbrel
from whimbrel import config, words
from whimbrel.rehearsal import proposing
from whimbrel.rehearsal.assessment import Assessment, Grade, Table
from whimbrel.reports import report as reports
from whimbrel.reports import seal, store, tablemap, verification

_TONES: Final = {Grade.EASY: "good", Grade.MEDIUM: "warning", Grade.HARD: "bad"}
_ORDER: Final = {Grade.EASY: 0, Grade.MEDIUM: 1, Grade.HARD: 2}


def verdict(found: Assessment) -> reports.Verdict:
    """Return what all of it comes to."""
    of = words.count(len(found.tables), "table")
    hard = found.graded(Grade.HARD)
    figures = [reports.Figure(label="tables", number=len(found.tables))]
    if found.rows is not None:
        figures.append(reports.Figure(label="rows", number=found.rows))
    figures += [
        reports.Figure(label="hard tables", number=len(hard)),
        reports.Figure(label="findings", number=len(found.dirty)),
    ]

    def made(tone: reports.Tone, word: str, says: str) -> reports.Verdict:
        return reports.Verdict(tone=tone, word=word, says=says, figures=tuple(figures))

    if found.refused:
        return made(reports.Tone.BAD, "Cannot be moved yet", found.refused)
    if found.refusals:
        columns = {(one.table, one.column) for one in found.refusals}
        count = words.count(len(columns), "column")
        does = "has" if len(columns) == 1 else "have"
        said = f"{count} {does} values that the target would refuse"
        return made(reports.Tone.BAD, "To be decided", said)
    if not found.tables:
        return made(reports.Tone.WARNING, "Empty", "there are no tables")
    if hard:
        said = f"{len(hard):,} of {of} {'needs' if len(hard) == 1 else 'need'} work by hand"
        return made(reports.Tone.WARNING, "Work to do", said)
    if found.dirty:
        tables = {one.table for one in found.dirty}
        said = f"{words.count(len(found.dirty), 'finding')} in {words.count(len(tables), 'table')}"
        return made(reports.Tone.WARNING, "Dirty in places", said)
    medium = len(found.graded(Grade.MEDIUM))
    said = f"{of}, {medium:,} of them with something to know" if medium else of
    word = "Ready" if found.plan is not None else "In order"
    return made(reports.Tone.GOOD, word, said)


def sealed(found: Assessment, *, command: str, by: str | None = None) -> seal.Sealed:
    """Draw an assessment and seal it, with its page."""
    from whimbrel.reports import html  # loads Jinja2, which most commands never need

    by = by or verification.whoever()
    title = f"Assessment of {verification.name(found.source.url)}"
    if found.target is not None:
        title += f" for {found.target.title}"
    drawn = tablemap.draw(
        found.graph,
        tones={table.name: table.grade.value for table in found.tables},
        says={table.name: _told(table) for table in found.tables},
        links={table.name: f"#table-{at}" for at, table in enumerate(found.tables, 1)},
    )
    page = html.page(
        "assess.html.j2",
        also=("assess.css", "assess.js"),
        found=found,
        verdict=verdict(found),
        title=title,
        command=config.hidden(command),
        by=by,
        whimbrel=whimbrel.__version__,
        source_url=config.masked(found.source.url),
        target_url=config.masked(found.target.url) if found.target is not None else "",
        drawn=drawn,
        circles=found.graph.cycles,
        tones=_TONES,
        grades=_ORDER,
        paces={one.table: one for one in found.paces},
        total=found.total,
        wrote=any(one.written and one.rows_measured for one in found.paces),
        becomes=_becomes(found),
        not_converted=found.plan.not_converted if found.plan is not None else (),
        rules=proposing.toml(found.rules),
        notes=_notes(found),
    )
    return seal.seal(_content(found, title=title, command=command, by=by), page)


def write(to: store.Place, found: Assessment, *, command: str) -> store.Written:
    """Draw, seal and write an assessment; raise ReportNotWritten."""
    return store.write(
        to, sealed(found, command=command), started_at=found.started_at, command=command
    )


def _content(found: Assessment, *, title: str, command: str, by: str) -> Mapping[str, object]:
    said = verdict(found)
    return {
        "kind": reports.Kind.ASSESSMENT.value,
        "title": title,
        "command": config.hidden(command),
        "whimbrel": whimbrel.__version__,
        "by": by,
        **found.as_json(),
        "verdict": {
            "tone": said.tone.value,
            "word": said.word,
            "says": said.says,
            "figures": [{"label": one.label, "number": one.number} for one in said.figures],
        },
    }


def _told(table: Table) -> str:
    rows = "" if table.rows is None else f"{words.count(table.rows, 'row')}, "
    return f"{rows}{table.grade.value}"


def _becomes(found: Assessment) -> dict[tuple[str, str], str]:
    """Return the types of columns in the target."""
    if found.plan is None:
        return {}
    return {
        (flow.flow.name, column.name): column.type
        for flow in found.plan.flows
        for column in flow.columns
    }


def _notes(found: Assessment) -> tuple[str, ...]:
    planned = found.plan.notes if found.plan is not None else ()
    return tuple(dict.fromkeys((*found.notes, *planned)))
