"""Mirrors while an application writes: every acknowledged operation is in both shapes.

The runner does not take part: what is wrong here is the triggers' doing. The longer ones are
run by `make campaign` (WHIMBREL_LOAD: operations of each).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import conftest, databases
from tests.load import application, deadlocks, ledger, mirrored, scenes, worker
from whimbrel.engines import registry

HARD = "WHIMBREL_LOAD" in os.environ
OPERATIONS = int(os.environ.get("WHIMBREL_LOAD", "500"))
# SQLite has one writer at a time: who comes again at once leaves the others no moment.
RATES = {
    "sqlite": 250.0,
    "postgresql": None if HARD else 800.0,
    "mariadb": None if HARD else 800.0,
}
# What goes through the runner makes the same claims: here those that exchange tables.
KINDS = [
    pytest.param(name, marks=() if name == scenes.TYPE else pytest.mark.exhaustive)
    for name in scenes.KINDS
]


@pytest.fixture
def change(
    name: str, database: databases.Database, raw: conftest.OpenRaw
) -> Iterator[mirrored.Change]:
    """A live change of the application's tables, of which nothing is done yet."""
    opened = raw(database)
    if database.kind == "sqlite":
        opened.execute("PRAGMA journal_mode = WAL")
    scene = scenes.scene(name, database.kind)
    scene.create(opened)
    session = registry.open_session(database.url)
    yield mirrored.Change(scene, opened, session)
    session.close()


def _load(change: mirrored.Change) -> tuple[ledger.Ledger, application.Wish]:
    kind = change.scene.kind
    wish = application.Wish(
        connections=application.CONNECTIONS[kind], each=40, idle=400, rate=RATES[kind]
    )
    base = change.scene.fill(
        change.raw, connections=wish.connections, each=wish.each, idle=wish.idle
    )
    return base, wish


def _equal(change: mirrored.Change, app: application.Application, at: str) -> application.Report:
    """Claim that both shapes have what the ledger has; the application rests for it."""
    app.rest()
    report = app.so_far()
    wrong = {
        age: ledger.told(report.wrong(change.scene.found(change.raw, age, **tables)))
        for age, tables in change.tables().items()
    }
    astray = change.astray()
    if report.failures:
        print(*report.failures[:10], mirrored.circle(change.raw), sep="\n")
    assert deadlocks.other(report.failures, change.scene.kind) == [], at
    assert report.surprises == [], at
    assert wrong == dict.fromkeys(wrong, "nothing"), at
    assert astray == [], at
    return report


@pytest.mark.parametrize("name", KINDS)
def test_both_shapes_have_every_acknowledged_operation(
    name: str, change: mirrored.Change, database: databases.Database
) -> None:
    base, wish = _load(change)
    part = max(100, OPERATIONS // 5)
    if obstacles := change.mirror.obstacles(change.shape):
        pytest.fail(f"refused: {obstacles}")

    with application.running(change.scene, database, base, wish) as app:
        change.create()
        change.install()
        app.until(part // 2, seconds=600)
        change.fill()
        change.settle()
        _equal(change, app, "filled")
        app.speak(worker.OLD, worker.NEW)
        app.until(part, seconds=600)
        change.swap()
        app.until(part, seconds=600)
        _equal(change, app, "swapped")
        app.speak(worker.NEW)
        app.until(part, seconds=600)
        _equal(change, app, "only new code")
        app.speak(worker.OLD, worker.NEW)
        change.unswap()
        app.until(part, seconds=600)
        report = _equal(change, app, "swapped back")
        app.speak(worker.OLD)
        change.remove()
        app.end()

    print(f"{database.kind} {name}: {report}")
    if change.exchanged[1]:
        begin, end = change.exchanged
        print(f"  at the exchange: {report.times.within(begin, end + 0.05)}; busy {change.busy}")
    change.drop()
    assert mirrored.left(change.raw) == []
    assert report.times.all().longest < worker.drivers.PATIENCE
    deadlocks.tell(report.failures, database.kind)
