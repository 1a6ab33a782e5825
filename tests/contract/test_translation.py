"""The same SQL, run where it was written and, translated, everywhere else: equal results.

Each statement is translated twice: with the types of the columns known, then the results have to
be equal; and without, then they may also differ if a note says so, or be refused. What no
translation may do is to differ in silence.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import psycopg
import pymysql
import pytest

from tests import databases, engines
from whimbrel import errors
from whimbrel.engines import sqltext, translate
from whimbrel.engines.sqlite import functions

DIALECTS: Final = {
    "mariadb": "mysql",
    "mysql": "mysql",
    "postgresql": "postgres",
    "sqlite": "sqlite",
}
# column -> its type in MySQL, PostgreSQL, SQLite
NASTY: Final = {
    "id": ("int", "integer", "integer"),
    "name": ("varchar(200)", "character varying(200)", "varchar(200)"),
    "city": ("varchar(200)", "text", "text"),
    "n": ("int", "integer", "integer"),
    "big": ("bigint", "bigint", "bigint"),
    "amount": ("decimal(12,3)", "numeric(12,3)", "numeric(12,3)"),
    "ratio": ("double", "double precision", "double"),
    "active": ("boolean", "boolean", "boolean"),
    "born": ("date", "date", "date"),
    "seen": ("datetime", "timestamp(0)", "datetime"),
    "note": ("text", "text", "text"),
}
OTHER: Final = {
    "id": ("int", "integer", "integer"),
    "nasty_id": ("int", "integer", "integer"),
    "label": ("varchar(50)", "character varying(50)", "varchar(50)"),
}
TABLES: Final = {"nasty": NASTY, "other": OTHER}
ROWS: Final = (
    (1, "Ada Lovelace", "London", 5, 9007199254740993, "1.500", 2.5, True, "1815-12-10",
     "2020-01-31 10:20:30", "a,b,c"),
    (2, "", "Zürich", -7, -1, "-2.125", -0.5, False, "2000-02-29", "1999-12-31 23:59:59", "x"),
    (3, None, None, None, None, None, None, None, None, None, None),
    (4, "Émile Zola 😀", "Genève", 0, 0, "0.000", 0.0, True, "1970-01-01",
     "2021-03-30 00:00:00", "a b c d"),
    (5, "Straße  x", "東京 İ ŉ ǆ", 3, 3, "10.005", 1e10, False, "2024-12-31",
     "2024-02-29 12:00:00", "a_b%c\\d"),
    (6, "Cher", "o'Brien \"q\"", 2, 2, "99999.999", 0.1, True, "2019-06-15",
     "2020-02-29 00:00:01", "  pad  "),
    (7, "ada lovelace", "LONDON", 5, 12, "1.005", 3.14159, False, "2001-01-05",
     "2020-01-05 13:04:05", "aXbXc"),
    (8, "two\nlines\n", "Ångström", 1, 64, "-0.500", -2.5, True, "1999-12-31",
     "2000-01-01 00:00:00", "line\n"),
)  # fmt: skip
OTHERS: Final = ((1, 1, "eins"), (2, 2, "zwei"), (3, 5, "drei"))


class Known:
    """Names and types of the two tables, as the catalog of one engine would say them."""

    def __init__(self, dialect: str) -> None:
        self.place = ("mysql", "postgres", "sqlite").index(dialect)

    def table(self, name: str) -> str | None:
        return name.lower() if name.lower() in TABLES else None

    def column(self, table: str, name: str) -> str | None:
        return name.lower() if name.lower() in TABLES.get(table, {}) else None

    def type(self, table: str, column: str) -> str | None:
        return TABLES[table][column][self.place]

    def nullable(self, table: str, column: str) -> bool:
        return column != "id"


class Place:
    """A database with the two tables in it."""

    def __init__(self, raw: databases.Raw) -> None:
        self.raw = raw
        self.dialect = DIALECTS[raw.database.kind]
        place = ("mysql", "postgres", "sqlite").index(self.dialect)
        for table, columns in TABLES.items():
            listed = ", ".join(f"{name} {types[place]}" for name, types in columns.items())
            raw.execute(f"CREATE TABLE {table} ({listed}, PRIMARY KEY (id))")
        self.fill()

    def fill(self) -> None:
        """Put the rows into the tables, as they were at first."""
        mark = "?" if self.dialect == "sqlite" else "%s"
        for table, rows in (("nasty", ROWS), ("other", OTHERS)):
            self.raw.execute(f"DELETE FROM {table}")
            for row in rows:
                if self.dialect == "sqlite" and table == "nasty" and row[5] is not None:
                    row = (*row[:5], float(str(row[5])), *row[6:])
                marks = ", ".join([mark] * len(row))
                self.raw.execute(f"INSERT INTO {table} VALUES ({marks})", row)

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """Return the rows of a query, as values that are alike on all engines."""
        return [tuple(alike(value) for value in row) for row in self.raw.execute(sql)]

    def state(self) -> list[list[tuple[object, ...]]]:
        """Return all rows of the two tables."""
        return [self.ask(f"SELECT * FROM {table} ORDER BY id") for table in TABLES]

    def run(self, translation: translate.Translation) -> None:
        """Send a translated statement, with the functions registered that it says it needs."""
        self.register(translation)
        self.raw.execute(translation.sql)

    def register(self, translation: translate.Translation) -> None:
        """Make the functions known that a translation says it needs, and only these."""
        if self.dialect == "sqlite":
            functions.register(self.raw.connection, translation.functions)


def alike(value: object) -> object:
    """Return a value without what drivers and storage add to it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, (Decimal, float)):
        number = float(f"{value:.12g}")
        return int(number) if number.is_integer() and abs(number) < 1e15 else number
    if isinstance(value, (dt.datetime, dt.date)):
        value = value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.dumps(json.loads(value), sort_keys=True)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+", value):
        return value.rstrip("0").rstrip(".")
    return value


