"""What comes of findings: `up` refuses, a reason lets it go on, plan and history show both."""

from __future__ import annotations

import json

import pytest

from tests import checking
from whimbrel import errors
from whimbrel.cli import app
from whimbrel.engines import registry
from whimbrel.journal import journal
from whimbrel.migrations.checks import checker, watch

RENAME = 'self.rename_column("person", "age", "years")'
ACCEPTED = 'self.accept("column-renamed", reason="nobody reads it")\n' + RENAME


@pytest.fixture
def look(project, database, raw, monkeypatch):
    monkeypatch.setattr(watch, "LARGE", checking.LARGE)
    return checking.Look(project, database, raw(database))


def columns(look):
    return [row[0] for row in look.raw.execute("SELECT age FROM person WHERE id = 1")]


def steps(look):
    """Return the steps of the last run, in words."""
    session = registry.open_session(look.database.url, read_only=True)
    try:
        notes = journal.Journal(session)
        return [step.step for step in notes.steps(notes.runs()[0].id)]
    finally:
        session.close()


def test_up_refuses_before_anything_is_touched(look):
    look.plan(RENAME)

    with pytest.raises(errors.CheckFailed) as refused:
        look.open().up()

    assert ("column-renamed",) == refused.value.checks
    assert "nothing was changed" == refused.value.left
    assert "20260101_000001_it.py:" in (refused.value.where or "")
    assert [1] == columns(look)
    assert [] == look.open().history()


def test_a_reason_lets_it_go_on_and_stands_in_plan_and_history(look):
    plan = look.plan(ACCEPTED)

    look.open().up()

    (one,) = plan.findings
    assert ("nobody reads it", False) == (one.accepted, one.refuses)
    assert "accept column-renamed: nobody reads it" == plan.steps[0].words
    assert "accept column-renamed: nobody reads it" in steps(look)
    assert [1] == [row[0] for row in look.raw.execute("SELECT years FROM person WHERE id = 1")]


def test_the_class_can_give_the_reason(look):
    plan = look.plan(RENAME, attributes='accepts = {"column-renamed": "nobody reads it"}')

    look.open().up()

    assert ["nobody reads it"] == [one.accepted for one in plan.findings]
    assert "accept column-renamed: nobody reads it" in steps(look)


@pytest.mark.engines("sqlite")
def test_what_is_accepted_needs_a_known_name_and_a_reason(look):
    with pytest.raises(errors.UsageError, match="there is no check 'column-renamd'"):
        look.plan(ACCEPTED.replace("renamed", "renamd", 1))

    with pytest.raises(errors.UsageError, match="needs the reason"):
        look.plan(ACCEPTED.replace("nobody reads it", " "))


def test_change_with_a_reason_goes_up_and_down(look):
    text = """
from whimbrel import Migration


class It(Migration):
    def change(self):
        self.accept("column-renamed", reason="nobody reads it")
        self.rename_column("person", "age", "years")
"""
    look.project.migration("20260101_000001_it", text)

    look.open().up()
    look.open().down()

    assert [1] == columns(look)


@pytest.mark.engines("sqlite")
def test_a_small_table_is_large_from_ten_thousand_rows_on(look, monkeypatch):
    monkeypatch.setattr(watch, "LARGE", 10_000)
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    look.raw.execute("CREATE TABLE many (id integer PRIMARY KEY)")

    look.raw.execute(f"INSERT INTO many {count.format(9_999)} SELECT i FROM n")
    below = look.found('self.rename_table("many", "more")')
    look.raw.execute("INSERT INTO many VALUES (10000)")
    above = look.found('self.rename_table("many", "more")')

    assert ("warning", "error") == (below["table-renamed"], above["table-renamed"])


def test_what_the_same_plan_makes_is_never_large(look):
    found = look.found("""
        self.create_table("copy", [
            self.column("id", "integer", primary_key=True), self.column("age", "integer"),
        ])
        self.copy_rows("person", "copy", {"id": "id", "age": "age"})
        self.create_index("copy", "age", unique=True)
        self.rename_column("copy", "age", "years")
        """)

    assert {} == found


def test_rows_that_an_earlier_step_changes_are_not_asked(look):
    found = look.found("""
        self.backfill("person", {"age": "id"})
        self.create_index("person", "age", unique=True)
        """)

    assert "duplicates-in-unique" not in found


