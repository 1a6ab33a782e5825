"""What a column's type means on any engine, and what another engine's type can hold of it.

An engine says what its own types mean (`Meaning`); another one offers a type for that meaning
with the values which that type takes (`Offer`, `Domain`); what values are really there is found
by reading them (`Facts`, for the `Question`s asked). Whether they fit is decided in
`schema/losses`, the same for all engines.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from whimbrel import tables
from whimbrel.engines.forms import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a type is, in words of no engine.

    `bits` of an INTEGER (8 to 64) or a bit string; `length` in characters of TEXT, in bytes of
    BINARY, None without a limit; `fixed` for CHAR(n), BINARY(n); `precision` and `scale` of
    DECIMAL; `fraction` digits of seconds; `single` for a float of four bytes; `values` of an
    enumeration (`many` of them at once for a SET); `element` of an array; `typed` for a column
    that takes values of any type. `insensitive` says that texts are compared without case.
    `own` is the type's name with arguments, wherever the family does not say all of it
    ("inet", "interval", "int4range", "point", "tsvector").

    `engine` and `type` are the engine that has the type and its name there, as its catalog writes
    it, with `collation`: what is offered for it on the same engine. `never` are troubles that no
    value of the type can have. `notes` say what no other engine keeps of the type ("the checks of
    the domain …"); every offer of another engine repeats them.
    """

    family: Family
    bits: int | None = None
    unsigned: bool = False
    length: int | None = None
    fixed: bool = False
    precision: int | None = None
    scale: int | None = None
    fraction: int | None = None
    single: bool = False
    values: tuple[str, ...] = ()
    many: bool = False
    element: Meaning | None = None
    typed: bool = False
    insensitive: bool = False
    own: str = ""
    engine: str = ""
    type: str = ""
    collation: str | None = None
    never: frozenset[Question] = frozenset()
    notes: tuple[str, ...] = ()


class Question(Enum):
    """What can be asked of the values of a column.

    The first group is answered by a number in its own field of Facts, the second by how many rows
    have such a value (`Facts.counts`) and their first keys.
    """

    RANGE = "least and most, as numbers"
    DIGITS = "digits before and behind the point"
    LONGEST = "characters of the longest, bytes of the largest"
    KINDS = "how many of which type"

    NUL = "a character NUL"
    NOT_UTF8 = "bytes that are no UTF-8"
    ZERO_DATE = "0000-00-00, or a month or day 00"
    BEFORE_CHRIST = "a date before the year 1"
    BEYOND_9999 = "a date after the year 9999"
    INFINITE_DATE = "an endless date"
    TIME_BEYOND_DAY = "a time below 0 or of 24 hours or more"
    FINE_FRACTION = "digits of a second below the microsecond"
    NAN = "not a number"
    INFINITE = "an endless number"
    NEGATIVE_ZERO = "a negative zero"
    NEGATIVE = "a number below zero"
    NOT_BOOLEAN = "a number other than 0 and 1"
    STRAY_WORD = "a word that is none of the enumeration"
    NOT_JSON = "a text that is no JSON"
    JSON_NUL = "JSON with \\u0000"
    JSON_SURROGATE = "JSON with half a surrogate pair"
    NOT_UUID = "bytes or a text that are no UUID"
    NOT_NUMBER = "a text in a column of numbers"
    NOT_WHOLE = "a fraction in a column of whole numbers"
    NOT_DATE = "a text that is no date"
    NOT_MOMENT = "a text that is no date and time"
    NOT_TIME = "a text that is no time"
    NOT_TEXT = "bytes in a column of texts"
    NOT_BYTES = "a text or a number in a column of bytes"
    ZONED = "a date and time that names its time zone"
    JSON_DIGITS = "JSON with a number that eight bytes would round"
    TRAILING_BLANKS = "blanks at the end"
    NULL = "NULL"


