"""validate_before and validate_after around real migrations, whole and by steps."""

from __future__ import annotations

import dataclasses
import json

import pytest

from whimbrel import errors
from whimbrel.journal import tables as journal_tables
from whimbrel.migrations import project as projects
from whimbrel.proof import rules

ORDERS = """
CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, total numeric(12, 2), currency varchar(3))
"""
HEAD = """
from whimbrel import Migration


class Piece(Migration):
    transactional = {transactional}

    def up(self):
        self.execute("UPDATE orders SET currency = 'eur' WHERE currency IS NULL")
        self.add_column("orders", "note", "text")
        {step}

    def down(self):
        self.remove_column("orders", "note")

"""
BEFORE = """
    def validate_before(self):
        {rule}
"""
AFTER = """
    def validate_after(self):
        {rule}
"""
GOOD = 'self.expect.rows("orders", at_least=1)'


@pytest.fixture(params=["whole", "by_steps"])
def shop(request, project, database, raw):
    """A project with three orders; its next migration is whole (where it can) or by steps."""
    raw(database).execute(ORDERS)
    raw(database).execute(
        "INSERT INTO orders VALUES (1, 10.10, 'eur'), (2, 0.20, 'usd'), (3, 5, NULL)"
    )
    return Shop(project, database, raw(database), request.param == "whole")


class Shop:
    """Writes the migration, runs it, and looks into the database."""

    def __init__(self, project, database, raw, whole):
        self.project, self.database, self.raw = project, database, raw
        self.asked_whole = whole
        # Where DDL commits, a migration is by steps whatever it says.
        self.whole = whole and database.kind not in ("mariadb", "mysql")
        self.told = []

    def write(self, *, before="", after="", step="pass"):
        text = HEAD.format(transactional=None if self.asked_whole else False, step=step)
        text += BEFORE.format(rule=before) if before else ""
        text += AFTER.format(rule=after) if after else ""
        self.project.migration("20260101_000000_it", text)

    @property
    def opened(self):
        return projects.open_project(
            folder=self.project.path, database=self.database.url, tell=self.told.append
        )

    def up(self):
        return self.opened.up()

    def outcomes(self):
        return [event.outcome for event in self.told if isinstance(event, rules.RuleChecked)]

    def state(self):
        (state,) = self.opened.status()
        return state.state

    def has_note(self):
        session = self.opened.open_looking()
        try:
            return session.engine.catalog(session).table("orders").has("note")
        finally:
            session.close()


def test_rules_that_hold_are_told_and_kept(shop):
    shop.write(before=GOOD, after='self.expect.not_null("orders", "currency")')

    outcome = shop.up()

    assert ["before", "after"] == [one.when for one in outcome.rules]
    assert all(one.passed for one in outcome.rules)
    assert list(outcome.rules) == shop.outcomes()
    assert json.dumps([one.as_json() for one in outcome.rules])
    assert "applied" == shop.state()


def test_a_failed_rule_before_refuses_and_changes_nothing(shop):
    shop.write(before='self.expect.not_null("orders", "currency")')

    with pytest.raises(errors.ValidationFailed) as failed:
        shop.up()

    assert (1, "pending") == (failed.value.exit_code, shop.state())
    assert not shop.has_note()
    assert 1 == shop.raw.value("SELECT count(*) FROM orders WHERE currency IS NULL")
    assert [] == shop.opened.history()
    said = str(failed.value)
    assert "20260101_000000_it.validate_before, " in said
    assert "1 of 3 rows is NULL in orders.currency" in said
    assert "id 3" in said


def test_a_failed_rule_after_takes_back_or_can_be_resumed(shop):
    shop.write(after='self.expect.between("orders", "total", 1)')

    with pytest.raises(errors.ValidationFailed) as failed:
        shop.up()

    assert shop.has_note() is not shop.whole
    assert (1 if shop.whole else 3) == failed.value.exit_code
    assert ("pending" if shop.whole else "half up") == shop.state()
    nulls = shop.raw.value("SELECT count(*) FROM orders WHERE currency IS NULL")
    assert (1 if shop.whole else 0) == nulls
    left = failed.value.left or ""
    assert ("took back" if shop.whole else "2 steps of") in left
    assert "whimbrel up" in (failed.value.remedy or "")


def test_after_the_rows_are_corrected_only_the_rules_are_asked_again(shop):
    shop.write(after='self.expect.between("orders", "total", 1)')
    with pytest.raises(errors.ValidationFailed):
        shop.up()
    shop.raw.execute("UPDATE orders SET total = 1 WHERE id = 2")
    steps = [run.steps for run in shop.opened.history()]

    shop.told.clear()
    shop.up()

    assert "applied" == shop.state()
    assert [True] == [one.passed for one in shop.outcomes()]
    skipped = [getattr(event, "skipped", None) for event in shop.told]
    assert (2 if not shop.whole else 0) == skipped.count(True)
    assert 1 == len(steps)


