"""The documented examples, to the letter, on every engine: up, down, up.

They are read from the sibling folder ../shared/examples and never copied.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import conftest, databases, engines
from whimbrel.engines import registry
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

PEOPLE = [
    (1, "Ada Lovelace"),
    (2, "Grace Brewster Hopper"),
    (3, "Plato"),
    (4, "Zoë 😀 Ünal"),
    (5, "O'Brien Å"),
]
USERS = """
from whimbrel import Migration


class Users(Migration):
    def up(self):
        self.create_table("user", [
            self.column("id", "integer", primary_key=True, auto_increment=True),
            self.column("full_name", "string", length=200),
        ])

    def down(self):
        self.drop_table("user")
"""


def example(shared: Path, name: str) -> str:
    """Return the text of a documented example."""
    return (shared / "examples" / f"{name}.py").read_text(encoding="utf-8")


def catalog(database: databases.Database) -> dict[str, str]:
    """Return what the catalog says of every object."""
    session = registry.open_session(database.url, read_only=True)
    try:
        return session.engine.catalog(session).texts()
    finally:
        session.close()


@engines.every_version
def test_migrate_user_names(
    shared: Path, project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    project.config('[migrations]\nsql_dialect = "mysql"\n')
    project.migration("20250101_000000_users", USERS)
    project.migration("20250102_000000_split", example(shared, "migrate_user_names"))
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up(count=1)
    quote = registry.parse(database.url)[0].quote
    for key, name in PEOPLE:
        text = name.replace("'", "''")
        raw(database).execute(
            f"INSERT INTO {quote('user')} (id, full_name) VALUES ({key}, '{text}')"
        )
    select = f"SELECT id, {{}} FROM {quote('user')} ORDER BY id"
    before = catalog(database)

    planned = opened.plan()
    opened.up()
    split = raw(database).execute(select.format("first_name, last_name"))
    above = catalog(database)
    opened.down()
    joined = raw(database).execute(select.format("full_name"))
    below = catalog(database)
    opened.up()

    assert planned.problem is None
    assert 6 == planned.migrations[0].count
    assert [
        (1, "Ada", "Lovelace"),
        (2, "Grace", "Hopper"),
        (3, "Plato", "Plato"),
        (4, "Zoë", "Ünal"),
        (5, "O'Brien", "Å"),
    ] == [tuple(row) for row in split]
    assert [
        (1, "Ada Lovelace"),
        (2, "Grace Hopper"),
        (3, "Plato Plato"),
        (4, "Zoë Ünal"),
        (5, "O'Brien Å"),
    ] == [tuple(row) for row in joined]
    assert before == below
    assert above == catalog(database)
    assert split == raw(database).execute(select.format("first_name, last_name"))


LARGE = """
from whimbrel import Migration

ROWS = {rows}


class Large(Migration):
    def up(self):
        self.create_table("large_table", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=50),
            self.column("data", "text"),
        ])
        self.create_table("new_large_table", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=50),
            self.column("transformed_data", "text"),
        ])
        for start in range(1, ROWS + 1, 500):
            values = ", ".join(
                f"({{n}}, 'name {{n}}', 'data {{n}} x')" for n in range(start, start + 500)
            )
            self.execute(f"INSERT INTO large_table (id, name, data) VALUES {{values}}")

    def down(self):
        self.drop_table("new_large_table")
        self.drop_table("large_table")
"""


@engines.every_version
def test_migrate_large_table(
    shared: Path,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = 12_500
    project.migration("20250101_000000_large", LARGE.format(rows=rows))
    # The documented function takes a migration's self: here it is called from one.
    project.migration(
        "20250102_000000_batches",
        "from whimbrel import Migration\n\n"
        + example(shared, "migrate_large_table")
        + "\n\nclass Batches(Migration):\n"
        "    def up(self):\n        migrate_large_table(self)\n\n"
        "    def down(self):\n        self.execute('DELETE FROM new_large_table')\n",
    )
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up(count=1)
    count = "SELECT count(*), min(id), max(id), count(DISTINCT id) FROM new_large_table"
    wrong = (
        "SELECT count(*) FROM large_table l JOIN new_large_table n ON n.id = l.id"
        " WHERE n.transformed_data <> upper(l.data) OR n.name <> l.name"
    )

    planned = opened.plan()
    capsys.readouterr()
    opened.up()
    printed = capsys.readouterr().out
    copied = raw(database).execute(count)
    opened.down()
    gone = raw(database).execute("SELECT count(*) FROM new_large_table")
    opened.up()

    folded = [step for step in planned.migrations[0].steps if step.times > 1]
    assert [3] == [step.times for step in folded]
    assert "Processed 5000/12500 records" in printed
    assert [(rows, 1, rows, rows)] == [tuple(row) for row in copied]
    assert [(0,)] == [tuple(row) for row in gone]
    assert [(rows, 1, rows, rows)] == [tuple(row) for row in raw(database).execute(count)]
    assert [(0,)] == [tuple(row) for row in raw(database).execute(wrong)]


OLD_USERS = """
import datetime as dt

