from __future__ import annotations

from decimal import Decimal

import pytest

from whimbrel import errors
from whimbrel.engines.forms import Tolerance
from whimbrel.proof import wishes


def test_tables_are_named_alone_or_in_pairs() -> None:
    assert {"a": "a", "b": "c", "d": "d"} == wishes.tables(["a, b=c", "d"])


def test_a_table_is_named_once() -> None:
    with pytest.raises(errors.UsageError, match="'a' is named twice"):
        wishes.tables(["a", "a=b"])


def test_columns_are_names_and_expressions() -> None:
    said = ["orders: id, total=price * (n + 1), name=coalesce(a, 'x=y, z'), *"]

    expected = {
        "id": "id",
        "total": "price * (n + 1)",
        "name": "coalesce(a, 'x=y, z')",
        "*": "*",
    }
    assert {"orders": expected} == wishes.columns(said)


def test_comparisons_are_no_pairs() -> None:
    found = wishes.columns(["t: a <= b, (a = b) = same, a::text = c"])

    assert {"a <= b": "a <= b", "(a = b)": "same", "a::text": "c"} == found["t"]


def test_the_only_table_need_not_be_said() -> None:
    assert {"orders": {"a": "b"}} == wishes.columns(["a=b"], table="orders")
    assert {"orders": ("a > 1", "a > 1")} == wishes.wheres(["a > 1"], [], table="orders")
    with pytest.raises(errors.UsageError, match="for which table"):
        wishes.columns(["a=b"])


def test_a_condition_may_differ_in_the_target() -> None:
    found = wishes.wheres(["t: a > 1"], ["t: b > '2:3'"])

    assert {"t": ("a > 1", "b > '2:3'")} == found


def test_one_side_alone_is_refused() -> None:
    with pytest.raises(errors.UsageError, match="one side only"):
        wishes.tables(["a="])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.01", Tolerance(absolute=Decimal("0.01"))),
        ("1e-9", Tolerance(absolute=Decimal("1e-9"))),
        ("0.1%", Tolerance(relative=Decimal("0.001"))),
    ],
)
def test_tolerances_are_amounts_or_shares(text: str, expected: Tolerance) -> None:
    assert {"orders": {"price": expected}} == wishes.tolerances([f"orders.price={text}"])


@pytest.mark.parametrize("text", ["x", "-1", "NaN", ""])
def test_nothing_else_is_a_tolerance(text: str) -> None:
    with pytest.raises(errors.UsageError, match="is no tolerance"):
        wishes.tolerance(text)


@pytest.mark.parametrize(("text", "expected"), [("5%", 0.05), ("10000", 10000), ("10,000", 10000)])
def test_samples_are_shares_or_rows(text: str, expected: float) -> None:
    assert expected == wishes.sample(text)


@pytest.mark.parametrize("text", ["0", "-5", "100%", "0%", "many", ""])
def test_nothing_else_is_a_sample(text: str) -> None:
    with pytest.raises(errors.UsageError, match="is no sample"):
        wishes.sample(text)
