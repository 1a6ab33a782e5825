"""Values of databases as a report shows them: cut where they are long, and nothing invisible.

A value is kept as its plain text (`Shown`); what of it cannot be seen is marked when it is drawn
(`pieces`), so that the JSON has the text itself.
"""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from dataclasses import dataclass
from typing import Final

# So many characters of a value are shown.
MOST_CHARACTERS: Final = 240
# So many of them stand before the place where two values begin to differ.
_BEFORE: Final = 40
# A character whose name says more than its number.
_PICTURES: Final = {"\n": "⏎", "\t": "⇥", "\r": "␍", "\x7f": "␡"}
_JOINER: Final = "\u200d"
# Categories of characters that have no shape of their own.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_LOOKS_LIKE_NULL: Final = "NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A value as text; `text` None is NULL.

    Of a long one it is a part, which begins at the character `start`; `length` is then how many
    characters all of it has. `binary` says that the text is that of bytes, in hexadecimal.
    """

    text: str | None
    length: int | None = None
    start: int = 0
    binary: bool = False

    @property
    def null(self) -> bool:
        """Whether it is NULL."""
        return self.text is None

    @property
    def like_null(self) -> bool:
        """Whether it is a text that could be taken for NULL."""
        return self.text is not None and self.text.strip().upper() == _LOOKS_LIKE_NULL


NULL: Final = Shown(text=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a text: plain, or a mark for one character that would not be seen."""

    text: str
    mark: str = ""
    title: str = ""
    breaks: bool = False


def of(value: object) -> Shown:
    """Return any value of a driver as it is shown."""
    if value is None:
        return NULL
    if isinstance(value, bytes | bytearray | memoryview):
        return cut(bytes(value).hex(), binary=True)
    return cut(_text(value))


def cut(text: str, *, at: int = 0, binary: bool = False) -> Shown:
    """Return a text, or the part of a long one around the character `at`."""
    if len(text) <= MOST_CHARACTERS:
        return Shown(text=text, binary=binary)
    start = max(0, min(at - _BEFORE, len(text) - MOST_CHARACTERS))
    part = text[start : start + MOST_CHARACTERS]
    return Shown(text=part, length=len(text), start=start, binary=binary)


def pair(one: str | None, other: str | None) -> tuple[Shown, Shown, str]:
    """Return two texts that differ, cut where they do, and what to say if they look alike."""
    if one is None or other is None:
        return (NULL if one is None else cut(one), NULL if other is None else cut(other), "")
    at = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    note = ""
    alike = unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other)
    if one != other and (alike or _folded(one) == _folded(other)):
        note = f"from character {at + 1:,} on: {_codes(one[at:])} and {_codes(other[at:])}"
    elif max(len(one), len(other)) > MOST_CHARACTERS:
        note = f"the first character that differs is number {at + 1:,}"
    return cut(one, at=at), cut(other, at=at), note


def pieces(text: str) -> list[Piece]:
    """Cut a text into what is seen and marks for what is not."""
    found: list[Piece] = []
    plain = ""
    last = len(text) - 1
    first_seen = len(text) - len(text.lstrip(" "))
    last_seen = len(text.rstrip(" ")) - 1
    for place, letter in enumerate(text):
        if letter == " " and not first_seen <= place <= last_seen:
            mark = Piece(text=letter, mark="·", title="blank")
        elif _is_seen(text, place, last):
            plain += letter
            continue
        else:
            mark = _marked(letter)
        if plain:
            found.append(Piece(text=plain))
            plain = ""
        found.append(mark)
    if plain:
        found.append(Piece(text=plain))
    return found


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case dt.datetime():
            return value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case dict() | list():
            try:
                return json.dumps(value, ensure_ascii=False, default=str)
            except (TypeError, ValueError):
                return str(value)
        case _:
            return str(value)


def _folded(text: str) -> str:
    """Return a text without what cannot be seen of it."""
    seen = (letter for letter in text if unicodedata.category(letter) not in _UNSEEN)
    return " ".join(unicodedata.normalize("NFKC", "".join(seen)).split())


def _codes(text: str) -> str:
    if not text:
        return "the end"
    named = " ".join(f"U+{ord(letter):04X}" for letter in text[:3])
    return f"{named} …" if len(text) > 3 else named


def _is_seen(text: str, place: int, last: int) -> bool:
    letter = text[place]
    if letter < "\x7f":
        return letter >= " "
    category = unicodedata.category(letter)
    if category == "Zs":
        return False  # a blank that is none: no-break, thin, ideographic
    if letter == _JOINER and 0 < place < last:
        # Between two symbols it makes one picture of them; anywhere else nobody would see it.
        return all(
            unicodedata.category(text[near]) in {"So", "Sk", "Mn"}
            for near in (place - 1, place + 1)
        )
    return category not in _UNSEEN


def _marked(letter: str) -> Piece:
    name = unicodedata.name(letter, "")
    code = f"U+{ord(letter):04X}"
    mark = _PICTURES.get(letter)
    if mark is None:
        mark = chr(0x2400 + ord(letter)) if letter < " " else code
    # A lone half of a surrogate pair is no character that a file could hold.
    kept = letter if unicodedata.category(letter) != "Cs" else ""
    return Piece(
        text=kept,
        mark=mark,
        title=f"{code} {name.lower()}".strip(),
        breaks=letter == "\n",
    )
