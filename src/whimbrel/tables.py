"""What a table is made of, as values: columns, keys, indexes, constraints.

`Column` is what a migration asks for, in portable words; `FoundColumn` is what the catalog
says, in the engine's own words. How either is written in SQL is the engines' work.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from whimbrel import errors

# Portable type names, with the options each one takes. Their SQL is in engines/*/types.py.
TYPES: Final[dict[str, frozenset[str]]] = {
    "string": frozenset({"length", "collation"}),
    "text": frozenset({"length", "collation"}),
    "integer": frozenset(),
    "smallint": frozenset(),
    "bigint": frozenset(),
    "decimal": frozenset({"precision", "scale"}),
    "float": frozenset({"precision"}),
    "double": frozenset(),
    "boolean": frozenset(),
    "date": frozenset(),
    "time": frozenset({"precision"}),
    "datetime": frozenset({"precision"}),
    "timestamp": frozenset({"precision"}),
    "json": frozenset(),
    "binary": frozenset({"length"}),
    "uuid": frozenset(),
    "enum": frozenset({"values", "collation"}),
}

INTEGER_TYPES: Final = frozenset({"integer", "smallint", "bigint"})

# The shortest limit among our engines is PostgreSQL's, in bytes.
MAX_NAME_BYTES: Final = 63

Action = Literal["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"]
ACTIONS: Final[tuple[Action, ...]] = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")


class Unset(Enum):
    """The option was not given, which differs from None."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Sql:
    """An SQL expression where a value could stand: `default=sql("CURRENT_TIMESTAMP")`."""

    text: str


