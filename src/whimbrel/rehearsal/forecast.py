"""How long a plan will take, step by step, and for how long others will have to wait.

What is known is taken in this order: a rehearsal of the same migration, earlier runs on this
database (the journal keeps each forecast beside the real time), a sample read on this server; else
nothing is claimed. The model is one for all: seconds = a fixed part + rows x seconds for each row,
n x log n where an index is built; a range says how far that may be wrong.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import errors, events, words
from whimbrel.engines import base
from whimbrel.journal import forecasts as kept
from whimbrel.journal import journal
from whimbrel.migrations import plan as plans
from whimbrel.migrations import project as projects
from whimbrel.rehearsal import rehearse, watching

REHEARSED, EARLIER, SAMPLED = "rehearsed", "earlier runs", "sampled"
# What only changes the catalog takes about this, whatever the table's size.
CATALOG_SECONDS: Final = 0.02
# A measured time is only so sure; a larger volume makes it less so, by each power of ten.
_SURE: Final = 1.25
_LESS_SURE: Final = 0.2
# Of what took less than this the measured time says little.
_BRIEF_SECONDS: Final = 0.05
_BRIEFLY_SURE: Final = 2.5
# What one row costs a step that writes it, in times of what it costs to be read.
_WRITING: Final = 12.0
_SAMPLE_ROWS: Final = 20_000
_SAMPLE_SURE: Final = 6.0
_CORRECTED: Final = (0.3, 3.0)
_SORTS: Final = re.compile(
    r"create (unique )?index|add unique|add primary|CREATE (UNIQUE )?INDEX", re.I
)
_KINDS: Final = re.compile(
    r"(create table|drop table|rename table|add column|remove column|rename column"
    r"|change column|create (?:unique )?index|remove index|add foreign key|add check|add unique"
    r"|remove constraint|remove foreign key|backfill|transform|convert|copy rows|delete rows"
    r"|populate|batches|put each|give back|check that|look up|accept)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Seconds, at least and at most, and from what that is known."""

    least: float
    likely: float
    most: float
    basis: str

    def __add__(self, other: Expected) -> Expected:
        basis = self.basis if self.basis == other.basis else "several"
        return Expected(
            least=self.least + other.least,
            likely=self.likely + other.likely,
            most=self.most + other.most,
            basis=basis,
        )

    def __str__(self) -> str:
        least, most = words.duration(self.least), words.duration(self.most)
        likely = words.duration(self.likely)
        return likely if least == most else f"{likely} ({least} to {most})"

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "least": round(self.least, 4),
            "likely": round(self.likely, 4),
            "most": round(self.most, 4),
            "basis": self.basis,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StepForecast:
    """What is expected of one step; `expected` is None where nobody knows.

    `window` says that others wait while it is at work, `waits` who; a step in batches lets them in
    between any two.
    """

    migration: str
    position: int
    what: str
    kind: str
    volume: int | None
    expected: Expected | None
    waits: str = ""
    window: bool = False
    in_batches: bool = False
    reversible: bool = True
    irreversible_because: str = ""

    @property
    def affected(self) -> str:
        """Return in words who is affected."""
        if self.in_batches:
            return "nobody for longer than a batch"
        return f"{self.waits} wait" if self.waits else "nobody waits"

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "migration": self.migration,
            "step": self.position,
            "what": self.what,
            "rows": self.volume,
            "expected": self.expected.as_json() if self.expected is not None else None,
            "waits": self.waits,
            "window": self.window,
            "in_batches": self.in_batches,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected of a plan."""

    steps: tuple[StepForecast, ...]
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Expected | None:
        """Return how long all of it takes, as far as that is known; None if nothing is."""
        return _summed(one.expected for one in self.steps)

    @property
    def window(self) -> Expected | None:
        """Return for how long somebody has to wait, in all; None if nobody does."""
        return _summed(one.expected for one in self.steps if one.window)

    @property
    def unknown(self) -> tuple[StepForecast, ...]:
        """Return the steps of which nobody knows how long they take."""
        return tuple(one for one in self.steps if one.expected is None)

    @property
    def waits(self) -> str:
        """Return who has to wait in the window, "" if nobody does."""
        found = {one.waits for one in self.steps if one.window}
        return max(found, key=len, default="")

    def of(self, migration: str, position: int) -> StepForecast | None:
        """Return what is expected of one step."""
        for one in self.steps:
            if (one.migration, one.position) == (migration, position):
                return one
        return None

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        total, window = self.total, self.window
        return {
            "total": total.as_json() if total is not None else None,
            "window": window.as_json() if window is not None else None,
            "waits": self.waits,
            "unknown_steps": len(self.unknown),
            "steps": [one.as_json() for one in self.steps],
            "notes": list(self.notes),
        }


def _summed(found: Iterable[Expected | None]) -> Expected | None:
    known = [one for one in found if one is not None]
    if not known:
        return None
    total = known[0]
    for one in known[1:]:
        total = total + one
    return total


# --- what a rehearsal measured --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One step of a rehearsal: its time, at which volume, and what each more row takes.

    Times are whole numbers, so that they can stand in a report.
    """

    migration: str
    fingerprint: str
    position: int
    what: str
    microseconds: int
    volume: int | None
    picoseconds: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Measured | None:
        """Return what `as_json` wrote, None if it is something else."""
        names = [field.name for field in dataclasses.fields(cls)]
        try:
            return cls(**{name: given[name] for name in names})  # type: ignore[arg-type]
        except (KeyError, TypeError):
            return None


