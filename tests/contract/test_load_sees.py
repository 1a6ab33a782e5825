"""What the application under load sees when something is lost: a check that cannot fail is none.

Each loss is planted by a trigger in the database, which does what a careless mirror or copy
would do to one row in many; or in the answers that a connection gets.
"""

from __future__ import annotations

import time
from typing import Final

import pytest

from tests import conftest, databases
from tests.load import application, figures, ledger, scenes, worker

Fault, Row = ledger.Fault, ledger.Row

# What a careless tool does, on each engine: the operation it does it to, and what is found.
_PLANTED: Final = {
    "an update that is lost": (
        "update",
        Fault.STALE,
        {
            "sqlite": """CREATE TRIGGER planted AFTER UPDATE ON person WHEN new.ver >= 4 BEGIN
                UPDATE person SET name = old.name, ver = old.ver WHERE id = new.id; END""",
            "postgresql": "NEW.name := OLD.name; NEW.ver := OLD.ver; RETURN NEW;",
            "mariadb": "SET NEW.name = OLD.name, NEW.ver = OLD.ver",
        },
    ),
    "an update that is written twice": (
        "update",
        Fault.DOUBLED,
        {
            "sqlite": """CREATE TRIGGER planted AFTER UPDATE ON person WHEN new.ver >= 4 BEGIN
                UPDATE person SET ver = 5 + old.ver WHERE id = new.id; END""",
            "postgresql": "NEW.ver := OLD.ver + 2; RETURN NEW;",
            "mariadb": "SET NEW.ver = OLD.ver + 2",
        },
    ),
    "a NULL that is not written": (
        "empty_value",
        Fault.WRONG,
        {
            "sqlite": """CREATE TRIGGER planted AFTER UPDATE ON person WHEN new.ver >= 4 BEGIN
                UPDATE person SET name = 'kept' WHERE id = new.id; END""",
            "postgresql": "NEW.name := 'kept'; RETURN NEW;",
            "mariadb": "SET NEW.name = 'kept'",
        },
    ),
}


def _plant(raw: databases.Raw, bodies: dict[str, str]) -> None:
    """Let a trigger do something to each row that is written for the third time."""
    kind = raw.database.kind
    if kind == "sqlite":
        raw.execute("PRAGMA recursive_triggers = OFF")
        raw.execute(bodies[kind])
    elif kind == "postgresql":
        raw.execute(
            "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {bodies[kind]} END $$"
        )
        raw.execute(
            "CREATE TRIGGER planted BEFORE UPDATE ON person FOR EACH ROW WHEN (NEW.ver >= 4) "
            "EXECUTE FUNCTION planted()"
        )
    else:
        raw.execute(
            "CREATE TRIGGER planted BEFORE UPDATE ON person FOR EACH ROW "
            f"BEGIN IF NEW.ver >= 4 THEN {bodies[kind]}; END IF; END"
        )


def _worked(
    database: databases.Database, raw: databases.Raw, mix: dict[str, int], operations: int = 200
) -> tuple[application.Report, list[ledger.Difference]]:
    """Let the application work a while; return what it tells, and what differs from that."""
    scene = scenes.scene(scenes.RENAME, database.kind)
    base = scene.fill(raw, connections=2, each=25, idle=10)
    wish = application.Wish(connections=2, mix=mix)
    with application.running(scene, database, base, wish) as app:
        app.until(operations)
        report = app.end()
    return report, report.wrong(scene.found(raw, worker.OLD))


@pytest.fixture
def scene(database: databases.Database, raw: conftest.OpenRaw) -> scenes.Scene:
    """The application's tables."""
    made = scenes.scene(scenes.RENAME, database.kind)
    made.create(raw(database))
    return made


