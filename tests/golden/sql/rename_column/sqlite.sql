-- up

ALTER TABLE "parent" RENAME COLUMN "name" TO "select";

-- down

ALTER TABLE "parent" RENAME COLUMN "select" TO name;
