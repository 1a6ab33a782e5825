"""Write queries: SELECT, UNION and its like, common table expressions, joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls
from whimbrel.engines.translate.expressions import Expressions
from whimbrel.engines.translate.functions import groups
from whimbrel.engines.translate.kinds import Kind

SET_OPERATIONS: Final = (exp.Union, exp.Except, exp.Intersect)
# What MySQL programs write for "no limit".
_NO_LIMIT: Final = 2**63 - 1


def query(
    writer: Expressions,
    node: exp.Expr,
    into: Sequence[Kind | None] = (),
    *,
    anyway: str = "",
) -> str:
    """Write a query; `into` are the kinds of the columns that its rows go into.

    `anyway` is a condition to write if the query has none.
    """
    if isinstance(node, exp.Select):
        return _select(writer, node, into, anyway)
    if isinstance(node, SET_OPERATIONS):
        return _set_operation(writer, node, into)
    if isinstance(node, exp.Values):
        if "mysql" in (writer.read, writer.target):
            writer.source.refuse("VALUES as a query", "write SELECT … UNION ALL SELECT …")
        return values(writer, node, into)
    if isinstance(node, exp.Subquery):
        writer.only(node, "this")
        return query(writer, node.this, into)
    writer.refuse(node)


def values(writer: Expressions, node: exp.Values, into: Sequence[Kind | None]) -> str:
    """Write `VALUES (…), (…)`."""
    writer.only(node, "expressions")
    return "VALUES " + ", ".join(_row(writer, row, into) for row in node.expressions)


def _row(writer: Expressions, row: exp.Expr, into: Sequence[Kind | None]) -> str:
    parts = row.expressions if isinstance(row, exp.Tuple) else [row]
    wanted = list(into) + [None] * (len(parts) - len(into))
    return "(" + ", ".join(_item(writer, *pair) for pair in zip(parts, wanted, strict=False)) + ")"


def _item(writer: Expressions, node: exp.Expr, kind: Kind | None) -> str:
    if is_default(node):
        return default(writer)
    return writer.value_for(node, kind)


def is_default(node: exp.Expr) -> bool:
    """Whether a value is the word DEFAULT, which sqlglot takes for a name."""
    if isinstance(node, exp.Column) and node.args.get("table") is None:
        node = node.this
    if isinstance(node, exp.Identifier) and node.quoted:
        return False
    return isinstance(node, (exp.Var, exp.Identifier)) and str(node.this).upper() == "DEFAULT"


def default(writer: Expressions) -> str:
    """Write DEFAULT as a value."""
    if writer.target == "sqlite":
        writer.source.refuse("DEFAULT as a value", "leave the column out, or write the value")
    return "DEFAULT"


# --- select -----------------------------------------------------------------------------------


def _select(writer: Expressions, node: exp.Select, into: Sequence[Kind | None], anyway: str) -> str:
    writer.only(
        node,
        *("with_", "expressions", "distinct", "from_", "joins", "where", "group", "having"),
        *("windows", "order", "limit", "offset", "locks"),
    )
    if not node.expressions:
        writer.source.refuse("SELECT of nothing", "name what is selected")
    parts = [with_(writer, node)]
    with writer.scope.level():
        source = from_(writer, node)
        parts.append(_projections(writer, node, into))
        parts.append(source)
        parts.append(where(writer, node) or anyway)
        parts.append(_group(writer, node))
        if node.args.get("having"):
            parts.append("HAVING " + writer.condition(node.args["having"].this))
        if node.args.get("windows"):
            named = (groups.named_window(writer, window) for window in node.args["windows"])
            parts.append("WINDOW " + ", ".join(named))
        parts.append(order(writer, node))
    parts += [limit(writer, node), _locks(writer, node)]
    return " ".join(filter(None, parts))


def _projections(writer: Expressions, node: exp.Select, into: Sequence[Kind | None]) -> str:
    distinct = node.args.get("distinct")
    if distinct is not None:
        if distinct.args.get("on") is not None:
            writer.source.refuse("DISTINCT ON", "write ROW_NUMBER() OVER (…) in a subquery")
        writer.only(distinct)
        _note_texts(writer, node.expressions)
    if _is_star(node) and any(join.args.get("using") for join in node.args.get("joins") or []):
        writer.source.refuse("SELECT * with USING", "name the columns; engines order them apart")
    wanted = list(into) + [None] * (len(node.expressions) - len(into))
    listed = [
        _projection(writer, item, kind, bool(into))
        for item, kind in zip(node.expressions, wanted, strict=False)
    ]
    return f"SELECT {'DISTINCT ' * (distinct is not None)}{', '.join(listed)}"


def _is_star(node: exp.Select) -> bool:
    return any(isinstance(item, exp.Star) or item.is_star for item in node.expressions)


def _projection(writer: Expressions, node: exp.Expr, kind: Kind | None, stored: bool) -> str:
    alias = None
    if isinstance(node, exp.Alias):
        writer.only(node, "this", "alias")
        node, alias = node.this, node.args["alias"]
    text = writer.value_for(node, kind) if stored else writer.projected(node)
    if not isinstance(alias, exp.Identifier):
        return text
    return f"{text} AS {writer.name(writer.scope.spelled(alias))}"


def _note_texts(writer: Expressions, nodes: Sequence[exp.Expr]) -> None:
    if any(writer.kind(node) in (None, Kind.TEXT) for node in nodes):
        writer.note_collation()


def _group(writer: Expressions, node: exp.Select) -> str:
    group = node.args.get("group")
    if group is None:
        return ""
    writer.only(group, "expressions")
    if not group.expressions:
        writer.source.refuse("GROUP BY of nothing", "name what is grouped by")
    if any(isinstance(e, (exp.Rollup, exp.Cube, exp.GroupingSets)) for e in group.expressions):
        writer.source.refuse("GROUP BY ROLLUP", "write the levels as queries with UNION ALL")
    _note_texts(writer, [e for e in group.expressions if calls.whole(e) is None])
    return "GROUP BY " + ", ".join(writer.value(item) for item in group.expressions)


def where(writer: Expressions, node: exp.Expr) -> str:
    """Write WHERE, or nothing."""
    found = node.args.get("where")
    return f"WHERE {writer.condition(found.this)}" if found is not None else ""


def order(writer: Expressions, node: exp.Expr) -> str:
    """Write ORDER BY, or nothing."""
    found = node.args.get("order")
    if found is None:
        return ""
    writer.only(found, "expressions")
    return "ORDER BY " + writer.ordered(found.expressions)


def limit(writer: Expressions, node: exp.Expr) -> str:
    """Write LIMIT and OFFSET, or nothing."""
    most, start = _limit(writer, node), _offset(writer, node)
    if start and not most and writer.target != "postgres":
        most = "18446744073709551615" if writer.target == "mysql" else "-1"
    return " ".join(filter(None, [most and f"LIMIT {most}", start and f"OFFSET {start}"]))


def _limit(writer: Expressions, node: exp.Expr) -> str:
    found = node.args.get("limit")
    if found is None:
        return ""
    if isinstance(found, exp.Fetch):
        options = found.args.get("limit_options")
        if options is not None:
            writer.only(options, "rows")
        writer.only(found, "direction", "count", "limit_options")
        number = found.args["count"]
    else:
        writer.only(found, "expression")
        number = found.expression
    if isinstance(number, exp.Var) and str(number.this).upper() == "ALL":
        return ""
    most = calls.whole(number)
    if most is not None and (most < 0 or most >= _NO_LIMIT):
        return ""
    return _count(writer, number, "LIMIT")


def _offset(writer: Expressions, node: exp.Expr) -> str:
    found = node.args.get("offset")
    if found is None:
        return ""
    writer.only(found, "expression")
    return _count(writer, found.expression, "OFFSET")


def _count(writer: Expressions, node: exp.Expr, what: str) -> str:
    if calls.whole(node) is None and not isinstance(node, exp.Placeholder):
        writer.source.refuse(f"{what} with an expression", "write a number, or give it as a value")
    return writer.value(node)


def _locks(writer: Expressions, node: exp.Select) -> str:
    for lock in node.args.get("locks") or []:
        writer.only(lock, "update")
        if not lock.args.get("update"):
            writer.source.refuse("FOR SHARE", "write FOR UPDATE, or nothing")
        # SQLite has one lock for the whole database, and a migration holds it.
        return "" if writer.target == "sqlite" else "FOR UPDATE"
    return ""


# --- set operations ---------------------------------------------------------------------------


def _set_operation(writer: Expressions, node: exp.Expr, into: Sequence[Kind | None]) -> str:
    writer.only(node, "with_", "this", "expression", "distinct", "order", "limit", "offset")
    parts = [with_(writer, node)]
    arms: list[str] = []
    link: exp.Expr = node
    while type(link) is type(node):  # from left to right, on every engine
        if link is not node:
            writer.only(link, "this", "expression", "distinct")
        arms += [_arm(writer, link.expression, into), _operation(writer, link)]
        link = link.this
    arms.append(_arm(writer, link, into))
    parts += [*reversed(arms), order(writer, node), limit(writer, node)]
    return " ".join(filter(None, parts))


def _operation(writer: Expressions, node: exp.Expr) -> str:
    word = node.key.upper()
    if node.args.get("distinct"):
        first = node.find(exp.Select)
        _note_texts(writer, first.expressions if first else [])
        return word
    if word != "UNION" and writer.target == "sqlite":
        writer.source.refuse(f"{word} ALL", "SQLite has none")
    return f"{word} ALL"


def _arm(writer: Expressions, node: exp.Expr, into: Sequence[Kind | None]) -> str:
    if isinstance(node, SET_OPERATIONS):
        writer.source.refuse(
            "UNION, EXCEPT and INTERSECT side by side", "put one of them into a subquery"
        )
    if not isinstance(node, exp.Subquery):
        return query(writer, node, into)
    writer.only(node, "this")
    inner = node.this
    bare = isinstance(inner, exp.Select) and not any(
        inner.args.get(part) for part in ("order", "limit", "offset", "with_")
    )
    if writer.target != "sqlite":
        return f"({query(writer, inner, into)})"
    text = query(writer, inner, into)
    return text if bare else f"SELECT * FROM ({text})"


# --- sources ----------------------------------------------------------------------------------


def with_(writer: Expressions, node: exp.Expr) -> str:
    """Write WITH, or nothing."""
    found = node.args.get("with_")
    if found is None:
        return ""
    writer.only(found, "expressions", "recursive")
    tables = [_cte(writer, cte) for cte in found.expressions]
    return f"WITH {'RECURSIVE ' * bool(found.args.get('recursive'))}{', '.join(tables)}"


def _cte(writer: Expressions, node: exp.Expr) -> str:
    writer.only(node, "this", "alias")
    alias = node.args["alias"]
    writer.only(alias, "this", "columns")
    name = writer.name(writer.scope.spelled(alias.this))
    columns = [writer.name(writer.scope.spelled(c)) for c in alias.args.get("columns") or []]
    listed = f" ({', '.join(columns)})" if columns else ""
    return f"{name}{listed} AS ({query(writer, node.this)})"


def from_(writer: Expressions, node: exp.Expr) -> str:
    """Write FROM with its joins, or nothing; the tables are added to the innermost level."""
    found = node.args.get("from_")
    if found is None:
        return ""
    writer.only(found, "this")
    first = found.this
    joins = [*(first.args.get("joins") or []), *(node.args.get("joins") or [])]
    if _is_dual(first) and not joins:
        return ""
    return "FROM " + sources(writer, first, joins)


def _is_dual(node: exp.Expr) -> bool:
    return isinstance(node, exp.Table) and str(node.this).upper() == "DUAL"


def sources(writer: Expressions, first: exp.Expr, joins: Sequence[exp.Expr]) -> str:
    """Write a table and what is joined to it."""
    add_sources(writer, first, joins)
    return " ".join([_source(writer, first), *_joins(writer, joins)])


def add_sources(writer: Expressions, first: exp.Expr, joins: Sequence[exp.Expr]) -> None:
    """Add tables to the innermost level, all of them before any condition is written."""
    for node in (first, *(join.this for join in joins)):
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            name = writer.scope.table(node.this)
            is_real = not writer.scope.is_cte(node.this)
            writer.scope.add(alias_of(writer, node) or name, name if is_real else None)
        else:
            writer.scope.add(alias_of(writer, node) or "", None)


def alias_of(writer: Expressions, node: exp.Expr) -> str | None:
    """Return the alias of a table or subquery, if it has one."""
    alias = node.args.get("alias")
    if alias is None:
        return None
    if not isinstance(alias, exp.TableAlias):
        writer.refuse(node)
    writer.only(alias, "this")
    return writer.scope.spelled(alias.this)


def _source(writer: Expressions, node: exp.Expr) -> str:
    if isinstance(node, exp.Table):
        return table(writer, node)
    if isinstance(node, exp.Subquery):
        writer.only(node, "this", "alias")
        alias = alias_of(writer, node)
        if alias is None:
            writer.source.refuse("a subquery without a name", "write  (SELECT …) AS name")
        return f"({query(writer, node.this)}) AS {writer.name(alias)}"
    writer.refuse(node, "write a table or a subquery")


def table(writer: Expressions, node: exp.Table) -> str:
    """Write a table, with its alias."""
    name, alias = writer.name(table_name(writer, node)), alias_of(writer, node)
    return name if alias is None else f"{name} AS {writer.name(alias)}"


def table_name(writer: Expressions, node: exp.Expr) -> str:
    """Return the name of a table as it is to be written, without quotes."""
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
        writer.refuse(node, "write a table's name")
    if node.args.get("db") or node.args.get("catalog"):
        writer.source.refuse(
            f"the name {node.sql()}",
            "write the table's name alone: other engines have no such place",
        )
    if node.args.get("hints"):
        writer.source.refuse("an index hint", "leave it out")
    writer.only(node, "this", "alias", "joins")
    return writer.scope.table(node.this)


def _joins(writer: Expressions, joins: Sequence[exp.Expr]) -> list[str]:
    written: list[str] = []
    crossed = False
    for join in joins:
        writer.only(join, "this", "on", "using", "side", "kind")
        if isinstance(join.this, exp.Table) and join.this.args.get("joins"):
            writer.source.refuse("a join in parentheses", "write it as a subquery")
        side, kind = (str(join.args.get(part) or "").upper() for part in ("side", "kind"))
        on, using = join.args.get("on"), join.args.get("using")
        if side in ("RIGHT", "FULL") and crossed:
            writer.source.refuse(f"{side} JOIN after a comma", "write CROSS JOIN in a subquery")
        if side == "FULL" and writer.target == "mysql":
            writer.source.refuse("FULL JOIN", "write a LEFT JOIN and a RIGHT JOIN with UNION")
        if kind not in ("", "INNER", "OUTER", "CROSS", "STRAIGHT_JOIN"):
            writer.source.refuse(f"{kind} JOIN", "no rule says what it means elsewhere")
        source = _source(writer, join.this)
        if on is None and not using:
            if side:
                writer.source.refuse(f"{side} JOIN without ON", "write a condition")
            crossed = True
            # SQLite's CROSS JOIN would also fix the order in which the tables are read.
            written.append(f"{'JOIN' if writer.target == 'sqlite' else 'CROSS JOIN'} {source}")
            continue
        head = f"{side} JOIN" if side else "INNER JOIN"
        if using:
            columns = (exp.Column(this=column) for column in using)
            names = ", ".join(writer.name(writer.scope.column(c)[0]) for c in columns)
            written.append(f"{head} {source} USING ({names})")
        else:
            written.append(f"{head} {source} ON {writer.condition(join.args['on'])}")
    return written
