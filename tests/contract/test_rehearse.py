"""Rehearsals on every engine: the verdict, the way back, the untouched original, nothing left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import conftest, databases, engines, model_stage, staging
from tests.contract import test_sample_databases as samples
from whimbrel import errors, events
from whimbrel.engines import registry, scratch
from whimbrel.rehearsal import rehearse
from whimbrel.rehearsal import scratch as scratching

OpenRaw = Callable[[databases.Database], databases.Raw]

HEAD = "from whimbrel import Migration, sql\n\n\nclass It(Migration):\n"
GOOD = """
    def up(self):
        self.add_column("person", "loud", "string", length=60)
        self.backfill("person", {"loud": "upper(name)"})
        self.create_index("person", "loud")

    def down(self):
        self.remove_index("person", "loud")
        self.remove_column("person", "loud")
"""


def people(database: databases.Database, raw: OpenRaw, rows: int = 300) -> None:
    """Fill a table."""
    connection = raw(database)
    connection.execute(
        "CREATE TABLE person (id integer PRIMARY KEY, name varchar(50), phone varchar(20))"
    )
    values = ", ".join(f"({n}, 'name {n}', '+49 {n}')" for n in range(1, rows + 1))
    connection.execute(f"INSERT INTO person VALUES {values}")


def everything(database: databases.Database, raw: OpenRaw) -> object:
    """Return all of a database: what is in it, and its file's bytes."""
    inside = samples.contents(database, raw(database))
    file = database.file
    return inside, file.read_bytes() if file is not None else b""


def left_behind(database: databases.Database) -> list[str]:
    """Return the scratch databases that are there, whoever made them."""
    engine, url = registry.parse(database.url)
    places = engine.scratches(url, url)
    with contextlib.closing(places):
        return places.names()


@pytest.fixture(autouse=True)
def nothing_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Claim of every test that no scratch database of this process stays."""
    if "database" not in request.fixturenames:
        yield
        return
    database = request.getfixturevalue("database")
    yield
    mine = [
        name
        for name in left_behind(database)
        if (owner := scratching.Owner.of(name)) is not None
        and owner.pid == scratching.Owner.me(scratching.clocks.SYSTEM).pid
    ]
    assert [] == mine


def done(
    project: conftest.ProjectFolder, database: databases.Database, *bodies: str, **options: object
) -> rehearse.Rehearsal:
    """Rehearse migrations with these bodies."""
    for number, body in enumerate(bodies, start=1):
        project.migration(f"2026010{number}_000000_m{number}", HEAD + body)
    return rehearse.rehearse(database.url, folder=project.path, **options)  # type: ignore[arg-type]


def test_a_migration_that_goes_up_down_and_up_again_is_ready(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    before = everything(database, raw)

    found = done(project, database, GOOD)

    assert (True, (), ()) == (found.ready, found.verdict.against, found.verdict.but)
    assert ["up", "down", "up again"] == [phase.name for phase in found.phases]
    assert 300 == found.rows
    assert {"person": 300} == {name: copied for name, (copied, _) in found.volumes.items()}
    up = found.phase("up")
    assert up is not None
    assert ["add column person.loud", "backfill person.loud"] == [s.what for s in up.steps][:2]
    assert 300 == up.steps[1].rows
    assert before == everything(database, raw)


# What the server itself has counted; its log moves for others of this test run too.
_WRITTEN = """
SELECT tup_inserted, tup_updated, tup_deleted, temp_files
  FROM pg_stat_database WHERE datname = current_database()
"""


def test_nothing_is_written_in_the_original_while_the_copy_is_on_another_server(
    project: conftest.ProjectFolder, new_database: conftest.NewDatabase, raw: OpenRaw
) -> None:
    database, elsewhere = new_database("postgresql"), new_database("postgresql18")
    people(database, raw)
    there = raw(database)

    def written() -> object:
        # Sessions that ended have told what they did by now; this one tells it here.
        there.execute("SELECT pg_stat_force_next_flush()")
        return there.execute(_WRITTEN)

    before = written()
    found = done(project, database, GOOD, scratch=elsewhere.url)

    assert (True, ()) == (found.ready, found.verdict.against)
    assert before == written()
    there.execute("UPDATE person SET id = id WHERE id = 1")
    assert before != written()


@engines.only("postgresql", "mariadb")
def test_who_may_only_read_the_original_may_rehearse(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    before = everything(database, raw)
    reader = f"reader_{database.name}"
    admin = raw(database)
    if database.kind == "postgresql":
        admin.execute(f"CREATE ROLE {reader} LOGIN CREATEDB PASSWORD 'only reads'")
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    else:
        admin.execute(f"CREATE USER {reader}@'%' IDENTIFIED BY 'only reads'")
        admin.execute(f"GRANT SELECT, SHOW VIEW ON {database.name}.* TO {reader}@'%'")
        admin.execute(f"GRANT ALL ON `whimbrel\\_scratch\\_%`.* TO {reader}@'%'")
    url = registry.parse(database.url)[1].set(username=reader, password="only reads")
    project.migration("20260101_000000_m1", HEAD + GOOD)
    try:
        found = rehearse.rehearse(url.render_as_string(hide_password=False), folder=project.path)
    finally:
        if database.kind == "postgresql":
            admin.execute(f"DROP OWNED BY {reader}")
            admin.execute(f"DROP ROLE {reader}")
        else:
            admin.execute(f"DROP USER {reader}@'%'")

    assert (True, ()) == (found.ready, found.verdict.against)
    assert before == everything(database, raw)


def test_a_migration_that_fails_in_the_middle_is_not_ready_and_says_why(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    before = everything(database, raw)
    body = """
    def up(self):
        self.add_column("person", "age", "integer")
        self.execute("INSERT INTO person (id, name) VALUES (1, 'twice')")
