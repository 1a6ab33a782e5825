"""Put together the report of a transfer: what moved, what was left, and the proof.

The part about the comparison is that of `verification`; whatever was not compared says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import whimbrel
from whimbrel import clock as clocks
from whimbrel import config, events
from whimbrel.reports import report as reports
from whimbrel.reports import shown, verification
from whimbrel.schema import convert, losses
from whimbrel.transfers import compared as comparing
from whimbrel.transfers import course
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

MOST_REJECTS = 100
_MOST_POINTS = 1_000


class Speed:
    """Listens to a transfer and remembers how fast its rows went, copied and compared."""

    def __init__(self, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self._clock = clock
        self._began = clock.seconds()
        self._points: list[reports.Point] = []
        self._compared = verification.Speed(clock)

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        self._compared(event)
        if isinstance(event, events.TransferStarted):
            self._began, self._points = self._clock.seconds(), []
        if not isinstance(event, events.ChunkCopied) or not event.rows:
            return
        at = round((self._clock.seconds() - self._began) * 1000)
        last = self._points[-1].at if self._points else 0
        self._points.append(reports.Point(at=at, took=at - last, rows=event.rows))
        if len(self._points) >= _MOST_POINTS:
            self._points = list(verification.halved(self._points))

    @property
    def throughput(self) -> tuple[reports.Throughput, ...]:
        """Return what was heard, nothing of what was too little to be drawn."""
        copied: tuple[reports.Throughput, ...] = ()
        if len(self._points) >= 3:
            copied = (reports.Throughput(title="copying", points=tuple(self._points)),)
        compared = (
            dataclasses.replace(one, title="comparing") for one in self._compared.throughput
        )
        return (*copied, *compared)


def from_transfer(
    done: transferring.Transfer,
    *,
    command: str,
    by: str | None = None,
    throughput: tuple[reports.Throughput, ...] = (),
) -> reports.Report:
    """Return the report of a transfer."""
    plan, proof = done.plan, done.verification
    ends = (verification.name(plan.source.url), verification.name(plan.target.url))
    compared = verification.from_verification(proof, command=command) if proof else None
    return reports.Report(
        kind=reports.Kind.TRANSFER,
        title=f"Transfer of {ends[0]} into {ends[1]}",
        command=config.hidden(command),
        whimbrel=whimbrel.__version__,
        started_at=done.started_at,
        milliseconds=round(done.seconds * 1000),
        by=by or verification.whoever(),
        databases=compared.databases if compared else tuple(_databases(done)),
        tables=tuple(_tables(done, compared)),
        copied=tuple(_copied(one) for one in done.tables) if plan.options.data else (),
        made=tuple(_made(plan)),
        not_converted=tuple(map(_not_converted, plan.not_converted)),
        not_made=tuple(map(_not_converted, done.not_made)),
        sides=("source", "target"),
        throughput=throughput,
        losses=tuple(_loss(one) for one in plan.losses),
        cleansed=tuple(one for table in done.tables for one in _cleansed(table)),
        rejected=done.rejected,
        rejects=tuple(_rejects(done)),
        reasons=tuple(
            reports.Reason(
                table=one.table, reason=one.reason, rows=one.rows, rule=one.rule or ""
            )
            for one in done.reasons
        ),
        miscounted=done.miscounted,
        notes=tuple(dict.fromkeys((*_resumed(done), *done.notes,
                                   *(compared.notes if compared else ())))),
    )  # fmt: skip


def _databases(done: transferring.Transfer) -> Iterator[reports.Database]:
    plan = done.plan
    for role, place in (("source", plan.source), ("target", plan.target)):
        source = role == "source"
        yield reports.Database(
            role=role,
            url=config.masked(place.url),
            engine=place.title,
            version=place.version,
            position=done.position if source else "",
            snapshot=done.kind if source else "",
            at=done.started_at if source else "",
        )


def _tables(
    done: transferring.Transfer, compared: reports.Report | None
) -> Iterator[reports.Table]:
    known = done.compared
    flows = {(one.flow.table, one.flow.target): one for one in done.plan.flows}
    for table in compared.tables if compared is not None else ():
        flow = flows.get((table.source, table.target or ""))
        if flow is None or flow.flow.name not in known:
            yield table
            continue
        # What rules make is not compared; what they drop is in the source alone.
        went = {column.plain for column in flow.columns}
        yield dataclasses.replace(
            table,
            columns_left_out=known[flow.flow.name].left_out,
            columns_only_source=(
                *table.columns_only_source,
                *(name for name in table.columns_left_out if name not in went),
            ),
        )
    if not done.plan.options.data:
        return
    for one in done.tables:
        if one.name in known and known[one.name].outcome is None:
            yield reports.Table(
                name=one.name,
                outcome=reports.Outcome.NOT_COMPARED,
                source=one.source,
                target=one.target,
                why=_why(known[one.name].why),
                rows_source=one.read,
                rows_target=one.rows,
            )


def _why(why: str) -> str:
    return why if why == comparing.NOT_ASKED else f"{why}; they were counted"


def _not_converted(one: convert.NotConverted) -> reports.NotConverted:
    return reports.NotConverted(
        kind=one.kind, name=one.name, table=one.table or "", why=one.why, text=one.text
    )


def _copied(one: course.Filled) -> reports.Copied:
    return reports.Copied(
        name=one.name,
        source=one.source,
        target=one.target,
        read=one.read,
        written=one.rows,
        rejected=one.rejected,
        dropped=one.dropped,
        before=one.before,
        bytes=one.size,
        chunks=one.chunks,
        milliseconds=round(one.seconds * 1000),
    )


def _made(plan: planning.TransferPlan) -> Iterator[reports.Made]:
    """Yield what was made, by kind, in the order in which it was."""
    kinds: dict[str, list[str]] = {}
    dropped = [name for action in plan.drops for name in action.names]
    if dropped:
        kinds["dropped before"] = dropped
    drops = {id(action) for action in plan.drops}
    for action in plan.actions():
        if id(action) in drops:
            continue
        of = f"{action.table}: " if action.table and action.table != action.name else ""
        kinds.setdefault(action.kind, []).append(f"{of}{action.name}")
    for kind, names in kinds.items():
        yield reports.Made(kind=kind, names=tuple(names))


def _loss(one: losses.Loss) -> reports.Loss:
    accepted = one.verdict is losses.Verdict.ACCEPTED
    return reports.Loss(
        table=one.table,
        column=one.column,
        what=one.says or one.what,
        values=one.rows,
        accepted="by a rule" if accepted else "",
        verdict=one.verdict.value,
        examples=tuple(
            reports.Found(key=tuple(map(shown.cut, key)), value=shown.cut(value))
            for key, value in one.keys
        ),
    )


def _cleansed(table: course.Filled) -> Iterator[reports.Cleansed]:
    for one in table.cleansed.values():
        yield reports.Cleansed(
            table=table.name,
            column=one.column,
            rule=one.rule,
            values=one.values,
            examples=tuple(
                reports.Cell(column=one.column, source=_shown(before), target=_shown(after))
                for before, after in one.samples
            ),
        )


def _rejects(done: transferring.Transfer) -> Iterator[reports.Reject]:
    for one in done.rejects[:MOST_REJECTS]:
        yield reports.Reject(
            table=one.table,
            reason=one.reason,
            key=tuple(shown.of(value) for value in one.key),
            row=tuple(
                reports.Named(column=name, value=shown.of(value)) for name, value in one.row.items()
            ),
            rule=one.rule or "",
        )


def _shown(text: str | None) -> shown.Shown:
    return shown.NULL if text is None else shown.cut(text)


def _resumed(done: transferring.Transfer) -> Iterator[str]:
    before = sum(one.before for one in done.tables)
    if done.resumed:
        yield f"an earlier attempt had copied {before:,} of the rows; this one went on with it"
