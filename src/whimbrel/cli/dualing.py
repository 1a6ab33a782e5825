"""The commands about dual writes of an application, and their options.

What each does is in `dual.py`. Nothing heavy is imported here.
"""

from __future__ import annotations

from typing import Annotated

import typer

from whimbrel.cli import common

_Pair = Annotated[
    str,
    typer.Argument(
        metavar="MODULE:PAIR",
        show_default=False,
        help="Where the application keeps what dual_write() returned:  shop.users:users",
    ),
]


def outbox(
    call: common.Call,
    action: Annotated[
        str,
        typer.Argument(
            metavar="status|deliver|retry|off|on|lead|prepare",
            show_default=False,
            help="What to do.",
        ),
    ] = "status",
    pair: Annotated[
        str | None,
        typer.Argument(
            metavar="[PAIR]",
            show_default=False,
            help="A dual write: its name in one database, or MODULE:PAIR of the application.",
        ),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[…]", show_default=False, help="For retry: numbers; for lead: old or new."
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            "--every",
            metavar="SECONDS",
            min=0.01,
            show_default=False,
            help="With deliver: go on, and look so often.",
        ),
    ] = None,
) -> int:
    """Look after what dual writes have still to write to the other side."""
    from whimbrel.cli import dual

    return dual.outbox(call, action=action, pair=pair, more=more or [], every=every)


def reconcile(
    call: common.Call,
    pair: _Pair,
    databases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[OLD NEW]",
            show_default=False,
            help="Compare inside these databases, instead of reading rows through the mapping.",
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make the second side like the leading one.")
    ] = False,
    expression: Annotated[
        list[str] | None,
        typer.Option(
            "--expression",
            metavar="FIELD=SQL",
            show_default=False,
            help="With OLD NEW: what a function of the mapping makes, in SQL of the leading side.",
        ),
    ] = None,
) -> int:
    """Compare both sides of a dual write, and repair the second one."""
    from whimbrel.cli import dual

    return dual.reconcile(
        call, pair=pair, databases=databases or [], repair=repair, expressions=expression or []
    )
