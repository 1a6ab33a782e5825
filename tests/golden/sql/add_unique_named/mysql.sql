-- up

ALTER TABLE `parent` ADD CONSTRAINT `one of a kind` UNIQUE (`name`, `code`);

-- down

ALTER TABLE `parent` DROP INDEX `one of a kind`;
