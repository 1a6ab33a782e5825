"""Move one database into another by their names or URLs: what programs and commands call."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.engines import base, captures, registry
from whimbrel.transfers import cutover as cutting
from whimbrel.transfers import flows as flowing
from whimbrel.transfers import follow as following
from whimbrel.transfers import mapping, reading, rulebook
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """Which tables go, as names or patterns, which rows of them, and by which rules."""

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    rules: rulebook.Mapping | None = None

    def flows(self, source: reading.Source) -> tuple[flowing.Flow, ...]:
        """Return what goes where; raise TableNotFound, BadMapping."""
        chosen = mapping.Chosen(tables=self.tables, exclude=self.exclude, where=self.where)
        found = mapping.made(self.rules, list(source.tables.values()), source.engine, chosen)
        if not found and not source.tables:
            raise errors.UsageError(
                "there is no table to transfer: the source has none",
                remedy="correct the source; its URL may name another database, or none",
            )
        if not found:
            raise errors.UsageError(
                "there is no table to transfer: all are left out",
                object=f"the source has: {errors.names(source.tables)}",
                remedy="choose others by --tables and --exclude, or by the rules",
            )
        return found


def rules_of(
    rules: str | rulebook.Mapping | None, config: configs.Config
) -> rulebook.Mapping | None:
    """Return rules by their name in whimbrel.toml, or as they are given; raise UsageError."""
    if rules is None or isinstance(rules, rulebook.Mapping):
        return rules
    for said in config.transfers.values():
        if said.name == rules:
            return rulebook.read(said)
    near = difflib.get_close_matches(rules, list(config.transfers), 1)
    raise errors.UsageError(
        f"there are no rules called {rules!r}",
        where=str(config.file) if config.file is not None else None,
        remedy=f"did you mean {near[0]!r}?" if near else f"write them:  [transfers.{rules}]",
    )


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


def imagined(database: configs.DatabaseConfig) -> base.Session:
    """Open a session that cannot write, for a plan; a file that does not exist is not made."""
    engine, parsed = registry.parse(database.real_url())
    located = engine.located(parsed, database.folder)
    if engine.exists(located):
        return opened(database, read_only=True)
    # An empty database that is nowhere stands for the one that is not there yet.
    session = registry.open_session(sa.URL.create(located.drivername).render_as_string())
    session.url = configs.masked(located.render_as_string())
    return session


def request(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    rules: str | rulebook.Mapping | None = None,
    options: planning.Options | None = None,
    executor: Executor | None = None,
    folder: Path | str | None = None,
    command: str = "whimbrel transfer",
    look: bool = False,
) -> transferring.Request:
    """Return what is asked for; raise UnknownDatabase, BadUrl, UsageError.

    With `look` the target can only be looked at, for a plan.
    """
    config = configs.load(Path(folder) if folder is not None else None)
    ends = database(source, config), database(target, config)
    picked = Picked(
        tables=tuple(tables),
        exclude=tuple(exclude),
        where=where or {},
        rules=rules_of(rules, config),
    )
    return transferring.Request(
        source=functools.partial(opened, ends[0], read_only=True),
        target=functools.partial(imagined, ends[1])
        if look
        else functools.partial(opened, ends[1], read_only=False, make=True),
        resolve=picked.flows,
        options=options or planning.Options(),
        name=f"from {ends[0].title}",
        place=ends[1].title,
        command=command,
        executor=executor,
    )


def transfer(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    rules: str | rulebook.Mapping | None = None,
    jobs: int = 2,
    schema_only: bool = False,
    data_only: bool = False,
    verify: bool = True,
    existing: str = "refuse",
    max_rejects: int = 0,
    executor: Executor | None = None,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> transferring.Transfer:
    """Move tables with all that belongs to them into another database, and prove it.

    `source` and `target` are names in whimbrel.toml or URLs. `tables` and `exclude` are names or
    patterns (`log_*`), `where` has a condition in the source's SQL by table. `rules` are a
    Mapping, or the name of one in whimbrel.toml, for other tables and columns than the source's.
    `executor` copies chunks elsewhere: processes, a cluster. `existing` says what
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
        rules=rules,
        options=options,
        executor=executor,
        folder=folder,
        command="whimbrel.transfer",
    )
    return transferring.transfer(asked, tell=tell, clock=clock)


