"""Show what a transfer would do, and what of the source the target does not have as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whimbrel import errors, words
from whimbrel.cli import output
from whimbrel.schema import losses
from whimbrel.transfers import plan as planning

# So many keys of one loss, and so many columns of one table, are shown unless all are asked for.
_KEYS: Final = 3
_COLUMNS: Final = 12
_VALUE_WIDTH: Final = 40
_STYLES: Final = {
    losses.Verdict.REFUSED: "bold red",
    losses.Verdict.ACCEPTED: "yellow",
    losses.Verdict.NOTED: "dim",
}


def show_plan(
    out: output.Output, plan: planning.TransferPlan, *, sql: bool = False, verbose: bool = False
) -> None:
    """Write a whole plan: what goes where, what cannot, and with `sql` every statement."""
    if out.json:
        out.document(plan.as_json())
        return
    out.line((plan.source.url, "bold"), "  →  ", (plan.target.url, "bold"))
    for place, role in ((plan.source, "source"), (plan.target, "target")):
        out.line(f"  {role}  ", (f"{place.title} {place.version}".rstrip(), "dim"))
    changed = [(one, _retyped(one)) for one in plan.flows]
    titles: list[list[output.Part]] = [_flow_cells(one) for one, _ in changed]
    for (one, retyped), line in zip(changed, output.columns(titles, indent="  "), strict=True):
        out.line(*line)
        _show_columns(out, one, retyped, verbose=verbose)
    if plan.drops:
        # All of them, however many: they will be gone.
        names = ", ".join(name for action in plan.drops for name in action.names)
        out.line(("  dropped before, with their rows", "bold red"), f"  {names}")
    if sql:
        _show_statements(out, plan)
    show_losses(out, plan, verbose=verbose)
    show_not_converted(out, plan, most=None)
    show_notes(out, plan.notes, most=None)
    out.line(*_verdict(plan))


def show_notes(out: output.Output, notes: Sequence[str], *, most: int | None) -> None:
    """Write notes, those that say the same of several things as one."""
    by_what: dict[str, list[str]] = {}
    for note in notes:
        of, colon, what = note.partition(": ")
        by_what.setdefault(what if colon else note, []).append(of if colon else "")
    for what, things in by_what.items():
        of = errors.names(map(named, things), limit=most or len(things)) if things[0] else ""
        out.line(("note", "dim"), f"  {of}: {what}" if of else f"  {what}")


def named(name: str) -> str:
    """Return a name on one line, whatever is in it."""
    return name if name.isprintable() else repr(name)[1:-1]


def _flow_cells(one: planning.PlannedFlow) -> list[output.Part]:
    flow = one.flow
    source = flow.table or "a query"
    name = named(flow.target if source == flow.target else f"{source} → {flow.target}")
    rows = f"about {words.count(one.rows, 'row')}" if one.rows is not None else ""
    rules = []
    if flow.where:
        rules.append(flow.said or f"where {output.clipped(flow.where, 60)}")
    if flow.change is not None:
        rules.append("changed by rules")
    return [name, rows, words.count(len(one.columns), "column"), ("; ".join(rules), "yellow")]


def _retyped(one: planning.PlannedFlow) -> list[planning.PlannedColumn]:
    """Return the columns that are called otherwise, or of another type, in the target."""
    return [
        column
        for column in one.columns
        if column.plain != column.name
        or column.found is None
        or column.found.type.casefold() != column.type.casefold()
    ]


def _show_columns(
    out: output.Output,
    one: planning.PlannedFlow,
    retyped: Sequence[planning.PlannedColumn],
    *,
    verbose: bool,
) -> None:
    chosen = one.columns if verbose else retyped[:_COLUMNS]
    lines = output.columns([_column_cells(column) for column in chosen], indent="      ")
    for line in lines:
        out.line(*line)
    more = len(retyped) - len(chosen)
    if more > 0:
        out.line((f"      … and {words.count(more, 'column')} more:  --verbose", "dim"))


def _column_cells(column: planning.PlannedColumn) -> list[output.Part]:
    source = column.plain or (f"({output.clipped(column.expression, 40)})" if column.expression
                              else "(made by a rule)")  # fmt: skip
    name = column.name if source == column.name else f"{source} → {column.name}"
    before = column.found.type if column.found is not None else ""
    types = column.type if before.casefold() == column.type.casefold() else (
        f"{before} → {column.type}" if before else column.type
    )  # fmt: skip
    return [named(name), types]


def _show_statements(out: output.Output, plan: planning.TransferPlan) -> None:
    for action in plan.actions():
        of = f" of {action.table}" if action.table and action.table != action.name else ""
        out.line((f"  {action.kind} {action.name}{of}", "dim"))
        for statement in action.statements:
            out.line(output.indented(f"{statement.sql.rstrip(';')};", "      "))


def show_losses(out: output.Output, plan: planning.TransferPlan, *, verbose: bool = False) -> None:
    """Write what the target does not keep: refused and accepted values, and what is noted."""
    for verdict in (losses.Verdict.REFUSED, losses.Verdict.ACCEPTED, losses.Verdict.NOTED):
        found = [one for one in plan.losses if one.verdict is verdict]
        if verdict is losses.Verdict.NOTED and len(found) > _COLUMNS and not verbose:
            count = words.count(len(found), "column")
            said = f"  {count} of another kind in the target, by no value:  --verbose"
            out.line((verdict.value, _STYLES[verdict]), said)
            continue
        for one in found:
            _show_loss(out, one, verbose=verbose)


def _show_loss(out: output.Output, one: losses.Loss, *, verbose: bool) -> None:
    place = f"{one.table}.{one.column}"
    # Most sentences name their column, how many rows, and the first of them.
    named = place in one.says
    rows = f"  {words.count(one.rows, 'row')}" if one.rows is not None and not named else ""
    where = "" if named else f"  {place}{rows}"
    out.line((one.verdict.value, _STYLES[one.verdict]), f"{where}  {one.says}")
    keys = one.keys if verbose else () if named else one.keys[:_KEYS]
    if keys:
        shown = [f"{', '.join(key)} {_value(value)}".lstrip() for key, value in keys]
        out.line(f"         first: {'   '.join(shown)}")
    if one.verdict is losses.Verdict.REFUSED and one.remedy:
        for at, line in enumerate(one.remedy.splitlines()):
            out.line(f"         {'to do: ' if at == 0 else '       '}{line}")


def _value(text: str) -> str:
    return output.clipped(text if text.isprintable() else repr(text)[1:-1], _VALUE_WIDTH)


def show_not_converted(
    out: output.Output, plan: planning.TransferPlan, *, most: int | None
) -> None:
    """Write what the target will not have, and why."""
    found = plan.not_converted
    for one in found[:most]:
        of = f" of {one.table}" if one.table else ""
        out.line(("not converted", "yellow"), f"  {one.kind} {one.name}{of}: {one.why}")
    if most is not None and len(found) > most:
        more = len(found) - most
        out.line(("not converted", "yellow"), f"  … and {more:,} more, all in the report")


def _verdict(plan: planning.TransferPlan) -> list[output.Part]:
    tables = words.count(len(plan.flows), "table")
    rows = f", about {words.count(plan.rows, 'row')}" if plan.rows is not None else ""
    if plan.refused:
        columns = {(one.table, one.column) for one in plan.refused}
        count = words.count(len(columns), "column")
        verb = "does" if len(columns) == 1 else "do"
        return [("refused", "bold red"), f": {count} {verb} not fit; nothing was changed"]
    return [("can be done", "bold green"), f": {tables}{rows}; nothing was changed"]
