"""Write what is no statement: the expression of a check, an index, a default, a generated column;
and the query of a view as its own server shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import deparsed, queries, reading, scope
from whimbrel.engines.translate import names as known_names
from whimbrel.engines.translate.expressions import Expressions
from whimbrel.engines.translate.kinds import Kind

Written = tuple[str, Iterable[str], Iterable[str]]

_NOT_HERE: Final = (exp.Select, exp.Union, exp.Exists, exp.Window)


def expression(
    sql: str,
    *,
    read: str,
    write: str,
    table: str,
    names: known_names.Names,
    condition: bool,
    kind: Kind | None = None,
) -> Written:
    """Return an expression over a table's columns; `kind` is that of the column it goes into."""
    source = reading.Source(sql=f"SELECT {sql}", read=read, write=write)
    tree = reading.parse(source).tree
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or len(_clauses(tree)) > 1:
        source.refuse("more than one expression", "write one expression")
    writer = _writer(source, names, changes=True)
    with writer.scope.level():
        writer.scope.add(table, table)
        node = deparsed.plain(tree.expressions[0], read=read, kind=writer.kind)
        if node.find(*_NOT_HERE) is not None:
            source.refuse("a query in an expression", "an expression speaks of one row alone")
        if condition:
            text = writer.condition(node)
        else:
            text = writer.value_for(node, kind) if kind else writer.value(node)
    return text, writer.functions, writer.notes


def _clauses(tree: exp.Select) -> list[str]:
    return [name for name, part in tree.args.items() if part not in (None, False, [], "")]


def view(
    name: str,
    columns: Sequence[str],
    query: str,
    *,
    read: str,
    write: str,
    names: known_names.Names,
    database: str | None = None,
) -> Written:
    """Return CREATE VIEW of a query; `database` is what its own server calls the database."""
    source = reading.Source(sql=query, read=read, write=write)
    tree = reading.parse(source).tree
    if not isinstance(tree, (exp.Select, exp.Values, exp.Subquery, *queries.SET_OPERATIONS)):
        source.refuse("a view that is no query", "write SELECT …")
    writer = _writer(source, names, changes=False)
    tree = deparsed.plain(tree, read=read, kind=_Kinds(writer).of, database=database)
    _name_columns(writer, tree)
    writer.scope.tell_aliases(tree)
    text = queries.query(writer, tree)
    if writer.functions:
        source.refuse(
            "this view", "it needs functions that are there only while Whimbrel is connected"
        )
    listed = ", ".join(writer.name(column) for column in columns)
    head = f"CREATE VIEW {writer.name(name)}{f' ({listed})' if listed else ''}"
    return f"{head} AS {text}", writer.functions, writer.notes


def _name_columns(writer: Expressions, tree: exp.Expr) -> None:
    """Give each column that is selected its own name, which it may not have over there."""
    for select in tree.find_all(exp.Select):
        for node in list(select.expressions):
            if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
                name = exp.to_identifier(writer.scope.spelled(node.this), quoted=True)
                node.replace(exp.Alias(this=node.copy(), alias=name))


def sources(query: str, *, dialect: str) -> frozenset[str]:
    """Return the names of tables and views that a query reads, as they are written."""
    tree = reading.parse(reading.Source(sql=query, read=dialect, write=dialect)).tree
    inner = {cte.alias for cte in tree.find_all(exp.CTE)}
    found = (table.name for table in tree.find_all(exp.Table))
    return frozenset(name for name in found if name and name not in inner)


class _Kinds:
    """The kinds of columns of a query before it is written: each by the tables around it."""

    def __init__(self, writer: Expressions) -> None:
        self._writer = writer

    def of(self, node: exp.Expr) -> Kind | None:
        """Return the kind of an expression, looking for its columns in its own SELECT."""
        select = node.find_ancestor(exp.Select)
        if select is None:
            return self._writer.kind(node)
        with self._writer.scope.level():
            for table in select.find_all(exp.Table):
                if table.find_ancestor(exp.Select) is select and isinstance(
                    table.this, exp.Identifier
                ):
                    name = self._writer.scope.table(table.this)
                    alias = queries.alias_of(self._writer, table)
                    self._writer.scope.add(alias or name, name)
            return self._writer.kind(node)


def _writer(source: reading.Source, names: known_names.Names, *, changes: bool) -> Expressions:
    where = scope.Scope(names, source.read)
    return Expressions(source, where, changes=changes, write_query=queries.query)
