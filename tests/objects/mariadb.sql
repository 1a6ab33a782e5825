-- One of everything that a MariaDB database can contain, beside rows.
CREATE SEQUENCE numbers START WITH 5 MINVALUE 1 MAXVALUE 500 INCREMENT BY 3 CACHE 10 CYCLE;
CREATE TABLE `people` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `Na``me` varchar(40) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL DEFAULT 'O''Neil\\',
  `feels` enum('sad','it''s, "ok"','x)') DEFAULT 'sad' COMMENT 'a, (b) `c` \' AUTO_INCREMENT=5',
  `many` set('a','b'),
  `born` date DEFAULT '2000-01-01',
  `strange` date NOT NULL DEFAULT '0000-00-00',
  `price` decimal(10,2) CHECK (`price` > 0),
  `doubled` decimal(12,2) GENERATED ALWAYS AS (`price` * 2) STORED,
  `tripled` decimal(12,2) GENERATED ALWAYS AS (`price` * 3) VIRTUAL,
  `at` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `words` text,
  `place` point NOT NULL,
  `document` json DEFAULT '{"a": "b"}',
  `hidden` int INVISIBLE DEFAULT 3,
  `packed` text COMPRESSED,
  `numbered` bigint DEFAULT nextval(numbers),
  `parent` int unsigned,
  PRIMARY KEY (`id`),
  UNIQUE KEY `by name` (`Na``me`(10) DESC, `born`),
  KEY `plain` (`price`) COMMENT 'why, not',
  FULLTEXT KEY `searching` (`words`),
  SPATIAL KEY `where` (`place`),
  CONSTRAINT `two at once` CHECK (`price` < 100 or `born` > '1900-01-01'),
  CONSTRAINT `itself` FOREIGN KEY (`parent`) REFERENCES `people` (`id`) ON DELETE SET NULL
) ENGINE=InnoDB AUTO_INCREMENT=77 ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4
  COMMENT='they''re all here, AUTO_INCREMENT=9\nPARTITION BY nothing';
CREATE TABLE `one` (`a` int unsigned, `b` int unsigned, PRIMARY KEY (`a`, `b`),
  KEY `b` (`b`), CONSTRAINT `to people` FOREIGN KEY (`a`) REFERENCES `people` (`id`)
  ON UPDATE CASCADE);
CREATE TABLE `two` (`c` int unsigned, `d` int unsigned PRIMARY KEY,
  FOREIGN KEY (`c`, `d`) REFERENCES `one` (`a`, `b`));
ALTER TABLE `one` ADD CONSTRAINT `circle` FOREIGN KEY (`b`) REFERENCES `two` (`d`);
CREATE TABLE `counts late` (`a` int, `n` int NOT NULL AUTO_INCREMENT, `m` int,
  PRIMARY KEY (`a`), UNIQUE KEY `n` (`n`), KEY `m` (`m`, `n`));
CREATE TABLE `grouped` (`a` int NOT NULL, `n` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`a`, `n`))
  ENGINE=MyISAM;
CREATE TABLE `kept` (`id` int PRIMARY KEY, `a` int, `s` timestamp(6) GENERATED ALWAYS AS ROW START,
  `e` timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (`s`, `e`), KEY `a` (`a`))
  WITH SYSTEM VERSIONING;
CREATE TABLE `kept too` (`id` int PRIMARY KEY, `not` int WITHOUT SYSTEM VERSIONING)
  WITH SYSTEM VERSIONING
  PARTITION BY SYSTEM_TIME LIMIT 100 (PARTITION `p0` HISTORY, PARTITION `pn` CURRENT);
CREATE TABLE `periods` (`id` int, `f` date NOT NULL, `u` date NOT NULL, PERIOD FOR `p` (`f`, `u`),
  UNIQUE KEY `once` (`id`, `p` WITHOUT OVERLAPS));
CREATE TABLE `parted` (`id` int PRIMARY KEY, `a` int, KEY `a` (`a`))
  PARTITION BY RANGE (`id`) SUBPARTITION BY HASH (`id`) SUBPARTITIONS 2
  (PARTITION `low` VALUES LESS THAN (10) COMMENT = 'few', PARTITION `rest` VALUES LESS THAN MAXVALUE);
CREATE TABLE `in memory` (`a` int, KEY `a` (`a`) USING HASH) ENGINE=MEMORY MAX_ROWS=100;
CREATE TABLE `long unique` (`t` text, UNIQUE KEY `t` (`t`));

DELIMITER $$
CREATE FUNCTION `add one`(x int) RETURNS int DETERMINISTIC COMMENT 'adds' RETURN x + 1 $$
CREATE DEFINER = CURRENT_USER PROCEDURE `work`(INOUT a int)
BEGIN
  -- SELECT ';'
  SET a = a || 1;
END $$
SET sql_mode = 'PIPES_AS_CONCAT,ANSI_QUOTES' $$
SET collation_connection = utf8mb4_bin $$
CREATE FUNCTION "quoted"(x varchar(10)) RETURNS varchar(20) RETURN x || 'é"`' $$
CREATE TRIGGER `stamp` BEFORE INSERT ON `people` FOR EACH ROW
BEGIN
  SET NEW.`words` = NEW.`words` || 'é';
END $$
SET sql_mode = DEFAULT $$
SET collation_connection = utf8mb4_general_ci $$
CREATE TRIGGER `z first` AFTER UPDATE ON `people` FOR EACH ROW SET @a = 1 $$
CREATE TRIGGER `a second` AFTER UPDATE ON `people` FOR EACH ROW FOLLOWS `z first` SET @a = 2 $$
CREATE EVENT `daily` ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' ON COMPLETION PRESERVE
  DISABLE COMMENT 'each day' DO DELETE FROM `one` $$
DELIMITER ;

CREATE VIEW `a view` AS SELECT `id`, `add one`(`id`) AS `more`, 'x `y`.`z`' AS `text`
  FROM `people`;
CREATE SQL SECURITY INVOKER VIEW `0 view` (`x`, `y y`) AS SELECT v.`id`, count(*)
  FROM `a view` v JOIN `two` t ON t.`d` = v.`id` GROUP BY v.`id`;
CREATE ALGORITHM=MERGE VIEW `checked` AS SELECT `a`, `b` FROM `one` WHERE `a` > 1
  WITH CASCADED CHECK OPTION;
CREATE VIEW `abroad` AS SELECT p.`id`, z.`Name` FROM `people` p
  JOIN `mysql`.`time_zone_name` z ON z.`Time_zone_id` = p.`id`;
CREATE TABLE `whimbrel_note` (`a` int PRIMARY KEY);
