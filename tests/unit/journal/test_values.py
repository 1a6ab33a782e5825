"""Values of the drivers, written as text and read back: the same type, every digit."""

from __future__ import annotations

import collections
import datetime as dt
import ipaddress
import json
import math
import uuid
import zoneinfo
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types import multirange
from psycopg.types import range as ranges

from whimbrel import errors
from whimbrel.journal import values

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
UTC = dt.UTC

EXACT = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**200),
    0.1,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    "",
    "naïve ☕ 北京 \N{SNAKE}",
    "quotes \" ' \\ and \x00 and \x1f and \u2028",
    "half of a pair \ud83d",
    '{"decimal": "1"}',
    b"",
    bytes(range(256)),
    Decimal("12345678901234567.1234567891"),
    Decimal("1.10"),
    Decimal("-0"),
    Decimal("1E+400"),
    Decimal("Infinity"),
    dt.date(1, 1, 1),
    dt.date(9999, 12, 31),
    dt.datetime(2024, 2, 29, 23, 59, 59, 999999),
    dt.datetime(2024, 1, 1),
    dt.datetime(2024, 1, 1, tzinfo=UTC),
    dt.datetime(1890, 1, 1, tzinfo=dt.timezone(dt.timedelta(minutes=53, seconds=28))),
    dt.time(0, 0),
    dt.time(23, 59, 59, 1),
    dt.time(12, 0, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
    dt.timedelta(days=-1, seconds=1, microseconds=1),
    dt.timedelta.max,
    uuid.UUID("12345678-1234-5678-1234-567812345678"),
    ipaddress.ip_address("10.0.0.1"),
    ipaddress.ip_interface("10.0.0.1/8"),
    ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_address("::1"),
    ipaddress.ip_interface("fe80::1/64"),
    ipaddress.ip_network("fe80::/10"),
    (),
    [],
    {},
    (1, [2, (3, [])], {"a": {"list": [1]}}),
    {"decimal": "1.10"},
    {1: "int key", "1": "text key", None: (b"x",)},
    [(1, "a", Decimal("1.0")), (2, None, b"\x00")],
]


@pytest.mark.parametrize("value", EXACT, ids=repr)
def test_a_value_comes_back_as_it_was(value):
    back = values.load(values.dump(value))

    assert value == back
    assert repr(value) == repr(back)
    assert type(value) is type(back)


def test_numbers_that_json_does_not_know_come_back():
    back = values.load(values.dump([math.inf, -math.inf, math.nan, Decimal("NaN")]))

    assert [math.inf, -math.inf] == back[:2]
    assert math.isnan(back[2])
    assert back[3].is_nan()


def test_a_decimal_keeps_its_trailing_zeros():
    back = values.load(values.dump(Decimal("1.1000")))

    assert "1.1000" == str(back)


@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize("zone", [BERLIN, None], ids=["Berlin", "naive"])
def test_the_hour_that_happens_twice_keeps_its_zone_and_its_turn(zone, fold):
    moment = dt.datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold)

    back = values.load(values.dump(moment))

    assert (moment.utcoffset(), fold) == (back.utcoffset(), back.fold)
    assert zone is back.tzinfo


def test_a_time_of_day_keeps_its_zone():
    moment = dt.time(2, 30, tzinfo=BERLIN, fold=1)

    back = values.load(values.dump(moment))

    assert (moment, BERLIN, 1) == (back, back.tzinfo, back.fold)


def test_the_text_is_json_in_ascii():
    text = values.dump(("北京", math.nan, Decimal("1")))

    assert text.isascii()
    assert 3 == len(json.loads(text, parse_constant=pytest.fail))


NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.ip_addresses(),
    lambda inside: (
        st.lists(inside)
        | st.lists(inside).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inside)
    ),
    max_leaves=10,
)


@given(NESTED)
def test_any_nesting_of_values_comes_back(value):
    back = values.load(values.dump(value))

    assert value == back
    assert repr(value) == repr(back)


@pytest.mark.parametrize(
    "value",
    [
        ranges.Range(1, 5),
        [(1, multirange.Multirange([ranges.Range(1, 2)]))],
        memoryview(b"x"),
        object(),
        collections.namedtuple("Point", "x y")(1, 2),
        dt.datetime(2024, 1, 1, tzinfo=type("Odd", (dt.tzinfo,), {})()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_would_come_back_different_is_refused(value):
    with pytest.raises(errors.ValueNotStorable) as refused:
        values.dump(value)

    assert "cannot be kept in the journal exactly" in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"later": 1}', '{"decimal": "x"}', '{"datetime": ["x", null, 0]}', "{}"],
)
def test_a_text_of_another_version_is_refused_with_its_beginning(text):
    with pytest.raises(errors.ValueNotReadable) as refused:
        values.load(text)

    assert text in str(refused.value)
    assert refused.value.cause
