"""A live change in place: old and new columns in one row, from start to end, and back."""

from __future__ import annotations

import pytest

from tests import conftest, databases, live
from tests.conftest import OpenRaw
from whimbrel import errors, events, online

RENAME = 'self.rename_column("people", "name", "full_name")'


@pytest.fixture
def stage(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> live.Stage:
    return live.Stage(project, database, raw(database))


def old_code(stage: live.Stage, key: int) -> None:
    """Write as the code that was there before."""
    stage.app.execute(f"INSERT INTO people (id, name, amount) VALUES ({key}, 'old {key}', 1)")
    stage.app.execute(f"UPDATE people SET name = 'Old {key}' WHERE id = {key}")


def new_code(stage: live.Stage, key: int) -> None:
    """Write as the code of the next version."""
    stage.app.execute(f"INSERT INTO people (id, full_name, amount) VALUES ({key}, 'new {key}', 1)")
    stage.app.execute(f"UPDATE people SET full_name = 'New {key}' WHERE id = {key}")


def test_a_column_is_renamed_while_old_and_new_code_write(stage: live.Stage) -> None:
    stage.people()
    stage.change(RENAME)

    stage.up("expanded")
    old_code(stage, 11)
    stage.up("mirrored")
    old_code(stage, 12)
    new_code(stage, 13)
    stage.up("backfilled")
    old_code(stage, 14)
    new_code(stage, 15)
    stage.up("verified")
    old_code(stage, 16)
    new_code(stage, 17)
    stage.app.execute("DELETE FROM people WHERE id = 3")
    stage.up()
    old_code(stage, 18)
    new_code(stage, 19)

    assert stage.state() == "live"
    assert stage.rows("name") == stage.rows("full_name")
    assert len(stage.rows("id")) == 18

    stage.open().complete(live.IT)

    new_code(stage, 20)
    assert stage.state() == "applied"
    assert stage.columns() == {"id": False, "amount": True, "full_name": False}
    assert stage.rows("full_name")[-1] == ("New 20",)
    assert stage.leftovers() == []
    assert [(i.name, i.columns) for i in stage.table().indexes] == [
        ("ix_people_name", ("full_name",))
    ]


@pytest.mark.parametrize("phase", ["expanded", "mirrored", "backfilled", "verified", "swapped"])
def test_it_is_taken_back_from_every_phase_and_leaves_nothing(
    stage: live.Stage, phase: str
) -> None:
    stage.people()
    before = stage.table()
    stage.change(RENAME)
    stage.up(phase)
    if phase != "expanded":
        new_code(stage, 11)
    old_code(stage, 12)

    stage.open().revert(live.IT)

    assert stage.state() == "pending"
    assert stage.row() is None
    assert stage.leftovers() == []
    assert stage.table() == before
    written = [] if phase == "expanded" else [("New 11",)]
    assert stage.rows("name")[10:] == [*written, ("Old 12",)]
    stage.up(complete=True)
    assert stage.state() == "applied"


def test_new_columns_are_filled_and_the_old_one_goes(stage: live.Stage) -> None:
    stage.people()
    stage.change(
        """self.split_column("people", "name", {
            "first": ("string", "substr(name, 1, 1)"),
            "rest": ("string", "substr(name, 2)"),
        }, merge="concat(first, rest)", was="string")"""
        if stage.kind != "sqlite"
        else """self.split_column("people", "name", {
            "first": ("string", "substr(name, 1, 1)"),
            "rest": ("string", "substr(name, 2)"),
        }, merge="first || rest", was="string")""",
    )

    stage.up()
    stage.app.execute("INSERT INTO people (id, name) VALUES (11, 'Old')")
    stage.app.execute("INSERT INTO people (id, first, rest) VALUES (12, 'N', 'ew')")
    stage.app.execute("UPDATE people SET first = 'X' WHERE id = 1")

    assert stage.rows("name, first, rest")[-2:] == [("Old", "O", "ld"), ("New", "N", "ew")]
    assert stage.rows("name")[0] == ("X1",)

    stage.open().complete(live.IT)
    stage.app.execute("INSERT INTO people (id, first, rest) VALUES (13, 'N', 'ew')")

    assert set(stage.columns()) == {"id", "amount", "first", "rest"}
    assert stage.leftovers() == []


def test_going_back_is_refused_where_it_would_lose_something_unless_that_is_meant(
    stage: live.Stage,
) -> None:
    stage.people()
    stage.change(
        'self.add_column("people", "vat", "integer", null=False, default=0)',
        'self.backfill("people", {"vat": "coalesce(amount, 0) * 2"})',
    )
    stage.up()
    stage.app.execute("INSERT INTO people (id, name, amount, vat) VALUES (11, 'a', 1, 77)")
    (state,) = online.status(database=stage.database.url, folder=stage.project.path)

    assert (state.phase, state.lossless, state.lossy) == ("swapped", False, 1)
    assert (state.first, state.columns) == (("id 11",), ("vat",))
    with pytest.raises(errors.WouldLose) as refused:
        stage.open().revert(live.IT)
    assert refused.value.rows == 1

    stage.open().revert(live.IT, accept_loss=True)

    assert stage.columns() == {"id": False, "name": False, "amount": True}
    notice = next(one for one in stage.told if isinstance(one, events.Noticed))
    kept = notice.what.rpartition(" ")[2]
    assert stage.app.execute(f"SELECT id, vat FROM {kept}") == [(11, 77)]


def test_what_stands_on_a_renamed_column_stands_on_the_new_one(stage: live.Stage) -> None:
    stage.first(
        """
        from whimbrel import Migration

        class People(Migration):
            def change(self):
                self.create_table("city", [self.column("id", "integer", primary_key=True)])
                self.create_table("people", [
                    self.column("id", "integer", primary_key=True),
                    self.column("name", "string", length=60, null=False),
                    self.column("city", "integer"),
                ])
                self.add_unique("people", "name", name="one_name")
                self.add_foreign_key("people", "city", "city", "id", name="of_city")
                self.add_check("people", "city > 0", name="real_city")
                self.add_index("people", ["city", "name"], name="both")
        """
    )
    stage.app.execute("INSERT INTO city VALUES (1)")
    stage.app.execute("INSERT INTO people VALUES (1, 'Ann', 1), (2, 'Bob', NULL)")
    stage.change('self.rename_column("people", "city", "town")')

    stage.up()
    with pytest.raises(Exception, match=r"(?i)check|constraint"):
        stage.app.execute("INSERT INTO people (id, name, town) VALUES (3, 'Eve', -9)")
    stage.open().complete(live.IT)

    found = stage.table()
    assert {key.name: key.columns for key in found.foreign_keys} == {"of_city": ("town",)}
    assert [check.name for check in found.checks] == ["real_city"]
    assert "town" in found.checks[0].sql
    assert {i.name: i.columns for i in found.indexes if i.name == "both"} == {
        "both": ("town", "name")
    }
    assert stage.leftovers() == []


def test_odd_names_nulls_and_emoji_come_through(stage: live.Stage) -> None:
    stage.first(
        """
        from whimbrel import Migration

        class People(Migration):
            def change(self):
                self.create_table("Ta ble%", [
                    self.column("a key", "string", length=20, null=False),
                    self.column("select", "integer", null=False),
                    self.column("o'ld", "text"),
                ], primary_key=["a key", "select"])
        """
    )
    quote = "`" if stage.kind in {"mariadb", "mysql"} else '"'
    table = f"{quote}Ta ble%{quote}"
    names = ", ".join(f"{quote}{name}{quote}" for name in ("a key", "select", "o'ld"))
    for key, number, said in (("x", 1, "'🦜 it''s'"), ("x", 2, "NULL"), ("🦜'", 1, "'100%'")):
        stage.app.execute(
            f"INSERT INTO {table} ({names}) VALUES ('{key.replace(chr(39), chr(39) * 2)}', "
            f"{number}, {said})"
        )
    stage.change('self.rename_column("Ta ble%", "o\'ld", "new%s")')

    stage.up("mirrored")
    stage.app.execute(f"DELETE FROM {table} WHERE {quote}select{quote} = 2")
    stage.up()
    stage.open().complete(live.IT)

    found = stage.app.execute(f"SELECT {quote}new%s{quote} FROM {table} ORDER BY 1")
    assert sorted(row[0] for row in found) == ["100%", "🦜 it's"]


def test_an_empty_table_is_changed_as_any_other(stage: live.Stage) -> None:
    stage.people(0)
    stage.change(RENAME)

    stage.up(complete=True)

    assert stage.state() == "applied"
    assert stage.columns() == {"id": False, "amount": True, "full_name": False}


def test_indexes_alone_need_no_second_shape_and_no_end(stage: live.Stage) -> None:
    stage.people()
    stage.change('self.add_index("people", "amount")')

    stage.up()

    assert stage.state() == "applied"
    assert {i.name for i in stage.table().indexes} == {"ix_people_name", "ix_people_amount"}