STOPPED: Final = (pymysql.Error, psycopg.Error, sqlite3.Error)
Open = Callable[[databases.Database], Place]


@pytest.fixture
def place(raw) -> Open:
    """Make the two tables in an empty database."""
    return lambda database: Place(raw(database))


def as_query(text: str) -> str:
    """Return a query as it is, and a list of expressions as a query of every row."""
    if re.match(r"(?i)\(?(select|with|values)\b", text):
        return text
    return f"SELECT id, {text} FROM nasty ORDER BY id"


def differences(source: Place, target: Place, texts: Sequence[str]) -> list[str]:
    """Return in words which queries give something else, and no note says so."""
    found: list[str] = []
    for sql in map(as_query, texts):
        expected = source.ask(sql)
        for names in (Known(target.dialect), None):
            problem = difference(sql, expected, source, target, names)
            found += [problem] if problem else []
    return found


def difference(
    sql: str, expected: object, source: Place, target: Place, names: Known | None
) -> str | None:
    """Return in words how a translated query differs; without types it may be refused or noted."""
    try:
        translation = translate.translate(
            sql, read=source.dialect, write=target.dialect, names=names
        )
        target.register(translation)
        given = target.ask(translation.sql)
    except (errors.SqlNotTranslatable, *STOPPED) as error:
        return f"{sql}\n  {target.dialect}: {error}" if names else None
    if expected == given or (translation.notes and not names):
        return None
    return f"{sql}\n  {translation.sql}\n  {expected}\n  {given}\n  {translation.notes}"


# --- MySQL's queries --------------------------------------------------------------------------

