"""What is said of locks is what servers do: which lock is held, and what is written anew."""

from __future__ import annotations

import contextlib

import psycopg
import pymysql
import pytest

from tests import checking
from whimbrel import tables
from whimbrel.engines import registry
from whimbrel.engines.tolls import Work

INDEX = tables.Index(name="ix", columns=("age",))
KEY = tables.ForeignKey(name="fk", columns=("city_id",), ref_table="city", ref_columns=("id",))
CHECK = tables.Check(name="ck", sql="age >= 0")
UNIQUE = tables.Unique(name="uq", columns=("code",))


def column(name, type_, **facts):
    return tables.FoundColumn(name=name, type=type_, null=True, **facts)


@pytest.fixture
def look(project, database, raw):
    found = checking.Look(project, database, raw(database))
    found.raw.execute("UPDATE person SET city_id = 1")
    return found


@contextlib.contextmanager
def tolls(look):
    session = registry.open_session(look.database.url, read_only=True)
    try:
        yield session.engine.tolls(session), session.engine.catalog(session).table("person")
    finally:
        session.close()


# --- PostgreSQL: the lock in pg_locks, and whether the table has another file afterwards ----

PLAIN = "ALTER TABLE person ADD COLUMN b "
POSTGRESQL = {
    "CREATE INDEX ix ON person (age)": lambda t, _: t.create_index("person", INDEX),
    PLAIN + "integer DEFAULT 5": lambda t, _: t.add_column(
        "person", column("b", "integer", default="5")
    ),
    PLAIN + "double precision DEFAULT random()": lambda t, _: t.add_column(
        "person", column("b", "double precision", default="random()")
    ),
    PLAIN + "timestamp DEFAULT now()": lambda t, _: t.add_column(
        "person", column("b", "timestamp", default="now()")
    ),
    PLAIN + "bigserial": lambda t, _: t.add_column(
        "person", column("b", "bigint", auto_increment=True)
    ),
    PLAIN + "integer GENERATED ALWAYS AS (age + 1) STORED": lambda t, _: t.add_column(
        "person", column("b", "integer", generated="age + 1")
    ),
    "ALTER TABLE person ALTER age TYPE bigint": lambda t, p: t.change_type(p, "age", "bigint"),
    "ALTER TABLE person ALTER name TYPE varchar(50)": lambda t, p: t.change_type(
        p, "name", "varchar(50)"
    ),
    "ALTER TABLE person ALTER name TYPE text": lambda t, p: t.change_type(p, "name", "text"),
    "ALTER TABLE person ALTER name TYPE varchar(30)": lambda t, p: t.change_type(
        p, "name", "varchar(30)"
    ),
    "ALTER TABLE person ALTER age SET NOT NULL": lambda t, p: t.set_not_null(p, "age"),
    "ALTER TABLE person ADD CONSTRAINT fk FOREIGN KEY (city_id) REFERENCES city (id)": (
        lambda t, _: t.add_foreign_key("person", KEY)
    ),
    "ALTER TABLE person ADD CONSTRAINT ck CHECK (age >= 0)": lambda t, _: t.add_check(
        "person", CHECK
    ),
    "ALTER TABLE person ADD CONSTRAINT uq UNIQUE (code)": lambda t, _: t.add_unique(
        "person", UNIQUE
    ),
}
HELD = """
SELECT mode FROM pg_locks
 WHERE relation = 'person'::regclass AND pid = pg_backend_pid() AND granted
"""
FILE = "SELECT pg_relation_filenode('person')"


@pytest.mark.engines("postgresql")
@pytest.mark.parametrize("sql", POSTGRESQL)
def test_postgresql_takes_the_lock_that_is_said_and_writes_anew_what_is_said(look, sql):
    with tolls(look) as (said, person):
        toll = POSTGRESQL[sql](said, person)

    with psycopg.connect(look.database.url) as session:
        before = session.execute(FILE).fetchone()
        session.execute(sql)
        held = {row[0] for row in session.execute(HELD)}
        after = session.execute(FILE).fetchone()
        session.rollback()

    mode = "".join(word.capitalize() for word in toll.lock.split()) + "Lock"
    assert mode in held
    assert (toll.work is Work.WRITE) == (before != after)


# --- MariaDB: what nobody waits for is taken with LOCK=NONE, all else is refused ------------

ALTER = "ALTER TABLE person "
MARIADB = {
    "ADD INDEX ix (age)": lambda t, _: t.create_index("person", INDEX),
    "ADD FULLTEXT INDEX ix (name)": lambda t, _: t.create_index(
        "person", tables.Index(name="ix", columns=("name",), method="fulltext")
    ),
    "ADD COLUMN b integer DEFAULT 5": lambda t, _: t.add_column(
        "person", column("b", "int", default="5")
    ),
    "ADD COLUMN b varchar(36) DEFAULT (uuid())": lambda t, _: t.add_column(
        "person", column("b", "varchar(36)", default="(uuid())")
    ),
    "ADD COLUMN b integer AS (age + 1) STORED": lambda t, _: t.add_column(
        "person", column("b", "int", generated="age + 1")
    ),
    "MODIFY age bigint": lambda t, p: t.change_type(p, "age", "bigint"),
    "MODIFY name varchar(50)": lambda t, p: t.change_type(p, "name", "varchar(50)"),
    "MODIFY name varchar(30)": lambda t, p: t.change_type(p, "name", "varchar(30)"),
    "MODIFY age integer NOT NULL": lambda t, p: t.set_not_null(p, "age"),
    "ADD CONSTRAINT fk FOREIGN KEY (city_id) REFERENCES city (id)": (
        lambda t, _: t.add_foreign_key("person", KEY)
    ),
    "ADD CONSTRAINT ck CHECK (age >= 0)": lambda t, _: t.add_check("person", CHECK),
    "ADD UNIQUE uq (code)": lambda t, _: t.add_unique("person", UNIQUE),
}


@pytest.mark.engines("mariadb")
@pytest.mark.parametrize("sql", MARIADB)
def test_mariadb_lets_others_write_where_it_is_said_and_refuses_elsewhere(look, sql):
    with tolls(look) as (said, person):
        toll = MARIADB[sql](said, person)

    try:
        look.raw.execute(f"{ALTER}{sql}, LOCK=NONE")
        waits = False
    except pymysql.err.OperationalError as error:
        assert error.args[0] in (1845, 1846), error
        waits = True

    assert waits == bool(toll.waits)
