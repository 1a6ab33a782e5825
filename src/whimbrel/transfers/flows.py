"""Which rows go into which table, and what is done to them on the way.

A flow is one stream of rows into one table. A table that is split has two flows from it, a join
one flow from a query. Where rules come from (`whimbrel.toml`, the command line, Python) is the work
of `mapping`; how rows are carried that of `copier`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The values are below, where rows are: `rows` may not know of transfers.
from whimbrel.rows.changed import Change as Change
from whimbrel.rows.changed import Changed as Changed
from whimbrel.rows.changed import Cleansed as Cleansed
from whimbrel.rows.changed import Rejected as Rejected
from whimbrel.rows.changed import Texts as Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowColumn:
    """A column of the target, and the SQL expression of the source that gives it.

    `plain` is the source's column where the expression is nothing but that. Without an expression
    only the flow's change gives it a value; its type is in the flow's `types`.
    """

    target: str
    expression: str
    plain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One stream of rows into one table.

    `name` tells it from all others of the transfer (the table's name, if it is the only flow
    into it). `table` is the source's table, walked by its key; without one `query` is a SELECT in
    the source's SQL. `columns` empty means every column of the table under its own name, but
    those in `drop`, with `rename` applied. `types` overrides the types of target columns.
    `where` is a condition in the source's SQL.

    `key` are columns that name a row of a query. `beside` are columns that are read for `change`
    and not written: it finds them under their `target`. `left_out` has, by reason, conditions
    for rows of the table that do not go, to be counted for the report. `own_rows` says that
    the target's table has heirs, too, whose rows are not of this flow.

    `rows` is how many there are, where whoever made the flow knows, and `order` SQL of the source
    to write them in order. `mark` is part of what tells a transfer from another: what else of it
    may not change between an attempt and the next. `said` is what people are shown in place of
    `where`, if that is long or not for everybody's eyes.
    """

    name: str
    target: str
    table: str | None = None
    query: str = ""
    columns: tuple[FlowColumn, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    change: Change | None = None
    key: tuple[str, ...] = ()
    beside: tuple[FlowColumn, ...] = ()
    own_rows: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    order: str = ""
    mark: str = ""
    said: str = ""
