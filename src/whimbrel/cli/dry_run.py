"""`whimbrel up --dry-run`: draw what was seen. Trying migrations is the project's work."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

from whimbrel import config, events, words
from whimbrel.cli import common, live, output, stop, validate
from whimbrel.migrations import dry_report as reports
from whimbrel.migrations import samples
from whimbrel.proof import rules

_VALUE_WIDTH: Final = 40
_COLUMNS: Final = 6
_KEYS: Final = 3
_SUGGESTED_SAMPLE: Final = 1_000


def up(
    call: common.Call,
    *,
    count: int | None,
    to: str | None,
    out_of_order: bool,
    sample: int | None,
    rows: Mapping[str, object],
) -> int:
    """Try pending migrations and say what became of it; 1 unless all would work."""
    display = _Display(call.out, call.stop)
    project = call.project("up --dry-run", display)
    if rows:
        project.database = dataclasses.replace(
            project.database, rows=project.database.rows.having(rows)
        )
    try:
        with display:
            report = project.dry_run(count=count, to=to, out_of_order=out_of_order, sample=sample)
    except KeyboardInterrupt:
        raise stop.Stopped(
            database=project.url,
            left="nothing was changed: the dry run has taken everything back",
            remedy="try fewer rows:  whimbrel up --dry-run --sample 1000",
        ) from None
    report = dataclasses.replace(report, database=config.masked(report.database))
    if report.problem is not None and report.problem.database is not None:
        report.problem.database = config.masked(report.problem.database)
    if call.out.json:
        call.out.document(report.as_json())
        return report.exit_code
    draw(call.out, report)
    if report.problem is not None:
        call.out.error(report.problem)
    return report.exit_code


class _Display(live.Display):
    """The moving line while it is tried; the lines that stay come with the report."""

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, reports.Begun):
            self._begin(event)
        if isinstance(event, reports.Tried):
            event = events.MigrationDone(
                migration=event.migration, direction="up", seconds=event.seconds, steps=event.steps
            )
        super().__call__(event)

    def _begin(self, event: reports.Begun) -> None:
        about = "" if event.rows is None else f", about {words.count(event.rows, 'row')}"
        held = "what it touches stays locked until the end"
        if event.sample is not None:
            text = f"one transaction, {words.count(event.sample, 'row')} of each step in batches"
        else:
            text = f"one transaction{about}"
        self._out.tell(("dry run", "bold"), f" · {text}: {held}")
        if event.sample is None and (event.rows is None or event.rows > _SUGGESTED_SAMPLE):
            self._out.tell(f"quicker:  whimbrel up --dry-run --sample {_SUGGESTED_SAMPLE}")

    def _line(self, *parts: output.Part) -> None:
        """Say nothing: the report will."""

    def _checked(self, event: rules.RuleChecked) -> None:
        """Say nothing: the report will."""


# --- for people -----------------------------------------------------------------------------


def draw(out: output.Output, report: reports.Report) -> None:
    """Draw what was seen: each step with its rows, rejects and samples, and what it means."""
    if not report.migrations and not report.not_reached:
        out.line("nothing to do")
        return
    count = words.count(len(report.migrations), "migration")
    out.line(("dry run", "bold"), f" · up · {count} · {report.engine} · ", report.database)
    for trial in report.migrations:
        out.line()
        _draw_trial(out, trial)
    out.line()
    for note in report.notes:
        out.line((f"note: {note}", "yellow"))
    for moved in report.moved:
        said = f"{moved.name} went on from {moved.before:,} to {moved.after:,}"
        out.line((f"note: {said} and is not set back: numbers will be missing", "yellow"))
    for alarm in report.alarms:
        out.line((f"not taken back: {alarm}", "bold red"))
    if not report.alarms:
        out.line("nothing was changed: everything is taken back")
    out.line(*_verdict(report))


def _verdict(report: reports.Report) -> list[output.Part]:
    took = f" ({words.duration(report.seconds)})"
    if report.problem is not None:
        rest = len(report.not_reached)
        left = f"; {words.count(rest, 'migration')} after it not tried" if rest else ""
        return [("it would not work", "bold red"), f"{left}{took}"]
    if report.alarms:
        return [("see what was not taken back", "bold red"), took]
    if report.rejected:
        return [
            (f"it would reject {words.count(report.rejected, 'row')}", "bold yellow"),
            f"{took}; correct them, or allow them:  max_rejects",
        ]
    tried = "" if report.sample is None else f" with {report.sample:,} rows of each step"
    return [("it would work", "bold green"), f"{tried}{took}; do it:  whimbrel up"]


def _draw_trial(out: output.Output, trial: reports.Trial) -> None:
    title = trial.doc.partition("\n")[0]
    out.line((trial.id, "bold"), f"  {title}" if title else "")
    places = len(str(max((step.position for step in trial.steps), default=0)))
    for outcome in trial.rules:
        if outcome.when == rules.When.BEFORE:
            validate.draw(out, outcome, indent="  ")
    for step in trial.steps:
        _draw_step(out, step, places=places)
    for outcome in trial.rules:
        if outcome.when == rules.When.AFTER:
            validate.draw(out, outcome, indent="  ")
    if trial.note:
        out.line("  ", (trial.note, "yellow"))
    if trial.problem is not None:
        at = f"{trial.failed_step}: " if trial.failed_step else ""
        out.line("  ", (f"✗ {output.clipped(f'{at}{trial.problem.what}', 160)}", "red"))
    elif not trial.steps:
        out.line("  ", ("no steps", "dim"))


def _draw_step(out: output.Output, step: reports.Step, *, places: int) -> None:
    prefix = " " * (places + 4)
    times = f"  × {step.times:,}" if step.times > 1 else ""
    out.line(
        "  ",
        (f"{step.position:>{places}}", "dim"),
        "  ",
        (output.clipped(step.words, 120), "bold"),
        times,
    )
    out.line(prefix, (" · ".join(_facts(step)), "dim"))
    for sample in step.samples:
        out.line(prefix, f"  {_sampled(sample)}")
    for rejected in step.rejected:
        reason = output.clipped(rejected.reason, 120)
        out.line(prefix, (f"rejected {words.count(rejected.rows, 'row')}: ", "yellow"), f"{reason}")
        keys = "; ".join(_key(one.key) for one in rejected.first[:_KEYS])
        out.line(prefix, f"  key {keys}{' …' if rejected.rows > _KEYS else ''}")
    if step.rows_rejected > step.max_rejects:
        stops = f"up would stop here: max_rejects is {step.max_rejects:,}"
        out.line(prefix, (stops, "yellow"))
    if step.estimate is not None:
        guess = step.estimate
        out.line(
            prefix,
            f"estimate for all of about {words.count(guess.rows_read, 'row')}: "
            f"{words.count(guess.rows_written, 'row')} written, {words.duration(guess.seconds)}",
        )
    if step.note:
        out.line(prefix, (output.clipped(step.note, 160), "dim"))


def _facts(step: reports.Step) -> Iterator[str]:
    if step.read is not None:
        yield f"{words.count(step.read, 'row')} read"
    if step.rows is not None:
        yield words.count(step.rows, "row") + ("" if step.read is None else " written")
    yield "" if step.seconds is None else words.duration(step.seconds)


# --- rows -----------------------------------------------------------------------------------


def _sampled(sample: samples.Sample) -> str:
    key = ", ".join(f"{name} {_value(value)}" for name, value in sample.key.items())
    if sample.before is None:
        new = _columns(sample.after or {}, but=sample.key)
        source = f"  ← {_columns(sample.source)}" if sample.source else ""
        return f"new {key}  {new}{source}" if key else f"new  {new}{source}"
    if sample.after is None:
        return f"gone {key}  {_columns(sample.before, but=sample.key)}"
    if not sample.before:
        return f"{key}  unchanged"
    changes = [
        f"{name}: {_value(value)} → {_value(sample.after[name])}"
        for name, value in sample.before.items()
    ]
    return f"{key}  {_limited(changes)}"


def _columns(row: Mapping[str, object], *, but: Mapping[str, object] | None = None) -> str:
    return _limited([f"{n}: {_value(value)}" for n, value in row.items() if n not in (but or {})])


def _limited(texts: list[str]) -> str:
    more = len(texts) - _COLUMNS
    rest = [f"… {words.count(more, 'column')} more"] if more > 0 else []
    return ", ".join([*texts[:_COLUMNS], *rest])


def _key(key: tuple[object, ...]) -> str:
    return ", ".join(map(_value, key)) or "(none)"


def _value(value: object) -> str:
    """Write a value as people read it in SQL, long ones cut."""
    match value:
        case None:
            text = "NULL"
        case str():
            text = f"'{value}'"
        case bytes() | bytearray() | memoryview():
            text = f"0x{bytes(value[:_VALUE_WIDTH]).hex()}"
        case dt.datetime():
            text = value.isoformat(" ")
        case _:
            text = str(value)
    return output.clipped(text, _VALUE_WIDTH)
