"""What a change of schema costs those who use the table meanwhile, by engine and version.

The engines' folders say it; what follows from it (a finding, another way) is for
`migrations/checks` to say.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from whimbrel import tables


class Work(IntEnum):
    """How much of a table a change goes through while it holds its lock."""

    NOTHING = 0  # the catalog alone
    READ = 1  # every row
    WRITE = 2  # every row, and the table is written anew

    @property
    def words(self) -> str:
        """Return it as a plan says it."""
        return ("nothing", "reads", "writes")[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """One change: the lock it holds, who waits for it, and the work done meanwhile.

    `waits` is "" if nobody does, else "writers" or "readers and writers". `instead` is what a
    migration would say so that nobody waits, with the user's own names; "" if there is no way.
    """

    lock: str
    waits: str
    work: Work
    instead: str = ""

    @property
    def hurts(self) -> bool:
        """Whether others wait for as long as the table is large."""
        return bool(self.waits) and self.work > Work.NOTHING


NOBODY = Toll(lock="", waits="", work=Work.NOTHING)


def executed(sql: str) -> str:
    """Return a statement as a migration says it."""
    return f"self.execute({sql!r})" if '"' in sql else f'self.execute("{sql}")'


def by_a_new_column(table: str, column: str, type_: str) -> str:
    """Return the way around any change of a column that would hold the table for long."""
    return (
        f"add a column, fill it in batches, and exchange the two:\n"
        f'self.add_column("{table}", "{column}_new", "{type_}")\n'
        f'self.backfill("{table}", {{"{column}_new": "{column}"}})\n'
        f"and, when the application writes both, in a later migration:\n"
        f'self.rename_column("{table}", "{column}", "{column}_old")\n'
        f'self.rename_column("{table}", "{column}_new", "{column}")'
    )


class Tolls(abc.ABC):
    """What each kind of change costs on one server."""

    # How long names may be, and in what they are counted; None is without a limit that bites.
    longest_name: int | None = None
    names_in_bytes = True
    # A longer name is cut without a word, and not refused.
    cuts_names = False
    # A foreign key makes its own index on the columns that refer.
    indexes_references = False
    # Several statements of schema and rows are one transaction.
    one_transaction = True
    # The largest value of types of whole numbers, by their first word.
    whole_numbers: tuple[tuple[str, int], ...] = ()

    @abc.abstractmethod
    def create_index(
        self, table: str, index: tables.Index, *, concurrently: bool = False
    ) -> Toll: ...

    @abc.abstractmethod
    def drop_index(self, table: str, name: str, *, concurrently: bool = False) -> Toll: ...

    @abc.abstractmethod
    def add_column(self, table: str, column: tables.FoundColumn) -> Toll: ...

    @abc.abstractmethod
    def change_type(self, table: tables.Table, column: str, type_: str) -> Toll: ...

    @abc.abstractmethod
    def set_not_null(self, table: tables.Table, column: str) -> Toll: ...

    @abc.abstractmethod
    def add_foreign_key(
        self, table: str, key: tables.ForeignKey, *, checked: bool = True
    ) -> Toll: ...

    @abc.abstractmethod
    def add_check(self, table: str, check: tables.Check, *, checked: bool = True) -> Toll: ...

    @abc.abstractmethod
    def add_unique(self, table: str, unique: tables.Unique, *, by_index: bool = False) -> Toll: ...

    @abc.abstractmethod
    def add_primary_key(self, table: str, columns: Sequence[str]) -> Toll: ...

    def volatile(self, expression: str) -> bool:
        """Whether a default gives every row a value of its own."""
        return False

    def beside(self, table: str) -> bool:
        """Whether others can be let work while something is added to this table."""
        return True

    def renames_wait(self) -> str:
        """Return who waits while a table is renamed or dropped, which is short."""
        return "readers and writers"

    @abc.abstractmethod
    def other(self, words: Sequence[str]) -> Toll | None:
        """Return what a statement costs that is no verb, by its words; None if not known.

        It costs this on the table that `subject` names.
        """

    # Words of an ALTER TABLE that is done in the catalog alone, or beside everyone.
    harmless_words: frozenset[str] = frozenset()

    def harmless(self, words: Sequence[str]) -> bool:
        """Whether an ALTER TABLE is known to hold nobody up, by its words in upper case."""
        return not self.harmless_words.isdisjoint(words[2:])

    def subject(self, words: Sequence[str]) -> str:
        """Return the table that such a statement is about, as it was written; "" if unknown."""
        skipped = {"TABLE", "ONLY", "IF", "EXISTS", "FULL", "VERBOSE", "ANALYZE", "FREEZE",
                   "NO_WRITE_TO_BINLOG", "LOCAL", "(", ")", ",", "INDEX", "MATERIALIZED", "VIEW",
                   "SYSTEM", "DATABASE", "SCHEMA"}  # fmt: skip
        for word in words[1:]:
            if word.upper() not in skipped:
                return word.strip('"`[]')
        return ""

    def adds_enum_value(self, words: Sequence[str]) -> str | None:
        """Return the value that a statement adds to a type of enumerated values, if it does."""
        return None

    def enum_values_wait(self) -> bool:
        """Whether a value that was added can be used only after the transaction."""
        return False

    def no_use(self, words: Sequence[str], *, in_transaction: bool) -> str:
        """Return why a statement has no effect here, "" if it has one."""
        return ""

    def asks_copy(self, words: Sequence[str]) -> bool:
        """Whether a statement asks for a way that keeps writers out."""
        return False

    def worse_type(self, type_: str) -> str:
        """Return why a type is better not chosen, and which one instead; "" if it is fine."""
        return ""
