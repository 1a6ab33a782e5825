"""What a step does to one table, whichever way it was said: by a verb or by SQL."""

from __future__ import annotations

from dataclasses import dataclass

from whimbrel import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What all have in common: the table, by the name that it has when the step comes.

    `checked` means that the rows that are there are looked at, `beside` that nobody waits for that.
    """

    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable(Change):
    columns: tuple[tables.FoundColumn, ...] = ()
    primary_key: bool = True
    foreign_keys: tuple[tables.ForeignKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTable(Change):
    cascade: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameTable(Change):
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn(Change):
    column: tables.FoundColumn
    unique: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumn(Change):
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameColumn(Change):
    column: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retype(Change):
    """`type` is the engine's own; `using` says that an expression makes the new values."""

    column: str
    type: str
    using: bool = False
    lossy: str = ""  # a query for values that would not come back, where a verb knows one


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNotNull(Change):
    column: str
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIndex(Change):
    index: tables.Index
    concurrently: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIndex(Change):
    """`table` is "" where SQL does not say it."""

    name: str
    concurrently: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddForeignKey(Change):
    key: tables.ForeignKey
    checked: bool = True
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheck(Change):
    check: tables.Check
    checked: bool = True
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUnique(Change):
    unique: tables.Unique
    by_index: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPrimaryKey(Change):
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddExclusion(Change):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRows(Change):
    """Rows that are changed: `sql` is one statement for all of them, "" if they go in batches.

    `bounded` says that it names rows, `by` are the columns by which it finds them. `keep` says that
    the migration asks for what it changes to be kept.
    """

    verb: str  # UPDATE, DELETE or INSERT
    sql: bool = False
    bounded: bool = True
    by: tuple[str, ...] = ()
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate(Change):
    cascade: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows(Change):
    """A query; `offset` says that it skips rows that it has read."""

    offset: bool = False
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Other(Change):
    """A statement that is known by its words alone; `table` is what it seems to be about."""

    words: tuple[str, ...]
