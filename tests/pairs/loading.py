"""Put the rows of the wide table into databases, and from one into another of the same engine."""

from __future__ import annotations

import sqlite3

import psycopg

from tests import databases
from tests.pairs import wide, writing


def create(raw: databases.Raw) -> None:
    """Make the tables, without rows."""
    kind = raw.database.kind
    if before := wide.BEFORE.get(kind):
        raw.execute(before)
    own = {column.name: column.types[kind] for column in wide.COLUMNS}
    for table in wide.TABLES:
        keys = {name: types[kind] for name, (types, _) in table.key.items()}
        writing.create(raw, table.name, {**keys, **own}, key=list(keys) if table.primary else ())
        if not table.primary:
            raw.execute(f"CREATE INDEX {table.name}_k ON {table.name} (k)")


def fill(raw: databases.Raw, rows: wide.Rows) -> None:
    """Write the rows into all tables."""
    kind = raw.database.kind
    for table in wide.TABLES:
        names = [*table.key, *(column.name for column in wide.COLUMNS)]
        writing.insert(
            raw,
            table.name,
            names,
            (
                [*table.cells(number).values(), *rows.row(kind, number)]
                for number in range(1, rows.count + 1)
            ),
        )


def copy(source: databases.Raw, target: databases.Raw) -> None:
    """Write the rows of one database into another one of the same engine, as they are."""
    for table in wide.TABLES:
        match source.connection, target.connection:
            case psycopg.Connection() as one, psycopg.Connection() as other:
                with (
                    one.cursor().copy(f"COPY {table.name} TO STDOUT") as taken,
                    other.cursor().copy(f"COPY {table.name} FROM STDIN") as given,
                ):
                    for block in taken:
                        given.write(block)
            case sqlite3.Connection(), sqlite3.Connection() as other:
                other.execute("ATTACH ? AS source", (str(source.database.file),))
                other.execute(f"INSERT INTO {table.name} SELECT * FROM source.{table.name}")
                other.execute("DETACH source")
            case _:
                name = source.database.name
                target.execute(f"INSERT INTO {table.name} SELECT * FROM {name}.{table.name}")


def write_unlike(raw: databases.Raw, rows: wide.Rows) -> int:
    """Write some documents in another way, equal by value; return how many."""
    table, done = wide.TABLES[0], 0
    for number in range(1, min(rows.count, wide.UNLIKE_ROWS) + 1):
        text = rows.value(number, "doc_text")
        other = None if text is None else wide.unlike(str(text))
        if other != text:
            writing.update(raw, table.name, "doc_text", other, table.cells(number))
            done += 1
    return done
