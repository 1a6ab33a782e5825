-- up

CREATE UNIQUE INDEX "ix_parent_name_code" ON "parent" ("name", "code");

-- down

DROP INDEX "ix_parent_name_code";
