-- up

ALTER TABLE "parent" ALTER COLUMN "code" SET DEFAULT 'new';

-- down

ALTER TABLE "parent" ALTER COLUMN "code" DROP DEFAULT;