MYSQL: Final[dict[str, Sequence[str]]] = {
    "substring_index": (
        "SUBSTRING_INDEX(name, ' ', 1), SUBSTRING_INDEX(name, ' ', -1)",
        "SUBSTRING_INDEX(note, ',', 2), SUBSTRING_INDEX(note, ' ', -2)",
        (
            "SUBSTRING_INDEX(name, ' ', 0), SUBSTRING_INDEX(name, ' ', 9), "
            "SUBSTRING_INDEX(name, ' ', -9)"
        ),
        "SUBSTRING_INDEX(note, 'X', 1), SUBSTRING_INDEX(note, 'x', 1)",
        (
            "SUBSTRING_INDEX('aaaaa', 'aa', 1), SUBSTRING_INDEX('aaaaa', 'aa', 2), "
            "SUBSTRING_INDEX('aaaaa', 'aa', -1), SUBSTRING_INDEX('aaaaa', 'aa', -2)"
        ),
        "SUBSTRING_INDEX(note, '', 1), SUBSTRING_INDEX(note, NULL, 1)",
        "SUBSTRING_INDEX(note, name, n), SUBSTRING_INDEX(note, ' ', n)",
        "SUBSTRING_INDEX(note, 'no such', 1), SUBSTRING_INDEX(note, 'no such', -1)",
        "SUBSTRING_INDEX(n, '1', 1)",
    ),
    "texts": (
        "UPPER(name), LOWER(name), UCASE(city), LCASE(city), UPPER('ß ı ÿ'), LOWER('İ Σ ΑΣ')",
        "CHAR_LENGTH(name), LENGTH(name), CHARACTER_LENGTH(city), OCTET_LENGTH(note)",
        "CONCAT(name, ' ', city), CONCAT('a', n), CONCAT(name), CONCAT(active, 'x')",
        "CONCAT(born, ' ', seen)",
        "CONCAT_WS(',', name, city, note), CONCAT_WS(NULL, name), CONCAT_WS(note, name, city, n)",
        "SUBSTRING(name, 1, 3), SUBSTRING(name, 2), SUBSTR(name FROM 3 FOR 2), MID(name, 2, 2)",
        "SUBSTRING(name, -3), SUBSTRING(name, -3, 2), SUBSTRING(name, 0), SUBSTRING(name, 0, 3)",
        "SUBSTRING(name, n), SUBSTRING(name, n, 2), SUBSTRING(name, 1, n)",
        "SUBSTRING(name, 2, n - 3)",
        "LEFT(name, 2), LEFT(name, 0), LEFT(name, n), LEFT(big, 2)",
        "RIGHT(name, 2), RIGHT(name, 0), RIGHT(name, n), RIGHT(name, 99)",
        "LOCATE(' ', name), LOCATE('a', name), LOCATE('A', name), INSTR(name, 'L')",
        "POSITION('o' IN name), LOCATE(' ', name, 5), LOCATE('a', name, 2), LOCATE('', name)",
        "LOCATE('e', name, n), INSTR(name, city)",
        "REPLACE(name, 'a', '-'), REPLACE(note, 'X', '_'), REPLACE(name, '', 'x')",
        "REPLACE(name, ' ', city), REPLACE(n, '5', 'five')",
        "TRIM(note), LTRIM(note), RTRIM(note), TRIM(LEADING 'a' FROM note)",
        "TRIM(BOTH 'c' FROM note), TRIM('x' FROM note), TRIM(TRAILING 'c' FROM note)",
        "LPAD(name, 5, 'xy'), RPAD(name, 5, 'xy'), LPAD(name, 0, 'x'), RPAD(city, 20, '-')",
        "LPAD(n, 6, '0')",
        "REPEAT(name, 2), REPEAT(name, 0), REPEAT(name, n), CONCAT(SPACE(3), name)",
        "REVERSE(name), REVERSE(n)",
        "FIELD(note, 'x', 'a,b,c'), FIELD(n, 5, 0), ELT(n, 'a', 'b', 'c')",
        "FIND_IN_SET('b', note), FIND_IN_SET('x', note), FIND_IN_SET(name, note)",
        "MD5(name), SHA2(name, 256), SHA2(name, 0), SHA2(name, 512), MD5(n)",
        "HEX(name), HEX(CAST(n AS CHAR))",
        r"""'it''s', 'it\'s', "dq", 'a\\b', 'tab\there', 'x' 'y', 'pct % ? :n', 'z\%', ''""",
    ),
    "patterns": (
        "name LIKE 'a%', name LIKE '%LOVE%', note LIKE 'a\\_b%', name NOT LIKE '%a%'",
        "note LIKE '%\\\\%', note LIKE '%!%%' ESCAPE '!', name LIKE name, city LIKE 'L_n%'",
        "name LIKE '%', name LIKE '', n LIKE '5%', name LIKE '% %'",
        "name REGEXP '^a', note REGEXP 'b$', name NOT REGEXP 'l.v', note RLIKE '[0-9]|x'",
        "name REGEXP '^(ada|cher)', city REGEXP 'ü', note REGEXP '^line$', name REGEXP 'two.lines'",
        "name REGEXP '[a-z]{4,}', note REGEXP '\\\\.', note REGEXP '(?:a|b),'",
        "REGEXP_REPLACE(name, '[aeiou]+', '*'), REGEXP_REPLACE(note, '[^a-z]', '')",
    ),
    "choices": (
        "IF(n > 0, 'pos', 'neg'), IF(active, 'y', 'n'), IF(name IS NULL, 1, 0), IF(n, 1, 2)",
        "IFNULL(name, '-'), NULLIF(n, 5), COALESCE(name, city, '?'), ISNULL(name)",
        "CASE n WHEN 5 THEN 'five' WHEN 0 THEN 'zero' ELSE 'other' END",
        "CASE WHEN n > 2 THEN 1 WHEN n < 0 THEN -1 END, CASE WHEN active THEN n END",
        "GREATEST(n, 2), LEAST(n, 2), GREATEST(n, NULL), GREATEST(amount, 1), LEAST(n, big, 1)",
    ),
    "conditions": (
        "n = 5 AND active, n = 5 OR name = '', NOT active, NOT (n = 5), NOT n = 5, !active",
        "n = 5 XOR active, n = 5 || n = 0, n > 0 && n < 4, n IS NOT NULL, active IS TRUE",
        "active = 1, active = TRUE, active <> 0, active IN (0, 1), active IS NOT FALSE",
        "name IS NULL, name <=> NULL, n <=> 5, n <=> big, n IN (5, NULL), n NOT IN (5, 3)",
        "n BETWEEN 0 AND 3, NOT n BETWEEN 0 AND 3, (n > 2) = (big > 2), (n, big) = (0, 0)",
        "n & 3, 6 | 1, (n & 1) = 1",
        "born = '1970-01-01', born > '2000-01-01', seen = '2021-03-30', seen >= '2020-02-29'",
        "seen < '2020-02-29 00:00:01', born BETWEEN '1970-01-01' AND '2000-02-29', seen > born",
    ),
    "numbers": (
        "n + 1, n - 1, n * 2, -n, n + amount, amount * 2, ratio * 2, (n + 1) * 2, n * n - 1",
        "-(-n), n - -1, n - (big - 1)",
        "n / 2, n / 3, ratio / 3, 7 / 2, n / n, 1 / 0, n / ratio, -7 / 3",
        "n DIV 2, -7 DIV 2, amount DIV 2, n DIV 0, big DIV 2, 7.9 DIV 1.5",
        "n % 3, n MOD 2, MOD(n, 3), amount % 2, -7 % 3, n % 0, big % 10, 5.5 % 2",
        "ROUND(amount), ROUND(amount, 2), ROUND(n / 3, 2), ROUND(n, -1), ROUND(ratio, 1)",
        "ROUND(-2.5), ROUND(0.285, 2), ROUND(1.005, 2), ROUND(NULL)",
        "FLOOR(amount), CEIL(amount), CEILING(ratio), FLOOR(n), FLOOR(-1.5), CEIL(-1.5)",
        "TRUNCATE(amount, 1), TRUNCATE(-1.999, 2), TRUNCATE(big, -2)",
        "ABS(n), ABS(amount), SIGN(n), POW(n, 2), POWER(2, n), SQRT(n)",
        "CAST(n AS CHAR), CAST(amount AS SIGNED), CAST('12' AS SIGNED), CAST(ratio AS SIGNED)",
        "CAST('1.555' AS DECIMAL(10, 2)), CAST(amount AS DECIMAL(10, 1)), CONVERT(n, CHAR)",
        "CAST(n AS DECIMAL(5, 2)), CAST(NULL AS SIGNED), CAST('12' AS UNSIGNED)",
        "1e3, 1.50, .5, 12, -3",
    ),
    "dates": (
        "YEAR(born), MONTH(born), DAY(born), HOUR(seen), MINUTE(seen), SECOND(seen)",
        "QUARTER(born), DAYOFWEEK(born), WEEKDAY(born), DAYOFYEAR(born), WEEKOFYEAR(born)",
        "WEEK(born, 3), EXTRACT(YEAR FROM seen), EXTRACT(HOUR FROM seen), DAYOFMONTH(seen)",
        "DAYNAME(born), MONTHNAME(seen), LAST_DAY(born), LAST_DAY(seen), DATE(seen)",
        "DATE('2020-01-02 03:04:05'), CAST(seen AS DATE), CAST(born AS DATETIME)",
        "DATE '2020-01-31'",
        "DATE_ADD(born, INTERVAL 1 DAY), DATE_ADD(born, INTERVAL 1 MONTH), ADDDATE(born, 3)",
        "DATE_SUB(seen, INTERVAL 1 YEAR), seen + INTERVAL 2 HOUR, born - INTERVAL 1 WEEK",
        "INTERVAL 1 QUARTER + born, DATE_ADD(seen, INTERVAL n DAY), SUBDATE(born, INTERVAL 3 DAY)",
        "TIMESTAMPADD(MINUTE, 5, seen), DATE_ADD(seen, INTERVAL -1 MONTH)",
        "DATE_ADD(born, INTERVAL 1 HOUR), DATE_ADD(born, INTERVAL '2' DAY)",
        "DATEDIFF(seen, born), DATEDIFF('2020-01-02', born), TIMESTAMPDIFF(DAY, born, seen)",
        "TIMESTAMPDIFF(MONTH, born, seen), TIMESTAMPDIFF(YEAR, seen, born)",
        "TIMESTAMPDIFF(HOUR, born, seen), TIMESTAMPDIFF(MONTH, '2020-01-31', '2020-02-29')",
        "TIMESTAMPDIFF(WEEK, born, seen), TIMESTAMPDIFF(QUARTER, born, seen)",
        "TIMESTAMPDIFF(SECOND, seen, '2020-01-01')",
        "TIMESTAMPDIFF(YEAR, '2000-02-29', '2021-02-28')",
        "DATE_FORMAT(seen, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(born, 'plain \"q\" text')",
        "DATE_FORMAT(seen, '%d.%m.%y %e %c %k %l %p %M %b %W %a %j %T %r %f %D %h %I %v %x %%')",
        "STR_TO_DATE('31/1/2020', '%d/%m/%Y'), STR_TO_DATE('20200102', '%Y%m%d')",
        "STR_TO_DATE('2020-01-02 3:04:05', '%Y-%m-%d %H:%i:%s')",
        "STR_TO_DATE('1 Jan 69', '%d %b %y')",
        "UNIX_TIMESTAMP(seen), UNIX_TIMESTAMP('2020-01-01'), FROM_UNIXTIME(86400)",
        "FROM_UNIXTIME(n)",
        "FROM_UNIXTIME(86400, '%Y/%m'), UNIX_TIMESTAMP(born)",
    ),
    "documents": (
        "JSON_OBJECT('a', n, 'b', name), JSON_ARRAY(n, name, NULL)",
        "JSON_UNQUOTE(JSON_EXTRACT('{\"a\": null, \"b\": true}', '$.a'))",
        'JSON_UNQUOTE(JSON_EXTRACT(\'{"a": [1, {"b": "é"}]}\', \'$.a[1].b\'))',
        "JSON_UNQUOTE(JSON_EXTRACT('{\"a\": true}', '$.a'))",
        "JSON_UNQUOTE(JSON_EXTRACT('{\"a\": 7}', '$.b'))",
    ),
    "groups": (
        "SELECT COUNT(*), COUNT(name), COUNT(DISTINCT n), COUNT(DISTINCT n, active) FROM nasty",
        "SELECT SUM(n), SUM(amount), AVG(n), AVG(ratio), MIN(n), MAX(born), SUM(n = 5) FROM nasty",
        "SELECT SUM(n), MAX(n), COUNT(n), GROUP_CONCAT(n) FROM nasty WHERE id > 99",
        (
            "SELECT GROUP_CONCAT(id ORDER BY id), GROUP_CONCAT(name ORDER BY id SEPARATOR "
            "'') FROM nasty"
        ),
        "SELECT GROUP_CONCAT(id ORDER BY n DESC, id SEPARATOR '; ') FROM nasty WHERE n > 0",
        "SELECT GROUP_CONCAT(DISTINCT label ORDER BY label SEPARATOR ' ') FROM other",
        (
            "SELECT active, COUNT(*), GROUP_CONCAT(id ORDER BY id DESC) FROM nasty GROUP BY active "
            "HAVING COUNT(*) > 1 ORDER BY active DESC"
        ),
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY active ORDER BY n, id) FROM nasty ORDER BY id",
        "SELECT id, RANK() OVER (ORDER BY n), COUNT(*) OVER () FROM nasty ORDER BY id",
        "SELECT id, SUM(n) OVER w, LAG(id) OVER w FROM nasty WINDOW w AS (ORDER BY id) ORDER BY id",
        (
            "SELECT id, SUM(n) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
            "FROM nasty "
            "ORDER BY id"
        ),
    ),
    "queries": (
        "SELECT id FROM nasty ORDER BY n, id",
        "SELECT id FROM nasty ORDER BY n DESC, id LIMIT 3 OFFSET 1",
        "SELECT id FROM nasty ORDER BY id LIMIT 2, 3",
        "SELECT id FROM nasty ORDER BY id LIMIT 18446744073709551615 OFFSET 6",
        "SELECT a.id, b.id FROM nasty a JOIN nasty b ON a.n = b.n AND a.id < b.id ORDER BY 1",
        "SELECT a.id, b.id FROM nasty AS a LEFT JOIN nasty AS b ON a.id = b.id + 1 ORDER BY a.id",
        (
            "SELECT a.id, b.id FROM other AS b RIGHT JOIN nasty AS a ON a.id = b.nasty_id "
            "ORDER BY a.id"
        ),
        (
            "SELECT a.id, COUNT(b.id) FROM nasty a LEFT JOIN nasty b USING (n) GROUP BY a.id "
            "ORDER BY a.id"
        ),
        "SELECT COUNT(*) FROM nasty a, nasty b WHERE a.id = b.id",
        "SELECT COUNT(*) FROM nasty a JOIN nasty b",
        (
            "SELECT id FROM nasty WHERE id IN (SELECT nasty_id FROM other WHERE id > 1) AND EXISTS "
            "(SELECT 1 FROM nasty x WHERE x.id = nasty.id) ORDER BY id"
        ),
        "SELECT id, (SELECT MAX(id) FROM nasty x WHERE x.n < nasty.n) FROM nasty ORDER BY id",
        "SELECT * FROM (SELECT id, n * 2 AS m FROM nasty) AS q WHERE q.m > 4 ORDER BY q.id",
        (
            "WITH c AS (SELECT id, n FROM nasty WHERE n IS NOT NULL), d (i) AS (SELECT id FROM c) "
            "SELECT d.i, c.n FROM d JOIN c ON c.id = d.i ORDER BY 1"
        ),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 4) "
            "SELECT i FROM r"
        ),
        "SELECT id FROM nasty WHERE n = 5 UNION SELECT 3 UNION ALL SELECT 99 ORDER BY 1",
        (
            "(SELECT id FROM nasty ORDER BY id LIMIT 1) UNION ALL "
            "(SELECT id FROM nasty ORDER BY id DESC LIMIT 1)"
        ),
        "SELECT 1 FROM DUAL",
        "SELECT DISTINCT n FROM nasty ORDER BY n",
        "SELECT ID, Name FROM nasty WHERE N = 5 ORDER BY Id",
        "SELECT `id` AS `Order Id` FROM `nasty` AS `T t` ORDER BY `Order Id`",
        "SELECT id FROM nasty WHERE (id, n) IN ((1, 5), (2, -7)) OR (id, n) = (6, 2) ORDER BY id",
        "SELECT id FROM nasty WHERE active ORDER BY id",
        "SELECT id FROM nasty WHERE NOT active AND n ORDER BY id FOR UPDATE",
    ),
}


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
@pytest.mark.parametrize("topic", MYSQL)
def test_mysql_queries_give_the_same_elsewhere(database, new_database, place, target, topic):
    source, other = place(database), place(new_database(target))

    different = differences(source, other, MYSQL[topic])

    assert [] == different, "\n".join(different)


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
def test_what_compares_texts_says_that_collations_differ(database, new_database, place, target):
    source, other = place(database), place(new_database(target))
    compared = (
        "SELECT id FROM nasty WHERE name = 'ADA LOVELACE' ORDER BY id",
        "SELECT id FROM nasty ORDER BY name, id",
        "SELECT COUNT(DISTINCT city) FROM nasty",
        "SELECT city, COUNT(*) FROM nasty GROUP BY city",
    )

    for sql in compared:
        translation = translate.translate(
            sql, read="mysql", write=other.dialect, names=Known(other.dialect)
        )

        assert source.ask(sql) != other.ask(translation.sql)
        assert "collations" in " ".join(translation.notes)


