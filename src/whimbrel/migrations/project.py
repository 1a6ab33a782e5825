"""A project's migrations and one of its databases: plan, up, down, status, history, baseline.

The front door for programs; the command line calls nothing else. Opening sessions, taking the
lock and refusing what cannot be right happen here, running in `runner.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import getpass
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
    by_hand,
    dry_report,
    dry_run,
    keeping,
    live,
    loader,
    patches,
    planner,
    pruning,
    runner,
    validation,
)
from whimbrel.migrations import graph as graphs
from whimbrel.migrations import operations as ops
from whimbrel.migrations import plan as plans
from whimbrel.migrations import runs as watching
from whimbrel.migrations.checks import checker
from whimbrel.migrations.operations import give_back
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
        # Changes of schema are done so that others can work on large tables meanwhile.
        self.safe = True
        # How far live changes are to go.
        self.wish = live.NOTHING
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
            plan = self._planner().plan
            return plan(session, graph, known, direction, path, safe=self.safe)

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
                plan = self._planner().plan(looking, graph, known, runner.UP, path)
            if plan.problem is not None:
                raise plan.problem
            live.refuse_dry(plan)
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

    def down(
        self, *, count: int | None = None, to: str | None = None, conflicts: str = ops.REFUSE
    ) -> Outcome:
        """Take applied migrations back: the last one, the last `count`, or all after `to`.

        A half-done migration is taken back first, step by step. `conflicts` says what becomes of
        values that the migration had changed and somebody changed since: with "refuse" nothing
        is done (UndoConflicts), with "old" they go, with "new" they stay.
        """
        conflicts = give_back.policy(conflicts)
        graph = self.graph()
        with self._working() as (session, lock, holder):
            known = journal.Journal(session, self.clock).migrations()
            self._refuse_history(graph, known, out_of_order=True)
            path = self._path(graph, known, runner.DOWN, count=count, to=to)
            session.commit()
            return self._run(session, lock, holder, graph, known, runner.DOWN, path, conflicts)

    def prune(
        self,
        *,
        older_than: dt.timedelta | None = None,
        run: int | None = None,
        dry_run: bool = False,
    ) -> list[pruning.Pruned]:
        """Remove what migrations have kept for longer than they shall; return all that was kept.

        With `older_than` that is what is older, with `run` all that one run has kept. What is
        removed cannot be given back by `down` any more.
        """
        if dry_run:
            with self._looking() as session:
                return pruning.prune(
                    session, older_than=older_than, run=run, only_look=True, clock=self.clock
                )
        with self._working() as (session, _lock, _holder):
            return pruning.prune(
                session, older_than=older_than, run=run, only_look=False, clock=self.clock
            )

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
            return by_hand.accept(session, notes, graph, wanted, url=self.url)

    def resolve(self, wanted: str, position: int, *, done: bool) -> str:
        """Say of a step that was about to happen whether it did, by a person's word."""
        graph = self.graph()
        id_ = graph.find(wanted)
        with self._working() as (session, _lock, _holder):
            notes = journal.Journal(session, self.clock)
            return by_hand.resolve(session, notes, id_, position, done=done, url=self.url)

    # --- live changes -------------------------------------------------------------------------

    def complete(self, wanted: str) -> str:
        """End a live change: remove the old shape; return the migration.

        Raises NoLiveChange, WrongPhase, RowsAstray, LockNotHad.
        """
        with self._at_live(wanted) as (working, file):
            live.conductor().complete(working, file, self.config.online)
            return file.id

    def revert(self, wanted: str, *, accept_loss: bool = False) -> str:
        """Take a live change back; return the migration.

        Raises WouldLose where rows would be changed or lost, unless `accept_loss`: what they
        have is kept then. Raises NoLiveChange, WrongPhase, LockNotHad.
        """
        wish = dataclasses.replace(self.wish, accept_loss=accept_loss)
        with self._at_live(wanted) as (working, file):
            live.conductor().revert(working, file, self.config.online, wish)
            return file.id

    @contextmanager
    def _at_live(self, wanted: str) -> Iterator[tuple[runner.Runner, loader.MigrationFile]]:
        graph = self.graph()
        file = graph.files[graph.find(wanted)]
        with self._working() as (session, lock, holder):
            known = journal.Journal(session, self.clock).migrations()
            self._refuse_history(graph, known, out_of_order=True)
            session.commit()
            with loader.importable(self.config.root):
                yield self._runner(session, lock, holder), file

    # --- sessions -----------------------------------------------------------------------------

    def open_looking(self) -> base.Session:
        """Open a session that cannot write; whoever opened it closes it."""
        return registry.open_session(self._url, read_only=True)

    def open_working(self) -> base.Session:
        """Open a session that may write, without the lock; whoever opened it closes it."""
        return registry.open_session(self._url)

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

    def _keep(self) -> keeping.Time:
        """Return how long what migrations overwrite or remove is kept here."""
        return keeping.read(self.database.keep, keeping.Time(on=True))

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
                going = live.going(known, self.wish)
                return [*going, *graph.up_path(set(applied), count=count, to=to)][:count]
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

    def _planner(self) -> planner.Planner:
        return planner.Planner(
            config=self.config,
            database=self.database,
            clock=self.clock,
            keep=self._keep(),
            wish=self.wish,
        )

    # --- running ------------------------------------------------------------------------------

    def _runner(
        self,
        session: base.Session,
        lock: base.RunLock,
        holder: base.Holder,
        conflicts: str = ops.REFUSE,
    ) -> runner.Runner:
        return runner.Runner(
            session,
            holder=holder,
            lock=lock,
            sql_dialect=self.database.sql_dialect,
            tell=self.tell,
            clock=self.clock,
            setting=self._setting(),
            keep=self._keep(),
            conflicts=conflicts,
            safe=self.safe,
        )

    def _go(self, working: runner.Runner, file: loader.MigrationFile, direction: str) -> None:
        """Take a live change on, or back."""
        if direction == runner.UP:
            live.conductor().up(working, file, self.config.online, self.wish)
        else:
            live.conductor().revert(working, file, self.config.online, self.wish)

    def _run(
        self,
        session: base.Session,
        lock: base.RunLock,
        holder: base.Holder,
        graph: graphs.Graph,
        known: Sequence[journal.MigrationRow],
        direction: str,
        path: Sequence[str],
        conflicts: str = ops.REFUSE,
    ) -> Outcome:
        started = self.clock.seconds()
        with self._looking() as looking:
            plan = self._planner().plan(
                looking, graph, known, direction, path, conflicts, safe=self.safe
            )
        if plan.problem is not None:
            raise plan.problem
        for one in plan.migrations:
            if not one.resumes and not one.live:
                checker.refuse(one.findings, database=plan.database)
        rows = {row.id: row for row in known}
        self.planned = plan
        self.tell(events.RunStarted(direction=direction, migrations=tuple(path), database=self.url))
        working = self._runner(session, lock, holder, conflicts)
        done: list[str] = []
        with loader.importable(self.config.root):
            for id_ in path:
                row = rows.get(id_)
                file = graph.files[id_]
                planned = plan.of(id_)
                if planned is not None and planned.live:
                    self._go(working, file, direction)
                elif (
                    direction == runner.DOWN
                    and row is not None
                    and row.status == journal.Applied.HALF_UP
                ):
                    working.take_back(file, row)
                else:
                    working.run(file, direction, planned)
                done.append(id_)
        seconds = self.clock.seconds() - started
        self.tell(events.RunDone(direction=direction, migrations=tuple(done), seconds=seconds))
        return Outcome(plan=plan, done=tuple(done), seconds=seconds, rules=tuple(working.outcomes))


def _known(session: base.Session, clock: clocks.Clock) -> list[journal.MigrationRow]:
    notes = journal.Journal(session, clock)
    return notes.migrations() if notes.exists() else []


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"uid {os.getuid()}"
