"""The options that every command takes, before or after its name."""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whimbrel import config, errors, events
from whimbrel.cli import output, stop

if TYPE_CHECKING:
    from whimbrel.migrations import project


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What was said for all commands."""

    json: bool = False
    database: str | None = None
    project: Path | None = None
    quiet: bool = False
    traceback: bool = False

    def over(self, outer: Common) -> Common:
        """Return these, and what was said before the command's name where nothing is said here."""
        return Common(
            json=self.json or outer.json,
            database=self.database if self.database is not None else outer.database,
            project=self.project if self.project is not None else outer.project,
            quiet=self.quiet or outer.quiet,
            traceback=self.traceback or outer.traceback,
        )


@dataclass(slots=True, kw_only=True)
class Call:
    """One call of the command line: what was said, where to write, and whether to stop."""

    out: output.Output
    stop: stop.Stop
    common: Common = Common()
    context: typer.Context | None = None
    # Changes of schema are done so that others can work on large tables meanwhile.
    safe: bool = True
    # How far live changes go.
    until: str | None = None
    complete: bool = False

    @property
    def folder(self) -> Path | None:
        """The folder that was asked for; raise UsageError if it does not exist."""
        folder = self.common.project
        if folder is not None and not folder.is_dir():
            raise errors.UsageError(
                f"there is no folder {str(folder)!r}",
                remedy=f"correct the name, or make a project there:  "
                f"whimbrel init --project {shlex.quote(str(folder))}",
            )
        return folder

    def project(self, command: str, tell: events.Listener = events.nobody) -> project.Project:
        """Open the project and the database that were asked for."""
        from whimbrel.migrations import project

        opened = project.open_project(
            folder=self.folder,
            database=self.common.database,
            tell=tell,
            command=f"whimbrel {command}",
        )
        # A password may stand among the parameters of a URL, too.
        opened.url = config.masked(opened.url)
        opened.safe = self.safe
        if self.until is not None or self.complete:
            from whimbrel.migrations import live

            opened.wish = live.Wish(until=self.until, complete=self.complete)
        return opened


Command = Callable[..., int]


def taken(command: Command) -> Command:
    """Give a command the common options; it gets them, with all else, as a Call."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    given = inspect.signature(_options, eval_str=True).parameters
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", keyword, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in (*own, *given.values())),
    ]

    @functools.wraps(command)
    def called(ctx: typer.Context, **values: Any) -> int:
        call: Call = ctx.obj
        call.context = ctx
        here = Common(**{name: values.pop(name) for name in given})
        call.common = here.over(call.common)
        call.out.quiet = call.common.quiet
        try:
            return command(call, **values)
        # Typer would leave without a word at the first, Python at the second.
        except KeyboardInterrupt:
            raise stop.Stopped from None
        except SystemExit as error:
            raise ended_by_migration(error) from error

    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


def ended_by_migration(error: SystemExit) -> errors.WhimbrelError:
    """Return what to say when a migration calls sys.exit: it is not its to decide."""
    return errors.WhimbrelError(
        "a migration's own code ended Python (sys.exit)",
        left="what was not committed is taken back",
        cause=f"SystemExit: {error}",
        remedy="let it raise an error instead; then see what is applied:  whimbrel status",
    )


def _options(
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            "-d",
            metavar="ALIAS|URL",
            help="The database: its name in whimbrel.toml, or a URL.",
        ),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="FOLDER",
            help="The folder of the project, instead of the current one.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Write only what was asked for, and errors.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where in the code an error came from.")
    ] = False,
) -> None:
    """Exist for its signature only."""
