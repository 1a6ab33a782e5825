"""Whether batches may go on: what is waited for, in which words, and what cannot be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from whimbrel import clock as clocks
from whimbrel import errors, pacing
from whimbrel.engines import base, signs
from whimbrel.rows import throttle

GB = 1024**3


class FakeClock(clocks.Clock):
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
        self.passed = 0.0

    def now(self) -> datetime:
        return self.moment + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed


class Server:
    """A server whose signs we set; it counts how often it is asked."""

    def __init__(self, *readings: base.Reading) -> None:
        self.readings = list(readings)
        self.asked = 0

    def read(self) -> list[base.Reading]:
        self.asked += 1
        return list(self.readings)


def lag(seconds: float | None, of: str = "replica pg2") -> base.Reading:
    return base.Reading(name=signs.REPLICA_LAG, value=seconds, unit="s", detail=of)


def queue(sessions: float) -> base.Reading:
    return base.Reading(name=signs.LOCK_QUEUE, value=sessions, unit="sessions")


def settings(**said: object) -> pacing.RowsConfig:
    return pacing.DEFAULTS.having(said)


class Asked:
    """A throttle, and a clock that moves on by a check before each question."""

    def __init__(self, server: Server | None = None, *, said: dict[str, object] | None = None,
                 **more: object) -> None:  # fmt: skip
        self.clock = FakeClock()
        self.server = server or Server()
        self.throttle = throttle.Throttle(
            settings(**(said or {})), clock=self.clock, read=self.server.read, **more
        )

    def hold(self, *, after: float = 1.0) -> str | None:
        self.clock.passed += after
        return self.throttle.hold()


# --- what is waited for, and how it is said ---------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reading", "reason"),
    [
        ({}, lag(34), "replica pg2 is 34 s behind, the limit is 10 s"),
        ({"max_lag": 0.5}, lag(0.75), "replica pg2 is 750 ms behind, the limit is 500 ms"),
        ({}, lag(4_000), "replica pg2 is 1 h 6 min behind, the limit is 10 s"),
        ({}, queue(12), "12 sessions wait for locks, the limit is 5 sessions"),
        ({"max_lock_queue": 0.0}, queue(1), "1 session waits for locks, the limit is 0 sessions"),
        (
            {"max_active_sessions": 25.0},
            base.Reading(name=signs.ACTIVE_SESSIONS, value=40, unit="sessions"),
            "40 sessions are active, the limit is 25 sessions",
        ),
        (
            {},
            base.Reading(
                name=signs.LOG_GROWTH, value=2.5 * GB, unit="bytes", detail="of the log kept for a"
            ),
            "2.5 GB of the log kept for a, the limit is 2 GB",
        ),
        (
            {},
            base.Reading(name=signs.UNDO_HISTORY, value=1_500_000, unit="entries"),
            "1,500,000 entries of undo history are not purged, the limit is 1,000,000 entries",
        ),
    ],
)
def test_a_sign_above_its_limit_holds_batches_back_and_says_why(said, reading, reason):
    assert reason == Asked(Server(reading), said=said).hold()


@pytest.mark.parametrize("reading", [lag(10), queue(5), lag(0)])
def test_a_sign_at_its_limit_or_below_lets_batches_go_on(reading):
    assert Asked(Server(reading)).hold() is None


def test_a_limit_that_was_taken_away_is_not_looked_at():
    asked = Asked(Server(lag(5_000), queue(500)), said={"max_lag": None, "max_lock_queue": None})

    assert asked.hold() is None


def test_what_has_no_limit_is_shown_and_not_waited_for():
    reading = base.Reading(name=signs.OLDEST_TRANSACTION, value=90_000, unit="s")
    asked = Asked(Server(reading))

    assert asked.hold() is None
    assert (reading,) == asked.throttle.readings


def test_once_held_back_we_go_on_well_below_the_limit():
    server = Server(lag(11))
    asked = Asked(server)
    held = [asked.hold()]

    for seconds in (9, 8, 9, 11):
        server.readings = [lag(seconds)]
        held.append(asked.hold())

    assert [
        "replica pg2 is 11 s behind, the limit is 10 s",
        "replica pg2 is 9 s behind, we go on at 8 s",
        None,
        None,
        "replica pg2 is 11 s behind, the limit is 10 s",
    ] == held


def test_each_replica_is_judged_by_itself():
    server = Server(lag(12, "replica a"), lag(9, "replica b"))
    asked = Asked(server)
    assert "replica a is 12 s behind, the limit is 10 s" == asked.hold()

    server.readings = [lag(1, "replica a"), lag(9, "replica b")]

    assert asked.hold() is None


# --- how often --------------------------------------------------------------------------------


def test_signs_are_read_once_per_check_whoever_asks():
    server = Server(lag(11))
    asked = Asked(server, said={"check_seconds": 2.0})

    reasons = {asked.hold(after=0.1) for _ in range(20)}

    assert {"replica pg2 is 11 s behind, the limit is 10 s"} == reasons
    assert 1 == server.asked
    asked.hold(after=2.0)
    assert 2 == server.asked


def test_while_one_worker_reads_the_others_go_by_the_last_answer():
    server, reading, read_on = Server(queue(9)), threading.Event(), threading.Event()
    asked = Asked(server)
    first = asked.hold()
    plain = server.read

    def slow() -> list[base.Reading]:
        reading.set()
        read_on.wait(10)
        return plain()

    asked.throttle._read = slow
    asked.clock.passed += 5
    worker = threading.Thread(target=asked.throttle.hold)
    worker.start()
    reading.wait(10)

    meanwhile = asked.throttle.hold()
    read_on.set()
    worker.join()

    assert first == meanwhile == "9 sessions wait for locks, the limit is 5 sessions"


def test_no_worker_goes_on_before_the_first_look_is_done():
    server, answers = Server(queue(9)), []
    asked = Asked(server)
    plain = server.read

    def slow() -> list[base.Reading]:
        time.sleep(0.1)
        return plain()

    asked.throttle._read = slow
    workers = [
        threading.Thread(target=lambda: answers.append(asked.throttle.hold())) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert 1 == server.asked
    assert ["9 sessions wait for locks, the limit is 5 sessions"] * 4 == answers


# --- what cannot be read ----------------------------------------------------------------------


def test_a_sign_that_cannot_be_read_is_put_up_with_for_the_grace_time_then_waited_for():
    server = Server(lag(1))
    asked = Asked(server)
    asked.hold()

    server.readings = [lag(None, "connection lost")]
    held = [asked.hold(after=10) for _ in range(5)]

    assert [None, None, None] == held[:3]
    assert "the replica lag cannot be read since 30 s: connection lost" == held[3]
    assert "the replica lag cannot be read since 40 s: connection lost" == held[4]


def test_as_soon_as_it_can_be_read_again_batches_go_on():
    server = Server(lag(1))
    asked = Asked(server, said={"grace_seconds": 0.0})
    asked.hold()
    server.readings = [lag(None, "connection lost")]
    assert asked.hold() is not None

    server.readings = [lag(1)]

    assert asked.hold() is None


def test_reasons_that_change_do_not_start_the_grace_time_anew():
    server = Server(lag(1))
    asked = Asked(server)
    asked.hold()

    for number in range(4):
        server.readings = [lag(None, f"reason {number}")]
        last = asked.hold(after=10)

    assert "the replica lag cannot be read since 30 s: reason 3" == last


def test_a_sign_nobody_asked_for_and_the_server_hides_is_left_and_that_is_told_once():
    asked = Asked(Server(lag(None, "this user may not see it")))

    held = [asked.hold(after=60) for _ in range(5)]

    assert [None] * 5 == held
    told = "batches do not wait for the replica lag, because it cannot be read: "
    assert (told + "this user may not see it",) == asked.throttle.notes


def test_a_sign_that_was_asked_for_and_cannot_be_read_is_waited_for():
    asked = Asked(Server(lag(None, "this user may not see it")), said={"max_lag": 10.0})

    held = [asked.hold(after=20) for _ in range(3)]

    assert [None, None] == held[:2]
    assert "the replica lag cannot be read since 40 s: this user may not see it" == held[2]
    assert () == asked.throttle.notes


def test_a_sign_that_was_asked_for_and_this_engine_does_not_have_is_told():
    asked = Asked(Server(), said={"max_lag": 10.0, "max_history": 5.0})

    assert asked.hold() is None
    of_lag, of_history = asked.throttle.notes
    assert of_lag.startswith("max_lag has no effect: this database does not tell the replica lag")
    assert of_lag.endswith("if it has replicas, name them:  replicas = […]")
    assert "max_history has no effect: this database does not tell the undo history" == of_history


def test_a_replica_that_vanishes_from_its_primary_is_waited_for():
    server = Server(lag(1, "replica a"), lag(1, "replica b"))
    asked = Asked(server)
    asked.hold()

    server.readings = [lag(1, "replica a")]
    held = [asked.hold(after=16) for _ in range(3)]

    assert [None, None] == held[:2]
    assert "the replica lag cannot be read since 32 s: replica b is no longer connected" == held[2]
    server.readings = [lag(1, "replica a"), lag(0, "replica b")]
    assert asked.hold() is None


def test_when_the_last_replica_vanishes_it_is_waited_for_too():
    server = Server(lag(1))
    asked = Asked(server, said={"grace_seconds": 5.0})
    asked.hold()

    server.readings = []
    asked.hold()

    assert "no longer connected" in asked.hold(after=5)


def test_a_reading_that_changes_what_it_is_about_has_not_vanished():
    log = [
        base.Reading(name=signs.LOG_GROWTH, value=5, unit="bytes", detail=detail)
        for detail in ("of the log kept for slot a", "of the log not archived yet")
    ]
    server = Server(log[0])
    asked = Asked(server, said={"grace_seconds": 0.0})
    asked.hold()

    server.readings = [log[1]]

    assert asked.hold() is None


# --- replicas that are named ------------------------------------------------------------------


def test_a_named_replica_is_asked_itself():
    asked = Asked(said={}, replicas={"pg2": lambda: lag(34, "")})

    assert "replica pg2 is 34 s behind, the limit is 10 s" == asked.hold()
    assert lag(34) in asked.throttle.readings


def test_a_named_replica_that_does_not_answer_is_waited_for_even_from_the_start():
    asked = Asked(replicas={"pg2": lambda: signs.unreadable(signs.REPLICA_LAG, "refused")})

    held = [asked.hold(after=20) for _ in range(3)]

    assert [None, None] == held[:2]
    assert "the lag of replica pg2 cannot be read since 40 s: refused" == held[2]


class Session:
    """A session whose engine's health is what we say."""

    def __init__(self, answer: Callable[[], base.Reading]) -> None:
        self.engine, self.gone, self.closed = self, False, 0
        self.lag = answer

    def health(self, session: object) -> Session:
        return self

    def close(self) -> None:
        self.closed += 1


