"""Functions that choose among values."""

from __future__ import annotations

from sqlglot import exp

from whimbrel.engines.translate import calls, kinds
from whimbrel.engines.translate.calls import MANY, Call, Templates, Written, rule
from whimbrel.engines.translate.kinds import Kind


def _common(call: Call) -> Kind | None:
    return call.writer.common_kind(call.args)


@rule(args=(1, MANY), gives=_common, mysql="COALESCE", postgres="COALESCE", sqlite="COALESCE")
def coalesce(call: Call) -> Written:
    return f"COALESCE({_alternatives(call)})"


@rule(args=2, gives=_common, mysql="IFNULL NVL", sqlite="IFNULL")
def ifnull(call: Call) -> Written:
    return f"COALESCE({_alternatives(call)})"


def _alternatives(call: Call) -> str:
    """Write alternatives: beside a boolean column, PostgreSQL wants TRUE and not 1."""
    booleans = Kind.BOOLEAN in {call.kind(i) for i in range(len(call.args))}
    if booleans and call.target == "postgres":
        return ", ".join(_boolean(node, call) for node in call.args)
    return ", ".join(call.value(i) for i in range(len(call.args)))


def _boolean(node: exp.Expr, call: Call) -> str:
    number = calls.whole(node)
    if number in (0, 1):
        return "TRUE" if number else "FALSE"
    return calls.atom(call.writer.condition(node), call.target)


@rule(args=2, gives=lambda call: call.kind(0), mysql="NULLIF", postgres="NULLIF", sqlite="NULLIF")
def nullif(call: Call) -> Written:
    found = {call.kind(0), call.kind(1)}
    if Kind.TEXT in found:
        call.writer.note_collation()
        if found & kinds.NUMBERS:
            call.refuse("texts and numbers are not compared alike; write one sort of values")
    return f"NULLIF({call.value(0)}, {call.value(1)})"


@rule(args=1, gives=Kind.BOOLEAN, mysql="ISNULL")
def isnull(call: Call) -> Templates:
    return {"postgres": "{0} IS NULL", "sqlite": "{0} IS NULL"}


@rule(args=3, gives=lambda call: call.writer.common_kind(call.args[1:]), sqlite="IIF")
def iif(call: Call) -> Written:
    condition = call.writer.condition(call.args[0])
    return f"CASE WHEN {condition} THEN {call.value(1)} ELSE {call.value(2)} END"
