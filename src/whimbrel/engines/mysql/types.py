"""Portable column types in MySQL's words.

Times keep microseconds and texts have no 64 KB limit unless a length says otherwise: the
engine's own defaults (whole seconds, TEXT) would round or refuse what other engines keep.
"""

from __future__ import annotations

from whimbrel import tables

_DEFAULT_STRING_LENGTH = 255
_MICROSECONDS = 6
_SINGLE_PRECISION_BITS = 24
_MAX_PRECISION, _MAX_SCALE = 65, 30

_PLAIN = {
    "integer": "INTEGER",
    "smallint": "SMALLINT",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOL",
    "date": "DATE",
    "json": "JSON",
    "uuid": "CHAR(36)",
}
_TIMES = {"time": "TIME", "datetime": "DATETIME", "timestamp": "TIMESTAMP"}
# The smallest TEXT whose limit, in bytes of utf8mb4, holds that many characters.
_TEXTS = ((16_383, "TEXT"), (4_194_303, "MEDIUMTEXT"))
_BYTES_PER_CHARACTER = 4


def render(column: tables.Column) -> str:
    """Return the type of a column as MySQL writes it."""
    if column.type in _PLAIN:
        return _PLAIN[column.type]
    if column.type in _TIMES:
        precision = _MICROSECONDS if column.precision is None else column.precision
        return f"{_TIMES[column.type]}({precision})" if precision else _TIMES[column.type]
    if column.type == "string":
        return f"VARCHAR({column.length or _DEFAULT_STRING_LENGTH})"
    if column.type == "text":
        for limit, name in _TEXTS:
            if column.length is not None and column.length <= limit:
                return name
        return "LONGTEXT"
    if column.type == "binary":
        return "LONGBLOB" if column.length is None else f"VARBINARY({column.length})"
    if column.type == "enum":
        return f"ENUM({', '.join(_text(value) for value in column.values)})"
    if column.type == "decimal":
        if column.precision is None:
            return f"DECIMAL({_MAX_PRECISION}, {_MAX_SCALE})"
        return f"DECIMAL({column.precision}, {column.scale or 0})"
    single = column.precision is not None and column.precision <= _SINGLE_PRECISION_BITS
    return "FLOAT" if single else "DOUBLE"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def plain(column: tables.Column) -> str | None:
    """Return the type for CAST, which knows fewer names than CREATE TABLE, or None."""
    if column.type in tables.INTEGER_TYPES:
        return "SIGNED"
    if column.type in {"decimal", "date", "time", "datetime"}:
        return render(column)
    if column.type == "timestamp":
        return render(column).replace("TIMESTAMP", "DATETIME")
    if column.type in {"float", "double"}:
        return "DOUBLE"
    return None
