"""What a resumed run makes of a statement that was interrupted, or that only its session knew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases, engines
from whimbrel import errors, events
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

HEAD = "from whimbrel import Migration, errors\n\n\nclass It(Migration):\n"
BY_STEPS = "    transactional = False\n\n"
TABLE = (
    'key = self.column("id", "integer", primary_key=True, auto_increment=True)',
    'rest = [self.column("v", "string", length=9), self.column("n", "integer")]',
    'self.create_table("t", [key, *rest])',
    "self.execute(\"INSERT INTO t (v, n) VALUES ('a', 1), ('b', 2)\")",
)


class Stopped(BaseException):
    """Stands for a kill: no migration catches it, and the step's note stays as it is."""


class StopAt:
    """A listener that stops the run, or does something else, at a statement."""

    def __init__(
        self,
        text: str,
        *,
        after: type = events.StatementDone,
        then: Callable[[], object] | None = None,
    ) -> None:
        self.text, self.after, self.then = text, after, then
        self._seen = self._told = False

    def __call__(self, event: object) -> None:
        if isinstance(event, events.StatementSent):
            self._seen = self.text in event.sql
        if self._seen and not self._told and isinstance(event, self.after):
            self._told = True
            if self.then is None:
                raise Stopped
            self.then()


def write(project: conftest.ProjectFolder, *lines: str, by_steps: bool = True) -> None:
    body = "".join(f"        {line}\n" for line in lines)
    text = HEAD + (BY_STEPS if by_steps else "") + "    def up(self):\n" + body
    project.migration("20260101_000000_it", text)


def up(
    project: conftest.ProjectFolder,
    database: databases.Database,
    tell: Callable[[object], None] = events.nobody,
) -> None:
    projects.open_project(folder=project.path, database=database.url, tell=tell).up()


def stop(
    project: conftest.ProjectFolder,
    database: databases.Database,
    text: str,
    *,
    after: type = events.StatementDone,
) -> None:
    with pytest.raises(Stopped):
        up(project, database, StopAt(text, after=after))


# --- what only the session knew ------------------------------------------------------------------