def test_a_replica_s_session_is_opened_once_and_closed_with_the_throttle():
    opened = [Session(lambda: lag(3, ""))]
    replica = throttle.Replica(lambda: opened[0])
    asked = Asked(replicas={"pg2": replica})

    assert [None, None] == [asked.hold(), asked.hold()]
    asked.throttle.close()

    assert 1 == opened[0].closed


def test_a_replica_s_session_is_opened_again_when_it_is_lost():
    sessions: list[Session] = []

    def open_session() -> Session:
        sessions.append(Session(lambda: lag(len(sessions), "")))
        return sessions[-1]

    replica = throttle.Replica(open_session)
    first = replica()
    sessions[0].gone = True
    second = replica()

    assert (1.0, 2.0) == (first.value, second.value)
    assert 1 == sessions[0].closed


def test_a_replica_that_cannot_be_reached_says_why():
    def refuse() -> base.Session:
        raise errors.DatabaseUnavailable(database="a:///b", cause="refused", remedy="start it")

    reading = throttle.Replica(refuse)()

    assert (None, "refused") == (reading.value, reading.detail)


def test_a_replica_that_hangs_holds_up_nobody_and_is_believed_when_it_answers():
    answer = threading.Event()

    def hang() -> base.Reading:
        answer.wait(10)
        return lag(7, "")

    replica = throttle.Replica(lambda: Session(hang), patience=0.02)

    hung = [replica() for _ in range(3)]
    answer.set()
    replica._asking.join()
    later = replica()

    assert [(None, "it does not answer")] * 3 == [(one.value, one.detail) for one in hung]
    assert 7 == later.value


