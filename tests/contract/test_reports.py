"""The report of a run on every engine: its numbers are those that plain SQL gives."""

from __future__ import annotations

import json
import re
import stat
import time

import pytest

from tests import engines, staging
from whimbrel import errors
from whimbrel.engines import registry
from whimbrel.migrations import project as projects
from whimbrel.reports import Recording, measure, runs, seal

NAME = "20260101_000000_it"
ROWS = 30
MIGRATION = """\
from whimbrel import Migration


class It(Migration):
    \"\"\"Name people anew.\"\"\"

    def up(self):
        self.add_column("person", "nick", "string", length=40)
        BODY
"""
FILL = "self.backfill('person', {'nick': \"concat(name, '!')\"}, where='id > 10')"
EMPTY = "self.execute('UPDATE person SET name = NULL WHERE id <= 3')"


@pytest.fixture
def people(project, database, raw):
    """Open a project whose migration does this with 30 people, some of them without a name."""

    def make(body, *, config=staging.BATCHES):
        connection = raw(database)
        connection.execute(
            "CREATE TABLE person (id integer NOT NULL PRIMARY KEY, name varchar(40), age integer)"
        )
        values = ", ".join(
            f"({n}, {'NULL' if n % 10 == 0 else repr('p' * (n % 7 + 1))}, {n})"
            for n in range(1, ROWS + 1)
        )
        connection.execute(f"INSERT INTO person VALUES {values}")
        project.migration(NAME, MIGRATION.replace("BODY", body))
        project.config(f'[databases.main]\nurl = "{database.url}"\n{config}')
        return projects.open_project(folder=project.path)

    return make


def recorded_up(project, **options):
    """Run what is pending, recorded; an error passes through the recording."""
    recorded = Recording(project, **options)
    try:
        with recorded:
            project.up()
    except errors.WhimbrelError as error:
        return recorded, error
    return recorded, None


def test_a_report_says_what_was_done_in_numbers_that_are_right(people, raw, database):
    project = people(f"{FILL}\n        {EMPTY}")

    recorded, error = recorded_up(project)

    assert (None, None) == (error, recorded.problem)
    report, one = recorded.report, recorded.report.migrations[0]
    assert ("good", "Done", "1 migration applied") == (
        report.verdict.tone, report.verdict.word, report.verdict.says,
    )  # fmt: skip
    assert (NAME, "done", 1, "Name people anew.") == (one.id, one.status, one.run, one.doc)
    backfill = one.steps[1]
    assert (ROWS, 20) == (backfill.read, backfill.rows)
    assert 3 <= backfill.batches
    assert 23 == one.rows
    (counted,) = report.counted
    assert ("person", ROWS, ROWS) == (counted.table, counted.before.rows, counted.after.rows)
    profiles = {profile.column: profile for profile in report.profiles}
    query = "SELECT count(*) - count(name), min(length(name)), max(length(name)) FROM person"
    (after,) = raw(database).execute(query)
    assert (3, 1, 7) == (
        profiles["name"].before.nulls,
        profiles["name"].before.shortest,
        profiles["name"].before.longest,
    )
    assert tuple(after) == (
        profiles["name"].after.nulls,
        profiles["name"].after.shortest,
        profiles["name"].after.longest,
    )
    assert (None, "not there") == (profiles["nick"].before, profiles["nick"].before_why)
    assert raw(database).value("SELECT count(*) - count(nick) FROM person") == (
        profiles["nick"].after.nulls
    )
    assert ROWS == sum(point.rows for series in report.throughput for point in series.points)


def test_the_files_lie_beside_the_configuration_and_are_intact(people):
    project = people(FILL)

    recorded, _ = recorded_up(project)

    written = recorded.written
    assert project.config.root / "reports" == written.html.parent
    assert f"_run_{recorded.report.migrations[0].run}.html" in written.html.name
    for file in (written.html, written.json):
        found = seal.check(file.read_bytes())
        assert (True, written.seal) == (found.intact, found.seal)


