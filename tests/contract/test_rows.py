"""Steps in batches on every engine: what they do, what they refuse, and when they are cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import conftest, databases, engines
from whimbrel import errors, events
from whimbrel.engines import registry
from whimbrel.journal import journal, parts
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

HEAD = "from whimbrel import Migration, sql\n\n\nclass It(Migration):\n"
# What is large in these tests has more than 100 rows, and goes in batches of 40 and more.
SMALL = "[rows]\nsmall_table = 100\nfirst_rows = 40\nlargest_rows = 80\n"
ROWS = 250


def numbers(database: databases.Database, raw: databases.Raw, rows: int, key: str = "id") -> None:
    """Make a table `number` with rows 1 to `rows`: id, n = id and a label."""
    raw.execute(f"CREATE TABLE number (id int NOT NULL {_key(key)}, n int, label varchar(20))")
    values = ", ".join(f"({n}, {n}, 'row {n}')" for n in range(1, rows + 1))
    raw.execute(f"INSERT INTO number (id, n, label) VALUES {values}")


def _key(key: str) -> str:
    return "PRIMARY KEY" if key == "id" else ""


def up(project: conftest.ProjectFolder, database: databases.Database, *lines: str) -> None:
    """Run a migration whose up() has these lines."""
    one(project, *lines)
    projects.open_project(folder=project.path, database=database.url).up()


def one(project: conftest.ProjectFolder, *lines: str, name: str = "20260101_000000_one") -> None:
    """Write a migration whose up() has these lines."""
    body = "".join(f"        {line}\n" for line in lines)
    project.migration(name, f"{HEAD}    def up(self):\n{body}")


def only_run(database: databases.Database) -> tuple[journal.RunRow, list[parts.PartRow]]:
    """Return the one run of a database, with all its parts."""
    session = registry.open_session(database.url, read_only=True)
    try:
        notes = journal.Journal(session)
        (run,) = notes.runs()
        known = parts.Parts(session, run.id)
        return run, [p for step in notes.steps(run.id) for p in known.read(step.position)]
    finally:
        session.close()


# --- what the verbs do -----------------------------------------------------------------------


@pytest.mark.parametrize("config", ["", SMALL], ids=["inside", "in batches"])
def test_backfill_sets_columns_where_it_is_told(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, config: str
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(config)

    up(
        project,
        database,
        """self.backfill("number", {"n": "n + 1000"}, where="label <> 'row 7'")""",
    )

    assert sum(range(1, ROWS + 1)) + 1000 * (ROWS - 1) == raw(database).value(
        "SELECT sum(n) FROM number"
    )
    assert 7 == raw(database).value("SELECT n FROM number WHERE id = 7")


@pytest.mark.parametrize("config", ["", SMALL], ids=["inside", "in batches"])
def test_copy_rows_inserts_one_row_for_each(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, config: str
) -> None:
    numbers(database, raw(database), ROWS)
    raw(database).execute("CREATE TABLE twice (id int PRIMARY KEY, d int, label varchar(20))")
    project.config(config)

    up(
        project,
        database,
        'self.copy_rows("number", "twice", {"id": "id", "d": "2 * n", "label": "label"})',
    )

    assert [(ROWS, ROWS * (ROWS + 1))] == raw(database).execute(
        "SELECT count(*), sum(d) FROM twice"
    )


@pytest.mark.parametrize("config", ["", SMALL], ids=["inside", "in batches"])
def test_delete_rows_deletes_what_it_is_told(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, config: str
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(config)

    up(project, database, 'self.delete_rows("number", where="id > 10 AND id <= 245")')

    assert [(n,) for n in [*range(1, 11), *range(246, 251)]] == raw(database).execute(
        "SELECT id FROM number ORDER BY id"
    )


@pytest.mark.parametrize("config", ["", SMALL], ids=["inside", "in batches"])
def test_a_loop_over_batches_sees_every_row_once(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, config: str
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(config)

    up(
        project,
        database,
        'for batch in self.batches("number", where="id <> 5"):',
        '    self.execute("UPDATE number SET n = n + 1000 WHERE id BETWEEN ? AND ? AND id <> 5",',
        "                 [batch.first, batch.last])",
        "    assert all(row['n'] == row['id'] for row in batch)",
    )

    assert sum(range(1, ROWS + 1)) + 1000 * (ROWS - 1) == raw(database).value(
        "SELECT sum(n) FROM number"
    )


def test_a_loop_left_by_break_keeps_what_it_did(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(SMALL)

    up(
        project,
        database,
        'for batch in self.batches("number"):',
        '    self.execute("UPDATE number SET n = 0 WHERE id <= ?", [batch.last])',
        "    break",
        'self.execute("UPDATE number SET n = -1 WHERE id = 250")',
    )

    assert [(40, ROWS)] == raw(database).execute(
        "SELECT (SELECT count(*) FROM number WHERE n = 0), count(*) FROM number"
    )
    assert -1 == raw(database).value("SELECT n FROM number WHERE id = 250")


def test_an_error_inside_a_loop_that_is_caught_outside_is_not_passed_over(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(SMALL)

    with pytest.raises(errors.MigrationFailed) as failed:
        up(
            project,
            database,
            "try:",
            '    for batch in self.batches("number"):',
            '        self.execute("UPDATE number SET n = 0")',
            '        self.execute("INSERT INTO number VALUES (1, 1, NULL)")',
            "except Exception:",
            "    pass",
            'self.execute("UPDATE number SET n = -1 WHERE id = 250")',
        )

    assert "went on as if it had not" in str(failed.value)
    assert sum(range(1, ROWS + 1)) == raw(database).value("SELECT sum(n) FROM number")


def test_an_empty_table_is_done_at_once(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE number (id int PRIMARY KEY, n int)")
    raw(database).execute("CREATE TABLE other (id int PRIMARY KEY)")
    project.config("[rows]\nsmall_table = 0\n")

    up(
        project,
        database,
        'self.backfill("number", {"n": "1"})',
        'self.copy_rows("number", "other", ["id"])',
        'self.transform("number", "other", lambda row: None)',
        'self.delete_rows("number")',
        'for _ in self.batches("number"): raise ValueError',
    )

    assert 0 == raw(database).value("SELECT count(*) FROM other")


# --- keys ------------------------------------------------------------------------------------

KEYS = {
    "composite": ("a int NOT NULL, b varchar(10) NOT NULL", "a, b", "(n % 7, 'k' || n)"),
    "text": ("a varchar(20) NOT NULL", "a", "('k' || n)"),
    "negative and sparse": ("a bigint NOT NULL", "a", "((n - 100) * 1000003)"),
    "decimal": ("a decimal(20, 6) NOT NULL", "a", "(n / 7.0)"),
    "date": ("a date NOT NULL", "a", None),
    "uuid": ("a char(36) NOT NULL", "a", None),
}


@pytest.mark.parametrize("kind", KEYS)
def test_every_row_is_done_once_whatever_the_key(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, kind: str
) -> None:
    columns, names, _ = KEYS[kind]
    raw(database).execute(f"CREATE TABLE t ({columns}, n int, PRIMARY KEY ({names}))")
    raw(database).execute("INSERT INTO t VALUES " + ", ".join(_keyed(kind)))
    project.config(SMALL)

    up(project, database, 'self.backfill("t", {"n": "n + 1000"})')

    assert [(ROWS, 1001, 1000 + ROWS)] == raw(database).execute(
        "SELECT count(*), min(n), max(n) FROM t"
    )
    run, rows = only_run(database)
    assert run.by_steps
    assert ROWS == sum(row.rows_read for row in rows)
    assert len(rows) == 1
    assert rows[0].batches >= 4


def _keyed(kind: str) -> list[str]:
    def key(n: int) -> str:
        match kind:
            case "composite":
                return f"{n % 7}, 'k{n}'"
            case "text":
                return f"'{'ÄaBz'[n % 4]}{n}'"
            case "negative and sparse":
                return str((n - 100) * 1_000_003)
            case "decimal":
                return f"{n}.{n:06d}"
            case "date":
                return f"'{1900 + n:04d}-02-0{n % 9 + 1}'"
            case _:
                return f"'{n * 7919 % 65536:08x}-0000-4000-8000-{n:012x}'"

    return [f"({key(n)}, {n})" for n in range(1, ROWS + 1)]


@engines.only("sqlite")
def test_a_table_without_a_key_is_walked_by_its_rowid(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS, key="")
    project.config(SMALL)

    up(project, database, 'self.backfill("number", {"n": "n + 1000"})')

    assert [(ROWS, 1001, 1000 + ROWS)] == raw(database).execute(
        "SELECT count(*), min(n), max(n) FROM number"
    )


@engines.without("sqlite")  # a row always has a rowid
def test_a_large_table_without_a_key_is_refused_with_the_reason(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS, key="")
    project.config(SMALL)

    with pytest.raises(errors.NoKey) as refused:
        up(project, database, 'self.backfill("number", {"n": "n + 1000"})')

    assert "nothing tells its rows apart" in str(refused.value)
    assert sum(range(1, ROWS + 1)) == raw(database).value("SELECT sum(n) FROM number")


def test_a_small_table_without_a_key_is_one_batch(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), 60, key="")
    project.config(SMALL)

    up(project, database, 'self.backfill("number", {"n": "n + 1000"})')

    assert [(60, 1001, 1060)] == raw(database).execute(
        "SELECT count(*), min(n), max(n) FROM number"
    )


def test_rows_that_come_later_are_not_walked(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(SMALL)
    one(project, 'self.backfill("number", {"n": "n + 1000"})')
    seen = []

    def tell(event: events.Event) -> None:
        if isinstance(event, events.BatchDone) and not seen:
            seen.append(event)
            raw(database).execute("INSERT INTO number VALUES (100000, 1, 'later')")

    projects.open_project(folder=project.path, database=database.url, tell=tell).up()

    assert 1 == raw(database).value("SELECT n FROM number WHERE id = 100000")
    assert sum(range(1, ROWS + 1)) + 1000 * ROWS + 1 == raw(database).value(
        "SELECT sum(n) FROM number"
    )


# --- rows that fail ---------------------------------------------------------------------------

FAILS = """self.backfill("number", {"label": "CASE WHEN id IN (77, 178) THEN NULL ELSE 'x' END"}"""


def refuse_null(raw: databases.Raw, database: databases.Database) -> None:
    """Make labels that are NULL fail."""
    if database.kind == "sqlite":
        raw.execute("ALTER TABLE number RENAME TO old")
        raw.execute("CREATE TABLE number (id int PRIMARY KEY, n int, label text NOT NULL)")
        raw.execute("INSERT INTO number SELECT * FROM old")
        raw.execute("DROP TABLE old")
    elif database.kind == "postgresql":
        raw.execute("ALTER TABLE number ALTER label SET NOT NULL")
    else:
        raw.execute("ALTER TABLE number MODIFY label varchar(20) NOT NULL")


@pytest.mark.parametrize("config", ["", SMALL], ids=["inside", "in batches"])
def test_a_row_that_fails_alone_stops_the_run_and_is_named(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, config: str
) -> None:
    numbers(database, raw(database), ROWS)
    refuse_null(raw(database), database)
    project.config(config)

    with pytest.raises(errors.WhimbrelError) as failed:
        up(project, database, f"{FAILS})")

    assert "row-failed" == failed.value.slug
    assert "id = 77" in str(failed.value)
    assert "max_rejects is 0" in str(failed.value)


@pytest.mark.parametrize("workers", [1, 3])
def test_rows_that_may_fail_are_put_aside_with_their_values(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, workers: int
) -> None:
    numbers(database, raw(database), ROWS)
    refuse_null(raw(database), database)
    project.config(SMALL)

    up(project, database, f"{FAILS}, max_rejects=2, workers={workers})")

    assert [(ROWS - 2,)] == raw(database).execute("SELECT count(*) FROM number WHERE label = 'x'")
    session = registry.open_session(database.url, read_only=True)
    known = parts.Parts(session, 1)
    rejects = sorted(known.rejects(), key=lambda reject: reject.key)
    session.close()
    assert [(77,), (178,)] == [reject.key for reject in rejects]
    assert [
        {"id": 77, "n": 77, "label": "row 77"},
        {"id": 178, "n": 178, "label": "row 178"},
    ] == [reject.row for reject in rejects]
    assert all("null" in reject.reason.lower() for reject in rejects)


def test_wrong_sql_is_not_taken_for_a_row_that_fails(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(SMALL)

    with pytest.raises(errors.MigrationFailed) as failed:
        up(project, database, 'self.backfill("number", {"n": "no_such_column + 1"}, max_rejects=9)')

    assert "no_such_column" in str(failed.value)
    assert "migration-failed" == failed.value.slug


# --- one transaction or steps -----------------------------------------------------------------


@engines.without("mariadb", "mysql")  # every step commits by itself
def test_small_tables_stay_in_the_transaction_of_the_migration(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)

    with pytest.raises(errors.MigrationFailed):
        up(project, database, 'self.backfill("number", {"n": "0"})', "raise ValueError")

    assert sum(range(1, ROWS + 1)) == raw(database).value("SELECT sum(n) FROM number")


def test_a_large_table_is_planned_and_done_step_by_step(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(SMALL)
    one(project, 'self.backfill("number", {"n": "n + 1000"}, workers=2)')
    opened = projects.open_project(folder=project.path, database=database.url)

    (plan,) = opened.plan().migrations
    opened.up()

    assert not plan.whole
    assert database.kind == "mariadb" or "number" == plan.too_large
    assert plan.steps[0].rows is not None and plan.steps[0].rows > 100
    assert "in batches by id" in plan.steps[0].note
    run, _ = only_run(database)
    assert run.by_steps
    assert "done" == run.status


@engines.without("mariadb", "mysql")  # every step commits by itself
def test_a_table_that_turns_out_large_lets_the_migration_begin_again_by_steps(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(SMALL)

    up(
        project,
        database,
        'self.create_table("grown", [self.column("id", "integer", primary_key=True)])',
        'self.execute("INSERT INTO grown SELECT id FROM number")',
        'self.delete_rows("grown", where="id > 240")',
    )

    assert 240 == raw(database).value("SELECT count(*) FROM grown")
    run, _ = only_run(database)
    assert run.by_steps
    assert "done" == run.status


@engines.without("mariadb", "mysql")  # every step commits by itself
def test_a_person_may_insist_on_one_transaction(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(SMALL)
    project.migration(
        "20260101_000000_one",
        HEAD + "    transactional = True\n\n    def up(self):\n"
        '        self.backfill("number", {"n": "0"})\n        raise ValueError\n',
    )

    with pytest.raises(errors.MigrationFailed):
        projects.open_project(folder=project.path, database=database.url).up()

    assert sum(range(1, ROWS + 1)) == raw(database).value("SELECT sum(n) FROM number")


# --- several workers --------------------------------------------------------------------------


def test_several_workers_do_every_row_once(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    raw(database).execute("CREATE TABLE copy (id int, n int)")
    project.config(SMALL)

    up(
        project,
        database,
        'self.backfill("number", {"n": "n + 1000"}, workers=4)',
        'self.copy_rows("number", "copy", ["id", "n"], workers=4)',
    )

    total = sum(range(1, ROWS + 1)) + 1000 * ROWS
    assert [(ROWS, total)] == raw(database).execute("SELECT count(*), sum(n) FROM number")
    assert [(ROWS, ROWS, total)] == raw(database).execute(
        "SELECT count(*), count(DISTINCT id), sum(n) FROM copy"
    )


# --- going back -------------------------------------------------------------------------------


@pytest.mark.parametrize("config", ["", SMALL], ids=["inside", "in batches"])
def test_change_takes_a_backfill_back_that_says_how(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, config: str
) -> None:
    numbers(database, raw(database), ROWS)
    project.config(config)
    project.migration(
        "20260101_000000_one",
        HEAD + "    def change(self):\n"
        '        self.add_column("number", "m", "integer")\n'
        '        self.backfill("number", {"m": "n"})\n'
        '        self.backfill("number", {"n": "n * 2"}, reverse={"n": "n / 2"})\n',
    )
    opened = projects.open_project(folder=project.path, database=database.url)

    opened.up()
    doubled = raw(database).value("SELECT sum(n) FROM number")
    opened.down()

    assert 2 * sum(range(1, ROWS + 1)) == doubled
    assert sum(range(1, ROWS + 1)) == raw(database).value("SELECT sum(n) FROM number")


def test_change_with_a_backfill_that_overwrites_says_that_it_cannot_go_back(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), 10)
    project.migration(
        "20260101_000000_one",
        HEAD + '    def change(self):\n        self.backfill("number", {"n": "0"}, keep=False)\n',
    )
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up()

    with pytest.raises(errors.Irreversible) as refused:
        opened.down()

    assert "reverse={…}" in str(refused.value)


# --- what is refused --------------------------------------------------------------------------

REFUSED = {
    "unknown column": ('self.backfill("number", {"nn": "1"})', "column-not-found"),
    "unknown table": ('self.backfill("nobody", {"n": "1"})', "table-not-found"),
    "the key": ('self.backfill("number", {"id": "id + 1"})', "refused"),
    "into itself": ('self.copy_rows("number", "number", ["n"])', "usage-error"),
    "no column": ('self.backfill("number", {})', "usage-error"),
    "no text": ('self.backfill("number", {"n": 5})', "usage-error"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_right_is_refused_by_the_plan(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, case: str
) -> None:
    numbers(database, raw(database), 10)
    line, slug = REFUSED[case]
    one(project, line)

    plan = projects.open_project(folder=project.path, database=database.url).plan()

    assert plan.problem is not None
    assert slug == plan.problem.slug


@engines.only("mariadb")
def test_a_table_without_transactions_is_refused(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE old (id int PRIMARY KEY, n int) ENGINE=MyISAM")
    raw(database).execute("INSERT INTO old VALUES (1, 1)")

    with pytest.raises(errors.MigrationFailed) as refused:
        up(project, database, 'self.backfill("old", {"n": "2"})')

    assert "has no transactions" in str(refused.value)
    assert 1 == raw(database).value("SELECT n FROM old")


def test_a_counting_key_of_zero_stays_zero_and_the_counter_moves_on(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE number (id int PRIMARY KEY, n int)")
    raw(database).execute("INSERT INTO number VALUES (0, 1), (-5, 2), (70, 3)")

    up(
        project,
        database,
        'self.create_table("counted", [self.column("id", "integer", primary_key=True, '
        'auto_increment=True), self.column("n", "integer")])',
        'self.copy_rows("number", "counted", ["id", "n"])',
        'self.execute("INSERT INTO counted (n) VALUES (4)")',
    )

    assert [(-5, 2), (0, 1), (70, 3), (71, 4)] == raw(database).execute(
        "SELECT id, n FROM counted ORDER BY id"
    )


@engines.only("mariadb", "mysql")
def test_a_key_whose_order_is_not_that_of_its_comparison_is_passed_over(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute(
        "CREATE TABLE t (kind enum('zebra', 'ant') NOT NULL, no int NOT NULL, n int, "
        "PRIMARY KEY (kind, no), UNIQUE (no))"
    )
    values = ", ".join(f"('{('zebra', 'ant')[i % 2]}', {i}, {i})" for i in range(1, ROWS + 1))
    raw(database).execute(f"INSERT INTO t VALUES {values}")
    project.config(SMALL)

    up(project, database, 'self.backfill("t", {"n": "n + 1000"})')

    assert [(ROWS, 1001, 1000 + ROWS)] == raw(database).execute(
        "SELECT count(*), min(n), max(n) FROM t"
    )
    run, rows = only_run(database)
    assert (250,) == rows[0].upper
    assert "done" == run.status


def test_expressions_see_the_row_as_it_was(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE number (id int PRIMARY KEY, a int, b int, c int)")
    raw(database).execute("INSERT INTO number VALUES (1, 10, 20, 30)")

    up(project, database, 'self.backfill("number", {"a": "0", "b": "a + 1", "c": "a + b + c"})')

    assert [(1, 0, 11, 60)] == raw(database).execute("SELECT * FROM number")


@engines.only("mariadb", "mysql")
def test_columns_made_of_each_other_are_refused_where_that_goes_wrong(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE number (id int PRIMARY KEY, a int, b int)")
    one(project, 'self.backfill("number", {"a": "b", "b": "a"})')

    plan = projects.open_project(folder=project.path, database=database.url).plan()

    assert plan.problem is not None
    assert "made of each other" in plan.problem.what


def test_a_row_that_failed_may_be_rejected_by_the_next_attempt(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    refuse_null(raw(database), database)
    project.config(SMALL)
    with pytest.raises(errors.MigrationFailed) as failed:
        up(project, database, f"{FAILS})")

    up(project, database, f"{FAILS}, max_rejects=5, workers=2)")

    assert "76 rows" in str(failed.value)
    assert [(ROWS - 2,)] == raw(database).execute("SELECT count(*) FROM number WHERE label = 'x'")
    run, rows = only_run(database)
    assert "done" == run.status
    assert 2 == sum(row.rows_rejected for row in rows)


def test_rejects_of_a_small_table_are_kept_with_the_migration(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    refuse_null(raw(database), database)

    up(project, database, f"{FAILS}, max_rejects=5)")

    assert 2 == raw(database).value("SELECT count(*) FROM whimbrel_rejects")


@engines.only("sqlite")
def test_rows_that_may_have_been_renumbered_are_not_walked_further(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS, key="")
    raw(database).execute("DELETE FROM number WHERE id < 20")
    refuse_null(raw(database), database)
    raw(database).execute("CREATE TABLE keyless AS SELECT * FROM number")
    raw(database).execute(
        "CREATE TRIGGER t BEFORE UPDATE ON keyless WHEN new.n = 1077 "
        "BEGIN SELECT raise(ABORT, 'no'); END"
    )
    project.config(SMALL)
    with pytest.raises(errors.MigrationFailed):
        up(project, database, 'self.backfill("keyless", {"n": "n + 1000"})')
    raw(database).execute("DROP TRIGGER t")
    raw(database).execute("VACUUM")

    with pytest.raises(errors.MigrationFailed) as refused:
        up(project, database, 'self.backfill("keyless", {"n": "n + 1000"})')

    assert "may have been renumbered" in str(refused.value)


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize("columns", ["None", "['f']"])
def test_a_float_is_read_with_all_its_digits(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw, columns: str
) -> None:
    raw(database).execute("CREATE TABLE measure (id int PRIMARY KEY, f float)")
    raw(database).execute("CREATE TABLE copied (id int PRIMARY KEY, f double)")
    raw(database).execute("INSERT INTO measure VALUES (1, 1234567), (2, 0.1)")

    up(
        project,
        database,
        'self.transform("measure", "copied", lambda row: {"id": round(row["f"]), "f": row["f"]}, '
        f"columns={columns})",
    )

    assert [(0, True), (1234567, True)] == [
        (id_, bool(same))
        for id_, same in raw(database).execute(
            "SELECT c.id, c.f = m.f + 0e0 FROM copied c JOIN measure m ON c.id = round(m.f) "
            "ORDER BY c.id"
        )
    ]


def test_a_plan_does_not_count_how_often_a_loop_goes_round(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    numbers(database, raw(database), ROWS)
    one(
        project,
        'for batch in self.batches("number"):',
        "    for row in batch:",
        '        self.execute("UPDATE number SET n = 0 WHERE id = ?", [row["id"]])',
        'self.delete_rows("number")',
    )

    (plan,) = projects.open_project(folder=project.path, database=database.url).plan().migrations

    assert [("rows", 1), ("data", 0), ("rows", 1)] == [(s.kind, s.times) for s in plan.steps]
    assert "in each batch" == plan.steps[1].note
    assert 2 == plan.count
