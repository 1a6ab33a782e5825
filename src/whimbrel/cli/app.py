"""The commands and their options; what each does is in the module of its name.

Nothing heavy is imported here: `whimbrel --help` has to be there at once.
"""

from __future__ import annotations

import atexit
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

import whimbrel
from whimbrel import config, errors
from whimbrel.cli import (
    assessing,
    backing,
    common,
    dualing,
    going,
    moving,
    options,
    output,
    rehearsing,
    stop,
    subsetting,
)

# Of this class are all errors of Typer's own that mean "wrong usage".
_WrongUsage: Final = typer.BadParameter.__mro__[1]

_MODELS: Final = "rhosocial.activerecord"

app = typer.Typer(
    name="whimbrel",
    help="Migrations that carry schema and data: planned, resumable, proven.",
    epilog="Exit codes: 0 done, 1 refused or differences, 2 wrong usage, "
    "3 failed half-way and resumable, 130 stopped.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)

_DownTo = typer.Option(
    "--to",
    metavar="ID",
    show_default=False,
    help="Back to this migration, which stays; 0 takes everything back.",
)
_Run = Annotated[
    int | None,
    typer.Argument(
        metavar="RUN",
        show_default=False,
        help="Its number, as `whimbrel runs` shows it; not needed while one is running.",
    ),
]
_Side = Annotated[
    str, typer.Argument(metavar="ALIAS|URL[#TABLE]", show_default=False, help="A database.")
]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    said = arguments[: arguments.index("--")] if "--" in arguments else arguments
    out = output.Output(json="--json" in said)
    with stop.watched() as stopping, output.elsewhere(out):
        code = _answered(arguments, common.Call(out=out, stop=stopping))
    atexit.unregister(_hush_models)
    atexit.register(_hush_models)
    if out.lost is not None:
        out.warn(f"standard output could not be written: {out.lost.strerror or out.lost}")
        return code or errors.WhimbrelError.exit_code
    return code


def _hush_models() -> None:
    """Keep models from logging how they close their connections when Python ends.

    Each logs under the name of its own class, so that only the level can tell.
    """
    logging = sys.modules.get("logging")
    if logging is not None and _MODELS in sys.modules:
        logging.disable(logging.INFO)


def _answered(arguments: list[str], call: common.Call) -> int:
    try:
        given = typer.main.get_command(app).main(
            args=arguments, prog_name="whimbrel", standalone_mode=False, obj=call
        )
        return given if isinstance(given, int) else 0
    except errors.WhimbrelError as error:
        return _failed(error, call)
    except (KeyboardInterrupt, typer.Abort):
        return _failed(stop.Stopped(), call)
    except Exception as error:
        if isinstance(error, _WrongUsage):
            return _failed(_wrong_usage(error), call)
        # A driver turns an interrupt into an error of its own; it was asked for all the same.
        failed = stop.Stopped() if call.stop.asked else _unexpected(error)
        return _failed(failed, call)


def _failed(error: errors.WhimbrelError, call: common.Call) -> int:
    if error.database is not None:
        error.database = config.masked(error.database)
    if call.common.traceback:
        call.out.warn(output.hidden(traceback.format_exc().rstrip()))
    call.out.error(error)
    return stop.EXIT_CODE if call.stop.asked else error.exit_code


def _wrong_usage(error: Exception) -> errors.UsageError:
    said = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "whimbrel"
    return errors.UsageError(
        f"{said[:1].lower()}{said[1:].rstrip('.')}", remedy=f"see how it is used:  {command} --help"
    )


def _unexpected(error: Exception) -> errors.WhimbrelError:
    said = output.hidden(str(error).strip())
    return errors.WhimbrelError(
        "something happened that Whimbrel did not expect",
        left="what was not committed is taken back",
        cause=f"{type(error).__name__}: {said}" if said else type(error).__name__,
        remedy="please report it, with what this shows:  add --traceback to the command\n"
        f"whimbrel {whimbrel.__version__}, Python {sys.version.split()[0]}, {sys.platform}",
    )


# --- the commands ---------------------------------------------------------------------------


@app.callback(invoke_without_command=True)
@common.taken
def _whimbrel(
    call: common.Call,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> int:
    if version:
        if call.out.json:
            call.out.document({"version": whimbrel.__version__})
        else:
            call.out.line(f"whimbrel {whimbrel.__version__}")
        raise typer.Exit(0)
    if call.context is not None and call.context.invoked_subcommand is None:
        if call.out.json:
            raise errors.UsageError("no command was given", remedy="see them:  whimbrel --help")
        call.out.line(call.context.get_help())
        return errors.UsageError.exit_code
    return 0


@app.command()
@common.taken
def init(call: common.Call) -> int:
    """Make a project: whimbrel.toml and the folder migrations."""
    from whimbrel.cli import init

    return init.make(call)


@app.command()
@common.taken
def new(
    call: common.Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it does: split_user_names.")],
    merge: Annotated[
        bool, typer.Option("--merge", help="Join all branches; changes nothing itself.")
    ] = False,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(
            "--depends-on", metavar="ID", help="A migration that it follows; can be repeated."
        ),
    ] = None,
) -> int:
    """Write the file of a new migration."""
    from whimbrel.cli import new

    return new.write(call, name, merge=merge, depends_on=depends_on)


@app.command()
@common.taken
def plan(
    call: common.Call,
    direction: Annotated[
        str, typer.Argument(metavar="up|down", show_default=False, help="Which way; up.")
    ] = "up",
    count: options.Count = None,
    to: Annotated[str | None, options.To] = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Write a SQL script with comments instead.")
    ] = False,
    out_of_order: options.OutOfOrder = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", show_default=False, help="Also write a page for colleagues."
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            "--markdown", metavar="FILE", show_default=False, help="The same page as Markdown."
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", metavar="WHEN", show_default=False, help="When it will be done.")
    ] = "",
    decides: Annotated[
        list[str] | None,
        typer.Option("--decides", metavar="NAME", help="Who decides; can be repeated."),
    ] = None,
    until: options.Until = None,
    safe: options.Safe = True,
) -> int:
    """Show what up or down would do; change nothing."""
    from whimbrel.cli import plan, planning_page

    call.safe, call.until = safe, until
    page = planning_page.Page(html=html, markdown=markdown, at=at, decides=tuple(decides or ()))
    return plan.show(
        call,
        direction,
        count=count,
        to=to,
        sql=sql,
        out_of_order=out_of_order,
        page=page,
    )


