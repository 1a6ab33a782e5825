"""Put together the report of a run: from its events, from the journal, and from what was measured.

The journal is what counts: it knows earlier attempts, too. Events say what it does not keep (the
SQL of steps, the batches of a migration that is one transaction), and stand in for it where it
cannot be read. Listening and writing are the work of `recording.py`.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import whimbrel
from whimbrel import clock as clocks
from whimbrel import config, errors, events, words
from whimbrel.engines import base, registry
from whimbrel.journal import journal, parts
from whimbrel.migrations import project as projects
from whimbrel.migrations import runs as watching
from whimbrel.online import looking
from whimbrel.proof import rules
from whimbrel.reports import live_changes, measure, shown
from whimbrel.reports import report as reports

# So much of a report's length goes to each of these at most; the rest is counted.
MOST_STEPS: Final = 300
MOST_STATEMENTS: Final = 5
MOST_SQL: Final = 400
MOST_REJECTS: Final = 100
MOST_POINTS: Final = 2_000


# --- what is heard --------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Step:
    """A step as its events tell it."""

    position: int
    what: str
    status: str = "not done"
    table: str = ""
    rows: int | None = None
    read: int = 0
    written: int = 0
    rejected: int = 0
    batches: int = 0
    milliseconds: int | None = None
    skipped: bool = False
    sql: list[str] = field(default_factory=list)
    statements: int = 0


@dataclass(slots=True, kw_only=True)
class _Migration:
    """A migration as its events tell it."""

    id: str
    direction: str
    status: str = "running"
    resumable: bool = False
    milliseconds: int | None = None
    models: int = 0
    steps: dict[int, _Step] = field(default_factory=dict)
    points: list[reports.Point] = field(default_factory=list)


class Log:
    """What a run told while it went on."""

    def __init__(self, *, clock: clocks.Clock) -> None:
        self._clock = clock
        self._began = 0.0
        self.started_at = ""
        self.direction = ""
        self.asked: tuple[str, ...] = ()
        self.found: dict[str, _Migration] = {}
        # Parts of live changes that were followed by another one in the same command.
        self.earlier: list[_Migration] = []
        self.live = live_changes.Log(clock=clock)
        self.rules: list[rules.Outcome] = []

    @property
    def migrations(self) -> tuple[str, ...]:
        """Return the migrations that were begun, in order."""
        return tuple(self.found)

    @property
    def milliseconds(self) -> int:
        """Return how long it has been going on."""
        return round((self._clock.seconds() - self._began) * 1000)

    @property
    def has_data(self) -> bool:
        """Whether any step changed rows, or was to."""
        return any(
            one.models or any(step.rows is not None or step.table for step in one.steps.values())
            for one in self.found.values()
        )

    def add(self, event: events.Event) -> None:
        """Remember what an event says."""
        self.live.add(event)
        match event:
            case events.RunStarted():
                self._begin(event.direction)
                self.asked = event.migrations
                self.found, self.rules = {}, []
            case events.MigrationStarted():
                if not self.started_at:
                    # The end of a live change, or the way back, is a command about one migration.
                    self._begin(event.direction)
                if event.migration in self.found and event.direction != self.direction:
                    self.earlier.append(self.found[event.migration])
                self.found[event.migration] = _Migration(
                    id=event.migration, direction=event.direction
                )
            case events.MigrationDone():
                one = self._of(event.migration)
                one.status = "done"
                one.milliseconds = round(event.seconds * 1000)
            case events.MigrationStopped():
                one = self._of(event.migration)
                one.status, one.resumable = "failed", event.resumable
            case rules.RuleChecked():
                self.rules.append(event.outcome)
            case events.ModelRows():
                self._of(event.migration).models = event.written
            case events.StepStarted():
                steps = self._of(event.migration).steps
                steps[event.position] = _Step(position=event.position, what=event.step)
            case events.StatementSent():
                step = self._step(event.migration, event.position)
                step.statements += 1
                listed = len(self._of(event.migration).steps) <= MOST_STEPS
                if listed and len(step.sql) < MOST_STATEMENTS:
                    step.sql.append(_short(event.sql))
            case events.RowsStarted():
                self._step(event.migration, event.position).table = event.table
            case events.BatchDone():
                self._batch(event)
            case events.StepDone():
                step = self._step(event.migration, event.position)
                step.what, step.status = event.step, "done"
                step.rows, step.skipped = event.rows, event.skipped
                step.milliseconds = round(event.seconds * 1000)
            case events.TooLarge():
                # What was told of it so far was taken back.
                self._of(event.migration).steps.clear()
                self._of(event.migration).points.clear()

    def _begin(self, direction: str) -> None:
        self._began = self._clock.seconds()
        self.started_at = clocks.stamp(self._clock.now())
        self.direction = direction

    def _batch(self, event: events.BatchDone) -> None:
        step = self._step(event.migration, event.position)
        step.read += event.read
        step.written += event.written
        step.rejected += event.rejected
        step.batches += 1
        points = self._of(event.migration).points
        if len(points) < MOST_POINTS:
            took = round(event.seconds * 1000)
            points.append(reports.Point(at=self.milliseconds, took=took, rows=event.read))

    def _of(self, migration: str) -> _Migration:
        return self.found.setdefault(migration, _Migration(id=migration, direction=self.direction))

    def _step(self, migration: str, position: int) -> _Step:
        steps = self._of(migration).steps
        return steps.setdefault(position, _Step(position=position, what=""))


# --- what is read ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the journal has of a run's migrations, by their ids; `batches` by run and position.

    `live` are the live changes among them that are open, None if nobody could look.
    """

    runs: Mapping[str, watching.RunView]
    batches: Mapping[tuple[int, int], tuple[parts.BatchRow, ...]]
    database: reports.Database | None = None
    live: Mapping[str, looking.State] | None = None

    @property
    def last(self) -> int | None:
        """Return the number of the last run, None if there is none."""
        return max((one.run.id for one in self.runs.values()), default=None)


