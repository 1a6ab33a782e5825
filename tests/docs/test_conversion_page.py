"""What the page about converting schemas says of types is what the engines really make of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

import whimbrel
from tests import conftest, databases

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "schema-conversion.md"
TITLES: Final = {"postgresql": "PostgreSQL", "mariadb": "MariaDB", "sqlite": "SQLite"}
# Types as people write them; the table of a page has a row for each.
TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "postgresql": (
        "smallint", "integer", "bigint", "numeric(10,2)", "numeric", "real", "double precision",
        "boolean", "varchar(40)", "text", "char(5)", "bytea", "date", "time", "timestamp",
        "timestamptz", "timetz", "interval", "json", "jsonb", "uuid", "an enumeration", "a domain",
        "integer[]", "int4range", "inet", "bit(8)", "point", "tsvector", "money",
    ),
    "mariadb": (
        "tinyint(1)", "tinyint", "smallint unsigned", "int", "int unsigned", "bigint unsigned",
        "decimal(10,2)", "float", "double", "bit(1)", "bit(8)", "year", "varchar(40)", "char(5)",
        "text", "longtext", "varbinary(16)", "blob", "date", "time", "datetime", "datetime(6)",
        "timestamp", "enum('a','b')", "set('a','b')", "json", "uuid", "inet6", "point",
    ),
    "sqlite": (
        "INTEGER", "INT", "REAL", "NUMERIC", "DECIMAL(10, 2)", "TEXT", "VARCHAR(40)", "BLOB",
        "BOOLEAN", "DATE", "DATETIME", "TIME", "JSON", "UUID", "no type at all",
    ),
}  # fmt: skip
# How a table says what people say in words.
SPELLED: Final = {"an enumeration": "mood", "a domain": "positive", "no type at all": ""}
BEFORE: Final = {
    "postgresql": (
        "CREATE TYPE mood AS ENUM ('sad', 'happy')",
        "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)",
    )
}


@pytest.mark.parametrize("source", TYPES)
def test_the_table_of_types_is_true(
    source: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    request: pytest.FixtureRequest,
) -> None:
    shown = table(source, new_database, raw)

    rewrite = request.config.getoption("--rewrite-golden")
    check(f"types of {source}", shown, rewrite=rewrite)


def table(source: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw) -> str:
    """Return the table of one engine's types, as the page shows it."""
    here = new_database(source)
    columns = [f"c{at} {SPELLED.get(type_, type_)}" for at, type_ in enumerate(TYPES[source])]
    for statement in BEFORE.get(source, ()):
        raw(here).execute(statement)
    raw(here).execute(f"CREATE TABLE t (id integer PRIMARY KEY, {', '.join(columns)})")
    others = [one for one in TITLES if one != source]
    made = [types(here, new_database(other)) for other in others]
    lines = [
        f"| {TITLES[source]} | {' | '.join(TITLES[other] for other in others)} |",
        f"| --- |{' --- |' * len(others)}",
    ]
    for at, type_ in enumerate(TYPES[source]):
        name = type_ if type_ in SPELLED else f"`{type_}`"
        found = " | ".join(spoken(one[f"c{at}"]) for one in made)
        lines.append(f"| {name} | {found} |")
    return "\n".join(lines)


def types(source: databases.Database, target: databases.Database) -> dict[str, str]:
    """Return the type that each column would get, as for a table that is empty."""
    plan = whimbrel.plan_transfer(source.url, target.url, schema_only=True)
    (made,) = plan.schema.tables
    return {column.name: column.type for column in made.target.columns}


def spoken(type_: str) -> str:
    return "an enumeration" if type_.startswith('"enum_') else f"`{type_}`"


# A type, its source, a value that stands alone in its column, a target.
BY_VALUES: Final = [
    ("tinyint(1)", "mariadb", "1", "postgresql"),
    ("tinyint(1)", "mariadb", "2", "postgresql"),
    ("bigint unsigned", "mariadb", "7", "postgresql"),
    ("bigint unsigned", "mariadb", "18446744073709551615", "postgresql"),
    ("numeric", "postgresql", "12.5", "mariadb"),
    ("numeric", "postgresql", "1e-40", "mariadb"),
    ("no type at all", "sqlite", "2", "postgresql"),
    ("no type at all", "sqlite", "2.5", "postgresql"),
    ("no type at all", "sqlite", "'x'", "postgresql"),
]


def test_what_the_page_says_of_values_is_true(
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    request: pytest.FixtureRequest,
) -> None:
    lines = ["| of | type | value | becomes | on |", "| --- | --- | --- | --- | --- |"]
    for type_, source, value, target in BY_VALUES:
        here = new_database(source)
        raw(here).execute(f"CREATE TABLE t (id integer PRIMARY KEY, c {SPELLED.get(type_, type_)})")
        raw(here).execute(f"INSERT INTO t VALUES (1, {value})")
        plan = whimbrel.plan_transfer(here.url, new_database(target).url)
        (made,) = plan.schema.tables
        name = type_ if type_ in SPELLED else f"`{type_}`"
        became = made.target.column("c").type
        lines.append(f"| {TITLES[source]} | {name} | `{value}` | `{became}` | {TITLES[target]} |")

    check("by their values", "\n".join(lines), rewrite=request.config.getoption("--rewrite-golden"))


def check(mark: str, shown: str, *, rewrite: bool) -> None:
    """Compare a table with the one behind a mark of the page, or write it there."""
    text = PAGE.read_text(encoding="utf-8")
    marked = re.compile(rf"(?<=<!-- {mark} -->\n\n).*?(?=\n\n)", re.DOTALL)
    if rewrite:
        text = marked.sub(lambda _: shown, text)
        PAGE.write_text(text, encoding="utf-8")
    found = marked.search(text)
    assert found is not None
    assert shown == found[0]
