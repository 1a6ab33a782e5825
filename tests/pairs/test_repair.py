"""A target is made like its source, on every ordered pair of engines."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import databases, engines
from tests.conftest import NewDatabase, OpenRaw
from whimbrel import clock as clocks
from whimbrel import errors
from whimbrel.engines import base, registry
from whimbrel.proof import door, repair
from whimbrel.proof import verify as verifying

ENGINES = ("sqlite", "postgresql", "mariadb")
PAIRS = [
    pytest.param(
        source,
        target,
        id=f"{source}-{target}",
        marks=[pytest.mark.server] if {source, target} != {"sqlite"} else [],
    )
    for source in ENGINES
    for target in ENGINES
]
every_pair = pytest.mark.parametrize(("source_engine", "target_engine"), PAIRS)

WIDE = {
    "sqlite": """
        CREATE TABLE wide (
          id INTEGER PRIMARY KEY, big BIGINT, price DECIMAL(12,2), ratio DOUBLE PRECISION,
          name VARCHAR(40), note TEXT, data BLOB, born DATE, clock TIME, at DATETIME,
          ok BOOLEAN, doc JSON, token UUID)""",
    "postgresql": """
        CREATE TABLE wide (
          id integer PRIMARY KEY, big bigint, price numeric(12,2), ratio double precision,
          name varchar(40), note text, data bytea, born date, clock time(6), at timestamp(6),
          ok boolean, doc jsonb, token uuid)""",
    "mariadb": """
        CREATE TABLE wide (
          id INT PRIMARY KEY, big BIGINT, price DECIMAL(12,2), ratio DOUBLE,
          name VARCHAR(40), note LONGTEXT, data LONGBLOB, born DATE, clock TIME(6),
          at DATETIME(6), ok BOOLEAN, doc JSON, token UUID)""",
}
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER_UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def ends(
    source_engine: str, target_engine: str, new_database: NewDatabase
) -> tuple[databases.Database, databases.Database]:
    """Two empty databases."""
    return new_database(source_engine), new_database(target_engine)


Ends = tuple[databases.Database, databases.Database]


def wide(number: int, *, kind: str, salt: int = 0) -> str:
    """Return a row of nasty values as SQL."""
    n = number + salt
    binary = f"'\\x00ff{n % 256:02x}'" if kind == "postgresql" else f"x'00ff{n % 256:02x}'"
    flag = str(bool(n % 2)).lower() if kind == "postgresql" else str(n % 2)
    token = UUID if n % 2 else OTHER_UUID
    name = f"O''Brien ☃ {n} %"
    return (
        f"({number}, {9_007_199_254_740_993 + n}, {n}.10, {n}.1e0, '{name}', "
        f"{'NULL' if n % 3 == 0 else repr('note %s ' + str(n))}, {binary}, "
        f"'2024-02-{n % 28 + 1:02d}', '23:59:{n % 60:02d}.5', "
        f"'2024-02-29 12:00:{n % 60:02d}.25', {flag}, "
        f"""'{{"a": [{n}, null], "b": "ü"}}', '{token}')"""
    )


def fill(raw: databases.Raw, kind: str, numbers: Iterator[int] | range, salt: int = 0) -> None:
    rows = [wide(number, kind=kind, salt=salt) for number in numbers]
    for at in range(0, len(rows), 200):
        raw.execute(f"INSERT INTO wide VALUES {', '.join(rows[at : at + 200])}")


def mended(
    ends: Ends, *, log: Path | None = None, **wishes: object
) -> tuple[repair.Repaired, verifying.Verification]:
    """Compare, repair, and compare anew."""
    source, target = ends
    with_differences = door.verify(source.url, target.url, looks=0, **wishes)  # type: ignore[arg-type]
    try:
        repaired = repair.repair(with_differences, log=log)
    finally:
        with_differences.close()
    after = door.verify(source.url, target.url, looks=0, **wishes)  # type: ignore[arg-type]
    after.close()
    return repaired, after


def both(ends: Ends, raw: OpenRaw, *statements: str) -> None:
    """Run the same statements in both databases."""
    for end in ends:
        for statement in statements:
            raw(end).execute(statement)


@every_pair
def test_rows_of_every_type_are_inserted_updated_and_deleted(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    for end in ends:
        raw(end).execute(WIDE[end.kind])
    fill(raw(source), source.kind, range(1, 1_301))
    fill(raw(target), target.kind, range(1, 101))
    fill(raw(target), target.kind, range(101, 701), salt=1)
    fill(raw(target), target.kind, range(5_001, 5_601))

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    (table,) = repaired.tables
    assert (table.inserted, table.updated, table.deleted, table.left) == (600, 600, 600, 0)


# --- foreign keys ---------------------------------------------------------------------------

CUSTOMERS = "CREATE TABLE customers (id INT PRIMARY KEY, email VARCHAR(80) UNIQUE)"
ORDERS = (
    "CREATE TABLE a_orders (id INT PRIMARY KEY, customer_id INT NOT NULL, total INT, "
    "FOREIGN KEY (customer_id) REFERENCES customers (id){action})"
)


@every_pair
@pytest.mark.parametrize("action", ["", " ON DELETE CASCADE", " ON DELETE RESTRICT"])
def test_foreign_keys_hold_all_the_way(action: str, ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, CUSTOMERS, ORDERS.format(action=action))
    raw(source).execute("INSERT INTO customers VALUES (1,'a'), (2,'b'), (4,'d')")
    raw(source).execute("INSERT INTO a_orders VALUES (10,1,1), (11,2,2), (12,4,3)")
    raw(target).execute("INSERT INTO customers VALUES (1,'a'), (2,'x'), (3,'c')")
    raw(target).execute("INSERT INTO a_orders VALUES (10,1,1), (11,3,2), (13,3,9)")

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert [table.table for table in repaired.plan.tables] == ["customers", "a_orders"]
    assert sum(table.left for table in repaired.tables) == 0


@every_pair
def test_a_row_whose_key_changed_takes_its_children_along(ends: Ends, raw: OpenRaw) -> None:
    """The new row needs the e-mail of the old one, which children still refer to."""
    source, target = ends
    both(ends, raw, CUSTOMERS, ORDERS.format(action=" ON DELETE CASCADE"))
    raw(source).execute("INSERT INTO customers VALUES (101,'a'), (2,'b')")
    raw(source).execute("INSERT INTO a_orders VALUES (10,101,1), (11,101,2), (12,2,3)")
    raw(target).execute("INSERT INTO customers VALUES (1,'a'), (2,'b')")
    raw(target).execute("INSERT INTO a_orders VALUES (10,1,1), (11,1,2), (12,2,3)")

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    # No order was deleted by the cascade and inserted again.
    assert {
        table.table: (table.inserted, table.updated, table.deleted) for table in repaired.tables
    } == {
        "customers": (1, 0, 1),
        "a_orders": (0, 2, 0),
    }


@every_pair
def test_children_that_nobody_compares_are_not_lost_in_a_cascade(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, CUSTOMERS, ORDERS.format(action=" ON DELETE CASCADE"))
    raw(source).execute("INSERT INTO customers VALUES (1,'a')")
    raw(target).execute("INSERT INTO customers VALUES (1,'a'), (2,'b'), (3,'c')")
    raw(target).execute("INSERT INTO a_orders VALUES (10,2,1)")

    repaired, after = mended(ends, tables=["customers"])

    assert (repaired.equal, after.equal) == (False, False)
    assert raw(target).execute("SELECT id FROM a_orders") == [(10,)]
    (problem,) = repaired.tables[0].problems
    assert problem.key == {"id": "2"}
    assert "a_orders refer to it" in problem.why
    assert raw(target).execute("SELECT id FROM customers ORDER BY id") == [(1,), (2,)]


@every_pair
def test_a_tree_in_one_table_comes_and_goes(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(
        ends,
        raw,
        "CREATE TABLE staff (id INT PRIMARY KEY, boss INT, "
        "FOREIGN KEY (boss) REFERENCES staff (id) ON DELETE CASCADE)",
    )
    # Bosses have the higher numbers: no order by key is safe for inserts.
    raw(source).execute("INSERT INTO staff VALUES (1600, NULL)")
    raw(target).execute("INSERT INTO staff VALUES (3000, NULL)")
    for number in range(1599, 400, -1):
        raw(source).execute(f"INSERT INTO staff VALUES ({number}, {number + 1})")
    for number in range(2999, 2900, -1):
        raw(target).execute(f"INSERT INTO staff VALUES ({number}, {number + 1})")

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert (repaired.tables[0].inserted, repaired.tables[0].deleted) == (1200, 100)


@every_pair
@pytest.mark.parametrize("null", ["", " NOT NULL"])
def test_tables_that_refer_to_each_other(null: str, ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    for end in ends:
        later = " DEFERRABLE INITIALLY DEFERRED" if end.kind != "mariadb" else ""
        if end.kind == "sqlite":
            raw(end).execute(
                f"CREATE TABLE team (id INT PRIMARY KEY, lead_id INT{null} "
                f"REFERENCES person (id){later})"
            )
        else:
            raw(end).execute(f"CREATE TABLE team (id INT PRIMARY KEY, lead_id INT{null})")
        raw(end).execute(
            f"CREATE TABLE person (id INT PRIMARY KEY, team_id INT NOT NULL"
            f"{', FOREIGN KEY (team_id) REFERENCES team (id)' + later})"
        )
    for number in (1, 2, 3):
        raw(source).execute(f"INSERT INTO team VALUES ({number}, {number * 10})")
        raw(source).execute(f"INSERT INTO person VALUES ({number * 10}, {number})")
    raw(target).execute("INSERT INTO team VALUES (7, 70)")
    raw(target).execute("INSERT INTO person VALUES (70, 7)")
    for end in ends:
        if end.kind != "sqlite":
            later = " DEFERRABLE INITIALLY DEFERRED" if end.kind == "postgresql" else ""
            raw(end).execute(
                "ALTER TABLE team ADD FOREIGN KEY (lead_id) REFERENCES person (id)" + later
            )

    repaired, after = mended(ends)

    if target.kind == "mariadb" and null:
        # Nothing can be checked later there, and NULL is not allowed: it says so and changes
        # nothing.
        assert (repaired.equal, repaired.rows, repaired.left) == (False, 0, 8)
        assert "foreign key constraint fails" in repaired.tables[0].problems[0].why
        return
    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)


# --- unique values --------------------------------------------------------------------------


@every_pair
@pytest.mark.parametrize("null", ["", " NOT NULL"])
@pytest.mark.parametrize("type_", ["INT", "VARCHAR(10)"])
def test_unique_values_change_places(null: str, type_: str, ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, f"CREATE TABLE seats (id INT PRIMARY KEY, place {type_}{null} UNIQUE, v INT)")
    # 1↔2, 3→4→5→3, a chain 6→7→8 and one that stays.
    for end, places in (
        (source, (2, 1, 4, 5, 3, 7, 8, 99, 10)),
        (target, (1, 2, 3, 4, 5, 6, 7, 8, 10)),
    ):
        for number, place in enumerate(places, start=1):
            raw(end).execute(f"INSERT INTO seats VALUES ({number}, '{place}', 1)")

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert (repaired.tables[0].updated, repaired.tables[0].deleted) == (8, 0)


@every_pair
def test_a_long_chain_of_unique_values_moves_up(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, "CREATE TABLE steps (id INT PRIMARY KEY, place INT NOT NULL UNIQUE)")
    for end, more in ((source, 1), (target, 0)):
        values = ", ".join(f"({n}, {n + more})" for n in range(1, 1_501))
        raw(end).execute(f"INSERT INTO steps VALUES {values}")

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert repaired.tables[0].updated == 1_500


@every_pair
def test_swapped_values_of_a_unique_foreign_key(ends: Ends, raw: OpenRaw) -> None:
    """There is no unused value to park in: the rows are deleted and inserted again."""
    source, target = ends
    both(
        ends,
        raw,
        "CREATE TABLE users (id INT PRIMARY KEY)",
        "INSERT INTO users VALUES (1), (2)",
        "CREATE TABLE profiles (id INT PRIMARY KEY, user_id INT NOT NULL UNIQUE, bio VARCHAR(9), "
        "FOREIGN KEY (user_id) REFERENCES users (id))",
    )
    raw(source).execute("INSERT INTO profiles VALUES (1, 2, 'x'), (2, 1, 'y')")
    raw(target).execute("INSERT INTO profiles VALUES (1, 1, 'x'), (2, 2, 'y')")

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)


# --- without a key --------------------------------------------------------------------------


@every_pair
def test_exactly_the_surplus_copies_of_rows_without_a_key_go(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, "CREATE TABLE heap (a INT, b VARCHAR(20))")
    raw(source).execute("INSERT INTO heap VALUES (1,'x'), (1,'x'), (2,'y'), (NULL,NULL), (3,'z')")
    raw(target).execute(
        "INSERT INTO heap VALUES (1,'x'), (1,'x'), (1,'x'), (1,'x'), (1,'X'), (1,'x '), "
        "(NULL,NULL), (NULL,NULL), (4,'q'), (4,'q')"
    )

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert (repaired.tables[0].inserted, repaired.tables[0].deleted) == (2, 7)


# --- what cannot be done --------------------------------------------------------------------


@every_pair
def test_a_row_that_the_database_refuses_is_listed_and_the_others_are_repaired(
    ends: Ends, raw: OpenRaw, tmp_path: Path
) -> None:
    source, target = ends
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    raw(target).execute("CREATE TABLE t (id INT PRIMARY KEY, v INT CHECK (v < 1000))")
    values = ", ".join(f"({n}, {5000 if n == 333 else n})" for n in range(1, 701))
    raw(source).execute(f"INSERT INTO t VALUES {values}")
    raw(target).execute("INSERT INTO t VALUES (1, 7), (900, 5)")
    log = tmp_path / "changes.jsonl"

    repaired, after = mended(ends, log=log)

    assert (repaired.equal, after.equal, after.differences) == (False, False, 1)
    (table,) = repaired.tables
    assert (table.inserted, table.updated, table.deleted, table.failed) == (698, 1, 1, 1)
    (problem,) = table.problems
    assert (problem.key, problem.action) == ({"id": "333"}, "insert")
    assert "check" in problem.why.lower() or "constraint" in problem.why.lower()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    changed = [one for one in lines if "why" not in one]
    assert len(changed) == 698 * 2 + 1 + 2
    assert {
        "table": "t",
        "key": {"id": "1"},
        "action": "update",
        "column": "v",
        "before": "7",
        "after": "1",
    } in changed
    (left,) = [one for one in lines if "why" in one]
    assert (left["key"], left["action"]) == ({"id": "333"}, "not insert")


@every_pair
def test_a_value_that_does_not_fit_is_refused_and_not_cut(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b DECIMAL(9,4))")
    raw(target).execute("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(5), b DECIMAL(6,1))")
    raw(source).execute("INSERT INTO t VALUES (1,'abcdefgh',1.5), (2,'abc',2.125), (3,'abc',3.5)")
    raw(target).execute("INSERT INTO t VALUES (1,'old',1.5)")

    repaired, _ = mended(ends)

    if target.kind == "sqlite":  # it keeps any text and any number in any column
        assert repaired.equal
        return
    (table,) = repaired.tables
    assert (table.inserted, table.updated, table.failed) == (1, 0, 2)
    assert raw(target).execute("SELECT id, a FROM t ORDER BY id") == [(1, "old"), (3, "abc")]


@every_pair
def test_rows_that_changed_meanwhile_are_left(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b INT)")
    raw(source).execute(
        "INSERT INTO t VALUES (1,'s',1), (2,'s',1), (3,'s',1), (4,'s',1), (8,'s',1)"
    )
    raw(target).execute(
        "INSERT INTO t VALUES (1,'t',1), (2,'t',1), (3,'t',1), (6,'t',1), (7,'t',1)"
    )
    verification = door.verify(source.url, target.url, looks=0)
    raw(target).execute("UPDATE t SET a = 'new' WHERE id = 2")
    raw(target).execute("UPDATE t SET a = 's' WHERE id = 3")
    raw(target).execute("INSERT INTO t VALUES (4,'own',1), (8,'s',1)")
    raw(target).execute("UPDATE t SET b = 2 WHERE id = 6")
    raw(target).execute("DELETE FROM t WHERE id = 7")

    with contextlib.closing(verification):
        repaired = repair.repair(verification)

    (table,) = repaired.tables
    assert (table.inserted, table.updated, table.deleted) == (0, 1, 0)
    assert (table.changed_meanwhile, table.settled, table.failed) == (3, 3, 0)
    assert raw(target).execute("SELECT id, a, b FROM t ORDER BY id") == [
        (1, "s", 1),
        (2, "new", 1),
        (3, "s", 1),
        (4, "own", 1),
        (6, "t", 2),
        (8, "s", 1),
    ]


# --- columns --------------------------------------------------------------------------------


@every_pair
def test_numbers_that_the_target_gives_itself_stay_and_are_counted_on(
    ends: Ends, raw: OpenRaw
) -> None:
    source, target = ends
    key = {
        "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "postgresql": "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "mariadb": "INT AUTO_INCREMENT PRIMARY KEY",
    }
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    raw(target).execute(f"CREATE TABLE t (id {key[target.kind]}, v INT)")
    raw(source).execute("INSERT INTO t VALUES (0,1), (41,2), (-3,3)")

    repaired, after = mended(ends)
    raw(target).execute("INSERT INTO t (v) VALUES (4)")

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert raw(target).execute("SELECT id FROM t WHERE v = 4") == [(42,)]


@every_pair
def test_generated_columns_follow_by_themselves(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, twice INT)")
    raw(target).execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, twice INT GENERATED ALWAYS AS (a * 2) STORED)"
    )
    raw(source).execute("INSERT INTO t VALUES (1,1,2), (2,5,10), (3,1,3)")
    raw(target).execute("INSERT INTO t (id, a) VALUES (2,4), (3,1)")

    repaired, after = mended(ends)

    (table,) = repaired.tables
    assert (table.inserted, table.updated, table.refused, after.differences) == (1, 1, 1, 1)
    assert "the target computes itself" in table.problems[0].why


@every_pair
def test_columns_that_only_the_target_has_get_their_default(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, a INT)")
    raw(source).execute("CREATE TABLE u (id INT PRIMARY KEY, a INT)")
    raw(target).execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT NOT NULL DEFAULT 7)")
    raw(target).execute("CREATE TABLE u (id INT PRIMARY KEY, a INT, b INT NOT NULL)")
    for table in ("t", "u"):
        raw(source).execute(f"INSERT INTO {table} VALUES (1,1), (2,2)")
        raw(target).execute(f"INSERT INTO {table} VALUES (1,5,5)")

    repaired, _ = mended(ends)

    assert raw(target).execute("SELECT * FROM t ORDER BY id") == [(1, 1, 5), (2, 2, 7)]
    assert raw(target).execute("SELECT * FROM u ORDER BY id") == [(1, 1, 5)]
    assert not repaired.equal
    refused = {(one.table, one.what) for one in repaired.plan.refused}
    assert refused == {("t", "columns b"), ("u", "columns b"), ("u", "inserts")}


@every_pair
def test_mapped_columns_are_written_and_expressions_are_not(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, price INT, n INT)")
    raw(target).execute("CREATE TABLE t (id INT PRIMARY KEY, total INT)")
    raw(source).execute("INSERT INTO t VALUES (1, 10, 2), (2, 10, 3)")
    raw(target).execute("INSERT INTO t VALUES (1, 5)")

    backwards, _ = mended(ends, columns={"t": {"id": "id", "price": "total * 2"}})
    repaired, after = mended(ends, columns={"t": {"id": "id", "price * n": "total"}})

    assert (backwards.rows, backwards.tables[0].refused) == (0, 1)
    assert "expression" in backwards.plan.refused[0].why
    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert raw(target).execute("SELECT * FROM t ORDER BY id") == [(1, 20), (2, 30)]


@every_pair
def test_new_rows_are_not_made_of_half_of_their_columns(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)")
    raw(source).execute("INSERT INTO t VALUES (1, 10, 2), (2, 10, 3)")
    raw(target).execute("INSERT INTO t VALUES (1, 5, 9)")

    repaired, _ = mended(ends, columns={"t": ["id", "a"]})

    assert raw(target).execute("SELECT * FROM t") == [(1, 10, 9)]
    (refused,) = repaired.plan.refused
    assert (refused.what, refused.rows) == ("inserts", 1)
    assert "b" in refused.why


@every_pair
def test_a_changed_natural_key_takes_its_children_along(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(
        ends,
        raw,
        "CREATE TABLE lands (id INT PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE)",
        "CREATE TABLE towns (id INT PRIMARY KEY, land VARCHAR(9), "
        "FOREIGN KEY (land) REFERENCES lands (code) ON UPDATE CASCADE)",
    )
    raw(source).execute("INSERT INTO lands VALUES (1,'x'), (2,'b'), (3,'a')")
    raw(source).execute("INSERT INTO towns VALUES (1,'x'), (2,'b'), (3,'a')")
    raw(target).execute("INSERT INTO lands VALUES (1,'a'), (2,'b')")
    raw(target).execute("INSERT INTO towns VALUES (1,'a'), (2,'b'), (3,'a')")

    repaired, after = mended(ends)

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert any("change with it" in warning for warning in repaired.plan.warnings)


@every_pair
def test_triggers_are_announced_and_what_they_change_elsewhere_is_repaired_too(
    ends: Ends, raw: OpenRaw
) -> None:
    source, target = ends
    both(
        ends,
        raw,
        "CREATE TABLE t (id INT PRIMARY KEY, v INT)",
        "CREATE TABLE audit (id INT PRIMARY KEY)",
    )
    raw(source).execute("INSERT INTO t VALUES (1, 1), (2, 2)")
    if target.kind == "postgresql":
        raw(target).execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO audit VALUES (new.id); RETURN new; END $$"
        )
        body = "EXECUTE FUNCTION note()"
    else:
        body = "INSERT INTO audit VALUES (new.id)"
        if target.kind == "sqlite":
            body = f"BEGIN {body}; END"
    raw(target).execute(f"CREATE TRIGGER noting AFTER INSERT ON t FOR EACH ROW {body}")

    repaired, after = mended(ends)

    assert any("noting" in warning for warning in repaired.plan.warnings)
    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)
    assert repaired.passes == 2


@every_pair
def test_a_plan_says_all_of_it_and_changes_nothing(ends: Ends, raw: OpenRaw) -> None:
    source, target = ends
    both(ends, raw, CUSTOMERS, ORDERS.format(action=" ON DELETE CASCADE"))
    raw(source).execute("CREATE TABLE extra (id INT PRIMARY KEY)")
    raw(source).execute("INSERT INTO customers VALUES (1,'a'), (2,'b'), (4,'d')")
    raw(source).execute("INSERT INTO a_orders VALUES (10,1,1), (11,2,2)")
    raw(target).execute("INSERT INTO customers VALUES (1,'a'), (2,'x'), (3,'c')")

    with door.verify(source.url, target.url, looks=0) as verification:
        plan = repair.plan(verification)

    assert plan.rows == 5
    assert [(one.target, one.inserts, one.updates, one.deletes) for one in plan.tables] == [
        ("customers", 1, 1, 1),
        ("a_orders", 2, 0, 0),
    ]
    assert [(one.table, one.what) for one in plan.refused] == [("extra", "table of the source")]
    assert any("a_orders" in warning for warning in plan.warnings)
    assert raw(target).execute("SELECT id, email FROM customers ORDER BY id") == [
        (1, "a"),
        (2, "x"),
        (3, "c"),
    ]


# --- on one engine --------------------------------------------------------------------------


@pytest.fixture
def pair_of(new_database: NewDatabase, database: databases.Database) -> Ends:
    """A source on SQLite and a target on each engine."""
    return new_database("sqlite"), database


def test_a_sample_is_refused(pair_of: Ends, raw: OpenRaw) -> None:
    source, target = pair_of
    both(pair_of, raw, "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, v INT)")
    for end, salt in ((source, 0), (target, 1)):
        values = ", ".join(f"({n}, {n + salt})" for n in range(3_000))
        raw(end).execute(f"INSERT INTO t VALUES {values}")

    with (
        door.verify(source.url, target.url, looks=0, sample=0.1) as verification,
        pytest.raises(errors.RepairRefused, match="only a sample"),
    ):
        repair.repair(verification)

    assert raw(target).value("SELECT sum(v - id) FROM t") == 3_000


def test_moving_rows_are_not_touched(pair_of: Ends, raw: OpenRaw) -> None:
    source, target = pair_of
    both(pair_of, raw, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    raw(source).execute("INSERT INTO t VALUES (1, 1), (2, 2)")
    with door.verify(source.url, target.url, looks=0) as verification:
        moving = [dataclasses.replace(one, moving=True) for one in verification.spool.read(0)]
        verification.spool.clear(0)
        verification.spool.add(0, [dataclasses.replace(moving[0], moving=False), moving[1]])

        repaired = repair.repair(verification)

    (table,) = repaired.tables
    assert (table.inserted, table.refused, repaired.equal) == (1, 1, False)
    assert "another one at each look" in table.problems[0].why


def test_who_holds_the_lock_keeps_a_repair_out(pair_of: Ends, raw: OpenRaw) -> None:
    source, target = pair_of
    both(pair_of, raw, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    raw(source).execute("INSERT INTO t VALUES (1, 1)")
    holder = base.Holder(
        run="r",
        who="ana",
        host="web-3",
        pid=os.getpid(),
        command="whimbrel up",
        started_at="today",
    )
    other = registry.open_session(target.url)
    lock = other.engine.lock(other, clocks.SYSTEM)
    lock.acquire(holder)

    with (
        door.verify(source.url, target.url, looks=0) as verification,
        pytest.raises(errors.LockHeld),
    ):
        repair.repair(verification)
    lock.release()
    other.close()

    assert raw(target).execute("SELECT * FROM t") == []


def test_odd_values_are_refused_and_listed(pair_of: Ends, raw: OpenRaw) -> None:
    source, target = pair_of
    if target.kind == "sqlite":
        raw(target).execute("CREATE TABLE t (id INT PRIMARY KEY, v DATE)")
        raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))")
    else:
        both(pair_of, raw, "CREATE TABLE t (id INT PRIMARY KEY, v DATE)")
    raw(source).execute("INSERT INTO t VALUES (1, 'yesterday'), (2, '2024-02-29')")

    repaired, after = mended(pair_of)

    (table,) = repaired.tables
    assert (table.inserted, table.refused, after.differences) == (1, 1, 1)
    assert "yesterday" in table.problems[0].why


def test_rows_that_share_a_key_are_told_apart_by_their_values(pair_of: Ends, raw: OpenRaw) -> None:
    source, target = pair_of
    both(pair_of, raw, "CREATE TABLE t (k VARCHAR(9) NOT NULL, v INT, w INT)")
    raw(source).execute("INSERT INTO t VALUES ('a',1,1), ('a',2,2), ('b',1,1)")
    raw(target).execute("INSERT INTO t VALUES ('a',1,1), ('a',3,3), ('a',4,4), ('B',1,1)")

    repaired, after = mended(pair_of, key={"t": "k"})

    assert (repaired.equal, after.equal) == (True, True), json.dumps(repaired.as_json(), indent=1)


@engines.only("mariadb", "mysql")
def test_a_time_that_the_server_sets_by_itself_stays_as_it_is(pair_of: Ends, raw: OpenRaw) -> None:
    source, target = pair_of
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, v INT, changed DATETIME)")
    raw(target).execute(
        "CREATE TABLE t (id INT PRIMARY KEY, v INT, "
        "changed DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)"
    )
    raw(source).execute("INSERT INTO t VALUES (1, 2, '2020-01-01 00:00:00')")
    raw(target).execute("INSERT INTO t VALUES (1, 1, '2020-01-01 00:00:00')")

    repaired, after = mended(pair_of)

    assert (repaired.equal, after.equal, repaired.passes) == (True, True, 1)


@engines.only("mariadb", "mysql")
def test_tables_without_transactions_are_changed_row_by_row(pair_of: Ends, raw: OpenRaw) -> None:
    source, target = pair_of
    raw(source).execute("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
    raw(target).execute(
        "CREATE TABLE t (id INT PRIMARY KEY, v INT, CHECK (v < 1000)) ENGINE=MyISAM"
    )
    raw(source).execute("INSERT INTO t VALUES (1, 1), (2, 5000), (3, 3), (4, 4)")
    raw(target).execute("INSERT INTO t VALUES (4, 5), (6, 6)")

    repaired, after = mended(pair_of)

    (table,) = repaired.tables
    assert (table.inserted, table.updated, table.deleted, table.failed) == (2, 1, 1, 1)
    assert after.differences == 1
    assert any("cannot be taken back" in warning for warning in repaired.plan.warnings)