NOTHING: Final = Found(runs={}, batches={})


def look(session: base.Session, clock: clocks.Clock, migrations: Iterable[str]) -> Found:
    """Read what the journal has of these migrations' newest runs."""
    notes = journal.Journal(session, clock)
    wanted = set(migrations)
    found: dict[str, watching.RunView] = {}
    batches: dict[tuple[int, int], tuple[parts.BatchRow, ...]] = {}
    for row in notes.runs(limit=4 * len(wanted) + 10) if notes.exists() else ():
        if row.migration not in wanted or row.migration in found:
            continue
        seen = watching.view(session, clock, row.id, rejects=MOST_REJECTS)
        found[row.migration] = seen
        known = parts.Parts(session, row.id, clock)
        for step in seen.steps:
            if step.parts:
                batches[row.id, step.step.position] = tuple(known.batches(step.step.position))
    engine = registry.by_name(session.engine.answered_by(session))
    database = reports.Database(
        role="database",
        url=config.masked(session.url),
        engine=engine.title,
        version=session.engine.version(session),
        at=clocks.stamp(clock.now()),
    )
    session.rollback()
    return Found(
        runs=found,
        batches=batches,
        database=database,
        live=live_changes.look(session, clock, tuple(wanted)),
    )


# --- the report -----------------------------------------------------------------------------


def from_run(
    project: projects.Project,
    log: Log,
    found: Found,
    *,
    before: measure.Measured = measure.NOTHING,
    after: measure.Measured = measure.NOTHING,
    error: BaseException | None = None,
    notes: tuple[str, ...] = (),
) -> reports.Report:
    """Return the report of what a project did, as its log and its journal tell it."""
    migrations = (
        *(_migration(one, NOTHING, project, None) for one in log.earlier),
        *(
            _migration(one, found, project, error if one.status == "failed" else None)
            for one in log.found.values()
        ),
    )
    views = [found.runs[one.id] for one in log.found.values() if one.id in found.runs]
    rejects = tuple(
        _reject(reject, view.run.migration) for view in views for reject in view.rejects
    )
    seen = {(p.table, p.column) for p in measure.profiles(before, after)}
    profiles = tuple(
        one for one in measure.profiles(before, after) if one.before is not None or one.after
    )
    left = sorted(seen - {(p.table, p.column) for p in profiles})
    stopped = ""
    if error is not None and not isinstance(error, Exception):
        stopped = "a person or the system stopped it"
    elif error is not None and not any(m.status == "failed" for m in migrations):
        stopped = _first_line(error)
    name = project.database.name or project.url
    return reports.Report(
        kind=reports.Kind.MIGRATION,
        title=f"Migration of {config.masked(name)}",
        command=project.command,
        whimbrel=whimbrel.__version__,
        started_at=log.started_at,
        milliseconds=log.milliseconds,
        by=_by(views),
        databases=(
            found.database
            or reports.Database(role="database", url=config.masked(project.url), engine=""),
        ),
        migrations=migrations,
        live_changes=log.live.changes(found.live),
        counted=measure.counted(before, after),
        profiles=profiles,
        throughput=tuple(_throughput(log, found)),
        validation=reports.validations(outcome.as_json() for outcome in log.rules),
        rejected=sum(one.rejected for one in migrations),
        rejects=rejects[:MOST_REJECTS],
        stopped=stopped,
        notes=(*notes, *_notes(log, found, before, left)),
    )