def follow_request(
    source: str, asked: transferring.Request, *, how: str, until_level: bool, folder: Path | None
) -> following.Request:
    """Return a transfer whose source is followed from then on."""
    if how not in (captures.TRIGGERS, captures.LOG):
        raise errors.UsageError(
            f"capture={how!r} means nothing",
            remedy=f"say one of: {captures.TRIGGERS}, {captures.LOG}",
        )
    if not (asked.options.data and asked.options.schema):
        raise errors.UsageError(
            "only a whole transfer can be followed", remedy="leave schema only and data only out"
        )
    writing = database(source, configs.load(folder))
    return following.Request(
        transfer=asked,
        capture=functools.partial(opened, writing, read_only=False),
        how=how,
        until_level=until_level,
    )


def follow(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    rules: str | rulebook.Mapping | None = None,
    capture: str = captures.TRIGGERS,
    until_level: bool = False,
    jobs: int = 2,
    verify: bool = True,
    existing: str = "refuse",
    max_rejects: int = 0,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> following.Followed:
    """Copy a database into another one, and bring whatever changes there from then on.

    `capture` says how changes are noticed: by "triggers", or by the server's own "log".
    It goes on until KeyboardInterrupt is raised (by `tell`, say), or a cutover asks for the
    target; with `until_level` until all is brought that had changed by then. Called again it
    goes on where it was. What else is given means the same as for `transfer`.

    Raises CannotFollow with nothing changed, SourceAltered, CaptureLost, and what `transfer`
    raises.
    """
    asked = request(
        source,
        target,
        tables=tables,
        exclude=exclude,
        where=where,
        rules=rules,
        options=options_of(jobs=jobs, verify=verify, existing=existing, max_rejects=max_rejects),
        folder=folder,
        command="whimbrel.follow",
    )
    made = follow_request(
        source,
        asked,
        how=capture,
        until_level=until_level,
        folder=Path(folder) if folder is not None else None,
    )
    return following.follow(made, tell=tell, clock=clock)


def cutover(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    rules: str | rulebook.Mapping | None = None,
    max_rejects: int = 0,
    stop_writes: str = "",
    start_writes: str = "",
    switch: str = "",
    verify: bool = True,
    reverse: bool = False,
    back: bool = False,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> cutting.CutOver:
    """Let the target take over from the source that it follows.

    What is followed has to be said as it was said to `follow`. `stop_writes` and `switch` are
    commands of a shell; without the first, triggers refuse whatever is written to the followed
    tables of the source, and stay. Whoever follows is asked to let go of the target.

    With `reverse` what changes in the target is noted from the switch on: then
    `follow(target, source)` brings it back into the source, and the same call with `back` lets
    that take over again.

    Raises NotFollowed, CannotFollow, LockHeld with nothing changed; CutoverFailed, after which
    writes are allowed again, unless it says otherwise.
    """
    made = cutover_request(
        *((target, source) if back else (source, target)),
        tables=tables,
        exclude=exclude,
        where=where,
        rules=rules,
        max_rejects=max_rejects,
        folder=folder,
        command="whimbrel.cutover",
    )
    wishes = cutting.Wishes(
        stop_writes=stop_writes,
        start_writes=start_writes,
        switch=switch,
        verify=verify,
        reverse=reverse,
    )
    return cutting.cutover(made, wishes, tell=tell, clock=clock)


def cutover_request(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    rules: str | rulebook.Mapping | None = None,
    max_rejects: int = 0,
    folder: Path | str | None = None,
    command: str = "whimbrel cutover",
) -> following.Request:
    """Return what is followed, for a cutover, and the same the other way round.

    How it is noticed, the target's journal knows.
    """
    options, place = options_of(max_rejects=max_rejects), Path(folder) if folder else None
    there = request(
        source, target, tables=tables, exclude=exclude, where=where, rules=rules,
        options=options, folder=folder, command=command,
    )  # fmt: skip
    # What has conditions or rules has no way back: that is said where it is asked for.
    turned = request(
        target, source, tables=tables, exclude=exclude,
        options=options, folder=folder, command=command,
    )  # fmt: skip
    made, reverse = (
        follow_request(one, asked, how=captures.TRIGGERS, until_level=True, folder=place)
        for one, asked in ((source, there), (target, turned))
    )
    return dataclasses.replace(made, reverse=reverse)


def plan_transfer(
    source: str,
    target: str,
    *,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    rules: str | rulebook.Mapping | None = None,
    schema_only: bool = False,
    data_only: bool = False,
    existing: str = "refuse",
    folder: Path | str | None = None,
) -> planning.TransferPlan:
    """Return what `transfer` would do; both databases are only read."""
    options = options_of(schema_only=schema_only, data_only=data_only, existing=existing)
    asked = request(
        source,
        target,
        tables=tables,
        exclude=exclude,
        where=where,
        rules=rules,
        options=options,
        folder=folder,
        look=True,
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