@app.command()
@common.taken
def check(
    call: common.Call,
    migrations: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MIGRATION]...",
            show_default=False,
            help="Pending migrations, or what their names begin with; all of them.",
        ),
    ] = None,
    safe: options.Safe = True,
) -> int:
    """Look for what would hold others up, or lose data; change nothing."""
    from whimbrel.cli import check

    call.safe = safe
    return check.run(call, migrations or [])


app.command()(common.taken(going.up))


@app.command()
@common.taken
def down(
    call: common.Call,
    count: options.Count = None,
    to: Annotated[str | None, _DownTo] = None,
    conflicts: Annotated[
        str,
        typer.Option(
            "--conflicts",
            metavar="refuse|old|new",
            help="Values that somebody changed since: do nothing, or which ones stay.",
        ),
    ] = "refuse",
    max_rows_per_second: options.Pace = None,
    workers: options.Workers = None,
    max_memory: options.Memory = None,
) -> int:
    """Take applied migrations back, the last one or more."""
    from whimbrel.cli import rows, run

    said = rows.settings(
        max_rows_per_second=max_rows_per_second, workers=workers, max_memory=max_memory
    )
    return run.down(call, count=count, to=to, conflicts=conflicts, rows=said)


@app.command()
@common.taken
def prune(
    call: common.Call,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help='Remove what is older: "30 days".'),
    ] = None,
    run: Annotated[
        int | None, typer.Option("--run", metavar="RUN", help="Remove all that a run has kept.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
) -> int:
    """Remove what migrations keep for the way back, where its time is over."""
    from whimbrel.cli import prune

    return prune.prune(call, older_than=older_than, run=run, dry_run=dry_run)


@app.command()
@common.taken
def status(call: common.Call) -> int:
    """Show which migrations this database has.

    The exit code is 1 if files and history differ, or something is half done.
    """
    from whimbrel.cli import status

    return status.show(call)


app.command()(common.taken(going.online))


@app.command()
@common.taken
def history(
    call: common.Call,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="How many runs at most.")
    ] = 20,
) -> int:
    """Show the runs of this database, the newest first."""
    from whimbrel.cli import history

    return history.show(call, limit=limit)


