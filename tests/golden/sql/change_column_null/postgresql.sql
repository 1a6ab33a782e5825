-- up

ALTER TABLE "parent" ALTER COLUMN "code" SET NOT NULL;

-- down

ALTER TABLE "parent" ALTER COLUMN "code" DROP NOT NULL;
