"""SQLite's SQL as tokens, and how SQLite spells and compares names.

Closer to SQLite's own tokenizer than the one for all dialects: what is cut here is put together
again and stored. What the tokens mean is the work of `text`.
"""

from __future__ import annotations

import itertools
import re
from enum import Enum
from typing import Final, NamedTuple


class Sort(Enum):
    """What a token is."""

    SPACE = "space"
    COMMENT = "comment"
    BLOB = "blob"
    STRING = "string"
    NAME = "quoted name"
    NUMBER = "number"
    WORD = "word"
    SYMBOL = "symbol"


# As in SQLite's own tokenizer: every character beyond ASCII may stand in a name.
_TOKEN: Final = re.compile(
    r"(?P<SPACE>[ \t\n\f\r\ufeff]+)"
    r"|(?P<COMMENT>--[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<BLOB>[xX]'[^']*')"
    r"|(?P<STRING>'[^']*(?:''[^']*)*')"
    r'|(?P<NAME>"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\])'
    r"|(?P<NUMBER>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?"
    r"[A-Za-z0-9_$\u0080-\U0010ffff]*)"
    r"|(?P<WORD>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)"
    r"|(?P<SYMBOL>.)",
    re.DOTALL,
)


class Token(NamedTuple):
    """One piece of a text; the texts of all tokens joined are the whole text."""

    sort: Sort
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def word(self) -> str:
        """Return a word or symbol in upper case, '' for anything else."""
        return self.text.upper() if self.sort in (Sort.WORD, Sort.SYMBOL) else ""

    @property
    def means(self) -> bool:
        """Whether it is more than a blank or a comment."""
        return self.sort not in (Sort.SPACE, Sort.COMMENT)


def read(sql: str) -> list[Token]:
    """Split a text."""
    return [
        Token(Sort[match.lastgroup or "SYMBOL"], match.group(), match.start())
        for match in _TOKEN.finditer(sql)
    ]


def first_word(sql: str) -> str:
    """Return the word that a statement begins with, in upper case."""
    for match in _TOKEN.finditer(sql):
        token = Token(Sort[match.lastgroup or "SYMBOL"], match.group(), match.start())
        if token.means:
            return token.word
    return ""


def unquoted(text: str) -> str:
    """Return the name that an identifier stands for."""
    mark = text[0]
    if mark == "[":
        return text[1:-1]
    if mark in "\"'`":
        return text[1:-1].replace(mark * 2, mark)
    return text


def same(one: str, other: str) -> bool:
    """Whether two names are the same to SQLite, which folds ASCII letters only."""
    return fold(one) == fold(other)


def fold(name: str) -> str:
    """Return a name as SQLite compares it."""
    return name.translate(_LOWER)


_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that SQLite takes for a name only in quotes.
RESERVED: Final = _words(
    "ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE "
    "DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING "
    "IN INDEX INSERT INTERSECT INTO IS ISNULL JOIN LIMIT NOT NOTHING NOTNULL NULL ON OR ORDER "
    "PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING "
    "VALUES WHEN WHERE"
)
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words of SQLite's that are names unless they stand where the grammar wants them.
_KEYWORDS: Final = RESERVED | _words(
    "ABORT ACTION AFTER ALWAYS ANALYZE ASC ATTACH BEFORE BEGIN BY CASCADE CAST COLUMN CONFLICT "
    "CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATABASE DEFERRED DESC DETACH DO "
    "EACH END EXCLUDE EXCLUSIVE EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FULL GENERATED GLOB GROUPS "
    "IF IGNORE IMMEDIATE INDEXED INITIALLY INNER INSTEAD KEY LAST LEFT LIKE MATCH MATERIALIZED "
    "NATURAL NO NULLS OF OFFSET OTHERS OUTER OVER PARTITION PLAN PRAGMA PRECEDING QUERY RAISE "
    "RANGE RECURSIVE REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT RIGHT ROLLBACK ROW ROWS "
    "SAVEPOINT TEMP TEMPORARY TIES TRIGGER UNBOUNDED VACUUM VIEW VIRTUAL WINDOW WITH "
    "WITHOUT"
)


def is_plain(name: str) -> bool:
    """Whether a name means the same without quotes."""
    return bool(_PLAIN.fullmatch(name)) and name.upper() not in _KEYWORDS


def quote(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def canonical(sql: str) -> str:
    """Return a text that differs only where another one differs in more than its layout.

    Blanks and the way in which a name is quoted do not count; comments do.
    """
    found: list[str] = []
    for token in read(sql):
        if token.sort is Sort.NAME:
            name = unquoted(token.text)
            found.append(name if is_plain(name) else quote(name))
        elif token.sort is not Sort.SPACE:
            found.append(token.text)
    return " ".join(found)


def names_in(sql: str) -> set[str]:
    """Return what may be the name of a column in an expression, folded.

    A name in double quotes counts even where SQLite would read it as a string.
    """
    found = [token for token in read(sql) if token.means]
    names: set[str] = set()
    for token, follower in itertools.zip_longest(found, found[1:]):
        if token.sort is Sort.NAME:
            names.add(fold(unquoted(token.text)))
        elif token.sort is Sort.WORD and token.word not in RESERVED:
            is_call = follower is not None and follower.text == "("
            if not is_call:
                names.add(fold(token.text))
    return names