def _migration(
    told: _Migration, found: Found, project: projects.Project, error: BaseException | None
) -> reports.Migration:
    view = found.runs.get(told.id)
    plan = project.planned.of(told.id) if project.planned is not None else None
    steps = _steps(told, view)
    rejected = sum(step.rejected for step in steps)
    run = view.run if view is not None else None
    milliseconds = told.milliseconds
    if milliseconds is None and run is not None and run.seconds is not None:
        milliseconds = round(run.seconds * 1000)
    whole = not run.by_steps if run is not None else not told.resumable
    kept = not whole or told.status == "done"
    return reports.Migration(
        id=told.id,
        direction=told.direction,
        status=told.status if told.status != "running" else "interrupted",
        doc=" ".join(plan.doc.split()) if plan is not None else "",
        run=run.id if run is not None else None,
        attempts=run.attempts if run is not None else 1,
        one_transaction=whole,
        started_at=run.started_at if run is not None else "",
        milliseconds=milliseconds,
        rows=sum(step.rows or 0 for step in steps if step.status != "taken back") if kept else 0,
        rejected=max(rejected, view.rejected if view is not None else 0) if kept else 0,
        error=_said(error, view),
        steps=tuple(steps[:MOST_STEPS]),
        steps_left_out=sum(step.times for step in steps[MOST_STEPS:]),
    )


def _steps(told: _Migration, view: watching.RunView | None) -> list[reports.Step]:
    """Return the steps as the journal has them, with what only the events know."""
    noted = {state.step.position: state for state in view.steps} if view is not None else {}
    taken_back = (view is not None and not view.run.by_steps and told.status != "done") or (
        view is None and told.status == "failed" and not told.resumable
    )
    steps: list[reports.Step] = []
    for position in sorted({*noted, *told.steps}):
        state, heard = noted.get(position), told.steps.get(position)
        status = "done" if state is not None and state.done else "not done"
        if state is None and heard is not None:
            status = heard.status
        if taken_back and status == "done":
            status = "taken back"
        step = _step(position, status, state, heard)
        if steps and _continues(steps[-1], step):
            steps[-1] = _joined(steps[-1], step)
        else:
            steps.append(step)
    return steps


def _continues(last: reports.Step, step: reports.Step) -> bool:
    """Whether a step asks for the same as the one before it, as in a loop."""
    same = (last.what, last.status, last.kind) == (step.what, step.status, step.kind)
    return same and last.read is None and step.read is None


def _joined(last: reports.Step, step: reports.Step) -> reports.Step:
    def added(one: int | None, other: int | None) -> int | None:
        return other if one is None else one + (other or 0)

    return dataclasses.replace(
        last,
        times=last.times + 1,
        rows=added(last.rows, step.rows),
        milliseconds=added(last.milliseconds, step.milliseconds),
        statements=last.statements + step.statements,
    )


