"""What the command line says of a live change before and while it is done."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests import conftest, databases, engines, live
from tests.conftest import OpenRaw
from whimbrel.cli import app

Run = Callable[..., str]


@pytest.fixture
def stage(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> live.Stage:
    made = live.Stage(project, database, raw(database))
    made.people()
    made.change('self.change_column("people", "amount", "string", length=40)')
    return made


@pytest.fixture
def run(stage: live.Stage, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, and return what it wrote on standard output."""

    def run_(*arguments: str) -> str:
        capsys.readouterr()
        where = ["--project", str(stage.project.path), "--database", stage.database.url]
        assert app.main([*arguments, *where]) == 0
        return capsys.readouterr().out

    return run_


@engines.only("sqlite")
def test_a_plan_goes_as_far_as_it_is_asked_and_its_script_is_sql(run: Run) -> None:
    whole = run("plan", "--sql")
    until = run("plan", "--until", "mirrored")

    assert "\n-- people gets the name" in whole
    assert "\n-- trigger " in whole
    assert "→" not in whole
    assert "mirrored: keep both shapes" in until
    assert "backfilled" not in until


@engines.only("sqlite")
def test_a_check_says_that_it_does_not_look_at_live_changes(stage: live.Stage, run: Run) -> None:
    said = run("check")
    document = json.loads(run("check", "--json"))

    assert "not checked: it is a live change" in said
    assert document["not_checked"] == [live.IT]


@engines.only("sqlite")
def test_the_ends_tell_programs_what_was_compared_and_where_the_report_is(run: Run) -> None:
    up = run("up", "--json")
    end = run("online", "complete", live.IT, "--json")

    told = [json.loads(line) for line in up.splitlines()]
    (change,) = [one for one in told if one.get("event") == "live-change"]
    assert (change["compared"], change["equal"], change["lossy"]) == (10, True, 0)
    document = json.loads(end)
    assert document["live_changes"][0]["way_back"].startswith("it is complete")
    assert document["report"]["seal"]
