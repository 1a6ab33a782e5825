"""Mirrors on SQLite: what its conflict clauses, its pragmas and its texts do to triggers."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator

import pytest

from tests import databases, engines, mirrorstage
from tests.conftest import OpenRaw
from whimbrel import errors
from whimbrel.engines import mirrors

pytestmark = engines.only("sqlite")


@pytest.fixture
def stage(database: databases.Database, raw: OpenRaw) -> Iterator[mirrorstage.Stage]:
    stage = mirrorstage.Stage(database, raw(database))
    yield stage
    stage.close()


def items(stage: mirrorstage.Stage, more: str = "") -> mirrors.Shape:
    stage.app.execute(f"CREATE TABLE items (id INTEGER PRIMARY KEY, amount INTEGER{more})")
    return retyped(stage)


def retyped(stage: mirrorstage.Stage) -> mirrors.Shape:
    """Return the shape in which the amount is a text, with all that the table's text says."""
    shape = mirrorstage.changed(stage, "items", {"amount": "TEXT"})
    sql = (shape.old.sql or "").replace("amount INTEGER", "amount TEXT")
    return dataclasses.replace(shape, new=shape.new.replace(sql=sql))


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_replace_takes_the_same_rows_away_on_both_sides(
    stage: mirrorstage.Stage, recursive: str
) -> None:
    shape = items(stage, ", code INTEGER UNIQUE, kind TEXT")
    # The new shape does not have the unique key: nothing there makes room by itself.
    text = (shape.new.sql or "").replace(" UNIQUE", "")
    shape = dataclasses.replace(shape, new=shape.new.replace(sql=text, uniques=()))
    app = stage.app
    app.execute(f"PRAGMA recursive_triggers = {recursive}")

    with stage.mirrored(shape):
        app.execute("INSERT INTO items VALUES (1, 1, 10, 'a'), (2, 2, 20, 'b'), (3, 3, 30, 'c')")
        app.execute("REPLACE INTO items VALUES (1, 100, 20, 'd')")
        assert stage.rows("items_new") == [(1, "100", 20, "d"), (3, "3", 30, "c")]
        app.execute("UPDATE OR REPLACE items SET code = 30 WHERE id = 1")
        assert stage.rows("items_new") == [(1, "100", 30, "d")]
        app.execute("INSERT OR IGNORE INTO items VALUES (4, 4, 30, 'e'), (5, 5, 50, 'f')")
        app.execute("INSERT OR REPLACE INTO items VALUES (6, 6, 60, 'g'), (7, 7, 50, 'h')")
        assert stage.rows("items_new", "id") == [(1,), (6,), (7,)]
        app.execute(
            "INSERT INTO items VALUES (7, 0, 70, 'i') ON CONFLICT (id) DO UPDATE SET amount = 70"
        )

        assert stage.astray(shape) == []
        assert stage.rows("items", "id, amount") == [(1, 100), (6, 6), (7, 70)]


@pytest.mark.parametrize("clause", ["OR FAIL", "OR ABORT", "OR ROLLBACK", "OR IGNORE", ""])
def test_a_statement_that_fails_half_way_leaves_no_mirror_switched_off(
    stage: mirrorstage.Stage, clause: str
) -> None:
    shape = items(stage, ", code INTEGER UNIQUE")
    app = stage.app

    with stage.mirrored(shape):
        app.execute("INSERT INTO items VALUES (1, 1, 10)")
        app.execute("BEGIN")
        if clause == "OR IGNORE":
            app.execute(f"INSERT {clause} INTO items VALUES (2, 2, 20), (3, 3, 10)")
        else:
            with pytest.raises(sqlite3.IntegrityError):
                app.execute(f"INSERT {clause} INTO items VALUES (2, 2, 20), (3, 3, 10)")
        if clause != "OR ROLLBACK":
            app.execute("COMMIT")
        app.execute("INSERT INTO items VALUES (9, 9, 90)")
        app.execute("UPDATE items SET amount = amount + 1")

        assert stage.astray(shape) == []
        assert (9, "10", 90) in stage.rows("items_new")


def test_a_mirror_that_was_left_switched_off_still_follows(stage: mirrorstage.Stage) -> None:
    shape = items(stage)

    with stage.mirrored(shape):
        guard = f"whimbrel_{shape.tag}_guard"
        stage.app.execute(f"UPDATE {guard} SET busy = 1")
        stage.app.execute("INSERT INTO items VALUES (1, 1)")

        assert stage.rows("items_new") == [(1, "1")]
        assert stage.rows(guard) == [(0,)]


