"""What an assessment has found, as values: the inventory, the map, what will be hard, what to do.

How it is found is the work of `assess` and the modules beside it; reports and commands draw it.
There are no fractions among these values: times are whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from whimbrel.engines import inventory
from whimbrel.schema import dependencies, losses
from whimbrel.transfers import plan as planning


class Grade(StrEnum):
    """How hard a table will be to move."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database as people read it; an engine without a server has no `url`."""

    url: str
    engine: str
    title: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, and what its values are as far as they were looked at.

    `nulls` of the rows that were looked at, `least` and `most` of numbers, `longest` in characters
    (bytes of binary values), `kinds` by the type of values where a column takes any.
    """

    name: str
    type: str
    family: str
    null: bool
    key: bool = False
    default: str | None = None
    generated: bool = False
    nulls: int | None = None
    least: str | None = None
    most: str | None = None
    longest: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason why a table is not easy, and how hard it makes it."""

    grade: Grade
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the inventory.

    `rows` are counted if `exact`, else estimated (None: not known). The values of `looked_at` rows
    were looked at; None if nobody looked. `size` is of its rows, `index_size` of all its indexes.
    """

    name: str
    columns: tuple[Column, ...]
    rows: int | None
    exact: bool
    looked_at: int | None
    size: int | None
    index_size: int | None
    primary_key: tuple[str, ...]
    has_key: bool
    uniques: int
    indexes: int
    foreign_keys: int
    checks: int
    triggers: tuple[str, ...]
    comment: str | None = None
    part_of: str | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def grade(self) -> Grade:
        """How hard it is: as its hardest reason."""
        grades = {reason.grade for reason in self.reasons}
        order = (Grade.HARD, Grade.MEDIUM)
        return next((one for one in order if one in grades), Grade.EASY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that may not be needed, and why."""

    table: str
    name: str
    why: str
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Values or rows that are not as they should be, by name, with the first of them.

    `rows` is how many of the rows that were looked at have it. A `hint` does no harm where it is.
    """

    table: str
    column: str
    what: str
    rows: int
    says: str
    examples: tuple[tuple[tuple[str, ...], str], ...] = ()
    hint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a table will take, by a sample of its own rows or of those of small tables.

    `rows_measured` were read, and written where `written`, in `milliseconds_measured`. The time
    of the whole table lies between `least` and `most`, in milliseconds; None if its number of
    rows is not known.
    """

    table: str
    rows: int | None
    rows_measured: int
    milliseconds_measured: int
    written: bool
    together: bool = False
    expected: int | None = None
    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rule to be asked before and after: its name, its check with the options, and why.

    One that does not hold says what was `found`; it is not to be used before that is mended.
    """

    name: str
    check: str
    options: Mapping[str, object]
    says: str
    why: str
    found: str = ""

    @property
    def holds(self) -> bool:
        """Whether it holds in the database that it was made from."""
        return not self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All of it.

    `target` and `plan` are there where it was asked what a transfer would do; `refused` says why
    no plan could be made. `things` are what is no table; `since` is since when the server counts
    how often indexes are read, empty if it does not.
    """

    source: Place
    position: str
    snapshot: str
    started_at: str
    milliseconds: int
    tables: tuple[Table, ...]
    things: tuple[inventory.Thing, ...]
    counters: tuple[inventory.Counter, ...]
    graph: dependencies.Graph
    unused: tuple[Index, ...]
    since: str
    findings: tuple[Finding, ...]
    paces: tuple[Pace, ...]
    rules: tuple[Proposal, ...]
    target: Place | None = None
    plan: planning.TransferPlan | None = None
    refused: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int | None:
        """Return how many rows there are, as far as all tables know; None if one does not."""
        counts = [table.rows for table in self.tables]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def size(self) -> int | None:
        """Return the bytes of all tables and indexes; None if one is not known."""
        sizes = [size for one in self.tables for size in (one.size, one.index_size)]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def without_key(self) -> tuple[str, ...]:
        """Tables in which nothing tells two rows apart."""
        return tuple(table.name for table in self.tables if not table.has_key)

    @property
    def dirty(self) -> tuple[Finding, ...]:
        """What will do harm somewhere; hints are left out."""
        return tuple(one for one in self.findings if not one.hint)

    @property
    def refusals(self) -> tuple[losses.Loss, ...]:
        """What a transfer would refuse."""
        return () if self.plan is None else self.plan.refused

    @property
    def total(self) -> tuple[int, int, int] | None:
        """Milliseconds for all tables one after the other: expected, least, most."""
        if not self.paces or any(one.expected is None for one in self.paces):
            return None
        return (
            sum(one.expected or 0 for one in self.paces),
            sum(one.least or 0 for one in self.paces),
            sum(one.most or 0 for one in self.paces),
        )

    def graded(self, grade: Grade) -> tuple[Table, ...]:
        """Return the tables of a grade."""
        return tuple(table for table in self.tables if table.grade is grade)

    def counts(self) -> dict[str, int]:
        """Return how many there are of each kind of thing, tables first."""
        found = {"table": len(self.tables)}
        found["column"] = sum(len(table.columns) for table in self.tables)
        found["foreign key"] = sum(table.foreign_keys for table in self.tables)
        found["index"] = sum(table.indexes for table in self.tables)
        found["check"] = sum(table.checks for table in self.tables)
        for thing in self.things:
            # Plain ones are counted above; these are the rest of their kind.
            kind = thing.kind.value
            found[kind] = found.get(kind, 0) + 1
        return {kind: count for kind, count in found.items() if count}

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        total = self.total
        return {
            "source": _place(self.source),
            "target": None if self.target is None else _place(self.target),
            "snapshot": {"position": self.position, "kind": self.snapshot},
            "started_at": self.started_at,
            "milliseconds": self.milliseconds,
            "counts": self.counts(),
            "rows": self.rows,
            "bytes": self.size,
            "tables": [_table(one) for one in self.tables],
            "things": [
                {"kind": one.kind.value, "name": one.name, "table": one.table}
                for one in self.things
            ],
            "counters": [
                {"table": one.table, "column": one.column, "sequence": one.sequence,
                 "next": one.next}
                for one in self.counters
            ],
            "dependencies": _graph(self.graph),
            "tables_without_key": list(self.without_key),
            "unused_indexes": [
                {"table": one.table, "index": one.name, "why": one.why, "bytes": one.size}
                for one in self.unused
            ],
            "index_reads_since": self.since or None,
            "findings": [
                {
                    "table": one.table,
                    "column": one.column,
                    "what": one.what,
                    "rows": one.rows,
                    "says": one.says,
                    "hint": one.hint,
                    "examples": [
                        {"key": list(key), "value": value} for key, value in one.examples
                    ],
                }
                for one in self.findings
            ],
            "conversion": None if self.plan is None else _plan(self.plan),
            "refused": self.refused or None,
            "times": [
                {
                    "table": one.table,
                    "rows": one.rows,
                    "rows_measured": one.rows_measured,
                    "milliseconds_measured": one.milliseconds_measured,
                    "written": one.written,
                    "measured_together": one.together,
                    "milliseconds": one.expected,
                    "milliseconds_least": one.least,
                    "milliseconds_most": one.most,
                }
                for one in self.paces
            ],
            "milliseconds_in_all": None if total is None else list(total),
            "rules": [
                {
                    "name": one.name,
                    "check": one.check,
                    "options": dict(one.options),
                    "says": one.says,
                    "why": one.why,
                    "holds": one.holds,
                    "found": one.found or None,
                }
                for one in self.rules
            ],
            "difficulty": {grade.value: len(self.graded(grade)) for grade in Grade},
            "notes": list(self.notes),
        }  # fmt: skip


