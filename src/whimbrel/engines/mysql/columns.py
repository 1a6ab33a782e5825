"""Take a column's definition from SHOW CREATE TABLE apart, so that MODIFY can restate it.

MODIFY COLUMN forgets whatever it is not told again: collation, default, comment, ON UPDATE,
CHECK, INVISIBLE, AUTO_INCREMENT. Grammar: the "column_definition" of the CREATE TABLE page in
the MySQL and MariaDB manuals, in the order in which the servers print it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      '(?:[^'\\]|''|\\.)*'        # a text
    | `(?:[^`]|``)*`              # a name
    | /\*.*?\*/                   # an executable comment, such as /*!80023 INVISIBLE */
    | \(                          # taken together with what it encloses, below
    | [^\s'`(),]+                 # a word or a number
    | [,)]
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> list[str]:
    """Split in words, texts, names and whole parentheses."""
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            position += 1
            continue
        if match.group() != "(":
            found.append(match.group())
            position = match.end()
            continue
        end = _closing(text, position)
        found.append(text[position:end])
        position = end
    return found


def _closing(text: str, start: int) -> int:
    depth = 0
    position = start
    while position < len(text):
        if text[position] in "'`":
            match = _TOKEN.match(text, position)
            position = match.end() if match else position + 1
            continue
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        position += 1
        if depth == 0:
            break
    return position


@dataclass(slots=True)
class Definition:
    """The clauses of a column, each as its own text, or None."""

    type: str
    character_set: str | None = None
    collation: str | None = None
    null: bool = True
    default: str | None = None
    on_update: str | None = None
    auto_increment: bool = False
    comment: str | None = None
    generated: str | None = None
    stored: bool = False
    check: str | None = None
    rest: tuple[str, ...] = ()

    def render(self) -> str:
        """Write the clauses again, in the order that both servers accept."""
        parts = [self.type]
        if self.character_set:
            parts.append(f"CHARACTER SET {self.character_set}")
        if self.collation:
            parts.append(f"COLLATE {self.collation}")
        if self.generated is not None:
            parts.append(f"GENERATED ALWAYS AS {self.generated}")
            if not self.generated.startswith("ROW "):
                parts.append("STORED" if self.stored else "VIRTUAL")
        if not self.null:
            parts.append("NOT NULL")
        elif self.generated is None:
            # Said aloud: a TIMESTAMP without a word about NULL is NOT NULL on old settings.
            parts.append("NULL")
        if self.default is not None:
            parts.append(f"DEFAULT {self.default}")
        if self.on_update:
            parts.append(f"ON UPDATE {self.on_update}")
        if self.auto_increment:
            parts.append("AUTO_INCREMENT")
        parts.extend(self.rest)
        if self.comment is not None:
            parts.append(f"COMMENT {self.comment}")
        if self.check:
            parts.append(f"CHECK {self.check}")
        return " ".join(parts)


def parse(text: str) -> Definition:
    """Take apart what follows a column's name in SHOW CREATE TABLE."""
    words = tokens(text)
    upper = [word.upper() for word in words]
    type_words = [words[0]]
    at = 1
    while at < len(words) and (words[at].startswith("(") or upper[at] in {"UNSIGNED", "ZEROFILL"}):
        joiner = "" if words[at].startswith("(") else " "
        type_words.append(joiner + words[at])
        at += 1
    found = Definition(type="".join(type_words))
    rest: list[str] = []
    while at < len(words):
        word = upper[at]
        if word == "CHARACTER" and upper[at + 1] == "SET":
            found.character_set, at = words[at + 2], at + 3
        elif word == "COLLATE":
            found.collation, at = words[at + 1], at + 2
        elif word == "NOT":
            found.null, at = False, at + 2
        elif word == "NULL":
            found.null, at = True, at + 1
        elif word == "DEFAULT":
            found.default, at = _value(words, at + 1)
        elif word == "ON":
            found.on_update, at = _value(words, at + 2)
        elif word == "AUTO_INCREMENT":
            found.auto_increment, at = True, at + 1
        elif word == "COMMENT":
            found.comment, at = words[at + 1], at + 2
        elif word == "GENERATED":
            found.generated, at = words[at + 3], at + 4
            if found.generated.upper() == "ROW":  # START or END: when the row came and went
                found.generated, at = f"ROW {upper[at]}", at + 1
        elif word in {"STORED", "PERSISTENT", "VIRTUAL"}:
            found.stored, at = word != "VIRTUAL", at + 1
        elif word == "CHECK":
            found.check, at = words[at + 1], at + 2
        else:
            rest.append(words[at])
            at += 1
    found.rest = tuple(rest)
    return found


def _value(words: list[str], at: int) -> tuple[str, int]:
    """Return a value and where it ends: a word, a text, (…), name(…), -1 or _utf8mb4'x'."""
    text = words[at]
    at += 1
    prefixed = text.startswith("_") or text.lower() in {"b", "x"}  # _utf8mb4'x', b'101'
    if at < len(words) and (words[at].startswith("(") or prefixed):
        text += words[at]
        at += 1
    return text, at
