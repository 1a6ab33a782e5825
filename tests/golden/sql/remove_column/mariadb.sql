-- up

ALTER TABLE `child`
  DROP INDEX `ix_child_note`,
  DROP COLUMN `note`;

-- down

ALTER TABLE `child` ADD COLUMN `note` VARCHAR(200) NULL;

CREATE INDEX `ix_child_note` ON `child` (`note`);
