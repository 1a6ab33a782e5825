"""Rows that were put aside, as far as no database is needed: ids, choices, plain values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from whimbrel import errors
from whimbrel.journal import parts
from whimbrel.journal import rejects as journal
from whimbrel.transfers import rejects


def one(**changes: object) -> journal.Kept:
    reject = parts.Reject(
        table="orders", key=(7, "x"), reason="too long", row={"id": 7, "note": None}, rule="length"
    )
    return journal.Kept(
        place=(318, 2, 1, 4), reject=reject, rejected_at="2026-01-01T00:00:00.000000Z", **changes
    )


def test_a_row_is_called_by_its_place_in_the_journal():
    assert "318.2.1.4" == one().id
    assert one().place == journal.read_id(one().id)


@pytest.mark.parametrize("text", ["", "7", "1.2.3", "1.2.3.x", "1.2.3.-4", "1.2.3.4.5", "1.2.3."])
def test_what_is_no_id_is_refused_with_the_way_to_find_one(text):
    with pytest.raises(errors.UsageError, match=r"whimbrel rejects show"):
        rejects.Choice(only=(text,)).places()


def test_a_row_has_plain_values_for_programs():
    reject = parts.Reject(
        table="orders", key=(Decimal("1.50"),), reason="r", row={"a": Decimal("2.0"), "b": True}
    )
    found = journal.Kept(place=(1, 2, 3, 4), reject=reject, rejected_at="then")

    assert {
        "reject": "1.2.3.4",
        "run": 1,
        "table": "orders",
        "key": ["1.50"],
        "reason": "r",
        "rule": None,
        "rejected_at": "then",
        "replayed_at": None,
        "values": {"a": "2.0", "b": True},
    } == rejects.as_json(found)


def test_a_listing_counts_what_waits_and_not_what_a_later_run_has_filled_anew():
    def count(rows: int, replayed: int, anew: int | None = None) -> journal.Count:
        return journal.Count(
            run=1, table="a", reason="r", rule=None, rows=rows, replayed=replayed, anew=anew
        )

    found = rejects.Listing(database="sqlite:///a.db", counts=(count(5, 2), count(9, 0, anew=2)))

    assert (14, 3) == (found.rows, found.waiting)


def test_what_was_written_and_what_was_left_is_told():
    done = rejects.Replayed(
        database="sqlite:///a.db", written=(one(),), left=(rejects.Left(kept=one(), why="no"),)
    )

    assert not done.ok
    assert {
        "database": "sqlite:///a.db",
        "written": ["318.2.1.4"],
        "left": [{"reject": "318.2.1.4", "table": "orders", "why": "no"}],
    } == done.as_json()
