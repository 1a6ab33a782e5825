"""What a transfer will do, as a value: tables, types, rows, keys, and what cannot go as it is.

Planning only reads: the source's catalog and the values that are there, the target's catalog. A
dry run, the report and the run itself read the same plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from whimbrel import tables
from whimbrel.engines import portable
from whimbrel.schema import convert
from whimbrel.schema import losses as judging
from whimbrel.transfers import flows as flowing


class Existing(Enum):
    """What to do about tables that the target already has."""

    REFUSE = "refuse"
    REPLACE = "replace"  # drop them
    FILL = "fill"  # they are empty, and are filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a transfer is to be made."""

    jobs: int = 2
    schema: bool = True
    data: bool = True
    verify: bool = True
    existing: Existing = Existing.REFUSE
    max_rejects: int = 0
    chunk_bytes: int = 16 * 2**20
    chunk_rows: int = 500_000
    retries: int = 8
    # Where a value does not fit, its row goes to the rejects instead of stopping everything first.
    reject_misfits: bool = False
    # The source is followed from then on: keys, counters and what acts by itself come at the end.
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database of a plan, as people read it."""

    url: str
    engine: str
    title: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedColumn:
    """A column of the target and where its values are from.

    `plain` is a column of the source, `expression` its SQL otherwise; neither where only rules
    give it a value. `found` describes it as the source's catalog would. `proof` is what is proven
    of its values, at the moment at which they were looked at.
    """

    name: str
    plain: str | None
    expression: str
    found: tables.FoundColumn | None
    meaning: portable.Meaning | None
    type: str = ""
    proof: portable.Plain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFlow:
    """A flow with what its columns are; `rows` is about how many there are.

    Into tables that have their foreign keys already, those of a lower `level` are copied first,
    and one that refers to itself as a `whole`. `looked` is the position of the source at which
    values were looked at.
    """

    flow: flowing.Flow
    source: tables.Table | None
    columns: tuple[PlannedColumn, ...]
    rows: int | None
    beside: tuple[PlannedColumn, ...] = ()
    level: int = 0
    whole: bool = False
    looked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPlan:
    """All of it, in the order in which it is done."""

    source: Place
    target: Place
    flows: tuple[PlannedFlow, ...]
    schema: convert.Schema
    drops: tuple[convert.Action, ...] = ()
    counters: tuple[Counting, ...] = ()
    losses: tuple[judging.Loss, ...] = ()
    notes: tuple[str, ...] = ()
    options: Options = field(default_factory=Options)
    fingerprint: str = ""

    @property
    def same_engine(self) -> bool:
        """Whether both databases are of one engine."""
        return self.source.engine == self.target.engine

    @property
    def refused(self) -> tuple[judging.Loss, ...]:
        """Return what has to be decided before anything moves."""
        return tuple(one for one in self.losses if one.verdict is judging.Verdict.REFUSED)

    @property
    def not_converted(self) -> tuple[convert.NotConverted, ...]:
        """Return what the target will not have."""
        return tuple(self.schema.not_converted)

    @property
    def rows(self) -> int | None:
        """Return about how many rows will be copied."""
        counts = [one.rows for one in self.flows]
        return None if None in counts else sum(n for n in counts if n is not None)

    def actions(self) -> Iterator[convert.Action]:
        """Yield everything that changes the target's schema, in order."""
        yield from self.drops
        yield from self.schema.before
        for made in self.schema.tables:
            yield from made.before
        for made in self.schema.tables:
            yield from made.after
        for made in self.schema.tables:
            yield from made.foreign_keys
        for made in self.schema.tables:
            yield from made.validate
        yield from self.schema.last

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "source": dataclasses.asdict(self.source),
            "target": dataclasses.asdict(self.target),
            "tables": [
                {
                    "name": one.flow.name,
                    "from": one.flow.table or one.flow.query,
                    "into": one.flow.target,
                    "rows": one.rows,
                    "columns": [
                        {
                            "name": column.name,
                            "from": column.plain or column.expression,
                            "type": column.type,
                        }
                        for column in one.columns
                    ],
                }
                for one in self.flows
            ],
            "statements": [
                {
                    "kind": action.kind,
                    "table": action.table,
                    "name": action.name,
                    "sql": [statement.sql for statement in action.statements],
                }
                for action in self.actions()
            ],
            "losses": [loss_json(one) for one in self.losses],
            "not_converted": [
                {"kind": one.kind, "name": one.name, "table": one.table, "why": one.why}
                for one in self.not_converted
            ],
            "notes": list(self.notes),
            "refused": bool(self.refused),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """A column that counts by itself, and what the source would count next (None: not known)."""

    table: str
    column: str | None
    next: int | None
    sequence: str | None = None
    increment: int = 1


def loss_json(loss: judging.Loss) -> dict[str, object]:
    """Return a loss as plain values."""
    return {
        "table": loss.table,
        "column": loss.column,
        "what": loss.what,
        "verdict": loss.verdict.value,
        "says": loss.says,
        "remedy": loss.remedy,
        "rows": loss.rows,
        "examples": [{"key": list(key), "value": value} for key, value in loss.keys],
    }
