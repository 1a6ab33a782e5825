"""Which rows go into which table, and what is done to them on the way.

A flow is one stream of rows into one table. A table that is split has two flows from it, a join
one flow from a query. Where rules come from (`whimbrel.toml`, the command line, Python) is the work
of `mapping`; how rows are carried that of `copier`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

# A row on its way through Python: the text of each value in its form (`engines.forms`), by the
# name of the target's column.
Texts = dict[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowColumn:
    """A column of the target, and the SQL expression of the source that gives it.

    `plain` is the source's column where the expression is nothing but that.
    """

    target: str
    expression: str
    plain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row that a rule or the target refused: which rule, why, and the row as it was read."""

    row: Texts
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleansed:
    """What a rule changed in a column: how many values, and a few before and after."""

    column: str
    rule: str
    values: int
    samples: tuple[tuple[str | None, str | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of some rows: those to be written, those that were not, what was done to values.

    `dropped` counts rows that a rule left out because it was told to (copies of others).
    """

    rows: list[Texts]
    rejected: list[Rejected] = field(default_factory=list)
    cleansed: list[Cleansed] = field(default_factory=list)
    dropped: int = 0


class Change(Protocol):
    """What is done to rows in Python: cleansing, the user's own function, new keys.

    It can be sent to another process. `reads` are names of columns that it needs of the source
    beside those of the flow.
    """

    def apply(self, rows: Sequence[Texts]) -> Changed:
        """Return what comes of rows; the same for the same rows, whenever it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One stream of rows into one table.

    `name` tells it from all others of the transfer (the table's name, if it is the only flow
    into it). `table` is the source's table, walked by its key; without one `query` is a SELECT in
    the source's SQL. `columns` empty means every column of the table under its own name, but
    those in `drop`, with `rename` applied. `types` overrides the types of target columns.
    `where` is a condition in the source's SQL.
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