"""

    found = done(project, database, body)

    assert not found.ready
    assert "fails on the way up" in found.verdict.against[0]
    assert "INSERT INTO person" in found.verdict.against[0]
    assert ["up"] == [phase.name for phase in found.phases]
    assert before == everything(database, raw)


def test_a_way_back_that_loses_values_is_not_ready_and_names_the_column(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    before = everything(database, raw)
    body = """
    def up(self):
        self.execute("UPDATE person SET phone = NULL WHERE id < 10", reverse="SELECT 1")

    def down(self):
        pass
"""

    found = done(project, database, body)

    assert not found.ready
    assert "does not give back what was there: person.phone" in found.verdict.against[0]
    assert [("person", "phone")] == [(one.table, one.column) for one in found.lost]
    assert before == everything(database, raw)


def test_rows_that_the_way_back_does_not_bring_are_counted(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    body = """
    def up(self):
        self.execute("DELETE FROM person WHERE id <= 7", reverse="SELECT 1")

    def down(self):
        pass
"""

    found = done(project, database, body)

    assert not found.ready
    assert "7 rows fewer: 300 before, 293 now" in found.verdict.against[0]


def test_a_validation_that_fails_is_named(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    before = everything(database, raw)
    body = (
        GOOD
        + """
    def validate_after(self):
        self.expect.no_rows("SELECT id FROM person WHERE loud LIKE '%9%'", name="no nines")
"""
    )

    found = done(project, database, body)

    assert not found.ready
    assert "a validation fails" in found.verdict.against[0]
    assert "no nines" in found.verdict.against[0]
    assert before == everything(database, raw)


def test_rows_that_are_put_aside_speak_against_it(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    project.config("[rows]\nsmall_table = 1\n")
    body = """
    def up(self):
        def numbered(row):
            if row["id"] == 13:
                raise ValueError("unlucky")
            return {"phone": str(row["id"])}

        self.transform("person", "person", numbered, max_rejects=5)

    def down(self):
        pass
"""

    found = done(project, database, body)

    up = found.phase("up")
    assert up is not None
    assert any("puts 1 row aside" in said for said in found.verdict.against)
    assert [1] == [one.rows for one in up.rejected]
    assert "unlucky" in up.rejected[0].examples[0].reason


def test_a_migration_without_a_way_back_is_ready_but_says_so(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    body = """
    def up(self):
        self.add_column("person", "age", "integer")
"""

    found = done(project, database, body)

    assert found.ready
    assert "there is no way back" in found.verdict.but[0]
    assert ["up"] == [phase.name for phase in found.phases]


def test_what_cannot_be_planned_is_not_ready_and_no_copy_is_made(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    body = """
    def up(self):
        self.add_column("nobody", "age", "integer")
