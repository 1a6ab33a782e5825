"""Draw a report as one page of HTML that needs nothing else: no network, no fonts, no script.

The few lines of script and the style stand in the page, and a policy in it names them by their
hashes, so that nothing else can run. What a database said gets into the page as text only.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import jinja2
import markupsafe

from whimbrel import words
from whimbrel.reports import charts, seal, shown
from whimbrel.reports import report as reports

_ROOM: Final = Path(__file__).parent
_TONES: Final = {
    reports.Outcome.EQUAL: "good",
    reports.Outcome.DIFFERENT: "bad",
    reports.Outcome.MOVING: "warning",
    reports.Outcome.ONLY_SOURCE: "bad",
    reports.Outcome.ONLY_TARGET: "bad",
    reports.Outcome.NOT_COMPARED: "none",
}
_STATUS_TONES: Final = {
    "done": "good",
    "failed": "bad",
    "interrupted": "bad",
    "taken back": "warning",
}


def render(report: reports.Report) -> str:
    """Return the page, with an empty place for its data and holes for the seal."""
    drawn = {chart.id: chart for chart in charts.all_of(report)}
    return page(
        "page.html.j2",
        report=report,
        verdict=report.verdict,
        drawn=drawn,
        speeds=[chart for id_, chart in drawn.items() if id_.startswith("speed")],
    )


def page(template: str, *, also: Sequence[str] = (), **facts: object) -> str:
    """Return a page drawn from a template; `also` are files of style and script beside ours."""
    style = "".join(_file(one) for one in ("page.css", *also) if one.endswith(".css"))
    script = "".join(_file(one) for one in ("page.js", *also) if one.endswith(".js"))
    drawn = (
        _environment()
        .get_template(template)
        .render(
            **facts,
            style=markupsafe.Markup(style),
            script=markupsafe.Markup(script),
            policy=f"default-src 'none'; style-src '{_hashed(style)}'; "
            f"script-src '{_hashed(script)}'; base-uri 'none'; form-action 'none'",
            place_for_data=markupsafe.Markup(seal.OPENING + seal.CLOSING),
            hole=markupsafe.Markup(seal.HOLE),
        )
    )
    # Half of a surrogate pair is no character of a file; a name may hold one all the same.
    return drawn.encode("utf-8", "backslashreplace").decode("utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ROOM),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        pieces=shown.pieces,
        duration=_duration,
        count=words.count,
        moment=_moment,
        tone=lambda outcome: _TONES[outcome],
        status_tone=lambda status: _STATUS_TONES.get(status, "none"),
        swatch=lambda kind, chart: markupsafe.Markup(charts.swatch(kind, chart)),
        drawing=lambda svg: markupsafe.Markup(svg),
        thousands=_thousands,
        size=_size,
        breakable=_breakable,
        capitalize_first=lambda text: text[:1].upper() + text[1:],
    )
    return made


@functools.cache
def _file(name: str) -> str:
    return (_ROOM / name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _duration(milliseconds: int | None) -> str:
    return "–" if not milliseconds else words.duration(milliseconds / 1000)


def _thousands(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"


def _size(number: int | None) -> str:
    return "–" if number is None else words.size(number)


def _breakable(name: str) -> markupsafe.Markup:
    """Let a long name go on in the next line behind an underscore."""
    return markupsafe.escape(name).replace("_", markupsafe.Markup("_<wbr>"))


def _moment(stamp: str) -> str:
    """Write a moment of the journal to the second."""
    return f"{stamp[:19].replace('T', ' ')} UTC" if stamp else ""
