"""What to give a column of SQLite so that it keeps exactly what a text says, or a value was.

A column's affinity makes numbers of texts and texts of numbers, and SQLite's own reading of a
float is not exact. So numbers are read here, and what the affinity would make something else of
is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from whimbrel.engines import blocks, bulk, forms, transport
from whimbrel.engines.forms import Family
from whimbrel.engines.sqlite import declared, fields, texts, types
from whimbrel.engines.sqlite.types import Affinity

_INTEGERS: Final = range(-(2**63), 2**63)
_EXACT: Final = 2**53
# Short texts that are no numbers are remembered, so many of them.
_SHORT: Final = 16
_REMEMBERED: Final = 1 << 14
_no_numbers: Final[set[str]] = set()
# So many digits a float keeps of every decimal number.
_EXACT_LENGTH: Final = 15
_OPEN: Final = frozenset({Family.TEXT, Family.JSON, Family.BINARY, Family.OTHER})
# Their texts are no numbers, as other engines write them.
_MOMENTS: Final = frozenset({Family.DATE, Family.TIME, Family.DATETIME, Family.INSTANT})
_NUMERIC: Final = frozenset({Affinity.INTEGER, Affinity.NUMERIC, Affinity.REAL})
# What SQLite takes for a number: blanks around it do not count, and there is nothing else.
_NUMBER: Final = re.compile(
    r"[\t\n\v\f\r ]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[\t\n\v\f\r ]*"
)
_DIGITS: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|NaN|-?Infinity"
_SHAPES: Final[Mapping[Family, re.Pattern[str]]] = {
    Family.INTEGER: re.compile("-?[0-9]+"),
    Family.BOOLEAN: re.compile("-?[0-9]+"),
    Family.DECIMAL: re.compile(_DIGITS),
    Family.FLOAT: re.compile(_DIGITS),
}
_HEXADECIMAL: Final = re.compile("[0-9a-f]+")
_WHOLE: Final = re.compile(r"[\t\n\v\f\r ]*[+-]?[0-9]+[\t\n\v\f\r ]*")
# Types of values that an affinity leaves as they are.
_KEEPS: Final[Mapping[Affinity, frozenset[type]]] = {
    Affinity.INTEGER: frozenset({int, bytes}),
    Affinity.NUMERIC: frozenset({int, bytes}),
    Affinity.REAL: frozenset({float, bytes}),
    Affinity.TEXT: frozenset({str, bytes}),
    Affinity.BLOB: frozenset({int, float, str, bytes}),
}
# Types of values that are never odd in a family.
_NATURAL: Final[Mapping[Family, frozenset[type]]] = {
    Family.INTEGER: frozenset({int}),
    Family.BOOLEAN: frozenset({int}),
    Family.DECIMAL: frozenset({int, float}),
    Family.FLOAT: frozenset({float}),
}


class Column:
    """One column that is written; `strict` says that its table is STRICT."""

    def __init__(self, carried: transport.Carried, *, strict: bool) -> None:
        self.carried = carried
        self._form = carried.value.form
        self._affinity = types.affinity(carried.column.type)
        if not strict and carried.column.type.strip().upper() == "ANY":
            self._affinity = Affinity.NUMERIC
        self._kept = declared.kept(carried.column.type)
        self._words = declared.family(carried.column.type) is not Family.BINARY
        self._write = texts.one(self._form, words=self._words)
        self._bytes = blocks.as_bytes(carried) and not self._form.typed
        self._read = self._reader()

    # --- from texts ---------------------------------------------------------------------------

    def of_fields(self, found: Sequence[str], *, escaped: bool) -> Sequence[texts.Stored]:
        """Return the values of fields of COPY; `escaped` says that there are backslashes."""
        if not escaped:
            return [_raise(self) for _ in found] if self._bytes else self._read(found)
        nulls = "\\N" in found
        there = [field for field in found if field != "\\N"] if nulls else found
        if self._bytes:
            there = [field[3:] if field.startswith("\\\\x") else _raise(self) for field in there]
        elif "\\" in "".join(there):
            there = [unescaped(field) if "\\" in field else field for field in there]
        if not nulls:
            return self._read(there)
        values = iter(self._read(there))
        return [None if field == "\\N" else next(values) for field in found]

    def of_texts(self, found: Sequence[str | None]) -> Sequence[texts.Stored]:
        """Return the values of texts; raise Unstorable for one that is odd.

        Such texts may be a user's own: here a date may turn out to be none.
        """
        there = [text for text in found if text is not None]
        if self._form.family in _MOMENTS and self._affinity in _NUMERIC and _has_numbers(there):
            raise fields.odd(self.carried)
        values = iter(self._read(there))
        return [None if text is None else next(values) for text in found]

    def _reader(self) -> Callable[[Sequence[str]], Sequence[texts.Stored]]:
        if self._form.typed:
            return self._one_by_one
        match self._form.family:
            case Family.INTEGER | Family.BOOLEAN:
                return self._integers
            case Family.DECIMAL:
                return self._decimals
            case Family.FLOAT:
                return self._floats
            case Family.BINARY:
                return self._binaries
            case Family.UUID:
                return self._uuids
            case _:
                return self._texts

    def _one_by_one(self, found: Sequence[str]) -> list[texts.Stored]:
        return [self._one(text) for text in found]

    def _integers(self, found: Sequence[str]) -> Sequence[texts.Stored]:
        joined = "".join(found)
        if not (joined.isascii() and joined.replace("-", "").isdecimal()):
            return self._one_by_one(found)
        if self._affinity is Affinity.TEXT:
            return found
        try:
            made = [*map(int, found)]
        except ValueError:
            return self._one_by_one(found)
        rounds = self._affinity is Affinity.REAL
        # The driver itself refuses what has more than 64 bits.
        if rounds and (max(made) > _EXACT or min(made) < -_EXACT):
            return self._one_by_one(found)
        return made

    def _decimals(self, found: Sequence[str]) -> Sequence[texts.Stored]:
        joined = "".join(found)
        plain = joined.isascii() and joined.replace("-", "").replace(".", "").isdecimal()
        if plain and self._affinity is Affinity.TEXT and all(found):
            return found
        if not plain or max(map(len, found)) > _EXACT_LENGTH:
            return self._one_by_one(found)
        return self._as_floats(found)

    def _floats(self, found: Sequence[str]) -> Sequence[texts.Stored]:
        joined = "".join(found)
        if not (joined.isascii() and joined.translate(_NO_SIGNS).isdecimal()):
            return self._one_by_one(found)
        if self._affinity is Affinity.TEXT and all(found):
            return found
        return self._as_floats(found)

    def _as_floats(self, found: Sequence[str]) -> Sequence[texts.Stored]:
        try:
            made = [*map(float, found)]
        except ValueError:
            return self._one_by_one(found)
        # No column of numbers keeps the sign of 0; REAL is written as a whole number, too.
        signed = self._form.family is Family.FLOAT
        if signed and 0.0 in made and any("-" in t for t, v in zip(found, made) if not v):  # noqa: B905
            return self._one_by_one(found)
        return made

    def _binaries(self, found: Sequence[str]) -> Sequence[texts.Stored]:
        if self._words:
            return self._one_by_one(found)
        try:
            return [*map(bytes.fromhex, found)]
        except ValueError:
            return self._one_by_one(found)

    def _uuids(self, found: Sequence[str]) -> Sequence[texts.Stored]:
        digits = [text.replace("-", "").lower() for text in found]
        plain = set(map(len, digits)) == {32} and _HEXADECIMAL.fullmatch("".join(digits))
        if not plain or self._affinity in _NUMERIC:
            return self._one_by_one(digits)
        return [texts.value(self._form, text, self._kept) for text in digits]

    def _texts(self, found: Sequence[str]) -> Sequence[texts.Stored]:
        mark = fields.MARK if self._form.family in _OPEN else "!"
        if mark in "".join(found) and any(text.startswith(mark) for text in found):
            raise fields.odd(self.carried)
        looks = self._affinity in _NUMERIC and self._form.family not in _MOMENTS
        return self._one_by_one(found) if looks and _has_numbers(found) else found

    def _one(self, text: str) -> texts.Stored:
        """Return what the column makes exactly this text of; raise Unstorable."""
        encoded = texts.octets(text)
        shape = None if self._form.typed else _SHAPES.get(self._form.family)
        if forms.odd(self._form, encoded) or (shape and not shape.fullmatch(text)):
            raise fields.odd(self.carried)
        made = self._exact(text)
        if isinstance(made, str) and self._affinity in _NUMERIC and _is_number(made):
            made = _number(made)
        kept = made if made is None else self._after(made)
        if kept is None or not self._same(encoded, kept):
            raise self._refused(text)
        return made

    def _exact(self, text: str) -> texts.Stored:
        try:
            made = texts.value(self._form, text, self._kept)
        except (ValueError, ArithmeticError):
            raise fields.odd(self.carried) from None
        if self._form.family is Family.BINARY and self._words and not self._form.typed:
            return texts.read(cast("bytes", made))
        if self._affinity is Affinity.TEXT and isinstance(made, (int, float)):
            return None if self._form.typed else text
        return made

    def _same(self, text: bytes, kept: texts.Value) -> bool:
        if self._form.typed and text[:1] != _LETTERS[type(kept)]:
            return False
        return forms.same(self._form, text, texts.octets(self._write(kept)))

    def _after(self, value: texts.Value) -> texts.Value | None:
        """Return what the affinity makes of a value, None for what is not exact."""
        if isinstance(value, float) and value == 0 and self._affinity in _NUMERIC:
            return 0.0 if self._affinity is Affinity.REAL else 0
        if type(value) in _KEEPS[self._affinity]:
            return value if not isinstance(value, int) or value in _INTEGERS else None
        match value:
            case float() if value != value:
                return None  # SQLite keeps NULL
            case int() if self._affinity is Affinity.REAL:
                return float(value) if int(float(value)) == value else None
            case float() if self._affinity is not Affinity.TEXT:
                # The smallest whole number of 64 bits stays a float.
                whole = value.is_integer() and abs(int(value)) < 2**63
                return int(value) if whole else value
            case str() if not _is_number(value):
                return value
            case _:
                return None

    def _refused(self, value: object) -> bulk.Unstorable:
        shown = self.carried.column
        return bulk.refuse(
            value, f"column {shown.name} ({shown.type or 'without a type'}) would change it"
        )

    # --- from values --------------------------------------------------------------------------

    def of_values(self, values: Sequence[texts.Stored]) -> Sequence[texts.Stored]:
        """Return values of another database of this engine as this column keeps them."""
        kinds = set(map(type, values))
        kinds.discard(type(None))
        if not self._form.typed and not kinds <= _NATURAL.get(self._form.family, frozenset()):
            self._check(values)
        shapes = self._form.family is Family.BINARY and not self._form.typed
        if shapes and kinds != {str if self._words else bytes}:
            return [None if v is None else self._shaped(v) for v in values]
        if kinds <= _KEEPS[self._affinity] and not (
            self._affinity is Affinity.REAL and 0.0 in values
        ):
            return values
        if self._harmless(kinds, values):
            return values
        return [None if value is None else self._kept_as(value) for value in values]

    def _check(self, values: Sequence[texts.Stored]) -> None:
        """Raise Unstorable if a value is none of the family that is carried."""
        found = texts.column(self._form, values, words=fields.words(self.carried))
        mark = fields.MARK if self._form.family in _OPEN else "!"
        if any(text is not None and text.startswith(mark) for text in found):
            raise fields.odd(self.carried)

    def _shaped(self, value: texts.Value) -> texts.Stored:
        """Return bytes where the column is one of bytes, and a text where it is one of texts."""
        if isinstance(value, str) and not self._words:
            return texts.octets(value)
        if isinstance(value, bytes) and self._words:
            return self._one(value.hex())
        return self._kept_as(value)

    def _harmless(self, kinds: set[type], values: Sequence[texts.Stored]) -> bool:
        """Whether the affinity leaves all these values alone."""
        if self._affinity in (Affinity.INTEGER, Affinity.NUMERIC) and kinds <= {int, float, bytes}:
            return not any(v.is_integer() for v in values if v.__class__ is float)
        if self._affinity in _NUMERIC and kinds <= {str}:
            return not _has_numbers([v for v in values if v.__class__ is str])
        return False

    def _kept_as(self, value: texts.Value) -> texts.Stored:
        kept = self._after(value)
        # 0.0 and -0.0 are equal, but not the same.
        if type(kept) is type(value) and repr(kept) == repr(value):
            return value
        if self._form.typed:
            raise self._refused(value)
        return self._one(texts.one(self._form, words=fields.words(self.carried))(value))


_LETTERS: Final[Mapping[type, bytes]] = {int: b"i", float: b"r", str: b"t", bytes: b"b"}
_NO_SIGNS: Final = {ord(sign): None for sign in "-+.eE"}


def _raise(column: Column) -> str:
    raise fields.odd(column.carried)


def _has_numbers(found: Sequence[str]) -> bool:
    """Whether a column of numbers would make one of any of these texts."""
    # Nothing with a colon in it is one, and days come again and again.
    rest = {text for text in found if ":" not in text} - _no_numbers
    if not rest:
        return False
    if any(map(_is_number, rest)):
        return True
    if max(map(len, rest)) <= _SHORT:
        if len(_no_numbers) + len(rest) > _REMEMBERED:
            _no_numbers.clear()
        _no_numbers.update(rest)
    return False


def _is_number(text: str) -> bool:
    """Whether a column of numbers would make a number of a text."""
    return _NUMBER.fullmatch(text) is not None


def _number(text: str) -> int | float:
    if _WHOLE.fullmatch(text) and int(text) in _INTEGERS:
        return int(text)
    return float(text)


_ESCAPE: Final = re.compile(r"\\(.)", re.S)
_MEANT: Final[Mapping[str, str]] = {
    "t": "\t",
    "n": "\n",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}


def unescaped(field: str) -> str:
    """Return what a field of COPY says."""
    return _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[1]), field)
