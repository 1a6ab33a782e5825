-- up

ALTER TABLE `parent` ADD COLUMN `size` ENUM('s', 'm') NULL DEFAULT 'm';

-- down

ALTER TABLE `parent` DROP COLUMN `size`;
