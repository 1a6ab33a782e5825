"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Count = Annotated[int | None, typer.Argument(metavar="N", show_default=False, help="How many.")]
Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A migration: its file's name without .py, or what begins it."
    ),
]
To = typer.Option(
    "--to", metavar="ID", show_default=False, help="As far as this migration, and with it."
)
OutOfOrder = Annotated[
    bool,
    typer.Option("--out-of-order", help="Also those that come before one that is applied already."),
]

Safe = Annotated[
    bool,
    typer.Option(
        "--safe/--no-safe",
        help="Build indexes and prove constraints of large tables while others work on them.",
    ),
]

Pace = Annotated[
    str | None,
    typer.Option(
        "--max-rows-per-second",
        metavar="N",
        show_default=False,
        help="Steps in batches go no faster than this; 0 is no limit.",
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers", metavar="N", show_default=False, help="How many at once, for steps in batches."
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        show_default=False,
        help="Batches shrink before this process needs more, such as '512 MB'.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="PHASE",
        show_default=False,
        help="Stop a live change when it is expanded, mirrored, backfilled, verified, swapped.",
    ),
]
