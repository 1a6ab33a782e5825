"""Two columns of one table are kept in step: old code writes one of them, new code the other."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests import databases, engines, mirrorstage
from tests.conftest import OpenRaw
from whimbrel.engines import mirrors


@pytest.fixture
def stage(database: databases.Database, raw: OpenRaw) -> Iterator[mirrorstage.Stage]:
    stage = mirrorstage.Stage(database, raw(database))
    yield stage
    stage.close()


def renamed(stage: mirrorstage.Stage, *, old: str = "VARCHAR(40)") -> mirrors.Shape:
    """Return the shape in which `name` is to be called `full_name`."""
    stage.app.execute(
        f"CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name {old}, age INTEGER)"
    )
    stage.app.execute("INSERT INTO people (id, name, age) VALUES (1, 'Ana', 7), (2, 'Öre', NULL)")
    stage.app.execute("ALTER TABLE people ADD COLUMN full_name VARCHAR(40)")
    table = stage.table("people")
    return mirrors.Shape(
        mode=mirrors.Mode.COLUMNS,
        old=table,
        new=table,
        key=(("id", "id"),),
        up={"full_name": "name"},
        down={"name": "full_name"},
    )


LATER = [pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(3, 40)]


@pytest.mark.parametrize("seed", [1, 2, *LATER])
def test_both_columns_follow_old_and_new_code(stage: mirrorstage.Stage, seed: int) -> None:
    shape = renamed(stage)
    chance = random.Random(seed)
    rows: dict[int, str | None] = {1: "Ana", 2: "Öre"}
    said: list[str] = []

    def send(sql: str) -> None:
        said.append(sql)
        stage.app.execute(sql)

    with stage.mirrored(shape):
        stage.fill(shape)
        for step in range(100):
            column = chance.choice(["name", "full_name"])
            value = chance.choice([None, f"v{step}", f"v{step}", ""])
            text = "NULL" if value is None else f"'{value}'"
            key, new = chance.choice(sorted(rows)), 100 + step
            kind = chance.randrange(9)
            if kind == 0:
                send(f"INSERT INTO people (id, {column}) VALUES ({new}, {text})")
                rows[new] = value
            elif kind == 1:
                send(f"INSERT INTO people (id, {column}) SELECT id + 1000 * {new}, {column} "
                     f"FROM people WHERE id < 50")  # fmt: skip
                rows.update({k + 1000 * new: v for k, v in rows.items() if k < 50})
            elif kind == 2:
                send(f"UPDATE people SET {column} = {text} WHERE id = {key}")
                rows[key] = value
            elif kind == 3:
                send(f"UPDATE people SET {column} = {text}, age = 1 WHERE id < {new}")
                rows = {k: value if k < new else v for k, v in rows.items()}
            elif kind == 4 and len(rows) > 3:
                send(f"DELETE FROM people WHERE id = {key}")
                del rows[key]
            elif kind == 5:
                send(f"UPDATE people SET id = {new}, {column} = {text} WHERE id = {key}")
                del rows[key]
                rows[new] = value
            elif kind == 6:
                send("BEGIN")
                send(f"UPDATE people SET {column} = {text} WHERE id = {key}")
                send("SAVEPOINT s1")
                send("UPDATE people SET name = 'lost', full_name = 'lost too'")
                send("DELETE FROM people")
                send("ROLLBACK TO SAVEPOINT s1")
                send("COMMIT")
                rows[key] = value
            elif kind == 7:
                send(f"UPDATE people SET id = id + 0, age = 3 WHERE id = {key}")
            elif stage.database.kind == "postgresql":
                send(f"INSERT INTO people (id, {column}) VALUES ({key}, {text}) "
                     f"ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}")  # fmt: skip
                rows[key] = value
            else:
                send(f"REPLACE INTO people (id, {column}) VALUES ({key}, {text})")
                rows[key] = value
            assert {k: (v, v) for k, v in rows.items()} == both(stage), said[-7:]
        assert stage.astray(shape) == []
        assert stage.lossy(shape) == []


def both(stage: mirrorstage.Stage) -> dict[int, tuple[object, object]]:
    return {row[0]: row[1:] for row in stage.rows("people", "id, name, full_name")}


def test_old_and_new_code_write_the_same_row(stage: mirrorstage.Stage) -> None:
    shape = renamed(stage)
    app = stage.app

    with stage.mirrored(shape):
        assert stage.astray(shape) == [1, 2]
        stage.fill(shape)
        assert stage.astray(shape) == []
        app.execute("INSERT INTO people (id, name) VALUES (3, 'by old'), (4, NULL)")
        app.execute("INSERT INTO people (id, full_name) VALUES (5, 'by new')")
        app.execute("INSERT INTO people (id) VALUES (6)")
        app.execute("UPDATE people SET name = 'changed by old' WHERE id = 5")
        app.execute("UPDATE people SET full_name = 'changed by new' WHERE id = 3")
        app.execute("UPDATE people SET age = 9 WHERE id = 2")
        app.execute("UPDATE people SET name = 'lost', full_name = 'won' WHERE id = 6")
        app.execute("UPDATE people SET full_name = NULL WHERE id = 1")
        app.execute("UPDATE people SET id = 20, name = 'moved' WHERE id = 2")

        assert stage.astray(shape) == []
        assert stage.lossy(shape) == []
        assert stage.mirror.presence(shape) is mirrors.Presence.WHOLE

    assert both(stage) == {
        1: (None, None),
        20: ("moved", "moved"),
        3: ("changed by new", "changed by new"),
        4: (None, None),
        5: ("changed by old", "changed by old"),
        6: ("won", "won"),
    }


def test_a_row_that_moves_before_it_was_filled_is_filled_by_moving(
    stage: mirrorstage.Stage,
) -> None:
    shape = renamed(stage)

    with stage.mirrored(shape):
        stage.app.execute("UPDATE people SET id = 0 WHERE id = 2")

        assert both(stage) == {0: ("Öre", "Öre"), 1: ("Ana", None)}


def test_many_rows_and_rows_taken_back_are_kept_in_step(stage: mirrorstage.Stage) -> None:
    shape = renamed(stage)

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.app.execute("INSERT INTO people (id, name) SELECT id + 10, name FROM people")
        stage.app.execute("BEGIN")
        stage.app.execute("UPDATE people SET full_name = 'x'")
        stage.app.execute("SAVEPOINT s1")
        stage.app.execute("UPDATE people SET name = 'y' WHERE id = 1")
        stage.app.execute("ROLLBACK TO SAVEPOINT s1")
        stage.app.execute("UPDATE people SET name = 'z' WHERE id = 2")
        stage.app.execute("COMMIT")

    assert both(stage) == {1: ("x", "x"), 2: ("z", "z"), 11: ("x", "x"), 12: ("x", "x")}


def test_new_code_may_leave_out_a_column_that_may_not_be_null(stage: mirrorstage.Stage) -> None:
    shape = renamed(stage, old="VARCHAR(40) NOT NULL")
    catalog = stage.engine.catalog(stage.session)
    before = catalog.texts()
    stage.session.rollback()

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.app.execute("INSERT INTO people (id, full_name) VALUES (3, 'by new')")
        stage.app.execute("INSERT INTO people (id, name) VALUES (4, 'by old')")
        with pytest.raises(mirrorstage.ERRORS):
            stage.app.execute("INSERT INTO people (id, age) VALUES (5, 1)")
        with pytest.raises(mirrorstage.ERRORS):
            stage.app.execute("UPDATE people SET name = NULL WHERE id = 1")

        assert stage.astray(shape) == []

    assert both(stage)[3] == ("by new", "by new")
    assert both(stage)[4] == ("by old", "by old")
    assert 5 not in both(stage)
    after = catalog.texts()
    stage.session.rollback()
    assert before == after


def split(stage: mirrorstage.Stage) -> mirrors.Shape:
    """Return the shape in which first and last name are to be one column."""
    stage.app.execute(
        "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, first VARCHAR(40), "
        "last VARCHAR(40), whole VARCHAR(80))"
    )
    table = stage.table("people")
    if stage.database.kind == "postgresql":
        first, last = "split_part(whole, ' ', 1)", "split_part(whole, ' ', 2)"
    elif stage.database.kind == "sqlite":
        first = "substr(whole, 1, instr(whole || ' ', ' ') - 1)"
        last = "substr(whole, instr(whole || ' ', ' ') + 1)"
    else:
        first = "SUBSTRING_INDEX(whole, ' ', 1)"
        last = "SUBSTRING(whole, CHAR_LENGTH(SUBSTRING_INDEX(whole, ' ', 1)) + 2)"
    server = stage.database.kind in ("mariadb", "mysql")
    return mirrors.Shape(
        mode=mirrors.Mode.COLUMNS,
        old=table,
        new=table,
        key=(("id", "id"),),
        up={"whole": "CONCAT(first, ' ', last)" if server else "first || ' ' || last"},
        down={"first": first, "last": last},
    )


def test_rows_that_the_old_columns_cannot_say_are_named(stage: mirrorstage.Stage) -> None:
    shape = split(stage)

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO people (id, first, last) VALUES (1, 'Ana', 'Ahn')")
        stage.app.execute("INSERT INTO people (id, whole) VALUES (2, 'Bo Berg'), (3, 'Cher')")
        stage.app.execute("UPDATE people SET last = 'Ito' WHERE id = 1")

        assert stage.rows("people", "id, first, last, whole") == [
            (1, "Ana", "Ito", "Ana Ito"),
            (2, "Bo", "Berg", "Bo Berg"),
            (3, "Cher", "", "Cher"),
        ]
        assert stage.astray(shape) == []
        assert stage.lossy(shape) == [3]


@engines.without("mariadb", "mysql")
def test_a_value_that_cannot_be_said_in_the_other_column_stays_and_is_named(
    stage: mirrorstage.Stage,
) -> None:
    stage.app.execute(
        "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, amount INTEGER CHECK (amount < 100),"
        " said VARCHAR(40))"
    )
    table = stage.table("people")
    up, down = stage.words.to_text.format("amount"), stage.words.to_number.format("said")
    shape = mirrors.Shape(
        mode=mirrors.Mode.COLUMNS,
        old=table,
        new=table,
        key=(("id", "id"),),
        up={"said": up},
        down={"amount": down},
    )

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO people (id, amount) VALUES (1, 5)")
        if stage.database.kind == "sqlite":
            stage.app.execute("UPDATE people SET said = '700' WHERE id = 1")
            assert stage.rows("people") == [(1, 5, "700")]
        else:
            stage.app.execute("UPDATE people SET said = 'seven' WHERE id = 1")
            assert stage.rows("people") == [(1, 5, "seven")]

        assert stage.astray(shape) == [1]
        assert stage.lossy(shape) == [1]


def test_a_default_is_no_value_that_was_given(stage: mirrorstage.Stage) -> None:
    stage.app.execute(
        "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, "
        "status INTEGER NOT NULL DEFAULT 0, state VARCHAR(10))"
    )
    table = stage.table("people")
    shape = mirrors.Shape(
        mode=mirrors.Mode.COLUMNS,
        old=table,
        new=table,
        key=(("id", "id"),),
        up={"state": "CASE WHEN status = 1 THEN 'closed' ELSE 'open' END"},
        down={"status": "CASE WHEN state = 'closed' THEN 1 ELSE 0 END"},
    )
    stage.app.execute("INSERT INTO people (id, status) VALUES (1, 0), (2, 1)")

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.app.execute("INSERT INTO people (id) VALUES (3)")
        stage.app.execute("INSERT INTO people (id, state) VALUES (4, 'closed')")
        stage.app.execute("UPDATE people SET state = 'closed' WHERE id = 1")
        stage.app.execute("UPDATE people SET status = 0 WHERE id = 2")

        assert stage.astray(shape) == []

    assert stage.rows("people") == [
        (1, 1, "closed"),
        (2, 0, "open"),
        (3, 0, "open"),
        (4, 1, "closed"),
    ]


@engines.only("sqlite")
def test_a_trigger_that_would_fire_again_is_an_obstacle(stage: mirrorstage.Stage) -> None:
    shape = renamed(stage)
    stage.app.execute(
        "CREATE TRIGGER touch AFTER UPDATE ON people BEGIN "
        "UPDATE people SET age = 1 WHERE id = NEW.id; END"
    )

    found = stage.mirror.obstacles(shape)

    assert [obstacle.object for obstacle in found] == ["touch"]


def test_expressions_that_nobody_could_compare_are_obstacles(stage: mirrorstage.Stage) -> None:
    shape = renamed(stage)
    random = {"postgresql": "name || random()", "sqlite": "name || random()"}
    wrong = mirrors.Shape(
        mode=shape.mode,
        old=shape.old,
        new=shape.new,
        key=shape.key,
        up={"full_name": random.get(stage.database.kind, "CONCAT(name, RAND())")},
        down={"name": "(SELECT max(name) FROM people)"},
    )

    found = stage.mirror.obstacles(wrong)

    assert {obstacle.object for obstacle in found} >= {"people.full_name", "people.name"}