def test_what_a_verb_itself_refuses_is_left_to_the_verb(look):
    body = 'self.change_column("city", "name", "string", length=40, null=False)'
    look.raw.execute("UPDATE city SET name = NULL WHERE id = 2")
    (one,) = look.check(body)

    with pytest.raises((errors.NullsPresent, errors.MigrationFailed)) as refused:
        look.open().up()

    assert ("nulls-in-required", True) == (one.slug, one.verb)
    assert "nulls-in-not-null" == refused.value.slug


@pytest.mark.engines("sqlite")
def test_a_half_done_migration_is_finished_whatever_the_checks_say(look):
    body = 'self.add_column("city", "b", "integer")\nself.execute("UPDATE missing SET a = 1")'
    look.raw.execute("CREATE TABLE missing (a integer)")
    look.raw.execute(
        "CREATE TRIGGER no BEFORE UPDATE ON missing BEGIN SELECT raise(FAIL, 'no'); END"
    )
    look.raw.execute("INSERT INTO missing VALUES (0)")
    look.plan(body, attributes="transactional = False")
    with pytest.raises(errors.MigrationFailed):
        look.open().up()
    look.raw.execute("DROP TRIGGER no")
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
    look.raw.execute(f"INSERT INTO missing {many} SELECT i FROM n")

    findings = look.plan(body, attributes="transactional = False").findings
    look.open().up()

    assert ["unbounded-update"] == [one.slug for one in findings if one.unresolved]
    assert 1 == look.raw.value("SELECT min(a) FROM missing")


def test_down_is_not_checked(look):
    text = """
from whimbrel import Migration


class It(Migration):
    accepts = {"column-renamed": "nobody reads it"}

    def up(self):
        self.rename_column("person", "age", "years")

    def down(self):
        self.rename_column("person", "years", "age")
"""
    look.project.migration("20260101_000001_it", text)
    look.open().up()

    plan = look.open().plan("down")
    look.open().down()

    assert () == plan.migrations[0].findings
    assert [1] == columns(look)


# --- the command ----------------------------------------------------------------------------


def run(look, *arguments):
    return app.main([*arguments, "--project", str(look.project.path), "-d", look.database.url])


def test_check_shows_what_is_found_and_what_to_write_instead(look, capsys):
    look.plan(RENAME)

    code = run(look, "check")

    shown = capsys.readouterr().out
    assert 1 == code
    assert "✗ column person.age becomes years" in shown
    assert "to do  let both be there for a while:" in shown
    assert "[column-renamed]" in shown
    assert "1 finding that `up` does not begin with" in shown


def test_check_gives_all_facts_as_json(look, capsys):
    look.plan(RENAME)

    code = run(look, "check", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (1, True) == (code, told["refused"])
    assert ["column-renamed"] == [one["check"] for one in told["findings"]]
    assert "error" == told["findings"][0]["severity"]


@pytest.mark.engines("sqlite")
def test_check_of_named_migrations_looks_at_no_others(look, capsys):
    look.plan(RENAME)
    look.project.migration(
        "20260101_000002_more",
        "from whimbrel import Migration\n\n\nclass More(Migration):\n    def up(self):\n"
        '        self.add_column("city", "b", "integer")\n',
    )

    codes = [run(look, "check", name) for name in ("20260101_000002", "20260101_000001", "2027")]

    assert [0, 1, 2] == codes


@pytest.mark.engines("sqlite")
def test_a_migration_that_is_applied_is_not_checked(look, capsys):
    look.plan(ACCEPTED)
    look.open().up()

    code = run(look, "check", "20260101_000001")

    assert 2 == code
    assert "20260101_000001 is applied already" in capsys.readouterr().err


@pytest.mark.engines("sqlite")
def test_plan_shows_what_is_found_and_that_up_refuses(look, capsys):
    look.plan(RENAME)

    code = run(look, "plan")

    shown = capsys.readouterr().out
    assert 0 == code
    assert "✗ column person.age becomes years" in shown
    assert "nothing was changed, and `up` refuses it; what to write:  whimbrel check" in shown


def test_nothing_found_is_said(look, capsys):
    look.plan('self.add_column("city", "b", "integer")')

    code = run(look, "check")

    assert 0 == code
    assert "nothing found" in capsys.readouterr().out


def test_every_rule_has_its_own_name():
    assert len(checker.slugs()) == len(set(checker.slugs()))
    assert len(checker.slugs()) >= 25
