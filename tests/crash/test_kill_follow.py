"""SIGKILL of whoever follows, at random moments, while others write; the same command goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import databases
from tests import following as staged
from whimbrel import errors
from whimbrel.transfers import follow as following

NewDatabase = Callable[[str], databases.Database]
ROOT = Path(__file__).resolve().parents[2]
KILLS = 3
MANY_KILLS = 40


@pytest.mark.parametrize("pair", staged.PAIRS[:3], ids="-".join)
def test_nothing_is_lost_doubled_or_raised_from_the_dead(
    pair: tuple[str, str], new_database: NewDatabase, tmp_path: Path
) -> None:
    killed_and_gone_on(pair, new_database, tmp_path, kills=KILLS)


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", staged.PAIRS, ids="-".join)
def test_nothing_is_lost_by_many_kills(
    pair: tuple[str, str], new_database: NewDatabase, tmp_path: Path
) -> None:
    killed_and_gone_on(pair, new_database, tmp_path, kills=MANY_KILLS)


def killed_and_gone_on(
    pair: tuple[str, str], new_database: NewDatabase, tmp_path: Path, *, kills: int
) -> None:
    source, target = (new_database(one) for one in pair)
    seed = random.randrange(2**32)
    random_ = random.Random(seed)
    with databases.Raw(source) as raw, databases.Raw(target) as there:
        staged.prepared(raw, rows=40)

        with staged.writing(source, written(random_)) as done:
            for _ in range(kills):
                child = begun(source, target, tmp_path)
                try:
                    time.sleep(random_.uniform(0.8, 3.0))
                finally:
                    os.kill(child.pid, signal.SIGKILL)
                    child.wait()
        last = gone_on(source, target)

        assert done[0] > 0
        assert last.ok, seed
        assert staged.seen(there) == staged.seen(raw), seed


def written(random_: random.Random) -> Callable[[databases.Raw, int], None]:
    def work(raw: databases.Raw, at: int) -> None:
        key = random_.randrange(1, 60)
        match at % 5:
            case 0:
                raw.execute(f"DELETE FROM parent WHERE id = {key}")
            case 1:
                if not raw.value(f"SELECT count(*) FROM parent WHERE id = {key}"):
                    raw.execute(f"INSERT INTO parent VALUES ({key}, 'n{at}', NULL)")
                    raw.execute(f"INSERT INTO child VALUES ('n', {at}, {key}, 3)")
            case 2:
                raw.execute(f"UPDATE parent SET v = 'm{at}' WHERE id < {key}")
            case 3:
                raw.execute(f"UPDATE parent SET id = {1_000 + at} WHERE id = {key}")
            case _:
                raw.execute(f"UPDATE child SET b = {10_000 + at} WHERE b = {key}")
        time.sleep(0.005)

    return work


def begun(
    source: databases.Database, target: databases.Database, folder: Path
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "whimbrel", "transfer", source.url, target.url, "--follow",
            "--no-report", "--project", str(folder),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def gone_on(source: databases.Database, target: databases.Database) -> following.Followed:
    """Go on when the server has noticed that whoever held its lock is gone."""
    until = time.monotonic() + 90
    while True:
        try:
            return staged.level(source, target)
        except errors.LockHeld:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