from whimbrel import Migration

ROWS = {rows}


class OldUsers(Migration):
    def up(self):
        self.create_table("old_user", [
            self.column("id", "integer", primary_key=True),
            self.column("username", "string", length=64),
            self.column("email", "string", length=255),
            self.column("address", "text"),
            self.column("phone", "string", length=40),
            self.column("theme", "string", length=20),
            self.column("notifications_enabled", "boolean"),
            self.column("created_at", "datetime"),
            self.column("updated_at", "datetime"),
        ])
        for n in range(1, ROWS + 1):
            self.execute(
                "INSERT INTO old_user VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [n, f"user{{n}}", f"u{{n}}@example.org", None if n % 7 == 0 else f"Straße {{n}} 😀",
                 f"+49 {{n}}", "dark" if n % 2 else "light", n % 3 == 0,
                 "2024-01-02 03:04:05", None],
            )

    def down(self):
        self.drop_table("old_user")
"""
MODELS = """
from datetime import datetime
from typing import Optional

from rhosocial.activerecord.model import ActiveRecord


class OldUser(ActiveRecord):
    __table_name__ = "old_user"
    id: Optional[int] = None
    username: str
    email: str
    address: Optional[str] = None
    phone: Optional[str] = None
    theme: Optional[str] = None
    notifications_enabled: Optional[bool] = None
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None


class NewUser(ActiveRecord):
    __table_name__ = "new_user"
    id: Optional[int] = None
    username: str
    email: str
    profile_data: Optional[dict] = None
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None

{configure}
"""
CONFIGURE = {
    "sqlite": """
from rhosocial.activerecord.backend.impl.sqlite import SQLiteBackend
from rhosocial.activerecord.backend.impl.sqlite.config import SQLiteConnectionConfig
for model in (OldUser, NewUser):
    model.configure(SQLiteConnectionConfig(database={database!r}), SQLiteBackend)
""",
    "postgresql": """
from rhosocial.activerecord.backend.impl.postgres import PostgresBackend, PostgresConnectionConfig
for model in (OldUser, NewUser):
    model.configure(PostgresConnectionConfig(host={host!r}, port={port}, database={database!r},
                                             username={user!r}, password={password!r}),
                    PostgresBackend)
""",
    "mariadb": """
from rhosocial.activerecord.backend.impl.mariadb import MariaDBBackend, MariaDBConnectionConfig
for model in (OldUser, NewUser):
    model.configure(MariaDBConnectionConfig(host={host!r}, port={port}, database={database!r},
                                            username={user!r}, password={password!r},
                                            ssl_disabled=True), MariaDBBackend)
""",
    "mysql": """
from rhosocial.activerecord.backend.impl.mysql import MySQLBackend, MySQLConnectionConfig
for model in (OldUser, NewUser):
    model.configure(MySQLConnectionConfig(host={host!r}, port={port}, database={database!r},
                                          username={user!r}, password={password!r}), MySQLBackend)
""",
}


def models_for(database: databases.Database) -> str:
    """Return the text of app/models.py, configured for a database as a user's would be."""
    url = registry.parse(database.url)[1]
    configure = CONFIGURE[database.kind].format(
        database=url.database,
        host=url.host,
        port=url.port,
        user=url.username,
        password=url.password,
    )
    return MODELS.format(configure=textwrap.dedent(configure))


@engines.every_version
def test_migrate_user_data_with_models(
    shared: Path,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rows = 2_500
    (project.path / "app").mkdir()
    (project.path / "app" / "__init__.py").touch()
    (project.path / "app" / "models.py").write_text(models_for(database), encoding="utf-8")
    project.migration("20250101_000000_old", OLD_USERS.format(rows=rows))
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up()
    project.migration("20250102_000000_data", example(shared, "migrate_user_data"))
    select = "SELECT id, username, email, profile_data, created_at FROM new_user ORDER BY id"

    planned = opened.plan()
    capfd.readouterr()
    opened.up()
    printed = capfd.readouterr()
    above = raw(database).execute(select)
    opened.down()
    tables = [name for name in catalog(database) if "new_user" in name]
    opened.up()

    assert planned.problem is None
    through_models = [s for s in planned.migrations[0].steps if s.kind == "model" and s.times > 1]
    assert any(step.times == rows for step in through_models)
    assert "" == printed.err
    assert [] == tables
    assert rows == len(above)
    first = above[0]
    profile = first[3] if isinstance(first[3], dict) else json.loads(str(first[3]))
    assert (1, "user1", "u1@example.org") == tuple(first[:3])
    assert {
        "address": "Straße 1 😀",
        "phone": "+49 1",
        "preferences": {"theme": "dark", "notifications": False},
    } == profile
    assert str(first[4]).replace("T", " ").startswith("2024-01-02 03:04:05")
    assert above == raw(database).execute(select)
