"""Look at a database before it is moved or changed: what is there, and what will be hard.

The source is only read, all of it at one moment. What a transfer would do is asked of the planner
that a transfer asks, so that both say the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.engines import base, registry
from whimbrel.proof import sides
from whimbrel.rehearsal import assessment, grading, proposing, stock, timing, valued
from whimbrel.schema import dependencies
from whimbrel.transfers import door, planner, reading
from whimbrel.transfers import plan as planning

_LEAST_SAMPLE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is looked at: `sample` rows of a large table; no values, no times, no rules."""

    sample: int = valued.SAMPLE_ROWS
    values: bool = True
    times: bool = True
    rules: bool = True
    jobs: int = 2


def assess(
    database: str | None = None,
    *,
    to: str | None = None,
    sample: int = valued.SAMPLE_ROWS,
    values: bool = True,
    times: bool = True,
    rules: bool = True,
    jobs: int = 2,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> assessment.Assessment:
    """Return what a database contains, what is wrong in it, and what moving it would take.

    `database` is a name in whimbrel.toml or a URL, None the default one, and so is `to`, where it
    would go; that may also be the name of an engine, for a plan without a server. Of tables with
    more than `sample` rows, parts are looked at. Without `values` only the catalog is read. With a
    target, rows of a sample are written into a table there, which is gone afterwards, unless there
    are no `times`.

    Raises UnknownDatabase, BadUrl, DatabaseUnavailable, UsageError.
    """
    if sample < _LEAST_SAMPLE:
        raise errors.UsageError(
            f"a sample of {sample:,} rows shows too little", remedy=f"--sample {_LEAST_SAMPLE}"
        )
    config = configs.load(Path(folder) if folder is not None else None)
    options = Options(sample=sample, values=values, times=times, rules=rules, jobs=jobs)
    source = functools.partial(door.opened, configs.find_database(config, database), read_only=True)
    wanted = None if to is None else _target(to, config)
    return _Assessing(source, wanted, options, tell, clock).made()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where it would go: `look` for the plan, `write` for times, None if it cannot be written."""

    look: Callable[[], base.Session]
    write: Callable[[], base.Session] | None


def _target(to: str, config: configs.Config) -> _Target:
    if to in registry.names() and to not in config.databases:
        engine = registry.by_name(to)
        return _Target(look=engine.imagined, write=None)
    found = door.database(to, config)
    engine, parsed = registry.parse(found.real_url())
    there = engine.exists(engine.located(parsed, found.folder))
    write = functools.partial(door.opened, found, read_only=False) if there else None
    return _Target(look=functools.partial(door.imagined, found), write=write)


class _Assessing:
    def __init__(
        self,
        source: Callable[[], base.Session],
        target: _Target | None,
        options: Options,
        tell: events.Listener,
        clock: clocks.Clock,
    ) -> None:
        self._source = source
        self._target = target
        self._options = options
        self._tell = tell
        self._clock = clock
        self._notes: list[str] = []

    def made(self) -> assessment.Assessment:
        started, since = self._clock.now(), self._clock.seconds()
        side = sides.Side(self._source, seats=self._options.jobs, together=True)
        try:
            found = self._looked(side)
        finally:
            side.abandon()
        milliseconds = round((self._clock.seconds() - since) * 1000)
        return found(clocks.stamp(started), milliseconds)

    def _looked(self, side: sides.Side) -> Callable[[str, int], assessment.Assessment]:
        source = side.run(reading.read)
        self._say("the catalog", len(source.tables))
        place = side.run(_place)
        weighed = side.run(stock.weigh)
        graph = dependencies.graph(source.tables.values(), source.things)
        looked = self._values(side, source)
        target, plan, refused = self._plan(side, source)
        paces = self._times(side, source, plan)
        proposals = self._rules(side, source, looked)
        things = stock.belonging(source.things)
        inventory = [
            stock.table(source, table, looked[name], weighed, things.get(name, ()))
            for name, table in source.tables.items()
        ]
        findings = [one for look in looked.values() for one in look.findings]
        graded = _graded(inventory, graph, findings, paces, plan)
        return lambda started_at, milliseconds: assessment.Assessment(
            source=place,
            position=side.snapshot.position,
            snapshot=side.snapshot.kind,
            started_at=started_at,
            milliseconds=milliseconds,
            tables=graded,
            things=source.things,
            counters=source.counters,
            graph=graph,
            unused=tuple(stock.unused(source.tables.values(), weighed)),
            since=weighed.since,
            findings=tuple(findings),
            paces=paces,
            rules=proposals,
            target=target,
            plan=plan,
            refused=refused,
            notes=tuple(dict.fromkeys((*self._notes, *side.notes))),
        )

    def _say(self, what: str, tables_: int) -> None:
        self._tell(events.Looking(what=what, tables=tables_))

    # --- values -------------------------------------------------------------------------------

    def _values(self, side: sides.Side, source: reading.Source) -> dict[str, valued.Looked]:
        wanted = self._options.values
        self._say("the values", len(source.tables))
        begun: dict[str, Future[valued.Looked]] = {}
        for name, table in source.tables.items():
            begun[name] = side.submit(
                functools.partial(
                    valued.look,
                    table=table,
                    parents=source.tables,
                    rows=source.estimates.get(name),
                    sample=self._options.sample,
                    wanted=wanted,
                )
            )
        found = {name: future.result() for name, future in begun.items()}
        parts = [name for name, one in found.items() if one.facts and not one.whole]
        if parts:
            self._notes.append(f"of large tables only parts were looked at: {errors.names(parts)}")
        if not wanted:
            self._notes.append("no values were looked at")
        return found

    # --- the plan -----------------------------------------------------------------------------

    def _plan(
        self, side: sides.Side, source: reading.Source
    ) -> tuple[assessment.Place | None, planning.TransferPlan | None, str]:
        """Return where it would go, what a transfer would do, and why it would not begin."""
        if self._target is None:
            return None, None, ""
        self._say("the plan", len(source.tables))
        with contextlib.closing(self._target.look()) as target:
            place = assessment.Place(
                url=target.url,
                engine=target.engine.answered_by(target),
                title=target.engine.title,
                version=target.engine.version(target),
            )
            if source.identity == target.engine.identity(target):
                raise errors.UsageError(
                    "the database and its target are the same one", remedy="name another target"
                )
            target.rollback()
            if not source.tables:
                return place, None, "there is no table to move"
            try:
                return place, self._planned(side, source, target, planning.Existing.REFUSE), ""
            except errors.TargetNotEmpty as error:
                self._notes.append(f"the target is not empty: {error.what}")
            except (errors.RefusedError, errors.UsageError) as error:
                return place, None, _said(error)
            target.rollback()
            try:
                return place, self._planned(side, source, target, planning.Existing.REPLACE), ""
            except (errors.RefusedError, errors.UsageError) as error:
                return place, None, _said(error)

    def _planned(
        self,
        side: sides.Side,
        source: reading.Source,
        target: base.Session,
        existing: planning.Existing,
    ) -> planning.TransferPlan:
        options = planning.Options(
            jobs=self._options.jobs, data=self._options.values, existing=existing
        )
        flows = door.Picked().flows(source)
        try:
            return planner.Planner(side, target, flows, source, options).plan()
        finally:
            target.rollback()

    # --- times and rules ----------------------------------------------------------------------

    def _times(
        self, side: sides.Side, source: reading.Source, plan: planning.TransferPlan | None
    ) -> tuple[assessment.Pace, ...]:
        if not (self._options.times and self._options.values):
            return ()
        self._say("the pace", len(source.tables))
        planned = {one.flow.table: one for one in plan.flows} if plan is not None else {}
        made = {one.source: one for one in plan.schema.tables} if plan is not None else {}
        subjects = [
            timing.Subject(
                table=table,
                rows=source.estimates.get(name),
                planned=planned.get(name),
                made=made.get(name),
            )
            for name, table in source.tables.items()
        ]
        writing = self._target.write if self._target is not None and made else None
        found = timing.measure(side, subjects, writing=writing, clock=self._clock)
        if self._target is not None and writing is None:
            self._notes.append(
                "times are those of reading alone: there is no target yet to write to"
            )
        self._notes += found.notes
        return found.paces

    def _rules(
        self,
        side: sides.Side,
        source: reading.Source,
        looked: Mapping[str, valued.Looked],
    ) -> tuple[assessment.Proposal, ...]:
        if not (self._options.rules and self._options.values):
            return ()
        self._say("the rules", len(source.tables))
        begun = [
            side.submit(
                functools.partial(
                    proposing.propose, table=table, looked=looked[name], known=source.tables
                )
            )
            for name, table in source.tables.items()
        ]
        return tuple(one for future in begun for one in future.result())


def _place(seat: sides.Seat) -> assessment.Place:
    engine, session = seat.engine, seat.session
    return assessment.Place(
        url=session.url,
        engine=engine.answered_by(session),
        title=engine.title,
        version=engine.version(session),
    )


def _said(error: errors.WhimbrelError) -> str:
    return "; ".join(part for part in (error.what, error.object) if part)


def _graded(
    inventory: Sequence[assessment.Table],
    graph: dependencies.Graph,
    findings: Sequence[assessment.Finding],
    paces: Sequence[assessment.Pace],
    plan: planning.TransferPlan | None,
) -> tuple[assessment.Table, ...]:
    by_table: dict[str, list[assessment.Finding]] = {}
    for one in findings:
        by_table.setdefault(one.table, []).append(one)
    pace = {one.table: one for one in paces}
    return tuple(
        dataclasses.replace(
            table,
            reasons=grading.reasons(
                table, graph, by_table.get(table.name, ()), pace.get(table.name), plan
            ),
        )
        for table in inventory
    )
