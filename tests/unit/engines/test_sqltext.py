"""Tokens, kinds, statements and placeholders of SQL text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whimbrel import errors
from whimbrel.engines import sqltext
from whimbrel.engines.sqltext import Kind, Sort

DIALECTS = ("mysql", "mariadb", "postgres", "postgresql", "sqlite")


def sorts(sql, dialect):
    return [(t.sort.name, t.text) for t in sqltext.significant(sql, dialect)]


# --- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [*DIALECTS, None])
@given(text=st.text(alphabet=st.sampled_from("ab1 '\"`\\;:?%s()[]$#-/*!\n.,=@éÜ"), max_size=25))
@settings(max_examples=300)
def test_tokens_joined_are_the_text_or_it_is_refused(dialect, text):
    try:
        found = list(sqltext.tokens(text, dialect))
    except errors.SqlNotUnderstood:
        return

    assert text == "".join(token.text for token in found)
    assert [token.start for token in found] == [
        sum(len(t.text) for t in found[:i]) for i in range(len(found))
    ]


@pytest.mark.parametrize(
    ("dialect", "sql", "strings"),
    [
        ("mysql", r"'it\'s; -- no' x", [r"'it\'s; -- no'"]),
        ("mysql", "\"double; 'd\" 'a''b'", ['"double; \'d"', "'a''b'"]),
        ("mysql", "_utf8mb4'x' x'41' N'y'", ["_utf8mb4'x'", "x'41'", "N'y'"]),
        ("mysql", "'\\\\' 'b'", ["'\\\\'", "'b'"]),
        ("postgres", r"'a\' 'b'", [r"'a\'", "'b'"]),
        ("postgres", r"E'a\'b' 'c'", [r"E'a\'b'", "'c'"]),
        ("postgres", "$$it's$$ $fn$ $$ ; $fn$", ["$$it's$$", "$fn$ $$ ; $fn$"]),
        ("postgres", "U&'d!0061'", ["U&'d!0061'"]),
        ("sqlite", r"'a\' x'00ff'", [r"'a\'", "x'00ff'"]),
        ("sqlite", "'multi\nline;'", ["'multi\nline;'"]),
    ],
)
def test_a_string_ends_where_its_dialect_says(dialect, sql, strings):
    found = [t.text for t in sqltext.significant(sql, dialect) if t.sort is Sort.STRING]

    assert strings == found


@pytest.mark.parametrize(
    ("dialect", "sql", "names"),
    [
        ("mysql", "`a``b; c`.`d`", ["`a``b; c`", "`d`"]),
        ("postgres", '"a""b; c"."d"', ['"a""b; c"', '"d"']),
        ("sqlite", '[a b;].`c`."d"', ["[a b;]", "`c`", '"d"']),
    ],
)
def test_a_quoted_name_ends_where_its_dialect_says(dialect, sql, names):
    assert names == [t.text for t in sqltext.significant(sql, dialect) if t.sort is Sort.NAME]


@pytest.mark.parametrize(
    ("dialect", "sql", "left"),
    [
        ("mysql", "a # ' \nb -- '\nc /* ' */ d", ["a", "b", "c", "d"]),
        ("mysql", "5--1", ["5", "-", "-", "1"]),
        ("mysql", "a --", ["a"]),
        ("postgres", "a /* x /* ' */ y */ b --' \nc", ["a", "b", "c"]),
        ("postgres", "a #> b", ["a", "#>", "b"]),
        ("sqlite", "a--' \nb /* /* ' */ c", ["a", "b", "c"]),
    ],
)
def test_comments_mean_nothing(dialect, sql, left):
    assert left == [t.text for t in sqltext.significant(sql, dialect)]


def test_what_mysql_executes_in_a_comment_is_read():
    assert [("WORD", "SET"), ("WORD", "NAMES"), ("WORD", "utf8")] == sorts(
        "/*!40101 SET NAMES utf8 */", "mysql"
    )
    assert [("WORD", "a"), ("WORD", "b")] == sorts("/*M! a */ b", "mariadb")


@pytest.mark.parametrize("sql", ["'abc", 'x = "abc', "a /* b", "`a"])
def test_a_quote_that_is_never_closed_is_refused_with_its_line(sql):
    with pytest.raises(errors.SqlNotUnderstood, match="line 2 is never closed"):
        list(sqltext.tokens("\n" + sql, "mysql"))


@pytest.mark.parametrize(
    ("dialect", "sql", "marks"),
    [
        ("postgres", "a::text = :a AND b[1:2] = b[x:y]", [":a"]),
        ("postgres", "a ?| b ?& c ? d ?||'x'", ["?", "?"]),
        ("mysql", "@x := :a; @@global.b; 'a:b'", [":a"]),
        ("mysql", "%s %(name)s 5 %size ?", ["%s", "%(name)s", "?"]),
        ("sqlite", ":a ?2 @n $m ':no' \":no\" [:no]", [":a", "?2"]),
    ],
)
def test_placeholders_are_told_from_casts_slices_and_variables(dialect, sql, marks):
    assert marks == [t.text for t in sqltext.significant(sql, dialect) if t.sort is Sort.MARK]


# --- kinds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "sql"),
    [
        (Kind.QUERY, "SELECT 1"),
        (Kind.QUERY, " -- why\n /* and */ ((select 1) union (select 2))"),
        (Kind.QUERY, "VALUES (1)"),
        (Kind.QUERY, "WITH a AS (SELECT 1), b (c) AS (SELECT 2) SELECT * FROM a"),
        (Kind.QUERY, "WITH a AS (SELECT replace(x, 'a', 'b') FROM (SELECT 1) t) SELECT 1"),
        (Kind.QUERY, "EXPLAIN DELETE FROM t"),
        (Kind.QUERY, "SELECT 'INTO', (SELECT 1) FROM \"into\""),
        (Kind.DATA, "insert into t values (1)"),
        (Kind.DATA, "UPDATE t SET a = (SELECT 1)"),
        (Kind.DATA, "DELETE FROM t"),
        (Kind.DATA, "REPLACE INTO t VALUES (1)"),
        (Kind.DATA, "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE"),
        (Kind.DATA, "WITH a AS (SELECT 1) UPDATE t SET x = 1"),
        (Kind.DATA, "WITH RECURSIVE a AS (SELECT 1) INSERT INTO t SELECT * FROM a"),
        (Kind.DATA, "EXPLAIN ANALYZE DELETE FROM t"),
        (Kind.DDL, "CREATE TABLE t (a int)"),
        (Kind.DDL, "alter table t add x int"),
        (Kind.DDL, "DROP VIEW v"),
        (Kind.DDL, "TRUNCATE t"),
        (Kind.DDL, "RENAME TABLE a TO b"),
        (Kind.DDL, "COMMENT ON TABLE t IS 'x'"),
        (Kind.DDL, "GRANT SELECT ON t TO u"),
        (Kind.DDL, "ANALYZE t"),
        (Kind.SESSION, "SET x = 1"),
        (Kind.SESSION, "USE other"),
        (Kind.SESSION, "RESET ALL"),
        (Kind.TRANSACTION, "BEGIN"),
        (Kind.TRANSACTION, "START TRANSACTION READ ONLY"),
        (Kind.TRANSACTION, "COMMIT;"),
        (Kind.TRANSACTION, "ROLLBACK TO a"),
        (Kind.TRANSACTION, "SAVEPOINT a"),
        (Kind.TRANSACTION, "RELEASE SAVEPOINT a"),
        (Kind.TRANSACTION, "LOCK TABLES t READ"),
        (Kind.TRANSACTION, "UNLOCK TABLES"),
        (Kind.TRANSACTION, "SET TRANSACTION READ ONLY"),
        (Kind.CALL, "CALL p()"),
        (Kind.CALL, "DO 1"),
        (Kind.CALL, "EXECUTE x"),
        (Kind.EMPTY, ""),
        (Kind.EMPTY, "  -- nothing\n ; /* here */"),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_statement_is_known_by_its_verb(dialect, expected, sql):
    assert expected is sqltext.kind(sql, dialect)


@pytest.mark.parametrize(
    ("dialect", "expected", "sql"),
    [
        ("postgresql", Kind.DDL, "SELECT a INTO new FROM t"),
        ("postgresql", Kind.DDL, "WITH x AS (SELECT 1) SELECT * INTO new FROM x"),
        ("postgresql", Kind.DATA, "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"),
        ("postgresql", Kind.DATA, "WITH a AS (SELECT 1), x AS (UPDATE t SET a=1) SELECT 1"),
        ("postgresql", Kind.DATA, "EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1"),
        ("postgresql", Kind.QUERY, "EXPLAIN (ANALYZE FALSE) UPDATE t SET a = 1"),
        ("postgresql", Kind.QUERY, "EXPLAIN ANALYZE VERBOSE SELECT 1"),
        ("postgresql", Kind.DATA, "COPY t FROM STDIN"),
        ("postgresql", Kind.QUERY, "COPY (SELECT 1) TO STDOUT"),
        ("postgresql", Kind.CALL, "DO $$ BEGIN DELETE FROM t; END $$"),
        ("postgresql", Kind.SESSION, "LOAD 'auto_explain'"),
        ("postgresql", Kind.TRANSACTION, "PREPARE TRANSACTION 'x'"),
        ("postgresql", Kind.SESSION, "PREPARE q AS SELECT 1"),
        ("mysql", Kind.DATA, "SELECT * FROM t INTO OUTFILE '/tmp/x'"),
        ("mysql", Kind.SESSION, "SELECT a INTO @x FROM t"),
        ("mysql", Kind.SESSION, "/*!40101 SET NAMES utf8 */"),
        ("mysql", Kind.DDL, "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ TRIGGER t"),
        ("mysql", Kind.DATA, "LOAD DATA INFILE 'x' INTO TABLE t"),
        ("mysql", Kind.DDL, "SET PASSWORD = 'x'"),
        ("mariadb", Kind.DATA, "ANALYZE FORMAT=JSON DELETE FROM t"),
        ("mariadb", Kind.DATA, "ANALYZE UPDATE t SET a = 1"),
        ("mariadb", Kind.DDL, "ANALYZE TABLE t"),
        ("mariadb", Kind.CALL, "BEGIN NOT ATOMIC SELECT 1; END"),
        ("sqlite", Kind.QUERY, "PRAGMA table_info(t)"),
        ("sqlite", Kind.QUERY, "PRAGMA main.table_info('t')"),
        ("sqlite", Kind.QUERY, "PRAGMA foreign_keys"),
        ("sqlite", Kind.SESSION, "PRAGMA foreign_keys=ON"),
        ("sqlite", Kind.SESSION, "PRAGMA foreign_keys(1)"),
        ("sqlite", Kind.DATA, "PRAGMA user_version = 3"),
        ("sqlite", Kind.DATA, "PRAGMA main.user_version(3)"),
        ("sqlite", Kind.DATA, "PRAGMA optimize"),
        ("sqlite", Kind.SESSION, "ATTACH 'x.db' AS x"),
        ("sqlite", Kind.DDL, "VACUUM"),
        ("sqlite", Kind.QUERY, "EXPLAIN QUERY PLAN DELETE FROM t"),
    ],
)
def test_what_only_one_engine_says_is_known_too(dialect, expected, sql):
    assert expected is sqltext.kind(sql, dialect)


def test_a_verb_that_nobody_knows_is_refused():
    with pytest.raises(errors.SqlNotUnderstood, match="no statement begins with 'SELCT'"):
        sqltext.kind("SELCT 1", "sqlite")


# --- several statements --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "sql", "expected"),
    [
        ("sqlite", "", []),
        ("sqlite", "SELECT ';' ; -- a; b\n", ["SELECT ';'"]),
        ("sqlite", "SELECT 1; ; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("mysql", "SELECT '\\';'; SELECT 2", ["SELECT '\\';'", "SELECT 2"]),
        ("postgres", "SELECT $$;$$; SELECT 2", ["SELECT $$;$$", "SELECT 2"]),
        ("mysql", "/*!40101 SET x=1 */; SELECT 2", ["/*!40101 SET x=1 */", "SELECT 2"]),
    ],
)
def test_a_semicolon_parts_statements_only_outside_of_texts(dialect, sql, expected):
    assert expected == sqltext.statements(sql, dialect)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            "sqlite",
            (
                "CREATE TRIGGER IF NOT EXISTS g AFTER INSERT ON t BEGIN UPDATE t SET a = "
                "CASE WHEN b THEN 1 ELSE 2 END; DELETE FROM u; END"
            ),
        ),
        (
            "mysql",
            (
                "CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN DECLARE x INT; l: LOOP IF x > 1 THEN "
                "LEAVE l; ELSEIF IF(x, 1, 2) THEN SET x = REPEAT('a', 2); END IF; END LOOP l; "
                "CASE x WHEN 1 THEN SET x = 2; END CASE; WHILE x DO SET x = 0; END WHILE; END"
            ),
        ),
        (
            "mysql",
            "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW IF NEW.a THEN SET NEW.b = 1; END IF",
        ),
        ("mariadb", "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END"),
        (
            "postgres",
            (
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE 1 WHEN 1 "
                "THEN 2 END; END"
            ),
        ),
        ("postgres", "DO $body$ BEGIN DELETE FROM t; END $body$"),
    ],
)
def test_the_body_of_a_trigger_or_routine_stays_whole(dialect, body):
    assert [body, "SELECT 1"] == sqltext.statements(f"{body};\nSELECT 1;", dialect)


def test_a_transaction_is_several_statements():
    assert ["BEGIN", "DELETE FROM t", "END"] == sqltext.statements(
        "BEGIN; DELETE FROM t; END;", "sqlite"
    )


# --- placeholders --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "sql", "params"),
    [
        ("qmark", "a = ? AND b = ? AND c = ?", (1, 2, 1)),
        ("format", "a = %s AND b = %s AND c = %s", (1, 2, 1)),
        ("pyformat", "a = %(x)s AND b = %(y)s AND c = %(x)s", {"x": 1, "y": 2}),
        ("named", "a = :x AND b = :y AND c = :x", {"x": 1, "y": 2}),
    ],
)
@pytest.mark.parametrize(
    "written", ["a = :x AND b = :y AND c = :x", "a = %(x)s AND b = :y AND c = :x"]
)
def test_names_are_written_as_the_driver_wants_them(style, sql, params, written):
    assert (sql, params) == sqltext.bind(written, {"y": 2, "x": 1}, "mysql", style)


@pytest.mark.parametrize(
    ("style", "sql", "params"),
    [
        ("qmark", "a = ? AND b = ?", (1, 2)),
        ("format", "a = %s AND b = %s", (1, 2)),
        ("pyformat", "a = %(p1)s AND b = %(p2)s", {"p1": 1, "p2": 2}),
        ("named", "a = :p1 AND b = :p2", {"p1": 1, "p2": 2}),
    ],
)
@pytest.mark.parametrize("written", ["a = ? AND b = ?", "a = %s AND b = %s", "a = :1 AND b = :2"])
def test_positions_are_written_as_the_driver_wants_them(style, sql, params, written):
    assert (sql, params) == sqltext.bind(written, [1, 2], "sqlite", style)


def test_a_numbered_placeholder_may_stand_anywhere_and_more_than_once():
    assert ("? ? ?", ("b", "a", "b")) == sqltext.bind(":2 :1 :2", ["a", "b"], "sqlite", "qmark")


@pytest.mark.parametrize("dialect", ["mysql", "postgres", "sqlite"])
def test_text_that_looks_like_a_placeholder_stays(dialect):
    sql = "SELECT ':no ? %s', x /* ? :no */ FROM t -- :no\n WHERE a = :a"

    bound, _ = sqltext.bind(sql, {"a": 1}, dialect, "qmark")

    assert sql.replace(":a", "?") == bound


def test_percent_signs_are_doubled_for_drivers_that_format():
    sql = "SELECT 5 % 2, 'a%' WHERE x LIKE '%s%' AND a = :a"

    assert (
        "SELECT 5 %% 2, 'a%%' WHERE x LIKE '%%s%%' AND a = %s",
        (1,),
    ) == sqltext.bind(sql, {"a": 1}, "mysql", "format")


@pytest.mark.parametrize("style", ["qmark", "format", "pyformat"])
def test_without_parameters_the_text_is_not_touched(style):
    sql = "SELECT 'a%' WHERE a ? 'b' AND x::text = '1'"

    assert (sql, None) == sqltext.bind(sql, None, "postgres", style)


def test_question_operators_of_jsonb_go_together_with_names():
    sql = "SELECT a ? 'k', a ?| array['x'] FROM t WHERE b = :b"

    assert ("SELECT a ? 'k', a ?| array['x'] FROM t WHERE b = %(b)s", {"b": 1}) == sqltext.bind(
        sql, {"b": 1}, "postgres", "pyformat"
    )
    with pytest.raises(errors.BadParameters, match="if a \\? in it is an operator"):
        sqltext.bind("SELECT a ? 'k' FROM t WHERE b = ?", [1], "postgres", "pyformat")


@pytest.mark.parametrize(
    ("params", "sql", "words"),
    [
        ([1], "a = ? AND b = ?", "2 placeholders, and 1 value was given"),
        ([1, 2], "a = ?", "1 placeholder, and 2 values were given"),
        ([], "a = ?", "1 placeholder, and 0 values were given"),
        ([1], "a", "0 placeholders, and 1 value was given"),
        ([1], "a = :2", "2 placeholders, and 1 value was given"),
        ([1, 2], "a = :1 AND b = ?", "mixes placeholders"),
        ({"a": 1}, "a = :a AND b = :b", "no value was given for :b"),
        ({"a": 1, "b": 2}, "a = :a", "does not use :b"),
        ({"a": 1}, "a = ?", "placeholders without a name"),
        ([1], "a = :a", "placeholders with a name"),
        ("abc", "a = ?", "a single text"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_without_showing_them(params, sql, words):
    with pytest.raises(errors.BadParameters, match=words):
        sqltext.bind(sql, params, "sqlite", "qmark")


# --- layout --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET a='x  y',b=count(*) WHERE c IN (1,2)",
        "  UPDATE  t\n SET a = 'x  y' , b = count( * )\nWHERE c IN(1 , 2) ; ",
        "UPDATE t -- why\nSET a = 'x  y', /* so */ b = count (*) WHERE c IN (1, 2)",
    ],
)
@pytest.mark.parametrize("dialect", [*DIALECTS, None])
def test_layout_does_not_matter_outside_of_texts(dialect, sql):
    assert "UPDATE t SET a = 'x  y', b = count(*) WHERE c IN(1, 2)" == sqltext.normalise(
        sql, dialect
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a b'", "SELECT 'a  b'"),
        ('SELECT "a b"', 'SELECT "a  b"'),
        ("SELECT a - -1", "SELECT a"),
        ("SELECT ab", "SELECT a b"),
        ("SELECT 'it\\'s  a'", "SELECT 'it\\'s a'"),
    ],
)
def test_what_means_something_else_stays_different(one, other):
    assert sqltext.normalise(one) != sqltext.normalise(other)


def test_the_shape_of_a_statement_hides_its_values():
    one = "INSERT INTO t VALUES (1, 'a', :x) -- 1"
    other = "INSERT INTO t VALUES (22, 'it''s', ?)"

    assert "INSERT INTO t VALUES(?, ?, ?)" == sqltext.shape(one)
    assert sqltext.shape(one) == sqltext.shape(other)
