"""What is to be made on the target, as values: tables with their steps, and what cannot be made.

How a schema becomes these is the work of `convert`; sending the statements, in the order that the
fields stand in here, and noting what has been done, that of transfers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from whimbrel import tables as shapes
from whimbrel.engines import base, portable
from whimbrel.schema import losses


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedColumn:
    """A column of a target table.

    `source` is the source's column whose values it takes. Without one it is computed on the way,
    and `found` may say what it is like (NULL, default, comment) in the source's words. `type` is
    one that the user has named.
    """

    name: str
    source: str | None = None
    type: str | None = None
    found: shapes.FoundColumn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A table that is to be on the target, and the source's table that it comes from."""

    source: shapes.Table
    target: str
    columns: tuple[WantedColumn, ...]


# What is asked of the table that it belongs to; everything else has a text of its own.
_OF_TABLES: Final = frozenset(
    {"table", "primary key", "key", "unique", "index", "check", "foreign key", "trigger"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that is made at once, and can be asked for afterwards.

    `name` is what it makes; `names` are all of them where one statement makes several. An
    `optional` one may be refused by the server without harm to the rest: it is then listed as
    not converted. `repeatable` ones may be sent again.
    """

    kind: str
    table: str
    name: str
    statements: tuple[base.Statement, ...]
    names: tuple[str, ...] = ()
    optional: bool = False
    repeatable: bool = False

    def present(self, catalog: base.Catalog) -> bool:
        """Whether it has happened, as the target's catalog says; never true of a repeatable one."""
        if self.repeatable:
            return False
        if self.kind not in _OF_TABLES:
            found = catalog.texts()
            return f"{self.kind} {self.name}" in found or self.name in found
        table = catalog.find(self.table)
        if table is None:
            return False
        match self.kind:
            case "table":
                return True
            case "primary key":
                return bool(table.primary_key)
            case "foreign key":
                made: set[str | None] = {key.name for key in table.foreign_keys}
            case "check":
                made = {check.name for check in table.checks}
            case "unique" | "index" | "key":
                made = {unique.name for unique in table.uniques}
                made |= {index.name for index in table.indexes if index.valid}
                if self.kind == "key":
                    made |= {table.primary_key_name} | {check.name for check in table.checks}
            case "trigger":
                made = set(catalog.triggers(self.table))
            case _:
                return False
        return {_fold(name) for name in self.names or (self.name,)} <= {
            _fold(name) for name in made if name
        }


def refused(action: Action, cause: str) -> NotConverted:
    """Return what is to be said of an optional action that the target's server refused."""
    return NotConverted(
        kind=action.kind,
        name=action.name,
        table=None,
        why=f"the target refused it: {cause}",
        text="\n".join(statement.sql for statement in action.statements),
    )


def _fold(name: str) -> str:
    # Engines that ignore case keep one of two names that differ in nothing else; others are never
    # given such two.
    return name.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotConverted:
    """Something of the source that is not on the target, why, and its own text.

    `name` and `table` are those of the source. `proposal` is SQL of the target that does much the
    same, for the user to judge.
    """

    kind: str
    name: str
    table: str | None
    why: str
    text: str = ""
    proposal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTable:
    """A table of the target, and what makes it, in this order.

    `target` is as the target's catalog will describe it, but for indexes that a server makes by
    itself behind a foreign key. `before` comes before its rows, `after` when they are there, each
    action by itself and beside the others; `foreign_keys` and `validate` when all tables are full.
    `counters` are columns that count by themselves: their next value has to be set.
    """

    source: str
    target: shapes.Table
    before: tuple[Action, ...]
    after: tuple[Action, ...] = ()
    foreign_keys: tuple[Action, ...] = ()
    validate: tuple[Action, ...] = ()
    counters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Everything that is to be made, and everything that is not.

    `before` comes before all tables, `last` behind everything. `offers` are those that were
    given, but for the ends of foreign keys, which have to be of one type: values have to fit these.
    """

    tables: tuple[MadeTable, ...]
    before: tuple[Action, ...] = ()
    last: tuple[Action, ...] = ()
    losses: tuple[losses.Loss, ...] = ()
    not_converted: tuple[NotConverted, ...] = ()
    notes: tuple[str, ...] = ()
    offers: Mapping[tuple[str, str], portable.Offer] = field(default_factory=dict)
