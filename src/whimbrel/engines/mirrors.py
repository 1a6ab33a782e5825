"""What keeps an old and a new shape of the same rows in step while others write to both.

A mirror is made of triggers, so that what it writes is committed, or taken back, with the
statement that caused it. This is the contract; the engines' folders write the triggers, and
`online` decides when they come and go.
"""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum

from whimbrel import tables
from whimbrel.engines.catalogs import Statement


class Mode(StrEnum):
    """Where the two shapes are.

    COLUMNS: both in one table, so that old and new code write the same row. TABLE: the new shape
    is a table of its own, which takes the old one's name when they are exchanged. BESIDE: columns
    of one table are also those of another one, and both names stay.
    """

    COLUMNS = "columns"
    TABLE = "table"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An old and a new shape, and how each is made of the other.

    `old` and `new` are tables as the catalog describes them (the same one for COLUMNS, with all
    columns of both). `key` pairs the columns that name a row in the old and in the new table, in
    the order of the key. `up` has an SQL expression of this database over the old table's columns
    for each column of the new one that is written; `down` one over the new table's columns for
    each of the old one. A column without one gets its default, and is not written later. `parked`
    is the name that the old table has after the exchange.

    Expressions name columns barely: the engine sets NEW, OLD or a table before them.
    """

    mode: Mode
    old: tables.Table
    new: tables.Table
    key: tuple[tuple[str, str], ...]
    up: Mapping[str, str]
    down: Mapping[str, str] = field(default_factory=dict)
    parked: str = ""

    @property
    def tag(self) -> str:
        """Return what names everything that belongs to this mirror, by both tables and columns."""
        parts = (self.mode, self.old.name, self.new.name, *sorted(self.up), *sorted(self.down))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why two shapes cannot be kept in step, and what to do about it."""

    slug: str
    what: str
    remedy: str
    object: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A session that holds what we wait for; `who` has no secret in it."""

    who: str
    seconds: float
    what: str = ""


class Busy(Exception):
    """A lock was not to be had within its time; nothing has changed."""

    def __init__(self, blockers: Sequence[Blocker] = ()) -> None:
        super().__init__("the lock was not to be had in time")
        self.blockers = tuple(blockers)


class Presence(StrEnum):
    """How much of a mirror is in the database."""

    NONE = "none"
    PART = "part"
    WHOLE = "whole"


class Mirror(abc.ABC):
    """Triggers of one engine, on one session; nothing here commits where the engine can wait.

    What takes a lock takes it for `seconds` at most, raises Busy after that and has changed
    nothing: who waits for a lock is waited for by everybody behind.
    """

    @abc.abstractmethod
    def obstacles(self, shape: Shape) -> list[Obstacle]:
        """Return everything that this engine could not keep in step, before anything is made."""

    @abc.abstractmethod
    def create(self, shape: Shape) -> tuple[Statement, ...]:
        """Return what makes the new table of TABLE and BESIDE, with keys, indexes and rights.

        Foreign keys are made as far as they keep rows in step (cascades). For COLUMNS nothing:
        columns are added by the ordinary verbs.
        """

    @abc.abstractmethod
    def described(self, shape: Shape) -> list[str]:
        """Return of each trigger that `install` makes its name, when it fires, and on which table.

        Nothing is asked of tables that are not there yet.
        """

    @abc.abstractmethod
    def install(self, shape: Shape, *, seconds: float) -> None:
        """Make the triggers, both ways; what is there already is made anew.

        When this has returned, no transaction is left that has written without them.
        """

    @abc.abstractmethod
    def remove(self, shape: Shape, *, seconds: float) -> None:
        """Remove the triggers, and whatever else this mirror has made beside tables of rows."""

    @abc.abstractmethod
    def presence(self, shape: Shape) -> Presence:
        """Return how much of the mirror is there, by the catalog."""

    @abc.abstractmethod
    def unmirrored(self) -> AbstractContextManager[None]:
        """Let what this session writes inside of the block not be mirrored."""

    @abc.abstractmethod
    def fill(self, shape: Shape, condition: str) -> str:
        """Return one statement that brings the new shape of the rows of a condition up to date.

        `condition` is over the old table, without an alias. Rows that are there and right are not
        written; rows that have come or changed by the mirror meanwhile are not harmed: what is
        written is what the old shape has at that moment, under a lock of its row. It is sent
        inside of `unmirrored`. A row that somebody else is writing may be left to him, so that
        nobody waits: `astray` finds it if his trigger has not written it, and then it is filled
        once more.
        """

    @abc.abstractmethod
    def astray(self, shape: Shape, condition: str) -> str:
        """Return a query for keys (of the old table) whose shapes differ, within a condition.

        It has the key's columns, in their order, as names of the old table. Rows that are on one
        side alone are among them.
        """

    @abc.abstractmethod
    def lossy(self, shape: Shape) -> str:
        """Return a query for keys of the new shape which the old one cannot say.

        These are the rows that going back would change or lose: up(down(row)) is not the row.
        """

    @abc.abstractmethod
    def swap(self, shape: Shape, *, seconds: float) -> None:
        """Give the new table the old one's name, and the old one `parked`, in one instant.

        Triggers work on after it, both ways; so do foreign keys of others that refer to it, its
        counters, rights, and names of indexes and constraints, or `obstacles` has refused before.
        Where DDL is part of a transaction, everybody else waits until the caller commits: it does
        so at once, with its own note.
        """

    @abc.abstractmethod
    def unswap(self, shape: Shape, *, seconds: float) -> None:
        """Take the exchange back, in one instant."""

    @abc.abstractmethod
    def swapped(self, shape: Shape) -> bool:
        """Whether the exchange has happened, by the catalog."""

    def identity(self, table: str) -> str:
        """Return what stays the same until a table is emptied or made anew behind the mirror.

        Where TRUNCATE fires nothing, the runner compares it: another one before the exchange than
        when the mirror was installed means that all has to be filled again; another one after it,
        that the parked table has rows which are gone. It goes with the table when that gets
        another name. An engine whose mirror sees to it says nothing.
        """
        return ""

    @abc.abstractmethod
    def blockers(self, table: str) -> list[Blocker]:
        """Return who holds locks on a table now, the longest first."""
