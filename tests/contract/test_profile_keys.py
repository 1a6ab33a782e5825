"""Rows beyond the limits of a type, copies, orphans, broken conditions: what profilers find."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests import databases, engines
from tests.profiles import COLUMN, fill, lax, profiled, quoted, table_of
from whimbrel import tables
from whimbrel.engines import profiling
from whimbrel.engines.forms import Family, Form
from whimbrel.engines.portable import Domain, Question
from whimbrel.schema import losses

OpenRaw = Callable[[databases.Database], databases.Raw]


def test_rows_beyond_the_limits_of_a_type_are_named(
    database: databases.Database, raw: OpenRaw
) -> None:
    fill(raw(database), "decimal(12,4)", ["1", "70000.5", "-70000", "NULL", "0.1234"])
    limits = Domain(least=Decimal(-32768), most=Decimal(32767), digits_before=5, digits_behind=1)

    with profiled(database) as (session, profiler):
        found = profiler.beyond(table_of(session), {COLUMN: limits}, key=("id",))[COLUMN]

    assert {Question.RANGE: 2, Question.DIGITS: 1} == {q: one.rows for q, one in found.items()}
    assert [("2",), ("3",)] == [key for key, _ in found[Question.RANGE].keys]
    assert [("5",)] == [key for key, _ in found[Question.DIGITS].keys]


def test_texts_beyond_a_length_are_named(database: databases.Database, raw: OpenRaw) -> None:
    fill(raw(database), "text", ["'abc'", "'éé'", "'abcd'", "NULL"])

    with profiled(database) as (session, profiler):
        ask = profiler.beyond
        table = table_of(session)
        letters = ask(table, {COLUMN: Domain(characters=3)}, key=("id",))[COLUMN]
        octets = ask(table, {COLUMN: Domain(octets=3)}, key=("id",))[COLUMN]
        none = ask(table, {COLUMN: Domain()}, key=("id",))[COLUMN]

    assert [("3",)] == [key for key, _ in letters[Question.LONGEST].keys]
    assert [("2",), ("3",)] == [key for key, _ in octets[Question.LONGEST].keys]
    assert {} == none


TEXT = Form(family=Family.TEXT)


@pytest.mark.parametrize(
    ("sameness", "rows", "keys"),
    [
        (profiling.Sameness(), 0, set()),
        (profiling.Sameness(padded=True), 1, {"1", "2"}),
        (profiling.Sameness(cased=False), 1, {"1", "3"}),
        (profiling.Sameness(cased=False, accented=False), 2, {"1", "3", "4"}),
        (
            profiling.Sameness(padded=True, cased=False, accented=False),
            3,
            {"1", "2", "3", "4"},
        ),
    ],
)
def test_copies_are_those_that_the_target_takes_for_the_same(
    sameness: profiling.Sameness,
    rows: int,
    keys: set[str],
    database: databases.Database,
    raw: OpenRaw,
) -> None:
    binary = " COLLATE utf8mb4_bin" if database.kind in ("mariadb", "mysql") else ""
    fill(
        raw(database), f"varchar(20){binary}", ["'a'", "'a '", "'A'", "'á'", "'b'", "NULL", "NULL"]
    )

    with profiled(database) as (session, profiler):
        found = profiler.duplicates(table_of(session), [(COLUMN, TEXT, sameness)], key=("id",))

    assert (rows, keys) == (found.rows, {key[0] for key, _ in found.keys})


def test_null_is_like_null_only_if_it_is_said(database: databases.Database, raw: OpenRaw) -> None:
    fill(raw(database), "varchar(20)", ["NULL", "'a'", "NULL", "NULL"])
    column = [(COLUMN, TEXT, profiling.Sameness())]

    with profiled(database) as (session, profiler):
        ask = profiler.duplicates
        apart = ask(table_of(session), column, key=("id",))
        alike = ask(table_of(session), column, nulls_alike=True, key=("id",))

    assert (0, 2) == (apart.rows, alike.rows)
    assert [("1",), ("3",), ("4",)] == [key for key, _ in alike.keys]


@engines.only("sqlite")
def test_values_of_different_types_are_copies_once_they_are_carried(
    database: databases.Database, raw: OpenRaw
) -> None:
    plain = raw(database)
    plain.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, k UNIQUE)")
    plain.execute("INSERT INTO t VALUES (1, 1), (2, '1'), (3, '1.0'), (4, 2)")

    with profiled(database) as (session, profiler):
        ask, table = profiler.duplicates, table_of(session, "t")
        as_texts = ask(table, [("k", TEXT, profiling.Sameness())], key=("id",))
        form = Form(family=Family.DECIMAL)
        as_numbers = ask(table, [("k", form, profiling.Sameness())], key=("id",))

    assert (1, 2) == (as_texts.rows, as_numbers.rows)


def test_rows_that_refer_to_nothing_are_named(database: databases.Database, raw: OpenRaw) -> None:
    plain = raw(database)
    lax(plain)
    plain.execute(
        "CREATE TABLE parent (a integer NOT NULL, b varchar(9) NOT NULL, PRIMARY KEY (a, b))"
    )
    plain.execute("CREATE TABLE child (id integer PRIMARY KEY, a integer, b varchar(9))")
    plain.execute("INSERT INTO parent VALUES (1, 'x'), (2, 'y')")
    plain.execute(
        "INSERT INTO child VALUES (1, 1, 'x'), (2, 1, 'X'), (3, 3, 'x'), (4, NULL, 'q'), "
        "(5, 2, NULL), (6, 2, 'y'), (7, 9, 'z')"
    )
    reference = tables.ForeignKey(
        name="f", columns=("a", "b"), ref_table="parent", ref_columns=("a", "b")
    )

    with profiled(database) as (session, profiler):
        child, parent = (table_of(session, name) for name in ("child", "parent"))
        forms_ = [Form(family=Family.INTEGER), TEXT]
        ask = profiler.orphans
        found = ask(child, reference, parent, forms_, key=("id",))
        some = ask(child, reference, parent, forms_, where="id < 3", key=("id",))

    assert (3, 1) == (found.rows, some.rows)
    assert [(("2",), "1, X"), (("3",), "3, x"), (("7",), "9, z")] == [*found.keys]


def test_a_table_may_refer_to_itself(database: databases.Database, raw: OpenRaw) -> None:
    plain = raw(database)
    plain.execute("CREATE TABLE tree (id integer PRIMARY KEY, up integer)")
    plain.execute("INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 9), (4, 4)")
    reference = tables.ForeignKey(name=None, columns=("up",), ref_table="tree", ref_columns=("id",))

    with profiled(database) as (session, profiler):
        tree = table_of(session, "tree")
        form = [Form(family=Family.INTEGER)]
        found = profiler.orphans(tree, reference, tree, form, key=("id",))

    assert (1, ((("3",), "9"),)) == (found.rows, found.keys)


def test_rows_that_break_a_condition_are_named(database: databases.Database, raw: OpenRaw) -> None:
    fill(raw(database), "integer", ["5", "-5", "NULL", "0"])
    column = quoted(database, COLUMN)

    with profiled(database) as (session, profiler):
        table = table_of(session)
        found = profiler.breaking(table, f"{column} >= 0", key=("id",))
        none = profiler.breaking(table, f"{column} >= -5", key=("id",))

    assert (1, ((("2",), ""),), 0) == (found.rows, found.keys, none.rows)


# --- all of a table's keys at once ----------------------------------------------------------


def test_keys_without_troubles_lose_nothing(database: databases.Database, raw: OpenRaw) -> None:
    plain = raw(database)
    plain.execute("CREATE TABLE parent (id integer PRIMARY KEY)")
    plain.execute(
        "CREATE TABLE child (id integer PRIMARY KEY, code varchar(9) UNIQUE, "
        "up integer, FOREIGN KEY (up) REFERENCES parent (id))"
    )
    plain.execute("INSERT INTO parent VALUES (1)")
    plain.execute("INSERT INTO child VALUES (1, 'a', 1), (2, 'b', NULL), (3, NULL, 1)")

    with profiled(database) as (session, _):
        found = losses.profile_keys(
            session,
            table_of(session, "child"),
            parents={"parent": table_of(session, "parent")},
            same={"code": profiling.Sameness(padded=True, cased=False)},
        )

    assert [] == found


@engines.only("sqlite")
def test_keys_that_the_source_did_not_keep_are_refused_by_name(
    database: databases.Database, raw: OpenRaw
) -> None:
    plain = raw(database)
    plain.execute("CREATE TABLE parent (id TEXT PRIMARY KEY)")
    plain.execute(
        "CREATE TABLE child (id TEXT PRIMARY KEY, up TEXT REFERENCES parent (id), "
        "n INTEGER CHECK (n > 0))"
    )
    plain.execute("PRAGMA ignore_check_constraints = ON")
    plain.execute("INSERT INTO parent VALUES ('p')")
    plain.execute(
        "INSERT INTO child VALUES ('a', 'p', 1), ('A', 'q', 2), (NULL, NULL, 3), (NULL, 'p', -1)"
    )

    with profiled(database) as (session, _):
        found = losses.profile_keys(
            session,
            table_of(session, "child"),
            parents={"parent": table_of(session, "parent")},
            same={"id": profiling.Sameness(cased=False)},
            checks=True,
        )

    assert [
        ("NULL in the primary key", 2, "id"),
        ("duplicate key", 1, "id"),
        ("orphan", 1, "up"),
        ("broken check", 1, ""),
    ] == [(one.what, one.rows, one.column) for one in found]
    assert {losses.Verdict.REFUSED} == {one.verdict for one in found}
    assert (
        "1 row of child refers to a row of parent that is not there (up); the first: A → 'q'"
        == (found[2].says)
    )


@engines.only("mariadb", "mysql")
def test_rows_that_came_while_keys_were_not_checked_are_found(
    database: databases.Database, raw: OpenRaw
) -> None:
    plain = raw(database)
    plain.execute("CREATE TABLE parent (id integer PRIMARY KEY)")
    plain.execute(
        "CREATE TABLE child (id integer PRIMARY KEY, up integer, "
        "FOREIGN KEY (up) REFERENCES parent (id))"
    )
    plain.execute("SET foreign_key_checks = 0")
    plain.execute("INSERT INTO child VALUES (1, 5), (2, NULL)")

    with profiled(database) as (session, _):
        parents = {"parent": table_of(session, "parent")}
        (found,) = losses.profile_keys(session, table_of(session, "child"), parents=parents)

    assert ("orphan", 1, ((("1",), "5"),)) == (found.what, found.rows, found.keys)
