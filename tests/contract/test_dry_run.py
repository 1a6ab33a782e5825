"""A dry run does everything and leaves nothing, on every engine, however it ends."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from tests import conftest, databases, engines
from tests.contract import test_documented_examples as documented
from tests.contract import test_verbs
from whimbrel import errors, events
from whimbrel.engines import base, registry
from whimbrel.migrations import dry_report
from whimbrel.migrations import project as projects

OpenRaw = Callable[[databases.Database], databases.Raw]

ROWS = 300
HEAD = "from whimbrel import Migration\n\n\nclass It(Migration):\n"
TABLES = (
    HEAD
    + f"""
    def up(self):
        self.create_table("item", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=50),
            self.column("price", "integer"),
            self.column("total", "decimal", precision=12, scale=2),
        ])
        self.create_table("copy", [
            self.column("id", "integer", primary_key=True),
            self.column("name", "string", length=50, null=False),
        ])
        self.create_table("log", [
            self.column("id", "integer", primary_key=True, auto_increment=True),
            self.column("what", "string", length=50),
        ])
        self.execute("INSERT INTO log (what) VALUES ('made')")
        for n in range(1, {ROWS} + 1):
            name = None if n % 100 == 7 else f"item {{n}}"
            self.execute("INSERT INTO item (id, name, price) VALUES (?, ?, ?)", [n, name, n])
"""
)
EVERY_VERB = """
self.backfill("item", {"total": "price * 1.5"})
self.copy_rows("item", "copy", {"id": "id + 1000", "name": "name"}, where="name IS NOT NULL")
self.transform("item", "item", double, where="id <= 100")
self.delete_rows("item", where="price > 290")
self.execute("UPDATE item SET price = price + ? WHERE id > ?", [1, 280])
for n in (1, 2, 3, 4):
    self.execute("UPDATE item SET name = ? WHERE id = ?", [f"named {n}", n])
self.execute("INSERT INTO log (what) VALUES ('tried')")
self.execute("DELETE FROM log WHERE id = 1")
for batch in self.batches("item", where="id <= 20"):
    self.execute("UPDATE item SET price = 0 WHERE id >= ? AND id <= ?", [batch.first, batch.last])
"""
# True while it runs, not while it is planned.
IF_FILLED = 'if self.execute("SELECT count(*) FROM item WHERE total IS NOT NULL")[0][0] > 0:'
DOUBLE = "def double(row):\n    return {**row, 'price': row['price'] * 2}\n\n\n"


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Upstream logs what its own connections do to stderr: not in these tests."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def up(*lines: str) -> str:
    """Return a migration whose up() consists of these lines."""
    body = "\n".join(lines).strip("\n").replace("\n", "\n        ")
    return f"{DOUBLE}{HEAD}    def up(self):\n        {body}\n"


def open_with(
    project: conftest.ProjectFolder, database: databases.Database, *bodies: str
) -> projects.Project:
    """Return a project whose tables are applied, and further migrations pending."""
    project.migration("20260101_000000_tables", TABLES)
    opened = projects.open_project(folder=project.path, database=database.url)
    opened.up()
    for number, body in enumerate(bodies, start=2):
        project.migration(f"2026010{number}_000000_m{number}", body)
    return opened


def everything(database: databases.Database) -> object:
    """Return all rows of all tables, also the journal's, and what the catalog says."""
    with databases.Raw(database) as raw:
        ours = ["migrations", "runs", "steps", "parts", "batches", "rejects", "controls", "results"]
        names = ["item", "copy", "log", *(f"whimbrel_{name}" for name in ours)]
        rows = {name: sorted(map(repr, raw.execute(f"SELECT * FROM {name}"))) for name in names}
        if database.kind == "sqlite":
            rows["counters"] = [repr(raw.execute("SELECT * FROM sqlite_sequence"))]
    return rows, test_verbs.texts(database)


def by_words(report: dry_report.Report, begin: str, at: int = 0) -> dry_report.Step:
    """Return the step of the migration that begins so."""
    return next(s for s in report.migrations[at].steps if s.words.startswith(begin))


