"""How an engine makes a table for rows that come from elsewhere, and what its own tables say.

Everything here is a value: nothing is sent. What of another engine's schema becomes what is the
work of `schema/`; here is only what this engine can say, how it says it, and in which order it is
best done: keys after the rows where that is faster, before them where it cannot be otherwise.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from whimbrel import tables
from whimbrel.engines import defaults
from whimbrel.engines.forms import Family

_DAY: Final = re.compile(r"(?!0000)\d{4}-(?!00)\d\d-(?!00)\d\d")
_TIME: Final = re.compile(r"[0-2]\d:\d\d(:\d\d(\.\d{1,6})?)?")
_ZONE: Final = re.compile(r"\s*([+-]00(:?00)?|Z|UTC)$")
_NUMBERS: Final = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
_MOMENTS: Final = frozenset({Family.DATE, Family.TIME, Family.DATETIME, Family.INSTANT})


class CannotSay(Exception):
    """The engine has no way to say this; the text says why, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An SQL text, and what is different from what it was."""

    sql: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column that a default is written for; `instant` says that it means a moment of time."""

    type: str
    family: Family
    instant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A part of a table as the engine can have it; `lost` are (what, why) that it cannot."""

    part: tables.Index | tables.Unique | tables.ForeignKey
    notes: tuple[str, ...] = ()
    lost: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Statements that belong together, and the names of what they make.

    With `otherwise` the last one is a question: it counts what should not be there, and
    `otherwise` says what that means.
    """

    kind: str
    names: tuple[str, ...]
    statements: tuple[str, ...]
    otherwise: str = ""


