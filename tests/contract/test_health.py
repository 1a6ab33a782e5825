"""What each server tells of its health: who waits, who works, and what it cannot let go."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests import conftest, databases, engines, servers
from whimbrel.engines import base, registry, signs

Opened = Callable[..., base.Session]


@pytest.fixture
def opened(database: databases.Database) -> Iterator[Opened]:
    """Open sessions of ours on the database."""
    with contextlib.ExitStack() as stack:

        def make(url: str | None = None, *, read_only: bool = False) -> base.Session:
            session = registry.open_session(url or database.url, read_only=read_only)
            stack.callback(session.close)
            return session

        yield make


def signs_of(session: base.Session) -> dict[str, base.Reading]:
    return {reading.name: reading for reading in session.engine.health(session).read()}


def until(wanted: Callable[[], object], *, seconds: float = 10) -> object:
    end = time.monotonic() + seconds
    while not (found := wanted()) and time.monotonic() < end:
        time.sleep(0.15)  # one engine refreshes its answer when it was not asked for 0.1 s
    return found


@contextlib.contextmanager
def running(work: Callable[[], object]) -> Iterator[None]:
    """Do work in another thread during the block, and wait for its end."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(30)


def sleep(database: databases.Database, seconds: float) -> str:
    return f"SELECT {'pg_sleep' if database.kind == 'postgresql' else 'sleep'}({seconds})"


# --- every engine -------------------------------------------------------------------------------


@engines.every_version
def test_an_idle_database_has_nothing_to_wait_for(database, opened):
    session = opened()

    found = signs_of(session)

    limits = {
        signs.REPLICA_LAG: 0,
        signs.LOCK_QUEUE: 0,
        signs.LOG_GROWTH: 64 * 1024**2,
        signs.UNDO_HISTORY: 100_000,
    }
    quiet = [found[name].value <= most for name, most in limits.items() if name in found]
    assert all(quiet)
    assert len(quiet) >= 1


def test_looking_leaves_no_transaction_open(database, opened):
    session = opened()
    health = session.engine.health(session)

    health.read()
    health.lag()

    assert not session.in_transaction


def test_looking_keeps_the_open_transaction_as_it_was(database, opened, raw):
    raw(database).execute("CREATE TABLE t (n integer)")
    session = opened()
    health = session.engine.health(session)
    session.begin()
    session.execute("INSERT INTO t VALUES (1)")

    health.read()
    health.lag()
    session.execute("INSERT INTO t VALUES (2)")
    session.commit()

    assert [(1,), (2,)] == sorted(raw(database).execute("SELECT n FROM t"))


def test_a_server_that_is_no_replica_says_so_instead_of_zero(database, opened):
    session = opened()

    reading = session.engine.health(session).lag()

    assert reading.value is None
    assert reading.detail


@engines.only("postgresql", "mariadb")
def test_a_lost_session_is_a_sign_that_cannot_be_read(database, opened, raw):
    session = opened()
    health = session.engine.health(session)
    kill = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}
    ask = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT connection_id()"}
    own = session.fetch(ask[database.kind])[0][0]
    session.rollback()

    raw(database).execute(kill[database.kind].format(own))
    readings = [*health.read(), health.lag()]

    assert readings
    assert [None] * len(readings) == [reading.value for reading in readings]
    assert all(reading.detail for reading in readings)


# --- queues -------------------------------------------------------------------------------------


@engines.without("sqlite")
def test_sessions_that_wait_for_rows_are_counted_and_ours_are_not(database, opened, raw):
    raw(database).execute("CREATE TABLE t (id integer PRIMARY KEY, n integer)")
    raw(database).execute("INSERT INTO t VALUES (1, 0)")
    session, blocker, ours = opened(), opened(), opened()
    ours.engine.health(ours)  # as a worker's session is made known
    blocker.begin()
    blocker.execute("UPDATE t SET n = 1 WHERE id = 1")

    def wait_as_ours() -> None:
        ours.begin()
        ours.execute("UPDATE t SET n = 2 WHERE id = 1")
        ours.rollback()

    def wait_as_another() -> None:
        with databases.Raw(database) as other:
            other.execute("UPDATE t SET n = 3 WHERE id = 1")

    try:
        with running(wait_as_ours), running(wait_as_another):
            seen = until(lambda: signs_of(session)[signs.LOCK_QUEUE].value)
            time.sleep(0.3)
            still = signs_of(session)[signs.LOCK_QUEUE].value
            blocker.rollback()
    finally:
        blocker.rollback()

    assert (1, 1) == (seen, still)
    assert until(lambda: signs_of(session)[signs.LOCK_QUEUE].value == 0)


