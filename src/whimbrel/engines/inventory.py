"""What a database contains beside its tables: views, triggers, routines, sequences, types, …

And, for two databases of one engine, the texts by which everything is made again as it was.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What an object is."""

    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    TRIGGER = "trigger"
    ROUTINE = "routine"
    SEQUENCE = "sequence"
    TYPE = "type"
    DOMAIN = "domain"
    EXTENSION = "extension"
    COLLATION = "collation"
    POLICY = "row security policy"
    RULE = "rule"
    EVENT = "event"
    INDEX = "index"  # of a sort that tables.Index does not say (full text, spatial, GIN)
    CONSTRAINT = "constraint"  # of a sort that tables does not say (EXCLUDE)
    VIRTUAL_TABLE = "virtual table"
    PARTITION = "partition"
    TABLE_OPTION = "table option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object: `sql` makes it again on the same engine, empty where nothing can.

    `table` is the table that it belongs to. `body` is the query of a view. `needs` are names of
    tables and other things that have to be there first.
    """

    kind: Kind
    name: str
    sql: str = ""
    table: str | None = None
    body: str = ""
    needs: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """How far a sequence or a counting column has counted.

    `next` is the value that the next row without one would be given; `sequence` is its name where
    it has one of its own, and `own` says that it belongs to the column alone.
    """

    table: str | None
    column: str | None
    next: int
    sequence: str | None = None
    increment: int = 1
    own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TableText:
    """The texts that make one table again on the same engine, as it is.

    `create` has columns, the checks, and whatever has to be there from the start (the primary key
    of engines that keep rows in its order); `after` is what is better made when the rows are
    there: (name, statement) of keys, indexes; `foreign_keys` come when all tables are full;
    `last` are triggers, policies, comments.
    """

    create: tuple[str, ...]
    after: tuple[tuple[str, str], ...] = ()
    foreign_keys: tuple[tuple[str, str], ...] = ()
    last: tuple[tuple[str, str], ...] = ()


class Inventory(abc.ABC):
    """Looks into the catalog of one session's database."""

    @abc.abstractmethod
    def things(self) -> list[Thing]:
        """Return everything beside tables, columns, keys, checks, plain indexes; not ours.

        In an order in which they can be made one after the other.
        """

    @abc.abstractmethod
    def counters(self) -> list[Counter]:
        """Return how far sequences and counting columns have counted."""

    @abc.abstractmethod
    def text(self, table: str) -> TableText:
        """Return the texts that make a table again on the same engine."""

    @abc.abstractmethod
    def set_counter(self, counter: Counter) -> str:
        """Return the statement after which the next row is given `counter.next`."""
