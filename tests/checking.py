"""A project on a real database with a large and a small table, and what the checks find there."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tests import conftest, databases
from whimbrel.migrations import plan as plans
from whimbrel.migrations import project as projects
from whimbrel.migrations.checks import finding

# What is large in these tests; in the house it is watch.LARGE.
LARGE = 50
ROWS = 60

_PERSON = """
CREATE TABLE person (
    id integer NOT NULL PRIMARY KEY, code varchar(40) NOT NULL, name varchar(40),
    age integer, city_id integer, note varchar(40)
)
"""
_CITY = "CREATE TABLE city (id integer NOT NULL PRIMARY KEY, name varchar(40))"
_FILE = """
from whimbrel import Migration, sql


class It(Migration):
{attributes}
    def up(self):
{body}
"""


class Look:
    """`person` has 60 rows: code differs, age comes ten times over, note is NULL in all but one.

    `city` has three rows, and person.city_id refers to one of them, but for the last, who is in
    city 99.
    """

    def __init__(
        self, project: conftest.ProjectFolder, database: databases.Database, raw: databases.Raw
    ) -> None:
        self.project = project
        self.database = database
        self.raw = raw
        raw.execute(_PERSON)
        raw.execute(_CITY)
        raw.execute("INSERT INTO city VALUES (1, 'Rome'), (2, 'Oslo'), (3, 'Rome')")
        raw.execute(f"INSERT INTO person VALUES {', '.join(_people())}")

    def plan(self, body: str, *, attributes: str = "", safe: bool = True) -> plans.MigrationPlan:
        """Return the plan of a migration whose up() is this."""
        text = _FILE.format(
            attributes=textwrap.indent(attributes, "    "),
            body=textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8),
        )
        self.project.migration("20260101_000001_it", text)
        opened = self.open()
        opened.safe = safe
        (planned,) = opened.plan().migrations
        if planned.problem is not None:
            raise planned.problem
        return planned

    def open(self) -> projects.Project:
        """Open the project, as programs do."""
        return projects.open_project(folder=self.project.path, database=self.database.url)

    def check(self, body: str, *, attributes: str = "") -> tuple[finding.Finding, ...]:
        """Return what the checks find in a migration whose up() is this."""
        # What is done in another way has no need to be said.
        return self.plan(body, attributes=attributes, safe=False).findings

    def found(self, body: str, *, attributes: str = "") -> dict[str, str]:
        """Return the names of what is found, each with its severity."""
        findings = self.check(body, attributes=attributes)
        return {one.slug: one.severity.value for one in findings}


def _people() -> Iterator[str]:
    for n in range(1, ROWS + 1):
        city = 99 if n == ROWS else n % 3 + 1
        note = "'a note'" if n == 1 else "NULL"
        yield f"({n}, 'c{n}', 'p{n}', {n % 6}, {city}, {note})"
