"""`whimbrel plan`: draw a plan, or write it as a SQL script. Making it is the project's work."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import whimbrel
from whimbrel import config, errors, words
from whimbrel.cli import check, common, output, planning_page
from whimbrel.migrations import operations
from whimbrel.migrations import plan as plans

if TYPE_CHECKING:
    from whimbrel.rehearsal import forecast as forecasts

DIRECTIONS: Final = ("up", "down")
UNDECIDED: Final = "decided while running"
ROWS: Final = operations.Kind.ROWS.value


def show(
    call: common.Call,
    direction: str,
    *,
    count: int | None,
    to: str | None,
    sql: bool,
    out_of_order: bool,
    page: planning_page.Page | None = None,
) -> int:
    """Write the plan; if something forbids it, raise that after what is planned until then.

    `page` is written for colleagues, too, if it is asked for.
    """
    direction, count = _meant(direction, count)
    page = page or planning_page.Page()
    page.check(direction)
    if sql and call.out.json:
        raise errors.UsageError(
            "--sql writes a script and --json a document", remedy="give one of them"
        )
    project = call.project("plan")
    # What a migration's file prints while it is read is no part of a script.
    with contextlib.redirect_stdout(call.out.stderr) if sql else contextlib.nullcontext():
        plan = project.plan(direction, count=count, to=to, out_of_order=out_of_order)
    plan = dataclasses.replace(plan, database=config.masked(plan.database))
    expected = None if sql else planning_page.expected(project, plan)
    if call.out.json:
        problem = plan.problem
        call.out.document(
            {
                **plan.as_json(),
                "forecast": expected.as_json() if expected is not None else None,
                "problem": problem.as_json() if problem else None,
            }
        )
        page.write(call.out, plan, expected)
        return problem.exit_code if problem else 0
    if sql:
        call.out.write(script(plan))
    else:
        draw(call.out, plan, expected)
        page.write(call.out, plan, expected)
    if plan.problem is not None:
        raise plan.problem
    return 0


def _meant(direction: str, count: int | None) -> tuple[str, int | None]:
    """Take `plan 2` for `plan up 2`."""
    if count is None and direction.isascii() and direction.isdigit() and int(direction) > 0:
        return DIRECTIONS[0], int(direction)
    if direction not in DIRECTIONS:
        raise errors.UsageError(
            f"a plan goes up or down, not {direction!r}", remedy="whimbrel plan [up|down] [N]"
        )
    return direction, count


# --- for people -----------------------------------------------------------------------------


def draw(out: output.Output, plan: plans.Plan, expected: forecasts.Forecast | None = None) -> None:
    """Draw a plan: each step with its SQL, its lock and whether it can be taken back.

    Times are drawn where they are worth it; see `planning_page.worth_saying`.
    """
    expected = planning_page.worth_saying(expected)
    count = words.count(len(plan.migrations), "migration")
    out.line((plan.direction, "bold"), f" · {count} · {plan.engine} · ", (plan.database, "bold"))
    if not plan.migrations:
        out.line("nothing to do")
        return
    for migration in plan.migrations:
        out.line()
        _draw_migration(out, migration, expected)
    undecided = sum(m.undecided is not None for m in plan.migrations)
    out.line()
    if expected is not None:
        planning_page.draw(out, expected)
    if plan.problem is not None:
        out.line("nothing was changed, and this cannot be run as it is")
    elif plan.refused:
        out.line("nothing was changed, and `up` refuses it; what to write:  whimbrel check")
    else:
        out.line(f"nothing was changed; do it:  whimbrel {plan.direction}")
    if undecided:
        out.line((f"{words.count(undecided, 'migration')}: some steps are {UNDECIDED}", "yellow"))


def _draw_migration(
    out: output.Output, migration: plans.MigrationPlan, expected: forecasts.Forecast | None = None
) -> None:
    title = migration.doc.partition("\n")[0]
    out.line((migration.id, "bold"), f"  {title}" if title else "")
    out.line("  ", (" · ".join(_traits(migration)), "dim"))
    for rule in migration.rules_before:
        out.line("  ", ("before  ", "dim"), output.clipped(rule, 160))
    last = max((step.position for step in migration.steps), default=0)
    for step in migration.steps:
        _draw_step(out, step, places=len(str(last)), covered=_covered(migration))
        said = expected.of(migration.id, step.position) if expected is not None else None
        if said is not None and step.kind not in {"session", "query"}:
            out.line(" " * (len(str(last)) + 4), (planning_page.said(said), "dim"))
    if migration.undecided is not None:
        out.line("  ", (f"… {UNDECIDED}: {migration.undecided}", "yellow"))
    elif migration.problem is not None:
        out.line("  ", (f"✗ {migration.problem.what}", "red"))
    elif not migration.steps:
        out.line("  ", ("no steps", "dim"))
    for rule in migration.rules_after:
        out.line("  ", ("after  ", "dim"), output.clipped(rule, 160))
    for finding in migration.findings:
        check.draw(out, finding)


def _draw_step(out: output.Output, step: plans.PlannedStep, *, places: int, covered: bool) -> None:
    prefix = " " * (places + 4)
    times = f"  × {step.times:,}" if step.times > 1 else ""
    shown = step.statements
    # SQL of the user's own is its own description: it is not written twice.
    alike = len(shown) == 1 and _squeezed(shown[0]) == _squeezed(step.words)
    if alike:
        first, *more = output.indented(shown[0], prefix).splitlines() or [""]
        head: output.Part = first.strip()
        shown = ("\n".join(more),) if more else ()
    else:
        head = (output.clipped(step.words, 160), "bold")
    done = ("  already done", "green") if step.done else ""
    out.line("  ", (f"{step.position:>{places}}", "dim"), "  ", head, (times, "bold"), done)
    for sql in shown:
        for line in (sql if alike else output.indented(sql, prefix)).splitlines():
            out.line(line)
    if step.times > 1 and step.where:
        out.line(prefix, (f"in a loop, {_place(step.where)}", "dim"))
    if step.note and step.kind != ROWS:
        out.line(prefix, (step.note, "yellow"))
    facts = " · ".join(_facts(step, covered=covered))
    if facts:
        out.line(prefix, (facts, "dim"))


def _facts(step: plans.PlannedStep, *, covered: bool = False) -> Iterator[str]:
    if step.note and step.kind == ROWS:
        yield step.note
    if step.lock:
        yield f"lock: {step.lock}"
    if step.keeps is not None:
        yield str(step.keeps)
    if not step.reversible and step.irreversible_because and not covered:
        yield f"cannot be reversed by itself: {step.irreversible_because}"


def _covered(migration: plans.MigrationPlan) -> bool:
    """Whether no step needs a way back of its own: the migration as a whole has one.

    Where each step commits by itself, a migration that failed half-way is taken back by steps.
    """
    return migration.whole and migration.reversible


def _traits(migration: plans.MigrationPlan) -> Iterator[str]:
    if migration.whole:
        yield "one transaction"
    elif migration.too_large:
        yield f"step by step, because table {migration.too_large} is too large for one transaction"
    elif migration.beside:
        yield f"step by step, so that nobody who uses {migration.beside} has to wait"
    else:
        yield "each step commits by itself"
    if migration.rebuilds:
        yield "rebuilds a table"
    if migration.resumes:
        yield "goes on where it stopped"
    if migration.direction == "up":
        yield "can be taken back" if migration.reversible else "cannot be taken back"


# --- for a file -----------------------------------------------------------------------------


def script(plan: plans.Plan) -> str:
    """Return a plan as SQL with comments; what is not certain stands in comments only."""
    head = [
        f"Whimbrel {whimbrel.__version__}: {plan.direction} on {plan.database} ({plan.engine})",
        "To be read, not to be run: run by hand, it leaves no note in the journal,",
        "so that Whimbrel would do all of it again. Placeholders stand for values from Python.",
    ]
    if not plan.migrations:
        head.append("nothing to do")
    parts = ["".join(_comment(line) for line in head)]
    parts += [_migration_script(migration) for migration in plan.migrations]
    return "\n".join(parts)


def _migration_script(migration: plans.MigrationPlan) -> str:
    title = f"{migration.id}, {migration.direction}"
    lines = [_comment("-" * 76), _comment(title)]
    lines += [_comment(line) for line in migration.doc.splitlines() if line.strip()]
    lines.append(_comment(" · ".join(_traits(migration))))
    lines += [_comment(f"asked before: {rule}") for rule in migration.rules_before]
    if migration.whole and migration.steps:
        lines.append("\nBEGIN;\n")
    covered = _covered(migration)
    lines += [_step_script(step, covered=covered) for step in migration.steps]
    if migration.undecided is not None:
        lines.append(f"\n{_comment(f'{UNDECIDED}: {migration.undecided}')}")
    after = [_comment(f"asked after: {rule}") for rule in migration.rules_after]
    lines += ["\n", *after] if after else []
    if migration.problem is not None:
        lines.append(f"\n{_comment(f'this cannot be run as it is:{chr(10)}{migration.problem}')}")
    elif migration.whole and migration.steps:
        lines.append("\nCOMMIT;\n")
    return "".join(lines)


def _step_script(step: plans.PlannedStep, *, covered: bool) -> str:
    times = f", × {step.times:,}" if step.times > 1 else ""
    done = ", already done" if step.done else ""
    lines = ["\n", _comment(f"{step.position}: {output.clipped(step.words, 160)}{times}{done}")]
    if step.times != 1:
        at = f" at {_place(step.where)}" if step.where else ""
        lines.append(_comment(f"in a loop{at}; this is the first, the others may differ in values"))
    note = () if step.kind == ROWS else (step.note,)
    lines += [_comment(fact) for fact in (*note, *_facts(step, covered=covered))]
    # A query changes nothing; a model's write is only an example of what will be sent, and a
    # batch one of many.
    only_shown = step.kind in {"query", ROWS} or step.note == UNDECIDED or step.times != 1
    for sql in step.statements:
        # Not moved to the left: a line may be inside of a text.
        text = sql.strip()
        if text.startswith("-- ") and "\n" not in text:
            lines.append(f"{text}\n")  # in words, where no statement of ours could be run alone
            continue
        lines.append(_comment(text) if only_shown else _ended(text))
    return "".join(lines)


def _ended(sql: str) -> str:
    if sql.endswith(";"):
        return f"{sql}\n"
    # After a comment, the semicolon needs a line of its own.
    last = sql.rpartition("\n")[2]
    return f"{sql}\n;\n" if "--" in last or "#" in last else f"{sql};\n"


def _comment(text: str) -> str:
    return "".join(f"-- {line}".rstrip() + "\n" for line in text.splitlines())


def _squeezed(text: str) -> str:
    return " ".join(text.split()).rstrip(";")


def _place(where: str) -> str:
    """Write file:line as people paste it."""
    found = re.fullmatch(r"(.*):(\d+)", where)
    return f"{config.shown(Path(found[1]))}:{found[2]}" if found else where
