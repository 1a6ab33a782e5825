"""Changes are noticed by the servers' own logs: which keys are told, when, and never too few."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import pymysql
import pytest

from tests import databases, servers
from whimbrel import errors
from whimbrel.engines import base, captures, mirrors, registry

pytestmark = pytest.mark.server
NewDatabase = Callable[[str], databases.Database]
OpenRaw = Callable[[databases.Database], databases.Raw]
Begin = Callable[..., captures.Capture]
_TOLD_SECONDS: Final = 60.0

both = pytest.mark.parametrize("source", ["postgresql", "mariadb"], indirect=True)
on_postgresql = pytest.mark.parametrize("source", ["postgresql"], indirect=True)
on_mariadb = pytest.mark.parametrize("source", ["mariadb"], indirect=True)


@pytest.fixture
def source(request: pytest.FixtureRequest, new_database: NewDatabase) -> databases.Database:
    """An empty database of a server whose log says which rows change."""
    return new_database(request.param + servers.LOGGED)


@pytest.fixture
def sql(source: databases.Database, raw: OpenRaw) -> databases.Raw:
    return raw(source)


@pytest.fixture
def sessions(source: databases.Database) -> Iterator[Callable[[], base.Session]]:
    """Open sessions on the source that are closed at the end."""
    opened: list[base.Session] = []

    def make() -> base.Session:
        opened.append(registry.open_session(source.url))
        return opened[-1]

    yield make
    for session in opened:
        session.close()


@pytest.fixture
def begin(sessions: Callable[[], base.Session]) -> Iterator[Begin]:
    """Begin, or go on, to follow tables in a session of its own: `begin("a", "b", name="one")`."""
    made: list[captures.Capture] = []

    def start(*tables: str, name: str = "one", start: bool = True) -> captures.Capture:
        session = sessions()
        made.append(_capture(session))
        if start:
            made[-1].start(name, _followed(session, *tables), seconds=5)
        return made[-1]

    yield start
    for capture in made:
        capture._close()  # type: ignore[attr-defined]


def _capture(session: base.Session) -> captures.Capture:
    capture = session.engine.capture(session, captures.LOG)
    assert capture is not None
    return capture


def _followed(session: base.Session, *names: str) -> list[captures.Followed]:
    with session.looking():
        tables = [session.engine.catalog(session).table(name) for name in names]
    return [captures.Followed(table=one, key=one.primary_key) for one in tables]


def _told(
    capture: captures.Capture, *, name: str = "one", limit: int = 1000
) -> dict[str, list[tuple[bytes, ...]]]:
    """Read and forget everything, and return the keys.

    The server is also that of other tests: what they hold back makes a read end early.
    """
    found: dict[str, list[tuple[bytes, ...]]] = {}
    until = time.monotonic() + _TOLD_SECONDS
    while not (changed := capture.read(name, limit=limit)).nothing or changed.more:
        assert not changed.altered and not changed.emptied
        assert time.monotonic() < until, "there is more, and it is not told"
        for table, keys in changed.keys.items():
            found.setdefault(table, []).extend(keys)
        capture.forget(name, changed.upto)
    return found


def _numbers(keys: list[tuple[bytes, ...]]) -> set[int]:
    return {int(key[0]) for key in keys}


@contextmanager
def _open_transaction(
    source: databases.Database,
) -> Iterator[psycopg.Cursor | pymysql.cursors.Cursor]:
    connection = servers.connect(source.url)
    if isinstance(connection, psycopg.Connection):
        connection.autocommit = False
    else:
        connection.autocommit(False)
    with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
        if source.kind != "postgresql":
            # No locks of rows that are not there.
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield cursor


# --- what is told -------------------------------------------------------------------------------


@both
def test_every_kind_of_change_tells_the_keys_of_its_rows(sql: databases.Raw, begin: Begin) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    sql.execute("CREATE TABLE other (id int PRIMARY KEY)")
    sql.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')")
    capture = begin("t")

    sql.execute("INSERT INTO t VALUES (10, 'x'), (11, NULL)")
    sql.execute("UPDATE t SET v = 'y' WHERE id = 1")
    sql.execute("UPDATE t SET id = 20 WHERE id = 2")
    sql.execute("DELETE FROM t WHERE id = 3")
    sql.execute("INSERT INTO other VALUES (99)")

    changed = capture.read("one", limit=100)
    assert set(changed.keys) == {"t"}
    assert _numbers(list(changed.keys["t"])) == {1, 2, 3, 10, 11, 20}
    assert changed.changes == 5
    assert changed.oldest is not None


@both
def test_what_is_taken_back_is_not_told(source: databases.Database, begin: Begin) -> None:
    with databases.Raw(source) as sql:
        sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")

    with _open_transaction(source) as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        cursor.execute("SAVEPOINT a")
        cursor.execute("INSERT INTO t VALUES (2)")
        cursor.execute("ROLLBACK TO SAVEPOINT a")
        cursor.execute("INSERT INTO t VALUES (3)")
        assert capture.read("one", limit=10).nothing
        cursor.execute("COMMIT")
        cursor.execute("INSERT INTO t VALUES (4)")
        cursor.execute("ROLLBACK")

    assert _numbers(_told(capture)["t"]) == {1, 3}


@both
def test_changes_are_told_again_until_they_are_forgotten(sql: databases.Raw, begin: Begin) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")
    sql.execute("INSERT INTO t VALUES (1)")

    first = capture.read("one", limit=10)
    sql.execute("INSERT INTO t VALUES (2)")
    again = capture.read("one", limit=10)
    capture.forget("one", first.upto)
    rest = capture.read("one", limit=10)

    assert _numbers(list(first.keys["t"])) == {1}
    assert _numbers(list(again.keys["t"])) == {1, 2}
    assert _numbers(list(rest.keys["t"])) == {2}


@both
def test_who_was_killed_before_forgetting_is_told_the_same_again(
    sql: databases.Raw, begin: Begin, sessions: Callable[[], base.Session]
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    session = sessions()
    killed = _capture(session)
    killed.start("one", _followed(session, "t"), seconds=5)
    sql.execute("INSERT INTO t VALUES (1), (2)")
    before = killed.read("one", limit=10)
    killed._close()  # type: ignore[attr-defined]
    session.connection.invalidate()

    capture = begin("t")

    assert _told(capture) == before.keys


@both
def test_a_transaction_that_is_larger_than_a_read_is_told_in_parts(
    sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")
    values = ", ".join(f"({number})" for number in range(20_000))
    sql.execute(f"INSERT INTO t VALUES {values}")
    sql.execute("INSERT INTO t VALUES (20000)")

    parts = []
    for _ in range(3):
        changed = capture.read("one", limit=3_000)
        parts.append(changed.changes)
        capture.forget("one", changed.upto)
    # Whoever begins anew has to begin with the transaction.
    again = begin("t")

    assert all(3_000 <= part < 6_000 for part in parts)
    assert _numbers(_told(again, limit=3_000)["t"]) == set(range(20_001))


@both
def test_less_than_was_asked_for_is_all_that_had_changed(sql: databases.Raw, begin: Begin) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")
    for number in range(300):
        sql.execute(f"INSERT INTO t VALUES ({number})")

    parts = [capture.read("one", limit=limit) for limit in (1, 299, 301)]

    assert [part.more for part in parts] == [True, True, False]
    assert [part.changes for part in parts] == [1, 299, 300]


@both
def test_whoever_reads_what_is_told_ends_with_the_same_rows(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    capture = begin("t")
    copy: dict[int, int] = {}
    with _open_transaction(source) as one, _open_transaction(source) as two:
        writers = (one, range(20)), (two, range(20, 40))
        for _ in range(400):
            cursor, own = rng.choice(writers)
            _change(cursor, rng, own)
            if not rng.randrange(4):
                cursor.execute(rng.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
            if not rng.randrange(10):
                changed = capture.read("one", limit=rng.choice([1, 7, 1000]))
                if not rng.randrange(5):
                    continue  # killed before anything was done with it
                for number in _numbers(list(changed.keys.get("t", []))):
                    found = sql.execute(f"SELECT v FROM t WHERE id = {number}")
                    copy.pop(number, None)
                    if found:
                        copy[number] = int(str(found[0][0]))
                capture.forget("one", changed.upto)
        one.execute("COMMIT")
        two.execute("COMMIT")
    for number in _numbers(_told(capture).get("t", [])):
        found = sql.execute(f"SELECT v FROM t WHERE id = {number}")
        copy.pop(number, None)
        if found:
            copy[number] = int(str(found[0][0]))

    assert sorted(copy.items()) == sorted(sql.execute("SELECT id, v FROM t")), f"seed {seed}"


def _change(
    cursor: psycopg.Cursor | pymysql.cursors.Cursor, rng: random.Random, own: range
) -> None:
    """Change rows that are nobody else's, so that nobody has to wait."""
    first, second = rng.sample(own, 2)
    cursor.execute(f"DELETE FROM t WHERE id = {first}")
    match rng.randrange(4):
        case 0:
            cursor.execute(f"INSERT INTO t VALUES ({first}, {rng.randrange(1000)})")
        case 1:
            cursor.execute(f"UPDATE t SET id = {first} WHERE id = {second}")
        case 2:
            cursor.execute(f"UPDATE t SET v = v + 1 WHERE id = {second}")
        case _:
            cursor.execute(f"INSERT INTO t VALUES ({first}, 0)")
            cursor.execute(f"UPDATE t SET v = 7 WHERE id IN ({first}, {second})")


