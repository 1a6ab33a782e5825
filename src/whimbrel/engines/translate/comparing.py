"""Write comparisons: what is equal depends on the types, and each engine converts them its way.

Where both types are known and engines would convert them differently, the comparison is
refused; texts are compared by each engine's own collation, which is said in a note.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls, kinds
from whimbrel.engines.translate.calls import Writer
from whimbrel.engines.translate.kinds import Kind

SIGNS: Final[Mapping[type[exp.Expr], str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
# Engines do not agree on what `a = b LIKE c` or `a > b IS NULL` compare first.
_SAME_RANK: Final = (
    *SIGNS,
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In, exp.Between, exp.Not),
    *(exp.Like, exp.ILike, exp.Escape, exp.RegexpLike, exp.RegexpILike, exp.Glob),
)
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?")

_SPELLED: Final = (
    "moments are compared as moments there; SQLite compares their texts, where "
    "'2020-01-01 00:00:00.000' comes behind '2020-01-01 00:00:00'"
)


def check_rank(writer: Writer, *nodes: exp.Expr) -> None:
    """Refuse comparisons side by side without parentheses."""
    for node in nodes:
        if isinstance(node, _SAME_RANK):
            writer.source.refuse("a comparison of a comparison", "write parentheses around it")


def comparison(writer: Writer, node: exp.Expr) -> str:
    """Write `a = b` and its like."""
    check_rank(writer, node.this, node.expression)
    right = node.expression
    if isinstance(right, (exp.Any, exp.All)):
        writer.refuse(right, "write IN (…) or EXISTS (…)")
    return compare(writer, SIGNS[type(node)], node.this, right)


def compare(writer: Writer, sign: str, left: exp.Expr, right: exp.Expr) -> str:
    """Write one comparison of two values."""
    one, other = pair(writer, left, right)
    return f"{one} {sign} {other}"


def null_safe(writer: Writer, node: exp.Expr) -> str:
    """Write a comparison for which NULL equals NULL."""
    check_rank(writer, node.this, node.expression)
    one, other = pair(writer, node.this, node.expression)
    equal = isinstance(node, exp.NullSafeEQ)
    if writer.target == "mysql":
        return f"{one} <=> {other}" if equal else f"NOT ({one} <=> {other})"
    if writer.target == "postgres":
        return f"{one} IS{' NOT' * equal} DISTINCT FROM {other}"
    return f"{one} IS{' NOT' * (not equal)} {other}"


def is_(writer: Writer, node: exp.Expr, *, negated: bool = False) -> str:
    """Write IS NULL, IS TRUE, IS FALSE."""
    writer.only(node, "this", "expression", "negate")
    check_rank(writer, node.this)
    word = f"IS{' NOT' * (negated is not bool(node.args.get('negate')))}"
    if isinstance(node.expression, exp.Null):
        return f"{writer.operand(node.this)} {word} NULL"
    if isinstance(node.expression, exp.Boolean):
        truth = "TRUE" if node.expression.this else "FALSE"
        return f"{calls.atom(writer.condition(node.this), writer.target)} {word} {truth}"
    writer.refuse(node)


def in_(writer: Writer, node: exp.Expr, *, negated: bool = False) -> str:
    """Write IN with a list or a query."""
    writer.only(node, "this", "expressions", "query")
    check_rank(writer, node.this)
    word = "NOT IN" if negated else "IN"
    query = node.args.get("query")
    if query is not None:
        if writer.kind(node.this) is Kind.TEXT:
            writer.note_collation()
        inner = query.this if isinstance(query, exp.Subquery) else query
        return f"{writer.operand(node.this)} {word} ({writer.query(inner)})"
    rows = _rows(node.expressions)
    if isinstance(node.this, exp.Tuple):
        listed = ", ".join(writer.value(row) for row in rows)
        start = "VALUES " if writer.target == "sqlite" else ""
        return f"{writer.value(node.this)} {word} ({start}{listed})"
    pairs = [pair(writer, node.this, row) for row in rows]
    if not pairs:
        writer.source.refuse("IN ()", "an empty list is not SQL on every engine")
    return f"{pairs[0][0]} {word} ({', '.join(other for _, other in pairs)})"


def _rows(nodes: Sequence[exp.Expr]) -> Sequence[exp.Expr]:
    if len(nodes) == 1 and isinstance(nodes[0], exp.Values):
        return list(nodes[0].expressions)
    return nodes


def between(writer: Writer, node: exp.Expr) -> str:
    """Write BETWEEN."""
    writer.only(node, "this", "low", "high")
    low, high = node.args["low"], node.args["high"]
    check_rank(writer, node.this, low, high)
    one, bottom = pair(writer, node.this, low)
    again, top = pair(writer, node.this, high)
    if one != again:
        return f"({one} >= {bottom} AND {again} <= {top})"
    return f"{one} BETWEEN {bottom} AND {top}"


def pair(writer: Writer, left: exp.Expr, right: exp.Expr) -> tuple[str, str]:
    """Write two values that are compared, converted where engines would do it differently."""
    one, other = writer.kind(left), writer.kind(right)
    if Kind.TEXT in (one, other) and not ({one, other} & (kinds.MOMENTS | kinds.NUMBERS)):
        writer.note_collation()
    if writer.read == "sqlite" and writer.target != "sqlite" and {one, other} & kinds.MOMENTS:
        writer.note(_SPELLED)
    if writer.target == "postgres" or writer.read == "sqlite":
        _check_moments(writer, left, right)
    if writer.target == "postgres" and Kind.BOOLEAN in (one, other):
        return _truth(writer, left, one), _truth(writer, right, other)
    if Kind.TEXT in (one, other) and {one, other} & kinds.NUMBERS:
        _check_numbers(writer, left, right)
    if writer.target == "sqlite":
        return _moments(writer, left, right)
    return writer.operand(left), writer.operand(right)


def _truth(writer: Writer, node: exp.Expr, kind: Kind | None) -> str:
    """Write a side of a comparison with a boolean: 1 and 0 are true and false there."""
    if kind is Kind.INTEGER and calls.whole(node) in (0, 1):
        return "TRUE" if calls.whole(node) else "FALSE"
    if kind is Kind.BOOLEAN:
        return calls.atom(writer.condition(node), writer.target)
    return writer.operand(node)


def _check_numbers(writer: Writer, left: exp.Expr, right: exp.Expr) -> None:
    """Refuse a text beside a number, unless the text is a literal that is a number."""
    for text, number in ((left, right), (right, left)):
        if writer.kind(text) is not Kind.TEXT:
            continue
        inner = calls.plain(text)
        literal = isinstance(inner, exp.Literal) and _NUMBER.fullmatch(str(inner.this))
        # SQLite converts such a literal beside a column, but not beside an expression.
        beside = isinstance(calls.plain(number), exp.Column) or writer.target != "sqlite"
        if literal and beside:
            continue
        writer.source.refuse(
            "a text compared with a number",
            "engines convert it differently: write the number as a text, or CAST() one of them",
        )


def _check_moments(writer: Writer, left: exp.Expr, right: exp.Expr) -> None:
    """Refuse a literal beside a moment that is none: SQLite compares them as texts."""
    for text, moment in ((left, right), (right, left)):
        inner = calls.plain(text)
        if (
            isinstance(inner, exp.Literal)
            and inner.is_string
            and writer.kind(moment) in kinds.MOMENTS
            and not _MOMENT.fullmatch(str(inner.this))
        ):
            writer.source.refuse(
                f"{str(inner.this)!r} compared with a moment", "write a whole date: '2020-01-01'"
            )


def _moments(writer: Writer, left: exp.Expr, right: exp.Expr) -> tuple[str, str]:
    """Write both sides for SQLite, where dates are texts and '2020-01-01' < '2020-01-01 00:00'."""
    texts = [_date_literal(left), _date_literal(right)]
    if texts == [None, None] or (writer.kind(left), writer.kind(right)) == (Kind.TEXT, Kind.TEXT):
        return writer.operand(left), writer.operand(right)
    column = right if texts[0] is not None else left
    literal = texts[0] if texts[0] is not None else texts[1]
    kind = writer.kind(column)
    if kind is Kind.DATE and literal and _DAY.fullmatch(literal):
        return writer.operand(left), writer.operand(right)
    if kind in (Kind.DATETIME, Kind.DATE):
        moment = writer.need("whimbrel_moment")
        return f"{moment}({writer.value(left)})", f"{moment}({writer.value(right)})"
    if kind is None:
        writer.note(
            f"{literal!r} is compared as a text: a moment in the database has to be written "
            "in the same way"
        )
    return writer.operand(left), writer.operand(right)


def _date_literal(node: exp.Expr) -> str | None:
    inner = calls.plain(node)
    if isinstance(inner, exp.Literal) and inner.is_string and _MOMENT.fullmatch(str(inner.this)):
        return str(inner.this)
    return None
