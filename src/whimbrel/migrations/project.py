"""A project's migrations and one of its databases: plan, up, down, status, history, baseline.

The front door for programs; the command line calls nothing else. Opening sessions, taking the
lock and refusing what cannot be right happen here, running in `runner.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import io
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.engines import base, registry
from whimbrel.journal import journal, parts
from whimbrel.migrations import (
    dry_report,
    dry_run,
    guests,
    loader,
    patches,
    planning,
    runner,
    validation,
)
from whimbrel.migrations import graph as graphs
from whimbrel.migrations import plan as plans
from whimbrel.migrations import runs as watching
from whimbrel.proof import asking, rulebook, rules
from whimbrel.rows import workers

EDITED, MISSING, PENDING, OUT_OF_ORDER = "edited", "missing", "pending", "out of order"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One migration as `status` shows it."""

    id: str
    state: str
    doc: str
    applied_at: str | None = None
    applied_by: str | None = None
    fingerprint: str | None = None
    steps_done: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command did; `rules` is how the migrations' own rules turned out."""

    plan: plans.Plan
    done: tuple[str, ...]
    seconds: float
    rules: tuple[rules.Outcome, ...] = ()


def open_project(
    *,
    folder: Path | str | None = None,
    database: str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
    command: str = "whimbrel",
) -> Project:
    """Open the project at or above a folder, with a database by its name or URL.

    Raises BadConfig, UnknownDatabase, MissingSecret, BadUrl.
    """
    config = configs.load(Path(folder) if folder is not None else None)
    chosen = configs.find_database(config, database)
    return Project(config=config, database=chosen, tell=tell, clock=clock, command=command)


def validate(
    database: str | None = None,
    *,
    expect: rulebook.Rulebook | None = None,
    only: Sequence[str] = (),
    limit: int | None = None,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
) -> rules.Validation:
    """Ask whether the rules of whimbrel.toml, or those given, hold in a database."""
    project = open_project(folder=folder, database=database, tell=tell, command="validate")
    return project.validate(expect=expect, only=only, limit=limit)


