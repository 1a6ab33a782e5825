"""What has no translation is refused by its name, and nothing breaks on the way."""

from __future__ import annotations

import pytest

from whimbrel import errors
from whimbrel.engines import translate

PAIRS = [
    (read, write)
    for read in ("mysql", "postgres", "sqlite")
    for write in ("mysql", "postgres", "sqlite")
    if read != write
]


@pytest.mark.parametrize("write", ["postgres", "sqlite"])
@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT RAND()", r"RAND\(\)"),
        ("SELECT UUID()", r"UUID\(\)"),
        ("SELECT LAST_INSERT_ID()", r"LAST_INSERT_ID\(\)"),
        ("SELECT my_function(1)", r"MY_FUNCTION\(\)"),
        ("SELECT SUBSTRING_INDEX(a, b)", r"SUBSTRING_INDEX\(\) with 2 arguments"),
        ("SELECT CONVERT_TZ(a, 'UTC', 'MET') FROM t", r"CONVERT_TZ\(\)"),
        ("SELECT WEEK(a) FROM t", r"WEEK\(\) with 1 argument"),
        ("SELECT @x", "the variable @x"),
        ("SELECT @@version", "the variable @@version"),
        ("SELECT a COLLATE utf8mb4_bin FROM t", "COLLATE"),
        ("SELECT a ^ b FROM t", r"\^"),
        ("SELECT a << 2 FROM t", "<<"),
        ("SELECT ~a FROM t", "~"),
        ("SELECT a & b & c FROM t", "& beside another operator"),
        ("SELECT x'41' FROM t", "a hexadecimal literal"),
        ("SELECT b'1' FROM t", "a bit literal"),
        ("SELECT a = b LIKE c FROM t", "a comparison of a comparison"),
        ("SELECT a AND b XOR c FROM t", "XOR beside AND or OR"),
        ("SELECT a FROM t WHERE a = ANY (SELECT 1)", "ANY"),
        ("SELECT CAST(a AS CHAR(3)) FROM t", "CAST to a text of a length"),
        ("SELECT CAST(a AS TIME) FROM t", "CAST to TIME"),
        ("SELECT DATE_ADD(a, INTERVAL '1:1' MINUTE_SECOND) FROM t", "INTERVAL of MINUTE_SECOND"),
        ("SELECT DATE_FORMAT(a, b) FROM t", r"DATE_FORMAT\(\)"),
        ("SELECT a REGEXP b FROM t", "a regular expression that is not a literal"),
        ("SELECT a REGEXP '[[:alpha:]]' FROM t", "the regular expression"),
        ("SELECT a REGEXP '(?i)x' FROM t", "the regular expression"),
        ("SELECT a REGEXP 'a++' FROM t", "the regular expression"),
        ("SELECT a REGEXP '(' FROM t", "the regular expression"),
        ("SELECT a FROM db.t", "the name db.t"),
        ("SELECT a FROM t FORCE INDEX (i)", "an index hint"),
        ("SELECT a FROM t NATURAL JOIN u", "METHOD of JOIN"),
        ("SELECT * FROM t JOIN u USING (id)", r"SELECT \* with USING"),
        ("SELECT a FROM t PARTITION (p)", "PARTITION of TABLE"),
        ("SELECT SQL_CALC_FOUND_ROWS a FROM t", "OPERATION MODIFIERS of SELECT"),
        ("SELECT a FROM t GROUP BY a WITH ROLLUP", "ROLLUP of GROUP"),
        ("SELECT 1 UNION SELECT 2 EXCEPT SELECT 3", "UNION, EXCEPT and INTERSECT side by side"),
        ("SELECT a INTO OUTFILE 'x' FROM t", "SELECT … INTO"),
        ("SELECT a + INTERVAL 1 DAY + b FROM t", r"\+"),
        ("SELECT a FROM t, u RIGHT JOIN v ON u.a = v.a", "RIGHT JOIN after a comma"),
        ("SELECT SUM(a) OVER (ORDER BY b RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
         "a window of RANGE"),
        ("SELECT GROUP_CONCAT(a LIMIT 1) FROM t", r"LIMIT in GROUP_CONCAT\(\)"),
        ("SELECT JSON_EXTRACT(a, '$.b') FROM t", r"JSON_EXTRACT\(\)"),
        ("SELECT a -> '$.b' FROM t", "->"),
        ("SELECT MATCH (a) AGAINST ('b') FROM t", "MATCH"),
        ("INSERT IGNORE INTO t VALUES (1)", "INSERT IGNORE"),
        ("INSERT INTO t VALUES (1) AS new ON DUPLICATE KEY UPDATE a = new.a", "."),
        ("UPDATE t SET a = a + 1, b = a", "SET that uses a, which it changes as well"),
        ("UPDATE t, u SET t.a = 1, u.b = 2 WHERE t.id = u.id", "an UPDATE of several tables"),
        ("UPDATE LOW_PRIORITY t SET a = 1", "UPDATE LOW_PRIORITY"),
        ("DELETE a, b FROM a JOIN b ON a.id = b.id", "a DELETE from several tables"),
        ("DELETE FROM t, u WHERE t.id = u.id", "DELETE FROM several tables"),
        ("CREATE TABLE t (a INT)", "CREATE TABLE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
        ("ALTER TABLE t ADD COLUMN a INT", "ALTER TABLE"),
        ("CREATE INDEX i ON t (a(10))", "an index of a part or of an expression"),
        ("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", "CREATE TRIGGER"),
        ("DROP DATABASE x", "DROP DATABASE"),
        ("SET FOREIGN_KEY_CHECKS = 0", "SET FOREIGN_KEY_CHECKS"),
        ("START TRANSACTION", "START TRANSACTION"),
        ("CALL p()", "CALL P"),
        ("SHOW TABLES", "SHOW TABLES"),
        ("/*!40101 SET NAMES utf8 */", "."),
        ("SELECT 1 /*!50000 + 1 */", "an executable comment"),
        ("SELECT 1; SELECT 2", "a text of several statements"),
        ("", "an empty text"),
    ],
)  # fmt: skip
def test_mysql_that_others_do_not_have_is_refused_by_its_name(write, sql, named):
    with pytest.raises((errors.SqlNotTranslatable, errors.SqlNotUnderstood), match=named) as info:
        translate.translate(sql, read="mysql", write=write)

    assert info.value.cause