@engines.without("sqlite")
def test_sessions_that_wait_for_a_table_are_counted(database, opened, raw):
    raw(database).execute("CREATE TABLE t (id integer PRIMARY KEY)")
    session, blocker = opened(), opened()
    blocker.begin()
    blocker.fetch("SELECT * FROM t")

    def alter() -> None:
        with databases.Raw(database) as other:
            other.execute("ALTER TABLE t ADD COLUMN n integer")

    with running(alter):
        seen = until(lambda: signs_of(session)[signs.LOCK_QUEUE].value)
        blocker.rollback()

    assert 1 == seen


@engines.without("sqlite")
def test_active_sessions_are_those_of_others(database, opened):
    session, ours = opened(), opened()
    ours.engine.health(ours)

    def counted() -> list[float]:
        found = []
        for _ in range(10):
            time.sleep(0.1)
            found.append(signs_of(session)[signs.ACTIVE_SESSIONS].value)
        return found

    def work_as_ours() -> None:
        ours.fetch(sleep(database, 1.8))
        ours.rollback()

    def work_as_another() -> None:
        with databases.Raw(database) as other:
            other.execute(sleep(database, 1.8))

    with running(work_as_ours):
        only_ours = counted()
    with running(work_as_another):
        another = counted()

    # Other tests may be at work on the same server, now and then.
    assert 0 == min(only_ours)
    assert 1 <= min(another)


@engines.without("sqlite")
def test_a_long_transaction_is_told(database, opened, raw):
    raw(database).execute("CREATE TABLE t (id integer PRIMARY KEY)")
    session = opened()
    with databases.Raw(database) as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO t VALUES (1)")
        time.sleep(2.1)

        age = signs_of(session)[signs.OLDEST_TRANSACTION]

    assert "s" == age.unit
    assert 2 <= age.value


# --- who may not see ----------------------------------------------------------------------------


@pytest.fixture
def nobody(database: databases.Database, raw: conftest.OpenRaw) -> Iterator[str]:
    """A user who may use the database, and nothing else; its URL."""
    admin, name = raw(database), f"nobody_{database.name}"
    user = name if database.kind == "postgresql" else f"{name}@'%'"
    if database.kind == "postgresql":
        admin.execute(f"CREATE ROLE {name} LOGIN")
    else:
        admin.execute(f"CREATE USER {user}")
        admin.execute(f"GRANT ALL ON {database.name}.* TO {user}")
    url = database.url.split("://")[0] + f"://{name}@" + database.url.rpartition("@")[2]
    yield url
    if database.kind == "postgresql":
        admin.execute(f"DROP OWNED BY {name}")
        admin.execute(f"DROP ROLE {name}")
    else:
        admin.execute(f"DROP USER {user}")


@engines.only("postgresql", "postgresql18")
def test_what_is_hidden_from_a_user_is_unreadable_and_not_zero(database, opened, nobody, raw):
    raw(database).execute("SELECT 1")  # a session of somebody else

    found = signs_of(opened(nobody))

    assert found[signs.ACTIVE_SESSIONS].value is None
    assert "GRANT pg_monitor" in found[signs.ACTIVE_SESSIONS].detail
    assert 0 == found[signs.LOCK_QUEUE].value
    assert found[signs.LOG_GROWTH].value is not None


@engines.only("postgresql", "mariadb")
def test_a_user_without_rights_sees_others_wait_for_rows(database, opened, nobody, raw):
    raw(database).execute("CREATE TABLE t (id integer PRIMARY KEY, n integer)")
    raw(database).execute("INSERT INTO t VALUES (1, 0)")
    session, blocker = opened(nobody), opened()
    blocker.begin()
    blocker.execute("UPDATE t SET n = 1 WHERE id = 1")

    def wait() -> None:
        with databases.Raw(database) as other:
            other.execute("UPDATE t SET n = 3 WHERE id = 1")

    with running(wait):
        seen = until(lambda: signs_of(session)[signs.LOCK_QUEUE].value)
        blocker.rollback()

    assert seen >= 1


