"""The command that goes up, that of live changes, and their options.

What each does is in the module of its name. Nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whimbrel import errors
from whimbrel.cli import common, options


def up(
    call: common.Call,
    count: options.Count = None,
    to: Annotated[str | None, options.To] = None,
    out_of_order: options.OutOfOrder = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Do it in one transaction, report, and take all back."),
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            metavar="N",
            min=1,
            show_default=False,
            help="With --dry-run: so many rows of each step in batches.",
        ),
    ] = None,
    max_rows_per_second: options.Pace = None,
    workers: options.Workers = None,
    max_memory: options.Memory = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            show_default=False,
            help="Write the report to this .html or .json, also of a run without data.",
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    until: options.Until = None,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="End live changes at once: no old code is at work."),
    ] = False,
    safe: options.Safe = True,
    backup: Annotated[
        bool | None,
        typer.Option(
            "--backup/--no-backup",
            show_default=False,
            help="Make and verify a backup first, or none whatever whimbrel.toml says.",
        ),
    ] = None,
) -> int:
    """Apply pending migrations."""
    from whimbrel.cli import rows, run

    call.safe = safe
    call.until, call.complete = until, complete
    said = rows.settings(
        max_rows_per_second=max_rows_per_second, workers=workers, max_memory=max_memory
    )
    if dry_run and report is not None:
        raise errors.UsageError(
            "a dry run shows what it saw and writes no report",
            remedy="leave --report out; or keep what it shows:  whimbrel up --dry-run --json",
        )
    if dry_run:
        from whimbrel.cli import dry_run as trying

        return trying.up(
            call, count=count, to=to, out_of_order=out_of_order, sample=sample, rows=said
        )
    if sample is not None:
        raise errors.UsageError(
            "--sample is for a dry run", remedy="whimbrel up --dry-run --sample N"
        )
    if report is not None and no_report:
        raise errors.UsageError(
            "--report asks for a report and --no-report for none", remedy="leave one of them out"
        )
    return run.up(
        call,
        count=count,
        to=to,
        out_of_order=out_of_order,
        rows=said,
        report_file=report,
        no_report=no_report,
        backup=backup,
    )


def online(
    call: common.Call,
    action: Annotated[
        str, typer.Argument(metavar="status|complete|revert", show_default=False, help="What.")
    ],
    migration: Annotated[
        str | None,
        typer.Argument(metavar="MIGRATION", show_default=False, help="A live change; all of them."),
    ] = None,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="With revert: also where rows would lose something."),
    ] = False,
) -> int:
    """Look at live changes, end one, or take one back."""
    from whimbrel.cli import online

    return online.run(call, action, migration, accept_loss=accept_loss)