def measured(done: rehearse.Rehearsal) -> tuple[Measured, ...]:
    """Return what a rehearsal measured on the way up."""
    up = done.phase(rehearse.UP)
    if up is None:
        return ()
    planned = {(m.id, s.position): s for m in done.plan.migrations for s in m.steps}
    copied = {name.casefold(): rows for name, (rows, _) in done.volumes.items()}
    return tuple(
        Measured(
            migration=one.migration,
            fingerprint=done.fingerprints.get(one.migration, ""),
            position=one.position,
            what=words.squeezed(one.what, 200),
            microseconds=round(one.seconds * 1e6),
            volume=_volume(one, planned.get((one.migration, one.position)), copied),
            picoseconds=None if one.slope is None else round(one.slope * 1e12),
        )
        for one in up.steps
        if one.done
    )


def _volume(
    one: watching.Step, step: plans.PlannedStep | None, rows: Mapping[str, int | None]
) -> int | None:
    if one.read:
        return one.read
    return _largest(step.tables if step is not None else (), rows)


def _largest(tables: Sequence[str], rows: Mapping[str, int | None]) -> int | None:
    """Return the rows of the largest of some tables, or of all where none of them is there yet."""
    known = [rows[name.casefold()] for name in tables if name.casefold() in rows]
    counted = [count for count in (known or rows.values()) if count is not None]
    return max(counted, default=None)


# --- the forecast ---------------------------------------------------------------------------


def forecast(
    project: projects.Project,
    plan: plans.Plan,
    *,
    rehearsed: Sequence[Measured] = (),
    sample: bool = True,
) -> Forecast:
    """Return what is expected of a plan for this database; it is only read.

    `rehearsed` is what rehearsals measured; without `sample` no rows are read.
    """
    files = {} if not rehearsed else project.graph().files
    fitting = {
        (one.migration, one.position): one
        for one in rehearsed
        if one.migration in files and files[one.migration].fingerprint == one.fingerprint
    }
    session = project.open_looking()
    try:
        known = kept.read(session)
        asked = _Asker(session, fitting, known, sample=sample)
        steps = [
            asked.step(migration, step)
            for migration in plan.migrations
            for step in migration.steps
            if not step.done
        ]
    finally:
        session.close()
    return Forecast(
        steps=tuple(_windowed(steps, plan)),
        notes=tuple(
            f"{one.id}: more steps are decided while running"
            for one in plan.migrations
            if one.undecided
        ),
    )


def _windowed(steps: Sequence[StepForecast], plan: plans.Plan) -> list[StepForecast]:
    """Return steps with the window: in one transaction a lock stays until its end."""
    found = []
    holding: dict[str, str] = {}
    whole = {one.id: one.whole for one in plan.migrations}
    for one in steps:
        waits = one.waits
        if whole.get(one.migration):
            waits = max(holding.get(one.migration, ""), waits, key=len)
            holding[one.migration] = waits
        found.append(
            dataclasses.replace(
                one,
                waits=waits,
                window=bool(waits),
                in_batches=one.in_batches and not waits,
            )
        )
    return found


