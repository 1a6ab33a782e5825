"""Tables with nasty values that are equal, though written differently: no false alarm.

`make campaign` compares ten thousand of them (WHIMBREL_EQUAL_TABLES says how many).
"""

from __future__ import annotations

import json
import lzma
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

import whimbrel
from tests import conftest, databases
from tests.pairs import nasty, sorts, wide, writing
from whimbrel.proof import verify

TABLES = int(os.environ.get("WHIMBREL_EQUAL_TABLES", "540"))
# So many lie in one database.
TOGETHER = 200

NewDatabase = conftest.NewDatabase


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_equal_tables_are_equal(
    source: str,
    target: str,
    new_database: NewDatabase,
    record_property: Callable[[str, object], None],
) -> None:
    naughty_strings()
    chance = random.Random(f"{wide.SEED} {source} {target} equal")
    began = time.monotonic()
    compared = rows = 0

    for count in batches(-(-TABLES // len(writing.PAIRS))):
        tables = [nasty.table(f"t{n:03}", source, target, chance) for n in range(count)]
        ends = new_database(source), new_database(target)
        for side, end in enumerate(ends):
            with databases.Raw(end) as raw:
                load(raw, tables, side)
        verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)

        alarms = [alarm for table in tables for alarm in told(verification, table)]
        assert alarms == []
        assert verification.equal
        assert len(verification.tables) == count
        compared += len(verification.tables)
        rows += verification.rows
        verification.close()

    assert compared >= TABLES // len(writing.PAIRS)
    seconds = time.monotonic() - began
    score = f"{compared} tables, {rows:,} rows, no false alarm, {seconds:.0f} s"
    record_property("equal tables", score)
    print(f"{source} to {target}: {score}")


def batches(count: int) -> Iterator[int]:
    while count > 0:
        yield min(count, TOGETHER)
        count -= TOGETHER


def load(raw: databases.Raw, tables: Sequence[nasty.Table], side: int) -> None:
    if before := nasty.BEFORE.get(raw.database.kind):
        raw.script(before)
    for table in tables:
        columns = table.columns[side]
        writing.create(raw, table.name, columns, key=table.key)
        writing.insert(raw, table.name, list(columns), table.rows[side])


def told(verification: verify.Verification, table: nasty.Table) -> list[object]:
    """Return what is said to differ in a table, with its types; for whoever reads a failure."""
    place = next(n for n, one in enumerate(verification.tables) if one.name == table.name)
    result = verification.tables[place]
    pair = result.pair
    assert pair is not None
    alarms: list[object] = [pair.incomparable] if pair.incomparable else []
    if [one.source_name for one in pair.columns] != list(table.columns[0]):
        alarms.append("not all columns were compared")
    for found in verification.spool.read(place):
        places = found.columns or range(len(pair.columns))
        texts = found.source or (), found.target or ()
        alarms.append(
            [
                (
                    table.name,
                    found.kind.value,
                    table.columns[0][pair.columns[at].source_name],
                    table.columns[1][pair.columns[at].source_name],
                    [side[at] for side in texts if side],
                )
                for at in places
            ]
        )
    return alarms


def naughty_strings() -> None:
    """Add the Big List of Naughty Strings, if it lies beside the project."""
    file = conftest.ROOT.parent / "shared" / "data" / "blns" / "blns.json.xz"
    if file.is_file():
        sorts.add_strings(json.loads(lzma.decompress(file.read_bytes())))
