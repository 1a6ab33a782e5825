"""Ranges of a table's key as plain SQL, for statements that have them in more than one place."""

from __future__ import annotations

from collections.abc import Sequence

from whimbrel import errors, tables
from whimbrel.engines import base, mirrors
from whimbrel.engines import ddl as ddls
from whimbrel.rows import keys


def way(name: str, shape: mirrors.Shape, engine: base.Engine, table: tables.Table) -> keys.Walkway:
    """Return how the rows of a shape's old table are walked, under the name that it has."""
    columns = tuple(old for old, _ in shape.key)
    integer = len(columns) == 1 and keys.is_integer(table.column(columns[0]).type)
    return keys.Walkway(engine, name, keys.Key(columns=columns, integer=integer))


def writer(session: base.Session) -> ddls.TextDdl:
    """Return what writes values as SQL on a session."""
    ddl = session.engine.ddl(session.engine.catalog(session))
    if not isinstance(ddl, ddls.TextDdl):
        raise errors.WhimbrelError("this engine writes no values")
    return ddl


def condition(ddl: ddls.TextDdl, columns: Sequence[str], range_: keys.Range) -> str:
    """Return what is true of the rows in a range, with its values written in."""
    parts = []
    for values, compare in ((range_.lower, ">"), (range_.upper, "<=")):
        if values is not None:
            parts.append(_compared(ddl, columns, values, compare))
    return " AND ".join(parts) or "1 = 1"


def these(ddl: ddls.TextDdl, columns: Sequence[str], rows: Sequence[keys.Values]) -> str:
    """Return what is true of the rows with these keys."""
    said = [
        " AND ".join(
            f"{ddl.quote(column)} = {literal(ddl, value)}"
            for column, value in zip(columns, row, strict=True)
        )
        for row in rows
    ]
    return " OR ".join(f"({one})" for one in said) or "1 = 0"


def literal(ddl: ddls.TextDdl, value: object) -> str:
    """Return the value of a key as SQL; raise UsageError for one that cannot be written."""
    return ddl.literal(bytes(value) if isinstance(value, memoryview) else value)


def _compared(ddl: ddls.TextDdl, columns: Sequence[str], values: keys.Values, compare: str) -> str:
    column, value = ddl.quote(columns[0]), literal(ddl, values[0])
    if len(columns) == 1:
        return f"{column} {compare} {value}"
    strict = compare.rstrip("=")
    rest = _compared(ddl, columns[1:], values[1:], compare)
    return f"({column} {strict}= {value} AND ({column} {strict} {value} OR {rest}))"
