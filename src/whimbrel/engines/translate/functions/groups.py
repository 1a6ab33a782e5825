"""Functions of groups of rows, and windows."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls
from whimbrel.engines.translate.calls import MANY, Call, Writer, Written, rule
from whimbrel.engines.translate.kinds import Kind


def _plainly(call: Call) -> str:
    if call.order:
        call.refuse("it has no rule with ORDER BY in it")
    distinct = "DISTINCT " if call.distinct else ""
    return f"{call.name}({distinct}{', '.join(map(call.writer.value, call.args))})"


@rule(args=(1, MANY), gives=Kind.INTEGER, mysql="COUNT", postgres="COUNT", sqlite="COUNT")
def count(call: Call) -> Written:
    if len(call.args) == 1:
        if call.distinct and call.kind(0) is Kind.TEXT:
            call.writer.note_collation()
        return _plainly(call)
    if not call.distinct or call.read != "mysql":
        call.refuse("it has a rule for one value")
    call.writer.note_collation()
    values = [call.value(i) for i in range(len(call.args))]
    known = " AND ".join(f"{value} IS NOT NULL" for value in values)
    if call.target == "postgres":
        return f"COUNT(DISTINCT ({', '.join(values)})) FILTER (WHERE {known})"
    joined = " || ',' || ".join(f"QUOTE({value})" for value in values)
    return f"COUNT(DISTINCT CASE WHEN {known} THEN {joined} END)"


def _same(call: Call) -> Kind | None:
    return call.kind(0)


@rule(args=1, gives=_same, mysql="SUM", postgres="SUM", sqlite="SUM")
def sum_(call: Call) -> Written:
    if call.kind(0) is Kind.TEXT:
        call.refuse("say what number the text is:  CAST(x AS DECIMAL(20, 4))")
    return _plainly(call)


def _average_kind(call: Call) -> Kind | None:
    return Kind.DECIMAL if call.kind(0) is Kind.INTEGER else call.kind(0)


@rule(args=1, gives=_average_kind, mysql="AVG", postgres="AVG", sqlite="AVG")
def avg(call: Call) -> Written:
    if call.kind(0) is Kind.TEXT:
        call.refuse("say what number the text is:  CAST(x AS DECIMAL(20, 4))")
    if call.kind(0) is not Kind.DOUBLE and "mysql" in (call.read, call.target):
        call.writer.note("MySQL keeps four more decimals of an average than its values have")
    return _plainly(call)


@rule(args=1, gives=_same, mysql="MIN MAX", postgres="MIN MAX")
def extreme(call: Call) -> Written:
    if call.kind(0) in (None, Kind.TEXT):
        call.writer.note_collation()
    return _plainly(call)


@rule(args=(1, MANY), gives=_same, sqlite="MIN MAX")
def extreme_or_choice(call: Call) -> Written:
    """SQLite's MAX(a, b) chooses among values, as GREATEST() does elsewhere."""
    if len(call.args) == 1:
        return extreme(call)
    values = [call.value(i) for i in range(len(call.args))]
    word = "GREATEST" if call.name == "MAX" else "LEAST"
    if call.target == "mysql":
        if {call.kind(i) for i in range(len(call.args))} & {None, Kind.TEXT}:
            call.writer.note_collation()
        return f"{word}({', '.join(values)})"
    none = " OR ".join(f"{value} IS NULL" for value in values)
    return f"CASE WHEN {none} THEN NULL ELSE {word}({', '.join(values)}) END"


@rule(args=1, gives=Kind.DOUBLE, mysql="STD STDDEV STDDEV_POP", postgres="STDDEV_POP")
def deviation(call: Call) -> Written:
    return _statistic(call, "STDDEV_POP")


@rule(args=1, gives=Kind.DOUBLE, mysql="STDDEV_SAMP", postgres="STDDEV_SAMP STDDEV")
def deviation_of_sample(call: Call) -> Written:
    return _statistic(call, "STDDEV_SAMP")


