"""Real databases moved from every engine to every engine, and read again by the plain drivers.

Nothing of the proof is used to compare them here. Where upstream has written the same data for the
target's engine, too, that is loaded beside and compared as well: a second pair of eyes that has
never seen Whimbrel.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

import whimbrel
from tests import conftest, databases
from tests.contract import test_sample_databases as samples
from tests.pairs.test_sample_editions import level, read

ENGINES: Final = ("sqlite", "postgresql", "mariadb")
BY_NAME: Final = {(one.name, one.engine): one for one in samples.SAMPLES}
PAIRS: Final = [
    (sample, source, target)
    for sample in ("chinook", "sakila", "northwind")
    for source, target in itertools.product(ENGINES, ENGINES)
]

# What upstream's own editions of the same data differ in (its MANIFEST): not ours to change.
UPSTREAM: Final[Mapping[tuple[str, str], int]] = {
    ("track", "name"): 4,
    ("customer", "city"): 1,
    ("invoice", "billingcity"): 7,
    ("staff", "picture"): 1,
}


@pytest.mark.parametrize(("sample", "source", "target"), PAIRS)
def test_a_real_database_arrives_whole(
    sample: str,
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    shared: Path,
) -> None:
    here, there = new_database(source), new_database(target)
    samples.load(BY_NAME[sample, source], here, raw, shared)

    done = whimbrel.transfer(here.url, there.url)

    with contextlib.closing(done.verification):
        assert done.ok
        assert done.equal
    assert len(done.tables) == BY_NAME[sample, source].tables
    for table in done.tables:
        columns = [column for column, _, _ in table.carried]
        ours = read(raw(here), table.source, columns)
        theirs = read(raw(there), table.target, columns)
        assert len(ours) == table.rows
        assert (table.name, differing(ours, theirs, source, target)) == (table.name, 0)
    again = new_database(target)
    if sample == "chinook" or (sample == "sakila" and "postgresql" not in (source, target)):
        samples.load(BY_NAME[sample, target], again, raw, shared)
        assert compared_with_upstream(done.tables, raw(there), raw(again)) >= 10


def differing(
    ours: list[list[object]], theirs: list[list[object]], source: str, target: str
) -> int:
    """Count the rows that only one side has."""
    for at in range(len(ours[0]) if ours else 0):
        level(ours, theirs, at, padded=True, sets="mariadb" in (source, target))
    left, right = Counter(map(tuple, ours)), Counter(map(tuple, theirs))
    return (left - right).total() + (right - left).total()


def compared_with_upstream(
    tables: Sequence[object], moved: databases.Raw, upstream: databases.Raw
) -> int:
    """Compare what arrived with what upstream wrote for this engine; count the tables."""
    known = {bare(name): name for name in names_of(upstream)}
    count = 0
    for table in tables:
        name, there = table.target, known[bare(table.target)]  # type: ignore[attr-defined]
        columns = [column for column, _, _ in table.carried]  # type: ignore[attr-defined]
        theirs = {bare(column): column for column in columns_of(upstream, there)}
        for column in columns:
            if bare(column) not in theirs:
                continue
            mine = read(moved, name, [column])
            other = read(upstream, there, [theirs[bare(column)]])
            level(mine, other, 0, padded=False, sets=True)
            lost = Counter(map(tuple, mine)) - Counter(map(tuple, other))
            allowed = UPSTREAM.get((bare(name), bare(column)), 0)
            assert (name, column, lost.total() <= allowed, lost) == (name, column, True, lost)
        count += 1
    return count


def bare(name: str) -> str:
    return name.replace("_", "").replace(" ", "").casefold()


def names_of(raw: databases.Raw) -> list[str]:
    asked = {
        "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'table'",
        "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        "mariadb": "SHOW TABLES",
    }
    return [str(row[0]) for row in raw.execute(asked[raw.database.kind])]


def columns_of(raw: databases.Raw, table: str) -> list[str]:
    if raw.database.kind == "sqlite":
        return [str(row[1]) for row in raw.execute(f'PRAGMA table_info("{table}")')]
    rows = raw.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
    )
    return list(dict.fromkeys(str(row[0]) for row in rows))
