-- UPDATE user SET first_name = SUBSTRING_INDEX(full_name, ' ', 1) WHERE full_name <> ''
-- note: texts are compared and sorted exactly here; MySQL's usual collations ignore case, accents and blanks at the end
-- functions: whimbrel_substring_index
UPDATE `user` SET `first_name` = whimbrel_substring_index(`full_name`, ' ', 1) WHERE `full_name` <> '';

-- UPDATE user SET full_name = CONCAT(first_name, ' ', ?)
UPDATE `user` SET `full_name` = `first_name` || ' ' || :1;

-- SELECT COUNT(*) FROM large_table
SELECT COUNT(*) FROM `large_table`;

-- INSERT INTO `order details` (ID, PRICE) SELECT id, UPPER(email) AS transformed FROM User ORDER BY id LIMIT 5000 OFFSET 10000
-- functions: whimbrel_upper
INSERT INTO `Order Details` (`id`, `Price`) SELECT `id`, whimbrel_upper(`email`) AS `transformed` FROM `user` ORDER BY `id` LIMIT 5000 OFFSET 10000;

-- SELECT SUBSTRING_INDEX(email, '@', -1), SUBSTRING_INDEX(email, '.', 2), SUBSTRING_INDEX(email, '.', -2), SUBSTRING_INDEX(email, '.', age) FROM user
-- functions: whimbrel_substring_index
SELECT whimbrel_substring_index(`email`, '@', (-1)), whimbrel_substring_index(`email`, '.', 2), whimbrel_substring_index(`email`, '.', (-2)), whimbrel_substring_index(`email`, '.', `age`) FROM `user`;

-- SELECT UNIX_TIMESTAMP(), UNIX_TIMESTAMP(seen), FROM_UNIXTIME(age), NOW() FROM user
-- note: times without a zone are those of the database session's time zone
-- functions: whimbrel_from_unixtime, whimbrel_unix_timestamp
SELECT CAST(STRFTIME('%s', 'now') AS INTEGER), whimbrel_unix_timestamp(`seen`), whimbrel_from_unixtime(`age`), DATETIME('now', 'localtime') FROM `user`;

-- SELECT DATE_FORMAT(seen, '%d.%m.%Y at %H:%i'), STR_TO_DATE(email, '%d/%m/%Y') FROM user
-- functions: whimbrel_date_format, whimbrel_str_to_date
SELECT whimbrel_date_format(`seen`, '%d.%m.%Y at %H:%i'), whimbrel_str_to_date(`email`, '%d/%m/%Y') FROM `user`;

-- SELECT IF(age > 17, 'adult', 'child'), IFNULL(email, ''), age / 2, age DIV 2 FROM user
SELECT CASE WHEN `age` > 17 THEN 'adult' ELSE 'child' END, COALESCE(`email`, ''), ROUND(`age` * 1.0 / 2, 4), `age` / 2 FROM `user`;

-- SELECT GROUP_CONCAT(email ORDER BY age DESC SEPARATOR '; ') FROM user GROUP BY active
-- functions: whimbrel_group_concat
SELECT whimbrel_group_concat(`email`, '; ', 0, `age`, 1) FROM `user` GROUP BY `active`;

-- SELECT id FROM user WHERE email LIKE '%@Example.com' OR full_name REGEXP '^[A-Z]' OR active = 1 OR age <=> NULL
-- note: texts are compared and sorted exactly here; MySQL's usual collations ignore case, accents and blanks at the end
-- functions: whimbrel_regexp
SELECT `id` FROM `user` WHERE `email` LIKE '%@Example.com' OR whimbrel_regexp('^[A-Z]', `full_name`, 0) OR `active` = 1 OR `age` IS NULL;

-- SELECT DATE_ADD(born, INTERVAL 18 YEAR), seen - INTERVAL 1 HOUR, DATEDIFF(seen, born), TIMESTAMPDIFF(YEAR, born, NOW()) FROM user
-- note: times without a zone are those of the database session's time zone
-- functions: whimbrel_date_add, whimbrel_datediff, whimbrel_timestampdiff
SELECT whimbrel_date_add(`born`, 18, 'year'), whimbrel_date_add(`seen`, -1, 'hour'), whimbrel_datediff(`seen`, `born`), whimbrel_timestampdiff('year', `born`, DATETIME('now', 'localtime')) FROM `user`;

-- UPDATE user u JOIN `Order Details` o ON o.user_id = u.id SET u.balance = o.price
-- note: where a row is joined to several, one of them gives the new values, as in MySQL
UPDATE `user` AS `whimbrel_target` SET `balance` = `whimbrel_new`.`whimbrel_value_0` FROM (SELECT `u`.rowid AS `whimbrel_row_0`, `o`.`Price` AS `whimbrel_value_0` FROM `user` AS `u` INNER JOIN `Order Details` AS `o` ON `o`.`user_id` = `u`.`id`) AS `whimbrel_new` WHERE `whimbrel_target`.rowid = `whimbrel_new`.`whimbrel_row_0`;

-- DELETE u FROM user u LEFT JOIN `Order Details` o ON o.user_id = u.id WHERE o.id IS NULL
DELETE FROM `user` WHERE rowid IN (SELECT `u`.rowid FROM `user` AS `u` LEFT JOIN `Order Details` AS `o` ON `o`.`user_id` = `u`.`id` WHERE `o`.`id` IS NULL);

-- DELETE FROM user WHERE active = 0 ORDER BY seen LIMIT 100
DELETE FROM `user` WHERE rowid IN (SELECT rowid FROM `user` WHERE `active` = 0 ORDER BY `seen` LIMIT 100);

-- INSERT INTO user (id, active, email) VALUES (1, 1, 'it''s'), (2, 0, "back\\slash")
INSERT INTO `user` (`id`, `active`, `email`) VALUES (1, 1, 'it''s'), (2, 0, 'back\slash');

-- REPLACE INTO user (id) VALUES (1)
REPLACE INTO `user` (`id`) VALUES (1);

-- INSERT INTO user (id, age) VALUES (1, 2) ON DUPLICATE KEY UPDATE age = age + VALUES(age)
INSERT INTO `user` (`id`, `age`) VALUES (1, 2) ON CONFLICT DO UPDATE SET `age` = `age` + `excluded`.`age`;

-- INSERT IGNORE INTO user (id) VALUES (1)
-- refused: INSERT IGNORE has no translation from mysql to sqlite: rows that do not fit would be lost unseen; leave them out by WHERE NOT EXISTS (…)

-- UPDATE user SET age = age + 1, balance = age
-- refused: SET that uses age, which it changes as well has no translation from mysql to sqlite: MySQL sees the new value there, others the old one; write two statements

-- CREATE UNIQUE INDEX by_email ON user (email, seen DESC)
-- note: texts are compared and sorted exactly here; MySQL's usual collations ignore case, accents and blanks at the end
CREATE UNIQUE INDEX `by_email` ON `user` (`email`, `seen` DESC);

-- CREATE VIEW adults AS SELECT id, balance FROM user WHERE age > 17
CREATE VIEW `adults` AS SELECT `id`, `balance` FROM `user` WHERE `age` > 17;

-- ALTER TABLE user RENAME COLUMN Email TO mail
ALTER TABLE `user` RENAME COLUMN `email` TO `mail`;

-- RENAME TABLE user TO person
ALTER TABLE `user` RENAME TO `person`;

-- DROP TABLE IF EXISTS `Order Details`
DROP TABLE IF EXISTS `Order Details`;

-- TRUNCATE user
-- note: SQLite deletes the rows; a counter (AUTOINCREMENT) goes on where it was
DELETE FROM `user`;
