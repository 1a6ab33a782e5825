-- up

ALTER TABLE "parent"
  ADD COLUMN "nick" VARCHAR(10),
  ADD CONSTRAINT "uq_parent_nick" UNIQUE ("nick");

-- down

ALTER TABLE "parent" DROP COLUMN "nick";
