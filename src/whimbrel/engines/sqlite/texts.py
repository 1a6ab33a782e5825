"""The texts that `forms` describes, made of values as SQLite keeps them: any type in any column.

All of it is Python: what SQLite itself writes of a REAL, or reads of one, is not exact in every
version. Whole columns of a chunk of rows are written at once, which is what makes it fast.

Texts are `str` here. A byte that is no UTF-8 stands in them as a lone surrogate, as
`surrogateescape` makes it, so that every text of a database can be read and comes out as it was.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

from whimbrel.engines import forms, phrases
from whimbrel.engines.forms import Family
from whimbrel.engines.sqlite import types

Value = int | float | str | bytes
Stored = Value | None
Write = Callable[[Value], str]

# Where every text is a proper value, this byte marks what is none; UTF-8 never has it.
_MARK: Final = b"\xff".decode("utf-8", "surrogateescape")
_LONGEST_PLAIN: Final = 1e15
# Dates and times of day come again and again; these many are remembered.
_REMEMBERED: Final = 1 << 14

_INTEGER: Final = re.compile(r"([+-]?)([0-9]+)")
_DECIMAL: Final = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?")
_FLOAT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
# Months and days 00 are what MySQL keeps of a date that is not known.
_DATE_SHAPE: Final = r"[0-9]{4,6}-(?:0[0-9]|1[0-2])-(?:[0-2][0-9]|3[01])"
_MINUTE_SHAPE: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SECOND_SHAPE: Final = r":[0-5][0-9]"
_DAY: Final = re.compile(rf"{_DATE_SHAPE}(?: BC)?|-?infinity")
# MySQL's times are spans, and with PostgreSQL a day can end at 24:00.
_TIME: Final = re.compile(rf"(-?[0-9]{{2,3}}:[0-5][0-9])(?:({_SECOND_SHAPE})(?:\.([0-9]*))?)?")
_MOMENT: Final = re.compile(
    rf"({_DATE_SHAPE})(?:[ T]({_MINUTE_SHAPE})(?:({_SECOND_SHAPE})(?:\.([0-9]*))?)?"
    r"(?: ?(Z|z|[+-][0-9]{2}(?::?[0-5][0-9])?))?)?( BC)?"
)
_ENDLESS: Final = frozenset({"infinity", "-infinity"})
_PLAIN_DAY: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_PLAIN_CLOCK: Final = re.compile(rf" {_MINUTE_SHAPE}{_SECOND_SHAPE}(?:\.[0-9]*[1-9])?")
_LONGEST_DAY: Final = 16
_UUID: Final = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_WORDS: Final = frozenset({"NaN", "Infinity", "-Infinity"})


def octets(text: str) -> bytes:
    """Return a text as the bytes that it is in UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def read(text: bytes) -> str:
    """Return bytes as a text, whatever they are."""
    return text.decode("utf-8", "surrogateescape")


# --- whole columns --------------------------------------------------------------------------


def column(
    form: forms.Form, values: Sequence[Stored], *, words: bool = False
) -> Sequence[str | None]:
    """Return the texts of values of one column; NULL stays None.

    In a column of `words`, bytes are what is odd; it only matters where both can be meant.
    """
    kinds = set(map(type, values))
    if type(None) not in kinds:
        return _written(form, kinds, cast("Sequence[Value]", values), words=words)
    kinds.discard(type(None))
    there = [value for value in values if value is not None]
    texts = iter(_written(form, kinds, there, words=words))
    return [None if value is None else next(texts) for value in values]


def _written(
    form: forms.Form, kinds: set[type], values: Sequence[Value], *, words: bool
) -> Sequence[str]:
    fast = _fast_typed if form.typed else _FAST.get(form.family)
    texts = fast(form, kinds, values) if fast else None
    return [*map(one(form, words=words), values)] if texts is None else texts


def parts(form: forms.Form, texts: Sequence[str | None]) -> Iterable[str]:
    """Return texts of one column as they stand in the text of a row."""
    if form.long:
        return ["" if text is None else _md5(text) for text in texts]
    if None in texts:
        if form.bare:
            return [text or "" for text in texts]
        return ["" if text is None else f"{len(octets(text))}:{text}" for text in texts]
    full = cast("Sequence[str]", texts)
    if form.bare:
        return full
    if not "".join(full).isascii():
        return [f"{len(octets(text))}:{text}" for text in full]
    try:
        return [_LENGTHS[len(text)] + text for text in full]
    except IndexError:
        return [f"{len(text)}:{text}" for text in full]


def _md5(text: str) -> str:
    return hashlib.md5(octets(text), usedforsecurity=False).hexdigest()


# Made once: most texts are short.
_LENGTHS: Final = tuple(f"{length}:" for length in range(1000))


