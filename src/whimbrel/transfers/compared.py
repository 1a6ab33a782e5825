"""What of a transfer was held against the source afterwards, and what was not, and why.

Rows that rules have changed, left out or put aside would be differences where nothing is wrong:
such columns and tables are not compared, but counted. Comparing itself is the work of `proof`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from whimbrel.engines import registry
from whimbrel.proof import findings, pairs
from whimbrel.transfers import plan as planning


class Counted(Protocol):
    """How many rows of a flow are not in the target, as far as that is known."""

    @property
    def rejected(self) -> int:
        """Return how many rows were put aside."""

    @property
    def dropped(self) -> int:
        """Return how many rows a rule left out because it was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What is known of one flow: `outcome` is None if it was not compared, and `why` says why.

    `left_out` are columns of the target that were not compared, because rules make their values.
    """

    name: str
    outcome: findings.Outcome | None = None
    why: str = ""
    left_out: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "outcome": None if self.outcome is None else self.outcome.value,
            "why": self.why,
            "columns_left_out": list(self.left_out),
        }


NOT_ASKED = "nothing was compared, as was asked for"


def wanted(planned: planning.TransferPlan, filled: Mapping[str, Counted]) -> pairs.Wanted:
    """Return what is compared after a transfer: every column that goes as it is."""
    tables, columns, where, said = {}, {}, {}, {}
    for one in planned.flows:
        flow = one.flow
        if flow.table is None or _why_not(planned, one, filled.get(flow.name)):
            continue
        tables[flow.table], columns[flow.table] = flow.target, _kept(planned, one)
        if flow.where:
            there = ""
            if flow.own_rows:
                there = registry.by_name(planned.target.engine).own_rows(flow.target)
            where[flow.table] = (flow.where, there)
            said[flow.table] = flow.said
    return pairs.Wanted(tables=tables, columns=columns, where=where, said=said)


def of(
    planned: planning.TransferPlan,
    filled: Mapping[str, Counted],
    results: Sequence[findings.TableResult] | None,
) -> dict[str, Compared]:
    """Return what is known of each flow, by its name; `results` are those of the comparison."""
    found = {}
    for one in planned.flows:
        flow = one.flow
        if flow.name not in filled:
            continue
        result = next(
            (
                each
                for each in results or ()
                if each.pair is not None
                and (each.pair.source.name, each.pair.target.name) == (flow.table, flow.target)
            ),
            None,
        )
        if result is not None:
            kept = set(_kept(planned, one).values())
            rest = tuple(column.name for column in one.columns if column.name not in kept)
            found[flow.name] = Compared(name=flow.name, outcome=result.outcome, left_out=rest)
            continue
        why = NOT_ASKED if results is None else _why_not(planned, one, filled.get(flow.name))
        found[flow.name] = Compared(name=flow.name, why=why or "nothing could be compared")
    return found


def _why_not(planned: planning.TransferPlan, one: planning.PlannedFlow, did: Counted | None) -> str:
    """Return why a flow cannot be compared, empty if it can."""
    flow = one.flow
    if flow.table is None:
        return "rows of a query"
    if [other.flow.table for other in planned.flows].count(flow.table) > 1:
        return "rows of one table that go into several"
    if [other.flow.target for other in planned.flows].count(flow.target) > 1:
        return "rows of several tables that go into one"
    if flow.change is not None and (did is None or did.rejected or did.dropped):
        return "rules left rows out, or put them aside"
    if not _kept(planned, one):
        return "rules make all values"
    return ""


def _kept(planned: planning.TransferPlan, one: planning.PlannedFlow) -> dict[str, str]:
    """Return the columns that go as they are: the source's name or expression, and the target's."""
    change = one.flow.change
    return {
        column.plain or column.expression: column.name
        for column in one.columns
        if column.found is not None
        and (change is None or change.keeps(column.name))
        # Nobody can write it, and the same row has come later there.
        and not (planned.same_engine and column.found.since)
    }
