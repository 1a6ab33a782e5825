"""`whimbrel verify --repair`: what a repair would do, or has done, on a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from whimbrel import clock as clocks
from whimbrel import errors, events, progress, words
from whimbrel.cli import common, live, output, stop
from whimbrel.proof import repair, repair_log, repair_plan
from whimbrel.proof import verify as verifying

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

PLAN: Final = "plan"
APPLY: Final = "apply"
_SHOWN: Final = 5
_WIDTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: a plan, and what was done if that was asked for."""

    plan: repair_plan.RepairPlan
    repaired: repair.Repaired | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        if self.repaired is not None:
            return self.repaired.as_json()
        return {"plan": self.plan.as_json()}


def check(how: str | None, log: Path | None, *, sample: str | None) -> None:
    """Raise UsageError or RepairRefused for what cannot be, before the long work begins."""
    if how is not None and how not in (PLAN, APPLY):
        raise errors.UsageError(
            f"there is no way to repair called {how!r}",
            remedy="--repair plan  shows what would be done, --repair apply  does it",
        )
    if log is not None and how != APPLY:
        raise errors.UsageError(
            "--repair-log is for what a repair has changed", remedy="add  --repair apply"
        )
    if how is not None and sample is not None:
        raise errors.RepairRefused(
            "only a sample of the rows is compared", remedy="leave --sample out"
        )
    if log is not None:
        repair_log.check(log)


def carry_out(
    call: common.Call, verification: verifying.Verification, how: str, log: Path | None
) -> Outcome:
    """Plan a repair, or do it."""
    if how == PLAN:
        return Outcome(plan=repair.plan(verification))
    with Display(call) as display:
        try:
            repaired = repair.repair(
                verification, log=log, command="whimbrel verify --repair apply", tell=display
            )
        except KeyboardInterrupt:
            raise stop.Stopped(
                database=verification.target.url,
                left="what was committed stays, and is right; the rest is taken back\n"
                f"{words.count(display.rows, 'row')} changed so far",
                remedy="run the same command again: it compares anew and goes on with what still "
                "differs",
            ) from None
    return Outcome(plan=repaired.plan, repaired=repaired)


# --- while it runs --------------------------------------------------------------------------


