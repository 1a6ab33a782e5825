"""up, then random changes by others, then down: nothing is lost that nobody took away.

What has to come of it is computed from three pictures of the table: before the migration, after
it, and after the others. A cell that the migration changed and nobody after it gets its old value.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import conftest, databases
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]
Rows = dict[tuple[object, ...], dict[str, object]]

COLUMNS = ("i", "f", "t", "d", "b", "m")
TYPES = {
    "sqlite": ("INTEGER", "REAL", "TEXT", "TEXT", "BLOB", "NUMERIC"),
    "postgresql": ("integer", "double precision", "text", "date", "bytea", "numeric(12,3)"),
    "mariadb": ("INT", "DOUBLE", "TEXT", "DATE", "LONGBLOB", "DECIMAL(12,3)"),
}
KEY = {
    "sqlite": "k TEXT NOT NULL COLLATE NOCASE, n INTEGER NOT NULL",
    "postgresql": "k varchar(20) NOT NULL, n integer NOT NULL",
    "mariadb": "k VARCHAR(20) CHARACTER SET utf8mb4 NOT NULL, n INT NOT NULL",
}
# Nobody but the others writes values of 7,000 and more, and texts with this bird.
ints = st.none() | st.integers(-99, 999)
floats = st.none() | st.sampled_from([0.1, 0.1 + 0.2, 1e300, -2.5, 5e-324, 123456789.123456789])
texts = st.none() | st.text("aAéß 'z\\%☃🐦\n\"", max_size=6)
days = st.none() | st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30)).map(str)
blobs = st.none() | st.binary(max_size=5)
decimals = st.none() | st.integers(-9999, 9999)
values = st.tuples(ints, floats, texts, days, blobs, decimals)
names = st.sampled_from(["a", "b", "Ü", "emu 🐦", "o'x", "50%"])
keys = st.tuples(names, st.integers(0, 3))
STEPS = (
    'self.backfill("thing", {"i": "i * 3 + 1", "t": "k"})',
    'self.backfill("thing", {"t": "NULL", "d": "NULL", "b": "NULL"}, where="n < 2")',
    'self.backfill("thing", {"f": "f * 2", "m": "m / 3"})',
    'self.transform("thing", "thing", change)',
    'self.delete_rows("thing", where="n = 1")',
    'self.delete_rows("thing", where="i > 100")',
    'self.remove_column("thing", "x")',
)
others = st.lists(
    st.tuples(st.sampled_from(["update", "delete", "insert"]), st.integers(0, 20), keys), max_size=8
)
HEAD = """from whimbrel import Migration


def change(row):
    if row["n"] == 2:
        return None
    return {**row, "t": (row["t"] or "") + "ß", "i": None if row["i"] else 5, "b": b"\\x00\\xff"}


class Change(Migration):
    def change(self):
"""


def look(raw: databases.Raw) -> Rows:
    """Return the table, by its key; values as they are, to the type."""
    columns = ("k", "n", *COLUMNS)
    rows = raw.execute(f"SELECT {', '.join(columns)} FROM thing")
    return {tuple(row[:2]): dict(zip(COLUMNS, map(_plain, row[2:]), strict=True)) for row in rows}


def _plain(value: object) -> object:
    plain = bytes(value) if isinstance(value, bytearray | memoryview) else value
    return (type(plain).__name__, repr(plain))


def expected(before: Rows, between: Rows, after: Rows) -> Rows:
    """Return what `down --conflicts new` has to make of it."""
    made = {}
    for key, row in after.items():
        made[key] = dict(row)
        for name in COLUMNS if key in before and key in between else ():
            ours = between[key][name] != before[key][name]
            if ours and row[name] == between[key][name]:
                made[key][name] = before[key][name]
    for key, row in before.items():
        if key not in between and key not in after:
            made[key] = row
    return made


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=st.dictionaries(keys, values, min_size=1, max_size=12),
    steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=3, unique=True),
    changes=others,
)
def test_what_nobody_changed_since_comes_back_and_what_others_did_stays(
    database: databases.Database,
    raw: OpenRaw,
    tmp_path: Path,
    rows: dict[tuple[str, int], tuple[object, ...]],
    steps: list[str],
    changes: list[tuple[str, int, tuple[str, int]]],
) -> None:
    folder = tmp_path / "project"
    shutil.rmtree(folder, ignore_errors=True)
    project = conftest.ProjectFolder(folder)
    project.migrations.mkdir(parents=True)
    body = "".join(f"        {step}\n" for step in steps)
    project.migration("20260101_000000_change", HEAD + body)
    connection = raw(database)
    kind = database.kind
    mark = "?" if kind == "sqlite" else "%s"
    columns = ", ".join(f"{n} {t}" for n, t in zip(COLUMNS, TYPES[kind], strict=True))
    connection.execute("DROP TABLE IF EXISTS thing")
    connection.execute(
        f"CREATE TABLE thing ({KEY[kind]}, {columns}, x INTEGER, "
        "g INTEGER GENERATED ALWAYS AS (n * 2) STORED, PRIMARY KEY (k, n))"
    )
    insert = f"INSERT INTO thing (k, n, {', '.join(COLUMNS)}, x) VALUES ({', '.join([mark] * 9)})"
    for (k, n), row in rows.items():
        connection.execute(insert, [k, n, *row, n * 7])
    before = look(connection)
    opened = projects.open_project(folder=folder, database=database.url)

    opened.up()
    between = look(connection)
    there = sorted(between)
    for what, number, (k, n) in changes:
        if what == "insert" and (k, n) not in look(connection):
            new = f"INSERT INTO thing (k, n, t) VALUES ({mark}, {mark}, {mark})"
            connection.execute(new, [k, n, f"other {number}"])
        elif there:
            key = there[number % len(there)]
            if what == "delete":
                connection.execute(f"DELETE FROM thing WHERE k = {mark} AND n = {mark}", key)
            elif what == "update":
                column, value = [("t", f"other {number}"), ("i", 7000 + number)][number % 2]
                connection.execute(
                    f"UPDATE thing SET {column} = {mark} WHERE k = {mark} AND n = {mark}",
                    [value, *key],
                )
    after = look(connection)
    opened.down(conflicts="new")

    assert expected(before, between, after) == look(connection)
    kept = connection.execute("SELECT k, n, x FROM thing WHERE x IS NOT NULL")
    assert all(x == n * 7 for _, n, x in kept)
    assert all(g == n * 2 for n, g in connection.execute("SELECT n, g FROM thing"))


def test_unique_values_that_were_swapped_are_swapped_back(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    connection = raw(database)
    connection.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, u INTEGER NOT NULL UNIQUE)")
    for n in range(1, 21):
        connection.execute(f"INSERT INTO thing VALUES ({n}, {n})")
    project.migration(
        "20260101_000000_swap",
        "from whimbrel import Migration\n\n\nclass Swap(Migration):\n    def change(self):\n"
        '        self.backfill("thing", {"u": "u + 1000"})\n'
        '        self.backfill("thing", {"u": "1021 - u"})\n',
    )
    opened = projects.open_project(folder=project.path, database=database.url)

    opened.up()
    swapped = connection.execute("SELECT id, u FROM thing ORDER BY id")
    opened.down()

    assert [(n, 21 - n) for n in range(1, 21)] == swapped
    assert [(n, n) for n in range(1, 21)] == connection.execute(
        "SELECT id, u FROM thing ORDER BY id"
    )
