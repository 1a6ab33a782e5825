"""Rules about the characters of a text: blanks, case, Unicode, what is broken in it."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, ClassVar, Final

from whimbrel import errors
from whimbrel.engines.forms import Family
from whimbrel.engines.portable import Question
from whimbrel.rows.cleansing import base

# What looks like nothing at the ends of a text and is no blank to Unicode.
_UNSEEN: Final = "\u200b\u2060\ufeff"
_ENDS: Final = rf"[\s{_UNSEEN}]+"
_LEFT: Final = re.compile(rf"\A{_ENDS}")
_RIGHT: Final = re.compile(rf"{_ENDS}\Z")
_BLANKS: Final = re.compile(r"[^\S\r\n]+")
_BLANKS_AND_LINES: Final = re.compile(r"\s+")
_JSON_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@lru_cache
def module(package: str) -> ModuleType:
    """Import a package of the extra `cleanse`, or raise MissingExtra."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise errors.MissingExtra(
            package.partition(".")[0], extra="cleanse", needed_for="this rule of cleansing"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim(base.Rule):
    """Take blanks from the ends."""

    sides: str = "both"

    name: ClassVar[str] = "trim"
    main: ClassVar[str | None] = "sides"
    takes: ClassVar[Mapping[str, base.Reader]] = {"sides": base.one_of("both", "left", "right")}

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.TRAILING_BLANKS} if self.sides != "left" else ())

    def value(self, words: str, cell: base.Cell) -> str:
        if self.sides != "right":
            words = _LEFT.sub("", words)
        return words if self.sides == "left" else _RIGHT.sub("", words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse(base.Rule):
    """Make one blank of many; with "lines" also of line ends."""

    what: str = "blanks"

    name: ClassVar[str] = "collapse"
    main: ClassVar[str | None] = "what"
    takes: ClassVar[Mapping[str, base.Reader]] = {"what": base.one_of("blanks", "lines")}
    families: ClassVar[frozenset[Family]] = base.WORDY

    def value(self, words: str, cell: base.Cell) -> str:
        return (_BLANKS if self.what == "blanks" else _BLANKS_AND_LINES).sub(" ", words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unicode(base.Rule):
    """Write characters in one of Unicode's normal forms."""

    form: str = "nfc"

    name: ClassVar[str] = "unicode"
    main: ClassVar[str | None] = "form"
    takes: ClassVar[Mapping[str, base.Reader]] = {"form": base.one_of("nfc", "nfkc")}
    families: ClassVar[frozenset[Family]] = base.WORDY

    def value(self, words: str, cell: base.Cell) -> str:
        return unicodedata.normalize("NFC" if self.form == "nfc" else "NFKC", words)


def _encoding(said: object) -> str:
    found = base.text(said)
    try:
        "".encode(found)
    except LookupError:
        raise base.Unfit(f"has to be an encoding that Python knows, not {said!r}") from None
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(base.Rule):
    """Repair texts that were read in the wrong encoding: Ã¼ becomes ü.

    With `encoding` bytes that are no UTF-8 are read in it.
    """

    encoding: str = ""

    name: ClassVar[str] = "repair"
    main: ClassVar[str | None] = "encoding"
    takes: ClassVar[Mapping[str, base.Reader]] = base.refusing(encoding=_encoding)
    families: ClassVar[frozenset[Family]] = frozenset({Family.TEXT, Family.JSON})

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NOT_UTF8})

    def prepare(self) -> None:
        module("ftfy")

    def value(self, words: str, cell: base.Cell) -> str:
        try:
            words.encode()
        except UnicodeEncodeError:
            words = self._read(words)
        ftfy: Any = module("ftfy")
        fixed: str = ftfy.fix_encoding(words)
        return fixed

    def _read(self, words: str) -> str:
        if not self.encoding:
            raise base.Refusal("its bytes are no UTF-8, and the rule does not say what they are")
        try:
            return words.encode("utf-8", "surrogateescape").decode(self.encoding)
        except UnicodeError:
            raise base.Refusal(f"its bytes are neither UTF-8 nor {self.encoding}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class StripControls(base.Rule):
    """Take out control characters, all but tabs and line ends; with "nul" only NUL."""

    what: str = "all"

    name: ClassVar[str] = "strip_control"
    main: ClassVar[str | None] = "what"
    takes: ClassVar[Mapping[str, base.Reader]] = {"what": base.one_of("all", "nul")}

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.NUL, Question.JSON_NUL})

    def value(self, words: str, cell: base.Cell) -> str:
        if cell.form.family is Family.JSON:
            words = _without_json_nul(words)
        if self.what == "nul":
            return words.replace("\0", "")
        if words.isprintable():
            return words
        return "".join(c for c in words if c in "\t\n\r" or unicodedata.category(c) != "Cc")


