"""Reading and editing the text of a table."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel.engines.sqlite import text

TEXTS = [
    "CREATE TABLE t(a)",
    "CREATE TABLE t (a, b, PRIMARY KEY (a) UNIQUE (b) CHECK (a > 1))",
    (
        "CREATE TABLE t('check' INT, [primary] TEXT, `unique` , \"foreign\" , "
        'CONSTRAINT x CHECK ("check">1))'
    ),
    "CREATE TABLE t(a INT CONSTRAINT foo, b INT CONSTRAINT bar NOT NULL CONSTRAINT baz)",
    "CREATE TABLE t(a INT GENERATED ALWAYS AS (c) STORED, b INT AS (1+1) VIRTUAL, c ALWAYS)",
    "CREATE TABLE t(a INTEGER PRIMARY KEY DESC, b)",
    (
        "CREATE TABLE t(a 'my type' DEFAULT - 5, b \"x y\" ( 10 , -2 ) DEFAULT +3.5e3, "
        "c DEFAULT x'00' COLLATE 'nocase', d DEFAULT abc)"
    ),
    (
        "CREATE TABLE t(a INT UNIQUE ON CONFLICT REPLACE NOT NULL ON CONFLICT IGNORE "
        "REFERENCES p(x) ON DELETE SET NULL ON UPDATE CASCADE MATCH FULL "
        "NOT DEFERRABLE INITIALLY DEFERRED DEFERRABLE)"
    ),
    (
        "CREATE TABLE t(a INT PRIMARY KEY, "
        "FOREIGN KEY (a) REFERENCES p DEFERRABLE INITIALLY DEFERRED, "
        "UNIQUE (a COLLATE NOCASE DESC) ON CONFLICT FAIL) STRICT, WITHOUT ROWID"
    ),
    "CREATE TABLE t(a INT, PRIMARY KEY(a DESC)) WITHOUT ROWID , STRICT",
    "CREATE TABLE t(a INTEGER, PRIMARY KEY (a AUTOINCREMENT))",
    "CREATE TABLE t(a INT /* c1 */, b TEXT -- c2\n, c INT, -- c3\n /* c4 */ d INT /* e */ )",
    "CREATE TABLE t(a INT DEFAULT (1, 2)) -- not valid but readable",
    "CREATE TABLE t(a INT DEFAULT 'x''y, )', b DEFAULT \"z(\", c DEFAULT CURRENT_DATE)",
    "CREATE TABLE t(a INT CHECK(a IN (1,2)) CHECK(a<5), CONSTRAINT c1 CONSTRAINT c2 CHECK(a>1))",
    "CREATE TABLE t(key, abort INT, action TEXT, if, row, é表 TEXT)",
    (
        "CREATE TABLE t(a INTEGER NOT NULL PRIMARY KEY ON CONFLICT REPLACE AUTOINCREMENT, "
        "b GENERATED ALWAYS, c INT ALWAYS)"
    ),
    "CREATE TABLE t(a DEFAULT(1)NOT NULL,b NUMERIC(10,2)NOT NULL)",
    "CREATE TABLE [t](\r\n\t[a]TEXT NOT NULL,\r\n\t[b]INT\r\n)",
    "CREATE TABLE IF NOT EXISTS main.t (a)",
    "CREATE TEMP TABLE t (a REFERENCES p ON DELETE NO ACTION ON UPDATE RESTRICT)",
]


@pytest.mark.parametrize("sql", TEXTS)
def test_the_pieces_of_a_table_joined_are_its_text(sql: str) -> None:
    assert sql == "".join(text.parse(sql).pieces)


@pytest.mark.parametrize("sql", TEXTS)
def test_what_was_added_is_taken_out_again_to_the_letter(sql: str) -> None:
    table = text.parse(sql)

    constrained = text.parse(text.appended(table, 'CONSTRAINT "q" CHECK (1)'))
    widened = text.parse(text.inserted(table, '"zz" INT'))

    assert len(table.constraints) + 1 == len(constrained.constraints)
    assert "zz" == widened.columns[-1].name
    assert sql == text.without(constrained, [constrained.constraints[-1]])
    assert sql == text.without(widened, [widened.columns[-1]])


def test_a_column_knows_its_parts() -> None:
    table = text.parse(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, [a b] VARCHAR ( 20 ) COLLATE nocase NOT NULL "
        "CONSTRAINT d DEFAULT 'x, y' UNIQUE CHECK ( [a b] <> ')' ) /* why */ -- and so on\n)"
    )

    column = table.columns[1]
    rules = [(c.rule.name, c.name, c.value) for c in column.clauses]
    assert ("a b", "VARCHAR ( 20 )", "why") == (column.name, column.type, column.comment)
    assert [
        ("COLLATE", None, "nocase"),
        ("NOT_NULL", None, None),
        ("DEFAULT", "d", "'x, y'"),
        ("UNIQUE", None, None),
        ("CHECK", None, "[a b] <> ')'"),
    ] == rules
    definition = table.sql[column.definition_start : column.definition_end]
    assert definition.startswith("VARCHAR ( 20 ) COLLATE")
    assert definition.endswith("/* why */")


def test_a_foreign_key_knows_its_parts() -> None:
    table = text.parse(
        'CREATE TABLE t (a, b, CONSTRAINT "f k" FOREIGN KEY (a, [b]) REFERENCES "p q" (x, y) '
        "ON UPDATE SET DEFAULT ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED)"
    )

    (clause,) = table.constraints

    assert ("f k", ("a", "b")) == (clause.name, clause.columns)
    assert ("p q", ("x", "y")) == (clause.ref_table, clause.ref_columns)
    assert ("NO ACTION", "SET DEFAULT") == (clause.on_delete, clause.on_update)
    assert clause.deferred


@pytest.mark.parametrize(
    ("sql", "alias"),
    [
        ("CREATE TABLE t (a integer PRIMARY KEY)", "a"),
        ("CREATE TABLE t (a 'INTEGER', PRIMARY KEY (A DESC))", "a"),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY DESC)", None),
        ("CREATE TABLE t (a INT PRIMARY KEY)", None),
        ("CREATE TABLE t (a INTEGER, b, PRIMARY KEY (a, b))", None),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY) WITHOUT ROWID", None),
        ("CREATE TABLE t (a INTEGER)", None),
    ],
)
def test_the_column_that_is_the_rowid_is_the_one_the_engine_means(
    sql: str, alias: str | None
) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sql)
        connection.execute("INSERT INTO t (a) VALUES (NULL)" if alias else "SELECT 1")
        filled = alias is not None and connection.execute("SELECT a FROM t").fetchone() == (1,)

    assert alias == text.parse(sql).rowid_alias
    assert (alias is not None) == filled


@pytest.mark.parametrize(
    ("sql", "gone", "left"),
    [
        ("CREATE TABLE t (a INT, b INT, c INT)", "b", "CREATE TABLE t (a INT, c INT)"),
        ("CREATE TABLE t (a INT, b INT, c INT)", "c", "CREATE TABLE t (a INT, b INT)"),
        ("CREATE TABLE t (a INT, b INT)", "a", "CREATE TABLE t ( b INT)"),
        (
            "CREATE TABLE t (\n  a INT, -- of a\n  b INT, -- of b\n  c INT -- of c\n)",
            "b",
            "CREATE TABLE t (\n  a INT, -- of a\n  c INT -- of c\n)",
        ),
        (
            "CREATE TABLE t (\n  a INT, -- of a\n  b INT, -- of b\n  c INT -- of c\n)",
            "c",
            "CREATE TABLE t (\n  a INT, -- of a\n  b INT -- of b\n)",
        ),
        (
            "CREATE TABLE t (\n  a INT, -- of a\n  b INT, c INT)",
            "b",
            "CREATE TABLE t (\n  a INT, -- of a\n c INT)",
        ),
        (
            "CREATE TABLE t (a INT, -- of a\n  b INT)",
            "b",
            "CREATE TABLE t (a INT -- of a\n)",
        ),
        (
            "CREATE TABLE t (a INT -- of a\n  , b INT\n)",
            "b",
            "CREATE TABLE t (a INT -- of a\n)",
        ),
        (
            "CREATE TABLE t (a INT /* a, b */, /* of b */ b INT /* c, d */, UNIQUE (a))",
            "b",
            "CREATE TABLE t (a INT /* a, b */, UNIQUE (a))",
        ),
    ],
)
def test_a_column_goes_with_its_own_comments_only(sql: str, gone: str, left: str) -> None:
    table = text.parse(sql)

    assert left == text.without(table, [c for c in table.columns if c.name == gone])


def test_constraints_without_commas_between_them_are_taken_out() -> None:
    table = text.parse("CREATE TABLE t (a, b, UNIQUE (a) CONSTRAINT c CHECK (a > 0) CHECK (b))")

    one = text.without(table, [table.constraints[1]])

    assert "CREATE TABLE t (a, b, UNIQUE (a)  CHECK (b))" == one
    assert 2 == len(text.parse(one).constraints)


def test_a_clause_is_taken_out_but_not_the_end_of_a_comment() -> None:
    table = text.parse("CREATE TABLE t (a INT -- why\n  NOT NULL, b)")
    (clause,) = table.columns[0].clauses

    edited = text.edited(table.sql, [text.clause_edit(table, clause)])

    assert "CREATE TABLE t (a INT -- why\n  , b)" == edited


@given(st.text(alphabet="*/\\ ab", max_size=12))
def test_a_comment_is_read_back_as_it_was_written(words: str) -> None:
    table = text.parse(f"CREATE TABLE t {text.comment(words)} (a INT {text.comment(words)}, b)")

    assert words == table.columns[0].comment
    assert words == table.comment
    assert 2 == len(table.columns)


@pytest.mark.parametrize(
    "sql", ["", "CREATE TABLE t", "CREATE VIEW v AS SELECT 1", "CREATE TABLE t (a"]
)
def test_what_is_no_table_is_not_understood(sql: str) -> None:
    with pytest.raises(text.NotUnderstoodError):
        text.parse(sql)


def test_an_index_is_read() -> None:
    found = text.parse_index(
        "CREATE UNIQUE INDEX \"i x\" ON [t t] (a COLLATE nocase DESC, lower(b, ',') , `c` ASC) "
        "WHERE a > 0 AND b <> ')'"
    )

    assert "t t" == found.table
    assert ("a COLLATE nocase", "lower(b, ',')", "`c`") == found.parts
    assert "a > 0 AND b <> ')'" == found.where


def test_the_columns_of_update_of_are_read() -> None:
    sql = "CREATE TRIGGER x BEFORE UPDATE OF a, [B c] ON t BEGIN UPDATE t SET d = 1; END"

    assert {"a", "b c"} == text.update_columns(sql)
    assert not text.update_columns("CREATE TRIGGER x AFTER UPDATE ON t BEGIN SELECT 1; END")


# --- tables made at random, and what SQLite says of them ------------------------------------

_BLANKS = st.sampled_from([" ", "\n", "  ", " /* c, ( */ ", " -- c, (\n", "\t"])
_NAMES = st.sampled_from(['"a b"', "[c]", "`d`", "e", '"check"', "'f g'", "key", "É"])
_TYPES = st.sampled_from(["", "INT", "VARCHAR(20)", "DECIMAL ( 10 , 2 )", "unsigned big int"])
_CLAUSES = st.sampled_from(
    [
        "NOT NULL",
        "NULL",
        "DEFAULT 5",
        "DEFAULT (1 + 2)",
        "DEFAULT -1.5",
        "DEFAULT 'x, (y'",
        "COLLATE NOCASE",
        "UNIQUE",
        "CONSTRAINT u UNIQUE ON CONFLICT REPLACE",
        "CHECK (1 IN (1, 2))",
        "CONSTRAINT [c k] CHECK ('(' <> ')')",
        "REFERENCES p (x) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
        "CONSTRAINT f REFERENCES p NOT DEFERRABLE",
    ]
)
_CONSTRAINTS = st.sampled_from(
    ["CHECK (1)", "CONSTRAINT \"c c\" CHECK ('a, b' <> ',')", "CONSTRAINT nothing"]
)
_OPTIONS = st.sampled_from(["", " STRICT", "\n"])


@st.composite
def _tables(draw: st.DrawFn) -> str:
    items = []
    for name in draw(st.lists(_NAMES, min_size=1, max_size=5, unique=True)):
        parts = [name, draw(_TYPES), *draw(st.lists(_CLAUSES, max_size=4))]
        items.append("".join(f"{draw(_BLANKS)}{part}" for part in parts if part))
    items += [draw(_BLANKS) + c for c in draw(st.lists(_CONSTRAINTS, max_size=2))]
    return f"CREATE TABLE t ({','.join(item + draw(_BLANKS) for item in items)}){draw(_OPTIONS)}"


@settings(max_examples=300, deadline=None)
@given(_tables())
def test_a_table_is_read_as_the_engine_reads_it(sql: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(sql)
        except sqlite3.OperationalError:
            return  # two defaults, or a type that STRICT does not know
        (stored,) = connection.execute("SELECT sql FROM sqlite_master").fetchone()
        info = connection.execute("PRAGMA table_xinfo(t)").fetchall()
        indexes = connection.execute("PRAGMA index_list(t)").fetchall()
        keys = connection.execute("PRAGMA foreign_key_list(t)").fetchall()

    table = text.parse(stored)

    assert stored == "".join(table.pieces)
    assert [row[1] for row in info] == [column.name for column in table.columns]
    assert [bool(row[3]) for row in info] == [
        column.clause(text.Rule.NOT_NULL) is not None for column in table.columns
    ]
    uniques = {c.columns for _, c in table.clauses(text.Rule.UNIQUE)}
    assert len(indexes) == len(uniques)
    assert len(keys) == len(table.clauses(text.Rule.REFERENCES))
    for column in table.columns:
        if len(table.columns) > 1:
            left = text.parse(text.without(table, [column]))
            assert [c.name for c in table.columns if c is not column] == [
                c.name for c in left.columns
            ]
