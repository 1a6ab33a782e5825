"""Charts: what they draw, what they say in words, and the numbers beside them."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import pytest

from tests.unit.reports import samples
from whimbrel.reports import charts
from whimbrel.reports import report as reports


def drawn(report):
    return {chart.id: chart for chart in charts.all_of(report)}


def widths(chart, kind):
    found = ET.fromstring(chart.svg).iter("rect")
    return [
        float(rect.get("width").rstrip("%")) for rect in found if rect.get("class") == f"k-{kind}"
    ]


@pytest.mark.parametrize("name", samples.ALL)
def test_every_chart_is_well_formed_and_has_a_text_alternative(name):
    for chart in charts.all_of(samples.ALL[name]):
        svg = ET.fromstring(chart.svg)
        title, described = svg.get("aria-labelledby").split()

        assert "img" == svg.get("role")
        assert chart.title == svg.find(f"title[@id='{title}']").text
        assert svg.find(f"desc[@id='{described}']").text
        assert chart.rows
        assert {len(chart.heads)} == {len(row) for row in chart.rows}


def test_rows_are_drawn_by_their_outcome():
    chart = drawn(samples.DIFFERENT)["outcomes"]

    customer = next(row for row in chart.rows if row[0] == "customer")

    assert [
        "", "equal", "changed", "only in source", "only in target", "moving", "not compared", "rows"
    ] == list(chart.heads)  # fmt: skip
    assert ("customer", "120,388", "9", "3", "2", "0", "0", "120,402") == customer


def test_one_row_among_millions_is_wide_enough_to_be_seen():
    table = dataclasses.replace(samples.equal("t", 100_000_000, milliseconds=1), changed=1)

    chart = drawn(dataclasses.replace(samples.EQUAL, tables=(table,)))["outcomes"]

    assert 0.5 < widths(chart, "changed")[0] < 1
    assert 100 == pytest.approx(widths(chart, "changed")[0] + widths(chart, "equal")[0], abs=0.1)


def test_tables_that_differ_come_first_and_the_rest_is_counted():
    many = [samples.equal(f"t{n}", n + 1, milliseconds=1) for n in range(40)]

    chart = drawn(dataclasses.replace(samples.EQUAL, tables=(*many, samples.GONE)))["outcomes"]

    assert "old_prices" == chart.rows[0][0]
    assert 41 == len(chart.rows)
    assert "and 17 more in the table of numbers" == chart.left_out


def test_names_are_text():
    name = '<b>&"</b>' + "x" * 40

    chart = drawn(
        dataclasses.replace(samples.EQUAL, tables=(samples.equal(name, 1, milliseconds=1),))
    )["outcomes"]

    assert "<b>" not in chart.svg
    assert name in {element.text for element in ET.fromstring(chart.svg).iter("title")} | {
        text.split(":")[0] for text in ET.fromstring(chart.svg).itertext()
    }


def test_speed_is_spread_over_the_time_that_the_work_took():
    points = tuple(reports.Point(at=1_000 * n, took=1_000, rows=100 * n) for n in range(1, 5))
    report = dataclasses.replace(
        samples.MIGRATED, throughput=(reports.Throughput(title="t", points=points),)
    )

    chart = drawn(report)["speed1"]

    assert [
        ("0 s", "1.0 s", "100", "100"),
        ("1.0 s", "2.0 s", "200", "200"),
        ("2.0 s", "3.0 s", "300", "300"),
        ("3.0 s", "4.0 s", "400", "400"),
    ] == list(chart.rows)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_little_work_has_no_speed(count):
    points = tuple(reports.Point(at=n, took=1, rows=5) for n in range(count))
    report = dataclasses.replace(
        samples.MIGRATED, throughput=(reports.Throughput(title="t", points=points),)
    )

    assert "speed1" not in drawn(report)


@pytest.mark.parametrize(
    ("number", "top"), [(0, 0), (1, 1), (7, 8), (10, 10), (11, 12), (10_334, 12_000), (999, 1_000)]
)
def test_the_top_of_a_scale_is_easily_read(number, top):
    assert top == charts._round_up(number)


def test_nulls_and_lengths_stand_beside_each_other():
    found = drawn(samples.MIGRATED)

    assert ("customer.last_name", "88,100 of 90,000", "1,204 of 90,000") in found["nulls"].rows
    assert ("customer.first_name", "not there", "2 of 90,000") in found["nulls"].rows
    assert (
        "customer.last_name",
        "2 to 40, 9 on average",
        "1 to 64, 11 on average",
    ) in found["lengths"].rows
