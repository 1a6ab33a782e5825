"""A live change that needs a new table: a type changes, and both tables are kept in step."""

from __future__ import annotations

import pytest

from tests import conftest, databases, live
from tests.conftest import OpenRaw

RETYPE = 'self.change_column("people", "amount", "string", length=40)'


@pytest.fixture
def stage(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> live.Stage:
    return live.Stage(project, database, raw(database))


def write(stage: live.Stage, key: int, amount: object) -> None:
    """Write as code does that does not care which type the column has."""
    said = repr(amount) if isinstance(amount, str) else str(amount)
    stage.app.execute(f"INSERT INTO people (id, name, amount) VALUES ({key}, 'n {key}', {said})")
    stage.app.execute(f"UPDATE people SET name = 'N {key}' WHERE id = {key}")


def test_a_type_is_changed_while_the_application_writes(stage: live.Stage) -> None:
    stage.people()
    stage.change(RETYPE)

    for key, phase in enumerate(["expanded", "mirrored", "backfilled", "verified"], start=11):
        stage.up(phase)
        write(stage, key, key)
        assert stage.rows("amount")[-1] == (key,)
    stage.app.execute("UPDATE people SET id = 100 WHERE id = 2")
    stage.app.execute("DELETE FROM people WHERE id = 3")
    stage.up()
    write(stage, 15, "fifteen")

    assert stage.state() == "live"
    assert [key for (key,) in stage.rows("id")] == [1, *range(4, 16), 100]
    assert stage.rows("amount")[-2:] == [("fifteen",), ("2",)]
    assert stage.rows("name")[-2:] == [("N 15",), ("P2",)]

    stage.open().complete(live.IT)

    assert stage.state() == "applied"
    assert stage.leftovers() == []
    write(stage, 16, "sixteen")
    assert stage.rows("amount", order="id")[-2:] == [("sixteen",), ("2",)]
    assert [(i.name, i.columns) for i in stage.table().indexes] == [("ix_people_name", ("name",))]


def test_it_is_taken_back_after_the_exchange_and_nothing_is_lost(stage: live.Stage) -> None:
    stage.people()
    stage.change(RETYPE)
    stage.up()
    write(stage, 11, "11")
    stage.app.execute("DELETE FROM people WHERE id = 4")

    stage.open().revert(live.IT)

    assert stage.state() == "pending"
    assert stage.leftovers() == []
    assert [key for (key,) in stage.rows("id")] == [1, 2, 3, *range(5, 12)]
    assert stage.rows("amount")[-1] == (11,)


def test_it_is_done_again_after_it_was_taken_back(stage: live.Stage) -> None:
    stage.people()
    stage.change(RETYPE)
    stage.up()
    stage.open().revert(live.IT)

    stage.up(complete=True)

    assert stage.state() == "applied"
    assert stage.leftovers() == []
    assert [(i.name, i.columns) for i in stage.table().indexes] == [("ix_people_name", ("name",))]
