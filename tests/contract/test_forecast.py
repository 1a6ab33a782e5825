"""Forecasts on every engine: what they are made of, who waits, and what the journal keeps."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import conftest, databases
from tests.contract import test_rehearse as rehearsals
from whimbrel.cli import app
from whimbrel.engines import registry
from whimbrel.journal import forecasts
from whimbrel.migrations import project as projects
from whimbrel.rehearsal import forecast, rehearse
from whimbrel.reports import seal

OpenRaw = Callable[[databases.Database], databases.Raw]


def opened(
    project: conftest.ProjectFolder, database: databases.Database, body: str = rehearsals.GOOD
) -> projects.Project:
    """Return a project with one pending migration."""
    project.migration("20260101_000000_m1", rehearsals.HEAD + body)
    return projects.open_project(folder=project.path, database=database.url)


def test_a_rehearsal_is_what_a_forecast_is_made_of_first(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rehearsals.people(database, raw)
    here = opened(project, database)
    done = rehearse.of_project(here, rehearse.Options())

    found = forecast.forecast(here, here.plan(), rehearsed=forecast.measured(done))

    assert [forecast.REHEARSED] * 3 == [s.expected.basis for s in found.steps if s.expected]
    assert ["add column", "backfill", "create index"] == [s.kind for s in found.steps]
    assert () == found.unknown
    assert found.total is not None
    assert found.total.least <= found.total.likely <= found.total.most


def test_a_rehearsal_of_a_file_that_was_edited_since_does_not_count(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rehearsals.people(database, raw)
    here = opened(project, database)
    measured = forecast.measured(rehearse.of_project(here, rehearse.Options()))
    here = opened(project, database, rehearsals.GOOD.replace("upper", "lower"))

    found = forecast.forecast(here, here.plan(), rehearsed=measured)

    assert forecast.REHEARSED not in {s.expected.basis for s in found.steps if s.expected}


def test_without_a_rehearsal_earlier_runs_say_and_without_these_a_sample(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rehearsals.people(database, raw)
    here = opened(project, database)

    first = forecast.forecast(here, here.plan())
    with forecast.Keeping(here):
        here.up()
    project.migration(
        "20260102_000000_m2", rehearsals.HEAD + rehearsals.GOOD.replace("loud", "quiet")
    )
    second = forecast.forecast(here, here.plan())

    assert {forecast.SAMPLED} == {s.expected.basis for s in first.steps if s.expected}
    assert {forecast.EARLIER} == {s.expected.basis for s in second.steps if s.expected}


def test_the_journal_keeps_what_was_expected_beside_the_real_time(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rehearsals.people(database, raw)
    here = opened(project, database)

    with forecast.Keeping(here) as keeping:
        here.up()

    with contextlib.closing(registry.open_session(database.url, read_only=True)) as session:
        kept = forecasts.read(session)
    shown = here.run()
    assert "" == keeping.problem
    assert ["add column", "backfill", "create index"] == [row.kind for row in kept]
    assert 300 == kept[1].volume  # of the others the server only guesses
    assert all(row.volume for row in kept)
    assert all(row.likely is not None and row.seconds >= 0 for row in kept)
    assert [step.expected for step in shown.steps] == kept


def test_a_plan_says_who_waits_and_a_new_table_lets_nobody_wait(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rehearsals.people(database, raw)
    body = """
    transactional = False

    def up(self):
        self.create_table("pet", [self.column("id", "integer", primary_key=True),
                                  self.column("name", "string", length=20)])
        self.create_index("pet", "name")
        self.create_index("person", "name")
"""
    plan = opened(project, database, body).plan()

    table, new, old = plan.migrations[0].steps

    assert ("pet",) == table.tables
    assert ("pet",) == new.tables
    assert ("", "") == (table.waits, new.waits)
    assert ("person",) == old.tables
    if database.kind != "mariadb":  # it builds an index beside writers
        assert ("writers", "reads") == (old.waits, old.work)


def test_what_nobody_knows_is_not_guessed(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rehearsals.people(database, raw)
    here = opened(
        project,
        database,
        '\n    def up(self):\n        self.execute("UPDATE person SET phone = 1")\n',
    )

    found = forecast.forecast(here, here.plan(), sample=False)

    assert [None] == [step.expected for step in found.steps]
    assert (1, None) == (len(found.unknown), found.total)


def test_pages_for_colleagues_are_written_and_sealed(
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rehearsals.people(database, raw)
    opened(project, database)
    page, text = tmp_path / "page.html", tmp_path / "page.md"

    code = app.main(
        ["plan", "--database", database.url, "--project", str(project.path), "--html", str(page),
         "--markdown", str(text), "--at", "Sunday <6:00>", "--decides", "Ana"]
    )  # fmt: skip

    assert 0 == code, capsys.readouterr().err
    assert seal.check(page.read_bytes()).intact
    assert "Sunday &lt;6:00&gt;" in page.read_text()
    written = text.read_text()
    for said in ("**When:** Sunday \\<6:00\\>", "**Who decides:** Ana", "## How we go back"):
        assert said in written


def test_the_command_rehearses_and_plan_then_knows_the_times(
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rehearsals.people(database, raw)
    project.config("")
    opened(project, database)
    where = ["--database", database.url, "--project", str(project.path)]

    code = app.main(["rehearse", "--json", *where])
    told = json.loads(capsys.readouterr().out)
    app.main(["plan", "--json", *where])
    planned = json.loads(capsys.readouterr().out)

    assert (0, True, "Ready") == (code, told["ready"], told["verdict"]["word"])
    assert {"rehearsed"} == {one["expected"]["basis"] for one in planned["forecast"]["steps"]}
    page = Path(told["report"]["html"])
    assert seal.check(page.read_bytes()).intact
    assert "went up, down and up again" in page.read_text()


def test_a_verdict_against_it_is_exit_code_1(
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rehearsals.people(database, raw)
    opened(
        project,
        database,
        '\n    def up(self):\n        self.execute("INSERT INTO person (id) VALUES (1)")\n',
    )

    code = app.main(
        ["rehearse", "--database", database.url, "--project", str(project.path), "--no-report"]
    )

    shown = capsys.readouterr().out
    assert 1 == code
    assert "against  it fails on the way up" in shown
    assert "not ready: 1 migration" in shown
