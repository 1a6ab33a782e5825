"""Shadow reads and reconciling: both sides of a dual write are compared, and repaired."""

from __future__ import annotations

from decimal import Decimal

import pytest

import whimbrel
from tests import dual
from whimbrel import errors, events

FIRST = {
    "sqlite": "substr(name, 1, instr(name, ' ') - 1)",
    "postgresql": "split_part(name, ' ', 1)",
    "mariadb": "substring_index(name, ' ', 1)",
}
LAST = {
    "sqlite": "substr(name, instr(name, ' ') + 1)",
    "postgresql": "split_part(name, ' ', 2)",
    "mariadb": "substring_index(name, ' ', -1)",
}


@pytest.fixture(params=["one database", "two databases"])
def stage(request, database, new_database, raw):
    other = database if request.param == "one database" else new_database(database.engine_id)
    with dual.staged(database, other, raw) as made:
        yield made


@pytest.fixture
def users(stage):
    told = []
    pair = whimbrel.dual_write(
        stage.Old, stage.New, dual.MAPPING, name="users", back=dual.BACK, tell=told.append
    )
    pair.told = told
    for name in ("Ada Lovelace", "Grace Hopper", "Barbara Liskov"):
        stage.Old(name=name, amount=Decimal("1.5")).save()
    yield pair
    pair.close()


def spoil(stage):
    """Make one row another one, one missing, and one too many."""
    stage.raw_new.execute("UPDATE new_user SET last_name = 'Secret' WHERE first_name = 'Ada'")
    stage.raw_new.execute("DELETE FROM new_user WHERE first_name = 'Grace'")
    stage.raw_new.execute(
        "INSERT INTO new_user (id, first_name, last_name) VALUES (99, 'No', 'Body')"
    )


def test_shadow_reads_count_what_differs_and_hide_the_values(stage, users):
    users.shadow(1.0)
    stage.Old.query().all()
    users.finish_shadow()
    equal = users.metrics.snapshot()
    spoil(stage)
    found = stage.Old.query().all()
    users.finish_shadow()
    counted = users.metrics.snapshot()

    kept = {one.key: (one.missing, dict(one.fields)) for one in counted.first_mismatches}
    told = [one for one in users.told if isinstance(one, events.ShadowDiffered)]
    assert (3, 3, 0, 0) == (equal.reads, equal.compared, equal.mismatches, equal.shadow_errors)
    assert 3 == len(found)
    assert (6, 2, 0) == (counted.compared, counted.mismatches, counted.shadow_errors)
    assert {'{"id": 1}': (False, {"last_name": None}), '{"id": 2}': (True, {})} == kept
    assert {("last_name",), ()} == {one.fields for one in told}
    assert "Secret" not in str(counted)


def test_shadow_reads_show_values_if_they_may(stage, users):
    spoil(stage)
    users.shadow(1.0, show_values=True)
    stage.Old.find_one(1)
    users.finish_shadow()

    (kept,) = users.metrics.snapshot().first_mismatches
    assert {"last_name": ("Lovelace", "Secret")} == kept.fields


def test_a_shadow_that_fails_is_counted_and_nobody_hears_of_it(stage, users):
    users.shadow(1.0)
    stage.raw_new.execute("ALTER TABLE new_user RENAME TO elsewhere")

    found = stage.Old.query().all()
    users.finish_shadow()

    counted = users.metrics.snapshot()
    assert (3, 3, 0) == (len(found), counted.shadow_errors, counted.mismatches)


def test_what_waits_in_the_outbox_is_no_mismatch(stage, users):
    users.shadow(1.0)
    users.off()
    ada = stage.Old.find_one(1)
    users.finish_shadow()
    ada.name = "Ada Byron"
    ada.save()
    stage.Old.query().all()
    users.finish_shadow()

    counted = users.metrics.snapshot()
    assert 0 == counted.mismatches
    assert counted.behind > 0


def test_without_a_rate_nothing_is_compared(stage, users):
    users.shadow(1.0)
    users.shadow(0)
    stage.Old.query().all()

    with pytest.raises(errors.UsageError, match="no share of reads"):
        users.shadow(2)
    assert 0 == users.metrics.snapshot().reads


def test_reconciling_reads_both_sides_through_the_mapping_and_repairs(stage, users):
    spoil(stage)

    found = users.reconcile()
    before = stage.new()
    repaired = users.reconcile(repair=True)
    again = users.reconcile()

    assert (3, 1, 1, 1, 0, 3) == (
        found.rows, found.different, found.missing, found.extra, found.repaired, found.left
    )  # fmt: skip
    assert 3 == len(before)
    assert (3, 0, True) == (repaired.repaired, repaired.left, repaired.equal)
    assert (True, 0) == (again.equal, again.repaired)
    assert stage.old() == stage.new()


def test_reconciling_inside_the_databases_takes_expressions(stage, users):
    spoil(stage)
    ends = (stage.old_database.url, stage.new_database.url)
    said = {
        "first_name": FIRST[stage.old_database.kind],
        "last_name": LAST[stage.old_database.kind],
    }

    with pytest.raises(errors.UsageError, match="what functions make"):
        users.reconcile(databases=ends)
    found = users.reconcile(databases=ends, expressions=said)
    repaired = users.reconcile(databases=ends, expressions=said, repair=True)

    assert (3, 1, 1, 1, 3) == (
        found.rows, found.different, found.missing, found.extra, found.left
    )  # fmt: skip
    assert (3, 0) == (repaired.repaired, repaired.left)
    assert stage.old() == stage.new()


def test_what_the_leading_side_has_is_what_is_right(stage, users):
    users.lead("new")
    spoil(stage)

    repaired = users.reconcile(repair=True)

    assert repaired.equal
    assert ["Ada Secret", "Barbara Liskov", "No Body"] == sorted(row[1] for row in stage.old())
    assert stage.old() == stage.new()
