"""The command that rehearses migrations on a copy, and its options.

What it does is in `rehearse`. Nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whimbrel import errors
from whimbrel.cli import common


def rehearse(
    call: common.Call,
    count: Annotated[
        int | None, typer.Argument(metavar="N", show_default=False, help="How many.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="ID", show_default=False, help="As far as this migration, and with it."
        ),
    ] = None,
    out_of_order: Annotated[
        bool,
        typer.Option("--out-of-order", help="Also those that come before one that is applied."),
    ] = False,
    scratch: Annotated[
        str | None,
        typer.Option(
            "--scratch",
            metavar="URL",
            show_default=False,
            help="Make the copy on this server, or in this folder; else beside the original.",
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows",
            metavar="N",
            min=1,
            show_default=False,
            help="Copy about so many rows of all tables, chosen for what is in them.",
        ),
    ] = None,
    percent: Annotated[
        float | None,
        typer.Option(
            "--percent",
            metavar="N",
            min=0.0,
            max=100.0,
            show_default=False,
            help="Copy about such a share of the rows.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Which rows; the same again.")
    ] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the copy, to look into it.")] = False,
    clean: Annotated[
        bool,
        typer.Option("--clean", help="Only drop the copies that killed rehearsals have left."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            show_default=False,
            help="Write the report here, as .html or .json, instead of the reports folder.",
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
) -> int:
    """Try pending migrations on a copy: up, down and up again; say whether they are ready.

    The original is only read. The copy is dropped, however it ends. The exit code is 1 if
    something speaks against doing it for real.
    """
    from whimbrel.cli import rehearse

    if report is not None and no_report:
        raise errors.UsageError(
            "--report asks for a report and --no-report for none", remedy="leave one of them out"
        )
    if rows is not None and percent is not None:
        raise errors.UsageError(
            "--rows and --percent both say how many rows", remedy="leave one of them out"
        )
    if clean:
        return rehearse.clean(call, scratch=scratch)
    return rehearse.run(
        call,
        rehearse.Asked(
            count=count,
            to=to,
            out_of_order=out_of_order,
            scratch=scratch,
            rows=rows,
            percent=percent,
            seed=seed,
            keep=keep,
            report=report,
            no_report=no_report,
        ),
    )
