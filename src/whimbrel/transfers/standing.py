"""What the target's journal knows of a source that is followed: a run whose steps never repeat.

The run's steps say how changes are noticed, which transfer copied the rows, and how far changes
were brought; the last is written with every round, in its transaction. What waits for the cutover
(keys, counters, what acts by itself) is kept as the answers of the second step.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel.engines import base
from whimbrel.journal import journal
from whimbrel.schema import convert
from whimbrel.transfers import plan as planning
from whimbrel.transfers import reading

DIRECTION: Final = "follow"
_CAPTURE, _TRANSFER, _ROUNDS = 1, 2, 3
_TITLES: Final = {
    _CAPTURE: "changes of the source are noted",
    _TRANSFER: "its rows are copied",
    _ROUNDS: "its changes are brought",
}
_KINDS: Final = {_CAPTURE: "capture", _TRANSFER: "transfer", _ROUNDS: "rounds"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far following has come. `transfer` is the run that copied the rows.

    `back` is said where the new side of a cutover is followed into the old one: the name by which
    writes to that are stopped for all others.
    """

    run: int
    name: str
    how: str
    fingerprint: str
    back: str = ""
    begun: bool = False
    transfer: int | None = None
    rounds: int = 0
    changes: int = 0
    deleted: int = 0
    written: int = 0
    waiting: dict[str, list[list[str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """What is made in the target at the cutover, in this order."""

    keys: tuple[convert.Action, ...] = ()
    counters: tuple[planning.Counting, ...] = ()
    last: tuple[convert.Action, ...] = ()


def fingerprint(source: reading.Source, planned: Iterable[planning.PlannedFlow]) -> str:
    """Return what tells what is followed from anything else: where from, which rows, into what."""
    parts: list[object] = [source.place]
    for one in sorted(planned, key=lambda one: one.flow.name):
        flow = one.flow
        parts += [flow.name, flow.table, flow.target, flow.where, sorted(flow.types.items())]
        parts += [flow.mark, [(c.name, c.plain, c.expression) for c in one.columns]]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def capture_name(target: base.Session, fingerprint_: str) -> str:
    """Return the name by which a source tells this target from others that follow it."""
    place = target.engine.place(target)
    target.rollback()
    return hashlib.sha256(repr((place, fingerprint_)).encode()).hexdigest()[:10]


class Stand:
    """Reads and writes how far following has come; nothing here commits."""

    def __init__(self, session: base.Session, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self._session = session
        self._clock = clock
        self._notes = journal.Journal(session, clock)

    def find(self) -> Standing | None:
        """Return what is followed now, if anything is."""
        for run in self._notes.runs():
            if run.direction != DIRECTION:
                continue
            if journal.Status(run.status) in (journal.Status.DONE, journal.Status.TAKEN_BACK):
                return None
            return self._read(run)
        return None

    def _read(self, run: journal.RunRow) -> Standing:
        steps = {step.position: step for step in self._notes.steps(run.id)}
        first = _facts(steps.get(_CAPTURE))
        second = _facts(steps.get(_TRANSFER))
        third = _facts(steps.get(_ROUNDS))
        copied = second.get("run")
        waiting = third.get("waiting")
        return Standing(
            run=run.id,
            name=str(first.get("name", "")),
            how=str(first.get("how", "")),
            fingerprint=run.fingerprint,
            back=str(first.get("back", "")),
            begun=_CAPTURE in steps and steps[_CAPTURE].status == "done",
            transfer=copied if isinstance(copied, int) else None,
            rounds=_count(third, "rounds"),
            changes=_count(third, "changes"),
            deleted=_count(third, "deleted"),
            written=_count(third, "written"),
            waiting=waiting if isinstance(waiting, dict) else {},
        )

    def begin(
        self,
        title: str,
        *,
        name: str,
        how: str,
        fingerprint: str,
        holder: base.Holder,
        back: str = "",
    ) -> Standing:
        """Write that following is about to begin."""
        run = self._notes.begin_run(
            title, direction=DIRECTION, by_steps=True, holder=holder, fingerprint=fingerprint
        )
        made = Standing(run=run, name=name, how=how, fingerprint=fingerprint, back=back)
        self._write(run, _CAPTURE, _first(made), status="started")
        return made

    def resume(self, standing: Standing, holder: base.Holder) -> None:
        """Write that following goes on."""
        run = self._notes.run(standing.run)
        if run is not None and journal.Status(run.status) is not journal.Status.RUNNING:
            self._notes.resume_run(run, holder=holder)

    def pause(self, standing: Standing, *, error: str | None = None) -> None:
        """Write that nobody follows for now."""
        run = self._notes.run(standing.run)
        if run is not None and journal.Status(run.status) is journal.Status.RUNNING:
            to = journal.Status.INTERRUPTED if error is None else journal.Status.FAILED
            self._notes.end_run(standing.run, to, error=error)

    def end(self, standing: Standing, *, taken_back: bool = False) -> None:
        """Write that following is over: cut over to, or begun anew."""
        run = self._notes.run(standing.run)
        if run is None:
            return
        status = journal.Status(run.status)
        if taken_back:
            if status is journal.Status.RUNNING:
                self._notes.end_run(standing.run, journal.Status.INTERRUPTED)
            self._notes.end_run(standing.run, journal.Status.TAKEN_BACK)
        else:
            self._notes.end_run(standing.run, journal.Status.DONE)

    def begun(self, standing: Standing) -> Standing:
        """Write that changes are noted."""
        self._write(standing.run, _CAPTURE, _first(standing))
        return dataclasses.replace(standing, begun=True)

    def copying(self, standing: Standing, run: int, planned: planning.TransferPlan) -> None:
        """Write which transfer copies the rows, and what waits for the cutover."""
        self._notes.forget_results(standing.run)
        self._write(standing.run, _TRANSFER, {"run": run})
        self._notes.write_results(standing.run, {_TRANSFER: json.dumps(_postponed(planned))})

    def equal(self, standing: Standing, run: int, counters: Sequence[planning.Counting]) -> None:
        """Write that both sides are equal without a copy, and what counts in the target."""
        self._write(standing.run, _TRANSFER, {"run": run})
        waiting = {"keys": [], "counters": list(map(dataclasses.asdict, counters)), "last": []}
        self._notes.forget_results(standing.run)
        self._notes.write_results(standing.run, {_TRANSFER: json.dumps(waiting)})

    def postponed(self, standing: Standing) -> Postponed:
        """Return what waits for the cutover."""
        text = self._notes.result(standing.run, _TRANSFER)
        if text is None:
            return Postponed()
        known = json.loads(text)
        return Postponed(
            keys=tuple(_action(one) for one in known["keys"]),
            counters=tuple(planning.Counting(**one) for one in known["counters"]),
            last=tuple(_action(one) for one in known["last"]),
        )

    def copied(self, standing: Standing) -> bool:
        """Whether the transfer has come to its end."""
        run = self._notes.run(standing.transfer) if standing.transfer is not None else None
        return run is not None and journal.Status(run.status) is journal.Status.DONE

    def position(self, standing: Standing, flow: str, otherwise: int) -> int:
        """Return the step of the transfer that copied a flow."""
        if standing.transfer is not None:
            for step in self._notes.steps(standing.transfer):
                if step.step == f"rows of {flow}"[:250]:
                    return step.position
        return otherwise

    def count(self, standing: Standing) -> None:
        """Write how far it is now; committed with the rows of the round."""
        facts = {
            "rounds": standing.rounds,
            "changes": standing.changes,
            "deleted": standing.deleted,
            "written": standing.written,
            "waiting": standing.waiting,
            "at": clocks.stamp(self._clock.now()),
        }
        self._write(standing.run, _ROUNDS, facts)

    def _write(
        self, run: int, position: int, facts: dict[str, object], *, status: str = "done"
    ) -> None:
        said = json.dumps(facts)
        if self._notes.step(run, position) is not None and status == "done":
            self._notes.finish_step(run, position, rows_changed=None, seconds=None, noted=said)
            return
        title = _TITLES[position]
        self._notes.write_steps(
            [
                journal.StepRow(
                    run=run,
                    position=position,
                    kind=_KINDS[position],
                    status=status,
                    step=title,
                    fingerprint=hashlib.sha256(title.encode()).hexdigest(),
                    noted=said,
                    rows_changed=None,
                    started_at=clocks.stamp(self._clock.now()),
                    seconds=None,
                )
            ]
        )


def _first(standing: Standing) -> dict[str, object]:
    return {"name": standing.name, "how": standing.how, "back": standing.back}


def _facts(step: journal.StepRow | None) -> dict[str, object]:
    if step is None or step.noted is None:
        return {}
    known = json.loads(step.noted)
    return known if isinstance(known, dict) else {}


def _count(facts: dict[str, object], name: str) -> int:
    value = facts.get(name, 0)
    return value if isinstance(value, int) else 0


def _postponed(planned: planning.TransferPlan) -> dict[str, object]:
    made = planned.schema.tables
    keys = [action for table in made for action in table.foreign_keys]
    keys += [action for table in made for action in table.validate]
    return {
        "keys": [dataclasses.asdict(one) for one in keys],
        "counters": [dataclasses.asdict(one) for one in planned.counters],
        "last": [dataclasses.asdict(one) for one in planned.schema.last],
    }


def _action(said: dict[str, object]) -> convert.Action:
    statements, names = said.pop("statements"), said.pop("names")
    if not isinstance(statements, list) or not isinstance(names, list):
        raise errors.WhimbrelError("the journal's note of what waits for the cutover is broken")
    return convert.Action(
        statements=tuple(base.Statement(**one) for one in statements),
        names=tuple(names),
        **said,  # type: ignore[arg-type]
    )
