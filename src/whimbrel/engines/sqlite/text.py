"""Read and edit the SQL text that SQLite keeps of its tables, indexes and triggers.

SQLite stores what the user wrote, and that text is the only place where comments, names of
constraints, ON CONFLICT, COLLATE or DEFERRABLE can be read. So nothing is ever written anew:
`parse` says where each part stands, an edit replaces these characters and no others.
Deciding what to edit is the work of `ddl`.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from whimbrel import tables
from whimbrel.engines.sqlite import tokens


class NotUnderstoodError(Exception):
    """A text that SQLite accepted and we cannot read; callers say what that means for them."""


# --- what a CREATE TABLE says ---------------------------------------------------------------


class Rule(Enum):
    """What a clause of a column, or a constraint of a table, is."""

    NULL = "null"
    NOT_NULL = "not null"
    DEFAULT = "default"
    COLLATE = "collate"
    GENERATED = "generated"
    PRIMARY_KEY = "primary key"
    UNIQUE = "unique"
    CHECK = "check"
    REFERENCES = "foreign key"
    DEFERRABLE = "deferrable"
    NAME_ONLY = "name of nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A constraint, of a column or of the table; `start` is where its CONSTRAINT begins.

    `value` is its expression without the parentheses, its collation, or its default as written.
    """

    rule: Rule
    start: int
    end: int
    name: str | None = None
    value: str | None = None
    columns: tuple[str, ...] = ()
    ref_table: str = ""
    ref_columns: tuple[str, ...] = ()
    on_delete: tables.Action | None = None
    on_update: tables.Action | None = None
    deferred: bool = False
    stored: bool = False
    auto_increment: bool = False
    descending: bool = False
    # The comma before a constraint of a table; SQLite lets it be left out.
    comma: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnText:
    """One column; positions are those in the table's text.

    From `name_end` on there may be blanks; `definition` is the rest, with the comment that
    stands right behind it.
    """

    name: str
    start: int
    name_end: int
    type_start: int
    type_end: int
    type: str
    clauses: tuple[Clause, ...]
    end: int
    comment: str | None
    comment_start: int
    definition_start: int
    definition_end: int
    comma: int | None

    def clause(self, rule: Rule) -> Clause | None:
        """Return the first clause of this kind."""
        return next((c for c in self.clauses if c.rule is rule), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableText:
    """The text of a table, and where its parts stand in it."""

    sql: str
    name: str
    columns: tuple[ColumnText, ...]
    constraints: tuple[Clause, ...]
    opening: int
    closing: int
    without_rowid: bool
    strict: bool
    comment: str | None

    @property
    def pieces(self) -> list[str]:
        """Return the text cut at its columns and constraints; joined it is the text."""
        spans = [(c.start, c.end) for c in self.columns]
        spans += [(c.start, c.end) for c in self.constraints]
        cuts = [0, *(position for span in sorted(spans) for position in span), len(self.sql)]
        return [self.sql[start:end] for start, end in itertools.pairwise(cuts)]

    @property
    def rowid_alias(self) -> str | None:
        """Return the column that is the rowid itself: an INTEGER PRIMARY KEY."""
        keys = self.clauses(Rule.PRIMARY_KEY)
        if self.without_rowid or len(keys) != 1 or len(keys[0][1].columns) != 1:
            return None
        column = self.find(keys[0][1].columns[0])
        # By an old mistake that SQLite keeps, INTEGER PRIMARY KEY DESC on the column is none.
        if column is None or keys[0][1].descending:
            return None
        words = [tokens.unquoted(t.text) for t in tokens.read(column.type) if t.means]
        return column.name if [word.upper() for word in words] == ["INTEGER"] else None

    @property
    def counts(self) -> bool:
        """Whether its key has AUTOINCREMENT, and so a row in sqlite_sequence."""
        return any(clause.auto_increment for _, clause in self.clauses(Rule.PRIMARY_KEY))

    def find(self, name: str) -> ColumnText | None:
        """Return the column of this name."""
        return next((c for c in self.columns if tokens.same(c.name, name)), None)

    def clauses(self, rule: Rule) -> list[tuple[ColumnText | None, Clause]]:
        """Return the clauses of this kind, those of columns with their column."""
        return [
            *((c, clause) for c in self.columns for clause in c.clauses if clause.rule is rule),
            *((None, clause) for clause in self.constraints if clause.rule is rule),
        ]


def rowid_word(*found: TableText) -> str | None:
    """Return the word for the hidden rowid of all these tables, if they have one."""
    if any(table.without_rowid for table in found):
        return None
    taken = {tokens.fold(column.name) for table in found for column in table.columns}
    # If all three are columns, nobody can ask for the rowid, and nothing depends on it.
    return next((word for word in ("rowid", "_rowid_", "oid") if word not in taken), None)


_BOTH_WORDS: Final = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK"})
_COLUMN_WORDS: Final = _BOTH_WORDS | frozenset(
    {"DEFAULT", "NOT", "NULL", "REFERENCES", "COLLATE", "GENERATED", "AS", "DEFERRABLE"}
)
_TABLE_WORDS: Final = _BOTH_WORDS | {"FOREIGN"}
_NAMES: Final = (tokens.Sort.WORD, tokens.Sort.NAME, tokens.Sort.STRING)


class _Reader:
    """Walks over the tokens that mean something."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.all = tokens.read(sql)
        self.tokens = [token for token in self.all if token.means]
        self.at = 0

    @property
    def token(self) -> tokens.Token:
        if self.at >= len(self.tokens):
            raise NotUnderstoodError("the text ends too early")
        return self.tokens[self.at]

    @property
    def done(self) -> bool:
        return self.at >= len(self.tokens)

    def word(self, ahead: int = 0) -> str:
        position = self.at + ahead
        return self.tokens[position].word if position < len(self.tokens) else ""

    def take(self) -> tokens.Token:
        token = self.token
        self.at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Step over these words if they come next."""
        if all(self.word(ahead) == word for ahead, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def expect(self, word: str) -> tokens.Token:
        if self.word() != word:
            raise NotUnderstoodError(f"{word} is missing before {self.token.text!r}")
        return self.take()

    def name(self) -> str:
        token = self.take()
        if token.sort not in _NAMES:
            raise NotUnderstoodError(f"{token.text!r} is not a name")
        return tokens.unquoted(token.text)

    def qualified_name(self) -> str:
        name = self.name()
        return self.name() if self.accept(".") else name

    def last_end(self) -> int:
        return self.tokens[self.at - 1].end

    def parentheses(self) -> tuple[int, int]:
        """Step over what stands in parentheses; return where it begins and ends inside."""
        opening = self.expect("(")
        depth = 1
        while depth:
            closing = self.take()
            depth += {"(": 1, ")": -1}.get(closing.text, 0)
        return opening.end, self.tokens[self.at - 1].start

    def expression(self) -> str:
        start, end = self.parentheses()
        return self.sql[start:end].strip()

    def column_list(self) -> tuple[tuple[str, ...], bool]:
        """Read `(a, b COLLATE x DESC)`; also whether AUTOINCREMENT stands in it."""
        start, end = self.parentheses()
        names, auto_increment = [], False
        for part in split(self.sql[start:end]):
            inside = [token for token in tokens.read(part) if token.means and token.text != "("]
            if not inside or inside[0].sort not in _NAMES:
                raise NotUnderstoodError(f"{part!r} is not a column")
            names.append(tokens.unquoted(inside[0].text))
            auto_increment |= inside[-1].word == "AUTOINCREMENT"
        return tuple(names), auto_increment


def split(sql: str) -> list[str]:
    """Cut a list at its commas, not at those in parentheses."""
    parts, depth, start = [], 0, 0
    for token in tokens.read(sql):
        if token.sort is not tokens.Sort.SYMBOL:
            continue
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            parts.append(sql[start : token.start])
            start = token.end
    return [*parts, sql[start:]]


# A schema of a thousand tables is read again for every verb.
@functools.lru_cache(maxsize=4096)
def parse(sql: str) -> TableText:
    """Read the text of a table; raise NotUnderstoodError."""
    reader = _Reader(sql)
    reader.expect("CREATE")
    if reader.word() in ("TEMP", "TEMPORARY"):
        reader.take()
    reader.expect("TABLE")
    reader.accept("IF", "NOT", "EXISTS")
    name = reader.qualified_name()
    name_end = reader.last_end()
    opening = reader.expect("(")
    columns: list[ColumnText] = []
    constraints: list[Clause] = []
    comma: int | None = None
    while reader.word() != ")":
        if reader.word() in _TABLE_WORDS:
            constraints.append(_constraint(reader, comma))
            comma = None
        elif constraints:
            raise NotUnderstoodError(f"{reader.token.text!r} stands behind the constraints")
        else:
            columns.append(_column(reader, comma))
            comma = None
        if reader.word() == ",":
            comma = reader.take().start
    closing = reader.expect(")")
    options = " ".join(token.word for token in reader.tokens[reader.at :]).split(" , ")
    return TableText(
        sql=sql,
        name=name,
        columns=tuple(columns),
        constraints=tuple(constraints),
        opening=opening.start,
        closing=closing.start,
        without_rowid="WITHOUT ROWID" in options,
        strict="STRICT" in options,
        comment=_block_comment(reader.all, name_end, opening.start)[0],
    )


def _column(reader: _Reader, comma: int | None) -> ColumnText:
    start = reader.token.start
    name = reader.name()
    name_end = reader.last_end()
    type_start = type_end = name_end
    while reader.token.sort in _NAMES and reader.word() not in _COLUMN_WORDS:
        if type_end == name_end:
            type_start = reader.token.start
        type_end = reader.take().end
    if type_end > name_end and reader.word() == "(":
        reader.parentheses()
        type_end = reader.last_end()
    clauses: list[Clause] = []
    while reader.word() not in (",", ")"):
        clauses.append(_clause(reader, name))
    end = reader.last_end()
    comment, comment_start, comment_end = _block_comment(reader.all, end, reader.token.start)
    definition_end = comment_end if comment is not None else end
    rest = reader.sql[name_end:definition_end]
    return ColumnText(
        name=name,
        start=start,
        name_end=name_end,
        type_start=type_start,
        type_end=type_end,
        type=reader.sql[type_start:type_end],
        clauses=tuple(clauses),
        end=end,
        comment=comment,
        comment_start=comment_start,
        definition_start=name_end + len(rest) - len(rest.lstrip()),
        definition_end=definition_end,
        comma=comma,
    )


def _clause(reader: _Reader, column: str) -> Clause:
    """Read one clause of a column."""
    start = reader.token.start
    name = reader.name() if reader.accept("CONSTRAINT") else None
    word = reader.word()
    if name is not None and (word in (",", ")") or word == "CONSTRAINT"):
        return Clause(rule=Rule.NAME_ONLY, start=start, end=reader.last_end(), name=name)
    if word in ("REFERENCES", "DEFERRABLE") or (word, reader.word(1)) == ("NOT", "DEFERRABLE"):
        return _reference(reader, start, name, (column,))
    found = _simple_clause(reader)
    if found.rule in (Rule.PRIMARY_KEY, Rule.UNIQUE):
        found = dataclasses.replace(found, columns=(column,))
    return dataclasses.replace(found, start=start, end=reader.last_end(), name=name)


def _simple_clause(reader: _Reader) -> Clause:
    word = reader.take().word
    if word == "NULL":
        _on_conflict(reader)
        return Clause(rule=Rule.NULL, start=0, end=0)
    if word == "NOT":
        reader.expect("NULL")
        _on_conflict(reader)
        return Clause(rule=Rule.NOT_NULL, start=0, end=0)
    if word == "DEFAULT":
        return Clause(rule=Rule.DEFAULT, start=0, end=0, value=_default(reader))
    if word == "PRIMARY":
        reader.expect("KEY")
        descending = reader.accept("DESC")
        reader.accept("ASC")
        _on_conflict(reader)
        counts = reader.accept("AUTOINCREMENT")
        return Clause(
            rule=Rule.PRIMARY_KEY, start=0, end=0, auto_increment=counts, descending=descending
        )
    if word == "UNIQUE":
        _on_conflict(reader)
        return Clause(rule=Rule.UNIQUE, start=0, end=0)
    if word == "CHECK":
        value = reader.expression()
        _on_conflict(reader)
        return Clause(rule=Rule.CHECK, start=0, end=0, value=value)
    if word == "COLLATE":
        return Clause(rule=Rule.COLLATE, start=0, end=0, value=reader.name())
    if word in ("GENERATED", "AS"):
        return _generated(reader, word)
    raise NotUnderstoodError(f"{word!r} is no clause of a column")


def _generated(reader: _Reader, word: str) -> Clause:
    if word == "GENERATED":
        reader.expect("ALWAYS")
        if not reader.accept("AS"):  # SQLite takes the two words alone, and ignores them
            return Clause(rule=Rule.NAME_ONLY, start=0, end=0)
    value = reader.expression()
    kind = reader.take().word if reader.word() in ("STORED", "VIRTUAL") else "VIRTUAL"
    return Clause(rule=Rule.GENERATED, start=0, end=0, value=value, stored=kind == "STORED")


def _default(reader: _Reader) -> str:
    start = reader.token.start
    if reader.word() == "(":
        reader.parentheses()
    else:
        if reader.word() in ("+", "-"):
            reader.take()
        reader.take()
    return reader.sql[start : reader.last_end()]


def _on_conflict(reader: _Reader) -> None:
    if reader.accept("ON", "CONFLICT"):
        reader.take()


def _constraint(reader: _Reader, comma: int | None) -> Clause:
    """Read one constraint of the table."""
    start = reader.token.start
    name = reader.name() if reader.accept("CONSTRAINT") else None
    word = reader.word()
    if name is not None and word in (",", ")", "CONSTRAINT"):
        found = Clause(rule=Rule.NAME_ONLY, start=0, end=0)
    elif reader.accept("PRIMARY", "KEY"):
        columns, counts = reader.column_list()
        found = Clause(
            rule=Rule.PRIMARY_KEY, start=0, end=0, columns=columns, auto_increment=counts
        )
    elif reader.accept("UNIQUE"):
        found = Clause(rule=Rule.UNIQUE, start=0, end=0, columns=reader.column_list()[0])
    elif reader.accept("CHECK"):
        found = Clause(rule=Rule.CHECK, start=0, end=0, value=reader.expression())
    elif reader.accept("FOREIGN", "KEY"):
        columns, _ = reader.column_list()
        return dataclasses.replace(_reference(reader, start, name, columns), comma=comma)
    else:
        raise NotUnderstoodError(f"{word!r} is no constraint of a table")
    _on_conflict(reader)
    return dataclasses.replace(found, start=start, end=reader.last_end(), name=name, comma=comma)


def _reference(reader: _Reader, start: int, name: str | None, columns: tuple[str, ...]) -> Clause:
    """Read REFERENCES with what follows, or a DEFERRABLE that stands apart from it."""
    rule, ref_table = Rule.DEFERRABLE, ""
    ref_columns: tuple[str, ...] = ()
    if reader.accept("REFERENCES"):
        rule, ref_table = Rule.REFERENCES, reader.name()
        if reader.word() == "(":
            ref_columns, _ = reader.column_list()
    actions: dict[str, tables.Action] = {}
    deferred = False
    while True:
        if reader.accept("ON"):
            event = reader.take().word
            actions[event] = _action(reader)
        elif reader.accept("MATCH"):
            reader.name()
        elif reader.accept("NOT", "DEFERRABLE"):
            deferred = False
            if reader.accept("INITIALLY"):
                reader.take()
        elif reader.accept("DEFERRABLE"):
            # Alone it is checked at once, as if it were not there.
            deferred = reader.accept("INITIALLY") and reader.take().word == "DEFERRED"
        else:
            break
    return Clause(
        rule=rule,
        start=start,
        end=reader.last_end(),
        name=name,
        columns=columns,
        ref_table=ref_table,
        ref_columns=ref_columns,
        on_delete=actions.get("DELETE"),
        on_update=actions.get("UPDATE"),
        deferred=deferred,
    )


def _action(reader: _Reader) -> tables.Action:
    words = reader.take().word
    if words in ("SET", "NO"):
        words += f" {reader.take().word}"
    for action in tables.ACTIONS:
        if action == words:
            return action
    raise NotUnderstoodError(f"{words!r} is no action of a foreign key")


# --- comments -------------------------------------------------------------------------------

_ENDINGS: Final = re.compile(r"\*(\\*)/")
_ESCAPED: Final = re.compile(r"\*\\(\\*)/")


def comment(text: str) -> str:
    """Return a comment that `parse` reads back as the same text."""
    escaped = _ENDINGS.sub(r"*\1\\/", text)
    return f"/* {escaped} */"


def _block_comment(
    every: Sequence[tokens.Token], start: int, end: int
) -> tuple[str | None, int, int]:
    """Return the last block comment between two places, and where it stands."""
    found: tuple[str | None, int, int] = (None, start, start)
    for token in every:
        if token.start >= end:
            break
        if (
            token.start >= start
            and token.sort is tokens.Sort.COMMENT
            and token.text.startswith("/*")
        ):
            inside = token.text[2:-2]
            if inside[:1] == " " and inside[-1:] == " " and len(inside) > 1:
                inside = inside[1:-1]
            found = (_ESCAPED.sub(r"*\1/", inside), token.start, token.end)
    return found


# --- edits ----------------------------------------------------------------------------------


class Edit(NamedTuple):
    """Characters to be replaced."""

    start: int
    end: int
    text: str


def edited(sql: str, edits: Sequence[Edit]) -> str:
    """Return the text with all edits made; they must not overlap."""
    for edit in sorted(edits, reverse=True):
        sql = sql[: edit.start] + edit.text + sql[edit.end :]
    return sql


def inserted(table: TableText, column: str) -> str:
    """Return the text with one more column, behind the last one."""
    end = table.closing
    if table.constraints:
        first = table.constraints[0]
        end = first.start if first.comma is None else first.comma
    return edited(table.sql, [_addition(table, end, column)])


def appended(table: TableText, constraint: str) -> str:
    """Return the text with one more constraint at its end."""
    return edited(table.sql, [_addition(table, table.closing, constraint)])


def _addition(table: TableText, end: int, item: str) -> Edit:
    """Add an item behind all that stands before `end`, comments included."""
    gap = "\n  " if "\n" in table.sql[table.opening : table.closing] else " "
    if table.sql[end] == ",":
        return Edit(end, end, f",{gap}{item}")
    last = [t for t in tokens.read(table.sql) if t.end <= end and t.sort is not tokens.Sort.SPACE]
    # Behind a comment that runs to the end of its line, the comma has to stand on the next one.
    comma = "\n, " if last[-1].text.startswith("--") else f",{gap}"
    return Edit(last[-1].end, last[-1].end, comma + item)


def without(table: TableText, gone: Sequence[ColumnText | Clause]) -> str:
    """Return the text without these columns and constraints of the table.

    A comment on the same line belongs to what stands before it.
    """
    items: list[ColumnText | Clause] = [*table.columns, *table.constraints]
    last_kept = max((i for i, item in enumerate(items) if item not in gone), default=-1)
    edits: list[Edit] = []
    for position, item in enumerate(items):
        if item not in gone:
            continue
        following = items[position + 1] if position + 1 < len(items) else None
        if (position and item.comma is None) or (following and following.comma is None):
            # Constraints without a comma between them: what is kept keeps its comma.
            edits.append(Edit(item.start, item.end, ""))
        elif following and following.comma is not None and position < last_kept:
            start = table.opening if item.comma is None else item.comma
            end = _line_end(table, following.comma + 1)
            edits.append(_cut(table, _line_end(table, start + 1), end))
        else:
            edits.extend(_cut_last(table, item))
    return edited(table.sql, edits)


def _cut_last(table: TableText, item: ColumnText | Clause) -> Iterator[Edit]:
    """Cut an item behind which nothing is kept: the comma before it goes with it."""
    comma = item.start if item.comma is None else item.comma
    end = item.end
    for token in tokens.read(table.sql):
        if token.start >= item.end and (token.means or token.start >= table.closing):
            break
        if token.start >= item.end and token.sort is tokens.Sort.COMMENT:
            end = token.end
    before = table.sql[:comma]
    blank = len(before) - len(before.rstrip()) if _newline_at(table.sql, end) else 0
    yield Edit(comma - blank, comma + 1, "")
    yield _cut(table, _line_end(table, comma + 1), end)


def _cut(table: TableText, start: int, end: int) -> Edit:
    """Cut characters, but never the end of a line on which a comment stands that is kept."""
    before = [
        t for t in tokens.read(table.sql) if t.end <= start and t.sort is not tokens.Sort.SPACE
    ]
    in_comment = before[-1].text.startswith("--") and before[-1].end == start
    return Edit(start, end, "\n" if in_comment and not _newline_at(table.sql, end) else "")


def _newline_at(sql: str, position: int) -> bool:
    return sql[position:].lstrip(" \t").startswith("\n")


def _line_end(table: TableText, start: int) -> int:
    """Return where the comments end that stand on the same line as what is before `start`."""
    end = start
    for token in tokens.read(table.sql):
        if token.start < start:
            continue
        if token.sort is tokens.Sort.SPACE and "\n" in token.text:
            return end
        if token.means:
            return start
        if token.sort is tokens.Sort.COMMENT:
            end = token.end
    return end


def clause_edit(table: TableText, clause: Clause) -> Edit:
    """Return the edit that takes a clause out of its column, with the blanks before it."""
    before = [t for t in tokens.read(table.sql) if t.end <= clause.start]
    blank = before[-1].start if before[-1].sort is tokens.Sort.SPACE else clause.start
    last = next(t for t in reversed(before) if t.sort is not tokens.Sort.SPACE)
    # The end of a line with a comment on it has to stay.
    return Edit(clause.start if last.text.startswith("--") else blank, clause.end, "")


# --- indexes and triggers -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexText:
    """What the text of an index says beyond the pragmas."""

    table: str
    parts: tuple[str, ...]
    where: str | None


def parse_index(sql: str) -> IndexText:
    """Read the text of an index; raise NotUnderstoodError."""
    reader = _Reader(sql)
    reader.expect("CREATE")
    reader.accept("UNIQUE")
    reader.expect("INDEX")
    reader.accept("IF", "NOT", "EXISTS")
    reader.qualified_name()
    reader.expect("ON")
    table = reader.name()
    start, end = reader.parentheses()
    where = None
    if reader.accept("WHERE"):
        where = sql[reader.token.start :].strip()
    return IndexText(
        table=table, parts=tuple(_unsorted(p) for p in split(sql[start:end])), where=where
    )


def _unsorted(part: str) -> str:
    """Return an indexed expression without ASC or DESC."""
    means = [token for token in tokens.read(part) if token.means]
    if means and means[-1].word in ("ASC", "DESC"):
        return part[: means[-1].start].strip()
    return part.strip()


def update_columns(sql: str) -> frozenset[str]:
    """Return the columns that a trigger names in UPDATE OF, folded."""
    reader = _Reader(sql)
    while not reader.done and reader.word() not in ("ON", "BEGIN"):
        if reader.accept("UPDATE", "OF"):
            names = {tokens.fold(reader.name())}
            while reader.accept(","):
                names.add(tokens.fold(reader.name()))
            return frozenset(names)
        reader.take()
    return frozenset()
