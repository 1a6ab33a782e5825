"""SIGKILL while models write, on every engine: each row is there exactly once afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases
from tests.contract import test_documented_examples as documented
from tests.crash import child

OpenRaw = Callable[[databases.Database], databases.Raw]

ROWS = 650
# Written by steps where the engine can only do that; the group of 500 is crossed.
MIGRATION = """
from app.models import NewUser, OldUser

from whimbrel import Migration


class Move(Migration):
    def up(self):
        self.create_table("new_user", [
            self.column("id", "integer", primary_key=True, auto_increment=True),
            self.column("username", "string", length=64, null=False),
            self.column("email", "string", length=255, null=False),
            self.column("profile_data", "json"),
            self.column("created_at", "datetime"),
            self.column("updated_at", "datetime"),
        ])
        for old in OldUser.query().where("id <= ?", (350,)).all():
            NewUser(username=old.username, email=old.email).save()
        self.add_index("new_user", "username")
        for old in OldUser.query().where("id > ?", (350,)).all():
            new = NewUser(username=old.username, email=old.email)
            new.save()
            if old.id % 100 == 0:
                new.email = f"changed{old.id}@example.org"
                new.save()
        self.drop_table("old_user")

    def down(self):
        self.drop_table("new_user")
"""


def prepare(folder: conftest.ProjectFolder, database: databases.Database) -> None:
    """Let the project's models live in this database, with the old users in it."""
    (folder.path / "app").mkdir(exist_ok=True)
    (folder.path / "app" / "__init__.py").touch()
    (folder.path / "app" / "models.py").write_text(
        documented.models_for(database), encoding="utf-8"
    )
    folder.migration("20250101_000000_old", documented.OLD_USERS.format(rows=ROWS))
    folder.migration("20250102_000000_move", MIGRATION)
    child.run(folder.path, database.url, migrations=1)


@pytest.mark.crash
@pytest.mark.parametrize("kill_at", [6, 12])
def test_rows_written_through_models_are_there_once_however_often_it_is_killed(
    kill_at: int,
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    select = "SELECT username, email FROM new_user ORDER BY username"
    prepare(project, database)
    child.run(project.path, database.url)
    expected = raw(database).execute(select)
    again = new_database(database.engine_id)
    prepare(project, again)

    # Twice in a row: a resumed run is killed as well.
    first = child.run_and_die(project.path, again.url, kill_at=kill_at)
    second = child.run_and_die(project.path, again.url, kill_at=kill_at + 2)
    child.run(project.path, again.url)

    assert ROWS == len(expected)
    assert expected == raw(again).execute(select)
    assert first.by_signal
    assert second.by_signal