@engines.only("mariadb")
def test_a_user_without_rights_is_told_the_undo_history_and_not_whose_it_is(
    database, opened, nobody
):
    found = signs_of(opened(nobody))

    assert found[signs.UNDO_HISTORY].value >= 0
    assert signs.OLDEST_TRANSACTION not in found


@engines.only("mariadb")
def test_a_user_who_may_not_ask_for_the_replica_learns_why(database, opened, nobody):
    session = opened(nobody)

    reading = session.engine.health(session).lag()

    assert reading.value is None
    assert "denied" in reading.detail


# --- the log ------------------------------------------------------------------------------------


@engines.only("postgresql", "postgresql18")
def test_a_slot_that_keeps_the_log_is_named(database, opened, raw):
    admin, session = raw(database), opened()
    slot = f"slot_{database.name}"
    admin.execute(f"SELECT pg_create_physical_replication_slot('{slot}', true)")
    try:
        admin.execute(
            "CREATE TABLE t AS SELECT n, repeat('x', 500) FROM generate_series(1, 9999) n"
        )

        kept = signs_of(session)[signs.LOG_GROWTH]
    finally:
        admin.execute(f"SELECT pg_drop_replication_slot('{slot}')")

    assert kept.value > 1024**2
    assert "bytes" == kept.unit
    assert f"of the log kept for replication slot {slot}" == kept.detail


@engines.only("mariadb")
def test_the_undo_history_grows_while_an_old_transaction_holds_it(database, opened, raw):
    admin, session = raw(database), opened()
    admin.execute("CREATE TABLE t (id integer PRIMARY KEY, n integer)")
    admin.execute("INSERT INTO t VALUES (1, 0)")
    before = signs_of(session)[signs.UNDO_HISTORY].value

    with databases.Raw(database) as old:
        old.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        old.execute("SELECT * FROM t")
        for number in range(200):
            admin.execute("UPDATE t SET n = %s WHERE id = 1", [number + 1])
        grown = until(lambda: signs_of(session)[signs.UNDO_HISTORY].value >= before + 100)

    assert grown


@engines.only("sqlite")
def test_a_reader_that_keeps_the_log_from_being_written_back_is_seen(database, opened, raw):
    writer = raw(database)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (n integer, x text)")
    writer.execute("INSERT INTO t VALUES (0, '')")
    session = opened()

    with databases.Raw(database) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM t")
        writer.execute("BEGIN")
        for number in range(2_000):
            writer.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 500))
        writer.execute("COMMIT")
        held = signs_of(session)[signs.LOG_GROWTH]
        reader.execute("COMMIT")
        let_go = signs_of(session)[signs.LOG_GROWTH]

    assert held.value > 900_000
    assert "readers keep" in held.detail
    # The file of the log is as large as before; nothing in it waits any more.
    assert 0 == let_go.value


@engines.only("sqlite")
def test_a_session_that_only_reads_cannot_tell_how_much_of_the_log_waits(database, opened, raw):
    raw(database).execute("PRAGMA journal_mode = WAL")
    raw(database).execute("CREATE TABLE t (n integer)")

    reading = signs_of(opened(read_only=True))[signs.LOG_GROWTH]

    assert reading.value is None
    assert reading.detail


@engines.only("sqlite")
def test_without_a_log_there_is_nothing_to_wait_for(database, opened, raw):
    raw(database).execute("CREATE TABLE t (n integer)")

    assert 0 == signs_of(opened())[signs.LOG_GROWTH].value


def test_a_database_in_memory_has_no_signs():
    with contextlib.closing(registry.open_session("sqlite://")) as session:
        assert [] == session.engine.health(session).read()


# --- the archive ----------------------------------------------------------------------------------


@pytest.mark.server
@pytest.mark.slow
def test_a_log_that_cannot_be_archived_is_told():
    with (
        archiving("false") as url,
        contextlib.closing(registry.open_session(url)) as session,
    ):
        reading = until(
            lambda: next(
                (r for r in [signs_of(session)[signs.LOG_GROWTH]] if r.value is None), None
            )
        )

    assert "the log has never been archived" == reading.detail