# --- queries of the others ----------------------------------------------------------------------

POSTGRES: Final[dict[str, Sequence[str]]] = {
    "texts": (
        "upper(name), lower(name), length(name), octet_length(name), char_length(city)",
        "name || ' ' || city, name || n, concat(name, '-', city), concat_ws(',', name, city)",
        "substring(name, 2, 3), substr(name, 2), substring(name from 3), substring(name for 2)",
        "left(name, 2), right(name, 3), substr(name, strpos(name, ' ') + 1)",
        "left(name, strpos(name, ' ')), strpos(name, 'a'), strpos(name, 'A'), position('' in name)",
        "split_part(note, ',', 1), split_part(note, ',', 2), split_part(note, ' ', -1)",
        "split_part(name, ' ', 3), replace(name, 'a', 'b'), trim(note), btrim(note)",
        "ltrim(note, 'a'), trim(both 'x' from note), rtrim(note, ' ')",
        "lpad(name, 5, '*'), rpad(name, 7), repeat(name, 2), reverse(name), md5(name)",
        r"E'it\'s\n', $$do'llar$$, 'back\slash', n::text, born::text",
    ),
    "values": (
        "n / 2, n % 2, -n, n * 1.5, mod(n, 3), 7 / 2, -7 / 2",
        "greatest(n, 2), least(n, 2), greatest(n, null), coalesce(name, city, '-'), nullif(n, 5)",
        "round(amount), round(amount, 1), trunc(amount, 1), floor(amount), ceil(amount), abs(n)",
        "sign(n), power(n, 2), amount::int, '12'::int, cast(n as numeric(6, 2)), seen::date",
        "case when n > 2 then 'a' else 'b' end, case n when 5 then 'five' end, '2020-01-31'::date",
    ),
    "conditions": (
        "n = 5, n is distinct from 5, n is not distinct from null, active, not active",
        "active is true, active = true, n in (5, 3), n between 0 and 4, n is not null",
        "name like 'A%', name like 'a%', name like '%\\%%', note like 'a\\_b%'",
        "note not like '%x%'",
        "name ilike 'a%', name like '%d_ %', note like '%*%', note like '[a]%'",
        "name ~ '^A', name ~* '^a', name !~ 'x', note ~ 'b.c', name ~ 'e$', name ~ 'two.lines'",
        "note ~ 'line$', born = '1970-01-01', seen >= '2020-02-29', seen = '2021-03-30'",
    ),
    "dates": (
        "extract(year from born), extract(month from seen), extract(hour from seen)",
        "date_part('year', seen), extract(doy from born), extract(week from born)",
        "born + interval '1 day', seen - interval '2 months', seen + interval '1 hour'",
        "born + interval '1 year', date_trunc('month', seen), date_trunc('hour', seen)",
        "to_char(seen, 'YYYY-MM-DD HH24:MI:SS'), to_char(born, 'DD.MM.YY')",
    ),
    "queries": (
        "select count(*), count(distinct n), sum(n), avg(ratio), min(n), max(born) from nasty",
        "select string_agg(label, ',' order by id), string_agg(label, '') from other where id < 2",
        "select active, sum(n) from nasty group by active order by active desc nulls last",
        "select id from nasty order by n, id",
        "select id from nasty order by n desc, id limit 3",
        "select id from nasty order by n nulls first, id offset 2",
        "select id from nasty order by id fetch first 2 rows only",
        "select id from nasty order by id limit all offset 5",
        "select a.id, b.id from nasty a join nasty b on a.n = b.n and a.id < b.id",
        (
            "select id, row_number() over (partition by active order by id), lag(n) over "
            "(order by id) "
            "from nasty order by id"
        ),
        "with c as (select id, n from nasty where n is not null) select c.id from c order by c.id",
        'select ID, "name" from NASTY where N = 5 order by Id',
        "select id from nasty where (id, n) in ((1, 5), (2, -7)) order by id",
    ),
}
SQLITE: Final[dict[str, Sequence[str]]] = {
    "texts": (
        "lower(note), length(name), name || ' ' || city, name || n, hex(name)",
        "replace(name, 'a', 'b')",
        "substr(name, 1, 3), substr(name, 2), substr(name, instr(name, ' ') + 1)",
        "substr(name, 1, instr(name, ' ') - 1), substring(name, 2, 2)",
        "instr(name, 'a'), instr(name, 'A'), instr(name, ' '), trim(note), ltrim(note, 'a')",
        "name like 'A%', name like '%a%', note like 'a_b%', note like '%\\%' , note not like '%x%'",
        "note like 'a!_b%' escape '!'",
    ),
    "values": (
        "round(amount), round(amount, 1), abs(n), n / 2, n % 3, -7 % 3, n * 1.5, amount / 2, 7 / 2",
        "n / 0, n % 0, ifnull(name, '-'), coalesce(name, city), nullif(n, 5), iif(n > 2, 'a', 'b')",
        "max(n, 2), min(n, 2), max(n, null), cast(n as text), cast(amount as integer)",
        "cast('12' as integer), cast(n as real), case when n > 2 then 1 else 0 end",
        "name is null, n is 5, n is not 5, n == 5, name isnull, name notnull, n in (5, 3), not n",
        "n and active, active = 1, active is true, n between 1 and 3",
        "date(seen), date(born), datetime(seen), strftime('%Y-%m', born)",
    ),
    "queries": (
        "select count(*), total(n), sum(n), avg(ratio), min(n), max(born) from nasty",
        "select id from nasty order by n desc, id limit 3",
        "select id from nasty order by n, id limit -1 offset 2",
        "select id from nasty order by id limit 1, 2",
        (
            "with recursive c(i) as (select 1 union all select i + 1 from c where i < 3) "
            "select i from c"
        ),
        'select "id", [name], `n` from "nasty" order by "id"',
        "select id from nasty where (id, n) in (values (1, 5), (2, -7)) order by id",
    ),
}


