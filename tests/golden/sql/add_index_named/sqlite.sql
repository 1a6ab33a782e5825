-- up

CREATE INDEX "by code" ON "parent" ("code");

-- down

DROP INDEX "by code";
