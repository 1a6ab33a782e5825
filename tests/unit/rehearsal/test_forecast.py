"""What a forecast makes of what was measured: scaled, with a range, and who waits how long."""

from __future__ import annotations

import pytest

from whimbrel.migrations import plan as plans
from whimbrel.rehearsal import forecast
from whimbrel.rehearsal.forecast import Expected, Measured, StepForecast


def step(words: str, kind: str = "ddl", work: str = "nothing") -> plans.PlannedStep:
    """Return a planned step."""
    return plans.PlannedStep(
        position=1, kind=kind, words=words, statements=(), lock="", reversible=True, work=work
    )


def measured(seconds: float, volume: int, each: float | None = None) -> Measured:
    """Return a step of a rehearsal."""
    return Measured(
        migration="m",
        fingerprint="f",
        position=1,
        what="",
        microseconds=round(seconds * 1e6),
        volume=volume,
        picoseconds=None if each is None else round(each * 1e12),
    )


def test_what_only_changes_the_catalog_takes_the_same_for_any_number_of_rows():
    found = forecast._grown(measured(0.2, 1_000), "add column", step("add column"), 1_000_000)

    assert 0.2 == found.likely
    assert found.least < 0.2 < found.most


def test_rows_in_batches_grow_by_what_each_more_row_took():
    backfill = step("backfill t.a", kind="rows")

    found = forecast._grown(measured(2.0, 100_000, 1e-5), "backfill", backfill, 1_000_000)

    assert pytest.approx(2.0 + 900_000 * 1e-5) == found.likely


def test_an_index_grows_a_little_faster_than_its_rows():
    index = step("create index i on t (a)", work="reads")

    found = forecast._grown(measured(1.0, 100_000), "create index", index, 1_000_000)

    assert 11 < found.likely < 13


def test_a_range_is_wider_the_further_away_and_the_briefer_it_was_measured():
    backfill = step("backfill t.a", kind="rows")

    near = forecast._grown(measured(1.0, 1_000), "backfill", backfill, 1_000)
    far = forecast._grown(measured(1.0, 1_000), "backfill", backfill, 100_000)
    brief = forecast._grown(measured(0.01, 1_000), "backfill", backfill, 1_000)

    spreads = [one.most / one.least for one in (near, far, brief)]
    assert sorted(spreads) == spreads


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("add column t.a", "add column"),
        ("backfill t.a where b", "backfill"),
        ("create unique index i on t (a)", "create unique index"),
        ("copy rows of a into b", "copy rows"),
        ("UPDATE t SET a = 1", "sql update t"),
    ],
)
def test_steps_of_one_sort_are_called_alike(words, kind):
    assert kind == forecast.kind_of(words)


def test_in_one_transaction_others_wait_until_its_end():
    second = Expected(least=1, likely=1, most=1, basis="rehearsed")
    given = [
        StepForecast(
            migration="m",
            position=at,
            what="",
            kind="",
            volume=1,
            expected=second,
            waits="writers" if at == 2 else "",
            in_batches=at == 3,
        )
        for at in (1, 2, 3)
    ]

    def windows(*, whole: bool) -> list[bool]:
        migration = plans.MigrationPlan(
            id="m", direction="up", doc="", whole=whole, rebuilds=False, reversible=True, steps=()
        )
        plan = plans.Plan(database="", engine="", direction="up", migrations=(migration,))
        return [one.window for one in forecast._windowed(given, plan)]

    assert [False, True, True] == windows(whole=True)
    assert [False, True, False] == windows(whole=False)


def test_what_stands_in_a_report_is_read_again():
    one = measured(1.5, 10, 0.1)

    assert one == Measured.read(one.as_json())
    assert Measured.read({"migration": "m"}) is None
