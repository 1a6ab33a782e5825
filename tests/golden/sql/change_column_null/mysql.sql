-- up

ALTER TABLE `parent` MODIFY COLUMN `code` VARCHAR(20) NOT NULL COMMENT 'the ; code';

-- down

ALTER TABLE `parent` MODIFY COLUMN `code` VARCHAR(20) NULL COMMENT 'the ; code';
