"""What each verb says on SQLite, and what it refuses."""

from __future__ import annotations

import datetime as dt
import sqlite3
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.engines.sqlite import driving
from whimbrel import errors, tables
from whimbrel.engines import base
from whimbrel.engines.sqlite import tokens
from whimbrel.engines.sqlite.engine import ENGINE

SCHEMA = """
CREATE TABLE parent (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT,
  code TEXT UNIQUE,
  kind VARCHAR(3) CONSTRAINT "en_parent_kind" CHECK ("kind" IN ('a', 'b''c')),
  size INT /* in cm */,
  low INT, high INT, CHECK (low < high), CONSTRAINT pair UNIQUE (name, low)
);
CREATE TABLE child (
  id INTEGER PRIMARY KEY,
  parent_id INT CONSTRAINT fk_child REFERENCES parent (id) ON DELETE CASCADE,
  note TEXT, twice INT AS (id * 2), plain, alone INT CHECK (alone > 0)
);
CREATE INDEX child_note ON child (note);
CREATE INDEX child_two ON child (note, plain);
CREATE INDEX child_part ON child (id) WHERE plain > 0;
CREATE VIEW names AS SELECT name FROM parent;
CREATE TRIGGER sized AFTER UPDATE OF size ON parent BEGIN SELECT 1; END;
INSERT INTO parent (name, low, high) VALUES ('x', 1, 2);
INSERT INTO child (parent_id, alone) VALUES (1, 5);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return driving.make(tmp_path / "t.db", SCHEMA)


def sent(path: Path, *verbs: driving.Verb) -> list[str]:
    """Return the statements that verbs give, without running them."""
    with driving.session(path, read_only=True) as session:
        ddl = driving.speak(session)
        return [statement.sql for verb in verbs for statement in verb(ddl)]


def new_table(name: str, *columns: tables.Column, **parts: object) -> driving.Verb:
    return lambda ddl: ddl.create_table(
        tables.NewTable(name=name, columns=columns, **parts)  # type: ignore[arg-type]
    )


def on(table: str, verb: str, *values: object) -> driving.Verb:
    return lambda ddl: getattr(ddl, verb)(ddl.catalog.table(table), *values)


def described(path: Path, table: str) -> tables.Table:
    with driving.session(path, read_only=True) as session:
        return ENGINE.catalog(session).table(table)


column = driving.column


# --- tables ---------------------------------------------------------------------------------


def test_a_table_is_made_with_all_its_parts(path: Path) -> None:
    (table, index) = sent(
        path,
        new_table(
            "Order Details",
            column("id", "bigint", primary_key=True, auto_increment=True, comment="a */ b"),
            column("parent_id", "integer", null=False),
            column("state", "enum", values=("new", "it's"), default="new"),
            column("email", "string", length=80, unique=True, collation="NOCASE"),
            column("total", "decimal", precision=20, scale=4, default=Decimal("1.50")),
            column("made", "datetime", default=tables.Sql("CURRENT_TIMESTAMP")),
            column("next", "integer", generated="id + 1", stored=False),
            uniques=(tables.Unique(name=None, columns=("parent_id", "state")),),
            checks=(tables.Check(name="c", sql="parent_id > 0"),),
            foreign_keys=(
                tables.ForeignKey(
                    name=None,
                    columns=("parent_id",),
                    ref_table="parent",
                    ref_columns=("id",),
                    on_delete="SET NULL",
                    deferrable=True,
                ),
            ),
            indexes=(tables.Index(name="i", columns=("made",), descending=(True,)),),
            comment="what was ordered",
        ),
    )

    assert (
        """CREATE TABLE "Order Details" /* what was ordered */ (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT /* a *\\/ b */,
  "parent_id" INTEGER NOT NULL,
  "state" VARCHAR(4) DEFAULT 'new' CONSTRAINT "en_Order Details_state" """
        """CHECK ("state" IN ('new', 'it''s')),
  "email" VARCHAR(80) COLLATE "NOCASE" CONSTRAINT "uq_Order Details_email" UNIQUE,
  "total" DECIMAL_TEXT(20, 4) DEFAULT '1.50',
  "made" DATETIME DEFAULT CURRENT_TIMESTAMP,
  "next" INTEGER GENERATED ALWAYS AS (id + 1) VIRTUAL,
  CONSTRAINT "uq_Order Details_parent_id_state" UNIQUE ("parent_id", "state"),
  CONSTRAINT "c" CHECK (parent_id > 0),
  CONSTRAINT "fk_Order Details_parent_id" FOREIGN KEY ("parent_id") """
        """REFERENCES "parent" ("id") ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED
)""" == table
    )
    assert 'CREATE INDEX "i" ON "Order Details" ("made" DESC)' == index


def test_what_a_new_column_will_be_is_what_the_catalog_then_says(path: Path) -> None:
    columns = [
        column("id", "integer", primary_key=True, auto_increment=True),
        column("a", "string", default="it's", null=False, comment="why", collation="RTRIM"),
        column("b", "decimal", precision=8, scale=2, default=Decimal("1.5")),
        column("c", "boolean", default=False),
        column("d", "integer", generated="id + 1", stored=True),
        column("e", "datetime", default=tables.Sql("CURRENT_TIMESTAMP")),
        column("f", "integer", default=tables.Sql("1 + 2")),
        column("g", "enum", values=("x", "yy"), default="x"),
        column("h", "string", unique=True),
    ]
    with driving.session(path, read_only=True) as session:
        expected = tuple(driving.speak(session).found(c, table="made") for c in columns)

    driving.drive(path, new_table("made", *columns))

    assert expected == described(path, "made").columns


@pytest.mark.parametrize(
    ("default", "type_", "expected"),
    [
        ("a'b", "string", "a'b"),
        (True, "boolean", 1),
        (-5, "integer", -5),
        (1.5, "double", 1.5),
        (b"\x00\xff", "binary", b"\x00\xff"),
        (Decimal("1.10"), "json", "1.10"),
        ({"a": ["é"]}, "json", '{"a": ["é"]}'),
        (dt.date(2024, 2, 29), "date", "2024-02-29"),
        (dt.datetime(2024, 2, 29, 10, 30), "datetime", "2024-02-29 10:30:00"),
        (dt.time(10, 30), "time", "10:30:00"),
        (uuid.UUID(int=5), "uuid", str(uuid.UUID(int=5))),
        (tables.Sql("upper('x') || 1"), "string", "X1"),
        (None, "string", None),
    ],
)
def test_a_default_is_the_value_that_rows_get(
    path: Path, default: object, type_: str, expected: object
) -> None:
    driving.drive(
        path,
        new_table("made", column("a", "integer"), column("b", type_, default=default)),
        on("parent", "add_column", column("added", type_, default=default)),
    )
    driving.query(path, "INSERT INTO made (a) VALUES (1)")

    assert [(expected,)] == driving.query(path, "SELECT b FROM made")
    assert [(expected,)] == driving.query(path, "SELECT added FROM parent")


def test_a_key_of_several_columns_takes_no_null(path: Path) -> None:
    driving.drive(
        path,
        new_table("made", column("a", "string"), column("b", "integer"), primary_key=("b", "a")),
    )

    found = described(path, "made")
    assert ("b", "a") == found.primary_key
    assert [False, False] == [c.null for c in found.columns]


def test_only_the_one_column_of_a_key_counts_by_itself(path: Path) -> None:
    count = column("b", "integer", auto_increment=True)

    with pytest.raises(errors.BadColumn):
        sent(path, new_table("made", column("a", "integer", primary_key=True), count))


def test_a_table_that_others_refer_to_is_not_dropped(path: Path) -> None:
    with pytest.raises(errors.RefusedError, match="other tables refer to it") as refused:
        sent(path, on("parent", "drop_table"))

    assert "fk_child of child (parent_id)" == refused.value.object


def test_a_table_that_a_view_reads_is_not_dropped(path: Path) -> None:
    with pytest.raises(errors.RefusedError, match="break what depends on it") as refused:
        driving.drive(path, on("child", "drop_table"), on("parent", "drop_table"))
    driving.drive(
        path,
        on("child", "drop_table"),
        lambda _: (base.Statement(sql="DROP VIEW names"),),
        on("parent", "drop_table"),
    )

    assert "SELECT on names" in (refused.value.object or "")
    assert {"table sqlite_sequence"} == set(driving.texts(path))


def test_a_renamed_table_takes_references_views_and_triggers_with_it(path: Path) -> None:
    driving.drive(path, on("parent", "rename_table", "Order"))

    texts = driving.texts(path)
    assert 'REFERENCES "Order"' in texts["table child"]
    assert 'FROM "Order"' in texts["view names"]
    assert 'ON "Order"' in texts["trigger sized"]
    assert [(1,)] == driving.query(path, "SELECT parent_id FROM child")


def test_a_table_is_renamed_to_itself_in_other_letters(path: Path) -> None:
    driving.drive(path, on("parent", "rename_table", "Parent"))

    assert "Parent" == described(path, "parent").name
    assert 'REFERENCES "Parent"' in driving.texts(path)["table child"]


# --- columns --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added", "rebuilds"),
    [
        (column("x", "string", default="y", null=False), False),
        (column("x", "enum", values=("a",), comment="c"), False),
        (column("x", "integer", generated="low + 1", stored=False), False),
        (column("x", "integer", generated="low + 1", stored=True), True),
        (column("x", "string", unique=True), True),
        (column("x", "datetime", default=tables.Sql("CURRENT_TIMESTAMP")), True),
        (column("x", "integer", default=tables.Sql("1 + 2")), True),
    ],
)
def test_a_column_is_added_natively_where_rows_allow_it(
    path: Path, added: tables.Column, rebuilds: bool
) -> None:
    statements = driving.drive(path, on("parent", "add_column", added))

    assert rebuilds == ENGINE.rebuilds(statements)
    found = described(path, "parent").column("x")
    with driving.session(path, read_only=True) as session:
        assert driving.speak(session).found(added, table="parent") == found
    if added.generated:
        assert [(2,)] == driving.query(path, "SELECT x FROM parent")


def test_a_key_cannot_be_added_with_a_column(path: Path) -> None:
    with pytest.raises(errors.BadColumn):
        sent(path, on("parent", "add_column", column("x", "integer", primary_key=True)))


def test_a_column_that_breaks_a_trigger_is_not_added(path: Path) -> None:
    driving.make(
        path,
        "CREATE TABLE log (a); "
        "CREATE TRIGGER t AFTER INSERT ON child BEGIN INSERT INTO log VALUES (1); END;",
    )

    with pytest.raises(errors.RefusedError, match="break what depends on it") as refused:
        sent(path, on("log", "add_column", column("b", "string")))

    assert "INSERT on child: table log has 2 columns" in (refused.value.object or "")


def test_a_change_that_changes_nothing_sends_nothing(path: Path) -> None:
    assert [] == sent(
        path,
        driving.change("parent", "name", "text"),
        driving.change("parent", "id", "bigint"),
        driving.change("parent", "code", "text", unique=True),
        driving.change("parent", "kind", "enum", values=("a", "b'c")),
        driving.change("parent", "name", "text", null=True, default=None),
    )


def test_an_enum_changes_its_values_and_stops_being_one(path: Path) -> None:
    driving.drive(path, driving.change("parent", "kind", "enum", values=("a", "wide one")))
    changed = described(path, "parent").column("kind").definition
    driving.drive(path, driving.change("parent", "kind", "text"))

    assert (
        "VARCHAR(8) CONSTRAINT \"en_parent_kind\" CHECK (\"kind\" IN ('a', 'wide one'))" == changed
    )
    assert "TEXT" == described(path, "parent").column("kind").definition


def test_a_column_becomes_an_enum(path: Path) -> None:
    driving.drive(path, driving.change("child", "note", "enum", values=("x",)))

    with pytest.raises(sqlite3.IntegrityError, match="en_child_note"):
        driving.query(path, "UPDATE child SET note = 'y'")


def test_a_comment_is_changed_and_taken_away(path: Path) -> None:
    driving.drive(path, driving.change("parent", "size", "integer", comment="in mm"))
    changed = described(path, "parent").column("size").comment
    driving.drive(path, driving.change("parent", "size", "integer", comment=""))

    assert "in mm" == changed
    assert described(path, "parent").column("size").comment is None


def test_a_key_is_given_to_a_table_without_one(tmp_path: Path) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (id INT, a TEXT)")
    driving.query(path, "INSERT INTO t VALUES (5, 'x')")

    driving.drive(path, driving.change("t", "id", "integer", primary_key=True, auto_increment=True))
    driving.query(path, "INSERT INTO t (a) VALUES ('y')")

    assert [(5, "x"), (6, "y")] == driving.query(path, "SELECT rowid, a FROM t")
    assert described(path, "t").column("id").auto_increment


@pytest.mark.parametrize("key", ["id INTEGER PRIMARY KEY", "id INTEGER, PRIMARY KEY (id)"])
def test_a_key_begins_to_count(tmp_path: Path, key: str) -> None:
    path = driving.make(tmp_path / "t.db", f"CREATE TABLE t ({key})")

    driving.drive(path, driving.change("t", "id", "integer", auto_increment=True, null=False))

    found = described(path, "t").column("id")
    assert found.auto_increment
    assert found.definition and "NOT NULL" in found.definition


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (driving.change("parent", "name", "integer", primary_key=True), errors.RebuildRefused),
        (driving.change("parent", "low", "integer", auto_increment=True), errors.BadColumn),
        (driving.change("parent", "id", "string"), errors.BadColumn),
        (driving.change("parent", "id", "integer", null=True), errors.BadColumn),
        (driving.change("parent", "name", "text", generated="code"), errors.RebuildRefused),
        (driving.change("child", "twice", "integer", default=1), errors.BadColumn),
        (driving.change("parent", "nowhere", "integer"), errors.ColumnNotFound),
        (driving.change("parent", "name", "text", collation="nowhere"), errors.RefusedError),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    path: Path, change: driving.Verb, error: type[errors.WhimbrelError]
) -> None:
    with pytest.raises(error):
        sent(path, change)


def test_the_expression_of_a_generated_column_is_changed(path: Path) -> None:
    driving.drive(
        path, driving.change("child", "twice", "integer", generated="id * 3", stored=True)
    )

    assert [(3,)] == driving.query(path, "SELECT twice FROM child")


def test_a_column_is_restored_from_facts_where_no_text_was_kept(path: Path) -> None:
    was = tables.FoundColumn(name="name", type="VARCHAR(9)", null=False, default="'x'")

    driving.drive(path, on("parent", "restore_column", was))

    found = described(path, "parent").column("name")
    assert ("VARCHAR(9)", False, "'x'") == (found.type, found.null, found.default)


@pytest.mark.parametrize("written", ["a", "a INT", "a/* c */INT", "[a]INT NOT NULL /* c */", "a "])
def test_a_column_is_restored_to_the_letter(tmp_path: Path, written: str) -> None:
    path = driving.make(tmp_path / "t.db", f"CREATE TABLE t (x, {written}, b)")
    text, was = driving.texts(path), described(path, "t").column("a")

    driving.drive(path, driving.change("t", "a", "text", null=False, comment="new"))
    changed = driving.texts(path)
    driving.drive(path, on("t", "restore_column", was))

    assert text != changed
    assert text == driving.texts(path)


def test_a_value_that_came_meanwhile_is_not_lost_on_the_way_back(tmp_path: Path) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (a INTEGER)")
    was = described(path, "t").column("a")
    driving.drive(path, driving.change("t", "a", "text"))
    driving.query(path, "INSERT INTO t VALUES ('007')")

    with pytest.raises(errors.RefusedError, match="would not come back unchanged"):
        driving.drive(path, on("t", "restore_column", was))

    assert [("007",)] == driving.query(path, "SELECT a FROM t")


def test_a_renamed_column_takes_everything_with_it_and_comes_back(path: Path) -> None:
    before = driving.texts(path)

    driving.drive(path, on("parent", "rename_column", "name", "title"))
    renamed = driving.texts(path)
    driving.drive(path, on("parent", "rename_column", "title", "name"))

    assert "UNIQUE (title, low)" in renamed["table parent"]
    assert "SELECT title FROM" in renamed["view names"]
    assert before == driving.texts(path)


@pytest.mark.parametrize(
    ("table", "name", "used_by"),
    [
        ("parent", "id", "the primary key"),
        ("parent", "id", "foreign key fk_child of child (parent_id)"),
        ("parent", "name", "unique pair"),
        ("parent", "name", "view names"),
        ("parent", "low", "check low < high"),
        ("parent", "size", "trigger sized"),
        ("child", "note", "index child_two"),
        ("child", "plain", "index child_part"),
        ("child", "id", "generated id * 2 of twice"),
    ],
)
def test_a_column_that_others_use_is_not_removed(
    path: Path, table: str, name: str, used_by: str
) -> None:
    with pytest.raises(errors.ColumnInUse) as refused:
        sent(path, on(table, "remove_column", name))

    assert used_by in (refused.value.object or "")


@pytest.mark.parametrize(
    ("table", "name", "rebuilds"),
    [
        ("parent", "code", True),
        ("parent", "kind", False),
        ("child", "parent_id", False),
        ("child", "alone", False),
        ("child", "twice", False),
    ],
)
def test_a_column_goes_with_what_stands_on_it_alone(
    path: Path, table: str, name: str, rebuilds: bool
) -> None:
    statements = driving.drive(path, on(table, "remove_column", name))

    assert rebuilds == ENGINE.rebuilds(statements)
    assert not described(path, table).has(name)
    assert name not in driving.texts(path)[f"table {table}"]


def test_a_column_goes_with_its_own_index(tmp_path: Path) -> None:
    path = driving.make(
        tmp_path / "t.db",
        "CREATE TABLE t (a, b); CREATE INDEX i ON t (lower(b)) WHERE b > 0;"
        "CREATE INDEX j ON t (a);",
    )

    driving.drive(path, on("t", "remove_column", "b"))

    assert {"table t", "index j"} == set(driving.texts(path))


def test_a_name_in_double_quotes_that_would_become_a_string_is_seen(tmp_path: Path) -> None:
    path = driving.make(
        tmp_path / "t.db", 'CREATE TABLE t (a, b); CREATE VIEW v AS SELECT a FROM t WHERE "b" = 1;'
    )

    with pytest.raises(errors.ColumnInUse) as refused:
        sent(path, on("t", "remove_column", "b"))

    assert "view v" in (refused.value.object or "")


def test_a_column_with_a_comment_is_removed_whatever_stands_in_it(tmp_path: Path) -> None:
    path = driving.make(
        tmp_path / "t.db",
        "CREATE TABLE t (a INT, /* b, or not b */ b INT /* c, d */, c INT /* e */)",
    )

    driving.drive(path, on("t", "remove_column", "b"))
    driving.drive(path, on("t", "remove_column", "c"))

    text = driving.texts(path)["table t"]
    assert "CREATE TABLE t(a INT)" == tokens.canonical(text).replace(" ( ", "(").replace(" )", ")")


def test_a_broken_view_elsewhere_does_not_keep_a_column(tmp_path: Path) -> None:
    path = driving.make(
        tmp_path / "t.db", "CREATE TABLE t (a, b); CREATE VIEW v AS SELECT x FROM nowhere"
    )

    driving.drive(path, on("t", "remove_column", "b"))

    assert ["a"] == [c.name for c in described(path, "t").columns]
    assert "view v" in driving.texts(path)


def test_the_last_column_is_not_removed(tmp_path: Path) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")

    with pytest.raises(errors.RebuildRefused):
        sent(path, on("t", "remove_column", "a"))


# --- indexes, constraints, other tables -----------------------------------------------------


def test_an_index_comes_back_from_its_own_text(tmp_path: Path) -> None:
    path = driving.make(
        tmp_path / "t.db",
        "CREATE TABLE t (a, b); "
        "CREATE UNIQUE INDEX i ON t (a COLLATE NOCASE DESC, lower(b)) WHERE b > 0;",
    )
    before = driving.texts(path)
    (index,) = described(path, "t").indexes

    driving.drive(path, on("t", "remove_index", index))
    driving.drive(path, on("t", "create_index", index))

    assert before == driving.texts(path)


def test_an_index_on_a_part_of_a_text_is_refused(path: Path) -> None:
    index = tables.Index(name="i", columns=("note",), lengths=(10,))

    with pytest.raises(errors.RefusedError, match="no index on the first 10"):
        sent(path, on("child", "create_index", index))


def test_the_index_that_a_foreign_key_needs_is_not_removed(tmp_path: Path) -> None:
    path = driving.make(
        tmp_path / "t.db",
        "CREATE TABLE p (a TEXT); CREATE UNIQUE INDEX p_a ON p (a);"
        "CREATE TABLE c (a REFERENCES p (a));",
    )
    (index,) = described(path, "p").indexes

    with pytest.raises(errors.RefusedError, match="break what depends on it") as refused:
        sent(path, on("p", "remove_index", index))

    assert "foreign key mismatch" in (refused.value.object or "")


def test_a_constraint_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(errors.ObjectNotFound) as refused:
        sent(path, on("parent", "remove_constraint", tables.Check(name="gone", sql="1")))

    assert "en_parent_kind" in (refused.value.object or "")


def test_a_check_that_rows_break_is_refused_by_the_engine(path: Path) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="CHECK constraint failed: c"):
        driving.drive(path, on("parent", "add_check", tables.Check(name="c", sql="low > 1")))

    assert 'CONSTRAINT "c"' not in driving.texts(path)["table parent"]


def test_a_check_may_use_what_every_session_of_ours_knows(path: Path) -> None:
    check = tables.Check(name="c", sql="name REGEXP '^x' AND whimbrel_upper(name) = 'X'")

    driving.drive(path, on("parent", "add_check", check))

    assert check in described(path, "parent").checks


def test_a_check_that_does_not_end_is_refused_while_planning(path: Path) -> None:
    with pytest.raises(errors.RefusedError, match="would not be a table"):
        sent(path, on("parent", "add_check", tables.Check(name="c", sql="low > 1 -- why")))


def test_a_virtual_table_is_not_changed(tmp_path: Path) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (a)")
    try:
        driving.query(path, "CREATE VIRTUAL TABLE search USING fts5(title)")
    except sqlite3.OperationalError:
        pytest.skip("this SQLite was built without FTS5")

    with pytest.raises(errors.RebuildRefused, match="virtual table, kept by the module fts5"):
        sent(path, driving.change("search", "title", "text"))
    with driving.session(path, read_only=True) as session:
        driving.speak(session).drop_table(ENGINE.catalog(session).table("search"))


def test_words_that_no_sql_text_can_hold_are_refused(path: Path) -> None:
    with pytest.raises(errors.RefusedError, match="NUL"):
        sent(path, driving.change("parent", "name", "text", comment="a\x00b"))


def test_a_catalog_of_another_engine_is_no_catalog_here() -> None:
    class Other(base.Overlay):
        def __init__(self) -> None:
            """Nothing to look at."""

    with pytest.raises(TypeError):
        ENGINE.ddl(Other())