# --- the user's own probe ---------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, False, 0, 0.0, "", "0", "false", " f ", b"", b"0"])
def test_a_probe_that_finds_nothing_lets_batches_go_on(value):
    assert Asked(probe=lambda: value).hold() is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("nightly billing runs", "the probe says: nightly billing runs"),
        (True, "the probe says: True"),
        (3, "the probe says: 3"),
        (b"busy\n now", "the probe says: busy now"),
        ("see a://app:s3cr3t@host/x", "the probe says: see a:***@host/x"),
        ("x" * 500, "the probe says: " + "x" * 199 + "…"),
    ],
)
def test_anything_else_that_a_probe_says_is_the_reason_to_wait(value, reason):
    assert reason == Asked(probe=lambda: value).hold()


def test_a_probe_that_fails_is_put_up_with_for_the_grace_time():
    def fail() -> object:
        raise errors.DatabaseUnavailable(database="a:///b", cause="gone", remedy="start it")

    asked = Asked(probe=fail)

    held = [asked.hold(after=20) for _ in range(3)]

    assert [None, None, "the probe cannot be read since 40 s: gone"] == held


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("true", None),
        ("echo all is well", None),
        ("echo too busy; echo more; exit 3", "the probe command says: too busy"),
        ("echo on stderr >&2; exit 1", "the probe command says: on stderr"),
        ("exit 7", "the probe command says: it ended with exit code 7"),
    ],
)
def test_a_command_says_by_its_exit_code_whether_to_wait(command, reason):
    assert reason == Asked(said={"probe_command": command}).hold()


