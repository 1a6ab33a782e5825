"""What a migration overwrites or removes is kept, and `down` gives it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from tests import conftest, databases, engines
from tests.contract import test_verbs
from whimbrel import errors
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

HEAD = "from whimbrel import Migration\n\n\n"
BASE = (
    HEAD
    + """class Base(Migration):
    def up(self):
        self.create_table("item", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=50),
            self.column("price", "decimal", precision=10, scale=2),
            self.column("note", "text"),
        ])
        for n in range(1, 8):
            self.execute("INSERT INTO item (id, name, price, note) VALUES (?, ?, ?, ?)",
                         [n, f"Item {n} 🐦", n * 1.25, None if n % 3 == 0 else "n" * n])
"""
)
ALL = "SELECT id, name, price, note FROM item ORDER BY id"


def method(name: str, *lines: str) -> str:
    """Return a migration with one method."""
    body = "\n".join(f"        {line}" for line in lines)
    return f"{HEAD}\nclass Change(Migration):\n    def {name}(self):\n{body}\n"


def begin(
    project: conftest.ProjectFolder, database: databases.Database, text: str, first: str = BASE
) -> projects.Project:
    """Apply the first migration, and write the second."""
    project.migration("20260101_000000_base", first)
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up()
    project.migration("20260102_000000_change", text)
    return opened


def stores(raw: databases.Raw, database: databases.Database) -> list[str]:
    """Return the tables that hold what is kept."""
    return [row[0] for row in raw.execute("SELECT store FROM whimbrel_kept WHERE gone_at IS NULL")]


@pytest.mark.parametrize(
    "line",
    [
        'self.backfill("item", {"price": "price * 2", "note": "name"})',
        'self.backfill("item", {"note": "NULL"}, where="id > 3")',
        'self.transform("item", "item", lambda row: {**row, "name": row["name"].upper()})',
        'self.delete_rows("item", where="id % 2 = 0")',
        'self.delete_rows("item")',
    ],
)
def test_what_a_step_overwrote_or_deleted_is_given_back(
    line: str, project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    opened = begin(project, database, method("change", line))
    look = raw(database)
    before = look.execute(ALL)

    opened.up()
    between = look.execute(ALL)
    opened.down()

    assert before != between
    assert before == look.execute(ALL)
    assert [] == stores(look, database)


def test_values_that_others_changed_since_are_refused_and_listed(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    text = method("change", 'self.backfill("item", {"note": "name"})')
    opened = begin(project, database, text)
    opened.up()
    look = raw(database)
    look.execute("UPDATE item SET note = 'mine' WHERE id IN (2, 5)")
    changed = look.execute(ALL)

    with pytest.raises(errors.UndoConflicts) as refused:
        opened.down()

    assert 2 == refused.value.rows
    assert "id 2: note is 'mine', was 'nn'" in str(refused.value)
    assert "id 5: note is 'mine', was 'nnnnn'" in str(refused.value)
    assert changed == look.execute(ALL)
    assert "applied" == opened.status()[-1].state


@pytest.mark.parametrize(("policy", "stays"), [("old", "nn"), ("new", "mine")])
def test_a_policy_says_which_of_two_values_stays(
    policy: str,
    stays: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    text = method("change", 'self.backfill("item", {"note": "name", "price": "price + 1"})')
    opened = begin(project, database, text)
    look = raw(database)
    before = look.execute(ALL)
    opened.up()
    look.execute("UPDATE item SET note = 'mine' WHERE id = 2")

    opened.down(conflicts=policy)

    expected = [(*row[:3], stays) if row[0] == 2 else row for row in before]
    assert expected == look.execute(ALL)


def test_columns_that_the_step_left_alone_are_left_alone_on_the_way_back(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    line = 'self.transform("item", "item", lambda row: {**row, "name": row["name"] + "!"})'
    opened = begin(project, database, method("change", line))
    look = raw(database)
    before = look.execute(ALL)
    opened.up()
    look.execute("UPDATE item SET note = 'mine', price = 9 WHERE id > 4")
    since = {row[0]: row for row in look.execute(ALL)}

    opened.down()

    assert [(id_, name, *since[id_][2:]) for id_, name, *_ in before] == look.execute(ALL)


def test_rows_that_were_deleted_or_came_since_are_no_conflict(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    told: list[object] = []
    opened = begin(project, database, method("change", 'self.backfill("item", {"note": "name"})'))
    opened.tell = told.append
    look = raw(database)
    before = look.execute(ALL)
    opened.up()
    look.execute("DELETE FROM item WHERE id IN (1, 4)")
    look.execute("INSERT INTO item (id, name, note) VALUES (77, 'new', 'x')")

    opened.down()

    kept = [row for row in before if row[0] not in {1, 4}]
    assert kept == look.execute(ALL)[:-1]
    assert (77, "new", None, "x") == look.execute(ALL)[-1]
    assert any("2" in str(event) and "gone" in str(event) for event in told)


def test_steps_that_change_the_same_values_are_taken_back_one_after_the_other(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    text = method(
        "change",
        'self.backfill("item", {"note": "name"})',
        'self.backfill("item", {"note": "\'second\'"}, where="id < 5")',
        'self.delete_rows("item", where="id = 2")',
        'self.transform("item", "item", lambda row: {**row, "note": row["note"] + "3"})',
    )
    opened = begin(project, database, text)
    look = raw(database)
    before = look.execute(ALL)

    opened.up()
    opened.down()
    opened.up()
    opened.down()

    assert before == look.execute(ALL)


def test_a_key_that_was_taken_since_is_a_conflict(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    opened = begin(project, database, method("change", 'self.delete_rows("item", where="id < 4")'))
    look = raw(database)
    before = look.execute(ALL)
    opened.up()
    look.execute("INSERT INTO item (id, name) VALUES (2, 'taken')")

    with pytest.raises(errors.UndoConflicts, match="1 row of 'item'"):
        opened.down()
    untouched = look.execute(ALL)
    opened.down(conflicts="new")

    assert [(2, "taken", None, None), *before[3:]] == untouched
    assert [before[0], (2, "taken", None, None), *before[2:]] == look.execute(ALL)
    look.execute("DELETE FROM item WHERE id = 2")
    opened.up()
    look.execute("INSERT INTO item (id, name) VALUES (3, 'taken')")
    opened.down(conflicts="old")
    assert [before[0], *before[2:]] == look.execute(ALL)


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("", 'self.backfill("item", {"note": "name"}, keep=False)'),
        ("    keep = False\n\n", 'self.backfill("item", {"note": "name"})'),
        ("    keep = False\n\n", 'self.delete_rows("item")'),
    ],
)
def test_what_shall_not_be_kept_cannot_be_taken_back_and_the_plan_says_so(
    head: str,
    line: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    text = method("change", line).replace("(Migration):\n", f"(Migration):\n{head}")
    opened = begin(project, database, text)

    (step,) = opened.plan().migrations[0].steps
    opened.up()

    assert not step.reversible
    assert step.keeps is None
    with pytest.raises(errors.Irreversible, match="were there before"):
        opened.down()
    assert [] == stores(raw(database), database)


def test_the_plan_says_how_much_is_kept_and_for_how_long(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    project.config('[migrations]\nkeep = "2 weeks"\n')
    text = method(
        "change",
        'self.backfill("item", {"note": "name"})',
        'self.delete_rows("item", where="id > 5", keep="for ever")',
    )
    opened = begin(project, database, text)

    plan = opened.plan().migrations[0]

    assert plan.reversible
    assert ["14 days", "ever"] == [step.keeps.time for step in plan.steps if step.keeps]
    assert [7, 2] == [step.keeps.rows for step in plan.steps if step.keeps]
    assert all(0 < (step.keeps.bytes or 0) < 5_000 for step in plan.steps if step.keeps)


def test_a_large_table_is_kept_batch_by_batch_by_several_workers(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    project.config("[rows]\nsmall_table = 100\nfirst_rows = 50\nlargest_rows = 200\nworkers = 2\n")
    text = method(
        "change",
        'self.backfill("item", {"note": "name", "price": "price + id"}, where="id % 3 <> 0")',
        'self.transform("item", "item", lambda row: {**row, "name": row["name"][::-1]})',
        'self.delete_rows("item", where="id % 5 = 0")',
    )
    opened = begin(project, database, text)
    look = raw(database)
    for n in range(100, 1100):
        look.execute(f"INSERT INTO item VALUES ({n}, 'name {n}', {n}.5, NULL)")
    before = look.execute(ALL)

    opened.up()
    between = look.execute(ALL)
    opened.down()

    assert 806 == len(between)
    assert before == look.execute(ALL)


@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize(
    "line",
    [
        'self.remove_column("item", "note")',
        'self.remove_column("item", "price")',
        'self.drop_table("item")',
    ],
)
def test_a_column_or_a_table_that_was_removed_comes_back_with_its_values(
    line: str,
    steps: bool,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    text = method("change", line)
    if steps:
        text = text.replace("(Migration):\n", "(Migration):\n    transactional = False\n\n")
    first = BASE + '        self.create_index("item", "note", length=9)\n' * 0
    first += '        self.create_index("item", "price")\n'
    opened = begin(project, database, text, first)
    look = raw(database)
    before = look.execute(ALL)

    assert opened.plan().migrations[0].reversible
    opened.up()
    opened.down()
    assert before == look.execute(ALL)
    opened.up()
    opened.down()

    assert before == look.execute(ALL)
    look.execute("INSERT INTO item (id, name, price, note) VALUES (100, 'a', 1, 'b')")
    assert [] == stores(look, database)


def test_what_is_pruned_is_listed_and_cannot_be_given_back(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    opened = begin(project, database, method("change", 'self.delete_rows("item", where="id < 4")'))
    opened.up()
    (kept,) = stores(raw(database), database)

    (looked,) = opened.prune(older_than=dt.timedelta(0), dry_run=True)
    (stays,) = opened.prune()
    (gone,) = opened.prune(older_than=dt.timedelta(0))

    assert (True, False, True) == (looked.removed, stays.removed, gone.removed)
    assert ("rows", "item", 3, kept) == (gone.kind, gone.table, gone.rows, gone.store)
    assert [] == opened.prune()
    assert [] == stores(raw(database), database)
    with pytest.raises(errors.Irreversible, match="was pruned on"):
        opened.down()
    with pytest.raises(Exception, match=kept):  # the driver's own class for a table that is gone
        raw(database).execute(f"SELECT * FROM {kept}")


def test_prune_removes_what_one_run_kept_and_what_is_past_its_time(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    text = method(
        "change",
        'self.delete_rows("item", where="id = 1", keep="0 hours")',
        'self.delete_rows("item", where="id = 2", keep="for ever")',
        'self.remove_column("item", "note")',
    )
    opened = begin(project, database, text)
    opened.up()

    first = [one.removed for one in opened.prune()]
    run = opened.history()[0].id
    others = [one.removed for one in opened.prune(run=run + 1)]
    rest = [one.removed for one in opened.prune(run=run)]

    assert [True, False, False] == first
    assert [False, False] == others
    assert [True, True] == rest


@pytest.mark.parametrize("direction", ["change", "up"])
def test_a_half_done_migration_gives_back_what_its_finished_batches_changed(
    direction: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    project.config("[rows]\nsmall_table = 10\nfirst_rows = 20\nlargest_rows = 20\n")
    text = method(
        direction,
        'self.remove_column("item", "price")',
        'self.transform("item", "item", lambda row: {**row, "note": 1 // (row["id"] - 150)})',
    ).replace("(Migration):\n", "(Migration):\n    transactional = False\n    keep = True\n\n")
    opened = begin(project, database, text)
    look = raw(database)
    for n in range(100, 200):
        look.execute(f"INSERT INTO item VALUES ({n}, 'name {n}', {n}.5, 'x')")
    before = look.execute(ALL)
    with pytest.raises(errors.MigrationFailed):
        opened.up()
    between = look.execute("SELECT id, note FROM item ORDER BY id")

    opened.down()

    assert between != [(row[0], row[3]) for row in before]
    assert before == look.execute(ALL)
    assert "pending" == opened.status()[-1].state


def test_deleted_rows_come_back_in_an_order_that_fits_foreign_keys(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    first = BASE + (
        '        self.create_table("part", [self.column("id", "integer", primary_key=True),\n'
        '            self.column("item", "integer", null=False), self.column("of", "integer")])\n'
        '        self.add_foreign_key("part", "item", "item", "id")\n'
        '        self.add_foreign_key("part", "of", "part", "id")\n'
        "        for n in range(1, 8):\n"
        '            self.execute("INSERT INTO part VALUES (?, ?, ?)", [n, n, n // 2 or None])\n'
    )
    text = method(
        "change",
        'self.delete_rows("part", where="id > 3")',
        'self.delete_rows("part", where="id > 1")',
        'self.delete_rows("item", where="id > 1")',
    )
    opened = begin(project, database, text, first)
    look = raw(database)
    parts = "SELECT * FROM part ORDER BY id"
    before = look.execute(ALL), look.execute(parts)

    opened.up()
    left = len(look.execute(ALL)), len(look.execute(parts))
    opened.down()

    assert (1, 1) == left
    assert before == (look.execute(ALL), look.execute(parts))


def test_a_dropped_table_comes_back_with_its_indexes_and_foreign_keys(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    first = BASE + (
        '        self.create_table("part", [self.column("id", "integer", primary_key=True),\n'
        '            self.column("item", "integer", null=False), self.column("code", "string")])\n'
        '        self.add_foreign_key("part", "item", "item", "id")\n'
        '        self.add_unique("part", "code")\n'
        '        self.create_index("part", "item", name="ix_part_item")\n'
        "        for n in range(1, 8):\n"
        '            self.execute("INSERT INTO part VALUES (?, ?, ?)", [n, n, f"c{n}"])\n'
    )
    text = method(
        "change",
        'self.drop_table("part")',
        'self.delete_rows("item", where="id = 3", keep=True)',
        'self.create_table("other", [self.column("id", "integer", primary_key=True)])',
        'self.create_index("other", "id", name="ix_part_item")',
    )
    opened = begin(project, database, text, first)
    look = raw(database)
    parts = "SELECT * FROM part ORDER BY id"
    before, shape = look.execute(parts), test_verbs.texts(database)

    opened.up()
    opened.down()

    assert before == look.execute(parts)
    assert shape == test_verbs.texts(database)


def test_a_column_that_was_removed_comes_back_empty_in_rows_that_came_since(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    told: list[object] = []
    first = BASE + '        self.add_column("item", "state", "string", default="new")\n'
    text = method("change", 'self.remove_column("item", "state")')
    opened = begin(project, database, text, first)
    opened.tell = told.append
    look = raw(database)
    look.execute("UPDATE item SET state = NULL WHERE id = 2")
    look.execute("UPDATE item SET state = 'old' WHERE id = 3")
    states = "SELECT id, state FROM item ORDER BY id"
    before = look.execute(states)
    opened.up()
    look.execute("INSERT INTO item (id, name) VALUES (50, 'since')")

    opened.down()

    assert [*before, (50, "new")] == look.execute(states)
    assert any("came since: 1" in str(event) for event in told)


@engines.only("mariadb", "mysql")
def test_what_the_server_sets_at_every_change_comes_back_where_nobody_touched_the_row(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    look = raw(database)
    look.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, gone INT, at DATETIME DEFAULT "
        "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)"
    )
    look.execute("INSERT INTO t VALUES (1, 1, 5, '2001-01-01'), (2, 2, NULL, '2002-02-02')")
    before = look.execute("SELECT id, a, gone, at FROM t ORDER BY id")
    text = method("change", 'self.backfill("t", {"a": "a + 1"})', 'self.remove_column("t", "gone")')
    project.migration("20260101_000000_one", text)
    opened = projects.open_project(folder=project.path, database=database.url)

    opened.up()
    opened.down()

    assert before == look.execute("SELECT id, a, gone, at FROM t ORDER BY id")
