"""What a rule of cleansing is, and how its options are read.

A rule is given the plain words of one value and returns them as they should be, None for NULL. It
raises `Refusal` where it can make no sense of them; what then happens the rule's own option
`invalid` says. How rules are put together is the work of `rows.cleanse`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, Final

from whimbrel.engines import forms, portable
from whimbrel.engines.forms import Family
from whimbrel.rows import values

TEXTUAL: Final = frozenset(Family) - {Family.BINARY, Family.OTHER}
# Of a document only the blanks around it may be touched, not what is written in it.
WORDY: Final = TEXTUAL - {Family.JSON}
EVERY: Final = frozenset(Family)

Row = Mapping[str, "str | None"]
Reader = Callable[[object], object]


class Unfit(ValueError):
    """A rule cannot be meant as it is written; `option` says which part, "" the whole."""

    def __init__(self, why: str, *, option: str = "") -> None:
        super().__init__(f"{option} {why}" if option else why)
        self.option = option


class Refusal(ValueError):
    """A rule can make no sense of a value; the text says why."""


@dataclass(slots=True, kw_only=True)
class Cell:
    """Where a value stands: the form it was read in, the one it will be written in, its row.

    `row` has the texts of the other values, `read` their forms.

    `proper` says that it was read as a value of a family narrower than text: a number, a date.
    """

    form: forms.Form
    into: forms.Form
    proper: bool
    row: Row
    read: Mapping[str, forms.Form]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Something that is done to each value of a column.

    `said` is the rule as it was written, for people; a `lenient` one is left out where it does not
    fit a column. Of the class: `name`, the option that its
    main value means (`main`), the options it takes, families it can be asked of.
    """

    said: str = ""
    invalid: str = "reject"
    lenient: bool = False

    name: ClassVar[str] = ""
    main: ClassVar[str | None] = None
    # Without a value for `main` the rule cannot be meant.
    bare: ClassVar[bool] = True
    takes: ClassVar[Mapping[str, Reader]] = {}
    # Options that cannot be called so in Python.
    fields: ClassVar[Mapping[str, str]] = {}
    families: ClassVar[frozenset[Family]] = TEXTUAL

    @property
    def accepts(self) -> frozenset[portable.Question]:
        """What kinds of troublesome values it takes care of."""
        return frozenset()

    def prepare(self) -> None:
        """Import what it needs, or raise MissingExtra."""

    def apply(self, words: str | None, cell: Cell) -> str | None:
        """Return what becomes of a value, NULL too, or raise Refusal."""
        return None if words is None else self.value(words, cell)

    def value(self, words: str, cell: Cell) -> str | None:
        """Return what becomes of a value that is not NULL, or raise Refusal."""
        return words


def refusing(**takes: Reader) -> Mapping[str, Reader]:
    """Return options of a rule that may refuse a value."""
    return {"invalid": one_of("reject", "null", "keep"), **takes}


# --- how options are read -------------------------------------------------------------------


def one_of(*words: str) -> Reader:
    """Return what reads one of some words."""

    def read(said: object) -> object:
        if said not in words:
            raise Unfit(f"has to be one of {', '.join(words)}, not {said!r}")
        return said

    return read


def text(said: object) -> str:
    """Read a text that is not empty."""
    if not isinstance(said, str) or not said:
        raise Unfit(f"has to be a text, not {said!r}")
    return said


def any_text(said: object) -> str:
    """Read a text, which may be empty."""
    if not isinstance(said, str):
        raise Unfit(f"has to be a text, not {said!r}")
    return said


def texts(said: object) -> tuple[str, ...]:
    """Read a text or a list of texts."""
    found = [said] if isinstance(said, str) else said
    if not isinstance(found, list | tuple) or not found:
        raise Unfit(f"has to be a text or a list of texts, not {said!r}")
    return tuple(text(one) for one in found)


def flag(said: object) -> bool:
    """Read true or false."""
    if not isinstance(said, bool):
        raise Unfit(f"has to be true or false, not {said!r}")
    return said


def count(said: object) -> int:
    """Read a whole number from 1 on."""
    if isinstance(said, bool) or not isinstance(said, int) or said < 1:
        raise Unfit(f"has to be a whole number from 1 on, not {said!r}")
    return said


_PLAIN: Final = (str, bool, int, float, Decimal, dt.date, dt.time)


def scalar(said: object) -> str:
    """Read a value of a column, as its plain words."""
    if not isinstance(said, _PLAIN):
        raise Unfit(f"has to be a text, a number, a date or true or false, not {said!r}")
    return values.text_of(said)


def scalars(said: object) -> tuple[str, ...]:
    """Read one value of a column or a list of them."""
    found = said if isinstance(said, list | tuple) else [said]
    if not found:
        raise Unfit("is empty")
    return tuple(scalar(one) for one in found)


def pairs(said: object) -> tuple[tuple[str, str], ...]:
    """Read a table of values: what is found, what it becomes."""
    if not isinstance(said, Mapping) or not said:
        raise Unfit(f"has to be a table of values, not {said!r}")
    found = []
    for key, value in said.items():
        try:
            found.append((scalar(key), scalar(value)))
        except Unfit as unfit:
            raise Unfit(f"of {key!r} {unfit}") from None
    return tuple(found)


# --- values that are compared with what a rule names ----------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Values that a rule names, found again in the forms of columns."""

    exact: Mapping[str, str]
    folded: bool = False
    numbers: Mapping[Decimal, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, str], *, folded: bool) -> Named:
        """Return them; with `folded` upper and lower case are one."""
        numbers: dict[Decimal, str] = {}
        for key in given:
            number = _number(key)
            if number is not None:
                numbers.setdefault(number, key)
        exact = {(key.casefold() if folded else key): key for key in given}
        return cls(exact=exact, folded=folded, numbers=numbers)

    def find(self, words: str, cell: Cell) -> str | None:
        """Return the value as the rule names it, or None."""
        found = self.exact.get(words.casefold() if self.folded else words)
        if found is not None or not cell.proper:
            return found
        match cell.form.family:
            case Family.INTEGER | Family.DECIMAL | Family.FLOAT | Family.BOOLEAN:
                number = _number(words)
                return None if number is None else self.numbers.get(number)
            case Family.DATETIME | Family.INSTANT if words[10:] == " 00:00:00":
                return self.exact.get(words[:10])
            case _:
                return None


def _number(words: str) -> Decimal | None:
    try:
        return Decimal(values.written(_DECIMAL, words))
    except values.Misfit:
        return None


_DECIMAL: Final = forms.Form(family=Family.DECIMAL)
