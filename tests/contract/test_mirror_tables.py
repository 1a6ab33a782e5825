"""Two tables are kept in step by triggers, before, after and after taking back the exchange."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import databases, mirrorstage
from tests.conftest import OpenRaw
from whimbrel.engines import mirrors


@pytest.fixture
def stage(database: databases.Database, raw: OpenRaw) -> Iterator[mirrorstage.Stage]:
    stage = mirrorstage.Stage(database, raw(database))
    yield stage
    stage.close()


LATER = [pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(3, 60)]


@pytest.mark.parametrize("seed", [1, 2, *LATER])
def test_both_tables_follow_an_application_through_the_exchange_and_back(
    stage: mirrorstage.Stage, seed: int
) -> None:
    shape = mirrorstage.people(stage)
    work = mirrorstage.Workload(stage, seed)
    for _ in range(20):
        work.step()

    with stage.mirrored(shape):
        for _ in range(20):
            work.step()
        stage.fill(shape)
        work.check(shape, swapped=False, after="fill")
        for _ in range(60):
            work.check(shape, swapped=False, after=work.step())
        assert stage.astray(shape) == []

        stage.do(stage.mirror.swap, shape)
        work.texts = True
        assert stage.mirror.swapped(shape)
        assert stage.mirror.presence(shape) is mirrors.Presence.WHOLE
        for _ in range(60):
            work.check(shape, swapped=True, after=work.step())
        assert stage.astray(shape) == []
        assert stage.lossy(shape) == []

        stage.do(stage.mirror.unswap, shape)
        work.texts = False
        assert not stage.mirror.swapped(shape)
        for _ in range(30):
            work.check(shape, swapped=False, after=work.step())
        assert stage.astray(shape) == []

    assert stage.mirror.presence(shape) is mirrors.Presence.NONE
