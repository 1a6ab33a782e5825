"""Formats of dates: MySQL's `%Y-%m-%d` in PostgreSQL's words, and back.

What a format means on SQLite is in `sqlite/functions.py`, which reads the same codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_WRITTEN: Final[Mapping[str, str]] = {
    "Y": "YYYY",
    "y": "YY",
    "m": "MM",
    "c": "FMMM",
    "d": "DD",
    "e": "FMDD",
    "D": "FMDDth",
    "H": "HH24",
    "k": "FMHH24",
    "h": "HH12",
    "I": "HH12",
    "l": "FMHH12",
    "i": "MI",
    "s": "SS",
    "S": "SS",
    "f": "US",
    "p": "AM",
    "r": "HH12:MI:SS AM",
    "T": "HH24:MI:SS",
    "M": "FMMonth",
    "b": "Mon",
    "W": "FMDay",
    "a": "Dy",
    "j": "DDD",
    "v": "IW",
    "x": "IYYY",
}
_UNWRITTEN: Final = frozenset("UuVXw")
_READ: Final[Mapping[str, tuple[str, str]]] = {
    # code: PostgreSQL's word, and what it may read
    "Y": ("YYYY", r"\d{4}"),
    "y": ("YY", r"\d{2}"),
    "m": ("MM", r"\d{1,2}"),
    "c": ("MM", r"\d{1,2}"),
    "d": ("DD", r"\d{1,2}"),
    "e": ("DD", r"\d{1,2}"),
    "H": ("HH24", r"\d{1,2}"),
    "k": ("HH24", r"\d{1,2}"),
    "i": ("MI", r"\d{1,2}"),
    "s": ("SS", r"\d{1,2}"),
    "S": ("SS", r"\d{1,2}"),
    "T": ("HH24:MI:SS", r"\d{1,2}:\d{1,2}:\d{1,2}"),
    "M": ("Month", r"[A-Za-z]+"),
    "b": ("Mon", r"[A-Za-z]{3}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How PostgreSQL reads a text of a format: its pattern, and what a text has to look like."""

    postgres: str
    regexp: str


def pieces(format: str) -> Iterator[tuple[str, str]]:
    """Split a format into codes ("code", "Y") and what is between them ("text", "-")."""
    for match in re.finditer(r"%(.)|([^%]+)|%\Z", format, re.DOTALL):
        code, text = match.groups()
        if code is None:
            yield "text", text or "%"
        elif code in _WRITTEN or code in _UNWRITTEN:
            yield "code", code
        else:  # %% is a percent sign, %z a z
            yield "text", code


def to_postgres(format: str) -> str | None:
    """Return TO_CHAR's pattern for a format, or None if it has a code without a counterpart."""
    written: list[str] = []
    for sort, piece in pieces(format):
        if sort == "code" and piece in _UNWRITTEN:
            return None
        written.append(_WRITTEN[piece] if sort == "code" else _quoted(piece))
    return "".join(written)


def _quoted(text: str) -> str:
    if re.fullmatch(r"[-/.,:; ]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def from_postgres(pattern: str) -> str | None:
    """Return MySQL's format for a simple pattern of TO_CHAR, or None."""
    codes = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d"}
    codes |= {"HH24": "%H", "HH12": "%h", "MI": "%i", "SS": "%s"}
    written: list[str] = []
    rest = pattern
    while rest:
        match = re.match(r"YYYY|YY|MM|DD|HH24|HH12|MI|SS|[-/.,:; ]", rest)
        if match is None:
            return None
        written.append(codes.get(match.group(), match.group()))
        rest = rest[match.end() :]
    return "".join(written)


def reading(format: str) -> Reading | None:
    """Return how PostgreSQL reads texts of a format, or None if it cannot do so exactly."""
    words: list[str] = []
    looks: list[str] = []
    for sort, piece in pieces(format):
        if sort == "text":
            words.append(_quoted(piece))
            looks.append(re.escape(piece))
        elif piece in _READ:
            words.append(_READ[piece][0])
            looks.append(_READ[piece][1])
        else:
            return None
    return Reading(postgres="".join(words), regexp=f"^\\s*{''.join(looks)}$")


def looks_like(code: str) -> str:
    """Return the regular expression of what a code reads, with a group for each number in it."""
    if code == "T":
        return r"(\d{1,2}):(\d{1,2}):(\d{1,2})"
    return f"({_READ[code][1]})"


def has_time(format: str) -> bool:
    """Whether a format has a time of day in it."""
    return any(sort == "code" and piece in "HkhIlisSTrfp" for sort, piece in pieces(format))


def is_whole_date(format: str) -> bool:
    """Whether a format has a year, a month and a day."""
    codes = {piece for sort, piece in pieces(format) if sort == "code"}
    return bool(codes & set("Yy")) and bool(codes & set("mcMb")) and bool(codes & set("de"))
