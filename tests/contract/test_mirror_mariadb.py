"""What is particular to mirrors on MariaDB and MySQL, whose triggers know tables by their names."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator

import pymysql
import pytest

from tests import databases, engines, mirrorstage, servers
from tests.conftest import OpenRaw
from whimbrel import tables
from whimbrel.engines import mirrors

pytestmark = engines.only("mariadb", "mysql")


@pytest.fixture
def stage(database: databases.Database, raw: OpenRaw) -> Iterator[mirrorstage.Stage]:
    stage = mirrorstage.Stage(database, raw(database))
    yield stage
    stage.close()


@contextlib.contextmanager
def _another(stage: mirrorstage.Stage, *, autocommit: bool = False) -> Iterator[pymysql.Connection]:
    """Have one more connection of the application."""
    connection = servers.connect(stage.database.url)
    assert isinstance(connection, pymysql.Connection)
    connection.autocommit(autocommit)
    with contextlib.closing(connection):
        yield connection


def _send(connection: pymysql.Connection, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _renamed(stage: mirrorstage.Stage, name: str, to: str) -> mirrors.Shape:
    """Return the shape of a column of `people` that gets another name; both are there."""
    both = stage.table("people")
    return mirrors.Shape(
        mode=mirrors.Mode.COLUMNS,
        old=both,
        new=both,
        key=(("id", "id"),),
        up={to: name},
        down={name: to},
    )


# --- both in one row ----------------------------------------------------------------------------


WAYS_TO_WRITE = (
    "INSERT INTO people (id, {column}) VALUES ({id}, '{value}')",
    "INSERT INTO people (id, {column}) SELECT {id}, '{value}'",
    "INSERT INTO people SET id = {id}, {column} = '{value}'",
    "REPLACE INTO people (id, {column}) VALUES ({id}, '{value}')",
    "INSERT INTO people (id, {column}) VALUES ({id}, 0) ON DUPLICATE KEY UPDATE {column}='{value}'",
    "UPDATE people SET {column} = '{value}' WHERE id = {id}",
    "UPDATE people p JOIN people q ON q.id = p.id SET p.{column} = '{value}' WHERE q.id = {id}",
)


@pytest.mark.parametrize("required", [False, True])
def test_old_and_new_code_see_what_the_other_one_wrote(
    stage: mirrorstage.Stage, required: bool
) -> None:
    null = " NOT NULL" if required else ""
    stage.app.execute(
        f"CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(9){null}, full_name VARCHAR(9))"
    )
    shape = _renamed(stage, "name", "full_name")

    with stage.mirrored(shape):
        for number, way in enumerate(WAYS_TO_WRITE):
            for column in ("name", "full_name"):
                if way.startswith(("UPDATE", "INSERT INTO people (id, {column}) VALUES")):
                    stage.app.execute("REPLACE INTO people (id, name) VALUES (7, 'before')")
                value = f"{column[0]}{number}é"
                key = 7 if "UPDATE" in way else 8
                if key == 8:
                    stage.app.execute("DELETE FROM people WHERE id = 8")
                stage.app.execute(way.format(column=column, id=key, value=value))
                found = stage.app.execute(f"SELECT name, full_name FROM people WHERE id = {key}")
                assert found == [(value, value)], way
        assert stage.astray(shape) == []

    assert stage.table("people") == shape.old


def test_loading_a_file_is_mirrored_like_every_insert(stage: mirrorstage.Stage) -> None:
    stage.app.execute("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(9), full VARCHAR(9))")
    stage.app.execute("CREATE TABLE source (id INT PRIMARY KEY, name VARCHAR(9))")
    stage.app.execute("INSERT INTO source VALUES (1, 'a'), (2, NULL), (3, '😀')")
    shape = _renamed(stage, "name", "full")

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO people (id, full) SELECT id, name FROM source")

        assert [(1, "a", "a"), (2, None, None), (3, "😀", "😀")] == stage.rows("people")


def test_a_change_of_case_alone_is_a_change(stage: mirrorstage.Stage) -> None:
    stage.app.execute("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(9), full VARCHAR(9))")
    shape = _renamed(stage, "name", "full")

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO people (id, name) VALUES (1, 'ann'), (2, 'bob')")
        stage.app.execute("UPDATE people SET name = 'ANN' WHERE id = 1")
        stage.app.execute("UPDATE people SET full = 'bob ' WHERE id = 2")

        assert [(1, "ANN", "ANN"), (2, "bob ", "bob ")] == stage.rows("people")


def test_what_the_old_column_cannot_hold_stops_nobody_and_is_told(
    stage: mirrorstage.Stage,
) -> None:
    stage.app.execute(
        "CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(5) NOT NULL, full VARCHAR(20))"
    )
    shape = _renamed(stage, "name", "full")

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO people (id, name) VALUES (1, 'ann')")
        stage.app.execute("UPDATE people SET full = 'longer than five' WHERE id = 1")
        stage.app.execute("INSERT INTO people (id, full) VALUES (2, 'much longer too')")

        assert [(1, "ann", "longer than five"), (2, "", "much longer too")] == stage.rows("people")
        assert [1, 2] == stage.lossy(shape)
        stage.app.execute("UPDATE people SET full = 'bob'")
        assert [] == stage.lossy(shape)


def test_triggers_of_the_application_are_heard_first(stage: mirrorstage.Stage) -> None:
    stage.app.execute("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(9), full VARCHAR(9))")
    stage.app.execute(
        "CREATE TRIGGER small BEFORE INSERT ON people FOR EACH ROW SET NEW.name = LOWER(NEW.name)"
    )
    shape = _renamed(stage, "name", "full")

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO people (id, name) VALUES (1, 'ANN')")

        assert [(1, "ann", "ann")] == stage.rows("people")


def test_filling_a_column_changes_nothing_else(stage: mirrorstage.Stage) -> None:
    stage.app.execute(
        "CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(40), given VARCHAR(20), "
        "family VARCHAR(20), at DATETIME DEFAULT '2001-01-01' ON UPDATE CURRENT_TIMESTAMP)"
    )
    stage.app.execute("INSERT INTO people (id, name) VALUES (1, 'Ann  Lee'), (2, NULL), (3, 'Bob')")
    both = stage.table("people")
    shape = mirrors.Shape(
        mode=mirrors.Mode.COLUMNS,
        old=both,
        new=both,
        key=(("id", "id"),),
        up={
            "given": "SUBSTRING_INDEX(name, ' ', 1)",
            "family": "TRIM(SUBSTRING(name, CHAR_LENGTH(SUBSTRING_INDEX(name, ' ', 1)) + 2))",
        },
        down={"name": "TRIM(CONCAT(given, ' ', family))"},
    )

    with stage.mirrored(shape):
        before = stage.rows("people", "id, name, at")
        stage.session.execute(stage.mirror.fill(shape, "id > 0"))
        stage.session.commit()

        assert before == stage.rows("people", "id, name, at")
        assert [(1, "Ann", "Lee"), (2, None, None), (3, "Bob", "")] == stage.rows(
            "people", "id, given, family"
        )
        assert [] == stage.astray(shape)
        stage.app.execute("UPDATE people SET family = 'Ray' WHERE id = 1")
        assert [("Ann Ray",)] == stage.app.execute("SELECT name FROM people WHERE id = 1")


# --- two tables ---------------------------------------------------------------------------------


def test_a_statement_that_is_killed_leaves_its_session_mirrored(stage: mirrorstage.Stage) -> None:
    shape = mirrorstage.people(stage)

    with stage.mirrored(shape), _another(stage, autocommit=True) as app:
        _send(app, "INSERT INTO people (id, amount) VALUES (1, 1)")
        _send(app, "SET SESSION max_statement_time = 0.05")
        with pytest.raises(pymysql.err.OperationalError, match="interrupted"):
            _send(app, "UPDATE people SET amount = 2 + SLEEP(1)")
        _send(app, "SET SESSION max_statement_time = 0")
        with pytest.raises(pymysql.err.IntegrityError):
            _send(app, "INSERT INTO people (id, amount) VALUES (2, 2), (1, 3)")
        _send(app, "INSERT INTO people (id, amount) VALUES (3, 3)")

        assert [(1, "1"), (3, "3")] == stage.rows("people_new", "id, amount")


def test_a_value_that_the_new_table_cannot_hold_stops_nobody_and_is_told(
    stage: mirrorstage.Stage,
) -> None:
    stage.app.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), u INT)")
    old = stage.table("t")
    narrow = dataclasses.replace(old.column("v"), type="varchar(3)", definition="varchar(3)")
    shape = mirrors.Shape(
        mode=mirrors.Mode.TABLE,
        old=old,
        new=old.replace(
            name="t_new",
            columns=(old.column("id"), narrow, old.column("u")),
            uniques=(tables.Unique(name="uq_t_u", columns=("u",)),),
            sql=None,
        ),
        key=(("id", "id"),),
        up={"id": "id", "v": "v", "u": "u"},
        down={"id": "id", "v": "v", "u": "u"},
        parked="t_old",
    )

    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO t VALUES (1, 'abc', 1), (2, 'too long', 2), (3, 'c', 3)")
        assert [2] == stage.astray(shape)
        stage.app.execute("UPDATE t SET v = 'also too long' WHERE id = 1")
        assert [1, 2] == stage.astray(shape)
        stage.app.execute("UPDATE t SET v = 'ok'")
        assert [] == stage.astray(shape)
        # Two rows change their values: on the way they meet twice in what is unique there.
        stage.app.execute("UPDATE t SET u = IF(id = 1, 2, 1) WHERE id < 3")
        assert [] == stage.astray(shape)
        stage.app.execute("UPDATE t SET u = 7")
        assert stage.astray(shape) != []

        stage.app.execute("UPDATE t SET u = id")
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)
        with pytest.raises(pymysql.err.DataError):
            stage.app.execute("UPDATE t SET v = 'longer than three'")
        assert [] == stage.lossy(shape)
        stage.do(stage.mirror.unswap, shape)


def test_the_parked_table_keeps_what_it_can_and_the_rest_is_lossy(
    stage: mirrorstage.Stage,
) -> None:
    shape = mirrorstage.people(stage)
    stage.app.execute("INSERT INTO people (id, name, amount) VALUES (1, 'a', 1), (2, 'b', 2)")

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)
        stage.app.execute("UPDATE people SET name = 'A', amount = 'one' WHERE id = 1")
        stage.app.execute("INSERT INTO people (id, amount) VALUES (3, 'three')")

        assert [1, 3] == stage.lossy(shape)
        assert [(1, "A", 1), (2, "b", 2)] == stage.rows("people_old", "id, name, amount")
        stage.app.execute("UPDATE people SET amount = '11' WHERE id = 1")
        stage.app.execute("DELETE FROM people WHERE id = 3")
        assert [] == stage.lossy(shape)
        assert [(1, "A", 11), (2, "b", 2)] == stage.rows("people_old", "id, name, amount")
        stage.do(stage.mirror.unswap, shape)


def test_old_values_are_not_said_again_when_something_else_changes(
    stage: mirrorstage.Stage,
) -> None:
    stage.app.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), n INT)")
    stage.app.execute("INSERT INTO t VALUES (1, '007', 1)")
    old = stage.table("t")
    number = dataclasses.replace(old.column("v"), type="int(11)", definition="int(11)")
    number = dataclasses.replace(number, collation=None)
    shape = mirrors.Shape(
        mode=mirrors.Mode.TABLE,
        old=old,
        new=old.replace(
            name="t_new", columns=(old.column("id"), number, old.column("n")), sql=None
        ),
        key=(("id", "id"),),
        up={"id": "id", "v": "CAST(v AS SIGNED)", "n": "n"},
        down={"id": "id", "v": "CAST(v AS CHAR)", "n": "n"},
        parked="t_old",
    )

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)
        stage.app.execute("UPDATE t SET n = 2")

        assert [(1, "007", 2)] == stage.rows("t_old")
        assert [] == stage.lossy(shape)
        stage.do(stage.mirror.unswap, shape)


def test_zero_dates_and_the_number_zero_are_copied_as_they_are(stage: mirrorstage.Stage) -> None:
    stage.app.execute(
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, d DATE, amount INT, f FLOAT)"
    )
    modes = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES'"
    stage.app.execute(modes)
    stage.app.execute("INSERT INTO t VALUES (0, '0000-00-00', 1, 0.1), (1, NULL, 2, 1e-20)")
    shape = mirrorstage.changed(stage, "t", {"amount": "VARCHAR(40)"})

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.app.execute("INSERT INTO t VALUES (5, '0000-00-00', 3, 16777217)")

        assert [] == stage.astray(shape)
        assert stage.rows("t", "id, d, f") == stage.rows("t_new", "id, d, f")


def test_keys_go_on_where_they_were_after_the_exchange_and_back(stage: mirrorstage.Stage) -> None:
    stage.app.execute("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, amount INT)")
    stage.app.execute("INSERT INTO t (amount) VALUES (1), (2), (3), (4)")
    stage.app.execute("DELETE FROM t WHERE id > 1")
    shape = mirrorstage.changed(stage, "t", {"amount": "VARCHAR(40)"})

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)
        stage.app.execute("INSERT INTO t (amount) VALUES ('5')")
        stage.app.execute("INSERT INTO t (amount) VALUES ('no number')")
        stage.app.execute("DELETE FROM t WHERE amount = 'no number'")
        stage.do(stage.mirror.unswap, shape)
        stage.app.execute("INSERT INTO t (amount) VALUES (7)")

    assert [(1, 1), (5, 5), (7, 7)] == stage.rows("t")


# --- keys of other tables -----------------------------------------------------------------------


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "RESTRICT"])
def test_keys_of_other_tables_follow_the_name(stage: mirrorstage.Stage, action: str) -> None:
    shape = mirrorstage.people(stage)
    stage.app.execute("INSERT INTO people (id) VALUES (1), (2), (3), (4), (5)")
    stage.app.execute(
        "CREATE TABLE badge (id INT PRIMARY KEY, person INT, CONSTRAINT of_person FOREIGN KEY "
        f"(person) REFERENCES people (id) ON DELETE {action} ON UPDATE CASCADE)"
    )
    stage.app.execute("INSERT INTO badge VALUES (1, 1), (2, 2), (3, 3), (5, 5)")
    before = stage.app.execute("SHOW CREATE TABLE badge")

    def delete(key: int) -> None:
        if action != "RESTRICT":
            stage.app.execute(f"DELETE FROM people WHERE id = {key}")
            return
        with pytest.raises(pymysql.err.IntegrityError):
            stage.app.execute(f"DELETE FROM people WHERE id = {key}")

    with stage.mirrored(shape):
        stage.fill(shape)
        delete(1)
        stage.do(stage.mirror.swap, shape)
        delete(2)
        stage.app.execute("UPDATE people SET id = 9 WHERE id = 5")
        with pytest.raises(pymysql.err.IntegrityError):
            stage.app.execute("INSERT INTO badge VALUES (6, 77)")
        stage.do(stage.mirror.unswap, shape)
        delete(3)

        there = {"CASCADE": [], "SET NULL": [None] * 3, "RESTRICT": [1, 2, 3]}[action]
        assert [*there, 9] == [row[1] for row in stage.rows("badge")]
        assert [] == stage.astray(shape)

    assert before == stage.app.execute("SHOW CREATE TABLE badge")


@pytest.mark.parametrize("action", ["CASCADE", "RESTRICT", "SET NULL"])
def test_rows_that_refer_to_their_own_table(stage: mirrorstage.Stage, action: str) -> None:
    stage.app.execute(
        "CREATE TABLE tree (id INT PRIMARY KEY, parent INT, amount INT, CONSTRAINT up FOREIGN KEY "
        f"(parent) REFERENCES tree (id) ON DELETE {action})"
    )
    stage.app.execute("INSERT INTO tree VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3), (4, NULL, 4)")
    shape = mirrorstage.changed(stage, "tree", {"amount": "VARCHAR(40)"})

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.app.execute("INSERT INTO tree VALUES (5, 4, 5), (6, 6, 6)")
        if action == "CASCADE":
            stage.app.execute("DELETE FROM tree WHERE id = 6")
        stage.do(stage.mirror.swap, shape)
        stage.app.execute("INSERT INTO tree VALUES (7, 5, '7')")
        if action != "RESTRICT":
            stage.app.execute("DELETE FROM tree WHERE id = 4")
        assert stage.rows("tree", "id, parent") == stage.rows("tree_old", "id, parent")
        stage.do(stage.mirror.unswap, shape)

        if action != "RESTRICT":
            stage.app.execute("DELETE FROM tree WHERE id = 2")
        assert stage.rows("tree", "id, parent") == stage.rows("tree_new", "id, parent")
        assert [] == stage.astray(shape)


def test_foreign_keys_have_their_names_when_the_mirror_is_gone(stage: mirrorstage.Stage) -> None:
    shape = mirrorstage.people(stage)
    stage.app.execute("INSERT INTO people (id, team) VALUES (1, 1)")

    with stage.mirrored(shape):
        stage.fill(shape)
        stage.do(stage.mirror.swap, shape)

    assert shape.old.foreign_keys == stage.table("people").foreign_keys
    assert () == stage.table("people_old").foreign_keys
    stage.app.execute("DELETE FROM teams WHERE id = 1")
    assert [] == stage.rows("people")


def test_foreign_keys_have_their_names_when_the_parked_table_is_one_of_ours(
    stage: mirrorstage.Stage,
) -> None:
    shape = mirrorstage.people(stage)
    new = shape.new.replace(name="whimbrel_new_people")
    shape = dataclasses.replace(shape, new=new, parked="whimbrel_old_people")

    with stage.mirrored(shape):
        stage.do(stage.mirror.swap, shape)
        stage.do(stage.mirror.unswap, shape)
        stage.do(stage.mirror.swap, shape)

    assert shape.old.foreign_keys == stage.table("people").foreign_keys
    assert "FOREIGN KEY" not in str(stage.app.execute("SHOW CREATE TABLE whimbrel_old_people"))


# --- locks --------------------------------------------------------------------------------------


def test_nobody_waits_behind_us_for_longer_than_was_said(stage: mirrorstage.Stage) -> None:
    shape = mirrorstage.people(stage)

    with stage.mirrored(shape), _another(stage) as reader:
        _send(reader, "SELECT * FROM people")
        waited: list[float] = []

        def write() -> None:
            with _another(stage, autocommit=True) as app:
                began = time.monotonic()
                _send(app, "INSERT INTO people (id) VALUES (1)")
                waited.append(time.monotonic() - began)

        for what in (stage.mirror.swap, stage.mirror.install, stage.mirror.remove):
            writer = threading.Timer(0.05, write)
            writer.start()
            began = time.monotonic()
            with pytest.raises(mirrors.Busy) as busy:
                what(shape, seconds=0.2)
            # The server itself waits for a day; a slow machine needs a second more than asked for.
            assert time.monotonic() - began < 10
            writer.join()
            assert waited.pop() < 10
            stage.app.execute("DELETE FROM people")
            assert "whimbrel@" in busy.value.blockers[0].who
        assert stage.mirror.presence(shape) is mirrors.Presence.WHOLE
        assert not stage.mirror.swapped(shape)


@engines.only("mariadb")
def test_who_has_read_the_table_and_goes_on_to_write_it_is_in_no_deadlock_with_us(
    stage: mirrorstage.Stage,
) -> None:
    shape = mirrorstage.people(stage)
    stage.app.execute("INSERT INTO people (id, amount) VALUES (1, 0)")

    with stage.mirrored(shape), _another(stage) as app:
        stage.fill(shape)
        for what in (stage.mirror.install, stage.mirror.swap, stage.mirror.remove):
            _send(app, "SELECT * FROM people")
            ours = threading.Thread(target=what, args=[shape], kwargs={"seconds": 1.0})
            ours.start()
            time.sleep(0.1)
            _send(app, "UPDATE people SET amount = amount + 1 WHERE id = 1")
            app.commit()
            ours.join()

    assert [(1, "3")] == stage.rows("people", "id, amount")


def test_behind_a_long_transaction_one_does_not_wait_at_all(stage: mirrorstage.Stage) -> None:
    shape = mirrorstage.people(stage)
    stage.app.execute("INSERT INTO people (id) VALUES (1)")

    with stage.mirrored(shape), _another(stage) as reader:
        _send(reader, "UPDATE people SET name = 'secret' WHERE id = 1")
        time.sleep(4)
        stop = threading.Event()
        longest = [0.0]

        def write() -> None:
            with _another(stage, autocommit=True) as app:
                key = 100
                while not stop.is_set():
                    key += 1
                    began = time.monotonic()
                    _send(app, f"INSERT INTO people (id) VALUES ({key})")
                    longest[0] = max(longest[0], time.monotonic() - began)

        writer = threading.Thread(target=write)
        writer.start()
        with pytest.raises(mirrors.Busy) as busy:
            stage.mirror.swap(shape, seconds=2.5)
        stop.set()
        writer.join()

        (blocker,) = [one for one in busy.value.blockers if one.seconds >= 2]
        assert "secret" not in repr(busy.value.blockers)
        assert blocker.seconds < 30
        # Nobody has stood behind us for as long as we were ready to wait.
        assert longest[0] < 2
        reader.rollback()


def test_an_application_that_writes_while_a_range_is_filled_loses_nothing(
    stage: mirrorstage.Stage,
) -> None:
    shape = mirrorstage.people(stage)
    stage.app.execute("INSERT INTO people (id, amount) VALUES (1, 1), (2, 2), (3, 3), (4, 4)")

    with stage.mirrored(shape), _another(stage) as app:
        _send(app, "UPDATE people SET amount = 20 WHERE id = 2")
        _send(app, "DELETE FROM people WHERE id = 3")
        _send(app, "SELECT * FROM people WHERE id = 4 FOR UPDATE")
        stage.fill(shape)
        assert [(1, "1")] == stage.rows("people_new", "id, amount")
        app.rollback()
        assert [2, 3, 4] == stage.astray(shape)

        _send(app, "UPDATE people SET amount = 20 WHERE id = 2")
        _send(app, "DELETE FROM people WHERE id = 3")
        stage.fill(shape)
        app.commit()

        assert [(1, "1"), (2, "20"), (4, "4")] == stage.rows("people_new", "id, amount")
        assert [] == stage.astray(shape)


def test_a_table_that_is_emptied_is_another_one(stage: mirrorstage.Stage) -> None:
    shape = mirrorstage.people(stage)
    stage.app.execute("INSERT INTO people (id) VALUES (1)")

    with stage.mirrored(shape):
        stage.fill(shape)
        before = stage.mirror.identity("people")
        stage.app.execute("INSERT INTO people (id) VALUES (2)")
        assert before == stage.mirror.identity("people")
        stage.app.execute("TRUNCATE people")

        assert before != stage.mirror.identity("people")
        assert [1, 2] == stage.astray(shape)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("ALTER TABLE people ENGINE = Aria", "Aria"),
        ("CREATE TRIGGER mine AFTER INSERT ON people FOR EACH ROW SET @x = 1", "mine"),
        ("CREATE VIEW seen AS SELECT id, gone FROM people", "seen"),
    ],
)
def test_what_cannot_be_kept_in_step_is_said_before_anything_is_made(
    stage: mirrorstage.Stage, sql: str, named: str
) -> None:
    stage.app.execute("CREATE TABLE people (id INT PRIMARY KEY, amount INT, gone INT)")
    stage.app.execute(sql)
    shape = mirrorstage.changed(stage, "people", {"amount": "VARCHAR(40)"})
    kept = tuple(c for c in shape.new.columns if c.name != "gone")
    shape = dataclasses.replace(
        shape,
        new=shape.new.replace(columns=kept),
        up={c: sql for c, sql in shape.up.items() if c != "gone"},
        down={c: sql for c, sql in shape.down.items() if c != "gone"},
    )

    (obstacle,) = stage.mirror.obstacles(shape)

    assert named in obstacle.what
    assert obstacle.remedy


def test_a_foreign_key_that_changes_a_column_needs_its_like_at_the_other_one(
    stage: mirrorstage.Stage,
) -> None:
    stage.app.execute("CREATE TABLE teams (id INT PRIMARY KEY)")
    stage.app.execute(
        "CREATE TABLE people (id INT PRIMARY KEY, team INT, squad INT, CONSTRAINT one "
        "FOREIGN KEY (team) REFERENCES teams (id) ON DELETE SET NULL ON UPDATE CASCADE)"
    )
    (obstacle,) = stage.mirror.obstacles(_renamed(stage, "team", "squad"))
    assert "squad" in obstacle.what

    stage.app.execute(
        "ALTER TABLE people ADD CONSTRAINT two FOREIGN KEY (squad) REFERENCES teams (id) "
        "ON DELETE SET NULL ON UPDATE CASCADE"
    )
    shape = _renamed(stage, "team", "squad")
    with stage.mirrored(shape):
        stage.app.execute("INSERT INTO teams VALUES (1), (2)")
        stage.app.execute("INSERT INTO people (id, team) VALUES (1, 1)")
        stage.app.execute("INSERT INTO people (id, squad) VALUES (2, 2)")
        stage.app.execute("UPDATE teams SET id = 3 WHERE id = 1")
        stage.app.execute("DELETE FROM teams WHERE id = 2")

        assert [(1, 3, 3), (2, None, None)] == stage.rows("people")
