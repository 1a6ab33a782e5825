"""Functions and operators of numbers."""

from __future__ import annotations

from sqlglot import exp

from whimbrel.engines.translate import calls, kinds
from whimbrel.engines.translate.calls import MANY, Call, Templates, Writer, Written, rule
from whimbrel.engines.translate.kinds import Kind

_STOP = "whimbrel_stop"


# --- division ---------------------------------------------------------------------------------


def divisor(writer: Writer, node: exp.Expr) -> str:
    """Write what is divided by: by 0 gives NULL in a query of MySQL, and stops a change."""
    value = writer.operand(node)
    number = calls.plain(node)
    if isinstance(number, exp.Literal) and not number.is_string and float(str(number.this)):
        return value
    if writer.target == "postgres":
        stops = writer.changes or writer.read == "postgres"
        return value if stops else f"NULLIF({value}, 0)"
    if writer.target == "sqlite" and (writer.changes or writer.read == "postgres"):
        stop = writer.need(_STOP)
        return f"CASE WHEN {value} = 0 THEN {stop}('division by zero') ELSE {value} END"
    return value


def mysql_quotient(writer: Writer, node: exp.Expr, *, exact: bool) -> str:
    """Write MySQL's `a / b`, which is never cut to a whole number; `exact`: it is rounded after."""
    left, right = writer.operand(node.this), divisor(writer, node.expression)
    double = Kind.DOUBLE in (writer.kind(node.this), writer.kind(node.expression))
    if not double and not exact:
        writer.note(
            "MySQL keeps few decimals of a quotient, this keeps all: say how many you want "
            "with ROUND()"
        )
    if writer.target == "postgres":
        # The product is of the type of the column: exact stays exact, double stays double.
        return f"{left} / {right}" if double else f"{left} * 1.0 / {right}"
    return f"{left} * 1.0 / {right}"


def quotient(writer: Writer, node: exp.Expr) -> str:
    """Write `a / b` of PostgreSQL and SQLite: whole numbers give a whole number."""
    found = {writer.kind(node.this), writer.kind(node.expression)}
    left, right = writer.operand(node.this), divisor(writer, node.expression)
    if found == {Kind.INTEGER}:
        if writer.target == "mysql":
            return f"{left} DIV {right}"
        zero = writer.read == "sqlite" and writer.target == "postgres"
        return (
            f"{left} / NULLIF({writer.operand(node.expression)}, 0)"
            if zero
            else (f"{left} / {right}")
        )
    if not found & {Kind.DECIMAL, Kind.DOUBLE}:
        writer.source.refuse(
            "/ of values that may be whole numbers",
            "say which is meant: CAST one side to a number with decimals, or use TRUNC()",
        )
    if writer.read == "sqlite" and writer.target == "postgres":
        right = f"NULLIF({writer.operand(node.expression)}, 0)"
    if writer.target == "mysql":
        # Without a double in it, MySQL would keep four decimals.
        writer.note("the quotient is a double here")
        return f"({left} * 1e0) / {right}"
    return f"{left} * 1.0 / {right}"


def whole_quotient(writer: Writer, node: exp.Expr) -> str:
    """Write MySQL's `a DIV b`."""
    left, right = writer.operand(node.this), divisor(writer, node.expression)
    if writer.target == "postgres":
        return f"CAST(DIV(CAST({left} AS NUMERIC), {right}) AS BIGINT)"
    if {writer.kind(node.this), writer.kind(node.expression)} == {Kind.INTEGER}:
        return f"{left} / {right}"
    return f"{writer.need('whimbrel_div')}({left}, {right})"


