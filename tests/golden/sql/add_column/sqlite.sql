-- up

ALTER TABLE "parent" ADD COLUMN "user" VARCHAR(10) NOT NULL DEFAULT 'x';

-- down

ALTER TABLE "parent" DROP COLUMN "user";