@engines.only("postgresql")
@pytest.mark.parametrize("target", ["mariadb", "sqlite"])
@pytest.mark.parametrize("topic", POSTGRES)
def test_postgresql_queries_give_the_same_elsewhere(database, new_database, place, target, topic):
    source, other = place(database), place(new_database(target))

    different = differences(source, other, POSTGRES[topic])

    assert [] == different, "\n".join(different)


@engines.only("sqlite")
@pytest.mark.parametrize("target", ["mariadb", "postgresql"])
@pytest.mark.parametrize("topic", SQLITE)
def test_sqlite_queries_give_the_same_elsewhere(database, new_database, place, target, topic):
    source, other = place(database), place(new_database(target))

    different = differences(source, other, SQLITE[topic])

    assert [] == different, "\n".join(different)


# --- changes ----------------------------------------------------------------------------------

CHANGES: Final[dict[str, Sequence[str]]] = {
    "mariadb": (
        (
            "UPDATE nasty SET name = CONCAT(UPPER(LEFT(name, 1)), SUBSTRING(name, 2)), n = n + 1 "
            "WHERE name IS NOT NULL"
        ),
        "UPDATE nasty SET active = 1 WHERE n > 2",
        "UPDATE nasty SET active = IF(n > 2, 1, 0) WHERE n IS NOT NULL",
        "UPDATE nasty SET active = n > 0 WHERE n IS NOT NULL",
        (
            "UPDATE nasty a JOIN nasty b ON a.id = b.id + 1 SET a.name = CONCAT(b.name, '/', "
            "a.city), "
            "a.n = 99 WHERE b.n IS NOT NULL"
        ),
        (
            "UPDATE nasty a LEFT JOIN nasty b ON a.id = b.id - 100 SET a.name = 'lonely' "
            "WHERE b.id IS NULL AND a.n > 2"
        ),
        "UPDATE nasty, other SET city = label WHERE nasty.id = other.nasty_id",
        "UPDATE nasty SET n = 0 ORDER BY id DESC LIMIT 2",
        "UPDATE nasty AS x SET x.n = 7 WHERE x.id = (SELECT MIN(nasty_id) FROM other)",
        "UPDATE nasty SET born = DATE_ADD(born, INTERVAL 1 DAY), seen = '2020-01-01 00:00:00'",
        "DELETE FROM nasty WHERE name LIKE '%a%' OR n IS NULL",
        "DELETE FROM nasty ORDER BY id LIMIT 3",
        "DELETE a FROM nasty a JOIN other o ON o.nasty_id = a.id WHERE o.label <> 'zwei'",
        "DELETE FROM a USING nasty AS a JOIN other AS o ON o.nasty_id = a.id",
        (
            "DELETE nasty FROM nasty LEFT JOIN other ON other.nasty_id = nasty.id "
            "WHERE other.id IS NULL"
        ),
        (
            r"INSERT INTO other (id, nasty_id, label) VALUES (10, 1, 'a''b\\c'), (11, NULL, "
            r"UPPER('x'))"
        ),
        (
            "INSERT INTO other (id, nasty_id, label) SELECT id + 100, id, LOWER(name) FROM nasty "
            "WHERE n > 0 ORDER BY id LIMIT 2 OFFSET 1"
        ),
        "INSERT INTO other SET id = 20, label = 'set'",
        "INSERT INTO other (id, label) WITH c AS (SELECT 30 AS i) SELECT i, 'cte' FROM c",
        "INSERT INTO nasty (id, active) VALUES (50, 1), (51, FALSE), (52, NULL)",
        "INSERT INTO other (id, nasty_id) SELECT id + 500, n FROM nasty UNION ALL SELECT 600, 1",
        "TRUNCATE TABLE other",
    ),
    "postgresql": (
        "update nasty set name = upper(name) || '!', n = n + 1 where n > 2",
        "update nasty as x set n = 7 where x.id in (select nasty_id from other)",
        "update nasty set city = o.label from other o where o.nasty_id = nasty.id",
        "update nasty set (n, city) = (1, 'x') where id = 1",
        "delete from nasty using other o where o.nasty_id = nasty.id and o.label = 'eins'",
        "delete from nasty as x where x.n = 5",
        r"insert into other (id, nasty_id, label) values (10, 1, 'a\b'), (11, null, 'it''s')",
        "insert into nasty (id, active, born) values (60, true, '2020-01-01'), (61, false, null)",
        "with c as (select 80 as i) insert into other (id) select i from c",
        "truncate other",
    ),
    "sqlite": (
        "update nasty set name = name || '!', n = n + 1 where n > 2",
        "update nasty set city = o.label from other o where o.nasty_id = nasty.id",
        "delete from nasty where n = 5 or name is null",
        "insert into other (id, nasty_id, label) values (10, 1, 'a\\b'), (11, null, 'it''s')",
        "insert into nasty (id, active) values (60, 1), (61, 0), (62, null)",
    ),
}
# What not every engine can say: it is refused where it cannot, and the same where it can.
SOME_CHANGES: Final[dict[str, Sequence[str]]] = {
    "mariadb": (
        "REPLACE INTO other (id, nasty_id, label) VALUES (1, 2, 'replaced')",
        (
            "INSERT INTO other (id, nasty_id, label) VALUES (1, 5, 'dup'), (60, 6, 'new') "
            "ON DUPLICATE KEY UPDATE label = CONCAT(label, VALUES(label)), "
            "nasty_id = VALUES(nasty_id)"
        ),
        (
            "INSERT INTO other (id, nasty_id, label) SELECT id, id, 'dup' FROM nasty "
            "ON DUPLICATE KEY UPDATE label = 'was'"
        ),
        "UPDATE nasty SET n = NULL, note = DEFAULT WHERE id = 1",
    ),
    "postgresql": (
        (
            "insert into other (id, label) values (1, 'neu') on conflict (id) do update "
            "set label = excluded.label || other.label"
        ),
        "insert into other (id, label) values (1, 'neu'), (99, 'x') on conflict do nothing",
        "insert into other (id, label) select id, name from nasty on conflict (id) do nothing",
        "insert into other (id, label) values (70, 'r') returning id, label",
        "with c as (select 1 as i) update nasty set n = 1 where id in (select i from c)",
    ),
    "sqlite": (
        "insert or replace into other (id, label) values (1, 'neu')",
        (
            "insert into other (id, label) values (1, 'neu') on conflict (id) do update "
            "set label = excluded.label"
        ),
    ),
}