@rule(args=1, gives=Kind.DOUBLE, mysql="VARIANCE VAR_POP", postgres="VAR_POP")
def variance(call: Call) -> Written:
    return _statistic(call, "VAR_POP")


@rule(args=1, gives=Kind.DOUBLE, mysql="VAR_SAMP", postgres="VAR_SAMP VARIANCE")
def variance_of_sample(call: Call) -> Written:
    return _statistic(call, "VAR_SAMP")


def _statistic(call: Call, word: str) -> Written:
    if call.target == "sqlite":
        call.refuse("SQLite has none")
    if call.distinct or call.order:
        call.refuse("it has no rule with DISTINCT or ORDER BY in it")
    if call.target == "postgres":
        return f"{word}(CAST({call.value(0)} AS DOUBLE PRECISION))"
    return f"{word}({call.value(0)})"


@rule(args=2, gives=Kind.TEXT, mysql="GROUP_CONCAT", postgres="STRING_AGG", sqlite="GROUP_CONCAT")
def group_concat(call: Call) -> Written:
    if call.literal(1) is None:
        call.refuse("write the separator as a literal")
    if call.distinct:
        call.writer.note_collation()
    if call.target == "postgres":
        order = f" ORDER BY {call.writer.ordered(call.order)}" if call.order else ""
        distinct = "DISTINCT " if call.distinct else ""
        if call.distinct and call.order:
            _check_distinct_order(call)
        return f"STRING_AGG({distinct}{call.text(0)}, {call.value(1)}{order})"
    if call.target == "mysql":
        order = f" ORDER BY {call.writer.ordered(call.order)}" if call.order else ""
        distinct = "DISTINCT " if call.distinct else ""
        return f"GROUP_CONCAT({distinct}{call.value(0)}{order} SEPARATOR {call.value(1)})"
    if not call.order and not call.distinct:
        return f"GROUP_CONCAT({call.value(0)}, {call.value(1)})"
    return _ordered_concat(call)


def _check_distinct_order(call: Call) -> None:
    """PostgreSQL orders distinct values by themselves only, compared as they are aggregated."""
    for node in call.order:
        if call.writer.value(node.this) != call.writer.value(call.args[0]):
            call.refuse("with DISTINCT, ORDER BY has to name the same value", "GROUP_CONCAT()")
    if call.kind(0) is not Kind.TEXT:
        call.refuse(
            "with DISTINCT and ORDER BY it has a rule for texts: a number is sorted as one in "
            "MySQL, as a text in PostgreSQL",
            "GROUP_CONCAT()",
        )


def _ordered_concat(call: Call) -> str:
    """Write an aggregate of ours: SQLite learned ORDER BY in aggregates late (3.44)."""
    ours = call.writer.need("whimbrel_group_concat")
    keys = ""
    for node in call.order:
        if not isinstance(node, exp.Ordered):
            call.refuse("its ORDER BY has no rule")
        descending = bool(node.args.get("desc"))
        flipped = bool(node.args.get("nulls_first")) is descending
        if call.writer.kind(node.this) in (None, Kind.TEXT):
            call.writer.note_collation()
        keys += f", {call.writer.value(node.this)}, {int(descending) + 2 * int(flipped)}"
    return f"{ours}({call.value(0)}, {call.value(1)}, {int(call.distinct)}{keys})"


@rule(args=1, gives=Kind.DOUBLE, sqlite="TOTAL")
def total(call: Call) -> Written:
    if call.distinct or call.order:
        call.refuse("it has no rule with DISTINCT or ORDER BY in it")
    return f"COALESCE(SUM({call.value(0)}), 0) * 1e0"


# --- windows ----------------------------------------------------------------------------------


@rule(
    args=0,
    gives=Kind.INTEGER,
    mysql="ROW_NUMBER RANK DENSE_RANK",
    postgres="ROW_NUMBER RANK DENSE_RANK",
    sqlite="ROW_NUMBER RANK DENSE_RANK",
)
def rank(call: Call) -> Written:
    return f"{call.name}()"


