"""The Big List of Naughty Strings through every pair: as values, as names of columns and tables."""

from __future__ import annotations

import contextlib
import json
import lzma
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

import whimbrel
from tests import conftest, databases, profiles
from tests.pairs import oracle, sorts, writing
from whimbrel import errors
from whimbrel.transfers import door

_LIST: Final = Path("data", "blns", "blns.json.xz")
_MOST: Final = {"postgresql": 63, "mariadb": 64, "sqlite": 255}
_COLUMNS_TOGETHER: Final = 60
_TABLES: Final = 9
# MariaDB's tables are files whose names are longer.
_MOST_FILE: Final = 240


@pytest.fixture(scope="module")
def strings() -> list[str]:
    """All of them, each once."""
    file = conftest.ROOT.parent / "shared" / _LIST
    if not file.is_file():
        pytest.skip("the folder ../shared with the list of naughty strings is not there")
    return list(dict.fromkeys(json.loads(lzma.decompress(file.read_bytes()))))


def nameable(kind: str, name: str) -> bool:
    """Whether an engine takes a name, by its manual."""
    octets = len(name.encode())
    if not name or "\0" in name:
        return False
    if kind == "postgresql":
        return octets <= _MOST[kind]
    if kind == "mariadb":
        short = len(name) <= _MOST[kind] and sorts._in_three_bytes(name)
        return short and name == name.rstrip(" ")
    return len(name) <= _MOST[kind]


def file_name(table: str) -> int:
    """Return how many bytes MariaDB calls the file of a table by."""
    return sum(1 if one.isascii() and one.isalnum() else 5 for one in table)


def distinct(names: Sequence[str]) -> list[str]:
    """Return names of which no two are equal without case, or under any collation."""
    return list({folded(name): name for name in reversed(names)}.values())[::-1]


def folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold().rstrip()


def quoted(kind: str, name: str) -> str:
    mark = "`" if kind == "mariadb" else '"'
    return mark + name.replace(mark, mark * 2) + mark


TEXT: Final = {
    "sqlite": "TEXT",
    "postgresql": "text",
    "mariadb": "varchar(400) COLLATE utf8mb4_nopad_bin",
}


@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_as_values_and_as_keys_they_arrive_as_they_are(
    source: str,
    target: str,
    strings: list[str],
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    here, there = new_database(source), new_database(target)
    writing.create(
        raw(here), "naughty", {"k": TEXT[source], "n": "integer", "v": TEXT[source]}, key=["k"]
    )
    rows = [(text, number, text) for number, text in enumerate(strings)]
    writing.insert(raw(here), "naughty", ["k", "n", "v"], rows)

    done = whimbrel.transfer(here.url, there.url)

    with contextlib.closing(done.verification):
        assert done.ok
        assert done.rows == len(strings) > 500
    for column in ("k", "v"):
        type_ = oracle.type_of(raw(there), "naughty", column)
        found = oracle.rows(raw(there), "naughty", key="n", column=column)
        texts = {key: oracle.meant(there.kind, type_, one) for key, one in found.items()}
        assert texts == {at: oracle.Meant("text", text) for at, text in enumerate(strings)}


@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_as_names_they_stay_or_are_refused_by_name(
    source: str,
    target: str,
    strings: list[str],
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    here, there = new_database(source), new_database(target)
    profiles.lax(raw(here))
    names = distinct([one for one in strings if nameable(source, one)])
    good = [one for one in names if nameable(target, one)]
    short = [one for one in good if file_name(one) <= _MOST_FILE]
    tables = short[:: len(short) // _TABLES]
    make(raw(here), good, tables)

    done = whimbrel.transfer(here.url, there.url)

    with contextlib.closing(done.verification):
        assert done.ok
    assert len(good) > 300
    assert {one.target for one in done.tables} == {*tables, *map(wide, range(len(chunks(good))))}
    for at, some in enumerate(chunks(good)):
        found = raw(there).execute(f"SELECT * FROM {wide(at)}")
        assert columns_of(raw(there), wide(at)) == ["k", *some]
        assert [tuple(map(int, row)) for row in found] == [(1, *range(len(some)))]
    for number, table in enumerate(tables):
        ((value,),) = raw(there).execute(f"SELECT v FROM {quoted(there.kind, table)}")
        assert value == f"row {number}"


# Of the others the target takes every name that the source takes.
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite", "postgresql"),
        ("sqlite", "mariadb"),
        ("postgresql", "mariadb"),
        ("mariadb", "postgresql"),
    ],
)
def test_names_that_the_target_cannot_have_are_refused_with_nothing_moved(
    source: str,
    target: str,
    strings: list[str],
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    names = distinct([one for one in strings if nameable(source, one)])
    bad = [one for one in names if not nameable(target, one)][:_COLUMNS_TOGETHER]
    here, there = new_database(source), new_database(target)
    profiles.lax(raw(here))
    tables = [one for one in bad if file_name(one) <= _MOST_FILE][:1]
    make(raw(here), bad, tables)

    with pytest.raises(errors.RefusedError, match="cannot have these names") as refusal:
        whimbrel.transfer(here.url, there.url)
    with pytest.raises(errors.RefusedError, match="cannot have these names"):
        door.plan_transfer(here.url, there.url)

    said = refusal.value.object.splitlines()
    found = [line.split(": ")[0] for line in said if line.startswith("table ")]
    assert found == [f"table {one}" for one in tables]
    columns = [line for line in said if line.startswith(f"column {wide(0)}.")]
    assert [one for one in bad if not any(f".{one}: " in line for line in columns)] == []
    assert len(columns) == len(bad)
    with pytest.raises(Exception, match=wide(0)):
        raw(there).execute(f"SELECT * FROM {wide(0)}")


def chunks(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + _COLUMNS_TOGETHER] for at in range(0, len(names), _COLUMNS_TOGETHER)]


def wide(number: int) -> str:
    return f"wide_{number}"


def make(raw: databases.Raw, columns: Sequence[str], tables: Sequence[str]) -> None:
    """Make tables with such columns, and tables with such names."""
    kind = raw.database.kind
    for at, some in enumerate(chunks(columns)):
        named = ", ".join(f"{quoted(kind, name)} integer" for name in some)
        raw.execute(f"CREATE TABLE {wide(at)} (k integer PRIMARY KEY, {named})")
        values = ", ".join(str(number) for number in range(len(some)))
        raw.execute(f"INSERT INTO {wide(at)} VALUES (1, {values})")
    for number, table in enumerate(tables):
        raw.execute(f"CREATE TABLE {quoted(kind, table)} (k integer PRIMARY KEY, v varchar(20))")
        raw.execute(f"INSERT INTO {quoted(kind, table)} VALUES (1, 'row {number}')")


def columns_of(raw: databases.Raw, table: str) -> list[str]:
    """Return the names of columns in order."""
    if raw.database.kind == "sqlite":
        raw.connection.text_factory = str
    with contextlib.closing(raw.connection.cursor()) as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return [str(one[0]) for one in cursor.description]
