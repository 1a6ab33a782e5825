"""Editions of one sample database that really differ: what is reported is what there is.

The same rows are read by the plain drivers and counted in Python, by rules written anew: nothing
of the proof is used but which columns it compared, and by what key.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

import whimbrel
from tests import conftest, databases
from tests.contract import test_sample_databases as samples
from whimbrel.proof import findings

BY_NAME = {(one.name, one.engine): one for one in samples.SAMPLES}
# What blanks at the end do not count in.
CHAR = {("language", "name")}

PAIRS = [
    ("sakila", "sqlite", "mariadb"),
    ("sakila", "sqlite", "postgresql"),
    ("sakila", "mariadb", "postgresql"),
    ("sakila", "postgresql", "mariadb"),
    ("sakila", "postgresql", "sqlite"),
    ("northwind", "sqlite", "postgresql"),
    ("northwind", "postgresql", "sqlite"),
    ("northwind", "postgresql", "mariadb"),
    ("northwind", "mariadb", "sqlite"),
]


@pytest.mark.parametrize(("sample", "source", "target"), PAIRS)
def test_the_report_counts_what_differs(
    sample: str,
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
    shared: Path,
) -> None:
    ends = [new_database(source), new_database(target)]
    for end, engine in zip(ends, (source, target), strict=True):
        samples.load(BY_NAME[sample, engine], end, raw, shared)

    with contextlib.closing(whimbrel.verify(ends[0].url, ends[1].url, looks=0)) as found:
        assert not found.equal
        compared = [table for table in found.tables if table.pair is not None]
        assert len(compared) >= 5
        for table in compared:
            expected = counted(table, raw(ends[0]), raw(ends[1]))
            reported = (
                table.source.rows,
                table.target.rows,
                table.counts.only_source,
                table.counts.only_target,
                table.counts.changed,
            )
            assert (table.name, *expected) == (table.name, *reported)


def counted(
    table: findings.TableResult, source: databases.Raw, target: databases.Raw
) -> tuple[int, int, int, int, int]:
    """Count in Python: rows, rows on one side only, and rows that changed."""
    pair = table.pair
    assert pair is not None
    columns = [(one.source_name, one.target_name) for one in pair.columns]
    # A SET has values; a text with commas in it is a text.
    sets = "mariadb" in (source.database.kind, target.database.kind)
    ours = read(source, pair.source.name, [name for name, _ in columns])
    theirs = read(target, pair.target.name, [name for _, name in columns])
    for at, (name, _) in enumerate(columns):
        padded = (pair.source.name, name) in CHAR
        level(ours, theirs, at, padded=padded, sets=sets)
    if not columns:
        return len(ours), len(theirs), 0, 0, 0
    if not pair.key:
        left, right = Counter(map(tuple, ours)), Counter(map(tuple, theirs))
        return len(ours), len(theirs), (left - right).total(), (right - left).total(), 0
    here = {tuple(row[at] for at in pair.key): row for row in ours}
    there = {tuple(row[at] for at in pair.key): row for row in theirs}
    assert (len(ours), len(theirs)) == (len(here), len(there))
    changed = sum(here[key] != there[key] for key in here.keys() & there.keys())
    return (
        len(ours),
        len(theirs),
        len(here.keys() - there.keys()),
        len(there.keys() - here.keys()),
        changed,
    )


def read(raw: databases.Raw, table: str, columns: Sequence[str]) -> list[list[object]]:
    """Read a table by the plain driver."""
    mark = "`" if raw.database.kind == "mariadb" else '"'
    names = [f"{mark}{name}{mark}" for name in columns]
    if raw.database.kind in ("postgresql", "mariadb"):
        # The driver would read the digits that are shown of four bytes, not the number.
        asked = (
            "SELECT column_name FROM information_schema.columns"
            " WHERE data_type IN ('real', 'float') AND table_name = %s"
        )
        singles = {name for (name,) in raw.execute(asked, [table])}
        as_double = "{}::float8" if raw.database.kind == "postgresql" else "{} * 1e0"
        names = [
            as_double.format(quoted) if name in singles else quoted
            for name, quoted in zip(columns, names, strict=True)
        ]
    rows = raw.execute(f"SELECT {', '.join(names) or '1'} FROM {mark}{table}{mark}")
    if not columns:
        return [[] for _ in rows]
    return [[plain(value) for value in row] for row in rows]


def plain(value: object) -> object:
    """Return a value as one of few types."""
    match value:
        case bool() | int():
            return Decimal(value)
        case float():
            return Decimal(repr(value))
        case dt.datetime():
            return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
        case dt.date():
            return dt.datetime(value.year, value.month, value.day)
        case memoryview() | bytes() | bytearray():
            return bytes(value)
        case list():
            return tuple(value)
        case _:
            return value


def level(
    ours: list[list[object]], theirs: list[list[object]], at: int, *, padded: bool, sets: bool
) -> None:
    """Read the texts of one side as what the other side's values are."""
    for rows, others in ((ours, theirs), (theirs, ours)):
        kinds = {type(row[at]) for row in others} - {type(None)}
        for row in rows:
            value = row[at]
            if isinstance(value, str):
                row[at] = as_kind(value.rstrip(" ") if padded else value, kinds, sets=sets)


def as_kind(value: str, kinds: set[type], *, sets: bool) -> object:
    if kinds == {dt.datetime}:
        with contextlib.suppress(ValueError):
            return plain(dt.datetime.fromisoformat(value))
    if kinds == {Decimal}:
        with contextlib.suppress(InvalidOperation):
            return Decimal(value)
    if kinds == {tuple} and sets:
        return tuple(value.split(",")) if value else ()
    return value
