"""An application that writes to two places is killed at its statements: nothing is lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

import whimbrel
from tests import databases, dual
from whimbrel.engines import owners
from whimbrel.online import dual_write as doors

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.dual", "tests.crash.child", "whimbrel.online.model_pair"])

OPTIONS = doors.Options(lease_seconds=0.3, first_wait_seconds=0.01)


class Place(dual.Stage):
    """The models of a stage that another process has made."""

    def __init__(self, old: databases.Database, new: databases.Database) -> None:
        self.old_database, self.new_database = old, new
        self._backends = []
        self.Old, self.New = self.models()


def _paired(stage: dual.Stage, **options: object) -> object:
    given = {"name": "users", "back": dual.BACK, "options": OPTIONS, **options}
    return whimbrel.dual_write(stage.Old, stage.New, dual.MAPPING, **given)


def _work(old: databases.Database, new: databases.Database, kill_at: int, ledger: Path) -> None:
    """Write, and note what was acknowledged; end at one of the statements that are ours."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    stage = Place(old, new)
    _paired(stage)
    count = 0

    def counted(call):
        def run(*arguments):
            nonlocal count
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments)

        return run

    for name in ("send", "fetch", "_say"):
        setattr(owners.Owned, name, counted(getattr(owners.Owned, name)))
    with ledger.open("a", buffering=1) as notes:
        ada = stage.Old(name="Ada Byron")
        ada.save()
        notes.write("Ada Byron\n")
        with stage.Old.transaction():
            stage.Old(name="Plato P").save()
            stage.Old(name="Grace Hopper").save()
        notes.write("Grace Hopper\n")
        ada.name = "Ada Lovelace"
        ada.save()
        notes.write("Ada Lovelace\n")
        stage.Old.find_one({"name": "Plato P"}).delete()
        notes.write("no Plato\n")


def _places() -> list[object]:
    """Return where to kill: a few of our statements, in the campaign each of them."""
    few = {"one database": (4, 11, 18, 26), "two databases": (4, 15, 26, 38, 50, 62, 74)}
    every = {"one database": range(1, 29), "two databases": range(1, 77)}
    return [
        pytest.param(where, at, marks=() if at in few[where] else (pytest.mark.exhaustive,))
        for where, places in every.items()
        for at in places
    ]


@pytest.mark.parametrize(("where", "kill_at"), _places())
def test_what_was_acknowledged_is_on_both_sides_in_the_end(
    where, kill_at, database, new_database, raw, tmp_path
):
    other = database if where == "one database" else new_database(database.engine_id)
    ledger = tmp_path / "ledger"
    with dual.staged(database, other, raw) as stage:
        _paired(stage).close()
        child = _CONTEXT.Process(target=_work, args=(database, other, kill_at, ledger))
        child.start()
        child.join(60)
        at_once = (stage.old(), stage.new())
        users = _paired(stage, deliver="elsewhere")
        try:
            _until_empty(users, stage)
        finally:
            users.close()

        acknowledged = ledger.read_text().splitlines() if ledger.exists() else []
        names = {row[1] for row in stage.old()}
        assert -signal.SIGKILL == child.exitcode
        assert stage.old() == stage.new()
        if where == "one database":
            assert at_once[0] == at_once[1]
        for note in acknowledged[-1:]:
            assert {
                "Ada Byron": names & {"Ada Byron", "Ada Lovelace"},
                "Grace Hopper": {"Grace Hopper"} & names,
                "Ada Lovelace": {"Ada Lovelace"} & names,
                "no Plato": {"x"} if "Plato P" not in names else set(),
            }[note]


def _until_empty(users, stage) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        users.deliver()
        if not stage.waiting():
            return
        threading.Event().wait(0.1)
    pytest.fail(f"{stage.waiting()} rows are still in the outbox")


# --- many at once -------------------------------------------------------------------------------


def _writer(old, new, seed: int, rounds: int, ledger: Path) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    stage = Place(old, new)
    users = _paired(stage)
    dice = random.Random(seed)
    for number in range(rounds):
        try:
            _one_write(stage, dice, f"W{seed} N{number}")
        except Exception:  # noqa: BLE001 - a deadlock, a busy file, a row that is gone: as in any application
            time.sleep(0.01)
            continue
        with ledger.open("a") as notes:
            notes.write(".")
    users.deliver()
    stage.close()


def _one_write(stage, dice: random.Random, name: str) -> None:
    found = stage.Old.query().where("id = ?", (dice.randint(1, 12),)).one()
    what = dice.random()
    if found is None or what < 0.3:
        stage.Old(name=name).save()
    elif what < 0.45:
        found.delete()
    elif what < 0.6:
        with stage.Old.transaction():
            found.name = name
            found.save()
            if what < 0.5:
                raise ZeroDivisionError
            found.email = name
            found.save()
    else:
        found.name = name
        found.save()


@pytest.mark.parametrize("where", ["one database", "two databases"])
@pytest.mark.parametrize(
    "rounds", [25, pytest.param(1_000, marks=pytest.mark.exhaustive)], ids=["short", "long"]
)
def test_writers_and_deliverers_at_once_leave_both_sides_equal(
    rounds, where, database, new_database, raw, tmp_path
):
    other = database if where == "one database" else new_database(database.engine_id)
    ledger = tmp_path / "ledger"
    ledger.touch()
    with dual.staged(database, other, raw) as stage:
        users = _paired(stage, deliver="elsewhere")
        writers = [
            _CONTEXT.Process(target=_writer, args=(database, other, seed, rounds, ledger))
            for seed in range(4)
        ]
        for one in writers:
            one.start()
        if where == "one database":
            users.off()  # and on again, in the midst of it
            time.sleep(0.3)
            users.on()
        while any(one.is_alive() for one in writers):
            users.deliver()
            time.sleep(0.02)
        try:
            _until_empty(users, stage)
        finally:
            users.close()

        acknowledged = len(ledger.read_text())
        assert [0] * 4 == [one.exitcode for one in writers]
        assert acknowledged > rounds
        assert stage.old() == stage.new()
        assert len(stage.old()) > 0
