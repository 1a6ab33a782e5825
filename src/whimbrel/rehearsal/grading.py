"""How hard each table will be to move, and why.

What has to be decided or written by hand is hard; what changes, waits for others or takes long is
medium; everything else is easy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from whimbrel import errors, words
from whimbrel.engines.inventory import Kind
from whimbrel.rehearsal import assessment
from whimbrel.rehearsal.assessment import Grade, Reason
from whimbrel.schema import dependencies
from whimbrel.schema.losses import Verdict
from whimbrel.transfers import plan as planning

LARGE_ROWS: Final = 10_000_000
LONG_MILLISECONDS: Final = 10 * 60 * 1000
MANY_COLUMNS: Final = 200
_NAMED: Final = 3
# What is lost with these is work for somebody; other things are a setting or a word.
_WORK: Final = frozenset({Kind.TRIGGER.value, Kind.CONSTRAINT.value, "foreign key", "check",
                          "generated column"})  # fmt: skip


def reasons(
    table: assessment.Table,
    graph: dependencies.Graph,
    findings: Sequence[assessment.Finding],
    pace: assessment.Pace | None,
    plan: planning.TransferPlan | None,
) -> tuple[Reason, ...]:
    """Return why a table is not easy, the hardest first; nothing if it is."""
    found = [
        *_by_plan(table, plan),
        *_by_findings(findings, plan),
        *_by_shape(table),
        *_by_graph(table, graph),
    ]
    if pace is not None and (pace.expected or 0) >= LONG_MILLISECONDS:
        took = words.duration((pace.expected or 0) / 1000)
        found.append(Reason(grade=Grade.MEDIUM, says=f"it takes about {took}"))
    found.sort(key=lambda reason: [Grade.HARD, Grade.MEDIUM, Grade.EASY].index(reason.grade))
    return tuple(found)


def _by_plan(table: assessment.Table, plan: planning.TransferPlan | None) -> Iterator[Reason]:
    if plan is None:
        if table.triggers:
            said = words.count(len(table.triggers), "trigger")
            yield Reason(grade=Grade.MEDIUM, says=f"{said} to be written anew on another engine")
        return
    refused = [one for one in plan.refused if one.table == table.name]
    for loss in refused:
        yield Reason(grade=Grade.HARD, says=loss.says)
    lost = [one for one in plan.not_converted if one.table == table.name]
    for grade, kinds in ((Grade.HARD, True), (Grade.MEDIUM, False)):
        by_kind: dict[str, list[str]] = {}
        for one in lost:
            if (one.kind in _WORK) is kinds:
                by_kind.setdefault(one.kind, []).append(one.name)
        for kind, names in by_kind.items():
            says = f"not converted: {kind} {errors.names(names, limit=_NAMED)}"
            yield Reason(grade=grade, says=says)
    noted: Mapping[str, str] = {
        one.column: one.says
        for one in plan.losses
        if one.table == table.name and one.verdict is Verdict.NOTED
    }
    if noted:
        says = (
            f"{errors.names(list(noted), limit=_NAMED)} will be of another kind: "
            f"{next(iter(noted.values()))}"
        )
        yield Reason(grade=Grade.EASY, says=says)


def _by_findings(
    findings: Iterable[assessment.Finding], plan: planning.TransferPlan | None
) -> Iterator[Reason]:
    known = {(one.table, one.column, one.what) for one in plan.refused} if plan else set()
    for one in findings:
        if not one.hint and (one.table, one.column, one.what) not in known:
            yield Reason(grade=Grade.MEDIUM, says=one.says)


def _by_shape(table: assessment.Table) -> Iterator[Reason]:
    if not table.has_key:
        yield Reason(
            grade=Grade.MEDIUM,
            says="it has no key that is never NULL: nothing tells its rows apart",
        )
    if (table.rows or 0) >= LARGE_ROWS:
        yield Reason(grade=Grade.MEDIUM, says=f"{words.count(table.rows or 0, 'row')}")
    if len(table.columns) >= MANY_COLUMNS:
        yield Reason(grade=Grade.MEDIUM, says=words.count(len(table.columns), "column"))


def _by_graph(table: assessment.Table, graph: dependencies.Graph) -> Iterator[Reason]:
    for cycle in graph.cycles:
        if table.name in cycle.tables and len(cycle.tables) > 1:
            yield Reason(grade=Grade.MEDIUM, says=f"it is in a circle: {cycle}")
    for one in graph.outside:
        if one.table == table.name:
            yield Reason(grade=Grade.MEDIUM, says=f"it refers to a table elsewhere: {one}")
