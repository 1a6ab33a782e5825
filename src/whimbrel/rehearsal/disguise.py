"""Other values in the place of personal ones: always the same for the same, by a secret.

Whoever has the secret and a value can say what becomes of it; without the secret nobody can. A mask
keeps what makes a value pass: its length or its room, its format, its type. Masks that keep a
format are permutations (of all values of that format), so that no two values become one. Which
columns are masked, and in which of these ways, is the work of `masking`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import ClassVar, Final

from whimbrel.engines.forms import Family
from whimbrel.rows.cleansing import base

_DIGITS: Final = string.digits
_LOWER: Final = string.ascii_lowercase
_UPPER: Final = string.ascii_uppercase
# A permutation is made of so many characters at a time.
_AT_A_TIME: Final = 32
_ROUNDS: Final = 8
_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aeio"
_STREETS: Final = ("Street", "Road", "Lane", "Way")
# An address that nobody has (RFC 2606).
_DOMAIN: Final = "@example.com"
_LEAST_EMAIL: Final = 8
_DAYS: Final = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask(base.Rule):
    """One way to put another value in the place of one.

    `room` is how many characters fit, None for any number; with `unique` no two values may become
    one. `limit` is the largest number that fits, `least` and `most` bound what is asked for, `days`
    how far a date is moved, `constant` is what stands for every value.
    """

    kind: str
    secret: bytes = field(repr=False)
    room: int | None = None
    unique: bool = False
    limit: int | None = None
    least: int | None = None
    most: int | None = None
    days: int = _DAYS
    constant: str | None = None

    name: ClassVar[str] = "mask"
    families: ClassVar[frozenset[Family]] = base.EVERY

    def value(self, words: str, cell: base.Cell) -> str | None:
        """Return what stands for a value."""
        return KINDS[self.kind](self, words)

    # --- what all of them are made of ---------------------------------------------------------

    def digest(self, *parts: str) -> bytes:
        """Return bytes that depend on the secret and on what is given."""
        text = "\0".join((self.kind, *parts)).encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, text, hashlib.sha256)

    def number_of(self, *parts: str) -> int:
        """Return a large number that depends on the secret and on what is given."""
        return int.from_bytes(self.digest(*parts), "big")

    def permuted(self, number: int, size: int, *tweak: str) -> int:
        """Return another number below `size`: a permutation, chosen by secret and tweak."""
        if size < 2:
            return number
        half = max(1, ((size - 1).bit_length() + 1) // 2)
        low = (1 << half) - 1
        while True:
            left, right = number >> half, number & low
            for round_ in range(_ROUNDS):
                made = self._round(right, half, str(round_), str(size), *tweak)
                left, right = right, left ^ made
            number = (left << half) | right
            if number < size:
                return number

    def _round(self, right: int, bits: int, *parts: str) -> int:
        seed = self.digest(str(right), *parts)
        count = (bits + 7) // 8
        made = seed if count <= len(seed) else hashlib.shake_256(seed).digest(count)
        return int.from_bytes(made[:count], "big") & ((1 << bits) - 1)


def _classed(mask: Mask, words: str, classes: Sequence[str]) -> str:
    """Return a text of the same format: each character of a class becomes another one of it."""
    found = list(words)
    for start in range(0, len(found), _AT_A_TIME):
        before = words[:start]
        part = found[start : start + _AT_A_TIME]
        of = [next((one for one in classes if letter in one), "") for letter in part]
        size, number = 1, 0
        for letter, one in zip(part, of, strict=True):
            if one:
                size, number = size * len(one), number * len(one) + one.index(letter)
        # What is kept, and all that stood before, choose the permutation.
        kept = "".join(letter if not one else one[0] for letter, one in zip(part, of, strict=True))
        number = mask.permuted(number, size, kept, before)
        for place in range(len(part) - 1, -1, -1):
            if of[place]:
                number, at = divmod(number, len(of[place]))
                found[start + place] = of[place][at]
    return "".join(found)


def _text(mask: Mask, words: str) -> str:
    """Letters become other letters, digits other digits, all else stays."""
    if words.isascii():
        return _classed(mask, words, (_DIGITS, _LOWER, _UPPER))
    if mask.unique:
        return _hash(mask, words)
    # A letter beyond ASCII would say which it was: it becomes one of ASCII.
    plain = "".join(
        letter if letter.isascii() or not (letter.isalpha() or letter.isnumeric())
        else ("A" if letter.isupper() else "a")
        for letter in words
    )  # fmt: skip
    return _classed(mask, plain, (_DIGITS, _LOWER, _UPPER))


def _digits(mask: Mask, words: str) -> str:
    """Digits become other digits, all else stays."""
    return _classed(mask, words, (_DIGITS,))


def _phone(mask: Mask, words: str) -> str:
    """Digits become other digits, behind the country if it is said."""
    head = words[:3] if words[:1] == "+" and len(words) > 8 else ""
    return head + _classed(mask, words[len(head) :], (_DIGITS,))


def _email(mask: Mask, words: str) -> str:
    """Return an address at a domain that nobody has."""
    if not words:
        return words
    room = 24 if mask.room is None else min(24, mask.room)
    local = base64.b32encode(mask.digest(words)).decode("ascii").lower()
    if room < len(_DOMAIN) + _LEAST_EMAIL:
        raise base.Refusal(f"there is no room for an address in {room} characters")
    return local[: room - len(_DOMAIN)] + _DOMAIN


def _word(number: int, syllables: int) -> tuple[str, int]:
    word = ""
    for _ in range(syllables):
        number, consonant = divmod(number, len(_CONSONANTS))
        number, vowel = divmod(number, len(_VOWELS))
        word += _CONSONANTS[consonant] + _VOWELS[vowel]
    return word.capitalize(), number


def _name(mask: Mask, words: str) -> str:
    """Return as many words as there were, that can be spoken and mean nothing."""
    if not words.strip():
        return words
    number = mask.number_of(words)
    count = min(3, max(1, len(words.split())))
    found = []
    # A name has to be told from every other one: with more syllables there are more of them.
    for _ in range(count):
        word, number = _word(number, 10 // count if mask.unique else 3)
        found.append(word)
    return _fitting(mask, " ".join(found), words)


def _address(mask: Mask, words: str) -> str:
    """Return a number and a street that is nowhere."""
    if not words.strip():
        return words
    number = mask.number_of(words)
    street, number = _word(number, 8 if mask.unique else 3)
    number, kind = divmod(number, len(_STREETS))
    return _fitting(mask, f"{number % 990 + 1} {street} {_STREETS[kind]}", words)


def _fitting(mask: Mask, made: str, words: str) -> str:
    if mask.room is None or len(made) <= mask.room:
        return made
    if mask.unique:
        return _text(mask, words)
    return made[: mask.room].rstrip() or _text(mask, words)


def _hash(mask: Mask, words: str) -> str:
    """Return hexadecimal digits."""
    room = 32 if mask.room is None else min(32, mask.room)
    if mask.unique and room < 16:
        raise base.Refusal(f"there is no room to tell values apart in {room} characters")
    return mask.digest(words).hex()[:room]


def _number(mask: Mask, words: str) -> str:
    """Return a number within bounds, or one of as many digits."""
    if mask.least is None or mask.most is None:
        head = words[: len(words) - len(words.lstrip("-"))]
        return head + _numeral(mask, words[len(head) :])
    if not mask.unique:
        return str(mask.least + mask.number_of(words) % (mask.most - mask.least + 1))
    try:
        number = Decimal(words)
    except InvalidOperation:
        raise base.Refusal("it is no number") from None
    if number != int(number) or not mask.least <= number <= mask.most:
        raise base.Refusal(
            f"it is not between {mask.least} and {mask.most}, and no two values may become one"
        )
    size = mask.most - mask.least + 1
    return str(mask.least + mask.permuted(int(number) - mask.least, size))


def _numeral(mask: Mask, words: str) -> str:
    """Return as many digits, the first of them no zero unless it was one."""
    if not words.isascii() or not words.replace(".", "", 1).isdigit():
        raise base.Refusal("it is no number of plain digits")
    whole, point, behind = words.partition(".")
    digits = whole + behind
    if whole in ("", "0"):
        body = _classed(mask, behind, (_DIGITS,))
        return whole + point + body
    low, high = 10 ** (len(digits) - 1), 10 ** len(digits)
    if mask.limit is not None and int(digits) <= mask.limit < high:
        high = mask.limit + 1
    size = high - low
    made = str(low + mask.permuted(int(digits) - low, size, str(len(whole))))
    return made[: len(whole)] + point + made[len(whole) :]


def _date(mask: Mask, words: str) -> str:
    """Return a day some days off, the same number for every value; the time stays."""
    try:
        day = dt.date.fromisoformat(words[:10])
    except ValueError:
        raise base.Refusal("it is no date") from None
    moved = dt.timedelta(days=1 + mask.number_of("days") % mask.days)
    try:
        return (day - moved).isoformat() + words[10:]
    except OverflowError:
        raise base.Refusal("there is no day before it") from None


def _constant(mask: Mask, words: str) -> str | None:
    return mask.constant


def _null(mask: Mask, words: str) -> None:
    return None


Way = Callable[[Mask, str], "str | None"]
KINDS: Final[Mapping[str, Way]] = {
    "address": _address,
    "constant": _constant,
    "date": _date,
    "digits": _digits,
    "email": _email,
    "hash": _hash,
    "name": _name,
    "null": _null,
    "number": _number,
    "phone": _phone,
    "text": _text,
}
_NUMERIC: Final = frozenset({Family.INTEGER, Family.DECIMAL})
_DATED: Final = frozenset({Family.DATE, Family.DATETIME, Family.INSTANT})
_WORDY: Final = frozenset({Family.TEXT})
#: What a kind can be asked of; a column of text takes them all.
FAMILIES: Final[Mapping[str, frozenset[Family]]] = {
    **dict.fromkeys(KINDS, _WORDY),
    "constant": base.TEXTUAL,
    "date": _WORDY | _DATED,
    "digits": _WORDY,
    "null": base.EVERY,
    "number": _WORDY | _NUMERIC | {Family.FLOAT},
}