"""

    found = done(project, database, body)

    assert not found.ready
    assert "'nobody' does not exist" in found.verdict.against[0]
    assert ((), None) == (found.phases, found.rows)


def test_nothing_pending_is_nothing_to_rehearse(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)

    found = done(project, database)

    assert (True, 0, ()) == (found.ready, len(found.plan.migrations), found.phases)


def test_only_what_is_pending_is_rehearsed(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    project.migration("20260101_000000_m1", HEAD + GOOD)
    rehearse.projects.open_project(folder=project.path, database=database.url).up()
    project.migration(
        "20260102_000000_m2", HEAD + GOOD.replace("loud", "quiet").replace("upper", "lower")
    )

    found = rehearse.rehearse(database.url, folder=project.path)

    assert (True, ()) == (found.ready, found.verdict.against)
    assert ["20260102_000000_m2"] == [one.id for one in found.plan.migrations]


def test_a_copy_that_is_kept_can_be_looked_into(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)

    found = done(project, database, GOOD, keep=True)

    (name,) = [one for one in left_behind(database) if f"{one}" in found.kept]
    engine, url = registry.parse(database.url)
    places = engine.scratches(url, url)
    with contextlib.closing(places):
        kept = places.url(name).render_as_string(hide_password=False)
        with contextlib.closing(registry.open_session(kept, read_only=True)) as session:
            assert session.engine.catalog(session).table("person").has("loud")
        places.drop(name)
    assert name.startswith(scratch.PREFIX)


def test_an_interrupt_leaves_nothing_behind(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    project.migration("20260101_000000_m1", HEAD + GOOD)

    def interrupt(event: events.Event) -> None:
        if isinstance(event, events.StepDone):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rehearse.rehearse(database.url, folder=project.path, tell=interrupt)


def test_what_a_dead_process_left_is_swept_and_what_a_living_one_has_stays(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    me = scratching.Owner.me(scratching.clocks.SYSTEM)
    dead = scratching.dataclasses.replace(me, born=me.born + 1).name()
    alive = me.name()
    engine, url = registry.parse(database.url)
    places = engine.scratches(url, url)
    with contextlib.closing(places):
        places.make(dead)
        places.make(alive)

        found = done(project, database, GOOD)

        there = places.names()
        places.drop(alive)
    assert dead in found.swept
    assert (False, True) == (dead in there, alive in there)


@pytest.mark.skipif(not Path("/proc").exists(), reason="the machine does not list its processes")
def test_a_process_with_the_number_of_a_dead_one_is_another() -> None:
    me = scratching.Owner.me(scratching.clocks.SYSTEM)

    other = scratching.dataclasses.replace(me, born=me.born + 1)
    stranger = scratching.dataclasses.replace(me, host="01234567")

    assert (True, False, None) == (me.lives(), other.lives(), stranger.lives())
    assert me == scratching.Owner.of(me.name())


@engines.only("postgresql")
def test_the_locks_that_are_really_taken_are_seen(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)

    found = done(project, database, GOOD)

    up = found.phase("up")
    assert up is not None
    assert found.locks_seen
    first, _, index = up.steps[:3]
    assert ("person", "AccessExclusiveLock", "readers and writers") in [
        (one.table, one.mode, one.waits) for one in first.locks
    ]
    assert ("person", "ShareLock", "writers") in [
        (one.table, one.mode, one.waits) for one in index.locks
    ]


def test_a_half_done_migration_is_finished_first(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw)
    project.migration(
        "20260101_000000_m1",
        HEAD
        + """
    transactional = False

    def up(self):
        self.add_column("person", "age", "integer")
        self.execute("INSERT INTO person (id, name) VALUES (1, 'twice')")
""",
    )
    with pytest.raises(errors.MigrationFailed):
        rehearse.projects.open_project(folder=project.path, database=database.url).up()

    with pytest.raises(errors.HalfDone):
        rehearse.rehearse(database.url, folder=project.path)


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(
            one,
            id=f"{one.name}-{one.engine}",
            marks=[] if one.name == "chinook" else [pytest.mark.exhaustive],
        )
        for one in samples.SAMPLES
    ],
)
def test_a_real_migration_of_a_sample_database_is_rehearsed(
    sample: samples.Sample,
    project: conftest.ProjectFolder,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
    shared: Path,
) -> None:
    there = new_database(sample.engine)
    samples.load(sample, there, raw, shared)
    names = ("table", "key", "text", "renamed_column", "renamed_table", "updates")
    project.migration(
        "20260101_000000_change",
        samples.MIGRATION.format(**{name: getattr(sample, name) for name in names}),
    )
    before = everything(there, raw)

    found = rehearse.rehearse(there.url, folder=project.path)

    assert (True, ()) == (found.ready, found.verdict.against)
    assert sample.tables == len(found.volumes)
    assert before == everything(there, raw)


def test_models_of_the_original_work_on_the_copy(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    stage = model_stage.ModelStage(project, database, raw(database))
    stage.table("person")
    raw(database).execute("INSERT INTO person (id, name) VALUES (1, 'Ana')")
    person = stage.person("person")
    before = everything(database, raw)

    def change(migration: Any) -> Any:
        for one in person.query().all():
            one.name = "on the copy"
            one.save()
        return migration.execute("SELECT name FROM person")

    staging._CALLS.append(change)
    project.migration("20260101_000000_it", staging._FILE.format(module=staging.__name__))
    try:
        found = rehearse.rehearse(database.url, folder=project.path)
    finally:
        stage.close()

    up = found.phase("up")
    assert up is not None
    assert (True, None) == (found.ready, up.error)
    assert [("on the copy",)] == staging._RESULTS[-1]
    assert before == everything(database, raw)


def test_a_subset_is_rehearsed_where_that_is_asked_for(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    people(database, raw, rows=2_000)
    before = everything(database, raw)

    found = done(project, database, GOOD, rows=200)

    assert (True, ()) == (found.ready, found.verdict.against)
    assert not found.whole
    assert found.rows is not None
    assert 150 <= found.rows <= 300
    assert before == everything(database, raw)
