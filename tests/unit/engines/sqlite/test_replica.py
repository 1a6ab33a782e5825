"""The private copy of a schema: what is tried on it and planned with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.engines.sqlite import driving
from whimbrel.engines import base
from whimbrel.engines.sqlite import catalog, replica
from whimbrel.engines.sqlite.engine import ENGINE

SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b TEXT, c TEXT);
CREATE TABLE u (t_id REFERENCES t (id) ON DELETE CASCADE, x);
CREATE INDEX t_a ON t (a);
CREATE VIEW star AS SELECT * FROM t;
CREATE VIEW deep AS SELECT "b" FROM star;
CREATE VIEW other AS SELECT x FROM u;
CREATE TRIGGER on_t AFTER UPDATE OF c ON t BEGIN UPDATE u SET x = new.a; END;
CREATE TRIGGER on_u AFTER INSERT ON u BEGIN UPDATE t SET b = new.x WHERE id = new.t_id; END;
CREATE TRIGGER into_t AFTER DELETE ON u BEGIN INSERT INTO t (c) VALUES (old.x); END;
CREATE VIEW broken AS SELECT missing FROM nowhere;
INSERT INTO t (a) VALUES ('kept to itself');
"""


@pytest.fixture
def source() -> Iterator[catalog.SqliteCatalog]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        yield catalog.SqliteCatalog(connection)


def statements(*sql: str) -> list[base.Statement]:
    return [base.Statement(sql=one) for one in sql]


def test_the_copy_has_every_text_and_no_row(source: catalog.SqliteCatalog) -> None:
    with replica.Replica(source) as copy:
        assert source.texts() == copy.catalog.texts()
        assert [(0,)] == copy.catalog.rows("SELECT count(*) FROM t")
        assert {} == copy.unknown


def test_who_reads_a_column_is_said_by_the_engine(source: catalog.SqliteCatalog) -> None:
    with replica.Replica(source) as copy:
        found = {column: copy.readers("T", column) for column in ("A", "b", "c", "id")}

    assert ["view star", "trigger on_t"] == found["A"]
    # `deep` reads the view's column of that name, not the table's.
    assert ["view star", "trigger on_u"] == found["b"]
    assert ["view star", "trigger on_t"] == found["c"]
    assert ["view star", "trigger on_u"] == found["id"]


@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("ALTER TABLE t ADD COLUMN d", []),
        ("DROP TABLE u", ["SELECT on other", "UPDATE on t"]),
        ("DROP VIEW star", ["SELECT on deep"]),
        ("CREATE TRIGGER z AFTER INSERT ON u BEGIN SELECT gone; END", ["INSERT on u"]),
    ],
)
def test_what_a_statement_breaks_is_named(
    source: catalog.SqliteCatalog, sql: str, broken: list[str]
) -> None:
    with replica.Replica(source) as copy:
        before = copy.health()
        copy.run(statements(sql))
        found = replica.broken(before, copy.health())

    assert broken == sorted(line.split(":")[0] for line in found)


def test_a_foreign_key_that_fits_no_key_any_more_is_broken() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "CREATE TABLE p (a); CREATE UNIQUE INDEX p_a ON p (a);"
            "CREATE TABLE c (a REFERENCES p (a));"
        )
        with replica.Replica(catalog.SqliteCatalog(connection)) as copy:
            before = copy.health()
            copy.run(statements("DROP INDEX p_a"))
            found = replica.broken(before, copy.health())

    assert found
    assert all("foreign key mismatch" in line for line in found)


def test_functions_and_collations_of_an_application_do_not_stop_the_copy() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.create_function("mine", 1, lambda value: value, deterministic=True)
        connection.create_collation("theirs", lambda a, b: 0)
        connection.executescript(
            "CREATE TABLE t (a COLLATE theirs UNIQUE, b AS (mine(a)) STORED, CHECK (mine(a)));"
            "CREATE INDEX t_b ON t (mine(b));"
        )
        source = catalog.SqliteCatalog(connection)

        with replica.Replica(source) as copy:
            assert {} == copy.unknown
            assert source.texts() == copy.catalog.texts()


def test_a_table_that_cannot_be_copied_is_remembered_with_the_reason() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(
            "CREATE TABLE t (a); PRAGMA writable_schema = ON;"
            "INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, "
            "'CREATE VIRTUAL TABLE v USING missing(a)'); PRAGMA writable_schema = RESET;"
        )

        with replica.Replica(catalog.SqliteCatalog(connection)) as copy:
            assert {"v": "no such module: missing"} == copy.unknown
            assert ["t"] == copy.catalog.tables()


def test_a_full_text_table_is_copied_with_its_own_tables() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE search USING fts5(title)")
        except sqlite3.OperationalError:
            pytest.skip("this SQLite was built without FTS5")
        source = catalog.SqliteCatalog(connection)

        with replica.Replica(source) as copy:
            assert {} == copy.unknown
            assert source.texts() == copy.catalog.texts()


# --- planning -------------------------------------------------------------------------------


def test_a_plan_follows_every_statement_and_the_real_schema_stays(
    source: catalog.SqliteCatalog,
) -> None:
    before = source.texts()
    planned = replica.PlannedCatalog(source)

    planned.apply(
        statements(
            "DROP VIEW broken",
            "ALTER TABLE u RENAME TO w",
            "/* raw */ CREATE TABLE made AS SELECT id, a FROM t",
            "DROP VIEW deep",
            "INSERT INTO t (a) VALUES ('never sent')",
            "PRAGMA user_version = 5",
        )
    )
    planned.apply([base.Statement(sql="CREATE TABLE asked (a)", must_be=1)])

    assert ["made", "t", "w"] == planned.tables()
    assert ["id", "a"] == [column.name for column in planned.table("made").columns]
    assert planned.find("asked") is None
    # Renaming has rewritten the view and the triggers that name the table, too.
    assert {"u", "w", "made", "deep", "other", "broken", "t"} == planned.touched()
    assert before == source.texts()


def test_a_plan_that_changes_nothing_touches_nothing(source: catalog.SqliteCatalog) -> None:
    planned = replica.PlannedCatalog(source)

    planned.put("t", None)

    assert frozenset() == planned.touched()
    assert source.signature() == planned.signature()
    assert planned.exact


def test_what_the_engine_refuses_is_refused_while_planning(source: catalog.SqliteCatalog) -> None:
    planned = replica.PlannedCatalog(source)

    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        planned.apply(statements("CREATE TABLE t (a)"))


def test_a_chain_of_changes_is_planned_as_it_will_be(tmp_path: Path) -> None:
    path = driving.make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
    verbs = [
        driving.change("t", "a", "string", length=9, null=False),
        lambda ddl: ddl.rename_column(ddl.catalog.table("t"), "a", "b"),
        lambda ddl: ddl.rename_table(ddl.catalog.table("t"), "Order"),
        driving.change("order", "b", "text", default="x"),
    ]

    with driving.session(path, read_only=True) as session:
        planned = ENGINE.planned(session)
        for verb in verbs:
            planned.apply(verb(ENGINE.ddl(planned)))  # type: ignore[arg-type]
        expected = planned.texts()
    driving.drive(path, *verbs)

    with driving.session(path, read_only=True) as session:
        assert expected == ENGINE.catalog(session).texts()
