-- UPDATE user SET first_name = SUBSTRING_INDEX(full_name, ' ', 1) WHERE full_name <> ''
-- note: texts are compared and sorted exactly here; MySQL's usual collations ignore case, accents and blanks at the end
UPDATE "user" SET "first_name" = SPLIT_PART("full_name", ' ', 1) WHERE "full_name" <> '';

-- UPDATE user SET full_name = CONCAT(first_name, ' ', ?)
UPDATE "user" SET "full_name" = "first_name" || ' ' || CAST(:1 AS TEXT);

-- SELECT COUNT(*) FROM large_table
SELECT COUNT(*) FROM "large_table";

-- INSERT INTO `order details` (ID, PRICE) SELECT id, UPPER(email) AS transformed FROM User ORDER BY id LIMIT 5000 OFFSET 10000
INSERT INTO "Order Details" ("id", "Price") SELECT "id", UPPER("email") AS "transformed" FROM "user" ORDER BY "id" LIMIT 5000 OFFSET 10000;

-- SELECT SUBSTRING_INDEX(email, '@', -1), SUBSTRING_INDEX(email, '.', 2), SUBSTRING_INDEX(email, '.', -2), SUBSTRING_INDEX(email, '.', age) FROM user
SELECT SPLIT_PART("email", '@', -1), ARRAY_TO_STRING((STRING_TO_ARRAY("email", '.'))[1:2], '.'), ARRAY_TO_STRING((STRING_TO_ARRAY("email", '.'))[CARDINALITY(STRING_TO_ARRAY("email", '.')) - 1:], '.'), CASE WHEN "email" IS NULL OR '.' IS NULL OR "age" IS NULL THEN NULL WHEN '.' = '' THEN '' WHEN "age" > 0 THEN ARRAY_TO_STRING((STRING_TO_ARRAY("email", '.'))[1:"age"], '.') WHEN "age" < 0 THEN ARRAY_TO_STRING((STRING_TO_ARRAY("email", '.'))[CARDINALITY(STRING_TO_ARRAY("email", '.')) + "age" + 1:], '.') ELSE '' END FROM "user";

-- SELECT UNIX_TIMESTAMP(), UNIX_TIMESTAMP(seen), FROM_UNIXTIME(age), NOW() FROM user
-- note: times without a zone are those of the database session's time zone
SELECT CAST(FLOOR(EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP())) AS BIGINT), CASE WHEN EXTRACT(EPOCH FROM CAST(CAST("seen" AS TIMESTAMP) AS TIMESTAMPTZ)) >= 0 THEN EXTRACT(EPOCH FROM CAST(CAST("seen" AS TIMESTAMP) AS TIMESTAMPTZ)) END, CASE WHEN "age" >= 0 THEN CAST(TO_TIMESTAMP("age") AS TIMESTAMP) END, DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP)) FROM "user";

-- SELECT DATE_FORMAT(seen, '%d.%m.%Y at %H:%i'), STR_TO_DATE(email, '%d/%m/%Y') FROM user
SELECT TO_CHAR(CAST("seen" AS TIMESTAMP), 'DD.MM.YYYY" at "HH24:MI'), CASE WHEN "email" ~ '^\s*\d{1,2}/\d{1,2}/\d{4}$' THEN CAST(TO_TIMESTAMP("email", 'DD/MM/YYYY') AS DATE) WHEN "email" IS NOT NULL THEN CAST('no date of the format: ' || "email" AS DATE) END FROM "user";

-- SELECT IF(age > 17, 'adult', 'child'), IFNULL(email, ''), age / 2, age DIV 2 FROM user
SELECT CASE WHEN "age" > 17 THEN 'adult' ELSE 'child' END, COALESCE("email", ''), ROUND("age" * 1.0 / 2, 4), CAST(DIV(CAST("age" AS NUMERIC), 2) AS BIGINT) FROM "user";

-- SELECT GROUP_CONCAT(email ORDER BY age DESC SEPARATOR '; ') FROM user GROUP BY active
SELECT STRING_AGG("email", '; ' ORDER BY "age" DESC NULLS LAST) FROM "user" GROUP BY "active";

-- SELECT id FROM user WHERE email LIKE '%@Example.com' OR full_name REGEXP '^[A-Z]' OR active = 1 OR age <=> NULL
-- note: texts are compared and sorted exactly here; MySQL's usual collations ignore case, accents and blanks at the end
SELECT "id" FROM "user" WHERE "email" ILIKE '%@Example.com' OR "full_name" ~* '^[A-Z]' OR "active" = TRUE OR "age" IS NOT DISTINCT FROM NULL;

