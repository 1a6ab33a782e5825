"""Nasty values of every type family, from every engine to every engine: nothing is lost in silence.

Each value is kept, or kept as something else that a loss names, or refused by name and count with
nothing moved, or its row is put aside with a reason. Which of these is said by `fate`, and what is
in the tables by the plain drivers; nothing of the proof is used. `make campaign` moves every value
in a table of its own (WHIMBREL_TORTURE_ALONE).
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

import whimbrel
from tests import conftest, databases, profiles
from tests.pairs import fate, oracle, torture, writing
from whimbrel import errors
from whimbrel.schema import losses
from whimbrel.transfers import door, plan

ALONE: Final = bool(os.environ.get("WHIMBREL_TORTURE_ALONE"))
# So many tables lie in one database.
TOGETHER: Final = 300
ENOUGH: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A table of the source with one column of nasty values, and what they mean by their keys."""

    name: str
    column: torture.Column
    type: str
    means: Mapping[object, oracle.Meant | None]
    raw: Mapping[object, oracle.Raw]

    def refused(self, source: str, target: str) -> dict[str, set[object]]:
        """Return the keys of values that have to be refused, by the name of the trouble."""
        present = [one for one in self.means.values() if one is not None]
        named = fate.refused(source, self.column.family, self.type, present, target)
        found = {
            what: {
                key
                for key, one in self.means.items()
                if one is not None and fate.TROUBLES[what](one)
            }
            for what in named
            if what != "stray word"
        }
        if "stray word" in named:
            found["stray word"] = self._strays()
        return {what: keys for what, keys in found.items() if keys}

    def shown(self) -> tuple[str, ...]:
        """Return the words of an enumeration as the catalog shows them: ? for some."""
        if not self.type.startswith("enum"):
            return ()
        words = self.column.words
        return tuple("".join(c if ord(c) < 0x10000 else "?" for c in word) for word in words)

    def _strays(self) -> set[object]:
        known = self.shown()
        return {key for key, one in self.means.items() if one and str(one.value) not in known}


def load(raw: databases.Raw, columns: Sequence[torture.Column]) -> list[Held]:
    """Make a table of each column, with its values numbered from 1, and NULL at the end."""
    kind = raw.database.kind
    profiles.lax(raw)
    if kind == "mariadb":
        raw.execute("SET time_zone = '+00:00'")
    if before := torture.BEFORE.get(kind):
        raw.script(before)
    held = []
    for number, column in enumerate(columns):
        name = f"{column.family}_{number:03}"
        raw.execute(
            f"CREATE TABLE {name} (k integer PRIMARY KEY, v {column.type} {column.options} NULL)"
        )
        values = [*column.values, None] if not ALONE else column.values
        writing.insert(raw, name, ["k", "v"], list(enumerate(values, 1)))
        type_, found = oracle.type_of(raw, name), oracle.rows(raw, name)
        means = {key: oracle.meant(kind, type_, value) for key, value in found.items()}
        held.append(Held(name=name, column=column, type=type_, means=means, raw=found))
    return held


def batches(source: str) -> list[list[torture.Column]]:
    columns = list(torture.COLUMNS[source])
    if ALONE:
        columns = [one for column in columns for one in column.alone()]
    return [columns[at : at + TOGETHER] for at in range(0, len(columns), TOGETHER)]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), writing.PAIRS)
def test_every_nasty_value_is_kept_or_refused_or_a_named_loss(
    source: str,
    target: str,
    new_database: conftest.NewDatabase,
    record_property: Callable[[str, object], None],
) -> None:
    fates: Counter[tuple[str, str]] = Counter()
    for columns in batches(source):
        ends = new_database(source), new_database(target)
        with databases.Raw(ends[0]) as here, databases.Raw(ends[1]) as there:
            held = load(here, columns)
            fates += moved(ends[0].url, ends[1].url, held, here, there)

    families = Counter({family: 0 for family, _ in fates})
    for (family, _), count in fates.items():
        families[family] += count
    few = {family: count for family, count in families.items() if count < ENOUGH}
    # MariaDB has few types that nobody else has.
    assert few.keys() <= ({"own"} if source == "mariadb" else set())
    for (family, what), count in sorted(fates.items()):
        record_property(f"{source} to {target}, {family}", f"{count} {what}")
    if ALONE or os.environ.get("WHIMBREL_TORTURE_SAY"):
        print(f"{source} to {target}:", dict(sorted(fates.items())))