def test_a_command_that_takes_too_long_is_killed_with_what_it_started():
    started = time.monotonic()

    with pytest.raises(TimeoutError, match=r"longer than 200 ms"):
        throttle.run_command("sleep 30 | cat", seconds=0.2)

    assert time.monotonic() - started < 5


# --- the hours --------------------------------------------------------------------------------


def night(**more: object) -> dict[str, object]:
    windows = (pacing.read_window("22:00-06:00"),)
    return {"allowed_hours": windows, "timezone": "UTC", **more}


def test_outside_the_allowed_hours_nothing_goes_on_and_no_server_is_asked():
    server = Server(lag(50))
    asked = Asked(server, said=night())

    assert "outside the allowed hours 22:00-06:00, until 22:00" == asked.hold()
    assert 0 == server.asked


def test_inside_the_allowed_hours_the_signs_count():
    asked = Asked(Server(lag(50)), said=night())
    asked.hold()

    assert "replica pg2 is 50 s behind, the limit is 10 s" == asked.hold(after=10 * 3600)


def test_hours_that_are_days_away_are_told_with_their_date():
    windows = (pacing.read_window("sun 08:00-09:00"),)
    asked = Asked(said={"allowed_hours": windows, "timezone": "UTC"})

    assert asked.hold() == "outside the allowed hours sun 08:00-09:00, until 2026-03-08 08:00"