class _Asker:
    """Knows what there is to know of one database while a forecast is made."""

    def __init__(
        self,
        session: base.Session,
        rehearsed: Mapping[tuple[str, int], Measured],
        known: Sequence[kept.Row],
        *,
        sample: bool,
    ) -> None:
        self._session = session
        self._rehearsed = rehearsed
        self._known = known
        self._sample = sample
        self._rows: dict[str, int | None] | None = None
        self._reading: dict[str, float | None] = {}

    def step(self, migration: plans.MigrationPlan, step: plans.PlannedStep) -> StepForecast:
        """Return what is expected of one step, before windows are known."""
        in_batches = step.kind == "rows"
        volume = step.rows if step.rows is not None else _largest(step.tables, self._volumes())
        kind = kind_of(step.words)
        return StepForecast(
            migration=migration.id,
            position=step.position,
            what=step.words,
            kind=kind,
            volume=volume if step.tables or step.rows is not None else None,
            expected=self._expected(migration.id, step, kind, volume),
            waits=step.waits,
            in_batches=in_batches,
            reversible=step.reversible,
            irreversible_because=step.irreversible_because,
        )

    def _volumes(self) -> dict[str, int | None]:
        if self._rows is None:
            self._rows = {}
            for name in self._session.engine.catalog(self._session).tables():
                try:
                    guess = self._session.engine.estimate(self._session, name)
                except sa.exc.DBAPIError:
                    guess = None
                finally:
                    self._session.rollback()
                self._rows[name.casefold()] = guess
        return self._rows

    def _expected(
        self, migration: str, step: plans.PlannedStep, kind: str, volume: int | None
    ) -> Expected | None:
        if step.kind == "session":
            return Expected(least=0.0, likely=0.0, most=0.0, basis="nothing to do")
        measured = self._rehearsed.get((migration, step.position))
        if measured is not None:
            return self._corrected(_grown(measured, kind, step, volume), kind)
        found = self._earlier(kind, volume, step) or self._sampled(step, volume)
        times = max(step.times, 1)
        if found is None or times == 1:
            return found
        return Expected(
            least=found.least * times,
            likely=found.likely * times,
            most=found.most * times,
            basis=found.basis,
        )

    # --- from what the journal has kept -------------------------------------------------------

    def _corrected(self, found: Expected, kind: str) -> Expected:
        """Move a forecast by how real times of the same kind stood to their forecasts."""
        ratios = [
            row.seconds / row.likely
            for row in self._known
            if row.kind == kind
            and row.basis == found.basis
            and row.likely
            and row.seconds > _BRIEF_SECONDS
        ]
        if not ratios:
            return found
        low, high = _CORRECTED
        ratio = min(max(statistics.median(ratios), low), high)
        return Expected(
            least=found.least * min(ratio, 1.0),
            likely=found.likely * ratio,
            most=found.most * max(ratio, 1.0),
            basis=found.basis,
        )

    def _earlier(self, kind: str, volume: int | None, step: plans.PlannedStep) -> Expected | None:
        """Return what earlier steps of the kind say; scaled by their volumes."""
        grows = step.kind == "rows" or step.work != "nothing" or step.kind == "data"
        found = []
        for row in self._known:
            if row.kind != kind:
                continue
            if not grows:
                found.append(row.seconds)
            elif row.volume and volume is not None:
                found.append(row.seconds * _scale(kind, row.volume, volume))
        if not found:
            return None
        likely = statistics.median(found)
        spread = _SURE if len(found) > 1 else _SURE + _LESS_SURE
        return Expected(
            least=min(*found, likely / spread) if len(found) > 1 else likely / spread,
            likely=likely,
            most=max(*found, likely * spread) if len(found) > 1 else likely * spread * spread,
            basis=EARLIER,
        )

    # --- from a sample ------------------------------------------------------------------------

    def _sampled(self, step: plans.PlannedStep, volume: int | None) -> Expected | None:
        if step.kind == "ddl" and step.work == "nothing":
            return Expected(
                least=CATALOG_SECONDS / 20,
                likely=CATALOG_SECONDS,
                most=CATALOG_SECONDS * 10,
                basis=SAMPLED,
            )
        if volume is None or not self._sample or step.kind == "model":
            return None
        each = next(
            (found for name in step.tables if (found := self._read_seconds(name)) is not None), None
        )
        if each is None:
            return None
        writes = step.kind in {"rows", "data"} or step.work == "writes"
        likely = CATALOG_SECONDS + volume * each * (_WRITING if writes else 2.0)
        return Expected(
            least=likely / _SAMPLE_SURE,
            likely=likely,
            most=likely * _SAMPLE_SURE,
            basis=SAMPLED,
        )

    def _read_seconds(self, table: str) -> float | None:
        """Return how long one row takes to be read inside of the server, measured now."""
        if table not in self._reading:
            self._reading[table] = self._measured(table)
        return self._reading[table]

    def _measured(self, table: str) -> float | None:
        catalog = self._session.engine.catalog(self._session)
        found = catalog.find(table)
        if found is None:
            return None
        quote = self._session.engine.quote
        column = quote(found.columns[-1].name)
        sql = (
            f"SELECT count(*), count({column}) "
            f"FROM (SELECT {column} FROM {quote(table)} LIMIT {_SAMPLE_ROWS}) AS sampled"
        )
        clock = clocks.SYSTEM
        try:
            self._session.fetch(sql)  # once for what is not in memory
            began = clock.seconds()
            rows = int(str(self._session.fetch(sql)[0][0]))
            seconds = clock.seconds() - began
        except sa.exc.DBAPIError:
            return None
        finally:
            self._session.rollback()
        return seconds / rows if rows else None