@pytest.mark.server
@pytest.mark.slow
def test_a_log_that_is_archived_does_not_wait():
    with (
        archiving("true") as url,
        contextlib.closing(registry.open_session(url)) as session,
        contextlib.closing(servers.connect(url)) as admin,
    ):
        until(lambda: admin.execute("SELECT archived_count FROM pg_stat_archiver").fetchone()[0])
        reading = signs_of(session)[signs.LOG_GROWTH]

    assert reading.value < 16 * 1024**2
    assert "of the log not archived yet" == reading.detail or reading.value == 0


@contextlib.contextmanager
def archiving(command: str) -> Iterator[str]:
    """Run a PostgreSQL server that archives its log by this command; its URL."""
    try:
        with servers.running(
            "postgresql", settings=["archive_mode=on", f"archive_command={command}"]
        ) as server:
            with contextlib.closing(servers.connect(server.url)) as admin:
                admin.execute("CREATE TABLE t (n integer)")
                admin.execute("SELECT pg_switch_wal()")
            yield server.url
    except servers.Unavailable as no:
        pytest.skip(str(no))


# --- a replica of MariaDB -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def followed() -> Iterator[tuple[str, str]]:
    """A MariaDB server and one that follows it: their URLs."""
    try:
        with (
            servers.running("mariadb", settings=["--server-id=1", "--log-bin"]) as primary,
            servers.running("mariadb", settings=["--server-id=2"]) as replica,
        ):
            port = primary.url.rpartition(":")[2].strip("/")
            with sending(primary.url) as admin:
                (position,) = admin("SELECT @@gtid_binlog_pos")
            with sending(replica.url) as admin:
                admin(f"SET GLOBAL gtid_slave_pos = '{position}'")
                admin(
                    f"CHANGE MASTER TO master_host = '127.0.0.1', master_port = {port}, "
                    "master_user = 'whimbrel', master_password = 'whimbrel', "
                    "master_use_gtid = slave_pos"
                )
                admin("START SLAVE")
            with sending(primary.url) as admin:
                admin("CREATE DATABASE shop")
                admin("CREATE TABLE shop.t (n integer)")
            yield primary.database_url("shop"), replica.url
    except servers.Unavailable as no:
        pytest.skip(str(no))


@contextlib.contextmanager
def sending(url: str) -> Iterator[Callable[[str], tuple[object, ...] | None]]:
    """Send single statements by the driver; each returns its first row."""
    with contextlib.closing(servers.connect(url)) as connection, connection.cursor() as cursor:

        def send(sql: str) -> tuple[object, ...] | None:
            cursor.execute(sql)
            return cursor.fetchone() if cursor.description else None

        yield send


@pytest.mark.server
@pytest.mark.slow
def test_a_replica_of_mariadb_tells_its_lag_and_that_it_has_stopped(followed):
    primary, replica = followed
    with (
        sending(primary) as write,
        sending(replica) as admin,
        contextlib.closing(registry.open_session(replica, read_only=True)) as session,
    ):
        health = session.engine.health(session)
        level = until(lambda: health.lag().value == 0)

        admin("STOP SLAVE")
        admin("CHANGE MASTER TO master_delay = 60")
        admin("START SLAVE")
        write("INSERT INTO t VALUES (1)")
        behind = until(lambda: (health.lag().value or 0) >= 1)
        admin("STOP SLAVE SQL_THREAD")
        without_replay = health.lag()
        admin("STOP SLAVE")
        stopped = health.lag()

    assert level
    assert behind
    assert (None, "its replication does not run") == (without_replay.value, without_replay.detail)
    assert (None, "its replication does not run") == (stopped.value, stopped.detail)


@pytest.mark.server
@pytest.mark.slow
def test_a_replica_of_mariadb_that_cannot_reach_its_primary_says_the_server_s_words(followed):
    _, replica = followed
    with (
        sending(replica) as admin,
        contextlib.closing(registry.open_session(replica, read_only=True)) as session,
    ):
        admin("STOP SLAVE")
        admin(f"CHANGE MASTER TO master_port = {servers.free_port()}")
        admin("START SLAVE")

        reading = until(
            lambda: (lag := session.engine.health(session).lag()).detail.count("connect") and lag
        )

    assert reading.value is None
    assert reading.detail.startswith("its replication does not run: ")
