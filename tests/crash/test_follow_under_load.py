"""Follow and cut over under load: whatever the source has acknowledged is in the target.

`make campaign` does it with 100,000 acknowledged operations on each engine (WHIMBREL_LOAD:
operations before the cutover).
"""

from __future__ import annotations

import os

import pytest

import whimbrel
from tests import conftest
from tests import following as staged
from tests.crash import living
from tests.load import application, ledger, scenes

OPERATIONS = int(os.environ.get("WHIMBREL_LOAD", "600"))
# In `make test` each engine is a source once, and a target once.
PAIRS = [
    pytest.param(pair, marks=() if pair in staged.PAIRS[:1] + staged.PAIRS[3:4] + staged.PAIRS[5:]
    else pytest.mark.exhaustive, id="-".join(pair))
    for pair in staged.PAIRS
]  # fmt: skip


@pytest.mark.crash
@pytest.mark.parametrize("pair", PAIRS)
def test_what_the_source_has_acknowledged_is_in_the_target_after_the_cutover(
    pair: tuple[str, str], new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    source, target = map(new_database, pair)
    here, there = raw(source), raw(target)
    scene = scenes.scene(scenes.RENAME, source.kind)
    if source.kind == "sqlite":
        here.execute("PRAGMA journal_mode = WAL")
    scene.create(here)
    connections = application.CONNECTIONS[source.kind]
    base = scene.fill(here, connections=connections, each=40, idle=400)
    rate = living.RATES[source.kind]
    wish = application.Wish(connections=connections, rate=rate and rate / 2)

    with application.running(scene, source, base, wish) as app:
        follower = staged.Follower(source, target)
        follower.wait()
        app.until(OPERATIONS, seconds=600)
        follower.stop()
        app.until(OPERATIONS // 4, seconds=600)
        done = whimbrel.cutover(source.url, target.url)
        app.rest()
        report = app.end()

    print(f"{source.kind} to {target.kind}: {report}; standstill {done.standstill:.2f} s")
    assert [str(one) for one in report.failures] == []
    assert report.surprises == []
    assert ledger.told(report.wrong(scene.found(here, "old"))) == "nothing"
    assert ledger.told(report.wrong(scene.found(there, "old"))) == "nothing"
    assert scene.strays(there) == []
    # They were told, so that nothing was written to a database that is left behind.
    assert report.shut > 0