def changed(source: Place, target: Place, sql: str, *, refusable: bool) -> str | None:
    """Return in words how a translated change leaves other rows than the original."""
    for one in (source, target):
        one.fill()
    source.raw.execute(sql)
    try:
        translation = translate.translate(
            sql, read=source.dialect, write=target.dialect, names=Known(target.dialect)
        )
    except errors.SqlNotTranslatable as error:
        return None if refusable else f"{sql}\n  {error}"
    target.register(translation)
    target.raw.execute(translation.sql)
    expected, given = source.state(), target.state()
    return None if expected == given else f"{sql}\n  {translation.sql}\n  {expected}\n  {given}"


@engines.only("mariadb", "postgresql", "sqlite")
@pytest.mark.parametrize("target", ["mariadb", "postgresql", "sqlite"])
def test_changes_leave_the_same_rows_everywhere(database, new_database, place, target):
    source = place(database)
    other = place(new_database(target))

    found = [
        *(changed(source, other, sql, refusable=False) for sql in CHANGES[database.engine_id]),
        *(changed(source, other, sql, refusable=True) for sql in SOME_CHANGES[database.engine_id]),
    ]

    different = [problem for problem in found if problem]
    assert [] == different, "\n".join(different)


@engines.only("mariadb", "mysql")
@pytest.mark.parametrize("target", ["postgresql", "sqlite"])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE nasty SET n = n / 0",
        "UPDATE nasty SET n = 5 DIV (n - n)",
        "UPDATE nasty SET n = n % 0",
        "UPDATE nasty SET n = CAST(name AS SIGNED) WHERE id = 1",
        "UPDATE nasty SET born = STR_TO_DATE(note, '%d/%m/%Y') WHERE id = 1",
        "UPDATE nasty SET big = CAST(note AS DECIMAL(10, 2)) WHERE id = 1",
    ],
)
def test_a_change_that_mysql_stops_is_stopped_everywhere(
    database, new_database, place, target, sql
):
    source, other = place(database), place(new_database(target))
    source.raw.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO'")
    translation = translate.translate(
        sql, read="mysql", write=other.dialect, names=Known(other.dialect)
    )
    other.register(translation)

    for one, text in ((source, sql), (other, translation.sql)):
        with pytest.raises(STOPPED):
            one.raw.execute(text)

    assert source.state() == other.state()