@pytest.mark.parametrize(
    ("read", "write", "sql", "named"),
    [
        ("postgres", "mysql", "SELECT DISTINCT ON (a) a FROM t", "DISTINCT ON"),
        ("postgres", "mysql", "SELECT a FROM t FULL JOIN u ON t.a = u.a", "FULL JOIN"),
        ("postgres", "sqlite", "SELECT ARRAY[1]", "ARRAY"),
        ("postgres", "sqlite", "SELECT a[1] FROM t", "an element of an array"),
        ("postgres", "sqlite", "SELECT a || b FROM t", r"\|\| of values that may be no texts"),
        ("postgres", "mysql", "SELECT a || '{\"b\": 1}' FROM t", r"\|\| of values"),
        ("postgres", "mysql", "SELECT a / b FROM t", "/ of values that may be whole numbers"),
        ("postgres", "mysql", "INSERT INTO t (a) VALUES (1) RETURNING a", "RETURNING"),
        ("postgres", "mysql", "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x", "DELETE"),
        ("postgres", "mysql", "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT"),
        ("postgres", "sqlite", "SELECT a AT TIME ZONE 'UTC' FROM t", "AT TIME ZONE"),
        ("postgres", "sqlite", "SELECT U&'x'", "a string that begins with u&'"),
        ("postgres", "sqlite", "SELECT 1_000", "the number 1_000"),
        ("postgres", "sqlite", "SELECT now() - a FROM t", "-"),
        ("postgres", "sqlite", "DROP TABLE t CASCADE", "DROP … CASCADE"),
        ("postgres", "sqlite", "SELECT pg_catalog.lower(a) FROM t", "a function of a schema"),
        ("postgres", "mysql", "SELECT ctid FROM t", "CTID"),
        ("sqlite", "mysql", "SELECT rowid FROM t", "ROWID"),
        ("sqlite", "postgres", "SELECT a GLOB 'x*' FROM t", "GLOB"),
        ("sqlite", "postgres", "SELECT typeof(a) FROM t", r"TYPEOF\(\)"),
        ("sqlite", "postgres", "INSERT OR IGNORE INTO t VALUES (1)", "INSERT OR IGNORE"),
        ("sqlite", "postgres", "INSERT OR REPLACE INTO t VALUES (1)", "REPLACE INTO"),
        ("sqlite", "mysql", "SELECT substr(a, -2) FROM t", r"SUBSTR\(\)"),
        ("sqlite", "mysql", "PRAGMA foreign_keys = ON", "PRAGMA FOREIGN_KEYS"),
    ],
)
def test_what_only_one_engine_has_is_refused_by_its_name(read, write, sql, named):
    with pytest.raises(errors.SqlNotTranslatable, match=named):
        translate.translate(sql, read=read, write=write)