def _step(
    position: int, status: str, state: watching.StepState | None, heard: _Step | None
) -> reports.Step:
    row = state.step if state is not None else None
    what = row.step if row is not None else heard.what if heard is not None else ""
    batched = state is not None and bool(state.parts)
    read = written = None
    rejected = batches = retries = 0
    if state is not None and batched:
        read, written, rejected = state.read, state.written, state.rejected
        batches = sum(part.batches for part in state.parts)
        retries = sum(part.retries for part in state.parts)
    elif heard is not None and heard.batches:
        read, written, rejected = heard.read, heard.written, heard.rejected
        batches = heard.batches
    milliseconds = None
    if row is not None and row.seconds is not None:
        milliseconds = round(row.seconds * 1000)
    elif heard is not None:
        milliseconds = heard.milliseconds
    rows = row.rows_changed if row is not None else heard.rows if heard is not None else None
    return reports.Step(
        position=position,
        what=_short(config.hidden(what)),
        status=status,
        kind=row.kind if row is not None else "",
        table=heard.table if heard is not None else "",
        sql=tuple(config.hidden(sql) for sql in heard.sql) if heard is not None else (),
        statements=heard.statements if heard is not None else 0,
        rows=rows if rows is not None else written,
        read=read,
        rejected=rejected,
        batches=batches,
        retries=retries,
        milliseconds=milliseconds,
    )


def _throughput(log: Log, found: Found) -> Iterable[reports.Throughput]:
    """Yield how fast rows went, a series for each migration that had batches."""
    for one in log.found.values():
        view = found.runs.get(one.id)
        points = _points(view, found) if view is not None else []
        points = points or one.points
        if points:
            yield reports.Throughput(title=one.id, points=tuple(points))


def _points(view: watching.RunView, found: Found) -> list[reports.Point]:
    """Return the batches of all attempts, on a time without the pauses between attempts."""
    batches = sorted(
        (
            batch
            for state in view.steps
            for batch in found.batches.get((view.run.id, state.step.position), ())
        ),
        key=lambda batch: batch.finished_at,
    )
    if not batches:
        return []
    first = clocks.read_stamp(batches[0].finished_at)
    start = -round(batches[0].seconds * 1000)
    every = max(1, -(-len(batches) // MOST_POINTS))
    points = []
    for at in range(0, len(batches), every):
        group = batches[at : at + every]
        points.append(
            reports.Point(
                at=_since(first, group[-1].finished_at) - start,
                took=round(sum(batch.seconds for batch in group) * 1000),
                rows=sum(batch.rows_read for batch in group),
            )
        )
    return points


def _since(first: datetime, stamp: str) -> int:
    return round((clocks.read_stamp(stamp) - first).total_seconds() * 1000)


def _reject(reject: parts.Reject, migration: str) -> reports.Reject:
    return reports.Reject(
        table=reject.table,
        reason=config.hidden(reject.reason),
        key=tuple(shown.of(value) for value in reject.key),
        row=tuple(
            reports.Named(column=name, value=shown.of(value)) for name, value in reject.row.items()
        ),
        migration=migration,
    )


def _notes(
    log: Log, found: Found, before: measure.Measured, left: list[tuple[str, str]]
) -> Iterable[str]:
    waiting = [id_ for id_ in log.asked if id_ not in log.found]
    if waiting:
        yield f"not begun: {errors.names(waiting)}"
    resumed = [one.run for one in found.runs.values() if one.run.attempts > 1]
    for run in resumed:
        yield (
            f"{run.migration} was resumed: its steps and batches are those of all "
            f"{run.attempts} attempts, and what is called before is the moment when this one began"
        )
    if left:
        tables = sorted({table for table, _ in left})
        yield (
            f"NULLs and lengths were not looked at in {errors.names(tables)}: only in tables of up "
            f"to {words.count(measure.PROFILED_ROWS, 'row')}"
        )
    if before is not measure.NOTHING and not before.counts:
        yield (
            "no statement of the plan named the table it changes plainly, so no rows were counted "
            "before and after"
        )


def _said(error: BaseException | None, view: watching.RunView | None) -> str:
    if error is not None:
        return config.hidden(str(error).strip() or type(error).__name__)
    if view is not None and view.run.error:
        return config.hidden(view.run.error)
    return ""


def _by(views: list[watching.RunView]) -> str:
    if views:
        return f"{views[-1].run.who}@{views[-1].run.host}"
    return socket.gethostname()


def _first_line(error: BaseException) -> str:
    return config.hidden((str(error).strip() or type(error).__name__).split("\n")[0])


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= MOST_SQL else text[: MOST_SQL - 1] + "…"