def kind_of(what: str) -> str:
    """Return what sort of step it is, from its words: what takes alike is called alike."""
    found = _KINDS.match(what)
    if found is not None:
        return found[1]
    first = re.findall(r"[A-Za-z]+", what)[:2]
    return " ".join(["sql", *first]).lower()


def _scale(kind: str, before: int, now: int) -> float:
    """Return how many times as long a larger volume takes."""
    if before <= 0:
        return 1.0
    ratio = now / before
    if _SORTS.match(kind):
        return ratio * math.log2(max(now, 2)) / math.log2(max(before, 2))
    return ratio


def _grown(measured: Measured, kind: str, step: plans.PlannedStep, volume: int | None) -> Expected:
    """Return what a rehearsed step takes at the volume of now."""
    seconds = measured.microseconds / 1e6
    grows = step.kind in {"rows", "data", "model"} or step.work != "nothing"
    likely, ratio = seconds, 1.0
    if grows and measured.volume and volume is not None:
        ratio = volume / measured.volume
        if measured.picoseconds is not None and volume > measured.volume:
            likely = seconds + (volume - measured.volume) * measured.picoseconds / 1e12
        else:
            fixed = min(seconds / 2, CATALOG_SECONDS / 4)
            likely = fixed + (seconds - fixed) * _scale(kind, measured.volume, volume)
    sure = _SURE if seconds >= _BRIEF_SECONDS else _BRIEFLY_SURE
    sure += _LESS_SURE * abs(math.log10(ratio)) if ratio > 0 else 0.0
    return Expected(least=likely / sure, likely=likely, most=likely * sure, basis=REHEARSED)


# --- beside the real time -------------------------------------------------------------------


def keep(
    project: projects.Project,
    made: Forecast,
    done: Sequence[str],
    *,
    seconds: Mapping[tuple[str, int], float],
) -> int:
    """Write into the journal what was expected of steps that are done, beside their real time.

    Returns how many there were. The next forecast is made better by it. `seconds` is what was
    heard of steps, of which the journal notes the time only where they are done one by one.
    """
    with contextlib.closing(project.open_working()) as session:
        notes = journal.Journal(session, project.clock)
        newest: dict[str, int] = {}
        for run in notes.runs(limit=max(20, 2 * len(done))):
            if run.migration in done and run.direction == "up":
                newest.setdefault(run.migration, run.id)
        rows = []
        for migration, run_id in newest.items():
            for step in notes.steps(run_id):
                said = made.of(migration, step.position)
                took = seconds.get((migration, step.position), step.seconds)
                if said is None or took is None or step.kind in {"query", "session"}:
                    continue
                expected = said.expected
                rows.append(
                    kept.Row(
                        run=run_id,
                        position=step.position,
                        kind=said.kind,
                        volume=said.volume,
                        least=expected.least if expected is not None else None,
                        likely=expected.likely if expected is not None else None,
                        most=expected.most if expected is not None else None,
                        basis=expected.basis if expected is not None else "",
                        seconds=took,
                    )
                )
        kept.write(session, rows)
        session.commit()
    return len(rows)


class Keeping:
    """Listens to a run: foresees it when it begins, and keeps that beside the real times.

        with forecast.Keeping(project, rehearsed=…) as kept:
            project.up()

    Nothing that goes wrong with it stops a migration: it is in `problem`, for whoever tells.
    """

    def __init__(self, project: projects.Project, *, rehearsed: Sequence[Measured] = ()) -> None:
        self._project = project
        self._rehearsed = rehearsed
        self._tell = project.tell
        self._made: Forecast | None = None
        self._done: list[str] = []
        self._seconds: dict[tuple[str, int], float] = {}
        self.problem = ""

    def __enter__(self) -> Self:
        self._tell = self._project.tell
        self._project.tell = self._heard
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._project.tell = self._tell
        if self._made is None or not self._done:
            return
        try:
            keep(self._project, self._made, self._done, seconds=self._seconds)
        except (sa.exc.SQLAlchemyError, errors.WhimbrelError) as wrong:
            self.problem = words.squeezed(str(wrong), 200)

    def _heard(self, event: events.Event) -> None:
        if isinstance(event, events.RunStarted) and event.direction == "up":
            plan = self._project.planned
            try:
                if plan is not None and plan.migrations:
                    self._made = forecast(self._project, plan, rehearsed=self._rehearsed)
            except (sa.exc.SQLAlchemyError, errors.WhimbrelError) as wrong:
                self.problem = words.squeezed(str(wrong), 200)
        if isinstance(event, events.StepDone) and not event.skipped:
            self._seconds[event.migration, event.position] = event.seconds
        if isinstance(event, events.MigrationDone):
            self._done.append(event.migration)
        self._tell(event)
