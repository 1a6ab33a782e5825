"""What `whimbrel plan` says of time, and the page that it writes for colleagues."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, words
from whimbrel.cli import output
from whimbrel.migrations import plan as plans

if TYPE_CHECKING:
    from whimbrel.migrations import project as projects
    from whimbrel.rehearsal import forecast

# Whatever is done to fewer rows is done in a moment.
LARGE_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which files are asked for, and what stands in them besides the plan."""

    html: Path | None = None
    markdown: Path | None = None
    at: str = ""
    decides: tuple[str, ...] = ()

    def check(self, direction: str) -> None:
        """Raise UsageError for what cannot be written."""
        if (self.at or self.decides) and not (self.html or self.markdown):
            raise errors.UsageError(
                "--at and --decides stand on a page", remedy="name it:  --html FILE"
            )
        if (self.html or self.markdown) and direction != "up":
            raise errors.UsageError(
                "a page for colleagues is about the way up", remedy="whimbrel plan --html FILE"
            )
        if self.html is not None and self.html.suffix.lower() not in {".html", ".htm"}:
            raise errors.UsageError(
                f"--html writes HTML, and {self.html.name!r} is called otherwise",
                remedy=f"--html {self.html.stem}.html",
            )

    def write(
        self, out: output.Output, plan: plans.Plan, expected: forecast.Forecast | None
    ) -> None:
        """Write what is asked for; raise ReportNotWritten."""
        if expected is None or not (self.html or self.markdown):
            return
        from whimbrel.reports import plan as pages
        from whimbrel.reports import verification

        made = pages.Announcement(
            plan=plan,
            expected=expected,
            at=self.at,
            decides=self.decides,
            made_at=clocks.stamp(clocks.SYSTEM.now()),
            by=verification.whoever(),
        )
        if self.html is not None:
            written = pages.write_html(self.html, made)
            out.tell(f"page: {configs.shown(self.html)} · seal {written.seal}")
        if self.markdown is not None:
            try:
                with self.markdown.open("x", encoding="utf-8") as file:
                    file.write(pages.markdown(made))
            except OSError as error:
                raise errors.ReportNotWritten(
                    configs.shown(self.markdown),
                    why=error.strerror or str(error),
                    left="nothing was changed",
                    remedy="name another file, or move this one away",
                ) from error
            out.tell(f"page: {configs.shown(self.markdown)}")


def expected(project: projects.Project, plan: plans.Plan) -> forecast.Forecast | None:
    """Return what is expected of a plan on the way up, None if there is nothing to expect."""
    if plan.direction != "up" or not plan.migrations:
        return None
    from whimbrel.rehearsal import forecast
    from whimbrel.reports import rehearsal

    measured = rehearsal.measured(project.config.reports.directory, database=project.url)
    return forecast.forecast(project, plan, rehearsed=measured)


def worth_saying(found: forecast.Forecast | None) -> forecast.Forecast | None:
    """Return a forecast if it says something: a large table, or a rehearsal of the same."""
    if found is None:
        return None
    large = any((one.volume or 0) >= LARGE_ROWS for one in found.steps)
    known = any(
        one.expected is not None and one.expected.basis == "rehearsed" for one in found.steps
    )
    return found if large or known else None


def said(one: forecast.StepForecast) -> str:
    """Return in words what is expected of one step."""
    time = "time not known"
    if one.expected is not None:
        time = f"about {one.expected}, {one.expected.basis}"
    return f"{time} · {one.affected}"


def draw(out: output.Output, found: forecast.Forecast) -> None:
    """Write how long all of it takes, and for how long others wait."""
    if found.total is not None:
        unknown = len(found.unknown)
        more = f", and {words.count(unknown, 'step')} of which it is not known" if unknown else ""
        out.line(("time", "bold"), f"    about {found.total}{more}")
    if found.window is not None:
        out.line(("window", "bold"), f"  {found.waits} wait for about {found.window}")
    elif not found.unknown:
        out.line(("window", "bold"), "  nobody has to wait for longer than a batch")
