"""How hard a table is, and why: the hardest reason decides, and each is told."""

from __future__ import annotations

import dataclasses

from whimbrel import tables
from whimbrel.rehearsal import assessment, grading
from whimbrel.rehearsal.assessment import Grade
from whimbrel.schema import dependencies, losses, made
from whimbrel.transfers import plan as planning

PLAIN = assessment.Table(
    name="t", columns=(), rows=10, exact=True, looked_at=10, size=1, index_size=1,
    primary_key=("id",), has_key=True, uniques=0, indexes=0, foreign_keys=0, checks=0, triggers=(),
)  # fmt: skip
NO_GRAPH = dependencies.graph([tables.Table(name="t", columns=())])
PLACE = planning.Place(url="", engine="", title="", version="")


def plan(*found: losses.Loss, lost: tuple[made.NotConverted, ...] = ()) -> planning.TransferPlan:
    return planning.TransferPlan(
        source=PLACE, target=PLACE, flows=(), losses=found,
        schema=made.Schema(tables=(), not_converted=lost),
    )  # fmt: skip


def loss(verdict: losses.Verdict) -> losses.Loss:
    return losses.Loss(table="t", column="c", what="too long", verdict=verdict, says="too long")


def graded(table=PLAIN, graph=NO_GRAPH, findings=(), pace=None, plan=None):
    reasons = grading.reasons(table, graph, findings, pace, plan)
    return dataclasses.replace(table, reasons=reasons).grade, [one.says for one in reasons]


def test_a_plain_table_is_easy_for_no_reason():
    assert (Grade.EASY, []) == graded()


def test_what_is_refused_is_hard():
    assert (Grade.HARD, ["too long"]) == graded(plan=plan(loss(losses.Verdict.REFUSED)))


def test_a_trigger_that_is_not_converted_is_hard_and_an_option_is_medium():
    lost = tuple(
        made.NotConverted(kind=kind, name="x", table="t", why="")
        for kind in ("table option", "trigger")
    )

    grade, says = graded(plan=plan(lost=lost))

    assert (Grade.HARD, ["not converted: trigger x", "not converted: table option x"]) == (
        grade, says,
    )  # fmt: skip


def test_what_is_only_noted_leaves_a_table_easy_and_is_told():
    grade, says = graded(plan=plan(loss(losses.Verdict.NOTED)))

    assert (Grade.EASY, ["c will be of another kind: too long"]) == (grade, says)


def test_dirty_values_are_medium_and_told_once():
    dirty = assessment.Finding(table="t", column="c", what="too long", rows=1, says="dirty")
    hint = dataclasses.replace(dirty, says="hint", hint=True)

    assert (Grade.MEDIUM, ["dirty"]) == graded(findings=[dirty, hint])
    assert (Grade.HARD, ["too long"]) == graded(
        findings=[dirty], plan=plan(loss(losses.Verdict.REFUSED))
    )


def test_no_key_many_rows_and_a_long_time_are_medium():
    pace = assessment.Pace(
        table="t", rows=1, rows_measured=1, milliseconds_measured=1, written=False,
        expected=3_600_000,
    )  # fmt: skip
    table = dataclasses.replace(PLAIN, has_key=False, rows=20_000_000)

    grade, says = graded(table, pace=pace)

    assert Grade.MEDIUM is grade
    assert ["20,000,000 rows" in says, any("1 h 0 min" in one for one in says)] == [True, True]
    assert any("no key" in one for one in says)
