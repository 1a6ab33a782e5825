"""What all converters have in common: which troubles values can have, what facts say of a type.

A column that takes values of any type is given a meaning by the values that are there: numbers
with a fraction among whole ones, moments in a column of days. It is never read as more than its
own engine's codec makes of it (`forms.meet`): what is none of its family is refused, not guessed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from whimbrel import errors
from whimbrel.engines import forms
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Domain, Facts, Meaning, Question

# Whole numbers up to here are exact in eight bytes of a float.
EXACT: Final = 2**53
# What a float of eight bytes keeps of every decimal number.
EXACT_DIGITS: Final = 15
MICROSECONDS: Final = 6

_ODD_DATES: Final = frozenset(
    {Question.ZERO_DATE, Question.BEFORE_CHRIST, Question.BEYOND_9999, Question.INFINITE_DATE}
)
_ODD_NUMBERS: Final = frozenset({Question.NAN, Question.INFINITE, Question.NEGATIVE})
_ODD_JSON: Final = frozenset(
    {Question.NOT_JSON, Question.JSON_NUL, Question.JSON_SURROGATE, Question.JSON_DIGITS}
)
_ODD_TEXTS: Final = frozenset({Question.NUL, Question.NOT_UTF8})
# A text can be read as a value of any family, and have that family's troubles.
_TEXTS: Final = frozenset(
    set(Question)
    - {Question.RANGE, Question.DIGITS, Question.LONGEST, Question.KINDS, Question.NULL}
    - {Question.NOT_TEXT, Question.NOT_BYTES, Question.STRAY_WORD}
)
_TROUBLES: Final[Mapping[Family, frozenset[Question]]] = {
    Family.INTEGER: frozenset({Question.NEGATIVE, Question.NOT_BOOLEAN}),
    Family.BOOLEAN: frozenset(),
    Family.DECIMAL: _ODD_NUMBERS | {Question.NOT_WHOLE, Question.NOT_BOOLEAN},
    Family.FLOAT: _ODD_NUMBERS | {Question.NOT_WHOLE, Question.NOT_BOOLEAN, Question.NEGATIVE_ZERO},
    Family.TEXT: _TEXTS,
    Family.BINARY: _ODD_TEXTS | {Question.NOT_UUID},
    Family.DATE: _ODD_DATES,
    Family.TIME: frozenset({Question.TIME_BEYOND_DAY, Question.FINE_FRACTION}),
    # A moment with a time of day is no date.
    Family.DATETIME: _ODD_DATES | {Question.FINE_FRACTION, Question.NOT_DATE},
    Family.INSTANT: _ODD_DATES | {Question.FINE_FRACTION, Question.NOT_DATE},
    Family.JSON: _ODD_JSON | _ODD_TEXTS,
    Family.UUID: frozenset(),
    Family.OTHER: _ODD_TEXTS | {Question.TRAILING_BLANKS},
}
# What else there can be in a column of this family that takes values of any type.
_STRAYS: Final[Mapping[Family, frozenset[Question]]] = {
    Family.INTEGER: _ODD_NUMBERS
    | {Question.NOT_NUMBER, Question.NOT_WHOLE, Question.NEGATIVE_ZERO},
    Family.BOOLEAN: frozenset({Question.NOT_BOOLEAN, Question.NOT_NUMBER, Question.NOT_WHOLE}),
    Family.DECIMAL: frozenset({Question.NOT_NUMBER}),
    Family.FLOAT: frozenset({Question.NOT_NUMBER}),
    Family.TEXT: frozenset({Question.NOT_TEXT}),
    Family.BINARY: frozenset({Question.NOT_BYTES}),
    Family.DATE: frozenset({Question.NOT_DATE, Question.NOT_MOMENT, Question.ZONED})
    | {Question.FINE_FRACTION},
    Family.TIME: frozenset({Question.NOT_TIME}),
    Family.DATETIME: frozenset({Question.NOT_MOMENT, Question.ZONED}),
    Family.INSTANT: frozenset({Question.NOT_MOMENT}),
    Family.JSON: frozenset({Question.NOT_TEXT}),
    Family.UUID: frozenset({Question.NOT_UUID}),
    Family.OTHER: frozenset(),
}


def able(meaning: Meaning) -> frozenset[Question]:
    """Return the troubles that values of such a type can have."""
    found = _TROUBLES[meaning.family]
    if meaning.typed:
        found |= _STRAYS[meaning.family]
    if meaning.values:
        found |= {Question.STRAY_WORD}
    return found - meaning.never


def refusing(meaning: Meaning, *troubles: Question) -> frozenset[Question]:
    """Return those troubles that values of such a type can have."""
    return able(meaning).intersection(troubles)


_NUMBERS: Final = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})

# --- what facts say ---------------------------------------------------------------------------


def empty(facts: Facts) -> bool:
    """Whether there is no value at all."""
    return facts.rows == 0 or facts.nulls == facts.rows


def free(facts: Facts, *questions: Question) -> bool:
    """Whether no value has one of these troubles, and all of that was asked."""
    return empty(facts) or all(facts.counts.get(one) == 0 for one in questions)


def within(facts: Facts, least: int, most: int) -> bool:
    """Whether all numbers are known to lie between these two."""
    if empty(facts):
        return True
    if facts.least is None or facts.most is None:
        return False
    return least <= facts.least and facts.most <= most


def digits(facts: Facts, before: int, behind: int) -> bool:
    """Whether all numbers are known to have no more digits."""
    if empty(facts):
        return True
    if facts.digits_before is None or facts.digits_behind is None:
        return False
    return facts.digits_before <= before and facts.digits_behind <= behind


def shorter(facts: Facts, characters: int) -> bool:
    """Whether all texts are known to have no more characters."""
    if empty(facts):
        return True
    return facts.characters is not None and facts.characters <= characters


def limits(bits: int, *, unsigned: bool = False) -> tuple[int, int]:
    """Return the least and the most of a whole number of so many bits."""
    return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def size(meaning: Meaning) -> int:
    """Return how many bits the largest number takes, without its sign."""
    bits = meaning.bits or 64
    return bits if meaning.unsigned else bits - 1


def whole(precision: int, scale: int) -> tuple[int, int]:
    """Return the digits before and behind the point, also of a scale below 0 or beyond all."""
    return max(precision - scale, 0), max(scale, 0)


# --- columns that take values of any type -----------------------------------------------------


def asked(meaning: Meaning) -> frozenset[Question]:
    """Return what `settled` has to know."""
    if not meaning.typed:
        return frozenset()
    match meaning.family:
        case Family.INTEGER:
            return frozenset({Question.KINDS, Question.RANGE})
        case Family.BOOLEAN:
            return frozenset({Question.KINDS, Question.RANGE}) | _STRAYS[Family.BOOLEAN]
        case Family.DECIMAL:
            return frozenset({Question.KINDS, Question.RANGE, Question.DIGITS})
        case Family.DATE:
            return _STRAYS[Family.DATE]
        case Family.DATETIME:
            return frozenset({Question.ZONED})
        case Family.TEXT if meaning.own == "any":
            return frozenset({Question.KINDS, Question.RANGE, Question.INFINITE})
        case Family.TEXT if meaning.length is not None:
            return frozenset({Question.KINDS, Question.LONGEST})
        case Family.TEXT:
            return frozenset({Question.KINDS})
        case _:
            return frozenset()


def settled(meaning: Meaning, facts: Facts) -> tuple[Meaning, tuple[str, ...]]:
    """Return what a column is by the values that are there, and what to say about that."""
    if not meaning.typed or empty(facts):
        return meaning, ()
    kinds = {kind for kind, count in facts.kinds.items() if count}
    match meaning.family:
        case Family.INTEGER if "real" in kinds:
            return _numbers(meaning, facts, kinds), ("has numbers that are not whole",)
        case Family.INTEGER:
            return _sized(meaning, facts)
        case Family.BOOLEAN if not free(facts, Question.NOT_BOOLEAN) and kinds == {"integer"}:
            note = "has numbers other than 0 and 1, so that it is no boolean"
            return dataclasses.replace(meaning, family=Family.INTEGER, bits=64), (note,)
        case Family.DECIMAL if meaning.precision is not None:
            before, behind = whole(meaning.precision, meaning.scale or 0)
            if digits(facts, before, behind):
                return meaning, ()
            known = facts.digits_before is not None
            note = f"has numbers with more digits than {meaning.type} says"
            wide = dataclasses.replace(meaning, precision=None, scale=None)
            return wide, (note,) if known else ()
        case Family.DATE if not free(facts, Question.NOT_DATE) and free(facts, Question.NOT_MOMENT):
            return _moment(meaning, facts, "has times of day, not only dates")
        case Family.DATETIME:
            return _moment(meaning, facts)
        case Family.TEXT:
            return _text(meaning, facts, kinds)
        case _:
            return meaning, ()


def floats(facts: Facts, kinds: set[str]) -> bool:
    """Whether a float of eight bytes holds every number as it is."""
    if kinds == {"real"}:
        return True
    return kinds <= {"real", "integer"} and within(facts, -EXACT, EXACT)


def origin(meaning: Meaning, into: Family) -> Meaning:
    """Return a meaning with the troubles that its values can still have, now that they are known.

    Where all values are numbers they are numbers, whatever was declared.
    """
    never = meaning.never | {Question.NAN}  # which is kept as NULL
    if meaning.typed and meaning.own == "any" and into in _NUMBERS:
        return dataclasses.replace(meaning, family=into, typed=False, never=never)
    if meaning.typed and into is Family.FLOAT and meaning.family is not Family.FLOAT:
        # Columns that are declared to hold numbers keep no sign of 0.
        never |= {Question.NEGATIVE_ZERO}
        return dataclasses.replace(meaning, family=into, never=never)
    return meaning


def _numbers(meaning: Meaning, facts: Facts, kinds: set[str]) -> Meaning:
    """Return numbers of all sorts: floats, unless there are whole ones that those would round."""
    plain = dataclasses.replace(
        meaning, bits=None, unsigned=False, precision=None, scale=None, length=None
    )
    family = Family.FLOAT if floats(facts, kinds) else Family.DECIMAL
    return dataclasses.replace(plain, family=family)


def _sized(meaning: Meaning, facts: Facts) -> tuple[Meaning, tuple[str, ...]]:
    bits = meaning.bits or 64
    if within(facts, *limits(bits, unsigned=meaning.unsigned)):
        return meaning, ()
    wide = dataclasses.replace(meaning, bits=64, unsigned=False)
    if facts.least is None or bits == 64:
        return wide, ()
    return wide, (f"has numbers beyond what {meaning.type} says",)


def _moment(meaning: Meaning, facts: Facts, *notes: str) -> tuple[Meaning, tuple[str, ...]]:
    if free(facts, Question.ZONED) or Question.ZONED not in facts.counts:
        return dataclasses.replace(meaning, family=Family.DATETIME), notes
    instant = dataclasses.replace(meaning, family=Family.INSTANT)
    return instant, (*notes, "has time zones: what names none is read as UTC")


def _text(meaning: Meaning, facts: Facts, kinds: set[str]) -> tuple[Meaning, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    if meaning.own == "any":
        if kinds == {"integer"}:
            return dataclasses.replace(meaning, family=Family.INTEGER, bits=64), ()
        if kinds and kinds <= {"integer", "real"}:
            return _numbers(meaning, facts, kinds), ()
    if kinds & {"integer", "real"}:
        notes = ("its numbers become texts",)
    if meaning.length is None or shorter(facts, meaning.length):
        return meaning, notes
    if facts.characters is not None:
        notes += (f"has texts longer than {meaning.type} says",)
    return dataclasses.replace(meaning, length=None), notes


def in_check(literals: str) -> str:
    """Return literals as they stand in a check of an offer, where {column} is the column's name."""
    return literals.replace("{column}", "{' || 'column}")


