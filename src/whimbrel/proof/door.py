"""Compare two databases by their names or URLs: what programs and the command line call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from whimbrel import clock as clocks
from whimbrel import config as configs
from whimbrel import errors, events
from whimbrel.engines import base, forms, registry
from whimbrel.proof import differ, pairs, wishes
from whimbrel.proof import verify as verifying

Columns = Mapping[str, Sequence[str] | Mapping[str, str]]
Where = str | tuple[str, str]
Near = str | float | Decimal | forms.Tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database, or one table of it, as it was named."""

    database: configs.DatabaseConfig
    table: str | None

    def open(self, *, read_only: bool = True) -> base.Session:
        """Open a session."""
        engine, parsed = registry.parse(self.database.real_url())
        located = engine.located(parsed, self.database.folder)
        if not engine.exists(located):
            raise errors.DatabaseUnavailable(
                database=configs.masked(located.render_as_string()),
                cause="there is no such file",
                remedy="correct the name",
            )
        return registry.open_session(
            located.render_as_string(hide_password=False), read_only=read_only
        )


def place(named: str, config: configs.Config) -> Place:
    """Return what `shop`, `sqlite:///shop.db` or either with `#table` behind it means."""
    database, mark, table = named.rpartition("#")
    if not mark or "/" in table or "@" in table:
        database, table = named, ""
    return Place(database=configs.find_database(config, database), table=table or None)


def verify(
    source: str,
    target: str,
    *,
    tables: Sequence[str] | Mapping[str, str] | None = None,
    exclude: Sequence[str] = (),
    columns: Columns | None = None,
    key: Mapping[str, str | Sequence[str]] | None = None,
    where: Mapping[str, Where] | None = None,
    tolerance: Mapping[str, Mapping[str, Near]] | None = None,
    sample: float | None = None,
    jobs: int = 2,
    examples: int = 100,
    looks: int = 3,
    pause: float = 0.25,
    folder: Path | str | None = None,
    tell: events.Listener = events.nobody,
    clock: clocks.Clock = clocks.SYSTEM,
) -> verifying.Verification:
    """Compare two databases, down to the row that differs; nothing is written to either.

    `source` and `target` are names in whimbrel.toml or URLs, with `#table` behind them for one
    table. `tables` are names, or a mapping from source to target. `columns` has, by table of the
    source, names or a mapping from a column (or expression) of the source to one of the target;
    `*` stands for all others. `where` has a condition by table, or one for each side. `tolerance`
    has how far numbers may lie apart, by table and column: absolute, or as "0.1%". `sample` is a
    share below 1 or a number of rows.

    Raises UnknownDatabase, BadUrl, DatabaseUnavailable, TableNotFound, ColumnNotFound,
    AmbiguousMatch, NotComparable, NothingToCompare, UsageError.
    """
    if jobs < 1:
        raise errors.UsageError("there has to be one job at least", remedy="jobs=2")
    if sample is not None and sample <= 0:
        raise errors.UsageError("a sample is larger than nothing", remedy="sample=0.05")
    config = configs.load(Path(folder) if folder is not None else None)
    ends = place(source, config), place(target, config)
    wanted = pairs.Wanted(
        tables=_tables(ends, tables),
        exclude=frozenset(exclude),
        columns={name: wishes.either(said) for name, said in (columns or {}).items()},
        key={
            name: (said,) if isinstance(said, str) else tuple(said)
            for name, said in (key or {}).items()
        },
        where={
            name: (said, said) if isinstance(said, str) else said
            for name, said in (where or {}).items()
        },
        tolerance={
            name: {column: wishes.tolerance(said) for column, said in by_column.items()}
            for name, by_column in (tolerance or {}).items()
        },
    )
    options = differ.Options(jobs=jobs, examples=examples, sample=sample, looks=looks, pause=pause)
    opens: tuple[Callable[[], base.Session], ...] = (ends[0].open, ends[1].open)
    return verifying.verify(
        opens[0],
        opens[1],
        wanted=wanted,
        options=options,
        writing=functools.partial(ends[1].open, read_only=False),
        tell=tell,
        clock=clock,
    )


def _tables(
    ends: tuple[Place, Place], said: Sequence[str] | Mapping[str, str] | None
) -> dict[str, str]:
    source, target = ends[0].table, ends[1].table
    if source is None and target is None:
        return wishes.either(said)
    if said:
        raise errors.UsageError(
            "the tables are said twice", remedy="leave out either the # or --tables"
        )
    one = source or target or ""
    return {one: target or one}