def test_others_go_on_meaning_the_name_and_texts_come_back_as_they_were(
    stage: mirrorstage.Stage,
) -> None:
    app = stage.app
    app.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, amount INTEGER, name TEXT, "
        "above INTEGER REFERENCES items(id) ON DELETE CASCADE, CHECK (length(name) < 9))"
    )
    app.execute("CREATE UNIQUE INDEX items_name ON items (lower(name)) WHERE name <> ''")
    app.execute("CREATE TABLE log (said TEXT)")
    app.execute("CREATE TABLE parts (item INTEGER REFERENCES items ON DELETE CASCADE)")
    app.execute("CREATE VIEW names AS SELECT name FROM items")
    app.execute(
        "CREATE TRIGGER note AFTER INSERT ON items BEGIN INSERT INTO log VALUES (NEW.name); END"
    )
    app.execute(
        "CREATE TRIGGER first AFTER INSERT ON parts BEGIN "
        "UPDATE items SET name = 'u' || id WHERE id = NEW.item; END"
    )
    app.execute("INSERT INTO items VALUES (1, 1, 'ant', NULL), (2, 2, 'bee', 1)")
    app.execute("INSERT INTO parts VALUES (2)")
    shape = retyped(stage)
    before = _texts(stage)

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)
        app.execute("INSERT INTO items (amount, name) VALUES ('3', 'cat')")
        app.execute("INSERT INTO parts VALUES (3)")
        with pytest.raises(sqlite3.IntegrityError):
            app.execute("INSERT INTO parts VALUES (99)")
        with pytest.raises(sqlite3.IntegrityError):
            app.execute("INSERT INTO items (name) VALUES ('U2')")
        assert stage.rows("names") == [("ant",), ("u2",), ("u3",)]
        assert stage.rows("log") == [("ant",), ("bee",), ("cat",)]
        app.execute("DELETE FROM items WHERE id = 1")
        assert stage.rows("items", "id") == [(3,)]
        assert stage.rows("items_old", "id") == [(3,)]
        assert stage.rows("parts") == [(3,)]
        swapped = _texts(stage)
        for name in ("parts", "names", "first", "log"):
            assert swapped[name] == before[name]
        assert app.execute("PRAGMA integrity_check") == [("ok",)]
        assert app.execute("PRAGMA foreign_key_check") == []

        stage.do(stage.mirror.unswap, shape)
        app.execute("INSERT INTO items (amount, name) VALUES (4, 'dog')")
        assert stage.rows("items", "id, amount") == [(3, 3), (4, 4)]
        assert stage.astray(shape) == []

    app.execute("DROP TABLE items_new")
    assert _texts(stage) == before
    assert app.execute("PRAGMA integrity_check") == [("ok",)]


def test_indexes_have_their_names_after_the_exchange(stage: mirrorstage.Stage) -> None:
    shape = items(stage, ", code INTEGER")
    stage.app.execute("CREATE INDEX by_code ON items (code)")
    shape = retyped(stage)

    with stage.mirrored(shape):
        stage.do(stage.mirror.swap, shape)

    stage.app.execute("DROP TABLE items_old")
    assert stage.app.execute("PRAGMA index_list(items)")[0][1] == "by_code"
    assert stage.app.execute("PRAGMA integrity_check") == [("ok",)]


def test_a_file_that_somebody_writes_to_is_busy(stage: mirrorstage.Stage) -> None:
    shape = items(stage)
    stage.send(stage.mirror.create(shape))
    stage.app.execute("BEGIN IMMEDIATE")

    with pytest.raises(mirrors.Busy):
        stage.mirror.install(shape, seconds=0.1)

    stage.app.execute("COMMIT")
    assert stage.mirror.presence(shape) is mirrors.Presence.NONE
    stage.do(stage.mirror.install, shape)


def test_an_exchange_that_would_break_a_foreign_key_changes_nothing(
    stage: mirrorstage.Stage,
) -> None:
    shape = items(stage)
    stage.app.execute("CREATE TABLE parts (item INTEGER REFERENCES items(id))")
    stage.app.execute("INSERT INTO items VALUES (1, 1)")
    stage.app.execute("INSERT INTO parts VALUES (1)")

    with stage.mirrored(shape):
        # Nothing has been filled: the new table is empty.
        with pytest.raises(errors.ForeignKeysBroken):
            stage.mirror.swap(shape, seconds=1)

        assert not stage.mirror.swapped(shape)
        stage.app.execute("INSERT INTO items VALUES (2, 2)")
        assert stage.rows("items_new") == [(2, "2")]


def test_a_trigger_that_writes_to_the_row_again_does_not_leave_an_older_value(
    stage: mirrorstage.Stage,
) -> None:
    shape = items(stage)
    for event in ("INSERT", "UPDATE"):
        stage.app.execute(
            f"CREATE TRIGGER more_{event} AFTER {event} ON items WHEN NEW.amount < 10 BEGIN "
            "UPDATE items SET amount = amount + 10 WHERE id = NEW.id; END"
        )

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO items VALUES (1, 1), (2, 20)")
        stage.app.execute("UPDATE items SET amount = 5 WHERE id = 2")

        assert stage.rows("items") == [(1, 11), (2, 15)]
        assert stage.astray(shape) == []


def _texts(stage: mirrorstage.Stage) -> dict[str, str]:
    """Return what every object says; quotes and layout do not count."""
    try:
        return stage.engine.catalog(stage.session).texts()
    finally:
        stage.session.rollback()