@both
def test_several_followers_of_a_source_do_not_disturb_each_other(
    sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    first = begin("t")
    sql.execute("INSERT INTO t VALUES (1)")
    second = begin("t", name="Two")
    sql.execute("INSERT INTO t VALUES (2)")

    assert _numbers(_told(first)["t"]) == {1, 2}
    assert _numbers(_told(second, name="Two")["t"]) == {2}
    second.stop("Two", seconds=5)
    sql.execute("INSERT INTO t VALUES (3)")
    assert _numbers(_told(first)["t"]) == {3}
    assert first.presence("one") and not first.presence("Two")


@both
def test_stopping_leaves_nothing_behind(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")

    capture.stop("one", seconds=5)
    capture.stop("one", seconds=5)

    assert not capture.presence("one")
    if source.kind == "postgresql":
        left = "SELECT pubname FROM pg_publication UNION ALL SELECT slot_name "
        left += "FROM pg_replication_slots WHERE database = current_database()"
        assert sql.execute(left) == []
    else:
        assert sql.execute("SHOW TABLES") == [("t",)]


# --- when it is told ----------------------------------------------------------------------------


@both
def test_a_transaction_that_is_open_at_the_start_is_not_missed(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    with _open_transaction(source) as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        later = threading.Timer(0.4, lambda: cursor.execute("COMMIT"))
        later.start()

        capture = begin("t")
        seen = {int(str(row[0])) for row in sql.execute("SELECT id FROM t")}
        later.join()

    told = _numbers(_told(capture).get("t", []))
    assert 1 in seen | told


@on_postgresql
def test_the_start_names_who_it_would_have_to_wait_for(
    source: databases.Database,
    sql: databases.Raw,
    sessions: Callable[[], base.Session],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("whimbrel.engines.postgresql.log_capture._SLOT_SECONDS", 0)
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    session = sessions()
    with _open_transaction(source) as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")

        with pytest.raises(mirrors.Busy) as busy:
            _capture(session).start("one", _followed(session, "t"), seconds=0.3)

    assert "whimbrel@" in busy.value.blockers[0].who
    assert not _capture(session).presence("one")


@on_postgresql
def test_a_commit_that_is_logged_and_not_yet_visible_is_not_told(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")

    with _waiting_for_a_standby(sql), _committing(source) as pid:
        _until(
            lambda: sql.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        )
        hidden = capture.read("one", limit=10)
        seen = sql.execute("SELECT id FROM t")
        sql.execute("SELECT pg_cancel_backend(%s)", [pid])

    assert hidden.nothing and hidden.more and seen == []
    assert _numbers(_told(capture)["t"]) == {1}


@contextmanager
def _waiting_for_a_standby(sql: databases.Raw) -> Iterator[None]:
    """Let commits wait for a standby that is not there, if they want to be sure."""
    sql.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    sql.execute("SELECT pg_reload_conf()")
    _until(lambda: sql.value("SHOW synchronous_standby_names") == "nobody")
    try:
        yield
    finally:
        sql.execute("ALTER SYSTEM RESET synchronous_standby_names")
        sql.execute("SELECT pg_reload_conf()")


@contextmanager
def _committing(source: databases.Database) -> Iterator[int]:
    connection = psycopg.connect(source.url)
    pid = connection.info.backend_pid

    def commit() -> None:
        connection.execute("SET synchronous_commit = on")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        yield pid
    finally:
        thread.join()
        connection.close()


@on_mariadb
def test_rows_are_told_only_when_others_see_them(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")
    sql.execute("SET GLOBAL rpl_semi_sync_master_timeout = 1000")
    sql.execute("SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC")
    sql.execute("SET GLOBAL rpl_semi_sync_master_enabled = ON")
    try:
        with databases.Raw(source) as writer:
            thread = threading.Thread(target=lambda: writer.execute("INSERT INTO t VALUES (1)"))
            thread.start()
            _until(
                lambda: (
                    sql.value("SHOW STATUS LIKE 'Rpl_semi_sync_master_wait_sessions'")
                    and (
                        "1"
                        == sql.execute("SHOW STATUS LIKE 'Rpl_semi_sync_master_wait_sessions'")[0][
                            1
                        ]
                    )
                )
            )
            hidden = sql.execute("SELECT id FROM t")
            changed = capture.read("one", limit=10)
            seen = sql.execute("SELECT id FROM t")
            thread.join()
    finally:
        sql.execute("SET GLOBAL rpl_semi_sync_master_enabled = OFF")

    assert hidden == []
    assert _numbers(list(changed.keys["t"])) == {1}
    assert seen == [(1,)]


def _until(asked: Callable[[], object], *, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not asked():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


@both
def test_rows_that_writers_commit_meanwhile_are_there_when_they_are_told(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, w int)")
    capture = begin("t")
    with _writers(source, count=3, rows=150):
        told: set[int] = set()
        until = time.monotonic() + 30
        while len(told) < 450 and time.monotonic() < until:
            changed = capture.read("one", limit=50)
            keys = _numbers(list(changed.keys.get("t", [])))
            there = {int(str(row[0])) for row in sql.execute("SELECT id FROM t")}
            assert keys <= there
            capture.forget("one", changed.upto)
            told |= keys

    assert len(told) == 450


@contextmanager
def _writers(source: databases.Database, *, count: int, rows: int) -> Iterator[None]:
    def write(writer: int) -> None:
        with databases.Raw(source) as sql:
            for number in range(rows):
                sql.execute(f"INSERT INTO t VALUES ({writer * rows + number}, {writer})")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


# --- how far behind -----------------------------------------------------------------------------


@both
def test_the_lag_is_that_of_the_oldest_change(sql: databases.Raw, begin: Begin) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    sql.execute("CREATE TABLE other (id int PRIMARY KEY)")
    capture = begin("t")
    sql.execute("INSERT INTO other VALUES (1)")
    idle = capture.lag("one")
    sql.execute("INSERT INTO t VALUES (1)")
    time.sleep(1.1)
    behind = capture.lag("one")
    _told(capture)

    assert idle == captures.Lag(changes=0, seconds=0.0)
    assert behind.seconds is not None and 1 <= behind.seconds < 10
    assert capture.lag("one") == captures.Lag(changes=0, seconds=0.0)


@both
def test_the_log_of_others_is_passed_while_our_tables_are_quiet(
    source: databases.Database, sql: databases.Raw, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    sql.execute("CREATE TABLE other (id int PRIMARY KEY, v text)")
    capture = begin("t")
    monkeypatch.setattr(f"{type(capture).__module__}._QUIET_BYTES", 10_000)
    first = capture.read("one", limit=10).upto
    for number in range(20):
        sql.execute(f"INSERT INTO other VALUES ({number}, '{'x' * 1000}')")

    capture.read("one", limit=10)
    again = begin("t").read("one", limit=10).upto

    assert again != first
    if source.kind == "postgresql":
        kept = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) "
        kept += "FROM pg_replication_slots WHERE database = current_database()"
        assert int(str(sql.value(kept))) < 10_000


# --- tables that are not what they were ---------------------------------------------------------


@both
def test_an_emptied_table_is_told_of(sql: databases.Raw, begin: Begin) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    sql.execute("CREATE TABLE other (id int PRIMARY KEY)")
    sql.execute("INSERT INTO t VALUES (1)")
    capture = begin("t")

    sql.execute("TRUNCATE TABLE other")
    sql.execute("TRUNCATE TABLE t")
    sql.execute("INSERT INTO t VALUES (2)")

    changed = capture.read("one", limit=10)
    assert changed.emptied == {"t"}
    assert _numbers(list(changed.keys["t"])) == {2}


@both
@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("ALTER TABLE t ADD COLUMN more int", "more"),
        ("ALTER TABLE t DROP COLUMN v", "v"),
        ("DROP TABLE t", "not there"),
        ("ALTER TABLE t RENAME TO u", "not there"),
    ],
)
def test_a_changed_schema_is_told_of(
    sql: databases.Raw, begin: Begin, change: str, word: str
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    capture = begin("t")
    sql.execute("INSERT INTO t VALUES (1, 1)")
    sql.execute(change)

    changed = capture.read("one", limit=10)

    assert word in changed.altered["t"]
    assert "t" not in changed.keys
    # Also who begins again is told, as long as nobody has stopped.
    assert "t" in begin(start=False).read("one", limit=10).altered


@both
def test_a_table_that_was_made_anew_is_not_taken_for_the_old_one(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")
    sql.execute("DROP TABLE t")
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")

    changed = capture.read("one", limit=10)

    if source.kind == "postgresql":
        assert "another table" in changed.altered["t"]
    else:
        assert changed.emptied == {"t"}


# --- what is gone -------------------------------------------------------------------------------


@both
def test_a_log_that_is_gone_is_an_error_and_no_silence(
    source: databases.Database, sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    capture = begin("t")
    capture._close()  # type: ignore[attr-defined]
    if source.kind == "postgresql":
        slot = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
        sql.execute(f"SELECT pg_drop_replication_slot(({slot}))")
    else:
        sql.execute("UPDATE whimbrel_log SET place = 'log.000000:4'")

    with pytest.raises(errors.CaptureLost, match=r"slot|thrown away"):
        begin(start=False).read("one", limit=10)


@on_mariadb
def test_a_log_that_was_begun_anew_is_not_taken_for_the_old_one(
    sql: databases.Raw, begin: Begin
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    begin("t")
    # What RESET MASTER, or another server with files of these names, would say of that place.
    sql.execute("UPDATE whimbrel_log SET sign = '0-1-999999999'")

    with pytest.raises(errors.CaptureLost, match="not the one that was read before"):
        begin(start=False).read("one", limit=10)


@pytest.mark.parametrize("engine_id", ["postgresql", "mariadb"])
def test_a_server_that_was_killed_and_is_back_has_lost_no_change(engine_id: str) -> None:
    settings = servers.LOG_SETTINGS[engine_id]
    with servers.running(engine_id, durable=True, settings=settings) as server:
        with contextlib.closing(servers.connect(server.url)) as made:
            made.cursor().execute("CREATE DATABASE shop")
        url = server.database_url("shop")
        database = databases.Database(engine_id=engine_id, kind=server.kind, url=url)
        with databases.Raw(database) as sql:
            sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
        with contextlib.closing(registry.open_session(url)) as session:
            capture = _capture(session)
            capture.start("one", _followed(session, "t"), seconds=5)
            with databases.Raw(database) as sql:
                sql.execute("INSERT INTO t VALUES (1)")
                capture.forget("one", capture.read("one", limit=10).upto)
                sql.execute("INSERT INTO t VALUES (2)")
            assert _numbers(list(capture.read("one", limit=10).keys["t"])) == {2}
            capture._close()  # type: ignore[attr-defined]
            with servers.started_again(server):
                with databases.Raw(database) as sql:
                    sql.execute("INSERT INTO t VALUES (3)")
                session.connection.invalidate()
                with contextlib.closing(registry.open_session(url)) as later:
                    capture = _capture(later)
                    capture.start("one", _followed(later, "t"), seconds=5)
                    told = _numbers(_told(capture)["t"])
                    capture._close()  # type: ignore[attr-defined]

    assert {2, 3} <= told <= {1, 2, 3}
