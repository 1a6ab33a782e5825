"""A rebuild of a table on SQLite loses nothing; beside it, what Alembic's batch mode loses."""

from __future__ import annotations

import lzma
import os
import signal
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from tests.unit.engines.sqlite import driving
from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.engines.sqlite import catalog, rebuild
from whimbrel.engines.sqlite.engine import ENGINE

PERSON = """CREATE TABLE person (   -- everybody
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given out twice
  email TEXT COLLATE NOCASE NOT NULL UNIQUE ON CONFLICT FAIL,
  [full name] VARCHAR(200) DEFAULT 'a, (b)' /* as in the passport; it''s long */,
  `check` INT DEFAULT (1 + 2) CHECK (`check` >= 0), -- a word of SQL's
  "primary" TEXT,
  age INTEGER CONSTRAINT adult CHECK (age > 17),
  country TEXT REFERENCES country (code) DEFERRABLE INITIALLY DEFERRED,
  boss INTEGER REFERENCES person (id) ON DELETE SET NULL,
  born DATE DEFAULT CURRENT_DATE,
  "we""ird, (name)" BLOB,
  loud TEXT GENERATED ALWAYS AS (upper(email)) VIRTUAL,
  decade INTEGER AS (age / 10 * 10) STORED,
  UNIQUE ("full name", born) ON CONFLICT ABORT, /* a rule, with a comma */
  CONSTRAINT "one, and only" UNIQUE (`check`, age),
  CHECK (age < 150 OR email = 'old, ) person')
)"""

SCHEMA = f"""
CREATE TABLE country (code TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID;
{PERSON};
CREATE TABLE login (
  id INTEGER PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  at TEXT
);
CREATE TABLE log (what TEXT);
CREATE TABLE measure (k TEXT NOT NULL, v REAL, n INT, a ANY, PRIMARY KEY (k)) STRICT;
CREATE TABLE note (body TEXT, rank);
CREATE TABLE odd ("rowid" TEXT, "oid" INT, body TEXT);
CREATE TABLE every ("rowid" TEXT, "oid" INT, _rowid_, body TEXT);
CREATE TABLE 'quo"ted' ([a b] TEXT, `c``d` INT, 'e''f' TEXT, "g""h" TEXT);

CREATE UNIQUE INDEX person_primary ON person ("primary" COLLATE NOCASE DESC);
CREATE INDEX person_old ON person (age) WHERE age > 60;
CREATE INDEX person_lower ON person (lower("full name"), born DESC);
CREATE INDEX country_name ON country (name);
CREATE VIEW adults AS SELECT id, "full name" AS name, age, email FROM person WHERE age > 17;
CREATE VIEW adult_names AS SELECT name FROM adults;
CREATE TRIGGER adults_new INSTEAD OF INSERT ON adults BEGIN
  INSERT INTO person (email, "full name", age, "check") VALUES (new.email, new.name, new.age, 77);
END;
CREATE TRIGGER person_added AFTER INSERT ON person WHEN new.age > 17 BEGIN
  INSERT INTO log VALUES ('added ' || new."full name"); -- in the log; and only there
END;
CREATE TRIGGER person_gone BEFORE DELETE ON person BEGIN
  INSERT INTO log VALUES ('gone ' || old.id);
END;
CREATE TRIGGER login_added AFTER INSERT ON login BEGIN
  UPDATE person SET "check" = "check" + 1 WHERE id = new.person_id;
END;

INSERT INTO country VALUES ('de', 'Germany'), ('se', 'Sweden');
INSERT INTO person (id, email, "full name", "check", "primary", age, country, boss, born,
                    "we""ird, (name)")
VALUES (1, 'Ann@x', 'Ann', 1, 'de', 40, 'de', NULL, '1984-01-01', x'00ff'),
       (2, 'bob@x', 'Bób 😀', 2, 'se', 61, 'se', 1, '1963-02-03', 'text in a blob'),
       (7, 'cy@x', NULL, 3, NULL, 62.5, NULL, 2, 'long ago', 1.5),
       (9, 'dead@x', 'Dead', 4, 'no', 99, NULL, NULL, '1900-01-01', NULL);
DELETE FROM person WHERE id = 9;
INSERT INTO login (person_id, at) VALUES (1, 'mon'), (2, 'tue'), (2, 'wed');
INSERT INTO measure VALUES ('one', 1.0, 1, 'x'), ('two', 2.5, 2, 5);
INSERT INTO note (rowid, body, rank) VALUES (10, 'ten', 1), (7, 'seven', '007'), (99, 'last', 1.5);
INSERT INTO odd (_rowid_, "rowid", "oid", body) VALUES (5, 'r', 1, 'x'), (3, 's', 2, 'y');
INSERT INTO every VALUES ('r', 1, 2, 'x'), ('s', 2, 3, 'y');
INSERT INTO 'quo"ted' VALUES ('1', 2, '3', '4');
ANALYZE;
"""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A database whose table `person` has everything that SQLite's tables can have."""
    return driving.make(tmp_path / "people.db", SCHEMA)


