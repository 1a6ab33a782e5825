"""`whimbrel check`: what the checks find in pending migrations, with what to write instead."""

from __future__ import annotations

from collections.abc import Sequence

from whimbrel import config, errors, words
from whimbrel.cli import common, output
from whimbrel.migrations import plan as plans
from whimbrel.migrations.checks import checker, finding

REFUSED = 1


def run(call: common.Call, migrations: Sequence[str]) -> int:
    """Look at pending migrations, or those that are named; 1 if `up` would refuse."""
    project = call.project("check")
    plan = project.plan("up", out_of_order=True)
    chosen = [one for one in plan.migrations if _meant(one.id, migrations)]
    for name in migrations:
        if not any(_meant(one.id, [name]) for one in plan.migrations):
            graph = project.graph()
            raise _not_pending(name, graph.order, where=graph.where, problem=plan.problem)
    live = [one.id for one in chosen if one.live]
    found = [each for one in chosen for each in one.findings]
    refused = any(each.unresolved for each in found)
    database = config.masked(plan.database)
    if call.out.json:
        call.out.document(
            {
                "database": database,
                "engine": plan.engine,
                "migrations": [one.id for one in chosen],
                "findings": [each.as_json() for each in found],
                "not_checked": live,
                "refused": refused,
                "problem": plan.problem.as_json() if plan.problem else None,
            }
        )
    else:
        _draw(call.out, chosen, plan, database)
    if plan.problem is not None and not call.out.json:
        raise plan.problem
    return REFUSED if refused or plan.problem is not None else 0


def _meant(id_: str, asked: Sequence[str]) -> bool:
    return not asked or any(id_.startswith(name.removesuffix(".py")) for name in asked)


def _not_pending(
    name: str, known: Sequence[str], *, where: str, problem: errors.WhimbrelError | None
) -> errors.WhimbrelError:
    if not any(_meant(id_, [name]) for id_ in known):
        return errors.UnknownMigration(name, known=known, where=where)
    if problem is not None:
        return problem  # the plan ends before it
    return errors.UsageError(
        f"{name} is applied already, and a check is about what will be done",
        remedy="whimbrel check   looks at all that are pending",
    )


def _draw(
    out: output.Output, chosen: Sequence[plans.MigrationPlan], plan: plans.Plan, database: str
) -> None:
    count = words.count(len(chosen), "migration")
    out.line(("check", "bold"), f" · {count} · {plan.engine} · ", (database, "bold"))
    for migration in chosen:
        if migration.findings:
            out.line()
            out.line((migration.id, "bold"))
        for one in migration.findings:
            draw(out, one, whole=True)
        if migration.undecided is not None and migration.findings:
            out.line("  ", (f"… not seen: {migration.undecided}", "yellow"))
    for migration in chosen:
        if migration.live:
            out.line()
            said = "  not checked: it is a live change, whose phases are made not to hold others up"
            out.line((migration.id, "bold"), (said, "yellow"))
    found = [one for migration in chosen for one in migration.findings]
    against = sum(one.unresolved for one in found)
    out.line()
    if not found:
        out.line(("nothing found", "bold green"))
    elif against:
        out.line(
            (f"{words.count(against, 'finding')} that `up` does not begin with", "bold red"),
            f", of {len(found):,}",
        )
    else:
        out.line((f"{words.count(len(found), 'finding')}; `up` begins all the same", "yellow"))


def draw(out: output.Output, one: finding.Finding, *, whole: bool = False) -> None:
    """Draw one finding: what happens and why; `whole` also says what to write instead."""
    mark: output.Part = ("✗ ", "bold red") if one.unresolved else ("! ", "bold yellow")
    if one.accepted:
        mark = ("✓ ", "green")
    place = f"  {checker.shown(one.where)}" if one.where else ""
    out.line("  ", mark, (one.what, "bold"), (place, "dim"))
    out.line("    ", one.why)
    if one.accepted:
        out.line("    ", (f"accepted: {one.accepted}", "green"))
    elif whole and one.instead:
        for number, line in enumerate(one.instead.splitlines()):
            out.line("    ", ("to do  " if number == 0 else "       ", "dim"), line)
    out.line("    ", (f"[{one.slug}]", "dim"))
