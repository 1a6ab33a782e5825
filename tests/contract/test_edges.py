"""Where engines have edges: queries that write, deferred constraints, odd names, types, URLs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases, engines
from tests.contract.test_interrupted_statements import TABLE, up, write
from whimbrel import errors
from whimbrel.engines import registry
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]


@engines.without("sqlite")
def test_a_query_that_locks_rows_may_come_first(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (n int)")
    raw(database).execute("INSERT INTO t VALUES (1)")
    write(
        project,
        'rows = self.execute("SELECT n FROM t FOR UPDATE")',
        'self.execute("UPDATE t SET n = ?", [rows[0][0] + 1])',
        by_steps=False,
    )

    up(project, database)

    assert [(2,)] == raw(database).execute("SELECT n FROM t")


@engines.without("sqlite", "mysql")
def test_a_query_that_calls_a_function_that_writes_is_asked_once_and_not_by_the_plan(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE log (n int)")
    body = "INSERT INTO log VALUES (1); RETURN 5;"
    raw(database).execute(
        f"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
        if database.kind == "postgresql"
        else f"CREATE FUNCTION f() RETURNS int MODIFIES SQL DATA BEGIN {body} END"
    )
    write(project, 'self.execute("SELECT f()")', by_steps=False)
    plan = projects.open_project(folder=project.path, database=database.url).plan()

    assert plan.problem is None
    assert [] == raw(database).execute("SELECT n FROM log")
    up(project, database)
    assert [(1,)] == raw(database).execute("SELECT n FROM log")


@engines.only("postgresql")
def test_constraints_are_deferred_again_after_a_change_of_schema(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE parent (id int PRIMARY KEY)")
    raw(database).execute(
        "CREATE TABLE child (p int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"
    )
    write(
        project,
        'self.execute("INSERT INTO child VALUES (7)")',
        'self.execute("INSERT INTO parent VALUES (7)")',
        'self.add_column("child", "x", "integer")',
        'self.execute("INSERT INTO child VALUES (8)")',
        'self.execute("INSERT INTO parent VALUES (8)")',
        by_steps=False,
    )

    up(project, database)

    assert [(7,), (8,)] == raw(database).execute("SELECT p FROM child ORDER BY p")


@engines.only("postgresql")
def test_json_becomes_binary_json(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (d json)")
    raw(database).execute("INSERT INTO t VALUES ('{\"a\": 1}')")
    write(project, 'self.change_column("t", "d", "json")', by_steps=False)

    up(project, database)

    assert [("jsonb", {"a": 1})] == raw(database).execute("SELECT pg_typeof(d)::text, d FROM t")


@engines.only("postgresql")
def test_blanks_at_the_end_of_a_text_are_not_clipped_in_silence(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (v varchar(9))")
    raw(database).execute("INSERT INTO t VALUES ('abc   ')")
    write(project, 'self.change_column("t", "v", "string", length=3)', by_steps=False)

    with pytest.raises(errors.ValuesDoNotFit):
        up(project, database)

    assert [("abc   ",)] == raw(database).execute("SELECT v FROM t")


@engines.only("mariadb", "mysql")
def test_a_default_in_bits_is_restated(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (n int, c bit(5) NOT NULL DEFAULT b'101')")
    write(project, 'self.change_column("t", "c", "integer")', by_steps=False)

    up(project, database)

    raw(database).execute("INSERT INTO t (n) VALUES (1)")
    assert [(5,)] == raw(database).execute("SELECT c FROM t")


@engines.only("mariadb")
def test_a_table_with_system_versions_is_a_table(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE t (n int) WITH SYSTEM VERSIONING")
    write(project, 'self.drop_table("t")', by_steps=False)

    up(project, database)

    assert [] == raw(database).execute("SHOW TABLES LIKE 't'")


@engines.without("sqlite")
@pytest.mark.parametrize("name", ["100%", "%(a)s", "(x)", "back`tick", 'quo"te', "a b.c", "it's"])
def test_keys_and_checks_are_found_whatever_the_table_is_called(
    project: conftest.ProjectFolder, database: databases.Database, name: str
) -> None:
    write(
        project,
        f"name = {name!r}",
        'self.create_table(name, [self.column("id", "integer", primary_key=True),'
        ' self.column(name, "integer")])',
        'self.add_check(name, "id > 0", name="c" + name)',
        'self.create_table("child", [self.column("r", "integer")])',
        'self.add_foreign_key("child", "r", name, "id", on_delete="cascade", name="k" + name)',
        by_steps=False,
    )

    up(project, database)

    session = registry.open_session(database.url)
    catalog = session.engine.catalog(session)
    keys = [(k.name, k.ref_table, k.on_delete) for k in catalog.table("child").foreign_keys]
    checks = [check.name for check in catalog.table(name).checks]
    session.close()
    assert [(f"k{name}", name, "CASCADE")] == keys
    assert [f"c{name}"] == checks


@engines.without("sqlite")
def test_a_password_among_the_options_of_a_url_is_not_shown(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    write(project, *TABLE)
    scheme, _, place = database.url.partition("://")
    place = place.rpartition("@")[2]
    url = f"{scheme}://{place}?user=nobody_here&password=hunter2"

    with pytest.raises(errors.DatabaseUnavailable) as refused:
        projects.open_project(folder=project.path, database=url).up()

    assert "hunter2" not in str(refused.value)


@engines.only("mariadb", "mysql")
def test_a_password_is_more_than_latin_1(database: databases.Database, raw: OpenRaw) -> None:
    if database.secret_url is None:
        pytest.skip("this server's users are not ours to make")
    user = f"u{database.name}"[:30]
    raw(database).execute(f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'größe→😀'")
    raw(database).execute(f"GRANT SELECT ON {database.name}.* TO {user}@'127.0.0.1'")
    _, _, place = database.url.rpartition("@")

    session = registry.open_session(
        f"{database.kind}://{user}:gr%C3%B6%C3%9Fe%E2%86%92%F0%9F%98%80@{place}", read_only=True
    )

    answered = session.fetch("SELECT 1")
    session.close()
    raw(database).execute(f"DROP USER {user}@'127.0.0.1'")
    assert [(1,)] == answered


@engines.only("postgresql")
@pytest.mark.parametrize("by_steps", [False, True], ids=["whole", "by_steps"])
def test_a_migration_may_set_the_search_path_and_the_journal_stays_where_it_is(
    by_steps: bool,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: Callable[[databases.Database], databases.Raw],
) -> None:
    raw(database).execute("CREATE SCHEMA other")
    head = "    transactional = False\n\n" if by_steps else ""
    project.migration(
        "20260101_000000_elsewhere",
        "from whimbrel import Migration\n\n\nclass Elsewhere(Migration):\n"
        f"{head}"
        "    def up(self):\n"
        '        self.execute("SET search_path TO other")\n'
        '        self.create_table("thing", [self.column("id", "integer", primary_key=True)])\n',
    )
    opened = projects.open_project(folder=project.path, database=database.url)

    opened.up()

    assert ["applied"] == [state.state for state in opened.status()]
    found = raw(database).execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE tablename IN ('thing', 'whimbrel_runs')"
    )
    assert {("other", "thing"), ("public", "whimbrel_runs")} == set(found)
