-- up

ALTER TABLE `parent` ADD COLUMN `boss` INTEGER NULL;

ALTER TABLE `parent` ADD CONSTRAINT `fk_parent_boss` FOREIGN KEY (`boss`) REFERENCES `parent` (`id`) ON DELETE SET NULL;

-- down

ALTER TABLE `parent` DROP FOREIGN KEY `fk_parent_boss`;

ALTER TABLE `parent` DROP COLUMN `boss`;