@app.command()
@common.taken
def runs(
    call: common.Call,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="How many runs at most.")
    ] = 20,
) -> int:
    """Show the runs with their rows, and which one is at work."""
    from whimbrel.cli import runs

    return runs.show_all(call, limit=limit)


@app.command()
@common.taken
def show(
    call: common.Call,
    run: _Run = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Again and again, until it ends.")
    ] = False,
    rejects: Annotated[
        bool, typer.Option("--rejects", help="With the rows that were put aside.")
    ] = False,
) -> int:
    """Show one run: its steps, its batches, what it waits for.

    Without RUN it is the one at work, or else the last one.
    """
    from whimbrel.cli import runs

    return runs.show(call, run, follow=follow, rejects=rejects)


@app.command()
@common.taken
def pause(call: common.Call, run: _Run = None) -> int:
    """Let a run wait before its next batch."""
    from whimbrel.cli import control

    return control.pause(call, run)


@app.command()
@common.taken
def resume(call: common.Call, run: _Run = None) -> int:
    """Let a run that was paused go on."""
    from whimbrel.cli import control

    return control.resume(call, run)


@app.command()
@common.taken
def cancel(call: common.Call, run: _Run = None) -> int:
    """Let a run stop before its next batch; what is done stays."""
    from whimbrel.cli import control

    return control.cancel(call, run)


@app.command()
@common.taken
def pace(call: common.Call, run: _Run = None, max_rows_per_second: options.Pace = None) -> int:
    """Let a run go faster or slower."""
    from whimbrel.cli import control

    return control.pace(call, run, limit=max_rows_per_second)


@app.command()
@common.taken
def verify(
    call: common.Call,
    source: _Side,
    target: _Side,
    tables: Annotated[
        list[str] | None,
        typer.Option(
            "--tables",
            metavar="A,B=C",
            help="Only these tables; SOURCE=TARGET where the names differ.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="A,B", help="All tables but these."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="TABLE: …",
            help="Only these columns: 'orders: id, total=price * n'; * is all others.",
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="TABLE: …", help="What names a row: 'orders: id'."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="TABLE: …", help="Only rows like this: 'orders: id > 5'."),
    ] = None,
    where_target: Annotated[
        list[str] | None,
        typer.Option(
            "--where-target", metavar="TABLE: …", help="The same in the target, if it differs."
        ),
    ] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance",
            metavar="TABLE.COLUMN=N",
            help="How far numbers may lie apart: 0.01, or 0.1%.",
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            "--sample",
            metavar="N|N%",
            show_default=False,
            help="Only so many rows, or such a share; not a proof for the others.",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="How many sessions on each side.")
    ] = 2,
    looks: Annotated[
        int,
        typer.Option(
            "--looks",
            metavar="N",
            min=0,
            help="How often to look again at what differs while it is being written to.",
        ),
    ] = 3,
    examples: Annotated[
        int,
        typer.Option("--examples", metavar="N", min=0, help="Differences kept per table."),
    ] = 100,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            show_default=False,
            help="Write every difference to a .csv, .json, .jsonl or .parquet.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            "--html",
            metavar="FILE",
            show_default=False,
            help="Write the report here, as .html or .json, instead of the reports folder.",
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    repair: Annotated[
        str | None,
        typer.Option(
            "--repair",
            metavar="plan|apply",
            show_default=False,
            help="Show what would make the target like the source; or do it, and compare again.",
        ),
    ] = None,
    repair_log: Annotated[
        Path | None,
        typer.Option(
            "--repair-log",
            metavar="FILE",
            show_default=False,
            help="Write every change of a repair to this new .jsonl.",
        ),
    ] = None,
) -> int:
    """Compare two databases, or two tables, down to the row that differs.

    SOURCE and TARGET are names in whimbrel.toml or URLs; #TABLE behind one means that table.
    The exit code is 0 only if they are equal.
    """
    from whimbrel.cli import verify

    return verify.run(
        call,
        verify.Asked(
            source=source,
            target=target,
            tables=tables or (),
            exclude=exclude or (),
            columns=columns or (),
            key=key or (),
            where=where or (),
            where_target=where_target or (),
            tolerance=tolerance or (),
            sample=sample,
            jobs=jobs,
            looks=looks,
            examples=examples,
            export=export,
            report=report,
            no_report=no_report,
            repair=repair,
            repair_log=repair_log,
        ),
    )


