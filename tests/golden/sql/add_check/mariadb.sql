-- up

ALTER TABLE `parent` ADD CONSTRAINT `amount_is_positive` CHECK (amount >= 0);

-- down

ALTER TABLE `parent` DROP CONSTRAINT `amount_is_positive`;
