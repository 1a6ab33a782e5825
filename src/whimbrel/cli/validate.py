"""`whimbrel validate`: ask whether rules hold, and draw how each of them turned out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from whimbrel import config, events, words
from whimbrel.cli import common, output
from whimbrel.proof import rules


def run(call: common.Call, database: str | None, *, only: Sequence[str], limit: int | None) -> int:
    """Ask the rules of whimbrel.toml; 1 if one that is an error does not hold."""
    if database is not None:
        call.common = dataclasses.replace(call.common, database=database)
    out = call.out

    def tell(event: events.Event) -> None:
        if isinstance(event, rules.RuleChecked) and not out.json:
            draw(out, event.outcome)
        call.stop.check()

    project = call.project("validate", tell)
    found = project.validate(only=only, limit=limit)
    if out.json:
        shown = {**found.as_json(), "database": config.masked(found.database)}
        out.document(shown)
        return found.exit_code
    out.line(*_verdict(found))
    return found.exit_code


def draw(out: output.Output, outcome: rules.Outcome, *, indent: str = "") -> None:
    """Draw how one rule turned out: a line, and the first offending rows under it."""
    took = f"  {words.duration(outcome.seconds)}"
    rows = "" if outcome.rows is None else words.count(outcome.rows, "row")
    if outcome.passed:
        width = max(out.width - len(indent) - 34, 20)
        said = output.clipped(outcome.rule, width)
        out.line(indent, ("✓ ", "green"), f"{said:<{width}}  {rows:>14}", (f"{took:>12}", "dim"))
        return
    mark: output.Part = ("✗ ", "bold red") if outcome.forbids else ("! ", "bold yellow")
    aside = "" if outcome.forbids else "  (a warning)"
    out.line(indent, mark, (outcome.rule, "bold"), aside, (took, "dim"))
    if outcome.rule != outcome.says:
        out.line(indent, "    ", output.clipped(outcome.says, 160))
    out.line(indent, "    ", (outcome.words, "red" if outcome.forbids else "yellow"))
    for example in outcome.examples:
        out.line(indent, "    ", example)
    more = (outcome.offending or 0) - len(outcome.first)
    if outcome.first and more > 0:
        out.line(indent, "    ", (f"… and {more:,} more", "dim"))


def _verdict(found: rules.Validation) -> list[output.Part]:
    of = words.count(len(found.outcomes), "rule")
    took = f" ({words.duration(found.seconds)})"
    if found.failed:
        count = len(found.failed)
        verdict: output.Part = (f"{count:,} of {of} {'does' if count == 1 else 'do'} not hold",
                                "bold red")  # fmt: skip
    elif found.warnings:
        count = len(found.warnings)
        noun = words.count(count, "warning")
        verdict = (f"{of}, {noun}", "bold yellow")
    else:
        verdict = (f"{of} {'holds' if len(found.outcomes) == 1 else 'hold'}", "bold green")
    return [verdict, took]