-- SELECT DATE_ADD(born, INTERVAL 18 YEAR), seen - INTERVAL 1 HOUR, DATEDIFF(seen, born), TIMESTAMPDIFF(YEAR, born, NOW()) FROM user
-- note: times without a zone are those of the database session's time zone
SELECT CAST(CAST("born" AS TIMESTAMP) + 18 * INTERVAL '1 year' AS DATE), CAST("seen" AS TIMESTAMP) - 1 * INTERVAL '1 hour', CAST("seen" AS DATE) - CAST("born" AS DATE), CAST(TRUNC(((EXTRACT(YEAR FROM CAST(DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP)) AS TIMESTAMP)) * 12 + EXTRACT(MONTH FROM CAST(DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP)) AS TIMESTAMP))) - (EXTRACT(YEAR FROM CAST("born" AS TIMESTAMP)) * 12 + EXTRACT(MONTH FROM CAST("born" AS TIMESTAMP))) - CASE WHEN CAST(DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP)) AS TIMESTAMP) >= CAST("born" AS TIMESTAMP) AND TO_CHAR(CAST(DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP)) AS TIMESTAMP), 'DDHH24MISSUS') < TO_CHAR(CAST("born" AS TIMESTAMP), 'DDHH24MISSUS') THEN 1 WHEN CAST(DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP)) AS TIMESTAMP) < CAST("born" AS TIMESTAMP) AND TO_CHAR(CAST(DATE_TRUNC('second', CAST(STATEMENT_TIMESTAMP() AS TIMESTAMP)) AS TIMESTAMP), 'DDHH24MISSUS') > TO_CHAR(CAST("born" AS TIMESTAMP), 'DDHH24MISSUS') THEN -1 ELSE 0 END) / 12.0) AS BIGINT) FROM "user";

-- UPDATE user u JOIN `Order Details` o ON o.user_id = u.id SET u.balance = o.price
-- note: where a row is joined to several, one of them gives the new values, as in MySQL
UPDATE "user" AS "whimbrel_target" SET "balance" = "whimbrel_new"."whimbrel_value_0" FROM (SELECT "u".tableoid AS "whimbrel_row_0", "u".ctid AS "whimbrel_row_1", "o"."Price" AS "whimbrel_value_0" FROM "user" AS "u" INNER JOIN "Order Details" AS "o" ON "o"."user_id" = "u"."id") AS "whimbrel_new" WHERE "whimbrel_target".tableoid = "whimbrel_new"."whimbrel_row_0" AND "whimbrel_target".ctid = "whimbrel_new"."whimbrel_row_1";

-- DELETE u FROM user u LEFT JOIN `Order Details` o ON o.user_id = u.id WHERE o.id IS NULL
DELETE FROM "user" WHERE (tableoid, ctid) IN (SELECT "u".tableoid, "u".ctid FROM "user" AS "u" LEFT JOIN "Order Details" AS "o" ON "o"."user_id" = "u"."id" WHERE "o"."id" IS NULL);

-- DELETE FROM user WHERE active = 0 ORDER BY seen LIMIT 100
DELETE FROM "user" WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM "user" WHERE "active" = FALSE ORDER BY "seen" NULLS FIRST LIMIT 100);

-- INSERT INTO user (id, active, email) VALUES (1, 1, 'it''s'), (2, 0, "back\\slash")
INSERT INTO "user" ("id", "active", "email") VALUES (1, TRUE, 'it''s'), (2, FALSE, 'back\slash');

-- REPLACE INTO user (id) VALUES (1)
-- refused: REPLACE INTO has no translation from mysql to postgres: delete the rows first, then insert them, in two statements

-- INSERT INTO user (id, age) VALUES (1, 2) ON DUPLICATE KEY UPDATE age = age + VALUES(age)
-- refused: ON DUPLICATE KEY UPDATE has no translation from mysql to postgres: PostgreSQL has to be told the key:  INSERT … ON CONFLICT (key) DO UPDATE SET …

-- INSERT IGNORE INTO user (id) VALUES (1)
-- refused: INSERT IGNORE has no translation from mysql to postgres: rows that do not fit would be lost unseen; leave them out by WHERE NOT EXISTS (…)

-- UPDATE user SET age = age + 1, balance = age
-- refused: SET that uses age, which it changes as well has no translation from mysql to postgres: MySQL sees the new value there, others the old one; write two statements

-- CREATE UNIQUE INDEX by_email ON user (email, seen DESC)
-- note: texts are compared and sorted exactly here; MySQL's usual collations ignore case, accents and blanks at the end
CREATE UNIQUE INDEX "by_email" ON "user" ("email", "seen" DESC);

-- CREATE VIEW adults AS SELECT id, balance FROM user WHERE age > 17
CREATE VIEW "adults" AS SELECT "id", "balance" FROM "user" WHERE "age" > 17;

-- ALTER TABLE user RENAME COLUMN Email TO mail
ALTER TABLE "user" RENAME COLUMN "email" TO "mail";

-- RENAME TABLE user TO person
ALTER TABLE "user" RENAME TO "person";

-- DROP TABLE IF EXISTS `Order Details`
DROP TABLE IF EXISTS "Order Details";

-- TRUNCATE user
TRUNCATE TABLE "user" RESTART IDENTITY;
