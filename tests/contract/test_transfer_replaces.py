"""`--existing replace`: what the plan makes again goes, named; nothing else does."""

from __future__ import annotations

import contextlib

import pytest

import whimbrel
from tests import conftest, databases
from whimbrel import errors

# Everything that stands beside tables: (engine, what makes it).
EVERYTHING = {
    "sqlite": """
        CREATE TABLE parent (id integer PRIMARY KEY, name text);
        CREATE TABLE child (id integer PRIMARY KEY, of integer REFERENCES parent (id));
        CREATE INDEX ix_child ON child (of);
        CREATE VIEW named AS SELECT name FROM parent;
        CREATE VIEW on_named AS SELECT * FROM named;
        CREATE TRIGGER t AFTER INSERT ON parent BEGIN SELECT 1; END;
        """,
    "postgresql": """
        CREATE TYPE mood AS ENUM ('glad', 'sad');
        CREATE TYPE place AS (x int, y int);
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        CREATE SEQUENCE numbers;
        CREATE COLLATION mine (PROVIDER = libc, LOCALE = 'C');
        CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n';
        CREATE TABLE parent (id int PRIMARY KEY DEFAULT nextval('numbers'), name text COLLATE mine,
                             m mood, p place, n positive,
                             t int GENERATED ALWAYS AS (twice(id)) STORED);
        CREATE TABLE child (id int PRIMARY KEY, of int REFERENCES parent);
        CREATE TABLE cut (id int, n int) PARTITION BY RANGE (id);
        CREATE TABLE cut_1 PARTITION OF cut FOR VALUES FROM (0) TO (100);
        CREATE VIEW named AS SELECT name FROM parent;
        CREATE MATERIALIZED VIEW on_named AS SELECT * FROM named;
        CREATE FUNCTION row_of(p parent) RETURNS text LANGUAGE sql AS 'SELECT p.name';
        CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER t BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION tf();
        """,
    "mariadb": """
        CREATE SEQUENCE numbers;
        CREATE TABLE parent (id int PRIMARY KEY, name varchar(20));
        CREATE TABLE child (id int PRIMARY KEY, of int, FOREIGN KEY (of) REFERENCES parent (id));
        CREATE VIEW named AS SELECT name FROM parent;
        CREATE VIEW on_named AS SELECT * FROM named;
        CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN 2 * n;
        CREATE PROCEDURE nothing() SELECT 1;
        CREATE EVENT later ON SCHEDULE EVERY 1 DAY DO SELECT 1;
        CREATE TRIGGER t BEFORE INSERT ON parent FOR EACH ROW SET NEW.id = NEW.id;
        """,
}
ENGINES = tuple(EVERYTHING)


def full(database: databases.Database, raw: conftest.OpenRaw) -> None:
    raw(database).script(EVERYTHING[database.kind])
    raw(database).execute("INSERT INTO parent (id, name) VALUES (1, 'a'), (2, 'b')")
    raw(database).execute("INSERT INTO child VALUES (1, 1), (2, 1)")


