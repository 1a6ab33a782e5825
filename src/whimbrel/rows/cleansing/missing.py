"""Rules about what is not there: NULL, and values that only stand for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.rows import values
from whimbrel.rows.cleansing import base

_ZERO: Final = re.compile(r"0000-|[0-9]{4}-00-|[0-9]{4}-[0-9]{2}-00")
_WORDS: Final[Mapping[str, Question]] = {
    "NaN": Question.NAN,
    "Infinity": Question.INFINITE,
    "-Infinity": Question.INFINITE,
    "infinity": Question.INFINITE_DATE,
    "-infinity": Question.INFINITE_DATE,
    "0000-00-00": Question.ZERO_DATE,
    "0000-00-00 00:00:00": Question.ZERO_DATE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyToNull(base.Rule):
    """Make NULL of texts that are empty or hold nothing but blanks."""

    name: ClassVar[str] = "empty_to_null"
    families: ClassVar[frozenset[Family]] = base.EVERY

    def value(self, words: str, cell: base.Cell) -> str | None:
        return words if words.strip() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NullIf(base.Rule):
    """Make NULL of values that mean "nothing": 'N/A', '-', 9999-12-31."""

    nothing: tuple[str, ...] = ()
    ignore_case: bool = False
    named: base.Named = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "null_if"
    main: ClassVar[str | None] = "nothing"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = {
        "nothing": base.scalars,
        "ignore_case": base.flag,
    }
    families: ClassVar[frozenset[Family]] = base.EVERY

    def __post_init__(self) -> None:
        named = base.Named.of({one: one for one in self.nothing}, folded=self.ignore_case)
        object.__setattr__(self, "named", named)

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset(_WORDS[one] for one in self.nothing if one in _WORDS)

    def value(self, words: str, cell: base.Cell) -> str | None:
        return words if self.named.find(words, cell) is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Default(base.Rule):
    """Put a value in the place of NULL."""

    to: str = ""

    name: ClassVar[str] = "default"
    main: ClassVar[str | None] = "to"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = {"to": base.scalar}
    families: ClassVar[frozenset[Family]] = base.EVERY

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NULL})

    def apply(self, words: str | None, cell: base.Cell) -> str | None:
        return self.to if words is None else words


@dataclass(frozen=True, slots=True, kw_only=True)
class Derive(base.Rule):
    """Put in the place of NULL what an expression in the source's SQL gives.

    The expression is read beside the row, under the name `beside`.
    """

    sql: str = ""
    beside: str = ""

    name: ClassVar[str] = "derive"
    main: ClassVar[str | None] = "sql"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = {"sql": base.text}
    families: ClassVar[frozenset[Family]] = base.EVERY

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NULL})

    def apply(self, words: str | None, cell: base.Cell) -> str | None:
        text = cell.row.get(self.beside) if words is None else None
        return words if text is None else values.plain(cell.read[self.beside], text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Required(base.Rule):
    """Reject a row in which the column is NULL."""

    name: ClassVar[str] = "required"
    families: ClassVar[frozenset[Family]] = base.EVERY

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NULL})

    def apply(self, words: str | None, cell: base.Cell) -> str | None:
        if words is None:
            raise base.Refusal("it is NULL, and has to have a value")
        return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit(base.Rule):
    """Say what becomes of values that are none of the target's kind: a word among numbers."""

    then: str = "reject"

    name: ClassVar[str] = "misfit"
    main: ClassVar[str | None] = "then"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = {"then": base.one_of("null", "reject")}
    families: ClassVar[frozenset[Family]] = base.EVERY

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset(
            {Question.NOT_NUMBER, Question.NOT_WHOLE, Question.NOT_DATE, Question.NOT_MOMENT}
            | {Question.NOT_TIME, Question.NOT_UUID, Question.NOT_JSON, Question.NOT_UTF8}
            | {Question.ZERO_DATE, Question.ZONED, Question.NOT_TEXT, Question.NOT_BYTES}
        )

    def value(self, words: str, cell: base.Cell) -> str | None:
        # What was read as a value of its family is one, but for dates that are none.
        if cell.proper and cell.form == cell.into and not _ZERO.match(words):
            return words
        try:
            values.written(cell.into, words)
        except values.Misfit as misfit:
            if self.then == "null":
                return None
            raise base.Refusal(str(misfit)) from None
        return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(base.Rule):
    """Put other values in the place of some; `otherwise` says what becomes of all the rest."""

    values: tuple[tuple[str, str], ...] = ()
    otherwise: str = "keep"
    ignore_case: bool = False
    named: base.Named = field(init=False, repr=False, compare=False)
    to: Mapping[str, str] = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "map"
    main: ClassVar[str | None] = "values"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = {
        "values": base.pairs,
        "otherwise": base.one_of("keep", "null", "reject"),
        "ignore_case": base.flag,
    }
    families: ClassVar[frozenset[Family]] = base.EVERY

    def __post_init__(self) -> None:
        to = dict(self.values)
        named = base.Named.of({key: key for key in to}, folded=self.ignore_case)
        object.__setattr__(self, "to", to)
        object.__setattr__(self, "named", named)

    @property
    def accepts(self) -> frozenset[Question]:
        if self.otherwise == "keep":
            return frozenset()
        return frozenset(
            {Question.STRAY_WORD, Question.NOT_NUMBER, Question.NOT_BOOLEAN, Question.NOT_DATE}
            | {Question.NOT_MOMENT, Question.NOT_TIME, Question.NOT_UUID}
        )

    def value(self, words: str, cell: base.Cell) -> str | None:
        found = self.named.find(words, cell)
        if found is not None:
            return self.to[found]
        # What the rule itself has made stays so when it is asked again.
        if self.otherwise == "keep" or words in self.to.values():
            return words
        if self.otherwise == "null":
            return None
        raise base.Refusal("it is not in the table of values")


RULES: Final[tuple[type[base.Rule], ...]] = (
    EmptyToNull, NullIf, Default, Derive, Required, Misfit, Map,
)  # fmt: skip
