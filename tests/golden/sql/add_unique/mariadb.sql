-- up

ALTER TABLE `parent` ADD CONSTRAINT `uq_parent_name_code` UNIQUE (`name`, `code`);

-- down

ALTER TABLE `parent` DROP INDEX `uq_parent_name_code`;
