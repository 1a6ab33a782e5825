"""The command that makes a small database of a large one, and its options.

What it does is in `subset`. Nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whimbrel.cli import common


def subset(
    call: common.Call,
    source: Annotated[
        str, typer.Argument(metavar="ALIAS|URL", show_default=False, help="The large database.")
    ],
    target: Annotated[
        str | None,
        typer.Argument(metavar="ALIAS|URL", show_default=False, help="The small one."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option("--rows", metavar="N", show_default=False, help="About so many in all."),
    ] = None,
    percent: Annotated[
        float | None,
        typer.Option(
            "--percent", metavar="P", show_default=False, help="So many of a hundred of each table."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Another one makes another choice.")
    ] = 0,
    tables: Annotated[
        list[str] | None,
        typer.Option("--tables", metavar="A,B", help="Only these tables; log_* is a pattern."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="A,B", help="All tables but these; also patterns."),
    ] = None,
    suggest_masks: Annotated[
        bool,
        typer.Option("--suggest-masks", help="List columns that look like personal data; no more."),
    ] = False,
    existing: Annotated[
        str,
        typer.Option(
            "--existing",
            metavar="refuse|replace|fill",
            help="Tables that the target has: do nothing; drop them; fill them if they are empty.",
        ),
    ] = "refuse",
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="How many sessions on each side.")
    ] = 2,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not compare both sides afterwards.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be chosen; change nothing.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="All that rows were chosen for.")
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
    """Make a small database that stands for a large one.

    With every row go those that it refers to. Rows are chosen for what they show: extremes, NULLs,
    every value of an enumeration; the rest by the seed. The masks of [subset.masks] hide personal
    data. The source is only read. The exit code is 0 only if everything arrived and is equal.
    """
    from whimbrel.cli import subset

    return subset.run(
        call,
        subset.Asked(
            source=source,
            target=target,
            rows=rows,
            percent=percent,
            seed=seed,
            tables=tables or (),
            exclude=exclude or (),
            suggest_masks=suggest_masks,
            existing=existing,
            jobs=jobs,
            verify=not no_verify,
            dry_run=dry_run,
            verbose=verbose,
            report=report,
            no_report=no_report,
        ),
    )