@pytest.mark.parametrize("engine", ENGINES)
def test_everything_that_is_made_again_is_replaced(
    engine: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database(engine), new_database(engine)
    full(here, raw)
    first = whimbrel.transfer(here.url, there.url)
    raw(there).execute("UPDATE parent SET name = 'other'")
    names = ["parent", "child", "view named"]

    with pytest.raises(errors.TargetNotEmpty):
        whimbrel.transfer(here.url, there.url)
    plan = whimbrel.plan_transfer(here.url, there.url, existing="replace")
    done = whimbrel.transfer(here.url, there.url, existing="replace")

    assert (True, True, ()) == (first.ok, done.ok, done.not_made), done.not_made
    assert set(names) <= {name for one in plan.drops for name in one.names}
    assert [("a",), ("b",)] == raw(there).execute("SELECT name FROM named ORDER BY 1")
    for one in (first, done):
        with contextlib.closing(one.verification):
            assert one.equal


@pytest.mark.parametrize("target", ENGINES)
@pytest.mark.parametrize("source", ENGINES)
def test_a_second_transfer_replaces_the_first(
    source: str, target: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database(source), new_database(target)
    full(here, raw)
    tables = ["parent", "child"]
    whimbrel.transfer(here.url, there.url, tables=tables, verify=False)

    done = whimbrel.transfer(here.url, there.url, tables=tables, existing="replace", verify=False)

    assert (4, ()) == (done.rows, done.not_made)
    assert [(2,)] == raw(there).execute("SELECT count(*) FROM named")


@pytest.mark.parametrize("engine", ENGINES)
def test_tables_that_refer_to_each_other_are_replaced(
    engine: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database(engine), new_database(engine)
    for one in (here, there):
        sent = raw(one)
        sent.script(
            "CREATE TABLE hen (id int PRIMARY KEY, egg int);"
            "CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen (id) ON DELETE RESTRICT);"
        )
        if engine == "sqlite":
            sent.script(
                "DROP TABLE hen; CREATE TABLE hen (id int PRIMARY KEY, "
                "egg int REFERENCES egg (id) ON DELETE RESTRICT);"
            )
        else:
            sent.execute("ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg (id)")
        sent.execute("INSERT INTO hen VALUES (1, NULL)")
        sent.execute("INSERT INTO egg VALUES (1, 1)")
        sent.execute("UPDATE hen SET egg = 1")

    done = whimbrel.transfer(here.url, there.url, existing="replace")

    with contextlib.closing(done.verification):
        assert done.equal
    assert [(1, 1)] == raw(there).execute("SELECT id, egg FROM hen")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_view_that_is_there_is_not_met_half_way(
    engine: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database(engine)
    full(here, raw)
    raw(there).execute("CREATE VIEW named AS SELECT 1 AS mine")

    with pytest.raises(errors.TargetNotEmpty, match="view named"):
        whimbrel.transfer(here.url, there.url)

    assert [(1,)] == raw(there).execute("SELECT mine FROM named")
    with pytest.raises(Exception, match="parent"):
        raw(there).execute("SELECT 1 FROM parent")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_where_a_view_would_be_is_never_dropped(
    engine: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database(engine)
    full(here, raw)
    raw(there).execute("CREATE TABLE named (mine int)")
    raw(there).execute("INSERT INTO named VALUES (1)")

    for existing in ("refuse", "replace"):
        with pytest.raises(errors.TargetNotEmpty, match="table named"):
            whimbrel.transfer(here.url, there.url, existing=existing)

    assert [(1,)] == raw(there).execute("SELECT mine FROM named")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_others_refer_to_is_not_dropped(
    engine: str, new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database(engine)
    full(here, raw)
    raw(there).execute("CREATE TABLE parent (id int PRIMARY KEY)")
    raw(there).execute("CREATE TABLE others (id int, FOREIGN KEY (id) REFERENCES parent (id))")
    raw(there).execute("INSERT INTO parent VALUES (7)")
    raw(there).execute("INSERT INTO others VALUES (7)")

    with pytest.raises(errors.TargetNotEmpty, match="need what would be replaced: table others"):
        whimbrel.transfer(here.url, there.url, existing="replace")

    assert [(7,)] == raw(there).execute("SELECT id FROM others")
    assert [(7,)] == raw(there).execute("SELECT id FROM parent")


def test_what_others_are_made_of_is_not_dropped(
    new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("postgresql"), new_database("postgresql")
    full(here, raw)
    raw(there).execute("CREATE TYPE mood AS ENUM ('old')")
    raw(there).execute("CREATE TABLE felt (m mood)")
    raw(there).execute("CREATE TABLE parent (id int)")
    raw(there).execute("CREATE VIEW of_parent AS SELECT * FROM parent")

    with pytest.raises(errors.TargetNotEmpty) as refused:
        whimbrel.transfer(here.url, there.url, existing="replace")

    assert "table felt" in refused.value.what
    assert "view of_parent" in refused.value.what
    assert [("old",)] == raw(there).execute("SELECT unnest(enum_range(NULL::mood))")


def test_names_that_differ_in_case_are_two_names_where_they_are(
    new_database: conftest.NewDatabase, raw: conftest.OpenRaw
) -> None:
    here, there = new_database("sqlite"), new_database("postgresql")
    raw(here).execute('CREATE TABLE "Item" (id integer PRIMARY KEY)')
    raw(there).execute("CREATE TABLE item (id int)")
    raw(there).execute("INSERT INTO item VALUES (5)")

    done = whimbrel.transfer(here.url, there.url, existing="replace")

    assert (True, ()) == (done.ok, done.plan.drops)
    assert [(5,)] == raw(there).execute("SELECT id FROM item")