@pytest.mark.parametrize("what", _PLANTED)
def test_what_is_planted_is_found(
    what: str, scene: scenes.Scene, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    operation, fault, bodies = _PLANTED[what]
    _plant(raw(database), bodies)

    report, wrong = _worked(database, raw(database), {operation: 1})

    assert not report.failures
    assert fault in {one.fault for one in wrong}


def test_without_anything_planted_nothing_is_found(
    scene: scenes.Scene, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    report, wrong = _worked(database, raw(database), dict(worker.MIX), operations=400)

    assert report.failures == []
    assert report.surprises == []
    assert wrong == []
    # Everything that it can do was done, so that silence means something.
    able = set(worker.MIX) - ({"replace"} if database.kind == "postgresql" else set())
    assert able <= set(report.ledger.counts)
    assert report.times.all().count >= report.ledger.acknowledged


def test_rows_that_come_back_or_go_are_found(
    scene: scenes.Scene, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    report, wrong = _worked(database, raw(database), {"delete": 3, "insert": 2, "move": 1})
    back, away = min(report.ledger.gone), min(id_ for id_ in report.ledger.rows if id_ > 2_000_000)
    raw(database).execute(
        f"INSERT INTO person (id, owner, ver, slot) VALUES ({back}, 77, 1, 1), (99, 77, 1, 2)"
    )
    raw(database).execute(f"DELETE FROM person WHERE id = {away}")

    found = report.wrong(scene.found(raw(database), worker.OLD))

    assert wrong == []
    assert [(one.fault, one.id) for one in found] == [
        (Fault.INVENTED, 99),
        (Fault.RESURRECTED, back),
        (Fault.LOST, away),
    ]


def test_an_addition_that_is_lost_or_doubled_is_found(
    scene: scenes.Scene, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    report, wrong = _worked(database, raw(database), {"add": 1})
    raw(database).execute("UPDATE person SET ver = ver - 1 WHERE id = 1")
    raw(database).execute("UPDATE person SET ver = ver + 1 WHERE id = 2")
    raw(database).execute("UPDATE person SET tally = tally + 1 WHERE id = 3")

    found = report.wrong(scene.found(raw(database), worker.OLD))

    assert wrong == []
    assert [one.fault for one in found] == [Fault.STALE, Fault.DOUBLED, Fault.WRONG]


def test_a_statement_that_fails_is_told(
    scene: scenes.Scene, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    """As when a tool takes a column away that the application still writes."""
    base = scene.fill(raw(database), connections=2, each=25)
    with application.running(
        scene, database, base, application.Wish(connections=2, mix={"update": 1})
    ) as app:
        app.until(20)
        raw(database).execute("ALTER TABLE person RENAME COLUMN name TO full_name")
        patience = time.monotonic() + 60
        app.rest()
        while not app.so_far().failures and time.monotonic() < patience:
            app.speak(worker.OLD)  # nothing of it was under way yet
            time.sleep(0.1)
            app.rest()
        report = app.end()

    assert report.failures
    assert "name" in str(report.failures[0])
    # What failed has not happened.
    assert report.wrong(scene.found(raw(database), worker.NEW)) == []


def test_the_longest_wait_is_seen(
    scene: scenes.Scene, database: databases.Database, raw: conftest.OpenRaw
) -> None:
    base = scene.fill(raw(database), connections=2, each=25)
    with application.running(
        scene, database, base, application.Wish(connections=2, mix={"update": 1}, rate=100)
    ) as app:
        app.until(5)
        other = databases.Raw(database)
        other.execute("BEGIN IMMEDIATE" if database.kind == "sqlite" else "BEGIN")
        other.execute("UPDATE person SET note = 'held'")
        # Only from here: to get the lock may itself take long, and nobody waits for it meanwhile.
        began = worker.time.monotonic()
        worker.time.sleep(0.5)
        ended = worker.time.monotonic()
        other.execute("ROLLBACK")
        other.close()
        app.until(5)
        report = app.end()

    assert report.failures == []
    # Whatever was due while it was held has waited until the end of it.
    assert report.times.within(began, ended).longest > (ended - began) / 2


# --- an operation without an answer -------------------------------------------------------------

_ONE, _TWO = Row(1_000_001, 1, "a", 1), Row(1_000_002, 1, "b", 2)
_ALL: Final = Row(1, 1, "all", 1)


def _doubted() -> ledger.Ledger:
    """Return one in which both rows were written, and something added, without an answer."""
    book = ledger.Ledger(rows={row.id: row for row in (_ONE, _TWO, _ALL)})
    after = {_ONE.id: _ONE._replace(ver=2, value="new"), _TWO.id: None}
    book.doubt("several", after, {1: 10})
    return book


@pytest.mark.parametrize(
    ("found", "faults"),
    [
        ((_ONE, _TWO, _ALL), []),
        ((_ONE._replace(ver=2, value="new"), _ALL._replace(ver=2, tally=10)), []),
        ((_ONE, _ALL), [Fault.HALF]),
        ((_ONE._replace(ver=2, value="new"), _TWO, _ALL), [Fault.HALF]),
        ((_ONE, _TWO, _ALL._replace(ver=3, tally=20)), [Fault.DOUBLED]),
        ((_ONE, _TWO, _ALL._replace(ver=2, tally=7)), [Fault.DOUBLED]),
    ],
)
def test_what_got_no_answer_may_have_happened_but_not_half(
    found: tuple[Row, ...], faults: list[Fault]
) -> None:
    wrong = ledger.differences(_doubted(), {row.id: row for row in found})

    assert [one.fault for one in wrong] == faults


def test_a_statement_counts_for_every_moment_in_which_it_waited() -> None:
    times = figures.Times.empty()
    times.add(10.0, 5.0)
    times.add(16.0, 0.1)

    assert times.within(12.0, 13.0).longest == 5.0
    assert times.within(15.5, 17.0).longest == 0.1
    assert times.within(20.0, 21.0).count == 0
