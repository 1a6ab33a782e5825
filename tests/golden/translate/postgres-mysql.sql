-- UPDATE "user" SET full_name = initcap(full_name)
-- refused: INITCAP() has no translation from postgres to mysql: no rule says what it means on the other engine

-- SELECT first_name || ' ' || COALESCE(email, ''), split_part(email, '@', 2) FROM "user"
SELECT CONCAT(`first_name`, ' ', COALESCE(`email`, '')), CASE WHEN CHAR_LENGTH(SUBSTRING_INDEX(`email`, '@', 1)) = CHAR_LENGTH(`email`) THEN '' ELSE SUBSTRING_INDEX(SUBSTRING_INDEX(`email`, '@', 2), '@', -1) END FROM `user`;

-- SELECT id::text, seen::date, age / 2 FROM "user" WHERE email ILIKE '%@x.org' AND active
-- note: MySQL's usual collations ignore case, accents and blanks at the end when texts are compared and sorted
SELECT CAST(`id` AS CHAR), CAST(`seen` AS DATE), `age` DIV 2 FROM `user` WHERE `email` LIKE '%@x.org' AND `active`;

-- SELECT id FROM "user" WHERE email LIKE 'A%' OR email ~ '^[a-z]' ORDER BY age DESC
SELECT `id` FROM `user` WHERE `email` LIKE 'A%' COLLATE utf8mb4_bin OR `email` REGEXP '^[a-z]' COLLATE utf8mb4_bin ORDER BY `age` IS NOT NULL, `age` DESC;

-- UPDATE "user" u SET age = o.id FROM "Order Details" o WHERE o.user_id = u.id
UPDATE `user` AS `u` CROSS JOIN `Order Details` AS `o` SET `u`.`age` = `o`.`id` WHERE `o`.`user_id` = `u`.`id`;

-- DELETE FROM "user" USING "Order Details" o WHERE o.user_id = "user".id
DELETE `user` FROM `user` CROSS JOIN `Order Details` AS `o` WHERE `o`.`user_id` = `user`.`id`;

-- INSERT INTO "user" (id, email) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email
-- refused: ON CONFLICT has no translation from postgres to mysql: MySQL looks at every key of the table; UPDATE first, then INSERT the rest

-- SELECT now(), born + interval '1 month', extract(year from born) FROM "user"
-- note: times without a zone are those of the database session's time zone
SELECT NOW(), DATE_ADD(CAST(`born` AS DATETIME(6)), INTERVAL 1 MONTH), YEAR(`born`) FROM `user`;

-- SELECT string_agg(email, ',' ORDER BY id) FROM "user"
SELECT GROUP_CONCAT(`email` ORDER BY `id` SEPARATOR ',') FROM `user`;

-- SELECT DISTINCT ON (age) id FROM "user"
-- refused: DISTINCT ON has no translation from postgres to mysql: write ROW_NUMBER() OVER (…) in a subquery
