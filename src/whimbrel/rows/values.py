"""What the texts of values are to Python: plain words for rules, Python's values for functions.

The texts are those of `engines.forms`. A text is read in the form that its source's column has
and written in the one that enters the target; what is none of that family raises `Misfit`.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from whimbrel.engines import forms
from whimbrel.engines.forms import Family

#: The byte 0xFF as it is read: it stands before a text that is none of an open family.
MARK: Final = b"\xff".decode("utf-8", "surrogateescape")

_OPEN: Final = frozenset({Family.TEXT, Family.BINARY, Family.JSON, Family.OTHER})
_WORDS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_NUMBERS: Final = frozenset({Family.INTEGER, Family.BOOLEAN, Family.DECIMAL, Family.FLOAT})
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}")
# More digits than any engine keeps, but no exponent that would fill the memory with zeros.
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DAY: Final = re.compile(r"([0-9]{4,6})-([0-9]{2})-([0-9]{2})")
_DATED: Final = re.compile(r"([0-9]{4,6}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9:.]+))?( BC)?")
_ENDLESS: Final = frozenset({"infinity", "-infinity"})
_CLOCK: Final = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,12}))?)?")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")
_UUID: Final = re.compile(
    r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}"
)
_SAID: Final[Mapping[Family, str]] = {
    Family.INTEGER: "whole number",
    Family.BOOLEAN: "truth value",
    Family.DECIMAL: "number",
    Family.FLOAT: "number",
    Family.DATE: "date",
    Family.TIME: "time",
    Family.DATETIME: "date and time",
    Family.INSTANT: "date and time",
    Family.BINARY: "hexadecimal text",
    Family.UUID: "UUID",
    Family.JSON: "JSON document",
    Family.TEXT: "text of UTF-8",
    Family.OTHER: "text of UTF-8",
}

_LONGEST_PLAIN: Final = 1e15


class Misfit(ValueError):
    """A value is none of the family that it should be written in."""


# --- plain words ----------------------------------------------------------------------------


def is_odd(form: forms.Form, text: str) -> bool:
    """Whether a text stands for a value that is none of its column's family."""
    if form.typed:
        return False
    return text[:1] == MARK or (text[:1] == "!" and form.family not in _OPEN)


def plain(form: forms.Form, text: str) -> str:
    """Return the words of a value, odd ones too; bytes that are no UTF-8 are escaped in it.

    Bytes where there should be words, and words where there should be bytes, have none: they keep
    the mark that nothing can be written with.
    """
    if form.typed and text[1:2] == ":":
        return text[2:]
    if is_odd(form, text):
        return _odd_words(form, text)
    return text


def _odd_words(form: forms.Form, text: str) -> str:
    if text[1:2] == "b" or form.family is Family.BINARY:
        return MARK + text[1:]
    try:
        return bytes.fromhex(text[2:]).decode("utf-8", "surrogateescape")
    except ValueError:
        return text


def written(form: forms.Form, words: str) -> str:
    """Return the text of a form for plain words, or raise Misfit."""
    if form.typed:
        return _typed(form, words)
    if form.family is Family.DECIMAL:
        return _decimal(words, form.scale)
    text = _WRITE[form.family](words)
    return text.rstrip(" ") if form.padded else text


def _misfit(family: Family, words: str) -> Misfit:
    return Misfit(f"{shown(words)} is no {_SAID[family]}")


def shown(words: str | None, *, limit: int = 60) -> str:
    """Return words for a sentence: quoted, shortened, nothing in them that a screen obeys."""
    if words is None:
        return "NULL"
    if words.startswith(f"{MARK}b"):
        words, mark = words[2:], "x"
    else:
        mark = ""
    cut = words if len(words) <= limit else f"{words[: limit - 1]}…"
    return mark + repr(cut)


def _integer(words: str) -> str:
    if _INTEGER.fullmatch(words):
        digits = words.lstrip("+-").lstrip("0") or "0"
        return f"-{digits}" if words[0] == "-" and digits != "0" else digits
    number = _number(Family.INTEGER, words)
    if not number.is_finite() or number != number.to_integral_value():
        raise _misfit(Family.INTEGER, words)
    return str(int(number))


def _boolean(words: str) -> str:
    try:
        return _integer(words)
    except Misfit:
        raise _misfit(Family.BOOLEAN, words) from None


def _number(family: Family, words: str) -> Decimal:
    if words in _WORDS:
        return Decimal(words)
    if not _DECIMAL.fullmatch(words):
        raise _misfit(family, words)
    try:
        return Decimal(words)
    except InvalidOperation:
        raise _misfit(family, words) from None


