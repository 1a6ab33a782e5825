"""SIGKILL in a rehearsal: the original is as it was, and the next rehearsal sweeps what is left."""

from __future__ import annotations

import multiprocessing
import random
import time

import pytest

from tests import conftest, databases
from tests.contract import test_rehearse as rehearsals
from whimbrel import events
from whimbrel.rehearsal import rehearse
from whimbrel.rehearsal import scratch as scratching

KILLS = 2
_CONTEXT = multiprocessing.get_context("forkserver")


def _run(url: str, folder: str, reached: object) -> None:
    def tell(event: events.Event) -> None:
        reached.set()  # type: ignore[attr-defined]

    rehearse.rehearse(url, folder=folder, tell=tell)


def left(database: databases.Database, pid: int) -> list[str]:
    """Return what a process has left."""
    owners = {name: scratching.Owner.of(name) for name in rehearsals.left_behind(database)}
    return [name for name, owner in owners.items() if owner is not None and owner.pid == pid]


@pytest.mark.crash
def test_a_killed_rehearsal_leaves_the_original_and_the_next_one_sweeps(
    project: conftest.ProjectFolder,
    database: databases.Database,
    raw: rehearsals.OpenRaw,
) -> None:
    rehearsals.people(database, raw, rows=3_000)
    project.migration("20260101_000000_m1", rehearsals.HEAD + rehearsals.GOOD)
    before = rehearsals.everything(database, raw)
    chance = random.Random(database.kind)
    found = 0

    for _ in range(KILLS):
        reached = _CONTEXT.Event()
        process = _CONTEXT.Process(
            target=_run, args=(database.url, str(project.path), reached), daemon=True
        )
        process.start()
        assert reached.wait(60)
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.join()
        assert process.pid is not None
        found += len(left(database, process.pid))
        assert before == rehearsals.everything(database, raw)

        done = rehearse.rehearse(database.url, folder=project.path)

        assert (True, ()) == (done.ready, done.verdict.against)
        assert [] == left(database, process.pid)
        assert before == rehearsals.everything(database, raw)
    # Rehearsals of other tests on the same server sweep too, so that who swept is not asked.
    assert found > 0
