"""`whimbrel plan`: plans made by hand, drawn for people and written as a script."""

from __future__ import annotations

import dataclasses
import json

import pytest

import whimbrel
from whimbrel import errors
from whimbrel.cli import app, output, planning_page
from whimbrel.cli import plan as drawing
from whimbrel.migrations import plan as plans
from whimbrel.migrations import project

DATABASE = "postgresql://ana:***@db1/shop"


def step(position, words, *statements, **facts):
    """Return a planned step with the usual facts."""
    usual = {"kind": "ddl", "lock": "", "reversible": True}
    return plans.PlannedStep(position=position, words=words, statements=statements, **usual | facts)


def migration(id_="20260101_101500_split_names", *, steps=(), **facts):
    """Return the plan of a migration with the usual facts."""
    usual = {
        "direction": "up",
        "doc": "Split full names.",
        "whole": True,
        "rebuilds": False,
        "reversible": True,
    }
    return plans.MigrationPlan(id=id_, steps=tuple(steps), **usual | facts)


def plan(*migrations, direction="up"):
    """Return a plan of one database."""
    return plans.Plan(
        database=DATABASE, engine="PostgreSQL", direction=direction, migrations=migrations
    )


USUAL = migration(
    steps=[
        step(
            1,
            "add column user.first_name",
            'ALTER TABLE "user" ADD COLUMN "first_name" VARCHAR(100)',
            lock="reads and writes of user wait (ACCESS EXCLUSIVE)",
        ),
        step(2, "SELECT id FROM user", "SELECT id\n  FROM user", kind="query"),
        step(
            3,
            "UPDATE user SET first_name = :first WHERE id = :id",
            "UPDATE user SET first_name = %(first)s WHERE id = %(id)s",
            kind="data",
            reversible=False,
            irreversible_because="SQL does not say what would take it back",
            where="/srv/shop/migrations/20260101_101500_split_names.py:17",
            times=70,
        ),
        step(
            73,
            "through models: UPDATE user SET profile = ? WHERE id = ?",
            'UPDATE "user" SET "profile" = %s WHERE "id" = %s',
            kind="model",
            reversible=False,
            note="decided while running",
        ),
        step(
            74,
            "UPDATE user SET note = 'x' -- all of them",
            "UPDATE user\n   SET note = 'x' -- all of them",
            kind="data",
        ),
    ]
)
HALF = migration(
    "20260102_090000_cities",
    doc="",
    whole=False,
    rebuilds=True,
    reversible=False,
    resumes=True,
    steps=[
        step(1, "create table city", done=True),
        step(2, "create index city_name on city (name)", "CREATE INDEX city_name ON city (name)"),
        step(
            3,
            "drop table town",
            "DROP TABLE town",
            lock="writers of town wait",
            reversible=False,
            irreversible_because="its rows are gone",
        ),
    ],
    undecided="the number of rows that a change touches decides what follows",
)
FORBIDDEN = migration(
    "20260103_090000_wrong",
    steps=[step(1, "create table a", "CREATE TABLE a (id INTEGER)")],
    problem=errors.TableNotFound("b", known=["a"]),
)


@pytest.fixture
def drawn(capsys):
    """Draw a plan as a pipe gets it."""

    def draw(made):
        drawing.draw(output.Output(), made)
        return capsys.readouterr().out

    return draw


@pytest.fixture
def planned(monkeypatch, tmp_path):
    """Let `whimbrel plan` find a plan made by hand; return what it was asked for."""
    asked = []

    class Found:
        url = DATABASE

        def plan(self, direction, **options):
            asked.append((direction, options))
            return dataclasses.replace(Found.made, direction=direction)

    def having(*migrations):
        Found.made = plan(*migrations)
        monkeypatch.setattr(project, "open_project", lambda **_: Found())
        # There is no database behind it that could be asked how long it takes.
        monkeypatch.setattr(planning_page, "expected", lambda *_: None)
        return asked

    return having


# --- drawn ----------------------------------------------------------------------------------


def test_a_plan_shows_steps_with_sql_lock_and_reversibility(drawn, golden):
    golden("cli/plan.txt", drawn(plan(USUAL, HALF)))


def test_a_plan_that_cannot_be_run_says_so_where_it_ends(drawn):
    shown = drawn(plan(FORBIDDEN))

    assert "  ✗ table 'b' does not exist\n" in shown
    assert shown.endswith("nothing was changed, and this cannot be run as it is\n")


def test_an_empty_plan_is_one_line(drawn):
    expected = f"up · 0 migrations · PostgreSQL · {DATABASE}\nnothing to do\n"

    assert expected == drawn(plan())


def test_a_migration_without_steps_says_so(drawn):
    assert "  no steps\n" in drawn(plan(migration()))


# --- as a script ----------------------------------------------------------------------------


