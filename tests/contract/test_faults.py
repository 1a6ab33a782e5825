"""What kind of failure is which, how long a statement may take, and other questions of batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from tests import databases, engines
from tests.contract.test_bulk import Fault, OpenRaw, fault_of, insert, make, mark, read, update
from whimbrel import errors
from whimbrel.engines import base, registry


@pytest.fixture
def session(database: databases.Database) -> Iterator[base.Session]:
    """A session as batches use it."""
    opened = registry.open_session(database.url)
    yield opened
    opened.close()


# --- faults ------------------------------------------------------------------------------------


def test_a_value_or_a_constraint_is_a_fault_of_the_data(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY", name="parent")
    make(
        session,
        "id INTEGER PRIMARY KEY, name VARCHAR(5) NOT NULL, age INTEGER CHECK (age > 0), p INTEGER,"
        " CONSTRAINT fk FOREIGN KEY (p) REFERENCES parent (id)",
    )
    good = (1, "a", 1, None)
    columns = ("id", "name", "age", "p")
    insert(session, columns, [good])
    session.commit()
    bad: list[base.Row] = [
        (1, "a", 1, None),
        (2, None, 1, None),
        (2, "a", -1, None),
        (2, "a", 1, 9),
    ]
    if session.engine.dialect != "sqlite":
        bad += [(2, "too long", 1, None), (2, "a", 2**40, None), (2, "a", "one", None)]
    marks = ", ".join([mark(session)] * 4)

    for row in bad:
        by_bulk = fault_of(session, lambda row=row: insert(session, columns, [row]))
        by_sql = fault_of(
            session, lambda row=row: session.execute(f"INSERT INTO t VALUES ({marks})", row)
        )
        assert (Fault.DATA, Fault.DATA) == (by_bulk, by_sql), row
    by_update = fault_of(session, lambda: update(session, ("id",), ("name",), [(1, None)]))
    assert Fault.DATA is by_update
    assert [good] == session.fetch("SELECT id, name, age, p FROM t")


def test_what_a_trigger_refuses_is_a_fault_of_the_data(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY")
    raising = "BEGIN RAISE EXCEPTION 'no'; END"
    before = "CREATE TRIGGER no BEFORE INSERT ON t"
    statements = {
        "sqlite": (f"{before} BEGIN SELECT RAISE(ABORT, 'no'); END",),
        "postgres": (
            f"CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$",
            f"{before} FOR EACH ROW EXECUTE FUNCTION no()",
        ),
        "mysql": (f"{before} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'",),
    }
    for sql in statements[session.engine.dialect]:
        session.execute(sql)
    session.commit()

    assert Fault.DATA is fault_of(session, lambda: insert(session, ("id",), [(1,)]))


def test_an_expression_that_fails_for_a_row_is_a_fault_of_the_data(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY, a VARCHAR(20)")
    insert(session, ("id", "a"), [(1, "x")])
    session.commit()
    sql = {
        "sqlite": "UPDATE t SET a = json_extract(a, '$')",
        "postgres": "UPDATE t SET a = a::int",
        "mysql": "UPDATE t SET id = a + 1",
    }[session.engine.dialect]

    assert Fault.DATA is fault_of(session, lambda: session.execute(sql))


def test_wrong_sql_is_no_fault_of_the_data(session: base.Session) -> None:
    make(session, "id INTEGER PRIMARY KEY")

    for sql in ("SELEC 1", "SELECT * FROM nowhere", "SELECT nothing FROM t", "SELECT nofun(1)"):
        assert Fault.OTHER is fault_of(session, lambda sql=sql: session.execute(sql))
        assert Fault.OTHER is fault_of(session, lambda sql=sql: read(session, sql))


@engines.without("sqlite")
def test_a_wait_for_a_lock_is_a_fault_that_passes(
    session: base.Session, database: databases.Database
) -> None:
    make(session, "id INTEGER PRIMARY KEY, a INTEGER")
    insert(session, ("id", "a"), [(1, 1)])
    session.commit()
    other = registry.open_session(database.url)
    other.begin()
    other.execute("UPDATE t SET a = 2 WHERE id = 1")
    short = "lock_timeout = '100ms'"
    session.execute(
        f"SET {short if database.kind == 'postgresql' else 'innodb_lock_wait_timeout = 1'}"
    )
    session.commit()

    by_bulk = fault_of(session, lambda: update(session, ("id",), ("a",), [(1, 3)]))
    by_sql = fault_of(session, lambda: session.execute("UPDATE t SET a = 3 WHERE id = 1"))
    other.rollback()
    other.close()

    assert (Fault.LOCKED, Fault.LOCKED) == (by_bulk, by_sql)
    assert 1 == update(session, ("id",), ("a",), [(1, 3)])


@engines.only("sqlite")
def test_a_busy_file_is_a_fault_that_passes(
    session: base.Session, database: databases.Database, raw: OpenRaw
) -> None:
    make(session, "id INTEGER PRIMARY KEY")
    session.execute("PRAGMA busy_timeout = 50")
    session.rollback()
    raw(database).execute("BEGIN IMMEDIATE")

    with pytest.raises(errors.DatabaseUnavailable) as caught:
        session.begin()
    raw(database).execute("ROLLBACK")

    assert Fault.LOCKED is session.engine.fault(caught.value)
    assert 1 == insert(session, ("id",), [(1,)])


@engines.without("sqlite")
def test_a_deadlock_is_a_fault_that_passes(
    session: base.Session, database: databases.Database
) -> None:
    make(session, "id INTEGER PRIMARY KEY, a INTEGER")
    insert(session, ("id", "a"), [(1, 1), (2, 2)])
    session.commit()
    sessions = (session, registry.open_session(database.url))
    barrier = threading.Barrier(2, timeout=30)
    faults: list[Fault] = []

    def work(mine: base.Session, first: int, second: int) -> None:
        mine.begin()
        mine.execute(f"UPDATE t SET a = 0 WHERE id = {first}")
        barrier.wait()
        try:
            table = mine.engine.catalog(mine).table("t")
            mine.engine.bulk(mine).update(table, ("id",), ("a",), [(second, 0)])
            mine.commit()
        except sa.exc.DBAPIError as error:
            faults.append(mine.engine.fault(error))
            mine.rollback()

    threads = [
        threading.Thread(target=work, args=(sessions[0], 1, 2)),
        threading.Thread(target=work, args=(sessions[1], 2, 1)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    sessions[1].close()

    assert [Fault.LOCKED] == faults


@engines.without("sqlite")
@pytest.mark.parametrize("way", ["execute", "read", "insert", "update"])
def test_a_session_that_was_ended_is_gone(
    session: base.Session, database: databases.Database, raw: OpenRaw, way: str
) -> None:
    make(session, "id INTEGER PRIMARY KEY, a INTEGER")
    table = session.engine.catalog(session).table("t")
    if database.kind == "postgresql":
        pid = session.fetch("SELECT pg_backend_pid()")[0][0]
        session.commit()
        raw(database).execute(f"SELECT pg_terminate_backend({pid})")
    else:
        pid = session.fetch("SELECT CONNECTION_ID()")[0][0]
        session.commit()
        raw(database).execute(f"KILL {pid}")
    bulk = session.engine.bulk(session)
    work: dict[str, Callable[[], object]] = {
        "execute": lambda: session.execute("SELECT 1"),
        "read": lambda: bulk.read("SELECT 1", (), max_bytes=1),
        "insert": lambda: bulk.insert(table, ("id",), [(1,)]),
        "update": lambda: bulk.update(table, ("id",), ("a",), [(1, 1)]),
    }
    time.sleep(0.1)

    with pytest.raises(sa.exc.DBAPIError) as caught:
        work[way]()

    assert Fault.GONE is session.engine.fault(caught.value)
    assert session.gone


# --- limits ------------------------------------------------------------------------------------

LONG = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000) "
    "SELECT max(i) FROM n",
    "postgres": "SELECT pg_sleep(20)",
    "mysql": "SELECT count(*) FROM seq_1_to_100000 a, seq_1_to_100000 b",
}


@engines.without("mysql")
def test_a_statement_that_takes_too_long_is_stopped_and_the_session_works_on(
    session: base.Session,
) -> None:
    engine = session.engine
    sql = LONG[engine.dialect]
    make(session, "id INTEGER PRIMARY KEY")
    began = time.monotonic()

    with engine.limited(session, 0.2):
        session.begin()
        by_sql = fault_of(session, lambda: session.execute(sql))
        by_bulk = fault_of(session, lambda: read(session, sql))
        insert(session, ("id",), [(1,)])
        session.commit()

    assert (Fault.TIMEOUT, Fault.TIMEOUT) == (by_sql, by_bulk)
    assert time.monotonic() - began < 10
    assert [(1,)] == session.fetch("SELECT id FROM t")


@engines.without("mysql")
def test_a_limit_is_for_each_statement_and_ends_with_its_block(session: base.Session) -> None:
    engine = session.engine
    some = {
        "sqlite": LONG["sqlite"].replace("100000000", "1000000"),
        "postgres": "SELECT pg_sleep(0.3)",
        "mysql": "SELECT SLEEP(0.3)",
    }[engine.dialect]
    began = time.monotonic()
    session.begin()
    session.execute(some)
    one = time.monotonic() - began

    with engine.limited(session, one * 3):
        for _ in range(5):
            session.execute(some)
        with engine.limited(session, None):
            session.execute(some)
    session.commit()
    with engine.limited(session, 0.05):
        assert Fault.TIMEOUT is fault_of(session, lambda: session.execute(LONG[engine.dialect]))
    session.execute(some)
    with engine.limited(session, 0.05):
        session.rollback()
    session.execute(some)
    session.rollback()


@engines.only("postgresql", "mariadb")
def test_a_limit_leaves_the_limit_that_the_session_had(session: base.Session) -> None:
    setting = "statement_timeout" if session.engine.dialect == "postgres" else "max_statement_time"
    show = "SHOW statement_timeout" if setting == "statement_timeout" else f"SELECT @@{setting}"
    session.execute(f"SET {setting} = 40")
    session.commit()
    before = session.fetch(show)
    session.commit()

    def seen() -> list[base.Row]:
        return session.fetch(show)

    values = []
    with session.engine.limited(session, 5):
        values.append(seen())
        with session.engine.limited(session, 3):
            values.append(seen())
            session.commit()
            values.append(seen())
        values.append(seen())
    values.append(seen())
    session.rollback()
    values.append(seen())
    session.commit()

    five, three, again, back, *rest = values
    assert three == again
    assert five == back
    assert len({str(five), str(three), str(before)}) == 3
    assert [before, before] == rest


@engines.only("postgresql")
def test_a_limit_holds_for_statements_that_commit_by_themselves(session: base.Session) -> None:
    with session.engine.limited(session, 0.1), session.outside_transaction():
        with pytest.raises(sa.exc.DBAPIError) as caught:
            session.execute("SELECT pg_sleep(5)")
        session.execute("SELECT 1")

    assert Fault.TIMEOUT is session.engine.fault(caught.value)
    assert [("0",)] == session.fetch("SHOW statement_timeout")


# --- guesses and isolation ---------------------------------------------------------------------


def test_the_guess_of_rows_is_near(session: base.Session, database: databases.Database) -> None:
    make(session, "id INTEGER PRIMARY KEY, a VARCHAR(20)")
    empty = session.engine.estimate(session, "t")
    insert(session, ("id", "a"), [(n, "x" * 20) for n in range(20_000)])
    session.commit()
    if database.kind == "postgresql":
        session.execute("ANALYZE t")
    if database.kind == "mariadb":
        session.execute("ANALYZE TABLE t")
    session.commit()

    guess = session.engine.estimate(session, "t")

    assert empty is not None
    assert empty <= 1
    assert guess is not None
    assert 15_000 <= guess <= 25_000


@engines.without("sqlite")
def test_batches_are_isolated_as_asked_also_after_statements_outside_a_transaction(
    session: base.Session,
) -> None:
    engine = session.engine
    before = _level(session)
    seen = []
    for level in (None, "serializable", "default"):
        engine.isolate(session, level)
        seen.append(_level(session))
        with session.outside_transaction():
            session.execute("SELECT 1")
        seen.append(_level(session))

    assert ["READ COMMITTED"] * 2 + ["SERIALIZABLE"] * 2 + [before] * 2 == seen


def _level(session: base.Session) -> str:
    session.begin()
    if session.engine.dialect == "postgres":
        level = session.fetch("SHOW transaction_isolation")[0][0]
    else:
        level = session.fetch("SELECT @@tx_isolation")[0][0]
    session.rollback()
    return str(level).upper().replace("-", " ")


def test_a_level_that_the_engine_does_not_have_is_refused(session: base.Session) -> None:
    with pytest.raises(errors.UsageError, match="no isolation level 'snapshot'"):
        session.engine.isolate(session, "snapshot")
    session.engine.isolate(session, None)

    assert not session.in_transaction


@engines.only("mariadb")
def test_a_row_larger_than_a_packet_is_a_fault_of_the_data(
    session: base.Session, database: databases.Database, raw: OpenRaw
) -> None:
    make(session, "id INT PRIMARY KEY, a LONGBLOB")
    most = int(str(session.fetch("SELECT @@max_allowed_packet")[0][0]))
    session.commit()

    fault = fault_of(session, lambda: insert(session, ("id", "a"), [(1, b"x" * most)]))

    assert Fault.DATA is fault
    assert 1 == insert(session, ("id", "a"), [(1, b"small")])
