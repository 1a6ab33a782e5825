"""SIGKILL in transfers, at every point and at random moments; the same again; the same end.

What a killed transfer leaves is gone on with by the same request, killed up to three times; the
target must then be what an undisturbed transfer makes of an empty one, read by the plain driver.
`make campaign` kills 200 times (WHIMBREL_KILLS).
"""

from __future__ import annotations

import math
import os
import random
import time

import pytest

from tests import conftest, databases
from tests.crash import transferring

KILLS = int(os.environ.get("WHIMBREL_KILLS", "9"))
PER_PAIR = math.ceil(KILLS / len(transferring.PAIRS))
# With every point of every pair it takes hours.
POINTS = int(os.environ.get("WHIMBREL_KILL_POINTS", "3"))

pairs = pytest.mark.parametrize(("source", "target"), transferring.PAIRS)


@pytest.fixture
def here(request: pytest.FixtureRequest, new_database: conftest.NewDatabase) -> databases.Database:
    """A full source of the pair."""
    database = new_database(request.getfixturevalue("source"))
    with databases.Raw(database) as raw:
        transferring.filled(raw)
    return database


@pytest.mark.crash
@pairs
def test_a_transfer_killed_at_random_moments_ends_the_same(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    undisturbed = new_database(target)
    transferring.run(here.url, new_database(target).url)  # loads what is loaded once
    began = time.monotonic()
    transferring.run(here.url, undisturbed.url)
    seconds = time.monotonic() - began
    expected = transferring.state(undisturbed)
    chance = random.Random(f"{source} {target} {KILLS}")
    killed = 0

    for _ in range(10 * PER_PAIR):
        if killed >= PER_PAIR:
            break
        again = new_database(target)
        for _ in range(chance.randint(1, 3)):  # what goes on is killed as well
            if transferring.ended(again):
                break
            process = transferring.start(here.url, again.url)
            process.join(chance.uniform(0, seconds))
            killed += process.is_alive()
            process.kill()
            process.join()
        transferring.finish(here.url, again)

        assert expected == transferring.state(again)

    print(f"{source} to {target}: {killed} kills at random moments")
    assert killed >= PER_PAIR


@pytest.mark.crash
@pairs
def test_a_transfer_killed_at_any_point_ends_the_same(
    source: str, target: str, here: databases.Database, new_database: conftest.NewDatabase
) -> None:
    undisturbed = new_database(target)
    last = transferring.run(here.url, undisturbed.url)
    expected = transferring.state(undisturbed)
    chance = random.Random(f"points {source} {target} {POINTS}")
    points = sorted(chance.sample(range(1, last + 1), min(POINTS, last)))
    killed = 0

    for point in points:
        again = new_database(target)
        killed += transferring.dies(here.url, again.url, point)
        transferring.finish(here.url, again)

        assert expected == transferring.state(again), f"killed at point {point} of {last}"

    print(f"{source} to {target}: {killed} kills at points of {last}")
    # How many points there are varies with what threads and servers do first.
    assert killed >= len(points) // 2
