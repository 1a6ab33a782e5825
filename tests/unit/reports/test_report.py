"""What a report comes to: its verdict in a word, a sentence and numbers, and its plain values."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from tests.unit.reports import samples
from whimbrel.reports import report as reports

REFUSED = dataclasses.replace(
    samples.MIGRATED, migrations=(), rejected=0, rejects=(), stopped="1 of 3 rules does not hold"
)
CLEAN = dataclasses.replace(
    samples.MIGRATED,
    rejected=0,
    migrations=(dataclasses.replace(samples.MIGRATED.migrations[0], rejected=0),),
)


def compared(*tables, **changes):
    return dataclasses.replace(samples.EQUAL, tables=tables, **changes)


EQUAL = samples.equal("product", 10, milliseconds=5)
SAMPLED = dataclasses.replace(EQUAL, sample="5 %")
BROKEN = reports.Validation(rule="a is unique", passed=False)
WARNED = reports.Validation(rule="a is short", passed=False, severity="warning")


@pytest.mark.parametrize(
    ("report", "tone", "word", "says"),
    [
        (samples.EQUAL, "good", "Equal", "all 2 tables, row by row"),
        (compared(EQUAL), "good", "Equal", "the one table, row by row"),
        (samples.DIFFERENT, "bad", "Different", "2 of 6 tables"),
        (
            compared(EQUAL, samples.ORDERS),
            "warning",
            "Still moving",
            "1 of 2 tables kept changing while being compared",
        ),
        (
            compared(EQUAL, samples.ODD),
            "warning",
            "Not proven",
            "1 of 2 tables could not be compared",
        ),
        (compared(), "warning", "Not proven", "nothing was compared"),
        (
            compared(EQUAL, SAMPLED),
            "warning",
            "Equal in a sample",
            "no difference in what was looked at: 1 of 2 tables by a sample",
        ),
        (compared(EQUAL, validation=(BROKEN,)), "bad", "Rules broken", "1 rule of 1"),
        (compared(EQUAL, validation=(WARNED,)), "good", "Equal", "the one table, row by row"),
        (compared(EQUAL, stopped="Ctrl-C"), "bad", "Stopped", "the comparison was not finished"),
        (CLEAN, "good", "Done", "1 migration applied"),
        (
            samples.MIGRATED,
            "warning",
            "Done with rejects",
            "1 migration applied, but 2 rows were rejected",
        ),
        (samples.FAILED, "bad", "Failed", "20260504_090000_split_names, at step 2"),
        (REFUSED, "bad", "Stopped", "1 of 3 rules does not hold"),
    ],
)
def test_a_verdict_says_what_all_of_it_comes_to(report, tone, word, says):
    verdict = report.verdict

    assert (tone, word, says) == (verdict.tone, verdict.word, verdict.says)


def test_a_verdict_has_its_numbers():
    assert {"tables compared": 5, "rows compared": 3_133_543, "rows that differ": 826} == {
        figure.label: figure.number for figure in samples.DIFFERENT.verdict.figures
    }
    assert {"migrations done": 1, "steps": 2, "rows changed": 999_998, "rows rejected": 2} == {
        figure.label: figure.number for figure in samples.MIGRATED.verdict.figures
    }


@pytest.mark.parametrize("name", samples.ALL)
def test_plain_values_are_what_json_can_hold(name):
    values = samples.ALL[name].as_json()

    assert values == json.loads(json.dumps(values))


def test_outcomes_of_rules_are_taken_as_plain_values():
    from whimbrel.proof import rules

    outcome = rules.Outcome(
        rule="one address each", check="unique", says="customer.email is unique", when="after",
        severity="error", passed=False, table="customer", columns=("email",), rows=10, offending=2,
        found="2 of 10 rows", message="ask Ana", first=({"id": 7, "email": "a@b"},), seconds=0.25,
    )  # fmt: skip

    (found,) = reports.validations([outcome.as_json()])

    assert found == reports.Validation(
        rule="one address each",
        passed=False,
        when="after",
        severity="error",
        table="customer",
        says="ask Ana: 2 of 10 rows",
        rows=2,
        examples=("id 7  email 'a@b'",),
    )


def test_what_a_repair_did_and_left_is_listed_by_table():
    from whimbrel.proof import repair, repair_rounds
    from whimbrel.reports import verification

    problem = repair_rounds.Problem(table="b", key={"id": "7"}, action="delete", why="it is used")
    done = repair.Repaired(
        plan=None, after=None, equal=False, passes=1, started_at="", seconds=0.0,
        tables=(
            repair.TableRepair(table="a", inserted=3, updated=1),
            repair.TableRepair(table="b", deleted=2, refused=1, problems=(problem,)),
        ),
    )  # fmt: skip

    assert [
        ("a", "inserted", 3, ""),
        ("a", "updated", 1, ""),
        ("b", "deleted", 2, ""),
        ("b", "left: not safe to do", 1, "it is used"),
    ] == [(one.table, one.action, one.rows, one.says) for one in verification.repairs(done)]


def test_the_rate_of_a_table_is_that_of_its_longer_side():
    assert 96_320 == samples.CUSTOMER.rate
    assert dataclasses.replace(samples.CUSTOMER, milliseconds=0).rate is None


def test_nothing_that_draws_is_loaded_before_something_is_drawn():
    code = (
        "import sys; from whimbrel.reports import recording, runs, store, verification; "
        "import whimbrel.reports; whimbrel.reports.Recording; "
        "sys.exit('jinja2' in sys.modules)"
    )

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