def _without_json_nul(words: str) -> str:
    while (found := _JSON_NUL.sub(r"\1", words)) != words:
        words = found
    return words


@dataclass(frozen=True, slots=True, kw_only=True)
class Upper(base.Rule):
    """Write in upper case."""

    name: ClassVar[str] = "upper"
    families: ClassVar[frozenset[Family]] = base.WORDY

    def value(self, words: str, cell: base.Cell) -> str:
        return words.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lower(base.Rule):
    """Write in lower case."""

    name: ClassVar[str] = "lower"
    families: ClassVar[frozenset[Family]] = base.WORDY

    def value(self, words: str, cell: base.Cell) -> str:
        return words.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Title(base.Rule):
    """Begin words with an upper-case letter; words in mixed case (McDonald) stay as they are."""

    name: ClassVar[str] = "title"
    families: ClassVar[frozenset[Family]] = base.WORDY

    def value(self, words: str, cell: base.Cell) -> str:
        return _WORD.sub(lambda found: _titled(found[0]), words)


def _titled(word: str) -> str:
    if word not in (word.upper(), word.lower()):
        return word
    first, *rest = re.split(r"(['’])", word.lower())
    said = first[:1].title() + first[1:]
    # O'Neil and D'Angelo, but it's.
    if len(first) == 1 and rest and len(rest[1]) > 1:
        return said + rest[0] + rest[1][:1].title() + rest[1][1:] + "".join(rest[2:])
    return said + "".join(rest)


def _pattern(said: object) -> str:
    found = base.text(said)
    try:
        re.compile(found)
    except re.error as error:
        raise base.Unfit(f"is no regular expression: {error}") from None
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace(base.Rule):
    r"""Replace what a regular expression finds; \1 in `with` is its first group."""

    pattern: str = ""
    by: str = ""
    ignore_case: bool = False

    name: ClassVar[str] = "replace"
    main: ClassVar[str | None] = "pattern"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = {
        "pattern": _pattern,
        "with": base.any_text,
        "ignore_case": base.flag,
    }
    fields: ClassVar[Mapping[str, str]] = {"with": "by"}
    families: ClassVar[frozenset[Family]] = base.WORDY

    def __post_init__(self) -> None:
        if self.pattern:
            try:
                re.compile(self.pattern).sub(self.by, "")
            except (re.error, IndexError) as error:
                raise base.Unfit(f"cannot be put in its place: {error}", option="with") from None

    def value(self, words: str, cell: base.Cell) -> str:
        return re.sub(self.pattern, self.by, words, flags=re.IGNORECASE if self.ignore_case else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxLength(base.Rule):
    """Refuse texts of more characters (bytes, if binary); with `cut` they lose their end."""

    most: int = 1
    cut: bool = False

    name: ClassVar[str] = "max_length"
    main: ClassVar[str | None] = "most"
    bare: ClassVar[bool] = False
    takes: ClassVar[Mapping[str, base.Reader]] = base.refusing(most=base.count, cut=base.flag)
    families: ClassVar[frozenset[Family]] = frozenset({Family.TEXT, Family.BINARY})

    @property
    def accepts(self) -> frozenset[Question]:
        return frozenset({Question.LONGEST})

    def value(self, words: str, cell: base.Cell) -> str:
        of = 2 if cell.form.family is Family.BINARY else 1
        if len(words) <= self.most * of:
            return words
        if self.cut:
            return words[: self.most * of]
        unit = "bytes" if of == 2 else "characters"
        raise base.Refusal(f"it has {len(words) // of:,} {unit}, more than {self.most:,}")


RULES: Final[tuple[type[base.Rule], ...]] = (
    Trim, Collapse, Unicode, Repair, StripControls, Upper, Lower, Title, Replace, MaxLength,
)  # fmt: skip
