"""SIGKILL before and after every step and every statement; `up` again; the same end state.

`make test` kills at each of them on one engine, `make campaign` on all (WHIMBREL_EVERY_EVENT).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import conftest, databases
from tests.crash import child
from whimbrel import errors, events
from whimbrel.engines import registry
from whimbrel.migrations import project as projects

# At every one, or at every third: a different third on each engine.
STRIDE = 1 if os.environ.get("WHIMBREL_EVERY_EVENT") else 3
THIRDS = {"sqlite": 0, "postgresql": 1, "mariadb": 2}

BASE = """
from whimbrel import Migration


class Base(Migration):
    def up(self):
        self.create_table("account", [
            self.column("id", "integer", primary_key=True),
            self.column("owner", "string", length=100),
            self.column("balance", "integer", null=False, default=0),
        ])
        rows = ", ".join(f"({n}, 'owner {n} 😀', {n * 10})" for n in range(1, 41))
        self.execute(f"INSERT INTO account (id, owner, balance) VALUES {rows}")

    def down(self):
        self.drop_table("account")
"""
# Doing any of these steps twice, or not at all, shows in the rows or in the catalog.
TEN_STEPS = """
from whimbrel import Migration


class Ten(Migration):
    def up(self):
        self.create_table("entry", [
            self.column("id", "integer", primary_key=True, auto_increment=True),
            self.column("account_id", "integer", null=False),
            self.column("amount", "integer", null=False),
        ])
        self.execute("INSERT INTO entry (account_id, amount) SELECT id, balance FROM account")
        count = self.execute("SELECT count(*) FROM entry")[0][0]
        self.add_column("account", "entries", "integer", default=0, null=False)
        self.execute("UPDATE account SET entries = entries + 1, balance = balance + ?", [count])
        self.change_column("account", "owner", "string", length=150, null=False)
        self.add_foreign_key("entry", "account_id", "account", "id")
        self.create_index("entry", ["amount", "account_id"])
        self.rename_column("account", "owner", "holder")
        self.execute("INSERT INTO entry (account_id, amount) SELECT id, -1 FROM account"
                     " WHERE balance > ?", [count + 100])

    def down(self):
        self.execute("DELETE FROM entry WHERE amount = -1")
        self.rename_column("account", "holder", "owner")
        self.remove_index("entry", ["amount", "account_id"])
        self.remove_foreign_key("entry", "account_id")
        self.change_column("account", "owner", "string", length=100, null=True)
        count = self.execute("SELECT count(*) FROM entry")[0][0]
        self.execute("UPDATE account SET entries = entries - 1, balance = balance - ?", [count])
        self.remove_column("account", "entries")
        self.drop_table("entry")
"""
BY_STEPS = TEN_STEPS.replace(
    "class Ten(Migration):", "class Ten(Migration):\n    transactional = False\n"
)

OpenRaw = Callable[[databases.Database], databases.Raw]


def state(database: databases.Database, raw: databases.Raw) -> dict[str, object]:
    """Return all that a migration leaves behind, but for times and numbers of runs."""
    session = registry.open_session(database.url, read_only=True)
    try:
        catalog = session.engine.catalog(session)
        found: dict[str, object] = dict(catalog.texts())
        for table in catalog.tables():
            # A counter that was rolled back leaves a gap in the numbers it gave, on any engine.
            columns = "account_id, amount" if table == "entry" else "*"
            name = session.engine.quote(table)
            rows = raw.execute(f"SELECT {columns} FROM {name}")
            found[f"rows of {table}"] = sorted(map(repr, rows))
    finally:
        session.close()
    return found


@pytest.fixture
def folder(project: conftest.ProjectFolder, request: pytest.FixtureRequest) -> Path:
    """A project whose second migration has ten steps."""
    project.migration("20260101_000000_base", BASE)
    project.migration("20260102_000000_ten_steps", getattr(request, "param", TEN_STEPS))
    return project.path


def undisturbed(folder: Path, url: str, direction: str) -> int:
    """Run to the end; return how many events were told."""
    told: list[events.Event] = []
    opened = projects.open_project(folder=folder, database=url, tell=told.append)
    opened.up() if direction == "up" else opened.down()
    return len(told)


def kill_everywhere(
    folder: Path, new_database: conftest.NewDatabase, raw: OpenRaw, engine: str, direction: str
) -> int:
    """Kill at every event in turn, finish, and compare; return how many kills there were."""

    def prepared() -> databases.Database:
        database = new_database(engine)
        opened = projects.open_project(folder=folder, database=database.url)
        opened.up(count=1)
        if direction == "down":
            opened.up()
        return database

    reference = prepared()
    last = undisturbed(folder, reference.url, direction)
    expected = state(reference, raw(reference))
    killed = 0
    first = 1 + (THIRDS.get(engine, 0) + (direction == "down")) % STRIDE
    for event in range(first, last + 1, STRIDE):
        database = prepared()
        killed += child.run_and_die(
            folder, database.url, direction=direction, kill_at=event
        ).by_signal
        opened = projects.open_project(folder=folder, database=database.url)
        finished = opened.status()[-1].state == ("applied" if direction == "up" else "pending")
        if not finished:
            child.when_free(opened.up if direction == "up" else opened.down)

        assert expected == state(database, raw(database)), f"killed at event {event} of {last}"
        runs = [run.status for run in opened.history()]
        assert "running" not in runs
    return killed


@pytest.mark.crash
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_killed_migration_ends_the_same(
    direction: str,
    folder: Path,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    killed = kill_everywhere(folder, new_database, raw, database.engine_id, direction)

    # Ten steps (or nine) of four events each, and the run's and the migration's own.
    assert killed >= 36 // STRIDE


@pytest.mark.crash
@pytest.mark.parametrize("folder", [BY_STEPS], indirect=True, ids=["by_steps"])
def test_a_killed_migration_that_commits_by_steps_ends_the_same(
    folder: Path,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    killed = kill_everywhere(folder, new_database, raw, database.engine_id, "up")

    assert killed >= 40 // STRIDE


WAITING = """
import pathlib
import time

from whimbrel import Migration


class Waiting(Migration):
    def up(self):
        self.create_table("a", [self.column("id", "integer", primary_key=True)])
        pathlib.Path("{here}/started").touch()
        for _ in range(600):
            if pathlib.Path("{here}/go").exists():
                return
            time.sleep(0.05)
"""


@pytest.mark.crash
def test_a_second_runner_is_refused_and_told_who_holds_the_lock(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    # The plan is made before: it must not wait, so the wait begins with a running child only.
    text = WAITING.format(here=project.path).replace(
        "    def up(self):",
        "    def up(self):\n"
        "        if type(self._desk).__name__ == 'PlanDesk':\n            return",
    )
    project.migration("20260101_000000_waiting", text)
    process = child.start(project.path, database.url)
    deadline = time.monotonic() + 30
    while not (project.path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)

    try:
        with pytest.raises(errors.LockHeld) as refused:
            projects.open_project(folder=project.path, database=database.url).up()
    finally:
        (project.path / "go").touch()
        process.join(30)

    assert f"(pid {process.pid})" in str(refused.value)
    assert 0 == process.exitcode


@pytest.mark.crash
def test_the_lock_of_a_killed_runner_is_freed(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    project.migration("20260101_000000_base", BASE)
    killed = child.run_and_die(project.path, database.url, kill_at=6)
    opened = projects.open_project(folder=project.path, database=database.url)

    child.when_free(opened.up)

    assert killed.by_signal
    assert "applied" == opened.status()[0].state