def _decimal(words: str, scale: int | None = None) -> str:
    if words in _WORDS:
        return words
    text = format(_number(Family.DECIMAL, words), "f")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0").ljust(scale or 0, "0")
    if scale is not None and len(fraction) > scale:
        # A database would round it, and most do so without a word.
        digits = "digit" if scale == 1 else "digits"
        raise Misfit(f"{shown(words)} has more than {scale} {digits} behind the point")
    whole = whole.lstrip("0") or "0"
    if not (whole + fraction).strip("0"):
        sign = ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _float(words: str) -> str:
    if words in _WORDS:
        return words
    exact = _number(Family.FLOAT, words)
    number = float(exact)
    if math.isinf(number):
        raise _misfit(Family.FLOAT, words)
    text = float_text(number)
    if Decimal(text) != exact:
        raise Misfit(f"{shown(words)} has more digits than a floating number keeps")
    return text


def float_text(value: float) -> str:
    """Return the fewest digits that read back as the same eight bytes, as `forms` writes them."""
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    exact = Decimal(repr(value)).normalize()
    sign, figures, exponent = exact.as_tuple()
    power = len(figures) + int(exponent) - 1
    if abs(value) < _LONGEST_PLAIN and power >= -15:
        return format(exact, "f")
    digits = "".join(map(str, figures))
    mantissa = f"{digits[0]}.{digits[1:]}" if digits[1:] else digits
    return f"{'-' if sign else ''}{mantissa}e{power}"


