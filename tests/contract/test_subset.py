"""A small database that stands for a large one: closed, minimal, always the same, on any engine."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import whimbrel
from tests import conftest, databases, engines, schemes
from tests.contract import test_sample_databases as samples
from whimbrel import errors, events
from whimbrel.rehearsal import subset as subsets

OpenRaw = Callable[[databases.Database], databases.Raw]
BY_NAME = {(one.name, one.engine): one for one in samples.SAMPLES}


def build(scheme: schemes.Scheme, raw: databases.Raw, *, shuffle: int = 0) -> None:
    """Make a random database in an empty one."""
    kind = raw.database.kind
    if kind == "sqlite":
        raw.execute("BEGIN")
    scheme.build(
        raw.execute,
        inline=kind == "sqlite",
        place="?" if kind == "sqlite" else "%s",
        shuffle=shuffle,
    )
    if kind == "sqlite":
        raw.execute("COMMIT")


def dump(file: Path) -> str:
    """Return all of a SQLite database as SQL, but for our own tables."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'whimbrel%'"
        ).fetchall():
            connection.execute(f'DROP TABLE "{name}"')
        return "\n".join(connection.iterdump())


def rows(raw: databases.Raw, table: str) -> Counter[tuple[object, ...]]:
    return Counter(raw.execute(f"SELECT * FROM {table}"))