@rule(args=1, gives=Kind.INTEGER, mysql="NTILE", postgres="NTILE", sqlite="NTILE")
def ntile(call: Call) -> Written:
    return f"NTILE({call.value(0)})"


@rule(args=(1, 3), gives=_same, mysql="LAG LEAD", postgres="LAG LEAD", sqlite="LAG LEAD")
def neighbour(call: Call) -> Written:
    return _plainly(call)


@rule(
    args=1,
    gives=_same,
    mysql="FIRST_VALUE LAST_VALUE",
    postgres="FIRST_VALUE LAST_VALUE",
    sqlite="FIRST_VALUE LAST_VALUE",
)
def edge(call: Call) -> Written:
    return _plainly(call)


_AGGREGATES: Final = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX"})
_WINDOWS: Final = frozenset(
    {"ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE"}
)


def window(writer: Writer, node: exp.Expr) -> str:
    """Write `f(…) OVER (…)`, or a window that a WINDOW clause names."""
    writer.only(node, "this", "partition_by", "order", "spec", "alias", "over")
    over = _over(writer, node)
    inner = node.this
    call = writer.call(inner)
    if call is None or call.name not in _AGGREGATES | _WINDOWS:
        writer.source.refuse(
            f"{call.name if call else inner.key.upper()}() OVER", "it has no rule as a window"
        )
    if call.distinct:
        writer.source.refuse(f"DISTINCT in {call.name}() OVER", "not every engine has it")
    alias = node.args.get("alias")
    return f"{calls.apply(call)} OVER {writer.name(str(alias.this)) if alias else f'({over})'}"


def named_window(writer: Writer, node: exp.Expr) -> str:
    """Write one entry of a WINDOW clause."""
    writer.only(node, "this", "partition_by", "order", "spec")
    return f"{writer.name(str(node.this.this))} AS ({_over(writer, node)})"


def _over(writer: Writer, node: exp.Expr) -> str:
    parts: list[str] = []
    partition = node.args.get("partition_by") or []
    if partition:
        if any(writer.kind(p) in (None, Kind.TEXT) for p in partition):
            writer.note_collation()
        parts.append("PARTITION BY " + ", ".join(writer.value(p) for p in partition))
    order = node.args.get("order")
    if order is not None:
        writer.only(order, "expressions")
        parts.append("ORDER BY " + writer.ordered(order.expressions))
    spec = node.args.get("spec")
    if spec is not None:
        parts.append(_frame(writer, spec))
    return " ".join(parts)


def _frame(writer: Writer, spec: exp.Expr) -> str:
    writer.only(spec, "kind", "start", "start_side", "end", "end_side")
    kind = str(spec.args.get("kind"))
    start = _bound(writer, spec, "start")
    end = _bound(writer, spec, "end")
    if kind not in ("ROWS", "RANGE") or (kind == "RANGE" and any(c.isdigit() for c in start + end)):
        writer.source.refuse(f"a window of {kind}", "write ROWS BETWEEN … AND …")
    return f"{kind} BETWEEN {start} AND {end}" if end else f"{kind} {start}"


def _bound(writer: Writer, spec: exp.Expr, which: str) -> str:
    bound = spec.args.get(which)
    if bound is None:
        return ""
    text = bound if isinstance(bound, str) else writer.value(bound)
    return " ".join(filter(None, [text, str(spec.args.get(f"{which}_side") or "")]))


def filtered(writer: Writer, node: exp.Expr) -> str:
    """Write `f(…) FILTER (WHERE …)`, which MySQL has not."""
    writer.only(node, "this", "expression")
    if writer.target == "mysql":
        writer.source.refuse("FILTER (WHERE …)", "write f(CASE WHEN … THEN x END)")
    call = writer.call(node.this)
    if call is None or call.name not in _AGGREGATES:
        writer.refuse(node)
    return f"{calls.apply(call)} FILTER (WHERE {writer.condition(node.expression.this)})"