# Each writes all values at once, or returns None: then they are written one by one.
_Fast = Callable[[forms.Form, "set[type]", Sequence[Value]], "Sequence[str] | None"]


def _fast_integers(
    form: forms.Form, kinds: set[type], values: Sequence[Value]
) -> Sequence[str] | None:
    return [*map(str, values)] if kinds == {int} else None


def _fast_numbers(
    form: forms.Form, kinds: set[type], values: Sequence[Value]
) -> Sequence[str] | None:
    if not values or not kinds <= _NUMBERS or form.scale is not None:
        return None
    numbers = cast("Sequence[float]", values)
    distinct = set(numbers)
    # Below this bound numbers that are equal have the same text, 5 and 5.0, but for 0 and -0.
    if not (max(distinct) < _LONGEST_PLAIN and min(distinct) > -_LONGEST_PLAIN):
        return None
    if float not in kinds:
        return [*map(str, numbers)]
    signed_zero = form.family is Family.FLOAT and 0 in distinct
    if 2 * len(distinct) > len(numbers) or signed_zero:
        return _short_numbers(form, numbers)
    few = _short_numbers(form, distinct)
    return (
        None if few is None else [*map(dict(zip(distinct, few, strict=True)).__getitem__, numbers)]
    )


def _short_numbers(form: forms.Form, numbers: Collection[float]) -> Sequence[str] | None:
    text = "\n".join(map(repr, numbers)) + "\n"
    if "e" in text or (form.family is Family.DECIMAL and "-0.0\n" in text):
        return None
    return text.replace(".0\n", "\n")[:-1].split("\n")


def _fast_texts(
    form: forms.Form, kinds: set[type], values: Sequence[Value]
) -> Sequence[str] | None:
    if kinds != {str} or form.padded:
        return None
    texts = cast("Sequence[str]", values)
    return texts if "".join(texts).isascii() else None


def _fast_days(form: forms.Form, kinds: set[type], values: Sequence[Value]) -> Sequence[str] | None:
    if kinds != {str}:
        return None
    texts = cast("Sequence[str]", values)
    return [*map(_day, texts)] if max(map(len, texts)) <= _LONGEST_DAY else None


def _fast_moments(
    form: forms.Form, kinds: set[type], values: Sequence[Value]
) -> Sequence[str] | None:
    """Write moments that are written as they should be; both parts come again and again."""
    if kinds != {str}:
        return None
    texts = cast("Sequence[str]", values)
    days = {text[:10] for text in texts}
    clocks = {text[10:] for text in texts}
    if all(map(_is_plain_day, days)) and all(map(_is_plain_clock, clocks)):
        return texts
    return None


def _fast_typed(
    form: forms.Form, kinds: set[type], values: Sequence[Value]
) -> Sequence[str] | None:
    if kinds == {int}:
        return [*map("i:%d".__mod__, cast("Sequence[int]", values))]
    if kinds == {str}:
        return [*map("t:".__add__, cast("Sequence[str]", values))]
    if kinds <= _NUMBERS:
        floats = [value for value in values if isinstance(value, float)]
        texts = _fast_numbers(_FLOATS, {float}, floats)
        if texts is None:
            return None
        each = iter(texts)
        return [f"r:{next(each)}" if isinstance(v, float) else f"i:{v!s}" for v in values]
    return None


_NUMBERS: Final = frozenset({int, float})
_FLOATS: Final = forms.Form(family=Family.FLOAT)
_FAST: Final[Mapping[Family, _Fast]] = {
    Family.INTEGER: _fast_integers,
    Family.BOOLEAN: _fast_integers,
    Family.DECIMAL: _fast_numbers,
    Family.FLOAT: _fast_numbers,
    Family.TEXT: _fast_texts,
    Family.JSON: _fast_texts,
    Family.DATE: _fast_days,
    Family.DATETIME: _fast_moments,
    Family.INSTANT: _fast_moments,
}


# --- one value ------------------------------------------------------------------------------


def one(form: forms.Form, *, words: bool = False) -> Write:
    """Return what writes one value in a form; nothing it is given makes it fail."""
    if form.typed:
        return _typed
    if form.family is Family.BINARY and words:
        return _binary_of_words
    if form.family is Family.DECIMAL and form.scale is not None:
        return functools.partial(_decimal, scale=form.scale)
    if form.family is Family.TEXT and form.padded:
        return _padded
    return _ONE[form.family]


def _odd(value: Value, mark: str = "!") -> str:
    match value:
        case str():
            return f"{mark}t{octets(value).hex()}"
        case bytes():
            return f"{mark}b{value.hex()}"
        case float():
            return f"{mark}r{float_text(value).encode().hex()}"
        case _:
            return f"{mark}i{str(value).encode().hex()}"


