"""A change of a column's type keeps what it would lose, and `down` gives it back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases, engines
from tests.contract import test_undo, test_verbs
from whimbrel import errors

OpenRaw = Callable[[databases.Database], databases.Raw]

CODES = ("007", "8", " 9", None, "0010", "11", "-0", "+3", "1000000")
BASE = (
    test_undo.HEAD
    + f"""class Base(Migration):
    def up(self):
        self.create_table("item", [
            self.column("id", "integer", primary_key=True),
            self.column("code", "string", length=20, default="1"),
            self.column("note", "text"),
        ])
        for n, code in enumerate({CODES!r}):
            self.execute("INSERT INTO item (id, code, note) VALUES (?, ?, 'x')", [n, code])
"""
)
ALL = "SELECT id, code, note FROM item ORDER BY id"
CHANGE = 'self.change_column("item", "code", "integer", accept_loss=True, default=None)'
STEPS = "    transactional = False\n\n"


def change(*lines: str, name: str = "change", head: str = "") -> str:
    """Return a migration with one method, and what its class says."""
    text = test_undo.method(name, *lines)
    return text.replace("(Migration):\n", f"(Migration):\n{head}")


@pytest.mark.parametrize("head", ["", STEPS])
def test_values_that_a_type_loses_come_back_with_the_type(
    head: str, project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    opened = test_undo.begin(project, database, change(CHANGE, head=head), BASE)
    look = raw(database)
    before, shape = look.execute(ALL), test_verbs.texts(database)

    opened.up()
    between = look.execute(ALL)
    (store,) = test_undo.stores(look, database)
    kept = look.execute(f"SELECT code FROM {store} ORDER BY id")
    opened.down()

    assert [7, 8, 9, None, 10, 11, 0, 3, 1000000] == [row[1] for row in between]
    assert [("007",), (" 9",), ("0010",), ("-0",), ("+3",)] == kept
    assert before == look.execute(ALL)
    assert shape == test_verbs.texts(database)
    assert [] == test_undo.stores(look, database)


@pytest.mark.parametrize(
    ("policy", "first"), [("refuse", None), ("old", ("007", " 9")), ("new", ("70", "9"))]
)
def test_values_that_others_changed_since_are_a_conflict_by_their_new_type(
    policy: str,
    first: tuple[str, str] | None,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    opened = test_undo.begin(project, database, change(CHANGE), BASE)
    look = raw(database)
    opened.up()
    look.execute("UPDATE item SET code = 70 WHERE id = 0")
    look.execute("UPDATE item SET code = 80, note = 'mine' WHERE id = 1")
    look.execute("DELETE FROM item WHERE id = 4")
    look.execute("INSERT INTO item (id, code) VALUES (50, 5)")
    since = look.execute(ALL)

    if first is None:
        with pytest.raises(errors.UndoConflicts, match="1 row of 'item'") as refused:
            opened.down()
        assert "id 0: code is 70, was '007'" in str(refused.value)
        assert since == look.execute(ALL)
        return
    opened.down(conflicts=policy)

    codes = {row[0]: row[1] for row in look.execute(ALL)}
    assert {0: first[0], 1: "80", 2: " 9", 3: None, 5: "11", 6: "-0", 7: "+3", 8: "1000000", 50: "5"
            } == codes  # fmt: skip
    assert [("mine",)] == look.execute("SELECT note FROM item WHERE id = 1")


def test_it_goes_back_among_steps_that_change_the_same_values(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    text = change(
        'self.backfill("item", {"code": "\'00042\'"}, where="id = 1")',
        CHANGE,
        'self.backfill("item", {"code": "code + 1"}, where="id < 3")',
        'self.delete_rows("item", where="id = 7")',
        'self.change_column("item", "code", "string", length=9)',
        'self.backfill("item", {"code": "\'0\'"}, where="id = 0")',
        'self.change_column("item", "code", "bigint", accept_loss=True)',
    )
    text = text.replace('"string", length=9)', '"string", length=9, accept_loss=True)')
    opened = test_undo.begin(project, database, text, BASE)
    look = raw(database)
    before, shape = look.execute(ALL), test_verbs.texts(database)

    opened.up()
    opened.down()
    opened.up()
    opened.down()

    assert before == look.execute(ALL)
    assert shape == test_verbs.texts(database)


def test_the_plan_says_what_is_kept_of_it(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = test_undo.begin(project, database, change(CHANGE), BASE)

    plan = opened.plan().migrations[0]

    (step,) = plan.steps
    assert plan.reversible
    assert step.keeps is not None
    # Only where a conversion can be said is it known beforehand which values come back.
    known = database.kind == "postgresql"
    assert (5 if known else 8, "30 days") == (step.keeps.rows, step.keeps.time)
    assert str(step.keeps).startswith("keeps about 5" if known else "keeps at most 8 rows")
    assert 100 < (step.keeps.bytes or 0) < 2_000


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (CHANGE.replace("accept_loss", "keep=False, accept_loss"), ""),
        (CHANGE, "    keep = False\n\n"),
        ('self.change_column("item", "note", "string", length=30, accept_loss=True)', "no key"),
    ],
)
def test_what_cannot_or_shall_not_be_kept_cannot_be_taken_back_and_the_plan_says_so(
    line: str,
    head: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    first = BASE
    if head == "no key":
        head, first = "", BASE.replace(", primary_key=True", "")
    opened = test_undo.begin(project, database, change(line, head=head), first)

    plan = opened.plan().migrations[0]
    opened.up()

    assert not plan.reversible
    assert plan.steps[0].keeps is None
    with pytest.raises(errors.Irreversible):
        opened.down()
    assert [] == test_undo.stores(raw(database), database)


def test_a_failed_change_of_type_leaves_nothing_of_what_it_would_have_kept(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    line = (
        'self.change_column("item", "code", "integer", accept_loss=True, null=False, default=None)'
    )
    opened = test_undo.begin(project, database, change(line, head=STEPS), BASE)
    look = raw(database)
    before = look.execute(ALL)

    with pytest.raises(errors.WhimbrelError):
        opened.up()

    assert before == look.execute(ALL)
    assert [] == test_undo.stores(look, database)
    look.execute("DELETE FROM item WHERE code IS NULL")
    opened.up()
    opened.down()
    assert [row for row in before if row[1] is not None] == look.execute(ALL)


@engines.only("postgresql")
def test_a_type_that_nothing_makes_the_old_one_of_is_refused_unless_nothing_is_kept(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp)")
    raw(database).execute("INSERT INTO t VALUES (1, '2020-02-02 10:00')")
    text = change('self.change_column("t", "at", "time", accept_loss=True)')
    opened = test_undo.begin(project, database, text, BASE)

    with pytest.raises(errors.WhimbrelError, match="nothing makes timestamp") as refused:
        opened.up()

    assert "keep=False" in str(refused.value)
    project.migration(
        "20260102_000000_change", text.replace("accept_loss", "keep=False, accept_loss")
    )
    opened.up()
    assert "10:00:00" == str(raw(database).execute("SELECT at FROM t")[0][0])
