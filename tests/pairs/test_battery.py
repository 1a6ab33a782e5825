"""Each case of the battery, between every two engines: the verdict, the row and the column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

import whimbrel
from tests import conftest, databases
from tests.pairs import battery, naming, writing

EVERY_CASE = (*battery.THE_36, *battery.MORE)
# Of how many of the 36 (and of those beyond) one of the engines cannot hold a value: counted, so
# that no case is left out in silence.
NOT_HELD: Mapping[tuple[str, str], tuple[int, int]] = {
    ("sqlite", "sqlite"): (2, 0),
    ("sqlite", "postgresql"): (0, 2),
    ("sqlite", "mariadb"): (2, 1),
    ("postgresql", "sqlite"): (0, 2),
    ("postgresql", "postgresql"): (0, 4),
    ("postgresql", "mariadb"): (0, 3),
    ("mariadb", "sqlite"): (2, 1),
    ("mariadb", "postgresql"): (0, 3),
    ("mariadb", "mariadb"): (2, 4),
}


@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_every_case_of_the_battery_is_told_right(
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    ends = new_database(source), new_database(target)
    left_out = arrange(ends[0], ends[1], raw)
    expected = {
        one.table: truth(one, source, target) for one in every() if one.table not in left_out
    }

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)
    found = naming.by_table(verification)

    wrong = {
        f"{one.case.title} ({one.key})": (expected[one.table], found[one.table])
        for one in every()
        if one.table in expected and expected[one.table] != found[one.table]
    }
    assert wrong == {}
    assert {table.name for table in verification.tables} == expected.keys()
    assert [t.name for t in verification.tables if t.equal != (not expected[t.name])] == []
    cases = {one.case.title for one in every() if one.table in left_out}
    first = {case.title for case in battery.THE_36}
    assert NOT_HELD[source, target] == (len(cases & first), len(cases - first))


def test_the_battery_has_36_cases_and_more() -> None:
    titles = [case.title for case in EVERY_CASE]

    assert len(battery.THE_36) == 36
    assert [case.equal for case in battery.THE_36].count(False) == 20
    assert len(set(titles)) == len(titles) > 100


# What sums of hashes, or hashes that are put together by XOR, could fail to see.
MULTISETS: Mapping[str, tuple[list[str | None], list[str | None]]] = {
    "one_row_twice": (["a", "a", "b"], ["a", "b"]),
    "two_rows_twice": (["a", "a", "b", "b"], ["c", "c", "d", "d"]),
    "three_times_and_once": (["a"], ["a", "a", "a"]),
    "another_row_twice": (["a", "a", "b"], ["a", "b", "b"]),
    "nothing_here": ([], ["a"]),
    "null_twice": ([None, None], [None]),
    "empty_on_both_sides": ([], []),
    "another_order": (["a", "b", "c", "b"], ["b", "c", "b", "a"]),
}


@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_rows_without_a_key_are_counted(
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    ends = new_database(source), new_database(target)
    for table, sides in MULTISETS.items():
        for end, values in zip(ends, sides[:2], strict=True):
            writing.create(raw(end), table, {"v": battery.TEXT[end.kind]})
            writing.insert(raw(end), table, ["v"], [(value,) for value in values])

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)

    expected = {}
    for table, (ours, theirs) in MULTISETS.items():
        counts = Counter(ours), Counter(theirs)
        expected[table] = (counts[0] - counts[1], counts[1] - counts[0])
    found = {table: (Counter(), Counter()) for table in MULTISETS}
    for result, one in verification.every_difference():
        for side, row in enumerate((one.source, one.target)):
            if row is not None:
                value = naming.plain(result.pair.columns[0], row[0])
                found[result.name][side][value] += 1
    assert found == expected
    equal = {result.name for result in verification.tables if result.equal}
    assert equal == {"empty_on_both_sides", "another_order"}


@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_values_that_changed_places_between_rows_are_found(
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    ends = new_database(source), new_database(target)
    swapped = [("x", "y"), ("y", "x"), ("z", "z")]
    for place, end in enumerate(ends):
        types = dict.fromkeys(("k", "v"), battery.TEXT[end.kind])
        writing.create(raw(end), "swapped", types, key=["k"])
        rows = [(f"row {number}", row[place]) for number, row in enumerate(swapped)]
        writing.insert(raw(end), "swapped", ["k", "v"], rows)

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)

    columns = frozenset({"v"})
    named = naming.by_table(verification)["swapped"]
    assert named == {("row 0",): columns, ("row 1",): columns}


@pytest.mark.parametrize(("source", "target"), [("postgresql", "mariadb"), ("mariadb", "sqlite")])
def test_columns_that_cannot_be_compared_are_never_called_equal(
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    raw: conftest.OpenRaw,
) -> None:
    ends = new_database(source), new_database(target)
    odd = {"postgresql": "box", "mariadb": "point", "sqlite": "integer"}
    for end in ends:
        types = {"k": battery.INTEGER[end.kind], "v": odd[end.kind]}
        writing.create(raw(end), "odd", types, key=["k"])
        writing.insert(raw(end), "odd", ["k"], [(1,)])

    verification = whimbrel.verify(ends[0].url, ends[1].url, looks=0)

    assert not verification.equal
    assert not verification.tables[0].equal
    assert verification.differences == 0


def every() -> list[battery.Planted]:
    return list(battery.planted(EVERY_CASE))


def arrange(
    source: databases.Database,
    target: databases.Database,
    raw: conftest.OpenRaw,
    cases: Sequence[battery.Case] = EVERY_CASE,
) -> dict[str, str]:
    """Load what both engines can hold; return the rest, with the reason."""
    left_out = {}
    for end in (source, target):
        if before := battery.BEFORE.get(end.kind):
            raw(end).execute(before)
    for one in battery.planted(cases):
        sides = one.case.sides(source.kind, target.kind)
        if isinstance(sides, str):
            left_out[one.table] = sides
            continue
        for place, (end, side) in enumerate(zip((source, target), sides, strict=True)):
            battery.load(raw(end), one, side, place=place)
    return left_out


def truth(one: battery.Planted, source: str, target: str) -> naming.Named:
    """Return what has to be named."""
    case = one.case
    if case.equal_between(source, target):
        return {}
    if case.text_keys is not None:
        ours, theirs = case.text_keys
        return {(ours,): naming.ONLY_SOURCE, (theirs,): naming.ONLY_TARGET}
    key = battery.text_key(battery.PLANTED) if one.key == "text" else str(battery.PLANTED)
    sides = case.sides(source, target)
    if sides[0].planted is None:
        return {(key,): naming.ONLY_TARGET}
    if sides[1].planted is None:
        return {(key,): naming.ONLY_SOURCE}
    return {(key,): frozenset(case.names)}