app.command()(common.taken(rehearsing.rehearse))
app.command()(common.taken(assessing.assess))
app.command()(common.taken(moving.transfer))
app.command()(common.taken(moving.cutover))
app.command()(common.taken(subsetting.subset))
app.command()(common.taken(moving.rejects))
app.command()(common.taken(dualing.outbox))
app.command()(common.taken(dualing.reconcile))
app.command()(common.taken(backing.backup))
app.command()(common.taken(backing.restore))


@app.command()
@common.taken
def validate(
    call: common.Call,
    asked: Annotated[
        str | None,
        typer.Argument(
            metavar="DATABASE", show_default=False, help="Its name in whimbrel.toml, or a URL."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Only this rule; can be repeated."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            show_default=False,
            help="How many offending rows to show of each rule; 10.",
        ),
    ] = None,
) -> int:
    """Ask whether the rules of whimbrel.toml hold in a database; change nothing.

    The exit code is 1 if a rule that is no mere warning does not hold.
    """
    from whimbrel.cli import validate

    return validate.run(call, asked, only=only or (), limit=limit)


@app.command()
@common.taken
def baseline(call: common.Call, to: Annotated[str | None, options.To] = None) -> int:
    """Declare migrations as applied without running them."""
    from whimbrel.cli import notes

    return notes.baseline(call, to=to)


@app.command()
@common.taken
def accept(call: common.Call, migration: options.Id) -> int:
    """Accept that an applied file was edited or removed."""
    from whimbrel.cli import notes

    return notes.accept(call, migration)


@app.command()
@common.taken
def resolve(
    call: common.Call,
    migration: options.Id,
    position: Annotated[int, typer.Argument(metavar="POSITION", help="Which step.")],
    done: Annotated[
        bool | None,
        typer.Option("--done/--not-done", show_default=False, help="Whether it happened."),
    ] = None,
) -> int:
    """Say of a step that was interrupted whether it happened."""
    from whimbrel.cli import notes

    if done is None:
        raise errors.UsageError(
            "it was not said whether the step happened",
            remedy="look at the database, then add  --done  or  --not-done",
        )
    return notes.resolve(call, migration, position, done=done)


@app.command()
@common.taken
def report(
    call: common.Call,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            metavar="FILE",
            show_default=False,
            help="Say whether this report, HTML or JSON, is as it was sealed.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="How many reports at most.")
    ] = 20,
) -> int:
    """List the reports that were written, or check one.

    With --check the exit code is 1 if the file was changed, or has no seal.
    """
    from whimbrel.cli import report

    return report.show(call, limit=limit) if check is None else report.check(call, check)


@app.command()
@common.taken
def explain(
    call: common.Call,
    slug: Annotated[
        str | None,
        typer.Argument(metavar="SLUG", show_default=False, help="The name in the brackets."),
    ] = None,
) -> int:
    """Show the page of an error, or a list of all pages."""
    from whimbrel.cli import explain

    return explain.show(call, slug)