class Builder(abc.ABC):
    """What is said about whole tables on one engine."""

    #: How long a name may be, in bytes or (`names_in_characters`) in characters; None: no limit.
    longest_name: int | None = None
    names_in_characters = False
    #: Names that differ in the case of letters alone are the same one.
    folds_tables = False
    folds_columns = False
    #: Within what the name of an index is the only one: "table" or "database".
    index_names = "table"
    #: The same for foreign keys and checks.
    key_names = "table"
    check_names = "table"
    #: Indexes and tables share one set of names.
    indexes_beside_tables = False
    #: A foreign key has to refer to a key, not only to what is indexed.
    refers_to_keys = True
    #: Whether the server looks for NULL in columns that are computed.
    generated_not_null = True
    #: A column may be computed from another computed one.
    computes_twice = True
    #: An index may be on some rows alone.
    partial_indexes = True
    #: Whether a table may have no column at all.
    bare_tables = False
    #: A primary key has a name, also if nobody gave it one.
    names_primary_keys = False
    #: Names that the engine keeps for itself begin so.
    reserved_prefix = ""

    def __init__(
        self, title: str, quote: Callable[[str], str], version: tuple[int, ...] = ()
    ) -> None:
        self.title = title
        self.quote = quote
        self.version = version

    # --- what tables of this engine say ---------------------------------------------------------

    def counting(self, table: tables.Table) -> frozenset[str]:
        """Return the columns that count by themselves."""
        return frozenset(column.name for column in table.columns if column.auto_increment)

    def checks(self, table: tables.Table) -> tuple[tables.Check, ...]:
        """Return every check of a table, also of its columns."""
        return table.checks

    def on_update(self, column: tables.FoundColumn) -> str | None:
        """Return what a column is set to whenever its row is changed, if anything."""
        return None

    # --- what can be said -----------------------------------------------------------------------

    def bad_name(self, name: str) -> str | None:
        """Return why a table or column cannot be called so, None if it can."""
        if self.reserved_prefix and name.lower().startswith(self.reserved_prefix):
            return f"{self.title} keeps names that begin with {self.reserved_prefix}"
        if self.too_long(name):
            unit = "characters" if self.names_in_characters else "bytes"
            return f"it is longer than {self.longest_name} {unit}"
        if "\0" in name or not name:
            return "it is empty, or has a NUL in it"
        return None

    def primary_key_name(self, table: str) -> str | None:
        """Return what the engine itself would call the primary key of a table."""
        return None

    def too_long(self, name: str) -> bool:
        """Whether a name is longer than the engine allows."""
        length = len(name) if self.names_in_characters else len(name.encode())
        return self.longest_name is not None and length > self.longest_name

    def cannot_count(self, table: tables.Table, column: tables.FoundColumn) -> str | None:
        """Return why a column cannot count by itself, None if it can."""
        return None

    def counting_type(self, table: tables.Table, column: tables.FoundColumn) -> str:
        """Return the type that a column has to have to count by itself."""
        return column.type

    def compares(self, type_: str, family: Family) -> bool:
        """Whether values in such a column are compared as what they are."""
        return True

    def joinable(self, child: tables.FoundColumn, parent: tables.FoundColumn) -> bool:
        """Whether a column can refer to another one, by their types."""
        return True

    def unsteady(self, sql: str) -> str | None:
        """Return what of an expression may change by itself, which no generated column may."""
        return None

    def generated(self, table: tables.Table, column: tables.FoundColumn) -> Said:
        """Return a computed column's expression as it can be had, or raise CannotSay."""
        return Said(sql=column.generated or "")

    def stored(self, column: tables.FoundColumn, *, indexed: bool) -> bool:
        """Whether a computed column is kept on disk here."""
        return column.stored

    def fit_check(self, table: tables.Table, check: tables.Check) -> tables.Check:
        """Return a check as it can be had, or raise CannotSay."""
        return check

    def fit_primary_key(self, table: tables.Table) -> None:
        """Raise CannotSay if the primary key of a table cannot be one."""
        self.fit_unique(table, tables.Unique(name=None, columns=table.primary_key))

    def fit_unique(self, table: tables.Table, unique: tables.Unique) -> Fitted:
        """Return a unique constraint as it can be had, or raise CannotSay."""
        return Fitted(part=unique)

    def fit_index(self, table: tables.Table, index: tables.Index) -> Fitted:
        """Return an index as it can be had, or raise CannotSay."""
        return Fitted(part=index)

    def fit_foreign_key(self, table: tables.Table, key: tables.ForeignKey) -> Fitted:
        """Return a foreign key as it can be had, or raise CannotSay."""
        return Fitted(part=key)

    # --- how it is said -------------------------------------------------------------------------

    @abc.abstractmethod
    def create(self, table: tables.Table) -> tuple[str, ...]:
        """Return what makes a table with all that has to be there before its rows."""

    @abc.abstractmethod
    def later(self, table: tables.Table) -> tuple[Step, ...]:
        """Return the keys and indexes that are better made when the rows are there."""

    @abc.abstractmethod
    def foreign_keys(self, table: tables.Table) -> tuple[Step, ...]:
        """Return what makes the foreign keys when all tables are full."""

    def validate(self, table: tables.Table) -> tuple[Step, ...]:
        """Return what asks whether the rows keep to the foreign keys, where that is apart."""
        return ()

    def comments(self, table: tables.Table) -> tuple[str, ...]:
        """Return what makes comments that `create` could not say."""
        return ()

    def comment_too_long(self, comment: str, *, of_table: bool) -> bool:
        """Whether a comment is longer than the engine keeps."""
        return False

    def touching(self, table: str, column: str) -> str:
        """Return a trigger that notes in a column when its row was changed; '' where none can."""
        return ""

    def comment_view(self, name: str, comment: str) -> tuple[str, ...] | None:
        """Return what says a view's comment, None where views have none."""
        return None

    # --- words ----------------------------------------------------------------------------------

    def quoted(self, names: Sequence[str]) -> str:
        """Return names in quotes, commas between."""
        return ", ".join(map(self.quote, names))

    def text(self, text: str) -> str:
        """Return a text as a literal, or raise CannotSay."""
        if "\0" in text:
            raise CannotSay("a text in SQL cannot hold the character NUL")
        return "'" + text.replace("'", "''") + "'"

    def bytes(self, digits: str) -> str:
        """Return bytes, given as hexadecimal digits, as a literal."""
        return f"x'{digits}'"

    def boolean(self, value: bool, column: Column) -> str:
        """Return a truth value as a literal."""
        return "TRUE" if value else "FALSE"

    def number(self, text: str, column: Column) -> str:
        """Return a number as a literal."""
        return text

    def check_text(self, check: tables.Check) -> str:
        """Return a check as it stands in a table."""
        return f"CONSTRAINT {self.quote(check.name or '')} CHECK ({check.sql})"

    def unique_text(self, unique: tables.Unique) -> str:
        """Return a unique constraint as it stands in a table."""
        return f"CONSTRAINT {self.quote(unique.name or '')} UNIQUE ({self.quoted(unique.columns)})"

    def foreign_key_text(self, key: tables.ForeignKey) -> str:
        """Return a foreign key as it stands in a table."""
        text = (
            f"CONSTRAINT {self.quote(key.name or '')} FOREIGN KEY ({self.quoted(key.columns)}) "
            f"REFERENCES {self.quote(key.ref_table)} ({self.quoted(key.ref_columns)})"
        )
        if key.full:
            text += " MATCH FULL"
        if key.on_delete:
            text += f" ON DELETE {key.on_delete}"
        if key.on_update:
            text += f" ON UPDATE {key.on_update}"
        if key.deferrable:
            text += f" DEFERRABLE INITIALLY {'IMMEDIATE' if key.immediate else 'DEFERRED'}"
        return text

    def index_parts(self, index: tables.Index) -> str:
        """Return what stands in the parentheses of an index."""
        parts = []
        for at, column in enumerate(index.columns):
            if isinstance(column, tables.Sql):
                text = f"({column.text})"
            else:
                text = self.quote(column)
                if index.lengths and index.lengths[at]:
                    text += f"({index.lengths[at]})"
            parts.append(text + " DESC" * bool(index.descending and index.descending[at]))
        return ", ".join(parts)

    def index_text(self, table: str, index: tables.Index) -> str:
        """Return CREATE INDEX."""
        where = f" WHERE {index.where}" if index.where else ""
        return (
            f"CREATE {'UNIQUE ' * index.unique}INDEX {self.quote(index.name)} "
            f"ON {self.quote(table)} ({self.index_parts(index)}){where}"
        )

    # --- defaults -------------------------------------------------------------------------------

    def default(self, default: defaults.Default, column: Column) -> Said:
        """Write a default for a column, or raise CannotSay; a Formula is SQL of this engine."""
        if isinstance(default, defaults.Constant):
            return Said(sql=self.constant(default, column))
        if isinstance(default, defaults.Now):
            return self.now(default, column)
        if isinstance(default, defaults.NewUuid):
            return self.new_uuid(column)
        if isinstance(default, defaults.Formula):
            return Said(sql=self.formula(default.sql))
        raise CannotSay(f"the sequence {default.sequence} is not there")

    def constant(self, value: defaults.Constant, column: Column) -> str:
        """Write a constant as the type of its column has it."""
        family = column.family
        if family is Family.BOOLEAN:
            if value.number not in (0, 1):
                raise CannotSay(f"{value.text!r} is neither true nor false")
            return self.boolean(value.number == 1, column)
        if family in _NUMBERS:
            return self.number(_number_text(value, whole=family is Family.INTEGER), column)
        if family in _MOMENTS:
            return self.text(_moment_text(value, family, instant=column.instant))
        if family is Family.BINARY:
            return self.bytes(_digits(value))
        if family in (Family.TEXT, Family.JSON, Family.UUID):
            if value.sort in (defaults.Sort.BYTES, defaults.Sort.BITS):
                raise CannotSay("bytes are no text")
            return self.long_text(value.text, column)
        raise CannotSay(f"no default is known to mean the same for the type {column.type}")

    def long_text(self, text: str, column: Column) -> str:
        """Write a text as the default of a column."""
        return self.text(text)

    @abc.abstractmethod
    def now(self, now: defaults.Now, column: Column) -> Said:
        """Write the present moment, or raise CannotSay."""

    @abc.abstractmethod
    def new_uuid(self, column: Column) -> Said:
        """Write a new UUID, or raise CannotSay."""

    def formula(self, sql: str) -> str:
        """Write an expression as a default."""
        return f"({sql})"


