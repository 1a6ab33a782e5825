-- up

ALTER TABLE "parent" ADD COLUMN "twice" NUMERIC(12, 2) GENERATED ALWAYS AS (amount * 2) STORED;

-- down

ALTER TABLE "parent" DROP COLUMN "twice";