#: How many keys of rows with a troublesome value are kept.
KEYS_KEPT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Proof that the engine itself writes every value of a column just as it is carried.

    `nulls` says that some are NULL, `special` that there are letters in texts which stand for
    something in one of the formats (\\ ' tab, line feed, carriage return), `digits` how many digits
    a number has at most, before and behind the point. It is about one moment of the source.
    """

    nulls: bool = False
    special: bool = False
    digits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the values of a column are; what was not asked is None or absent.

    `kinds` counts by "integer", "real", "text", "blob" (NULLs apart, in `nulls`). `keys` has, by
    trouble, up to KEYS_KEPT rows: the values of the key as text and the value itself as people
    read it. `plain` is None wherever there is no proof; it is no answer to a question.
    """

    rows: int
    nulls: int | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    digits_before: int | None = None
    digits_behind: int | None = None
    characters: int | None = None
    octets: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[Question, int] = field(default_factory=dict)
    keys: Mapping[Question, tuple[tuple[tuple[str, ...], str], ...]] = field(default_factory=dict)
    plain: Plain | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What values a type takes; None is no limit, `refuses` are values that it has no room for.

    Of a type with moments or times of day `digits_behind` are the digits of its seconds. Troubles
    that the values asked about can never have are not among `refuses`.
    """

    least: Decimal | None = None
    most: Decimal | None = None
    digits_before: int | None = None
    digits_behind: int | None = None
    characters: int | None = None
    octets: int | None = None
    refuses: frozenset[Question] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A type of the target for a meaning: its SQL, what it takes, how the two differ.

    `family` is that of the values once they are there. `collation` is a name without quotes; None
    is the default of the table. `notes` say what is different for who uses the column later
    ("compares with case", "no longer a type of its own"), not for its values. `checks` are
    conditions that keep what the type alone does not (an enumeration's words); `{column}` stands
    in them for the column's quoted name, every other brace for itself. `creates` is what has to be
    there before the table is made: (name, CREATE TYPE …). A type that has a name of its own on
    the same engine (an enumeration, a domain) is offered by that name; the inventory makes it.
    """

    type: str
    family: Family
    domain: Domain = field(default_factory=Domain)
    collation: str | None = None
    notes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    creates: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sameness:
    """When the target takes two texts for the same: blanks at the end, letter case, accents."""

    padded: bool = False
    cased: bool = True
    accented: bool = True


class Converter(abc.ABC):
    """Speaks about the types of one engine, on one session (it may ask the catalog)."""

    @abc.abstractmethod
    def meaning(self, table: tables.Table, column: tables.FoundColumn) -> Meaning:
        """Return what a column's type means."""

    @abc.abstractmethod
    def needs(self, meaning: Meaning, *, key: bool) -> frozenset[Question]:
        """Return what has to be known of the values before `offer` can choose a type."""

    @abc.abstractmethod
    def offer(self, meaning: Meaning, facts: Facts, *, table: str, column: str, key: bool) -> Offer:
        """Return the type that holds such values best; `key` says that it is indexed.

        Chooses a type that holds all values present if there is one, and the narrowest natural
        one among those; never one that keeps a value differently without refusing it. For the
        meaning of a type of this same engine it offers that type itself. Raises RefusedError only
        if nothing could hold such a column.
        """

    @abc.abstractmethod
    def wished(self, type_: str, meaning: Meaning) -> Offer:
        """Return what a type that a user has named takes; raise UsageError if there is none."""

    def sameness(self, meaning: Meaning) -> Sameness:
        """Return which texts a unique key of such a column surely takes for the same.

        Collations may go further than this says; then the database itself refuses the row.
        """
        return Sameness()


class Profiler(abc.ABC):
    """Reads what the values of a table are, in as few passes as possible."""

    @abc.abstractmethod
    def facts(
        self,
        table: tables.Table,
        asked: Mapping[str, frozenset[Question]],
        *,
        where: str = "",
        key: tuple[str, ...] = (),
    ) -> dict[str, Facts]:
        """Return the facts of columns by their names, in the transaction that is open.

        One aggregate query over the table for all of them; a second one, for the first keys, only
        for troubles that are really there. `key` are the columns that name a row (without any,
        the values alone are shown).
        """