Default = str | int | float | bool | bytes | object


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as a migration asks for it.

    `null=None` means "not said": nullable in a new table, unchanged in change_column; the same
    holds for `default=UNSET`. `values` are those of an enum. `generated` is an SQL expression
    that the server computes; `stored` keeps its value on disk. With `like` the column is made
    as a catalog describes another one, and only name and `null` are its own (see `like`).
    """

    name: str
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    values: tuple[str, ...] = ()
    null: bool | None = None
    default: object = UNSET
    primary_key: bool = False
    auto_increment: bool = False
    unique: bool = False
    comment: str | None = None
    collation: str | None = None
    generated: str | None = None
    stored: bool = True
    like: FoundColumn | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_column(self)

    @property
    def nullable(self) -> bool:
        """Whether a new column of this kind takes NULL."""
        return not self.primary_key if self.null is None else self.null


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundColumn:
    """A column as the catalog describes it; `type`, `default` and `generated` are SQL text.

    `definition` is the engine's own text of the whole column where it has one (what follows
    the name in CREATE TABLE), so that a change can restate what it does not mean to change.
    """

    name: str
    type: str
    null: bool
    default: str | None = None
    auto_increment: bool = False
    comment: str | None = None
    collation: str | None = None
    generated: str | None = None
    stored: bool = True
    definition: str | None = None

    @property
    def since(self) -> bool:
        """Whether the server notes in it since when the row is as it is."""
        return self.generated == "ROW START"


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index; `columns` may hold SQL expressions, marked by `Sql`.

    `method` is how it is kept where that is no tree ("gin", "fulltext"); `extras` are words of
    the engine's own for what nothing else here says ("INCLUDE (a)", "NULLS NOT DISTINCT").
    """

    name: str
    columns: tuple[str | Sql, ...]
    unique: bool = False
    where: str | None = None
    lengths: tuple[int | None, ...] = ()
    descending: tuple[bool, ...] = ()
    sql: str | None = None
    valid: bool = True
    method: str = ""
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns of one table that refer to a key of another (or the same) table.

    A `deferrable` one is checked when a transaction commits, an `immediate` one of those at each
    statement unless a transaction asks otherwise. `full` is MATCH FULL.
    """

    name: str | None
    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]
    on_delete: Action | None = None
    on_update: Action | None = None
    deferrable: bool = False
    immediate: bool = False
    full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """A unique constraint; `extras` are words of the engine's own for what is not said here."""

    name: str | None
    columns: tuple[str, ...]
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check constraint; `sql` is its condition."""

    name: str | None
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as the catalog describes it."""

    name: str
    columns: tuple[FoundColumn, ...]
    primary_key: tuple[str, ...] = ()
    primary_key_name: str | None = None
    uniques: tuple[Unique, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    comment: str | None = None
    sql: str | None = None

    def column(self, name: str) -> FoundColumn:
        """Return the column `name`, or raise ColumnNotFound."""
        for column in self.columns:
            if column.name == name:
                return column
        raise errors.ColumnNotFound(self.name, name, known=[c.name for c in self.columns])

    def has(self, column: str) -> bool:
        """Whether the table has this column."""
        return any(c.name == column for c in self.columns)

    def replace(self, **changes: object) -> Table:
        """Return a copy with some parts replaced."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTable:
    """A table as a migration asks for it."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    uniques: tuple[Unique, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    comment: str | None = None


def like(found: FoundColumn, *, name: str | None = None, null: bool | None = None) -> Column:
    """Return a new column of exactly the type, collation and default of one that was found."""
    name, null = name or found.name, found.null if null is None else null
    return Column(
        name=name,
        type="text",  # not read: what counts is in the engine's own words
        null=null,
        default=UNSET if found.default is None else Sql(found.default),
        comment=found.comment,
        like=dataclasses.replace(found, null=null),
    )


def check_column(column: Column) -> None:
    """Raise UnknownType or BadColumn when the parts of `column` do not fit together."""
    if column.type not in TYPES:
        raise errors.UnknownType(column.type, column=column.name, known=sorted(TYPES))
    allowed = TYPES[column.type]
    given = {
        "length": column.length,
        "precision": column.precision,
        "scale": column.scale,
        "values": column.values or None,
        "collation": column.collation,
    }
    for option, value in given.items():
        if value is not None and option not in allowed:
            takes = ", ".join(sorted(allowed)) or "no such options"
            raise errors.BadColumn(
                column.name,
                why=f"the type {column.type} has no {option}",
                remedy=f"leave {option} out; {column.type} takes: {takes}",
            )
    if column.type == "enum" and not column.values:
        raise errors.BadColumn(
            column.name, why="an enum needs its values", remedy='add values=["a", "b"]'
        )
    if column.scale is not None and column.precision is None:
        raise errors.BadColumn(
            column.name, why="it has a scale but no precision", remedy="add precision="
        )
    if column.auto_increment and column.type not in INTEGER_TYPES:
        raise errors.BadColumn(
            column.name,
            why=f"a {column.type} cannot count by itself",
            remedy="use integer or bigint with auto_increment",
        )
    if column.generated is not None and (column.default is not UNSET or column.auto_increment):
        raise errors.BadColumn(
            column.name,
            why="a generated column takes no default and no auto_increment",
            remedy="leave one of them out",
        )


def constraint_name(prefix: str, table: str, parts: Sequence[str]) -> str:
    """Return the name we give to an index or constraint: prefix, table, columns.

    A name longer than the shortest limit of our engines is cut, and made unique by the first
    eight hex digits of the SHA-256 of the whole name.
    """
    name = "_".join([prefix, table, *parts])
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    head = name.encode()[: MAX_NAME_BYTES - 9].decode(errors="ignore")
    return f"{head}_{digest}"


Part = FoundColumn | Index | ForeignKey | Unique | Check
_PARTS: Final[dict[str, type[Part]]] = {
    kind.__name__: kind for kind in (FoundColumn, Index, ForeignKey, Unique, Check)
}


def part_to_json(part: Part) -> dict[str, object]:
    """Return a part of a table as plain values, for the journal."""
    values: dict[str, object] = {"kind": type(part).__name__}
    for one in dataclasses.fields(part):
        value = getattr(part, one.name)
        if isinstance(value, tuple):
            value = [{"sql": v.text} if isinstance(v, Sql) else v for v in value]
        values[one.name] = value
    return values


def part_from_json(values: Mapping[str, object]) -> Part:
    """Read what `part_to_json` gave."""
    plain = dict(values)
    kind = _PARTS[str(plain.pop("kind"))]
    for name, value in plain.items():
        if isinstance(value, list):
            plain[name] = tuple(Sql(v["sql"]) if isinstance(v, dict) else v for v in value)
    return kind(**plain)  # type: ignore[arg-type]
