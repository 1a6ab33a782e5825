"""Rehearse pending migrations on a scratch copy: up, rules, down, up again; then say how it went.

The original is only read. How the copy is made is the work of `scratch`, what is compared that of
`state`, what a larger volume would take that of `forecast`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events, words
from whimbrel.engines import base
from whimbrel.journal import journal, parts
from whimbrel.migrations import guests, runner
from whimbrel.migrations import plan as plans
from whimbrel.migrations import project as projects
from whimbrel.proof import rules
from whimbrel.rehearsal import scratch as scratching
from whimbrel.rehearsal import state, subset, watching

UP, DOWN, AGAIN = "up", "down", "up again"
# The first of the rows that a step puts aside.
_REJECTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Rows that the steps of a migration put aside, the first of them with their reasons."""

    migration: str
    rows: int
    examples: tuple[parts.Reject, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Up, down or up again: what was done, how long each step took, what stopped it."""

    name: str
    seconds: float
    migrations: tuple[str, ...]
    steps: tuple[watching.Step, ...]
    rules: tuple[rules.Outcome, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    error: errors.WhimbrelError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether it is ready to be done for real: what speaks against it, and what to know first."""

    against: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against

    @property
    def word(self) -> str:
        """Return it in a word or two."""
        return "ready" if self.ready else "not ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What came of a rehearsal.

    `lost` is what is not as before after the way back, `by_design` what the plan had said could
    not be given back, `unsteady` what the second way up made otherwise than the first. `kept` is
    the URL of the copy, if it is still there. `volumes` are rows by table, in the copy before
    anything and in the original.
    """

    database: str
    engine: str
    version: str
    place: str
    started_at: str
    seconds: float
    plan: plans.Plan
    phases: tuple[Phase, ...] = ()
    whole: bool = True
    rows: int | None = None
    copy_seconds: float = 0.0
    position: str = ""
    fingerprints: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    lost: tuple[state.Change, ...] = ()
    by_design: tuple[state.Change, ...] = ()
    unsteady: tuple[state.Change, ...] = ()
    locks_seen: bool = False
    swept: tuple[str, ...] = ()
    kept: str = ""
    notes: tuple[str, ...] = ()
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def ready(self) -> bool:
        """Whether nothing speaks against doing it for real."""
        return self.verdict.ready

    def phase(self, name: str) -> Phase | None:
        """Return one of its phases, None if it was not reached."""
        return next((one for one in self.phases if one.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is rehearsed, and how: `at` is where the copy is made (a URL), beside the original.

    With `rows` or `percent` the copy is a subset, of which `seed` chooses one of many.
    """

    count: int | None = None
    to: str | None = None
    out_of_order: bool = False
    at: str | None = None
    rows: int | None = None
    percent: float | None = None
    seed: int = 0
    keep: bool = False


def rehearse(
    database: str | None = None,
    *,
    count: int | None = None,
    to: str | None = None,
    out_of_order: bool = False,
    scratch: str | None = None,
    rows: int | None = None,
    percent: float | None = None,
    seed: int = 0,
    keep: bool = False,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> Rehearsal:
    """Rehearse pending migrations on a scratch copy of a database, which is only read.

    `scratch` is a URL of the server (or folder) where the copy is made, else beside the original.
    It has all rows, or about `rows` in all, or `percent` of each table, chosen by `seed`. With
    `keep` it stays. Raises HalfDone, ScratchNotMade, DatabaseUnavailable; what goes wrong
    in a migration is in the verdict.
    """
    project = projects.open_project(
        folder=folder, database=database, tell=tell, clock=clock, command="whimbrel rehearse"
    )
    options = Options(
        count=count,
        to=to,
        out_of_order=out_of_order,
        at=scratch,
        rows=rows,
        percent=percent,
        seed=seed,
        keep=keep,
    )
    return of_project(project, options)


def clean(project: projects.Project, *, at: str | None = None) -> list[str]:
    """Drop the scratch databases that dead processes have left; return their names."""
    copies = scratching.Copies(project.database, at=at, clock=project.clock)
    with contextlib.closing(copies):
        return copies.sweep()


def of_project(project: projects.Project, options: Options) -> Rehearsal:
    """Rehearse what is pending in a project; its events are told to the project's listener."""
    return _Course(project, options).run()


class _Course:
    """One rehearsal on its way."""

    def __init__(self, project: projects.Project, options: Options) -> None:
        self._project = project
        self._options = options
        self._clock = project.clock
        self._phases: list[Phase] = []
        self._notes: list[str] = []
        self._against: list[str] = []
        self._but: list[str] = []

    def run(self) -> Rehearsal:
        project, options = self._project, self._options
        started, since = clocks.stamp(self._clock.now()), self._clock.seconds()
        _refuse_half_done(project)
        plan = project.plan(count=options.count, to=options.to, out_of_order=options.out_of_order)
        copies = scratching.Copies(
            project.database, at=options.at, tell=project.tell, clock=self._clock
        )
        with contextlib.closing(copies):
            swept = copies.sweep()
            with contextlib.closing(copies.open_source()) as original:
                version = original.engine.version(original)
                first = Rehearsal(
                    database=project.url,
                    engine=original.engine.title,
                    version=version,
                    place=copies.place,
                    started_at=started,
                    seconds=0.0,
                    plan=plan,
                    swept=tuple(swept),
                    fingerprints=self._fingerprints(plan),
                )
                original.rollback()
                if plan.problem is not None:
                    self._against.append(f"it cannot be planned: {plan.problem.what}")
                    done = first
                elif not plan.migrations:
                    done = first
                else:
                    with (
                        copies.copied(choose=self._chooser(), keep=options.keep) as copy,
                        guests.standing_in_for(original),
                    ):
                        done = self._on(copy, original, first)
        verdict = Verdict(against=tuple(self._against), but=tuple(self._but))
        return dataclasses.replace(
            done,
            phases=tuple(self._phases),
            notes=(*done.notes, *self._notes),
            seconds=self._clock.seconds() - since,
            verdict=verdict,
        )

    def _chooser(self) -> subset.Choosing | None:
        """Return who chooses the rows of a copy that is a part, None for a whole one."""
        options = self._options
        if options.rows is None and options.percent is None:
            return None
        references = subset.references_of(self._project.config.subset.references)
        wish = subset.wish_of(
            rows=options.rows, percent=options.percent, seed=options.seed, references=references
        )
        return subset.Choosing(wish)

    def _fingerprints(self, plan: plans.Plan) -> dict[str, str]:
        files = self._project.graph().files
        return {one.id: files[one.id].fingerprint for one in plan.migrations}

    # --- on the copy --------------------------------------------------------------------------

    def _on(self, copy: scratching.Scratch, original: base.Session, first: Rehearsal) -> Rehearsal:
        self._notes += copy.notes
        stage = projects.Project(
            config=self._project.config,
            database=copy.database,
            tell=self._project.tell,
            clock=self._clock,
            command="whimbrel rehearse",
        )
        touched = {name for m in first.plan.migrations for s in m.steps for name in s.tables}
        # What is not known while planning may change anything.
        unsure = any(m.undecided or not _all_named(m) for m in first.plan.migrations)
        deep = None if unsure else touched
        before = self._state(stage, deep)
        volumes = _volumes(before, original, deep)
        locks_seen = copy.locks() is not None
        done = dataclasses.replace(
            first,
            whole=copy.whole,
            rows=sum(one.whole.rows for one in before.rows.values()),
            copy_seconds=copy.seconds,
            position=copy.position,
            volumes=volumes,
            locks_seen=locks_seen,
            kept=configs.masked(stage.url) if self._options.keep else "",
        )
        up = self._phase(UP, stage, copy, lambda: self._up(stage))
        self._judge_up(up, first.plan)
        if up.error is not None:
            return done
        after = self._state(stage, deep)
        down = self._way_back(stage, copy, up, before)
        if down is None or down.error is not None:
            return done
        back = self._state(stage, deep)
        lost, by_design = _sorted(state.compare(before, back), first.plan)
        self._judge_back(lost, by_design)
        again = self._phase(AGAIN, stage, copy, lambda: self._up(stage))
        unsteady: list[state.Change] = []
        if again.error is not None:
            self._against.append(f"it goes up, down, but not up again: {_first_line(again.error)}")
        else:
            unsteady = state.compare(after, self._state(stage, deep))
            self._judge_again(unsteady, [*lost, *by_design])
        return dataclasses.replace(
            done, lost=tuple(lost), by_design=tuple(by_design), unsteady=tuple(unsteady)
        )

    def _up(self, stage: projects.Project) -> projects.Outcome:
        options = self._options
        return stage.up(count=options.count, to=options.to, out_of_order=options.out_of_order)

    def _state(self, stage: projects.Project, deep: set[str] | None) -> state.State:
        with contextlib.closing(stage.open_looking()) as session:
            return state.read(session, deep=deep)

    def _phase(
        self,
        name: str,
        stage: projects.Project,
        copy: scratching.Scratch,
        do: Callable[[], projects.Outcome],
    ) -> Phase:
        started = self._clock.seconds()
        log = watching.Log(stage.tell, locks=copy.locks if name == UP else None, clock=self._clock)
        told, stage.tell = stage.tell, log
        error: errors.WhimbrelError | None = None
        done: tuple[str, ...] = ()
        try:
            with log:
                done = do().done
        except (errors.LockHeld, errors.LockLost):
            raise
        except errors.WhimbrelError as wrong:
            error = wrong
        finally:
            stage.tell = told
        phase = Phase(
            name=name,
            seconds=self._clock.seconds() - started,
            migrations=done or log.migrations,
            steps=log.steps(stage, run=name != DOWN),
            rules=log.rules,
            rejected=tuple(_rejected(stage, log.migrations)) if name == UP else (),
            error=error,
        )
        self._phases.append(phase)
        return phase

    def _way_back(
        self,
        stage: projects.Project,
        copy: scratching.Scratch,
        up: Phase,
        before: state.State,
    ) -> Phase | None:
        """Take all of it back, if there is a way."""
        count = len(up.migrations)
        plan = stage.plan(runner.DOWN, count=count)
        problem = plan.problem
        if isinstance(problem, errors.Irreversible):
            self._but.append(f"there is no way back: {problem.what}")
            return None
        if problem is not None:
            self._against.append(f"the way back cannot be planned: {problem.what}")
            return None
        down = self._phase(DOWN, stage, copy, lambda: stage.down(count=count))
        if isinstance(down.error, errors.Irreversible):
            self._but.append(f"there is no way back: {down.error.what}")
        elif down.error is not None:
            self._against.append(f"the way back fails: {_first_line(down.error)}")
        return down

    # --- judging ------------------------------------------------------------------------------

    def _judge_up(self, up: Phase, plan: plans.Plan) -> None:
        if isinstance(up.error, errors.ValidationFailed):
            failed = [f"{one.rule}: {one.words}" for one in up.rules if one.forbids]
            said = "; ".join(failed) or up.error.what
            self._against.append(f"a validation fails: {said}")
        elif up.error is not None:
            stuck = next((one.what for one in reversed(up.steps) if not one.done), "")
            at = f", at: {words.squeezed(stuck, 100)}" if stuck else ""
            self._against.append(f"it fails on the way up: {_first_line(up.error)}{at}")
        for outcome in up.rules:
            if not outcome.passed and not outcome.forbids:
                self._but.append(f"a rule warns: {outcome.words}")
        for one in up.rejected:
            reason = f", the first because: {one.examples[0].reason}" if one.examples else ""
            self._against.append(
                f"{one.migration} puts {words.count(one.rows, 'row')} aside{reason}"
            )

    def _judge_back(self, lost: Sequence[state.Change], by_design: Sequence[state.Change]) -> None:
        if lost:
            said = "; ".join(map(str, lost[:3]))
            more = f"; and {len(lost) - 3} more" if len(lost) > 3 else ""
            self._against.append(f"the way back does not give back what was there: {said}{more}")
        if by_design:
            said = "; ".join(map(str, by_design[:3]))
            more = f"; and {len(by_design) - 3} more" if len(by_design) > 3 else ""
            self._but.append(f"the way back cannot give back, as the plan says: {said}{more}")

    def _judge_again(self, unsteady: Sequence[state.Change], lost: Sequence[state.Change]) -> None:
        catalog = [one for one in unsteady if one.kind == state.CATALOG]
        if catalog:
            self._against.append(
                f"the second way up makes another schema than the first: {catalog[0]}"
            )
        data = [one for one in unsteady if one.kind == state.ROWS]
        if data and not lost:  # else it follows from what was lost
            self._but.append(
                f"the second way up makes other values than the first: {data[0]} "
                "(a time or a random value?)"
            )


# --- parts ----------------------------------------------------------------------------------


def _refuse_half_done(project: projects.Project) -> None:
    for one in project.status():
        if one.state in journal.HALF:
            going_up = one.state == journal.Applied.HALF_UP
            raise errors.HalfDone(
                one.id,
                direction="up" if going_up else "down",
                done=one.steps_done or 0,
                remedy=f"finish it first:  whimbrel {'up' if going_up else 'down'}",
            )


def _all_named(migration: plans.MigrationPlan) -> bool:
    """Whether every step that changes something says which tables it touches."""
    return all(step.tables or step.kind in {"query", "session"} for step in migration.steps)


def _volumes(
    before: state.State, original: base.Session, deep: set[str] | None
) -> dict[str, tuple[int | None, int | None]]:
    """Return the rows of tables in the copy, and about how many the original has now."""
    found: dict[str, tuple[int | None, int | None]] = {}
    for name, rows in before.rows.items():
        counted = None if rows.why else rows.whole.rows
        guess = original.engine.estimate(original, name)
        original.rollback()
        found[name] = (counted, guess)
    return found


def _sorted(
    changes: Sequence[state.Change], plan: plans.Plan
) -> tuple[list[state.Change], list[state.Change]]:
    """Return what is lost, and what the plan had said could not be given back.

    Another order of columns is neither: nothing is lost by it.
    """
    said = [
        step
        for migration in plan.migrations
        for step in migration.steps
        if not step.reversible and step.irreversible_because
    ]
    lost: list[state.Change] = []
    by_design: list[state.Change] = []
    for one in changes:
        if one.kind == state.ORDER:
            continue
        (by_design if any(_told(one, step) for step in said) else lost).append(one)
    return lost, by_design


def _told(change: state.Change, step: plans.PlannedStep) -> bool:
    """Whether a step that has no way back names what was not given back."""
    if change.table.casefold() not in {name.casefold() for name in step.tables}:
        return False
    said = {word.casefold() for word in re.findall(r"\w+", step.words)}
    if not change.column:
        return bool(said & {"drop", "delete"})
    return set(re.findall(r"\w+", change.column.casefold())) <= said


def _rejected(stage: projects.Project, migrations: Sequence[str]) -> Iterator[Rejected]:
    seen: set[str] = set()
    for one in stage.history():
        if one.migration in migrations and one.migration not in seen and one.direction == UP:
            seen.add(one.migration)
            view = stage.run(one.id, rejects=_REJECTS)
            if view.rejected:
                yield Rejected(migration=one.migration, rows=view.rejected, examples=view.rejects)


def _first_line(error: errors.WhimbrelError) -> str:
    said = error.what
    return f"{said} ({error.cause})" if error.cause else said