# --- nothing stays --------------------------------------------------------------------------


@engines.every_version
def test_a_dry_run_of_every_verb_that_changes_rows_leaves_no_trace(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up(EVERY_VERB))
    before = everything(database)
    runs = opened.history()

    report = opened.dry_run()

    assert (None, 0, ()) == (report.problem, report.rejected, report.alarms)
    assert 0 == report.exit_code
    assert before == everything(database)
    assert runs == opened.history()
    assert ["applied", "pending"] == [state.state for state in opened.status()]
    counters = [one.after - one.before for one in report.moved]
    assert counters == ([] if database.kind == "sqlite" else [1] * len(counters))


def test_what_was_tried_can_then_be_done_and_changes_as_many_rows(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up(EVERY_VERB))
    report = opened.dry_run()
    done: list[events.StepDone] = []
    opened.tell = lambda event: done.append(event) if isinstance(event, events.StepDone) else None

    opened.up()

    tried = {s.words: s.rows for s in report.migrations[0].steps if s.kind == "rows"}
    assert 5 == len(tried)
    assert tried == {event.step: event.rows for event in done if event.step in tried}


@engines.differs("ddl-commits")
def test_changes_of_the_schema_are_tried_and_later_migrations_see_them(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(
        project,
        database,
        up(
            'self.add_column("item", "note", "string")',
            'self.change_column("item", "price", "bigint")',
            'self.rename_table("log", "story")',
        ),
        up(
            'self.backfill("item", {"note": "\'seen\'"})',
            "self.execute(\"INSERT INTO story (what) VALUES ('told')\")",
            'self.drop_table("copy")',
        ),
    )
    before = everything(database)

    report = opened.dry_run()

    assert (None, 0) == (report.problem, report.exit_code)
    assert ROWS == by_words(report, "backfill", at=1).rows
    assert before == everything(database)
    assert 2 == len(opened.up().done)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("raise ValueError('enough')", "enough"),
        ('self.execute("UPDATE item SET id = 1")', ""),
        (f"{IF_FILLED}\n    raise SystemExit(3)", "sys.exit(3)"),
    ],
)
def test_a_dry_run_that_fails_says_where_and_leaves_nothing(
    line: str, cause: str, project: conftest.ProjectFolder, database: databases.Database
) -> None:
    ok = 'self.backfill("item", {"total": "1"})'
    opened = open_with(project, database, up(ok), up(ok, line), up(ok))
    before = everything(database)

    report = opened.dry_run()

    problem = report.problem
    assert problem is not None and problem.cause is not None
    assert cause in problem.cause
    assert "20260103_000000_m3.py:" in (problem.where or "")
    assert "nothing was changed" in (problem.left or "")
    assert (1, ("20260104_000000_m4",)) == (report.exit_code, report.not_reached)
    assert ["backfill item.total"] * 2 == [trial.steps[0].words for trial in report.migrations]
    assert before == everything(database)


