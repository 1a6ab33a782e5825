"""Prove from outside that nothing was lost: plain SQL and the package, none of our own code.

`contents` holds a whole SQLite database row by row, to be compared before and after; `against`
compares the new structure with the package that the legacy database was made from.
"""

from __future__ import annotations

import hashlib
import marshal
import re
import sqlite3
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, zip_longest
from pathlib import Path

from legacy import City, Source, names_of

Row = tuple[object, ...]
Query = Callable[[str], Iterable[Row]]

# Where Whimbrel keeps its own notes; they are no part of what was there before.
OURS = "whimbrel_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything in a SQLite database: the rows of each table, the text of each object.

    The first of a table's rows are the names of its columns.
    """

    rows: dict[str, list[Row]]
    texts: dict[str, str]

    @property
    def count(self) -> int:
        """Return the number of rows of all tables."""
        return sum(len(rows) - 1 for rows in self.rows.values())

    @property
    def checksum(self) -> str:
        """Return a SHA-256 over all rows, tables and columns in their order."""
        digest = hashlib.sha256()
        for table, rows in sorted(self.rows.items()):
            digest.update(repr((table, len(rows))).encode())
            for row in rows:
                digest.update(repr(row).encode())
        return digest.hexdigest()


def contents(file: Path) -> Contents:
    """Read a whole database, except for Whimbrel's own tables."""
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        objects = [
            (kind, name, table, sql)
            for kind, name, table, sql in connection.execute(
                "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
            )
            if not table.startswith(OURS)
        ]
        rows: dict[str, list[Row]] = {}
        for kind, name, _, _ in objects:
            if kind != "table":
                continue
            cursor = connection.execute(f'SELECT * FROM "{name}" ORDER BY 1')
            header = tuple(column[0] for column in cursor.description)
            kept = (row for row in cursor if not str(row[0]).startswith(OURS))
            rows[name] = [header, *kept]
        texts = {f"{kind} {name}": sql or "" for kind, name, _, sql in objects}
    return Contents(rows=rows, texts=texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a step in batches is: what the journal says, and what the rows themselves say.

    `batches` are its batches: number, key of the last row, rows, and when they were done.
    """

    batches: list[Row]
    done: int
    not_done: int

    @property
    def rows(self) -> int:
        """Return the rows of the batches."""
        return sum(int(str(batch[2])) for batch in self.batches)


def checkpoint(file: Path) -> Checkpoint:
    """Read how far the search forms are; each changed name has counted its version up, once."""
    with closing(sqlite3.connect(file)) as connection:
        batches = connection.execute(BATCHES).fetchall()
        versions = dict(connection.execute(VERSIONS).fetchall())
    return Checkpoint(
        batches=batches, done=versions.pop(VERSION, 0), not_done=sum(versions.values())
    )


def differences(before: Contents, after: Contents) -> list[str]:
    """Compare two databases value by value and object by object; return what differs."""
    found = []
    for table in sorted(before.rows.keys() | after.rows.keys()):
        old, new = before.rows.get(table), after.rows.get(table)
        if old is None or new is None:
            found.append(f"table {table} is {'new' if old is None else 'gone'}")
            continue
        # Not by ==, because 1, 1.0 and True are equal to Python and not to us.
        if marshal.dumps(old, 2) == marshal.dumps(new, 2):
            continue
        unequal = [(a, b) for a, b in zip_longest(old, new) if repr(a) != repr(b)]
        if unequal:
            a, b = unequal[0]
            found.append(f"{len(unequal):,} rows of {table} differ; before {a!r}, now {b!r}")
    for name in sorted(before.texts.keys() | after.texts.keys()):
        a, b = _plain(before.texts.get(name, "")), _plain(after.texts.get(name, ""))
        if a != b:
            found.append(f"{name} was {a or 'not there'}, now {b or 'gone'}")
    return found


def _plain(sql: str) -> str:
    """Return SQL without what means nothing: blanks between words, quotes around plain names."""
    words = " ".join(re.sub(r"(--[^\n]*)", " ", sql).split())
    words = re.sub(r'"(\w+)"', r"\1", words)
    return re.sub(r"\s*([(),;])\s*", r"\1", words)


# --- against the package --------------------------------------------------------------------

PLACES = """
SELECT places.id, places.name, places.region, places.population, places.latitude,
       places.longitude, places.country_code, countries.name, continents.name, time_zones.name,
       places.is_capital
  FROM places
  JOIN countries ON countries.code = places.country_code
  JOIN continents ON continents.id = countries.continent_id
  JOIN time_zones ON time_zones.id = places.time_zone_id
 ORDER BY places.id
"""
NAMES = """
SELECT place_id, position, name, search_form, version
  FROM place_names
 ORDER BY place_id, position
"""
VERSIONS = "SELECT version, count(*) FROM place_names GROUP BY version"
BATCHES = """
SELECT number, reached, rows_read, finished_at
  FROM whimbrel_batches
 WHERE run = (SELECT max(id) FROM whimbrel_runs WHERE migration LIKE '%make_names_searchable')
 ORDER BY part, number
"""
# Made as 1, counted up by the migration that gives each name its search form.
VERSION = 2
# Accents and the like, as letters of their own.
MARKS = {code: None for code in range(sys.maxunicode + 1) if unicodedata.combining(chr(code))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was compared, and the first things that were not equal."""

    values: int
    names: int
    wrong: list[str]


def against(query: Query, source: Source) -> Proof:
    """Compare every place and every name with the package, in both directions."""
    wrong: list[str] = []
    values = names = 0
    cities = sorted(source.cities, key=_id)
    capitals = _capitals(source)
    for found, city in zip_longest((_read(row) for row in query(PLACES)), cities):
        expected = _expected(source, city, capitals) if city is not None else None
        values += len(expected or ())
        if found != expected:
            wrong.append(f"expected {expected!r}, found {found!r}")
    stored = ((key, list(rows)) for key, rows in groupby(query(NAMES), key=lambda row: row[0]))
    for rows, city in zip_longest(stored, cities):
        expected_names = list(_names(city)) if city is not None else None
        names += len(expected_names or ())
        found_names = [tuple(row) for row in rows[1]] if rows is not None else None
        if found_names != expected_names:
            wrong.append(f"expected {expected_names!r}, found {found_names!r}")
    return Proof(values=values, names=names, wrong=wrong)


def _names(city: City) -> Iterator[Row]:
    """Return the rows of a city's names: what it is called, then its other names."""
    for position, name in enumerate([str(city["name"]), *names_of(city)]):
        yield _id(city), position, name, search_form(name), VERSION


def search_form(name: str) -> str:
    """Return how a name is searched for: in small letters, without their marks."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFKD", name).translate(MARKS).casefold()


def _id(city: City) -> int:
    return int(str(city["geonameid"]))


def _expected(source: Source, city: City, capitals: frozenset[int]) -> Row:
    code = str(city["countrycode"])
    country = source.countries[code]
    return (
        _id(city),
        city["name"],
        city["admin1code"],
        city["population"] or None,  # the package writes "not known" as 0
        Decimal(str(city["latitude"])),
        Decimal(str(city["longitude"])),
        code,
        country["name"],
        source.continents[str(country["continentcode"])],
        city["timezone"],
        _id(city) in capitals,
    )


def _read(row: Row) -> Row:
    id_, name, region, population, latitude, longitude, code, country, continent, zone, flag = row
    # Decimals come as such or, on SQLite, as numbers; a text in their place would be wrong.
    if isinstance(latitude, str) or isinstance(longitude, str) or isinstance(population, str):
        return row
    return (
        id_, name, region, population, Decimal(str(latitude)), Decimal(str(longitude)),
        code, country, continent, zone, bool(flag),
    )  # fmt: skip


def _capitals(source: Source) -> frozenset[int]:
    """Find capitals another way than the legacy database did: the largest comes last."""
    largest = sorted(source.cities, key=lambda city: int(str(city["population"])))
    found = {
        city["countrycode"]: _id(city)
        for city in largest
        if source.countries[str(city["countrycode"])]["capital"] == city["name"]
    }
    return frozenset(found.values())
