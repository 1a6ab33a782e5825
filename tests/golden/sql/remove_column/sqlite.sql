-- up

DROP INDEX "ix_child_note";

ALTER TABLE "child" DROP COLUMN "note";

-- down

ALTER TABLE "child" ADD COLUMN "note" VARCHAR(200);

CREATE INDEX "ix_child_note" ON "child" ("note");
