"""Real databases moved from every engine to every engine, read again by the plain drivers, used.

Nothing of the proof is used to compare them here. Where upstream has written the same data for the
target's engine, too, that is loaded beside and compared as well: a second pair of eyes that has
never seen Whimbrel. What is not moved is written down in golden files, one for each.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

import whimbrel
from tests import conftest, databases
from tests.contract import test_sample_databases as samples
from tests.pairs import using
from tests.pairs.test_sample_editions import level, read
from whimbrel.transfers import course
from whimbrel.transfers import transfer as transferring

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
# Views that look for moments: on SQLite these are texts of upstream's own spelling.
UNLIKE: Final = (
    "Product Sales for 1997",
    "Category Sales for 1997",
    "Sales Totals by Amount",
    "Sales by Category",
)
# Upstream's variants whose keys count by themselves: file, engine, the engine they go to.
COUNTING: Final = [
    ("Chinook_Sqlite_AutoIncrementPKs.sql", "sqlite", "postgresql"),
    ("Chinook_MySql_AutoIncrementPKs.sql", "mariadb", "sqlite"),
    ("Chinook_PostgreSql_AutoIncrementPKs.sql", "postgresql", "mariadb"),
    ("Chinook_PostgreSql_SerialPKs.sql", "postgresql", "postgresql"),
]


@pytest.mark.parametrize(("sample", "source", "target"), PAIRS)
def test_a_real_database_arrives_whole(
    sample: str,
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    shared: Path,
    golden: Callable[[str, str], None],
) -> None:
    here, there = new_database(source), new_database(target)
    samples.load(BY_NAME[sample, source], here, raw, shared)

    done = whimbrel.transfer(here.url, there.url)

    with contextlib.closing(done.verification):
        assert done.ok == (not done.not_made)
        assert done.equal
    assert len(done.tables) == BY_NAME[sample, source].tables
    for table in done.tables:
        columns = [column for column, _, _ in table.carried]
        ours = read(raw(here), table.source, columns)
        theirs = read(raw(there), table.target, columns)
        assert len(ours) == table.rows
        assert (table.name, {}) == (table.name, using.differing(ours, theirs, padded=True))
    # Upstream's sakila for PostgreSQL is another edition, and its northwinds are all different.
    one_edition = sample == "sakila" and "postgresql" not in (source, target)
    if (sample == "chinook" or one_edition) and source != target:
        again = new_database(target)
        samples.load(BY_NAME[sample, target], again, raw, shared)
        assert compared_with_upstream(done.tables, raw(there), raw(again)) >= 10
    is_unlike = (sample, source) == ("northwind", "sqlite") and target != "sqlite"
    unlike = UNLIKE if is_unlike else ()
    if unlike:
        assert any(note.startswith(f"view {unlike[0]}: moments are") for note in done.notes)
    use = using.Use(raw(here), raw(there), lost_of(done), frozenset(unlike))
    worked = use.all([one.target for one in done.tables])
    golden(f"transfer/{sample}-{source}-{target}.txt", f"{told(done)}used: {worked}\n")


def lost_of(done: transferring.Transfer) -> frozenset[tuple[str, str]]:
    """Return kind and name of what is not on the target."""
    lost = {(one.kind, one.name) for one in done.plan.not_converted}
    return frozenset(lost | {(one.kind, one.name) for one in done.not_made})


def told(done: transferring.Transfer) -> str:
    """Return everything that is not, or not quite, as it was."""
    lines = [
        f"not moved: {one.kind} {one.name}" + (f" of {one.table}" if one.table else "")
        + f": {one.why}"
        for one in done.plan.not_converted
    ]  # fmt: skip
    lines += [f"{one.verdict.value}: {one.table}.{one.column}: {one.says}"
              for one in done.plan.losses]  # fmt: skip
    # Those about the moment that was read depend on who else writes to the server.
    lines += [f"note: {note}" for note in done.plan.notes]
    lines += [f"not made: {one.kind} {one.name}: {one.why}" for one in done.not_made]
    return "".join(f"{line}\n" for line in sorted(lines))


def compared_with_upstream(
    tables: Sequence[course.Filled], moved: databases.Raw, upstream: databases.Raw
) -> int:
    """Compare what arrived with what upstream wrote for this engine; count the tables."""
    known = {bare(name): name for name in names_of(upstream)}
    count = 0
    for table in tables:
        name, there = table.target, known[bare(table.target)]
        columns = [column for column, _, _ in table.carried]
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


@pytest.mark.parametrize(("file", "source", "target"), COUNTING)
def test_keys_that_count_go_on_counting(
    file: str,
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    shared: Path,
) -> None:
    here, there = new_database(source), new_database(target)
    edition = BY_NAME["chinook", source]
    samples.load(dataclasses.replace(edition, files=(f"chinook/{file}",)), here, raw, shared)

    done = whimbrel.transfer(here.url, there.url)

    with contextlib.closing(done.verification):
        assert done.equal
    use = using.Use(raw(here), raw(there), lost_of(done))
    worked = use.all([one.target for one in done.tables])
    # All but the playlists' tracks, whose key is a pair.
    assert (worked.primary_keys, worked.foreign_keys, worked.counters) == (11, 11, 10)
