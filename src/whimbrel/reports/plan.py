"""A plan as a page to send to colleagues: what, when, how long, who waits, how we go back, who
decides; as HTML, sealed like every report, or as Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import whimbrel
from whimbrel import config, words
from whimbrel.migrations import plan as plans
from whimbrel.rehearsal import forecast
from whimbrel.reports import seal, store, verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """All that stands on the page; `at` is when it will be done, in whoever's words."""

    plan: plans.Plan
    expected: forecast.Forecast
    at: str = ""
    decides: tuple[str, ...] = ()
    made_at: str = ""
    by: str = ""

    @property
    def title(self) -> str:
        """Return what the page is about."""
        return f"Change of {verification.name(self.plan.database)}"

    @property
    def window(self) -> str:
        """Return who is affected, and for how long, in a sentence."""
        return window(self.expected)

    @property
    def duration(self) -> str:
        """Return how long all of it takes, in a sentence."""
        return duration(self.expected)

    def back(self) -> Iterator[tuple[str, str]]:
        """Yield, of each migration, how it is taken back."""
        for one in self.plan.migrations:
            kept = [str(step.keeps) for step in one.steps if step.keeps is not None]
            if not one.reversible:
                yield one.id, "it cannot be taken back: a backup is what we would go back to"
            elif kept:
                yield one.id, f"whimbrel down; it {'; '.join(dict.fromkeys(kept))}"
            else:
                yield one.id, "whimbrel down"
            for step in one.steps:
                if step.irreversible_because and not one.reversible:
                    yield "", f"{step.words}: {step.irreversible_because}"

    def as_json(self) -> dict[str, object]:
        """Return it as plain values without fractions."""
        return {
            "kind": "plan",
            "title": self.title,
            "command": "whimbrel plan",
            "whimbrel": whimbrel.__version__,
            "by": self.by,
            "started_at": self.made_at,
            "database": config.masked(self.plan.database),
            "engine": self.plan.engine,
            "at": self.at,
            "decides": list(self.decides),
            "migrations": [{"id": one.id, "doc": one.doc} for one in self.plan.migrations],
            "duration": self.duration,
            "window": self.window,
            "steps": [
                {
                    "migration": one.migration,
                    "step": one.position,
                    "what": one.what,
                    "rows": one.volume,
                    "expected": str(one.expected) if one.expected is not None else None,
                    "basis": one.expected.basis if one.expected is not None else None,
                    "affected": one.affected,
                    "reversible": one.reversible,
                }
                for one in self.expected.steps
            ],
            "back": [list(one) for one in self.back()],
            "verdict": {"word": "Plan", "says": self.duration},
        }


def window(expected: forecast.Forecast) -> str:
    """Return who is affected, and for how long, in a sentence."""
    found = expected.window
    if found is None:
        if expected.unknown:
            return "How long others wait is not known."
        return "Nobody has to wait for longer than a batch."
    unknown = [one for one in expected.unknown if one.waits]
    more = f", and {words.count(len(unknown), 'step')} of which it is not known" if unknown else ""
    return f"{expected.waits.capitalize()} wait for about {found}{more}."


def duration(expected: forecast.Forecast) -> str:
    """Return how long all of it takes, in a sentence."""
    total, unknown = expected.total, expected.unknown
    if total is None:
        return "How long it takes is not known."
    more = f"; of {words.count(len(unknown), 'step')} it is not known" if unknown else ""
    return f"About {total}{more}."


def write_html(to: Path, made: Announcement) -> store.Written:
    """Write the page, sealed; raise ReportNotWritten."""
    return store.write(
        store.Place(file=to), sealed(made), started_at=made.made_at, command="whimbrel plan"
    )


def sealed(made: Announcement) -> seal.Sealed:
    """Draw the page and seal it."""
    from whimbrel.reports import html  # loads Jinja2, which most commands never need

    values = made.as_json()
    page = html.page("plan.html.j2", made=made, values=values, back=list(made.back()))
    return seal.seal(values, page)


def markdown(made: Announcement) -> str:
    """Return the page as Markdown."""
    plan = made.plan
    lines = [f"# {made.title}", ""]
    lines += [f"**When:** {_plain(made.at)}  "] if made.at else []
    lines += [
        f"**How long:** {made.duration}  ",
        f"**Who is affected:** {made.window}  ",
        f"**Database:** {_plain(config.masked(plan.database))} ({plan.engine})  ",
    ]
    if made.decides:
        lines.append(f"**Who decides:** {_plain(', '.join(made.decides))}  ")
    lines += ["", "## What", ""]
    for one in plan.migrations:
        title = one.doc.partition("\n")[0]
        lines.append(f"- `{one.id}`{': ' + _plain(title) if title else ''}")
    lines += ["", "| migration | step | what | rows | about | who waits |",
              "| --- | ---: | --- | ---: | --- | --- |"]  # fmt: skip
    lines += [_row(one) for one in made.expected.steps]
    lines += ["", "## How we go back", ""]
    for id_, says in made.back():
        lines.append(f"- `{id_}`: {_plain(says)}" if id_ else f"  - {_plain(says)}")
    if made.expected.notes:
        lines += ["", *(f"- {_plain(one)}" for one in made.expected.notes)]
    lines += ["", f"Made by {_plain(made.by)} with Whimbrel {whimbrel.__version__}.", ""]
    return "\n".join(lines)


def _row(one: forecast.StepForecast) -> str:
    rows = f"{one.volume:,}" if one.volume is not None else ""
    about = f"{one.expected}, {one.expected.basis}" if one.expected is not None else "not known"
    cells: Sequence[str] = (
        f"`{one.migration}`", str(one.position), _plain(words.squeezed(one.what, 120)), rows, about,
        one.affected,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    found = " ".join(text.split())
    for mark in "\\`*_|<>[]#":
        found = found.replace(mark, f"\\{mark}")
    return found