def test_the_rules_before_are_not_asked_of_a_half_done_migration(shop):
    shop.write(
        before="self.expect.no_rows(\"SELECT id FROM orders WHERE currency = 'eur' AND id = 3\")",
        after='self.expect.between("orders", "total", 1)',
    )
    with pytest.raises(errors.ValidationFailed):
        shop.up()
    shop.raw.execute("UPDATE orders SET total = 1 WHERE id = 2")

    shop.up()

    assert "applied" == shop.state()


def test_half_done_because_of_a_rule_can_be_taken_back(shop):
    shop.write(after='self.expect.between("orders", "total", 1)', step="pass")
    text = (shop.project.migrations / "20260101_000000_it.py").read_text()
    text = text.replace(
        "self.execute(\"UPDATE orders SET currency = 'eur' WHERE currency IS NULL\")", "pass"
    )
    shop.project.migration("20260101_000000_it", text)
    with pytest.raises(errors.ValidationFailed):
        shop.up()

    if not shop.whole:
        shop.opened.down()

    assert "pending" == shop.state()
    assert not shop.has_note()


def test_warnings_are_told_and_stop_nothing(shop):
    shop.write(
        before='self.expect.not_null("orders", "currency", severity="warning")',
        after='self.expect.between("orders", "total", 1, severity="warning", message="too cheap")',
    )

    outcome = shop.up()

    assert [False, False] == [one.passed for one in outcome.rules]
    assert "too cheap: 1 of 3 rows is wrong: orders.total is not at least 1" in [
        one.words for one in outcome.rules
    ]
    assert "applied" == shop.state()


# --- what is kept ---------------------------------------------------------------------------


def test_sums_and_counts_that_are_kept(shop):
    shop.write(
        after='self.expect.same_rows("orders")\n'
        '        self.expect.same_sum("orders", "total")\n'
        '        self.expect.same_sum("orders", "total * 2 + id")\n'
        '        self.expect.same_sum("orders", "total", by="id")'
    )

    outcome = shop.up()

    assert [True] * 4 == [one.passed for one in outcome.rules]


@pytest.mark.parametrize(
    ("rule", "found", "first"),
    [
        ('self.expect.same_rows("orders")', "was 3 and is 2", {"before": "3", "now": "2"}),
        ('self.expect.same_sum("orders", "total")', "was 15.3 and is 15.1",
         {"before": "15.3", "now": "15.1"}),
        ('self.expect.same_sum("orders", "total", by="currency")', "2 values of currency",
         None),
    ],
)  # fmt: skip
def test_what_is_not_kept_is_named_with_both_numbers(rule, found, first, shop):
    # One order goes, another gets its currency; of three groups two change.
    shop.write(after=rule, step='self.execute("DELETE FROM orders WHERE id = 2")')
    if first is None:
        shop.write(after=rule)

    with pytest.raises(errors.ValidationFailed) as failed:
        shop.up()

    assert found in str(failed.value)
    if first is not None:
        assert first == dict(shop.outcomes()[0].first[0])
    else:
        assert {(None, "5", "0"), ("eur", "10.1", "15.1")} == {
            (row["currency"], row["before"], row["now"]) for row in shop.outcomes()[0].first
        }


def test_a_tolerance_is_what_a_sum_may_lie_apart(shop):
    step = 'self.execute("UPDATE orders SET total = total + 0.01 WHERE id = 1")'
    shop.write(after='self.expect.same_sum("orders", "total", tolerance=0.01)', step=step)

    shop.up()

    assert "applied" == shop.state()


def test_what_was_called_otherwise_before_is_compared(shop):
    shop.write(
        after='self.expect.same_rows("sale", was_table="orders")\n'
        '        self.expect.same_sum("sale", "amount", was_table="orders", was="total")',
        step='self.rename_column("orders", "total", "amount"); self.rename_table("orders", "sale")',
    )

    shop.up()

    assert "applied" == shop.state()


def test_a_resumed_run_compares_with_what_was_before_the_first_attempt(shop):
    after = 'self.expect.same_sum("orders", "total")'
    shop.write(after=after, step='self.execute("DELETE FROM orders WHERE id = 2")')
    with pytest.raises(errors.ValidationFailed):
        shop.up()

    with pytest.raises(errors.ValidationFailed) as again:
        shop.up()

    assert "was 15.3 and is 15.1" in str(again.value)
    assert ("pending" if shop.whole else "half up") == shop.state()