def _number_text(value: defaults.Constant, *, whole: bool) -> str:
    number = value.number
    if number is None:
        raise CannotSay(f"{value.text!r} is no number")
    if value.sort in (defaults.Sort.BITS, defaults.Sort.BOOLEAN) or whole:
        if number != number.to_integral_value():
            raise CannotSay(f"{value.text!r} is no whole number")
        return str(int(number))
    return format(Decimal(value.text.strip()), "f")


def _moment_text(value: defaults.Constant, family: Family, *, instant: bool) -> str:
    text = value.text.strip()
    if value.sort is not defaults.Sort.TEXT:
        raise CannotSay(f"{text!r} is no date or time")
    zoned = _ZONE.search(text) if len(text) > len("0000-00-00") else None
    plain = text[: zoned.start()] if zoned else text
    day, _, time = plain.replace("T", " ").partition(" ")
    if family is Family.TIME:
        if day and not time and _TIME.fullmatch(day):
            return plain
        raise CannotSay(f"{text!r} is no time of a day")
    if not _DAY.fullmatch(day) or (time and not _TIME.fullmatch(time)):
        raise CannotSay(f"{text!r} is no date that every engine has")
    if family is Family.DATE:
        if time.strip("0:."):
            raise CannotSay(f"{text!r} is more than a date")
        return day
    if instant and not zoned:
        raise CannotSay(f"which moment {text!r} is depends on the time zone of a session")
    # Written so by a server in UTC; one that keeps a zone has to be told which.
    return f"{plain}+00" if family is Family.INSTANT and zoned else plain


def _digits(value: defaults.Constant) -> str:
    if value.sort is defaults.Sort.BYTES:
        return value.text
    if value.sort is defaults.Sort.TEXT and value.text.isascii():
        return value.text.encode().hex()
    raise CannotSay(f"which bytes {value.text!r} is depends on a character set")
