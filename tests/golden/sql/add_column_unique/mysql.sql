-- up

ALTER TABLE `parent`
  ADD COLUMN `nick` VARCHAR(10) NULL,
  ADD CONSTRAINT `uq_parent_nick` UNIQUE (`nick`);

-- down

ALTER TABLE `parent`
  DROP INDEX `uq_parent_nick`,
  DROP COLUMN `nick`;
