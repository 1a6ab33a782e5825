-- up

ALTER TABLE "parent" ADD COLUMN "user" VARCHAR(10) DEFAULT 'x' NOT NULL;

-- down

ALTER TABLE "parent" DROP COLUMN "user";
