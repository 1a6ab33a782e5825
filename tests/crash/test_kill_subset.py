"""SIGKILL of a subset at random moments; the same command goes on, and makes the same subset."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import whimbrel
from tests import databases
from whimbrel import errors

NewDatabase = Callable[[str], databases.Database]
ROOT = Path(__file__).resolve().parents[2]
PAIRS = [("sqlite", "postgresql"), ("postgresql", "mariadb"), ("mariadb", "sqlite")]
KILLS = 4
MANY_KILLS = 30
PEOPLE = 6_000
TABLES = ("person", "note")


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_subset_that_was_killed_ends_as_an_undisturbed_one(
    pair: tuple[str, str], new_database: NewDatabase, tmp_path: Path
) -> None:
    killed_and_gone_on(pair, new_database, tmp_path, kills=KILLS)


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_subset_that_was_killed_many_times_ends_as_an_undisturbed_one(
    pair: tuple[str, str], new_database: NewDatabase, tmp_path: Path
) -> None:
    killed_and_gone_on(pair, new_database, tmp_path, kills=MANY_KILLS)


def killed_and_gone_on(
    pair: tuple[str, str], new_database: NewDatabase, tmp_path: Path, *, kills: int
) -> None:
    source = new_database(pair[0])
    filled(source)
    undisturbed = new_database(pair[1])
    begun = time.monotonic()
    whimbrel.subset(source.url, undisturbed.url, percent=50, seed=7)
    longest = time.monotonic() - begun + 1  # a child has its imports before it
    wanted = held(undisturbed)
    seed = random.randrange(2**32)
    chance = random.Random(seed)

    landed = 0
    while landed < kills:
        target = new_database(pair[1])
        # Each is killed until it comes to its end, or twice: what was resumed is killed, too.
        for _ in range(2):
            if not killed(source, target, tmp_path, after=chance.uniform(0.2, longest)):
                break
            landed += 1
        gone_on(source, target)

        assert wanted == held(target), seed
        # Nothing of the one that was killed stays in the way of the next.
        with pytest.raises(errors.TargetNotEmpty):
            whimbrel.subset(source.url, target.url, percent=50, seed=8)


def filled(database: databases.Database) -> None:
    with databases.Raw(database) as raw:
        raw.execute("CREATE TABLE person (id int PRIMARY KEY, name varchar(40), boss int,"
                    " FOREIGN KEY (boss) REFERENCES person (id))")  # fmt: skip
        raw.execute("CREATE TABLE note (id int PRIMARY KEY, person int NOT NULL, words varchar(40),"
                    " FOREIGN KEY (person) REFERENCES person (id))")  # fmt: skip
        for first in range(1, PEOPLE, 1_000):
            numbers = range(first, first + 1_000)
            people = (f"({n}, 'Zoë {n} 🐦', {n // 7 if n >= 7 else 'NULL'})" for n in numbers)
            raw.execute(f"INSERT INTO person VALUES {', '.join(people)}")
        for first in range(1, PEOPLE, 1_000):
            numbers = range(first, first + 1_000)
            notes = (f"({n}, {n * 31 % PEOPLE + 1}, 'it''s {n}')" for n in numbers)
            raw.execute(f"INSERT INTO note VALUES {', '.join(notes)}")


def held(database: databases.Database) -> dict[str, Counter[tuple[object, ...]]]:
    with databases.Raw(database) as raw:
        return {name: Counter(raw.execute(f"SELECT * FROM {name}")) for name in TABLES}


def killed(
    source: databases.Database, target: databases.Database, folder: Path, *, after: float
) -> bool:
    """Begin, or go on; kill it after so many seconds; return whether it was still there."""
    child = subprocess.Popen(
        [
            sys.executable, "-m", "whimbrel", "subset", source.url, target.url, "--percent", "50",
            "--seed", "7", "--no-report", "--project", str(folder),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        child.wait(after)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def gone_on(source: databases.Database, target: databases.Database) -> None:
    """Go on when the server has noticed that whoever held its lock is gone; or it is done."""
    until = time.monotonic() + 90
    while True:
        try:
            assert whimbrel.subset(source.url, target.url, percent=50, seed=7).ok
        except errors.LockHeld:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        except errors.TargetNotEmpty:
            return  # the child was at its end
        else:
            return
