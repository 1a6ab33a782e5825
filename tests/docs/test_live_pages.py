"""The pages about live changes are done as they say, on every engine."""

from __future__ import annotations

import pytest

from tests import conftest, databases, live
from tests.conftest import OpenRaw
from tests.docs import test_how_to as pages

RENAME = "docs/how-to/rename-a-column-live.md"
RETYPE = "docs/how-to/change-a-type-live.md"
SPLIT = "docs/how-to/split-a-table-live.md"


@pytest.fixture
def stage(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> live.Stage:
    made = live.Stage(project, database, raw(database))
    made.people()
    return made


@pytest.mark.parametrize("page", [RENAME, "docs/explanation/live-changes.md"])
def test_a_column_is_renamed_with_two_deploys(stage: live.Stage, page: str) -> None:
    stage.project.migration(live.IT, pages.code(page, "class RenameName"))

    stage.up()
    stage.app.execute("INSERT INTO people (id, name) VALUES (11, 'old')")
    stage.app.execute("INSERT INTO people (id, full_name) VALUES (12, 'new')")
    assert stage.rows("name, full_name")[-2:] == [("old", "old"), ("new", "new")]

    stage.open().complete(live.IT)
    assert [(i.name, i.columns) for i in stage.table().indexes] == [
        ("ix_people_name", ("full_name",))
    ]


def test_a_type_is_changed(stage: live.Stage) -> None:
    stage.project.migration(live.IT, pages.code(RETYPE, "class AmountAsText"))

    stage.up("verified")
    assert stage.rows("amount")[0] == (1,)
    stage.up()
    stage.app.execute("UPDATE people SET amount = '12 EUR' WHERE id = 2")
    assert stage.rows("amount")[:2] == [("1",), ("12 EUR",)]

    stage.open().complete(live.IT)
    assert stage.leftovers() == []


def test_a_table_is_split(stage: live.Stage) -> None:
    stage.project.migration(live.IT, pages.code(SPLIT, "class SplitPeople"))

    stage.up()
    stage.app.execute("INSERT INTO people (id, name, amount) VALUES (11, 'old', 111)")
    stage.app.execute("UPDATE pay SET amount = 5 WHERE id = 1")
    stage.app.execute("DELETE FROM people WHERE id = 2")

    assert stage.rows("id, amount")[-1] == (11, 111)
    assert stage.rows("amount")[0] == (5,)
    assert stage.rows("id, amount", "pay")[:2] == [(1, 5), (3, 3)]
    assert stage.rows("id, amount", "pay")[-1] == (11, 111)

    stage.open().complete(live.IT)
    assert set(stage.columns()) == {"id", "name"}
    assert stage.leftovers() == []


@pytest.mark.parametrize(
    ("page", "name"),
    [(RENAME, "class RenameName"), (RETYPE, "class AmountAsText"), (SPLIT, "class SplitPeople")],
)
def test_each_of_them_is_taken_back_as_its_page_says(
    stage: live.Stage, page: str, name: str
) -> None:
    before, rows = stage.shape(), stage.rows("id, name, amount")
    stage.project.migration(live.IT, pages.code(page, name))
    stage.up()

    stage.open().revert(live.IT)

    assert stage.shape() == before
    assert stage.rows("id, name, amount") == rows
    assert stage.leftovers() == []