def test_the_database_is_named_with_its_engine_and_version(people, database):
    project = people(FILL)

    recorded, _ = recorded_up(project)

    (named,) = recorded.report.databases
    session = registry.open_session(database.url, read_only=True)
    try:
        title = registry.by_name(session.engine.answered_by(session)).title
    finally:
        session.close()
    assert title == named.engine
    assert named.version[0].isdigit()


@engines.without("sqlite")  # it has no users
def test_no_password_gets_into_a_report(people, database):
    if database.secret_url is None:
        pytest.skip("the users of this server are not ours")
    project = people(f"{FILL}\n        self.execute('UPDATE nowhere SET a = 1')")
    secret = projects.open_project(folder=project.config.root, database=database.secret_url)

    recorded, error = recorded_up(secret)

    text = recorded.written.html.read_text() + recorded.written.json.read_text()
    assert isinstance(error, errors.MigrationFailed)
    assert ":***@" in recorded.report.databases[0].url
    assert not re.search(r"S3cret|p%40ss|p@ss", text)


def test_a_run_without_data_steps_has_no_report(people):
    project = people("pass")

    recorded, error = recorded_up(project)

    assert (None, None, None) == (error, recorded.written, recorded.problem)
    assert not (project.config.root / "reports").exists()


def test_a_run_without_data_steps_has_one_if_it_is_asked_for(people, tmp_path):
    project = people("pass")

    recorded, _ = recorded_up(project, file=tmp_path / "it.json")

    assert "Done" == json.loads((tmp_path / "it.json").read_text())["report"]["verdict"]["word"]
    assert recorded.written.html is None


def test_nothing_is_measured_or_written_where_nobody_wants_it(people, monkeypatch):
    monkeypatch.setattr(measure, "measure", None)
    project = people(FILL, config=f"{staging.BATCHES}\n[reports]\nwrite = false\n")

    recorded, error = recorded_up(project)

    assert (None, None, None) == (error, recorded.report, recorded.problem)
    assert not (project.config.root / "reports").exists()


def test_without_a_configuration_no_folder_appears(people, database):
    project = people(FILL)
    (project.config.root / "whimbrel.toml").unlink()

    recorded, _ = recorded_up(
        projects.open_project(folder=project.config.root, database=database.url)
    )

    assert recorded.written is None
    assert ["migrations"] == sorted(
        entry.name for entry in project.config.root.iterdir() if entry.name != "__pycache__"
    )


def test_rejected_rows_are_in_the_report_with_their_values(people):
    project = people(
        "self.transform('person', 'person', grow, max_rejects=5)\n\n\n"
        "def grow(row):\n"
        "    if row['id'] in (4, 17):\n"
        "        raise ValueError(f'too old: {row[\"id\"]}')\n"
        "    return {**row, 'age': row['age'] + 1}\n"
    )

    recorded, error = recorded_up(project)

    assert error is None
    report = recorded.report
    assert ("warning", "Done with rejects") == (report.verdict.tone, report.verdict.word)
    assert 2 == report.rejected
    assert {("person", "4"), ("person", "17")} == {
        (reject.table, reject.key[0].text) for reject in report.rejects
    }
    assert all("too old" in reject.reason for reject in report.rejects)
    assert {"4", "17"} == {
        named.value.text
        for reject in report.rejects
        for named in reject.row
        if named.column == "age"
    }


def test_a_run_that_failed_half_way_has_a_report_that_says_so(people):
    project = people(f"{FILL}\n        self.execute('UPDATE nowhere SET a = 1')")

    recorded, error = recorded_up(project)

    assert isinstance(error, errors.MigrationFailed)
    report, one = recorded.report, recorded.report.migrations[0]
    assert ("bad", "Failed") == (report.verdict.tone, report.verdict.word)
    assert f"{NAME}, at step 3" == report.verdict.says
    assert "failed" == one.status
    assert "nowhere" in one.error
    assert 20 == one.rows
    assert ["done", "done", "not done"] == [step.status for step in one.steps]
    assert seal.check(recorded.written.html.read_bytes()).intact