def remainder(writer: Writer, left: exp.Expr, right: exp.Expr) -> str:
    """Write `a % b`; the sign is that of `a` everywhere, but SQLite cuts decimals off first."""
    one, other = writer.operand(left), divisor(writer, right)
    whole = {writer.kind(left), writer.kind(right)} == {Kind.INTEGER}
    if writer.target == "sqlite":
        return f"{one} % {other}" if whole else f"{writer.need('whimbrel_mod')}({one}, {other})"
    if writer.read == "sqlite" and not whole:
        if writer.target == "mysql":
            return f"TRUNCATE({one}, 0) % TRUNCATE({other}, 0)"
        return f"TRUNC(CAST({one} AS NUMERIC)) % NULLIF(TRUNC(CAST({other} AS NUMERIC)), 0)"
    if writer.read == "sqlite" and writer.target == "postgres":
        return f"{one} % NULLIF({writer.operand(right)}, 0)"
    return f"{one} % {other}"


@rule(
    args=2,
    gives=lambda call: call.writer.common_kind(call.args),
    mysql="MOD",
    postgres="MOD",
)
def mod(call: Call) -> Written:
    return remainder(call.writer, call.args[0], call.args[1])


# --- rounding ---------------------------------------------------------------------------------


def _same(call: Call) -> Kind | None:
    return call.kind(0)


def _rounded(call: Call) -> Kind | None:
    whole = len(call.args) == 1 and call.kind(0) in (Kind.INTEGER, Kind.DECIMAL)
    return Kind.INTEGER if whole else call.kind(0)


def _places(call: Call) -> str:
    if len(call.args) == 1:
        return "0"
    if call.integer(1) is None:
        call.refuse("write the number of decimals as a number")
    return call.value(1).strip("()")


@rule(args=(1, 2), gives=_rounded, mysql="ROUND", postgres="ROUND")
def round_(call: Call) -> Written:
    places = _places(call)
    if call.kind(0) is Kind.DOUBLE:
        call.writer.note("a half at the end of a double may be rounded the other way")
    if call.target == "sqlite":
        return f"{call.writer.need('whimbrel_round')}({call.value(0)}, {places})"
    if call.target == "mysql":
        return f"ROUND({call.value(0)}, {places})" if places != "0" else f"ROUND({call.value(0)})"
    return f"ROUND(CAST({call.value(0)} AS NUMERIC), {places})"


@rule(args=(1, 2), gives=Kind.DOUBLE, sqlite="ROUND")
def round_real(call: Call) -> Templates:
    if len(call.args) == 2 and (call.integer(1) or 0) < 0:
        call.refuse("a negative number of decimals means none in SQLite")
    if call.kind(0) in (None, Kind.DOUBLE):
        call.writer.note("a half at the end of a double may be rounded the other way")
    places = _places(call)
    return {
        "mysql": f"ROUND({{0}}, {places}) * 1e0",
        "postgres": f"CAST(ROUND(CAST({{0}} AS NUMERIC), {places}) AS DOUBLE PRECISION)",
    }


@rule(args=(1, 2), gives=_same, mysql="TRUNCATE", postgres="TRUNC")
def truncate(call: Call) -> Templates:
    places = _places(call)
    if call.target == "sqlite":
        call.writer.need("whimbrel_truncate")
    return {
        "mysql": f"TRUNCATE({{0}}, {places})",
        "postgres": f"TRUNC(CAST({{0}} AS NUMERIC), {places})",
        "sqlite": f"whimbrel_truncate({{0}}, {places})",
    }


@rule(args=1, gives=_rounded, mysql="FLOOR", postgres="FLOOR", sqlite="FLOOR")
def floor(call: Call) -> Templates:
    if call.target == "sqlite":
        call.writer.need("whimbrel_floor")
    return {
        "mysql": "FLOOR({0})",
        "postgres": "FLOOR({0})",
        "sqlite": "whimbrel_floor({0})",
    }


@rule(args=1, gives=_rounded, mysql="CEIL CEILING", postgres="CEIL CEILING", sqlite="CEIL CEILING")
def ceil(call: Call) -> Templates:
    if call.target == "sqlite":
        call.writer.need("whimbrel_ceil")
    return {
        "mysql": "CEILING({0})",
        "postgres": "CEILING({0})",
        "sqlite": "whimbrel_ceil({0})",
    }


