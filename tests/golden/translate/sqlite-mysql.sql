-- UPDATE user SET first_name = substr(full_name, 1, instr(full_name, ' ') - 1)
UPDATE `user` SET `first_name` = SUBSTR(`full_name`, 1, (INSTR(`full_name`, ' ') - 1));

-- SELECT full_name || ' <' || email || '>', ifnull(age, 0) FROM [user] WHERE age IS NOT 3
SELECT CONCAT(`full_name`, ' <', `email`, '>'), COALESCE(`age`, 0) FROM `user` WHERE NOT (`age` <=> 3);

-- SELECT max(age, 18), date('now'), strftime('%Y', born), age % 2 FROM user
SELECT GREATEST(`age`, 18), UTC_DATE(), DATE_FORMAT(`born`, '%Y'), `age` % 2 FROM `user`;

-- INSERT OR REPLACE INTO user (id) VALUES (1)
REPLACE INTO `user` (`id`) VALUES (1);

-- SELECT id FROM user WHERE email LIKE 'A%' ORDER BY age LIMIT -1 OFFSET 3
-- note: MySQL's usual collations ignore case, accents and blanks at the end when texts are compared and sorted
SELECT `id` FROM `user` WHERE `email` LIKE 'A%' ORDER BY `age` LIMIT 18446744073709551615 OFFSET 3;

-- SELECT typeof(age) FROM user
-- refused: TYPEOF() has no translation from sqlite to mysql: no rule says what it means on the other engine