def _is_day(words: str) -> bool:
    found = _DAY.fullmatch(words)
    if found is None or not int(found[1]):
        return False
    try:
        # The calendar repeats itself after 400 years; Python's ends with the year 9999.
        dt.date(int(found[1]) % 400 + 400, int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True


def _day(words: str) -> str:
    if words in _ENDLESS:
        return words
    found = _DATED.fullmatch(words)
    # A moment at midnight is a day; at any other time it would lose the time.
    if found is None or not _is_day(found[1]) or not _midnight(found[2]):
        raise _misfit(Family.DATE, words)
    return found[1] + (found[3] or "")


def _midnight(clock: str | None) -> bool:
    return clock is None or (_CLOCK.fullmatch(clock) is not None and not clock.strip("0:."))


def _clock(family: Family, clock: str, words: str) -> str:
    found = _CLOCK.fullmatch(clock)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise _misfit(family, words)
    fraction = (found[4] or "").rstrip("0")
    return f"{found[1]}:{found[2]}:{found[3] or '00'}{'.' if fraction else ''}{fraction}"


def _time(words: str) -> str:
    return _clock(Family.TIME, words, words)


def _moment(words: str) -> str:
    if words in _ENDLESS:
        return words
    found = _DATED.fullmatch(words)
    if found is None or not _is_day(found[1]):
        raise _misfit(Family.DATETIME, words)
    return f"{found[1]} {_clock(Family.DATETIME, found[2] or '00:00', words)}{found[3] or ''}"


def _binary(words: str) -> str:
    if not _HEX.fullmatch(words):
        raise _misfit(Family.BINARY, words)
    return words.lower()


def _uuid(words: str) -> str:
    if not _UUID.fullmatch(words):
        raise _misfit(Family.UUID, words)
    return words.replace("-", "").lower()


def _text(words: str) -> str:
    try:
        words.encode()
    except UnicodeEncodeError:
        raise _misfit(Family.TEXT, words) from None
    return words


def _json(words: str) -> str:
    try:
        json.loads(words)
    except (ValueError, RecursionError):
        raise _misfit(Family.JSON, words) from None
    return _text(words)


_WRITE: Final = {
    Family.INTEGER: _integer,
    Family.BOOLEAN: _boolean,
    Family.FLOAT: _float,
    Family.DATE: _day,
    Family.TIME: _time,
    Family.DATETIME: _moment,
    Family.INSTANT: _moment,
    Family.BINARY: _binary,
    Family.UUID: _uuid,
    Family.TEXT: _text,
    Family.JSON: _json,
    Family.OTHER: _text,
}


def _typed(form: forms.Form, words: str) -> str:
    """Write a value with the letter of its type, for a column that takes any."""
    match form.family:
        case Family.INTEGER | Family.BOOLEAN:
            return f"i:{_integer(words)}"
        case Family.FLOAT:
            return f"r:{_float(words)}"
        case Family.DECIMAL:
            text = _decimal(words)
            if text not in _WORDS and "." not in text and abs(int(text)) < 2**63:
                return f"i:{text}"
            near = float(text)
            exact = math.isfinite(near) and Decimal(repr(near)) == Decimal(text)
            return f"r:{float_text(near)}" if exact else f"t:{text}"
        case Family.BINARY:
            return f"b:{_binary(words)}"
        case _:
            return f"t:{_WRITE[form.family](words)}"


# --- Python's values ------------------------------------------------------------------------


def value(form: forms.Form, text: str | None) -> object:
    """Return Python's value of a text.

    It is the plain text where Python has no value that keeps all of it: a date before the year 1,
    a tenth of a microsecond, a word in a column of numbers.
    """
    if text is None:
        return None
    words = plain(form, text)
    if is_odd(form, text):
        return _odd_value(text)
    family = form.family
    if form.typed and text[1:2] == ":":
        family = _LETTERS.get(text[0], family)
    try:
        made = _read(family, words)
        # Only what can be written again without a loss.
        return made if same_words(family, text_of(made, family), words) else words
    except (ValueError, ArithmeticError, RecursionError, TypeError):
        return words


def _odd_value(text: str) -> object:
    try:
        raw = bytes.fromhex(text[2:])
    except ValueError:
        return text
    return raw if text[1:2] == "b" else raw.decode("utf-8", "surrogateescape")


_LETTERS: Final = {"i": Family.INTEGER, "r": Family.FLOAT, "b": Family.BINARY, "t": Family.TEXT}


def same_words(family: Family, one: str, other: str) -> bool:
    """Whether two plain texts are the same value."""
    if one == other or family is Family.JSON:
        return True
    return family in _NUMBERS and Decimal(one) == Decimal(other)


def _read(family: Family, words: str) -> object:
    match family:
        case Family.INTEGER:
            return int(words)
        case Family.BOOLEAN:
            return {"0": False, "1": True}.get(words) if words in ("0", "1") else int(words)
        case Family.DECIMAL:
            return Decimal(words)
        case Family.FLOAT:
            return float(words)
        case Family.DATE:
            return dt.date.fromisoformat(words)
        case Family.TIME:
            return dt.time.fromisoformat(words)
        case Family.DATETIME:
            return dt.datetime.fromisoformat(words)
        case Family.INSTANT:
            return dt.datetime.fromisoformat(words).replace(tzinfo=dt.UTC)
        case Family.BINARY:
            return bytes.fromhex(words)
        case Family.UUID:
            return uuid.UUID(words)
        case Family.JSON:
            return json.loads(words, parse_float=Decimal)
        case _:
            return words


def text_of(value: object, family: Family = Family.TEXT) -> str:
    """Return the plain words of a value of Python's; raise Misfit for one that has none.

    `family` is what it goes into: a dict, a list or a text becomes a document where that is JSON.
    """
    match value:
        case dict() | list() | tuple():
            return _document(value)
        case bool():
            return str(int(value))
        case str() if family is Family.JSON:
            # A text that is a document stays one; every other is a document that is a text.
            return value if _is_json(value) else json.dumps(value, ensure_ascii=False)
        case str():
            return value
        case int():
            return str(value)
        case float():
            return float_text(value)
        case Decimal():
            return _WORD_OF.get(str(value), None) or (
                format(value, "f") if value.is_finite() else str(value)
            )
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case dt.datetime():
            at = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
            return _fraction(at.isoformat(" "))
        case dt.time() if value.tzinfo is None:
            return _fraction(value.isoformat())
        case dt.date():
            return value.isoformat()
        case uuid.UUID():
            return value.hex if family in (Family.UUID, Family.BINARY) else str(value)
        case _:
            raise Misfit(f"{type(value).__name__} is no value of a column")


_WORD_OF: Final = {"NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity"}


def _fraction(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _document(value: object) -> str:
    """Write a document; decimals exactly, which `json` itself cannot."""
    match value:
        case Decimal() if value.is_finite():
            return format(value, "f")
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise Misfit("a document has a key that is no text")
            members = (f"{json.dumps(k, ensure_ascii=False)}: {_document(v)}" for k, v in
                       value.items())  # fmt: skip
            return "{" + ", ".join(members) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_document, value)) + "]"
        case None | bool() | str() | int():
            return json.dumps(value, ensure_ascii=False)
        case float() if math.isfinite(value):
            return json.dumps(value)
        case _:
            raise Misfit(f"a document has no {type(value).__name__} in it")


def key_words(form: forms.Form, words: str) -> str:
    """Return what is equal for keys that are the same, whatever type of column they stand in."""
    if form.family in _NUMBERS:
        try:
            return _decimal(words)
        except Misfit:
            return words
    return words