# --- nothing is lost ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of one table, and its text before and after in the place that changes."""

    name: str
    verb: driving.Verb
    before: str
    after: str
    table: str = "person"
    gone: frozenset[str] = frozenset()
    rows_change: frozenset[str] = frozenset()


def on(table: str, verb: str, *values: object) -> driving.Verb:
    """Return any verb of a table."""
    return lambda ddl: getattr(ddl, verb)(ddl.catalog.table(table), *values)


CHANGES = [
    Change(
        name="a wider type",
        verb=driving.change("person", "age", "bigint"),
        before="age INTEGER CONSTRAINT",
        after="age BIGINT CONSTRAINT",
    ),
    Change(
        name="the type of a quoted column",
        verb=driving.change("person", "full name", "string", length=300),
        before="[full name] VARCHAR(200) DEFAULT",
        after="[full name] VARCHAR(300) DEFAULT",
    ),
    Change(
        name="a column called check",
        verb=driving.change("person", "check", "smallint", default=5),
        before="`check` INT DEFAULT (1 + 2) CHECK",
        after="`check` SMALLINT DEFAULT 5 CHECK",
    ),
    Change(
        name="a comment",
        verb=driving.change("person", "full name", "string", length=200, comment="a */ b"),
        before="/* as in the passport; it''s long */,",
        after="/* a *\\/ b */,",
    ),
    Change(
        name="NOT NULL",
        verb=driving.change("person", "born", "date", null=False),
        before="born DATE DEFAULT CURRENT_DATE,",
        after="born DATE DEFAULT CURRENT_DATE NOT NULL,",
    ),
    Change(
        name="NULL again",
        verb=driving.change("person", "email", "text", null=True),
        before="COLLATE NOCASE NOT NULL UNIQUE",
        after="COLLATE NOCASE UNIQUE",
    ),
    Change(
        name="no default",
        verb=driving.change("person", "born", "date", default=None),
        before="born DATE DEFAULT CURRENT_DATE,",
        after="born DATE,",
    ),
    Change(
        name="another collation",
        verb=driving.change("person", "email", "text", collation="RTRIM"),
        before="email TEXT COLLATE NOCASE",
        after='email TEXT COLLATE "RTRIM"',
    ),
    Change(
        name="unique",
        verb=driving.change("person", "primary", "text", unique=True),
        before='"primary" TEXT,',
        after='"primary" TEXT CONSTRAINT "uq_person_primary" UNIQUE,',
    ),
    Change(
        name="add a foreign key",
        verb=on(
            "person",
            "add_foreign_key",
            tables.ForeignKey(
                name="fk",
                columns=("primary",),
                ref_table="country",
                ref_columns=("code",),
                on_update="CASCADE",
                deferrable=True,
            ),
        ),
        before="'old, ) person')\n)",
        after='\'old, ) person\'),\n  CONSTRAINT "fk" FOREIGN KEY ("primary") REFERENCES '
        '"country" ("code") ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED\n)',
    ),
    Change(
        name="add a check",
        verb=on("person", "add_check", tables.Check(name="c", sql="age <> 50")),
        before="'old, ) person')\n)",
        after="'old, ) person'),\n  CONSTRAINT \"c\" CHECK (age <> 50)\n)",
    ),
    Change(
        name="add a unique constraint",
        verb=on("person", "add_unique", tables.Unique(name=None, columns=("email", "boss"))),
        before="'old, ) person')\n)",
        after="'old, ) person'),\n"
        '  CONSTRAINT "uq_person_email_boss" UNIQUE ("email", "boss")\n)',
    ),
    Change(
        name="remove a named check of a column",
        verb=on("person", "remove_constraint", tables.Check(name="adult", sql="age > 17")),
        before="age INTEGER CONSTRAINT adult CHECK (age > 17),",
        after="age INTEGER,",
    ),
    Change(
        name="remove an unnamed unique constraint",
        verb=on(
            "person", "remove_constraint", tables.Unique(name=None, columns=("full name", "born"))
        ),
        before='\n  UNIQUE ("full name", born) ON CONFLICT ABORT, /* a rule, with a comma */',
        after="",
    ),
    Change(
        name="remove a deferrable foreign key",
        verb=on(
            "person",
            "remove_constraint",
            tables.ForeignKey(
                name=None,
                columns=("country",),
                ref_table="country",
                ref_columns=("code",),
                deferrable=True,
            ),
        ),
        before="country TEXT REFERENCES country (code) DEFERRABLE INITIALLY DEFERRED,",
        after="country TEXT,",
    ),
    Change(
        name="remove a column with its index",
        verb=on("person", "remove_column", "primary"),
        before='\n  "primary" TEXT,',
        after="",
        gone=frozenset({"index person_primary"}),
        rows_change=frozenset({"primary"}),
    ),
    Change(
        name="remove a column with its foreign key",
        verb=on("person", "remove_column", "boss"),
        before="\n  boss INTEGER REFERENCES person (id) ON DELETE SET NULL,",
        after="",
        rows_change=frozenset({"boss"}),
    ),
    Change(
        name="add a stored generated column",
        verb=on(
            "person",
            "add_column",
            driving.column("twice", "integer", generated="age * 2", null=True),
        ),
        before="decade INTEGER AS (age / 10 * 10) STORED,",
        after="decade INTEGER AS (age / 10 * 10) STORED,\n"
        '  "twice" INTEGER GENERATED ALWAYS AS (age * 2) STORED,',
        rows_change=frozenset({"twice"}),
    ),
    Change(
        name="a table WITHOUT ROWID",
        verb=driving.change("country", "name", "string", length=50),
        before="name TEXT",
        after="name VARCHAR(50)",
        table="country",
    ),
    Change(
        name="a STRICT table",
        verb=driving.change("measure", "n", "bigint", null=False),
        before="n INT,",
        after="n INTEGER NOT NULL,",
        table="measure",
    ),
    Change(
        name="a parent of other rows",
        verb=driving.change("person", "id", "bigint", comment="the key"),
        before="AUTOINCREMENT,",
        after="AUTOINCREMENT /* the key */,",
    ),
    Change(
        name="hidden rowids",
        verb=driving.change("note", "body", "string"),
        before="body TEXT",
        after="body VARCHAR(255)",
        table="note",
    ),
    Change(
        name="a column called rowid",
        verb=driving.change("odd", "body", "string"),
        before="body TEXT",
        after="body VARCHAR(255)",
        table="odd",
    ),
    Change(
        name="columns with all names of the rowid",
        verb=driving.change("every", "body", "string"),
        before="body TEXT",
        after="body VARCHAR(255)",
        table="every",
    ),
    Change(
        name="names in every kind of quotes",
        verb=driving.change('quo"ted', "c`d", "bigint", unique=True),
        before="`c``d` INT,",
        after='`c``d` BIGINT CONSTRAINT "uq_quo""ted_c`d" UNIQUE,',
        table='quo"ted',
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_rebuild_changes_what_was_asked_and_nothing_else(people: Path, change: Change) -> None:
    texts = driving.texts(people)
    rows = driving.rows(people, leave_out=change.rows_change)
    text = texts[f"table {change.table}"]
    assert 1 == text.count(change.before)

    driving.drive(people, change.verb)

    now = driving.texts(people)
    assert text.replace(change.before, change.after) == now.pop(f"table {change.table}")
    del texts[f"table {change.table}"]
    assert {name: sql for name, sql in texts.items() if name not in change.gone} == now
    now_rows = driving.rows(people, leave_out=change.rows_change)
    for name in ("sqlite_sequence", "sqlite_stat1", "sqlite_stat4"):
        # What the statistics say of an index that is gone does not matter.
        if not (change.gone and name.startswith("sqlite_stat")):
            assert _unnumbered(rows.pop(name, [])) == _unnumbered(now_rows.pop(name, []))
    if not change.gone:
        assert rows == now_rows
    assert [("ok",)] == driving.query(people, "PRAGMA integrity_check")
    assert [] == driving.query(people, "PRAGMA foreign_key_check")


def _unnumbered(rows: list[object]) -> list[object]:
    """Leave out the rowid, which means nothing in SQLite's own tables."""
    return sorted(row[:-1] for row in rows if isinstance(row, tuple))


def test_what_a_rebuilt_table_had_still_works(people: Path) -> None:
    driving.drive(people, driving.change("person", "age", "bigint"))

    ask = driving.query
    ask(people, "INSERT INTO adults (email, name, age) VALUES ('new@x', 'New', 30)")
    assert [(10, "NEW@X", 30, 77)] == ask(
        people, "SELECT id, loud, decade, \"check\" FROM person WHERE email = 'NEW@x'"
    )
    assert [("added Ann",), ("added Bób 😀",), (None,), ("added Dead",), ("gone 9",),
            ("added New",)] == ask(people, "SELECT what FROM log ORDER BY rowid")  # fmt: skip
    ask(people, "INSERT INTO login (person_id) VALUES (1)")
    assert [(3,)] == ask(people, 'SELECT "check" FROM person WHERE id = 1')
    for refused in (
        "INSERT INTO person (email, age) VALUES ('ANN@X', 20)",
        "UPDATE person SET age = 17 WHERE id = 1",
        "UPDATE person SET age = 150 WHERE id = 1",
        "UPDATE person SET \"primary\" = 'DE' WHERE id = 2",
        "UPDATE person SET country = 'xx' WHERE id = 1",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            ask(people, refused)
    ask(people, "DELETE FROM person WHERE id = 1")
    assert [(2,), (2,)] == ask(people, "SELECT person_id FROM login")
    assert [(None,)] == ask(people, "SELECT boss FROM person WHERE id = 2")


def test_a_deferred_foreign_key_still_waits_for_the_commit(people: Path) -> None:
    driving.drive(people, driving.change("person", "age", "bigint"))

    with closing(sqlite3.connect(people, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        connection.execute("UPDATE person SET country = 'fi' WHERE id = 1")
        connection.execute("INSERT INTO country VALUES ('fi', 'Finland')")
        connection.execute("COMMIT")

    assert [("fi",)] == driving.query(people, "SELECT country FROM person WHERE id = 1")


def test_a_change_and_its_way_back_leave_every_text_to_the_letter(people: Path) -> None:
    texts, rows = driving.texts(people), driving.rows(people)
    with driving.session(people, read_only=True) as session:
        was = ENGINE.catalog(session).table("person").column("full name")

    driving.drive(
        people,
        driving.change(
            "person",
            "full name",
            "text",
            null=None,
            default="x",
            comment="new",
            collation="NOCASE",
            unique=True,
        ),
    )
    driving.drive(people, on("person", "restore_column", was))

    assert texts == driving.texts(people)
    assert rows["person"] == driving.rows(people)["person"]


def test_a_table_that_calls_itself_by_name_is_rebuilt_too(tmp_path: Path) -> None:
    path = driving.make(
        tmp_path / "self.db",
        """
        CREATE TABLE item (
          id INTEGER PRIMARY KEY AUTOINCREMENT, a INT CHECK (item.a > 0), b TEXT,
          up INT REFERENCES item (id)
        );
        CREATE TABLE part (item_id INT REFERENCES item (id) ON DELETE CASCADE);
        CREATE INDEX item_a ON item (a);
        CREATE TRIGGER item_added AFTER INSERT ON item BEGIN DELETE FROM part WHERE 0; END;
        INSERT INTO item VALUES (1, 5, '007', NULL), (3, 6, 'x', 1), (9, 1, 'y', 3);
        DELETE FROM item WHERE id = 9;
        INSERT INTO part VALUES (1), (3);
        CREATE TABLE hidden (a INT CHECK (hidden.a > 0), b);
        INSERT INTO hidden (rowid, a, b) VALUES (40, 1, 1.5), (4, 2, '007');
        ANALYZE;
        """,
    )
    texts, rows = driving.texts(path), driving.rows(path)

    driving.drive(
        path,
        driving.change("item", "b", "string", null=False),
        driving.change("hidden", "a", "bigint"),
    )

    now, now_rows = driving.texts(path), driving.rows(path)
    assert texts.pop("table item").replace("b TEXT", "b VARCHAR(255) NOT NULL") == now.pop(
        "table item"
    )
    assert texts.pop("table hidden").replace("a INT", "a BIGINT") == now.pop("table hidden")
    assert texts == now
    for name in ("sqlite_sequence", "sqlite_stat1"):
        assert _unnumbered(rows.pop(name)) == _unnumbered(now_rows.pop(name))
    assert rows == now_rows


# --- what stops it --------------------------------------------------------------------------


def test_new_violations_of_foreign_keys_are_refused_and_old_ones_are_not(people: Path) -> None:
    with closing(sqlite3.connect(people)) as connection, connection:
        connection.execute("INSERT INTO login (id, person_id) VALUES (50, 1000)")
    change = driving.change("person", "age", "bigint")

    driving.drive(people, change)
    with driving.session(people) as session:
        ENGINE.begin_migration(session, rebuilds=True)
        session.execute("DELETE FROM person WHERE id = 2")
        with pytest.raises(errors.ForeignKeysBroken) as refused:
            ENGINE.before_commit(session)
        session.rollback()
        ENGINE.end_migration(session)

    assert "login → person: 2 rows, first rowid 2, 3" in (refused.value.object or "")
    assert "person → person: 1 row, first rowid 7" in (refused.value.object or "")
    assert "1000" not in (refused.value.object or "")


def test_a_rebuild_with_foreign_keys_on_stops_before_anything_is_dropped(people: Path) -> None:
    rows = driving.rows(people)

    with driving.session(people) as session:
        ddl = driving.speak(session)
        statements = ddl.change_column(ddl.catalog.table("person"), driving.column("age", "bigint"))
        session.begin()
        with pytest.raises(errors.RefusedError, match="foreign keys are on"):
            driving.send(session, statements)
        session.rollback()

    assert rows == driving.rows(people)


def test_foreign_keys_are_on_again_after_a_migration(people: Path) -> None:
    with driving.session(people) as session:
        ENGINE.begin_migration(session, rebuilds=True)
        during = session.fetch("PRAGMA foreign_keys")
        session.rollback()
        ENGINE.end_migration(session)

        assert [(0,)] == during
        assert [(1,)] == session.fetch("PRAGMA foreign_keys")
        assert [(0,)] == session.fetch("PRAGMA legacy_alter_table")


LOSSES = [
    ("TEXT", "007", "integer", {}),
    ("TEXT", " 7", "integer", {}),
    ("TEXT", "12345678901234567890", "bigint", {}),
    ("TEXT", "1e5", "decimal", {"precision": 10, "scale": 2}),
    ("TEXT", "12345678901234567.123", "decimal", {"precision": 15, "scale": 3}),
    ("REAL", 0.1 + 0.2, "text", {}),
    ("INTEGER", 2**53 + 1, "double", {}),
    ("TEXT", "2024", "date", {}),
    ("TEXT", "yesterday", "date", {}),
    ("TEXT", "maybe", "boolean", {}),
]


@pytest.mark.parametrize(("declared", "value", "type_", "options"), LOSSES)
def test_a_value_that_would_come_back_different_is_found(
    tmp_path: Path, declared: str, value: object, type_: str, options: dict[str, object]
) -> None:
    path = driving.make(tmp_path / "t.db", f"CREATE TABLE t (k TEXT PRIMARY KEY, v {declared})")
    driving.query(path, "INSERT INTO t VALUES ('bad', ?), ('none', NULL)", value)

    with driving.session(path, read_only=True) as session:
        ddl = driving.speak(session)
        question = ddl.lossy_values(ddl.catalog.table("t"), driving.column("v", type_, **options))
        found = session.fetch(question or "")

    assert ["bad"] == [key for key, _ in found]
    assert str(value) == found[0][1]


ALTERED = [loss for loss in LOSSES if loss[1] not in ("yesterday", "maybe", "2024")]


@pytest.mark.parametrize(("declared", "value", "type_", "options"), ALTERED)
def test_a_rebuild_asks_itself_once_more_before_it_copies(
    tmp_path: Path, declared: str, value: object, type_: str, options: dict[str, object]
) -> None:
    path = driving.make(tmp_path / "t.db", f"CREATE TABLE t (k TEXT PRIMARY KEY, v {declared})")
    driving.query(path, "INSERT INTO t VALUES ('bad', ?)", value)
    change = driving.column("v", type_, **options)

    with pytest.raises(errors.RefusedError, match="would not come back unchanged"):
        driving.drive(path, driving.change("t", "v", type_, **options))
    kept = driving.query(path, "SELECT v FROM t")
    driving.drive(
        path, lambda ddl: ddl.change_column(ddl.catalog.table("t"), change, accept_loss=True)
    )

    assert [(value,)] == kept
    assert kept != driving.query(path, "SELECT v FROM t")


@pytest.mark.parametrize(
    ("declared", "value", "type_", "after"),
    [
        ("TEXT", "42", "integer", 42),
        ("TEXT", "-7", "bigint", -7),
        ("TEXT", "9223372036854775807", "bigint", 2**63 - 1),
        ("TEXT", "19.90", "decimal", 19.9),
        ("TEXT", "1", "boolean", 1),
        ("TEXT", "2024-02-29", "date", "2024-02-29"),
        ("TEXT", "2024-02-29 10:00:00", "datetime", "2024-02-29 10:00:00"),
        ("TEXT", "2024-02-29T10:00:00+02:00", "timestamp", "2024-02-29T10:00:00+02:00"),
        ("TEXT", "10:30", "time", "10:30"),
        ("INTEGER", 5, "text", "5"),
        ("REAL", 5.0, "integer", 5),
        ("INTEGER", 12345678901234567, "text", "12345678901234567"),
        ("TEXT", "12345678901234567890", "json", "12345678901234567890"),
        ("TEXT", "1.10", "json", "1.10"),
    ],
)
def test_a_conversion_that_keeps_the_value_is_made(
    tmp_path: Path, declared: str, value: object, type_: str, after: object
) -> None:
    path = driving.make(tmp_path / "t.db", f"CREATE TABLE t (v {declared})")
    driving.query(path, "INSERT INTO t VALUES (?)", value)
    options = {"precision": 10, "scale": 2} if type_ == "decimal" else {}

    with driving.session(path, read_only=True) as session:
        ddl = driving.speak(session)
        question = ddl.lossy_values(ddl.catalog.table("t"), driving.column("v", type_, **options))
        lossy = session.fetch(question or "SELECT 1 WHERE 0")
    driving.drive(path, driving.change("t", "v", type_, **options))

    assert [] == lossy
    assert [(after,)] == driving.query(path, "SELECT v FROM t")


def test_an_on_conflict_clause_cannot_leave_rows_out_while_they_are_copied(
    tmp_path: Path,
) -> None:
    path = driving.make(
        tmp_path / "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE ON CONFLICT IGNORE);"
        "INSERT INTO t VALUES (1, '1'), (2, '1.0');",
    )
    change = driving.column("v", "integer")

    with pytest.raises(sa.exc.IntegrityError):
        driving.drive(
            path, lambda ddl: ddl.change_column(ddl.catalog.table("t"), change, accept_loss=True)
        )

    assert [(1, "1"), (2, "1.0")] == driving.query(path, "SELECT id, v FROM t")


def test_a_process_that_is_killed_at_any_statement_leaves_what_was(people: Path) -> None:
    texts, rows = driving.texts(people), driving.rows(people)
    with driving.session(people, read_only=True) as session:
        ddl = driving.speak(session)
        change = driving.column("age", "bigint")
        statements = ddl.change_column(ddl.catalog.table("person"), change)

    for count in range(1, len(statements) + 1):
        child = os.fork()
        if child == 0:
            with driving.session(people) as session:
                ENGINE.begin_migration(session, rebuilds=True)
                driving.send(session, statements[:count])
                os.kill(os.getpid(), signal.SIGKILL)
        assert signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1

        assert texts == driving.texts(people)
        assert rows == driving.rows(people)


# --- beside Alembic -------------------------------------------------------------------------

Probe = Callable[[Path], object]


def says(name: str, *words: str) -> Probe:
    """Ask whether the text of a table says something."""

    def probe(path: Path) -> object:
        text = driving.texts(path).get(f"table {name}", "").upper()
        return [word for word in words if word in text]

    return probe


def asks(sql: str) -> Probe:
    """Ask the database."""
    return lambda path: driving.query(path, sql)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something that a table has, and how to see it."""

    name: str
    script: str
    probe: Probe


PLAIN = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT);"
LOST_BY_ALEMBIC = [
    Feature(
        name="child rows",
        script=PLAIN
        + "CREATE TABLE c (t_id INTEGER REFERENCES t (id) ON DELETE CASCADE);"
        + "INSERT INTO t VALUES (1, 1, 'x'); INSERT INTO c VALUES (1), (1);",
        probe=asks("SELECT count(*) FROM c"),
    ),
    Feature(
        name="trigger",
        script=PLAIN + "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;",
        probe=asks("SELECT name FROM sqlite_master WHERE type = 'trigger'"),
    ),
    Feature(
        name="index on an expression",
        script=PLAIN + "CREATE INDEX i ON t (lower(b));",
        probe=asks("SELECT sql FROM sqlite_master WHERE name = 'i'"),
    ),
    Feature(
        name="AUTOINCREMENT",
        script="CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER);"
        "INSERT INTO t VALUES (5, 1); DELETE FROM t;",
        probe=asks("INSERT INTO t (a) VALUES (1) RETURNING id"),
    ),
    Feature(
        name="COLLATE",
        script="CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT COLLATE NOCASE);"
        "INSERT INTO t VALUES (1, 1, 'X');",
        probe=asks("SELECT count(*) FROM t WHERE b = 'x'"),
    ),
    Feature(
        name="unnamed UNIQUE",
        script="CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b VARCHAR(20) UNIQUE);",
        probe=says("t", "UNIQUE"),
    ),
    Feature(
        name="ON CONFLICT",
        script="CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, "
        "CONSTRAINT u UNIQUE (b) ON CONFLICT REPLACE);",
        probe=says("t", "ON CONFLICT REPLACE"),
    ),
    Feature(
        name="unnamed CHECK",
        script="CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, CHECK (id > 0));",
        probe=says("t", "CHECK"),
    ),
    Feature(
        name="DEFERRABLE",
        script="CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, "
        "a INTEGER, p_id INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);",
        probe=says("t", "DEFERRABLE INITIALLY DEFERRED"),
    ),
    Feature(
        name="comments",
        script="CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT /* WHY */);",
        probe=says("t", "/* WHY */"),
    ),
]
FAILS_WITH_ALEMBIC = [
    Feature(
        name="stored generated column",
        script="CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, g INTEGER AS (id * 2) STORED);"
        "INSERT INTO t (id) VALUES (4);",
        probe=asks("SELECT g FROM t"),
    ),
    Feature(
        name="view",
        script=PLAIN + "CREATE VIEW v AS SELECT b FROM t; INSERT INTO t VALUES (1, 2, 'x');",
        probe=asks("SELECT b FROM v"),
    ),
]


@pytest.mark.parametrize("feature", LOST_BY_ALEMBIC, ids=lambda feature: feature.name)
def test_ours_keeps_what_a_generic_rebuild_loses_without_an_error(
    tmp_path: Path, feature: Feature
) -> None:
    ours = driving.make(tmp_path / "ours.db", feature.script)
    theirs = driving.make(tmp_path / "theirs.db", feature.script)
    expected = feature.probe(driving.make(tmp_path / "expected.db", feature.script))

    driving.drive(ours, driving.change("t", "a", "text"))
    change_with_alembic(theirs)

    assert expected
    assert expected == feature.probe(ours)
    assert expected != feature.probe(theirs)


@pytest.mark.parametrize("feature", FAILS_WITH_ALEMBIC, ids=lambda feature: feature.name)
def test_ours_keeps_what_a_generic_rebuild_fails_on(tmp_path: Path, feature: Feature) -> None:
    ours = driving.make(tmp_path / "ours.db", feature.script)
    theirs = driving.make(tmp_path / "theirs.db", feature.script)
    expected = feature.probe(theirs)

    driving.drive(ours, driving.change("t", "a", "text"))
    with pytest.raises(sa.exc.OperationalError):
        change_with_alembic(theirs)

    assert expected
    assert expected == feature.probe(ours)


def change_with_alembic(path: Path) -> None:
    """Change the type of t.a by Alembic's batch mode, foreign keys on as in an application."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.NullPool)
    try:
        with engine.connect() as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.commit()
            operations = Operations(MigrationContext.configure(connection))
            with operations.batch_alter_table("t") as batch:
                batch.alter_column("a", type_=sa.Text())
            connection.commit()
    finally:
        engine.dispose()


# --- real databases -------------------------------------------------------------------------

SAMPLES = {
    "chinook": ("chinook/Chinook_Sqlite.sqlite.xz", 11),
    "chinook with AUTOINCREMENT": ("chinook/Chinook_Sqlite_AutoIncrementPKs.sqlite.xz", 11),
    "sakila": ("sakila/sakila.sqlite.xz", 16),
    "sakila by jOOQ": ("sakila/sqlite-schema-jooq.sql.xz", 16),
    "northwind": ("northwind/sqlite-create.sql.xz", 13),
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_table_of_a_real_database_is_rebuilt_to_the_letter(
    tmp_path: Path, shared: Path, sample: str
) -> None:
    file, count = SAMPLES[sample]
    path = unpacked(shared / "data" / file, tmp_path / "sample.db")
    texts, rows = driving.texts(path), driving.rows(path)
    violations = sorted(map(repr, driving.query(path, "PRAGMA foreign_key_check")))

    with driving.session(path) as session:
        source = ENGINE.catalog(session)
        assert isinstance(source, catalog.SqliteCatalog)
        names = source.tables()
        ENGINE.begin_migration(session, rebuilds=True)
        for name in names:
            driving.send(session, rebuilt_as_it_is(source, name))
        ENGINE.before_commit(session)
        session.commit()
        ENGINE.end_migration(session)

    assert count == len(names)
    assert texts == driving.texts(path)
    assert rows == driving.rows(path)
    assert violations == sorted(map(repr, driving.query(path, "PRAGMA foreign_key_check")))
    assert [("ok",)] == driving.query(path, "PRAGMA integrity_check")


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_table_of_a_real_database_changes_a_column_and_back(
    tmp_path: Path, shared: Path, sample: str
) -> None:
    path = unpacked(shared / "data" / SAMPLES[sample][0], tmp_path / "sample.db")
    texts, rows = driving.texts(path), driving.rows(path)
    columns = {}
    with driving.session(path, read_only=True) as session:
        source = ENGINE.catalog(session)
        for name in source.tables():
            table = source.table(name)
            free = [c for c in table.columns if c.name not in table.primary_key]
            if free:
                columns[name] = free[-1]

    driving.drive(
        path,
        *(driving.change(t, c.name, "binary", comment="changed") for t, c in columns.items()),
    )
    above = driving.texts(path)
    driving.drive(path, *(on(t, "restore_column", c) for t, c in columns.items()))

    assert columns
    for name in columns:
        assert "BLOB" in above[f"table {name}"]
    assert texts == driving.texts(path)
    assert rows == driving.rows(path)


def rebuilt_as_it_is(source: catalog.SqliteCatalog, table: str) -> tuple[base.Statement, ...]:
    """Return the rebuild of a table into itself."""
    found = source.object(table)
    assert found is not None
    return rebuild.Rebuild(source=source, table=found.name, sql=found.sql or "").statements()


def unpacked(packed: Path, path: Path) -> Path:
    """Unpack a database, or load a script."""
    content = lzma.decompress(packed.read_bytes())
    if packed.name.endswith(".sql.xz"):
        return driving.make(path, content.decode("utf-8-sig"))
    path.write_bytes(content)
    return path
