"""SIGKILL while values are kept and while they are given back; then the same command again.

Whatever the moment, the end has to be equal to that of a run that nobody disturbed.
`make campaign` kills 200 times (WHIMBREL_KILLS).
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
ROWS = 1_500
CONFIG = """
[rows]
small_table = 500
first_rows = 200
largest_rows = 300
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
            self.column("note", "text"),
            self.column("code", "string", length=12),
        ])
        self.create_table("old", [
            self.column("id", "integer", primary_key=True),
            self.column("word", "string", length=30),
        ])
        numbers = range({rows})
        values = ", ".join(
            f"({{3 * n}}, {{n}}, 'item {{n}}', 'note {{n % 7}}', '{{'0' * (n % 3)}}{{n}}')"
            for n in numbers
        )
        self.execute(f"INSERT INTO item VALUES {{values}}")
        self.execute("INSERT INTO old VALUES (1, 'a'), (2, NULL)")
        self.create_table("part", [
            self.column("id", "integer", primary_key=True), self.column("item", "integer"),
        ])
        self.add_foreign_key("part", "item", "item", "id", on_delete="cascade")
        self.create_index("part", "item")
        values = ", ".join(f"({{n}}, {{3 * n}})" for n in range(300))
        self.execute(f"INSERT INTO part VALUES {{values}}")
"""
STEPS = """
from whimbrel import Migration


class Steps(Migration):
    transactional = False

    def change(self):
        self.backfill("item", {"n": "n + 1"})
        self.remove_column("item", "note")
        self.transform("item", "item", lambda row: {**row, "label": row["label"] + "!"})
        self.delete_rows("item", where="id % 7 = 0")
        self.drop_table("old")
        self.change_column("item", "code", "integer", accept_loss=True)
"""
BEFORE = (
    "SELECT count(*), sum(n), min(n), max(n), min(label), max(note) FROM item",
    "SELECT id, n, label, note, code FROM item WHERE id % 97 = 0 ORDER BY id",
    "SELECT count(*), max(length(code)) FROM item WHERE code LIKE '0%'",
    "SELECT count(*) FROM item WHERE note LIKE 'note %' AND label NOT LIKE '%!'",
    "SELECT * FROM old ORDER BY id",
    "SELECT count(*), sum(item) FROM part",
)
AFTER = (
    "SELECT count(*), sum(n), min(n), max(n), min(label), sum(code) FROM item",
    "SELECT count(*), sum(item) FROM part",
    "SELECT id, n, label, code FROM item WHERE id % 97 = 0 ORDER BY id",
)
KEPT = (
    "SELECT count(*) FROM whimbrel_kept WHERE gone_at IS NULL",
    "SELECT count(*), sum(n) FROM whimbrel_undo_{run}_1",
    "SELECT count(*), sum(n) FROM whimbrel_undo_{run}_1_now",
    "SELECT count(*), max(note) FROM whimbrel_undo_{run}_2",
    "SELECT count(*), max(label) FROM whimbrel_undo_{run}_3",
    "SELECT count(*), sum(n) FROM whimbrel_undo_{run}_4",
    "SELECT count(*), sum(item) FROM whimbrel_undo_{run}_4_1",
    "SELECT count(*), max(code) FROM whimbrel_undo_{run}_6",
    "SELECT count(*), max(code) FROM whimbrel_undo_{run}_6_now",
    "SELECT count(*), max(code) FROM whimbrel_undo_{run}_6_made",
)


def kept_queries(raw: databases.Raw) -> tuple[str, ...]:
    """Return what asks what is kept, by the run that began the steps: a first one may have died."""
    ((run,),) = raw.execute("SELECT max(run) FROM whimbrel_kept")
    return tuple(query.format(run=run) for query in KEPT)


def state(raw: databases.Raw, queries: tuple[str, ...]) -> list[object]:
    """Return what is the same exactly if nothing was lost and nothing done twice."""
    return [raw.execute(query) for query in queries]


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
def test_the_undisturbed_run_goes_there_and_back(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    prepare(project)
    opened = begin(project, database)
    look = raw(database)
    before = state(look, BEFORE)

    opened.up()
    kept = state(look, kept_queries(look))
    opened.down()

    assert before == state(look, BEFORE)
    assert [[(6,)], [(ROWS, sum(range(ROWS)))]] == kept[:2]


@pytest.mark.crash
@pytest.mark.parametrize("direction", [pytest.param("up", marks=pytest.mark.exhaustive), "down"])
def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(
    direction: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    prepare(project)
    opened = begin(project, database)
    before = state(raw(database), BEFORE)
    took = {"up": undisturbed(project, database, "up")}
    after = state(raw(database), AFTER)
    kept = state(raw(database), kept_queries(raw(database)))
    took["down"] = undisturbed(project, database, "down")
    chance = random.Random(f"undo {direction} {database.engine_id}")
    killed = 0

    for _ in range(10 * KILLS):
        if killed >= KILLS:
            break
        again = new_database(database.engine_id)
        opened = begin(project, again)
        if direction == "down":
            opened.up()
        for _ in range(3):  # a resumed run is killed as well
            process = child.start(project.path, again.url, direction)
            process.join(chance.uniform(0.0, took[direction]))
            killed += process.is_alive()
            process.kill()
            process.join()
            if finished(opened, direction):
                break  # once more would be another migration
        if not finished(opened, direction):
            child.when_free(opened.up if direction == "up" else opened.down)

        with databases.Raw(again) as looked:
            if direction == "up":
                assert after == state(looked, AFTER)
                assert kept == state(looked, kept_queries(looked))
                opened.down()
            assert before == state(looked, BEFORE)
            assert [(0,)] == looked.execute(KEPT[0])

    assert killed >= KILLS


def undisturbed(
    project: conftest.ProjectFolder, database: databases.Database, direction: str
) -> float:
    """Return how many seconds a process needs that nobody kills."""
    began = time.monotonic()
    process = child.start(project.path, database.url, direction)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - began


def finished(opened: projects.Project, direction: str) -> bool:
    """Whether the migration is where the run should bring it."""
    return opened.status()[-1].state == ("applied" if direction == "up" else "pending")


@pytest.mark.crash
@pytest.mark.parametrize(
    "kill_at",
    [
        9,
        22,
        pytest.param(15, marks=pytest.mark.exhaustive),
        pytest.param(30, marks=pytest.mark.exhaustive),
    ],
)
def test_a_half_done_migration_is_taken_back_though_that_is_killed_too(
    kill_at: int, project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    prepare(project)
    opened = begin(project, database)
    look = raw(database)
    before = state(look, BEFORE)
    assert child.run_and_die(project.path, database.url, kill_at=kill_at).by_signal

    child.when_free(lambda: None)
    child.run_and_die(project.path, database.url, direction="down", kill_at=8)
    if not finished(opened, "down"):
        child.when_free(opened.down)

    assert before == state(look, BEFORE)
    assert finished(opened, "down")
