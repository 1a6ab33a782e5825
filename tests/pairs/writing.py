"""Put the same values into tables of different engines, for tests that compare them.

Values are written as each engine takes them without loss: as literals on servers, as parameters on
SQLite (whose own reading of decimal digits is not exact in every version). Which values these are
is said by `battery`, `wide` and `nasty`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests import databases

KINDS: Final = ("sqlite", "postgresql", "mariadb")
PAIRS: Final = tuple(itertools.product(KINDS, KINDS))

_STATEMENT_BYTES: Final = 500_000
_QUOTES: Final[Mapping[str, str]] = {"sqlite": '"', "postgresql": '"', "mariadb": "`"}


@dataclass(frozen=True, slots=True)
class Sql:
    """A value as the engine's own SQL says it."""

    text: str


Value = None | bool | int | float | str | bytes | Decimal | dt.date | dt.time | uuid.UUID | Sql


def quoted(kind: str, name: str) -> str:
    """Return a name as it stands in SQL."""
    return f"{_QUOTES[kind]}{name}{_QUOTES[kind]}"


# --- servers --------------------------------------------------------------------------------


def literal(kind: str, value: Value) -> str:
    """Return a value as a server reads it."""
    match value:
        case None:
            return "NULL"
        case Sql():
            return value.text
        case bool():
            return ("true" if value else "false") if kind == "postgresql" else str(int(value))
        case int():
            return str(value)
        case float():
            return _float(kind, value)
        case Decimal():
            return f"'{value}'" if not value.is_finite() else f"'{value:f}'"
        case bytes():
            return f"'\\x{value.hex()}'" if kind == "postgresql" else f"X'{value.hex()}'"
        case uuid.UUID():
            return f"'{value}'"
        case dt.datetime():
            return f"'{_moment(kind, value)}'"
        case dt.date() | dt.time():
            return f"'{value.isoformat()}'"
        case _:
            return _text(kind, value)


def _float(kind: str, value: float) -> str:
    if kind == "postgresql":
        words = {math.inf: "Infinity", -math.inf: "-Infinity"}
        return f"'{'NaN' if math.isnan(value) else words.get(value, repr(value))}'"
    text = repr(value)
    return text if "e" in text else f"{text}e0"  # without it, it is a decimal


def _moment(kind: str, value: dt.datetime) -> str:
    if value.tzinfo is not None and kind == "mariadb":
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return value.isoformat(" ")


def _text(kind: str, value: str) -> str:
    if kind == "postgresql":
        return "'" + value.replace("'", "''") + "'"
    if value.isascii() and value.isprintable() and "\\" not in value and "'" not in value:
        return f"'{value}'"
    return f"_utf8mb4 X'{value.encode('utf-8').hex()}'"


# --- SQLite ---------------------------------------------------------------------------------


def parameter(value: Value) -> object:
    """Return a value as SQLite's driver takes it."""
    match value:
        case int() if not -(2**63) <= value < 2**63:
            return str(value)
        case Decimal():
            return str(value) if not value.is_finite() else f"{value:f}"
        case dt.datetime():
            return value.isoformat(" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
        case Sql():
            raise TypeError("SQL is no parameter")
        case _:
            return value


# --- tables ---------------------------------------------------------------------------------


def create(
    raw: databases.Raw, table: str, columns: Mapping[str, str], *, key: Sequence[str] = ()
) -> None:
    """Make a table of columns by name and type; those of the key come first and are NOT NULL."""
    kind = raw.database.kind
    lines = [
        # MariaDB would fill a first TIMESTAMP by itself, and takes NULL for "now".
        f"{quoted(kind, name)} {type_} {'NOT NULL' if name in key else 'NULL'}"
        for name, type_ in columns.items()
    ]
    if key:
        lines.append(f"PRIMARY KEY ({', '.join(quoted(kind, name) for name in key)})")
    raw.execute(f"CREATE TABLE {quoted(kind, table)} ({', '.join(lines)})")


def insert(
    raw: databases.Raw, table: str, names: Sequence[str], rows: Iterable[Sequence[Value]]
) -> None:
    """Put rows into a table."""
    kind = raw.database.kind
    named = ", ".join(quoted(kind, name) for name in names)
    into = f"INSERT INTO {quoted(kind, table)} ({named}) VALUES "
    if kind == "sqlite":
        _insert_parameters(raw, into, rows)
        return
    texts, size = [], 0
    for row in rows:
        text = f"({', '.join(literal(kind, value) for value in row)})"
        if size + len(text) > _STATEMENT_BYTES and texts:
            raw.execute(into + ", ".join(texts))
            texts, size = [], 0
        texts.append(text)
        size += len(text)
    if texts:
        raw.execute(into + ", ".join(texts))


def _insert_parameters(raw: databases.Raw, into: str, rows: Iterable[Sequence[Value]]) -> None:
    cursor = raw.connection.cursor()
    cursor.execute("PRAGMA synchronous = off")
    cursor.execute("BEGIN")
    for pieces, some in itertools.groupby(rows, key=_pieces):
        given = ([parameter(value) for value in row if not isinstance(value, Sql)] for row in some)
        cursor.executemany(f"{into}({pieces})", given)
    cursor.execute("COMMIT")


def _pieces(row: Sequence[Value]) -> str:
    return ", ".join(value.text if isinstance(value, Sql) else "?" for value in row)


def update(
    raw: databases.Raw, table: str, name: str, value: Value, where: Mapping[str, Value]
) -> None:
    """Change one cell; exactly one row has to have this key."""
    kind = raw.database.kind
    cells = {name: value}
    if kind == "sqlite":
        put = "?" if not isinstance(value, Sql) else value.text
        params = [parameter(one) for one in (value, *where.values()) if not isinstance(one, Sql)]
        condition = " AND ".join(f"{quoted(kind, one)} = ?" for one in where)
    else:
        put, params = literal(kind, cells[name]), []
        condition = " AND ".join(
            f"{quoted(kind, one)} = {literal(kind, wanted)}" for one, wanted in where.items()
        )
    sql = f"UPDATE {quoted(kind, table)} SET {quoted(kind, name)} = {put} WHERE {condition}"
    cursor = raw.connection.cursor()
    try:
        cursor.execute(sql, params) if params else cursor.execute(sql)
        if cursor.rowcount != 1:
            raise AssertionError(f"{cursor.rowcount} rows were changed by {sql}")
    finally:
        cursor.close()
