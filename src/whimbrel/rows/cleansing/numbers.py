"""Rules that read numbers and truth values as people wrote them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.rows.cleansing import base

_BLANKS: Final = " \t\u00a0\u202f\u2009"
_MINUS: Final = str.maketrans({"−": "-", "–": "-"})
_NUMERIC: Final = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})


def _separator(said: object) -> str:
    found = base.any_text(said)
    if len(found) > 1 or found.isalnum() or found in ("+", "-"):
        raise base.Unfit(f"has to be one sign that is no digit, or empty, not {said!r}")
    return found


def _currency(said: object) -> tuple[str, ...]:
    if said is True:
        return ("",)  # every sign that Unicode knows for money
    if said is False:
        return ()
    return base.texts(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(base.Rule):
    """Read numbers with declared separators: 1.234,56 with decimal = "," and group = "."."""

    decimal: str = "."
    group: str = ""
    currency: tuple[str, ...] = ()
    accounting: bool = False

    name: ClassVar[str] = "number"
    main: ClassVar[str | None] = "decimal"
    takes: ClassVar[Mapping[str, base.Reader]] = base.refusing(
        decimal=_separator, group=_separator, currency=_currency, accounting=base.flag
    )
    families: ClassVar[frozenset[Family]] = _NUMERIC | {Family.TEXT, Family.BOOLEAN}

    def __post_init__(self) -> None:
        if self.decimal and self.decimal == self.group:
            raise base.Unfit("has to be another sign than the decimal one", option="group")

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NOT_NUMBER})

    def value(self, words: str, cell: base.Cell) -> str:
        # A number that was read as one has no separators of people.
        if cell.proper:
            return words
        text = words.translate(_MINUS).strip(_BLANKS)
        text, negative = self._signed(text)
        text = self._without_currency(text)
        if not negative:
            text, negative = self._signed(text)
        return ("-" if negative else "") + self._digits(text, words)

    def _signed(self, text: str) -> tuple[str, bool]:
        if text[:1] in ("-", "+"):
            return text[1:].strip(_BLANKS), text[0] == "-"
        if self.accounting and text.startswith("(") and text.endswith(")"):
            return text[1:-1].strip(_BLANKS), True
        if self.accounting and text.endswith("-"):
            return text[:-1].strip(_BLANKS), True
        return text, False

    def _without_currency(self, text: str) -> str:
        for sign in self.currency:
            if not sign:
                for end in (0, -1):
                    if text and unicodedata.category(text[end]) == "Sc":
                        text = text.removeprefix(text[0]) if end == 0 else text[:-1]
                        return text.strip(_BLANKS)
            elif text.startswith(sign):
                return text.removeprefix(sign).strip(_BLANKS)
            elif text.endswith(sign):
                return text.removesuffix(sign).strip(_BLANKS)
        return text

    def _digits(self, text: str, words: str) -> str:
        if self.group == " ":
            text = re.sub(f"[{_BLANKS}]", " ", text)
        whole, point, fraction = text, "", ""
        if self.decimal:
            whole, point, fraction = text.partition(self.decimal)
        digits = whole
        if self.group and self.group in whole:
            first, *rest = whole.split(self.group)
            # 1.5 read with a dot between thousands would become 15.
            if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in rest):
                raise base.Refusal(self._not_written_so())
            digits = "".join((first, *rest))
        if not re.fullmatch(r"[0-9]+", digits or "0") or not re.fullmatch(r"[0-9]*", fraction):
            raise base.Refusal(self._not_written_so())
        if not digits + fraction:
            raise base.Refusal(self._not_written_so())
        return f"{digits or '0'}{'.' if point and fraction else ''}{fraction}"

    def _not_written_so(self) -> str:
        group = f"{self.group!r} between thousands" if self.group else "nothing between thousands"
        point = f"{self.decimal!r} before the fraction" if self.decimal else "no fraction"
        return f"it is no number with {point} and {group}"


_YES: Final = ("1", "true", "t", "yes", "y", "on")
_NO: Final = ("0", "false", "f", "no", "n", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean(base.Rule):
    """Read truth values from words: yes and no, or those that `true` and `false` name."""

    yes: tuple[str, ...] = _YES
    no: tuple[str, ...] = _NO

    name: ClassVar[str] = "boolean"
    takes: ClassVar[Mapping[str, base.Reader]] = base.refusing(
        true=base.scalars, false=base.scalars
    )
    fields: ClassVar[Mapping[str, str]] = {"true": "yes", "false": "no"}
    families: ClassVar[frozenset[Family]] = _NUMERIC | {Family.TEXT, Family.BOOLEAN}

    def __post_init__(self) -> None:
        both = {one.casefold() for one in self.yes} & {one.casefold() for one in self.no}
        if both:
            raise base.Unfit(f"has {min(both)!r}, which is also true", option="false")

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NOT_BOOLEAN, Question.NOT_NUMBER})

    def value(self, words: str, cell: base.Cell) -> str:
        if cell.proper and cell.form.family is Family.BOOLEAN and words in ("0", "1"):
            return words
        word = words.strip().casefold()
        for answer, known in (("1", self.yes), ("0", self.no)):
            if word in (one.casefold() for one in known):
                return answer
        if word in ("0", "1"):
            return word  # what this rule makes
        raise base.Refusal("it is none of the words for true and false")


RULES: Final[tuple[type[base.Rule], ...]] = (Number, Boolean)