def test_a_script_holds_the_sql_and_comments_what_is_not_certain(golden):
    script = drawing.script(plan(USUAL, HALF, FORBIDDEN))

    golden("cli/plan.sql", script.replace(f"Whimbrel {whimbrel.__version__}", "Whimbrel VERSION"))


def test_a_script_keeps_a_text_of_many_lines_to_the_letter():
    sql = "INSERT INTO note VALUES ('a\n    b  \n  c')"
    script = drawing.script(plan(migration(steps=[step(1, "x", f"  {sql}\n")])))

    assert f"\n{sql};\n" in script


def test_nothing_that_people_wrote_leaves_a_comment(drawn):
    nasty = migration(
        doc="One.\nDROP TABLE a;\rDROP TABLE b;",
        steps=[step(1, "x\nDROP TABLE c;", kind="query")],
        undecided="y\nDROP TABLE d;",
        reversible=False,
    )

    script = drawing.script(plan(nasty))

    live = [line for line in script.splitlines() if line and not line.startswith("--")]
    assert ["BEGIN;", "COMMIT;"] == live


def test_a_semicolon_never_hides_in_a_comment():
    ends = migration(
        whole=False,
        steps=[
            step(1, "a", "DELETE FROM a -- all"),
            step(2, "b", "DELETE FROM b;"),
            step(3, "c", "DELETE FROM c # all"),
        ],
    )

    script = drawing.script(plan(ends))

    live = [line for line in script.splitlines() if line and not line.startswith("--")]
    assert ["DELETE FROM a -- all", ";", "DELETE FROM b;", "DELETE FROM c # all", ";"] == live


# --- the command ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "direction", "count"),
    [
        ([], "up", None),
        (["up"], "up", None),
        (["up", "2"], "up", 2),
        (["2"], "up", 2),
        (["down"], "down", None),
        (["down", "3"], "down", 3),
    ],
)
def test_a_plan_goes_up_or_down_and_so_far(planned, capsys, arguments, direction, count):
    asked = planned(USUAL)

    code = app.main(["plan", *arguments])

    assert 0 == code
    assert [(direction, {"count": count, "to": None, "out_of_order": False})] == asked


def test_options_of_a_plan_reach_it(planned, capsys):
    asked = planned(USUAL)

    app.main(["plan", "--to", "split", "--out-of-order"])

    assert [("up", {"count": None, "to": "split", "out_of_order": True})] == asked


def test_a_forbidden_plan_is_shown_and_then_refused(planned, capsys):
    planned(USUAL, FORBIDDEN)

    code = app.main(["plan"])

    told = capsys.readouterr()
    assert 1 == code
    assert "20260103_090000_wrong" in told.out
    assert f"{FORBIDDEN.problem}\n" == told.err


def test_a_forbidden_plan_as_json_is_one_document(planned, capsys):
    planned(FORBIDDEN)

    code = app.main(["plan", "--json"])

    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (1, "") == (code, told.err)
    assert "table-not-found" == document["problem"]["error"]
    assert document["problem"] == document["migrations"][0]["problem"]


def test_a_plan_as_json_holds_everything(planned, capsys):
    planned(USUAL, HALF)

    code = app.main(["plan", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert 0 == code
    assert {**plan(USUAL, HALF).as_json(), "forecast": None, "problem": None} == document


def test_a_script_is_all_that_standard_output_gets(planned, capsys):
    planned(USUAL)

    app.main(["plan", "--sql"])

    assert drawing.script(plan(USUAL)) == capsys.readouterr().out


def test_quiet_does_not_hide_what_was_asked_for(planned, capsys):
    planned(USUAL)

    app.main(["plan", "--quiet"])

    assert "add column user.first_name" in capsys.readouterr().out


# --- steps in batches -----------------------------------------------------------------------

BATCHED = migration(
    steps=[
        step(
            1,
            "backfill user.city",
            "UPDATE user SET city = 'x' WHERE id > :after AND id <= :upto",
            kind="rows",
            note="about 60,000 rows, in batches by id, 2 workers",
            rows=60_000,
            reversible=False,
            irreversible_because="it changed values that were there before",
        )
    ],
    whole=False,
    too_large="user",
)


def test_a_plan_says_which_table_is_too_large_for_one_transaction(capsys):
    drawing.draw(output.Output(), plan(BATCHED))

    told = capsys.readouterr().out
    assert "step by step, because table user is too large for one transaction" in told
    assert "about 60,000 rows, in batches by id, 2 workers · cannot be reversed by itself" in told


def test_a_batch_stands_in_comments_of_a_script_because_it_is_one_of_many():
    script = drawing.script(plan(BATCHED))

    assert "-- about 60,000 rows, in batches by id, 2 workers\n" in script
    assert all(line.startswith("--") for line in script.splitlines() if "UPDATE" in line)
