"""A project with a live change on a table that old and new code write to, by a plain driver."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable
from typing import Any

from tests import conftest, databases
from whimbrel import events
from whimbrel.engines import registry
from whimbrel.journal import live as notes
from whimbrel.migrations import live
from whimbrel.migrations import project as projects

FIRST = "20260101_000001_people"
IT = "20260101_000002_it"

PEOPLE = """
from whimbrel import Migration


class People(Migration):
    def change(self):
        self.create_table("people", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=60, null=False),
            self.column("amount", "integer"),
        ])
        self.add_index("people", "name")
"""


class Stage:
    """A project, its database, and the application's own connection."""

    def __init__(
        self,
        project: conftest.ProjectFolder,
        database: databases.Database,
        raw: databases.Raw,
    ) -> None:
        self.project = project
        self.database = database
        self.app = raw
        self.told: list[events.Event] = []
        self.kind = database.kind
        project.config("[rows]\nsmall_table = 1\nfirst_rows = 4\nlargest_rows = 8\n")

    def first(self, text: str = PEOPLE) -> None:
        """Write and run the migration that makes the table."""
        self.project.migration(FIRST, textwrap.dedent(text))
        self.open().up()

    def people(self, count: int = 10) -> None:
        """Make a table of people."""
        self.first()
        for number in range(1, count + 1):
            self.app.execute(
                f"INSERT INTO people (id, name, amount) VALUES ({number}, 'P{number}', {number})"
            )

    def change(self, *verbs: str, name: str = IT, head: str = "") -> None:
        """Write a live change of these verbs."""
        body = "\n".join(f"        {verb}" for verb in verbs)
        self.project.migration(
            name,
            "import whimbrel\nfrom whimbrel import Migration\n\n\nclass It(Migration):\n"
            f"    online = True\n{textwrap.indent(head, '    ')}\n    def change(self):\n{body}\n",
        )

    def open(self, tell: Callable[[events.Event], None] | None = None) -> projects.Project:
        """Open the project."""
        return projects.open_project(
            folder=self.project.path,
            database=self.database.url,
            tell=tell or self.told.append,
        )

    def up(self, until: str | None = None, *, complete: bool = False) -> projects.Outcome:
        """Go up, as far as it is said."""
        project = self.open()
        project.wish = live.Wish(until=until, complete=complete)
        return project.up()

    def rows(self, columns: str, table: str = "people", order: str = "id") -> list[Any]:
        """Return rows as the application sees them."""
        return self.app.execute(f"SELECT {columns} FROM {table} ORDER BY {order}")

    def row(self) -> notes.LiveRow | None:
        """Return what the journal knows of the live change."""
        session = registry.open_session(self.database.url)
        try:
            return notes.Live(session).find(IT)
        finally:
            session.close()

    def state(self) -> str:
        """Return the state of the live change as `status` has it."""
        return next(one.state for one in self.open().status() if one.id == IT)

    def leftovers(self) -> list[str]:
        """Return triggers, functions and tables that only a live change makes."""
        queries = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' "
            "OR name LIKE 'whimbrel_new%' OR name LIKE 'whimbrel_old%'",
            "postgresql": "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal UNION ALL "
            "SELECT proname::text FROM pg_proc WHERE proname LIKE 'whimbrel%' UNION ALL "
            "SELECT relname::text FROM pg_class WHERE relname LIKE 'whimbrel_new%' "
            "OR relname LIKE 'whimbrel_old%'",
        }
        server = (
            "SELECT trigger_name FROM information_schema.triggers "
            "WHERE trigger_schema = DATABASE() UNION ALL "
            "SELECT routine_name FROM information_schema.routines "
            "WHERE routine_schema = DATABASE() UNION ALL "
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND (table_name LIKE 'whimbrel_new%' OR table_name LIKE 'whimbrel_old%')"
        )
        found = self.app.execute(queries.get(self.kind, server))
        return sorted(str(row[0]) for row in found)

    def columns(self, table: str = "people") -> dict[str, bool]:
        """Return the columns of a table, and whether each takes NULL."""
        found = self.table(table)
        return {column.name: column.null for column in found.columns}

    def table(self, name: str = "people") -> Any:
        """Return a table as the catalog has it."""
        session = registry.open_session(self.database.url)
        try:
            return session.engine.catalog(session).table(name)
        finally:
            session.close()

    def shape(self, name: str = "people") -> Any:
        """Return a table without the server's own texts, whose blanks may differ."""
        found = self.table(name)
        bare = tuple(dataclasses.replace(index, sql=None) for index in found.indexes)
        return found.replace(indexes=bare, sql=None)
