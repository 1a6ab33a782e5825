-- up

ALTER TABLE "parent" ADD COLUMN "size" VARCHAR(1) DEFAULT 'm' CONSTRAINT "en_parent_size" CHECK ("size" IN ('s', 'm'));

-- down

ALTER TABLE "parent" DROP COLUMN "size";
