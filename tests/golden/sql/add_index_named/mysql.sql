-- up

CREATE INDEX `by code` ON `parent` (`code`);

-- down

ALTER TABLE `parent` DROP INDEX `by code`;
