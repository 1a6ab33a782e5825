"""SIGKILL at random moments, also in the middle of a statement; `up` again; the same end state.

`make campaign` does this many times more often (WHIMBREL_KILLS says how often).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest

from tests import conftest, databases
from tests.crash import child
from tests.crash import test_kill_at_every_step as every_step
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

KILLS = int(os.environ.get("WHIMBREL_KILLS", "1"))
# Enough rows for statements to take a while, so that some kills fall into one.
ROWS = 20_000


@pytest.mark.crash
def test_a_migration_killed_at_random_moments_ends_the_same(
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    many = every_step.BASE.replace("range(1, 41)", f"range(1, {ROWS + 1})")
    project.migration("20260101_000000_base", many)
    project.migration("20260102_000000_ten_steps", every_step.TEN_STEPS)
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up(count=1)
    child.run(project.path, new_database(database.engine_id).url)  # loads what is loaded once
    began = time.monotonic()
    child.run(project.path, database.url)
    seconds = time.monotonic() - began
    expected = every_step.state(database, raw(database))
    chance = random.Random(database.engine_id)
    killed = 0

    for _ in range(10 * KILLS):
        if killed >= KILLS:
            break
        again = new_database(database.engine_id)
        projects.open_project(folder=project.path, database=again.url).up(count=1)
        for _ in range(2):  # a resumed run may be killed as well
            process = child.start(project.path, again.url)
            process.join(chance.uniform(0, seconds))
            killed += process.is_alive()
            process.kill()
            process.join()
        child.when_free(projects.open_project(folder=project.path, database=again.url).up)

        assert expected == every_step.state(again, raw(again))

    assert killed >= KILLS
