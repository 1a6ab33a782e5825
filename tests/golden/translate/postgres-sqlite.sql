-- UPDATE "user" SET full_name = initcap(full_name)
-- refused: INITCAP() has no translation from postgres to sqlite: no rule says what it means on the other engine

-- SELECT first_name || ' ' || COALESCE(email, ''), split_part(email, '@', 2) FROM "user"
-- functions: whimbrel_split_part
SELECT `first_name` || ' ' || COALESCE(`email`, ''), whimbrel_split_part(`email`, '@', 2) FROM `user`;

-- SELECT id::text, seen::date, age / 2 FROM "user" WHERE email ILIKE '%@x.org' AND active
-- functions: whimbrel_date
SELECT CAST(`id` AS TEXT), whimbrel_date(`seen`), `age` / 2 FROM `user` WHERE `email` LIKE '%@x.org' AND `active`;

-- SELECT id FROM "user" WHERE email LIKE 'A%' OR email ~ '^[a-z]' ORDER BY age DESC
-- functions: whimbrel_regexp
SELECT `id` FROM `user` WHERE `email` GLOB 'A*' OR whimbrel_regexp('^[a-z]', `email`, 1) ORDER BY `age` DESC NULLS FIRST;

-- UPDATE "user" u SET age = o.id FROM "Order Details" o WHERE o.user_id = u.id
UPDATE `user` AS `u` SET `age` = `o`.`id` FROM `Order Details` AS `o` WHERE `o`.`user_id` = `u`.`id`;

-- DELETE FROM "user" USING "Order Details" o WHERE o.user_id = "user".id
DELETE FROM `user` WHERE rowid IN (SELECT `user`.rowid FROM `user` JOIN `Order Details` AS `o` WHERE `o`.`user_id` = `user`.`id`);

-- INSERT INTO "user" (id, email) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email
INSERT INTO `user` (`id`, `email`) VALUES (1, 'x') ON CONFLICT (`id`) DO UPDATE SET `email` = `excluded`.`email`;

-- SELECT now(), born + interval '1 month', extract(year from born) FROM "user"
-- note: times without a zone are those of the database session's time zone
-- functions: whimbrel_date_add, whimbrel_date_part, whimbrel_datetime
SELECT DATETIME('now', 'localtime'), whimbrel_date_add(whimbrel_datetime(`born`, 6), 1, 'month'), whimbrel_date_part('year', `born`) FROM `user`;

-- SELECT string_agg(email, ',' ORDER BY id) FROM "user"
-- functions: whimbrel_group_concat
SELECT whimbrel_group_concat(`email`, ',', 0, `id`, 2) FROM `user`;

-- SELECT DISTINCT ON (age) id FROM "user"
-- refused: DISTINCT ON has no translation from postgres to sqlite: write ROW_NUMBER() OVER (…) in a subquery