class Display:
    """Listens to a repair: draws how far it is."""

    def __init__(self, call: common.Call, clock: clocks.Clock = clocks.SYSTEM) -> None:
        self.rows = 0
        self._call = call
        self._out = call.out
        self._clock = clock
        self._planned = 0
        self._table = ""
        self._again = progress.NOT_COMPARED
        self._live: Live | None = None

    def __enter__(self) -> Display:
        if self._out.fancy and not self._out.silent:
            from rich.live import Live

            self._live = Live(
                self,
                console=self._out.console,
                refresh_per_second=live.REFRESH_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            self._out.begin_drawing()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._out.end_drawing()

    def __call__(self, event: events.Event) -> None:
        """Take one event."""
        match event:
            case events.RepairStarted():
                self._planned = event.rows
            case events.RowsRepaired():
                self.rows += event.rows
                self._table = f"{event.table}: {event.action}"
            case _:
                self._again = progress.compared(self._again, event, at=self._clock.seconds())
        # A driver may have swallowed the first Ctrl-C.
        self._call.stop.check()

    def __rich__(self) -> Text:
        """Return what is drawn."""
        parts: list[output.Part] = [
            ("repair", "bold"),
            f"  {self.rows:,} of {words.count(self._planned, 'row')}  {self._table}",
        ]
        lines = [parts]
        if self._again.tables:
            lines.append(
                [
                    ("compare again", "bold"),
                    f"  {self._again.tables_done:,} of {self._again.tables:,} tables · ",
                    words.count(self._again.rows, "row"),
                ]
            )
        return output.styled(lines)


# --- what was found -------------------------------------------------------------------------


def show(out: output.Output, outcome: Outcome) -> None:
    """Write what would be done, or what was done and what was not."""
    if outcome.repaired is None:
        _show_plan(out, outcome.plan)
        return
    _show_warnings(out, outcome.plan)
    _show_repaired(out, outcome.repaired)


def _show_plan(out: output.Output, plan: repair_plan.RepairPlan) -> None:
    out.line(("repair", "bold"), f"  {plan.database}")
    out.table(
        [
            [table.target, _counted(table.inserts, table.updates, table.deletes, "to ")]
            for table in plan.tables
        ],
        indent="  ",
    )
    _show_refused(out, plan)
    _show_warnings(out, plan)
    if plan.rows:
        tables = words.count(len(plan.tables), "table")
        out.line(("a repair would change", "bold"), f" {words.count(plan.rows, 'row')} of {tables}")
        out.tell("do it:  the same command with  --repair apply")
    else:
        out.line(("there is nothing that a repair could change", "bold"))


def _show_refused(out: output.Output, plan: repair_plan.RepairPlan) -> None:
    for one in plan.refused:
        rows = f"{words.count(one.rows, 'row')}: " if one.rows else ""
        out.line(
            ("  left  ", "yellow"),
            f"{one.table}, {one.what}: {rows}",
            output.clipped(one.why, _WIDTH),
        )


def _show_warnings(out: output.Output, plan: repair_plan.RepairPlan) -> None:
    for warning in plan.warnings:
        out.line(("  note  ", "yellow"), warning)


def _show_repaired(out: output.Output, repaired: repair.Repaired) -> None:
    out.line(("repaired", "bold"), f"  {repaired.plan.database}")
    rows: list[Sequence[output.Part]] = []
    for table in repaired.tables:
        left = [
            f"{number:,} {what}"
            for number, what in (
                (table.failed, "failed"),
                (table.changed_meanwhile, "changed meanwhile"),
                (table.refused, "not repairable"),
                (table.settled, "right by now"),
            )
            if number
        ]
        rows.append(
            [
                table.table,
                _counted(table.inserted, table.updated, table.deleted, "") or "nothing",
                (", ".join(left), "yellow"),
            ]
        )
    out.table(rows, indent="  ")
    for table in repaired.tables:
        for problem in table.problems[:_SHOWN]:
            key = ", ".join(
                f"{name} = {'NULL' if text is None else text}" for name, text in problem.key.items()
            )
            out.line(
                ("  left  ", "yellow"),
                f"{problem.table}  {output.clipped(key, _WIDTH)}  {problem.action}: ",
                output.clipped(problem.why, _WIDTH),
            )
        more = table.left - min(len(table.problems), _SHOWN)
        if more > 0:
            where = f", all of them in {repaired.log}" if repaired.log else ""
            out.line((f"  … and {words.count(more, 'row')} more of {table.table}{where}", "dim"))
    _show_refused_schema(out, repaired.plan)
    _show_verdict(out, repaired)


def _show_refused_schema(out: output.Output, plan: repair_plan.RepairPlan) -> None:
    known = {"inserts", "updates", "deletes"}
    for one in plan.refused:
        if one.what not in known:
            out.line(("  left  ", "yellow"), f"{one.table}, {one.what}: {one.why}")


def _show_verdict(out: output.Output, repaired: repair.Repaired) -> None:
    changed = words.count(repaired.rows, "row")
    took = words.duration(repaired.seconds)
    if repaired.equal:
        out.line(("equal", "bold green"), f" after {changed} changed, in {took}")
    else:
        differences = repaired.after.differences if repaired.after is not None else repaired.left
        still = words.count(differences, "row")
        out.line(("still different", "bold red"), f": {still} differ, {changed} changed, in {took}")
    if repaired.log is not None:
        out.tell(f"every change is in {repaired.log}")


def _counted(inserts: int, updates: int, deletes: int, to: str) -> str:
    verbs = ("insert", "update", "delete") if to else ("inserted", "updated", "deleted")
    return ", ".join(
        f"{number:,} {to}{verb}"
        for number, verb in zip((inserts, updates, deletes), verbs, strict=True)
        if number
    )