def test_a_migration_that_was_taken_back_whole_says_that_nothing_stays(people):
    project = people(f"{EMPTY}\n        raise ValueError('no')", config="")
    whole = registry.parse(project.database.real_url())[0].can.transactional_ddl

    recorded, error = recorded_up(project)

    assert isinstance(error, errors.MigrationFailed)
    one = recorded.report.migrations[0]
    assert whole == one.one_transaction
    assert (0 if whole else 3) == one.rows
    assert ({"taken back"} if whole else {"done"}) == {step.status for step in one.steps}


def test_a_resumed_run_tells_of_all_attempts(people, raw, database):
    project = people(f"{FILL}\n        self.execute('UPDATE later SET a = 1')")
    recorded_up(project)
    raw(database).execute("CREATE TABLE later (a integer)")

    recorded, error = recorded_up(project)

    assert error is None
    one = recorded.report.migrations[0]
    assert (2, 20, "done") == (one.attempts, one.rows, one.status)
    assert 20 == one.steps[1].rows
    assert any("was resumed" in note for note in recorded.report.notes)


def test_statements_of_a_loop_are_one_line_of_the_report(people):
    project = people(
        "for n in range(1, 21):\n"
        "            self.execute(f'UPDATE person SET age = 0 WHERE id = 7')"
    )

    recorded, _ = recorded_up(project)

    last = recorded.report.migrations[0].steps[-1]
    assert (2, 20, 20) == (last.position, last.times, last.statements)


def test_large_tables_are_estimated_and_their_columns_not_looked_at(people, monkeypatch):
    monkeypatch.setattr(measure, "COUNTED_ROWS", 20)
    monkeypatch.setattr(measure, "PROFILED_ROWS", 20)
    project = people(FILL)

    recorded, _ = recorded_up(project)

    (counted,) = recorded.report.counted
    assert (False, False) == (counted.before.exact, counted.after.exact)
    assert 20 < counted.before.rows
    assert () == recorded.report.profiles
    assert any("NULLs and lengths were not looked at in person" in n for n in recorded.report.notes)


def test_what_cannot_be_measured_fails_nothing(people, monkeypatch):
    def broken(*_):
        raise errors.RefusedError("no")

    monkeypatch.setattr(measure, "measure", broken)
    monkeypatch.setattr(runs, "look", broken)
    project = people(FILL)

    recorded, error = recorded_up(project)

    assert (None, None) == (error, recorded.problem)
    assert [
        "nothing was measured before: no",
        "the journal was not read and nothing measured: no",
    ] == list(recorded.report.notes)
    assert 20 == recorded.report.migrations[0].rows


def test_a_fault_of_the_report_itself_is_kept_and_fails_nothing(people, monkeypatch):
    monkeypatch.setattr(runs, "from_run", lambda *_, **__: 1 / 0)
    project = people(FILL)

    recorded, error = recorded_up(project)

    assert error is None
    assert "ZeroDivisionError: division by zero" == recorded.problem.cause
    assert ["applied"] == [state.state for state in project.status()]


def test_a_folder_that_cannot_be_written_fails_nothing(people):
    project = people(FILL)
    place = project.config.root / "reports"
    place.write_text("a file stands here", encoding="utf-8")

    recorded, error = recorded_up(project)

    assert error is None
    assert recorded.written is None
    assert isinstance(recorded.problem, errors.ReportNotWritten)
    assert stat.S_ISREG(place.stat().st_mode)


def test_listeners_hear_what_they_would_hear_without_a_report(people):
    project = people(FILL)
    heard = []
    project.tell = heard.append
    mine = project.tell

    recorded_up(project)

    assert mine == project.tell
    assert ["RunStarted", "RunDone"] == [type(heard[at]).__name__ for at in (0, -1)]


def test_measuring_a_small_table_takes_a_moment(people, database):
    people(FILL)
    session = registry.open_session(database.url, read_only=True)
    try:
        chosen = [measure.Written(table="person", columns=None)]
        measure.measure(session, chosen)
        seconds = []
        for _ in range(5):
            started = time.perf_counter()
            measure.measure(session, chosen)
            seconds.append(time.perf_counter() - started)
    finally:
        session.close()

    # One that sleeps or asks for a lock takes longer on any machine.
    assert min(seconds) < 0.5
