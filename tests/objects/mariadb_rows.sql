-- Rows for what mariadb.sql makes.
SET foreign_key_checks = 0, sql_mode = 'NO_ENGINE_SUBSTITUTION';
DROP TRIGGER `stamp`;
INSERT INTO `people` (`Na``me`, `feels`, `many`, `born`, `strange`, `price`, `at`, `words`, `place`,
                      `hidden`, `packed`, `parent`) VALUES
  ('Müller\\', 'it''s, "ok"', 'a,b', '1999-12-31', '0000-00-00', 12.50, '2024-02-29 23:59:59',
   'a "word"', POINT(1.5, -2), 4, REPEAT('packed', 99), NULL),
  ('', NULL, '', NULL, '2024-01-00', NULL, '2001-01-01 00:00:00', NULL, POINT(0, 0), NULL, NULL,
   77);
INSERT INTO `one` VALUES (77, 5), (78, 6);
INSERT INTO `two` VALUES (77, 5), (NULL, 6);
INSERT INTO `counts late` (`a`, `m`) VALUES (3, 1), (1, NULL), (2, 1);
INSERT INTO `grouped` (`a`) VALUES (1), (1), (2);
INSERT INTO `kept` (`id`, `a`) VALUES (1, 1), (2, 2);
UPDATE `kept` SET `a` = 5 WHERE `id` = 1;
INSERT INTO `kept too` VALUES (1, 1);
INSERT INTO `periods` VALUES (1, '2024-01-01', '2024-02-01'), (1, '2024-02-01', '2024-03-01');
INSERT INTO `parted` VALUES (1, 1), (20, 2);
INSERT INTO `in memory` VALUES (1), (2);
INSERT INTO `long unique` VALUES (REPEAT('x', 5000)), (''), (NULL);
SELECT NEXTVAL(`numbers`);
SET foreign_key_checks = 1, sql_mode = DEFAULT;
