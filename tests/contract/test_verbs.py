"""Every verb, on every engine: up, down, up; the catalog and the rows come out the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests import conftest, databases, engines
from whimbrel.engines import registry
from whimbrel.migrations import project as projects

BASE = """
from whimbrel import Migration, sql


class Base(Migration):
    def up(self):
        self.create_table("parent", [
            self.column("id", "integer", primary_key=True, auto_increment=True),
            self.column("name", "string", length=80, null=False, collation=None),
            self.column("Order Details", "text", default="a, 'b' \\\\ c"),
            self.column("amount", "decimal", precision=12, scale=2, default=0),
            self.column("code", "string", length=20, comment="the ; code"),
        ])
        self.create_table("child", [
            self.column("id", "integer", primary_key=True, auto_increment=True),
            self.column("parent_id", "integer", null=False),
            self.column("note", "string", length=200),
        ])
        self.add_foreign_key("child", "parent_id", "parent", "id", on_delete="cascade")
        self.add_index("child", "note")
        for name in ("Ann", "Bób", "😀"):
            self.execute("INSERT INTO parent (name, amount, code) VALUES (?, ?, ?)",
                         [name, 12.5, name[:1]])
        self.execute("INSERT INTO child (parent_id, note) SELECT id, name FROM parent")

    def down(self):
        self.drop_table("child")
        self.drop_table("parent")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One change with its way back; `keeps_rows` says that down brings back every value."""

    name: str
    up: str
    down: str
    keeps_rows: bool = True


VERBS = [
    Verb(
        name="create_table",
        up="""
