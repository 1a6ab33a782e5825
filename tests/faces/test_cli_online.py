"""`whimbrel up --until`, `whimbrel online`: what people see of a live change."""

from __future__ import annotations

import json

import pytest

from tests import conftest, databases, engines, live
from tests.conftest import OpenRaw
from whimbrel.cli import app


@pytest.fixture
def stage(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> live.Stage:
    made = live.Stage(project, database, raw(database))
    made.people()
    made.change(
        'self.add_column("people", "vat", "integer")',
        'self.backfill("people", {"vat": "amount * 2"})',
        'self.remove_column("people", "amount", "integer", refill="vat / 2")',
    )
    return made


@pytest.fixture
def call(stage: live.Stage, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> tuple[int, str]:
        where = ["--project", str(stage.project.path), "--database", stage.database.url]
        code = app.main([*arguments, *where])
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


@engines.only("sqlite")
def test_a_live_change_is_shown_from_its_plan_to_its_end(stage: live.Stage, call) -> None:
    code, shown = call("plan")
    assert code == 0
    for phase in ("expanded", "mirrored", "backfilled", "verified"):
        assert f"{phase}: " in shown

    code, shown = call("up", "--until", "backfilled", "--no-report")
    assert (code, "people is backfilled" in shown) == (0, True)
    code, shown = call("status")
    assert (code, "going live" in shown, "whimbrel online status" in shown) == (0, True, True)

    code, shown = call("up", "--no-report")
    assert (code, "people is swapped" in shown) == (0, True)
    code, shown = call("online", "status")
    assert code == 0
    assert "every row is the same in both shapes" in shown
    assert "going back loses nothing" in shown
    assert f"whimbrel online complete {live.IT}" in shown

    code, shown = call("online", "complete", "it")
    assert (code, "complete: the old shape is gone" in shown) == (0, True)
    assert call("online", "status")[1].endswith("no live change is open\n")
    assert "amount" not in stage.columns()


@engines.only("sqlite")
def test_what_going_back_would_lose_is_listed_before_it_is_refused(stage: live.Stage, call) -> None:
    call("up", "--no-report")
    stage.app.execute("UPDATE people SET vat = 7 WHERE id = 3")

    code, shown = call("online", "status", "--json")
    (state,) = json.loads(shown)["live_changes"]
    assert (code, state["lossless"], state["rows_lossy"]) == (0, False, 1)
    assert (state["first_lossy"], state["columns_lossy"]) == (["id 3"], ["vat"])

    code, shown = call("online", "revert", "it")
    assert (code, "[would-lose]" in shown, "id 3" in shown) == (1, True, True)
    code, shown = call("online", "revert", "it", "--accept-loss")
    assert (code, "is kept in table whimbrel_undo_" in shown) == (0, True)
    assert "vat" not in stage.columns()


@engines.only("sqlite")
@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--until", "noon"],
        ["up", "--until", "mirrored", "--complete"],
        ["online", "begin"],
        ["online", "complete"],
        ["online", "status", "--accept-loss"],
    ],
)
def test_what_cannot_be_asked_is_wrong_use(stage: live.Stage, call, arguments) -> None:
    code, shown = call(*arguments)

    assert (code, "[usage-error]" in shown) == (2, True)


@engines.only("sqlite")
def test_a_dry_run_points_to_the_plan(stage: live.Stage, call) -> None:
    code, shown = call("up", "--dry-run")

    assert (code, "whimbrel plan" in shown) == (1, True)
    assert stage.state() == "pending"


@engines.only("sqlite")
def test_all_of_it_is_done_at_once_where_nobody_is_at_work(stage: live.Stage, call) -> None:
    code, _ = call("up", "--complete", "--no-report")

    assert (code, stage.state()) == (0, "applied")
    assert "amount" not in stage.columns()
