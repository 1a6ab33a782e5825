"""The report of a transfer, put together from values made by hand; and what it comes to."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.reports import samples
from whimbrel import events, tables
from whimbrel.engines import base
from whimbrel.journal import parts
from whimbrel.journal import rejects as putaside
from whimbrel.reports import report as reports
from whimbrel.reports import transfer as reported
from whimbrel.rows import changed
from whimbrel.schema import losses, made
from whimbrel.transfers import course, flows
from whimbrel.transfers import plan as planning
from whimbrel.transfers import transfer as transferring

SECRET = "s3cr3t"


def place(name: str) -> planning.Place:
    return planning.Place(
        url=f"scheme://app:{SECRET}@db1/{name}", engine="one", title="One", version="1.2"
    )


def flow(name: str) -> planning.PlannedFlow:
    return planning.PlannedFlow(
        flow=flows.Flow(name=name, target=name, table=name), source=None, columns=(), rows=10
    )


def action(kind: str, table: str, name: str) -> made.Action:
    return made.Action(
        kind=kind, table=table, name=name, statements=(base.Statement(sql=f"CREATE {name}"),)
    )


ORDERS = made.MadeTable(
    source="orders",
    target=tables.Table(name="orders", columns=()),
    before=(action("table", "orders", "orders"),),
    after=(action("index", "orders", "ix_orders_at"), action("index", "orders", "ix_orders_n")),
)

PLAN = planning.TransferPlan(
    source=place("old"),
    target=place("new"),
    flows=(flow("orders"),),
    schema=made.Schema(
        tables=(ORDERS,),
        not_converted=(
            made.NotConverted(
                kind="trigger", name="t", table="orders", why="code", text="CREATE TRIGGER t"
            ),
        ),
    ),
    losses=(
        losses.Loss(
            table="orders",
            column="at",
            what="zero date",
            verdict=losses.Verdict.ACCEPTED,
            says="12 values of orders.at are zero dates",
            rows=12,
            keys=((("7",), "0000-00-00"),),
        ),
        losses.Loss(
            table="orders",
            column="state",
            what="no longer an enumeration",
            verdict=losses.Verdict.NOTED,
            says="it is a text from now on",
        ),
    ),
)


def filled(**facts: object) -> course.Filled:
    return course.Filled(name="orders", source="orders", target="orders", **facts)


def transfer(one: course.Filled, **facts: object) -> transferring.Transfer:
    given = {
        "plan": PLAN,
        "tables": (one,),
        "run": 7,
        "resumed": False,
        "position": "0/1A",
        "kind": "a snapshot of all sessions",
        "started_at": "2026-05-04T09:12:00.000000Z",
        "seconds": 2.5,
        "copy_seconds": 2.0,
    }
    return transferring.Transfer(**{**given, **facts})


def report(one: course.Filled, **facts: object) -> reports.Report:
    return reported.from_transfer(
        transfer(one, **facts),
        command=f"whimbrel transfer scheme://app:{SECRET}@db1/old new",
        by="ana@web-3",
    )


def test_rows_are_told_by_what_became_of_them():
    found = report(
        filled(rows=90, read=100, rejected=3, dropped=7, before=40, size=999, chunks=2, seconds=0.5)
    )

    (one,) = found.copied
    assert (100, 90, 3, 7, 40, 2) == (
        one.read, one.written, one.rejected, one.dropped, one.before, one.chunks,
    )  # fmt: skip
    assert 100 == one.rate


def test_what_was_made_is_told_by_kind():
    found = report(filled(rows=1, read=1))

    assert [("table", ("orders",)), ("index", ("orders: ix_orders_at", "orders: ix_orders_n"))] == [
        (one.kind, one.names) for one in found.made
    ]


def test_what_is_not_converted_is_told_with_its_text():
    (one,) = report(filled()).not_converted

    assert ("trigger", "t", "orders", "code", "CREATE TRIGGER t") == (
        one.kind, one.name, one.table, one.why, one.text,
    )  # fmt: skip


def test_losses_say_who_accepted_them_and_the_first_rows():
    accepted, noted = report(filled()).losses

    (first,) = accepted.examples
    assert ("accepted", "by a rule", 12) == (accepted.verdict, accepted.accepted, accepted.values)
    assert ("7", "0000-00-00") == (first.key[0].text, first.value.text)
    assert ("noted", "", None) == (noted.verdict, noted.accepted, noted.values)


def test_cleansed_values_have_samples_before_and_after():
    trimmed = changed.Cleansed(column="name", rule="trim", values=31, samples=((" a", "a"),))
    emptied = changed.Cleansed(column="name", rule="empty_to_null", values=2, samples=(("", None),))

    one, other = report(
        filled(cleansed={("name", "trim"): trimmed, ("name", "empty_to_null"): emptied})
    ).cleansed

    assert ("orders", "name", "trim", 31) == (one.table, one.column, one.rule, one.values)
    assert (" a", "a") == (one.examples[0].source.text, one.examples[0].target.text)
    assert other.examples[0].target.null


def test_rejects_are_counted_by_reason_and_shown_with_rule_and_values():
    reject = parts.Reject(
        table="orders", key=("7",), reason="it is NULL", row={"id": "7", "a": None}, rule="required"
    )
    count = putaside.Count(
        run=7, table="orders", reason="it is NULL", rule="required", rows=3, replayed=0
    )

    found = report(filled(rejected=3, read=10, rows=7), rejects=(reject,), reasons=(count,))

    assert 3 == found.rejected
    assert ("required", "7", True) == (
        found.rejects[0].rule, found.rejects[0].key[0].text, found.rejects[0].row[1].value.null,
    )  # fmt: skip
    assert [("orders", "it is NULL", 3, "required")] == [
        (one.table, one.reason, one.rows, one.rule) for one in found.reasons
    ]
    assert "Done with rejects" == found.verdict.word


def test_what_was_not_compared_says_so():
    plan = dataclasses.replace(PLAN, options=planning.Options(verify=False))

    found = report(filled(rows=10, read=10), plan=plan)

    (one,) = found.tables
    assert (reports.Outcome.NOT_COMPARED, 10, 10) == (
        one.outcome, one.rows_source, one.rows_target,
    )  # fmt: skip
    assert "nothing was compared" in one.why
    assert ("warning", "Not proven") == (found.verdict.tone, found.verdict.word)


def test_what_the_target_refused_is_told_with_its_statement():
    view = made.refused(action("view", "large", "large"), "no such function")

    found = report(filled(rows=1, read=1), not_made=(view,))

    (one,) = found.not_made
    assert ("view", "large", "the target refused it: no such function", "CREATE large") == (
        one.kind, one.name, one.why, one.text,
    )  # fmt: skip
    assert ("warning", "Not all of it", "1 object was refused by the target, and is not there") == (
        found.verdict.tone, found.verdict.word, found.verdict.says,
    )  # fmt: skip


def test_the_moment_that_was_copied_is_told_without_a_comparison():
    source, target = report(filled()).databases

    assert ("source", "0/1A", "a snapshot of all sessions") == (
        source.role, source.position, source.snapshot,
    )  # fmt: skip
    assert ("target", "") == (target.role, target.position)


def test_no_password_is_in_it():
    assert SECRET not in str(report(filled()).as_json())


def test_an_earlier_attempt_is_noted():
    found = report(filled(rows=9, before=4), resumed=True)

    assert "an earlier attempt had copied 4 of the rows; this one went on with it" in found.notes


def test_a_schema_without_rows_is_called_so():
    plan = dataclasses.replace(PLAN, options=planning.Options(data=False, verify=False))

    found = report(filled(), plan=plan, tables=())

    assert ((), "Schema made") == (found.copied, found.verdict.word)


# --- verdicts -------------------------------------------------------------------------------


def test_rejects_alone_are_no_difference_that_nobody_knows_of():
    verdict = samples.TRANSFERRED.verdict

    assert ("warning", "Done with rejects", "3 rows were rejected") == (
        verdict.tone, verdict.word, verdict.says,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"changed": 1}, {"only_target": 1}, {"only_source": 4}, {"why": "columns", "only_source": 0}],
    ids=str,
)
def test_more_than_the_rejects_is_a_difference(changes):
    table = dataclasses.replace(samples.TRANSFERRED.tables[0], **changes)

    verdict = dataclasses.replace(
        samples.TRANSFERRED, tables=(table, *samples.TRANSFERRED.tables[1:])
    ).verdict

    assert ("bad", "Different") == (verdict.tone, verdict.word)


def test_all_tables_equal_is_good():
    assert ("good", "Transferred") == (
        samples.MOVED.verdict.tone, samples.MOVED.verdict.word,
    )  # fmt: skip


def test_tables_and_columns_that_were_not_compared_are_no_proof():
    table, *others = samples.MOVED.tables
    left = dataclasses.replace(table, outcome=reports.Outcome.NOT_COMPARED)
    but_one = dataclasses.replace(table, columns_left_out=("note",))

    words = [
        dataclasses.replace(samples.MOVED, tables=(one, table, *others)).verdict.word
        for one in (table, left, but_one)
    ]

    assert ["Transferred", "Proven in part", "Proven in part"] == words


def test_another_number_of_rows_than_was_written_is_bad():
    verdict = dataclasses.replace(samples.MOVED, miscounted=("'a' has 1 row",)).verdict

    assert ("bad", "Miscounted", "'a' has 1 row") == (verdict.tone, verdict.word, verdict.says)


# --- speed ----------------------------------------------------------------------------------


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def seconds(self) -> float:
        return self.at


def test_the_speed_of_copying_and_of_comparing_are_told_apart():
    clock = Clock()
    speed = reported.Speed(clock)
    speed(events.TransferStarted(source="a", target="b", tables=(), resumed=False))
    for _ in range(4):
        clock.at += 1
        speed(events.ChunkCopied(table="a", chunk=1, rows=10, rejected=0, size=1, seconds=1.0))
    speed(events.VerifyStarted(source="a", target="b", tables=("a",)))
    for _ in range(3):
        clock.at += 1
        speed(events.RowsCompared(table="a", rows=5, total=40))

    copying, comparing = speed.throughput

    assert ("copying", [1000, 2000, 3000, 4000]) == (
        copying.title, [point.at for point in copying.points],
    )  # fmt: skip
    assert ("comparing", 3) == (comparing.title, len(comparing.points))


def test_too_little_to_be_drawn_is_no_speed():
    assert () == reported.Speed(Clock()).throughput