def test_a_failing_statement_is_named_with_its_place(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    bad = 'self.execute("UPDATE item SET id = 1")'
    opened = open_with(project, database, up('self.backfill("item", {"total": "1"})', bad))

    report = opened.dry_run()

    assert "2: UPDATE item SET id = 1" == report.migrations[0].failed_step
    assert report.problem is not None and "would fail at step 2 of 2" in report.problem.what


def test_a_dry_run_that_is_interrupted_leaves_nothing_and_frees_the_lock(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = up('self.backfill("item", {"total": "1"})', IF_FILLED, "    raise KeyboardInterrupt")
    opened = open_with(project, database, body)
    before = everything(database)

    with pytest.raises(KeyboardInterrupt):
        opened.dry_run()

    assert before == everything(database)
    opened.baseline()
    assert ["applied", "baseline"] == [state.state for state in opened.status()]


def test_nobody_migrates_during_a_dry_run(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up("pass"))
    session = registry.open_session(database.url)
    lock = session.engine.lock(session, opened.clock)
    lock.acquire(
        base.Holder(run="x", who="ana", host="h", pid=1, command="c", started_at="2026-01-01")
    )

    with pytest.raises(errors.LockHeld):
        opened.dry_run()

    lock.release()
    session.close()


def test_a_database_without_a_journal_gets_none(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    raw(database).execute("CREATE TABLE item (id integer PRIMARY KEY, total integer)")
    raw(database).execute("INSERT INTO item VALUES (1, 1)")
    bad = 'self.transform("item", "item", lambda row: 1 / 0)'
    project.migration("20260101_000000_a", up('self.backfill("item", {"total": "2"})', bad))
    opened = projects.open_project(folder=project.path, database=database.url)

    report = opened.dry_run()

    assert (None, 1) == (report.problem, report.rejected)
    assert [] == opened.history()
    assert [(1, 1)] == raw(database).execute("SELECT id, total FROM item")


def test_a_table_too_large_for_the_transaction_of_up_is_tried_in_one_all_the_same(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up(EVERY_VERB))
    rows = opened.database.rows.having({"small_table": 10, "max_rows_per_second": 1.0})
    opened.database = dataclasses.replace(opened.database, rows=rows)
    before = everything(database)

    report = opened.dry_run()

    assert (None, ROWS) == (report.problem, by_words(report, "backfill").rows)
    assert before == everything(database)


def test_steps_that_the_migration_takes_back_itself_are_not_reported(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = up(
        'self.backfill("item", {"total": "1"})',
        "try:",
        "    with self.savepoint():",
        '        self.execute("UPDATE item SET price = 7")',
        '        self.execute("UPDATE item SET id = 1")',
        "except Exception:",
        "    self.execute(\"UPDATE log SET what = 'failed'\")",
    )
    opened = open_with(project, database, body)

    report = opened.dry_run()

    told = [step.words for step in report.migrations[0].steps]
    assert (None, ["backfill item.total", "UPDATE log SET what = 'failed'"]) == (
        report.problem,
        told,
    )


# --- what is seen ---------------------------------------------------------------------------


def test_rows_are_shown_before_and_after(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up(EVERY_VERB))

    report = opened.dry_run()

    filled = by_words(report, "backfill")
    assert (ROWS, ROWS) == (filled.read, filled.rows)
    assert [{"id": 1}, {"id": 2}, {"id": 3}] == [dict(s.key) for s in filled.samples]
    first = filled.samples[0]
    assert first.before is not None and first.after is not None
    assert ({"total": None}, ["total"]) == (dict(first.before), list(first.after))
    assert Decimal("1.5") == Decimal(str(first.after["total"]))
    transformed = by_words(report, "transform").samples[1]
    assert ({"price": 2}, {"price": 4}) == (transformed.before, transformed.after)
    gone = by_words(report, "delete rows").samples[0]
    assert (dict(gone.key), None) == ({"id": 291}, gone.after)
    assert gone.before is not None and "item 291" == gone.before["name"]


def test_new_rows_are_shown_beside_what_they_were_made_of(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up(EVERY_VERB))

    copied = by_words(opened.dry_run(), "copy rows").samples

    assert [{"id": 1001}, {"id": 1002}, {"id": 1003}] == [dict(s.key) for s in copied]
    assert [{"id": 1001, "name": "item 1"}] == [s.after for s in copied[:1]]
    assert copied[0].source is not None and 1 == copied[0].source["id"]


def test_rows_of_plain_statements_are_shown_and_loops_are_one_line(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up(EVERY_VERB))

    report = opened.dry_run()

    raised = by_words(report, "UPDATE item SET price = price").samples
    assert [{"price": 281}, {"price": 282}] == [s.before for s in raised[:2]]
    assert [{"price": 282}, {"price": 283}] == [s.after for s in raised[:2]]
    named = by_words(report, "UPDATE item SET name")
    assert (4, 4, 3) == (named.times, named.rows, len(named.samples))
    assert [{"name": "named 2"}] == [s.after for s in named.samples[1:2]]
    new = by_words(report, "INSERT INTO log").samples
    assert ["tried"] == [s.after["what"] for s in new if s.after is not None]
    assert [None] == [s.after for s in by_words(report, "DELETE FROM log").samples]


def test_rows_made_by_a_function_are_shown(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    keep = 'lambda row: {"id": row["id"], "name": row["name"] or "none"}'
    log = 'lambda row: {"what": row["name"]}'
    opened = open_with(
        project,
        database,
        up(
            f'self.transform("item", "copy", {keep})',
            f'self.transform("item", "log", {log}, where="id > 290")',
        ),
    )

    report = opened.dry_run()

    kept, logged = (step.samples for step in report.migrations[0].steps)
    assert [{"id": 1, "name": "item 1"}] == [s.after for s in kept[:1]]
    told = [s.after["what"] for s in logged if s.after is not None]
    assert ["item 291", "item 292", "item 293"] == told


def test_a_table_without_a_key_has_no_sample_and_says_so(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = up('self.backfill("bare", {"n": "n + 1"})', 'self.execute("UPDATE bare SET n = 5")')
    opened = open_with(project, database, body)
    raw(database).execute("CREATE TABLE bare (n integer)")
    raw(database).execute("INSERT INTO bare VALUES (1), (2)")

    steps = opened.dry_run().migrations[0].steps

    assert [2, 2] == [step.rows for step in steps]
    assert [(), ()] == [step.samples for step in steps]
    assert all("no key" in step.note for step in steps)


# --- rejects --------------------------------------------------------------------------------


def test_all_rejects_are_counted_by_reason_though_up_would_stop_at_the_first(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    picky = "lambda row: 1 / 0 if row['id'] % 50 == 0 else {**row, 'price': int(row['name'][5:])}"
    opened = open_with(
        project,
        database,
        up(
            'self.copy_rows("item", "copy", {"id": "id", "name": "name"})',
            f'self.transform("item", "item", {picky})',
        ),
        up('self.copy_rows("item", "copy", {"id": "id + 1000", "name": "name"})'),
    )
    before = everything(database)

    report = opened.dry_run()

    copied, transformed = report.migrations[0].steps
    assert [3] == [one.rows for one in copied.rejected]
    assert [(7,), (107,), (207,)] == [one.key for one in copied.rejected[0].first]
    assert "name" in copied.rejected[0].reason
    assert {"ZeroDivisionError": 6, "TypeError": 3} == {
        one.reason.split(":")[0]: one.rows for one in transformed.rejected
    }
    assert (0, ROWS - 3, ROWS) == (copied.max_rejects, copied.rows, copied.read)
    assert 3 == by_words(report, "copy rows", at=1).rows_rejected
    assert (None, 15, 1) == (report.problem, report.rejected, report.exit_code)
    assert before == everything(database)
    with pytest.raises(errors.WhimbrelError) as failed:
        opened.up()
    assert "row-failed" == failed.value.slug


# --- a sample -------------------------------------------------------------------------------


def test_a_sample_bounds_the_rows_of_each_step_and_guesses_the_rest(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up(EVERY_VERB))
    before = everything(database)

    report = opened.dry_run(sample=50)

    filled, transformed = by_words(report, "backfill"), by_words(report, "transform")
    assert (50, 50, 50) == (filled.read, filled.rows, transformed.rows)
    assert filled.estimate is not None
    assert filled.estimate.rows_read == filled.estimate.rows_written
    # Before the first ANALYZE a server knows no better.
    assert ROWS * 0.7 < filled.estimate.rows_read < ROWS * 2
    assert filled.seconds is not None and filled.estimate.seconds > filled.seconds
    assert 50 == report.sample
    assert before == everything(database)


def test_a_sample_larger_than_the_table_guesses_nothing(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up('self.backfill("item", {"total": "1"})'))

    step = opened.dry_run(sample=5_000).migrations[0].steps[0]

    assert (ROWS, None) == (step.read, step.estimate)


@engines.differs("ddl-commits")
def test_what_fails_after_a_sampled_step_says_that_the_sample_may_be_why(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = up(
        'self.backfill("item", {"total": "1"})',
        'self.change_column("item", "total", "decimal", precision=12, scale=2, null=False)',
    )
    opened = open_with(project, database, body)

    sampled, whole = opened.dry_run(sample=10), opened.dry_run()

    assert sampled.problem is not None
    assert "nulls-in-not-null" == sampled.problem.slug
    assert "10 rows only (--sample)" in (sampled.problem.remedy or "")
    assert whole.problem is None


# --- what a commit would say ----------------------------------------------------------------


@engines.differs("ddl-commits")
def test_keys_that_only_a_commit_looks_at_are_looked_at(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    body = up('self.execute("INSERT INTO child VALUES (1, 9999)")')
    opened = open_with(project, database, body)
    raw(database).execute(
        "CREATE TABLE child (id integer PRIMARY KEY, item_id integer "
        "REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED)"
    )

    report = opened.dry_run()

    assert report.problem is not None
    assert 1 == report.exit_code
    assert "child" in str(report.problem)
    assert 0 == raw(database).value("SELECT count(*) FROM child")


@engines.only("sqlite")
def test_a_rebuilt_table_keeps_its_children_and_foreign_keys_are_on_again(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    rebuild = up('self.change_column("item", "price", "text")')
    opened = open_with(project, database, rebuild, up('self.delete_rows("log")'))
    raw(database).execute(
        "CREATE TABLE child (id integer PRIMARY KEY, "
        "item_id integer REFERENCES item (id) ON DELETE CASCADE)"
    )
    raw(database).execute("INSERT INTO child VALUES (1, 5)")
    before = everything(database)

    report = opened.dry_run()

    assert None is report.problem
    assert ["foreign keys are off" in note for note in report.notes] == [True]
    assert before == everything(database)
    assert [(1, 5)] == raw(database).execute("SELECT * FROM child")


@engines.only("postgresql", "mariadb")
def test_a_counter_that_went_on_is_named(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = up("for n in range(5):", "    self.execute(\"INSERT INTO log (what) VALUES ('x')\")")
    opened = open_with(project, database, body)

    moved = opened.dry_run().moved

    assert 1 == len(moved)
    assert "log" in moved[0].name
    assert 5 == moved[0].after - moved[0].before


# --- what is refused ------------------------------------------------------------------------


@engines.only("mariadb", "mysql")
def test_a_change_of_schema_that_cannot_be_taken_back_is_refused_by_name(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(
        project,
        database,
        up('self.backfill("item", {"total": "1"})'),
        up('self.backfill("item", {"total": "1"})', 'self.add_column("item", "more", "text")'),
    )
    before = everything(database)

    with pytest.raises(errors.RefusedError) as refused:
        opened.dry_run()

    text = str(refused.value)
    assert "20260103_000000_m3" in text
    assert "step 2: add column item.more" in text
    assert "whimbrel up --database" in text
    assert 0 == opened.dry_run(count=1).exit_code
    assert before == everything(database)


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('self.execute("INSERT INTO old (n) VALUES (3)")', "no transactions"),
        ('self.backfill("old", {"m": "m + 1"})', "no transactions"),
        ('self.execute("CALL touch_it()")', "may commit"),
        ('self.execute("SET GLOBAL max_connections = 200")', "whole server"),
    ],
)
def test_what_has_no_undo_is_refused_before_it_is_sent(
    line: str,
    word: str,
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    opened = open_with(project, database, up('self.backfill("item", {"total": "1"})', line))
    raw(database).execute("CREATE TABLE old (n integer PRIMARY KEY, m integer) ENGINE = MyISAM")
    raw(database).execute("INSERT INTO old (n) VALUES (1)")
    raw(database).execute("CREATE PROCEDURE touch_it() BEGIN DELETE FROM old; COMMIT; END")
    connections = raw(database).value("SELECT @@global.max_connections")
    before = everything(database)

    report = opened.dry_run()

    assert report.problem is not None and word in report.problem.what
    assert before == everything(database)
    assert [(1,)] == raw(database).execute("SELECT n FROM old")
    assert connections == raw(database).value("SELECT @@global.max_connections")


@engines.only("mariadb", "mysql")
def test_rows_that_a_trigger_puts_where_nothing_is_taken_back_are_not_passed_over(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    opened = open_with(project, database, up("self.execute(\"UPDATE log SET what = 'x'\")"))
    raw(database).execute("CREATE TABLE old (n integer PRIMARY KEY) ENGINE = MyISAM")
    raw(database).execute(
        "CREATE TRIGGER told AFTER UPDATE ON log FOR EACH ROW INSERT INTO old VALUES (NEW.id)"
    )

    report = opened.dry_run()

    assert (1, 1) == (len(report.alarms), report.exit_code)
    assert "non-transactional" in report.alarms[0]


def test_a_migration_that_is_not_meant_for_one_transaction_is_refused(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    body = up('self.backfill("item", {"total": "1"})')
    alone = body.replace("    def up", "    transactional = False\n\n    def up")
    opened = open_with(project, database, body, alone)
    before = everything(database)

    with pytest.raises(errors.RefusedError, match="20260103_000000_m3 says transactional = False"):
        opened.dry_run()

    assert before == everything(database)


def test_a_half_done_migration_is_refused(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    bad = 'self.execute("UPDATE item SET id = 1")'
    body = up('self.backfill("item", {"total": "1"})', bad)
    alone = body.replace("    def up", "    transactional = False\n\n    def up")
    opened = open_with(project, database, alone)
    with pytest.raises(errors.MigrationFailed):
        opened.up()

    with pytest.raises(errors.RefusedError, match="half done"):
        opened.dry_run()


def test_what_the_plan_refuses_is_refused(
    project: conftest.ProjectFolder, database: databases.Database
) -> None:
    opened = open_with(project, database, up('self.backfill("nowhere", {"total": "1"})'))

    with pytest.raises(errors.TableNotFound):
        opened.dry_run()


# --- models ---------------------------------------------------------------------------------

MODELS = """
from app.models import NewUser, OldUser

from whimbrel import Migration


class Move(Migration):
    def up(self):
        for old in OldUser.query().all():
            OldUser.query().where("id = ?", (old.id,)).one()
            old.username = "tried"
            old.save()
"""


def with_models(
    project: conftest.ProjectFolder, database: databases.Database, of: databases.Database
) -> projects.Project:
    """Return a project on a database, whose models are configured for another one, or the same."""
    (project.path / "app").mkdir()
    (project.path / "app" / "__init__.py").touch()
    (project.path / "app" / "models.py").write_text(documented.models_for(of), encoding="utf-8")
    project.migration("20250101_000000_old", documented.OLD_USERS.format(rows=5))
    for one in (database, of):
        projects.open_project(folder=project.path, database=one.url).up()
    project.migration("20250102_000000_move", MODELS)
    return projects.open_project(folder=project.path, database=database.url)


def test_models_work_on_the_same_connection_and_are_taken_back(
    project: conftest.ProjectFolder, database: databases.Database, raw: OpenRaw
) -> None:
    opened = with_models(project, database, database)
    select = "SELECT * FROM old_user ORDER BY id"
    before = raw(database).execute(select)

    report = opened.dry_run()

    assert (None, 0) == (report.problem, report.exit_code)
    assert 5 == sum(s.rows or 0 for s in report.migrations[0].steps if s.kind == "model")
    assert before == raw(database).execute(select)


def test_models_of_another_database_are_refused_what_cannot_be_taken_back(
    project: conftest.ProjectFolder,
    database: databases.Database,
    new_database: conftest.NewDatabase,
    raw: OpenRaw,
) -> None:
    other = new_database(database.engine_id)
    opened = with_models(project, database, other)
    select = "SELECT * FROM old_user ORDER BY id"
    before = raw(other).execute(select)

    report = opened.dry_run()

    assert report.problem is not None and "another database" in report.problem.what
    assert before == raw(other).execute(select)
