"""A project on a database whose migrations are functions of the test, so that it can look in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests import conftest, databases
from whimbrel.engines import registry
from whimbrel.journal import journal, parts
from whimbrel.migrations import project as projects

# Small tables stay inside the migration's transaction; with this, they go in batches.
BATCHES = "[rows]\nsmall_table = 1\nfirst_rows = 4\nlargest_rows = 8\n"

_CALLS: list[Callable[[Any], Any]] = []
_RESULTS: list[Any] = []
_FILE = """
import sys
from whimbrel import Migration

it = sys.modules[{module!r}]


class It(Migration):
    def up(self):
        it._RESULTS.append(it._CALLS[-1](self))
"""


class Stage:
    """A project, its database, and the plain driver to look into it."""

    def __init__(
        self,
        project: conftest.ProjectFolder,
        database: databases.Database,
        raw: databases.Raw,
    ) -> None:
        self.project = project
        self.database = database
        self.raw = raw
        self.kind = "mysql" if database.kind == "mariadb" else database.kind
        self._migrations = 0

    def up(self, call: Callable[[Any], Any]) -> Any:
        """Run a migration whose up() is this function; return what it returns."""
        self._migrations += 1
        _CALLS.append(call)
        name = f"20260101_{self._migrations:06d}_it"
        self.project.migration(name, _FILE.format(module=__name__))
        projects.open_project(folder=self.project.path, database=self.database.url).up()
        return _RESULTS[-1]

    def again(self) -> None:
        """Run the migrations that are there."""
        projects.open_project(folder=self.project.path, database=self.database.url).up()

    def transform(self, source: object, target: object, function: Any, **options: Any) -> int:
        """Run a migration that is one transform(); return how many rows it wrote."""
        written: int = self.up(lambda m: m.transform(source, target, function, **options))
        return written

    def rows(self, sql: str) -> list[databases.Row]:
        """Return the rows of a query."""
        return self.raw.execute(sql)

    def rejects(self) -> list[parts.Reject]:
        """Return what all runs rejected."""
        session = registry.open_session(self.database.url, read_only=True)
        try:
            runs = journal.Journal(session).runs()
            return [reject for run in runs for reject in parts.Parts(session, run.id).rejects()]
        finally:
            session.close()

    def people(self, count: int = 20) -> None:
        """Make a table `person` of so many rows: id, name 'p1' …, age 1 …; and `copy`, empty."""
        for table in ("person", "copy"):
            self.raw.execute(
                f"CREATE TABLE {table} (id integer NOT NULL PRIMARY KEY, name varchar(40), "
                "age integer)"
            )
        if count:
            values = ", ".join(f"({n}, 'p{n}', {n})" for n in range(1, count + 1))
            self.raw.execute(f"INSERT INTO person VALUES {values}")
