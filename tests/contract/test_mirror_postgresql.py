"""Mirrors on PostgreSQL: what only its triggers meet, its locks, and what moves with a name."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests import databases, engines, mirrorstage
from tests.conftest import OpenRaw
from whimbrel.engines import mirrors

pytestmark = engines.only("postgresql", "postgresql18")


@pytest.fixture
def stage(database: databases.Database, raw: OpenRaw) -> Iterator[mirrorstage.Stage]:
    stage = mirrorstage.Stage(database, raw(database))
    yield stage
    stage.close()


@contextlib.contextmanager
def other(stage: mirrorstage.Stage) -> Iterator[psycopg.Connection]:
    """Open another session of the application, with transactions of its own."""
    connection = psycopg.connect(stage.database.url, application_name="another")
    connection.prepare_threshold = None
    try:
        yield connection
    finally:
        connection.close()


def items(stage: mirrorstage.Stage, more: str = "") -> mirrors.Shape:
    stage.app.execute(f"CREATE TABLE items (id integer PRIMARY KEY, amount integer{more})")
    return mirrorstage.changed(stage, "items", {"amount": "text"})


# --- triggers -------------------------------------------------------------------------------------


def test_unique_values_may_change_places_within_one_statement(stage: mirrorstage.Stage) -> None:
    shape = items(stage, ", code integer, CONSTRAINT c UNIQUE (code) DEFERRABLE")

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO items VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30)")
        stage.app.execute(
            "UPDATE items SET code = CASE code WHEN 10 THEN 20 ELSE 10 END WHERE id < 3"
        )
        stage.app.execute("UPDATE items SET code = 40 - code")

        assert stage.rows("items", "id, code") == [(1, 20), (2, 30), (3, 10)]
        assert stage.astray(shape) == []


def test_values_that_move_up_in_one_statement_find_their_place(stage: mirrorstage.Stage) -> None:
    # The new table checks each row as it comes, the old one at the end of the statement.
    shape = items(stage, ", code integer, CONSTRAINT c UNIQUE (code) DEFERRABLE")
    strict = tuple(unique.__class__(name="d", columns=("code",)) for unique in shape.new.uniques)
    shape = mirrors.Shape(
        mode=shape.mode, old=shape.old, new=shape.new.replace(uniques=strict), key=shape.key,
        up=shape.up, down=shape.down, parked=shape.parked,
    )  # fmt: skip

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO items VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)")
        stage.app.execute("UPDATE items SET code = code + 1")

        assert stage.astray(shape) == []


def test_truncate_empties_both_tables(stage: mirrorstage.Stage) -> None:
    shape = items(stage)

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO items VALUES (1, 1), (2, 2)")
        stage.app.execute("TRUNCATE items")
        assert stage.rows("items_new") == []
        stage.app.execute("INSERT INTO items VALUES (3, 3)")
        stage.do(stage.mirror.swap, shape)
        stage.app.execute("TRUNCATE items")
        assert stage.rows("items_old") == []


def test_triggers_fire_also_for_who_has_switched_triggers_off(stage: mirrorstage.Stage) -> None:
    shape = items(stage)

    with stage.mirrored(shape):
        stage.app.execute("SET session_replication_role = replica")
        stage.app.execute("INSERT INTO items VALUES (1, 1)")
        stage.app.execute("RESET session_replication_role")

        assert stage.rows("items_new") == [(1, "1")]


def test_copy_merge_and_changes_of_changes_are_mirrored(stage: mirrorstage.Stage) -> None:
    shape = items(stage)
    stage.app.script("CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                     "UPDATE items SET amount = amount + 1 WHERE id = NEW.id; RETURN NULL; END $$; "
                     "CREATE TRIGGER more AFTER INSERT ON items FOR EACH ROW "
                     "EXECUTE FUNCTION more();")  # fmt: skip

    with stage.mirrored(shape):
        stage.app.script("COPY items FROM stdin;\n1\t1\n2\t\\N\n\\.\n")
        stage.app.execute(
            "MERGE INTO items AS i USING (VALUES (1, 50), (3, 60)) AS v (id, amount) "
            "ON i.id = v.id "
            "WHEN MATCHED THEN UPDATE SET amount = v.amount "
            "WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.amount)"
        )
        stage.app.execute(
            "WITH gone AS (DELETE FROM items WHERE id = 2 RETURNING id) "
            "INSERT INTO items SELECT id + 100, 5 FROM gone"
        )

        assert stage.rows("items") == [(1, 50), (102, 6), (3, 61)]
        assert stage.astray(shape) == []


def test_the_guard_is_as_it_was_after_a_savepoint_is_taken_back(stage: mirrorstage.Stage) -> None:
    shape = items(stage)

    with stage.mirrored(shape), other(stage) as app:
        app.execute("INSERT INTO items VALUES (1, 1)")
        app.execute("SAVEPOINT s")
        with pytest.raises(psycopg.Error):
            app.execute("INSERT INTO items VALUES (2, 2), (1, 1)")
        app.execute("ROLLBACK TO SAVEPOINT s")
        app.execute("INSERT INTO items VALUES (3, 3)")
        app.commit()

        assert stage.rows("items_new") == [(1, "1"), (3, "3")]


def test_rows_of_a_role_without_rights_on_the_new_table_are_mirrored(
    stage: mirrorstage.Stage,
) -> None:
    shape = items(stage)
    role = f"clerk_{stage.database.name}"
    stage.app.execute(f"CREATE ROLE {role}")
    try:
        stage.app.execute(f"GRANT SELECT, INSERT, UPDATE ON items TO {role}")
        with stage.mirrored(shape):
            stage.app.execute(f"REVOKE ALL ON items_new FROM {role}")
            stage.app.execute(f"SET ROLE {role}")
            stage.app.execute("INSERT INTO items VALUES (1, 1)")
            stage.app.execute("RESET ROLE")
            assert stage.rows("items_new") == [(1, "1")]

            stage.do(stage.mirror.swap, shape)
            stage.app.execute(f"SET ROLE {role}")
            stage.app.execute("INSERT INTO items VALUES (2, '2')")
            stage.app.execute("RESET ROLE")
            assert stage.rows("items_old") == [(1, 1), (2, 2)]
    finally:
        stage.app.execute("RESET ROLE")
        stage.app.execute(f"DROP OWNED BY {role}")
        stage.app.execute(f"DROP ROLE {role}")


def test_a_deadlock_and_a_cancelled_statement_are_not_swallowed(stage: mirrorstage.Stage) -> None:
    shape = items(stage, ", code integer UNIQUE")

    with stage.mirrored(shape), other(stage) as app, other(stage) as locker:
        app.execute("INSERT INTO items VALUES (1, 1)")
        app.commit()
        locker.execute("SELECT * FROM items_new WHERE id = 1 FOR UPDATE")
        app.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            app.execute("UPDATE items SET amount = 2")
        app.rollback()
        app.execute("SET statement_timeout = '100ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            app.execute("UPDATE items SET amount = 3")


# --- two sessions ---------------------------------------------------------------------------------


def test_a_fill_waits_for_nobody_and_brings_no_deleted_row_back(
    stage: mirrorstage.Stage,
) -> None:
    shape = items(stage)
    stage.app.execute("INSERT INTO items VALUES (1, 1), (2, 2), (3, 3), (4, 4)")

    with stage.mirrored(shape), other(stage) as app:
        app.execute("DELETE FROM items WHERE id = 1")
        app.execute("UPDATE items SET amount = 20 WHERE id = 2")
        app.execute("SELECT * FROM items WHERE id = 3 FOR UPDATE")
        stage.fill(shape)
        assert stage.rows("items_new") == [(4, "4")]
        app.commit()

        # The trigger has written what changed; what was only locked is found, and filled then.
        assert stage.rows("items_new") == [(2, "20"), (4, "4")]
        assert stage.astray(shape) == [3]
        stage.fill(shape)
        assert stage.rows("items_new") == [(2, "20"), (3, "3"), (4, "4")]


def test_an_update_that_waits_for_a_fill_is_the_last_word(stage: mirrorstage.Stage) -> None:
    shape = items(stage)
    stage.app.execute("INSERT INTO items VALUES (1, 1), (2, 2)")

    with stage.mirrored(shape):
        with stage.mirror.unmirrored():
            stage.session.execute(stage.mirror.fill(shape, "id < 3"))
            sql = (
                "WITH gone AS (DELETE FROM items WHERE id = 1) "
                "UPDATE items SET amount = 7 WHERE id = 2"
            )
            writing = threading.Thread(target=stage.app.execute, args=[sql])
            writing.start()
            with other(stage) as look:
                for _ in range(100):
                    if look.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                        break
                    time.sleep(0.01)
            stage.session.commit()
            writing.join()

        assert stage.rows("items_new") == [(2, "7")]
        assert stage.astray(shape) == []


def test_nobody_waits_longer_for_a_trigger_than_was_said(stage: mirrorstage.Stage) -> None:
    shape = items(stage)
    stage.send(stage.mirror.create(shape))

    with other(stage) as app:
        app.execute("INSERT INTO items VALUES (1, 8346)")
        started = time.monotonic()
        with pytest.raises(mirrors.Busy) as busy:
            stage.mirror.install(shape, seconds=0.1)
        waited = time.monotonic() - started

        # The server itself would wait for ever.
        assert waited < 10
        assert "another" in busy.value.blockers[0].who
        assert busy.value.blockers[0].what == "INSERT INTO items VALUES (…, …)"
        assert not stage.session.in_transaction
        assert stage.mirror.presence(shape) is mirrors.Presence.NONE
        app.commit()
    stage.do(stage.mirror.install, shape)

    assert stage.astray(shape) == [1]


def test_the_exchange_does_not_even_wait_for_a_long_transaction(stage: mirrorstage.Stage) -> None:
    shape = items(stage)

    with stage.mirrored(shape), other(stage) as reader:
        reader.execute("SELECT * FROM items")
        time.sleep(3)
        started = time.monotonic()
        with pytest.raises(mirrors.Busy):
            stage.mirror.swap(shape, seconds=2.5)

        assert time.monotonic() - started < 2.5
        assert not stage.mirror.swapped(shape)
        assert [b.who.partition(", ")[2] for b in stage.mirror.blockers("items")] == [
            "whimbrel, another"
        ]
        stage.session.rollback()
        stage.app.execute("INSERT INTO items VALUES (1, 1)")
        reader.rollback()
        stage.do(stage.mirror.swap, shape)


def test_who_reads_one_moment_of_the_database_keeps_the_exchange_waiting(
    stage: mirrorstage.Stage,
) -> None:
    shape = items(stage)

    with stage.mirrored(shape), other(stage) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT 1")
        time.sleep(0.25)

        with pytest.raises(mirrors.Busy):
            stage.mirror.swap(shape, seconds=0.2)
        reader.rollback()
        stage.session.rollback()
        stage.do(stage.mirror.swap, shape)


def test_a_failed_exchange_leaves_everything_as_it_was(stage: mirrorstage.Stage) -> None:
    shape = items(stage)

    with stage.mirrored(shape):
        before = stage.engine.catalog(stage.session).texts()
        stage.app.execute("CREATE TABLE items_old ()")
        with pytest.raises(mirrorstage.FAILURES):
            stage.mirror.swap(shape, seconds=1)
        stage.session.rollback()
        stage.app.execute("DROP TABLE items_old")

        assert before == stage.engine.catalog(stage.session).texts()
        stage.session.rollback()


# --- what moves with a name -----------------------------------------------------------------------


def test_everything_that_hangs_on_the_name_follows_it_and_comes_back(
    stage: mirrorstage.Stage,
) -> None:
    app = stage.app
    role = f"reader_{stage.database.name}"
    app.execute(f"CREATE ROLE {role}")
    app.execute("CREATE TABLE items (id serial PRIMARY KEY, amount integer, name varchar(40))")
    app.execute("CREATE UNIQUE INDEX items_name ON items (lower(name))")
    app.execute("COMMENT ON TABLE items IS 'what we sell'")
    app.execute(f"GRANT SELECT (id, name), INSERT ON items TO {role}")
    app.execute("CREATE TABLE log (said text)")
    app.execute(
        "CREATE TABLE parts (id integer PRIMARY KEY, item integer, CONSTRAINT parts_item "
        "FOREIGN KEY (item) REFERENCES items (id) ON DELETE CASCADE)"
    )
    app.execute("CREATE VIEW names AS SELECT id, name FROM items")
    app.execute("CREATE VIEW first AS SELECT * FROM names WHERE id = 1")
    app.script(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO log VALUES (TG_TABLE_NAME || ' ' || NEW.name); RETURN NULL; END $$; "
        "CREATE TRIGGER note AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION note();"
    )
    app.execute("INSERT INTO items (amount, name) VALUES (1, 'Ant')")
    app.execute("INSERT INTO parts VALUES (1, 1)")
    before = _described(stage)
    shape = mirrorstage.changed(stage, "items", {"amount": "text"})

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)
        swapped = _described(stage)
        app.execute("INSERT INTO items (amount, name) VALUES ('2', 'Bee')")
        app.execute("INSERT INTO parts VALUES (2, 2)")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            app.execute("INSERT INTO parts VALUES (3, 99)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            app.execute("INSERT INTO items (amount, name) VALUES ('3', 'BEE')")
        assert stage.rows("first") == [(1, "Ant")]
        assert stage.rows("names") == [(1, "Ant"), (2, "Bee")]
        assert stage.rows("log") == [("items Ant",), ("items Bee",)]
        assert swapped["columns"] != before["columns"]
        assert swapped["indexes"] == before["indexes"]
        assert swapped["keys"] == [
            f"{line} NOT VALID" if "FOREIGN" in line else line for line in before["keys"]
        ]
        for what in ("rights", "comment", "counter", "triggers"):
            assert swapped[what] == before[what], what

        stage.do(stage.mirror.unswap, shape)
        app.execute("INSERT INTO items (amount, name) VALUES (4, 'Cat')")
        app.execute("DELETE FROM items WHERE id = 1")
        assert stage.rows("parts") == [(2, 2)]
        assert stage.rows("log") == [("items Ant",), ("items Bee",), ("items Cat",)]
        assert stage.rows("names", "name") == [("Bee",), ("Cat",)]
        assert stage.astray(shape) == []

    app.execute("DROP TABLE items_new")
    after = _described(stage)
    app.execute(f"DROP OWNED BY {role}")
    app.execute(f"DROP ROLE {role}")
    assert {**before, "keys": None} == {**after, "keys": None}


def test_removing_the_mirror_after_the_exchange_proves_the_foreign_keys_of_others(
    stage: mirrorstage.Stage,
) -> None:
    stage.app.execute("CREATE TABLE items (id integer PRIMARY KEY, amount integer)")
    stage.app.execute("INSERT INTO items VALUES (1, 1)")
    stage.app.execute("CREATE TABLE parts (item integer REFERENCES items)")
    stage.app.execute("INSERT INTO parts VALUES (1)")
    before = _described(stage)
    shape = mirrorstage.changed(stage, "items", {"amount": "text"})

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)
    stage.app.execute("DROP TABLE items_old")

    assert _described(stage)["keys"] == before["keys"]
    assert _described(stage)["indexes"] == before["indexes"]
    assert not stage.app.execute("SELECT * FROM pg_description WHERE description LIKE 'whimbrel%'")


def test_what_cannot_follow_the_name_is_named_before(stage: mirrorstage.Stage) -> None:
    app = stage.app
    shape = items(stage, ", note text")
    app.execute("CREATE VIEW sums AS SELECT sum(amount) AS total FROM items")
    app.execute("CREATE MATERIALIZED VIEW kept AS SELECT id FROM items")
    app.execute("CREATE FUNCTION one(i items) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    app.execute("CREATE TABLE heirs () INHERITS (items)")
    app.execute("ALTER TABLE items ENABLE ROW LEVEL SECURITY")
    app.execute("CREATE STATISTICS more ON id, amount FROM items")
    app.execute("CREATE RULE quiet AS ON DELETE TO items DO ALSO SELECT 1")

    found = " ".join(obstacle.what for obstacle in stage.mirror.obstacles(shape))

    for word in ("sums", "kept", "one(items)", "inheritance", "row level", "more", "quiet"):
        assert word in found, word


def _described(stage: mirrorstage.Stage) -> dict[str, object]:
    """Return what the server says of `items` and of those who refer to it."""
    app = stage.app
    return {
        "columns": app.execute(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'items'::regclass AND attnum > 0 ORDER BY 1"
        ),
        "indexes": app.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'items' ORDER BY 1"
        ),
        "keys": [
            str(row[0])
            for row in app.execute(
                "SELECT conname || ': ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE "
                "'items'::regclass IN (conrelid, confrelid) AND contype <> 'n' ORDER BY 1"
            )
        ],
        "rights": app.execute(
            "SELECT relacl::text, "
            "(SELECT string_agg(attname || attacl::text, ' ' ORDER BY attname) "
            "FROM pg_attribute WHERE attrelid = c.oid) "
            "FROM pg_class c WHERE oid = 'items'::regclass"
        ),
        "comment": app.execute("SELECT obj_description('items'::regclass, 'pg_class')"),
        "counter": app.execute("SELECT pg_get_serial_sequence('items', 'id')"),
        "triggers": app.execute(
            "SELECT pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger WHERE NOT tgisinternal "
            "AND tgrelid = 'items'::regclass AND tgname NOT LIKE 'whimbrel%' ORDER BY 1"
        ),
    }
