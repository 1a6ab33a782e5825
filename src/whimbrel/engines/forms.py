"""What values are, whatever keeps them: families, and the form in which two sides are compared.

Two columns of two engines are compared by a text that is the same on both exactly when the
values are: its form. How an engine writes that text is its codec's work; here is which form two
columns have in common, and when two texts of one form mean the same value.

The texts, by family (`bare` ones are never empty and hold no bar):

    INTEGER   -?[0-9]+ without leading zeros; also years and up to 64 bits
    BOOLEAN   0 or 1
    DECIMAL   plain digits; `scale` digits behind the point, or (None) without trailing zeros and
              never "-0"; NaN, Infinity, -Infinity
    FLOAT     the fewest digits that read back as the same eight bytes: plain from 1e-15 up to
              1e15, like 5, -0, 0.00001; beyond that like 1.5e300, 1.5e-20; NaN, ±Infinity
    DATE      2024-02-29          TIME      23:59:59.5 (no trailing zeros of the fraction)
    DATETIME  2024-02-29 23:59:59.5, no zone          INSTANT  the same, in UTC
    BINARY    lower-case hexadecimal, empty for no bytes: not bare
    UUID      32 lower-case hexadecimal digits
    TEXT      the characters, UTF-8; with `padded` without blanks at the end
    JSON      any text of the document: equal texts are equal values, unequal ones are read
    OTHER     what the engine itself writes; only for columns of the same type of one engine

A value that is none of its family (a word in a column of numbers) is "!", one letter of what it
is (t text, b binary, i integer, r float) and its bytes in hexadecimal; where any text is a proper
value (TEXT, JSON, OTHER) the byte 0xFF stands in place of "!". With `typed` every value is written
with the letter of its own type, a colon and its text, for engines whose columns hold any type.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Hashable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Final

from whimbrel import errors


class Family(Enum):
    """What a value means, as far as comparing goes."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    BINARY = "binary"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    INSTANT = "instant"
    JSON = "json"
    UUID = "uuid"
    OTHER = "other"


