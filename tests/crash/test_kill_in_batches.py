"""SIGKILL in the middle of batches, at every event and at random moments; `up` again.

Every row has to be done exactly once: what the steps do is chosen so that doing a row twice, or
not at all, shows in counts and sums. `make campaign` kills 200 times (WHIMBREL_KILLS).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest

from tests import conftest, databases
from tests.crash import child
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

KILLS = int(os.environ.get("WHIMBREL_KILLS", "2"))
ROWS = 12_000
# Small batches, so that a kill falls between two of them as often as into one.
CONFIG = """
[rows]
small_table = 1000
first_rows = 200
largest_rows = 500
workers = 2
"""
BASE = """
from whimbrel import Migration


class Base(Migration):
    def up(self):
        self.create_table("item", [
            self.column("id", "integer", primary_key=True),
            self.column("n", "integer"),
            self.column("label", "string", length=30),
        ])
        for start in range(0, {rows}, 4000):
            numbers = range(start, start + 4000)
            values = ", ".join(f"({{3 * n}}, {{n}}, 'item {{n}}')" for n in numbers)
            self.execute(f"INSERT INTO item VALUES {{values}}")
        for name in ("copied", "made"):
            # Without a key: a row that is written twice is not refused, and shows.
            self.create_table(name, [self.column("id", "integer"), self.column("n", "integer")])
"""
STEPS = """
from whimbrel import Migration


def twice(row):
    if row["n"] % 3 == 0:
        return None
    made = {"id": row["id"], "n": row["n"]}
    return [made, made] if row["n"] % 3 == 1 else made


class Steps(Migration):
    def up(self):
        self.backfill("item", {"n": "n + 1"})
        self.copy_rows("item", "copied", {"id": "id", "n": "n * 2"})
        self.transform("item", "made", twice)
        self.transform("item", "item", lambda row: {**row, "n": row["n"] + 5})
        for batch in self.batches("item", where="n % 2 = 0"):
            self.execute(
                "UPDATE item SET n = n + 100000 WHERE n % 2 = 0 AND id BETWEEN ? AND ?",
                [batch.first, batch.last],
            )
        self.delete_rows("item", where="id % 7 = 0")
"""
STATE = (
    "SELECT count(*), sum(n), min(n), max(n) FROM item",
    "SELECT count(*), count(DISTINCT id), sum(n) FROM copied",
    "SELECT count(*), count(DISTINCT id), sum(n) FROM made",
)


def state(raw: databases.Raw) -> list[object]:
    """Return what is the same exactly if every row was done once."""
    return [raw.execute(query) for query in STATE]


def prepare(project: conftest.ProjectFolder) -> None:
    """Write the migrations and the configuration."""
    project.config(CONFIG)
    project.migration("20260101_000000_base", BASE.format(rows=ROWS))
    project.migration("20260102_000000_steps", STEPS)


def begin(project: conftest.ProjectFolder, database: databases.Database) -> projects.Project:
    """Apply what the steps need."""
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up(count=1)
    return opened


@pytest.mark.crash
def test_batches_killed_at_random_moments_are_done_once(
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    prepare(project)
    begin(project, database)
    began = time.monotonic()
    child.run(project.path, database.url)
    seconds = time.monotonic() - began
    expected = state(raw(database))
    chance = random.Random(f"batches {database.engine_id}")
    killed = 0

    for _ in range(10 * KILLS):
        if killed >= KILLS:
            break
        again = new_database(database.engine_id)
        begin(project, again)
        for _ in range(3):  # a resumed run is killed as well
            process = child.start(project.path, again.url)
            process.join(chance.uniform(0, seconds))
            killed += process.is_alive()
            process.kill()
            process.join()
        child.when_free(projects.open_project(folder=project.path, database=again.url).up)

        # Closed at once: a campaign has more databases than a server takes connections.
        with databases.Raw(again) as looked:
            assert expected == state(looked)

    assert killed >= KILLS


@pytest.mark.crash
def test_the_undisturbed_run_is_right(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    prepare(project)

    begin(project, database).up()

    numbers = [n + 6 for n in range(ROWS)]
    changed = {3 * i: n + 100_000 * (n % 2 == 0) for i, n in enumerate(numbers)}
    left = [n for id_, n in changed.items() if id_ % 7]
    made = [n + 1 for n in range(ROWS) for _ in range((0, 2, 1)[(n + 1) % 3])]
    assert [
        [(len(left), sum(left), min(left), max(left))],
        [(ROWS, ROWS, sum(2 * (n + 1) for n in range(ROWS)))],
        [(len(made), len(set(made)), sum(made))],
    ] == state(raw(database))
