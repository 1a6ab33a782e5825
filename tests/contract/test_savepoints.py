"""savepoint(): what a block did is taken back with its error, also when a run is resumed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases
from tests.contract import test_rows
from tests.crash import child, test_kill_at_every_step
from whimbrel import errors
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

LINES = (
    'self.execute("UPDATE number SET n = n + 1000 WHERE id = 1")',
    "try:",
    "    with self.savepoint():",
    '        self.execute("UPDATE number SET n = n + 1000 WHERE id = 2")',
    "        with self.savepoint():",
    '            self.execute("UPDATE number SET n = n + 1000 WHERE id = 3")',
    '        self.execute("INSERT INTO number VALUES (1, 1, NULL)")',
    "except Exception:",
    '    self.execute("UPDATE number SET n = n + 1000 WHERE id = 4")',
    "with self.savepoint():",
    '    self.execute("UPDATE number SET n = n + 1000 WHERE id = 5")',
    "    try:",
    "        with self.savepoint():",
    '            self.backfill("number", {"n": "n + 1000"}, where="id = 6")',
    "            raise KeyError",
    "    except KeyError:",
    "        pass",
    '    self.execute("UPDATE number SET n = n + 1000 WHERE id = 7")',
    'self.execute("UPDATE number SET n = n + 1000 WHERE id = 8")',
)
CHANGED = [1, 4, 5, 7, 8]


def changed(raw: databases.Raw) -> list[object]:
    """Return the rows that were changed once; a row changed twice is not among them."""
    return [row[0] for row in raw.execute("SELECT id FROM number WHERE n = id + 1000 ORDER BY id")]


def write(project: conftest.ProjectFolder, *, by_steps: bool) -> None:
    """Write the migration."""
    body = "".join(f"        {line}\n" for line in LINES)
    attribute = "    transactional = False\n\n" if by_steps else ""
    project.migration(
        "20260101_000000_one", f"{test_rows.HEAD}{attribute}    def up(self):\n{body}"
    )


@pytest.mark.parametrize("by_steps", [False, True], ids=["whole", "by steps"])
def test_what_a_block_did_is_taken_back_with_its_error(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, by_steps: bool
) -> None:
    test_rows.numbers(database, raw(database), 10)
    write(project, by_steps=by_steps)

    projects.open_project(folder=project.path, database=database.url).up()

    assert CHANGED == changed(raw(database))


@pytest.mark.crash
def test_savepoints_of_a_killed_run_are_taken_back_just_the_same(
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    write(project, by_steps=True)
    test_rows.numbers(database, raw(database), 10)
    event, kills = 1, 0
    while True:
        again = new_database(database.engine_id)
        test_rows.numbers(again, raw(again), 10)
        died = child.run_and_die(project.path, again.url, kill_at=event).by_signal
        if not died:
            break
        kills += 1
        child.when_free(projects.open_project(folder=project.path, database=again.url).up)

        assert CHANGED == changed(raw(again)), f"killed at event {event}"

        event += 2 * test_kill_at_every_step.STRIDE
    assert kills > 8 // test_kill_at_every_step.STRIDE


def test_a_savepoint_inside_of_a_batch_lets_the_batch_go_on(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    test_rows.numbers(database, raw(database), test_rows.ROWS)
    project.config(test_rows.SMALL)

    test_rows.up(
        project,
        database,
        'for batch in self.batches("number"):',
        "    for row in batch:",
        "        try:",
        "            with self.savepoint():",
        '                self.execute("UPDATE number SET n = n + 1000 WHERE id = ?", [row["id"]])',
        "                if row['id'] % 50 == 0:",
        '                    self.execute("INSERT INTO number VALUES (1, 1, NULL)")',
        "        except Exception:",
        "            pass",
    )

    expected = [n for n in range(1, test_rows.ROWS + 1) if n % 50]
    assert expected == changed(raw(database))


def test_a_large_table_is_refused_inside_of_a_savepoint(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    test_rows.numbers(database, raw(database), test_rows.ROWS)
    project.config(test_rows.SMALL)

    with pytest.raises(errors.WhimbrelError) as refused:
        test_rows.up(
            project,
            database,
            "with self.savepoint():",
            '    self.backfill("number", {"n": "0"})',
        )

    assert "too large for a savepoint" in str(refused.value)
    assert sum(range(1, test_rows.ROWS + 1)) == raw(database).value("SELECT sum(n) FROM number")
