"""Write a statement: choose the room that knows its kind, or say why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlglot import exp

from whimbrel.engines import sqltext
from whimbrel.engines.translate import changes, definitions, queries, reading, scope
from whimbrel.engines.translate import names as known_names
from whimbrel.engines.translate.expressions import Expressions

_NOT_HERE: Final = {
    sqltext.Kind.SESSION: "settings of a session belong to one engine",
    sqltext.Kind.TRANSACTION: "a migration's transactions are begun and ended for it",
    sqltext.Kind.CALL: "procedures belong to one engine",
    sqltext.Kind.EMPTY: "there is no statement in it",
}
_VERBS: Final = "use the migration's verbs:  self.create_table, self.add_column, …"


def write(
    sql: str, *, read: str, write: str, names: known_names.Names | None
) -> tuple[str, Iterable[str], Iterable[str]]:
    """Return the statement in the other dialect, the functions it needs, and what to note."""
    source = reading.Source(sql=sql, read=read, write=write)
    kind = sqltext.kind(sql, read)
    if kind in _NOT_HERE:
        source.refuse(_head(sql, read), _NOT_HERE[kind])
    first = next(token.word for token in sqltext.significant(sql, read) if token.text != "(")
    if kind is not sqltext.Kind.QUERY and first in ("SELECT", "VALUES", "TABLE"):
        source.refuse(
            f"{first} … INTO", "read the rows, and write them by a statement of their own"
        )
    statement = reading.parse(source)
    where = scope.Scope(names or known_names.NoNames(), read)
    where.tell_aliases(statement.tree)
    changing = isinstance(statement.tree, (exp.Insert, exp.Update, exp.Delete))
    writer = Expressions(source, where, changes=changing, write_query=queries.query)
    text = _statement(writer, statement)
    return text, writer.functions, writer.notes


def _head(sql: str, read: str) -> str:
    words = [token.text for token in sqltext.significant(sql, read)[:2]]
    return " ".join(words).upper() or "an empty text"


def _statement(writer: Expressions, statement: reading.Statement) -> str:
    tree = statement.tree
    if isinstance(tree, (exp.Select, exp.Values, exp.Subquery, *queries.SET_OPERATIONS)):
        return queries.query(writer, tree)
    if isinstance(tree, exp.Insert):
        return changes.insert(writer, tree, replaces=statement.replaces)
    if isinstance(tree, exp.Update):
        return changes.update(writer, tree)
    if isinstance(tree, exp.Delete):
        return changes.delete(writer, tree)
    if isinstance(tree, exp.Drop):
        return definitions.drop(writer, tree)
    if isinstance(tree, exp.Alter):
        return definitions.alter(writer, tree)
    if isinstance(tree, exp.Create):
        return definitions.create(writer, tree)
    if isinstance(tree, exp.TruncateTable):
        return definitions.truncate(writer, tree)
    writer.source.refuse(_head(writer.source.sql, writer.read), _VERBS)
