"""Large tables are changed beside those who use them, and a kill in the middle changes nothing."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg
import pytest

from tests import checking
from whimbrel import clock as clocks
from whimbrel import errors, events
from whimbrel.engines import registry
from whimbrel.migrations import safely
from whimbrel.migrations.checks import checker, watch

EVERY = {
    "an index": 'self.create_index("person", "age")',
    "a unique index": 'self.create_index("person", "code", unique=True)',
    "a foreign key": 'self.add_foreign_key("person", "city_id", "city", "id")',
    "a check": 'self.add_check("person", "age >= 0", name="ck_age")',
    "a unique constraint": 'self.add_unique("person", "code")',
    "not null": 'self.change_column("person", "age", "integer", null=False)',
}
each = pytest.mark.parametrize("body", EVERY.values(), ids=EVERY.keys())
on_postgresql = pytest.mark.engines("postgresql")
ALL_ACCEPTED = f"accepts = dict.fromkeys({checker.slugs()!r}, 'a test')"
# It goes on only while nobody else has this lock, if a migration asks.
SLOW = """
CREATE FUNCTION slow(value integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_setting('application_name') = 'whimbrel'
       AND current_setting('transaction_read_only') = 'off' THEN
        PERFORM pg_advisory_lock_shared(4711);
        PERFORM pg_advisory_unlock_shared(4711);
    END IF;
    RETURN value;
END $$
"""
WAITS = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND NOT l.granted AND a.application_name = 'whimbrel'
   AND a.datname = current_database()
"""
SECONDS = 60


@pytest.fixture
def look(project, database, raw, monkeypatch):
    return made(project, database, raw(database), monkeypatch)


def made(project, database, raw, monkeypatch):
    monkeypatch.setattr(watch, "LARGE", checking.LARGE)
    found = checking.Look(project, database, raw)
    found.raw.execute("UPDATE person SET city_id = 1 WHERE city_id = 99")
    return found


def up(look, *, safe=True, tell=events.nobody, clock=clocks.SYSTEM):
    project = look.open()
    project.safe, project.tell, project.clock = safe, tell, clock
    return project.up()


def signature(look):
    session = registry.open_session(look.database.url, read_only=True)
    try:
        return session.engine.catalog(session).signature()
    finally:
        session.close()


@on_postgresql
@each
def test_what_is_done_safely_is_the_same_in_the_end(look, new_database, raw, monkeypatch, body):
    database = new_database("postgresql")
    other = made(look.project, database, raw(database), monkeypatch)

    plan = look.plan(body, attributes=ALL_ACCEPTED)
    up(look)
    up(other, safe=False)

    assert ("person", False) == (plan.beside, plan.whole)
    assert signature(other) == signature(look)


@on_postgresql
@each
def test_a_small_table_is_changed_in_the_migrations_own_transaction(look, body):
    look.raw.execute("DELETE FROM person WHERE id > 10")

    plan = look.plan(body, attributes=ALL_ACCEPTED)

    assert ("", True) == (plan.beside, plan.whole)


@on_postgresql
@pytest.mark.parametrize("body", [EVERY["an index"], EVERY["a check"]])
def test_a_migration_that_has_to_be_one_transaction_is_not_cut(look, body):
    plan = look.plan(body, attributes="transactional = True")

    assert plan.whole
    assert any(one.refuses for one in plan.findings)


# --- others, meanwhile ----------------------------------------------------------------------

SLOWLY = {
    "an index": 'self.create_index("person", sql("slow(age)"), name="ix_slow")',
    "a check": 'self.add_check("person", "slow(age) >= 0", name="ck_slow")',
}


@on_postgresql
@pytest.mark.parametrize(("safe", "waits"), [(True, False), (False, True)])
@pytest.mark.parametrize("body", SLOWLY.values(), ids=SLOWLY.keys())
def test_a_writer_does_not_wait_while_rows_are_gone_through(look, body, safe, waits):
    look.raw.execute(SLOW)
    look.plan(body, attributes=ALL_ACCEPTED)

    with brake(look) as release:
        runner = threading.Thread(target=up, args=(look,), kwargs={"safe": safe})
        runner.start()
        wait_for(lambda: look.raw.value(WAITS))
        waited = writer_waits(look)
        release()
        runner.join(SECONDS)

    assert waits == waited
    assert not runner.is_alive()
    assert ["applied"] == [state.state for state in look.open().status()]


@contextlib.contextmanager
def brake(look):
    """Keep slow() from going on until it is released."""
    with psycopg.connect(look.database.url, autocommit=True) as session:
        session.execute("SELECT pg_advisory_lock(4711)")
        yield lambda: session.execute("SELECT pg_advisory_unlock(4711)")


def writer_waits(look):
    """Whether somebody who writes to the table would have to wait now."""
    with psycopg.connect(look.database.url) as session:
        try:
            session.execute("LOCK TABLE person IN ROW EXCLUSIVE MODE NOWAIT")
        except psycopg.errors.LockNotAvailable:
            return True
        session.execute("UPDATE person SET note = 'meanwhile' WHERE id = 2")
    return False


def wait_for(happened):
    ends = time.monotonic() + SECONDS
    while not happened():
        if time.monotonic() > ends:
            pytest.fail("it did not happen")
        time.sleep(0.02)


class Pausing(clocks.Clock):
    """Time in which others do something at each pause."""

    def __init__(self, *meanwhile):
        self.meanwhile = list(meanwhile)
        self.pauses = 0

    def sleep(self, seconds):
        self.pauses += 1
        if self.meanwhile:
            self.meanwhile.pop(0)()


@on_postgresql
@pytest.mark.parametrize("attributes", ["", "transactional = False"])
def test_a_change_that_has_to_wait_lets_others_pass_and_tries_again(look, monkeypatch, attributes):
    monkeypatch.setattr(safely, "LOCK_SECONDS", 0.05)
    look.plan('self.add_column("person", "b", "integer")', attributes=attributes)
    passed = []

    with psycopg.connect(look.database.url) as holder:
        holder.execute("SELECT * FROM person LIMIT 1")
        clock = Pausing(lambda: passed.append(not writer_waits(look)), holder.rollback)
        up(look, clock=clock)

    assert [True] == passed
    assert 2 <= clock.pauses
    assert look.raw.execute("SELECT b FROM person LIMIT 1")


@pytest.mark.engines("mariadb")
def test_a_change_that_has_to_wait_tries_again_where_each_commits_by_itself(look):
    look.plan('self.add_column("person", "b", "integer")')
    look.raw.execute("SET autocommit = 0")
    look.raw.execute("SELECT * FROM person LIMIT 1")
    clock = Pausing(look.raw.connection.rollback)

    up(look, clock=clock)

    assert 1 == clock.pauses
    assert look.raw.execute("SELECT b FROM person LIMIT 1")


@pytest.mark.engines("mariadb")
def test_an_index_is_asked_for_so_that_the_server_refuses_rather_than_copies(look):
    plan = look.plan(EVERY["an index"])

    up(look)

    (sql,) = plan.steps[0].statements
    assert sql.endswith("ALGORITHM=INPLACE LOCK=NONE")
    assert "ix_person_age" in {row[2] for row in look.raw.execute("SHOW INDEX FROM person")}


# --- stopped in the middle ------------------------------------------------------------------


class Killed(BaseException):
    """As if the process had ended: nothing may be tidied up."""


class Killer:
    """Ends a run before its nth statement of a change of schema."""

    def __init__(self, at):
        self.left = at

    def __call__(self, event):
        if isinstance(event, events.StatementSent):
            self.left -= 1
            if self.left == 0:
                raise Killed


@on_postgresql
@pytest.mark.parametrize("at", [1, 2, 3])
@each
def test_a_killed_run_is_finished_by_the_next(look, new_database, raw, monkeypatch, body, at):
    database = new_database("postgresql")
    other = made(look.project, database, raw(database), monkeypatch)
    look.plan(body, attributes=ALL_ACCEPTED)
    up(other)

    with contextlib.suppress(Killed):
        up(look, tell=Killer(at))
    up(look)

    assert signature(other) == signature(look)


@on_postgresql
@pytest.mark.parametrize("at", [1, 2, 3])
@each
def test_a_killed_run_is_taken_back_whole(look, body, at):
    look.plan(body, attributes=ALL_ACCEPTED)
    before = signature(look)

    try:
        up(look, tell=Killer(at))
    except Killed:
        look.open().down()

        assert before == signature(look)
    else:
        assert at > len(look.open().run().steps[-1:])


@on_postgresql
def test_what_fails_at_the_rows_leaves_nothing_behind(look):
    look.plan('self.add_check("person", "age > 0", name="ck_age")', attributes=ALL_ACCEPTED)
    before = signature(look)

    with pytest.raises(errors.MigrationFailed):
        up(look)

    assert before == signature(look)


@on_postgresql
def test_a_constraint_of_somebody_else_with_the_same_name_stays(look):
    look.plan('self.add_check("person", "age >= 0", name="ck_age")', attributes=ALL_ACCEPTED)
    look.raw.execute("ALTER TABLE person ADD CONSTRAINT ck_age CHECK (age <> 7) NOT VALID")
    before = signature(look)

    with pytest.raises(errors.MigrationFailed):
        up(look)

    assert before == signature(look)
