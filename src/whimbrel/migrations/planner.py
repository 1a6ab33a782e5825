"""Plan one migration after the other on one planned catalog; nothing is touched.

What is asked, and on which session, is the project's to say; what each desk records is in
`planning`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors
from whimbrel.engines import base
from whimbrel.journal import journal
from whimbrel.journal import live as live_notes
from whimbrel.migrations import graph as graphs
from whimbrel.migrations import (
    guests,
    keeping,
    live,
    loader,
    planning,
    runner,
    undo,
    validation,
)
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.migrations.checks import checker, finding
from whimbrel.migrations.checks import watch as checking
from whimbrel.rows import workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Plans what one command does to one database.

    `keep` is how long things are kept here, `wish` what is asked of live changes.
    """

    config: configs.Config
    database: configs.DatabaseConfig
    clock: clocks.Clock
    keep: keeping.Time
    wish: live.Wish = live.NOTHING

    @property
    def root(self) -> Path:
        """Where the project's own modules are."""
        return self.config.root

    def plan(
        self,
        session: base.Session,
        graph: graphs.Graph,
        known: Sequence[journal.MigrationRow],
        direction: str,
        path: Sequence[str],
        conflicts: str = ops.REFUSE,
        *,
        safe: bool = False,
    ) -> plans.Plan:
        """Return the plan of a path; the first problem ends it."""
        planned = session.engine.planned(session)
        rows = {row.id: row for row in known}
        made: list[plans.MigrationPlan] = []
        doubt = ""
        watch = checking.Watch(session) if direction == runner.UP else None
        at_work = {row.migration: row for row in live.rows(session, self.clock)}
        open_ = [(row.migration, row.table_name) for row in at_work.values()]
        for id_ in path:
            online = self._live(session, graph.files[id_], direction, planned, rows.get(id_),
                                at_work.get(id_))  # fmt: skip
            plan = online or self._plan_one(
                session,
                graph.files[id_],
                direction,
                planned,
                rows.get(id_),
                doubt,
                changed=any(earlier.steps for earlier in made),
                conflicts=conflicts,
                watch=watch,
                safe=safe,
            )
            if plan.live:
                table = plan.steps[0].tables[0] if plan.steps else ""
                open_ = [pair for pair in open_ if pair[0] != id_]
                if direction == runner.UP and not self.wish.complete:
                    open_.append((id_, table))
            elif plan.problem is None:
                plan = _beside_live(plan, open_)
            made.append(plan)
            if plan.undecided and not doubt:
                doubt = f"{id_} decides while running what this one will find"
            if plan.problem:
                break
        return plans.Plan(
            database=session.url,
            engine=session.engine.title,
            direction=direction,
            migrations=tuple(made),
        )

    def _live(
        self,
        session: base.Session,
        file: loader.MigrationFile,
        direction: str,
        planned: base.Planned,
        known: journal.MigrationRow | None,
        row: live_notes.LiveRow | None,
    ) -> plans.MigrationPlan | None:
        """Return the plan of a live change; None for what is done in the ordinary way."""
        begins = file.cls.online and direction == runner.UP and known is None
        if not begins and row is None:
            return None
        try:
            if direction == runner.DOWN and row is not None:
                return live.conductor().plan_back(session, file, row, wish=self.wish)
            with self._prepared(file):
                return live.conductor().plan(
                    session,
                    file,
                    planned,
                    row,
                    sql_dialect=file.cls.sql_dialect or self.database.sql_dialect,
                    config=self.config.online,
                    keep=self.keep,
                    wish=self.wish,
                )
        except errors.WhimbrelError as error:
            error.where = error.where or runner.where(error, file, direction)
            error.database = error.database or session.url
            error.left = "nothing was changed"
            return plans.MigrationPlan(
                id=file.id, direction=direction, doc=file.doc, whole=False, rebuilds=False,
                reversible=True, steps=(), problem=error, live=True,
            )  # fmt: skip
        finally:
            session.rollback()

    @contextlib.contextmanager
    def _prepared(self, file: loader.MigrationFile) -> Iterator[None]:
        # What a migration prints would not be true of a plan.
        with loader.importable(self.root), contextlib.redirect_stdout(io.StringIO()):
            yield

    def _plan_one(
        self,
        session: base.Session,
        file: loader.MigrationFile,
        direction: str,
        planned: base.Planned,
        row: journal.MigrationRow | None,
        doubt: str,
        *,
        changed: bool,
        conflicts: str,
        watch: checking.Watch | None,
        safe: bool,
    ) -> plans.MigrationPlan:
        notes = journal.Journal(session, self.clock)
        half = row is not None and row.status in journal.HALF and row.run is not None
        recorded = notes.steps(row.run) if half and row is not None and row.run else []
        if direction == runner.DOWN and row is not None and row.status == journal.Applied.HALF_UP:
            return undo.take_back_plan(file.id, file.doc, recorded)
        desk = planning.PlanDesk(
            session,
            catalog=planned,
            migration=file.id,
            sql_dialect=file.cls.sql_dialect or self.database.sql_dialect,
            recorded=recorded,
            notes=notes,
            path=str(file.path),
            whole=runner.runs_whole(file, session.engine) and not half,
            by_change=loader.defines(file.cls, "change"),
            watch=watch,
            safe=safe and file.cls.transactional is not True,
            setting=workers.Setting(config=self.database.rows),
        )
        # What earlier migrations of this plan change is not there yet, either.
        desk.changed = changed
        undecided: str | None = None
        problem: errors.WhimbrelError | None = None
        before: tuple[str, ...] = ()
        after: tuple[str, ...] = ()
        if watch is not None:
            watch.begin()
        try:
            if direction == runner.UP:
                before, after = validation.planned(file, session, resumes=bool(recorded))
            if direction == runner.DOWN and not runner.can_go_down(file):
                raise errors.Irreversible(
                    f"migration {file.id}",
                    why="it has no down()",
                    remedy="write down(), or restore a backup",
                )
            given = None
            if direction == runner.UP:
                desk.keeper = runner.keeper(file, self.keep)
            else:
                up = runner.last_up(notes, file.id)
                given = keeping.given(session, up, policy=conflicts, clock=self.clock)
            self._walk(file, direction, desk, given)
            if (desk.large or desk.beside) and desk.whole and file.cls.transactional is None:
                desk.go_by_steps()
        except planning.Undecided as reason:
            undecided = str(reason)
        except errors.WhimbrelError as error:
            uncertain = doubt or desk.uncertain
            if uncertain and isinstance(error, errors.RefusedError):
                undecided = f"{uncertain} ({error.what})"
            else:
                error.where = error.where or runner.where(error, file, direction)
                error.database = error.database or session.url
                error.left = "nothing was changed"
                problem = error
        except Exception as error:  # noqa: BLE001 - the migration is foreign code
            cause = f"{type(error).__name__}: {session.engine.cause(error)}"
            if desk.changed or doubt:
                at = runner.where(error, file, direction)
                undecided = f"the migration stopped with {cause} ({at}), perhaps because its \
changes were not made"
            else:
                problem = runner.planning_failed(error, file, direction, session, cause)
        finally:
            session.rollback()
        findings: tuple[finding.Finding, ...] = ()
        if watch is not None and problem is None:
            findings = checker.check(watch, file.id, whole=desk.whole)
            session.rollback()
        return plans.MigrationPlan(
            id=file.id,
            direction=direction,
            doc=file.doc,
            whole=desk.whole,
            rebuilds=session.engine.rebuilds(desk.statements),
            reversible=loader.defines(file.cls, "down")
            or (runner.can_go_down(file) and all(step.reversible for step in desk.steps)),
            steps=tuple(desk.steps),
            undecided=undecided,
            problem=problem,
            resumes=bool(recorded),
            too_large=desk.large,
            beside=desk.beside,
            rules_before=before,
            rules_after=after,
            findings=findings,
        )

    def _walk(
        self,
        file: loader.MigrationFile,
        direction: str,
        desk: planning.PlanDesk,
        given: keeping.Given | None,
    ) -> None:
        # What the migration prints ("5,000 of 20,000 done") would not be true of a plan.
        with (
            loader.importable(self.root),
            guests.models_on(desk.session, desk, planning=True) as guest,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            runner.perform(file, direction, desk, given)
            desk.add_elsewhere(guest.elsewhere)


def _beside_live(
    plan: plans.MigrationPlan, open_: Sequence[tuple[str, str]]
) -> plans.MigrationPlan:
    """Return a plan with its problem, if it touches a table of which a live change is open."""
    try:
        live.refuse_touching(plan, open_)
    except errors.LiveChangeOpen as error:
        return dataclasses.replace(plan, problem=error)
    return plan
