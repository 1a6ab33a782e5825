"""What happens when a migration cannot go on: refusals, half-done runs, going back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases, engines
from tests.contract import test_verbs
from whimbrel import errors, events
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

HEAD = "from whimbrel import Migration, sql\n\n\nclass It(Migration):\n"
TABLE = (
    HEAD
    + """
    def up(self):
        self.create_table("item", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=50),
            self.column("price", "decimal", precision=10, scale=4),
        ])
        self.execute("INSERT INTO item VALUES (1, 'one', 1.25), (2, NULL, 2.5), (3, NULL, 3.1234)")

    def down(self):
        self.drop_table("item")
"""
)


def method(name: str, *lines: str) -> str:
    """Return a method of a migration."""
    return f"    def {name}(self):\n" + "".join(f"        {line}\n" for line in lines) + "\n"


def open_with(
    project: conftest.ProjectFolder, database: databases.Database, *bodies: str
) -> projects.Project:
    """Return a project with the item table applied and further migrations pending."""
    project.migration("20260101_000000_item", TABLE)
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up()
    for number, body in enumerate(bodies, start=2):
        project.migration(f"2026010{number}_000000_m{number}", HEAD + body)
    return opened


def test_nulls_in_a_column_made_not_null_are_counted_and_named(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = method("up", 'self.change_column("item", "name", "string", length=50, null=False)')
    opened = open_with(project, database, body)
    before = test_verbs.texts(database)

    with pytest.raises(errors.WhimbrelError) as refused:
        opened.up()

    text = str(refused.value)
    assert "cannot make item.name NOT NULL: 2 of 3 rows are NULL" in text
    assert "id 2, id 3" in text
    assert "nothing" in (refused.value.left or "")
    assert "nulls-in-not-null" == refused.value.slug
    assert before == test_verbs.texts(database)


@engines.without("sqlite")
def test_a_change_of_type_that_would_round_is_refused(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = method("up", 'self.change_column("item", "price", "decimal", precision=10, scale=2)')
    opened = open_with(project, database, body)
    rows = raw(database).execute("SELECT id, price FROM item ORDER BY id")

    with pytest.raises(errors.WhimbrelError, match="cannot be stored unchanged") as refused:
        opened.up()

    assert "1 value of item.price" in str(refused.value)
    assert rows == raw(database).execute("SELECT id, price FROM item ORDER BY id")


def test_a_text_with_leading_zeros_does_not_become_a_number_unseen(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = method(
        "up",
        "self.execute(\"UPDATE item SET name = '007'\")",
        'self.change_column("item", "name", "integer")',
    )
    opened = open_with(project, database, body)

    with pytest.raises(errors.WhimbrelError, match="cannot be stored unchanged"):
        opened.up()

    kept = {str(value) for (value,) in raw(database).execute("SELECT name FROM item")}
    assert kept in ({"007"}, {"one", "None"})


def test_a_not_null_column_without_default_is_refused_while_there_are_rows(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = method("up", 'self.add_column("item", "kind", "string", null=False)')
    opened = open_with(project, database, body)

    with pytest.raises(errors.WhimbrelError) as refused:
        opened.up()

    assert "not-null-without-default" == refused.value.slug
    assert "3 rows" in str(refused.value)


def test_a_column_that_does_not_exist_is_refused_by_the_plan_with_what_there_is(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = method(
        "up",
        'self.add_column("item", "kind", "string")',
        'self.rename_column("item", "titel", "title")',
    )
    opened = open_with(project, database, body)
    before = test_verbs.texts(database)

    with pytest.raises(errors.ColumnNotFound) as refused:
        opened.up()

    assert "id, name, price" in str(refused.value)
    assert "m2.py:9" in (refused.value.where or "") or ".py:" in (refused.value.where or "")
    assert before == test_verbs.texts(database)


def test_an_error_of_the_server_says_what_is_left_and_how_to_go_on(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = method(
        "up",
        'self.add_column("item", "kind", "string", length=9)',
        "self.execute(\"UPDATE item SET kind = 'a'\")",
        'self.execute("INSERT INTO item (id) VALUES (1)")',
    ) + method("down", 'self.remove_column("item", "kind")')
    opened = open_with(project, database, body)

    with pytest.raises(errors.MigrationFailed) as failed:
        opened.up()

    assert "at step 3 of 3" in failed.value.what
    assert ".py:" in (failed.value.where or "")
    half = not is_whole(database)
    assert (3 if half else 1) == failed.value.exit_code
    state = opened.status()[-1]
    assert ("half up" if half else "pending") == state.state
    assert ["failed", "done"] == [run.status for run in opened.history()]


def is_whole(database: databases.Database) -> bool:
    """Whether a migration is one transaction on this engine."""
    return database.kind in {"sqlite", "postgresql"}


def test_a_corrected_migration_goes_on_behind_its_finished_steps(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    wrong = method(
        "up",
        'self.add_column("item", "kind", "integer", default=0)',
        'self.execute("UPDATE item SET kind = kind + 1")',
        'self.execute("INSERT INTO item (id) VALUES (1)")',
    )
    opened = open_with(project, database, wrong)
    with pytest.raises(errors.MigrationFailed):
        opened.up()
    project.migration("20260102_000000_m2", HEAD + wrong.replace("VALUES (1)", "VALUES (9)"))

    opened.up()

    rows = raw(database).execute("SELECT id, kind FROM item ORDER BY id")
    assert [(1, 1), (2, 1), (3, 1), (9, 0)] == [tuple(row) for row in rows]


@engines.only("mariadb", "mysql")
def test_a_resumed_migration_that_asks_for_something_else_is_refused(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    wrong = method(
        "up",
        'self.add_column("item", "kind", "integer", default=0)',
        'self.execute("INSERT INTO item (id) VALUES (1)")',
    )
    opened = open_with(project, database, wrong)
    with pytest.raises(errors.MigrationFailed):
        opened.up()
    project.migration("20260102_000000_m2", HEAD + wrong.replace('"kind"', '"sort"'))

    with pytest.raises(errors.StepChanged) as refused:
        opened.up()

    assert "then: add column item.kind" in str(refused.value)
    assert "now:  add column item.sort" in str(refused.value)


def test_down_takes_a_half_done_migration_back(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = "    transactional = False\n\n" + method(
        "up",
        'self.create_table("extra", [self.column("id", "integer", primary_key=True)])',
        'self.execute("INSERT INTO extra SELECT id FROM item")',
        'self.add_column("item", "kind", "integer", default=0)',
        'self.execute("UPDATE item SET kind = id")',
        'self.change_column("item", "name", "string", length=80)',
        'self.rename_column("item", "price", "cost")',
        'self.add_index("item", "cost")',
        'self.execute("INSERT INTO item (id) VALUES (1)")',
    )
    opened = open_with(project, database, body)
    before = test_verbs.texts(database)
    rows = raw(database).execute("SELECT * FROM item ORDER BY id")
    with pytest.raises(errors.MigrationFailed) as failed:
        opened.up()
    assert before != test_verbs.texts(database)

    opened.down()

    assert 3 == failed.value.exit_code
    assert before == test_verbs.texts(database)
    assert rows == raw(database).execute("SELECT * FROM item ORDER BY id")
    assert "pending" == opened.status()[-1].state


def test_a_half_done_migration_that_changed_rows_of_others_is_not_taken_back_by_guessing(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = "    transactional = False\n\n" + method(
        "up",
        "self.execute(\"UPDATE item SET name = 'x'\")",
        'self.execute("INSERT INTO item (id) VALUES (1)")',
    )
    opened = open_with(project, database, body)
    with pytest.raises(errors.MigrationFailed):
        opened.up()

    with pytest.raises(errors.Irreversible, match="rows that were there before"):
        opened.down()

    assert [("x",)] * 3 == [tuple(r) for r in raw(database).execute("SELECT name FROM item")]


def test_change_is_reversed(project: conftest.ProjectFolder, database: databases.Database) -> None:
    body = method(
        "change",
        'self.create_table("extra", [self.column("id", "integer", primary_key=True)])',
        'self.add_column("item", "extra_id", "integer")',
        'self.add_foreign_key("item", "extra_id", "extra", "id")',
        'self.add_index("item", "name")',
        'self.rename_column("item", "name", "title")',
        'self.rename_table("item", "thing")',
        'self.execute("UPDATE thing SET title = title", reverse="UPDATE thing SET title = title")',
    )
    opened = open_with(project, database, body)
    before = test_verbs.texts(database)

    opened.up()
    above = test_verbs.texts(database)
    opened.down()
    below = test_verbs.texts(database)
    opened.up()

    assert before == below
    assert above == test_verbs.texts(database)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('self.drop_table("item", keep=False)', "drop table item"),
        ('self.remove_column("item", "name", keep=False)', "remove column item.name"),
        ("self.execute(\"UPDATE item SET name = 'x'\")", "execute("),
        ('self.change_column("item", "name", "text")', "change column item.name"),
    ],
)
def test_what_change_cannot_reverse_says_so_by_name(
    line: str, named: str, project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, method("change", line))
    opened.up()
    before = test_verbs.texts(database)

    with pytest.raises(errors.Irreversible, match="cannot be reversed") as refused:
        opened.down()

    assert named in refused.value.what
    assert before == test_verbs.texts(database)


def test_an_edited_file_is_found_and_can_be_accepted(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database)
    project.migration("20260101_000000_item", TABLE + "\n# a comment\n")

    with pytest.raises(errors.HistoryEdited):
        opened.up()
    opened.accept("item")
    opened.up()

    assert "applied" == opened.status()[0].state


def test_a_missing_file_is_found_and_can_be_accepted(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database)
    (project.migrations / "20260101_000000_item.py").unlink()

    with pytest.raises(errors.HistoryMissing):
        opened.up()
    assert ["missing"] == [state.state for state in opened.status()]
    opened.accept("20260101_000000_item")

    assert [] == opened.status()


def test_a_baseline_adopts_a_database_without_running_anything(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE item (id integer PRIMARY KEY)")
    project.migration("20260101_000000_item", TABLE)
    opened = projects.open_project(folder=project.path, database=database.url)

    done = opened.baseline()
    outcome = opened.up()

    assert ("20260101_000000_item",) == done
    assert () == outcome.done
    assert ["baseline"] == [state.state for state in opened.status()]


def test_out_of_order_is_refused_unless_asked_for(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database)
    project.migration("20250101_000000_early", HEAD + method("up", "pass"))

    with pytest.raises(errors.OutOfOrder):
        opened.up()
    outcome = opened.up(out_of_order=True)

    assert ("20250101_000000_early",) == outcome.done


def test_a_loop_that_deletes_until_nothing_is_left_has_a_plan_that_ends(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = method(
        "up",
        'while self.execute("SELECT count(*) FROM item")[0][0]:',
        '    first = self.execute("SELECT min(id) FROM item")[0][0]',
        '    self.execute("DELETE FROM item WHERE id = ?", [first])',
    )
    opened = open_with(project, database, body)

    plan = opened.plan()
    opened.up()

    assert "asks the same again" in (plan.migrations[0].undecided or "")
    assert [(0,)] == [tuple(r) for r in raw(database).execute("SELECT count(*) FROM item")]


def test_a_decision_on_the_number_of_changed_rows_ends_the_plan_there(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = method(
        "up",
        "if self.execute(\"UPDATE item SET name = 'y' WHERE id = 1\") == 1:",
        '    self.add_column("item", "kind", "integer")',
    )
    opened = open_with(project, database, body)

    plan = opened.plan()
    opened.up()

    assert "number of rows" in (plan.migrations[0].undecided or "")
    assert 1 == len(plan.migrations[0].steps)
    assert [(1, None)] == [
        tuple(r) for r in raw(database).execute("SELECT id, kind FROM item WHERE id = 1")
    ]


@engines.only("postgresql")
def test_an_index_can_be_built_concurrently(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = "    transactional = False\n\n" + method(
        "up", 'self.add_index("item", "name", concurrently=True)'
    )
    opened = open_with(project, database, body)

    plan = opened.plan()
    opened.up()

    assert "CREATE INDEX CONCURRENTLY" in plan.migrations[0].steps[0].statements[0]
    assert any("ix_item_name" in name for name in test_verbs.texts(database))


@engines.only("postgresql")
def test_concurrently_inside_a_transaction_is_refused_by_the_plan(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(
        project, database, method("up", 'self.add_index("item", "name", concurrently=True)')
    )

    with pytest.raises(errors.UsageError, match="cannot run inside a transaction"):
        opened.up()


def test_events_tell_each_step_once(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    told: list[events.Event] = []
    opened = open_with(
        project,
        database,
        method("up", 'self.add_column("item", "a", "integer")', 'self.add_index("item", "a")'),
    )
    opened.tell = told.append

    opened.up()

    done = [event.step for event in told if isinstance(event, events.StepDone)]
    assert ["add column item.a", "create index ix_item_a on item (a)"] == done
    assert isinstance(told[0], events.RunStarted)
    assert isinstance(told[-1], events.RunDone)


def test_raw_sql_of_several_statements_is_refused_before_anything_runs(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(
        project, database, method("up", 'self.execute("DELETE FROM item; DELETE FROM item")')
    )

    with pytest.raises(errors.UsageError, match="takes one statement, and this text holds 2"):
        opened.up()


def test_a_commit_in_raw_sql_is_refused(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, method("up", 'self.execute("COMMIT")'))

    with pytest.raises(errors.RefusedError, match="does not begin or end transactions"):
        opened.up()


def test_execute_gives_rows_of_a_query_and_a_number_for_a_change(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = method(
        "up",
        'rows = self.execute("SELECT id, name FROM item WHERE id < ? ORDER BY id", [3])',
        "assert rows == [(1, 'one'), (2, None)], rows",
        'rows = self.execute("SELECT id FROM item WHERE name = :who", {"who": "one"})',
        "assert rows == [(1,)], rows",
        "rows = self.execute(\"SELECT '100%' AS percent, ':x', '?' FROM item WHERE id = 1\")",
        "assert rows == [('100%', ':x', '?')], rows",
        'changed = self.execute("UPDATE item SET name = %s WHERE id > %s", ["é😀", 1])',
        'if type(self._desk).__name__ != "PlanDesk":',
        "    assert changed == 2, changed",
        'self.add_column("item", "done", "boolean", default=True)',
    )
    opened = open_with(project, database, body)

    plan = opened.plan()
    opened.up()

    assert plan.problem is None
    assert "applied" == opened.status()[-1].state


def test_sql_that_cannot_be_translated_is_refused_by_the_plan_naming_the_function(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    project.config('[migrations]\nsql_dialect = "mysql"\n')
    body = method(
        "up",
        'self.add_column("item", "kind", "string")',
        'self.execute("UPDATE item SET kind = BENCHMARK(10, name)")',
    )
    opened = open_with(project, database, body)
    before = test_verbs.texts(database)

    if database.kind in {"mariadb", "mysql"}:
        assert opened.plan().problem is None
        return
    with pytest.raises(errors.SqlNotTranslatable, match="BENCHMARK"):
        opened.up()

    assert before == test_verbs.texts(database)
    assert "pending" == opened.status()[-1].state


def test_a_plan_of_a_new_database_reaches_over_several_migrations(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    project.migration("20260101_000000_item", TABLE)
    project.migration(
        "20260102_000000_read",
        HEAD
        + method(
            "up",
            'rows = self.execute("SELECT count(*) FROM item")[0][0]',
            'self.add_column("item", f"of_{rows}", "integer")',
        ),
    )
    project.migration(
        "20260103_000000_rename", HEAD + method("up", 'self.rename_table("item", "thing")')
    )
    opened = projects.open_project(folder=project.path, database=database.url)

    plan = opened.plan()
    opened.up()

    assert plan.problem is None
    assert "item" in (plan.migrations[1].undecided or "")
    assert {"applied"} == {state.state for state in opened.status()}


@pytest.mark.parametrize(
    "condition", ["price > 0 OR name IS NULL", "name IS NOT NULL OR id > 0"], ids=["two", "key"]
)
def test_a_column_that_a_check_shares_is_not_removed_with_it(
    condition: str, project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = method(
        "up",
        f'self.add_check("item", "{condition}", name="shared")',
        'self.remove_column("item", "name")',
    )
    opened = open_with(project, database, body)
    before = test_verbs.texts(database)

    with pytest.raises(errors.RefusedError) as refused:
        opened.up()

    assert "column-in-use" == refused.value.slug
    assert before == test_verbs.texts(database)
