"""Read SQL text as tokens: what kind of statement it is, where its placeholders are.

No parser and no database: this room only knows where strings, quoted names and comments begin
and end in each dialect. Understanding a statement well enough to write it in another dialect is
the work of `translate`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import NamedTuple

from whimbrel import errors

Params = Sequence[object] | Mapping[str, object] | None
DriverParams = tuple[object, ...] | dict[str, object] | None


class Kind(Enum):
    """What a statement does, as far as running or planning it is concerned."""

    QUERY = "query"
    DATA = "data"
    DDL = "ddl"
    SESSION = "session"
    TRANSACTION = "transaction"
    CALL = "call"
    EMPTY = "empty"


class Sort(Enum):
    """What a token is."""

    STRING = "string"
    NAME = "quoted name"
    WORD = "word"
    NUMBER = "number"
    MARK = "placeholder"
    VARIABLE = "variable"
    OPERATOR = "operator"
    COMMENT = "comment"
    # The two ends of a MySQL `/*! … */`, whose inside is not a comment to that server.
    EXECUTABLE = "executable comment"
    SPACE = "space"


class Token(NamedTuple):
    """One piece of a statement; the texts of all tokens joined are the statement."""

    sort: Sort
    text: str
    start: int

    @property
    def word(self) -> str:
        """Return the text of a word or operator in upper case, '' for anything else."""
        return self.text.upper() if self.sort in (Sort.WORD, Sort.OPERATOR) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexis:
    """How a dialect spells what is not a plain word."""

    strings: str
    names: str
    line_comment: str
    nested_comments: bool = False
    executable_comments: bool = False
    variables: str = r"(?!)"
    # In PostgreSQL a question mark may be an operator of jsonb.
    question_operators: bool = False


def _quoted(mark: str, *, backslashes: bool = False) -> str:
    """Return the pattern of a text in quotes, with the quote doubled inside."""
    if backslashes:
        return rf"{mark}[^{mark}\\]*(?:(?:\\.|{mark}{mark})[^{mark}\\]*)*{mark}(?!{mark})"
    return rf"{mark}[^{mark}]*(?:{mark}{mark}[^{mark}]*)*{mark}(?!{mark})"


_MYSQL = Lexis(
    strings=rf"(?:[nNxXbB]|_[a-zA-Z]\w*)?{_quoted(chr(39), backslashes=True)}"
    rf"|{_quoted(chr(34), backslashes=True)}",
    names=_quoted("`"),
    # Two dashes without a blank behind them are two minus signs.
    line_comment=r"--(?=[\s\x00-\x1f]|\Z)[^\n]*|\#[^\n]*",
    executable_comments=True,
    variables=r"@@?(?:[\w$.]+|`[^`]*`|'[^']*'|\"[^\"]*\")",
)
_POSTGRES = Lexis(
    strings=rf"[eE]{_quoted(chr(39), backslashes=True)}"
    rf"|(?:[nNxXbB]|[uU]&)?{_quoted(chr(39))}"
    r"|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$",
    names=rf"(?:[uU]&)?{_quoted(chr(34))}",
    line_comment=r"--[^\n]*",
    nested_comments=True,
    variables=r"\$\d+",
    question_operators=True,
)
_SQLITE = Lexis(
    strings=rf"[xX]?{_quoted(chr(39))}",
    names=rf"{_quoted(chr(34))}|{_quoted('`')}|\[[^\]]*\]",
    line_comment=r"--[^\n]*",
    variables=r"[@$][^\W\d]\w*",
)
# What all of them share, for text whose dialect is not known.
_ANY = Lexis(
    strings=rf"[a-zA-Z]?{_quoted(chr(39))}",
    names=rf"{_quoted(chr(34))}|{_quoted('`')}",
    line_comment=r"--(?=\s|\Z)[^\n]*",
)
_LEXES: Mapping[str | None, Lexis] = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "postgres": _POSTGRES,
    "postgresql": _POSTGRES,
    "sqlite": _SQLITE,
    None: _ANY,
}

_OPERATORS = (
    r"::|:=|->>|->|<=>|<=|>=|<>|!=|==|\|\||&&|<<|>>|\#>>|\#>|@>|<@|@\?|@@|!~~\*|!~~|!~\*|!~|~\*|~~"
)


@cache
def _pattern(dialect: str | None) -> re.Pattern[str]:
    lexis = _LEXES[dialect]
    question = r"\?\|(?!\|)|\?&" if lexis.question_operators else "(?!)"
    executable = r"/\*M?!\d*" if lexis.executable_comments else r"(?!)"
    parts = {
        "SPACE": r"\s+",
        "EXECUTABLE": executable,
        "COMMENT": rf"{lexis.line_comment}|/\*",
        "STRING": lexis.strings,
        "NAME": lexis.names,
        "BAD": r"['\"`]",
        "NUMBER": r"0[xX][0-9a-fA-F]+\w*|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\w*",
        "VARIABLE": lexis.variables,
        # `a[1:n]`, `label:BEGIN` and `::text` are no placeholders; `:name`, `:1` are.
        "MARK": rf"(?<![\w\]):]):(?:[^\W\d]\w*|\d+)|%\(\w+\)s|%s(?!\w)|(?!{question})\?\d*",
        "WORD": r"[^\W\d][\w$]*",
        "OPERATOR": rf"{question}|{_OPERATORS}|.",
    }
    return re.compile("|".join(f"(?P<{k}>{v})" for k, v in parts.items()), re.DOTALL)


def tokens(sql: str, dialect: str | None) -> Iterator[Token]:
    """Split a statement; raise SqlNotUnderstood where a quote or a comment is never closed."""
    lexis, match_at = _LEXES[dialect], _pattern(dialect).match
    position, executable = 0, False
    while position < len(sql):
        if executable and sql.startswith("*/", position):
            yield Token(Sort.EXECUTABLE, "*/", position)
            position, executable = position + 2, False
            continue
        match = match_at(sql, position)
        name = match.lastgroup if match else None
        # `lastgroup` of a dollar quote is its tag, unless the group around it closes later.
        if match is None or name is None or name == "BAD":
            raise _unclosed(sql, dialect, position)
        text = match.group()
        if name == "COMMENT" and text == "/*":
            end = _comment_end(sql, position, nested=lexis.nested_comments)
            if end < 0:
                raise _unclosed(sql, dialect, position)
            text = sql[position:end]
        if name == "EXECUTABLE":
            executable = True
        yield Token(Sort[name], text, position)
        position += len(text)


# What is remembered is what a loop sends; a long text is sent once.
_REMEMBERED_CHARACTERS = 4_000


def _split(sql: str, dialect: str | None) -> tuple[Token, ...]:
    """Return the tokens of a statement, remembered if it may be sent again and again."""
    if len(sql) > _REMEMBERED_CHARACTERS:
        return tuple(tokens(sql, dialect))
    return _remembered(sql, dialect)


@functools.lru_cache(maxsize=256)
def _remembered(sql: str, dialect: str | None) -> tuple[Token, ...]:
    return tuple(tokens(sql, dialect))


def significant(sql: str, dialect: str | None) -> list[Token]:
    """Return the tokens that mean something: no blanks, no comments."""
    skipped = (Sort.SPACE, Sort.COMMENT, Sort.EXECUTABLE)
    return [token for token in tokens(sql, dialect) if token.sort not in skipped]


def _comment_end(sql: str, start: int, *, nested: bool) -> int:
    depth, position = 1, start + 2
    ends = re.compile(r"/\*|\*/" if nested else r"\*/")
    while depth:
        match = ends.search(sql, position)
        if match is None:
            return -1
        depth += 1 if match.group() == "/*" else -1
        position = match.end()
    return position


def _unclosed(sql: str, dialect: str | None, position: int) -> errors.SqlNotUnderstood:
    line = sql.count("\n", 0, position) + 1
    return errors.SqlNotUnderstood(
        sql,
        dialect=dialect or "any",
        cause=f"what is opened by {sql[position : position + 2].strip()} in line {line} "
        "is never closed",
    )


# --- several statements in one text ------------------------------------------------------------

# Statements whose body holds other statements.
_WITH_BODY = frozenset({"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"})
_OPENERS = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})
# Before these words a block of a body begins, and not a function or a clause of that name.
_BLOCK_BEFORE = frozenset({";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ROW", ":"})


def statements(sql: str, dialect: str) -> list[str]:
    """Split a text into its statements; bodies of triggers and routines stay whole."""
    if len(sql) > _REMEMBERED_CHARACTERS:
        return list(_statements(sql, dialect))
    return list(_remembered_statements(sql, dialect))


@functools.lru_cache(maxsize=256)
def _remembered_statements(sql: str, dialect: str) -> tuple[str, ...]:
    return _statements(sql, dialect)


def _statements(sql: str, dialect: str) -> tuple[str, ...]:
    found: list[str] = []
    start = depth = 0
    head: list[str] = []
    before = ";"
    for token in tokens(sql, dialect):
        if token.sort in (Sort.SPACE, Sort.COMMENT, Sort.EXECUTABLE):
            continue
        word = token.word
        if word == ";" and depth == 0:
            _keep(found, sql[start : token.start], dialect)
            start, head, before = token.start + 1, [], ";"
            continue
        if len(head) < 12:
            head.append(word)
        if head == ["BEGIN", "NOT", "ATOMIC"] and word == "ATOMIC":
            depth = 1  # MariaDB's block outside of a routine; plain BEGIN is a transaction
        elif _has_body(head):
            depth += _step(word, before)
        before = word
    _keep(found, sql[start:], dialect)
    return tuple(found)


def _keep(found: list[str], text: str, dialect: str) -> None:
    if significant(text, dialect) or any(
        token.sort is Sort.EXECUTABLE for token in tokens(text, dialect)
    ):
        found.append(text.strip())


def _has_body(head: list[str]) -> bool:
    if head[0] == "BEGIN":
        return head[1:3] == ["NOT", "ATOMIC"]
    return head[0] == "CREATE" and not _WITH_BODY.isdisjoint(head)


def _step(word: str, before: str) -> int:
    if word == "END":
        return -1
    if before == "END":  # END IF, END LOOP, END CASE: counted already
        return 0
    if word in ("BEGIN", "CASE"):
        return 1
    return 1 if word in _OPENERS and before in _BLOCK_BEFORE else 0


# --- what kind of statement ----------------------------------------------------------------------

_KINDS: Mapping[str, Kind] = {
    word: kind
    for kind, words in {
        Kind.QUERY: "SELECT VALUES TABLE SHOW DESCRIBE DESC CHECK CHECKSUM HANDLER HELP FETCH",
        Kind.DATA: "INSERT UPDATE DELETE REPLACE MERGE",
        Kind.DDL: "CREATE ALTER DROP TRUNCATE RENAME COMMENT GRANT REVOKE ANALYZE ANALYSE VACUUM "
        "REINDEX CLUSTER OPTIMIZE REPAIR REFRESH SECURITY IMPORT REASSIGN INSTALL UNINSTALL FLUSH",
        Kind.SESSION: "USE RESET DISCARD DEALLOCATE LISTEN NOTIFY UNLISTEN ATTACH DETACH KILL "
        "DECLARE CLOSE MOVE STOP CHANGE PURGE CACHE BINLOG",
        Kind.TRANSACTION: "BEGIN COMMIT END ROLLBACK ABORT SAVEPOINT RELEASE LOCK UNLOCK XA",
        Kind.CALL: "CALL DO EXECUTE EXEC PERFORM IF",
    }.items()
    for word in words.split()
}
_VERBS = frozenset(
    {"SELECT", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH"}
)
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"})

# Pragmas that take an argument only to say what is asked for.
_ASKING_PRAGMAS = frozenset(
    {
        "TABLE_INFO",
        "TABLE_XINFO",
        "TABLE_LIST",
        "INDEX_LIST",
        "INDEX_INFO",
        "INDEX_XINFO",
        "FOREIGN_KEY_LIST",
        "FOREIGN_KEY_CHECK",
        "INTEGRITY_CHECK",
        "QUICK_CHECK",
    }
)
# Pragmas whose new value is written into the database.
_STORED_PRAGMAS = frozenset(
    {
        "USER_VERSION",
        "APPLICATION_ID",
        "SCHEMA_VERSION",
        "JOURNAL_MODE",
        "AUTO_VACUUM",
        "ENCODING",
        "PAGE_SIZE",
    }
)
_WORKING_PRAGMAS = frozenset({"OPTIMIZE", "INCREMENTAL_VACUUM", "WAL_CHECKPOINT"})


# Statements of loops and of models come again and again.
@functools.lru_cache(maxsize=256)
def kind(sql: str, dialect: str) -> Kind:
    """Say what the first statement of a text does; raise SqlNotUnderstood if no verb is known."""
    found = significant(sql, dialect)
    while found and found[0].text in ("(", ";"):
        found.pop(0)
    if not found:
        return Kind.EMPTY
    answer = _kind(found, dialect)
    if answer is None:
        raise errors.SqlNotUnderstood(
            sql, dialect=dialect, cause=f"no statement begins with {found[0].text!r}"
        )
    return answer


def _kind(found: list[Token], dialect: str) -> Kind | None:
    first = found[0].word
    second = found[1].word if len(found) > 1 else ""
    if first in ("SELECT", "VALUES", "TABLE"):
        return _select(found, dialect)
    if first in _SPECIAL:
        return _SPECIAL[first](found, dialect)
    if first == "BEGIN" and second == "NOT":  # MariaDB's block outside of a routine
        return Kind.CALL
    if first == "ANALYZE" and second in (_VERBS | {"FORMAT"}) - {"TABLE"}:  # MariaDB runs it
        return _explained(found[1:], dialect)
    return _KINDS.get(first)


def _select(found: list[Token], dialect: str) -> Kind:
    for token, follower in _at_depth_0(found):
        if token.word != "INTO":
            continue
        if follower is not None and follower.sort is Sort.VARIABLE:
            return Kind.SESSION
        if dialect in ("postgres", "postgresql"):
            return Kind.DDL
        return Kind.DATA  # a file: nothing that may happen while planning
    return Kind.QUERY


def _at_depth_0(found: list[Token]) -> Iterator[tuple[Token, Token | None]]:
    depth = 0
    for index, token in enumerate(found):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            yield token, found[index + 1] if index + 1 < len(found) else None


def _with(found: list[Token], dialect: str) -> Kind | None:
    depth = 0
    for index, token in enumerate(found):
        before = found[index - 1].text if index else ""
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif depth and before == "(" and token.word in _CHANGES and found[index + 1].text != "(":
            return Kind.DATA  # a common table expression that changes rows
        elif depth == 0 and index > 1 and token.word in _VERBS and found[index + 1].word != "AS":
            return _kind(found[index:], dialect)
    return None


def _explain(found: list[Token], dialect: str) -> Kind | None:
    words = [token.word for token in found[1:]]
    if "ANALYZE" in words:
        at = words.index("ANALYZE")
        verb = next((i for i, word in enumerate(words) if word in _VERBS), len(words))
        value = words[at + 1] if at + 1 < len(words) else ""
        if at < verb and value not in ("FALSE", "OFF"):
            return _explained(found[at + 2 :], dialect)
    return Kind.QUERY


def _explained(found: list[Token], dialect: str) -> Kind | None:
    """Return the kind of a statement behind the options of EXPLAIN ANALYZE, which runs it."""
    for index, token in enumerate(found):
        if token.word in _VERBS | {"CREATE", "EXECUTE", "DECLARE", "REFRESH"}:
            return _kind(found[index:], dialect)
    return None


def _pragma(found: list[Token], dialect: str) -> Kind:
    words = [token.word or token.text.upper() for token in found[1:]]
    if len(words) > 1 and words[1] == ".":
        words = words[2:]
    name = words[0].strip("\"'`") if words else ""
    if name in _WORKING_PRAGMAS:
        return Kind.DATA
    if len(words) < 3 or name in _ASKING_PRAGMAS:
        return Kind.QUERY
    return Kind.DATA if name in _STORED_PRAGMAS else Kind.SESSION


def _set(found: list[Token], dialect: str) -> Kind:
    words = [token.word for token in found[1:4]]
    if "TRANSACTION" in words:
        return Kind.TRANSACTION
    return Kind.DDL if words[:1] == ["PASSWORD"] else Kind.SESSION


def _copy(found: list[Token], dialect: str) -> Kind:
    words = [token.word for token, _ in _at_depth_0(found)]
    return Kind.QUERY if "TO" in words and "FROM" not in words else Kind.DATA


def _load(found: list[Token], dialect: str) -> Kind:
    return Kind.SESSION if found[1:] and found[1].sort is Sort.STRING else Kind.DATA


def _start(found: list[Token], dialect: str) -> Kind:
    return Kind.TRANSACTION if found[1:] and found[1].word == "TRANSACTION" else Kind.SESSION


_SPECIAL = {
    "WITH": _with,
    "EXPLAIN": _explain,
    "DESCRIBE": _explain,
    "DESC": _explain,
    "PRAGMA": _pragma,
    "SET": _set,
    "COPY": _copy,
    "LOAD": _load,
    "START": _start,
    "PREPARE": _start,
}


# --- placeholders --------------------------------------------------------------------------------

_DOUBLES_PERCENT = frozenset({"format", "pyformat"})
_BY_NAME = frozenset({"pyformat", "named"})


def bind(sql: str, params: Params, dialect: str, paramstyle: str) -> tuple[str, DriverParams]:
    """Write a statement and its values the way a driver of this DB-API paramstyle wants them.

    A mapping fills `:name` (or `%(name)s`), a sequence fills `?` (or `%s`) in order, or `:1`,
    `:2` by number. With None the text is not touched, and has to be sent without parameters.
    """
    if params is None:
        return sql, None
    if isinstance(params, (str, bytes, bytearray)):
        raise errors.BadParameters(
            "the parameters are a single text, and have to be a list or a dict",
            sql=sql,
            remedy='write  execute(sql, [value])  or  execute(sql, {"name": value})',
        )
    found = list(_split(sql, dialect))
    if isinstance(params, Mapping):
        keys = _by_name(found, sql, params, dialect)
        values: Mapping[str, object] = dict(params)
    else:
        keys = _by_position(found, sql, params, dialect)
        values = {str(number): value for number, value in enumerate(params, start=1)}
    return _written(found, keys, values, paramstyle)


def _by_name(
    found: list[Token], sql: str, params: Mapping[str, object], dialect: str
) -> dict[int, str]:
    question = _LEXES[dialect].question_operators
    keys = {token.start: _name(token.text) for token in found if token.sort is Sort.MARK}
    if question:
        keys = {start: name for start, name in keys.items() if name}
    if "" in keys.values():
        raise errors.BadParameters(
            "the statement has placeholders without a name, and a dict was given",
            sql=sql,
            remedy="write :name in the statement, or give a list",
        )
    wanted = list(dict.fromkeys(keys.values()))
    missing = [name for name in wanted if name not in params]
    unused = [name for name in params if name not in wanted]
    if missing:
        raise errors.BadParameters(
            f"no value was given for {errors.names(f':{name}' for name in missing)}",
            sql=sql,
            remedy=f"given are: {errors.names(params)}",
        )
    if unused:
        raise errors.BadParameters(
            f"the statement does not use {errors.names(f':{name}' for name in unused)}",
            sql=sql,
            remedy=f"it asks for: {errors.names(f':{name}' for name in wanted)}",
        )
    return keys


def _by_position(
    found: list[Token], sql: str, params: Sequence[object], dialect: str
) -> dict[int, str]:
    names = {token.start: _name(token.text) for token in found if token.sort is Sort.MARK}
    given = len(params)
    if any(name and not name.isdigit() for name in names.values()):
        raise errors.BadParameters(
            "the statement has placeholders with a name, and a list was given",
            sql=sql,
            remedy='give a dict:  execute(sql, {"name": value})',
        )
    numbered = {start: name for start, name in names.items() if name}
    plain = [start for start, name in names.items() if not name]
    if not numbered:
        if len(plain) != given:
            raise _wrong_count(sql, found=len(plain), given=given, dialect=dialect)
        return {start: str(number) for number, start in enumerate(plain, start=1)}
    if plain and not _LEXES[dialect].question_operators:
        raise errors.BadParameters(
            "the statement mixes placeholders with and without a number",
            sql=sql,
            remedy="write ? everywhere, or :1, :2 everywhere",
        )
    asked = {int(name) for name in numbered.values()}
    if asked != set(range(1, given + 1)):
        raise _wrong_count(sql, found=max(asked), given=given, dialect=dialect)
    return numbered


def _wrong_count(sql: str, *, found: int, given: int, dialect: str) -> errors.BadParameters:
    remedy = "give one value for each placeholder, in their order"
    if _LEXES[dialect].question_operators and "?" in sql:
        remedy += "\nif a ? in it is an operator, write :name and give a dict"
    return errors.BadParameters(
        f"the statement has {found} placeholder{'s' * (found != 1)}, "
        f"and {given} value{'s' * (given != 1)} were given".replace("1 value were", "1 value was"),
        sql=sql,
        remedy=remedy,
    )


def _name(mark: str) -> str:
    """Return the name (or number) in a placeholder, or '' when it has none."""
    if mark.startswith("%"):
        return mark[2:-2]
    return mark[1:]


def _written(
    found: list[Token], keys: Mapping[int, str], values: Mapping[str, object], paramstyle: str
) -> tuple[str, DriverParams]:
    text: list[str] = []
    used: list[str] = []
    doubled = paramstyle in _DOUBLES_PERCENT
    for token in found:
        key = keys.get(token.start)
        if key is None or token.sort is not Sort.MARK:
            text.append(token.text.replace("%", "%%") if doubled else token.text)
            continue
        name = f"p{key}" if key.isdigit() else key
        used.append(key)
        marks = {"qmark": "?", "format": "%s", "pyformat": f"%({name})s", "named": f":{name}"}
        text.append(marks[paramstyle])
    if paramstyle in _BY_NAME:
        return "".join(text), {f"p{k}" if k.isdigit() else k: values[k] for k in used}
    return "".join(text), tuple(values[key] for key in used)


# --- the same statement, however it is laid out --------------------------------------------------

# No blank is written before or after these.
_OPENING = frozenset({"(", "[", ".", "::"})
_CLOSING = frozenset({"(", ")", "[", "]", ".", "::", ",", ";"})


def normalise(sql: str, dialect: str | None = None) -> str:
    """Return the statement on one line, without comments, equal for texts laid out otherwise.

    Strings and quoted names keep every blank.
    """
    return _laid_out(sql, dialect, hide=False)


def shape(sql: str, dialect: str | None = None) -> str:
    """Return the normalised statement with `?` for every string, number and placeholder."""
    return _laid_out(sql, dialect, hide=True)


@functools.lru_cache(maxsize=256)
def _laid_out(sql: str, dialect: str | None, *, hide: bool) -> str:
    if dialect is None and "\\" in sql:
        # Whether a backslash escapes the quote behind it is not known: nothing is folded.
        return sql.strip()
    pieces: list[str] = []
    before = "("
    for token in tokens(sql, dialect):
        if token.sort in (Sort.SPACE, Sort.COMMENT):
            continue
        if before not in _OPENING and token.text not in _CLOSING:
            pieces.append(" ")
        hidden = hide and token.sort in (Sort.STRING, Sort.NUMBER, Sort.MARK)
        pieces.append("?" if hidden else token.text)
        before = token.text
    return "".join(pieces).rstrip("; ")


def quote(name: str, dialect: str) -> str:
    """Return a name quoted as a dialect does it."""
    mark = "`" if dialect == "mysql" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"
