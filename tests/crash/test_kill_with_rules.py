"""SIGKILL at every event of a migration with rules: what is kept is compared with the beginning."""

from __future__ import annotations

import contextlib

import pytest

from tests.crash import child
from tests.crash import test_kill_at_every_step as every_step
from whimbrel import errors, events
from whimbrel.migrations import project as projects

MIGRATION = """
from whimbrel import Migration


class Moved(Migration):
    transactional = False

    def validate_before(self):
        self.expect.rows("entry", exactly=3)

    def up(self):
        self.execute("UPDATE entry SET amount = amount + 100")
        self.add_column("entry", "note", "text")
        self.execute("UPDATE entry SET amount = amount - 100")
        {more}

    def validate_after(self):
        self.expect.same_rows("entry")
        self.expect.same_sum("entry", "amount")
"""


@pytest.fixture
def prepared(project, new_database, raw):
    """Make a database with three entries, and the migration that moves their amounts."""

    def make(engine, more="pass"):
        project.migration("20260101_000000_moved", MIGRATION.format(more=more))
        database = new_database(engine)
        raw(database).execute("CREATE TABLE entry (id integer PRIMARY KEY, amount integer)")
        raw(database).execute("INSERT INTO entry VALUES (1, 1), (2, 20), (3, 300)")
        return database

    return make


def events_of(folder, url):
    """Run to the end or to the failure; return how many events were told."""
    told: list[events.Event] = []
    opened = projects.open_project(folder=folder, database=url, tell=told.append)
    with contextlib.suppress(errors.ValidationFailed):
        opened.up()
    return len(told)


@pytest.mark.crash
def test_a_killed_migration_ends_with_rules_that_hold(project, database, prepared, raw):
    last = events_of(project.path, prepared(database.engine_id).url)

    for event in range(1, last + 1, every_step.STRIDE):
        killed = prepared(database.engine_id)
        assert child.run_and_die(project.path, killed.url, kill_at=event).by_signal
        opened = projects.open_project(folder=project.path, database=killed.url)
        if opened.status()[0].state != "applied":
            child.when_free(opened.up)

        assert "applied" == opened.status()[0].state, f"killed at event {event} of {last}"
        assert [(1,), (20,), (300,)] == raw(killed).execute("SELECT amount FROM entry ORDER BY id")


@pytest.mark.crash
def test_a_killed_migration_is_never_applied_with_a_rule_that_does_not_hold(
    project, database, prepared
):
    more = 'self.execute("DELETE FROM entry WHERE id = 2")'
    last = events_of(project.path, prepared(database.engine_id, more).url)

    for event in range(1, last + 1, every_step.STRIDE):
        killed = prepared(database.engine_id, more)
        child.run_and_die(project.path, killed.url, kill_at=event)
        opened = projects.open_project(folder=project.path, database=killed.url)

        with pytest.raises(errors.ValidationFailed, match="2 of 2 rules do not hold"):
            child.when_free(opened.up)

        assert "half up" == opened.status()[0].state