def _place(place: Place) -> dict[str, object]:
    return {
        "url": place.url,
        "engine": place.engine,
        "title": place.title,
        "version": place.version,
    }


def _table(table: Table) -> dict[str, object]:
    return {
        "name": table.name,
        "rows": table.rows,
        "rows_exact": table.exact,
        "rows_looked_at": table.looked_at,
        "bytes": table.size,
        "index_bytes": table.index_size,
        "primary_key": list(table.primary_key),
        "has_key": table.has_key,
        "uniques": table.uniques,
        "indexes": table.indexes,
        "foreign_keys": table.foreign_keys,
        "checks": table.checks,
        "triggers": list(table.triggers),
        "comment": table.comment,
        "part_of": table.part_of,
        "difficulty": table.grade.value,
        "reasons": [{"grade": one.grade.value, "says": one.says} for one in table.reasons],
        "columns": [
            {
                "name": one.name,
                "type": one.type,
                "family": one.family,
                "null": one.null,
                "key": one.key,
                "default": one.default,
                "generated": one.generated,
                "nulls": one.nulls,
                "least": one.least,
                "most": one.most,
                "longest": one.longest,
                "kinds": dict(one.kinds),
            }
            for one in table.columns
        ],
    }


def _graph(graph: dependencies.Graph) -> dict[str, object]:
    return {
        "references": [
            {
                "table": one.table,
                "columns": list(one.columns),
                "to": one.ref_table,
                "to_columns": list(one.ref_columns),
                "name": one.name,
                "optional": one.optional,
                "deferrable": one.deferrable,
            }
            for one in graph.references
        ],
        "outside": [str(one) for one in graph.outside],
        "views": [
            {"name": one.name, "reads": list(one.reads), "materialized": one.materialized}
            for one in graph.views
        ],
        "cycles": [{"tables": list(one.tables), "way": str(one)} for one in graph.cycles],
        "load_order": [list(level) for level in graph.levels],
    }


def _plan(plan: planning.TransferPlan) -> dict[str, object]:
    """Return what a transfer would make of it; statements and their order are left out."""
    said = plan.as_json()
    return {
        "refused": said["refused"],
        "tables": said["tables"],
        "losses": said["losses"],
        "not_converted": said["not_converted"],
        "notes": said["notes"],
    }