# --- the rest ---------------------------------------------------------------------------------


@rule(args=1, gives=_same, mysql="ABS", postgres="ABS", sqlite="ABS")
def abs_(call: Call) -> Templates:
    return dict.fromkeys(("mysql", "postgres", "sqlite"), "ABS({0})")


@rule(args=1, gives=Kind.INTEGER, mysql="SIGN", postgres="SIGN")
def sign(call: Call) -> Templates:
    return {
        "mysql": "SIGN({0})",
        "postgres": "SIGN({0})",
        "sqlite": "CASE WHEN {0} > 0 THEN 1 WHEN {0} < 0 THEN -1 WHEN {0} = 0 THEN 0 END",
    }


@rule(args=2, gives=Kind.DOUBLE, mysql="POW POWER", postgres="POW POWER")
def power(call: Call) -> Templates:
    if call.target == "sqlite":
        call.writer.need("whimbrel_power")
    return {
        "mysql": "POWER({0}, {1})",
        "postgres": "POWER(CAST({0} AS DOUBLE PRECISION), CAST({1} AS DOUBLE PRECISION))",
        "sqlite": "whimbrel_power({0}, {1})",
    }


@rule(args=1, gives=Kind.DOUBLE, mysql="SQRT")
def sqrt(call: Call) -> Templates:
    if call.target == "sqlite":
        call.writer.need("whimbrel_power")
    return {
        "postgres": "CASE WHEN {0} >= 0 THEN SQRT(CAST({0} AS DOUBLE PRECISION)) END",
        "sqlite": "CASE WHEN {0} >= 0 THEN whimbrel_power({0}, 0.5) END",
    }


def _extreme(call: Call, word: str) -> Written:
    if len(call.args) == 1:
        call.refuse("give it at least two values")
    found = {call.kind(i) for i in range(len(call.args))}
    if Kind.TEXT in found:
        call.writer.note_collation()
        if found & kinds.NUMBERS:
            call.refuse("texts and numbers are not compared alike; write one sort of values")
    values = [call.value(i) for i in range(len(call.args))]
    listed = ", ".join(values)
    if call.target == "sqlite":
        return f"{'MAX' if word == 'GREATEST' else 'MIN'}({listed})"
    if call.target == "mysql":
        return f"{word}({listed})"
    # PostgreSQL leaves NULLs out.
    none = " OR ".join(f"{value} IS NULL" for value in values)
    return f"CASE WHEN {none} THEN NULL ELSE {word}({listed}) END"


def _common(call: Call) -> Kind | None:
    return call.writer.common_kind(call.args)


@rule(args=(2, MANY), gives=_common, mysql="GREATEST")
def greatest(call: Call) -> Written:
    return _extreme(call, "GREATEST")


@rule(args=(2, MANY), gives=_common, mysql="LEAST")
def least(call: Call) -> Written:
    return _extreme(call, "LEAST")


def _extreme_known(call: Call, word: str, sqlite_word: str) -> Written:
    """Write PostgreSQL's GREATEST() and LEAST(), which leave NULLs out."""
    if len(call.args) != 2:
        call.refuse("it has a rule for two values")
    if Kind.TEXT in (call.kind(0), call.kind(1)):
        call.writer.note_collation()
    one, other = call.value(0), call.value(1)
    name = word if call.target == "mysql" else sqlite_word
    return f"COALESCE({name}({one}, {other}), {one}, {other})"


@rule(args=(2, MANY), gives=_common, postgres="GREATEST")
def greatest_known(call: Call) -> Written:
    return _extreme_known(call, "GREATEST", "MAX")


@rule(args=(2, MANY), gives=_common, postgres="LEAST")
def least_known(call: Call) -> Written:
    return _extreme_known(call, "LEAST", "MIN")
