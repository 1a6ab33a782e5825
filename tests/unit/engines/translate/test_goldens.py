"""What translated statements look like; `make golden` rewrites tests/golden/translate.

That they mean the same is shown on real engines, in tests/contract/test_translation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

from whimbrel import errors
from whimbrel.engines import translate

TYPES: Final = {
    "user": {
        "id": "integer",
        "full_name": "varchar(200)",
        "first_name": "varchar(100)",
        "email": "text",
        "age": "integer",
        "active": "boolean",
        "balance": "numeric(12, 2)",
        "born": "date",
        "seen": "timestamp",
    },
    "Order Details": {"id": "integer", "user_id": "integer", "Price": "numeric(12, 2)"},
}


class Names:
    """Two tables, one of which has to be spelled with care."""

    def table(self, name: str) -> str | None:
        return next((known for known in TYPES if known.lower() == name.lower()), None)

    def column(self, table: str, name: str) -> str | None:
        return next((c for c in TYPES[table] if c.lower() == name.lower()), None)

    def type(self, table: str, column: str) -> str | None:
        return TYPES[table][column]

    def nullable(self, table: str, column: str) -> bool:
        return column != "id"


STATEMENTS: Final[dict[str, Sequence[str]]] = {
    "mysql": (
        "UPDATE user SET first_name = SUBSTRING_INDEX(full_name, ' ', 1) WHERE full_name <> ''",
        "UPDATE user SET full_name = CONCAT(first_name, ' ', ?)",
        "SELECT COUNT(*) FROM large_table",
        ("INSERT INTO `order details` (ID, PRICE) SELECT id, UPPER(email) AS transformed FROM User "
        "ORDER BY id LIMIT 5000 OFFSET 10000"),
        ("SELECT SUBSTRING_INDEX(email, '@', -1), SUBSTRING_INDEX(email, '.', 2), "
        "SUBSTRING_INDEX(email, '.', -2), SUBSTRING_INDEX(email, '.', age) FROM user"),
        "SELECT UNIX_TIMESTAMP(), UNIX_TIMESTAMP(seen), FROM_UNIXTIME(age), NOW() FROM user",
        "SELECT DATE_FORMAT(seen, '%d.%m.%Y at %H:%i'), STR_TO_DATE(email, '%d/%m/%Y') FROM user",
        "SELECT IF(age > 17, 'adult', 'child'), IFNULL(email, ''), age / 2, age DIV 2 FROM user",
        "SELECT GROUP_CONCAT(email ORDER BY age DESC SEPARATOR '; ') FROM user GROUP BY active",
        ("SELECT id FROM user WHERE email LIKE '%@Example.com' OR full_name REGEXP '^[A-Z]' OR "
        "active = 1 OR age <=> NULL"),
        ("SELECT DATE_ADD(born, INTERVAL 18 YEAR), seen - INTERVAL 1 HOUR, DATEDIFF(seen, born), "
        "TIMESTAMPDIFF(YEAR, born, NOW()) FROM user"),
        "UPDATE user u JOIN `Order Details` o ON o.user_id = u.id SET u.balance = o.price",
        "DELETE u FROM user u LEFT JOIN `Order Details` o ON o.user_id = u.id WHERE o.id IS NULL",
        "DELETE FROM user WHERE active = 0 ORDER BY seen LIMIT 100",
        "INSERT INTO user (id, active, email) VALUES (1, 1, 'it''s'), (2, 0, \"back\\\\slash\")",
        "REPLACE INTO user (id) VALUES (1)",
        "INSERT INTO user (id, age) VALUES (1, 2) ON DUPLICATE KEY UPDATE age = age + VALUES(age)",
        "INSERT IGNORE INTO user (id) VALUES (1)",
        "UPDATE user SET age = age + 1, balance = age",
        "CREATE UNIQUE INDEX by_email ON user (email, seen DESC)",
        "CREATE VIEW adults AS SELECT id, balance FROM user WHERE age > 17",
        "ALTER TABLE user RENAME COLUMN Email TO mail",
        "RENAME TABLE user TO person",
        "DROP TABLE IF EXISTS `Order Details`",
        "TRUNCATE user",
    ),
    "postgres": (
        "UPDATE \"user\" SET full_name = initcap(full_name)",
        "SELECT first_name || ' ' || COALESCE(email, ''), split_part(email, '@', 2) FROM \"user\"",
        "SELECT id::text, seen::date, age / 2 FROM \"user\" WHERE email ILIKE '%@x.org' AND active",
        "SELECT id FROM \"user\" WHERE email LIKE 'A%' OR email ~ '^[a-z]' ORDER BY age DESC",
        "UPDATE \"user\" u SET age = o.id FROM \"Order Details\" o WHERE o.user_id = u.id",
        "DELETE FROM \"user\" USING \"Order Details\" o WHERE o.user_id = \"user\".id",
        ("INSERT INTO \"user\" (id, email) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET "
        "email = EXCLUDED.email"),
        "SELECT now(), born + interval '1 month', extract(year from born) FROM \"user\"",
        "SELECT string_agg(email, ',' ORDER BY id) FROM \"user\"",
        "SELECT DISTINCT ON (age) id FROM \"user\"",
    ),
    "sqlite": (
        "UPDATE user SET first_name = substr(full_name, 1, instr(full_name, ' ') - 1)",
        "SELECT full_name || ' <' || email || '>', ifnull(age, 0) FROM [user] WHERE age IS NOT 3",
        "SELECT max(age, 18), date('now'), strftime('%Y', born), age % 2 FROM user",
        "INSERT OR REPLACE INTO user (id) VALUES (1)",
        "SELECT id FROM user WHERE email LIKE 'A%' ORDER BY age LIMIT -1 OFFSET 3",
        "SELECT typeof(age) FROM user",
    ),
}  # fmt: skip


@pytest.mark.parametrize("write", ["mysql", "postgres", "sqlite"])
@pytest.mark.parametrize("read", ["mysql", "postgres", "sqlite"])
def test_translations_look_as_they_were_reviewed(golden, read, write):
    if read == write:
        return

    written = [f"{_shown(sql, read, write)}\n" for sql in STATEMENTS[read]]

    golden(f"translate/{read}-{write}.sql", "\n".join(written))


def _shown(sql: str, read: str, write: str) -> str:
    try:
        found = translate.translate(sql, read=read, write=write, names=Names())
    except errors.SqlNotTranslatable as error:
        return f"-- {sql}\n-- refused: {error.what}: {error.cause}"
    lines = [f"-- {sql}", *(f"-- note: {note}" for note in found.notes)]
    if found.functions:
        lines.append(f"-- functions: {', '.join(sorted(found.functions))}")
    return "\n".join([*lines, f"{found.sql};"])


@pytest.mark.parametrize(("read", "write"), [("mysql", "mariadb"), ("postgres", "postgresql")])
def test_within_a_family_the_text_is_not_touched(read, write):
    sql = "SELECT  whatever( /* this */ is"

    found = translate.translate(sql, read=read, write=write)

    assert (sql, frozenset(), ()) == (found.sql, found.functions, found.notes)
