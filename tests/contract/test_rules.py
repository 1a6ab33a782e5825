"""Rules asked of real rows, on every engine: what offends, what does not, and what is shown."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from tests import engines
from whimbrel import errors, tables
from whimbrel.migrations import project as projects
from whimbrel.proof import rulebook

USERS = """
CREATE TABLE users (
    id integer NOT NULL PRIMARY KEY, email varchar(100), name text, born date, points integer,
    ratio double precision, total numeric(12, 2), state varchar(10), lead_id integer
)
"""
ROWS = [
    (1, "ana@a.example", "Ana", "1990-01-01", 10, 0.5, "10.10", "new", None),
    (2, "BO@b.example", "Bö 😀", "2000-02-29", 0, 1.5, "20.20", "paid", 1),
    (3, "bo@b.example", None, None, 100, None, "0.30", "new", 2),
]


@pytest.fixture
def shop(project, database, raw):
    """A table of three users, and its project opened."""
    raw(database).execute(USERS)
    add(raw(database), ROWS)
    return projects.open_project(folder=project.path, database=database.url)


def add(raw, rows):
    """Insert users by the plain driver."""
    mark = "?" if raw.database.kind == "sqlite" else "%s"
    for row in rows:
        raw.execute(f"INSERT INTO users VALUES ({', '.join([mark] * 9)})", row)


def ask(project, write, **options):
    """Ask one rule; return how it turned out."""
    book = rulebook.Rulebook()
    write(book)
    (outcome,) = project.validate(expect=book, **options).outcomes
    return outcome


HOLD = {
    "rows": lambda e: e.rows("users", at_least=1, at_most=3),
    "rows_exactly": lambda e: e.rows("users", exactly=2, where="state = 'new'"),
    "rows_of_a_query": lambda e: e.rows("users", same_as="SELECT 1 + 2 AS three"),
    "not_null": lambda e: e.not_null("users", ["id", "email"]),
    "unique": lambda e: e.unique("users", "email"),
    "unique_together": lambda e: e.unique("users", ["state", "points"]),
    "unique_null": lambda e: e.unique("users", "born", where="id > 2"),
    "refers": lambda e: e.refers("users", "lead_id", to="users"),
    "between": lambda e: e.between("users", "points", 0, 100),
    "between_float": lambda e: e.between("users", "ratio", 0.5, 1.5),
    "between_decimal": lambda e: e.between("users", "total", Decimal("0.30"), Decimal("20.20")),
    "between_date": lambda e: e.between("users", "born", dt.date(1990, 1, 1), dt.date(2000, 2, 29)),
    "length": lambda e: e.length("users", "name", at_least=3, at_most=4),
    "length_of_emoji": lambda e: e.length("users", "name", exactly=4, where="id = 2"),
    "matches": lambda e: e.matches("users", "email", r"^[^@\s]+@\w+\.example$"),
    "one_of": lambda e: e.one_of("users", "state", ["new", "paid"]),
    "one_of_numbers": lambda e: e.one_of("users", "points", [0, 10, 100]),
    "no_rows": lambda e: e.no_rows("SELECT id FROM users WHERE points < 0"),
    "no_rows_with_values": lambda e: e(
        "SELECT id FROM users WHERE email LIKE '%q%' AND id = ?", [1]
    ),
}
FAIL = {
    "rows": (lambda e: e.rows("users", at_least=4), None, []),
    "not_null": (lambda e: e.not_null("users", ["name", "born"]), 1, [3]),
    "unique": (lambda e: e.unique("users", "state"), 2, [1, 3]),
    "unique_but_for_case": (lambda e: e.unique("users", "email", ignore_case=True), 2, [2, 3]),
    "refers": (lambda e: e.refers("users", "points", to="users", to_columns="id"), 3, [1, 2, 3]),
    "refers_as_text": (lambda e: e.refers("users", "id", to="users", to_columns="email"),
        3, [1, 2, 3]),
    "refers_text": (lambda e: e.refers("users", "state", to="users", to_columns="email"),
        3, [1, 2, 3]),
    "between": (lambda e: e.between("users", "points", 1, 99), 2, [2, 3]),
    "between_date": (lambda e: e.between("users", "born", dt.date(1995, 1, 1)), 1, [1]),
    "between_moment": (
        lambda e: e.between("users", "born", most=dt.datetime(1990, 1, 1, 0, 0, 1)), 1, [2]),
    "length": (lambda e: e.length("users", "name", at_most=3), 1, [2]),
    "matches_case": (lambda e: e.matches("users", "email", "^[a-z]"), 1, [2]),
    "one_of_case": (lambda e: e.one_of("users", "state", ["NEW", "paid"]), 2, [1, 3]),
    "one_of_numbers": (lambda e: e.one_of("users", "points", [0, 10]), 1, [3]),
    "no_rows": (lambda e: e.no_rows("SELECT id, email FROM users WHERE points > 5"), 2, [1, 3]),
    "where": (lambda e: e.between("users", "points", 1, where="name LIKE '%B%'"), 1, [2]),
}  # fmt: skip


@pytest.mark.parametrize("rule", HOLD)
def test_a_rule_holds(rule, shop):
    outcome = ask(shop, HOLD[rule])

    assert (True, "", ()) == (outcome.passed, outcome.found, outcome.first)


@pytest.mark.parametrize("rule", FAIL)
def test_a_rule_that_does_not_hold_names_the_first_rows(rule, shop):
    write, offending, first = FAIL[rule]

    outcome = ask(shop, write)

    assert not outcome.passed
    assert offending == outcome.offending
    assert first == [row["id"] for row in outcome.first]
    assert outcome.found


def test_the_rows_of_two_tables_are_counted(shop, database, raw):
    raw(database).execute("CREATE TABLE people (id integer)")

    outcome = ask(shop, lambda e: e.rows("users", same_as="people"))

    assert "users has 3 rows, people 0" == outcome.found


def test_so_many_offending_rows_are_shown_as_asked_for(shop, database, raw):
    add(raw(database), [(n, None, "x", None, -1, None, None, "old", None) for n in range(10, 30)])

    ten = ask(shop, lambda e: e.between("users", "points", 0))
    two = ask(shop, lambda e: e.between("users", "points", 0), limit=2)

    assert (20, 10, 2) == (ten.offending, len(ten.first), len(two.first))
    assert {"id": 10, "points": -1} == two.first[0]


def test_a_hundred_thousand_rows_too_many_are_counted_and_not_kept(shop, database, raw):
    sql = (
        "SELECT a.id AS a, a.name || ' ' || a.email AS b FROM users a, users b, users c, users d"
        if database.kind != "mariadb"
        else "SELECT a.id AS a, REPEAT(a.email, 4000) AS b FROM users a, users b, users c, users d"
    )
    if database.kind == "postgresql":
        sql = sql.replace("a.name || ' ' || a.email", "repeat(a.email, 4000)")
    if database.kind == "sqlite":
        sql = sql.replace("a.name || ' ' || a.email", "hex(zeroblob(40000))")

    outcome = ask(shop, lambda e: e.no_rows(sql))

    assert (81, 10) == (outcome.offending, len(outcome.first))


# --- collations, blanks, odd values ---------------------------------------------------------


@engines.only("mariadb")
def test_a_collation_hides_no_duplicate_and_makes_none(project, database, raw):
    raw(database).execute(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(20) COLLATE utf8mb4_general_ci, b text)"
    )
    raw(database).execute(
        "INSERT INTO t VALUES (1, 'a', 'x'), (2, 'A', 'X'), (3, 'ä', 'x '), (4, 'a ', 'y')"
    )
    shop = projects.open_project(folder=project.path, database=database.url)

    assert ask(shop, lambda e: e.unique("t", "a")).passed
    assert ask(shop, lambda e: e.unique("t", "b")).passed
    assert 2 == ask(shop, lambda e: e.unique("t", "a", ignore_case=True)).offending
    assert 3 == ask(shop, lambda e: e.one_of("t", "a", ["a"])).offending
    assert 4 == ask(shop, lambda e: e.refers("t", "a", to="t", to_columns="b")).offending


@engines.only("mariadb")
def test_long_texts_that_differ_at_their_end_are_no_duplicates(project, database, raw):
    raw(database).execute("CREATE TABLE t (id int PRIMARY KEY, a text, b varchar(3000))")
    raw(database).execute(
        "INSERT INTO t VALUES (1, CONCAT(REPEAT('x', 2000), 'a'), CONCAT(REPEAT('x', 2000), 'a')), "
        "(2, CONCAT(REPEAT('x', 2000), 'b'), CONCAT(REPEAT('x', 2000), 'b'))"
    )
    shop = projects.open_project(folder=project.path, database=database.url)

    assert ask(shop, lambda e: e.unique("t", "a")).passed
    assert ask(shop, lambda e: e.unique("t", "b")).passed
    assert ask(shop, lambda e: e.refers("t", "a", to="t", to_columns="b")).passed


@engines.only("sqlite")
def test_sqlite_s_collations_hide_no_duplicate(project, database, raw):
    raw(database).execute("CREATE TABLE t (id integer PRIMARY KEY, a text COLLATE NOCASE)")
    raw(database).execute("CREATE TABLE p (a text COLLATE NOCASE UNIQUE)")
    raw(database).execute("INSERT INTO t VALUES (1, 'a'), (2, 'A')")
    raw(database).execute("INSERT INTO p VALUES ('A')")
    shop = projects.open_project(folder=project.path, database=database.url)

    assert ask(shop, lambda e: e.unique("t", "a")).passed
    assert [1] == [r["id"] for r in ask(shop, lambda e: e.one_of("t", "a", ["A"])).first]
    assert [1] == [
        r["id"] for r in ask(shop, lambda e: e.refers("t", "a", to="p", to_columns="a")).first
    ]


@engines.only("sqlite")
@pytest.mark.parametrize(
    ("write", "offending"),
    [
        (lambda e: e.between("t", "n", 0, 9), [2, 3]),
        (lambda e: e.between("t", "d", dt.date(2000, 1, 1)), [2, 3, 4]),
        (lambda e: e.length("t", "s", at_most=4), [3]),
        (lambda e: e.matches("t", "s", "^."), [3]),
        (lambda e: e.one_of("t", "s", ["good", "a\0b"]), [2, 3]),
        (lambda e: e.length("t", "s", exactly=3, where="id = 4"), []),
    ],
)
def test_values_of_odd_types_offend_on_sqlite(write, offending, project, database, raw):
    raw(database).execute("CREATE TABLE t (id integer PRIMARY KEY, n integer, d date, s text)")
    for row in (
        (1, 5, "2001-01-01", "good"),
        (2, "many", "yesterday", 7),
        (3, b"\x01", 20010101, b"good"),
        (4, 5, "2001-02-30", "a\0b"),
        (5, None, None, None),
    ):
        raw(database).execute("INSERT INTO t VALUES (?, ?, ?, ?)", row)
    shop = projects.open_project(folder=project.path, database=database.url)

    outcome = ask(shop, write)

    assert offending == [row["id"] for row in outcome.first]


@engines.only("postgresql")
def test_not_a_number_is_between_nothing(project, database, raw):
    raw(database).execute("CREATE TABLE t (id integer PRIMARY KEY, f float8, n numeric)")
    raw(database).execute("INSERT INTO t VALUES (1, 'NaN', 1), (2, 1, 'NaN')")
    shop = projects.open_project(folder=project.path, database=database.url)

    assert [1] == [r["id"] for r in ask(shop, lambda e: e.between("t", "f", 0)).first]
    assert [2] == [r["id"] for r in ask(shop, lambda e: e.between("t", "n", 0)).first]


@engines.without("sqlite")
def test_moments_are_compared_in_utc_whatever_the_session_s_zone(project, database, raw):
    type_ = "timestamptz" if database.kind == "postgresql" else "timestamp NULL"
    raw(database).execute(f"CREATE TABLE t (id integer PRIMARY KEY, at {type_})")
    zone = "SET TIME ZONE 'UTC'" if database.kind == "postgresql" else "SET time_zone = '+00:00'"
    raw(database).execute(zone)
    raw(database).execute("INSERT INTO t VALUES (1, '2024-06-01 12:00:00')")
    shop = projects.open_project(folder=project.path, database=database.url)
    noon = dt.datetime(2024, 6, 1, 12)
    east = dt.timezone(dt.timedelta(hours=2))

    assert ask(shop, lambda e: e.between("t", "at", noon, noon)).passed
    assert ask(shop, lambda e: e.between("t", "at", noon.replace(hour=14, tzinfo=east))).passed
    assert not ask(shop, lambda e: e.between("t", "at", noon.replace(second=1))).passed


@pytest.mark.parametrize("pattern", [r"^\d+$", r"^[\d]+$", r"^[0-9]+$"])
def test_a_pattern_means_the_same_everywhere(pattern, shop, database, raw):
    mark = "?" if database.kind == "sqlite" else "%s"
    for number, name in enumerate(("12", "12\n", "٣", "1.2", "1\n2"), start=20):
        sql = f"INSERT INTO users (id, name) VALUES ({mark}, {mark})"
        raw(database).execute(sql, (number, name))

    outcome = ask(shop, lambda e: e.matches("users", "name", pattern, where="id >= 20"))

    assert [21, 22, 23, 24] == [row["id"] for row in outcome.first]


def test_a_dot_is_no_end_of_a_line_and_case_counts(shop, database, raw):
    raw(database).execute("UPDATE users SET name = 'a\nb' WHERE id = 1")

    dot = ask(shop, lambda e: e.matches("users", "name", "^a.b$", where="id = 1"))
    case = ask(shop, lambda e: e.matches("users", "state", "^(NEW|PAID)$"))

    assert (1, 3) == (dot.offending, case.offending)


def test_names_with_percent_signs_and_quotes_are_names(project, database, raw):
    quote = "`" if database.kind in ("mariadb", "mysql") else '"'
    name = f"{quote}50% of it{quote}"
    raw(database).execute(f"CREATE TABLE {name} (id integer PRIMARY KEY, {name} integer)")
    raw(database).execute(f"INSERT INTO {name} VALUES (1, 7)")
    shop = projects.open_project(folder=project.path, database=database.url)

    outcome = ask(
        shop, lambda e: e.between("50% of it", "50% of it", 0, 5, where=f"{name} % 2 = 1")
    )

    assert ({"id": 1, "50% of it": 7},) == outcome.first


def test_a_table_without_a_key_shows_the_values(project, database, raw):
    raw(database).execute("CREATE TABLE t (a integer)")
    raw(database).execute("INSERT INTO t VALUES (1), (NULL), (1)")
    shop = projects.open_project(folder=project.path, database=database.url)

    assert 1 == ask(shop, lambda e: e.not_null("t", "a")).offending
    several = ask(shop, lambda e: e.unique("t", "a"))
    assert [1, 1] == [row["a"] for row in several.first]


# --- what cannot be asked -------------------------------------------------------------------


def test_a_name_that_does_not_exist_names_those_that_do(shop):
    with pytest.raises(errors.TableNotFound) as no_table:
        ask(shop, lambda e: e.not_null("user", "email"))
    with pytest.raises(errors.ColumnNotFound) as no_column:
        ask(shop, lambda e: e.not_null("users", "mail"))

    assert "tables: users" in str(no_table.value)
    assert "email" in str(no_column.value)
    assert "test_rules.py:" in str(no_column.value)


@pytest.mark.parametrize(
    "write",
    [
        lambda e: e.no_rows("SELECT nothing FROM users"),
        lambda e: e.no_rows("DELETE FROM users"),
        lambda e: e.no_rows("SELECT 1; SELECT 2"),
        lambda e: e.not_null("users", "id", where="no such thing"),
        lambda e: e.refers("users", ["id", "points"], to="users"),
        lambda e: e.matches("users", "points", "^1$"),
        lambda e: e.length("users", "points", at_most=1),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(write, shop, database, raw):
    with pytest.raises(errors.BadRule) as refused:
        ask(shop, write)

    assert "test_rules.py:" in str(refused.value)
    assert 3 == raw(database).value("SELECT count(*) FROM users")


def test_a_rule_in_another_dialect_is_translated(project, database, raw):
    project.config(
        f'[databases.main]\nurl = "{database.url}"\nsql_dialect = "mysql"\n'
        '[validate.names]\ncheck = "not_null"\ntable = "users"\ncolumns = "name"\n'
        "where = \"IF(id = 3, 1, 0) = 0\"\n"
        '[validate.mails]\ncheck = "no_rows"\nsql = "SELECT id FROM users WHERE '
        "IFNULL(email, '') = ''\"\n"
    )  # fmt: skip
    raw(database).execute(USERS)
    add(raw(database), ROWS)

    found = projects.open_project(folder=project.path).validate()

    assert [True, True] == [one.passed for one in found.outcomes]


def test_asking_changes_nothing(shop, database):
    if database.file is not None:
        before = database.file.read_bytes()

    ask(shop, lambda e: e.unique("users", "state"))

    if database.file is not None:
        assert before == database.file.read_bytes()
        assert not list(database.file.parent.glob(f"{database.file.name}-*"))


def test_an_expression_is_marked_by_sql_or_by_what_it_is():
    book = rulebook.Rulebook()
    book.same_sum("orders", tables.Sql("price * n"))
    book.same_sum("orders", "price * n")

    assert ["price * n", "price * n"] == [rule.value for rule in book.rules]
