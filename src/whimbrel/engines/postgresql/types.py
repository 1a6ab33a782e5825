"""Portable column types in PostgreSQL's words."""

from __future__ import annotations

from whimbrel import tables

_DEFAULT_STRING_LENGTH = 255
_SINGLE_PRECISION_BITS = 24

_PLAIN = {
    "text": "TEXT",
    "integer": "INTEGER",
    "smallint": "SMALLINT",
    "bigint": "BIGINT",
    "double": "DOUBLE PRECISION",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "json": "JSONB",
    "binary": "BYTEA",
    "uuid": "UUID",
}
_TIMES = {
    "time": "TIME{} WITHOUT TIME ZONE",
    "datetime": "TIMESTAMP{} WITHOUT TIME ZONE",
    "timestamp": "TIMESTAMP{} WITH TIME ZONE",
}


def render(column: tables.Column) -> str:
    """Return the type of a column as PostgreSQL writes it."""
    if column.type in _PLAIN:
        return _PLAIN[column.type]
    if column.type in _TIMES:
        precision = "" if column.precision is None else f"({column.precision})"
        return _TIMES[column.type].format(precision)
    if column.type == "string":
        return f"VARCHAR({column.length or _DEFAULT_STRING_LENGTH})"
    if column.type == "enum":
        # A check is kept beside it: a type of its own would outlive its table.
        return f"VARCHAR({max(len(value) for value in column.values)})"
    if column.type == "decimal":
        if column.precision is None:
            return "NUMERIC"
        return f"NUMERIC({column.precision}, {column.scale or 0})"
    single = column.precision is not None and column.precision <= _SINGLE_PRECISION_BITS
    return "REAL" if single else "DOUBLE PRECISION"
