"""Whole live changes under load: nothing fails, and nothing acknowledged is lost, there and back.

`make campaign` does it with 100,000 acknowledged operations on each engine (WHIMBREL_LOAD:
operations of one change).
"""

from __future__ import annotations

import os

import pytest

from tests import conftest, databases
from tests.crash import living
from tests.load import application, deadlocks, drivers, scenes, worker

OPERATIONS = int(os.environ.get("WHIMBREL_LOAD", "400"))


# A column that is split is mirrored as one that is renamed.
KINDS = [
    pytest.param(name, marks=pytest.mark.exhaustive if name == scenes.SPLIT else ())
    for name in scenes.KINDS
]


@pytest.mark.crash
@pytest.mark.parametrize("name", KINDS)
def test_a_live_change_goes_there_and_back_and_there_under_load(
    name: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: conftest.OpenRaw,
) -> None:
    stage = living.Stage(name, project, database, raw(database))
    base, wish = stage.load()
    part = OPERATIONS // 5

    with application.running(stage.scene, database, base, wish) as app:
        windows = {"to mirrored": stage.run(living.UP, "mirrored")}
        windows["to verified"] = stage.run(living.UP, "verified")
        app.speak(worker.OLD, worker.NEW)
        windows["swap"] = stage.run(living.UP)
        app.until(part, seconds=600)
        app.rest()
        stage.claim_equal(app.so_far(), "old", "new", at="swapped")
        app.speak(worker.OLD, worker.NEW)
        app.until(part, seconds=600)
        app.speak(worker.OLD)
        windows["back"] = stage.run(living.REVERT)
        app.until(part, seconds=600)
        app.rest()
        stage.claim_equal(app.so_far(), "old", at="taken back")
        assert stage.left() == []

        app.speak(worker.OLD)
        windows["to verified again"] = stage.run(living.UP, "verified")
        app.speak(worker.OLD, worker.NEW)
        windows["swap again"] = stage.run(living.UP)
        app.until(part, seconds=600)
        app.speak(worker.NEW)
        windows["complete"] = stage.run(living.COMPLETE)
        app.until(part, seconds=600)
        report = app.end()

    print(f"{database.kind} {name}: {report}")
    for what, window in windows.items():
        print(f"  {what:18} {window[1] - window[0]:5.1f} s  {report.times.within(*window)}")
    stage.claim_equal(report, "new", at="complete")
    assert stage.left() == []
    assert report.ledger.unknown == []
    assert report.times.all().longest < drivers.PATIENCE
    deadlocks.tell(report.failures, database.kind)
