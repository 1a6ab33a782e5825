"""The commands that move a database into another, and their options.

What each does is in the module of its name. Nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whimbrel import errors
from whimbrel.cli import common

_Side = Annotated[str, typer.Argument(metavar="ALIAS|URL", show_default=False, help="A database.")]


def transfer(
    call: common.Call,
    source: _Side,
    target: _Side,
    tables: Annotated[
        list[str] | None,
        typer.Option("--tables", metavar="A,B", help="Only these tables; log_* is a pattern."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="A,B", help="All tables but these; also patterns."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="TABLE=…",
            help="Only rows like this, in the source's SQL: 'orders=placed > 5'.",
        ),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            "--rules",
            metavar="NAME",
            show_default=False,
            help="By the rules of [transfers.NAME] in whimbrel.toml.",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="How many sessions on each side.")
    ] = 2,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            show_default=False,
            help="Copy rows in so many processes of this machine.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            show_default=False,
            help="Copy rows by the workers of a Dask scheduler: tcp://scheduler:8786.",
        ),
    ] = None,
    schema_only: Annotated[
        bool, typer.Option("--schema-only", help="Make the tables, with no rows in them.")
    ] = False,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="Fill tables that are there and empty.")
    ] = False,
    existing: Annotated[
        str,
        typer.Option(
            "--existing",
            metavar="refuse|replace|fill",
            help="Tables that the target has: do nothing; drop them; fill them if they are empty.",
        ),
    ] = "refuse",
    max_rejects: Annotated[
        int,
        typer.Option(
            "--max-rejects",
            metavar="N",
            min=0,
            help="How many rows may be put aside, with their values and reasons.",
        ),
    ] = 0,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not compare both sides afterwards.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="With --dry-run: also every statement.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="All columns, all that is noted.")
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
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Then bring whatever changes in the source, until Ctrl-C."),
    ] = False,
    since_last: Annotated[
        bool,
        typer.Option("--since-last", help="Bring what has changed since the last run, then end."),
    ] = False,
    capture: Annotated[
        str,
        typer.Option(
            "--capture", metavar="triggers|log", help="With these: how changes are noticed."
        ),
    ] = "triggers",
) -> int:
    """Move one database into another, and prove it.

    All of it goes: tables, rows, keys, views. SOURCE and TARGET are names in whimbrel.toml or
    URLs. The source is only read. Stopped or
    killed, the same command goes on. The exit code is 0 only if everything arrived and is equal.
    """
    from whimbrel.cli import transfer

    if report is not None and no_report:
        raise errors.UsageError(
            "--report asks for a report and --no-report for none", remedy="leave one of them out"
        )
    if processes is not None and cluster is not None:
        raise errors.UsageError(
            "--processes copies on this machine and --cluster on others",
            remedy="leave one of them out",
        )
    asked = transfer.Asked(
        source=source,
        target=target,
        tables=tables or (),
        exclude=exclude or (),
        where=where or (),
        rules=rules,
        jobs=jobs,
        processes=processes,
        cluster=cluster,
        schema_only=schema_only,
        data_only=data_only,
        verify=not no_verify,
        existing=existing,
        max_rejects=max_rejects,
        dry_run=dry_run,
        sql=sql,
        verbose=verbose,
        report=report,
        no_report=no_report,
    )
    if follow or since_last:
        from whimbrel.cli import follow as following

        return following.run(call, asked, how=capture, stay=follow, both=follow and since_last)
    return transfer.run(call, asked)


def cutover(
    call: common.Call,
    source: _Side,
    target: _Side,
    tables: Annotated[
        list[str] | None,
        typer.Option("--tables", metavar="A,B", help="As they were followed."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="A,B", help="As they were followed."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="TABLE=…", help="As they were followed."),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option("--rules", metavar="NAME", show_default=False, help="As they were followed."),
    ] = None,
    max_rejects: Annotated[
        int,
        typer.Option("--max-rejects", metavar="N", min=0, help="How many rows may be put aside."),
    ] = 0,
    stop_writes: Annotated[
        str,
        typer.Option(
            "--stop-writes",
            metavar="COMMAND",
            show_default=False,
            help="Stops the application; without it, triggers refuse what it writes.",
        ),
    ] = "",
    start_writes: Annotated[
        str,
        typer.Option(
            "--start-writes",
            metavar="COMMAND",
            show_default=False,
            help="Starts it again, if the cutover fails.",
        ),
    ] = "",
    switch: Annotated[
        str,
        typer.Option(
            "--switch",
            metavar="COMMAND",
            show_default=False,
            help="Lets the application use the target.",
        ),
    ] = "",
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not compare both sides before the switch.")
    ] = False,
    reverse: Annotated[
        bool,
        typer.Option("--reverse", help="Note what changes in the target then, for a way back."),
    ] = False,
    back: Annotated[
        bool, typer.Option("--back", help="Let the source take over again from the target.")
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="Take back a cutover that was killed half-way.")
    ] = False,
) -> int:
    """Let the target take over from the source that it follows.

    Writes are stopped, the last changes brought, keys made, both sides compared, and the
    application switched. Until the switch whatever fails is taken back. Killed, the same command
    goes on.
    """
    from whimbrel.cli import follow

    return follow.cutover(
        call,
        follow.Asked(
            source=source,
            target=target,
            tables=tables or (),
            exclude=exclude or (),
            where=where or (),
            rules=rules,
            max_rejects=max_rejects,
            stop_writes=stop_writes,
            start_writes=start_writes,
            switch=switch,
            verify=not no_verify,
            reverse=reverse,
            back=back,
            abort=abort,
        ),
    )


def rejects(
    call: common.Call,
    action: Annotated[
        str,
        typer.Argument(metavar="list|show|export|replay", show_default=False, help="What to do."),
    ],
    named: Annotated[
        str,
        typer.Argument(
            metavar="DATABASE", show_default=False, help="Its name in whimbrel.toml, or a URL."
        ),
    ],
    run: Annotated[
        int | None,
        typer.Option("--run", metavar="N", show_default=False, help="Only those of this run."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="T", show_default=False, help="Only those of this table."),
    ] = None,
    row: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="ID", help="Only this one, as `show` names it: 7.2.1.4."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, show_default=False, help="show: how many at most; 20."
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="csv|json|jsonl", show_default=False, help="export: how; csv."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            show_default=False,
            help="export: into this new file, instead of standard output.",
        ),
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="COLUMN=VALUE", help="replay: with this value; can be repeated."
        ),
    ] = None,
    null: Annotated[
        list[str] | None,
        typer.Option("--null", metavar="COLUMN", help="replay: with NULL; can be repeated."),
    ] = None,
    as_read: Annotated[
        bool,
        typer.Option(
            "--as-read", help="replay: also what a rule refused, with no rule applied to it."
        ),
    ] = False,
) -> int:
    """List the rows that were put aside, or write them after all.

    The exit code of replay is 1 if any of them is still put aside.
    """
    from whimbrel.cli import rejects

    return rejects.run(
        call,
        rejects.Asked(
            action=action,
            database=named,
            run=run,
            table=table,
            rows=row or (),
            limit=limit,
            format=format,
            output=output,
            values=set or (),
            nulls=null or (),
            as_read=as_read,
        ),
    )
