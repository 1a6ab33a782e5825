"""Change single cells, of every type and as little as it can tell: each has to be found and named.

Nothing else may be named with them. `make campaign` does it ten thousand times, in tables of
100,000 rows (WHIMBREL_MUTATIONS says how many, WHIMBREL_MUTATION_ROWS in how many rows).
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

import whimbrel
from tests import databases, servers
from tests.pairs import loading, naming, wide, writing

MUTATIONS = int(os.environ.get("WHIMBREL_MUTATIONS", "360"))
ROWS = int(os.environ.get("WHIMBREL_MUTATION_ROWS", "2000"))
# Planted at once in each table; some are alone in theirs, where nothing could hide them.
TOGETHER = 300
ALONE_OF = 250

Both = Callable[[str, str], tuple[databases.Database, databases.Database]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One cell of one side that holds another value than the other side."""

    side: int
    table: wide.Table
    number: int
    column: wide.Column
    was: writing.Value
    value: writing.Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What came of the mutations between two engines."""

    planted: int
    alone: int
    named: int
    seconds: float
    columns: int

    def __str__(self) -> str:
        return (
            f"{self.planted} planted ({self.alone} alone in their table), {self.named} named, "
            f"{self.columns} types, {ROWS:,} rows, {self.seconds:.0f} s"
        )


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_every_changed_cell_is_found_and_named(
    source: str, target: str, both: Both, record_property: Callable[[str, object], None]
) -> None:
    ends = both(source, target)
    rows = wide.Rows(ROWS)
    chance = random.Random(f"{wide.SEED} {source} {target}")
    began = time.monotonic()
    planted = alone = named = 0
    columns = set()
    # All types have their turn, in an order of chance.
    names = itertools.cycle(chance.sample(list(_COLUMNS), len(_COLUMNS)))

    assert found(ends) == nothing()
    with contextlib.ExitStack() as stack:
        raws = [stack.enter_context(databases.Raw(end)) for end in ends]
        for count in batches(-(-MUTATIONS // len(writing.PAIRS))):
            batch = drawn(rows, count, names, chance)
            for one in batch:
                put(raws[one.side], one, one.value)
            said, truth = found(ends), expected(batch)
            for one in batch:
                put(raws[one.side], one, one.was)

            assert differences(truth, said) == []
            assert said == truth
            planted += len(batch)
            alone += len(batch) if count == 1 else 0
            named += sum(len(cells) for table in said.values() for cells in table.values())
            columns |= {one.column.name for one in batch}
    assert found(ends) == nothing()

    assert planted == named >= MUTATIONS // len(writing.PAIRS)
    score = Score(
        planted=planted,
        alone=alone,
        named=named,
        seconds=time.monotonic() - began,
        columns=len(columns),
    )
    record_property("mutations", str(score))
    print(f"{source} to {target}: {score}")


def test_documents_written_unlike_each_other_are_equal_all_the_same(both: Both) -> None:
    ends = both("sqlite", "postgresql")

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0, tables=["by_number"])

    assert verification.equal
    assert verification.tables[0].counts.rewritten > 100


# --- the databases, each engine's two as long as the tests of this file run ---------------------


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Return a database of each of two engines, with the same rows in both."""
    rows = wide.Rows(ROWS)
    there: dict[str, tuple[databases.Database, databases.Database]] = {}
    with contextlib.ExitStack() as stack:

        def loaded(engine: str) -> tuple[databases.Database, databases.Database]:
            if engine not in there:
                folder = tmp_path_factory.mktemp("wide")
                try:
                    made = [stack.enter_context(databases.fresh(engine, folder)) for _ in "ab"]
                except servers.Unavailable as no:
                    pytest.skip(str(no))
                load(made[0], made[1], rows)
                there[engine] = (made[0], made[1])
            return there[engine]

        yield lambda source, target: (loaded(source)[0], loaded(target)[1])


def load(one: databases.Database, other: databases.Database, rows: wide.Rows) -> None:
    with databases.Raw(one) as first, databases.Raw(other) as second:
        for raw in (first, second):
            loading.create(raw)
        loading.fill(first, rows)
        loading.copy(first, second)
        loading.write_unlike(second, rows)
        if one.kind != "sqlite":
            for raw in (first, second):
                for table in wide.TABLES:
                    word = "TABLE " if one.kind == "mariadb" else ""
                    raw.execute(f"ANALYZE {word}{table.name}")


# --- mutations ----------------------------------------------------------------------------------


def batches(count: int) -> Iterator[int]:
    """Yield how many to plant in each table at once: first one by one, then many."""
    tables = len(wide.TABLES)
    alone = max(1, count // ALONE_OF // tables)
    yield from [1] * alone
    left = count - alone * tables
    while left > 0:
        together = min(TOGETHER, -(-left // tables))
        yield together
        left -= together * tables


def drawn(
    rows: wide.Rows, count: int, names: Iterator[str], chance: random.Random
) -> list[Mutation]:
    """Draw so many mutations for each table: half in rows of their own, half several per row."""
    found = []
    for table in wide.TABLES:
        numbers = chance.sample(range(1, rows.count + 1), count)
        cells: dict[tuple[int, str], None] = {}
        while len(cells) < count:
            at = len(cells)
            number = numbers[at] if at <= count // 2 else numbers[-1 - at // 4]
            cells.setdefault((number, next(names)))
        for number, name in cells:
            column = _COLUMNS[name]
            was = rows.value(number, name)
            found.append(
                Mutation(
                    side=chance.randrange(2),
                    table=table,
                    number=number,
                    column=column,
                    was=was,
                    value=column.another(was, chance),
                )
            )
    return found


_COLUMNS = {column.name: column for column in wide.COLUMNS}


def put(raw: databases.Raw, one: Mutation, value: writing.Value) -> None:
    written = one.column.write(raw.database.kind, value)
    writing.update(raw, one.table.name, one.column.name, written, one.table.cells(one.number))


def found(ends: Sequence[databases.Database]) -> Mapping[str, naming.Named]:
    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)
    try:
        named = naming.by_table(verification)
    finally:
        verification.close()
    # A UUID that SQLite keeps as a text is compared as one with itself.
    uuids = {(a, str(b).replace("-", "")): said for (a, b), said in named["by_two"].items()}
    return {**named, "by_two": uuids}


def nothing() -> Mapping[str, naming.Named]:
    return {table.name: {} for table in wide.TABLES}


def expected(batch: Sequence[Mutation]) -> Mapping[str, naming.Named]:
    cells: dict[str, dict[tuple[str | None, ...], set[str]]] = {
        table.name: collections.defaultdict(set) for table in wide.TABLES
    }
    for one in batch:
        cells[one.table.name][one.table.named(one.number)].add(one.column.name)
    return {
        table: {key: frozenset(names) for key, names in rows.items()}
        for table, rows in cells.items()
    }


def differences(
    truth: Mapping[str, naming.Named], said: Mapping[str, naming.Named]
) -> list[tuple[str, object, object, object]]:
    """Return table, row, what was planted and what was said; for whoever reads a failure."""
    return [
        (table, key, set(truth[table].get(key, ())), set(said.get(table, {}).get(key, ())))
        for table in truth
        for key in truth[table].keys() | said.get(table, {}).keys()
        if truth[table].get(key) != said.get(table, {}).get(key)
    ]
