"""Read one statement of a dialect into sqlglot's tree, with nothing folded away on the way.

Strings, placeholders and comments are read by our own lexer and handed on in a plain form.
sqlglot's tables of functions are switched off: a function call keeps the name and the arguments
that were written, so that what it means is decided by our own rules alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.dialects import mysql, postgres, sqlite
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.parsers.sqlite import SQLiteParser

from whimbrel import errors
from whimbrel.engines import sqltext
from whimbrel.engines.sqltext import Sort, Token

# Positional placeholders have a name while the statement is a tree.
NUMBERED: Final = "whimbrel_p"

_Parsers = dict[str, Callable[..., Any]]

# Functions that sqlglot reads into something that no longer shows what was written.
_FOLDED: Final = frozenset(
    {
        *("CEIL", "CHAR", "CHR", "DATE_PART", "DECODE", "FLOOR", "INITCAP", "JSONB_EXISTS"),
        *("JSON_AGG", "JSON_OBJECT", "JSON_OBJECTAGG", "JSON_VALUE", "NORMALIZE", "MATCH"),
    }
)


class _NotRead(Exception):
    """sqlglot would keep a statement as a text that it did not understand."""


def _special(parsers: Mapping[str, Callable[..., Any]]) -> _Parsers:
    """Return the parsers of functions whose arguments have a grammar of their own."""
    return {name: parse for name, parse in parsers.items() if name not in _FOLDED}


class WhimbrelMySQL(mysql.MySQL):
    """MySQL as sqlglot reads it, functions as they are written."""

    class Parser(MySQLParser):
        FUNCTIONS: ClassVar[_Parsers] = {}
        FUNCTION_PARSERS: ClassVar[_Parsers] = _special(MySQLParser.FUNCTION_PARSERS)

        def _warn_unsupported(self) -> None:
            raise _NotRead


class WhimbrelPostgres(postgres.Postgres):
    """PostgreSQL as sqlglot reads it, functions as they are written."""

    class Parser(PostgresParser):
        FUNCTIONS: ClassVar[_Parsers] = {}
        FUNCTION_PARSERS: ClassVar[_Parsers] = _special(PostgresParser.FUNCTION_PARSERS)

        def _warn_unsupported(self) -> None:
            raise _NotRead


class WhimbrelSQLite(sqlite.SQLite):
    """SQLite as sqlglot reads it, functions as they are written."""

    class Parser(SQLiteParser):
        FUNCTIONS: ClassVar[_Parsers] = {}
        FUNCTION_PARSERS: ClassVar[_Parsers] = _special(SQLiteParser.FUNCTION_PARSERS)

        def _warn_unsupported(self) -> None:
            raise _NotRead


_DIALECTS: Final = {
    "mysql": WhimbrelMySQL,
    "postgres": WhimbrelPostgres,
    "sqlite": WhimbrelSQLite,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text that is to be translated, and the two dialects."""

    sql: str
    read: str
    write: str

    def refuse(self, construct: str, why: str) -> NoReturn:
        """Raise SqlNotTranslatable for something in this statement."""
        raise errors.SqlNotTranslatable(
            construct, sql=self.sql, read=self.read, write=self.write, why=why
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What was read; `replaces` marks REPLACE INTO, which the tree calls an INSERT."""

    tree: exp.Expr
    replaces: bool


def parse(source: Source) -> Statement:
    """Read one statement; raise SqlNotUnderstood, or SqlNotTranslatable for what nobody reads."""
    if len(sqltext.statements(source.sql, source.read)) > 1:
        source.refuse("a text of several statements", "write one statement at a time")
    pieces, replaces = _head(source, _plain(source))
    plain = "".join(pieces)
    try:
        tree = sqlglot.parse_one(plain, read=_DIALECTS[source.read])
    except _NotRead:
        source.refuse(
            " ".join(plain.split()[:2]).upper(),
            "this statement is not known to mean the same elsewhere",
        )
    except sqlglot.errors.ParseError as error:
        raise errors.SqlNotUnderstood(
            source.sql, dialect=source.read, cause=_cause(error)
        ) from None
    except sqlglot.errors.SqlglotError as error:
        raise errors.SqlNotUnderstood(source.sql, dialect=source.read, cause=str(error)) from None
    return Statement(tree=tree, replaces=replaces)


def _cause(error: sqlglot.errors.ParseError) -> str:
    first = error.errors[0] if error.errors else {}
    near = str(first.get("highlight") or "").strip()
    what = str(first.get("description") or error).strip().rstrip(".")
    # sqlglot's words name classes of its own, which say nothing to a reader of SQL.
    what = re.sub(r" ?<class '[^']*'>| ?for <[^>]*>", "", what).split(" but got <")[0]
    return f"{what}, near {near!r}" if near else what


# --- a plain form of the text -----------------------------------------------------------------


def _plain(source: Source) -> list[str]:
    """Return the tokens' texts, strings and placeholders rewritten, comments as blanks."""
    pieces: list[str] = []
    positions = 0
    for token in sqltext.tokens(source.sql.strip(), source.read):
        if token.sort is Sort.MARK:
            name = token.text[2:-2] if token.text.startswith("%(") else token.text[1:]
            if token.text in ("?", "%s"):
                positions += 1
                name = str(positions)
            pieces.append(f":{NUMBERED}{name}" if name.isdigit() else f":{name}")
        else:
            pieces.append(_piece(token, source))
    return pieces


def _piece(token: Token, source: Source) -> str:
    if token.sort in (Sort.SPACE, Sort.COMMENT):
        return " "
    if token.sort is Sort.EXECUTABLE:
        source.refuse("an executable comment (/*! … */)", "only its own server may read it")
    if token.sort is Sort.VARIABLE:
        source.refuse(
            f"the variable {token.text}", "give the value as a parameter:  execute(sql, [value])"
        )
    if token.sort is Sort.NUMBER and "_" in token.text:
        source.refuse(f"the number {token.text}", "write it without underscores")
    if token.sort is Sort.STRING:
        return _string(token.text, source)
    if token.sort is Sort.NAME and token.text[0] in "uU":
        source.refuse("a name with Unicode escapes", "write the letters themselves")
    return token.text


def _string(text: str, source: Source) -> str:
    """Return the literal in the plainest way its own dialect has."""
    value = _value(text, source)
    if value is None:
        return text
    if source.read == "mysql":
        value = value.replace("\\", "\\\\")
    return "'" + value.replace("'", "''") + "'"


def _value(text: str, source: Source) -> str | None:
    """Return what a string literal says, or None for one that is no text (X'…', B'…')."""
    if text.startswith("$"):
        tag = text[: text.index("$", 1) + 1]
        return text[len(tag) : -len(tag)]
    match = re.match(r"\w*&?", text)
    prefix = match.group().lower() if match else ""
    quote, body = text[len(prefix)], text[len(prefix) + 1 : -1]
    if prefix in ("x", "b"):
        return None
    if prefix not in ("", "n", "e", "_utf8", "_utf8mb3", "_utf8mb4"):
        source.refuse(f"a string that begins with {prefix}{quote}", "write the letters themselves")
    if source.read == "mysql":
        return re.sub(rf"\\(.)|{quote}{quote}", lambda m: _mysql_escape(m, quote), body, flags=re.S)
    body = body.replace(quote * 2, quote)
    return _postgres_escapes(body, source) if prefix == "e" else body


_MYSQL_ESCAPES: Final = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}
_POSTGRES_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _mysql_escape(match: re.Match[str], quote: str) -> str:
    letter = match[1]
    if letter is None:
        return quote
    if letter in "%_":  # stays for LIKE
        return "\\" + letter
    return _MYSQL_ESCAPES.get(letter, letter)


