-- up

ALTER TABLE `child` DROP FOREIGN KEY `fk_child_parent_id`;

-- down

ALTER TABLE `child` ADD CONSTRAINT `fk_child_parent_id` FOREIGN KEY (`parent_id`) REFERENCES `parent` (`id`) ON DELETE CASCADE;
