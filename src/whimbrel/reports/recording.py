"""Watch a project run migrations, and write the report of it, however it ends.

    with recording.Recording(project) as recorded:
        project.up()
    print(recorded.written)

Nothing that goes wrong with a report stops or fails a migration: it is kept in `problem`, for
whoever asked to tell. What the report says is put together in `runs.py`.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from whimbrel import errors, events
from whimbrel.migrations import plan as plans
from whimbrel.migrations import project as projects
from whimbrel.reports import measure, runs, seal, store
from whimbrel.reports import report as reports


class Recording:
    """Listens to what a project does inside of the block; writes at its end.

    Without `file` the report goes where the configuration says, and nowhere if it says so or is
    not there. A run without data steps and live changes has no report.
    """

    def __init__(
        self, project: projects.Project, *, file: Path | str | None = None, wanted: bool = True
    ) -> None:
        self.project = project
        self.place = store.place(
            project.config, wanted=wanted, file=None if file is None else Path(file)
        )
        self.report: reports.Report | None = None
        self.written: store.Written | None = None
        self.problem: errors.ReportNotWritten | None = None
        self._log = runs.Log(clock=project.clock)
        self._before = measure.NOTHING
        self._touched: list[measure.Written] = []
        self._tell = project.tell
        self._unknown = ""

    def __enter__(self) -> Self:
        self._tell = self.project.tell
        self.project.tell = self._heard
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.project.tell = self._tell
        if self.place is None or not self._log.started_at:
            return
        try:
            self._end(error)
        except errors.ReportNotWritten as problem:
            self.problem = problem
        except Exception as wrong:  # noqa: BLE001 - the migration is done, whatever this is
            self.problem = errors.ReportNotWritten(
                "nowhere",
                why=f"{type(wrong).__name__}: {wrong}",
                left="what was done stays done",
                remedy="please report it; see what was done:  whimbrel history",
            )

    # --- listening ----------------------------------------------------------------------------

    def _heard(self, event: events.Event) -> None:
        if self.place is not None:
            if isinstance(event, events.RunStarted):
                self._begin()
            self._log.add(event)
        self._tell(event)

    def _begin(self) -> None:
        """Measure what will be written, before anything is."""
        plan = self.project.planned
        if plan is None:
            return
        try:
            session = self.project.open_looking()
            try:
                self._touched = measure.written(plan, session.engine.dialect)
                self._before = measure.measure(session, self._touched)
            finally:
                session.close()
        except (sa.exc.SQLAlchemyError, errors.WhimbrelError) as error:
            self._unknown = f"nothing was measured before: {_first_line(error)}"

    # --- at the end ---------------------------------------------------------------------------

    def _end(self, error: BaseException | None) -> None:
        asked_for = self.place is not None and self.place.file is not None
        worth_it = self._log.has_data or self._log.live.migrations
        if not (asked_for or worth_it or _plans_data(self.project.planned)):
            return
        found, after, notes = runs.NOTHING, measure.NOTHING, []
        if self._unknown:
            notes.append(self._unknown)
        try:
            session = self.project.open_looking()
            try:
                found = runs.look(session, self.project.clock, self._log.migrations)
                after = measure.measure(session, self._touched)
            finally:
                session.close()
        except (sa.exc.SQLAlchemyError, errors.WhimbrelError) as wrong:
            notes.append(f"the journal was not read and nothing measured: {_first_line(wrong)}")
        if len(self._touched) > measure.MOST_TABLES:
            notes.append(f"only {measure.MOST_TABLES} of {len(self._touched)} tables were measured")
        report = runs.from_run(
            self.project,
            self._log,
            found,
            before=self._before,
            after=after,
            error=error,
            notes=tuple(notes),
        )
        self.report = report
        if self.place is not None:
            self.written = write(self.place, report, run=found.last)


def write(to: store.Place, report: reports.Report, *, run: int | None = None) -> store.Written:
    """Draw, seal and write a report; raise ReportNotWritten."""
    return store.write(
        to, sealed(report), started_at=report.started_at, command=report.command, run=run
    )


def sealed(report: reports.Report) -> seal.Sealed:
    """Draw a report and seal it, with its page."""
    from whimbrel.reports import html  # loads Jinja2, which most commands never need

    return seal.seal(report.as_json(), html.render(report))


def _plans_data(plan: plans.Plan | None) -> bool:
    return plan is not None and any(
        step.kind in measure.DATA for migration in plan.migrations for step in migration.steps
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:200]
