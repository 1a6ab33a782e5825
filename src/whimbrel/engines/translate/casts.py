"""Write CAST: the same target type, with the same rounding and with nothing cut off unseen.

MySQL reads what it can of a text ('12abc' is 12) with a warning; here that stops the statement,
on PostgreSQL by itself, on SQLite through functions of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sqlglot import exp

from whimbrel.engines.translate import calls, kinds
from whimbrel.engines.translate.calls import Writer
from whimbrel.engines.translate.kinds import Kind

_T = exp.DType
_KINDS: Final[Mapping[exp.DType, Kind]] = {
    **dict.fromkeys((_T.TINYINT, _T.SMALLINT, _T.INT, _T.BIGINT, _T.UBIGINT), Kind.INTEGER),
    **dict.fromkeys((_T.CHAR, _T.VARCHAR, _T.TEXT, _T.CHARACTER_SET), Kind.TEXT),
    **dict.fromkeys((_T.DATETIME, _T.TIMESTAMP), Kind.DATETIME),
    **dict.fromkeys((_T.DOUBLE, _T.FLOAT), Kind.DOUBLE),
    _T.DECIMAL: Kind.DECIMAL,
    _T.DATE: Kind.DATE,
    _T.BOOLEAN: Kind.BOOLEAN,
    _T.JSON: Kind.JSON,
    _T.JSONB: Kind.JSON,
}
_ISO_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_ISO_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def kind(node: exp.Cast) -> Kind | None:
    """Return the kind of what a cast gives."""
    return _KINDS.get(_type(node), Kind.OTHER)


def _type(node: exp.Cast) -> exp.DType:
    # sqlglot takes MySQL's `TIMESTAMP '…'` for one with a time zone, which it is not.
    found = node.to.this
    return _T.DATETIME if found is _T.TIMESTAMPTZ and _is_moment(node.this) else found


def _is_moment(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(_ISO_MOMENT.fullmatch(str(node.this)))


def write(writer: Writer, node: exp.Expr) -> str:
    """Write CAST(…), CONVERT(…), `x::type` and `DATE '…'`."""
    writer.only(node, "this", "to")
    if not isinstance(node, exp.Cast):
        writer.refuse(node)
    parts = node.to.expressions
    found = kind(node)
    # What stands there of an array is its elements' type.
    sizes = [int(str(part.this)) for part in parts if isinstance(part, exp.DataTypeParam)]
    if len(sizes) != len(parts):
        found = Kind.OTHER
    written = {
        Kind.INTEGER: _integer,
        Kind.TEXT: _text,
        Kind.DECIMAL: _decimal,
        Kind.DOUBLE: _double,
        Kind.DATE: _day,
        Kind.DATETIME: _moment,
        Kind.BOOLEAN: _boolean,
    }.get(found or Kind.OTHER)
    if written is None or (sizes and found in (Kind.INTEGER, Kind.DOUBLE, Kind.DATETIME)):
        writer.source.refuse(
            f"CAST to {node.to.sql(dialect=writer.read)}",
            "cast to a number, a text, a date or a datetime",
        )
    return written(writer, node, sizes)


def _integer(writer: Writer, node: exp.Cast, sizes: list[int]) -> str:
    value = writer.operand(node.this)
    if _type(node) is _T.UBIGINT:
        writer.note("a negative number stays negative; MySQL's UNSIGNED makes it a huge one")
    of = writer.kind(node.this)
    if writer.target == "postgres":
        if writer.read == "sqlite":
            return f"CAST(TRUNC(CAST({value} AS NUMERIC)) AS BIGINT)"
        # MySQL rounds halves away from zero, and so does PostgreSQL for numeric only.
        exact = of in (Kind.INTEGER, Kind.TEXT, None)
        return f"CAST({value} AS BIGINT)" if exact else f"CAST(ROUND({value}) AS BIGINT)"
    if writer.target == "sqlite":
        double = int(of is Kind.DOUBLE)
        ours = writer.need("whimbrel_integer")
        return value if of is Kind.INTEGER else f"{ours}({value}, {double})"
    if writer.read == "sqlite":
        return f"CAST(TRUNCATE({value}, 0) AS SIGNED)"
    return f"CAST({value} AS SIGNED)"


def _text(writer: Writer, node: exp.Cast, sizes: list[int]) -> str:
    if sizes:
        writer.source.refuse("CAST to a text of a length", f"write LEFT(x, {sizes[0]})")
    if writer.target == "mysql":
        return f"CAST({writer.operand(node.this)} AS CHAR)"
    if writer.target == "sqlite":
        calls.as_text(node.this, writer)  # for its notes
        return f"CAST({writer.operand(node.this)} AS TEXT)"
    text = calls.as_text(node.this, writer)
    return text if text.startswith("CAST(") else f"CAST({text} AS TEXT)"


def _decimal(writer: Writer, node: exp.Cast, sizes: list[int]) -> str:
    value = writer.operand(node.this)
    if not sizes and writer.read != "mysql":
        if writer.target == "mysql":
            writer.source.refuse("CAST to NUMERIC", "say how many digits:  NUMERIC(20, 4)")
        return f"CAST({value} AS NUMERIC)"
    precision, scale = [*sizes, 0][:2] if sizes else (10, 0)
    if writer.target == "sqlite":
        return f"{writer.need('whimbrel_decimal')}({value}, {precision}, {scale})"
    word = "DECIMAL" if writer.target == "mysql" else "NUMERIC"
    return f"CAST({value} AS {word}({precision}, {scale}))"


def _double(writer: Writer, node: exp.Cast, sizes: list[int]) -> str:
    value = writer.operand(node.this)
    if writer.target == "sqlite":
        return f"{writer.need('whimbrel_double')}({value})"
    return f"CAST({value} AS {'DOUBLE' if writer.target == 'mysql' else 'DOUBLE PRECISION'})"


def _boolean(writer: Writer, node: exp.Cast, sizes: list[int]) -> str:
    if calls.whole(node.this) in (0, 1):
        return "TRUE" if calls.whole(node.this) else "FALSE"
    writer.source.refuse("CAST to BOOLEAN", "write a comparison:  x <> 0")


def _day(writer: Writer, node: exp.Cast, sizes: list[int]) -> str:
    return as_day(writer, node.this)


def _moment(writer: Writer, node: exp.Cast, sizes: list[int]) -> str:
    if writer.read == "sqlite":
        writer.source.refuse("CAST to a datetime", "SQLite has no such type; write DATETIME(x)")
    if writer.target == "postgres" and writer.read == "mysql":
        return f"DATE_TRUNC('second', {as_moment(writer, node.this)})"
    return as_moment(writer, node.this)


# --- dates as arguments -----------------------------------------------------------------------


def as_day(writer: Writer, node: exp.Expr) -> str:
    """Write an expression as a date."""
    literal = _literal(node)
    if writer.target == "sqlite":
        if literal is not None and _ISO_DAY.fullmatch(literal):
            return calls.quoted(literal, "sqlite")
        return f"{writer.need('whimbrel_date')}({writer.value(node)})"
    if writer.target == "postgres":
        if writer.kind(node) is Kind.DATE:
            return writer.operand(node)
        return f"CAST({_checked(writer, node)} AS DATE)"
    return f"CAST({writer.operand(node)} AS DATE)"


def as_moment(writer: Writer, node: exp.Expr) -> str:
    """Write an expression as a date with a time."""
    if writer.target == "sqlite":
        digits = 0 if writer.read == "mysql" else 6
        return f"{writer.need('whimbrel_datetime')}({writer.value(node)}, {digits})"
    if writer.target == "postgres":
        return f"CAST({_checked(writer, node)} AS TIMESTAMP)"
    return f"CAST({writer.operand(node)} AS DATETIME(6))"


def _checked(writer: Writer, node: exp.Expr) -> str:
    """Write what PostgreSQL is to read as a date; '01/02/03' is another day there."""
    found = writer.kind(node)
    literal = _literal(node)
    if found in kinds.NUMBERS:
        writer.source.refuse("a number as a date", "write it as a text:  '2020-01-31'")
    if literal is not None and not (_ISO_DAY.match(literal)):
        writer.source.refuse(f"{literal!r} as a date", "write it as YYYY-MM-DD HH:MM:SS")
    if literal is None and found not in kinds.MOMENTS:
        if found is Kind.TEXT:
            writer.source.refuse(
                "a text as a date", "say how it is written:  STR_TO_DATE(x, '%Y-%m-%d')"
            )
        writer.note("a text that is read as a date has to be written as YYYY-MM-DD HH:MM:SS")
    return writer.operand(node)


def _literal(node: exp.Expr) -> str | None:
    inner = calls.plain(node)
    return str(inner.this) if isinstance(inner, exp.Literal) and inner.is_string else None