def as_rows(
    scheme: schemes.Scheme, done: subsets.Subset, source: databases.Raw
) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows that were chosen themselves, as the scheme has them."""
    found = {}
    for number, table in enumerate(scheme.tables):
        keys = done.choice.chosen[f"t{number}"]
        if keys is None:
            found[f"t{number}"] = table.rows
            continue
        known = {tuple(map(plain, key)) for key in keys}
        width = table.key or table.columns
        named = [(row[:width], row) for row in table.rows]
        if not table.key and source.database.kind == "sqlite":
            # A table without a key has an address for each row there.
            there = source.execute(f"SELECT rowid, * FROM t{number}")
            named = [(row[:1], row[1:]) for row in there]
        found[f"t{number}"] = [row for name, row in named if tuple(map(said, name)) in known]
    return found


def plain(text: bytes | None) -> str | None:
    return None if text is None else text.decode().removeprefix("i:").removeprefix("t:")


def said(value: object) -> str | None:
    return None if value is None else str(value)


def subset_of(
    scheme: schemes.Scheme, source: databases.Database, target: databases.Database, **more: object
) -> subsets.Subset:
    given = {"percent": 20, "seed": 7, "references": scheme.references, "jobs": 1, **more}
    return whimbrel.subset(source.url, target.url, **given)  # type: ignore[arg-type]


def prove(seed: int, source: databases.Database, target: databases.Database, raw: OpenRaw) -> None:
    """Take a subset of a random database, and hold it against brute force."""
    scheme = schemes.Scheme(seed)
    build(scheme, raw(source), shuffle=seed)

    done = subset_of(scheme, source, target)

    assert done.ok
    chosen = as_rows(scheme, done, raw(source))
    expected = scheme.closed(chosen)
    for number, table in enumerate(scheme.tables):
        there = rows(raw(target), f"t{number}")
        if table.key:
            wanted = Counter(expected[f"t{number}"])
        else:
            # Nothing refers to it, and rows may be there twice.
            wanted = Counter(chosen[f"t{number}"])
        assert (seed, number, wanted) == (seed, number, there)


@pytest.mark.parametrize("seed", range(40))
def test_a_subset_of_a_random_schema_is_closed_and_has_nothing_else(seed, new_database, raw):
    prove(seed, new_database("sqlite"), new_database("sqlite"), raw)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(40, 340))
def test_subsets_of_300_random_schemas_are_closed_and_have_nothing_else(seed, new_database, raw):
    prove(seed, new_database("sqlite"), new_database("sqlite"), raw)


@engines.without("sqlite")
@pytest.mark.parametrize("seed", range(400, 405))
def test_a_subset_is_closed_and_minimal_on_every_engine(seed, database, new_database, raw):
    prove(seed, database, new_database(database.engine_id), raw)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
@pytest.mark.parametrize("seed", [405, 406])
def test_a_subset_of_a_server_goes_into_a_file(seed, engine, new_database, raw):
    prove(seed, new_database(engine), new_database("sqlite"), raw)


@pytest.mark.parametrize("seed", [1, 5, 9])
def test_the_same_seed_gives_the_same_bytes_however_the_rows_lie(seed, new_database, raw):
    scheme = schemes.Scheme(seed, largest=200)
    dumps = []
    for shuffle in range(3):
        source, target = new_database("sqlite"), new_database("sqlite")
        build(scheme, raw(source), shuffle=shuffle)
        subset_of(scheme, source, target)
        dumps.append(dump(target.file))

    assert dumps[0] == dumps[1] == dumps[2]


def test_another_seed_makes_another_choice(new_database, raw):
    source = new_database("sqlite")
    raw(source).execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    raw(source).execute("INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 "
                        "FROM c WHERE x < 1000) SELECT x, x FROM c")  # fmt: skip
    chosen = []
    for seed in (7, 7, 8):
        target = new_database("sqlite")
        whimbrel.subset(source.url, target.url, percent=5, seed=seed)
        chosen.append({row[0] for row in raw(target).execute("SELECT id FROM t")})

    assert chosen[0] == chosen[1] != chosen[2]
    assert {50} == {*map(len, chosen)}
    # What shows the extremes is in all of them.
    assert all({1, 1000} <= ids for ids in chosen)


def test_every_engine_makes_the_same_choice(database, new_database, raw):
    scheme = schemes.Scheme(26, largest=200)
    assert sum(len(table.rows) for table in scheme.tables) > 100
    here, there = new_database("sqlite"), new_database("sqlite")
    build(scheme, raw(database))
    build(scheme, raw(here))

    ours = subset_of(scheme, database, new_database("sqlite"))
    theirs = subset_of(scheme, here, there)

    assert [(one.table, one.rows) for one in ours.choice.tables] == [
        (one.table, one.rows) for one in theirs.choice.tables
    ]
    for name in scheme.names:
        assert plainly(ours.choice.keys[name]) == plainly(theirs.choice.keys[name])


def plainly(keys: Sequence[Sequence[bytes | None]] | None) -> object:
    return None if keys is None else sorted(tuple(map(plain, key)) for key in keys)


NASTY = {
    "sqlite": ("INTEGER PRIMARY KEY", "TEXT", "DATE"),
    "postgresql": ("integer PRIMARY KEY", "text", "date"),
    "mariadb": ("integer PRIMARY KEY", "text CHARACTER SET utf8mb4", "date"),
    "mysql": ("integer PRIMARY KEY", "text CHARACTER SET utf8mb4", "date"),
}


def test_what_is_rare_is_in_a_subset_of_few_rows(database, new_database, raw):
    source, target = raw(database), new_database("sqlite")
    key, text, date = NASTY[database.kind]
    source.execute(
        f"CREATE TABLE t (id {key}, state varchar(10) NOT NULL, words {text}, n integer, "
        f"day {date}, CONSTRAINT span CHECK (n BETWEEN -7 AND 777))"
    )
    place = "?" if database.kind == "sqlite" else "%s"
    rare = {
        17: ("closed", "plain", 5, "2024-05-01"),
        170: ("open", "😀 smile", 5, "2024-05-01"),
        501: ("open", "", 5, "2024-05-01"),
        777: ("open", None, 5, "2024-05-01"),
        888: ("open", "x" * 300, 5, "2024-05-01"),
        1002: ("open", "plain", 777, "2024-05-01"),
        1003: ("open", "plain", -7, "2024-05-01"),
        1500: ("open", "plain", None, "2024-05-01"),
        1600: ("open", "plain", 5, "1970-01-01"),
        1601: ("open", "plain", 5, "2999-12-31"),
        1602: ("open", "plain", 5, None),
        1700: ("on hold", "plain", 5, "2024-05-01"),
    }
    for number in range(2_000):
        row = rare.get(number, ("open", f"plain {number % 700}", number % 90, "2024-05-01"))
        source.execute(f"INSERT INTO t VALUES ({', '.join([place] * 5)})", (number, *row))

    done = whimbrel.subset(database.url, target.url, rows=25, seed=3)

    there = {row[0] for row in raw(target).execute("SELECT id FROM t")}
    assert rare.keys() <= there
    assert 25 == len(there)
    (table,) = done.choice.tables
    said = {(one.column, one.what) for one in table.shown}
    assert {
        ("words", "NULL"),
        ("words", "empty"),
        ("words", "longest"),
        ("n", "border 777"),
        ("state", "value on hold"),
        ("day", "least"),
    } <= said


def test_references_that_no_key_says_are_followed_when_they_are_said(new_database, raw):
    source, target = new_database("sqlite"), new_database("sqlite")
    raw(source).execute("CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT UNIQUE)")
    raw(source).execute("CREATE TABLE log (id INTEGER PRIMARY KEY, who TEXT)")
    for number in range(400):
        raw(source).execute("INSERT INTO people VALUES (?, ?)", (number, f"p{number}@x.org"))
        raw(source).execute("INSERT INTO log VALUES (?, ?)", (number, f"p{number // 2}@x.org"))
    said = {"table": "log", "columns": "who", "ref_table": "people", "ref_columns": "mail"}

    whimbrel.subset(source.url, target.url, percent=5, seed=1, references=[said])

    lost = raw(target).value("SELECT count(*) FROM log WHERE who NOT IN (SELECT mail FROM people)")
    assert 0 == lost
    assert 20 <= raw(target).value("SELECT count(*) FROM people") <= 45


def test_rows_that_refer_to_nothing_are_counted(new_database, raw):
    source, target = new_database("sqlite"), new_database("sqlite")
    own = raw(source)
    own.execute("CREATE TABLE p (a INTEGER, b INTEGER, UNIQUE (a, b))")
    own.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, "
                "FOREIGN KEY (a, b) REFERENCES p (a, b))")  # fmt: skip
    own.execute("INSERT INTO p VALUES (NULL, 5)")
    for number in range(300):
        own.execute("INSERT INTO p VALUES (?, ?)", (number, number))
        whole = number % 3 == 0
        b = number if whole else None if number % 3 == 1 else -7
        own.execute("INSERT INTO c VALUES (?, ?, ?)", (number, number, b))

    done = whimbrel.subset(source.url, target.url, percent=10, seed=2)

    lost = raw(target).value("SELECT count(*) FROM c WHERE b = -7")
    assert {"c": lost, "p": 0} == {one.table: one.astray for one in done.choice.tables}
    assert lost == len(raw(target).execute("PRAGMA foreign_key_check"))
    assert 0 < lost < 30


class _Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", range(1, 9))
def test_a_subset_that_was_stopped_goes_on(stop, new_database, raw):
    scheme = schemes.Scheme(26)
    source, target, whole = (new_database("sqlite") for _ in range(3))
    build(scheme, raw(source))
    seen = []

    def tell(event: object) -> None:
        seen.append(event)
        if len(seen) == stop:
            raise _Stopped

    with contextlib.suppress(_Stopped):
        subset_of(scheme, source, target, tell=tell)
    subset_of(scheme, source, target, existing="refuse") if len(seen) == stop else None
    subset_of(scheme, source, whole)

    for name in scheme.names:
        assert rows(raw(whole), name) == rows(raw(target), name)


def test_half_a_subset_is_not_gone_on_with_by_another_seed(new_database, raw):
    source, target = new_database("sqlite"), new_database("sqlite")
    raw(source).execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    for number in range(500):
        raw(source).execute("INSERT INTO t VALUES (?, ?)", (number, number))

    def tell(event: object) -> None:
        if isinstance(event, events.TableCopied):
            raise _Stopped

    with pytest.raises(_Stopped):
        whimbrel.subset(source.url, target.url, rows=50, seed=7, tell=tell)
    with pytest.raises(errors.TransferHalfDone):
        whimbrel.subset(source.url, target.url, rows=50, seed=8)
    done = whimbrel.subset(source.url, target.url, rows=50, seed=8, existing="replace")

    assert done.ok
    assert 50 == raw(target).value("SELECT count(*) FROM t")


def test_a_target_with_such_tables_is_refused(new_database, raw):
    scheme = schemes.Scheme(26)
    source, target = new_database("sqlite"), new_database("sqlite")
    build(scheme, raw(source))
    raw(target).execute("CREATE TABLE t0 (a INTEGER)")

    with pytest.raises(errors.TargetNotEmpty):
        subset_of(scheme, source, target)

    assert [("t0",)] == raw(target).execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'whimbrel%'"
    )


def test_the_source_is_as_it_was(database, new_database, raw):
    scheme = schemes.Scheme(26)
    build(scheme, raw(database))
    before = {name: rows(raw(database), name) for name in scheme.names}

    subset_of(scheme, database, new_database("sqlite"))

    assert before == {name: rows(raw(database), name) for name in scheme.names}


SAMPLES = [
    ("chinook", "sqlite"),
    ("chinook", "postgresql"),
    ("sakila", "sqlite"),
    ("sakila", "mariadb"),
    ("sakila", "postgresql"),
    ("northwind", "sqlite"),
    ("northwind", "mariadb"),
    ("northwind", "postgresql"),
]


@pytest.mark.parametrize(("sample", "engine"), SAMPLES)
def test_a_real_database_becomes_a_small_one_without_orphans(
    sample: str,
    engine: str,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
    shared: Path,
) -> None:
    source, target = new_database(engine), new_database("sqlite")
    samples.load(BY_NAME[sample, engine], source, raw, shared)

    done = whimbrel.subset(source.url, target.url, rows=200 if sample == "northwind" else 800)

    assert done.transfer.equal
    assert not done.transfer.miscounted
    whole = sum(one.of for one in done.choice.tables)
    assert done.rows == done.choice.rows < whole
    there = raw(target)
    assert [] == there.execute("PRAGMA foreign_key_check")
    for one in done.choice.tables:
        assert one.rows >= min(one.of, 5) or one.of == 0
        assert one.rows == there.value(f'SELECT count(*) FROM "{one.table}"')
