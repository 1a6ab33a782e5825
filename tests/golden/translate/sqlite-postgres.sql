-- UPDATE user SET first_name = substr(full_name, 1, instr(full_name, ' ') - 1)
UPDATE "user" SET "first_name" = SUBSTR("full_name", 1, CASE WHEN (STRPOS("full_name", ' ') - 1) < 0 THEN 0 ELSE (STRPOS("full_name", ' ') - 1) END);

-- SELECT full_name || ' <' || email || '>', ifnull(age, 0) FROM [user] WHERE age IS NOT 3
SELECT "full_name" || ' <' || "email" || '>', COALESCE("age", 0) FROM "user" WHERE "age" IS DISTINCT FROM 3;

-- SELECT max(age, 18), date('now'), strftime('%Y', born), age % 2 FROM user
SELECT CASE WHEN "age" IS NULL OR 18 IS NULL THEN NULL ELSE GREATEST("age", 18) END, CAST(STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC' AS DATE), TO_CHAR(CAST("born" AS TIMESTAMP), 'YYYY'), "age" % NULLIF(2, 0) FROM "user";

-- INSERT OR REPLACE INTO user (id) VALUES (1)
-- refused: REPLACE INTO has no translation from sqlite to postgres: delete the rows first, then insert them, in two statements

-- SELECT id FROM user WHERE email LIKE 'A%' ORDER BY age LIMIT -1 OFFSET 3
SELECT "id" FROM "user" WHERE "email" COLLATE "C" ILIKE 'A%' ORDER BY "age" NULLS FIRST OFFSET 3;

-- SELECT typeof(age) FROM user
-- refused: TYPEOF() has no translation from sqlite to postgres: no rule says what it means on the other engine
