"""The report of a live change: what was compared, who was waited for, and the way back."""

from __future__ import annotations

import pytest

from tests import conftest, databases, engines, live
from tests.conftest import OpenRaw
from whimbrel.migrations import live as wishes
from whimbrel.reports import recording
from whimbrel.reports import report as reports

RENAME = 'self.rename_column("people", "name", "full_name")'
RETYPE = 'self.change_column("people", "amount", "string", length=40)'


@pytest.fixture
def stage(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> live.Stage:
    return live.Stage(project, database, raw(database))


def recorded(stage: live.Stage, what: str, **wish: bool) -> reports.Report:
    """Do something of a live change, and return the report that was written of it."""
    project = stage.open()
    with recording.Recording(project) as recorder:
        match what:
            case "complete":
                project.complete(live.IT)
            case "revert":
                project.revert(live.IT, **wish)
            case _:
                project.wish = wishes.Wish(**wish)
                project.up()
    assert recorder.problem is None
    assert recorder.written is not None
    assert recorder.report is not None
    return recorder.report


def test_the_report_says_what_was_compared_and_that_going_back_loses_nothing(
    stage: live.Stage,
) -> None:
    stage.people()
    stage.change(RETYPE)

    report = recorded(stage, "up")

    (change,) = report.live_changes
    assert (change.migration, change.table, change.mode) == (live.IT, "people", "table")
    assert [phase.name for phase in change.phases] == [
        *("expanded", "mirrored", "backfilled", "verified", "swapped"),
    ]
    assert {one.column for one in change.up} == {"id", "name", "amount"}
    assert {one.column for one in change.down} == {"id", "name", "amount"}
    assert (change.filled, change.compared, change.different) == (10, 10, 0)
    assert change.ranges > 1
    assert change.equal
    assert (change.waits, change.tries, change.longest, change.blockers) == (0, 0, 0, ())
    assert (change.way_back, change.lossy) == ("going back loses nothing", 0)
    assert report.verdict.says == "1 migration live"


def test_the_report_of_an_end_compares_once_more(stage: live.Stage) -> None:
    stage.people()
    stage.change(RENAME)
    stage.up()

    report = recorded(stage, "complete")

    (change,) = report.live_changes
    assert report.migrations[0].direction == "complete"
    assert [phase.name for phase in change.phases] == ["complete"]
    assert (change.filled, change.compared, change.equal) == (0, 10, True)
    assert change.lossy is None
    assert "the old shape is gone" in change.way_back
    assert report.verdict.says == "1 migration completed"


def test_the_whole_way_in_one_command_is_one_report(stage: live.Stage) -> None:
    stage.people()
    stage.change(RENAME)

    report = recorded(stage, "up", complete=True)

    (change,) = report.live_changes
    assert [phase.name for phase in change.phases][-2:] == ["swapped", "complete"]
    assert (change.filled, change.compared) == (10, 20)
    assert [one.direction for one in report.migrations] == ["live", "complete"]
    assert all(one.steps and one.status == "done" for one in report.migrations)
    assert report.verdict.says == "1 migration completed"


# An integer column of the third engine holds the text as well: there nothing would be lost.
@engines.only("postgresql", "mariadb")
def test_rows_that_going_back_would_lose_are_in_the_report_and_where_they_are_kept(
    stage: live.Stage,
) -> None:
    stage.people()
    stage.change(RETYPE)
    stage.up("verified")
    before = recorded(stage, "up").live_changes[0]
    assert [phase.name for phase in before.phases] == ["verified", "swapped"]
    stage.app.execute("UPDATE people SET amount = '12 EUR' WHERE id = 2")

    report = recorded(stage, "revert", accept_loss=True)

    (change,) = report.live_changes
    assert change.phases[-1].name == "reverted"
    assert "what 1 rows have in the new shape is kept in table" in change.way_back
    assert report.verdict.says == "1 migration taken back"


# An integer column of the third engine holds the text as well: there nothing would be lost.
@engines.only("postgresql", "mariadb")
def test_a_change_that_is_stopped_says_what_going_back_would_lose(stage: live.Stage) -> None:
    stage.people()
    stage.change(RETYPE)
    stage.up()
    stage.app.execute("UPDATE people SET amount = '12 EUR' WHERE id = 2")
    project = stage.open()

    with (
        pytest.raises(Exception, match="would"),
        recording.Recording(project) as recorder,
    ):
        project.revert(live.IT)

    assert recorder.report is not None
    (change,) = recorder.report.live_changes
    assert (change.lossy, change.first, change.columns) == (1, ("id 2",), ("amount",))
    assert recorder.report.verdict.word == "Failed"


@engines.only("postgresql", "mariadb")
def test_who_held_the_lock_is_in_the_report(stage: live.Stage) -> None:
    stage.people()
    stage.change(RETYPE)
    stage.up("verified")
    stage.project.config('[online]\nlock_seconds = 0.1\nswap_for = "0.01 minutes"\n')
    project = stage.open()

    with databases.Raw(stage.database) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM people")
        with (
            pytest.raises(Exception, match="lock"),
            recording.Recording(project) as recorder,
        ):
            project.up()
        other.execute("COMMIT")

    assert recorder.report is not None
    (change,) = recorder.report.live_changes
    assert change.waits == 1
    assert change.tries >= 1
    assert change.longest >= 100
    assert change.blockers