@pytest.mark.parametrize(
    ("sql", "cause"),
    [
        ("SELECT FROM WHERE", "near 'WHERE'"),
        ("UPDATE SET a = 1", "."),
        ("SELECT 'open", "is never closed"),
        ("SELCT 1", "no statement begins with 'SELCT'"),
    ],
)
def test_what_is_no_sql_is_said_to_be_none(sql, cause):
    with pytest.raises(errors.SqlNotUnderstood, match=cause) as info:
        translate.translate(sql, read="mysql", write="sqlite")

    assert "class" not in str(info.value)


@pytest.mark.parametrize("write", ["postgres", "sqlite"])
def test_a_statement_nested_too_deeply_is_refused(write):
    with pytest.raises(errors.SqlNotTranslatable, match="nested so deeply"):
        translate.translate(f"SELECT {'(' * 2000}1{')' * 2000}", read="mysql", write=write)


@pytest.mark.parametrize(
    ("one", "by"),
    [
        ("a = 1", " OR "),
        ("a", " + "),
        ("a", " * "),
        ("SELECT a FROM t", " UNION ALL SELECT a FROM t"),
    ],
)
def test_a_long_chain_is_not_nested_deeply(one, by):
    many = by.join([one] * 2000) if "UNION" not in by else one + by * 2000
    sql = many if many.startswith("SELECT") else f"SELECT a FROM t WHERE {many}"

    written = translate.translate(sql, read="mysql", write="sqlite").sql

    assert written.count("`a`") >= 2000
    assert "((" not in written


ODD = (
    "SELECT", "SELECT *", "()", "(((", "SELECT a FROM (b)", "SELECT (1, 2)",
    "SELECT a.b.c.d FROM a",
    "SELECT COUNT() FROM t", "SELECT CASE END", "SELECT 1 IN ()", "INSERT INTO t", "DELETE t",
    "WITH a AS (SELECT 1)", "SELECT a FROM t LIMIT 1,", "SELECT INTERVAL 1 DAY", "SELECT ``",
    "SELECT TRIM(a FROM b FROM c)", "SELECT EXTRACT(a FROM b)", "TABLE t", "VALUES (1)",
    "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", "SELECT a OVERLAPS b", "SELECT $1",
    "SELECT * FROM json_each('[1]')", "UPDATE (SELECT 1) x SET a = 1",
    "SELECT a LIKE 'b' ESCAPE 'cc'",
    "INSERT INTO t VALUES (1) ON CONFLICT (lower(a)) DO NOTHING", "SELECT x'zz'", "SELECT 1e400",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t", "SELECT (a).b FROM t",
    "CREATE VIRTUAL TABLE t USING fts5(a)", "SELECT a FROM t TABLESAMPLE SYSTEM (1)",
    "SELECT * FROM t CROSS JOIN LATERAL (SELECT 1) x", "ALTER TABLE t RENAME INDEX a TO b",
)  # fmt: skip


@pytest.mark.parametrize(("read", "write"), PAIRS)
@pytest.mark.parametrize("sql", ODD)
def test_odd_statements_are_translated_or_refused_and_nothing_else(read, write, sql):
    try:
        written = translate.translate(sql, read=read, write=write).sql
    except (errors.SqlNotTranslatable, errors.SqlNotUnderstood) as refused:
        written = str(refused)

    assert written