def _postgres_escapes(body: str, source: Source) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "uU":
            return chr(int(code[1:], 16))
        if code[0] == "x" or code[0].isdigit():
            source.refuse(f"the escape \\{code}", "write the letter itself, or \\u0000")
        return _POSTGRES_ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", one, body, flags=re.S)


# --- statements that sqlglot has no grammar for -----------------------------------------------


# Words of MySQL that sqlglot would take for the name of the table.
_MODIFIERS: Final = frozenset({"LOW_PRIORITY", "HIGH_PRIORITY", "QUICK", "DELAYED"})


def _head(source: Source, pieces: list[str]) -> tuple[list[str], bool]:
    """Spell REPLACE INTO, RENAME TABLE and RENAME a TO b the way that sqlglot reads."""
    places = [place for place, piece in enumerate(pieces) if piece.strip()]
    words = [pieces[place].upper() for place in places[:6]]
    if words[1:2] and words[1] in _MODIFIERS and words[0] in ("UPDATE", "DELETE", "INSERT"):
        source.refuse(f"{words[0]} {words[1]}", "leave the word out")
    if words[:1] == ["REPLACE"]:
        into = "INSERT" if words[1:2] == ["INTO"] else "INSERT INTO"
        return [into, *pieces[places[0] + 1 :]], True
    if words[:2] == ["RENAME", "TABLE"] and "," not in pieces:
        target = pieces.index(next((p for p in pieces if p.upper() == "TO"), pieces[-1]))
        return ["ALTER", *pieces[places[0] + 1 : target], "RENAME ", *pieces[target:]], False
    if (
        words[:2] == ["ALTER", "TABLE"]
        and words[3:4] == ["RENAME"]
        and words[4] not in ("TO", "COLUMN", "CONSTRAINT", "AS", "INDEX", "KEY")
        and words[5:6] == ["TO"]
    ):
        return [*pieces[: places[4]], "COLUMN ", *pieces[places[4] :]], False
    return pieces, False