_OPEN: Final = frozenset({Family.TEXT, Family.BINARY, Family.JSON, Family.OTHER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How values are written to be compared.

    As a codec gives it, it says what a column is; as `meet` gives it, what two have in common.
    `own` is the type's name where the family is OTHER, with its engine's. `long` values may be too
    large to be joined with others and enter a row's text by their MD5. `typed` columns hold
    values of any type, and what they make of numbers put into them is said by `stores`. `notes`
    are the rules that a report has to state.
    """

    family: Family
    scale: int | None = None
    padded: bool = False
    long: bool = False
    typed: bool = False
    stores: str = ""
    own: str = ""
    notes: tuple[str, ...] = ()

    @property
    def bare(self) -> bool:
        """Whether texts of this form can stand between bars as they are."""
        return self.long or not (self.typed or self.family in _OPEN)


_NUMBERS: Final = frozenset({Family.INTEGER, Family.BOOLEAN, Family.DECIMAL, Family.FLOAT})
_MOMENTS: Final = frozenset({Family.DATE, Family.DATETIME, Family.INSTANT})
# What a text can be read as. It is the other column's type that says so.
_READ: Final = frozenset(Family) - {Family.OTHER, Family.TEXT}


def meet(one: Form, other: Form, *, what: str) -> Form:
    """Return the form that two columns are compared in, or raise NotComparable.

    `what` names the two for the error.
    """
    notes: list[str] = []
    families = {one.family, other.family}
    family = _meet(one, other)
    if family is None:
        raise errors.NotComparable(what, one=_said(one), other=_said(other))
    if len(families) > 1:
        notes.append(f"{_said(one)} and {_said(other)} are compared as {family.value}")
    if families == {Family.DATETIME, Family.INSTANT} or families == {Family.DATE, Family.INSTANT}:
        notes.append("what has no time zone is read as UTC")
    padded = family is Family.TEXT and (one.padded or other.padded)
    if padded:
        notes.append("blanks at the end do not count: one side is CHAR, which pads with them")
    same_scale = family is Family.DECIMAL and len(families) == 1 and one.scale == other.scale
    return Form(
        family=family,
        scale=one.scale if same_scale and not (one.typed or other.typed) else None,
        padded=padded,
        long=one.long or other.long,
        typed=_typed(one, other),
        own=one.own if family is Family.OTHER else "",
        notes=tuple(notes),
    )


def _meet(one: Form, other: Form) -> Family | None:
    if Family.OTHER in (one.family, other.family):
        # Also its text against a text: nobody reads more into it than its engine wrote.
        if one.family is other.family:
            return Family.OTHER if one.own == other.own else None
        return Family.TEXT if Family.TEXT in (one.family, other.family) else None
    if one.family is other.family:
        return one.family
    families = {one.family, other.family}
    if families <= _NUMBERS:
        return Family.INTEGER if families == {Family.INTEGER, Family.BOOLEAN} else Family.DECIMAL
    if families <= _MOMENTS:
        return Family.INSTANT if Family.INSTANT in families else Family.DATETIME
    if families == {Family.UUID, Family.BINARY}:
        return Family.UUID
    if Family.TEXT in families:
        (rest,) = families - {Family.TEXT}
        return rest if rest in _READ else None
    return None


def _typed(one: Form, other: Form) -> bool:
    """Whether the types of single values count, too.

    Not those of numbers where the columns make different things of them: 1 here is '1' there.
    """
    if not (one.typed and other.typed and one.family is other.family):
        return False
    return one.stores == other.stores or one.family not in _NUMBERS


def _said(form: Form) -> str:
    return form.own or form.family.value


# --- when two texts mean the same -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far two numbers may lie apart and still count as equal; the report states it.

    Both are met by |a - b| <= max(absolute, relative * max(|a|, |b|)).
    """

    absolute: Decimal = Decimal(0)
    relative: Decimal = Decimal(0)

    def covers(self, one: Decimal, other: Decimal) -> bool:
        """Whether two finite numbers count as equal."""
        most = max(self.absolute, self.relative * max(abs(one), abs(other)))
        return abs(one - other) <= most

    def __str__(self) -> str:
        parts = []
        if self.absolute:
            parts.append(f"±{self.absolute}")
        if self.relative:
            parts.append(f"±{self.relative * 100:f} %")
        return " or ".join(parts) or "none"


def same(
    form: Form, one: bytes | None, other: bytes | None, tolerance: Tolerance | None = None
) -> bool:
    """Whether two texts of a form are the same value; None is NULL, which is like NULL alone."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    if form.typed:
        return _same_typed(form, one, other, tolerance)
    match form.family:
        case Family.JSON:
            return _same_json(one, other)
        case Family.FLOAT:
            if _float_bits(one) == _float_bits(other) is not None:
                return True
            return _near(one, other, tolerance)
        case Family.DECIMAL | Family.INTEGER:
            numbers = _number(one), _number(other)
            if None not in numbers and numbers[0] == numbers[1]:
                return True
            return _near(one, other, tolerance)
        case _:
            return False


def meaning(form: Form, text: bytes | None) -> Hashable:
    """Return what is equal for texts that are the same without a tolerance, and for no others."""
    if text is None:
        return None
    if form.typed:
        plain = _of_letter(form, text[:2])
        return text[:2], meaning(plain, text[2:])
    match form.family:
        case Family.JSON:
            try:
                # Beside NULL, which is no document.
                return "document", _hashable(_document(text))
            except (ValueError, ArithmeticError, RecursionError):
                return text
        case Family.FLOAT:
            return _float_bits(text) or text
        case Family.DECIMAL | Family.INTEGER:
            number = _number(text)
            return text if number is None else number
        case _:
            return text


def _hashable(document: object) -> Hashable:
    if isinstance(document, dict):
        return "object", frozenset((key, _hashable(item)) for key, item in document.items())
    if isinstance(document, list):
        return "list", tuple(_hashable(item) for item in document)
    return document


def _of_letter(form: Form, letter: bytes) -> Form:
    """Return the form of a value of a typed column, by the letter of its own type."""
    plain = dataclasses.replace(form, typed=False)
    return dataclasses.replace(plain, family=Family.FLOAT) if letter == b"r:" else plain


def _same_typed(form: Form, one: bytes, other: bytes, tolerance: Tolerance | None) -> bool:
    if one[:2] != other[:2]:
        return False
    return same(_of_letter(form, one[:2]), one[2:], other[2:], tolerance)


def _number(text: bytes) -> Decimal | None:
    try:
        value = Decimal(text.decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError):
        return None
    return value if value.is_finite() else None


def _float_bits(text: bytes) -> bytes | None:
    try:
        return struct.pack(">d", float(text))
    except ValueError:
        return None


def _near(one: bytes, other: bytes, tolerance: Tolerance | None) -> bool:
    if tolerance is None:
        return False
    numbers = _number(one), _number(other)
    if numbers[0] is None or numbers[1] is None:
        return False
    return tolerance.covers(numbers[0], numbers[1])


def _same_json(one: bytes, other: bytes) -> bool:
    try:
        return _document(one) == _document(other)
    except (ValueError, ArithmeticError, RecursionError):
        return False  # not JSON, or deeper than can be read: texts that differ do differ


class _Members(dict[str, object]):
    """An object whose keys are all there; compared by value, order does not count."""


def _document(text: bytes) -> object:
    """Read a document so that equal ones are equal and no others.

    Numbers are exact decimals (1.0 is 1, 1e400 is no infinity), true is not 1, and a key that
    comes twice keeps its last value, as RFC 8259 says most readers do.
    """
    return _marked(
        json.loads(
            text.decode("utf-8", "surrogatepass"),
            parse_int=Decimal,
            parse_float=Decimal,
            parse_constant=_refuse,
            object_pairs_hook=_Members,
        )
    )


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def _marked(value: object) -> object:
    """Make values of different types unequal: Python has True == 1."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_marked(item) for item in value]
    return value


def odd(form: Form, text: bytes | None) -> bool:
    """Whether a text stands for a value that is none of its family, or for no text at all."""
    if text is None or form.typed:
        return False
    return text[:1] == b"\xff" or (text[:1] == b"!" and form.family not in _OPEN)


# --- as people read it ----------------------------------------------------------------------

_LETTERS: Final = {"t": "text", "b": "binary", "i": "integer", "r": "float"}


def shown(form: Form, text: bytes | None, *, kind: bool = False) -> str | None:
    """Return a text as people read it: odd values by their own text; None stays None.

    With `kind` a value of a typed form says of which type it is.
    """
    if text is None:
        return None
    if text[:1] == b"\xff" or (text[:1] == b"!" and form.family not in _OPEN):
        letter = text[1:2].decode("ascii", "replace")
        try:
            raw = bytes.fromhex(text[2:].decode("ascii"))
        except ValueError:
            return text.decode("utf-8", "backslashreplace")
        said = raw.hex() if letter == "b" else raw.decode("utf-8", "backslashreplace")
        return f"{said} ({_LETTERS.get(letter, letter)})"
    if form.typed and text[1:2] == b":":
        letter, rest = text[:1].decode("ascii", "replace"), text[2:]
        said = rest.decode("utf-8", "backslashreplace")
        return f"{said} ({_LETTERS.get(letter, letter)})" if kind else said
    return text.decode("utf-8", "backslashreplace")
