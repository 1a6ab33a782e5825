"""The commands that make backups and restore them, and their options.

What each does is in the module of its name. Nothing heavy is imported here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from whimbrel import errors
from whimbrel.cli import common

_Folder = Annotated[
    Path | None,
    typer.Option(
        "--into",
        metavar="FOLDER",
        show_default=False,
        help="The folder of backups; backups/ in the project otherwise.",
    ),
]


def backup(
    call: common.Call,
    named: Annotated[
        str | None,
        typer.Argument(
            metavar="[ALIAS|URL]", show_default=False, help="A database; the default one."
        ),
    ] = None,
    into: _Folder = None,
    way: Annotated[
        str | None,
        typer.Option(
            "--way",
            metavar="native|portable",
            show_default=False,
            help="By the engine's own programs, or by none.",
        ),
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            "--verify",
            metavar="files|restore",
            show_default=False,
            help="Look at the files, or try them in a scratch database.",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", min=1, help="Sessions of a large pg_dump.")
    ] = 2,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the backups that are there; make none.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove those that need not be kept; make none.")
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            metavar="N",
            min=1,
            show_default=False,
            help="With --prune: so many of each database stay.",
        ),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(
            "--keep-days",
            metavar="N",
            min=1,
            show_default=False,
            help="With --prune: those of the last days stay.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --prune: only say which would go.")
    ] = False,
) -> int:
    """Make a backup of a database, and verify it."""
    from whimbrel.cli import backup as doing

    if (keep or keep_days or dry_run) and not prune:
        raise errors.UsageError(
            "--keep, --keep-days and --dry-run are for --prune",
            remedy="whimbrel backup --prune --keep 5",
        )
    if list_ and prune:
        raise errors.UsageError("--list shows and --prune removes", remedy="leave one of them out")
    if list_:
        return doing.show(call, into=into)
    if prune:
        return doing.prune(call, into=into, keep=keep, keep_days=keep_days, dry_run=dry_run)
    return doing.run(call, database=named, into=into, way=way, verify=verify, jobs=jobs)


def restore(
    call: common.Call,
    name: Annotated[
        str,
        typer.Argument(
            metavar="BACKUP",
            show_default=False,
            help="Its name as `whimbrel backup --list` shows it, or its folder.",
        ),
    ],
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="ALIAS|URL",
            show_default=False,
            help="The database to restore into; the default one.",
        ),
    ] = None,
    existing: Annotated[
        str,
        typer.Option(
            "--existing",
            metavar="refuse|replace",
            help="What of a database that is not empty: nothing, or all in it goes.",
        ),
    ] = "refuse",
    owners: Annotated[
        bool,
        typer.Option(
            "--owners/--no-owners", help="Whether everything belongs to whom it belonged to."
        ),
    ] = True,
    backups: Annotated[
        Path | None,
        typer.Option(
            "--backups", metavar="FOLDER", show_default=False, help="The folder of backups."
        ),
    ] = None,
) -> int:
    """Make a database what it was when a backup of it was made."""
    from whimbrel.cli import restore as doing

    return doing.run(call, name, into=into, existing=existing, owners=owners, backups=backups)