class Project:
    """Migrations on disk, beside what one database has of them."""

    def __init__(
        self,
        *,
        config: configs.Config,
        database: configs.DatabaseConfig,
        tell: events.Listener = events.nobody,
        clock: clocks.Clock = clocks.SYSTEM,
        command: str = "whimbrel",
    ) -> None:
        self.config = config
        self.database = database
        self.tell = tell
        self.clock = clock
        self.command = command
        # What the run at work, or the last one, was to do; for who listens to its events.
        self.planned: plans.Plan | None = None
        self._rules = rulebook.read(config.rules)
        engine, parsed = registry.parse(database.real_url())
        parsed = engine.located(parsed, database.folder)
        self._url = parsed.render_as_string(hide_password=False)
        self.url = configs.masked(
            parsed.set(drivername=engine.name).render_as_string(hide_password=True)
        )

    # --- looking ------------------------------------------------------------------------------

    def graph(self) -> graphs.Graph:
        """Read the migration files; raise BadMigrationFile, DependencyCycle, …"""
        folder = self.database.migrations
        with patches.hushed():
            files = loader.load(folder, self.config.root)
        return graphs.Graph.build(files, where=configs.shown(folder))

    def plan(
        self,
        direction: str = runner.UP,
        *,
        count: int | None = None,
        to: str | None = None,
        out_of_order: bool = False,
    ) -> plans.Plan:
        """Say what `up` or `down` would do; nothing is changed, on any engine."""
        graph = self.graph()
        with self._looking() as session:
            known = _known(session, self.clock)
            self._refuse_history(graph, known, out_of_order=out_of_order)
            path = self._path(graph, known, direction, count=count, to=to)
            return self._plan(session, graph, known, direction, path)

    def status(self) -> list[State]:
        """Return every migration, in order, with what this database has of it."""
        graph = self.graph()
        with self._looking() as session:
            notes = journal.Journal(session, self.clock)
            known = _known(session, self.clock)
            rows = {row.id: row for row in known}
            late = set(graph.out_of_order(set(rows)))
            states = []
            for id_ in graph.order:
                file, row = graph.files[id_], rows.get(id_)
                if row is None:
                    state = OUT_OF_ORDER if id_ in late else PENDING
                    states.append(State(id=id_, state=state, doc=file.doc))
                    continue
                edited = row.fingerprint != file.fingerprint and row.status not in journal.HALF
                half = row.status in journal.HALF and row.run is not None
                states.append(
                    State(
                        id=id_,
                        state=EDITED if edited else row.status,
                        doc=file.doc,
                        applied_at=row.applied_at,
                        applied_by=row.applied_by,
                        fingerprint=row.fingerprint,
                        steps_done=len(notes.steps(row.run or 0)) if half else None,
                    )
                )
            states += [
                State(
                    id=row.id,
                    state=MISSING,
                    doc="",
                    applied_at=row.applied_at,
                    applied_by=row.applied_by,
                    fingerprint=row.fingerprint,
                )
                for row in known
                if row.id not in graph.files
            ]
            return states

    def history(self, *, limit: int | None = None) -> list[journal.RunRow]:
        """Return the runs of this database, the newest first."""
        with self._looking() as session:
            notes = journal.Journal(session, self.clock)
            return notes.runs(limit=limit) if notes.exists() else []

    def runs(self, *, limit: int | None = None) -> list[watching.RunState]:
        """Return the runs, the newest first, with their rows, and whether they live."""
        return watching.patient(
            self.open_looking,
            partial(watching.overview, clock=self.clock, limit=limit),
            self.clock,
        )

    def run(self, number: int | None = None, *, rejects: int | None = 0) -> watching.RunView:
        """Return one run with its steps; without a number the one at work, or else the last.

        `rejects` is how many of its rejected rows are read at most, None for all of them.
        """
        look = partial(watching.view, clock=self.clock, number=number, rejects=rejects)
        return watching.patient(self.open_looking, look, self.clock)

    def ask(
        self,
        number: int | None = None,
        *,
        asked: parts.Asked | None = None,
        max_rows_per_second: float | None = None,
    ) -> watching.Answer:
        """Ask something of the run at work in another process; 0 rows per second is no limit.

        Raises RefusedError if it is not at work, or could not do it.
        """
        return watching.ask(
            self.open_looking,
            lambda: registry.open_session(self._url),
            number,
            asked=asked,
            max_rows_per_second=max_rows_per_second,
            by=f"{_user()}@{socket.gethostname()}",
            clock=self.clock,
        )

    def validate(
        self,
        *,
        expect: rulebook.Rulebook | None = None,
        only: Sequence[str] = (),
        limit: int | None = None,
    ) -> rules.Validation:
        """Ask whether rules hold: those given, or those of whimbrel.toml for this database.

        `only` are the names of some of them, `limit` is how many offending rows are shown of
        each. Nothing is changed. Raises UsageError where there are no rules, BadRule.
        """
        chosen = validation.chosen(
            self._rules if expect is None else expect.rules,
            self.config,
            self.database,
            only=only,
            own=expect is not None,
        )
        started = self.clock.seconds()
        outcomes = []
        with self._looking() as session:
            read = validation.dialect(session.engine, self.database.sql_dialect)
            asker = asking.Asker(session=session, read=read, clock=self.clock)
            for rule in chosen:
                rule = rule if limit is None else dataclasses.replace(rule, limit=limit)
                outcomes.append(asker.ask(rule, rules.When.ALONE))
                self.tell(rules.RuleChecked(migration="", outcome=outcomes[-1]))
            return rules.Validation(
                database=self.url,
                engine=session.engine.title,
                outcomes=tuple(outcomes),
                seconds=self.clock.seconds() - started,
            )

    # --- doing --------------------------------------------------------------------------------

    def up(
        self, *, count: int | None = None, to: str | None = None, out_of_order: bool = False
    ) -> Outcome:
        """Apply pending migrations, after finishing what is half done.

        Raises what the plan refuses (nothing is touched then) and MigrationFailed.
        """
        graph = self.graph()
        with self._working() as (session, lock, holder):
            known = journal.Journal(session, self.clock).migrations()
            self._refuse_history(graph, known, out_of_order=out_of_order)
            path = self._path(graph, known, runner.UP, count=count, to=to)
            session.commit()
            return self._run(session, lock, holder, graph, known, runner.UP, path)

    def dry_run(
        self,
        *,
        count: int | None = None,
        to: str | None = None,
        out_of_order: bool = False,
        sample: int | None = None,
    ) -> dry_report.Report:
        """Do what `up` would do in one transaction, take it all back, and report what was seen.

        With `sample` steps in batches work on so many rows only. Raises what the plan refuses
        and what cannot be taken back; what fails on the way is in the report.
        """
        graph = self.graph()
        with self._held() as session:
            known = _known(session, self.clock)
            self._refuse_history(graph, known, out_of_order=out_of_order)
            path = self._path(graph, known, runner.UP, count=count, to=to)
            session.rollback()
            with self._looking() as looking:
                plan = self._plan(looking, graph, known, runner.UP, path)
            if plan.problem is not None:
                raise plan.problem
            dry = dry_run.DryRun(
                session,
                setting=dataclasses.replace(self._setting(), sample=sample),
                sql_dialect=self.database.sql_dialect,
                tell=self.tell,
                clock=self.clock,
            )
            half = [row.id for row in known if row.status in journal.HALF]
            with loader.importable(self.config.root):
                return dry.run([graph.files[id_] for id_ in path], plan, half)

    def down(self, *, count: int | None = None, to: str | None = None) -> Outcome:
        """Take applied migrations back: the last one, the last `count`, or all after `to`.

        A half-done migration is taken back first, step by step.
        """
        graph = self.graph()
        with self._working() as (session, lock, holder):
            known = journal.Journal(session, self.clock).migrations()
            self._refuse_history(graph, known, out_of_order=True)
            path = self._path(graph, known, runner.DOWN, count=count, to=to)
            session.commit()
            return self._run(session, lock, holder, graph, known, runner.DOWN, path)

    def baseline(self, *, to: str | None = None) -> tuple[str, ...]:
        """Declare migrations as applied without running them; return which."""
        graph = self.graph()
        with self._working() as (session, _lock, holder):
            notes = journal.Journal(session, self.clock)
            applied = {row.id for row in notes.migrations()}
            path = graph.up_path(applied, to=to)
            for id_ in path:
                notes.put_migration(
                    id_,
                    status=journal.Applied.BASELINE,
                    fingerprint=graph.files[id_].fingerprint,
                    who=holder.who,
                    run=None,
                )
            session.commit()
            return tuple(path)

    def accept(self, wanted: str) -> str:
        """Accept an edited file as it is now, or that an applied one has no file any more."""
        graph = self.graph()
        with self._working() as (session, _lock, _holder):
            notes = journal.Journal(session, self.clock)
            rows = {row.id: row for row in notes.migrations()}
            if wanted in rows and wanted not in graph.files:
                notes.remove_migration(wanted)
                session.commit()
                return f"{wanted} is no longer in the history; its file is gone"
            id_ = graph.find(wanted)
            if id_ not in rows:
                raise errors.UsageError(
                    f"migration {id_} is not applied, so there is nothing to accept",
                    database=self.url,
                    remedy="whimbrel status",
                )
            if rows[id_].status in journal.HALF:
                raise errors.UsageError(
                    f"migration {id_} is half done; its file may be corrected freely",
                    database=self.url,
                    remedy="whimbrel up",
                )
            notes.accept_fingerprint(id_, graph.files[id_].fingerprint)
            session.commit()
            return f"{id_} is accepted as its file is now"

    def resolve(self, wanted: str, position: int, *, done: bool) -> str:
        """Say of a step that was about to happen whether it did, by a person's word."""
        graph = self.graph()
        id_ = graph.find(wanted)
        with self._working() as (session, _lock, _holder):
            notes = journal.Journal(session, self.clock)
            row = next((r for r in notes.migrations() if r.id == id_), None)
            steps = notes.steps(row.run) if row is not None and row.run is not None else []
            step = next((s for s in steps if s.position == position), None)
            if step is None or step.status == "done":
                raise errors.UsageError(
                    f"step {position} of {id_} is not in doubt",
                    database=self.url,
                    remedy="whimbrel status",
                )
            if done:
                notes.finish_step(step.run, position, rows_changed=None, seconds=None)
            else:
                notes.forget_step(step.run, position)
            session.commit()
            return f"step {position} of {id_}: {'it happened' if done else 'it did not happen'}"

    # --- sessions -----------------------------------------------------------------------------

    def open_looking(self) -> base.Session:
        """Open a session that cannot write; whoever opened it closes it."""
        return registry.open_session(self._url, read_only=True)

    @contextmanager
    def _looking(self) -> Iterator[base.Session]:
        session = self.open_looking()
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def _working(self) -> Iterator[tuple[base.Session, base.RunLock, base.Holder]]:
        """Open a session, take the lock, and make sure that there is a journal."""
        session = registry.open_session(self._url)
        try:
            holder = self._holder()
            lock = session.engine.lock(session, self.clock)
            try:
                lock.acquire(holder)
                try:
                    notes = journal.Journal(session, self.clock)
                    notes.ensure()
                    notes.interrupt_dead_runs()
                    session.commit()
                    yield session, lock, holder
                except BaseException:
                    # What stopped us counts; a session that is gone has freed the lock itself.
                    with contextlib.suppress(sa.exc.SQLAlchemyError):
                        lock.release()
                    raise
                lock.release()
            except sa.exc.DBAPIError as error:
                raise errors.MigrationFailed(
                    "the database does not let Whimbrel keep its journal",
                    where=None,
                    database=self.url,
                    left="what was not committed is taken back",
                    cause=session.engine.cause(error),
                    remedy="let this user create and write the tables whimbrel_…, then see\n"
                    "what is applied:  whimbrel status",
                    resumable=False,
                    slug="journal-not-writable",
                ) from error
        finally:
            session.close()

    @contextmanager
    def _held(self) -> Iterator[base.Session]:
        """Open a session with the lock and nothing else: the journal stays as it is."""
        session = registry.open_session(self._url)
        try:
            lock = session.engine.lock(session, self.clock)
            lock.acquire(self._holder())
            try:
                yield session
            finally:
                # A session that is gone has freed the lock itself.
                with contextlib.suppress(sa.exc.SQLAlchemyError):
                    lock.release()
        finally:
            session.close()

    def _setting(self) -> workers.Setting:
        return workers.Setting(
            config=self.database.rows,
            open_session=lambda: registry.open_session(self._url),
            replicas=self.database.replicas,
        )

    def _holder(self) -> base.Holder:
        return base.Holder(
            run=secrets.token_hex(8),
            who=_user(),
            host=socket.gethostname(),
            pid=os.getpid(),
            command=self.command,
            started_at=clocks.stamp(self.clock.now()),
        )

    # --- paths and refusals -------------------------------------------------------------------

    def _refuse_history(
        self, graph: graphs.Graph, known: Sequence[journal.MigrationRow], *, out_of_order: bool
    ) -> None:
        missing = [row.id for row in known if row.id not in graph.files]
        if missing:
            raise errors.HistoryMissing(missing, where=graph.where)
        for row in known:
            file = graph.files[row.id]
            if row.status not in journal.HALF and row.fingerprint != file.fingerprint:
                raise errors.HistoryEdited(
                    row.id,
                    path=configs.shown(file.path),
                    applied=f"{row.applied_at[:16].replace('T', ' ')} UTC by {row.applied_by}",
                    was=row.fingerprint,
                    now=file.fingerprint,
                )
        late = graph.out_of_order({row.id for row in known})
        if late and not out_of_order:
            after = graph.first_applied_after(late[0], {row.id for row in known}) or ""
            raise errors.OutOfOrder(late, after=after, where=graph.where)

    def _path(
        self,
        graph: graphs.Graph,
        known: Sequence[journal.MigrationRow],
        direction: str,
        *,
        count: int | None,
        to: str | None,
    ) -> list[str]:
        half = next((row for row in known if row.status in journal.HALF), None)
        applied = [row.id for row in known if row is not half]
        if half is None:
            if direction == runner.UP:
                return graph.up_path(set(applied), count=count, to=to)
            return graph.down_path(applied, count=count, to=to)
        going_up = half.status == journal.Applied.HALF_UP
        if direction == runner.UP and not going_up:
            raise errors.HalfDone(
                half.id,
                direction="down",
                done=self._steps_done(half),
                remedy="finish taking it back first:  whimbrel down",
            )
        if direction == runner.UP:
            rest = graph.up_path({*applied, half.id}, count=None, to=to) if count != 1 else []
            return [half.id, *rest][:count]
        if (count is None and to is None) or count == 1:
            return [half.id]
        rest = graph.down_path(applied, count=(count - 1) if count else None, to=to)
        return [half.id, *rest][:count]

    def _steps_done(self, half: journal.MigrationRow) -> int:
        with self._looking() as session:
            steps = journal.Journal(session, self.clock).steps(half.run or 0)
        return sum(step.status == "done" for step in steps)

    # --- planning -----------------------------------------------------------------------------

    def _plan(
        self,
        session: base.Session,
        graph: graphs.Graph,
        known: Sequence[journal.MigrationRow],
        direction: str,
        path: Sequence[str],
    ) -> plans.Plan:
        planned = session.engine.planned(session)
        rows = {row.id: row for row in known}
        made: list[plans.MigrationPlan] = []
        doubt = ""
        for id_ in path:
            plan = self._plan_one(
                session,
                graph.files[id_],
                direction,
                planned,
                rows.get(id_),
                doubt,
                changed=any(earlier.steps for earlier in made),
            )
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
    ) -> plans.MigrationPlan:
        notes = journal.Journal(session, self.clock)
        half = row is not None and row.status in journal.HALF and row.run is not None
        recorded = notes.steps(row.run) if half and row is not None and row.run else []
        if direction == runner.DOWN and row is not None and row.status == journal.Applied.HALF_UP:
            return _take_back_plan(file, recorded)
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
            setting=workers.Setting(config=self.database.rows),
        )
        # What earlier migrations of this plan change is not there yet, either.
        desk.changed = changed
        undecided: str | None = None
        problem: errors.WhimbrelError | None = None
        before: tuple[str, ...] = ()
        after: tuple[str, ...] = ()
        try:
            if direction == runner.UP:
                before, after = validation.planned(file, session, resumes=bool(recorded))
            if direction == runner.DOWN and not runner.can_go_down(file):
                raise errors.Irreversible(
                    f"migration {file.id}",
                    why="it has no down()",
                    remedy="write down(), or restore a backup",
                )
            self._walk(file, direction, desk)
            if desk.large and desk.whole and file.cls.transactional is None:
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
            rules_before=before,
            rules_after=after,
        )

    def _walk(self, file: loader.MigrationFile, direction: str, desk: planning.PlanDesk) -> None:
        # What the migration prints ("5,000 of 20,000 done") would not be true of a plan.
        with (
            loader.importable(self.config.root),
            guests.models_on(desk.session, desk, planning=True) as guest,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            runner.perform(file, direction, desk)
            desk.add_elsewhere(guest.elsewhere)

    # --- running ------------------------------------------------------------------------------

    def _run(
        self,
        session: base.Session,
        lock: base.RunLock,
        holder: base.Holder,
        graph: graphs.Graph,
        known: Sequence[journal.MigrationRow],
        direction: str,
        path: Sequence[str],
    ) -> Outcome:
        started = self.clock.seconds()
        with self._looking() as looking:
            plan = self._plan(looking, graph, known, direction, path)
        if plan.problem is not None:
            raise plan.problem
        rows = {row.id: row for row in known}
        self.planned = plan
        self.tell(events.RunStarted(direction=direction, migrations=tuple(path), database=self.url))
        working = runner.Runner(
            session,
            holder=holder,
            lock=lock,
            sql_dialect=self.database.sql_dialect,
            tell=self.tell,
            clock=self.clock,
            setting=self._setting(),
        )
        done: list[str] = []
        with loader.importable(self.config.root):
            for id_ in path:
                row = rows.get(id_)
                file = graph.files[id_]
                if (
                    direction == runner.DOWN
                    and row is not None
                    and row.status == journal.Applied.HALF_UP
                ):
                    working.take_back(file, row)
                else:
                    working.run(file, direction, plan.of(id_))
                done.append(id_)
        seconds = self.clock.seconds() - started
        self.tell(events.RunDone(direction=direction, migrations=tuple(done), seconds=seconds))
        return Outcome(plan=plan, done=tuple(done), seconds=seconds, rules=tuple(working.outcomes))


def _known(session: base.Session, clock: clocks.Clock) -> list[journal.MigrationRow]:
    notes = journal.Journal(session, clock)
    return notes.migrations() if notes.exists() else []


def _take_back_plan(
    file: loader.MigrationFile, recorded: Sequence[journal.StepRow]
) -> plans.MigrationPlan:
    steps = [
        plans.PlannedStep(
            position=number,
            kind=row.kind,
            words=f"take back: {row.step}",
            statements=(),
            lock="",
            reversible=False,
        )
        for number, row in enumerate(reversed(recorded), start=1)
        if row.kind not in {"query", "session"}
    ]
    return plans.MigrationPlan(
        id=file.id,
        direction=runner.DOWN,
        doc=file.doc,
        whole=False,
        rebuilds=False,
        reversible=False,
        steps=tuple(steps),
        undecided="the catalog is asked about the step that was interrupted",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"uid {os.getuid()}"