def _typed(value: Value) -> str:
    match value:
        case str():
            return f"t:{value}"
        case bytes():
            return f"b:{value.hex()}"
        case float():
            return f"r:{float_text(value)}"
        case _:
            return f"i:{value}"


def _integer(value: Value) -> str:
    if isinstance(value, int):
        return str(value)
    found = _INTEGER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return _odd(value)
    return _signed(found[1], found[2].lstrip("0") or "0")


def _signed(sign: str, digits: str) -> str:
    return f"-{digits}" if sign == "-" and digits.strip("0.") else digits


_BOOLEANS: Final[Mapping[str, str]] = {
    **dict.fromkeys(phrases.YES, "1"),
    **dict.fromkeys(phrases.NO, "0"),
}


def _boolean(value: Value) -> str:
    if isinstance(value, int):
        return str(value)
    known = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    return _integer(value) if known is None else known


def _decimal(value: Value, scale: int | None = None) -> str:
    match value:
        case int():
            text = str(value)
        case float() if value in (float("inf"), float("-inf")):
            return float_text(value)
        case float():
            text = format(Decimal(repr(value)), "f")
        case str():
            text = value
        case _:
            return _odd(value)
    if "e" in text.lower() and _FLOAT.fullmatch(text):
        text = format(Decimal(text), "f")
    found = _DECIMAL.fullmatch(text)
    if found is None:
        return text if text in _WORDS else _odd(value)
    fraction = (found[3] or "").rstrip("0").ljust(scale or 0, "0")
    whole = found[2].lstrip("0") or "0"
    return _signed(found[1], f"{whole}.{fraction}" if fraction else whole)


def _float(value: Value) -> str:
    match value:
        case float():
            return float_text(value)
        case int():
            number = float(value)
            return float_text(number) if int(number) == value else _odd(value)
        case str() if value in _WORDS:
            return value
        case str() if _FLOAT.fullmatch(value):
            number = float(value)
            return _odd(value) if number in (float("inf"), float("-inf")) else float_text(number)
        case _:
            return _odd(value)


def float_text(value: float) -> str:
    """Return the fewest digits that read back as the same eight bytes, as `forms` writes them."""
    text = repr(value)
    if "e" not in text and -_LONGEST_PLAIN < value < _LONGEST_PLAIN:
        return text.removesuffix(".0")
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    exact = Decimal(text).normalize()
    sign, figures, exponent = exact.as_tuple()
    power = len(figures) + int(exponent) - 1
    if -15 <= power < 15:
        return format(exact, "f")
    digits = "".join(map(str, figures))
    mantissa = f"{digits[0]}.{digits[1:]}" if digits[1:] else digits
    return f"{'-' if sign else ''}{mantissa}e{power}"


def _text(value: Value) -> str:
    match value:
        case str() if not value.startswith(_MARK):
            return value
        case str() | bytes():
            return _odd(value, _MARK)
        case _:
            return repr(value)


def _padded(value: Value) -> str:
    return _text(value).rstrip(" ")


def _binary(value: Value) -> str:
    return value.hex() if isinstance(value, bytes) else _odd(value, _MARK)


def _binary_of_words(value: Value) -> str:
    return octets(value).hex() if isinstance(value, str) else _odd(value, _MARK)


def _uuid(value: Value) -> str:
    if isinstance(value, bytes) and len(value) == 16:
        return value.hex()
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value.replace("-", "").lower()
    return _odd(value)


def _json(value: Value) -> str:
    # A document that is only a number becomes one where the column's affinity is numeric.
    if isinstance(value, float) and value - value != 0:
        return _odd(value, _MARK)
    return _text(value)


# --- moments --------------------------------------------------------------------------------


def _date(value: Value) -> str:
    if isinstance(value, str) and len(value) <= _LONGEST_DAY:
        return _day(value)
    return _odd(value)


@functools.lru_cache(_REMEMBERED)
def _day(value: str) -> str:
    return value if _DAY.fullmatch(value) else _odd(value)


@functools.lru_cache(_REMEMBERED)
def _is_plain_day(value: str) -> bool:
    return _PLAIN_DAY.fullmatch(value) is not None


def _is_plain_clock(value: str) -> bool:
    return _PLAIN_CLOCK.fullmatch(value) is not None


def _time(value: Value) -> str:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    return _odd(value) if found is None else _clock(found[1], found[2], found[3])


def _clock(minutes: str, seconds: str | None, fraction: str | None) -> str:
    kept = (fraction or "").rstrip("0")
    return f"{minutes}{seconds or ':00'}{'.' if kept else ''}{kept}"


