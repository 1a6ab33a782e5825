"""Say again in plain SQL what a server says of its own checks, indexes and views.

PostgreSQL writes back `(status)::text = ANY (ARRAY['a'::text])` where `status IN ('a')` was
written, and casts every constant; MySQL puts the database in front of every name and joins into
parentheses. What is made plain here means the same in its own dialect; a cast that changes
anything stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls
from whimbrel.engines.translate.kinds import Kind

_T: Final = exp.DType
_TEXTS: Final = frozenset({_T.TEXT, _T.VARCHAR, _T.BPCHAR, _T.USERDEFINED})
_NUMBERS: Final = frozenset({_T.INT, _T.BIGINT, _T.SMALLINT, _T.DECIMAL, _T.DOUBLE, _T.FLOAT})
_COMPARED: Final = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between),
    *(exp.NullSafeEQ, exp.NullSafeNEQ),
)
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")

KindOf = Callable[[exp.Expr], Kind | None]


def plain(tree: exp.Expr, *, read: str, kind: KindOf, database: str | None = None) -> exp.Expr:
    """Return the tree in the plainest words; `database` is the one whose name is left out."""
    if database is not None:
        tree = tree.transform(_without_database, database)
    tree = _unnested(tree)
    if read == "mysql":
        return tree.transform(_without_character_set)
    if read != "postgres":
        return tree
    for rule in (_list, _text, _number, _moment):
        # From the leaves up: what a rule makes plain inside, it sees plain outside.
        tree = _upwards(tree, lambda node, rule=rule: rule(node, kind))  # type: ignore[misc]
    return tree


def _upwards(tree: exp.Expr, rule: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    for node in reversed(list(tree.walk())):
        made = rule(node)
        if made is node:
            continue
        if node is tree:
            tree = made
        else:
            node.replace(made)
    return tree


# --- PostgreSQL -------------------------------------------------------------------------------


def _list(node: exp.Expr, kind: KindOf) -> exp.Expr:
    """`x = ANY (ARRAY[a, b])` is `x IN (a, b)`."""
    if not isinstance(node, (exp.EQ, exp.NEQ)):
        return node
    elements = _elements(node.expression, exp.Any if isinstance(node, exp.EQ) else exp.All)
    if not elements:
        return node
    found = exp.In(this=node.this.copy(), expressions=[one.copy() for one in elements])
    return found if isinstance(node, exp.EQ) else exp.Not(this=found)


def _elements(node: exp.Expr, word: type[exp.Expr]) -> list[exp.Expr]:
    if isinstance(node, word):
        inner = node.this
    elif (
        isinstance(node, exp.Anonymous)
        and str(node.this).upper() == word.__name__.upper()
        and len(node.expressions) == 1
    ):
        inner = node.expressions[0]
    else:
        return []
    while isinstance(inner, (exp.Paren, exp.Cast)):
        inner = inner.this
    return list(inner.expressions) if isinstance(inner, exp.Array) else []


def _text(node: exp.Expr, kind: KindOf) -> exp.Expr:
    """`'a'::text` is 'a'; a column of texts is one without a cast, too."""
    if not isinstance(node, exp.Cast) or node.to.this not in _TEXTS or node.to.expressions:
        return node
    inner = calls.plain(node.this)
    if isinstance(inner, exp.Literal) and inner.is_string:
        return inner.copy()
    if isinstance(inner, (exp.Column, exp.Anonymous)) and kind(inner) is Kind.TEXT:
        return inner.copy()
    return node


def _number(node: exp.Expr, kind: KindOf) -> exp.Expr:
    """`(0)::numeric` in a comparison is 0; elsewhere its type may matter."""
    if not isinstance(node, exp.Cast) or node.to.this not in _NUMBERS or node.to.expressions:
        return node
    inner = calls.plain(node.this)
    sign = ""
    if isinstance(inner, exp.Neg):
        sign, inner = "-", calls.plain(inner.this)
    around = node.parent
    while isinstance(around, exp.Paren):
        around = around.parent
    if isinstance(inner, exp.Literal) and isinstance(around, _COMPARED):
        text = sign + str(inner.this)
        if _NUMBER.fullmatch(text):
            bare = exp.Literal.number(text.lstrip("-"))
            return exp.Neg(this=bare) if text.startswith("-") else bare
    wider = node.to.this in (_T.DECIMAL, _T.DOUBLE, _T.BIGINT, _T.INT)
    number = (Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE)
    if (
        wider
        and isinstance(inner, exp.Column)
        and isinstance(around, _COMPARED)
        and kind(inner) in number
        and (node.to.this is not _T.INT or kind(inner) is Kind.INTEGER)
        and (node.to.this is not _T.BIGINT or kind(inner) is Kind.INTEGER)
    ):
        return inner.copy()
    return node


def _moment(node: exp.Expr, kind: KindOf) -> exp.Expr:
    """`'2007-01-01 00:00:00'::timestamp` beside a column of that type is read as it by itself."""
    if not isinstance(node, exp.Cast) or node.to.expressions:
        return node
    wanted = {_T.DATE: Kind.DATE, _T.TIMESTAMP: Kind.DATETIME, _T.TIMESTAMPNTZ: Kind.DATETIME}
    inner, around = calls.plain(node.this), node.parent
    child: exp.Expr = node
    while isinstance(around, exp.Paren):
        child, around = around, around.parent
    if not (isinstance(inner, exp.Literal) and inner.is_string and isinstance(around, _COMPARED)):
        return node
    # Of a list and of BETWEEN, what they are compared with stands in `this`, too.
    beside = around.expression if around.this is child else around.this
    column = calls.plain(beside) if isinstance(beside, exp.Expr) else None
    if isinstance(column, exp.Column) and kind(column) is wanted.get(node.to.this, Kind.OTHER):
        return inner.copy() if _ISO.fullmatch(str(inner.this)) else node
    return node


# --- MySQL ------------------------------------------------------------------------------------


def _without_database(node: exp.Expr, database: str) -> exp.Expr:
    if isinstance(node, (exp.Column, exp.Table)):
        named = node.args.get("db")
        if named is not None and named.name == database and not node.args.get("catalog"):
            node.set("db", None)
    return node


def _without_character_set(node: exp.Expr) -> exp.Expr:
    """`CAST(x AS CHAR CHARSET utf8mb4)` is a text, which every character fits into."""
    to = node.to if isinstance(node, exp.Cast) else None
    if to is not None and to.this is _T.CHARACTER_SET and _named(to.args.get("kind")) == "utf8mb4":
        node.set("to", exp.DataType(this=_T.CHAR))
    return node


def _named(node: exp.Expr | None) -> str:
    return "" if node is None else node.name.lower()


def _unnested(tree: exp.Expr) -> exp.Expr:
    """`((a JOIN b ON …) LEFT JOIN c ON …)` is the same joins from left to right."""
    for select in list(tree.find_all(exp.Select)):
        start = select.args.get("from_")
        if start is None:
            continue
        first, joins = _flat(start.this)
        if first is start.this:
            continue
        start.set("this", first)
        select.set("joins", [*joins, *(select.args.get("joins") or [])])
    return tree


def _flat(node: exp.Expr) -> tuple[exp.Expr, list[exp.Expr]]:
    """Return the first table of joins in parentheses, and the joins in their order."""
    if isinstance(node, (exp.Paren, exp.Subquery)) and not node.args.get("alias"):
        inner = node.this
        if not isinstance(inner, (exp.Table, exp.Paren, exp.Subquery)):
            return node, []
        first, joins = _flat(inner)
        own = list(node.args.get("joins") or [])
        return first, [*joins, *own]
    own = list(node.args.get("joins") or []) if isinstance(node, exp.Table) else []
    if own:
        node = node.copy()
        node.set("joins", None)
    return node, own
