"""Move one database into another by their names or URLs: what programs and commands call."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.engines import base, registry
from whimbrel.transfers import flows as flowing
from whimbrel.transfers import plan as planning
from whimbrel.transfers import reading
from whimbrel.transfers import transfer as transferring


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """Which tables go, as names or patterns, and which rows of them."""

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: Mapping[str, str] | None = None

    def flows(self, source: reading.Source) -> tuple[flowing.Flow, ...]:
        """Return one flow for each table; raise TableNotFound for a name that is none."""
        names = list(source.tables)
        for said in (*self.tables, *self.exclude, *(self.where or {})):
            if not any(_fits(name, said) for name in names):
                raise errors.TableNotFound(said, known=names)
        chosen = [
            name
            for name in names
            if (not self.tables or any(_fits(name, said) for said in self.tables))
            and not any(_fits(name, said) for said in self.exclude)
        ]
        if not chosen:
            raise errors.UsageError(
                "there is no table to transfer", remedy="see what there is:  whimbrel status"
            )
        return tuple(
            flowing.Flow(name=name, table=name, target=name, where=(self.where or {}).get(name, ""))
            for name in chosen
        )


def _fits(name: str, said: str) -> bool:
    return name == said or fnmatch.fnmatchcase(name, said)


def database(named: str, config: configs.Config) -> configs.DatabaseConfig:
    """Return the database that a name of whimbrel.toml or a URL means."""
    return configs.find_database(config, named)


def opened(
    database: configs.DatabaseConfig, *, read_only: bool, make: bool = False
) -> base.Session:
    """Open a session; with `make` a file that does not exist is made."""
    engine, parsed = registry.parse(database.real_url())
    located = engine.located(parsed, database.folder)
    if not make and not engine.exists(located):
        raise errors.DatabaseUnavailable(
            database=configs.masked(located.render_as_string()),
            cause="there is no such file",
            remedy="correct the name",
        )
    return registry.open_session(located.render_as_string(hide_password=False), read_only=read_only)


def request(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    options: planning.Options | None = None,
    folder: Path | str | None = None,
    command: str = "whimbrel transfer",
) -> transferring.Request:
    """Return what is asked for; raise UnknownDatabase, BadUrl, UsageError."""
    config = configs.load(Path(folder) if folder is not None else None)
    ends = database(source, config), database(target, config)
    picked = Picked(tables=tuple(tables), exclude=tuple(exclude), where=where)
    return transferring.Request(
        source=functools.partial(opened, ends[0], read_only=True),
        target=functools.partial(opened, ends[1], read_only=False, make=True),
        resolve=picked.flows,
        options=options or planning.Options(),
        name=f"transfer from {ends[0].title}",
        command=command,
    )


def transfer(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    jobs: int = 2,
    schema_only: bool = False,
    data_only: bool = False,
    verify: bool = True,
    existing: str = "refuse",
    max_rejects: int = 0,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> transferring.Transfer:
    """Move tables with all that belongs to them into another database, and prove it.

    `source` and `target` are names in whimbrel.toml or URLs. `tables` and `exclude` are names or
    patterns (`log_*`), `where` has a condition in the source's SQL by table. `existing` says what
    to do about tables that the target has: "refuse", "replace" (drop them) or "fill" (they have to
    be empty). So many rows as `max_rejects` may be put aside. Called again after it was stopped,
    it goes on where it was.

    Raises TransferRefused, TargetNotEmpty, TransferHalfDone, LockHeld with nothing moved;
    TransferFailed and RowFailed for what stopped it on its way; UnknownDatabase, BadUrl,
    DatabaseUnavailable, TableNotFound, UsageError.
    """
    options = options_of(
        jobs=jobs,
        schema_only=schema_only,
        data_only=data_only,
        verify=verify,
        existing=existing,
        max_rejects=max_rejects,
    )
    asked = request(
        source,
        target,
        tables=tables,
        exclude=exclude,
        where=where,
        options=options,
        folder=folder,
        command="whimbrel.transfer",
    )
    return transferring.transfer(asked, tell=tell, clock=clock)


def plan_transfer(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    schema_only: bool = False,
    data_only: bool = False,
    existing: str = "refuse",
    folder: Path | str | None = None,
) -> planning.TransferPlan:
    """Return what `transfer` would do; both databases are only read."""
    options = options_of(schema_only=schema_only, data_only=data_only, existing=existing)
    asked = request(
        source, target, tables=tables, exclude=exclude, where=where, options=options, folder=folder
    )
    return transferring.plan(asked)


def options_of(
    *,
    jobs: int = 2,
    schema_only: bool = False,
    data_only: bool = False,
    verify: bool = True,
    existing: str = "refuse",
    max_rejects: int = 0,
) -> planning.Options:
    """Return options that fit together, or raise UsageError."""
    if schema_only and data_only:
        raise errors.UsageError(
            "schema only and data only leave nothing to do", remedy="leave one of them out"
        )
    if jobs < 1:
        raise errors.UsageError("there has to be one job at least", remedy="jobs=2")
    if max_rejects < 0:
        raise errors.UsageError("max_rejects cannot be below 0", remedy="max_rejects=0")
    known = [one.value for one in planning.Existing]
    if existing not in known:
        raise errors.UsageError(
            f"existing={existing!r} means nothing", remedy=f"say one of: {', '.join(known)}"
        )
    return planning.Options(
        jobs=jobs,
        schema=not data_only,
        data=not schema_only,
        verify=verify and not schema_only,
        existing=planning.Existing(existing),
        max_rejects=max_rejects,
    )
