"""SIGKILL while tables are restructured: `up` ends as undisturbed, `down` as it began."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases
from tests.crash import child
from tests.crash import test_kill_at_every_step as every_step
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

# Nothing is small: each step commits by itself, on every engine.
CONFIG = "[rows]\nsmall_table = 5\nfirst_rows = 20\n"
HEAD = "from whimbrel import Migration\n\n\nclass It(Migration):\n    def change(self):\n"
BLOCK = (
    HEAD
    + """
        self.add_column("account", "half", "integer")
        with self.without_indexes("account", constraints=True):
            self.backfill("account", {"half": "balance / 2"})
"""
)
EXTRACT = (
    HEAD
    + """
        self.extract_table("account", ["owner", "city"], into="person")
"""
)
CONVERT = (
    HEAD
    + """
        self.convert_column("account", "number", "integer", was=self.column(
            "number", "string", length=20))
        self.split_column("account", "city", {"town": ("string", "substr(city, 1, 2)"),
            "rest": ("string", "substr(city, 3)")}, merge="concat(town, rest)",
            was=self.column("city", "string", length=30))
"""
)
BASE = """
from whimbrel import Migration


class Base(Migration):
    def up(self):
        self.create_table("place", [self.column("id", "integer", primary_key=True)])
        self.create_table("account", [
            self.column("id", "integer", primary_key=True),
            self.column("owner", "string", length=100),
            self.column("city", "string", length=30),
            self.column("number", "string", length=20),
            self.column("balance", "integer", null=False, default=0),
            self.column("place_id", "integer"),
        ])
        self.execute("INSERT INTO place VALUES (1)")
        self.create_index("account", ["balance", "id"])
        self.create_index("account", ["balance", "place_id"], name="several", unique=False)
        self.create_index("account", "place_id", name="served")
        self.add_foreign_key("account", "place_id", "place", "id")
        self.add_unique("account", ["balance", "id"])
        rows = ", ".join(f"({n}, 'owner {n % 7} 😀', 'city{n % 3}', '{n}', {n * 10}, 1)"
                         for n in range(1, 61))
        self.execute("INSERT INTO account (id, owner, city, number, balance, place_id)"
                     f" VALUES {rows}")

    def down(self):
        self.drop_table("account")
        self.drop_table("place")
"""


def state(database: databases.Database, raw: databases.Raw) -> dict[str, object]:
    """Return what a migration leaves behind, columns in no order: one that comes back is last."""
    from whimbrel.engines import registry

    session = registry.open_session(database.url, read_only=True)
    try:
        catalog = session.engine.catalog(session)
        found: dict[str, object] = {}
        for name in catalog.tables():
            table = catalog.table(name)
            parts = [*table.columns, *table.indexes, *table.uniques, *table.foreign_keys]
            found[name] = sorted(
                f"{type(part).__name__} {part.name} {getattr(part, 'type', '')}"
                f"{getattr(part, 'columns', '')}"
                for part in parts
            )
            columns = sorted(column.name for column in table.columns)
            names = ", ".join(map(session.engine.quote, columns))
            rows = raw.execute(f"SELECT {names} FROM {session.engine.quote(name)}")
            found[f"rows of {name}"] = sorted(map(repr, rows))
    finally:
        session.close()
    return found


@pytest.mark.crash
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(
    ("text", "every"), [(BLOCK, 1), (EXTRACT, 5), (CONVERT, 7)], ids=["block", "extract", "convert"]
)
def test_a_killed_restructuring_is_finished_or_taken_back(
    text: str,
    every: int,
    direction: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    project.config(CONFIG)
    project.migration("20260101_000000_base", BASE)
    project.migration("20260102_000000_it", text)

    def prepared(engine: str) -> databases.Database:
        made = new_database(engine)
        projects.open_project(folder=project.path, database=made.url).up(count=1)
        return made

    reference = prepared(database.engine_id)
    before = state(reference, raw(reference))
    last = every_step.undisturbed(project.path, reference.url, "up")
    after = state(reference, raw(reference))
    killed = 0
    for event in range(1, last + 1, every):
        again = prepared(database.engine_id)
        dead = child.run_and_die(project.path, again.url, kill_at=event)
        killed += dead.by_signal
        opened = projects.open_project(folder=project.path, database=again.url)
        done = opened.status()[-1].state
        if direction == "up" and done != "applied":
            child.when_free(opened.up)
        if direction == "down" and done != "pending":
            child.when_free(opened.down)

        expected = after if direction == "up" else before
        assert expected == state(again, raw(again)), f"killed at event {event} of {last}"
    assert killed >= last // every - 2


@pytest.mark.crash
def test_a_way_back_that_is_killed_ends_the_same(
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    project.config(CONFIG)
    project.migration("20260101_000000_base", BASE)
    project.migration("20260102_000000_it", EXTRACT)

    def prepared(count: int | None) -> databases.Database:
        made = new_database(database.engine_id)
        projects.open_project(folder=project.path, database=made.url).up(count=count)
        return made

    empty = prepared(1)
    before = state(empty, raw(empty))
    reference = prepared(None)
    last = every_step.undisturbed(project.path, reference.url, "down")
    assert before == state(reference, raw(reference))
    for event in range(1, last + 1, 6):
        again = prepared(None)
        child.run_and_die(project.path, again.url, direction="down", kill_at=event)
        opened = projects.open_project(folder=project.path, database=again.url)
        if opened.status()[-1].state != "pending":
            child.when_free(opened.down)

        assert before == state(again, raw(again)), f"killed at event {event} of {last}"