self.create_table("every", [
    self.column("a", "integer"), self.column("b", "integer"),
    self.column("s", "string", default="x"), self.column("t", "text"),
    self.column("si", "smallint", default=3), self.column("bi", "bigint"),
    self.column("de", "decimal", precision=20, scale=6), self.column("f", "float"),
    self.column("do", "double", default=1.5), self.column("bo", "boolean", default=False),
    self.column("da", "date"), self.column("ti", "time"), self.column("dt", "datetime"),
    self.column("ts", "timestamp"), self.column("j", "json"), self.column("bin", "binary"),
    self.column("u", "uuid"), self.column("e", "enum", values=["one", "t'wo"], default="one"),
    self.column("uq", "string", length=30, unique=True),
    self.column("g", "integer", generated="a + b"),
    self.column("now", "datetime", default=sql("CURRENT_TIMESTAMP")),
], primary_key=["a", "b"])
""",
        down='self.drop_table("every")',
    ),
    Verb(
        name="rename_table",
        up='self.rename_table("parent", "Order Details")',
        down='self.rename_table("Order Details", "parent")',
    ),
    Verb(
        name="add_column",
        up='self.add_column("parent", "user", "string", length=10, null=False, default="x")',
        down='self.remove_column("parent", "user")',
    ),
    Verb(
        name="add_column_unique",
        up='self.add_column("parent", "nick", "string", length=10, unique=True)',
        down='self.remove_column("parent", "nick")',
    ),
    Verb(
        name="add_column_enum",
        up='self.add_column("parent", "size", "enum", values=["s", "m"], default="m")',
        down='self.remove_column("parent", "size")',
    ),
    Verb(
        name="add_column_generated",
        up='self.add_column("parent", "twice", "decimal", precision=12, scale=2,'
        ' generated="amount * 2")',
        down='self.remove_column("parent", "twice")',
    ),
    Verb(
        name="change_column_type",
        up='self.change_column("parent", "name", "string", length=120)',
        down='self.change_column("parent", "name", "string", length=80)',
    ),
    Verb(
        name="change_column_null",
        up='self.change_column("parent", "code", "string", length=20, null=False)',
        down='self.change_column("parent", "code", "string", length=20, null=True)',
    ),
    Verb(
        name="change_column_default",
        up='self.change_column("parent", "code", "string", length=20, default="new")',
        down='self.change_column("parent", "code", "string", length=20, default=None)',
    ),
    Verb(
        name="rename_column",
        up='self.rename_column("parent", "name", "select")',
        down='self.rename_column("parent", "select", "name")',
    ),
    Verb(
        name="remove_column",
        up='self.remove_column("child", "note")',
        down='self.add_column("child", "note", "string", length=200)\n'
        'self.add_index("child", "note")',
        keeps_rows=False,
    ),
    Verb(
        name="create_index",
        up='self.create_index("parent", ["name", "code"], unique=True)',
        down='self.remove_index("parent", ["name", "code"])',
    ),
    Verb(
        name="add_index_named",
        up='self.add_index("parent", "code", name="by code")',
        down='self.remove_index("parent", name="by code")',
    ),
    Verb(
        name="add_foreign_key",
        up='self.add_column("parent", "boss", "integer")\n'
        'self.add_foreign_key("parent", "boss", "parent", "id", on_delete="set null")',
        down='self.remove_foreign_key("parent", "boss")\nself.remove_column("parent", "boss")',
    ),
    Verb(
        name="remove_foreign_key",
        up='self.remove_foreign_key("child", "parent_id")',
        down='self.add_foreign_key("child", "parent_id", "parent", "id", on_delete="cascade")',
    ),
    Verb(
        name="add_check",
        up='self.add_check("parent", "amount >= 0", name="amount_is_positive")',
        down='self.remove_constraint("parent", "amount_is_positive")',
    ),
    Verb(
        name="add_unique",
        up='self.add_unique("parent", ["name", "code"])',
        down='self.remove_constraint("parent", "uq_parent_name_code")',
    ),
    Verb(
        name="add_unique_named",
        up='self.add_unique("parent", ["name", "code"], name="one of a kind")',
        down='self.remove_constraint("parent", "one of a kind")',
    ),
    Verb(
        name="execute",
        up='self.execute("UPDATE child SET note = note WHERE id > ?", [0])',
        down='self.execute("DELETE FROM child WHERE id < :n", {"n": 0})',
    ),
]


def write(project: conftest.ProjectFolder, verb: Verb) -> None:
    """Write a base migration, and one with the verb."""
    project.migration("20260101_000000_base", BASE)
    up = "".join(f"        {line}\n" for line in verb.up.strip().splitlines())
    down = "".join(f"        {line}\n" for line in verb.down.strip().splitlines())
    project.migration(
        "20260102_000000_verb",
        "from whimbrel import Migration, sql\n\n\nclass Verb(Migration):\n"
        f"    def up(self):\n{up}\n    def down(self):\n{down}",
    )


def texts(database: databases.Database) -> dict[str, str]:
    """Return what the catalog says of every object."""
    session = registry.open_session(database.url, read_only=True)
    try:
        return session.engine.catalog(session).texts()
    finally:
        session.close()


def rows(raw: databases.Raw) -> list[object]:
    """Return the rows of both tables."""
    return [
        raw.execute("SELECT id, name, amount, code FROM parent ORDER BY id"),
        raw.execute("SELECT id, parent_id, note FROM child ORDER BY id"),
    ]


@engines.every_version
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_verb_goes_up_and_down_and_up(
    verb: Verb,
    database: databases.Database,
    project: conftest.ProjectFolder,
    raw: Callable[[databases.Database], databases.Raw],
) -> None:
    write(project, verb)
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up(count=1)
    before, rows_before = texts(database), rows(raw(database))

    opened.up()
    above = texts(database)
    opened.down()
    below, rows_below = texts(database), rows(raw(database))
    opened.up()

    assert above == texts(database)
    assert before == below
    if verb.keeps_rows:
        assert rows_before == rows_below
    if verb.name != "execute":
        assert before != above


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_plan_changes_nothing_and_says_what_up_will_do(
    verb: Verb,
    database: databases.Database,
    project: conftest.ProjectFolder,
    raw: Callable[[databases.Database], databases.Raw],
) -> None:
    write(project, verb)
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up(count=1)
    before, rows_before = texts(database), rows(raw(database))
    ours_before = opened.history(), opened.status()

    plan = opened.plan()

    assert (before, rows_before) == (texts(database), rows(raw(database)))
    assert ours_before == (opened.history(), opened.status())
    (planned,) = plan.migrations
    assert planned.problem is None
    assert planned.undecided is None
    assert planned.steps
    assert all(step.statements for step in planned.steps)
