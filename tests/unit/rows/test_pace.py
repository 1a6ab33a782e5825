"""The size of batches against tables that behave well and badly, the rate, and the hours."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whimbrel import pacing
from whimbrel.engines import base
from whimbrel.rows import pace

Cost = Callable[[int], float]


def sizer(rate: pace.Rate | None = None, **settings: object) -> pace.Sizer:
    return pace.Sizer(pacing.RowsConfig(**settings), rate)


def walked(size: pace.Sizer, cost: Cost, batches: int) -> list[float]:
    """Walk so many batches at that cost; return how long each took."""
    taken = []
    for _ in range(batches):
        rows = size.rows
        taken.append(cost(rows))
        size.done(rows, cost(rows))
    return taken


def linear(rows: int) -> float:
    return rows / 20_000


def with_overhead(rows: int) -> float:
    return 0.05 + rows / 20_000


def n_log_n(rows: int) -> float:
    return rows * max(1, rows.bit_length()) / 200_000


def quadratic(rows: int) -> float:
    return (rows / 7_000) ** 2


every_cost = pytest.mark.parametrize("cost", [linear, with_overhead, n_log_n, quadratic])


# --- settling ---------------------------------------------------------------------------------


@every_cost
def test_batches_grow_to_the_target_in_few_steps_and_stay_there(cost):
    taken = walked(sizer(first_rows=1_000), cost, 40)

    assert all(0.4 <= seconds <= 0.55 for seconds in taken[10:])


@every_cost
def test_growing_overshoots_the_target_by_little(cost):
    taken = walked(sizer(first_rows=10), cost, 40)

    assert max(taken) <= 0.5 * 1.5


@every_cost
def test_a_start_that_is_nine_times_too_large_costs_one_batch_and_does_not_undershoot(cost):
    taken = walked(sizer(first_rows=90_000), cost, 30)

    assert taken[0] > 0.5 * 8
    assert all(seconds <= 0.5 * 1.5 for seconds in taken[1:])
    # Where time grows faster than rows, the first correction goes too far; it is made good soon.
    assert all(seconds >= 0.4 for seconds in taken[8:])


@every_cost
def test_a_server_that_becomes_five_times_slower_is_followed_at_once(cost):
    size = sizer()
    walked(size, cost, 20)

    taken = walked(size, lambda rows: 5 * cost(rows), 20)

    assert taken[0] >= 5 * 0.4
    assert max(taken[2:]) <= 0.6
    assert all(seconds >= 0.38 for seconds in taken[7:])


@every_cost
def test_a_server_that_recovers_is_followed_by_doubling_at_most(cost):
    size = sizer()
    walked(size, lambda rows: 5 * cost(rows), 20)

    sizes = []
    for _ in range(12):
        sizes.append(size.rows)
        size.done(size.rows, cost(size.rows))

    assert all(later <= 2 * earlier for earlier, later in itertools.pairwise(sizes))
    assert 0.4 <= cost(sizes[-1]) <= 0.55


def test_one_slow_batch_is_made_good_within_a_few():
    size = sizer()
    walked(size, linear, 20)
    settled = size.rows

    size.done(settled, 5 * linear(settled))
    slow = size.rows
    walked(size, linear, 6)

    assert slow == pytest.approx(settled / 5, abs=2)
    assert size.rows >= 0.9 * settled


def test_it_does_not_swing_once_it_has_settled():
    size = sizer()
    walked(size, quadratic, 15)

    sizes = [size.rows for _ in range(20) if size.done(size.rows, quadratic(size.rows)) is None]

    assert max(sizes) - min(sizes) <= 0.02 * max(sizes)


# --- the smallest and the largest -------------------------------------------------------------


def test_a_batch_has_at_least_one_row_however_slow_it_is():
    size = sizer(first_rows=3)

    walked(size, lambda rows: 60.0 * rows, 5)

    assert 1 == size.rows


def test_one_row_grows_again_when_rows_become_fast():
    size = sizer(first_rows=1)

    walked(size, linear, 25)

    assert size.rows > 5_000


def test_a_batch_never_has_more_rows_than_the_largest():
    size = sizer(first_rows=5_000, largest_rows=1_000)

    assert 1_000 == size.rows
    walked(size, linear, 5)
    assert 1_000 == size.rows


def test_a_clock_that_shows_no_time_lets_batches_double():
    size = sizer(first_rows=100)

    size.done(100, 0.0)

    assert 200 == size.rows


def test_a_clock_that_goes_back_counts_as_no_time():
    size = sizer(first_rows=100)

    size.done(100, -5.0)

    assert 200 == size.rows


def test_a_batch_without_rows_teaches_nothing():
    size = sizer(first_rows=100)

    size.done(0, 3.0)
    size.bytes_seen(0, 0)

    assert 100 == size.rows


def test_the_short_end_of_a_range_does_not_make_the_next_batch_small():
    size = sizer(first_rows=10_000)

    size.done(7, 0.01)

    assert 10_000 == size.rows


def test_a_slow_batch_makes_the_next_smaller_even_if_it_had_few_rows():
    size = sizer(first_rows=10_000)

    size.done(100, 1.0)

    assert 50 == size.rows


def test_a_resumed_part_goes_on_with_the_size_that_it_had():
    assert 40 == pace.Sizer(pacing.RowsConfig(), first=40).rows
    assert 70 == pace.Sizer(pacing.RowsConfig(first_rows=70), first=None).rows


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["done", "failed", "smaller", "bytes"]),
            st.integers(min_value=0, max_value=10**7),
            st.floats(min_value=0, max_value=1e6),
        ),
        max_size=60,
    )
)
def test_whatever_happens_a_batch_has_between_one_row_and_the_largest(steps):
    size = sizer(largest_rows=5_000)

    for what, rows, seconds in steps:
        before = size.rows
        if what == "done":
            size.done(rows, seconds)
        elif what == "failed":
            size.failed()
            assert size.rows <= max(1, before // 2)
        elif what == "smaller":
            size.smaller()
            assert size.rows <= max(1, before // 2)
        else:
            size.bytes_seen(rows, rows * 300)
        assert 1 <= size.rows <= 5_000


# --- failures, bytes, memory ------------------------------------------------------------------


def test_failures_halve_a_batch_down_to_one_row():
    size = sizer(first_rows=1_000)

    sizes = [size.failed() for _ in range(12)]

    assert [500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1, 1] == sizes


def test_after_failures_batches_grow_again():
    size = sizer(first_rows=1_000)
    for _ in range(10):
        size.failed()

    walked(size, linear, 25)

    assert size.rows > 5_000


def test_a_failed_batch_that_was_smaller_than_planned_is_halved_from_what_it_was():
    size = sizer(first_rows=1_000)

    assert 50 == size.failed(100)
    assert 20 == size.failed(50, to=20)


def test_wide_rows_keep_a_batch_below_its_bytes():
    size = sizer(first_rows=100, batch_bytes=1_000_000)

    size.bytes_seen(100, 100 * 10_000)
    walked(size, linear, 10)

    assert 100 == size.rows


def test_rows_that_become_wider_count_at_once_and_narrower_ones_by_and_by():
    size = sizer(first_rows=10_000, batch_bytes=1_000_000)

    size.bytes_seen(100, 100 * 1_000)
    assert 1_000 == size.rows
    size.bytes_seen(100, 100 * 100_000)
    assert 10 == size.rows
    size.bytes_seen(10, 10 * 1_000)
    assert 10 < size.rows < 20
    for _ in range(60):
        size.bytes_seen(10, 10 * 1_000)
    assert 950 <= size.rows <= 1_000


def test_a_single_row_wider_than_a_batch_is_still_one_row():
    size = sizer(batch_bytes=1_000)

    size.bytes_seen(1, 50_000)

    assert 1 == size.rows


def test_after_memory_was_short_batches_grow_more_slowly_than_after_a_failure():
    short, failed = sizer(first_rows=8_000), sizer(first_rows=8_000)
    short.smaller()
    failed.failed()

    walked(short, linear, 3)
    walked(failed, linear, 3)

    assert short.rows < 5_000 < failed.rows
    walked(short, linear, 40)
    assert short.rows > 8_000


# --- the rate ---------------------------------------------------------------------------------


def driven(rate: pace.Rate, *, rows: int, seconds: float, batches: int) -> float:
    """Move batches that take so long, waiting as told; return the rows per second."""
    now = 1_000.0
    for _ in range(batches):
        now += seconds
        now += rate.spend(rows, now)
    return rows * batches / (now - 1_000.0)


def test_without_a_limit_nothing_waits():
    assert 0.0 == pace.Rate().spend(10**9, 5.0)


def test_the_rate_is_kept_and_the_time_of_the_batches_themselves_counts():
    moved = driven(pace.Rate(1_000), rows=500, seconds=0.2, batches=100)

    assert 1_000 == pytest.approx(moved, rel=0.02)


def test_batches_that_are_slower_than_the_rate_do_not_wait():
    rate = pace.Rate(1_000)

    assert 250 == pytest.approx(driven(rate, rows=500, seconds=2.0, batches=10))


def test_a_long_pause_is_not_made_good_by_a_burst():
    rate = pace.Rate(1_000)
    rate.spend(1_000, 0.0)

    waits = [rate.spend(1_000, 3_600.0) for _ in range(3)]

    assert [0.0, 1.0, 2.0] == waits


def test_workers_share_one_rate():
    rate, total = pace.Rate(1_000), 0.0

    for _ in range(10):
        total = max(total, rate.spend(100, 50.0), rate.spend(100, 50.0))

    assert 1.9 == pytest.approx(total)


def test_threads_that_spend_at_once_lose_nothing():
    rate = pace.Rate(1_000_000)
    threads = [
        threading.Thread(target=lambda: [rate.spend(10, 100.0) for _ in range(1_000)])
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 * 10_000 / 1_000_000 == pytest.approx(rate.spend(0, 100.0), abs=2e-5)


def test_a_rate_can_be_changed_while_rows_move():
    rate = pace.Rate()
    size = sizer(rate, first_rows=8_000)
    assert 8_000 == size.rows

    rate.set(500)
    assert 500 == size.rows
    assert 1.0 == rate.spend(500, 10.0) + rate.spend(500, 10.0)

    rate.set(None)
    assert (8_000, 0.0) == (size.rows, rate.spend(8_000, 10.0))


def test_a_rate_below_one_row_per_second_moves_single_rows():
    rate = pace.Rate(0.5)

    assert 1 == sizer(rate).rows
    assert 0.5 == pytest.approx(driven(rate, rows=1, seconds=0.01, batches=50), rel=0.05)


# --- the hours --------------------------------------------------------------------------------


def hours(*texts: str, timezone: str = "UTC") -> pace.Hours:
    return pace.Hours([pacing.read_window(text) for text in texts], timezone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_hours_it_is_always_time():
    assert pace.Hours([]).wait(at("2026-03-04 12:00")) is None


@pytest.mark.parametrize(
    ("now", "wait"),
    [
        ("2026-03-04 21:59", timedelta(minutes=1)),
        ("2026-03-04 22:00", None),
        ("2026-03-05 00:00", None),
        ("2026-03-05 05:59:59", None),
        ("2026-03-05 06:00", timedelta(hours=16)),
    ],
)
def test_hours_go_over_midnight(now, wait):
    assert wait == hours("22:00-06:00").wait(at(now))


@pytest.mark.parametrize(
    ("now", "wait"),
    [
        ("2026-03-06 23:00", None),  # a Friday
        ("2026-03-07 05:00", None),  # Friday's night
        ("2026-03-07 07:00", timedelta(days=2, hours=15)),
        ("2026-03-09 22:00", None),
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(now, wait):
    assert wait == hours("mon-fri 22:00-06:00").wait(at(now))


def test_several_hours_add_up_and_the_next_one_counts():
    both = hours("12:00-13:00", "sat,sun 00:00-24:00")

    assert both.wait(at("2026-03-07 23:59")) is None
    assert both.wait(at("2026-03-08 12:30")) is None
    assert timedelta(hours=3) == both.wait(at("2026-03-09 09:00"))
    assert timedelta(hours=10) == both.wait(at("2026-03-06 14:00"))
    assert "12:00-13:00, sat,sun 00:00-24:00" == str(both)


def test_one_hour_a_week_is_waited_for():
    assert timedelta(days=6, hours=23) == hours("mon 08:00-09:00").wait(at("2026-03-09 09:00"))


def test_hours_are_those_of_the_time_zone():
    night = hours("22:00-06:00", timezone="Europe/Vienna")

    assert night.wait(at("2026-01-15 21:00")) is None
    assert timedelta(hours=1) == night.wait(at("2026-01-15 20:00"))
    assert night.wait(at("2026-07-15 20:00")) is None


def test_when_clocks_are_set_forward_the_night_is_an_hour_shorter():
    night = hours("22:00-06:00", timezone="Europe/Vienna")

    # 28 March 2026, 22:00 in Vienna is 21:00 UTC; 06:00 the next morning is 04:00 UTC.
    assert night.wait(at("2026-03-29 03:59")) is None
    assert timedelta(hours=16) == night.wait(at("2026-03-29 04:00"))


def test_when_clocks_are_set_back_the_night_is_an_hour_longer():
    night = hours("22:00-06:00", timezone="Europe/Vienna")

    assert night.wait(at("2026-10-25 04:59")) is None
    assert timedelta(hours=16) == night.wait(at("2026-10-25 05:00"))


def test_an_hour_that_a_clock_skips_is_no_trap():
    skipped = hours("02:15-02:45", timezone="Europe/Vienna")

    waits = [skipped.wait(at("2026-03-28 22:00") + timedelta(minutes=m)) for m in range(0, 600, 5)]

    assert all(wait is None or timedelta(0) < wait < timedelta(days=2) for wait in waits)


def test_the_wait_is_the_same_in_whatever_zone_the_time_is_told():
    night = hours("22:00-06:00", timezone="Europe/Vienna")
    moment = at("2026-10-24 18:30")

    elsewhere = moment.astimezone(timezone(timedelta(hours=-7)))

    assert night.wait(moment) == night.wait(elsewhere) == timedelta(hours=1, minutes=30)


def test_without_a_zone_the_machine_s_own_time_counts(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert pace.Hours([pacing.read_window("22:00-06:00")]).wait(at("2026-01-16 04:00")) is None
        assert timedelta(hours=1) == hours("22:00-06:00", timezone="").wait(at("2026-01-16 02:00"))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_batch_may_be_asked_to_take_less_time_for_a_while():
    sizer = pace.Sizer(pacing.DEFAULTS.having({"first_rows": 1000}))

    sizer.aim(0.1)
    sizer.done(1000, 0.5)
    beside_others = sizer.rows
    sizer.aim(None)
    sizer.done(200, 0.1)
    alone = sizer.rows

    assert 200 == beside_others
    assert 400 == alone


def test_nobody_is_asked_to_take_more_time_than_is_configured():
    sizer = pace.Sizer(pacing.DEFAULTS.having({"first_rows": 1000, "target_seconds": 0.05}))

    sizer.aim(0.1)
    sizer.done(1000, 0.1)

    assert 500 == sizer.rows


# --- beside an application --------------------------------------------------------------------


def test_batches_beside_an_application_are_short_from_the_first_one_on() -> None:
    settings = pace.beside(pacing.DEFAULTS)

    assert settings.target_seconds <= 0.05
    assert settings.first_rows <= 500


def test_what_somebody_has_configured_holds_beside_an_application_too() -> None:
    said = pacing.DEFAULTS.having({"target_seconds": 2.0, "first_rows": 7_000})

    settings = pace.beside(said)

    assert (settings.target_seconds, settings.first_rows) == (2.0, 7_000)


def test_an_application_is_left_alone_for_as_long_as_a_batch_or_longer_where_the_engine_asks() -> (
    None
):
    assert pace.pause(base.Breath(), 0.04) == pytest.approx(0.04)
    assert pace.pause(base.Breath(pause=0.1), 0.04) == pytest.approx(0.1)


# --- where every statement is slow ------------------------------------------------------------


def test_batches_are_not_made_smaller_where_that_does_not_make_them_quicker() -> None:
    """Each statement takes 80 ms before its first row: one row at a time would never end."""
    one = sizer(first_rows=500, target_seconds=0.05)
    sizes = []
    for _ in range(60):
        sizes.append(one.rows)
        one.done(one.rows, 0.08 + one.rows * 0.0002)
    assert 20 <= min(sizes) and max(sizes) <= 500
    assert 100 < sum(sizes) / len(sizes)


def test_batches_become_smaller_where_rows_are_what_takes_long() -> None:
    one = sizer(first_rows=500, target_seconds=0.05)
    walked(one, lambda rows: 0.001 + rows * 0.01, 20)
    assert one.rows <= 5


def test_a_server_that_stood_still_for_a_moment_is_not_believed_for_long() -> None:
    one = sizer(first_rows=500, target_seconds=0.05)
    walked(one, linear, 20)
    one.done(one.rows, 30.0)
    assert one.rows < 10
    walked(one, linear, 20)
    assert one.rows > 500
