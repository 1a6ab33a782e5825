"""Letting the target take over: nobody writes, everything comes, keys are made, both are equal."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import whimbrel
from tests import databases
from tests import following as staged
from whimbrel import errors, events
from whimbrel.transfers import cutover as cutting

NewDatabase = Callable[[str], databases.Database]
OpenRaw = Callable[[databases.Database], databases.Raw]
Ends = tuple[databases.Raw, databases.Raw]

TWO = pytest.mark.parametrize("pair", staged.PAIRS[:2], ids="-".join)
BACK = pytest.mark.parametrize("pair", [("mariadb", "postgresql")], ids="-".join)


@pytest.fixture
def ends(pair: tuple[str, str], new_database: NewDatabase, raw: OpenRaw) -> Ends:
    source, target = (raw(new_database(one)) for one in pair)
    staged.prepared(source)
    return source, target


def cut(ends: Ends, **options: Any) -> cutting.CutOver:
    return whimbrel.cutover(ends[0].database.url, ends[1].database.url, **options)


def level(ends: Ends, **options: Any) -> None:
    staged.level(ends[0].database, ends[1].database, **options)


def refuses(raw: databases.Raw, sql: str) -> bool:
    try:
        raw.execute(sql)
    except Exception as error:  # noqa: BLE001 - every driver has its own
        return "writes are stopped" in str(error)
    return False


@pytest.mark.parametrize("pair", staged.PAIRS, ids="-".join)
def test_the_target_takes_over_from_a_source_that_is_written_to(ends: Ends) -> None:
    source, target = ends
    written: list[int] = []

    def work(raw: databases.Raw, at: int) -> None:
        if written and written[-1] < 0:
            time.sleep(0.01)
            return
        if refuses(raw, f"INSERT INTO parent VALUES ({1_000 + at}, 'n{at}', {1_000 + at})"):
            written.append(-1)
            return
        written.append(1_000 + at)
        raw_deleted = 1_000 + at - 7
        if refuses(raw, f"DELETE FROM parent WHERE id = {raw_deleted} AND id % 3 = 0"):
            written.append(-1)
        time.sleep(0.002)

    told: list[events.Event] = []
    with staged.writing(source.database, work):
        follower = staged.Follower(source.database, target.database)
        follower.wait()
        done = cut(ends, tell=told.append)
        time.sleep(0.05)
    follower.join()

    assert follower.error is None and follower.done is not None
    assert staged.seen(target) == staged.seen(source)
    assert 1_000 in written
    assert done.verification is not None and done.verification.equal
    assert 0 < done.standstill < 30
    assert [one.name for one in done.steps][:3] == ["catch up", "stop writes", "last changes"]
    assert any(isinstance(one, events.CutoverDone) for one in told)
    # Who comes late is refused there, and keys and cascades are here.
    assert refuses(source, "DELETE FROM child")
    target.execute("PRAGMA foreign_keys = ON" if target.database.kind == "sqlite" else "SELECT 1")
    target.execute("DELETE FROM parent WHERE id = 3")
    assert target.value("SELECT count(*) FROM child WHERE parent = 3") == 0


@TWO
def test_what_fails_before_the_switch_is_taken_back_and_the_following_goes_on(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = ends
    level(ends)

    with monkeypatch.context() as patched:
        patched.setattr(cutting._Cutover, "_compare", _fails)
        with pytest.raises(errors.CutoverFailed) as failed:
            cut(ends)
    source.execute("DELETE FROM parent WHERE id = 1")
    source.execute("INSERT INTO parent VALUES (500, 'x', NULL)")
    level(ends)

    assert failed.value.step == "compare"
    assert "writes are allowed again" in str(failed.value)
    assert staged.seen(target) == staged.seen(source)
    assert cut(ends).verification is not None


def _fails(_: object) -> None:
    raise errors.WhimbrelError("the test says no")


@TWO
def test_rows_that_differ_stop_it(ends: Ends) -> None:
    source, target = ends
    level(ends)
    target.execute("UPDATE parent SET v = 'other' WHERE id = 3")

    with pytest.raises(errors.CutoverFailed, match="stopped at: compare") as failed:
        cut(ends)

    assert "1 rows differ" in str(failed.value)
    assert not refuses(source, "UPDATE parent SET v = 'x' WHERE id = 3")
    assert cut(ends).changes == 1


@BACK
def test_a_cutover_that_is_killed_is_gone_on_with_or_taken_back(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = ends
    level(ends)

    for name in ("_last_changes", "_compare"):
        with monkeypatch.context() as patched:
            patched.setattr(cutting._Cutover, name, _dies)
            patched.setattr(cutting._Cutover, "_undo", _nothing)
            with pytest.raises(ZeroDivisionError):
                cut(ends)
        assert refuses(source, "DELETE FROM parent WHERE id = 2")
        told: list[events.Event] = []
        level(ends, tell=told.append)
        assert events.Noticed(
            what="a cutover that was begun and not ended is taken back"
        ) in told  # fmt: skip
        source.execute("UPDATE parent SET v = CONCAT(v, '!') WHERE id = 2")
    level(ends)

    assert target.value("SELECT v FROM parent WHERE id = 2") == "v2!!"
    with monkeypatch.context() as patched:
        patched.setattr(cutting._Cutover, "_compare", _dies)
        patched.setattr(cutting._Cutover, "_undo", _nothing)
        with pytest.raises(ZeroDivisionError):
            cut(ends)
    done = cut(ends)
    assert done.verification is not None and done.verification.equal


def _dies(_: object) -> None:
    raise ZeroDivisionError


def _nothing(*_: object) -> None:
    """Do what a killed process does."""


@BACK
def test_commands_stop_writes_and_switch(ends: Ends, tmp_path: Path) -> None:
    source, _ = ends
    level(ends)
    said = tmp_path / "said"

    with pytest.raises(errors.CutoverFailed) as failed:
        cut(
            ends,
            stop_writes=f"echo stop >> {said}",
            start_writes=f"echo start >> {said}",
            switch="echo no; exit 3",
        )
    done = cut(ends, stop_writes=f"echo stop >> {said}", switch=f"echo switch >> {said}")

    assert failed.value.step == "switch"
    assert "writes to the source stay stopped" in str(failed.value)
    assert "exit code 3" in str(failed.value)
    assert said.read_text().split() == ["stop", "stop", "switch"]
    assert done.steps[-1].name == "end"
    assert not refuses(source, "DELETE FROM child")


@BACK
def test_a_stop_command_that_fails_is_followed_by_the_one_that_starts(
    ends: Ends, tmp_path: Path
) -> None:
    level(ends)
    said = tmp_path / "said"

    with pytest.raises(errors.CutoverFailed, match="stopped at: stop writes"):
        cut(ends, stop_writes="exit 1", start_writes=f"echo start >> {said}")

    assert said.read_text().split() == ["start"]


@BACK
def test_without_anything_that_follows_there_is_nothing_to_cut_over_to(ends: Ends) -> None:
    with pytest.raises(errors.NotFollowed, match="nothing to cut over to"):
        cut(ends)
    level(ends)
    cut(ends)
    with pytest.raises(errors.NotFollowed):
        cut(ends)
