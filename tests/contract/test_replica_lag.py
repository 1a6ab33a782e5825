"""A replica of PostgreSQL that really lags: both servers tell it, and batches wait for it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests import replicas, servers
from whimbrel import clock as clocks
from whimbrel import config, pacing
from whimbrel.engines import base, registry, signs
from whimbrel.rows import throttle

pytestmark = [pytest.mark.server, pytest.mark.slow]

LIMIT = 0.5


class Skipping(clocks.Clock):
    """The system's clock, which can be set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def seconds(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture(scope="module", params=["postgresql", "postgresql18"])
def pair(request: pytest.FixtureRequest) -> Iterator[replicas.Pair]:
    try:
        with replicas.running(request.param) as running:
            yield running
    except servers.Unavailable as no:
        pytest.skip(str(no))


@pytest.fixture
def primary(pair: replicas.Pair) -> Iterator[base.Session]:
    with contextlib.closing(registry.open_session(pair.primary.url)) as session:
        yield session


@pytest.fixture
def writer(pair: replicas.Pair) -> Iterator[psycopg.Connection]:
    with contextlib.closing(servers.connect(pair.primary.url)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS written (n integer)")
        pair.catch_up()
        yield connection
        pair.resume()
        pair.catch_up()


def named(pair: replicas.Pair) -> config.DatabaseConfig:
    """Return the replica as the configuration of its primary names it."""
    return config.DatabaseConfig(
        name="second",
        url=pair.replica.url,
        where="whimbrel.toml:1",
        folder=Path(),
        migrations=Path("migrations"),
    )


def asking(
    pair: replicas.Pair, session: base.Session, way: str, *, clock: clocks.Clock, **said: object
) -> throttle.Throttle:
    """Return a throttle that asks the primary alone, or the replica alone."""
    settings = pacing.DEFAULTS.having({"check_seconds": 0.01, **said})
    if way == "the primary":
        return throttle.of(settings, session, clock=clock)
    # What `of` makes of a named replica, without the primary's own word.
    both = throttle.of(settings, session, clock=clock, replicas=[named(pair)])
    return throttle.Throttle(settings, clock=clock, replicas=both._replicas)


def until(wanted: Callable[[], object], *, seconds: float = 15) -> object:
    """Ask again and again until the answer is true."""
    end = time.monotonic() + seconds
    while not (found := wanted()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def lags(health: base.Health) -> list[base.Reading]:
    return [reading for reading in health.read() if reading.name == signs.REPLICA_LAG]


def test_an_idle_replica_does_not_lag(pair, primary):
    pair.catch_up()

    (seen,) = until(lambda: [r for r in lags(primary.engine.health(primary)) if r.value == 0])

    assert ("s", f"replica {replicas.NAME} at 127.0.0.1") == (seen.unit, seen.detail)


def test_the_primary_sees_the_lag_of_a_replica_rise_and_fall(pair, primary, writer):
    health = primary.engine.health(primary)
    health.read()
    pair.pause()

    writer.execute("INSERT INTO written SELECT generate_series(1, 1000)")
    rising = [lags(health)[0].value]
    for _ in range(4):
        time.sleep(0.4)
        rising.append(lags(health)[0].value)
    pair.resume()
    pair.catch_up()

    assert rising == sorted(rising)
    # The test servers write their log up to 0.4 s after a commit.
    assert 1.0 <= rising[-1] <= 10
    assert until(lambda: lags(health)[0].value == 0)
    assert not primary.in_transaction


def test_the_replica_itself_tells_the_same(pair, writer):
    with contextlib.closing(registry.open_session(pair.replica.url, read_only=True)) as session:
        health = session.engine.health(session)
        idle = health.lag()
        pair.pause()

        writer.execute("INSERT INTO written VALUES (1)")
        until(lambda: (health.lag().value or 0) > 1.0)
        behind = health.lag()
        pair.resume()
        level = until(lambda: health.lag().value == 0)

    assert (0.0, "s") == (idle.value, idle.unit)
    assert 1.0 < behind.value < 15
    assert level


def test_a_server_that_follows_nobody_is_no_replica(primary):
    reading = primary.engine.health(primary).lag()

    assert (None, "this server is not a replica") == (reading.value, reading.detail)


@pytest.mark.parametrize("asks", ["the primary", "the replica"])
def test_batches_wait_while_a_replica_lags_and_go_on_when_it_has_caught_up(
    pair, primary, writer, asks
):
    asked = asking(pair, primary, asks, clock=clocks.SYSTEM, max_lag=LIMIT)
    with contextlib.closing(asked):
        assert until(lambda: asked.hold() is None)
        pair.pause()

        writer.execute("INSERT INTO written VALUES (2)")
        reason = until(asked.hold)
        pair.resume()
        let_go = until(lambda: asked.hold() is None)

    name = "second" if asks == "the replica" else f"{replicas.NAME} at 127.0.0.1"
    assert reason.startswith(f"replica {name} is ")
    assert reason.endswith(" behind, the limit is 500 ms")
    assert let_go


def test_a_user_without_rights_sees_that_there_are_replicas_and_not_how_far_they_are(pair, writer):
    writer.execute("DROP ROLE IF EXISTS nobody_special")
    writer.execute("CREATE ROLE nobody_special LOGIN")
    url = pair.primary.url.replace("whimbrel@", "nobody_special@")

    with contextlib.closing(registry.open_session(url)) as session:
        (reading,) = lags(session.engine.health(session))
        asked = throttle.of(pacing.DEFAULTS, session)
        held = asked.hold()

    assert reading.value is None
    assert "GRANT pg_monitor" in reading.detail
    assert held is None
    assert "batches do not wait for the replica lag" in asked.notes[0]


def test_a_replica_that_dies_is_waited_for_after_the_grace_time_by_both_ways():
    try:
        running = replicas.running()
        with contextlib.ExitStack() as stack:
            pair = stack.enter_context(running)
            session = stack.enter_context(
                contextlib.closing(registry.open_session(pair.primary.url))
            )
            clock = Skipping()
            ways = [
                asking(pair, session, way, clock=clock, max_lag=60.0)
                for way in ("the primary", "the replica")
            ]
            for way in ways:
                stack.enter_context(contextlib.closing(way))
            before = [way.hold() for way in ways]

            pair.stop_replica()
            until(lambda: not lags(session.engine.health(session)))
            clock.ahead += 1
            tolerated = [way.hold() for way in ways]
            clock.ahead += 40
            waited_for = [way.hold() for way in ways]
    except servers.Unavailable as no:
        pytest.skip(str(no))

    assert [None, None] == before == tolerated
    assert "the replica lag cannot be read since 40" in waited_for[0]
    assert f"replica {replicas.NAME} at 127.0.0.1 is no longer connected" in waited_for[0]
    assert "the lag of replica second cannot be read since 40" in waited_for[1]


def test_a_replica_cut_off_from_its_primary_does_not_claim_to_be_level(pair, writer):
    with (
        contextlib.closing(servers.connect(pair.replica.url)) as replica,
        contextlib.closing(registry.open_session(pair.replica.url, read_only=True)) as session,
    ):
        health = session.engine.health(session)
        (conninfo,) = replica.execute("SHOW primary_conninfo").fetchone()
        replica.execute("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'")
        replica.execute("SELECT pg_reload_conf()")
        try:
            reading = until(lambda: health.lag() if health.lag().value is None else None)
        finally:
            quoted = conninfo.replace("'", "''")
            replica.execute(f"ALTER SYSTEM SET primary_conninfo = '{quoted}'")
            replica.execute("SELECT pg_reload_conf()")
        again = until(lambda: health.lag().value == 0)

    assert "it has no connection to its primary" == reading.detail
    assert again
