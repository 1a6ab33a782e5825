"""A live change that is stopped, refused, planned, or in the way of others."""

from __future__ import annotations

import pytest

from tests import conftest, databases, engines, live
from tests.conftest import OpenRaw
from whimbrel import errors, events, online

RENAME = 'self.rename_column("people", "name", "full_name")'
RETYPE = 'self.change_column("people", "amount", "string", length=40)'


@pytest.fixture
def stage(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> live.Stage:
    return live.Stage(project, database, raw(database))


class Stop(BaseException):
    """Ends a run from within, as a person does."""


def stopped_at(stage: live.Stage, number: int, what: str = "up") -> bool:
    """Do something that ends with its n-th event; return whether it came so far."""
    seen = 0

    def tell(_: events.Event) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Stop

    project = stage.open(tell)
    try:
        {
            "up": project.up,
            "complete": lambda: project.complete(live.IT),
            "revert": lambda: project.revert(live.IT),
        }[what]()
    except Stop:
        return True
    except errors.NoLiveChange:
        return False  # it was stopped after its end
    return False


@pytest.mark.parametrize("verb", [RENAME, RETYPE], ids=["rename", "retype"])
def test_it_goes_on_after_a_stop_at_any_event(stage: live.Stage, verb: str) -> None:
    stage.people()
    stage.change(verb)

    number = 1
    while stopped_at(stage, number):
        if stage.state() == "going live":
            stage.app.execute(f"UPDATE people SET amount = amount + 1 WHERE id = {number % 7 + 1}")
        number += 2
    stage.up()
    assert stage.state() == "live"
    before = sum(int(amount) for (amount,) in stage.rows("amount"))

    number = 1
    while stopped_at(stage, number, "complete"):
        number += 1
    assert stage.state() == "applied"
    assert stage.leftovers() == []
    assert sum(int(amount) for (amount,) in stage.rows("amount")) == before
    assert len(stage.rows("id")) == 10


@pytest.mark.parametrize("verb", [RENAME, RETYPE], ids=["rename", "retype"])
def test_going_back_goes_on_after_a_stop_at_any_event(stage: live.Stage, verb: str) -> None:
    stage.people()
    before, rows = stage.shape(), stage.rows("id, name, amount")
    stage.change(verb)
    stage.up()

    number = 1
    while stopped_at(stage, number, "revert"):
        number += 1

    assert stage.state() == "pending"
    assert stage.leftovers() == []
    assert stage.shape() == before
    assert stage.rows("id, name, amount") == rows


def test_another_migration_may_not_touch_the_table_meanwhile(stage: live.Stage) -> None:
    stage.people()
    stage.change(RENAME)
    stage.up()
    stage.project.migration(
        "20260101_000003_later",
        "from whimbrel import Migration\n\n\nclass Later(Migration):\n    def change(self):\n"
        '        self.add_column("people", "late", "integer")\n',
    )

    with pytest.raises(errors.LiveChangeOpen, match="people"):
        stage.up()
    assert "late" not in stage.columns()

    stage.open().complete(live.IT)
    stage.up()
    assert "late" in stage.columns()


def test_a_table_that_the_same_run_makes_is_changed_in_the_ordinary_way(
    stage: live.Stage,
) -> None:
    stage.project.migration(live.FIRST, live.PEOPLE)
    stage.change(RENAME)

    stage.up()

    assert stage.state() == "applied"
    assert "full_name" in stage.columns()
    stage.open().down()
    assert "name" in stage.columns()


def test_a_completed_one_is_taken_back_as_any_migration(stage: live.Stage) -> None:
    stage.people()
    stage.change(RENAME)
    stage.up(complete=True)

    stage.open().down()

    assert stage.state() == "pending"
    assert stage.columns() == {"id": False, "name": False, "amount": True}
    assert stage.rows("name")[0] == ("P1",)


def test_down_takes_an_open_one_back(stage: live.Stage) -> None:
    stage.people()
    stage.change(RETYPE)
    stage.up()

    stage.open().down()

    assert stage.state() == "pending"
    assert stage.leftovers() == []
    assert stage.rows("amount")[0] == (1,)


def test_the_plan_shows_the_phases_and_touches_nothing(stage: live.Stage) -> None:
    stage.people()
    before = stage.table()
    stage.change(RETYPE)

    (plan,) = stage.open().plan().migrations

    assert plan.live
    assert [step.words.partition(":")[0] for step in plan.steps] == [
        *("expanded", "mirrored", "backfilled", "verified", "swapped"),
    ]
    assert any("CREATE TABLE" in sql for sql in plan.steps[0].statements)
    triggers = plan.steps[1].statements
    assert len(triggers) >= 6
    assert all(sql.startswith("-- trigger ") and "\n" not in sql for sql in triggers)
    for event in ("INSERT", "UPDATE", "DELETE"):
        assert sum(f"AFTER {event}" in sql for sql in triggers) >= 2
    assert all(step.note for step in plan.steps)
    assert stage.table() == before
    assert stage.leftovers() == []
    assert stage.state() == "pending"


@pytest.mark.parametrize(
    ("verbs", "said"),
    [
        (['self.execute("UPDATE people SET amount = 1")'], "raw SQL"),
        (['self.rename_table("people", "persons")'], "old and new code"),
        (['self.backfill("people", {"amount": "amount + 1"})'], "overwritten"),
        (['self.delete_rows("people", where="id > 5")'], "in step"),
        (['self.remove_column("people", "name", "string")'], "NOT NULL"),
        (['self.add_column("people", "a", "integer", null=False)'], "NOT NULL"),
        (
            [RENAME, 'self.add_index("other", "id")'],
            "more than one table",
        ),
    ],
)
def test_what_cannot_be_live_is_refused_before_anything_is_done(
    stage: live.Stage, verbs: list[str], said: str
) -> None:
    stage.people()
    before = stage.table()
    stage.change(*verbs)

    with pytest.raises(errors.NotOnline) as refused:
        stage.up()

    assert said in str(refused.value)
    assert "nothing was changed" in str(refused.value)
    assert stage.table() == before
    assert stage.state() == "pending"


def test_a_table_without_a_key_is_refused(stage: live.Stage) -> None:
    stage.first(
        """
        from whimbrel import Migration

        class People(Migration):
            def change(self):
                self.create_table("people", [self.column("name", "string", length=60)])
        """
    )
    stage.change(RENAME)

    with pytest.raises(errors.NotOnline, match="live change"):
        stage.up()


def test_values_that_the_new_type_would_not_keep_are_refused_before_anything_is_done(
    stage: live.Stage,
) -> None:
    stage.people()
    stage.app.execute("UPDATE people SET name = 'x' WHERE id > 1")
    stage.app.execute("UPDATE people SET name = '12' WHERE id > 1")
    stage.change('self.change_column("people", "name", "integer")')

    with pytest.raises(errors.WhimbrelError):
        stage.up()
    assert stage.leftovers() == []

    stage.app.execute("UPDATE people SET name = '1' WHERE id = 1")
    stage.up(complete=True)
    assert stage.rows("name")[:2] == [(1,), (12,)]


def test_rows_that_come_and_cannot_be_in_the_new_shape_stop_the_exchange(
    stage: live.Stage,
) -> None:
    stage.people()
    stage.app.execute("UPDATE people SET name = '7'")
    stage.change('self.change_column("people", "name", "integer")')
    stage.up("backfilled")
    stage.app.execute("UPDATE people SET name = 'seven' WHERE id = 5")

    with pytest.raises((errors.RowsAstray, errors.ValuesDoNotFit)):
        stage.up()

    assert stage.rows("name")[4] == ("seven",)
    (state,) = online.status(database=stage.database.url, folder=stage.project.path)
    assert (state.phase, state.astray) == ("backfilled", 1)
    stage.app.execute("UPDATE people SET name = '8' WHERE id = 5")
    stage.up(complete=True)
    assert stage.rows("name")[4] == (8,)


def test_nothing_can_be_completed_that_is_not_live(stage: live.Stage) -> None:
    stage.people()
    stage.change(RENAME)

    with pytest.raises(errors.NoLiveChange):
        stage.open().complete(live.IT)
    stage.up("mirrored")
    with pytest.raises(errors.WrongPhase, match="mirrored"):
        stage.open().complete(live.IT)


@engines.only("postgresql", "mariadb")
def test_who_holds_the_table_is_named_and_nobody_waits_behind_us(stage: live.Stage) -> None:
    stage.people()
    stage.change(RETYPE)
    stage.up("verified")
    with databases.Raw(stage.database) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM people")
        stage.project.config('[online]\nlock_seconds = 0.1\nswap_for = "0.01 minutes"\n')

        with pytest.raises(errors.LockNotHad) as refused:
            stage.up()

        assert stage.rows("amount")[0] == (1,)
        assert any(isinstance(one, events.LockAwaited) for one in stage.told)
        assert "people" in str(refused.value)
        other.execute("COMMIT")
    stage.up()
    assert stage.state() == "live"