# --- types that a user has named --------------------------------------------------------------


def check_meets(source: Meaning, wanted: Meaning, what: str) -> None:
    """Raise UsageError if values of a type cannot become those of another one."""
    if source.engine == wanted.engine and source.type == wanted.type:
        return
    one, other = (
        forms.Form(family=one.family, own=f"{one.engine} {one.own}") for one in (source, wanted)
    )
    try:
        forms.meet(one, other, what=what)
    except errors.NotComparable as error:
        raise unfit(source, what, "its values could not be compared with those here") from error


def unfit(source: Meaning, wanted: str, why: str, *, remedy: str = "") -> errors.UsageError:
    """Return the error that says why a type cannot be had for values."""
    here = source.type or source.family.value
    return errors.UsageError(
        f"a column of type {here or 'no type'} cannot become {wanted}: {why}",
        left="nothing was changed",
        remedy=remedy or "name another type, or leave it out: one that holds all values is chosen",
    )


def approximate(source: Meaning, wanted: str) -> Domain:
    """Return which numbers a float of eight bytes takes without rounding them."""
    refuses = refusing(source, Question.NOT_NUMBER)
    match source.family:
        case Family.INTEGER if size(source) > EXACT.bit_length() - 1:
            return Domain(least=Decimal(-EXACT), most=Decimal(EXACT), refuses=refuses)
        case Family.DECIMAL if source.precision is None:
            raise unfit(
                source,
                wanted,
                f"it would round numbers of more than {EXACT_DIGITS} digits",
                remedy="name a decimal type with as many digits as the numbers have",
            )
        case Family.DECIMAL:
            before, behind = whole(source.precision or 0, source.scale or 0)
            if before + behind > EXACT_DIGITS:
                before, behind = max(EXACT_DIGITS - behind, 0), min(behind, EXACT_DIGITS)
                return Domain(digits_before=before, digits_behind=behind, refuses=refuses)
            return Domain(refuses=refuses)
        case _:
            return Domain(refuses=refuses)