def test_a_rule_that_came_too_late_to_be_measured_says_so(shop):
    shop.write(after='self.expect.between("orders", "total", 1)')
    with pytest.raises(errors.ValidationFailed):
        shop.up()
    shop.write(after='self.expect.same_rows("orders")')

    if shop.whole:
        shop.up()
    else:
        with pytest.raises(errors.WhimbrelError, match="as many rows as before") as failed:
            shop.up()
        assert "was not measured" in str(failed.value)

    assert ("applied" if shop.whole else "half up") == shop.state()


def test_nothing_of_a_measurement_stays_when_the_run_is_done(shop):
    shop.write(after='self.expect.same_rows("orders")')

    shop.up()

    results = journal_tables.RESULTS.name
    assert 0 == shop.raw.value(f"SELECT count(*) FROM {results}")


def test_what_cannot_be_measured_stops_before_the_first_step(shop):
    shop.write(after='self.expect.same_sum("order", "total")')

    with pytest.raises(errors.TableNotFound):
        shop.up()

    assert "pending" == shop.state()
    assert not shop.has_note()
    assert 0 == shop.raw.value(f"SELECT count(*) FROM {journal_tables.RESULTS.name}")


# --- the rest -------------------------------------------------------------------------------


def test_a_plan_says_what_will_be_asked(shop):
    shop.write(before=GOOD, after='self.expect.same_rows("orders", severity="warning")')

    (plan,) = shop.opened.plan().migrations

    assert ("orders has at least 1 row",) == plan.rules_before
    assert ("orders has as many rows as before (a warning only)",) == plan.rules_after
    assert [] == shop.outcomes()


def test_down_asks_nothing(shop):
    shop.write(before=GOOD, after=GOOD)
    shop.up()
    shop.raw.execute("DELETE FROM orders")
    shop.told.clear()

    shop.opened.down()

    assert [] == shop.outcomes()


def test_a_dry_run_asks_them_too(shop):
    shop.write(before=GOOD, after='self.expect.between("orders", "total", 1)')
    if not shop.whole:
        with pytest.raises(errors.RefusedError):
            shop.opened.dry_run()
        return

    report = shop.opened.dry_run()

    (trial,) = report.migrations
    assert [True, False] == [one.passed for one in trial.rules]
    assert "validation-failed" == trial.problem.slug
    assert 1 == report.exit_code
    assert json.dumps(report.as_json())
    assert not shop.has_note()


def test_a_dry_run_of_a_sample_does_not_ask_what_has_to_hold_after(shop):
    shop.write(after='self.expect.not_null("orders", "note")',
               step='self.backfill("orders", {"note": "currency"})')  # fmt: skip
    if not shop.whole:
        with pytest.raises(errors.RefusedError):
            shop.opened.dry_run()
        return

    sampled = shop.opened.dry_run(sample=1).migrations[0]
    whole = shop.opened.dry_run().migrations[0]

    assert () == sampled.rules
    assert "sample" in sampled.note
    assert [True] == [one.passed for one in whole.rules]


@pytest.mark.parametrize(
    ("before", "slug"),
    [
        ('self.execute("DELETE FROM orders")', "usage-error"),
        ('self.drop_table("orders")', "usage-error"),
        ('self.expect.same_rows("orders")', "bad-rule"),
        ('self.expect.between("orders", "total")', "bad-rule"),
        ('self.expect.not_null("order", "id")', "table-not-found"),
        ("1 / 0", "migration-failed"),
    ],
)
def test_what_is_wrong_in_validate_before_is_said_before_anything_happens(before, slug, shop):
    shop.write(before=before)

    with pytest.raises(errors.WhimbrelError) as failed:
        shop.up()

    assert slug == failed.value.slug
    assert "20260101_000000_it" in str(failed.value)
    assert "pending" == shop.state()
    assert 3 == shop.raw.value("SELECT count(*) FROM orders")


def test_expect_is_not_for_up(shop):
    shop.write(step='self.expect.rows("orders", at_least=1)')

    with pytest.raises(errors.UsageError, match="around a migration"):
        shop.up()


def test_a_table_too_large_for_one_transaction_is_measured_once_more(shop):
    shop.project.config("[rows]\nsmall_table = 1\n")
    shop.write(
        before=GOOD,
        after='self.expect.same_rows("orders")',
        step='self.backfill("orders", {"note": "currency"})',
    )

    shop.up()

    assert "applied" == shop.state()
    assert ["before", "after"] == [one.when for one in shop.outcomes()]


def test_outcomes_are_facts(shop):
    shop.write(before=GOOD)
    shop.up()

    with pytest.raises(dataclasses.FrozenInstanceError):
        shop.outcomes()[0].passed = False
