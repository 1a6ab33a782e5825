"""The command that looks at a database before it is moved, and its options.

What it does is in `assess`. Nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whimbrel import errors
from whimbrel.cli import common


def assess(
    call: common.Call,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="ALIAS|URL",
            show_default=False,
            help="The database: its name in whimbrel.toml, or a URL.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="ENGINE|URL",
            show_default=False,
            help="Also what moving it there would take: an engine's name, or a database.",
        ),
    ] = None,
    sample: Annotated[
        int,
        typer.Option(
            "--sample", metavar="N", min=1_000, help="Of tables with more rows, look at about N."
        ),
    ] = 200_000,
    no_values: Annotated[
        bool, typer.Option("--no-values", help="Read the catalog alone, and no row.")
    ] = False,
    no_times: Annotated[
        bool, typer.Option("--no-times", help="Measure nothing; write nothing to the target.")
    ] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="How many sessions read.")
    ] = 2,
    dot: Annotated[
        bool, typer.Option("--dot", help="Write only the map of tables, for Graphviz.")
    ] = False,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Write only the map of tables, for Mermaid.")
    ] = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Write only the rules, for whimbrel.toml.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="All tables, all reasons, all findings.")
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
    """Look at a database: what is there, what is dirty, what moving it would take.

    The database is only read, all of it at one moment. With --to a database, some rows of each
    large table are written there and taken out again, to measure how long all of them would take.
    """
    from whimbrel.cli import assess

    if report is not None and no_report:
        raise errors.UsageError(
            "--report asks for a report and --no-report for none", remedy="leave one of them out"
        )
    if dot + mermaid + rules > 1:
        raise errors.UsageError(
            "--dot, --mermaid and --rules each write one text alone",
            remedy="call it once for each of them",
        )
    if dot + mermaid + rules and (report is not None or call.common.json):
        raise errors.UsageError(
            "--dot, --mermaid and --rules write a text, and neither a report nor JSON",
            remedy="leave --report and --json out",
        )
    if rules and no_values:
        raise errors.UsageError(
            "rules are made from values, and --no-values looks at none",
            remedy="leave --no-values out",
        )
    return assess.run(
        call,
        assess.Asked(
            database=source if source is not None else call.common.database,
            to=to,
            sample=sample,
            values=not no_values,
            times=not no_times,
            jobs=jobs,
            dot=dot,
            mermaid=mermaid,
            rules=rules,
            verbose=verbose,
            report=report,
            no_report=no_report,
        ),
    )
