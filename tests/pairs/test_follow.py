"""Following another database: whatever changes there comes, by rounds that may come twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

import whimbrel
from tests import databases
from tests import following as staged
from whimbrel import errors, events
from whimbrel.engines import captures, triggered
from whimbrel.journal import parts
from whimbrel.transfers import applying

NewDatabase = Callable[[str], databases.Database]
OpenRaw = Callable[[databases.Database], databases.Raw]
Ends = tuple[databases.Raw, databases.Raw]

every_pair = pytest.mark.parametrize("pair", staged.PAIRS, ids="-".join)
TWO = pytest.mark.parametrize("pair", staged.PAIRS[:2], ids="-".join)


@pytest.fixture
def ends(pair: tuple[str, str], new_database: NewDatabase, raw: OpenRaw) -> Ends:
    source, target = (raw(new_database(one)) for one in pair)
    staged.prepared(source)
    return source, target


def level(ends: Ends, **options: Any) -> Any:
    return staged.level(ends[0].database, ends[1].database, **options)


@every_pair
def test_everything_that_changes_comes(ends: Ends) -> None:
    source, target = ends
    first = level(ends)
    source.execute("DELETE FROM parent WHERE id = 1")
    source.execute("UPDATE parent SET id = 99 WHERE id = 2")
    source.execute("UPDATE child SET a = 'A3' WHERE a = 'a3'")
    source.execute("UPDATE parent SET v = NULL WHERE id = 4")
    # Two rows exchange what is unique.
    source.execute("UPDATE parent SET u = NULL WHERE id = 5")
    source.execute("UPDATE parent SET u = 5 WHERE id = 6")
    source.execute("UPDATE parent SET u = 6 WHERE id = 5")
    source.execute("INSERT INTO parent VALUES (100, 'it''s 100% \\ \u00e4\U0001f600', NULL)")

    second = level(ends)

    assert first.transfer is not None and first.transfer.rows == 24 and first.transfer.equal
    assert second.resumed and second.transfer is None and second.ok
    assert staged.seen(target) == staged.seen(source)
    assert level(ends).changes == 0


@TWO
def test_rows_of_a_table_that_is_emptied_at_once_go_and_later_ones_come(ends: Ends) -> None:
    source, target = ends
    level(ends)
    source.execute("TRUNCATE TABLE child")
    source.execute("INSERT INTO child VALUES ('new', 1, 3, 2.5)")

    level(ends)

    assert staged.seen(target) == staged.seen(source)
    assert target.value("SELECT count(*) FROM child") == 1


@TWO
def test_a_round_that_was_brought_and_not_forgotten_comes_out_the_same(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = ends
    level(ends)
    source.execute("DELETE FROM parent WHERE id = 1")
    source.execute("UPDATE parent SET v = 'x' WHERE id = 2")

    with monkeypatch.context() as patched:
        patched.setattr(triggered.TriggerCapture, "forget", _fails)
        with pytest.raises(ZeroDivisionError):
            level(ends)
    again = level(ends)

    assert again.changes > 0
    assert staged.seen(target) == staged.seen(source)


def _fails(*_: object) -> None:
    raise ZeroDivisionError


@every_pair
def test_writers_go_on_meanwhile(ends: Ends) -> None:
    source, target = ends
    random_ = random.Random(7)

    def work(raw: databases.Raw, at: int) -> None:
        key = random_.randrange(1, 40)
        match at % 6:
            case 0:
                raw.execute(f"DELETE FROM parent WHERE id = {key}")
            case 1 | 2:
                there = raw.value(f"SELECT count(*) FROM parent WHERE id = {key}")
                if not there:
                    raw.execute(f"INSERT INTO parent VALUES ({key}, 'n{at}', NULL)")
                    raw.execute(f"INSERT INTO child VALUES ('n', {at}, {key}, 3)")
            case 3:
                raw.execute(f"UPDATE parent SET v = 'm{at}' WHERE id < {key}")
            case 4:
                raw.execute("UPDATE parent SET u = NULL WHERE id IN (10, 11)")
                raw.execute(f"UPDATE parent SET u = {1000 + at} WHERE id = 10")
            case _:
                raw.execute(f"UPDATE parent SET id = {1_000 + at} WHERE id = {key}")
        time.sleep(0.003)

    with staged.writing(source.database, work) as done:
        follower = staged.Follower(source.database, target.database)
        follower.wait()
        begun = done[0]
        time.sleep(1.5)
    follower.stop()

    last = level(ends)

    assert isinstance(follower.error, KeyboardInterrupt)
    assert done[0] > begun
    assert any(isinstance(one, events.ChangesApplied) for one in follower.told)
    assert last.ok
    assert staged.seen(target) == staged.seen(source)


@pytest.mark.parametrize("pair", [("postgresql", "mariadb"), ("mariadb", "postgresql")])
def test_a_transaction_that_was_open_when_it_began_is_not_missed(ends: Ends) -> None:
    source, target = ends
    with databases.Raw(source.database) as late:
        late.execute("BEGIN")
        late.execute("UPDATE parent SET v = 'late' WHERE id = 1")
        follower = staged.Follower(source.database, target.database)
        until = time.monotonic() + 30
        while not waited(follower) and time.monotonic() < until:
            time.sleep(0.05)
        late.execute("COMMIT")
    follower.wait()
    follower.stop()

    level(ends)

    assert waited(follower)
    assert staged.seen(target) == staged.seen(source)


def waited(follower: staged.Follower) -> bool:
    return any(
        isinstance(one, events.Waiting) and "a lock of the source" in one.reason
        for one in follower.told
    )


@TWO
def test_a_row_that_no_longer_fulfils_its_condition_goes(ends: Ends) -> None:
    source, target = ends
    where = {"child": "b > 3"}
    level(ends, where=where)
    source.execute("UPDATE child SET b = 1 WHERE b = 5")
    source.execute("UPDATE child SET b = 50 WHERE b = 2")

    level(ends, where=where)

    found = [row[0] for row in target.execute("SELECT b FROM child ORDER BY b")]
    assert found == [4, *range(6, 13), 50]


@pytest.mark.parametrize("pair", [("sqlite", "postgresql")])
def test_a_row_that_does_not_fit_is_put_aside_until_it_does(ends: Ends) -> None:
    source, target = ends
    level(ends)
    source.execute("UPDATE parent SET u = 'no number' WHERE id = 3")
    source.execute("UPDATE parent SET v = 'good' WHERE id = 4")

    with pytest.raises(errors.TransferFailed, match="1 rows could not be written"):
        for _ in range(applying.TRIES + 1):
            level(ends)
    allowed = level(ends, max_rejects=1)
    aside = target.execute("SELECT table_name FROM whimbrel_rejects")
    source.execute("UPDATE parent SET u = 33 WHERE id = 3")
    mended = level(ends)

    assert allowed.rejected == 1 and not allowed.ok
    assert aside == [("parent",)]
    assert mended.ok and mended.rejected == 0
    assert target.execute("SELECT table_name FROM whimbrel_rejects") == []
    assert staged.seen(target) == staged.seen(source)


@TWO
def test_a_schema_that_is_altered_stops_it_and_says_what_to_do(ends: Ends) -> None:
    source, _ = ends
    level(ends)
    source.execute("ALTER TABLE parent ADD COLUMN nu INTEGER")

    with pytest.raises(errors.SourceAltered) as failed:
        level(ends)
    source.execute("ALTER TABLE parent DROP COLUMN nu")
    source.execute("DELETE FROM parent WHERE id = 1")
    back = level(ends)

    assert "'parent': the column 'nu' is new" in str(failed.value)
    assert back.changes > 0


@TWO
def test_after_a_change_of_schema_it_begins_anew_where_tables_may_be_replaced(ends: Ends) -> None:
    source, target = ends
    level(ends)
    source.execute("ALTER TABLE parent ADD COLUMN nu INTEGER DEFAULT 5")
    source.execute("DELETE FROM parent WHERE id = 1")

    anew = level(ends, existing="replace")
    again = level(ends, existing="replace")

    assert anew.transfer is not None and anew.transfer.rows == 22
    assert again.transfer is None and again.resumed
    assert target.value("SELECT nu FROM parent WHERE id = 2") == 5


@TWO
def test_what_cannot_be_followed_is_refused_before_anything_is_made(ends: Ends) -> None:
    source, target = ends
    source.execute("CREATE TABLE keyless (v INTEGER)")

    with pytest.raises(errors.CannotFollow, match="cannot be followed") as refused:
        level(ends)

    assert "'keyless' has no key" in str(refused.value)
    assert _ours(source) == []
    assert _ours(target) == []
    assert level(ends, exclude=["keyless"]).ok


def _ours(raw: databases.Raw) -> list[object]:
    if raw.database.kind == "postgresql":
        return list(raw.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'whimbrel%'"))
    return list(
        raw.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND table_name LIKE 'whimbrel%'"
        )
    )


@TWO
def test_a_transfer_that_is_refused_leaves_nothing_in_the_source(ends: Ends) -> None:
    source, target = ends
    target.execute("CREATE TABLE parent (id INTEGER)")

    with pytest.raises(errors.TargetNotEmpty):
        level(ends)

    assert _ours(source) == []


@TWO
def test_what_noted_changes_and_is_gone_is_said(ends: Ends) -> None:
    source, _ = ends
    level(ends)
    (state,) = (name for (name,) in _ours(source) if name.count("_") == 2)  # type: ignore[misc]
    source.execute(f"DROP TABLE {state}")

    with pytest.raises(errors.CaptureLost, match="not noted any more"):
        level(ends)


@pytest.mark.parametrize("pair", [("mariadb", "postgresql")])
def test_keys_that_a_collation_thinks_the_same_are_told_apart(ends: Ends) -> None:
    source, target = ends
    source.execute("CREATE TABLE word (w VARCHAR(20) PRIMARY KEY) COLLATE utf8mb4_general_ci")
    source.execute("INSERT INTO word VALUES ('one'), ('two')")
    level(ends)
    source.execute("UPDATE word SET w = 'ONE' WHERE w = 'one'")
    source.execute("UPDATE word SET w = 'two ' WHERE w = 'two'")
    source.execute("DELETE FROM word WHERE w = 'TWO'")
    source.execute("INSERT INTO word VALUES ('Two')")

    level(ends)

    assert sorted(target.execute("SELECT w FROM word")) == [("ONE",), ("Two",)]


@pytest.mark.parametrize("pair", [("postgresql", "mariadb")])
def test_two_at_once_are_refused_by_the_lock(ends: Ends) -> None:
    source, target = ends
    follower = staged.Follower(source.database, target.database)
    follower.wait()

    with pytest.raises(errors.LockHeld):
        level(ends)
    follower.stop()


@pytest.mark.parametrize("pair", [("postgresql", "mariadb")])
def test_rules_are_applied_to_what_comes_later(ends: Ends) -> None:
    source, target = ends
    rules = whimbrel.Mapping(rest="leave")
    rules.table("people", from_="parent", rename={"v": "name"}, cleanse={"name": [{"trim": True}]})
    level(ends, rules=rules)
    source.execute("UPDATE parent SET v = ' later ' WHERE id = 1")
    source.execute("DELETE FROM parent WHERE id = 2")

    level(ends, rules=rules)

    assert target.execute("SELECT id, name FROM people ORDER BY id")[:2] == [
        (1, "later"),
        (3, "v3"),
    ]


def test_a_way_that_an_engine_does_not_have_is_refused(new_database: NewDatabase) -> None:
    source = new_database("sqlite")
    with databases.Raw(source) as raw:
        staged.prepared(raw)

    with pytest.raises(errors.CannotFollow, match="cannot be followed"):
        whimbrel.follow(source.url, new_database("sqlite").url, capture=captures.LOG)
    with pytest.raises(errors.UsageError, match="means nothing"):
        whimbrel.follow(source.url, source.url, capture="ears")


def test_rejects_of_a_round_have_a_place_of_their_own() -> None:
    kept = applying.dump_waiting({"t": {(b"\xff", b"a"): 3}})

    assert applying.load_waiting(kept) == {"t": {(b"\xff", b"a"): 0}}
    assert parts.Asked.GO_ON.value == "go on"