@engines.only("mariadb", "mysql")
def test_a_user_variable_has_the_value_it_had_before_the_interruption(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    write(
        project,
        *TABLE,
        'self.execute("SET @top = (SELECT MAX(id) FROM t)")',
        'self.execute("INSERT INTO t (v, n) SELECT v, n + 10 FROM t")',
        'self.execute("UPDATE t SET n = n + 1000 WHERE id > @top")',
    )
    stop(project, database, "INSERT INTO t (v, n) SELECT", after=events.StepDone)

    up(project, database)

    rows = raw(database).execute("SELECT n FROM t ORDER BY n")
    assert [(1,), (2,), (1011,), (1012,)] == rows


@engines.only("mariadb", "mysql")
def test_last_insert_id_is_that_of_the_interrupted_run(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    write(
        project,
        *TABLE,
        'self.execute("CREATE TABLE child (id int, parent int)")',
        "self.execute(\"INSERT INTO t (v) VALUES ('c')\")",
        'self.execute("INSERT INTO child VALUES (1, LAST_INSERT_ID())")',
    )
    stop(project, database, "INSERT INTO t (v) VALUES", after=events.StepDone)

    up(project, database)

    assert [(1, 3)] == raw(database).execute("SELECT * FROM child")


def test_a_temporary_table_is_refused_where_steps_commit_one_by_one(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    write(project, *TABLE, 'self.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM t")')

    with pytest.raises(errors.RefusedError, match="temporary table"):
        up(project, database)

    opened = projects.open_project(folder=project.path, database=database.url)
    assert ["pending"] == [state.state for state in opened.status()]


@engines.only("mariadb", "mysql")
def test_a_migration_does_not_leave_its_database(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    write(project, 'self.execute("USE mysql")')

    with pytest.raises(errors.RefusedError, match="stays in its database"):
        up(project, database)


# --- what the catalog does not show --------------------------------------------------------------


@engines.only("mariadb", "mysql")
def test_rows_of_a_table_without_transactions_are_not_changed_twice(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE old (n int) ENGINE=MyISAM")
    raw(database).execute("INSERT INTO old VALUES (1)")
    write(project, 'self.execute("UPDATE old SET n = n + 1")', 'self.execute("SELECT 1")')
    stop(project, database, "UPDATE old")

    with pytest.raises(errors.MigrationFailed) as unclear:
        up(project, database)

    assert "step-unclear" == unclear.value.slug
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.resolve("20260101_000000_it", 1, done=True)
    opened.up()
    assert [(2,)] == raw(database).execute("SELECT n FROM old")


@engines.only("mariadb", "mysql")
def test_tables_that_look_alike_are_not_swapped_twice(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    for sql in ("CREATE TABLE a (n int)", "CREATE TABLE b (n int)", "INSERT INTO a VALUES (1)"):
        raw(database).execute(sql)
    write(project, 'self.execute("RENAME TABLE a TO x, b TO a, x TO b")')
    stop(project, database, "RENAME")

    with pytest.raises(errors.MigrationFailed) as unclear:
        up(project, database)

    assert "step-unclear" == unclear.value.slug
    assert [(1,)] == raw(database).execute("SELECT n FROM b")


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize(
    "sql", ["CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "CREATE SEQUENCE s"]
)
def test_events_and_sequences_are_seen_in_the_catalog(
    project: conftest.ProjectFolder, database: databases.Database, sql: str
) -> None:
    if database.kind == "mysql" and "SEQUENCE" in sql:
        pytest.skip("MySQL has no sequences")
    write(project, f'self.execute("{sql}")', 'self.execute("SELECT 1")')
    stop(project, database, "CREATE")

    up(project, database)

    opened = projects.open_project(folder=project.path, database=database.url)
    assert ["applied"] == [state.state for state in opened.status()]


@engines.only("mariadb", "mysql")
def test_a_drop_that_was_refused_half_way_is_not_forgotten(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE a (n int)")
    write(project, 'self.execute("DROP TABLE a, nope")')

    with pytest.raises(errors.MigrationFailed) as failed:
        up(project, database)
    with pytest.raises(errors.MigrationFailed) as again:
        up(project, database)

    assert "may have happened, in part or whole" in (failed.value.left or "")
    assert "step-unclear" == again.value.slug


# --- errors that a migration catches --------------------------------------------------------------


@engines.without("sqlite")
def test_a_refusal_that_was_caught_is_raised_again_as_itself(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    write(
        project,
        *TABLE,
        "try:",
        '    self.add_column("t", "n", "integer")',
        "except errors.ColumnExists:",
        "    pass",
        'self.execute("UPDATE t SET n = n + 100")',
        'self.execute("SELECT 1")',
    )
    stop(project, database, "n + 100", after=events.StepDone)

    up(project, database)

    assert [(101,), (102,)] == raw(database).execute("SELECT n FROM t ORDER BY n")


@engines.without("sqlite")
def test_a_query_that_fails_and_is_caught_does_not_end_a_migration_by_steps(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    write(
        project,
        *TABLE,
        "try:",
        '    self.execute("SELECT nope FROM t")',
        "except Exception:",
        "    pass",
        'self.execute("UPDATE t SET n = n + 100")',
    )

    up(project, database)

    assert [(101,), (102,)] == raw(database).execute("SELECT n FROM t ORDER BY n")


@engines.only("mariadb", "mysql")
def test_a_procedure_that_fails_and_is_caught_leaves_one_note(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE PROCEDURE no() SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'")
    write(
        project,
        *TABLE,
        "try:",
        '    self.execute("CALL no()")',
        "except Exception:",
        "    pass",
        'self.execute("UPDATE t SET n = n + 100")',
        'self.execute("SELECT 1")',
    )
    stop(project, database, "n + 100", after=events.StepDone)

    up(project, database)

    assert [(101,), (102,)] == raw(database).execute("SELECT n FROM t ORDER BY n")


# --- a file that was shortened --------------------------------------------------------------------


@engines.without("sqlite")
def test_finished_steps_that_are_no_longer_asked_for_are_refused(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    write(project, *TABLE, 'self.execute("UPDATE t SET n = 7")', 'self.execute("SELECT nope")')
    with pytest.raises(errors.MigrationFailed):
        up(project, database)
    write(project, *TABLE)

    with pytest.raises(errors.WhimbrelError) as changed:
        up(project, database)

    assert "step-changed" == changed.value.slug
    assert "nothing more" in str(changed.value)


# --- statements that stand alone, and sessions that are lost --------------------------------------


@engines.only("postgresql")
def test_what_a_failed_concurrent_index_leaves_goes_with_down(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (n int)")
    raw(database).execute("INSERT INTO t VALUES (1), (1)")
    write(
        project,
        'self.add_column("t", "w", "integer")',
        'self.accept("duplicates-in-unique", reason="to see what a failed index leaves")',
        'self.create_index("t", "n", unique=True, concurrently=True)',
    )
    with pytest.raises(errors.MigrationFailed):
        up(project, database)

    projects.open_project(folder=project.path, database=database.url).down()

    assert [] == raw(database).execute("SELECT 1 FROM pg_indexes WHERE tablename = 't'")


@engines.only("postgresql")
@pytest.mark.parametrize("sql", ["CREATE INDEX CONCURRENTLY i ON t (n)", "VACUUM t"])
def test_sql_that_cannot_run_in_a_transaction_runs_where_steps_stand_alone(
    project: conftest.ProjectFolder, database: databases.Database, sql: str, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (n int)")
    write(project, f'self.execute("{sql}")', by_steps=False)
    with pytest.raises(errors.UsageError, match="cannot run inside a transaction"):
        up(project, database)
    write(project, f'self.execute("{sql}")')

    up(project, database)

    opened = projects.open_project(folder=project.path, database=database.url)
    assert ["applied"] == [state.state for state in opened.status()]


@engines.only("postgresql")
def test_a_lost_session_is_never_replaced_by_one_without_the_lock(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (n int)")
    raw(database).execute("INSERT INTO t VALUES (1)")
    write(
        project,
        "try:",
        '    self.create_index("t", "n", concurrently=True)',
        "except Exception:",
        "    pass",
        'self.execute("UPDATE t SET n = n + 10")',
    )

    def end_the_session() -> None:
        raw(database).execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    tell = StopAt("CONCURRENTLY", after=events.StatementSent, then=end_the_session)

    with pytest.raises(errors.WhimbrelError):
        up(project, database, tell)

    assert [(1,)] == raw(database).execute("SELECT n FROM t")
    up(project, database)
    assert [(11,)] == raw(database).execute("SELECT n FROM t")


@engines.without("sqlite")
def test_what_stayed_is_not_overstated_when_the_session_was_lost(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    write(
        project,
        *TABLE,
        "for n in (1, 10, 100):",
        "    try:",
        '        self.execute("UPDATE t SET n = n + %s", [n])',
        "    except Exception:",
        "        pass",
    )

    def end_the_session() -> None:
        if database.kind == "postgresql":
            raw(database).execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return
        sessions = raw(database).execute(
            "SELECT id FROM information_schema.processlist "
            "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        )
        for (session,) in sessions:
            raw(database).execute(f"KILL {session}")

    tell = StopAt("UPDATE t", after=events.StatementSent, then=end_the_session)

    with pytest.raises(errors.MigrationFailed) as failed:
        up(project, database, tell)

    assert "2 steps before it stay applied" in (failed.value.left or "")
    assert [(1,), (2,)] == raw(database).execute("SELECT n FROM t ORDER BY n")
