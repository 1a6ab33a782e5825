"""What a database contains beside its tables: views, triggers, routines, sequences, types, …

And, for two databases of one engine, the texts by which everything is made again as it was.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar


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
    PRIVILEGE = "privilege"  # one line for all of them: they are not made again
    SCHEMA = "schema"  # another one than the session's, which is not moved
    OTHER = "other object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object: `sql` makes it again on the same engine, empty where nothing can.

    `table` is the table (or view) that it belongs to; what belongs to a table is also in the
    `TableText` of that table and need not be made by its own `sql`. `body` is the query of a view,
    `columns` the names of its columns where the query does not say them. `needs` are names of
    tables and other things that have to be there first. `first` and `then` are statements around
    `sql`: settings that it is made under, comments, a disabled state. `note` says how what these
    make differs from what was there. What `spans` more databases than this one may change without
    anybody having touched this one.
    """

    kind: Kind
    name: str
    sql: str = ""
    table: str | None = None
    body: str = ""
    needs: tuple[str, ...] = ()
    comment: str | None = None
    columns: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    note: str = ""
    spans: bool = False

    @property
    def statements(self) -> tuple[str, ...]:
        """Return everything that makes it again, in order; nothing where nothing can."""
        return (*self.first, self.sql, *self.then) if self.sql else ()


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
    `last` are triggers, policies, comments. `needs` are names of things and of other tables that
    have to be there before `create` (a type, a parent); those of foreign keys are not among them.
    """

    create: tuple[str, ...]
    after: tuple[tuple[str, str], ...] = ()
    foreign_keys: tuple[tuple[str, str], ...] = ()
    last: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()


_Item = TypeVar("_Item")


def arranged(items: Iterable[tuple[str, Sequence[str], _Item]]) -> list[_Item]:
    """Return items of (name, names it needs, item) so that each comes behind what it needs.

    Otherwise they stay in their order, also those that need each other in a circle. Names that
    nothing here has are taken to be there.
    """
    known = list(items)
    named: dict[str, list[int]] = {}
    for at, (name, _, _) in enumerate(known):
        named.setdefault(name, []).append(at)
    found: list[_Item] = []
    entered: set[int] = set()
    for start in range(len(known)):
        # Each entry: an item, and whether everything that it needs has been placed.
        path = [(start, False)]
        while path:
            at, placed = path.pop()
            if placed:
                found.append(known[at][2])
            elif at not in entered:
                entered.add(at)
                path.append((at, True))
                needed = [one for name in known[at][1] for one in named.get(name, ())]
                path += [(one, False) for one in reversed(needed)]
    return found


# They read tables, some by their keys, or act when rows come.
_LATE = frozenset({Kind.VIEW, Kind.MATERIALIZED_VIEW, Kind.RULE, Kind.TRIGGER, Kind.EVENT})


def parted(
    things: Sequence[Thing], texts: Mapping[str, TableText]
) -> tuple[list[tuple[str, tuple[str, ...]]], list[tuple[str, tuple[str, ...]]]]:
    """Return (name, statements) of tables and of what has to be there early, and of the rest.

    The rest is made when tables have their keys and indexes: views, and whatever needs one, but
    not what tables themselves need. What belongs to a table is in neither; it is in its text.
    """
    views = {one.name for one in things if one.kind in (Kind.VIEW, Kind.MATERIALIZED_VIEW)}
    free = [one for one in things if one.sql and (one.table is None or one.table in views)]
    needs = {one.name: one.needs for one in free} | {name: t.needs for name, t in texts.items()}

    def all_needed(names: Iterable[str]) -> set[str]:
        found: set[str] = set()
        path = list(names)
        while path:
            name = path.pop()
            if name not in found:
                found.add(name)
                path += needs.get(name, ())
        return found

    late_names = {one.name for one in free if one.kind in _LATE}
    first = all_needed(texts)
    early: list[Thing] = []
    late: list[Thing] = []
    for one in free:
        waits = one.kind in _LATE or bool(late_names & all_needed(one.needs))
        (late if waits and one.name not in first else early).append(one)
    made = [(one.name, one.needs, (one.name, one.statements)) for one in early]
    made += [(name, text.needs, (name, text.create)) for name, text in texts.items()]
    return arranged(made), [(one.name, one.statements) for one in late]


class Inventory(abc.ABC):
    """Looks into the catalog of one session's database."""

    # Whether the server drops nothing that a view needs.
    holds: bool = False

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
    def drop(self, thing: Thing) -> str:
        """Return the statement that drops an object if it is there, and nothing with it.

        Empty for what belongs to a table, and for what is not dropped by anybody but its owner.
        """

    @abc.abstractmethod
    def set_counter(self, counter: Counter) -> str:
        """Return the statement after which the next row is given `counter.next`.

        Empty where the rows alone decide, and nothing can be set.
        """