@engines.only("mariadb", "postgresql", "sqlite")
@pytest.mark.parametrize("read", ["mysql", "postgres", "sqlite"])
def test_parameters_reach_their_places(database, place, read):
    target = place(database)
    sql = {
        "mysql": "SELECT id, CONCAT(?, name), LOCATE(?, name) FROM nasty WHERE n > ? AND name "
        "LIKE '%a%' ORDER BY id",
        "postgres": "SELECT id, CAST(? AS text) || name, POSITION(CAST(? AS text) IN name) "
        "FROM nasty WHERE n > ? AND name ILIKE '%a%' ORDER BY id",
        "sqlite": "SELECT id, ? || name, INSTR(name, :2) FROM nasty WHERE n > :3 AND name LIKE "
        "'%a%' ORDER BY id".replace("?", ":1"),
    }[read]
    paramstyle = {"mysql": "format", "postgres": "pyformat", "sqlite": "qmark"}[target.dialect]
    translation = translate.translate(
        sql, read=read, write=target.dialect, names=Known(target.dialect)
    )
    target.register(translation)

    text, params = sqltext.bind(translation.sql, ["%-?", "c", 4], target.dialect, paramstyle)

    found = target.raw.execute(text, params)
    assert [(1, "%-?Ada Lovelace", 11), (7, "%-?ada lovelace", 11)] == found