def _datetime(value: Value) -> str:
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[5] is not None:
        return str(value) if value in _ENDLESS else _odd(value)
    return f"{found[1]} {_clock(found[2] or '00:00', found[3], found[4])}{found[6] or ''}"


def _instant(value: Value) -> str:
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return str(value) if value in _ENDLESS else _odd(value)
    zone = found[5]
    if zone is None or zone in "Zz":
        return f"{found[1]} {_clock(found[2] or '00:00', found[3], found[4])}{found[6] or ''}"
    moved = None if found[6] else _moved(f"{found[1]} {found[2]}{found[3] or ':00'}", zone)
    if moved is None:
        return _odd(value)
    return f"{moved[:10]} {_clock(moved[11:16], moved[16:19], found[4])}"


def _moved(local: str, zone: str) -> str | None:
    """Return a moment in UTC; None where there is no such moment."""
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    try:
        at = dt.datetime.fromisoformat(local)
        ahead = dt.timedelta(minutes=-minutes if zone[0] == "-" else minutes)
        return (at - ahead).isoformat(" ")
    except (ValueError, OverflowError):
        return None


_ONE: Final[Mapping[Family, Write]] = {
    Family.INTEGER: _integer,
    Family.BOOLEAN: _boolean,
    Family.DECIMAL: _decimal,
    Family.FLOAT: _float,
    Family.TEXT: _text,
    Family.BINARY: _binary,
    Family.DATE: _date,
    Family.TIME: _time,
    Family.DATETIME: _datetime,
    Family.INSTANT: _instant,
    Family.JSON: _json,
    Family.UUID: _uuid,
    Family.OTHER: _text,
}


# --- forms and values in SQL ----------------------------------------------------------------


def spec(form: forms.Form, *, words: bool = False) -> str:
    """Return what decides how values are written, as one word for a statement."""
    scale = "" if form.scale is None else form.scale
    flags = "".join(str(int(f)) for f in (form.typed, form.padded, form.long, words))
    return f"{form.family.value},{flags},{scale}"


@functools.lru_cache(256)
def form_of(spec: str) -> tuple[forms.Form, bool]:
    """Return the form that a word of `spec` stands for, and whether its column is of words."""
    family, flags, scale = spec.split(",")
    typed, padded, long, words = (flag == "1" for flag in flags)
    form = forms.Form(
        family=Family(family),
        typed=typed,
        padded=padded,
        long=long,
        scale=int(scale) if scale else None,
    )
    return form, words


def value(form: forms.Form, text: str, kept: str) -> Value:
    """Return the value of a text, as a column would keep it.

    `kept` says how the column keeps values, as `declared.kept` has it.
    """
    mark = text[:1]
    if form.typed and text[1:2] == ":":
        return _untyped(text[0], text[2:])
    if mark == _MARK or (mark == "!" and form.family not in _OPEN):
        raw = bytes.fromhex(text[2:])
        return raw if text[1] == "b" else _untyped(text[1], read(raw))
    made = _VALUES.get(form.family, _as_it_is)(text)
    if form.family is Family.UUID:
        return _kept_uuid(text, kept)
    if kept in _AS_TEXT and not isinstance(made, bytes):
        return text
    return made


_AS_TEXT: Final = frozenset({types.Affinity.TEXT.value, "TEXT32"})
_OPEN: Final = frozenset({Family.TEXT, Family.BINARY, Family.JSON, Family.OTHER})


def _untyped(letter: str, text: str) -> Value:
    match letter:
        case "i":
            return int(text)
        case "r":
            return float(text)
        case "b":
            return bytes.fromhex(text)
        case _:
            return text


def _as_it_is(text: str) -> str:
    return text


def _as_integer(text: str) -> int | str:
    number = int(text)
    return number if -(2**63) <= number < 2**63 else text


def _as_decimal(text: str) -> int | float | str:
    if text in _WORDS:
        return text
    exact = Decimal(text)
    if exact == exact.to_integral_value() and -(2**63) <= exact < 2**63:
        return int(exact)
    near = float(exact)
    # What a REAL would not keep stays a text; its column may round it all the same.
    return near if Decimal(repr(near)) == exact else text


def _as_float(text: str) -> float | str:
    return text if text == "NaN" else float(text)


def _kept_uuid(text: str, kept: str) -> str | bytes:
    if kept == types.Affinity.BLOB.value:
        return bytes.fromhex(text)
    if kept == "TEXT32":
        return text
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


_VALUES: Final[Mapping[Family, Callable[[str], Value]]] = {
    Family.INTEGER: _as_integer,
    Family.BOOLEAN: _as_integer,
    Family.DECIMAL: _as_decimal,
    Family.FLOAT: _as_float,
    Family.BINARY: bytes.fromhex,
}