def moved(
    source: str,
    target: str,
    held: Sequence[Held],
    here: databases.Raw,
    there: databases.Raw,
) -> Counter[tuple[str, str]]:
    """Plan, be refused, move the rest; claim what has become of every value, and count it."""
    kinds = here.database.kind, there.database.kind
    expected = {one.name: refused for one in held if (refused := one.refused(*kinds))}
    planned = door.plan_transfer(source, target)

    counts = {
        table: {what: len(keys) for what, keys in found.items()}
        for table, found in expected.items()
    }
    assert differing(by_count(planned), counts) == {}
    if expected:
        assert_refused(source, target, counts, there)

    where = {
        table: f"k NOT IN ({', '.join(sorted(str(k) for k in set().union(*found.values())))})"
        for table, found in expected.items()
    }
    aside = {
        (one.name, str(key))
        for one in held
        for key, value in one.means.items()
        if value is not None
        and key not in set().union(*expected.get(one.name, {}).values(), ())
        and fate.aside(*kinds, one.column.family, value, one.shown())
    }
    # Some more, so that those that nobody expected are seen by their reasons.
    done = whimbrel.transfer(source, target, where=where, max_rejects=len(aside) + 9)
    with contextlib.closing(done.verification):
        put_aside = {(one.table, one.key[0]): one.reason for one in done.rejects}
        assert {row: why for row, why in put_aside.items() if row not in aside} == {}
        assert put_aside.keys() == aside
        assert all(put_aside.values())
        unequal = {table.name for table in done.verification.tables if not table.equal}
    assert unequal == {table for table, _ in aside}
    assert not planned.same_engine or done.plan.losses == ()

    fates: Counter[tuple[str, str]] = Counter()
    wrong = []
    noted = {one.table for one in done.plan.losses if one.verdict is losses.Verdict.NOTED}
    for one in held:
        family = one.column.family
        left_out = {key for table, key in aside if table == one.name}
        out = set().union(*expected.get(one.name, {}).values(), ())
        type_, raw = oracle.type_of(there, one.name), oracle.rows(there, one.name)
        left = {key for key in one.means if str(key) not in left_out} - out
        if left != raw.keys():
            wrong.append((one.name, one.type, "rows", left ^ raw.keys()))
        fates[family, "refused"] += len(out) + len(left_out)
        for key in left & raw.keys():
            other = oracle.meant(there.database.kind, type_, raw[key])
            what = fate.kept(one.means[key], other)
            if planned.same_engine and (type_ != one.type or raw[key] != one.raw[key]):
                what = None
            if family == "own" and what and one.type not in _FAMILIAR and not planned.same_engine:
                what = fate.CHANGED
            if what is None or (what == fate.CHANGED and one.name not in noted):
                seen = str(one.raw[key])[:60], str(raw[key])[:60]
                wrong.append((one.name, one.type, type_, key, what, seen, one.means[key], other))
            fates[family, str(what)] += 1
    assert wrong == []
    return fates


def test_a_row_that_fails_lets_go_of_the_source(new_database: conftest.NewDatabase) -> None:
    ends = new_database("mariadb"), new_database("postgresql")
    with databases.Raw(ends[0]) as raw:
        raw.execute("CREATE TABLE words (k integer PRIMARY KEY, v varchar(2000))")
        raw.execute("INSERT INTO words VALUES (1, _utf8mb4 X'EDA080')")
        raw.execute("INSERT INTO words SELECT seq, REPEAT('x', 2000) FROM seq_2_to_4000")

    with pytest.raises(errors.RowFailed, match="a row of 'words' cannot be written"):
        whimbrel.transfer(ends[0].url, ends[1].url)

    # What was not read to its end would be a warning of the driver's, and so an error here.
    gc.collect()
    done = whimbrel.transfer(ends[0].url, ends[1].url, max_rejects=1)
    with contextlib.closing(done.verification):
        assert ([("words", ("1",))], 3999) == ([(r.table, r.key) for r in done.rejects], done.rows)


def test_a_table_with_a_percent_sign_that_changed_meanwhile_is_copied_again(
    new_database: conftest.NewDatabase,
) -> None:
    ends = new_database("mariadb"), new_database("postgresql")
    with databases.Raw(ends[0]) as here, databases.Raw(ends[1]) as there:
        here.execute("CREATE TABLE `50% %s` (v integer)")
        here.execute("INSERT INTO `50% %s` SELECT seq FROM seq_1_to_3000")
        here.execute("CREATE TABLE words (k integer PRIMARY KEY, v varchar(20))")
        here.execute("INSERT INTO words VALUES (1, _utf8mb4 X'EDA080')")
        with pytest.raises(errors.RowFailed, match="a row of 'words' cannot be written"):
            whimbrel.transfer(ends[0].url, ends[1].url, jobs=1)
        gc.collect()
        here.execute("INSERT INTO `50% %s` VALUES (-1)")
        here.execute("UPDATE words SET v = 'a'")

        done = whimbrel.transfer(ends[0].url, ends[1].url, jobs=1)

        with contextlib.closing(done.verification):
            assert (True, True) == (done.resumed, done.equal)
        assert there.execute('SELECT count(*), min(v) FROM "50% %s"') == [(3001, -1)]


# These have families of their own.
_FAMILIAR: Final = ("oid", "name", '"char"')


def differing(found: Mapping[str, object], wanted: Mapping[str, object]) -> dict[str, object]:
    names = sorted({*found, *wanted})
    both = {name: (found.get(name), wanted.get(name)) for name in names}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def by_count(planned: plan.TransferPlan) -> dict[str, dict[str, int | None]]:
    found: dict[str, dict[str, int | None]] = {}
    for one in planned.refused:
        assert one.column == "v"
        assert one.keys
        found.setdefault(one.table, {})[one.what] = one.rows
    return found


def assert_refused(
    source: str, target: str, counts: Mapping[str, Mapping[str, int]], there: databases.Raw
) -> None:
    """Claim that a transfer names table, column and count, and writes nothing."""
    table, found = next(iter(counts.items()))
    with pytest.raises(errors.TransferRefused) as refusal:
        whimbrel.transfer(source, target, tables=[table])

    problems = refusal.value.problems
    assert len(problems) == len(found)
    for count, problem in zip(found.values(), problems, strict=True):
        assert f"{count:,} value{'s' * (count > 1)} of {table}.v " in problem
    with pytest.raises(Exception, match=table):
        there.execute(f"SELECT * FROM {table}")
